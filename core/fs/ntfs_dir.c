/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NTFS directories: a B+-tree of file names, its top in $INDEX_ROOT, the rest in blocks of $INDEX_ALLOCATION. Read in order.
 *
 * $INDEX_ROOT:  +8 4 size of a block, +16 index header
 * Index block:  "INDX" with an update sequence (ntfs_int.h), +16 8 its own VCN, +24 index header
 * Index header: +0 4 first entry, from here; +4 4 bytes in use, from here
 * Entry:        +0 8 file record, +8 2 length, +10 2 length of the key, +12 2 flags: 1 a block lies below, 2 the last (no key);
 *               +16 key; the last 8 bytes: VCN of the block below
 * Key ($FILE_NAME): +0 8 directory, +16 8 last written, +48 8 size, +56 4 attributes, +64 1 units of the name, +65 1 namespace
 *               (2: a second, short name of a file that has a long one), +66 name
 * Sizes in keys may be stale: they are those of the name that was last used.
 *
 * pod_dir: pos: levels gone down (0: not begun), priv[0..LEVELS-1]: a position for each, see frame(); priv[LEVELS]: blocks
 * gone into. In a sound tree each block has one parent, so that more than there are is a circle.
 */
#include "core/fs/ntfs_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/fs/ntfs.h"

enum {
	LEVELS = POD_ARRAY_LEN(((struct pod_dir *)0)->priv) - 1,
	ENTRY_BELOW = 1,
	ENTRY_LAST = 2,
	BLOCK_MIN = 512,
	BLOCK_MAX = 65536,
	BLOCK_HEADER = 24,
	ROOT_HEADER = 16,
	INDEX_HEADER = 16,
	ENTRY_HEADER = 16,
	KEY_MIN = 66,
	NAMESPACE_DOS = 2,
};
#define KEY_REPARSE 0x400u
#define KEY_IS_DIR  0x10000000u

/* --- the directory at hand ---------------------------------------------------------------------------- */

void pod_ntfs_dir_free(struct pod_fs *fs)
{
	struct pod_ntfs_dir *d = &pod_ntfs_of(fs)->dir;
	pod_free(fs->alloc, d->root);
	pod_free(fs->alloc, d->block);
	pod_free(fs->alloc, d->runs.v);
	memset(d, 0, sizeof *d);
	d->no = POD_NTFS_NO_RECORD;
}

static enum pod_status load_root(struct pod_fs *fs, struct pod_ntfs_dir *d, const struct pod_ntfs_stream *s)
{
	if (!s->resident || s->size < ROOT_HEADER + INDEX_HEADER)
		return POD_E_CORRUPT;
	d->root_len = (uint32_t)s->size;
	d->root = fs->alloc->alloc(fs->alloc, d->root_len);
	if (!d->root)
		return POD_E_NOMEM;
	memcpy(d->root, s->value, d->root_len);
	d->block_size = pod_get_le32(d->root + 8);
	if (d->block_size < BLOCK_MIN || d->block_size > BLOCK_MAX || (d->block_size & (d->block_size - 1)))
		return POD_E_CORRUPT;
	uint32_t shift = pod_ntfs_of(fs)->cluster_shift;
	d->unit_shift = d->block_size >> shift ? shift : 9;
	return POD_OK;
}

static enum pod_status load_allocation(struct pod_fs *fs, struct pod_ntfs_dir *d)
{
	struct pod_ntfs_stream s;
	enum pod_status st = pod_ntfs_stream_open(fs, POD_NTFS_INDEX_ALLOCATION, true, &s);
	if (st == POD_E_NOT_FOUND)
		return POD_OK; /* a small directory: all in its root */
	if (st != POD_OK)
		return st;
	if (s.resident)
		return POD_E_CORRUPT;
	d->block = fs->alloc->alloc(fs->alloc, d->block_size);
	if (!d->block)
		return POD_E_NOMEM;
	uint32_t block_shift = 0;
	while (1u << block_shift != d->block_size)
		block_shift++;
	d->blocks = s.size >> block_shift;
	return pod_ntfs_runs_load(fs, &s, &d->runs);
}

static enum pod_status load_dir(struct pod_fs *fs, const struct pod_node *node)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	struct pod_ntfs_stream s;
	if (v->dir.no == node->priv[0])
		return POD_OK;
	pod_ntfs_dir_free(fs);
	POD_TRY(pod_ntfs_record_load(fs, &v->base, node->priv[2]));
	if (pod_get_le64(v->base.data + 32))
		return POD_E_CORRUPT;
	enum pod_status st = pod_ntfs_stream_open(fs, POD_NTFS_INDEX_ROOT, true, &s);
	if (st == POD_OK)
		st = load_root(fs, &v->dir, &s);
	if (st == POD_OK)
		st = load_allocation(fs, &v->dir);
	if (st != POD_OK) {
		pod_ntfs_dir_free(fs);
		return st == POD_E_NOT_FOUND ? POD_E_CORRUPT : st;
	}
	v->dir.block_vcn = POD_NTFS_NO_RECORD;
	v->dir.no = node->priv[0];
	return POD_OK;
}

static enum pod_status load_block(struct pod_fs *fs, uint64_t vcn)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	struct pod_ntfs_dir *d = &v->dir;
	if (d->block_vcn == vcn)
		return POD_OK;
	d->block_vcn = POD_NTFS_NO_RECORD;
	uint64_t off = vcn << d->unit_shift;
	if (!d->block || (off & (d->block_size - 1)))
		return POD_E_CORRUPT;
	POD_TRY(pod_ntfs_runs_read(fs, &d->runs, off, d->block, d->block_size));
	POD_TRY(pod_ntfs_unfix(v, d->block, d->block_size, "INDX"));
	if (pod_get_le64(d->block + 16) != vcn)
		return POD_E_CORRUPT;
	d->block_vcn = vcn;
	return POD_OK;
}

/* --- the walk ----------------------------------------------------------------------------------------- */

/* A position: the block's VCN + 1 (0: the root), the entry's offset from the index header, and whether what lies below it has been
 * read. */
static uint64_t frame(uint64_t vcn_plus, uint32_t at, bool below_done)
{
	return vcn_plus << 24 | (uint64_t)at << 1 | below_done;
}

/* The entry of a position. *in_use is where its node ends. */
static enum pod_status entry_at(struct pod_dir *dir, uint64_t f, const uint8_t **out, uint32_t *len)
{
	struct pod_ntfs_dir *d = &pod_ntfs_of(dir->fs)->dir;
	const uint8_t *head = d->root + ROOT_HEADER;
	uint32_t room = d->root_len - ROOT_HEADER, at = (uint32_t)f >> 1 & 0x7FFFFF;
	if (f >> 24) {
		POD_TRY(load_block(dir->fs, (f >> 24) - 1));
		head = d->block + BLOCK_HEADER;
		room = d->block_size - BLOCK_HEADER;
	}
	uint32_t used = pod_get_le32(head + 4);
	if (!at)
		at = pod_get_le32(head);
	if (used > room || at < INDEX_HEADER || (at & 7) || !pod_in_range(at, ENTRY_HEADER, used))
		return POD_E_CORRUPT;
	const uint8_t *e = head + at;
	uint32_t size = pod_get_le16(e + 8), tail = e[12] & ENTRY_BELOW ? 8 : 0, key = pod_get_le16(e + 10);
	if (e[12] & ENTRY_LAST)
		key = 0;
	if (size < ENTRY_HEADER + tail || (size & 7) || !pod_in_range(at, size, used) || key > size - ENTRY_HEADER - tail)
		return POD_E_CORRUPT;
	*out = e;
	*len = size;
	return POD_OK;
}

static enum pod_status go_below(struct pod_dir *dir, const uint8_t *e, uint32_t len)
{
	uint64_t vcn = pod_get_le64(e + len - 8);
	const struct pod_ntfs_dir *d = &pod_ntfs_of(dir->fs)->dir;
	if (vcn >> 38 || ++dir->priv[LEVELS] > d->blocks)
		return POD_E_CORRUPT;
	if (dir->pos >= LEVELS)
		return POD_E_LIMIT;
	dir->priv[dir->pos++] = frame(vcn + 1, 0, false);
	return POD_OK;
}

/* Moves behind the next entry with a key, and shows it. */
static enum pod_status next_key(struct pod_dir *dir, const uint8_t **out)
{
	if (!dir->pos)
		dir->priv[dir->pos++] = frame(0, 0, false);
	for (;;) {
		uint64_t *f = &dir->priv[dir->pos - 1];
		const uint8_t *e;
		uint32_t len;
		POD_TRY(pod_budget_spend(dir->fs->dev->budget, 1, 0));
		POD_TRY(entry_at(dir, *f, &e, &len));
		const struct pod_ntfs_dir *d = &pod_ntfs_of(dir->fs)->dir;
		uint32_t at = (uint32_t)(e - (*f >> 24 ? d->block + BLOCK_HEADER : d->root + ROOT_HEADER));
		if ((e[12] & ENTRY_BELOW) && !(*f & 1)) {
			*f = frame(*f >> 24, at, true);
			POD_TRY(go_below(dir, e, len));
		} else if (!(e[12] & ENTRY_LAST)) {
			*f = frame(*f >> 24, at + len, false);
			*out = e;
			return POD_OK;
		} else if (dir->pos > 1) {
			dir->pos--;
		} else {
			return POD_END;
		}
	}
}

/* Takes what the key says. False: not to be shown. */
static bool take_key(struct pod_fs *fs, const uint8_t *e, struct pod_dirent *out)
{
	const uint8_t *key = e + ENTRY_HEADER;
	uint32_t len = pod_get_le16(e + 10);
	uint64_t reference = pod_get_le64(e);
	if (len < KEY_MIN || !key[64] || KEY_MIN + 2u * key[64] > len || key[65] == NAMESPACE_DOS)
		return false;
	if ((reference & 0xFFFFFFFFFFFFull) < POD_NTFS_FIRST_USER)
		return false; /* the system's own files, and the root, which holds itself as "." */
	for (uint32_t i = 0; i < key[64]; i++)
		if (pod_get_le16(key + KEY_MIN + 2 * i) < 0x20)
			return false;
	if (pod_utf16le_to_utf8(key + KEY_MIN, key[64], out->name, sizeof out->name) != POD_OK)
		return false;
	uint32_t attributes = pod_get_le32(key + 56);
	struct pod_node *n = &out->node;
	n->is_dir = attributes & KEY_IS_DIR;
	n->is_link = n->is_dir && (attributes & KEY_REPARSE);
	n->attributes = attributes & (POD_ATTR_READ_ONLY | POD_ATTR_HIDDEN | POD_ATTR_SYSTEM | POD_ATTR_ARCHIVE);
	n->mtime = pod_ntfs_to_unix(pod_get_le64(key + 16));
	n->priv[0] = reference & 0xFFFFFFFFFFFFull;
	n->priv[2] = reference;
	n->entry_bytes = pod_ntfs_record_place(fs, n->priv[0]);
	n->entry_len = pod_ntfs_of(fs)->record_size;
	return true;
}

enum pod_status pod_ntfs_readdir(struct pod_dir *dir, struct pod_dirent *out)
{
	const uint8_t *e;
	POD_TRY(load_dir(dir->fs, &dir->node));
	do
		POD_TRY(next_key(dir, &e));
	while (!take_key(dir->fs, e, out));
	return POD_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Btrfs' inodes, directories, and the pieces that files consist of. Layout: btrfs_int.h.
 *
 * A subvolume is an entry of a directory that names a tree. In a snapshot of that directory the entry is there, too, but leads nowhere, since
 * the subvolume is not named by the snapshot's tree; else a snapshot that is kept inside of what it is a snapshot of would contain itself.
 */
#include "core/base/bytes.h"
#include "core/fs/btrfs_int.h"

enum {
	MODE_TYPE = 0xF000,
	MODE_DIR = 0x4000,
	MODE_FILE = 0x8000,
	MODE_LINK = 0xA000,
	ENTRY_HEAD = 30,
	TREE_SHIFT = 40,
	NAME_BYTES_MAX = 255,
};

static void set_inode(struct pod_node *n, uint64_t tree, uint64_t inode)
{
	n->priv[BTRFS_SELF] = tree << TREE_SHIFT ^ inode;
	n->priv[BTRFS_INODE] = inode;
	n->priv[BTRFS_TREE] = tree;
	n->priv[BTRFS_PARENT] = 0;
}

/* The root directory of a subvolume. */
static enum pod_status enter(struct pod_fs *fs, uint64_t id, struct pod_node *out)
{
	struct pod_btrfs *v = btrfs_of(fs);
	struct btrfs_key key = {.object = id, .type = BTRFS_ROOT_ITEM};
	struct btrfs_item item;
	struct btrfs_tree tree;
	POD_TRY(btrfs_open_tree(fs, id, &tree));
	POD_TRY(btrfs_find(fs, &v->roots, &key, true, &item));
	set_inode(out, id, pod_get_le64(item.data + 168));
	out->is_dir = true;
	return POD_OK;
}

enum pod_status btrfs_root(struct pod_fs *fs, struct pod_node *out)
{
	memset(out, 0, sizeof *out);
	return enter(fs, btrfs_of(fs)->top, out);
}

static enum pod_status enter_named(struct pod_fs *fs, struct pod_node *n)
{
	struct btrfs_key key = {n->priv[BTRFS_PARENT], n->priv[BTRFS_TREE], BTRFS_ROOT_REF};
	struct btrfs_item item;
	enum pod_status st = btrfs_find_exactly(fs, &btrfs_of(fs)->roots, &key, 8, &item);
	if (st == POD_E_NOT_FOUND)
		return POD_E_UNSUPPORTED;
	POD_TRY(st);
	st = enter(fs, n->priv[BTRFS_TREE], n);
	return st == POD_E_NOT_FOUND || st == POD_END ? POD_E_CORRUPT : st;
}

enum pod_status btrfs_complete(struct pod_fs *fs, struct pod_node *n)
{
	struct btrfs_tree tree;
	struct btrfs_item item;
	if (n->priv[BTRFS_PARENT])
		POD_TRY(enter_named(fs, n));
	struct btrfs_key key = {n->priv[BTRFS_INODE], 0, BTRFS_INODE_ITEM};
	enum pod_status st = btrfs_open_tree(fs, n->priv[BTRFS_TREE], &tree);
	if (st == POD_OK)
		st = btrfs_find_exactly(fs, &tree, &key, BTRFS_INODE_LEN, &item);
	if (st != POD_OK)
		return st == POD_E_NOT_FOUND ? POD_E_CORRUPT : st;
	uint32_t type = pod_get_le32(item.data + 52) & MODE_TYPE;
	if (type != MODE_DIR && type != MODE_FILE && type != MODE_LINK)
		return POD_E_UNSUPPORTED; /* devices, pipes, sockets */
	uint64_t size = pod_get_le64(item.data + 16);
	if (size >> 62)
		return POD_E_CORRUPT;
	n->is_dir = type == MODE_DIR;
	n->is_link = type == MODE_LINK;
	n->size_bytes = n->valid_bytes = size;
	n->entry_bytes = item.at;
	n->entry_len = BTRFS_INODE_LEN;
	n->mtime = (int64_t)pod_get_le64(item.data + 136);
	return POD_OK;
}

/* --- directories ------------------------------------------------------------------------------------------ */

static enum pod_status take_entry(const struct pod_dir *dir, const struct btrfs_item *item, struct pod_dirent *out)
{
	uint32_t len = pod_get_le16(item->data + 27);
	uint64_t object = pod_get_le64(item->data), tree = dir->node.priv[BTRFS_TREE];
	if (len > NAME_BYTES_MAX || len > item->len - ENTRY_HEAD)
		return POD_E_CORRUPT;
	memcpy(out->name, item->data + ENTRY_HEAD, len);
	out->name[len] = 0;
	for (uint32_t i = 0; i < len; i++)
		if (!out->name[i])
			out->name[0] = 0; /* no name: it is passed over */
	out->node.is_root = item->data[8] == BTRFS_ROOT_ITEM;
	set_inode(&out->node, out->node.is_root ? object : tree, out->node.is_root ? 0 : object);
	if (out->node.is_root)
		out->node.priv[BTRFS_PARENT] = tree;
	return POD_OK;
}

/* dir->pos: the place in the order of entries that comes next. */
enum pod_status btrfs_readdir(struct pod_dir *dir, struct pod_dirent *out)
{
	struct btrfs_key key = {dir->node.priv[BTRFS_INODE], dir->pos, BTRFS_DIR_INDEX};
	struct btrfs_tree tree;
	struct btrfs_item item;
	if (dir->pos == UINT64_MAX)
		return POD_END;
	POD_TRY(pod_budget_spend(dir->fs->dev->budget, 1, 0));
	POD_TRY(btrfs_open_tree(dir->fs, dir->node.priv[BTRFS_TREE], &tree));
	POD_TRY(btrfs_find(dir->fs, &tree, &key, true, &item));
	if (item.key.object != key.object || item.key.type != BTRFS_DIR_INDEX)
		return POD_END;
	dir->pos = item.key.offset == UINT64_MAX ? UINT64_MAX : item.key.offset + 1;
	return item.len < ENTRY_HEAD ? POD_E_CORRUPT : take_entry(dir, &item, out);
}

/* --- files ------------------------------------------------------------------------------------------------ */

static enum pod_status read_piece(struct pod_fs *fs, const struct pod_node *file, const struct btrfs_item *item,
				  struct btrfs_piece *out)
{
	const uint8_t *p = item->data;
	if (item->len < BTRFS_PIECE_HEAD)
		return POD_E_CORRUPT;
	*out = (struct btrfs_piece){
		.from = item->key.offset, .unpacked_len = pod_get_le64(p + 8), .packing = p[16], .kind = p[20]};
	if (p[17] || pod_get_le16(p + 18))
		return pod_fail(&fs->diag, POD_E_UNSUPPORTED, "encrypted file", file->entry_bytes, 0, p[17]);
	if (out->kind == BTRFS_INLINE) {
		out->len = out->unpacked_len;
		out->packed_len = item->len - BTRFS_PIECE_HEAD;
		out->data = p + BTRFS_PIECE_HEAD;
		if (out->from || !out->len || (!out->packing && out->len > out->packed_len) || out->len > BTRFS_PACKED_MAX)
			return POD_E_CORRUPT;
		return POD_OK;
	}
	if (item->len < BTRFS_PIECE_LEN || out->kind > BTRFS_PREALLOC)
		return POD_E_CORRUPT;
	uint64_t logical = pod_get_le64(p + 21);
	out->packed_len = pod_get_le64(p + 29);
	out->offset = pod_get_le64(p + 37);
	out->len = pod_get_le64(p + 45);
	if (!out->len || out->len > UINT64_MAX / 2 - pod_min_u64(out->from, UINT64_MAX / 2))
		return POD_E_CORRUPT;
	if (!logical || out->kind == BTRFS_PREALLOC) {
		out->packing = 0;
		return POD_OK;
	}
	if (!pod_in_range(out->offset, out->len, out->packing ? out->unpacked_len : out->packed_len))
		return POD_E_CORRUPT;
	out->logical = logical;
	return POD_OK;
}

enum pod_status btrfs_piece(struct pod_fs *fs, const struct pod_node *file, uint64_t from, struct btrfs_piece *out)
{
	struct btrfs_key key = {file->priv[BTRFS_INODE], from, BTRFS_EXTENT_DATA};
	struct btrfs_tree tree;
	struct btrfs_item item;
	POD_TRY(btrfs_open_tree(fs, file->priv[BTRFS_TREE], &tree));
	enum pod_status st = btrfs_find(fs, &tree, &key, false, &item);
	if (st == POD_OK && item.key.object == key.object && item.key.type == BTRFS_EXTENT_DATA) {
		POD_TRY(read_piece(fs, file, &item, out));
		if (from - out->from < out->len)
			return POD_OK;
	} else if (st != POD_OK && st != POD_END) {
		return st;
	}
	POD_TRY(btrfs_find(fs, &tree, &key, true, &item));
	if (item.key.object != key.object || item.key.type != BTRFS_EXTENT_DATA)
		return POD_END;
	return read_piece(fs, file, &item, out);
}

static enum pod_status add_piece(struct pod_fs *fs, const struct btrfs_piece *p, uint64_t len, struct pod_extents *x)
{
	const struct btrfs_chunk *c;
	uint64_t logical = p->logical + p->offset;
	if (!p->logical)
		return pod_extents_add(x, 0, len, true);
	while (len) {
		/* An extent lies in one chunk; but none of the rules says so. */
		POD_TRY(btrfs_place(fs, logical, 1, &c));
		uint64_t n = pod_min_u64(len, c->logical + c->length - logical);
		POD_TRY(pod_extents_add(x, btrfs_at(c, logical, 0), n, false));
		logical += n;
		len -= n;
	}
	return POD_OK;
}

enum pod_status btrfs_extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx)
{
	struct pod_extents x = {.cb = cb, .ctx = ctx};
	struct btrfs_piece p;
	for (uint64_t at = 0; at < file->size_bytes;) {
		enum pod_status st = btrfs_piece(fs, file, at, &p);
		if (st == POD_END || (st == POD_OK && p.from >= file->size_bytes)) {
			POD_TRY(pod_extents_add(&x, 0, file->size_bytes - at, true));
			break;
		}
		POD_TRY(st);
		if (p.kind == BTRFS_INLINE)
			return pod_fail(&fs->diag, POD_E_UNSUPPORTED, "file kept in a tree", file->entry_bytes, 0, 0);
		if (p.packing)
			return pod_fail(&fs->diag, POD_E_UNSUPPORTED, "compressed file", file->entry_bytes, 0, p.packing);
		if (p.from > at) {
			POD_TRY(pod_extents_add(&x, 0, p.from - at, true));
			at = p.from;
		}
		p.offset += at - p.from; /* where the piece in front reaches into this one */
		uint64_t n = pod_min_u64(p.len - (at - p.from), file->size_bytes - at);
		POD_TRY(add_piece(fs, &p, n, &x));
		at += n;
	}
	return pod_extents_end(&x);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ISO 9660 (ECMA-119, 4th edition 2019) and Joliet ("Joliet Specification", Microsoft 1995), read only.
 * Rock Ridge is in iso9660_rr.c.
 *
 * Volume descriptors: 2048 bytes each from byte 32768 (clause 8.1), until type 255.
 *   +0    1  type: 0 boot record, 1 primary, 2 supplementary, 255 terminator
 *   +1    5  "CD001"
 *   +7   32  boot record: boot system identifier, "EL TORITO SPECIFICATION"
 *   +71   4  boot record, El Torito: logical block of the boot catalogue, little-endian
 *   +40  32  volume identifier (Joliet: UCS-2 big-endian)
 *   +80   8  volume space size in logical blocks, both-endian
 *   +88  32  supplementary: escape sequences; Joliet is %/@, %/C or %/E
 *   +128  4  logical block size in bytes, both-endian
 *   +156 34  root directory record
 *
 * Directory record (clause 9.1); records never cross a 2048-byte sector, a zero length byte ends a sector:
 *   +0    1  length of the record
 *   +1    1  length of the extended attribute record in logical blocks; the data follow it
 *   +2    8  logical block of the extent, both-endian
 *   +10   8  data length in bytes, both-endian
 *   +18   7  date: years since 1900, month, day, hour, minute, second, quarter hours east of Greenwich
 *   +25   1  flags: 02h directory, 04h associated file, 80h not the last record of this file
 *   +26   1  file unit size, +27 interleave gap (both 0: not interleaved)
 *   +32   1  length of the identifier
 *   +33      identifier; 00h is the directory itself, 01h its parent
 *            then a padding byte if the identifier's length is even, then the System Use area
 *
 * Real writers deviate: both-endian fields with only one half set (we take the half that is not zero), records of a
 * multi-extent file that are not block multiples (the pieces are simply concatenated), names in lower case or any 8-bit
 * code without Rock Ridge (passed on; bytes that are no UTF-8 become U+FFFD), volume space sizes smaller or larger than
 * the file. None of these is refused.
 */
#include "core/fs/iso9660_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/fs/time.h"

#define DESCRIPTOR_FIRST (16u * ISO_SECTOR)
#define DESCRIPTOR_MAX	 32u
/* Records of one file: 1024 of almost 4 GiB each. */
#define RECORDS_MAX 1024u
#define RECORD_MIN  34u
/* A directory of a million files is some 150 MiB; one that claims more is searched no further. */
#define DIR_BYTES_MAX (256u << 20)

enum { FLAG_DIR = 0x02, FLAG_ASSOCIATED = 0x04, FLAG_MORE = 0x80 };

uint32_t iso_both32(const uint8_t *p)
{
	uint32_t le = pod_get_le32(p);
	return le ? le : pod_get_be32(p + 4);
}

uint32_t pod_iso9660_flags(const struct pod_fs *fs)
{
	return (uint32_t)fs->priv[ISO_P_FLAGS];
}

uint64_t pod_iso9660_catalog(const struct pod_fs *fs)
{
	return fs->priv[ISO_P_CATALOG];
}

/* --- records ------------------------------------------------------------------------------------------ */

/* The sector at device offset `at` (a multiple of 2048) into m->sector. The last one may be cut short by the end of the
 * device; what is missing reads as zeros. */
static enum pod_status load_sector(struct pod_fs *fs, uint64_t at)
{
	struct iso_mem *m = fs->priv_mem;
	if (m->sector_valid && m->sector_at == at)
		return POD_OK;
	if (at >= fs->dev->size_bytes)
		return POD_E_CORRUPT; /* a directory outside the device */
	size_t have = (size_t)pod_min_u64(ISO_SECTOR, fs->dev->size_bytes - at);
	m->sector_valid = false;
	POD_TRY(pod_dev_read(fs->dev, at, m->sector, have));
	memset(m->sector + have, 0, ISO_SECTOR - have);
	m->sector_at = at;
	m->sector_valid = true;
	return POD_OK;
}

/* Copies the next record of the directory into m->record; *at is where it lies. */
static enum pod_status next_record(struct pod_dir *dir, uint64_t *at)
{
	struct iso_mem *m = dir->fs->priv_mem;
	uint64_t start = dir->node.priv[ISO_N_DATA], size = dir->node.size_bytes;
	while (dir->pos < size) {
		if (dir->pos >= DIR_BYTES_MAX)
			return POD_E_LIMIT;
		POD_TRY(pod_budget_spend(dir->fs->dev->budget, 1, 0));
		uint64_t here = start + dir->pos;
		uint32_t in = (uint32_t)(here & (ISO_SECTOR - 1));
		POD_TRY(load_sector(dir->fs, here - in));
		uint32_t len = m->sector[in];
		if (!len) {
			dir->pos += ISO_SECTOR - in;
			continue;
		}
		if (len < RECORD_MIN || in + len > ISO_SECTOR || !pod_in_range(dir->pos, len, size))
			return POD_E_CORRUPT;
		memcpy(m->record, m->sector + in, len);
		if (33u + m->record[32] > len)
			return POD_E_CORRUPT;
		*at = here;
		dir->pos += len;
		return POD_OK;
	}
	return POD_END;
}

static uint64_t record_data(const struct pod_fs *fs, const uint8_t *r)
{
	return ((uint64_t)iso_both32(r + 2) + r[1]) << fs->priv[ISO_P_SHIFT];
}

static int64_t record_time(const uint8_t *r)
{
	int64_t t = pod_civil_seconds(1900u + r[18], r[19], r[20], r[21], r[22], r[23]);
	int zone = r[24] < 128 ? r[24] : r[24] - 256; /* ECMA-119 7.1.2: signed */
	return t && zone >= -48 && zone <= 52 ? t - zone * 900 : t;
}

/* --- names -------------------------------------------------------------------------------------------- */

/* Cuts ";1" and a trailing dot (an ISO name without extension is "NAME."). */
static void strip_version(char *name)
{
	size_t n = pod_strlen(name), i = n;
	while (i && name[i - 1] >= '0' && name[i - 1] <= '9')
		i--;
	if (i > 1 && i < n && name[i - 1] == ';')
		name[n = i - 1] = 0;
	else if (n > 1 && name[n - 1] == ';')
		name[--n] = 0;
	if (n > 1 && name[n - 1] == '.')
		name[n - 1] = 0;
}

/* False if the identifier cannot be a name: empty, with a slash, or too long. */
static bool plain_name(const struct pod_fs *fs, const uint8_t *r, char *name)
{
	const uint8_t *id = r + 33;
	size_t len = r[32];
	if (fs->priv[ISO_P_FLAGS] & POD_ISO_IS_JOLIET) {
		if (pod_utf16be_to_utf8(id, len / 2, name, POD_NAME_MAX) != POD_OK)
			return false;
	} else {
		const char *s = (const char *)id, *end = s + len;
		size_t n = 0;
		while (s < end)
			n += pod_utf8_put(name + n, pod_utf8_next(&s, (size_t)(end - s))); /* at most 222 * 3 bytes */
		name[n] = 0;
	}
	strip_version(name);
	for (size_t i = 0; name[i]; i++)
		if (name[i] == '/')
			return false;
	return name[0] != 0;
}

/* --- reading a directory -------------------------------------------------------------------------------- */

/* A relocated directory (RRIP 4.1.5.1): the record is a file, the directory is elsewhere and knows its own size. */
static enum pod_status child_link(struct pod_fs *fs, uint64_t block, struct pod_node *n)
{
	struct iso_mem *m = fs->priv_mem;
	uint64_t at = block << fs->priv[ISO_P_SHIFT];
	if (!pod_in_range(at, RECORD_MIN, fs->dev->size_bytes))
		return POD_E_CORRUPT;
	POD_TRY(pod_dev_read(fs->dev, at, m->area, RECORD_MIN));
	if (m->area[0] < RECORD_MIN || !(m->area[25] & FLAG_DIR))
		return POD_E_CORRUPT;
	n->is_dir = true;
	n->priv[ISO_N_DATA] = at;
	n->size_bytes = n->valid_bytes = iso_both32(m->area + 10);
	return POD_OK;
}

/* The further records of a multi-extent file (clause 9.1.6, bit 7) follow at once and carry the same identifier. */
static enum pod_status more_records(struct pod_dir *dir, struct pod_node *n)
{
	struct iso_mem *m = dir->fs->priv_mem;
	uint64_t at;
	memcpy(m->first, m->record, sizeof m->first);
	while (m->record[25] & FLAG_MORE) {
		enum pod_status st = next_record(dir, &at);
		if (st != POD_OK)
			return st == POD_END ? POD_E_CORRUPT : st;
		if (m->record[32] != m->first[32] || memcmp(m->record + 33, m->first + 33, m->first[32]) != 0)
			return POD_E_CORRUPT;
		if (++n->priv[ISO_N_RECORDS] > RECORDS_MAX)
			return POD_E_LIMIT;
		n->size_bytes += iso_both32(m->record + 10);
		n->priv[ISO_N_INTERLEAVED] |= m->record[26] | m->record[27];
	}
	n->valid_bytes = n->size_bytes;
	return POD_OK;
}

/* One record as an entry; *skip if it is none that anybody should see. */
static enum pod_status take_record(struct pod_dir *dir, uint64_t at, struct pod_dirent *out, bool *skip)
{
	struct pod_fs *fs = dir->fs;
	struct iso_mem *m = fs->priv_mem;
	const uint8_t *r = m->record;
	struct pod_node *n = &out->node;
	*skip = true;
	if (r[32] == 0 || (r[32] == 1 && r[33] <= 1))
		return POD_OK;
	memset(n, 0, sizeof *n);
	n->is_dir = r[25] & FLAG_DIR;
	n->size_bytes = n->valid_bytes = iso_both32(r + 10);
	n->priv[ISO_N_DATA] = record_data(fs, r);
	n->priv[ISO_N_RECORDS] = 1;
	n->priv[ISO_N_DIR_END] = dir->node.priv[ISO_N_DATA] + dir->node.size_bytes;
	n->priv[ISO_N_INTERLEAVED] = r[26] | r[27];
	n->entry_bytes = at;
	n->entry_len = r[0];
	n->mtime = record_time(r);
	bool associated = r[25] & FLAG_ASSOCIATED;
	bool have_name = plain_name(fs, r, out->name);
	struct iso_rr rr = {.name = out->name, .name_size = POD_NAME_MAX};
	if (fs->priv[ISO_P_FLAGS] & POD_ISO_ROCK_RIDGE) {
		POD_TRY(iso_rr_parse(fs, r, &rr));
		if (rr.has_name)
			have_name = !rr.name_cut;
	}
	if (r[25] & FLAG_MORE)
		POD_TRY(more_records(dir, n));
	if (associated || !have_name || rr.relocated || rr.special)
		return POD_OK;
	if (rr.has_child) {
		/* One bad link hides one directory, not its neighbours. */
		enum pod_status st = child_link(fs, rr.child_block, n);
		if (st != POD_OK)
			return st == POD_E_CORRUPT ? POD_OK : st;
	}
	n->is_link = rr.has_link;
	*skip = false;
	return POD_OK;
}

static enum pod_status iso_readdir(struct pod_dir *dir, struct pod_dirent *out)
{
	bool skip = true;
	while (skip) {
		uint64_t at;
		POD_TRY(next_record(dir, &at));
		POD_TRY(take_record(dir, at, out, &skip));
	}
	return POD_OK;
}

static enum pod_status iso_root(struct pod_fs *fs, struct pod_node *out)
{
	*out = (struct pod_node){.is_dir = true,
				 .size_bytes = fs->priv[ISO_P_ROOT_LEN],
				 .valid_bytes = fs->priv[ISO_P_ROOT_LEN],
				 .priv = {fs->priv[ISO_P_ROOT], 1}};
	return POD_OK;
}

static enum pod_status iso_readlink(struct pod_fs *fs, const struct pod_node *link, char *buf, size_t size)
{
	struct iso_mem *m = fs->priv_mem;
	uint32_t in = (uint32_t)(link->entry_bytes & (ISO_SECTOR - 1));
	POD_TRY(load_sector(fs, link->entry_bytes - in));
	uint32_t len = m->sector[in];
	if (len < RECORD_MIN || in + len > ISO_SECTOR || 33u + m->sector[in + 32] > len || !size)
		return POD_E_INVALID;
	memcpy(m->record, m->sector + in, len);
	struct iso_rr rr = {.link = buf, .link_size = (size_t)pod_min_u64(size, POD_NAME_MAX)};
	POD_TRY(iso_rr_parse(fs, m->record, &rr));
	if (rr.link_cut)
		return POD_E_LIMIT;
	return rr.has_link && rr.link_len ? POD_OK : POD_E_CORRUPT;
}

/* --- extents ------------------------------------------------------------------------------------------ */

static enum pod_status add_run(struct pod_fs *fs, struct pod_extents *runs, uint64_t at, uint64_t len)
{
	if (len && !pod_in_range(at, len, fs->dev->size_bytes))
		return POD_E_CORRUPT; /* a truncated image, most likely */
	return pod_extents_add(runs, at, len, false);
}

static enum pod_status iso_extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx)
{
	struct iso_mem *m = fs->priv_mem;
	struct pod_extents runs = {.cb = cb, .ctx = ctx};
	if (file->priv[ISO_N_INTERLEAVED])
		return POD_E_UNSUPPORTED;
	if (file->priv[ISO_N_RECORDS] <= 1) {
		POD_TRY(add_run(fs, &runs, file->priv[ISO_N_DATA], file->size_bytes));
	} else {
		struct pod_dir dir = {.fs = fs};
		dir.node.priv[ISO_N_DATA] = file->entry_bytes;
		dir.node.size_bytes = file->priv[ISO_N_DIR_END] - file->entry_bytes;
		uint64_t left = file->size_bytes;
		for (uint64_t i = 0; i < file->priv[ISO_N_RECORDS]; i++) {
			uint64_t at;
			enum pod_status st = next_record(&dir, &at);
			if (st != POD_OK)
				return st == POD_END ? POD_E_CORRUPT : st;
			uint64_t len = iso_both32(m->record + 10);
			if (len > left)
				return POD_E_CORRUPT;
			left -= len;
			POD_TRY(add_run(fs, &runs, record_data(fs, m->record), len));
		}
		if (left)
			return POD_E_CORRUPT;
	}
	return pod_extents_end(&runs);
}

/* --- opening ------------------------------------------------------------------------------------------ */

static bool is_joliet(const uint8_t *d)
{
	return d[0] == 2 && d[88] == '%' && d[89] == '/' && (d[90] == '@' || d[90] == 'C' || d[90] == 'E');
}

static void take_label(struct pod_fs *fs, const uint8_t *d, bool joliet)
{
	size_t n = 32;
	if (joliet) {
		n = 16;
		while (n && (pod_get_be16(d + 40 + 2 * n - 2) == ' ' || !pod_get_be16(d + 40 + 2 * n - 2)))
			n--;
		if (pod_utf16be_to_utf8(d + 40, n, fs->label, sizeof fs->label) != POD_OK)
			fs->label[0] = 0;
		return;
	}
	while (n && (d[40 + n - 1] == ' ' || !d[40 + n - 1]))
		n--;
	const char *s = (const char *)d + 40, *end = s + n;
	size_t out = 0;
	while (s < end)
		out += pod_utf8_put(fs->label + out, pod_utf8_next(&s, (size_t)(end - s)));
	fs->label[out] = 0;
}

/* Takes over the tree this descriptor describes. */
static enum pod_status take_tree(struct pod_fs *fs, const uint8_t *d, uint64_t at, bool joliet, struct pod_diag *diag)
{
	uint32_t block = pod_get_le16(d + 128) ? pod_get_le16(d + 128) : pod_get_be16(d + 130);
	uint32_t shift = 9;
	while (shift < 11 && 1u << shift != block)
		shift++;
	if (1u << shift != block)
		return pod_fail(diag, POD_E_CORRUPT, "Logical Block Size", at + 128, ISO_SECTOR, block);
	fs->priv[ISO_P_SHIFT] = shift;
	fs->cluster_size = block;
	fs->total_bytes = (uint64_t)iso_both32(d + 80) << shift;
	fs->priv[ISO_P_ROOT] = record_data(fs, d + 156);
	fs->priv[ISO_P_ROOT_LEN] = iso_both32(d + 166);
	if (d[156] < RECORD_MIN || !(d[156 + 25] & FLAG_DIR))
		return pod_fail(diag, POD_E_CORRUPT, "Directory Record for Root Directory", at + 156, RECORD_MIN, d[156]);
	if (!pod_in_range(fs->priv[ISO_P_ROOT], RECORD_MIN, fs->dev->size_bytes))
		return pod_fail(diag, POD_E_CORRUPT, "Location of Extent of the root directory", at + 158, fs->dev->size_bytes,
				fs->priv[ISO_P_ROOT]);
	take_label(fs, d, joliet);
	return POD_OK;
}

/* One descriptor; *found once the tree that was asked for is known. */
static enum pod_status take_descriptor(struct pod_fs *fs, const uint8_t *d, uint64_t at, bool joliet, bool *found,
				       struct pod_diag *diag)
{
	static const char el_torito[] = "EL TORITO SPECIFICATION";
	if (d[0] == 0 && memcmp(d + 7, el_torito, sizeof el_torito - 1) == 0 && !fs->priv[ISO_P_CATALOG])
		fs->priv[ISO_P_CATALOG] = (uint64_t)pod_get_le32(d + 71) * ISO_SECTOR;
	if (is_joliet(d))
		fs->priv[ISO_P_FLAGS] |= POD_ISO_HAS_JOLIET;
	if (!*found && (joliet ? is_joliet(d) : d[0] == 1)) {
		POD_TRY(take_tree(fs, d, at, joliet, diag));
		*found = true;
	}
	return POD_OK;
}

static enum pod_status scan_descriptors(struct pod_fs *fs, bool joliet, struct pod_diag *diag)
{
	struct iso_mem *m = fs->priv_mem;
	bool found = false, ended = false;
	for (uint32_t i = 0; i < DESCRIPTOR_MAX; i++) {
		uint64_t at = DESCRIPTOR_FIRST + (uint64_t)i * ISO_SECTOR;
		if (!pod_in_range(at, ISO_SECTOR, fs->dev->size_bytes))
			break;
		POD_TRY(load_sector(fs, at));
		const uint8_t *d = m->sector;
		/* ECMA-167 2/9: the extended area of a bridge volume follows: BEA01, NSR0x, TEA01. */
		if (memcmp(d + 1, "NSR0", 4) == 0)
			fs->priv[ISO_P_FLAGS] |= POD_ISO_HAS_UDF;
		if (memcmp(d + 1, "CD001", 5) != 0) {
			if (i == 0)
				return pod_fail(diag, POD_E_FORMAT, "Standard Identifier", at + 1, 0, d[1]);
			if (memcmp(d + 1, "BEA01", 5) != 0)
				break;
			ended = true;
			continue;
		}
		if (d[0] == 255)
			ended = true;
		else if (!ended)
			POD_TRY(take_descriptor(fs, d, at, joliet, &found, diag));
	}
	if (found)
		return POD_OK;
	return pod_fail(diag, joliet ? POD_E_FORMAT : POD_E_CORRUPT, "Volume Descriptor", DESCRIPTOR_FIRST, 1, 0);
}

static void iso_close(struct pod_fs *fs)
{
	pod_free(fs->alloc, fs->priv_mem);
	fs->priv_mem = NULL;
}

static enum pod_status open_tree(struct pod_fs *fs, bool joliet, struct pod_diag *diag)
{
	if (!pod_in_range(DESCRIPTOR_FIRST, ISO_SECTOR, fs->dev->size_bytes))
		return pod_fail(diag, POD_E_FORMAT, "device size", 0, DESCRIPTOR_FIRST + ISO_SECTOR, fs->dev->size_bytes);
	struct iso_mem *m = pod_zalloc(fs->alloc, 1, sizeof *m);
	if (!m)
		return POD_E_NOMEM;
	fs->priv_mem = m;
	enum pod_status st = scan_descriptors(fs, joliet, diag);
	if (st == POD_OK && joliet)
		fs->priv[ISO_P_FLAGS] |= POD_ISO_IS_JOLIET;
	if (st == POD_OK && !joliet) {
		struct pod_dir root = {.fs = fs};
		uint64_t at;
		st = iso_root(fs, &root.node);
		if (st == POD_OK)
			st = next_record(&root, &at);
		if (st == POD_OK)
			st = iso_rr_detect(fs, m->record);
		if (st == POD_END)
			st = POD_OK; /* an empty root directory: nothing to list, nothing wrong to report here */
		if (st == POD_E_CORRUPT)
			st = pod_fail(diag, st, "Directory Record", fs->priv[ISO_P_ROOT], RECORD_MIN, 0);
	}
	if (st != POD_OK)
		iso_close(fs);
	return st;
}

static enum pod_status iso_open(struct pod_fs *fs, struct pod_diag *diag)
{
	return open_tree(fs, false, diag);
}

static enum pod_status joliet_open(struct pod_fs *fs, struct pod_diag *diag)
{
	return open_tree(fs, true, diag);
}

const struct pod_fs_ops pod_fs_iso9660 = {
	.name = "iso9660",
	.open = iso_open,
	.close = iso_close,
	.root = iso_root,
	.readdir = iso_readdir,
	.extents = iso_extents,
	.case_sensitive = true,
	.readlink = iso_readlink,
};

const struct pod_fs_ops pod_fs_joliet = {
	.name = "joliet",
	.open = joliet_open,
	.close = iso_close,
	.root = iso_root,
	.readdir = iso_readdir,
	.extents = iso_extents,
	.case_sensitive = true,
};

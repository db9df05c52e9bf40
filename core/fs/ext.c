/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext2, ext3, ext4, read only: the volume, its inodes and directories. ext_int.h has the layout.
 *
 * Directories are read from their beginning to their end, also hashed ones: the nodes of the hash tree look like unused entries.
 * Directory entry: +0 4 inode, 0 unused; +4 2 length of the entry; +6 1 length of the name; +7 1 type (filetype), else upper half of it; +8 name.
 * Types: 1 file, 2 directory, 7 symbolic link.
 *
 * What real volumes have beside that: 64 KiB blocks, whose entries may be 65536 bytes long (written as 65535 or 0); a journal that was not
 * played back (ops->dirty in ext_place.c); files whose bytes do not lie in blocks of their own, encrypted and compressed ones, which are
 * refused one by one; bits of features that only matter to others (quota, project, verity, orphan_file).
 */
#include "core/fs/ext_int.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"

enum {
	SUPER_AT = 1024,
	SUPER_LEN = 1024,
	ROOT_INODE = 2,
	KNOWN_INCOMPAT = EXT_INCOMPAT_COMPRESSION | EXT_INCOMPAT_FILETYPE | EXT_INCOMPAT_RECOVER | EXT_INCOMPAT_META_BG |
			 EXT_INCOMPAT_EXTENTS | EXT_INCOMPAT_64BIT | EXT_INCOMPAT_MMP | EXT_INCOMPAT_FLEX_BG |
			 EXT_INCOMPAT_EA_INODE | EXT_INCOMPAT_DIRDATA | EXT_INCOMPAT_CSUM_SEED | EXT_INCOMPAT_LARGEDIR |
			 EXT_INCOMPAT_INLINE_DATA | EXT_INCOMPAT_ENCRYPT | EXT_INCOMPAT_CASEFOLD,
	MODE_TYPE = 0xF000,
	MODE_FILE = 0x8000,
	MODE_DIR = 0x4000,
	MODE_LINK = 0xA000,
	TYPE_UNKNOWN = 0,
	TYPE_FILE = 1,
	TYPE_DIR = 2,
	TYPE_LINK = 7,
	DIRENT_HEADER = 8,
	NAME_LEN_MAX = 255,
	LINK_LEN_MAX = POD_NAME_MAX - 1,
	DIR_BYTES_MAX = 256 << 20,
	FILE_SHIFT_MAX = 56, /* log2 of bytes: far beyond what the format holds, far below an overflow */
};

/* pod_node.priv[] */
enum { N_INODE };
/* pod_dir.priv[]: the run of the directory's data that is being read */
enum { D_FILE, D_DEV, D_LEN, D_HOLE };

enum pod_status ext_unsupported(struct pod_fs *fs, const char *what, const struct pod_node *n)
{
	return pod_fail(&fs->diag, POD_E_UNSUPPORTED, what, n->entry_bytes, 0, 0);
}

/* --- groups ----------------------------------------------------------------------------------------------- */

static bool is_power_of(uint32_t n, uint32_t base)
{
	uint64_t p = base;
	while (p < n)
		p *= base;
	return p == n;
}

bool ext_group_has_super(const struct ext_volume *v, uint32_t group)
{
	if (!group)
		return true;
	if (v->compat & EXT_COMPAT_SPARSE_SUPER2)
		return group == v->backup_group[0] || group == v->backup_group[1];
	if (group == 1 || !(v->ro_compat & EXT_RO_SPARSE_SUPER))
		return true;
	return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

/* Where the descriptor lies: in a table behind the superblock, or (meta_bg) in the first of the groups that it describes. */
uint64_t ext_descriptor_at(const struct ext_volume *v, uint32_t group)
{
	uint32_t per_block = (1u << v->shift) / v->desc_size, in = group % per_block, index = group / per_block;
	uint64_t super_block = SUPER_AT >> v->shift, block = super_block + 1 + index;
	if (v->incompat & EXT_INCOMPAT_META_BG && index >= v->first_meta_bg) {
		block = ext_group_start(v, index * per_block) + ext_group_has_super(v, index * per_block);
		if (!index && super_block && !v->first_block)
			block++;
	}
	return (block << v->shift) + (uint64_t)in * v->desc_size;
}

void ext_parse_group(const struct ext_volume *v, const uint8_t *descriptor, struct ext_group *out)
{
	uint8_t d[64] = {0};
	memcpy(d, descriptor, v->desc_size < sizeof d ? v->desc_size : sizeof d);
	out->block_bitmap = (uint64_t)pod_get_le32(d + 32) << 32 | pod_get_le32(d);
	out->inode_bitmap = (uint64_t)pod_get_le32(d + 36) << 32 | pod_get_le32(d + 4);
	out->inode_table = (uint64_t)pod_get_le32(d + 40) << 32 | pod_get_le32(d + 8);
	out->free_blocks = (uint32_t)pod_get_le16(d + 44) << 16 | pod_get_le16(d + 12);
	out->flags = pod_get_le16(d + 18);
}

enum pod_status ext_read_group(struct pod_fs *fs, uint32_t group, struct ext_group *out)
{
	const struct ext_volume *v = ext_volume(fs);
	uint8_t d[64] = {0};
	POD_TRY(pod_dev_read(fs->dev, ext_descriptor_at(v, group), d, v->desc_size < sizeof d ? v->desc_size : sizeof d));
	ext_parse_group(v, d, out);
	return POD_OK;
}

/* --- inodes ----------------------------------------------------------------------------------------------- */

static enum pod_status inode_at(struct pod_fs *fs, uint32_t inode, uint64_t *at)
{
	const struct ext_volume *v = ext_volume(fs);
	struct ext_group g;
	if (!inode || inode > v->inodes)
		return POD_E_CORRUPT;
	uint32_t group = (inode - 1) / v->group_inodes, in = (inode - 1) % v->group_inodes;
	POD_TRY(ext_read_group(fs, group, &g));
	if (g.inode_table >= v->blocks)
		return POD_E_CORRUPT;
	*at = (g.inode_table << v->shift) + (uint64_t)in * v->inode_size;
	return pod_in_range(*at, v->inode_size, v->blocks << v->shift) ? POD_OK : POD_E_CORRUPT;
}

/* Fills what n->priv[N_INODE] names. */
static enum pod_status ext_complete(struct pod_fs *fs, struct pod_node *n)
{
	const struct ext_volume *v = ext_volume(fs);
	uint8_t b[EXT_INODE_BASE];
	POD_TRY(inode_at(fs, (uint32_t)n->priv[N_INODE], &n->entry_bytes));
	POD_TRY(pod_dev_read(fs->dev, n->entry_bytes, b, sizeof b));
	uint32_t type = pod_get_le16(b) & MODE_TYPE;
	n->entry_len = v->inode_size;
	n->is_dir = type == MODE_DIR;
	n->is_link = type == MODE_LINK;
	n->mtime = (int32_t)pod_get_le32(b + 16);
	n->size_bytes = pod_get_le32(b + 4);
	if (type == MODE_FILE || (n->is_dir && v->incompat & EXT_INCOMPAT_LARGEDIR))
		n->size_bytes |= (uint64_t)pod_get_le32(b + 108) << 32;
	n->valid_bytes = n->size_bytes;
	if (!type || n->size_bytes >> FILE_SHIFT_MAX)
		return POD_E_CORRUPT;
	return n->is_dir || n->is_link || type == MODE_FILE ? POD_OK : ext_unsupported(fs, "device, pipe or socket", n);
}

static enum pod_status ext_root(struct pod_fs *fs, struct pod_node *out)
{
	*out = (struct pod_node){.priv = {ROOT_INODE}};
	POD_TRY(ext_complete(fs, out));
	return out->is_dir ? POD_OK : POD_E_CORRUPT;
}

/* --- directories ------------------------------------------------------------------------------------------ */

/* Of the runs the one that holds dir->pos. */
static enum pod_status find_run(void *ctx, const struct pod_extent *e)
{
	struct pod_dir *dir = ctx;
	if (dir->pos - e->file_bytes >= e->length_bytes)
		return POD_OK;
	dir->priv[D_FILE] = e->file_bytes;
	dir->priv[D_DEV] = e->dev_bytes;
	dir->priv[D_LEN] = e->length_bytes;
	dir->priv[D_HOLE] = e->hole;
	return POD_END;
}

/* Where dir->pos lies; holes are passed over. POD_END behind the last byte. */
static enum pod_status here(struct pod_dir *dir, uint64_t *at)
{
	for (;;) {
		if (dir->pos >= dir->node.size_bytes)
			return POD_END;
		if (dir->pos - dir->priv[D_FILE] >= dir->priv[D_LEN]) {
			enum pod_status st = ext_extents(dir->fs, &dir->node, find_run, dir);
			if (st != POD_END)
				return st == POD_OK ? POD_E_CORRUPT : st;
		}
		if (!dir->priv[D_HOLE])
			break;
		dir->pos = dir->priv[D_FILE] + dir->priv[D_LEN];
	}
	*at = dir->priv[D_DEV] + (dir->pos - dir->priv[D_FILE]);
	return POD_OK;
}

/* Well-formed UTF-8 of a name or a link's target, at most size - 1 bytes. */
static void to_utf8(const uint8_t *from, size_t len, char *out, size_t size)
{
	const char *s = (const char *)from, *end = s + len;
	size_t n = 0;
	while (s < end && *s) {
		char one[4];
		size_t k = pod_utf8_put(one, pod_utf8_next(&s, (size_t)(end - s)));
		if (n + k >= size)
			break;
		memcpy(out + n, one, k);
		n += k;
	}
	out[n] = 0;
}

static uint32_t entry_length(const struct ext_volume *v, const uint8_t *e)
{
	uint32_t len = pod_get_le16(e + 4);
	if (v->shift == 16)
		return len == 65535 || !len ? 65536 : (len & 65532) | (len & 3) << 16;
	return len;
}

/* The entry at dir->pos, which is passed over; `name_len` 0: it is unused. */
static enum pod_status next_entry(struct pod_dir *dir, uint8_t e[DIRENT_HEADER + NAME_LEN_MAX], uint32_t *name_len)
{
	const struct ext_volume *v = ext_volume(dir->fs);
	uint64_t at;
	POD_TRY(here(dir, &at));
	uint32_t left = (1u << v->shift) - ((uint32_t)dir->pos & ((1u << v->shift) - 1));
	uint32_t n = left < DIRENT_HEADER + NAME_LEN_MAX ? left : DIRENT_HEADER + NAME_LEN_MAX;
	if (left < DIRENT_HEADER || !pod_in_range(dir->pos, left, dir->node.size_bytes))
		return POD_E_CORRUPT; /* directories consist of whole blocks */
	POD_TRY(pod_dev_read(dir->fs->dev, at, e, n));
	uint32_t len = entry_length(v, e), name = v->incompat & EXT_INCOMPAT_FILETYPE ? e[6] : pod_get_le16(e + 6);
	if (len < DIRENT_HEADER || len > left || len & 3)
		return POD_E_CORRUPT;
	*name_len = pod_get_le32(e) ? name : 0;
	if (*name_len > NAME_LEN_MAX || *name_len > len - DIRENT_HEADER)
		return POD_E_CORRUPT;
	dir->pos += len;
	return POD_OK;
}

static enum pod_status ext_readdir(struct pod_dir *dir, struct pod_dirent *out)
{
	const struct ext_volume *v = ext_volume(dir->fs);
	uint8_t e[DIRENT_HEADER + NAME_LEN_MAX];
	uint32_t name_len, type;
	if (dir->node.size_bytes > DIR_BYTES_MAX)
		return POD_E_LIMIT;
	do {
		POD_TRY(next_entry(dir, e, &name_len));
		type = v->incompat & EXT_INCOMPAT_FILETYPE ? e[7] : TYPE_UNKNOWN;
	} while (!name_len || (type != TYPE_UNKNOWN && type != TYPE_FILE && type != TYPE_DIR && type != TYPE_LINK));
	to_utf8(e + DIRENT_HEADER, name_len, out->name, sizeof out->name);
	out->node = (struct pod_node){.is_dir = type == TYPE_DIR, .is_link = type == TYPE_LINK, .priv = {pod_get_le32(e)}};
	return POD_OK;
}

/* A short target stands in the place of the block map. */
static enum pod_status ext_readlink(struct pod_fs *fs, const struct pod_node *link, char *buf, size_t size)
{
	uint8_t target[LINK_LEN_MAX];
	struct pod_node data = *link;
	data.is_link = false; /* read as a file's */
	size_t len = (size_t)pod_min_u64(link->size_bytes, sizeof target + 1);
	if (len > sizeof target || len >= size)
		return POD_E_LIMIT;
	if (len < EXT_MAP_LEN)
		POD_TRY(pod_dev_read(fs->dev, link->entry_bytes + EXT_MAP_AT, target, len));
	else
		POD_TRY(pod_fs_read(fs, &data, 0, target, len));
	to_utf8(target, len, buf, size);
	return POD_OK;
}

/* --- opening ---------------------------------------------------------------------------------------------- */

static enum pod_status check_features(const uint8_t *sb, struct ext_volume *v, struct pod_diag *diag)
{
	if (!pod_get_le32(sb + 0x4C)) {
		v->inode_size = EXT_INODE_BASE;
		return POD_OK;
	}
	v->compat = pod_get_le32(sb + 0x5C);
	v->incompat = pod_get_le32(sb + 0x60);
	v->ro_compat = pod_get_le32(sb + 0x64);
	v->inode_size = pod_get_le16(sb + 0x58);
	if (v->incompat & ~(uint32_t)KNOWN_INCOMPAT)
		return pod_fail(diag, POD_E_UNSUPPORTED, "s_feature_incompat", SUPER_AT + 0x60, KNOWN_INCOMPAT, v->incompat);
	if (v->incompat & EXT_INCOMPAT_64BIT) {
		v->desc_size = pod_get_le16(sb + 0xFE);
		v->blocks |= (uint64_t)pod_get_le32(sb + 0x150) << 32;
	}
	if (v->ro_compat & EXT_RO_BIGALLOC)
		v->cluster_shift = pod_get_le32(sb + 0x1C) - pod_get_le32(sb + 0x18);
	v->seed = v->incompat & EXT_INCOMPAT_CSUM_SEED ? pod_get_le32(sb + 0x270) : ~pod_crc32c(0, sb + 0x68, 16);
	v->first_meta_bg = pod_get_le32(sb + 0x104);
	v->reserved_desc = pod_get_le16(sb + 0xCE);
	v->backup_group[0] = pod_get_le32(sb + 0x24C);
	v->backup_group[1] = pod_get_le32(sb + 0x250);
	return POD_OK;
}

static bool is_power(uint32_t n)
{
	return n && !(n & (n - 1));
}

static enum pod_status check_numbers(const struct ext_volume *v, struct pod_diag *diag)
{
	uint32_t block = 1u << v->shift;
	if (v->inode_size < EXT_INODE_BASE || v->inode_size > block || !is_power(v->inode_size))
		return pod_fail(diag, POD_E_CORRUPT, "s_inode_size", SUPER_AT + 0x58, EXT_INODE_BASE, v->inode_size);
	if (v->desc_size < 32 || v->desc_size > block || !is_power(v->desc_size))
		return pod_fail(diag, POD_E_CORRUPT, "s_desc_size", SUPER_AT + 0xFE, 32, v->desc_size);
	if (v->cluster_shift > 16 || v->first_block > 1)
		return pod_fail(diag, POD_E_CORRUPT, "s_log_cluster_size", SUPER_AT + 0x1C, 0, v->cluster_shift);
	if (!v->group_blocks || v->group_blocks >> v->cluster_shift > block * 8 ||
	    v->group_blocks & ((1u << v->cluster_shift) - 1))
		return pod_fail(diag, POD_E_CORRUPT, "s_blocks_per_group", SUPER_AT + 0x20, block * 8, v->group_blocks);
	if (!v->group_inodes || v->group_inodes > block * 8 || v->inodes < ROOT_INODE)
		return pod_fail(diag, POD_E_CORRUPT, "s_inodes_per_group", SUPER_AT + 0x28, block * 8, v->group_inodes);
	if (v->blocks <= v->first_block || v->blocks >> (FILE_SHIFT_MAX - v->shift))
		return pod_fail(diag, POD_E_CORRUPT, "s_blocks_count", SUPER_AT + 4, 1, v->blocks);
	return POD_OK;
}

static enum pod_status parse(struct pod_fs *fs, const uint8_t *sb, struct ext_volume *v, struct pod_diag *diag)
{
	uint32_t log = pod_get_le32(sb + 0x18);
	if (pod_get_le16(sb + 0x38) != 0xEF53)
		return pod_fail(diag, POD_E_FORMAT, "s_magic", SUPER_AT + 0x38, 0xEF53, pod_get_le16(sb + 0x38));
	if (log > 6 || pod_get_le32(sb + 0x4C) > 1)
		return pod_fail(diag, POD_E_UNSUPPORTED, "s_log_block_size", SUPER_AT + 0x18, 6, log);
	v->shift = 10 + log;
	v->desc_size = 32;
	v->inodes = pod_get_le32(sb);
	v->blocks = pod_get_le32(sb + 4);
	v->first_block = pod_get_le32(sb + 0x14);
	v->group_blocks = pod_get_le32(sb + 0x20);
	v->group_inodes = pod_get_le32(sb + 0x28);
	POD_TRY(check_features(sb, v, diag));
	POD_TRY(check_numbers(v, diag));
	v->groups = (v->inodes - 1) / v->group_inodes + 1;
	fs->cluster_size = 1u << v->shift;
	fs->total_bytes = v->blocks << v->shift;
	/* The rest of a volume that was cut off can be listed. */
	v->blocks = pod_min_u64(v->blocks, fs->dev->size_bytes >> v->shift);
	fs->serial = pod_get_le32(sb + 0x68);
	to_utf8(sb + 0x78, 16, fs->label, sizeof fs->label);
	return POD_OK;
}

static void ext_close(struct pod_fs *fs)
{
	pod_free(fs->alloc, fs->priv_mem);
	fs->priv_mem = NULL;
}

static enum pod_status ext_open(struct pod_fs *fs, struct pod_diag *diag)
{
	uint8_t sb[SUPER_LEN];
	if (fs->dev->size_bytes < SUPER_AT + SUPER_LEN)
		return POD_E_FORMAT;
	POD_TRY(pod_dev_read(fs->dev, SUPER_AT, sb, sizeof sb));
	struct ext_volume *v = pod_zalloc(fs->alloc, 1, sizeof *v);
	if (!v)
		return POD_E_NOMEM;
	fs->priv_mem = v;
	enum pod_status st = parse(fs, sb, v, diag);
	if (st != POD_OK)
		ext_close(fs);
	return st;
}

const struct pod_fs_ops pod_fs_ext = {
	.name = "ext",
	.open = ext_open,
	.close = ext_close,
	.root = ext_root,
	.readdir = ext_readdir,
	.complete = ext_complete,
	.extents = ext_extents,
	.case_sensitive = true,
	.readlink = ext_readlink,
};

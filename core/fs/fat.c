/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FAT12, FAT16 and FAT32, read only, after Microsoft's "FAT: General Overview of On-Disk Format" 1.03 (2000).
 *
 * Boot sector (BPB), little-endian:
 *   +0    3  jump EBh xx 90h or E9h xx xx
 *   +11   2  bytes per sector: 512, 1024, 2048, 4096
 *   +13   1  sectors per cluster: power of two
 *   +14   2  reserved sectors in front of the first FAT
 *   +16   1  number of FATs
 *   +17   2  root directory entries (FAT32: 0)
 *   +19   2  total sectors, or 0
 *   +21   1  media descriptor F0h, F8h..FFh
 *   +22   2  sectors per FAT (FAT32: 0)
 *   +28   4  hidden sectors
 *   +32   4  total sectors if +19 is 0
 *   FAT12/16: +38 1 29h: +39 4 serial number, +43 11 label
 *   FAT32:    +36 4 sectors per FAT, +40 2 flags (bit 7: only FAT number bits 0..3 is live), +42 2 version (0),
 *             +44 4 root cluster, +48 2 FSInfo sector, +50 2 backup boot sector, +66 1 29h: +67 4 serial, +71 11 label
 *   +510  2  55h AAh
 * The type follows from the number of data clusters alone: below 4085 FAT12, below 65525 FAT16, else FAT32.
 *
 * Directory entry, 32 bytes:
 *   +0   11  name 8+3, +0 = 0 ends the directory, E5h deleted, 05h stands for E5h
 *   +11   1  attributes: 08h label, 10h directory, 0Fh long name piece
 *   +12   1  NT case bits: 08h base in lower case, 10h extension
 *   +20   2  first cluster, high half (FAT32), +26 2 low half
 *   +22   2  time, +24 2 date of last write
 *   +28   4  size in bytes
 * Long name piece: +0 1 number (40h: last), +13 1 checksum of the short name, 13 UTF-16 units at +1, +14, +28; pieces stand
 * in falling order in front of the short entry.
 *
 * Real writers deviate: floppies and small El Torito images without 55AAh or 29h (read; without the signature the other fields
 * must all be plausible), DOS 1.x disks without BPB (not read), media descriptors other than the FAT's first byte (not compared),
 * a total larger than the device (accepted here, reported in total_bytes: a truncated image still lists), a FAT too short for
 * the clusters (the clusters it covers count).
 */
#include "core/fs/fat_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/fs/time.h"

#define ENTRY_SIZE 32u
#define LONG_MAX   20u /* pieces: 255 units */
/* A directory has at most 65536 entries (clause "Directory entry": 2 MiB). */
#define DIR_MAX (65536u * ENTRY_SIZE)

enum { ATTR_LABEL = 0x08, ATTR_DIR = 0x10, ATTR_LONG = 0x0F, ATTR_LONG_MASK = 0x3F };

/* pod_dir.priv[] */
enum { D_CLUSTER, D_INDEX };

/* One 512-byte window each of the FAT and of the directory being read. */
struct window {
	uint64_t at;
	bool valid;
	uint8_t data[512];
};

struct fat_mem {
	struct pod_fat_geometry g;
	struct window fat, dir;
	uint16_t units[LONG_MAX * 13];
};

static uint32_t log2_of(uint32_t v)
{
	uint32_t n = 0;
	while (n < 31 && 1u << n < v)
		n++;
	return n;
}

const struct pod_fat_geometry *pod_fat_geometry(const struct pod_fs *fs)
{
	return &((const struct fat_mem *)fs->priv_mem)->g;
}

/* --- boot sector -------------------------------------------------------------------------------------- */

static enum pod_status check_fields(const uint8_t *b, struct pod_diag *diag)
{
	uint32_t ss = pod_get_le16(b + 11), spc = b[13], media = b[21];
	if (!(b[0] == 0xEB || b[0] == 0xE9 || pod_get_le16(b + 510) == 0xAA55))
		return pod_fail(diag, POD_E_FORMAT, "BS_jmpBoot", 0, 0xEB, b[0]);
	if (ss < 512 || ss > 4096 || (ss & (ss - 1)))
		return pod_fail(diag, POD_E_FORMAT, "BPB_BytsPerSec", 11, 512, ss);
	if (!spc || (spc & (spc - 1)))
		return pod_fail(diag, POD_E_FORMAT, "BPB_SecPerClus", 13, 1, spc);
	if (!pod_get_le16(b + 14))
		return pod_fail(diag, POD_E_FORMAT, "BPB_RsvdSecCnt", 14, 1, 0);
	if (b[16] < 1 || b[16] > 4)
		return pod_fail(diag, POD_E_FORMAT, "BPB_NumFATs", 16, 2, b[16]);
	if (media != 0xF0 && media < 0xF8)
		return pod_fail(diag, POD_E_FORMAT, "BPB_Media", 21, 0xF8, media);
	if (!pod_get_le16(b + 22) && !pod_get_le32(b + 36))
		return pod_fail(diag, POD_E_FORMAT, "BPB_FATSz32", 36, 1, 0);
	if (!pod_get_le16(b + 19) && !pod_get_le32(b + 32))
		return pod_fail(diag, POD_E_FORMAT, "BPB_TotSec32", 32, 1, 0);
	return POD_OK;
}

enum pod_status pod_fat_parse_bpb(const uint8_t *b, struct pod_fat_geometry *g, struct pod_diag *diag)
{
	POD_TRY(check_fields(b, diag));
	memset(g, 0, sizeof *g);
	g->sector_size = pod_get_le16(b + 11);
	g->sector_shift = log2_of(g->sector_size);
	g->cluster_shift = g->sector_shift + log2_of(b[13]);
	g->fat_count = b[16];
	g->root_entries = pod_get_le16(b + 17);
	g->media = b[21];
	uint64_t total = pod_get_le16(b + 19) ? pod_get_le16(b + 19) : pod_get_le32(b + 32);
	g->fat_sectors = pod_get_le16(b + 22) ? pod_get_le16(b + 22) : pod_get_le32(b + 36);
	uint64_t reserved = pod_get_le16(b + 14), fats = (uint64_t)g->fat_count * g->fat_sectors;
	uint64_t root = (g->root_entries * ENTRY_SIZE + g->sector_size - 1) >> g->sector_shift;
	uint64_t front = reserved + fats + root;
	if (front >= total)
		return pod_fail(diag, POD_E_FORMAT, "BPB_TotSec", 19, front, total);
	uint64_t clusters = (total - front) >> (g->cluster_shift - g->sector_shift);
	if (!clusters || clusters > 0x0FFFFFF5)
		return pod_fail(diag, POD_E_FORMAT, "CountofClusters", 32, 1, clusters);
	g->bits = clusters < 4085 ? 12 : clusters < 65525 ? 16 : 32;
	/* The FAT32 layout says by BPB_FATSz16 = 0 what it is, and some writers make it with too few clusters. */
	if (!pod_get_le16(b + 22))
		g->bits = 32;
	else if (g->bits == 32)
		return pod_fail(diag, POD_E_FORMAT, "BPB_FATSz16", 22, 0, pod_get_le16(b + 22));
	if (g->bits != 32 && !g->root_entries)
		return pod_fail(diag, POD_E_FORMAT, "BPB_RootEntCnt", 17, 512, 0);
	uint64_t covered = ((uint64_t)g->fat_sectors << g->sector_shift) * 8; /* bits */
	covered = g->bits == 32 ? covered >> 5 : g->bits == 16 ? covered >> 4 : (uint32_t)pod_min_u64(covered, 1u << 20) / 12;
	if (covered < 3)
		return pod_fail(diag, POD_E_FORMAT, "BPB_FATSz", 22, 1, g->fat_sectors);
	g->cluster_count = (uint32_t)pod_min_u64(clusters, covered - 2);
	g->fat_bytes = reserved << g->sector_shift;
	g->root_bytes = (reserved + fats) << g->sector_shift;
	g->data_bytes = front << g->sector_shift;
	g->total_bytes = total << g->sector_shift;
	const uint8_t *ext = b + (g->bits == 32 ? 66 : 38);
	g->serial = ext[0] == 0x29 || ext[0] == 0x28 ? pod_get_le32(ext + 1) : 0;
	if (g->bits != 32)
		return POD_OK;
	if (pod_get_le16(b + 42))
		return pod_fail(diag, POD_E_UNSUPPORTED, "BPB_FSVer", 42, 0, pod_get_le16(b + 42));
	g->root_cluster = pod_get_le32(b + 44);
	g->info_sector = pod_get_le16(b + 48);
	if (g->root_cluster < 2 || g->root_cluster - 2 >= g->cluster_count)
		return pod_fail(diag, POD_E_CORRUPT, "BPB_RootClus", 44, 2, g->root_cluster);
	uint32_t live = pod_get_le16(b + 40);
	if (live & 0x80) {
		if ((live & 0x0F) >= g->fat_count)
			return pod_fail(diag, POD_E_CORRUPT, "BPB_ExtFlags", 40, g->fat_count, live);
		g->single_fat = true;
		g->fat_bytes += (uint64_t)(live & 0x0F) * ((uint64_t)g->fat_sectors << g->sector_shift);
	}
	return POD_OK;
}

/* --- the FAT ------------------------------------------------------------------------------------------ */

static enum pod_status load(struct pod_fs *fs, struct window *w, uint64_t off)
{
	uint64_t at = off & ~(uint64_t)511;
	if (w->valid && w->at == at)
		return POD_OK;
	w->valid = false;
	if (!pod_in_range(at, sizeof w->data, fs->dev->size_bytes))
		return POD_E_CORRUPT; /* the volume claims more than the device has */
	POD_TRY(pod_dev_read(fs->dev, at, w->data, sizeof w->data));
	w->at = at;
	w->valid = true;
	return POD_OK;
}

void pod_fat_forget(struct pod_fs *fs)
{
	struct fat_mem *m = fs->priv_mem;
	m->fat.valid = m->dir.valid = false;
}

static enum pod_status fat_byte(struct pod_fs *fs, uint64_t off, uint32_t *out)
{
	struct fat_mem *m = fs->priv_mem;
	POD_TRY(load(fs, &m->fat, off));
	*out = m->fat.data[off & 511];
	return POD_OK;
}

enum pod_status pod_fat_next(struct pod_fs *fs, uint32_t cluster, uint32_t *next)
{
	struct fat_mem *m = fs->priv_mem;
	const struct pod_fat_geometry *g = &m->g;
	if (cluster < 2 || cluster - 2 >= g->cluster_count)
		return POD_E_CORRUPT;
	uint32_t v, top;
	if (g->bits == 12) {
		uint32_t lo, hi;
		uint64_t off = g->fat_bytes + cluster + cluster / 2;
		POD_TRY(fat_byte(fs, off, &lo));
		POD_TRY(fat_byte(fs, off + 1, &hi));
		v = cluster & 1 ? (lo | hi << 8) >> 4 : (lo | hi << 8) & 0xFFF;
		top = 0xFFF;
	} else {
		uint64_t off = g->fat_bytes + (g->bits == 16 ? (uint64_t)cluster * 2 : (uint64_t)cluster * 4);
		POD_TRY(load(fs, &m->fat, off));
		const uint8_t *p = m->fat.data + (off & 511);
		v = g->bits == 16 ? pod_get_le16(p) : pod_get_le32(p) & 0x0FFFFFFF;
		top = g->bits == 16 ? 0xFFFF : 0x0FFFFFFF;
	}
	if (v >= top - 7)
		v = POD_FAT_END;
	else if (v == top - 8)
		v = POD_FAT_BAD;
	else if (v && (v < 2 || v - 2 >= g->cluster_count))
		return POD_E_CORRUPT;
	*next = v;
	return POD_OK;
}

/* --- directories -------------------------------------------------------------------------------------- */

static bool is_fixed_root(const struct pod_fat_geometry *g, const struct pod_node *n)
{
	return g->bits != 32 && n->priv[0] == 0;
}

/* Device offset of the entry at dir->pos; POD_END behind the last one. */
static enum pod_status entry_at(struct pod_dir *dir, uint64_t *at)
{
	const struct pod_fat_geometry *g = pod_fat_geometry(dir->fs);
	if (is_fixed_root(g, &dir->node)) {
		if (dir->pos >= (uint64_t)g->root_entries * ENTRY_SIZE)
			return POD_END;
		*at = g->root_bytes + dir->pos;
		return POD_OK;
	}
	if (dir->pos >= DIR_MAX)
		return POD_E_CORRUPT; /* longer than a directory may be: a loop in the chain ends here at the latest */
	uint64_t want = dir->pos >> g->cluster_shift;
	if (!dir->priv[D_CLUSTER]) {
		dir->priv[D_CLUSTER] = dir->node.priv[0];
		if (dir->node.priv[0] < 2 || dir->node.priv[0] - 2 >= g->cluster_count)
			return POD_E_CORRUPT;
	}
	while (dir->priv[D_INDEX] < want) {
		uint32_t next;
		POD_TRY(pod_fat_next(dir->fs, (uint32_t)dir->priv[D_CLUSTER], &next));
		if (next == POD_FAT_END)
			return POD_END;
		if (next == 0 || next == POD_FAT_BAD)
			return POD_E_CORRUPT;
		dir->priv[D_CLUSTER] = next;
		dir->priv[D_INDEX]++;
	}
	*at = pod_fat_cluster_bytes(g, (uint32_t)dir->priv[D_CLUSTER]) + (dir->pos & ((1ull << g->cluster_shift) - 1));
	return POD_OK;
}

static uint8_t short_checksum(const uint8_t *name)
{
	uint8_t sum = 0;
	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((uint8_t)(sum << 7 | sum >> 1) + name[i]);
	return sum;
}

/* The long name under way: pieces arrive from the last to the first. */
struct long_name {
	uint32_t expect; /* number of the next piece; 0: complete or none */
	uint32_t pieces;
	uint8_t sum;
	bool ok;
};

static void take_piece(struct fat_mem *m, struct long_name *ln, const uint8_t *e)
{
	static const uint8_t place[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	uint32_t no = e[0] & 0x1F;
	if (e[0] & 0x40) {
		*ln = (struct long_name){.expect = no, .pieces = no, .sum = e[13], .ok = no && no <= LONG_MAX};
	} else if (!ln->ok || no != ln->expect || e[13] != ln->sum) {
		ln->ok = false;
	}
	if (!ln->ok || !no)
		return;
	for (uint32_t i = 0; i < 13; i++)
		m->units[(no - 1) * 13 + i] = pod_get_le16(e + place[i]);
	ln->expect = no - 1;
}

static bool long_to_utf8(struct fat_mem *m, const struct long_name *ln, const uint8_t *e, char *name)
{
	if (!ln->ok || ln->expect || !ln->pieces || short_checksum(e) != ln->sum)
		return false;
	size_t n = 0;
	while (n < (size_t)ln->pieces * 13 && m->units[n])
		if (m->units[n++] == '/')
			return false; /* the short name may be better */
	return n && n <= 255 && pod_utf16_to_utf8(m->units, n, name, POD_NAME_MAX) == POD_OK;
}

/* One part of an 8.3 name without its padding. */
static size_t put_part(char *name, size_t n, const uint8_t *part, size_t len, bool lower)
{
	while (len && part[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < len; i++) {
		uint32_t c = part[i];
		if (lower && c >= 'A' && c <= 'Z')
			c += 32;
		n += pod_utf8_put(name + n, c >= 0x80 || c < 0x20 || c == '/' ? 0xFFFD : c);
	}
	return n;
}

/* 8.3 with the NT case bits. Bytes above 7Fh belong to an unknown OEM code page and become U+FFFD (also 05h for E5h). */
static void short_to_utf8(const uint8_t *e, char *name)
{
	size_t base = put_part(name, 0, e, 8, e[12] & 0x08);
	name[base] = '.';
	size_t n = put_part(name, base + 1, e + 8, 3, e[12] & 0x10);
	name[n == base + 1 ? base : n] = 0;
}

static void take_entry(const struct pod_fat_geometry *g, const uint8_t *e, uint64_t at, struct pod_node *n)
{
	uint32_t t = pod_get_le16(e + 22), d = pod_get_le16(e + 24);
	uint32_t cluster = pod_get_le16(e + 26);
	if (g->bits == 32)
		cluster |= (uint32_t)pod_get_le16(e + 20) << 16;
	memset(n, 0, sizeof *n);
	n->attributes = e[11];
	n->is_dir = e[11] & ATTR_DIR;
	n->size_bytes = n->valid_bytes = n->is_dir ? 0 : pod_get_le32(e + 28);
	n->priv[0] = cluster;
	n->entry_bytes = at;
	n->entry_len = ENTRY_SIZE;
	n->mtime = pod_civil_seconds(1980 + (d >> 9), d >> 5 & 15, d & 31, t >> 11, t >> 5 & 63, (t & 31) * 2);
}

/* A subdirectory that names cluster 0 would alias the fixed root, or be nothing on FAT32. */
static bool is_listed(const struct pod_fat_geometry *g, const uint8_t *e)
{
	if (e[11] & ATTR_LABEL)
		return false;
	if (e[0] == '.' && (e[1] == ' ' || (e[1] == '.' && e[2] == ' ')))
		return false;
	uint32_t cluster = pod_get_le16(e + 26) | (g->bits == 32 ? (uint32_t)pod_get_le16(e + 20) << 16 : 0);
	return !(e[11] & ATTR_DIR) || cluster >= 2;
}

/* The next entry in use, of whatever kind; *at its place. The window keeps it until the next load. */
static enum pod_status next_entry(struct pod_dir *dir, uint64_t *at, const uint8_t **e)
{
	struct fat_mem *m = dir->fs->priv_mem;
	POD_TRY(entry_at(dir, at));
	POD_TRY(pod_budget_spend(dir->fs->dev->budget, 1, 0));
	POD_TRY(load(dir->fs, &m->dir, *at));
	*e = m->dir.data + (*at & 511);
	if ((*e)[0] == 0)
		return POD_END;
	dir->pos += ENTRY_SIZE;
	return POD_OK;
}

static enum pod_status fat_readdir(struct pod_dir *dir, struct pod_dirent *out)
{
	struct fat_mem *m = dir->fs->priv_mem;
	struct long_name ln = {0};
	for (;;) {
		uint64_t at;
		const uint8_t *e;
		POD_TRY(next_entry(dir, &at, &e));
		if (e[0] == 0xE5) {
			ln.ok = false;
			continue;
		}
		if ((e[11] & ATTR_LONG_MASK) == ATTR_LONG) {
			take_piece(m, &ln, e);
			continue;
		}
		if (is_listed(&m->g, e)) {
			take_entry(&m->g, e, at, &out->node);
			if (!long_to_utf8(m, &ln, e, out->name))
				short_to_utf8(e, out->name);
			if (out->name[0])
				return POD_OK;
		}
		ln.ok = false;
	}
}

static enum pod_status fat_root(struct pod_fs *fs, struct pod_node *out)
{
	*out = (struct pod_node){.is_dir = true, .priv = {pod_fat_geometry(fs)->root_cluster}};
	return POD_OK;
}

/* --- extents ------------------------------------------------------------------------------------------ */

static enum pod_status fat_extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx)
{
	const struct pod_fat_geometry *g = pod_fat_geometry(fs);
	uint64_t cluster_bytes = 1ull << g->cluster_shift;
	uint32_t cluster = pod_fat_cluster(file);
	struct pod_extents runs = {.cb = cb, .ctx = ctx};
	/* The size bounds the walk, so that a loop in the chain ends; and no file is larger than the volume. */
	if (file->size_bytes > (uint64_t)g->cluster_count << g->cluster_shift)
		return POD_E_CORRUPT;
	uint32_t links = 0;
	for (uint64_t done = 0; done < file->size_bytes; done += cluster_bytes) {
		if (links++ % POD_FS_LINKS_PER_STEP == 0)
			POD_TRY(pod_budget_spend(fs->dev->budget, 1, 0));
		if (done) {
			uint32_t next;
			POD_TRY(pod_fat_next(fs, cluster, &next));
			cluster = next;
		}
		if (cluster < 2 || cluster - 2 >= g->cluster_count)
			return POD_E_CORRUPT;
		uint64_t at = pod_fat_cluster_bytes(g, cluster);
		uint64_t len = pod_min_u64(cluster_bytes, file->size_bytes - done);
		if (!pod_in_range(at, len, fs->dev->size_bytes))
			return POD_E_CORRUPT;
		POD_TRY(pod_extents_add(&runs, at, len, false));
	}
	return pod_extents_end(&runs);
}

/* --- opening ------------------------------------------------------------------------------------------ */

static void copy_label(struct pod_fs *fs, const uint8_t *raw)
{
	size_t n = 11, out = 0;
	while (n && (raw[n - 1] == ' ' || !raw[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++) {
		uint32_t c = raw[i];
		out += pod_utf8_put(fs->label + out, c >= 0x80 || c < 0x20 ? 0xFFFD : c);
	}
	fs->label[out] = 0;
}

/* The label in the root directory counts; it is among the first entries in practice, and looked for in the first sector
 * only, which the next lookup reads anyway. Else the boot sector's, unless that is the "NO NAME" placeholder. */
static enum pod_status read_label(struct pod_fs *fs, const uint8_t *boot)
{
	struct fat_mem *m = fs->priv_mem;
	struct pod_dir dir = {.fs = fs};
	POD_TRY(fat_root(fs, &dir.node));
	const uint8_t *ext = boot + (m->g.bits == 32 ? 66 : 38);
	if (ext[0] == 0x29 && memcmp(ext + 5, "NO NAME    ", 11) != 0)
		copy_label(fs, ext + 5);
	for (uint32_t i = 0; i < 512 / ENTRY_SIZE; i++) {
		uint64_t at;
		const uint8_t *e;
		enum pod_status st = next_entry(&dir, &at, &e);
		if (st != POD_OK)
			return st == POD_E_IO ? st : POD_OK;
		if (e[0] != 0xE5 && (e[11] & (ATTR_LABEL | ATTR_DIR)) == ATTR_LABEL && (e[11] & ATTR_LONG_MASK) != ATTR_LONG) {
			copy_label(fs, e);
			break;
		}
	}
	return POD_OK;
}

static void fat_close(struct pod_fs *fs)
{
	pod_free(fs->alloc, fs->priv_mem);
	fs->priv_mem = NULL;
}

static enum pod_status open_volume(struct pod_fs *fs, struct pod_diag *diag)
{
	struct fat_mem *m = fs->priv_mem;
	POD_TRY(load(fs, &m->dir, 0));
	POD_TRY(pod_fat_parse_bpb(m->dir.data, &m->g, diag));
	if (m->g.data_bytes > fs->dev->size_bytes)
		return pod_fail(diag, POD_E_FORMAT, "FirstDataSector", 14, fs->dev->size_bytes, m->g.data_bytes);
	/* Bits 8 and up of the first FAT entry are ones (clause "FAT[0]"): rejects what only resembles a boot sector. */
	uint32_t b1;
	POD_TRY(fat_byte(fs, m->g.fat_bytes + 1, &b1));
	if ((b1 & 0x0F) != 0x0F)
		return pod_fail(diag, POD_E_FORMAT, "FAT[0]", m->g.fat_bytes + 1, 0xFF, b1);
	fs->cluster_size = 1u << m->g.cluster_shift;
	fs->total_bytes = m->g.total_bytes;
	fs->serial = m->g.serial;
	uint8_t boot[90];
	memcpy(boot, m->dir.data, sizeof boot);
	return read_label(fs, boot);
}

static enum pod_status fat_open(struct pod_fs *fs, struct pod_diag *diag)
{
	if (fs->dev->size_bytes < 1024)
		return pod_fail(diag, POD_E_FORMAT, "device size", 0, 1024, fs->dev->size_bytes);
	fs->priv_mem = pod_zalloc(fs->alloc, 1, sizeof(struct fat_mem));
	if (!fs->priv_mem)
		return POD_E_NOMEM;
	enum pod_status st = open_volume(fs, diag);
	if (st != POD_OK)
		fat_close(fs);
	return st;
}

const struct pod_fs_ops pod_fs_fat = {
	.name = "fat",
	.open = fat_open,
	.close = fat_close,
	.root = fat_root,
	.readdir = fat_readdir,
	.extents = fat_extents,
};

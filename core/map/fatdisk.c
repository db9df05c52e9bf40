/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hard disk with one FAT32 partition, laid out over pieces (Microsoft "FAT: General Overview of On-Disk Format" 1.03; fields and
 * directory entries are listed in core/fs/fat.c). Of the disk:
 *
 *   LBA 0      code that says what this is, signature at 440, one table entry at 446 (type EFh, from LBA 2048), 55AAh
 *   LBA 2048   boot sector, FSInfo; both again 6 sectors on; the FAT twice; clusters: folders, root first, then files, then free ones
 *
 * There are as many clusters as make a volume FAT32 (65525 at least), most of them free and nothing but zeros. Their size is the
 * smallest for which the FAT of what is there stays within 256 KiB, so that a PE of some hundred MiB has small ones and a
 * boot.wim of 2 GiB those of 32 KiB, the largest that every reader takes.
 */
#include "core/map/fatdisk.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	SECTOR = POD_FATDISK_SECTOR,
	ENTRY = 32,
	FIRST_CLUSTER = 2,
	CLUSTERS_MIN = 65525 + 16, /* readers differ next to the limit, as the specification warns */
	CLUSTERS_MAX = 0x0FFFFF00,
	CLUSTER_SHIFT_MIN = 12,
	CLUSTER_SHIFT_MAX = 15,
	FAT_ENTRIES_WANTED = 65536,
	FATS = 2,
	RESERVED = 32, /* at least: data start at a multiple of DATA_ALIGN */
	DATA_ALIGN = 4096,
	INFO_AT = 1,
	BACKUP_AT = 6,
	DATE_1980 = 0x21, /* the first day that FAT knows */
	PIECE_UNITS = 13,
	UNITS_MAX = 255,
	HEADS = 255,
	TRACK = 63,
	CHAIN_END = 0x0FFFFFFF,
	ATTR_LABEL = 0x08,
	ATTR_DIR = 0x10,
	ATTR_LONG = 0x0F,
	ATTR_ARCHIVE = 0x20,
};

struct layout {
	uint32_t cluster_shift, clusters, used; /* clusters: of the volume; used: up to the last file's end */
	uint32_t reserved, fat_sectors;
	uint64_t data_at;	/* first cluster, on the disk */
	uint64_t total_sectors; /* of the volume */
};

static uint64_t whole_sectors(uint64_t len)
{
	return pod_align_up(len, SECTOR);
}

/* --- the tree ------------------------------------------------------------------------------------------- */

enum pod_status pod_fatdisk_init(struct pod_fatdisk *d, struct pod_dev *stick, struct pod_alloc *a)
{
	memset(d, 0, sizeof *d);
	d->alloc = a;
	d->stick = stick;
	pod_map_init(&d->data, a);
	void *v = NULL;
	POD_TRY(pod_grow(a, &v, 0, &d->cap, 1, sizeof *d->node, POD_FATDISK_NODES_MAX));
	d->node = v;
	memset(d->node, 0, sizeof *d->node);
	d->node->is_dir = true;
	d->count = 1;
	return POD_OK;
}

void pod_fatdisk_fini(struct pod_fatdisk *d)
{
	if (!d->alloc)
		return;
	pod_map_fini(&d->data);
	pod_free(d->alloc, d->node);
	memset(d, 0, sizeof *d);
}

/* The child of `dir` with the name of `len` bytes; 0 (the root is nobody's child): there is none. */
static uint32_t child(const struct pod_fatdisk *d, uint32_t dir, const char *name, size_t len)
{
	for (uint32_t i = 1; i < d->count; i++)
		if (d->node[i].parent == dir && pod_strlen(d->node[i].name) == len &&
		    pod_strncasecmp(d->node[i].name, name, len) == 0)
			return i;
	return 0;
}

/* One component of a path; 0 at its end. */
static size_t component(const char **path)
{
	size_t n = 0;
	while (**path == '/')
		(*path)++;
	while ((*path)[n] && (*path)[n] != '/')
		n++;
	return n;
}

static uint32_t find(const struct pod_fatdisk *d, const char *path)
{
	uint32_t at = 0;
	for (size_t n; (n = component(&path)) != 0; path += n) {
		at = child(d, at, path, n);
		if (!at)
			return 0;
	}
	return at;
}

bool pod_fatdisk_has(const struct pod_fatdisk *d, const char *path)
{
	return find(d, path) != 0;
}

/* A long name may hold neither these nor control characters, and Windows drops a dot or a space at its end. */
static bool name_fits(const char *name)
{
	uint16_t units[UNITS_MAX];
	size_t n = pod_strlen(name), count;
	if (!n || name[n - 1] == '.' || name[n - 1] == ' ')
		return false;
	for (size_t i = 0; i < n; i++)
		for (const char *bad = "\"*/:<>?\\|\x7f"; *bad; bad++)
			if ((uint8_t)name[i] < 0x20 || name[i] == *bad)
				return false;
	return pod_utf8_to_utf16(name, units, POD_ARRAY_LEN(units), &count) == POD_OK;
}

/* The character of an 8.3 name for a code point; 0: left out. */
static uint8_t short_char(uint32_t cp)
{
	if (cp == ' ' || cp == '.')
		return 0;
	if (cp >= 'a' && cp <= 'z')
		return (uint8_t)(cp - 32);
	if ((cp >= 'A' && cp <= 'Z') || (cp >= '0' && cp <= '9'))
		return (uint8_t)cp;
	for (const char *ok = "_-~$!#&@%(){}^`'"; *ok; ok++)
		if (cp == (uint8_t)*ok)
			return (uint8_t)cp;
	return '_';
}

/* Fills up to `max` characters of an 8.3 name from [p, end); true if that is all of it, upper case or not. */
static bool short_part(uint8_t *out, size_t max, const char *p, const char *end)
{
	size_t n = 0;
	bool whole = true;
	while (p < end) {
		uint32_t cp = pod_utf8_next(&p, (size_t)(end - p));
		uint8_t c = short_char(cp);
		whole &= c && n < max && (c == cp || c == cp - 32);
		if (c && n < max)
			out[n++] = c;
	}
	return whole;
}

static bool alias_taken(const struct pod_fatdisk *d, uint32_t node)
{
	for (uint32_t i = 1; i < d->count; i++)
		if (i != node && d->node[i].parent == d->node[node].parent &&
		    memcmp(d->node[i].alias, d->node[node].alias, sizeof d->node[i].alias) == 0)
			return true;
	return false;
}

/* NAME~1.EXT and so on. */
static void number_alias(const struct pod_fatdisk *d, uint32_t node)
{
	uint8_t *alias = d->node[node].alias;
	size_t base = 0;
	char tail[8];
	while (base < 8 && alias[base] != ' ')
		base++;
	for (uint32_t n = 1; n <= POD_FATDISK_NODES_MAX; n++) {
		size_t len = (size_t)pod_snprintf(tail, sizeof tail, "~%u", n), at = base < 8 - len ? base : 8 - len;
		memset(alias + at, ' ', 8 - at);
		memcpy(alias + at, tail, len);
		if (!alias_taken(d, node))
			return; /* at the latest with as many numbers as there are nodes */
	}
}

static void make_alias(const struct pod_fatdisk *d, uint32_t node)
{
	struct pod_fatdisk_node *f = &d->node[node];
	const char *end = f->name + pod_strlen(f->name), *dot = end;
	for (const char *p = f->name + 1; p < end; p++)
		if (*p == '.')
			dot = p;
	memset(f->alias, ' ', sizeof f->alias);
	bool whole = short_part(f->alias, 8, f->name, dot);
	whole &= dot == end || short_part(f->alias + 8, 3, dot + 1, end);
	for (const char *p = f->name; p < end; p++)
		f->long_name |= *p >= 'a' && *p <= 'z'; /* the alias has capitals only */
	f->long_name |= !whole;
	if (!whole || alias_taken(d, node))
		number_alias(d, node), f->long_name = true;
}

static enum pod_status add(struct pod_fatdisk *d, uint32_t parent, const char *name, size_t len, bool is_dir, uint32_t *out)
{
	void *v = d->node;
	if (len >= POD_FATDISK_PATH_MAX)
		return POD_E_LIMIT;
	enum pod_status st = pod_grow(d->alloc, &v, d->count, &d->cap, d->count + 1, sizeof *d->node, POD_FATDISK_NODES_MAX);
	d->node = v;
	if (st != POD_OK)
		return st;
	struct pod_fatdisk_node *f = &d->node[d->count];
	*f = (struct pod_fatdisk_node){.is_dir = is_dir, .parent = parent};
	memcpy(f->name, name, len);
	if (!name_fits(f->name))
		return POD_E_INVALID;
	*out = (uint32_t)d->count++;
	make_alias(d, *out);
	return POD_OK;
}

enum pod_status pod_fatdisk_file(struct pod_fatdisk *d, const char *path)
{
	uint32_t at = 0, next;
	for (size_t n = component(&path); n;) {
		const char *name = path;
		size_t len = n;
		path += n;
		n = component(&path);
		next = child(d, at, name, len);
		if (next && (!n || !d->node[next].is_dir))
			return POD_E_EXISTS;
		if (!next)
			POD_TRY(add(d, at, name, len, n != 0, &next));
		at = next;
	}
	if (!at)
		return POD_E_INVALID;
	POD_TRY(pod_map_pad(&d->data, SECTOR));
	d->node[at].start_bytes = d->data.size_bytes;
	return POD_OK;
}

/* --- what is in the files ------------------------------------------------------------------------------- */

/* The file that grows by `len` bytes. */
static enum pod_status grow(struct pod_fatdisk *d, uint64_t len)
{
	struct pod_fatdisk_node *f = &d->node[d->count - 1];
	if (f->is_dir || (f->size_bytes & (SECTOR - 1)))
		return POD_E_INVALID;
	if (len > POD_FATDISK_FILE_MAX - f->size_bytes)
		return POD_E_LIMIT;
	f->size_bytes += len;
	return POD_OK;
}

/* Room for bytes in memory, at the end of the last file. */
static enum pod_status append_room(struct pod_fatdisk *d, uint64_t len, uint8_t **data)
{
	uint64_t at;
	*data = NULL;
	if (!len || len > POD_MAP_MEM_LIMIT)
		return len ? POD_E_LIMIT : POD_OK;
	size_t all = (size_t)whole_sectors(len);
	POD_TRY(pod_map_mem(&d->data, NULL, all, &at));
	*data = d->data.mem + (size_t)at;
	return pod_map_append(&d->data, POD_SEG_MEM, at, all);
}

enum pod_status pod_fatdisk_room(struct pod_fatdisk *d, size_t len, uint8_t **data)
{
	POD_TRY(grow(d, len));
	return append_room(d, len, data);
}

enum pod_status pod_fatdisk_bytes(struct pod_fatdisk *d, const void *data, size_t len)
{
	uint8_t *to;
	POD_TRY(pod_fatdisk_room(d, len, &to));
	if (len)
		memcpy(to, data, len);
	return POD_OK;
}

enum pod_status pod_fatdisk_slice(struct pod_fatdisk *d, const struct pod_map *from, uint64_t start, uint64_t len)
{
	if (!pod_in_range(start, len, from->size_bytes))
		return POD_E_RANGE;
	POD_TRY(grow(d, len));
	/* Whole sectors, so that no read has to be put together from two places; where `from` ends, its tail is read now. */
	uint64_t all = whole_sectors(len), tail = all > from->size_bytes - start ? len & (SECTOR - 1) : 0;
	uint64_t end = tail ? start + len - tail : start + all;
	POD_TRY(pod_map_append_from(&d->data, from, start, end - start));
	if (!tail)
		return POD_OK;
	uint8_t *last;
	POD_TRY(append_room(d, tail, &last));
	return pod_map_read(from, d->stick, end, last, (size_t)tail);
}

enum pod_status pod_fatdisk_again(struct pod_fatdisk *d, const char *path)
{
	uint32_t from = find(d, path);
	struct pod_fatdisk_node *f = &d->node[d->count - 1];
	if (!from || d->node[from].is_dir || f->is_dir || f->size_bytes)
		return POD_E_INVALID;
	f->start_bytes = d->node[from].start_bytes;
	f->size_bytes = d->node[from].size_bytes;
	return POD_OK;
}

/* --- folders -------------------------------------------------------------------------------------------- */

/* UTF-16 of a name that name_fits saw. */
static size_t units_of(const char *name, uint16_t units[UNITS_MAX])
{
	size_t n = 0;
	return pod_utf8_to_utf16(name, units, UNITS_MAX, &n) == POD_OK ? n : 0;
}

static uint32_t pieces_of(const struct pod_fatdisk_node *f)
{
	uint16_t units[UNITS_MAX];
	return f->long_name ? ((uint32_t)units_of(f->name, units) + PIECE_UNITS - 1) / PIECE_UNITS : 0;
}

/* Bytes of the folder's entries: the label in the root, else "." and "..". */
static uint32_t folder_bytes(const struct pod_fatdisk *d, uint32_t dir)
{
	uint32_t entries = dir ? 2 : 1;
	for (uint32_t i = 1; i < d->count; i++)
		if (d->node[i].parent == dir)
			entries += pieces_of(&d->node[i]) + 1;
	return entries * ENTRY;
}

static void put_entry(uint8_t *e, const uint8_t name[11], uint8_t attr, uint32_t cluster, uint32_t size)
{
	memset(e, 0, ENTRY);
	memcpy(e, name, 11);
	e[11] = attr;
	pod_put_le16(e + 16, DATE_1980);
	pod_put_le16(e + 18, DATE_1980);
	pod_put_le16(e + 20, (uint16_t)(cluster >> 16));
	pod_put_le16(e + 24, DATE_1980);
	pod_put_le16(e + 26, (uint16_t)cluster);
	pod_put_le32(e + 28, size);
}

/* Section 7: a long name's pieces stand in front of its 8.3 entry, last one first. */
static uint8_t *put_long(uint8_t *e, const struct pod_fatdisk_node *f)
{
	static const uint8_t place[PIECE_UNITS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	uint16_t units[UNITS_MAX];
	size_t count = units_of(f->name, units);
	uint32_t pieces = pieces_of(f);
	uint8_t sum = 0;
	for (size_t i = 0; i < sizeof f->alias; i++)
		sum = (uint8_t)((uint8_t)(sum >> 1 | sum << 7) + f->alias[i]);
	for (uint32_t p = pieces; p; p--, e += ENTRY) {
		memset(e, 0, ENTRY);
		e[0] = (uint8_t)(p | (p == pieces ? 0x40 : 0));
		e[11] = ATTR_LONG;
		e[13] = sum;
		for (uint32_t i = 0; i < PIECE_UNITS; i++) {
			size_t at = (size_t)(p - 1) * PIECE_UNITS + i;
			pod_put_le16(e + place[i], at < count ? units[at] : at == count ? 0 : 0xFFFF);
		}
	}
	return e;
}

static void put_label(uint8_t out[11], const char *label)
{
	memset(out, ' ', 11);
	for (size_t i = 0; i < 11 && label[i]; i++)
		out[i] = (uint8_t)label[i];
}

static void write_folder(const struct pod_fatdisk *d, uint32_t dir, const char *label, uint8_t *e)
{
	static const uint8_t dot[11] = ".          ", dotdot[11] = "..         ";
	const struct pod_fatdisk_node *f = &d->node[dir];
	if (dir) {
		/* ".." of a folder in the root says 0. */
		put_entry(e, dot, ATTR_DIR, f->first_cluster, 0);
		put_entry(e + ENTRY, dotdot, ATTR_DIR, f->parent ? d->node[f->parent].first_cluster : 0, 0);
		e += 2 * ENTRY;
	} else {
		uint8_t name[11];
		put_label(name, label);
		put_entry(e, name, ATTR_LABEL, 0, 0);
		e += ENTRY;
	}
	for (uint32_t i = 1; i < d->count; i++) {
		const struct pod_fatdisk_node *c = &d->node[i];
		if (c->parent != dir)
			continue;
		e = put_long(e, c);
		put_entry(e, c->alias, c->is_dir ? ATTR_DIR : ATTR_ARCHIVE, c->first_cluster,
			  c->is_dir ? 0 : (uint32_t)c->size_bytes);
		e += ENTRY;
	}
}

/* --- the layout ----------------------------------------------------------------------------------------- */

static uint64_t clusters_for(uint64_t bytes, uint32_t shift)
{
	return (bytes + (UINT64_C(1) << shift) - 1) >> shift;
}

static uint64_t clusters_of_all(const struct pod_fatdisk *d, uint32_t shift)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < d->count; i++)
		n += clusters_for(d->node[i].size_bytes, shift);
	return n;
}

static enum pod_status lay_out(struct pod_fatdisk *d, struct layout *l, struct pod_diag *diag)
{
	uint64_t used;
	for (uint32_t i = 0; i < d->count; i++)
		if (d->node[i].is_dir)
			d->node[i].size_bytes = folder_bytes(d, i);
	l->cluster_shift = CLUSTER_SHIFT_MIN;
	while ((used = clusters_of_all(d, l->cluster_shift)) > FAT_ENTRIES_WANTED - FIRST_CLUSTER &&
	       l->cluster_shift < CLUSTER_SHIFT_MAX)
		l->cluster_shift++;
	uint32_t sectors_shift = l->cluster_shift - 9;
	if (used > CLUSTERS_MAX || (used + CLUSTERS_MIN) << sectors_shift > UINT32_MAX / 2)
		return pod_fail(diag, POD_E_LIMIT, "size of the virtual disk", 0, UINT32_MAX / 2, used << sectors_shift);
	l->used = (uint32_t)used;
	l->clusters = l->used < CLUSTERS_MIN ? CLUSTERS_MIN : l->used;
	l->fat_sectors = (uint32_t)(whole_sectors(4 * (uint64_t)(l->clusters + FIRST_CLUSTER)) >> 9);
	uint32_t front = RESERVED + FATS * l->fat_sectors;
	uint32_t aligned = (uint32_t)pod_align_up(front, DATA_ALIGN / SECTOR);
	l->reserved = RESERVED + (aligned - front);
	l->data_at = ((uint64_t)POD_FATDISK_PART_LBA + aligned) * SECTOR;
	l->total_sectors = aligned + ((uint64_t)l->clusters << sectors_shift);
	uint32_t next = FIRST_CLUSTER;
	for (int files = 0; files < 2; files++)
		for (uint32_t i = 0; i < d->count; i++) {
			struct pod_fatdisk_node *f = &d->node[i];
			if (f->is_dir == files)
				continue;
			f->clusters = (uint32_t)clusters_for(f->size_bytes, l->cluster_shift);
			f->first_cluster = f->clusters ? next : 0;
			next += f->clusters;
		}
	return POD_OK;
}

/* Prints what follows it, up to a zero byte, and stops. Real mode, anywhere in segment 0 with its start at 7C00h. */
static const uint8_t boot_code[] = {
	0xFA,		  /* cli */
	0x31, 0xC0,	  /* xor ax, ax */
	0x8E, 0xD8,	  /* mov ds, ax */
	0x8E, 0xD0,	  /* mov ss, ax */
	0xBC, 0x00, 0x7C, /* mov sp, 7C00h */
	0xFB,		  /* sti */
	0xFC,		  /* cld */
	0xBE, 0x1D, 0x7C, /* mov si, 7C1Dh: the text */
	0xAC,		  /* lodsb */
	0x84, 0xC0,	  /* test al, al */
	0x74, 0x06,	  /* jz to the halt */
	0xB4, 0x0E,	  /* mov ah, 0Eh */
	0xCD, 0x10,	  /* int 10h */
	0xEB, 0xF5,	  /* jmp to lodsb */
	0xF4,		  /* hlt */
	0xEB, 0xFD,	  /* jmp to the halt */
};
static const char boot_text[] = "Isopod made this disk for the Windows boot manager. It does not start by itself.\r\n";
_Static_assert(sizeof boot_code == 0x1D, "the text's place is in the code");
_Static_assert(sizeof boot_code + sizeof boot_text <= 440, "the disk's signature follows");

static void put_chs(uint8_t out[3], uint32_t lba)
{
	uint32_t track = lba / TRACK, cylinder = track / HEADS, head = track % HEADS, sector = lba % TRACK + 1;
	if (cylinder > 1023)
		cylinder = 1023, head = HEADS - 1, sector = TRACK;
	out[0] = (uint8_t)head;
	out[1] = (uint8_t)(sector | (cylinder >> 8) << 6);
	out[2] = (uint8_t)cylinder;
}

static void write_mbr(uint8_t *b, const struct layout *l, const struct pod_fatdisk_params *params)
{
	uint8_t *e = b + 446;
	memcpy(b, boot_code, sizeof boot_code);
	memcpy(b + sizeof boot_code, boot_text, sizeof boot_text);
	pod_put_le32(b + 440, params->signature);
	e[0] = 0x80;
	put_chs(e + 1, POD_FATDISK_PART_LBA);
	e[4] = 0xEF;
	put_chs(e + 5, (uint32_t)(POD_FATDISK_PART_LBA + l->total_sectors - 1));
	pod_put_le32(e + 8, POD_FATDISK_PART_LBA);
	pod_put_le32(e + 12, (uint32_t)l->total_sectors);
	pod_put_le16(b + 510, 0xAA55);
}

static void write_boot_sector(uint8_t *b, const struct layout *l, const struct pod_fatdisk_params *params)
{
	static const uint8_t halt[] = {0xF4, 0xEB, 0xFD};
	b[0] = 0xEB;
	b[1] = 0x58;
	b[2] = 0x90;
	memcpy(b + 3, "ISOPOD  ", 8);
	pod_put_le16(b + 11, SECTOR);
	b[13] = (uint8_t)(1u << (l->cluster_shift - 9));
	pod_put_le16(b + 14, (uint16_t)l->reserved);
	b[16] = FATS;
	b[21] = 0xF8;
	pod_put_le16(b + 24, TRACK);
	pod_put_le16(b + 26, HEADS);
	pod_put_le32(b + 28, POD_FATDISK_PART_LBA);
	pod_put_le32(b + 32, (uint32_t)l->total_sectors);
	pod_put_le32(b + 36, l->fat_sectors);
	pod_put_le32(b + 44, FIRST_CLUSTER);
	pod_put_le16(b + 48, INFO_AT);
	pod_put_le16(b + 50, BACKUP_AT);
	b[64] = 0x80;
	b[66] = 0x29;
	pod_put_le32(b + 67, params->serial);
	put_label(b + 71, params->label);
	memcpy(b + 82, "FAT32   ", 8);
	memcpy(b + 90, halt, sizeof halt);
	pod_put_le16(b + 510, 0xAA55);
}

static void write_info(uint8_t *b, const struct layout *l)
{
	pod_put_le32(b, 0x41615252);
	pod_put_le32(b + 484, 0x61417272);
	pod_put_le32(b + 488, l->clusters - l->used);
	pod_put_le32(b + 492, l->used + FIRST_CLUSTER < l->clusters + FIRST_CLUSTER ? l->used + FIRST_CLUSTER : ~0u);
	pod_put_le32(b + 508, 0xAA550000);
}

/* --- the map -------------------------------------------------------------------------------------------- */

/* Zeros up to `end` on the disk. */
static enum pod_status zeros_to(struct pod_map *m, uint64_t end)
{
	return pod_map_append(m, POD_SEG_ZERO, 0, end - m->size_bytes);
}

static enum pod_status append_front(struct pod_map *m, const struct layout *l, const struct pod_fatdisk_params *params)
{
	uint64_t mbr, boot, part = (uint64_t)POD_FATDISK_PART_LBA * SECTOR;
	POD_TRY(pod_map_mem(m, NULL, SECTOR, &mbr));
	POD_TRY(pod_map_mem(m, NULL, 2 * SECTOR, &boot));
	write_mbr(m->mem + (size_t)mbr, l, params);
	write_boot_sector(m->mem + (size_t)boot, l, params);
	write_info(m->mem + (size_t)boot + INFO_AT * SECTOR, l);
	POD_TRY(pod_map_append(m, POD_SEG_MEM, mbr, SECTOR));
	POD_TRY(zeros_to(m, part));
	POD_TRY(pod_map_append(m, POD_SEG_MEM, boot, 2 * SECTOR));
	POD_TRY(zeros_to(m, part + BACKUP_AT * SECTOR));
	POD_TRY(pod_map_append(m, POD_SEG_MEM, boot, 2 * SECTOR));
	return zeros_to(m, part + (uint64_t)l->reserved * SECTOR);
}

static void write_chain(uint8_t *fat, const struct pod_fatdisk_node *f)
{
	for (uint32_t i = 0; i < f->clusters; i++)
		pod_put_le32(fat + 4 * (size_t)(f->first_cluster + i),
			     i + 1 < f->clusters ? f->first_cluster + i + 1 : CHAIN_END);
}

static enum pod_status append_fats(const struct pod_fatdisk *d, struct pod_map *m, const struct layout *l)
{
	uint64_t len = whole_sectors(4 * (uint64_t)(l->used + FIRST_CLUSTER)), at;
	POD_TRY(pod_map_mem(m, NULL, (size_t)len, &at));
	uint8_t *fat = m->mem + (size_t)at;
	pod_put_le32(fat, 0x0FFFFFF8);
	pod_put_le32(fat + 4, CHAIN_END);
	for (uint32_t i = 0; i < d->count; i++)
		write_chain(fat, &d->node[i]);
	for (int i = 0; i < FATS; i++) {
		uint64_t end = m->size_bytes + (uint64_t)l->fat_sectors * SECTOR;
		POD_TRY(pod_map_append(m, POD_SEG_MEM, at, len));
		POD_TRY(zeros_to(m, end));
	}
	return POD_OK;
}

static uint64_t place_of(const struct layout *l, const struct pod_fatdisk_node *f)
{
	return l->data_at + ((uint64_t)(f->first_cluster - FIRST_CLUSTER) << l->cluster_shift);
}

static enum pod_status append_folder(const struct pod_fatdisk *d, uint32_t dir, const char *label, struct pod_map *m)
{
	size_t len = (size_t)whole_sectors(d->node[dir].size_bytes);
	uint64_t at;
	POD_TRY(pod_map_mem(m, NULL, len, &at));
	write_folder(d, dir, label, m->mem + (size_t)at);
	return pod_map_append(m, POD_SEG_MEM, at, len);
}

/* The segments of [start, start + len) of the files' bytes: their memory is the disk's by now. */
static enum pod_status append_file(const struct pod_fatdisk *d, const struct pod_fatdisk_node *f, struct pod_map *m)
{
	uint64_t at = f->start_bytes, end = at + whole_sectors(f->size_bytes);
	while (at < end) {
		const struct pod_seg *s = &d->data.seg[pod_map_find(&d->data, at)];
		uint64_t in = at - s->start_bytes, n = pod_min_u64(end - at, s->length_bytes - in);
		POD_TRY(pod_map_append(m, (enum pod_seg_kind)s->kind, s->source + in, n));
		at += n;
	}
	return POD_OK;
}

static enum pod_status append_clusters(struct pod_fatdisk *d, struct pod_map *m, const struct layout *l, const char *label)
{
	for (int files = 0; files < 2; files++)
		for (uint32_t i = 0; i < d->count; i++) {
			struct pod_fatdisk_node *f = &d->node[i];
			if (f->is_dir == files || !f->clusters)
				continue;
			POD_TRY(zeros_to(m, place_of(l, f)));
			POD_TRY(files ? append_file(d, f, m) : append_folder(d, i, label, m));
			f->start_bytes = place_of(l, f);
		}
	return zeros_to(m, ((uint64_t)POD_FATDISK_PART_LBA + l->total_sectors) * SECTOR);
}

enum pod_status pod_fatdisk_finish(struct pod_fatdisk *d, const struct pod_fatdisk_params *params, struct pod_map *out,
				   struct pod_diag *diag)
{
	struct layout l = {0};
	pod_map_init(out, d->alloc);
	if (!params->signature)
		return pod_fail(diag, POD_E_INVALID, "disk signature", 440, 1, 0);
	POD_TRY(pod_map_pad(&d->data, SECTOR));
	POD_TRY(lay_out(d, &l, diag));
	out->mem = d->data.mem;
	out->mem_len = d->data.mem_len;
	out->mem_cap = d->data.mem_cap;
	d->data.mem = NULL;
	d->data.mem_len = d->data.mem_cap = 0;
	POD_TRY(append_front(out, &l, params));
	POD_TRY(append_fats(d, out, &l));
	return append_clusters(d, out, &l, params->label);
}

enum pod_status pod_fatdisk_place(const struct pod_fatdisk *d, const char *path, uint64_t *start, uint64_t *size)
{
	uint32_t at = find(d, path);
	if (!at || d->node[at].is_dir)
		return POD_E_NOT_FOUND;
	*start = d->node[at].start_bytes;
	*size = d->node[at].size_bytes;
	return POD_OK;
}

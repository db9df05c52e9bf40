/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing files to FAT16 and FAT32 volumes so that power may fail at any write: the order is told in fat_write.h. */
#include "core/fs/fat_write.h"
#include "core/fs/fat_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define ENTRY	  32u
#define FAT_MAX	  (16u << 20) /* bytes of FAT held in memory */
#define FILES_MAX 64u
#define CHUNK	  4096u
#define LFN_UNITS 13u /* UTF-16 units in an entry that is a piece of a long name */
#define ALIAS_MAX 999u

static const uint8_t zeros[CHUNK];

static const struct pod_fat_geometry *geo(const struct pod_fatw *w)
{
	return pod_fat_geometry(&w->fs);
}

/* --- the FAT in memory -------------------------------------------------------------------------------- */

static uint32_t fat_get(const struct pod_fatw *w, uint32_t cluster)
{
	return geo(w)->bits == 16 ? pod_get_le16(w->fat + (size_t)cluster * 2)
				  : pod_get_le32(w->fat + (size_t)cluster * 4) & 0x0FFFFFFF;
}

static void fat_set(struct pod_fatw *w, uint32_t cluster, uint32_t value)
{
	size_t off = (size_t)cluster * (geo(w)->bits / 8);
	if (geo(w)->bits == 16)
		pod_put_le16(w->fat + off, (uint16_t)value);
	else /* the upper four bits are not ours */
		pod_put_le32(w->fat + off, (pod_get_le32(w->fat + off) & 0xF0000000) | (value & 0x0FFFFFFF));
	uint32_t sector = (uint32_t)(off >> geo(w)->sector_shift);
	if (w->dirty_from == w->dirty_to) {
		w->dirty_from = sector;
		w->dirty_to = sector + 1;
		return;
	}
	if (sector < w->dirty_from)
		w->dirty_from = sector;
	if (sector >= w->dirty_to)
		w->dirty_to = sector + 1;
}

static uint32_t chain_end(const struct pod_fatw *w)
{
	return geo(w)->bits == 16 ? 0xFFFF : 0x0FFFFFFF;
}

/* The next cluster, 0 at the end of the chain; POD_E_CORRUPT for anything that is no chain. */
static enum pod_status chain_next(const struct pod_fatw *w, uint32_t cluster, uint32_t *next)
{
	uint32_t v = fat_get(w, cluster);
	*next = 0;
	if (v >= chain_end(w) - 7)
		return POD_OK;
	if (v < 2 || v - 2 >= geo(w)->cluster_count)
		return POD_E_CORRUPT;
	*next = v;
	return POD_OK;
}

/* FAT32 keeps a free count and a hint; stale after a power failure, which fsck puts right and nobody trusts. */
static enum pod_status write_info(struct pod_fatw *w)
{
	const struct pod_fat_geometry *g = geo(w);
	if (g->bits != 32 || !g->info_sector || g->info_sector == 0xFFFF || g->info_sector << g->sector_shift >= g->fat_bytes)
		return POD_OK;
	uint8_t *b = w->alloc->alloc(w->alloc, g->sector_size);
	if (!b)
		return POD_E_NOMEM;
	uint64_t at = (uint64_t)g->info_sector << g->sector_shift;
	uint32_t free_count = 0, hint = 0;
	for (uint32_t c = 2; c - 2 < g->cluster_count; c++) {
		if (fat_get(w, c))
			continue;
		free_count++;
		if (!hint)
			hint = c;
	}
	enum pod_status st = pod_dev_read(w->fs.dev, at, b, g->sector_size);
	if (st == POD_OK && pod_get_le32(b) == 0x41615252 && pod_get_le32(b + 484) == 0x61417272) {
		pod_put_le32(b + 488, free_count);
		pod_put_le32(b + 492, hint ? hint : 2);
		st = pod_dev_write(w->fs.dev, at, b, g->sector_size);
	}
	pod_free(w->alloc, b);
	return st;
}

/* Writes what changed to every FAT, the one that is read first, and waits until it is on the medium. */
static enum pod_status flush_fat(struct pod_fatw *w)
{
	const struct pod_fat_geometry *g = geo(w);
	size_t from = (size_t)w->dirty_from << g->sector_shift, to = (size_t)w->dirty_to << g->sector_shift;
	uint64_t one_fat = (uint64_t)g->fat_sectors << g->sector_shift;
	if (from == to)
		return POD_OK;
	pod_fat_forget(&w->fs);
	for (uint32_t i = 0; i < g->fat_count; i++)
		POD_TRY(pod_dev_write(w->fs.dev, g->fat_bytes + i * one_fat + from, w->fat + from, to - from));
	w->dirty_from = w->dirty_to = 0;
	POD_TRY(write_info(w));
	return pod_dev_flush(w->fs.dev);
}

static enum pod_status find_run(const struct pod_fatw *w, uint32_t need, uint32_t *first)
{
	uint32_t run = 0;
	for (uint32_t c = 2; c - 2 < geo(w)->cluster_count; c++) {
		run = fat_get(w, c) ? 0 : run + 1;
		if (run == need) {
			*first = c - need + 1;
			return POD_OK;
		}
	}
	return POD_E_NOSPACE;
}

static void link_run(struct pod_fatw *w, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		fat_set(w, first + i, i + 1 < count ? first + i + 1 : chain_end(w));
}

static enum pod_status free_chain(struct pod_fatw *w, uint32_t cluster)
{
	for (uint32_t steps = 0; cluster >= 2 && cluster - 2 < geo(w)->cluster_count; steps++) {
		uint32_t next;
		if (steps > geo(w)->cluster_count)
			return POD_E_CORRUPT;
		POD_TRY(chain_next(w, cluster, &next));
		fat_set(w, cluster, 0);
		cluster = next;
	}
	return POD_OK;
}

static uint32_t clusters_for(const struct pod_fatw *w, uint32_t len)
{
	return (uint32_t)(((uint64_t)len + (1ull << geo(w)->cluster_shift) - 1) >> geo(w)->cluster_shift);
}

/* --- what an interrupted call left behind ------------------------------------------------------------- */

struct marking {
	struct pod_fatw *w;
	uint8_t *used; /* one bit for each cluster number */
	struct pod_dirent *dirent;
};

static enum pod_status mark_chain(struct marking *m, uint32_t cluster)
{
	if (!cluster)
		return POD_OK;
	if (cluster < 2 || cluster - 2 >= geo(m->w)->cluster_count)
		return POD_E_CORRUPT;
	while (cluster) {
		uint8_t bit = (uint8_t)(1u << (cluster & 7));
		if (m->used[cluster >> 3] & bit)
			return POD_E_CORRUPT; /* a loop, or two files on one cluster */
		m->used[cluster >> 3] |= bit;
		uint32_t next;
		POD_TRY(chain_next(m->w, cluster, &next));
		cluster = next;
	}
	return POD_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): POD_DEPTH_MAX deep */
static enum pod_status mark_tree(struct marking *m, const struct pod_node *node, uint32_t depth)
{
	struct pod_dir dir;
	enum pod_status st;
	if (depth > POD_DEPTH_MAX)
		return POD_E_LIMIT;
	POD_TRY(mark_chain(m, pod_fat_cluster(node)));
	POD_TRY(pod_dir_open(&dir, &m->w->fs, node));
	while ((st = m->w->fs.ops->readdir(&dir, m->dirent)) == POD_OK) {
		struct pod_node n = m->dirent->node;
		if (n.is_dir)
			POD_TRY(mark_tree(m, &n, depth + 1));
		else
			POD_TRY(mark_chain(m, pod_fat_cluster(&n)));
	}
	return st == POD_END ? POD_OK : st;
}

/* The second FAT must say what the first says. */
static enum pod_status compare_fats(struct pod_fatw *w)
{
	const struct pod_fat_geometry *g = geo(w);
	uint8_t *b = w->alloc->alloc(w->alloc, g->sector_size);
	enum pod_status st = b ? POD_OK : POD_E_NOMEM;
	for (uint32_t copy = 1; st == POD_OK && copy < g->fat_count; copy++) {
		uint64_t at = g->fat_bytes + (((uint64_t)copy * g->fat_sectors) << g->sector_shift);
		for (uint32_t off = 0; st == POD_OK && off < w->fat_len; off += g->sector_size) {
			st = pod_dev_read(w->fs.dev, at + off, b, g->sector_size);
			uint32_t sector = off >> g->sector_shift;
			if (st == POD_OK && memcmp(b, w->fat + off, g->sector_size) != 0) {
				w->dirty_from = w->dirty_from == w->dirty_to || sector < w->dirty_from ? sector : w->dirty_from;
				w->dirty_to = sector >= w->dirty_to ? sector + 1 : w->dirty_to;
			}
		}
	}
	pod_free(w->alloc, b);
	return st;
}

static enum pod_status reclaim(struct pod_fatw *w)
{
	struct pod_node root = {0};
	struct marking m = {.w = w};
	uint32_t bad = chain_end(w) - 8;
	m.used = pod_zalloc(w->alloc, ((size_t)geo(w)->cluster_count + 2 + 7) / 8, 1);
	m.dirent = pod_zalloc(w->alloc, 1, sizeof *m.dirent);
	enum pod_status st = m.used && m.dirent ? w->fs.ops->root(&w->fs, &root) : POD_E_NOMEM;
	if (st == POD_OK)
		st = mark_tree(&m, &root, 0);
	if (st == POD_OK)
		st = compare_fats(w);
	for (uint32_t c = 2; st == POD_OK && c - 2 < geo(w)->cluster_count; c++) {
		uint32_t v = fat_get(w, c);
		if (v && v != bad && !(m.used[c >> 3] & 1u << (c & 7))) {
			fat_set(w, c, 0);
			w->reclaimed++;
		}
	}
	pod_free(w->alloc, m.used);
	pod_free(w->alloc, m.dirent);
	return st == POD_OK ? flush_fat(w) : st;
}

/* --- opening ------------------------------------------------------------------------------------------ */

static enum pod_status load_fat(struct pod_fatw *w, struct pod_diag *diag)
{
	const struct pod_fat_geometry *g = geo(w);
	if (g->bits == 12)
		return pod_fail(diag, POD_E_UNSUPPORTED, "FAT type", 0, 16, 12);
	uint64_t len = (uint64_t)g->fat_sectors << g->sector_shift;
	/* Behind the entries of existing clusters nothing matters. */
	uint64_t need = pod_align_up(((uint64_t)g->cluster_count + 2) * (g->bits / 8), g->sector_size);
	len = pod_min_u64(len, need);
	if (len > FAT_MAX)
		return pod_fail(diag, POD_E_LIMIT, "size of the FAT", g->fat_bytes, FAT_MAX, len);
	w->fat_len = (uint32_t)len;
	w->fat = w->alloc->alloc(w->alloc, w->fat_len);
	return w->fat ? pod_dev_read(w->fs.dev, g->fat_bytes, w->fat, w->fat_len) : POD_E_NOMEM;
}

enum pod_status pod_fatw_open(struct pod_fatw *w, struct pod_dev *dev, struct pod_alloc *a, uint16_t date, uint16_t time,
			      struct pod_diag *diag)
{
	memset(w, 0, sizeof *w);
	w->alloc = a;
	w->date = date;
	w->time = time;
	POD_TRY(pod_fs_open_as(&w->fs, &pod_fs_fat, dev, a, diag));
	enum pod_status st = load_fat(w, diag);
	/* A mirror switched off (FAT32 flags) is nothing of ours. */
	if (st == POD_OK && geo(w)->single_fat)
		st = pod_fail(diag, POD_E_UNSUPPORTED, "BPB_ExtFlags", 40, 0, 0x80);
	if (st == POD_OK && geo(w)->total_bytes > dev->size_bytes)
		st = pod_fail(diag, POD_E_CORRUPT, "BPB_TotSec", 32, dev->size_bytes, geo(w)->total_bytes);
	if (st == POD_OK)
		st = reclaim(w);
	if (st != POD_OK)
		pod_fatw_close(w);
	return st;
}

void pod_fatw_close(struct pod_fatw *w)
{
	if (!w || !w->alloc)
		return;
	pod_free(w->alloc, w->fat);
	pod_fs_close(&w->fs);
	memset(w, 0, sizeof *w);
}

/* --- entries ------------------------------------------------------------------------------------------ */

static bool is_short_char(char c)
{
	if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c == '_' || c == '-' || c == '~' || c == '$' || c == '!' || c == '#' || c == '&';
}

/* "NAME.EXT" to the 11 bytes of an entry. */
static bool pack_name(const char *name, uint8_t out[11])
{
	size_t i = 0, n = 0;
	memset(out, ' ', 11);
	while (is_short_char(name[i]) && n < 8)
		out[n++] = (uint8_t)name[i++];
	if (!n)
		return false;
	if (name[i] == '.') {
		i++;
		for (n = 8; is_short_char(name[i]) && n < 11; n++)
			out[n] = (uint8_t)name[i++];
		if (n == 8)
			return false;
	}
	return !name[i];
}

static void fill_entry(const struct pod_fatw *w, uint8_t *e, const uint8_t name[11], uint8_t attr, uint32_t cluster,
		       uint32_t size)
{
	/* A replaced file keeps its attributes and its creation time. */
	if (name) {
		memset(e, 0, ENTRY);
		memcpy(e, name, 11);
		e[11] = attr;
		pod_put_le16(e + 14, w->time);
		pod_put_le16(e + 16, w->date);
	}
	pod_put_le16(e + 18, w->date);
	pod_put_le16(e + 20, (uint16_t)(cluster >> 16));
	pod_put_le16(e + 22, w->time);
	pod_put_le16(e + 24, w->date);
	pod_put_le16(e + 26, (uint16_t)cluster);
	pod_put_le32(e + 28, size);
}

/* Device offset of the index-th sector of a directory; POD_END behind the last. */
static enum pod_status dir_sector(const struct pod_fatw *w, const struct pod_node *dir, uint32_t index, uint64_t *at)
{
	const struct pod_fat_geometry *g = geo(w);
	uint32_t cluster = pod_fat_cluster(dir);
	uint64_t off = (uint64_t)index << g->sector_shift;
	if (g->bits == 16 && !cluster) {
		*at = g->root_bytes + off;
		return off < (uint64_t)g->root_entries * ENTRY ? POD_OK : POD_END;
	}
	for (uint64_t i = off >> g->cluster_shift; i; i--) {
		POD_TRY(chain_next(w, cluster, &cluster));
		if (!cluster)
			return POD_END;
	}
	*at = pod_fat_cluster_bytes(g, cluster) + (off & ((1ull << g->cluster_shift) - 1));
	return POD_OK;
}

/* One change of a directory sector under way. */
struct change {
	uint8_t name[11];
	uint16_t unit[POD_FATW_LONG_MAX]; /* the long name, if it has one */
	uint32_t units, pieces;		  /* entries in front of its own that hold the long name */
	int slot;			  /* number of its own entry in the sector, -1: none yet */
	bool exists;
	uint32_t first, clusters, old;
};

struct commit {
	struct pod_fatw *w;
	uint64_t at;	 /* the sector */
	uint8_t *sector; /* its content */
	struct change *change;
	uint32_t count;
};

static bool is_entry(const uint8_t *e, const uint8_t name[11])
{
	/* Neither a label nor a piece of a long name. */
	return e[0] && e[0] != 0xE5 && !(e[11] & 0x08) && memcmp(e, name, 11) == 0;
}

/* Behind the end of a directory everything is free, whatever it holds. */
static bool is_free(const uint8_t *sector, uint32_t slot, uint32_t slots)
{
	for (uint32_t s = 0; s < slots && s < slot; s++)
		if (!sector[s * ENTRY])
			return true;
	return !sector[slot * ENTRY] || sector[slot * ENTRY] == 0xE5;
}

/* Fits the changes into the sector that c->sector holds: existing entries keep their place, new ones take free slots. Returns how
 * many found a place. *existing: how many were there before; *ended: the directory ends in this sector. */
static uint32_t fit(struct commit *c, uint32_t *existing, bool *ended)
{
	uint32_t slots = geo(c->w)->sector_size / ENTRY, next = 0, placed = 0;
	*existing = 0;
	*ended = false;
	for (uint32_t s = 0; s < slots && !*ended; s++)
		*ended = c->sector[s * ENTRY] == 0;
	for (uint32_t i = 0; i < c->count; i++) {
		struct change *ch = &c->change[i];
		ch->slot = -1;
		ch->exists = false;
		for (uint32_t s = 0; s < slots && c->sector[s * ENTRY]; s++) {
			if (is_entry(c->sector + s * ENTRY, ch->name)) {
				ch->slot = (int)s;
				ch->exists = true;
				(*existing)++;
				placed++;
				break;
			}
		}
	}
	for (uint32_t i = 0; i < c->count; i++) {
		struct change *ch = &c->change[i];
		uint32_t run = 0;
		if (ch->exists)
			continue;
		for (; next < slots && run <= ch->pieces; next++)
			run = is_free(c->sector, next, slots) ? run + 1 : 0;
		if (run > ch->pieces) {
			ch->slot = (int)next - 1;
			placed++;
		}
	}
	return placed;
}

/* The rest of the sector in which a directory ends, c->sector, becomes deleted entries, so that it ends with the next one: long names
 * must not be torn apart. What is behind the end is zeros in every directory of ours; elsewhere it could be anything. */
static enum pod_status use_up(struct commit *c, const struct pod_node *dir, uint32_t index)
{
	uint32_t slots = geo(c->w)->sector_size / ENTRY;
	uint64_t next, at;
	uint8_t first;
	enum pod_status st = dir_sector(c->w, dir, index + 1, &next);
	if (st != POD_OK)
		return st == POD_END ? POD_E_NOSPACE : st;
	POD_TRY(dir_sector(c->w, dir, index, &at));
	POD_TRY(pod_dev_read(c->w->fs.dev, next, &first, 1));
	if (first)
		return POD_E_NOSPACE;
	for (uint32_t s = 0; s < slots; s++)
		if (!c->sector[s * ENTRY])
			c->sector[s * ENTRY] = 0xE5;
	pod_fat_forget(&c->w->fs);
	POD_TRY(pod_dev_write(c->w->fs.dev, at, c->sector, geo(c->w)->sector_size));
	return pod_dev_flush(c->w->fs.dev);
}

/* Chooses the sector: the one that holds entries already, else the first with room. Leaves it in c->sector, slots set. */
static enum pod_status choose_sector(struct commit *c, const struct pod_node *dir)
{
	uint32_t room_at = UINT32_MAX, home = UINT32_MAX, existing;
	bool ended = false;
	for (uint32_t i = 0; !ended; i++) {
		enum pod_status st = dir_sector(c->w, dir, i, &c->at);
		if (st == POD_END)
			break;
		if (st == POD_OK)
			st = pod_dev_read(c->w->fs.dev, c->at, c->sector, geo(c->w)->sector_size);
		if (st != POD_OK)
			return st;
		uint32_t placed = fit(c, &existing, &ended);
		if (existing && home != UINT32_MAX)
			return POD_E_UNSUPPORTED; /* entries in two sectors cannot change in one write */
		if (existing)
			home = i;
		if (placed == c->count && room_at == UINT32_MAX)
			room_at = i;
		if (ended && home == UINT32_MAX && room_at == UINT32_MAX) {
			POD_TRY(use_up(c, dir, i));
			ended = false;
		}
	}
	uint32_t want = home != UINT32_MAX ? home : room_at;
	if (want == UINT32_MAX)
		return POD_E_NOSPACE;
	POD_TRY(dir_sector(c->w, dir, want, &c->at));
	POD_TRY(pod_dev_read(c->w->fs.dev, c->at, c->sector, geo(c->w)->sector_size));
	return fit(c, &existing, &ended) == c->count ? POD_OK : POD_E_UNSUPPORTED;
}

/* --- names -------------------------------------------------------------------------------------------- */

/* What a long name may not hold (FAT 1.03, "Long File Name Naming"). */
static bool is_long_name(const char *name)
{
	size_t n = pod_strlen(name);
	if (!n || name[n - 1] == ' ' || name[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		for (const char *bad = "\"*/:<>?\\|"; *bad; bad++)
			if (name[i] == *bad || (uint8_t)name[i] < 0x20)
				return false;
	return true;
}

/* "bootmgfw.efi.mui", 1 -> "BOOTMG~1MUI": what is no letter or digit is left out. */
static void make_alias(const char *name, uint32_t number, uint8_t out[11])
{
	char tail[8];
	size_t dot = 0, n = 0, keep = 8 - (size_t)pod_snprintf(tail, sizeof tail, "~%u", (unsigned)number);
	memset(out, ' ', 11);
	for (size_t i = 1; name[i]; i++)
		if (name[i] == '.')
			dot = i;
	for (size_t i = 0; name[i] && (!dot || i < dot) && n < keep; i++) {
		char c = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 32) : name[i];
		if (is_short_char(c) && c != '~')
			out[n++] = (uint8_t)c;
	}
	for (size_t i = 0; tail[i]; i++)
		out[n++] = (uint8_t)tail[i];
	n = 8;
	for (size_t i = dot; dot && name[i] && n < 11; i++) {
		char c = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 32) : name[i];
		if (is_short_char(c) && c != '~')
			out[n++] = (uint8_t)c;
	}
}

/* Is a short name in use, in the directory or by a change in front of the i-th? Borrows c->sector. */
static enum pod_status short_name_used(struct commit *c, uint32_t i, const struct pod_node *dir, const uint8_t name[11],
				       bool *used)
{
	uint32_t slots = geo(c->w)->sector_size / ENTRY;
	*used = false;
	for (uint32_t k = 0; k < i; k++)
		*used |= memcmp(c->change[k].name, name, 11) == 0;
	for (uint32_t at = 0; !*used; at++) {
		uint64_t where;
		enum pod_status st = dir_sector(c->w, dir, at, &where);
		if (st == POD_END)
			break;
		POD_TRY(st);
		POD_TRY(pod_dev_read(c->w->fs.dev, where, c->sector, geo(c->w)->sector_size));
		for (uint32_t s = 0; s < slots; s++) {
			if (!c->sector[s * ENTRY])
				return POD_OK;
			*used |= is_entry(c->sector + s * ENTRY, name);
		}
	}
	return POD_OK;
}

/* A long name is only ever a new one. */
static enum pod_status is_new(struct pod_fatw *w, const struct pod_node *dir, const char *name)
{
	struct pod_dirent *e = pod_zalloc(w->alloc, 1, sizeof *e);
	struct pod_dir d;
	enum pod_status st = e ? pod_dir_open(&d, &w->fs, dir) : POD_E_NOMEM;
	while (st == POD_OK && (st = pod_dir_next(&d, e)) == POD_OK)
		if (pod_strcasecmp(e->name, name) == 0)
			st = POD_E_EXISTS;
	pod_free(w->alloc, e);
	return st == POD_END ? POD_OK : st;
}

/* The short name of the i-th change and, if `name` is none, its long one. */
static enum pod_status take_name(struct commit *c, uint32_t i, const struct pod_node *dir, const char *name)
{
	struct change *ch = &c->change[i];
	bool used = true;
	size_t units = 0;
	if (pack_name(name, ch->name))
		return POD_OK;
	if (!is_long_name(name))
		return POD_E_INVALID;
	POD_TRY(pod_utf8_to_utf16(name, ch->unit, POD_ARRAY_LEN(ch->unit), &units));
	ch->units = (uint32_t)units;
	ch->pieces = (ch->units + LFN_UNITS - 1) / LFN_UNITS;
	POD_TRY(is_new(c->w, dir, name));
	for (uint32_t n = 1; used && n <= ALIAS_MAX; n++) {
		make_alias(name, n, ch->name);
		POD_TRY(short_name_used(c, i, dir, ch->name, &used));
	}
	return used ? POD_E_LIMIT : POD_OK;
}

/* The pieces of a long name, the last one first, in front of its own entry. */
static void fill_pieces(uint8_t *sector, const struct change *ch)
{
	static const uint8_t place[LFN_UNITS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	uint8_t sum = 0;
	for (size_t i = 0; i < 11; i++)
		sum = (uint8_t)((sum >> 1 | sum << 7) + ch->name[i]);
	for (uint32_t p = 0; p < ch->pieces; p++) {
		uint8_t *e = sector + ((uint32_t)ch->slot - 1 - p) * ENTRY;
		memset(e, 0, ENTRY);
		e[0] = (uint8_t)(p + 1 == ch->pieces ? 0x40 | (p + 1) : p + 1);
		e[11] = 0x0F;
		e[13] = sum;
		for (uint32_t k = 0; k < LFN_UNITS; k++) {
			uint32_t u = p * LFN_UNITS + k;
			pod_put_le16(e + place[k], u < ch->units ? ch->unit[u] : u == ch->units ? 0 : 0xFFFF);
		}
	}
}

/* --- data --------------------------------------------------------------------------------------------- */

/* Writes `len` bytes and zeros up to the end of the run. */
static enum pod_status write_data(struct pod_fatw *w, uint32_t first, uint32_t clusters, const uint8_t *data, uint32_t len)
{
	const struct pod_fat_geometry *g = geo(w);
	uint64_t at = pod_fat_cluster_bytes(g, first), end = at + ((uint64_t)clusters << g->cluster_shift);
	uint32_t whole = data ? len & ~(g->sector_size - 1) : 0, rest = data ? len - whole : 0;
	if (whole)
		POD_TRY(pod_dev_write(w->fs.dev, at, data, whole));
	at += whole;
	if (rest) {
		uint8_t *b = pod_zalloc(w->alloc, 1, g->sector_size);
		if (!b)
			return POD_E_NOMEM;
		memcpy(b, data + whole, rest);
		enum pod_status st = pod_dev_write(w->fs.dev, at, b, g->sector_size);
		pod_free(w->alloc, b);
		POD_TRY(st);
		at += g->sector_size;
	}
	while (at < end) {
		size_t n = (size_t)pod_min_u64(end - at, sizeof zeros);
		POD_TRY(pod_dev_write(w->fs.dev, at, zeros, n));
		at += n;
	}
	return POD_OK;
}

/* Takes clusters in memory only: nothing is on the medium until flush_fat. */
static enum pod_status take_run(struct pod_fatw *w, struct change *ch, uint32_t len)
{
	ch->clusters = clusters_for(w, len);
	ch->first = 0;
	if (!ch->clusters)
		return POD_OK;
	POD_TRY(find_run(w, ch->clusters, &ch->first));
	link_run(w, ch->first, ch->clusters);
	return POD_OK;
}

/* The sector becomes current, then the old chains go. */
static enum pod_status make_current(struct commit *c)
{
	struct pod_fatw *w = c->w;
	pod_fat_forget(&w->fs);
	POD_TRY(pod_dev_write(w->fs.dev, c->at, c->sector, geo(w)->sector_size));
	POD_TRY(pod_dev_flush(w->fs.dev));
	for (uint32_t i = 0; i < c->count; i++)
		POD_TRY(free_chain(w, c->change[i].old));
	return flush_fat(w);
}

/* Undoes take_run after a failure before the sector was written. If that fails too, the next open reclaims. */
static void give_back(struct commit *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		for (uint32_t k = 0; c->change[i].first && k < c->change[i].clusters; k++)
			fat_set(c->w, c->change[i].first + k, 0);
	(void)!flush_fat(c->w);
}

static enum pod_status put_files(struct commit *c, const struct pod_fatw_file *files)
{
	struct pod_fatw *w = c->w;
	for (uint32_t i = 0; i < c->count; i++)
		POD_TRY(take_run(w, &c->change[i], files[i].len));
	for (uint32_t i = 0; i < c->count; i++)
		if (c->change[i].clusters)
			POD_TRY(write_data(w, c->change[i].first, c->change[i].clusters, files[i].data, files[i].len));
	POD_TRY(pod_dev_flush(w->fs.dev));
	POD_TRY(flush_fat(w));
	for (uint32_t i = 0; i < c->count; i++) {
		struct change *ch = &c->change[i];
		uint8_t *e = c->sector + (uint32_t)ch->slot * ENTRY;
		if (ch->exists) {
			if (e[11] & 0x10)
				return POD_E_EXISTS; /* a directory of that name */
			ch->old = pod_get_le16(e + 26) | (geo(w)->bits == 32 ? (uint32_t)pod_get_le16(e + 20) << 16 : 0);
		}
		fill_pieces(c->sector, ch);
		fill_entry(w, e, ch->exists ? NULL : ch->name, 0x20, ch->first, files[i].len);
	}
	return POD_OK;
}

static enum pod_status find_dir(struct pod_fatw *w, const char *path, struct pod_node *dir)
{
	struct pod_dirent *scratch = pod_zalloc(w->alloc, 1, sizeof *scratch);
	if (!scratch)
		return POD_E_NOMEM;
	enum pod_status st = pod_fs_lookup(&w->fs, path, dir, scratch);
	pod_free(w->alloc, scratch);
	return st == POD_OK && !dir->is_dir ? POD_E_INVALID : st;
}

static void commit_fini(struct commit *c)
{
	pod_free(c->w->alloc, c->sector);
	pod_free(c->w->alloc, c->change);
}

/* What was written to free clusters becomes current, or they are free again. `st`: of writing it. */
static enum pod_status commit_end(struct commit *c, enum pod_status st)
{
	if (st == POD_OK)
		return make_current(c);
	give_back(c);
	return st;
}

static enum pod_status commit_init(struct commit *c, struct pod_fatw *w, uint32_t count)
{
	*c = (struct commit){.w = w, .count = count};
	c->sector = w->alloc->alloc(w->alloc, geo(w)->sector_size);
	c->change = pod_zalloc(w->alloc, count, sizeof *c->change);
	if (c->sector && c->change)
		return POD_OK;
	commit_fini(c);
	return POD_E_NOMEM;
}

enum pod_status pod_fatw_put(struct pod_fatw *w, const char *dir, const struct pod_fatw_file *files, uint32_t count)
{
	struct commit c;
	struct pod_node node;
	if (!count || count > FILES_MAX)
		return POD_E_INVALID;
	POD_TRY(find_dir(w, dir, &node));
	POD_TRY(commit_init(&c, w, count));
	enum pod_status st = POD_OK;
	for (uint32_t i = 0; i < count && st == POD_OK; i++) {
		st = take_name(&c, i, &node, files[i].name);
		for (uint32_t k = 0; k < i && st == POD_OK; k++)
			if (memcmp(c.change[i].name, c.change[k].name, 11) == 0)
				st = POD_E_INVALID;
	}
	if (st == POD_OK)
		st = choose_sector(&c, &node);
	if (st == POD_OK)
		st = commit_end(&c, put_files(&c, files));
	commit_fini(&c);
	return st;
}

/* --- directories -------------------------------------------------------------------------------------- */

static enum pod_status new_dir(struct commit *c, const struct pod_node *parent)
{
	static const uint8_t dot[11] = ".          ", dotdot[11] = "..         ";
	struct pod_fatw *w = c->w;
	struct change *ch = &c->change[0];
	/* ".." of a directory in the root says 0, on FAT32 too. */
	struct pod_node root;
	POD_TRY(w->fs.ops->root(&w->fs, &root));
	uint32_t up = pod_fat_cluster(parent) == pod_fat_cluster(&root) ? 0 : pod_fat_cluster(parent);
	uint8_t entries[2 * ENTRY];
	POD_TRY(take_run(w, ch, 1));
	fill_entry(w, entries, dot, 0x10, ch->first, 0);
	fill_entry(w, entries + ENTRY, dotdot, 0x10, up, 0);
	POD_TRY(write_data(w, ch->first, 1, entries, sizeof entries));
	POD_TRY(pod_dev_flush(w->fs.dev));
	POD_TRY(flush_fat(w));
	fill_pieces(c->sector, ch);
	fill_entry(w, c->sector + (uint32_t)ch->slot * ENTRY, ch->name, 0x10, ch->first, 0);
	return POD_OK;
}

/* Splits "A/B/C" into the parent "A/B" and "C". */
static enum pod_status split_path(struct pod_fatw *w, const char *path, struct pod_node *parent, const char **name)
{
	char up[128];
	size_t cut = 0;
	while (*path == '/')
		path++;
	for (size_t i = 0; path[i]; i++)
		if (path[i] == '/')
			cut = i + 1;
	if (cut >= sizeof up)
		return POD_E_LIMIT;
	memcpy(up, path, cut);
	up[cut] = 0;
	*name = path + cut;
	return find_dir(w, up, parent);
}

enum pod_status pod_fatw_mkdir(struct pod_fatw *w, const char *path)
{
	struct commit c;
	struct pod_node parent, there;
	const char *name;
	enum pod_status st = find_dir(w, path, &there);
	if (st != POD_E_NOT_FOUND)
		return st == POD_E_INVALID ? POD_E_EXISTS : st;
	POD_TRY(split_path(w, path, &parent, &name));
	POD_TRY(commit_init(&c, w, 1));
	st = take_name(&c, 0, &parent, name);
	if (st == POD_OK)
		st = choose_sector(&c, &parent);
	if (st == POD_OK)
		st = commit_end(&c, new_dir(&c, &parent));
	commit_fini(&c);
	return st;
}

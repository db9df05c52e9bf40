/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FAT: clusters that no file uses, and files that are shown longer (place.h): the chain is shown with other links, in each copy of the
 * FAT, and the directory entry with another first cluster and another size. A further file gets an entry in the root folder that is not in
 * use. fat.c has the layout.
 */
#include "core/fs/fat_place.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/fs/fat.h"

enum { ENTRY_CLUSTER_HIGH = 20, ENTRY_CLUSTER = 26 /* and the size behind it */ };

static enum pod_status fat_next_free(struct pod_place *p, uint64_t from, struct pod_place_run *out)
{
	const struct pod_fat_geometry *g = pod_fat_geometry(p->fs);
	uint64_t room = p->fs->dev->size_bytes > g->data_bytes ? p->fs->dev->size_bytes - g->data_bytes : 0;
	uint32_t end = 2 + (uint32_t)pod_min_u64(g->cluster_count, room >> g->cluster_shift), first = end, c = 2;
	if (from > g->data_bytes)
		c += (uint32_t)pod_min_u64(end - 2, (from - g->data_bytes + (1u << g->cluster_shift) - 1) >> g->cluster_shift);
	for (; c < end; c++) {
		uint32_t next;
		if (c % POD_FS_LINKS_PER_STEP == 0)
			POD_TRY(pod_budget_spend(p->fs->dev->budget, 1, 0));
		enum pod_status st = pod_fat_next(p->fs, c, &next);
		if (st != POD_OK && st != POD_E_CORRUPT) /* a link that leads nowhere is no free cluster */
			return st;
		bool is_free = st == POD_OK && !next;
		if (is_free && first == end)
			first = c;
		else if (!is_free && first != end)
			break;
	}
	if (first == end)
		return POD_END;
	out->dev_bytes = pod_fat_cluster_bytes(g, first);
	out->length_bytes = (uint64_t)(c - first) << g->cluster_shift;
	return POD_OK;
}

/* In one copy of the FAT. */
static enum pod_status show_entry(struct pod_place *p, uint64_t fat, uint32_t cluster, uint32_t next)
{
	uint32_t bits = pod_fat_geometry(p->fs)->bits;
	uint64_t at = fat + (uint64_t)cluster * bits / 8;
	uint8_t b[4];
	size_t len = bits == 32 ? 4 : 2;
	POD_TRY(p->shown(p, at, b, len));
	if (bits == 32)
		pod_put_le32(b, (pod_get_le32(b) & 0xF0000000) | (next & 0x0FFFFFFF));
	else if (bits == 16)
		pod_put_le16(b, (uint16_t)next);
	else if (cluster & 1)
		pod_put_le16(b, (uint16_t)((pod_get_le16(b) & 0x000F) | (next & 0xFFF) << 4));
	else
		pod_put_le16(b, (uint16_t)((pod_get_le16(b) & 0xF000) | (next & 0xFFF)));
	return p->show(p, at, b, len);
}

static enum pod_status show_link(struct pod_place *p, uint32_t cluster, uint32_t next)
{
	const struct pod_fat_geometry *g = pod_fat_geometry(p->fs);
	for (uint32_t i = 0; i < (g->single_fat ? 1 : g->fat_count); i++)
		POD_TRY(show_entry(p, g->fat_bytes + ((uint64_t)i * g->fat_sectors << g->sector_shift), cluster, next));
	return POD_OK;
}

static uint32_t cluster_of(const struct pod_fat_geometry *g, uint64_t dev_bytes)
{
	return 2 + (uint32_t)((dev_bytes - g->data_bytes) >> g->cluster_shift);
}

static enum pod_status fat_point(struct pod_place *p, const struct pod_node *file, const struct pod_place_runs *runs,
				 uint64_t size)
{
	const struct pod_fat_geometry *g = pod_fat_geometry(p->fs);
	uint8_t b[6];
	if (size > UINT32_MAX)
		return POD_E_LIMIT;
	for (size_t i = 0; i < runs->count; i++) {
		const struct pod_place_run *r = &runs->run[i], *behind = i + 1 < runs->count ? r + 1 : NULL;
		uint32_t first = cluster_of(g, r->dev_bytes), last = cluster_of(g, r->dev_bytes + r->length_bytes) - 1;
		for (uint32_t c = first; c < last && !r->kept; c++)
			POD_TRY(show_link(p, c, c + 1));
		if (!behind || !r->kept || !behind->kept) /* those of the file's own lead on as they are */
			POD_TRY(show_link(p, last, behind ? cluster_of(g, behind->dev_bytes) : POD_FAT_END));
	}
	uint32_t first = cluster_of(g, runs->run[0].dev_bytes);
	pod_put_le16(b, (uint16_t)(first >> 16));
	if (g->bits == 32)
		POD_TRY(p->show(p, file->entry_bytes + ENTRY_CLUSTER_HIGH, b, 2));
	pod_put_le16(b, (uint16_t)first);
	pod_put_le32(b + 2, (uint32_t)size);
	return p->show(p, file->entry_bytes + ENTRY_CLUSTER, b, sizeof b);
}

/* --- a further file ---------------------------------------------------------------------------------------- */

enum { ENTRY = 32, SECTOR = 512, UNUSED = 0xE5, ARCHIVE = 0x20, DATE = 1 << 5 | 1 /* the first of January 1980 */ };

/* A place for an entry in the root folder. */
struct slot {
	uint64_t at;
	bool found;
};

/* `bytes` at `at` of the device are the folder's. POD_END: there it is. Behind one that ended the folder the next one, which may hold
 * anything, has to do so. */
static enum pod_status look_for_slot(struct pod_place *p, uint64_t at, uint64_t bytes, struct slot *s)
{
	static const uint8_t zero;
	uint8_t b[SECTOR];
	for (uint64_t done = 0; done < bytes; done += SECTOR) {
		POD_TRY(pod_budget_spend(p->fs->dev->budget, 1, 0));
		POD_TRY(p->shown(p, at + done, b, SECTOR));
		for (uint32_t in = 0; in < SECTOR; in += ENTRY) {
			if (s->found) {
				POD_TRY(b[in] ? p->show(p, at + done + in, &zero, 1) : POD_OK);
				return POD_END;
			}
			if (b[in] && b[in] != UNUSED)
				continue;
			s->at = at + done + in;
			s->found = true;
			if (b[in] == UNUSED)
				return POD_END;
		}
	}
	return POD_OK;
}

static enum pod_status find_slot(struct pod_place *p, struct slot *s)
{
	const struct pod_fat_geometry *g = pod_fat_geometry(p->fs);
	enum pod_status st;
	if (g->bits != 32) {
		st = look_for_slot(p, g->root_bytes, (uint64_t)g->root_entries * ENTRY, s);
	} else {
		uint32_t left = (2u << 20) >> g->cluster_shift; /* a folder has at most 65536 entries */
		st = POD_OK;
		for (uint32_t c = g->root_cluster; st == POD_OK && c != POD_FAT_END && left; left--) {
			if (c < 2 || c - 2 >= g->cluster_count)
				return POD_E_CORRUPT;
			st = look_for_slot(p, pod_fat_cluster_bytes(g, c), 1u << g->cluster_shift, s);
			if (st == POD_OK)
				POD_TRY(pod_fat_next(p->fs, c, &c));
		}
	}
	if (st != POD_OK && st != POD_END)
		return st;
	return s->found ? POD_OK : POD_E_NOSPACE;
}

static enum pod_status fat_add(struct pod_place *p, const struct pod_place_runs *runs, uint64_t size, const char **path,
			       struct pod_node *file)
{
	static const uint8_t name[11] = {'I', 'S', 'O', 'P', 'O', 'D', ' ', ' ', 'C', 'P', 'I'};
	struct slot s = {.found = false};
	uint8_t entry[ENTRY] = {0};
	POD_TRY(find_slot(p, &s));
	memcpy(entry, name, sizeof name);
	entry[sizeof name] = ARCHIVE;
	pod_put_le16(entry + 24, DATE);
	POD_TRY(p->show(p, s.at, entry, sizeof entry));
	*file = (struct pod_node){.entry_bytes = s.at, .entry_len = ENTRY, .size_bytes = size};
	*path = "isopod.cpi";
	return fat_point(p, file, runs, size);
}

const struct pod_place_ops pod_place_fat = {.fs = &pod_fs_fat, .next_free = fat_next_free, .point = fat_point, .add = fat_add};

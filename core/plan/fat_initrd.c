/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving the initrds that a loader reads from inside the FAT of an El Torito image (systemd-boot, EFI stub, archiso).
 *
 * A FAT cannot grow in place: its table ends where the data begins. So the volume is served anew, past the end of the image, with
 * the original's data area in it by reference (Microsoft FAT specification 1.03, sections 3.1 to 3.5 and 6):
 *
 *   [reserved sectors, patched][a larger table, once for each copy][root directory][data area][added clusters]
 *
 * The added clusters hold, per initrd, the archive before it, its last partial cluster with zeros behind, and the archive after
 * it; its chain runs through them and through its own old clusters. The cluster count decides the type, so a FAT12 or FAT16 that
 * grows over its limit becomes FAT16 or FAT32. The boot catalogue's entry (El Torito 1.0, table 4) is re-pointed.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum {
	SECTOR = 2048,
	CLUSTERS_MAX = 1 << 20,
	FAT12_MAX = 4084, /* largest cluster counts of the types, section 3.5 */
	FAT16_MAX = 65524,
	FAT32_RESERVED = 32, /* a volume that becomes FAT32: reserved sectors, and where among them */
	FSINFO_AT = 1,	     /* the FSInfo sector */
	BACKUP_AT = 6,	     /* and the copy of the boot sector lie */
};

struct geometry {
	uint32_t bytes_per_sector, reserved, fats, root_bytes, cluster_bytes, fat_sectors;
	uint32_t clusters;		   /* data clusters; they are numbered from 2 */
	uint32_t width;			   /* bits of a table entry: 12, 16 or 32 */
	uint64_t fat_at, root_at, data_at; /* from the volume's first byte */
};

struct item {
	struct pod_found file;
	char found_by[96];
	uint32_t first, size;	      /* of the served one: first cluster, bytes */
	struct pod_uki *uki;	      /* it is no initrd, but has one; NULL */
	struct pod_menu_served *menu; /* it is a boot menu; NULL */
};

struct job {
	struct pod_handover *h;
	struct pod_dev *vol; /* the FAT as it lies in the image */
	uint64_t base;	     /* its place on the virtual disk */
	struct pod_scan scan;
	struct item *item;
	size_t count, cap;
	uint32_t initrds; /* in all of them */
	struct geometry old, new;
	uint32_t *next; /* the table, one entry a cluster number */
	uint32_t entries, used;
	struct pod_map added; /* what the added clusters show, as segments of the plan's own map */
	uint64_t new_base;
	bool geometry_read; /* before that nothing of the virtual disk is changed */
};

/* An item with this many initrds; one more than are served is left out, and then j->count stays. */
static enum pod_status add_item(struct job *j, const struct pod_found *f, const char *found_by, uint32_t initrds)
{
	void *v = j->item;
	if (j->count == POD_PLAN_INITRD_MAX || j->h->plan->initrd_count + j->initrds + initrds > POD_PLAN_INITRD_MAX) {
		if (initrds)
			pod_plan_warn(j->h->plan, "More than %d initrds: the rest is served unchanged.", POD_PLAN_INITRD_MAX);
		return POD_OK;
	}
	enum pod_status st =
		pod_grow(j->h->plan->alloc, &v, j->count, &j->cap, j->count + 1, sizeof *j->item, POD_PLAN_INITRD_MAX);
	j->item = v;
	if (st == POD_OK) {
		j->item[j->count] = (struct item){.file = *f};
		pod_strlcpy(j->item[j->count++].found_by, found_by, sizeof j->item->found_by);
		j->initrds += initrds;
	}
	return st;
}

static enum pod_status collect(void *ctx, const struct pod_found *f, const char *found_by)
{
	return add_item(ctx, f, found_by, 1);
}

/* Takes over what is served. */
static enum pod_status collect_uki(void *ctx, const struct pod_found *f, struct pod_uki *uki)
{
	struct job *j = ctx;
	size_t before = j->count;
	POD_TRY(add_item(j, f, "", uki->initrd_count));
	if (j->count == before) {
		pod_arguments_lost(j->h->plan, f, uki);
		return POD_OK;
	}
	struct pod_uki *mine = pod_zalloc(j->h->plan->alloc, 1, sizeof *mine);
	if (!mine)
		return POD_E_NOMEM;
	*mine = *uki;
	pod_map_init(&uki->served, j->h->plan->alloc);
	j->item[before].uki = mine;
	return POD_OK;
}

static enum pod_status collect_menu(void *ctx, const struct pod_found *f, struct pod_menu_served *menu)
{
	struct job *j = ctx;
	size_t before = j->count;
	POD_TRY(add_item(j, f, "", 0));
	if (j->count == before) {
		pod_arguments_refuse(j->h, &j->scan, f);
		return POD_OK;
	}
	struct pod_menu_served *mine = pod_zalloc(j->h->plan->alloc, 1, sizeof *mine);
	if (!mine)
		return POD_E_NOMEM;
	*mine = *menu;
	pod_map_init(&menu->map, j->h->plan->alloc);
	j->item[before].menu = mine;
	return POD_OK;
}

/* What is shown of an item in the place of all of its file, and how long that is then; NULL: it is an initrd. */
static const struct pod_map *whole(const struct item *it, uint64_t *size)
{
	if (it->menu) {
		*size = it->menu->size_bytes;
		return &it->menu->map;
	}
	*size = it->uki ? it->uki->served.size_bytes : 0;
	return it->uki ? &it->uki->served : NULL;
}

static uint32_t log2_of(uint32_t v)
{
	uint32_t n = 0;
	while (n < 31 && 1u << n < v)
		n++;
	return n;
}

/* The reader has opened the volume before, so its fields make sense; what counts here is checked again. */
static enum pod_status read_geometry(struct pod_dev *vol, struct geometry *g)
{
	uint8_t b[512];
	POD_TRY(pod_dev_read(vol, 0, b, sizeof b));
	g->bytes_per_sector = pod_get_le16(b + 11);
	uint32_t spc = b[13];
	g->reserved = pod_get_le16(b + 14);
	g->fats = b[16];
	g->fat_sectors = pod_get_le16(b + 22) ? pod_get_le16(b + 22) : pod_get_le32(b + 36);
	uint64_t total = pod_get_le16(b + 19) ? pod_get_le16(b + 19) : pod_get_le32(b + 32);
	if (g->bytes_per_sector < 512 || g->bytes_per_sector > 4096 || (g->bytes_per_sector & (g->bytes_per_sector - 1)) ||
	    !spc || (spc & (spc - 1)) || !g->fats || g->fats > 4)
		return POD_E_CORRUPT;
	uint32_t shift = log2_of(g->bytes_per_sector);
	g->cluster_bytes = spc << shift;
	g->root_bytes = (uint32_t)pod_align_up(pod_get_le16(b + 17) * 32u, g->bytes_per_sector);
	g->fat_at = (uint64_t)g->reserved << shift;
	g->root_at = g->fat_at + ((uint64_t)g->fats * g->fat_sectors << shift);
	g->data_at = g->root_at + g->root_bytes;
	if ((total << shift) < g->data_at || g->data_at > vol->size_bytes)
		return POD_E_CORRUPT;
	uint64_t clusters = ((total << shift) - g->data_at) >> log2_of(g->cluster_bytes);
	if (!clusters || clusters > CLUSTERS_MAX || g->data_at + (clusters << log2_of(g->cluster_bytes)) > vol->size_bytes)
		return POD_E_LIMIT;
	g->clusters = (uint32_t)clusters;
	g->width = g->clusters <= FAT12_MAX ? 12 : g->clusters <= FAT16_MAX ? 16 : 32;
	return POD_OK;
}

static uint32_t table_get(const uint8_t *t, uint32_t width, uint32_t i)
{
	if (width == 12) {
		uint32_t v = pod_get_le16(t + i + i / 2);
		return i & 1 ? v >> 4 : v & 0xfff;
	}
	return width == 16 ? pod_get_le16(t + 2 * (size_t)i) : pod_get_le32(t + 4 * (size_t)i) & 0x0fffffff;
}

static void table_put(uint8_t *t, uint32_t width, uint32_t i, uint32_t v)
{
	if (width == 12) {
		uint8_t *p = t + i + i / 2;
		uint16_t old = pod_get_le16(p);
		pod_put_le16(p, (uint16_t)(i & 1 ? (old & 0x000f) | v << 4 : (old & 0xf000) | (v & 0xfff)));
	} else if (width == 16) {
		pod_put_le16(t + 2 * (size_t)i, (uint16_t)v);
	} else {
		pod_put_le32(t + 4 * (size_t)i, v & 0x0fffffff);
	}
}

/* Bytes of a table with `n` entries; the +1 lets the 12-bit form be read 16 bits at a time. */
static size_t table_bytes(uint32_t width, uint32_t n)
{
	return width == 12 ? n + n / 2 + 2 : (size_t)n * (width / 8);
}

static enum pod_status read_table(struct job *j, uint32_t room)
{
	struct pod_alloc *a = j->h->plan->alloc;
	struct geometry *g = &j->old;
	size_t len = table_bytes(g->width, g->clusters + 2);
	uint64_t have = (uint64_t)g->fat_sectors * g->bytes_per_sector;
	if (len - 2 > have)
		return POD_E_CORRUPT;
	uint8_t *raw = pod_zalloc(a, len, 1);
	j->next = pod_zalloc(a, (size_t)g->clusters + 2 + room, sizeof *j->next);
	enum pod_status st = raw && j->next ? pod_dev_read(j->vol, g->fat_at, raw, (size_t)pod_min_u64(len, have)) : POD_E_NOMEM;
	if (st == POD_OK) {
		uint32_t bad = g->width == 12 ? 0xff7 : g->width == 16 ? 0xfff7 : 0x0ffffff7;
		for (uint32_t i = 0; i < g->clusters + 2; i++) {
			uint32_t v = table_get(raw, g->width, i);
			j->next[i] = v >= bad ? 0x0ffffff0 | (v & 15) : v; /* marks keep their meaning in any width */
		}
		j->entries = g->clusters + 2 + room;
		j->used = g->clusters + 2;
	}
	pod_free(a, raw);
	return st;
}

static uint32_t clusters_for(const struct job *j, uint64_t bytes)
{
	return (uint32_t)((bytes + j->old.cluster_bytes - 1) >> log2_of(j->old.cluster_bytes));
}

/* Adds clusters that show `pieces`, zeros behind to the cluster's end; links them after `*last`. */
static enum pod_status add_clusters(struct job *j, const struct pod_map *pieces, uint32_t *first, uint32_t *last)
{
	uint32_t n = clusters_for(j, pieces->size_bytes);
	if (n > j->entries - j->used)
		return POD_E_LIMIT;
	POD_TRY(pod_plan_append(&j->added, pieces));
	POD_TRY(pod_map_pad(&j->added, j->old.cluster_bytes));
	for (uint32_t i = 0; i < n; i++) {
		if (*last)
			j->next[*last] = j->used;
		else
			*first = j->used;
		*last = j->used++;
	}
	return POD_OK;
}

/* The same for bytes of the blob. */
static enum pod_status add_blob(struct job *j, uint64_t blob, uint64_t len, uint32_t *first, uint32_t *last)
{
	struct pod_seg seg = {.length_bytes = len, .source = blob, .kind = POD_SEG_MEM};
	struct pod_map one = {.seg = &seg, .count = 1, .size_bytes = len};
	return add_clusters(j, &one, first, last);
}

static enum pod_status first_cluster(struct job *j, const struct item *it, uint32_t *cluster)
{
	uint8_t entry[32];
	POD_TRY(pod_dev_read(j->vol, it->file.node.entry_bytes, entry, sizeof entry));
	*cluster = (uint32_t)pod_get_le16(entry + 26) | (j->old.width == 32 ? (uint32_t)pod_get_le16(entry + 20) << 16 : 0);
	return POD_OK;
}

/* A boot menu, and a unified kernel image, whose parts have moved, are served by added clusters alone. Those they had are free. */
static enum pod_status rechain_whole(struct job *j, struct item *it)
{
	uint32_t last = 0, cluster;
	uint64_t size;
	const struct pod_map *pieces = whole(it, &size);
	POD_TRY(first_cluster(j, it, &cluster));
	while (cluster >= 2 && cluster < j->old.clusters + 2) {
		uint32_t next = j->next[cluster];
		j->next[cluster] = 0;
		cluster = next;
	}
	if (size > UINT32_MAX)
		return POD_E_LIMIT;
	it->size = (uint32_t)size;
	POD_TRY(add_clusters(j, pieces, &it->first, &last));
	j->next[last] = 0x0fffffff;
	return POD_OK;
}

/* Gives the initrd its new chain. */
static enum pod_status rechain(struct job *j, struct item *it)
{
	if (it->uki || it->menu)
		return rechain_whole(j, it);
	struct pod_map *map = &j->h->plan->map;
	const struct pod_map *post;
	uint64_t pre, tail_at, len = it->file.node.size_bytes;
	size_t tail = (size_t)(len & (j->old.cluster_bytes - 1));
	uint32_t whole = (uint32_t)(len >> log2_of(j->old.cluster_bytes)), last = 0, cluster;
	enum pod_machine m = pod_kernel_machine(&j->scan, it->file.path, j->h->plan->image.firmware & ~(uint32_t)POD_FW_BIOS);
	POD_TRY(pod_handover_pre(j->h, &pre));
	POD_TRY(pod_handover_post(j->h, m, &post));
	POD_TRY(first_cluster(j, it, &cluster));
	POD_TRY(add_blob(j, pre, POD_PRE_LEN, &it->first, &last));
	uint64_t total = (uint64_t)clusters_for(j, POD_PRE_LEN) * j->old.cluster_bytes;
	for (uint32_t i = 0; i < whole + (tail ? 1u : 0u); i++) {
		if (cluster < 2 || cluster >= j->old.clusters + 2)
			return POD_E_CORRUPT;
		if (i < whole) {
			j->next[last] = cluster;
			last = cluster;
			cluster = j->next[cluster];
		}
	}
	total += (uint64_t)whole * j->old.cluster_bytes;
	if (tail) {
		uint64_t at = j->old.data_at + (uint64_t)(cluster - 2) * j->old.cluster_bytes;
		POD_TRY(pod_map_mem(map, NULL, j->old.cluster_bytes, &tail_at));
		POD_TRY(pod_dev_read(j->vol, at, map->mem + (size_t)tail_at, tail));
		POD_TRY(add_blob(j, tail_at, j->old.cluster_bytes, &it->first, &last));
		j->next[cluster] = 0; /* its copy took its place */
		total += j->old.cluster_bytes;
	}
	POD_TRY(add_clusters(j, post, &it->first, &last));
	j->next[last] = 0x0fffffff;
	total += post->size_bytes;
	if (total > UINT32_MAX)
		return POD_E_LIMIT;
	it->size = (uint32_t)total;
	return pod_plan_add_initrd(j->h->plan, it->file.path, j->base + it->file.start_bytes, len, m, it->found_by);
}

static void lay_out(struct job *j)
{
	struct geometry *g = &j->new;
	*g = j->old;
	g->clusters = j->used - 2;
	g->width = g->clusters <= FAT12_MAX ? 12 : g->clusters <= FAT16_MAX ? 16 : 32;
	if (g->width == 32 && j->old.width != 32) {
		g->reserved = FAT32_RESERVED;
		g->root_bytes = 0;
	}
	uint32_t shift = log2_of(g->bytes_per_sector);
	g->fat_sectors = (uint32_t)((table_bytes(g->width, j->used) + g->bytes_per_sector - 1) >> shift);
	g->fat_at = (uint64_t)g->reserved << shift;
	g->root_at = g->fat_at + ((uint64_t)g->fats * g->fat_sectors << shift);
	g->data_at = g->root_at + g->root_bytes;
}

/* The BIOS parameter block of the volume served. */
static void write_bpb(const struct job *j, uint8_t *b, uint32_t root_cluster)
{
	const struct geometry *g = &j->new;
	uint64_t total = (g->data_at + (uint64_t)g->clusters * g->cluster_bytes) >> log2_of(g->bytes_per_sector);
	pod_put_le16(b + 14, (uint16_t)g->reserved);
	pod_put_le16(b + 19, 0);
	pod_put_le32(b + 32, (uint32_t)total);
	if (g->width != 32) {
		pod_put_le16(b + 22, (uint16_t)g->fat_sectors);
		return;
	}
	if (j->old.width != 32) { /* the extended fields move from 36 to 64 */
		uint8_t ext[26];
		memcpy(ext, b + 36, sizeof ext);
		memset(b + 36, 0, 54);
		memcpy(b + 64, ext, sizeof ext);
		memcpy(b + 82, "FAT32   ", 8);
		pod_put_le16(b + 17, 0);
		pod_put_le16(b + 22, 0);
		pod_put_le32(b + 44, root_cluster);
		pod_put_le16(b + 48, FSINFO_AT);
		pod_put_le16(b + 50, BACKUP_AT);
	}
	pod_put_le32(b + 36, g->fat_sectors);
}

static enum pod_status append_table(struct job *j)
{
	struct pod_map *map = &j->h->plan->map;
	uint64_t at, len = (uint64_t)j->new.fat_sectors * j->new.bytes_per_sector;
	POD_TRY(pod_map_mem(map, NULL, (size_t)len, &at));
	for (uint32_t i = 0; i < j->used; i++)
		table_put(map->mem + (size_t)at, j->new.width, i, j->next[i]);
	for (uint32_t copy = 0; copy < j->new.fats; copy++)
		POD_TRY(pod_map_append(map, POD_SEG_MEM, at, len));
	return POD_OK;
}

/* The reserved sectors: as they were, with the boot sector patched and the FSInfo counts unknown (section 5: all ones). */
static enum pod_status append_reserved(struct job *j, uint32_t root_cluster)
{
	struct pod_map *map = &j->h->plan->map;
	struct pod_dev *disk = j->h->rq->disk;
	uint8_t boot[512], info[512];
	uint64_t copied = pod_min_u64(j->old.fat_at, j->new.fat_at), info_at, bps = j->old.bytes_per_sector;
	POD_TRY(pod_map_append_slice(map, j->base, copied));
	POD_TRY(pod_map_append(map, POD_SEG_ZERO, 0, j->new.fat_at - copied));
	POD_TRY(pod_dev_read(j->vol, 0, boot, sizeof boot));
	write_bpb(j, boot, root_cluster);
	POD_TRY(pod_map_patch(map, disk, j->new_base, boot, sizeof boot, 512));
	if (j->new.width != 32)
		return POD_OK;
	info_at = pod_get_le16(boot + 48) * bps;
	if (j->old.width != 32) {
		memset(info, 0, sizeof info);
		pod_put_le32(info, 0x41615252);
		pod_put_le32(info + 484, 0x61417272);
		pod_put_le32(info + 508, 0xaa550000);
		POD_TRY(pod_map_patch(map, disk, j->new_base + BACKUP_AT * bps, boot, sizeof boot, 512));
	} else if (info_at && info_at + 512 <= copied) {
		POD_TRY(pod_dev_read(j->vol, info_at, info, sizeof info));
	} else {
		return POD_OK; /* the volume has none */
	}
	memset(info + 488, 0xff, 8);
	return pod_map_patch(map, disk, j->new_base + info_at, info, sizeof info, 512);
}

static enum pod_status append_volume(struct job *j, uint32_t root_cluster)
{
	struct pod_map *map = &j->h->plan->map;
	struct geometry *o = &j->old, *n = &j->new;
	POD_TRY(pod_map_pad(map, SECTOR));
	j->new_base = map->size_bytes;
	POD_TRY(append_reserved(j, root_cluster));
	POD_TRY(append_table(j));
	POD_TRY(pod_map_append_slice(map, j->base + o->root_at, n->root_bytes));
	POD_TRY(pod_map_append_slice(map, j->base + o->data_at, (uint64_t)o->clusters * o->cluster_bytes));
	POD_TRY(pod_plan_append(map, &j->added));
	return pod_map_pad(map, SECTOR);
}

/* Where a directory entry of the old volume lies in the new one. */
static uint64_t moved(const struct job *j, uint64_t entry, uint32_t root_cluster)
{
	if (entry >= j->old.data_at)
		return j->new_base + j->new.data_at + (entry - j->old.data_at);
	if (root_cluster)
		return j->new_base + j->new.data_at + (uint64_t)(root_cluster - 2) * j->new.cluster_bytes +
		       (entry - j->old.root_at);
	return j->new_base + j->new.root_at + (entry - j->old.root_at);
}

static enum pod_status patch_catalog(struct job *j, uint32_t index)
{
	struct pod_plan *p = j->h->plan;
	struct pod_eltorito_entry *e = &p->image.boot[index];
	uint64_t len = p->map.size_bytes - j->new_base;
	uint8_t b[6], volume[8];
	uint32_t sectors = (uint32_t)(p->map.size_bytes >> 11);
	if (j->new_base >> 11 > UINT32_MAX)
		return POD_E_LIMIT;
	/* A count of 0 or 1 means "to the end of the volume", which is then what the descriptor says. */
	e->sector_count = e->sector_count < 2 || len >> 9 > 0xffff ? 0 : (uint16_t)(len >> 9);
	e->lba = (uint32_t)(j->new_base >> 11);
	e->length_bytes = len;
	pod_put_le16(b, e->sector_count);
	pod_put_le32(b + 2, e->lba);
	POD_TRY(pod_map_patch(&p->map, j->h->rq->disk, e->entry_bytes + 6, b, sizeof b, SECTOR));
	POD_TRY(pod_plan_note(p, POD_OVERLAY_CATALOG, e->entry_bytes, 32, "", "boot catalogue entry points at the rebuilt FAT"));
	pod_put_le32(volume, sectors);
	pod_put_be32(volume + 4, sectors);
	return pod_map_patch(&p->map, j->h->rq->disk, 16 * SECTOR + 80, volume, sizeof volume, SECTOR);
}

/* Says where a file that is no initrd is served. */
static enum pod_status note_whole(struct job *j, const struct item *it)
{
	const struct pod_plan_request *rq = j->h->rq;
	uint64_t at = j->new_base + j->new.data_at + (uint64_t)(it->first - 2) * j->new.cluster_bytes;
	if (it->uki)
		return rq->ukis->note(j->h->plan, &it->file, it->uki, at);
	return it->menu ? pod_arguments_note(j->h, &it->file, it->menu, at) : POD_OK;
}

static const char *what_for(const struct item *it)
{
	return it->menu				   ? "FAT of the boot image served larger, with the changed boot menu"
	       : it->uki && !it->uki->initrd_count ? "FAT of the boot image served larger, with the changed command line"
						   : "FAT of the boot image served larger, with the shim around its initrd";
}

static enum pod_status rebuild(struct job *j, uint32_t index)
{
	struct pod_plan *p = j->h->plan;
	POD_TRY(read_geometry(j->vol, &j->old));
	j->geometry_read = true;
	uint64_t room = 0;
	for (size_t i = 0; i < j->count; i++) {
		const struct pod_map *post;
		uint64_t size;
		if (whole(&j->item[i], &size)) {
			room += size + j->old.cluster_bytes;
			continue;
		}
		enum pod_machine m =
			pod_kernel_machine(&j->scan, j->item[i].file.path, p->image.firmware & ~(uint32_t)POD_FW_BIOS);
		POD_TRY(pod_handover_post(j->h, m, &post));
		room += post->size_bytes + POD_PRE_LEN + 3 * (uint64_t)j->old.cluster_bytes;
	}
	POD_TRY(read_table(j, clusters_for(j, room) + clusters_for(j, j->old.root_bytes)));
	uint32_t root = 0, root_last = 0;
	for (size_t i = 0; i < j->count; i++)
		POD_TRY(rechain(j, &j->item[i]));
	lay_out(j);
	if (j->new.width == 32 && j->old.width != 32) {
		uint64_t at;
		POD_TRY(pod_map_mem(&p->map, NULL, j->old.root_bytes, &at));
		POD_TRY(pod_dev_read(j->vol, j->old.root_at, p->map.mem + (size_t)at, j->old.root_bytes));
		POD_TRY(add_blob(j, at, j->old.root_bytes, &root, &root_last));
		j->next[root_last] = 0x0fffffff;
		lay_out(j);
	}
	POD_TRY(append_volume(j, root));
	for (size_t i = 0; i < j->count; i++) {
		uint8_t cluster[2], rest[6];
		uint64_t at = moved(j, j->item[i].file.node.entry_bytes, root);
		pod_put_le16(cluster, (uint16_t)(j->item[i].first >> 16));
		pod_put_le16(rest, (uint16_t)j->item[i].first);
		pod_put_le32(rest + 2, j->item[i].size);
		if (j->new.width == 32)
			POD_TRY(pod_map_patch(&p->map, j->h->rq->disk, at + 20, cluster, sizeof cluster, 512));
		POD_TRY(pod_map_patch(&p->map, j->h->rq->disk, at + 26, rest, sizeof rest, 512));
		POD_TRY(note_whole(j, &j->item[i]));
	}
	POD_TRY(pod_plan_note(p, POD_OVERLAY_FAT, j->new_base, p->map.size_bytes - j->new_base, j->item[0].file.path,
			      what_for(&j->item[0])));
	return patch_catalog(j, index);
}

static void free_items(struct job *j)
{
	struct pod_alloc *a = j->h->plan->alloc;
	for (size_t i = 0; i < j->count; i++) {
		if (j->item[i].uki)
			pod_map_fini(&j->item[i].uki->served);
		if (j->item[i].menu)
			pod_map_fini(&j->item[i].menu->map);
		pod_free(a, j->item[i].menu);
		pod_free(a, j->item[i].uki);
	}
	pod_free(a, j->item);
}

/* With half of the budget: what is found must be served with the other half. */
static enum pod_status search(struct job *j, struct pod_fs *fs)
{
	struct pod_plan *p = j->h->plan;
	struct pod_budget_part part;
	pod_budget_split(fs->dev->budget, &part);
	enum pod_status st = pod_scan_tree(&j->scan, fs, p->alloc);
	if (st == POD_OK)
		st = pod_scan_configs(&j->scan);
	(void)pod_budget_join(fs->dev->budget, &part);
	if (st != POD_OK)
		return st;
	pod_scan_warn(p, &j->scan);
	POD_TRY(pod_scan_initrds(&j->scan, p, collect, j));
	if (j->count)
		POD_TRY(pod_handover_prepare(j->h));
	const struct pod_uki_ops *ukis = j->h->rq->ukis;
	if (ukis)
		POD_TRY(ukis->each(j->h, &j->scan, j->base, collect_uki, j));
	if (pod_menus_change(j->h, &j->scan)) /* a persistence file may have been found meanwhile */
		POD_TRY(pod_arguments_each(j->h, &j->scan, collect_menu, j));
	return ukis ? ukis->offer_look(j->h, &j->scan) : POD_OK;
}

static enum pod_status left_out(struct pod_handover *h)
{
	h->offer.no = true; /* who knows what is in it */
	pod_plan_warn(h->plan, "Looking through a boot image would take too long: its initrds are served unchanged.");
	return POD_OK;
}

static enum pod_status serve(struct job *j, struct pod_fs *fs, uint32_t index)
{
	struct pod_plan *p = j->h->plan;
	size_t initrds_before = p->initrd_count;
	enum pod_status st = search(j, fs);
	if (st == POD_E_BUDGET) /* nothing of the virtual disk was changed yet */
		return left_out(j->h);
	if (st == POD_OK && j->count)
		st = rebuild(j, index);
	if (st == POD_E_CORRUPT || (st == POD_E_LIMIT && !j->geometry_read)) {
		pod_plan_warn(p, "The FAT of a boot image is damaged: its initrds are served unchanged.");
		p->initrd_count = initrds_before;
		st = POD_OK;
	}
	return st;
}

enum pod_status pod_plan_fat_initrds(struct pod_handover *h, struct pod_dev *image, uint32_t index, struct pod_diag *diag)
{
	const struct pod_eltorito_entry *e = &h->plan->image.boot[index];
	struct pod_alloc *a = h->plan->alloc;
	struct pod_window w;
	struct pod_fs fs = {0};
	uint64_t base = (uint64_t)e->lba * SECTOR;
	if (base >= h->rq->image_bytes)
		return POD_OK;
	POD_TRY(pod_window_init(&w, image, base, pod_min_u64(e->length_bytes, h->rq->image_bytes - base)));
	enum pod_status st = pod_fs_open_as(&fs, &pod_fs_fat, &w.dev, a, diag);
	if (st == POD_E_FORMAT || st == POD_E_CORRUPT)
		return POD_OK; /* not a FAT: nothing a loader could read an initrd from */
	if (st != POD_OK)
		return st == POD_E_BUDGET ? left_out(h) : st;
	struct job *j = pod_zalloc(a, 1, sizeof *j);
	if (j) {
		*j = (struct job){.h = h, .vol = &w.dev, .base = base};
		pod_map_init(&j->added, a);
		st = serve(j, &fs, index);
		free_items(j);
		pod_free(a, j->next);
		pod_map_fini(&j->added);
		pod_scan_free(&j->scan);
		pod_free(a, j);
	} else {
		st = POD_E_NOMEM;
	}
	pod_fs_close(&fs);
	return st;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* exFAT write side: mounting, marking, adding a file. Protocol: doc/FORMATS/exfat.md. */
#include "core/fs/exfat_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum { BOOT_FLAGS = 106, BOOT_PERCENT = 112 };

enum pod_status pod_exfat_put(struct pod_exfat_vol *v, uint64_t at, const void *p, size_t len)
{
	if (v->failed)
		return POD_E_IO;
	enum pod_status st = pod_dev_write(v->dev, at, p, len);
	v->failed = st != POD_OK;
	return st;
}

enum pod_status pod_exfat_barrier(struct pod_exfat_vol *v)
{
	if (v->failed)
		return POD_E_IO;
	enum pod_status st = pod_dev_flush(v->dev);
	v->failed = st != POD_OK;
	return st;
}

/* --- VolumeFlags -------------------------------------------------------------------------------------- */

static uint8_t percent_in_use(const struct pod_exfat_vol *v)
{
	uint32_t total = v->g.cluster_count, used = total - v->free_clusters;
	while (total > 1u << 24) { /* no 64-bit division here */
		total >>= 1;
		used >>= 1;
	}
	return (uint8_t)(used * 100 / total);
}

/* VolumeFlags and PercentInUse are not part of the boot checksum (3.4), so that one sector is all there is to write. */
static enum pod_status write_flags(struct pod_exfat_vol *v, bool dirty)
{
	uint8_t *b = v->scratch;
	POD_TRY(pod_dev_read(v->dev, 0, b, BLOCK));
	uint16_t flags = pod_get_le16(b + BOOT_FLAGS);
	flags = (uint16_t)(dirty ? flags | POD_EXFAT_VOLUME_DIRTY : flags & ~POD_EXFAT_VOLUME_DIRTY);
	pod_put_le16(b + BOOT_FLAGS, flags);
	if (!dirty)
		b[BOOT_PERCENT] = percent_in_use(v);
	return pod_exfat_put(v, 0, b, BLOCK);
}

enum pod_status pod_exfat_touch(struct pod_exfat_vol *v, bool own)
{
	if (v->pending && !own)
		return POD_E_BUSY;
	if (v->failed)
		return POD_E_IO;
	if (v->dev->read_only || !v->dev->write)
		return POD_E_READONLY;
	if (v->marked_dirty)
		return POD_OK;
	POD_TRY(write_flags(v, true));
	POD_TRY(pod_exfat_barrier(v));
	v->marked_dirty = true;
	return POD_OK;
}

enum pod_status pod_exfat_sync(struct pod_exfat_vol *v)
{
	if (v->failed)
		return POD_E_IO;
	if (!v->marked_dirty)
		return POD_OK;
	POD_TRY(pod_exfat_fat_write(v));
	POD_TRY(pod_exfat_write_bitmap(v));
	POD_TRY(pod_exfat_barrier(v));
	POD_TRY(write_flags(v, false));
	POD_TRY(pod_exfat_barrier(v));
	v->marked_dirty = false;
	return POD_OK;
}

/* --- mount -------------------------------------------------------------------------------------------- */

static enum pod_status same_run(void *ctx, uint32_t first, uint32_t count)
{
	uint32_t *runs = ctx;
	(void)first, (void)count;
	return ++*runs == 1 ? POD_OK : POD_E_UNSUPPORTED;
}

static enum pod_status load_bitmap(struct pod_exfat_vol *v, const uint8_t *e, struct pod_diag *diag)
{
	uint32_t cluster = pod_get_le32(e + 20), runs = 0;
	uint64_t size = pod_get_le64(e + 24), need = ((uint64_t)v->g.cluster_count + 7) >> 3;
	if (size < need)
		return pod_fail(diag, POD_E_CORRUPT, "allocation bitmap length: run fsck.exfat", v->g.heap_bytes, need, size);
	enum pod_status st = pod_exfat_runs(v, cluster, need, false, same_run, &runs);
	if (st != POD_OK)
		return pod_fail(diag, st, "allocation bitmap clusters: run fsck.exfat", v->g.heap_bytes, 1, runs);
	v->bitmap_len = (size_t)need;
	v->bitmap_bytes = pod_exfat_cluster_bytes(&v->g, cluster);
	v->bitmap = pod_zalloc(v->alloc, (size_t)pod_align_up(need, BLOCK), 1);
	if (!v->bitmap)
		return POD_E_NOMEM;
	/* Whole blocks, so that writing them back changes nothing of what lies behind the last cluster's bit. */
	POD_TRY(pod_dev_read(v->dev, v->bitmap_bytes, v->bitmap, (size_t)pod_align_up(need, BLOCK)));
	for (uint32_t c = 2; c < v->g.cluster_count + 2; c++)
		v->free_clusters += !pod_exfat_bit(v->bitmap, c);
	return POD_OK;
}

struct gather {
	struct pod_exfat_vol *v;
	uint8_t *p;
	uint64_t left;
};

static enum pod_status gather_run(void *ctx, uint32_t first, uint32_t count)
{
	struct gather *g = ctx;
	size_t n = (size_t)pod_min_u64((uint64_t)count << g->v->g.cluster_shift, g->left);
	POD_TRY(pod_dev_read(g->v->dev, pod_exfat_cluster_bytes(&g->v->g, first), g->p, n));
	g->p += n;
	g->left -= n;
	return POD_OK;
}

static enum pod_status load_upcase(struct pod_exfat_vol *v, const uint8_t *e, struct pod_diag *diag)
{
	uint32_t cluster = pod_get_le32(e + 20), want = pod_get_le32(e + 4);
	uint64_t size = pod_get_le64(e + 24);
	if (size == 0 || size > POD_EXFAT_UPCASE_PACKED_MAX)
		return pod_fail(diag, POD_E_CORRUPT, "up-case table length: run fsck.exfat", v->g.heap_bytes,
				POD_EXFAT_UPCASE_PACKED_MAX, size);
	v->upcase = v->alloc->alloc(v->alloc, POD_EXFAT_UPCASE_UNITS * sizeof *v->upcase);
	uint8_t *packed = v->alloc->alloc(v->alloc, (size_t)size);
	enum pod_status st = v->upcase && packed ? POD_OK : POD_E_NOMEM;
	struct gather g = {v, packed, size};
	if (st == POD_OK)
		st = pod_exfat_runs(v, cluster, size, false, gather_run, &g);
	uint32_t sum = st == POD_OK ? pod_exfat_table_sum(0, packed, (size_t)size) : want;
	if (sum != want)
		st = pod_fail(diag, POD_E_CORRUPT, "up-case table checksum: run fsck.exfat", v->g.heap_bytes, want, sum);
	if (st == POD_OK)
		st = pod_exfat_upcase_unpack(packed, (size_t)size, v->upcase);
	pod_free(v->alloc, packed);
	return st;
}

static enum pod_status load_tables(struct pod_exfat_vol *v, struct pod_diag *diag)
{
	struct wdir *root;
	enum pod_status st = pod_exfat_wdir_load(v, v->g.root_cluster, 0, false, true, &root);
	if (st != POD_OK)
		return pod_fail(diag, st, "root directory", pod_exfat_cluster_bytes(&v->g, v->g.root_cluster), 0, 0);
	for (uint32_t i = 0; st == POD_OK && i < root->end; i++) {
		const uint8_t *e = wdir_entry(root, i);
		if (e[0] == POD_EXFAT_BITMAP && !v->bitmap && !(e[1] & 1))
			st = load_bitmap(v, e, diag);
		else if (e[0] == POD_EXFAT_UPCASE && !v->upcase)
			st = load_upcase(v, e, diag);
	}
	pod_exfat_wdir_free(v, root);
	if (st == POD_OK && (!v->bitmap || !v->upcase))
		st = pod_fail(diag, POD_E_CORRUPT, "allocation bitmap or up-case table missing: run fsck.exfat", v->g.heap_bytes,
			      1, 0);
	if (st == POD_OK && !pod_exfat_bit(v->bitmap, v->g.root_cluster))
		st = pod_fail(diag, POD_E_CORRUPT, "allocation bitmap (the root directory is free): run fsck.exfat",
			      v->bitmap_bytes, 1, 0);
	return st;
}

static void release(struct pod_exfat_vol *v)
{
	pod_free(v->alloc, v->bitmap);
	pod_free(v->alloc, v->upcase);
	pod_free(v->alloc, v->fat);
	pod_free(v->alloc, v->scratch);
	v->bitmap = v->fat = v->scratch = NULL;
	v->upcase = NULL;
}

static enum pod_status mount(struct pod_exfat_vol *v, struct pod_diag *diag)
{
	v->fat = v->alloc->alloc(v->alloc, FAT_CACHE);
	v->scratch = v->alloc->alloc(v->alloc, POD_EXFAT_SCRATCH);
	if (!v->fat || !v->scratch)
		return POD_E_NOMEM;
	POD_TRY(pod_exfat_read_boot(v->dev, v->scratch, POD_EXFAT_SCRATCH, &v->g, diag));
	if (v->g.from_backup)
		return pod_fail(diag, POD_E_CORRUPT, "main boot region (the backup is sound): run fsck.exfat", 0, 0, 0);
	if (v->g.fats != 1)
		return pod_fail(diag, POD_E_UNSUPPORTED, "NumberOfFats", 110, 1, v->g.fats);
	POD_TRY(load_tables(v, diag));
	if (!(v->g.flags & POD_EXFAT_VOLUME_DIRTY))
		return POD_OK;
	if (v->dev->read_only || !v->dev->write)
		return POD_E_READONLY;
	v->repair.was_dirty = v->marked_dirty = true;
	POD_TRY(pod_exfat_repair(v, diag));
	return pod_exfat_sync(v);
}

enum pod_status pod_exfat_mount(struct pod_exfat_vol *v, struct pod_dev *dev, struct pod_alloc *a, struct pod_diag *diag)
{
	memset(v, 0, sizeof *v);
	v->dev = dev;
	v->alloc = a;
	v->fat_at = ~0ull;
	enum pod_status st = mount(v, diag);
	if (st != POD_OK)
		release(v);
	return st;
}

enum pod_status pod_exfat_unmount(struct pod_exfat_vol *v)
{
	enum pod_status st = pod_exfat_sync(v);
	release(v);
	return st;
}

void pod_exfat_space(const struct pod_exfat_vol *v, struct pod_exfat_space *out)
{
	uint32_t cluster = 2, count, largest = 0;
	while (pod_exfat_next_free(v, &cluster, &count)) {
		if (count > largest)
			largest = count;
		cluster += count;
	}
	out->total_bytes = (uint64_t)v->g.cluster_count << v->g.cluster_shift;
	out->free_bytes = (uint64_t)v->free_clusters << v->g.cluster_shift;
	out->largest_run_bytes = (uint64_t)largest << v->g.cluster_shift;
}

/* --- adding a file ------------------------------------------------------------------------------------ */

static enum pod_status reserve(struct pod_exfat_vol *v, struct pod_exfat_new *n, struct pod_diag *diag)
{
	uint64_t need = pod_exfat_clusters_of(&v->g, n->size_bytes);
	struct places p = {.limit = n->size_bytes};
	enum pod_status st = POD_E_NOSPACE;
	if (n->size_bytes == 0)
		return POD_OK;
	uint32_t run = need <= v->free_clusters ? pod_exfat_find_run(v, (uint32_t)need) : 0;
	if (run)
		st = pod_exfat_add_run(v, &p, run, (uint32_t)need);
	else if (need <= v->free_clusters && (n->flags & POD_EXFAT_FRAGMENTS))
		st = pod_exfat_take_fragments(v, &p, (uint32_t)need);
	n->extent = p.extent;
	n->extents = p.n;
	if (st != POD_E_NOSPACE)
		return st;
	struct pod_exfat_space space;
	pod_exfat_space(v, &space);
	return pod_fail(diag, POD_E_NOSPACE, "largest free run", space.free_bytes, n->size_bytes, space.largest_run_bytes);
}

/* The set that a new file would replace: POD_OK if there is none or it may be replaced. */
static enum pod_status check_target(struct pod_exfat_vol *v, struct wdir *d, const struct wname *name, uint32_t flags,
				    bool *exists, struct wset *s)
{
	enum pod_status st = pod_exfat_find(v, d, name, s);
	*exists = st == POD_OK;
	if (st == POD_OK && (!(flags & POD_EXFAT_REPLACE) || (s->attributes & POD_EXFAT_ATTR_DIR)))
		return POD_E_EXISTS;
	return st == POD_E_NOT_FOUND ? POD_OK : st;
}

static size_t length(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

static enum pod_status prepare(struct pod_exfat_vol *v, const char *path, uint32_t flags)
{
	struct wname name;
	struct wset old;
	struct wdir *d;
	size_t dir_len;
	bool exists;
	POD_TRY(pod_exfat_split(path, length(path), &dir_len, &name));
	POD_TRY(pod_exfat_resolve(v, path, dir_len, &d));
	enum pod_status st = check_target(v, d, &name, flags, &exists, &old);
	uint32_t n = 2 + (name.units + POD_EXFAT_UNITS_PER_ENTRY - 1) / POD_EXFAT_UNITS_PER_ENTRY, at;
	bool room = st == POD_OK && pod_exfat_gap(d, n, 0, &at);
	pod_exfat_wdir_free(v, d);
	if (st != POD_OK || room)
		return st;
	POD_TRY(pod_exfat_touch(v, false));
	return pod_exfat_ensure_room(v, path, dir_len, n, 0);
}

enum pod_status pod_exfat_begin(struct pod_exfat_vol *v, const char *path, uint64_t size_bytes, uint32_t flags,
				struct pod_exfat_new *out, struct pod_diag *diag)
{
	memset(out, 0, sizeof *out);
	out->size_bytes = size_bytes;
	out->flags = flags;
	if (v->pending)
		return POD_E_BUSY;
	if (v->failed)
		return POD_E_IO;
	if (v->dev->read_only || !v->dev->write)
		return POD_E_READONLY;
	POD_TRY(prepare(v, path, flags));
	enum pod_status st = reserve(v, out, diag);
	if (st != POD_OK) {
		pod_free(v->alloc, out->extent);
		out->extent = NULL;
		out->extents = 0;
		return st;
	}
	v->pending = true;
	return POD_OK;
}

void pod_exfat_abort(struct pod_exfat_vol *v, struct pod_exfat_new *n)
{
	pod_free(v->alloc, n->extent);
	n->extent = NULL;
	n->extents = 0;
	v->pending = false;
}

static void mark_new(struct pod_exfat_vol *v, const struct pod_exfat_new *n, bool used)
{
	for (size_t i = 0; i < n->extents; i++)
		pod_exfat_mark(v, pod_exfat_extent_cluster(v, &n->extent[i]), pod_exfat_extent_clusters(v, &n->extent[i]), used);
}

/* Data, FAT and bitmap reach the medium, then the name. `d` holds a gap for it. */
static enum pod_status publish(struct pod_exfat_vol *v, struct wdir *d, const struct wname *name, struct wset *old, bool exists,
			       const struct pod_exfat_new *n, int64_t mtime)
{
	uint8_t set[SET_ENTRIES_MAX * POD_EXFAT_ENTRY_SIZE];
	uint32_t cluster = n->extents ? pod_exfat_extent_cluster(v, &n->extent[0]) : 0, index;
	uint8_t flags = (uint8_t)(POD_EXFAT_ALLOCATED | (n->extents == 1 ? POD_EXFAT_NO_FAT_CHAIN : 0));
	uint32_t freed_cluster = exists ? old->cluster : 0;
	uint64_t freed_size = exists ? old->size : 0;
	bool freed_contiguous = exists && wset_contiguous(old);
	if (n->extents > 1)
		POD_TRY(pod_exfat_chain(v, n->extent, n->extents, 0, (uint32_t)pod_exfat_clusters_of(&v->g, n->size_bytes)));
	POD_TRY(pod_exfat_write_bitmap(v));
	POD_TRY(pod_exfat_barrier(v));
	uint32_t count = pod_exfat_build(v, name, POD_EXFAT_ATTR_ARCHIVE, mtime, set);
	pod_exfat_set_stream(set, flags, cluster, n->size_bytes, n->size_bytes);
	pod_exfat_set_seal(set);
	if (exists && old->index % PER_BLOCK != PER_BLOCK - 1) {
		/* Same name: file entry and stream extension change in one block, the name entries stay. */
		memcpy(wdir_entry(d, old->index) + 8, set + 8, 17); /* timestamps; the block is written below */
		*old = (struct wset){.index = old->index,
				     .count = old->count,
				     .attributes = POD_EXFAT_ATTR_ARCHIVE,
				     .flags = flags,
				     .cluster = cluster,
				     .size = n->size_bytes,
				     .valid = n->size_bytes};
		POD_TRY(pod_exfat_restream(v, d, old, false));
	} else {
		if (exists) {
			POD_TRY(pod_exfat_erase(v, d, old));
			POD_TRY(pod_exfat_barrier(v));
		}
		if (!pod_exfat_gap(d, count, 0, &index))
			return POD_E_NOSPACE;
		POD_TRY(pod_exfat_insert(v, d, index, set, count));
	}
	POD_TRY(pod_exfat_barrier(v));
	/* A bad chain of the old file stays allocated; the new file is there all the same. */
	if (pod_exfat_free(v, freed_cluster, freed_size, freed_contiguous) != POD_OK)
		return v->failed ? POD_E_IO : POD_OK;
	return pod_exfat_write_bitmap(v);
}

static enum pod_status commit(struct pod_exfat_vol *v, const char *path, const struct pod_exfat_new *n, int64_t mtime)
{
	struct wname name;
	struct wset old;
	struct wdir *d;
	size_t dir_len;
	bool exists;
	if (!v->pending)
		return POD_E_INVALID;
	POD_TRY(pod_exfat_split(path, length(path), &dir_len, &name));
	POD_TRY(pod_exfat_resolve(v, path, dir_len, &d));
	enum pod_status st = check_target(v, d, &name, n->flags, &exists, &old);
	if (st == POD_OK)
		st = pod_exfat_touch(v, true);
	if (st == POD_OK) {
		mark_new(v, n, true);
		st = publish(v, d, &name, &old, exists, n, mtime);
		if (st != POD_OK && !v->failed)
			mark_new(v, n, false); /* nothing refers to them: as if it had not begun */
	}
	pod_exfat_wdir_free(v, d);
	return st;
}

enum pod_status pod_exfat_commit(struct pod_exfat_vol *v, const char *path, struct pod_exfat_new *n, int64_t mtime,
				 struct pod_diag *diag)
{
	enum pod_status st = commit(v, path, n, mtime);
	if (st != POD_OK)
		pod_fail(diag, st, "adding the file", 0, 0, 0);
	pod_exfat_abort(v, n);
	return st;
}

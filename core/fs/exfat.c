/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exFAT, read side: directory walk and file -> extents. Layout and clauses: exfat_disk.h.
 *
 * Deviations of real writers that are tolerated: a directory whose DataLength is larger than its content (the
 * end marker counts); a label of more than 11 characters (cut); secondary entries of vendors behind the name entries.
 * An entry set with a bad checksum, a missing part or an impossible name is skipped, as Windows skips it.
 *
 * The boot manager counts every byte that is read, so all metadata goes through a small page cache: a walk starts
 * with one page and reads ahead in proportion to what it has read already. A page is 2 KiB (a folder of 30 images
 * needs about 4), or a sector where that is larger.
 *
 * pod_node.priv: [0] first cluster, [1] NODE_* flags.
 * pod_dir.priv: [0] the cluster at the position, [1] the position at which that cluster begins, [2] bytes fetched by this walk,
 * [3] a cluster seen before and [4] the number of clusters gone (loop detection).
 */
#include "core/fs/exfat_disk.h"
#include "core/fs/fs.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	CACHE_BYTES = 64 * 1024,
	PAGE_MIN = 2048,
	PAGES_MAX = CACHE_BYTES / PAGE_MIN,
	AHEAD_MAX = 16 * 1024,
	LABEL_SCAN_BYTES = 16 * 1024,
};

enum { NODE_ROOT = 1, NODE_CONTIGUOUS = 2 };

struct exfat {
	struct pod_exfat_geom g;
	uint32_t page_size, page_shift, pages, clock;
	uint64_t tag[PAGES_MAX]; /* device offset / page size + 1; 0 = empty */
	uint32_t used[PAGES_MAX];
	uint8_t data[CACHE_BYTES];
};

static struct exfat *of(struct pod_fs *fs)
{
	return fs->priv_mem;
}

/* --- page cache --------------------------------------------------------------------------------------- */

/* How many pages to read at `no`: a third of what the walk has read already, as a power of two, at least one, and
 * not beyond `limit` (device offset), past which nothing of this walk can lie. */
static uint32_t ahead(const struct exfat *x, uint64_t no, uint64_t limit, uint64_t fetched)
{
	uint32_t n = 1;
	while ((uint64_t)n * 6 * x->page_size <= fetched && n * 2 * x->page_size <= AHEAD_MAX &&
	       (no + n * 2) << x->page_shift <= limit)
		n *= 2;
	return n;
}

/* The least recently used group of `n` neighbouring slots, n a power of two. */
static uint32_t victim(const struct exfat *x, uint32_t n)
{
	uint32_t best = 0, best_age = 0xFFFFFFFF;
	for (uint32_t i = 0; i < x->pages; i += n) {
		uint32_t age = 0;
		for (uint32_t k = i; k < i + n; k++)
			if (x->tag[k] && x->used[k] > age)
				age = x->used[k];
		if (age < best_age) {
			best_age = age;
			best = i;
		}
	}
	return best;
}

/* Points *out at the cached byte `at`; the caller stays within its page. `fetched` counts this walk's bytes. */
static enum pod_status page(struct pod_fs *fs, uint64_t at, uint64_t limit, uint64_t *fetched, const uint8_t **out)
{
	struct exfat *x = of(fs);
	uint64_t no = at >> x->page_shift;
	size_t in = (size_t)(at & (x->page_size - 1));
	for (uint32_t i = 0; i < x->pages; i++) {
		if (x->tag[i] == no + 1) {
			x->used[i] = ++x->clock;
			*out = x->data + ((size_t)i << x->page_shift) + in;
			return POD_OK;
		}
	}
	if (at >= fs->dev->size_bytes)
		return POD_E_RANGE;
	uint32_t n = ahead(x, no, limit, *fetched), slot = victim(x, n);
	for (uint32_t k = slot; k < slot + n; k++)
		x->tag[k] = 0;
	/* The same page must not be cached twice: stop the read-ahead where a cached page begins. */
	for (uint32_t i = 0; i < x->pages; i++)
		if (x->tag[i] && x->tag[i] - 1 > no && x->tag[i] - 1 < no + n)
			n = (uint32_t)(x->tag[i] - 1 - no);
	uint64_t start = no << x->page_shift;
	size_t len = (size_t)pod_min_u64((uint64_t)n << x->page_shift, fs->dev->size_bytes - start);
	uint8_t *dst = x->data + ((size_t)slot << x->page_shift);
	POD_TRY(pod_dev_read(fs->dev, start, dst, len));
	for (uint32_t k = 0; k < n; k++) {
		x->tag[slot + k] = no + k + 1;
		x->used[slot + k] = ++x->clock;
	}
	*fetched += len;
	*out = dst + in;
	return POD_OK;
}

/* --- cluster chains ----------------------------------------------------------------------------------- */

/* The FAT entry of a cluster that is in range: any value may come out. */
static enum pod_status fat_entry(struct pod_fs *fs, uint32_t cluster, uint64_t *fetched, uint32_t *out)
{
	const struct pod_exfat_geom *g = &of(fs)->g;
	const uint8_t *p;
	POD_TRY(page(fs, g->fat_bytes + (uint64_t)cluster * 4, g->fat_bytes + g->fat_len_bytes, fetched, &p));
	*out = pod_get_le32(p);
	return POD_OK;
}

/* --- directories -------------------------------------------------------------------------------------- */

/* Moves to the cluster that follows in the directory. POD_END where the chain ends. */
static enum pod_status dir_next_cluster(struct pod_dir *dir)
{
	const struct pod_exfat_geom *g = &of(dir->fs)->g;
	uint32_t cluster = (uint32_t)dir->priv[0];
	if (dir->node.priv[1] & NODE_CONTIGUOUS) {
		cluster++;
	} else {
		uint64_t fetched = 0;
		POD_TRY(fat_entry(dir->fs, cluster, &fetched, &cluster));
		if (cluster == POD_EXFAT_FAT_END)
			return POD_END;
	}
	/* Brent: compare with an anchor that moves on at every power of two; meeting it again is a loop. */
	uint64_t step = ++dir->priv[4];
	if (!pod_exfat_cluster_ok(g, cluster) || cluster == dir->priv[3] || step > g->cluster_count)
		return POD_E_CORRUPT;
	if ((step & (step - 1)) == 0)
		dir->priv[3] = cluster;
	dir->priv[0] = cluster;
	dir->priv[1] += 1ull << g->cluster_shift;
	return POD_OK;
}

/* The entry at the position, and where it lies on the device. POD_END behind the last one. */
static enum pod_status entry_at(struct pod_dir *dir, const uint8_t **e, uint64_t *at)
{
	const struct pod_exfat_geom *g = &of(dir->fs)->g;
	if (!(dir->node.priv[1] & NODE_ROOT) && dir->pos >= dir->node.size_bytes)
		return POD_END;
	if (dir->pos >= POD_EXFAT_DIR_MAX)
		return POD_END;
	if (dir->priv[0] == 0) {
		if (!pod_exfat_cluster_ok(g, (uint32_t)dir->node.priv[0]))
			return POD_E_CORRUPT;
		dir->priv[0] = dir->node.priv[0];
	}
	while (dir->pos - dir->priv[1] >= 1ull << g->cluster_shift) {
		enum pod_status st = dir_next_cluster(dir);
		/* A sub-directory says how long it is: its chain may not end before. */
		if (st == POD_END && !(dir->node.priv[1] & NODE_ROOT))
			return POD_E_CORRUPT;
		if (st != POD_OK)
			return st;
	}
	uint64_t base = pod_exfat_cluster_bytes(g, (uint32_t)dir->priv[0]);
	uint64_t limit = base + (1ull << g->cluster_shift);
	if (dir->node.priv[1] & NODE_CONTIGUOUS)
		limit = base + (dir->node.size_bytes - dir->priv[1]);
	*at = base + (dir->pos - dir->priv[1]);
	POD_TRY(pod_budget_spend(dir->fs->dev->budget, 1, 0));
	return page(dir->fs, *at, limit, &dir->priv[2], e);
}

struct set {
	struct pod_node node;
	uint16_t name[POD_EXFAT_NAME_UNITS];
	uint32_t units, want_units;
};

/* Takes the fields of a stream extension (7.6). False if they make no sense. */
static bool take_stream(struct pod_fs *fs, const uint8_t *e, struct set *s)
{
	const struct pod_exfat_geom *g = &of(fs)->g;
	uint32_t cluster = pod_get_le32(e + 20);
	s->want_units = e[3];
	s->node.size_bytes = pod_get_le64(e + 24);
	s->node.valid_bytes = s->node.is_dir ? s->node.size_bytes : pod_get_le64(e + 8);
	s->node.priv[0] = cluster;
	s->node.priv[1] = e[1] & POD_EXFAT_NO_FAT_CHAIN ? NODE_CONTIGUOUS : 0;
	if (s->want_units == 0 || s->node.valid_bytes > s->node.size_bytes)
		return false;
	if (s->node.is_dir && s->node.size_bytes > POD_EXFAT_DIR_MAX)
		return false;
	if (s->node.size_bytes == 0)
		return true;
	uint64_t n = pod_exfat_clusters_of(g, s->node.size_bytes);
	if (!(e[1] & POD_EXFAT_ALLOCATED) || !pod_exfat_cluster_ok(g, cluster) || n > g->cluster_count)
		return false;
	return !(e[1] & POD_EXFAT_NO_FAT_CHAIN) || pod_in_range(cluster - 2, n, g->cluster_count);
}

/* Adds the 15 units of one name entry. False on a unit that no name holds (7.7.3), or '/'. */
static bool take_name(const uint8_t *e, struct set *s)
{
	for (uint32_t i = 0; i < POD_EXFAT_UNITS_PER_ENTRY && s->units < s->want_units; i++) {
		uint16_t u = pod_get_le16(e + 2 + 2 * i);
		if (u < 0x20 || u == '/')
			return false;
		s->name[s->units++] = u;
	}
	return true;
}

/* Reads the set whose file entry `first` is a copy of the entry at the position. POD_OK with *good = false if the set is to be
 * skipped; the position is then on the first entry that does not belong to it. */
static enum pod_status read_set(struct pod_dir *dir, const uint8_t *first, struct set *s, bool *good)
{
	uint32_t secondaries = first[1], want_sum = pod_get_le16(first + 2);
	uint16_t sum = pod_exfat_set_sum(0, first, true);
	bool sound = secondaries >= 2;
	*good = false;
	s->node.attributes = pod_get_le16(first + 4);
	s->node.is_dir = s->node.attributes & POD_EXFAT_ATTR_DIR;
	s->node.mtime = pod_exfat_to_unix(pod_get_le32(first + 12), first[21], first[23]);
	s->node.entry_len = (secondaries + 1) * POD_EXFAT_ENTRY_SIZE;
	for (uint32_t i = 1; i <= secondaries; i++) {
		const uint8_t *e;
		uint64_t at;
		enum pod_status st = entry_at(dir, &e, &at);
		if (st == POD_END)
			return POD_OK;
		if (st != POD_OK)
			return st;
		if ((e[0] & (POD_EXFAT_IN_USE | POD_EXFAT_SECONDARY)) != (POD_EXFAT_IN_USE | POD_EXFAT_SECONDARY))
			return POD_OK; /* somebody else's entry: look at it again as a primary one */
		sum = pod_exfat_set_sum(sum, e, false);
		if (i == 1)
			sound = sound && e[0] == POD_EXFAT_STREAM && take_stream(dir->fs, e, s);
		else if (s->units < s->want_units)
			sound = sound && e[0] == POD_EXFAT_NAME && take_name(e, s);
		else if (!(e[0] & POD_EXFAT_BENIGN))
			sound = false; /* an unknown critical secondary: the set may not be touched (8.2) */
		dir->pos += POD_EXFAT_ENTRY_SIZE;
	}
	*good = sound && s->units == s->want_units && sum == want_sum;
	return POD_OK;
}

static enum pod_status exfat_readdir(struct pod_dir *dir, struct pod_dirent *out)
{
	for (;;) {
		const uint8_t *e;
		uint64_t at;
		POD_TRY(entry_at(dir, &e, &at));
		if (e[0] == POD_EXFAT_END)
			return POD_END;
		if (e[0] != POD_EXFAT_FILE) {
			dir->pos += POD_EXFAT_ENTRY_SIZE;
			continue;
		}
		uint8_t first[POD_EXFAT_ENTRY_SIZE];
		struct set s;
		bool good;
		memcpy(first, e, sizeof first);
		memset(&s.node, 0, sizeof s.node);
		s.units = s.want_units = 0;
		s.node.entry_bytes = at;
		dir->pos += POD_EXFAT_ENTRY_SIZE;
		POD_TRY(read_set(dir, first, &s, &good));
		if (!good || pod_utf16_to_utf8(s.name, s.units, out->name, sizeof out->name) != POD_OK) {
			dir->damaged++;
			continue;
		}
		out->node = s.node;
		return POD_OK;
	}
}

/* --- extents ------------------------------------------------------------------------------------------ */

/* Follows the FAT over the first `bytes` (> 0) of a file. */
static enum pod_status walk_chain(struct pod_fs *fs, uint32_t cluster, uint64_t bytes, struct pod_extents *runs)
{
	const struct pod_exfat_geom *g = &of(fs)->g;
	uint64_t fetched = 0;
	for (uint32_t links = 0;; links++) {
		uint64_t n = pod_min_u64(1ull << g->cluster_shift, bytes);
		if (links % POD_FS_LINKS_PER_STEP == 0)
			POD_TRY(pod_budget_spend(fs->dev->budget, 1, 0));
		POD_TRY(pod_extents_add(runs, pod_exfat_cluster_bytes(g, cluster), n, false));
		bytes -= n;
		if (!bytes)
			return POD_OK;
		POD_TRY(fat_entry(fs, cluster, &fetched, &cluster));
		if (!pod_exfat_cluster_ok(g, cluster))
			return POD_E_CORRUPT;
	}
}

static enum pod_status exfat_extents(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx)
{
	struct pod_extents runs = {.cb = cb, .ctx = ctx};
	const struct pod_exfat_geom *g = &of(fs)->g;
	uint32_t cluster = (uint32_t)file->priv[0];
	uint64_t valid = pod_min_u64(file->valid_bytes, file->size_bytes);
	uint64_t clusters = pod_exfat_clusters_of(g, file->size_bytes);
	if (file->size_bytes == 0)
		return POD_OK;
	/* Bounds the walk as well: no file has more clusters than the volume. */
	if (!pod_exfat_cluster_ok(g, cluster) || clusters > g->cluster_count)
		return POD_E_CORRUPT;
	if (valid && (file->priv[1] & NODE_CONTIGUOUS)) {
		if (!pod_in_range(cluster - 2, clusters, g->cluster_count))
			return POD_E_CORRUPT;
		POD_TRY(pod_extents_add(&runs, pod_exfat_cluster_bytes(g, cluster), valid, false));
	} else if (valid) {
		POD_TRY(walk_chain(fs, cluster, valid, &runs));
	}
	POD_TRY(pod_extents_add(&runs, 0, file->size_bytes - valid, true));
	return pod_extents_end(&runs);
}

/* --- volume ------------------------------------------------------------------------------------------- */

static enum pod_status exfat_root(struct pod_fs *fs, struct pod_node *out)
{
	memset(out, 0, sizeof *out);
	out->is_dir = true;
	out->priv[0] = of(fs)->g.root_cluster;
	out->priv[1] = NODE_ROOT;
	return POD_OK;
}

/* The label, if it lies near the start of the root directory, where every formatter puts it. */
static enum pod_status read_label(struct pod_fs *fs)
{
	struct pod_dir dir = {.fs = fs};
	POD_TRY(exfat_root(fs, &dir.node));
	while (dir.pos < LABEL_SCAN_BYTES) {
		const uint8_t *e;
		uint64_t at;
		enum pod_status st = entry_at(&dir, &e, &at);
		if (st == POD_END || st == POD_E_CORRUPT)
			return POD_OK; /* the walk will say so again */
		if (st != POD_OK)
			return st;
		if (e[0] == POD_EXFAT_END || e[0] == (POD_EXFAT_LABEL & ~POD_EXFAT_IN_USE))
			return POD_OK;
		if (e[0] == POD_EXFAT_LABEL) {
			size_t n = e[1] < 11 ? e[1] : 11;
			return pod_utf16le_to_utf8(e + 2, n, fs->label, sizeof fs->label);
		}
		dir.pos += POD_EXFAT_ENTRY_SIZE;
	}
	return POD_OK;
}

static void exfat_close(struct pod_fs *fs)
{
	pod_free(fs->alloc, fs->priv_mem);
	fs->priv_mem = NULL;
}

static enum pod_status exfat_open(struct pod_fs *fs, struct pod_diag *diag)
{
	struct exfat *x = fs->alloc->alloc(fs->alloc, sizeof *x);
	if (!x)
		return POD_E_NOMEM;
	memset(x, 0, offsetof(struct exfat, data));
	fs->priv_mem = x;
	enum pod_status st = pod_exfat_read_boot(fs->dev, x->data, 16 * 512, &x->g, diag);
	if (st == POD_OK) {
		x->page_size = fs->dev->sector_size > PAGE_MIN ? fs->dev->sector_size : PAGE_MIN;
		if (x->page_size > 8192 || (x->page_size & (x->page_size - 1)))
			x->page_size = PAGE_MIN;
		while (1u << x->page_shift != x->page_size)
			x->page_shift++;
		x->pages = CACHE_BYTES >> x->page_shift;
		fs->cluster_size = 1u << x->g.cluster_shift;
		fs->total_bytes = x->g.volume_bytes;
		fs->serial = x->g.serial;
		st = read_label(fs);
	}
	if (st != POD_OK)
		exfat_close(fs);
	return st;
}

const struct pod_fs_ops pod_fs_exfat = {
	.name = "exfat",
	.open = exfat_open,
	.close = exfat_close,
	.root = exfat_root,
	.readdir = exfat_readdir,
	.extents = exfat_extents,
	.case_sensitive = false,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* exFAT write side: allocation bitmap (7.1) and FAT (4.1). */
#include "core/fs/exfat_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

/* --- bitmap ------------------------------------------------------------------------------------------- */

bool pod_exfat_bit(const uint8_t *map, uint32_t cluster)
{
	uint32_t i = cluster - 2;
	return map[i >> 3] >> (i & 7) & 1;
}

void pod_exfat_mark(struct pod_exfat_vol *v, uint32_t first, uint32_t count, bool used)
{
	for (uint32_t i = first - 2; i < first - 2 + count; i++) {
		uint8_t bit = (uint8_t)(1u << (i & 7));
		if (((v->bitmap[i >> 3] & bit) != 0) == used)
			continue;
		v->bitmap[i >> 3] ^= bit;
		if (used)
			v->free_clusters--;
		else
			v->free_clusters++;
	}
	size_t low = (first - 2) >> 3, high = (((size_t)first - 2 + count) >> 3) + 1;
	if (high > v->bitmap_len)
		high = v->bitmap_len;
	if (v->stale_low == v->stale_high) {
		v->stale_low = low;
		v->stale_high = high;
	}
	if (low < v->stale_low)
		v->stale_low = low;
	if (high > v->stale_high)
		v->stale_high = high;
}

enum pod_status pod_exfat_write_bitmap(struct pod_exfat_vol *v)
{
	if (v->stale_low == v->stale_high)
		return POD_OK;
	/* The buffer is as long as whole blocks, and so is the allocation on disk. */
	size_t low = v->stale_low & ~(size_t)(BLOCK - 1);
	size_t high = (size_t)pod_align_up(v->stale_high, BLOCK);
	POD_TRY(pod_exfat_put(v, v->bitmap_bytes + low, v->bitmap + low, high - low));
	v->stale_low = v->stale_high = 0;
	return POD_OK;
}

bool pod_exfat_next_free(const struct pod_exfat_vol *v, uint32_t *cluster, uint32_t *count)
{
	uint32_t i = *cluster - 2, n = v->g.cluster_count;
	while (i < n) {
		if ((i & 7) == 0 && v->bitmap[i >> 3] == 0xFF)
			i += 8;
		else if (v->bitmap[i >> 3] >> (i & 7) & 1)
			i++;
		else
			break;
	}
	if (i >= n)
		return false;
	*cluster = i + 2;
	while (i < n) {
		if ((i & 7) == 0 && v->bitmap[i >> 3] == 0 && n - i >= 8)
			i += 8;
		else if (!(v->bitmap[i >> 3] >> (i & 7) & 1))
			i++;
		else
			break;
	}
	*count = i + 2 - *cluster;
	return true;
}

uint32_t pod_exfat_find_run(const struct pod_exfat_vol *v, uint32_t count)
{
	uint32_t best = 0, best_len = 0, cluster = 2, len;
	while (pod_exfat_next_free(v, &cluster, &len)) {
		if (len >= count && (!best || len < best_len)) {
			best = cluster;
			best_len = len;
		}
		cluster += len;
	}
	return best;
}

/* --- FAT ---------------------------------------------------------------------------------------------- */

enum pod_status pod_exfat_fat_write(struct pod_exfat_vol *v)
{
	if (!v->fat_stale)
		return POD_OK;
	size_t len = (size_t)pod_min_u64(FAT_CACHE, v->g.fat_len_bytes - v->fat_at);
	POD_TRY(pod_exfat_put(v, v->g.fat_bytes + v->fat_at, v->fat, len));
	v->fat_stale = false;
	return POD_OK;
}

static enum pod_status fat_load(struct pod_exfat_vol *v, uint32_t cluster)
{
	uint64_t at = ((uint64_t)cluster * 4) & ~(uint64_t)(FAT_CACHE - 1);
	if (at == v->fat_at)
		return POD_OK;
	POD_TRY(pod_exfat_fat_write(v));
	v->fat_at = ~0ull;
	size_t len = (size_t)pod_min_u64(FAT_CACHE, v->g.fat_len_bytes - at);
	POD_TRY(pod_dev_read(v->dev, v->g.fat_bytes + at, v->fat, len));
	v->fat_at = at;
	return POD_OK;
}

enum pod_status pod_exfat_fat_get(struct pod_exfat_vol *v, uint32_t cluster, uint32_t *out)
{
	POD_TRY(fat_load(v, cluster));
	*out = pod_get_le32(v->fat + (((size_t)cluster * 4) & (FAT_CACHE - 1)));
	return POD_OK;
}

enum pod_status pod_exfat_fat_set(struct pod_exfat_vol *v, uint32_t cluster, uint32_t value)
{
	POD_TRY(fat_load(v, cluster));
	pod_put_le32(v->fat + (((size_t)cluster * 4) & (FAT_CACHE - 1)), value);
	v->fat_stale = true;
	return POD_OK;
}

/* --- allocations -------------------------------------------------------------------------------------- */

enum pod_status pod_exfat_runs(struct pod_exfat_vol *v, uint32_t first, uint64_t size, bool contiguous,
			       enum pod_status (*cb)(void *ctx, uint32_t first, uint32_t count), void *ctx)
{
	uint64_t want = pod_exfat_clusters_of(&v->g, size);
	if (!pod_exfat_cluster_ok(&v->g, first) || want > v->g.cluster_count)
		return POD_E_CORRUPT;
	uint32_t left = (uint32_t)want;
	if (contiguous)
		return pod_in_range(first - 2, left, v->g.cluster_count) ? cb(ctx, first, left) : POD_E_CORRUPT;
	uint32_t start = first, count = 1, cluster = first;
	while (--left) {
		uint32_t next;
		POD_TRY(pod_exfat_fat_get(v, cluster, &next));
		if (!pod_exfat_cluster_ok(&v->g, next))
			return POD_E_CORRUPT;
		if (next == cluster + 1) {
			count++;
		} else {
			POD_TRY(cb(ctx, start, count));
			start = next;
			count = 1;
		}
		cluster = next;
	}
	return cb(ctx, start, count);
}

static enum pod_status check_run(void *ctx, uint32_t first, uint32_t count)
{
	(void)ctx, (void)first, (void)count;
	return POD_OK;
}

static enum pod_status free_run(void *ctx, uint32_t first, uint32_t count)
{
	pod_exfat_mark(ctx, first, count, false);
	return POD_OK;
}

enum pod_status pod_exfat_free(struct pod_exfat_vol *v, uint32_t first, uint64_t size, bool contiguous)
{
	if (size == 0)
		return POD_OK;
	/* All of the chain or nothing: a bad one must not be freed by half. */
	POD_TRY(pod_exfat_runs(v, first, size, contiguous, check_run, NULL));
	return pod_exfat_runs(v, first, size, contiguous, free_run, v);
}

enum pod_status pod_exfat_zero_clusters(struct pod_exfat_vol *v, uint32_t first, uint32_t count)
{
	uint64_t at = pod_exfat_cluster_bytes(&v->g, first), len = (uint64_t)count << v->g.cluster_shift;
	memset(v->scratch, 0, POD_EXFAT_SCRATCH);
	while (len) {
		size_t n = (size_t)pod_min_u64(len, POD_EXFAT_SCRATCH);
		POD_TRY(pod_exfat_put(v, at, v->scratch, n));
		at += n;
		len -= n;
	}
	return POD_OK;
}

/* --- places ------------------------------------------------------------------------------------------- */

uint32_t pod_exfat_extent_cluster(const struct pod_exfat_vol *v, const struct pod_extent *e)
{
	return (uint32_t)((e->dev_bytes - v->g.heap_bytes) >> v->g.cluster_shift) + 2;
}

uint32_t pod_exfat_extent_clusters(const struct pod_exfat_vol *v, const struct pod_extent *e)
{
	return (uint32_t)pod_exfat_clusters_of(&v->g, e->length_bytes);
}

enum pod_status pod_exfat_add_run(struct pod_exfat_vol *v, struct places *p, uint32_t cluster, uint32_t count)
{
	uint64_t at = pod_exfat_cluster_bytes(&v->g, cluster);
	uint64_t len = pod_min_u64((uint64_t)count << v->g.cluster_shift, p->limit - p->done);
	struct pod_extent *last = p->n ? &p->extent[p->n - 1] : NULL;
	if (last && last->dev_bytes + last->length_bytes == at) {
		last->length_bytes += len;
	} else {
		void *grown = p->extent;
		POD_TRY(pod_grow(v->alloc, &grown, p->n, &p->cap, p->n + 1, sizeof *p->extent, EXTENTS_MAX));
		p->extent = grown;
		p->extent[p->n++] = (struct pod_extent){.file_bytes = p->done, .dev_bytes = at, .length_bytes = len};
	}
	p->done += len;
	return POD_OK;
}

enum pod_status pod_exfat_take_fragments(struct pod_exfat_vol *v, struct places *p, uint32_t need)
{
	uint32_t above = 0xFFFFFFFF;
	for (uint32_t bound = 0x80000000; need && bound; bound >>= 1) {
		uint32_t cluster = 2, count;
		while (need && pod_exfat_next_free(v, &cluster, &count)) {
			if (count >= bound && count < above) {
				uint32_t take = count < need ? count : need;
				POD_TRY(pod_exfat_add_run(v, p, cluster, take));
				need -= take;
			}
			cluster += count;
		}
		above = bound;
	}
	return need ? POD_E_NOSPACE : POD_OK;
}

enum pod_status pod_exfat_chain(struct pod_exfat_vol *v, const struct pod_extent *extent, size_t n, uint32_t from, uint32_t to)
{
	uint32_t index = 0;
	for (size_t i = 0; i < n && index < to; i++) {
		uint32_t first = pod_exfat_extent_cluster(v, &extent[i]), count = pod_exfat_extent_clusters(v, &extent[i]);
		uint32_t after = i + 1 < n ? pod_exfat_extent_cluster(v, &extent[i + 1]) : POD_EXFAT_FAT_END;
		uint32_t k = from > index ? from - index : 0;
		for (; k < count && index + k < to; k++) {
			uint32_t next = k + 1 < count ? first + k + 1 : after;
			POD_TRY(pod_exfat_fat_set(v, first + k, index + k + 1 == to ? POD_EXFAT_FAT_END : next));
		}
		index += count;
	}
	return pod_exfat_fat_write(v);
}

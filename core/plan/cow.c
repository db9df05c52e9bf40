/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan/cow.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/sha1.h"
#include "core/base/sort.h"
#include "core/disk/parttab.h"

enum {
	VERSION = 1,
	SNAP_MAGIC = 0x70416e53,
	SNAP_VERSION = 1,
	SNAP_SECTORS = POD_COW_CHUNK / 512,
	ENTRY = 16,
	AREA_ENTRIES = 256
};
enum { SECTOR = 512, PROBE = 4096, PROBE_FAR = 65536 };
enum { CHANGES_MAX = 1 << 22 }; /* 16 GiB of the disk */
enum { RESERVE_MAX = 1 << 14 }; /* chunks: 64 MiB */

static uint32_t chunks_of(uint64_t bytes)
{
	return (uint32_t)(bytes >> 12);
}

/* Areas whose first chunk is in the store. */
static uint32_t areas_of(const struct pod_cow *c)
{
	return (chunks_of(c->store_bytes) + POD_COW_AREA - 2) / POD_COW_AREA;
}

static uint64_t entry_at(uint64_t start, uint32_t i)
{
	return start + POD_COW_STORE + (1 + (uint64_t)(i / AREA_ENTRIES) * POD_COW_AREA) * POD_COW_CHUNK +
	       (uint64_t)(i % AREA_ENTRIES) * ENTRY;
}

/* How many entries there are: the areas are zeros where the kernel did not come yet. */
static enum pod_status count_used(struct pod_dev *d, uint64_t start, struct pod_cow *c)
{
	uint8_t sector[SECTOR];
	uint32_t low = 0, high = areas_of(c) * AREA_ENTRIES;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint64_t at = entry_at(start, middle), in = at & (SECTOR - 1);
		POD_TRY(pod_dev_read(d, at - in, sector, SECTOR));
		if (pod_get_le64(sector + in + 8))
			low = middle + 1;
		else
			high = middle;
	}
	c->used = low;
	return POD_OK;
}

enum pod_status pod_cow_read(struct pod_dev *d, uint64_t start, uint64_t length, struct pod_cow *out)
{
	uint8_t h[POD_COW_HEAD], s[POD_COW_HEAD];
	memset(out, 0, sizeof *out);
	if (length < POD_COW_STORE + 2 * POD_COW_CHUNK)
		return POD_E_FORMAT;
	POD_TRY(pod_dev_read(d, start, h, sizeof h));
	if (memcmp(h, POD_COW_MAGIC, 8) != 0)
		return POD_E_FORMAT;
	if (pod_crc32_without(h, sizeof h, 12) != pod_get_le32(h + 12))
		return POD_E_CORRUPT;
	if (pod_get_le32(h + 8) != VERSION || pod_get_le64(h + 0x18) != POD_COW_STORE)
		return POD_E_UNSUPPORTED;
	out->disk_bytes = pod_get_le64(h + 0x10);
	out->store_bytes = pod_get_le64(h + 0x20);
	memcpy(out->id, h + 0x28, POD_COW_ID);
	if (!out->disk_bytes || out->disk_bytes >> 44 || out->store_bytes >> 44 || out->store_bytes & (POD_COW_CHUNK - 1) ||
	    out->store_bytes < 2 * POD_COW_CHUNK || out->store_bytes > length - POD_COW_STORE)
		return POD_E_CORRUPT;
	POD_TRY(pod_dev_read(d, start + POD_COW_STORE, s, sizeof s));
	if (pod_get_le32(s) != SNAP_MAGIC || !pod_get_le32(s + 4))
		return POD_E_CORRUPT;
	if (pod_get_le32(s + 8) != SNAP_VERSION || pod_get_le32(s + 12) != SNAP_SECTORS)
		return POD_E_UNSUPPORTED;
	return count_used(d, start, out);
}

/* Chunks that are held back. */
static uint32_t reserve_of(const struct pod_cow *c)
{
	uint32_t all = chunks_of(c->store_bytes), disk = chunks_of(c->disk_bytes + POD_COW_CHUNK - 1);
	bool never_full = all > areas_of(c) + 1 && disk <= all - areas_of(c) - 1;
	return never_full ? 0 : (uint32_t)pod_min_u64(all >> 3, RESERVE_MAX);
}

uint64_t pod_cow_free(const struct pod_cow *c)
{
	uint32_t all = chunks_of(c->store_bytes) - reserve_of(c), taken = 1 + areas_of(c) + c->used;
	return taken < all ? (uint64_t)(all - taken) << 12 : 0;
}

bool pod_cow_full(const struct pod_cow *c)
{
	return reserve_of(c) && pod_cow_free(c) <= c->store_bytes >> 6;
}

uint64_t pod_cow_given(const struct pod_cow *c)
{
	return pod_cow_full(c) ? c->store_bytes : c->store_bytes - ((uint64_t)reserve_of(c) << 12);
}

void pod_cow_make(const struct pod_cow *c, uint8_t head[POD_COW_HEAD], uint8_t store[POD_COW_HEAD])
{
	memset(head, 0, POD_COW_HEAD);
	memcpy(head, POD_COW_MAGIC, 8);
	pod_put_le32(head + 8, VERSION);
	pod_put_le64(head + 0x10, c->disk_bytes);
	pod_put_le64(head + 0x18, POD_COW_STORE);
	pod_put_le64(head + 0x20, c->store_bytes);
	memcpy(head + 0x28, c->id, POD_COW_ID);
	pod_put_le32(head + 12, pod_crc32(0, head, POD_COW_HEAD));
	memset(store, 0, POD_COW_HEAD);
	pod_put_le32(store, SNAP_MAGIC);
	pod_put_le32(store + 4, 1);
	pod_put_le32(store + 8, SNAP_VERSION);
	pod_put_le32(store + 12, SNAP_SECTORS);
}

/* --- which disk ------------------------------------------------------------------------------------------- */

static void hash_u64(struct pod_sha1 *s, uint64_t v)
{
	uint8_t b[8];
	pod_put_le64(b, v);
	pod_sha1_update(s, b, sizeof b);
}

/* The first bytes of a partition. */
static enum pod_status hash_start(struct pod_sha1 *s, struct pod_dev *d, uint64_t start, uint64_t length, uint8_t *buf)
{
	static const uint32_t where[] = {0, PROBE_FAR};
	hash_u64(s, start);
	hash_u64(s, length);
	for (size_t i = 0; i < POD_ARRAY_LEN(where); i++) {
		if (!pod_in_range(where[i], PROBE, length))
			continue;
		POD_TRY(pod_dev_read(d, start + where[i], buf, PROBE));
		pod_sha1_update(s, buf, PROBE);
	}
	return POD_OK;
}

enum pod_status pod_cow_identify(struct pod_dev *d, int64_t mtime, struct pod_alloc *a, uint8_t id[POD_COW_ID])
{
	struct pod_sha1 s;
	struct pod_parttab *t = pod_zalloc(a, 1, sizeof *t);
	uint8_t *buf = a->alloc(a, PROBE);
	enum pod_status st = t && buf ? POD_OK : POD_E_NOMEM;
	pod_sha1_init(&s);
	hash_u64(&s, (uint64_t)mtime);
	if (st == POD_OK)
		st = hash_start(&s, d, 0, d->size_bytes, buf);
	if (st == POD_OK) {
		st = pod_parttab_read(d, a, t, NULL);
		/* a table that cannot be read is in the first bytes all the same */
		if (st != POD_OK && !pod_is_fatal(st)) {
			t->count = 0;
			st = POD_OK;
		}
	}
	for (uint32_t i = 0; st == POD_OK && i < t->count; i++)
		st = hash_start(&s, d, t->part[i].start_bytes, t->part[i].length_bytes, buf);
	pod_sha1_final(&s, id);
	pod_free(a, buf);
	pod_free(a, t);
	return st;
}

/* --- what it shows ---------------------------------------------------------------------------------------- */

static bool entry_may_be(const struct pod_cow *c, uint64_t old, uint64_t now)
{
	return old < chunks_of(c->disk_bytes + POD_COW_CHUNK - 1) && now >= 2 && now < chunks_of(c->store_bytes) &&
	       ((uint32_t)now - 1) % POD_COW_AREA != 0;
}

static enum pod_status read_entries(struct pod_dev *d, uint64_t start, const struct pod_cow *c, uint8_t *area, uint64_t *change)
{
	for (uint32_t i = 0; i < c->used; i++) {
		const uint8_t *e = area + (size_t)(i % AREA_ENTRIES) * ENTRY;
		if (i % AREA_ENTRIES == 0)
			POD_TRY(pod_dev_read(d, entry_at(start, i), area, POD_COW_CHUNK));
		uint64_t old = pod_get_le64(e), now = pod_get_le64(e + 8);
		if (!entry_may_be(c, old, now))
			return POD_E_CORRUPT;
		change[i] = old << 32 | now;
	}
	pod_sort_u64(change, c->used);
	for (uint32_t i = 1; i < c->used; i++)
		if (change[i] >> 32 == change[i - 1] >> 32)
			return POD_E_CORRUPT;
	return POD_OK;
}

enum pod_status pod_cow_changes(struct pod_dev *d, uint64_t start, const struct pod_cow *c, struct pod_alloc *a, uint64_t **out)
{
	if (c->used > CHANGES_MAX)
		return POD_E_LIMIT;
	uint64_t *change = pod_zalloc(a, (size_t)c->used + 1, sizeof *change);
	uint8_t *area = a->alloc(a, POD_COW_CHUNK);
	enum pod_status st = change && area ? read_entries(d, start, c, area, change) : POD_E_NOMEM;
	pod_free(a, area);
	if (st == POD_OK)
		*out = change;
	else
		pod_free(a, change);
	return st;
}

enum pod_status pod_cow_map(const struct pod_map *base, uint64_t start, const struct pod_cow *c, const uint64_t *change,
			    struct pod_map *out)
{
	uint64_t at = 0;
	for (uint32_t i = 0; i < c->used; i++) {
		uint64_t old = (change[i] >> 32) << 12, now = (uint64_t)(uint32_t)change[i] << 12;
		POD_TRY(pod_map_append_part(out, base, at, old - at));
		uint64_t n = pod_min_u64(POD_COW_CHUNK, base->size_bytes - old);
		POD_TRY(pod_map_append(out, POD_SEG_DEV, start + POD_COW_STORE + now, n));
		at = old + n;
	}
	return pod_map_append_part(out, base, at, base->size_bytes - at);
}

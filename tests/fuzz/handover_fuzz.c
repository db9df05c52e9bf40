/* SPDX-License-Identifier: BSD-2-Clause */
/* The shim's reader of /isopod/map. The checksum is repaired so that the fuzzer gets past it; whatever parses must keep its
 * promises: runs inside the data partition, in units of the device, covering the image, and never adjacent. */
#include "tests/fuzz/fuzz.h"
#include "core/base/hash.h"
/* The shim is no part of the core's archive. */
#include "linux/handover.c"
#include "linux/handover_disk.c"

static void check_runs(const struct pod_ho_record *r, uint32_t align)
{
	struct pod_ho_cursor c = {0, 0};
	struct pod_ho_run run, last = {0, 0};
	uint64_t sum = 0, part_end = r->part_start_bytes + r->part_length_bytes;
	uint32_t n = 0;
	while (pod_ho_next_run(r, align, &c, &run)) {
		FUZZ_REQUIRE(run.length_bytes > 0 && (run.start_bytes & (UNIT - 1)) == 0);
		FUZZ_REQUIRE(run.start_bytes >= r->part_start_bytes && run.start_bytes < part_end);
		FUZZ_REQUIRE(run.start_bytes + run.length_bytes <= part_end + align);
		FUZZ_REQUIRE(n == 0 || run.start_bytes != last.start_bytes + last.length_bytes);
		sum += run.length_bytes;
		last = run;
		n++;
	}
	FUZZ_REQUIRE(sum >= r->image_bytes && sum - r->image_bytes < align);
	FUZZ_REQUIRE(n > 0 && n <= r->extent_count && n == pod_ho_run_count(r, align));
}

/* Every chunk is whole and found by its type; of a type that comes twice, the first. */
static void require_chunks(const struct pod_ho_record *r, const uint8_t *end)
{
	for (uint32_t at = 0; at < r->chunk_bytes;) {
		const uint8_t *c = r->chunk + at;
		FUZZ_REQUIRE(end - c >= 8 && pod_get_le32(c + 4) <= (uint64_t)(end - c) - 8);
		uint32_t len;
		const uint8_t *found = pod_ho_chunk(r, pod_get_le32(c), &len);
		FUZZ_REQUIRE(found && found <= c + 8 && len <= (uint64_t)(end - found));
		at += (8 + pod_get_le32(c + 4) + 7) & ~7u;
	}
}

/* A disk is all there, in units of the device, and what of it lies on the stick lies in the data partition. */
static void require_disk(const struct pod_ho_record *r)
{
	struct pod_ho_disk d;
	struct pod_diag diag = {0};
	uint64_t sum = 0;
	enum pod_status st = pod_ho_disk(r, &d, &diag);
	FUZZ_REQUIRE(st == POD_OK || st == POD_E_NOT_FOUND || diag.what);
	if (st != POD_OK)
		return;
	for (uint32_t i = 0; i < d.seg_count; i++) {
		struct pod_ho_run s;
		pod_ho_disk_seg(&d, i, &s);
		FUZZ_REQUIRE(s.length_bytes && ((s.start_bytes | s.length_bytes) & (UNIT - 1)) == 0);
		if (s.start_bytes) {
			FUZZ_REQUIRE(!r->cow.length_bytes || s.start_bytes >= r->cow.start_bytes + r->cow.length_bytes ||
				     s.start_bytes + s.length_bytes <= r->cow.start_bytes);
			FUZZ_REQUIRE(s.start_bytes >= r->part_start_bytes && s.length_bytes <= r->part_length_bytes);
			FUZZ_REQUIRE(s.start_bytes - r->part_start_bytes <= r->part_length_bytes - s.length_bytes);
		}
		sum += s.length_bytes;
	}
	FUZZ_REQUIRE(sum == d.size_bytes && sum <= INT64_MAX);
}

/* The system writes there: it must be the stick's data partition and nothing of the image. */
static void require_written(const struct pod_ho_record *r, const struct pod_ho_run *run)
{
	uint64_t start = run->start_bytes, end = start + run->length_bytes;
	if (!run->length_bytes)
		return;
	FUZZ_REQUIRE(start >= r->part_start_bytes && end > start && end <= r->part_start_bytes + r->part_length_bytes);
	FUZZ_REQUIRE(((start | end) & (UNIT - 1)) == 0);
	for (uint32_t i = 0; i < r->extent_count; i++) {
		struct pod_ho_run e;
		extent_at(r, i, &e);
		FUZZ_REQUIRE(e.start_bytes >= end || e.start_bytes + e.length_bytes <= start);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pod_ho_record r;
	struct pod_diag diag = {0};
	uint8_t *copy = malloc(size ? size : 1);
	FUZZ_REQUIRE(copy);
	memcpy(copy, data, size);
	if (size >= POD_HO_HEADER_SIZE) {
		uint32_t total = pod_get_le32(copy + 8);
		if (total >= POD_HO_HEADER_SIZE && total <= size) {
			memset(copy + 12, 0, 4);
			pod_put_le32(copy + 12, pod_crc32(0, copy, total));
		}
	}
	if (pod_ho_parse(&r, copy, size, &diag) == POD_OK) {
		FUZZ_REQUIRE(r.path_len <= POD_HO_PATH_MAX);
		for (uint32_t i = 0; i < r.path_len; i++)
			FUZZ_REQUIRE((const uint8_t *)r.path + i < copy + size);
		FUZZ_REQUIRE(!r.state_start_bytes == !r.boot_number && !r.state_start_bytes == !r.state_length_bytes);
		FUZZ_REQUIRE(r.state_start_bytes >= r.part_start_bytes + r.part_length_bytes ||
			     r.state_start_bytes + r.state_length_bytes <= r.part_start_bytes);
		require_chunks(&r, copy + size);
		require_disk(&r);
		require_written(&r, &r.persist);
		require_written(&r, &r.cow);
		FUZZ_REQUIRE(!r.cow.length_bytes == !r.cow_sectors && r.cow_sectors <= 2048 &&
			     !(r.cow_sectors & (r.cow_sectors - 1)));
		check_runs(&r, 512);
		check_runs(&r, 4096);
		check_runs(&r, 1);
	} else {
		FUZZ_REQUIRE(diag.what);
	}
	free(copy);
	return 0;
}

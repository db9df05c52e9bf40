/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables. Whatever is accepted lies inside the device and can be written and read again. Repairs the GPT
 * checksums of the input, so that the fuzzer gets past them, unless the first byte's lowest bit is set. The end of the input is also read as a
 * record of partition mode about itself, and an image named in it.
 */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/disk/partmode.h"
#include "tests/fuzz/fuzz.h"

static void mend(uint8_t *d, size_t len, size_t at)
{
	if (at + 512 > len || memcmp(d + at, "EFI PART", 8) != 0)
		return;
	uint64_t lba = pod_get_le64(d + at + 72), n = (uint64_t)pod_get_le32(d + at + 80) * pod_get_le32(d + at + 84);
	uint32_t size = pod_get_le32(d + at + 12);
	if (lba < len / 512 && n <= len - lba * 512)
		pod_put_le32(d + at + 88, pod_crc32(0, d + lba * 512, (size_t)n));
	pod_put_le32(d + at + 16, 0);
	if (size <= 512)
		pod_put_le32(d + at + 16, pod_crc32(0, d + at, size));
}

static void sound(const struct pod_parttab *t, const struct fuzz_env *e)
{
	FUZZ_REQUIRE(t->count <= POD_PART_MAX);
	FUZZ_REQUIRE(t->kind != POD_PARTTAB_NONE || t->count == 0);
	for (uint32_t i = 0; i < t->count; i++) {
		FUZZ_REQUIRE(t->part[i].number >= 1);
		FUZZ_REQUIRE(pod_in_range(t->part[i].start_bytes, t->part[i].length_bytes, e->dev.size_bytes));
		FUZZ_REQUIRE(memchr(t->part[i].name, 0, sizeof t->part[i].name));
	}
}

static void partition_mode(struct fuzz_env *e, uint8_t *copy, const struct pod_parttab *t)
{
	static struct pod_partmode p;
	struct pod_window w;
	uint64_t at = e->dev.size_bytes - POD_PARTMODE_RECORD;
	if (e->dev.size_bytes < POD_PARTMODE_RECORD || pod_window_init(&w, &e->dev, at, POD_PARTMODE_RECORD) != POD_OK)
		return;
	if (!(copy[0] & 1)) {
		memcpy(copy + at, "ISOPODP1", 8);
		pod_put_le32(copy + at + 8, 0);
		pod_put_le32(copy + at + 8, pod_crc32(0, copy + at, POD_PARTMODE_RECORD));
	}
	if (pod_partmode_load(&p, &e->dev, &w.dev) == POD_OK) {
		uint8_t sector[512];
		FUZZ_REQUIRE(p.at_bytes <= 512);
		FUZZ_REQUIRE(pod_dev_read(&p.dev, p.at_bytes, sector, 512) != POD_OK || memcmp(sector, p.record + 512, 512) == 0);
	}
	for (uint32_t i = 0; i < t->count && i < 8; i++) {
		const struct pod_partmode_piece piece = {t->part[i].start_bytes, 512, POD_PARTMODE_TYPE};
		if (pod_partmode_begin(&e->dev, &w.dev, &e->alloc, t->part[i].number, &piece, 1) == POD_OK)
			break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t copy[256 * 1024];
	static struct pod_parttab t;
	struct fuzz_env e;
	if (len < 4 || len > sizeof copy)
		return 0;
	memcpy(copy, data, len);
	if (!(copy[0] & 1)) {
		mend(copy, len, 512);
		mend(copy, len, ((len - 4) & ~(size_t)511) - (len >= 516 ? 512 : 0));
	}
	fuzz_init(&e, copy, len, 512, 0, 0);
	for (uint32_t i = 0; i < 4; i++)
		if (pod_parttab_read_gpt(&e.dev, &e.alloc, i & 2 ? 4096 : 512, i & 1, &t, NULL) == POD_OK)
			sound(&t, &e);
	if (pod_parttab_read(&e.dev, &e.alloc, &t, NULL) == POD_OK) {
		sound(&t, &e);
		/* Written to a disk of the same size, it must read back with as many partitions. */
		uint32_t count = t.count;
		struct pod_memdev m;
		uint8_t *out = calloc(1, len);
		pod_memdev_init(&m, out, len - 4, 512, false);
		e.fail_alloc = e.allocs + 1 + (e.fail_alloc & 3);
		if (pod_parttab_write(&m.dev, &e.alloc, &t, NULL) == POD_OK) {
			e.fail_alloc = 0;
			FUZZ_REQUIRE(pod_parttab_read(&m.dev, &e.alloc, &t, NULL) == POD_OK && t.count == count);
		}
		free(out);
		partition_mode(&e, copy, &t);
	}
	fuzz_done(&e);
	return 0;
}

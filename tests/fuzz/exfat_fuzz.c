/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exFAT, reader and writer. The input is not a volume but damage done to one: the volume of tests/unit/exfat_scenario.h, made
 * once, is patched, and its checksums are put right afterwards so that the damage is looked at. +0 flags: 1 leave the boot
 * checksum alone, 2 leave the set checksums alone, 4 mark the volume dirty, 8 the main boot region goes +1 which operation to try
 *   then patches: 3 bytes offset, 1 byte length (low 4 bits + 1), so many bytes
 *   last 4 bytes: the nth device read and the nth allocation that fail (fuzz.h)
 * What a volume that was dirty, and that the mount therefore has checked, is after an operation, has nothing left to repair.
 */
#include "core/fs/exfat_int.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/exfat_scenario.h"

enum { SIZE = 1 << 20 };

static uint8_t base[SIZE], image[SIZE];
static struct pod_exfat_geom geom;

static void *plain_alloc(struct pod_alloc *a, size_t n)
{
	(void)a;
	return malloc(n ? n : 1);
}

static void plain_release(struct pod_alloc *a, void *p)
{
	(void)a;
	free(p);
}

static void make_base(void)
{
	struct pod_alloc a = {plain_alloc, plain_release, NULL};
	struct fault_dev f;
	uint8_t boot[512];
	fault_init(&f, base, SIZE, 512);
	scenario_base(&f, &a, 2048);
	FUZZ_REQUIRE(pod_exfat_read_boot(&f.dev, boot, sizeof boot, &geom, NULL) == POD_OK);
}

static void patch(const uint8_t *p, size_t len)
{
	while (len >= 5) {
		size_t off = (p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16) & (SIZE - 1), n = (p[3] & 15) + 1u;
		p += 4, len -= 4;
		if (n > len)
			n = len;
		if (n > SIZE - off)
			n = SIZE - off;
		memcpy(image + off, p, n);
		p += n, len -= n;
	}
}

static void mend(uint8_t flags)
{
	if (!(flags & 2)) {
		for (size_t at = (size_t)geom.heap_bytes; at + 32 * 20 <= SIZE; at += 32) {
			if (image[at] != 0x85 || image[at + 1] > 18)
				continue;
			uint16_t sum = pod_exfat_set_sum(0, image + at, true);
			for (int i = 1; i <= image[at + 1]; i++)
				sum = pod_exfat_set_sum(sum, image + at + 32 * i, false);
			pod_put_le16(image + at + 2, sum);
		}
	}
	if (!(flags & 1)) {
		uint32_t sum = pod_exfat_boot_sum(0, image, 512, true);
		pod_put_le32(image + 11 * 512, pod_exfat_boot_sum(sum, image + 512, 10 * 512, false));
	}
	if (flags & 4)
		image[106] |= 2;
	if (flags & 8)
		memset(image + 64, 0xEE, 64);
}

static enum pod_status image_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	(void)d;
	memcpy(image + off, buf, len);
	return POD_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool made;
	struct fuzz_env e;
	struct listing l;
	struct pod_exfat_vol v;
	struct pod_diag diag;
	if (!made)
		make_base();
	made = true;
	if (len < 6)
		return 0;
	memcpy(image, base, SIZE);
	fuzz_init(&e, data, len, 512, 0, 0);
	patch(data + 2, e.len - 2);
	mend(data[0]);
	/* The device is the image; reads, allocations and their failures are the environment's. */
	e.data = image;
	e.gap_at = SIZE;
	e.gap_len = 0;
	e.dev.size_bytes = SIZE;
	list_volume(&l, &e.dev, &e.alloc);
	list_free(&l);
	e.dev.read_only = false;
	e.dev.write = image_write;
	e.reads = e.allocs = 0;
	if (pod_exfat_mount(&v, &e.dev, &e.alloc, &diag) == POD_OK) {
		bool checked = v.repair.was_dirty;
		const struct operation *op = &operations[data[1] % POD_ARRAY_LEN(operations)];
		enum pod_status st = op->run(&v), end = pod_exfat_unmount(&v);
		FUZZ_REQUIRE(st < POD_STATUS_COUNT && end < POD_STATUS_COUNT);
		e.fail_read = e.fail_alloc = 0;
		if (checked && end == POD_OK) {
			image[106] |= 2;
			st = pod_exfat_mount(&v, &e.dev, &e.alloc, &diag);
			if (st != POD_OK)
				fprintf(stderr, "%s: %s\n", op->name, diag.what ? diag.what : pod_status_text(st));
			FUZZ_REQUIRE(st == POD_OK);
			FUZZ_REQUIRE(!v.repair.claimed_clusters && !v.repair.dropped_entries && !v.repair.cut_chains);
			FUZZ_REQUIRE(pod_exfat_unmount(&v) == POD_OK);
		}
	}
	fuzz_done(&e);
	return 0;
}

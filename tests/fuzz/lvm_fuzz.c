/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LVM2: the input is a disk; its first byte, which belongs to nobody, says whether it is one physical volume (0) or has two partitions. Repairs the
 * sums of label, head and text, so that the fuzzer gets past them, unless that byte's bit 1 is set. Whatever is accepted lies on the disk.
 */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/disk/lvm.h"
#include "tests/fuzz/fuzz.h"

enum { SECTOR = 512 };

static uint32_t sum_of(const uint8_t *p, size_t len)
{
	return ~pod_crc32(~0xF597A6CFu, p, len);
}

static void mend_area(uint8_t *a, size_t left)
{
	uint64_t off = pod_get_le64(a + 0x28), len = pod_get_le64(a + 0x30), size = pod_get_le64(a + 0x20);
	if (off < left && len <= left - off && (size < off || len <= size - off)) /* one that goes round keeps its sum */
		pod_put_le32(a + 0x38, sum_of(a + off, (size_t)len));
	pod_put_le32(a, sum_of(a + 4, SECTOR - 4));
}

static void mend(uint8_t *d, size_t len)
{
	for (size_t at = 0; at + SECTOR <= len; at += SECTOR) {
		if (memcmp(d + at, "LABELONE", 8) == 0)
			pod_put_le32(d + at + 0x10, sum_of(d + at + 0x14, SECTOR - 0x14));
		else if (memcmp(d + at + 4, " LVM2 x[5A%r0N*>", 16) == 0)
			mend_area(d + at, len - at);
	}
}

static void use(struct fuzz_env *e, const struct pod_lvm_volume *v)
{
	uint64_t size = 0;
	FUZZ_REQUIRE(memchr(v->name, 0, sizeof v->name) && memchr(v->why, 0, sizeof v->why));
	FUZZ_REQUIRE(!v->runs == !!v->why[0]);
	if (!v->runs)
		return;
	for (size_t i = 0; i < v->runs; i++) {
		FUZZ_REQUIRE(pod_in_range(v->run[i].start_bytes, v->run[i].length_bytes, e->dev.size_bytes));
		size += v->run[i].length_bytes;
	}
	FUZZ_REQUIRE(size == v->size_bytes && size >= SECTOR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t copy[256 * 1024];
	static struct pod_parttab t;
	struct fuzz_env e;
	struct pod_lvm lvm;
	if (len < 4 + 4 * SECTOR || len > sizeof copy)
		return 0;
	memcpy(copy, data, len);
	if (!(copy[0] & 2))
		mend(copy, len - 4);
	fuzz_init(&e, copy, len, SECTOR, 0, 0);
	uint64_t half = e.dev.size_bytes / 2 & ~(uint64_t)(SECTOR - 1);
	memset(&t, 0, sizeof t);
	if (copy[0] & ~2) {
		t.kind = POD_PARTTAB_GPT;
		t.count = 2;
		t.part[0] = (struct pod_part){.number = 1, .length_bytes = half};
		t.part[1] = (struct pod_part){.number = 4, .start_bytes = half, .length_bytes = e.dev.size_bytes - half};
	}
	if (pod_lvm_read(&e.dev, &t, &e.alloc, &lvm) == POD_OK) {
		FUZZ_REQUIRE(lvm.volumes <= POD_LVM_VOLUME_MAX && lvm.runs <= POD_LVM_RUN_MAX);
		FUZZ_REQUIRE(lvm.unread == UINT32_MAX || lvm.unread == 0 || lvm.unread == 1 || lvm.unread == 4);
		for (size_t i = 0; i < lvm.volumes; i++)
			use(&e, &lvm.volume[i]);
		pod_lvm_free(&lvm, &e.alloc);
	}
	fuzz_done(&e);
	return 0;
}

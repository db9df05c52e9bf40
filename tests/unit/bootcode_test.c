/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"
#include <string.h>
#include "core/base/bytes.h"
#include "core/disk/bootcode.h"

static const struct pod_bootcode one = {.lba = POD_BOOTCODE_SLOT_B, .sectors = 300, .sum = 0x12345678};

TEST(what_is_put_is_read)
{
	uint8_t lba0[512];
	struct pod_bootcode got;

	memset(lba0, 0xa5, sizeof lba0);
	pod_bootcode_put(lba0, &one);
	CHECK(pod_bootcode_get(lba0, &got));
	CHECK_EQ(got.lba, one.lba);
	CHECK_EQ(got.sectors, one.sectors);
	CHECK_EQ(got.sum, one.sum);
	/* The places boot/bios/mbr.S reads, and nothing around them. */
	CHECK_EQ(pod_get_le32(lba0 + 0x1a0), one.lba);
	CHECK_EQ(pod_get_le16(lba0 + 0x1a4), one.sectors);
	CHECK_EQ(pod_get_le16(lba0 + 0x1a6), 1);
	CHECK_EQ(pod_get_le32(lba0 + 0x1a8), one.sum);
	for (unsigned i = 0x1ac; i < 0x1b8; i++)
		CHECK_EQ(lba0[i], 0);
	CHECK_EQ(lba0[0x19f], 0xa5);
	CHECK_EQ(lba0[0x1b8], 0xa5);
}

TEST(other_versions_and_places_are_not_ours)
{
	uint8_t lba0[512] = {0};
	struct pod_bootcode b = one, got;

	CHECK(!pod_bootcode_get(lba0, &got));
	pod_bootcode_put(lba0, &one);
	lba0[0x1a6] = 2;
	CHECK(!pod_bootcode_get(lba0, &got));
	b.lba = 35;
	pod_bootcode_put(lba0, &b);
	CHECK(!pod_bootcode_get(lba0, &got));
}

/* Two sticks with different versions: the one that is running is told by length and sum, whichever slot it lies in. */
TEST(another_version_is_told_apart)
{
	struct pod_bootcode b = one;

	b.lba = POD_BOOTCODE_SLOT_A;
	CHECK(pod_bootcode_same(&one, &b));
	b.sum++;
	CHECK(!pod_bootcode_same(&one, &b));
	b = one;
	b.sectors--;
	CHECK(!pod_bootcode_same(&one, &b));
}

TEST(sum_is_of_32_bit_words)
{
	uint8_t code[1024] = {0};

	CHECK_EQ(pod_bootcode_sum(code, sizeof code), 0);
	pod_put_le32(code, 0xffffffff);
	pod_put_le32(code + 1020, 3);
	CHECK_EQ(pod_bootcode_sum(code, sizeof code), 2);
	CHECK_EQ(pod_bootcode_sum(code, 1020), 0xffffffff);
}

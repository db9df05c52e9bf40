/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/disk/bootcode.h"

#define AT_LBA	   0x1a0u
#define AT_SECTORS 0x1a4u
#define AT_VERSION 0x1a6u
#define AT_SUM	   0x1a8u
#define AT_MARK	   0x1acu
#define AT_END	   0x1b8u
#define VERSION	   1u
#define MARK	   0x31474d49u /* "IMG1" */

void pod_bootcode_put(uint8_t *lba0, const struct pod_bootcode *b)
{
	memset(lba0 + AT_LBA, 0, AT_END - AT_LBA);
	pod_put_le32(lba0 + AT_LBA, b->lba);
	pod_put_le16(lba0 + AT_SECTORS, (uint16_t)b->sectors);
	pod_put_le16(lba0 + AT_VERSION, VERSION);
	pod_put_le32(lba0 + AT_SUM, b->sum);
}

bool pod_bootcode_get(const uint8_t *lba0, struct pod_bootcode *out)
{
	*out = (struct pod_bootcode){
		.lba = pod_get_le32(lba0 + AT_LBA),
		.sectors = pod_get_le16(lba0 + AT_SECTORS),
		.sum = pod_get_le32(lba0 + AT_SUM),
	};
	return pod_get_le16(lba0 + AT_VERSION) == VERSION && (out->lba == POD_BOOTCODE_SLOT_A || out->lba == POD_BOOTCODE_SLOT_B);
}

void pod_bootcode_mark(uint8_t *lba0, bool on)
{
	pod_put_le32(lba0 + AT_MARK, on ? MARK : 0);
}

bool pod_bootcode_marked(const uint8_t *lba0)
{
	struct pod_bootcode b;
	return pod_bootcode_get(lba0, &b) && pod_get_le32(lba0 + AT_MARK) == MARK;
}

uint32_t pod_bootcode_sum(const uint8_t *stage2, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 4 <= len; i += 4)
		sum += pod_get_le32(stage2 + i);
	return sum;
}

bool pod_bootcode_same(const struct pod_bootcode *a, const struct pod_bootcode *b)
{
	return a->sectors == b->sectors && a->sum == b->sum;
}

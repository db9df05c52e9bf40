/* SPDX-License-Identifier: BSD-2-Clause */
/* No standard: after boot.sdi as Microsoft ships it, and what its boot manager accepts. */
#include "core/wim/sdi.h"
#include "core/base/bytes.h"

enum {
	ALIGN = 4096,
	CHECKSUM = 0x1F8,
	CHECKED = 0x200,
	TABLE = 0x400, /* entries of 64 bytes */
	NTFS = 7,
};

uint64_t pod_sdi_head(uint8_t head[POD_SDI_HEAD], uint64_t volume_bytes)
{
	uint64_t end = pod_align_up(POD_SDI_HEAD + volume_bytes, ALIGN);
	uint8_t sum = 0;
	memset(head, 0, POD_SDI_HEAD);
	memcpy(head, "$SDI0001", 8);
	pod_put_le64(head + 0x70, 2);
	for (uint32_t i = 0; i < CHECKED; i++)
		sum = (uint8_t)(sum + head[i]);
	head[CHECKSUM] = (uint8_t)(0u - sum);
	memcpy(head + TABLE, "PART", 4);
	pod_put_le64(head + TABLE + 0x10, POD_SDI_HEAD);
	pod_put_le64(head + TABLE + 0x18, volume_bytes);
	pod_put_le64(head + TABLE + 0x20, NTFS);
	memcpy(head + TABLE + 0x40, "WIM", 3);
	pod_put_le64(head + TABLE + 0x50, end);
	return end;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stick's boot partition (EFI system partition, number 2, the firmware's business only) is taken out of the kernel's view;
 * nothing on the disk changes, and whoever wants it finds it at its place on the whole disk.
 *
 * Two reasons. An installer that runs from the stick would find an EFI system partition there before the one of the disk it
 * installs to, and several put their boot loader into the first they find: that would write to the stick and leave the computer
 * without one. And each search of the live system for something (udev's, twice, blkid's) reads a megabyte of each partition.
 *
 *   MBR  entry 2 at 446 + 16, type at +4: EFh
 *   GPT  header in sector 1: +72 u64 first sector of the entries, +84 u32 size of one; entry +0 type GUID
 *        C12A7328-F81F-11D2-BA4B-00A0C93EC93B (UEFI specification 2.10, 5.3)
 */
#include "linux/attach.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

#define BOOT_NUMBER   2u
#define HIDE_LIMIT_MS 3000u

static const uint8_t esp_type[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
				     0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

static bool is_gpt_esp(const struct pod_ho_record *r, int fd)
{
	uint8_t head[512], type[16];
	if (pod_sys_pread(fd, head, sizeof head, r->sector_size) != (long)sizeof head || memcmp(head, "EFI PART", 8) != 0)
		return false;
	uint64_t first = pod_get_le64(head + 72);
	uint32_t size = pod_get_le32(head + 84);
	/* the entries begin before the data partition; a size is 128 times a power of two */
	if (first < 2 || first > r->part_start_bytes || size < 128 || size > 4096)
		return false;
	uint64_t at = first * r->sector_size + size * (BOOT_NUMBER - 1);
	return pod_sys_pread(fd, type, sizeof type, at) == (long)sizeof type && memcmp(type, esp_type, sizeof type) == 0;
}

static bool is_mbr_esp(int fd)
{
	uint8_t sector[512];
	return pod_sys_pread(fd, sector, sizeof sector, 0) == (long)sizeof sector &&
	       sector[446 + 16 * (BOOT_NUMBER - 1) + 4] == 0xef;
}

void pod_hide_boot_partition(const struct pod_ho_record *r, int fd)
{
	if (r->part_number == BOOT_NUMBER || !((r->flags & POD_HO_GPT) ? is_gpt_esp(r, fd) : is_mbr_esp(fd)))
		return;
	uint32_t since_ms = pod_sys_now_ms();
	unsigned pause_ms = 10;
	/* Probing takes moments; a mounted one stays. */
	while (pod_drop_partition(fd, BOOT_NUMBER) == -SYS_EBUSY && pod_sys_now_ms() - since_ms < HIDE_LIMIT_MS) {
		pod_sleep_ms(pause_ms);
		pause_ms = pause_ms < 160 ? pause_ms * 2 : pause_ms;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How LBA 0 of a stick names the BIOS stage 2. Sectors are of 512 bytes, fields little-endian; boot/bios/mbr.S has them at the
 * same places.
 *
 *   +0x1A0  4  LBA of stage 2: one of two slots between the partition table and the data partition
 *   +0x1A4  2  its length in sectors
 *   +0x1A6  2  version of these fields: 1
 *   +0x1A8  4  sum of all its 32-bit words
 *   +0x1AC  4  "IMG1": the table names an image (partmode.h); else zero
 *   +0x1B0  8  zero
 */
#ifndef POD_DISK_BOOTCODE_H
#define POD_DISK_BOOTCODE_H

#include "core/base/status.h"

#define POD_BOOTCODE_SECTOR	  512u
#define POD_BOOTCODE_SLOT_A	  34u
#define POD_BOOTCODE_SLOT_B	  1040u
#define POD_BOOTCODE_SLOT_SECTORS 1006u

struct pod_bootcode {
	uint32_t lba;
	uint32_t sectors;
	uint32_t sum;
};

/* Writes the fields into LBA 0 (at least 0x1B8 bytes). */
void pod_bootcode_put(uint8_t *lba0, const struct pod_bootcode *b);
/* Reads them; false if they are of another version or name no slot. */
bool POD_MUST_USE pod_bootcode_get(const uint8_t *lba0, struct pod_bootcode *out);
/* The mark of a table that names an image. */
void pod_bootcode_mark(uint8_t *lba0, bool on);
bool pod_bootcode_marked(const uint8_t *lba0);
/* The sum of a stage 2; its length is a multiple of four. */
uint32_t pod_bootcode_sum(const uint8_t *stage2, size_t len);
/* Is it the same code, in whatever slot? */
bool pod_bootcode_same(const struct pod_bootcode *a, const struct pod_bootcode *b);

#endif

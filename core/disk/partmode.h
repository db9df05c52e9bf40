/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition mode: a system whose own drivers see the raw stick finds its image as a partition of it. One sector is written, and put back
 * later (doc/FORMATS/partition-mode.md): LBA 0 of an MBR stick; of a GPT stick the primary header in LBA 1, which then names another entry
 * array, prepared where no table reaches. The entry of the data partition is left out meanwhile, since it would overlap; all others stay.
 *
 * The record of it, three sectors of 512 bytes in the state file:
 *   +0x000  8  magic "ISOPODP1"        +0x200 512  the sector as it was
 *   +0x008  4  CRC-32 of the 1536 bytes with this field zero
 *   +0x00C  4  LBA of the sector       +0x400 512  the sector as it was written
 */
#ifndef POD_DISK_PARTMODE_H
#define POD_DISK_PARTMODE_H

#include "core/disk/parttab.h"

#define POD_PARTMODE_RECORD 1536u
#define POD_PARTMODE_PIECES 4u
/* "CHRP ISO-9660": Windows mounts and formats nothing of that type, and nobody else looks at it. */
#define POD_PARTMODE_TYPE 0x96u
/* The type of all pieces on a GPT: nobody's. */
extern const uint8_t pod_guid_partmode[16];

/* What becomes a partition; whole sectors of the disk. */
struct pod_partmode_piece {
	uint64_t start_bytes, length_bytes;
	uint8_t type; /* MBR */
};

/* Does the table name an image, as pod_partmode_begin wrote it? */
bool pod_partmode_shows(const struct pod_parttab *t);

/* Writes the record, then the one sector. `number`: of the data partition, in which all pieces lie. `record` shows
 * POD_PARTMODE_RECORD bytes of the state file. POD_E_UNSUPPORTED: not a table that `isopod create` makes, or it shows an image already;
 * POD_E_LIMIT: no entry left, or beyond what an MBR counts; POD_E_RANGE: a piece is not where it may be. Nothing is written then. */
enum pod_status POD_MUST_USE pod_partmode_begin(struct pod_dev *disk, struct pod_dev *record, struct pod_alloc *a,
						uint32_t number, const struct pod_partmode_piece *piece, size_t pieces);

/* What the record says. `dev` shows the disk with the sector as it was. */
struct pod_partmode {
	struct pod_dev dev;
	struct pod_dev *disk;
	uint64_t at_bytes;
	uint8_t record[POD_PARTMODE_RECORD];
};

/* POD_OK: the sector is to the byte the one that was written. POD_E_CHANGED: it is another one; POD_E_NOT_FOUND: there is no valid
 * record: it is to be left alone. */
enum pod_status POD_MUST_USE pod_partmode_load(struct pod_partmode *p, struct pod_dev *disk, struct pod_dev *record);
/* Puts the sector back. */
enum pod_status POD_MUST_USE pod_partmode_end(struct pod_partmode *p);

#endif

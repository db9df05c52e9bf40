/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables: MBR (with one level of logical partitions read) and GPT (UEFI 2.10 clause 5.3).
 */
#ifndef POD_DISK_PARTTAB_H
#define POD_DISK_PARTTAB_H

#include "core/disk/dev.h"

enum pod_parttab_kind { POD_PARTTAB_NONE, POD_PARTTAB_MBR, POD_PARTTAB_GPT };

#define POD_PART_MAX 128

struct pod_part {
	uint32_t number; /* 1-based, as Linux numbers it */
	uint64_t start_bytes, length_bytes;
	uint8_t mbr_type;      /* MBR only */
	bool active;	       /* MBR only: boot indicator 0x80 */
	uint8_t type_guid[16]; /* GPT only, on-disk byte order */
	uint8_t part_guid[16]; /* GPT only */
	uint64_t attributes;   /* GPT only */
	char name[112];	       /* GPT only, UTF-8 */
};

struct pod_parttab {
	enum pod_parttab_kind kind;
	uint32_t mbr_signature; /* of LBA 0, also under GPT */
	uint8_t disk_guid[16];	/* GPT only */
	bool used_backup;	/* GPT: the primary header was bad, the backup was read */
	bool names_image;	/* MBR: it bears the mark of partition mode (partmode.h) */
	uint32_t count;
	struct pod_part part[POD_PART_MAX];
};

/* The EFI System Partition and the Microsoft basic data type GUIDs in on-disk byte order. */
extern const uint8_t pod_guid_esp[16];
extern const uint8_t pod_guid_basic_data[16];

/* Reads the table at `d`. No table at all is POD_OK with kind NONE. Entries outside the device are POD_E_CORRUPT. */
enum pod_status POD_MUST_USE pod_parttab_read(struct pod_dev *d, struct pod_alloc *a, struct pod_parttab *out,
					      struct pod_diag *diag);

/* One of the two copies of a GPT, that in LBA 1 or its backup in the last one, whatever LBA 0 says: what is left of a table whose
 * beginning was written over. `sector_size` (512, 4096) is what it counts in, whatever the device says. POD_E_CORRUPT: none. */
enum pod_status POD_MUST_USE pod_parttab_read_gpt(struct pod_dev *d, struct pod_alloc *a, uint32_t sector_size, bool backup,
						  struct pod_parttab *out, struct pod_diag *diag);

/* Writes `t` (part[].start/length/type/guid/name, mbr_signature, disk_guid) to `d`. `boot_code`, if not NULL, is
 * 440 bytes for LBA 0. Order: GPT backup, GPT primary, flush, then LBA 0 as the last single-sector write, flush. */
enum pod_status POD_MUST_USE pod_parttab_write(struct pod_dev *d, struct pod_alloc *a, const struct pod_parttab *t,
					       const uint8_t *boot_code);

/* Fills one entry of an MBR, of 16 bytes; `shift`: log2 of the sector size. */
void pod_parttab_put_mbr(uint8_t *e, const struct pod_part *p, uint32_t shift);

#endif

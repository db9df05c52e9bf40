/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BIOS boot code on a stick. 440 bytes in LBA 0 load stage 2 from one of two slots between the partition table and the data
 * partition; four fields in those bytes say which. Writing a new stage 2 to the slot that is not in use, and then the one sector,
 * is an update that a power failure at any point leaves either done or not done. The fields: core/disk/bootcode.h.
 */
#ifndef POD_CLI_BOOTCODE_H
#define POD_CLI_BOOTCODE_H

#include "cli/ui/ui.h"
#include "core/disk/dev.h"

#define CLI_MBR_CODE_SIZE 440u

struct cli_bootcode {
	uint8_t *mbr; /* CLI_MBR_CODE_SIZE bytes */
	uint8_t *stage2;
	uint32_t sectors; /* of 512 bytes */
	uint32_t sum;
};

/* Reads mbr.bin and stage2.bin; says what is wrong and returns false. */
bool cli_bootcode_load(struct cli_bootcode *b, struct fault *fault);
void cli_bootcode_free(struct cli_bootcode *b);
/* A drive that can hold it: the slots are counted in sectors of 512 bytes. */
bool cli_bootcode_fits(const struct pod_dev *d);
/* Writes stage 2 into the first slot, for a stick that has none, and fills `code` for LBA 0. */
enum pod_status POD_MUST_USE cli_bootcode_first(struct pod_dev *d, const struct cli_bootcode *b, uint8_t code[CLI_MBR_CODE_SIZE]);
/* Does LBA 0 hold boot code of ours? */
bool cli_bootcode_present(struct pod_dev *d);
/* Replaces boot code as told above, flushes. *changed tells whether there was anything to do. */
enum pod_status POD_MUST_USE cli_bootcode_update(struct pod_dev *d, const struct cli_bootcode *b, bool *changed);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/stick/bootcode.h"
#include "cli/ui/ui.h"
#include "cli/stick/stickfiles.h"
#include "core/base/bytes.h"
#include "core/disk/bootcode.h"

#define SECTOR POD_BOOTCODE_SECTOR

bool cli_bootcode_load(struct cli_bootcode *b, struct fault *fault)
{
	size_t mbr_len, len;

	memset(b, 0, sizeof *b);
	b->mbr = cli_stickfile_read("mbr.bin", &mbr_len, fault);
	b->stage2 = b->mbr ? cli_stickfile_read("stage2.bin", &len, fault) : NULL;
	if (!b->stage2) {
		cli_bootcode_free(b);
		return false;
	}
	if (mbr_len != CLI_MBR_CODE_SIZE || len % SECTOR != 0 || len / SECTOR > POD_BOOTCODE_SLOT_SECTORS) {
		fault_set(fault, _("mbr.bin (%zu bytes) or stage2.bin (%zu bytes) has the wrong length; install isopod again"),
			  mbr_len, len);
		cli_bootcode_free(b);
		return false;
	}
	b->sectors = (uint32_t)(len / SECTOR);
	b->sum = pod_bootcode_sum(b->stage2, len);
	return true;
}

void cli_bootcode_free(struct cli_bootcode *b)
{
	free(b->mbr);
	free(b->stage2);
	memset(b, 0, sizeof *b);
}

bool cli_bootcode_fits(const struct pod_dev *d)
{
	return d->sector_size == SECTOR;
}

static void fill(const struct cli_bootcode *b, uint32_t lba, uint8_t code[CLI_MBR_CODE_SIZE])
{
	struct pod_bootcode fields = {.lba = lba, .sectors = b->sectors, .sum = b->sum};

	memcpy(code, b->mbr, CLI_MBR_CODE_SIZE);
	pod_bootcode_put(code, &fields);
}

static enum pod_status write_slot(struct pod_dev *d, const struct cli_bootcode *b, uint32_t lba)
{
	POD_TRY(pod_dev_write(d, (uint64_t)lba * SECTOR, b->stage2, (size_t)b->sectors * SECTOR));
	return pod_dev_flush(d);
}

enum pod_status cli_bootcode_first(struct pod_dev *d, const struct cli_bootcode *b, uint8_t code[CLI_MBR_CODE_SIZE])
{
	fill(b, POD_BOOTCODE_SLOT_A, code);
	return write_slot(d, b, POD_BOOTCODE_SLOT_A);
}

bool cli_bootcode_present(struct pod_dev *d)
{
	uint8_t sector[SECTOR];
	struct pod_bootcode fields;

	return cli_bootcode_fits(d) && pod_dev_read(d, 0, sector, sizeof sector) == POD_OK && pod_bootcode_get(sector, &fields);
}

/* True if the slot at `lba` holds exactly this stage 2. */
static enum pod_status slot_equals(struct pod_dev *d, const struct cli_bootcode *b, uint32_t lba, bool *equal)
{
	size_t len = (size_t)b->sectors * SECTOR;
	uint8_t *now = cli_xmalloc(len);
	enum pod_status st = pod_dev_read(d, (uint64_t)lba * SECTOR, now, len);

	*equal = st == POD_OK && memcmp(now, b->stage2, len) == 0;
	free(now);
	return st;
}

enum pod_status cli_bootcode_update(struct pod_dev *d, const struct cli_bootcode *b, bool *changed)
{
	uint8_t sector[SECTOR], code[CLI_MBR_CODE_SIZE];
	struct pod_bootcode fields;
	uint32_t lba;
	bool equal;

	*changed = false;
	POD_TRY(pod_dev_read(d, 0, sector, sizeof sector));
	/* None of ours in use: A is free. */
	lba = pod_bootcode_get(sector, &fields) ? fields.lba : POD_BOOTCODE_SLOT_B;
	POD_TRY(slot_equals(d, b, lba, &equal));
	if (!equal)
		lba = lba == POD_BOOTCODE_SLOT_A ? POD_BOOTCODE_SLOT_B : POD_BOOTCODE_SLOT_A;
	fill(b, lba, code);
	if (equal && memcmp(code, sector, sizeof code) == 0)
		return POD_OK;

	*changed = true;
	if (!equal)
		POD_TRY(write_slot(d, b, lba));
	memcpy(sector, code, sizeof code);
	POD_TRY(pod_dev_write(d, 0, sector, sizeof sector));
	return pod_dev_flush(d);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/stick/bootcode.h"
#include "cli/ui/ui.h"
#include "cli/stick/stickfiles.h"
#include "core/base/bytes.h"

#define SECTOR	     512u
#define SLOT_A_LBA   34u
#define SLOT_B_LBA   1040u
#define SLOT_SECTORS 1006u
#define FIELDS	     0x1a0u
#define FIELDS_END   0x1b8u
#define VERSION	     1u

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
	if (mbr_len != CLI_MBR_CODE_SIZE || len % SECTOR != 0 || len / SECTOR > SLOT_SECTORS) {
		fault_set(fault, _("mbr.bin (%zu bytes) or stage2.bin (%zu bytes) has a wrong length; install isopod again"),
			  mbr_len, len);
		cli_bootcode_free(b);
		return false;
	}
	b->sectors = (uint32_t)(len / SECTOR);
	for (size_t i = 0; i < len; i += 4)
		b->sum += pod_get_le32(b->stage2 + i);
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
	memcpy(code, b->mbr, CLI_MBR_CODE_SIZE);
	memset(code + FIELDS, 0, FIELDS_END - FIELDS);
	pod_put_le32(code + FIELDS, lba);
	pod_put_le16(code + FIELDS + 4, (uint16_t)b->sectors);
	pod_put_le16(code + FIELDS + 6, VERSION);
	pod_put_le32(code + FIELDS + 8, b->sum);
}

static enum pod_status write_slot(struct pod_dev *d, const struct cli_bootcode *b, uint32_t lba)
{
	POD_TRY(pod_dev_write(d, (uint64_t)lba * SECTOR, b->stage2, (size_t)b->sectors * SECTOR));
	return pod_dev_flush(d);
}

enum pod_status cli_bootcode_first(struct pod_dev *d, const struct cli_bootcode *b, uint8_t code[CLI_MBR_CODE_SIZE])
{
	fill(b, SLOT_A_LBA, code);
	return write_slot(d, b, SLOT_A_LBA);
}

bool cli_bootcode_present(struct pod_dev *d)
{
	uint8_t sector[SECTOR];
	uint32_t lba;

	if (!cli_bootcode_fits(d) || pod_dev_read(d, 0, sector, sizeof sector) != POD_OK)
		return false;
	lba = pod_get_le32(sector + FIELDS);
	return (lba == SLOT_A_LBA || lba == SLOT_B_LBA) && pod_get_le16(sector + FIELDS + 6) == VERSION;
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
	uint32_t lba;
	bool equal;

	*changed = false;
	POD_TRY(pod_dev_read(d, 0, sector, sizeof sector));
	lba = pod_get_le32(sector + FIELDS);
	if (lba != SLOT_A_LBA && lba != SLOT_B_LBA)
		lba = SLOT_B_LBA; /* none of ours in use: A is free */
	POD_TRY(slot_equals(d, b, lba, &equal));
	if (!equal)
		lba = lba == SLOT_A_LBA ? SLOT_B_LBA : SLOT_A_LBA;
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition mode; what it is, and its record: partmode.h. Tables: parttab.c.
 *
 * Power may fail anywhere: the record, and the entry array of a GPT, are on the medium before the one sector is written that makes them
 * count. Going back is one sector as well, and leaves the record.
 */
#include "core/disk/partmode.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/disk/bootcode.h"

enum {
	SECTOR = 512,
	OFF_CRC = 8,
	OFF_LBA = 12,
	WAS = SECTOR,
	IS = 2 * SECTOR,
	MBR_TABLE = 446,
	MBR_ENTRY = 16,
	GPT_ENTRY = 128,
	/* The end of what lies in front of the data partition, where the second slot of the boot code reaches, but seldom the boot code. As many
	 * entries as in the backup: sgdisk takes the primary for damaged otherwise. */
	ARRAY_ENTRIES = 128,
	ARRAY_BYTES = ARRAY_ENTRIES * GPT_ENTRY,
	ARRAY_LBA = 2048 - ARRAY_BYTES / SECTOR,
	FIRST_USABLE = 2048,
};

static const uint8_t magic[8] = {'I', 'S', 'O', 'P', 'O', 'D', 'P', '1'};

const uint8_t pod_guid_partmode[16] = {0x6B, 0x0F, 0x52, 0x9D, 0x31, 0xC4, 0x8E, 0x4A,
				       0xA6, 0x1D, 0x7E, 0x5C, 0x02, 0xF3, 0x90, 0x48};

bool pod_partmode_shows(const struct pod_parttab *t)
{
	if (t->kind == POD_PARTTAB_MBR)
		return t->names_image;
	for (uint32_t i = 0; i < t->count; i++)
		if (t->kind == POD_PARTTAB_GPT && memcmp(t->part[i].type_guid, pod_guid_partmode, 16) == 0)
			return true;
	return false;
}

/* --- the table that names the pieces -------------------------------------------------------------------------- */

struct begin {
	const struct pod_parttab *t;
	const struct pod_part *data;
	const struct pod_partmode_piece *piece;
	size_t pieces;
	uint8_t record[POD_PARTMODE_RECORD];
	uint8_t array[ARRAY_BYTES]; /* GPT only */
};

static const struct pod_part *find_part(const struct pod_parttab *t, uint32_t number)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->part[i].number == number)
			return &t->part[i];
	return NULL;
}

static enum pod_status check_pieces(const struct begin *b)
{
	if (!b->pieces)
		return POD_E_INVALID;
	for (size_t i = 0; i < b->pieces; i++) {
		const struct pod_partmode_piece *p = &b->piece[i];
		if ((p->start_bytes | p->length_bytes) % SECTOR || !p->length_bytes || p->start_bytes < b->data->start_bytes ||
		    !pod_in_range(p->start_bytes - b->data->start_bytes, p->length_bytes, b->data->length_bytes))
			return POD_E_RANGE;
	}
	return POD_OK;
}

/* Entries that are free, those behind the stick's own first: a firmware that looks into all partitions in their order must come to the
 * stick's ESP before it comes to one in an image. The data partition's own is the last of all. */
static uint32_t free_number(const struct begin *b, uint32_t after, uint32_t max)
{
	for (uint32_t n = after + 1; n <= max; n++)
		if (!find_part(b->t, n))
			return n;
	return 0;
}

static uint32_t last_number(const struct begin *b)
{
	uint32_t last = 0;
	for (uint32_t i = 0; i < b->t->count; i++)
		if (b->t->part[i].number > last)
			last = b->t->part[i].number;
	return last;
}

static uint32_t number_of(const struct begin *b, size_t piece, uint32_t max)
{
	uint32_t n = last_number(b);
	for (size_t i = 0; i <= piece && n; i++)
		n = free_number(b, n, max);
	return n ? n : piece + 1 == b->pieces ? b->data->number : 0;
}

static enum pod_status name_in_mbr(struct begin *b)
{
	uint8_t *s = b->record + IS;
	uint8_t *data = s + MBR_TABLE + (b->data->number - 1) * MBR_ENTRY;
	if (b->data->number > 4)
		return POD_E_UNSUPPORTED;
	memset(data, 0, MBR_ENTRY);
	for (size_t i = 0; i < b->pieces; i++) {
		const struct pod_partmode_piece *p = &b->piece[i];
		uint32_t n = number_of(b, i, 4);
		/* what the MBR counts, and its sector numbers */
		if (!n || (p->start_bytes + p->length_bytes) / SECTOR > 1ull << 32)
			return POD_E_LIMIT;
		pod_parttab_put_mbr(
			s + MBR_TABLE + (n - 1) * MBR_ENTRY,
			/* Some BIOSes pass over a drive without an active partition: then nobody would put the table back. */
			&(struct pod_part){.start_bytes = p->start_bytes,
					   .length_bytes = p->length_bytes,
					   .mbr_type = p->type,
					   .active = !i && b->data->active},
			9);
	}
	pod_bootcode_mark(s, true);
	return POD_OK;
}

/* Is boot code in use where the array goes? */
static bool in_the_way(const struct pod_bootcode *c)
{
	return c->lba + c->sectors > ARRAY_LBA;
}

static enum pod_status name_in_gpt(struct begin *b, struct pod_dev *disk)
{
	uint8_t *h = b->record + IS;
	uint32_t size = pod_get_le32(h + 12), entries = pod_get_le32(h + 80);
	uint64_t at = pod_get_le64(h + 72) * SECTOR;
	if (b->t->used_backup || size > SECTOR || pod_get_le32(h + 84) != GPT_ENTRY || entries > ARRAY_ENTRIES)
		return POD_E_UNSUPPORTED;
	for (uint32_t i = 0; i < b->t->count; i++)
		if (b->t->part[i].start_bytes < (uint64_t)FIRST_USABLE * SECTOR)
			return POD_E_UNSUPPORTED;
	POD_TRY(pod_dev_read(disk, at, b->array, (size_t)entries * GPT_ENTRY));
	uint8_t unique[16];
	uint8_t *data = b->array + (b->data->number - 1) * GPT_ENTRY;
	memcpy(unique, data + 16, 16);
	memset(data, 0, GPT_ENTRY);
	for (size_t i = 0; i < b->pieces; i++) {
		const struct pod_partmode_piece *p = &b->piece[i];
		uint32_t n = number_of(b, i, ARRAY_ENTRIES);
		if (!n)
			return POD_E_LIMIT;
		uint8_t *e = b->array + (n - 1) * GPT_ENTRY;
		memset(e, 0, GPT_ENTRY);
		memcpy(e, pod_guid_partmode, 16);
		memcpy(e + 16, unique, 16);
		e[16] ^= (uint8_t)(i + 1); /* not the data partition's */
		pod_put_le64(e + 32, p->start_bytes / SECTOR);
		pod_put_le64(e + 40, (p->start_bytes + p->length_bytes) / SECTOR - 1);
	}
	pod_put_le64(h + 40, FIRST_USABLE); /* the array must not lie in what can be used */
	pod_put_le64(h + 72, ARRAY_LBA);
	pod_put_le32(h + 80, ARRAY_ENTRIES);
	pod_put_le32(h + 88, pod_crc32(0, b->array, ARRAY_BYTES));
	pod_put_le32(h + 16, 0);
	pod_put_le32(h + 16, pod_crc32(0, h, size));
	return POD_OK;
}

static void seal(uint8_t *record, uint32_t lba)
{
	memset(record, 0, SECTOR);
	memcpy(record, magic, sizeof magic);
	pod_put_le32(record + OFF_LBA, lba);
	pod_put_le32(record + OFF_CRC, pod_crc32(0, record, POD_PARTMODE_RECORD));
}

/* Only a stick with our boot code has the room for the array, and somebody who puts the table back. */
static enum pod_status make(struct begin *b, struct pod_dev *disk, uint32_t lba)
{
	struct pod_bootcode boot;
	uint8_t *was = b->record + WAS, *is = b->record + IS;
	POD_TRY(pod_dev_read(disk, 0, was, SECTOR));
	if (!pod_bootcode_get(was, &boot) || pod_partmode_shows(b->t) || (lba && in_the_way(&boot)))
		return POD_E_UNSUPPORTED;
	if (lba)
		POD_TRY(pod_dev_read(disk, (uint64_t)lba * SECTOR, was, SECTOR));
	memcpy(is, was, SECTOR);
	POD_TRY(check_pieces(b));
	POD_TRY(lba ? name_in_gpt(b, disk) : name_in_mbr(b));
	seal(b->record, lba);
	return POD_OK;
}

static enum pod_status put(const struct begin *b, struct pod_dev *disk, struct pod_dev *record, uint32_t lba)
{
	POD_TRY(pod_dev_write(record, 0, b->record, POD_PARTMODE_RECORD));
	POD_TRY(pod_dev_flush(record));
	if (lba)
		POD_TRY(pod_dev_write(disk, (uint64_t)ARRAY_LBA * SECTOR, b->array, ARRAY_BYTES));
	POD_TRY(pod_dev_flush(disk));
	POD_TRY(pod_dev_write(disk, (uint64_t)lba * SECTOR, b->record + IS, SECTOR));
	return pod_dev_flush(disk);
}

enum pod_status pod_partmode_begin(struct pod_dev *disk, struct pod_dev *record, struct pod_alloc *a, uint32_t number,
				   const struct pod_partmode_piece *piece, size_t pieces)
{
	struct pod_parttab *t = pod_zalloc(a, 1, sizeof *t);
	struct begin *b = pod_zalloc(a, 1, sizeof *b);
	enum pod_status st = t && b ? POD_OK : POD_E_NOMEM;
	if (st == POD_OK && (disk->sector_size != SECTOR || record->size_bytes < POD_PARTMODE_RECORD))
		st = POD_E_UNSUPPORTED;
	if (st == POD_OK)
		st = pod_parttab_read(disk, a, t, NULL);
	if (st == POD_OK) {
		uint32_t lba = t->kind == POD_PARTTAB_GPT ? 1 : 0;
		*b = (struct begin){.t = t, .data = find_part(t, number), .piece = piece, .pieces = pieces};
		st = b->data ? make(b, disk, lba) : POD_E_UNSUPPORTED;
		if (st == POD_OK)
			st = put(b, disk, record, lba);
	}
	pod_free(a, b);
	pod_free(a, t);
	return st;
}

/* --- the way back ------------------------------------------------------------------------------------------------ */

static bool valid(uint8_t *record)
{
	uint32_t crc = pod_get_le32(record + OFF_CRC);
	pod_put_le32(record + OFF_CRC, 0);
	return memcmp(record, magic, sizeof magic) == 0 && pod_get_le32(record + OFF_LBA) <= 1 &&
	       pod_crc32(0, record, POD_PARTMODE_RECORD) == crc;
}

/* The disk, with the sector as it was. */
static enum pod_status read_as_was(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct pod_partmode *p = d->ctx;
	POD_TRY(p->disk->read(p->disk, off, buf, len));
	for (size_t i = 0; i < SECTOR; i++) {
		uint64_t at = p->at_bytes + i;
		if (at >= off && at - off < len)
			((uint8_t *)buf)[at - off] = p->record[WAS + i];
	}
	return POD_OK;
}

/* POD_E_CHANGED is said of a table that differs, not of a drive that went away. */
static enum pod_status get(struct pod_dev *d, uint64_t at, void *buf, size_t len)
{
	enum pod_status st = pod_dev_read(d, at, buf, len);
	return st == POD_E_CHANGED ? POD_E_IO : st;
}

enum pod_status pod_partmode_load(struct pod_partmode *p, struct pod_dev *disk, struct pod_dev *record)
{
	uint8_t now[SECTOR];
	POD_TRY(get(record, 0, p->record, POD_PARTMODE_RECORD));
	if (disk->sector_size != SECTOR || !valid(p->record))
		return POD_E_NOT_FOUND;
	p->disk = disk;
	p->at_bytes = (uint64_t)pod_get_le32(p->record + OFF_LBA) * SECTOR;
	p->dev = (struct pod_dev){.size_bytes = disk->size_bytes,
				  .sector_size = SECTOR,
				  .read_only = true,
				  .read = read_as_was,
				  .ctx = p,
				  .budget = disk->budget};
	POD_TRY(get(disk, p->at_bytes, now, SECTOR));
	return memcmp(now, p->record + IS, SECTOR) == 0 ? POD_OK : POD_E_CHANGED;
}

enum pod_status pod_partmode_end(struct pod_partmode *p)
{
	POD_TRY(pod_dev_write(p->disk, p->at_bytes, p->record + WAS, SECTOR));
	return pod_dev_flush(p->disk);
}

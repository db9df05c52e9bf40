/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables, read side: MBR with logical partitions, and GPT (UEFI 2.10, clauses 5.2.1, 5.2.3 and 5.3).
 *
 * MBR (LBA 0, 512 bytes whatever the sector size):
 *   +0x1B8 4  disk signature     +0x1BE 4 x 16  entries     +0x1FE 2  AA55h
 * Entry: +0 1 boot indicator (80h active)  +1 3 first CHS  +4 1 type  +5 3 last CHS  +8 4 first LBA  +12 4 sectors.
 * In an extended boot record, entry 0 is relative to the record, entry 1 (the next record) to the extended partition.
 *
 * GPT header (LBA 1, backup in the last LBA):
 *   +0x00 8  "EFI PART"           +0x20 8  AlternateLBA            +0x48 8  PartitionEntryLBA
 *   +0x08 4  revision 1.0         +0x28 8  FirstUsableLBA          +0x50 4  NumberOfPartitionEntries
 *   +0x0C 4  HeaderSize           +0x30 8  LastUsableLBA           +0x54 4  SizeOfPartitionEntry
 *   +0x10 4  HeaderCRC32          +0x38 16 DiskGUID                +0x58 4  PartitionEntryArrayCRC32
 *   +0x18 8  MyLBA
 * Entry: +0 16 type  +16 16 unique  +32 8 first LBA  +40 8 last LBA  +48 8 attributes  +56 72 name, UTF-16.
 *
 * Deviations of real writers that are read as Linux reads them: isohybrid tables whose entries overlap, begin at LBA 0 or
 * have type 0 with a size; a GPT beside an MBR that has no EEh entry (the MBR counts). A volume without any table (its boot
 * sector in LBA 0 also ends in AA55h) is told by its boot indicators or its filesystem name.
 */
#include "core/disk/parttab.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/disk/bootcode.h"

enum {
	MBR_TABLE = 446,
	MBR_ENTRY = 16,
	GPT_HEADER_MIN = 92,
	GPT_ENTRY_MIN = 128,
	GPT_ARRAY_MAX = 1 << 20, /* bytes of the entry array we are willing to read */
	CHUNK = 4096,
	EBR_MAX = 256,
};

const uint8_t pod_guid_esp[16] = {0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11, 0xBA, 0x4B, 0x00, 0xA0, 0xC9, 0x3E, 0xC9, 0x3B};
const uint8_t pod_guid_basic_data[16] = {0xA2, 0xA0, 0xD0, 0xEB, 0xE5, 0xB9, 0x33, 0x44,
					 0x87, 0xC0, 0x68, 0xB6, 0xB7, 0x26, 0x99, 0xC7};

struct reader {
	struct pod_dev *dev;
	uint8_t *buf; /* CHUNK bytes */
	struct pod_parttab *out;
	struct pod_diag *diag;
	uint32_t shift; /* log2 of the sector size the table counts in */
};

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0F || type == 0x85;
}

/* --- MBR ---------------------------------------------------------------------------------------------- */

/* A filesystem's boot sector rather than an MBR? */
static bool is_volume_boot(const uint8_t *b)
{
	static const uint8_t names[2][8] = {{'E', 'X', 'F', 'A', 'T', ' ', ' ', ' '}, {'N', 'T', 'F', 'S', ' ', ' ', ' ', ' '}};
	static const uint8_t fat[3] = {'F', 'A', 'T'};
	for (uint32_t i = 0; i < 4; i++)
		if (b[MBR_TABLE + i * MBR_ENTRY] & 0x7F)
			return true;
	for (uint32_t i = 0; i < 2; i++)
		if (memcmp(b + 3, names[i], 8) == 0)
			return true;
	return (b[0] == 0xEB || b[0] == 0xE9) && (memcmp(b + 54, fat, 3) == 0 || memcmp(b + 82, fat, 3) == 0);
}

/* Appends the entry `e` with its LBA counted from `base`. `at` is where the entry lies. */
static enum pod_status add_mbr(struct reader *r, const uint8_t *e, uint64_t base, uint32_t number, uint64_t at)
{
	uint64_t start = (base + pod_get_le32(e + 8)) << r->shift, len = (uint64_t)pod_get_le32(e + 12) << r->shift;
	if (!pod_in_range(start, len, r->dev->size_bytes))
		return pod_fail(r->diag, POD_E_CORRUPT, "partition entry outside the device", at, r->dev->size_bytes,
				start + len);
	if (r->out->count == POD_PART_MAX)
		return pod_fail(r->diag, POD_E_LIMIT, "number of partitions", at, POD_PART_MAX, number);
	struct pod_part *p = &r->out->part[r->out->count++];
	memset(p, 0, sizeof *p);
	p->number = number;
	p->start_bytes = start;
	p->length_bytes = len;
	p->mbr_type = e[4];
	p->active = e[0] == 0x80;
	return POD_OK;
}

/* Follows the chain of extended boot records that begins at LBA `ext`. As Linux does, a record that cannot be read or has no
 * signature ends the chain. */
static enum pod_status walk_extended(struct reader *r, uint64_t ext, uint32_t *number)
{
	uint64_t ebr = ext, seen = 0;
	for (uint32_t step = 1; step <= EBR_MAX; step++) {
		uint8_t *b = r->buf;
		uint64_t at = ebr << r->shift;
		if (pod_dev_read(r->dev, at, b, 512) != POD_OK || pod_get_le16(b + 510) != 0xAA55)
			return POD_OK;
		uint64_t next = 0;
		for (uint32_t i = 0; i < 2; i++) {
			const uint8_t *e = b + MBR_TABLE + i * MBR_ENTRY;
			if (!pod_get_le32(e + 12))
				continue;
			if (is_extended(e[4]))
				next = ext + pod_get_le32(e + 8);
			else
				POD_TRY(add_mbr(r, e, ebr, (*number)++, at + MBR_TABLE + i * MBR_ENTRY));
		}
		if (!next)
			return POD_OK;
		if (next == ebr || next == seen || next == ext)
			return pod_fail(r->diag, POD_E_CORRUPT, "loop of extended boot records", at, 0, next);
		if ((step & (step - 1)) == 0)
			seen = ebr;
		ebr = next;
	}
	return pod_fail(r->diag, POD_E_CORRUPT, "chain of extended boot records", ebr << r->shift, EBR_MAX, EBR_MAX);
}

static enum pod_status read_mbr(struct reader *r, const uint8_t *mbr)
{
	uint32_t logical = 5;
	r->out->kind = POD_PARTTAB_MBR;
	r->out->names_image = pod_bootcode_marked(mbr);
	r->shift = r->dev->sector_size == 4096 ? 12 : 9;
	for (uint32_t i = 0; i < 4; i++) {
		const uint8_t *e = mbr + MBR_TABLE + i * MBR_ENTRY;
		if (pod_get_le32(e + 12))
			POD_TRY(add_mbr(r, e, 0, i + 1, MBR_TABLE + i * MBR_ENTRY));
	}
	for (uint32_t i = 0; i < 4; i++) {
		const uint8_t *e = mbr + MBR_TABLE + i * MBR_ENTRY;
		if (pod_get_le32(e + 12) && is_extended(e[4]))
			POD_TRY(walk_extended(r, pod_get_le32(e + 8), &logical));
	}
	return POD_OK;
}

/* --- GPT ---------------------------------------------------------------------------------------------- */

struct gpt {
	uint64_t alternate_lba, entries_lba;
	uint32_t entries, entry_size, entries_crc;
	uint8_t disk_guid[16];
};

/* Reads and checks the header at `lba`. */
static enum pod_status read_header(struct reader *r, uint64_t lba, struct gpt *g, struct pod_diag *diag)
{
	static const uint8_t magic[8] = {'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'};
	uint64_t at = lba << r->shift;
	uint8_t *b = r->buf;
	enum pod_status st = pod_dev_read(r->dev, at, b, (size_t)1 << r->shift);
	if (st != POD_OK)
		return pod_fail(diag, st, "GPT header", at, 0, 0);
	if (memcmp(b, magic, sizeof magic) != 0)
		return pod_fail(diag, POD_E_CORRUPT, "GPT signature", at, 0, 0);
	uint32_t size = pod_get_le32(b + 12), crc = pod_get_le32(b + 16);
	if (size < GPT_HEADER_MIN || size > 1u << r->shift)
		return pod_fail(diag, POD_E_CORRUPT, "GPT HeaderSize", at + 12, GPT_HEADER_MIN, size);
	pod_put_le32(b + 16, 0);
	uint32_t sum = pod_crc32(0, b, size);
	if (sum != crc)
		return pod_fail(diag, POD_E_CORRUPT, "GPT HeaderCRC32", at + 16, sum, crc);
	if (pod_get_le64(b + 24) != lba)
		return pod_fail(diag, POD_E_CORRUPT, "GPT MyLBA", at + 24, lba, pod_get_le64(b + 24));
	g->alternate_lba = pod_get_le64(b + 32);
	memcpy(g->disk_guid, b + 56, 16);
	g->entries_lba = pod_get_le64(b + 72);
	g->entries = pod_get_le32(b + 80);
	g->entry_size = pod_get_le32(b + 84);
	g->entries_crc = pod_get_le32(b + 88);
	if (g->entry_size < GPT_ENTRY_MIN || g->entry_size > CHUNK || (g->entry_size & (g->entry_size - 1)))
		return pod_fail(diag, POD_E_CORRUPT, "GPT SizeOfPartitionEntry", at + 84, GPT_ENTRY_MIN, g->entry_size);
	if (g->entries > GPT_ARRAY_MAX / g->entry_size)
		return pod_fail(diag, POD_E_LIMIT, "GPT NumberOfPartitionEntries", at + 80, 128, g->entries);
	uint64_t sectors = r->dev->size_bytes >> r->shift;
	if (g->entries_lba >= sectors ||
	    !pod_in_range(g->entries_lba << r->shift, (uint64_t)g->entries * g->entry_size, r->dev->size_bytes))
		return pod_fail(diag, POD_E_CORRUPT, "GPT PartitionEntryLBA", at + 72, sectors, g->entries_lba);
	return POD_OK;
}

static bool unused(const uint8_t *e)
{
	for (uint32_t i = 0; i < 16; i++)
		if (e[i])
			return false;
	return true;
}

static enum pod_status add_gpt(struct reader *r, const uint8_t *e, uint32_t number, uint64_t at)
{
	uint64_t first = pod_get_le64(e + 32), last = pod_get_le64(e + 40), sectors = r->dev->size_bytes >> r->shift;
	if (first > last || last >= sectors)
		return pod_fail(r->diag, POD_E_CORRUPT, "partition entry outside the device", at + 32, sectors, last);
	if (r->out->count == POD_PART_MAX)
		return pod_fail(r->diag, POD_E_LIMIT, "number of partitions", at, POD_PART_MAX, number);
	struct pod_part *p = &r->out->part[r->out->count++];
	memset(p, 0, sizeof *p);
	p->number = number;
	p->start_bytes = first << r->shift;
	p->length_bytes = (last - first + 1) << r->shift;
	memcpy(p->type_guid, e, 16);
	memcpy(p->part_guid, e + 16, 16);
	p->attributes = pod_get_le64(e + 48);
	size_t n = 0;
	while (n < 36 && pod_get_le16(e + 56 + 2 * n))
		n++;
	return pod_utf16le_to_utf8(e + 56, n, p->name, sizeof p->name);
}

/* Checks the entry array's CRC, then takes its entries: two passes, so that nothing of a bad array gets out. */
static enum pod_status read_entries(struct reader *r, const struct gpt *g, struct pod_diag *diag)
{
	uint64_t at = g->entries_lba << r->shift, len = (uint64_t)g->entries * g->entry_size;
	uint32_t crc = 0;
	for (uint64_t pos = 0; pos < len; pos += CHUNK) {
		size_t n = (size_t)pod_min_u64(CHUNK, len - pos);
		enum pod_status st = pod_dev_read(r->dev, at + pos, r->buf, n);
		if (st != POD_OK)
			return pod_fail(diag, st, "GPT partition entries", at + pos, 0, 0);
		crc = pod_crc32(crc, r->buf, n);
	}
	if (crc != g->entries_crc)
		return pod_fail(diag, POD_E_CORRUPT, "GPT PartitionEntryArrayCRC32", at, crc, g->entries_crc);
	r->out->count = 0;
	memcpy(r->out->disk_guid, g->disk_guid, 16);
	uint32_t number = 1;
	for (uint64_t pos = 0; pos < len; pos += CHUNK) {
		size_t n = (size_t)pod_min_u64(CHUNK, len - pos);
		POD_TRY(pod_dev_read(r->dev, at + pos, r->buf, n));
		for (size_t i = 0; i < n; i += g->entry_size, number++)
			if (!unused(r->buf + i))
				POD_TRY(add_gpt(r, r->buf + i, number, at + pos + i));
	}
	return POD_OK;
}

/* The copy of a GPT whose header is at `lba`. */
static enum pod_status read_copy(struct reader *r, uint64_t lba, struct pod_diag *diag)
{
	struct gpt g;
	POD_TRY(read_header(r, lba, &g, diag));
	return read_entries(r, &g, diag);
}

/* The GPT with one sector size: primary, then where it says its backup is, then the last sector. */
static enum pod_status read_gpt(struct reader *r, uint32_t shift, struct pod_diag *diag)
{
	struct gpt g;
	uint64_t sectors = r->dev->size_bytes >> shift;
	r->shift = shift;
	r->out->used_backup = false;
	if (sectors < 3)
		return pod_fail(diag, POD_E_CORRUPT, "GPT on a device of no size", 0, 3, sectors);
	enum pod_status primary = read_header(r, 1, &g, diag);
	uint64_t alternate = primary == POD_OK && g.alternate_lba < sectors ? g.alternate_lba : sectors - 1;
	if (primary == POD_OK)
		primary = read_entries(r, &g, diag);
	if (primary == POD_OK || primary == POD_E_LIMIT)
		return primary;
	uint64_t lba = alternate;
	for (int turn = 0; turn < 2; turn++, lba = sectors - 1) {
		if (turn && alternate == sectors - 1)
			break;
		if (read_copy(r, lba, NULL) == POD_OK) {
			r->out->used_backup = true;
			return POD_OK;
		}
	}
	return primary;
}

static bool has_protective(const uint8_t *mbr)
{
	for (uint32_t i = 0; i < 4; i++)
		if (mbr[MBR_TABLE + i * MBR_ENTRY + 4] == 0xEE)
			return true;
	return false;
}

/* --- entry -------------------------------------------------------------------------------------------- */

static enum pod_status read_table(struct reader *r)
{
	uint8_t mbr[512];
	enum pod_status st = r->dev->size_bytes < 512 ? POD_OK : pod_dev_read(r->dev, 0, mbr, sizeof mbr);
	if (st != POD_OK)
		return pod_fail(r->diag, st, "MBR", 0, 0, 0);
	if (r->dev->size_bytes < 512 || pod_get_le16(mbr + 510) != 0xAA55 || is_volume_boot(mbr))
		return POD_OK;
	r->out->mbr_signature = pod_get_le32(mbr + 440);
	if (!has_protective(mbr))
		return read_mbr(r, mbr);
	r->out->kind = POD_PARTTAB_GPT;
	/* An image of a 4096-byte-sector disk may be looked at as a file, and the other way round: the sector size the device
	 * states comes first, then the other. */
	uint32_t own = r->dev->sector_size == 4096 ? 12 : 9;
	st = read_gpt(r, own, r->diag);
	if (st == POD_E_CORRUPT && read_gpt(r, 21 - own, NULL) == POD_OK)
		st = POD_OK;
	return st;
}

enum pod_status pod_parttab_read(struct pod_dev *d, struct pod_alloc *a, struct pod_parttab *out, struct pod_diag *diag)
{
	struct reader r = {.dev = d, .out = out, .diag = diag};
	memset(out, 0, sizeof *out);
	r.buf = a->alloc(a, CHUNK);
	if (!r.buf)
		return POD_E_NOMEM;
	enum pod_status st = read_table(&r);
	pod_free(a, r.buf);
	return st;
}

enum pod_status pod_parttab_read_gpt(struct pod_dev *d, struct pod_alloc *a, uint32_t sector_size, bool backup,
				     struct pod_parttab *out, struct pod_diag *diag)
{
	struct reader r = {.dev = d, .out = out, .diag = diag, .shift = sector_size == 4096 ? 12 : 9};
	uint64_t sectors = d->size_bytes >> r.shift;
	memset(out, 0, sizeof *out);
	if (sectors < 3)
		return pod_fail(diag, POD_E_CORRUPT, "GPT on a device of no size", 0, 3, sectors);
	r.buf = a->alloc(a, CHUNK);
	if (!r.buf)
		return POD_E_NOMEM;
	enum pod_status st = read_copy(&r, backup ? sectors - 1 : 1, diag);
	pod_free(a, r.buf);
	if (st == POD_OK) {
		out->kind = POD_PARTTAB_GPT;
		out->used_backup = backup;
	}
	return st;
}

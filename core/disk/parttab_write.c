/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables, write side. Layouts: parttab.c.
 *
 * Power may fail anywhere: everything is written before LBA 0, whose single sector then makes the new table the one that
 * counts. (GPT: a protective MBR that was there already makes the new primary header count a moment earlier; its backup is
 * complete by then.)
 */
#include "core/disk/parttab.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	MBR_TABLE = 446,
	MBR_ENTRY = 16,
	GPT_ENTRIES = 128,
	GPT_ENTRY = 128,
	GPT_ARRAY = GPT_ENTRIES * GPT_ENTRY,
	FIRST_USABLE_BYTES = 1 << 20, /* what lies below is ours or nobody's: no other tool shall put a partition there */
};

static const uint8_t gpt_magic[8] = {'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'};

struct writer {
	struct pod_dev *dev;
	const struct pod_parttab *t;
	uint32_t shift;
	uint64_t sectors;
	uint8_t *sector; /* one sector */
	uint8_t *array;	 /* GPT_ARRAY bytes */
};

/* CHS of an LBA in the geometry everybody assumes (255 heads, 63 sectors); FE FF FF beyond its reach. */
static void put_chs(uint8_t *p, uint64_t lba)
{
	uint32_t cylinder = 1023, head = 254, sector = 63;
	if (lba < 1024u * 255 * 63) {
		uint32_t l = (uint32_t)lba;
		sector = l % 63 + 1;
		head = l / 63 % 255;
		cylinder = l / (63 * 255);
	}
	p[0] = (uint8_t)head;
	p[1] = (uint8_t)(sector | (cylinder >> 8) << 6);
	p[2] = (uint8_t)cylinder;
}

static bool overlaps(const struct pod_part *a, const struct pod_part *b)
{
	return a->start_bytes < b->start_bytes + b->length_bytes && b->start_bytes < a->start_bytes + a->length_bytes;
}

/* A table that can be written: numbered uniquely, aligned to sectors, without overlaps, within [low, high) bytes. */
static enum pod_status check(const struct writer *w, uint32_t number_max, uint64_t low, uint64_t high)
{
	const struct pod_parttab *t = w->t;
	uint64_t mask = (1ull << w->shift) - 1;
	if (t->count > POD_PART_MAX)
		return POD_E_INVALID;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct pod_part *p = &t->part[i];
		if (p->number < 1 || p->number > number_max || ((p->start_bytes | p->length_bytes) & mask) ||
		    p->length_bytes == 0)
			return POD_E_INVALID;
		if (p->start_bytes < low || !pod_in_range(p->start_bytes, p->length_bytes, high))
			return POD_E_RANGE;
		for (uint32_t k = 0; k < i; k++)
			if (t->part[k].number == p->number || overlaps(&t->part[k], p))
				return POD_E_INVALID;
	}
	return POD_OK;
}

/* --- MBR ---------------------------------------------------------------------------------------------- */

/* Fills w->sector with LBA 0: boot code, signature, an empty table. */
static enum pod_status begin_mbr(struct writer *w, const uint8_t *boot_code)
{
	POD_TRY(pod_dev_read(w->dev, 0, w->sector, (size_t)1 << w->shift));
	if (boot_code)
		memcpy(w->sector, boot_code, 440);
	pod_put_le32(w->sector + 440, w->t->mbr_signature);
	memset(w->sector + 444, 0, 512 - 444);
	pod_put_le16(w->sector + 510, 0xAA55);
	return POD_OK;
}

void pod_parttab_put_mbr(uint8_t *e, const struct pod_part *p, uint32_t shift)
{
	uint64_t first = p->start_bytes >> shift, count = p->length_bytes >> shift;
	e[0] = p->active ? 0x80 : 0;
	put_chs(e + 1, first);
	e[4] = p->mbr_type;
	put_chs(e + 5, first + count - 1);
	pod_put_le32(e + 8, (uint32_t)first);
	pod_put_le32(e + 12, (uint32_t)count);
}

/* Takes away a GPT header at `lba` that would make other tools doubt which table counts, unless a partition holds it now. */
static enum pod_status wipe_gpt(struct writer *w, uint64_t lba)
{
	uint64_t at = lba << w->shift;
	for (uint32_t i = 0; i < w->t->count; i++)
		if (at >= w->t->part[i].start_bytes && at - w->t->part[i].start_bytes < w->t->part[i].length_bytes)
			return POD_OK;
	POD_TRY(pod_dev_read(w->dev, at, w->sector, (size_t)1 << w->shift));
	if (memcmp(w->sector, gpt_magic, sizeof gpt_magic) != 0)
		return POD_OK;
	memset(w->sector, 0, (size_t)1 << w->shift);
	return pod_dev_write(w->dev, at, w->sector, (size_t)1 << w->shift);
}

static enum pod_status write_mbr(struct writer *w, const uint8_t *boot_code)
{
	POD_TRY(check(w, 4, 1ull << w->shift, w->dev->size_bytes));
	for (uint32_t i = 0; i < w->t->count; i++) {
		const struct pod_part *p = &w->t->part[i];
		if (p->mbr_type == 0 || p->mbr_type == 0xEE)
			return POD_E_INVALID;
		if ((p->start_bytes + p->length_bytes) >> w->shift > 1ull << 32 || p->length_bytes >> w->shift >= 1ull << 32)
			return POD_E_LIMIT;
	}
	POD_TRY(wipe_gpt(w, 1));
	POD_TRY(wipe_gpt(w, w->sectors - 1));
	POD_TRY(pod_dev_flush(w->dev));
	POD_TRY(begin_mbr(w, boot_code));
	for (uint32_t i = 0; i < w->t->count; i++)
		pod_parttab_put_mbr(w->sector + MBR_TABLE + (w->t->part[i].number - 1) * MBR_ENTRY, &w->t->part[i], w->shift);
	POD_TRY(pod_dev_write(w->dev, 0, w->sector, (size_t)1 << w->shift));
	return pod_dev_flush(w->dev);
}

/* --- GPT ---------------------------------------------------------------------------------------------- */

static enum pod_status fill_array(struct writer *w)
{
	memset(w->array, 0, GPT_ARRAY);
	for (uint32_t i = 0; i < w->t->count; i++) {
		const struct pod_part *p = &w->t->part[i];
		uint8_t *e = w->array + (p->number - 1) * GPT_ENTRY;
		uint16_t name[36];
		size_t n;
		POD_TRY(pod_utf8_to_utf16(p->name, name, POD_ARRAY_LEN(name), &n));
		memcpy(e, p->type_guid, 16);
		memcpy(e + 16, p->part_guid, 16);
		pod_put_le64(e + 32, p->start_bytes >> w->shift);
		pod_put_le64(e + 40, ((p->start_bytes + p->length_bytes) >> w->shift) - 1);
		pod_put_le64(e + 48, p->attributes);
		for (size_t k = 0; k < n; k++)
			pod_put_le16(e + 56 + 2 * k, name[k]);
	}
	return POD_OK;
}

struct place {
	uint64_t my_lba, alternate_lba, entries_lba, first_usable, last_usable;
};

static enum pod_status write_header(struct writer *w, const struct place *at)
{
	uint8_t *b = w->sector;
	memset(b, 0, (size_t)1 << w->shift);
	memcpy(b, gpt_magic, sizeof gpt_magic);
	pod_put_le32(b + 8, 0x00010000);
	pod_put_le32(b + 12, 92);
	pod_put_le64(b + 24, at->my_lba);
	pod_put_le64(b + 32, at->alternate_lba);
	pod_put_le64(b + 40, at->first_usable);
	pod_put_le64(b + 48, at->last_usable);
	memcpy(b + 56, w->t->disk_guid, 16);
	pod_put_le64(b + 72, at->entries_lba);
	pod_put_le32(b + 80, GPT_ENTRIES);
	pod_put_le32(b + 84, GPT_ENTRY);
	pod_put_le32(b + 88, pod_crc32(0, w->array, GPT_ARRAY));
	pod_put_le32(b + 16, pod_crc32(0, b, 92));
	POD_TRY(pod_dev_write(w->dev, at->entries_lba << w->shift, w->array, GPT_ARRAY));
	return pod_dev_write(w->dev, at->my_lba << w->shift, b, (size_t)1 << w->shift);
}

static enum pod_status write_gpt(struct writer *w, const uint8_t *boot_code)
{
	uint64_t array_sectors = GPT_ARRAY >> w->shift, last = w->sectors - 1;
	uint64_t first_usable = 2 + array_sectors, want = FIRST_USABLE_BYTES >> w->shift;
	if (w->sectors < 2 * (array_sectors + 2) + 1)
		return POD_E_NOSPACE;
	uint64_t last_usable = last - array_sectors - 1;
	POD_TRY(check(w, GPT_ENTRIES, first_usable << w->shift, (last_usable + 1) << w->shift));
	for (uint32_t i = 0; i < w->t->count; i++)
		want = pod_min_u64(want, w->t->part[i].start_bytes >> w->shift);
	if (want > first_usable && want <= last_usable)
		first_usable = want;
	POD_TRY(fill_array(w));
	struct place backup = {last, 1, last - array_sectors, first_usable, last_usable};
	struct place primary = {1, last, 2, first_usable, last_usable};
	POD_TRY(write_header(w, &backup));
	POD_TRY(pod_dev_flush(w->dev)); /* one of the two is whole at every moment */
	POD_TRY(write_header(w, &primary));
	POD_TRY(pod_dev_flush(w->dev));
	POD_TRY(begin_mbr(w, boot_code));
	uint8_t *e = w->sector + MBR_TABLE;
	e[2] = 0x02; /* CHS 0/0/2, UEFI table 5-4 */
	e[4] = 0xEE;
	e[5] = e[6] = e[7] = 0xFF;
	pod_put_le32(e + 8, 1);
	pod_put_le32(e + 12, (uint32_t)pod_min_u64(w->sectors - 1, 0xFFFFFFFF));
	POD_TRY(pod_dev_write(w->dev, 0, w->sector, (size_t)1 << w->shift));
	return pod_dev_flush(w->dev);
}

enum pod_status pod_parttab_write(struct pod_dev *d, struct pod_alloc *a, const struct pod_parttab *t, const uint8_t *boot_code)
{
	struct writer w = {.dev = d, .t = t, .shift = d->sector_size == 4096 ? 12 : 9};
	w.sectors = d->size_bytes >> w.shift;
	if (w.sectors < 2 || t->kind == POD_PARTTAB_NONE)
		return POD_E_INVALID;
	w.sector = a->alloc(a, 4096);
	w.array = a->alloc(a, GPT_ARRAY);
	enum pod_status st = POD_E_NOMEM;
	if (w.sector && w.array)
		st = t->kind == POD_PARTTAB_GPT ? write_gpt(&w, boot_code) : write_mbr(&w, boot_code);
	pod_free(a, w.array);
	pod_free(a, w.sector);
	return st;
}

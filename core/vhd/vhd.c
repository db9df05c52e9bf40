/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VHD, big-endian (field tables in doc/FORMATS/vhd.md): a footer of 512 bytes at the end; dynamic and differencing disks have a
 * copy of it in front, a header of 1024 bytes where the footer's Data Offset says, and a block allocation table of sector
 * numbers. A block is a bitmap (most significant bit first, whole sectors) and the data behind it.
 *
 * Deviations of real writers: QEMU and others round the size to a geometry and say so in Current Size, which is all we look at;
 * the bitmap of a dynamic disk is not kept by all writers, so it counts only in differencing disks; Platform Data Space is given
 * in bytes by some and in sectors by others, so it is not used; a missing footer at the end (a power cut while the file grew) is
 * replaced by the copy in front.
 */
#include "core/vhd/vhd.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/sort.h"
#include "core/base/str.h"

#define UNUSED 0xffffffffu

uint32_t pod_vhd_checksum(const uint8_t *p, size_t len, size_t field)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i++)
		if (i < field || i >= field + 4)
			sum += p[i];
	return ~sum;
}

static bool footer_sound(const uint8_t *f)
{
	return memcmp(f, "conectix", 8) == 0 && pod_get_be32(f + 64) == pod_vhd_checksum(f, 512, 64);
}

static enum pod_status read_footer(struct pod_vhd *v, struct pod_diag *diag)
{
	struct pod_dev *dev = v->file->dev;
	uint8_t *f = v->footer, copy[512];
	if (dev->size_bytes < 512)
		return POD_E_FORMAT;
	POD_TRY(pod_dev_read(dev, dev->size_bytes - 512, f, 512));
	POD_TRY(pod_dev_read(dev, 0, copy, 512));
	v->footer_ok = footer_sound(f);
	v->copy_ok = footer_sound(copy);
	if (!v->footer_ok && !v->copy_ok)
		return memcmp(copy, "conectix", 8) != 0 && memcmp(f, "conectix", 8) != 0
			       ? POD_E_FORMAT
			       : pod_fail(diag, POD_E_CORRUPT, "footer Checksum", dev->size_bytes - 512,
					  pod_vhd_checksum(f, 512, 64), pod_get_be32(f + 64));
	if (!v->footer_ok)
		memcpy(f, copy, 512);
	uint64_t at = v->footer_ok ? dev->size_bytes - 512 : 0;
	v->type = (enum pod_vhd_type)pod_get_be32(f + 60);
	v->size_bytes = pod_get_be64(f + 48);
	v->timestamp = pod_get_be32(f + 24);
	memcpy(v->id, f + 68, 16);
	memcpy(v->creator, f + 28, 4);
	if (pod_get_be32(f + 12) >> 16 != 1)
		return pod_fail(diag, POD_E_UNSUPPORTED, "File Format Version", at + 12, 0x10000, pod_get_be32(f + 12));
	if (v->type != POD_VHD_FIXED && v->type != POD_VHD_DYNAMIC && v->type != POD_VHD_DIFFERENCING)
		return pod_fail(diag, POD_E_UNSUPPORTED, "Disk Type", at + 60, POD_VHD_DYNAMIC, pod_get_be32(f + 60));
	/* 2 TiB, as sector numbers have 32 bits; somewhat above what the specification promises. */
	if (!v->size_bytes || v->size_bytes & 511 || v->size_bytes > 1ull << 41)
		return pod_fail(diag, POD_E_CORRUPT, "Current Size", at + 48, POD_VHD_SIZE_MAX, v->size_bytes);
	if (v->type == POD_VHD_FIXED && (!v->footer_ok || v->size_bytes > dev->size_bytes - 512))
		return pod_fail(diag, POD_E_CORRUPT, "fixed disk is cut short", at + 48, dev->size_bytes - 512, v->size_bytes);
	return POD_OK;
}

static enum pod_status set_path(struct pod_vhd *v, enum pod_parent_path which, const uint8_t *text, size_t units, bool big_endian)
{
	size_t size = units * 3 + 1;
	while (units && !text[2 * units - 1] && !text[2 * units - 2])
		units--;
	if (size > POD_VHD_PATH_MAX)
		size = POD_VHD_PATH_MAX;
	if (!units || v->parent_path[which])
		return POD_OK;
	char *p = v->parent_path[which] = v->alloc->alloc(v->alloc, size);
	if (!p)
		return POD_E_NOMEM;
	return big_endian ? pod_utf16be_to_utf8(text, units, p, size) : pod_utf16le_to_utf8(text, units, p, size);
}

/* The eight parent locators: "W2ru" relative, "W2ku" absolute, both UTF-16LE; others are for other systems. */
static enum pod_status read_locators(struct pod_vhd *v, const uint8_t *h)
{
	uint8_t *text = v->alloc->alloc(v->alloc, 2 * POD_VHD_PATH_MAX);
	enum pod_status st = text ? POD_OK : POD_E_NOMEM;
	for (unsigned i = 0; i < 8 && st == POD_OK; i++) {
		const uint8_t *e = h + 576 + 24 * (size_t)i;
		uint32_t code = pod_get_be32(e), len = pod_get_be32(e + 8);
		bool relative = code == 0x57327275, absolute = code == 0x57326b75;
		if (len && pod_in_range(pod_get_be64(e + 16), len, v->file->dev->size_bytes) &&
		    pod_get_be64(e + 16) + len > v->locators_end)
			v->locators_end = pod_get_be64(e + 16) + len;
		if ((!relative && !absolute) || !len)
			continue;
		if (len > 2 * POD_VHD_PATH_MAX || !pod_in_range(pod_get_be64(e + 16), len, v->file->dev->size_bytes))
			st = POD_E_CORRUPT;
		else
			st = pod_dev_read(v->file->dev, pod_get_be64(e + 16), text, len);
		if (st == POD_OK)
			st = set_path(v, relative ? POD_PARENT_RELATIVE : POD_PARENT_ABSOLUTE, text, len / 2, false);
	}
	pod_free(v->alloc, text);
	/* A name alone is all that the oldest files have. */
	if (st == POD_OK)
		st = set_path(v, POD_PARENT_ABSOLUTE, h + 64, 256, true);
	return st;
}

static enum pod_status read_header(struct pod_vhd *v, uint8_t *h, struct pod_diag *diag)
{
	struct pod_dev *dev = v->file->dev;
	v->header_off = pod_get_be64(v->footer + 16);
	if (v->header_off & 511 || !pod_in_range(v->header_off, 1024, dev->size_bytes))
		return pod_fail(diag, POD_E_CORRUPT, "Data Offset", dev->size_bytes - 512 + 16, 512, v->header_off);
	POD_TRY(pod_dev_read(dev, v->header_off, h, 1024));
	if (memcmp(h, "cxsparse", 8) != 0 || pod_get_be32(h + 36) != pod_vhd_checksum(h, 1024, 36))
		return pod_fail(diag, POD_E_CORRUPT, "dynamic header Checksum", v->header_off + 36, pod_vhd_checksum(h, 1024, 36),
				pod_get_be32(h + 36));
	v->bat_off = pod_get_be64(h + 16);
	v->entries = pod_get_be32(h + 28);
	uint32_t block = pod_get_be32(h + 32);
	if (block < 512 || block > POD_VHD_BLOCK_MAX || block & (block - 1))
		return pod_fail(diag, POD_E_CORRUPT, "Block Size", v->header_off + 32, POD_VHD_BLOCK_DEFAULT, block);
	while (1u << v->block_shift != block)
		v->block_shift++;
	v->bitmap_bytes = (block / 4096 + 511) & ~511u;
	if (!v->bitmap_bytes)
		v->bitmap_bytes = 512;
	uint64_t blocks = (v->size_bytes + block - 1) >> v->block_shift;
	if (v->entries < blocks)
		return pod_fail(diag, POD_E_CORRUPT, "Max Table Entries", v->header_off + 28, blocks, v->entries);
	if (blocks > POD_VHD_BLOCKS_MAX)
		return pod_fail(diag, POD_E_LIMIT, "number of blocks", v->header_off + 28, POD_VHD_BLOCKS_MAX, blocks);
	if (v->bat_off & 511 || !pod_in_range(v->bat_off, blocks * 4, dev->size_bytes))
		return pod_fail(diag, POD_E_CORRUPT, "Table Offset", v->header_off + 16, 1536, v->bat_off);
	if (v->type != POD_VHD_DIFFERENCING)
		return POD_OK;
	memcpy(v->parent_id, h + 40, 16);
	v->parent_timestamp = pod_get_be32(h + 56);
	enum pod_status st = read_locators(v, h);
	return st == POD_E_CORRUPT || st == POD_E_LIMIT ? pod_fail(diag, st, "Parent Locator", v->header_off + 576, 0, 1) : st;
}

static enum pod_status claim_blocks(struct pod_vhd *v, struct pod_diag *diag);

static enum pod_status open_parts(struct pod_vhd *v, const struct pod_vhd_options *opt, struct pod_diag *diag)
{
	POD_TRY(read_footer(v, diag));
	if (v->type == POD_VHD_FIXED) {
		v->writable = opt->writable;
		return POD_OK;
	}
	uint8_t *h = v->alloc->alloc(v->alloc, 1024);
	enum pod_status st = h ? read_header(v, h, diag) : POD_E_NOMEM;
	pod_free(v->alloc, h);
	if (st != POD_OK)
		return st;
	uint32_t slots = opt->cache_pages ? opt->cache_pages : 64;
	while (!opt->cache_pages && slots < 2048 && slots < v->entries / 128 + 64)
		slots *= 2;
	if (slots & (slots - 1))
		return POD_E_INVALID;
	POD_TRY(pod_pages_init(&v->pages, v->alloc, v->file->dev, 9, slots));
	if (!opt->writable)
		return POD_OK;
	POD_TRY(pod_pages_make_writable(&v->pages));
	v->writable = true;
	return claim_blocks(v, diag);
}

static void release(struct pod_vhd *v)
{
	for (unsigned i = 0; i < POD_PARENT_PATHS; i++)
		pod_free(v->alloc, v->parent_path[i]);
	pod_pages_fini(&v->pages);
	memset(v, 0, sizeof *v);
}

enum pod_status pod_vhd_open(struct pod_vhd *v, struct pod_vfile *file, struct pod_alloc *a, const struct pod_vhd_options *opt,
			     struct pod_diag *diag)
{
	memset(v, 0, sizeof *v);
	v->file = file;
	v->alloc = a;
	v->env = opt->env;
	if (opt->writable && (!opt->env || file->dev->read_only || !file->dev->write))
		return POD_E_READONLY;
	enum pod_status st = open_parts(v, opt, diag);
	if (st != POD_OK)
		release(v);
	return st;
}

enum pod_status pod_vhd_close(struct pod_vhd *v)
{
	if (!v->file)
		return POD_OK;
	enum pod_status st = v->writable ? pod_vhd_flush(v) : POD_OK;
	release(v);
	return st;
}

enum pod_status pod_vhd_bat_get(struct pod_vhd *v, uint64_t block, uint32_t *sector)
{
	const uint8_t *page;
	uint64_t off = v->bat_off + block * 4;
	if (block >= v->entries)
		return POD_E_RANGE;
	POD_TRY(pod_pages_get(&v->pages, off, &page));
	*sector = pod_get_be32(page + (off & 511));
	return POD_OK;
}

/* Alike sectors from `bit` on within one page of the bitmap, most significant bit first. */
static uint32_t equal_bits(const uint8_t *page, uint32_t bit, uint64_t max, bool *set)
{
	uint32_t b = bit, end = max < 4096 - bit ? bit + (uint32_t)max : 4096;
	*set = page[b >> 3] >> (7 - (b & 7)) & 1;
	uint8_t whole = *set ? 0xff : 0;
	while (b < end) {
		if (!(b & 7) && end - b >= 8 && page[b >> 3] == whole) {
			b += 8;
			continue;
		}
		if ((bool)(page[b >> 3] >> (7 - (b & 7)) & 1) != *set)
			break;
		b++;
	}
	return b - bit;
}

enum pod_status pod_vhd_run(struct pod_vhd *v, uint64_t off, uint64_t len, struct pod_run *run)
{
	if (!len || !pod_in_range(off, len, v->size_bytes))
		return POD_E_RANGE;
	*run = (struct pod_run){POD_RUN_DATA, off, len};
	if (v->type == POD_VHD_FIXED)
		return POD_OK;
	uint64_t in = off & ((1ull << v->block_shift) - 1);
	uint32_t sector;
	run->len = len = pod_min_u64(len, (1ull << v->block_shift) - in);
	POD_TRY(pod_vhd_bat_get(v, off >> v->block_shift, &sector));
	uint64_t place = (uint64_t)sector << 9;
	if (sector == UNUSED) {
		*run = (struct pod_run){v->type == POD_VHD_DIFFERENCING ? POD_RUN_PARENT : POD_RUN_ZERO, 0, len};
		return POD_OK;
	}
	if (!place || !pod_in_range(place + v->bitmap_bytes, in + len, v->file->dev->size_bytes))
		return POD_E_CORRUPT;
	run->file_off = place + v->bitmap_bytes + in;
	if (v->type == POD_VHD_DYNAMIC)
		return POD_OK;
	const uint8_t *page;
	bool set;
	POD_TRY(pod_pages_get(&v->pages, place + (in >> 12), &page));
	uint32_t n = equal_bits(page, (uint32_t)(in >> 9) & 4095, ((in & 511) + len + 511) >> 9, &set);
	if (!set)
		*run = (struct pod_run){POD_RUN_PARENT, 0, 0};
	run->len = pod_min_u64(len, ((uint64_t)n << 9) - (in & 511));
	return POD_OK;
}

/* --- what the blocks use -------------------------------------------------------------------------------- */

/* Where the next block goes; and no two blocks, nor a block and the tables, may share a sector. */
static enum pod_status claim_blocks(struct pod_vhd *v, struct pod_diag *diag)
{
	uint64_t blocks = (v->size_bytes + ((1ull << v->block_shift) - 1)) >> v->block_shift;
	uint64_t head_end = v->header_off + 1024, table_end = v->bat_off + (((uint64_t)v->entries * 4 + 511) & ~511ull);
	uint64_t step = ((uint64_t)v->bitmap_bytes + (1ull << v->block_shift)) >> 9;
	uint64_t *at = v->alloc->alloc(v->alloc, (size_t)blocks * sizeof *at);
	size_t n = 0;
	enum pod_status st = at ? POD_OK : POD_E_NOMEM;
	for (uint64_t b = 0; b < blocks && st == POD_OK; b++) {
		uint32_t sector;
		st = pod_vhd_bat_get(v, b, &sector);
		if (st == POD_OK && sector != UNUSED)
			at[n++] = sector;
		if (st == POD_OK && sector != UNUSED && (!sector || (uint64_t)sector << 9 >= v->file->dev->size_bytes))
			st = pod_fail(diag, POD_E_CORRUPT, "BAT entry beyond the end of the file", v->bat_off + b * 4,
				      v->file->dev->size_bytes >> 9, sector);
	}
	if (st == POD_OK)
		pod_sort_u64(at, n);
	for (size_t i = 0; i < n && st == POD_OK; i++) {
		uint64_t from = at[i] << 9, to = from + (step << 9);
		if ((i && at[i] - at[i - 1] < step) || (from < head_end && v->header_off < to) ||
		    (from < table_end && v->bat_off < to))
			st = pod_fail(diag, POD_E_CORRUPT, "BAT entries overlap", v->bat_off, 0, at[i]);
	}
	v->data_end = head_end > table_end ? head_end : table_end;
	if (v->locators_end > v->data_end)
		v->data_end = pod_align_up(v->locators_end, 512);
	if (n && ((at[n - 1] + step) << 9) > v->data_end)
		v->data_end = (at[n - 1] + step) << 9;
	pod_free(v->alloc, at);
	return st;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /isopod/map: see core/map/handover.h for the field table.
 *
 * The record was written by the boot manager minutes ago and came through memory, not from the stick; it is checked all the same,
 * because what it says ends in a partition table.
 */
#include "linux/handover.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"

/* The smallest unit block devices and exFAT clusters are counted in. */
#define UNIT 512u

static void extent_at(const struct pod_ho_record *r, uint32_t i, struct pod_ho_run *run)
{
	const uint8_t *p = r->extent + (size_t)i * POD_HO_EXTENT_SIZE;
	run->start_bytes = pod_get_le64(p);
	run->length_bytes = pod_get_le64(p + 8);
}

static enum pod_status check_extents(const struct pod_ho_record *r, struct pod_diag *diag)
{
	uint64_t part_end = r->part_start_bytes + r->part_length_bytes, sum = 0;
	for (uint32_t i = 0; i < r->extent_count; i++) {
		struct pod_ho_run e;
		uint64_t off = POD_HO_HEADER_SIZE + (uint64_t)i * POD_HO_EXTENT_SIZE;
		extent_at(r, i, &e);
		if (e.start_bytes < r->part_start_bytes || (e.start_bytes & (UNIT - 1)) != 0)
			return pod_fail(diag, POD_E_CORRUPT, "extent start", off, r->part_start_bytes, e.start_bytes);
		if (!e.length_bytes || !pod_in_range(e.start_bytes, e.length_bytes, part_end))
			return pod_fail(diag, POD_E_CORRUPT, "extent length", off + 8, part_end, e.length_bytes);
		if (i + 1 < r->extent_count && (e.length_bytes & (UNIT - 1)) != 0)
			return pod_fail(diag, POD_E_CORRUPT, "extent length", off + 8, UNIT, e.length_bytes);
		/* Extents may name the same bytes twice, so their sum is not bounded by the partition. */
		if (!pod_in_range(sum, e.length_bytes, INT64_MAX))
			return pod_fail(diag, POD_E_CORRUPT, "sum of extents", off + 8, INT64_MAX, sum);
		sum += e.length_bytes;
	}
	if (sum < r->image_bytes)
		return pod_fail(diag, POD_E_CORRUPT, "sum of extents", POD_HO_HEADER_SIZE, r->image_bytes, sum);
	return POD_OK;
}

static enum pod_status check_numbers(const struct pod_ho_record *r, struct pod_diag *diag)
{
	if (r->sector_size < UNIT || r->sector_size > 65536 || (r->sector_size & (r->sector_size - 1)) != 0)
		return pod_fail(diag, POD_E_CORRUPT, "sector size", 0x40, UNIT, r->sector_size);
	if (!r->part_number || r->part_number > 256)
		return pod_fail(diag, POD_E_CORRUPT, "partition number", 0x38, 1, r->part_number);
	/* Block devices count bytes in a signed 64-bit number. */
	if (!r->part_start_bytes || !r->part_length_bytes || (r->part_start_bytes & (UNIT - 1)) != 0 ||
	    (r->part_length_bytes & (UNIT - 1)) != 0 || !pod_in_range(r->part_start_bytes, r->part_length_bytes, INT64_MAX))
		return pod_fail(diag, POD_E_CORRUPT, "data partition", 0x28, UNIT, r->part_start_bytes);
	if (!r->image_bytes)
		return pod_fail(diag, POD_E_CORRUPT, "image size", 0x48, 1, 0);
	return POD_OK;
}

/* What is written to on the disk: in whole sectors, and nowhere near the data partition. */
static enum pod_status check_state(const struct pod_ho_record *r, struct pod_diag *diag)
{
	uint64_t start = r->state_start_bytes, len = r->state_length_bytes;
	if (!start)
		return len || r->boot_number ? pod_fail(diag, POD_E_CORRUPT, "state file", 0x68, 0, len) : POD_OK;
	if (!len || !r->boot_number || (start & (UNIT - 1)) != 0 || (len & (UNIT - 1)) != 0 ||
	    !pod_in_range(start, len, INT64_MAX))
		return pod_fail(diag, POD_E_CORRUPT, "state file", 0x60, UNIT, start);
	if (pod_ho_meet((struct pod_ho_run){start, len}, (struct pod_ho_run){r->part_start_bytes, r->part_length_bytes}))
		return pod_fail(diag, POD_E_CORRUPT, "state file", 0x60, r->part_start_bytes, start);
	return POD_OK;
}

/* The length of the chunk at `p`, of which `left` bytes may be, with its head and the zeros behind it; 0: it breaks the rules. */
static uint32_t chunk_size(const uint8_t *p, uint32_t left)
{
	if (left < POD_HO_CHUNK_HEAD || pod_get_le32(p + 4) > left - POD_HO_CHUNK_HEAD)
		return 0;
	return (uint32_t)pod_align_up(POD_HO_CHUNK_HEAD + (uint64_t)pod_get_le32(p + 4), 8);
}

static enum pod_status check_chunks(const struct pod_ho_record *r, uint32_t start, uint32_t total, struct pod_diag *diag)
{
	if (!start)
		return r->chunk_bytes ? pod_fail(diag, POD_E_CORRUPT, "chunks", 0x74, 0, r->chunk_bytes) : POD_OK;
	if (start % 8 || start < POD_HO_HEADER_SIZE || !r->chunk_bytes || r->chunk_bytes % 8 ||
	    r->chunk_bytes > POD_HO_CHUNKS_MAX || !pod_in_range(start, r->chunk_bytes, total))
		return pod_fail(diag, POD_E_CORRUPT, "chunks", 0x70, total, start);
	for (uint32_t at = 0, n; at < r->chunk_bytes; at += n) {
		n = chunk_size(r->chunk + at, r->chunk_bytes - at);
		if (!n)
			return pod_fail(diag, POD_E_CORRUPT, "length of a chunk", start + at + 4, r->chunk_bytes - at,
					pod_get_le32(r->chunk + at + 4));
	}
	return POD_OK;
}

const uint8_t *pod_ho_chunk(const struct pod_ho_record *r, uint32_t type, uint32_t *len)
{
	for (uint32_t at = 0; at < r->chunk_bytes; at += chunk_size(r->chunk + at, r->chunk_bytes - at)) {
		*len = pod_get_le32(r->chunk + at + 4);
		if (pod_get_le32(r->chunk + at) == type)
			return r->chunk + at + POD_HO_CHUNK_HEAD;
	}
	return NULL;
}

/* What the system writes to: in whole sectors, within the data partition, and nowhere in the image. */
static enum pod_status take_written(const struct pod_ho_record *r, uint32_t type, uint32_t size, const char *what,
				    const uint8_t **chunk, struct pod_ho_run *out, struct pod_diag *diag)
{
	uint32_t len = 0;
	const uint8_t *c = *chunk = pod_ho_chunk(r, type, &len);
	if (!c)
		return POD_OK;
	if (len < size)
		return pod_fail(diag, POD_E_CORRUPT, what, 0x70, size, len);
	struct pod_ho_run p = {pod_get_le64(c), pod_get_le64(c + 8)};
	uint64_t part_end = r->part_start_bytes + r->part_length_bytes;
	if (!p.length_bytes || ((p.start_bytes | p.length_bytes) & (UNIT - 1)) != 0 || p.start_bytes < r->part_start_bytes ||
	    !pod_in_range(p.start_bytes, p.length_bytes, part_end))
		return pod_fail(diag, POD_E_CORRUPT, what, 0x70, part_end, p.start_bytes);
	for (uint32_t i = 0; i < r->extent_count; i++) {
		struct pod_ho_run e;
		extent_at(r, i, &e);
		if (pod_ho_meet(e, p))
			return pod_fail(diag, POD_E_CORRUPT, what, 0x70, e.start_bytes, p.start_bytes);
	}
	*out = p;
	return POD_OK;
}

static enum pod_status check_written(struct pod_ho_record *r, struct pod_diag *diag)
{
	const uint8_t *c;
	POD_TRY(take_written(r, POD_HO_CHUNK_PERSIST, POD_HO_PERSIST_SIZE, "persistence file", &c, &r->persist, diag));
	POD_TRY(take_written(r, POD_HO_CHUNK_COW, POD_HO_COW_SIZE, "overlay", &c, &r->cow, diag));
	r->cow_sectors = c ? pod_get_le32(c + 0x10) : 0;
	if (c && (!r->cow_sectors || r->cow_sectors > 2048 || (r->cow_sectors & (r->cow_sectors - 1)) != 0))
		return pod_fail(diag, POD_E_CORRUPT, "chunk of the overlay", 0x70, 8, r->cow_sectors);
	return POD_OK;
}

enum pod_status pod_ho_parse(struct pod_ho_record *r, const uint8_t *buf, size_t size, struct pod_diag *diag)
{
	static const uint8_t zero[4];
	if (size < POD_HO_HEADER_SIZE || memcmp(buf, POD_HO_MAGIC, 8) != 0)
		return pod_fail(diag, POD_E_FORMAT, "magic", 0, POD_HO_HEADER_SIZE, size);
	uint32_t total = pod_get_le32(buf + 0x08), want = pod_get_le32(buf + 0x0c);
	if (total < POD_HO_HEADER_SIZE || total > size || total > POD_HO_RECORD_MAX)
		return pod_fail(diag, POD_E_CORRUPT, "total length", 0x08, size, total);
	uint32_t crc = pod_crc32(0, buf, 0x0c);
	crc = pod_crc32(crc, zero, sizeof zero);
	crc = pod_crc32(crc, buf + 0x10, total - 0x10);
	if (crc != want)
		return pod_fail(diag, POD_E_CORRUPT, "checksum", 0x0c, want, crc);
	uint32_t extents = pod_get_le32(buf + 0x50), path_off = pod_get_le32(buf + 0x54), path_len = pod_get_le32(buf + 0x58);
	if (!extents || extents > POD_HO_EXTENT_MAX ||
	    !pod_in_range(POD_HO_HEADER_SIZE, (uint64_t)extents * POD_HO_EXTENT_SIZE, total))
		return pod_fail(diag, POD_E_CORRUPT, "number of extents", 0x50, POD_HO_EXTENT_MAX, extents);
	if (path_len > POD_HO_PATH_MAX || !pod_in_range(path_off, path_len, total))
		return pod_fail(diag, POD_E_CORRUPT, "path", 0x54, total, path_off);
	struct pod_ho_record n = {
		.flags = pod_get_le32(buf + 0x10),
		.disk_signature = pod_get_le32(buf + 0x14),
		.disk_guid = buf + 0x18,
		.part_start_bytes = pod_get_le64(buf + 0x28),
		.part_length_bytes = pod_get_le64(buf + 0x30),
		.part_number = pod_get_le32(buf + 0x38),
		.volume_serial = pod_get_le32(buf + 0x3c),
		.sector_size = pod_get_le32(buf + 0x40),
		.image_crc = pod_get_le32(buf + 0x44),
		.image_bytes = pod_get_le64(buf + 0x48),
		.extent_count = extents,
		.extent = buf + POD_HO_HEADER_SIZE,
		.path = (const char *)buf + path_off,
		.path_len = path_len,
		.state_start_bytes = pod_get_le64(buf + 0x60),
		.state_length_bytes = pod_get_le32(buf + 0x68),
		.boot_number = pod_get_le32(buf + 0x6c),
		.chunk = buf + pod_get_le32(buf + 0x70),
		.chunk_bytes = pod_get_le32(buf + 0x74),
	};
	POD_TRY(check_chunks(&n, pod_get_le32(buf + 0x70), total, diag));
	POD_TRY(check_numbers(&n, diag));
	POD_TRY(check_state(&n, diag));
	POD_TRY(check_extents(&n, diag));
	POD_TRY(check_written(&n, diag));
	*r = n;
	return POD_OK;
}

bool pod_ho_next_run(const struct pod_ho_record *r, uint32_t align, struct pod_ho_cursor *c, struct pod_ho_run *run)
{
	if (c->at >= r->extent_count || c->before_bytes >= r->image_bytes)
		return false;
	extent_at(r, c->at, run);
	for (c->at++; c->at < r->extent_count; c->at++) {
		struct pod_ho_run e;
		extent_at(r, c->at, &e);
		if (e.start_bytes != run->start_bytes + run->length_bytes)
			break;
		run->length_bytes += e.length_bytes;
	}
	uint64_t left = r->image_bytes - c->before_bytes;
	c->before_bytes += run->length_bytes;
	if (run->length_bytes >= left)
		run->length_bytes = pod_align_up(left, align);
	return true;
}

uint32_t pod_ho_run_count(const struct pod_ho_record *r, uint32_t align)
{
	struct pod_ho_run run;
	struct pod_ho_cursor c = {0, 0};
	uint32_t n = 0;
	while (pod_ho_next_run(r, align, &c, &run))
		n++;
	return n;
}

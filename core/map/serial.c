/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serialised map (doc/FORMATS/map.md), little-endian:
 *
 *   +0x00  8  magic "ISOPODM1"
 *   +0x08  4  CRC-32 of the whole with this field zero
 *   +0x0C  4  number of segments
 *   +0x10  8  size of the virtual disk in bytes
 *   +0x18  8  size of the blob in bytes
 *   +0x20     segments, 32 bytes each: u64 start, u64 length, u64 source, u32 kind, u32 zero
 *   then      the blob
 */
#include "core/map/map.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"

enum { HEADER = 0x20, SEG = 0x20 };

static const char magic[8] = {'I', 'S', 'O', 'P', 'O', 'D', 'M', '1'};

size_t pod_map_serial_size(const struct pod_map *m)
{
	return HEADER + m->count * SEG + m->mem_len;
}

enum pod_status pod_map_serialise(const struct pod_map *m, uint8_t *buf, size_t size)
{
	size_t total = pod_map_serial_size(m);
	if (size < total)
		return POD_E_RANGE;
	memset(buf, 0, HEADER + m->count * SEG);
	memcpy(buf, magic, sizeof magic);
	pod_put_le32(buf + 0x0c, (uint32_t)m->count);
	pod_put_le64(buf + 0x10, m->size_bytes);
	pod_put_le64(buf + 0x18, m->mem_len);
	for (size_t i = 0; i < m->count; i++) {
		uint8_t *p = buf + HEADER + i * SEG;
		pod_put_le64(p, m->seg[i].start_bytes);
		pod_put_le64(p + 8, m->seg[i].length_bytes);
		pod_put_le64(p + 16, m->seg[i].source);
		pod_put_le32(p + 24, m->seg[i].kind);
	}
	if (m->mem_len)
		memcpy(buf + HEADER + m->count * SEG, m->mem, m->mem_len);
	pod_put_le32(buf + 8, pod_crc32(0, buf, total));
	return POD_OK;
}

static uint32_t crc_without_field(const uint8_t *buf, size_t size)
{
	static const uint8_t zero[4];
	uint32_t crc = pod_crc32(0, buf, 8);
	crc = pod_crc32(crc, zero, 4);
	return pod_crc32(crc, buf + 12, size - 12);
}

static enum pod_status add_segment(struct pod_map *m, const uint8_t *p, uint64_t where, uint64_t stick_size,
				   struct pod_diag *diag)
{
	uint64_t start = pod_get_le64(p), len = pod_get_le64(p + 8), source = pod_get_le64(p + 16);
	uint32_t kind = pod_get_le32(p + 24);
	if (start != m->size_bytes)
		return pod_fail(diag, POD_E_CORRUPT, "map segment start", where, m->size_bytes, start);
	if (!len)
		return pod_fail(diag, POD_E_CORRUPT, "map segment length", where + 8, 1, 0);
	if (kind > POD_SEG_MEM || pod_get_le32(p + 28))
		return pod_fail(diag, POD_E_CORRUPT, "map segment kind", where + 24, POD_SEG_MEM, kind);
	uint64_t max = kind == POD_SEG_DEV ? stick_size : kind == POD_SEG_MEM ? m->mem_len : (uint64_t)INT64_MAX;
	if (!pod_in_range(source, len, max) || (kind == POD_SEG_ZERO && source))
		return pod_fail(diag, POD_E_CORRUPT, "map segment source", where + 16, max, source);
	return pod_map_append(m, (enum pod_seg_kind)kind, source, len);
}

enum pod_status pod_map_parse(struct pod_map *m, struct pod_alloc *a, const uint8_t *buf, size_t size, uint64_t stick_size,
			      struct pod_diag *diag)
{
	pod_map_init(m, a);
	if (size < HEADER || memcmp(buf, magic, sizeof magic) != 0)
		return pod_fail(diag, POD_E_FORMAT, "map magic", 0, 0, 0);
	uint64_t count = pod_get_le32(buf + 0x0c), mem = pod_get_le64(buf + 0x18);
	if (count > POD_MAP_SEG_LIMIT || mem > POD_MAP_MEM_LIMIT)
		return pod_fail(diag, POD_E_LIMIT, "map segment count", 0x0c, POD_MAP_SEG_LIMIT, count);
	if (HEADER + count * SEG + mem != size)
		return pod_fail(diag, POD_E_CORRUPT, "map length", 0x18, HEADER + count * SEG + mem, size);
	uint32_t crc = crc_without_field(buf, size);
	if (crc != pod_get_le32(buf + 8))
		return pod_fail(diag, POD_E_CORRUPT, "map checksum", 8, crc, pod_get_le32(buf + 8));
	uint64_t at;
	enum pod_status st = mem ? pod_map_mem(m, buf + HEADER + (size_t)count * SEG, (size_t)mem, &at) : POD_OK;
	for (size_t i = 0; st == POD_OK && i < count; i++)
		st = add_segment(m, buf + HEADER + i * SEG, HEADER + i * SEG, stick_size, diag);
	if (st == POD_OK && m->size_bytes != pod_get_le64(buf + 0x10))
		st = pod_fail(diag, POD_E_CORRUPT, "map disk size", 0x10, m->size_bytes, pod_get_le64(buf + 0x10));
	if (st != POD_OK)
		pod_map_fini(m);
	return st;
}

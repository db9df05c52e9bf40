/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Glyphs: the few that are compiled in, and FONT.BIN on the ESP, of which only the parts needed are read.
 *
 * FONT.BIN (doc/FORMATS/font.md; written by tools/mkfont.py), little-endian:
 *   +0x000  8     magic "ISOPODF1"
 *   +0x008  4     length of the file in bytes
 *   +0x00C  4     CRC-32 of the first 0x420 bytes with this field zero
 *   +0x010  2     rows of a glyph (16)
 *   +0x012  14    zero
 *   +0x020  1024  for each block of 256 code points of the BMP: u32 file offset, 0 = the block has no glyph
 * block:
 *   +0x00   32    bit set of the code points present (bit n & 7 of byte n >> 3)
 *   +0x20   32    bit set of those that are wide
 *   +0x40         glyphs in order: 16 bytes (8 pixels a row, leftmost in bit 7), wide ones 32 (two bytes a row)
 */
#include "boot/menu/font.h"
#include "core/base/mem.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define FONT_HEAD     0x420u
#define FONT_SIZE_MAX (8u << 20)
#define BLOCK_HEAD    64u

enum pod_status menu_font_open(struct menu_font *f, struct pod_dev *file, struct pod_diag *diag)
{
	uint8_t head[FONT_HEAD];
	POD_TRY(pod_dev_read(file, 0, head, sizeof head));
	if (memcmp(head, "ISOPODF1", 8) != 0)
		return pod_fail(diag, POD_E_FORMAT, "font magic", 0, 0, 0);
	uint32_t size = pod_get_le32(head + 8), crc = pod_get_le32(head + 12);
	if (size < FONT_HEAD || size > FONT_SIZE_MAX || size > file->size_bytes)
		return pod_fail(diag, POD_E_CORRUPT, "font length", 8, file->size_bytes, size);
	if (pod_get_le16(head + 16) != FONT_ROWS)
		return pod_fail(diag, POD_E_UNSUPPORTED, "font rows", 16, FONT_ROWS, pod_get_le16(head + 16));
	memset(head + 12, 0, 4);
	uint32_t is = pod_crc32(0, head, sizeof head);
	if (is != crc)
		return pod_fail(diag, POD_E_CORRUPT, "font index checksum", 12, crc, is);
	for (uint32_t i = 0; i < 256; i++)
		f->block[i] = pod_get_le32(head + 32 + 4 * i);
	f->size = size;
	f->file = file;
	return POD_OK;
}

static bool bit_at(const uint8_t *set, uint32_t n)
{
	return set[n >> 3] >> (n & 7) & 1;
}

static const struct menu_glyph_run *builtin_run(uint32_t code)
{
	size_t lo = 0, hi = menu_builtin_run_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct menu_glyph_run *r = &menu_builtin_run[mid];
		if (code < r->first) {
			hi = mid;
		} else if (code - r->first >= r->count) {
			lo = mid + 1;
		} else {
			return r;
		}
	}
	return NULL;
}

bool menu_font_builtin(uint32_t code)
{
	return builtin_run(code) != NULL;
}

static bool file_glyph(struct menu_font *f, uint32_t code, struct menu_glyph *out)
{
	uint8_t head[BLOCK_HEAD];
	uint32_t at = f->block[code >> 8], n = code & 255, off = 0;
	if (!at || !pod_in_range(at, BLOCK_HEAD, f->size) || pod_dev_read(f->file, at, head, BLOCK_HEAD) != POD_OK)
		return false;
	if (!bit_at(head, n))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (bit_at(head, i))
			off += bit_at(head + 32, i) ? 32 : 16;
	bool wide = bit_at(head + 32, n);
	uint32_t len = wide ? 32 : 16;
	uint64_t pos = (uint64_t)at + BLOCK_HEAD + off;
	if (!pod_in_range(pos, len, f->size) || pod_dev_read(f->file, pos, out->bits, len) != POD_OK)
		return false;
	out->code = code;
	out->wide = wide;
	return true;
}

bool menu_font_glyph(struct menu_font *f, uint32_t code, struct menu_glyph *out)
{
	const struct menu_glyph_run *r = builtin_run(code);
	if (r) {
		size_t n = r->wide ? 32 : 16;
		out->code = code;
		out->wide = r->wide;
		memcpy(out->bits, menu_builtin_bits + r->offset + n * (code - r->first), n);
		return true;
	}
	if (!f->file || code > 0xffff || !code)
		return false;
	struct menu_glyph *slot = f->cache ? &f->cache[(code ^ code >> 9) & (FONT_CACHE - 1)] : NULL;
	if (slot && slot->code == code) {
		*out = *slot;
		return true;
	}
	if (!file_glyph(f, code, out))
		return false;
	if (slot)
		*slot = *out;
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A section of a PE file made longer (Microsoft PE and COFF specification, revision 11, clauses 3 and 4), in its headers.
 *
 *   COFF header:      +8 4 PointerToSymbolTable
 *   optional header:  +32 4 SectionAlignment, +36 4 FileAlignment, +56 4 SizeOfImage, +60 4 SizeOfHeaders, +64 4 CheckSum
 *   section header:   +8 4 VirtualSize, +12 4 VirtualAddress, +16 4 SizeOfRawData, +20 4 PointerToRawData
 */
#include "core/base/bytes.h"
#include "core/firm/pe.h"

enum { VIRTUAL_SIZE = 8, ADDRESS = 12, RAW_SIZE = 16, RAW_AT = 20 };
#define SPACE_MAX 0x7fffffffu

struct range {
	uint64_t start, end;
};

static struct range in_memory(const uint8_t *entry)
{
	uint32_t at = pod_get_le32(entry + ADDRESS), size = pod_get_le32(entry + VIRTUAL_SIZE),
		 raw = pod_get_le32(entry + RAW_SIZE);

	return (struct range){at, (uint64_t)at + (size > raw ? size : raw)};
}

static struct range in_file(const uint8_t *entry)
{
	uint32_t at = pod_get_le32(entry + RAW_AT);

	return (struct range){at, (uint64_t)at + pod_get_le32(entry + RAW_SIZE)};
}

static bool overlap(struct range a, struct range b)
{
	return a.start < b.end && b.start < a.end;
}

/* Does another section lie in the file where this one does? One that ends in it or begins in it could not be moved. */
static bool shares_file(const uint8_t *p, const struct pod_pe *pe, uint32_t index, struct range mine)
{
	for (uint32_t i = 0; i < pe->section_count; i++) {
		struct range r = in_file(p + pod_pe_entry(pe, i));

		if (i != index && r.start < r.end && overlap(mine, r))
			return true;
	}
	return mine.start < pe->headers_len;
}

/* The address where `len` bytes have room: where the section is, or the first one behind everything. In the pages that it has already it stays
 * in front of `above`, too. */
static uint64_t place(const uint8_t *p, const struct pod_pe *pe, uint32_t index, uint32_t len, uint32_t above)
{
	uint32_t align = pod_get_le32(p + pe->optional_bytes + 32);
	struct range mine = in_memory(p + pod_pe_entry(pe, index)), grown = {mine.start, mine.start + len};
	uint64_t end = pe->headers_len > above ? pe->headers_len : above;
	bool room = mine.start >= end || (mine.start >= pe->headers_len && grown.end <= pod_align_up(mine.end, align));

	for (uint32_t i = 0; i < pe->section_count; i++) {
		struct range r = in_memory(p + pod_pe_entry(pe, i));

		if (i != index && overlap(r, grown))
			room = false;
		if (i != index && r.end > end)
			end = r.end;
	}
	return room ? mine.start : pod_align_up(end, align);
}

static void to_the_end(uint8_t *p, const struct pod_pe *pe, uint32_t index)
{
	uint8_t entry[POD_PE_ENTRY], *own = p + pod_pe_entry(pe, index);
	size_t behind = (size_t)(pe->section_count - 1 - index) * POD_PE_ENTRY;

	memcpy(entry, own, sizeof entry);
	memmove(own, own + POD_PE_ENTRY, behind);
	memcpy(own + behind, entry, sizeof entry);
}

static bool is_power(uint32_t v)
{
	return v && !(v & (v - 1));
}

enum pod_status pod_pe_grow(uint8_t *p, const struct pod_pe *pe, uint32_t index, uint32_t len, uint32_t raw, uint32_t above,
			    bool reorder)
{
	uint8_t *opt = p + pe->optional_bytes, *entry = p + pod_pe_entry(pe, index), *symbols = opt - 12;
	uint32_t section_align = pod_get_le32(opt + 32), file_align = pod_get_le32(opt + 36);
	struct range mine = in_file(entry);
	uint64_t growth = (uint64_t)raw - (mine.end - mine.start), image;

	if (!is_power(section_align) || !is_power(file_align) || shares_file(p, pe, index, mine))
		return POD_E_CORRUPT;
	if (len > raw || raw < mine.end - mine.start || (growth & (file_align - 1)) || growth > SPACE_MAX)
		return POD_E_LIMIT;
	uint64_t at = place(p, pe, index, raw, above);
	image = pod_align_up(at + raw, section_align);
	if (image > SPACE_MAX || mine.start + raw > SPACE_MAX)
		return POD_E_LIMIT;
	for (uint32_t i = 0; i < pe->section_count; i++) {
		struct range r = in_file(p + pod_pe_entry(pe, i));

		if (i != index && r.start >= mine.end && r.end > r.start && r.end + growth > SPACE_MAX)
			return POD_E_LIMIT;
	}
	for (uint32_t i = 0; i < pe->section_count; i++) {
		uint8_t *e = p + pod_pe_entry(pe, i);
		struct range r = in_file(e);

		if (i != index && r.start >= mine.end && r.end > r.start)
			pod_put_le32(e + RAW_AT, (uint32_t)(r.start + growth));
	}
	if (pod_get_le32(symbols) >= mine.end && pod_get_le32(symbols) + growth <= SPACE_MAX)
		pod_put_le32(symbols, (uint32_t)(pod_get_le32(symbols) + growth));
	pod_put_le32(entry + VIRTUAL_SIZE, len);
	pod_put_le32(entry + RAW_SIZE, raw);
	if (image > pod_get_le32(opt + 56))
		pod_put_le32(opt + 56, (uint32_t)image);
	pod_put_le32(p + pe->checksum_bytes, 0);
	if (pe->cert_entry_bytes)
		memset(p + pe->cert_entry_bytes, 0, 8);
	if (at != pod_get_le32(entry + ADDRESS)) {
		pod_put_le32(entry + ADDRESS, (uint32_t)at);
		if (reorder)
			to_the_end(p, pe, index);
	}
	return POD_OK;
}

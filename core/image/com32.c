/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules of SYSLINUX (*.c32), and the boot information table. Modules of 3.x and 4.x are flat and begin with "mov eax, 21CD4CFEh" or
 * "...FFh" (doc/comboot.txt); from 5.00 on they are shared objects for i386 (ELF; System V ABI, chapters 4 and 5), which name others that
 * they are linked with:
 *
 *   header   +16 2 type 3   +18 2 machine 3   +28 4 program headers at   +42 2 size of one   +44 2 count
 *   program  +0 4 type (1 load, 2 dynamic)    +4 4 offset   +8 4 address  +16 4 size in the file
 *   dynamic  +0 4 tag (0 end, 1 needed, 5 string table's address)        +4 4 value
 */
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/image/bootfile.h"

enum { PROGRAMS_MAX = 16, TAGS_MAX = 256 };

struct elf {
	struct pod_dev *file;
	uint8_t program[PROGRAMS_MAX][32];
	uint32_t programs;
};

/* Where an address lies in the file; UINT64_MAX: nowhere. */
static uint64_t place_of(const struct elf *e, uint32_t address)
{
	for (uint32_t i = 0; i < e->programs; i++) {
		const uint8_t *p = e->program[i];
		uint32_t from = pod_get_le32(p + 8), len = pod_get_le32(p + 16);
		if (pod_get_le32(p) == 1 && address >= from && address - from < len)
			return (uint64_t)pod_get_le32(p + 4) + (address - from);
	}
	return UINT64_MAX;
}

static enum pod_status add_needed(const struct elf *e, uint64_t strings, uint32_t at, struct pod_com32 *out)
{
	char *name = out->needed[out->needed_count];
	uint64_t from = strings + at;
	if (strings == UINT64_MAX || from >= e->file->size_bytes || out->needed_count == POD_ARRAY_LEN(out->needed))
		return POD_OK;
	size_t n = (size_t)pod_min_u64(sizeof out->needed[0] - 1, e->file->size_bytes - from);
	POD_TRY(pod_dev_read(e->file, from, name, n));
	name[n] = 0;
	/* One that does not fit is none of SYSLINUX'. */
	for (size_t i = 0; name[i]; i++)
		if (i + 1 == n || (uint8_t)name[i] <= ' ' || (uint8_t)name[i] > '~') {
			name[0] = 0;
			return POD_OK;
		}
	out->needed_count += name[0] != 0;
	return POD_OK;
}

/* Two passes over the dynamic section: first the string table, then the names. */
static enum pod_status read_dynamic(const struct elf *e, const uint8_t *p, struct pod_com32 *out)
{
	uint64_t at = pod_get_le32(p + 4), strings = UINT64_MAX;
	uint32_t count = pod_get_le32(p + 16) / 8;
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < count && i < TAGS_MAX; i++) {
			uint8_t d[8];
			POD_TRY(pod_dev_read(e->file, at + (uint64_t)i * 8, d, sizeof d));
			if (!pod_get_le32(d))
				break;
			if (!pass && pod_get_le32(d) == 5)
				strings = place_of(e, pod_get_le32(d + 4));
			if (pass && pod_get_le32(d) == 1)
				POD_TRY(add_needed(e, strings, pod_get_le32(d + 4), out));
		}
	return POD_OK;
}

static enum pod_status read_elf(struct pod_dev *file, const uint8_t *h, struct pod_com32 *out, struct pod_diag *diag)
{
	struct elf e = {.file = file, .programs = pod_get_le16(h + 44)};
	uint64_t at = pod_get_le32(h + 28);
	if (h[4] != 1 || pod_get_le16(h + 16) != 3 || pod_get_le16(h + 18) != 3)
		return pod_fail(diag, POD_E_CORRUPT, "type or machine of the module", 16, 3, pod_get_le16(h + 16));
	if (!e.programs || e.programs > PROGRAMS_MAX || pod_get_le16(h + 42) != 32)
		return pod_fail(diag, POD_E_CORRUPT, "number of program headers", 44, PROGRAMS_MAX, e.programs);
	if (!pod_in_range(at, e.programs * 32u, file->size_bytes))
		return pod_fail(diag, POD_E_RANGE, "program headers", 28, at + e.programs * 32u, file->size_bytes);
	POD_TRY(pod_dev_read(file, at, e.program, e.programs * 32u));
	for (uint32_t i = 0; i < e.programs; i++) {
		const uint8_t *p = e.program[i];
		uint64_t from = pod_get_le32(p + 4), len = pod_get_le32(p + 16);
		if ((pod_get_le32(p) == 1 || pod_get_le32(p) == 2) && !pod_in_range(from, len, file->size_bytes))
			return pod_fail(diag, POD_E_RANGE, "segment", at + i * 32u, from + len, file->size_bytes);
	}
	for (uint32_t i = 0; i < e.programs; i++)
		if (pod_get_le32(e.program[i]) == 2)
			return read_dynamic(&e, e.program[i], out);
	return pod_fail(diag, POD_E_CORRUPT, "dynamic section", at, 1, 0);
}

enum pod_status pod_com32_read(struct pod_dev *file, struct pod_com32 *out, struct pod_diag *diag)
{
	uint8_t h[52];
	memset(out, 0, sizeof *out);
	memset(h, 0, sizeof h);
	POD_TRY(pod_dev_read(file, 0, h, (size_t)pod_min_u64(sizeof h, file->size_bytes)));
	out->elf = memcmp(h,
			  "\x7f"
			  "ELF",
			  4) == 0;
	if (out->elf)
		return read_elf(file, h, out, diag);
	if (h[0] == 0xb8 && (h[1] == 0xfe || h[1] == 0xff) && h[2] == 0x4c && h[3] == 0xcd && h[4] == 0x21)
		return POD_OK;
	return pod_fail(diag, POD_E_FORMAT, "first bytes", 0, 0x464c457f, pod_get_le32(h));
}

/*
 * The boot information table: +8 4 the volume descriptor's block, +12 4 the boot image's, +16 4 its length, +20 4 the sum of its 32-bit
 * words from +64 on; little-endian, blocks of 2048 bytes.
 */
enum pod_status pod_bootinfo_read(struct pod_dev *image, uint64_t start, struct pod_bootinfo *out)
{
	uint8_t b[512];
	memset(out, 0, sizeof *out);
	if (!pod_in_range(start, 64, image->size_bytes))
		return POD_E_NOT_FOUND;
	POD_TRY(pod_dev_read(image, start, b, 64));
	out->pvd_lba = pod_get_le32(b + 8);
	out->file_lba = pod_get_le32(b + 12);
	out->length_bytes = pod_get_le32(b + 16);
	out->checksum = pod_get_le32(b + 20);
	if (!out->pvd_lba && !out->length_bytes)
		return POD_E_NOT_FOUND;
	if (out->length_bytes > 4u << 20 || !pod_in_range(start, out->length_bytes, image->size_bytes))
		return POD_E_CORRUPT;
	for (uint32_t at = 64; at < out->length_bytes;) {
		size_t n = (size_t)pod_min_u64(sizeof b - at % sizeof b, out->length_bytes - at);
		memset(b, 0, sizeof b);
		POD_TRY(pod_dev_read(image, start + at, b, n));
		for (size_t i = 0; i < n; i += 4)
			out->sum += pod_get_le32(b + i);
		at += (uint32_t)n;
	}
	return POD_OK;
}

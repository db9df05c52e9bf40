/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An NTFS volume of 256 KiB, made by hand: what mkntfs and drivers seldom leave behind, in one place. The structures are those of
 * core/fs/ntfs_int.h. Records are written with their update sequence open; ntfs_seal closes it, so that a fuzzer can damage what is
 * in between.
 *
 *   clusters of 512, records of 1024, $MFT in three pieces (the third told by record 15, which the attribute list in record 0 names)
 *   24 plain.iso (also plain2.iso), 25 resident.txt, 26 sparse.img (backwards, with a hole), 27 packed.bin (compressed),
 *   28 secret.bin (encrypted), 29 pieces.img (attribute list outside of the record, runs in 30 and 31), 33 cloud.bin (reparse point),
 *   34 partial.img (initialized in part), 35 empty, 36 junction, 32 folder: a tree of two levels, 40 in it
 */
#ifndef POD_TESTS_NTFS_VOLUME_H
#define POD_TESTS_NTFS_VOLUME_H

#include <string.h>
#include "core/base/bytes.h"

enum { NTFS_SIZE = 256 << 10, NTFS_CLUSTER = 512, NTFS_RECORD = 1024, NTFS_BLOCK = 4096, NTFS_RECORDS = 48 };
#define NTFS_TIME 133500000000000000ull /* 2024-01-17 21:20:00 */

struct ntfs_run_at {
	int64_t lcn; /* -1: a hole */
	uint32_t count;
};

static inline uint8_t *ntfs_record(uint8_t *img, uint32_t no)
{
	static const uint32_t piece[3] = {16, 64, 128};
	return img + (size_t)piece[no / 16] * NTFS_CLUSTER + (size_t)(no % 16) * NTFS_RECORD;
}

static inline void ntfs_record_begin(uint8_t *r, uint32_t flags, uint64_t base)
{
	memset(r, 0, NTFS_RECORD);
	memcpy(r, "FILE", 4);
	pod_put_le16(r + 4, 48);
	pod_put_le16(r + 6, 3);
	pod_put_le16(r + 16, 1);
	pod_put_le16(r + 20, 56);
	pod_put_le16(r + 22, (uint16_t)flags);
	pod_put_le32(r + 24, 64);
	pod_put_le32(r + 28, NTFS_RECORD);
	pod_put_le64(r + 32, base);
	pod_put_le32(r + 56, 0xFFFFFFFF);
}

/* A new attribute at the record's end; its number is how many there are already. */
static inline uint8_t *ntfs_attr(uint8_t *r, uint32_t type, bool index, uint32_t flags, uint32_t len)
{
	uint32_t at = pod_get_le32(r + 24) - 8;
	uint8_t *a = r + at;
	len = (len + 7) & ~7u;
	memset(a, 0, len);
	pod_put_le32(a, type);
	pod_put_le32(a + 4, len);
	a[9] = index ? 4 : 0;
	pod_put_le16(a + 12, (uint16_t)flags);
	pod_put_le16(a + 14, r[40]++);
	pod_put_le32(a + len, 0xFFFFFFFF);
	pod_put_le32(r + 24, at + len + 8);
	return a;
}

static inline void ntfs_resident(uint8_t *r, uint32_t type, bool index, const void *value, uint32_t len)
{
	uint32_t at = index ? 32 : 24;
	uint8_t *a = ntfs_attr(r, type, index, 0, at + len);
	pod_put_le16(a + 10, 24);
	pod_put_le32(a + 16, len);
	pod_put_le16(a + 20, (uint16_t)at);
	if (index)
		memcpy(a + 24, "$\0I\0003\0000\0", 8);
	memcpy(a + at, value, len);
}

static inline void ntfs_runs(uint8_t *r, uint32_t type, bool index, uint32_t flags, uint64_t first_vcn,
			     const struct ntfs_run_at *run, size_t n, uint64_t size, uint64_t valid)
{
	uint8_t *a = ntfs_attr(r, type, index, flags, 72 + 8 * (uint32_t)n), *p = a + 72;
	int64_t last = 0;
	uint64_t vcn = first_vcn;
	for (size_t i = 0; i < n; i++) {
		int64_t delta = run[i].lcn - last;
		*p++ = run[i].lcn < 0 ? 0x02 : 0x32;
		pod_put_le16(p, (uint16_t)run[i].count);
		p += 2;
		if (run[i].lcn >= 0) {
			pod_put_le16(p, (uint16_t)delta);
			p[2] = (uint8_t)((uint64_t)delta >> 16);
			p += 3;
			last = run[i].lcn;
		}
		vcn += run[i].count;
	}
	a[8] = 1;
	pod_put_le16(a + 10, 64);
	pod_put_le64(a + 16, first_vcn);
	pod_put_le64(a + 24, vcn - 1);
	pod_put_le16(a + 32, 72);
	pod_put_le64(a + 40, (vcn - first_vcn) * NTFS_CLUSTER);
	pod_put_le64(a + 48, first_vcn ? 0 : size);
	pod_put_le64(a + 56, first_vcn ? 0 : valid);
	if (index)
		memcpy(a + 64, "$\0I\0003\0000\0", 8);
}

/* An entry of an attribute list, 32 bytes. */
static inline void ntfs_list_entry(uint8_t *e, uint32_t type, uint64_t vcn, uint32_t no, uint16_t number)
{
	memset(e, 0, 32);
	pod_put_le32(e, type);
	pod_put_le16(e + 4, 32);
	e[7] = 26;
	pod_put_le64(e + 8, vcn);
	pod_put_le64(e + 16, 1ull << 48 | no);
	pod_put_le16(e + 24, number);
}

/* An entry of an index; NULL: the last one. `below` < 0: nothing below. Returns its length. */
static inline uint32_t ntfs_index_entry(uint8_t *e, uint64_t no, const char *name, uint32_t attributes, uint8_t space, int below)
{
	uint32_t n = name ? (uint32_t)strlen(name) : 0, key = name ? 66 + 2 * n : 0, len = (16 + key + 7) & ~7u;
	memset(e, 0, len + 8);
	if (name) {
		pod_put_le64(e, 1ull << 48 | no);
		pod_put_le64(e + 16, 5ull << 48 | 5);
		pod_put_le64(e + 16 + 16, NTFS_TIME);
		pod_put_le32(e + 16 + 56, attributes);
		e[16 + 64] = (uint8_t)n;
		e[16 + 65] = space;
		for (uint32_t i = 0; i < n; i++)
			e[16 + 66 + 2 * i] = (uint8_t)name[i];
	}
	if (below >= 0) {
		pod_put_le64(e + len, (uint64_t)below);
		len += 8;
	}
	pod_put_le16(e + 8, (uint16_t)len);
	pod_put_le16(e + 10, (uint16_t)key);
	e[12] = (uint8_t)((below >= 0 ? 1 : 0) | (name ? 0 : 2));
	return len;
}

/* Closes an index whose header is at `head` and whose entries end at `end`. */
static inline void ntfs_index_close(uint8_t *head, const uint8_t *end, uint32_t first, bool large)
{
	pod_put_le32(head, first);
	pod_put_le32(head + 4, (uint32_t)(end - head));
	pod_put_le32(head + 8, (uint32_t)(end - head));
	head[12] = large;
}

static inline void ntfs_file(uint8_t *img, uint32_t no)
{
	uint8_t info[72] = {0}, *r = ntfs_record(img, no);
	ntfs_record_begin(r, 1, 0);
	for (int i = 0; i < 4; i++)
		pod_put_le64(info + 8 * i, NTFS_TIME);
	info[32] = 0x21;
	ntfs_resident(r, 0x10, false, info, sizeof info);
}

static inline void ntfs_fill(uint8_t *img, uint32_t lcn, uint32_t count, uint8_t with)
{
	for (uint32_t i = 0; i < count * NTFS_CLUSTER; i++)
		img[(size_t)lcn * NTFS_CLUSTER + i] = (uint8_t)(with + i / NTFS_CLUSTER);
}

static inline void ntfs_system_files(uint8_t *img)
{
	static const struct ntfs_run_at mft1[] = {{16, 32}}, mft2[] = {{64, 32}}, mft3[] = {{128, 32}}, log[] = {{200, 16}};
	uint8_t list[96], info[16] = {0}, *r = ntfs_record(img, 0);
	ntfs_record_begin(r, 1, 0);
	ntfs_list_entry(list, 0x80, 0, 0, 1);
	ntfs_list_entry(list + 32, 0x80, 32, 15, 0);
	ntfs_list_entry(list + 64, 0x80, 64, 31, 1);
	ntfs_resident(r, 0x20, false, list, sizeof list);
	ntfs_runs(r, 0x80, false, 0, 0, mft1, 1, NTFS_RECORDS * NTFS_RECORD, NTFS_RECORDS * NTFS_RECORD);
	r = ntfs_record(img, 15);
	ntfs_record_begin(r, 1, 1ull << 48);
	ntfs_runs(r, 0x80, false, 0, 32, mft2, 1, 0, 0);
	memcpy(img + 10 * NTFS_CLUSTER, ntfs_record(img, 0), NTFS_RECORD); /* $MFTMirr */
	r = ntfs_record(img, 2);
	ntfs_record_begin(r, 1, 0);
	ntfs_runs(r, 0x80, false, 0, 0, log, 1, 16 * NTFS_CLUSTER, 16 * NTFS_CLUSTER);
	memset(img + 200 * NTFS_CLUSTER, 0xFF, 16 * NTFS_CLUSTER);
	r = ntfs_record(img, 3);
	ntfs_record_begin(r, 1, 0);
	ntfs_resident(r, 0x60, false, "L\0a\0b\0e\0l\0", 10);
	info[8] = 3, info[9] = 1;
	ntfs_resident(r, 0x70, false, info, 12);
	/* Record 31 holds the third piece of $MFT and, told by it, the end of pieces.img stands in 40. */
	r = ntfs_record(img, 31);
	ntfs_record_begin(r, 1, 1ull << 48);
	ntfs_resident(r, 0x10, false, info, 0);
	ntfs_runs(r, 0x80, false, 0, 64, mft3, 1, 0, 0);
}

static inline void ntfs_files(uint8_t *img)
{
	static const struct ntfs_run_at plain[] = {{300, 6}}, sparse[] = {{320, 2}, {-1, 4}, {310, 2}, {312, 1}},
					one[] = {{330, 1}}, piece1[] = {{340, 2}}, piece2[] = {{336, 2}}, list_run[] = {{350, 1}},
					part[] = {{352, 4}};
	uint8_t *list = img + 350 * NTFS_CLUSTER;
	ntfs_file(img, 24);
	ntfs_runs(ntfs_record(img, 24), 0x80, false, 0, 0, plain, 1, 3000, 3000);
	ntfs_fill(img, 300, 6, 1);
	ntfs_file(img, 25);
	ntfs_resident(ntfs_record(img, 25), 0x80, false, "It lies in its record.", 22);
	ntfs_file(img, 26);
	ntfs_runs(ntfs_record(img, 26), 0x80, false, 0x8000, 0, sparse, 4, 9 * NTFS_CLUSTER - 12, 9 * NTFS_CLUSTER - 12);
	ntfs_fill(img, 310, 3, 20);
	ntfs_fill(img, 320, 2, 30);
	ntfs_file(img, 27);
	ntfs_runs(ntfs_record(img, 27), 0x80, false, 1, 0, one, 1, 400, 400);
	ntfs_file(img, 28);
	ntfs_runs(ntfs_record(img, 28), 0x80, false, 0x4000, 0, one, 1, 400, 400);
	ntfs_file(img, 29);
	ntfs_runs(ntfs_record(img, 29), 0x20, false, 0, 0, list_run, 1, 96, 96);
	ntfs_list_entry(list, 0x10, 0, 29, 0);
	ntfs_list_entry(list + 32, 0x80, 0, 30, 0);
	ntfs_list_entry(list + 64, 0x80, 2, 40, 0);
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t *r = ntfs_record(img, i ? 40 : 30);
		ntfs_record_begin(r, 1, 1ull << 48 | 29);
		ntfs_runs(r, 0x80, false, 0, i ? 2 : 0, i ? piece2 : piece1, 1, 2000, 2000);
	}
	ntfs_fill(img, 336, 6, 40);
	ntfs_file(img, 33);
	ntfs_runs(ntfs_record(img, 33), 0x80, false, 0, 0, one, 1, 400, 400);
	ntfs_resident(ntfs_record(img, 33), 0xC0, false, "\x17\0\0\x80\0\0\0\0", 8);
	ntfs_file(img, 34);
	ntfs_runs(ntfs_record(img, 34), 0x80, false, 0, 0, part, 1, 1800, 700);
	ntfs_fill(img, 352, 4, 60);
	ntfs_file(img, 35);
}

static inline void ntfs_directories(uint8_t *img)
{
	static const struct {
		uint32_t no;
		const char *name;
		uint32_t attributes;
		uint8_t space;
	} top[] = {{5, ".", 0x10000000, 3},
		   {33, "cloud.bin", 0x420, 1},
		   {35, "empty", 0x20, 3},
		   {32, "folder", 0x10000000, 3},
		   {36, "junction", 0x10000400, 1}};
	static const char *const below[] = {"packed.bin", "partial.img",  "pieces.img", "plain.iso", "PLAIN~1.ISO",
					    "plain2.iso", "resident.txt", "secret.bin", "sparse.img"};
	static const uint8_t number[] = {27, 34, 29, 24, 24, 24, 25, 28, 26};
	static const struct ntfs_run_at blocks[] = {{400, 8}, {416, 8}};
	uint8_t root[400] = {0}, *e = root + 32;
	root[0] = 0x30, root[4] = 1;
	pod_put_le32(root + 8, NTFS_BLOCK);
	/* The root directory: all in one record would be too much, so half of it lies below its last entry. */
	for (size_t i = 0; i < 1; i++)
		e += ntfs_index_entry(e, top[i].no, top[i].name, top[i].attributes, top[i].space, 0);
	e += ntfs_index_entry(e, 0, NULL, 0, 0, 8);
	ntfs_index_close(root + 16, e, 16, true);
	for (uint32_t no = 5; no <= 32; no += 27) {
		uint8_t *r = ntfs_record(img, no);
		ntfs_file(img, no);
		pod_put_le16(r + 22, 3);
		if (no == 5) {
			ntfs_resident(r, 0x90, true, root, (uint32_t)(e - root));
			ntfs_runs(r, 0xA0, true, 0, 0, blocks, 2, 2 * NTFS_BLOCK, 2 * NTFS_BLOCK);
		} else {
			e = root + 32;
			e += ntfs_index_entry(e, 35, "inner", 0x20, 3, -1);
			e += ntfs_index_entry(e, 0, NULL, 0, 0, -1);
			ntfs_index_close(root + 16, e, 16, false);
			ntfs_resident(r, 0x90, true, root, (uint32_t)(e - root));
		}
	}
	for (uint32_t b = 0; b < 2; b++) {
		uint8_t *block = img + (b ? 416 : 400) * NTFS_CLUSTER;
		memset(block, 0, NTFS_BLOCK);
		memcpy(block, "INDX", 4);
		pod_put_le16(block + 4, 40);
		pod_put_le16(block + 6, 9);
		pod_put_le64(block + 16, b * 8);
		e = block + 64;
		for (size_t i = 1; !b && i < sizeof top / sizeof top[0]; i++)
			e += ntfs_index_entry(e, top[i].no, top[i].name, top[i].attributes, top[i].space, -1);
		for (size_t i = 0; b && i < sizeof number; i++)
			e += ntfs_index_entry(e, number[i], below[i], 0x20, below[i][0] == 'P' ? 2 : 1, -1);
		e += ntfs_index_entry(e, 0, NULL, 0, 0, -1);
		ntfs_index_close(block + 24, e, 40, false);
	}
}

static inline void ntfs_make(uint8_t *img)
{
	memset(img, 0, NTFS_SIZE);
	memcpy(img, "\xEB\x52\x90NTFS    ", 11);
	pod_put_le16(img + 11, 512);
	img[13] = 1;
	pod_put_le64(img + 40, NTFS_SIZE / NTFS_CLUSTER - 1);
	pod_put_le64(img + 48, 16);
	pod_put_le64(img + 56, 10);
	img[64] = 0xF6; /* 2^10 */
	img[68] = 0xF4; /* 2^12 */
	pod_put_le64(img + 72, 0x1122334455667788);
	pod_put_le16(img + 510, 0xAA55);
	for (uint32_t i = 0; i < NTFS_RECORDS; i++)
		ntfs_record_begin(ntfs_record(img, i), 0, 0);
	ntfs_files(img);
	ntfs_system_files(img);
	ntfs_directories(img);
}

/* Closes the update sequence of each record and block that looks like one. */
static inline void ntfs_seal(uint8_t *img)
{
	for (size_t at = 0; at + NTFS_BLOCK <= NTFS_SIZE; at += NTFS_CLUSTER) {
		bool file = memcmp(img + at, "FILE", 4) == 0;
		if (!file && memcmp(img + at, "INDX", 4) != 0)
			continue;
		uint8_t *usn = img + at + (file ? 48 : 40);
		for (uint32_t i = 1; i <= (file ? NTFS_RECORD : NTFS_BLOCK) / 512; i++) {
			memcpy(usn + 2 * i, img + at + 512 * i - 2, 2);
			memcpy(img + at + 512 * i - 2, "\x07\0", 2);
		}
		memcpy(usn, "\x07\0", 2);
	}
}

#endif

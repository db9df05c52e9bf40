/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list of block hashes. The file, little-endian:
 *
 *     0   8  "PODHASH1"
 *     8   4  CRC-32C of these 128 bytes, with this field taken as zero
 *    12   4  number of the layer
 *    16  16  DataWriteGuid of its file
 *    32   8  size of the disk
 *    40   4  a block has 1 << so many bytes
 *    44   4  entries
 *    48  32  tree hash: SHA-256 of "PODTREE1", size (8), shift (4), entries (4), and the entries as they follow
 *    80  48  0
 *   128      entries in ascending order: number of the block (4), SHA-256 of its content (32). Blocks of zeros have none.
 */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/layer/hashes.h"

#define HEAD  128u
#define ENTRY 36u
#define PIECE 32u /* entries that are read and written at a time */

uint32_t pod_hashes_shift(uint64_t size)
{
	uint32_t shift = POD_HASHES_SHIFT;
	while (shift < 63 && ((size >> shift) + 1) > POD_HASHES_BLOCKS)
		shift++;
	return shift;
}

enum pod_status pod_hashes_init(struct pod_hashes *h, struct pod_alloc *a, uint64_t size)
{
	memset(h, 0, sizeof *h);
	if (size > POD_HASHES_SIZE)
		return POD_E_LIMIT;
	h->alloc = a;
	h->size_bytes = size;
	h->shift = pod_hashes_shift(size);
	h->blocks = (uint32_t)(size >> h->shift) + ((size & ((1ull << h->shift) - 1)) != 0);
	h->block = pod_zalloc(a, (size_t)h->blocks + 1, POD_HASH_LEN);
	return h->block ? POD_OK : POD_E_NOMEM;
}

void pod_hashes_fini(struct pod_hashes *h)
{
	if (h->alloc)
		pod_free(h->alloc, h->block);
	memset(h, 0, sizeof *h);
}

uint32_t pod_hashes_len(const struct pod_hashes *h, uint32_t block)
{
	return (uint32_t)pod_min_u64(1ull << h->shift, h->size_bytes - ((uint64_t)block << h->shift));
}

void pod_hashes_hash(struct pod_hasher *s, const void *data, size_t len, uint8_t out[POD_HASH_LEN])
{
	if (pod_all_zero(data, len)) {
		memset(out, 0, POD_HASH_LEN);
		return;
	}
	s->start(s);
	s->update(s, data, len);
	s->finish(s, out);
}

static bool is_zero(const struct pod_hashes *h, uint32_t i)
{
	return pod_all_zero(h->block[i], POD_HASH_LEN);
}

static uint32_t entries(const struct pod_hashes *h)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < h->blocks; i++)
		n += !is_zero(h, i);
	return n;
}

static void put_entry(const struct pod_hashes *h, uint32_t i, uint8_t out[ENTRY])
{
	pod_put_le32(out, i);
	memcpy(out + 4, h->block[i], POD_HASH_LEN);
}

static void tree_start(const struct pod_hashes *h, struct pod_hasher *s, uint32_t n)
{
	uint8_t head[24];
	memcpy(head, "PODTREE1", 8);
	pod_put_le64(head + 8, h->size_bytes);
	pod_put_le32(head + 16, h->shift);
	pod_put_le32(head + 20, n);
	s->start(s);
	s->update(s, head, sizeof head);
}

void pod_hashes_tree(const struct pod_hashes *h, struct pod_hasher *s, uint8_t out[POD_HASH_LEN])
{
	uint8_t e[ENTRY];
	tree_start(h, s, entries(h));
	for (uint32_t i = 0; i < h->blocks; i++)
		if (!is_zero(h, i)) {
			put_entry(h, i, e);
			s->update(s, e, sizeof e);
		}
	s->finish(s, out);
}

bool pod_hashes_adopt(struct pod_hashes *h, const struct pod_hashes *from, uint32_t *odd)
{
	uint32_t n = h->blocks < from->blocks ? h->blocks : from->blocks;
	*odd = UINT32_MAX;
	if (h->shift != from->shift)
		return false;
	memcpy(h->block, from->block, (size_t)n * POD_HASH_LEN);
	if (n && pod_hashes_len(h, n - 1) != pod_hashes_len(from, n - 1)) {
		*odd = n - 1;
		memset(h->block[n - 1], 0, POD_HASH_LEN);
	}
	return true;
}

uint64_t pod_hashes_bytes(const struct pod_hashes *h)
{
	return HEAD + (uint64_t)entries(h) * ENTRY;
}

enum pod_status pod_hashes_write(const struct pod_hashes *h, const struct pod_hashes_of *of, struct pod_hasher *s,
				 struct pod_dev *dev)
{
	uint8_t head[HEAD] = {0}, piece[PIECE * ENTRY];
	uint64_t off = HEAD;
	size_t used = 0;
	memcpy(head, "PODHASH1", 8);
	pod_put_le32(head + 12, of->layer);
	memcpy(head + 16, of->data_guid, 16);
	pod_put_le64(head + 32, h->size_bytes);
	pod_put_le32(head + 40, h->shift);
	pod_put_le32(head + 44, entries(h));
	pod_hashes_tree(h, s, head + 48);
	pod_put_le32(head + 8, pod_crc32c(0, head, sizeof head));
	for (uint32_t i = 0; i < h->blocks; i++) {
		if (is_zero(h, i))
			continue;
		put_entry(h, i, piece + used);
		used += ENTRY;
		if (used == sizeof piece) {
			POD_TRY(pod_dev_write(dev, off, piece, used));
			off += used, used = 0;
		}
	}
	if (used)
		POD_TRY(pod_dev_write(dev, off, piece, used));
	return pod_dev_write(dev, 0, head, sizeof head);
}

/* Entries [at, at + n) of the file. *next: the lowest block that may follow. */
static enum pod_status take_entries(struct pod_hashes *h, const uint8_t *p, uint32_t n, uint64_t off, uint64_t *next,
				    struct pod_diag *diag)
{
	for (uint32_t i = 0; i < n; i++, p += ENTRY) {
		uint32_t block = pod_get_le32(p);
		if (block < *next || block >= h->blocks)
			return pod_fail(diag, POD_E_CORRUPT, "number of a block", off + (uint64_t)i * ENTRY, *next, block);
		memcpy(h->block[block], p + 4, POD_HASH_LEN);
		if (is_zero(h, block))
			return pod_fail(diag, POD_E_CORRUPT, "hash of a block", off + (uint64_t)i * ENTRY, 0, block);
		*next = (uint64_t)block + 1;
	}
	return POD_OK;
}

static enum pod_status read_entries(struct pod_hashes *h, uint32_t n, struct pod_hasher *s, struct pod_dev *dev,
				    struct pod_diag *diag)
{
	uint8_t piece[PIECE * ENTRY];
	uint64_t next = 0;
	tree_start(h, s, n);
	for (uint32_t done = 0; done < n;) {
		uint32_t k = n - done < PIECE ? n - done : PIECE;
		uint64_t off = HEAD + (uint64_t)done * ENTRY;
		POD_TRY(pod_dev_read(dev, off, piece, (size_t)k * ENTRY));
		POD_TRY(take_entries(h, piece, k, off, &next, diag));
		s->update(s, piece, (size_t)k * ENTRY);
		done += k;
	}
	return POD_OK;
}

static enum pod_status read_list(struct pod_hashes *h, const uint8_t head[HEAD], struct pod_hasher *s, struct pod_dev *dev,
				 struct pod_diag *diag)
{
	uint32_t n = pod_get_le32(head + 44);
	uint8_t tree[POD_HASH_LEN];
	if (pod_get_le32(head + 40) != h->shift)
		return pod_fail(diag, POD_E_CORRUPT, "size of blocks", 40, h->shift, pod_get_le32(head + 40));
	if (n > h->blocks || dev->size_bytes != HEAD + (uint64_t)n * ENTRY)
		return pod_fail(diag, POD_E_CORRUPT, "entries", 44, h->blocks, n);
	POD_TRY(read_entries(h, n, s, dev, diag));
	s->finish(s, tree);
	return memcmp(tree, head + 48, sizeof tree) == 0 ? POD_OK : pod_fail(diag, POD_E_CORRUPT, "tree hash", 48, 0, 0);
}

enum pod_status pod_hashes_read(struct pod_hashes *h, struct pod_hashes_of *of, struct pod_hasher *s, struct pod_dev *dev,
				struct pod_alloc *a, struct pod_diag *diag)
{
	uint8_t head[HEAD];
	uint32_t crc;
	enum pod_status st;
	memset(h, 0, sizeof *h);
	if (dev->size_bytes < HEAD)
		return pod_fail(diag, POD_E_FORMAT, "length of a list of hashes", 0, HEAD, dev->size_bytes);
	POD_TRY(pod_dev_read(dev, 0, head, sizeof head));
	crc = pod_crc32c_without(head, HEAD, 8);
	if (memcmp(head, "PODHASH1", 8) != 0)
		return pod_fail(diag, POD_E_FORMAT, "signature of a list of hashes", 0, 0, 0);
	if (crc != pod_get_le32(head + 8) || !pod_all_zero(head + 80, HEAD - 80))
		return pod_fail(diag, POD_E_CORRUPT, "checksum of a list of hashes", 8, crc, pod_get_le32(head + 8));
	of->layer = pod_get_le32(head + 12);
	memcpy(of->data_guid, head + 16, 16);
	st = pod_hashes_init(h, a, pod_get_le64(head + 32));
	if (st == POD_OK)
		st = read_list(h, head, s, dev, diag);
	if (st != POD_OK)
		pod_hashes_fini(h);
	return st;
}

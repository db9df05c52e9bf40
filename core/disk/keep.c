/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/disk/keep.h"
#include "core/base/mem.h"

/* Where in the table a block is, or would be. Half of the table stays empty, so the search ends soon. */
static uint32_t *place_of(const struct pod_keep *k, uint64_t block)
{
	uint32_t mask = 2 * k->blocks - 1, at = ((uint32_t)block * 2654435761u) & mask;
	while (k->table[at] && k->number[k->table[at] - 1] != block)
		at = (at + 1) & mask;
	return &k->table[at];
}

static void keep(struct pod_keep *k, uint64_t block, const uint8_t *data, size_t blocks)
{
	for (; blocks && k->used < k->blocks; blocks--, block++, data += POD_KEEP_BLOCK) {
		memcpy(k->data + (size_t)k->used * POD_KEEP_BLOCK, data, POD_KEEP_BLOCK);
		k->number[k->used++] = block;
		*place_of(k, block) = k->used;
	}
}

static enum pod_status keep_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct pod_keep *k = d->ctx;
	uint8_t *to = buf;
	if ((off | len) & (POD_KEEP_BLOCK - 1))
		return pod_dev_read(k->parent, off, buf, len);
	uint64_t block = off / POD_KEEP_BLOCK;
	for (size_t left = len / POD_KEEP_BLOCK, n; left; left -= n, block += n, to += n * POD_KEEP_BLOCK) {
		uint32_t there = *place_of(k, block);
		n = 1;
		if (there) {
			memcpy(to, k->data + (size_t)(there - 1) * POD_KEEP_BLOCK, POD_KEEP_BLOCK);
			continue;
		}
		while (n < left && !*place_of(k, block + n))
			n++;
		POD_TRY(pod_dev_read(k->parent, block * POD_KEEP_BLOCK, to, n * POD_KEEP_BLOCK));
		keep(k, block, to, n);
	}
	return POD_OK;
}

enum pod_status pod_keep_init(struct pod_keep *k, struct pod_dev *parent, struct pod_alloc *a, uint32_t bytes)
{
	*k = (struct pod_keep){.parent = parent, .alloc = a, .blocks = bytes / POD_KEEP_BLOCK};
	k->number = a->alloc(a, k->blocks * sizeof *k->number);
	k->table = pod_zalloc(a, 2 * (size_t)k->blocks, sizeof *k->table);
	k->data = a->alloc(a, bytes);
	if (!k->number || !k->table || !k->data) {
		pod_keep_fini(k);
		return POD_E_NOMEM;
	}
	k->dev = (struct pod_dev){.size_bytes = parent->size_bytes,
				  .sector_size = parent->sector_size,
				  .read_only = true,
				  .read = keep_read,
				  .ctx = k,
				  .budget = parent->budget};
	return POD_OK;
}

void pod_keep_fini(struct pod_keep *k)
{
	if (!k->alloc)
		return;
	pod_free(k->alloc, k->number);
	pod_free(k->alloc, k->table);
	pod_free(k->alloc, k->data);
	*k = (struct pod_keep){0};
}

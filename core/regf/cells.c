/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room in a hive: the first free cell that is large enough, split; else a new hive bin at the end. What lies free side by side becomes
 * one cell when it is looked at, so that freeing a cell only turns a sign around.
 */
#include "core/regf/regf_int.h"
#include "core/base/bytes.h"

/* A free cell that is smaller does not keep the search from beginning behind its bin. */
#define SMALL 64u

static void split(struct pod_regf_edit *e, uint32_t cell, uint32_t free, uint32_t need)
{
	pod_put_le32(regf_at(e, cell), 0u - need);
	memset(regf_at(e, cell) + 4, 0, need - 4);
	if (free != need)
		pod_put_le32(regf_at(e, cell + need), free - need);
}

static uint32_t cell_bytes(struct pod_regf_edit *e, uint32_t cell, bool *free)
{
	uint32_t raw = pod_get_le32(regf_at(e, cell));
	*free = !(raw & 0x80000000u);
	return *free ? raw : 0u - raw;
}

/* The cell of `need` bytes in this bin, or POD_REGF_NONE. */
static uint32_t search(struct pod_regf_edit *e, uint32_t bin, uint32_t end, uint32_t need, bool *room)
{
	for (uint32_t at = bin + REGF_BIN_HEAD, size; at < end; at += size) {
		bool free, more;
		size = cell_bytes(e, at, &free);
		if (!free)
			continue;
		for (uint32_t next; at + size < end; size += next) {
			next = cell_bytes(e, at + size, &more);
			if (!more)
				break;
		}
		pod_put_le32(regf_at(e, at), size);
		*room = *room || size >= SMALL;
		if (size >= need) {
			split(e, at, size, need);
			return at;
		}
	}
	return POD_REGF_NONE;
}

static enum pod_status grow(struct pod_regf_edit *e, uint32_t need)
{
	uint32_t at = e->hive.bins_bytes, size = (uint32_t)pod_align_up((uint64_t)need + REGF_BIN_HEAD, REGF_BIN_ALIGN);
	if (size > POD_REGF_MAX - at)
		return POD_E_LIMIT;
	void *v = e->bytes;
	size_t have = (size_t)POD_REGF_BASE + at;
	POD_TRY(pod_grow(e->alloc, &v, have, &e->cap, have + size, 1, (size_t)POD_REGF_BASE + POD_REGF_MAX));
	e->bytes = v;
	e->hive.bytes = v;
	e->hive.bins_bytes += size;
	uint8_t *p = regf_at(e, at);
	memset(p, 0, size);
	memcpy(p, "hbin", 4);
	pod_put_le32(p + 4, at);
	pod_put_le32(p + 8, size);
	pod_put_le64(p + 20, e->now);
	pod_put_le32(p + REGF_BIN_HEAD, size - REGF_BIN_HEAD);
	return POD_OK;
}

enum pod_status regf_alloc(struct pod_regf_edit *e, uint32_t payload, uint32_t *cell)
{
	uint32_t need = (uint32_t)pod_align_up((uint64_t)payload + 4, 8), size;
	bool room = false;
	for (uint32_t bin = e->free_from; bin < e->hive.bins_bytes; bin += size) {
		size = pod_get_le32(regf_at(e, bin) + 8);
		*cell = search(e, bin, bin + size, need, &room);
		if (*cell != POD_REGF_NONE)
			return POD_OK;
		if (!room)
			e->free_from = bin + size;
	}
	uint32_t bin = e->hive.bins_bytes;
	POD_TRY(grow(e, need));
	*cell = search(e, bin, e->hive.bins_bytes, need, &room);
	return POD_OK;
}

void regf_free(struct pod_regf_edit *e, uint32_t cell)
{
	if (cell == POD_REGF_NONE)
		return;
	pod_put_le32(regf_at(e, cell), 0u - pod_get_le32(regf_at(e, cell)));
	/* Which bin it is in, only a search from the first one tells. */
	if (cell < e->free_from)
		e->free_from = 0;
}

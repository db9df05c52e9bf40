/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XFS' log: was the volume left in order? It was if the last thing in the log is the record of an unmount.
 *
 * The log is a ring of sectors of 512 bytes. Each begins with the number of the round in which it was written (4 bytes), but for those that
 * begin a record: +0 4 FEEDBABEh, +4 4 the round, +8 4 version, +12 4 length of the record in bytes, +40 4 operations in it, +320 4 (version
 * 2) largest length of a record: for each 32 KiB of that, the header has a sector. Behind it the operations: +9 1 flags: 20h unmount.
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/fs/xfs.h"
#include "core/fs/xfs_int.h"

enum { SECTOR = 512, UNMOUNT = 0x20, HEADER_COVERS = 32 << 10 };
#define RECORD_MAGIC 0xFEEDBABEu
/* The record of an unmount is short, but filled up to a stripe unit of the log: 256 KiB at most, and its header. */
#define RECORD_SECTORS_MAX 528u

struct log {
	struct pod_fs *fs;
	uint64_t at;
	uint32_t sectors;
	uint8_t sector[SECTOR];
};

static enum pod_status load(struct log *l, uint32_t no)
{
	return pod_dev_read(l->fs->dev, l->at + (uint64_t)no * SECTOR, l->sector, SECTOR);
}

static enum pod_status round_of(struct log *l, uint32_t no, uint32_t *out)
{
	POD_TRY(load(l, no));
	*out = pod_get_be32(l->sector);
	if (*out == RECORD_MAGIC)
		*out = pod_get_be32(l->sector + 4);
	return POD_OK;
}

/* The first sector that was written in another round than sector 0 (before it, or never); l->sectors: none. */
static enum pod_status find_head(struct log *l, uint32_t *head)
{
	uint32_t first, round, low = 1, high = l->sectors;
	POD_TRY(round_of(l, 0, &first));
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		POD_TRY(round_of(l, middle, &round));
		if (round == first)
			low = middle + 1;
		else
			high = middle;
	}
	*head = low;
	return POD_OK;
}

static uint32_t wrapped(const struct log *l, uint64_t no)
{
	return (uint32_t)(no < l->sectors ? no : no - l->sectors);
}

/* Is the record whose header is in l->sector that of an unmount, and ends at `head`? */
static enum pod_status is_unmount(struct log *l, uint32_t record, uint32_t head, bool *out)
{
	uint32_t length = pod_get_be32(l->sector + 12), operations = pod_get_be32(l->sector + 40), header = 1;
	uint32_t largest = pod_get_be32(l->sector + 320);
	if ((pod_get_be32(l->sector + 8) & 2) && largest > HEADER_COVERS)
		header = largest / HEADER_COVERS + (largest % HEADER_COVERS != 0);
	uint64_t end = (uint64_t)record + header + length / SECTOR + (length % SECTOR != 0);
	*out = false;
	if (header >= l->sectors || end > (uint64_t)2 * l->sectors || wrapped(l, end) != wrapped(l, head) || operations != 1)
		return POD_OK;
	POD_TRY(load(l, wrapped(l, (uint64_t)record + header)));
	*out = l->sector[9] & UNMOUNT;
	return POD_OK;
}

enum pod_status pod_xfs_log_is_dirty(struct pod_fs *fs, bool *dirty)
{
	const struct pod_xfs *v = xfs_of(fs);
	struct log l = {.fs = fs};
	uint32_t head;
	bool clean;
	*dirty = false;
	if (!v->log_block || !v->log_blocks)
		return POD_OK;
	POD_TRY(xfs_place(fs, v->log_block, v->log_blocks, &l.at));
	if (v->log_blocks > UINT32_MAX >> (v->block_shift - 8))
		return POD_E_CORRUPT;
	l.sectors = (uint32_t)v->log_blocks << (v->block_shift - 9);
	POD_TRY(find_head(&l, &head));
	*dirty = true;
	for (uint32_t back = 1; back <= RECORD_SECTORS_MAX && back <= l.sectors; back++) {
		uint32_t record = wrapped(&l, (uint64_t)head + l.sectors - back);
		POD_TRY(load(&l, record));
		if (pod_get_be32(l.sector) != RECORD_MAGIC)
			continue;
		POD_TRY(is_unmount(&l, record, head, &clean));
		*dirty = !clean;
		break;
	}
	return POD_OK;
}

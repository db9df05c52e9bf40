/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/fs/ntfs_journal.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define UNIT POD_NTFS_JOURNAL_UNIT

static bool is_for(const uint8_t *p, size_t len, const struct pod_ntfs_volume_id *id)
{
	return len >= POD_NTFS_JOURNAL_HEADER && memcmp(p, POD_NTFS_JOURNAL_MAGIC, 8) == 0 && pod_get_le32(p + 8) == 1 &&
	       pod_get_le64(p + 16) == id->start_bytes && pod_get_le64(p + 24) == id->length_bytes &&
	       pod_get_le32(p + 32) == id->serial && pod_get_le64(p + 40) == len - POD_NTFS_JOURNAL_HEADER &&
	       pod_get_le32(p + 36) == pod_crc32(0, p + POD_NTFS_JOURNAL_HEADER, len - POD_NTFS_JOURNAL_HEADER);
}

/* The block at *p, which goes on behind it. */
static bool next_block(const uint8_t **p, size_t *len, uint64_t volume_bytes, struct pod_ntfs_block *b)
{
	if (*len < POD_NTFS_JOURNAL_BLOCK)
		return false;
	*b = (struct pod_ntfs_block){pod_get_le64(*p), pod_get_le32(*p + 8), pod_get_le32(*p + 12), NULL, NULL};
	size_t left = *len - POD_NTFS_JOURNAL_BLOCK;
	if (!b->len || b->len % UNIT || b->off_bytes % UNIT || b->len > left / 2 || b->phase >= POD_NTFS_JOURNAL_PHASES ||
	    !pod_in_range(b->off_bytes, b->len, volume_bytes))
		return false;
	b->before = *p + POD_NTFS_JOURNAL_BLOCK;
	b->after = b->before + b->len;
	*p = b->after + b->len;
	*len = left - 2 * (size_t)b->len;
	return true;
}

/* Counts the blocks, or takes in those of one phase. POD_E_NOT_FOUND: they are none. */
static enum pod_status walk(struct pod_ntfs_journal *j, const uint8_t *p, size_t len, uint64_t volume_bytes, uint32_t phase,
			    size_t *count)
{
	struct pod_ntfs_block b;
	for (*count = 0; len; ++*count) {
		if (*count == POD_NTFS_JOURNAL_BLOCKS || !next_block(&p, &len, volume_bytes, &b))
			return POD_E_NOT_FOUND;
		if (b.phase == phase)
			j->v[j->n++] = b;
	}
	return POD_OK;
}

/* The same sector may be written twice, by a bitmap's two phases: what it was, in between, and what it will be are all ours. */
static bool is_ours(const struct pod_ntfs_journal *j, uint64_t off, const uint8_t *now)
{
	for (size_t i = 0; i < j->n; i++) {
		const struct pod_ntfs_block *b = &j->v[i];
		if (off < b->off_bytes || off - b->off_bytes >= b->len)
			continue;
		if (memcmp(now, b->before + (off - b->off_bytes), UNIT) == 0 ||
		    memcmp(now, b->after + (off - b->off_bytes), UNIT) == 0)
			return true;
	}
	return false;
}

/* Is every sector as it was, or as it will be? */
static enum pod_status check(const struct pod_ntfs_journal *j)
{
	uint8_t now[UNIT];
	for (size_t i = 0; i < j->n; i++)
		for (uint32_t at = 0; at < j->v[i].len; at += UNIT) {
			POD_TRY(pod_budget_spend(j->volume->budget, (j->n >> 6) + 1, 0));
			POD_TRY(pod_dev_read(j->volume, j->v[i].off_bytes + at, now, sizeof now));
			if (!is_ours(j, j->v[i].off_bytes + at, now))
				return POD_E_CHANGED;
		}
	return POD_OK;
}

/* In the order in which they will be written. */
static enum pod_status ahead_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct pod_ntfs_journal *j = d->ctx;
	POD_TRY(pod_dev_read(j->volume, off, buf, len));
	POD_TRY(pod_budget_spend(d->budget, j->n >> 6, 0));
	for (size_t i = 0; i < j->n; i++) {
		const struct pod_ntfs_block *b = &j->v[i];
		uint64_t from = b->off_bytes > off ? b->off_bytes : off, to = pod_min_u64(b->off_bytes + b->len, off + len);
		if (from < to)
			memcpy((uint8_t *)buf + (from - off), b->after + (from - b->off_bytes), (size_t)(to - from));
	}
	return POD_OK;
}

static enum pod_status take(struct pod_ntfs_journal *j, const uint8_t *p, size_t len, const struct pod_ntfs_volume_id *id)
{
	size_t count;
	if (!is_for(p, len, id))
		return POD_E_NOT_FOUND;
	p += POD_NTFS_JOURNAL_HEADER, len -= POD_NTFS_JOURNAL_HEADER;
	POD_TRY(walk(j, p, len, id->length_bytes, POD_NTFS_JOURNAL_PHASES, &count));
	j->v = pod_zalloc(j->alloc, count + 1, sizeof *j->v);
	if (!j->v)
		return POD_E_NOMEM;
	for (uint32_t phase = 0; phase < POD_NTFS_JOURNAL_PHASES; phase++)
		POD_TRY(walk(j, p, len, id->length_bytes, phase, &count));
	return check(j);
}

enum pod_status pod_ntfs_journal_parse(struct pod_ntfs_journal *j, const uint8_t *file, size_t len, struct pod_dev *volume,
				       const struct pod_ntfs_volume_id *id, struct pod_alloc *a)
{
	*j = (struct pod_ntfs_journal){.volume = volume, .alloc = a, .dev = *volume};
	j->dev.read_only = true;
	j->dev.read = ahead_read;
	j->dev.write = NULL;
	j->dev.flush = NULL;
	j->dev.ctx = j;
	enum pod_status st = take(j, file, len, id);
	if (st != POD_OK)
		pod_ntfs_journal_close(j);
	return st;
}

enum pod_status pod_ntfs_journal_load(struct pod_ntfs_journal *j, struct pod_fs *esp, struct pod_dirent *scratch,
				      struct pod_dev *volume, const struct pod_ntfs_volume_id *id, struct pod_alloc *a)
{
	struct pod_node node;
	*j = (struct pod_ntfs_journal){0};
	if (!esp->ops || pod_fs_lookup(esp, POD_NTFS_JOURNAL_FILE, &node, scratch) != POD_OK || node.is_dir ||
	    node.size_bytes <= POD_NTFS_JOURNAL_UNIT || node.size_bytes > POD_NTFS_JOURNAL_MAX)
		return POD_E_NOT_FOUND;
	uint8_t *file = a->alloc(a, (size_t)node.size_bytes);
	if (!file)
		return POD_E_NOMEM;
	enum pod_status st = pod_fs_read(esp, &node, 0, file, (size_t)node.size_bytes);
	if (st == POD_OK)
		st = pod_ntfs_journal_parse(j, file, (size_t)node.size_bytes, volume, id, a);
	if (st != POD_OK) {
		pod_free(a, file);
		return st;
	}
	j->file = file;
	return POD_OK;
}

void pod_ntfs_journal_close(struct pod_ntfs_journal *j)
{
	if (j->alloc) {
		pod_free(j->alloc, j->v);
		pod_free(j->alloc, j->file);
	}
	*j = (struct pod_ntfs_journal){0};
}

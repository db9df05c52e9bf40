/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/stick/esp.h"
#include "cli/stick/ntfs_journal.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define NAME	     "NTFS.JNL" /* in the folder ISOPOD */
#define HEADER	     POD_NTFS_JOURNAL_HEADER
#define BLOCK_HEADER POD_NTFS_JOURNAL_BLOCK

_Static_assert(NTFS_PHASES == POD_NTFS_JOURNAL_PHASES, "phases");

void ntfs_blocks_add(struct ntfs_blocks *b, uint64_t off_bytes, uint32_t len, uint32_t phase, const void *before,
		     const void *after)
{
	struct ntfs_block *e;

	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 64;
		b->v = cli_xrealloc(b->v, b->cap, sizeof *b->v);
	}
	e = &b->v[b->n++];
	*e = (struct ntfs_block){off_bytes, len, phase, cli_xmalloc(len), cli_xmalloc(len)};
	memcpy(e->before, before, len);
	memcpy(e->after, after, len);
}

void ntfs_blocks_free(struct ntfs_blocks *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->v[i].before);
		free(b->v[i].after);
	}
	free(b->v);
	memset(b, 0, sizeof *b);
}

/* --- the file ------------------------------------------------------------------------------------------- */

static uint8_t *pack(const struct pod_ntfs_volume_id *id, const struct ntfs_blocks *b, size_t *len)
{
	uint8_t *all, *p;

	*len = HEADER;
	for (size_t i = 0; i < b->n; i++)
		*len += BLOCK_HEADER + 2 * (size_t)b->v[i].len;
	all = cli_xzalloc(*len);
	p = all + HEADER;
	for (size_t i = 0; i < b->n; i++) {
		const struct ntfs_block *e = &b->v[i];

		pod_put_le64(p, e->off_bytes);
		pod_put_le32(p + 8, e->len);
		pod_put_le32(p + 12, e->phase);
		memcpy(p + BLOCK_HEADER, e->before, e->len);
		memcpy(p + BLOCK_HEADER + e->len, e->after, e->len);
		p += BLOCK_HEADER + 2 * (size_t)e->len;
	}
	memcpy(all, POD_NTFS_JOURNAL_MAGIC, 8);
	pod_put_le32(all + 8, 1);
	pod_put_le32(all + 12, (uint32_t)b->n);
	pod_put_le64(all + 16, id->start_bytes);
	pod_put_le64(all + 24, id->length_bytes);
	pod_put_le32(all + 32, id->serial);
	pod_put_le32(all + 36, pod_crc32(0, all + HEADER, *len - HEADER));
	pod_put_le64(all + 40, *len - HEADER);
	return all;
}

enum pod_status ntfs_journal_save(struct pod_dev *esp, const struct pod_ntfs_volume_id *id, const struct ntfs_blocks *b)
{
	size_t len;
	uint8_t *all = pack(id, b, &len);
	enum pod_status st = len > POD_NTFS_JOURNAL_MAX || b->n > POD_NTFS_JOURNAL_BLOCKS
				     ? POD_E_LIMIT
				     : cli_esp_put(esp, NAME, all, (uint32_t)len, (int64_t)time(NULL), NULL);

	free(all);
	return st;
}

enum pod_status ntfs_journal_apply(struct pod_dev *volume, const struct ntfs_blocks *b)
{
	for (uint32_t phase = 0; phase < NTFS_PHASES; phase++) {
		bool any = false;

		for (size_t i = 0; i < b->n; i++) {
			if (b->v[i].phase != phase)
				continue;
			POD_TRY(pod_dev_write(volume, b->v[i].off_bytes, b->v[i].after, b->v[i].len));
			any = true;
		}
		if (any)
			POD_TRY(pod_dev_flush(volume));
	}
	return POD_OK;
}

enum pod_status ntfs_journal_resume(const struct pod_ntfs_journal *j)
{
	struct ntfs_blocks b = {0};
	enum pod_status st;

	for (size_t i = 0; i < j->n; i++)
		ntfs_blocks_add(&b, j->v[i].off_bytes, j->v[i].len, j->v[i].phase, j->v[i].before, j->v[i].after);
	st = ntfs_journal_apply(j->volume, &b);
	ntfs_blocks_free(&b);
	return st;
}

enum pod_status ntfs_journal_clear(struct pod_dev *esp)
{
	static const uint8_t nothing[POD_NTFS_JOURNAL_UNIT];

	return cli_esp_put(esp, NAME, nothing, sizeof nothing, (int64_t)time(NULL), NULL);
}

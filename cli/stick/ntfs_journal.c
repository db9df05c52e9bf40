/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/stick/esp.h"
#include "cli/stick/ntfs_journal.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define NAME	     "NTFS.JNL"
#define PATH	     "ISOPOD/" NAME
#define MAGIC	     "ISOPODNJ"
#define HEADER	     48u
#define BLOCK_HEADER 16u
#define LENGTH_MAX   (32u << 20) /* a file of some 450 GiB: most of it is the bitmap, before and after */
#define BLOCKS_MAX   4096u
#define UNIT	     512u

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

static uint8_t *pack(const struct ntfs_volume_id *id, const struct ntfs_blocks *b, size_t *len)
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
	memcpy(all, MAGIC, 8);
	pod_put_le32(all + 8, 1);
	pod_put_le32(all + 12, (uint32_t)b->n);
	pod_put_le64(all + 16, id->start_bytes);
	pod_put_le64(all + 24, id->length_bytes);
	pod_put_le32(all + 32, id->serial);
	pod_put_le32(all + 36, pod_crc32(0, all + HEADER, *len - HEADER));
	pod_put_le64(all + 40, *len - HEADER);
	return all;
}

static bool unpack(const uint8_t *p, size_t len, uint64_t volume_bytes, struct ntfs_blocks *out)
{
	while (len) {
		uint64_t off;
		uint32_t n, phase;

		if (len < BLOCK_HEADER)
			return false;
		off = pod_get_le64(p);
		n = pod_get_le32(p + 8);
		phase = pod_get_le32(p + 12);
		p += BLOCK_HEADER;
		len -= BLOCK_HEADER;
		if (out->n == BLOCKS_MAX || !n || n % UNIT || off % UNIT || n > len / 2 || phase >= NTFS_PHASES ||
		    !pod_in_range(off, n, volume_bytes))
			return false;
		ntfs_blocks_add(out, off, n, phase, p, p + n);
		p += 2 * (size_t)n;
		len -= 2 * (size_t)n;
	}
	return true;
}

/* The same sector may be written twice, by a bitmap's two phases: what it was, in between, and what it will be are all ours. */
static bool is_ours(const struct ntfs_blocks *b, uint64_t off, const uint8_t *now)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct ntfs_block *e = &b->v[i];

		if (off < e->off_bytes || off - e->off_bytes >= e->len)
			continue;
		if (memcmp(now, e->before + (off - e->off_bytes), UNIT) == 0 ||
		    memcmp(now, e->after + (off - e->off_bytes), UNIT) == 0)
			return true;
	}
	return false;
}

/* Is every sector as it was, or as it will be? */
static enum pod_status check(struct pod_dev *volume, const struct ntfs_blocks *b)
{
	for (size_t i = 0; i < b->n; i++)
		for (uint32_t at = 0; at < b->v[i].len; at += UNIT) {
			uint8_t now[UNIT];

			POD_TRY(pod_dev_read(volume, b->v[i].off_bytes + at, now, sizeof now));
			if (!is_ours(b, b->v[i].off_bytes + at, now))
				return POD_E_CHANGED;
		}
	return POD_OK;
}

static bool is_for(const uint8_t *p, size_t len, const struct ntfs_volume_id *id)
{
	return len >= HEADER && memcmp(p, MAGIC, 8) == 0 && pod_get_le32(p + 8) == 1 && pod_get_le64(p + 16) == id->start_bytes &&
	       pod_get_le64(p + 24) == id->length_bytes && pod_get_le32(p + 32) == id->serial &&
	       pod_get_le64(p + 40) == len - HEADER && pod_get_le32(p + 36) == pod_crc32(0, p + HEADER, len - HEADER);
}

enum pod_status ntfs_journal_parse(const uint8_t *p, size_t len, struct pod_dev *volume, const struct ntfs_volume_id *id,
				   struct ntfs_blocks *out)
{
	enum pod_status st = POD_E_NOT_FOUND;

	memset(out, 0, sizeof *out);
	if (is_for(p, len, id) && unpack(p + HEADER, len - HEADER, id->length_bytes, out))
		st = check(volume, out);
	if (st != POD_OK)
		ntfs_blocks_free(out);
	return st;
}

enum pod_status ntfs_journal_load(struct pod_fs *esp, struct pod_dev *volume, const struct ntfs_volume_id *id,
				  struct ntfs_blocks *out)
{
	struct pod_dirent *scratch;
	struct pod_node node;
	uint8_t *p;
	enum pod_status st;

	memset(out, 0, sizeof *out);
	if (!esp->ops)
		return POD_E_NOT_FOUND;
	scratch = cli_xmalloc(sizeof *scratch);
	st = pod_fs_lookup(esp, PATH, &node, scratch);
	free(scratch);
	if (st != POD_OK || node.is_dir || node.size_bytes < HEADER || node.size_bytes > LENGTH_MAX)
		return POD_E_NOT_FOUND;
	p = cli_xmalloc((size_t)node.size_bytes);
	st = pod_fs_read(esp, &node, 0, p, (size_t)node.size_bytes);
	if (st == POD_OK)
		st = ntfs_journal_parse(p, (size_t)node.size_bytes, volume, id, out);
	free(p);
	return st;
}

enum pod_status ntfs_journal_save(struct pod_dev *esp, const struct ntfs_volume_id *id, const struct ntfs_blocks *b)
{
	size_t len;
	uint8_t *all = pack(id, b, &len);
	enum pod_status st = len > LENGTH_MAX || b->n > BLOCKS_MAX
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

enum pod_status ntfs_journal_clear(struct pod_dev *esp)
{
	static const uint8_t nothing[UNIT];

	return cli_esp_put(esp, NAME, nothing, sizeof nothing, (int64_t)time(NULL), NULL);
}

static enum pod_status ahead_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct ntfs_ahead *a = d->ctx;

	POD_TRY(pod_dev_read(a->volume, off, buf, len));
	/* in the order in which they will be written */
	for (uint32_t phase = 0; phase < NTFS_PHASES; phase++)
		for (size_t i = 0; i < a->blocks.n; i++) {
			const struct ntfs_block *b = &a->blocks.v[i];
			uint64_t from = b->off_bytes > off ? b->off_bytes : off;
			uint64_t to = pod_min_u64(b->off_bytes + b->len, off + len);

			if (b->phase == phase && from < to)
				memcpy((uint8_t *)buf + (from - off), b->after + (from - b->off_bytes), (size_t)(to - from));
		}
	return POD_OK;
}

void ntfs_ahead_init(struct ntfs_ahead *a, struct pod_dev *volume)
{
	a->volume = volume;
	a->dev = *volume;
	a->dev.read_only = true;
	a->dev.read = ahead_read;
	a->dev.write = NULL;
	a->dev.flush = NULL;
	a->dev.ctx = a;
}

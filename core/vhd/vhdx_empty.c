/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child made empty where it lies: it shows again what its parent shows. Nothing but the log, the table of blocks and the headers is
 * written, whatever the file's length.
 *
 * A log entry with one "zero" descriptor ([MS-VHDX] 2.3.1.2) over the whole table, flushed; then a header that names the log: that
 * header is the step. Before it nobody looks at the entry; from then on whoever opens the file replays it. Behind that the table is
 * cleared in place, and the headers say that the log is empty.
 */
#include "core/base/sha1.h"
#include "core/vhd/vhdx_int.h"

enum { ZERO_AT = 64 };

/* An identifier that nobody had: made from those that the file has now, which each change changes. */
static void next_guid(const struct pod_vhdx *x, uint8_t which, uint8_t out[16])
{
	struct pod_sha1 s;
	uint8_t digest[POD_SHA1_LEN], number[9] = {which};
	pod_put_le64(number + 1, x->sequence);
	pod_sha1_init(&s);
	pod_sha1_update(&s, x->file_write_guid, 16);
	pod_sha1_update(&s, x->data_write_guid, 16);
	pod_sha1_update(&s, x->disk_id, 16);
	pod_sha1_update(&s, number, sizeof number);
	pod_sha1_final(&s, digest);
	memcpy(out, digest, 16);
	out[7] = (uint8_t)((out[7] & 0x0f) | 0x40); /* version 4, variant 1 */
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

static enum pod_status write_entry(struct pod_vhdx *x, const uint8_t log_guid[16], uint8_t *page)
{
	memset(page, 0, VHDX_PAGE);
	memcpy(page, "loge", 4);
	pod_put_le32(page + 8, VHDX_PAGE);
	pod_put_le64(page + 16, 1);
	pod_put_le32(page + 24, 1);
	memcpy(page + 32, log_guid, 16);
	pod_put_le64(page + 48, x->file->dev->size_bytes);
	pod_put_le64(page + 56, x->file->dev->size_bytes);
	memcpy(page + ZERO_AT, "zero", 4);
	pod_put_le64(page + ZERO_AT + 8, x->bat_len);
	pod_put_le64(page + ZERO_AT + 16, x->bat_off);
	pod_put_le64(page + ZERO_AT + 24, 1);
	pod_put_le32(page + 4, vhdx_checksum(page, VHDX_PAGE));
	POD_TRY(pod_dev_write(x->file->dev, x->log_off, page, VHDX_PAGE));
	return pod_dev_flush(x->file->dev);
}

static enum pod_status clear_table(struct pod_vhdx *x, uint8_t *zeros, size_t len)
{
	memset(zeros, 0, len);
	for (uint64_t at = 0; at < x->bat_len; at += len)
		POD_TRY(pod_dev_write(x->file->dev, x->bat_off + at, zeros, (size_t)pod_min_u64(len, x->bat_len - at)));
	return pod_dev_flush(x->file->dev);
}

static enum pod_status empty(struct pod_vhdx *x, const uint8_t data_guid[16], uint8_t *buf, size_t len)
{
	uint8_t log_guid[16];
	if (x->log_replayed)
		POD_TRY(vhdx_log_replay(x));
	next_guid(x, 1, log_guid);
	POD_TRY(write_entry(x, log_guid, buf));
	next_guid(x, 2, x->data_write_guid);
	next_guid(x, 3, x->file_write_guid);
	memcpy(x->log_guid, log_guid, 16);
	POD_TRY(vhdx_header_write(x));
	POD_TRY(clear_table(x, buf, len));
	/* It has the content again that it had when it was called so. Twice, so that neither header names the log. */
	memcpy(x->data_write_guid, data_guid, 16);
	memset(x->log_guid, 0, 16);
	POD_TRY(vhdx_header_write(x));
	return vhdx_header_write(x);
}

/* The blocks' place behind the regions is given back, if the file can get shorter and has no regions that are not ours. */
static enum pod_status give_back(struct pod_vhdx *x, uint8_t *buf)
{
	const uint64_t end[3] = {x->log_off + x->log_len, x->bat_off + x->bat_len, x->meta_off + x->meta_len};
	uint64_t last = 0;
	for (int i = 0; i < 3; i++)
		last = end[i] > last ? end[i] : last;
	if (!x->file->resize || last >= x->file->dev->size_bytes)
		return POD_OK;
	POD_TRY(pod_dev_read(x->file->dev, VHDX_REGION_OFF(x->region_ok[0] ? 0 : 1), buf, 16));
	if (pod_get_le32(buf + 8) != 2)
		return POD_OK;
	POD_TRY(pod_vfile_resize(x->file, last));
	return pod_dev_flush(x->file->dev);
}

enum pod_status pod_vhdx_empty(struct pod_vfile *file, struct pod_alloc *a, const uint8_t data_guid[16], struct pod_diag *diag)
{
	const struct pod_vhdx_options opt = {.cache_pages = 1};
	const size_t len = VHDX_REGION_LEN;
	struct pod_vhdx x;
	if (file->dev->read_only || !file->dev->write)
		return POD_E_READONLY;
	POD_TRY(pod_vhdx_open(&x, file, a, &opt, diag));
	uint8_t *buf = a->alloc(a, len);
	enum pod_status st = buf ? POD_OK : POD_E_NOMEM;
	if (st == POD_OK && !x.has_parent)
		st = POD_E_INVALID;
	if (st == POD_OK && memcmp(x.data_write_guid, data_guid, 16) != 0)
		st = empty(&x, data_guid, buf, len);
	if (st == POD_OK)
		st = give_back(&x, buf);
	pod_free(a, buf);
	enum pod_status closed = pod_vhdx_close(&x);
	return st == POD_OK ? closed : st;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child made empty where it lies: it shows again what its parent shows, or what another parent does. Nothing but the log, the table of
 * blocks, the headers, and for another parent a few pages of metadata, is written, whatever the file's length.
 *
 * A log entry with one "zero" descriptor ([MS-VHDX] 2.3.1.2) over the whole table, and one for each page of metadata, flushed; then a
 * header that names the log: that header is the step. Before it nobody looks at the entry; from then on whoever opens the file replays it.
 * Behind that the same is done in place, and the headers say that the log is empty.
 */
#include "core/base/sha1.h"
#include "core/vhd/vhdx_int.h"

enum { PAGES_MAX = VHDX_REGION_LEN / VHDX_PAGE - 1 };

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

/* `buf`: VHDX_REGION_LEN bytes. */
static enum pod_status write_entry(struct pod_vhdx *x, const uint8_t log_guid[16], uint8_t *buf)
{
	const struct pod_pages *p = &x->pages;
	if (p->dirty > PAGES_MAX)
		return POD_E_LIMIT;
	const struct vhdx_log_head head = {.guid = log_guid, .sequence = 1, .empties_table = true};
	uint32_t len = vhdx_log_build(x, &head, buf);
	POD_TRY(pod_dev_write(x->file->dev, x->log_off, buf, len));
	return pod_dev_flush(x->file->dev);
}

/* What the entry says, in place. */
static enum pod_status carry_out(struct pod_vhdx *x, uint8_t *zeros, size_t len)
{
	struct pod_pages *p = &x->pages;
	memset(zeros, 0, len);
	for (uint64_t at = 0; at < x->bat_len; at += len)
		POD_TRY(pod_dev_write(x->file->dev, x->bat_off + at, zeros, (size_t)pod_min_u64(len, x->bat_len - at)));
	for (size_t i = 0; i < p->dirty; i++)
		POD_TRY(pod_dev_write(x->file->dev, p->dirty_no[i] << VHDX_PAGE_SHIFT, p->dirty_data + (i << VHDX_PAGE_SHIFT),
				      VHDX_PAGE));
	return pod_dev_flush(x->file->dev);
}

static enum pod_status empty(struct pod_vhdx *x, const uint8_t data_guid[16], uint8_t *buf, size_t len)
{
	uint8_t log_guid[16];
	next_guid(x, 1, log_guid);
	POD_TRY(write_entry(x, log_guid, buf));
	next_guid(x, 2, x->data_write_guid);
	next_guid(x, 3, x->file_write_guid);
	memcpy(x->log_guid, log_guid, 16);
	POD_TRY(vhdx_header_write(x));
	POD_TRY(carry_out(x, buf, len));
	/* It has the content again that it had when it was called so. Twice, so that neither header names the log. */
	memcpy(x->data_write_guid, data_guid, 16);
	memset(x->log_guid, 0, 16);
	POD_TRY(vhdx_header_write(x));
	return vhdx_header_write(x);
}

/* The log is empty from now on. */
static enum pod_status begin(struct pod_vhdx *x)
{
	if (x->log_replayed)
		POD_TRY(vhdx_log_replay(x));
	x->pages.dev = x->dev;
	return POD_OK;
}

/* The pages of metadata that say so. */
static enum pod_status name_parent(struct pod_vhdx *x, const struct pod_parent_spec *parent, uint64_t size)
{
	uint32_t sector = 1u << x->sector_shift;
	if (!size || size > POD_VHDX_SIZE_MAX || size & (sector - 1))
		return POD_E_INVALID;
	if (pod_vhdx_bat_entries(size, x->block_shift, x->chunk_shift, true) > x->bat_len / 8)
		return POD_E_NOSPACE;
	POD_TRY(pod_pages_make_writable(&x->pages));
	POD_TRY(vhdx_locator_put(x, parent));
	return size == x->size_bytes ? POD_OK : vhdx_size_put(x, size);
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
	POD_TRY(pod_dev_read(x->file->dev, VHDX_REGION_OFF(x->region), buf, 16));
	if (pod_get_le32(buf + 8) != 2)
		return POD_OK;
	POD_TRY(pod_vfile_resize(x->file, last));
	return pod_dev_flush(x->file->dev);
}

/* `onto`: NULL, or its parent from then on. */
static enum pod_status run(struct pod_vhdx *x, const struct pod_parent_spec *onto, uint64_t size, uint8_t guid[16], uint8_t *buf)
{
	if (!x->has_parent)
		return POD_E_INVALID;
	if (!onto && memcmp(x->data_write_guid, guid, 16) == 0)
		return give_back(x, buf);
	POD_TRY(begin(x));
	if (onto) {
		POD_TRY(name_parent(x, onto, size));
		next_guid(x, 4, guid);
	}
	POD_TRY(empty(x, guid, buf, VHDX_REGION_LEN));
	return give_back(x, buf);
}

static enum pod_status open_and_run(struct pod_vfile *file, struct pod_alloc *a, const struct pod_parent_spec *onto,
				    uint64_t size, uint8_t guid[16], struct pod_diag *diag)
{
	const struct pod_vhdx_options opt = {.cache_pages = 1};
	struct pod_vhdx x;
	if (file->dev->read_only || !file->dev->write)
		return POD_E_READONLY;
	POD_TRY(pod_vhdx_open(&x, file, a, &opt, diag));
	uint8_t *buf = a->alloc(a, VHDX_REGION_LEN);
	enum pod_status st = buf ? run(&x, onto, size, guid, buf) : POD_E_NOMEM;
	pod_free(a, buf);
	enum pod_status closed = pod_vhdx_close(&x);
	return st == POD_OK ? closed : st;
}

enum pod_status pod_vhdx_settle(struct pod_vfile *file, struct pod_alloc *a, uint8_t data_guid[16], struct pod_diag *diag)
{
	const struct pod_vhdx_options opt = {.cache_pages = 1};
	struct pod_vhdx x;
	POD_TRY(pod_vhdx_open(&x, file, a, &opt, diag));
	enum pod_status st = POD_OK;
	if (x.log_replayed)
		st = file->dev->read_only || !file->dev->write ? POD_E_READONLY : vhdx_log_replay(&x);
	memcpy(data_guid, x.data_write_guid, 16);
	enum pod_status closed = pod_vhdx_close(&x);
	return st == POD_OK ? closed : st;
}

enum pod_status pod_vhdx_empty(struct pod_vfile *file, struct pod_alloc *a, const uint8_t data_guid[16], struct pod_diag *diag)
{
	uint8_t guid[16];
	memcpy(guid, data_guid, 16);
	return open_and_run(file, a, NULL, 0, guid, diag);
}

enum pod_status pod_vhdx_empty_onto(struct pod_vfile *file, struct pod_alloc *a, const struct pod_parent_spec *parent,
				    uint64_t size_bytes, uint8_t made[16], struct pod_diag *diag)
{
	return open_and_run(file, a, parent, size_bytes, made, diag);
}

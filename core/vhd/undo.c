/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that takes a merge back, little-endian (doc/FORMATS/undo.md). Its head, 64 bytes:
 *   +0 8 "PODUNDO1"  +8 4 CRC-32C of the head, this field taken as 0  +12 4 zeros  +16 8 length of the file
 *   +24 8 size of the parent's disk  +32 16 identifier of that disk  +48 16 zeros
 * then records of 24 bytes, up to the file's end:
 *   +0 8 where on the disk  +8 8 length  +16 4 what the parent's file said: 0 nothing (its own parent shows), 1 zeros, 2 data
 *   +20 4 CRC-32C of the 20 bytes before and of the data; then, for 2, the data: at most PIECE bytes of them
 */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/vhd/merge_int.h"
#include "core/vhd/undo.h"

#define HEAD   64u
#define RECORD 24u
#define PIECE  (1u << 20)
static const char magic[9] = "PODUNDO1";

struct record {
	uint64_t off, len;
	enum pod_run_kind kind;
	uint64_t file_off; /* DATA: where in the parent's file */
};

static void identify(const struct pod_member *l, uint8_t id[16])
{
	if (l->kind == POD_MEMBER_VHDX)
		memcpy(id, l->u.vhdx.disk_id, 16);
	else if (l->kind == POD_MEMBER_VHD)
		memcpy(id, l->u.vhd.id, 16);
	else
		memset(id, 0, 16);
}

static uint32_t head_sum(const uint8_t head[HEAD])
{
	return pod_crc32c_without(head, HEAD, 8);
}

/* --- writing -------------------------------------------------------------------------------------------- */

struct writer {
	struct pod_member *child, *parent;
	struct pod_dev *out; /* NULL: only counts */
	uint8_t *buf, *data; /* PIECE each */
	size_t fill;
	uint64_t at;	    /* behind everything so far */
	struct record held; /* a record without data that may get longer; len 0: none */
	pod_chain_progress *progress;
	void *ctx;
};

static enum pod_status drain(struct writer *w)
{
	size_t n = w->fill;
	w->fill = 0;
	return n && w->out ? pod_dev_write(w->out, w->at - n, w->buf, n) : POD_OK;
}

static enum pod_status put(struct writer *w, const uint8_t *p, size_t len)
{
	if (!w->out) {
		w->at += len;
		return POD_OK;
	}
	while (len) {
		size_t n = (size_t)pod_min_u64(len, PIECE - w->fill);
		memcpy(w->buf + w->fill, p, n);
		w->fill += n, w->at += n;
		p += n, len -= n;
		if (w->fill == PIECE)
			POD_TRY(drain(w));
	}
	return POD_OK;
}

static enum pod_status put_record(struct writer *w, const struct record *r)
{
	uint8_t h[RECORD] = {0};
	size_t data = r->kind == POD_RUN_DATA ? (size_t)r->len : 0;
	pod_put_le64(h, r->off);
	pod_put_le64(h + 8, r->len);
	pod_put_le32(h + 16, (uint32_t)r->kind);
	if (w->out) {
		if (data)
			POD_TRY(pod_dev_read(w->parent->dev, r->file_off, w->data, data));
		pod_put_le32(h + 20, pod_crc32c(pod_crc32c(0, h, 20), w->data, data));
	}
	POD_TRY(put(w, h, RECORD));
	return put(w, w->data, data);
}

static enum pod_status put_held(struct writer *w)
{
	struct record r = w->held;
	w->held.len = 0;
	return r.len ? put_record(w, &r) : POD_OK;
}

static enum pod_status put_run(struct writer *w, uint64_t off, const struct pod_run *run)
{
	struct record r = {.off = off, .kind = run->kind, .file_off = run->file_off};
	if (run->kind != POD_RUN_DATA) {
		if (!w->held.len || w->held.kind != run->kind || w->held.off + w->held.len != off) {
			POD_TRY(put_held(w));
			w->held = r;
		}
		w->held.len += run->len;
		return POD_OK;
	}
	POD_TRY(put_held(w));
	for (uint64_t done = 0; done < run->len; done += r.len) {
		r.off = off + done;
		r.file_off = run->file_off + done;
		r.len = pod_min_u64(PIECE, run->len - done);
		POD_TRY(put_record(w, &r));
	}
	return POD_OK;
}

/* What the parent's file says of a range that the child covers. Behind the parent's end there is nothing to keep. */
static enum pod_status put_range(struct writer *w, uint64_t off, uint64_t end)
{
	end = pod_min_u64(end, w->parent->size_bytes);
	while (off < end) {
		struct pod_run r;
		POD_TRY(pod_member_run(w->parent, off, end - off, &r));
		POD_TRY(put_run(w, off, &r));
		off += r.len;
	}
	return POD_OK;
}

static enum pod_status put_all(struct writer *w, uint64_t total)
{
	uint64_t size = w->child->size_bytes;
	uint8_t head[HEAD] = {0};
	memcpy(head, magic, 8);
	pod_put_le64(head + 16, total);
	pod_put_le64(head + 24, w->parent->size_bytes);
	identify(w->parent, head + 32);
	pod_put_le32(head + 8, head_sum(head));
	POD_TRY(put(w, head, HEAD));
	for (uint64_t off = 0; off < size;) {
		struct pod_run r;
		POD_TRY(pod_member_run(w->child, off, size - off, &r));
		if (r.kind != POD_RUN_PARENT)
			POD_TRY(put_range(w, off, off + r.len));
		off += r.len;
		if (w->progress)
			w->progress(w->ctx, off, size);
	}
	POD_TRY(put_held(w));
	return drain(w);
}

enum pod_status pod_undo_measure(struct pod_member *child, struct pod_member *parent, uint64_t *bytes)
{
	struct writer w = {.child = child, .parent = parent};
	*bytes = 0;
	POD_TRY(put_all(&w, 0));
	*bytes = w.at;
	return POD_OK;
}

enum pod_status pod_undo_write(struct pod_member *child, struct pod_member *parent, struct pod_vfile *file, struct pod_alloc *a,
			       pod_chain_progress *progress, void *ctx)
{
	struct writer w = {.child = child, .parent = parent, .out = file->dev, .progress = progress, .ctx = ctx};
	uint64_t total;
	POD_TRY(pod_undo_measure(child, parent, &total));
	POD_TRY(pod_vfile_resize(file, total));
	w.buf = a->alloc(a, PIECE);
	w.data = a->alloc(a, PIECE);
	enum pod_status st = w.buf && w.data ? put_all(&w, total) : POD_E_NOMEM;
	pod_free(a, w.data);
	pod_free(a, w.buf);
	return st;
}

/* --- reading -------------------------------------------------------------------------------------------- */

struct reader {
	struct pod_dev *dev;
	struct pod_member *child;
	struct pod_chain *chain;
	uint8_t *data;	    /* PIECE: of a record, then of what a parent shows */
	uint64_t at, total; /* in the file */
	uint64_t size;	    /* of the disk */
	pod_chain_progress *progress;
	void *ctx;
};

static enum pod_status bad(struct pod_diag *diag, const struct reader *r, const char *what)
{
	return pod_fail(diag, POD_E_CORRUPT, what, r->at, 0, 1);
}

static enum pod_status read_head(struct reader *r, struct pod_diag *diag)
{
	const struct pod_member *top = r->chain->member[0];
	uint8_t head[HEAD], id[16];
	if (r->dev->size_bytes < HEAD)
		return pod_fail(diag, POD_E_FORMAT, "magic of the undo file", 0, HEAD, r->dev->size_bytes);
	POD_TRY(pod_dev_read(r->dev, 0, head, HEAD));
	if (memcmp(head, magic, 8) != 0)
		return pod_fail(diag, POD_E_FORMAT, "magic of the undo file", 0, 1, 0);
	r->total = pod_get_le64(head + 16);
	r->size = pod_get_le64(head + 24);
	identify(top, id);
	if (pod_get_le32(head + 8) != head_sum(head))
		return bad(diag, r, "checksum of the undo file");
	if (r->total < HEAD || r->total > r->dev->size_bytes)
		return bad(diag, r, "length of the undo file");
	if (memcmp(id, head + 32, 16) != 0 || !r->size || r->size > top->size_bytes || r->size & (top->sector_size - 1))
		return bad(diag, r, "disk of the undo file");
	r->at = HEAD;
	return POD_OK;
}

/* The next record, its data in r->data. POD_END: there are no more. */
static enum pod_status next(struct reader *r, struct record *out, struct pod_diag *diag)
{
	uint8_t h[RECORD];
	if (r->at == r->total)
		return POD_END;
	if (r->total - r->at < RECORD)
		return bad(diag, r, "record of the undo file");
	POD_TRY(pod_dev_read(r->dev, r->at, h, RECORD));
	uint32_t kind = pod_get_le32(h + 16), align = r->chain->member[0]->sector_size - 1;
	*out = (struct record){.off = pod_get_le64(h), .len = pod_get_le64(h + 8), .kind = (enum pod_run_kind)(kind & 3)};
	size_t data = kind == POD_RUN_DATA ? (size_t)pod_min_u64(out->len, PIECE) : 0;
	if (kind > POD_RUN_DATA || !out->len || (out->off | out->len) & align || !pod_in_range(out->off, out->len, r->size) ||
	    (data && data != out->len) || data > r->total - r->at - RECORD)
		return bad(diag, r, "record of the undo file");
	if (data)
		POD_TRY(pod_dev_read(r->dev, r->at + RECORD, r->data, data));
	if (pod_crc32c(pod_crc32c(0, h, 20), r->data, data) != pod_get_le32(h + 20))
		return bad(diag, r, "checksum of a record");
	r->at += RECORD + data;
	return POD_OK;
}

/* What the child leaves to its parent was not changed by the merge, and is read through the child. */
static enum pod_status covered(struct reader *r, const struct record *rec, struct pod_diag *diag)
{
	uint64_t end = rec->off + rec->len;
	for (uint64_t off = rec->off; off < end;) {
		struct pod_run run;
		if (off >= r->child->size_bytes)
			return bad(diag, r, "range of a record");
		POD_TRY(pod_member_run(r->child, off, pod_min_u64(end, r->child->size_bytes) - off, &run));
		if (run.kind == POD_RUN_PARENT)
			return bad(diag, r, "range of a record");
		off += run.len;
	}
	return POD_OK;
}

/* Nothing is changed by a file that turns out to be damaged in the middle. */
static enum pod_status check_all(struct reader *r, struct pod_diag *diag)
{
	struct record rec;
	enum pod_status st = read_head(r, diag);
	while (st == POD_OK) {
		st = next(r, &rec, diag);
		if (st == POD_OK)
			st = covered(r, &rec, diag);
	}
	r->at = HEAD;
	return st == POD_END ? POD_OK : st;
}

/* A range that was the parent's to show: what the merge put over it becomes what the parent shows. */
static enum pod_status restore_parent(struct reader *r, uint64_t off, uint64_t len)
{
	struct pod_chain *c = r->chain;
	while (len) {
		struct pod_run now;
		struct pod_chain_run below;
		POD_TRY(pod_member_run(c->member[0], off, len, &now));
		uint64_t n = now.len;
		if (now.kind != POD_RUN_PARENT) {
			POD_TRY(pod_chain_run_below(c, 1, off, n, &below));
			n = below.len;
			if (below.kind == POD_RUN_ZERO) {
				POD_TRY(pod_member_trim(c->member[0], off, n));
			} else {
				n = pod_min_u64(n, PIECE);
				POD_TRY(pod_dev_read(c->member[below.member]->dev, below.file_off, r->data, (size_t)n));
				POD_TRY(pod_member_write(c->member[0], off, r->data, (size_t)n));
			}
		}
		off += n, len -= n;
	}
	return POD_OK;
}

static enum pod_status restore(struct reader *r, const struct record *rec)
{
	struct pod_member *top = r->chain->member[0];
	switch (rec->kind) {
	case POD_RUN_DATA:
		return pod_member_write(top, rec->off, r->data, (size_t)rec->len);
	case POD_RUN_ZERO:
		return pod_member_trim(top, rec->off, rec->len);
	default:
		return restore_parent(r, rec->off, rec->len);
	}
}

static enum pod_status restore_all(struct reader *r, struct pod_diag *diag)
{
	struct pod_member *top = r->chain->member[0];
	struct record rec;
	enum pod_status st;
	while ((st = next(r, &rec, diag)) == POD_OK) {
		POD_TRY(restore(r, &rec));
		if (r->progress)
			r->progress(r->ctx, r->at, r->total);
	}
	if (st != POD_END)
		return st;
	if (top->kind == POD_MEMBER_VHDX && r->size < top->size_bytes)
		POD_TRY(pod_vhdx_shrink(&top->u.vhdx, r->size));
	top->size_bytes = r->size;
	return pod_member_flush(top);
}

enum pod_status pod_undo_apply(struct pod_member *child, struct pod_chain *parent, struct pod_dev *undo,
			       const struct pod_vhd_env *env, pod_chain_progress *progress, void *ctx, struct pod_diag *diag)
{
	struct reader r = {.dev = undo, .child = child, .chain = parent, .progress = progress, .ctx = ctx};
	struct pod_member *top = parent->member[0];
	r.data = parent->alloc->alloc(parent->alloc, PIECE);
	enum pod_status st = r.data ? check_all(&r, diag) : POD_E_NOMEM;
	if (st == POD_OK)
		st = pod_member_linked(child, top, diag);
	if (st == POD_OK)
		st = merge_announce(child, top, env);
	if (st == POD_OK)
		st = restore_all(&r, diag);
	if (st == POD_OK)
		st = merge_settle(child, top);
	pod_free(parent->alloc, r.data);
	return st;
}

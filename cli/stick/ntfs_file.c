/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file on NTFS that is there, and gets longer or shorter: what exfat_write.h does for exFAT. Its content is written to where it lies.
 * Clusters are set aside in memory and written to; one change to the file's record then makes them part of it.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/stick/ntfs.h"
#include "core/fs/ntfs.h"

#define EXTENTS_MAX 65536u

/* As many bytes as the clusters that a length takes. */
static uint64_t whole(const struct cli_ntfs *n, uint64_t bytes)
{
	return pod_align_up(bytes, n->t->data.cluster_size);
}

/* The pieces of its room between two lengths; `out` has place for as many as it has extents. */
static size_t cut(const struct pod_exfat_file *f, uint64_t from, uint64_t to, struct pod_extent *out)
{
	size_t n = 0;

	for (size_t i = 0; i < f->extents; i++) {
		const struct pod_extent *e = &f->extent[i];
		uint64_t a = e->file_bytes > from ? e->file_bytes : from, b = pod_min_u64(e->file_bytes + e->length_bytes, to);

		if (a < b)
			out[n++] = (struct pod_extent){.file_bytes = a,
						       .dev_bytes = e->hole ? 0 : e->dev_bytes + (a - e->file_bytes),
						       .length_bytes = b - a,
						       .hole = e->hole};
	}
	return n;
}

/* Appends a piece; file_bytes says where in the file. */
static enum pod_status add_extent(struct pod_extent **v, size_t *n, size_t *cap, struct pod_extent e)
{
	struct pod_extent *last = *n ? &(*v)[*n - 1] : NULL;

	if (last && last->hole == e.hole && last->file_bytes + last->length_bytes == e.file_bytes &&
	    (e.hole || last->dev_bytes + last->length_bytes == e.dev_bytes)) {
		last->length_bytes += e.length_bytes;
		return POD_OK;
	}
	if (*n == EXTENTS_MAX)
		return POD_E_LIMIT;
	if (*n == *cap) {
		*cap = *cap ? 2 * *cap : 16;
		*v = cli_xrealloc(*v, *cap, sizeof **v);
	}
	(*v)[(*n)++] = e;
	return POD_OK;
}

/* Clusters that are set aside for the file. */
static enum pod_status hold(struct cli_ntfs *n, const struct pod_exfat_new *more)
{
	if (n->helds + more->extents > EXTENTS_MAX)
		return POD_E_LIMIT;
	n->held = cli_xrealloc(n->held, n->helds + more->extents + 1, sizeof *n->held);
	for (size_t i = 0; i < more->extents; i++)
		n->held[n->helds++] = more->extent[i];
	return POD_OK;
}

struct taking {
	struct pod_exfat_file *f;
	uint64_t end;
};

static enum pod_status take_extent(void *ctx, const struct pod_extent *e)
{
	struct taking *t = ctx;

	struct pod_extent piece = *e;

	if (e->file_bytes >= t->end)
		return POD_OK;
	piece.length_bytes = pod_min_u64(e->length_bytes, t->end - e->file_bytes);
	t->f->room_bytes += piece.length_bytes;
	return add_extent(&t->f->extent, &t->f->extents, &t->f->cap, piece);
}

/* Clusters that it has beyond its length are left alone; the next change of its length frees them. */
enum pod_status cli_ntfs_file_open(struct cli_ntfs *n, const struct pod_node *node, struct pod_exfat_file *f)
{
	struct taking t = {f, whole(n, node->size_bytes)};
	enum pod_status st;

	*f = (struct pod_exfat_file){.size_bytes = node->size_bytes, .valid_bytes = node->valid_bytes};
	st = pod_ntfs_room(&n->t->data, node, take_extent, &t);
	if (st == POD_OK && f->room_bytes < f->size_bytes)
		st = POD_E_CORRUPT;
	if (st != POD_OK)
		cli_ntfs_file_close(n, f);
	return st;
}

/* One file at a time has clusters that the volume does not know of. */
static enum pod_status set_aside(struct cli_ntfs *n, const struct pod_exfat_file *f, uint64_t behind, uint64_t size,
				 struct pod_exfat_new *more)
{
	enum pod_status st;

	if (n->growing && n->growing != f)
		return POD_E_BUSY;
	n->growing = f;
	POD_TRY(cli_ntfs_reserve_behind(n, behind, size, POD_EXFAT_FRAGMENTS, more));
	st = hold(n, more);
	if (st != POD_OK) {
		free(more->extent);
		*more = (struct pod_exfat_new){0};
	}
	return st;
}

enum pod_status cli_ntfs_file_reserve(struct cli_ntfs *n, struct pod_exfat_file *f, uint64_t size_bytes)
{
	const struct pod_extent *last = f->extents ? &f->extent[f->extents - 1] : NULL;
	struct pod_exfat_new more;
	enum pod_status st = POD_OK;

	if (whole(n, size_bytes) <= f->room_bytes)
		return POD_OK;
	POD_TRY(set_aside(n, f, last && !last->hole ? last->dev_bytes + last->length_bytes : 0,
			  whole(n, size_bytes) - f->room_bytes, &more));
	for (size_t i = 0; i < more.extents && st == POD_OK; i++) {
		struct pod_extent e = more.extent[i];

		e.file_bytes = f->room_bytes;
		f->room_bytes += e.length_bytes;
		st = add_extent(&f->extent, &f->extents, &f->cap, e);
	}
	free(more.extent);
	return st;
}

static enum pod_status put_zeros(struct cli_ntfs *n, const struct pod_extent *e)
{
	static const uint8_t zeros[65536];

	for (uint64_t at = 0; at < e->length_bytes; at += sizeof zeros)
		POD_TRY(pod_dev_write(&n->t->data_win.dev, e->dev_bytes + at, zeros,
				      (size_t)pod_min_u64(sizeof zeros, e->length_bytes - at)));
	return POD_OK;
}

/* The hole between two offsets gives way to clusters of zeros. */
static enum pod_status fill_hole(struct cli_ntfs *n, struct pod_exfat_file *f, uint64_t from, uint64_t to)
{
	struct pod_extent *old = cli_xzalloc((f->extents + 1) * sizeof *old), *v = NULL;
	size_t count = cut(f, 0, from, old), have = 0, cap = 0;
	struct pod_exfat_new more = {0};
	enum pod_status st = set_aside(n, f, 0, to - from, &more);

	for (size_t i = 0; i < count && st == POD_OK; i++)
		st = add_extent(&v, &have, &cap, old[i]);
	for (size_t i = 0; i < more.extents && st == POD_OK; i++) {
		struct pod_extent e = more.extent[i];

		e.file_bytes += from;
		st = put_zeros(n, &e);
		if (st == POD_OK)
			st = add_extent(&v, &have, &cap, e);
	}
	count = cut(f, to, f->room_bytes, old);
	for (size_t i = 0; i < count && st == POD_OK; i++)
		st = add_extent(&v, &have, &cap, old[i]);
	free(more.extent);
	free(old);
	if (st != POD_OK) {
		free(v);
		return st;
	}
	free(f->extent);
	f->extent = v;
	f->extents = have;
	f->cap = cap;
	return POD_OK;
}

enum pod_status cli_ntfs_file_fill(struct cli_ntfs *n, struct pod_exfat_file *f, uint64_t off_bytes, uint64_t len_bytes)
{
	uint64_t from = off_bytes - off_bytes % n->t->data.cluster_size, to = whole(n, off_bytes + len_bytes);

	for (size_t i = 0; i < f->extents; i++) {
		const struct pod_extent *e = &f->extent[i];
		uint64_t a = e->file_bytes > from ? e->file_bytes : from, b = pod_min_u64(e->file_bytes + e->length_bytes, to);

		if (!e->hole || a >= b)
			continue;
		POD_TRY(fill_hole(n, f, a, b));
		i = 0; /* the list is another one; what was filled is no hole any more */
	}
	return POD_OK;
}

/* Nothing is set aside any more but what lies beyond its length. */
static void settle(struct cli_ntfs *n, const struct pod_exfat_file *f)
{
	n->held = cli_xrealloc(n->held, f->extents + 1, sizeof *n->held);
	n->helds = cut(f, whole(n, f->size_bytes), f->room_bytes, n->held);
	n->growing = n->helds ? f : NULL;
}

/* Its record says so. What was set aside beyond that stays so. */
static enum pod_status set_size(struct cli_ntfs *n, const char *path, struct pod_exfat_file *f, uint64_t size, uint64_t valid,
				struct fault *fault)
{
	struct pod_extent *e = cli_xzalloc((f->extents + 1) * sizeof *e), *held = n->held;
	struct ntfs_change c = {.kind = NTFS_EXTENTS, .path = path, .size_bytes = size, .valid_bytes = valid, .extent = e};
	size_t helds = n->helds;
	enum pod_status st = n->growing && n->growing != f ? POD_E_BUSY : POD_OK;

	c.extents = cut(f, 0, whole(n, size), e);
	if (st == POD_OK) {
		/* what becomes part of it is not kept from it */
		n->held = cli_xzalloc((f->extents + 1) * sizeof *n->held);
		n->helds = cut(f, whole(n, size > f->size_bytes ? size : f->size_bytes), f->room_bytes, n->held);
		st = cli_ntfs_change(n, &c, fault);
		free(n->held);
		n->held = held;
		n->helds = helds;
	}
	free(e);
	if (st != POD_OK)
		return st;
	f->size_bytes = size;
	f->valid_bytes = valid;
	settle(n, f);
	return POD_OK;
}

enum pod_status cli_ntfs_file_extend(struct cli_ntfs *n, const char *path, struct pod_exfat_file *f, uint64_t size_bytes,
				     uint64_t valid_bytes, struct fault *fault)
{
	if (size_bytes < f->size_bytes || valid_bytes < f->valid_bytes || valid_bytes > size_bytes || size_bytes > f->room_bytes)
		return POD_E_INVALID;
	return set_size(n, path, f, size_bytes, valid_bytes, fault);
}

enum pod_status cli_ntfs_file_truncate(struct cli_ntfs *n, const char *path, struct pod_exfat_file *f, uint64_t size_bytes,
				       struct fault *fault)
{
	struct pod_extent *e;
	enum pod_status st;

	if (size_bytes > f->size_bytes)
		return POD_E_INVALID;
	st = set_size(n, path, f, size_bytes, pod_min_u64(f->valid_bytes, size_bytes), fault);
	if (st != POD_OK)
		return st;
	e = cli_xzalloc((f->extents + 1) * sizeof *e);
	f->extents = f->cap = cut(f, 0, whole(n, size_bytes), e);
	free(f->extent);
	f->extent = e;
	f->room_bytes = whole(n, size_bytes);
	settle(n, f);
	return POD_OK;
}

void cli_ntfs_file_close(struct cli_ntfs *n, struct pod_exfat_file *f)
{
	if (n->growing == f) {
		n->growing = NULL;
		n->helds = 0;
	}
	free(f->extent);
	memset(f, 0, sizeof *f);
}

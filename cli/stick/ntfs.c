/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/stick/ntfs.h"
#include "core/fs/ntfs.h"

static struct pod_ntfs_volume_id id_of(const struct cli_target *t)
{
	return (struct pod_ntfs_volume_id){t->data_part->start_bytes, t->data_part->length_bytes, t->data.serial};
}

/* Nothing read before counts any more. */
static enum pod_status reopen(struct cli_target *t)
{
	pod_fs_close(&t->data);
	return pod_fs_open(&t->data, &t->data_win.dev, &cli_alloc, NULL);
}

/* --- opening -------------------------------------------------------------------------------------------- */

static enum pod_status finish(struct cli_target *t, struct fault *fault)
{
	if (t->journal == POD_OK) {
		POD_TRY(ntfs_journal_resume(&t->ahead));
		fault_warn(fault, _("%s: an earlier operation was interrupted; it was brought to its end"), t->file.path);
	} else if (t->journal == POD_E_CHANGED) {
		fault_warn(fault,
			   _("%s: an earlier operation was interrupted, and something else wrote to the volume since; let chkdsk "
			     "or ntfsfix look at it"),
			   t->file.path);
	} else {
		return POD_OK;
	}
	POD_TRY(ntfs_journal_clear(&t->esp_win.dev));
	t->journal = POD_E_NOT_FOUND;
	POD_TRY(reopen(t));
	pod_ntfs_journal_close(&t->ahead);
	return POD_OK;
}

#define OPEN_LOG                                                                                                                 \
	_("%s: the NTFS journal holds changes that are not finished: it was unplugged while in use; plug it into Windows and "   \
	  "let it eject the drive, or run chkdsk or ntfsfix")

static void warn_dirty(struct cli_target *t, struct fault *fault)
{
	fault_warn(fault, _("%s: the NTFS volume is marked for a check; run chkdsk or ntfsfix"), t->file.path);
}

void cli_ntfs_warn(struct cli_target *t, struct fault *fault)
{
	struct pod_ntfs_state s;

	if (t->data.ops != &pod_fs_ntfs || pod_ntfs_state(&t->data, &s) != POD_OK)
		return;
	if (s.log_open)
		fault_warn(fault, OPEN_LOG, t->file.path);
	else if (s.dirty)
		warn_dirty(t, fault);
}

static bool was_left_well(struct cli_target *t, struct fault *fault)
{
	struct pod_ntfs_state s = {0};
	enum pod_status st = pod_ntfs_state(&t->data, &s);

	if (st != POD_OK)
		fault_status(fault, t->file.path, _("cannot open the data partition for writing"), st, NULL);
	else if (s.log_open)
		fault_set(fault, OPEN_LOG, t->file.path);
	else if (s.dirty)
		warn_dirty(t, fault);
	return st == POD_OK && !s.log_open;
}

bool cli_ntfs_open(struct cli_ntfs *n, struct cli_target *t, struct fault *fault)
{
	const char *why = ntfs_call_missing();
	enum pod_status st;

	*n = (struct cli_ntfs){.t = t, .fd = -1};
	if (why) {
		fault_set(fault, _("%s: cannot write NTFS: %s"), t->file.path, why);
		return false;
	}
	if (!t->esp.ops) {
		fault_set(fault, _("%s: no readable ESP; 'isopod update' rewrites the ESP of an Isopod stick"), t->file.path);
		return false;
	}
	st = finish(t, fault);
	if (st != POD_OK) {
		fault_status(fault, t->file.path, _("cannot open the data partition for writing"), st, NULL);
		return false;
	}
	if (!was_left_well(t, fault))
		return false;
	n->fd = open(t->file.path, O_RDONLY | O_CLOEXEC);
	if (n->fd < 0)
		fault_status(fault, t->file.path, _("cannot open the data partition for writing"), POD_E_IO, NULL);
	return n->fd >= 0;
}

void cli_ntfs_close(struct cli_ntfs *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
	free(n->held);
	n->held = NULL;
	n->helds = 0;
}

/* --- changes -------------------------------------------------------------------------------------------- */

static enum pod_status carry_out(struct cli_ntfs *n, const struct ntfs_blocks *b)
{
	struct pod_ntfs_volume_id id = id_of(n->t);
	enum pod_status st;

	/* the data of a new file, before its name */
	POD_TRY(pod_dev_flush(&n->t->data_win.dev));
	st = ntfs_journal_save(&n->t->esp_win.dev, &id, b);
	if (st == POD_E_NOSPACE || st == POD_E_LIMIT)
		return st;
	if (st == POD_OK)
		st = ntfs_journal_apply(&n->t->data_win.dev, b);
	if (st == POD_OK)
		st = ntfs_journal_clear(&n->t->esp_win.dev);
	if (st == POD_OK)
		st = reopen(n->t);
	n->failed = st != POD_OK;
	return st;
}

enum pod_status cli_ntfs_change(struct cli_ntfs *n, const struct ntfs_change *c, struct fault *fault)
{
	struct ntfs_change with = *c;
	struct ntfs_blocks b;
	enum pod_status st;

	if (n->failed)
		return POD_E_IO;
	with.held = n->held;
	with.helds = n->helds;
	POD_TRY(ntfs_call(n->fd, n->t->data_part->start_bytes, n->t->data_win.dev.size_bytes, &with, &b, fault));
	st = b.n ? carry_out(n, &b) : POD_OK;
	ntfs_blocks_free(&b);
	return st;
}

/* --- free space ----------------------------------------------------------------------------------------- */

struct run {
	uint64_t at, len;
};
struct free_runs {
	struct run *v;
	size_t n, cap;
	uint64_t total, largest;
	const struct pod_extent *held; /* free to the volume, and taken all the same */
	size_t helds;
};

static void put_run(struct free_runs *f, uint64_t at, uint64_t len)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 256;
		f->v = cli_xrealloc(f->v, f->cap, sizeof *f->v);
	}
	f->v[f->n++] = (struct run){at, len};
	f->total += len;
	if (len > f->largest)
		f->largest = len;
}

/* What of it is not held. */
static enum pod_status take_run(void *ctx, uint64_t at, uint64_t len)
{
	struct free_runs *f = ctx;
	uint64_t end = at + len;

	while (at < end) {
		uint64_t from = end, to = end; /* of the first that is held from here on */

		for (size_t i = 0; i < f->helds; i++)
			if (f->held[i].dev_bytes < from && f->held[i].dev_bytes + f->held[i].length_bytes > at) {
				from = f->held[i].dev_bytes;
				to = from + f->held[i].length_bytes;
			}
		if (from > at)
			put_run(f, at, from - at);
		at = to;
	}
	return POD_OK;
}

void cli_ntfs_space(struct cli_target *t, struct pod_exfat_space *out)
{
	struct free_runs f = {0};

	(void)!pod_ntfs_free_runs(&t->data, take_run, &f);
	*out = (struct pod_exfat_space){t->data.total_bytes, f.total, f.largest};
	free(f.v);
}

/* The first place that is large enough, and not where $MFT is about to grow if there is another. */
static bool find_one(const struct free_runs *f, uint64_t need, uint64_t zone, uint64_t zone_end, uint64_t *out)
{
	for (size_t i = 0; i < f->n; i++) {
		struct run r = f->v[i];

		if (r.at < zone_end && r.at + r.len > zone_end && r.at >= zone) {
			r.len -= zone_end - r.at;
			r.at = zone_end;
		}
		if (r.len >= need && (r.at >= zone_end || r.at + need <= zone)) {
			*out = r.at;
			return true;
		}
	}
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].len >= need) {
			*out = f->v[i].at;
			return true;
		}
	return false;
}

static int longest_first(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return x->len < y->len ? 1 : x->len > y->len ? -1 : x->at < y->at ? -1 : x->at > y->at;
}

static void add_extent(struct pod_exfat_new *out, uint64_t at, uint64_t *left)
{
	struct pod_extent *e = &out->extent[out->extents];
	uint64_t done = out->size_bytes - *left;

	e->file_bytes = done;
	e->dev_bytes = at;
	e->length_bytes = pod_min_u64(e->length_bytes, *left);
	*left -= e->length_bytes;
	out->extents++;
}

/* Takes what is free from that place on. */
static void start_at(struct free_runs *f, uint64_t at, struct pod_exfat_new *out, uint64_t *left)
{
	for (size_t i = 0; i < f->n; i++) {
		struct run *r = &f->v[i];

		if (r->at != at)
			continue;
		out->extent[out->extents].length_bytes = r->len;
		add_extent(out, at, left);
		r->at += out->extent[0].length_bytes;
		r->len -= out->extent[0].length_bytes;
		return;
	}
}

enum pod_status cli_ntfs_reserve_behind(struct cli_ntfs *n, uint64_t dev_bytes, uint64_t size_bytes, uint32_t flags,
					struct pod_exfat_new *out)
{
	struct pod_fs *fs = &n->t->data;
	struct free_runs f = {.held = n->held, .helds = n->helds};
	uint64_t need = pod_align_up(size_bytes, fs->cluster_size), left = size_bytes, at, zone = pod_ntfs_mft_bytes(fs);
	enum pod_status st = pod_ntfs_free_runs(fs, take_run, &f);

	*out = (struct pod_exfat_new){.size_bytes = size_bytes, .flags = flags};
	if (st == POD_OK && f.total < need)
		st = POD_E_NOSPACE;
	if (st == POD_OK && size_bytes) {
		out->extent = cli_xzalloc((f.n + 2) * sizeof *out->extent);
		if (dev_bytes)
			start_at(&f, dev_bytes, out, &left);
		need = pod_align_up(left, fs->cluster_size);
		if (left && find_one(&f, need, zone, zone + fs->total_bytes / 8, &at)) {
			out->extent[out->extents].length_bytes = need;
			add_extent(out, at, &left);
		} else if (left && flags & POD_EXFAT_FRAGMENTS) {
			qsort(f.v, f.n, sizeof *f.v, longest_first);
			for (size_t i = 0; i < f.n && left; i++) {
				out->extent[out->extents].length_bytes = f.v[i].len;
				add_extent(out, f.v[i].at, &left);
			}
		} else if (left) {
			st = POD_E_NOSPACE;
		}
	}
	if (st != POD_OK) {
		free(out->extent);
		out->extent = NULL;
	}
	free(f.v);
	return st;
}

enum pod_status cli_ntfs_reserve(struct cli_ntfs *n, uint64_t size_bytes, uint32_t flags, struct pod_exfat_new *out)
{
	return cli_ntfs_reserve_behind(n, 0, size_bytes, flags, out);
}

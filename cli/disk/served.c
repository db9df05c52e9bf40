/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "cli/disk/served.h"

static enum pod_status zero(void *ctx, uint64_t off, uint64_t len)
{
	struct disk_served *s = ctx;

	return pod_chain_trim(s->chain, off, len);
}

/* Said at once, as a server runs for days: clients know what failed, the people in front of this one do not. */
static void failed(void *ctx, enum pod_status st)
{
	struct disk_served *s = ctx;
	struct fault now = {0};

	if (s->failures++)
		return;
	fault_status(&now, s->shown, _("a client's write failed"), st, NULL);
	fault_print(&now);
	fault_free(&now);
}

/* --- what is asked about it ----------------------------------------------------------------------------- */

/* Data in a file that has a hole there are zeros. *len: for how many bytes it is so, at most as many as it was. */
static bool in_hole(const struct cli_dev *d, uint64_t off, uint64_t *len)
{
	off_t data = d->is_block ? (off_t)off : lseek(d->fd, (off_t)off, SEEK_DATA);
	off_t end = data == (off_t)off ? lseek(d->fd, (off_t)off, SEEK_HOLE) : data;
	bool hole = data > (off_t)off;

	if (data < 0)
		return errno == ENXIO; /* nothing but a hole to the end */
	if (!d->is_block && end > (off_t)off)
		*len = pod_min_u64(*len, (uint64_t)end - off);
	return hole;
}

static enum pod_status allocation(struct disk_served *s, uint64_t off, uint64_t len, struct cli_nbd_extent *out)
{
	struct pod_chain_run r;
	const struct pod_member *m;

	POD_TRY(pod_chain_run(s->chain, off, len, &r));
	*out = (struct cli_nbd_extent){.len = r.len, .flags = CLI_NBD_HOLE | CLI_NBD_ZERO};
	if (r.kind == POD_RUN_ZERO)
		return POD_OK;
	m = s->chain->member[r.member];
	/* Only where the offset is one in the file itself. */
	if (m->dev != m->file->dev || !in_hole(&((const struct disk_file *)m->file)->dev, r.file_off, &out->len))
		out->flags = CLI_NBD_DATA;
	return POD_OK;
}

/* What is compressed, or in a log that was not replayed, only the chain can read. */
static unsigned locate(void *ctx, uint64_t off, size_t len, struct cli_nbd_piece *out, unsigned max)
{
	struct disk_served *s = ctx;
	unsigned n = 0;

	for (; len && n < max; n++) {
		struct pod_chain_run r;
		const struct pod_member *m;

		if (pod_chain_run(s->chain, off, len, &r) != POD_OK)
			return 0;
		m = s->chain->member[r.member];
		if (r.kind == POD_RUN_DATA && m->dev != m->file->dev)
			return 0;
		out[n] = (struct cli_nbd_piece){
			.dev = r.kind == POD_RUN_DATA ? m->dev : NULL, .off_bytes = r.file_off, .len = (size_t)r.len};
		off += r.len, len -= (size_t)r.len;
	}
	return n;
}

/* Context N tells of what is above the layer of height N - 1. */
static enum pod_status extent(void *ctx, unsigned context, uint64_t off, uint64_t len, struct cli_nbd_extent *out)
{
	struct disk_served *s = ctx;
	bool changed;

	if (!context)
		return allocation(s, off, len, out);
	if (context >= s->chain->depth)
		return POD_E_INVALID;
	POD_TRY(pod_chain_changed(s->chain, s->chain->depth - context, off, len, &changed, &out->len));
	out->flags = changed ? CLI_NBD_DIRTY : 0;
	return POD_OK;
}

static const char *since(void *ctx, unsigned n)
{
	const struct disk_served *s = ctx;

	return n < s->chain->depth ? s->name(s, n - 1) : NULL;
}

static const char *file_name(const struct disk_served *s, unsigned height)
{
	const struct disk_file *f = (const struct disk_file *)s->chain->member[s->chain->depth - 1 - height]->file;
	const char *slash = strrchr(f->dev.path, '/');

	return slash ? slash + 1 : f->dev.path;
}

/* --- */

void disk_served_begin(struct disk_served *s, struct pod_chain *chain, bool writable, const char *shown)
{
	pthread_rwlockattr_t attr;

	memset(s, 0, sizeof *s);
	/* Or readers that ask for the next piece before they have the last would keep a writer out. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&s->gate, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	s->chain = chain;
	s->shown = shown;
	s->name = file_name;
	s->ex = (struct cli_nbd_export){.dev = &chain->dev,
					.name = "disk",
					.description = "isopod virtual disk",
					.gate = &s->gate,
					.lock = &s->lock,
					.locate = locate,
					.zero = writable ? zero : NULL,
					.failed = failed,
					.extent = extent,
					.since = since,
					.ctx = s};
}

void disk_served_end(struct disk_served *s)
{
	pthread_rwlock_destroy(&s->gate);
	pthread_mutex_destroy(&s->lock);
}

void disk_served_warn(const struct disk_served *s, struct fault *fault)
{
	if (s->failures)
		fault_warn(fault,
			   _("%s: %llu writes of clients failed, and they were told so; all that was confirmed to them is on "
			     "the disk"),
			   s->shown, (unsigned long long)s->failures);
}

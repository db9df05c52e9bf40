/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/host/sandbox.h"
#include "cli/stick/ntfs_lib.h"

#define SECONDS_MAX 300u
#define ANSWER_MAX  (256ull << 20)
#define BLOCK_MAX   (16u << 20)

const char *ntfs_call_missing(void)
{
	return ntfs_lib_missing();
}

/* --- the volume, as the child reads it ------------------------------------------------------------------ */

struct view {
	struct pod_dev dev;
	int fd;
	uint64_t start;
};

static enum pod_status view_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	const struct view *v = d->ctx;
	uint8_t *p = buf;

	while (len) {
		ssize_t n = pread(v->fd, p, len, (off_t)(v->start + off));

		if (n <= 0)
			return POD_E_IO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return POD_OK;
}

/* --- the two sides of the walls ------------------------------------------------------------------------- */

/* Records: a block (offset, length, phase; before and after behind them), and the status, last. */
enum { BLOCK = 1, STATUS };

struct head {
	uint64_t off_bytes;
	uint32_t len, phase;
};

struct request {
	struct view view;
	const struct ntfs_change *change;
};

struct answer {
	struct ntfs_blocks *out;
	uint64_t volume_bytes;
	uint32_t status;
	bool done;
};

static void work(struct sandbox_child *c, void *ctx)
{
	struct request *q = ctx;
	struct ntfs_blocks blocks = {0};
	uint32_t status;

	q->view.dev.ctx = &q->view;
	status = (uint32_t)ntfs_lib_change(&q->view.dev, q->change, &blocks);
	for (size_t i = 0; i < blocks.n && status == POD_OK; i++) {
		const struct ntfs_block *b = &blocks.v[i];
		struct head h = {b->off_bytes, b->len, b->phase};
		uint8_t *all = cli_xmalloc(sizeof h + 2 * (size_t)b->len);

		memcpy(all, &h, sizeof h);
		memcpy(all + sizeof h, b->before, b->len);
		memcpy(all + sizeof h + b->len, b->after, b->len);
		sandbox_send(c, BLOCK, all, sizeof h + 2 * (size_t)b->len);
		free(all);
	}
	sandbox_send(c, STATUS, &status, sizeof status);
}

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct answer *a = ctx;
	struct head h;

	if (a->done)
		return false;
	if (kind == STATUS && len == sizeof a->status) {
		memcpy(&a->status, data, len);
		a->done = true;
		return a->status < POD_STATUS_COUNT;
	}
	if (kind != BLOCK || len <= sizeof h)
		return false;
	memcpy(&h, data, sizeof h);
	if (!h.len || h.len > BLOCK_MAX || len != sizeof h + 2 * (size_t)h.len || h.phase >= NTFS_PHASES || h.off_bytes % 512 ||
	    h.len % 512 || !pod_in_range(h.off_bytes, h.len, a->volume_bytes))
		return false;
	ntfs_blocks_add(a->out, h.off_bytes, h.len, h.phase, data + sizeof h, data + sizeof h + h.len);
	return true;
}

enum pod_status ntfs_call(int fd, uint64_t start_bytes, uint64_t len_bytes, const struct ntfs_change *c, struct ntfs_blocks *out,
			  struct fault *fault)
{
	struct request request = {.view = {.fd = fd, .start = start_bytes}, .change = c};
	struct answer a = {.out = out, .volume_bytes = len_bytes};
	struct sandbox s = {.who = "libntfs-3g",
			    .about = _("the volume"),
			    .seconds = SECONDS_MAX,
			    .answer_bytes = ANSWER_MAX,
			    .work = work,
			    .ctx = &request,
			    .take = take,
			    .take_ctx = &a};
	const char *why = ntfs_lib_missing();

	memset(out, 0, sizeof *out);
	if (why) {
		fault_set(fault, "%s", why);
		return POD_E_UNSUPPORTED;
	}
	request.view.dev = (struct pod_dev){.size_bytes = len_bytes, .sector_size = 512, .read_only = true, .read = view_read};
	if (sandbox_run(&s, fault) != SANDBOX_DONE || !a.done)
		a.status = POD_E_UNSUPPORTED;
	if (a.status != POD_OK)
		ntfs_blocks_free(out);
	return (enum pod_status)a.status;
}

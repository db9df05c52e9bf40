/* SPDX-License-Identifier: BSD-2-Clause */
/* How much space an operation needs, and whether there is so much. */
#include <stdlib.h>
#include <string.h>
#include "cli/layer/tree.h"
#include "core/base/str.h"
#include "core/vhd/undo.h"

#define ROOM_TO_SPARE (1u << 20)

bool layer_store_room(struct layer_store *ls, uint64_t need, struct fault *fault)
{
	char want[16], have[16];
	uint64_t there;

	if (!ls->dir.ops->space(&ls->dir, &there, fault))
		return false;
	if (there >= ROOM_TO_SPARE && there - ROOM_TO_SPARE >= need)
		return true;
	fault_set(fault, _("%s: not enough space: %s are needed, %s are free; nothing was changed"), ls->dir.shown,
		  pod_format_size(want, need + ROOM_TO_SPARE), pod_format_size(have, there));
	return false;
}

int layer_store_own_bytes(struct layer_store *ls, const struct pod_stored *e, uint64_t *out, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	int rc = layer_store_open_disk(ls, e, d, fault);

	*out = 0;
	if (rc == CLI_OK) {
		struct pod_chain *c = &d->chain;
		enum pod_status st = POD_OK;
		struct pod_chain_run r;

		for (uint64_t off = 0; off < c->dev.size_bytes && st == POD_OK; off += r.len) {
			r.len = 1;
			st = pod_chain_run(c, off, c->dev.size_bytes - off, &r);
			if (st == POD_OK && r.kind == POD_RUN_DATA)
				*out += r.len;
		}
		if (st != POD_OK)
			rc = disk_fail(e->name, _("cannot read the map"), st, NULL, NULL, fault);
		if (layer_store_close_disk(ls, d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(d);
	return rc;
}

struct growth {
	struct pod_vhdx *to;
	uint64_t next, chunk; /* the first block not counted yet, the last bitmap that was */
	uint64_t bytes;
};

/* Blocks of the file below, and bitmaps over them, that come into being when the run at `off` goes there. */
static enum pod_status count_run(struct growth *g, uint64_t off, const struct pod_run *r)
{
	struct pod_vhdx *to = g->to;
	uint64_t end = off + r->len, first = off >> to->block_shift;

	for (uint64_t b = first > g->next ? first : g->next; b << to->block_shift < end; b++) {
		uint64_t start = b << to->block_shift, e = 0;

		if (r->kind == POD_RUN_ZERO && off <= start && end - start >= 1ull << to->block_shift)
			continue;
		if (start < to->size_bytes)
			POD_TRY(pod_vhdx_block_entry(to, b, &e));
		if ((e & 7) >= POD_VHDX_FULL)
			continue;
		g->next = b + 1;
		g->bytes += 1ull << to->block_shift;
		if (to->has_parent && b >> to->chunk_shift != g->chunk) {
			g->chunk = b >> to->chunk_shift;
			g->bytes += 1u << 20;
		}
	}
	return POD_OK;
}

int layer_store_growth(struct layer_store *ls, const struct pod_stored *e, uint64_t *out, uint64_t *undo, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	struct growth g = {.chunk = UINT64_MAX};
	uint64_t holes = 0; /* what it takes where nothing else takes space */
	int rc = layer_store_open_disk(ls, e, d, fault);

	if (rc == CLI_OK) {
		struct pod_member *from = d->chain.member[0];
		enum pod_status st = d->chain.depth > 1 && d->chain.member[1]->kind == POD_MEMBER_VHDX ? POD_OK : POD_E_FORMAT;
		struct pod_run r;

		*undo = 0;
		if (st == POD_OK)
			st = pod_undo_measure(from, d->chain.member[1], undo);
		if (st == POD_OK)
			st = pod_member_merge_bytes(from, d->chain.member[1], &holes);
		if (st == POD_OK)
			g.to = &d->chain.member[1]->u.vhdx;
		for (uint64_t off = 0; off < from->size_bytes && st == POD_OK; off += r.len) {
			r.len = 1;
			st = pod_member_run(from, off, from->size_bytes - off, &r);
			if (st == POD_OK && r.kind != POD_RUN_PARENT)
				st = count_run(&g, off, &r);
		}
		if (st != POD_OK)
			rc = disk_fail(e->name, _("cannot read the map"), st, NULL, NULL, fault);
		if (layer_store_close_disk(ls, d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	*out = ls->dir.ops->sparse ? pod_min_u64(g.bytes, holes) : g.bytes;
	free(d);
	return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A chain as a map of the stick: what a boot manager hands to whoever boots. */
#include "core/vhd/chain.h"

/* [off, off + len) of a file, as the stick has it. */
static enum pod_status place(const struct pod_vfile *f, uint64_t off, uint64_t len, struct pod_map *out)
{
	const struct pod_map *m = f->extents;
	if (!m || !pod_in_range(off, len, m->size_bytes))
		return m ? POD_E_CORRUPT : POD_E_INVALID;
	return pod_map_append_from(out, m, off, len);
}

/* The same of a file whose log was replayed in memory. */
static enum pod_status place_replayed(const struct pod_vhdx *x, uint64_t off, uint64_t len, struct pod_map *out)
{
	const struct pod_map *m = &x->overlay;
	for (size_t i = pod_map_find(m, off); len; i++) {
		const struct pod_seg *s = &m->seg[i];
		uint64_t in = off - s->start_bytes, n = pod_min_u64(len, s->length_bytes - in), at = 0;
		if (s->kind == POD_SEG_DEV)
			POD_TRY(place(x->file, s->source + in, n, out));
		else if (s->kind == POD_SEG_ZERO)
			POD_TRY(pod_map_append(out, POD_SEG_ZERO, 0, n));
		else {
			POD_TRY(pod_map_mem(out, m->mem + (size_t)(s->source + in), (size_t)n, &at));
			POD_TRY(pod_map_append(out, POD_SEG_MEM, at, n));
		}
		off += n, len -= n;
	}
	return POD_OK;
}

/* The same of a foreign image, which may lie in several files. What is compressed has no place. */
static enum pod_status place_foreign(const struct pod_foreign *x, uint64_t off, uint64_t len, struct pod_map *out)
{
	while (len) {
		struct pod_vfile *f;
		uint64_t n = len, at;
		POD_TRY(pod_foreign_place(x, off, &n, &f, &at));
		POD_TRY(place(f, at, n, out));
		off += n, len -= n;
	}
	return POD_OK;
}

enum pod_status pod_chain_map(struct pod_chain *c, struct pod_map *out)
{
	for (uint64_t off = 0; off < c->dev.size_bytes;) {
		struct pod_chain_run r;
		POD_TRY(pod_chain_run(c, off, c->dev.size_bytes - off, &r));
		struct pod_member *l = c->member[r.member];
		if (r.kind == POD_RUN_ZERO)
			POD_TRY(pod_map_append(out, POD_SEG_ZERO, 0, r.len));
		else if (l->kind == POD_MEMBER_VHDX && l->u.vhdx.log_replayed)
			POD_TRY(place_replayed(&l->u.vhdx, r.file_off, r.len, out));
		else if (pod_member_is_foreign(l->kind))
			POD_TRY(place_foreign(&l->u.foreign, r.file_off, r.len, out));
		else
			POD_TRY(place(l->file, r.file_off, r.len, out));
		off += r.len;
	}
	return POD_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* All keys below one, without recursion. */
#include "core/regf/regf_int.h"

static enum pod_status enter(const struct pod_regf *h, struct regf_frame *stack, uint32_t depth, uint32_t *left)
{
	for (uint32_t i = 0; i < depth; i++)
		if (stack[i].key.cell == stack[depth].key.cell)
			return POD_E_LOOP;
	/* Each key stands in one list. In a hive where many lists hold the same keys, the walk would have no end in sight. */
	if (!(*left)--)
		return POD_E_LOOP;
	return pod_regf_keys(h, &stack[depth].key, &stack[depth].it);
}

enum pod_status regf_walk(const struct pod_regf *h, const struct pod_regf_key *top, struct regf_frame *stack,
			  enum pod_status (*visit)(void *ctx, const struct pod_regf_key *key, uint32_t depth, bool after),
			  void *ctx)
{
	uint32_t depth = 0, left = h->bins_bytes / REGF_NK_HEAD;
	stack[0].key = *top;
	POD_TRY(visit(ctx, top, 0, false));
	POD_TRY(enter(h, stack, 0, &left));
	for (;;) {
		struct regf_frame *f = &stack[depth];
		struct pod_regf_key child;
		enum pod_status st = pod_regf_next_key(&f->it, &child);
		if (st == POD_END) {
			POD_TRY(visit(ctx, &f->key, depth, true));
			if (!depth--)
				return POD_OK;
			continue;
		}
		POD_TRY(st);
		if (++depth == POD_REGF_DEPTH_MAX)
			return POD_E_LIMIT;
		stack[depth].key = child;
		POD_TRY(visit(ctx, &child, depth, false));
		POD_TRY(enter(h, stack, depth, &left));
	}
}

enum pod_status pod_regf_walk(const struct pod_regf *h, const struct pod_regf_key *top, struct pod_alloc *a,
			      enum pod_status (*visit)(void *ctx, const struct pod_regf_key *key, uint32_t depth, bool after),
			      void *ctx)
{
	struct regf_frame *stack = pod_zalloc(a, POD_REGF_DEPTH_MAX, sizeof *stack);
	if (!stack)
		return POD_E_NOMEM;
	enum pod_status st = regf_walk(h, top, stack, visit, ctx);
	pod_free(a, stack);
	return st;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator the caller passes in. The core has no malloc: firmware ports hand in their own pools,
 * the host hands in malloc, tests hand in one that fails on the nth call.
 */
#ifndef POD_BASE_ALLOC_H
#define POD_BASE_ALLOC_H

#include "core/base/status.h"

struct pod_alloc {
	/* Returns `size` uninitialised bytes aligned to 16, or NULL. */
	void *(*alloc)(struct pod_alloc *a, size_t size);
	/* Gives back what `alloc` returned; NULL is legal. */
	void (*release)(struct pod_alloc *a, void *p);
	void *ctx;
};

/* Zeroed memory for `count` elements of `size` bytes, or NULL when out of memory or on overflow. */
void *pod_zalloc(struct pod_alloc *a, size_t count, size_t size);
void pod_free(struct pod_alloc *a, void *p);

/* Makes room for `need` elements in a growable array `*v` that holds `n` and can hold `*cap`. Grows
 * geometrically, keeps the content, never beyond `limit` elements (POD_E_LIMIT). On failure the old array
 * is untouched. */
enum pod_status POD_MUST_USE pod_grow(struct pod_alloc *a, void **v, size_t n, size_t *cap, size_t need, size_t elem_size,
				      size_t limit);

#endif

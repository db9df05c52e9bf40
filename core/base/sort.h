/* SPDX-License-Identifier: BSD-2-Clause */
/* Sorting in place: no memory, no recursion, n log n at worst. */
#ifndef POD_BASE_SORT_H
#define POD_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

static inline void pod_sort_sift(uint64_t *v, size_t n, size_t i)
{
	for (size_t c; (c = 2 * i + 1) < n; i = c) {
		if (c + 1 < n && v[c + 1] > v[c])
			c++;
		if (v[i] >= v[c])
			return;
		uint64_t t = v[i];
		v[i] = v[c];
		v[c] = t;
	}
}

/* Ascending. */
static inline void pod_sort_u64(uint64_t *v, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		pod_sort_sift(v, n, i);
	while (n > 1) {
		uint64_t t = v[0];
		v[0] = v[--n];
		v[n] = t;
		pod_sort_sift(v, n, 0);
	}
}

#endif

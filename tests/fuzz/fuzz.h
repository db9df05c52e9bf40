/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every fuzz target needs: a device over the input, and an allocator with a bound; both can be told to fail.
 *
 * The last four bytes of an input are not data: u16 n: the nth device read (from 1) fails with POD_E_IO; u16 n: the nth
 * allocation fails. Zero: none. So an image that ends in zeros is a seed as it is.
 */
#ifndef POD_TESTS_FUZZ_H
#define POD_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/disk/dev.h"

/* A parser that asks for more than this for inputs of at most 256 KiB trusts a number on the disk. */
#define FUZZ_ALLOC_MAX (64u << 20)
/* Neither may a bounded input cause unbounded reading. */
#define FUZZ_READ_MAX (1u << 20)
/* Nor unbounded work: the steps of core/base/budget.h. An input that needs more is a finding: something in it is done over and
 * over. What has a budget of its own in the program (the plan) gets a small one here instead, and must keep it. */
#define FUZZ_STEPS_MAX (1u << 20)

struct fuzz_env {
	struct pod_alloc alloc;
	struct pod_dev dev;
	struct pod_budget budget;
	const uint8_t *data;
	size_t len;
	/* Bytes [gap_at, gap_at + gap_len) of the device are zeros that the input does not carry. */
	uint64_t gap_at, gap_len;
	uint32_t fail_read, fail_alloc, reads, allocs;
	size_t live_bytes, live;
};

#define FUZZ_REQUIRE(cond)                                                                                                       \
	do {                                                                                                                     \
		if (!(cond)) {                                                                                                   \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond);                                       \
			abort();                                                                                                 \
		}                                                                                                                \
	} while (0)

static inline void *fuzz_alloc(struct pod_alloc *a, size_t size)
{
	struct fuzz_env *e = a->ctx;
	if (++e->allocs == e->fail_alloc)
		return NULL;
	FUZZ_REQUIRE(size <= FUZZ_ALLOC_MAX && e->live_bytes + size <= FUZZ_ALLOC_MAX);
	size_t *p = malloc(size + 16);
	FUZZ_REQUIRE(p);
	p[0] = size;
	e->live_bytes += size;
	e->live++;
	return (uint8_t *)p + 16;
}

static inline void fuzz_release(struct pod_alloc *a, void *p)
{
	struct fuzz_env *e = a->ctx;
	if (!p)
		return;
	size_t *q = (size_t *)(void *)((uint8_t *)p - 16);
	e->live_bytes -= q[0];
	e->live--;
	free(q);
}

static inline enum pod_status fuzz_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct fuzz_env *e = d->ctx;
	if (++e->reads == e->fail_read)
		return POD_E_IO;
	FUZZ_REQUIRE(e->reads < FUZZ_READ_MAX);
	uint8_t *out = buf;
	while (len) {
		size_t n = len;
		if (off < e->gap_at) {
			n = (size_t)pod_min_u64(n, e->gap_at - off);
			memcpy(out, e->data + off, n);
		} else if (off < e->gap_at + e->gap_len) {
			n = (size_t)pod_min_u64(n, e->gap_at + e->gap_len - off);
			memset(out, 0, n);
		} else {
			memcpy(out, e->data + (off - e->gap_len), n);
		}
		off += n, out += n, len -= n;
	}
	return POD_OK;
}

/* Takes the control bytes off the input. `gap_at`/`gap_len`: zeros to insert there (the 32 KiB in front of an ISO's
 * descriptors need not be mutated); ignored if the input is shorter than gap_at. */
static inline void fuzz_init(struct fuzz_env *e, const uint8_t *data, size_t len, uint32_t sector_size, size_t gap_at,
			     size_t gap_len)
{
	memset(e, 0, sizeof *e);
	if (len >= 4) {
		len -= 4;
		e->fail_read = pod_get_le16(data + len);
		e->fail_alloc = pod_get_le16(data + len + 2);
	}
	e->data = data;
	e->len = len;
	e->gap_at = len >= gap_at ? gap_at : len;
	e->gap_len = len >= gap_at ? gap_len : 0;
	e->alloc = (struct pod_alloc){fuzz_alloc, fuzz_release, e};
	e->dev = (struct pod_dev){.size_bytes = len + e->gap_len,
				  .sector_size = sector_size,
				  .read_only = true,
				  .read = fuzz_read,
				  .ctx = e,
				  .budget = &e->budget};
	pod_budget_start(&e->budget, FUZZ_STEPS_MAX, POD_BUDGET_UNLIMITED, 0);
}

/* Damage to a volume that a target makes by hand: 3 bytes offset, 1 byte length (low 4 bits + 1), so many bytes; and so on. */
static inline void fuzz_patch(uint8_t *image, size_t size, const uint8_t *p, size_t len)
{
	while (len >= 5) {
		size_t off = (p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16) % size, n = (p[3] & 15) + 1u;
		p += 4, len -= 4;
		n = pod_min_u64(pod_min_u64(n, len), size - off);
		memcpy(image + off, p, n);
		p += n, len -= n;
	}
}

/* Whatever happened, nothing may be left allocated, and it took no more than it may. */
static inline void fuzz_done(struct fuzz_env *e)
{
	FUZZ_REQUIRE(e->live == 0);
	FUZZ_REQUIRE(e->budget.hit == POD_BUDGET_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif

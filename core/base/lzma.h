/* SPDX-License-Identifier: BSD-2-Clause */
/* Between lzma.c, which stage 2 of the BIOS port is unpacked by and which calls nothing else therefore, and xz.c. */
#ifndef POD_BASE_LZMA_H
#define POD_BASE_LZMA_H

#include "core/base/alloc.h"
#include "core/base/status.h"

enum {
	POD_LZMA_STATES = 12,
	POD_LZMA_POS_STATES = 16,
	POD_LZMA_LIT_STATES = 7, /* states below came from a literal */
	POD_LZMA_ALIGN_BITS = 4,
	POD_LZMA_LC_LP_MAX = 4, /* as LZMA2 has it; .lzma files of other writers do not use more either */
	POD_LZMA_HALF = 1 << 10,
};

struct pod_lzma_len {
	uint16_t choice, choice2, low[POD_LZMA_POS_STATES][8], mid[POD_LZMA_POS_STATES][8], high[256];
};

struct pod_lzma_probs {
	uint16_t is_match[POD_LZMA_STATES][POD_LZMA_POS_STATES], is_rep[POD_LZMA_STATES], is_rep0[POD_LZMA_STATES],
		is_rep1[POD_LZMA_STATES], is_rep2[POD_LZMA_STATES], is_rep0_long[POD_LZMA_STATES][POD_LZMA_POS_STATES],
		slot[4][64], special[128], align[1 << POD_LZMA_ALIGN_BITS];
	struct pod_lzma_len len, rep_len;
	uint16_t literal[0x300 << POD_LZMA_LC_LP_MAX];
};

struct pod_lzma {
	const uint8_t *in;
	size_t in_len, pos;
	uint32_t range, code;
	uint8_t *out;
	size_t max, len;
	size_t from; /* where the dictionary begins */
	uint32_t rep[4];
	unsigned state, lc, lp, pb;
	struct pod_lzma_probs *p;
	bool ended; /* the mark at the end, or LZMA2's last chunk, was met */
};

bool pod_lzma_properties(struct pod_lzma *z, uint8_t props);
/* z->p is the caller's to free. */
enum pod_status POD_MUST_USE pod_lzma_prepare(struct pod_alloc *a, struct pod_lzma *z);
void pod_lzma_reset(struct pod_lzma *z);
/* The range coder's own first bytes. */
void pod_lzma_begin(struct pod_lzma *z);
void pod_lzma_normalise(struct pod_lzma *z);
/* Until z->len is `end`; false: the input, or what makes sense, has ended before. */
bool pod_lzma_decode(struct pod_lzma *z, size_t end);
/* One chunk of LZMA2 at z->pos; false: there is no further one, or it is not whole. */
bool pod_lzma_chunk(struct pod_lzma *z);

#endif

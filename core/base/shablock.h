/* SPDX-License-Identifier: BSD-2-Clause */
/* What SHA-1 and SHA-256 have in common (FIPS 180-4, clauses 5.1.1 and 5.2.1): blocks of 64 bytes, the last one padded. */
#ifndef POD_BASE_SHABLOCK_H
#define POD_BASE_SHABLOCK_H

#include <stddef.h>
#include <stdint.h>

struct pod_shablock {
	uint32_t used; /* bytes in `block` */
	uint64_t bytes;
	uint8_t block[64];
};

/* Takes a block into the state. */
typedef void pod_sha_rounds(uint32_t *h, const uint8_t *block);

void pod_shablock_update(struct pod_shablock *b, pod_sha_rounds *rounds, uint32_t *h, const void *data, size_t len);
/* The last block, and `words` of the state as bytes. */
void pod_shablock_final(struct pod_shablock *b, pod_sha_rounds *rounds, uint32_t *h, uint8_t *out, unsigned words);

#endif

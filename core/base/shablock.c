/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/shablock.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

void pod_shablock_update(struct pod_shablock *b, pod_sha_rounds *rounds, uint32_t *h, const void *data, size_t len)
{
	const uint8_t *p = data;
	b->bytes += len;
	while (len) {
		if (!b->used && len >= sizeof b->block) {
			rounds(h, p);
			p += sizeof b->block, len -= sizeof b->block;
			continue;
		}
		size_t n = sizeof b->block - b->used;
		if (n > len)
			n = len;
		memcpy(b->block + b->used, p, n);
		b->used += (uint32_t)n, p += n, len -= n;
		if (b->used == sizeof b->block) {
			rounds(h, b->block);
			b->used = 0;
		}
	}
}

void pod_shablock_final(struct pod_shablock *b, pod_sha_rounds *rounds, uint32_t *h, uint8_t *out, unsigned words)
{
	static const uint8_t pad[64] = {0x80};
	uint8_t bits[8];
	pod_put_be64(bits, b->bytes << 3);
	pod_shablock_update(b, rounds, h, pad, (b->used < 56 ? 56 : 120) - b->used);
	pod_shablock_update(b, rounds, h, bits, sizeof bits);
	for (unsigned i = 0; i < words; i++)
		pod_put_be32(out + 4 * i, h[i]);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/ui/ui.h"
#include "cli/host/identity.h"
#include "core/base/bytes.h"

bool cli_identity_seed(struct cli_identity *id, const char *hex)
{
	size_t n = strlen(hex);

	if (n == 0 || strspn(hex, "0123456789abcdefABCDEF") != n)
		return false;
	/* FNV-1a over the digits, once for each word; never all zero. */
	for (size_t w = 0; w < POD_ARRAY_LEN(id->state); w++) {
		id->state[w] = 0xcbf29ce484222325u + w;
		for (size_t i = 0; i < n; i++)
			id->state[w] = (id->state[w] ^ (uint8_t)hex[i]) * 0x100000001b3u;
		id->state[w] |= 1;
	}
	id->seeded = true;
	return true;
}

static uint64_t rotate(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

/* xoshiro256** (Blackman, Vigna 2018): identities have to differ, not to be secret. */
static uint64_t next(uint64_t state[4])
{
	uint64_t out = rotate(state[1] * 5, 7) * 9, t = state[1] << 17;

	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= t;
	state[3] = rotate(state[3], 45);
	return out;
}

void cli_identity_bytes(struct cli_identity *id, void *out, size_t len)
{
	uint8_t *p = out;

	if (!id || !id->seeded) {
		arc4random_buf(out, len);
		return;
	}
	for (uint64_t v; len; len -= pod_min_u64(len, sizeof v)) {
		size_t n = (size_t)pod_min_u64(len, sizeof v);

		v = next(id->state);
		memcpy(p, &v, n);
		p += n;
	}
}

uint32_t cli_identity_u32(struct cli_identity *id)
{
	uint32_t v;

	do
		cli_identity_bytes(id, &v, sizeof v);
	while (v == 0);
	return v;
}

void cli_identity_guid(struct cli_identity *id, uint8_t out[16])
{
	cli_identity_bytes(id, out, 16);
	out[7] = (uint8_t)((out[7] & 0x0f) | 0x40);
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

int64_t cli_identity_time(const struct cli_identity *id)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t v;

	if (epoch && cli_parse_uint(epoch, INT64_MAX, &v))
		return (int64_t)v;
	return id && id->seeded ? 1767225600 : (int64_t)time(NULL); /* 2026-01-01 */
}

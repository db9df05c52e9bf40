/* SPDX-License-Identifier: BSD-2-Clause */
/* FIPS 180-4, clause 6.2: 64 rounds over blocks of 64 bytes; the message schedule is kept in a ring of 16 words. */
#include "core/base/sha256.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

/* Clause 4.2.2: fractional parts of the cube roots of the first 64 primes. */
static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
	0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
	0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotr(uint32_t v, unsigned n)
{
	return v >> n | v << (32 - n);
}

/* The word of round t >= 16, which replaces the one of round t - 16. */
static inline uint32_t schedule(uint32_t *w, unsigned t)
{
	uint32_t a = w[(t + 1) & 15], b = w[(t + 14) & 15];
	return w[t & 15] += (rotr(a, 7) ^ rotr(a, 18) ^ a >> 3) + w[(t + 9) & 15] + (rotr(b, 17) ^ rotr(b, 19) ^ b >> 10);
}

static void rounds(uint32_t *h, const uint8_t *p)
{
	uint32_t w[16], v[8]; /* v: a to h */
	memcpy(v, h, sizeof v);
	for (unsigned t = 0; t < 64; t++) {
		uint32_t word = t < 16 ? (w[t] = pod_get_be32(p + 4 * t)) : schedule(w, t);
		uint32_t t1 =
			v[7] + (rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[t] + word;
		uint32_t t2 = (rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (unsigned i = 0; i < 8; i++)
		h[i] += v[i];
}

void pod_sha256_init(struct pod_sha256 *s)
{
	*s = (struct pod_sha256){
		.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void pod_sha256_update(struct pod_sha256 *s, const void *data, size_t len)
{
	pod_shablock_update(&s->last, rounds, s->h, data, len);
}

void pod_sha256_final(struct pod_sha256 *s, uint8_t out[POD_SHA256_LEN])
{
	pod_shablock_final(&s->last, rounds, s->h, out, 8);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZ4 ("LZ4 Block Format Description", 2022; in files of the legacy form: 02214C18h, then blocks of 4 bytes size, LZ4) and LZO1X
 * (Documentation/staging/lzo.rst of Linux; in files of lzop 1.03):
 *
 *   lzop     +0 9 magic, +9 2 version, +11 2 of the library, [from version 0940h on 2 version needed], 1 method, [1 level], 4 flags,
 *            [flags 800h: 4 filter], 4 mode, 4 time, [4 upper half], 1 length of the name, the name, 4 sum; all numbers big-endian
 *   block    4 size of the content, 4 packed size, flags 1 and 100h: 4 sum each of the content, 2 and 200h: of what is packed, if it is;
 *            of one size: as it is
 */
#include "core/base/bytes.h"
#include "core/base/unpack.h"

struct lz {
	const uint8_t *in;
	size_t in_len, pos;
	uint8_t *out;
	size_t max, len;
};

static bool literals(struct lz *z, size_t n)
{
	size_t can = (size_t)pod_min_u64(pod_min_u64(n, z->max - z->len), z->in_len - z->pos);
	memcpy(z->out + z->len, z->in + z->pos, can);
	z->len += can;
	z->pos += can;
	return can == n;
}

static bool match(struct lz *z, size_t back, size_t n)
{
	if (!back || back > z->len)
		return false;
	for (; n && z->len < z->max; n--, z->len++)
		z->out[z->len] = z->out[z->len - back];
	return !n;
}

static bool has(const struct lz *z, size_t n)
{
	return z->in_len - z->pos >= n;
}

/* LZ4: a length goes on as long as its bytes are all ones. */
static bool longer(struct lz *z, size_t *n)
{
	uint8_t b;
	do {
		if (!has(z, 1))
			return false;
		b = z->in[z->pos++];
		*n += b;
	} while (b == 255);
	return true;
}

/* One block, which ends where z->in_len is; a block ends in literals. */
static bool lz4_block(struct lz *z)
{
	while (has(z, 1)) {
		uint8_t token = z->in[z->pos++];
		size_t n = token >> 4, again = token & 15;
		if ((n == 15 && !longer(z, &n)) || !literals(z, n))
			return false;
		if (!has(z, 1))
			return true;
		if (!has(z, 2))
			return false;
		size_t back = pod_get_le16(z->in + z->pos);
		z->pos += 2;
		if ((again == 15 && !longer(z, &again)) || !match(z, back, again + 4))
			return false;
	}
	return false;
}

size_t pod_unpack_lz4(const uint8_t *in, size_t in_len, uint8_t *out, size_t max)
{
	struct lz z = {.in = in, .pos = 8, .out = out, .max = max};
	if (in_len < 8)
		return 0;
	z.in_len = (size_t)pod_min_u64(in_len, 8 + (uint64_t)pod_get_le32(in + 4));
	(void)lz4_block(&z);
	return z.len;
}

/* Blocks of 8 MiB, on their own, until something else follows; another magic number is another file behind this one. */
enum pod_status pod_unpack_all_lz4(const uint8_t *in, size_t in_len, uint8_t *out, size_t max, struct pod_budget *b,
				   size_t *out_len, size_t *used)
{
	enum { BLOCK = 8 << 20, PACKED_MAX = BLOCK + BLOCK / 255 + 16 };
	const uint32_t magic = 0x184c2102;
	size_t at = 4, len = 0;
	while (in_len - at >= 4) {
		uint32_t size = pod_get_le32(in + at);
		if (size == magic) {
			at += 4;
			continue;
		}
		if (len && (!size || size > PACKED_MAX))
			break;
		if (!size || size > PACKED_MAX || size > in_len - at - 4)
			return POD_E_CORRUPT;
		struct lz z = {.in = in, .in_len = at + 4 + size, .pos = at + 4, .out = out + len};
		z.max = (size_t)pod_min_u64(BLOCK, max - len);
		bool whole = lz4_block(&z);
		len += z.len;
		if (!whole)
			return z.len == z.max && z.max < BLOCK ? POD_E_LIMIT : POD_E_CORRUPT;
		at += 4 + size;
		POD_TRY(pod_budget_spend(b, 1 + z.len / POD_UNPACKED_STEP, 0));
	}
	*out_len = len;
	*used = at;
	return POD_OK;
}

/* --- LZO1X ---------------------------------------------------------------------------------------------- */

/* A length of which `n` are in the instruction: 0: `most`, 255 for each zero that follows, and a byte. */
static bool length(struct lz *z, size_t *n, size_t most)
{
	if (*n)
		return true;
	*n = most;
	while (has(z, 1) && !z->in[z->pos]) {
		*n += 255;
		z->pos++;
	}
	if (!has(z, 1))
		return false;
	*n += z->in[z->pos++];
	return true;
}

/* A match by instruction `t`, what was before being `state`; *trailing: literals behind it. False: the end. */
static bool instruction(struct lz *z, unsigned t, unsigned state, unsigned *trailing)
{
	size_t n, back;
	if (t >= 64 || t < 16) {
		if (!has(z, 1))
			return false;
		size_t h = z->in[z->pos++];
		n = t >= 64 ? (t >> 5) + 1 : state == 4 ? 3 : 2;
		back = t >= 64 ? (h << 3) + (t >> 2 & 7) + 1 : (h << 2) + (t >> 2) + (state == 4 ? 2049 : 1);
		*trailing = t & 3;
		return match(z, back, n);
	}
	n = t & (t >= 32 ? 31 : 7);
	if (!length(z, &n, t >= 32 ? 31 : 7) || !has(z, 2))
		return false;
	unsigned d = pod_get_le16(z->in + z->pos);
	z->pos += 2;
	*trailing = d & 3;
	back = (d >> 2) + (t >= 32 ? 1 : 16384u + ((t & 8) << 11));
	return back != 16384 && match(z, back, n + 2);
}

static void lzo1x(struct lz *z)
{
	unsigned state = 0; /* how many literals were before: 4: a long run */
	if (has(z, 1) && z->in[z->pos] > 17) {
		state = z->in[z->pos++] - 17u;
		if (!literals(z, state))
			return;
		state = state < 4 ? state : 4;
	}
	while (has(z, 1) && z->len < z->max) {
		unsigned t = z->in[z->pos++];
		if (t < 16 && !state) {
			size_t n = t;
			if (!length(z, &n, 15) || !literals(z, n + 3))
				return;
			state = 4;
		} else if (!instruction(z, t, state, &state) || !literals(z, state)) {
			return;
		}
	}
}

size_t pod_unpack_lzo1x(const uint8_t *in, size_t in_len, uint8_t *out, size_t max)
{
	struct lz z = {.in = in, .in_len = in_len, .out = out, .max = max};
	lzo1x(&z);
	return z.len;
}

size_t pod_unpack_lzo(const uint8_t *in, size_t in_len, uint8_t *out, size_t max)
{
	struct lz z = {.in = in, .in_len = in_len, .out = out, .max = max};
	if (in_len < 46) /* less than any header and a byte */
		return 0;
	bool late = pod_get_be16(in + 9) >= 0x940;
	z.pos = late ? 17 : 14;
	uint32_t flags = pod_get_be32(in + z.pos);
	z.pos += 4u + (flags & 0x800 ? 4u : 0) + (late ? 12u : 8u);
	z.pos += 1u + in[z.pos] + 4;
	if (!has(&z, 8) || z.pos > in_len)
		return 0;
	size_t size = pod_get_be32(in + z.pos), packed = pod_get_be32(in + z.pos + 4);
	z.pos += 8u + (flags & 1 ? 4u : 0) + (flags & 0x100 ? 4u : 0);
	if (packed < size)
		z.pos += (flags & 2 ? 4u : 0) + (flags & 0x200 ? 4u : 0);
	if (z.pos > in_len)
		return 0;
	z.in_len = (size_t)pod_min_u64(in_len, z.pos + (uint64_t)packed);
	if (packed < size)
		lzo1x(&z);
	else
		(void)literals(&z, size);
	return z.len;
}

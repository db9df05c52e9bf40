/* SPDX-License-Identifier: BSD-2-Clause */
/* Which packing it is, and what is in it. gzip: RFC 1952, 2.3; Zstandard: RFC 8878, 3.1.1. */
#include "core/base/unpack.h"
#include "core/base/bytes.h"
#include "core/base/inflate.h"
#include "core/base/zstd.h"

enum { BZIP2_BLOCK = 1 << 20 }; /* no block of 900000 bytes is longer when packed */

enum pod_packing pod_packing_of(const uint8_t *head)
{
	static const struct {
		uint8_t len, magic[POD_PACKING_BYTES], packing;
	} known[] = {
		{2, {0x1f, 0x8b}, POD_PACKED_GZIP},
		{2, {0x1f, 0x9e}, POD_PACKED_GZIP},
		{3, {'B', 'Z', 'h'}, POD_PACKED_BZIP2},
		{3, {0x5d, 0, 0}, POD_PACKED_LZMA},
		{6, {0xfd, '7', 'z', 'X', 'Z', 0}, POD_PACKED_XZ},
		{4, {0x89, 'L', 'Z', 'O'}, POD_PACKED_LZO},
		{4, {0x02, 0x21, 0x4c, 0x18}, POD_PACKED_LZ4},
		{4, {0x28, 0xb5, 0x2f, 0xfd}, POD_PACKED_ZSTD},
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (memcmp(head, known[i].magic, known[i].len) == 0)
			return (enum pod_packing)known[i].packing;
	return POD_PACKED_NOT;
}

size_t pod_unpack_needs(const uint8_t *in, size_t len)
{
	size_t need;
	if (len < POD_PACKING_BYTES)
		return POD_PACKING_BYTES;
	if (pod_packing_of(in) == POD_PACKED_BZIP2)
		return BZIP2_BLOCK;
	return pod_packing_of(in) == POD_PACKED_ZSTD && pod_zstd_first_block(in, len, &need) == POD_OK ? need : len;
}

/* Where the deflate stream begins; 0: there is none. */
static size_t gzip_head(const uint8_t *in, size_t len)
{
	size_t at = 10;
	if (len < at || in[2] != 8 || in[3] & 0xe0)
		return 0;
	if (in[3] & 4) /* extra fields */
		at += len - at >= 2 ? 2u + pod_get_le16(in + at) : len;
	for (unsigned flag = 8; flag <= 16; flag <<= 1) { /* a name, a comment */
		while (in[3] & flag && at < len && in[at])
			at++;
		at += (in[3] & flag) != 0;
	}
	at += in[3] & 2; /* a sum of the header */
	return at < len ? at : 0;
}

static enum pod_status gzip(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max, size_t *out_len)
{
	size_t at = gzip_head(in, in_len);
	if (!at)
		return POD_E_UNSUPPORTED;
	struct pod_inflate *z = a->alloc(a, sizeof *z);
	if (!z)
		return POD_E_NOMEM;
	/* It fails where the input or the output ends, and has given what was before. */
	enum pod_status st = pod_inflate_raw(z, in + at, in_len - at, out, max, out_len);
	pod_free(a, z);
	return st == POD_E_CORRUPT ? POD_OK : st;
}

static enum pod_status zstd(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max, size_t *out_len)
{
	struct pod_zstd *z = a->alloc(a, sizeof *z);
	if (!z)
		return POD_E_NOMEM;
	enum pod_status st = pod_zstd_unpack(z, in, in_len, out, max, out_len);
	pod_free(a, z);
	return st == POD_E_CORRUPT ? POD_OK : st;
}

enum pod_status pod_unpack_first(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max, size_t *out_len)
{
	*out_len = 0;
	switch (in_len < POD_PACKING_BYTES ? POD_PACKED_NOT : pod_packing_of(in)) {
	case POD_PACKED_GZIP:
		return gzip(a, in, in_len, out, max, out_len);
	case POD_PACKED_BZIP2:
		return pod_unpack_bzip2(a, in, in_len, out, max, out_len);
	case POD_PACKED_LZMA:
		return pod_unpack_lzma(a, in, in_len, out, max, out_len);
	case POD_PACKED_XZ:
		return pod_unpack_xz(a, in, in_len, out, max, out_len);
	case POD_PACKED_LZO:
		*out_len = pod_unpack_lzo(in, in_len, out, max);
		return POD_OK;
	case POD_PACKED_LZ4:
		*out_len = pod_unpack_lz4(in, in_len, out, max);
		return POD_OK;
	case POD_PACKED_ZSTD:
		return zstd(a, in, in_len, out, max, out_len);
	case POD_PACKED_NOT:
		break;
	}
	return POD_E_UNSUPPORTED;
}

/* --- all of it ------------------------------------------------------------------------------------------- */

/* Behind the stream its sum and the length of the content, modulo 2^32. */
static enum pod_status all_gzip(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
				struct pod_budget *b, size_t *out_len, size_t *used)
{
	size_t at = gzip_head(in, in_len), n = 0;
	struct pod_inflate *z = at ? a->alloc(a, sizeof *z) : NULL;
	if (!z)
		return at ? POD_E_NOMEM : POD_E_UNSUPPORTED;
	enum pod_status st = pod_inflate_counted(z, in + at, in_len - at, out, max, b, out_len, &n);
	pod_free(a, z);
	at += n;
	if (st == POD_OK && (in_len - at < 8 || pod_get_le32(in + at + 4) != (uint32_t)*out_len))
		return POD_E_CORRUPT;
	*used = at + 8;
	return st;
}

static enum pod_status all_zstd(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
				struct pod_budget *b, size_t *out_len, size_t *used)
{
	struct pod_zstd *z = a->alloc(a, sizeof *z);
	if (!z)
		return POD_E_NOMEM;
	enum pod_status st = pod_zstd_counted(z, in, in_len, out, max, b, out_len, used);
	pod_free(a, z);
	return st;
}

enum pod_status pod_unpack_all(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
			       struct pod_budget *b, size_t *out_len, size_t *used)
{
	enum { NEAR_END = POD_ZSTD_BLOCK };
	enum pod_status st = POD_E_UNSUPPORTED;
	*out_len = *used = 0;
	switch (in_len < 13 ? POD_PACKED_NOT : pod_packing_of(in)) {
	case POD_PACKED_GZIP:
		st = all_gzip(a, in, in_len, out, max, b, out_len, used);
		break;
	case POD_PACKED_LZMA:
		return pod_unpack_all_lzma(a, in, in_len, out, max, b, out_len, used);
	case POD_PACKED_XZ:
		return pod_unpack_all_xz(a, in, in_len, out, max, b, out_len, used);
	case POD_PACKED_LZ4:
		return pod_unpack_all_lz4(in, in_len, out, max, b, out_len, used);
	case POD_PACKED_ZSTD:
		st = all_zstd(a, in, in_len, out, max, b, out_len, used);
		break;
	case POD_PACKED_BZIP2:
	case POD_PACKED_LZO:
	case POD_PACKED_NOT:
		break;
	}
	/* These two do not tell a full output from damage; a match that did not fit was left out. */
	return st == POD_E_CORRUPT && max - *out_len < NEAR_END ? POD_E_LIMIT : st;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is packed as Linux unpacks it (lib/decompress.c of the kernel: gzip, bzip2, lzma, xz, lzo, lz4, zstd): its beginning, enough
 * to see what is in it, or all of it. Sums are not looked at.
 */
#ifndef POD_BASE_UNPACK_H
#define POD_BASE_UNPACK_H

#include "core/base/alloc.h"
#include "core/base/budget.h"

enum pod_packing {
	POD_PACKED_NOT, /* or in no way that the kernel knows */
	POD_PACKED_GZIP,
	POD_PACKED_BZIP2,
	POD_PACKED_LZMA,
	POD_PACKED_XZ,
	POD_PACKED_LZO,
	POD_PACKED_LZ4,
	POD_PACKED_ZSTD,
};

#define POD_PACKING_BYTES 6u /* of the beginning say how something is packed */

enum pod_packing pod_packing_of(const uint8_t *head);

/* How many bytes must `in` hold for pod_unpack_first to give anything, as far as its first `len` say? bzip2 and Zstandard are unpacked a
 * block at a time. */
size_t pod_unpack_needs(const uint8_t *in, size_t len);
/* Unpacks the beginning of `in` to `out`: until `max` bytes are there, or `in` is used up or damaged. *out_len: how many bytes are there;
 * they are right, as long as `in` is. POD_E_UNSUPPORTED: it is packed in no way, or in a form, that is known here. */
enum pod_status POD_MUST_USE pod_unpack_first(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
					      size_t *out_len);

/*
 * All of the file that begins `in`, to `out`; *used: where it ends. What is unpacked costs steps of `b`, which may be NULL. POD_E_CORRUPT:
 * damaged or cut short; POD_E_LIMIT: longer than `max`; POD_E_UNSUPPORTED: bzip2 and lzo, which only small old initrds are packed in, and what
 * is not packed at all.
 */
enum pod_status POD_MUST_USE pod_unpack_all(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
					    struct pod_budget *b, size_t *out_len, size_t *used);
enum pod_status POD_MUST_USE pod_unpack_all_xz(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
					       struct pod_budget *b, size_t *out_len, size_t *used);
enum pod_status POD_MUST_USE pod_unpack_all_lzma(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
						 struct pod_budget *b, size_t *out_len, size_t *used);
enum pod_status POD_MUST_USE pod_unpack_all_lz4(const uint8_t *in, size_t in_len, uint8_t *out, size_t max, struct pod_budget *b,
						size_t *out_len, size_t *used);

/* Each of them, from where its own stream begins; as pod_unpack_first, but without a status: what there is of it counts. */
enum pod_status POD_MUST_USE pod_unpack_xz(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
					   size_t *out_len);
enum pod_status POD_MUST_USE pod_unpack_lzma(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
					     size_t *out_len);
enum pod_status POD_MUST_USE pod_unpack_bzip2(struct pod_alloc *a, const uint8_t *in, size_t in_len, uint8_t *out, size_t max,
					      size_t *out_len);
size_t pod_unpack_lz4(const uint8_t *in, size_t in_len, uint8_t *out, size_t max);
size_t pod_unpack_lzo(const uint8_t *in, size_t in_len, uint8_t *out, size_t max);
/* LZO1X alone, without a header. */
size_t pod_unpack_lzo1x(const uint8_t *in, size_t in_len, uint8_t *out, size_t max);

#endif

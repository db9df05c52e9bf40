/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POD_BASE_HASH_H
#define POD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 (ISO-HDLC: polynomial 0xEDB88320 reflected, as in GPT). Start with crc = 0; chainable. */
uint32_t pod_crc32(uint32_t crc, const void *data, size_t len);

/* CRC-32C (Castagnoli, as in VHDX). Start with crc = 0; chainable. Cheap over trailing zeros. */
uint32_t pod_crc32c(uint32_t crc, const void *data, size_t len);
/* The same of `len` zeros, which need not be there. */
uint32_t pod_crc32c_zeros(uint32_t crc, size_t len);

/* Of `len` bytes that hold the sum itself, 4 bytes at `at`, which counts as zeros. */
uint32_t pod_crc32_without(const void *data, size_t len, size_t at);
uint32_t pod_crc32c_without(const void *data, size_t len, size_t at);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 (FIPS 180-4): digests of EFI programs and certificates, as Secure Boot lists them. */
#ifndef POD_BASE_SHA256_H
#define POD_BASE_SHA256_H

#include "core/base/shablock.h"

#define POD_SHA256_LEN 32u

struct pod_sha256 {
	uint32_t h[8];
	struct pod_shablock last;
};

void pod_sha256_init(struct pod_sha256 *s);
void pod_sha256_update(struct pod_sha256 *s, const void *data, size_t len);
void pod_sha256_final(struct pod_sha256 *s, uint8_t out[POD_SHA256_LEN]);

#endif

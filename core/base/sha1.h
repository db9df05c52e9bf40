/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-1 (FIPS 180-4): names of blobs in WIM files. No protection against anybody who wants two files to have the same. */
#ifndef POD_BASE_SHA1_H
#define POD_BASE_SHA1_H

#include "core/base/shablock.h"

#define POD_SHA1_LEN 20u

struct pod_sha1 {
	uint32_t h[5];
	struct pod_shablock last;
};

void pod_sha1_init(struct pod_sha1 *s);
void pod_sha1_update(struct pod_sha1 *s, const void *data, size_t len);
void pod_sha1_final(struct pod_sha1 *s, uint8_t out[POD_SHA1_LEN]);

#endif

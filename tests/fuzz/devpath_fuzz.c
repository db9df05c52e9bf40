/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UEFI device paths as a firmware may hand them out. There is no length but the end node, so behind the input lie zeros, which
 * are a malformed node; whatever the nodes say, nothing further is looked at, and what is appended is found behind the path.
 *
 * Input: +0 u16 how much of the rest is the first path; the other part is the second.
 */
#include "tests/fuzz/fuzz.h"
#include "boot/efi/devpath.c"

#define BEHIND (PATH_LIMIT + 8u)

static EFI_DEVICE_PATH_PROTOCOL *path_of(const uint8_t *data, size_t len)
{
	uint8_t *p = calloc(1, len + BEHIND);
	FUZZ_REQUIRE(p);
	memcpy(p, data, len);
	return (EFI_DEVICE_PATH_PROTOCOL *)p;
}

static void walk(const EFI_DEVICE_PATH_PROTOCOL *p)
{
	size_t len = pod_efi_path_len(p), at = 0;
	FUZZ_REQUIRE(len <= PATH_LIMIT);
	for (const EFI_DEVICE_PATH_PROTOCOL *n = p; at < len; n = pod_efi_path_next(n))
		at = (size_t)((const uint8_t *)pod_efi_path_next(n) - (const uint8_t *)p);
	FUZZ_REQUIRE(at == len);
	FUZZ_REQUIRE(!len || pod_efi_path_extends(p, p, NULL));
}

static void append(const EFI_DEVICE_PATH_PROTOCOL *p, const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	fuzz_init(&env, data, 0, 512, 0, 0);
	size_t had = pod_efi_path_len(p);
	const EFI_DEVICE_PATH_PROTOCOL *rest;
	EFI_DEVICE_PATH_PROTOCOL *q = pod_efi_path_append(&env.alloc, p, MEDIA_DEVICE_PATH, MEDIA_FILEPATH_DP, data, len);
	/* A path that cannot be read cannot be appended to; nor may one be made that we would not read ourselves. */
	FUZZ_REQUIRE((q != NULL) == ((had || is_end(p)) && len + 4 <= UINT16_MAX && had + len + 4 <= PATH_LIMIT));
	if (q) {
		FUZZ_REQUIRE(pod_efi_path_len(q) == had + len + 4);
		FUZZ_REQUIRE(!had || pod_efi_path_extends(q, p, &rest));
		rest = (const EFI_DEVICE_PATH_PROTOCOL *)((const uint8_t *)q + had);
		FUZZ_REQUIRE(pod_efi_path_is(rest, MEDIA_DEVICE_PATH, MEDIA_FILEPATH_DP) && node_len(rest) == len + 4);
		FUZZ_REQUIRE(!len || memcmp((const uint8_t *)rest + 4, data, len) == 0);
	}
	pod_free(&env.alloc, q);
	fuzz_done(&env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 2)
		return 0;
	size_t first = pod_get_le16(data);
	data += 2, len -= 2;
	if (first > len)
		first = len;
	EFI_DEVICE_PATH_PROTOCOL *p = path_of(data, first), *q = path_of(data + first, len - first);
	const EFI_DEVICE_PATH_PROTOCOL *rest = NULL;
	walk(p);
	walk(q);
	if (pod_efi_path_extends(p, q, &rest))
		FUZZ_REQUIRE((size_t)((const uint8_t *)rest - (const uint8_t *)p) == pod_efi_path_len(q));
	append(p, data + first, len - first < 65532 ? len - first : 65532);
	free(p);
	free(q);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "cli/ui/ui.h"
#include "cli/host/digest.h"
#include "cli/host/identity.h"

enum { SHA256_SIZE = 32 };

static uint8_t seed[SHA256_SIZE + 4];
static bool seeded;
static uint32_t counter;

static void sha256(const void *data, size_t len, uint8_t out[SHA256_SIZE])
{
	struct cli_digest *d = cli_digest_need("sha256");
	uint8_t md[CLI_DIGEST_MAX];

	cli_digest_update(d, data, len);
	if (cli_digest_so_far(d, md) != SHA256_SIZE) {
		cli_error("%s", _("out of memory"));
		exit(CLI_FAILED);
	}
	memcpy(out, md, SHA256_SIZE);
	cli_digest_free(d);
}

bool cli_identity_seed(const char *hex)
{
	size_t n = strlen(hex);

	if (n == 0 || strspn(hex, "0123456789abcdefABCDEF") != n)
		return false;
	sha256(hex, n, seed);
	seeded = true;
	return true;
}

void cli_identity_bytes(void *out, size_t len)
{
	uint8_t block[SHA256_SIZE], *p = out;

	if (!seeded) {
		if (getrandom(out, len, 0) != (ssize_t)len) {
			cli_error("%s", _("the kernel gives no random numbers"));
			exit(CLI_FAILED);
		}
		return;
	}
	while (len) {
		size_t n = len < sizeof block ? len : sizeof block;

		memcpy(seed + SHA256_SIZE, &counter, sizeof counter);
		counter++;
		sha256(seed, sizeof seed, block);
		memcpy(p, block, n);
		p += n;
		len -= n;
	}
}

uint32_t cli_identity_u32(void)
{
	uint32_t v;

	do
		cli_identity_bytes(&v, sizeof v);
	while (v == 0);
	return v;
}

void cli_identity_guid(uint8_t out[16])
{
	cli_identity_bytes(out, 16);
	out[7] = (uint8_t)((out[7] & 0x0f) | 0x40);
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

int64_t cli_identity_time(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t v;

	if (epoch && cli_parse_uint(epoch, INT64_MAX, &v))
		return (int64_t)v;
	return seeded ? 1767225600 : (int64_t)time(NULL); /* 2026-01-01 */
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/evp.h>
#include <stdlib.h>
#include "cli/host/digest.h"
#include "cli/host/lazy.h"

/* clang-format off */
#define FUNCTIONS(X) \
	X(EVP_DigestFinal_ex) X(EVP_DigestInit_ex) X(EVP_DigestUpdate) X(EVP_MD_CTX_copy_ex) X(EVP_MD_CTX_free) \
	X(EVP_MD_CTX_new) X(EVP_get_digestbyname)
/* clang-format on */
LAZY_LIBRARY(lib, crypto, FUNCTIONS);

/* The longest of what libcrypto offers is not longer than what callers make room for. */
_Static_assert(EVP_MAX_MD_SIZE == CLI_DIGEST_MAX, "room for a digest");

struct cli_digest {
	EVP_MD_CTX *ctx;
	bool failed;
};

const char *cli_digest_missing(void)
{
	return lazy_load(&lib_library);
}

bool cli_digest_ready(struct fault *fault)
{
	const char *why = cli_digest_missing();

	if (why)
		fault_set(fault, _("nothing can be hashed: %s"), why);
	return !why;
}

struct cli_digest *cli_digest_new(const char *algorithm)
{
	struct cli_digest *d;
	const EVP_MD *md;

	if (cli_digest_missing())
		return NULL;
	d = cli_xzalloc(sizeof *d);
	d->ctx = lib.EVP_MD_CTX_new();
	md = lib.EVP_get_digestbyname(algorithm);
	if (d->ctx && md && lib.EVP_DigestInit_ex(d->ctx, md, NULL) == 1)
		return d;
	cli_digest_free(d);
	return NULL;
}

struct cli_digest *cli_digest_need(const char *algorithm, struct fault *fault)
{
	struct cli_digest *d = cli_digest_ready(fault) ? cli_digest_new(algorithm) : NULL;

	if (!d && !cli_digest_missing())
		fault_set(fault, "%s", _("this OpenSSL does not have that hash"));
	return d;
}

void cli_digest_update(struct cli_digest *d, const void *data, size_t len)
{
	d->failed |= lib.EVP_DigestUpdate(d->ctx, data, len) != 1;
}

size_t cli_digest_so_far(const struct cli_digest *d, uint8_t out[CLI_DIGEST_MAX])
{
	EVP_MD_CTX *copy = lib.EVP_MD_CTX_new();
	unsigned n = 0;

	if (d->failed || !copy || lib.EVP_MD_CTX_copy_ex(copy, d->ctx) != 1 || lib.EVP_DigestFinal_ex(copy, out, &n) != 1)
		n = 0;
	lib.EVP_MD_CTX_free(copy);
	return n;
}

void cli_digest_hex(const struct cli_digest *d, char hex[2 * CLI_DIGEST_MAX + 1])
{
	uint8_t md[CLI_DIGEST_MAX];
	size_t n = cli_digest_so_far(d, md);

	hex[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
}

void cli_digest_free(struct cli_digest *d)
{
	if (d)
		lib.EVP_MD_CTX_free(d->ctx);
	free(d);
}

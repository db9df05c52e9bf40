/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include "cli/host/lazy.h"
#include "cli/host/rsa.h"

/* clang-format off */
#define FUNCTIONS(X) \
	X(ERR_clear_error) X(EVP_DigestVerifyFinal) X(EVP_DigestVerifyInit) X(EVP_DigestUpdate) X(EVP_MD_CTX_free) X(EVP_MD_CTX_new) \
	X(EVP_PKEY_free) X(EVP_PKEY_get_base_id) X(EVP_get_digestbyname) X(d2i_PUBKEY)
/* clang-format on */
LAZY_LIBRARY(lib, crypto, FUNCTIONS);

/* Of 16384 bits, with an exponent as long as is usual: a longer one is made to keep the reader busy. */
enum { KEY_MAX = 2300, VALUE_MAX = 2048 };

static EVP_PKEY *read_key(struct pod_bytes key)
{
	const unsigned char *p = key.p;
	EVP_PKEY *out = key.p && key.len <= KEY_MAX ? lib.d2i_PUBKEY(NULL, &p, (long)key.len) : NULL;

	if (out && lib.EVP_PKEY_get_base_id(out) == EVP_PKEY_RSA)
		return out;
	lib.EVP_PKEY_free(out);
	return NULL;
}

int cli_rsa_verify(const char *hash, struct pod_bytes key, struct pod_bytes value, const struct pod_bytes *data, size_t pieces)
{
	EVP_PKEY *pkey;
	EVP_MD_CTX *ctx;
	const EVP_MD *md;
	int result = -1;

	if (lazy_load(&lib_library) || !value.p || value.len > VALUE_MAX)
		return -1;
	pkey = read_key(key);
	ctx = lib.EVP_MD_CTX_new();
	md = lib.EVP_get_digestbyname(hash);
	if (pkey && ctx && md && lib.EVP_DigestVerifyInit(ctx, NULL, md, NULL, pkey) == 1) {
		bool ok = true;

		for (size_t i = 0; i < pieces; i++)
			ok = ok && lib.EVP_DigestUpdate(ctx, data[i].p, data[i].len) == 1;
		if (ok)
			result = lib.EVP_DigestVerifyFinal(ctx, value.p, value.len) == 1;
	}
	lib.EVP_MD_CTX_free(ctx);
	lib.EVP_PKEY_free(pkey);
	lib.ERR_clear_error(); /* nobody asks for it, and it is kept */
	return result;
}

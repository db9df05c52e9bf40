/* SPDX-License-Identifier: BSD-2-Clause */
/* Was something signed with this key of RSA (PKCS #1 v1.5)? By libcrypto, which cli_digest_missing() loads. */
#ifndef POD_CLI_RSA_H
#define POD_CLI_RSA_H

#include "core/firm/signature.h"

/* `key`: a SubjectPublicKeyInfo that calls itself RSA's; `data`: one piece behind the other. 1: it was; 0: it was not; -1: that cannot be
 * told (no libcrypto, a key that is none, longer than anybody uses, or an unknown hash). */
int cli_rsa_verify(const char *hash, struct pod_bytes key, struct pod_bytes value, const struct pod_bytes *data, size_t pieces);

#endif

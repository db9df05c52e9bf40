/* SPDX-License-Identifier: BSD-2-Clause */
/* Hashes, by libcrypto, which is loaded for the first one. */
#ifndef POD_CLI_DIGEST_H
#define POD_CLI_DIGEST_H

#include "cli/ui/ui.h"

enum { CLI_DIGEST_MAX = 64 }; /* bytes of the longest, SHA-512 */

struct cli_digest;

/* Why nothing can be hashed, in a sentence; NULL: it can. */
const char *cli_digest_missing(void);
/* For commands that cannot do without, before they change anything: false, and has said why. */
bool cli_digest_ready(struct fault *fault);
/* "md5", "sha1", "sha256", "sha512": as OpenSSL calls them. NULL if libcrypto is missing or does not have that one. */
struct cli_digest *cli_digest_new(const char *algorithm);
/* The same, and says why not. */
struct cli_digest *cli_digest_need(const char *algorithm, struct fault *fault);
void cli_digest_update(struct cli_digest *d, const void *data, size_t len);
/* Of what was hashed so far; more may follow. Returns the number of bytes, 0 if it failed. */
size_t cli_digest_so_far(const struct cli_digest *d, uint8_t out[CLI_DIGEST_MAX]);
/* The same in hexadecimal digits, "" if it failed. */
void cli_digest_hex(const struct cli_digest *d, char hex[2 * CLI_DIGEST_MAX + 1]);
void cli_digest_free(struct cli_digest *d);

#endif

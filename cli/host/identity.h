/* SPDX-License-Identifier: BSD-2-Clause */
/* Random identities: disk signature, GUIDs, volume serial numbers. */
#ifndef POD_CLI_IDENTITY_H
#define POD_CLI_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes from the kernel, or, after cli_identity_seed(), from the seed: the same each time, for reproducible sticks. */
bool cli_identity_seed(const char *hex); /* false: no hex digits */
void cli_identity_bytes(void *out, size_t len);
uint32_t cli_identity_u32(void);	 /* never 0 */
void cli_identity_guid(uint8_t out[16]); /* RFC 9562 version 4, in GPT's byte order */

/* The time to stamp what is made, seconds since 1970: $SOURCE_DATE_EPOCH if it is set, a constant if seeded, else now. */
int64_t cli_identity_time(void);

#endif

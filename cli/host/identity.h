/* SPDX-License-Identifier: BSD-2-Clause */
/* Random identities: disk signature, GUIDs, volume serial numbers. */
#ifndef POD_CLI_IDENTITY_H
#define POD_CLI_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where identities come from: a seed, for sticks that come out the same each time. NULL, or all zero: the kernel. */
struct cli_identity {
	bool seeded;
	uint64_t state[4];
};
bool cli_identity_seed(struct cli_identity *id, const char *hex); /* false: no hex digits */
void cli_identity_bytes(struct cli_identity *id, void *out, size_t len);
uint32_t cli_identity_u32(struct cli_identity *id);		  /* never 0 */
void cli_identity_guid(struct cli_identity *id, uint8_t out[16]); /* RFC 9562 version 4, in GPT's byte order */

/* The time to stamp what is made, seconds since 1970: $SOURCE_DATE_EPOCH if it is set, a constant if seeded, else now. */
int64_t cli_identity_time(const struct cli_identity *id);

#endif

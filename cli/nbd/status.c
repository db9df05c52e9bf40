/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NBD_CMD_BLOCK_STATUS: for each context that the client has chosen one chunk, of descriptors that follow each other from the
 * request's offset on. They may end before the request does, and do so where more would take long.
 *
 *   chunk          head as nbd.c has it, then +0 4 context, then descriptors: +0 4 length  +4 4 flags
 */
#include "cli/ui/ui.h"
#include "cli/nbd/wire.h"
#include "core/base/bytes.h"

#define DESCRIPTORS_MAX 2048u
#define LOOKS_MAX	65536u /* of the disk's pieces, which are sectors where it is worst; all are done within the lock */

/* Descriptors of one context at `out`; returns how many. */
static enum pod_status describe(const struct cli_nbd_export *ex, unsigned context, uint64_t off, uint64_t len, unsigned max,
				uint8_t *out, unsigned *count)
{
	uint64_t run = 0;
	uint32_t flags = 0;

	*count = 0;
	for (unsigned looks = 0; len && looks < LOOKS_MAX; looks++) {
		struct cli_nbd_extent e = {0};

		POD_TRY(ex->extent(ex->ctx, context, off, len, &e));
		if (!e.len || e.len > len)
			return POD_E_CORRUPT;
		if (run && e.flags != flags) {
			if (*count + 1 == max)
				break;
			pod_put_be32(out + 8u * *count, (uint32_t)run);
			pod_put_be32(out + 8u * (*count)++ + 4, flags);
			run = 0;
		}
		flags = e.flags;
		run += e.len;
		off += e.len, len -= e.len;
	}
	pod_put_be32(out + 8u * *count, (uint32_t)run);
	pod_put_be32(out + 8u * (*count)++ + 4, flags);
	return POD_OK;
}

enum pod_status nbd_block_status(struct nbd_connection *c, const uint8_t *cookie, uint64_t off, uint32_t len, bool one,
				 size_t *out)
{
	unsigned max = one ? 1 : DESCRIPTORS_MAX, count;
	uint8_t *room = nbd_reply_room(c, (size_t)c->contexts * (NBD_CHUNK_HEAD + 4 + 8u * max));

	*out = 0;
	if (!room)
		return POD_E_NOMEM;
	for (unsigned i = 0; i < c->contexts; i++) {
		uint8_t *p = room + *out;
		enum pod_status st;

		nbd_enter(c->ex, NBD_LOOKS);
		st = describe(c->ex, c->context[i], off, len, max, p + NBD_CHUNK_HEAD + 4, &count);
		nbd_leave(c->ex);
		if (st != POD_OK)
			return st;
		nbd_put_chunk(p, i + 1 == c->contexts ? NBD_CHUNK_DONE : 0, NBD_CHUNK_STATUS, cookie, 4 + 8 * count);
		pod_put_be32(p + NBD_CHUNK_HEAD, i);
		*out += NBD_CHUNK_HEAD + 4 + 8u * count;
	}
	return POD_OK;
}

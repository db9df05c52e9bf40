/* SPDX-License-Identifier: BSD-2-Clause */
/* What negotiation and transmission share: numbers of the protocol (the NBD project's doc/proto.md), and the connection. */
#ifndef POD_CLI_NBD_WIRE_H
#define POD_CLI_NBD_WIRE_H

#include "cli/nbd/nbd.h"

#define NBD_OPTION_DATA_MAX 4096u
#define NBD_READ_MAX	    (32u << 20)
#define NBD_CONTEXT_MAX	    16u /* that a client may have at a time */
#define NBD_AHEAD	    16384u

#define NBD_ALLOCATION "base:allocation"
/* The name that QEMU gives to such contexts: its clients and nbdinfo know what the flags mean. */
#define NBD_DIRTY "qemu:dirty-bitmap:"

struct nbd_connection {
	int fd;
	const struct cli_nbd_source *source;
	const struct cli_nbd_export *ex; /* open from the end of negotiation on */
	uint64_t size_bytes;		 /* of it, as the client was told */
	bool no_zeroes, structured;
	/* NBD_OPT_SET_META_CONTEXT: for the export of this name, the numbers of `extent`; a context's identifier is its place here */
	char chosen[NBD_OPTION_DATA_MAX];
	unsigned context[NBD_CONTEXT_MAX], contexts;
	/* Grown on demand: replies that have not been sent, so that those to requests which came together leave together; what is to be
	 * written. */
	struct nbd_buffer {
		uint8_t *data;
		size_t size;
	} out, in;
	size_t out_len;
	uint8_t ahead[NBD_AHEAD]; /* what was received already: [ahead_at, ahead_len) */
	size_t ahead_at, ahead_len;
	uint8_t option[NBD_OPTION_DATA_MAX + 1];
	char name[NBD_OPTION_DATA_MAX], query[NBD_OPTION_DATA_MAX]; /* of an option */
};

bool nbd_receive(struct nbd_connection *c, void *buf, size_t len);
bool nbd_transmit(struct nbd_connection *c, const void *buf, size_t len);
/* Takes so many bytes off the stream. */
bool nbd_discard(struct nbd_connection *c, uint64_t len);
/* Room behind the replies that wait; NULL: no memory. */
uint8_t *nbd_reply_room(struct nbd_connection *c, size_t need);

/* Around each call to an export. */
enum nbd_what { NBD_LOOKS, NBD_CHANGES };
void nbd_enter(const struct cli_nbd_export *ex, enum nbd_what what);
void nbd_leave(const struct cli_nbd_export *ex);

/* True when transmission begins: c->ex is open. */
bool nbd_negotiate(struct nbd_connection *c);

enum { NBD_CHUNK_DONE = 1 };
enum {
	NBD_CHUNK_NONE = 0,
	NBD_CHUNK_DATA = 1,
	NBD_CHUNK_HOLE = 2,
	NBD_CHUNK_STATUS = 5,
	NBD_CHUNK_ERROR = 0x8001,
};
#define NBD_CHUNK_HEAD 20u
/* The head of a chunk of a structured reply. */
void nbd_put_chunk(uint8_t h[NBD_CHUNK_HEAD], uint16_t flags, uint16_t type, const uint8_t *cookie, uint32_t len);

/* NBD_CMD_BLOCK_STATUS: a chunk for each context behind the replies that wait. *out: how many bytes. */
enum pod_status POD_MUST_USE nbd_block_status(struct nbd_connection *c, const uint8_t *cookie, uint64_t off, uint32_t len,
					      bool one, size_t *out);

#endif

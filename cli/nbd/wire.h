/* SPDX-License-Identifier: BSD-2-Clause */
/* What negotiation and transmission share: numbers of the protocol (the NBD project's doc/proto.md), and the connection. */
#ifndef POD_CLI_NBD_WIRE_H
#define POD_CLI_NBD_WIRE_H

#include "cli/nbd/nbd.h"

#define NBD_OPTION_DATA_MAX 4096u
#define NBD_READ_MAX	    (32u << 20)
#define NBD_CONTEXT_MAX	    16u /* that a client may have at a time */

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
	uint8_t *buf; /* a reply; grown on demand */
	size_t buf_size;
	uint8_t option[NBD_OPTION_DATA_MAX + 1];
	char name[NBD_OPTION_DATA_MAX], query[NBD_OPTION_DATA_MAX]; /* of an option */
};

bool nbd_receive(int fd, void *buf, size_t len);
bool nbd_transmit(int fd, const void *buf, size_t len);
/* Takes so many bytes off the stream. */
bool nbd_discard(int fd, uint64_t len);
/* Room in c->buf. */
bool nbd_make_room(struct nbd_connection *c, size_t need);

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

/* NBD_CMD_BLOCK_STATUS: into c->buf, a chunk for each context. *out: how many bytes. */
enum pod_status POD_MUST_USE nbd_block_status(struct nbd_connection *c, const uint8_t *cookie, uint64_t off, uint32_t len,
					      bool one, size_t *out);

#endif

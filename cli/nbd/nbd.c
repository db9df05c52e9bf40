/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network Block Device, server side (the NBD project's doc/proto.md); all numbers are big-endian. How a connection begins is in
 * negotiate.c; here is what follows.
 *
 *   request        +0 4 25609513h  +4 2 flags  +6 2 type  +8 8 cookie  +16 8 offset  +24 4 length
 *   simple reply   +0 4 67446698h  +4 4 error  +8 8 cookie  then data
 *   chunk          +0 4 668E33EFh  +4 2 flags  +6 2 type  +8 8 cookie  +16 4 length  then data
 *
 * Reads and block status are answered in chunks once the client has asked for structured replies, all else simply.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "cli/ui/ui.h"
#include "cli/nbd/wire.h"
#include "core/base/bytes.h"

#define REQUEST_MAGIC	  0x25609513u
#define REPLY_MAGIC	  0x67446698u
#define CHUNK_MAGIC	  0x668e33efu
#define HANDSHAKE_SECONDS 30
#define ZEROS_PIECE	  (1u << 20)

enum { CMD_READ = 0, CMD_WRITE = 1, CMD_DISC = 2, CMD_FLUSH = 3, CMD_TRIM = 4, CMD_WRITE_ZEROES = 6, CMD_BLOCK_STATUS = 7 };
enum { FLAG_FUA = 1, FLAG_NO_HOLE = 2, FLAG_DF = 4, FLAG_REQ_ONE = 8, FLAG_FAST_ZERO = 16 };
enum { NBD_EPERM = 1, NBD_EIO = 5, NBD_ENOMEM = 12, NBD_EINVAL = 22, NBD_ENOSPC = 28, NBD_ENOTSUP = 95 };

struct request {
	uint16_t flags, type;
	uint64_t off;
	uint32_t len;
	uint8_t cookie[8];
};

/* --- the wire ------------------------------------------------------------------------------------------- */

bool nbd_receive(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool nbd_transmit(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool nbd_discard(int fd, uint64_t len)
{
	char sink[1024];

	while (len) {
		size_t n = len < sizeof sink ? (size_t)len : sizeof sink;

		if (!nbd_receive(fd, sink, n))
			return false;
		len -= n;
	}
	return true;
}

bool nbd_make_room(struct nbd_connection *c, size_t need)
{
	uint8_t *p;

	if (need <= c->buf_size)
		return true;
	p = realloc(c->buf, need);
	if (!p)
		return false;
	c->buf = p;
	c->buf_size = need;
	return true;
}

void nbd_enter(const struct cli_nbd_export *ex, enum nbd_what what)
{
	if (ex->gate && what == NBD_CHANGES)
		pthread_rwlock_wrlock(ex->gate);
	else if (ex->gate)
		pthread_rwlock_rdlock(ex->gate);
	if (ex->lock)
		pthread_mutex_lock(ex->lock);
}

void nbd_leave(const struct cli_nbd_export *ex)
{
	if (ex->lock)
		pthread_mutex_unlock(ex->lock);
	if (ex->gate)
		pthread_rwlock_unlock(ex->gate);
}

/* --- replies -------------------------------------------------------------------------------------------- */

static void put_simple(uint8_t h[16], const uint8_t *cookie, uint32_t error)
{
	pod_put_be32(h, REPLY_MAGIC);
	pod_put_be32(h + 4, error);
	memcpy(h + 8, cookie, 8);
}

void nbd_put_chunk(uint8_t h[NBD_CHUNK_HEAD], uint16_t flags, uint16_t type, const uint8_t *cookie, uint32_t len)
{
	pod_put_be32(h, CHUNK_MAGIC);
	pod_put_be16(h + 4, flags);
	pod_put_be16(h + 6, type);
	memcpy(h + 8, cookie, 8);
	pod_put_be32(h + 16, len);
}

static bool reply(struct nbd_connection *c, const struct request *r, uint32_t error)
{
	uint8_t h[16];

	put_simple(h, r->cookie, error);
	return nbd_transmit(c->fd, h, sizeof h);
}

/* The same to a request whose answer would have come in chunks. */
static bool reply_error(struct nbd_connection *c, const struct request *r, uint32_t error)
{
	uint8_t h[NBD_CHUNK_HEAD + 6] = {0};

	if (!c->structured)
		return reply(c, r, error);
	nbd_put_chunk(h, NBD_CHUNK_DONE, NBD_CHUNK_ERROR, r->cookie, 6);
	pod_put_be32(h + NBD_CHUNK_HEAD, error);
	return nbd_transmit(c->fd, h, sizeof h);
}

static uint32_t nbd_error(enum pod_status st)
{
	switch (st) {
	case POD_OK:
		return 0;
	case POD_E_NOSPACE:
		return NBD_ENOSPC;
	case POD_E_NOMEM:
		return NBD_ENOMEM;
	case POD_E_READONLY:
		return NBD_EPERM;
	default:
		return NBD_EIO;
	}
}

/* --- requests ------------------------------------------------------------------------------------------- */

static enum pod_status read_some(const struct cli_nbd_export *ex, uint64_t off, void *buf, size_t len)
{
	enum pod_status st;

	nbd_enter(ex, NBD_LOOKS);
	st = pod_dev_read(ex->dev, off, buf, len);
	nbd_leave(ex);
	return st;
}

static bool in_export(const struct nbd_connection *c, const struct request *r)
{
	return pod_in_range(r->off, r->len, c->size_bytes);
}

static bool serve_read(struct nbd_connection *c, const struct request *r)
{
	size_t head = c->structured ? NBD_CHUNK_HEAD + 8 : 16;
	enum pod_status st;

	if (r->len == 0 || r->len > NBD_READ_MAX || !in_export(c, r) || r->flags & ~(c->structured ? FLAG_DF : 0))
		return reply_error(c, r, NBD_EINVAL);
	if (!nbd_make_room(c, head + r->len))
		return reply_error(c, r, NBD_ENOMEM);
	st = read_some(c->ex, r->off, c->buf + head, r->len);
	if (st != POD_OK)
		return reply_error(c, r, NBD_EIO);
	if (c->structured) {
		nbd_put_chunk(c->buf, NBD_CHUNK_DONE, NBD_CHUNK_DATA, r->cookie, 8 + r->len);
		pod_put_be64(c->buf + NBD_CHUNK_HEAD, r->off);
	} else {
		put_simple(c->buf, r->cookie, 0);
	}
	return nbd_transmit(c->fd, c->buf, head + r->len);
}

static bool serve_status(struct nbd_connection *c, const struct request *r)
{
	enum pod_status st;
	size_t len;

	if (!c->contexts || !r->len || !in_export(c, r) || r->flags & ~FLAG_REQ_ONE)
		return reply_error(c, r, NBD_EINVAL);
	st = nbd_block_status(c, r->cookie, r->off, r->len, r->flags & FLAG_REQ_ONE, &len);
	return st == POD_OK ? nbd_transmit(c->fd, c->buf, len) : reply_error(c, r, nbd_error(st));
}

/* Zeros that have a place of their own in the file afterwards: they are written. */
static enum pod_status write_zeros(struct nbd_connection *c, uint64_t off, uint64_t len)
{
	if (!nbd_make_room(c, ZEROS_PIECE))
		return POD_E_NOMEM;
	memset(c->buf, 0, ZEROS_PIECE);
	while (len) {
		size_t n = (size_t)pod_min_u64(len, ZEROS_PIECE);
		enum pod_status st;

		nbd_enter(c->ex, NBD_CHANGES);
		st = pod_dev_write(c->ex->dev, off, c->buf, n);
		nbd_leave(c->ex);
		if (st != POD_OK)
			return st;
		off += n, len -= n;
	}
	return POD_OK;
}

/* Within the lock. */
static enum pod_status change(struct nbd_connection *c, const struct request *r)
{
	if (!r->len)
		return POD_OK;
	if (r->type == CMD_WRITE)
		return pod_dev_write(c->ex->dev, r->off, c->buf, r->len);
	return c->ex->zero(c->ex->ctx, r->off, r->len);
}

static uint16_t flags_of(uint16_t type)
{
	return FLAG_FUA | (type == CMD_WRITE_ZEROES ? FLAG_NO_HOLE | FLAG_FAST_ZERO : 0);
}

/* A write, trim, or write of zeros; its data, if any, are in the buffer. */
static bool serve_change(struct nbd_connection *c, const struct request *r)
{
	enum pod_status st = POD_OK;

	if (!c->ex->zero)
		return reply(c, r, NBD_EPERM);
	if (r->flags & ~flags_of(r->type))
		return reply(c, r, NBD_EINVAL);
	if (!in_export(c, r))
		return reply(c, r, r->type == CMD_TRIM ? NBD_EINVAL : NBD_ENOSPC);
	if (r->flags & FLAG_FAST_ZERO && (r->flags & FLAG_NO_HOLE || !c->ex->zero_is_fast))
		return reply(c, r, NBD_ENOTSUP);
	if (r->flags & FLAG_NO_HOLE)
		st = write_zeros(c, r->off, r->len);
	nbd_enter(c->ex, NBD_CHANGES);
	if (!(r->flags & FLAG_NO_HOLE))
		st = change(c, r);
	if (st == POD_OK && r->flags & FLAG_FUA)
		st = pod_dev_flush(c->ex->dev);
	if (st != POD_OK && c->ex->failed)
		c->ex->failed(c->ex->ctx, st);
	nbd_leave(c->ex);
	return reply(c, r, nbd_error(st));
}

static bool serve_write(struct nbd_connection *c, const struct request *r)
{
	if (r->len > NBD_READ_MAX)
		return false; /* its data follow, and must be taken off the stream: too much */
	if (!c->ex->zero || !nbd_make_room(c, r->len))
		return nbd_discard(c->fd, r->len) && reply(c, r, c->ex->zero ? NBD_ENOMEM : NBD_EPERM);
	return nbd_receive(c->fd, c->buf, r->len) && serve_change(c, r);
}

static bool serve_flush(struct nbd_connection *c, const struct request *r)
{
	enum pod_status st = POD_OK;

	if (!c->ex->zero)
		return reply(c, r, 0);
	nbd_enter(c->ex, NBD_CHANGES);
	st = pod_dev_flush(c->ex->dev);
	if (st != POD_OK && c->ex->failed)
		c->ex->failed(c->ex->ctx, st);
	nbd_leave(c->ex);
	return reply(c, r, nbd_error(st));
}

/* False: the connection ends. */
static bool serve_request(struct nbd_connection *c, const struct request *r)
{
	switch (r->type) {
	case CMD_READ:
		return serve_read(c, r);
	case CMD_WRITE:
		return serve_write(c, r);
	case CMD_DISC:
		return false;
	case CMD_FLUSH:
		return serve_flush(c, r);
	case CMD_TRIM:
	case CMD_WRITE_ZEROES:
		return serve_change(c, r);
	case CMD_BLOCK_STATUS:
		return serve_status(c, r);
	default:
		return reply(c, r, NBD_EINVAL);
	}
}

static void transmission(struct nbd_connection *c)
{
	uint8_t h[28];
	struct request r;

	do {
		if (!nbd_receive(c->fd, h, sizeof h) || pod_get_be32(h) != REQUEST_MAGIC)
			return;
		r = (struct request){.flags = pod_get_be16(h + 4),
				     .type = pod_get_be16(h + 6),
				     .off = pod_get_be64(h + 16),
				     .len = pod_get_be32(h + 24)};
		memcpy(r.cookie, h + 8, 8);
	} while (serve_request(c, &r));
}

void cli_nbd_serve(int fd, const struct cli_nbd_source *source)
{
	struct nbd_connection *c = calloc(1, sizeof *c);
	struct timeval tv = {.tv_sec = HANDSHAKE_SECONDS};

	if (!c)
		return;
	c->fd = fd;
	c->source = source;
	/* A client may sit idle once it is in, but not at the door. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	if (nbd_negotiate(c)) {
		tv.tv_sec = 0;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
		transmission(c);
	}
	if (c->ex)
		source->close(source->ctx, c->ex);
	free(c->buf);
	free(c);
}

/* --- a source with one export --------------------------------------------------------------------------- */

static void list_one(void *ctx, bool (*cb)(void *arg, const char *name), void *arg)
{
	(void)cb(arg, ((const struct cli_nbd_export *)ctx)->name);
}

static const struct cli_nbd_export *open_one(void *ctx, const char *name)
{
	(void)name;
	return ctx;
}

static void close_one(void *ctx, const struct cli_nbd_export *ex)
{
	(void)ctx;
	(void)ex;
}

struct cli_nbd_source cli_nbd_one(struct cli_nbd_export *ex)
{
	return (struct cli_nbd_source){.list = list_one, .open = open_one, .close = close_one, .ctx = ex};
}

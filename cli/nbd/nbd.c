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
#define REPLIES_WAIT	  (128u << 10) /* more are sent before the next request is looked at */
#define PIECES		  16u

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

bool nbd_transmit(struct nbd_connection *c, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* Sends what waits. */
static bool flush_replies(struct nbd_connection *c)
{
	size_t len = c->out_len;

	c->out_len = 0;
	return nbd_transmit(c, c->out.data, len);
}

static bool receive_some(struct nbd_connection *c, void *buf, size_t len, size_t *got)
{
	ssize_t n;

	/* Nobody waits for a reply that waits for the next request. */
	if (!flush_replies(c))
		return false;
	do
		n = recv(c->fd, buf, len, 0);
	while (n < 0 && errno == EINTR);
	*got = n > 0 ? (size_t)n : 0;
	return n > 0;
}

bool nbd_receive(struct nbd_connection *c, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		size_t n = c->ahead_len - c->ahead_at;

		if (!n && len >= sizeof c->ahead) {
			if (!receive_some(c, p, len, &n))
				return false;
		} else if (!n) {
			c->ahead_at = 0;
			if (!receive_some(c, c->ahead, sizeof c->ahead, &c->ahead_len)) {
				c->ahead_len = 0;
				return false;
			}
			continue;
		} else {
			n = n < len ? n : len;
			memcpy(p, c->ahead + c->ahead_at, n);
			c->ahead_at += n;
		}
		p += n;
		len -= n;
	}
	return true;
}

bool nbd_discard(struct nbd_connection *c, uint64_t len)
{
	char sink[1024];

	while (len) {
		size_t n = len < sizeof sink ? (size_t)len : sizeof sink;

		if (!nbd_receive(c, sink, n))
			return false;
		len -= n;
	}
	return true;
}

static bool make_room(struct nbd_buffer *b, size_t need)
{
	uint8_t *p;

	if (need <= b->size)
		return true;
	p = realloc(b->data, need);
	if (!p)
		return false;
	b->data = p;
	b->size = need;
	return true;
}

uint8_t *nbd_reply_room(struct nbd_connection *c, size_t need)
{
	return make_room(&c->out, c->out_len + need) ? c->out.data + c->out_len : NULL;
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

/* So many bytes in nbd_reply_room are a reply. */
static bool reply_made(struct nbd_connection *c, size_t len)
{
	c->out_len += len;
	return c->out_len < REPLIES_WAIT || flush_replies(c);
}

static bool reply(struct nbd_connection *c, const struct request *r, uint32_t error)
{
	uint8_t *h = nbd_reply_room(c, 16);

	if (!h)
		return false;
	put_simple(h, r->cookie, error);
	return reply_made(c, 16);
}

/* The same to a request whose answer would have come in chunks. */
static bool reply_error(struct nbd_connection *c, const struct request *r, uint32_t error)
{
	uint8_t *h = nbd_reply_room(c, NBD_CHUNK_HEAD + 6);

	if (!c->structured)
		return reply(c, r, error);
	if (!h)
		return false;
	nbd_put_chunk(h, NBD_CHUNK_DONE, NBD_CHUNK_ERROR, r->cookie, 6);
	pod_put_be32(h + NBD_CHUNK_HEAD, error);
	pod_put_be16(h + NBD_CHUNK_HEAD + 4, 0);
	return reply_made(c, NBD_CHUNK_HEAD + 6);
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

/* The beginning of a range, or all of it; *done: how much. The places are looked up one request at a time, and read by all at once. */
static enum pod_status read_some(const struct cli_nbd_export *ex, uint64_t off, uint8_t *buf, size_t len, size_t *done)
{
	struct cli_nbd_piece piece[PIECES];
	enum pod_status st = POD_OK;
	unsigned n;

	nbd_enter(ex, NBD_LOOKS);
	n = ex->locate ? ex->locate(ex->ctx, off, len, piece, PIECES) : 0;
	*done = n ? 0 : len;
	if (!n)
		st = pod_dev_read(ex->dev, off, buf, len);
	if (ex->lock)
		pthread_mutex_unlock(ex->lock);
	for (unsigned i = 0; st == POD_OK && i < n; i++) {
		const struct cli_nbd_piece *p = &piece[i];

		if (p->dev)
			st = p->dev->read(p->dev, p->off_bytes, buf + *done, p->len);
		else
			memset(buf + *done, 0, p->len);
		*done += p->len;
	}
	if (ex->gate)
		pthread_rwlock_unlock(ex->gate);
	return st;
}

static enum pod_status read_all(const struct cli_nbd_export *ex, uint64_t off, uint8_t *buf, size_t len)
{
	enum pod_status st = POD_OK;
	size_t done;

	for (; st == POD_OK && len; off += done, buf += done, len -= done)
		st = read_some(ex, off, buf, len, &done);
	return st;
}

static bool in_export(const struct nbd_connection *c, const struct request *r)
{
	return pod_in_range(r->off, r->len, c->size_bytes);
}

static bool serve_read(struct nbd_connection *c, const struct request *r)
{
	size_t head = c->structured ? NBD_CHUNK_HEAD + 8 : 16;
	uint8_t *room;

	if (r->len == 0 || r->len > NBD_READ_MAX || !in_export(c, r) || r->flags & ~(c->structured ? FLAG_DF : 0))
		return reply_error(c, r, NBD_EINVAL);
	room = nbd_reply_room(c, head + r->len);
	if (!room)
		return reply_error(c, r, NBD_ENOMEM);
	if (read_all(c->ex, r->off, room + head, r->len) != POD_OK)
		return reply_error(c, r, NBD_EIO);
	if (c->structured) {
		nbd_put_chunk(room, NBD_CHUNK_DONE, NBD_CHUNK_DATA, r->cookie, 8 + r->len);
		pod_put_be64(room + NBD_CHUNK_HEAD, r->off);
	} else {
		put_simple(room, r->cookie, 0);
	}
	return reply_made(c, head + r->len);
}

static bool serve_status(struct nbd_connection *c, const struct request *r)
{
	enum pod_status st;
	size_t len;

	if (!c->contexts || !r->len || !in_export(c, r) || r->flags & ~FLAG_REQ_ONE)
		return reply_error(c, r, NBD_EINVAL);
	st = nbd_block_status(c, r->cookie, r->off, r->len, r->flags & FLAG_REQ_ONE, &len);
	return st == POD_OK ? reply_made(c, len) : reply_error(c, r, nbd_error(st));
}

/* Zeros that have a place of their own in the file afterwards: they are written. */
static enum pod_status write_zeros(struct nbd_connection *c, uint64_t off, uint64_t len)
{
	if (!make_room(&c->in, ZEROS_PIECE))
		return POD_E_NOMEM;
	memset(c->in.data, 0, ZEROS_PIECE);
	while (len) {
		size_t n = (size_t)pod_min_u64(len, ZEROS_PIECE);
		enum pod_status st;

		nbd_enter(c->ex, NBD_CHANGES);
		st = pod_dev_write(c->ex->dev, off, c->in.data, n);
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
		return pod_dev_write(c->ex->dev, r->off, c->in.data, r->len);
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
	if (!c->ex->zero || !make_room(&c->in, r->len))
		return nbd_discard(c, r->len) && reply(c, r, c->ex->zero ? NBD_ENOMEM : NBD_EPERM);
	return nbd_receive(c, c->in.data, r->len) && serve_change(c, r);
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
	/* What waits for the drive keeps no reply back. */
	if ((r->flags & FLAG_FUA || (r->type != CMD_READ && r->type != CMD_WRITE)) && !flush_replies(c))
		return false;
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
		if (!nbd_receive(c, h, sizeof h) || pod_get_be32(h) != REQUEST_MAGIC)
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
		(void)flush_replies(c);
	}
	if (c->ex)
		source->close(source->ctx, c->ex);
	free(c->in.data);
	free(c->out.data);
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

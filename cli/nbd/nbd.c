/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network Block Device, server side (the NBD project's doc/proto.md): fixed newstyle negotiation, simple replies. All numbers are
 * big-endian.
 *
 *   greeting       +0 8 "NBDMAGIC"  +8 8 "IHAVEOPT"  +16 2 handshake flags
 *   client flags   +0 4
 *   option         +0 8 "IHAVEOPT"  +8 4 option  +12 4 length  then data
 *   option reply   +0 8 0003E889045565A9h  +8 4 option  +12 4 type  +16 4 length  then data
 *   request        +0 4 25609513h  +4 2 flags  +6 2 type  +8 8 cookie  +16 8 offset  +24 4 length
 *   simple reply   +0 4 67446698h  +4 4 error  +8 8 cookie  then data
 *
 * There is one disk: every export name leads to it. A client that breaks the framing is cut off; one that asks for what we do not
 * do gets an error and may go on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "cli/ui/ui.h"
#include "cli/nbd/nbd.h"
#include "core/base/bytes.h"

#define OPTION_MAGIC	   0x49484156454f5054ull /* "IHAVEOPT" */
#define OPTION_REPLY_MAGIC 0x0003e889045565a9ull
#define REQUEST_MAGIC	   0x25609513u
#define REPLY_MAGIC	   0x67446698u

#define OPTION_DATA_MAX	  4096u
#define OPTION_COUNT_MAX  64u
#define READ_MAX	  (32u << 20)
#define HANDSHAKE_SECONDS 30

enum { FLAG_FIXED_NEWSTYLE = 1, FLAG_NO_ZEROES = 2 };
enum { OPT_EXPORT_NAME = 1, OPT_ABORT = 2, OPT_LIST = 3, OPT_INFO = 6, OPT_GO = 7 };
enum { REP_ACK = 1, REP_SERVER = 2, REP_INFO = 3 };
#define REP_ERR_UNSUP	0x80000001u
#define REP_ERR_INVALID 0x80000003u
#define REP_ERR_TOO_BIG 0x80000009u
enum { INFO_EXPORT = 0, INFO_NAME = 1, INFO_DESCRIPTION = 2, INFO_BLOCK_SIZE = 3 };
enum { CMD_READ = 0, CMD_WRITE = 1, CMD_DISC = 2, CMD_FLUSH = 3, CMD_TRIM = 4, CMD_WRITE_ZEROES = 6 };
enum { CMD_FLAG_FUA = 1, CMD_FLAG_NO_HOLE = 2 };
/* has flags, read-only, flush is harmless, several connections see the same */
enum { FLAGS_READ_ONLY = 1 | 2 | 4 | 256 };
/* has flags, flush, FUA, trim, write zeroes, several connections see the same */
enum { FLAGS_WRITABLE = 1 | 4 | 8 | 32 | 64 | 256 };
enum { NBD_EPERM = 1, NBD_EIO = 5, NBD_ENOMEM = 12, NBD_EINVAL = 22, NBD_ENOSPC = 28 };

struct connection {
	int fd;
	const struct cli_nbd_export *ex;
	bool no_zeroes;
	uint8_t *buf; /* reply header and data of a read; grown on demand */
	size_t buf_size;
	uint8_t option[OPTION_DATA_MAX];
};

static bool receive(int fd, void *buf, size_t len)
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

static bool transmit(int fd, const void *buf, size_t len)
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

static bool discard(int fd, uint64_t len)
{
	char sink[1024];

	while (len) {
		size_t n = len < sizeof sink ? (size_t)len : sizeof sink;

		if (!receive(fd, sink, n))
			return false;
		len -= n;
	}
	return true;
}

static bool reply_option(struct connection *c, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
	uint8_t h[20];

	pod_put_be32(h, (uint32_t)(OPTION_REPLY_MAGIC >> 32));
	pod_put_be32(h + 4, (uint32_t)OPTION_REPLY_MAGIC);
	pod_put_be32(h + 8, option);
	pod_put_be32(h + 12, type);
	pod_put_be32(h + 16, len);
	return transmit(c->fd, h, sizeof h) && (len == 0 || transmit(c->fd, data, len));
}

static uint16_t transmission_flags(const struct connection *c)
{
	return c->ex->zero ? FLAGS_WRITABLE : FLAGS_READ_ONLY;
}

static bool send_list(struct connection *c)
{
	uint8_t data[260];
	size_t n = strnlen(c->ex->name, 255);

	pod_put_be32(data, (uint32_t)n);
	memcpy(data + 4, c->ex->name, n);
	return reply_option(c, OPT_LIST, REP_SERVER, data, (uint32_t)(4 + n)) && reply_option(c, OPT_LIST, REP_ACK, NULL, 0);
}

static bool send_text_info(struct connection *c, uint32_t option, uint16_t type, const char *text)
{
	uint8_t data[258];
	size_t n = strnlen(text, 256);

	pod_put_be16(data, type);
	memcpy(data + 2, text, n);
	return reply_option(c, option, REP_INFO, data, (uint32_t)(2 + n));
}

/* OPT_INFO and OPT_GO: +0 4 name length, name, 2 count of requests, 2 each. */
static bool send_info(struct connection *c, uint32_t option, const uint8_t *data, uint32_t len, bool *bad)
{
	uint8_t info[14];
	uint32_t name_len = len >= 4 ? pod_get_be32(data) : 0, count;

	*bad = len < 6 || name_len > len - 6;
	if (!*bad) {
		count = pod_get_be16(data + 4 + name_len);
		*bad = len != 6 + name_len + 2 * count;
	}
	if (*bad)
		return reply_option(c, option, REP_ERR_INVALID, NULL, 0);

	pod_put_be16(info, INFO_EXPORT);
	pod_put_be64(info + 2, c->ex->dev->size_bytes);
	pod_put_be16(info + 10, transmission_flags(c));
	if (!reply_option(c, option, REP_INFO, info, 12))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint16_t want = pod_get_be16(data + 4 + name_len + 2 + 2 * i);

		if (want == INFO_BLOCK_SIZE) {
			pod_put_be16(info, INFO_BLOCK_SIZE);
			pod_put_be32(info + 2, 1);
			pod_put_be32(info + 6, 4096);
			pod_put_be32(info + 10, READ_MAX);
			if (!reply_option(c, option, REP_INFO, info, 14))
				return false;
		} else if (want == INFO_NAME && !send_text_info(c, option, INFO_NAME, c->ex->name)) {
			return false;
		} else if (want == INFO_DESCRIPTION && !send_text_info(c, option, INFO_DESCRIPTION, c->ex->description)) {
			return false;
		}
	}
	return reply_option(c, option, REP_ACK, NULL, 0);
}

/* The old way into transmission: no reply header, and 124 zeros unless both sides waived them. */
static bool send_export(struct connection *c)
{
	uint8_t out[10 + 124] = {0};

	pod_put_be64(out, c->ex->dev->size_bytes);
	pod_put_be16(out + 8, transmission_flags(c));
	return transmit(c->fd, out, c->no_zeroes ? 10 : sizeof out);
}

/* True when transmission begins. */
static bool negotiate(struct connection *c)
{
	uint8_t h[18];
	uint32_t flags;

	memcpy(h, "NBDMAGICIHAVEOPT", 16);
	pod_put_be16(h + 16, FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES);
	if (!transmit(c->fd, h, sizeof h) || !receive(c->fd, h, 4))
		return false;
	flags = pod_get_be32(h);
	if (flags & ~(uint32_t)(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES))
		return false;
	c->no_zeroes = flags & FLAG_NO_ZEROES;

	for (unsigned round = 0; round < OPTION_COUNT_MAX; round++) {
		uint32_t option, len;
		bool bad;

		if (!receive(c->fd, h, 16) || pod_get_be64(h) != OPTION_MAGIC)
			return false;
		option = pod_get_be32(h + 8);
		len = pod_get_be32(h + 12);
		if (len > sizeof c->option) {
			if (option == OPT_EXPORT_NAME || len > READ_MAX || !discard(c->fd, len) ||
			    !reply_option(c, option, REP_ERR_TOO_BIG, NULL, 0))
				return false;
			continue;
		}
		if (!receive(c->fd, c->option, len))
			return false;
		switch (option) {
		case OPT_EXPORT_NAME:
			return send_export(c);
		case OPT_ABORT:
			(void)!reply_option(c, option, REP_ACK, NULL, 0);
			return false;
		case OPT_LIST:
			if (len ? !reply_option(c, option, REP_ERR_INVALID, NULL, 0) : !send_list(c))
				return false;
			break;
		case OPT_INFO:
		case OPT_GO:
			if (!send_info(c, option, c->option, len, &bad))
				return false;
			if (option == OPT_GO && !bad)
				return true;
			break;
		default:
			if (!reply_option(c, option, REP_ERR_UNSUP, NULL, 0))
				return false;
		}
	}
	return false;
}

static bool reply(struct connection *c, const uint8_t *cookie, uint32_t error)
{
	uint8_t h[16];

	pod_put_be32(h, REPLY_MAGIC);
	pod_put_be32(h + 4, error);
	memcpy(h + 8, cookie, 8);
	return transmit(c->fd, h, sizeof h);
}

static bool make_room(struct connection *c, size_t need)
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

static void enter(struct connection *c)
{
	if (c->ex->lock)
		pthread_mutex_lock(c->ex->lock);
}

static void leave(struct connection *c)
{
	if (c->ex->lock)
		pthread_mutex_unlock(c->ex->lock);
}

static void tell(struct connection *c, enum pod_status st)
{
	if (st != POD_OK && c->ex->failed)
		c->ex->failed(c->ex->ctx, st);
}

static bool serve_read(struct connection *c, const uint8_t *cookie, uint64_t off, uint32_t len)
{
	size_t need = (size_t)len + 16;
	enum pod_status st;

	if (len == 0 || len > READ_MAX || !pod_in_range(off, len, c->ex->dev->size_bytes))
		return reply(c, cookie, NBD_EINVAL);
	if (!make_room(c, need))
		return reply(c, cookie, NBD_ENOMEM);
	enter(c);
	st = pod_dev_read(c->ex->dev, off, c->buf + 16, len);
	leave(c);
	if (st != POD_OK)
		return reply(c, cookie, NBD_EIO);
	pod_put_be32(c->buf, REPLY_MAGIC);
	pod_put_be32(c->buf + 4, 0);
	memcpy(c->buf + 8, cookie, 8);
	return transmit(c->fd, c->buf, need);
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

/* A write, trim, or write of zeros; its data, if any, are in the buffer. */
static bool serve_change(struct connection *c, uint16_t type, uint16_t flags, const uint8_t *cookie, uint64_t off, uint32_t len)
{
	enum pod_status st = POD_OK;

	if (!c->ex->zero)
		return reply(c, cookie, NBD_EPERM);
	if (!pod_in_range(off, len, c->ex->dev->size_bytes) || flags & ~(CMD_FLAG_FUA | CMD_FLAG_NO_HOLE))
		return reply(c, cookie, off > c->ex->dev->size_bytes - len ? NBD_ENOSPC : NBD_EINVAL);
	enter(c);
	if (len)
		st = type == CMD_WRITE ? pod_dev_write(c->ex->dev, off, c->buf, len) : c->ex->zero(c->ex->ctx, off, len);
	if (st == POD_OK && flags & CMD_FLAG_FUA)
		st = pod_dev_flush(c->ex->dev);
	tell(c, st);
	leave(c);
	return reply(c, cookie, nbd_error(st));
}

static bool serve_write(struct connection *c, uint16_t flags, const uint8_t *cookie, uint64_t off, uint32_t len)
{
	if (len > READ_MAX)
		return false; /* its data follow, and must be taken off the stream: too much */
	if (!c->ex->zero || !make_room(c, len))
		return discard(c->fd, len) && reply(c, cookie, c->ex->zero ? NBD_ENOMEM : NBD_EPERM);
	return receive(c->fd, c->buf, len) && serve_change(c, CMD_WRITE, flags, cookie, off, len);
}

static bool serve_flush(struct connection *c, const uint8_t *cookie)
{
	enum pod_status st = POD_OK;

	enter(c);
	if (c->ex->zero)
		st = pod_dev_flush(c->ex->dev);
	tell(c, st);
	leave(c);
	return reply(c, cookie, nbd_error(st));
}

static void transmission(struct connection *c)
{
	uint8_t h[28];

	while (receive(c->fd, h, sizeof h) && pod_get_be32(h) == REQUEST_MAGIC) {
		uint16_t flags = pod_get_be16(h + 4), type = pod_get_be16(h + 6);
		uint64_t off = pod_get_be64(h + 16);
		uint32_t len = pod_get_be32(h + 24);
		const uint8_t *cookie = h + 8;
		bool ok;

		switch (type) {
		case CMD_READ:
			ok = serve_read(c, cookie, off, len);
			break;
		case CMD_WRITE:
			ok = serve_write(c, flags, cookie, off, len);
			break;
		case CMD_DISC:
			return;
		case CMD_FLUSH:
			ok = serve_flush(c, cookie);
			break;
		case CMD_TRIM:
		case CMD_WRITE_ZEROES:
			ok = c->ex->zero ? serve_change(c, type, flags, cookie, off, len) : reply(c, cookie, NBD_EINVAL);
			break;
		default:
			ok = reply(c, cookie, NBD_EINVAL);
		}
		if (!ok)
			return;
	}
}

void cli_nbd_serve(int fd, const struct cli_nbd_export *ex)
{
	struct connection *c = calloc(1, sizeof *c);
	struct timeval tv = {.tv_sec = HANDSHAKE_SECONDS};

	if (!c)
		return;
	c->fd = fd;
	c->ex = ex;
	/* A client may sit idle once it is in, but not at the door. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	if (negotiate(c)) {
		tv.tv_sec = 0;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
		transmission(c);
	}
	free(c->buf);
	free(c);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first half of a connection: fixed newstyle negotiation.
 *
 *   greeting       +0 8 "NBDMAGIC"  +8 8 "IHAVEOPT"  +16 2 handshake flags
 *   client flags   +0 4
 *   option         +0 8 "IHAVEOPT"  +8 4 option  +12 4 length  then data
 *   option reply   +0 8 0003E889045565A9h  +8 4 option  +12 4 type  +16 4 length  then data
 *
 * A client that breaks the framing is cut off; one that asks for what we do not do gets an error and may go on.
 */
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/nbd/wire.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

#define OPTION_MAGIC	   0x49484156454f5054ull /* "IHAVEOPT" */
#define OPTION_REPLY_MAGIC 0x0003e889045565a9ull
/* A client that looks at all layers of a store asks some options for each. */
#define OPTION_COUNT_MAX 16384u
#define QUERIES_MAX	 64u
#define NAME_MAX_BYTES	 255u
#define CONTEXT_NAME_MAX (NAME_MAX_BYTES + sizeof NBD_DIRTY)

enum { FLAG_FIXED_NEWSTYLE = 1, FLAG_NO_ZEROES = 2 };
enum {
	OPT_EXPORT_NAME = 1,
	OPT_ABORT = 2,
	OPT_LIST = 3,
	OPT_INFO = 6,
	OPT_GO = 7,
	OPT_STRUCTURED_REPLY = 8,
	OPT_LIST_META_CONTEXT = 9,
	OPT_SET_META_CONTEXT = 10,
};
enum { REP_ACK = 1, REP_SERVER = 2, REP_INFO = 3, REP_META_CONTEXT = 4 };
#define REP_ERR_UNSUP	0x80000001u
#define REP_ERR_INVALID 0x80000003u
#define REP_ERR_UNKNOWN 0x80000006u
#define REP_ERR_TOO_BIG 0x80000009u
enum { INFO_EXPORT = 0, INFO_NAME = 1, INFO_DESCRIPTION = 2, INFO_BLOCK_SIZE = 3 };
/* Transmission flags. Several connections see the same, and a flush on one is one for all: there is one disk behind them. */
enum {
	HAS_FLAGS = 1,
	READ_ONLY = 2,
	SEND_FLUSH = 4,
	SEND_FUA = 8,
	SEND_TRIM = 32,
	SEND_WRITE_ZEROES = 64,
	SEND_DF = 128,
	CAN_MULTI_CONN = 256,
	SEND_FAST_ZERO = 2048,
	ALWAYS = HAS_FLAGS | SEND_FLUSH | CAN_MULTI_CONN,
	WRITABLE = SEND_FUA | SEND_TRIM | SEND_WRITE_ZEROES | SEND_FAST_ZERO,
};

static bool reply(struct nbd_connection *c, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
	uint8_t h[20];

	pod_put_be64(h, OPTION_REPLY_MAGIC);
	pod_put_be32(h + 8, option);
	pod_put_be32(h + 12, type);
	pod_put_be32(h + 16, len);
	return nbd_transmit(c, h, sizeof h) && (len == 0 || nbd_transmit(c, data, len));
}

static uint16_t transmission_flags(const struct nbd_connection *c, const struct cli_nbd_export *ex)
{
	return (uint16_t)(ALWAYS | (ex->zero ? WRITABLE : READ_ONLY) | (c->structured ? SEND_DF : 0));
}

/* --- which exports there are ---------------------------------------------------------------------------- */

struct listing {
	struct nbd_connection *c;
	bool ok;
};

static bool list_one(void *arg, const char *name)
{
	struct listing *l = arg;
	uint8_t data[4 + NAME_MAX_BYTES];
	size_t n = strnlen(name, NAME_MAX_BYTES);

	pod_put_be32(data, (uint32_t)n);
	memcpy(data + 4, name, n);
	l->ok = reply(l->c, OPT_LIST, REP_SERVER, data, (uint32_t)(4 + n));
	return l->ok;
}

static bool send_list(struct nbd_connection *c)
{
	struct listing l = {.c = c, .ok = true};

	c->source->list(c->source->ctx, list_one, &l);
	return l.ok && reply(c, OPT_LIST, REP_ACK, NULL, 0);
}

/* A string at `at` of an option's data, behind which at least `keep` bytes follow. False: it is cut off. */
static bool take_string(const uint8_t *data, uint32_t len, uint32_t *at, uint32_t keep, char out[NBD_OPTION_DATA_MAX])
{
	uint32_t n;

	if (len < 4 || *at > len - 4)
		return false;
	n = pod_get_be32(data + *at);
	*at += 4;
	if (keep > len - *at || n > len - *at - keep)
		return false;
	memcpy(out, data + *at, n);
	out[n] = '\0';
	*at += n;
	return true;
}

/* --- one export ----------------------------------------------------------------------------------------- */

static bool send_text_info(struct nbd_connection *c, uint32_t option, uint16_t type, const char *text)
{
	uint8_t data[258];
	size_t n = strnlen(text, 256);

	pod_put_be16(data, type);
	memcpy(data + 2, text, n);
	return reply(c, option, REP_INFO, data, (uint32_t)(2 + n));
}

static bool send_export_info(struct nbd_connection *c, const struct cli_nbd_export *ex, uint64_t size, uint32_t option)
{
	uint8_t info[12];

	pod_put_be16(info, INFO_EXPORT);
	pod_put_be64(info + 2, size);
	pod_put_be16(info + 10, transmission_flags(c, ex));
	return reply(c, option, REP_INFO, info, sizeof info);
}

static bool send_wanted_info(struct nbd_connection *c, const struct cli_nbd_export *ex, uint32_t option, uint16_t want)
{
	uint8_t info[14];

	if (want == INFO_NAME)
		return send_text_info(c, option, INFO_NAME, ex->name);
	if (want == INFO_DESCRIPTION)
		return send_text_info(c, option, INFO_DESCRIPTION, ex->description);
	if (want != INFO_BLOCK_SIZE)
		return true;
	pod_put_be16(info, INFO_BLOCK_SIZE);
	pod_put_be32(info + 2, 1);
	pod_put_be32(info + 6, 4096);
	pod_put_be32(info + 10, NBD_READ_MAX);
	return reply(c, option, REP_INFO, info, sizeof info);
}

static void close_export(struct nbd_connection *c, const struct cli_nbd_export *ex)
{
	c->source->close(c->source->ctx, ex);
}

/* The disk may be being exchanged for another one of that size. */
static uint64_t size_of(const struct cli_nbd_export *ex)
{
	uint64_t size;

	nbd_enter(ex, NBD_LOOKS);
	size = ex->dev->size_bytes;
	nbd_leave(ex);
	return size;
}

/* What was chosen for one export says nothing about another. */
static void enter_export(struct nbd_connection *c, const struct cli_nbd_export *ex, uint64_t size, const char *name)
{
	c->ex = ex;
	c->size_bytes = size;
	if (strcmp(c->chosen, name) != 0)
		c->contexts = 0;
}

/* OPT_INFO and OPT_GO: +0 4 name length, name, 2 count of requests, 2 each. *in: transmission begins. */
static bool send_info(struct nbd_connection *c, uint32_t option, uint32_t len, bool *in)
{
	uint32_t at = 0, count;
	const struct cli_nbd_export *ex;
	uint64_t size;
	bool ok;

	*in = false;
	if (!take_string(c->option, len, &at, 2, c->name))
		return reply(c, option, REP_ERR_INVALID, NULL, 0);
	count = pod_get_be16(c->option + at);
	at += 2;
	if (len - at != 2 * count)
		return reply(c, option, REP_ERR_INVALID, NULL, 0);
	ex = c->source->open(c->source->ctx, c->name);
	if (!ex)
		return reply(c, option, REP_ERR_UNKNOWN, NULL, 0);
	size = size_of(ex);
	ok = send_export_info(c, ex, size, option);
	for (uint32_t i = 0; ok && i < count; i++)
		ok = send_wanted_info(c, ex, option, pod_get_be16(c->option + at + 2 * i));
	ok = ok && reply(c, option, REP_ACK, NULL, 0);
	*in = ok && option == OPT_GO;
	if (*in)
		enter_export(c, ex, size, c->name);
	else
		close_export(c, ex);
	return ok;
}

/* The old way into transmission: no reply header, and 124 zeros unless both sides waived them. An error has no form here. */
static bool send_export(struct nbd_connection *c, uint32_t len)
{
	uint8_t out[10 + 124] = {0};
	const struct cli_nbd_export *ex;

	c->option[len] = '\0';
	ex = c->source->open(c->source->ctx, (const char *)c->option);
	if (!ex)
		return false;
	enter_export(c, ex, size_of(ex), (const char *)c->option);
	pod_put_be64(out, c->size_bytes);
	pod_put_be16(out + 8, transmission_flags(c, ex));
	return nbd_transmit(c, out, c->no_zeroes ? 10 : sizeof out);
}

/* --- contexts ------------------------------------------------------------------------------------------- */

/* The name of context `n` in `out`; false: there is none. Within the export's lock. */
static bool context_name(const struct cli_nbd_export *ex, unsigned n, char out[CONTEXT_NAME_MAX])
{
	const char *layer = NULL;

	if (n == 0)
		return ex->extent && snprintf(out, CONTEXT_NAME_MAX, "%s", NBD_ALLOCATION) > 0;
	layer = ex->extent && ex->since ? ex->since(ex->ctx, n) : NULL;
	return layer && snprintf(out, CONTEXT_NAME_MAX, NBD_DIRTY "%s", layer) > 0;
}

/* To set a context it is named; to list them, a name that ends in a colon stands for all that begin so. */
static bool asked_for(const char *name, const char *query, bool set)
{
	size_t n = strlen(query);

	if (!set && n && query[n - 1] == ':')
		return strncmp(name, query, n) == 0;
	return strcmp(name, query) == 0;
}

static bool choose(struct nbd_connection *c, unsigned n, uint32_t *id)
{
	for (*id = 0; *id < c->contexts; ++*id)
		if (c->context[*id] == n)
			return false; /* has it */
	if (c->contexts == NBD_CONTEXT_MAX)
		return false;
	c->context[c->contexts++] = n;
	return true;
}

/* Answers one query; `query` NULL: all there is. */
static bool send_contexts(struct nbd_connection *c, const struct cli_nbd_export *ex, uint32_t option, const char *query)
{
	bool set = option == OPT_SET_META_CONTEXT, ok = true;

	for (unsigned n = 0; ok; n++) {
		uint8_t data[4 + CONTEXT_NAME_MAX];
		char name[CONTEXT_NAME_MAX];
		uint32_t id = 0;
		bool there;

		nbd_enter(ex, NBD_LOOKS);
		there = context_name(ex, n, name);
		nbd_leave(ex);
		if (!there)
			break;
		if ((query && !asked_for(name, query, set)) || (set && !choose(c, n, &id)))
			continue;
		pod_put_be32(data, id);
		memcpy(data + 4, name, strlen(name));
		ok = reply(c, option, REP_META_CONTEXT, data, (uint32_t)(4 + strlen(name)));
	}
	return ok;
}

/* +0 4 name length, name, 4 count of queries; each 4 length, string. */
static bool meta_context(struct nbd_connection *c, uint32_t option, uint32_t len)
{
	const struct cli_nbd_export *ex;
	uint32_t at = 0, count, check;
	bool set = option == OPT_SET_META_CONTEXT, ok;

	if (set)
		c->contexts = 0;
	if ((set && !c->structured) || !take_string(c->option, len, &at, 4, c->name))
		return reply(c, option, REP_ERR_INVALID, NULL, 0);
	count = pod_get_be32(c->option + at);
	if (count > QUERIES_MAX)
		return reply(c, option, REP_ERR_TOO_BIG, NULL, 0);
	at += 4;
	check = at;
	for (uint32_t i = 0; i < count; i++)
		if (!take_string(c->option, len, &check, 0, c->query))
			return reply(c, option, REP_ERR_INVALID, NULL, 0);
	if (check != len)
		return reply(c, option, REP_ERR_INVALID, NULL, 0);
	ex = c->source->open(c->source->ctx, c->name);
	if (!ex)
		return reply(c, option, REP_ERR_UNKNOWN, NULL, 0);
	if (set)
		pod_strlcpy(c->chosen, c->name, sizeof c->chosen);
	ok = count || set || send_contexts(c, ex, option, NULL);
	for (uint32_t i = 0; ok && i < count; i++)
		ok = take_string(c->option, len, &at, 0, c->query) && send_contexts(c, ex, option, c->query);
	close_export(c, ex);
	return ok && reply(c, option, REP_ACK, NULL, 0);
}

/* --- the talk ------------------------------------------------------------------------------------------- */

static bool greet(struct nbd_connection *c)
{
	uint8_t h[18];
	uint32_t flags;

	memcpy(h, "NBDMAGICIHAVEOPT", 16);
	pod_put_be16(h + 16, FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES);
	if (!nbd_transmit(c, h, sizeof h) || !nbd_receive(c, h, 4))
		return false;
	flags = pod_get_be32(h);
	c->no_zeroes = flags & FLAG_NO_ZEROES;
	return !(flags & ~(uint32_t)(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES));
}

/* Options after which the talk goes on. False: it does not. */
static bool answer(struct nbd_connection *c, uint32_t option, uint32_t len, bool *in)
{
	switch (option) {
	case OPT_LIST:
		return len ? reply(c, option, REP_ERR_INVALID, NULL, 0) : send_list(c);
	case OPT_INFO:
	case OPT_GO:
		return send_info(c, option, len, in);
	case OPT_STRUCTURED_REPLY:
		if (len)
			return reply(c, option, REP_ERR_INVALID, NULL, 0);
		c->structured = true;
		return reply(c, option, REP_ACK, NULL, 0);
	case OPT_LIST_META_CONTEXT:
	case OPT_SET_META_CONTEXT:
		return meta_context(c, option, len);
	default:
		return reply(c, option, REP_ERR_UNSUP, NULL, 0);
	}
}

bool nbd_negotiate(struct nbd_connection *c)
{
	uint8_t h[16];
	bool in = false;

	if (!greet(c))
		return false;
	for (unsigned round = 0; round < OPTION_COUNT_MAX && !in; round++) {
		uint32_t option, len;

		if (!nbd_receive(c, h, sizeof h) || pod_get_be64(h) != OPTION_MAGIC)
			return false;
		option = pod_get_be32(h + 8);
		len = pod_get_be32(h + 12);
		if (len >= sizeof c->option) {
			if (option == OPT_EXPORT_NAME || len > NBD_READ_MAX || !nbd_discard(c, len) ||
			    !reply(c, option, REP_ERR_TOO_BIG, NULL, 0))
				return false;
			continue;
		}
		if (!nbd_receive(c, c->option, len))
			return false;
		if (option == OPT_EXPORT_NAME)
			return send_export(c, len);
		if (option == OPT_ABORT) {
			(void)!reply(c, option, REP_ACK, NULL, 0);
			return false;
		}
		if (!answer(c, option, len, &in))
			return false;
	}
	return in;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificates and signatures of programs, as DER. */
#ifndef POD_TESTS_UNIT_DER_H
#define POD_TESTS_UNIT_DER_H

#include <string.h>
#include "core/base/bytes.h"

/* DER, put together from the inside outwards. */
struct der {
	uint8_t p[2048];
	size_t len;
};

static struct der cat(struct der a, struct der b)
{
	memcpy(a.p + a.len, b.p, b.len);
	a.len += b.len;
	return a;
}

static struct der value(uint8_t tag, struct der in)
{
	struct der out = {{tag}, 1};

	if (in.len > 0x7f)
		out.p[out.len++] = 0x82, out.p[out.len++] = (uint8_t)(in.len >> 8);
	out.p[out.len++] = (uint8_t)in.len;
	return cat(out, in);
}

static struct der bytes(uint8_t tag, const void *data, size_t len)
{
	struct der in = {.len = len};

	memcpy(in.p, data, len);
	return value(tag, in);
}
#define OID(s)	      bytes(0x06, s, sizeof(s) - 1)
#define NUMBER(n)     bytes(0x02, &(uint8_t){n}, 1)
#define EMPTY	      ((struct der){.len = 0})
#define RSA(n)	      OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01" n)
#define SEQUENCE(...) value(0x30, __VA_ARGS__)

static struct der name(uint8_t tag, const char *text, size_t len)
{
	return SEQUENCE(cat(value(0x31, SEQUENCE(cat(OID("\x55\x04\x0a"), bytes(0x13, "Moth Inc", 8)))),
			    value(0x31, SEQUENCE(cat(OID("\x55\x04\x03"), bytes(tag, text, len))))));
}

static struct der extension(const char *oid, bool critical, struct der content)
{
	struct der e = bytes(0x06, oid, 3);

	if (critical)
		e = cat(e, bytes(0x01, "\xff", 1));
	return SEQUENCE(cat(e, value(0x04, content)));
}

/* Issued by `issuer`; key identifiers of one byte, 0: none. */
static struct der certificate(uint8_t serial, const char *issuer, const char *subject, uint8_t key, uint8_t issuer_key)
{
	struct der t = value(0xa0, NUMBER(2)), e = EMPTY;

	t = cat(t, NUMBER(serial));
	t = cat(t, SEQUENCE(EMPTY));
	t = cat(t, name(0x0c, issuer, strlen(issuer)));
	t = cat(t, SEQUENCE(EMPTY));
	t = cat(t, name(0x0c, subject, strlen(subject)));
	t = cat(t, SEQUENCE(cat(SEQUENCE(RSA("\x01")), bytes(0x03, "\0key", 4))));
	if (key)
		e = cat(e, extension("\x55\x1d\x0e", true, bytes(0x04, &key, 1)));
	if (issuer_key)
		e = cat(e, extension("\x55\x1d\x23", false, SEQUENCE(bytes(0x80, &issuer_key, 1))));
	t = cat(t, value(0xa3, SEQUENCE(e)));
	return SEQUENCE(cat(SEQUENCE(t), cat(SEQUENCE(RSA("\x0c")), bytes(0x03, "\0issuer's", 9))));
}

/* What the signer says behind his name. */
static struct der signer_signed(void)
{
	struct der a = SEQUENCE(cat(OID("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"), value(0x31, EMPTY)));

	a = cat(a, SEQUENCE(cat(OID("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"), value(0x31, bytes(0x04, "digest", 6)))));
	return cat(SEQUENCE(OID("\x60\x86\x48\x01\x65\x03\x04\x02\x03")),
		   cat(value(0xa0, a), cat(SEQUENCE(RSA("\x01")), bytes(0x04, "signer's", 8))));
}

/* Signed by certificate `serial` of `issuer`; `certs` are in it; the program's digest is this. */
static struct der signature_of(struct der certs, const char *issuer, uint8_t serial, const uint8_t digest[32])
{
	struct der d;

	d = SEQUENCE(
		cat(SEQUENCE(cat(OID("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), bytes(0x05, "", 0))), bytes(0x04, digest, 32)));
	d = value(0xa0, SEQUENCE(cat(SEQUENCE(EMPTY), d)));
	d = SEQUENCE(cat(OID("\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x04"), d));
	d = cat(cat(NUMBER(1), value(0x31, EMPTY)), d);
	d = cat(d, value(0xa0, certs));
	d = cat(d, value(0x31, SEQUENCE(cat(cat(NUMBER(1), SEQUENCE(cat(name(0x0c, issuer, strlen(issuer)), NUMBER(serial)))),
					    signer_signed()))));
	return SEQUENCE(cat(OID("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), value(0xa0, SEQUENCE(d))));
}

#endif

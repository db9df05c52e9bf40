/* SPDX-License-Identifier: BSD-2-Clause */
/* What openssl, sbsign and osslsigncode write is read in tests/interop/doctor_signed.py. */
#include "core/base/bytes.h"
#include "core/firm/signature.h"
#include "tests/unit/test.h"

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

/* Signed by certificate `serial` of `issuer`; `certs` are in it. */
static struct der signature(struct der certs, const char *issuer, uint8_t serial)
{
	uint8_t digest[32];
	struct der d;

	memset(digest, 0x5a, sizeof digest);
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

static uint8_t table[8192];
static struct pod_pe pe;
static struct pod_signature sig;

static void entry(struct der d, uint16_t kind)
{
	uint8_t *p = table + pe.cert_len;

	pod_put_le32(p, (uint32_t)d.len + 8);
	pod_put_le16(p + 4, 0x200);
	pod_put_le16(p + 6, kind);
	memcpy(p + 8, d.p, d.len);
	pe.cert_len += ((uint32_t)d.len + 8 + 7) & ~7u;
}

static void start(void)
{
	memset(table, 0, sizeof table);
	memset(&pe, 0, sizeof pe);
}

TEST(signer_digest_and_chain)
{
	struct der ca = certificate(1, "Moth CA", "Moth CA", 7, 7), leaf = certificate(2, "Moth CA", "Moth", 9, 7);
	char text[POD_X509_NAME_MAX];
	uint32_t at = 0;

	start();
	entry(signature(cat(ca, leaf), "Moth CA", 2), 2);
	REQUIRE(pod_signature_next(table, &pe, &at, &sig) == POD_OK);
	CHECK_EQ(sig.hash, POD_HASH_SHA256);
	REQUIRE(sig.digest.len == 32);
	CHECK_EQ(sig.digest.p[0], 0x5a);
	REQUIRE(sig.cert_count == 2);
	CHECK_EQ(sig.signer, 1);
	pod_x509_name(sig.signer_issuer, text);
	CHECK_STR(text, "Moth CA");
	pod_x509_name(sig.cert[1].subject, text);
	CHECK_STR(text, "Moth");
	CHECK_EQ(sig.cert[0].der.len, ca.len);
	CHECK(memcmp(sig.cert[0].der.p, ca.p, ca.len) == 0);
	CHECK_EQ(sig.cert[0].tbs.p - sig.cert[0].der.p, ca.len > 0x81 ? 4 : 2);
	REQUIRE(sig.cert[1].key_id.len == 1);
	CHECK_EQ(sig.cert[1].key_id.p[0], 9);
	CHECK(pod_x509_issued_by(&sig.cert[1], &sig.cert[0]));
	CHECK(!pod_x509_issued_by(&sig.cert[0], &sig.cert[1]));
	CHECK_EQ(pod_signature_next(table, &pe, &at, &sig), POD_END);
}

static bool is(struct pod_bytes b, const char *text)
{
	return b.len == strlen(text) && memcmp(b.p, text, b.len) == 0;
}

/* All that it takes to tell whether keys and signatures belong together. */
TEST(what_was_signed)
{
	struct der leaf = certificate(2, "Moth CA", "Moth", 9, 7);
	uint32_t at = 0;

	start();
	entry(signature(leaf, "Moth CA", 2), 2);
	REQUIRE(pod_signature_next(table, &pe, &at, &sig) == POD_OK);
	CHECK_EQ(sig.content.p[0], 0x30);
	CHECK_EQ(sig.content.p[1], 0); /* the data's kind, which is empty here, and then what holds the digest */
	CHECK(sig.digest.p > sig.content.p && sig.digest.p + sig.digest.len == sig.content.p + sig.content.len);
	CHECK_EQ(sig.attributes.p[0], 0xa0);
	CHECK(is(sig.content_digest, "digest"));
	CHECK_EQ(sig.by_signer.hash, POD_HASH_SHA512); /* RSA alone: by the hash of the digest */
	CHECK(is(sig.by_signer.value, "signer's"));
	CHECK_EQ(sig.cert[0].by_issuer.hash, POD_HASH_SHA384);
	CHECK(is(sig.cert[0].by_issuer.value, "issuer's"));
	CHECK_EQ(sig.cert[0].rsa_key.p[0], 0x30);
	CHECK(memcmp(sig.cert[0].rsa_key.p + sig.cert[0].rsa_key.len - 3, "key", 3) == 0);
}

TEST(same_name_but_another_key)
{
	struct der a = certificate(1, "Moth CA", "Moth CA", 7, 0), b = certificate(2, "Moth CA", "Moth", 9, 8);
	struct der c = certificate(2, "Moth CA", "Moth", 0, 0), d = certificate(2, "Larva CA", "Moth", 0, 0);
	struct pod_x509 ca, x;

	REQUIRE(pod_x509_read(a.p, a.len, &ca) == POD_OK);
	REQUIRE(pod_x509_read(b.p, b.len, &x) == POD_OK);
	CHECK(!pod_x509_issued_by(&x, &ca));
	REQUIRE(pod_x509_read(c.p, c.len, &x) == POD_OK);
	CHECK(pod_x509_issued_by(&x, &ca)); /* it does not say which key */
	REQUIRE(pod_x509_read(d.p, d.len, &x) == POD_OK);
	CHECK(!pod_x509_issued_by(&x, &ca));
}

TEST(several_signatures_and_other_kinds)
{
	uint32_t at = 0;

	start();
	entry(signature(EMPTY, "Moth CA", 2), 2);
	entry(signature(EMPTY, "Larva CA", 2), 0xef0);
	entry(signature(EMPTY, "Larva CA", 3), 2);
	REQUIRE(pod_signature_next(table, &pe, &at, &sig) == POD_OK);
	CHECK_EQ(sig.signer, -1);
	CHECK_EQ(pod_signature_next(table, &pe, &at, &sig), POD_E_UNSUPPORTED);
	REQUIRE(pod_signature_next(table, &pe, &at, &sig) == POD_OK);
	CHECK_EQ(sig.signer_serial.p[0], 3);
	CHECK_EQ(pod_signature_next(table, &pe, &at, &sig), POD_END);
	/* no signature at all */
	start();
	at = 0;
	CHECK_EQ(pod_signature_next(table, &pe, &at, &sig), POD_END);
}

TEST(more_certificates_than_are_kept)
{
	struct der certs = EMPTY;
	uint32_t at = 0;

	start();
	for (uint8_t i = 0; i < POD_SIGNATURE_CERTS_MAX + 3; i++)
		certs = cat(certs,
			    SEQUENCE(cat(SEQUENCE(cat(cat(cat(NUMBER(i), SEQUENCE(EMPTY)), cat(SEQUENCE(EMPTY), SEQUENCE(EMPTY))),
						      SEQUENCE(EMPTY))),
					 EMPTY)));
	entry(signature(certs, "Moth CA", 2), 2);
	REQUIRE(pod_signature_next(table, &pe, &at, &sig) == POD_OK);
	CHECK_EQ(sig.cert_count, POD_SIGNATURE_CERTS_MAX);
}

TEST(names)
{
	static const uint8_t bmp[] = {0x7a, 0x97, 0, 'x', 0x20, 0x2e};
	char text[POD_X509_NAME_MAX], longer[300];
	struct der n = name(0x1e, (const char *)bmp, sizeof bmp);

	pod_x509_name((struct pod_bytes){n.p, n.len}, text);
	CHECK_STR(text, "\xe7\xaa\x97x?"); /* U+202E turns the direction of writing */
	n = SEQUENCE(value(0x31, SEQUENCE(cat(OID("\x55\x04\x0a"), bytes(0x13, "Moth Inc", 8)))));
	pod_x509_name((struct pod_bytes){n.p, n.len}, text);
	CHECK_STR(text, "Moth Inc");
	n = name(0x0c, "a\x1b[2Jb", 6);
	pod_x509_name((struct pod_bytes){n.p, n.len}, text);
	CHECK_STR(text, "a?[2Jb");
	memset(longer, 'm', sizeof longer);
	n = name(0x0c, longer, sizeof longer);
	pod_x509_name((struct pod_bytes){n.p, n.len}, text);
	CHECK_EQ(strlen(text), POD_X509_NAME_MAX - 1);
	pod_x509_name((struct pod_bytes){NULL, 0}, text);
	CHECK_STR(text, "");
}

/* Whatever is cut off or made longer: no answer, and no byte outside is touched (the sanitizer looks). */
TEST(damaged)
{
	struct der s = signature(certificate(2, "Moth CA", "Moth", 9, 7), "Moth CA", 2);
	uint32_t at;

	for (size_t cut = 0; cut < s.len; cut++) {
		uint8_t *p = malloc(cut + 8);

		REQUIRE(p);
		memset(&pe, 0, sizeof pe);
		pe.cert_len = (uint32_t)cut + 8;
		pod_put_le32(p, (uint32_t)cut + 8);
		pod_put_le32(p + 4, 0x20200);
		memcpy(p + 8, s.p, cut);
		at = 0;
		CHECK_EQ(pod_signature_next(p, &pe, &at, &sig), POD_E_CORRUPT);
		free(p);
	}
	start();
	entry(s, 2);
	pod_put_le32(table, pe.cert_len + 1);
	at = 0;
	CHECK_EQ(pod_signature_next(table, &pe, &at, &sig), POD_E_CORRUPT);
	pod_put_le32(table, 7);
	CHECK_EQ(pod_signature_next(table, &pe, &at, &sig), POD_E_CORRUPT);
	/* a length of 5 digits, and none at all */
	start();
	entry(s, 2);
	table[9] = 0x85;
	at = 0;
	CHECK_EQ(pod_signature_next(table, &pe, &at, &sig), POD_E_CORRUPT);
	table[9] = 0x80;
	at = 0;
	CHECK_EQ(pod_signature_next(table, &pe, &at, &sig), POD_E_CORRUPT);
}

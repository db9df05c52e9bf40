/* SPDX-License-Identifier: BSD-2-Clause */
/* What openssl, sbsign and osslsigncode write is read in tests/interop/doctor_signed.py. */
#include "core/firm/signature.h"
#include "tests/unit/der.h"
#include "tests/unit/test.h"

static struct der signature(struct der certs, const char *issuer, uint8_t serial)
{
	uint8_t digest[32];

	memset(digest, 0x5a, sizeof digest);
	return signature_of(certs, issuer, serial, digest);
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Certificate table: entries, each from a multiple of 8 on: +0 4 length with this head, +4 2 revision 0x200, +6 2 kind (2: PKCS #7).
 *
 *   ContentInfo    SEQUENCE { OID signedData, [0] SignedData }
 *   SignedData     SEQUENCE { INTEGER, SET of algorithms, SEQUENCE { OID SpcIndirectData, [0] content }, [0] certificates,
 *                             [1] revocation lists, SET of SignerInfo }
 *   content        SEQUENCE { SEQUENCE of whatever, SEQUENCE { SEQUENCE { OID of the hash }, OCTET STRING digest } }
 *   SignerInfo     SEQUENCE { INTEGER, SEQUENCE { Name issuer, INTEGER serial }, SEQUENCE { OID of the hash }, [0] attributes,
 *                             SEQUENCE { OID of RSA, with or without a hash }, OCTET STRING }
 *   Certificate    SEQUENCE { SEQUENCE { [0] version, INTEGER serial, SEQUENCE, Name issuer, SEQUENCE, Name subject,
 *                             SEQUENCE { SEQUENCE { OID of RSA }, BIT STRING } key, [1], [2], [3] SEQUENCE of extensions },
 *                             SEQUENCE { OID of RSA and a hash }, BIT STRING }
 *
 * Each level is entered by a function of its own: the depth is that of this table. What is inside a value is a range of its bytes, so
 * every loop ends where the value does.
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/text.h"
#include "core/firm/signature.h"

enum {
	TAG_INTEGER = 0x02,
	TAG_BITS = 0x03,
	TAG_OCTETS = 0x04,
	TAG_OID = 0x06,
	TAG_BMP = 0x1e,
	TAG_SEQUENCE = 0x30,
	TAG_SET = 0x31,
	TAG_0 = 0xa0, /* [0], constructed */
	TAG_3 = 0xa3,
	TAG_KEY_ID = 0x80, /* [0] of AuthorityKeyIdentifier */
};

struct value {
	uint8_t tag;
	struct pod_bytes body, whole;
};

/* Takes the next value off `in`, which may be out->body. False at its end, or where it is not DER: indefinite lengths and long tags are
 * not used here. */
static bool next(struct pod_bytes *in, struct value *out)
{
	const uint8_t *p = in->p;
	size_t head = 2, len;

	if (in->len < 2 || (p[0] & 0x1f) == 0x1f)
		return false;
	len = p[1];
	if (len & 0x80) {
		size_t digits = len & 0x7f;

		if (!digits || digits > 4 || in->len - 2 < digits)
			return false;
		for (len = 0; head < 2 + digits; head++)
			len = len << 8 | p[head];
	}
	if (len > in->len - head)
		return false;
	in->p += head + len;
	in->len -= head + len;
	*out = (struct value){p[0], {p + head, len}, {p, head + len}};
	return true;
}

/* The next value must have this tag. */
static bool take(struct pod_bytes *in, uint8_t tag, struct value *out)
{
	return next(in, out) && out->tag == tag;
}

/* The second of two values that both have this tag. */
static bool take_second(struct pod_bytes *in, uint8_t tag, struct value *out)
{
	if (!take(in, tag, out))
		return false;
	return take(in, tag, out);
}

static bool same(struct pod_bytes a, struct pod_bytes b)
{
	return a.p && b.p && a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

static bool is_oid(const struct value *v, const uint8_t *oid, size_t len)
{
	return v->tag == TAG_OID && v->body.len == len && memcmp(v->body.p, oid, len) == 0;
}
#define IS_OID(v, oid) is_oid(v, oid, sizeof(oid))

static const uint8_t oid_signed_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};    /* 1.2.840.113549.1.7.2 */
static const uint8_t oid_indirect[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x04}; /* 1.3.6.1.4.1.311.2.1.4 */
static const uint8_t oid_sha1[] = {0x2b, 0x0e, 0x03, 0x02, 0x1a};				    /* 1.3.14.3.2.26 */
static const uint8_t oid_sha2[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02};		    /* 2.16.840.1.101.3.4.2.N */
static const uint8_t oid_rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01};		    /* 1.2.840.113549.1.1.N */
static const uint8_t oid_digest[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04};	    /* 1.2.840.113549.1.9.4 */
static const uint8_t oid_common_name[] = {0x55, 0x04, 0x03}, oid_organization[] = {0x55, 0x04, 0x0a};
static const uint8_t oid_key_id[] = {0x55, 0x1d, 0x0e}, oid_issuer_key_id[] = {0x55, 0x1d, 0x23};

/* --- algorithms ------------------------------------------------------------------------------------------------------------ */

/* The last number of an OID that begins so; -1. */
static int last_of(const struct value *oid, const uint8_t *front, size_t len)
{
	return oid->tag == TAG_OID && oid->body.len == len + 1 && memcmp(oid->body.p, front, len) == 0 ? oid->body.p[len] : -1;
}

static enum pod_hash hash_of(const struct value *oid)
{
	static const enum pod_hash sha2[] = {POD_HASH_UNKNOWN, POD_HASH_SHA256, POD_HASH_SHA384, POD_HASH_SHA512};
	int n = last_of(oid, oid_sha2, sizeof oid_sha2);

	if (IS_OID(oid, oid_sha1))
		return POD_HASH_SHA1;
	return n >= 0 && n < (int)POD_ARRAY_LEN(sha2) ? sha2[n] : POD_HASH_UNKNOWN;
}

/* RSA alone (1), or with a hash (RFC 8017, A.2.4), which else is `hash`. */
static enum pod_hash rsa_hash_of(const struct value *oid, enum pod_hash hash)
{
	switch (last_of(oid, oid_rsa, sizeof oid_rsa)) {
	case 1:
		return hash;
	case 5:
		return POD_HASH_SHA1;
	case 11:
		return POD_HASH_SHA256;
	case 12:
		return POD_HASH_SHA384;
	case 13:
		return POD_HASH_SHA512;
	default:
		return POD_HASH_UNKNOWN;
	}
}

/* A BIT STRING of whole bytes. */
static bool take_bits(struct pod_bytes *in, struct pod_bytes *out)
{
	struct value v;

	if (!take(in, TAG_BITS, &v) || !v.body.len || v.body.p[0])
		return false;
	*out = (struct pod_bytes){v.body.p + 1, v.body.len - 1};
	return true;
}

/* --- certificates ---------------------------------------------------------------------------------------------------------- */

static void key_ids(struct pod_bytes list, struct pod_x509 *out)
{
	struct value ext, oid, v, id;

	while (take(&list, TAG_SEQUENCE, &ext)) {
		if (!take(&ext.body, TAG_OID, &oid) || !next(&ext.body, &v))
			continue;
		/* "critical" may stand in front */
		if (v.tag != TAG_OCTETS && !take(&ext.body, TAG_OCTETS, &v))
			continue;
		if (IS_OID(&oid, oid_key_id) && take(&v.body, TAG_OCTETS, &id))
			out->key_id = id.body;
		else if (IS_OID(&oid, oid_issuer_key_id) && take(&v.body, TAG_SEQUENCE, &id) && take(&id.body, TAG_KEY_ID, &v))
			out->issuer_key_id = v.body;
	}
}

static void public_key(const struct value *info, struct pod_x509 *out)
{
	struct pod_bytes in = info->body;
	struct value v, oid;

	if (take(&in, TAG_SEQUENCE, &v) && take(&v.body, TAG_OID, &oid) && last_of(&oid, oid_rsa, sizeof oid_rsa) == 1)
		out->rsa_key = info->whole;
}

/* Behind tbs, which has been taken. */
static void issuer_signed(struct pod_bytes in, struct pod_x509 *out)
{
	struct value v, oid;

	if (take(&in, TAG_SEQUENCE, &v) && take(&v.body, TAG_OID, &oid) && take_bits(&in, &out->by_issuer.value))
		out->by_issuer.hash = rsa_hash_of(&oid, POD_HASH_UNKNOWN);
}

enum pod_status pod_x509_read(const uint8_t *p, size_t len, struct pod_x509 *out)
{
	struct pod_bytes in = {p, len};
	struct value cert, tbs, v;

	memset(out, 0, sizeof *out);
	if (!take(&in, TAG_SEQUENCE, &cert) || !take(&cert.body, TAG_SEQUENCE, &tbs))
		return POD_E_CORRUPT;
	out->der = cert.whole;
	out->tbs = tbs.whole;
	in = tbs.body;
	/* the first version has no version */
	if (!next(&in, &v) || (v.tag == TAG_0 && !next(&in, &v)) || v.tag != TAG_INTEGER)
		return POD_E_CORRUPT;
	out->serial = v.body;
	/* behind the algorithm, and behind the times of validity */
	if (!take_second(&in, TAG_SEQUENCE, &v))
		return POD_E_CORRUPT;
	out->issuer = v.whole;
	if (!take_second(&in, TAG_SEQUENCE, &v))
		return POD_E_CORRUPT;
	out->subject = v.whole;
	if (take(&in, TAG_SEQUENCE, &v))
		public_key(&v, out);
	issuer_signed(cert.body, out);
	while (next(&in, &v))
		if (v.tag == TAG_3 && take(&v.body, TAG_SEQUENCE, &tbs))
			key_ids(tbs.body, out);
	return POD_OK;
}

bool pod_x509_issued_by(const struct pod_x509 *c, const struct pod_x509 *by)
{
	return same(c->issuer, by->subject) && (!c->issuer_key_id.p || !by->key_id.p || same(c->issuer_key_id, by->key_id));
}

/* BMPString is UTF-16 in big-endian order, the others are bytes; what is not valid there becomes '?'. */
static void copy_text(const struct value *v, char out[POD_X509_NAME_MAX])
{
	size_t n = v->body.len;

	out[0] = 0;
	if (v->tag == TAG_BMP) {
		n = n / 2 < (POD_X509_NAME_MAX - 1) / 3 ? n / 2 : (POD_X509_NAME_MAX - 1) / 3;
		if (pod_utf16be_to_utf8(v->body.p, n, out, POD_X509_NAME_MAX) != POD_OK)
			out[0] = 0;
	} else {
		n = n < POD_X509_NAME_MAX - 1 ? n : POD_X509_NAME_MAX - 1;
		memcpy(out, v->body.p, n);
		out[n] = 0;
	}
	pod_text_disarm(out, NULL);
}

void pod_x509_name(struct pod_bytes name, char out[POD_X509_NAME_MAX])
{
	struct value list, set, pair, oid, text;
	bool common = false;

	out[0] = 0;
	if (!name.p || !take(&name, TAG_SEQUENCE, &list))
		return;
	while (take(&list.body, TAG_SET, &set))
		while (take(&set.body, TAG_SEQUENCE, &pair)) {
			if (!take(&pair.body, TAG_OID, &oid) || !next(&pair.body, &text))
				continue;
			if (IS_OID(&oid, oid_common_name) || (!common && IS_OID(&oid, oid_organization))) {
				common |= IS_OID(&oid, oid_common_name);
				copy_text(&text, out);
			}
		}
}

/* --- a signature ----------------------------------------------------------------------------------------------------------- */

/* SpcIndirectDataContent: the digest of the program. */
static bool content(struct pod_bytes in, struct pod_signature *out)
{
	struct value v, oid, digest;

	if (!take(&in, TAG_SEQUENCE, &v) || !take(&v.body, TAG_OID, &oid) || !IS_OID(&oid, oid_indirect) ||
	    !take(&v.body, TAG_0, &v) || !take(&v.body, TAG_SEQUENCE, &v))
		return false;
	in = out->content = v.body;
	if (!take_second(&in, TAG_SEQUENCE, &v))
		return false;
	in = v.body;
	if (!take(&in, TAG_SEQUENCE, &v) || !take(&v.body, TAG_OID, &oid) || !take(&in, TAG_OCTETS, &digest))
		return false;
	out->hash = hash_of(&oid);
	out->digest = digest.body;
	return true;
}

static void find_digest(struct pod_bytes attributes, struct pod_signature *out)
{
	struct value v, oid, set, digest;

	while (take(&attributes, TAG_SEQUENCE, &v))
		if (take(&v.body, TAG_OID, &oid) && IS_OID(&oid, oid_digest) && take(&v.body, TAG_SET, &set) &&
		    take(&set.body, TAG_OCTETS, &digest))
			out->content_digest = digest.body;
}

/* What follows issuer and serial number. */
static void signer_signed(struct pod_bytes in, struct pod_signature *out)
{
	struct value hash, attributes, v, oid;

	if (!take(&in, TAG_SEQUENCE, &v) || !take(&v.body, TAG_OID, &hash) || !take(&in, TAG_0, &attributes) ||
	    !take(&in, TAG_SEQUENCE, &v) || !take(&v.body, TAG_OID, &oid) || !take(&in, TAG_OCTETS, &v))
		return;
	out->attributes = attributes.whole;
	find_digest(attributes.body, out);
	out->by_signer = (struct pod_signed){rsa_hash_of(&oid, hash_of(&hash)), v.body};
}

/* The first SignerInfo: an Authenticode signature has one. */
static bool signer(struct pod_bytes in, struct pod_signature *out)
{
	struct value v, name, who;

	if (!take(&in, TAG_SEQUENCE, &v))
		return false;
	in = v.body;
	if (!take(&in, TAG_INTEGER, &v) || !take(&in, TAG_SEQUENCE, &who) || !take(&who.body, TAG_SEQUENCE, &name))
		return false;
	if (!take(&who.body, TAG_INTEGER, &v))
		return false;
	out->signer_issuer = name.whole;
	out->signer_serial = v.body;
	signer_signed(in, out);
	return true;
}

static void certificates(struct pod_bytes in, struct pod_signature *out)
{
	struct value v;

	while (out->cert_count < POD_SIGNATURE_CERTS_MAX && next(&in, &v))
		if (pod_x509_read(v.whole.p, v.whole.len, &out->cert[out->cert_count]) == POD_OK)
			out->cert_count++;
}

static bool signed_data(struct pod_bytes in, struct pod_signature *out)
{
	struct value v, oid;

	if (!take(&in, TAG_SEQUENCE, &v) || !take(&v.body, TAG_OID, &oid) || !IS_OID(&oid, oid_signed_data) ||
	    !take(&v.body, TAG_0, &v) || !take(&v.body, TAG_SEQUENCE, &v))
		return false;
	in = v.body;
	if (!take(&in, TAG_INTEGER, &v) || !take(&in, TAG_SET, &v) || !content(in, out) || !next(&in, &v))
		return false;
	while (next(&in, &v)) {
		if (v.tag == TAG_0)
			certificates(v.body, out);
		else if (v.tag == TAG_SET)
			return signer(v.body, out);
	}
	return false;
}

enum pod_status pod_signature_next(const uint8_t *p, const struct pod_pe *pe, uint32_t *at, struct pod_signature *out)
{
	const uint8_t *entry = p + pe->cert_bytes + *at;
	uint32_t left = pe->cert_len - *at, len;
	bool is_pkcs7;

	memset(out, 0, sizeof *out);
	out->signer = -1;
	if (!pe->cert_len || *at >= pe->cert_len)
		return POD_END;
	if (left < 8 || (len = pod_get_le32(entry)) < 8 || len > left)
		return POD_E_CORRUPT;
	is_pkcs7 = pod_get_le16(entry + 6) == 2;
	/* the last one need not be padded */
	*at = left - len < 8 ? pe->cert_len : *at + ((len + 7) & ~7u);
	if (!is_pkcs7)
		return POD_E_UNSUPPORTED;
	if (!signed_data((struct pod_bytes){entry + 8, len - 8}, out))
		return POD_E_CORRUPT;
	for (uint32_t i = 0; i < out->cert_count && out->signer < 0; i++)
		if (same(out->cert[i].issuer, out->signer_issuer) && same(out->cert[i].serial, out->signer_serial))
			out->signer = (int)i;
	return POD_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/firm/trust.h"
#include "core/base/mem.h"

static bool is_digest_of(const struct pod_sig *e, struct pod_bytes of)
{
	uint8_t digest[POD_SHA256_LEN];
	struct pod_sha256 s;

	pod_sha256_init(&s);
	pod_sha256_update(&s, of.p, of.len);
	pod_sha256_final(&s, digest);
	return e->len >= sizeof digest && memcmp(digest, e->data, sizeof digest) == 0;
}

static bool issued_by(const struct pod_trust_list *t, const struct pod_x509 *c, const struct pod_x509 *by)
{
	int good;

	if (!pod_x509_issued_by(c, by))
		return false;
	good = t->signed_with ? t->signed_with(&c->by_issuer, by, &c->tbs, 1) : 1;
	return t->strict ? good == 1 : good != 0;
}

/* Is this certificate in the list, or the one it was issued by? */
static bool has_certificate(const struct pod_trust_list *t, const struct pod_x509 *c, char name[POD_X509_NAME_MAX])
{
	struct pod_siglist l;
	struct pod_sig e;
	struct pod_x509 known;

	pod_siglist_init(&l, t->p, t->len);
	while (t->p && pod_siglist_next(&l, &e) == POD_OK) {
		if (e.kind == POD_SIG_X509_SHA256 && is_digest_of(&e, c->tbs)) {
			pod_x509_name(c->subject, name);
			return true;
		}
		if (e.kind != POD_SIG_X509 || pod_x509_read(e.data, e.len, &known) != POD_OK)
			continue;
		if (issued_by(t, c, &known) || (known.der.len == c->der.len && memcmp(known.der.p, c->der.p, c->der.len) == 0)) {
			pod_x509_name(known.subject, name);
			return true;
		}
	}
	return false;
}

/* The certificate in the signature that issued this one; NULL. */
static const struct pod_x509 *issuer_of(const struct pod_trust_list *t, const struct pod_signature *s, const struct pod_x509 *c)
{
	for (uint32_t i = 0; i < s->cert_count; i++)
		if (&s->cert[i] != c && issued_by(t, c, &s->cert[i]))
			return &s->cert[i];
	return NULL;
}

/* Certificates may name each other in a circle; each is looked at once at most. */
bool pod_trust_has_chain(const struct pod_trust_list *t, const struct pod_signature *s, char name[POD_X509_NAME_MAX])
{
	const struct pod_x509 *c = s->signer >= 0 ? &s->cert[s->signer] : NULL;

	for (uint32_t n = 0; c && n < s->cert_count; n++, c = issuer_of(t, s, c))
		if (has_certificate(t, c, name))
			return true;
	return false;
}

bool pod_trust_has_digest(const struct pod_trust_list *t, const uint8_t *digest)
{
	struct pod_siglist l;
	struct pod_sig e;

	pod_siglist_init(&l, t->p, t->len);
	while (t->p && pod_siglist_next(&l, &e) == POD_OK)
		if (e.kind == POD_SIG_SHA256 && (!digest || memcmp(e.data, digest, POD_SHA256_LEN) == 0))
			return true;
	return false;
}

/* Has it, certainly, another digest than its signature states? */
static bool differs(const struct pod_signature *s, const uint8_t *digest)
{
	return digest && s->hash == POD_HASH_SHA256 &&
	       (s->digest.len != POD_SHA256_LEN || memcmp(s->digest.p, digest, POD_SHA256_LEN) != 0);
}

enum pod_refusal pod_trust_judge(const struct pod_trust *t, const struct pod_trust_program *x, struct pod_signature *s,
				 char who[POD_X509_NAME_MAX])
{
	const struct pod_pe table = {.cert_len = x->certs_len};
	char name[POD_X509_NAME_MAX];
	uint32_t at = 0, signatures = 0, differing = 0;
	bool known = pod_trust_has_digest(&t->db, x->digest); /* without a digest: it may be listed */
	enum pod_status st;

	who[0] = 0;
	if (x->digest && pod_trust_has_digest(&t->dbx, x->digest))
		return POD_REFUSED_REVOKED_HASH;
	while ((st = pod_signature_next(x->certs, &table, &at, s)) == POD_OK || st == POD_E_UNSUPPORTED) {
		known |= st != POD_OK; /* a kind that nobody here reads */
		if (st != POD_OK)
			continue;
		if (pod_trust_has_chain(&t->dbx, s, name)) {
			memcpy(who, name, sizeof name);
			return POD_REFUSED_REVOKED;
		}
		if (!signatures++)
			pod_x509_name(s->signer_issuer, who);
		differing += differs(s, x->digest);
		known |= !differs(s, x->digest) && (s->signer < 0 || pod_trust_has_chain(&t->db, s, name));
	}
	if (known || st != POD_END)
		return POD_REFUSED_NOT;
	return !signatures ? POD_REFUSED_UNSIGNED : differing == signatures ? POD_REFUSED_CHANGED : POD_REFUSED_STRANGER;
}

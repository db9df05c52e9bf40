/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificate tables, certificates, names: whatever the bytes, every range that is handed out lies inside them. */
#include "tests/fuzz/fuzz.h"
#include "core/base/text.h"
#include "core/firm/trust.h"

static const uint8_t *start;
static size_t length;

static void inside(struct pod_bytes b)
{
	FUZZ_REQUIRE(!b.p || (b.p >= start && b.len <= length && (size_t)(b.p - start) <= length - b.len));
}

static void name(struct pod_bytes b)
{
	char text[POD_X509_NAME_MAX], again[POD_X509_NAME_MAX];

	inside(b);
	pod_x509_name(b, text);
	FUZZ_REQUIRE(strlen(text) < sizeof text);
	memcpy(again, text, sizeof text);
	pod_text_disarm(again, NULL);
	FUZZ_REQUIRE(strcmp(text, again) == 0);
}

static void certificate(const struct pod_x509 *c)
{
	inside(c->der);
	inside(c->tbs);
	inside(c->serial);
	inside(c->key_id);
	inside(c->issuer_key_id);
	inside(c->rsa_key);
	inside(c->by_issuer.value);
	name(c->issuer);
	name(c->subject);
}

static void signatures(const struct pod_pe *pe)
{
	struct pod_signature s;
	enum pod_status st;
	uint32_t at = 0, before = 0;

	while ((st = pod_signature_next(start, pe, &at, &s)) == POD_OK || st == POD_E_UNSUPPORTED) {
		FUZZ_REQUIRE(at > before && at <= pe->cert_len && s.cert_count <= POD_SIGNATURE_CERTS_MAX);
		FUZZ_REQUIRE(s.signer < (int)s.cert_count);
		before = at;
		inside(s.digest);
		name(s.signer_issuer);
		inside(s.signer_serial);
		inside(s.content);
		inside(s.attributes);
		inside(s.content_digest);
		inside(s.by_signer.value);
		for (uint32_t i = 0; i < s.cert_count; i++) {
			certificate(&s.cert[i]);
			for (uint32_t k = 0; k < s.cert_count; k++)
				(void)!pod_x509_issued_by(&s.cert[i], &s.cert[k]);
		}
	}
	FUZZ_REQUIRE(st == POD_END || st == POD_E_CORRUPT);
}

/* The input is everything: the machine's lists, and the certificates of the program. */
static void judge(void)
{
	static const uint8_t digest[POD_SHA256_LEN];
	const struct pod_trust_list list = {.p = start, .len = length};
	const struct pod_trust trust = {.db = list, .dbx = list};
	const struct pod_trust_program x = {start, (uint32_t)length, digest};
	char who[POD_X509_NAME_MAX];
	struct pod_signature s;

	FUZZ_REQUIRE(pod_trust_judge(&trust, &x, &s, who) <= POD_REFUSED_REVOKED_HASH);
	FUZZ_REQUIRE(memchr(who, 0, sizeof who));
}

/* As a program, as a certificate table, as a certificate of a signature list. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p = malloc(size ? size : 1);
	struct pod_pe pe = {.cert_len = (uint32_t)size};
	struct pod_siglist list;
	struct pod_sig e;
	struct pod_x509 c;

	FUZZ_REQUIRE(p);
	memcpy(p, data, size);
	start = p;
	length = size;
	signatures(&pe);
	judge();
	if (pod_x509_read(p, size, &c) == POD_OK)
		certificate(&c);
	if (pod_pe_read(p, size, &pe, NULL) == POD_OK)
		signatures(&pe);
	pod_siglist_init(&list, p, size);
	while (pod_siglist_next(&list, &e) == POD_OK)
		if (e.kind == POD_SIG_X509 && pod_x509_read(e.data, e.len, &c) == POD_OK)
			certificate(&c);
	free(p);
	return 0;
}

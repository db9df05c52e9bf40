/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who signed an EFI program: the signatures in its certificate table (UEFI 2.10, 32.2.2 and 32.5.1; Windows Authenticode Portable
 * Executable Signature Format), each a PKCS #7 SignedData (RFC 2315, RFC 5652) with X.509 certificates (RFC 5280) in DER (X.690).
 * Nothing is computed here: the pieces are handed out of which whoever can tell whether a signature was made with the key it names.
 */
#ifndef POD_FIRM_SIGNATURE_H
#define POD_FIRM_SIGNATURE_H

#include "core/firm/pe.h"

#define POD_SIGNATURE_CERTS_MAX 16u /* of more, the rest is left out */
#define POD_X509_NAME_MAX	128u

/* Bytes of the program or list that was read. */
struct pod_bytes {
	const uint8_t *p; /* NULL: there are none */
	size_t len;
};

enum pod_hash { POD_HASH_UNKNOWN, POD_HASH_SHA1, POD_HASH_SHA256, POD_HASH_SHA384, POD_HASH_SHA512 };

/* What somebody signed with RSA (PKCS #1 v1.5): the hash of some bytes. */
struct pod_signed {
	enum pod_hash hash; /* UNKNOWN: by another one, or not with RSA */
	struct pod_bytes value;
};

struct pod_x509 {
	struct pod_bytes der;			/* all of it */
	struct pod_bytes tbs;			/* what its issuer signed: "the hash of a certificate" in dbx is of this */
	struct pod_bytes serial;		/* the INTEGER's content */
	struct pod_bytes issuer, subject;	/* Name, with its tag */
	struct pod_bytes key_id, issuer_key_id; /* SubjectKeyIdentifier, AuthorityKeyIdentifier's keyIdentifier; may be missing */
	struct pod_bytes rsa_key;		/* SubjectPublicKeyInfo, with its tag; none if the key is not RSA's */
	struct pod_signed by_issuer;		/* of tbs */
};

struct pod_signature {
	enum pod_hash hash;	 /* of the program's digest */
	struct pod_bytes digest; /* what the program's digest was when it was signed */
	uint32_t cert_count;
	int signer; /* index in cert[], -1: its certificate is not there */
	struct pod_bytes signer_issuer, signer_serial;
	struct pod_bytes content; /* what the digest stands in: the signer's own digest is of this */
	struct pod_bytes
		attributes; /* what was signed in the place of the content, with the tag [0], which counts as that of a SET */
	struct pod_bytes content_digest; /* among them */
	struct pod_signed by_signer;	 /* of the attributes */
	struct pod_x509 cert[POD_SIGNATURE_CERTS_MAX];
};

/* The next signature of a program from *at on, which is 0 in the beginning. POD_END; POD_E_UNSUPPORTED: not a PKCS #7 signature, the
 * next call goes on behind it; POD_E_CORRUPT: no more can be read. */
enum pod_status POD_MUST_USE pod_signature_next(const uint8_t *p, const struct pod_pe *pe, uint32_t *at,
						struct pod_signature *out);
/* POD_E_CORRUPT if it is no certificate. Bytes behind it are left out. */
enum pod_status POD_MUST_USE pod_x509_read(const uint8_t *p, size_t len, struct pod_x509 *out);
/* Was `c` issued by `by`, as names and key identifiers say? */
bool pod_x509_issued_by(const struct pod_x509 *c, const struct pod_x509 *by);
/* The last CommonName of a Name, or else its OrganizationName, as UTF-8 without characters that readers must not be shown; "" if it has none. */
void pod_x509_name(struct pod_bytes name, char out[POD_X509_NAME_MAX]);

#endif

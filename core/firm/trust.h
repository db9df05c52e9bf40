/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whom a machine trusts: its lists db and dbx against the digest and the signatures of an EFI program (UEFI 2.10, 32.5.3.3). A program is
 * refused if its digest or a certificate of its chain is in dbx; it starts if its digest, or one of the chain, is in db. Chains are
 * followed from the signer's certificate upwards.
 */
#ifndef POD_FIRM_TRUST_H
#define POD_FIRM_TRUST_H

#include "core/base/sha256.h"
#include "core/firm/signature.h"

struct pod_trust_list {
	const uint8_t *p; /* EFI signature lists, without attributes in front; NULL: there are none */
	size_t len;
	/* Was `s` made of `data` with the key of `by`? 1, 0, or -1: that cannot be told. NULL: nobody can, and names and key identifiers decide,
	 * so that a chain which leads nowhere is known, but not that one which leads somewhere is real. */
	int (*signed_with)(const struct pod_signed *s, const struct pod_x509 *by, const struct pod_bytes *data, size_t pieces);
	bool strict; /* what that answers with -1 is not believed: right for db, where dbx is the safe side */
};

/* Of one machine. */
struct pod_trust {
	struct pod_trust_list db, dbx;
};

/* digest NULL: is any in it? */
bool pod_trust_has_digest(const struct pod_trust_list *t, const uint8_t *digest);
/* Whose name that is goes to `name`. */
bool pod_trust_has_chain(const struct pod_trust_list *t, const struct pod_signature *s, char name[POD_X509_NAME_MAX]);

/* What speaks against a program where signatures are enforced. */
enum pod_refusal {
	POD_REFUSED_NOT, /* nothing that is known: what cannot be told is no refusal */
	POD_REFUSED_UNSIGNED,
	POD_REFUSED_CHANGED,	  /* it is not what was signed */
	POD_REFUSED_STRANGER,	  /* who signed it is not in db */
	POD_REFUSED_REVOKED,	  /* who signed it is in dbx */
	POD_REFUSED_REVOKED_HASH, /* it is in dbx itself */
};
struct pod_trust_program {
	const uint8_t *certs;  /* its certificate table */
	uint32_t certs_len;    /* 0: it has none */
	const uint8_t *digest; /* SHA-256, Authenticode; NULL: not known, because it is too large to be read */
};
/* `who`: of whom that is said, or "". */
enum pod_refusal pod_trust_judge(const struct pod_trust *t, const struct pod_trust_program *x, struct pod_signature *scratch,
				 char who[POD_X509_NAME_MAX]);

#endif

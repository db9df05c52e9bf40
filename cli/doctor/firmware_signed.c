/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an image's EFI programs are signed with. By themselves: is the program still what was signed? To a machine: does its firmware
 * trust one of the certificates (db), and has it revoked none (dbx)? UEFI 2.10, 32.5.3.3: a program is refused if a certificate of its
 * chain is in dbx, and started if one is in db. Each step, from the signer's certificate up, is one that the names allow and that RSA
 * confirms. What is signed otherwise is believed: firmware knows nothing else.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/host/digest.h"
#include "cli/host/rsa.h"
#include "cli/doctor/firmware.h"
#include "cli/stick/target.h"
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/firm/trust.h"
#include "core/plan/starts.h"

const struct doctor_check firmware_check_signature = {
	.id = "image.signature",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("signatures of the EFI programs"),
	.explain = N_(
		"An EFI program that is signed for Secure Boot says in its signature what its digest was when it was signed. A "
		"program that has another one now was damaged, or changed afterwards: firmware with Secure Boot on refuses it, "
		"and without Secure Boot it may stop in the middle. The check also names who signed it: Windows' boot managers "
		"are signed by 'Microsoft Windows Production PCA 2011' or, in current media, by 'Windows UEFI CA 2023'; loaders "
		"of Linux by 'Microsoft Corporation UEFI CA 2011' or 'Microsoft UEFI CA 2023'. Names are as the file gives them."),
};
const struct doctor_check firmware_check_signed = {
	.id = "firmware.signed",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("signatures of the image's loaders"),
	.explain =
		N_("With Secure Boot on, the firmware starts a loader if somebody signed it whom the machine trusts: whose "
		   "certificate is in its variable db, and not in dbx. It refuses any other ('Security Violation', 'Access "
		   "Denied'), or goes on to the next boot entry without a word. Old machines do not know Microsoft's "
		   "certificates of 2023, and machines that were told so no longer start what was signed with those of 2011. "
		   "Take a medium with the other signature, bring the firmware's keys up to date (Windows Update, fwupdmgr), "
		   "switch Secure Boot off for this image, or sign its loader with a key of your own (sbsign) that is enrolled "
		   "on the machine."),
};

/* --- who is trusted --------------------------------------------------------------------------------------------------------- */

static const char *const hash_name[] = {
	[POD_HASH_SHA1] = "sha1", [POD_HASH_SHA256] = "sha256", [POD_HASH_SHA384] = "sha384", [POD_HASH_SHA512] = "sha512"};

/* As cli_rsa_verify(). */
static int signed_with(const struct pod_signed *s, const struct pod_x509 *by, const struct pod_bytes *data, size_t pieces)
{
	return s->hash ? cli_rsa_verify(hash_name[s->hash], by->rsa_key, s->value, data, pieces) : -1;
}

static struct pod_trust_list list_of(const char *p, size_t len, bool strict)
{
	return (struct pod_trust_list){(const uint8_t *)p, len, signed_with, strict};
}

bool loader_revoked(const struct loader *l, const struct secure *s, char by[POD_X509_NAME_MAX])
{
	const struct pod_trust_list dbx = list_of(s->dbx, s->dbx_len, false);
	struct pod_signature *sig = cli_xmalloc(sizeof *sig);
	enum pod_status st;
	bool revoked = pod_trust_has_digest(&dbx, l->digest);
	uint32_t at = 0;

	by[0] = 0;
	while (!revoked && ((st = pod_signature_next(l->data, &l->pe, &at, sig)) == POD_OK || st == POD_E_UNSUPPORTED))
		revoked = pod_trust_has_chain(&dbx, sig, by);
	free(sig);
	return revoked;
}

/* --- a program by itself ---------------------------------------------------------------------------------------------------- */

struct facts {
	unsigned signatures, fitting, differing;
	unsigned forged;		/* of the fitting ones */
	unsigned unknown;		/* ... those of a kind that cannot be verified */
	bool broken;			/* the certificate table cannot be read to its end */
	bool trusted;			/* by one of the signatures, or by its digest */
	bool by_itself;			/* the first signer's certificate is its own issuer */
	char issuer[POD_X509_NAME_MAX]; /* of the first signer's certificate, "" */
	char ca[POD_X509_NAME_MAX];	/* whom the machine trusts or has revoked */
};

/* 1: it has the digest that its signature states; 0: another one; -1: not known. */
static int digest_fits(const struct loader *l, const struct pod_signature *s)
{
	uint8_t md[CLI_DIGEST_MAX];
	size_t n = s->hash ? loader_digest(l, hash_name[s->hash], md) : 0;

	return !n ? -1 : n == s->digest.len && memcmp(md, s->digest.p, n) == 0;
}

/* The signer has signed attributes, among them the hash of what states the digest (RFC 5652, 5.4): was it so? As cli_rsa_verify(). */
static int signer_signed(const struct pod_signature *s)
{
	static const uint8_t set_of = 0x31; /* the tag [0] of the attributes counts as this one */
	const struct pod_bytes data[] = {{&set_of, 1}, {s->attributes.p + 1, s->attributes.len - 1}};
	struct cli_digest *d;
	uint8_t md[CLI_DIGEST_MAX];
	size_t n;

	if (s->signer < 0 || !s->by_signer.hash || !s->attributes.p)
		return -1;
	d = cli_digest_new(hash_name[s->by_signer.hash]);
	if (!d)
		return -1;
	cli_digest_update(d, s->content.p, s->content.len);
	n = cli_digest_so_far(d, md);
	cli_digest_free(d);
	if (n != s->content_digest.len || memcmp(md, s->content_digest.p, n) != 0)
		return 0;
	return signed_with(&s->by_signer, &s->cert[s->signer], data, POD_ARRAY_LEN(data));
}

static void read_facts(struct facts *f, const struct loader *l, const struct secure *s)
{
	const struct pod_trust_list db = list_of(s->db, s->db_len, true);
	struct pod_signature *sig = cli_xmalloc(sizeof *sig);
	enum pod_status st;
	uint32_t at = 0;

	memset(f, 0, sizeof *f);
	f->trusted = pod_trust_has_digest(&db, l->digest);
	while ((st = pod_signature_next(l->data, &l->pe, &at, sig)) == POD_OK || st == POD_E_UNSUPPORTED) {
		int fits, real;

		if (st != POD_OK)
			continue;
		fits = digest_fits(l, sig);
		f->signatures++;
		f->fitting += fits == 1;
		f->differing += fits == 0;
		real = fits ? signer_signed(sig) : 0;
		f->forged += fits == 1 && real == 0;
		f->unknown += fits == 1 && real < 0;
		if (!*f->issuer) {
			pod_x509_name(sig->signer_issuer, f->issuer);
			f->by_itself = sig->signer >= 0 && pod_x509_issued_by(&sig->cert[sig->signer], &sig->cert[sig->signer]);
		}
		if (!f->trusted && fits == 1 && real == 1)
			f->trusted = pod_trust_has_chain(&db, sig, f->ca);
	}
	f->broken = st != POD_END;
	free(sig);
}

/* CheckSum: 0, and nobody computed one. A digest that is as it was signed is the stronger evidence: who signs may leave the sum behind. */
static bool sum_differs(const struct loader *l, const struct facts *f)
{
	uint32_t sum = pod_get_le32(l->data + l->pe.checksum_bytes);

	return sum && !f->fitting && sum != pod_pe_sum(l->data, l->len, &l->pe);
}

static void report_signature(struct doctor *d, const struct doctor_image *im, const struct loader *l, const struct facts *f)
{
	const char *again = _("download or copy the image again, and compare its hash with the publisher's");

	if (f->broken)
		doctor_reportf(d, &firmware_check_signature, DOCTOR_WARN, im->subject, again,
			       _("%s: its signature cannot be read: it is damaged, or of an unknown kind"), l->path);
	else if (!f->signatures && sum_differs(l, f))
		doctor_reportf(d, &firmware_check_signature, DOCTOR_WARN, im->subject, again,
			       _("%s is damaged, or was changed: its checksum is not that of its header"), l->path);
	else if (f->differing && !f->fitting)
		doctor_reportf(d, &firmware_check_signature, DOCTOR_BAD, im->subject, again,
			       _("%s is not what was signed: damaged, or changed since (signed by \"%s\")"), l->path, f->issuer);
	else if (f->forged && f->forged == f->fitting)
		doctor_reportf(d, &firmware_check_signature, DOCTOR_BAD, im->subject, again,
			       _("%s: its signature does not fit its signer's key (certificate by \"%s\"): forged, or damaged"),
			       l->path, f->issuer);
	else if (f->by_itself)
		doctor_reportf(
			d, &firmware_check_signature, DOCTOR_NOTE, im->subject, NULL,
			_("%s: signed by \"%s\" with a certificate of its own: with Secure Boot on it starts only where that is enrolled"),
			l->path, f->issuer);
	else if (f->unknown && f->unknown + f->forged == f->fitting)
		doctor_reportf(d, &firmware_check_signature, DOCTOR_NOTE, im->subject, NULL,
			       _("%s: unchanged since it was signed; its signature names \"%s\", and is of a kind that cannot be "
				 "verified here"),
			       l->path, f->issuer);
	else if (f->signatures)
		doctor_reportf(d, &firmware_check_signature, DOCTOR_GOOD, im->subject, NULL,
			       _("%s: signed by \"%s\", unchanged since"), l->path, f->issuer);
}

bool firmware_signature_of(struct doctor *d, const struct doctor_image *im, const char *path, uint8_t *data, size_t len)
{
	char *name = cli_xstrdup(path);
	const struct secure nobody = {.state = SECURE_UNKNOWN};
	struct loader l;
	struct facts f = {0};

	if (!cli_digest_missing() && loader_take(&l, name, data, len)) {
		read_facts(&f, &l, &nobody);
		report_signature(d, im, &l, &f);
	}
	free(name);
	return f.broken || f.fitting || f.differing;
}

/* --- to this machine -------------------------------------------------------------------------------------------------------- */

static const char *remedy(const char *issuer, bool revoked)
{
	return _(pod_start_fix_signature(issuer, revoked));
}

/* Secure Boot is on: a problem. Off: what would be if it were on. */
static void report_refused(struct doctor *d, const char *subject, bool on, const char *path, const char *why, const char *fix)
{
	if (on)
		doctor_reportf(d, &firmware_check_signed, DOCTOR_BAD, subject, fix,
			       _("Secure Boot is on, and the firmware refuses %s: %s"), path, why);
	else
		doctor_reportf(d, &firmware_check_signed, DOCTOR_NOTE, subject, NULL,
			       _("Secure Boot is off; if it were on, the firmware would refuse %s: %s"), path, why);
}

static void report_signed(struct doctor *d, const char *subject, const struct loader *l, const struct facts *f,
			  const struct secure *s)
{
	bool on = s->state == SECURE_ON;
	char by[POD_X509_NAME_MAX], *why = NULL;

	if (loader_revoked(l, s, by)) {
		why = *by ? cli_xasprintf(_("this machine has revoked \"%s\" (dbx)"), by)
			  : cli_xstrdup(_("this machine has revoked it by its hash (dbx)"));
		report_refused(d, subject, on, l->path, why, remedy(by, true));
	} else if (f->differing && !f->fitting && !f->trusted) {
		report_refused(d, subject, on, l->path, _("it is not what was signed"), remedy("", false));
	} else if (f->forged && f->forged == f->fitting && !f->trusted) {
		report_refused(d, subject, on, l->path, _("its signature is forged, or damaged"), remedy("", false));
	} else if (!f->signatures && !f->trusted && (on || s->db)) {
		report_refused(d, subject, on, l->path, _("it is not signed"), remedy("", false));
	} else if (f->trusted) {
		doctor_reportf(d, &firmware_check_signed, DOCTOR_GOOD, subject, NULL,
			       *f->ca ? _("%s is trusted by this machine: \"%s\" is in its db")
				      : _("%s is trusted by this machine: its hash is in db"),
			       l->path, f->ca);
	} else if (s->db) {
		why = cli_xasprintf(_("it is signed by \"%s\", which is not in this machine's db"), f->issuer);
		report_refused(d, subject, on, l->path, why, remedy(f->issuer, false));
	} else if (on) {
		doctor_reportf(d, &firmware_check_signed, DOCTOR_SKIPPED, subject, NULL,
			       _("%s is signed by \"%s\"; whether this machine trusts that is not known: its db cannot be read"),
			       l->path, f->issuer);
	}
	free(why);
}

/* --- programs that start nothing -------------------------------------------------------------------------------------------- */

static bool in_boot_folder(const char *path)
{
	return pod_strcasestr(path, "EFI/BOOT/") != NULL;
}

static void report_bad(struct doctor *d, const struct doctor_image *im, const struct loaders *l)
{
	for (size_t i = 0; i < l->bad_count; i++)
		doctor_reportf(d, &firmware_check_signature, in_boot_folder(l->bad[i]) ? DOCTOR_BAD : DOCTOR_NOTE, im->subject,
			       _("download or copy the image again, and compare its hash with the publisher's"),
			       _("%s is no EFI program, or it is damaged or cut off: UEFI does not start it"), l->bad[i]);
}

/* By the removable-media names: the firmware of a machine starts only its own, and refuses what is in it for another. */
static void report_machine(struct doctor *d, const struct doctor_image *im, const struct loader *l)
{
	static const uint32_t firmware[] = {POD_FW_X64, POD_FW_IA32, POD_FW_AA64};

	for (size_t i = 0; i < POD_ARRAY_LEN(firmware); i++)
		if (pod_ends_with_nocase(l->path, pod_efi_loader_path(firmware[i])) &&
		    l->pe.machine != pod_plan_pe_machine(firmware[i]))
			doctor_reportf(
				d, &firmware_check_signature, DOCTOR_BAD, im->subject,
				_("download or copy the image again, and compare its hash with the publisher's"),
				_("%s is a program for another kind of machine than its name says: UEFI does not start it"),
				l->path);
}

/* shim starts the program of this name in its own folder. */
static const char *second_stage(const struct loader *l)
{
	static const char *const names[] = {"grubx64.efi", "grubia32.efi", "grubaa64.efi"};
	const uint8_t *sbat;
	size_t n;

	if (pod_pe_section(l->data, l->len, &l->pe, ".sbat", &sbat, &n) != POD_OK || !memmem(sbat, n, "\nshim,", 6))
		return NULL;
	for (size_t i = 0; i < POD_ARRAY_LEN(names); i++) {
		char wide[32] = "";

		for (size_t k = 0; names[i][k]; k++)
			wide[2 * k] = names[i][k];
		if (memmem(l->data, l->len, wide, 2 * strlen(names[i])))
			return names[i];
	}
	return NULL;
}

static bool has_program(const struct loaders *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (pod_ends_with_nocase(l->v[i].path, name))
			return true;
	for (size_t i = 0; i < l->bad_count; i++)
		if (pod_ends_with_nocase(l->bad[i], name))
			return true;
	return l->n == LOADERS_MAX;
}

static void report_second_stage(struct doctor *d, const struct doctor_image *im, const struct loaders *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const char *name = in_boot_folder(l->v[i].path) && pod_strcasestr(l->v[i].path, "/BOOT/BOOT")
					   ? second_stage(&l->v[i])
					   : NULL;

		if (name && !has_program(l, name))
			doctor_reportf(d, &firmware_check_signature, DOCTOR_BAD, im->subject,
				       _("take the original image; or make it anew with this file beside shim"),
				       _("%s is missing: %s (shim) starts nothing without it"), name, l->v[i].path);
	}
}

/* "EFI/BOOT/BOOTX64.EFI", in whichever volume: what the firmware starts by itself. Of Windows' media a boot image of El Torito is
 * not started: it would only ask for a key. */
static bool is_started(const struct doctor_image *im, const struct loader *l, const char *want)
{
	if (im->plan->image.kind == POD_IMAGE_EFI)
		return true;
	return want && pod_ends_with_nocase(l->path, want) && !(im->plan->windows.count && strncmp(l->path, "El Torito", 9) == 0);
}

void firmware_signed_image(struct doctor *d, const struct doctor_image *im, const struct loaders *l, const struct secure *s)
{
	const char *want = s->firmware ? pod_efi_loader_path(s->firmware) : NULL;
	bool known = s->state == SECURE_ON || s->state == SECURE_OFF;

	report_bad(d, im, l);
	report_second_stage(d, im, l);
	for (size_t i = 0; i < l->n && !cli_interrupted; i++) {
		struct facts f;

		read_facts(&f, &l->v[i], s);
		report_machine(d, im, &l->v[i]);
		report_signature(d, im, &l->v[i], &f);
		if (known && is_started(im, &l->v[i], want))
			report_signed(d, im->subject, &l->v[i], &f, s);
	}
}

/* Our own loader on the ESP: with Secure Boot on, nothing on the stick starts without it. */
void firmware_signed_stick(struct doctor *d, const struct secure *s)
{
	const char *path = s->firmware ? pod_efi_loader_path(s->firmware) : NULL;
	struct pod_dirent *scratch = cli_xmalloc(sizeof *scratch);
	struct pod_node node;
	uint8_t *data = NULL;
	struct loader l;
	struct facts f;

	if (path && d->target->esp.ops && !cli_digest_missing() &&
	    pod_fs_lookup(&d->target->esp, path, &node, scratch) == POD_OK && node.size_bytes &&
	    node.size_bytes <= LOADER_SIZE_MAX) {
		data = cli_xmalloc((size_t)node.size_bytes);
		if (pod_fs_read(&d->target->esp, &node, 0, data, (size_t)node.size_bytes) == POD_OK &&
		    loader_take(&l, NULL, data, (size_t)node.size_bytes)) {
			l.path = scratch->name;
			pod_strlcpy(scratch->name, path, sizeof scratch->name);
			read_facts(&f, &l, s);
			report_signed(d, d->arg, &l, &f, s);
		}
	}
	free(data);
	free(scratch);
}

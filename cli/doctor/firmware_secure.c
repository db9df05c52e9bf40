/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Secure Boot: its state (UEFI 2.10, 3.3: SecureBoot, SetupMode; 32.4.1: dbx), and what it does to the EFI programs of an image.
 * SBAT: shim's SBAT.md; SbatLevelRT is the copy of SbatLevel that shim leaves for the system to read.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/host/digest.h"
#include "cli/doctor/firmware.h"
#include "cli/doctor/inventory.h"
#include "core/base/str.h"

#define GLOBAL	"-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define EFIVARS "/sys/firmware/efi/efivars/"

/* What shim 16.1 carries as its automatic level (section .sbatlevel); for machines that do not say theirs. */
static const char builtin_level[] = "sbat,1,2025021800\nshim,4\ngrub,5\n";

const struct doctor_check firmware_check_secure = {
	.id = "firmware.secureboot",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("Secure Boot"),
	.explain = N_(
		"With Secure Boot the firmware starts only programs that are signed by somebody it trusts and that are not on "
		"its list of "
		"revoked ones (dbx). The stick's own boot manager is such a program: sign it with a key that is enrolled on the "
		"machine, or switch Secure Boot off while you use the stick."),
};
const struct doctor_check firmware_check_dbx = {
	.id = "firmware.dbx",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("revoked loaders (dbx)"),
	.explain = N_("The machine keeps a list (dbx) of hashes and certificates of programs that it no longer starts although "
		      "they are signed, "
		      "because they have known holes. The image's loaders are hashed as the firmware does it (Authenticode, "
		      "SHA-256) and "
		      "looked up there. A revoked loader comes from an old image: take its current release."),
};
const struct doctor_check firmware_check_sbat = {
	.id = "firmware.sbat",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("generations of the loaders (SBAT)"),
	.explain =
		N_("Loaders of Linux carry generation numbers (section .sbat), and shim keeps the lowest ones that it accepts in "
		   "a variable of the firmware, which newer systems raise; Windows updates do so too. A loader below it is "
		   "refused: 'Verifying shim SBAT data failed: Security Policy Violation'. Take a current release of the image; "
		   "lowering the level again (mokutil --set-sbat-policy delete, with Secure Boot off) opens the holes again."),
};

/* --- the machine ---------------------------------------------------------------------------------------------------------- */

/* A variable's bytes without the 4 of its attributes; NULL. */
static char *variable(const struct doctor_machine *m, const char *name, size_t *len)
{
	char *path = cli_xasprintf(EFIVARS "%s", name), *data = doctor_machine_read(m, path, len);

	free(path);
	if (data && *len < 4) {
		free(data);
		return NULL;
	}
	if (data) {
		*len -= 4;
		memmove(data, data + 4, *len + 1);
	}
	return data;
}

static bool flag(const struct doctor_machine *m, const char *name, bool *known)
{
	size_t len = 0;
	char *data = variable(m, name, &len);
	bool on = data && len >= 1 && data[0] == 1;

	*known = data != NULL && len >= 1;
	free(data);
	return on;
}

/* How it was started: bits of the firmware, and of the processor. */
static uint32_t started_by(const struct doctor_machine *m, bool uefi)
{
	char *size = inventory_line(m, "/sys/firmware/efi/fw_platform_size"), *arch = inventory_line(m, "/proc/sys/kernel/arch");
	bool is32 = size && strcmp(size, "32") == 0, arm = arch && strcmp(arch, "aarch64") == 0;

	free(size);
	free(arch);
	if (!uefi)
		return POD_FW_BIOS;
	return is32 ? POD_FW_IA32 : arm ? POD_FW_AA64 : POD_FW_X64;
}

void secure_read(struct secure *out, const struct doctor_machine *m)
{
	char **efi = doctor_machine_list(m, "/sys/firmware/efi"), *cpu;
	bool known, setup_known, on, setup;

	memset(out, 0, sizeof *out);
	if (!efi) {
		/* An inventory of devices alone says nothing about the firmware. */
		cpu = doctor_machine_read(m, "/proc/cpuinfo", NULL);
		out->firmware = cpu && !acpi_without_bios(m) ? (uint32_t)POD_FW_BIOS : 0;
		out->state = out->firmware ? SECURE_NONE : SECURE_UNKNOWN;
		free(cpu);
		return;
	}
	free(efi);
	out->firmware = started_by(m, true);
	on = flag(m, "SecureBoot" GLOBAL, &known);
	setup = flag(m, "SetupMode" GLOBAL, &setup_known);
	out->state = !known ? SECURE_UNKNOWN : on && !(setup_known && setup) ? SECURE_ON : SECURE_OFF;
	out->db = variable(m, "db-d719b2cb-3d3a-4596-a3bc-dad00e67656f", &out->db_len);
	out->dbx = variable(m, "dbx-d719b2cb-3d3a-4596-a3bc-dad00e67656f", &out->dbx_len);
	out->sbat_level = variable(m, "SbatLevelRT-605dab50-e046-4300-abb6-3dd810dd8b23", &out->sbat_len);
}

void secure_free(struct secure *s)
{
	free(s->db);
	free(s->dbx);
	free(s->sbat_level);
	memset(s, 0, sizeof *s);
}

/* Entries of dbx by kind; false if its lists are damaged. */
static bool count_dbx(const struct secure *s, size_t count[4])
{
	struct pod_siglist l;
	struct pod_sig e;
	enum pod_status st;

	memset(count, 0, 4 * sizeof *count);
	pod_siglist_init(&l, (const uint8_t *)s->dbx, s->dbx_len);
	while ((st = pod_siglist_next(&l, &e)) == POD_OK)
		count[e.kind]++;
	return st == POD_END;
}

static void report_dbx(struct doctor *d, const struct secure *s)
{
	size_t n[4];

	if (!s->dbx)
		return;
	if (!count_dbx(s, n))
		doctor_report(d, &firmware_check_dbx, DOCTOR_WARN, NULL, _("the machine's dbx does not follow its format"),
			      _("update the firmware (BIOS), or its keys (fwupdmgr)"));
	else
		doctor_reportf(d, &firmware_check_dbx, DOCTOR_GOOD, NULL, NULL, _("dbx: %zu hashes, %zu certificates"),
			       n[POD_SIG_SHA256], n[POD_SIG_X509] + n[POD_SIG_X509_SHA256]);
}

void firmware_secure_machine(struct doctor *d, const struct secure *s)
{
	switch (s->state) {
	case SECURE_NONE:
		doctor_report(d, &firmware_check_secure, DOCTOR_GOOD, NULL, _("started in BIOS mode: there is no Secure Boot"),
			      NULL);
		break;
	case SECURE_OFF:
		doctor_report(d, &firmware_check_secure, DOCTOR_GOOD, NULL, _("off"), NULL);
		break;
	case SECURE_ON:
		doctor_report(
			d, &firmware_check_secure, DOCTOR_NOTE, NULL, _("on: only signed programs start"),
			_("sign the stick's boot manager with an enrolled key, or switch Secure Boot off to use the stick"));
		break;
	case SECURE_UNKNOWN:
		doctor_report(d, &firmware_check_secure, DOCTOR_SKIPPED, NULL,
			      _("its state cannot be read (efivarfs is not mounted, or the inventory does not say)"), NULL);
		break;
	}
	report_dbx(d, s);
}

/* --- an image's loaders ---------------------------------------------------------------------------------------------------- */

static void check_dbx(struct doctor *d, const struct doctor_image *im, const struct loaders *l, const struct secure *s)
{
	bool found = false;

	if (!s->dbx || !doctor_wants(d, &firmware_check_dbx))
		return;
	for (size_t i = 0; i < l->n; i++) {
		const struct loader *x = &l->v[i];
		enum doctor_level level = s->state == SECURE_ON ? DOCTOR_BAD : DOCTOR_WARN;
		const char *fix = _("take a current release of the image, or switch Secure Boot off");
		char by[POD_X509_NAME_MAX];

		if (!loader_revoked(x, s, by))
			continue;
		found = true;
		if (*by)
			doctor_reportf(d, &firmware_check_dbx, level, im->subject, fix,
				       _("%s is revoked: it is signed by \"%s\", which is in this machine's dbx"), x->path, by);
		else
			doctor_reportf(d, &firmware_check_dbx, level, im->subject, fix,
				       _("%s is revoked: its hash is in this machine's dbx"), x->path);
	}
	if (!found)
		doctor_reportf(d, &firmware_check_dbx, DOCTOR_GOOD, im->subject, NULL,
			       _("%zu EFI programs, none of them revoked"), l->n);
}

/* The generation that a level asks of a component; 0: it does not name it. */
static uint32_t wanted_generation(const char *level, size_t len, const struct pod_sbat *of)
{
	struct pod_sbat s;
	size_t at = 0;

	while (pod_sbat_next(level, len, &at, &s) == POD_OK)
		if (s.component_len == of->component_len && memcmp(s.component, of->component, s.component_len) == 0)
			return s.generation;
	return 0;
}

/* The first component that is too old; false if there is none. */
static bool too_old(const struct loader *x, const char *level, size_t level_len, struct pod_sbat *out, uint32_t *want)
{
	const uint8_t *text;
	size_t len, at = 0;

	if (pod_pe_section(x->data, x->len, &x->pe, ".sbat", &text, &len) != POD_OK)
		return false;
	while (pod_sbat_next((const char *)text, len, &at, out) == POD_OK) {
		*want = wanted_generation(level, level_len, out);
		if (out->generation < *want)
			return true;
	}
	return false;
}

static void check_sbat(struct doctor *d, const struct doctor_image *im, const struct loaders *l, const struct secure *s)
{
	const char *level = s->sbat_level ? s->sbat_level : builtin_level;
	size_t len = s->sbat_level ? s->sbat_len : sizeof builtin_level - 1, with = 0, old = 0;

	if (!doctor_wants(d, &firmware_check_sbat))
		return;
	for (size_t i = 0; i < l->n; i++) {
		const struct loader *x = &l->v[i];
		const uint8_t *text;
		struct pod_sbat c;
		uint32_t want;
		size_t n;

		with += pod_pe_section(x->data, x->len, &x->pe, ".sbat", &text, &n) == POD_OK;
		if (!too_old(x, level, len, &c, &want))
			continue;
		old++;
		if (s->sbat_level)
			doctor_reportf(d, &firmware_check_sbat, s->state == SECURE_ON ? DOCTOR_BAD : DOCTOR_WARN, im->subject,
				       _("take a current release of the image, or switch Secure Boot off"),
				       _("%s: %.*s is generation %u, and this machine asks for %u"), x->path,
				       (int)c.component_len, c.component, c.generation, want);
		else
			doctor_reportf(d, &firmware_check_sbat, s->state == SECURE_ON ? DOCTOR_WARN : DOCTOR_NOTE, im->subject,
				       _("take a current release of the image"),
				       _("%s: %.*s is generation %u; machines with current revocations (2025-02) ask for %u "
					 "under Secure Boot"),
				       x->path, (int)c.component_len, c.component, c.generation, want);
	}
	if (with && !old)
		doctor_reportf(d, &firmware_check_sbat, DOCTOR_GOOD, im->subject, NULL,
			       _("%zu EFI programs with SBAT, none below %s"), with,
			       s->sbat_level ? _("this machine's level") : _("the level of 2025-02"));
}

void firmware_secure_image(struct doctor *d, const struct doctor_image *im, const struct secure *s)
{
	static const struct doctor_check *const checks[] = {&firmware_check_signature, &firmware_check_signed,
							    &firmware_check_dbx, &firmware_check_sbat};
	/* Without Secure Boot only what a program says of itself counts. */
	size_t count = s->state == SECURE_NONE || !d->machine ? 1 : POD_ARRAY_LEN(checks);
	const char *why = cli_digest_missing();
	struct loaders l;

	for (size_t i = 0; why && i < count; i++)
		doctor_reportf(d, checks[i], DOCTOR_SKIPPED, im->subject, NULL, _("its programs were not looked at: %s"), why);
	if (why)
		return;
	loaders_read(&l, im);
	firmware_signed_image(d, im, &l, s);
	if (l.n && count > 1) {
		check_dbx(d, im, &l, s);
		check_sbat(d, im, &l, s);
	}
	loaders_free(&l);
}

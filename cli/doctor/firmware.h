/* SPDX-License-Identifier: BSD-2-Clause */
/* Hazard 5: what the parts of the firmware checks share. */
#ifndef POD_CLI_DOCTOR_FIRMWARE_H
#define POD_CLI_DOCTOR_FIRMWARE_H

#include "cli/doctor/doctor.h"
#include "core/firm/acpi.h"
#include "core/firm/signature.h"

/* --- ACPI tables (firmware_acpi.c) ------------------------------------------------------------------------------------------ */

struct acpi_table {
	char *name; /* as sysfs, the file or the dump calls it: "SSDT3" */
	uint8_t *data;
	size_t len;
	uint64_t address; /* in the machine's memory; 0: not known */
};

struct acpi_tables {
	struct acpi_table *v;
	size_t n, cap;
	bool saved; /* from a dump: the machine's own state says nothing about them */
};

/* From a saved dump (a file of acpidump, one table, or a folder of tables) or, with `path` NULL, from the machine. NULL, or a
 * sentence: why there are none. The caller frees it. */
char *acpi_tables_read(struct acpi_tables *out, const struct doctor_machine *m, const char *path);
void acpi_tables_free(struct acpi_tables *t);
/* The first one whose signature is this. */
const struct acpi_table *acpi_find(const struct acpi_tables *t, const char *signature);

/* Which names their AML defines (firmware_sleep.c). */
struct acpi_sleep {
	bool s3, s4, pts, wak;
	bool by_iasl;  /* disassembled; else found by their bytes */
	char *problem; /* a sentence: how iasl came to grief on them; NULL. The caller frees it. */
};
void acpi_sleep_read(struct acpi_sleep *out, const struct acpi_tables *t);

void firmware_acpi(struct doctor *d);
void firmware_sleep(struct doctor *d, const struct acpi_tables *t);
/* Kernel arguments for what was seen, each with its price. `table`: one whose bytes are wrong ("DSDT"), or NULL. */
void firmware_arguments(struct doctor *d, const struct acpi_tables *t);
/* Does the machine's own FADT say hardware-reduced ACPI, with which there is no BIOS mode? */
bool acpi_without_bios(const struct doctor_machine *m);
/* Its bytes are not as they should be. */
bool acpi_is_bad(const struct acpi_table *t);

/* --- Secure Boot (firmware_secure.c) ---------------------------------------------------------------------------------------- */

enum secure_state { SECURE_NONE, SECURE_OFF, SECURE_ON, SECURE_UNKNOWN }; /* NONE: started by a BIOS */

struct secure {
	enum secure_state state;
	uint32_t firmware; /* POD_FW_* the machine was started by; 0: not known */
	char *db, *dbx;	   /* whom it trusts, and no longer; without the attributes; NULL: not known, or there is none */
	size_t db_len, dbx_len;
	char *sbat_level; /* text; NULL */
	size_t sbat_len;
};
void secure_read(struct secure *out, const struct doctor_machine *m);
void secure_free(struct secure *s);
void firmware_secure_machine(struct doctor *d, const struct secure *s);
void firmware_secure_image(struct doctor *d, const struct doctor_image *im, const struct secure *s);

/* What an image's loaders are signed with (firmware_signed.c): by itself, and to this machine. */
struct loader;
struct loaders;
/* Does dbx hold its digest (`by` is ""), or a certificate that it is signed with? */
bool loader_revoked(const struct loader *l, const struct secure *s, char by[POD_X509_NAME_MAX]);
/* An EFI program elsewhere in the image, a kernel: is it still what was signed? False: nobody knows. */
bool firmware_signature_of(struct doctor *d, const struct doctor_image *im, const char *path, uint8_t *data, size_t len);
void firmware_signed_stick(struct doctor *d, const struct secure *s); /* of d->target: the loader that this machine starts */
void firmware_signed_image(struct doctor *d, const struct doctor_image *im, const struct loaders *l, const struct secure *s);

/* --- EFI programs of an image (firmware_loaders.c) ---------------------------------------------------------------------------
 */

#define LOADERS_MAX	64u
#define LOADER_SIZE_MAX (32u << 20)

struct loader {
	char *path; /* "EFI/BOOT/BOOTX64.EFI"; with its volume in front if there are several */
	uint8_t *data;
	size_t len;
	struct pod_pe pe;
	uint8_t digest[32]; /* SHA-256, Authenticode */
};
struct loaders {
	struct loader *v;
	size_t n, cap;
	char *bad[8]; /* paths of programs that are no PE files or could not be read; of more, the rest is left out */
	size_t bad_count;
};
/* Of the image, and of the disk that is served in its place. Takes libcrypto (cli_digest_missing): without it there are none. */
void loaders_read(struct loaders *out, const struct doctor_image *im);
void loaders_free(struct loaders *l);
/* Digest and headers of a program in memory, which stays the caller's; false: it is none, or there is no libcrypto. */
bool loader_take(struct loader *out, char *path, uint8_t *data, size_t len);
/* The digest of a program by another algorithm of OpenSSL's; the number of bytes, 0 if it cannot be computed. */
size_t loader_digest(const struct loader *l, const char *algorithm, uint8_t out[64]);

extern const struct doctor_check firmware_check_checksums, firmware_check_tables, firmware_check_fadt, firmware_check_sleep,
	firmware_check_arguments, firmware_check_secure, firmware_check_signed, firmware_check_dbx, firmware_check_sbat,
	firmware_check_mode, firmware_check_signature;

#endif

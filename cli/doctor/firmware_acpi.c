/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables: from sysfs, an inventory or a dump; their checksums and whether they fit each other. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/doctor/firmware.h"
#include "cli/doctor/inventory.h"

#define TABLES_MAX 512u
#define DUMP_MAX   (128u << 20)

const struct doctor_check firmware_check_checksums = {
	.id = "firmware.checksums",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("checksums of the ACPI tables"),
	.explain =
		N_("The firmware describes the machine to the system in ACPI tables; the bytes of each add up to zero. A table "
		   "that does not was damaged or built carelessly. Windows stops with ACPI_BIOS_ERROR (0xA5); Linux complains "
		   "and goes on with what may be nonsense: hangs at the start, lost interrupts, fans or batteries that are not "
		   "there. Update the firmware (BIOS); the check firmware.arguments names kernel arguments that leave the table "
		   "out."),
};
const struct doctor_check firmware_check_tables = {
	.id = "firmware.tables",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("the ACPI tables fit each other"),
	.explain = N_("The root pointer (RSDP) leads to a list of tables (XSDT, RSDT), the list to the fixed table (FADT), and "
		      "that one to the "
		      "machine's code (DSDT). If a link is missing or points elsewhere, the system starts without ACPI: one "
		      "processor, no "
		      "power-off, devices that are not found. Update the firmware."),
};
const struct doctor_check firmware_check_fadt = {
	.id = "firmware.fadt",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("what the firmware says about the machine"),
	.explain = N_("The fixed ACPI table (FADT) says what kind of machine this is. Hardware-reduced machines (tablets, many "
		      "ARM devices) have "
		      "no BIOS mode, and need images with a loader for UEFI. Low-power S0 means that the machine sleeps in "
		      "'modern standby' "
		      "rather than in S3."),
};

/* --- loading -------------------------------------------------------------------------------------------------------------- */

static bool add(struct acpi_tables *t, char *name, uint8_t *data, size_t len, uint64_t address)
{
	void *v = t->v;

	if (pod_grow(&cli_alloc, &v, t->n, &t->cap, t->n + 1, sizeof *t->v, TABLES_MAX) != POD_OK) {
		free(name);
		free(data);
		return false;
	}
	t->v = v;
	t->v[t->n++] = (struct acpi_table){name, data, len, address};
	return true;
}

static void from_folder(struct acpi_tables *t, const struct doctor_machine *m, const char *folder)
{
	char **names = doctor_machine_list(m, folder);

	for (size_t i = 0; names && names[i]; i++) {
		char *path = cli_xasprintf("%s/%s", folder, names[i]);
		size_t len = 0;
		char *data = doctor_machine_read(m, path, &len);

		if (data)
			add(t, cli_xstrdup(names[i]), (uint8_t *)data, len, 0);
		free(path);
	}
	free(names);
}

static char *from_machine(struct acpi_tables *t, const struct doctor_machine *m)
{
	char **names;

	from_folder(t, m, "/sys/firmware/acpi/tables");
	from_folder(t, m, "/sys/firmware/acpi/tables/dynamic");
	if (t->n)
		return NULL;
	names = doctor_machine_list(m, "/sys/firmware/acpi/tables");
	free(names);
	return cli_xstrdup(names && !inventory_is_saved(m) ? _("the ACPI tables can only be read by root")
							   : _("there are no ACPI tables"));
}

/* "dsdt.dat" -> "DSDT" */
static char *name_of_file(const char *file)
{
	const char *base = strrchr(file, '/');
	char *name = cli_xstrdup(base ? base + 1 : file), *dot = strchr(name, '.');

	if (dot)
		*dot = 0;
	for (char *c = name; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 32);
	return name;
}

static char *from_text(struct acpi_tables *t, const char *path, const char *text, size_t len)
{
	struct pod_acpidump d = {text, len, 0};
	uint8_t *buf = cli_xmalloc(POD_ACPI_TABLE_MAX);
	struct pod_acpidump_table x;
	enum pod_status st;
	size_t n;

	while ((st = pod_acpidump_next(&d, &x, buf, POD_ACPI_TABLE_MAX, &n)) == POD_OK) {
		uint8_t *data = cli_xmalloc(n ? n : 1);

		memcpy(data, buf, n);
		if (!add(t, cli_xstrdup(x.name), data, n, x.address))
			break;
	}
	free(buf);
	if (st == POD_END)
		return NULL;
	return st == POD_E_FORMAT ? cli_xasprintf(_("%s: neither ACPI tables nor a dump by acpidump"), path)
				  : cli_xasprintf(_("%s: the dump is damaged at byte %zu"), path, d.at);
}

static char *from_file(struct acpi_tables *t, const char *path, bool lone)
{
	struct pod_acpi_header h;
	struct pod_acpi_rsdp r;
	size_t len;
	char *data = inventory_slurp(path, DUMP_MAX, &len), *why = NULL;

	if (!data)
		return cli_xasprintf("%s: %s", path, strerror(errno));
	if (pod_acpi_rsdp_read((uint8_t *)data, len, &r) == POD_OK || pod_acpi_header_read((uint8_t *)data, len, &h) == POD_OK) {
		/* A text that begins with "DSDT @" would be a table of that length. */
		if (memmem(data, len < 32 ? len : 32, " @ 0x", 5) == NULL) {
			add(t, name_of_file(path), (uint8_t *)data, len, 0);
			return NULL;
		}
	}
	if (lone)
		why = from_text(t, path, data, len);
	free(data);
	return why;
}

static int wanted(const struct dirent *e)
{
	static const char *const end[] = {".dat", ".bin", ".aml"};
	size_t n = strlen(e->d_name);

	if (e->d_name[0] == '.')
		return 0;
	/* a copy of /sys/firmware/acpi/tables has no endings */
	if (!strchr(e->d_name, '.'))
		return 1;
	for (size_t i = 0; i < POD_ARRAY_LEN(end); i++)
		if (n > 4 && strcasecmp(e->d_name + n - 4, end[i]) == 0)
			return 1;
	return 0;
}

static char *from_path(struct acpi_tables *t, const char *path)
{
	struct dirent **e;
	struct stat sb;
	int n;

	if (stat(path, &sb) != 0)
		return cli_xasprintf("%s: %s", path, strerror(errno));
	if (!S_ISDIR(sb.st_mode))
		return from_file(t, path, true);
	n = scandir(path, &e, wanted, alphasort);
	for (int i = 0; i < n; i++) {
		char *full = cli_xasprintf("%s/%s", path, e[i]->d_name);

		free(from_file(t, full, false));
		free(full);
		free(e[i]);
	}
	if (n >= 0)
		free(e);
	return t->n ? NULL : cli_xasprintf(_("%s: there are no ACPI tables in it (*.dat, *.bin, *.aml)"), path);
}

char *acpi_tables_read(struct acpi_tables *out, const struct doctor_machine *m, const char *path)
{
	memset(out, 0, sizeof *out);
	out->saved = path != NULL;
	return path ? from_path(out, path) : from_machine(out, m);
}

void acpi_tables_free(struct acpi_tables *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		free(t->v[i].data);
	}
	pod_free(&cli_alloc, t->v);
	memset(t, 0, sizeof *t);
}

const struct acpi_table *acpi_find(const struct acpi_tables *t, const char *signature)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].len >= POD_ACPI_HEADER_SIZE && memcmp(t->v[i].data, signature, 4) == 0)
			return &t->v[i];
	return NULL;
}

bool acpi_is_bad(const struct acpi_table *t)
{
	struct pod_acpi_header h;

	return pod_acpi_header_read(t->data, t->len, &h) == POD_OK && h.has_checksum && !h.sum_ok;
}

/* --- checksums ------------------------------------------------------------------------------------------------------------ */

/* Without these no system starts as it should. */
static bool vital(const char *signature)
{
	static const char *const list[] = {"XSDT", "RSDT", "FACP", "DSDT", "SSDT", "APIC", "MCFG", "DMAR", "IVRS"};

	for (size_t i = 0; i < POD_ARRAY_LEN(list); i++)
		if (strcmp(signature, list[i]) == 0)
			return true;
	return false;
}

static void checksums(struct doctor *d, const struct acpi_tables *t)
{
	size_t bad = 0, seen = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct pod_acpi_header h;

		if (pod_acpi_header_read(t->v[i].data, t->v[i].len, &h) != POD_OK || !h.has_checksum)
			continue;
		seen++;
		if (h.sum_ok)
			continue;
		bad++;
		if (h.cut)
			doctor_reportf(d, &firmware_check_checksums, vital(h.signature) ? DOCTOR_BAD : DOCTOR_WARN, t->v[i].name,
				       t->saved ? _("dump the tables again; if it stays so, update the firmware (BIOS)")
						: _("update the firmware (BIOS)"),
				       _("the table says it has %u bytes, and %zu are there"), h.length_bytes, t->v[i].len);
		else
			doctor_reportf(
				d, &firmware_check_checksums, vital(h.signature) ? DOCTOR_BAD : DOCTOR_WARN, t->v[i].name,
				_("update the firmware (BIOS)"),
				_("wrong checksum: the bytes of the table (%s %s, revision %u) add up to 0x%02x instead of 0"),
				h.oem_id, h.oem_table_id, (unsigned)h.oem_revision, h.sum);
	}
	if (!bad)
		doctor_reportf(d, &firmware_check_checksums, DOCTOR_GOOD, NULL, NULL, _("the checksums of %zu tables are right"),
			       seen);
}

/* --- do they fit each other ------------------------------------------------------------------------------------------------ */

static void bad_tables(struct doctor *d, enum doctor_level level, const char *subject, const char *evidence)
{
	doctor_report(d, &firmware_check_tables, level, subject, evidence, _("update the firmware (BIOS)"));
}

static bool has_address(const struct acpi_tables *t, uint64_t address)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].address == address)
			return true;
	return false;
}

/* Each address of the root table is one of a dumped table. Only dumps with addresses can tell. */
static bool check_root(struct doctor *d, const struct acpi_tables *t, const struct acpi_table *root)
{
	size_t n = pod_acpi_sdt_count(root->data, root->len), known = 0, zero = 0;
	uint64_t stray = 0;

	for (size_t i = 0; i < t->n; i++)
		known += t->v[i].address != 0 && &t->v[i] != root;
	for (size_t i = 0; i < n; i++) {
		uint64_t a = pod_acpi_sdt_entry(root->data, i);

		zero += !a;
		if (a && !has_address(t, a))
			stray = a;
	}
	if (zero) {
		bad_tables(d, DOCTOR_WARN, root->name, _("the list of tables has empty entries"));
		return false;
	}
	/* Tables at addresses that acpidump does not give (it writes zeros where it read them from sysfs) prove nothing. */
	if (stray && known >= n) {
		doctor_reportf(d, &firmware_check_tables, DOCTOR_WARN, root->name, _("update the firmware (BIOS)"),
			       _("the list of tables points to 0x%llx, but there is no table there"), (unsigned long long)stray);
		return false;
	}
	return true;
}

static bool check_rsdp(struct doctor *d, const struct acpi_tables *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct pod_acpi_rsdp r;

		if (pod_acpi_rsdp_read(t->v[i].data, t->v[i].len, &r) != POD_OK)
			continue;
		if (!r.sum_ok || !r.extended_sum_ok) {
			bad_tables(d, DOCTOR_BAD, t->v[i].name,
				   _("the root pointer's checksum is wrong: systems do not find the tables"));
			return false;
		}
		if (!r.rsdt && !r.xsdt) {
			bad_tables(d, DOCTOR_BAD, t->v[i].name, _("the root pointer does not point to a table"));
			return false;
		}
	}
	return true;
}

static void tables(struct doctor *d, const struct acpi_tables *t)
{
	const struct acpi_table *facp = acpi_find(t, "FACP"), *xsdt = acpi_find(t, "XSDT"), *rsdt = acpi_find(t, "RSDT");
	struct pod_acpi_fadt f = {0};
	bool good = check_rsdp(d, t);

	if (xsdt)
		good &= check_root(d, t, xsdt);
	if (rsdt)
		good &= check_root(d, t, rsdt);
	if (!facp) {
		bad_tables(d, DOCTOR_BAD, "FACP", _("the fixed table (FADT) is missing"));
		return;
	}
	if (pod_acpi_fadt_read(facp->data, facp->len, &f) != POD_OK) {
		bad_tables(d, DOCTOR_BAD, facp->name, _("the fixed table (FADT) is too short"));
		return;
	}
	if (!acpi_find(t, "DSDT")) {
		bad_tables(d, DOCTOR_BAD, "DSDT", _("the machine's code (DSDT) is missing"));
		return;
	}
	if (f.dsdt_differs) {
		bad_tables(d, DOCTOR_NOTE, facp->name,
			   _("the FADT gives two addresses for the DSDT; systems differ in which they take"));
		return;
	}
	if (good)
		doctor_reportf(d, &firmware_check_tables, DOCTOR_GOOD, NULL, NULL, _("%zu tables, FADT and DSDT among them"),
			       t->n);
}

/* --- FADT ----------------------------------------------------------------------------------------------------------------- */

/* Preferred_PM_Profile, ACPI 6.5, 5.2.9. */
static const char *profile_text(uint8_t profile)
{
	static const char *const text[] = {N_("kind of machine not given"),
					   N_("desktop"),
					   N_("mobile"),
					   N_("workstation"),
					   N_("enterprise server"),
					   N_("small office server"),
					   N_("appliance"),
					   N_("performance server"),
					   N_("tablet")};

	return _(text[profile < POD_ARRAY_LEN(text) ? profile : 0]);
}

bool acpi_without_bios(const struct doctor_machine *m)
{
	size_t len = 0;
	char *table = doctor_machine_read(m, "/sys/firmware/acpi/tables/FACP", &len);
	struct pod_acpi_fadt f;
	bool without = table && pod_acpi_fadt_read((const uint8_t *)table, len, &f) == POD_OK && f.flags & POD_FADT_HW_REDUCED;

	free(table);
	return without;
}

/* Linux was started by something else than its firmware (a virtual machine's loader), or was told to leave UEFI alone (noefi). */
static bool started_by_neither(const struct doctor *d)
{
	char **efi = doctor_machine_list(d->machine, "/sys/firmware/efi");

	free(efi);
	return !efi && acpi_without_bios(d->machine);
}

static void fadt(struct doctor *d, const struct acpi_tables *t)
{
	const struct acpi_table *facp = acpi_find(t, "FACP");
	struct pod_acpi_fadt f;

	if (!facp || pod_acpi_fadt_read(facp->data, facp->len, &f) != POD_OK)
		return;
	if (f.flags & POD_FADT_HW_REDUCED && !t->saved && started_by_neither(d))
		doctor_reportf(
			d, &firmware_check_fadt, DOCTOR_NOTE, NULL, NULL,
			_("%s, hardware-reduced ACPI (FADT %u.%u): such machines have no BIOS mode, and this system was not started by "
			  "UEFI either (a virtual machine, or noefi)"),
			profile_text(f.profile), f.revision, f.minor);
	else if (f.flags & POD_FADT_HW_REDUCED)
		doctor_reportf(
			d, &firmware_check_fadt, DOCTOR_NOTE, NULL, NULL,
			_("%s, hardware-reduced ACPI (FADT %u.%u): there is no BIOS mode, only images with a UEFI loader start"),
			profile_text(f.profile), f.revision, f.minor);
	else
		doctor_reportf(d, &firmware_check_fadt, DOCTOR_GOOD, NULL, NULL, _("%s, FADT %u.%u%s%s%s"),
			       profile_text(f.profile), f.revision, f.minor,
			       f.flags & POD_FADT_LOW_POWER_S0 ? _(", low-power S0 (modern standby)") : "",
			       f.boot_flags & POD_FADT_BOOT_NO_VGA ? _(", no VGA") : "",
			       f.flags & POD_FADT_HEADLESS ? _(", without a screen") : "");
}

void firmware_acpi(struct doctor *d)
{
	struct acpi_tables t;
	char *why = acpi_tables_read(&t, d->machine, d->acpi);

	if (why) {
		/* A dump that was asked for and cannot be read is a fault; no tables on a machine are a fact. */
		doctor_report(d, &firmware_check_checksums, d->acpi ? DOCTOR_BAD : DOCTOR_SKIPPED, NULL, why,
			      d->acpi ? _("make it with acpidump -o FILE, or copy /sys/firmware/acpi/tables") : NULL);
	} else {
		checksums(d, &t);
		tables(d, &t);
		fadt(d, &t);
		firmware_sleep(d, &t);
	}
	firmware_arguments(d, &t);
	free(why);
	acpi_tables_free(&t);
}

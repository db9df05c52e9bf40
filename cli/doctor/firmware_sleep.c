/* SPDX-License-Identifier: BSD-2-Clause */
/* Sleep: what the tables define, what the kernel offers; and kernel arguments for what was seen. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/doctor/firmware.h"
#include "cli/doctor/inventory.h"
#include "cli/host/sandbox.h"

#define IASL_SECONDS 30u
#define DSL_MAX	     (64u << 20)

const struct doctor_check firmware_check_sleep = {
	.id = "firmware.sleep",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("sleep"),
	.explain =
		N_("A machine can suspend to RAM if its tables define the state _S3, or if it has modern standby (low-power S0); "
		   "to disk if they define _S4. _PTS and _WAK are the firmware's own steps before and after. Without them, "
		   "closing the lid under a live system can end in a machine that does not wake up. (With package acpica-tools "
		   "the tables are disassembled; without it the names are looked for by their bytes.)"),
};
const struct doctor_check firmware_check_arguments = {
	.id = "firmware.arguments",
	.hazard = POD_HAZARD_FIRMWARE,
	.title = N_("kernel arguments worth trying"),
	.explain = N_("Suggestions that follow from something seen on this machine, each with its price. Try one at a time, and "
		      "only if the start "
		      "hangs: in the boot menu of the image press e (GRUB) or Tab (isolinux) and add the word to the line with "
		      "the kernel. "
		      "None of them is a cure: an update of the firmware or a newer kernel is."),
};

/* --- which names are defined ------------------------------------------------------------------------------------------------ */

static bool write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, data, len) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* "Name (_S3, " or "Method (\_PTS, ": as iasl writes it. */
static bool defines(const char *dsl, const char *name)
{
	for (const char *at = dsl; (at = strstr(at, name)) != NULL; at++) {
		const char *p = at;
		size_t n = strlen(name);

		if (at[n] != ',' && at[n] != '_')
			continue;
		while (p > dsl &&
		       (p[-1] == '\\' || p[-1] == '_' || p[-1] == '^' || p[-1] == '.' || (p[-1] >= 'A' && p[-1] <= 'Z')))
			p--;
		if (p - dsl >= 6 && p[-1] == '(' &&
		    (memcmp(p - 6, "Name (", 6) == 0 || (p - dsl >= 8 && memcmp(p - 8, "Method (", 8) == 0)))
			return true;
	}
	return false;
}

static void learn(struct acpi_sleep *s, const char *dsl)
{
	s->s3 |= defines(dsl, "_S3");
	s->s4 |= defines(dsl, "_S4");
	s->pts |= defines(dsl, "_PTS");
	s->wak |= defines(dsl, "_WAK");
}

static bool is_code(const struct acpi_table *t)
{
	return t->len > POD_ACPI_HEADER_SIZE && (memcmp(t->data, "DSDT", 4) == 0 || memcmp(t->data, "SSDT", 4) == 0);
}

/* The child: each table through iasl -d. One record for each of which that gave something: its number, and what it defines. */
struct verdict {
	uint32_t table;
	uint8_t s3, s4, pts, wak;
};

static void disassemble(struct sandbox_child *c, const struct acpi_table *t, uint32_t number)
{
	struct acpi_sleep s = {0};
	struct cli_args a = {0};
	char *text = NULL;

	if (write_file("t.aml", t->data, t->len)) {
		cli_args_add(&a, "iasl");
		cli_args_add(&a, "-d");
		cli_args_add(&a, "t.aml");
		/* It complains about a wrong checksum and goes on; what it wrote is what counts. */
		(void)sandbox_exec(c, &a);
		cli_args_free(&a);
		text = inventory_slurp("t.dsl", DSL_MAX, NULL);
	}
	/* at least the head of a listing */
	if (text && strstr(text, "DefinitionBlock")) {
		struct verdict v = {.table = number};

		learn(&s, text);
		v.s3 = s.s3;
		v.s4 = s.s4;
		v.pts = s.pts;
		v.wak = s.wak;
		sandbox_send(c, 1, &v, sizeof v);
	}
	free(text);
	unlink("t.aml");
	unlink("t.dsl");
}

static void work(struct sandbox_child *c, void *ctx)
{
	const struct acpi_tables *t = ctx;

	for (size_t i = 0; i < t->n; i++)
		if (is_code(&t->v[i]))
			disassemble(c, &t->v[i], (uint32_t)i);
}

struct answer {
	struct acpi_sleep *out;
	const struct acpi_tables *t;
	bool *done; /* for each table */
};

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct answer *a = ctx;
	struct verdict v;

	if (kind != 1 || len != sizeof v)
		return false;
	memcpy(&v, data, sizeof v);
	if (v.table >= a->t->n || a->done[v.table])
		return false;
	a->done[v.table] = true;
	a->out->s3 |= v.s3 != 0;
	a->out->s4 |= v.s4 != 0;
	a->out->pts |= v.pts != 0;
	a->out->wak |= v.wak != 0;
	return true;
}

static void ask_iasl(struct answer *a)
{
	char *program = cli_proc_find("iasl");
	struct sandbox s = {.who = "iasl",
			    .about = _("the ACPI tables"),
			    .program = program,
			    .seconds = IASL_SECONDS,
			    .disk_bytes = DSL_MAX,
			    .answer_bytes = 1u << 20,
			    .work = work,
			    .ctx = (void *)(uintptr_t)a->t,
			    .take = take,
			    .take_ctx = a};
	struct fault why = {0};

	if (program && sandbox_run(&s, &why) != SANDBOX_DONE)
		a->out->problem = cli_xstrdup(fault_text(&why));
	fault_free(&why);
	free(program);
}

void acpi_sleep_read(struct acpi_sleep *out, const struct acpi_tables *t)
{
	struct answer a = {.out = out, .t = t, .done = cli_xzalloc(t->n + 1)};
	bool all = true;

	memset(out, 0, sizeof *out);
	ask_iasl(&a);
	for (size_t i = 0; i < t->n; i++) {
		const struct acpi_table *x = &t->v[i];

		if (!is_code(x) || a.done[i])
			continue;
		all = false;
		out->s3 |= pod_acpi_aml_defines(x->data, x->len, "_S3_");
		out->s4 |= pod_acpi_aml_defines(x->data, x->len, "_S4_");
		out->pts |= pod_acpi_aml_defines(x->data, x->len, "_PTS");
		out->wak |= pod_acpi_aml_defines(x->data, x->len, "_WAK");
	}
	out->by_iasl = all;
	free(a.done);
}

/* --- the check ------------------------------------------------------------------------------------------------------------ */

static const char *yes_no(bool yes)
{
	return yes ? _("yes") : _("no");
}

/* "freeze mem disk; mem: s2idle [deep]" as this kernel offers it; NULL for a dump, or if it does not say. */
static char *kernel_offers(const struct doctor *d, const struct acpi_tables *t)
{
	char *state = t->saved ? NULL : inventory_line(d->machine, "/sys/power/state");
	char *mem = t->saved ? NULL : inventory_line(d->machine, "/sys/power/mem_sleep"), *text = NULL;

	if (state)
		text = mem ? cli_xasprintf("%s; mem: %s", state, mem) : cli_xstrdup(state);
	free(state);
	free(mem);
	return text;
}

/* Desktops and portable machines are expected to sleep; servers and virtual machines are not. */
static bool expected_to_sleep(uint8_t profile)
{
	return profile == 1 || profile == 2 || profile == 3 || profile == 8;
}

void firmware_sleep(struct doctor *d, const struct acpi_tables *t)
{
	const struct acpi_table *facp = acpi_find(t, "FACP");
	struct pod_acpi_fadt f = {0};
	enum doctor_level level = DOCTOR_GOOD;
	const char *fix = NULL;
	struct acpi_sleep s;
	char *names, *offers;
	bool s0;

	if (!doctor_wants(d, &firmware_check_sleep) || !acpi_find(t, "DSDT"))
		return;
	if (!facp || pod_acpi_fadt_read(facp->data, facp->len, &f) != POD_OK)
		memset(&f, 0, sizeof f);
	acpi_sleep_read(&s, t);
	offers = kernel_offers(d, t);
	s0 = (f.flags & POD_FADT_LOW_POWER_S0) != 0;
	if (!s.s3 && s0) {
		level = DOCTOR_NOTE;
	} else if (!s.s3) {
		level = expected_to_sleep(f.profile) ? DOCTOR_WARN : DOCTOR_NOTE;
		fix = _("do not suspend a live system on this machine: switch it off, or look for a sleep setting (S3) in the "
			"firmware");
	} else if (!t->saved && offers && !strstr(offers, "mem")) {
		level = DOCTOR_NOTE;
	}
	names = cli_xasprintf(_("_S3 %s, _S4 %s, _PTS %s, _WAK %s (%s)"), yes_no(s.s3), yes_no(s.s4), yes_no(s.pts),
			      yes_no(s.wak),
			      s.by_iasl	  ? _("disassembled by iasl")
			      : s.problem ? _("found by their bytes")
					  : _("found by their bytes; package acpica-tools tells for certain"));
	doctor_reportf(d, &firmware_check_sleep, level, NULL, fix, "%s%s%s%s%s%s%s", names, s.problem ? "; " : "",
		       s.problem ? s.problem : "", !s.s3 && !s0 ? _("; suspend to RAM is not possible") : "",
		       s0 ? _("; low-power S0 (modern standby)") : "", offers ? _("; this kernel offers: ") : "",
		       offers ? offers : "");
	free(names);
	free(offers);
	free(s.problem);
}

/* --- kernel arguments ------------------------------------------------------------------------------------------------------ */

struct remedy {
	const char *table; /* a signature whose table is bad */
	const char *argument, *price;
};

static const struct remedy remedies[] = {
	{"DSDT", "acpi=off", N_("often one processor only, no power-off by itself, no battery or fan control")},
	{"SSDT", "acpi_no_auto_ssdt",
	 N_("what these tables describe (power states of the processor, Thunderbolt, graphics) is missing")},
	{"FACP", "acpi=off", N_("often one processor only, no power-off by itself, no battery or fan control")},
	{"APIC", "noapic", N_("interrupts over the old controller: slower, and devices can share or lose them")},
	{"MCFG", "pci=nommconf", N_("extended PCI settings are out of reach: some newer devices do not work")},
	{"DMAR", "intel_iommu=off", N_("no device can be handed to a virtual machine, and none is kept out of memory")},
	{"IVRS", "amd_iommu=off", N_("no device can be handed to a virtual machine, and none is kept out of memory")},
	{"HPET", "hpet=disable", N_("another, coarser timer is used")},
};

static unsigned cpu_number(const char *text, const char *key)
{
	const char *at = text ? strstr(text, key) : NULL;

	at = at ? strchr(at, ':') : NULL;
	return at ? (unsigned)strtoul(at + 1, NULL, 10) : 0;
}

static void suggest(struct doctor *d, const char *argument, const char *price, const char *subject, const char *evidence)
{
	char *fix = cli_xasprintf(_("if the start hangs, try %s (its price: %s)"), argument, price);

	doctor_report(d, &firmware_check_arguments, DOCTOR_NOTE, subject, evidence, fix);
	free(fix);
}

/* Silvermont and Airmont as sold in tablets (Intel's family 6, models 55 and 76): hangs in deep idle states. */
static void bay_trail(struct doctor *d)
{
	char *cpu = d->machine ? doctor_machine_read(d->machine, "/proc/cpuinfo", NULL) : NULL;
	unsigned model = cpu_number(cpu, "\nmodel\t");

	if (cpu && strstr(cpu, "GenuineIntel") && cpu_number(cpu, "cpu family") == 6 && (model == 55 || model == 76))
		suggest(d, "intel_idle.max_cstate=1", _("the machine draws more power"), NULL,
			_("a Bay Trail or Cherry Trail processor: known to hang in deep idle states"));
	free(cpu);
}

static void graphics(struct doctor *d)
{
	char **names = d->machine ? doctor_machine_list(d->machine, "/sys/bus/pci/devices") : NULL;
	bool said = false;

	for (size_t i = 0; names && names[i] && !said; i++) {
		char *path = cli_xasprintf("/sys/bus/pci/devices/%s/modalias", names[i]),
		     *alias = inventory_line(d->machine, path);

		/* vendor 10DE, class 03: a display controller */
		if (alias && strncmp(alias, "pci:v000010DE", 13) == 0 && strstr(alias, "bc03")) {
			suggest(d, "nomodeset", _("one resolution, no acceleration, one screen"), NULL,
				_("NVIDIA graphics: with a chip newer than the image the screen can stay black"));
			said = true;
		}
		free(alias);
		free(path);
	}
	free(names);
}

void firmware_arguments(struct doctor *d, const struct acpi_tables *t)
{
	if (!doctor_wants(d, &firmware_check_arguments))
		return;
	for (size_t k = 0; k < POD_ARRAY_LEN(remedies); k++)
		for (size_t i = 0; i < t->n; i++)
			if (t->v[i].len >= 4 && memcmp(t->v[i].data, remedies[k].table, 4) == 0 && acpi_is_bad(&t->v[i])) {
				suggest(d, remedies[k].argument, _(remedies[k].price), t->v[i].name,
					_("the table's bytes are wrong"));
				break;
			}
	bay_trail(d);
	graphics(d);
}

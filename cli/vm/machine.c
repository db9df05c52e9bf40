/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `vm --firmware` names is a model of machine: a QEMU program and the firmware files it runs. These come from the
 * distribution's packages. UEFI keeps its variables in a second flash chip, which must be a fresh writable copy for each run. The
 * ia32 and the Secure Boot builds insist on system management mode and a locked flash.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "cli/vm/machine.h"

struct flash {
	const char *code, *vars;
};

struct model {
	const char *name, *qemu, *qemu_package, *package;
	bool smm, arm;
	struct flash flash[3]; /* the first that is there is taken; none for BIOS */
};

static const struct model models[] = {
	{.name = "bios", .qemu = "qemu-system-x86_64", .qemu_package = "qemu-system-x86"},
	{.name = "uefi",
	 .qemu = "qemu-system-x86_64",
	 .qemu_package = "qemu-system-x86",
	 .package = "ovmf",
	 .flash = {{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
		   {"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
		   {"/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"}}},
	{.name = "uefi-ia32",
	 .qemu = "qemu-system-x86_64",
	 .qemu_package = "qemu-system-x86",
	 .package = "ovmf-ia32",
	 .smm = true,
	 .flash = {{"/usr/share/OVMF/OVMF32_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF32_VARS_4M.fd"}}},
	{.name = "uefi-aa64",
	 .qemu = "qemu-system-aarch64",
	 .qemu_package = "qemu-system-arm",
	 .package = "qemu-efi-aarch64",
	 .arm = true,
	 .flash = {{"/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"},
		   {"/usr/share/edk2/aarch64/QEMU_CODE.fd", "/usr/share/edk2/aarch64/QEMU_VARS.fd"}}},
	{.name = "uefi-secure",
	 .qemu = "qemu-system-x86_64",
	 .qemu_package = "qemu-system-x86",
	 .package = "ovmf",
	 .smm = true,
	 .flash = {{"/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"}}},
};

static const struct model *find(const char *name)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(models); i++)
		if (strcmp(models[i].name, name) == 0)
			return &models[i];
	return NULL;
}

bool cli_machine_known(const char *name)
{
	return find(name) != NULL;
}

static bool copy_file(const char *from, const char *to)
{
	FILE *in = fopen(from, "re"), *out = in ? fopen(to, "we") : NULL;
	char buf[1024];
	bool ok = out != NULL;
	size_t n;

	while (ok && (n = fread(buf, 1, sizeof buf, in)) > 0)
		ok = fwrite(buf, 1, n, out) == n;
	if (in) {
		ok &= !ferror(in);
		fclose(in);
	}
	if (out && fclose(out) != 0)
		ok = false;
	return ok;
}

/* A comma in a QEMU option's value is written twice. */
static char *escape(const char *s)
{
	char *out = cli_xmalloc(2 * strlen(s) + 1), *w = out;

	for (; *s; s++) {
		*w++ = *s;
		if (*s == ',')
			*w++ = ',';
	}
	*w = '\0';
	return out;
}

static bool add_flash(const struct model *model, const struct cli_machine *m, struct cli_args *a, struct fault *fault)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(model->flash); i++) {
		const struct flash *f = &model->flash[i];
		char *vars;
		bool ok;

		if (!f->code || access(f->code, R_OK) != 0 || access(f->vars, R_OK) != 0)
			continue;
		vars = cli_xasprintf("%s/vars.fd", m->folder);
		ok = copy_file(f->vars, vars);
		cli_args_add(a, "-drive");
		cli_args_addf(a, "if=pflash,unit=0,format=raw,readonly=on,file=%s", f->code);
		cli_args_add(a, "-drive");
		cli_args_addf(a, "if=pflash,unit=1,format=raw,file=%s", vars);
		if (!ok)
			fault_set(fault, _("%s: cannot copy the firmware's variables; is there space in the temporary folder?"),
				  vars);
		free(vars);
		return ok;
	}
	fault_set(fault, _("no firmware files for %s; install the package %s"), model->name, model->package);
	return false;
}

/* Nested virtualisation often opens and then fails on real-mode code, with a frozen guest as the only sign. */
static bool inside_a_guest(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char *line = NULL;
	size_t cap = 0;
	bool guest = false;

	while (f && !guest && getline(&line, &cap, f) > 0)
		guest = strncmp(line, "flags", 5) == 0 && strstr(line, " hypervisor");
	if (f)
		fclose(f);
	free(line);
	return guest;
}

static void add_machine(const struct model *model, const struct cli_machine *m, struct cli_args *a)
{
#if defined(__x86_64__)
	bool native = !model->arm;
#elif defined(__aarch64__)
	bool native = model->arm;
#else
	bool native = false;
#endif

	cli_args_add(a, "-machine");
	cli_args_add(a, model->arm ? "virt" : model->smm ? "q35,smm=on" : "q35");
	if (native && !inside_a_guest() && access("/dev/kvm", R_OK | W_OK) == 0) {
		cli_args_add(a, "-accel");
		cli_args_add(a, "kvm");
		if (model->arm) {
			cli_args_add(a, "-cpu");
			cli_args_add(a, "host");
		}
	} else if (model->arm) {
		cli_args_add(a, "-cpu");
		cli_args_add(a, "cortex-a57");
	}
	cli_args_add(a, "-accel");
	cli_args_add(a, "tcg");
	if (model->smm) {
		cli_args_add(a, "-global");
		cli_args_add(a, "driver=cfi.pflash01,property=secure,value=on");
	}
	cli_args_add(a, "-m");
	cli_args_addf(a, "%lluM", (unsigned long long)(m->memory_bytes >> 20));
}

static void add_devices(const struct model *model, const struct cli_machine *m, struct cli_args *a)
{
	char *disk = escape(m->disk);

	cli_args_add(a, "-nodefaults");
	cli_args_add(a, "-device");
	cli_args_add(a, model->arm ? "ramfb" : "VGA");
	cli_args_add(a, "-device");
	cli_args_add(a, "qemu-xhci,id=usb");
	cli_args_add(a, "-device");
	cli_args_add(a, "usb-kbd,bus=usb.0");
	cli_args_add(a, "-drive");
	cli_args_addf(a, "if=none,id=stick,format=%s,cache=unsafe,file=%s", m->disk_format, disk);
	cli_args_add(a, "-device");
	if (!m->sata) {
		cli_args_add(a, "usb-storage,bus=usb.0,drive=stick,removable=on,bootindex=0");
	} else if (model->arm) {
		cli_args_add(a, "ich9-ahci,id=sata");
		cli_args_add(a, "-device");
		cli_args_add(a, "ide-hd,bus=sata.0,drive=stick,bootindex=0");
	} else {
		cli_args_add(a, "ide-hd,bus=ide.0,drive=stick,bootindex=0");
	}
	cli_args_add(a, "-display");
	cli_args_add(a, m->display ? "gtk" : "none");
	cli_args_add(a, "-chardev");
	cli_args_add(a, "stdio,id=serial,signal=off");
	cli_args_add(a, "-serial");
	cli_args_add(a, "chardev:serial");
	cli_args_add(a, "-qmp");
	cli_args_addf(a, "unix:%s/qmp,server=on,wait=off", m->folder);
	free(disk);
}

bool cli_machine_args(const struct cli_machine *m, struct cli_args *out, struct fault *fault)
{
	const struct model *model = find(m->model);

	if (!cli_proc_on_path(model->qemu)) {
		fault_set(fault, _("%s is not installed; install the package %s"), model->qemu, model->qemu_package);
		return false;
	}
	cli_args_add(out, model->qemu);
	add_machine(model, m, out);
	if (model->flash[0].code && !add_flash(model, m, out, fault))
		return false;
	add_devices(model, m, out);
	return true;
}

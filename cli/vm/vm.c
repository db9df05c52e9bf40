/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod vm: boots a stick in QEMU. TARGET stays as it is unless --write is given: QEMU works on a temporary overlay, and the
 * one-shot choice of --boot is written into that.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "cli/disk/disk.h"
#include "cli/vm/console.h"
#include "cli/vm/machine.h"
#include "cli/vm/qmp.h"
#include "cli/stick/target.h"
#include "core/base/str.h"
#include "core/trace/state.h"
#include "core/vhd/qcow2_write.h"

#define DEFAULT_MEMORY	   (1024u << 20)
#define EXPECT_SECONDS	   300 /* how long to wait for a text if not said */
#define SCREENSHOT_SECONDS 60
#define DRAIN_SIZE	   2048u
#define PIPE_READS	   (65536u / DRAIN_SIZE)

struct options {
	const char *target, *boot, *serial, *screenshot, *expect;
	uint64_t timeout_s; /* 0: none */
	bool write;
	struct cli_machine machine;
};

struct vm {
	const struct options *opt;
	char folder[64];
	char *overlay;
	char *disk; /* absolute path of TARGET */
	uint64_t size_bytes;
	pid_t pid;
	int out_fd; /* QEMU's serial output */
	FILE *serial;
	struct cli_console console;
};

/* The one-shot choice as `next` would write it, computed on a copy of the state file in memory, then laid into the overlay. */
static bool choose_in_overlay(struct vm *vm, struct cli_target *t, const char *path, struct pod_dev *overlay, struct fault *fault)
{
	struct pod_window state;
	struct pod_memdev mem;
	uint64_t start;
	char *bytes = cli_xmalloc(POD_STATE_SIZE);
	enum pod_status st;
	bool ok = cli_target_state(t, &state, &start, fault);

	if (ok) {
		st = pod_dev_read(&state.dev, 0, bytes, POD_STATE_SIZE);
		pod_memdev_init(&mem, bytes, POD_STATE_SIZE, 512, false);
		if (st == POD_OK)
			st = pod_state_next_set(&mem.dev, &cli_alloc, path);
		if (st == POD_OK)
			st = pod_dev_write(overlay, start, bytes, POD_STATE_SIZE);
		ok = st == POD_OK;
		if (!ok)
			fault_status(fault, vm->opt->target, _("cannot write the choice for this run"), st, NULL);
	}
	free(bytes);
	return ok;
}

/* `overlay` NULL: the choice is TARGET's. */
static bool choose(struct vm *vm, struct pod_dev *overlay, struct fault *fault)
{
	struct cli_target *t = cli_target_open(vm->opt->target, vm->opt->write, fault);
	char *path = t ? cli_target_path(vm->opt->boot, fault) : NULL;
	struct pod_window state;
	struct pod_node node;
	bool ok = path && cli_target_find(t, path, &node, fault);

	if (ok && overlay) {
		ok = choose_in_overlay(vm, t, path, overlay, fault);
	} else if (ok && (ok = cli_target_state(t, &state, NULL, fault))) {
		enum pod_status st = pod_state_next_set(&state.dev, &cli_alloc, path);

		ok = st == POD_OK;
		if (!ok)
			fault_status(fault, vm->opt->target, _("cannot write the state file"), st, NULL);
	}
	free(path);
	cli_target_close(t);
	return ok;
}

/* What is below it is the drive, which is read only where the choice changes a part of a cluster. */
static bool fill_overlay(struct vm *vm, struct disk_file *f, struct cli_dev *drive, struct fault *fault)
{
	struct pod_qcow2_how how = {
		.size_bytes = pod_align_up(vm->size_bytes, 512), .backing_path = vm->disk, .backing = &drive->dev};
	struct pod_qcow2 q;
	struct pod_diag diag = {0};
	enum pod_status st = pod_qcow2_begin(&q, &f->vf, &cli_alloc, &how, &diag);
	bool chosen = true;

	if (st == POD_OK && vm->opt->boot)
		chosen = choose(vm, &q.dev, fault);
	if (st == POD_OK && chosen)
		st = pod_qcow2_finish(&q);
	pod_qcow2_end(&q);
	if (st != POD_OK && chosen)
		disk_fail(vm->overlay, _("cannot make the image"), st, &diag, NULL, fault);
	return st == POD_OK && chosen;
}

static bool make_overlay(struct vm *vm, struct fault *fault)
{
	struct disk_file f;
	struct cli_dev drive;
	bool ok;

	vm->overlay = cli_xasprintf("%s/overlay.qcow2", vm->folder);
	if (!cli_dev_open(&drive, vm->opt->target, false, fault))
		return false;
	ok = disk_file_create(&f, vm->overlay, fault);
	if (ok) {
		ok = fill_overlay(vm, &f, &drive, fault);
		disk_file_close(&f);
	}
	cli_dev_close(&drive);
	return ok;
}

static bool launch(struct vm *vm, struct fault *fault)
{
	struct cli_machine m = vm->opt->machine;
	struct cli_args a = {0};
	int p[2];

	m.folder = vm->folder;
	m.disk = vm->overlay ? vm->overlay : vm->disk;
	m.disk_format = vm->overlay ? "qcow2" : "raw";
	if (!cli_machine_args(&m, &a, fault) || pipe2(p, O_CLOEXEC) != 0) {
		cli_args_free(&a);
		return false;
	}
	vm->pid = cli_proc_start(&a, p[1], fault);
	close(p[1]);
	vm->out_fd = p[0];
	cli_args_free(&a);
	return vm->pid > 0;
}

static bool screenshot(struct vm *vm, struct fault *fault)
{
	const char *file = vm->opt->screenshot;
	char *sock = cli_xasprintf("%s/qmp", vm->folder), *full;
	bool ppm = pod_ends_with_nocase(file, ".ppm"), ok = false;
	char *cwd = getcwd(NULL, 0);
	int fd = cli_qmp_connect(sock);

	full = file[0] == '/' || !cwd ? cli_xstrdup(file) : cli_xasprintf("%s/%s", cwd, file);
	if (fd < 0)
		fault_set(fault, _("%s: no screenshot: QEMU does not answer"), file);
	else
		ok = cli_qmp_screenshot(fd, full, ppm ? "ppm" : "png", fault);
	if (fd >= 0)
		close(fd);
	free(full);
	free(cwd);
	free(sock);
	return ok;
}

/* Takes what the serial port said. False at its end: QEMU is gone. */
static bool drain(struct vm *vm)
{
	char buf[DRAIN_SIZE];
	ssize_t n = read(vm->out_fd, buf, sizeof buf);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	cli_console_feed(&vm->console, buf, (size_t)n);
	if (vm->serial) {
		fwrite(buf, 1, (size_t)n, vm->serial);
		fflush(vm->serial);
	}
	return true;
}

/* What it has said so far, at most what a pipe holds, waiting so long for the first of it. */
static bool drain_waiting(struct vm *vm, int wait_ms)
{
	struct pollfd p = {.fd = vm->out_fd, .events = POLLIN};
	bool running = true;

	for (unsigned i = 0; i < PIPE_READS && running && poll(&p, 1, i ? 0 : wait_ms) > 0; i++)
		running = drain(vm);
	return running;
}

/* Until the text is seen, time is up, QEMU ends, or a signal comes. */
static int watch(struct vm *vm, struct fault *fault)
{
	const struct options *o = vm->opt;
	uint64_t end = o->timeout_s ? cli_millis() + o->timeout_s * 1000 : UINT64_MAX, now;
	bool running = true;
	int rc = CLI_OK;

	while (running && !vm->console.seen && !cli_interrupted && (now = cli_millis()) < end) {
		struct pollfd p = {.fd = vm->out_fd, .events = POLLIN};
		uint64_t left = end - now;

		/* A second at most: a signal between the test and the wait is then soon seen. */
		if (poll(&p, 1, left < 1000 ? (int)left : 1000) > 0)
			running = drain(vm);
	}
	if (cli_interrupted && running)
		running = drain_waiting(vm, 0);
	if (cli_interrupted && !vm->console.seen)
		return fault_set(fault, "%s", _("interrupted; the machine was switched off"));
	if (o->expect && !vm->console.seen) {
		const char *last = *vm->console.current ? vm->console.current : vm->console.line;

		if (running)
			fault_set(fault, _("'%s' was not seen within %llu seconds; the last line on the serial port was '%s'"),
				  o->expect, (unsigned long long)o->timeout_s, last);
		else
			fault_set(fault, _("the machine ended before '%s' was seen; the last line on the serial port was '%s'"),
				  o->expect, last);
		rc = CLI_CHECK;
	}
	if (o->screenshot && running) {
		/* What the serial port shows first is a moment later on the screen. */
		for (unsigned i = 0; i < 10; i++)
			drain_waiting(vm, 50);
		if (!screenshot(vm, fault))
			rc = rc == CLI_OK ? CLI_FAILED : rc;
	} else if (o->screenshot) {
		rc = fault_set(fault, _("%s: no screenshot: the machine has ended"), o->screenshot);
	}
	return rc;
}

/* Kills QEMU if it runs. False if it ended by itself with an error: it could not start. */
static bool stop(struct vm *vm)
{
	int status = 0;
	pid_t got;

	if (vm->pid <= 0)
		return true;
	kill(vm->pid, SIGKILL);
	do
		got = waitpid(vm->pid, &status, 0);
	while (got < 0 && errno == EINTR);
	return !WIFEXITED(status) || WEXITSTATUS(status) == 0;
}

static void remove_folder(struct vm *vm)
{
	static const char *const names[] = {"overlay.qcow2", "vars.fd", "qmp"};

	for (size_t i = 0; i < POD_ARRAY_LEN(names); i++) {
		char *p = cli_xasprintf("%s/%s", vm->folder, names[i]);

		unlink(p);
		free(p);
	}
	rmdir(vm->folder);
}

static int run_vm(struct vm *vm, struct fault *fault)
{
	const struct options *o = vm->opt;

	if (!o->write && !make_overlay(vm, fault))
		return CLI_FAILED;
	if (o->write && o->boot && !choose(vm, NULL, fault))
		return CLI_FAILED;
	if (o->serial) {
		/* a terminal obeys what it is sent; a file holds it as it came */
		if (strcmp(o->serial, "-") == 0)
			vm->console.shown = stdout;
		else if (!(vm->serial = fopen(o->serial, "we")))
			return fault_set(fault, "%s: %s", o->serial, strerror(errno));
	}
	if (!launch(vm, fault))
		return CLI_FAILED;
	return watch(vm, fault);
}

static int set_up(const struct options *o, struct fault *fault)
{
	struct vm *vm = cli_xzalloc(sizeof *vm);
	const char *tmp = getenv("TMPDIR");
	struct cli_dev probe;
	int rc = CLI_FAILED;

	vm->opt = o;
	vm->out_fd = -1;
	/* A socket's path is short, so a long TMPDIR cannot be used. */
	if (!tmp || strlen(tmp) > 40)
		tmp = "/tmp";
	snprintf(vm->folder, sizeof vm->folder, "%s/isopod-vm.XXXXXX", tmp);
	/* What cannot be a drive is refused in our words: QEMU would wait for a FIFO, and speaks in several lines. */
	if (!cli_dev_open(&probe, o->target, false, fault)) {
		free(vm);
		return CLI_FAILED;
	}
	vm->size_bytes = probe.dev.size_bytes;
	/* QEMU is told that it is raw. */
	rc = disk_must_be_raw(&probe, o->target, fault);
	cli_dev_close(&probe);
	if (rc != CLI_OK) {
		free(vm);
		return rc;
	}
	rc = CLI_FAILED;
	/* From here on there is something to clean up. */
	cli_catch_signals();
	vm->disk = realpath(o->target, NULL);
	if (!vm->disk) {
		fault_set(fault, "%s: %s", o->target, strerror(errno));
	} else if (!mkdtemp(vm->folder)) {
		fault_set(fault, "%s: %s", vm->folder, strerror(errno));
	} else {
		cli_console_init(&vm->console, o->expect);
		rc = run_vm(vm, fault);
		if (!stop(vm))
			rc = fault_set(fault, "%s", _("QEMU could not run the machine; its message is above"));
		cli_console_free(&vm->console);
		remove_folder(vm);
	}
	if (vm->serial)
		fclose(vm->serial);
	if (vm->out_fd >= 0)
		close(vm->out_fd);
	free(vm->overlay);
	free(vm->disk);
	free(vm);
	return rc;
}

enum { O_FIRMWARE = 256, O_BOOT, O_MEMORY, O_SERIAL, O_SCREENSHOT, O_EXPECT, O_TIMEOUT, O_BUS, O_WRITE, O_DISPLAY };

static const struct option long_options[] = {{"firmware", required_argument, NULL, O_FIRMWARE},
					     {"boot", required_argument, NULL, O_BOOT},
					     {"memory", required_argument, NULL, O_MEMORY},
					     {"serial", required_argument, NULL, O_SERIAL},
					     {"screenshot", required_argument, NULL, O_SCREENSHOT},
					     {"expect", required_argument, NULL, O_EXPECT},
					     {"timeout", required_argument, NULL, O_TIMEOUT},
					     {"bus", required_argument, NULL, O_BUS},
					     {"write", no_argument, NULL, O_WRITE},
					     {"display", no_argument, NULL, O_DISPLAY},
					     {NULL, 0, NULL, 0}};

/* CLI_OK, or the exit status after it has said what is wrong. */
static int parse(const struct cli_command *cmd, struct options *o, int argc, char **argv, struct fault *fault)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case O_FIRMWARE:
			if (!cli_machine_known(optarg))
				return cli_usage(fault, cmd,
						 _("unknown firmware '%s'; use bios, uefi, uefi-ia32, uefi-aa64 or uefi-secure"),
						 optarg);
			o->machine.model = optarg;
			break;
		case O_BOOT:
			o->boot = optarg;
			break;
		case O_MEMORY:
			if (!cli_parse_size(optarg, &o->machine.memory_bytes))
				return cli_usage(fault, cmd, _("'%s' is not a size (512M, 2G)"), optarg);
			/* as QEMU has it: a bare number counts mebibytes */
			if (o->machine.memory_bytes < 1u << 20)
				o->machine.memory_bytes <<= 20;
			break;
		case O_SERIAL:
			o->serial = optarg;
			break;
		case O_SCREENSHOT:
			o->screenshot = optarg;
			break;
		case O_EXPECT:
			o->expect = optarg;
			break;
		case O_TIMEOUT:
			if (!cli_parse_uint(optarg, 1000000, &o->timeout_s) || o->timeout_s == 0)
				return cli_usage(fault, cmd, _("'%s' is not a number of seconds"), optarg);
			break;
		case O_BUS:
			if (strcmp(optarg, "usb") != 0 && strcmp(optarg, "sata") != 0)
				return cli_usage(fault, cmd, _("unknown bus '%s'; use usb or sata"), optarg);
			o->machine.sata = strcmp(optarg, "sata") == 0;
			break;
		case O_WRITE:
			o->write = true;
			break;
		case O_DISPLAY:
			o->machine.display = true;
			break;
		default:
			return cli_bad_option(fault, cmd, argv);
		}
	}
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one TARGET"));
	o->target = argv[optind];
	return CLI_OK;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct options o = {.machine = {.model = "uefi", .memory_bytes = DEFAULT_MEMORY}};
	int rc = parse(cmd, &o, argc, argv, fault);

	if (rc != CLI_OK)
		return rc;
	if (o.timeout_s == 0 && o.expect)
		o.timeout_s = EXPECT_SECONDS;
	else if (o.timeout_s == 0 && o.screenshot)
		o.timeout_s = SCREENSHOT_SECONDS;
	return set_up(&o, fault);
}

const struct cli_command cli_vm = {
	.name = "vm",
	.arguments = "TARGET [--firmware F] [--boot PATH] [--expect TEXT] [--screenshot FILE] ...",
	.summary = N_("boot a stick in a virtual machine, without changing it"),
	.help = N_("  --firmware F       bios, uefi (the default), uefi-ia32, uefi-aa64, uefi-secure\n"
		   "  --boot PATH        start this image without asking\n"
		   "  --memory N         of the machine (default 1G)\n"
		   "  --bus usb|sata     what the stick is plugged into (default usb)\n"
		   "  --serial FILE      what the machine says on its serial port ('-': here)\n"
		   "  --expect TEXT      wait for this text on the serial port; exit status 1 if it does not come\n"
		   "  --timeout S        wait so many seconds (default 300 with --expect, 60 with --screenshot)\n"
		   "  --screenshot FILE  save the screen at the end, as PNG (or PPM, by the name)\n"
		   "  --write            let the machine write to TARGET\n"
		   "  --display          open a window\n"),
	.run = run,
};

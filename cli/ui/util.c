/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages, memory, numbers, signals. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "cli/host/dev.h"
#include "core/base/text.h"

volatile int cli_interrupted;

static void on_signal(int sig)
{
	/* A second one ends us at once: the first may wait for a drive that no longer answers. */
	if (cli_interrupted)
		_exit(128 + sig);
	cli_interrupted = sig;
}

void cli_catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

/* Buffers large enough for it may be read and written past the page cache (cli_dev_direct), which asks for whole pages. */
static void *host_alloc(struct pod_alloc *a, size_t size)
{
	(void)a;
	if (size >= CLI_DIRECT_LEN && size <= SIZE_MAX - CLI_DIRECT_ALIGN)
		return aligned_alloc(CLI_DIRECT_ALIGN, (size_t)pod_align_up(size, CLI_DIRECT_ALIGN));
	return malloc(size ? size : 1);
}

static void host_release(struct pod_alloc *a, void *p)
{
	(void)a;
	free(p);
}

struct pod_alloc cli_alloc = {.alloc = host_alloc, .release = host_release};

static void out_of_memory(void)
{
	cli_error("%s", _("out of memory"));
	exit(CLI_FAILED);
}

void *cli_xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *cli_xzalloc(size_t size)
{
	void *p = cli_xmalloc(size);

	memset(p, 0, size);
	return p;
}

char *cli_xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		out_of_memory();
	return p;
}

static char *format(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		return NULL;
	return s;
}

char *cli_xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = format(fmt, ap);
	va_end(ap);
	if (!s)
		out_of_memory();
	return s;
}

void (*cli_error_sink)(const char *text);

static void message(const char *kind, const char *fmt, va_list ap)
{
	char *s = format(fmt, ap);

	fflush(stdout);
	if (!s) {
		fputs("isopod: out of memory\n", stderr);
		return;
	}
	pod_text_disarm(s, NULL);
	if (cli_error_sink)
		cli_error_sink(s);
	else
		fprintf(stderr, "isopod: %s%s\n", kind, s);
	free(s);
}

void cli_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message("", fmt, ap);
	va_end(ap);
}

void cli_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(_("warning: "), fmt, ap);
	va_end(ap);
}

int cli_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message("", fmt, ap);
	va_end(ap);
	return CLI_FAILED;
}

int cli_usage(const struct cli_command *cmd, const char *fmt, ...)
{
	char *s, *t;
	va_list ap;

	va_start(ap, fmt);
	s = format(fmt, ap);
	va_end(ap);
	if (!s)
		out_of_memory();
	t = cli_xasprintf(_("%s; 'isopod %s --help' explains"), s, cmd->name);
	cli_error("%s", t);
	free(t);
	free(s);
	return CLI_USAGE;
}

int cli_bad_option(const struct cli_command *cmd)
{
	fprintf(stderr, _("isopod: 'isopod %s --help' lists the options\n"), cmd->name);
	return CLI_USAGE;
}

static char *format_with(char newline, const char *fmt, va_list ap)
{
	char *own = cli_xstrdup(fmt), *s;

	for (char *p = own; *p; p++)
		if (*p == '\n')
			*p = newline;
	s = format(own, ap);
	free(own);
	if (!s)
		out_of_memory();
	return s;
}

/* The format's newlines are ours, those in what it prints are not: ours are where two markers for them differ. */
void cli_print(const char *fmt, ...)
{
	va_list ap, again;
	char *a, *b;

	va_start(ap, fmt);
	va_copy(again, ap);
	a = format_with('\001', fmt, ap);
	b = format_with('\002', fmt, again);
	va_end(again);
	va_end(ap);
	for (size_t i = 0; a[i] && b[i]; i++)
		if (a[i] != b[i])
			a[i] = '\n';
		else if (a[i] == '\n')
			a[i] = '\001';
	pod_text_disarm(a, "\n");
	fputs(a, stdout);
	free(a);
	free(b);
}

/* The core's English phrases (pod_status_text), so that the catalogue holds them. */
static const char *const status_text[] __attribute__((unused)) = {
	N_("read or write error"),
	N_("not found"),
	N_("unknown format"),
	N_("damaged"),
	N_("not supported"),
	N_("outside the image or drive"),
	N_("over a limit"),
	N_("no space left"),
	N_("exists already"),
	N_("read-only"),
	N_("invalid argument"),
	N_("in use"),
	N_("medium changed or removed"),
};

const char *cli_status_text(enum pod_status st)
{
	return _(pod_status_text(st));
}

/* What the user can do about a status; NULL if the message says it all. */
static const char *advice(enum pod_status st)
{
	switch (st) {
	case POD_E_IO:
		return _("try another port or cable, and save what is on the drive: it may be failing");
	case POD_E_CORRUPT:
		return _("check the volume with fsck (fsck.exfat, fsck.fat), or download the image again");
	case POD_E_UNSUPPORTED:
		return _("this needs a newer isopod");
	case POD_E_NOSPACE:
		return _("make room there; for a stick in a file, on the drive that the file lies on");
	case POD_E_READONLY:
		return _("move the write-protection switch, or check the permissions");
	case POD_E_BUSY:
		return _("unmount it and close the programs that use it");
	case POD_E_CHANGED:
		return _("plug the drive in again and repeat the command");
	default:
		return NULL;
	}
}

int cli_fail_status(const char *where, const char *what, enum pod_status st, const struct pod_diag *diag)
{
	const char *hint = advice(st);
	char *detail = diag && diag->what ? cli_xasprintf(_(" (%s at offset %llu: expected %llu, found %llu)"), diag->what,
							  (unsigned long long)diag->offset_bytes,
							  (unsigned long long)diag->expected, (unsigned long long)diag->got)
					  : cli_xstrdup("");

	if (hint)
		cli_error("%s: %s: %s%s; %s", where, what, cli_status_text(st), detail, hint);
	else
		cli_error("%s: %s: %s%s", where, what, cli_status_text(st), detail);
	free(detail);
	return CLI_FAILED;
}

void cli_print_help(const struct cli_command *cmd)
{
	printf(_("Usage: isopod %s %s\n"), cmd->name, cmd->arguments);
	printf("\n%s\n", _(cmd->summary));
	if (cmd->help)
		printf("\n%s", _(cmd->help));
}

bool cli_parse_uint(const char *s, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long v;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *end || v > max)
		return false;
	*out = v;
	return true;
}

bool cli_parse_size(const char *s, uint64_t *out)
{
	static const char units[] = "KMGT";
	unsigned long long v;
	uint64_t unit = 1, base = 1024;
	const char *u;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno)
		return false;
	if (*end) {
		char c = *end >= 'a' && *end <= 'z' ? (char)(*end - 32) : *end;

		u = strchr(units, c);
		if (!u)
			return false;
		end++;
		if (strcmp(end, "B") == 0)
			base = 1000;
		else if (*end && strcmp(end, "iB") != 0)
			return false;
		for (const char *p = units; p <= u; p++)
			unit *= base;
	}
	if (v > UINT64_MAX / unit || v * unit > INT64_MAX)
		return false;
	*out = v * unit;
	return true;
}

uint64_t cli_millis(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

int cli_flush(void)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		/* `isopod list | head -1` is no mistake to be told of. */
		if (errno != EPIPE)
			cli_error(_("cannot write the report: %s"), strerror(errno));
		return CLI_FAILED;
	}
	return CLI_OK;
}

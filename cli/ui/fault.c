/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "core/base/text.h"

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
	N_("takes too long"),
	N_("stopped"),
	N_("contains itself"),
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
		return _("free some space there; for a stick in a file, on the drive that holds the file");
	case POD_E_READONLY:
		return _("move the write-protection switch, or check the permissions");
	case POD_E_BUSY:
		return _("unmount it and close the programs that use it");
	case POD_E_CHANGED:
		return _("unplug the drive, plug it in again, and repeat the command");
	default:
		return NULL;
	}
}

/* --- the parts of a format ------------------------------------------------------------------------------------------------- */

/* The length of a separator at `s`, `ascii` or its full-width form; 0: there is none. */
static size_t separator(const char *s, const char *ascii, const char *wide)
{
	size_t n = strlen(ascii);

	if (strncmp(s, ascii, n) == 0)
		return n;
	n = strlen(wide);
	return strncmp(s, wide, n) == 0 ? n : 0;
}

/* Takes `n` bytes at `at` out of `s` and puts a mark there. */
static void mark(char *s, size_t at, size_t n)
{
	s[at] = CLI_MARK;
	memmove(s + at + 1, s + at + n, strlen(s + at + n) + 1);
}

/* Copies `fmt` with a mark between its parts; says which there are. */
static char *mark_parts(const char *fmt, bool *path, bool *cause, bool *hint)
{
	char *s = cli_xstrdup(fmt);
	size_t at, n, end;

	/* "%s", and "%s:%s" or "%s/%s" for what lies in it */
	for (at = 0;
	     strncmp(s + at, "%s", 2) == 0 && (s[at + 2] == ':' || s[at + 2] == '/') && strncmp(s + at + 3, "%s", 2) == 0;)
		at += 3;
	n = strncmp(s + at, "%s", 2) == 0 ? separator(s + at + 2, ": ", "：") : 0;
	*path = n > 0;
	if (*path)
		mark(s, at + 2, n);
	at = *path ? at + 3 : 0;
	for (end = at; s[end] && !separator(s + end, "; ", "；"); end++)
		;
	*hint = s[end] != '\0';
	if (*hint)
		mark(s, end, separator(s + end, "; ", "；"));
	*cause = end >= at + 2 && strncmp(s + end - 2, "%s", 2) == 0;
	if (*cause) {
		size_t colon = end - 2, ascii = colon >= at + 2 ? separator(s + colon - 2, ": ", ": ") : 0;
		size_t wide = colon >= at + 3 ? separator(s + colon - 3, "：", "：") : 0;

		n = ascii ? ascii : wide;
		*cause = n > 0;
		if (n)
			mark(s, colon - n, n);
	}
	return s;
}

static char *next_part(char **rest)
{
	char *part = strsep(rest, CLI_MARK_STRING), *copy = part ? cli_xstrdup(part) : NULL;

	if (copy)
		pod_text_disarm(copy, NULL);
	return copy;
}

/* --- lines ------------------------------------------------------------------------------------------------------------------ */

static struct fault_line *add(struct fault *f, bool warning, const char *fmt, va_list ap)
{
	struct fault_line *l;
	bool path, cause, hint;
	char *marked, *parts, *rest;
	int error = errno;
	va_list again;

	if (!f)
		return NULL;
	l = cli_xzalloc(sizeof *l);
	l->warning = warning;
	va_copy(again, ap);
	l->text = cli_xvasprintf(fmt, ap);
	pod_text_disarm(l->text, NULL);
	marked = mark_parts(fmt, &path, &cause, &hint);
	parts = cli_format_marked(marked, again);
	va_end(again);
	free(marked);
	rest = parts;
	if (path)
		l->path = next_part(&rest);
	l->what = next_part(&rest);
	if (cause)
		l->cause = next_part(&rest);
	/* Callers pass strerror(errno): nothing that they do behind it changes errno. */
	l->error = l->cause && error && strcmp(l->cause, strerror(error)) == 0 ? error : 0;
	if (hint)
		l->hint = next_part(&rest);
	free(parts);
	if (f->last)
		f->last->next = l;
	else
		f->first = l;
	f->last = l;
	return l;
}

int fault_set(struct fault *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(f, false, fmt, ap);
	va_end(ap);
	return CLI_FAILED;
}

void fault_warn(struct fault *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(f, true, fmt, ap);
	va_end(ap);
}

int fault_status(struct fault *f, const char *where, const char *what, enum pod_status st, const struct pod_diag *diag)
{
	const char *hint = advice(st);
	char *cause;

	if (!f)
		return CLI_FAILED;
	if (diag && diag->what)
		cause = cli_xasprintf(_("%s (%s at offset %llu: expected %llu, found %llu)"), cli_status_text(st), diag->what,
				      (unsigned long long)diag->offset_bytes, (unsigned long long)diag->expected,
				      (unsigned long long)diag->got);
	else
		cause = cli_xstrdup(cli_status_text(st));
	if (hint)
		fault_set(f, "%s: %s: %s; %s", where, what, cause, hint);
	else
		fault_set(f, "%s: %s: %s", where, what, cause);
	f->last->status = st;
	free(cause);
	return CLI_FAILED;
}

static const struct fault_line *first_error(const struct fault *f)
{
	for (const struct fault_line *l = f->first; l; l = l->next)
		if (!l->warning)
			return l;
	return NULL;
}

bool fault_is_set(const struct fault *f)
{
	return first_error(f) != NULL;
}

const char *fault_text(const struct fault *f)
{
	const struct fault_line *l = first_error(f);

	return l ? l->text : "";
}

void fault_move(struct fault *to, struct fault *from)
{
	if (!to) {
		fault_free(from);
		return;
	}
	if (!from->first)
		return;
	if (to->last)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	*from = (struct fault){0};
}

void fault_free(struct fault *f)
{
	for (struct fault_line *l = f->first, *next; l; l = next) {
		next = l->next;
		free(l->text);
		free(l->path);
		free(l->what);
		free(l->cause);
		free(l->hint);
		free(l);
	}
	*f = (struct fault){0};
}

void fault_print(struct fault *f)
{
	fflush(stdout);
	for (struct fault_line *l = f->first; l; l = l->next) {
		if (!l->shown)
			fprintf(stderr, "isopod: %s%s\n", l->warning ? _("warning: ") : "", l->text);
		l->shown = true;
	}
}

void fault_print_json(const struct fault *f, int exit_status)
{
	static const struct fault_line nothing;
	const struct fault_line *l = first_error(f);
	struct cli_json j;

	if (!l)
		l = &nothing;
	cli_json_init(&j, stdout);
	cli_json_open(&j, NULL, '{');
	cli_json_open(&j, "error", '{');
	cli_json_str(&j, "what", l->what);
	cli_json_str(&j, "path", l->path);
	cli_json_str(&j, "cause", l->cause);
	cli_json_str(&j, "errno", l->error ? strerrorname_np(l->error) : NULL);
	cli_json_str(&j, "hint", l->hint);
	cli_json_u64(&j, "status", (uint64_t)exit_status);
	cli_json_close(&j, '}');
	cli_json_close(&j, '}');
	fputc('\n', stdout);
}

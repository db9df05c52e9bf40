/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why something could not be done, on its way up. What lies below the commands never prints and never ends the process: it
 * returns a status and writes the reason into a `struct fault` of its caller. main() shows it, as lines on stderr and, with
 * --json, as one object on stdout; the doctor makes findings of it.
 *
 * One line says it all: "PATH: WHAT: CAUSE; HINT". The format string shows where these parts begin, in every language:
 *
 *     fault_set(f, _("%s: cannot open it: %s; name another file"), path, strerror(errno));
 *
 *     "%s: " at its very beginning   the path
 *     "; "   (first one)             behind it: what the user can do
 *     ": %s" at the end of the rest  the cause: a system's or the core's word
 *
 * Chinese may have full-width "：" and "；" there.
 */
#ifndef POD_CLI_UI_FAULT_H
#define POD_CLI_UI_FAULT_H

#include "core/base/status.h"

/* Exit statuses of every subcommand. */
enum cli_exit {
	CLI_OK = 0,
	CLI_CHECK = 1,	/* a check found something wrong */
	CLI_USAGE = 2,	/* the command line makes no sense */
	CLI_FAILED = 3, /* the operation failed */
};

struct fault_line {
	bool warning, shown;
	char *text;			  /* the whole line */
	char *path, *what, *cause, *hint; /* its parts; NULL: it has none (`what` is always there) */
	enum pod_status status;		  /* of the core, if it is about one */
	int error;			  /* the errno whose text the cause is, or 0 */
	struct fault_line *next;
};

/* All zero: nothing to say. */
struct fault {
	struct fault_line *first, *last;
};

/* Every one of these takes NULL for a caller that does not want to know. All but the warning return CLI_FAILED, so that a caller
 * can `return fault_set(...)`. */
int fault_set(struct fault *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A core status in words: "<where>: <what failed>: <status> (<field> at offset ...); <what to do>". */
int fault_status(struct fault *f, const char *where, const char *what, enum pod_status st, const struct pod_diag *diag);
void fault_warn(struct fault *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Is there more than warnings? */
bool fault_is_set(const struct fault *f);
/* The first line that is no warning, or "". */
const char *fault_text(const struct fault *f);
/* Appends what `from` says to `to`, and empties it. */
void fault_move(struct fault *to, struct fault *from);
/* Shows the lines on stderr ("isopod: ...") that were not shown yet. A command does so before it asks or works for long. */
void fault_print(struct fault *f);
/* The first line that is no warning as a JSON document on stdout: {"error": {what, path, cause, errno, hint, status}}; errno
 * is its name ("ENOENT"), the same in every language. */
void fault_print_json(const struct fault *f, int exit_status);
void fault_free(struct fault *f);

/* Translated status text. */
const char *cli_status_text(enum pod_status st);

#endif

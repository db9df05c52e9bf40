/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the subcommands share: exit statuses, one-line errors, option helpers, progress, JSON.
 *
 * A subcommand is one file with one `struct cli_command`; main.c holds the table.
 */
#ifndef POD_CLI_CLI_H
#define POD_CLI_CLI_H

#include <libintl.h>
#include <stdio.h>
#include "core/base/alloc.h"

#define _(s)  gettext(s)
#define N_(s) (s)

/* Exit statuses of every subcommand. */
enum cli_exit {
	CLI_OK = 0,
	CLI_CHECK = 1,	/* a check found something wrong */
	CLI_USAGE = 2,	/* the command line makes no sense */
	CLI_FAILED = 3, /* the operation failed */
};

struct cli_command {
	const char *name;
	const char *arguments; /* "TARGET [--size N] ..." */
	const char *summary;   /* one line */
	const char *help;      /* the options, one a line */
	int (*run)(const struct cli_command *cmd, int argc, char **argv);
};

extern const struct cli_command cli_create, cli_update, cli_add, cli_list, cli_remove, cli_move, cli_plan, cli_next, cli_vm,
	cli_export, cli_doctor, cli_rules, cli_trace, cli_disk, cli_layer;

/* malloc as the core's allocator. */
extern struct pod_alloc cli_alloc;

/* Set by SIGINT and SIGTERM once cli_catch_signals() was called: long operations look at it and clean up. */
extern volatile int cli_interrupted;
void cli_catch_signals(void);

/* "isopod: <message>" as one line on stderr; control characters in it are shown as '?'. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Where the text of errors and warnings goes instead, if not NULL: to whom they are findings. */
extern void (*cli_error_sink)(const char *text);
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, returning CLI_FAILED or CLI_USAGE, so that a caller can `return cli_fail(...)`. */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_usage(const struct cli_command *cmd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A core status in words: "<where>: <what failed>: <status> (<field> at offset ...); <what to do>". Returns CLI_FAILED. */
int cli_fail_status(const char *where, const char *what, enum pod_status st, const struct pod_diag *diag);
/* Translated status text. */
const char *cli_status_text(enum pod_status st);
/* Like printf to stdout for text that may hold names from a disk: control characters are shown as '?'. */
void cli_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void cli_print_help(const struct cli_command *cmd);
/* getopt_long met something it does not know (it has said what): points at --help. */
int cli_bad_option(const struct cli_command *cmd);

/* "64M", "2GiB", "512": bytes; K, M, G, T are powers of 1024 (KB, MB, GB, TB powers of 1000). False if it is no size. */
bool cli_parse_size(const char *s, uint64_t *out);
bool cli_parse_uint(const char *s, uint64_t max, uint64_t *out);

void *cli_xmalloc(size_t size);
void *cli_xzalloc(size_t size);
char *cli_xstrdup(const char *s);
char *cli_xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A progress bar on stderr if that is a terminal, else nothing. */
struct cli_progress {
	const char *label;
	uint64_t total, shown_at_ms, started_ms;
	bool active;
};
void cli_progress_start(struct cli_progress *p, const char *label, uint64_t total);
void cli_progress_update(struct cli_progress *p, uint64_t done);
void cli_progress_end(struct cli_progress *p);
uint64_t cli_millis(void);

/* A JSON writer. `key` is NULL inside arrays and at the top. Strings are UTF-8; bytes that are not become U+FFFD. */
struct cli_json {
	FILE *f;
	unsigned depth;
	bool has[32];
};
void cli_json_init(struct cli_json *j, FILE *f);
void cli_json_open(struct cli_json *j, const char *key, char bracket);	   /* '{' or '[' */
void cli_json_close(struct cli_json *j, char bracket);			   /* '}' or ']' */
void cli_json_str(struct cli_json *j, const char *key, const char *value); /* NULL value: null */
void cli_json_u64(struct cli_json *j, const char *key, uint64_t value);
void cli_json_i64(struct cli_json *j, const char *key, int64_t value);
void cli_json_bool(struct cli_json *j, const char *key, bool value);
/* Ends the document with a newline; CLI_OK, or CLI_FAILED (said) if stdout could not take it. */
int cli_json_end(struct cli_json *j);
/* The same for a plain report: flushes stdout. */
int cli_flush(void);

#endif

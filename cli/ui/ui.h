/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the subcommands share: faults, option helpers, memory, reports, progress, JSON.
 *
 * A subcommand is one file with one `struct cli_command`; main.c holds the table.
 */
#ifndef POD_CLI_UI_UI_H
#define POD_CLI_UI_UI_H

#include <libintl.h>
#include <stdarg.h>
#include <stdio.h>
#include "cli/ui/fault.h"
#include "core/base/alloc.h"

#define _(s)  gettext(s)
#define N_(s) (s)

struct cli_command {
	const char *name;
	const char *arguments; /* "TARGET [--size N] ..." */
	const char *summary;   /* one line */
	const char *help;      /* the options, one a line */
	int (*run)(const struct cli_command *cmd, int argc, char **argv, struct fault *f);
};

extern const struct cli_command cli_create, cli_update, cli_add, cli_list, cli_remove, cli_move, cli_plan, cli_next, cli_vm,
	cli_export, cli_doctor, cli_rules, cli_trace, cli_disk, cli_layer, cli_togo, cli_drivers, cli_persist;

/* malloc as the core's allocator. Buffers of CLI_ALIGNED_FROM bytes and more begin on a page: they may be read and written past
 * the page cache. */
#define CLI_ALIGNED_FROM (256u << 10)
#define CLI_ALIGN	 4096u
extern struct pod_alloc cli_alloc;

/* Set by SIGINT and SIGTERM once cli_catch_signals() was called: long operations look at it and clean up. */
extern volatile int cli_interrupted;
void cli_catch_signals(void);

/* Like printf to stdout for text that may hold names from a disk: control characters are shown as '?'. */
void cli_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Formats; CLI_MARK stays where it stood in `fmt`, and is '?' where an argument holds one. */
#define CLI_MARK	'\001'
#define CLI_MARK_STRING "\001"
char *cli_format_marked(const char *fmt, va_list ap);

void cli_print_help(const struct cli_command *cmd);
/* The command line makes no sense: points at --help. Returns CLI_USAGE. */
int cli_usage(struct fault *f, const struct cli_command *cmd, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same for an option that getopt_long did not take: the last one it looked at in `argv`. */
int cli_bad_option(struct fault *f, const struct cli_command *cmd, char **argv);
/* The options of a command that has --json alone; false: another one was there, and the fault says so. */
bool cli_only_json(const struct cli_command *cmd, int argc, char **argv, bool *json, struct fault *f);

/* "64M", "2GiB", "512": bytes; K, M, G, T are powers of 1024 (KB, MB, GB, TB powers of 1000). False if it is no size. */
bool cli_parse_size(const char *s, uint64_t *out);
bool cli_parse_uint(const char *s, uint64_t max, uint64_t *out);

/* These end the process if there is no memory. cli_xmalloc aligns as cli_alloc does. */
void *cli_xmalloc(size_t size);
void *cli_xrealloc(void *p, size_t count, size_t size);
void *cli_xzalloc(size_t size);
char *cli_xstrdup(const char *s);
char *cli_xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
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
/* Ends the document with a newline; CLI_OK, or CLI_FAILED if stdout could not take it. */
int cli_json_end(struct cli_json *j, struct fault *f);
/* The same for a plain report: flushes stdout. */
int cli_flush(struct fault *f);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `isopod trace` share: a recorded boot with everything that could be found out about it, and its reports. */
#ifndef POD_CLI_TRACE_H
#define POD_CLI_TRACE_H

#include "cli/ui/ui.h"
#include "cli/stick/image.h"
#include "core/trace/verdict.h"

struct trace_boot {
	struct pod_rec_boot rec;
	struct pod_verdict_facts facts;
	struct pod_start start;
	struct pod_where last, error, slowest;
	struct pod_verdict verdict;
	char *log; /* NULL: none was saved */
	size_t log_len;
	char *initrd; /* what facts.damaged_file points to */
	char missing[256], damaged[256];
};

struct trace {
	struct cli_target *target;
	struct pod_window state;
	struct trace_boot *boot; /* newest first */
	size_t count;
	/* the image looked at last, for the next boot of the same one */
	char *planned;
	struct cli_image image;
	struct pod_plan *plan;
};

/* --- trace_facts.c: what the stick still knows of the image of a boot */
void trace_find_facts(struct trace *t, struct trace_boot *b, struct fault *fault);
void trace_facts_end(struct trace *t);

/* --- reports */
int trace_text(const struct trace *t, bool with_log, struct fault *fault);
int trace_raw(struct trace *t, struct fault *fault);

/* What is written about a boot for a machine to read. */
struct trace_writer {
	struct cli_json j;
	bool with_log;
	bool hide_names; /* of persons, folders and single devices */
};
void trace_json_boots(struct trace_writer *w, const char *key, const struct trace *t);
int trace_json(const struct trace *t, bool with_log, struct fault *fault);
/* Writes `file`; says so on standard error. */
int trace_export(const struct trace *t, const char *file, bool with_names, struct fault *fault);

/* --- trace_names.c */
/* The text without names of persons, serial numbers, hardware addresses and identifiers. The caller frees. */
char *trace_hide_names(const char *text);
/* A sentence in the user's language. The caller frees. */
char *trace_sentence(const struct pod_sentence *s);
/* NULL if it is none of the four. */
const char *trace_firmware_name(uint32_t bits, bool title);

#endif

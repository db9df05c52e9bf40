/* SPDX-License-Identifier: BSD-2-Clause */
/* The findings: collected, then printed. Between doctor.c and report.c only. */
#ifndef POD_CLI_DOCTOR_REPORT_H
#define POD_CLI_DOCTOR_REPORT_H

#include "cli/doctor/doctor.h"
#include "cli/stick/walk.h"

struct doctor_finding {
	const struct doctor_check *check;
	enum doctor_level level;
	char *subject, *evidence, *fix; /* subject and fix may be NULL */
};

struct doctor_state {
	struct doctor_finding *finding;
	size_t count, cap;
	size_t levels[DOCTOR_LEVEL_COUNT];
	size_t images;
	bool whole_stick;
	uint64_t started_ms;		       /* with the first image */
	const char *const *only, *const *skip; /* NULL-terminated words: ids, beginnings of ids, hazard numbers; NULL: none */
	struct cli_progress progress;
	uint64_t progress_total;
	struct cli_allowance allowance; /* for the images of a stick */
};

/* All modules, NULL-terminated. */
extern const struct doctor_module *const doctor_modules[];

/* Does `word` ("3", "image", "image.label") mean this check? */
bool doctor_word_matches(const char *word, const struct doctor_check *c);
int doctor_print_text(const struct doctor *d, bool verbose, struct fault *fault);
int doctor_print_json(const struct doctor *d, struct fault *fault);
/* --explain: NULL lists the checks. */
int doctor_explain(const struct cli_command *cmd, const char *id, bool json, struct fault *fault);
void doctor_state_free(struct doctor_state *s);

#endif

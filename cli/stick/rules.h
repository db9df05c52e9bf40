/* SPDX-License-Identifier: BSD-2-Clause */
/* The stick's configuration file as the command sees it: for `isopod rules` and the doctor. */
#ifndef POD_CLI_RULES_H
#define POD_CLI_RULES_H

#include "cli/stick/target.h"
#include "core/rules/conf.h"

struct cli_rules {
	struct cli_target *target; /* NULL: a file of the host, in which nothing can be looked up */
	const char *name;	   /* of the file, for messages */
	char *text;		   /* NULL: there is none, the defaults count */
	size_t len;
};

/* Reads /isopod.conf of a stick. POD_E_NOT_FOUND is no error: text is NULL then. */
enum pod_status POD_MUST_USE cli_rules_read_target(struct cli_rules *r, struct cli_target *t);
/* A file of the host. False, and has said why, if it cannot be read. */
bool cli_rules_read_file(struct cli_rules *r, const char *path, struct fault *fault);
void cli_rules_free(struct cli_rules *r);

struct cli_rules_finding {
	uint32_t line;
	enum pod_conf_problem problem;
	char key[64];
	char what[320];	 /* a translated sentence: what is wrong, and which line counts */
	uint32_t counts; /* the line that gives the key its value, 0: none, the default counts */
};
/* Calls `report` for each finding; returns how many. */
uint32_t cli_rules_lint(struct cli_rules *r, void (*report)(void *ctx, const struct cli_rules_finding *f), void *ctx);
/* "unknown-key" and so on: for JSON. */
const char *cli_rules_problem(enum pod_conf_problem p);

#endif

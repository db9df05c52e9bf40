/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doctor: checks for the six hazards (doc/ARCHITECTURE.md), each a file of its own here with one or more `struct
 * doctor_check`; doctor.c holds the table, opens what is examined, and prints. A check only reports.
 */
#ifndef POD_CLI_DOCTOR_H
#define POD_CLI_DOCTOR_H

#include "cli/cli.h"

enum doctor_hazard {
	HAZARD_IMAGE = 1,    /* damaged, or not made to the rules */
	HAZARD_DRIVER = 2,   /* a boot-critical driver is missing */
	HAZARD_RULES = 3,    /* configuration in conflict */
	HAZARD_MEMORY = 4,   /* too little, fragmented, overlapping */
	HAZARD_FIRMWARE = 5, /* ACPI, firmware, Secure Boot */
	HAZARD_DRIVE = 6,    /* slow, limited, failing, counterfeit */
};

enum doctor_level {
	DOCTOR_GOOD,	/* checked and in order */
	DOCTOR_NOTE,	/* worth knowing; nothing to do */
	DOCTOR_WARN,	/* may fail on some machines */
	DOCTOR_BAD,	/* will fail, or has failed: exit status 1 */
	DOCTOR_SKIPPED, /* not checked; the evidence says why */
};

struct doctor;

struct doctor_check {
	const char *id; /* "image.truncated": what --explain takes and --json prints; stable */
	enum doctor_hazard hazard;
	const char *title;   /* N_(): a few words */
	const char *explain; /* N_(): the long text for --explain: what it means, why it matters, what to do */
};

/* One finding. `subject` is what it is about ("/images/x.iso", a device, a table) or NULL; evidence is what was seen, fix is what
 * to do (NULL or "" for GOOD). Both are translated sentences; the doctor copies them. */
void doctor_report(struct doctor *d, const struct doctor_check *c, enum doctor_level level, const char *subject,
		   const char *evidence, const char *fix);

#endif

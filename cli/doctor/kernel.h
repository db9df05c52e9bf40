/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel's log says, line by line; see kernel_log.c. */
#ifndef POD_CLI_DOCTOR_KERNEL_H
#define POD_CLI_DOCTOR_KERNEL_H

#include "cli/doctor/doctor.h"

extern const struct doctor_check kernel_check_acpi, kernel_check_blocked, kernel_check_io, kernel_check_memory;

struct kernel_message {
	const struct doctor_check *check;
	enum doctor_level level;
	unsigned least;		 /* how many lines there must be */
	bool starts;		 /* `has` begins the message: programs quote such words, too */
	const char *has, *also;	 /* both in the line; `also` may be NULL */
	const char *not_this[3]; /* none of them in it */
	const char *fix;	 /* N_(): what to do; NULL: try `argument` */
	const char *argument, *price;
};

struct kernel_finding {
	const struct kernel_message *message;
	const char *line; /* into the log, not terminated: the first one, without level, time and host */
	size_t line_len;
	unsigned count;
};

#define KERNEL_FINDINGS_MAX 24
/* Which messages are in a log: as dmesg prints it, with or without -T, as the kernel's buffer has it, or as journalctl -k does. */
size_t kernel_log_read(const char *log, size_t len, struct kernel_finding out[KERNEL_FINDINGS_MAX]);

#endif

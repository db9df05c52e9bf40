/* SPDX-License-Identifier: BSD-2-Clause */
/* Child processes. */
#ifndef POD_CLI_PROC_H
#define POD_CLI_PROC_H

#include <stdbool.h>
#include <sys/types.h>
#include "cli/ui/fault.h"

/* A growing argument vector; args_free frees what args_add copied. */
struct cli_args {
	char **v;
	unsigned n, cap;
};
void cli_args_add(struct cli_args *a, const char *arg);
void cli_args_addf(struct cli_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_args_free(struct cli_args *a);

/* Starts a program found on PATH; its standard input is /dev/null, its output `out_fd` (-1: ours). It dies with us. -1, and has
 * said so, if it cannot be started. */
pid_t cli_proc_start(const struct cli_args *a, int out_fd, struct fault *fault);
/* Runs one to its end, quietly unless it fails. True on exit status 0. */
bool cli_proc_run(const struct cli_args *a, struct fault *fault);
/* The whole path of the program of this name on PATH, which the caller frees; NULL if there is none. */
char *cli_proc_find(const char *name);
/* The same for one that lies in /usr/sbin, as those for drives do. */
char *cli_proc_find_system(const char *name);
bool cli_proc_on_path(const char *name);

#endif

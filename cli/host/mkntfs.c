/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/host/mkntfs.h"
#include "cli/host/sandbox.h"

#define SECONDS_MAX  300u
#define CLUSTER	     4096u
#define STARTS_UNTIL (1ull << 32) /* sectors: the boot sector's field is as long */

bool cli_mkntfs(int fd, const struct mkntfs *m, struct fault *fault)
{
	struct sandbox s = {.who = "mkntfs", .about = m->label, .seconds = SECONDS_MAX, .input = {fd}, .inputs = 1};
	uint64_t start = m->start_bytes / m->sector_size;
	struct cli_args a = {0};
	char *program = cli_proc_find("mkntfs");
	int status;

	if (!program) {
		fault_set(fault, "%s", _("no mkntfs on PATH, which makes NTFS volumes (Debian package ntfs-3g)"));
		return false;
	}
	s.program = program;
	/* Geometry as everybody writes it; without it mkntfs would ask a drive. */
	cli_args_add(&a, "mkntfs");
	cli_args_add(&a, "-F");
	cli_args_add(&a, "-Q");
	cli_args_add(&a, "-q");
	cli_args_addf(&a, "-s%u", m->sector_size);
	cli_args_addf(&a, "-c%u", CLUSTER);
	cli_args_addf(&a, "-p%llu", (unsigned long long)(start < STARTS_UNTIL ? start : 0));
	cli_args_add(&a, "-H255");
	cli_args_add(&a, "-S63");
	cli_args_addf(&a, "-L%s", m->label);
	cli_args_add(&a, "in0");
	if (!sandbox_lend(fd)) {
		fault_set(fault, _("cannot start %s: %s"), "mkntfs", strerror(errno));
		status = -1;
	} else {
		status = sandbox_program(&s, &a, fault);
		if (!sandbox_take_back(fd))
			status = -1;
	}
	if (status > 0)
		fault_set(fault, _("mkntfs could not make the volume (status %d)"), status);
	cli_args_free(&a);
	free(program);
	return status == 0;
}

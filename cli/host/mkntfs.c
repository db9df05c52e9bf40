/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/host/mkntfs.h"
#include "cli/host/sandbox.h"
#include "core/base/bytes.h"

#define SECONDS_MAX 3600u

/* Geometry as everybody writes it; without it mkntfs would ask a drive. */
static void arguments(struct cli_args *a, const struct mkntfs *m)
{
	cli_args_add(a, "mkntfs");
	cli_args_add(a, "-FQq");
	if (m->fixed_time)
		cli_args_add(a, "-T");
	cli_args_addf(a, "-s%u", m->sector_size);
	cli_args_addf(a, "-p%llu", (unsigned long long)pod_min_u64(m->start_bytes / m->sector_size, UINT32_MAX));
	cli_args_add(a, "-H255");
	cli_args_add(a, "-S63");
	if (*m->label)
		cli_args_addf(a, "-L%s", m->label);
	cli_args_add(a, "in0");
}

bool cli_mkntfs(int fd, const struct mkntfs *m, struct fault *fault)
{
	char *program = cli_proc_find_system("mkntfs");
	struct sandbox s = {.who = "mkntfs",
			    .about = _("the NTFS partition"),
			    .program = program,
			    .seconds = SECONDS_MAX,
			    .input = {fd},
			    .inputs = 1};
	struct cli_args a = {0};
	int status = -1;

	if (!program) {
		fault_set(fault, "%s", _("mkntfs is not installed; install the package ntfs-3g"));
		return false;
	}
	arguments(&a, m);
	if (!sandbox_lend(fd)) {
		fault_set(fault, _("%s: cannot be given to the user as whom %s runs: %s"), s.about, s.who, strerror(errno));
	} else {
		status = sandbox_program(&s, &a, fault);
		if (status > 0)
			fault_set(fault, _("%s failed (status %d)"), s.who, status);
		if (!sandbox_take_back(fd))
			status = fault_set(fault, _("%s: its owner cannot be set: %s"), s.about, strerror(errno));
	}
	cli_args_free(&a);
	free(program);
	return status == 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/host/mkext4.h"
#include "cli/host/sandbox.h"
#include "core/base/bytes.h"

#define SECONDS_MAX 600u

/* Named one by one: what mke2fs takes by itself changes, and old live systems do not know what is new. */
#define FEATURES                                                                                                                 \
	"none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,dir_nlink,"  \
	"extra_isize,uninit_bg"

bool cli_mkext4_ready(struct fault *fault)
{
	char *a = cli_proc_find_system("mke2fs"), *b = cli_proc_find_system("debugfs");
	bool ok = a && b;

	if (!ok)
		fault_set(fault, _("%s is not installed; install the package e2fsprogs"), a ? "debugfs" : "mke2fs");
	free(a);
	free(b);
	return ok;
}

/* Runs one of the two on the file, which is theirs meanwhile. */
static bool run_on(int fd, struct sandbox *s, const char *name, const struct cli_args *a, struct fault *fault)
{
	char *program = cli_proc_find_system(name);
	int status = -1;

	s->who = name;
	s->about = _("the ext4 volume");
	s->program = program;
	s->seconds = SECONDS_MAX;
	s->input[0] = fd;
	s->inputs = 1;
	if (!program) {
		fault_set(fault, _("%s is not installed; install the package e2fsprogs"), name);
	} else if (!sandbox_lend(fd)) {
		fault_set(fault, _("%s: cannot be given to the user as whom %s runs: %s"), s->about, s->who, strerror(errno));
	} else {
		status = a ? sandbox_program(s, a, fault) : sandbox_run(s, fault) == SANDBOX_DONE ? 0 : -1;
		if (status > 0)
			fault_set(fault, _("%s failed (status %d)"), s->who, status);
		if (!sandbox_take_back(fd))
			status = fault_set(fault, _("%s: its owner cannot be set: %s"), s->about, strerror(errno));
	}
	free(program);
	return status == 0;
}

static bool format(int fd, const struct mkext4 *m, struct fault *fault)
{
	struct sandbox s = {0};
	struct cli_args a = {0};
	bool ok;

	cli_args_add(&a, "mke2fs");
	cli_args_add(&a, "-Fq");
	cli_args_add(&a, "-text4");
	cli_args_add(&a, "-O" FEATURES);
	cli_args_add(&a, "-b4096");
	cli_args_add(&a, "-I256");
	cli_args_add(&a, "-m0");
	cli_args_addf(&a, "-Jsize=%u", m->journal_mib);
	cli_args_add(&a, "-Elazy_itable_init=1,nodiscard,root_owner=0:0");
	cli_args_addf(&a, "-L%s", m->label);
	cli_args_add(&a, "in0");
	ok = run_on(fd, &s, "mke2fs", &a, fault);
	cli_args_free(&a);
	return ok;
}

static bool put(const char *name, const void *data, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	bool ok = fd >= 0 && write(fd, data, len) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* In the child. debugfs makes everything root's, whoever runs it. It does not say when a line fails: the caller looks. */
static void fill(struct sandbox_child *c, void *ctx)
{
	const struct mkext4 *m = ctx;
	struct cli_args a = {0};
	char *lines = m->file ? cli_xasprintf("write data %s\n", m->file) : cli_xstrdup("");

	for (size_t i = 0; m->folder[i]; i++) {
		char *more = cli_xasprintf("%smkdir %s\n", lines, m->folder[i]);

		free(lines);
		lines = more;
	}
	if (!put("lines", lines, strlen(lines)) || (m->file && !put("data", m->data, m->data_len)))
		_exit(1);
	free(lines);
	cli_args_add(&a, "debugfs");
	cli_args_add(&a, "-w");
	cli_args_add(&a, "-flines");
	cli_args_add(&a, "in0");
	if (sandbox_exec(c, &a) != 0)
		_exit(1);
	cli_args_free(&a);
}

/* s_inodes_count less s_free_inodes_count */
static bool used_inodes(int fd, uint32_t *out)
{
	uint8_t sb[1024];

	if (pread(fd, sb, sizeof sb, 1024) != (ssize_t)sizeof sb || pod_get_le16(sb + 0x38) != 0xef53)
		return false;
	*out = pod_get_le32(sb) - pod_get_le32(sb + 0x10);
	return true;
}

bool cli_mkext4(int fd, const struct mkext4 *m, struct fault *fault)
{
	struct mkext4 copy = *m;
	struct sandbox s = {.work = fill, .ctx = &copy};
	uint32_t before = 0, after = 0, want = m->file ? 1 : 0;

	for (size_t i = 0; m->folder[i]; i++)
		want++;
	if (!format(fd, m, fault))
		return false;
	if (!want)
		return true;
	if (!used_inodes(fd, &before) || !run_on(fd, &s, "debugfs", NULL, fault))
		return false;
	if (used_inodes(fd, &after) && after - before == want)
		return true;
	fault_set(fault, "%s", _("debugfs did not put into the ext4 volume what belongs there"));
	return false;
}

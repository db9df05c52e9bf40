/* SPDX-License-Identifier: BSD-2-Clause */
#include <libmount/libmount.h>
#include <stdlib.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "cli/host/mounts.h"
#include "cli/host/lazy.h"
#include "cli/host/safety.h"

/* clang-format off */
#define FUNCTIONS(X) \
	X(mnt_free_iter) X(mnt_fs_get_devno) X(mnt_fs_get_fstype) X(mnt_fs_get_options) X(mnt_fs_get_source) X(mnt_fs_get_target) X(mnt_fs_get_vfs_options) \
	X(mnt_new_iter) X(mnt_new_table) X(mnt_new_table_from_file) X(mnt_table_next_fs) \
	X(mnt_optstr_get_option) X(mnt_table_parse_swaps) X(mnt_unref_table)
/* clang-format on */
LAZY_LIBRARY(lib, mount, FUNCTIONS);

static struct libmnt_table *read_mounts(void)
{
	char *name = cli_xasprintf("%s/proc/self/mountinfo", cli_safety_root);
	struct libmnt_table *table = lib.mnt_new_table_from_file(name);

	free(name);
	return table;
}

/* A kernel without swap has no list of it. */
static struct libmnt_table *read_swaps(void)
{
	char *name = cli_xasprintf("%s/proc/swaps", cli_safety_root);
	struct libmnt_table *table = lib.mnt_new_table();

	if (table && access(name, F_OK) == 0 && lib.mnt_table_parse_swaps(table, name) != 0) {
		lib.mnt_unref_table(table);
		table = NULL;
	}
	free(name);
	return table;
}

/* Not mnt_fs_match_options(), to which "noatime" is the absence of "atime". */
static bool has_option(struct libmnt_fs *fs, const char *name)
{
	const char *options = lib.mnt_fs_get_options(fs);

	return options && lib.mnt_optstr_get_option(options, name, NULL, NULL) == 0;
}

static bool walk(struct libmnt_table *table, bool (*visit)(void *ctx, const struct cli_mount *m), void *ctx)
{
	struct libmnt_iter *at = lib.mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	bool known = at != NULL;

	for (int end = 0; at && !end;) {
		end = lib.mnt_table_next_fs(table, at, &fs);
		known = end >= 0;
		if (end)
			continue;
		end = visit(ctx, &(struct cli_mount){.device = lib.mnt_fs_get_devno(fs),
						     .source = lib.mnt_fs_get_source(fs),
						     .point = lib.mnt_fs_get_target(fs),
						     .type = lib.mnt_fs_get_fstype(fs),
						     .options = lib.mnt_fs_get_vfs_options(fs),
						     .sync = has_option(fs, "sync"),
						     .noatime = has_option(fs, "noatime")});
	}
	lib.mnt_free_iter(at);
	return known;
}

static const char *each(struct libmnt_table *(*read_table)(void), const char *unknown,
			bool (*visit)(void *, const struct cli_mount *), void *ctx)
{
	const char *missing = lazy_load(&lib_library);
	struct libmnt_table *table;
	bool known;

	if (missing)
		return missing;
	table = read_table();
	known = table && walk(table, visit, ctx);
	lib.mnt_unref_table(table);
	return known ? NULL : unknown;
}

const char *cli_mounts_each(bool (*visit)(void *ctx, const struct cli_mount *m), void *ctx)
{
	return each(read_mounts, _("/proc/self/mountinfo cannot be read"), visit, ctx);
}

const char *cli_swaps_each(bool (*visit)(void *ctx, const struct cli_mount *m), void *ctx)
{
	return each(read_swaps, _("/proc/swaps cannot be read"), visit, ctx);
}

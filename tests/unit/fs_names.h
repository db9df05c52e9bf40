/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of filesystems compare directories by. */
#ifndef POD_TESTS_FS_NAMES_H
#define POD_TESTS_FS_NAMES_H

#include <string.h>
#include "core/fs/fs.h"

/* The names of a directory, each with a space behind it, in `out`, which has room for them; "" if there are none. */
static inline enum pod_status fs_names(struct pod_fs *fs, const char *path, struct pod_dirent *scratch, char *out)
{
	struct pod_node n;
	struct pod_dir dir;
	enum pod_status st = pod_fs_lookup(fs, path, &n, scratch);
	*out = 0;
	if (st == POD_OK)
		st = pod_dir_open(&dir, fs, &n);
	while (st == POD_OK && (st = pod_dir_next(&dir, scratch)) == POD_OK)
		strcat(strcat(out, scratch->name), " ");
	return st;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* A single file on an unmounted stick, for `isopod disk`: as a store opens its own. */
#include <stdlib.h>
#include <string.h>
#include "cli/disk/elsewhere.h"
#include "cli/layer/dir.h"

struct disk_elsewhere {
	struct store_dir dir;
	struct disk_file *file;
};

bool disk_elsewhere_is(const char *path)
{
	return store_dir_is_on_stick(path);
}

enum pod_status disk_elsewhere_open(const char *path, bool lock, struct disk_elsewhere **out, struct disk_file **file,
				    struct fault *fault)
{
	struct disk_elsewhere *e = cli_xzalloc(sizeof *e);
	const char *slash = strrchr(path, '/');
	bool root = slash == strstr(path, ":/") + 1;
	char *folder = cli_xasprintf("%.*s", (int)(slash - path) + root, path);
	enum pod_status st = POD_E_NOT_FOUND;

	if (store_dir_open(&e->dir, folder, false, false, fault) && e->dir.ops->exists(&e->dir, slash + 1)) {
		if (!lock || store_dir_lock(&e->dir, fault))
			e->file = e->dir.ops->open(&e->dir, slash + 1, false, fault);
		st = e->file ? POD_OK : POD_E_IO;
	}
	free(folder);
	if (st != POD_OK) {
		disk_elsewhere_close(e);
		return st;
	}
	*out = e;
	*file = e->file;
	return POD_OK;
}

void disk_elsewhere_close(struct disk_elsewhere *e)
{
	if (!e)
		return;
	if (e->file)
		e->dir.ops->close(&e->dir, e->file, NULL);
	if (e->dir.ops)
		(void)store_dir_close(&e->dir, NULL);
	free(e);
}

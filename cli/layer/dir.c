/* SPDX-License-Identifier: BSD-2-Clause */
/* FOLDER or TARGET:/folder. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/host/lock.h"
#include "cli/layer/dir.h"

static char *target_of(const char *arg, const char **folder)
{
	const char *colon = strstr(arg, ":/");
	struct stat st;
	char *target;

	if (!colon || stat(arg, &st) == 0)
		return NULL;
	target = cli_xstrdup(arg);
	target[colon - arg] = '\0';
	if (stat(target, &st) == 0 && !S_ISDIR(st.st_mode)) {
		*folder = colon + 1;
		return target;
	}
	free(target);
	return NULL;
}

bool store_dir_is_on_stick(const char *arg)
{
	const char *folder;
	char *target = target_of(arg, &folder);

	free(target);
	return target != NULL;
}

bool store_dir_open(struct store_dir *d, const char *arg, bool writable, bool make, struct fault *fault)
{
	const char *folder = NULL;
	char *target;
	bool ok;

	memset(d, 0, sizeof *d);
	d->fd = -1;
	d->writable = writable;
	d->shown = cli_xstrdup(arg);
	while (strlen(d->shown) > 1 && d->shown[strlen(d->shown) - 1] == '/')
		d->shown[strlen(d->shown) - 1] = '\0';
	target = target_of(arg, &folder);
	if (target) {
		d->path = cli_normal_path(folder);
		ok = d->path && store_stick_open(d, target, make, fault);
		if (!d->path)
			fault_set(fault, _("%s: a path on a stick cannot contain '.' or '..'"), arg);
	} else {
		d->path = cli_xstrdup(d->shown);
		ok = store_host_open(d, make, fault);
	}
	free(target);
	if (!ok)
		store_dir_close(d, fault);
	return ok;
}

bool store_dir_close(struct store_dir *d, struct fault *fault)
{
	bool ok = true;

	if (d->ops)
		d->ops->shut(d);
	ok = cli_volume_close(&d->volume, fault);
	if (d->target)
		cli_target_close(d->target);
	free(d->path);
	free(d->shown);
	memset(d, 0, sizeof *d);
	d->fd = -1;
	return ok;
}

bool store_dir_lock(struct store_dir *d, struct fault *fault)
{
	return !d->target || cli_lock_take(d->target->file.fd, false, d->target->file.path, fault);
}

char *store_dir_name(const struct store_dir *d, const char *name)
{
	return cli_xasprintf("%s/%s", strcmp(d->shown, "/") == 0 ? "" : d->shown, name);
}

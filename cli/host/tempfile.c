/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/host/tempfile.h"

#define LETTERS	       6u
#define NAME_MAX_BYTES 255u

char *tempfile_name(const char *path)
{
	static const char letter[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t dir = (size_t)(name - path), keep = strlen(name);
	char tail[LETTERS + 1];

	for (size_t i = 0; i < LETTERS; i++)
		tail[i] = letter[arc4random_uniform(sizeof letter - 1)];
	tail[LETTERS] = '\0';
	if (keep > NAME_MAX_BYTES - TEMPFILE_TAIL)
		keep = NAME_MAX_BYTES - TEMPFILE_TAIL;
	/* Never without a folder: a program of others that is given "nbd:x" would not look for a file. */
	return cli_xasprintf("%s%.*s%.*s.isopod-%s", slash ? "" : "./", (int)dir, path, (int)keep, name, tail);
}

char *tempfile_make(const char *path, struct fault *fault)
{
	char *name = tempfile_name(path);
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd >= 0) {
		close(fd);
		return name;
	}
	fault_set(fault, _("%s: cannot make a file: %s"), name, strerror(errno));
	free(name);
	return NULL;
}

/* For file systems that know no exchange of names under a condition; those without links can only be asked before. */
static int rename_new(const char *name, const char *path)
{
	struct stat st;

	if (renameat2(AT_FDCWD, name, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (link(name, path) == 0)
		return unlink(name);
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
		return -1;
	if (lstat(path, &st) == 0) {
		errno = EEXIST;
		return -1;
	}
	return rename(name, path);
}

bool tempfile_commit(const char *name, const char *path, bool replace, struct fault *fault)
{
	if ((replace ? rename(name, path) : rename_new(name, path)) == 0)
		return true;
	fault_set(fault, _("%s: cannot give the new file its name: %s"), path, strerror(errno));
	return false;
}

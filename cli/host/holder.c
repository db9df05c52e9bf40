/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds a lock. The kernel names nobody for locks of open files (F_OFD_GETLK and /proc/locks say process -1): so the descriptors of all
 * processes are looked at, as far as rights allow, for the same file, and their fdinfo for a "lock:" line (proc(5)).
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cli/host/lock.h"

static bool has_lock(int process, const char *number)
{
	char *path = cli_xasprintf("fdinfo/%s", number), line[256];
	int fd = openat(process, path, O_RDONLY | O_CLOEXEC);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	bool found = false;

	if (fd >= 0 && !f)
		close(fd);
	while (f && !found && fgets(line, sizeof line, f))
		found = strncmp(line, "lock:", 5) == 0;
	if (f)
		fclose(f);
	free(path);
	return found;
}

/* Descriptors of one process. */
static bool holds(int process, const struct stat *file)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	bool found = false;
	struct dirent *e;
	struct statx st;

	if (fd >= 0 && !dir)
		close(fd);
	while (dir && !found && (e = readdir(dir)))
		/* from what the kernel has: a server that does not answer is not waited for */
		found = statx(dirfd(dir), e->d_name, AT_STATX_DONT_SYNC, STATX_INO, &st) == 0 &&
			makedev(st.stx_dev_major, st.stx_dev_minor) == file->st_dev && st.stx_ino == file->st_ino &&
			has_lock(process, e->d_name);
	if (dir)
		closedir(dir);
	return found;
}

/* What it was started as: whoever wrote it, it is shown in one line. */
static void read_name(int process, char name[CLI_LOCK_NAME])
{
	int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, name, CLI_LOCK_NAME - 1) : 0;

	if (fd >= 0)
		close(fd);
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	for (char *p = name; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
	if (!*name)
		memcpy(name, "?", 2);
}

bool cli_lock_holder(int fd, long *pid, char name[CLI_LOCK_NAME])
{
	DIR *proc = opendir("/proc");
	struct stat file;
	bool found = false;
	struct dirent *e;

	if (!proc)
		return false;
	while (fstat(fd, &file) == 0 && !found && (e = readdir(proc))) {
		char *end;
		int process;

		*pid = strtol(e->d_name, &end, 10);
		if (*end || *pid <= 0 || *pid == (long)getpid())
			continue;
		process = openat(dirfd(proc), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		found = holds(process, &file);
		if (found)
			read_name(process, name);
		close(process);
	}
	closedir(proc);
	return found;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "cli/host/tool.h"

char *tool_folder(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = cli_xasprintf("%s/isopod-doctor.XXXXXX", tmp && *tmp ? tmp : "/tmp");

	if (!mkdtemp(path)) {
		free(path);
		return NULL;
	}
	return path;
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

void tool_remove(char *folder)
{
	if (folder)
		nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(folder);
}

static void become(const struct cli_args *a, const char *folder, unsigned seconds, uint64_t file_max, pid_t parent)
{
	struct rlimit cpu = {seconds, seconds + 1}, size = {file_max, file_max}, core = {0, 0};
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || null < 0 || chdir(folder) != 0)
		_exit(127);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_FSIZE, &size);
	setrlimit(RLIMIT_CORE, &core);
	execvp(a->v[0], a->v);
	_exit(127);
}

int tool_run(const struct cli_args *a, const char *folder, unsigned seconds, uint64_t file_max)
{
	uint64_t deadline = cli_millis() + (uint64_t)seconds * 1000;
	pid_t parent = getpid(), pid, got;
	int status = 0;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(a, folder, seconds, file_max, parent);
	if (pid < 0)
		return -1;
	for (unsigned nap_us = 500;;) {
		got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			break;
		if ((got < 0 && errno != EINTR) || cli_interrupted || cli_millis() > deadline) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		usleep(nap_us);
		nap_us = nap_us < 20000 ? nap_us * 2 : nap_us;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status) : -1;
}

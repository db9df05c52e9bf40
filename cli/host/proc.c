/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "cli/host/proc.h"

static void push(struct cli_args *a, char *arg)
{
	if (a->n + 2 > a->cap) {
		a->cap = a->cap ? a->cap * 2 : 32;
		a->v = cli_xrealloc(a->v, a->cap, sizeof *a->v);
	}
	a->v[a->n++] = arg;
	a->v[a->n] = NULL;
}

void cli_args_add(struct cli_args *a, const char *arg)
{
	push(a, cli_xstrdup(arg));
}

void cli_args_addf(struct cli_args *a, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = cli_xstrdup("");
	va_end(ap);
	push(a, s);
}

void cli_args_free(struct cli_args *a)
{
	for (unsigned i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
	memset(a, 0, sizeof *a);
}

/* In the child: the streams, and the parent's death as our own. */
static void become(const struct cli_args *a, int out_fd, pid_t parent)
{
	int null = open("/dev/null", O_RDWR);

	signal(SIGPIPE, SIG_DFL);
	/* Ctrl-C reaches the whole group; we end the child ourselves, in order. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (out_fd >= 0)
		dup2(out_fd, STDOUT_FILENO);
	execvp(a->v[0], a->v);
	_exit(127);
}

pid_t cli_proc_start(const struct cli_args *a, int out_fd, struct fault *fault)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(a, out_fd, parent);
	if (pid < 0)
		fault_set(fault, _("cannot start %s: %s"), a->v[0], strerror(errno));
	return pid;
}

bool cli_proc_run(const struct cli_args *a, struct fault *fault)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), status = 0;
	pid_t pid = cli_proc_start(a, null, fault), got = -1;

	if (null >= 0)
		close(null);
	if (pid < 0)
		return false;
	do {
		got = waitpid(pid, &status, 0);
		/* It has a group of its own, so that Ctrl-C has not reached it. */
		if (got < 0 && errno == EINTR && cli_interrupted)
			kill(pid, SIGKILL);
	} while (got < 0 && errno == EINTR);
	if (cli_interrupted) {
		fault_set(fault, _("%s: interrupted"), a->v[0]);
		return false;
	}
	if (got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	fault_set(fault, _("%s failed (status %d)"), a->v[0], WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	return false;
}

char *cli_proc_find(const char *name)
{
	const char *path = getenv("PATH");
	char *copy = cli_xstrdup(path ? path : "/usr/bin:/bin"), *save = NULL, *found = NULL;

	for (char *dir = strtok_r(copy, ":", &save); dir && !found; dir = strtok_r(NULL, ":", &save)) {
		char *full = cli_xasprintf("%s/%s", dir, name);

		/* whole, so that it means the same in another folder */
		if (access(full, X_OK) == 0)
			found = realpath(full, NULL);
		free(full);
	}
	free(copy);
	return found;
}

char *cli_proc_find_system(const char *name)
{
	char *found = cli_proc_find(name), *path;

	/* users have no sbin on their PATH; root has, and whoever takes it away means it */
	if (found || geteuid() == 0)
		return found;
	path = cli_xasprintf("/usr/sbin/%s", name);
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

bool cli_proc_on_path(const char *name)
{
	char *path = cli_proc_find(name);

	free(path);
	return path != NULL;
}

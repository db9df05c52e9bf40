/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a command asks the server that has a store: a Unix socket in the store's folder, which only its owner and root may use.
 *
 *   request   "snapshot" or "snapshot NAME", and a newline
 *   answer    "warning TEXT" any number of times, then "done" or "failed TEXT", a line each
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/layer/live.h"
#include "core/base/text.h"

#define SNAPSHOT	"snapshot"
#define REQUEST_MAX	(sizeof SNAPSHOT + POD_STORE_NAME_MAX + 1)
#define ANSWER_MAX	65536u
#define REQUEST_SECONDS 2   /* it is sent in one piece */
#define ANSWER_SECONDS	120 /* for what waits its turn and writes out what is pending */

/* A socket's path has 107 bytes at most; this one is short wherever the folder is. */
static void address(struct sockaddr_un *a, int folder)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", folder, LIVE_SOCKET);
}

static void limit(int fd, int seconds)
{
	struct timeval tv = {.tv_sec = seconds};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

/* The other side is who we are, or root; root may ask whoever it is. */
static bool is_ours(int fd, bool asks)
{
	struct ucred c;
	socklen_t len = sizeof c;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) != 0)
		return false;
	return c.uid == geteuid() || c.uid == 0 || (asks && geteuid() == 0);
}

/* A server that listens there; -1: there is none. */
static int reach(int folder)
{
	struct sockaddr_un a;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address(&a, folder);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* --- the server ----------------------------------------------------------------------------------------- */

int live_control_open(int folder, struct fault *fault)
{
	struct sockaddr_un a;
	struct stat st;
	mode_t mask;
	int fd = reach(folder), err;
	bool ok;

	if (fd >= 0) {
		close(fd);
		fault_set(fault, _("%s: another server listens there; end it first"), LIVE_SOCKET);
		return -1;
	}
	/* What nobody listens on was left by a server that was killed. */
	if (fstatat(folder, LIVE_SOCKET, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
		unlinkat(folder, LIVE_SOCKET, 0);
	address(&a, folder);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mask = umask(0077);
	ok = fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 32) == 0;
	err = errno;
	umask(mask);
	if (ok)
		return fd;
	if (fd >= 0)
		close(fd);
	fault_warn(fault, _("%s: cannot listen: %s; no snapshots can be taken while the store is served"), LIVE_SOCKET,
		   strerror(err));
	return -1;
}

void live_control_close(int folder, int fd)
{
	if (fd < 0)
		return;
	unlinkat(folder, LIVE_SOCKET, 0);
	close(fd);
}

static void say(int fd, const char *word, const char *text)
{
	char *line = cli_xasprintf("%s %s\n", word, text);

	(void)!send(fd, line, strlen(line), MSG_NOSIGNAL);
	free(line);
}

/* False: it asks for nothing that there is. *name: NULL for none. */
static bool parse(char *request, const char **name)
{
	size_t n = strlen(SNAPSHOT);
	char *end = strchr(request, '\n');

	if (!end || end[1] || strncmp(request, SNAPSHOT, n) != 0)
		return false;
	*end = '\0';
	*name = request[n] ? request + n + 1 : NULL;
	return !request[n] || (request[n] == ' ' && **name);
}

bool live_control_answer(struct live *lv, int fd, struct fault *fault)
{
	char request[REQUEST_MAX + 1] = "";
	struct fault here = {0};
	const char *name;
	bool lost = false;
	int rc = CLI_FAILED;

	limit(fd, REQUEST_SECONDS);
	if (!is_ours(fd, false) || recv(fd, request, REQUEST_MAX, 0) <= 0) {
		close(fd);
		return true;
	}
	if (parse(request, &name))
		rc = live_snapshot(lv, name, &lost, &here);
	for (const struct fault_line *l = here.first; l; l = l->next)
		if (l->warning)
			say(fd, "warning", l->text);
	say(fd, rc == CLI_OK ? "done" : "failed", fault_text(&here));
	close(fd);
	if (lost)
		fault_move(fault, &here);
	fault_free(&here);
	return !lost;
}

/* --- a command ------------------------------------------------------------------------------------------ */

static int lost_answer(const char *store, struct fault *fault)
{
	return fault_set(fault,
			 _("%s: the server that has the store gave no answer; 'isopod layer list' shows whether there is a "
			   "snapshot"),
			 store);
}

/* A line of the answer. True: it was the last one. */
static bool take_line(char *line, int *rc, struct fault *fault)
{
	char *text = strchr(line, ' ');

	if (!text)
		return false;
	*text++ = '\0';
	pod_text_disarm(text, NULL);
	if (strcmp(line, "warning") == 0)
		fault_warn(fault, "%s", text);
	else if (strcmp(line, "failed") == 0)
		*rc = fault_set(fault, "%s", text);
	else if (strcmp(line, "done") == 0)
		*rc = CLI_OK;
	else
		return false;
	return strcmp(line, "warning") != 0;
}

static int hear(int fd, const char *store, struct fault *fault)
{
	char *answer = cli_xzalloc(ANSWER_MAX), *rest = answer, *line;
	size_t got = 0;
	ssize_t n;
	int rc = CLI_FAILED;
	bool last = false;

	while (got < ANSWER_MAX - 1 && (n = recv(fd, answer + got, ANSWER_MAX - 1 - got, 0)) > 0)
		got += (size_t)n;
	while (!last && (line = strsep(&rest, "\n")) && rest)
		last = take_line(line, &rc, fault);
	if (!last)
		rc = lost_answer(store, fault);
	free(answer);
	return rc;
}

bool live_control_snapshot(const char *store, const char *name, int *rc, struct fault *fault)
{
	int folder = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = folder >= 0 ? reach(folder) : -1;
	char *request;

	if (folder >= 0)
		close(folder);
	if (fd < 0)
		return false;
	if (!is_ours(fd, true)) {
		close(fd);
		return false;
	}
	limit(fd, ANSWER_SECONDS);
	request = name ? cli_xasprintf(SNAPSHOT " %s\n", name) : cli_xstrdup(SNAPSHOT "\n");
	if (strlen(request) > REQUEST_MAX || strchr(request, '\n')[1])
		*rc = fault_set(fault, _("%s: not a name for a layer; choose another name"), name);
	else if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		*rc = lost_answer(store, fault);
	else
		*rc = hear(fd, store, fault);
	free(request);
	close(fd);
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A Unix socket on which any number of NBD clients may connect. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "cli/host/tempfile.h"
#include "cli/nbd/nbd.h"
#include "core/base/str.h"

#define CLIENT_MAX 64

struct client {
	struct cli_nbd_server *server;
	pthread_t thread;
	int fd; /* -1: free slot */
	bool done;
};

struct cli_nbd_server {
	struct cli_nbd_export ex;  /* for one that is served alone, */
	struct cli_nbd_source one; /* the source of it */
	struct cli_nbd_run run;
	char *path;
	int listener;
	struct client client[CLIENT_MAX];
	pthread_mutex_t lock;
	int wake[2]; /* a client thread that ends writes a byte */
};

static void *client_main(void *arg)
{
	struct client *c = arg;

	cli_nbd_serve(c->fd, c->server->run.source);
	pthread_mutex_lock(&c->server->lock);
	c->done = true;
	pthread_mutex_unlock(&c->server->lock);
	(void)!write(c->server->wake[1], "", 1);
	return NULL;
}

/* Joins the threads that ended (all of them if `all`); returns how many are left. */
static unsigned reap(struct cli_nbd_server *s, bool all)
{
	unsigned left = 0;

	for (size_t i = 0; i < CLIENT_MAX; i++) {
		struct client *c = &s->client[i];
		bool done;

		if (c->fd < 0)
			continue;
		if (all)
			shutdown(c->fd, SHUT_RDWR);
		pthread_mutex_lock(&s->lock);
		done = c->done;
		pthread_mutex_unlock(&s->lock);
		if (!done && !all) {
			left++;
			continue;
		}
		pthread_join(c->thread, NULL);
		close(c->fd);
		c->fd = -1;
	}
	return left;
}

static void admit(struct cli_nbd_server *s, int fd)
{
	for (size_t i = 0; i < CLIENT_MAX; i++) {
		struct client *c = &s->client[i];

		if (c->fd >= 0)
			continue;
		c->fd = fd;
		c->done = false;
		c->server = s;
		if (pthread_create(&c->thread, NULL, client_main, c) == 0)
			return;
		c->fd = -1;
		break;
	}
	close(fd); /* full: the client sees the end of the stream and may try again */
}

/* A socket nobody listens on is a leftover of a killed server. */
static bool remove_stale(const char *path, const struct sockaddr_un *addr, struct fault *fault)
{
	struct stat st;
	int fd;
	bool live;

	if (lstat(path, &st) != 0)
		return true;
	if (!S_ISSOCK(st.st_mode)) {
		fault_set(fault, _("%s: exists and is not a socket; name another path"), path);
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	live = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0;
	if (fd >= 0)
		close(fd);
	if (live) {
		fault_set(fault, _("%s: another server listens there; end it or name another path"), path);
		return false;
	}
	return unlink(path) == 0 || errno == ENOENT;
}

/* A socket that listens at `addr`, where nothing was before; only its owner may connect. */
static int listen_new(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t mask = umask(0077);
	bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)addr, sizeof *addr) == 0;

	umask(mask);
	if (ok && listen(fd, 128) == 0)
		return fd;
	if (ok)
		unlink(addr->sun_path);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Listens under a temporary name first: once `path` is there, a client can connect. */
static int listen_at(const char *path, struct fault *fault)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char *tmp;
	int fd;

	if (strlen(path) + TEMPFILE_TAIL + 3 > sizeof addr.sun_path) {
		fault_set(fault, _("%s: a socket's path has at most %zu bytes; name a shorter one"), path,
			  sizeof addr.sun_path - TEMPFILE_TAIL - 3);
		return -1;
	}
	pod_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
	if (!remove_stale(path, &addr, fault))
		return -1;
	tmp = tempfile_name(path);
	pod_strlcpy(addr.sun_path, tmp, sizeof addr.sun_path);
	fd = listen_new(&addr);
	if (fd < 0) {
		fault_set(fault, _("%s: cannot listen: %s"), path, strerror(errno));
	} else if (!tempfile_commit(tmp, path, false, fault)) {
		unlink(tmp);
		close(fd);
		fd = -1;
	}
	free(tmp);
	return fd;
}

/* Whoever has come, by one door or the other. False: the server is to end. */
static bool let_in(struct cli_nbd_server *s, int listener, bool *had_one)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return true;
	if (listener != s->listener)
		return s->run.also(s->run.ctx, fd);
	admit(s, fd);
	*had_one = true;
	return true;
}

static int serve(struct cli_nbd_server *s, struct fault *fault)
{
	struct pollfd p[3] = {{.fd = s->listener, .events = POLLIN},
			      {.fd = s->wake[0], .events = POLLIN},
			      {.fd = s->run.also_fd, .events = POLLIN}};
	sigset_t blocked, normal;
	bool had_one = false, go_on = true;

	/* A signal is delivered only while we wait: none is missed between the test and the wait. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &blocked, &normal);
	while (go_on && !cli_interrupted) {
		char sink[64];

		if (ppoll(p, POD_ARRAY_LEN(p), NULL, &normal) < 0) {
			if (errno == EINTR)
				continue;
			return fault_set(fault, _("cannot wait for clients: %s"), strerror(errno));
		}
		if (p[1].revents)
			(void)!read(s->wake[0], sink, sizeof sink);
		for (size_t i = 0; go_on && i < POD_ARRAY_LEN(p); i += 2)
			if (p[i].revents)
				go_on = let_in(s, p[i].fd, &had_one);
		if (reap(s, false) == 0 && had_one && s->run.once)
			break;
	}
	return CLI_OK;
}

/* `ex`: alone; else all of `run`. */
static struct cli_nbd_server *server_open(const struct cli_nbd_export *ex, const struct cli_nbd_run *run, struct fault *fault)
{
	struct cli_nbd_server *s = cli_xzalloc(sizeof *s);

	for (size_t i = 0; i < CLIENT_MAX; i++)
		s->client[i].fd = -1;
	s->run = *run;
	if (ex) {
		s->ex = *ex;
		s->one = cli_nbd_one(&s->ex);
		s->run.source = &s->one;
	}
	s->path = cli_xstrdup(run->path);
	pthread_mutex_init(&s->lock, NULL);
	s->listener = listen_at(s->path, fault);
	if (s->listener >= 0 && pipe(s->wake) == 0)
		return s;
	if (s->listener >= 0) {
		unlink(s->path);
		close(s->listener);
	}
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
	return NULL;
}

static void server_close(struct cli_nbd_server *s)
{
	reap(s, true);
	close(s->wake[0]);
	close(s->wake[1]);
	unlink(s->path);
	close(s->listener);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

static int run(const struct cli_nbd_export *ex, const struct cli_nbd_run *r, struct fault *fault)
{
	struct cli_nbd_server *s;
	int rc;

	cli_catch_signals();
	s = server_open(ex, r, fault);
	if (!s)
		return CLI_FAILED;
	cli_print(_("Serving %s (%llu bytes) at nbd+unix:///?socket=%s\n"), r->shown, (unsigned long long)r->size_bytes, r->path);
	rc = cli_flush(fault);
	if (rc == CLI_OK)
		rc = serve(s, fault);
	server_close(s);
	return rc;
}

int cli_nbd_run(const struct cli_nbd_export *ex, const char *shown, const char *path, bool once, struct fault *fault)
{
	return run(ex,
		   &(struct cli_nbd_run){
			   .shown = shown, .path = path, .size_bytes = ex->dev->size_bytes, .once = once, .also_fd = -1},
		   fault);
}

int cli_nbd_run_all(const struct cli_nbd_run *r, struct fault *fault)
{
	return run(NULL, r, fault);
}

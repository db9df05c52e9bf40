/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod export: the virtual disk of an image, overlays included, for any NBD client. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/nbd.h"
#include "cli/target.h"

#define CLIENT_MAX 64

struct client {
	struct server *server;
	pthread_t thread;
	int fd; /* -1: free slot */
	bool done;
};

struct server {
	struct cli_nbd_export ex;
	struct client client[CLIENT_MAX];
	pthread_mutex_t lock;
	int wake[2]; /* a client thread that ends writes a byte */
};

static void *client_main(void *arg)
{
	struct client *c = arg;

	cli_nbd_serve(c->fd, &c->server->ex);
	pthread_mutex_lock(&c->server->lock);
	c->done = true;
	pthread_mutex_unlock(&c->server->lock);
	(void)!write(c->server->wake[1], "", 1);
	return NULL;
}

/* Joins the threads that ended (all of them if `all`); returns how many are left. */
static unsigned reap(struct server *s, bool all)
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

static void admit(struct server *s, int fd)
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
static bool remove_stale(const char *path, const struct sockaddr_un *addr)
{
	struct stat st;
	int fd;
	bool live;

	if (lstat(path, &st) != 0)
		return true;
	if (!S_ISSOCK(st.st_mode)) {
		cli_error(_("%s: exists and is not a socket; name another path"), path);
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	live = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0;
	if (fd >= 0)
		close(fd);
	if (live) {
		cli_error(_("%s: another server listens there; end it or name another path"), path);
		return false;
	}
	return unlink(path) == 0 || errno == ENOENT;
}

/* Listens under a temporary name first: once `path` is there, a client can connect. Only its owner may. */
static int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char *tmp;
	mode_t mask;
	int fd;
	bool ok;

	if (strlen(path) + 5 > sizeof addr.sun_path) {
		cli_error(_("%s: a socket's path has at most %zu bytes; name a shorter one"), path, sizeof addr.sun_path - 5);
		return -1;
	}
	strcpy(addr.sun_path, path);
	if (!remove_stale(path, &addr))
		return -1;
	tmp = cli_xasprintf("%s.new", path);
	strcpy(addr.sun_path, tmp);
	unlink(tmp);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mask = umask(0077);
	ok = fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof addr) == 0 && listen(fd, 128) == 0 &&
	     rename(tmp, path) == 0;
	umask(mask);
	if (!ok) {
		cli_error(_("%s: cannot listen: %s"), path, strerror(errno));
		unlink(tmp);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	free(tmp);
	return fd;
}

static int serve(struct server *s, int listener, bool once)
{
	struct pollfd p[2] = {{.fd = listener, .events = POLLIN}, {.fd = s->wake[0], .events = POLLIN}};
	sigset_t blocked, normal;
	bool had_one = false;

	/* A signal is delivered only while we wait: none is missed between the test and the wait. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &blocked, &normal);
	while (!cli_interrupted) {
		char sink[64];

		if (ppoll(p, 2, NULL, &normal) < 0) {
			if (errno == EINTR)
				continue;
			return cli_fail(_("cannot wait for clients: %s"), strerror(errno));
		}
		if (p[1].revents)
			(void)!read(s->wake[0], sink, sizeof sink);
		if (p[0].revents) {
			int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0) {
				admit(s, fd);
				had_one = true;
			}
		}
		if (reap(s, false) == 0 && had_one && once)
			break;
	}
	return CLI_OK;
}

static int run_server(struct pod_dev *dev, const struct cli_image *im, const char *path, bool once)
{
	struct server *s = cli_xzalloc(sizeof *s);
	int rc = CLI_FAILED, listener;

	for (size_t i = 0; i < CLIENT_MAX; i++)
		s->client[i].fd = -1;
	s->ex.dev = dev;
	s->ex.name = im->path + 1;
	s->ex.description = "isopod virtual disk";
	pthread_mutex_init(&s->lock, NULL);
	cli_catch_signals();
	listener = listen_at(path);
	if (listener >= 0 && pipe(s->wake) == 0) {
		cli_print(_("Serving %s (%llu bytes) at nbd+unix:///?socket=%s\n"), im->path, (unsigned long long)dev->size_bytes,
			  path);
		rc = cli_flush();
		if (rc == CLI_OK)
			rc = serve(s, listener, once);
		reap(s, true);
		close(s->wake[0]);
		close(s->wake[1]);
	}
	if (listener >= 0) {
		unlink(path);
		close(listener);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
	return rc;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{"nbd", required_argument, NULL, 'n'}, {"once", no_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
	const char *path = NULL;
	struct cli_image im;
	struct pod_plan *plan;
	struct pod_mapdev md;
	bool once = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			path = optarg;
		else if (c == 'o')
			once = true;
		else
			return cli_bad_option(cmd);
	}
	if (argc - optind != 1 || !path)
		return cli_usage(cmd, "%s", _("name one FILE or TARGET:PATH, and --nbd SOCKET"));
	plan = cli_image_open_plan(&im, argv[optind], &rc);
	if (!plan)
		return rc;

	pod_mapdev_init(&md, &plan->map, im.disk, plan->sector_size);
	rc = run_server(&md.dev, &im, path, once);
	cli_image_close_plan(&im, plan);
	return rc;
}

const struct cli_command cli_export = {
	.name = "export",
	.arguments = "FILE | TARGET:PATH --nbd SOCKET [--once]",
	.summary = N_("serve an image's virtual disk, as the machine would see it, to any NBD client"),
	.help = N_("  --nbd SOCKET  Unix socket to listen on\n"
		   "  --once        end when the last client has left\n"
		   "Read-only, patches included; ends on Ctrl-C.\n"),
	.run = run,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who does what while a disk is mounted: the command checks the folder and mounts; the keeper (a process in the background, or the
 * command itself) waits and unmounts; its child behind walls (cli/host/sandbox.h) has the kernel's questions on one descriptor, the
 * image on others, and reads what strangers wrote.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>
#include "cli/host/mounts.h"
#include "cli/host/sandbox.h"
#include "cli/mount/about.h"
#include "cli/mount/ext.h"
#include "cli/mount/serve.h"

#define ABOUT_MAX  (64u << 10)
#define MEMORY_MAX (4ull << 30)
#define TYPE	   "fuse.isopod"

enum { ABOUT = 1 }; /* the one record of the child: it answers, and this is what it shows */

struct mounted {
	struct serve serve;
	struct pod_dev *disk;
	const struct mount_how *how;
	struct sandbox_child *child;
	char *about;
	int told; /* a pipe to the command, which waits; -1: the keeper is the command */
	bool ready;
};

/* --- the child ------------------------------------------------------------------------------------------ */

static void on_ready(void *ctx)
{
	const struct mounted *m = ctx;

	sandbox_send(m->child, ABOUT, m->about, strlen(m->about));
	sandbox_flush(m->child);
}

static void work(struct sandbox_child *c, void *ctx)
{
	struct mounted *m = ctx;

	m->child = c;
	m->serve.tree = tree_open(m->disk, m->how->still);
	m->about = about_text(m->serve.tree);
	tree_set_about(m->serve.tree, m->about);
	serve_run(&m->serve);
	tree_close(m->serve.tree);
	free(m->about);
}

/* --- the keeper ----------------------------------------------------------------------------------------- */

/* To the command: 'r' and what there is, or 'e' and why not. Its length comes first, as the child's relays hold the pipe open. */
static void tell(struct mounted *m, char what, const char *text, size_t len)
{
	uint32_t n = (uint32_t)len + 1;
	struct iovec v[] = {{&n, sizeof n}, {&what, 1}, {(char *)(uintptr_t)text, len}};

	(void)!writev(m->told, v, POD_ARRAY_LEN(v));
	close(m->told);
	m->told = -1;
}

/* A line at a time: what is in them is a stranger's. */
static void show(const char *text, size_t len)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		cli_print("%.*s\n", (int)n, text);
		n += end != NULL;
		text += n;
		len -= n;
	}
}

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct mounted *m = ctx;

	if (kind != ABOUT || m->ready || len > ABOUT_MAX)
		return false;
	m->ready = true;
	if (m->told >= 0) {
		tell(m, 'r', (const char *)data, len);
	} else {
		show((const char *)data, len);
		(void)cli_flush(NULL);
	}
	return true;
}

/* Until it is unmounted, or a signal comes. */
static int keep(struct mounted *m, struct fault *fault)
{
	struct sandbox s = {.who = "isopod",
			    .about = m->how->shown,
			    .memory_bytes = MEMORY_MAX,
			    .keep = {serve_fd(&m->serve)},
			    .keeps = 1,
			    .work = work,
			    .ctx = m,
			    .take = take,
			    .take_ctx = m};
	struct fault why = {0};
	enum sandbox_result result = sandbox_run(&s, &why);

	serve_close(&m->serve);
	if (result == SANDBOX_DONE || (cli_interrupted && m->ready)) {
		fault_free(&why);
		return CLI_OK;
	}
	fault_move(fault, &why);
	return CLI_FAILED;
}

static _Noreturn void keep_in_background(struct mounted *m)
{
	struct fault fault = {0};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), rc;

	setsid();
	(void)!chdir("/");
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	rc = keep(m, &fault);
	if (m->told >= 0) {
		const char *text = fault_text(&fault);

		tell(m, 'e', text, strnlen(text, ABOUT_MAX));
	}
	_exit(rc);
}

/* --- the command ---------------------------------------------------------------------------------------- */

static bool read_all(int fd, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len && !cli_interrupted) {
		ssize_t n = read(fd, p, len);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return !len;
}

static int wait_for(int fd, const char *shown, struct fault *fault)
{
	char *text = cli_xzalloc(ABOUT_MAX + 2);
	uint32_t len = 0;
	int rc = CLI_OK;

	if (!read_all(fd, &len, sizeof len) || !len || len > ABOUT_MAX + 1 || !read_all(fd, text, len))
		rc = fault_set(fault, _("%s: cannot be mounted: %s"), shown,
			       cli_interrupted ? _("interrupted") : _("the process in the background ended"));
	else if (text[0] == 'r')
		show(text + 1, len - 1);
	else
		rc = fault_set(fault, "%s", text + 1);
	free(text);
	return rc == CLI_OK ? cli_flush(fault) : rc;
}

static int run_in_background(struct mounted *m, struct fault *fault)
{
	int p[2], rc = CLI_FAILED;
	pid_t pid = -1;

	if (pipe2(p, O_CLOEXEC) == 0) {
		fflush(NULL);
		m->told = p[1];
		pid = fork();
		if (pid == 0) {
			close(p[0]);
			keep_in_background(m);
		}
		close(p[1]);
		if (pid > 0)
			rc = wait_for(p[0], m->how->shown, fault);
		if (pid > 0 && cli_interrupted)
			kill(pid, SIGTERM);
		close(p[0]);
	}
	if (pid < 0) {
		fault_set(fault, _("cannot start %s: %s"), "isopod", strerror(errno));
		serve_close(&m->serve);
	}
	return rc;
}

/* Its whole path. NULL: it is no place to mount on, and it has said why. */
static char *check_folder(const char *dir, struct fault *fault)
{
	DIR *d = opendir(dir);
	unsigned entries = 0;
	char *path;

	if (!d) {
		fault_set(fault,
			  errno == ENOENT ? _("%s: cannot open the folder: %s; make an empty one first")
					  : _("%s: cannot open the folder: %s"),
			  dir, strerror(errno));
		return NULL;
	}
	while (entries <= 2 && readdir(d))
		entries++;
	closedir(d);
	if (entries > 2) {
		fault_set(fault, _("%s: is not empty, and what is in it could not be seen; name an empty folder"), dir);
		return NULL;
	}
	path = realpath(dir, NULL);
	if (!path)
		fault_set(fault, _("%s: cannot open the folder: %s"), dir, strerror(errno));
	return path;
}

int cli_mount_run(struct pod_dev *disk, const char *dir, const struct mount_how *how, struct fault *fault)
{
	struct mounted m = {.serve = {.still = how->still, .uid = getuid(), .gid = getgid(), .ready = on_ready},
			    .disk = disk,
			    .how = how,
			    .told = -1};
	const char *missing = serve_missing();
	char *path;
	int rc = CLI_FAILED;

	if (missing)
		return fault_set(fault, _("%s: cannot be mounted: %s"), how->shown, missing);
	path = check_folder(dir, fault);
	if (!path)
		return CLI_FAILED;
	/* behind walls neither a library nor the translations can be opened any more */
	mount_ext_prepare();
	(void)cli_status_text(POD_E_IO);
	cli_catch_signals();
	m.serve.ctx = &m;
	if (serve_open(&m.serve, path, how, fault))
		rc = how->foreground ? keep(&m, fault) : run_in_background(&m, fault);
	free(path);
	return rc;
}

/* --- unmounting ----------------------------------------------------------------------------------------- */

/* A whole path without asking the folder itself, whose process may be gone. */
static char *point_of(const char *dir)
{
	char *whole = realpath(dir, NULL), *copy, *other, *parent, *name;

	if (whole)
		return whole;
	copy = cli_xstrdup(dir);
	other = cli_xstrdup(dir);
	parent = realpath(dirname(copy), NULL);
	name = basename(other);
	if (parent)
		whole = cli_xasprintf("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
	free(parent);
	free(other);
	free(copy);
	return whole;
}

struct wanted {
	const char *point;
	bool ours;
};

/* The last one of a point is the one that is seen. */
static bool is_it(void *ctx, const struct cli_mount *m)
{
	struct wanted *w = ctx;

	if (m->point && m->type && strcmp(m->point, w->point) == 0)
		w->ours = strcmp(m->type, TYPE) == 0;
	return false;
}

static int not_unmounted(const char *dir, int err, struct fault *fault)
{
	return fault_set(fault,
			 err == EBUSY ? _("%s: cannot be unmounted: %s; end the programs that use it ('fuser -m' finds them)")
				      : _("%s: cannot be unmounted: %s"),
			 dir, strerror(err));
}

static int unmount(const char *dir, const char *point, struct fault *fault)
{
	static const char *const words[] = {"fusermount3", "-q", "-u", "--"};
	struct cli_args a = {0};
	bool ok;

	if (geteuid() == 0)
		return umount2(point, UMOUNT_NOFOLLOW) == 0 ? CLI_OK : not_unmounted(dir, errno, fault);
	if (!cli_proc_on_path(words[0]))
		return fault_set(fault, _("%s: cannot be unmounted: %s"), dir,
				 _("fusermount3 (Debian package fuse3) is not there"));
	for (size_t i = 0; i < POD_ARRAY_LEN(words); i++)
		cli_args_add(&a, words[i]);
	cli_args_add(&a, point);
	ok = cli_proc_run(&a, NULL);
	cli_args_free(&a);
	/* it does not say why; somebody else's mount has another error before */
	return ok ? CLI_OK : not_unmounted(dir, EBUSY, fault);
}

int cli_mount_undo(const char *dir, struct fault *fault)
{
	struct wanted w = {.point = point_of(dir)};
	const char *unknown = w.point ? cli_mounts_each(is_it, &w) : NULL;
	int rc;

	if (unknown)
		rc = fault_set(fault, "%s: %s", dir, unknown);
	else if (!w.ours)
		rc = fault_set(fault, _("%s: nothing is mounted there by 'isopod disk mount' or 'isopod layer mount'"), dir);
	else
		rc = unmount(dir, w.point, fault);
	free((char *)(uintptr_t)w.point);
	return rc;
}

int cli_mount_cmd_undo(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_bad_option(fault, cmd, argv);
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one DIR"));
	return cli_mount_undo(argv[optind], fault);
}

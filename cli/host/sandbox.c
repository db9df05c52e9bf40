/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our side of the walls. Three children: the first makes the namespaces and waits, the second is process 1 of the new PID
 * namespace and waits, the third does the work. They are in a process group of their own, so that one signal ends them and what
 * they started.
 *
 * A record in the pipe: +0 4 kind  +4 4 length  then the bytes, in our own byte order. Kind 0 is the child's own: 'w' and a
 * 32-bit number of walls, once, first; '!' and what could not be put up, with errno; '.' when the work is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/host/walls.h"
#include "core/base/str.h"

#define HEAD_SIZE    8u
#define EXIT_NO_TOOL 127

/* --- the child's side ------------------------------------------------------------------------------------------------------- */

struct sandbox_child {
	struct walls walls;
	size_t len;
	char buf[64u << 10];
};

static void send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		p += n;
		len -= (size_t)n;
	}
}

void sandbox_flush(struct sandbox_child *c)
{
	send_all(c->walls.answers, c->buf, c->len);
	c->len = 0;
}

/* Many records are small. */
static void keep(struct sandbox_child *c, const void *data, size_t len)
{
	if (len > sizeof c->buf - c->len)
		sandbox_flush(c);
	if (len > sizeof c->buf) {
		send_all(c->walls.answers, data, len);
	} else if (len) {
		memcpy(c->buf + c->len, data, len);
		c->len += len;
	}
}

void sandbox_send(struct sandbox_child *c, unsigned kind, const void *data, size_t len)
{
	uint32_t head[2] = {kind, (uint32_t)len};

	_Static_assert(sizeof head == HEAD_SIZE, "a record's head");
	keep(c, head, sizeof head);
	keep(c, data, len);
}

static void send_own(struct sandbox_child *c, char what, const void *data, size_t len)
{
	char buf[64];

	buf[0] = what;
	memcpy(buf + 1, data, len);
	sandbox_send(c, 0, buf, len + 1);
	sandbox_flush(c);
}

int sandbox_exec(struct sandbox_child *c, const struct cli_args *a)
{
	pid_t pid = fork(), got;
	int status = 0;

	if (pid == 0) {
		walls_before_exec(&c->walls);
		execv(c->walls.s->program, a->v);
		_exit(EXIT_NO_TOOL);
	}
	if (pid < 0)
		return EXIT_NO_TOOL;
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got == pid && WIFEXITED(status))
		return WEXITSTATUS(status);
	_exit(128 + (WIFSIGNALED(status) ? WTERMSIG(status) : 0));
}

static _Noreturn void worker(struct sandbox_child *c)
{
	const struct sandbox *s = c->walls.s;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!walls_close_in(&c->walls)) {
		char why[60];
		int err = errno;

		memcpy(why, &err, sizeof err);
		pod_strlcpy(why + sizeof err, c->walls.failed, sizeof why - sizeof err);
		send_own(c, '!', why, sizeof err + strlen(why + sizeof err));
		_exit(1);
	}
	send_own(c, 'w', &c->walls.standing, sizeof c->walls.standing);
	if (s->work)
		s->work(c, s->ctx);
	send_own(c, '.', "", 0);
	_exit(0);
}

/* Waits, and passes on how the next one ended: whoever waits for us sees an exit status only. */
static _Noreturn void relay(struct sandbox_child *c, pid_t pid)
{
	pid_t got;
	int status = 0;

	close(c->walls.answers);
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got != pid)
		_exit(1);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Process 1 of the namespace: signals that it does not catch, those of its own faults and limits too, are kept from it. So it
 * only waits, and the work is done by a child of it. */
static _Noreturn void second_child(struct sandbox_child *c)
{
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pid = fork();
	if (pid == 0)
		worker(c);
	relay(c, pid);
}

static _Noreturn void first_child(struct sandbox_child *c, pid_t parent)
{
	pid_t pid;

	setpgid(0, 0);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	walls_unshare(&c->walls);
	pid = fork();
	if (pid == 0)
		second_child(c);
	relay(c, pid);
}

/* --- our side --------------------------------------------------------------------------------------------------------------- */

struct run {
	const struct sandbox *s;
	char *folder;
	pid_t pid;
	int answers;
	unsigned walls;
	bool started, done, nonsense, late, too_much, too_large;
	int setup_errno;
	char failed[60];
	uint8_t *buf;
	size_t len, cap;
	uint64_t total, end_ms;
};

/* What the first child has mapped is what our copy of it has: the sanitizers' shadow, too. */
static uint64_t mapped_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	char text[32];
	unsigned long long pages = f && fgets(text, sizeof text, f) ? strtoull(text, NULL, 10) : 0;

	if (f)
		fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* An id that is not mapped (EINVAL) is none that the child will take. */
static char *make_folder(const struct walls_identity *id)
{
	const char *tmp = getenv("TMPDIR");
	char *path = cli_xasprintf("%s/isopod-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");

	if (mkdtemp(path)) {
		if (!id->change || chown(path, id->uid, id->gid) == 0 || errno == EINVAL)
			return path;
		rmdir(path);
	}
	free(path);
	return NULL;
}

/* The folder's content: its size or, with `away`, none any more. */
static uint64_t folder_bytes(const char *folder, bool away)
{
	char *const paths[] = {(char *)(uintptr_t)folder, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	uint64_t bytes = 0;

	for (FTSENT *e; fts && (e = fts_read(fts)) != NULL;) {
		if (e->fts_info == FTS_F)
			bytes += (uint64_t)e->fts_statp->st_blocks * 512u;
		if (away && e->fts_info != FTS_D)
			(void)remove(e->fts_accpath);
	}
	if (fts)
		fts_close(fts);
	return bytes;
}

/* A record of the child's own code; it may be a lie by now. */
static bool take_own(struct run *r, const uint8_t *data, size_t len)
{
	if (!r->started && len == 1 + sizeof r->walls && data[0] == 'w') {
		memcpy(&r->walls, data + 1, sizeof r->walls);
		r->started = true;
		return true;
	}
	if (!r->started && len > 1 + sizeof r->setup_errno && len < sizeof r->failed && data[0] == '!') {
		memcpy(&r->setup_errno, data + 1, sizeof r->setup_errno);
		memcpy(r->failed, data + 1 + sizeof r->setup_errno, len - 1 - sizeof r->setup_errno);
		return true;
	}
	r->done = r->started && len == 1 && data[0] == '.';
	return r->done;
}

/* All whole records that are there. False: nonsense. */
static bool take_records(struct run *r)
{
	size_t at = 0;
	bool ok = true;

	while (ok && r->len - at >= HEAD_SIZE && !r->done) {
		uint32_t head[2];

		memcpy(head, r->buf + at, sizeof head);
		if (head[1] > SANDBOX_RECORD_MAX)
			return false;
		if (r->len - at - HEAD_SIZE < head[1])
			break;
		if (head[0] == 0)
			ok = take_own(r, r->buf + at + HEAD_SIZE, head[1]);
		else
			ok = r->started && r->s->take && r->s->take(r->s->take_ctx, head[0], r->buf + at + HEAD_SIZE, head[1]);
		at += HEAD_SIZE + head[1];
	}
	memmove(r->buf, r->buf + at, r->len - at);
	r->len -= at;
	return ok;
}

/* False: the end, one way or another. */
static bool receive(struct run *r)
{
	ssize_t n;

	if (r->len == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 256u << 10;
		r->buf = cli_xrealloc(r->buf, r->cap, 1);
	}
	n = read(r->answers, r->buf + r->len, r->cap - r->len);
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	r->len += (size_t)n;
	r->total += (uint64_t)n;
	r->too_much = r->total > r->s->answer_bytes;
	r->nonsense = !r->too_much && !take_records(r);
	return !r->too_much && !r->nonsense && !r->done;
}

static void listen_to(struct run *r)
{
	uint64_t now;
	bool more = true;

	r->end_ms = r->s->seconds ? cli_millis() + (uint64_t)r->s->seconds * 1000 : UINT64_MAX;
	while (more && !cli_interrupted) {
		struct pollfd p = {.fd = r->answers, .events = POLLIN};

		now = cli_millis();
		r->late = now >= r->end_ms;
		if (r->late)
			break;
		/* A signal between the test and the wait is soon seen; so is a folder without a tmpfs that fills up. What runs for
		 * days is not woken that often. */
		if (poll(&p, 1, (int)pod_min_u64(r->end_ms - now, r->s->seconds ? 100 : 1000)) > 0)
			more = receive(r);
		else if (r->started && !(r->walls & 1u << WALL_MOUNT))
			r->too_large = folder_bytes(r->folder, false) > r->s->disk_bytes;
		more = more && !r->too_large;
	}
}

/* One sentence. */
static void explain(const struct run *r, int status, struct fault *fault)
{
	const char *who = r->s->who, *about = r->s->about;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0, sig = code > 128 ? code - 128 : 0;
	char size[16];

	if (cli_interrupted)
		fault_set(fault, "%s", _("interrupted"));
	else if (r->failed[0])
		fault_set(fault, _("%s was not started on %s: it cannot be kept apart here (%s): %s"), who, about, r->failed,
			  strerror(r->setup_errno));
	else if (r->late || sig == SIGXCPU)
		fault_set(fault, _("%s took longer than %u seconds on %s: the file is damaged or hostile"), who, r->s->seconds,
			  about);
	else if (r->too_much)
		fault_set(fault, _("%s said too much about %s: the file is damaged or hostile"), who, about);
	else if (r->too_large || sig == SIGXFSZ)
		fault_set(fault, _("%s wrote more than %s on %s: the file is damaged or hostile"), who,
			  pod_format_size(size, r->s->disk_bytes), about);
	else if (r->nonsense)
		fault_set(fault, _("what %s said about %s makes no sense: the file is damaged or hostile"), who, about);
	else if (sig)
		fault_set(fault, _("%s crashed on %s (signal %d): the file is damaged or hostile"), who, about, sig);
	else if (code == CLI_FAILED)
		fault_set(fault, _("%s took more than %s of memory on %s: the file is damaged or hostile"), who,
			  pod_format_size(size, r->s->memory_bytes), about);
	else
		fault_set(fault, _("%s ended in the middle of %s (status %d)"), who, about, code);
}

static bool start(struct run *r, const struct walls_identity *id)
{
	struct sandbox_child *c = cli_xzalloc(sizeof *c);
	pid_t parent = getpid();
	int p[2];

	c->walls = (struct walls){.s = r->s, .id = *id, .folder = r->folder, .mapped_bytes = mapped_bytes()};
	if (pipe2(p, O_CLOEXEC) == 0) {
		c->walls.answers = p[1];
		fflush(NULL);
		r->pid = fork();
		if (r->pid == 0) {
			close(p[0]);
			first_child(c, parent);
		}
		close(p[1]);
		r->answers = p[0];
		if (r->pid > 0)
			setpgid(r->pid, r->pid);
		else
			close(p[0]);
	}
	free(c);
	return r->pid > 0;
}

/* One that has ended by itself tells why; but its end of the pipe can be closed long before. */
static bool ended(struct run *r, int *status)
{
	for (unsigned nap_us = 200; !cli_interrupted && cli_millis() < r->end_ms; nap_us = nap_us < 20000 ? nap_us * 2 : nap_us) {
		pid_t got = waitpid(r->pid, status, WNOHANG);

		if (got == r->pid || (got < 0 && errno != EINTR))
			return true;
		usleep(nap_us);
	}
	r->late = !cli_interrupted;
	return false;
}

/* Done or not, nothing is left running. */
static int finish(struct run *r)
{
	bool over = r->done || r->late || r->too_much || r->too_large || r->nonsense || cli_interrupted;
	int status = 0;
	pid_t got = -1;

	if (over || !ended(r, &status)) {
		kill(-r->pid, SIGKILL);
		kill(r->pid, SIGKILL);
		do
			got = waitpid(r->pid, &status, 0);
		while (got < 0 && errno == EINTR);
	} else {
		kill(-r->pid, SIGKILL);
	}
	close(r->answers);
	free(r->buf);
	return status;
}

static struct sandbox with_defaults(const struct sandbox *s)
{
	struct sandbox all = *s;

	all.memory_bytes = s->memory_bytes ? s->memory_bytes : s->program ? 4ull << 30 : 1ull << 30;
	all.disk_bytes = s->disk_bytes ? s->disk_bytes : 64u << 20;
	all.files_max = s->files_max ? s->files_max : 4096;
	all.answer_bytes = s->answer_bytes ? s->answer_bytes : 64u << 20;
	return all;
}

static enum sandbox_result run(const struct sandbox *given, unsigned *walls, struct fault *fault)
{
	struct sandbox s = with_defaults(given);
	struct walls_identity id = walls_identity();
	struct run r = {.s = &s, .folder = make_folder(&id)};
	int status;

	if (!r.folder) {
		fault_set(fault, "%s", _("no folder for temporary files"));
		return SANDBOX_NOT_STARTED;
	}
	if (start(&r, &id)) {
		listen_to(&r);
		status = finish(&r);
		if (!r.done || cli_interrupted)
			explain(&r, status, fault);
	} else {
		fault_set(fault, _("cannot start %s: %s"), s.who, strerror(errno));
	}
	if (walls)
		*walls = r.walls;
	folder_bytes(r.folder, true);
	free(r.folder);
	return !r.started || cli_interrupted ? SANDBOX_NOT_STARTED : r.done ? SANDBOX_DONE : SANDBOX_BAD;
}

enum sandbox_result sandbox_run(const struct sandbox *s, struct fault *fault)
{
	return run(s, NULL, fault);
}

struct errand {
	const struct cli_args *a;
	int status;
};

static void work_program(struct sandbox_child *c, void *ctx)
{
	const struct errand *e = ctx;
	uint8_t status = (uint8_t)sandbox_exec(c, e->a);

	sandbox_send(c, 1, &status, 1);
}

static bool take_status(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct errand *e = ctx;

	e->status = len == 1 ? data[0] : -1;
	return kind == 1 && len == 1;
}

int sandbox_program(const struct sandbox *given, const struct cli_args *a, struct fault *fault)
{
	struct errand e = {.a = a, .status = -1};
	struct sandbox s = *given;

	s.work = work_program;
	s.take = take_status;
	s.ctx = s.take_ctx = &e;
	return sandbox_run(&s, fault) == SANDBOX_DONE ? e.status : -1;
}

bool sandbox_walls(unsigned *walls, struct fault *fault)
{
	struct sandbox s = {.who = "isopod", .about = "/", .seconds = 10};

	return run(&s, walls, fault) == SANDBOX_DONE;
}

const char *sandbox_wall_name(enum sandbox_wall wall)
{
	static const char *const name[WALL_COUNT] = {"identity", "mounts", "processes", "network",
						     "ipc",	 "uts",	   "landlock",	"seccomp"};

	return name[wall];
}

bool sandbox_can_open(int fd)
{
	struct walls_identity id = walls_identity();
	struct stat st;

	if (!id.change)
		return true;
	if (fstat(fd, &st) != 0)
		return false;
	/* a drive is given a node of its own */
	if (S_ISBLK(st.st_mode) || st.st_uid == id.uid)
		return S_ISBLK(st.st_mode) || (st.st_mode & S_IRUSR);
	return st.st_gid == id.gid ? (st.st_mode & S_IRGRP) != 0 : (st.st_mode & S_IROTH) != 0;
}

bool sandbox_lend(int fd)
{
	struct walls_identity id = walls_identity();

	return !id.change || fchown(fd, id.uid, id.gid) == 0 || errno == EINVAL;
}

bool sandbox_take_back(int fd)
{
	struct walls_identity id = walls_identity();

	return !id.change || fchown(fd, geteuid(), getegid()) == 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox CASE [ARGUMENT]: one call of cli/host/sandbox.h, linked with the command's own objects; the walls are tried from
 * inside.
 *
 *   walls           prints the names of those that stand
 *   try             everything that a function must not be able to do, one line each: "NAME 0" or "NAME errno"
 *   program PATH    the same by a program: this one, started inside as "PATH inside"
 *   inside          what that does
 *   files FILE      FILE is handed over: prints what "in0" holds; and that it cannot be written
 *   fault WHAT [N]  crash, abort, hang, spin, allocate, write, answer, lie, huge, exit, close; count: how much it could write; it may take
 *                   N seconds, else 60
 *
 * Prints records; a fault goes to stderr, and the status is 3.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <netinet/in.h>
#include "cli/host/sandbox.h"

static struct sandbox_child *child; /* NULL: in a program */
static const char *outside;	    /* a folder of the caller's, 0777 */

static void say(const char *name, long result)
{
	char line[128];
	int n = snprintf(line, sizeof line, "%s %d\n", name, result < 0 ? errno : 0);

	if (child)
		sandbox_send(child, 1, line, (size_t)n);
	else
		(void)!write(9, line, (size_t)n);
}

static long create(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static long connect_inet(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(0x7f000001)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&in, sizeof in);
}

static long fork_and_wait(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid;
}

static void try_all(void)
{
	char *path = cli_xasprintf("%s/made", outside), *arguments[] = {(char *)"/bin/true", NULL}, *environment[] = {NULL};
	union bpf_attr bpf = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	char byte;

	say("shadow", open("/etc/shadow", O_RDONLY | O_CLOEXEC));
	say("passwd", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	say("proc", open("/proc/1/environ", O_RDONLY | O_CLOEXEC));
	say("home", open("/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	say("outside", create(path));
	say("tmp", create("/tmp/isopod-sandbox-made"));
	say("usr", create("/usr/made"));
	say("root", create("/made"));
	say("connect", connect_inet());
	say("unix", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	say("netlink", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
	say("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	say("mount", mount("x", ".", "tmpfs", 0, NULL));
	say("unshare", unshare(CLONE_NEWUSER));
	say("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &bpf, sizeof bpf));
	say("keyctl", syscall(SYS_keyctl, 0, -3, 0));
	say("module", syscall(SYS_init_module, "", 0, ""));
	say("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
	say("perf", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	say("userfaultfd", syscall(SYS_userfaultfd, 0));
	say("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
	say("kill", kill(1, 0));
	say("setsid", setsid());
	say("setuid", setuid(0) == 0 && geteuid() == 0 ? 0 : (errno = errno ? errno : EPERM, -1));
	say("parent-death", prctl(PR_SET_PDEATHSIG, 0));
	say("dumpable", prctl(PR_SET_DUMPABLE, 1));
	say("fork", fork_and_wait());
	say("stdin", read(0, &byte, 1) == 0 ? 0 : -1);
	say("own-file", create("mine"));
	say("no-new-privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -1);
	say("not-root", geteuid() != 0 && getgroups(0, NULL) == 0 ? 0 : -1);
	say("environment", !getenv("SECRET") && getenv("LC_ALL") && strcmp(getenv("HOME"), "/nonexistent") == 0 ? 0 : -1);
	if (child)
		say("exec", execve(arguments[0], arguments, environment));
	free(path);
}

static void work_try(struct sandbox_child *c, void *ctx)
{
	(void)ctx;
	child = c;
	try_all();
}

static bool print(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	(void)ctx;
	(void)kind;
	return fwrite(data, 1, len, stdout) == len;
}

static void work_program(struct sandbox_child *c, void *ctx)
{
	struct cli_args a = {0};
	char buf[512];
	ssize_t n;
	int p[2], status;

	/* what the program says comes back through a pipe under number 9 */
	if (pipe(p) != 0 || dup2(p[1], 9) != 9)
		_exit(1);
	cli_args_add(&a, "sandbox");
	cli_args_add(&a, "inside");
	cli_args_add(&a, outside);
	(void)ctx;
	status = sandbox_exec(c, &a);
	close(p[1]);
	close(9);
	while ((n = read(p[0], buf, sizeof buf)) > 0)
		sandbox_send(c, 1, buf, (size_t)n);
	child = c;
	say("program", status ? (errno = status, -1) : 0);
}

static void work_files(struct sandbox_child *c, void *ctx)
{
	char buf[64];
	int fd = open("in0", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf);

	(void)ctx;
	child = c;
	say("read", n);
	if (n > 0)
		sandbox_send(c, 1, buf, (size_t)n);
	say("write", open("in0", O_WRONLY | O_CLOEXEC));
}

/* Until the folder is full: how much went in. */
static uint64_t fill(const char *name)
{
	static char zeros[1 << 16];
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	uint64_t sum = 0;
	ssize_t n;

	while (fd >= 0 && (n = write(fd, zeros, sizeof zeros)) > 0)
		sum += (uint64_t)n;
	if (fd >= 0)
		close(fd);
	return sum;
}

static uint64_t fill_files(unsigned n)
{
	uint64_t sum = 0;

	signal(SIGXFSZ, SIG_IGN);
	for (unsigned i = 0; i < n; i++) {
		char *name = cli_xasprintf("f%u", i);

		sum += fill(name);
		free(name);
	}
	return sum;
}

static void count_files(struct sandbox_child *c)
{
	char line[64];
	unsigned n = 0;

	while (n < 100000) {
		char *name = cli_xasprintf("e%u", n);
		long fd = create(name);

		free(name);
		if (fd < 0)
			break;
		close((int)fd);
		n++;
	}
	sandbox_send(c, 1, line, (size_t)snprintf(line, sizeof line, "files %u\n", n));
	for (unsigned i = 0; i < n; i += 2) {
		char *name = cli_xasprintf("e%u", i);

		unlink(name);
		free(name);
	}
	sandbox_send(c, 1, line, (size_t)snprintf(line, sizeof line, "bytes %llu\n", (unsigned long long)fill_files(3)));
}

static void work_fault(struct sandbox_child *c, void *ctx)
{
	const char *what = ctx;
	volatile int *nowhere = NULL;
	uint32_t lie[2] = {0, 1u << 31};

	if (strcmp(what, "crash") == 0)
		*nowhere = 1;
	else if (strcmp(what, "abort") == 0)
		abort();
	else if (strcmp(what, "hang") == 0)
		for (;;)
			pause();
	else if (strcmp(what, "spin") == 0)
		for (;;)
			*(volatile int *)lie = 0;
	else if (strcmp(what, "allocate") == 0)
		for (;;)
			memset(cli_xmalloc(1 << 20), 1, 1 << 20);
	else if (strcmp(what, "write") == 0)
		for (;;)
			fill_files(1000);
	else if (strcmp(what, "count") == 0)
		count_files(c);
	else if (strcmp(what, "answer") == 0)
		for (;;)
			sandbox_send(c, 1, "x\n", 2);
	else if (strcmp(what, "lie") == 0)
		sandbox_send(c, 0, "w1234", 5);
	else if (strcmp(what, "huge") == 0)
		for (int fd = 3; fd < 100; fd++)
			(void)!write(fd, lie, sizeof lie);
	else if (strcmp(what, "exit") == 0)
		_exit(7);
	else if (strcmp(what, "close") == 0)
		for (int fd = 3;; fd = fd < 100 ? fd + 1 : fd)
			close(fd);
}

static int call(struct sandbox *s)
{
	struct fault fault = {0};
	bool ok;

	s->who = s->who ? s->who : "library";
	s->about = "medium";
	s->seconds = s->seconds ? s->seconds : 20;
	s->take = print;
	ok = sandbox_run(s, &fault) == SANDBOX_DONE;
	fault_print(&fault);
	fault_free(&fault);
	return ok ? 0 : 3;
}

static int print_walls(void)
{
	struct fault fault = {0};
	unsigned walls;

	if (!sandbox_walls(&walls, &fault)) {
		fault_print(&fault);
		return 3;
	}
	for (unsigned i = 0; i < WALL_COUNT; i++)
		if (walls & 1u << i)
			printf("%s\n", sandbox_wall_name((enum sandbox_wall)i));
	return 0;
}

int main(int argc, char **argv)
{
	struct sandbox s = {0};

	if (argc < 2)
		return 2;
	outside = argc > 2 ? argv[2] : "/nonexistent";
	if (strcmp(argv[1], "walls") == 0)
		return print_walls();
	if (strcmp(argv[1], "inside") == 0) {
		try_all();
		return 0;
	}
	if (strcmp(argv[1], "try") == 0) {
		s.work = work_try;
	} else if (strcmp(argv[1], "program") == 0) {
		s.work = work_program;
		s.program = realpath("/proc/self/exe", NULL);
	} else if (strcmp(argv[1], "files") == 0) {
		s.input[0] = open(argv[2], O_RDONLY | O_CLOEXEC);
		s.inputs = 1;
		s.work = work_files;
	} else {
		s.seconds = argc > 3 ? (unsigned)atoi(argv[3]) : 60;
		s.memory_bytes = 256u << 20;
		s.disk_bytes = 8u << 20;
		s.answer_bytes = 1u << 20;
		s.work = work_fault;
		s.ctx = argv[2];
	}
	return call(&s);
}

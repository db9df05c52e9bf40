/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watcher of the shim, whole, in a made-up machine: every system call is answered from the input, time passes only while it
 * waits, and it ends where it would exit. Then what the first process does there for a kernel without an initramfs (linux/root.c), which the
 * file /isopod-shown tells of the disk; it may wait for ever, and ends after GIVE_UP_MS. The input is a tree of files, { path NUL, u16 length, content } each:
 *
 *   /isopod/map, /isopod/sys/..., /isopod/proc/...   as there; a folder is a file with the names in it, each ended by NUL; so is
 * a link with where it leads. /isopod/map gets its checksum repaired MAJOR:MINOR@OFFSET                  bytes of a block device;
 * the rest of it is zeros uevent                              one message of the kernel, in turn ioctl one byte for each ioctl,
 * in turn: 0 done, else the error of that number log                                 the kernel's log
 *
 * What it writes must be one line without control characters (log, console), or whole sectors within the state file that the
 * record names. It must end within GIVE_UP_MS and a bounded number of calls.
 */
#include <setjmp.h>
#include "tests/fuzz/fuzz.h"
#include "core/base/hash.h"
#include "core/base/str.h"
/* The shim is no part of the core's archive; and its state must be made anew for each input. */
#include "linux/watch.c"
#include "linux/report.c"
#include "linux/root.h"

#define FILES_MAX 64u
#define OPEN_MAX  32u
#define CALLS_MAX 400000u
#define EAGAIN_	  11

struct entry {
	const char *path;
	const uint8_t *data;
	size_t len;
};

static struct {
	struct entry file[FILES_MAX];
	unsigned files;
	struct {
		bool used, device, all_read;
		char path[64];
		const struct entry *e;
		size_t at;
	} fd[OPEN_MAX];
	char node[8][2][40]; /* name, "major:minor" */
	unsigned nodes, uevents_told, ioctls, calls;
	uint32_t now_ms;
	bool is_first; /* process */
	const struct pod_ho_record *record;
	jmp_buf end;
} machine;

static void count_call(void)
{
	FUZZ_REQUIRE(++machine.calls < CALLS_MAX);
}

/* The nth file of that name. */
static const struct entry *find(const char *path, unsigned n)
{
	for (unsigned i = 0; i < machine.files; i++)
		if (strcmp(machine.file[i].path, path) == 0 && n-- == 0)
			return &machine.file[i];
	return NULL;
}

/* --- files
 * ---------------------------------------------------------------------------------------------------------------------- */

static const char *node_of(const char *path)
{
	for (unsigned i = 0; i < machine.nodes; i++)
		if (strcmp(machine.node[i][0], path) == 0)
			return machine.node[i][1];
	return NULL;
}

long pod_sys_open(const char *path, int flags)
{
	const char *node = node_of(path);
	const struct entry *e = node ? NULL : find(path, 0);
	unsigned i = 3; /* 0 to 2 are somebody's */

	(void)flags;
	count_call();
	if (!node && !e)
		return -SYS_ENOENT;
	while (i < OPEN_MAX && machine.fd[i].used)
		i++;
	FUZZ_REQUIRE(i < OPEN_MAX); /* nothing is left open */
	memset(&machine.fd[i], 0, sizeof machine.fd[i]);
	machine.fd[i].used = true;
	machine.fd[i].device = node;
	machine.fd[i].e = e;
	snprintf(machine.fd[i].path, sizeof machine.fd[i].path, "%s", node ? node : path);
	return (long)i;
}

static bool is_open(int fd)
{
	return fd >= 0 && fd < (int)OPEN_MAX && machine.fd[fd].used;
}

long pod_sys_close(int fd)
{
	if (is_open(fd))
		machine.fd[fd].used = false;
	return 0;
}

long pod_sys_read(int fd, void *buf, size_t n)
{
	count_call();
	if (fd == 2) { /* the socket of uevents */
		const struct entry *e = find("uevent", machine.uevents_told);
		if (!e)
			return -EAGAIN_;
		machine.uevents_told++;
		n = pod_min_u64(n, e->len);
		memcpy(buf, e->data, n);
		return (long)n;
	}
	FUZZ_REQUIRE(is_open(fd) && machine.fd[fd].e);
	const struct entry *e = machine.fd[fd].e;
	n = pod_min_u64(n, e->len - machine.fd[fd].at);
	memcpy(buf, e->data + machine.fd[fd].at, n);
	machine.fd[fd].at += n;
	return (long)n;
}

long pod_sys_pread(int fd, void *buf, size_t n, uint64_t off)
{
	count_call();
	FUZZ_REQUIRE(is_open(fd) && machine.fd[fd].device && pod_in_range(off, n, INT64_MAX));
	size_t name = strlen(machine.fd[fd].path);
	memset(buf, 0, n);
	for (unsigned i = 0; i < machine.files; i++) {
		const struct entry *e = &machine.file[i];
		if (strncmp(e->path, machine.fd[fd].path, name) != 0 || e->path[name] != '@')
			continue;
		uint64_t at = strtoull(e->path + name + 1, NULL, 10);
		for (size_t k = 0; k < e->len; k++)
			if (at + k >= off && at + k < off + n)
				((uint8_t *)buf)[at + k - off] = e->data[k];
	}
	return (long)n;
}

long pod_sys_pwrite(int fd, const void *buf, size_t n, uint64_t off)
{
	(void)buf;
	count_call();
	FUZZ_REQUIRE(is_open(fd) && machine.fd[fd].device);
	if (strcmp(machine.fd[fd].path, "0:0") == 0) /* a file in memory */
		return (long)n;
	FUZZ_REQUIRE(n % 512 == 0 && off % 512 == machine.record->state_start_bytes % 512);
	FUZZ_REQUIRE(off >= machine.record->state_start_bytes &&
		     pod_in_range(off - machine.record->state_start_bytes, n, machine.record->state_length_bytes));
	return (long)n;
}

long pod_sys_write(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	FUZZ_REQUIRE(is_open(fd) && n && n <= 512);
	if (strcmp(machine.fd[fd].path, "/isopod-shown") == 0) /* the name of a disk */
		return (long)n;
	FUZZ_REQUIRE(p[n - 1] == '\n');
	for (size_t i = 0; i + 1 < n; i++)
		FUZZ_REQUIRE((uint8_t)p[i] >= 0x20 && p[i] != 0x7f);
	return (long)n;
}

/* struct linux_dirent64 as the kernel fills it: all names, or as many whole ones as there is room for. */
long pod_sys_getdents(int fd, void *buf, size_t n)
{
	uint8_t *out = buf;
	size_t put = 0;

	count_call();
	FUZZ_REQUIRE(is_open(fd) && machine.fd[fd].e);
	const struct entry *e = machine.fd[fd].e;
	while (machine.fd[fd].at < e->len) {
		const char *name = (const char *)e->data + machine.fd[fd].at;
		size_t room = e->len - machine.fd[fd].at, len = strnlen(name, room < 255 ? room : 255);
		size_t record = (19 + len + 1 + 7) & ~(size_t)7;
		if (put + record > n)
			break;
		machine.fd[fd].at += len + (len < room);
		if (!len || memchr(name, '/', len))
			continue;
		memset(out + put, 0, record);
		pod_put_le16(out + put + 16, (uint16_t)record);
		memcpy(out + put + 19, name, len);
		put += record;
	}
	return (long)put;
}

long pod_sys_readlink(const char *path, char *buf, size_t n)
{
	const struct entry *e = find(path, 0);

	count_call();
	if (!e)
		return -SYS_ENOENT;
	n = strnlen((const char *)e->data, pod_min_u64(n, e->len));
	memcpy(buf, e->data, n);
	return (long)n;
}

/* What is there, and which root and program PID 1 has: the first byte of the file. */
long pod_sys_stat(const char *path, bool follow, struct pod_sys_stat *st)
{
	const struct entry *e = find(path, 0);

	(void)follow;
	count_call();
	memset(st, 0, sizeof *st);
	if (e && e->len)
		st->ino = e->data[0];
	return e || strcmp(path, "/") == 0 || strcmp(path, POD_PROC_DIR "/1/root") == 0 ? 0 : -SYS_ENOENT;
}

long pod_sys_mknod(const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
	count_call();
	FUZZ_REQUIRE(mode & (SYS_S_IFBLK | SYS_S_IFCHR | SYS_S_IFREG));
	for (unsigned i = 0; i < machine.nodes; i++)
		if (strcmp(machine.node[i][0], path) == 0)
			return -17; /* EEXIST: it was to be unlinked before */
	unsigned i = machine.nodes < 8 ? machine.nodes++ : 7;
	snprintf(machine.node[i][0], sizeof machine.node[i][0], "%s", path);
	snprintf(machine.node[i][1], sizeof machine.node[i][1], "%u:%u", major, minor);
	return 0;
}

long pod_sys_unlink(const char *path, int flags)
{
	(void)flags;
	for (unsigned i = 0; i < machine.nodes; i++)
		if (strcmp(machine.node[i][0], path) == 0)
			memcpy(machine.node[i], machine.node[--machine.nodes], sizeof machine.node[i]);
	return 0;
}

/* --- the rest of the kernel
 * ----------------------------------------------------------------------------------------------------- */

long pod_sys_ioctl(int fd, unsigned long nr, void *arg)
{
	const struct entry *e = find("ioctl", 0);
	uint8_t answer = e && machine.ioctls < e->len ? e->data[machine.ioctls++] : 0;

	count_call();
	FUZZ_REQUIRE(is_open(fd));
	if (nr == 0x1268 /* BLKSSZGET */ && !answer)
		*(int *)arg = 512;
	return answer < 128 ? -(long)answer : answer - 128;
}

long pod_sys_release(char out[65])
{
	memcpy(out, "6.1.0-40-amd64", 15);
	return 0;
}

long pod_sys_finit_module(int fd, uint32_t flags)
{
	(void)fd;
	FUZZ_REQUIRE(flags == 0 || flags == 4);
	return 0;
}

long pod_sys_syslog(int action, char *buf, size_t n)
{
	const struct entry *e = find("log", 0);

	(void)action;
	n = pod_min_u64(n, e ? e->len : 0);
	if (n)
		memcpy(buf, e->data, n);
	return (long)n;
}

uint32_t pod_sys_now_ms(void)
{
	count_call();
	return machine.now_ms;
}

/* Each tick takes ten times as long: there are 600 of them until the watcher gives up. */
static void wait_ms(unsigned ms)
{
	count_call();
	machine.now_ms += ms >= TICK_MS ? 10 * ms : ms ? ms : 1;
	if (machine.is_first && machine.now_ms > GIVE_UP_MS)
		longjmp(machine.end, 1);
}

bool pod_sys_poll_in(int fd, unsigned ms)
{
	wait_ms(ms);
	return fd == 2 && find("uevent", machine.uevents_told);
}

bool pod_sys_poll_in_or_mounts(int fd, int mounts, unsigned ms, bool *changed)
{
	wait_ms(ms);
	*changed = mounts >= 0 && machine.now_ms / 1000 % 3 == 0;
	return fd == 2 && find("uevent", machine.uevents_told);
}

_Noreturn void pod_sys_exit(int code)
{
	(void)code;
	longjmp(machine.end, 1);
}

long pod_sys_uevent_socket(void)
{
	return 2;
}

#pragma clang diagnostic ignored "-Wunused-parameter"
/* NOLINTBEGIN(misc-unused-parameters) */
#define DOES_NOTHING(name, result, ...)                                                                                          \
	long name(__VA_ARGS__)                                                                                                   \
	{                                                                                                                        \
		count_call();                                                                                                    \
		return result;                                                                                                   \
	}
DOES_NOTHING(pod_sys_fdatasync, 0, int fd)
DOES_NOTHING(pod_sys_mkdir, 0, const char *path, uint32_t mode)
DOES_NOTHING(pod_sys_rename, 0, const char *from, const char *to)
DOES_NOTHING(pod_sys_symlink, 0, const char *target, const char *path)
DOES_NOTHING(pod_sys_mount, 0, const char *source, const char *target, const char *type, unsigned long flags, const char *data)
DOES_NOTHING(pod_sys_umount_detach, 0, const char *target)
DOES_NOTHING(pod_sys_unshare_mounts, 0, void)
DOES_NOTHING(pod_sys_fork, -SYS_EBUSY, void)
DOES_NOTHING(pod_sys_exec, -SYS_ENOENT, const char *path, char *const *argv, char *const *envp)
DOES_NOTHING(pod_sys_wait, -SYS_ENOENT, long pid, int *status)
DOES_NOTHING(pod_sys_setsid, 0, void)
DOES_NOTHING(pod_sys_chdir, 0, const char *path)
DOES_NOTHING(pod_sys_chroot, 0, const char *path)
DOES_NOTHING(pod_sys_getpid, 100, void)
DOES_NOTHING(pod_sys_set_name, 0, const char *name)
/* NOLINTEND(misc-unused-parameters) */

bool pod_sys_no_child(void)
{
	count_call();
	return true;
}

/* --- the target
 * ------------------------------------------------------------------------------------------------------------------ */

static void seal_record(uint8_t *p, size_t len)
{
	uint32_t total = len >= POD_HO_HEADER_SIZE ? pod_get_le32(p + 8) : 0;

	if (total < POD_HO_HEADER_SIZE || total > len)
		return;
	memset(p + 12, 0, 4);
	pod_put_le32(p + 12, pod_crc32(0, p, total));
}

static void unpack(uint8_t *p, size_t left)
{
	while (left && machine.files < FILES_MAX) {
		uint8_t *nul = memchr(p, 0, left);
		if (!nul || (size_t)(p + left - nul) < 3)
			return;
		size_t room = (size_t)(p + left - nul) - 3, len = pod_min_u64(pod_get_le16(nul + 1), room);
		machine.file[machine.files++] = (struct entry){(char *)p, nul + 3, len};
		if (strcmp((char *)p, POD_DIR "/map") == 0)
			seal_record(nul + 3, len);
		left -= (size_t)(nul + 3 + len - p);
		p = nul + 3 + len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[] = "init";
	uint8_t *copy = malloc(size ? size : 1);

	FUZZ_REQUIRE(copy);
	memcpy(copy, data, size);
	memset(&machine, 0, sizeof machine);
	unpack(copy, size);
	/* What a new process has. */
	memset(&watch, 0, sizeof watch);
	memset(&scan, 0, sizeof scan);
	memset(record_bytes, 0, sizeof record_bytes);
	rec = (struct recorder){.fd = -1, .guard = -1, .mounts = -1};
	machine.record = &watch.record;
	if (setjmp(machine.end) == 0)
		pod_watch_run(name);
	FUZZ_REQUIRE(machine.now_ms <= 3 * GIVE_UP_MS);
	memset(machine.fd, 0, sizeof machine.fd);
	machine.nodes = machine.calls = 0;
	machine.now_ms = 0;
	machine.is_first = true;
	if (setjmp(machine.end) == 0)
		pod_root_run((char *[]){name, NULL}, (char *[]){NULL});
	free(copy);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls of Linux on x86_64, i386 and aarch64 (numbers: asm/unistd_64.h, asm/unistd_32.h, asm-generic/unistd.h), the entry
 * point, and the four memory functions.
 */
#include "linux/sys.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

#if defined(__x86_64__)
enum {
	NR_READ = 0,
	NR_WRITE = 1,
	NR_CLOSE = 3,
	NR_IOCTL = 16,
	NR_PREAD = 17,
	NR_PWRITE = 18,
	NR_GETPID = 39,
	NR_SOCKET = 41,
	NR_BIND = 49,
	NR_CLONE = 56,
	NR_EXECVE = 59,
	NR_WAIT4 = 61,
	NR_UNAME = 63,
	NR_FDATASYNC = 75,
	NR_CHDIR = 80,
	NR_SYSLOG = 103,
	NR_SETSID = 112,
	NR_PRCTL = 157,
	NR_CHROOT = 161,
	NR_MOUNT = 165,
	NR_UMOUNT2 = 166,
	NR_GETDENTS64 = 217,
	NR_CLOCK_GETTIME = 228,
	NR_EXIT_GROUP = 231,
	NR_OPENAT = 257,
	NR_MKDIRAT = 258,
	NR_MKNODAT = 259,
	NR_FSTATAT = 262,
	NR_UNLINKAT = 263,
	NR_RENAMEAT = 264,
	NR_SYMLINKAT = 266,
	NR_READLINKAT = 267,
	NR_PPOLL = 271,
	NR_UNSHARE = 272,
	NR_FINIT_MODULE = 313,
};
/* struct stat */
enum { ST_DEV = 0, ST_INO = 8, ST_MODE = 24, ST_RDEV = 40, ST_SIZE = 48, ST_BYTES = 144 };

static long call6(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

__asm__(".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xorl %ebp, %ebp\n"
	"	movq %rsp, %rdi\n"
	"	andq $-16, %rsp\n"
	"	call pod_shim_main\n"
	"	ud2\n");

#elif defined(__i386__)
enum {
	NR_READ = 3,
	NR_WRITE = 4,
	NR_CLOSE = 6,
	NR_EXECVE = 11,
	NR_CHDIR = 12,
	NR_GETPID = 20,
	NR_MOUNT = 21,
	NR_UMOUNT2 = 52,
	NR_IOCTL = 54,
	NR_CHROOT = 61,
	NR_SETSID = 66,
	NR_SOCKETCALL = 102,
	NR_SYSLOG = 103,
	NR_WAIT4 = 114,
	NR_CLONE = 120,
	NR_UNAME = 122,
	NR_FDATASYNC = 148,
	NR_PRCTL = 172,
	NR_PREAD = 180,
	NR_PWRITE = 181,
	NR_GETDENTS64 = 220,
	NR_EXIT_GROUP = 252,
	NR_CLOCK_GETTIME = 265,
	NR_OPENAT = 295,
	NR_MKDIRAT = 296,
	NR_MKNODAT = 297,
	NR_FSTATAT = 300,
	NR_UNLINKAT = 301,
	NR_RENAMEAT = 302,
	NR_SYMLINKAT = 304,
	NR_READLINKAT = 305,
	NR_PPOLL = 309,
	NR_UNSHARE = 310,
	NR_FINIT_MODULE = 350,
};
/* struct stat64 */
enum { ST_DEV = 0, ST_INO = 88, ST_MODE = 16, ST_RDEV = 32, ST_SIZE = 44, ST_BYTES = 96 };

/* Five arguments suffice: the sixth would need %ebp. */
static long call6(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	(void)f;
	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return ret;
}

__asm__(".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xorl %ebp, %ebp\n"
	"	movl %esp, %eax\n"
	"	andl $-16, %esp\n"
	"	subl $12, %esp\n"
	"	pushl %eax\n"
	"	call pod_shim_main\n"
	"	ud2\n");

#elif defined(__aarch64__)
enum {
	NR_IOCTL = 29,
	NR_MKNODAT = 33,
	NR_MKDIRAT = 34,
	NR_UNLINKAT = 35,
	NR_SYMLINKAT = 36,
	NR_RENAMEAT = 38,
	NR_UMOUNT2 = 39,
	NR_MOUNT = 40,
	NR_CHDIR = 49,
	NR_CHROOT = 51,
	NR_OPENAT = 56,
	NR_CLOSE = 57,
	NR_GETDENTS64 = 61,
	NR_READ = 63,
	NR_WRITE = 64,
	NR_PREAD = 67,
	NR_PWRITE = 68,
	NR_PPOLL = 73,
	NR_READLINKAT = 78,
	NR_FSTATAT = 79,
	NR_FDATASYNC = 83,
	NR_EXIT_GROUP = 94,
	NR_UNSHARE = 97,
	NR_CLOCK_GETTIME = 113,
	NR_SYSLOG = 116,
	NR_SETSID = 157,
	NR_UNAME = 160,
	NR_PRCTL = 167,
	NR_GETPID = 172,
	NR_SOCKET = 198,
	NR_BIND = 200,
	NR_CLONE = 220,
	NR_EXECVE = 221,
	NR_WAIT4 = 260,
	NR_FINIT_MODULE = 273,
};
/* struct stat */
enum { ST_DEV = 0, ST_INO = 8, ST_MODE = 16, ST_RDEV = 32, ST_SIZE = 48, ST_BYTES = 128 };

static long call6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
	return x0;
}

__asm__(".globl _start\n"
	".type _start, %function\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	and x1, x0, #-16\n"
	"	mov sp, x1\n"
	"	bl pod_shim_main\n"
	"	brk #0\n");
#else
#error "the shim does not know this architecture"
#endif

#define AT_FDCWD	       (-100)
#define AT_SYMLINK_NOFOLLOW    0x100
#define MNT_DETACH	       2
#define WNOHANG		       1
#define CLONE_NEWNS	       0x00020000
#define SIGCHLD		       17
#define PR_SET_NAME	       15
#define AF_NETLINK	       16
#define SOCK_DGRAM	       2
#define NETLINK_KOBJECT_UEVENT 15
#define CLOCK_MONOTONIC	       1
#define POLLIN		       1
#define POLLPRI		       2

static long call0(long nr)
{
	return call6(nr, 0, 0, 0, 0, 0, 0);
}

static long call3(long nr, long a, long b, long c)
{
	return call6(nr, a, b, c, 0, 0, 0);
}

long pod_sys_open(const char *path, int flags)
{
	return call6(NR_OPENAT, AT_FDCWD, (long)path, flags | SYS_O_CLOEXEC, 0, 0, 0);
}

long pod_sys_close(int fd)
{
	return call3(NR_CLOSE, fd, 0, 0);
}

long pod_sys_read(int fd, void *buf, size_t n)
{
	return call3(NR_READ, fd, (long)buf, (long)n);
}

long pod_sys_write(int fd, const void *buf, size_t n)
{
	return call3(NR_WRITE, fd, (long)buf, (long)n);
}

long pod_sys_pread(int fd, void *buf, size_t n, uint64_t off)
{
	if (sizeof(long) == 8)
		return call6(NR_PREAD, fd, (long)buf, (long)n, (long)off, 0, 0);
	return call6(NR_PREAD, fd, (long)buf, (long)n, (long)(uint32_t)off, (long)(uint32_t)(off >> 32), 0);
}

long pod_sys_pwrite(int fd, const void *buf, size_t n, uint64_t off)
{
	if (sizeof(long) == 8)
		return call6(NR_PWRITE, fd, (long)buf, (long)n, (long)off, 0, 0);
	return call6(NR_PWRITE, fd, (long)buf, (long)n, (long)(uint32_t)off, (long)(uint32_t)(off >> 32), 0);
}

long pod_sys_fdatasync(int fd)
{
	return call3(NR_FDATASYNC, fd, 0, 0);
}

long pod_sys_syslog(int action, char *buf, size_t n)
{
	return call3(NR_SYSLOG, action, (long)buf, (long)n);
}

long pod_sys_ioctl(int fd, unsigned long nr, void *arg)
{
	return call3(NR_IOCTL, fd, (long)nr, (long)arg);
}

long pod_sys_getdents(int fd, void *buf, size_t n)
{
	return call3(NR_GETDENTS64, fd, (long)buf, (long)n);
}

long pod_sys_stat(const char *path, bool follow, struct pod_sys_stat *st)
{
	uint8_t b[ST_BYTES + 64] __attribute__((aligned(8))) = {0};
	long ret = call6(NR_FSTATAT, AT_FDCWD, (long)path, (long)b, follow ? 0 : AT_SYMLINK_NOFOLLOW, 0, 0);
	if (ret < 0)
		return ret;
	st->dev = pod_get_le64(b + ST_DEV);
	st->ino = pod_get_le64(b + ST_INO);
	st->mode = pod_get_le32(b + ST_MODE);
	st->rdev = pod_get_le64(b + ST_RDEV);
	st->size_bytes = pod_get_le64(b + ST_SIZE);
	return 0;
}

long pod_sys_mkdir(const char *path, uint32_t mode)
{
	return call3(NR_MKDIRAT, AT_FDCWD, (long)path, (long)mode);
}

long pod_sys_mknod(const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
	/* The kernel's user-space encoding of a device number. */
	uint32_t dev = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
	return call6(NR_MKNODAT, AT_FDCWD, (long)path, (long)mode, (long)dev, 0, 0);
}

long pod_sys_unlink(const char *path, int flags)
{
	return call3(NR_UNLINKAT, AT_FDCWD, (long)path, flags);
}

long pod_sys_rename(const char *from, const char *to)
{
	return call6(NR_RENAMEAT, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0, 0);
}

long pod_sys_symlink(const char *target, const char *path)
{
	return call3(NR_SYMLINKAT, (long)target, AT_FDCWD, (long)path);
}

long pod_sys_readlink(const char *path, char *buf, size_t n)
{
	return call6(NR_READLINKAT, AT_FDCWD, (long)path, (long)buf, (long)n, 0, 0);
}

long pod_sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	return call6(NR_MOUNT, (long)source, (long)target, (long)type, (long)flags, (long)data, 0);
}

long pod_sys_umount_detach(const char *target)
{
	return call3(NR_UMOUNT2, (long)target, MNT_DETACH, 0);
}

long pod_sys_unshare_mounts(void)
{
	return call3(NR_UNSHARE, CLONE_NEWNS, 0, 0);
}

long pod_sys_fork(void)
{
	return call6(NR_CLONE, SIGCHLD, 0, 0, 0, 0, 0);
}

long pod_sys_exec(const char *path, char *const *argv, char *const *envp)
{
	return call3(NR_EXECVE, (long)path, (long)argv, (long)envp);
}

long pod_sys_wait(long pid, int *status)
{
	return call6(NR_WAIT4, pid, (long)status, 0, 0, 0, 0);
}

bool pod_sys_no_child(void)
{
	return call6(NR_WAIT4, -1, 0, WNOHANG, 0, 0, 0) != 0;
}

long pod_sys_chdir(const char *path)
{
	return call3(NR_CHDIR, (long)path, 0, 0);
}

long pod_sys_chroot(const char *path)
{
	return call3(NR_CHROOT, (long)path, 0, 0);
}

long pod_sys_finit_module(int fd, uint32_t flags)
{
	return call3(NR_FINIT_MODULE, fd, (long)"", (long)flags);
}

long pod_sys_release(char out[65])
{
	char name[6][65]; /* struct new_utsname: system, node, release, version, machine, domain */
	long ret = call3(NR_UNAME, (long)name, 0, 0);
	if (ret >= 0)
		memcpy(out, name[2], 65);
	return ret;
}

long pod_sys_setsid(void)
{
	return call0(NR_SETSID);
}

long pod_sys_getpid(void)
{
	return call0(NR_GETPID);
}

long pod_sys_set_name(const char *name)
{
	return call3(NR_PRCTL, PR_SET_NAME, (long)name, 0);
}

static long socket_call(long which, long a, long b, long c)
{
#if defined(__i386__)
	/* Kernels before 4.3 have no calls of their own for sockets here. */
	long args[3] = {a, b, c};
	return call3(NR_SOCKETCALL, which, (long)args, 0);
#else
	return call3(which == 1 ? NR_SOCKET : NR_BIND, a, b, c);
#endif
}

long pod_sys_uevent_socket(void)
{
	/* struct sockaddr_nl: family, padding, port id (0: any), groups (1: the kernel's events) */
	uint8_t addr[12] = {AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
	long fd = socket_call(1, AF_NETLINK, SOCK_DGRAM | SYS_O_CLOEXEC | SYS_O_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return fd;
	long ret = socket_call(2, fd, (long)addr, sizeof addr);
	if (ret < 0) {
		pod_sys_close((int)fd);
		return ret;
	}
	return fd;
}

bool pod_sys_poll_in_or_mounts(int fd, int mounts, unsigned ms, bool *changed)
{
	struct {
		int fd;
		short events, revents;
	} p[2] = {{fd, POLLIN, 0}, {mounts, POLLPRI, 0}};
	long time[2] = {(long)(ms / 1000), (long)(ms % 1000 * 1000000)};
	long n = call6(NR_PPOLL, (long)p, 2, (long)time, 0, 8, 0);
	*changed = n > 0 && p[1].revents != 0;
	return n > 0 && (p[0].revents & POLLIN) != 0;
}

bool pod_sys_poll_in(int fd, unsigned ms)
{
	bool changed;
	return pod_sys_poll_in_or_mounts(fd, -1, ms, &changed);
}

uint32_t pod_sys_now_ms(void)
{
	long time[2] = {0, 0};
	call3(NR_CLOCK_GETTIME, CLOCK_MONOTONIC, (long)time, 0);
	return (uint32_t)time[0] * 1000u + (uint32_t)time[1] / 1000000u;
}

_Noreturn void pod_sys_exit(int code)
{
	for (;;)
		call3(NR_EXIT_GROUP, code, 0, 0);
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	while (n--)
		*d++ = *s++;
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	if (d < s)
		while (n--)
			*d++ = *s++;
	else
		while (n--)
			d[n] = s[n];
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;
	while (n--)
		*d++ = (uint8_t)c;
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;
	for (; n--; p++, q++)
		if (*p != *q)
			return *p < *q ? -1 : 1;
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls that the child of sandbox.c may make. Not on the list, and so denied: sockets and everything that connects or
 * listens, ptrace and the memory of other processes, mounts and namespaces, bpf, perf, io_uring, userfaultfd, keys, modules,
 * kexec, reboot, clocks, swap, quotas, handles of files (open_by_handle_at), device nodes, owners and modes of others' files, and
 * whatever future kernels think of. Denied calls fail with EPERM; those for which libc has an older way, and those that are newer
 * than this list, with ENOSYS. A program of another architecture (or x32) is killed.
 *
 * struct seccomp_data: +0 4 nr  +4 4 arch  +8 8 instruction pointer  +16 6x8 arguments (Linux, seccomp(2), bpf(4) "classic").
 */
#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>
#include "cli/host/walls.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef OUR_ARCH

static const unsigned allowed[] = {
	/* files: which of them is a matter of identity, mounts and Landlock */
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_preadv,
	SYS_pwritev,
	SYS_preadv2,
	SYS_pwritev2,
	SYS_lseek,
	SYS_openat,
	SYS_close,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_statfs,
	SYS_fstatfs,
	SYS_getdents64,
	SYS_readlinkat,
	SYS_faccessat,
	SYS_getcwd,
	SYS_chdir,
	SYS_fchdir,
	SYS_mkdirat,
	SYS_unlinkat,
	SYS_renameat,
	SYS_renameat2,
	SYS_linkat,
	SYS_symlinkat,
	SYS_ftruncate,
	SYS_truncate,
	SYS_fallocate,
	SYS_fsync,
	SYS_fdatasync,
	SYS_sync_file_range,
	SYS_fadvise64,
	SYS_readahead,
	SYS_copy_file_range,
	SYS_sendfile,
	SYS_splice,
	SYS_flock,
	SYS_umask,
	SYS_utimensat,
	SYS_fchmod,
	SYS_fchmodat,
	SYS_fchown,
	SYS_fchownat,
	SYS_memfd_create,
	SYS_dup,
	SYS_dup3,
	SYS_fcntl,
	SYS_pipe2,
	SYS_setxattr,
	SYS_lsetxattr,
	SYS_fsetxattr,
	SYS_getxattr,
	SYS_lgetxattr,
	SYS_fgetxattr,
	SYS_listxattr,
	SYS_llistxattr,
	SYS_flistxattr,
	/* a socket that was handed over */
	SYS_sendto,
	SYS_recvfrom,
	SYS_sendmsg,
	SYS_recvmsg,
	SYS_shutdown,
	SYS_getsockopt,
	SYS_setsockopt,
	SYS_getsockname,
	SYS_getpeername,
	/* memory */
	SYS_mmap,
	SYS_munmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_madvise,
	SYS_brk,
	SYS_msync,
	SYS_mincore,
	SYS_membarrier,
	/* threads, waiting, time */
	SYS_futex,
	SYS_set_robust_list,
	SYS_get_robust_list,
	SYS_set_tid_address,
	SYS_rseq,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_sched_setaffinity,
	SYS_sched_getparam,
	SYS_sched_getscheduler,
	SYS_getcpu,
	SYS_ppoll,
	SYS_pselect6,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_eventfd2,
	SYS_signalfd4,
	SYS_timerfd_create,
	SYS_timerfd_settime,
	SYS_timerfd_gettime,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_gettimeofday,
	SYS_times,
	SYS_timer_create,
	SYS_timer_settime,
	SYS_timer_gettime,
	SYS_timer_delete,
	SYS_getitimer,
	SYS_setitimer,
	/* itself */
	SYS_exit,
	SYS_exit_group,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_rt_sigpending,
	SYS_rt_sigtimedwait,
	SYS_rt_sigsuspend,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_tgkill,
	SYS_tkill,
	SYS_getpid,
	SYS_gettid,
	SYS_getppid,
	SYS_getpgid,
	SYS_getsid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_getresuid,
	SYS_getresgid,
	SYS_getgroups,
	SYS_getrlimit,
	SYS_prlimit64,
	SYS_getrusage,
	SYS_sysinfo,
	SYS_uname,
	SYS_getrandom,
	SYS_capget,
	SYS_getpriority,
	SYS_wait4,
	SYS_waitid,
#ifdef __x86_64__
	SYS_open,
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
	SYS_mkdir,
	SYS_rmdir,
	SYS_unlink,
	SYS_rename,
	SYS_link,
	SYS_symlink,
	SYS_creat,
	SYS_chmod,
	SYS_chown,
	SYS_lchown,
	SYS_getdents,
	SYS_dup2,
	SYS_pipe,
	SYS_poll,
	SYS_select,
	SYS_epoll_wait,
	SYS_epoll_create,
	SYS_eventfd,
	SYS_utimes,
	SYS_utime,
	SYS_futimesat,
	SYS_time,
	SYS_alarm,
	SYS_pause,
	SYS_getpgrp,
	SYS_arch_prctl,
#endif
};

/* libc asks for these first, and has another way. */
static const unsigned absent[] = {
	SYS_clone3,
#ifdef SYS_faccessat2
	SYS_faccessat2,
#endif
#ifdef SYS_openat2
	SYS_openat2,
#endif
#ifdef SYS_close_range
	SYS_close_range,
#endif
};

#define NEW_NAMESPACES                                                                                                           \
	(CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | 0x80u)

enum { FILTER_MAX = 2 * POD_ARRAY_LEN(allowed) + 2 * POD_ARRAY_LEN(absent) + 64 };

struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short n;
};

static void add(struct filter *f, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	f->code[f->n++] = (struct sock_filter){code, yes, no, k};
}

static void load(struct filter *f, size_t offset)
{
	add(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void load_nr(struct filter *f)
{
	load(f, offsetof(struct seccomp_data, nr));
}

/* The low half of an argument: both architectures are little-endian. */
static void load_argument(struct filter *f, unsigned i)
{
	load(f, offsetof(struct seccomp_data, args) + 8u * i);
}

static void end(struct filter *f, uint32_t verdict)
{
	add(f, BPF_RET | BPF_K, verdict, 0, 0);
}

/* This call has this verdict; all others go on. The number is loaded. */
static void verdict(struct filter *f, unsigned nr, uint32_t v)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1);
	end(f, v);
}

#define DENY (SECCOMP_RET_ERRNO | EPERM)

/* Threads; processes only where programs are started; namespaces never. */
static void add_clone(struct filter *f, bool processes)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, processes ? 4 : 6);
	load_argument(f, 0);
	add(f, BPF_JMP | BPF_JSET | BPF_K, (uint32_t)NEW_NAMESPACES, 0, 1);
	end(f, DENY);
	if (!processes) {
		add(f, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0);
		end(f, DENY);
	}
	end(f, SECCOMP_RET_ALLOW);
}

/* Of the calls with one number for many things: is argument `i` one of `v`? */
static void add_choice(struct filter *f, unsigned nr, unsigned i, const uint32_t *v, uint8_t n)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, (uint8_t)(2u + 2u * n));
	load_argument(f, i);
	for (uint8_t k = 0; k < n; k++)
		verdict(f, v[k], SECCOMP_RET_ALLOW);
	end(f, DENY);
}

static void build(struct filter *f, enum walls_filter kind)
{
	/* the last two are what is left to do before a program starts */
	static const uint32_t prctls[] = {PR_SET_NAME,	   PR_GET_NAME,	     PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS,
					  PR_CAPBSET_READ, PR_SET_PDEATHSIG, PR_SET_SECCOMP};
	/* Is it a terminal, how much is there, how large is the drive: nothing that changes anything. */
	static const uint32_t ioctls[] = {TCGETS, TIOCGWINSZ, FIONREAD, 0x80081272 /* BLKGETSIZE64 */, 0x1268 /* BLKSSZGET */,
					  0x1260 /* BLKGETSIZE */};

	load(f, offsetof(struct seccomp_data, arch));
	add(f, BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0);
	end(f, SECCOMP_RET_KILL_PROCESS);
	load_nr(f);
#ifdef __x86_64__
	add(f, BPF_JMP | BPF_JGE | BPF_K, 0x40000000 /* x32 */, 0, 1);
	end(f, SECCOMP_RET_KILL_PROCESS);
#endif
	for (size_t i = 0; i < POD_ARRAY_LEN(allowed); i++)
		verdict(f, allowed[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < POD_ARRAY_LEN(absent); i++)
		verdict(f, absent[i], SECCOMP_RET_ERRNO | ENOSYS);
	verdict(f, SYS_execve, kind != FILTER_FUNCTION ? SECCOMP_RET_ALLOW : DENY);
#ifdef __x86_64__
	verdict(f, SYS_fork, kind == FILTER_START ? SECCOMP_RET_ALLOW : DENY);
	verdict(f, SYS_vfork, kind == FILTER_START ? SECCOMP_RET_ALLOW : DENY);
#endif
	add_clone(f, kind == FILTER_START);
	/* each of them ends with a verdict, so the number is still loaded where it is compared next */
	add_choice(f, SYS_prctl, 0, prctls, POD_ARRAY_LEN(prctls) - (kind == FILTER_START ? 0 : 2));
	add_choice(f, SYS_ioctl, 1, ioctls, POD_ARRAY_LEN(ioctls));
	/* numbers are the same on all architectures from 424 on; 450 is the last that this list has weighed */
	add(f, BPF_JMP | BPF_JGT | BPF_K, 450, 0, 1);
	end(f, SECCOMP_RET_ERRNO | ENOSYS);
	end(f, DENY);
}

bool walls_filter(enum walls_filter kind)
{
	struct filter *f = cli_xzalloc(sizeof *f);
	struct sock_fprog prog = {.filter = f->code};

	int err;

	build(f, kind);
	prog.len = f->n;
	err = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
	free(f);
	return err == 0;
}

#else

bool walls_filter(enum walls_filter kind)
{
	(void)kind;
	errno = ENOSYS;
	return false;
}

#endif

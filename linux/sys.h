/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few system calls the shim makes, without a libc. Each returns what the kernel returns: a value >= 0, or -errno. Only calls
 * that all three architectures have (hence the ...at forms).
 */
#ifndef POD_LINUX_SYS_H
#define POD_LINUX_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

enum {
	SYS_ENOENT = 2,
	SYS_ENXIO = 6,
	SYS_EBUSY = 16,
	SYS_ENODEV = 19,
	SYS_EINVAL = 22,
};

/* of the open flags that differ between architectures only this one is used */
#if defined(__aarch64__)
#define SYS_O_DIRECT 0200000
#else
#define SYS_O_DIRECT 040000
#endif
#define SYS_O_RDONLY	 0
#define SYS_O_WRONLY	 1
#define SYS_O_RDWR	 2
#define SYS_O_NONBLOCK	 04000
#define SYS_O_CLOEXEC	 02000000
#define SYS_S_IFCHR	 0020000
#define SYS_S_IFBLK	 0060000
#define SYS_S_IFDIR	 0040000
#define SYS_S_IFREG	 0100000
#define SYS_S_IFLNK	 0120000
#define SYS_S_IFMT	 0170000
#define SYS_AT_REMOVEDIR 0x200

struct pod_sys_stat {
	uint64_t dev, ino, size_bytes;
	uint64_t rdev; /* of a node: see pod_split_dev */
	uint32_t mode;
};

long pod_sys_open(const char *path, int flags);
long pod_sys_close(int fd);
long pod_sys_read(int fd, void *buf, size_t n);
long pod_sys_write(int fd, const void *buf, size_t n);
long pod_sys_pread(int fd, void *buf, size_t n, uint64_t off);
long pod_sys_pwrite(int fd, const void *buf, size_t n, uint64_t off);
long pod_sys_fdatasync(int fd);
/* syslog(2), the kernel's log. */
long pod_sys_syslog(int action, char *buf, size_t n);
long pod_sys_ioctl(int fd, unsigned long nr, void *arg);
long pod_sys_getdents(int fd, void *buf, size_t n);
/* Does not follow a symbolic link at the end; with `follow`, it does. */
long pod_sys_stat(const char *path, bool follow, struct pod_sys_stat *st);
long pod_sys_mkdir(const char *path, uint32_t mode);
long pod_sys_mknod(const char *path, uint32_t mode, uint32_t major, uint32_t minor);
long pod_sys_unlink(const char *path, int flags);
long pod_sys_rename(const char *from, const char *to);
long pod_sys_symlink(const char *target, const char *path);
/* Not terminated, as the kernel does it. */
long pod_sys_readlink(const char *path, char *buf, size_t n);
long pod_sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
long pod_sys_umount_detach(const char *target);
long pod_sys_unshare_mounts(void);
long pod_sys_fork(void);
long pod_sys_exec(const char *path, char *const *argv, char *const *envp);
/* Waits for one child; returns its pid and *status. */
long pod_sys_wait(long pid, int *status);
/* Has a child ended, or is there none? Does not wait; a child that ended is gone then. */
bool pod_sys_no_child(void);
long pod_sys_chdir(const char *path);
long pod_sys_chroot(const char *path);
/* Loads the module in a file. */
long pod_sys_finit_module(int fd, uint32_t flags);
/* The kernel's release, "6.1.0-9-amd64". */
long pod_sys_release(char out[65]);
long pod_sys_setsid(void);
long pod_sys_getpid(void);
long pod_sys_set_name(const char *name);
/* A bound NETLINK_KOBJECT_UEVENT socket that hears the kernel's own events. */
long pod_sys_uevent_socket(void);
/* True if `fd` (or nothing, if negative) became readable within `ms`. */
bool pod_sys_poll_in(int fd, unsigned ms);
/* The same; also ends when the mounts that `mounts`, an open mountinfo, tells of have changed (proc(5)); then *changed. */
bool pod_sys_poll_in_or_mounts(int fd, int mounts, unsigned ms, bool *changed);
/* Milliseconds since some fixed time; wraps after 49 days. */
uint32_t pod_sys_now_ms(void);
_Noreturn void pod_sys_exit(int code);

#endif

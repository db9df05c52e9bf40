/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walls of sandbox.c's child, in the order in which they can be put up: namespaces while there are capabilities, then a root
 * of its own, then another identity, then what cannot be taken back (no_new_privs, Landlock, the filter).
 *
 * The new root is a tmpfs on the child's folder, read-only, with WORK, the tmpfs that it may write to. A function sees nothing
 * else; a program sees /usr and what goes with it, and /dev/null. There is no /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cli/host/walls.h"

#define NOBODY 65534u

/* --- identity ------------------------------------------------------------------------------------------------------------- */

struct walls_identity walls_identity(void)
{
	const char *user = getenv("SUDO_UID"), *group = getenv("SUDO_GID");
	uint64_t uid = 0, gid = 0;

	if (geteuid() != 0)
		return (struct walls_identity){geteuid(), getegid(), false};
	if (!user || !group || !cli_parse_uint(user, INT_MAX, &uid) || !cli_parse_uint(group, INT_MAX, &gid) || !uid || !gid)
		uid = gid = NOBODY;
	return (struct walls_identity){(uid_t)uid, (gid_t)gid, true};
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, none) == 0;
}

/* EINVAL: an id that is not mapped here. This is then "root" in a user namespace, and outside of it the user who made that. */
static bool take_identity(struct walls *w)
{
	bool taken = true;

	/* the bounding set needs a capability, so it goes while there is one; the rest with the identity, or behind it */
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (w->id.change) {
		taken = setresgid(w->id.gid, w->id.gid, w->id.gid) == 0 && setgroups(0, NULL) == 0 &&
			setresuid(w->id.uid, w->id.uid, w->id.uid) == 0;
		if (!taken && errno != EINVAL)
			return false;
	}
	if (taken)
		w->standing |= 1u << WALL_IDENTITY;
	return drop_capabilities();
}

/* --- namespaces ------------------------------------------------------------------------------------------------------------ */

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Ourselves, under the same numbers. */
static void map_user(uid_t uid, gid_t gid)
{
	char *u = cli_xasprintf("%u %u 1", (unsigned)uid, (unsigned)uid),
	     *g = cli_xasprintf("%u %u 1", (unsigned)gid, (unsigned)gid);

	(void)write_text("/proc/self/uid_map", u);
	(void)write_text("/proc/self/setgroups", "deny");
	(void)write_text("/proc/self/gid_map", g);
	free(u);
	free(g);
}

void walls_unshare(struct walls *w)
{
	static const struct {
		int flag;
		enum sandbox_wall wall;
	} space[] = {{CLONE_NEWNS, WALL_MOUNT},
		     {CLONE_NEWNET, WALL_NETWORK},
		     {CLONE_NEWIPC, WALL_IPC},
		     {CLONE_NEWUTS, WALL_UTS},
		     {CLONE_NEWPID, WALL_PID}};
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (!w->id.change && unshare(CLONE_NEWUSER) == 0)
		map_user(uid, gid);
	for (size_t i = 0; i < POD_ARRAY_LEN(space); i++)
		if (unshare(space[i].flag) == 0)
			w->standing |= 1u << space[i].wall;
}

/* --- a root of its own ------------------------------------------------------------------------------------------------------ */

/* Where the old root is while the new one is made; the folder to work in. No program lies there. */
#define OLD  "/old"
#define WORK "/isopod-work"

/* Read-only, with all that is mounted below; kernels before 5.12 know how to do that for one mount only. */
static bool read_only(const char *path)
{
#ifdef SYS_mount_setattr
	/* struct mount_attr: +0 8 set  +8 8 clear  +16 8 propagation  +24 8 user namespace (Linux 5.12) */
	uint64_t attr[4] = {0x1 | 0x2 /* MOUNT_ATTR_RDONLY, _NOSUID */, 0, 0, 0};

	if (syscall(SYS_mount_setattr, -1, path, 0x8000 /* AT_RECURSIVE */, attr, sizeof attr) == 0)
		return true;
#endif
	return mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL) == 0;
}

static bool bind(const char *from, const char *to, bool writable)
{
	return mount(from, to, NULL, MS_BIND | MS_REC, NULL) == 0 && (writable || read_only(to));
}

static void make_parents(const char *path)
{
	char *copy = cli_xstrdup(path);

	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(copy, 0755);
		*slash = '/';
	}
	free(copy);
}

static char *link_target(const char *link)
{
	char *target = cli_xzalloc(PATH_MAX);

	if (readlink(link, target, PATH_MAX - 1) < 0)
		target[0] = '\0';
	return target;
}

/* What lies at this path of the old root comes to the same one of the new: a folder or file that is there, or a link. */
static bool show(const char *path)
{
	char *from = cli_xasprintf(OLD "%s", path);
	struct stat st;
	bool ok = true;

	if (lstat(from, &st) != 0 || access(path, F_OK) == 0) {
		free(from);
		return true;
	}
	make_parents(path);
	if (S_ISLNK(st.st_mode)) {
		char *target = link_target(from);

		ok = *target && symlink(target, path) == 0;
		free(target);
	} else if (S_ISDIR(st.st_mode)) {
		ok = mkdir(path, 0755) == 0 && bind(from, path, false);
	} else {
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		ok = fd >= 0 && bind(from, path, S_ISCHR(st.st_mode));
		if (fd >= 0)
			close(fd);
	}
	free(from);
	return ok;
}

static bool show_programs(const char *program)
{
	static const char *const paths[] = {"/usr",
					    "/bin",
					    "/sbin",
					    "/lib",
					    "/lib32",
					    "/lib64",
					    "/libx32",
					    "/etc/ld.so.cache",
					    "/etc/alternatives",
					    "/nix",
					    "/gnu",
					    "/dev/null",
					    "/dev/urandom"};
	char *folder = cli_xstrdup(program), *slash = strrchr(folder, '/');
	bool ok = true;

	for (size_t i = 0; i < POD_ARRAY_LEN(paths) && ok; i++)
		ok = show(paths[i]);
	/* one that lies elsewhere is there with its folder */
	if (slash && slash != folder && access(program, F_OK) != 0) {
		*slash = '\0';
		ok = ok && show(folder);
	}
	free(folder);
	return ok;
}

/* The file of an open descriptor under the name "in0"; `path` was its path, and is checked. A drive gets a node of its own, which
 * the child may open whoever the other one belongs to. */
static bool show_input(const struct walls *w, unsigned i, const char *path)
{
	char *to = cli_xasprintf(WORK "/in%u", i), *from = cli_xasprintf(OLD "%s", path);
	int flags = fcntl(w->s->input[i], F_GETFL), fd = -1;
	bool ok = false, writable = (flags & O_ACCMODE) != O_RDONLY;
	struct stat a, b;

	if (fstat(w->s->input[i], &a) == 0 && S_ISBLK(a.st_mode) && w->id.change)
		ok = mknod(to, S_IFBLK | (writable ? 0600 : 0400), a.st_rdev) == 0 && chown(to, w->id.uid, w->id.gid) == 0;
	else if (stat(from, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		ok = (fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) >= 0 && bind(from, to, writable);
	if (fd >= 0)
		close(fd);
	free(to);
	free(from);
	return ok;
}

static char *path_of(int fd)
{
	char *link = cli_xasprintf("/proc/self/fd/%d", fd), *path = link_target(link);

	free(link);
	return path;
}

static bool make_work(const struct walls *w)
{
	char *options = cli_xasprintf("size=%llu,nr_inodes=%u,mode=700,uid=%u,gid=%u", (unsigned long long)(w->s->disk_bytes),
				      w->s->files_max, (unsigned)w->id.uid, (unsigned)w->id.gid);
	bool ok = mkdir(WORK, 0700) == 0 && mount("isopod", WORK, "tmpfs", MS_NOSUID | MS_NOEXEC, options) == 0;

	free(options);
	return ok;
}

/* In a new mount namespace. False: the old root is still ours, or nothing works any more; `failed` tells. */
static bool make_root(struct walls *w)
{
	char *input[SANDBOX_INPUTS] = {NULL};
	bool ok;

	for (unsigned i = 0; i < w->s->inputs; i++)
		input[i] = path_of(w->s->input[i]);
	w->failed = "mount";
	ok = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	     mount("isopod", w->folder, "tmpfs", MS_NOSUID, "size=1m,nr_inodes=1024,mode=755") == 0 && chdir(w->folder) == 0 &&
	     mkdir("old", 0700) == 0 && syscall(SYS_pivot_root, ".", "old") == 0 && chdir("/") == 0 && make_work(w);
	if (ok && w->s->program)
		ok = show_programs(w->s->program);
	for (unsigned i = 0; i < w->s->inputs; i++) {
		if (ok && !show_input(w, i, input[i])) {
			w->failed = "input";
			ok = false;
		}
		free(input[i]);
	}
	return ok && umount2(OLD, MNT_DETACH) == 0 && rmdir(OLD) == 0 &&
	       mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL) == 0 && chdir(WORK) == 0;
}

/* Without a mount namespace the inputs are links to the descriptors, which /proc opens again. */
static bool use_folder(struct walls *w)
{
	bool ok = chdir(w->folder) == 0;

	w->failed = "folder";
	for (unsigned i = 0; i < w->s->inputs && ok; i++) {
		char *to = cli_xasprintf("in%u", i), *from = cli_xasprintf("/proc/self/fd/%d", w->s->input[i]);

		ok = symlink(from, to) == 0;
		free(to);
		free(from);
	}
	return ok;
}

/* --- Landlock --------------------------------------------------------------------------------------------------------------- */

/* Rights by version: struct landlock_ruleset_attr +0 8 files  +8 8 network (4)  +16 8 scopes (6). */
#define LL_READ	 (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define LL_FIRST ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1) /* all of version 1 */
#define LL_REFER (1ull << 13)
#define LL_TRUNC (1ull << 14)
#define LL_IOCTL (1ull << 15)
#define LL_FILE	 (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | LL_TRUNC | LL_IOCTL)

static void ll_allow(int rules, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr beneath = {.allowed_access = rights, .parent_fd = fd};

	if (fd >= 0)
		(void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

static void ll_allow_path(int rules, const char *path, uint64_t rights)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rights &= LL_FILE;
	ll_allow(rules, fd, rights);
	if (fd >= 0)
		close(fd);
}

static bool landlock(const struct walls *w)
{
	static const char *const paths[] = {
		"/usr", "/bin", "/sbin",    "/lib", "/lib32", "/lib64", "/opt", "/etc/ld.so.cache", "/etc/alternatives",
		"/nix", "/gnu", "/dev/null"};
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t all = LL_FIRST | (version >= 2 ? LL_REFER : 0) | (version >= 3 ? LL_TRUNC : 0) | (version >= 5 ? LL_IOCTL : 0);
	/* nothing may be bound or connected to; no abstract socket, no signal leads out */
	uint64_t attr[3] = {all, 3, 3};
	bool own_root = (w->standing & 1u << WALL_MOUNT) != 0;
	int rules;
	bool ok;

	if (version < 1)
		return false;
	rules = (int)syscall(SYS_landlock_create_ruleset, attr, version >= 6 ? 24 : version >= 4 ? 16 : 8, 0);
	if (rules < 0)
		return false;
	ll_allow_path(rules, ".", all & ~(uint64_t)LL_IOCTL);
	if (own_root)
		ll_allow_path(rules, "/", LL_READ);
	for (size_t i = 0; i < POD_ARRAY_LEN(paths) && !own_root && w->s->program; i++)
		ll_allow_path(rules, paths[i], LL_READ);
	if (!own_root && w->s->program)
		ll_allow_path(rules, w->s->program, LL_READ);
	for (unsigned i = 0; i < w->s->inputs; i++) {
		char *name = cli_xasprintf("in%u", i);
		bool writable = (fcntl(w->s->input[i], F_GETFL) & O_ACCMODE) != O_RDONLY;

		ll_allow_path(rules, name, writable ? all & LL_FILE : (uint64_t)LANDLOCK_ACCESS_FS_READ_FILE);
		free(name);
	}
	ok = syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	close(rules);
	return ok;
}

/* --- the rest --------------------------------------------------------------------------------------------------------------- */

static void limit(__rlimit_resource_t what, uint64_t n)
{
	struct rlimit old, r = {n, n};

	if (getrlimit(what, &old) == 0 && old.rlim_max != RLIM_INFINITY && old.rlim_max < n)
		r.rlim_cur = r.rlim_max = old.rlim_max;
	(void)setrlimit(what, &r);
}

static void limits(const struct walls *w)
{
	bool writes = false;

	for (unsigned i = 0; i < w->s->inputs; i++)
		writes |= (fcntl(w->s->input[i], F_GETFL) & O_ACCMODE) != O_RDONLY;
	limit(RLIMIT_CORE, 0);
	if (w->s->seconds)
		limit(RLIMIT_CPU, w->s->seconds + 1);
	limit(RLIMIT_FSIZE, writes ? RLIM_INFINITY : w->s->disk_bytes);
	limit(RLIMIT_NOFILE, 256);
	limit(RLIMIT_MEMLOCK, 64u << 10);
	/* On top of what our copy has already. */
	limit(RLIMIT_AS, w->mapped_bytes + w->s->memory_bytes);
	/* Threads of a user are counted all over the machine: a limit is one on what the user does elsewhere. Nobody does
	 * nothing. */
	if (w->id.change && w->id.uid == NOBODY)
		limit(RLIMIT_NPROC, 256);
}

static bool is_handed_over(const struct walls *w, int fd)
{
	for (unsigned i = 0; i < w->s->keeps; i++)
		if (w->s->keep[i] == fd)
			return true;
	for (unsigned i = 0; i < w->s->inputs; i++)
		if (w->s->input[i] == fd)
			return true;
	return fd == w->answers;
}

/* Media are what is open for reading only. Everything else of ours is closed: what is being written, sockets, pipes. */
static void close_files(const struct walls *w)
{
	struct rlimit r = {1024, 1024};
	struct stat st;

	(void)getrlimit(RLIMIT_NOFILE, &r);
	for (int fd = 3; fd < (int)pod_min_u64(r.rlim_cur, 4096); fd++) {
		int flags = is_handed_over(w, fd) ? -1 : fcntl(fd, F_GETFL);

		if (flags >= 0 &&
		    ((flags & O_ACCMODE) != O_RDONLY || fstat(fd, &st) != 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))))
			close(fd);
	}
	for (unsigned i = 0; i < w->s->keeps; i++)
		(void)fcntl(w->s->keep[i], F_SETFD, 0);
}

static void clean_environment(void)
{
	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("LC_ALL", "C", 1);
	setenv("HOME", "/nonexistent", 1);
	setenv("TMPDIR", ".", 1);
}

static void mute(void)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

static bool enough(struct walls *w)
{
	const unsigned files = 1u << WALL_MOUNT | 1u << WALL_LANDLOCK;

	if (!w->id.change || (w->standing & files))
		return true;
	w->failed = "neither mount namespaces nor Landlock";
	errno = ENOSYS;
	return false;
}

bool walls_close_in(struct walls *w)
{
	mute();
	umask(022);
	close_files(w);
	if (!(w->standing & 1u << WALL_MOUNT) || !make_root(w)) {
		/* with half of a root there is no way back */
		if (access(w->folder, F_OK) != 0 || strcmp(w->failed ? w->failed : "", "input") == 0)
			return false;
		w->standing &= ~(1u << WALL_MOUNT);
		if (!use_folder(w))
			return false;
	}
	w->failed = "identity";
	if (!take_identity(w))
		return false;
	/* a change of identity has forgotten it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	w->failed = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	umask(077);
	clean_environment();
	limits(w);
	if (landlock(w))
		w->standing |= 1u << WALL_LANDLOCK;
	if (!enough(w))
		return false;
	if (walls_filter(w->s->program ? FILTER_START : FILTER_FUNCTION))
		w->standing |= 1u << WALL_SECCOMP;
	return true;
}

void walls_before_exec(const struct walls *w)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit(RLIMIT_AS, w->s->memory_bytes);
	if (w->standing & 1u << WALL_SECCOMP)
		(void)walls_filter(FILTER_PROGRAM);
}

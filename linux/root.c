/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For a kernel that has no initramfs at all and mounts its root by itself: once there is /init, which is this program, it does not. So this
 * does what init/do_mounts.c and the end of init/main.c of Linux do, when the watcher has shown the disk: finds what root= says
 * (root_find.c), mounts it, makes it the root, and becomes its init.
 *
 * This process knows that the disk is there by a file that it makes for the watcher to write into: their mount namespaces differ, the
 * first root is the same. What it needs of sysfs, procfs and nodes is below /isopod, where the watcher has its own.
 */
#include "linux/root.h"
#include "core/base/mem.h"

#define SHOWN	"/isopod-shown"
#define NO_DISK "-"
#define ROOT	"/root"
#define NODE	"/dev/root" /* the kernel's name for it: the system reads it in /proc/mounts */

#define TYPE_MAX 31

#define STEP_MS	    50u
#define SLOW_MS	    60000u /* the disk was not shown: say so once */
#define FIND_S	    10u	   /* a root that is not on it may still be on its way */
#define BUSY_SAY_MS 3000u
#define LAST_MS	    100000u /* before the kernel's panic covers what was said; by then the flight recorder has saved it, too */

enum { MS_RDONLY = 1, MS_MOVE = 0x2000, MS_SILENT = 0x8000 };

void pod_root_begin(void)
{
	(void)pod_sys_mknod(SHOWN, SYS_S_IFREG | 0600, 0, 0);
}

void pod_root_shown(const char *disk)
{
	long fd = pod_sys_open(SHOWN, SYS_O_WRONLY);
	if (fd < 0)
		return; /* nobody waits for it */
	if (!disk[0])
		disk = NO_DISK;
	(void)pod_sys_write((int)fd, disk, pod_strlen(disk));
	pod_sys_close((int)fd);
}

static void open_view(void)
{
	static const char *const folder[] = {"/dev", ROOT, POD_DEV_DIR, POD_PROC_DIR, POD_SYS_DIR};
	for (size_t i = 0; i < POD_ARRAY_LEN(folder); i++)
		(void)pod_sys_mkdir(folder[i], 0755);
	(void)pod_sys_mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	(void)pod_sys_mount("proc", POD_PROC_DIR, "proc", 0, NULL);
	(void)pod_sys_mount("sysfs", POD_SYS_DIR, "sysfs", 0, NULL);
	pod_say_open();
}

static bool remove_node(void *ctx, const char *name)
{
	char path[160];
	(void)ctx;
	(void)pod_snprintf(path, sizeof path, POD_DEV_DIR "/%.60s", name);
	pod_sys_unlink(path, 0);
	return true;
}

/* The first root stays in memory for as long as the machine is on. What the watcher still needs it takes away by itself. */
static void close_view(void)
{
	pod_sys_umount_detach(POD_SYS_DIR);
	pod_sys_umount_detach(POD_PROC_DIR);
	(void)pod_each_name(POD_DEV_DIR, remove_node, NULL);
	pod_sys_unlink(POD_DEV_DIR, SYS_AT_REMOVEDIR);
	pod_sys_unlink(POD_PROC_DIR, SYS_AT_REMOVEDIR);
	pod_sys_unlink(POD_SYS_DIR, SYS_AT_REMOVEDIR);
	pod_sys_unlink(POD_DIR, SYS_AT_REMOVEDIR);
	pod_sys_unlink(SHOWN, 0);
	pod_sys_unlink("/init", 0);
}

/* False: the watcher ended, and has shown none. */
static bool wait_shown(char *disk, size_t size)
{
	uint32_t since_ms = pod_sys_now_ms();
	for (bool said = false;;) {
		/* asked first: what it wrote last is read */
		bool ended = pod_sys_no_child();
		if (pod_read_text(SHOWN, disk, size) > 0)
			break;
		if (ended)
			return false;
		if (!said && pod_sys_now_ms() - since_ms >= SLOW_MS) {
			said = true;
			pod_say(POD_SAY_ERROR,
				"the root waits for the disk in the image, which has not been shown within %u seconds",
				(unsigned)(SLOW_MS / 1000));
		}
		pod_sleep_ms(STEP_MS);
	}
	if (pod_streq(disk, NO_DISK))
		disk[0] = 0;
	return true;
}

/* The disk that is shown has all its partitions by now; another one may take its time. */
static bool wait_root(const struct pod_root_args *a, const struct pod_root_want *want, const char *disk, struct pod_root_dev *dev)
{
	uint32_t since_ms = pod_sys_now_ms(), wait_s = a->wait_s > FIND_S ? a->wait_s : FIND_S;
	uint32_t pause_ms = STEP_MS;
	for (bool said = false; !pod_root_find(want, disk, dev); pod_sleep_ms(pause_ms)) {
		if (pause_ms < 500) /* it reads from all disks */
			pause_ms *= 2;
		if (!said)
			pod_say(POD_SAY_ERROR, "root=%s is neither on %s nor elsewhere; waiting for it", a->root,
				disk[0] ? disk : "what is shown");
		said = true;
		if (!a->wait && (pod_sys_now_ms() - since_ms) / 1000 >= wait_s)
			return false;
	}
	return true;
}

/* The next name of a list of file systems: words between commas, or the lines of /proc/filesystems without "nodev". */
static bool next_type(const char **at, char type[TYPE_MAX + 1])
{
	const char *p = *at;
	for (;;) {
		while (*p == ',' || *p == '\n' || *p == '\t')
			p++;
		const char *name = p;
		while (*p && *p != ',' && *p != '\n' && *p != '\t')
			p++;
		if (p == name)
			return false;
		if (*p == '\t') { /* "nodev" */
			while (*p && *p != '\n')
				p++;
			continue;
		}
		*at = p;
		if (p - name > TYPE_MAX)
			continue; /* no file system has such a name */
		memcpy(type, name, (size_t)(p - name));
		type[p - name] = 0;
		return true;
	}
}

/* As each type in turn. That it is another one (EINVAL) tells less than anything else. */
static long mount_as(const char *types, unsigned long flags, const char *data)
{
	char type[TYPE_MAX + 1];
	long ret = -SYS_EINVAL;
	while (next_type(&types, type)) {
		long r = pod_sys_mount(NODE, ROOT, type, flags, data);
		if (r >= 0) {
			pod_say(POD_SAY_INFO, "the root is mounted as %s, %s", type,
				(flags & MS_RDONLY) ? "read-only" : "read and write");
			return r;
		}
		if (ret == -SYS_EINVAL)
			ret = r;
	}
	return ret;
}

static bool mount_root(const struct pod_root_args *a, const struct pod_root_dev *dev)
{
	static char known[4096];
	const char *types = a->types;
	uint32_t since_ms = pod_sys_now_ms();
	long ret;
	if (!types || !types[0]) {
		(void)pod_read_text(POD_PROC_DIR "/filesystems", known, sizeof known);
		types = known;
	}
	pod_sys_unlink(NODE, 0);
	ret = pod_sys_mknod(NODE, SYS_S_IFBLK | 0600, dev->major, dev->minor);
	for (bool said = false; ret >= 0; pod_sleep_ms(STEP_MS)) {
		ret = mount_as(types, MS_SILENT | (a->rw ? 0 : MS_RDONLY), a->flags);
		if (ret < 0 && ret != -SYS_EBUSY && a->rw) /* it may be that only writing is what cannot be */
			ret = mount_as(types, MS_SILENT | MS_RDONLY, a->flags);
		if (ret != -SYS_EBUSY)
			break;
		if (!said && pod_sys_now_ms() - since_ms >= BUSY_SAY_MS) {
			said = true;
			pod_say(POD_SAY_ERROR, "%s, the root, is in use; waiting", dev->name);
		}
		ret = 0;
	}
	pod_sys_unlink(NODE, 0);
	if (ret >= 0)
		return true;
	pod_say(POD_SAY_ERROR, "%s, the root, cannot be mounted as %s: error %u", dev->name,
		a->types ? a->types : "anything this kernel knows", (unsigned)-ret);
	return false;
}

static bool switch_root(void)
{
	struct pod_sys_stat st;
	bool has_dev = pod_sys_stat(ROOT "/dev", false, &st) >= 0 && (st.mode & SYS_S_IFMT) == SYS_S_IFDIR;
	if (!has_dev || pod_sys_mount("/dev", ROOT "/dev", NULL, MS_MOVE, NULL) < 0)
		pod_sys_umount_detach("/dev");
	close_view();
	return pod_sys_chdir(ROOT) >= 0 && pod_sys_mount(".", "/", NULL, MS_MOVE, NULL) >= 0 && pod_sys_chroot(".") >= 0 &&
	       pod_sys_chdir("/") >= 0;
}

static long start_init(const char *path, char **argv, char **envp)
{
	argv[0] = (char *)(uintptr_t)path;
	return pod_sys_exec(path, argv, envp);
}

static void become_init(const char *path, char **argv, char **envp)
{
	static const char *const usual[] = {"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
	long ret;
	if (path) {
		ret = start_init(path, argv, envp);
		pod_say(POD_SAY_ERROR, "init=%s cannot be started: error %u", path, (unsigned)-ret);
		return;
	}
	for (size_t i = 0; i < POD_ARRAY_LEN(usual); i++) {
		ret = start_init(usual[i], argv, envp);
		if (ret != -SYS_ENOENT)
			pod_say(POD_SAY_ERROR, "%s cannot be started: error %u", usual[i], (unsigned)-ret);
	}
	pod_say(POD_SAY_ERROR, "no init found in the root");
}

static bool enter_root(const struct pod_root_args *a)
{
	struct pod_root_want want;
	struct pod_root_dev dev;
	const char *why;
	char disk[40];
	if (!a->root || !a->root[0]) {
		pod_say(POD_SAY_ERROR, "no init found in the initramfs, and the kernel's command line has no root=");
		return false;
	}
	if (!pod_root_parse(a->root, &want, &why)) {
		pod_say(POD_SAY_ERROR, "root=%s: %s", a->root, why);
		return false;
	}
	if (!wait_shown(disk, sizeof disk)) {
		pod_say(POD_SAY_ERROR, "the disk in the image was not shown, so there is no root to mount");
		return false;
	}
	if (!wait_root(a, &want, disk, &dev)) {
		pod_say(POD_SAY_ERROR, "root=%s has not appeared", a->root);
		return false;
	}
	pod_say(POD_SAY_INFO, "root=%s is %s", a->root, dev.name);
	return mount_root(a, &dev);
}

_Noreturn void pod_root_run(char **argv, char **envp)
{
	static char line[4096];
	struct pod_root_args a;
	open_view();
	if (pod_read_text(POD_PROC_DIR "/cmdline", line, sizeof line) < 0)
		line[0] = 0;
	pod_root_args(line, &a);
	if (enter_root(&a)) {
		if (switch_root())
			become_init(a.init, argv, envp);
		else
			pod_say(POD_SAY_ERROR, "the root was mounted, but cannot be made the root");
	}
	if (a.root)
		pod_sleep_ms(LAST_MS);
	pod_sys_exit(1);
}

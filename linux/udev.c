/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rule for udev. LVM's own (69-lvm.rules, of lvm2 2.03) find physical volumes in the events of block devices, but pass over what is called
 * loop* and was not set up with "losetup", so over a loop device's partitions, too, which are where the disk of an image has its volume groups;
 * systemd is even told that these devices are not ready. Both unless the event has LVM_LOOP_PV_ACTIVATED=1.
 *
 * In the initramfs the rule is there before udev starts. It names all loop devices, of which there is one with partitions; the one that stays
 * in /run, for the udev of the system itself, names that one.
 */
#include "linux/attach.h"

#define FOLDER "/udev/rules.d"
#define NAME   "/68-isopod.rules"
#define IN_RUN POD_PROC_DIR "/1/root/run"

static void make_folders(const char *base)
{
	char path[96];
	(void)pod_snprintf(path, sizeof path, "%s/udev", base);
	(void)pod_sys_mkdir(path, 0755);
	(void)pod_snprintf(path, sizeof path, "%s" FOLDER, base);
	(void)pod_sys_mkdir(path, 0755);
}

static void write_rule(const char *base, const char *loop)
{
	char path[96], rule[160];
	size_t len = (size_t)pod_snprintf(
		rule, sizeof rule,
		"SUBSYSTEM==\"block\", ACTION!=\"remove\", KERNEL==\"%sp[0-9]*\", ENV{LVM_LOOP_PV_ACTIVATED}=\"1\"\n", loop);
	make_folders(base);
	(void)pod_snprintf(path, sizeof path, "%s" FOLDER NAME, base);
	(void)pod_sys_mknod(path, SYS_S_IFREG | 0644, 0, 0);
	long fd = pod_sys_open(path, SYS_O_WRONLY);
	if (fd < 0)
		return;
	(void)pod_sys_write((int)fd, rule, len);
	pod_sys_close((int)fd);
}

static bool is_there(const char *path)
{
	struct pod_sys_stat st;
	return pod_sys_stat(path, true, &st) >= 0;
}

void pod_udev_begin(void)
{
	if (is_there("/usr/lib/udev") || is_there("/lib/udev"))
		write_rule("/etc", "loop[0-9]*");
}

void pod_udev_shown(const struct pod_shown *s)
{
	if (is_there(IN_RUN "/udev")) /* who runs makes it */
		write_rule(IN_RUN, s->name);
}

void pod_udev_end(void)
{
	pod_sys_unlink("/etc" FOLDER NAME, 0);
	/* If they are empty. */
	pod_sys_unlink("/etc" FOLDER, SYS_AT_REMOVEDIR);
	pod_sys_unlink("/etc/udev", SYS_AT_REMOVEDIR);
}

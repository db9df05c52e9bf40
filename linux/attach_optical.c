/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of an optical drive that lead to the device that shows the image: some systems look at /dev/sr0 and /dev/cdrom, and nowhere else.
 * Only the nodes are there, no drive is: sysfs, /proc/sys/dev/cdrom/info and udev's properties stay as they are.
 *
 * A real drive has the names that are its own: the image has those of the next number then, /dev/sr1 and /dev/cdrom1. Where a drive comes
 * up later, the image's move on. When the watcher ends and the system has mounted its medium by another name, these are taken away, and
 * the names are free again.
 */
#include "linux/attach.h"
#include "linux/observe.h"

enum { NUMBER_MAX = 9 };

static bool is_taken(uint32_t number)
{
	struct pod_sys_stat st;
	char path[64];
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/sr%u", number);
	return pod_sys_stat(path, true, &st) >= 0;
}

/* The names of a number; the first is the node, the others are links to it. */
static void spell(char name[3][16], uint32_t number)
{
	static const char *const link[] = {"", "cdrom", "dvd"};
	(void)pod_snprintf(name[0], sizeof name[0], "sr%u", number);
	for (unsigned i = 1; i < 3; i++) {
		(void)pod_strlcpy(name[i], link[i], sizeof name[0]);
		if (number)
			(void)pod_snprintf(name[i], sizeof name[0], "%s%u", link[i], number);
	}
}

static void join(char path[96], const char *dir, const char *name)
{
	(void)pod_snprintf(path, 96, "%s/%s", dir, name);
}

/* Nothing that is there is replaced. */
static void put(const char *dir, const struct pod_names *n)
{
	char name[3][16], path[96];
	struct pod_sys_stat st;
	join(path, dir, n->lent[0].name);
	if (pod_sys_stat(path, true, &st) < 0) /* not yet what devices are looked for in */
		return;
	spell(name, n->optical - 1);
	join(path, dir, name[0]);
	if (pod_sys_mknod(path, SYS_S_IFBLK | 0660, n->major, n->minor) < 0)
		return;
	for (unsigned i = 1; i < 3; i++) {
		join(path, dir, name[i]);
		(void)pod_sys_symlink(name[0], path);
	}
}

static bool is_ours(const char *path, const struct pod_names *n)
{
	struct pod_sys_stat st;
	uint32_t major, minor;
	if (pod_sys_stat(path, false, &st) < 0 || (st.mode & SYS_S_IFMT) != SYS_S_IFBLK)
		return false;
	pod_split_dev(st.rdev, &major, &minor);
	return major == n->major && minor == n->minor;
}

static void take_away(const char *dir, const struct pod_names *n)
{
	char name[3][16], path[96], target[16];
	spell(name, n->optical - 1);
	join(path, dir, name[0]);
	if (!is_ours(path, n))
		return;
	pod_sys_unlink(path, 0);
	for (unsigned i = 1; i < 3; i++) {
		join(path, dir, name[i]);
		long len = pod_sys_readlink(path, target, sizeof target - 1);
		target[len > 0 ? len : 0] = 0;
		if (pod_streq(target, name[0]))
			pod_sys_unlink(path, 0);
	}
}

/* A drive has come whose node could not be made, since the name was there. */
static void give_back(const char *dir, uint32_t number)
{
	char path[96], text[32];
	uint32_t major, minor;
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/sr%u/dev", number);
	if (pod_read_text(path, text, sizeof text) <= 0 || !pod_parse_dev(text, &major, &minor))
		return;
	(void)pod_snprintf(path, sizeof path, "%s/sr%u", dir, number);
	(void)pod_sys_mknod(path, SYS_S_IFBLK | 0660, major, minor);
}

static const char *const places[] = {POD_NAME_DEVTMPFS, POD_NAME_FIRST_DEV};

void pod_optical_keep(struct pod_names *n)
{
	uint32_t number = 0, old = n->optical;
	while (number < NUMBER_MAX && is_taken(number))
		number++;
	for (unsigned i = 0; i < POD_ARRAY_LEN(places) && old && old != number + 1; i++) {
		take_away(places[i], n);
		if (is_taken(old - 1))
			give_back(places[i], old - 1);
	}
	n->optical = number + 1;
	for (unsigned i = 0; i < POD_ARRAY_LEN(places) && !is_taken(number); i++)
		put(places[i], n);
}

void pod_optical_end(const struct pod_names *n)
{
	static char text[16384];
	struct pod_mounted m = {.where = ""};
	if (!n->optical || pod_read_text(POD_PROC_DIR "/1/mountinfo", text, sizeof text) <= 0)
		return;
	bool mounted = pod_find_mount(text, n->major, n->minor, &m);
	if (!mounted || pod_starts_with(m.source, "sr") || pod_starts_with(m.source, "cdrom") || pod_starts_with(m.source, "dvd"))
		return;
	for (unsigned i = 0; i < POD_ARRAY_LEN(places); i++)
		take_away(places[i], n);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Safety of block devices. Facts come from the kernel: /sys/dev/block (partitions, holders, the drive a partition belongs to),
 * and its lists of mounts and swap space. A device with anything of it in use is refused; no option changes that.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "cli/host/mounts.h"
#include "cli/host/safety.h"
#include "core/base/str.h"

const char *cli_safety_root = "";

/* Reads a small text file below the root; NULL if it is not there. */
static char *read_text(const char *path)
{
	char *full = cli_xasprintf("%s%s", cli_safety_root, path), *text = NULL;
	size_t cap = 0;
	FILE *f = fopen(full, "re");

	free(full);
	if (!f)
		return NULL;
	if (getdelim(&text, &cap, '\0', f) < 0) {
		free(text);
		text = cli_xstrdup("");
	}
	fclose(f);
	return text;
}

static char *read_line(const char *path)
{
	char *text = read_text(path);

	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text;
}

static bool sys_exists(unsigned major_no, unsigned minor_no, const char *name)
{
	char *full = cli_xasprintf("%s/sys/dev/block/%u:%u/%s", cli_safety_root, major_no, minor_no, name);
	bool there = access(full, F_OK) == 0;

	free(full);
	return there;
}

static bool is_node(const char *path, unsigned major_no, unsigned minor_no)
{
	struct stat st;

	return path[0] == '/' && stat(path, &st) == 0 && S_ISBLK(st.st_mode) && major(st.st_rdev) == major_no &&
	       minor(st.st_rdev) == minor_no;
}

struct in_use {
	unsigned major_no, minor_no;
	bool found;
	char *point; /* where it is mounted, freshly allocated */
};

static bool visit_use(void *ctx, const struct cli_mount *m)
{
	struct in_use *u = ctx;

	u->found = m->device == makedev(u->major_no, u->minor_no) || (m->source && is_node(m->source, u->major_no, u->minor_no));
	if (u->found && m->point)
		u->point = cli_xstrdup(m->point);
	return u->found;
}

/* Name of the first device that holds this one (dm-0, md127), or NULL. */
static char *holder_of(unsigned major_no, unsigned minor_no)
{
	char *path = cli_xasprintf("%s/sys/dev/block/%u:%u/holders", cli_safety_root, major_no, minor_no);
	DIR *d = opendir(path);
	char *found = NULL;

	free(path);
	if (!d)
		return NULL;
	for (struct dirent *e = readdir(d); e && !found; e = readdir(d))
		if (e->d_name[0] != '.')
			found = cli_xstrdup(e->d_name);
	closedir(d);
	return found;
}

static bool part_idle(const char *path, const char *part, unsigned major_no, unsigned minor_no, struct fault *fault)
{
	struct in_use mount = {.major_no = major_no, .minor_no = minor_no}, swap = mount;
	const char *why = cli_mounts_each(visit_use, &mount);
	char *s = mount.point;

	if (!why && !mount.found)
		why = cli_swaps_each(visit_use, &swap);
	if (why) {
		fault_set(fault, _("%s: refused: cannot tell whether it is in use: %s"), path, why);
		return false;
	}
	if (s) {
		if (strcmp(s, "/") == 0 || strcmp(s, "/boot") == 0 || strcmp(s, "/usr") == 0 || strcmp(s, "/boot/efi") == 0)
			fault_set(fault,
				  _("%s: refused: the running system is on it (%s is mounted at %s); this cannot be "
				    "forced"),
				  path, part, s);
		else
			fault_set(fault, _("%s: refused: %s is mounted at %s; run 'umount %s' first"), path, part, s, s);
		free(s);
		return false;
	}
	if (swap.found) {
		fault_set(fault, _("%s: refused: %s is swap space of the running system; run 'swapoff' first"), path, part);
		return false;
	}
	s = holder_of(major_no, minor_no);
	if (s) {
		fault_set(fault, _("%s: refused: %s is part of %s (RAID, LVM or encryption), which is in use; stop it first"),
			  path, part, s);
		free(s);
		return false;
	}
	return true;
}

/* "MAJOR:MINOR" as /sys gives it; `text` may be NULL. */
static bool parse_device(const char *text, dev_t *dev)
{
	unsigned long major_no, minor_no;
	char *colon, *end;

	if (!text)
		return false;
	major_no = strtoul(text, &colon, 10);
	if (colon == text || *colon != ':')
		return false;
	minor_no = strtoul(colon + 1, &end, 10);
	*dev = makedev((unsigned)major_no, (unsigned)minor_no);
	return end != colon + 1;
}

/* The device itself and each of its partitions, as /sys lists them. */
static bool device_idle(const char *path, dev_t rdev, struct fault *fault)
{
	char *dir_path, *number;
	unsigned ma = major(rdev), mi = minor(rdev);
	bool idle = true;
	DIR *d;

	if (sys_exists(ma, mi, "partition")) {
		fault_set(fault, _("%s: this is a partition; name the whole drive"), path);
		return false;
	}
	if (!part_idle(path, path, ma, mi, fault))
		return false;
	dir_path = cli_xasprintf("%s/sys/dev/block/%u:%u", cli_safety_root, ma, mi);
	d = opendir(dir_path);
	free(dir_path);
	if (!d)
		return true;
	for (struct dirent *e = readdir(d); e && idle; e = readdir(d)) {
		dev_t part;

		if (e->d_name[0] == '.')
			continue;
		dir_path = cli_xasprintf("/sys/dev/block/%u:%u/%s/partition", ma, mi, e->d_name);
		number = read_text(dir_path);
		free(dir_path);
		if (!number)
			continue;
		free(number);
		dir_path = cli_xasprintf("/sys/dev/block/%u:%u/%s/dev", ma, mi, e->d_name);
		number = read_text(dir_path);
		free(dir_path);
		if (parse_device(number, &part))
			idle = part_idle(path, e->d_name, major(part), minor(part), fault);
		free(number);
	}
	closedir(d);
	return idle;
}

/* An image file may be in use through a loop device: writing behind its back would corrupt what is mounted from it. */
static bool file_idle(const char *path, struct fault *fault)
{
	char *real = realpath(path, NULL);
	char *dir_path = cli_xasprintf("%s/sys/block", cli_safety_root);
	DIR *d = opendir(dir_path);
	bool idle = true;

	free(dir_path);
	if (!d || !real) {
		if (d)
			closedir(d);
		free(real);
		return true;
	}
	for (struct dirent *e = readdir(d); e && idle; e = readdir(d)) {
		char *p, *backing, *number;
		dev_t loop;

		if (strncmp(e->d_name, "loop", 4) != 0)
			continue;
		p = cli_xasprintf("/sys/block/%s/loop/backing_file", e->d_name);
		backing = read_line(p);
		free(p);
		if (!backing)
			continue;
		p = cli_xasprintf("/sys/block/%s/dev", e->d_name);
		number = read_text(p);
		free(p);
		if (strcmp(backing, real) == 0 && parse_device(number, &loop))
			idle = device_idle(path, loop, fault);
		free(number);
		free(backing);
	}
	closedir(d);
	free(real);
	return idle;
}

bool cli_safety_check_idle(const char *path, struct fault *fault)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return true; /* opening it says what is wrong */
	if (S_ISBLK(st.st_mode))
		return device_idle(path, st.st_rdev, fault);
	return !S_ISREG(st.st_mode) || file_idle(path, fault);
}

static char *sys_path_of(dev_t device)
{
	char *link = cli_xasprintf("%s/sys/dev/block/%u:%u", cli_safety_root, major(device), minor(device));
	char *path = realpath(link, NULL);

	free(link);
	return path;
}

bool cli_safety_is_of_drive(dev_t device, dev_t drive)
{
	char *path = sys_path_of(device), *own = sys_path_of(drive);
	size_t n = own ? strlen(own) : 0;
	bool is = device == drive || (path && own && strncmp(path, own, n) == 0 && (path[n] == '/' || path[n] == '\0'));

	free(own);
	free(path);
	return is;
}

char *cli_safety_backing_file(dev_t loop)
{
	char *path = cli_xasprintf("/sys/dev/block/%u:%u/loop/backing_file", major(loop), minor(loop));
	char *file = read_line(path);

	free(path);
	return file;
}

bool cli_safety_is_fixed(const char *path)
{
	struct stat st;
	char *p, *text, *link;
	bool removable, usb = false;

	if (stat(path, &st) != 0 || !S_ISBLK(st.st_mode))
		return false;
	p = cli_xasprintf("/sys/dev/block/%u:%u/removable", major(st.st_rdev), minor(st.st_rdev));
	text = read_text(p);
	free(p);
	removable = text && text[0] == '1';
	free(text);
	link = sys_path_of(st.st_rdev);
	if (link)
		usb = strstr(link, "/usb") != NULL || strstr(link, "/mmc") != NULL;
	free(link);
	return !removable && !usb;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LVM's devices file (lvmdevices(8); the default of the Red Hat family since RHEL 9). /etc/lvm/devices/system.devices has a line for each physical
 * volume that LVM may use,
 *
 *   IDTYPE=sys_wwid IDNAME=naa.6000c29... DEVNAME=/dev/sda3 PVID=32 characters PART=3
 *
 * and it passes over all others. On a disk that is shown by a loop device nothing has that identifier: the root would not be found. Nor is the file
 * to be put aside: the machine's own disks may have groups of the same name (or be what the image is a copy of), and it is the file that keeps LVM from
 * them. So each line with the PVID of a volume that is on the disk is made to name the partition where that is now,
 *
 *   IDTYPE=devname IDNAME=/dev/loop0p3 DEVNAME=/dev/loop0p3 PVID=... PART=3
 *
 * in the initramfs, whose file is in memory, and over the system's own file, which stays as it is on the disk: a service in /run, before udev starts,
 * mounts a changed copy over it. Over the file and not its folder, so that LVM cannot replace the copy: a volume that is added while the system
 * runs like this is then refused aloud, and not left out of the true file in silence. It has the file's label for SELinux, under which LVM reads no
 * file that is labelled as those of /run are; without SELinux there is none to give.
 */
#include "linux/attach.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

#define DEVICES "/etc/lvm/devices/system.devices"
#define IN_RUN	POD_PROC_DIR "/1/root/run"
#define UNITS	IN_RUN "/systemd/system"
#define SERVICE "isopod-lvm.service"
#define SCRIPT	"isopod-lvm.sh"
#define TEXT	16384u

enum {
	ID = 32,
	SECTOR = 512,
	LABEL_SECTORS = 4,
	PARTITIONS = 128,
	VOLUMES_MAX = 8,
};

/* Those on the disk. */
static struct {
	char id[ID + 1];
	uint32_t number, major, minor;
	bool listed; /* in the initramfs' file */
} pv[VOLUMES_MAX];
static unsigned pvs;

/* --- which there are (core/disk/lvm.c tells the format) ----------------------------------------------------------------------- */

static bool is_id(const uint8_t *p)
{
	for (unsigned i = 0; i < ID; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z')))
			return false;
	return true;
}

/* The identifier in a label, or NULL. */
static const uint8_t *labelled(const uint8_t *sector)
{
	if (memcmp(sector, "LABELONE", 8) != 0 || memcmp(sector + 0x18, "LVM2 001", 8) != 0)
		return NULL;
	uint32_t at = pod_get_le32(sector + 0x14);
	return at >= 0x20 && at <= SECTOR - ID && is_id(sector + at) ? sector + at : NULL;
}

static void look_at(uint32_t number, uint32_t major, uint32_t minor)
{
	static uint8_t start[LABEL_SECTORS * SECTOR];
	const uint8_t *id = NULL;
	long fd = pod_open_node("pv", SYS_S_IFBLK, major, minor, SYS_O_RDONLY);
	if (fd < 0)
		return;
	long n = pod_sys_pread((int)fd, start, sizeof start, 0);
	pod_sys_close((int)fd);
	if (n != (long)sizeof start)
		return;
	for (unsigned i = 0; i < LABEL_SECTORS && !id; i++)
		id = labelled(start + i * SECTOR);
	if (!id)
		return;
	memcpy(pv[pvs].id, id, ID);
	pv[pvs].id[ID] = 0;
	pv[pvs].number = number;
	pv[pvs].major = major;
	pv[pvs].minor = minor;
	pv[pvs++].listed = false;
}

static void look_at_all(const char *loop)
{
	char path[128], text[32];
	uint32_t major, minor;
	pvs = 0;
	for (uint32_t i = 1; i <= PARTITIONS && pvs < VOLUMES_MAX; i++) {
		(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s/%sp%u/dev", loop, loop, i);
		if (pod_read_text(path, text, sizeof text) > 0 && pod_parse_dev(text, &major, &minor))
			look_at(i, major, minor);
	}
}

/* --- the lines ---------------------------------------------------------------------------------------------------------------- */

/* Of the volume whose line this is; `pvs`: of another one. */
static unsigned whose(const char *line, size_t len)
{
	unsigned i;
	for (i = 0; i < pvs; i++)
		for (size_t at = 0; at + 5 + ID <= len; at++)
			if (memcmp(line + at, "PVID=", 5) == 0 && memcmp(line + at + 5, pv[i].id, ID) == 0)
				return i;
	return i;
}

static int put_line(char *out, size_t size, const char *loop, unsigned i)
{
	return pod_snprintf(out, size, "IDTYPE=devname IDNAME=/dev/%sp%u DEVNAME=/dev/%sp%u PVID=%s PART=%u", loop, pv[i].number,
			    loop, pv[i].number, pv[i].id, pv[i].number);
}

/* The length of what the file is to be; 0: there is nothing to change, or no room for it. */
static size_t change(const char *text, const char *loop, char *out, size_t size)
{
	size_t n = 0;
	bool changed = false;
	while (*text) {
		size_t len = 0, put;
		while (text[len] && text[len] != '\n')
			len++;
		unsigned i = *text == '#' ? pvs : whose(text, len);
		if (i < pvs) {
			put = (size_t)put_line(out + n, size - n, loop, i);
			pv[i].listed = changed = true;
		} else if ((put = len) < size - n) {
			memcpy(out + n, text, len);
		}
		if (put + 1 >= size - n)
			return 0;
		n += put;
		out[n++] = '\n';
		text += len + (text[len] == '\n');
	}
	return changed ? n : 0;
}

/* --- where they are ----------------------------------------------------------------------------------------------------------- */

static bool is_there(const char *path)
{
	struct pod_sys_stat st;
	return pod_sys_stat(path, true, &st) >= 0;
}

static bool put_file(const char *path, const char *data, size_t len)
{
	(void)pod_sys_unlink(path, 0);
	(void)pod_sys_mknod(path, SYS_S_IFREG | 0600, 0, 0);
	long fd = pod_sys_open(path, SYS_O_WRONLY);
	bool done = fd >= 0 && pod_sys_write((int)fd, data, len) == (long)len;
	if (fd >= 0)
		pod_sys_close((int)fd);
	return done;
}

/* The file that is there meanwhile is the whole old one, or the whole new one. Somebody may have looked at the partitions before it was, so they
 * are told of anew. */
static void change_here(const char *loop)
{
	static char text[TEXT], out[TEXT];
	char path[128];
	long len = pod_read_text(DEVICES, text, sizeof text);
	if (len <= 0 || len >= (long)sizeof text - 1)
		return;
	size_t n = change(text, loop, out, sizeof out);
	if (!n || !put_file(DEVICES "_isopod", out, n) || pod_sys_rename(DEVICES "_isopod", DEVICES) < 0)
		return;
	for (unsigned i = 0; i < pvs; i++) {
		if (!pv[i].listed)
			continue;
		pod_say(POD_SAY_INFO, "LVM's devices file names /dev/%sp%u now", loop, pv[i].number);
		(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s/%sp%u/uevent", loop, loop, pv[i].number);
		long fd = pod_sys_open(path, SYS_O_WRONLY);
		if (fd < 0)
			continue;
		(void)pod_sys_write((int)fd, "change", 6);
		pod_sys_close((int)fd);
	}
}

/* For the system itself. Where the initramfs has no systemd, nobody makes that folder, and who finds it takes systemd to be running. */
static void change_there(const char *loop)
{
	static const char unit[] =
		"[Unit]\nDescription=LVM's devices file for the disk that Isopod shows\nDefaultDependencies=no\n"
		"ConditionPathExists=" DEVICES "\nConditionPathExists=!/etc/initrd-release\n"
		"Before=systemd-udevd.service systemd-udev-trigger.service lvm2-monitor.service sysinit.target\n"
		"\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh /run/" SCRIPT "\n";
	static char script[3072];
	if (!pvs || !is_there(UNITS))
		return;
	size_t n = (size_t)pod_snprintf(script, sizeof script, "set -e\nmkdir -p /run/lvm\nsed");
	for (unsigned i = 0; i < pvs; i++) {
		n += (size_t)pod_snprintf(script + n, sizeof script - n, " \\\n\t-e 's,^[^#].*PVID=%s.*,", pv[i].id);
		n += (size_t)put_line(script + n, sizeof script - n, loop, i);
		n += (size_t)pod_snprintf(script + n, sizeof script - n, ",'");
	}
	n += (size_t)pod_snprintf(script + n, sizeof script - n,
				  " \\\n\t" DEVICES " >/run/lvm/isopod.devices\n"
				  "chmod 600 /run/lvm/isopod.devices\n"
				  "chcon --reference=" DEVICES
				  " /run/lvm/isopod.devices 2>/dev/null || :\nmount --bind /run/lvm/isopod.devices " DEVICES
				  "\n");
	(void)pod_sys_mkdir(UNITS "/sysinit.target.wants", 0755);
	if (put_file(IN_RUN "/" SCRIPT, script, n) && put_file(UNITS "/" SERVICE, unit, sizeof unit - 1))
		(void)pod_sys_symlink("../" SERVICE, UNITS "/sysinit.target.wants/" SERVICE);
}

void pod_lvmdev_shown(const struct pod_shown *s)
{
	if (!is_there(DEVICES) && !is_there(UNITS))
		return;
	look_at_all(s->name);
	change_here(s->name);
	change_there(s->name);
}

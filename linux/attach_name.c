/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for a device-mapper or loop device that shows the image.
 *
 * Live systems look for their medium among disks and partitions; live-boot passes over everything called dm-* and loop*. So the
 * node of the data partition, /dev/sda1, is made to lead to the device that shows the image, as if the partition covered it. (A
 * mapped disk cannot be mounted from by its partitions any more: nothing is taken away.) udev leaves a node alone whose number is
 * not its device's. Where udev has no rules for device-mapper, as in many dracut initramfs, /dev/disk/by-label gets its link from
 * here.
 */
#include "linux/attach.h"
#include "core/base/mem.h"

#define DEVTMPFS POD_DIR "/devtmpfs"

#define DESCRIPTOR_BYTES                                                                                                         \
	32768u /* ECMA-119 8.4: the primary volume descriptor; identifier "CD001" at 1, volume identifier at 40 */
#define LABEL_LEN 32u

static void put_node(const char *name, const struct pod_shown *s)
{
	char path[96];
	(void)pod_snprintf(path, sizeof path, DEVTMPFS "/%s", name);
	pod_sys_unlink(DEVTMPFS "/.isopod", 0);
	if (pod_sys_mknod(DEVTMPFS "/.isopod", SYS_S_IFBLK | 0660, s->major, s->minor) >= 0)
		(void)pod_sys_rename(DEVTMPFS "/.isopod", path);
}

/* As udev writes names: letters, digits and #+-.:=@_ stay, and so do bytes of UTF-8; the others become \xNN. */
static size_t encode_label(const uint8_t *label, char out[4 * LABEL_LEN + 1])
{
	size_t len = LABEL_LEN, n = 0;
	while (len && (label[len - 1] == ' ' || !label[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++) {
		char c = (char)label[i];
		bool plain = (c >= '0' && c <= '9') || (pod_tolower(c) >= 'a' && pod_tolower(c) <= 'z') || (label[i] & 0x80) != 0;
		for (const char *p = "#+-.:=@_"; *p; p++)
			plain |= c == *p;
		if (plain)
			out[n++] = c;
		else
			n += (size_t)pod_snprintf(out + n, 5, "\\x%02x", label[i]);
	}
	out[n] = 0;
	return n;
}

static void put_label(const struct pod_shown *s)
{
	uint8_t descriptor[40 + LABEL_LEN];
	char label[4 * LABEL_LEN + 1], path[4 * LABEL_LEN + 64], target[80];
	long fd = pod_open_node("shown", SYS_S_IFBLK, s->major, s->minor, SYS_O_RDONLY);
	if (fd < 0)
		return;
	long n = pod_sys_pread((int)fd, descriptor, sizeof descriptor, DESCRIPTOR_BYTES);
	pod_sys_close((int)fd);
	if (n != (long)sizeof descriptor || memcmp(descriptor + 1, "CD001", 5) != 0 || !encode_label(descriptor + 40, label))
		return;
	(void)pod_sys_mkdir(DEVTMPFS "/disk", 0755);
	(void)pod_sys_mkdir(DEVTMPFS "/disk/by-label", 0755);
	(void)pod_snprintf(path, sizeof path, DEVTMPFS "/disk/by-label/%s", label);
	(void)pod_snprintf(target, sizeof target, "../../%s", s->name);
	(void)pod_sys_symlink(target, path); /* udev's own stays */
}

void pod_name_shown(const struct pod_shown *s, const char *part, uint32_t part_major, uint32_t part_minor)
{
	(void)pod_sys_mkdir(DEVTMPFS, 0755);
	if (pod_sys_mount("devtmpfs", DEVTMPFS, "devtmpfs", 0, NULL) < 0)
		return;
	if (part[0]) {
		struct pod_shown volume = {.major = part_major, .minor = part_minor};
		put_node(POD_VOLUME_NODE, &volume);
		put_node(part, s);
	}
	put_label(s);
	(void)pod_sys_umount_detach(DEVTMPFS);
}

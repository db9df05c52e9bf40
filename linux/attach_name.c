/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that lead to the device that shows the image.
 *
 * The node of the stick's disk, /dev/sda, is one of them: some live systems look at whole disks only; and whoever writes to "the
 * disk" (an installer, casper's sfdisk, growpart) must not get at the stick. So it looks as if a hybrid image had been written to a
 * stick: the same file system on the disk and on its first partition. sysfs stays as it is.
 *
 * The node of the data partition, /dev/sda1, is another where device-mapper or a loop device shows the image: live systems look for
 * their medium among disks and partitions, and live-boot passes over everything called dm-* and loop*. (A mapped disk cannot be
 * mounted from by its partitions any more: nothing is taken away.)
 *
 * udev leaves a node alone whose number is not its device's. mdev does not, and a /dev that is no devtmpfs may be filled late; so the
 * names are looked at again while the watcher lives. Where udev has no rules for device-mapper, as in many dracut initramfs,
 * /dev/disk/by-label gets its link from here.
 */
#include "linux/attach.h"
#include "core/base/mem.h"

#define DESCRIPTOR_BYTES                                                                                                         \
	32768u /* ECMA-119 8.4: the primary volume descriptor; identifier "CD001" at 1, volume identifier at 40 */
#define LABEL_LEN 32u

static bool put_node(const char *dir, const char *name, uint32_t major, uint32_t minor)
{
	char made[96], path[96];
	(void)pod_snprintf(made, sizeof made, "%s/.isopod", dir);
	(void)pod_snprintf(path, sizeof path, "%s/%s", dir, name);
	pod_sys_unlink(made, 0);
	return pod_sys_mknod(made, SYS_S_IFBLK | 0660, major, minor) >= 0 && pod_sys_rename(made, path) >= 0;
}

static void keep_one(const struct pod_names *n, const char *dir, const struct pod_lent *l)
{
	char path[96];
	struct pod_sys_stat st;
	uint32_t major, minor;
	(void)pod_snprintf(path, sizeof path, "%s/%s", dir, l->name);
	if (pod_sys_stat(path, false, &st) < 0 || (st.mode & SYS_S_IFMT) != SYS_S_IFBLK)
		return;
	pod_split_dev(st.rdev, &major, &minor);
	if (major == l->major && minor == l->minor && put_node(dir, l->second, major, minor))
		(void)put_node(dir, l->name, n->major, n->minor);
}

void pod_name_keep(const struct pod_names *n)
{
	static const char *const dir[] = {POD_NAME_DEVTMPFS, POD_NAME_FIRST_DEV};
	for (size_t i = 0; i < POD_ARRAY_LEN(dir); i++)
		for (unsigned k = 0; k < n->count; k++)
			keep_one(n, dir[i], &n->lent[k]);
}

void pod_name_lend(struct pod_names *n, const char *name, const char *second, uint32_t major, uint32_t minor)
{
	if (n->count == POD_ARRAY_LEN(n->lent))
		return;
	struct pod_lent *l = &n->lent[n->count++];
	*l = (struct pod_lent){.second = second, .major = major, .minor = minor};
	(void)pod_strlcpy(l->name, name, sizeof l->name);
}

void pod_name_open(void)
{
	(void)pod_sys_mkdir(POD_NAME_DEVTMPFS, 0755);
	(void)pod_sys_mount("devtmpfs", POD_NAME_DEVTMPFS, "devtmpfs", 0, NULL);
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

void pod_name_label(const struct pod_shown *s)
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
	(void)pod_sys_mkdir(POD_NAME_DEVTMPFS "/disk", 0755);
	(void)pod_sys_mkdir(POD_NAME_DEVTMPFS "/disk/by-label", 0755);
	(void)pod_snprintf(path, sizeof path, POD_NAME_DEVTMPFS "/disk/by-label/%s", label);
	(void)pod_snprintf(target, sizeof target, "../../%s", s->name);
	(void)pod_sys_symlink(target, path); /* udev's own stays */
}

struct parts {
	const struct pod_shown *s;
	const char *disk;
};

static bool name_partition(void *ctx, const char *name)
{
	const struct parts *p = ctx;
	char path[160], text[32], node[48];
	struct pod_shown part = {.major = 0};
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s/%.40s/partition", p->s->name, name);
	if (pod_read_text(path, text, sizeof text) <= 0)
		return true;
	size_t len = pod_strlen(p->disk);
	bool digit = p->disk[len - 1] >= '0' && p->disk[len - 1] <= '9';
	(void)pod_snprintf(node, sizeof node, "%s%s%.8s", p->disk, digit ? "p" : "", text);
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s/%.40s/dev", p->s->name, name);
	if (pod_read_text(path, text, sizeof text) > 0 && pod_parse_dev(text, &part.major, &part.minor))
		(void)put_node(POD_NAME_DEVTMPFS, node, part.major, part.minor);
	return true;
}

void pod_name_partitions(const struct pod_shown *s, const char *disk)
{
	struct parts p = {s, disk};
	char path[96];
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s", s->name);
	(void)pod_each_name(path, name_partition, &p);
}

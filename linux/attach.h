/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways to show the image as a block device; shared by attach.c, attach_dm.c and attach_loop.c. */
#ifndef POD_LINUX_ATTACH_H
#define POD_LINUX_ATTACH_H

#include "linux/shim.h"

/* A block device that shows the image. */
struct pod_shown {
	char name[64]; /* "sda1", "dm-0", "loop0" */
	uint32_t major, minor;
	bool over_volume; /* the data partition is mounted underneath */
};

/* Where a way does not work, `why` (a short phrase) and `err` (-errno or 0) tell the reason. */
struct pod_try {
	const char *why;
	long err;
	bool busy; /* it may work when somebody lets go of the data partition */
};

static inline bool pod_try_fail(struct pod_try *t, const char *why, long err)
{
	t->busy = err == -SYS_EBUSY;
	t->why = why;
	t->err = err;
	return false;
}

/* Device-mapper: a table is made of targets, one behind the other, and then a device of it. */
void pod_dm_begin(void);
/* False: the table is full. */
bool pod_dm_add(uint64_t length_bytes, const char *type, const char *params);
bool pod_dm_add_linear(const struct pod_disk *disk, const struct pod_ho_run *run);
/* For the system to find; or underneath what it finds, where udev makes no links. */
enum pod_dm_as { POD_DM_SHOWN, POD_DM_SHOWN_RW, POD_DM_HIDDEN, POD_DM_HIDDEN_RW };
bool pod_dm_make(const char *name, enum pod_dm_as as, struct pod_shown *out, struct pod_try *t);
void pod_dm_remove(const char *name);
/* One linear target per run, on the whole disk; device "isopod", read-only. */
bool pod_dm_show(const struct pod_watch *w, const struct pod_disk *disk, uint32_t align, struct pod_shown *out,
		 struct pod_try *t);
/* The same of the persistence file, to be written to: device "isopod-persist". */
bool pod_dm_show_persist(const struct pod_watch *w, const struct pod_disk *disk, struct pod_shown *out, struct pod_try *t);
/* A loop device on `fd`, from `offset`, `length` bytes (0: to the end), with sectors of 512 bytes. */
enum { POD_LOOP_READ_ONLY = 1, POD_LOOP_PARTITIONS = 8, POD_LOOP_DIRECT = 16 };
bool pod_loop_show(const struct pod_watch *w, int fd, uint64_t offset, uint64_t length, uint32_t flags, struct pod_shown *out,
		   struct pod_try *t);
void pod_loop_clear(const struct pod_shown *s);

/* The disk that the record tells of, with the partitions of its own; what is written to it goes where the record says. *note: what the
 * system's writes come to, for the log. */
bool pod_disk_show(const struct pod_watch *w, const struct pod_disk *disk, struct pod_shown *out, const char **note,
		   struct pod_try *t);

/* A file of `size` bytes, all holes, in memory, open to be written to; < 0: `t` tells why not. Closed, it stays while a loop device has it. */
long pod_memory_open(uint64_t size, struct pod_try *t);
void pod_memory_close(int fd);
/* The same disk, copied into such a file. */
bool pod_memory_show(const struct pod_watch *w, const struct pod_disk *disk, struct pod_shown *out, struct pod_try *t);

/* The same for the system's own udev, of this one, which was shown. */
void pod_udev_shown(const struct pod_shown *s);
/* LVM's devices file names the partitions of this one, which was shown (lvmdev.c). */
void pod_lvmdev_shown(const struct pod_shown *s);

/* What the names of the stick's disk and of its data partition are lent for leaves them these. */
#define POD_DISK_NODE	"isopod-disk"
#define POD_VOLUME_NODE "isopod-volume"
/* Where nodes are: what all devtmpfs mounts show, and what the first process has, which may be something else. */
#define POD_NAME_DEVTMPFS  POD_DIR "/devtmpfs"
#define POD_NAME_FIRST_DEV POD_PROC_DIR "/1/root/dev"
/* Lets a name of the stick's lead to the image from now on; pod_name_keep does it. */
void pod_name_lend(struct pod_names *n, const char *name, const char *second, uint32_t major, uint32_t minor);
/* Makes the private view's window on the nodes that everybody sees. */
void pod_name_open(void);
/* Where udev does not, /dev/disk/by-label gets a link for the image's label. */
void pod_name_label(const struct pod_shown *s);
/* Lets the names that the partitions of the stick would have lead to those of `s`, a disk: sda1, sda2 ...; pod_name_open was called. */
void pod_name_partitions(const struct pod_shown *s, const char *disk);

/* Puts a partition into the kernel's view of the disk `fd`; -errno. */
long pod_add_partition(int fd, uint32_t number, uint64_t start_bytes, uint64_t length_bytes);
/* Is there one by that number? */
bool pod_has_partition(const struct pod_disk *disk, uint32_t number);
/* Takes a partition out of the kernel's view of the disk `fd`; -errno. */
long pod_drop_partition(int fd, uint32_t number);
/* Does so with the stick's boot partition, if nobody uses it. */
void pod_hide_boot_partition(const struct pod_ho_record *r, int fd);

/* Shows the persistence file, where the record has one, by the way that the image is shown by (attach_persist.c). As a partition: between
 * the data partition's going and the image's coming, so that whoever finds the image finds both; returns its number, 0: there is none. */
uint32_t pod_persist_partition(const struct pod_watch *w, const struct pod_disk *disk, int fd);
void pod_persist_mapped(const struct pod_watch *w, const struct pod_disk *disk);
void pod_persist_not_shown(const struct pod_watch *w, const char *why, long err);

/* Opens a control device by its number in sysfs, else by its well-known minor (which makes the kernel load the module by itself),
 * else after asking modprobe of the initramfs for `module`. */
long pod_open_control(const char *sysfs_name, uint32_t minor, const char *module, int flags);
/* Runs the initramfs' modprobe. */
void pod_modprobe(const char *module);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the shim share. */
#ifndef POD_LINUX_SHIM_H
#define POD_LINUX_SHIM_H

#include "core/base/str.h"
#include "core/trace/record.h"
#include "linux/handover.h"
#include "linux/sys.h"

/* The watcher's own view: file systems mounted over /isopod in a mount namespace nobody else sees. */
#define POD_DIR	     "/isopod"
#define POD_SYS_DIR  POD_DIR "/sys"
#define POD_PROC_DIR POD_DIR "/proc"
#define POD_DEV_DIR  POD_DIR "/dev"

enum pod_say_level { POD_SAY_ERROR = 3, POD_SAY_INFO = 6 };

/* Opens /dev/kmsg and /dev/console of the private view. */
void pod_say_open(void);
/* One line, "isopod: ..." in the kernel's log. An error also reaches the console, by the log's own rules or directly where these
 * keep errors from it. */
void pod_say(enum pod_say_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A whole disk found in /sys/block. */
struct pod_disk {
	char name[40];
	uint32_t major, minor;
	uint64_t size_bytes;
};

enum pod_use { POD_USE_ANY, POD_USE_BLKPG, POD_USE_DM, POD_USE_LOOP, POD_USE_FILE, POD_USE_OFF, POD_USE_DISK };

/* Names of the stick's, lent to the device that shows the image (attach_name.c). */
struct pod_lent {
	char name[40];	       /* "sda" */
	const char *second;    /* what it is to be reached by meanwhile */
	uint32_t major, minor; /* of what had the name */
};

struct pod_names {
	uint32_t major, minor; /* the device that shows the image */
	struct pod_lent lent[2];
	unsigned count;
	uint32_t optical; /* 1 + the number in the names of an optical drive that lead to it; 0: there are none */
};

/* Everything the watcher knows. */
struct pod_watch {
	struct pod_ho_record record;
	char path[256]; /* of the image, shortened, safe to print */
	enum pod_use use;
	uint32_t start_ms;
	uint32_t shown_major, shown_minor; /* the device that shows the image; 0, 0 while there is none */
	struct pod_names names;
	bool disk_stays_writable; /* something that is shown writes to the stick */
	bool is_disk;		  /* the image is a disk, or has one in it ... */
	struct pod_ho_disk vdisk; /* ... this one */
	char shown_disk[40];	  /* the name of the device, whose partitions are what the system mounts */
};

/* How long no block device may have come or gone before the disk, which is the stick, is taken to be the only one. */
uint32_t pod_settle_ms(const char *disk);
#define POD_SETTLE_SHORT_MS   150u
#define POD_SETTLE_QUIET_MS   1000u /* while there is a disk that cannot be read */
#define POD_SETTLE_PENDING_MS 2000u /* while something that may be another disk is on its way; usb-storage takes a second */
bool pod_usb_pending(void);

/* Shows the image as a block device. `fd` is the disk, open for reading. Says what it did, or why it could not. */
bool pod_attach(struct pod_watch *w, const struct pod_disk *disk, int fd);

/* Has udev let LVM look at the partitions of a loop device: before it starts, and no more when the initramfs has done its work (udev.c). */
void pod_udev_begin(void);
void pod_udev_end(void);

/* Has the lent names lead to the image again where somebody made them anew meanwhile (mdev, udev). */
void pod_name_keep(const struct pod_names *n);
/* Has /dev/sr0, /dev/cdrom and /dev/dvd lead to the image, or the names of the next number where a drive has them (attach_optical.c). */
void pod_optical_keep(struct pod_names *n);
/* Takes them away again, if the system has mounted its medium without them. */
void pod_optical_end(const struct pod_names *n);

/* The flight recorder (report.c); all do nothing if the hand-over record names no state file. */
bool pod_record_on(void);
void pod_record_begin(const struct pod_watch *w);
/* The stick was found: from now on there is something to write to. */
void pod_record_disk(const struct pod_disk *d);
/* Notes a stage, once. */
void pod_record_stage(enum pod_stage stage, uint32_t arg);
/* Writes what was noted since the last time. */
void pod_record_write(void);
/* Saves the end of the kernel's log. */
void pod_record_save_log(void);
/* Looks, at most once a second, whether the medium is mounted and whether a rescue shell was opened; saves the log where it
 * should. */
void pod_record_look(void);
/* Waits as pod_sys_poll_in does; a mount that comes and goes meanwhile is noticed. */
bool pod_record_wait(int fd, unsigned ms);

/* Reads a small text file; terminates and strips the newline. Returns its length or -errno. */
long pod_read_text(const char *path, char *buf, size_t size);
/* Opens a block or character device by number, through a node in the private view. */
long pod_open_node(const char *name, uint32_t type, uint32_t major, uint32_t minor, int flags);
/* "8:1" */
bool pod_parse_dev(const char *text, uint32_t *major, uint32_t *minor);
uint64_t pod_parse_u64(const char *text);
/* A device number in the kernel's "huge" encoding, as in struct stat. */
void pod_split_dev(uint64_t dev, uint32_t *major, uint32_t *minor);
/* The kernel's own flag of a block device, not the drive's. */
long pod_set_read_only(int fd, bool on);
bool pod_is_read_only(int fd);
void pod_sleep_ms(unsigned ms);
/* Loads the kernel modules that came with the record, for a kernel whose initramfs has not got them: /isopod/m0-RELEASE, m1-RELEASE and so
 * on, in this order. */
void pod_load_modules(void);
/* Calls `cb` for each name in a folder until it returns false; -errno if the folder cannot be read. */
long pod_each_name(const char *dir, bool (*cb)(void *ctx, const char *name), void *ctx);

/* Where nothing in the initramfs is an init (root.c): before the watcher starts; then, in its place, what the kernel would have done. */
void pod_root_begin(void);
_Noreturn void pod_root_run(char **argv, char **envp);
/* The watcher says that the disk, with its partitions, is there; "": what is shown is none. */
void pod_root_shown(const char *disk);

/* The watcher's life; never returns. */
_Noreturn void pod_watch_run(char *own_name);

_Noreturn void pod_shim_main(long *stack);

#endif

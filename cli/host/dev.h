/* SPDX-License-Identifier: BSD-2-Clause */
/* A file or block device of the host as a struct pod_dev. */
#ifndef POD_CLI_DEV_H
#define POD_CLI_DEV_H

#include <sys/types.h>
#include "cli/ui/ui.h"
#include "core/disk/dev.h"

struct cli_dev {
	struct pod_dev dev; /* first: reads and writes go through it */
	int fd;
	char *path;
	bool is_block;
	dev_t rdev; /* block devices: its number */
	dev_t file_dev;
	ino_t file_ino;		  /* regular files: what they are */
	int lock_fd;		  /* a loop device: the file behind it, locked; else -1 */
	int direct_fd;		  /* large reads and writes go through it, past the page cache; -1: none */
	int last_errno;		  /* of the last failed call, for the message */
	struct pod_budget budget; /* what reading may cost: no limit unless cli_dev_limit says so */
};

/* Opens for reading only, or for reading and writing (a block device then exclusively; a file is locked against a
 * second isopod and against QEMU). Says what is wrong and returns false on failure; `d` is then closed. */
bool cli_dev_open(struct cli_dev *d, const char *path, bool writable, struct fault *fault);
/* A regular file, created if need be (0666 less the umask), for writing. */
bool cli_dev_create(struct cli_dev *d, const char *path, struct fault *fault);
/* The same, but nothing of that name may be there yet. */
bool cli_dev_create_new(struct cli_dev *d, const char *path, struct fault *fault);
void cli_dev_close(struct cli_dev *d);
/* What is read from now on costs at most so many steps, and past POD_BUDGET_UNTIMED of them so many milliseconds; and ends with
 * cli_interrupted. For structures that somebody else wrote. Not for a device that is written to: the tidying up reads as well. */
void cli_dev_limit(struct cli_dev *d, uint64_t steps, uint64_t ms);
/* No limit any more, but still ends with cli_interrupted: for contents. */
void cli_dev_unlimited(struct cli_dev *d);
/* Less is better left to the kernel to gather and to read ahead; offset, length and buffer are multiples. */
#define CLI_DIRECT_LEN	 CLI_ALIGNED_FROM
#define CLI_DIRECT_ALIGN CLI_ALIGN
/* From now on large aligned reads and writes go past the page cache, if the file system can do that (what the cache holds already
 * is read from it): the copy of a large file then neither pushes everything else out of memory nor leaves all the waiting to the
 * flush at its end. */
void cli_dev_direct(struct cli_dev *d);
/* Changes a regular file's length; sparse. POD_E_* on failure. */
enum pod_status POD_MUST_USE cli_dev_truncate(struct cli_dev *d, uint64_t size_bytes);
/* Maps an errno of a read or write to the core's status. */
enum pod_status cli_errno_status(int err);

/* Called before each write and flush (off = UINT64_MAX) if not NULL: what the fault tests link in. A write may be cut short by
 * the hook ending the process. */
extern void (*cli_dev_hook)(const struct cli_dev *d, uint64_t off_bytes, const void *buf, size_t len);
/* The same before a file's length changes. */
extern void (*cli_dev_resize_hook)(const struct cli_dev *d, uint64_t size_bytes);

/* Where a read or write really lands, if not NULL: what the fault tests link in to make a counterfeit drive. May shorten *len. */
extern uint64_t (*cli_dev_place)(const struct cli_dev *d, uint64_t off_bytes, size_t *len);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* A file or block device of the host as a struct pod_dev. */
#ifndef POD_CLI_DEV_H
#define POD_CLI_DEV_H

#include <sys/types.h>
#include "cli/ui/ui.h"
#include "core/disk/dev.h"

struct cli_dev;

/* What is asked of the kernel, as it is asked and answered: -1 and errno, or what was done. */
struct cli_dev_ops {
	ssize_t (*read)(struct cli_dev *d, void *buf, size_t len, uint64_t off_bytes);
	ssize_t (*write)(struct cli_dev *d, const void *buf, size_t len, uint64_t off_bytes);
	int (*flush)(struct cli_dev *d);
	int (*resize)(struct cli_dev *d, uint64_t size_bytes);
	int (*punch)(struct cli_dev *d, uint64_t off_bytes, uint64_t len_bytes); /* the range reads as zeros; the length stays */
	int (*reserve)(struct cli_dev *d, uint64_t off_bytes,
		       uint64_t len_bytes); /* the range has its space; nothing else changes */
};
/*
 * What every device is opened with, given what the host does by itself. The command takes just that (dev_stack.c); the fault
 * tests link another definition (tests/interop/cli_faults.c), which stands on `host` and records, cuts or bends what passes
 * through, so that all of the command runs as it always does: its threads, its direct reads and writes, its holes.
 */
const struct cli_dev_ops *cli_dev_stack(const struct cli_dev_ops *host);

struct cli_dev {
	struct pod_dev dev; /* first: reads and writes go through it */
	const struct cli_dev_ops *ops;
	int fd;
	char *path;
	bool is_block;
	dev_t rdev; /* block devices: its number */
	dev_t file_dev;
	ino_t file_ino;		  /* regular files: what they are */
	int64_t changed_unix;	  /* and when they were last written to, as they were opened */
	int lock_fd;		  /* a loop device: the file behind it, locked; else -1 */
	int direct_fd;		  /* large reads and writes go through it, past the page cache; -1: none */
	int last_errno;		  /* of the last failed call, for the message */
	int lost_errno;		  /* of the first flush that failed; 0: none did */
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
/* Back to the page cache: for small accesses, or where a child goes on with the file. */
void cli_dev_buffered(struct cli_dev *d);
/* Changes a regular file's length; sparse. POD_E_* on failure. */
enum pod_status POD_MUST_USE cli_dev_truncate(struct cli_dev *d, uint64_t size_bytes);
/* Makes a range of a file read as zeros and gives its space back. POD_E_UNSUPPORTED where files have no holes. */
enum pod_status POD_MUST_USE cli_dev_punch(struct cli_dev *d, uint64_t off_bytes, uint64_t len_bytes);
/* Gives a range of a file its space without changing what it holds. POD_E_NOSPACE; POD_E_UNSUPPORTED where that is not known. */
enum pod_status POD_MUST_USE cli_dev_reserve(struct cli_dev *d, uint64_t off_bytes, uint64_t len_bytes);
/* Has a file another name as well, a hard link, which would change with it? Not told of NTFS, where Windows' short names count as such. */
bool cli_dev_has_other_name(const char *path);
/* Maps an errno of a read or write to the core's status. */
enum pod_status cli_errno_status(int err);

#endif

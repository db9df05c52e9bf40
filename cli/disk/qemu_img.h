/* SPDX-License-Identifier: BSD-2-Clause */
/* qemu-img, behind walls (cli/host/sandbox.h): it sees no file but the one that it shall write, and reads disks from us, over
 * NBD. */
#ifndef POD_CLI_DISK_QEMU_IMG_H
#define POD_CLI_DISK_QEMU_IMG_H

#include "cli/host/proc.h"

/* What the file to be written is called in the arguments. */
#define QEMU_IMG_OUT "in0"

struct qemu_img {
	const char *about; /* the file that it is about, for a sentence */
	const char *from;  /* socket of an NBD server of ours that it reads from, or NULL */
	const char *to;	   /* the same that it writes to, or NULL */
	int out;	   /* else the new file, open for reading and writing */
};

/* `options`, then what it reads, as a disk in `format` without a backing file, and where it writes. `from` NULL: there is nothing to
 * read, `options` are all there is. True on exit status 0; else the fault says why. */
bool qemu_img_run(const struct qemu_img *q, const char *format, const struct cli_args *options, struct fault *fault);

#endif

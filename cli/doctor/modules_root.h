/* SPDX-License-Identifier: BSD-2-Clause */
/* The modules in a Linux image's root image (squashfs), read by unsquashfs, behind walls, where it lies in the image. */
#ifndef POD_CLI_DOCTOR_MODULES_ROOT_H
#define POD_CLI_DOCTOR_MODULES_ROOT_H

#include "cli/doctor/doctor.h"
#include "cli/doctor/modules.h"

struct modules_root {
	struct modules modules;
	unsigned images; /* squashfs files found in the image */
	bool read;	 /* modules were found in one of them */
	bool hostile;	 /* unsquashfs came to grief on one; `problem` tells */
	char *problem;	 /* a sentence: why not; NULL if read, or if there is none */
};

void modules_root_read(struct modules_root *out, const struct doctor *d, const struct doctor_image *im);
void modules_root_free(struct modules_root *r);

/* The image's byte `at` on what holds it, if `len` bytes lie there in one piece: for a program that is given that and an offset. */
bool modules_root_place(const struct cli_image *f, uint64_t at, uint64_t len, uint64_t *out);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* How the systems in an image find their medium, for the commands that say so (core/plan/finds.h). */
#ifndef POD_CLI_DOCTOR_FINDS_H
#define POD_CLI_DOCTOR_FINDS_H

#include "cli/stick/image.h"
#include "cli/ui/ui.h"
#include "core/plan/finds.h"

struct finds_one {
	const struct pod_initrd *initrd; /* of the plan */
	struct pod_finds finds;
	char *problem; /* NULL, or a sentence: why it could not be read */
};

struct finds {
	struct finds_one *one; /* those with something that a kernel starts, and those that could not be read */
	size_t count;
};

/* Reads the image's initrds, each in a child behind walls: tenths of seconds to seconds. Those in partitions of disk images are left out:
 * they may lie in pieces. The plan must outlive it. False: not even the boot menus could be read, and it has said why. */
bool finds_read(struct cli_image *im, const struct pod_plan *plan, struct finds *out, struct fault *fault);
void finds_free(struct finds *f);

/* A sentence: what is looked for, and where that stands. The caller frees. */
char *finds_text(const struct finds_one *o);
/* Why the system will not find it; NULL: it can, or that is not known. The caller frees. */
char *finds_warning(const struct finds_one *o);
/* "find": an array of objects */
void finds_json(struct cli_json *j, const struct finds *f);

#endif

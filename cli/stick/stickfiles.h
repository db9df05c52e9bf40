/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that go onto a stick: boot code, loaders, shims, helpers for Windows PE, font. */
#ifndef POD_CLI_STICKFILES_H
#define POD_CLI_STICKFILES_H

#include <stddef.h>
#include <stdbool.h>

/* Reads the whole of a stick file ("SHIMX64") from $ISOPOD_DATA, else from stick/ beside the executable, else from the installed
 * data folder. NULL, and `fault` says so, if it is not there. The caller frees. */
void *cli_stickfile_read(const char *name, size_t *len, struct fault *fault);

#endif

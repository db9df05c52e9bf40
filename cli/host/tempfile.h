/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that get their name when they are whole.
 *
 * Until then they lie next to it as "NAME.isopod-XXXXXX", six random letters: nobody else's file is in the way, and what a crash
 * leaves behind can be told by its name.
 */
#ifndef POD_CLI_TEMPFILE_H
#define POD_CLI_TEMPFILE_H

#include "cli/ui/ui.h"

#define TEMPFILE_TAIL 14u /* bytes that the name gets longer */

/* Such a name for `path`. Whoever makes the file makes it exclusively (O_EXCL, bind). To be freed. */
char *tempfile_name(const char *path);
/* The same, and an empty file of that name (0666 less the umask). NULL: cannot be made, and said. */
char *tempfile_make(const char *path, struct fault *fault);
/* Gives `name` the name `path`; what is there is replaced only if `replace`. On failure, which is said, `name` stays. */
bool tempfile_commit(const char *name, const char *path, bool replace, struct fault *fault);

#endif

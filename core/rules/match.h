/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns of images in /isopod.conf: one or more with '|' between them, blanks around them do not count. '*' stands for any characters, also
 * none, '?' for one. A pattern with a slash in it is about the whole path (a folder of it, a slash, a star and ".img": whatever is below that folder and ends
 * so), one without about the name alone. ASCII letters of both cases are the same.
 */
#ifndef POD_RULES_MATCH_H
#define POD_RULES_MATCH_H

#include "core/base/status.h"

/* `path` is absolute: "/images/debian.iso". "" matches nothing. */
bool pod_rules_match(const char *patterns, const char *path);

#endif

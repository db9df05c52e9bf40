/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of persistence files (core/plan/persist.h), here and in the reports of other commands. */
#ifndef POD_CLI_PERSIST_SHOW_H
#define POD_CLI_PERSIST_SHOW_H

#include "cli/stick/target.h"
#include "core/plan/persist.h"

/* The images that have one, gathered from the names of a walk; zeroed: none. */
#define PERSIST_NAMES_MAX 20000u
struct persist_names {
	char **image;
	size_t count, cap;
};
/* Is this the path of a persistence file? */
bool persist_names_take(struct persist_names *n, const char *path);
/* After the last one, before the first question. */
void persist_names_sort(struct persist_names *n);
bool persist_names_have(const struct persist_names *n, const char *image);
void persist_names_free(struct persist_names *n);

/* What is in the file beside an image. POD_E_NOT_FOUND: there is none; POD_E_RANGE: it is not in one piece; POD_E_CHANGED: an overlay,
 * and not of the disk that the image is now; else as pod_persist_look. Where there is a file, out->length_bytes is its size. */
enum pod_status POD_MUST_USE persist_state(struct cli_target *t, const char *image, struct pod_persist *out);
/* The same with what the image's plan says of it, so that none has to be made; NULL: that is not known. */
enum pod_status POD_MUST_USE persist_state_planned(struct cli_target *t, const char *image, const struct pod_persist *planned,
						   struct pod_persist *out);
/* What is wrong with it, in words; NULL: nothing. */
const char *persist_problem(enum pod_status st, const struct pod_persist *p);
/* One line without its end; members of an object. */
void persist_text(enum pod_status st, const struct pod_persist *p);
void persist_json(struct cli_json *j, enum pod_status st, const struct pod_persist *p);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POD_CLI_LAYER_DIFF_CALL_H
#define POD_CLI_LAYER_DIFF_CALL_H

#include "cli/layer/diff.h"

typedef enum pod_status diff_list_function(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out);

/* Calls `list`, which calls the library `who`, in a child behind walls. What becomes of it badly is in out->problem. */
enum pod_status diff_call(const char *who, diff_list_function *list, struct pod_dev *volume, const struct diff_map *changed,
			  struct diff_list *out);

#endif

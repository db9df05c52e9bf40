/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by a merge and what takes one back. */
#ifndef POD_VHD_MERGE_INT_H
#define POD_VHD_MERGE_INT_H

#include "core/vhd/chain.h"

/* Before the parent changes. Whichever of the two identifiers it bears when power goes, the child is right; and it bears the mark. */
enum pod_status merge_announce(struct pod_member *child, struct pod_member *parent, const struct pod_vhd_env *env);
/* It shows what it is to show, and that is on disk: the mark goes, and only its identifier of now counts from here on. */
enum pod_status merge_settle(struct pod_member *child, struct pod_member *parent);

#endif

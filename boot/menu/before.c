/* SPDX-License-Identifier: BSD-2-Clause */
/* Before a start: is the state that its system is about to change kept as a snapshot? */
#include "boot/menu/pages.h"
#include "core/rules/match.h"

bool snapshot_by_rule(struct menu *m, size_t image)
{
	scan_image_path(&m->stick, image, m->path, sizeof m->path);
	return pod_rules_match(m->conf->snapshot, m->path);
}

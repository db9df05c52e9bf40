/* SPDX-License-Identifier: BSD-2-Clause */
/* Of a file of a layer store: is it the layer that the menu starts, and that may be written to? */
#include <stdlib.h>
#include <string.h>
#include "cli/cmd/plan.h"
#include "cli/layer/store.h"

void plan_warn_of_layer(const char *arg, struct fault *fault)
{
	struct layer_store *ls;
	const struct pod_stored *now;
	struct fault why = {0};
	const char *slash = strrchr(arg, '/');
	char *folder;
	uint32_t id;

	if (!pod_store_parse_file(slash ? slash + 1 : arg, NULL, &id))
		return;
	folder = slash ? cli_xasprintf("%.*s", (int)(slash - arg), arg) : cli_xstrdup(".");
	if (slash && (slash == arg || slash[-1] == ':')) { /* the root */
		free(folder);
		folder = cli_xasprintf("%.*s/", (int)(slash - arg), arg);
	}
	ls = cli_xzalloc(sizeof *ls);
	/* Without an index that can be read it is a file like others. */
	if (layer_store_load(ls, folder, false, &why) == CLI_OK) {
		now = pod_store_find(&ls->s, ls->s.current);
		if (now && now->id != id && pod_store_find(&ls->s, id))
			fault_warn(fault,
				   _("%s: not the current layer of its store: the boot menu lists %s; do not write to this one"),
				   arg, now->file);
		(void)layer_store_close(ls, &why);
	}
	fault_free(&why);
	free(ls);
	free(folder);
}

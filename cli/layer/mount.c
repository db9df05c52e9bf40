/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod layer mount: a layer's disk as files. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/layer/layer.h"
#include "cli/mount/mount.h"

/* STORE:LAYER: what stands behind the last colon is a layer, unless there is a slash in it (TARGET:/folder) or a store of that name.
 * Cuts the store off; NULL: there is no layer. */
static const char *layer_of(char *store)
{
	char *colon = strrchr(store, ':');
	struct stat st;

	if (!colon || strchr(colon, '/') || stat(store, &st) == 0)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static int mount_layer(struct layer_store *ls, const char *name, const char *dir, struct mount_how *how, struct fault *fault)
{
	struct pod_stored *e = name ? layer_store_get(ls, name, fault) : layer_store_current(ls, fault);
	struct disk *d = cli_xzalloc(sizeof *d);
	char *shown = e ? cli_xasprintf("%s:%s", ls->dir.shown, e->name) : NULL;
	int rc = e ? layer_store_open_disk(ls, e, d, fault) : CLI_FAILED;

	how->shown = shown;
	if (rc == CLI_OK) {
		rc = cli_mount_run(&d->chain.dev, dir, how, fault);
		if (layer_store_close_disk(ls, d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(shown);
	free(d);
	return rc;
}

int layer_cmd_mount(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {MOUNT_OPTIONS, {NULL, 0, NULL, 0}};
	struct mount_how how = {.still = true};
	struct layer_store *ls;
	const char *name;
	char *store;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f')
			how.foreground = true;
		else if (c == 'a')
			how.others = true;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind != 2)
		return cli_usage(fault, cmd, "%s", _("name one STORE or STORE:LAYER, and the folder DIR"));
	ls = cli_xzalloc(sizeof *ls);
	store = cli_xstrdup(argv[optind]);
	name = layer_of(store);
	rc = layer_store_open(ls, store, false, fault);
	if (rc == CLI_OK)
		rc = store_dir_lock(&ls->dir, fault) ? CLI_OK : CLI_FAILED;
	if (rc == CLI_OK)
		rc = mount_layer(ls, name, argv[optind + 1], &how, fault);
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(store);
	free(ls);
	return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Of a file of a layer store: is it the layer that the menu starts, and that may be written to? */
#include <stdlib.h>
#include <string.h>
#include "cli/cmd/plan.h"
#include "cli/layer/tree.h"
#include "core/rules/match.h"
#include "core/vhd/chain.h"

/* The caller frees. */
static char *folder_of(const char *arg)
{
	const char *slash = strrchr(arg, '/');

	if (slash && (slash == arg || slash[-1] == ':')) /* the root */
		return cli_xasprintf("%.*s/", (int)(slash - arg), arg);
	return slash ? cli_xasprintf("%.*s", (int)(slash - arg), arg) : cli_xstrdup(".");
}

static bool is_layer_name(const char *arg, uint32_t *id)
{
	const char *slash = strrchr(arg, '/');

	return pod_store_parse_file(slash ? slash + 1 : arg, NULL, id);
}

/* The store that FILE or TARGET:PATH, whose name is a layer's, may be in. NULL: it is in none; without an index that can be read it is a file
 * like others. */
static struct layer_store *open_store(const char *arg, uint32_t *id)
{
	struct layer_store *ls = NULL;
	struct fault why = {0};
	char *folder;

	if (!is_layer_name(arg, id))
		return NULL;
	folder = folder_of(arg);
	ls = cli_xzalloc(sizeof *ls);
	if (layer_store_load(ls, folder, false, &why) != CLI_OK) {
		free(ls);
		ls = NULL;
	}
	fault_free(&why);
	free(folder);
	return ls;
}

static void close_store(struct layer_store *ls)
{
	struct fault why = {0};

	if (ls)
		(void)layer_store_close(ls, &why);
	fault_free(&why);
	free(ls);
}

void plan_warn_of_layer(const char *arg, struct fault *fault)
{
	uint32_t id;
	struct layer_store *ls = open_store(arg, &id);
	const struct pod_stored *now = ls ? pod_store_find(&ls->s, ls->s.current) : NULL;

	if (now && now->id != id && pod_store_find(&ls->s, id))
		fault_warn(fault, _("%s: not the current layer of its store: the boot menu lists %s; do not write to this one"),
			   arg, now->file);
	close_store(ls);
}

/* As the menu has it (boot/menu/before.c): the folder, or any layer in it, stands for the store. */
static bool is_asked_for(const struct pod_store *s, const char *rule, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = cli_xasprintf("%.*s", slash ? (int)(slash - path) : 0, path);
	bool asked = pod_rules_match(rule, path) || pod_rules_match(rule, folder);

	for (size_t i = 0; s && i < s->count && !asked; i++) {
		char *other = cli_xasprintf("%s/%s", folder, s->layer[i].file);

		asked = pod_rules_match(rule, other);
		free(other);
	}
	free(folder);
	return asked;
}

/* A layer's file beside an index, whatever that says. */
static bool is_beside_index(const char *arg)
{
	struct fault why = {0};
	struct store_dir d;
	bool there = false;
	uint32_t id;
	char *folder;

	if (!is_layer_name(arg, &id))
		return false;
	folder = folder_of(arg);
	if (store_dir_open(&d, folder, false, false, &why)) {
		there = d.ops->exists(&d, POD_STORE_INDEX);
		(void)store_dir_close(&d, &why);
	}
	fault_free(&why);
	free(folder);
	return there;
}

/* Nobody knows which layer is current, or its file is not there: the menu, which is asked for a snapshot, says so too. */
static bool is_lost(struct layer_store *ls, const char *arg, uint32_t id)
{
	const struct pod_stored *cur = ls ? pod_store_find(&ls->s, ls->s.current) : NULL;

	if (!ls)
		return is_beside_index(arg);
	return pod_store_knows(&ls->s, id) && !(cur && ls->dir.ops->exists(&ls->dir, cur->file));
}

static char *say_snapshot(const struct pod_store *s, bool *taken)
{
	const struct pod_stored *under_way = NULL, *locked = pod_store_find(s, s->locked);

	for (size_t i = 0; i < s->count && !under_way; i++)
		if (s->layer[i].flags & POD_STORED_UNDER_WAY)
			under_way = &s->layer[i];
	*taken = false;
	if (locked)
		return cli_xasprintf(_("No snapshot before it starts: its layer store is locked, and each start begins from %s."),
				     locked->name);
	if (under_way)
		return cli_xasprintf(
			_("No snapshot before it starts: a change of the layer %s was interrupted; see 'isopod layer "
			  "check'."),
			under_way->name);
	if (pod_store_depth(s, s->current) >= POD_CHAIN_DEPTH_MAX)
		return cli_xasprintf(_("No snapshot before it starts: no more than %u layers can be based on each other; 'isopod "
				       "layer prune' deletes old ones."),
				     POD_CHAIN_DEPTH_MAX);
	if (!s->spares)
		return cli_xstrdup(
			_("No snapshot before it starts: there is no spare file to go on in; 'isopod layer spare' makes "
			  "some."));
	*taken = true;
	return cli_xasprintf(
		_("Before it starts, what was written to it is kept as a snapshot, as isopod.conf says; there are spare "
		  "files for %zu."),
		s->spares);
}

char *plan_snapshot(struct cli_image *im, const char *arg, bool *taken)
{
	const char *rule = cli_image_snapshot_rule(im);
	uint32_t id = 0;
	struct layer_store *ls = *rule ? open_store(arg, &id) : NULL;
	char *text = NULL;

	bool lost = *rule && is_lost(ls, arg, id);

	*taken = false;
	if ((ls || lost) && is_asked_for(ls ? &ls->s : NULL, rule, im->path)) {
		if (lost)
			text = cli_xstrdup(_(
				"No snapshot before it starts: its layer store cannot be read, or its current layer is missing; "
				"see 'isopod layer check'."));
		else if (ls->s.current == id)
			text = say_snapshot(&ls->s, taken);
	}
	close_store(ls);
	return text;
}

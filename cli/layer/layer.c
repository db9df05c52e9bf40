/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod layer: finds the subcommand; those that only change the tree are here. */
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "cli/host/digest.h"
#include "cli/layer/hash.h"
#include "cli/layer/layer.h"
#include "cli/layer/live.h"
#include "cli/mount/mount.h"

/* Opens the store for writing, does it, closes. */
static int with_store(const char *arg,
		      int (*act)(struct layer_store *ls, const char *a, const char *b, bool flag, struct fault *fault),
		      const char *a, const char *b, bool flag, struct fault *fault)
{
	struct layer_store *ls = cli_xzalloc(sizeof *ls);
	int rc = layer_store_open(ls, arg, true, fault);

	if (rc == CLI_OK)
		rc = act(ls, a, b, flag, fault);
	if (rc == CLI_OK)
		layer_store_refill(ls, fault);
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(ls);
	return rc;
}

/* Options: at most one flag. Operands: STORE and `min` to `max` more. */
static int parse(const struct cli_command *cmd, int argc, char **argv, const char *flag, int min, int max, bool *given,
		 struct fault *fault)
{
	const struct option options[] = {{flag ? flag : "", no_argument, NULL, 'x'}, {NULL, 0, NULL, 0}};
	int c;

	*given = false;
	while ((c = getopt_long(argc, argv, "", flag ? options : options + 1, NULL)) != -1) {
		if (c != 'x')
			return cli_bad_option(fault, cmd, argv);
		*given = true;
	}
	c = argc - optind - 1;
	if (c < min || c > max)
		return cli_usage(fault, cmd, "%s",
				 max > 1 ? _("name one STORE, a layer, and its new name or its new parent")
				 : max	 ? _("name one STORE, and at most one layer")
					 : _("name one STORE"));
	return CLI_OK;
}

static int act_snapshot(struct layer_store *ls, const char *a, const char *b, bool flag, struct fault *fault)
{
	(void)b;
	(void)flag;
	return layer_store_snapshot(ls, a, fault);
}

static int act_rollback(struct layer_store *ls, const char *a, const char *b, bool flag, struct fault *fault)
{
	(void)b;
	return layer_store_rollback(ls, a, flag, fault);
}

static int act_delete(struct layer_store *ls, const char *a, const char *b, bool flag, struct fault *fault)
{
	(void)b;
	(void)flag;
	return layer_store_delete(ls, a, fault);
}

static int act_rename(struct layer_store *ls, const char *a, const char *b, bool flag, struct fault *fault)
{
	(void)flag;
	return layer_store_rename(ls, a, b, fault);
}

static int act_rebase(struct layer_store *ls, const char *a, const char *b, bool flag, struct fault *fault)
{
	(void)flag;
	return layer_store_rebase(ls, a, b, fault);
}

static int act_lock(struct layer_store *ls, const char *a, const char *b, bool off, struct fault *fault)
{
	(void)b;
	return off ? layer_store_unlock(ls, fault) : layer_store_lock(ls, a, fault);
}

static int act_flatten(struct layer_store *ls, const char *a, const char *b, bool flag, struct fault *fault)
{
	(void)b;
	(void)flag;
	return layer_store_flatten(ls, a, fault);
}

static int act_start(struct layer_store *ls, const char *a, const char *b, bool flag, struct fault *fault)
{
	(void)a;
	(void)b;
	(void)flag;
	return ls->s.locked ? layer_store_fresh(ls, fault) : CLI_OK;
}

static const struct {
	const char *name, *flag;
	int (*act)(struct layer_store *ls, const char *a, const char *b, bool flag, struct fault *fault);
	int min, max;
} actions[] = {
	{"snapshot", "hash", act_snapshot, 0, 1}, {"rollback", "discard", act_rollback, 0, 1},
	{"delete", NULL, act_delete, 1, 1},	  {"rename", NULL, act_rename, 2, 2},
	{"lock", "off", act_lock, 0, 1},	  {"flatten", NULL, act_flatten, 0, 1},
	{"rebase", NULL, act_rebase, 2, 2},
};

/* The hashes of the snapshot that was just taken, behind its step: it took no longer for them. */
static int hash_snapshot(const char *arg, struct fault *fault)
{
	struct layer_store *ls = cli_xzalloc(sizeof *ls);
	struct pod_hashes h = {0};
	int rc = layer_store_open(ls, arg, false, fault);

	if (rc == CLI_OK) {
		struct pod_stored *cur = layer_store_current(ls, fault), *e = cur ? pod_store_find(&ls->s, cur->parent) : NULL;

		rc = e ? layer_hashes_get(ls, e, &h, fault) : CLI_FAILED;
	}
	if (rc != CLI_OK)
		fault_warn(fault, _("%s: the snapshot was taken; 'isopod layer check --hash' takes its hashes"), arg);
	pod_hashes_fini(&h);
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(ls);
	return rc;
}

/* Who serves the store for writing makes the snapshot itself. */
static int take_snapshot(const char *arg, const char *name, bool hash, struct fault *fault)
{
	int rc;

	if (hash && !cli_digest_ready(fault))
		return CLI_FAILED;
	if (!live_control_snapshot(arg, name, &rc, fault))
		rc = with_store(arg, act_snapshot, name, NULL, false, fault);
	return rc == CLI_OK && hash ? hash_snapshot(arg, fault) : rc;
}

static int print_path(const char *arg, struct fault *fault)
{
	struct layer_store *ls = cli_xzalloc(sizeof *ls);
	int rc = layer_store_open(ls, arg, false, fault);

	if (rc == CLI_OK) {
		struct pod_stored *e = layer_store_current(ls, fault);
		char *file = e ? layer_store_file(ls, e, fault) : NULL, *shown = file ? store_dir_name(&ls->dir, file) : NULL;

		if (!shown)
			rc = CLI_FAILED;
		else
			cli_print("%s\n", shown);
		free(shown);
		free(file);
	}
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(ls);
	return rc;
}

static int cmd_path(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	bool none;
	int rc = parse(cmd, argc, argv, NULL, 0, 0, &none, fault);

	if (rc == CLI_OK)
		rc = print_path(argv[optind], fault);
	return rc == CLI_OK ? cli_flush(fault) : rc;
}

static int cmd_start(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	bool none;
	int rc = parse(cmd, argc, argv, NULL, 0, 0, &none, fault);

	if (rc == CLI_OK) {
		cli_catch_signals();
		rc = with_store(argv[optind], act_start, NULL, NULL, false, fault);
	}
	if (rc == CLI_OK)
		rc = print_path(argv[optind], fault);
	return rc == CLI_OK ? cli_flush(fault) : rc;
}

/* An interrupted commit is decided about on a store that is opened as it is. */
static int commit(const char *arg, const char *name, int decided, struct fault *fault)
{
	struct layer_store *ls = cli_xzalloc(sizeof *ls);
	int rc = decided ? layer_store_load(ls, arg, true, fault) : layer_store_open(ls, arg, true, fault);

	if (rc == CLI_OK)
		rc = !decided	      ? layer_store_commit(ls, name, fault)
		     : decided == 'r' ? layer_store_resume_commit(ls, fault)
				      : layer_store_undo_commit(ls, fault);
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(ls);
	return rc;
}

static int cmd_commit(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {
		{"resume", no_argument, NULL, 'r'}, {"undo", no_argument, NULL, 'u'}, {NULL, 0, NULL, 0}};
	int c, decided = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return cli_bad_option(fault, cmd, argv);
		if (decided && decided != c)
			return cli_usage(fault, cmd, "%s", _("say --resume or --undo, not both"));
		decided = c;
	}
	if (argc - optind < 1 || argc - optind > (decided ? 1 : 2))
		return cli_usage(fault, cmd, "%s", decided ? _("name one STORE") : _("name one STORE, and at most one layer"));
	cli_catch_signals();
	return commit(argv[optind], argv[optind + 1], decided, fault);
}

static const struct {
	const char *name;
	int (*run)(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
} verbs[] = {
	{"create", layer_cmd_create}, {"list", layer_cmd_list},	       {"check", layer_cmd_check},
	{"export", layer_cmd_export}, {"diff", layer_cmd_diff},	       {"path", cmd_path},
	{"start", cmd_start},	      {"prune", layer_cmd_prune},      {"commit", cmd_commit},
	{"mount", layer_cmd_mount},   {"unmount", cli_mount_cmd_undo}, {"serve", layer_cmd_serve},
	{"send", layer_cmd_send},     {"receive", layer_cmd_receive},  {"spare", layer_cmd_spare},
};

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	const char *verb = argc > 1 ? argv[1] : NULL;
	bool given;
	int rc;

	if (!verb)
		return cli_usage(
			fault, cmd, "%s",
			_("say what to do: create, snapshot, rollback, path, start, serve, list, diff, commit, flatten, rebase, "
			  "prune, delete, rename, lock, spare, check, export, send, receive, mount, unmount"));
	for (size_t i = 0; i < POD_ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, verb) == 0)
			return verbs[i].run(cmd, argc - 1, argv + 1, fault);
	for (size_t i = 0; i < POD_ARRAY_LEN(actions); i++) {
		if (strcmp(actions[i].name, verb) != 0)
			continue;
		argc--;
		argv++;
		rc = parse(cmd, argc, argv, actions[i].flag, actions[i].min, actions[i].max, &given, fault);
		if (rc != CLI_OK)
			return rc;
		cli_catch_signals();
		if (actions[i].act == act_snapshot)
			return take_snapshot(argv[optind], argv[optind + 1], given, fault);
		return with_store(argv[optind], actions[i].act, argv[optind + 1], argc - optind > 2 ? argv[optind + 2] : NULL,
				  given, fault);
	}
	return cli_usage(fault, cmd, _("unknown command 'layer %s'"), verb);
}

const struct cli_command cli_layer = {
	.name = "layer",
	.arguments =
		"create|snapshot|rollback|path|start|serve|list|diff|commit|flatten|rebase|prune|delete|rename|lock|spare|check|export|send|receive|mount|unmount STORE ...",
	.summary = N_("layers of a disk on top of each other: snapshot and go back at once"),
	.help = N_(
		"STORE is a folder, or TARGET:/folder on a stick.\n"
		"  create STORE --size N | --from FILE [--input-format F] [--follow] [--name NAME]\n"
		"                                   a base, and a layer on it to write to\n"
		"  snapshot STORE [NAME] [--hash]   keep the state of now; go on in a new layer; then hash what it shows\n"
		"  rollback STORE [NAME] [--discard]   go on from that layer; default: from the last snapshot\n"
		"  path STORE                       the file to boot or to serve now\n"
		"  start STORE                      the same for a boot that begins; of a locked store a fresh one\n"
		"  serve STORE [--nbd SOCKET] [--write] [--once]\n"
		"                                   the store to NBD clients; snapshots can be taken meanwhile\n"
		"  list STORE [--json]              the tree of layers\n"
		"  diff STORE A [B] [--json] [--export DIR | --tar FILE] [--unsafe-read]\n"
		"                                   files added, changed, removed between two layers; those of B into a new folder,\n"
		"                                   or a tar archive ('-': to standard output, instead of the list)\n"
		"  commit STORE [NAME]              a layer's content into the one below it\n"
		"  commit STORE --resume | --undo   one that was interrupted: finish it, or take it back\n"
		"  flatten STORE [NAME]             make a layer independent of those below it\n"
		"  rebase STORE NAME ONTO           give a layer another parent; its content stays the same\n"
		"  prune STORE --keep N | --keep-daily N | --keep-weekly N | --keep-starts N ... [--dry-run]\n"
		"                                   delete other snapshots; layers that stay show what they showed\n"
		"  delete STORE NAME                remove a layer that no other one is based on\n"
		"  rename STORE NAME NEW\n"
		"  lock STORE [NAME] | --off        each boot starts from the same state; its changes are discarded\n"
		"  spare STORE [N]                  files made ahead, for snapshots that the boot menu takes before starts\n"
		"  check STORE [--repair] [--hash] [--json] [--unsafe-read]\n"
		"  export STORE FILE [--layer NAME] [--format raw|vhd|vhdx|qcow2] [--replace [--yes]] [--unsafe-read]\n"
		"  send STORE A..B | B | --resume TOKEN   what changed from A to B, or all of B, to standard output\n"
		"  receive STORE [--status]         takes that from standard input; how to go on with what was interrupted\n"
		"  mount STORE[:LAYER] DIR [--foreground] [--allow-other]\n"
		"                                   the layer's disk, its partitions and their files in an empty folder, read-only\n"
		"  unmount DIR\n"),
	.run = run,
};

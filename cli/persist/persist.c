/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod persist: finds the subcommand. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/persist/persist.h"

enum verb { CREATE, LIST, SNAPSHOT, ROLLBACK, REMOVE, VERBS };

static const char *const verb_name[VERBS] = {"create", "list", "snapshot", "rollback", "remove"};

struct asked {
	enum verb verb;
	const char *target;
	char *image;	     /* its path on the stick */
	uint64_t size_bytes; /* 0: as fits */
	bool json;
	bool named; /* the type, by the user */
	struct persist_type type;
};

int persist_none(struct cli_volume *v, const char *path, struct fault *fault)
{
	return fault_set(fault, _("%s:%s: there is no persistence file; 'isopod persist list' shows what there is"),
			 v->t->file.path, path);
}

static int remove_one(struct cli_volume *v, const char *path, bool must, struct fault *fault)
{
	struct pod_diag diag = {0};
	enum pod_status st = cli_volume_remove(v, path, &diag);

	if (st == POD_E_NOT_FOUND)
		return must ? persist_none(v, path, fault) : CLI_OK;
	return st == POD_OK ? CLI_OK : cli_volume_fail(v, path, _("cannot remove"), st, &diag, fault);
}

static int remove_both(struct cli_volume *v, const char *image, struct fault *fault)
{
	char *path = persist_path(image), *snapshot = persist_snapshot_path(image);
	int rc = remove_one(v, path, true, fault);

	if (rc == CLI_OK)
		rc = remove_one(v, snapshot, false, fault);
	free(snapshot);
	free(path);
	return rc;
}

static bool move_one(struct cli_volume *v, char *from, char *to, struct fault *fault)
{
	struct pod_diag diag = {0};
	enum pod_status st = cli_volume_rename(v, from, to, 0, &diag);

	if (st != POD_OK && st != POD_E_NOT_FOUND)
		cli_volume_fail(v, to, _("cannot move"), st, &diag, fault);
	free(from);
	free(to);
	return st == POD_OK || st == POD_E_NOT_FOUND;
}

bool persist_move(struct cli_volume *v, const char *from, const char *to, struct fault *fault)
{
	bool ok = move_one(v, persist_path(from), persist_path(to), fault);

	return move_one(v, persist_snapshot_path(from), persist_snapshot_path(to), fault) && ok;
}

void persist_warn_left(struct cli_volume *v, const char *image, struct fault *fault)
{
	char *path = persist_path(image);
	struct pod_node node;

	if (cli_volume_lookup(v, path, &node) == POD_OK)
		fault_warn(fault, _("%s: the image is gone, its persistence file stays; 'isopod persist remove' takes it away"),
			   path);
	free(path);
}

/* The image is there, and what is in it is known. */
static bool look(struct asked *a, struct fault *fault)
{
	struct cli_target *t = cli_target_open(a->target, false, fault);
	bool ok = t && persist_type_find(t, a->image, a->named, &a->type, fault);

	cli_target_close(t);
	return ok;
}

static int on_volume(struct asked *a, struct fault *fault)
{
	struct cli_volume *v = cli_xzalloc(sizeof *v);
	int rc = CLI_FAILED;

	cli_catch_signals();
	if ((a->verb != CREATE || look(a, fault)) && cli_volume_open(v, a->target, fault)) {
		if (a->verb == CREATE)
			rc = persist_create(v, a->image, &a->type, a->size_bytes, a->json, fault);
		else if (a->verb == SNAPSHOT)
			rc = persist_snapshot(v, a->image, fault);
		else
			rc = a->verb == ROLLBACK ? persist_rollback(v, a->image, fault) : remove_both(v, a->image, fault);
		if (!cli_volume_close(v, fault))
			rc = CLI_FAILED;
	}
	free(v);
	return rc;
}

static int take_option(const struct cli_command *cmd, int option, char **argv, struct asked *a, struct fault *fault)
{
	if (option == 'j' && (a->verb == CREATE || a->verb == LIST)) {
		a->json = true;
	} else if (option == 's' && a->verb == CREATE) {
		if (!cli_parse_size(optarg, &a->size_bytes) || !a->size_bytes)
			return cli_usage(fault, cmd, _("'%s' is not a size; use a number with K, M, G or T"), optarg);
	} else if (option == 'k' && a->verb == CREATE) {
		a->named = persist_type_named(optarg, &a->type);
		if (!a->named)
			return cli_usage(fault, cmd, _("unknown kind '%s'; use one of %s"), optarg, PERSIST_TYPES);
	} else {
		return cli_bad_option(fault, cmd, argv);
	}
	return CLI_OK;
}

static int parse(const struct cli_command *cmd, int argc, char **argv, struct asked *a, struct fault *fault)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"size", required_argument, NULL, 's'},
						{"kind", required_argument, NULL, 'k'},
						{NULL, 0, NULL, 0}};
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rc = take_option(cmd, c, argv, a, fault);
		if (rc != CLI_OK)
			return rc;
	}
	if (argc - optind != (a->verb == LIST ? 1 : 2))
		return cli_usage(fault, cmd, "%s",
				 a->verb == LIST ? _("name one TARGET") : _("name a TARGET and one image on it"));
	a->target = argv[optind];
	a->image = a->verb == LIST ? NULL : cli_target_path(argv[optind + 1], fault);
	return a->verb == LIST || a->image ? CLI_OK : CLI_FAILED;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct asked a = {0};
	int rc;

	if (argc < 2)
		return cli_usage(fault, cmd, "%s", _("say what to do: create, list, snapshot, rollback, remove"));
	while (a.verb < VERBS && strcmp(verb_name[a.verb], argv[1]) != 0)
		a.verb++;
	if (a.verb == VERBS)
		return cli_usage(fault, cmd, _("unknown command 'persist %s'"), argv[1]);
	rc = parse(cmd, argc - 1, argv + 1, &a, fault);
	if (rc == CLI_OK)
		rc = a.verb == LIST ? persist_list(a.target, a.json, fault) : on_volume(&a, fault);
	free(a.image);
	return rc;
}

const struct cli_command cli_persist = {
	.name = "persist",
	.arguments = "create|list|snapshot|rollback|remove TARGET [IMAGE] ...",
	.summary = N_("let live systems keep their changes, in a file beside the image"),
	.help = N_("  create TARGET IMAGE [--size N] [--kind K] [--json]\n"
		   "                            a file beside the image, which its live system finds by itself;\n"
		   "                            K (live-boot, casper, casper-rw, dracut, kiwi, archiso, alpine, puppy,\n"
		   "                            tinycore) where the image does not tell; beside a disk image it takes\n"
		   "                            what is written to that disk\n"
		   "  list TARGET [--json]      which images have one, and how much is free in it\n"
		   "  snapshot TARGET IMAGE     copy the file; one snapshot, the last one, is kept\n"
		   "  rollback TARGET IMAGE     go on from the snapshot; what was changed since is lost\n"
		   "  remove TARGET IMAGE       the file, its snapshot, and all that was kept\n"),
	.run = run,
};

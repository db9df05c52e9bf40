/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod layer spare: files that are made ahead, for the boot manager, which makes none: with `snapshot` in isopod.conf it keeps the state
 * before a start as a snapshot, and goes on in a spare file (boot/menu/spare.c). The index knows them, but as no layers.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/host/identity.h"
#include "cli/layer/layer.h"
#include "cli/layer/pieces.h"
#include "core/base/str.h"

#define SPARES_DEFAULT 7u
#define SPARES_MAX     64u

/* As large as the disk is now, and as the current layer's file says. */
static int make_spare(struct layer_store *ls, const struct pod_stored *cur, struct fault *fault)
{
	struct pod_stored e = {.id = layer_store_new_id(ls),
			       .flags = POD_STORED_SPARE,
			       .created = cli_identity_time(NULL),
			       .size_bytes = cur->size_bytes};
	enum pod_status st;
	int rc;

	layer_store_number(ls, e.name);
	pod_store_file_name(e.file, e.name, e.id);
	rc = layer_store_make_child(ls, cur, &e, fault);
	if (rc != CLI_OK)
		return rc;
	st = pod_store_add_spare(&ls->s, &e);
	if (st == POD_OK)
		return CLI_OK;
	layer_store_leave_file(ls, e.file, fault);
	return fault_status(fault, ls->dir.shown, _("cannot add a layer"), st, NULL);
}

/* Whose file is there, large enough, and as it was made. *keep: it is none, but what it holds is not ours to delete. */
static bool is_good(struct layer_store *ls, const struct pod_stored *e, const struct pod_stored *cur, bool *keep,
		    struct fault *fault)
{
	struct layer_piece p = {.e = *e};
	bool there = ls->dir.ops->exists(&ls->dir, e->file), sound = there && layer_piece_read(ls, &p, NULL) && p.silent;

	*keep = there && !sound;
	if (*keep)
		fault_warn(fault, _("%s/%s: cannot be used as a spare file, and stays as it is: it is damaged, or holds data"),
			   ls->dir.shown, e->file);
	return sound && p.e.size_bytes >= cur->size_bytes;
}

struct writable {
	struct layer_store *ls;
	uint32_t *id;
	size_t n;
};

static void note_writable(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only)
{
	struct writable *w = ctx;
	uint32_t id;
	const struct pod_stored *e = pod_store_parse_file(name, NULL, &id) ? pod_store_find(&w->ls->s, id) : NULL;

	(void)size;
	(void)mtime;
	if (!e || read_only || id == w->ls->s.current || !(e->flags & POD_STORED_STARTED))
		return;
	w->id = cli_xrealloc(w->id, w->n + 1, sizeof *w->id);
	w->id[w->n++] = id;
}

/* What the boot manager has made a snapshot is read-only from now on: it sets no attributes itself. */
static void protect_started(struct layer_store *ls, struct fault *fault)
{
	struct writable w = {.ls = ls};
	bool any = false;

	for (size_t i = 0; i < ls->s.count; i++)
		any |= (ls->s.layer[i].flags & POD_STORED_STARTED) != 0;
	if (any && ls->dir.ops->each(&ls->dir, note_writable, &w, fault))
		for (size_t i = 0; i < w.n; i++)
			layer_store_protect(ls, w.id[i], fault);
	free(w.id);
}

/* Those that are not wanted go once the index does not name them. */
static void remove_files(struct layer_store *ls, struct pod_stored *gone, size_t n, struct fault *fault)
{
	for (size_t i = 0; i < n; i++)
		if (ls->dir.ops->exists(&ls->dir, gone[i].file))
			layer_store_leave_file(ls, gone[i].file, fault);
}

static int refill(struct layer_store *ls, const struct pod_stored *cur, struct fault *fault)
{
	struct pod_stored *gone = cli_xmalloc((ls->s.spares + 1) * sizeof *gone);
	size_t n = 0, before;
	uint32_t last = 0;
	bool keep, changed = false;
	int rc = CLI_OK;

	for (size_t i = ls->s.spares; i-- > 0;) {
		bool good = is_good(ls, &ls->s.spare[i], cur, &keep, fault);

		if (good && i < ls->s.spares_wanted)
			continue;
		if (!keep)
			gone[n++] = ls->s.spare[i];
		pod_store_drop_spare(&ls->s, ls->s.spare[i].id);
		changed = true;
	}
	before = ls->s.spares;
	while (rc == CLI_OK && ls->s.spares < ls->s.spares_wanted && !cli_interrupted)
		rc = make_spare(ls, cur, fault);
	/* What could be made counts, once its names are on the medium: the index comes after them. */
	if ((ls->s.spares > before && !ls->dir.ops->sync(&ls->dir, fault)) ||
	    ((ls->s.spares > before || changed) && layer_store_save(ls, fault) != CLI_OK)) {
		while (ls->s.spares > before) {
			last = ls->s.spare[ls->s.spares - 1].id;
			layer_store_take_back(ls, last, fault);
			pod_store_drop_spare(&ls->s, last);
		}
		n = 0;
		rc = CLI_FAILED;
	}
	remove_files(ls, gone, n, fault);
	free(gone);
	return rc;
}

void layer_store_refill(struct layer_store *ls, struct fault *fault)
{
	const struct pod_stored *cur = pod_store_find(&ls->s, ls->s.current);
	struct fault why = {0};

	protect_started(ls, fault);
	if (!cur || (!ls->s.spares_wanted && !ls->s.spares))
		return;
	if (refill(ls, cur, &why) != CLI_OK)
		fault_warn(fault, _("%s: %zu of %u spare files are there, for snapshots before starts: %s"), ls->dir.shown,
			   ls->s.spares, (unsigned)ls->s.spares_wanted, fault_text(&why));
	fault_free(&why);
}

int layer_store_set_spares(struct layer_store *ls, uint32_t want, struct fault *fault)
{
	const struct pod_stored *cur = layer_store_current(ls, fault);
	uint32_t before = ls->s.spares_wanted;
	int rc;

	if (!cur)
		return CLI_FAILED;
	protect_started(ls, fault);
	ls->s.spares_wanted = want;
	if (before != want && layer_store_save(ls, fault) != CLI_OK)
		return CLI_FAILED;
	rc = refill(ls, cur, fault);
	if (rc == CLI_OK && cli_interrupted)
		rc = fault_set(fault, _("%s: interrupted: not all was done; the same command goes on"), ls->dir.shown);
	return rc;
}

int layer_cmd_spare(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};
	struct layer_store *ls;
	uint64_t want = SPARES_DEFAULT;
	int rc;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_bad_option(fault, cmd, argv);
	if (argc - optind < 1 || argc - optind > 2)
		return cli_usage(fault, cmd, "%s", _("name one STORE, and how many spare files it should have"));
	if (argv[optind + 1] && (!cli_parse_size(argv[optind + 1], &want) || want > SPARES_MAX))
		return cli_usage(fault, cmd, _("'%s' is not valid here"), argv[optind + 1]);
	cli_catch_signals();
	ls = cli_xzalloc(sizeof *ls);
	rc = layer_store_open(ls, argv[optind], true, fault);
	if (rc == CLI_OK && !argv[optind + 1] && ls->s.spares_wanted)
		want = ls->s.spares_wanted;
	if (rc == CLI_OK)
		rc = layer_store_set_spares(ls, (uint32_t)want, fault);
	if (rc == CLI_OK)
		cli_print(_("%s: %zu spare files for snapshots before starts\n"), ls->dir.shown, ls->s.spares);
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(ls);
	return rc == CLI_OK ? cli_flush(fault) : rc;
}

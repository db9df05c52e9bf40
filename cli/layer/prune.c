/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod layer prune: old snapshots go. A layer that stays takes in what the layers below it that go held (a rebase onto the
 * nearest one that stays, which is one step each); then nothing is based on those that go, and they are deleted, one step each.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/layer/layer.h"

#define DAY_SECONDS 86400

struct prune {
	uint64_t newest, daily, weekly, starts; /* how many to keep */
	bool given, dry_run;
	bool by_starts; /* those that the boot manager took are counted by themselves */
};

/* Of a layer, in the order of the index. */
struct fate {
	uint32_t id;
	int64_t when;
	bool keep, candidate;
};

static int64_t day_of(const struct fate *f)
{
	return f->when / DAY_SECONDS;
}

/* 1970-01-01 was a Thursday; weeks begin on Monday. */
static int64_t week_of(const struct fate *f)
{
	return (day_of(f) + 3) / 7;
}

static int64_t itself(const struct fate *f)
{
	return f->id;
}

static int newest_first(const void *a, const void *b)
{
	const struct fate *x = *(const struct fate *const *)a, *y = *(const struct fate *const *)b;

	if (x->when != y->when)
		return x->when < y->when ? 1 : -1;
	return x < y ? 1 : x > y ? -1 : 0; /* later in the index: made later */
}

/* The newest of each of the last `n` periods that have any. */
static void keep_newest_of(struct fate **sorted, size_t count, uint64_t n, int64_t (*period)(const struct fate *f))
{
	for (size_t i = 0; i < count && n; i++) {
		if (i && period(sorted[i]) == period(sorted[i - 1]))
			continue;
		sorted[i]->keep = true;
		n--;
	}
}

/* Whether the boot manager took it, before a start, decides which counts it falls under. */
static void decide_some(const struct pod_store *s, const struct prune *p, struct fate *f, bool started)
{
	struct fate **sorted = cli_xmalloc((s->count + 1) * sizeof(struct fate *));
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		if (f[i].candidate && (!p->by_starts || ((s->layer[i].flags & POD_STORED_STARTED) != 0) == started))
			sorted[n++] = &f[i];
	qsort(sorted, n, sizeof *sorted, newest_first);
	if (p->by_starts && started) {
		keep_newest_of(sorted, n, p->starts, itself);
	} else if (!p->given) {
		keep_newest_of(sorted, n, n, itself);
	} else {
		keep_newest_of(sorted, n, p->newest, itself);
		keep_newest_of(sorted, n, p->daily, day_of);
		keep_newest_of(sorted, n, p->weekly, week_of);
	}
	free(sorted);
}

/* Bases, the current layer and the one that boots start from always stay. */
static void decide(const struct pod_store *s, const struct prune *p, struct fate *f)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct pod_stored *e = &s->layer[i];

		f[i] = (struct fate){.id = e->id, .when = e->frozen ? e->frozen : e->created};
		f[i].candidate = e->parent && e->id != s->current && e->id != s->locked;
		f[i].keep = !f[i].candidate;
	}
	decide_some(s, p, f, false);
	if (p->by_starts)
		decide_some(s, p, f, true);
}

static bool stays(const struct fate *f, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++)
		if (f[i].id == id)
			return f[i].keep;
	return false;
}

static int interrupted(const struct layer_store *ls, struct fault *fault)
{
	return fault_set(fault, _("%s: interrupted: not all was done; the same command goes on"), ls->dir.shown);
}

/* Below a base there is nothing, and bases stay: the search ends. */
static int move_down(struct layer_store *ls, const struct fate *f, size_t count, uint32_t id, struct fault *fault)
{
	const struct pod_stored *e = pod_store_find(&ls->s, id), *to = pod_store_find(&ls->s, e->parent);
	char *name, *onto;
	int rc;

	if (!to || stays(f, count, to->id))
		return CLI_OK;
	while (!stays(f, count, to->id))
		to = pod_store_find(&ls->s, to->parent);
	name = cli_xstrdup(e->name);
	onto = cli_xstrdup(to->name);
	rc = layer_store_rebase(ls, name, onto, fault);
	free(onto);
	free(name);
	return rc;
}

static int delete_layer(struct layer_store *ls, uint32_t id, struct fault *fault)
{
	char *name = cli_xstrdup(pod_store_find(&ls->s, id)->name);
	int rc = layer_store_delete(ls, name, fault);

	if (rc == CLI_OK)
		cli_print(_("%s: deleted\n"), name);
	free(name);
	return rc;
}

static int carry_out(struct layer_store *ls, const struct fate *f, size_t count, struct fault *fault)
{
	int rc = CLI_OK;

	for (size_t i = 0; i < count && rc == CLI_OK; i++)
		if (f[i].keep)
			rc = cli_interrupted ? interrupted(ls, fault) : move_down(ls, f, count, f[i].id, fault);
	for (size_t i = count; i-- > 0 && rc == CLI_OK;)
		if (!f[i].keep)
			rc = cli_interrupted ? interrupted(ls, fault) : delete_layer(ls, f[i].id, fault);
	return rc;
}

static int prune(struct layer_store *ls, const struct prune *p, struct fault *fault)
{
	size_t count = ls->s.count;
	struct fate *f = cli_xmalloc((count + 1) * sizeof *f);
	int rc = CLI_OK;

	decide(&ls->s, p, f);
	if (!p->dry_run)
		rc = carry_out(ls, f, count, fault);
	for (size_t i = count; p->dry_run && i-- > 0;)
		if (!f[i].keep)
			cli_print(_("%s: would be deleted\n"), ls->s.layer[i].name);
	free(f);
	return rc;
}

int layer_cmd_prune(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {
		{"keep", required_argument, NULL, 'k'},	       {"keep-daily", required_argument, NULL, 'd'},
		{"keep-weekly", required_argument, NULL, 'w'}, {"keep-starts", required_argument, NULL, 's'},
		{"dry-run", no_argument, NULL, 'n'},	       {NULL, 0, NULL, 0}};
	struct layer_store *ls;
	struct prune p = {0};
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t *n = c == 'k' ? &p.newest : c == 'd' ? &p.daily : c == 's' ? &p.starts : &p.weekly;

		if (c == '?')
			return cli_bad_option(fault, cmd, argv);
		if (c == 'n')
			p.dry_run = true;
		else if (!cli_parse_size(optarg, n))
			return cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
		else if (c == 's')
			p.by_starts = true;
		else
			p.given = true;
	}
	if (argc - optind != 1 || (!p.given && !p.by_starts))
		return cli_usage(fault, cmd, "%s",
				 _("name one STORE, and --keep N, --keep-daily N, --keep-weekly N or --keep-starts N"));
	cli_catch_signals();
	ls = cli_xzalloc(sizeof *ls);
	rc = layer_store_open(ls, argv[optind], !p.dry_run, fault);
	if (rc == CLI_OK)
		rc = prune(ls, &p, fault);
	if (rc == CLI_OK && !p.dry_run)
		layer_store_refill(ls, fault);
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(ls);
	c = cli_flush(rc == CLI_OK ? fault : NULL);
	return rc == CLI_OK ? c : rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* /isopod.conf read from a stick or from a file, and what its linter says in sentences. */
#include <stdlib.h>
#include <string.h>
#include "cli/stick/rules.h"
#include "core/base/str.h"

/* The linter's English phrases, so that the catalogue holds them. */
static const char *const lint_text[] __attribute__((unused)) = {
	N_("no '=' in this line"),
	N_("no key before '='"),
	N_("not a number of seconds from 0 to 3600"),
	N_("not a path of at most 1022 bytes of UTF-8"),
	N_("not a language the menu knows (en, zh_CN)"),
	N_("not a view (flat, folders)"),
	N_("neither on nor off"),
	N_("neither disk nor cd"),
	N_("not on, off, or names of at most 1022 bytes of UTF-8"),
	N_("not a number from 1 to 4096"),
	N_("not names of letters and digits, of at most 255 bytes in all"),
	N_("names no image on this stick"),
	N_("names no file on this stick"),
	N_("has no effect without a default"),
	N_("the file is longer than 64 KiB: the rest is not read"),
	N_("it is in UTF-16, and nothing in it applies: save it as UTF-8"),
	N_("its lines end in CR alone, and nothing in it applies: save it with LF or CR LF"),
};

const char *cli_rules_problem(enum pod_conf_problem p)
{
	switch (p) {
	case POD_CONF_LINE:
		return "bad-line";
	case POD_CONF_UNKNOWN:
		return "unknown-key";
	case POD_CONF_VALUE:
		return "bad-value";
	case POD_CONF_DUPLICATE:
		return "duplicate";
	case POD_CONF_DEAD:
		return "dead";
	case POD_CONF_NO_EFFECT:
		return "no-effect";
	case POD_CONF_TOO_LONG:
		return "too-long";
	case POD_CONF_ENCODING:
		return "encoding";
	}
	return "other";
}

/* --- reading --------------------------------------------------------------------------------------------------------------- */

enum pod_status cli_rules_read_target(struct cli_rules *r, struct cli_target *t)
{
	struct pod_node node;
	enum pod_status st = pod_fs_lookup(&t->data, POD_CONF_FILE, &node, &t->scratch);

	*r = (struct cli_rules){.target = t, .name = POD_CONF_FILE};
	if (st == POD_E_NOT_FOUND || (st == POD_OK && node.is_dir))
		return POD_OK;
	if (st != POD_OK)
		return st;
	/* one byte more than counts: the linter says that there is more */
	r->len = (size_t)pod_min_u64(node.size_bytes, POD_CONF_SIZE_MAX + 1);
	r->text = cli_xzalloc(r->len + 1);
	st = pod_fs_read(&t->data, &node, 0, r->text, r->len);
	if (st != POD_OK)
		cli_rules_free(r);
	return st;
}

void cli_rules_free(struct cli_rules *r)
{
	free(r->text);
	r->text = NULL;
	r->len = 0;
}

bool cli_rules_read_file(struct cli_rules *r, const char *path, struct fault *fault)
{
	struct cli_dev dev;
	enum pod_status st;

	*r = (struct cli_rules){.name = path};
	if (!cli_dev_open(&dev, path, false, fault))
		return false;
	r->len = (size_t)pod_min_u64(dev.dev.size_bytes, POD_CONF_SIZE_MAX + 1);
	r->text = cli_xzalloc(r->len + 1);
	st = pod_dev_read(&dev.dev, 0, r->text, r->len);
	cli_dev_close(&dev);
	if (st == POD_OK)
		return true;
	fault_status(fault, path, _("cannot read the file"), st, NULL);
	cli_rules_free(r);
	return false;
}

/* --- lint ------------------------------------------------------------------------------------------------------------------ */

struct lint {
	struct cli_rules *r;
	void (*report)(void *ctx, const struct cli_rules_finding *f);
	void *ctx;
	struct pod_conf scratch;
};

static bool is_file(void *ctx, const char *path)
{
	struct cli_target *t = ((struct lint *)ctx)->r->target;
	struct pod_node node;

	return pod_fs_lookup(&t->data, path, &node, &t->scratch) == POD_OK && !node.is_dir;
}

static bool is_image(void *ctx, const char *path)
{
	return is_file(ctx, path) && pod_image_kind_of_name(path) != POD_IMAGE_UNKNOWN;
}

static void known_keys(char *out, size_t size)
{
	size_t n = 0;

	for (unsigned k = 0; pod_conf_key(k) && n < size; k++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", k ? ", " : "", pod_conf_key(k));
}

/* The line that gives the key of a finding its value; 0: none. */
static uint32_t line_that_counts(struct lint *l, const struct pod_conf_finding *f)
{
	struct pod_conf *scratch = cli_xmalloc(sizeof *scratch);
	struct pod_conf_place place;
	uint32_t line = 0;

	for (unsigned k = 0; pod_conf_key(k); k++)
		if (strlen(pod_conf_key(k)) == f->key_len && pod_strncasecmp(pod_conf_key(k), f->key, f->key_len) == 0 &&
		    pod_conf_find(l->r->text, l->r->len, k, scratch, &place))
			line = place.line;
	free(scratch);
	return line;
}

static void on_finding(void *ctx, const struct pod_conf_finding *f)
{
	struct lint *l = ctx;
	struct cli_rules_finding out = {.line = f->line, .problem = f->problem, .counts = line_that_counts(l, f)};
	char keys[192];

	snprintf(out.key, sizeof out.key, "%.*s", (int)pod_min_u64(f->key_len, sizeof out.key - 1), f->key);
	known_keys(keys, sizeof keys);
	if (f->problem == POD_CONF_UNKNOWN)
		snprintf(out.what, sizeof out.what, _("unknown key (known: %s)"), keys);
	else if (f->problem == POD_CONF_DUPLICATE)
		snprintf(out.what, sizeof out.what, _("given on line %u as well; line %u applies"), f->other_line, out.counts);
	else if (f->problem == POD_CONF_VALUE && out.counts)
		snprintf(out.what, sizeof out.what, _("%s; line %u applies"), _(f->what), out.counts);
	else if (f->problem == POD_CONF_VALUE)
		snprintf(out.what, sizeof out.what, _("%s; the default applies"), _(f->what));
	else
		pod_strlcpy(out.what, _(f->what), sizeof out.what);
	l->report(l->ctx, &out);
}

uint32_t cli_rules_lint(struct cli_rules *r, void (*report)(void *ctx, const struct cli_rules_finding *f), void *ctx)
{
	struct lint *l = cli_xzalloc(sizeof *l);
	struct pod_conf_lint rq = {
		.report = on_finding, .exists = r->target ? is_image : NULL, .is_file = r->target ? is_file : NULL, .ctx = l};
	uint32_t n;

	l->r = r;
	l->report = report;
	l->ctx = ctx;
	n = pod_conf_lint(&rq, r->text ? r->text : "", r->len, &l->scratch);
	free(l);
	return n;
}

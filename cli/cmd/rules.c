/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod rules: what is wrong in a stick's configuration file, and which value counts. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
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
	N_("names no image on this stick"),
	N_("has no effect without a default"),
	N_("the file is longer than 64 KiB: the rest is not read"),
};

/* What a key that no line gives has. */
static const struct {
	const char *key, *value;
} built_in[] = {{"timeout", ""}, {"default", ""}, {"language", "en"}, {"view", "flat"}, {"recorder", "on"}};

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

static bool read_file(struct cli_rules *r, const char *path)
{
	struct cli_dev dev;
	enum pod_status st;

	*r = (struct cli_rules){.name = path};
	if (!cli_dev_open(&dev, path, false))
		return false;
	r->len = (size_t)pod_min_u64(dev.dev.size_bytes, POD_CONF_SIZE_MAX + 1);
	r->text = cli_xzalloc(r->len + 1);
	st = pod_dev_read(&dev.dev, 0, r->text, r->len);
	cli_dev_close(&dev);
	if (st == POD_OK)
		return true;
	cli_fail_status(path, _("cannot read the file"), st, NULL);
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

static bool is_image(void *ctx, const char *path)
{
	struct cli_target *t = ((struct lint *)ctx)->r->target;
	struct pod_node node;

	return pod_fs_lookup(&t->data, path, &node, &t->scratch) == POD_OK && !node.is_dir &&
	       pod_image_kind_of_name(path) != POD_IMAGE_UNKNOWN;
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
	char keys[128];

	snprintf(out.key, sizeof out.key, "%.*s", (int)pod_min_u64(f->key_len, sizeof out.key - 1), f->key);
	known_keys(keys, sizeof keys);
	if (f->problem == POD_CONF_UNKNOWN)
		snprintf(out.what, sizeof out.what, _("there is no such key (known: %s)"), keys);
	else if (f->problem == POD_CONF_DUPLICATE)
		snprintf(out.what, sizeof out.what, _("given on line %u as well; line %u counts"), f->other_line, out.counts);
	else if (f->problem == POD_CONF_VALUE && out.counts)
		snprintf(out.what, sizeof out.what, _("%s; line %u counts"), _(f->what), out.counts);
	else if (f->problem == POD_CONF_VALUE)
		snprintf(out.what, sizeof out.what, _("%s; the default counts"), _(f->what));
	else
		pod_strlcpy(out.what, _(f->what), sizeof out.what);
	l->report(l->ctx, &out);
}

uint32_t cli_rules_lint(struct cli_rules *r, void (*report)(void *ctx, const struct cli_rules_finding *f), void *ctx)
{
	struct lint *l = cli_xzalloc(sizeof *l);
	struct pod_conf_lint rq = {.report = on_finding, .exists = r->target ? is_image : NULL, .ctx = l};
	uint32_t n;

	l->r = r;
	l->report = report;
	l->ctx = ctx;
	n = pod_conf_lint(&rq, r->text ? r->text : "", r->len, &l->scratch);
	free(l);
	return n;
}

/* --- the command ----------------------------------------------------------------------------------------------------------- */

struct printer {
	const struct cli_rules *r;
	struct cli_json json;
};

static void print_text(void *ctx, const struct cli_rules_finding *f)
{
	const struct printer *p = ctx;

	cli_print("%s:%u: %s%s%s\n", p->r->name, f->line, f->key, *f->key ? ": " : "", f->what);
}

static void print_json(void *ctx, const struct cli_rules_finding *f)
{
	struct cli_json *j = &((struct printer *)ctx)->json;

	cli_json_open(j, NULL, '{');
	cli_json_u64(j, "line", f->line);
	cli_json_str(j, "key", f->key);
	cli_json_str(j, "problem", cli_rules_problem(f->problem));
	cli_json_str(j, "message", f->what);
	if (f->counts)
		cli_json_u64(j, "counts", f->counts);
	cli_json_close(j, '}');
}

static int lint(struct cli_rules *r, bool json)
{
	struct printer p = {.r = r};
	uint32_t n;
	int rc;

	if (json) {
		cli_json_init(&p.json, stdout);
		cli_json_open(&p.json, NULL, '[');
		n = cli_rules_lint(r, print_json, &p);
		cli_json_close(&p.json, ']');
		rc = cli_json_end(&p.json);
	} else {
		n = cli_rules_lint(r, print_text, &p);
		if (!n)
			cli_print(r->text ? _("%s: nothing wrong\n") : _("%s: not there, the defaults count\n"), r->name);
		rc = cli_flush();
	}
	return rc == CLI_OK && n ? CLI_CHECK : rc;
}

static const char *default_of(const char *key)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(built_in); i++)
		if (strcmp(built_in[i].key, key) == 0)
			return built_in[i].value;
	return "";
}

static void show_key(const struct cli_rules *r, struct cli_json *j, unsigned k, struct pod_conf *scratch)
{
	struct pod_conf_place place;
	const char *key = pod_conf_key(k);
	bool given = r->text && pod_conf_find(r->text, r->len, k, scratch, &place);
	char *value = given ? strndup(place.value, place.value_len) : cli_xstrdup(default_of(key));

	if (!value)
		return;
	if (j) {
		cli_json_open(j, NULL, '{');
		cli_json_str(j, "key", key);
		cli_json_str(j, "value", given || *value ? value : NULL);
		cli_json_bool(j, "given", given);
		if (given)
			cli_json_u64(j, "line", place.line);
		cli_json_close(j, '}');
	} else if (given) {
		cli_print("%-9s = %-32s  %s:%u\n", key, value, r->name, place.line);
	} else {
		cli_print("%-9s = %-32s  %s\n", key, *value ? value : _("(none)"), _("default"));
	}
	free(value);
}

static int show(const struct cli_rules *r, bool json)
{
	struct pod_conf *scratch = cli_xmalloc(sizeof *scratch);
	struct cli_json j;
	int rc;

	cli_json_init(&j, stdout);
	if (json) {
		cli_json_open(&j, NULL, '{');
		cli_json_str(&j, "file", r->text ? r->name : NULL);
		cli_json_open(&j, "keys", '[');
	}
	for (unsigned k = 0; pod_conf_key(k); k++)
		show_key(r, json ? &j : NULL, k, scratch);
	if (json) {
		cli_json_close(&j, ']');
		cli_json_close(&j, '}');
	}
	rc = json ? cli_json_end(&j) : cli_flush();
	free(scratch);
	return rc;
}

static bool open_rules(struct cli_rules *r, struct cli_target **target, const char *arg)
{
	int stick = cli_target_is_stick(arg);
	enum pod_status st;

	*target = NULL;
	if (stick < 0)
		return false;
	if (!stick)
		return read_file(r, arg);
	*target = cli_target_open(arg, false);
	if (!*target)
		return false;
	st = cli_rules_read_target(r, *target);
	if (st != POD_OK)
		cli_fail_status(arg, _("cannot read /isopod.conf"), st, NULL);
	return st == POD_OK;
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct cli_target *target;
	struct cli_rules r = {0};
	bool json = false, linting;
	int c, rc = CLI_FAILED;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return cli_bad_option(cmd);
		json = true;
	}
	if (argc - optind != 2)
		return cli_usage(cmd, "%s", _("say lint or show, and name one TARGET or FILE"));
	linting = strcmp(argv[optind], "lint") == 0;
	if (!linting && strcmp(argv[optind], "show") != 0)
		return cli_usage(cmd, _("there is no '%s', only lint and show"), argv[optind]);
	if (open_rules(&r, &target, argv[optind + 1]))
		rc = linting ? lint(&r, json) : show(&r, json);
	cli_rules_free(&r);
	cli_target_close(target);
	return rc;
}

const struct cli_command cli_rules = {
	.name = "rules",
	.arguments = "lint|show TARGET|FILE [--json]",
	.summary = N_("check a stick's isopod.conf, or show which value counts"),
	.help = N_("  lint      what makes no sense, has no effect, or is given twice\n"
		   "  show      the value of each key, and the line it comes from\n"
		   "  --json    report as JSON\n"
		   "Exit status 1: lint found something.\n"),
	.run = run,
};

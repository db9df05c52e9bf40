/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod rules: what is wrong in a stick's configuration file, and which value counts. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/stick/rules.h"
#include "core/base/str.h"

/* What a key that no line gives has. */
static const struct {
	const char *key, *value;
} built_in[] = {{"timeout", ""},    {"default", ""},   {"language", "en"}, {"view", "flat"},
		{"recorder", "on"}, {"memory", "off"}, {"snapshot", "off"}};

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

static int lint(struct cli_rules *r, bool json, struct fault *fault)
{
	struct printer p = {.r = r};
	uint32_t n;
	int rc;

	if (json) {
		cli_json_init(&p.json, stdout);
		cli_json_open(&p.json, NULL, '[');
		n = cli_rules_lint(r, print_json, &p);
		cli_json_close(&p.json, ']');
		rc = cli_json_end(&p.json, fault);
	} else {
		n = cli_rules_lint(r, print_text, &p);
		if (!n)
			cli_print(r->text ? _("%s: nothing wrong\n") : _("%s: does not exist; the defaults apply\n"), r->name);
		rc = cli_flush(fault);
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

static int show(const struct cli_rules *r, bool json, struct fault *fault)
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
	rc = json ? cli_json_end(&j, fault) : cli_flush(fault);
	free(scratch);
	return rc;
}

static bool open_rules(struct cli_rules *r, struct cli_target **target, const char *arg, struct fault *fault)
{
	int stick = cli_target_is_stick(arg, fault);
	enum pod_status st;

	*target = NULL;
	if (stick < 0)
		return false;
	if (!stick)
		return cli_rules_read_file(r, arg, fault);
	*target = cli_target_open(arg, false, fault);
	if (!*target)
		return false;
	st = cli_rules_read_target(r, *target);
	if (st != POD_OK)
		fault_status(fault, arg, _("cannot read /isopod.conf"), st, NULL);
	return st == POD_OK;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct cli_target *target;
	struct cli_rules r = {0};
	bool json = false, linting;
	int rc = CLI_FAILED;

	if (!cli_only_json(cmd, argc, argv, &json, fault))
		return CLI_USAGE;
	if (argc - optind != 2)
		return cli_usage(fault, cmd, "%s", _("say lint or show, and name one TARGET or FILE"));
	linting = strcmp(argv[optind], "lint") == 0;
	if (!linting && strcmp(argv[optind], "show") != 0)
		return cli_usage(fault, cmd, _("unknown action '%s'; use lint or show"), argv[optind]);
	if (open_rules(&r, &target, argv[optind + 1], fault))
		rc = linting ? lint(&r, json, fault) : show(&r, json, fault);
	cli_rules_free(&r);
	cli_target_close(target);
	return rc;
}

const struct cli_command cli_rules = {
	.name = "rules",
	.arguments = "lint|show TARGET|FILE [--json]",
	.summary = N_("check a stick's isopod.conf, or show which values apply"),
	.help = N_("  lint      lines that are wrong, have no effect, or are given twice\n"
		   "  show      the value of each key, and the line it comes from\n"
		   "  --json    report as JSON\n"
		   "Exit status 1: lint found something.\n"),
	.run = run,
};

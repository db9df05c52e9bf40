/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod trace: the last boots of a stick, and where each one stopped. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/trace/trace.h"

struct options {
	bool json, raw, with_names, one;
	uint32_t number;
	const char *export;
};

static void read_log(struct trace *t, struct trace_boot *b)
{
	char *text = cli_xmalloc(POD_REC_LOG_TEXT + 1);
	size_t len;

	if (pod_rec_read_log(&t->state.dev, b->rec.number, text, &len) != POD_OK) {
		free(text);
		return;
	}
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = ' ';
	b->log = text;
	b->log_len = len;
}

static void look_at(struct trace *t, struct trace_boot *b, struct fault *fault)
{
	read_log(t, b);
	b->facts.log = b->log;
	b->facts.log_len = b->log_len;
	trace_find_facts(t, b, fault);
	pod_verdict_make(&b->rec, &b->facts, &b->verdict);
}

static int no_boot(const struct trace *t, uint32_t number, struct fault *fault)
{
	return fault_set(fault, _("%s: there is no record of boot %u; 'isopod trace' without --boot lists those there are"),
			 t->target->file.path, number);
}

static int load(struct trace *t, const struct options *o, struct fault *fault)
{
	uint32_t number[POD_REC_BOOTS], count;
	enum pod_status st = pod_rec_list(&t->state.dev, &cli_alloc, number, &count);

	if (st != POD_OK)
		return fault_status(fault, t->target->file.path, _("cannot read the state file"), st, NULL);
	t->boot = cli_xzalloc((count + 1) * sizeof *t->boot);
	for (uint32_t i = 0; i < count; i++) {
		struct trace_boot *b = &t->boot[t->count];

		if (o->one && number[i] != o->number)
			continue;
		st = pod_rec_read(&t->state.dev, &cli_alloc, number[i], &b->rec);
		if (st != POD_OK) {
			memset(b, 0, sizeof *b);
			continue;
		}
		t->count++;
		look_at(t, b, fault);
	}
	return o->one && !t->count ? no_boot(t, o->number, fault) : CLI_OK;
}

static void unload(struct trace *t)
{
	trace_facts_end(t);
	for (size_t i = 0; i < t->count; i++) {
		free(t->boot[i].log);
		free(t->boot[i].initrd);
	}
	free(t->boot);
	cli_target_close(t->target);
}

static int report(struct trace *t, const struct options *o, struct fault *fault)
{
	int rc;

	if (o->export)
		rc = trace_export(t, o->export, o->with_names, fault);
	else if (o->raw)
		rc = trace_raw(t, fault);
	else if (o->json)
		rc = trace_json(t, o->one, fault);
	else
		rc = trace_text(t, o->one, fault);
	/* A check that found something: the latest boot, or the one that was asked for, did not finish. */
	if (rc == CLI_OK && t->count && pod_verdict_alarm(&t->boot[0].verdict))
		rc = CLI_CHECK;
	return rc;
}

static bool parse(const struct cli_command *cmd, int argc, char **argv, struct options *o, int *rc, struct fault *fault)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},	{"raw", no_argument, NULL, 'r'},
						{"boot", required_argument, NULL, 'b'}, {"export", required_argument, NULL, 'e'},
						{"with-names", no_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
	uint64_t number;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j') {
			o->json = true;
		} else if (c == 'r') {
			o->raw = true;
		} else if (c == 'n') {
			o->with_names = true;
		} else if (c == 'e') {
			o->export = optarg;
		} else if (c == 'b') {
			if (!cli_parse_uint(optarg, UINT32_MAX, &number) || !number) {
				*rc = cli_usage(fault, cmd, _("--boot %s: not the number of a boot"), optarg);
				return false;
			}
			o->one = true;
			o->number = (uint32_t)number;
		} else {
			*rc = cli_bad_option(fault, cmd, argv);
			return false;
		}
	}
	if (argc - optind != 1)
		*rc = cli_usage(fault, cmd, "%s", _("name one TARGET"));
	else if (o->json + o->raw + (o->export != NULL) > 1)
		*rc = cli_usage(fault, cmd, "%s", _("--json, --raw and --export cannot be combined"));
	else if (o->with_names && !o->export)
		*rc = cli_usage(fault, cmd, "%s", _("--with-names needs --export"));
	else
		return true;
	return false;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct options o = {0};
	struct trace t = {0};
	int rc;

	if (!parse(cmd, argc, argv, &o, &rc, fault))
		return rc;
	t.target = cli_target_open(argv[optind], false, fault);
	if (!t.target)
		return CLI_FAILED;
	rc = cli_target_state(t.target, &t.state, NULL, fault) ? load(&t, &o, fault) : CLI_FAILED;
	if (rc == CLI_OK)
		rc = report(&t, &o, fault);
	unload(&t);
	return rc;
}

const struct cli_command cli_trace = {
	.name = "trace",
	.arguments = "TARGET [--boot N] [--json | --raw | --export FILE [--with-names]]",
	.summary = N_("tell the last boots, and where and why each one stopped"),
	.help = N_("  --boot N       only boot number N, with the kernel log it saved\n"
		   "  --json         report as JSON\n"
		   "  --raw          the records field by field, and what cannot be read as bytes\n"
		   "  --export FILE  write all of it to one file, to go with a report\n"
		   "  --with-names   ... with names of folders and persons, serial numbers and addresses\n"
		   "The exit status is 1 if the latest boot (or boot N) did not finish.\n"),
	.run = run,
};

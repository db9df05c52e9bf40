/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk check: structures of each file of the chain. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/disk/disk.h"
#include "core/base/str.h"

/* What the core's checks say, so that the catalogue holds it. */
static const char *const finding_text[] __attribute__((unused)) = {
	N_("BAT entry beyond the end of the file"),
	N_("BAT entries overlap"),
	N_("partially present block without a parent"),
	N_("BAT entry of unknown state"),
	N_("BAT entry with reserved bits"),
	N_("sector bitmap entry of unknown state"),
	N_("partially present blocks without a sector bitmap"),
	N_("sector bitmap without a parent"),
	N_("header: this copy is damaged"),
	N_("region table: this copy is damaged"),
	N_("footer at the end is missing or damaged"),
	N_("copy of the footer is damaged"),
	N_("file type identifier"),
	N_("file is cut short"),
	N_("table beyond the end of the file"),
	N_("cluster beyond the end of the file"),
	N_("clusters overlap"),
	N_("extent is cut short"),
	N_("L2 table is not at a cluster's beginning"),
	N_("cluster is not at a cluster's beginning"),
	N_("part of a cluster that is there and zeros"),
	N_("marked as damaged by the program that wrote it"),
};

#define SHOWN_MAX 100u

struct report {
	const char *path;
	struct cli_json *json;
	unsigned shown, repairable;
	bool foreign;
};

static void found(void *ctx, const char *what, uint64_t off, uint64_t block, bool repairable)
{
	struct report *r = ctx;

	r->repairable += repairable;
	if (r->shown++ >= SHOWN_MAX)
		return;
	if (!r->json) {
		cli_print(_("%s: %s (offset %llu, block %llu)\n"), r->path, _(what), (unsigned long long)off,
			  (unsigned long long)block);
		return;
	}
	cli_json_open(r->json, NULL, '{');
	cli_json_str(r->json, "file", r->path);
	cli_json_str(r->json, "what", what);
	cli_json_u64(r->json, "offset", off);
	cli_json_u64(r->json, "block", block);
	cli_json_bool(r->json, "repairable", repairable);
	cli_json_close(r->json, '}');
}

struct sums {
	uint64_t errors, repaired, used, unused;
	bool log_dirty;
};

static enum pod_status check_member(struct pod_member *l, bool repair, pod_vhd_finding *tell, void *r, struct sums *s)
{
	enum pod_status st = POD_OK;

	if (l->kind == POD_MEMBER_VHDX) {
		struct pod_vhd_check c;

		st = pod_vhdx_check(&l->u.vhdx, repair, tell, r, &c);
		*s = (struct sums){c.errors, c.repaired, c.file_used_bytes, c.file_unused_bytes, l->u.vhdx.log_replayed};
	} else if (l->kind == POD_MEMBER_VHD) {
		struct pod_vhd_report c;

		st = pod_vhd_check(&l->u.vhd, repair, tell, r, &c);
		*s = (struct sums){c.errors, c.repaired, c.file_used_bytes, c.file_unused_bytes, false};
	} else if (pod_member_is_foreign(l->kind)) {
		struct pod_vhd_check c;

		st = pod_foreign_check(&l->u.foreign, tell, r, &c);
		*s = (struct sums){.errors = c.errors, .used = c.file_used_bytes};
	}
	return st;
}

/* --- before a copy -------------------------------------------------------------------------------------- */

struct first {
	const char *what;
	uint64_t off, block;
};

static void keep_first(void *ctx, const char *what, uint64_t off, uint64_t block, bool repairable)
{
	struct first *f = ctx;

	if (!repairable && !f->what)
		*f = (struct first){what, off, block};
}

int disk_must_be_sound(struct disk *d, struct fault *fault)
{
	for (unsigned i = 0; i < d->chain.depth; i++) {
		struct pod_member *l = d->chain.member[i];
		const char *path = ((const struct disk_file *)l->file)->dev.path;
		struct first f = {0};
		struct sums s;
		enum pod_status st = check_member(l, false, keep_first, &f, &s);

		if (st != POD_OK)
			return disk_fail(path, _("cannot check the image"), st, NULL, NULL, fault);
		if (f.what)
			return fault_set(fault, _("%s: damaged: %s (offset %llu, block %llu); 'isopod disk check' says more"),
					 path, _(f.what), (unsigned long long)f.off, (unsigned long long)f.block);
	}
	return CLI_OK;
}

/* The top file alone, opened for writing: that replays its log; then what has a sound copy is mended. */
static int repair_file(const char *path, enum pod_diskfile said, struct report *r, struct sums *s, struct fault *fault)
{
	struct pod_member_options opt = {.writable = true, .env = &disk_env};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	struct pod_diag diag = {0};
	struct disk_file f;
	enum pod_status st, closed;
	int rc = CLI_FAILED;

	if (disk_file_open(&f, path, true, fault)) {
		rc = disk_decide(&f, said, &opt.format, fault);
		if (rc == CLI_OK && pod_diskfile_is_foreign(opt.format)) {
			rc = disk_only_read(path, opt.format, fault);
		} else if (rc == CLI_OK) {
			st = pod_member_open(l, &f.vf, &cli_alloc, &opt, &diag);
			if (st == POD_OK) {
				st = check_member(l, true, found, r, s);
				closed = pod_member_close(l);
				st = st == POD_OK ? closed : st;
			}
			if (st != POD_OK)
				rc = fault_status(fault, path, _("cannot repair the image"), st, &diag);
		}
		disk_file_close(&f);
	}
	free(l);
	return rc;
}

static void print_sums(const struct report *r, const struct sums *s)
{
	char used[16], unused[16];

	/* What else is in the file (snapshots, refcounts) is not looked at, so what is unused is not known. */
	if (r->foreign)
		cli_print(_("%s: %llu faults; %s used\n"), r->path, (unsigned long long)s->errors,
			  pod_format_size(used, s->used));
	else
		cli_print(_("%s: %llu faults; %s used, %s unused in the file\n"), r->path, (unsigned long long)s->errors,
			  pod_format_size(used, s->used), pod_format_size(unused, s->unused));
	if (s->log_dirty)
		cli_print(_("%s: the log is not empty; it is replayed when the image is opened for writing (--repair)\n"),
			  r->path);
}

/* An image that is too damaged to be opened is a finding like any other: CLI_OK. */
static int unreadable(const struct disk *d, const char *path, struct cli_json *json, struct sums *total)
{
	struct report r = {.path = d->failed[0] ? d->failed : path, .json = json};

	total->errors++;
	found(&r, d->diag.what ? d->diag.what : "image", d->diag.offset_bytes, 0, false);
	if (!json)
		cli_print(_("%s: cannot be opened: %s\n"), r.path, cli_status_text(d->st));
	return CLI_OK;
}

static int check_chain(const char *path, enum pod_diskfile said, enum disk_use use, struct cli_json *json, struct sums *total,
		       struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	struct fault why = {0};
	const struct disk_look how = {.said = said, .use = use, .steps = POD_BUDGET_UNLIMITED};
	int rc = disk_look(d, path, &how, &why);

	if (rc != CLI_OK && d->st == POD_E_CORRUPT) {
		fault_free(&why);
		rc = unreadable(d, path, json, total);
		free(d);
		return rc;
	}
	fault_move(fault, &why);
	for (unsigned i = 0; rc == CLI_OK && i < d->chain.depth; i++) {
		struct pod_member *l = d->chain.member[i];
		struct report r = {.path = ((const struct disk_file *)l->file)->dev.path,
				   .json = json,
				   .foreign = pod_member_is_foreign(l->kind)};
		struct sums s = {0};
		enum pod_status st = check_member(l, false, found, &r, &s);

		if (st != POD_OK)
			rc = disk_fail(r.path, _("cannot check the image"), st, NULL, NULL, fault);
		else if (!json)
			print_sums(&r, &s);
		total->errors += s.errors;
		total->used += s.used;
		total->unused += s.unused;
		total->log_dirty |= i == 0 && s.log_dirty;
	}
	if (d->file.dev.path && disk_close(d, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(d);
	return rc;
}

int disk_cmd_check(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"repair", no_argument, NULL, 'r'},
						DISK_INPUT_OPTION,
						DISK_UNSAFE_OPTION,
						DISK_FOLLOW_OPTION,
						{NULL, 0, NULL, 0}};
	struct sums total = {0}, mended = {0};
	enum pod_diskfile said = POD_DISKFILE_NONE;
	enum disk_use use = DISK_READ;
	bool as_json = false, repair = false;
	struct report quiet = {.path = "", .shown = SHOWN_MAX};
	struct cli_json j;
	int c, rc = CLI_OK;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			as_json = true;
		else if (c == 'r')
			repair = true;
		else if (c == 'U')
			use |= DISK_READ_UNSAFE;
		else if (c == 'L')
			use |= DISK_FOLLOW;
		else if (c == 'F' && !disk_parse_input(optarg, &said))
			return cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
		else if (c != 'F')
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one FILE"));
	if (repair)
		rc = repair_file(argv[optind], said, &quiet, &mended, fault);
	if (rc != CLI_OK)
		return rc;
	cli_json_init(&j, stdout);
	if (as_json) {
		cli_json_open(&j, NULL, '{');
		cli_json_open(&j, "findings", '[');
	}
	rc = check_chain(argv[optind], said, use, as_json ? &j : NULL, &total, fault);
	if (as_json) {
		cli_json_close(&j, ']');
		cli_json_u64(&j, "errors", total.errors);
		cli_json_u64(&j, "repaired", mended.repaired);
		cli_json_bool(&j, "log_dirty", total.log_dirty);
		cli_json_u64(&j, "used", total.used);
		cli_json_u64(&j, "unused", total.unused);
		cli_json_close(&j, '}');
	} else if (mended.repaired) {
		cli_print(_("%llu repaired\n"), (unsigned long long)mended.repaired);
	}
	c = as_json ? cli_json_end(&j, fault) : cli_flush(fault);
	if (rc == CLI_OK)
		rc = c;
	return rc == CLI_OK && total.errors ? CLI_CHECK : rc;
}

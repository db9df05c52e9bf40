/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod togo create. */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "cli/host/tempfile.h"
#include "cli/layer/ops.h"
#include "cli/togo/togo.h"
#include "core/base/str.h"

#define MIB	      (1ull << 20)
#define SIZE_DEFAULT  (64ull << 30)
#define SIZE_MAX_VHDX (64ull << 40)

enum out_kind { OUT_STORE, OUT_STICK_STORE, OUT_VHDX, OUT_RAW };

struct options {
	const char *image, *out, *edition;
	struct togo_answer answer;
	uint64_t size_bytes;
	bool fixed, dynamic, json, dry_run;
};

struct job {
	const struct options *o;
	enum out_kind kind;
	struct togo_source source;
	struct togo_editions editions;
	const struct togo_edition *edition;
	struct togo_disk disk;
	char *beside;
};

/* --- how large, and is there room ------------------------------------------------------------------------------- */

static int choose_size(struct job *j, struct fault *fault)
{
	uint64_t least = togo_disk_least(j->edition), size = j->o->size_bytes;
	char want[16], have[16];

	/* An eighth on top for what Windows writes at its first start. */
	if (!size)
		size = pod_align_up(least + least / 8 > SIZE_DEFAULT ? least + least / 8 : SIZE_DEFAULT, MIB);
	if (size < least)
		return fault_set(fault, _("%s: does not fit on a disk of %s: at least %s are needed"), j->o->image,
				 pod_format_size(have, size), pod_format_size(want, least));
	j->disk.size_bytes = size;
	return CLI_OK;
}

static uint64_t room_needed(const struct job *j)
{
	return j->o->fixed ? j->disk.size_bytes + 64 * MIB : togo_disk_needs(&j->disk);
}

static int check_room(const struct job *j, struct fault *fault)
{
	uint64_t need = room_needed(j) + (j->source.copy[0] ? j->source.bytes : 0), there;
	char *copy = cli_xstrdup(j->beside), *dir = dirname(copy);
	struct statvfs v;
	char want[16], have[16];
	int rc = CLI_OK;

	if (statvfs(dir, &v) != 0) {
		rc = fault_set(fault, _("%s: cannot open the folder: %s"), dir, strerror(errno));
	} else {
		there = (uint64_t)v.f_bavail * v.f_frsize;
		if (there < need)
			rc = fault_set(fault, _("%s: not enough space: %s are needed, %s are free; nothing was changed"), dir,
				       pod_format_size(want, need), pod_format_size(have, there));
	}
	free(copy);
	return rc;
}

/* --- where to ---------------------------------------------------------------------------------------------------- */

static int choose_out(struct job *j, struct fault *fault)
{
	const char *out = j->o->out, *path, *tmp = getenv("TMPDIR");
	char *target = cli_target_split(out, &path);
	enum pod_diskfile named = pod_diskfile_of_name(out);
	size_t len = strlen(out);

	if (target) {
		j->kind = OUT_STICK_STORE;
		j->beside = cli_xasprintf("%s/isopod-togo.vhdx", tmp && *tmp == '/' ? tmp : "/tmp");
		free(target);
		return CLI_OK;
	}
	while (len > 1 && out[len - 1] == '/')
		len--;
	j->beside = cli_xasprintf("%.*s", (int)len, out);
	j->kind = named == POD_DISKFILE_VHDX ? OUT_VHDX : named == POD_DISKFILE_RAW ? OUT_RAW : OUT_STORE;
	if (j->kind == OUT_STORE && named != POD_DISKFILE_NONE)
		return fault_set(fault, _("%s: Windows is put into a layer store (a folder), a .vhdx or a raw .img"), out);
	if (j->kind != OUT_STORE && access(out, F_OK) == 0)
		return fault_set(fault, _("%s: exists already; name another file"), out);
	return CLI_OK;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

static int make_file(const struct job *j, const char *path, struct fault *fault)
{
	struct disk_create c = {.kind = j->kind == OUT_RAW ? POD_MEMBER_RAW : POD_MEMBER_VHDX,
				.block_size = j->kind == OUT_RAW ? 0 : 2 * MIB,
				.size_bytes = j->disk.size_bytes,
				.fixed = j->o->fixed};
	char *tmp = tempfile_name(path);
	struct disk_file f;
	int rc = disk_create(tmp, &c, &f, fault);

	if (rc == CLI_OK) {
		rc = togo_disk_build(&j->disk, &f, fault);
		if (rc == CLI_OK && !disk_file_sync(&f, fault))
			rc = CLI_FAILED;
		disk_file_close(&f);
		if (rc == CLI_OK && !tempfile_commit(tmp, path, false, fault))
			rc = CLI_FAILED;
		if (rc != CLI_OK)
			unlink(tmp);
	}
	free(tmp);
	return rc;
}

static int fill_base(void *ctx, struct disk_file *f, struct fault *fault)
{
	const struct job *j = ctx;

	return togo_disk_build(&j->disk, f, fault);
}

static int make_store(struct job *j, struct fault *fault)
{
	struct layer_base b = {.name = "base",
			       .size_bytes = j->disk.size_bytes,
			       .fixed = j->o->fixed,
			       .fill = fill_base,
			       .fill_ctx = j,
			       .fill_bytes = room_needed(j)};
	bool made = access(j->beside, F_OK) != 0;
	int rc = layer_store_create(j->o->out, &b, fault);

	/* Only if nothing is in it. */
	if (rc != CLI_OK && made)
		rmdir(j->beside);
	return rc;
}

/* A stick's files are none of the host: libwim writes to one of ours, which is then copied. */
static int make_stick_store(const struct job *j, struct fault *fault)
{
	char *path = tempfile_name(j->beside), *name = cli_xasprintf("%s.vhdx", path);
	struct layer_base b = {.name = "base", .from = name};
	int rc = make_file(j, name, fault);

	if (rc == CLI_OK) {
		rc = layer_store_create(j->o->out, &b, fault);
		unlink(name);
	}
	free(name);
	free(path);
	return rc;
}

static int make(struct job *j, struct fault *fault)
{
	if (j->kind == OUT_STORE)
		return make_store(j, fault);
	return j->kind == OUT_STICK_STORE ? make_stick_store(j, fault) : make_file(j, j->o->out, fault);
}

/* --- the report --------------------------------------------------------------------------------------------------- */

static int report_json(const struct job *j, struct fault *fault)
{
	static const char *const kind[] = {"store", "store", "vhdx", "raw"};
	const struct togo_edition *e = j->edition;
	struct cli_json json;

	cli_json_init(&json, stdout);
	cli_json_open(&json, NULL, '{');
	cli_json_str(&json, "image", j->o->image);
	cli_json_str(&json, "out", j->o->out);
	cli_json_str(&json, "kind", kind[j->kind]);
	cli_json_bool(&json, "fixed", j->o->fixed || j->kind == OUT_RAW);
	cli_json_bool(&json, "made", !j->o->dry_run);
	cli_json_u64(&json, "size_bytes", j->disk.size_bytes);
	cli_json_u64(&json, "needed_bytes", room_needed(j));
	cli_json_open(&json, "edition", '{');
	cli_json_u64(&json, "index", e->index);
	cli_json_str(&json, "name", e->name);
	cli_json_str(&json, "id", e->id);
	cli_json_str(&json, "architecture", togo_arch_name(e->arch));
	cli_json_str(&json, "version", e->version);
	cli_json_u64(&json, "bytes", e->bytes);
	cli_json_close(&json, '}');
	cli_json_close(&json, '}');
	return cli_json_end(&json, fault);
}

static int report(const struct job *j, struct fault *fault)
{
	const struct togo_edition *e = j->edition;
	char size[16], need[16];

	if (j->o->json)
		return report_json(j, fault);
	pod_format_size(size, j->disk.size_bytes);
	pod_format_size(need, room_needed(j));
	if (j->o->dry_run)
		cli_print(_("%s: would hold %s (%s, %s) on a disk of %s; it takes at most %s now\n"), j->o->out, e->name,
			  togo_arch_name(e->arch), e->version, size, need);
	else
		cli_print(_("%s: %s (%s, %s) on a disk of %s\n"), j->o->out, e->name, togo_arch_name(e->arch), e->version, size);
	return cli_flush(fault);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* What can be known without the whole WIM comes first. */
static int prepare(struct job *j, struct fault *fault)
{
	int rc = choose_out(j, fault);

	if (rc == CLI_OK)
		rc = togo_source_open(&j->source, j->o->image, TOGO_INDEX, j->beside, fault);
	if (rc == CLI_OK)
		rc = togo_wim_look(&j->source, &j->editions, fault);
	if (rc == CLI_OK)
		rc = togo_edition_choose(&j->editions, j->o->edition, j->o->image, &j->edition, fault);
	j->disk.edition = j->edition;
	j->disk.raw = j->kind == OUT_RAW;
	if (rc == CLI_OK)
		rc = choose_size(j, fault);
	if (rc == CLI_OK)
		rc = check_room(j, fault);
	return rc;
}

static int create(const struct options *o, struct fault *fault)
{
	struct job j = {.o = o, .disk = {.source = &j.source, .answer = &o->answer}};
	int rc = prepare(&j, fault);

	j.disk.beside = j.beside;
	if (rc == CLI_OK && !o->dry_run && j.source.copy[0]) {
		togo_source_close(&j.source);
		rc = togo_source_open(&j.source, o->image, TOGO_ALL, j.beside, fault);
	}
	if (rc == CLI_OK && !o->dry_run)
		rc = make(&j, fault);
	if (rc == CLI_OK)
		rc = report(&j, fault);
	togo_source_close(&j.source);
	togo_editions_free(&j.editions);
	free(j.beside);
	return rc;
}

enum { O_EDITION = 256, O_SIZE, O_FIXED, O_DYNAMIC, O_NAME, O_USER, O_LOCALE, O_TIMEZONE, O_NAG, O_JSON, O_DRY };

int togo_cmd_create(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {
		{"edition", required_argument, NULL, O_EDITION}, {"size", required_argument, NULL, O_SIZE},
		{"fixed", no_argument, NULL, O_FIXED},		 {"dynamic", no_argument, NULL, O_DYNAMIC},
		{"name", required_argument, NULL, O_NAME},	 {"user", required_argument, NULL, O_USER},
		{"locale", required_argument, NULL, O_LOCALE},	 {"timezone", required_argument, NULL, O_TIMEZONE},
		{"no-account-nag", no_argument, NULL, O_NAG},	 {"json", no_argument, NULL, O_JSON},
		{"dry-run", no_argument, NULL, O_DRY},		 {NULL, 0, NULL, 0}};
	struct options o = {0};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case O_EDITION:
			o.edition = optarg;
			break;
		case O_SIZE:
			if (!cli_parse_size(optarg, &o.size_bytes) || !o.size_bytes || o.size_bytes % MIB ||
			    o.size_bytes > SIZE_MAX_VHDX)
				return cli_usage(fault, cmd, _("'%s' is not a size in whole MiB (64G, 200000M)"), optarg);
			break;
		case O_FIXED:
			o.fixed = true;
			break;
		case O_DYNAMIC:
			o.dynamic = true;
			break;
		case O_NAME:
			o.answer.computer = optarg;
			break;
		case O_USER:
			o.answer.user = optarg;
			break;
		case O_LOCALE:
			o.answer.locale = optarg;
			break;
		case O_TIMEZONE:
			o.answer.timezone = optarg;
			break;
		case O_NAG:
			o.answer.no_account_nag = true;
			break;
		case O_JSON:
			o.json = true;
			break;
		case O_DRY:
			o.dry_run = true;
			break;
		default:
			return cli_bad_option(fault, cmd, argv);
		}
	}
	if (argc - optind != 2)
		return cli_usage(fault, cmd, "%s", _("name one IMAGE and where Windows is to go"));
	if (o.fixed && o.dynamic)
		return cli_usage(fault, cmd, "%s", _("--fixed or --dynamic, not both"));
	if (!togo_answer_check(&o.answer, cmd, fault))
		return CLI_USAGE;
	o.image = argv[optind];
	o.out = argv[optind + 1];
	cli_catch_signals();
	return create(&o, fault);
}

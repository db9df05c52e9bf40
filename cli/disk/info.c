/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk info, map: what an image is, and where its parts lie. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/disk/disk.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

static const struct option report_options[] = {
	{"json", no_argument, NULL, 'j'}, DISK_INPUT_OPTION, DISK_UNSAFE_OPTION, DISK_FOLLOW_OPTION, {NULL, 0, NULL, 0}};

/* What opening may cost. A sound chain takes some tens for each of its files, a full log of the largest size 33000. */
#define OPEN_STEPS (UINT64_C(1) << 18)

/* The usual beginning: FILE, --json and --input-format. NULL: the command ends with `rc`. */
static struct disk *open_report(const struct cli_command *cmd, int argc, char **argv, bool partial, bool *json, int *rc,
				struct fault *fault)
{
	struct disk_look how = {.use = DISK_READ, .steps = OPEN_STEPS, .partial = partial};
	struct disk *d;
	int c;

	*json = false;
	*rc = CLI_OK;
	while (*rc == CLI_OK && (c = getopt_long(argc, argv, "", report_options, NULL)) != -1) {
		if (c == 'j')
			*json = true;
		else if (c == 'U')
			how.use |= DISK_READ_UNSAFE;
		else if (c == 'L')
			how.use |= DISK_FOLLOW;
		else if (c != 'F')
			*rc = cli_bad_option(fault, cmd, argv);
		else if (!disk_parse_input(optarg, &how.said))
			*rc = cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
	}
	if (*rc == CLI_OK && argc - optind != 1)
		*rc = cli_usage(fault, cmd, "%s", _("name one FILE"));
	if (*rc != CLI_OK)
		return NULL;
	d = cli_xzalloc(sizeof *d);
	*rc = disk_look(d, argv[optind], &how, fault);
	if (*rc == CLI_OK)
		return d;
	free(d);
	return NULL;
}

static const char *path_of(const struct pod_member *l)
{
	return ((const struct disk_file *)l->file)->dev.path;
}

static uint64_t bytes_on_disk(const struct pod_member *l)
{
	const struct disk_file *f = (const struct disk_file *)l->file;
	struct stat st;

	if (f->elsewhere) /* its blocks take their full size there */
		return f->dev.dev.size_bytes;
	return fstat(f->dev.fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

static const char *type_of(const struct pod_member *l)
{
	return l->has_parent ? "differencing" : l->fixed ? "fixed" : "dynamic";
}

static uint32_t block_size(const struct pod_member *l)
{
	if (l->kind == POD_MEMBER_VHDX)
		return 1u << l->u.vhdx.block_shift;
	if (pod_member_is_foreign(l->kind))
		return l->u.foreign.part[0].lookup ? 1u << l->u.foreign.part[0].cluster_shift : 0;
	return l->kind == POD_MEMBER_VHD && l->u.vhd.type != POD_VHD_FIXED ? 1u << l->u.vhd.block_shift : 0;
}

/* VHD keeps its identifiers with all fields big-endian. */
static void vhd_guid_text(const uint8_t id[16], char out[POD_GUID_TEXT])
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	uint8_t g[16];

	for (unsigned i = 0; i < 16; i++)
		g[i] = id[order[i]];
	pod_guid_text(g, out);
}

/* The identifier that a child must name. */
static void identity(const struct pod_member *l, char out[POD_GUID_TEXT])
{
	out[0] = '\0';
	if (l->kind == POD_MEMBER_VHDX)
		pod_guid_text(l->u.vhdx.data_write_guid, out);
	else if (l->kind == POD_MEMBER_VHD)
		vhd_guid_text(l->u.vhd.id, out);
}

/* `parent`: NULL, none or not there. */
static void json_member(struct cli_json *j, const struct pod_member *l, const struct pod_member *parent)
{
	char id[POD_GUID_TEXT];

	cli_json_open(j, NULL, '{');
	cli_json_str(j, "path", path_of(l));
	cli_json_str(j, "format", pod_member_kind_name(l->kind));
	cli_json_str(j, "type", type_of(l));
	cli_json_u64(j, "size", l->size_bytes);
	cli_json_u64(j, "file_size", l->file->dev->size_bytes);
	cli_json_u64(j, "allocated", bytes_on_disk(l));
	if (block_size(l))
		cli_json_u64(j, "block_size", block_size(l));
	if (l->kind == POD_MEMBER_VHDX) {
		const struct pod_vhdx *x = &l->u.vhdx;

		cli_json_u64(j, "logical_sector_size", l->sector_size);
		cli_json_u64(j, "physical_sector_size", x->physical_sector_size);
		cli_json_str(j, "creator", x->creator);
		cli_json_bool(j, "log_dirty", x->log_replayed);
		if (x->merging)
			cli_json_bool(j, "merge_interrupted", true);
		pod_guid_text(x->disk_id, id);
		cli_json_str(j, "disk_id", id);
	} else if (l->kind == POD_MEMBER_VHD) {
		cli_json_str(j, "creator", l->u.vhd.creator);
	} else if (pod_member_is_foreign(l->kind)) {
		cli_json_u64(j, "snapshots", l->u.foreign.snapshots);
		cli_json_bool(j, "dirty", l->u.foreign.dirty);
		cli_json_bool(j, "damaged", l->u.foreign.damaged);
	}
	identity(l, id);
	if (id[0])
		cli_json_str(j, "identifier", id);
	if (l->has_parent) {
		static const char *const key[POD_PARENT_PATHS] = {"relative_path", "volume_path", "absolute_path"};

		cli_json_open(j, "parent", '{');
		for (unsigned i = 0; i < POD_PARENT_PATHS; i++)
			if (pod_member_parent_path(l, (enum pod_parent_path)i))
				cli_json_str(j, key[i], pod_member_parent_path(l, (enum pod_parent_path)i));
		if (l->kind == POD_MEMBER_VHDX)
			pod_guid_text(l->u.vhdx.parent.linkage, id);
		else if (l->kind == POD_MEMBER_VHD)
			vhd_guid_text(l->u.vhd.parent_id, id);
		if (!pod_member_is_foreign(l->kind))
			cli_json_str(j, "identifier", id);
		cli_json_close(j, '}');
	}
	if (parent && l->kind == POD_MEMBER_VHD)
		cli_json_bool(j, "parent_time_differs", pod_member_time_differs(l, parent));
	cli_json_close(j, '}');
}

static const char *type_text(const struct pod_member *l)
{
	return l->has_parent ? _("differencing") : l->fixed ? _("fixed") : _("dynamic");
}

static void print_member(const struct pod_member *l, unsigned depth)
{
	char size[16], used[16], block[16];

	cli_print("%*s%s: %s, %s, %s", (int)depth * 2, "", path_of(l), pod_member_kind_name(l->kind), type_text(l),
		  pod_format_size(size, l->size_bytes));
	cli_print(_(", %s on disk"), pod_format_size(used, bytes_on_disk(l)));
	if (block_size(l))
		cli_print(_(", blocks of %s"), pod_format_size(block, block_size(l)));
	if (l->kind == POD_MEMBER_VHDX)
		cli_print(_(", sectors of %u"), l->sector_size);
	if (l->kind == POD_MEMBER_VHDX && l->u.vhdx.log_replayed)
		cli_print("%s", _(", log not empty (replayed in memory)"));
	if (l->kind == POD_MEMBER_VHDX && l->u.vhdx.merging)
		cli_print(", %s", _("a merge into it was interrupted"));
	if (pod_member_is_foreign(l->kind) && l->u.foreign.snapshots)
		cli_print(_(", %u snapshots (not shown)"), l->u.foreign.snapshots);
	if (pod_member_is_foreign(l->kind) && l->u.foreign.dirty)
		cli_print("%s", _(", not closed cleanly"));
	if (pod_member_is_foreign(l->kind) && l->u.foreign.damaged)
		cli_print("%s", _(", marked as damaged"));
	if (l->kind == POD_MEMBER_VHDX && l->u.vhdx.creator[0])
		cli_print(_(", made by %s"), l->u.vhdx.creator);
	cli_print("\n");
}

static int print_json(struct disk *d, struct fault *fault)
{
	const struct pod_chain *c = &d->chain;
	struct cli_json j;
	int rc;

	cli_json_init(&j, stdout);
	cli_json_open(&j, NULL, '{');
	cli_json_u64(&j, "size", c->dev.size_bytes);
	cli_json_u64(&j, "depth", c->depth);
	cli_json_bool(&j, "complete", d->st == POD_OK);
	cli_json_open(&j, "chain", '[');
	for (unsigned i = 0; i < c->depth; i++)
		json_member(&j, c->member[i], i + 1 < c->depth ? c->member[i + 1] : NULL);
	cli_json_close(&j, ']');
	if (d->st != POD_OK) {
		struct fault why = {0};

		disk_broken(d, d->file.dev.path, &why);
		cli_json_str(&j, "problem", fault_text(&why));
		fault_free(&why);
	}
	cli_json_close(&j, '}');
	rc = cli_json_end(&j, fault);
	return rc == CLI_OK && d->st != POD_OK ? CLI_CHECK : rc;
}

static int print_text(struct disk *d, struct fault *fault)
{
	int rc;

	for (unsigned i = 0; i < d->chain.depth; i++)
		print_member(d->chain.member[i], i);
	rc = cli_flush(fault);
	return rc == CLI_OK && d->st != POD_OK ? disk_broken(d, d->file.dev.path, fault) : rc;
}

int disk_cmd_info(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	int rc;
	bool json;
	struct disk *d = open_report(cmd, argc, argv, true, &json, &rc, fault);

	if (!d)
		return rc;
	rc = json ? print_json(d, fault) : print_text(d, fault);
	if (disk_close(d, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(d);
	return rc;
}

/* --- map ------------------------------------------------------------------------------------------------ */

static bool continues(const struct pod_chain_run *a, const struct pod_chain_run *b)
{
	return a->kind == b->kind && (a->kind == POD_RUN_ZERO || (a->member == b->member && a->file_off + a->len == b->file_off));
}

/* Where the bytes of a run begin. */
struct place {
	const char *path;
	uint64_t off;
	bool packed;
};

static struct place place_of(const struct pod_chain *c, const struct pod_chain_run *r)
{
	const struct pod_member *l = c->member[r->member];
	struct place p = {path_of(l), r->file_off, false};
	struct pod_vfile *f = l->file;
	uint64_t len = r->len;

	if (!pod_member_is_foreign(l->kind) || r->kind != POD_RUN_DATA)
		return p;
	p.packed = pod_foreign_place(&l->u.foreign, r->file_off, &len, &f, &p.off) != POD_OK;
	p.path = ((const struct disk_file *)f)->dev.path;
	return p;
}

static void show_run(struct cli_json *j, const struct pod_chain *c, uint64_t start, const struct pod_chain_run *r)
{
	bool data = r->kind == POD_RUN_DATA;

	if (!j) {
		struct place p = place_of(c, r);

		if (data && p.packed)
			cli_print("%14llu %14llu  %u %14s  %s\n", (unsigned long long)start, (unsigned long long)r->len,
				  r->member, _("compressed"), p.path);
		else if (data)
			cli_print("%14llu %14llu  %u %14llu  %s\n", (unsigned long long)start, (unsigned long long)r->len,
				  r->member, (unsigned long long)p.off, p.path);
		else
			cli_print(_("%14llu %14llu  zeros\n"), (unsigned long long)start, (unsigned long long)r->len);
		return;
	}
	cli_json_open(j, NULL, '{');
	cli_json_u64(j, "start", start);
	cli_json_u64(j, "length", r->len);
	cli_json_bool(j, "data", data);
	if (data) {
		struct place p = place_of(c, r);

		cli_json_u64(j, "depth", r->member);
		if (p.packed)
			cli_json_bool(j, "compressed", true);
		else
			cli_json_u64(j, "offset", p.off);
		cli_json_str(j, "file", p.path);
	}
	cli_json_close(j, '}');
}

/* A JSON report is kept in memory until it is whole, and a file of 4 MiB may have 2^37 parts. */
#define JSON_PARTS_MAX (1u << 21)

static enum pod_status walk(struct pod_chain *c, struct cli_json *j)
{
	struct pod_chain_run now = {.kind = POD_RUN_PARENT}, r;
	uint64_t start = 0;
	uint32_t parts = 0;

	for (uint64_t off = 0; off < c->dev.size_bytes; off += r.len) {
		POD_TRY(pod_chain_run(c, off, c->dev.size_bytes - off, &r));
		if (now.kind != POD_RUN_PARENT && continues(&now, &r)) {
			now.len += r.len;
			continue;
		}
		if (now.kind != POD_RUN_PARENT)
			show_run(j, c, start, &now);
		if (j && parts++ == JSON_PARTS_MAX)
			return POD_E_LIMIT;
		now = r;
		start = off;
	}
	if (now.kind != POD_RUN_PARENT)
		show_run(j, c, start, &now);
	return POD_OK;
}

int disk_cmd_map(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct cli_json j;
	int rc;
	bool json;
	enum pod_status st;
	struct disk *d = open_report(cmd, argc, argv, false, &json, &rc, fault);

	if (!d)
		return rc;
	if (json) {
		cli_json_init(&j, stdout);
		cli_json_open(&j, NULL, '[');
	} else {
		cli_print("%14s %14s  %s %14s  %s\n", _("start"), _("length"), _("depth"), _("offset"), _("file"));
	}
	st = walk(&d->chain, json ? &j : NULL);
	if (json)
		cli_json_close(&j, ']');
	/* A signal may have cut off the writing as well: one line is enough. */
	rc = json ? cli_json_end(&j, st == POD_OK ? fault : NULL) : cli_flush(st == POD_OK ? fault : NULL);
	if (st == POD_E_LIMIT)
		rc = fault_set(fault, _("%s: has more than %u parts; show them without --json"), d->file.dev.path,
			       JSON_PARTS_MAX);
	else if (st != POD_OK)
		rc = disk_fail(d->file.dev.path, _("cannot read the map"), st, NULL, NULL, fault);
	if (disk_close(d, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(d);
	return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk create, convert. */
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/disk/disk.h"
#include "cli/host/identity.h"
#include "cli/nbd/nbd.h"
#include "cli/host/proc.h"
#include "core/base/str.h"

/* Fills in what a child takes over from its parent. */
static int look_at_parent(const char *path, struct disk_create *c, struct pod_parent_spec *spec, struct fault *fault)
{
	struct disk *p = cli_xzalloc(sizeof *p);
	int rc = disk_open(p, c->parent, false, fault);

	if (rc == CLI_OK) {
		const struct pod_layer *l = p->chain.layer[0];

		c->kind = l->kind;
		c->sector_size = l->kind == POD_LAYER_VHDX ? l->sector_size : 0;
		if (!c->size_bytes)
			c->size_bytes = l->size_bytes;
		pod_layer_describe(l, spec);
		if (l->kind == POD_LAYER_RAW)
			rc = fault_set(fault, _("%s: a raw image cannot be a parent; convert it to VHDX first"), c->parent);
		else if (c->size_bytes < l->size_bytes)
			rc = fault_set(fault, _("%s: smaller than its parent"), path);
		else if (l->kind == POD_LAYER_VHDX && l->u.vhdx.log_replayed)
			rc = fault_set(fault,
				       _("%s: its log is not empty, so it would change when it is next opened for writing; run "
					 "'isopod disk "
					 "check --repair' on it first"),
				       c->parent);
		if (disk_close(p, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(p);
	return rc;
}

static enum pod_status format(struct disk_file *f, const struct disk_create *c, const struct pod_parent_spec *spec,
			      struct pod_diag *diag)
{
	struct pod_vhdx_create x = {.size_bytes = c->size_bytes,
				    .block_size = c->block_size,
				    .logical_sector_size = c->sector_size,
				    .fixed = c->fixed,
				    .parent = c->parent ? spec : NULL};
	struct pod_vhd_create v = {
		.size_bytes = c->size_bytes, .block_size = c->block_size, .fixed = c->fixed, .parent = c->parent ? spec : NULL};

	disk_env.now_unix = (uint64_t)cli_identity_time();
	if (c->kind == POD_LAYER_VHDX)
		return pod_vhdx_format(&f->vf, &cli_alloc, &x, &disk_env, diag);
	if (c->kind == POD_LAYER_VHD)
		return pod_vhd_format(&f->vf, &cli_alloc, &v, &disk_env, diag);
	return pod_vfile_resize(&f->vf, c->size_bytes);
}

int disk_create(const char *path, const struct disk_create *options, struct disk_file *out, struct fault *fault)
{
	struct pod_parent_spec spec = {0};
	struct disk_create c = *options;
	struct pod_diag diag = {0};
	struct disk_file f;
	char *relative = NULL;
	enum pod_status st;
	int rc = CLI_OK;

	if (c.parent) {
		rc = look_at_parent(path, &c, &spec, fault);
		if (rc == CLI_OK && !(relative = disk_relative(path, c.parent, fault)))
			rc = CLI_FAILED;
		spec.path[POD_PARENT_RELATIVE] = relative;
	}
	if (rc != CLI_OK || !disk_file_create(&f, path, fault)) {
		free(relative);
		return CLI_FAILED;
	}
	st = format(&f, &c, &spec, &diag);
	if (st != POD_OK)
		rc = disk_fail(path, _("cannot make the image"), st, &diag, NULL, fault);
	else if (!out && !disk_file_sync(&f, fault))
		rc = CLI_FAILED;
	if (rc != CLI_OK)
		unlink(path);
	if (rc == CLI_OK && out)
		*out = f, out->vf.dev = &out->dev.dev;
	else
		disk_file_close(&f);
	free(relative);
	return rc;
}

/* --- the options both have ------------------------------------------------------------------------------ */

struct options {
	struct disk_create c;
	bool qcow2, format_given, replace;
};

static const struct option long_options[] = {
	{"size", required_argument, NULL, 's'},	      {"parent", required_argument, NULL, 'p'},
	{"format", required_argument, NULL, 'f'},     {"fixed", no_argument, NULL, 'x'},
	{"block-size", required_argument, NULL, 'b'}, {"sector-size", required_argument, NULL, 'c'},
	{"replace", no_argument, NULL, 'r'},	      {NULL, 0, NULL, 0}};

static bool parse_u32(const char *text, uint32_t *out)
{
	uint64_t v;

	if (!cli_parse_size(text, &v) || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

static int parse(const struct cli_command *cmd, int argc, char **argv, struct options *o, struct fault *fault)
{
	int c;

	memset(o, 0, sizeof *o);
	o->c.kind = POD_LAYER_VHDX;
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		bool ok = true;

		if (c == 's')
			ok = cli_parse_size(optarg, &o->c.size_bytes) && o->c.size_bytes;
		else if (c == 'p')
			o->c.parent = optarg;
		else if (c == 'f')
			ok = o->format_given = disk_parse_format(optarg, &o->c.kind, &o->qcow2);
		else if (c == 'x')
			o->c.fixed = true;
		else if (c == 'b')
			ok = parse_u32(optarg, &o->c.block_size);
		else if (c == 'c')
			ok = parse_u32(optarg, &o->c.sector_size);
		else if (c == 'r')
			o->replace = true;
		else
			return cli_bad_option(fault, cmd, argv);
		if (!ok)
			return cli_usage(fault, cmd, _("'%s' makes no sense here"), optarg);
	}
	return CLI_OK;
}

/* Without --format the name tells. */
static void format_from_name(struct options *o, const char *path)
{
	if (o->format_given)
		return;
	o->qcow2 = pod_ends_with_nocase(path, ".qcow2");
	o->c.kind = pod_ends_with_nocase(path, ".vhd")					       ? POD_LAYER_VHD
		    : pod_ends_with_nocase(path, ".raw") || pod_ends_with_nocase(path, ".img") ? POD_LAYER_RAW
											       : POD_LAYER_VHDX;
}

int disk_cmd_create(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct options o;
	int rc = parse(cmd, argc, argv, &o, fault);

	if (rc != CLI_OK)
		return rc;
	if (argc - optind != 1 || (!o.c.size_bytes && !o.c.parent) || o.qcow2 || o.replace)
		return cli_usage(fault, cmd, "%s",
				 _("name one FILE, and --size N or --parent FILE; the formats are vhdx, vhd and raw"));
	if (o.c.parent && o.c.fixed)
		return cli_usage(fault, cmd, "%s", _("a child of a parent cannot be fixed"));
	format_from_name(&o, argv[optind]);
	return disk_create(argv[optind], &o.c, NULL, fault);
}

/* --- convert -------------------------------------------------------------------------------------------- */

/* Into a file that was just made and is open. */
static int copy_into(struct disk *from, struct disk_file *f, const char *shown, struct fault *fault)
{
	struct pod_chain_options opt = {.top = {.writable = true, .allow_raw = true, .env = &disk_env}};
	struct pod_chain to;
	struct pod_diag diag = {0};
	enum pod_status st = pod_chain_open(&to, &f->vf, &cli_alloc, NULL, &opt, &diag), closed;

	if (st != POD_OK)
		return disk_fail(shown, _("cannot open the image"), st, &diag, NULL, fault);
	st = disk_copy(&from->chain, &to, shown);
	closed = pod_chain_close(&to);
	if (st == POD_OK)
		st = closed;
	if (st != POD_OK)
		return disk_fail(shown, _("cannot copy"), st, NULL, NULL, fault);
	return cli_interrupted ? fault_set(fault, _("%s: interrupted; nothing was changed"), shown) : CLI_OK;
}

static int convert_to_qcow2(struct disk *from, const char *tmp, const char *shown, struct fault *fault)
{
	struct cli_nbd_export ex = {.dev = &from->chain.dev, .name = "disk", .description = "isopod virtual disk"};
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char dir[] = "/tmp/isopod-disk.XXXXXX";
	struct cli_nbd_server *s = NULL;
	struct cli_args a = {0};
	char *sock = NULL;
	int rc = CLI_FAILED;

	if (!cli_proc_on_path("qemu-img"))
		return fault_set(fault, "%s", _("qcow2 needs the program qemu-img; install the package qemu-utils"));
	ex.lock = &lock;
	if (!mkdtemp(dir))
		return fault_set(fault, _("%s: cannot make a folder there"), dir);
	sock = cli_xasprintf("%s/nbd", dir);
	s = cli_nbd_start(&ex, sock, fault);
	if (s) {
		cli_args_add(&a, "qemu-img");
		cli_args_add(&a, "convert");
		cli_args_add(&a, "-f");
		cli_args_add(&a, "raw");
		cli_args_add(&a, "-O");
		cli_args_add(&a, "qcow2");
		cli_args_addf(&a, "nbd+unix:///disk?socket=%s", sock);
		cli_args_add(&a, tmp);
		if (cli_proc_run(&a, fault))
			rc = CLI_OK;
		else
			fault_set(fault, _("%s: qemu-img could not write it"), shown);
		cli_args_free(&a);
		cli_nbd_stop(s);
	}
	rmdir(dir);
	free(sock);
	return rc;
}

static int convert(struct disk *from, const char *tmp, const char *dst, struct options *o, struct fault *fault)
{
	struct disk_file f;
	int rc;

	if (o->qcow2)
		return convert_to_qcow2(from, tmp, dst, fault);
	o->c.size_bytes = from->chain.dev.size_bytes;
	if (!o->c.sector_size && from->chain.layer[0]->sector_size == 4096)
		o->c.sector_size = 4096;
	/* The formats count whole sectors; a raw image need not. */
	if (o->c.kind != POD_LAYER_RAW)
		o->c.size_bytes = pod_align_up(o->c.size_bytes, o->c.sector_size == 4096 ? 4096 : 512);
	rc = disk_create(tmp, &o->c, &f, fault);
	if (rc != CLI_OK)
		return rc;
	rc = copy_into(from, &f, dst, fault);
	if (rc == CLI_OK && !disk_file_sync(&f, fault))
		rc = CLI_FAILED;
	disk_file_close(&f);
	return rc;
}

/* A qcow2 source is read by qemu-img into a raw file next to the destination first. */
static char *unpack_qcow2(const char *src, const char *dst, struct fault *fault)
{
	char *raw = cli_xasprintf("%s.raw.new", dst), magic[4] = {0};
	struct cli_args a = {0};
	FILE *f = fopen(src, "rb");
	bool is = f && fread(magic, 1, 4, f) == 4 && memcmp(magic, "QFI\xfb", 4) == 0;

	if (f)
		fclose(f);
	if (is) {
		cli_args_add(&a, "qemu-img");
		cli_args_add(&a, "convert");
		cli_args_add(&a, "-f");
		cli_args_add(&a, "qcow2");
		cli_args_add(&a, "-O");
		cli_args_add(&a, "raw");
		cli_args_add(&a, "--");
		cli_args_add(&a, src);
		cli_args_add(&a, raw);
		unlink(raw);
		is = cli_proc_run(&a, fault);
		cli_args_free(&a);
		if (is)
			return raw;
		fault_set(fault, _("%s: qemu-img could not read it"), src);
		unlink(raw);
	}
	free(raw);
	return NULL;
}

/* Under another name first: what has the name is whole. */
static int convert_to(struct disk *from, const char *dst, struct options *o, struct fault *fault)
{
	char *tmp = cli_xasprintf("%s.new", dst);
	int rc;

	unlink(tmp);
	cli_catch_signals();
	rc = convert(from, tmp, dst, o, fault);
	if (rc == CLI_OK && rename(tmp, dst) != 0)
		rc = fault_set(fault, _("%s: cannot give the new image its name"), dst);
	if (rc != CLI_OK)
		unlink(tmp);
	free(tmp);
	return rc;
}

static int taken(const char *dst, struct fault *fault)
{
	return fault_set(fault, _("%s: exists already; name another file, or say --replace"), dst);
}

int disk_convert(struct disk *from, const char *dst, const char *format, bool replace, struct fault *fault)
{
	struct options o = {.c.kind = POD_LAYER_VHDX};

	if (format && !(o.format_given = disk_parse_format(format, &o.c.kind, &o.qcow2)))
		return fault_set(fault, _("'%s' makes no sense here"), format);
	format_from_name(&o, dst);
	if (!replace && access(dst, F_OK) == 0)
		return taken(dst, fault);
	return convert_to(from, dst, &o, fault);
}

static int convert_file(const char *src, const char *dst, struct options *o, struct fault *fault)
{
	char *raw = unpack_qcow2(src, dst, fault);
	struct disk *from = cli_xzalloc(sizeof *from);
	int rc = disk_open(from, raw ? raw : src, false, fault);

	if (rc == CLI_OK) {
		rc = convert_to(from, dst, o, fault);
		if (disk_close(from, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	if (raw)
		unlink(raw);
	free(raw);
	free(from);
	return rc;
}

int disk_cmd_convert(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct options o;
	int rc = parse(cmd, argc, argv, &o, fault);

	if (rc != CLI_OK)
		return rc;
	if (argc - optind != 2 || o.c.size_bytes || o.c.parent)
		return cli_usage(fault, cmd, "%s", _("name FROM and TO"));
	format_from_name(&o, argv[optind + 1]);
	if (!o.replace && access(argv[optind + 1], F_OK) == 0)
		return taken(argv[optind + 1], fault);
	return convert_file(argv[optind], argv[optind + 1], &o, fault);
}

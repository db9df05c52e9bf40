/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod disk create, convert. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/disk/kin.h"
#include "cli/disk/resume.h"
#include "cli/host/safety.h"
#include "cli/host/tempfile.h"
#include "core/base/str.h"
#include "core/layer/index.h"
#include "core/vhd/qcow2_write.h"

/* Fills in what a child takes over from its parent. */
static int look_at_parent(const char *path, struct disk_create *c, struct pod_parent_spec *spec, struct fault *fault)
{
	struct disk *p = cli_xzalloc(sizeof *p);
	int rc = disk_open(p, c->parent, POD_DISKFILE_NONE, false, fault);

	if (rc == CLI_OK) {
		const struct pod_member *l = p->chain.member[0];

		c->kind = l->kind;
		c->sector_size = l->kind == POD_MEMBER_VHDX ? l->sector_size : 0;
		if (!c->size_bytes)
			c->size_bytes = l->size_bytes;
		pod_member_describe(l, spec);
		if (l->kind == POD_MEMBER_RAW)
			rc = fault_set(fault, _("%s: a raw image cannot be a parent; convert it to VHDX first"), c->parent);
		else if (pod_member_is_foreign(l->kind))
			rc = disk_cannot_be_parent(c->parent, l, fault);
		else if (p->chain.depth == POD_CHAIN_DEPTH_MAX)
			rc = fault_set(
				fault,
				_("%s: is %u images deep, and no more can be opened; flatten it first ('isopod disk rebase --flatten')"),
				c->parent, POD_CHAIN_DEPTH_MAX);
		else if (c->size_bytes < l->size_bytes)
			rc = fault_set(fault, _("%s: smaller than its parent"), path);
		else if (l->kind == POD_MEMBER_VHDX && l->u.vhdx.log_replayed)
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

	if (c->kind == POD_MEMBER_VHDX)
		return pod_vhdx_format(&f->vf, &cli_alloc, &x, &disk_env, diag);
	if (c->kind == POD_MEMBER_VHD)
		return pod_vhd_format(&f->vf, &cli_alloc, &v, &disk_env, diag);
	return pod_vfile_resize(&f->vf, c->size_bytes);
}

int disk_create(const char *path, const struct disk_create *options, struct disk_file *out, struct fault *fault)
{
	struct pod_parent_spec spec = {0};
	struct disk_create c = *options;
	struct pod_diag diag = {0};
	struct disk_file own = {0}, *f = out ? out : &own;
	char *relative = NULL;
	enum pod_status st;
	int rc = CLI_OK;

	if (c.parent) {
		rc = look_at_parent(path, &c, &spec, fault);
		if (rc == CLI_OK && !(relative = disk_relative(path, c.parent, fault)))
			rc = CLI_FAILED;
		spec.path[POD_PARENT_RELATIVE] = relative;
	}
	if (rc == CLI_OK && c.kind == POD_MEMBER_VHD && c.size_bytes > POD_VHD_SIZE_MAX)
		rc = fault_set(fault, _("%s: too large: a VHD holds at most %llu GiB; make a .vhdx"), path,
			       (unsigned long long)(POD_VHD_SIZE_MAX >> 30));
	if (rc != CLI_OK || !disk_file_create(f, path, fault)) {
		free(relative);
		return CLI_FAILED;
	}
	st = format(f, &c, &spec, &diag);
	if (st != POD_OK)
		rc = disk_fail(path, _("cannot make the image"), st, &diag, NULL, fault);
	else if (!out && !disk_file_sync(f, fault))
		rc = CLI_FAILED;
	if (rc != CLI_OK)
		unlink(path);
	if (rc != CLI_OK || !out)
		disk_file_close(f);
	free(relative);
	return rc;
}

/* --- the options both have ------------------------------------------------------------------------------ */

struct options {
	struct disk_create c;
	enum pod_diskfile input;
	enum disk_use use; /* of what is converted */
	bool qcow2, format_given, replace, resume, yes;
};

static const struct option long_options[] = {{"size", required_argument, NULL, 's'},
					     {"parent", required_argument, NULL, 'p'},
					     {"format", required_argument, NULL, 'f'},
					     {"fixed", no_argument, NULL, 'x'},
					     {"block-size", required_argument, NULL, 'b'},
					     {"sector-size", required_argument, NULL, 'c'},
					     {"replace", no_argument, NULL, 'r'},
					     {"resume", no_argument, NULL, 'R'},
					     {"yes", no_argument, NULL, 'y'},
					     DISK_INPUT_OPTION,
					     DISK_UNSAFE_OPTION,
					     DISK_FOLLOW_OPTION,
					     {NULL, 0, NULL, 0}};

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
	o->c.kind = POD_MEMBER_VHDX;
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
		else if (c == 'R')
			o->resume = true;
		else if (c == 'y')
			o->yes = true;
		else if (c == 'U')
			o->use |= DISK_READ_UNSAFE;
		else if (c == 'L')
			o->use |= DISK_FOLLOW;
		else if (c == 'F')
			ok = disk_parse_input(optarg, &o->input);
		else
			return cli_bad_option(fault, cmd, argv);
		if (!ok)
			return cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
	}
	return CLI_OK;
}

/* Only a VHDX has sectors of a size to choose; a child's are its parent's. */
static int sectors_apply(const struct cli_command *cmd, const struct options *o, struct fault *fault)
{
	if (o->c.sector_size && (o->c.kind != POD_MEMBER_VHDX || o->qcow2 || o->c.parent))
		return cli_usage(fault, cmd, "%s", _("--sector-size has an effect only on a VHDX without a parent"));
	return CLI_OK;
}

/* Without --format the name tells: what has no name of its own kind becomes a VHDX. False: a kind that is not written. */
static bool format_from_name(struct options *o, const char *path)
{
	enum pod_diskfile named = pod_diskfile_of_name(path);

	if (o->format_given)
		return true;
	o->qcow2 = named == POD_DISKFILE_QCOW2;
	o->c.kind = named == POD_DISKFILE_VHD ? POD_MEMBER_VHD : named == POD_DISKFILE_RAW ? POD_MEMBER_RAW : POD_MEMBER_VHDX;
	return !pod_diskfile_is_foreign(named) || o->qcow2;
}

static int not_written(const char *path, struct fault *fault)
{
	return fault_set(
		fault, _("%s: such files are not written here; name a .vhdx, .vhd, .qcow2, .img or .raw, or say --format"), path);
}

int disk_cmd_create(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct options o;
	int rc = parse(cmd, argc, argv, &o, fault);

	if (rc != CLI_OK)
		return rc;
	if (argc - optind != 1 || (!o.c.size_bytes && !o.c.parent) || o.qcow2 || o.replace || o.resume || o.yes || o.input ||
	    o.use)
		return cli_usage(fault, cmd, "%s",
				 _("name one FILE, and --size N or --parent FILE; the formats are vhdx, vhd and raw"));
	if (o.c.parent && o.c.fixed)
		return cli_usage(fault, cmd, "%s", _("an image with a parent cannot be of fixed size"));
	if (!format_from_name(&o, argv[optind]) || o.qcow2)
		return fault_set(fault, _("%s: such files are not made here; name a .vhdx, .vhd, .img or .raw, or say --format"),
				 argv[optind]);
	if (sectors_apply(cmd, &o, fault) != CLI_OK)
		return CLI_USAGE;
	return disk_create(argv[optind], &o.c, NULL, fault);
}

/* --- convert -------------------------------------------------------------------------------------------- */

#define STEP (256u << 20) /* of a conversion that can be resumed: it is flushed after so many bytes */

/* One conversion. */
struct conversion {
	struct disk *from;
	const char *dst;	    /* as the user knows it */
	struct disk_resume *resume; /* NULL: it cannot be resumed */
	struct options *o;
};

static int copied(const struct conversion *v, enum pod_status st, struct fault *fault)
{
	if (st != POD_OK)
		return disk_fail(v->dst, _("cannot copy"), st, NULL, NULL, fault);
	if (cli_interrupted && v->resume)
		return fault_set(fault, _("%s: interrupted; run the same command again to go on from byte %llu"), v->dst,
				 (unsigned long long)v->resume->done);
	return cli_interrupted ? fault_set(fault, _("%s: interrupted; nothing was changed"), v->dst) : CLI_OK;
}

/* `to` is flushed and that noted after each step. */
static enum pod_status copy_in_steps(const struct conversion *v, struct disk_copy_job *job, struct pod_dev *to,
				     struct fault *fault)
{
	enum pod_status st = POD_OK;
	uint64_t size = job->end;

	if (v->resume)
		job->start = v->resume->done;
	for (; st == POD_OK && !cli_interrupted && job->start < size; job->start = job->end) {
		job->end = v->resume ? pod_min_u64(size, job->start + STEP) : size;
		st = disk_copy_range(job);
		if (!v->resume || st != POD_OK || cli_interrupted)
			continue;
		st = pod_dev_flush(to);
		if (st == POD_OK && !disk_resume_note(v->resume, job->end, fault))
			st = POD_E_IO;
	}
	return st;
}

/* Into a file that was just made, or holds a part of it, and is open. */
static int copy_into(const struct conversion *v, struct disk_file *f, struct fault *fault)
{
	static const enum pod_diskfile format[] = {
		[POD_MEMBER_RAW] = POD_DISKFILE_RAW, [POD_MEMBER_VHD] = POD_DISKFILE_VHD, [POD_MEMBER_VHDX] = POD_DISKFILE_VHDX};
	struct pod_chain_options opt = {.top = {.writable = true, .format = format[v->o->c.kind], .env = &disk_env}};
	struct pod_chain to;
	struct cli_progress bar;
	struct disk_copy_job job = {.from = &v->from->chain, .file = f, .end = v->from->chain.dev.size_bytes, .bar = &bar};
	struct pod_diag diag = {0};
	enum pod_status st = pod_chain_open(&to, &f->vf, &cli_alloc, NULL, &opt, &diag), closed;

	if (st != POD_OK)
		return disk_fail(v->dst, _("cannot open the image"), st, &diag, NULL, fault);
	job.to = disk_copy_target(&to);
	cli_progress_start(&bar, v->dst, job.end);
	st = copy_in_steps(v, &job, &to.dev, fault);
	cli_progress_end(&bar);
	closed = pod_chain_close(&to);
	return copied(v, st == POD_OK ? closed : st, fault);
}

static int copy_into_qcow2(const struct conversion *v, struct disk_file *f, struct fault *fault)
{
	struct pod_qcow2_how how = {.size_bytes = pod_align_up(v->from->chain.dev.size_bytes, 512)};
	struct pod_qcow2 to;
	struct cli_progress bar;
	struct disk_copy_job job = {.from = &v->from->chain, .file = f, .end = v->from->chain.dev.size_bytes, .bar = &bar};
	struct pod_diag diag = {0};
	enum pod_status st = pod_qcow2_begin(&to, &f->vf, &cli_alloc, &how, &diag);

	if (st != POD_OK)
		return disk_fail(v->dst, _("cannot make the image"), st, &diag, NULL, fault);
	job.to = &to.dev;
	cli_progress_start(&bar, v->dst, job.end);
	st = disk_copy_range(&job);
	cli_progress_end(&bar);
	if (st == POD_OK && !cli_interrupted)
		st = pod_qcow2_finish(&to);
	pod_qcow2_end(&to);
	return copied(v, st, fault);
}

/* Whole and on the drive, as `tmp`; else that is gone, unless it can be resumed. */
static int convert(const struct conversion *v, const char *tmp, struct fault *fault)
{
	struct options *o = v->o;
	struct disk_file f;
	int rc;

	if (o->qcow2)
		rc = disk_file_create(&f, tmp, fault) ? CLI_OK : CLI_FAILED;
	else if (v->resume)
		rc = disk_resume_begin(v->resume, v->from, v->dst, &o->c, &f, fault);
	else
		rc = disk_create(tmp, &o->c, &f, fault);
	if (rc != CLI_OK)
		return rc;
	rc = o->qcow2 ? copy_into_qcow2(v, &f, fault) : copy_into(v, &f, fault);
	if (rc == CLI_OK && !disk_file_sync(&f, fault))
		rc = CLI_FAILED;
	disk_file_close(&f);
	if (rc != CLI_OK && !v->resume)
		unlink(tmp);
	return rc;
}

/* What is there is lost: only a file that is nothing else, and that nobody has open. Layers and parents: disk_kin_guard_name. */
static int may_replace(const char *path, struct fault *fault)
{
	const char *slash = strrchr(path, '/');
	struct cli_dev there;
	struct stat st;

	if (lstat(path, &st) != 0)
		return CLI_OK;
	if (S_ISLNK(st.st_mode))
		return fault_set(fault, _("%s: cannot be replaced: it is a link; name the file itself"), path);
	if (!S_ISREG(st.st_mode))
		return fault_set(fault, _("%s: cannot be replaced: it is not a regular file; name another file"), path);
	if (strcmp(slash ? slash + 1 : path, POD_STORE_INDEX) == 0)
		return fault_set(fault, _("%s: cannot be replaced: it belongs to a layer store; name another file"), path);
	if (!cli_dev_open(&there, path, true, fault))
		return CLI_FAILED;
	cli_dev_close(&there);
	return CLI_OK;
}

static void complete(struct options *o, const struct disk *from)
{
	o->c.size_bytes = from->chain.dev.size_bytes;
	if (!o->c.sector_size && from->chain.member[0]->sector_size == 4096)
		o->c.sector_size = 4096;
	/* The formats count whole sectors; a raw image need not. */
	if (o->c.kind != POD_MEMBER_RAW)
		o->c.size_bytes = pod_align_up(o->c.size_bytes, o->c.sector_size == 4096 ? 4096 : 512);
}

/* Under another name first: what has the name is whole. */
static int convert_to_file(struct disk *from, const char *dst, struct options *o, struct fault *fault)
{
	struct disk_resume resume = {.fd = -1};
	struct conversion v = {.from = from, .dst = dst, .o = o, .resume = o->resume ? &resume : NULL};
	char *tmp = o->resume ? cli_xasprintf("%s" DISK_RESUME_PART, dst) : tempfile_name(dst);
	int rc;

	cli_catch_signals();
	complete(o, from);
	rc = convert(&v, tmp, fault);
	if (rc == CLI_OK &&
	    ((o->replace && may_replace(dst, fault) != CLI_OK) || !tempfile_commit(tmp, dst, o->replace, fault))) {
		if (!v.resume)
			unlink(tmp);
		rc = CLI_FAILED;
	}
	if (v.resume)
		disk_resume_end(&resume, rc == CLI_OK);
	free(tmp);
	return rc;
}

static int convert_to(struct disk *from, const char *dst, struct options *o, struct fault *fault)
{
	return disk_drive_is(dst) ? disk_drive_write(from, dst, o->yes, fault) : convert_to_file(from, dst, o, fault);
}

/* A drive has a disk's bytes on it, and no file. */
static int prepare_drive(struct options *o, const char *dst, struct fault *fault)
{
	if (o->format_given && (o->qcow2 || o->c.kind != POD_MEMBER_RAW))
		return fault_set(fault, _("%s: a drive takes a disk's bytes as they are; say --format raw, or name a file"), dst);
	if (o->resume)
		return fault_set(fault, _("%s: --resume is for files; a drive is written in one go"), dst);
	o->format_given = true;
	o->c.kind = POD_MEMBER_RAW;
	return cli_safety_check_idle(dst, fault) ? CLI_OK : CLI_FAILED;
}

/* What can be known before anything is read: `dst` is free, and of a kind that is written. */
static int prepare(struct options *o, const char *dst, struct fault *fault)
{
	if (o->replace && disk_drive_is(dst))
		return prepare_drive(o, dst, fault);
	if (!format_from_name(o, dst))
		return not_written(dst, fault);
	if (!o->replace && access(dst, F_OK) == 0)
		return fault_set(fault, _("%s: exists already; name another file, or say --replace"), dst);
	if (disk_kin_guard_name(dst, fault) != CLI_OK)
		return CLI_FAILED;
	return o->replace ? may_replace(dst, fault) : CLI_OK;
}

int disk_convert(struct disk *from, const char *dst, const struct disk_convert_how *how, struct fault *fault)
{
	struct options o = {.c.kind = POD_MEMBER_VHDX, .replace = how->replace, .yes = how->yes};
	const char *format = how->format;
	int rc;

	if (format && !(o.format_given = disk_parse_format(format, &o.c.kind, &o.qcow2)))
		return fault_set(fault, _("'%s' is not valid here"), format);
	rc = prepare(&o, dst, fault);
	return rc == CLI_OK ? convert_to(from, dst, &o, fault) : rc;
}

static int convert_disk(const char *src, const char *dst, struct options *o, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	int rc = disk_open(d, src, o->input, o->use, fault);

	if (rc == CLI_OK) {
		rc = disk_must_be_sound(d, fault);
		if (rc == CLI_OK)
			rc = convert_to(d, dst, o, fault);
		if (disk_close(d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(d);
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
	rc = prepare(&o, argv[optind + 1], fault);
	if (rc == CLI_OK && o.resume && o.qcow2)
		return cli_usage(fault, cmd, "%s", _("--resume has no effect on a qcow2, which is written in one go"));
	if (rc == CLI_OK)
		rc = sectors_apply(cmd, &o, fault);
	return rc == CLI_OK ? convert_disk(argv[optind], argv[optind + 1], &o, fault) : rc;
}

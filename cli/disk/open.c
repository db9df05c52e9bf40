/* SPDX-License-Identifier: BSD-2-Clause */
/* Image files of the host; parents found by the paths their children hold. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/disk/elsewhere.h"
#include "cli/disk/kin.h"
#include "cli/host/identity.h"
#include "cli/host/lock.h"

/* What the core says of containers, so that the catalogue holds it. */
static const char *const names_text[] __attribute__((unused)) = {
	N_("backing file"),
	N_("extent files"),
};

static void env_random(const struct pod_vhd_env *env, void *buf, size_t len)
{
	(void)env;
	cli_identity_bytes(NULL, buf, len);
}

static uint64_t env_now(const struct pod_vhd_env *env)
{
	(void)env;
	return (uint64_t)cli_identity_time(NULL);
}

const struct pod_vhd_env disk_env = {.random = env_random, .now_unix = env_now};

/* --- files ---------------------------------------------------------------------------------------------- */

static enum pod_status file_resize(struct pod_vfile *vf, uint64_t size)
{
	struct disk_file *f = (struct disk_file *)vf;

	return cli_dev_truncate(&f->dev, size);
}

static enum pod_status file_zero(struct pod_vfile *vf, uint64_t off, uint64_t len)
{
	struct disk_file *f = (struct disk_file *)vf;

	return cli_dev_punch(&f->dev, off, len);
}

static enum pod_status file_reserve(struct pod_vfile *vf, uint64_t off, uint64_t len)
{
	struct disk_file *f = (struct disk_file *)vf;

	return cli_dev_reserve(&f->dev, off, len);
}

static void attach(struct disk_file *f, bool writable)
{
	if (f->dev.changed_unix > 0)
		f->vf.changed_unix = (uint64_t)f->dev.changed_unix;
	f->vf.dev = &f->dev.dev;
	f->vf.id[0] = f->dev.is_block ? f->dev.rdev : f->dev.file_dev;
	f->vf.id[1] = f->dev.is_block ? UINT64_MAX : f->dev.file_ino;
	if (writable && !f->dev.is_block) {
		f->vf.resize = file_resize;
		f->vf.reserve = file_reserve;
	}
	if (writable)
		f->vf.zero = file_zero;
}

/* POD_E_NOT_FOUND as disk_elsewhere_open has it. */
static enum pod_status open_elsewhere(struct disk_file *f, const char *path, bool unsafe, struct fault *fault)
{
	struct disk_file *there;

	memset(f, 0, sizeof *f);
	POD_TRY(disk_elsewhere_open(path, !unsafe, &f->elsewhere, &there, fault));
	f->unsafe = unsafe;
	f->dev = (struct cli_dev){.fd = -1, .lock_fd = -1, .direct_fd = -1, .is_block = true, .path = cli_xstrdup(path)};
	f->dev.dev = *there->vf.dev;
	f->dev.dev.budget = &f->dev.budget;
	f->vf = there->vf;
	f->vf.dev = &f->dev.dev;
	cli_dev_unlimited(&f->dev);
	return POD_OK;
}

bool disk_file_open(struct disk_file *f, const char *path, enum disk_use use, struct fault *fault)
{
	memset(f, 0, sizeof *f);
	use &= DISK_USE;
	if (disk_elsewhere_is(path)) {
		if (use == DISK_WRITE)
			fault_set(fault, _("%s: on a stick that is not mounted it is only read; mount the stick"), path);
		else if (open_elsewhere(f, path, use == DISK_READ_UNSAFE, fault) == POD_OK)
			return true;
		else if (!fault_is_set(fault))
			fault_set(fault, _("%s: cannot open: %s"), path, strerror(ENOENT));
		return false;
	}
	f->unsafe = use == DISK_READ_UNSAFE;
	if (!cli_dev_open(&f->dev, path, use == DISK_WRITE, fault))
		return false;
	if (use == DISK_READ && !cli_lock_take(f->dev.fd, false, path, fault)) {
		cli_dev_close(&f->dev);
		return false;
	}
	attach(f, use == DISK_WRITE);
	return true;
}

bool disk_file_create(struct disk_file *f, const char *path, struct fault *fault)
{
	memset(f, 0, sizeof *f);
	if (!cli_dev_create_new(&f->dev, path, fault))
		return false;
	attach(f, true);
	return true;
}

void disk_file_close(struct disk_file *f)
{
	disk_elsewhere_close(f->elsewhere);
	f->elsewhere = NULL;
	cli_dev_close(&f->dev);
}

bool disk_file_sync(struct disk_file *f, struct fault *fault)
{
	char *copy = cli_xstrdup(f->dev.path);
	int dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = pod_dev_flush(&f->dev.dev) == POD_OK;

	if (dir >= 0) {
		ok = (fsync(dir) == 0 || errno == EINVAL) && ok;
		close(dir);
	}
	free(copy);
	if (!ok)
		fault_set(fault, _("%s: cannot write it to the disk: %s"), f->dev.path, strerror(errno));
	return ok;
}

/* --- parents -------------------------------------------------------------------------------------------- */

/* The part behind the last separator of either kind. */
static const char *base_of(const char *path)
{
	const char *name = path;

	for (; *path; path++)
		if (*path == '\\' || *path == '/')
			name = path + 1;
	return name;
}

/* Relative to the child; absolute as a path of this system, else (a path of Windows) the file of that name next to the child. */
char *disk_parent_place(const char *child, enum pod_parent_path kind, const char *path)
{
	char *copy = cli_xstrdup(child), *dir = dirname(copy), *out;

	if (kind == POD_PARENT_RELATIVE && path[0] == '.' && (path[1] == '\\' || path[1] == '/'))
		path += 2;
	if (kind == POD_PARENT_RELATIVE)
		out = cli_xasprintf("%s/%s", dir, path);
	else if (path[0] == '/')
		out = cli_xstrdup(path);
	else
		out = cli_xasprintf("%s/%s", dir, base_of(path));
	if (kind == POD_PARENT_RELATIVE)
		for (char *p = out + strlen(dir); *p; p++)
			if (*p == '\\')
				*p = '/';
	free(copy);
	return out;
}

static enum pod_status open_on_stick(const struct disk_file *child, const char *name, struct pod_vfile **out, struct fault *fault)
{
	struct disk_file *f = cli_xzalloc(sizeof *f);
	struct fault why = {0};
	enum pod_status st = POD_E_NOT_FOUND;

	if (disk_elsewhere_is(name))
		st = open_elsewhere(f, name, child->unsafe, &why);
	if (st == POD_OK) {
		f->dev.dev.budget = child->dev.dev.budget;
		*out = &f->vf;
	} else {
		free(f);
	}
	if (st != POD_OK && st != POD_E_NOT_FOUND) /* another path may be right */
		fault_move(fault, &why);
	fault_free(&why);
	return st;
}

char *disk_parent_find(const char *child, enum pod_parent_path kind, const char *path, struct stat *st)
{
	char *name = disk_parent_place(child, kind, path), *real = NULL;
	struct stat link;
	bool there = stat(name, st) == 0;

	if (!there && lstat(child, &link) == 0 && S_ISLNK(link.st_mode) && (real = realpath(child, NULL))) {
		free(name);
		name = disk_parent_place(real, kind, path);
		there = stat(name, st) == 0;
	}
	free(real);
	if (there)
		return name;
	free(name);
	return NULL;
}

static enum pod_status open_parent(struct pod_chain_opener *o, struct pod_vfile *child, enum pod_parent_path kind,
				   const char *path, struct pod_vfile **out)
{
	const struct disk_file *c = (const struct disk_file *)child;
	struct stat st;
	char *name = c->elsewhere ? disk_parent_place(c->dev.path, kind, path) : disk_parent_find(c->dev.path, kind, path, &st);
	struct disk_file *f;

	if (c->elsewhere) {
		enum pod_status there = open_on_stick(c, name, out, o->ctx);

		free(name);
		return there;
	}
	if (!name || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
		free(name);
		return POD_E_NOT_FOUND;
	}
	f = cli_xzalloc(sizeof *f);
	if (!disk_file_open(f, name, c->unsafe ? DISK_READ_UNSAFE : DISK_READ, o->ctx)) {
		free(f);
		free(name);
		return POD_E_IO;
	}
	free(name);
	f->dev.dev.budget = c->dev.dev.budget;
	*out = &f->vf;
	return POD_OK;
}

static void close_parent(struct pod_chain_opener *o, struct pod_vfile *vf)
{
	struct disk_file *f = (struct disk_file *)vf;

	(void)o;
	disk_file_close(f);
	free(f);
}

/* --- disks ---------------------------------------------------------------------------------------------- */

int disk_fail(const char *path, const char *what, enum pod_status st, const struct pod_diag *diag, const char *parent,
	      struct fault *fault)
{
	const char *of = parent && *parent ? parent : path;

	if (st == POD_E_CANCELLED)
		return fault_set(fault, _("%s: interrupted"), path);
	if (st == POD_E_CORRUPT && diag && diag->what && strcmp(diag->what, POD_HALF_MERGED) == 0)
		return disk_kin_half_merged(of, fault);
	if (st == POD_E_UNSUPPORTED && diag && diag->what &&
	    (strcmp(diag->what, POD_FOREIGN_BACKING) == 0 || strcmp(diag->what, POD_FOREIGN_EXTENTS) == 0))
		return fault_set(
			fault,
			_("%s: not read, as it names other files (%s), which could be any on this computer; if they are to be "
			  "read, say --follow"),
			of, _(diag->what));
	if (st == POD_E_UNSUPPORTED && diag && diag->what && strcmp(diag->what, POD_FOREIGN_COMPRESSED) == 0)
		return fault_set(
			fault,
			_("%s: is compressed, so it cannot be started from a stick; make a VHDX of it ('isopod disk convert')"),
			path);
	if (st == POD_E_NOT_FOUND && diag && diag->what && strcmp(diag->what, POD_FOREIGN_MISSING) == 0)
		return fault_set(fault, _("%s: a file that it consists of is missing: %s"), path,
				 parent && *parent ? parent : "?");
	if (st == POD_E_NOT_FOUND && parent && *parent)
		return fault_set(fault,
				 _("%s: parent is missing: %s; put it there, or name another one with 'isopod disk rebase'"),
				 path, parent);
	if (st == POD_E_CHANGED && diag && diag->what)
		return fault_set(
			fault,
			_("%s: parent %s is not the file it was made from, or was changed since; put an unchanged copy of "
			  "the parent in its place, or link it all the same with 'isopod disk rebase --parent FILE "
			  "--ignore-identity'"),
			path, parent && *parent ? parent : "?");
	if (st != POD_E_CORRUPT && st != POD_E_FORMAT && st != POD_E_UNSUPPORTED && st != POD_E_LIMIT && st != POD_E_INVALID)
		return fault_status(fault, path, what, st, NULL);
	if (diag && diag->what)
		return fault_set(fault, _("%s: %s: %s (%s at offset %llu: expected %llu, found %llu)"), of, what,
				 cli_status_text(st), diag->what, (unsigned long long)diag->offset_bytes,
				 (unsigned long long)diag->expected, (unsigned long long)diag->got);
	/* It was open, so a check gets as far and names the place. */
	if (st == POD_E_CORRUPT)
		return fault_set(fault, _("%s: %s: %s; 'isopod disk check' says more"), of, what, cli_status_text(st));
	return fault_set(fault, "%s: %s: %s", of, what, cli_status_text(st));
}

bool disk_parse_input(const char *text, enum pod_diskfile *said)
{
	*said = pod_diskfile_parse(text);
	return *said != POD_DISKFILE_NONE;
}

int disk_broken(const struct disk *d, const char *path, struct fault *fault)
{
	if (fault_is_set(fault)) /* what is wrong with opening a parent has been said */
		return CLI_FAILED;
	return disk_fail(path, _("cannot open the image"), d->st, &d->diag, d->failed, fault);
}

static int undecided(const char *path, enum pod_status st, const struct pod_diag *diag, struct fault *fault)
{
	if (st == POD_E_FORMAT)
		return fault_set(fault,
				 _("%s: is not known as a disk image, by name or content; if its bytes are the disk's, say "
				   "--input-format raw"),
				 path);
	if (st == POD_E_UNSUPPORTED)
		return fault_set(fault, _("%s: has the signatures of two formats; say which it is with --input-format"), path);
	return fault_status(fault, path, _("cannot open the image"), st, diag);
}

int disk_decide(struct disk_file *f, enum pod_diskfile said, enum pod_diskfile *out, struct fault *fault)
{
	struct pod_diag diag = {0};
	/* A drive has no name that tells: what nothing in it speaks against is raw. */
	enum pod_diskfile named = f->dev.is_block && !f->elsewhere ? POD_DISKFILE_RAW : pod_diskfile_of_name(f->dev.path);
	enum pod_status st = pod_diskfile_decide(f->vf.dev, said, named, out, &diag);

	return st == POD_OK ? CLI_OK : undecided(f->dev.path, st, &diag, fault);
}

int disk_only_read(const char *path, enum pod_diskfile format, struct fault *fault)
{
	if (!pod_member_reads(format))
		return fault_set(fault, _("%s: is a %s image, which cannot be read here; make a raw image of it first ('%s')"),
				 path, pod_diskfile_text(format), format == POD_DISKFILE_EWF ? "ewfexport" : "qemu-img convert");
	return fault_set(fault, _("%s: is a %s image; make a VHDX of it first ('isopod disk convert')"), path,
			 pod_diskfile_text(format));
}

/* Its name or the user says a format whose signature it has not. */
static int not_one(const char *path, enum pod_diskfile format, struct fault *fault)
{
	return fault_set(fault, _("%s: is not a %s image, though its name says so; if it is raw, say --input-format raw"), path,
			 pod_diskfile_text(format));
}

int disk_cannot_be_parent(const char *path, const struct pod_member *l, struct fault *fault)
{
	return fault_set(fault, _("%s: a %s image cannot be a parent; convert it to VHDX first"), path,
			 pod_member_kind_name(l->kind));
}

int disk_is_ours(struct disk_file *f, struct fault *fault)
{
	enum pod_diskfile format;

	if (disk_decide(f, POD_DISKFILE_NONE, &format, fault) != CLI_OK)
		return CLI_FAILED;
	return pod_diskfile_is_foreign(format) ? disk_only_read(f->dev.path, format, fault) : CLI_OK;
}

int disk_must_be_raw(struct cli_dev *dev, const char *path, struct fault *fault)
{
	bool block = dev && dev->is_block;
	enum pod_diskfile named = block ? POD_DISKFILE_RAW : pod_diskfile_of_name(path), f = named;
	struct pod_diag diag = {0};
	enum pod_status st = dev ? pod_diskfile_probe(&dev->dev, named, &f, &diag) : POD_OK;

	if (st != POD_OK)
		return undecided(path, st, &diag, fault);
	if (f == POD_DISKFILE_NONE)
		f = named;
	if (f == POD_DISKFILE_NONE || f == POD_DISKFILE_RAW)
		return CLI_OK;
	return fault_set(fault,
			 _("%s: a stick's file holds the bytes of a drive (.img), and this is a %s image, by name or content"),
			 path, pod_diskfile_text(f));
}

static const char *path_of(const struct disk *d, unsigned member)
{
	return ((const struct disk_file *)d->chain.member[member]->file)->dev.path;
}

static void warn_of_times(const struct disk *d, struct fault *fault)
{
	for (unsigned i = 0; i + 1 < d->chain.depth; i++)
		if (pod_member_time_differs(d->chain.member[i], d->chain.member[i + 1]))
			fault_warn(
				fault,
				_("%s: its parent %s has another time than when this image was made: it was copied, or written "
				  "to; if written to, the content here is wrong; if not, 'isopod disk rebase --parent' notes "
				  "the new time"),
				path_of(d, i), path_of(d, i + 1));
}

/* An open file's disk; `d` is zero but for the file, which is closed on failure. `partial`: a chain that is not whole (d->st) is
 * opened as far as it goes. */
static int open_chain(struct disk *d, const char *path, enum pod_diskfile said, enum disk_use use, bool partial,
		      struct fault *fault)
{
	bool writable = (use & DISK_USE) == DISK_WRITE;
	struct pod_chain_options opt = {.top = {.writable = writable, .env = &disk_env, .follow = use & DISK_FOLLOW},
					.partial = partial,
					.half_merged = partial,
					.failed_path = d->failed,
					.failed_path_size = sizeof d->failed};

	if (disk_decide(&d->file, said, &opt.top.format, fault) != CLI_OK) {
		disk_file_close(&d->file);
		return CLI_FAILED;
	}
	if (pod_diskfile_is_foreign(opt.top.format) && (writable || !pod_member_reads(opt.top.format))) {
		disk_file_close(&d->file);
		return disk_only_read(path, opt.top.format, fault);
	}
	d->opener = (struct pod_chain_opener){.open = open_parent, .close = close_parent, .ctx = fault};
	d->st = pod_chain_open(&d->chain, &d->file.vf, &cli_alloc, &d->opener, &opt, &d->diag);
	d->opener.ctx = NULL;
	if (d->st == POD_OK) {
		warn_of_times(d, fault);
		d->st = d->chain.broken;
		return CLI_OK;
	}
	if (pod_member_reads(opt.top.format) && d->st == POD_E_CORRUPT && strcmp(d->diag.what, "signature") == 0)
		not_one(path, opt.top.format, fault);
	else
		disk_broken(d, path, fault);
	disk_file_close(&d->file);
	return CLI_FAILED;
}

int disk_open(struct disk *d, const char *path, enum pod_diskfile said, enum disk_use use, struct fault *fault)
{
	memset(d, 0, sizeof *d);
	return disk_file_open(&d->file, path, use, fault) ? open_chain(d, path, said, use, false, fault) : CLI_FAILED;
}

int disk_look(struct disk *d, const char *path, const struct disk_look *how, struct fault *fault)
{
	int rc;

	memset(d, 0, sizeof *d);
	cli_catch_signals();
	if (!disk_file_open(&d->file, path, how->use, fault))
		return CLI_FAILED;
	cli_dev_limit(&d->file.dev, how->steps, 0);
	rc = open_chain(d, path, how->said, how->use, how->partial, fault);
	cli_dev_unlimited(&d->file.dev);
	return rc;
}

int disk_close(struct disk *d, struct fault *fault)
{
	enum pod_status st = pod_chain_close(&d->chain);
	int rc = CLI_OK;

	if (st != POD_OK)
		rc = disk_fail(d->file.dev.path, _("cannot finish writing"), st, NULL, NULL, fault);
	disk_file_close(&d->file);
	return rc;
}

const char *disk_parent_path(const struct disk *d)
{
	return d->chain.depth > 1 ? ((const struct disk_file *)d->chain.member[1]->file)->dev.path : NULL;
}

/* Both absolute and without links: from the folder of one to the other. */
static char *relative_between(const char *from_dir, const char *to)
{
	size_t common = 0, i;
	char *out = cli_xstrdup("."), *next;

	for (i = 0; from_dir[i] && from_dir[i] == to[i]; i++)
		if (to[i] == '/')
			common = i;
	if (!from_dir[i] && to[i] == '/')
		common = i;
	for (const char *p = from_dir + common; *p; p++)
		if (*p == '/' && p[1]) {
			next = cli_xasprintf("%s\\..", out);
			free(out);
			out = next;
		}
	next = cli_xasprintf("%s%s", out, to + common);
	free(out);
	for (char *p = next; *p; p++)
		if (*p == '/')
			*p = '\\';
	return next;
}

char *disk_relative(const char *child, const char *parent, struct fault *fault)
{
	/* What it says is looked for from where the file is, not from where a link to it is. */
	char *real = realpath(child, NULL), *copy = real ? real : cli_xstrdup(child);
	char *dir = realpath(dirname(copy), NULL), *to = realpath(parent, NULL), *out = NULL;

	if (dir && to)
		out = relative_between(dir, to);
	else
		fault_set(fault, "%s: %s", dir ? parent : child, strerror(errno));
	free(to);
	free(dir);
	free(copy);
	return out;
}

bool disk_parse_format(const char *name, enum pod_member_kind *kind, bool *qcow2)
{
	*qcow2 = strcmp(name, "qcow2") == 0;
	*kind = POD_MEMBER_RAW;
	if (*qcow2 || strcmp(name, "raw") == 0)
		return true;
	*kind = strcmp(name, "vhd") == 0 ? POD_MEMBER_VHD : POD_MEMBER_VHDX;
	return strcmp(name, "vhd") == 0 || strcmp(name, "vhdx") == 0;
}

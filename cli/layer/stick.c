/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A layer store in a folder of a stick's exFAT or NTFS volume, which nobody has mounted.
 *
 * A new file is made in a temporary file of the host and copied when its length is known: the volume's one step is "the whole file is
 * there". Files that are there are changed in place. A longer one gets its clusters in memory and is written to right away; its
 * new length is on the medium with the next flush, in one step, and with it all that was written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/host/identity.h"
#include "cli/layer/dir.h"
#include "core/base/str.h"

#define PIECE (1u << 20)
/* Clusters are set aside for more than is asked for, so that the file stays in few pieces; what was not used comes back. */
#define AHEAD (256u << 20)
/* Zeros that are written behind the content of a file that got longer, so that systems that do not know about the valid length
 * read them too. More than that (a hole that somebody made on purpose) stays a hole. */
#define TAIL_MAX (64u << 20)

struct stick_file {
	struct disk_file f; /* first; of a new file: the temporary one */
	struct pod_dev view;
	struct pod_dev *volume;
	struct pod_extent *extent; /* for reading */
	size_t extents;
	struct cli_volume *vol; /* for writing, NULL else: what follows counts */
	struct pod_exfat_file file;
	bool filled;	/* holes have got clusters */
	uint64_t valid; /* up to where there is content, as far as was written; the rest reads as zeros */
	char *path;	/* on the stick */
	char *temporary;
	char *name; /* of a new file: on the stick; NULL once it is there */
};

static char *on_stick(const struct store_dir *d, const char *name)
{
	return cli_xasprintf("%s/%s", strcmp(d->path, "/") == 0 ? "" : d->path, name);
}

static struct cli_target *target(const struct store_dir *d)
{
	return d->writable ? d->volume.t : d->target;
}

static enum pod_status look_up(struct store_dir *d, const char *path, struct pod_node *out)
{
	if (d->writable)
		return cli_volume_lookup(&d->volume, path, out);
	return pod_fs_lookup(&d->target->data, path, out, &d->target->scratch);
}

/* --- files that are there ------------------------------------------------------------------------------- */

static const struct pod_extent *extent_at(const struct stick_file *s, uint64_t off)
{
	const struct pod_extent *e = s->vol ? s->file.extent : s->extent;
	size_t n = s->vol ? s->file.extents : s->extents;

	for (size_t i = 0; i < n; i++)
		if (off - e[i].file_bytes < e[i].length_bytes && off >= e[i].file_bytes)
			return &e[i];
	return NULL;
}

static enum pod_status view_read(struct pod_dev *pd, uint64_t off, void *buf, size_t len)
{
	struct stick_file *s = pd->ctx;
	uint8_t *p = buf;

	while (len) {
		const struct pod_extent *e = extent_at(s, off);
		size_t n;

		if (!e)
			return POD_E_RANGE;
		n = (size_t)pod_min_u64(len, e->length_bytes - (off - e->file_bytes));
		if (s->vol && off < s->valid)
			n = (size_t)pod_min_u64(n, s->valid - off);
		if (e->hole || (s->vol && off >= s->valid))
			memset(p, 0, n);
		else
			POD_TRY(pod_dev_read(s->volume, e->dev_bytes + (off - e->file_bytes), p, n));
		off += n;
		p += n;
		len -= n;
	}
	return POD_OK;
}

static enum pod_status put(struct stick_file *s, uint64_t off, const uint8_t *p, size_t len)
{
	while (len) {
		const struct pod_extent *e = extent_at(s, off);
		size_t n;

		if (e && e->hole) {
			s->filled = true;
			POD_TRY(cli_volume_file_fill(s->vol, &s->file, off,
						     pod_min_u64(len, e->length_bytes - (off - e->file_bytes))));
			e = extent_at(s, off);
		}
		if (!e)
			return POD_E_RANGE;
		n = (size_t)pod_min_u64(len, e->length_bytes - (off - e->file_bytes));
		POD_TRY(pod_dev_write(s->volume, e->dev_bytes + (off - e->file_bytes), p, n));
		off += n;
		p += n;
		len -= n;
	}
	return POD_OK;
}

/* What lies behind the valid length reads as zeros whatever is there: it gets them before there is content behind it. */
static enum pod_status fill_up_to(struct stick_file *s, uint64_t off)
{
	static const uint8_t zeros[65536];

	while (s->valid < off) {
		size_t n = (size_t)pod_min_u64(sizeof zeros, off - s->valid);

		POD_TRY(put(s, s->valid, zeros, n));
		s->valid += n;
	}
	return POD_OK;
}

static enum pod_status view_write(struct pod_dev *pd, uint64_t off, const void *buf, size_t len)
{
	struct stick_file *s = pd->ctx;

	POD_TRY(fill_up_to(s, off));
	POD_TRY(put(s, off, buf, len));
	if (s->valid < off + len)
		s->valid = off + len;
	return POD_OK;
}

static bool changed(const struct stick_file *s)
{
	return s->vol && (s->view.size_bytes != s->file.size_bytes || s->valid != s->file.valid_bytes || s->filled);
}

static enum pod_status view_flush(struct pod_dev *pd)
{
	struct stick_file *s = pd->ctx;
	uint64_t size = pd->size_bytes;

	if (!changed(s))
		return pod_dev_flush(s->volume);
	if (size > s->file.size_bytes && size - s->valid <= TAIL_MAX)
		POD_TRY(fill_up_to(s, size));
	POD_TRY(cli_volume_file_extend(s->vol, s->path, &s->file, size, s->valid));
	s->filled = false;
	return POD_OK;
}

static enum pod_status file_resize(struct pod_vfile *vf, uint64_t size)
{
	struct stick_file *s = (struct stick_file *)vf;
	struct pod_exfat_space space;

	if (size > s->file.room_bytes) {
		cli_volume_space(s->vol, &space);
		if (cli_volume_file_reserve(s->vol, &s->file, size + pod_min_u64(AHEAD, space.free_bytes / 2)) != POD_OK)
			POD_TRY(cli_volume_file_reserve(s->vol, &s->file, size));
	} else if (size < s->file.size_bytes) {
		POD_TRY(cli_volume_file_truncate(s->vol, s->path, &s->file, size));
	}
	if (s->valid > size)
		s->valid = size;
	s->view.size_bytes = size;
	return POD_OK;
}

static enum pod_status file_reserve(struct pod_vfile *vf, uint64_t off, uint64_t len)
{
	struct stick_file *s = (struct stick_file *)vf;

	return off + len > s->file.room_bytes ? cli_volume_file_reserve(s->vol, &s->file, off + len) : POD_OK;
}

static enum pod_status file_zero(struct pod_vfile *vf, uint64_t off, uint64_t len)
{
	const struct stick_file *s = (struct stick_file *)vf;

	(void)len;
	return off >= s->valid ? POD_OK : POD_E_UNSUPPORTED;
}

static void stick_close(struct store_dir *d, struct disk_file *f, struct fault *fault)
{
	struct stick_file *s = (struct stick_file *)f;
	enum pod_status st;

	if (!s)
		return;
	if (changed(s) && !cli_volume_failed(s->vol)) {
		st = view_flush(&s->view);
		if (st != POD_OK)
			cli_volume_fail(&d->volume, s->path, _("cannot finish writing"), st, NULL, fault);
	}
	if (s->vol)
		cli_volume_file_close(s->vol, &s->file);
	if (s->temporary) {
		unlink(s->temporary);
		cli_dev_close(&f->dev);
	} else {
		free(f->dev.path);
	}
	pod_free(&cli_alloc, s->extent);
	free(s->temporary);
	free(s->path);
	free(s->name);
	free(s);
}

/* For writing: its clusters, those included that have no content yet. */
static enum pod_status open_to_change(struct store_dir *d, struct stick_file *s)
{
	POD_TRY(cli_volume_file_open(&d->volume, s->path, &s->file));
	s->vol = &d->volume;
	s->valid = s->file.valid_bytes;
	s->view.read_only = false;
	s->view.write = view_write;
	s->view.flush = view_flush;
	s->f.vf.resize = file_resize;
	s->f.vf.zero = file_zero;
	s->f.vf.reserve = file_reserve;
	return POD_OK;
}

static struct disk_file *stick_open(struct store_dir *d, const char *name, bool writable, struct fault *fault)
{
	struct stick_file *s = cli_xzalloc(sizeof *s);
	struct pod_node node;
	enum pod_status st;

	s->path = on_stick(d, name);
	st = look_up(d, s->path, &node);
	s->f.dev.path = store_dir_name(d, name);
	s->f.dev.fd = -1;
	s->f.dev.is_block = true; /* no holes to ask for */
	s->volume = &target(d)->data_win.dev;
	s->f.vf.dev = &s->view;
	if (st == POD_OK && node.is_dir)
		st = POD_E_NOT_FOUND;
	if (st == POD_OK)
		s->view = (struct pod_dev){
			.size_bytes = node.size_bytes, .sector_size = 512, .read_only = true, .read = view_read, .ctx = s};
	if (st == POD_OK && writable && d->writable)
		st = open_to_change(d, s);
	else if (st == POD_OK)
		st = pod_fs_extents(&target(d)->data, &node, &cli_alloc, &s->extent, &s->extents);
	if (st != POD_OK) {
		fault_status(fault, s->f.dev.path, _("cannot open"), st, NULL);
		stick_close(d, &s->f, fault);
		return NULL;
	}
	s->f.dev.dev = (struct pod_dev){.size_bytes = node.size_bytes};
	s->f.vf.id[0] = node.entry_bytes;
	s->f.vf.id[1] = 1;
	return &s->f;
}

/* --- new files ------------------------------------------------------------------------------------------ */

static bool say_no_space(struct store_dir *d, const char *name, uint64_t need, struct fault *fault)
{
	struct pod_exfat_space space;
	char want[16], have[16];

	cli_volume_space(&d->volume, &space);
	fault_set(fault, _("%s/%s: not enough space: %s are needed, %s are free; nothing was changed"), d->shown, name,
		  pod_format_size(want, need), pod_format_size(have, space.free_bytes));
	return false;
}

static struct disk_file *stick_create(struct store_dir *d, const char *name, uint64_t capacity, struct fault *fault)
{
	const char *tmp = getenv("TMPDIR");
	struct stick_file *s = cli_xzalloc(sizeof *s);
	char *path = cli_xasprintf("%s/isopod-layer.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	int fd = mkstemp(path);

	(void)capacity;
	s->name = cli_xstrdup(name);
	s->temporary = path;
	if (fd >= 0)
		close(fd);
	if (fd < 0 || !disk_file_open(&s->f, path, true, fault)) {
		if (fd < 0)
			fault_set(fault, _("%s: cannot make a temporary file: %s; set TMPDIR to another folder"), path,
				  strerror(errno));
		stick_close(d, &s->f, fault);
		return NULL;
	}
	return &s->f;
}

static enum pod_status copy_to(struct pod_dev *from, struct pod_dev *volume, const struct pod_exfat_new *n)
{
	uint8_t *buf = cli_xmalloc(PIECE);
	enum pod_status st = POD_OK;

	for (size_t i = 0; i < n->extents && st == POD_OK; i++)
		for (uint64_t at = 0; at < n->extent[i].length_bytes && st == POD_OK; at += PIECE) {
			uint64_t off = n->extent[i].file_bytes + at;
			size_t len;

			if (off >= from->size_bytes)
				break;
			len = (size_t)pod_min_u64(pod_min_u64(PIECE, n->extent[i].length_bytes - at), from->size_bytes - off);
			st = pod_dev_read(from, off, buf, len);
			if (st == POD_OK)
				st = pod_dev_write(volume, n->extent[i].dev_bytes + at, buf, len);
		}
	free(buf);
	return st;
}

static bool stick_finish(struct store_dir *d, struct disk_file *f, struct fault *fault)
{
	struct stick_file *s = (struct stick_file *)f;
	struct cli_volume *v = &d->volume;
	char *path = on_stick(d, s->name);
	uint64_t size = f->dev.dev.size_bytes;
	struct pod_exfat_new n;
	enum pod_status st = cli_volume_begin(v, path, size, POD_EXFAT_FRAGMENTS, &n, NULL);
	bool ok = false;

	if (st == POD_E_NOSPACE) {
		ok = say_no_space(d, s->name, size, fault);
	} else if (st == POD_OK) {
		st = copy_to(&f->dev.dev, &target(d)->data_win.dev, &n);
		if (st != POD_OK)
			cli_volume_abort(v, &n);
		else
			st = cli_volume_commit(v, path, &n, cli_identity_time(NULL), NULL);
		ok = st == POD_OK;
	}
	if (st != POD_OK && st != POD_E_NOSPACE)
		cli_volume_fail(&d->volume, path, _("cannot add"), st, NULL, fault);
	free(path);
	return ok;
}

/* --- the folder ----------------------------------------------------------------------------------------- */

static bool stick_exists(struct store_dir *d, const char *name)
{
	char *path = on_stick(d, name);
	struct pod_node node;
	bool is = look_up(d, path, &node) == POD_OK && !node.is_dir;

	free(path);
	return is;
}

static bool stick_rename(struct store_dir *d, const char *from, const char *to, struct fault *fault)
{
	char *a = on_stick(d, from), *b = on_stick(d, to);
	enum pod_status st = cli_volume_rename(&d->volume, a, b, POD_EXFAT_REPLACE, NULL);

	if (st != POD_OK)
		cli_volume_fail(&d->volume, a, _("cannot be renamed"), st, NULL, fault);
	free(a);
	free(b);
	return st == POD_OK;
}

static bool stick_remove(struct store_dir *d, const char *name, struct fault *fault)
{
	char *path = on_stick(d, name);
	enum pod_status st = cli_volume_remove(&d->volume, path, NULL);

	if (st == POD_E_NOT_FOUND)
		st = POD_OK;
	if (st != POD_OK)
		cli_volume_fail(&d->volume, path, _("cannot be removed"), st, NULL, fault);
	free(path);
	return st == POD_OK;
}

/* Each change of names is on the medium when it returns. */
static bool stick_sync(struct store_dir *d, struct fault *fault)
{
	(void)d;
	(void)fault;
	return true;
}

static bool stick_each(struct store_dir *d, void (*cb)(void *, const char *, uint64_t, int64_t, bool), void *ctx,
		       struct fault *fault)
{
	struct pod_dirent *e = cli_xzalloc(sizeof *e);
	struct pod_dir dir;
	struct pod_node node;
	enum pod_status st = look_up(d, d->path, &node);

	if (st == POD_OK)
		st = pod_dir_open(&dir, &target(d)->data, &node);
	while (st == POD_OK) {
		st = pod_dir_next(&dir, e);
		if (st == POD_OK && !e->node.is_dir)
			cb(ctx, e->name, e->node.size_bytes, e->node.mtime, e->node.attributes & POD_ATTR_READ_ONLY);
	}
	free(e);
	if (st == POD_END)
		return true;
	fault_status(fault, d->shown, _("cannot read the folder"), st, NULL);
	return false;
}

static bool stick_space(struct store_dir *d, uint64_t *free_bytes, struct fault *fault)
{
	struct pod_exfat_space space;
	struct pod_exfat_vol *v;
	enum pod_status st;

	if (d->writable) {
		cli_volume_space(&d->volume, &space);
		*free_bytes = space.free_bytes;
		return true;
	}
	if (d->target->data.ops == &pod_fs_ntfs) {
		cli_ntfs_space(d->target, &space);
		*free_bytes = space.free_bytes;
		return true;
	}
	v = cli_xzalloc(sizeof *v);
	st = pod_exfat_mount(v, &d->target->data_win.dev, &cli_alloc, NULL);
	if (st == POD_OK) {
		pod_exfat_space(v, &space);
		*free_bytes = space.free_bytes;
		st = pod_exfat_unmount(v);
	}
	free(v);
	if (st != POD_OK)
		fault_status(fault, d->shown, _("cannot ask for free space"), st, NULL);
	return st == POD_OK;
}

static bool stick_protect(struct store_dir *d, const char *name, bool read_only, struct fault *fault)
{
	char *path = on_stick(d, name);
	enum pod_status st = cli_volume_set_attributes(&d->volume, path, read_only ? POD_ATTR_READ_ONLY : 0, POD_ATTR_READ_ONLY);

	if (st != POD_OK && st != POD_E_NOT_FOUND)
		fault_warn(fault, _("%s/%s: its read-only attribute could not be changed: %s"), d->shown, name,
			   cli_status_text(st));
	free(path);
	return st == POD_OK;
}

static void stick_shut(struct store_dir *d)
{
	(void)d;
}

static const struct store_ops stick_ops = {
	.open = stick_open,
	.create = stick_create,
	.finish = stick_finish,
	.close = stick_close,
	.exists = stick_exists,
	.rename = stick_rename,
	.remove = stick_remove,
	.sync = stick_sync,
	.each = stick_each,
	.space = stick_space,
	.protect = stick_protect,
	.shut = stick_shut,
};

bool store_stick_open(struct store_dir *d, const char *target_path, bool make, struct fault *fault)
{
	struct pod_node node;
	enum pod_status st;

	if (d->writable && !cli_volume_open(&d->volume, target_path, fault))
		return false;
	if (!d->writable && !(d->target = cli_target_open(target_path, false, fault)))
		return false;
	d->ops = &stick_ops;
	st = make && strcmp(d->path, "/") != 0 ? cli_volume_mkdir(&d->volume, d->path, cli_identity_time(NULL), NULL) : POD_OK;
	if (st == POD_OK)
		st = look_up(d, d->path, &node);
	if (st == POD_OK && !node.is_dir)
		st = POD_E_NOT_FOUND;
	if (st == POD_OK)
		return true;
	fault_status(fault, d->shown, _("cannot open the folder"), st, NULL);
	return false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What every filesystem shares: trying the descriptors, walking paths, reading through extents. */
#include "core/fs/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

/* More entries than any directory may have: exFAT's 256 MiB of 32-byte entries come nearest. */
#define DIR_STEP_LIMIT (1u << 23)
/* As many runs as a map may have segments. */
#define EXTENT_LIMIT ((size_t)1 << 20)
/* Symbolic links followed in one lookup; Linux gives up after 40. */
#define LINK_FOLLOW_MAX	   16
#define PATH_COMPONENT_MAX 256

enum pod_status pod_fs_open_as(struct pod_fs *fs, const struct pod_fs_ops *ops, struct pod_dev *dev, struct pod_alloc *a,
			       struct pod_diag *diag)
{
	memset(fs, 0, sizeof *fs);
	fs->dev = dev;
	fs->alloc = a;
	enum pod_status st = ops->open(fs, diag);
	if (st != POD_OK) {
		memset(fs, 0, sizeof *fs);
		return st;
	}
	fs->ops = ops;
	return POD_OK;
}

enum pod_status pod_fs_open(struct pod_fs *fs, struct pod_dev *dev, struct pod_alloc *a, struct pod_diag *diag)
{
	static const struct pod_fs_ops *const known[] = {&pod_fs_exfat, &pod_fs_ntfs, &pod_fs_fat, &pod_fs_iso9660, &pod_fs_udf};
	enum pod_status worst = POD_E_FORMAT;
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++) {
		struct pod_diag here = {0};
		enum pod_status st = pod_fs_open_as(fs, known[i], dev, a, &here);
		if (st == POD_OK)
			return st;
		/* A boot sector that merely resembles FAT must not hide the ISO 9660 behind it, but if nobody
		 * else knows the device, the complaint of the first who thought he did is the useful one. */
		if (worst == POD_E_FORMAT) {
			worst = st;
			if (diag)
				*diag = here;
		}
		if (st == POD_E_IO || st == POD_E_NOMEM)
			break;
	}
	return worst;
}

void pod_fs_close(struct pod_fs *fs)
{
	if (!fs || !fs->ops)
		return;
	if (fs->ops->close)
		fs->ops->close(fs);
	memset(fs, 0, sizeof *fs);
}

/* --- directories -------------------------------------------------------------------------------------- */

enum pod_status pod_dir_open(struct pod_dir *dir, struct pod_fs *fs, const struct pod_node *node)
{
	if (!node->is_dir)
		return POD_E_INVALID;
	memset(dir, 0, sizeof *dir);
	dir->fs = fs;
	dir->node = *node;
	return POD_OK;
}

/* No filesystem's rules allow these, but their bytes do (a long name "..", an identifier with a slash). */
static bool is_path_component(const char *name)
{
	if (!name[0] || pod_streq(name, ".") || pod_streq(name, ".."))
		return false;
	for (size_t i = 0; name[i]; i++)
		if (name[i] == '/')
			return false;
	return true;
}

static enum pod_status next_of_any_kind(struct pod_dir *dir, bool (*wanted)(const char *name), struct pod_dirent *out)
{
	do {
		if (++dir->steps > DIR_STEP_LIMIT)
			return POD_E_LIMIT;
		memset(&out->node, 0, sizeof out->node);
		out->name[0] = 0;
		POD_TRY(dir->fs->ops->readdir(dir, out));
	} while (!is_path_component(out->name) || (wanted && !wanted(out->name)));
	return POD_OK;
}

enum pod_status pod_fs_complete(struct pod_fs *fs, struct pod_node *node)
{
	return fs->ops->complete ? fs->ops->complete(fs, node) : POD_OK;
}

enum pod_status pod_dir_next_listed(struct pod_dir *dir, struct pod_dirent *out)
{
	return next_of_any_kind(dir, NULL, out);
}

enum pod_status pod_dir_next(struct pod_dir *dir, struct pod_dirent *out)
{
	return pod_dir_next_wanted(dir, NULL, out);
}

enum pod_status pod_dir_next_wanted(struct pod_dir *dir, bool (*wanted)(const char *name), struct pod_dirent *out)
{
	enum pod_status st;
	do {
		POD_TRY(next_of_any_kind(dir, wanted, out));
		st = pod_fs_complete(dir->fs, &out->node);
		/* One bad node hides itself, not its neighbours. */
		dir->damaged += st == POD_E_CORRUPT;
		if (st != POD_OK && st != POD_E_CORRUPT && st != POD_E_UNSUPPORTED)
			return st;
	} while (st != POD_OK || out->node.is_link);
	return POD_OK;
}

/* Finds `name` (len bytes) in one directory: the exact name, else the first that differs in ASCII case only. */
static enum pod_status find(struct pod_fs *fs, const struct pod_node *node, const char *name, size_t len, struct pod_node *out,
			    struct pod_dirent *scratch)
{
	struct pod_dir dir;
	struct pod_node folded;
	bool have_folded = false;
	enum pod_status st = pod_dir_open(&dir, fs, node);
	if (st != POD_OK)
		return POD_E_NOT_FOUND; /* a file in the middle of a path */
	while ((st = next_of_any_kind(&dir, NULL, scratch)) == POD_OK) {
		if (pod_strncasecmp(scratch->name, name, len) != 0 || scratch->name[len])
			continue;
		if (memcmp(scratch->name, name, len) == 0 || !fs->ops->case_sensitive) {
			*out = scratch->node;
			return pod_fs_complete(fs, out);
		}
		if (!have_folded)
			folded = scratch->node;
		have_folded = true;
	}
	if (st != POD_END)
		return st;
	if (!have_folded)
		return POD_E_NOT_FOUND;
	*out = folded;
	return pod_fs_complete(fs, out);
}

/* Where a walk came upon a symbolic link: the path component [start, end). */
struct link_seen {
	size_t start, end;
};

/* Follows `path`, which holds no ".." (see tidy). On a symbolic link, *out is the link and POD_END is returned. */
static enum pod_status walk(struct pod_fs *fs, const char *path, struct pod_node *out, struct pod_dirent *scratch,
			    struct link_seen *seen)
{
	size_t i = 0;
	memset(out, 0, sizeof *out);
	POD_TRY(fs->ops->root(fs, out));
	for (uint32_t depth = 0;; depth++) {
		while (path[i] == '/')
			i++;
		if (!path[i])
			return POD_OK;
		if (depth >= PATH_COMPONENT_MAX)
			return POD_E_LIMIT;
		size_t start = i;
		while (path[i] && path[i] != '/')
			i++;
		if (i - start == 1 && path[start] == '.')
			continue;
		struct pod_node dir = *out;
		POD_TRY(find(fs, &dir, path + start, i - start, out, scratch));
		if (out->is_link) {
			*seen = (struct link_seen){start, i};
			return POD_END;
		}
	}
}

/* Removes "x/.." in place. What stands before ".." was resolved or is taken literally, as GRUB and isolinux do;
 * leading ".." stay at the root. */
static void tidy(char *path)
{
	size_t in = 0, out = 0;
	while (path[in]) {
		while (path[in] == '/')
			in++;
		size_t n = 0;
		while (path[in + n] && path[in + n] != '/')
			n++;
		if (n == 2 && path[in] == '.' && path[in + 1] == '.') {
			while (out && path[--out] != '/')
				;
		} else if (n && !(n == 1 && path[in] == '.')) {
			/* The slash goes where at least one stood, or to the very front, where the input may have none. */
			if (out || path[0] == '/')
				path[out++] = '/';
			memmove(path + out, path + in, n);
			out += n;
		}
		in += n;
	}
	path[out] = 0;
}

static bool has_dotdot(const char *p)
{
	for (size_t i = 0; p[i]; i++)
		if ((i == 0 || p[i - 1] == '/') && p[i] == '.' && p[i + 1] == '.' && (!p[i + 2] || p[i + 2] == '/'))
			return true;
	return false;
}

/* path := (target is relative ? directory of the link : "") / target / what followed the link. Links in front of `seen`
 * are resolved already, so that ".." may be taken by text. `next` is a buffer of POD_PATH_MAX like `path`. */
static enum pod_status splice(char *path, char *next, const char *target, const struct link_seen *seen)
{
	size_t head = target[0] == '/' ? 0 : seen->start;
	size_t mid = pod_strlen(target), tail = pod_strlen(path + seen->end);
	if (head + mid + tail + 1 > POD_PATH_MAX)
		return POD_E_LIMIT;
	memcpy(next, path, head);
	memcpy(next + head, target, mid);
	memcpy(next + head + mid, path + seen->end, tail + 1);
	memcpy(path, next, head + mid + tail + 1);
	tidy(path);
	return POD_OK;
}

static enum pod_status follow(struct pod_fs *fs, char *path, char *next, struct pod_node *out, struct pod_dirent *scratch)
{
	struct link_seen seen = {0, 0};
	tidy(path);
	for (uint32_t links = 0; links <= LINK_FOLLOW_MAX; links++) {
		enum pod_status st = walk(fs, path, out, scratch, &seen);
		if (st != POD_END)
			return st;
		if (!fs->ops->readlink)
			return POD_E_UNSUPPORTED;
		POD_TRY(fs->ops->readlink(fs, out, scratch->name, sizeof scratch->name));
		POD_TRY(splice(path, next, scratch->name, &seen));
	}
	return POD_E_LIMIT;
}

enum pod_status pod_fs_lookup(struct pod_fs *fs, const char *path, struct pod_node *out, struct pod_dirent *scratch)
{
	if (!has_dotdot(path)) {
		/* The common case needs no memory. */
		struct link_seen seen;
		enum pod_status st = walk(fs, path, out, scratch, &seen);
		if (st != POD_END)
			return st;
	}
	char *buf = fs->alloc->alloc(fs->alloc, (size_t)POD_PATH_MAX * 2);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = POD_E_LIMIT;
	if (pod_strlcpy(buf, path, POD_PATH_MAX) < POD_PATH_MAX)
		st = follow(fs, buf, buf + POD_PATH_MAX, out, scratch);
	pod_free(fs->alloc, buf);
	return st;
}

/* --- data --------------------------------------------------------------------------------------------- */

struct reading {
	struct pod_fs *fs;
	uint64_t off, valid;
	uint8_t *buf;
	size_t len;
};

/* Takes what of [off, off + len) lies in this run; POD_END when all is there. Runs come in file order. */
static enum pod_status read_run(void *ctx, const struct pod_extent *e)
{
	struct reading *r = ctx;
	if (r->off < e->file_bytes)
		return POD_E_CORRUPT; /* a gap between runs */
	if (r->off - e->file_bytes >= e->length_bytes)
		return POD_OK;
	uint64_t in = r->off - e->file_bytes;
	size_t n = (size_t)pod_min_u64(r->len, e->length_bytes - in);
	size_t stored = 0;
	if (!e->hole && r->off < r->valid)
		stored = (size_t)pod_min_u64(n, r->valid - r->off);
	if (stored)
		POD_TRY(pod_dev_read(r->fs->dev, e->dev_bytes + in, r->buf, stored));
	memset(r->buf + stored, 0, n - stored);
	r->off += n, r->buf += n, r->len -= n;
	return r->len ? POD_OK : POD_END;
}

enum pod_status pod_fs_read(struct pod_fs *fs, const struct pod_node *file, uint64_t off, void *buf, size_t len)
{
	if (file->is_dir || file->is_link)
		return POD_E_INVALID;
	if (!pod_in_range(off, len, file->size_bytes))
		return POD_E_RANGE;
	if (!len)
		return POD_OK;
	if (fs->ops->read) {
		enum pod_status here = fs->ops->read(fs, file, off, buf, len);
		if (here != POD_END)
			return here;
	}
	struct reading r = {fs, off, file->valid_bytes, buf, len};
	enum pod_status st = fs->ops->extents(fs, file, read_run, &r);
	if (st == POD_END)
		return POD_OK;
	return st == POD_OK ? POD_E_CORRUPT : st; /* the runs ended before the file did */
}

static enum pod_status file_dev_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	const struct pod_file_dev *f = d->ctx;
	return pod_fs_read(f->fs, f->node, off, buf, len);
}

void pod_file_dev_init(struct pod_file_dev *f, struct pod_fs *fs, const struct pod_node *node)
{
	*f = (struct pod_file_dev){.dev = {.size_bytes = node->size_bytes,
					   .sector_size = fs->dev->sector_size,
					   .read_only = true,
					   .read = file_dev_read,
					   .ctx = f,
					   .budget = fs->dev->budget},
				   .fs = fs,
				   .node = node};
}

struct collecting {
	struct pod_alloc *a;
	struct pod_extent *v;
	size_t n, cap;
};

static enum pod_status collect_run(void *ctx, const struct pod_extent *e)
{
	struct collecting *c = ctx;
	void *v = c->v;
	enum pod_status st = pod_grow(c->a, &v, c->n, &c->cap, c->n + 1, sizeof *c->v, EXTENT_LIMIT);
	c->v = v;
	if (st == POD_OK)
		c->v[c->n++] = *e;
	return st;
}

enum pod_status pod_fs_extents(struct pod_fs *fs, const struct pod_node *file, struct pod_alloc *a, struct pod_extent **out,
			       size_t *n_out)
{
	if (file->is_dir || file->is_link)
		return POD_E_INVALID;
	struct collecting c = {.a = a};
	if (file->size_bytes) {
		enum pod_status st = fs->ops->extents(fs, file, collect_run, &c);
		if (st != POD_OK) {
			pod_free(a, c.v);
			return st;
		}
	}
	*out = c.v;
	*n_out = c.n;
	return POD_OK;
}

enum pod_status pod_extents_end(struct pod_extents *x)
{
	return x->run.length_bytes ? x->cb(x->ctx, &x->run) : POD_OK;
}

enum pod_status pod_extents_add(struct pod_extents *x, uint64_t dev_bytes, uint64_t len, bool hole)
{
	struct pod_extent *run = &x->run;
	if (!len)
		return POD_OK;
	if (run->length_bytes && run->hole == hole && (hole || run->dev_bytes + run->length_bytes == dev_bytes)) {
		run->length_bytes += len;
		return POD_OK;
	}
	uint64_t next = run->file_bytes + run->length_bytes;
	POD_TRY(pod_extents_end(x));
	*run = (struct pod_extent){.file_bytes = next, .dev_bytes = hole ? 0 : dev_bytes, .length_bytes = len, .hole = hole};
	return POD_OK;
}

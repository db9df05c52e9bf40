/* SPDX-License-Identifier: BSD-2-Clause */
/* libfuse's low-level interface: it names files by numbers, as the tree does. One question at a time. */
#include "cli/mount/serve.h"
#include "cli/host/lazy.h"

#ifdef ISOPOD_WITH_FUSE
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse3/fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* clang-format off */
#define FUNCTIONS(X) \
	X(fuse_add_direntry) X(fuse_req_userdata) X(fuse_reply_attr) X(fuse_reply_buf) X(fuse_reply_entry) X(fuse_reply_err) \
	X(fuse_reply_none) X(fuse_reply_open) X(fuse_reply_readlink) X(fuse_reply_statfs) X(fuse_session_destroy) X(fuse_session_fd) \
	X(fuse_session_loop) X(fuse_session_mount) X(fuse_session_new) X(fuse_session_unmount) X(fuse_set_log_func)
/* clang-format on */
LAZY_LIBRARY(lib, fuse3, FUNCTIONS);

/* Nothing changes on a disk that nobody writes to: the kernel need not ask again. */
#define FOR_EVER  86400.0
#define FOR_A_BIT 1.0
#define READ_MAX  (1u << 20)

static int error_of(enum pod_status st)
{
	switch (st) {
	case POD_E_NOT_FOUND:
		return ENOENT;
	case POD_E_LOOP:
		return ELOOP;
	case POD_E_LIMIT:
		return EOVERFLOW;
	case POD_E_CORRUPT:
	case POD_E_RANGE:
		return EUCLEAN;
	case POD_E_UNSUPPORTED:
		return EOPNOTSUPP;
	case POD_E_BUDGET:
		return ETIMEDOUT;
	case POD_E_NOMEM:
		return ENOMEM;
	case POD_E_INVALID:
		return EINVAL;
	default:
		return EIO;
	}
}

static struct serve *serve_of(fuse_req_t req)
{
	return lib.fuse_req_userdata(req);
}

static double seconds(const struct serve *s)
{
	return s->still ? FOR_EVER : FOR_A_BIT;
}

static struct stat stat_of(const struct serve *s, const struct tree_attr *a)
{
	static const mode_t mode[] = {[TREE_FOLDER] = S_IFDIR | 0555, [TREE_FILE] = S_IFREG | 0444, [TREE_LINK] = S_IFLNK | 0777};

	return (struct stat){.st_ino = a->id,
			     .st_mode = mode[a->kind],
			     .st_nlink = 1, /* of a folder: how many folders it has is not counted */
			     .st_uid = s->uid,
			     .st_gid = s->gid,
			     .st_size = (off_t)a->size_bytes,
			     .st_blocks = (blkcnt_t)((a->size_bytes + 511) / 512),
			     .st_blksize = 65536,
			     .st_mtim = {.tv_sec = a->mtime},
			     .st_ctim = {.tv_sec = a->mtime},
			     .st_atim = {.tv_sec = a->mtime}};
}

static void on_init(void *ctx, struct fuse_conn_info *conn)
{
	struct serve *s = ctx;

	/* pipes between us and the kernel are no gain for one copy, and need more rights */
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	s->ready(s->ctx);
}

static void on_lookup(fuse_req_t req, fuse_ino_t folder, const char *name)
{
	struct serve *s = serve_of(req);
	struct fuse_entry_param e = {.attr_timeout = seconds(s), .entry_timeout = seconds(s)};
	struct tree_attr a;
	enum pod_status st = tree_lookup(s->tree, folder, name, &a);

	if (st == POD_OK) {
		e.ino = a.id;
		e.generation = a.generation;
		e.attr = stat_of(s, &a);
		/* a question that was taken back */
		if (lib.fuse_reply_entry(req, &e) == -ENOENT)
			tree_forget(s->tree, a.id, 1);
	} else if (st == POD_E_NOT_FOUND) {
		lib.fuse_reply_entry(req, &e); /* to be remembered */
	} else {
		lib.fuse_reply_err(req, error_of(st));
	}
}

static void on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t times)
{
	tree_forget(serve_of(req)->tree, ino, times);
	lib.fuse_reply_none(req);
}

static void on_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		tree_forget(serve_of(req)->tree, forgets[i].ino, forgets[i].nlookup);
	lib.fuse_reply_none(req);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct serve *s = serve_of(req);
	struct tree_attr a;
	struct stat st;

	(void)fi;
	if (tree_attr(s->tree, ino, &a) != POD_OK) {
		lib.fuse_reply_err(req, ENOENT);
		return;
	}
	st = stat_of(s, &a);
	lib.fuse_reply_attr(req, &st, seconds(s));
}

static void on_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char *target = cli_xmalloc(POD_PATH_MAX);
	enum pod_status st = tree_readlink(serve_of(req)->tree, ino, target, POD_PATH_MAX);

	if (st == POD_OK)
		lib.fuse_reply_readlink(req, target);
	else
		lib.fuse_reply_err(req, error_of(st));
	free(target);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct serve *s = serve_of(req);
	struct tree_file *f;
	enum pod_status st = tree_file_open(s->tree, ino, &f);

	if (st != POD_OK) {
		lib.fuse_reply_err(req, error_of(st));
		return;
	}
	fi->fh = (uintptr_t)f;
	fi->keep_cache = s->still;
	if (lib.fuse_reply_open(req, fi) == -ENOENT)
		tree_file_close(s->tree, f);
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	size_t len = (size_t)pod_min_u64(size, READ_MAX), got;
	char *buf = cli_xmalloc(len);
	enum pod_status st =
		tree_file_read(serve_of(req)->tree, (struct tree_file *)(uintptr_t)fi->fh, (uint64_t)off, buf, len, &got);

	(void)ino;
	if (st == POD_OK)
		lib.fuse_reply_buf(req, buf, got);
	else
		lib.fuse_reply_err(req, error_of(st));
	free(buf);
}

static void on_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	tree_file_close(serve_of(req)->tree, (struct tree_file *)(uintptr_t)fi->fh);
	lib.fuse_reply_err(req, 0);
}

static void on_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct serve *s = serve_of(req);
	struct tree_list *l;
	enum pod_status st = tree_list_open(s->tree, ino, &l);

	if (st != POD_OK) {
		lib.fuse_reply_err(req, error_of(st));
		return;
	}
	fi->fh = (uintptr_t)l;
	fi->keep_cache = fi->cache_readdir = s->still;
	if (lib.fuse_reply_open(req, fi) == -ENOENT)
		tree_list_close(l);
}

/* "." and ".." first; NULL: no more. */
static const char *name_at(const struct tree_list *l, uint64_t at, mode_t *type)
{
	enum tree_kind kind = TREE_FOLDER;
	bool sure = true;
	const char *name = at == 0 ? "." : at == 1 ? ".." : tree_list_name(l, at - 2, &kind, &sure);

	*type = !sure ? 0 : kind == TREE_FOLDER ? S_IFDIR : kind == TREE_LINK ? S_IFLNK : S_IFREG;
	return name;
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct tree_list *l = (const struct tree_list *)(uintptr_t)fi->fh;
	size_t len = (size_t)pod_min_u64(size, READ_MAX), used = 0, n;
	char *buf = cli_xmalloc(len);
	struct stat st = {0};
	const char *name;

	(void)ino;
	for (uint64_t at = (uint64_t)off; (name = name_at(l, at, &st.st_mode)) != NULL; at++, used += n) {
		st.st_ino = at + 1; /* not 0, which is no entry; its own is not given yet */
		n = lib.fuse_add_direntry(req, buf + used, len - used, name, &st, (off_t)at + 1);
		if (n > len - used)
			break;
	}
	lib.fuse_reply_buf(req, buf, used);
	free(buf);
}

static void on_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	tree_list_close((struct tree_list *)(uintptr_t)fi->fh);
	lib.fuse_reply_err(req, 0);
}

static void on_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs v = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = TREE_NAME_MAX, .f_flag = ST_RDONLY};

	(void)ino;
	lib.fuse_reply_statfs(req, &v);
}

static const struct fuse_lowlevel_ops operations = {
	.init = on_init,
	.lookup = on_lookup,
	.forget = on_forget,
	.forget_multi = on_forget_multi,
	.getattr = on_getattr,
	.readlink = on_readlink,
	.open = on_open,
	.read = on_read,
	.release = on_release,
	.opendir = on_opendir,
	.readdir = on_readdir,
	.releasedir = on_releasedir,
	.statfs = on_statfs,
};

/* --- mounting ------------------------------------------------------------------------------------------- */

static char why[256]; /* the library's last words */

static void on_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	(void)level;
	vsnprintf(why, sizeof why, fmt, ap);
	why[strcspn(why, "\n")] = '\0';
}

const char *serve_missing(void)
{
	return lazy_load(&lib_library);
}

/* nosuid, nodev: nothing in somebody's image may give rights. noexec: what is meant to be looked at does not run by mistake. */
static char *options_for(const struct mount_how *how)
{
	char *out = cli_xasprintf("ro,nosuid,nodev,noexec,default_permissions,subtype=isopod%s,fsname=",
				  how->others ? ",allow_other" : "");
	size_t at = strlen(out);

	out = cli_xrealloc(out, at + 2 * strlen(how->shown) + 1, 1);
	for (const char *p = how->shown; *p; p++) {
		if (*p == ',' || *p == '\\')
			out[at++] = '\\';
		out[at++] = *p;
	}
	out[at] = '\0';
	return out;
}

bool serve_open(struct serve *s, const char *dir, const struct mount_how *how, struct fault *fault)
{
	char *options = options_for(how), *argv[] = {(char[]){"isopod"}, (char[]){"-o"}, options, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	bool ok = false;

	why[0] = '\0';
	lib.fuse_set_log_func(on_log);
	s->session = lib.fuse_session_new(&args, &operations, sizeof operations, s);
	if (s->session)
		ok = lib.fuse_session_mount(s->session, dir) == 0;
	if (!ok)
		fault_set(fault, _("%s: cannot be mounted: %s"), dir, why[0] ? why : strerror(errno));
	if (!ok && s->session)
		lib.fuse_session_destroy(s->session);
	free(options);
	return ok;
}

int serve_fd(const struct serve *s)
{
	return lib.fuse_session_fd(s->session);
}

void serve_run(struct serve *s)
{
	(void)lib.fuse_session_loop(s->session);
}

void serve_close(struct serve *s)
{
	lib.fuse_session_unmount(s->session);
	lib.fuse_session_destroy(s->session);
}

#else

const char *serve_missing(void)
{
	return _("this isopod was built without libfuse3");
}

bool serve_open(struct serve *s, const char *dir, const struct mount_how *how, struct fault *fault)
{
	(void)s;
	(void)dir;
	(void)how;
	fault_set(fault, "%s", serve_missing());
	return false;
}

int serve_fd(const struct serve *s)
{
	(void)s;
	return -1;
}

void serve_run(struct serve *s)
{
	(void)s;
}

void serve_close(struct serve *s)
{
	(void)s;
}
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of an initramfs by their paths: links are followed, patterns matched. */
#include "core/plan/finds_int.h"
#include "core/base/mem.h"

enum { LINKS_MAX = 16, FROM_FOLDER_MAX = 512 };

static const char *path_of(const struct pod_finds_files *fs, size_t i)
{
	return fs->file[fs->order[i]].path;
}

/* Of the same path the later file comes later. */
static bool before(const struct pod_finds_files *fs, uint32_t a, uint32_t b)
{
	int c = pod_strcmp(fs->file[a].path, fs->file[b].path);
	return c ? c < 0 : a < b;
}

static void sift(struct pod_finds_files *fs, size_t n, size_t i)
{
	uint32_t *v = fs->order;
	for (size_t c; (c = 2 * i + 1) < n; i = c) {
		if (c + 1 < n && before(fs, v[c], v[c + 1]))
			c++;
		if (!before(fs, v[i], v[c]))
			return;
		uint32_t t = v[i];
		v[i] = v[c];
		v[c] = t;
	}
}

static void sort(struct pod_finds_files *fs)
{
	size_t n = fs->count;
	for (size_t i = n / 2; i-- > 0;)
		sift(fs, n, i);
	while (n > 1) {
		uint32_t t = fs->order[0];
		fs->order[0] = fs->order[--n];
		fs->order[n] = t;
		sift(fs, n, 0);
	}
}

enum pod_status pod_finds_files_open(struct pod_finds_files *fs, const struct pod_finds_request *rq, struct pod_alloc *a)
{
	*fs = (struct pod_finds_files){.alloc = a, .file = rq->file, .count = rq->files};
	if (rq->files > POD_FINDS_FILES_MAX)
		return POD_E_LIMIT;
	POD_TRY(pod_budget_spend(rq->budget, 16 * (uint64_t)rq->files, 0)); /* n log n comparisons */
	fs->order = pod_zalloc(a, fs->count + 1, sizeof *fs->order);
	if (!fs->order)
		return POD_E_NOMEM;
	for (size_t i = 0; i < fs->count; i++)
		fs->order[i] = (uint32_t)i;
	sort(fs);
	for (size_t i = 0; i < fs->count; i++)
		if (i + 1 == fs->count || !pod_streq(path_of(fs, i), path_of(fs, i + 1)))
			fs->order[fs->sorted++] = fs->order[i];
	return POD_OK;
}

void pod_finds_files_close(struct pod_finds_files *fs)
{
	pod_free(fs->alloc, fs->order);
	fs->order = NULL;
}

/* The first place in the order whose path is not before `path`. */
static size_t lower_bound(const struct pod_finds_files *fs, const char *path)
{
	size_t low = 0, high = fs->sorted;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (pod_strcmp(path_of(fs, mid), path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint32_t exactly(const struct pod_finds_files *fs, const char *path)
{
	size_t i = lower_bound(fs, path);
	return i < fs->sorted && pod_streq(path_of(fs, i), path) ? fs->order[i] : POD_FINDS_NO_FILE;
}

/* "a/b" and a link's target, which counts from the folder of the link; then what follows. False: too long. */
static bool redirect(char path[256], size_t link_len, const struct pod_finds_file *link)
{
	char out[256];
	size_t n = 0, at = 0;
	const char *rest = path + link_len;
	if (!link->len || link->len > 200)
		return false;
	if (link->text[0] != '/') {
		n = link_len;
		while (n && path[n - 1] != '/')
			n--;
	}
	memcpy(out, path, n);
	while (at < link->len) {
		size_t part = 0;
		while (at + part < link->len && link->text[at + part] != '/')
			part++;
		if (part == 2 && link->text[at] == '.' && link->text[at + 1] == '.') {
			for (n -= n != 0; n && out[n - 1] != '/'; n--)
				;
		} else if (part && !(part == 1 && link->text[at] == '.')) {
			if (n + part + 1 >= sizeof out)
				return false;
			memcpy(out + n, link->text + at, part);
			n += part;
			out[n++] = '/';
		}
		at += part + 1;
	}
	n -= n != 0;
	if (n + pod_strlen(rest) >= sizeof out)
		return false;
	out[n] = 0;
	(void)pod_strlcpy(out + n, rest, sizeof out - n);
	(void)pod_strlcpy(path, out, sizeof out);
	return true;
}

/* Follows the first link on the way; false: there is none. */
static bool follow(const struct pod_finds_files *fs, char path[256])
{
	char part[256];
	for (size_t n = 1; path[0]; n++) {
		if (path[n] && path[n] != '/')
			continue;
		memcpy(part, path, n);
		part[n] = 0;
		uint32_t f = exactly(fs, part);
		if (f != POD_FINDS_NO_FILE && fs->file[f].link)
			return redirect(path, n, &fs->file[f]);
		if (!path[n])
			break;
	}
	return false;
}

static void spell(char out[256], const char *path)
{
	while (*path == '/' || (path[0] == '.' && path[1] == '/'))
		path++;
	(void)pod_strlcpy(out, path, 256);
	size_t n = pod_strlen(out);
	while (n && out[n - 1] == '/')
		out[--n] = 0;
}

uint32_t pod_finds_lookup(const struct pod_finds_files *fs, const char *path)
{
	char p[256];
	spell(p, path);
	for (unsigned links = 0; links < LINKS_MAX && follow(fs, p); links++)
		;
	uint32_t f = exactly(fs, p);
	return f != POD_FINDS_NO_FILE && fs->file[f].link ? POD_FINDS_NO_FILE : f;
}

uint32_t pod_finds_program(const struct pod_finds_files *fs, const char *name)
{
	static const char *const folder[] = {"bin", "sbin", "usr/bin", "usr/sbin", "lib", "usr/lib"};
	char path[256];
	uint32_t f = POD_FINDS_NO_FILE;
	for (size_t i = 0; i < POD_ARRAY_LEN(folder) && f == POD_FINDS_NO_FILE; i++) {
		(void)pod_snprintf(path, sizeof path, "%s/%s", folder[i], name);
		f = pod_finds_lookup(fs, path);
	}
	return f;
}

/* Folders that hold files of every sort: that one is named says nothing of what is in it. */
static bool is_common_folder(const char *path)
{
	static const char *const common[] = {"bin",   "sbin",  "etc",  "lib",	  "lib32",    "lib64",	 "usr",	    "dev",
					     "proc",  "sys",   "run",  "tmp",	  "var",      "root",	 "mnt",	    "share",
					     "local", "home",  "opt",  "modules", "firmware", "systemd", "udev",    "rules.d",
					     "cdrom", "media", "boot", "log",	  "newroot",  "sysroot", "libexec", "kbd"};
	const char *last = path;
	for (const char *p = path; *p; p++)
		last = *p == '/' ? p + 1 : last;
	for (size_t i = 0; i < POD_ARRAY_LEN(common); i++)
		if (pod_streq(last, common[i]))
			return true;
	return !*last;
}

static size_t parts(const char *path)
{
	size_t n = 1;
	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* lib/live/boot is no /boot. */
static bool is_deep(const char *path)
{
	return parts(path) > 2;
}

/* All that is in the folder `prefix`, which ends in a slash. */
static bool in_folder(struct pod_finds_files *fs, const char *prefix, pod_finds_file_fn *cb, void *ctx)
{
	size_t n = pod_strlen(prefix), i = lower_bound(fs, prefix);
	bool any = false;
	for (size_t taken = 0; i < fs->sorted && taken < FROM_FOLDER_MAX; i++, taken++) {
		if (pod_strlen(path_of(fs, i)) < n || memcmp(path_of(fs, i), prefix, n) != 0)
			break;
		any = true;
		fs->looked_at++;
		uint32_t f = pod_finds_lookup(fs, path_of(fs, i));
		if (f != POD_FINDS_NO_FILE)
			cb(ctx, f, true);
	}
	return any;
}

/* The files of as many parts that match. */
static bool matching(struct pod_finds_files *fs, const char *pattern, size_t literal, pod_finds_file_fn *cb, void *ctx)
{
	char prefix[256];
	bool any = false;
	memcpy(prefix, pattern, literal);
	prefix[literal] = 0;
	for (size_t i = lower_bound(fs, prefix); i < fs->sorted; i++) {
		const char *path = path_of(fs, i);
		if (pod_strlen(path) < literal || memcmp(path, prefix, literal) != 0)
			break;
		fs->looked_at++;
		if (parts(path) != parts(pattern) || !pod_finds_match(pattern, path))
			continue;
		uint32_t f = pod_finds_lookup(fs, path);
		any = true;
		if (f != POD_FINDS_NO_FILE)
			cb(ctx, f, false);
	}
	return any;
}

bool pod_finds_each(struct pod_finds_files *fs, const char *path, pod_finds_file_fn *cb, void *ctx)
{
	char p[256];
	size_t literal = 0, folder = 0;
	spell(p, path);
	for (; p[literal] && p[literal] != POD_W_VAR && p[literal] != '*' && p[literal] != '?' && p[literal] != '['; literal++)
		folder = p[literal] == '/' ? literal + 1 : folder;
	if (p[literal]) {
		char head[256]; /* the folder may be reached by a link */
		memcpy(head, p, folder);
		head[folder - (folder != 0)] = 0;
		char rest[256];
		(void)pod_strlcpy(rest, p + folder, sizeof rest);
		for (unsigned links = 0; folder && links < LINKS_MAX && follow(fs, head); links++)
			;
		if (!folder || (is_common_folder(head) && !is_deep(head)))
			return false;
		if (pod_snprintf(p, sizeof p, "%s/%s", head, rest) >= (int)sizeof p)
			return false;
		return matching(fs, p, pod_strlen(head) + 1 + (literal - folder), cb, ctx);
	}
	uint32_t f = pod_finds_lookup(fs, p);
	if (f != POD_FINDS_NO_FILE) {
		cb(ctx, f, false);
		return true;
	}
	for (unsigned links = 0; links < LINKS_MAX && follow(fs, p); links++)
		;
	size_t n = pod_strlen(p);
	if (!n || n + 2 > sizeof p || is_common_folder(p))
		return false;
	p[n] = '/';
	p[n + 1] = 0;
	return in_folder(fs, p, cb, ctx);
}

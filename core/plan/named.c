/* SPDX-License-Identifier: BSD-2-Clause */
/* What the configurations of an image's loaders name, and where it is. */
#include "core/plan/internal.h"
#include "core/base/mem.h"

enum {
	CONFIG_BYTES_MAX = 64 << 10, /* of one configuration file; a longer one is read so far */
	CONFIGS_BYTES_MAX = 512 << 10,
};

size_t pod_path_folder(const char *path)
{
	size_t len = 0;
	for (size_t i = 0; path[i]; i++)
		if (path[i] == '/')
			len = i;
	return len;
}

/* Resolves "." and ".." in place; what climbs above the root stays at it. */
static void normalise(char *path)
{
	size_t out = 0;
	for (size_t i = 0; path[i];) {
		size_t n = 0;
		while (path[i + n] && path[i + n] != '/')
			n++;
		if (n == 2 && path[i] == '.' && path[i + 1] == '.') {
			while (out && path[--out] != '/')
				;
		} else if (n && !(n == 1 && path[i] == '.')) {
			if (out)
				path[out++] = '/';
			memmove(path + out, path + i, n);
			out += n;
		}
		i += n + (path[i + n] == '/');
	}
	path[out] = 0;
}

/* "dir/path" without doubled, leading and backward slashes. */
static void spell(char out[256], const char *dir, size_t dir_len, const char *path, size_t len)
{
	size_t at = 0, skip = 0;
	if (dir_len && dir_len + 1 + len < 256) {
		memcpy(out, dir, dir_len);
		out[dir_len] = '/';
		at = dir_len + 1;
	}
	while (skip < len && (path[skip] == '/' || path[skip] == '\\'))
		skip++;
	for (size_t i = skip; i < len && at < 255; i++)
		out[at++] = path[i] == '\\' ? '/' : path[i];
	out[at] = 0;
	normalise(out);
}

/* The file that f->path names. POD_E_NOT_FOUND: there is none that can be read, or it is empty. */
static enum pod_status look_up(struct pod_scan *s, struct pod_found *f)
{
	enum pod_status st = pod_fs_lookup(s->fs, f->path, &f->node, s->entry);
	if (pod_is_fatal(st))
		return st;
	return st == POD_OK && !f->node.is_dir && f->node.size_bytes ? POD_OK : POD_E_NOT_FOUND;
}

/* Loaders count from the subvolume above all, and name what leads to the one that is looked at: "/@/boot/initrd.img". */
static enum pod_status look_up_below(struct pod_scan *s, const char *config, const char *path, size_t len, struct pod_found *f)
{
	enum pod_status st = POD_E_NOT_FOUND;
	for (size_t i = 1; st == POD_E_NOT_FOUND && i + 1 < len; i++) {
		if (path[i] != '/')
			continue;
		spell(f->path, config, 0, path + i, len - i);
		st = look_up(s, f);
	}
	return st;
}

enum pod_status pod_scan_named(struct pod_scan *s, const char *config, const char *path, size_t len, struct pod_found *f)
{
	size_t dir_len = pod_path_folder(config);
	*f = (struct pod_found){.start_bytes = UINT64_MAX};
	if (!len)
		return POD_E_NOT_FOUND;
	bool absolute = path[0] == '/' || path[0] == '\\';
	enum pod_status st = POD_E_NOT_FOUND;
	for (int from_root = absolute; st == POD_E_NOT_FOUND && from_root < 2; from_root++) {
		spell(f->path, config, from_root ? 0 : dir_len, path, len);
		st = look_up(s, f);
	}
	if (st == POD_E_NOT_FOUND && absolute && s->fs->ops->subvolumes)
		st = look_up_below(s, config, path, len, f);
	if (st == POD_E_NOT_FOUND)
		spell(f->path, config, absolute ? 0 : dir_len, path, len);
	return st;
}

/* --- reading ---------------------------------------------------------------------------------------------- */

struct reading {
	struct pod_scan *s;
	pod_scan_text_fn *cb;
	void *ctx;
	enum pod_status st;
};

static bool is_grubenv(const char *path)
{
	size_t dir_len = pod_path_folder(path);
	return pod_strcasecmp(path + dir_len + (dir_len != 0), "grubenv") == 0;
}

/* GRUB's environment blocks, or the configurations, which use what was set there. */
static void read_configs(struct reading *r, char *text, bool blocks)
{
	struct pod_scan *s = r->s;
	uint64_t total = 0;
	size_t i = 0;
	for (; r->st == POD_OK && i < s->config_count && total < CONFIGS_BYTES_MAX; i++) {
		const struct pod_found *f = &s->config[i];
		if (is_grubenv(f->path) != blocks)
			continue;
		s->cut_short |= f->node.size_bytes > CONFIG_BYTES_MAX;
		size_t len = (size_t)pod_min_u64(f->node.size_bytes, CONFIG_BYTES_MAX);
		total += len;
		if (pod_fs_read(s->fs, &f->node, 0, text, len) != POD_OK)
			continue; /* the loader will meet the same error, and say so */
		r->st = r->cb(r->ctx, f->path, text, len);
	}
	s->cut_short |= i < s->config_count;
}

enum pod_status pod_scan_each_text(struct pod_scan *s, pod_scan_text_fn *cb, void *ctx)
{
	struct reading r = {.s = s, .cb = cb, .ctx = ctx};
	char *text = s->alloc->alloc(s->alloc, CONFIG_BYTES_MAX);
	if (!text)
		return POD_E_NOMEM;
	read_configs(&r, text, true);
	read_configs(&r, text, false);
	if (r.st == POD_OK) /* also of a configuration that could not be read */
		r.st = pod_budget_status(s->fs->dev->budget);
	pod_free(s->alloc, text);
	if (r.st != POD_E_BUDGET)
		return r.st;
	s->cut_short = true; /* what was named so far can still boot */
	return POD_OK;
}

struct naming {
	struct pod_scan *s;
	const char *config; /* path of the one being read */
	pod_scan_item_fn *cb;
	void *ctx;
	enum pod_status st;
};

static void take(void *ctx, const struct pod_menu_item *item)
{
	struct naming *n = ctx;
	n->s->hashed |= item->kind == POD_MENU_HASH;
	if (n->st == POD_OK && item->kind <= POD_MENU_MODULE)
		n->st = n->cb(n->ctx, n->config, item);
}

static enum pod_status name_items(void *ctx, const char *config, const char *text, size_t len)
{
	struct naming *n = ctx;
	n->config = config;
	pod_config_read(config, text, len, n->s->vars, take, n);
	return n->st;
}

enum pod_status pod_scan_each_named(struct pod_scan *s, pod_scan_item_fn *cb, void *ctx)
{
	struct naming n = {.s = s, .cb = cb, .ctx = ctx};
	if (!s->vars)
		s->vars = s->alloc->alloc(s->alloc, sizeof *s->vars);
	if (!s->vars)
		return POD_E_NOMEM;
	s->vars->count = 0;
	return pod_scan_each_text(s, name_items, &n);
}

/* What a loader gives a kernel as its initrd, or a multiboot kernel as a module; which of those is an initrd, its content says. */
static enum pod_status name_initrd(void *ctx, const char *config, const struct pod_menu_item *item)
{
	struct pod_scan *s = ctx;
	struct pod_found f;
	size_t i;
	if (item->kind != POD_MENU_INITRD && item->kind != POD_MENU_MODULE)
		return POD_OK;
	enum pod_status st = pod_scan_named(s, config, item->text, pod_strlen(item->text), &f);
	if (st == POD_OK)
		st = pod_scan_add_initrd(s, &f, &i);
	if (st == POD_E_NOT_FOUND || st == POD_E_CORRUPT)
		return POD_OK;
	if (st == POD_OK && i < s->initrd_count && !s->by[i])
		s->by[i] = config;
	return st;
}

enum pod_status pod_scan_configs(struct pod_scan *s)
{
	s->by = pod_zalloc(s->alloc, POD_SCAN_FOUND_MAX, sizeof *s->by);
	return s->by ? pod_scan_each_named(s, name_initrd, s) : POD_E_NOMEM;
}

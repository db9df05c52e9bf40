/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel modules for the shim. To show a disk that can be written to it needs device-mapper with snapshots, and an initramfs brings what
 * its own root needs, which is less. The system in the image has all of its kernel's modules, so they are taken from there:
 *
 *   /usr/lib/modules/RELEASE, or /lib/modules/RELEASE   one folder per kernel that is installed
 *   .../modules.dep   text; "PATH: PATH PATH ...": a module, and those it needs, the nearest first; paths count from this folder
 *                     (kmod, depmod.d(5)). Modules may be compressed (.ko.gz, .ko.xz, .ko.zst): the kernel then unpacks them itself.
 *
 * In the archive they are /isopod/m0-RELEASE, m1-RELEASE ..., in the order in which they are loaded. What is missing may be built into the
 * kernel; then nothing is missing.
 */
#include "core/plan/internal.h"
#include "core/base/mem.h"
#include "core/fs/fs.h"

enum {
	RELEASES_MAX = 4,
	RELEASE_LEN = 64, /* of the kernel's own name for itself, with NUL */
	DEP_BYTES = 4 << 20,
	ALL_BYTES = 8 << 20, /* of modules */
	SUBVOLUMES_MAX = 8,
	SUBVOLUME_LEN = 64,
	ENTRIES_MAX = 256, /* of the root directory above them */
};

static const char *const wanted[] = {"dm-mod", "dm-zero", "dm-snapshot", "loop"};

struct search {
	struct pod_handover *h;
	struct pod_fs *fs;
	struct pod_dirent *entry;
	char path[POD_NAME_MAX]; /* the folder of the release, and the file in it */
	size_t folder_len;
	const char *release;
	unsigned number;
	const char *dep; /* modules.dep */
	size_t dep_len;
	const char *taken[POD_MODULES_MAX]; /* paths in modules.dep, of this release */
	size_t bytes;
};

/* Is it /NAME.ko at the end of a path, compressed or not? Hyphens count as underscores. */
static bool is_module(const char *path, size_t len, const char *name)
{
	size_t at = len, n = pod_strlen(name);
	while (at && path[at - 1] != '/')
		at--;
	if (len - at < n + 3 || memcmp(path + at + n, ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (path[at + i] != name[i] && !(path[at + i] == '_' && name[i] == '-'))
			return false;
	return len - at == n + 3 || path[at + n + 3] == '.';
}

/* The length of the path that begins here. */
static size_t path_len(const char *p, const char *end)
{
	size_t n = 0;
	while (p + n < end && p[n] != ' ' && p[n] != ':' && p[n] != '\n')
		n++;
	return n;
}

static enum pod_status take(struct search *s, const char *path, size_t len)
{
	struct pod_handover *h = s->h;
	struct pod_node node;
	for (unsigned i = 0; i < s->number; i++)
		if (s->taken[i] == path ||
		    (path_len(s->taken[i], s->dep + s->dep_len) == len && memcmp(s->taken[i], path, len) == 0))
			return POD_OK;
	if (h->module_count == POD_MODULES_MAX || s->folder_len + len + 1 > sizeof s->path)
		return POD_E_LIMIT;
	memcpy(s->path + s->folder_len, path, len);
	s->path[s->folder_len + len] = 0;
	POD_TRY(pod_fs_lookup(s->fs, s->path, &node, s->entry));
	if (node.is_dir || !node.size_bytes || node.size_bytes > ALL_BYTES - s->bytes)
		return POD_E_LIMIT;
	struct pod_module *m = &h->module[h->module_count];
	m->data = h->plan->alloc->alloc(h->plan->alloc, (size_t)node.size_bytes);
	if (!m->data)
		return POD_E_NOMEM;
	h->module_count++;
	m->len = (size_t)node.size_bytes;
	(void)pod_snprintf(m->name, sizeof m->name, "isopod/m%u-%s", s->number, s->release);
	s->taken[s->number++] = path;
	s->bytes += m->len;
	return pod_fs_read(s->fs, &node, 0, m->data, m->len);
}

/* The modules of a line, the last one first: each needs those behind it. */
static enum pod_status take_line(struct search *s, const char *line, const char *end)
{
	const char *p = end;
	while (p > line) {
		while (p > line && (p[-1] == ' ' || p[-1] == ':'))
			p--;
		const char *stop = p;
		while (p > line && p[-1] != ' ' && p[-1] != ':')
			p--;
		if (stop > p)
			POD_TRY(take(s, p, (size_t)(stop - p)));
	}
	return POD_OK;
}

static enum pod_status take_wanted(struct search *s, const char *name)
{
	const char *end = s->dep + s->dep_len;
	for (const char *p = s->dep; p < end;) {
		const char *nl = p;
		while (nl < end && *nl != '\n')
			nl++;
		if (is_module(p, path_len(p, nl), name))
			return take_line(s, p, nl);
		p = nl < end ? nl + 1 : nl;
	}
	return POD_OK;
}

static enum pod_status take_release(struct search *s)
{
	struct pod_alloc *a = s->h->plan->alloc;
	struct pod_node node;
	s->number = 0;
	(void)pod_strlcpy(s->path + s->folder_len, "modules.dep", sizeof s->path - s->folder_len);
	POD_TRY(pod_fs_lookup(s->fs, s->path, &node, s->entry));
	if (node.is_dir || node.size_bytes > DEP_BYTES)
		return POD_E_LIMIT;
	char *dep = pod_zalloc(a, (size_t)node.size_bytes + 1, 1);
	if (!dep)
		return POD_E_NOMEM;
	s->dep = dep;
	s->dep_len = (size_t)node.size_bytes;
	enum pod_status st = pod_fs_read(s->fs, &node, 0, dep, s->dep_len);
	for (size_t i = 0; st == POD_OK && i < POD_ARRAY_LEN(wanted); i++)
		st = take_wanted(s, wanted[i]);
	pod_free(a, dep);
	return st;
}

static enum pod_status each_release(struct search *s, const struct pod_node *modules, size_t base_len)
{
	char release[RELEASES_MAX][RELEASE_LEN];
	struct pod_dir dir;
	unsigned n = 0;
	POD_TRY(pod_dir_open(&dir, s->fs, modules));
	while (n < RELEASES_MAX && pod_dir_next(&dir, s->entry) == POD_OK)
		if (s->entry->node.is_dir && pod_strlen(s->entry->name) < RELEASE_LEN)
			(void)pod_strlcpy(release[n++], s->entry->name, RELEASE_LEN);
	for (unsigned i = 0; i < n; i++) {
		s->release = release[i];
		s->folder_len =
			base_len + (size_t)pod_snprintf(s->path + base_len, sizeof s->path - base_len, "/%s/", release[i]);
		enum pod_status st = take_release(s);
		/* A kernel whose modules are not there, or damaged, has those of its initramfs. */
		if (st == POD_E_NOMEM || st == POD_E_BUDGET || st == POD_E_CANCELLED)
			return st;
	}
	return POD_OK;
}

/* Below a folder: "" or that of a subvolume. POD_E_NOT_FOUND: there are none. */
static enum pod_status modules_below(struct search *s, const char *folder)
{
	static const char *const place[] = {"usr/lib/modules", "lib/modules"};
	enum pod_status st = POD_E_NOT_FOUND;
	for (size_t i = 0; st == POD_E_NOT_FOUND && i < POD_ARRAY_LEN(place); i++) {
		struct pod_node modules;
		size_t len = (size_t)pod_snprintf(s->path, sizeof s->path, "%s%s%s", folder, *folder ? "/" : "", place[i]);
		if (len >= sizeof s->path)
			return POD_E_NOT_FOUND;
		st = pod_fs_lookup(s->fs, s->path, &modules, s->entry);
		if (st == POD_OK && !modules.is_dir)
			st = POD_E_NOT_FOUND;
		if (st == POD_OK)
			st = each_release(s, &modules, len);
	}
	return st;
}

/* In the first subvolume that has some: the system may be in one. */
static enum pod_status modules_in_subvolumes(struct search *s)
{
	char name[SUBVOLUMES_MAX][SUBVOLUME_LEN];
	struct pod_node root;
	struct pod_dir dir;
	unsigned n = 0;
	enum pod_status st = s->fs->ops->root(s->fs, &root);
	if (st == POD_OK)
		st = pod_dir_open(&dir, s->fs, &root);
	for (unsigned i = 0; st == POD_OK && i < ENTRIES_MAX && n < SUBVOLUMES_MAX; i++) {
		st = pod_dir_next(&dir, s->entry);
		if (st == POD_OK && s->entry->node.is_root && pod_strlen(s->entry->name) < SUBVOLUME_LEN)
			(void)pod_strlcpy(name[n++], s->entry->name, SUBVOLUME_LEN);
	}
	st = st == POD_OK || st == POD_END ? POD_E_NOT_FOUND : st;
	for (unsigned i = 0; st == POD_E_NOT_FOUND && i < n; i++)
		st = modules_below(s, name[i]);
	return st;
}

enum pod_status pod_handover_modules_of(struct pod_handover *h, struct pod_fs *root)
{
	struct pod_alloc *a = h->plan->alloc;
	struct search *s = pod_zalloc(a, 1, sizeof *s);
	struct pod_dirent *entry = pod_zalloc(a, 1, sizeof *entry);
	if (!h->module)
		h->module = pod_zalloc(a, POD_MODULES_MAX, sizeof *h->module);
	enum pod_status st = s && entry && h->module ? POD_OK : POD_E_NOMEM;
	if (st == POD_OK) {
		*s = (struct search){.h = h, .fs = root, .entry = entry};
		st = modules_below(s, "");
		if (st == POD_E_NOT_FOUND && root->ops->subvolumes)
			st = modules_in_subvolumes(s);
	}
	pod_free(a, entry);
	pod_free(a, s);
	return st == POD_E_NOT_FOUND ? POD_OK : st;
}

/* --- the partitions and logical volumes ------------------------------------------------------------------ */

/* POD_OK also where it is another filesystem, or damaged. *opened: it is that one. */
static enum pod_status look_into_as(struct pod_handover *h, struct pod_dev *d, const struct pod_fs_ops *ops, bool *opened)
{
	struct pod_fs *fs = pod_zalloc(h->plan->alloc, 1, sizeof *fs);
	if (!fs)
		return POD_E_NOMEM;
	enum pod_status st = pod_fs_open_as(fs, ops, d, h->plan->alloc, NULL);
	*opened = st == POD_OK;
	if (st == POD_OK)
		st = pod_handover_modules_of(h, fs);
	pod_fs_close(fs);
	pod_free(h->plan->alloc, fs);
	return pod_is_fatal(st) ? st : POD_OK;
}

/* Of one that is a root filesystem, or may be. */
static enum pod_status look_into(void *ctx, struct pod_volume *v)
{
	static const struct pod_fs_ops *const known[] = {&pod_fs_ext, &pod_fs_xfs, &pod_fs_btrfs_default, &pod_fs_btrfs};
	enum pod_status st = POD_OK;
	bool opened = false;
	for (size_t i = 0; st == POD_OK && !opened && i < POD_ARRAY_LEN(known); i++)
		st = look_into_as(ctx, &v->dev.dev, known[i], &opened);
	return st;
}

enum pod_status pod_handover_modules(struct pod_handover *h)
{
	return h->volumes ? pod_volumes_each(h->volumes, look_into, h) : POD_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the boot menus name, after a start that failed: the kernel or initrd that a loader looked for in a folder and that is not
 * there; a kernel whose own sum is wrong. */
#include "core/plan/internal.h"
#include "core/base/mem.h"
#include "core/image/bootfile.h"

enum { CACHE_LINES = 16, CACHE_LINE_BYTES = 8192, KERNELS_MAX = 4, SUM_BYTES = 64 << 10 };

struct missing {
	struct pod_scan *s;
	const char *folder;
	char *out;
};

/* Is `folder` the last part of the way to `path` that there is? */
static bool ends_at(struct missing *m, const char *path)
{
	char part[256];
	struct pod_node node;
	size_t n = pod_strlcpy(part, path, sizeof part);
	while (n) {
		while (n && part[n - 1] != '/')
			n--;
		part[n ? n - 1 : 0] = 0;
		if (!n || (pod_fs_lookup(m->s->fs, part, &node, m->s->entry) == POD_OK && node.is_dir))
			return pod_strcasecmp(part, m->folder) == 0;
		n--;
	}
	return false;
}

static enum pod_status look_for(void *ctx, const char *config, const struct pod_menu_item *item)
{
	struct missing *m = ctx;
	struct pod_found f;
	enum pod_status st = pod_scan_named(m->s, config, item->text, pod_strlen(item->text), &f);
	if (st != POD_E_NOT_FOUND)
		return st;
	if (!ends_at(m, f.path))
		return POD_OK;
	(void)pod_strlcpy(m->out, f.path, 256);
	return POD_END;
}

/* --- a kernel that is damaged ----------------------------------------------------------------------------- */

struct kernels {
	struct pod_scan *s;
	char *out;
	uint8_t *buf;
	uint64_t seen[KERNELS_MAX]; /* where they begin: several entries start the same one */
	uint32_t count;
};

/* Does it break its own rules? What is no kernel, or says nothing about itself, does not. */
static bool is_damaged(struct kernels *k, const struct pod_node *node)
{
	struct pod_file_dev f;
	struct pod_kernel kernel;
	bool good = true;
	pod_file_dev_init(&f, k->s->fs, node);
	enum pod_status st = pod_kernel_read(&f.dev, &kernel, NULL);
	if (st == POD_E_CORRUPT || st == POD_E_RANGE)
		return true;
	return st == POD_OK && kernel.has_crc && pod_kernel_crc(&f.dev, &kernel, k->buf, SUM_BYTES, &good) == POD_OK && !good;
}

static enum pod_status look_at_kernel(void *ctx, const char *config, const struct pod_menu_item *item)
{
	struct kernels *k = ctx;
	struct pod_found f;
	if (item->kind != POD_MENU_KERNEL || k->count == KERNELS_MAX ||
	    pod_scan_named(k->s, config, item->text, pod_strlen(item->text), &f) != POD_OK)
		return POD_OK;
	for (uint32_t i = 0; i < k->count; i++)
		if (k->seen[i] == f.node.entry_bytes)
			return POD_OK;
	k->seen[k->count++] = f.node.entry_bytes;
	if (!is_damaged(k, &f.node))
		return POD_OK;
	(void)pod_strlcpy(k->out, f.path, 256);
	return POD_END;
}

/* --- in the tree of the virtual disk ---------------------------------------------------------------------- */

static enum pod_status in_tree_of(struct pod_dev *dev, struct pod_alloc *a, pod_plan_tree_fn *cb, void *ctx)
{
	struct pod_fs fs;
	struct pod_scan s;
	POD_TRY(pod_image_open_tree(&fs, dev, a, NULL));
	enum pod_status st = pod_scan_tree(&s, &fs, a);
	if (st == POD_OK) {
		st = cb(ctx, &s);
		pod_scan_free(&s);
	}
	pod_fs_close(&fs);
	return st;
}

enum pod_status pod_plan_in_tree(const struct pod_plan *p, struct pod_dev *disk, struct pod_alloc *a, pod_plan_tree_fn *cb,
				 void *ctx)
{
	struct pod_mapdev md;
	struct pod_cache cache;
	if (p->image.kind != POD_IMAGE_ISO)
		return POD_OK;
	pod_mapdev_init(&md, &p->map, disk, p->sector_size);
	POD_TRY(pod_cache_init(&cache, &md.dev, a, CACHE_LINES, CACHE_LINE_BYTES));
	enum pod_status st = in_tree_of(&cache.dev, a, cb, ctx);
	pod_cache_fini(&cache, a);
	return st;
}

/* Whoever searches ends the walk when something is found. */
static enum pod_status found(enum pod_status st)
{
	return st == POD_END ? POD_OK : st == POD_OK ? POD_E_NOT_FOUND : st;
}

static enum pod_status find_missing(void *ctx, struct pod_scan *s)
{
	struct missing *m = ctx;
	m->s = s;
	return pod_scan_each_named(s, look_for, m);
}

enum pod_status pod_plan_missing(const struct pod_plan *p, struct pod_dev *disk, const char *folder, struct pod_alloc *a,
				 char out[256])
{
	struct missing m = {.folder = folder, .out = out};
	return found(pod_plan_in_tree(p, disk, a, find_missing, &m));
}

static enum pod_status find_damaged_kernel(void *ctx, struct pod_scan *s)
{
	struct kernels *k = ctx;
	k->s = s;
	return pod_scan_each_named(s, look_at_kernel, k);
}

enum pod_status pod_plan_damaged_kernel(const struct pod_plan *p, struct pod_dev *disk, struct pod_alloc *a, char out[256])
{
	struct kernels k = {.out = out, .buf = a->alloc(a, SUM_BYTES)};
	enum pod_status st = k.buf ? found(pod_plan_in_tree(p, disk, a, find_damaged_kernel, &k)) : POD_E_NOMEM;
	pod_free(a, k.buf);
	return st;
}

bool pod_plan_other_mode(const struct pod_plan *p, uint32_t firmware)
{
	if (firmware == POD_FW_BIOS) /* a PC: of its 32-bit or 64-bit UEFI */
		return p->efi_entry[1] != POD_ENTRY_NONE || p->efi_entry[2] != POD_ENTRY_NONE;
	return firmware != POD_FW_AA64 && p->bios_entry != POD_ENTRY_NONE;
}

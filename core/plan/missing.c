/* SPDX-License-Identifier: BSD-2-Clause */
/* What a loader was looking for in a folder: the kernel or initrd that a configuration names there, and that is not there. */
#include "core/plan/internal.h"
#include "core/base/mem.h"

enum { CACHE_LINES = 16, CACHE_LINE_BYTES = 8192 };

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

static enum pod_status look_in(struct pod_dev *dev, const char *folder, struct pod_alloc *a, char out[256])
{
	struct pod_fs fs;
	struct pod_scan s;
	struct missing m = {.s = &s, .folder = folder, .out = out};
	POD_TRY(pod_image_open_tree(&fs, dev, a, NULL));
	enum pod_status st = pod_scan_tree(&s, &fs, a);
	if (st == POD_OK) {
		st = pod_scan_each_named(&s, look_for, &m);
		pod_scan_free(&s);
	}
	pod_fs_close(&fs);
	return st == POD_END ? POD_OK : st == POD_OK ? POD_E_NOT_FOUND : st;
}

enum pod_status pod_plan_missing(const struct pod_plan *p, struct pod_dev *disk, const char *folder, struct pod_alloc *a,
				 char out[256])
{
	struct pod_mapdev md;
	struct pod_cache cache;
	if (p->image.kind != POD_IMAGE_ISO)
		return POD_E_NOT_FOUND;
	pod_mapdev_init(&md, &p->map, disk, p->sector_size);
	POD_TRY(pod_cache_init(&cache, &md.dev, a, CACHE_LINES, CACHE_LINE_BYTES));
	enum pod_status st = look_in(&cache.dev, folder, a, out);
	pod_cache_fini(&cache, a);
	return st;
}

bool pod_plan_other_mode(const struct pod_plan *p, uint32_t firmware)
{
	if (firmware == POD_FW_BIOS) /* a PC: of its 32-bit or 64-bit UEFI */
		return p->efi_entry[1] != POD_ENTRY_NONE || p->efi_entry[2] != POD_ENTRY_NONE;
	return firmware != POD_FW_AA64 && p->bios_entry != POD_ENTRY_NONE;
}

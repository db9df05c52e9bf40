/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a medium's own boot configuration starts: one store for UEFI, one for a BIOS. Its default entry and those that its menu shows are
 * read. Each WIM that one of them loads as a ramdisk from the boot device is served, changed, under the name that the entry has for it; so
 * are the boot.sdi and programs that they name. An entry that names a device of its own is none of ours.
 */
#include "core/base/mem.h"
#include "core/plan/windows_int.h"

enum { ENTRIES_MAX = 32 /* of a store's menu */ };

const char *const windows_bcd[WINDOWS_STORES] = {[WINDOWS_EFI] = "/EFI/Microsoft/Boot/BCD", [WINDOWS_BIOS] = "/boot/bcd"};

struct reading {
	struct windows_job *j;
	struct windows_store *store;
	struct pod_map map;
	struct pod_mapdev dev;
	struct pod_regf hive;
	struct pod_bcd_decoded decoded;
	char text[1024];
};

/* "\sources\boot.wim" as a path of the image. False: nothing that could be one. */
static bool image_path(const char *from, char *out, size_t size)
{
	while (*from == '\\' || *from == '/')
		from++;
	if (!*from || pod_strlcpy(out, from, size) >= size)
		return false;
	for (; *out; out++)
		if (*out == '\\')
			*out = '/';
	return true;
}

bool windows_is_named(const struct windows_job *j, const char *path, bool wim)
{
	for (uint32_t i = 0; i < j->names; i++)
		if (j->named[i].wim == wim && pod_strcasecmp(j->named[i].path, path) == 0)
			return true;
	return false;
}

/* A file that an entry needs. */
static enum pod_status name_file(struct windows_job *j, const char *path, bool wim)
{
	struct pod_node node;
	if (windows_is_named(j, path, wim))
		return POD_OK;
	enum pod_status st = pod_fs_lookup(&j->fs, path, &node, &j->entry);
	if (pod_is_fatal(st))
		return st;
	if (st != POD_OK || node.is_dir || !node.size_bytes) {
		pod_plan_warn(j->plan, "The boot menu of this medium starts %.90s, which is not in it.", path);
		return POD_OK;
	}
	if (j->names == WINDOWS_NAMES_MAX) {
		pod_plan_warn(j->plan, "The boot menu of this medium starts more than is looked at: %.70s is left out.", path);
		return POD_OK;
	}
	j->named[j->names].wim = wim;
	pod_strlcpy(j->named[j->names++].path, wim && pod_strcasecmp(path, windows_wim_path) == 0 ? windows_wim_path : path,
		    sizeof j->named[0].path);
	return POD_OK;
}

static enum pod_status text_of(struct reading *r, const struct pod_bcd_object *o, uint32_t id)
{
	struct pod_bcd_element el;
	POD_TRY(pod_bcd_element(&r->hive, o, id, &el));
	return pod_regf_text(&r->hive, &el.value, r->text, sizeof r->text);
}

static bool on_boot_device(const struct pod_bcd_device *d)
{
	return d && (d->kind == POD_BCD_BOOT || d->kind == POD_BCD_LOCATE_PATH || d->kind == POD_BCD_LOCATE_ELEMENT);
}

/* The boot.sdi that a ramdisk's options name. One that the medium has not got is put where it is looked for. */
static enum pod_status read_options(struct reading *r, const uint8_t guid[16])
{
	struct pod_bcd_object options;
	char path[POD_FATDISK_PATH_MAX - 1];
	POD_TRY(pod_bcd_object(&r->hive, guid, &options));
	POD_TRY(text_of(r, &options, POD_BCD_SDI_PATH));
	if (image_path(r->text, path, sizeof path) && !r->store->has_sdi) {
		r->store->has_sdi = true;
		pod_snprintf(r->store->sdi, sizeof r->store->sdi, "/%s", path);
	}
	return POD_OK;
}

static enum pod_status read_loader(struct reading *r, const struct pod_bcd_object *o)
{
	struct pod_bcd_element el;
	char path[POD_FATDISK_PATH_MAX - 1];
	POD_TRY(pod_bcd_element(&r->hive, o, POD_BCD_DEVICE, &el));
	POD_TRY(pod_bcd_read_device(&r->hive, &el, &r->decoded));
	const struct pod_bcd_device *ram = pod_bcd_find(&r->decoded, POD_BCD_RAMDISK);
	if (!ram) {
		if (!r->decoded.count || r->decoded.device[0].kind != POD_BCD_BOOT)
			return POD_OK;
		POD_TRY(text_of(r, o, POD_BCD_PATH));
		return image_path(r->text, path, sizeof path) ? name_file(r->j, path, false) : POD_OK;
	}
	if (!on_boot_device(ram->parent) || !ram->path || !image_path(ram->path, path, sizeof path))
		return POD_OK;
	POD_TRY(name_file(r->j, path, true));
	return read_options(r, ram->options);
}

/* The nth entry that an element of the boot manager names. POD_END: there are no more. */
static enum pod_status read_entry(struct reading *r, const struct pod_bcd_object *manager, uint32_t id, uint32_t n)
{
	struct pod_bcd_element el;
	struct pod_bcd_object o;
	uint8_t guid[16];
	enum pod_status st = pod_bcd_element(&r->hive, manager, id, &el);
	if (st == POD_E_NOT_FOUND)
		return POD_END;
	if (st == POD_OK)
		st = pod_bcd_read_guid(&r->hive, &el, n, guid);
	if (st == POD_OK)
		st = pod_bcd_object(&r->hive, guid, &o);
	if (st == POD_OK)
		st = read_loader(r, &o);
	/* An entry that lacks something, or says what we do not know, is the boot manager's to judge. */
	return st == POD_E_NOT_FOUND || st == POD_E_FORMAT || st == POD_E_LIMIT ? POD_OK : st;
}

static enum pod_status read_entries(struct reading *r)
{
	struct pod_bcd_object manager;
	POD_TRY(pod_bcd_object(&r->hive, pod_bcd_bootmgr, &manager));
	enum pod_status st = read_entry(r, &manager, POD_BCD_DEFAULT, 0);
	for (uint32_t n = 0; n < ENTRIES_MAX && (st == POD_OK || (st == POD_END && !n)); n++)
		st = read_entry(r, &manager, POD_BCD_ORDER, n);
	return st == POD_END ? POD_OK : st;
}

static enum pod_status add_run(void *ctx, const struct pod_extent *e)
{
	struct reading *r = ctx;
	return e->hole ? POD_E_CORRUPT : pod_map_append_from(&r->map, &r->j->plan->map, e->dev_bytes, e->length_bytes);
}

static enum pod_status read_store(struct reading *r, const char *path)
{
	struct windows_job *j = r->j;
	struct pod_node node;
	enum pod_status st = pod_fs_lookup(&j->fs, path + 1, &node, &j->entry);
	if (st != POD_OK || node.is_dir)
		return windows_is_fatal(st) ? st : POD_OK;
	pod_map_init(&r->map, j->plan->alloc);
	st = j->fs.ops->extents(&j->fs, &node, add_run, r);
	if (st == POD_OK) {
		pod_mapdev_init(&r->dev, &r->map, j->rq->disk, 512);
		st = pod_regf_open_dev(&r->hive, &r->dev.dev, NULL);
	}
	if (st == POD_OK)
		st = read_entries(r);
	pod_map_fini(&r->map);
	if (windows_is_fatal(st))
		return st;
	r->store->damaged = st != POD_OK && st != POD_E_BUDGET && st != POD_E_UNSUPPORTED;
	return POD_OK;
}

void windows_usual_store(struct windows_store *s)
{
	*s = (struct windows_store){.sdi = "/boot/boot.sdi"};
}

enum pod_status windows_read_stores(struct windows_job *j)
{
	struct reading *r = pod_zalloc(j->plan->alloc, 1, sizeof *r);
	enum pod_status st = r ? POD_OK : POD_E_NOMEM;
	j->names = 0;
	for (unsigned i = 0; st == POD_OK && i < WINDOWS_STORES; i++) {
		r->j = j;
		r->store = &j->store[i];
		windows_usual_store(r->store);
		st = read_store(r, windows_bcd[i]);
	}
	pod_free(j->plan->alloc, r);
	return st;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows media are served as a hard disk (doc/WINDOWS.md): one FAT32 partition with what the boot manager reads, each file where it
 * lies in the image. That saves the CD's own loader and its "Press any key", and a real CD with Windows in a drive cannot be taken for
 * ours.
 *
 * A Windows medium is an ISO with a boot manager, a BCD for UEFI or for BIOS, what that names (windows_bcd.c; as a rule
 * sources/boot.wim), and boot.sdi. Of the image's tree
 * the folders boot and efi and the programs in the root are shown, all as they are. WIM files are in windows_wim.c, Windows on virtual
 * disks in windows_vhd.c. With further WIMs that start it has a boot menu of its own, and stays a CD (windows_cd.c).
 */
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/fs/iso9660.h"
#include "core/plan/windows_int.h"

const char windows_wim_path[] = "sources/boot.wim";

/* --- files ------------------------------------------------------------------------------------------------ */

static enum pod_status note(struct windows_job *j, const char *path, enum pod_disk_from origin, const char *from)
{
	struct pod_plan_windows *w = &j->plan->windows;
	void *v = w->file;
	enum pod_status st = pod_grow(j->plan->alloc, &v, w->count, &w->cap, w->count + 1, sizeof *w->file, POD_DISK_FILES_MAX);
	w->file = v;
	if (st != POD_OK)
		return st;
	struct pod_disk_file *f = &w->file[w->count++];
	*f = (struct pod_disk_file){.origin = origin};
	pod_strlcpy(f->path, path, sizeof f->path);
	pod_strlcpy(f->from, from, sizeof f->from);
	return POD_OK;
}

enum pod_status windows_file(struct windows_job *j, const char *path, enum pod_disk_from origin, const char *from)
{
	POD_TRY(pod_fatdisk_file(&j->disk, path));
	return note(j, path, origin, from);
}

static enum pod_status add_run(void *ctx, const struct pod_extent *e)
{
	struct windows_job *j = ctx;
	if (e->hole)
		return POD_E_CORRUPT;
	return pod_fatdisk_slice(&j->disk, &j->plan->map, e->dev_bytes, e->length_bytes);
}

/* WIMs are put there as they are changed, and damaged stores are not. */
static bool is_replaced(const struct windows_job *j, const char *path)
{
	for (unsigned i = 0; i < WINDOWS_STORES; i++)
		if (j->store[i].damaged && j->wim_open && pod_strcasecmp(windows_bcd[i] + 1, path) == 0)
			return true;
	return windows_is_named(j, path, true);
}

/* A file of the image, under the same path. One that FAT has no room or no name for is left out: no boot manager asks for it. */
static enum pod_status add_file(struct windows_job *j, const char *path, const struct pod_node *node)
{
	char to[256];
	if (is_replaced(j, path))
		return POD_OK;
	if (node->size_bytes > POD_FATDISK_FILE_MAX || pod_snprintf(to, sizeof to, "/%s", path) >= (int)sizeof to)
		return POD_OK;
	enum pod_status st = windows_file(j, to, POD_FROM_IMAGE, path);
	if (st == POD_E_INVALID || st == POD_E_EXISTS)
		return POD_OK;
	return st == POD_OK ? j->fs.ops->extents(&j->fs, node, add_run, j) : st;
}

static enum pod_status add_if_there(struct windows_job *j, const char *path)
{
	struct pod_node node;
	enum pod_status st = pod_fs_lookup(&j->fs, path, &node, &j->entry);
	if (st == POD_E_NOT_FOUND || (st == POD_OK && node.is_dir))
		return POD_OK;
	return st == POD_OK ? add_file(j, path, &node) : st;
}

/* --- folders ---------------------------------------------------------------------------------------------- */

static bool contains_itself(const struct windows_job *j, uint32_t at, const struct pod_node *node)
{
	while (!pod_node_same_dir(&j->folder[at].node, node)) {
		if (j->folder[at].parent == at)
			return false;
		at = j->folder[at].parent;
	}
	return true;
}

/* What has too many folders, or too deep ones, is nothing that a boot manager reads: left out. */
static void push(struct windows_job *j, const struct pod_node *node, uint32_t parent, const char *path)
{
	uint32_t depth = parent == j->folders ? 0 : j->folder[parent].depth + 1;
	if (j->folders == WINDOWS_FOLDERS_MAX || depth > WINDOWS_DEPTH_MAX)
		return;
	struct windows_folder *f = &j->folder[j->folders];
	*f = (struct windows_folder){.node = *node, .depth = depth, .parent = parent};
	pod_strlcpy(f->path, path, sizeof f->path);
	j->folders++;
}

static enum pod_status add_entries(struct windows_job *j, uint32_t at)
{
	struct pod_dir dir;
	char path[256];
	enum pod_status st = pod_dir_open(&dir, &j->fs, &j->folder[at].node);
	while (st == POD_OK) {
		st = pod_dir_next(&dir, &j->entry);
		if (st != POD_OK)
			break;
		const struct pod_node node = j->entry.node;
		if (pod_snprintf(path, sizeof path, "%s/%s", j->folder[at].path, j->entry.name) >= (int)sizeof path)
			continue;
		if (!node.is_dir)
			st = add_file(j, path, &node);
		else if (!contains_itself(j, at, &node))
			push(j, &node, at, path);
	}
	return st == POD_END ? POD_OK : st;
}

/* The folder and everything in it. */
static enum pod_status add_tree(struct windows_job *j, const char *path)
{
	struct pod_node node;
	enum pod_status st = pod_fs_lookup(&j->fs, path, &node, &j->entry);
	if (st == POD_E_NOT_FOUND || (st == POD_OK && !node.is_dir))
		return POD_OK;
	uint32_t first = j->folders;
	if (st == POD_OK)
		push(j, &node, first, path);
	for (uint32_t i = first; st == POD_OK && i < j->folders; i++)
		st = add_entries(j, i);
	return st;
}

/* --- what starts ------------------------------------------------------------------------------------------ */

static bool has_store(const struct windows_job *j, unsigned store)
{
	return pod_fatdisk_has(&j->disk, windows_bcd[store]) && pod_fatdisk_has(&j->disk, j->store[store].sdi);
}

static uint32_t firmware_of(const struct windows_job *j)
{
	uint32_t firmware = 0;
	if (has_store(j, WINDOWS_EFI))
		for (uint32_t fw = POD_FW_X64; fw <= POD_FW_AA64; fw <<= 1)
			firmware |= pod_fatdisk_has(&j->disk, pod_efi_loader_path(fw)) ? fw : 0;
	if (has_store(j, WINDOWS_BIOS) && pod_fatdisk_has(&j->disk, "/bootmgr"))
		firmware |= POD_FW_BIOS;
	return firmware;
}

/* The same image on the same stick gives the same disk; another image another one. */
static uint32_t signature_of(const struct pod_plan_request *rq)
{
	uint32_t crc = pod_crc32(0, rq->path, pod_strlen(rq->path));
	crc = pod_crc32(crc, &rq->image_bytes, sizeof rq->image_bytes);
	return crc ? crc : 1;
}

enum pod_status windows_finish(struct windows_job *j, uint32_t firmware, struct pod_diag *diag)
{
	struct pod_plan *p = j->plan;
	uint32_t signature = signature_of(j->rq);
	struct pod_fatdisk_params params = {.signature = signature, .serial = signature, .label = "ISOPOD"};
	struct pod_map disk;
	enum pod_status st = pod_fatdisk_finish(&j->disk, &params, &disk, diag);
	if (st != POD_OK) {
		pod_map_fini(&disk);
		return st;
	}
	pod_map_fini(&p->map);
	p->map = disk;
	for (size_t i = 0; i < p->windows.count; i++) {
		struct pod_disk_file *f = &p->windows.file[i];
		POD_TRY(pod_fatdisk_place(&j->disk, f->path, &f->start_bytes, &f->length_bytes));
	}
	p->image.firmware = firmware;
	if (firmware & POD_FW_BIOS)
		POD_TRY(pod_fatdisk_place(&j->disk, "/bootmgr", &p->windows.bootmgr_bytes, &p->windows.bootmgr_length));
	return POD_OK;
}

/* --- media ------------------------------------------------------------------------------------------------ */

/* What the loaders for UEFI start must be for the same machine: a 32-bit Windows PE does not start on 64-bit firmware. */
static uint32_t without_other_machines(struct windows_job *j, uint32_t firmware)
{
	uint32_t efi = firmware & ~(uint32_t)POD_FW_BIOS, fits = j->wim_open ? j->winload_efi : efi;
	if (j->wim_open && !j->winload_exe)
		firmware &= ~(uint32_t)POD_FW_BIOS;
	if (efi & ~fits)
		pod_plan_warn(j->plan, "Windows PE in this image is for another processor than %s: there it does not start.",
			      efi & ~fits & POD_FW_X64	  ? "x64"
			      : efi & ~fits & POD_FW_IA32 ? "ia32"
							  : "aa64");
	return firmware & (fits | POD_FW_BIOS);
}

static enum pod_status patch(struct windows_job *j)
{
	const char *why;
	POD_TRY(windows_patch(j, &why));
	if (!j->other)
		pod_strlcpy(j->plan->windows.replaced, j->replaced, sizeof j->plan->windows.replaced);
	/* Of a bare WIM there is nothing that Windows would have to find. */
	if (why && j->plan->image.kind == POD_IMAGE_ISO)
		pod_plan_warn(
			j->plan,
			"Isopod's helper cannot be put into the WIM (%s): Windows starts, but Setup will not find its install.wim.",
			why);
	return POD_OK;
}

static enum pod_status put_wim(struct windows_job *j, const char *from, const char *to)
{
	if (j->wim_open && j->rq->helper)
		POD_TRY(patch(j));
	if (j->wim_open)
		POD_TRY(windows_name_image(j));
	POD_TRY(windows_file(j, to, POD_FROM_IMAGE, from));
	const struct pod_map *m = j->patched.size_bytes ? &j->patched : &j->wim_map;
	return pod_fatdisk_slice(&j->disk, m, 0, m->size_bytes);
}

/* Opens a WIM of the image. */
static enum pod_status take_wim(struct windows_job *j, const char *path)
{
	struct pod_node node;
	POD_TRY(pod_fs_lookup(&j->fs, path, &node, &j->entry));
	if (node.size_bytes > POD_FATDISK_FILE_MAX)
		return POD_E_LIMIT;
	POD_TRY(j->fs.ops->extents(&j->fs, &node, windows_wim_run, j));
	return windows_wim_open(j);
}

/* Those that the boot menu starts besides the first. */
static enum pod_status put_other_wims(struct windows_job *j, const char *first)
{
	char to[POD_FATDISK_PATH_MAX];
	for (uint32_t i = 0; i < j->names; i++) {
		const struct windows_name *n = &j->named[i];
		if (!n->wim || n->path == first)
			continue;
		windows_wim_reset(j);
		j->other = true;
		POD_TRY(take_wim(j, n->path));
		pod_snprintf(to, sizeof to, "/%s", n->path);
		/* Two spellings of one path, or one that FAT has not. */
		enum pod_status st = put_wim(j, n->path, to);
		if (st != POD_OK && st != POD_E_EXISTS && st != POD_E_INVALID)
			return st;
	}
	return POD_OK;
}

/* The rest is the same for an ISO, whose tree is on the disk by now, and a bare WIM, where nothing is yet. `from`: the WIM's path in the
 * image, "" if it is the image. */
static enum pod_status add_wim(struct windows_job *j, const char *from, struct pod_diag *diag)
{
	char to[POD_FATDISK_PATH_MAX];
	pod_snprintf(to, sizeof to, "/%s", *from ? from : windows_wim_path);
	if (j->wim_open)
		POD_TRY(windows_wim_fill(j, to));
	uint32_t firmware = firmware_of(j);
	/* Of a WIM of another name nothing is known but that a store names it: there may be loaders of other makers as well. */
	if (*from && pod_strcasecmp(from, windows_wim_path) != 0 && j->plan->image.firmware & ~firmware)
		return POD_E_NOT_FOUND;
	if (firmware)
		firmware = without_other_machines(j, firmware);
	if (!firmware)
		return POD_E_NOT_FOUND;
	POD_TRY(put_wim(j, from, to));
	POD_TRY(put_other_wims(j, from));
	return windows_finish(j, firmware, diag);
}

static const char *first_wim(const struct windows_job *j)
{
	for (uint32_t i = 0; i < j->names; i++)
		if (j->named[i].wim)
			return j->named[i].path;
	return NULL;
}

/* What the tree starts: as its stores say, else the WIM of the usual name. */
static enum pod_status look_at_tree(struct windows_job *j)
{
	struct pod_node wim;
	POD_TRY(windows_read_stores(j));
	if (first_wim(j))
		return POD_OK;
	POD_TRY(pod_fs_lookup(&j->fs, windows_wim_path, &wim, &j->entry));
	if (wim.is_dir || !wim.size_bytes)
		return POD_E_NOT_FOUND;
	j->named[0] = (struct windows_name){.wim = true};
	pod_strlcpy(j->named[0].path, windows_wim_path, sizeof j->named[0].path);
	j->names = 1;
	return POD_OK;
}

/* The tree that has all names: UDF's, beside which Windows' media have but a note in ISO 9660; else Joliet's, where names are not cut to
 * 8.3. */
static enum pod_status open_tree(struct windows_job *j, struct pod_dev *image)
{
	const struct pod_fs_ops *const tree[] = {&pod_fs_udf, j->plan->image.joliet ? &pod_fs_joliet : &pod_fs_iso9660};
	enum pod_status st = POD_E_NOT_FOUND;
	for (size_t i = j->plan->image.udf ? 0 : 1; i < POD_ARRAY_LEN(tree); i++) {
		st = pod_fs_open_as(&j->fs, tree[i], image, j->plan->alloc, NULL);
		if (st == POD_OK)
			st = look_at_tree(j);
		if (st == POD_OK || windows_is_fatal(st))
			return st;
		pod_fs_close(&j->fs);
		memset(&j->fs, 0, sizeof j->fs);
	}
	return POD_E_NOT_FOUND;
}

/* Another one is made where the WIM says what to start. */
static void tell_damaged(struct windows_job *j)
{
	for (unsigned i = 0; i < WINDOWS_STORES; i++) {
		if (!j->store[i].damaged)
			continue;
		if (j->wim_open)
			pod_plan_warn(j->plan, "The boot configuration %s of this medium is damaged: another one is made.",
				      windows_bcd[i]);
		else
			pod_plan_warn(j->plan, "The boot configuration %s of this medium is damaged: it may not start.",
				      windows_bcd[i]);
	}
}

/* POD_E_NOT_FOUND: no Windows medium. */
static enum pod_status compose_iso(struct windows_job *j, struct pod_iso_trees *x, struct pod_diag *diag)
{
	static const char *const program[] = {"bootmgr", "bootmgr.efi"};
	bool own_menu;
	POD_TRY(open_tree(j, x->image));
	POD_TRY(windows_cd_has_menu(j, x, &own_menu, diag));
	if (own_menu)
		return POD_E_NOT_FOUND;
	POD_TRY(take_wim(j, first_wim(j)));
	tell_damaged(j);
	for (size_t i = 0; i < POD_ARRAY_LEN(program); i++)
		POD_TRY(add_if_there(j, program[i]));
	POD_TRY(add_tree(j, "boot"));
	POD_TRY(add_tree(j, "efi"));
	for (uint32_t i = 0; i < j->names; i++)
		if (!j->named[i].wim)
			POD_TRY(add_if_there(j, j->named[i].path));
	for (unsigned i = 0; i < WINDOWS_STORES; i++)
		POD_TRY(add_if_there(j, j->store[i].sdi + 1));
	return add_wim(j, first_wim(j), diag);
}

static enum pod_status compose_wim(struct windows_job *j, struct pod_diag *diag)
{
	for (unsigned i = 0; i < WINDOWS_STORES; i++)
		windows_usual_store(&j->store[i]);
	POD_TRY(pod_map_append_from(&j->wim_map, &j->plan->map, 0, j->plan->map.size_bytes));
	POD_TRY(windows_wim_open(j));
	if (j->wim_open && !j->is_pe) {
		pod_plan_because(j->plan, POD_WHY_WIM_NO_PE, "", "");
		return POD_E_NOT_FOUND;
	}
	return add_wim(j, "", diag);
}

static enum pod_status compose(struct windows_job *j, struct pod_iso_trees *x, struct pod_diag *diag)
{
	struct pod_plan *p = j->plan;
	pod_map_init(&j->wim_map, p->alloc);
	pod_map_init(&j->patched, p->alloc);
	enum pod_status st = pod_fatdisk_init(&j->disk, j->rq->disk, p->alloc);
	if (st == POD_OK)
		st = p->container != POD_IMAGE_UNKNOWN ? windows_vhd(j, diag)
		     : p->image.kind == POD_IMAGE_ISO  ? compose_iso(j, x, diag)
						       : compose_wim(j, diag);
	windows_wim_close(j);
	pod_fs_close(&j->fs);
	pod_fatdisk_fini(&j->disk);
	return st;
}

/* With half of the budget: as it is it can still be served with the other half. */
enum pod_status pod_plan_windows(struct pod_iso_trees *x, struct pod_diag *diag)
{
	const struct pod_plan_request *rq = x->rq;
	struct pod_plan *p = x->plan;
	struct pod_budget *budget = x->image->budget;
	struct pod_budget_part part;
	bool iso = p->image.kind == POD_IMAGE_ISO, vhd = pod_image_is_vhd(p->container) && p->image.kind == POD_IMAGE_DISK;
	if ((!iso && !vhd && p->image.kind != POD_IMAGE_WIM) || ((iso || vhd) && rq->windows_cd))
		return POD_OK;
	struct windows_job *j = pod_zalloc(p->alloc, 1, sizeof *j);
	if (!j)
		return POD_E_NOMEM;
	j->rq = rq;
	j->plan = p;
	pod_budget_split(budget, &part);
	enum pod_status st = compose(j, x, diag);
	(void)pod_budget_join(budget, &part);
	pod_free(p->alloc, j);
	if (st == POD_OK || windows_is_fatal(st))
		return st;
	p->windows.count = 0;
	if (iso && st != POD_E_NOT_FOUND)
		pod_plan_warn(
			p, "It looks like a Windows medium, but its files cannot be laid out as a disk: it is served as a CD.");
	if (vhd && st != POD_E_NOT_FOUND)
		pod_plan_because(p, POD_WHY_WINDOWS_LAYOUT, "", "");
	return iso || vhd || st == POD_E_NOT_FOUND || st == POD_E_BUDGET ? POD_OK : st;
}

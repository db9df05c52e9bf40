/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows media are served as a hard disk (doc/WINDOWS.md): one FAT32 partition with what the boot manager reads, each file where it
 * lies in the image. That saves the CD's own loader and its "Press any key", and a real CD with Windows in a drive cannot be taken for
 * ours.
 *
 * A Windows medium is an ISO with sources/boot.wim, a boot manager with a BCD for UEFI or for BIOS, and boot.sdi. Of the image's tree
 * the folders boot and efi and the programs in the root are shown, all as they are.
 */
#include "core/plan/internal.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/fs/iso9660.h"
#include "core/map/fatdisk.h"

enum { FOLDERS_MAX = 64, DEPTH_MAX = 5 };

static const char wim_path[] = "sources/boot.wim";

struct folder {
	struct pod_node node;
	uint32_t depth, parent; /* index; of the uppermost: itself */
	char path[256];
};

struct job {
	const struct pod_plan_request *rq;
	struct pod_plan *plan;
	struct pod_fs fs; /* the image's tree */
	struct pod_fatdisk disk;
	struct pod_dirent entry;
	struct folder folder[FOLDERS_MAX];
	uint32_t folders;
};

/* --- files ------------------------------------------------------------------------------------------------ */

static enum pod_status note(struct job *j, const char *path, enum pod_disk_from origin, const char *from)
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

static enum pod_status add_run(void *ctx, const struct pod_extent *e)
{
	struct job *j = ctx;
	if (e->hole)
		return POD_E_CORRUPT;
	return pod_fatdisk_slice(&j->disk, &j->plan->map, e->dev_bytes, e->length_bytes);
}

/* A file of the image, under the same path. One that FAT has no room or no name for is left out: no boot manager asks for it. */
static enum pod_status add_file(struct job *j, const char *path, const struct pod_node *node)
{
	char to[256];
	if (node->size_bytes > POD_FATDISK_FILE_MAX || pod_snprintf(to, sizeof to, "/%s", path) >= (int)sizeof to)
		return POD_OK;
	enum pod_status st = pod_fatdisk_file(&j->disk, to);
	if (st == POD_E_INVALID || st == POD_E_EXISTS)
		return POD_OK;
	if (st == POD_OK)
		st = note(j, to, POD_FROM_IMAGE, path);
	return st == POD_OK ? j->fs.ops->extents(&j->fs, node, add_run, j) : st;
}

static enum pod_status add_if_there(struct job *j, const char *path)
{
	struct pod_node node;
	enum pod_status st = pod_fs_lookup(&j->fs, path, &node, &j->entry);
	if (st == POD_E_NOT_FOUND || (st == POD_OK && node.is_dir))
		return POD_OK;
	return st == POD_OK ? add_file(j, path, &node) : st;
}

/* --- folders ---------------------------------------------------------------------------------------------- */

static bool contains_itself(const struct job *j, uint32_t at, const struct pod_node *node)
{
	while (!pod_node_same_dir(&j->folder[at].node, node)) {
		if (j->folder[at].parent == at)
			return false;
		at = j->folder[at].parent;
	}
	return true;
}

/* What has too many folders, or too deep ones, is nothing that a boot manager reads: left out. */
static void push(struct job *j, const struct pod_node *node, uint32_t parent, const char *path)
{
	uint32_t depth = parent == j->folders ? 0 : j->folder[parent].depth + 1;
	if (j->folders == FOLDERS_MAX || depth > DEPTH_MAX)
		return;
	struct folder *f = &j->folder[j->folders];
	*f = (struct folder){.node = *node, .depth = depth, .parent = parent};
	pod_strlcpy(f->path, path, sizeof f->path);
	j->folders++;
}

static enum pod_status add_entries(struct job *j, uint32_t at)
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
static enum pod_status add_tree(struct job *j, const char *path)
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

static uint32_t firmware_of(const struct job *j)
{
	uint32_t firmware = 0;
	if (!pod_fatdisk_has(&j->disk, "/boot/boot.sdi"))
		return 0;
	if (pod_fatdisk_has(&j->disk, "/EFI/Microsoft/Boot/BCD"))
		for (uint32_t fw = POD_FW_X64; fw <= POD_FW_AA64; fw <<= 1)
			firmware |= pod_fatdisk_has(&j->disk, pod_efi_loader_path(fw)) ? fw : 0;
	if (pod_fatdisk_has(&j->disk, "/boot/bcd") && pod_fatdisk_has(&j->disk, "/bootmgr"))
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

/* The map becomes that of the disk. */
static enum pod_status finish(struct job *j, uint32_t firmware, struct pod_diag *diag)
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

/* The tree that has all names: Joliet's, where names are not cut to 8.3, if there is one. */
static enum pod_status open_tree(struct job *j, struct pod_dev *image)
{
	const struct pod_fs_ops *ops = j->plan->image.joliet ? &pod_fs_joliet : &pod_fs_iso9660;
	return pod_fs_open_as(&j->fs, ops, image, j->plan->alloc, NULL);
}

/* POD_E_NOT_FOUND: no Windows medium. */
static enum pod_status compose(struct job *j, struct pod_diag *diag)
{
	struct pod_node wim;
	POD_TRY(pod_fs_lookup(&j->fs, wim_path, &wim, &j->entry));
	if (wim.is_dir || !wim.size_bytes)
		return POD_E_NOT_FOUND;
	static const char *const program[] = {"bootmgr", "bootmgr.efi"};
	for (size_t i = 0; i < POD_ARRAY_LEN(program); i++)
		POD_TRY(add_if_there(j, program[i]));
	POD_TRY(add_tree(j, "boot"));
	POD_TRY(add_tree(j, "efi"));
	uint32_t firmware = firmware_of(j);
	if (!firmware)
		return POD_E_NOT_FOUND;
	POD_TRY(add_file(j, wim_path, &wim));
	return finish(j, firmware, diag);
}

/* With half of the budget: as a CD it can still be served with the other half. */
enum pod_status pod_plan_windows(const struct pod_plan_request *rq, struct pod_plan *p, struct pod_dev *image,
				 struct pod_diag *diag)
{
	struct pod_budget_part part;
	if (p->image.kind != POD_IMAGE_ISO || rq->windows_cd)
		return POD_OK;
	struct job *j = pod_zalloc(p->alloc, 1, sizeof *j);
	if (!j)
		return POD_E_NOMEM;
	j->rq = rq;
	j->plan = p;
	pod_budget_split(image->budget, &part);
	enum pod_status st = open_tree(j, image);
	if (st == POD_OK)
		st = pod_fatdisk_init(&j->disk, rq->disk, p->alloc);
	if (st == POD_OK)
		st = compose(j, diag);
	(void)pod_budget_join(image->budget, &part);
	if (st != POD_OK)
		p->windows.count = 0;
	if (st == POD_E_CORRUPT || st == POD_E_RANGE || st == POD_E_LIMIT || st == POD_E_BUDGET)
		pod_plan_warn(
			p, "It looks like a Windows medium, but its files cannot be laid out as a disk: it is served as a CD.");
	pod_fs_close(&j->fs);
	pod_fatdisk_fini(&j->disk);
	pod_free(p->alloc, j);
	return st == POD_E_NOMEM || st == POD_E_IO || st == POD_E_CANCELLED ? st : POD_OK;
}

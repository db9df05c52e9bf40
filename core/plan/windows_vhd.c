/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows installed on a VHD or VHDX. A Windows whose kernel runs would not find the disk that we show; it opens the file itself, if the
 * boot manager says which one. So the disk that is served has the boot manager, out of that Windows or out of its EFI system partition,
 * and a BCD made for this start, which names the file that was chosen: the child, whatever it stands on. The boot manager reads the stick
 * through the firmware.
 *
 * What is known to stop Windows later is a warning here: see warn_about_start.
 */
#include "core/base/mem.h"
#include "core/disk/parttab.h"
#include "core/plan/windows_int.h"
#include "core/regf/regf.h"

enum {
	CACHE_LINES = 64,
	CACHE_LINE = 4096,
	FILE_MAX = 32 << 20, /* bytes of one file that is read into memory */
	FILES_MAX = 3,	     /* more on top of each other are not known to start */
	PATH_MAX = 1024,
};

static const char winload_efi[] = "Windows/System32/winload.efi", winload_exe[] = "Windows/System32/winload.exe";
static const char esp_bootmgfw[] = "EFI/Microsoft/Boot/bootmgfw.efi", esp_bootmgr[] = "bootmgr";
/* What bootmgr of Windows 10 and later opens virtual disks with; it looks for it on the partition that it came from itself. */
static const char bootvhd[] = "Windows/Boot/PCAT/bootvhd.dll", esp_bootvhd[] = "Boot/bootvhd.dll",
		  disk_bootvhd[] = "/boot/bootvhd.dll";

/* A partition of the virtual disk. */
struct volume {
	struct pod_window window;
	struct pod_fs fs; /* .ops NULL: not open */
	uint64_t start_bytes;
};

struct vhd_job {
	struct windows_job *j;
	struct pod_mapdev disk;
	struct pod_cache cache; /* over it */
	struct pod_parttab table;
	struct volume windows, esp;
	uint32_t efi; /* firmware that winload.efi is for */
	bool bios;    /* there is a winload.exe */
	bool bootvhd; /* and bootvhd.dll */
	char path[PATH_MAX];
};

/* A file in one of them, to be read or to be put onto the disk. */
struct in_volume {
	struct vhd_job *v;
	struct volume *vol;
	struct pod_node node;
};

/* --- files ------------------------------------------------------------------------------------------------ */

static enum pod_status read_file(void *ctx, uint64_t off, void *buf, size_t len)
{
	struct in_volume *f = ctx;
	return pod_fs_read(&f->vol->fs, &f->node, off, buf, len);
}

/* POD_E_NOT_FOUND: there is no such file, or none that can be read: Windows itself may have compressed it. */
static enum pod_status find(struct vhd_job *v, struct volume *vol, const char *path, struct in_volume *f)
{
	uint8_t first;
	*f = (struct in_volume){.v = v, .vol = vol};
	enum pod_status st = vol->fs.ops ? pod_fs_lookup(&vol->fs, path, &f->node, &v->j->entry) : POD_E_NOT_FOUND;
	if (st == POD_OK && (f->node.is_dir || !f->node.size_bytes))
		st = POD_E_NOT_FOUND;
	if (st == POD_OK)
		st = read_file(f, 0, &first, 1);
	if (st == POD_E_UNSUPPORTED)
		pod_plan_warn(v->j->plan, "%s in the virtual disk cannot be read: it is compressed or encrypted.", path);
	return st == POD_OK || pod_is_fatal(st) ? st : POD_E_NOT_FOUND;
}

static enum pod_status add_run(void *ctx, const struct pod_extent *e)
{
	struct in_volume *f = ctx;
	struct windows_job *j = f->v->j;
	if (e->hole)
		return POD_E_CORRUPT;
	return pod_fatdisk_slice(&j->disk, &j->plan->map, f->vol->start_bytes + e->dev_bytes, e->length_bytes);
}

/* POD_E_NOT_FOUND as above. A small file of NTFS lies in its record, and has no place of its own. */
static enum pod_status take(struct vhd_job *v, struct volume *vol, const char *from, const char *to)
{
	struct windows_job *j = v->j;
	struct in_volume f;
	uint8_t *data;
	POD_TRY(find(v, vol, from, &f));
	POD_TRY(windows_file(j, to, POD_FROM_IMAGE, from));
	enum pod_status st = vol->fs.ops->extents(&vol->fs, &f.node, add_run, &f);
	if (st != POD_E_UNSUPPORTED || f.node.size_bytes > FILE_MAX)
		return st;
	POD_TRY(pod_fatdisk_room(&j->disk, (size_t)f.node.size_bytes, &data));
	return read_file(&f, 0, data, (size_t)f.node.size_bytes);
}

/* One that can be done without. */
static enum pod_status take_if_there(struct vhd_job *v, struct volume *vol, const char *from, const char *to)
{
	enum pod_status st = take(v, vol, from, to);
	return st == POD_E_NOT_FOUND ? POD_OK : st;
}

static enum pod_status take_from_windows(void *ctx, const char *from, const char *to)
{
	struct vhd_job *v = ctx;
	return take(v, &v->windows, from, to);
}

static enum pod_status take_fonts(struct vhd_job *v)
{
	struct pod_node node;
	struct pod_dir dir;
	char name[128];
	enum pod_status st = pod_fs_lookup(&v->windows.fs, windows_fonts, &node, &v->j->entry);
	if (st != POD_OK || !node.is_dir)
		return pod_is_fatal(st) ? st : POD_OK;
	st = pod_dir_open(&dir, &v->windows.fs, &node);
	while (st == POD_OK) {
		st = pod_dir_next(&dir, &v->j->entry);
		if (st != POD_OK || v->j->entry.node.is_dir || !windows_is_font(v->j->entry.name) ||
		    pod_strlcpy(name, v->j->entry.name, sizeof name) >= sizeof name)
			continue;
		st = windows_font(v->j, name, POD_FROM_IMAGE, take_from_windows, v);
		if (st == POD_E_NOT_FOUND || st == POD_E_INVALID || st == POD_E_EXISTS)
			st = POD_OK;
	}
	return st == POD_END ? POD_OK : st;
}

/* --- the virtual disk ------------------------------------------------------------------------------------- */

static void close_volume(struct volume *vol)
{
	pod_fs_close(&vol->fs);
	memset(vol, 0, sizeof *vol);
}

/* POD_E_NOT_FOUND: the partition holds no such filesystem. */
static enum pod_status open_volume(struct vhd_job *v, const struct pod_part *p, const struct pod_fs_ops *ops, struct volume *vol)
{
	enum pod_status st = pod_window_init(&vol->window, &v->cache.dev, p->start_bytes, p->length_bytes);
	if (st == POD_OK)
		st = pod_fs_open_as(&vol->fs, ops, &vol->window.dev, v->j->plan->alloc, NULL);
	vol->start_bytes = p->start_bytes;
	if (st == POD_OK)
		return st;
	memset(vol, 0, sizeof *vol);
	return pod_is_fatal(st) ? st : POD_E_NOT_FOUND;
}

/* What its loaders are for; POD_E_NOT_FOUND: no Windows on this volume. */
static enum pod_status look_for_windows(struct vhd_job *v)
{
	struct in_volume f;
	enum pod_status st = find(v, &v->windows, winload_efi, &f);
	v->efi = st == POD_OK ? windows_program(read_file, &f, f.node.size_bytes) : 0;
	if (pod_is_fatal(st))
		return st;
	st = find(v, &v->windows, winload_exe, &f);
	v->bios = st == POD_OK;
	return pod_is_fatal(st) || v->bios || v->efi ? (pod_is_fatal(st) ? st : POD_OK) : POD_E_NOT_FOUND;
}

/* The first partition with Windows, and the first FAT volume with its boot manager, if there is one. */
static enum pod_status open_volumes(struct vhd_job *v)
{
	struct in_volume f;
	for (uint32_t i = 0; i < v->table.count; i++) {
		const struct pod_part *p = &v->table.part[i];
		enum pod_status st = v->windows.fs.ops ? POD_E_NOT_FOUND : open_volume(v, p, &pod_fs_ntfs, &v->windows);
		if (st == POD_OK) {
			st = look_for_windows(v);
			if (st != POD_OK)
				close_volume(&v->windows);
		} else if (st == POD_E_NOT_FOUND && !v->esp.fs.ops) {
			st = open_volume(v, p, &pod_fs_fat, &v->esp);
			if (st == POD_OK && find(v, &v->esp, esp_bootmgfw, &f) != POD_OK)
				close_volume(&v->esp);
		}
		if (pod_is_fatal(st))
			return st;
	}
	return v->windows.fs.ops ? POD_OK : POD_E_NOT_FOUND;
}

/* --- what starts it --------------------------------------------------------------------------------------- */

static enum pod_status make_bcd(struct vhd_job *v, bool efi, const char *to)
{
	const struct pod_stick_id *id = v->j->rq->id;
	struct pod_bcd_device host = {.kind = POD_BCD_LOCATE_PATH, .path = v->path};
	struct pod_bcd_start s = {.efi = efi};
	struct pod_bcd b;
	if (id && !id->gpt && id->mbr_signature) {
		host = (struct pod_bcd_device){
			.kind = POD_BCD_PARTITION, .signature = id->mbr_signature, .offset_bytes = id->part_start_bytes};
	} else if (id && id->gpt && !pod_guid_is_zero(id->part_guid)) {
		host = (struct pod_bcd_device){.kind = POD_BCD_PARTITION, .gpt = true};
		memcpy(host.disk, id->disk_guid, 16);
		memcpy(host.partition, id->part_guid, 16);
	}
	POD_TRY(pod_bcd_new(&b, windows_bcd_time, v->j->plan->alloc));
	enum pod_status st = pod_bcd_start_vhd(&b, &s, v->path, &host);
	if (st == POD_OK)
		st = windows_put_bcd(v->j, &b, to);
	pod_bcd_close(&b);
	return st;
}

/* A boot manager for the firmware that winload.efi is for. */
static enum pod_status add_efi(struct vhd_job *v, uint32_t *firmware)
{
	const struct {
		struct volume *vol;
		const char *path;
	} from[] = {{&v->windows, windows_bootmgfw},
		    {&v->windows, windows_bootmgfw_ex},
		    {&v->esp, esp_bootmgfw},
		    {&v->esp, pod_efi_loader_path(v->efi)}};
	char to[32];
	struct in_volume f;
	if (!v->efi)
		return POD_OK;
	pod_snprintf(to, sizeof to, "/%s", pod_efi_loader_path(v->efi));
	for (size_t i = 0; i < POD_ARRAY_LEN(from) && !(*firmware & v->efi); i++) {
		enum pod_status st = find(v, from[i].vol, from[i].path, &f);
		if (st == POD_E_NOT_FOUND || (st == POD_OK && windows_program(read_file, &f, f.node.size_bytes) != v->efi))
			continue;
		if (st == POD_OK)
			st = take(v, from[i].vol, from[i].path, to);
		if (st != POD_OK)
			return st;
		*firmware |= v->efi;
	}
	if (!(*firmware & v->efi))
		return POD_OK;
	POD_TRY(take_if_there(v, &v->windows, windows_stl, "/EFI/Microsoft/Boot/boot.stl"));
	return make_bcd(v, true, windows_bcd[WINDOWS_EFI]);
}

static enum pod_status add_bios(struct vhd_job *v, uint32_t *firmware)
{
	if (!v->bios)
		return POD_OK;
	enum pod_status st = take(v, &v->windows, windows_bootmgr, "/bootmgr");
	if (st == POD_E_NOT_FOUND)
		st = take(v, &v->esp, esp_bootmgr, "/bootmgr");
	if (st != POD_OK)
		return st == POD_E_NOT_FOUND ? POD_OK : st;
	*firmware |= POD_FW_BIOS;
	st = take(v, &v->windows, bootvhd, disk_bootvhd);
	if (st == POD_E_NOT_FOUND)
		st = take(v, &v->esp, esp_bootvhd, disk_bootvhd);
	v->bootvhd = st == POD_OK;
	if (st != POD_OK && st != POD_E_NOT_FOUND)
		return st;
	return make_bcd(v, false, windows_bcd[WINDOWS_BIOS]);
}

/* --- what is known to stop it ----------------------------------------------------------------------------- */

/* A number in one of its hives; false: there is none. */
static bool hive_number(struct vhd_job *v, const char *hive, const char *key, const char *value, uint64_t *out)
{
	char path[64];
	struct in_volume f;
	struct pod_extent *e = NULL;
	size_t n = 0;
	struct pod_map map;
	struct pod_mapdev md;
	struct pod_regf h;
	struct pod_regf_key k;
	struct pod_regf_value val;
	pod_snprintf(path, sizeof path, "Windows/System32/config/%s", hive);
	if (find(v, &v->windows, path, &f) != POD_OK ||
	    pod_fs_extents(&v->windows.fs, &f.node, v->j->plan->alloc, &e, &n) != POD_OK)
		return false;
	pod_map_init(&map, v->j->plan->alloc);
	enum pod_status st = POD_OK;
	for (size_t i = 0; st == POD_OK && i < n; i++)
		st = e[i].hole ? pod_map_append(&map, POD_SEG_ZERO, 0, e[i].length_bytes)
			       : pod_map_append_from(&map, &v->j->plan->map, v->windows.start_bytes + e[i].dev_bytes,
						     e[i].length_bytes);
	pod_free(v->j->plan->alloc, e);
	pod_mapdev_init(&md, &map, v->j->rq->disk, 512);
	bool ok = st == POD_OK && pod_regf_open_dev(&h, &md.dev, NULL) == POD_OK &&
		  pod_regf_lookup(&h, NULL, key, &k) == POD_OK && pod_regf_value(&h, &k, value, &val) == POD_OK &&
		  pod_regf_number(&h, &val, out) == POD_OK;
	pod_map_fini(&map);
	return ok;
}

/* It can be told to leave a disk that grows as it is; isopod togo does so. */
static bool expands(struct vhd_job *v)
{
	char key[80];
	uint64_t set, n;
	if (!hive_number(v, "SYSTEM", "Select", "Default", &set) || set > 999)
		return true;
	pod_snprintf(key, sizeof key, "ControlSet%03u\\Services\\FsDepends\\Parameters", (unsigned)set);
	return !hive_number(v, "SYSTEM", key, "VirtualDiskExpandOnMount", &n) || n != 4;
}

/* Windows 10 or later; false also if it cannot be told. */
static bool is_ten(struct vhd_job *v)
{
	uint64_t major;
	return hive_number(v, "SOFTWARE", "Microsoft\\Windows NT\\CurrentVersion", "CurrentMajorVersionNumber", &major) &&
	       major >= 10;
}

static void warn_about_start(struct vhd_job *v, uint32_t firmware)
{
	const struct pod_plan_request *rq = v->j->rq;
	struct pod_plan *p = v->j->plan;
	uint64_t left;
	char need[16], have[16];
	if (rq->volume_fs && !pod_streq(rq->volume_fs, "ntfs"))
		pod_plan_because(p, POD_WHY_WINDOWS_VOLUME, "", "");
	else if (p->expand_bytes && rq->volume_free && rq->volume_free(rq->volume_free_ctx, &left) == POD_OK &&
		 left < p->expand_bytes && expands(v))
		pod_plan_because(p, POD_WHY_WINDOWS_ROOM, pod_format_size(need, p->expand_bytes), pod_format_size(have, left));
	if (p->container == POD_IMAGE_VHD && is_ten(v))
		pod_plan_because(p, POD_WHY_WINDOWS_VHD, "", "");
	if (p->layers > FILES_MAX)
		pod_plan_warn(
			p, "The virtual disk is made of %u files on top of each other: Windows may not start from more than %u.",
			p->layers, FILES_MAX);
	if ((firmware & POD_FW_BIOS) && !v->bootvhd && is_ten(v))
		pod_plan_because(p, POD_WHY_WINDOWS_BOOTVHD, "", "");
	if (p->parents_elsewhere)
		pod_plan_because(p, POD_WHY_PARENTS_ELSEWHERE, "", "");
}

/* --- all of it -------------------------------------------------------------------------------------------- */

static enum pod_status compose(struct vhd_job *v, struct pod_diag *diag)
{
	uint32_t firmware = 0;
	POD_TRY(open_volumes(v));
	POD_TRY(add_efi(v, &firmware));
	POD_TRY(add_bios(v, &firmware));
	if (!firmware) {
		pod_plan_because(v->j->plan, POD_WHY_WINDOWS_LOADER, "", "");
		return POD_E_NOT_FOUND;
	}
	POD_TRY(take_fonts(v));
	warn_about_start(v, firmware);
	return windows_finish(v->j, firmware, diag);
}

enum pod_status windows_vhd(struct windows_job *j, struct pod_diag *diag)
{
	struct pod_alloc *a = j->plan->alloc;
	struct vhd_job *v = pod_zalloc(a, 1, sizeof *v);
	if (!v)
		return POD_E_NOMEM;
	v->j = j;
	pod_mapdev_init(&v->disk, &j->plan->map, j->rq->disk, 512);
	enum pod_status st = pod_cache_init(&v->cache, &v->disk.dev, a, CACHE_LINES, CACHE_LINE);
	if (st == POD_OK && pod_strlcpy(v->path, j->rq->path, sizeof v->path) >= sizeof v->path)
		st = POD_E_LIMIT;
	for (char *c = v->path; *c; c++)
		*c = *c == '/' ? '\\' : *c;
	if (st == POD_OK) {
		st = pod_parttab_read(&v->cache.dev, a, &v->table, NULL);
		st = st == POD_OK || pod_is_fatal(st) ? st : POD_E_NOT_FOUND;
	}
	if (st == POD_OK)
		st = compose(v, diag);
	pod_fs_close(&v->windows.fs);
	pod_fs_close(&v->esp.fs);
	if (v->cache.line)
		pod_cache_fini(&v->cache, a);
	pod_free(a, v);
	return st;
}

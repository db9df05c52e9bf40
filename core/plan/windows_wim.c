/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Windows is started with, out of the WIM itself: of a bare WIM all of it, of an ISO what it lacks (media of Windows 7 have no
 * loader for UEFI in their tree).
 *
 * \Windows\Boot has the boot manager, as EFI\bootmgfw.efi and PCAT\bootmgr, its fonts, EFI\boot.stl that belongs to it, and under DVD
 * what media are made with: BCD and boot.sdi. An image without these is started with a BCD and a boot.sdi made from nothing.
 *
 * Newer ones have the loader for UEFI twice: EFI\bootmgfw.efi, signed under "Microsoft Windows Production PCA 2011", and
 * EFI_EX\bootmgfw_EX.efi, under "Windows UEFI CA 2023". Without Secure Boot either starts. With it, more machines trust the first
 * (the second came to them by updates from 2023 on), so it is taken, unless the caller knows that this machine refuses it
 * (windows_ca.c).
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/plan/windows_int.h"
#include "core/wim/sdi.h"

enum {
	FILE_MAX = 32 << 20, /* bytes of one file that is taken out of a WIM */
	SDI_VOLUME = 3 << 20,
	MZ_HEADER = 0x40,
	PE_AT = 0x3c, /* in the MZ header: where "PE" stands, then the machine */
};

/* FILETIME of 2010-01-01: keys have a time, and the same image gives the same disk. */
const uint64_t windows_bcd_time = UINT64_C(129067776000000000);

const char windows_bootmgfw[] = "Windows/Boot/EFI/bootmgfw.efi", windows_bootmgfw_ex[] = "Windows/Boot/EFI_EX/bootmgfw_EX.efi";
const char windows_stl[] = "Windows/Boot/EFI/boot.stl", windows_bootmgr[] = "Windows/Boot/PCAT/bootmgr",
	   windows_fonts[] = "Windows/Boot/Fonts";

/* --- the WIM ---------------------------------------------------------------------------------------------- */

bool windows_wim_has(struct windows_job *j, const char *path, struct pod_wim_node *node)
{
	return pod_wim_lookup(&j->wim, path, node) == POD_OK && !node->is_dir && node->has_res;
}

static enum pod_machine machine_of(enum pod_status (*read)(void *ctx, uint64_t off, void *buf, size_t len), void *ctx,
				   uint64_t size_bytes)
{
	uint8_t mz[MZ_HEADER], pe[6];
	if (size_bytes < sizeof mz || read(ctx, 0, mz, sizeof mz) != POD_OK || memcmp(mz, "MZ", 2) != 0)
		return POD_MACHINE_COUNT;
	uint32_t at = pod_get_le32(mz + PE_AT);
	if (!pod_in_range(at, sizeof pe, size_bytes) || read(ctx, at, pe, sizeof pe) != POD_OK || memcmp(pe, "PE\0\0", 4) != 0)
		return POD_MACHINE_COUNT;
	enum pod_machine m;
	return pod_pe_machine(pod_get_le16(pe + 4), &m) ? m : POD_MACHINE_COUNT;
}

uint32_t windows_program(enum pod_status (*read)(void *ctx, uint64_t off, void *buf, size_t len), void *ctx, uint64_t size_bytes)
{
	static const uint32_t firmware[POD_MACHINE_COUNT + 1] = {
		[POD_MACHINE_X64] = POD_FW_X64, [POD_MACHINE_IA32] = POD_FW_IA32, [POD_MACHINE_AA64] = POD_FW_AA64};
	return firmware[machine_of(read, ctx, size_bytes)];
}

struct in_wim {
	struct pod_wim *wim;
	const struct pod_wim_node *node;
};

static enum pod_status read_wim(void *ctx, uint64_t off, void *buf, size_t len)
{
	struct in_wim *f = ctx;
	return pod_wim_read(f->wim, f->node, off, buf, len);
}

enum pod_machine windows_machine(struct windows_job *j, const struct pod_wim_node *node)
{
	return machine_of(read_wim, &(struct in_wim){&j->wim, node}, node->size_bytes);
}

uint32_t windows_wim_program(struct windows_job *j, const char *path)
{
	struct pod_wim_node node;
	return windows_wim_has(j, path, &node) ? windows_program(read_wim, &(struct in_wim){&j->wim, &node}, node.size_bytes) : 0;
}

enum pod_status windows_wim_open(struct windows_job *j)
{
	struct pod_diag d = {0};
	pod_mapdev_init(&j->wim_dev, &j->wim_map, j->rq->disk, 512);
	enum pod_status st = pod_wim_open(&j->wim, &j->wim_dev.dev, j->plan->alloc, &d);
	if (st == POD_OK) {
		const char *why = pod_wim_not_bootable(&j->wim);
		if (why)
			pod_plan_because(j->plan, POD_WHY_WIM_FORMAT, why, "");
		st = why ? POD_E_UNSUPPORTED : windows_choose_image(j, &d);
		if (st != POD_OK)
			pod_wim_close(&j->wim);
	}
	if (st == POD_OK) {
		j->wim_open = true;
		return POD_OK;
	}
	if (windows_is_fatal(st))
		return st;
	if (st != POD_E_UNSUPPORTED || d.what)
		pod_plan_warn(j->plan, "The WIM cannot be looked into (%s): nothing in it is changed.",
			      d.what ? d.what : pod_status_text(st));
	return POD_OK;
}

enum pod_status windows_wim_run(void *ctx, const struct pod_extent *e)
{
	struct windows_job *j = ctx;
	if (e->hole)
		return POD_E_CORRUPT;
	return pod_map_append_from(&j->wim_map, &j->plan->map, e->dev_bytes, e->length_bytes);
}

void windows_wim_close(struct windows_job *j)
{
	if (j->wim_open)
		pod_wim_close(&j->wim);
	j->wim_open = false;
	pod_map_fini(&j->wim_map);
	pod_map_fini(&j->patched);
}

void windows_wim_reset(struct windows_job *j)
{
	windows_wim_close(j);
	pod_map_init(&j->wim_map, j->plan->alloc);
	pod_map_init(&j->patched, j->plan->alloc);
	j->replaced[0] = 0;
}

/* --- files out of it -------------------------------------------------------------------------------------- */

/* A file of the WIM, decompressed, to `to` on the disk; POD_E_NOT_FOUND: it has none of that name. */
static enum pod_status take_from_wim(void *ctx, const char *from, const char *to)
{
	struct windows_job *j = ctx;
	struct pod_wim_node node;
	uint8_t *data;
	if (!windows_wim_has(j, from, &node))
		return POD_E_NOT_FOUND;
	if (node.size_bytes > FILE_MAX)
		return POD_E_LIMIT;
	POD_TRY(windows_file(j, to, POD_FROM_WIM, from));
	POD_TRY(pod_fatdisk_room(&j->disk, (size_t)node.size_bytes, &data));
	return node.size_bytes ? pod_wim_read(&j->wim, &node, 0, data, (size_t)node.size_bytes) : POD_OK;
}

/* The first of these that the WIM has, unless the disk has one; whether it is there then. */
static enum pod_status take_first(struct windows_job *j, const char *const *from, size_t count, const char *to)
{
	if (pod_fatdisk_has(&j->disk, to))
		return POD_OK;
	for (size_t i = 0; i < count; i++) {
		enum pod_status st = take_from_wim(j, from[i], to);
		if (st != POD_E_NOT_FOUND)
			return st;
	}
	return POD_OK;
}

#define TAKE(job, to, ...)                                                                                                       \
	take_first(job, (const char *const[]){__VA_ARGS__}, sizeof(const char *[]){__VA_ARGS__} / sizeof(char *), to)

/* Of others, for Asian languages, there are ten times as many bytes. */
bool windows_is_font(const char *name)
{
	return pod_ends_with_nocase(name, "_slboot.ttf") || pod_strcasecmp(name, "wgl4_boot.ttf") == 0 ||
	       pod_strcasecmp(name, "segmono_boot.ttf") == 0;
}

enum pod_status windows_font(struct windows_job *j, const char *name, enum pod_disk_from origin, windows_take *take, void *ctx)
{
	char from[256], to[256], again[256];
	if (pod_snprintf(from, sizeof from, "%s/%s", windows_fonts, name) >= (int)sizeof from)
		return POD_OK;
	pod_snprintf(to, sizeof to, "/EFI/Microsoft/Boot/Fonts/%s", name);
	pod_snprintf(again, sizeof again, "/boot/fonts/%s", name);
	POD_TRY(take(ctx, from, to));
	POD_TRY(windows_file(j, again, origin, from));
	return pod_fatdisk_again(&j->disk, to);
}

/* The loader for UEFI, and what it reads beside it. */
static enum pod_status take_loader(struct windows_job *j, uint32_t *fw)
{
	static const char *const path[] = {windows_bootmgfw, windows_bootmgfw_ex};
	uint32_t of[2] = {windows_wim_program(j, path[0]), windows_wim_program(j, path[1])};
	unsigned pick = of[1] && (j->rq->windows_2023 || !of[0]);
	char to[32];
	*fw = of[pick];
	if (!*fw)
		return POD_OK;
	pod_snprintf(to, sizeof to, "/%s", pod_efi_loader_path(*fw));
	if (!pod_fatdisk_has(&j->disk, to)) {
		j->plan->windows.loader_2023 = pick;
		j->plan->windows.loader_other = of[!pick] != 0;
		POD_TRY(take_from_wim(j, path[pick], to));
	}
	return TAKE(j, "/EFI/Microsoft/Boot/boot.stl", windows_stl);
}

static enum pod_status take_fonts(struct windows_job *j)
{
	struct pod_wim_node node;
	struct pod_wim_dir dir;
	if (pod_fatdisk_has(&j->disk, "/EFI/Microsoft/Boot/Fonts") || pod_fatdisk_has(&j->disk, "/boot/fonts") ||
	    pod_wim_lookup(&j->wim, windows_fonts, &node) != POD_OK || !node.is_dir)
		return POD_OK;
	enum pod_status st = pod_wim_dir_open(&dir, &j->wim, &node);
	while (st == POD_OK) {
		st = pod_wim_next(&dir, &j->wim_entry);
		if (st != POD_OK || j->wim_entry.node.is_dir || !windows_is_font(j->wim_entry.name))
			continue;
		st = windows_font(j, j->wim_entry.name, POD_FROM_WIM, take_from_wim, j);
		if (st == POD_E_NOT_FOUND || st == POD_E_INVALID || st == POD_E_EXISTS)
			st = POD_OK;
	}
	return st == POD_END ? POD_OK : st;
}

/* --- what nobody has -------------------------------------------------------------------------------------- */

enum pod_status windows_put_bcd(struct windows_job *j, struct pod_bcd *b, const char *to)
{
	const uint8_t *bytes;
	size_t len;
	POD_TRY(windows_file(j, to, POD_FROM_MADE, ""));
	pod_bcd_finish(b, &bytes, &len);
	return pod_fatdisk_bytes(&j->disk, bytes, len);
}

/* "/sources/boot.wim" as the boot manager spells it. */
static void with_backslashes(const char *path, char out[POD_FATDISK_PATH_MAX])
{
	pod_strlcpy(out, path, POD_FATDISK_PATH_MAX);
	for (; *out; out++)
		if (*out == '/')
			*out = '\\';
}

static enum pod_status make_bcd(struct windows_job *j, bool efi, const char *wim, const char *to)
{
	struct pod_wim_node node;
	struct pod_bcd b;
	char wim_path[POD_FATDISK_PATH_MAX], sdi_path[POD_FATDISK_PATH_MAX];
	bool in_boot = windows_wim_has(j, efi ? "Windows/System32/boot/winload.efi" : "Windows/System32/boot/winload.exe", &node);
	struct pod_bcd_start s = {.efi = efi, .title = "Windows PE"};
	if (efi && !in_boot)
		s.loader = "\\Windows\\System32\\winload.efi";
	if (!efi)
		s.loader = in_boot ? "\\Windows\\System32\\boot\\winload.exe" : "\\Windows\\System32\\winload.exe";
	with_backslashes(wim, wim_path);
	with_backslashes(j->store[efi ? WINDOWS_EFI : WINDOWS_BIOS].sdi, sdi_path);
	POD_TRY(pod_bcd_new(&b, windows_bcd_time, j->plan->alloc));
	enum pod_status st = pod_bcd_start_wim(&b, &s, wim_path, sdi_path);
	if (st == POD_OK)
		st = windows_put_bcd(j, &b, to);
	pod_bcd_close(&b);
	return st;
}

/* Out of the WIM, whose own store starts a WIM of the usual name. */
static enum pod_status fill_bcd(struct windows_job *j, unsigned store, const char *wim)
{
	const char *to = windows_bcd[store];
	if (pod_strcasecmp(wim + 1, windows_wim_path) == 0)
		POD_TRY(TAKE(j, to, store == WINDOWS_EFI ? "Windows/Boot/DVD/EFI/BCD" : "Windows/Boot/DVD/PCAT/BCD"));
	return pod_fatdisk_has(&j->disk, to) ? POD_OK : make_bcd(j, store == WINDOWS_EFI, wim, to);
}

static enum pod_status make_sdi(struct windows_job *j, const char *to)
{
	uint8_t *head = pod_zalloc(j->plan->alloc, 1, POD_SDI_HEAD);
	struct pod_map zeros;
	if (!head)
		return POD_E_NOMEM;
	uint64_t len = pod_sdi_head(head, SDI_VOLUME);
	pod_map_init(&zeros, j->plan->alloc);
	enum pod_status st = windows_file(j, to, POD_FROM_MADE, "");
	if (st == POD_OK)
		st = pod_fatdisk_bytes(&j->disk, head, POD_SDI_HEAD);
	if (st == POD_OK)
		st = pod_map_append(&zeros, POD_SEG_ZERO, 0, len - POD_SDI_HEAD);
	if (st == POD_OK)
		st = pod_fatdisk_slice(&j->disk, &zeros, 0, zeros.size_bytes);
	pod_map_fini(&zeros);
	pod_free(j->plan->alloc, head);
	if (st == POD_OK)
		pod_plan_warn(j->plan, "The WIM has no boot.sdi. One was made, whose volume is empty: the boot manager takes it; "
				       "Windows may not.");
	return st;
}

/* Where each store's entries look for it. */
static enum pod_status fill_sdi(struct windows_job *j)
{
	for (unsigned i = 0; i < WINDOWS_STORES; i++) {
		const char *to = j->store[i].sdi;
		if (!pod_fatdisk_has(&j->disk, windows_bcd[i]))
			continue;
		POD_TRY(TAKE(j, to, "Windows/Boot/DVD/EFI/boot.sdi", "Windows/Boot/DVD/PCAT/boot.sdi"));
		if (!pod_fatdisk_has(&j->disk, to))
			POD_TRY(make_sdi(j, to));
	}
	return POD_OK;
}

enum pod_status windows_wim_fill(struct windows_job *j, const char *wim)
{
	uint32_t fw;
	POD_TRY(take_loader(j, &fw));
	if (fw || j->store[WINDOWS_EFI].damaged)
		POD_TRY(fill_bcd(j, WINDOWS_EFI, wim));
	POD_TRY(TAKE(j, "/bootmgr", windows_bootmgr));
	if (pod_fatdisk_has(&j->disk, "/bootmgr"))
		POD_TRY(fill_bcd(j, WINDOWS_BIOS, wim));
	POD_TRY(take_fonts(j));
	return fill_sdi(j);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot partition, from the files of the image itself:
 *
 *   \EFI\BOOT\BOOTX64.EFI         what firmware starts from a drive that it does not know
 *   \EFI\Microsoft\Boot\*         the boot manager, its fonts and messages, BCD
 *   \bootmgr, \Boot\{BCD,bootvhd.dll}
 *                                 the same for Isopod's own BIOS start (a BIOS alone starts no Windows from a GPT)
 */
#include <stdlib.h>
#include <string.h>
#include "cli/host/identity.h"
#include "cli/togo/togo.h"
#include "core/base/str.h"
#include "core/fs/fat_write.h"
#include "core/regf/bcd.h"

#define MANAGER		"EFI/Microsoft/Boot/bootmgfw.efi"
#define CLUSTER		4096u /* a directory has one, and 128 entries: those of 40 languages */
#define FILETIME_EPOCH	11644473600LL
#define FILETIME_SECOND 10000000ull

static const char *loader_name(uint32_t arch)
{
	return arch == TOGO_X86	    ? "BOOTIA32.EFI"
	       : arch == TOGO_ARM64 ? "BOOTAA64.EFI"
	       : arch == TOGO_ARM   ? "BOOTARM.EFI"
				    : "BOOTX64.EFI";
}

/* "zh-CN" -> "ZH-CN": what is short has no long name then. */
static char *fat_name(const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t base = dot ? (size_t)(dot - name) : strlen(name), ending = dot ? strlen(dot + 1) : 0;
	char *out = cli_xstrdup(name);

	if (base && base <= 8 && ending <= 3 && !memchr(name, '.', base) && !strpbrk(name, " +,;=[]"))
		for (char *p = out; *p; p++)
			*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	return out;
}

/* The folders of a path are made; *name is what is behind them. */
static enum pod_status make_folders(struct pod_fatw *w, const char *path, char **folder, char **name)
{
	char *at = cli_xstrdup(""), *next, *part;
	enum pod_status st = POD_OK;

	for (const char *slash; (slash = strchr(path, '/')) != NULL && st == POD_OK; path = slash + 1) {
		char *raw = cli_xasprintf("%.*s", (int)(slash - path), path);

		part = fat_name(raw);
		next = cli_xasprintf("%s%s%s", at, *at ? "/" : "", part);
		st = pod_fatw_mkdir(w, next);
		free(raw);
		free(part);
		free(at);
		at = next;
	}
	*folder = at;
	*name = fat_name(path);
	return st;
}

static enum pod_status put(struct pod_fatw *w, const char *path, const void *data, size_t len)
{
	struct pod_fatw_file f = {.data = data, .len = (uint32_t)len};
	char *folder, *name;
	enum pod_status st = make_folders(w, path, &folder, &name);

	f.name = name;
	if (st == POD_OK)
		st = pod_fatw_put(w, folder, &f, 1);
	free(folder);
	free(name);
	return st;
}

/* Windows lies where it always lies, on a partition that the GUIDs name. The recovery environment is off: it could only repair what
 * is not broken, and would be started after a stick was pulled out. */
static enum pod_status put_bcd(struct pod_fatw *w, const char *path, bool efi, const struct togo_place *p)
{
	struct pod_bcd_device where = {.kind = POD_BCD_PARTITION, .gpt = true};
	struct pod_bcd_start s = {.efi = efi, .title = p->title, .locale = p->locale};
	struct pod_bcd b;
	const uint8_t *bytes;
	size_t len;
	enum pod_status st;

	memcpy(where.disk, p->disk_guid, sizeof where.disk);
	memcpy(where.partition, p->part_guid, sizeof where.partition);
	cli_identity_guid(NULL, s.guid);
	POD_TRY(pod_bcd_new(&b, (uint64_t)(cli_identity_time(NULL) + FILETIME_EPOCH) * FILETIME_SECOND, &cli_alloc));
	st = pod_bcd_start_partition(&b, &s, &where);
	if (st == POD_OK)
		st = pod_bcd_set_boolean(&b, s.guid, POD_BCD_RECOVERY, false);
	if (st == POD_OK) {
		pod_bcd_finish(&b, &bytes, &len);
		st = put(w, path, bytes, len);
	}
	pod_bcd_close(&b);
	return st;
}

static enum pod_status fill(struct pod_fatw *w, const struct togo_files *boot, uint32_t arch, const struct togo_place *p)
{
	bool bios = false;

	for (unsigned i = 0; i < boot->n; i++) {
		const struct togo_file *f = &boot->v[i];

		POD_TRY(put(w, f->path, f->data, f->len));
		bios |= strcmp(f->path, "bootmgr") == 0;
		if (pod_strcasecmp(f->path, MANAGER) == 0) {
			char *path = cli_xasprintf("EFI/BOOT/%s", loader_name(arch));
			enum pod_status st = put(w, path, f->data, f->len);

			free(path);
			POD_TRY(st);
		}
	}
	POD_TRY(put_bcd(w, "EFI/Microsoft/Boot/BCD", true, p));
	return bios ? put_bcd(w, "Boot/BCD", false, p) : POD_OK;
}

enum pod_status togo_esp_make(struct pod_dev *esp, const struct togo_files *boot, uint32_t arch, const struct togo_place *p,
			      struct pod_diag *diag)
{
	struct pod_fat_params params = {.bits = 32,
					.sector_size = p->sector_size,
					.cluster_size = CLUSTER,
					.serial = cli_identity_u32(NULL),
					.label = "SYSTEM",
					.date = 1 << 5 | 1};
	struct pod_dev quick = *esp;
	struct pod_fatw w;
	enum pod_status st;

	params.hidden_sectors = (uint32_t)(p->esp_start_bytes / p->sector_size);
	POD_TRY(pod_fat_format(esp, &cli_alloc, &params, diag));
	/* Nobody can see the disk yet: it is flushed once, when all of it is there. */
	quick.flush = NULL;
	POD_TRY(pod_fatw_open(&w, &quick, &cli_alloc, params.date, 0, diag));
	st = fill(&w, boot, arch, p);
	pod_fatw_close(&w);
	return st;
}

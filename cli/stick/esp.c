/* SPDX-License-Identifier: BSD-2-Clause */
/* The ESP: EFI/BOOT with the loaders that firmware looks for, ISOPOD with what they read. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/ui/ui.h"
#include "cli/stick/esp.h"
#include "cli/stick/manifest.h"
#include "cli/stick/stickfiles.h"
#include "core/fs/fat_write.h"
#include "core/trace/health.h"

enum folder { EFI_BOOT, ISOPOD, FOLDERS };

static const char *const folder_path[FOLDERS] = {[EFI_BOOT] = "EFI/BOOT", [ISOPOD] = "ISOPOD"};

/* The name behind the folder is also that of a stick file; the last two have no source: the list is made, and the state file
 * begins as zeros and is the boot manager's own from then on. */
static const struct {
	enum folder folder;
	const char *path;
} file[CLI_ESP_FILES] = {
	{EFI_BOOT, "EFI/BOOT/BOOTX64.EFI"},
	{EFI_BOOT, "EFI/BOOT/BOOTIA32.EFI"},
	{EFI_BOOT, "EFI/BOOT/BOOTAA64.EFI"},
	{ISOPOD, "ISOPOD/SHIMX64"},
	{ISOPOD, "ISOPOD/SHIMIA32"},
	{ISOPOD, "ISOPOD/SHIMAA64"},
	{ISOPOD, "ISOPOD/WINX64.EXE"},
	{ISOPOD, "ISOPOD/WINIA32.EXE"},
	{ISOPOD, "ISOPOD/WINAA64.EXE"},
	{ISOPOD, "ISOPOD/FONT.BIN"},
	[CLI_ESP_MANIFEST] = {ISOPOD, CLI_MANIFEST_FILE},
	[CLI_ESP_STATE] = {ISOPOD, POD_STATE_FILE},
};

const char *cli_esp_path(size_t i)
{
	return file[i].path;
}

static const char *name_of(size_t i)
{
	return strrchr(file[i].path, '/') + 1;
}

/* The boot code is no file on the stick, but it is of the same version. */
static bool list_bootcode(struct cli_manifest *m, struct fault *fault)
{
	static const char *const name[] = {CLI_MANIFEST_MBR, CLI_MANIFEST_STAGE2};

	for (size_t i = 0; i < POD_ARRAY_LEN(name); i++) {
		size_t len;
		void *data = cli_stickfile_read(name[i], &len, fault);

		if (!data)
			return false;
		cli_manifest_add(m, name[i], data, len);
		free(data);
	}
	return true;
}

bool cli_esp_load(struct cli_esp_files *f, int64_t time_unix, struct fault *fault)
{
	struct cli_manifest list = {.version = ISOPOD_VERSION};

	memset(f, 0, sizeof *f);
	f->time_unix = time_unix;
	for (size_t i = 0; i < CLI_ESP_MANIFEST; i++) {
		f->data[i] = cli_stickfile_read(name_of(i), &f->len[i], fault);
		if (!f->data[i]) {
			cli_esp_free(f);
			return false;
		}
		cli_manifest_add(&list, file[i].path, f->data[i], f->len[i]);
	}
	if (!list_bootcode(&list, fault)) {
		cli_esp_free(f);
		return false;
	}
	f->data[CLI_ESP_MANIFEST] = cli_manifest_text(&list, &f->len[CLI_ESP_MANIFEST]);
	f->len[CLI_ESP_STATE] = POD_STATE_SIZE;
	return true;
}

void cli_esp_free(struct cli_esp_files *f)
{
	for (size_t i = 0; i < CLI_ESP_FILES; i++)
		free(f->data[i]);
	memset(f, 0, sizeof *f);
}

/* FAT: bits 15-9 year since 1980, 8-5 month, 4-0 day; 15-11 hour, 10-5 minute, 4-0 two seconds. */
static void fat_time(int64_t time_unix, uint16_t *date, uint16_t *when)
{
	time_t now = (time_t)time_unix;
	struct tm tm;

	*date = 1 << 5 | 1;
	*when = 0;
	if (!gmtime_r(&now, &tm) || tm.tm_year < 80 || tm.tm_year > 207)
		return;
	*date = (uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
	*when = (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
}

/* The boot manager hands shims on and writes to the state file without the filesystem. */
static bool in_one_piece(struct pod_fatw *w, const struct pod_node *node, uint64_t *start_bytes)
{
	struct pod_extent *e = NULL;
	size_t n = 0;
	bool ok = pod_fs_extents(&w->fs, node, &cli_alloc, &e, &n) == POD_OK && n == 1 && !e[0].hole;

	*start_bytes = ok ? e[0].dev_bytes : 0;
	pod_free(&cli_alloc, e);
	return ok;
}

/* Not so damaged that nothing can be recorded in it. */
static bool state_is_usable(struct pod_fatw *w, uint64_t start_bytes)
{
	struct pod_state_health health;
	struct pod_window state;

	return pod_window_init(&state, w->fs.dev, start_bytes, POD_STATE_SIZE) == POD_OK &&
	       pod_state_look(&state.dev, &cli_alloc, &health) == POD_OK && !pod_state_is_garbage(&health);
}

/* True if the file is on the ESP as it should be. The state file's content is the boot manager's, as long as it is one. */
static bool is_current(struct pod_fatw *w, const struct cli_esp_files *f, size_t i)
{
	struct pod_dirent *scratch = cli_xmalloc(sizeof *scratch);
	struct pod_node node;
	uint64_t start;
	char *now;
	bool same;

	same = pod_fs_lookup(&w->fs, file[i].path, &node, scratch) == POD_OK && !node.is_dir && node.size_bytes == f->len[i];
	free(scratch);
	same = same && in_one_piece(w, &node, &start);
	if (same && i == CLI_ESP_STATE)
		same = state_is_usable(w, start);
	if (!same || i == CLI_ESP_STATE)
		return same;
	now = cli_xmalloc(f->len[i]);
	same = pod_fs_read(&w->fs, &node, 0, now, f->len[i]) == POD_OK && memcmp(now, f->data[i], f->len[i]) == 0;
	free(now);
	return same;
}

/* Puts those files of a folder that are not as they should be, all at once. */
static enum pod_status put_folder(struct pod_fatw *w, const struct cli_esp_files *f, enum folder folder, bool *changed)
{
	struct pod_fatw_file put[CLI_ESP_FILES];
	uint32_t n = 0;

	for (size_t i = 0; i < CLI_ESP_FILES; i++)
		if (file[i].folder == folder && !is_current(w, f, i))
			put[n++] = (struct pod_fatw_file){name_of(i), f->data[i], (uint32_t)f->len[i]};
	if (n == 0)
		return POD_OK;
	*changed = true;
	return pod_fatw_put(w, folder_path[folder], put, n);
}

static enum pod_status fill(struct pod_fatw *w, const struct cli_esp_files *f, bool *changed)
{
	POD_TRY(pod_fatw_mkdir(w, "EFI"));
	POD_TRY(pod_fatw_mkdir(w, "EFI/BOOT"));
	POD_TRY(pod_fatw_mkdir(w, "ISOPOD"));
	/* What the loaders read before the loaders. */
	POD_TRY(put_folder(w, f, ISOPOD, changed));
	return put_folder(w, f, EFI_BOOT, changed);
}

enum pod_status cli_esp_update(struct pod_dev *esp, const struct cli_esp_files *f, bool *changed, struct pod_diag *diag)
{
	struct pod_fatw w;
	uint16_t date, when;
	enum pod_status st;

	*changed = false;
	fat_time(f->time_unix, &date, &when);
	POD_TRY(pod_fatw_open(&w, esp, &cli_alloc, date, when, diag));
	*changed = w.reclaimed != 0;
	st = fill(&w, f, changed);
	pod_fatw_close(&w);
	return st;
}

enum pod_status cli_esp_create(struct pod_dev *esp, const struct cli_esp_files *f, uint32_t serial,
			       uint64_t partition_offset_bytes, struct pod_diag *diag)
{
	struct pod_fat_params params = {
		.sector_size = esp->sector_size,
		.serial = serial,
		.label = "ISOPODEFI",
	};
	uint32_t shift = 0;
	bool changed;

	while (1u << shift < esp->sector_size)
		shift++;
	/* 32 bits on disk; behind 2 TiB nothing reads it */
	params.hidden_sectors = (uint32_t)pod_min_u64(partition_offset_bytes >> shift, UINT32_MAX);
	fat_time(f->time_unix, &params.date, &params.time);
	POD_TRY(pod_fat_format(esp, &cli_alloc, &params, diag));
	return cli_esp_update(esp, f, &changed, diag);
}

enum pod_status cli_esp_put(struct pod_dev *esp, const char *name, const void *data, uint32_t len, int64_t time_unix,
			    struct pod_diag *diag)
{
	const struct pod_fatw_file put = {name, data, len};
	struct pod_fatw w;
	uint16_t date, when;
	enum pod_status st;

	fat_time(time_unix, &date, &when);
	POD_TRY(pod_fatw_open(&w, esp, &cli_alloc, date, when, diag));
	st = pod_fatw_mkdir(&w, folder_path[ISOPOD]);
	if (st == POD_OK)
		st = pod_fatw_put(&w, folder_path[ISOPOD], &put, 1);
	pod_fatw_close(&w);
	return st;
}

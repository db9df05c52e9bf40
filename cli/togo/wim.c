/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libwim, in a child behind walls: what is in a WIM, and one image of it onto an NTFS volume. Debian builds libwim with libntfs-3g,
 * under the GPL: a binary that holds this file is, as a whole, under the terms of the GPL. WIM=no or NTFS=no leaves it out.
 */
#include "cli/togo/togo.h"
#include "cli/togo/volume.h"

#if defined ISOPOD_WITH_WIM && defined ISOPOD_WITH_NTFS
#include <stdlib.h>
#include <string.h>
#include <wimlib.h>
#include "cli/host/identity.h"
#include "cli/host/lazy.h"
#include "cli/togo/system.h"
#include "core/fs/fs.h"
#include "core/base/str.h"

#define MIB		(1ull << 20)
#define LOOK_SECONDS	120u
#define APPLY_SECONDS	1200u /* and one for each MiB: a slow stick still has more than that */
#define MEMORY_MAX	(2ull << 30)
#define BOOT_FILES_MAX	1000u
#define BOOT_FILE_MAX	(16ull << 20)
#define BOOT_TOTAL_MAX	(128ull << 20)
#define HIVE_MAX	(512ull << 20)
#define ANSWER_PATH	"/Windows/Panther/unattend.xml"
#define HIVE_PATH	"/Windows/System32/config/SYSTEM"
#define FILETIME_EPOCH	11644473600ll
#define FILETIME_SECOND 10000000ull

/* clang-format off */
#define FUNCTIONS(X) \
	X(wimlib_extract_image) X(wimlib_free) X(wimlib_get_error_string) X(wimlib_get_image_name) X(wimlib_get_image_property) \
	X(wimlib_get_wim_info) X(wimlib_global_init) X(wimlib_iterate_dir_tree) X(wimlib_open_wim) X(wimlib_reference_resource_files) \
	X(wimlib_register_progress_function)
/* clang-format on */
LAZY_LIBRARY(lib, wim, FUNCTIONS);

/* Kinds of records. */
enum {
	SAID_EDITION = 1, /* struct togo_edition */
	SAID_ERROR,	  /* the library's own words */
	SAID_STATUS,	  /* enum pod_status, and then in what it was met: enum stage */
	SAID_MISSING,	  /* a path of the image that has to be there */
	SAID_PROGRESS,	  /* two u64: bytes so far, bytes in all */
	SAID_FILE,	  /* a path with its NUL, and the file's content */
	SAID_DONE,
};
enum stage { STAGE_DISK, STAGE_VOLUME, STAGE_HIVE, STAGE_ANSWER, STAGE_BOOT, STAGES };

static void say(struct sandbox_child *c, unsigned kind, const char *text)
{
	sandbox_send(c, kind, text, strlen(text));
}

static void say_status(struct sandbox_child *c, enum pod_status st, enum stage stage)
{
	uint8_t both[2] = {(uint8_t)st, (uint8_t)stage};

	sandbox_send(c, SAID_STATUS, both, sizeof both);
}

/* Whose fault was it: the disk's below, or what the library read? */
static void say_error(struct sandbox_child *c, int err)
{
	enum pod_status st = togo_volume_failed();

	if (st != POD_OK)
		say_status(c, st, STAGE_DISK);
	else
		say(c, SAID_ERROR, lib.wimlib_get_error_string((enum wimlib_error_code)err));
}

/* --- opening, in the child ------------------------------------------------------------------------------------ */

static int open_wim(const struct togo_source *s, WIMStruct **wim)
{
	char name[TOGO_PARTS_MAX][8];
	const wimlib_tchar *part[TOGO_PARTS_MAX];
	int err = lib.wimlib_global_init(WIMLIB_INIT_FLAG_DEFAULT_CASE_INSENSITIVE);

	for (unsigned i = 0; i < s->parts; i++) {
		snprintf(name[i], sizeof name[i], "in%u", i);
		part[i] = name[i];
	}
	if (!err)
		err = lib.wimlib_open_wim("in0", 0, wim);
	if (!err && s->parts > 1)
		err = lib.wimlib_reference_resource_files(*wim, part + 1, s->parts - 1, 0, 0);
	return err;
}

/* --- what is in it ---------------------------------------------------------------------------------------------- */

static uint64_t number_of(WIMStruct *wim, int image, const char *property, uint64_t otherwise)
{
	const char *text = lib.wimlib_get_image_property(wim, image, property);
	uint64_t v;

	return text && cli_parse_uint(text, UINT64_MAX >> 1, &v) ? v : otherwise;
}

static void text_of(WIMStruct *wim, int image, const char *property, char *out, size_t size)
{
	const char *text = lib.wimlib_get_image_property(wim, image, property);

	pod_strlcpy(out, text ? text : "", size);
}

static void say_edition(struct sandbox_child *c, WIMStruct *wim, int image)
{
	struct togo_edition e;

	memset(&e, 0, sizeof e);
	e.index = (uint32_t)image;
	e.arch = (uint32_t)pod_min_u64(number_of(wim, image, "WINDOWS/ARCH", TOGO_ARCH_UNKNOWN), TOGO_ARCH_UNKNOWN);
	e.bytes = number_of(wim, image, "TOTALBYTES", 0);
	e.files = number_of(wim, image, "FILECOUNT", 0) + number_of(wim, image, "DIRCOUNT", 0);
	text_of(wim, image, "DISPLAYNAME", e.name, sizeof e.name);
	if (!e.name[0])
		pod_strlcpy(e.name, lib.wimlib_get_image_name(wim, image), sizeof e.name);
	text_of(wim, image, "WINDOWS/EDITIONID", e.id, sizeof e.id);
	snprintf(e.version, sizeof e.version, "%llu.%llu.%llu",
		 (unsigned long long)number_of(wim, image, "WINDOWS/VERSION/MAJOR", 0),
		 (unsigned long long)number_of(wim, image, "WINDOWS/VERSION/MINOR", 0),
		 (unsigned long long)number_of(wim, image, "WINDOWS/VERSION/BUILD", 0));
	sandbox_send(c, SAID_EDITION, &e, sizeof e);
}

static void look_inside(struct sandbox_child *c, void *ctx)
{
	WIMStruct *wim = NULL;
	struct wimlib_wim_info info = {0};
	int err = open_wim(ctx, &wim);

	if (!err)
		err = lib.wimlib_get_wim_info(wim, &info);
	for (uint32_t i = 1; !err && i <= info.image_count && i <= TOGO_EDITIONS_MAX; i++)
		say_edition(c, wim, (int)i);
	err ? say_error(c, err) : sandbox_send(c, SAID_DONE, "", 0);
}

/* --- which files the boot partition needs ---------------------------------------------------------------------- */

struct boot_list {
	struct boot_file {
		char *from, *to;
	} * v;
	size_t n, cap;
	const char *from, *to; /* folders: what lies in one goes to the other */
	bool too_much;
};

static void add_boot_file(struct boot_list *l, const char *from, const char *to)
{
	void *v = l->v;

	if (pod_grow(&cli_alloc, &v, l->n, &l->cap, l->n + 1, sizeof *l->v, BOOT_FILES_MAX) != POD_OK) {
		l->too_much = true;
		return;
	}
	l->v = v;
	l->v[l->n++] = (struct boot_file){cli_xstrdup(from), cli_xstrdup(to)};
}

static int list_file(const struct wimlib_dir_entry *e, void *ctx)
{
	struct boot_list *l = ctx;
	size_t skip = strlen(l->from);
	char *to;

	if (e->attributes & (WIMLIB_FILE_ATTRIBUTE_DIRECTORY | WIMLIB_FILE_ATTRIBUTE_REPARSE_POINT))
		return 0;
	if (strlen(e->full_path) < skip)
		return 0;
	to = cli_xasprintf("%s%s", l->to, e->full_path + skip);
	add_boot_file(l, e->full_path, to);
	free(to);
	return 0;
}

/* A folder that is not there is none of our business. */
static void list_folder(struct boot_list *l, WIMStruct *wim, int image, const char *from, const char *to)
{
	l->from = from;
	l->to = to;
	(void)lib.wimlib_iterate_dir_tree(
		wim, image, from, WIMLIB_ITERATE_DIR_TREE_FLAG_RECURSIVE | WIMLIB_ITERATE_DIR_TREE_FLAG_CHILDREN, list_file, l);
}

static int found(const struct wimlib_dir_entry *e, void *ctx)
{
	*(bool *)ctx = !(e->attributes & WIMLIB_FILE_ATTRIBUTE_DIRECTORY);
	return 0;
}

static bool has_file(WIMStruct *wim, int image, const char *path)
{
	bool there = false;

	return lib.wimlib_iterate_dir_tree(wim, image, path, 0, found, &there) == 0 && there;
}

/* The boot manager of the image's own Windows; that signed with the certificate of 2023 only where there is no other: machines that
 * know it know the older one, and not the other way round. False: it says what is missing. */
static bool list_boot_files(struct sandbox_child *c, struct boot_list *l, WIMStruct *wim, int image)
{
	static const char *const folder[][2] = {{"/Windows/Boot/EFI", "EFI/Microsoft/Boot"},
						{"/Windows/Boot/Fonts", "EFI/Microsoft/Boot/Fonts"},
						{"/Windows/Boot/Resources", "EFI/Microsoft/Boot/Resources"}};
	static const char manager[] = "/Windows/Boot/EFI/bootmgfw.efi", newer[] = "/Windows/Boot/EFI_EX/bootmgfw_EX.efi",
			  bios[] = "/Windows/Boot/PCAT/bootmgr", vhd[] = "/Windows/Boot/PCAT/bootvhd.dll";

	for (size_t i = 0; i < POD_ARRAY_LEN(folder); i++)
		list_folder(l, wim, image, folder[i][0], folder[i][1]);
	if (has_file(wim, image, bios))
		add_boot_file(l, bios, "bootmgr");
	if (has_file(wim, image, vhd))
		add_boot_file(l, vhd, "Boot/bootvhd.dll");
	if (!has_file(wim, image, manager) && has_file(wim, image, newer))
		add_boot_file(l, newer, "EFI/Microsoft/Boot/bootmgfw.efi");
	else if (!has_file(wim, image, manager))
		return say(c, SAID_MISSING, manager), false;
	if (!has_file(wim, image, HIVE_PATH))
		return say(c, SAID_MISSING, HIVE_PATH), false;
	if (l->too_much)
		say_status(c, POD_E_LIMIT, STAGE_BOOT);
	return !l->too_much;
}

/* --- behind the extraction: on the volume ----------------------------------------------------------------------- */

static enum pod_status edit_hive(struct togo_volume *v)
{
	uint64_t now = (uint64_t)(cli_identity_time(NULL) + FILETIME_EPOCH) * FILETIME_SECOND;
	struct pod_regf_edit e = {0};
	const uint8_t *bytes;
	uint8_t *data = NULL;
	size_t len = 0;
	enum pod_status st = togo_volume_read(v, HIVE_PATH, HIVE_MAX, &data, &len);

	if (st == POD_OK)
		st = pod_regf_edit_open(&e, data, len, now, &cli_alloc, NULL);
	if (st == POD_OK)
		st = togo_system_edit(&e);
	if (st == POD_OK) {
		pod_regf_edit_finish(&e, &bytes, &len);
		st = togo_volume_write(v, HIVE_PATH, bytes, len);
	}
	pod_regf_edit_close(&e);
	free(data);
	return st;
}

static enum pod_status send_boot_file(struct sandbox_child *c, struct togo_volume *v, const struct boot_file *f)
{
	size_t head = strlen(f->to) + 1, len = 0;
	uint8_t *data = NULL, *both;

	POD_TRY(togo_volume_read(v, f->from, BOOT_FILE_MAX, &data, &len));
	both = cli_xmalloc(head + len);
	memcpy(both, f->to, head);
	memcpy(both + head, data, len);
	sandbox_send(c, SAID_FILE, both, head + len);
	free(both);
	free(data);
	return POD_OK;
}

static bool finish_volume(struct sandbox_child *c, const struct togo_apply *a, const struct boot_list *l)
{
	struct togo_volume *v = togo_volume_open();
	enum stage stage = STAGE_VOLUME;
	enum pod_status st = v ? POD_OK : POD_E_CORRUPT;

	if (st == POD_OK) {
		stage = STAGE_HIVE;
		st = edit_hive(v);
	}
	if (st == POD_OK && a->answer) {
		stage = STAGE_ANSWER;
		st = togo_volume_write(v, ANSWER_PATH, a->answer, strlen(a->answer));
	}
	for (size_t i = 0; st == POD_OK && i < l->n; i++) {
		stage = STAGE_BOOT;
		st = send_boot_file(c, v, &l->v[i]);
	}
	if (!togo_volume_close(v) && st == POD_OK) {
		stage = STAGE_VOLUME;
		st = POD_E_IO;
	}
	if (st != POD_OK)
		say_status(c, st, stage);
	return st == POD_OK;
}

/* --- one image onto the volume ---------------------------------------------------------------------------------- */

static enum wimlib_progress_status progress(enum wimlib_progress_msg msg, union wimlib_progress_info *info, void *ctx)
{
	if (msg == WIMLIB_PROGRESS_MSG_EXTRACT_STREAMS) {
		uint64_t both[2] = {info->extract.completed_bytes, info->extract.total_bytes};

		sandbox_send(ctx, SAID_PROGRESS, both, sizeof both);
		sandbox_flush(ctx);
	}
	return WIMLIB_PROGRESS_STATUS_CONTINUE;
}

/* The disk's writer lives in this process until all is written; our parent opens the disk anew. */
static void apply_to(struct sandbox_child *c, const struct togo_apply *a, WIMStruct *wim, const struct boot_list *l)
{
	struct pod_chain_options opt = {.top = {.writable = true, .format = a->format, .env = &disk_env}};
	struct pod_chain *chain = cli_xzalloc(sizeof *chain);
	struct pod_window win;
	enum pod_status st = pod_chain_open(chain, &a->disk->vf, &cli_alloc, NULL, &opt, NULL);
	bool ok;
	int err;

	if (st == POD_OK)
		st = pod_window_init(&win, &chain->dev, a->start_bytes, a->length_bytes);
	if (st != POD_OK) {
		say_status(c, st, STAGE_DISK);
		return;
	}
	togo_volume_hook(&win.dev);
	lib.wimlib_register_progress_function(wim, progress, c);
	err = lib.wimlib_extract_image(wim, (int)a->edition->index, "volume", WIMLIB_EXTRACT_FLAG_NTFS);
	if (err)
		say_error(c, err);
	ok = !err && finish_volume(c, a, l);
	st = pod_chain_close(chain);
	if (ok && st != POD_OK)
		say_status(c, st, STAGE_DISK);
	else if (ok)
		sandbox_send(c, SAID_DONE, "", 0);
}

static void apply_inside(struct sandbox_child *c, void *ctx)
{
	const struct togo_apply *a = ctx;
	struct boot_list l = {0};
	WIMStruct *wim = NULL;
	int err = open_wim(a->source, &wim);

	if (err)
		say_error(c, err);
	else if (list_boot_files(c, &l, wim, (int)a->edition->index))
		apply_to(c, a, wim, &l);
}

/* --- our side --------------------------------------------------------------------------------------------------- */

struct answer {
	struct togo_editions *editions;
	struct togo_files *files;
	struct cli_progress bar;
	const char *label, *shown;
	struct fault *fault;
	bool bar_shown, failed, done;
};

static bool is_text(const char *p, size_t size)
{
	return memchr(p, 0, size) != NULL;
}

static bool take_edition(struct answer *a, const uint8_t *data, size_t len)
{
	struct togo_editions *out = a->editions;
	struct togo_edition e;

	if (!out || len != sizeof e || out->n >= TOGO_EDITIONS_MAX)
		return false;
	memcpy(&e, data, sizeof e);
	if (e.index != out->n + 1 || !is_text(e.name, sizeof e.name) || !is_text(e.id, sizeof e.id) ||
	    !is_text(e.version, sizeof e.version))
		return false;
	out->v = cli_xrealloc(out->v, out->n + 1, sizeof *out->v);
	out->v[out->n++] = e;
	return true;
}

static bool take_file(struct answer *a, const uint8_t *data, size_t len)
{
	struct togo_files *out = a->files;
	const uint8_t *end = memchr(data, 0, len);
	struct togo_file f;

	if (!out || !end || out->n >= BOOT_FILES_MAX || len > BOOT_FILE_MAX + POD_PATH_MAX || len > BOOT_TOTAL_MAX - out->bytes)
		return false;
	f.path = cli_xstrdup((const char *)data);
	f.len = (uint32_t)(len - (size_t)(end - data) - 1);
	f.data = cli_xmalloc(f.len + 1);
	memcpy(f.data, end + 1, f.len);
	out->bytes += len;
	out->v = cli_xrealloc(out->v, out->n + 1, sizeof *out->v);
	out->v[out->n++] = f;
	return true;
}

static bool take_progress(struct answer *a, const uint8_t *data, size_t len)
{
	uint64_t both[2];

	if (len != sizeof both)
		return false;
	memcpy(both, data, sizeof both);
	if (!a->bar_shown)
		cli_progress_start(&a->bar, a->label, both[1]);
	a->bar_shown = true;
	cli_progress_update(&a->bar, pod_min_u64(both[0], a->bar.total));
	return true;
}

static bool take_error(struct answer *a, unsigned kind, const uint8_t *data, size_t len)
{
	char text[256];

	if (!len || len >= sizeof text)
		return false;
	memcpy(text, data, len);
	text[len] = '\0';
	a->failed = true;
	if (kind == SAID_MISSING)
		fault_set(a->fault, _("%s: no Windows that can be started: it has no %s"), a->shown, text);
	else
		fault_set(a->fault, _("%s: libwim cannot read it: %s"), a->shown, text);
	return true;
}

static bool take_status(struct answer *a, const uint8_t *data, size_t len)
{
	static const char *const what[STAGES] = {
		[STAGE_DISK] = N_("cannot write the disk"),
		[STAGE_VOLUME] = N_("libntfs-3g cannot open the volume it made"),
		[STAGE_HIVE] = N_("cannot edit its SYSTEM hive"),
		[STAGE_ANSWER] = N_("cannot write the answer file"),
		[STAGE_BOOT] = N_("cannot read its boot files"),
	};

	if (len != 2 || data[0] == POD_OK || data[0] >= POD_STATUS_COUNT || data[1] >= STAGES)
		return false;
	a->failed = true;
	if (data[1] == STAGE_HIVE && data[0] == POD_E_UNSUPPORTED)
		fault_set(a->fault,
			  _("%s: its SYSTEM hive was not written to the end (its log holds the rest); use an image as it was "
			    "published"),
			  a->shown);
	else
		fault_status(a->fault, a->shown, _(what[data[1]]), (enum pod_status)data[0], NULL);
	return true;
}

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct answer *a = ctx;

	if (a->done || a->failed)
		return false;
	if (kind == SAID_EDITION)
		return take_edition(a, data, len);
	if (kind == SAID_PROGRESS)
		return take_progress(a, data, len);
	if (kind == SAID_FILE)
		return take_file(a, data, len);
	if (kind == SAID_ERROR || kind == SAID_MISSING)
		return take_error(a, kind, data, len);
	if (kind == SAID_STATUS)
		return take_status(a, data, len);
	a->done = kind == SAID_DONE;
	return a->done;
}

static int run(struct sandbox *s, struct answer *a, const struct togo_source *source, struct fault *fault)
{
	const char *missing = lazy_load(&lib_library);
	struct fault why = {0};
	enum sandbox_result result;

	if (!missing)
		missing = togo_volume_missing();
	if (missing)
		return fault_set(fault, "%s: %s", source->shown, missing);
	s->who = "libwim";
	s->about = source->shown;
	s->memory_bytes = MEMORY_MAX;
	for (unsigned i = 0; i < source->parts; i++)
		s->input[i] = source->fd[i];
	s->take = take;
	s->take_ctx = a;
	a->shown = source->shown;
	a->fault = fault;
	result = sandbox_run(s, &why);
	cli_progress_end(&a->bar);
	if (!a->failed && (result != SANDBOX_DONE || !a->done)) {
		a->failed = true;
		fault_set(fault, "%s: %s", source->shown, fault_text(&why));
	}
	fault_free(&why);
	return a->failed ? CLI_FAILED : CLI_OK;
}

int togo_wim_look(const struct togo_source *source, struct togo_editions *out, struct fault *fault)
{
	struct answer a = {.editions = out};
	struct sandbox s = {
		.seconds = LOOK_SECONDS, .inputs = source->parts, .work = look_inside, .ctx = (void *)(uintptr_t)source};

	memset(out, 0, sizeof *out);
	return run(&s, &a, source, fault);
}

int togo_wim_apply(struct togo_apply *apply, struct togo_files *boot, struct fault *fault)
{
	struct answer a = {.files = boot, .label = apply->label};
	struct sandbox s = {.seconds = APPLY_SECONDS + (unsigned)(apply->edition->bytes / MIB),
			    .answer_bytes = BOOT_TOTAL_MAX + (256u << 20),
			    .inputs = apply->source->parts + 1,
			    .work = apply_inside,
			    .ctx = apply};

	memset(boot, 0, sizeof *boot);
	s.input[apply->source->parts] = apply->disk->dev.fd;
	return run(&s, &a, apply->source, fault);
}

#else

static int left_out(struct fault *fault)
{
	return fault_set(fault, "%s", _("this isopod was built without libwim or libntfs-3g, which put Windows on a disk"));
}

int togo_wim_look(const struct togo_source *source, struct togo_editions *out, struct fault *fault)
{
	(void)source;
	*out = (struct togo_editions){0};
	return left_out(fault);
}

int togo_wim_apply(struct togo_apply *apply, struct togo_files *boot, struct fault *fault)
{
	(void)apply;
	*boot = (struct togo_files){0};
	return left_out(fault);
}
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The course of things. PE ends, and the machine starts anew, when the program that it started first ends: this one waits for the
 * original program and ends as that does.
 */
#include "windows/helper.h"

enum { ATTACH_TRIES = 3, ATTACH_WAIT_MS = 500, TELL_MS = 1000 };

static uint8_t handover[POD_WHO_SIZE_MAX];
static struct pod_who_record record;
static struct helper helper;

uint32_t helper_ms(const struct helper *h)
{
	return GetTickCount() - h->start_ms;
}

/* GetVersion tells programs of unknown age what they may be used to. */
static void note_version(struct helper *h)
{
	static struct OSVERSIONINFOW v;
	RTL_GET_VERSION *get = (RTL_GET_VERSION *)library_function("ntdll.dll", "RtlGetVersion");
	v.size = sizeof v;
	if (!get || get(&v) != 0)
		return;
	h->record.version = v.major << 16 | (v.minor & 0xffff);
	h->record.build = v.build;
}

static void begin(struct helper *h)
{
	h->start_ms = GetTickCount();
	/* No windows of Windows' own about drives without a medium. */
	(void)SetErrorMode(SEM_FAILCRITICALERRORS);
	(void)GetModuleFileNameW(NULL, h->own, TEXT_MAX);
	h->own[TEXT_MAX - 1] = 0;
	h->drive[0] = h->own[0];
	h->drive[1] = h->own[1];
	text_copy(h->own_name, text_name(h->own));
	note_version(h);
	record_stage(h, POD_STAGE_HELPER_STARTED, 0);
	say_log(h, "started in the place of", h->own_name, 0);
}

static void read_handover(struct helper *h)
{
	static wchar path[TEXT_MAX];
	uint32_t got = 0, error = 0;
	text_system32(h, path, "isopod\\handover.bin");
	void *f = open_existing(path, GENERIC_READ);
	if (f == INVALID_HANDLE_VALUE || !ReadFile(f, handover, sizeof handover, &got, NULL))
		error = GetLastError();
	if (f != INVALID_HANDLE_VALUE)
		CloseHandle(f);
	struct pod_who_record *out = &record;
	const uint8_t *data = handover;
	OPAQUE(out);
	OPAQUE(data);
	if (!error && pod_who_parse(out, data, got, NULL) != POD_OK)
		error = ERROR_INVALID_DATA;
	if (!error) {
		h->ho = out;
		if (out->facts.flags & POD_WHO_ANSWER)
			say_log(h, "an answer file was handed over", u"\\Autounattend.xml", 0);
		return;
	}
	say_log(h, "the hand-over record cannot be used", path, error);
	say_window(h, WORD_BAD_HANDOVER, NULL, error);
}

/* Setup looks at these before it says that a machine does not meet its requirements. */
static void set_lab_config(struct helper *h)
{
	void *key;
	if (!h->ho->lab_count)
		return;
	int32_t error = RegCreateKeyExA(HKEY_LOCAL_MACHINE, "SYSTEM\\Setup\\LabConfig", 0, NULL, 0, KEY_WRITE, NULL, &key, NULL);
	for (uint32_t i = 0; !error && i < h->ho->lab_count; i++) {
		const wchar *name = text_of(&h->ho->lab[i].name);
		error = RegSetValueExW(key, name, 0, REG_DWORD, &h->ho->lab[i].value, 4);
		say_log(h, "LabConfig", name, (uint32_t)error);
	}
	if (error)
		say_log(h, "LabConfig cannot be set", NULL, (uint32_t)error);
}

static void load_from_stick(struct helper *h)
{
	static wchar path[TEXT_MAX];
	for (uint32_t i = 0; i < h->ho->driver_count; i++) {
		text_join(path, h->volume, text_of(&h->ho->driver[i]));
		drivers_load(h, path);
	}
}

/* A drive that has only just arrived may want a moment. */
static void attach(struct helper *h)
{
	uint32_t error = attach_image(h);
	for (unsigned tries = 1; error && tries < ATTACH_TRIES; tries++) {
		Sleep(ATTACH_WAIT_MS);
		error = attach_image(h);
	}
	if (!error) {
		record_stage(h, POD_STAGE_ISO_ATTACHED, 0);
		return;
	}
	record_stage(h, POD_STAGE_ISO_NOT_ATTACHED, error);
	say_log(h, "the image cannot be attached", text_of(&h->ho->image), error);
	say_window(h,
		   error == ERROR_MOD_NOT_FOUND || error == ERROR_VIRTDISK_PROVIDER_NOT_FOUND ? WORD_NO_PROVIDER
											      : WORD_NOT_ATTACHED,
		   text_of(&h->ho->image), error);
}

/* All that is to be done on the stick, once. */
static void look_for_stick(struct helper *h)
{
	if (h->volume[0] || !volume_find_stick(h))
		return;
	say_no_more(h);
	say_log(h, "stick found", h->volume, 0);
	record_stage(h, POD_STAGE_VOLUME_FOUND, 0);
	record_write(h);
	load_from_stick(h);
	if (h->ho->facts.flags & POD_WHO_ATTACH)
		attach(h);
	record_write(h);
}

static void before_the_start(struct helper *h)
{
	static wchar path[TEXT_MAX];
	text_system32(h, path, "isopod\\drivers");
	set_lab_config(h);
	drivers_load(h, path);
	volume_watch_arrival(h);
	for (look_for_stick(h); !h->volume[0] && helper_ms(h) < h->ho->facts.wait_ms; look_for_stick(h)) {
		uint32_t left = h->ho->facts.wait_ms - helper_ms(h);
		(void)WaitForSingleObject(h->arrival, left < h->look_ms ? left : h->look_ms);
	}
	if (h->volume[0])
		return;
	drivers_note_controller(h);
	record_stage(h, POD_STAGE_VOLUME_MISSING, ERROR_FILE_NOT_FOUND);
	say_log(h, "the stick is not there: going on without it", NULL, 0);
}

/* Not at once when the program is started without the stick: where it loads the drivers, the stick comes a moment later. */
static void tell_missing(struct helper *h)
{
	if (h->told || h->volume[0] || helper_ms(h) / 2 < h->ho->facts.wait_ms)
		return;
	h->told = true;
	say_window(h, WORD_NO_STICK, NULL, 0);
}

/* As long as the original program runs: some PEs load USB drivers only then. */
static void beside_the_program(struct helper *h)
{
	void *const wait[2] = {h->program, h->arrival};
	bool looking = h->ho && !h->volume[0];
	while (WaitForMultipleObjects(looking && h->arrival ? 2 : 1, wait, 0,
				      looking ? h->told ? h->look_ms : TELL_MS : INFINITE) != WAIT_OBJECT_0) {
		look_for_stick(h);
		tell_missing(h);
		record_write(h);
		looking = !h->volume[0];
	}
}

static uint32_t original(struct helper *h)
{
	uint32_t status = start_original(h);
	if (status) {
		record_stage(h, POD_STAGE_PROGRAM_FAILED, status);
		say_window(h, WORD_NO_PROGRAM, NULL, status);
		if (h->ho)
			record_write(h);
		/* PE would start the machine anew before this was read. */
		(void)WaitForSingleObject(h->window, INFINITE);
		return status;
	}
	record_stage(h, POD_STAGE_HANDED_OVER, 0);
	if (h->ho)
		record_write(h);
	beside_the_program(h);
	(void)GetExitCodeProcess(h->program, &status);
	record_stage(h, POD_STAGE_PROGRAM_ENDED, status);
	say_log(h, "the program ended", NULL, status);
	if (h->ho)
		record_write(h);
	return status;
}

_Noreturn void helper_main(void);
_Noreturn void helper_main(void)
{
	struct helper *h = &helper;
	OPAQUE(h);
	begin(h);
	read_handover(h);
	if (h->ho)
		before_the_start(h);
	ExitProcess(original(h));
}

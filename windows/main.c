/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The course of things. PE ends, and the machine starts anew, when the program that it started first ends: this one waits for the
 * original program and ends as that does.
 */
#include "windows/helper.h"

enum { ATTACH_TRIES = 3, ATTACH_WAIT_MS = 500, TELL_MS = 1000 };

static uint8_t handover[POD_WHO_SIZE_MAX];
struct helper helper __attribute__((aligned(4096)));

uint32_t helper_ms(void)
{
	return GetTickCount() - self()->start_ms;
}

/* This process has not ended before that. */
void helper_pause(uint32_t ms)
{
	(void)WaitForSingleObject(THIS_PROCESS, ms);
}

/* GetVersion tells programs of unknown age what they may be used to. */
static void note_version(void)
{
	struct helper *h = self();
	static struct OSVERSIONINFOW v;
	RTL_GET_VERSION *get = (RTL_GET_VERSION *)library_function("ntdll.dll", "RtlGetVersion");
	v.size = sizeof v;
	(void)get(&v); /* ntdll.dll is in every process, and says yes */
	pod_put_le32(h->sector + POD_REC_WINDOWS_VERSION, v.major << 16 | (v.minor & 0xffff));
	pod_put_le32(h->sector + POD_REC_WINDOWS_BUILD, v.build);
}

static void begin(void)
{
	struct helper *h = self();
	h->start_ms = helper_ms();
	/* No windows of Windows' own about drives without a medium. */
	(void)SetErrorMode(SEM_FAILCRITICALERRORS);
	(void)GetModuleFileNameW(NULL, h->own, TEXT_MAX - 1);
	h->drive[0] = h->own[0];
	h->drive[1] = h->own[1];
	for (wchar *p = h->own; *p; p++)
		if (*p == '\\')
			h->own_name = p + 1;
	note_version();
	record_stage(POD_STAGE_HELPER_STARTED, 0);
}

static void read_handover(void)
{
	struct helper *h = self();
	uint32_t got = 0;
	void *f = open_existing(text_about(OWN_FOLDER, u"handover.bin"), GENERIC_READ);
	h->number = ERROR_INVALID_DATA;
	if (f != INVALID_HANDLE_VALUE) {
		(void)ReadFile(f, handover, sizeof handover, &got, NULL);
		CloseHandle(f);
	} else {
		h->number = GetLastError();
	}
	if (pod_who_check(handover, got, NULL) == POD_OK) {
		h->ho = handover;
		h->detail = h->own_name;
		say_log(POD_WHO_LOG_BEGUN);
		if (pod_get_le32(h->ho + POD_WHO_FLAGS_OFF) & POD_WHO_ANSWER)
			say_log(POD_WHO_LOG_ANSWER);
		return;
	}
	say_log(OWN_DAMAGED);
	say_window(OWN_DAMAGED);
}

/* Setup looks at these before it says that a machine does not meet its requirements. */
static void set_lab_config(void)
{
	struct helper *h = self();
	void *key;
	const uint8_t *value = h->ho + POD_WHO_VALUE_OFF;
	unsigned word = POD_WHO_WORDS + pod_get_le16(h->ho + POD_WHO_DRIVERS_OFF);
	for (unsigned n = pod_get_le16(h->ho + POD_WHO_LABS_OFF); n; n--, word++, value += 4) {
		h->detail = text(word);
		h->number = (uint32_t)RegCreateKeyW(HKEY_LOCAL_MACHINE, text(POD_WHO_LABCONFIG), &key);
		if (!h->number) {
			h->number = (uint32_t)RegSetValueExW(key, h->detail, 0, REG_DWORD, value, 4);
			RegCloseKey(key);
		}
		say_log(POD_WHO_LOG_LAB);
	}
}

/* A drive that has only just arrived may want a moment. */
static void attach(void)
{
	uint32_t error;
	for (unsigned tries = 1; (error = attach_image()) != 0 && tries < ATTACH_TRIES; tries++)
		helper_pause(ATTACH_WAIT_MS);
	record_stage(error ? POD_STAGE_ISO_NOT_ATTACHED : POD_STAGE_ISO_ATTACHED, error);
	if (!error)
		return;
	self()->number = error;
	say_log(POD_WHO_LOG_NOT_ATTACHED);
	say_window(error == ERROR_MOD_NOT_FOUND || error == ERROR_VIRTDISK_PROVIDER_NOT_FOUND ? POD_WHO_NO_PROVIDER
											      : POD_WHO_NOT_ATTACHED);
}

/* All that is to be done on the stick, once. */
static void look_for_stick(void)
{
	struct helper *h = self();
	if (h->volume[0] || !volume_find_stick())
		return;
	say_no_more();
	say_log(POD_WHO_LOG_FOUND);
	record_stage(POD_STAGE_VOLUME_FOUND, 0);
	record_write();
	for (unsigned i = 0; i < pod_get_le16(h->ho + POD_WHO_DRIVERS_OFF); i++)
		drivers_load(POD_WHO_WORDS + i);
	if (pod_get_le32(h->ho + POD_WHO_FLAGS_OFF) & POD_WHO_ATTACH)
		attach();
	record_write();
}

static void before_the_start(void)
{
	struct helper *h = self();
	uint32_t wait_ms = pod_get_le32(h->ho + POD_WHO_WAIT_OFF);
	set_lab_config();
	drivers_load(POD_WHO_EARLY_DRIVERS);
	volume_watch_arrival();
	for (;;) {
		look_for_stick();
		if (h->volume[0])
			return;
		uint32_t ms = helper_ms();
		if (ms >= wait_ms)
			break;
		(void)WaitForSingleObject(h->arrival, wait_ms - ms < h->look_ms ? wait_ms - ms : h->look_ms);
	}
	drivers_note_controller();
	record_stage(POD_STAGE_VOLUME_MISSING, ERROR_FILE_NOT_FOUND);
	say_log(POD_WHO_LOG_MISSING);
}

/* Not at once when the program is started without the stick: where it loads the drivers, the stick comes a moment later. */
static void tell_missing(void)
{
	struct helper *h = self();
	if (h->told || h->volume[0] || helper_ms() / 2 < pod_get_le32(h->ho + POD_WHO_WAIT_OFF))
		return;
	h->told = true;
	say_window(h->sector[POD_REC_WINDOWS_CONTROLLER] ? POD_WHO_NO_DRIVER : POD_WHO_NO_STICK);
}

/* As long as the original program runs: some PEs load USB drivers only then. */
static void beside_the_program(void)
{
	struct helper *h = self();
	bool looking = h->ho && !h->volume[0];
	while (WaitForMultipleObjects(looking && h->arrival ? 2 : 1, &h->program, 0,
				      looking ? h->told ? h->look_ms : TELL_MS : INFINITE) != WAIT_OBJECT_0) {
		look_for_stick();
		tell_missing();
		record_write();
		looking = !h->volume[0];
	}
}

static uint32_t original(void)
{
	struct helper *h = self();
	uint32_t status = start_original();
	if (status) {
		record_stage(POD_STAGE_PROGRAM_FAILED, status);
		say_window(POD_WHO_NO_PROGRAM);
		record_write();
		/* PE would start the machine anew before this was read. */
		(void)WaitForSingleObject(h->window, INFINITE);
		return status;
	}
	record_stage(POD_STAGE_HANDED_OVER, 0);
	record_write();
	beside_the_program();
	(void)GetExitCodeProcess(h->program, &status);
	record_stage(POD_STAGE_PROGRAM_ENDED, status);
	h->number = status;
	say_log(POD_WHO_LOG_ENDED);
	record_write();
	return status;
}

_Noreturn void helper_main(void);
_Noreturn void helper_main(void)
{
	begin();
	read_handover();
	if (self()->ho)
		before_the_start();
	ExitProcess(original());
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The program whose place this one has. */
#include "windows/helper.h"

uint32_t run(const wchar *program, wchar *command, bool original, void **process)
{
	struct PROCESS_INFORMATION p;
	struct STARTUPINFOW startup;
	GetStartupInfoW(&startup);
	if (!CreateProcessW(program, command, NULL, NULL, original, 0, NULL, NULL, &startup, &p)) {
		uint32_t error = GetLastError();
		return error ? error : ERROR_NOT_SUPPORTED;
	}
	CloseHandle(p.thread);
	*process = p.process;
	return 0;
}

static uint32_t start(const wchar *program)
{
	struct helper *h = self();
	/* The command line is ours, to the letter. */
	h->detail = program;
	h->number = run(program, GetCommandLineW(), true, &h->program);
	say_log(h->number ? POD_WHO_LOG_NOT_STARTED : POD_WHO_LOG_STARTED);
	return h->number;
}

/* A program may be renamed while it runs: this one goes out of the way, and the original comes back to its own name. */
static bool restore(const wchar *original, const wchar *first)
{
	struct helper *h = self();
	const wchar *aside = text_about(OWN_FOLDER, u"helper.exe");
	bool moved = MoveFileW(h->own, aside);
	if (moved && CopyFileW(original, first, 1))
		return true;
	h->detail = moved ? first : h->own;
	h->number = GetLastError();
	say_log(moved ? POD_WHO_LOG_NOT_RESTORED : POD_WHO_LOG_NOT_MOVED);
	if (moved)
		(void)MoveFileW(aside, h->own);
	return false;
}

uint32_t start_original(void)
{
	struct helper *h = self();
	/* Without a record: in the folder that all are in, with our own name. */
	const wchar *original = text_about(h->ho ? (unsigned)POD_WHO_PROGRAM : OWN_FOLDER, h->own_name);
	if (h->ho && pod_get_le32(h->ho + POD_WHO_FLAGS_OFF) & POD_WHO_RESTORE) {
		const wchar *first = text(POD_WHO_REPLACED);
		if (restore(original, first) && start(first) == 0)
			return 0;
	}
	return start(original);
}

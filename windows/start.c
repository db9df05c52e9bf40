/* SPDX-License-Identifier: BSD-2-Clause */
/* The program whose place this one has. */
#include "windows/helper.h"

static void on_drive(const struct helper *h, wchar path[TEXT_MAX], const wchar *rest)
{
	text_join(path, h->drive, rest);
}

/* \Windows\System32\isopod\ and our own name: where the original is, whatever the record says. */
static void second_name(const struct helper *h, wchar path[TEXT_MAX])
{
	text_system32(h, path, "isopod\\");
	text_add(path, h->own_name);
}

/* A program may be renamed while it runs: this one goes out of the way, and the original comes back to its own name. */
static bool restore(struct helper *h, const wchar *original, const wchar *first)
{
	static wchar aside[TEXT_MAX];
	text_system32(h, aside, "isopod\\helper.exe");
	if (!MoveFileW(h->own, aside)) {
		say_log(h, "cannot move away from", h->own, GetLastError());
		return false;
	}
	if (CopyFileW(original, first, 1))
		return true;
	say_log(h, "cannot restore", first, GetLastError());
	(void)MoveFileW(aside, h->own);
	return false;
}

static uint32_t run(struct helper *h, const wchar *program)
{
	struct PROCESS_INFORMATION p;
	struct STARTUPINFOW startup;
	GetStartupInfoW(&startup);
	/* The command line is ours, to the letter. */
	if (!CreateProcessW(program, GetCommandLineW(), NULL, NULL, 1, 0, NULL, NULL, &startup, &p)) {
		uint32_t error = GetLastError();
		say_log(h, "cannot start", program, error);
		return error ? error : ERROR_NOT_SUPPORTED;
	}
	CloseHandle(p.thread);
	h->program = p.process;
	say_log(h, "started", program, 0);
	return 0;
}

uint32_t start_original(struct helper *h)
{
	static wchar original[TEXT_MAX], first[TEXT_MAX];
	second_name(h, original);
	if (h->ho)
		on_drive(h, original, text_of(&h->ho->program));
	text_to_utf8(h->record.program, sizeof h->record.program, text_name(original));
	if (h->ho && h->ho->facts.flags & POD_WHO_RESTORE && h->ho->replaced.units) {
		on_drive(h, first, text_of(&h->ho->replaced));
		if (restore(h, original, first) && run(h, first) == 0)
			return 0;
	}
	return run(h, original);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In the place of the programs of Windows PE: notes what it was called and with what. As drvload.exe it fails for a path in which
 * "bad" stands; else it stays STANDIN_RUNS milliseconds and ends with status 7.
 */
#include "windows/win.h"

WIN_IMPORT(int)
MultiByteToWideChar(uint32_t page, uint32_t flags, const char *from, int len, wchar *to, int size);

WIN_IMPORT(void) Sleep(uint32_t ms);
WIN_IMPORT(uint32_t) GetEnvironmentVariableA(const char *name, char *value, uint32_t size);

static void put(void *f, const wchar *text)
{
	static char line[2400];
	uint32_t done;
	int n = WideCharToMultiByte(CP_UTF8, 0, text, -1, line, sizeof line, NULL, NULL);
	WriteFile(f, line, (uint32_t)(n > 0 ? n - 1 : 0), &done, NULL);
}

static bool has(const wchar *text, const wchar *word)
{
	for (; *text; text++) {
		size_t n = 0;
		while (word[n] && text[n] == word[n])
			n++;
		if (!word[n])
			return true;
	}
	return false;
}

_Noreturn void program_main(void);
_Noreturn void program_main(void)
{
	wchar own[512], notes[512];
	char value[512];
	uint32_t ms = 0;
	(void)GetModuleFileNameW(NULL, own, 512);
	if (!GetEnvironmentVariableA("STANDIN_NOTES", value, sizeof value))
		ExitProcess(99);
	MultiByteToWideChar(CP_UTF8, 0, value, -1, notes, 512);
	void *f = CreateFileW(notes, 4 /* FILE_APPEND_DATA */, 3, NULL, 4 /* OPEN_ALWAYS */, 0, NULL);
	put(f, own);
	put(f, u" | ");
	put(f, GetCommandLineW());
	put(f, u"\n");
	CloseHandle(f);
	if (has(own, u"drvload"))
		ExitProcess(has(GetCommandLineW(), u"bad") ? 3 : 0);
	if (GetEnvironmentVariableA("STANDIN_RUNS", value, sizeof value))
		for (const char *s = value; *s; s++)
			ms = ms * 10 + (uint32_t)(*s - '0');
	Sleep(ms);
	ExitProcess(7);
}

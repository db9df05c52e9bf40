/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said: a log on the drive that PE runs from, and a window over all others for what the user has to know. */
#include "windows/helper.h"

static const wchar title[] = u"Isopod";

/* --- the log ---------------------------------------------------------------------------------------------------------- */

/* "12345 ms  what: detail (0x0000001f)", behind what an earlier one wrote, if PE starts its program a second time. */
void say_log(unsigned word)
{
	struct helper *h = self();
	static char bytes[TEXT_MAX * 3];
	uint32_t done, number = h->number;
	const wchar *detail = h->detail;
	void *f =
		CreateFileW(text(OWN_LOG), GENERIC_WRITE, FILE_SHARE_READ_WRITE, NULL, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
	if (f == INVALID_HANDLE_VALUE)
		return;
	h->detail = text(word);
	h->number = helper_ms();
	const wchar *line = text(OWN_LINE);
	h->detail = detail;
	h->number = number;
	int n = WideCharToMultiByte(CP_UTF8, 0, line, -1, bytes, sizeof bytes, NULL, NULL);
	(void)SetFilePointerEx(f, 0, NULL, 2);
	if (n > 0)
		(void)WriteFile(f, bytes, (uint32_t)n - 1, &done, NULL); /* without its end */
	CloseHandle(f);
}

/* --- the window ------------------------------------------------------------------------------------------------------- */

static uint32_t WINAPI show(void *says)
{
	MESSAGE_BOX *box = (MESSAGE_BOX *)library_function("user32.dll", "MessageBoxW");
	if (box)
		(void)box(NULL, says, title, MB_ICONWARNING | MB_SETFOREGROUND | MB_TOPMOST);
	return 0;
}

/* One at a time: a later one takes the place of an earlier one. */
void say_window(unsigned word)
{
	say_no_more();
	say_log(POD_WHO_LOG_TOLD);
	self()->window = CreateThread(NULL, 0, show, text(word), 0, NULL);
}

void say_no_more(void)
{
	struct helper *h = self();
	if (!h->window)
		return;
	FIND_WINDOW *find = (FIND_WINDOW *)library_function("user32.dll", "FindWindowW");
	POST_MESSAGE *post = (POST_MESSAGE *)library_function("user32.dll", "PostMessageW");
	void *window = find ? find(u"#32770", title) : NULL; /* the class of dialogs */
	if (window)
		(void)post(window, WM_CLOSE, 0, 0);
	(void)WaitForSingleObject(h->window, 1000);
	CloseHandle(h->window);
	h->window = NULL;
}

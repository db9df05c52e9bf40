/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said: a log on the drive that PE runs from, and a window over all others for what the user has to know. */
#include "core/base/str.h"
#include "windows/helper.h"

/* In the order of enum word, one behind the other: a table of where they begin would be as long as some of them. */
static const char english[] =
	"Windows does not see the stick that it was started from, and goes on without it: it will miss its files.\n\n"
	"Put the stick into another port (USB 2, without a hub). It is still being looked for; this window closes when it is "
	"found.\0"
	"This controller has no driver:\0"
	"The stick was found, but Windows cannot attach the image:\0"
	"This Windows cannot attach ISO files (Windows 7 and older cannot). Setup will miss its files.\0"
	"The program that Windows PE starts with cannot be started:\0"
	"What Isopod's menu handed over is damaged. Windows PE starts without the image.\0"
	"Windows' error code:\0";
static const char chinese[] = "Windows 找不到启动用的 U 盘，只能先继续；缺少 U 盘时，安装程序会找不到所需文件。\n\n"
			      "请把 U 盘换到另一个端口（USB 2，不经过集线器）。仍在继续查找；找到后，本窗口会自动关闭。\0"
			      "下列控制器没有驱动程序：\0"
			      "已找到 U 盘，但 Windows 无法装载映像：\0"
			      "此 Windows 不能装载 ISO 文件（Windows 7 及更早版本均不能），安装程序会找不到所需文件。\0"
			      "无法启动 Windows PE 的初始程序：\0"
			      "Isopod 菜单交来的信息已损坏。Windows PE 将在没有映像的情况下启动。\0"
			      "Windows 错误代码：\0";

static const wchar title[] = u"Isopod";

/* --- the log ---------------------------------------------------------------------------------------------------------- */

/* Behind what an earlier one wrote, if PE starts its program a second time. */
static void *open_log(const struct helper *h)
{
	wchar path[TEXT_MAX];
	text_copy(path, h->drive);
	text_add_utf8(path, "\\isopod.log");
	void *f = CreateFileW(path, GENERIC_WRITE, FILE_SHARE_READ_WRITE, NULL, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
	(void)SetFilePointerEx(f, 0, NULL, 2);
	return f;
}

/* "    12345 ms  what: detail (0x0000001f)" */
void say_log(struct helper *h, const char *what, const wchar *detail, uint32_t code)
{
	static wchar line[TEXT_MAX]; /* only one thread logs */
	static char bytes[TEXT_MAX * 2];
	uint32_t done;
	line[0] = 0;
	text_add_number(line, helper_ms(h), false);
	text_add_utf8(line, " ms  ");
	text_add_utf8(line, what);
	if (detail) {
		text_add_utf8(line, ": ");
		text_add(line, detail);
	}
	if (code) {
		text_add_utf8(line, " (");
		text_add_number(line, code, true);
		text_add_utf8(line, ")");
	}
	text_to_utf8(bytes, sizeof bytes - 2, line);
	size_t n = pod_strlen(bytes);
	bytes[n++] = '\r';
	bytes[n++] = '\n';
	void *f = open_log(h);
	if (f == INVALID_HANDLE_VALUE)
		return;
	(void)WriteFile(f, bytes, (uint32_t)n, &done, NULL);
	CloseHandle(f);
}

/* --- the window ------------------------------------------------------------------------------------------------------- */

static wchar window_text[TEXT_MAX];

static uint32_t WINAPI show(void *ctx)
{
	MESSAGE_BOX *box = (MESSAGE_BOX *)library_function("user32.dll", "MessageBoxW");
	(void)ctx;
	if (box)
		(void)box(NULL, window_text, title, MB_ICONWARNING | MB_SETFOREGROUND | MB_TOPMOST);
	return 0;
}

static void add_word(struct helper *h, enum word word)
{
	const char *text = h->ho && h->ho->facts.language == POD_WHO_CHINESE ? chinese : english;
	for (enum word w = 0; w < word; w++)
		text += pod_strlen(text) + 1;
	text_add_utf8(window_text, text);
}

static void add(const char *text)
{
	text_add_utf8(window_text, text);
}

/* One at a time: a later one takes the place of an earlier one. */
void say_window(struct helper *h, enum word word, const wchar *detail, uint32_t code)
{
	say_no_more(h);
	window_text[0] = 0;
	add_word(h, word);
	if (detail) {
		add("\n");
		text_add(window_text, detail);
	}
	if (word == WORD_NO_STICK && h->record.controller[0]) {
		add("\n\n");
		add_word(h, WORD_NO_DRIVER);
		add("\n");
		add(h->record.controller);
	}
	if (code) {
		add("\n\n");
		add_word(h, WORD_ERROR_CODE);
		add(" ");
		text_add_number(window_text, code, true);
	}
	say_log(h, "told in a window", NULL, 0);
	h->window = CreateThread(NULL, 0, show, NULL, 0, NULL);
}

void say_no_more(struct helper *h)
{
	if (!h->window)
		return;
	FIND_WINDOW *find = (FIND_WINDOW *)library_function("user32.dll", "FindWindowW");
	POST_MESSAGE *post = (POST_MESSAGE *)library_function("user32.dll", "PostMessageW");
	void *window = find ? find(u"#32770", title) : NULL; /* the class of dialogs */
	if (window && post)
		(void)post(window, WM_CLOSE, 0, 0);
	(void)WaitForSingleObject(h->window, 1000);
	CloseHandle(h->window);
	h->window = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers for devices that have none. Which they are stands in the registry, HKLM\SYSTEM\CurrentControlSet\Enum\BUS\DEVICE\INSTANCE:
 * HardwareID and CompatibleIDs are what INF files name, and Service is there once a driver was found ("Device
 * identification strings" and "INF Models section" in Microsoft's documentation).
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "windows/helper.h"

enum {
	IDS_SIZE = 64 << 10,
	INF_SIZE = 1 << 20,
	DEPTH_MAX = 4,
	FILES_MAX = 2000,
	DRVLOAD_MS = 60000,
	NAME = 256,
	LIST_SIZE = 2048
};

/* Identifiers in capitals, each with its end, 8 bits a character; an empty one ends the list. */
static char ids[IDS_SIZE];
static uint8_t inf[INF_SIZE + 2];

/* The compiler would rather have it five times. */
__attribute__((noinline)) static uint8_t capital(uint16_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c < 0x80 ? (uint8_t)c : '?';
}

/* --- devices without a driver ------------------------------------------------------------------------------------------ */

/* Calls for each key `depth` levels below; returns at the first true. */
/* NOLINTNEXTLINE(misc-no-recursion): three levels */
static bool each_key(void *parent, const wchar *name, bool (*look)(void *ctx, void *key, unsigned depth), void *ctx,
		     unsigned depth)
{
	wchar child[NAME];
	void *key;
	bool end = false;
	if (RegOpenKeyExW(parent, name, 0, KEY_READ, &key) != 0)
		return false;
	if (depth == 0)
		end = look(ctx, key, depth);
	for (uint32_t i = 0, len = NAME; depth && !end && RegEnumKeyExW(key, i, child, &len, NULL, NULL, NULL, NULL) == 0;
	     i++, len = NAME)
		end = each_key(key, child, look, ctx, depth - 1);
	RegCloseKey(key);
	return end;
}

static void look_at_devices(const char *top, bool (*look)(void *ctx, void *key, unsigned depth), void *ctx, unsigned depth)
{
	static wchar name[TEXT_MAX];
	name[0] = 0;
	text_add_utf8(name, top);
	(void)each_key(HKEY_LOCAL_MACHINE, name, look, ctx, depth);
}

static bool has_driver(void *device)
{
	uint32_t len = 0;
	return RegQueryValueExA(device, "Service", NULL, NULL, NULL, &len) == 0;
}

/* A value of a device as a list of texts, which are ASCII; two ends behind it. */
static bool get_list(void *device, const char *value, char list[LIST_SIZE])
{
	uint32_t type, len = LIST_SIZE - 2;
	if (RegQueryValueExA(device, value, NULL, &type, list, &len) != 0 || type != REG_MULTI_SZ)
		return false;
	list[len] = list[len + 1] = 0;
	return true;
}

static void add_ids(void *device, const char *value, size_t *used)
{
	char list[LIST_SIZE];
	if (*used > IDS_SIZE - LIST_SIZE || !get_list(device, value, list))
		return;
	for (const char *p = list; *p;)
		do
			ids[(*used)++] = (char)capital((uint8_t)*p);
		while (*p++);
	ids[*used] = 0;
}

static bool add_device(void *ctx, void *device, unsigned depth)
{
	(void)depth;
	if (has_driver(device))
		return false;
	add_ids(device, "HardwareID", ctx);
	add_ids(device, "CompatibleIDs", ctx);
	return false;
}

/* PCI's class codes: mass storage 01, serial bus 0C, and of that USB 03; also RAID controllers (VMD) 0104. */
static bool is_controller(const char *list)
{
	static const char storage[] = "PCI\\CC_01", usb[] = "PCI\\CC_0C03";
	for (; *list; list += pod_strlen(list) + 1)
		if (memcmp(list, storage, sizeof storage - 1) == 0 || memcmp(list, usb, sizeof usb - 1) == 0)
			return true;
	return false;
}

static bool note(void *ctx, void *device, unsigned depth)
{
	struct helper *h = ctx;
	char list[LIST_SIZE];
	static wchar detail[TEXT_MAX];
	(void)depth;
	if (has_driver(device) || !get_list(device, "CompatibleIDs", list) || !is_controller(list) ||
	    !get_list(device, "HardwareID", list))
		return false;
	(void)pod_strlcpy(h->record.controller, list, sizeof h->record.controller);
	detail[0] = 0;
	text_add_utf8(detail, list);
	say_log(h, "this controller has no driver", detail, 0);
	return true;
}

void drivers_note_controller(struct helper *h)
{
	look_at_devices("SYSTEM\\CurrentControlSet\\Enum\\PCI", note, h, 2);
}

/* --- INF files ----------------------------------------------------------------------------------------------------------- */

/* Reads a file as capitals of 8 bits, from either width; its length. */
static size_t read_inf(const wchar *path)
{
	uint32_t got = 0;
	void *f = open_existing(path, GENERIC_READ);
	if (f == INVALID_HANDLE_VALUE)
		return 0;
	bool ok = ReadFile(f, inf, INF_SIZE, &got, NULL);
	CloseHandle(f);
	if (!ok)
		return 0;
	size_t width = got >= 2 && inf[0] == 0xff && inf[1] == 0xfe ? 2 : 1, n = 0;
	for (size_t i = width == 2 ? 2 : 0; i + width <= got; i += width)
		inf[n++] = capital((uint16_t)(inf[i] | (width == 2 ? inf[i + 1] << 8 : 0)));
	return n;
}

static bool is_known(const uint8_t *token, size_t len)
{
	const char *id = ids;
	while (*id) {
		size_t n = 0;
		while (id[n])
			n++;
		if (n == len && memcmp(id, token, n) == 0)
			return true;
		id += n + 1;
	}
	return false;
}

/* What stands between blanks, commas, quotes and equals signs, and has a backslash, may be an identifier. */
static bool inf_matches(size_t len)
{
	size_t start = 0;
	bool slash = false;
	for (size_t i = 0; i <= len; i++) {
		uint8_t c = i < len ? inf[i] : ' ';
		if (c > ' ' && c != ',' && c != '"' && c != '=' && c != ';') {
			slash = slash || c == '\\';
			continue;
		}
		if (slash && is_known(inf + start, i - start))
			return true;
		start = i + 1;
		slash = false;
	}
	return false;
}

static void drvload(struct helper *h, const wchar *path)
{
	static wchar program[TEXT_MAX], command[TEXT_MAX];
	struct STARTUPINFOW startup = {.cb = sizeof startup};
	struct PROCESS_INFORMATION p;
	uint32_t status = 0;
	text_system32(h, program, "drvload.exe");
	command[0] = 0;
	text_add_utf8(command, "drvload \"");
	text_add(command, path);
	text_add_utf8(command, "\"");
	if (!CreateProcessW(program, command, NULL, NULL, 0, 0, NULL, NULL, &startup, &p)) {
		status = GetLastError();
	} else {
		if (WaitForSingleObject(p.process, DRVLOAD_MS) == WAIT_OBJECT_0)
			GetExitCodeProcess(p.process, &status);
		else
			status = ERROR_NOT_READY;
		CloseHandle(p.process);
		CloseHandle(p.thread);
	}
	say_log(h, status ? "driver not loaded" : "driver loaded", path, status);
	if (status) {
		h->record.drivers_failed++;
		record_stage(h, POD_STAGE_DRIVER_FAILED, status);
	} else {
		h->record.drivers_loaded++;
	}
}

static bool is_inf(const wchar *name)
{
	size_t n = text_len(name);
	return n > 4 && name[n - 4] == '.' && capital(name[n - 3]) == 'I' && capital(name[n - 2]) == 'N' &&
	       capital(name[n - 1]) == 'F';
}

/* `path` holds the folder, and has room for what is below it. */
/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX levels */
static void load_folder(struct helper *h, wchar path[TEXT_MAX], unsigned depth, unsigned *files)
{
	struct WIN32_FIND_DATAW found;
	size_t folder = text_len(path);
	if (folder + 3 > TEXT_MAX)
		return;
	text_add_utf8(path, "\\*");
	void *find = FindFirstFileW(path, &found);
	if (find == INVALID_HANDLE_VALUE)
		return;
	do {
		path[folder + 1] = 0;
		text_add(path, found.name);
		if (found.attributes & FILE_ATTRIBUTE_DIRECTORY) {
			if (found.name[0] != '.' && depth)
				load_folder(h, path, depth - 1, files);
		} else if (is_inf(found.name) && inf_matches(read_inf(path))) {
			drvload(h, path);
		}
	} while (++*files < FILES_MAX && FindNextFileW(find, &found));
	FindClose(find);
}

void drivers_load(struct helper *h, const wchar *folder)
{
	static wchar path[TEXT_MAX];
	size_t used = 0;
	unsigned files = 0;
	uint32_t before = h->record.drivers_loaded;
	text_copy(path, folder);
	if (GetFileAttributesW(path) == INFINITE)
		return;
	ids[0] = 0;
	look_at_devices("SYSTEM\\CurrentControlSet\\Enum", add_device, &used, 3);
	load_folder(h, path, DEPTH_MAX, &files);
	if (h->record.drivers_loaded != before)
		record_stage(h, POD_STAGE_DRIVERS_LOADED, h->record.drivers_loaded);
}

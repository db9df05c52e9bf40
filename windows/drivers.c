/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers for devices that have none. Which they are stands in the registry, HKLM\SYSTEM\CurrentControlSet\Enum\BUS\DEVICE\INSTANCE:
 * HardwareID and CompatibleIDs are what INF files name, and Service is there once a driver was found ("Device
 * identification strings" and "INF Models section" in Microsoft's documentation).
 */
#include "core/base/str.h"
#include "windows/helper.h"

enum { IDS_SIZE = 64 << 10, INF_SIZE = 1 << 20, DEPTH_MAX = 4, FILES_MAX = 2000, DRVLOAD_MS = 60000, BUS_DEVICE_INSTANCE = 3 };

/* Words in capitals, 8 bits a character, each with its end; some are empty. */
static char ids[IDS_SIZE + 16]; /* identifiers: the first h->ids_used bytes */
static char inf[INF_SIZE + 2];

/* A character as it is compared: the end of a word for what stands between identifiers. */
__attribute__((noinline)) static char fold(uint16_t c)
{
	if (c <= '"' || c == ',' || (c >= ';' && c <= '='))
		return 0;
	return (char)(c < 'a' ? c : c <= 'z' ? c - 32 : '?');
}

/* --- devices without a driver ------------------------------------------------------------------------------------------ */

/* A value of a device, a list of texts which are ASCII. */
static void add_ids(void *device, const char *value)
{
	struct helper *h = self();
	uint32_t len = IDS_SIZE - h->ids_used;
	if (RegGetValueA(device, NULL, value, RRF_RT_REG_MULTI_SZ, NULL, ids + h->ids_used, &len) != 0)
		return;
	for (; len; len--, h->ids_used++)
		ids[h->ids_used] = fold((uint8_t)ids[h->ids_used]);
}

/* PCI's class codes: mass storage 01, serial bus 0C, and of that USB 03; also RAID controllers (VMD) 0104. */
static bool is_controller(const char *id)
{
	const uint8_t *p = (const uint8_t *)id;
	return pod_get_le64(p) == pod_get_le64((const uint8_t *)"PCI\\CC_0") &&
	       (p[8] == '1' || (pod_get_le32(p + 8) & 0xffffff) == pod_get_le32((const uint8_t *)"C03"));
}

static void add_device(void *device)
{
	struct helper *h = self();
	uint32_t first = h->ids_used;
	if (RegGetValueA(device, NULL, "Service", RRF_RT_ANY, NULL, NULL, NULL) == 0)
		return;
	add_ids(device, "HardwareID");
	uint32_t at = h->ids_used;
	add_ids(device, "CompatibleIDs");
	for (; at < h->ids_used; at += (uint32_t)pod_strlen(ids + at) + 1)
		if (!h->controller && is_controller(ids + at))
			h->controller = first + 1;
}

/* NOLINTNEXTLINE(misc-no-recursion): BUS_DEVICE_INSTANCE levels */
static void add_devices(void *parent, const wchar *name, unsigned depth)
{
	wchar child[NAME_MAX];
	void *key;
	if (RegOpenKeyW(parent, name, &key) != 0)
		return;
	if (!depth)
		add_device(key);
	for (uint32_t i = 0; depth && RegEnumKeyW(key, i, child, NAME_MAX) == 0; i++)
		add_devices(key, child, depth - 1);
	RegCloseKey(key);
}

static void look_at_devices(void)
{
	struct helper *h = self();
	h->ids_used = h->controller = 0;
	add_devices(HKEY_LOCAL_MACHINE, text(POD_WHO_DEVICES), BUS_DEVICE_INSTANCE);
}

void drivers_note_controller(void)
{
	struct helper *h = self();
	look_at_devices();
	if (!h->controller)
		return;
	const char *id = ids + h->controller - 1;
	for (unsigned i = 0; i < 63 && id[i]; i++)
		h->sector[POD_REC_WINDOWS_CONTROLLER + i] = (uint8_t)id[i];
	say_log(POD_WHO_LOG_CONTROLLER);
}

/* --- INF files ----------------------------------------------------------------------------------------------------------- */

/* Reads a file as folded words, from either width; its length. */
static uint32_t read_inf(const wchar *path)
{
	uint32_t got = 0, n = 0;
	const uint8_t *from = (const uint8_t *)inf;
	void *f = open_existing(path, GENERIC_READ);
	if (f == INVALID_HANDLE_VALUE)
		return 0;
	(void)ReadFile(f, inf, INF_SIZE, &got, NULL);
	CloseHandle(f);
	uint32_t width = pod_get_le16(from) == 0xfeff ? 2 : 1;
	for (uint32_t i = 0; i < got; i += width) {
		uint16_t c = pod_get_le16(from + i);
		inf[n++] = fold(width == 1 ? (uint8_t)c : c);
	}
	inf[n] = 0;
	return n;
}

/* Does it name one of the devices? */
static bool inf_matches(uint32_t len)
{
	const struct helper *h = self();
	for (const char *word = inf; word < inf + len; word += pod_strlen(word) + 1)
		for (const char *id = ids; *word && id < ids + h->ids_used; id += pod_strlen(id) + 1)
			if (pod_streq(id, word))
				return true;
	return false;
}

static void count(uint8_t *number)
{
	pod_put_le32(number, pod_get_le32(number) + 1);
}

static void drvload(const wchar *path)
{
	struct helper *h = self();
	void *process;
	wchar *command = text_about(POD_WHO_DRVLOAD_COMMAND, path);
	h->number = run(text(POD_WHO_DRVLOAD), command, false, &process);
	if (!h->number) {
		if (WaitForSingleObject(process, DRVLOAD_MS) == WAIT_OBJECT_0)
			GetExitCodeProcess(process, &h->number);
		else
			h->number = ERROR_NOT_READY;
		CloseHandle(process);
	}
	say_log(h->number ? POD_WHO_LOG_DRIVER_FAILED : POD_WHO_LOG_DRIVER);
	count(h->sector + (h->number ? POD_REC_WINDOWS_FAILED : POD_REC_WINDOWS_LOADED));
	if (h->number)
		record_stage(POD_STAGE_DRIVER_FAILED, h->number);
}

/* Four characters at once; one bit makes small letters of capitals. */
static bool is_inf(const wchar *end)
{
	return (pod_get_le64((const uint8_t *)(end - 4)) | 0x0020002000200020) == 0x0066006e0069002e;
}

/* `path` holds the folder, and has room for what is below it. */
/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX levels */
static void load_folder(wchar *path, unsigned depth)
{
	struct helper *h = self();
	struct WIN32_FIND_DATAW found;
	wchar *name = text_end(path);
	name[0] = '\\';
	name[1] = '*';
	name[2] = 0;
	void *find = FindFirstFileW(path, &found);
	if (find == INVALID_HANDLE_VALUE)
		return;
	/* Not for a folder that is not there. */
	if (depth == DEPTH_MAX)
		look_at_devices();
	name++;
	do {
		memcpy(name, found.name, sizeof found.name);
		if (found.attributes & FILE_ATTRIBUTE_DIRECTORY) {
			if (found.name[0] != '.' && depth)
				load_folder(path, depth - 1);
		} else if (is_inf(text_end(name)) && inf_matches(read_inf(path))) {
			drvload(path);
		}
	} while (++h->files < FILES_MAX && FindNextFileW(find, &found));
	FindClose(find);
}

void drivers_load(unsigned word)
{
	static wchar path[TEXT_MAX + (DEPTH_MAX + 1) * (NAME_MAX + 1)];
	self()->files = 0;
	memcpy(path, text(word), TEXT_MAX * sizeof *path);
	load_folder(path, DEPTH_MAX);
	uint32_t loaded = pod_get_le32(self()->sector + POD_REC_WINDOWS_LOADED);
	if (loaded)
		record_stage(POD_STAGE_DRIVERS_LOADED, loaded);
}

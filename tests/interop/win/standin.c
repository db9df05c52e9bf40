/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows' volumes for the helper under Wine, which has none: a disk 0 that is not the stick though its partition lies as the stick's
 * does, the stick as disk 1, and a CD once an image was attached. The helper's import of kernel32.dll is renamed to this DLL,
 * which hands on all else; virtdisk, cfgmgr32 and user32 lead here too. What Windows insists on is insisted on: raw writes
 * in whole sectors, under a locked and dismounted volume. What was asked is noted in %STANDIN_NOTES%.
 *
 * STANDIN_IMAGE     the stick, a file
 * STANDIN_FILES     a folder with the files of its data volume
 * STANDIN_PART, STANDIN_ESP   "start length" in bytes; no STANDIN_ESP: Windows shows no second volume
 * STANDIN_ID        signature of the stick's MBR, or GPT GUID as 32 hexadecimal digits
 * STANDIN_APPEARS   milliseconds until the stick is there
 * STANDIN_OPEN, STANDIN_ATTACH   error codes of these calls
 * STANDIN_LETTER    "no": the CD gets no letter by itself
 * STANDIN_READ      milliseconds until the user closes a window
 * STANDIN_MUTE      "yes": no notification of arriving volumes
 */
#include "windows/win.h"

WIN_IMPORT(uint32_t) GetEnvironmentVariableA(const char *name, char *value, uint32_t size);
WIN_IMPORT(void) SetLastError(uint32_t code);
WIN_IMPORT(void) Sleep(uint32_t ms);
WIN_IMPORT(uint32_t) GetFileAttributesW(const wchar *name);
WIN_IMPORT(int)
MultiByteToWideChar(uint32_t page, uint32_t flags, const char *from, int len, wchar *to, int size);

enum { DATA = 1, ESP, CD, OTHER, DISK0, DISK1, CDROM, HANDLES = 32 };
enum {
	ERROR_ACCESS_DENIED = 5,
	ERROR_PATH = 3,
	ERROR_NO_MORE_FILES = 18,
	ERROR_INVALID_FUNCTION = 1,
	ERROR_INVALID_PARAMETER = 87
};

static struct {
	void *handle;
	int kind;
	bool locked, dismounted;
	int64_t at;
} open_[HANDLES];
static bool attached;
static wchar letter;
static uint32_t begun;
static void *closed; /* an event: the window */

/* --- small things ----------------------------------------------------------------------------------------------------- */

static size_t len_a(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

static bool setting(const char *name, char *value)
{
	value[0] = 0;
	return GetEnvironmentVariableA(name, value, 512) > 0;
}

static uint64_t number(const char **s, unsigned base)
{
	uint64_t v = 0;
	for (; **s && **s != ' '; (*s)++)
		v = v * base + (uint64_t)(**s <= '9' ? **s - '0' : (**s | 32) - 'a' + 10);
	*s += **s == ' ';
	return v;
}

static uint64_t setting_number(const char *name, unsigned which)
{
	char value[512];
	const char *s = value;
	(void)setting(name, value);
	uint64_t v = number(&s, 10);
	return which ? number(&s, 10) : v;
}

static void note(const char *what, const wchar *text)
{
	char path[512], line[1400];
	uint32_t done;
	if (!setting("STANDIN_NOTES", path))
		return;
	wchar name[512];
	MultiByteToWideChar(CP_UTF8, 0, path, -1, name, 512);
	void *f = CreateFileW(name, 4 /* FILE_APPEND_DATA */, 3, NULL, 4 /* OPEN_ALWAYS */, 0, NULL);
	size_t n = len_a(what);
	for (size_t i = 0; i < n; i++)
		line[i] = what[i];
	line[n++] = ' ';
	if (text)
		n += (size_t)WideCharToMultiByte(CP_UTF8, 0, text, -1, line + n, (int)(sizeof line - n), NULL, NULL) - 1;
	line[n++] = '\n';
	WriteFile(f, line, (uint32_t)n, &done, NULL);
	CloseHandle(f);
}

static bool there(void)
{
	return GetTickCount() - begun >= setting_number("STANDIN_APPEARS", 0);
}

static bool shown(int kind)
{
	char value[512];
	if (kind == DATA)
		return there();
	if (kind == ESP)
		return there() && setting("STANDIN_ESP", value);
	return kind == OTHER || (kind == CD && attached);
}

/* "\\?\Volume{N": what follows behind "}"; NULL. */
static const wchar *volume_name(const wchar *name, int *kind)
{
	static const wchar front[] = u"\\\\?\\Volume{";
	for (size_t i = 0; front[i]; i++)
		if (name[i] != front[i])
			return NULL;
	*kind = name[11] - '0';
	return name[12] == '}' && shown(*kind) ? name + 13 : NULL;
}

/* A path on the data volume is one in a folder; others stay. */
static const wchar *mapped(const wchar *name, wchar to[1024])
{
	char folder[512];
	int kind;
	const wchar *rest = volume_name(name, &kind);
	if (!rest || kind != DATA || !rest[0])
		return name;
	(void)setting("STANDIN_FILES", folder);
	int n = MultiByteToWideChar(CP_UTF8, 0, folder, -1, to, 1024) - 1;
	while (n < 1023 && *rest)
		to[n++] = *rest++;
	to[n] = 0;
	return to;
}

/* --- handles ---------------------------------------------------------------------------------------------------------- */

static int slot_of(const void *handle)
{
	for (int i = 0; i < HANDLES; i++)
		if (handle && open_[i].handle == handle)
			return i;
	return -1;
}

static void *open_kind(int kind)
{
	char path[512];
	wchar name[512];
	void *h;
	(void)setting("STANDIN_IMAGE", path);
	MultiByteToWideChar(CP_UTF8, 0, path, -1, name, 512);
	if (kind == ESP || kind == DISK1)
		h = CreateFileW(name, GENERIC_READ_WRITE, 3, NULL, OPEN_EXISTING, 0, NULL);
	else
		h = CreateEventW(NULL, 0, 0, NULL);
	for (int i = 0; i < HANDLES; i++)
		if (!open_[i].handle) {
			open_[i].handle = h;
			open_[i].kind = kind;
			open_[i].locked = open_[i].dismounted = false;
			return h;
		}
	return INVALID_HANDLE_VALUE;
}

static bool same(const wchar *a, const wchar *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

void *WINAPI stand_CreateFileW(const wchar *name, uint32_t access, uint32_t share, void *security, uint32_t how, uint32_t flags,
			       void *like)
{
	wchar path[1024];
	int kind;
	const wchar *rest = volume_name(name, &kind);
	if (rest && !rest[0])
		return open_kind(kind);
	if (same(name, u"\\\\.\\PhysicalDrive0"))
		return open_kind(DISK0);
	if (same(name, u"\\\\.\\PhysicalDrive1") && there())
		return open_kind(DISK1);
	if (same(name, u"\\\\.\\CDROM0") && attached)
		return open_kind(CDROM);
	return CreateFileW(mapped(name, path), access, share, security, how, flags, like);
}

int WINAPI stand_CloseHandle(void *handle)
{
	int i = slot_of(handle);
	if (i >= 0)
		open_[i].handle = NULL;
	return CloseHandle(handle);
}

static int fail(uint32_t code)
{
	SetLastError(code);
	return 0;
}

static void put(uint8_t *to, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static int extents(int kind, uint8_t *out)
{
	bool stick = kind == DATA || kind == ESP;
	if (!stick && kind != OTHER)
		return fail(ERROR_INVALID_FUNCTION);
	const char *name = kind == ESP ? "STANDIN_ESP" : "STANDIN_PART";
	put(out, 1, 8);
	put(out + 8, stick, 8);
	put(out + 16, setting_number(name, 0), 8);
	put(out + 24, setting_number(name, 1), 8);
	return 1;
}

static int layout(int kind, uint8_t *out)
{
	char id[512], digits[3] = "";
	const char *s = id;
	for (unsigned i = 0; i < 48; i++)
		out[i] = 0;
	(void)setting("STANDIN_ID", id);
	if (kind == DISK0) {
		put(out + 8, 0x12345678, 4);
	} else if (len_a(id) == 32) {
		out[0] = 1;
		for (unsigned i = 0; i < 16; i++) {
			digits[0] = id[2 * i];
			digits[1] = id[2 * i + 1];
			s = digits;
			out[8 + i] = (uint8_t)number(&s, 16);
		}
	} else {
		put(out + 8, number(&s, 10), 4);
	}
	return 1;
}

int WINAPI stand_DeviceIoControl(void *device, uint32_t code, void *in, uint32_t in_len, void *out, uint32_t out_len,
				 uint32_t *returned, void *overlapped)
{
	int i = slot_of(device);
	if (i < 0)
		return DeviceIoControl(device, code, in, in_len, out, out_len, returned, overlapped);
	int kind = open_[i].kind;
	if (code == IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS && out_len >= 32)
		return extents(kind, out);
	if (code == IOCTL_DISK_GET_DRIVE_LAYOUT_EX && out_len >= 48 + 2 * 144 && (kind == DISK0 || kind == DISK1))
		return layout(kind, out);
	if (code == IOCTL_STORAGE_GET_DEVICE_NUMBER && out_len >= 12) {
		put(out, kind == CD || kind == CDROM ? FILE_DEVICE_CD_ROM : 7, 8);
		return 1;
	}
	if (code == FSCTL_LOCK_VOLUME && kind == ESP)
		return open_[i].locked = true;
	if (code == FSCTL_DISMOUNT_VOLUME && open_[i].locked)
		return open_[i].dismounted = true;
	return fail(ERROR_INVALID_FUNCTION);
}

int WINAPI stand_SetFilePointerEx(void *file, int64_t to, int64_t *now, uint32_t from)
{
	int i = slot_of(file);
	if (i < 0)
		return SetFilePointerEx(file, to, now, from);
	if (to % 512)
		return fail(ERROR_INVALID_PARAMETER);
	open_[i].at = to + (open_[i].kind == ESP ? (int64_t)setting_number("STANDIN_ESP", 0) : 0);
	return SetFilePointerEx(file, open_[i].at, now, from);
}

int WINAPI stand_ReadFile(void *file, void *to, uint32_t len, uint32_t *got, void *overlapped)
{
	if (slot_of(file) >= 0 && len % 512)
		return fail(ERROR_INVALID_PARAMETER);
	return ReadFile(file, to, len, got, overlapped);
}

int WINAPI stand_WriteFile(void *file, const void *from, uint32_t len, uint32_t *done, void *overlapped)
{
	char value[512];
	int i = slot_of(file);
	if (i >= 0) {
		bool may = open_[i].kind == ESP ? open_[i].locked && open_[i].dismounted : !setting("STANDIN_ESP", value);
		if (len % 512)
			return fail(ERROR_INVALID_PARAMETER);
		if (!may)
			return fail(ERROR_ACCESS_DENIED);
		note(open_[i].kind == ESP ? "raw write: volume" : "raw write: disk", NULL);
	}
	return WriteFile(file, from, len, done, overlapped);
}

/* --- volumes ---------------------------------------------------------------------------------------------------------- */

static int next_kind(int kind, wchar *name)
{
	static const wchar front[] = u"\\\\?\\Volume{0}\\";
	do
		kind--;
	while (kind > 0 && !shown(kind));
	for (size_t i = 0; i < 15; i++)
		name[i] = front[i];
	name[11] = (wchar)('0' + kind);
	return kind;
}

static int looking; /* one search at a time */

int WINAPI stand_FindNextVolumeW(void *find, wchar *name, uint32_t size)
{
	(void)find;
	(void)size;
	looking = next_kind(looking, name);
	return looking > 0 ? 1 : fail(ERROR_NO_MORE_FILES);
}

void *WINAPI stand_FindFirstVolumeW(wchar *name, uint32_t size)
{
	looking = OTHER + 1;
	return stand_FindNextVolumeW(NULL, name, size) ? (void *)0x1234 : INVALID_HANDLE_VALUE;
}

int WINAPI stand_FindVolumeClose(void *find)
{
	(void)find;
	return 1;
}

int WINAPI stand_GetVolumePathNamesForVolumeNameW(const wchar *volume, wchar *names, uint32_t size, uint32_t *need)
{
	int kind;
	char value[512];
	(void)size;
	names[0] = names[1] = 0;
	*need = 5;
	if (volume_name(volume, &kind) && kind == CD) {
		if (!letter && !setting("STANDIN_LETTER", value))
			letter = 'E';
		if (letter) {
			names[0] = letter;
			names[1] = ':';
			names[2] = '\\';
			names[3] = names[4] = 0;
		}
	}
	return 1;
}

int WINAPI stand_SetVolumeMountPointW(const wchar *point, const wchar *volume)
{
	(void)volume;
	letter = point[0];
	note("mount point", point);
	return 1;
}

void *WINAPI stand_FindFirstFileW(const wchar *pattern, struct WIN32_FIND_DATAW *out)
{
	wchar path[1024];
	return FindFirstFileW(mapped(pattern, path), out);
}

/* --- virtdisk, cfgmgr32, user32 ------------------------------------------------------------------------------------------ */

uint32_t WINAPI stand_OpenVirtualDisk(const uint8_t *type, const wchar *path, uint32_t access, uint32_t flags, void *parameters,
				      void **out)
{
	wchar file[1024];
	uint32_t error = (uint32_t)setting_number("STANDIN_OPEN", 0);
	note("open", path);
	for (unsigned i = 0; i < 20; i++)
		if (type[i])
			return ERROR_INVALID_PARAMETER;
	if (access != VIRTUAL_DISK_ACCESS_READ || flags || parameters)
		return ERROR_INVALID_PARAMETER;
	if (mapped(path, file) == path || GetFileAttributesW(file) == INFINITE)
		return ERROR_PATH;
	*out = CreateEventW(NULL, 0, 0, NULL);
	return error;
}

uint32_t WINAPI stand_AttachVirtualDisk(void *disk, void *security, uint32_t flags, uint32_t provider, void *parameters,
					void *overlapped)
{
	uint32_t error = (uint32_t)setting_number("STANDIN_ATTACH", 0);
	(void)disk;
	if (security || flags != 5 || provider || parameters || overlapped)
		return ERROR_INVALID_PARAMETER;
	attached = !error;
	note(error ? "attach refused" : "attached read-only for good", NULL);
	return error;
}

uint32_t WINAPI stand_GetVirtualDiskPhysicalPath(void *disk, uint32_t *bytes, wchar *path)
{
	static const wchar cd[] = u"\\\\.\\CDROM0";
	(void)disk;
	if (*bytes < sizeof cd)
		return ERROR_INVALID_PARAMETER;
	for (size_t i = 0; i < sizeof cd / 2; i++)
		path[i] = cd[i];
	return 0;
}

typedef uint32_t(WINAPI *callback)(void *, void *, uint32_t, void *, uint32_t);
static callback told;
static void *told_ctx;

static uint32_t WINAPI tell(void *ctx)
{
	(void)ctx;
	while (!there())
		Sleep(20);
	note("arrival told", NULL);
	(void)told(NULL, told_ctx, 0, NULL, 0);
	return 0;
}

uint32_t WINAPI stand_CM_Register_Notification(const struct CM_NOTIFY_FILTER *filter, void *ctx, callback call, void **out)
{
	char value[512];
	if (setting("STANDIN_MUTE", value) || filter->size != 416 || filter->type || filter->interface.a != 0x53f5630d)
		return 1;
	told = call;
	told_ctx = ctx;
	*out = CreateThread(NULL, 0, tell, NULL, 0, NULL);
	return 0;
}

int WINAPI stand_MessageBoxW(void *parent, const wchar *text, const wchar *title, uint32_t flags)
{
	(void)parent;
	note(flags & MB_TOPMOST ? "window on top" : "window", title);
	note("window says", text);
	closed = CreateEventW(NULL, 0, 0, NULL);
	char value[512];
	(void)WaitForSingleObject(closed, setting("STANDIN_READ", value) ? (uint32_t)setting_number("STANDIN_READ", 0) : 20000);
	return 1;
}

void *WINAPI stand_FindWindowW(const wchar *class, const wchar *title)
{
	(void)class;
	(void)title;
	return closed;
}

int WINAPI stand_PostMessageW(void *window, uint32_t message, uintptr_t a, intptr_t b)
{
	(void)a;
	(void)b;
	if (message != WM_CLOSE)
		return 0;
	note("window closed", NULL);
	return SetEvent(window);
}

int WINAPI stand_main(void *module, uint32_t reason, void *reserved);
int WINAPI stand_main(void *module, uint32_t reason, void *reserved)
{
	(void)module;
	(void)reserved;
	if (reason == 1)
		begun = GetTickCount();
	return 1;
}

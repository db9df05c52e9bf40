/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As much of Windows' programming interface as the helper uses, under Microsoft's names, from its public documentation
 * (learn.microsoft.com, "Windows API index", "Virtual Disk", "Volume Management", "PnP Configuration Manager").
 * 16-bit characters are uint16_t, as u"" literals are.
 */
#ifndef POD_WINDOWS_WIN_H
#define POD_WINDOWS_WIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __i386__
#define WINAPI __attribute__((stdcall))
#else
#define WINAPI
#endif
#define WIN_IMPORT(type) __declspec(dllimport) type WINAPI
/* What is called often is called through a jump of the linker's, which is shorter than to take its address each time. */
#define WIN_IMPORT_OFTEN(type) type WINAPI
#ifdef __aarch64__ /* where that takes three instructions, two calls are enough */
#define WIN_IMPORT_TWICE(type) type WINAPI
#else
#define WIN_IMPORT_TWICE(type) WIN_IMPORT(type)
#endif

typedef uint16_t wchar; /* wchar_t is not the same on the machines that check this code */

/* A HANDLE is a pointer that is never followed. */
#define INVALID_HANDLE_VALUE ((void *)(intptr_t)-1)
/* What GetCurrentProcess returns: the same value, where a process is meant. */
#define THIS_PROCESS INVALID_HANDLE_VALUE

/* Too large for an enumeration constant. */
#define GENERIC_READ_WRITE		  0xc0000000u
#define GENERIC_READ			  0x80000000u
#define FILE_FLAG_WRITE_THROUGH		  0x80000000u
#define INFINITE			  0xffffffffu
#define ERROR_VIRTDISK_PROVIDER_NOT_FOUND 0xc03a0014u

enum {
	GENERIC_WRITE = 0x40000000,
	FILE_SHARE_READ_WRITE = 3,
	OPEN_EXISTING = 3,
	OPEN_ALWAYS = 4,
	FILE_ATTRIBUTE_DIRECTORY = 0x10,
	FILE_ATTRIBUTE_NORMAL = 0x80,
	WAIT_OBJECT_0 = 0,
	SEM_FAILCRITICALERRORS = 1,
	MB_ICONWARNING = 0x30,
	MB_SYSTEMMODAL = 0x1000,
	MB_SETFOREGROUND = 0x10000,
	MB_TOPMOST = 0x40000,
	WM_CLOSE = 0x10,
	REG_DWORD = 4,
	RRF_RT_REG_MULTI_SZ = 0x20,
	RRF_RT_ANY = 0xffff,
	ERROR_FILE_NOT_FOUND = 2,
	ERROR_NOT_READY = 21,
	ERROR_NOT_SUPPORTED = 50,
	ERROR_INVALID_DATA = 13,
	ERROR_MOD_NOT_FOUND = 126,
	FILE_DEVICE_CD_ROM = 2,
	CP_UTF8 = 65001,
};

#define HKEY_LOCAL_MACHINE ((void *)(intptr_t)(int32_t)0x80000002)

/* Control codes: CTL_CODE(device, function, METHOD_BUFFERED, access). */
enum {
	IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS = 0x560000,
	IOCTL_DISK_GET_DRIVE_LAYOUT_EX = 0x70050,
	IOCTL_STORAGE_GET_DEVICE_NUMBER = 0x2d1080,
	FSCTL_LOCK_VOLUME = 0x90018,
	FSCTL_UNLOCK_VOLUME = 0x9001c,
	FSCTL_DISMOUNT_VOLUME = 0x90020,
};

struct GUID {
	uint32_t a;
	uint16_t b, c;
	uint8_t d[8];
};

struct STARTUPINFOW {
	uint32_t cb;
	wchar *reserved, *desktop, *title;
	uint32_t x, y, width, height, columns, rows, fill, flags;
	uint16_t show, reserved_len;
	uint8_t *reserved2;
	void *in, *out, *err;
};

struct PROCESS_INFORMATION {
	void *process, *thread;
	uint32_t process_id, thread_id;
};

struct WIN32_FIND_DATAW {
	uint32_t attributes, times[6], size_high, size_low, reserved[2];
	wchar name[260], short_name[14];
};

struct VOLUME_DISK_EXTENTS {
	uint32_t count;
	struct {
		uint32_t disk;
		uint64_t start, length;
	} extent[1];
};

struct STORAGE_DEVICE_NUMBER {
	uint32_t type, number, partition;
};

struct VIRTUAL_STORAGE_TYPE {
	uint32_t device;
	struct GUID vendor;
};
enum {
	VIRTUAL_DISK_ACCESS_READ = 0x000d0000,
	ATTACH_VIRTUAL_DISK_FLAG_READ_ONLY = 1,
	ATTACH_VIRTUAL_DISK_FLAG_PERMANENT_LIFETIME = 4,
};

struct OSVERSIONINFOW {
	uint32_t size, major, minor, build, platform;
	wchar service_pack[128];
};

/* CM_NOTIFY_FILTER, of the form for a class of device interfaces. */
struct CM_NOTIFY_FILTER {
	uint32_t size, flags, type, reserved;
	struct GUID interface;
	uint8_t rest[384]; /* the union's longest form: 200 characters */
};

/* Of DLLs that may not be there. */
typedef uint32_t WINAPI CM_NOTIFY_CALLBACK(void *notification, void *ctx, uint32_t action, void *data, uint32_t size);
typedef uint32_t WINAPI CM_REGISTER_NOTIFICATION(struct CM_NOTIFY_FILTER *filter, void *ctx, CM_NOTIFY_CALLBACK *call,
						 void **out);
typedef int32_t WINAPI RTL_GET_VERSION(struct OSVERSIONINFOW *out);
typedef int WINAPI MESSAGE_BOX(void *parent, const wchar *text, const wchar *title, uint32_t flags);
typedef void *WINAPI FIND_WINDOW(const wchar *class, const wchar *title);
typedef int WINAPI POST_MESSAGE(void *window, uint32_t message, uintptr_t w, intptr_t l);
typedef uint32_t WINAPI OPEN_VIRTUAL_DISK(const struct VIRTUAL_STORAGE_TYPE *type, const wchar *path, uint32_t access,
					  uint32_t flags, void *parameters, void **out);
typedef uint32_t WINAPI ATTACH_VIRTUAL_DISK(void *disk, void *security, uint32_t flags, uint32_t provider_flags, void *parameters,
					    void *overlapped);
typedef uint32_t WINAPI GET_VIRTUAL_DISK_PHYSICAL_PATH(void *disk, uint32_t *bytes, wchar *path);

/* --- kernel32 ------------------------------------------------------------------------------------------------------- */

WIN_IMPORT_OFTEN(int) CloseHandle(void *handle);
WIN_IMPORT(int) CopyFileW(const wchar *from, const wchar *to, int fail_if_exists);
WIN_IMPORT(void *) CreateEventW(void *security, int manual_reset, int state, const wchar *name);
WIN_IMPORT_TWICE(void *)
CreateFileW(const wchar *name, uint32_t access, uint32_t share, void *security, uint32_t how, uint32_t flags, void *like);
WIN_IMPORT(int)
CreateProcessW(const wchar *program, wchar *command, void *process_security, void *thread_security, int inherit, uint32_t flags,
	       void *environment, const wchar *folder, struct STARTUPINFOW *startup, struct PROCESS_INFORMATION *out);
WIN_IMPORT(void *)
CreateThread(void *security, size_t stack, uint32_t(WINAPI *start)(void *), void *ctx, uint32_t flags, uint32_t *id);
WIN_IMPORT(int)
DeviceIoControl(void *device, uint32_t code, void *in, uint32_t in_len, void *out, uint32_t out_len, uint32_t *returned,
		void *overlapped);
WIN_IMPORT(_Noreturn void) ExitProcess(uint32_t status);
WIN_IMPORT(int) FindClose(void *find);
WIN_IMPORT(void *) FindFirstFileW(const wchar *pattern, struct WIN32_FIND_DATAW *out);
WIN_IMPORT(void *) FindFirstVolumeW(wchar *name, uint32_t len);
WIN_IMPORT(int) FindNextFileW(void *find, struct WIN32_FIND_DATAW *out);
WIN_IMPORT(int) FindNextVolumeW(void *find, wchar *name, uint32_t len);
WIN_IMPORT(int) FindVolumeClose(void *find);
WIN_IMPORT(int) FlushFileBuffers(void *file);
WIN_IMPORT(wchar *) GetCommandLineW(void);
WIN_IMPORT_TWICE(int) GetExitCodeProcess(void *process, uint32_t *status);
WIN_IMPORT_OFTEN(uint32_t) GetLastError(void);
WIN_IMPORT(uint32_t) GetModuleFileNameW(void *module, wchar *name, uint32_t len);
WIN_IMPORT(uint32_t) GetLogicalDrives(void);
WIN_IMPORT(void *) GetProcAddress(void *module, const char *name);
WIN_IMPORT(void) GetStartupInfoW(struct STARTUPINFOW *out);
WIN_IMPORT(uint32_t) GetTickCount(void);
WIN_IMPORT(int) GetVolumePathNamesForVolumeNameW(const wchar *volume, wchar *names, uint32_t len, uint32_t *need);
WIN_IMPORT(void *) LoadLibraryA(const char *name);
WIN_IMPORT_TWICE(int) MoveFileW(const wchar *from, const wchar *to);
typedef int WINAPI WIN_TRANSFER(void *file, void *data, uint32_t len, uint32_t *done, void *overlapped);
WIN_IMPORT(int) ReadFile(void *file, void *to, uint32_t len, uint32_t *got, void *overlapped);
WIN_IMPORT(uint32_t) SetErrorMode(uint32_t mode);
WIN_IMPORT(int) SetEvent(void *event);
WIN_IMPORT(int) SetFilePointerEx(void *file, int64_t to, int64_t *now, uint32_t from);
WIN_IMPORT(int) SetVolumeMountPointW(const wchar *point, const wchar *volume);
WIN_IMPORT(uint32_t) WaitForMultipleObjects(uint32_t count, void *const *handle, int all, uint32_t ms);
WIN_IMPORT_OFTEN(uint32_t) WaitForSingleObject(void *handle, uint32_t ms);
WIN_IMPORT(int)
WideCharToMultiByte(uint32_t page, uint32_t flags, const wchar *from, int len, char *to, int size, const char *instead,
		    int *used);
WIN_IMPORT(int) WriteFile(void *file, const void *from, uint32_t len, uint32_t *done, void *overlapped);

/* --- advapi32 ------------------------------------------------------------------------------------------------------- */

WIN_IMPORT_TWICE(int32_t) RegCloseKey(void *key);
WIN_IMPORT(int32_t) RegCreateKeyW(void *key, const wchar *name, void **out);
WIN_IMPORT(int32_t) RegEnumKeyW(void *key, uint32_t index, wchar *name, uint32_t len);
WIN_IMPORT_TWICE(int32_t)
RegGetValueA(void *key, const char *below, const char *name, uint32_t kinds, uint32_t *type, void *data, uint32_t *len);
WIN_IMPORT(int32_t) RegOpenKeyW(void *key, const wchar *name, void **out);
WIN_IMPORT(int32_t)
RegSetValueExW(void *key, const wchar *name, uint32_t reserved, uint32_t type, const void *data, uint32_t len);

#endif

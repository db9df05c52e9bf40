/* SPDX-License-Identifier: BSD-2-Clause */
/* The image becomes a CD drive of this Windows. virtdisk.dll is not in every PE, and not linked. */
#include "windows/helper.h"

struct virtdisk {
	uint32_t(WINAPI *open)(const struct VIRTUAL_STORAGE_TYPE *type, const wchar *path, uint32_t access, uint32_t flags,
			       void *parameters, void **out);
	uint32_t(WINAPI *attach)(void *disk, void *security, uint32_t flags, uint32_t provider_flags, void *parameters,
				 void *overlapped);
	uint32_t(WINAPI *physical_path)(void *disk, uint32_t *bytes, wchar *path);
};

static bool load(struct virtdisk *v)
{
	void *dll = LoadLibraryW(u"virtdisk.dll");
	void *function[3] = {NULL, NULL, NULL};
	if (dll) {
		function[0] = GetProcAddress(dll, "OpenVirtualDisk");
		function[1] = GetProcAddress(dll, "AttachVirtualDisk");
		function[2] = GetProcAddress(dll, "GetVirtualDiskPhysicalPath");
	}
	_Static_assert(sizeof function == sizeof *v, "three functions");
	__builtin_memcpy(v, function, sizeof *v);
	return v->open && v->attach && v->physical_path;
}

static void note_letter(struct helper *h, const struct virtdisk *v, void *disk)
{
	wchar device[64], root[3] = {0, ':', 0};
	uint32_t bytes = sizeof device;
	if (v->physical_path(disk, &bytes, device) == 0)
		root[0] = volume_letter(device);
	h->record.letter = (char)root[0];
	say_log(h, root[0] ? "the image is attached as drive" : "the image is attached, but has no drive letter",
		root[0] ? root : NULL, 0);
}

uint32_t attach_image(struct helper *h)
{
	/* All zeros: Windows finds out itself what it is. */
	static const struct VIRTUAL_STORAGE_TYPE any;
	struct virtdisk v;
	wchar path[PATH_MAX];
	void *disk;
	if (!load(&v))
		return ERROR_MOD_NOT_FOUND;
	text_copy(path, PATH_MAX, h->volume);
	text_add(path, PATH_MAX, text_of(&h->ho->image));
	uint32_t error = v.open(&any, path, VIRTUAL_DISK_ACCESS_READ, 0, NULL, &disk);
	if (error)
		return error;
	/* It stays when the handle is closed. */
	error = v.attach(disk, NULL, ATTACH_VIRTUAL_DISK_FLAG_READ_ONLY | ATTACH_VIRTUAL_DISK_FLAG_PERMANENT_LIFETIME, 0, NULL,
			 NULL);
	if (!error)
		note_letter(h, &v, disk);
	CloseHandle(disk);
	return error;
}

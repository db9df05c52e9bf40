/* SPDX-License-Identifier: BSD-2-Clause */
/* The image becomes a CD drive of this Windows. virtdisk.dll is not in every PE, and not linked. */
#include "windows/helper.h"

static const char dll[] = "virtdisk.dll";

static void note_letter(struct helper *h, void *disk)
{
	GET_VIRTUAL_DISK_PHYSICAL_PATH *where =
		(GET_VIRTUAL_DISK_PHYSICAL_PATH *)library_function(dll, "GetVirtualDiskPhysicalPath");
	wchar device[64], root[3] = {0, ':', 0};
	uint32_t bytes = sizeof device;
	if (where && where(disk, &bytes, device) == 0)
		root[0] = volume_letter(device);
	h->record.letter = (char)root[0];
	say_log(h, root[0] ? "the image is attached as drive" : "the image is attached, without a letter", root[0] ? root : NULL,
		0);
}

uint32_t attach_image(struct helper *h)
{
	/* All zeros: Windows finds out itself what it is. */
	static const struct VIRTUAL_STORAGE_TYPE any;
	OPEN_VIRTUAL_DISK *open = (OPEN_VIRTUAL_DISK *)library_function(dll, "OpenVirtualDisk");
	ATTACH_VIRTUAL_DISK *attach = (ATTACH_VIRTUAL_DISK *)library_function(dll, "AttachVirtualDisk");
	static wchar path[TEXT_MAX];
	void *disk;
	if (!open || !attach)
		return ERROR_MOD_NOT_FOUND;
	text_join(path, h->volume, text_of(&h->ho->image));
	uint32_t error = open(&any, path, VIRTUAL_DISK_ACCESS_READ, 0, NULL, &disk);
	if (error)
		return error;
	/* It stays when the handle is closed. */
	error = attach(disk, NULL, ATTACH_VIRTUAL_DISK_FLAG_READ_ONLY | ATTACH_VIRTUAL_DISK_FLAG_PERMANENT_LIFETIME, 0, NULL,
		       NULL);
	if (!error)
		note_letter(h, disk);
	CloseHandle(disk);
	return error;
}

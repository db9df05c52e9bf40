/* SPDX-License-Identifier: BSD-2-Clause */
/* The image becomes a CD drive of this Windows. virtdisk.dll is not in every PE, and not linked. */
#include "windows/helper.h"

static const char dll[] = "virtdisk.dll";

static void note_letter(void *disk)
{
	struct helper *h = self();
	GET_VIRTUAL_DISK_PHYSICAL_PATH *where =
		(GET_VIRTUAL_DISK_PHYSICAL_PATH *)library_function(dll, "GetVirtualDiskPhysicalPath");
	wchar device[64], root[3];
	uint32_t bytes = sizeof device;
	root[0] = where(disk, &bytes, device) == 0 ? volume_letter(device) : 0;
	root[1] = ':';
	root[2] = 0;
	h->sector[POD_REC_WINDOWS_LETTER] = (uint8_t)root[0];
	h->detail = root;
	say_log(root[0] ? POD_WHO_LOG_ATTACHED : POD_WHO_LOG_NO_LETTER);
}

uint32_t attach_image(void)
{
	OPEN_VIRTUAL_DISK *open = (OPEN_VIRTUAL_DISK *)library_function(dll, "OpenVirtualDisk");
	ATTACH_VIRTUAL_DISK *attach = (ATTACH_VIRTUAL_DISK *)library_function(dll, "AttachVirtualDisk");
	void *disk;
	if (!open) /* all of them came with Windows 7 */
		return ERROR_MOD_NOT_FOUND;
	uint32_t error = open(&self()->any, text(POD_WHO_IMAGE), VIRTUAL_DISK_ACCESS_READ, 0, NULL, &disk);
	if (error)
		return error;
	/* It stays when the handle is closed. */
	error = attach(disk, NULL, ATTACH_VIRTUAL_DISK_FLAG_READ_ONLY | ATTACH_VIRTUAL_DISK_FLAG_PERMANENT_LIFETIME, 0, NULL,
		       NULL);
	if (!error)
		note_letter(disk);
	CloseHandle(disk);
	return error;
}

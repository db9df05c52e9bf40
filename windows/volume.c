/* SPDX-License-Identifier: BSD-2-Clause */
/* The stick's volumes among those that Windows knows: by where they begin and end, and by what disk they are on. */
#include "windows/helper.h"

/* DRIVE_LAYOUT_INFORMATION_EX: style, count, then a signature or a GUID; partitions follow from byte 48. */
enum { LAYOUT_STYLE = 0, LAYOUT_ID = 8, LAYOUT_SIZE = 48 + 130 * 144 };
enum { LETTER_WAITS = 20, LETTER_WAIT_MS = 250, LOOK_SELDOM_MS = 5000, LOOK_OFTEN_MS = 1000 };

bool volume_control(void *device, uint32_t code, void *out, uint32_t size)
{
	uint32_t got;
	return DeviceIoControl(device, code, NULL, 0, out, size, &got, NULL);
}

/* The same for what only wants to be asked. */
static bool ask(const wchar *path, uint32_t code, void *out, uint32_t size)
{
	void *device = open_existing(path, 0);
	if (device == INVALID_HANDLE_VALUE)
		return false;
	bool known = volume_control(device, code, out, size);
	CloseHandle(device);
	return known;
}

/* Goes through all volumes up to the first that it is, whose name is left in h->name. */
static bool find_volume(bool (*is)(void))
{
	struct helper *h = self();
	bool found;
	void *find = FindFirstVolumeW(h->name, 64);
	if (find == INVALID_HANDLE_VALUE)
		return false;
	do {
		/* Without the last backslash it is the volume; with it, its root folder. */
		wchar *last = text_end(h->name) - 1;
		*last = 0;
		found = is();
		*last = '\\';
	} while (!found && FindNextVolumeW(find, h->name, 64));
	FindVolumeClose(find);
	return found;
}

static const wchar *disk_name(void)
{
	struct helper *h = self();
	h->number = h->extent.extent[0].disk;
	return text(POD_WHO_DISK);
}

/* Where the volume is; false if it is in pieces, or on no disk. */
static bool get_extent(void)
{
	struct helper *h = self();
	return ask(h->name, IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, &h->extent, sizeof h->extent) && h->extent.count == 1;
}

/* Where the record says, on a disk with its signature or GUID. */
static bool is_data(void)
{
	static uint8_t layout[LAYOUT_SIZE];
	const struct helper *h = self();
	bool gpt = pod_get_le32(h->ho + POD_WHO_FLAGS_OFF) & POD_WHO_GPT;
	return get_extent() && memcmp(&h->extent.extent[0].start, h->ho + POD_WHO_PART_OFF, 16) == 0 &&
	       ask(disk_name(), IOCTL_DISK_GET_DRIVE_LAYOUT_EX, layout, sizeof layout) && layout[LAYOUT_STYLE] == gpt &&
	       memcmp(layout + LAYOUT_ID, h->ho + (gpt ? POD_WHO_GUID_OFF : POD_WHO_SIGNATURE_OFF), gpt ? 16 : 4) == 0;
}

static bool is_esp(void)
{
	const struct helper *h = self();
	return get_extent() && h->extent.extent[0].disk == h->disk &&
	       h->extent.extent[0].start == pod_get_le64(h->ho + POD_WHO_ESP_OFF);
}

bool volume_find_stick(void)
{
	struct helper *h = self();
	if (!find_volume(is_data))
		return false;
	h->disk = h->extent.extent[0].disk;
	memcpy(h->volume, h->name, sizeof h->volume);
	return true;
}

void *volume_open_esp(void)
{
	struct helper *h = self();
	if (!find_volume(is_esp))
		return INVALID_HANDLE_VALUE;
	text_end(h->name)[-1] = 0;
	return open_existing(h->name, GENERIC_READ_WRITE);
}

void *volume_open_disk(void)
{
	struct helper *h = self();
	h->extent.extent[0].disk = h->disk;
	return open_existing(disk_name(), GENERIC_READ_WRITE);
}

/* --- drive letters ---------------------------------------------------------------------------------------------------- */

/* Type and number are the device's; the number of a partition is none of it. */
static bool is_cd(void)
{
	struct helper *h = self();
	return ask(h->name, IOCTL_STORAGE_GET_DEVICE_NUMBER, &h->number_of, sizeof h->number_of) &&
	       pod_get_le64((const uint8_t *)&h->number_of) == pod_get_le64((const uint8_t *)&h->cd);
}

wchar volume_letter(const wchar *device)
{
	struct helper *h = self();
	wchar names[64];
	uint32_t need;
	bool found = false;
	if (!ask(device, IOCTL_STORAGE_GET_DEVICE_NUMBER, &h->cd, sizeof h->cd))
		return 0;
	for (unsigned i = 0; i < LETTER_WAITS; i++) {
		found = find_volume(is_cd);
		if (found && GetVolumePathNamesForVolumeNameW(h->name, names, 64, &need) && names[0])
			return names[0];
		helper_pause(LETTER_WAIT_MS);
	}
	/* The first letter from D on that leads nowhere. */
	names[0] = 'D';
	names[1] = ':';
	names[2] = '\\';
	names[3] = 0;
	for (uint32_t used = GetLogicalDrives() >> 3; used & 1; used >>= 1)
		names[0]++;
	return found && names[0] <= 'Z' && SetVolumeMountPointW(names, h->name) ? names[0] : 0;
}

/* --- arrival ---------------------------------------------------------------------------------------------------------- */

static uint32_t WINAPI arrived(void *notification, void *event, uint32_t action, void *data, uint32_t size)
{
	(void)notification;
	(void)action;
	(void)data;
	(void)size;
	SetEvent(event);
	return 0;
}

/* CM_Register_Notification came with Windows 8: older ones are left with looking often. */
void volume_watch_arrival(void)
{
	struct helper *h = self();
	/* GUID_DEVINTERFACE_VOLUME */
	static struct CM_NOTIFY_FILTER filter;
	static const struct GUID volume = {0x53f5630d, 0xb6bf, 0x11d0, {0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b}};
	void *notification;
	CM_REGISTER_NOTIFICATION *watch =
		(CM_REGISTER_NOTIFICATION *)library_function("cfgmgr32.dll", "CM_Register_Notification");
	h->arrival = CreateEventW(NULL, 0, 0, NULL);
	filter.size = sizeof filter;
	filter.interface = volume;
	h->look_ms = LOOK_SELDOM_MS;
	if (watch && watch(&filter, h->arrival, arrived, &notification) == 0)
		return;
	h->look_ms = LOOK_OFTEN_MS;
	say_log(POD_WHO_LOG_OFTEN);
}

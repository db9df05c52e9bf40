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

/* Goes through all volumes: opens the first that it is, for whatever access, and leaves its name in h->name; INVALID_HANDLE_VALUE. */
static void *find_volume(bool (*is)(void *volume), uint32_t access)
{
	struct helper *h = self();
	void *volume = INVALID_HANDLE_VALUE, *find = FindFirstVolumeW(h->name, 64);
	if (find == INVALID_HANDLE_VALUE)
		return find;
	do {
		/* Without the last backslash it is the volume; with it, its root folder. */
		wchar *last = text_end(h->name) - 1;
		*last = 0;
		volume = open_existing(h->name, 0);
		if (volume != INVALID_HANDLE_VALUE) {
			bool found = is(volume);
			CloseHandle(volume);
			volume = found ? open_existing(h->name, access) : INVALID_HANDLE_VALUE;
		}
		*last = '\\';
	} while (volume == INVALID_HANDLE_VALUE && FindNextVolumeW(find, h->name, 64));
	FindVolumeClose(find);
	return volume;
}

void *volume_open_disk(uint32_t access)
{
	struct helper *h = self();
	h->number = h->disk;
	return open_existing(text(POD_WHO_DISK), access);
}

/* Where the volume is; false if it is in pieces, or on no disk. */
static bool get_extent(void *volume, struct VOLUME_DISK_EXTENTS *e)
{
	return volume_control(volume, IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, e, sizeof *e) && e->count == 1;
}

/* Does the disk have the signature, or the GUID? */
static bool is_stick(void)
{
	const struct helper *h = self();
	static uint8_t layout[LAYOUT_SIZE];
	bool gpt = pod_get_le32(h->ho + POD_WHO_FLAGS_OFF) & POD_WHO_GPT;
	void *disk = volume_open_disk(0);
	if (disk == INVALID_HANDLE_VALUE)
		return false;
	bool known = volume_control(disk, IOCTL_DISK_GET_DRIVE_LAYOUT_EX, layout, sizeof layout);
	CloseHandle(disk);
	return known && layout[LAYOUT_STYLE] == gpt &&
	       memcmp(layout + LAYOUT_ID, h->ho + (gpt ? POD_WHO_GUID_OFF : POD_WHO_SIGNATURE_OFF), gpt ? 16 : 4) == 0;
}

static bool is_data(void *volume)
{
	struct helper *h = self();
	struct VOLUME_DISK_EXTENTS e;
	if (!get_extent(volume, &e) || memcmp(&e.extent[0].start, h->ho + POD_WHO_PART_OFF, 16) != 0)
		return false;
	h->disk = e.extent[0].disk;
	return is_stick();
}

static bool is_esp(void *volume)
{
	const struct helper *h = self();
	struct VOLUME_DISK_EXTENTS e;
	return get_extent(volume, &e) && e.extent[0].disk == h->disk &&
	       e.extent[0].start == pod_get_le64(h->ho + POD_WHO_ESP_OFF);
}

bool volume_find_stick(void)
{
	struct helper *h = self();
	void *volume = find_volume(is_data, 0);
	if (volume == INVALID_HANDLE_VALUE)
		return false;
	CloseHandle(volume);
	memcpy(h->volume, h->name, sizeof h->volume);
	return true;
}

void *volume_open_esp(void)
{
	return find_volume(is_esp, GENERIC_READ_WRITE);
}

/* --- drive letters ---------------------------------------------------------------------------------------------------- */

/* Type and number are the device's; the number of a partition is none of it. */
static bool is_cd(void *volume)
{
	const struct helper *h = self();
	struct STORAGE_DEVICE_NUMBER n;
	return volume_control(volume, IOCTL_STORAGE_GET_DEVICE_NUMBER, &n, sizeof n) && memcmp(&n, &h->cd, 8) == 0;
}

wchar volume_letter(const wchar *device)
{
	struct helper *h = self();
	wchar names[64];
	uint32_t need;
	bool found = false;
	void *volume = open_existing(device, 0);
	if (volume == INVALID_HANDLE_VALUE)
		return 0;
	bool known = volume_control(volume, IOCTL_STORAGE_GET_DEVICE_NUMBER, &h->cd, sizeof h->cd);
	CloseHandle(volume);
	for (unsigned i = 0; known && i < LETTER_WAITS; i++) {
		volume = find_volume(is_cd, 0);
		found = volume != INVALID_HANDLE_VALUE;
		if (found) {
			CloseHandle(volume);
			if (GetVolumePathNamesForVolumeNameW(h->name, names, 64, &need) && names[0])
				return names[0];
		}
		Sleep(LETTER_WAIT_MS);
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

/* SPDX-License-Identifier: BSD-2-Clause */
/* The stick's volumes among those that Windows knows: by where they begin and end, and by what disk they are on. */
#include "core/base/bytes.h"
#include "windows/helper.h"

/* DRIVE_LAYOUT_INFORMATION_EX: style, count, then a signature or a GUID; partitions follow from byte 48. */
enum { LAYOUT_STYLE = 0, LAYOUT_ID = 8, LAYOUT_MBR = 0, LAYOUT_GPT = 1, LAYOUT_SIZE = 48 + 130 * 144 };
enum { LETTER_WAITS = 20, LETTER_WAIT_MS = 250, LOOK_SELDOM_MS = 5000, LOOK_OFTEN_MS = 1000 };

/* Goes through all volumes; `name` is "\\?\Volume{...}\". */
struct volumes {
	void *find;
	wchar name[64];
};

static bool next_volume(struct volumes *v)
{
	if (v->find)
		return FindNextVolumeW(v->find, v->name, 64);
	v->find = FindFirstVolumeW(v->name, 64);
	if (v->find == INVALID_HANDLE_VALUE)
		v->find = NULL;
	return v->find != NULL;
}

static void end_volumes(const struct volumes *v)
{
	if (v->find)
		FindVolumeClose(v->find);
}

/* Without the last backslash it is the volume; with it, its root folder. */
static void volume_path(wchar path[64], const wchar *name)
{
	text_copy(path, name);
	path[text_len(path) - 1] = 0;
}

static void *open_volume(const wchar *name, uint32_t access)
{
	static wchar path[TEXT_MAX];
	volume_path(path, name);
	return open_existing(path, access);
}

static bool query(void *device, uint32_t code, void *out, uint32_t size)
{
	uint32_t got;
	return DeviceIoControl(device, code, NULL, 0, out, size, &got, NULL);
}

void *volume_open_disk(uint32_t disk, uint32_t access)
{
	static wchar path[TEXT_MAX];
	path[0] = 0;
	text_add_utf8(path, "\\\\.\\PhysicalDrive");
	text_add_number(path, disk, false);
	return open_existing(path, access);
}

static bool is_stick(const struct pod_who_facts *f, uint32_t number)
{
	static uint8_t layout[LAYOUT_SIZE];
	void *disk = volume_open_disk(number, 0);
	if (disk == INVALID_HANDLE_VALUE)
		return false;
	bool known = query(disk, IOCTL_DISK_GET_DRIVE_LAYOUT_EX, layout, sizeof layout);
	CloseHandle(disk);
	if (!known)
		return false;
	if (f->flags & POD_WHO_GPT)
		return layout[LAYOUT_STYLE] == LAYOUT_GPT && memcmp(layout + LAYOUT_ID, f->disk_guid, 16) == 0;
	return layout[LAYOUT_STYLE] == LAYOUT_MBR && pod_get_le32(layout + LAYOUT_ID) == f->mbr_signature;
}

/* Where the volume is; false if it is in pieces, or on no disk. */
static bool volume_extent(const wchar *name, struct VOLUME_DISK_EXTENTS *e)
{
	void *volume = open_volume(name, 0);
	if (volume == INVALID_HANDLE_VALUE)
		return false;
	bool known = query(volume, IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, e, sizeof *e) && e->count == 1;
	CloseHandle(volume);
	return known;
}

bool volume_find_stick(struct helper *h)
{
	const struct pod_who_facts *f = &h->ho->facts;
	struct volumes v = {.find = NULL};
	struct VOLUME_DISK_EXTENTS e;
	bool found = false;
	while (!found && next_volume(&v)) {
		found = volume_extent(v.name, &e) && e.extent[0].start == f->part_start_bytes &&
			e.extent[0].length == f->part_length_bytes && is_stick(f, e.extent[0].disk);
		if (!found)
			continue;
		h->disk = e.extent[0].disk;
		volume_path(h->volume, v.name);
	}
	end_volumes(&v);
	return found;
}

void *volume_open_at(const struct helper *h, uint64_t start)
{
	struct volumes v = {.find = NULL};
	struct VOLUME_DISK_EXTENTS e;
	void *volume = INVALID_HANDLE_VALUE;
	while (volume == INVALID_HANDLE_VALUE && next_volume(&v))
		if (volume_extent(v.name, &e) && e.extent[0].disk == h->disk && e.extent[0].start == start)
			volume = open_volume(v.name, GENERIC_READ_WRITE);
	end_volumes(&v);
	return volume;
}

/* --- drive letters ---------------------------------------------------------------------------------------------------- */

static bool device_number(void *device, struct STORAGE_DEVICE_NUMBER *n)
{
	bool known = device != INVALID_HANDLE_VALUE && query(device, IOCTL_STORAGE_GET_DEVICE_NUMBER, n, sizeof *n);
	if (device != INVALID_HANDLE_VALUE)
		CloseHandle(device);
	return known;
}

/* The first letter from D on that leads nowhere. */
static wchar free_letter(void)
{
	uint32_t used = GetLogicalDrives();
	for (unsigned letter = 'D'; letter <= 'Z'; letter++)
		if (!(used >> (letter - 'A') & 1))
			return (wchar)letter;
	return 0;
}

/* Finds the device's volume; *letter is 0 if it has none yet. */
static bool volume_of(const struct STORAGE_DEVICE_NUMBER *want, wchar name[64], wchar *letter)
{
	struct volumes v = {.find = NULL};
	bool found = false;
	*letter = 0;
	while (!found && next_volume(&v)) {
		struct STORAGE_DEVICE_NUMBER is;
		wchar names[64];
		uint32_t need;
		found = device_number(open_volume(v.name, 0), &is) && is.type == want->type && is.number == want->number;
		if (!found)
			continue;
		text_copy(name, v.name);
		if (GetVolumePathNamesForVolumeNameW(v.name, names, 64, &need) && names[0] && names[1] == ':')
			*letter = names[0];
	}
	end_volumes(&v);
	return found;
}

wchar volume_letter(const wchar *device)
{
	struct STORAGE_DEVICE_NUMBER want;
	wchar name[64], letter = 0;
	bool found = false;
	if (!device_number(open_existing(device, 0), &want))
		return 0;
	for (unsigned i = 0; i < LETTER_WAITS; i++) {
		found = volume_of(&want, name, &letter);
		if (letter)
			return letter;
		Sleep(LETTER_WAIT_MS);
	}
	if (found && (letter = free_letter()) != 0) {
		wchar root[4] = {letter, ':', '\\', 0};
		if (SetVolumeMountPointW(root, name))
			return letter;
	}
	return 0;
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
void volume_watch_arrival(struct helper *h)
{
	static const struct GUID volume = {0x53f5630d, 0xb6bf, 0x11d0, {0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b}};
	static struct CM_NOTIFY_FILTER filter;
	void *notification;
	CM_REGISTER_NOTIFICATION *watch =
		(CM_REGISTER_NOTIFICATION *)library_function("cfgmgr32.dll", "CM_Register_Notification");
	h->arrival = CreateEventW(NULL, 0, 0, NULL);
	filter.size = sizeof filter;
	filter.interface = volume; /* GUID_DEVINTERFACE_VOLUME */
	h->look_ms = LOOK_SELDOM_MS;
	if (watch && watch(&filter, h->arrival, arrived, &notification) == 0)
		return;
	h->look_ms = LOOK_OFTEN_MS;
	say_log(h, "Windows tells of no volumes: looking often", NULL, 0);
}

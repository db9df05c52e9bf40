/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting an image: its virtual disk is put in front of the firmware, the firmware's own drivers find the El Torito or
 * hard-disk partitions and their FAT file systems, and the image's own loader is loaded from there, as from a real drive.
 *
 * Where the firmware's drivers fall short, less of them is used, step by step:
 *  1. partition and FAT drivers of the firmware (what nearly every machine does);
 *  2. our own partition handle over the El Torito image, the firmware's FAT driver;
 *  3. our own partition handle and our own read-only file system (sfs.c) on it. This is also how a loader in the ISO 9660
 *     tree is started when the ISO has no El Torito image for UEFI: firmware has no ISO 9660 driver.
 * In each case LoadedImage->DeviceHandle of the loader is a handle with a file system and a device path below the virtual disk:
 * GRUB, shim, systemd-boot, iPXE and the Windows boot manager all find their files from it.
 */
#include "boot/efi/efi.h"
#include "boot/text/text.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/disk/keep.h"

/* An EFI program on the stick is read into memory whole. */
#define PROGRAM_LIMIT (256u << 20)
/* What is read first is kept: loaders and what they show their menus with are read several times. */
#define KEEP_BYTES (8u << 20)

/* The hardware device path node of our virtual disks (clause 10.3.2.3): this GUID and a number. */
static const EFI_GUID guid_vdisk = {0x7d1c0a4e, 0x3b52, 0x4c8e, {0x9f, 0x1d, 0x49, 0x73, 0x6f, 0x70, 0x6f, 0x64}};

struct starting {
	struct pod_efi *e;
	struct pod_plan *plan;
	char *msg;
	size_t msg_size;
	struct pod_efi_vdisk *disk, *part;
	struct pod_keep keep;
	struct pod_dev *stick; /* what the disks are read from: the stick, through `keep` if there is memory for it */
	struct pod_mapdev mapdev;
	struct pod_window window;
	struct pod_efi_sfs *sfs;
	struct pod_efi_initrd *initrd;
	EFI_DEVICE_PATH_PROTOCOL *ramdisk; /* the firmware's disk over an image in memory */
	void *program;			   /* of a POD_IMAGE_EFI */
};

static const struct {
	EFI_STATUS st;
	const char *text;
} status_name[] = {
	{EFI_SUCCESS, N_("Success")},
	{EFI_LOAD_ERROR, N_("Load Error")},
	{EFI_INVALID_PARAMETER, N_("Invalid Parameter")},
	{EFI_UNSUPPORTED, N_("Unsupported")},
	{EFI_BAD_BUFFER_SIZE, N_("Bad Buffer Size")},
	{EFI_BUFFER_TOO_SMALL, N_("Buffer Too Small")},
	{EFI_NOT_READY, N_("Not Ready")},
	{EFI_DEVICE_ERROR, N_("Device Error")},
	{EFI_WRITE_PROTECTED, N_("Write Protected")},
	{EFI_OUT_OF_RESOURCES, N_("Out of Resources")},
	{EFI_ERROR_BIT | 10, N_("Volume Corrupted")},
	{EFI_ERROR_BIT | 11, N_("Volume Full")},
	{EFI_NO_MEDIA, N_("No Media")},
	{EFI_MEDIA_CHANGED, N_("Media Changed")},
	{EFI_NOT_FOUND, N_("Not Found")},
	{EFI_ACCESS_DENIED, N_("Access Denied")},
	{EFI_ERROR_BIT | 16, N_("No Response")},
	{EFI_ERROR_BIT | 17, N_("No Mapping")},
	{EFI_TIMEOUT, N_("Time out")},
	{EFI_ERROR_BIT | 19, N_("Not Started")},
	{EFI_ERROR_BIT | 20, N_("Already Started")},
	{EFI_ERROR_BIT | 21, N_("Aborted")},
	{EFI_ERROR_BIT | 25, N_("Incompatible Version")},
	{EFI_SECURITY_VIOLATION, N_("Security Violation")},
	{EFI_ERROR_BIT | 27, N_("CRC Error")},
};

char *pod_efi_status_text(const struct pod_fw *fw, EFI_STATUS st, char *buf, size_t size)
{
	const char *name = EFI_ERROR(st) ? N_("Error") : N_("Warning");

	for (size_t i = 0; i < POD_ARRAY_LEN(status_name); i++)
		if (status_name[i].st == st)
			name = status_name[i].text;
	if (st == EFI_SUCCESS)
		(void)pod_snprintf(buf, size, "%s", FT(fw, name));
	else
		(void)pod_snprintf(buf, size, "%s (%u)", FT(fw, name), (unsigned)(st & 0xFFFF));
	return buf;
}

EFI_DEVICE_PATH_PROTOCOL *pod_efi_path_of(struct pod_efi *e, EFI_HANDLE h)
{
	EFI_DEVICE_PATH_PROTOCOL *p = NULL;

	return !h || EFI_ERROR(e->bs->HandleProtocol(h, &pod_efi_guid_device_path, (void **)&p)) ? NULL : p;
}

bool pod_efi_has_file(struct pod_efi *e, EFI_HANDLE volume, const CHAR16 *name)
{
	EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *sfs = NULL;
	EFI_FILE_PROTOCOL *root = NULL, *file = NULL;
	bool found = false;

	if (EFI_ERROR(e->bs->HandleProtocol(volume, &pod_efi_guid_sfs, (void **)&sfs)) || !sfs ||
	    EFI_ERROR(sfs->OpenVolume(sfs, &root)) || !root)
		return false;
	if (!EFI_ERROR(root->Open(root, &file, name, EFI_FILE_MODE_READ, 0)) && file) {
		found = true;
		(void)file->Close(file);
	}
	(void)root->Close(root);
	return found;
}

/* Is `node` the CD-ROM node (clause 10.3.4.2) of the El Torito image that starts at `lba`? +4 u32 boot entry, +8 u64 start, +16
 * u64 size; in units of the CD's blocks. */
static bool is_cdrom_node(const EFI_DEVICE_PATH_PROTOCOL *node, uint64_t lba)
{
	return pod_efi_path_is(node, MEDIA_DEVICE_PATH, MEDIA_CDROM_DP) && pod_get_le16(node->Length) >= 24 &&
	       pod_get_le64((const uint8_t *)node + 8) == lba;
}

/* The volume below `base` that holds the loader. The one of the El Torito image at `lba` is preferred (UINT64_MAX: no
 * preference). */
static EFI_HANDLE find_volume(struct pod_efi *e, const EFI_DEVICE_PATH_PROTOCOL *base, uint64_t lba)
{
	EFI_HANDLE *h = NULL, found = NULL;
	UINTN n = 0;

	if (EFI_ERROR(e->bs->LocateHandleBuffer(ByProtocol, &pod_efi_guid_sfs, NULL, &n, &h)))
		return NULL;
	for (int pass = lba == UINT64_MAX; pass < 2 && !found; pass++)
		for (UINTN i = 0; i < n && !found; i++) {
			const EFI_DEVICE_PATH_PROTOCOL *p = pod_efi_path_of(e, h[i]), *rest;

			if (!p || !pod_efi_path_extends(p, base, &rest) || (pass == 0 && !is_cdrom_node(rest, lba)))
				continue;
			if (pod_efi_has_file(e, h[i], POD_EFI_LOADER))
				found = h[i];
		}
	(void)e->bs->FreePool(h);
	return found;
}

/* --- the virtual disk and its volumes --- */

static EFI_STATUS put_disk(struct starting *s)
{
	struct pod_efi *e = s->e;
	uint8_t data[20];
	struct pod_efi_vdisk_args args = {
		.map = &s->plan->map,
		.stick = s->stick,
		.fw = e->fw.state_disk ? &e->fw : NULL,
		.size_bytes = s->plan->map.size_bytes,
		.block_size = s->plan->sector_size,
		.io_align = e->disk.align_mask ? e->disk.align_mask + 1 : 0,
	};
	EFI_STATUS st;

	memcpy(data, &guid_vdisk, 16);
	pod_put_le32(data + 16, 0);
	args.path = pod_efi_path_append(&e->alloc, NULL, HARDWARE_DEVICE_PATH, HW_VENDOR_DP, data, sizeof(data));
	s->disk = pod_efi_vdisk_install(e->bs, &e->alloc, &args, &st);
	return st;
}

/* The El Torito image as a partition of our own making, with the node the firmware would have given it. */
static EFI_STATUS put_partition(struct starting *s, uint32_t index, uint64_t start, uint64_t length)
{
	struct pod_efi *e = s->e;
	uint8_t data[20];
	struct pod_efi_vdisk_args args = {
		.map = &s->plan->map,
		.stick = s->stick,
		.fw = e->fw.state_disk ? &e->fw : NULL,
		.base_bytes = start,
		.size_bytes = length,
		.block_size = s->plan->sector_size,
		.io_align = e->disk.align_mask ? e->disk.align_mask + 1 : 0,
		.partition = true,
	};
	EFI_STATUS st;

	pod_put_le32(data, index);
	pod_put_le64(data + 4, start >> 11);
	pod_put_le64(data + 12, (length + 2047) >> 11);
	args.path = pod_efi_path_append(&e->alloc, s->disk->path, MEDIA_DEVICE_PATH, MEDIA_CDROM_DP, data, sizeof(data));
	s->part = pod_efi_vdisk_install(e->bs, &e->alloc, &args, &st);
	return st;
}

/* Our own file system on one of our handles. */
static EFI_HANDLE put_sfs(struct starting *s, struct pod_efi_vdisk *v, uint64_t start, uint64_t length)
{
	struct pod_efi *e = s->e;

	pod_mapdev_init(&s->mapdev, &s->plan->map, s->stick, s->plan->sector_size);
	if (pod_window_init(&s->window, &s->mapdev.dev, start, length) != POD_OK)
		return NULL;
	s->sfs = pod_efi_sfs_install(e->bs, &e->alloc, v->handle, &s->window.dev);
	return s->sfs && pod_efi_has_file(e, v->handle, POD_EFI_LOADER) ? v->handle : NULL;
}

/* Where the El Torito image starts now: the plan may have moved it, and then patched the catalogue in the map. */
static uint64_t entry_start(struct starting *s, const struct pod_eltorito_entry *b)
{
	uint8_t lba[4];

	if (b->entry_bytes && pod_map_read(&s->plan->map, s->e->fw.disk, b->entry_bytes + 8, lba, sizeof(lba)) == POD_OK)
		return (uint64_t)pod_get_le32(lba) << 11;
	return (uint64_t)b->lba << 11;
}

static EFI_HANDLE find_in_eltorito(struct starting *s, int entry)
{
	const struct pod_eltorito_entry *b = &s->plan->image.boot[entry];
	uint64_t start = entry_start(s, b), length = b->length_bytes, end = s->plan->map.size_bytes;
	EFI_HANDLE h = find_volume(s->e, s->disk->path, start >> 11);

	if (h || start >= end)
		return h;
	if (length == 0 || length > end - start)
		length = end - start;
	if (EFI_ERROR(put_partition(s, (uint32_t)entry, start, length)))
		return NULL;
	h = find_volume(s->e, s->part->path, UINT64_MAX);
	return h ? h : put_sfs(s, s->part, start, length);
}

/* An image in memory, through a disk that the firmware makes of it. */
static EFI_HANDLE find_in_memory(struct starting *s, int entry)
{
	const struct pod_image *im = &s->plan->image;
	bool cd = im->kind == POD_IMAGE_ISO && !s->plan->windows.count;
	uint64_t lba = cd && entry >= 0 && (uint32_t)entry < im->boot_count ? entry_start(s, &im->boot[entry]) >> 11 : UINT64_MAX;
	EFI_HANDLE h;

	s->ramdisk = s->plan->map.lent ? pod_efi_ramdisk_install(s->e, &s->plan->map, cd) : NULL;
	if (!s->ramdisk)
		return NULL;
	h = find_volume(s->e, s->ramdisk, lba);
	if (!h) {
		pod_efi_ramdisk_remove(s->e, s->ramdisk);
		s->ramdisk = NULL;
	}
	return h;
}

static EFI_HANDLE find_loader_volume(struct starting *s, int entry)
{
	EFI_HANDLE h;

	if (entry >= 0 && (uint32_t)entry < s->plan->image.boot_count && s->plan->image.kind == POD_IMAGE_ISO)
		return find_in_eltorito(s, entry);
	h = find_volume(s->e, s->disk->path, UINT64_MAX);
	if (h || s->plan->image.kind != POD_IMAGE_ISO || s->plan->windows.count)
		return h;
	return put_sfs(s, s->disk, 0, s->plan->map.size_bytes);
}

/* --- loading and running --- */

/* A message of the catalogue. */
static void say(struct starting *s, const char *text)
{
	(void)pod_strlcpy(s->msg, FT(&s->e->fw, text), s->msg_size);
}

/* The first read of the virtual disks that failed, or POD_OK. */
static enum pod_status read_failure(struct starting *s, uint64_t *at)
{
	struct pod_efi_vdisk *v = s->disk && s->disk->read_error != POD_OK ? s->disk : s->part;

	*at = v ? v->read_error_bytes : 0;
	return v ? v->read_error : POD_OK;
}

static enum pod_status load_failed(struct starting *s, EFI_STATUS st)
{
	char text[48];
	uint64_t at;
	enum pod_status read = read_failure(s, &at);

	/* The firmware tells its own story about a read error ("Not Found"): the cause comes first. */
	if (read != POD_OK) {
		(void)pod_snprintf(s->msg, s->msg_size, FT(&s->e->fw, "Reading the image failed at byte %llu: %s."),
				   (unsigned long long)at, menu_status_text(s->e->fw.language, read));
		return read;
	}
	switch (st) {
	case EFI_SECURITY_VIOLATION:
	case EFI_ACCESS_DENIED:
		say(s, N_("The firmware refused the loader, because Secure Boot is on and its signature is not trusted "
			  "(enroll its key, or switch Secure Boot off)."));
		break;
	case EFI_UNSUPPORTED:
		say(s, N_("The loader is not a program for this machine's firmware."));
		break;
	default:
		(void)pod_snprintf(s->msg, s->msg_size, FT(&s->e->fw, "The firmware could not load the loader: %s."),
				   pod_efi_status_text(&s->e->fw, st, text, sizeof(text)));
	}
	return POD_E_UNSUPPORTED;
}

/* How the loader ended, and whether the stick had a part in it. */
static void describe_return(struct starting *s, EFI_STATUS st, const CHAR16 *exit_data, UINTN exit_size)
{
	char text[48], detail[160] = "";
	uint64_t at;
	enum pod_status read = read_failure(s, &at);
	size_t used, units = exit_size / 2;

	if (exit_data && units) {
		size_t n = 0;

		/* Clause 7.4.5: a string, optionally with binary data behind it. */
		while (n < units && exit_data[n] && n < 120)
			n++;
		if (pod_utf16_to_utf8(exit_data, n, detail, sizeof(detail)) != POD_OK)
			detail[0] = 0;
	}
	used = (size_t)pod_snprintf(s->msg, s->msg_size, FT(&s->e->fw, "The loader returned: %s."),
				    pod_efi_status_text(&s->e->fw, st, text, sizeof(text)));
	if (detail[0] && used < s->msg_size)
		used += (size_t)pod_snprintf(s->msg + used, s->msg_size - used, " %s", detail);
	if (read == POD_OK || used + 1 >= s->msg_size)
		return;
	s->msg[used++] = ' ';
	(void)pod_snprintf(s->msg + used, s->msg_size - used,
			   FT(&s->e->fw, "Before that, reading the image failed at byte %llu: %s."), (unsigned long long)at,
			   menu_status_text(s->e->fw.language, read));
}

static enum pod_status run(struct starting *s, EFI_HANDLE image)
{
	struct pod_efi *e = s->e;
	CHAR16 *exit_data = NULL;
	UINTN exit_size = 0;
	EFI_STATUS st;

	/* From here to the loader's end nothing of ours may fire or draw. */
	pod_efi_input_stop(e);
	pod_efi_console_give_back(e);
	pod_efi_record_begin(e, s->plan && s->plan->map.lent);
	if (s->plan && s->plan->wim_count && (s->disk || s->ramdisk))
		pod_efi_order_begin(e->bs, s->ramdisk ? s->ramdisk : s->disk->path);
	st = e->bs->StartImage(image, &exit_size, &exit_data);
	pod_efi_order_end(e->bs);
	pod_efi_record_end(e, st);
	(void)e->bs->SetWatchdogTimer(0, 0, 0, NULL);
	pod_efi_console_take(e);
	pod_efi_input_start(e);
	/* EFI_INVALID_PARAMETER and EFI_SECURITY_VIOLATION may also mean that it never ran; then it is still loaded. */
	if (st == EFI_SECURITY_VIOLATION)
		(void)e->bs->UnloadImage(image);
	describe_return(s, st, exit_data, exit_size);
	if (exit_data)
		(void)e->bs->FreePool(exit_data);
	return POD_OK;
}

/* What the program is told; it stays where it is until that has ended. */
static void give_options(struct pod_efi *e, EFI_HANDLE image, const struct pod_efi_program *p)
{
	EFI_LOADED_IMAGE_PROTOCOL *loaded = NULL;

	if (!p->options_len || EFI_ERROR(e->bs->HandleProtocol(image, &pod_efi_guid_loaded_image, (void **)&loaded)) || !loaded)
		return;
	loaded->LoadOptions = (void *)(uintptr_t)p->options;
	loaded->LoadOptionsSize = (uint32_t)p->options_len;
}

static enum pod_status load_and_run(struct starting *s, const struct pod_efi_program *p)
{
	struct pod_efi *e = s->e;
	EFI_HANDLE image = NULL, volume = p->volume;
	EFI_DEVICE_PATH_PROTOCOL *base = pod_efi_path_of(e, volume), *path;
	size_t program_len = s->program ? (size_t)s->plan->map.size_bytes : 0;
	EFI_STATUS st;

	path = pod_efi_path_append(&e->alloc, base, MEDIA_DEVICE_PATH, MEDIA_FILEPATH_DP, p->file, p->file_bytes);
	if (!path) {
		say(s, N_("Not enough memory to start the image."));
		return POD_E_NOMEM;
	}
	st = e->bs->LoadImage(0, e->image, path, s->program, program_len, &image);
	pod_free(&e->alloc, path);
	if (EFI_ERROR(st)) {
		/* Clause 7.4.1: with EFI_SECURITY_VIOLATION the image stays loaded. */
		if (st == EFI_SECURITY_VIOLATION && image)
			(void)e->bs->UnloadImage(image);
		return load_failed(s, st);
	}
	give_options(e, image, p);
	return run(s, image);
}

static enum pod_status start_loader(struct starting *s, EFI_HANDLE volume)
{
	return load_and_run(
		s, &(struct pod_efi_program){.volume = volume, .file = POD_EFI_LOADER, .file_bytes = sizeof(POD_EFI_LOADER)});
}

/* An EFI program lying on the stick as a file. Its device is the volume we came from. */
static enum pod_status start_program(struct starting *s, const char *path)
{
	struct pod_efi *e = s->e;
	uint64_t size = s->plan->map.size_bytes;
	CHAR16 file[512];
	size_t n = 0;
	enum pod_status st;

	if (size == 0 || size > PROGRAM_LIMIT) {
		say(s, N_("The program is too large to be loaded."));
		return POD_E_LIMIT;
	}
	s->program = e->alloc.alloc(&e->alloc, (size_t)size);
	if (!s->program) {
		say(s, N_("Not enough memory to load the program."));
		return POD_E_NOMEM;
	}
	st = pod_map_read(&s->plan->map, e->fw.disk, 0, s->program, (size_t)size);
	if (st != POD_OK) {
		(void)pod_snprintf(s->msg, s->msg_size, FT(&s->e->fw, "The program could not be read: %s."),
				   menu_status_text(s->e->fw.language, st));
		return st;
	}
	/* The name is for the program's information only, so a path that cannot be told is left out. */
	if (pod_utf8_to_utf16(path, file, POD_ARRAY_LEN(file) - 1, &n) != POD_OK)
		n = 0;
	file[n] = 0;
	for (size_t i = 0; i < n; i++)
		if (file[i] == u'/')
			file[i] = u'\\';
	return load_and_run(
		s, &(struct pod_efi_program){.volume = e->boot_device, .file = file, .file_bytes = (n + 1) * sizeof(file[0])});
}

static enum pod_status start_disk(struct starting *s)
{
	int entry = pod_plan_entry(s->plan, s->e->fw.firmware_bit);
	EFI_HANDLE volume;
	EFI_STATUS st;

	if (entry < POD_ENTRY_OWN) {
		say(s, N_("The image has nothing that this firmware can start."));
		return POD_E_UNSUPPORTED;
	}
	volume = find_in_memory(s, entry);
	if (volume)
		return start_loader(s, volume);
	s->stick = pod_keep_init(&s->keep, s->e->fw.disk, &s->e->alloc, KEEP_BYTES) == POD_OK ? &s->keep.dev : s->e->fw.disk;
	st = put_disk(s);
	if (!s->disk) {
		char text[48];

		(void)pod_snprintf(s->msg, s->msg_size, FT(&s->e->fw, "The firmware did not accept the virtual disk: %s."),
				   pod_efi_status_text(&s->e->fw, st, text, sizeof(text)));
		return POD_E_UNSUPPORTED;
	}
	volume = find_loader_volume(s, entry);
	if (!volume) {
		uint64_t at;

		if (read_failure(s, &at) != POD_OK)
			return load_failed(s, EFI_DEVICE_ERROR);
		(void)pod_snprintf(s->msg, s->msg_size,
				   FT(&s->e->fw, "The image has no loader for this firmware: %s was not found in it."),
				   POD_EFI_LOADER_TEXT);
		return POD_E_NOT_FOUND;
	}
	s->initrd = pod_efi_initrd_offer(s->e->bs, &s->e->alloc, s->plan, s->stick);
	return start_loader(s, volume);
}

enum pod_status pod_efi_start_file(struct pod_fw *fw, const struct pod_efi_program *p, char *msg, size_t msg_size)
{
	struct starting s = {.e = pod_efi_of(fw), .msg = msg, .msg_size = msg_size};

	msg[0] = 0;
	return load_and_run(&s, p);
}

enum pod_status pod_efi_start(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t msg_size)
{
	struct pod_efi *e = pod_efi_of(fw);
	struct starting *s = pod_zalloc(&e->alloc, 1, sizeof(*s));
	enum pod_status st;

	if (!s) {
		(void)pod_strlcpy(msg, FT(fw, "Not enough memory to start the image."), msg_size);
		return POD_E_NOMEM;
	}
	s->e = e;
	s->plan = plan;
	s->msg = msg;
	s->msg_size = msg_size;
	s->msg[0] = 0;
	switch (plan->windows.count ? POD_IMAGE_DISK : plan->image.kind) {
	case POD_IMAGE_EFI:
		st = start_program(s, path);
		break;
	case POD_IMAGE_ISO:
	case POD_IMAGE_DISK:
	case POD_IMAGE_FLOPPY:
		st = start_disk(s);
		break;
	default:
		say(s, N_("This kind of image cannot be started yet."));
		st = POD_E_UNSUPPORTED;
	}
	pod_efi_initrd_withdraw(s->initrd);
	pod_efi_ramdisk_remove(e, s->ramdisk);
	pod_efi_sfs_remove(s->sfs);
	pod_efi_vdisk_remove(s->part);
	pod_efi_vdisk_remove(s->disk);
	pod_keep_fini(&s->keep);
	pod_free(&e->alloc, s->program);
	pod_free(&e->alloc, s);
	return st;
}

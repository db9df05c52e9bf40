/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A UEFI with the faults of other machines: a loader on the first disk that puts itself between the firmware and the stick, and then starts the
 * stick's boot manager as the firmware would. Which faults there are, QEMU's command line says (-fw_cfg name=opt/isopod.quirks,
 * string=LETTERS); quirk_cases.py has the letters' names, and where each fault was seen.
 */
#include <stdbool.h>
#include "boot/efi/uefi.h"

#define PROGRAM	     u"\\EFI\\BOOT\\BOOTX64.EFI"
#define TRANSFER_MAX (64u << 10)
#define PIECE_PAGES  256u /* of memory, 1 MiB */
#define PIECES_FREE  40u
#define WATCHDOG     300u /* seconds, UEFI 2.10 clause 3.1.2 */
#define WATCHDOG_W   15u  /* that a test can wait for */

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

static const EFI_GUID guid_block = EFI_BLOCK_IO_PROTOCOL_GUID, guid_path = EFI_DEVICE_PATH_PROTOCOL_GUID,
		      guid_sfs = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID, guid_loaded = EFI_LOADED_IMAGE_PROTOCOL_GUID,
		      guid_gop = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID, guid_keys = EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL_GUID;

static struct {
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	uint32_t faults;
	bool running; /* the boot manager */
	EFI_HANDLE volume;
	EFI_BLOCK_IO_PROTOCOL *disk;
	uint32_t reads;
	bool failed; /* the last read, on purpose */
	EFI_STATUS (*read)(EFI_BLOCK_IO_PROTOCOL *, uint32_t, EFI_LBA, UINTN, void *);
	EFI_STATUS (*write)(EFI_BLOCK_IO_PROTOCOL *, uint32_t, EFI_LBA, UINTN, const void *);
	EFI_STATUS (*handle_protocol)(EFI_HANDLE, const EFI_GUID *, void **);
	EFI_STATUS (*locate)(EFI_LOCATE_SEARCH_TYPE, const EFI_GUID *, void *, UINTN *, EFI_HANDLE **);
	EFI_STATUS (*key)(EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL *, EFI_KEY_DATA *);
	uint32_t key_rests;
	EFI_KEY_DATA last_key;
	bool again; /* it comes a second time */
} q;

static bool on(char letter)
{
	return q.faults >> (letter - 'A') & 1;
}

static bool same(const EFI_GUID *a, const EFI_GUID *b)
{
	const uint8_t *x = (const uint8_t *)a, *y = (const uint8_t *)b;

	for (UINTN i = 0; i < sizeof(*a); i++)
		if (x[i] != y[i])
			return false;
	return true;
}

/* --- QEMU's fw_cfg --- */

static uint8_t in(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void choose(uint16_t item)
{
	__asm__ volatile("outw %0, %1" : : "a"(item), "Nd"((uint16_t)0x510));
}

static uint32_t big_endian(const uint8_t *p, UINTN n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static void read_item(uint8_t *to, UINTN n)
{
	for (UINTN i = 0; i < n; i++)
		to[i] = in(0x511);
}

/* False: nobody has said which. */
static bool read_faults(void)
{
	static const char name[] = "opt/isopod.quirks";
	uint8_t e[64], count[4];

	choose(0x19);
	read_item(count, 4);
	for (uint32_t i = big_endian(count, 4); i; i--) {
		UINTN k = 0;

		read_item(e, sizeof(e));
		while (k < sizeof(name) && e[8 + k] == (uint8_t)name[k])
			k++;
		if (k < sizeof(name))
			continue;
		choose((uint16_t)big_endian(e + 4, 2));
		for (uint32_t n = big_endian(e, 4); n; n--)
			q.faults |= 1u << (in(0x511) - 'A');
		return true;
	}
	return false;
}

/* --- the disk --- */

static EFI_STATUS refuse(uint32_t id, UINTN size, const void *buffer)
{
	EFI_BLOCK_IO_MEDIA *m = q.disk->Media;

	if (id != m->MediaId)
		return EFI_MEDIA_CHANGED;
	if (on('A') && (UINTN)buffer & (m->IoAlign - 1))
		return EFI_INVALID_PARAMETER;
	if (on('L') && size > TRANSFER_MAX)
		return EFI_BAD_BUFFER_SIZE;
	return EFI_SUCCESS;
}

static EFI_STATUS read(EFI_BLOCK_IO_PROTOCOL *This, uint32_t MediaId, EFI_LBA LBA, UINTN BufferSize, void *Buffer)
{
	EFI_STATUS st;

	if (!q.running)
		return q.read(This, MediaId, LBA, BufferSize, Buffer);
	q.reads++;
	if (on('M') && q.reads == 9)
		q.disk->Media->MediaId++; /* as after a unit attention, with the stick still in */
	st = refuse(MediaId, BufferSize, Buffer);
	if (EFI_ERROR(st))
		return st;
	q.failed = on('F') && !q.failed && q.reads % 5 == 0;
	return q.failed ? EFI_DEVICE_ERROR : q.read(This, MediaId, LBA, BufferSize, Buffer);
}

static EFI_STATUS write(EFI_BLOCK_IO_PROTOCOL *This, uint32_t MediaId, EFI_LBA LBA, UINTN BufferSize, const void *Buffer)
{
	EFI_STATUS st = q.running ? refuse(MediaId, BufferSize, Buffer) : EFI_SUCCESS;

	return EFI_ERROR(st) ? st : q.write(This, MediaId, LBA, BufferSize, Buffer);
}

/* --- keys --- */

static EFI_STATUS read_key(EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL *This, EFI_KEY_DATA *KeyData)
{
	EFI_STATUS st;

	if (on('K'))
		return EFI_UNSUPPORTED;
	/* A keyboard that is asked for its next key only now and then. */
	if (on('S') && q.key_rests && q.key_rests--)
		return EFI_NOT_READY;
	if (q.again) {
		q.again = false;
		*KeyData = q.last_key;
		return EFI_SUCCESS;
	}
	st = q.key(This, KeyData);
	if (EFI_ERROR(st))
		return st;
	q.key_rests = 10;
	q.again = on('D');
	q.last_key = *KeyData;
	return st;
}

/* --- no graphics, no Block I/O, and a partition without a device path --- */

/* Drivers that have opened it go on with it. */
static bool hidden(const EFI_GUID *protocol)
{
	return (on('G') && same(protocol, &guid_gop)) || (on('B') && q.running && same(protocol, &guid_block));
}

static EFI_STATUS handle_protocol(EFI_HANDLE Handle, const EFI_GUID *Protocol, void **Interface)
{
	if (hidden(Protocol) || (on('P') && Handle == q.volume && same(Protocol, &guid_path)))
		return EFI_UNSUPPORTED;
	return q.handle_protocol(Handle, Protocol, Interface);
}

static EFI_STATUS locate(EFI_LOCATE_SEARCH_TYPE SearchType, const EFI_GUID *Protocol, void *SearchKey, UINTN *NoHandles,
			 EFI_HANDLE **Buffer)
{
	if (SearchType == ByProtocol && hidden(Protocol))
		return EFI_NOT_FOUND;
	return q.locate(SearchType, Protocol, SearchKey, NoHandles, Buffer);
}

/* --- memory: some free pieces are left, none of them larger than a MiB --- */

static void take_memory(void)
{
	static EFI_PHYSICAL_ADDRESS at[2048];
	UINTN n = 0;

	while (n < sizeof(at) / sizeof(*at) &&
	       !EFI_ERROR(q.bs->AllocatePages(AllocateAnyPages, EfiBootServicesData, PIECE_PAGES, &at[n])))
		n++;
	for (UINTN i = 1; i < n && i < 2 * PIECES_FREE; i += 2)
		(void)q.bs->FreePages(at[i], PIECE_PAGES);
}

/* --- the stick --- */

static UINTN path_len(const EFI_DEVICE_PATH_PROTOCOL *p)
{
	const uint8_t *b = (const uint8_t *)p, *n = b;

	while (n[0] != END_DEVICE_PATH_TYPE)
		n += n[2] | n[3] << 8;
	return (UINTN)(n - b);
}

static EFI_HANDLE find_volume(void)
{
	EFI_HANDLE *h, found = NULL;
	UINTN n = 0;

	if (EFI_ERROR(q.bs->LocateHandleBuffer(ByProtocol, &guid_sfs, NULL, &n, &h)))
		return NULL;
	for (UINTN i = 0; i < n && !found; i++) {
		EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *v = NULL;
		EFI_FILE_PROTOCOL *root = NULL, *f = NULL;

		if (EFI_ERROR(q.bs->HandleProtocol(h[i], &guid_sfs, (void **)&v)) || EFI_ERROR(v->OpenVolume(v, &root)))
			continue;
		if (!EFI_ERROR(root->Open(root, &f, u"\\ISOPOD\\STATE.BIN", 1, 0)))
			found = h[i];
	}
	return found;
}

/* The disk that the volume is on: its path is the longest true beginning of the volume's. */
static void find_disk(EFI_HANDLE volume)
{
	EFI_DEVICE_PATH_PROTOCOL *vp = NULL, *p = NULL;
	EFI_HANDLE *h;
	UINTN n = 0;

	(void)q.bs->HandleProtocol(volume, &guid_path, (void **)&vp);
	(void)q.bs->LocateHandleBuffer(ByProtocol, &guid_block, NULL, &n, &h);
	for (UINTN i = 0; i < n; i++) {
		EFI_BLOCK_IO_PROTOCOL *b = NULL;
		UINTN len, k = 0;

		if (EFI_ERROR(q.bs->HandleProtocol(h[i], &guid_block, (void **)&b)) || b->Media->LogicalPartition ||
		    EFI_ERROR(q.bs->HandleProtocol(h[i], &guid_path, (void **)&p)))
			continue;
		len = path_len(p);
		while (k < len && ((uint8_t *)p)[k] == ((uint8_t *)vp)[k])
			k++;
		if (k == len)
			q.disk = b;
	}
}

static void *load(EFI_HANDLE volume, UINTN *size)
{
	EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *v = NULL;
	EFI_FILE_PROTOCOL *root = NULL, *f = NULL;
	void *program = NULL;

	*size = 4u << 20;
	if (EFI_ERROR(q.bs->HandleProtocol(volume, &guid_sfs, (void **)&v)) || EFI_ERROR(v->OpenVolume(v, &root)) ||
	    EFI_ERROR(root->Open(root, &f, PROGRAM, 1, 0)) || EFI_ERROR(q.bs->AllocatePool(EfiLoaderData, *size, &program)) ||
	    EFI_ERROR(f->Read(f, size, program)))
		return NULL;
	return program;
}

static void put_faults(void)
{
	EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL *keys = NULL;

	q.read = q.disk->ReadBlocks;
	q.write = q.disk->WriteBlocks;
	q.disk->ReadBlocks = read;
	q.disk->WriteBlocks = write;
	if (on('A'))
		q.disk->Media->IoAlign = 4096;
	if (!EFI_ERROR(q.bs->HandleProtocol(q.st->ConsoleInHandle, &guid_keys, (void **)&keys))) {
		q.key = keys->ReadKeyStrokeEx;
		keys->ReadKeyStrokeEx = read_key;
		if (on('E'))
			keys->WaitForKeyEx = NULL;
	}
	q.handle_protocol = q.bs->HandleProtocol;
	q.locate = q.bs->LocateHandleBuffer;
	q.bs->HandleProtocol = handle_protocol;
	q.bs->LocateHandleBuffer = locate;
	if (on('N'))
		take_memory();
	q.running = true;
	/* The firmware does so for what it starts. */
	(void)q.bs->SetWatchdogTimer(on('W') ? WATCHDOG_W : WATCHDOG, 0x10000, 0, NULL);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	EFI_LOADED_IMAGE_PROTOCOL *loaded = NULL;
	EFI_HANDLE *h, volume, program = NULL;
	UINTN n = 0, size;
	void *bytes;

	q.st = st;
	q.bs = st->BootServices;
	if (!read_faults()) {
		/* or a test would pass with no fault at all */
		(void)st->ConOut->OutputString(st->ConOut, u"quirks: nobody says which\r\n");
		return EFI_NOT_FOUND;
	}
	(void)q.bs->LocateHandleBuffer(AllHandles, NULL, NULL, &n, &h);
	for (UINTN i = 0; i < n; i++)
		(void)q.bs->ConnectController(h[i], NULL, NULL, 1);
	volume = find_volume();
	bytes = volume ? load(volume, &size) : NULL;
	if (volume)
		find_disk(volume);
	if (!bytes || !q.disk || EFI_ERROR(q.bs->LoadImage(0, image, NULL, bytes, size, &program)) ||
	    EFI_ERROR(q.bs->HandleProtocol(program, &guid_loaded, (void **)&loaded))) {
		(void)st->ConOut->OutputString(st->ConOut, u"quirks: there is no stick\r\n");
		return EFI_NOT_FOUND;
	}
	(void)q.bs->FreePool(bytes);
	loaded->DeviceHandle = volume;
	q.volume = volume;
	put_faults();
	return q.bs->StartImage(program, NULL, NULL);
}

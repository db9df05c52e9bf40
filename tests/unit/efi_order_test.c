/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual CD in front of others, against a firmware of six handles. */
#include "tests/unit/test.h"
#include "boot/efi/devpath.c"
#include "boot/efi/order.c"

enum { HANDLES = 6 };

/* A vendor's node with one byte of its own, one more node, the end. */
static uint8_t path[HANDLES][14] = {
	{1, 4, 5, 0, 'a', 0x7f, 0xff, 4, 0},		    /* a drive */
	{1, 4, 5, 0, 'b', 3, 1, 4, 0, 0x7f, 0xff, 4, 0},    /* a volume on another */
	{0},						    /* without a path */
	{1, 4, 5, 0, 'v', 0x7f, 0xff, 4, 0},		    /* ours */
	{1, 4, 5, 0, 'w', 0x7f, 0xff, 4, 0},		    /* nearly */
	{1, 4, 5, 0, 'v', 4, 2, 5, 0, 1, 0x7f, 0xff, 4, 0}, /* below ours */
};
static EFI_HANDLE handle[HANDLES] = {path[0], path[1], path[2], path[3], path[4], path[5]};
static EFI_BOOT_SERVICES bs;
static EFI_STATUS answer;

static EFI_STATUS handle_protocol(EFI_HANDLE h, const EFI_GUID *guid, void **out)
{
	CHECK(guid == &pod_efi_guid_device_path);
	*out = h;
	return *(uint8_t *)h ? EFI_SUCCESS : EFI_UNSUPPORTED;
}

static EFI_STATUS locate(EFI_LOCATE_SEARCH_TYPE type, const EFI_GUID *guid, void *key, UINTN *size, EFI_HANDLE *buffer)
{
	(void)type;
	(void)guid;
	(void)key;
	*size = sizeof handle;
	if (!EFI_ERROR(answer))
		memcpy(buffer, handle, sizeof handle);
	return answer;
}

static EFI_STATUS locate_all(EFI_LOCATE_SEARCH_TYPE type, const EFI_GUID *guid, void *key, UINTN *n, EFI_HANDLE **buffer)
{
	static EFI_HANDLE h[HANDLES];
	UINTN size;

	*n = HANDLES;
	*buffer = h;
	return locate(type, guid, key, &size, h);
}

static bool table_is_sound(void)
{
	EFI_BOOT_SERVICES copy = bs;

	copy.Hdr.CRC32 = 0;
	return bs.Hdr.CRC32 == pod_crc32(0, &copy, sizeof copy);
}

static bool is_order(EFI_HANDLE *h, const char *digits)
{
	for (unsigned i = 0; i < HANDLES; i++)
		if (h[i] != path[digits[i] - '0'])
			return false;
	return true;
}

static void set_up(void)
{
	bs = (EFI_BOOT_SERVICES){.Hdr.HeaderSize = sizeof bs,
				 .HandleProtocol = handle_protocol,
				 .LocateHandle = locate,
				 .LocateHandleBuffer = locate_all};
	answer = EFI_SUCCESS;
	pod_efi_order_begin(&bs, (EFI_DEVICE_PATH_PROTOCOL *)(void *)path[3]);
}

TEST(our_handles_come_first)
{
	EFI_HANDLE h[HANDLES], *all;
	UINTN size = sizeof h, n;

	set_up();
	CHECK(table_is_sound());
	CHECK_EQ(bs.LocateHandle(ByProtocol, NULL, NULL, &size, h), EFI_SUCCESS);
	CHECK(is_order(h, "350124"));
	CHECK_EQ(bs.LocateHandleBuffer(ByProtocol, NULL, NULL, &n, &all), EFI_SUCCESS);
	CHECK(n == HANDLES && is_order(all, "350124"));
	/* of the order in which handles come to be, nothing is changed */
	CHECK_EQ(bs.LocateHandle(ByRegisterNotify, NULL, NULL, &size, h), EFI_SUCCESS);
	CHECK(is_order(h, "012345"));
	pod_efi_order_end(&bs);
}

TEST(an_error_is_handed_on)
{
	UINTN size = 0;

	set_up();
	answer = EFI_BUFFER_TOO_SMALL;
	CHECK_EQ(bs.LocateHandle(ByProtocol, NULL, NULL, &size, NULL), EFI_BUFFER_TOO_SMALL);
	CHECK_EQ(size, sizeof handle);
	pod_efi_order_end(&bs);
}

TEST(afterwards_the_table_is_as_it_was)
{
	EFI_HANDLE h[HANDLES];
	UINTN size = sizeof h;

	set_up();
	pod_efi_order_begin(&bs, (EFI_DEVICE_PATH_PROTOCOL *)(void *)path[0]);
	CHECK_EQ(bs.LocateHandle(ByProtocol, NULL, NULL, &size, h), EFI_SUCCESS);
	CHECK(is_order(h, "012345"));
	pod_efi_order_end(&bs);
	CHECK(bs.LocateHandle == locate && bs.LocateHandleBuffer == locate_all && table_is_sound());
	pod_efi_order_end(&bs);
	CHECK(bs.LocateHandle == locate);
}

static EFI_STATUS foreign(EFI_LOCATE_SEARCH_TYPE type, const EFI_GUID *guid, void *key, UINTN *size, EFI_HANDLE *buffer)
{
	return locate_handle(type, guid, key, size, buffer);
}

TEST(who_hooked_on_top_of_us_goes_on)
{
	EFI_HANDLE h[HANDLES];
	UINTN size = sizeof h;

	set_up();
	bs.LocateHandle = foreign;
	pod_efi_order_end(&bs);
	CHECK(bs.LocateHandle == foreign);
	CHECK_EQ(bs.LocateHandle(ByProtocol, NULL, NULL, &size, h), EFI_SUCCESS);
	CHECK(is_order(h, "012345"));
}

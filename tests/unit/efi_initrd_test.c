/* SPDX-License-Identifier: BSD-2-Clause */
/* The initrd that kernels ask the firmware for, asked for as Linux' EFI stub does. */
#include "tests/unit/test.h"
#include "boot/efi/devpath.c"
#include "boot/efi/initrd.c"

static const uint8_t bytes[] = "pre, shim, map";
static EFI_BOOT_SERVICES bs;
static EFI_LOAD_FILE2_PROTOCOL *load;
static uint8_t *path;
static int installed, refuse; /* refuse: the call of this number, from 1, fails */
static bool another;
static struct pod_memdev stick;
static struct pod_plan plan;

static EFI_STATUS install(EFI_HANDLE *handle, const EFI_GUID *guid, EFI_INTERFACE_TYPE type, void *interface)
{
	(void)type;
	if (++installed == refuse)
		return EFI_OUT_OF_RESOURCES;
	if (guid == &pod_efi_guid_device_path)
		path = interface;
	else
		load = interface;
	*handle = &bs;
	return EFI_SUCCESS;
}

static EFI_STATUS uninstall(EFI_HANDLE handle, const EFI_GUID *guid, void *interface)
{
	CHECK(handle == &bs);
	CHECK(interface == (guid == &pod_efi_guid_device_path ? (void *)path : (void *)load));
	installed--;
	return EFI_SUCCESS;
}

static EFI_STATUS locate(const EFI_GUID *guid, EFI_DEVICE_PATH_PROTOCOL **p, EFI_HANDLE *handle)
{
	(void)guid;
	(void)p;
	*handle = &bs;
	return another ? EFI_SUCCESS : EFI_NOT_FOUND;
}

static struct pod_efi_initrd *offer(uint64_t start, uint64_t len)
{
	bs.InstallProtocolInterface = install;
	bs.UninstallProtocolInterface = uninstall;
	bs.LocateDevicePath = locate;
	installed = refuse = 0;
	another = false;
	pod_memdev_init(&stick, (uint8_t *)(uintptr_t)bytes, sizeof bytes, 512, true);
	pod_map_init(&plan.map, &test_alloc);
	CHECK_EQ(pod_map_append(&plan.map, POD_SEG_DEV, 0, sizeof bytes), POD_OK);
	plan.offered.start_bytes = start;
	plan.offered.length_bytes = len;
	return pod_efi_initrd_offer(&bs, &test_alloc, &plan, &stick.dev);
}

TEST(a_kernel_gets_it_in_two_calls)
{
	static const uint8_t where[] = {4,    3,    20,	  0,	0x27, 0xe4, 0x68, 0x55, 0xfc, 0x68, 0x3d, 0x4f,
					0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68, 0x7f, 0xff, 4,	  0};
	struct pod_efi_initrd *i = offer(5, 4);
	uint8_t buf[8] = {0};
	UINTN size = 0;

	REQUIRE(i && installed == 2);
	CHECK(memcmp(path, where, sizeof where) == 0);
	CHECK_EQ(load->LoadFile(load, NULL, 0, &size, NULL), EFI_BUFFER_TOO_SMALL);
	CHECK_EQ(size, 4);
	size = 3;
	CHECK_EQ(load->LoadFile(load, NULL, 0, &size, buf), EFI_BUFFER_TOO_SMALL);
	CHECK(!buf[0]);
	size = sizeof buf;
	CHECK_EQ(load->LoadFile(load, NULL, 0, &size, buf), EFI_SUCCESS);
	CHECK_EQ(size, 4);
	CHECK(memcmp(buf, "shim\0", 5) == 0);
	CHECK_EQ(load->LoadFile(load, NULL, 1, &size, buf), EFI_UNSUPPORTED);
	CHECK_EQ(load->LoadFile(load, NULL, 0, NULL, buf), EFI_INVALID_PARAMETER);
	pod_efi_initrd_withdraw(i);
	CHECK_EQ(installed, 0);
	pod_map_fini(&plan.map);
}

TEST(it_is_not_offered_where_it_cannot_be)
{
	CHECK(!offer(0, 0) && !installed);
	pod_map_fini(&plan.map);
	struct pod_efi_initrd *i = offer(10, 100); /* more than there is */
	uint8_t buf[128];
	UINTN size = sizeof buf;
	REQUIRE(i);
	CHECK_EQ(load->LoadFile(load, NULL, 0, &size, buf), EFI_DEVICE_ERROR);
	pod_efi_initrd_withdraw(i);
	another = true; /* somebody has one already */
	installed = 0;
	CHECK(!pod_efi_initrd_offer(&bs, &test_alloc, &plan, &stick.dev) && !installed);
	another = false;
	for (refuse = 1; refuse <= 2; refuse++) {
		installed = 0;
		CHECK(!pod_efi_initrd_offer(&bs, &test_alloc, &plan, &stick.dev));
		CHECK_EQ(installed, 1); /* the refused call was counted; the other was taken back */
	}
	pod_map_fini(&plan.map);
	pod_efi_initrd_withdraw(NULL);
}

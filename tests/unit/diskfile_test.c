/* SPDX-License-Identifier: BSD-2-Clause */
/* Which files are containers, wherever their signature stands; and which of them name other files. */
#include "core/base/bytes.h"
#include "core/disk/diskfile.h"
#include "core/image/image.h"
#include "core/vhd/member.h"
#include "tests/unit/test.h"

#define SIZE (2u << 20)

static uint8_t *file;
static struct pod_memdev mem;
static struct pod_diag diag;

static void blank(uint8_t fill)
{
	free(file);
	file = malloc(SIZE);
	memset(file, fill, SIZE);
	pod_memdev_init(&mem, file, SIZE, 512, true);
	diag = (struct pod_diag){0};
}

static enum pod_diskfile decide(const char *name)
{
	enum pod_diskfile f = POD_DISKFILE_COUNT;
	enum pod_status st = pod_diskfile_decide(&mem.dev, POD_DISKFILE_NONE, pod_diskfile_of_name(name), &f, &diag);
	CHECK(st == POD_OK || st == POD_E_FORMAT || st == POD_E_UNSUPPORTED);
	return st == POD_OK ? f : st == POD_E_FORMAT ? POD_DISKFILE_NONE : POD_DISKFILE_COUNT;
}

TEST(diskfile_names)
{
	static const char *const raw[] = {"a.img", "A.RAW", "x/a.bin", "a.iso", "a.dd"};
	static const struct {
		const char *name;
		enum pod_diskfile f;
	} other[] = {{"a.vhd", POD_DISKFILE_VHD},    {"a.avhd", POD_DISKFILE_VHD},    {"a.VHDX", POD_DISKFILE_VHDX},
		     {"a.avhdx", POD_DISKFILE_VHDX}, {"a.qcow2", POD_DISKFILE_QCOW2}, {"a.vmdk", POD_DISKFILE_VMDK},
		     {"a.vdi", POD_DISKFILE_VDI},    {"a.img.gz", POD_DISKFILE_NONE}, {"img", POD_DISKFILE_NONE},
		     {"", POD_DISKFILE_NONE}};
	blank(0);
	for (size_t i = 0; i < POD_ARRAY_LEN(raw); i++)
		CHECK_EQ(decide(raw[i]), POD_DISKFILE_RAW);
	for (size_t i = 0; i < POD_ARRAY_LEN(other); i++)
		CHECK_EQ(decide(other[i].name), other[i].f);
	CHECK_EQ(decide(NULL), POD_DISKFILE_NONE);
	for (unsigned f = POD_DISKFILE_RAW; f < POD_DISKFILE_COUNT; f++)
		CHECK_EQ(pod_diskfile_parse(pod_diskfile_text((enum pod_diskfile)f)), f);
	CHECK_EQ(pod_diskfile_parse("unknown"), POD_DISKFILE_NONE);
	free(file);
	file = NULL;
}

/* One signature in a file of other bytes, whatever the name says. */
TEST(diskfile_signatures)
{
	static const struct {
		uint32_t at, len;
		const char *bytes;
		enum pod_diskfile f;
	} sign[] = {
		{0, 8, "vhdxfile", POD_DISKFILE_VHDX},
		{0, 8, "conectix", POD_DISKFILE_VHD},
		{SIZE - 512, 8, "conectix", POD_DISKFILE_VHD},
		{SIZE - 511, 8, "conectix", POD_DISKFILE_VHD},
		{SIZE - 512, 4, "koly", POD_DISKFILE_DMG},
		{0, 8, "QFI\xfb\0\0\0\1", POD_DISKFILE_QCOW},
		{0, 8, "QFI\xfb\0\0\0\2", POD_DISKFILE_QCOW2},
		{0, 8, "QFI\xfb\0\0\0\3", POD_DISKFILE_QCOW2},
		{0, 4, "QED\0", POD_DISKFILE_QED},
		{0, 4, "KDMV", POD_DISKFILE_VMDK},
		{0, 4, "COWD", POD_DISKFILE_VMDK},
		{0, 21, "# Disk DescriptorFile", POD_DISKFILE_VMDK},
		{64, 4, "\x7f\x10\xda\xbe", POD_DISKFILE_VDI},
		{0, 16, "WithoutFreeSpace", POD_DISKFILE_PARALLELS},
		{0, 16, "WithouFreSpacExt", POD_DISKFILE_PARALLELS},
		{0, 22, "Bochs Virtual HD Image", POD_DISKFILE_BOCHS},
		{0, 23, "#!/bin/sh\n#V2.0 Format\n", POD_DISKFILE_CLOOP},
		{0, 8, "EVF\x09\x0d\x0a\xff\0", POD_DISKFILE_EWF},
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(sign); i++)
		for (unsigned fill = 0; fill < 2; fill++) {
			blank(fill ? 0x5a : 0);
			CHECK_EQ(decide("a.img"), POD_DISKFILE_RAW);
			memcpy(file + sign[i].at, sign[i].bytes, sign[i].len);
			CHECK_EQ(decide("a.img"), sign[i].f);
			CHECK_EQ(decide(NULL), sign[i].f);
			CHECK_EQ(decide("a.vhdx"), sign[i].f);
		}
	free(file);
	file = NULL;
}

/* [MS-VHDX] 2.2: what is left of a VHDX whose first 64 KiB are lost. */
TEST(diskfile_vhdx_without_its_beginning)
{
	for (uint32_t i = 1; i <= 4; i++) {
		uint32_t at = i << 16;
		blank(0);
		memcpy(file + at, i <= 2 ? "head" : "regi", 4);
		pod_put_le16(file + at + 66, i <= 2 ? 1 : 0);
		CHECK_EQ(decide("a.img"), POD_DISKFILE_VHDX);
		CHECK_EQ(decide(NULL), POD_DISKFILE_VHDX);
		memcpy(file + at, "header of a text, and of no disk, to be sure of more than 68 characters", 71);
		CHECK_EQ(decide("a.img"), POD_DISKFILE_RAW);
	}
	blank(0);
	struct pod_vfile vf = {.dev = &mem.dev};
	struct pod_member l;
	CHECK_EQ(pod_member_open(&l, &vf, &test_alloc, &(struct pod_member_options){.format = POD_DISKFILE_VHDX}, &diag),
		 POD_E_CORRUPT);
	CHECK_STR(diag.what, "file type identifier");
	CHECK_EQ(pod_member_open(&l, &vf, &test_alloc, &(struct pod_member_options){.format = POD_DISKFILE_VHD}, &diag),
		 POD_E_CORRUPT);
	CHECK_EQ(pod_member_open(&l, &vf, &test_alloc, &(struct pod_member_options){0}, &diag), POD_E_FORMAT);
	CHECK_EQ(pod_member_open(&l, &vf, &test_alloc, &(struct pod_member_options){.format = POD_DISKFILE_BOCHS}, &diag),
		 POD_E_UNSUPPORTED);
	CHECK_EQ(test_alloc_live, 0);
	free(file);
	file = NULL;
}

/* The disk in a fixed VHD may begin with what its guest likes. */
TEST(diskfile_of_two_kinds)
{
	blank(0);
	memcpy(file, "QFI\xfb\0\0\0\3", 8);
	memcpy(file + SIZE - 512, "conectix", 8);
	CHECK_EQ(decide("a.vhd"), POD_DISKFILE_VHD);
	CHECK_EQ(decide("a.qcow2"), POD_DISKFILE_QCOW2);
	CHECK_EQ(decide("a.img"), POD_DISKFILE_COUNT);
	CHECK_EQ(decide(NULL), POD_DISKFILE_COUNT);
	CHECK_STR(diag.what, "signatures of two formats");
	enum pod_diskfile f;
	CHECK_EQ(pod_diskfile_decide(&mem.dev, POD_DISKFILE_RAW, POD_DISKFILE_VHD, &f, NULL), POD_OK);
	CHECK_EQ(f, POD_DISKFILE_RAW);
	free(file);
	file = NULL;
}

/* A container that would pass for a disk with a partition table is not probed as one. */
TEST(diskfile_and_the_image_probe)
{
	static const struct {
		uint32_t at;
		const char *bytes, *name;
		enum pod_image_kind kind;
	} is[] = {{0, "", "a.img", POD_IMAGE_DISK},	    {0, "QFI\xfb", "a.img", POD_IMAGE_QCOW2},
		  {0, "", "a.qcow2", POD_IMAGE_QCOW2},	    {0, "", "a.vhdx", POD_IMAGE_VHDX},
		  {0, "vhdxfile", "a.img", POD_IMAGE_VHDX}, {SIZE - 512, "conectix", "a.img", POD_IMAGE_VHD}};
	for (size_t i = 0; i < POD_ARRAY_LEN(is); i++) {
		struct pod_image im;
		blank(0);
		pod_put_le16(file + 510, 0xaa55);
		file[446 + 4] = 0x83;
		pod_put_le32(file + 446 + 8, 64);
		pod_put_le32(file + 446 + 12, 64);
		memcpy(file + is[i].at, is[i].bytes, strlen(is[i].bytes));
		CHECK_EQ(pod_image_probe(&mem.dev, is[i].name, &test_alloc, &im, NULL), POD_OK);
		CHECK_EQ(im.kind, is[i].kind);
	}
	free(file);
	file = NULL;
}

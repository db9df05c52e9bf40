/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file is that is no image. What other programs' files look like is in tests/faults/instead.py; here, the edges. */
#include "core/image/image.h"
#include "tests/unit/test.h"

static uint8_t file[64 << 10];

static enum pod_instead look(const void *data, size_t len, size_t size, const char *name)
{
	struct pod_memdev mem;
	enum pod_instead is = POD_INSTEAD_COUNT;
	memset(file, 0, sizeof file);
	memcpy(file, data, len);
	pod_memdev_init(&mem, file, size, 512, false);
	CHECK_EQ(pod_instead_look(&mem.dev, name, &is), POD_OK);
	return is;
}

TEST(instead_short_files)
{
	CHECK_EQ(look("", 0, 0, NULL), POD_INSTEAD_EMPTY);
	CHECK_EQ(look("P", 1, 1, NULL), POD_INSTEAD_TEXT);
	CHECK_EQ(look("PK\3", 3, 3, NULL), POD_INSTEAD_NONE);
	CHECK_EQ(look("PK\3\4", 4, 4, NULL), POD_INSTEAD_ZIP);
	CHECK_EQ(look("<", 1, 1, NULL), POD_INSTEAD_XML);
	CHECK_EQ(look("\n \r\t", 4, 4, NULL), POD_INSTEAD_TEXT);
	CHECK_EQ(look("\xef\xbb\xbf<HTML>", 9, 9, NULL), POD_INSTEAD_HTML);
	CHECK_EQ(look("{\"", 2, 2, NULL), POD_INSTEAD_JSON);
	CHECK_EQ(look("\x7f", 1, 1, NULL), POD_INSTEAD_NONE);
}

TEST(instead_zeros_and_ends)
{
	CHECK_EQ(look("", 0, sizeof file, NULL), POD_INSTEAD_ZEROS);
	CHECK_EQ(look("", 0, 100, NULL), POD_INSTEAD_ZEROS);
	struct pod_memdev mem;
	enum pod_instead is;
	memset(file, 0, sizeof file);
	file[36 << 10] = 1;
	pod_memdev_init(&mem, file, sizeof file, 512, false);
	CHECK_EQ(pod_instead_look(&mem.dev, NULL, &is), POD_OK);
	CHECK_EQ(is, POD_INSTEAD_ZEROS);
	file[(36 << 10) - 1] = 1;
	CHECK_EQ(pod_instead_look(&mem.dev, NULL, &is), POD_OK);
	CHECK_EQ(is, POD_INSTEAD_NONE);
	memcpy(file + sizeof file - 8, "NERO", 4);
	CHECK_EQ(pod_instead_look(&mem.dev, NULL, &is), POD_OK);
	CHECK_EQ(is, POD_INSTEAD_NRG);
	memcpy(file + sizeof file - 512, "koly", 4);
	CHECK_EQ(pod_instead_look(&mem.dev, NULL, &is), POD_OK);
	CHECK_EQ(is, POD_INSTEAD_DMG);
}

TEST(instead_names)
{
	CHECK_EQ(look("x", 1, 1, "a.iso.PART"), POD_INSTEAD_UNFINISHED);
	CHECK_EQ(look("x", 1, 1, "part"), POD_INSTEAD_TEXT);
	CHECK(!pod_instead_unfinished_name("x.iso") && pod_instead_unfinished_name("x.iso.!qb"));
	for (int i = POD_INSTEAD_NONE + 1; i < POD_INSTEAD_COUNT; i++)
		CHECK(pod_instead_text((enum pod_instead)i)[0] && pod_instead_fix((enum pod_instead)i)[0]);
	CHECK_STR(pod_instead_text(POD_INSTEAD_COUNT), "");
	CHECK_STR(pod_instead_fix(POD_INSTEAD_NONE), "");
}

/* A name that says VHD, and bytes that say otherwise; a kernel is an EFI program all the same. */
TEST(instead_in_the_probe)
{
	static struct pod_image im;
	struct pod_memdev mem;
	memset(file, 0, sizeof file);
	memcpy(file, "<html>", 6);
	pod_memdev_init(&mem, file, 6, 512, false);
	CHECK_EQ(pod_image_probe(&mem.dev, "x.vhd", &test_alloc, &im, NULL), POD_OK);
	CHECK(im.kind == POD_IMAGE_UNKNOWN && im.instead == POD_INSTEAD_HTML);
	memset(file, 0, sizeof file);
	pod_memdev_init(&mem, file, sizeof file, 512, false);
	CHECK_EQ(pod_image_probe(&mem.dev, "x.vhd", &test_alloc, &im, NULL), POD_OK);
	CHECK(im.kind == POD_IMAGE_VHD && im.instead == POD_INSTEAD_NONE);
	CHECK_EQ(test_alloc_live, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The details of an image say how its system finds its medium: read on while they are shown, and not known where that cannot be. */
#include "tests/unit/menu_looks.h"

/* A plain archive, longer than a piece that is read at a time. */
enum { INITRD_SECTOR = 40, INITRD_BYTES = 300 * 1024, BIG_ISO = INITRD_SECTOR * 2048 + INITRD_BYTES };
static uint8_t big[BIG_ISO];

static size_t put_member(uint8_t *p, const char *name, unsigned mode, const char *data, size_t len)
{
	size_t names = strlen(name) + 1, at = (110 + names + 3) & ~(size_t)3;
	snprintf((char *)p, 111, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 1, mode, 0, 0, 1, 0, len, 0, 0,
		 0, 0, names, 0);
	memset(p + 110, 0, at - 110);
	memcpy(p + 110, name, names);
	if (data)
		memcpy(p + at, data, len);
	return (at + len + 3) & ~(size_t)3;
}

static void record(uint8_t *r, const char *name, uint32_t sector, uint32_t len)
{
	uint8_t n = (uint8_t)strlen(name);
	r[0] = (uint8_t)((33 + n + 1) & ~1);
	pod_put_le32(r + 2, sector);
	pod_put_be32(r + 6, sector);
	pod_put_le32(r + 10, len);
	pod_put_be32(r + 14, len);
	pod_put_le16(r + 28, 1);
	pod_put_be16(r + 30, 1);
	r[32] = n;
	memcpy(r + 33, name, n);
}

static void live_iso(void)
{
	static const char menu[] = "menuentry Live {\n linux /k quiet\n initrd /i\n}\n";
	static const char init[] = "#!/bin/sh\nfor d in /sys/block/*; do\n\tmount /dev/${d##*/} /m\ndone\n";
	static uint8_t shim[4096] = "\177ELF";
	make_iso(big, "LIVE");
	pod_put_le32(big + 16 * 2048 + 80, BIG_ISO / 2048);
	pod_put_be32(big + 16 * 2048 + 84, BIG_ISO / 2048);
	record(big + 23 * 2048 + 68, "GRUB.CFG;1", 24, sizeof menu - 1);
	record(big + 23 * 2048 + 68 + 44, "I.;1", INITRD_SECTOR, INITRD_BYTES);
	record(big + 23 * 2048 + 68 + 82, "K.;1", 25, 2048);
	memcpy(big + 24 * 2048, menu, sizeof menu - 1);
	uint8_t *p = big + (size_t)INITRD_SECTOR * 2048;
	p += put_member(p, "init", 0100755, init, sizeof init - 1);
	p += put_member(p, "lib/firmware/large", 0100644, NULL, INITRD_BYTES - 2048);
	(void)put_member(p, "TRAILER!!!", 0, NULL, 0);
	stick_begin(&stick, 16 << 20, FONT_FILE);
	ex_file(&stick.ex, &stick.root, "live.iso", BIG_ISO, big, BIG_ISO);
	esp_file(&stick.esp, "SHIMX64    ", shim, sizeof shim);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 40);
	fake.fw.firmware_bit = POD_FW_BIOS | POD_FW_X64;
}

TEST(it_is_read_while_the_page_is_shown)
{
	live_iso();
	RUN(POD_KEY_TAB, SHOT(0), WAIT(100), SHOT(1), POD_KEY_F3, SHOT(2));
	HAS(0, "Linux initrds that get Isopod's helper");
	HAS(0, "  how it looks for its medium is yet to be read");
	HAS(1, "  looks at whole disks only (init:2: /sys/block/*)");
	LACKS(1, "yet to be read");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

/* Which piece is read when the keys come: all of it would be two more. */
TEST(a_key_ends_it)
{
	live_iso();
	RUN(POD_KEY_TAB, 'x', SHOT(0));
	LACKS(0, "Linux initrds");
	CHECK(stick.bytes_read < INITRD_BYTES + 200000);
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(a_read_error_is_said_and_the_page_stays)
{
	live_iso();
	/* behind the first sectors, which the plan looks at */
	for (size_t at = 0; at + 6 < stick.data_len; at += 512)
		if (memcmp(stick.disk + DATA_START + at, "070701", 6) == 0) {
			stick.fail_at = DATA_START + at + 100000;
			break;
		}
	REQUIRE(stick.fail_at != 0);
	stick.fail_len = 512;
	RUN(POD_KEY_TAB, WAIT(100), SHOT(0));
	HAS(0, "  not known how it looks for its medium: read or write error");
	HAS(0, "What starts it");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

/* --- little memory --- */

static size_t most;
static uint8_t *image_memory;
static unsigned takes;

static void *little(struct pod_alloc *a, size_t size)
{
	(void)a;
	return size > most ? NULL : test_alloc.alloc(&test_alloc, size);
}

static void little_release(struct pod_alloc *a, void *p)
{
	(void)a;
	test_alloc.release(&test_alloc, p);
}

static uint8_t *lend(struct pod_fw *fw, uint64_t size, uint64_t *largest)
{
	(void)fw;
	*largest = 4 * INITRD_BYTES;
	if (!size || size > *largest)
		return NULL;
	takes++;
	return image_memory = malloc((size_t)size);
}

static void take_back(struct pod_fw *fw, uint8_t *p, uint64_t size)
{
	(void)fw;
	(void)size;
	CHECK(p == image_memory);
	free(p);
	image_memory = NULL;
}

TEST(with_little_memory_it_is_not_known)
{
	static struct pod_alloc small = {little, little_release, NULL};
	live_iso();
	most = 4 * INITRD_BYTES - 1;
	fake.fw.alloc = &small;
	RUN(POD_KEY_TAB, WAIT(100), SHOT(0));
	HAS(0, "  not known how it looks for its medium: there is not enough memory to");
	HAS(0, "What starts it");
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

/* A BIOS's heap is small, and what images are served from is not. */
TEST(where_images_are_served_from_there_is_room)
{
	static struct pod_alloc small = {little, little_release, NULL};
	live_iso();
	most = 4 * INITRD_BYTES - 1;
	takes = 0;
	fake.fw.alloc = &small;
	fake.fw.take_memory = lend;
	fake.fw.give_memory_back = take_back;
	RUN(POD_KEY_TAB, WAIT(100), SHOT(0), 'x', POD_KEY_TAB, 'x');
	HAS(0, "  looks at whole disks only (init:2: /sys/block/*)");
	CHECK_EQ(takes, 1);
	CHECK(!image_memory);
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

/* Whichever allocation fails, the page is shown or says why not, and nothing is left. */
TEST(any_allocation_may_fail)
{
	live_iso();
	fake.fw.serial_write = NULL;
	test_alloc_count = 0;
	RUN(POD_KEY_TAB, WAIT(100), 'x');
	long all = test_alloc_count;
	for (long n = all; n > all - 40 && n > 0; n--) {
		test_alloc_count = 0;
		test_alloc_fail_at = n;
		RUN(POD_KEY_TAB, WAIT(100), 'x');
		CHECK_EQ(test_alloc_live, 0);
	}
	test_alloc_fail_at = 0;
	stick_free(&stick);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a loader printed: kept, brought down to a sector, understood; and its record. */
#include "core/trace/screen.h"
#include "core/base/str.h"
#include "tests/unit/test.h"

static struct pod_screen s;
static char out[POD_REC_SCREEN_MAX + 1];

static void print(const char *text)
{
	for (; *text; text++)
		pod_screen_put(&s, (uint8_t)*text);
}

static const char *told(void)
{
	CHECK_EQ(pod_screen_condense(s.text, s.len, out), strlen(out));
	return out;
}

TEST(screen_keeps_lines)
{
	memset(&s, 0, sizeof s);
	print("  GNU   GRUB  version 2.06  \r\n\r\n\n  a  b   ");
	pod_screen_break(&s);
	pod_screen_put(&s, 0x2502); /* a frame */
	print("x");
	pod_screen_put(&s, 0x2502);
	pod_screen_break(&s);
	pod_screen_put(&s, 0xe9);
	pod_screen_put(&s, 0x1b); /* counts as a blank */
	pod_screen_put(&s, 0x9b);
	pod_screen_put(&s, 0x202e);
	CHECK_STR(told(), "GNU GRUB version 2.06\na b\nx\n\xc3\xa9 ??");
}

TEST(screen_pins_errors)
{
	char want[64];
	memset(&s, 0, sizeof s);
	print("error: file `/live/vmlinux' not found.\n");
	for (int i = 0; i < 40; i++)
		print("the menu is drawn once more\n");
	CHECK_EQ(strncmp(told(), "error: file `/live/vmlinux' not found.\nnu", 39), 0);
	CHECK(strlen(out) <= POD_REC_SCREEN_MAX && strstr(out, "once more"));
	/* what was printed long ago is gone, what comes last is there, whole */
	memset(&s, 0, sizeof s);
	for (int i = 0; i < 3000; i++) {
		pod_snprintf(want, sizeof want, "line %d\n", i);
		print(want);
		CHECK(s.len <= sizeof s.text);
	}
	CHECK(s.len >= POD_SCREEN_KEPT);
	CHECK(strstr(told(), "line 2999\n") && !strstr(out, "line 2000\n"));
	CHECK_EQ(strlen(out), POD_REC_SCREEN_MAX);
	/* an error in the tail is told once, an endless line is cut */
	memset(&s, 0, sizeof s);
	print("error: out of memory.\n");
	CHECK_STR(told(), "error: out of memory.\n");
	memset(&s, 0, sizeof s);
	for (int i = 0; i < 300; i++)
		print("error: out of memory. ");
	CHECK(strlen(told()) <= POD_REC_SCREEN_MAX);
}

TEST(screen_record)
{
	static uint8_t file[POD_STATE_SIZE];
	static struct pod_rec_boot boot;
	struct pod_rec_screen in = {.ms = 77}, back;
	struct pod_memdev m;
	uint8_t sector[POD_REC_SECTOR];
	pod_memdev_init(&m, file, sizeof file, 512, false);
	strcpy(in.text, "a\nb\x1b[2J\x9b");
	pod_rec_put_screen(sector, &in);
	pod_rec_seal(sector, 5, 1);
	CHECK(pod_rec_valid(sector, POD_REC_SCREEN));
	pod_rec_get_screen(sector, &back);
	CHECK_STR(back.text, "a\nb?[2J?");
	CHECK_EQ(back.ms, 77);
	CHECK_EQ(pod_rec_write(&m.dev, 5, POD_REC_AT_SCREEN, sector), POD_OK);
	CHECK_EQ(pod_rec_read(&m.dev, &test_alloc, 5, &boot), POD_OK);
	CHECK(boot.has_screen && !boot.damaged && !boot.has_message);
	CHECK_STR(boot.screen.text, "a\nb?[2J?");
	/* a length that lies */
	memset(in.text, 'x', POD_REC_SCREEN_MAX);
	in.text[POD_REC_SCREEN_MAX] = 0;
	pod_rec_put_screen(sector, &in);
	sector[0x1f] = 0x80;
	pod_rec_get_screen(sector, &back);
	CHECK_EQ(strlen(back.text), POD_REC_SCREEN_MAX);
}

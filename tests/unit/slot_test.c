/* SPDX-License-Identifier: BSD-2-Clause */
/* What the shim writes into the state file, and what it reads off the running system. */
#include "core/base/bytes.h"
#include "core/trace/slot.h"
#include "tests/unit/test.h"

/* not part of the core's library */
#include "linux/observe.c"

static uint8_t file[POD_STATE_SIZE], before[POD_STATE_SIZE];
static struct pod_memdev mem;
static struct pod_slot slot;
static struct pod_rec_linux rec;
static struct pod_rec_boot boot;

/* A state file in which `n` is the current boot, among others. */
static void fresh(uint32_t n)
{
	struct pod_rec_machine m = {.firmware = 1};
	uint8_t s[POD_REC_SECTOR];
	memset(file, 0, sizeof file);
	for (uint32_t i = n > 3 ? n - 3 : 1; i <= n; i++) {
		pod_rec_put_machine(s, &m);
		pod_rec_seal(s, i, 1);
		memcpy(file + pod_rec_offset(i, 0), s, sizeof s);
	}
	pod_memdev_init(&mem, file, sizeof file, 512, false);
	slot = (struct pod_slot){.state = &mem.dev, .boot = n};
	memset(&rec, 0, sizeof rec);
	memcpy(before, file, sizeof file);
}

static enum pod_status write_linux(void)
{
	uint8_t s[POD_REC_SECTOR];
	pod_rec_put_linux(s, &rec);
	return pod_slot_write(&slot, s);
}

static void changed_only(uint32_t from, uint32_t len)
{
	for (uint32_t i = 0; i < sizeof file; i++)
		if (file[i] != before[i] && (i < from || i >= from + len)) {
			test_fail(__FILE__, __LINE__, "a byte outside changed");
			return;
		}
}

TEST(slot_sectors_in_turn)
{
	for (uint32_t n = 35; n < 39; n++) {
		fresh(n);
		for (uint32_t i = 1; i <= 5; i++) {
			rec.ms = i * 1000;
			CHECK(pod_stages_add(&rec.stages, (enum pod_stage)(POD_STAGE_SHIM_STARTED + i - 1), i, 0));
			CHECK_EQ(write_linux(), POD_OK);
			CHECK_EQ(pod_rec_read(&mem.dev, &test_alloc, n, &boot), POD_OK);
			REQUIRE(boot.has_linux);
			CHECK_EQ(boot.linux_.ms, i * 1000);
			CHECK_EQ(boot.linux_.stages.count, i);
			CHECK_EQ(boot.system_update, i);
			changed_only(pod_rec_offset(n, 4), 1024);
		}
		/* a torn last write leaves the one before */
		file[pod_rec_offset(n, 4) + 100] ^= 1;
		CHECK_EQ(pod_rec_read(&mem.dev, &test_alloc, n, &boot), POD_OK);
		CHECK_EQ(boot.linux_.ms, 4000);
	}
}

TEST(slot_of_another_boot_is_left_alone)
{
	char text[] = "log\n";
	uint32_t saved = 7;
	for (int how = 0; how < 4; how++) {
		fresh(5);
		if (how == 0)
			slot.boot = 6; /* its slot is empty */
		if (how == 1)
			slot.boot = 5 + POD_REC_BOOTS;
		if (how == 2)
			file[pod_rec_offset(5, 0) + 0x20] ^= 1;
		if (how == 3)
			slot.boot = 0;
		memcpy(before, file, sizeof file);
		CHECK_EQ(write_linux(), POD_E_CHANGED);
		CHECK_EQ(pod_slot_save_log(&slot, text, 4, &saved), POD_E_CHANGED);
		CHECK_EQ(slot.update, 0);
		CHECK_EQ(saved, 7);
		changed_only(0, 0);
	}
	fresh(5);
	mem.dev.write = NULL;
	mem.dev.read_only = true;
	CHECK_EQ(write_linux(), POD_E_READONLY);
	CHECK_EQ(slot.update, 0);
}

TEST(slot_log_is_cut_at_a_line)
{
	static char text[POD_REC_LOG_TEXT + 1000], back[POD_REC_LOG_TEXT + 1];
	uint32_t saved;
	size_t len;
	fresh(4);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 50 == 49 ? '\n' : (char)('a' + i / 50 % 26);
	CHECK_EQ(pod_slot_save_log(&slot, text, sizeof text, &saved), POD_OK);
	changed_only(pod_rec_log_offset(4), POD_REC_LOG_SIZE);
	CHECK_EQ(pod_rec_read_log(&mem.dev, 4, back, &len), POD_OK);
	CHECK_EQ(len, saved);
	CHECK(len > POD_REC_LOG_TEXT - 50 && len <= POD_REC_LOG_TEXT && (sizeof text - len) % 50 == 0);
	CHECK(memcmp(back, text + sizeof text - len, len) == 0);
	CHECK_EQ(pod_slot_save_log(&slot, "short\n", 6, &saved), POD_OK);
	CHECK_EQ(pod_rec_read_log(&mem.dev, 4, back, &len), POD_OK);
	CHECK_STR(back, "short\n");
}

TEST(mountinfo)
{
	static const char text[] = "22 1 0:20 / /sys rw,nosuid - sysfs sysfs rw\n"
				   "35 1 8:1 / /run/live/medium ro,noatime shared:3 - iso9660 /dev/sda1 ro,nojoliet\n"
				   "36 1 7:0 / /run/live/rootfs/filesystem.squashfs ro - squashfs /dev/loop0 ro\n"
				   "40 1 8:17 / / rw - ext4 /dev/sdb1 rw\n"
				   "41 1 8:2";
	struct pod_mounted m;
	CHECK(pod_find_mount(text, 8, 1, &m));
	CHECK_STR(m.where, "/run/live/medium");
	CHECK_STR(m.fs, "iso9660");
	CHECK_STR(m.source, "sda1");
	CHECK(pod_find_mount(text, 8, 17, &m));
	CHECK_STR(m.where, "/");
	CHECK(!pod_find_mount(text, 8, 2, &m));
	CHECK(!pod_find_mount(text, 8, 0, &m));
	CHECK(!pod_find_mount(text, 1, 8, &m));
	CHECK(!pod_find_mount("", 8, 1, &m));
	CHECK(!pod_find_mount("35 1 8:1 / /x ro - iso9660", 8, 1, &m));
}

TEST(what_pid_1_became)
{
	static const struct {
		const char *words;
		size_t len;
		bool init, login;
	} t[] = {
		{"/init", 6, true, false},
		{"/bin/sh\0/init", 14, true, false},
		{"/bin/busybox\0sh\0/init", 22, true, false},
		{"/init\0--switched-root", 21, true, false}, /* cut or not: the first word tells */
		{"init", 5, false, false},
		{"/sbin/init", 11, false, false},
		{"/bin/bash\0-l", 13, false, false},
		{"/usr/lib/systemd/systemd\0--system", 34, false, false},
		{"/sbin/agetty\0tty1", 18, false, true},
		{"getty\0-L\0ttyS0", 15, false, true},
		{"/bin/login\0--", 14, false, true},
		{"", 0, true, false},
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++)
		if (pod_is_still_init(t[i].words, t[i].len) != t[i].init ||
		    pod_is_login_service(t[i].words, t[i].len) != t[i].login)
			test_fail(__FILE__, __LINE__, t[i].words);
}

TEST(rescue_shells)
{
	static const struct {
		const char *words;
		size_t len;
		bool is;
	} t[] = {
		{"/bin/sh\0-i", 11, true},
		{"sh\0-i", 6, true},
		{"/bin/sh\0-i\0-l", 14, true},
		{"sh\0-l\0-i", 9, true},
		{"-sh\0-i", 7, true},
		{"/bin/busybox\0sh\0-i", 19, true},
		{"bash\0-i", 8, true},
		{"/usr/sbin/sulogin\0--force", 26, true},
		{"/usr/lib/systemd/systemd-sulogin-shell\0emergency", 49, true},
		{"-/bin/sh", 9, false}, /* the installer's second console */
		{"/bin/sh", 8, false},
		{"/bin/sh\0/init", 14, false},
		{"sh\0-c\0grep -i x", 16, false},
		{"sh\0/script\0-i", 14, false},
		{"grep\0-i\0x", 10, false},
		{"/bin/sh\0-e\0/lib/debian-installer/menu", 38, false},
		{"", 0, false},
		{"sh\0-i", 5, false}, /* cut */
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++)
		if (pod_is_rescue_shell(t[i].words, t[i].len) != t[i].is)
			test_fail(__FILE__, __LINE__, t[i].words);
}

TEST(speeds_and_memory)
{
	static const char text[] = "MemTotal:        2010276 kB\nMemFree:          123 kB\nMemAvailable:    1800000 kB\n";
	CHECK_EQ(pod_usb_speed_kbit("480"), 480000);
	CHECK_EQ(pod_usb_speed_kbit("1.5"), 1500);
	CHECK_EQ(pod_usb_speed_kbit("12"), 12000);
	CHECK_EQ(pod_usb_speed_kbit("20000"), 20000000);
	CHECK_EQ(pod_usb_speed_kbit("unknown"), 0);
	CHECK_EQ(pod_meminfo_kib(text, "MemTotal"), 2010276);
	CHECK_EQ(pod_meminfo_kib(text, "MemAvailable"), 1800000);
	CHECK_EQ(pod_meminfo_kib(text, "SwapTotal"), 0);
	CHECK_EQ(pod_meminfo_kib("", "MemTotal"), 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts: every way a boot can end, told from its record; and above all, no alarm where all is well. */
#include "core/image/image.h"
#include "core/plan/plan.h"
#include "core/trace/verdict.h"
#include "tests/unit/test.h"

static struct pod_rec_boot b;
static struct pod_verdict_facts f;
static struct pod_where last, error;
static struct pod_verdict v;
static uint32_t clock_ms;

/* The boot manager got as far as starting the loader of an image. */
static void fresh(uint32_t flags)
{
	memset(&b, 0, sizeof b);
	memset(&f, 0, sizeof f);
	memset(&last, 0, sizeof last);
	memset(&error, 0, sizeof error);
	b.number = 7;
	b.has_machine = b.has_image = b.has_progress = true;
	b.machine.memory_bytes = 2ull << 30;
	b.machine.firmware = POD_FW_X64;
	b.machine.flags = POD_REC_M_SEES_EXIT;
	b.image.flags = flags;
	strcpy(b.image.path, "/images/x.iso");
	b.progress.flags = POD_REC_P_TIMER;
	b.progress.reads = 100;
	b.progress.ms = 9000;
	b.progress.last_read_ms = 8000;
	clock_ms = 0;
	static const enum pod_stage s[] = {POD_STAGE_STARTED, POD_STAGE_MENU, POD_STAGE_CHOSEN, POD_STAGE_PLANNED,
					   POD_STAGE_LOADER_STARTED};
	for (size_t i = 0; i < POD_ARRAY_LEN(s); i++)
		CHECK(pod_stages_add(&b.progress.stages, s[i], clock_ms += 100, 0));
}

static void menu(enum pod_stage s, uint32_t arg)
{
	CHECK(pod_stages_add(&b.progress.stages, s, clock_ms += 1000, arg));
}

static void in_linux(enum pod_stage s)
{
	b.has_linux = true;
	CHECK(pod_stages_add(&b.linux_.stages, s, clock_ms += 1000, 0));
}

/* As far as the image shown. */
static void shown(void)
{
	menu(POD_STAGE_EXIT_BOOT_SERVICES, 0);
	in_linux(POD_STAGE_SHIM_STARTED);
	in_linux(POD_STAGE_INIT_EXECUTED);
	in_linux(POD_STAGE_STICK_FOUND);
	in_linux(POD_STAGE_SHOWN);
}

static void read_in(const char *path, enum pod_where_kind kind, uint64_t off, uint64_t len)
{
	strcpy(last.path, path);
	last.kind = kind;
	last.offset_bytes = off;
	last.length_bytes = len;
	last.percent = pod_where_percent(off, len);
	f.last = &last;
}

static void log_text(const char *text)
{
	f.log = text;
	f.log_len = strlen(text);
}

/* Every sentence can be printed, and holds no gap. */
static void print_all(void)
{
	char buf[400];
	const struct pod_sentence *s[POD_EVIDENCE_MAX + POD_REMEDY_MAX + 1] = {&v.headline};
	unsigned n = 1;
	for (unsigned i = 0; i < v.evidence_count; i++)
		s[n++] = &v.evidence[i];
	for (unsigned i = 0; i < v.remedy_count; i++)
		s[n++] = &v.remedy[i];
	for (unsigned i = 0; i < n; i++) {
		pod_sentence_fill(s[i], NULL, buf, sizeof buf);
		if (s[i]->message && (strstr(buf, "?") || strlen(buf) < 10 || strlen(buf) > 390))
			test_fail(__FILE__, __LINE__, buf);
	}
	CHECK(v.id && v.headline.message);
	/* what is unknown has several steps; what is known has one */
	CHECK(!pod_verdict_alarm(&v) || v.remedy_count >= 1);
	CHECK(v.hazard <= 6);
}

#define EXPECT(outcome_, id_, hazard_)                                                                                           \
	do {                                                                                                                     \
		pod_verdict_make(&b, &f, &v);                                                                                    \
		CHECK_STR(pod_outcome_text(v.outcome), outcome_);                                                                \
		CHECK_STR(v.id, id_);                                                                                            \
		CHECK_EQ(v.hazard, hazard_);                                                                                     \
		print_all();                                                                                                     \
	} while (0)

static bool says(const char *part)
{
	char buf[400];
	for (unsigned i = 0; i < v.evidence_count; i++) {
		pod_sentence_fill(&v.evidence[i], NULL, buf, sizeof buf);
		if (strstr(buf, part))
			return true;
	}
	return false;
}

TEST(verdict_sound_boots_raise_no_alarm)
{
	/* a live system */
	fresh(POD_REC_I_HANDOVER);
	shown();
	in_linux(POD_STAGE_MEDIUM_MOUNTED);
	in_linux(POD_STAGE_ROOT_SWITCHED);
	EXPECT("finished", "finished", 0);
	/* one so slow that its log was saved before */
	log_text("<6>[    8.0] usb 1-2: USB disconnect, device number 2\n");
	EXPECT("finished", "finished", 0);
	/* the Debian Installer, which mounts nothing; with and without a saved log */
	fresh(POD_REC_I_HANDOVER);
	shown();
	EXPECT("taken-over", "taken-over", 0);
	in_linux(POD_STAGE_LOG_SAVED);
	log_text("<6>[    2.0] usb 1-1: new high-speed USB device number 2 using xhci_hcd\n<6>[   93.0] isopod: sda1 now shows "
		 "it\n");
	EXPECT("taken-over", "taken-over", 0);
	in_linux(POD_STAGE_WATCH_ENDED);
	EXPECT("taken-over", "taken-over", 0);
	/* the Debian Installer from its full medium */
	fresh(POD_REC_I_HANDOVER);
	shown();
	in_linux(POD_STAGE_MEDIUM_MOUNTED);
	strcpy(b.linux_.mount, "/cdrom");
	EXPECT("taken-over", "taken-over", 0);
	/* one that looked into it in search of other systems */
	b.linux_.mount[0] = 0;
	EXPECT("taken-over", "taken-over", 0);
	/* memtest86+, iPXE, EFI programs, floppies: no hand-over; with timer (UEFI) and without (BIOS) */
	for (int i = 0; i < 2; i++) {
		fresh(0);
		b.progress.flags = i ? POD_REC_P_TIMER : 0;
		b.progress.ms = 900000;
		EXPECT("taken-over", "taken-over", 0);
		menu(POD_STAGE_EXIT_BOOT_SERVICES, 0);
		EXPECT("taken-over", "taken-over", 0);
	}
	/* a stick without its shim: nobody would report */
	fresh(POD_REC_I_HANDOVER | POD_REC_I_SHIM_MISSING);
	menu(POD_STAGE_EXIT_BOOT_SERVICES, 0);
	EXPECT("taken-over", "taken-over", 0);
	/* an EFI program that ends, or is told to */
	fresh(0);
	menu(POD_STAGE_LOADER_RETURNED, 0);
	EXPECT("finished", "finished", 0);
	fresh(0);
	menu(POD_STAGE_LOADER_RETURNED, 0x80000000u | 21);
	EXPECT("finished", "finished", 0);
	/* the menu alone; and next to nothing */
	fresh(0);
	b.progress.stages.count = 2;
	EXPECT("nothing-chosen", "nothing-chosen", 0);
	memset(&b, 0, sizeof b);
	EXPECT("nothing-chosen", "nothing-chosen", 0);
}

TEST(verdict_slow_sticks)
{
	fresh(POD_REC_I_HANDOVER);
	shown();
	in_linux(POD_STAGE_MEDIUM_MOUNTED);
	in_linux(POD_STAGE_ROOT_SWITCHED);
	b.linux_.usb_kbit = 480000;
	EXPECT("finished", "finished", 0);
	b.linux_.usb_kbit = 12000;
	EXPECT("finished", "slow-stick", 6);
	CHECK(!pod_verdict_alarm(&v) && says("12 Mbit/s"));
	fresh(0);
	b.progress.bytes = 50 << 20;
	b.progress.read_ms = 60000;
	EXPECT("taken-over", "slow-stick", 6);
	b.progress.read_ms = 20000;
	EXPECT("taken-over", "taken-over", 0);
}

TEST(verdict_start_failed)
{
	static const struct {
		enum pod_status st;
		const char *id;
		unsigned hazard;
	} t[] = {{POD_E_NOMEM, "memory", 4},	      {POD_E_IO, "read-error", 6},
		 {POD_E_CORRUPT, "damaged-image", 1}, {POD_E_NOT_FOUND, "nothing-to-start", 0},
		 {POD_E_CHANGED, "stick-pulled", 6},  {POD_E_LIMIT, "start-failed", 0},
		 {POD_E_RANGE, "start-failed", 0}};
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++) {
		fresh(POD_REC_I_HANDOVER);
		menu(POD_STAGE_START_FAILED, t[i].st);
		b.has_message = true;
		strcpy(b.message.text, "Cannot start x.iso: 42");
		EXPECT("failed", t[i].id, t[i].hazard);
		CHECK(says("Cannot start x.iso: 42"));
	}
	fresh(POD_REC_I_TRUNCATED);
	menu(POD_STAGE_START_FAILED, POD_E_CORRUPT);
	EXPECT("failed", "truncated-image", 1);
}

TEST(verdict_loader_returned)
{
	static const struct {
		uint32_t code;
		const char *id;
		unsigned hazard;
	} t[] = {{1, "loader-returned", 0},
		 {9, "memory", 4},
		 {12, "stick-pulled", 6},
		 {14, "loader-returned", 0},
		 {26, "secure-boot", 5}};
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++) {
		fresh(0);
		menu(POD_STAGE_LOADER_RETURNED, 0x80000000u | t[i].code);
		EXPECT("failed", t[i].id, t[i].hazard);
	}
	fresh(0);
	menu(POD_STAGE_LOADER_RETURNED, 0x80000000u | 15);
	EXPECT("failed", "loader-returned", 0);
	b.machine.secure_boot = POD_SB_ON;
	EXPECT("failed", "secure-boot", 5);
}

TEST(verdict_stopped_in_the_loader)
{
	fresh(POD_REC_I_HANDOVER);
	read_in("live/initrd.img", POD_WHERE_INITRD, 43 << 20, 100 << 20);
	EXPECT("stopped", "stopped-while-reading", 0);
	CHECK(says("live/initrd.img") && says("43%"));
	b.progress.ms = 200000;
	EXPECT("stopped", "loader-hang", 0);
	b.progress.flags = 0; /* BIOS: the clock stands still with the reads */
	EXPECT("stopped", "stopped-while-reading", 0);
	b.progress.flags = POD_REC_P_READING;
	b.progress.ms = 9000;
	EXPECT("stopped", "read-hang", 0); /* any read that was being made when the machine was switched off */
	b.progress.ms = 20000;
	EXPECT("stopped", "read-hang", 6);
	b.progress.errors = 3;
	b.progress.error_status = POD_E_IO;
	strcpy(error.path, "live/initrd.img");
	error.kind = POD_WHERE_INITRD;
	f.error = &error;
	EXPECT("stopped", "read-error", 6);
	CHECK(says("Reads that failed: 3."));
	b.progress.error_code = 13;
	EXPECT("stopped", "stick-pulled", 6);
	b.machine.firmware = POD_FW_BIOS; /* INT 13h has other codes */
	EXPECT("stopped", "read-error", 6);
	b.progress.error_code = 0x31;
	EXPECT("stopped", "stick-pulled", 6);
	/* no Linux, but a read error: the program cannot have come far */
	fresh(0);
	b.progress.errors = 1;
	EXPECT("stopped", "read-error", 6);
	/* no initrd in what is left of it: the loader reads behind the end; or it may have been enough */
	fresh(POD_REC_I_TRUNCATED);
	EXPECT("taken-over", "truncated-image", 1);
	b.progress.outside = 2;
	EXPECT("stopped", "truncated-image", 1);
	/* BIOS: the whole initrd was read, so the kernel was next */
	fresh(POD_REC_I_HANDOVER);
	b.progress.flags = 0;
	read_in("live/initrd.img", POD_WHERE_INITRD, (100 << 20) - 2048, 100 << 20);
	EXPECT("stopped", "never-reached-stick", 0);
	/* or may have been, within the time the record is behind */
	read_in("live/initrd.img", POD_WHERE_INITRD, 90 << 20, 100 << 20);
	b.progress.bytes = 90 << 20;
	b.progress.read_ms = 9000;
	EXPECT("stopped", "never-reached-stick", 0);
	b.progress.read_ms = 90000;
	EXPECT("stopped", "stopped-while-reading", 0);
	/* before the loader */
	fresh(0);
	b.progress.stages.count = 3;
	EXPECT("stopped", "stopped-in-menu", 0);
}

TEST(verdict_never_reached)
{
	fresh(POD_REC_I_HANDOVER);
	menu(POD_STAGE_EXIT_BOOT_SERVICES, 0);
	EXPECT("stopped", "never-reached-stick", 0);
	CHECK_EQ(v.remedy_count, 3);
	f.usb_storage = POD_NO;
	EXPECT("stopped", "never-reached-stick", 2);
	CHECK(says("no driver for USB storage"));
	f.usb_storage = POD_YES;
	EXPECT("stopped", "never-reached-stick", 0);
	CHECK(says("has a driver for USB storage"));
	f.damaged_file = "live/initrd.img";
	EXPECT("stopped", "damaged-image", 1);
	f.damaged_file = NULL;
	f.initrd_bytes = 40 << 20;
	EXPECT("stopped", "never-reached-stick", 0);
	b.machine.memory_bytes = 256 << 20;
	EXPECT("stopped", "memory", 4);
	CHECK(says("256 MiB"));
	b.image.flags |= POD_REC_I_TRUNCATED;
	EXPECT("stopped", "truncated-image", 1);
}

TEST(verdict_in_linux)
{
	fresh(POD_REC_I_HANDOVER);
	shown();
	in_linux(POD_STAGE_RESCUE_SHELL);
	EXPECT("failed", "medium-not-found", 0);
	log_text("<3>[  9.0] I/O error, dev sda, sector 2048 op 0x0:(READ)\n");
	EXPECT("failed", "read-error", 6);
	CHECK(says("I/O error, dev sda, sector 2048"));
	log_text("<3>[  9.0] Out of memory: Killed process 200 (cp)\n");
	EXPECT("failed", "memory", 4);
	log_text("");
	in_linux(POD_STAGE_MEDIUM_MOUNTED);
	EXPECT("failed", "medium-not-found", 0);
	strcpy(b.linux_.mount, "/run/live/medium");
	EXPECT("failed", "root-not-found", 0);
	log_text("<3>[  9.0] SQUASHFS error: xz decompression failed, data probably corrupt\n");
	EXPECT("failed", "damaged-image", 1);
	b.image.flags |= POD_REC_I_TRUNCATED;
	EXPECT("failed", "truncated-image", 1);
	/* mounted, and silence */
	fresh(POD_REC_I_HANDOVER);
	shown();
	in_linux(POD_STAGE_MEDIUM_MOUNTED);
	strcpy(b.linux_.mount, "/run/live/medium");
	EXPECT("stopped", "root-not-switched", 0);
	/* not even that, but the log knows */
	fresh(POD_REC_I_HANDOVER);
	shown();
	log_text("<6>[  9.0] sd 2:0:0:0: rejecting I/O to offline device\n");
	EXPECT("stopped", "stick-pulled", 6);
	fresh(POD_REC_I_HANDOVER);
	in_linux(POD_STAGE_STICK_FOUND);
	EXPECT("stopped", "stopped-at-stick", 0);
	in_linux(POD_STAGE_NOT_SHOWN);
	EXPECT("failed", "not-shown", 0);
	b.image.flags |= POD_REC_I_FRAGMENTED;
	EXPECT("failed", "fragmented-image", 6);
}

static void screen(const char *text)
{
	b.has_screen = true;
	strcpy(b.screen.text, text);
}

TEST(verdict_missing_files)
{
	/* GRUB read the folder and no file in it, and waits */
	fresh(POD_REC_I_HANDOVER);
	read_in("live", POD_WHERE_DIRECTORY, 100, 2048);
	b.progress.ms = 20000;
	EXPECT("stopped", "file-not-found", 0);
	CHECK(strstr(v.headline.arg[0].text, "live") && says("the folder live"));
	f.missing_file = "live/vmlinuz-6.1";
	EXPECT("stopped", "file-not-found", 1);
	CHECK(says("live/vmlinuz-6.1") && v.remedy_count == 1);
	/* between two reads a folder is nothing special */
	f.missing_file = NULL;
	b.progress.ms = 9000;
	EXPECT("stopped", "stopped-while-reading", 0);
	/* the screen says it: no question where the last read was, nor how long ago */
	screen("  Booting `Live'\n\nerror: file `/live/vmlinux' not found.\nerror: you need to load the kernel first.\n");
	EXPECT("stopped", "file-not-found", 1);
	CHECK(says("The screen said: error: file `/live/vmlinux' not found."));
	fresh(0); /* also of what is no Linux */
	screen("Loading /live/vmlinuz... failed: No such file or directory\nboot:");
	EXPECT("stopped", "file-not-found", 1);
}

TEST(verdict_what_the_screen_said)
{
	static const struct {
		const char *text, *id;
		unsigned hazard;
	} t[] = {{"!!!! X64 Exception Type - 0D(#GP - General Protection)  CPU Apic ID - 00000000 !!!!\n", "crashed", 0},
		 {"error: ../../grub-core/disk/efi/efidisk.c:612:failure reading sector 0x4c0 from `cd0'.\n", "read-error", 6},
		 {"isolinux: Image checksum error, sorry...\n", "damaged-image", 1},
		 {"error: out of memory.\n", "memory", 4},
		 {"error: bad shim signature.\n", "secure-boot", 5},
		 {"Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n", "kernel-panic", 0}};
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++) {
		fresh(POD_REC_I_HANDOVER);
		screen(t[i].text);
		EXPECT("stopped", t[i].id, t[i].hazard);
		CHECK(says("The screen said: "));
	}
	/* what a loader goes on from */
	fresh(POD_REC_I_HANDOVER);
	screen("error: file `/boot/grub/fonts/unicode.pf2' not found.\nerror: no suitable video mode found.\n");
	EXPECT("stopped", "stopped-while-reading", 0);
	screen("Failed to open \\EFI\\BOOT\\mmx64.efi - Not Found\n");
	EXPECT("stopped", "file-not-found", 1);
	menu(POD_STAGE_EXIT_BOOT_SERVICES, 0);
	EXPECT("stopped", "never-reached-stick", 0);
	/* and a start that went well */
	in_linux(POD_STAGE_ROOT_SWITCHED);
	EXPECT("finished", "finished", 0);
}

TEST(verdict_other_mode_only_if_there_is_one)
{
	fresh(POD_REC_I_HANDOVER);
	b.progress.ms = 200000;
	for (int k = POD_UNKNOWN; k <= POD_YES; k++) {
		bool told = false;
		f.other_mode = (enum pod_known)k;
		EXPECT("stopped", "loader-hang", 0);
		for (unsigned i = 0; i < v.remedy_count; i++)
			told = told || strstr(v.remedy[i].message, "other mode");
		CHECK_EQ(told, k == POD_YES);
		CHECK_EQ(v.remedy_count, k == POD_YES ? 3 : 2);
	}
	fresh(0);
	b.image.entry = -2;
	f.why = POD_WHY_OTHER_FIRMWARE;
	menu(POD_STAGE_START_FAILED, POD_E_UNSUPPORTED);
	EXPECT("failed", "nothing-to-start", 5);
	CHECK(!strstr(v.remedy[0].message, "other mode") && v.retry == POD_RETRY_NONE);
	f.other_mode = POD_YES;
	EXPECT("failed", "nothing-to-start", 5);
	CHECK(strstr(v.remedy[0].message, "other mode") && v.retry == POD_RETRY_OTHER_FIRMWARE);
	b.image.entry = 0;
	EXPECT("failed", "start-failed", 0);
}

TEST(verdict_systems_in_their_initrd)
{
	/* without the stage a grave line of the log counts, with it none does */
	fresh(POD_REC_I_HANDOVER);
	shown();
	log_text("<3>[  9.0] Buffer I/O error on dev sdb, logical block 0, async page read\n");
	EXPECT("stopped", "read-error", 6);
	log_text("<6>[    8.0] usb 1-2: USB disconnect, device number 2\n");
	EXPECT("taken-over", "taken-over", 0);
	log_text("<3>[  9.0] Buffer I/O error on dev sdb, logical block 0, async page read\n");
	in_linux(POD_STAGE_MEDIUM_MOUNTED);
	strcpy(b.linux_.mount, "/mnt/stick");
	in_linux(POD_STAGE_LIVES_IN_INITRD);
	EXPECT("taken-over", "taken-over", 0);
	in_linux(POD_STAGE_RESCUE_SHELL);
	EXPECT("failed", "read-error", 6);
}

static void in_windows(enum pod_stage s, uint32_t arg)
{
	b.has_windows = true;
	CHECK(pod_stages_add(&b.windows.stages, s, clock_ms += 1000, arg));
}

/* Windows PE as far as the stick found. */
static void helper(void)
{
	fresh(POD_REC_I_HELPER);
	menu(POD_STAGE_EXIT_BOOT_SERVICES, 0);
	in_windows(POD_STAGE_HELPER_STARTED, 0);
	in_windows(POD_STAGE_VOLUME_FOUND, 0);
}

TEST(verdict_windows)
{
	/* without the helper nothing can be known; with it, its silence says something */
	fresh(0);
	menu(POD_STAGE_EXIT_BOOT_SERVICES, 0);
	EXPECT("taken-over", "taken-over", 0);
	CHECK(!v.stop_codes);
	fresh(POD_REC_I_HELPER);
	menu(POD_STAGE_EXIT_BOOT_SERVICES, 0);
	EXPECT("stopped", "helper-not-reached", 0);
	CHECK(v.stop_codes);
	/* a BIOS does not tell that it was left: boot.wim read to its end does */
	fresh(POD_REC_I_HELPER);
	b.progress.flags = 0;
	read_in("sources/boot.wim", POD_WHERE_FILE, (500u << 20) - 100, 500u << 20);
	EXPECT("stopped", "helper-not-reached", 0);
	read_in("sources/boot.wim", POD_WHERE_FILE, 100u << 20, 500u << 20);
	EXPECT("taken-over", "taken-over", 0);
	fresh(POD_REC_I_HELPER);
	menu(POD_STAGE_EXIT_BOOT_SERVICES, 0);
	b.progress.errors = 1;
	EXPECT("stopped", "read-error", 6);
	CHECK(!v.stop_codes);

	helper();
	EXPECT("stopped", "stopped-in-helper", 0);
	in_windows(POD_STAGE_ISO_ATTACHED, 0);
	b.windows.letter = 'E';
	in_windows(POD_STAGE_HANDED_OVER, 0);
	EXPECT("finished", "finished", 0);
	CHECK(says("drive E:"));
	b.windows.letter = 0;
	EXPECT("finished", "finished", 0);
	CHECK(says("no drive letter"));
	b.windows.letter = 'E';
	in_windows(POD_STAGE_PROGRAM_FAILED, 0x80070002);
	EXPECT("failed", "program-failed", 0);
	CHECK(says("0x80070002") && says("drive E:"));

	static const struct {
		uint32_t code;
		const char *id;
		unsigned hazard;
	} table[] = {{126, "no-iso-provider", 2}, {0xc03a0014, "no-iso-provider", 2}, {1005, "volume-unreadable", 2},
		     {1117, "read-error", 6},	  {1392, "damaged-image", 1},	      {50, "iso-not-attached", 0}};
	for (size_t i = 0; i < POD_ARRAY_LEN(table); i++) {
		helper();
		in_windows(POD_STAGE_VOLUME_MISSING, 2);
		in_windows(POD_STAGE_ISO_NOT_ATTACHED, table[i].code);
		in_windows(POD_STAGE_HANDED_OVER, 0);
		strcpy(b.windows.controller, "PCI\\VEN_8086&DEV_9A0B");
		b.windows.drivers_failed = 2;
		EXPECT("failed", table[i].id, table[i].hazard);
		CHECK(says("VEN_8086") && says("without it") && says("not load: 2"));
	}
}

TEST(verdict_stop_codes)
{
	static const char *const want[] = {"7B",       "C000000F", "C000014C", "C0000098", "C0000225",
					   "C0000221", "C0430001", "136",      "12F"};
	unsigned n = 0;
	for (const struct pod_stop_code *c; (c = pod_stop_code(n)) != NULL; n++) {
		REQUIRE(n < POD_ARRAY_LEN(want));
		CHECK(strlen(c->code) == 10 && strcmp(c->code + 10 - strlen(want[n]), want[n]) == 0);
		CHECK(strlen(c->cause) > 20 && c->source[0]);
	}
	CHECK_EQ(n, POD_ARRAY_LEN(want));
}

TEST(verdict_sentences)
{
	struct pod_sentence s = {.message = "%s: %u%% of %s", .count = 3};
	char buf[64];
	s.arg[0].text = "a";
	s.arg[1].number = 7;
	s.arg[2].text = "\xe4\xb8\xad";
	pod_sentence_fill(&s, NULL, buf, sizeof buf);
	CHECK_STR(buf, "a: 7% of \xe4\xb8\xad");
	pod_sentence_fill(&s, "%s %u%% %s %s %x", buf, sizeof buf);
	CHECK_STR(buf, "a 7% \xe4\xb8\xad ? ?");
	pod_sentence_fill(&s, NULL, buf, 11);
	CHECK_STR(buf, "a: 7% of ");
	pod_sentence_fill(&s, "%", buf, sizeof buf);
	CHECK_STR(buf, "%");
	for (int i = 0; i < 64; i++) {
		CHECK(pod_stage_id((enum pod_stage)i)[0]);
		CHECK(pod_stage_text((enum pod_stage)i)[0]);
	}
	for (unsigned i = 0; i < 8; i++)
		CHECK((pod_hazard_text(i)[0] != 0) == (i >= 1 && i <= 6));
}

/* Nothing is heard from a system without a helper of ours; what the plan said beforehand counts then. */
TEST(what_was_said_before_the_start)
{
	struct pod_start start = {.starts = POD_STARTS_UNKNOWN, .why = POD_WHY_LINUX_CLOSED, .arg = {"2", "LUKS"}};
	char text[300];
	fresh(0);
	menu(POD_STAGE_EXIT_BOOT_SERVICES, 0);
	f.start = &start;
	pod_verdict_make(&b, &f, &v);
	CHECK_STR(v.id, "taken-over");
	CHECK(!pod_verdict_alarm(&v));
	REQUIRE(v.evidence_count);
	pod_sentence_fill(&v.evidence[v.evidence_count - 1], NULL, text, sizeof text);
	CHECK_STR(text, "Partition 2 is LUKS, which Isopod cannot look into: a Linux in it will not find its disk.");
	start = (struct pod_start){.starts = POD_STARTS_NOT, .why = POD_WHY_WINDOWS_VOLUME};
	pod_verdict_make(&b, &f, &v);
	CHECK_STR(v.id, "cannot-start-here");
	CHECK(pod_verdict_alarm(&v));
	CHECK_EQ(v.hazard, POD_HAZARD_NONE);
	/* as many arguments as the message has directives */
	for (unsigned why = POD_WHY_NONE + 1; why < POD_WHY_COUNT; why++) {
		start.why = (enum pod_start_why)why;
		if (!*pod_start_what(start.why))
			continue;
		pod_verdict_make(&b, &f, &v);
		REQUIRE(v.evidence_count);
		const struct pod_sentence *s = &v.evidence[v.evidence_count - 1];
		unsigned directives = 0;
		for (const char *p = s->message; *p; p++)
			directives += *p == '%';
		CHECK_EQ(s->count, directives);
	}
	/* a helper of ours was there, and tells more */
	fresh(POD_REC_I_HANDOVER);
	shown();
	in_linux(POD_STAGE_ROOT_SWITCHED);
	f.start = &start;
	pod_verdict_make(&b, &f, &v);
	CHECK_STR(v.id, "finished");
}

/* That an image has no loader at all is not the firmware's fault. */
TEST(nothing_to_start_anywhere)
{
	fresh(0);
	b.image.entry = POD_ENTRY_NONE;
	menu(POD_STAGE_START_FAILED, POD_E_UNSUPPORTED);
	pod_verdict_make(&b, &f, &v);
	CHECK_STR(v.id, "nothing-to-start");
	CHECK_EQ(v.hazard, POD_HAZARD_NONE); /* the image may be gone by now: nobody knows what it had */
	static const struct {
		enum pod_start_why why;
		enum pod_hazard hazard;
	} t[] = {{POD_WHY_NO_LOADER, POD_HAZARD_IMAGE},
		 {POD_WHY_BOOT_IMAGE, POD_HAZARD_IMAGE},
		 {POD_WHY_OTHER_FIRMWARE, POD_HAZARD_FIRMWARE}};
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++) {
		f.why = t[i].why;
		pod_verdict_make(&b, &f, &v);
		CHECK_STR(v.id, "nothing-to-start");
		CHECK_EQ(v.hazard, t[i].hazard);
		CHECK(v.remedy_count);
	}
}

/* Nothing was heard of the kernel: what is known of the files it was made of decides. */
TEST(what_a_silent_start_was_made_of)
{
	fresh(POD_REC_I_HANDOVER);
	CHECK(pod_verdict_is_silent(&b));
	read_in("live/initrd.img", POD_WHERE_INITRD, 999990, 1000000);
	EXPECT("stopped", "never-reached-stick", 0);
	f.damaged_file = "live/vmlinuz";
	EXPECT("stopped", "damaged-image", 1);
	f.stick_file = "ISOPOD/SHIMX64";
	EXPECT("stopped", "stick-damaged", 6);
	CHECK(says("ISOPOD/SHIMX64, a file of the stick's own, is damaged."));
	in_linux(POD_STAGE_SHIM_STARTED);
	CHECK(!pod_verdict_is_silent(&b));
	fresh(0);
	CHECK(!pod_verdict_is_silent(&b));
	fresh(POD_REC_I_HANDOVER);
	menu(POD_STAGE_LOADER_RETURNED, 0);
	CHECK(!pod_verdict_is_silent(&b));
}

/* The start was not made, because the stick lacks a file of its own. */
TEST(stick_without_its_shim)
{
	fresh(POD_REC_I_SHIM_MISSING);
	menu(POD_STAGE_START_FAILED, POD_E_NOT_FOUND);
	pod_verdict_make(&b, &f, &v);
	CHECK_STR(v.id, "stick-damaged");
	CHECK_EQ(v.hazard, POD_HAZARD_DRIVE);
	CHECK(v.remedy_count);
}

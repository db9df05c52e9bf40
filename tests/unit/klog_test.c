/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's words as it prints them. */
#include "core/trace/klog.h"
#include "tests/unit/test.h"

static struct pod_klog_finding f;

static bool look(const char *text)
{
	return pod_klog_classify(text, strlen(text), &f);
}

TEST(klog_one_line_each)
{
	static const struct {
		const char *line, *id;
		unsigned hazard;
	} t[] = {
		{"<3>[   12.345678] blk_update_request: I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio "
		 "class 0",
		 "read-error", 6},
		{"[   12.345678] critical medium error, dev sdb, sector 1234 op 0x0:(READ) flags 0x80700 phys_seg 4 prio class 2",
		 "read-error", 6},
		{"<3>[    9.1] SQUASHFS error: Failed to read block 0x29d2c3a: -5", "damaged-image", 1},
		{"<3>[    9.1] SQUASHFS error: zstd decompression failed, data probably corrupt", "damaged-image", 1},
		{"<3>[    9.1] SQUASHFS error: unable to read id index table", "damaged-image", 1},
		{"<3>[   11.145290] unable to read id index table", "damaged-image", 1},
		{"<3>[   11.1] unable to read inode lookup table", "damaged-image", 1},
		{"<3>[   31.0] Out of memory: Killed process 231 (cp) total-vm:2512kB, anon-rss:128kB", "memory", 4},
		{"<0>[    2.0] Kernel panic - not syncing: System is deadlocked on memory", "memory", 4},
		{"<6>[    0.9] Initramfs unpacking failed: write error", "memory", 4},
		{"<6>[    0.9] Initramfs unpacking failed: invalid magic at start of compressed archive", "damaged-initrd", 1},
		{"<0>[    2.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)", "no-initrd", 1},
		{"<0>[    2.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100", "kernel-panic", 5},
		{"<4>[    9.0] loop0: rw=0, sector=400, nr_sectors = 8 limit=392 attempt to access beyond end of device",
		 "truncated-image", 1},
		{"<3>[    3.0] usb 1-1: device descriptor read/64, error -71", "usb-trouble", 6},
		{"<3>[    3.0] usb usb1-port1: unable to enumerate USB device", "usb-trouble", 6},
		{"<3>[    3.0] usb usb1-port2: over-current condition", "over-current", 6},
		{"<6>[    8.0] usb 1-1: USB disconnect, device number 2", "usb-trouble", 6},
		{"<6>[    8.0] sd 2:0:0:0: rejecting I/O to offline device", "stick-pulled", 6},
		{"<3>[   61.0] isopod: the stick with /images/x.iso has not appeared within 60 seconds (no driver for its "
		 "port, or unplugged?)",
		 "stick-not-found", 2},
		{"<6>[    3.0] usb 1-1: not running at top speed; connect to a high speed hub", "slow-stick", 6},
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++) {
		CHECK(look(t[i].line));
		CHECK_STR(f.id, t[i].id);
		CHECK_EQ(f.hazard, t[i].hazard);
		CHECK(f.line[0] != '<' && f.line[0] != '[' && f.line[0] != ' ');
		CHECK(strlen(f.evidence) > 10);
	}
}

TEST(klog_harmless_lines)
{
	CHECK(!look(""));
	CHECK(!look("\n\n"));
	CHECK(!look("<3>[    4.0] blk_update_request: I/O error, dev fd0, sector 0 op 0x0:(READ) flags 0x0\n"
		    "<3>[    4.0] Buffer I/O error on dev fd0, logical block 0, async page read\n"
		    "<3>[    4.0] I/O error, dev sr0, sector 0 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2\n"));
	CHECK(!look("<3>[    3.0]  sdb: unable to read partition table\n"));
	CHECK(!look("<6>[    3.0] usb 1-1: reset high-speed USB device number 2 using xhci_hcd\n"));
	CHECK(!look("<6>[    3.0] usb 1-2: reset low-speed USB device number 3 using xhci_hcd\n"
		    "<6>[    3.1] usb 1-2: reset low-speed USB device number 3 using xhci_hcd\n"));
	CHECK(look("<6>[    3.0] usb 1-1: reset high-speed USB device number 2 using xhci_hcd\n"
		   "<6>[    9.0] usb 1-1: reset high-speed USB device number 2 using xhci_hcd"));
	CHECK_STR(f.id, "usb-trouble");
	CHECK_EQ(f.count, 2);
}

/* What is nearest to the cause counts, wherever it stands; and its first line is quoted. */
TEST(klog_the_weightiest_counts)
{
	CHECK(look("<3>[    9.1] SQUASHFS error: Failed to read block 0x29d2c3a: -5\n"
		   "<3>[    9.1] I/O error, dev sda, sector 100 op 0x0:(READ)\n"
		   "<3>[    9.2] I/O error, dev sda, sector 108 op 0x0:(READ)\n"
		   "<0>[   10.0] Kernel panic - not syncing: Attempted to kill init!\n"));
	CHECK_STR(f.id, "read-error");
	CHECK_EQ(f.count, 2);
	CHECK(f.line_len == strlen("I/O error, dev sda, sector 100 op 0x0:(READ)"));
	CHECK(memcmp(f.line, "I/O error, dev sda, sector 100", 30) == 0);
}

/* Level, time and caller go; brackets that are part of the message, or are never closed, stay. */
TEST(klog_prefixes)
{
	static const char *const t[][2] = {
		{"<3>[   12.345678][   T57] Out of memory: Kill", "Out of memory: Kill"},
		{"[   12.345678][ C0]  Out of memory: Kill", "Out of memory: Kill"},
		{"<3>[Out of memory: Kill", "[Out of memory: Kill"},
		{"[init: Out of memory: Kill]", "[init: Out of memory: Kill]"},
		{"<Out of memory: Kill", "<Out of memory: Kill"},
		{"[ 1.0 Out of memory: Kill", "[ 1.0 Out of memory: Kill"},
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++) {
		REQUIRE(look(t[i][0]));
		CHECK_EQ(f.line_len, strlen(t[i][1]));
		CHECK(strncmp(f.line, t[i][1], f.line_len) == 0);
	}
}

/* Cut anywhere, it reads nothing outside. */
TEST(klog_cut_texts)
{
	static const char whole[] = "<3>[    9.1] I/O error, dev sda, sector 100\n<\n[\n<3>[";
	for (size_t n = 0; n < sizeof whole; n++) {
		char *copy = malloc(n ? n : 1);
		memcpy(copy, whole, n);
		CHECK(pod_klog_classify(copy, n, &f) == (n >= 13 + 15));
		free(copy);
	}
}

static const char *argument(const char *text)
{
	const char *a = pod_klog_argument(text, strlen(text));
	return a ? a : "none";
}

TEST(klog_arguments_to_try)
{
	CHECK_STR(argument(""), "none");
	CHECK_STR(argument("<6>[    1.0] ACPI: 9 ACPI AML tables successfully acquired and loaded\n"), "none");
	CHECK_STR(argument("<3>[    1.0] ACPI BIOS Error (bug): Could not resolve symbol [\\_SB.PCI0], AE_NOT_FOUND"),
		  "acpi=off");
	CHECK_STR(argument("<3>[    1.0] ACPI Error: AE_NOT_FOUND, x\n<3>[    2.0] irq 16: nobody cared (try booting with the "
			   "\"irqpoll\" option)\n<0>[    2.1] Disabling IRQ #16\n"),
		  "acpi_noirq");
	CHECK_STR(argument("<4>[    3.0] nvme nvme0: I/O 8 QID 0 timeout, completion polled\n"), "pci=nomsi");
	CHECK_STR(argument("x\n<3>[    0.1] ..MP-BIOS bug: 8254 timer not connected to IO-APIC"), "noapic");
}

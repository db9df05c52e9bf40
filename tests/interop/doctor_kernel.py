#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod doctor on kernels' logs, in words of our own that follow the kernel's formats: each kind of trouble, and none in sound ones."""
import os

import trace_format as tf
from trace_common import Stick
from doctor_common import *
from common import sbin

CHECKS = ("kernel.acpi", "kernel.blocked", "kernel.io", "kernel.memory")
BAD = [
    ("kernel.acpi", "warning", "acpi=off", "ACPI: EC: input buffer is not empty, aborting transaction"),
    ("kernel.acpi", "warning", "acpi=off", "ACPI Error: AE_TIME, Returned by Handler for [EmbeddedControl] (20230331/evregion-300)"),
    ("kernel.acpi", "warning", "acpi_noirq", 'irq 18: nobody cared (try booting with the "irqpoll" option)'),
    ("kernel.acpi", "warning", "pci=nomsi", "Disabling IRQ #18"),
    ("kernel.acpi", "warning", "noapic", "..MP-BIOS bug: 8254 timer not connected to IO-APIC"),
    ("kernel.acpi", "warning", "pci=nomsi", "nvme nvme0: I/O 12 QID 3 timeout, completion polled"),
    ("kernel.acpi", "note", "acpi=off", "ACPI BIOS Error (bug): Could not resolve symbol [\\_SB.PCI0.XYZ], AE_NOT_FOUND (20230331/psargs-330)"),
    ("kernel.acpi", "note", "acpi=off", "ACPI Error: Aborting method \\_SB.AC._PSR due to previous error (AE_NOT_FOUND) (20230331/psparse-529)"),
    ("kernel.blocked", "warning", "the drive", "INFO: task cp:4711 blocked for more than 120 seconds."),
    ("kernel.blocked", "warning", "acpi=off", "watchdog: BUG: soft lockup - CPU#2 stuck for 26s! [swapper/2:0]"),
    ("kernel.io", "warning", "save", "blk_update_request: I/O error, dev sdb, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0"),
    ("kernel.io", "warning", "another port", "sd 2:0:0:0: [sdb] tag#0 timing out command, waited 180s"),
    ("kernel.io", "warning", "another port", "sd 2:0:0:0: [sdb] tag#5 uas_eh_abort_handler 0 uas-tag 1 inflight: CMD IN"),
    ("kernel.io", "warning", "another port", "usb 1-4: device descriptor read/64, error -110"),
    ("kernel.io", "warning", "save", "ata3.00: failed command: READ FPDMA QUEUED"),
    ("kernel.io", "warning", "save", "nvme nvme0: I/O 128 (I/O Cmd) QID 2 timeout, aborting"),
    ("kernel.memory", "warning", "memory", "Out of memory: Killed process 812 (mksquashfs) total-vm:912000kB, anon-rss:800000kB"),
    ("kernel.memory", "problem", "memory", "Kernel panic - not syncing: System is deadlocked on memory"),
]
SOUND = """Linux version 6.1.0-9-amd64 (build@host) (gcc 12.2.0) #1 SMP PREEMPT_DYNAMIC
Command line: BOOT_IMAGE=/live/vmlinuz boot=live hung_task_timeout_secs=120 libata.force=1.5 acpi_osi=Linux
ACPI: EC: EC started
ACPI: EC: interrupt blocked
ACPI: EC: EC_CMD/EC_SC=0x66, EC_DATA=0x62
ACPI: Using IOAPIC for interrupt routing
ACPI: Enabled 4 GPEs in block 00 to 3F
APIC: Switch to symmetric I/O mode setup
..TIMER: vector=0x30 apic1=0 pin1=2 apic2=-1 pin2=-1
usb 1-1: new high-speed USB device number 2 using xhci_hcd
usb 1-1: reset high-speed USB device number 2 using xhci_hcd
usb 1-1: reset high-speed USB device number 2 using xhci_hcd
usb 1-7: reset full-speed USB device number 4 using xhci_hcd
usb 1-7: reset full-speed USB device number 4 using xhci_hcd
usb 1-7: reset full-speed USB device number 4 using xhci_hcd
ata1: SATA link up 6.0 Gbps (SStatus 133 SControl 300)
ata1.00: supports DRM functions and may not be fully accessible
blk_update_request: I/O error, dev fd0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0
I/O error, dev sr0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2
I/O error, dev loop3, sector 96 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2
python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
Memory cgroup out of memory: Killed process 99 (python3) total-vm:91200kB
systemd[1]: watcher.service: says Out of memory: Killed process 812
audit: type=1130 msg='INFO: task x:1 blocked for more than 120 seconds'
PM: suspend entry (deep)
nvme nvme0: 8/0/0 default/read/poll queues
mmc0: new SDHC card at address 0001
"""
FORMS = ("%s", "[%d.000001] %s", "<3>[   %d.000001] %s", "[   %d.000001][  T12] %s", "[Sun Nov 29 03:00:%02d 2026] %s", "Nov 29 03:00:%02d box kernel: [    1.0] %s",
         "Nov 29 03:00:%02d box kernel: %s")


def say(form, n, line):
    return form % ((n, line) if "%d" in form or "%02d" in form else line)


def log(lines, form):
    with open("log.txt", "w") as f:
        f.write("".join(say(form, n % 60, line) + "\n" for n, line in enumerate(lines)))
    return findings("--log", "log.txt", "--only", ",".join(CHECKS))


def each_alone():
    for n, (name, level, fix, line) in enumerate(BAD):
        got = log(SOUND.splitlines()[:4] + [line], FORMS[n % len(FORMS)])
        hits = [f for f in got if f[1] in ("problem", "warning", "note")]
        check(len(hits) == 1 and hits[0][:2] == (name, level) and line[:60] in hits[0][3] and fix in (hits[0][4] or "") and hits[0][3].startswith('"' + line[:20]),
              "%s: %r" % (line, hits))
        if level == "note":
            check(any(f[0] == "kernel.memory" and f[1] == "good" for f in got), "the others are good")
    got = log(["usb 2-1: reset SuperSpeed USB device number 3 using xhci_hcd"] * 5, FORMS[1])
    expect(got, "kernel.io", "warning", "reset SuperSpeed", "4 lines like it", "another port")


def sound():
    for form in FORMS:
        got = log(SOUND.splitlines(), form)
        check(all(f[1] == "good" for f in got) and len(got) == 4, "%s: a sound log: %r" % (form, [f for f in got if f[1] != "good"]))
    for text in (b"", b"\n\n\n", b"\0\0\n\xff\xfe\n", b"<<<<[[[[", b"no line end"):
        with open("log.txt", "wb") as f:
            f.write(text)
        got = findings("--log", "log.txt", "--only", ",".join(CHECKS))
        check(all(f[1] == "good" for f in got), "%r: %r" % (text, got))


def of_a_stick():
    """The log that the last start saved; that of an older one is no matter."""
    os.symlink(os.path.join(B, "stick"), "data")
    must("create", "s.img", "--size", "256M", "--yes")
    stick, state = Stick("s.img"), bytearray(tf.SIZE)
    tf.put_boot(state, 7, tf.machine(7))
    tf.put_log(state, 7, "<3>[    9.0] Out of memory: Killed process 200 (cp)\n")
    stick.put(state)
    got = findings("s.img", "--no-machine", "--only", ",".join(CHECKS))
    expect(got, "kernel.memory", "warning", "Killed process 200", subject="log of boot 7")
    tf.put_boot(state, 8, tf.machine(8))
    stick.put(state)
    equal(findings("s.img", "--no-machine", "--only", ",".join(CHECKS)), [], "a start that saved none")


def usage():
    check(isopod("doctor", "--log", "/nonexistent").rc == 3, "no such log")
    check(isopod("doctor", "x.iso", "--no-machine", "--log", "log.txt").rc == 2, "--log without a machine")
    for name in CHECKS:
        check(len(must("doctor", "--explain", name).out) > 100, name)
    out = isopod("doctor", "--only", ",".join(CHECKS), "--json")
    check(out.rc in (0, 1) and not out.err, "this machine's own log")


def main():
    sbin()
    with workdir():
        each_alone()
        sound()
        usage()
        of_a_stick()
    finish()


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Facts, a kernel log and the sectors of a boot for each way a start can end; verdict_fuzz.c tells the form."""
import os
import struct
import sys

from record_seed import at, sector

LOGS = [b"", b"<3>[   12.345678] blk_update_request: I/O error, dev sda, sector 2048 op 0x0:(READ)\n<6>[ 13.0] usb 1-1: USB disconnect, device number 2\n",
        b"[    9.1] SQUASHFS error: unable to read id index table\n<3>[ 11.1] Out of memory: Killed process 231 (cp)\n",
        b"<6>[ 3.0] usb 1-1: reset high-speed USB device number 2 using xhci_hcd\n" * 2 + b"no line end",
        b"<0>[    2.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n<6>[    0.9] Initramfs unpacking failed: write error"]


def stages(*numbers):
    """The last with an argument: an error of UEFI for a loader that came back."""
    return b"".join(struct.pack("<B3xII", s, 100 * (n + 1), 0x80000001 if n + 1 == len(numbers) else 0) for n, s in enumerate(numbers))


def progress(flags, errors, *numbers):
    return (struct.pack("<IBBHQIIQQII", 90000, len(numbers), flags, 0, 32 << 20, 40, 65536, 1 << 19, 0, errors, 4).ljust(0x78, b"\0") +
            stages(*numbers))


def write(name, fact, log, image_flags, flags, errors, menu, linux=(), why=0):
    machine = struct.pack("<IBBHQ", 2, 1, 1, 9, 1700000000).ljust(0xb8, b"\0") + b"maker"
    image = struct.pack("<QQQQI", 1 << 28, 1 << 29, 3, 4, image_flags).ljust(0x80, b"\0") + b"/images/x.iso"
    data = fact + struct.pack("<BH", why, len(log)) + log
    data += at(1, 0, sector(1, 1, 1, machine)) + at(1, 1, sector(1, 2, 1, image)) + at(1, 2, sector(1, 3, 2, progress(flags, errors, *menu)))
    if linux:
        text = struct.pack("<IB3xIIII", 900, len(linux), 4, 12000, 1 << 20, 1 << 19) + b"6.1.0".ljust(64, b"\0") + b"sda".ljust(24, b"\0")
        text += b"sda1".ljust(40, b"\0") + b"iso9660".ljust(16, b"\0") + b"/run/live/medium".ljust(64, b"\0")
        data += at(1, 4, sector(1, 4, 1, text.ljust(0xe8, b"\0") + stages(*linux)))
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data + bytes(4))


def write_windows(name, image_flags, menu, events):
    image = struct.pack("<QQQQI", 1 << 28, 1 << 29, 3, 4, image_flags).ljust(0x80, b"\0") + b"/images/x.iso"
    pe = (struct.pack("<IBcHIIII", 12000, len(events), b"D", 0, 10 << 16, 22621, 1, 2) + b"PCI\\VEN_8086&DEV_9A0B".ljust(64, b"\0") +
          b"winpeshl.exe".ljust(64, b"\0")).ljust(0xe8, b"\0") + stages(*events)
    data = bytes([1, 1, 1, 99]) + struct.pack("<IBH", 0, 0, 0) + at(1, 1, sector(1, 2, 1, image)) + at(1, 2, sector(1, 3, 2, progress(2, 0, *menu)))
    if events:
        data += at(1, 4, sector(1, 7, 1, pe))
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data + bytes(4))


MENU = {"menu": (1, 2), "chosen": (1, 2, 3), "plan": (1, 2, 3, 4), "loader": (1, 2, 3, 4, 5), "back": (1, 2, 3, 4, 5, 6), "exit": (1, 2, 3, 4, 5, 7),
        "failed": (1, 2, 3, 4, 8)}
LINUX = {"shim": (32,), "found": (32, 33, 34), "shown": (32, 33, 34, 35), "mounted": (32, 33, 34, 35, 36), "root": (32, 33, 34, 35, 36, 37),
         "not-shown": (32, 33, 34, 38), "shell": (32, 33, 34, 35, 39), "mounted-shell": (32, 33, 34, 35, 36, 39), "ended": (32, 33, 34, 35, 41), "lives": (32, 33, 34, 35, 36, 42)}
for n, (name, menu) in enumerate(MENU.items()):
    for flags in (0, 1, 2, 3):
        write("%s-%d" % (name, flags), bytes([n * 3 % 32, n, n % 3, 99 if flags & 1 else 30]) + struct.pack("<I", 40 << 20), LOGS[n % len(LOGS)],
              flags ^ n % 4, flags, n % 2, menu, why=4 * n + flags)
for n, (name, linux) in enumerate(LINUX.items()):
    write("linux-" + name, bytes([n, 1, 1, 50, 0, 0, 0, 16]), LOGS[n % len(LOGS)], 2, 2, 0, MENU["exit"], linux)
WINDOWS = {"silent": (), "found": (48, 50), "good": (48, 49, 50, 51, 52), "late": (48, 53, 52, 50, 51), "not-attached": (48, 50, 54),
           "no-program": (48, 50, 51, 55), "ended": (48, 50, 51, 52, 57), "driver": (48, 56)}
for name, events in WINDOWS.items():
    write_windows("windows-" + name, 16, MENU["exit"], events)
write("stick-file", bytes([1, 4, 1, 0x80 | 50, 0, 0, 0, 16]), b"", 8, 2, 0, MENU["loader"])
write("missing", bytes([33, 4, 1, 50, 0, 0, 0, 16]), b"error: file `/live/vmlinux' not found.\nKernel panic - not syncing\n", 8, 2, 0, MENU["loader"])
# What the plan said against the start: reasons with no, one and two arguments.
for why in (3, 5, 7, 16, 18, 24):
    for sure in (0, 0x40):
        write("said-%d-%d" % (why, sure), bytes([1, sure, 3 * why, 50, 0, 0, 0, 16]), b"", 0, 2, 0, MENU["exit"])
write_windows("windows-bios", 16, MENU["loader"], ())

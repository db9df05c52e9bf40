#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""State files in the target's form: { u16 sector number, 512 bytes } each; the target repairs the checksums."""
import os
import struct
import sys


def sector(boot, kind, update, fields=b""):
    return struct.pack("<8sIIB3xI", b"ISOPODR1", 0, boot, kind, update) + fields.ljust(512 - 24, b"\0")


def at(boot, place, data):
    return struct.pack("<H", 16 + boot % 36 * 8 + place) + data


def boot(n):
    stages = b"".join(struct.pack("<B3xII", s, s * 100, 0) for s in range(1, 8))
    progress = struct.pack("<IBBHQIIQQ", 4000, 7, 1, 0, 1 << 20, 40, 65536, 1 << 19, 0).ljust(0x78, b"\0") + stages
    linux = (struct.pack("<IB3xIIII", 900, 2, 4, 480000, 1 << 20, 1 << 19) + b"6.1.0-18-amd64".ljust(64, b"\0") + b"sda".ljust(24, b"\0") +
             b"sda1".ljust(40, b"\0") + b"iso9660".ljust(16, b"\0") + b"/run/live/medium".ljust(64, b"\0"))
    return (at(n, 0, sector(n, 1, 1, struct.pack("<IBBHQ", 2, 1, 1, 9, 1700000000).ljust(0xb8, b"\0") + "联想".encode())) +
            at(n, 1, sector(n, 2, 1, struct.pack("<QQQQ", 1, 2, 3, 4).ljust(0x80, b"\0") + "/images/甲.iso".encode())) +
            at(n, 2, sector(n, 3, 2, progress)) + at(n, 3, sector(n, 3, 3, progress)) +
            at(n, 4, sector(n, 4, 1, linux)) + at(n, 6, sector(n, 5, 1, struct.pack("<II", 6, 7) + b"damaged")))


def windows(n):
    stages = b"".join(struct.pack("<B3xII", s, s * 100, 0) for s in range(48, 55))
    pe = (struct.pack("<IBcHIIII", 12000, 7, b"D", 0, 10 << 16, 22621, 1, 0) + b"PCI\\VEN_8086&DEV_9A0B".ljust(64, b"\0") +
          b"winpeshl.exe".ljust(64, b"\0")).ljust(0xe8, b"\0") + stages
    return at(n, 0, sector(n, 1, 1)) + at(n, 4, sector(n, 7, 1, pe))


def write(name, data):
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data + bytes(4))


if __name__ == "__main__":
    write("one", boot(1))
    write("wrapped", boot(0xFFFFFFFF) + boot(1) + boot(2))
    write("windows", windows(5))
    write("stale", boot(4) + at(40, 0, sector(40, 1, 1)))
    log = b"usb 1-1: new device"
    write("log", boot(3) + struct.pack("<H", 304 + 3 * 32) + sector(3, 6, 1, struct.pack("<II", len(log), 0xAAF441CF)) +
          struct.pack("<H", 305 + 3 * 32 | 0x8000) + log.ljust(512, b"\0"))

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds for persist_fuzz: superblock and group descriptors, of blocks of 1 and 4 KiB, with descriptors of 32 and 64 bytes, full and not;
overlays of a disk."""
import os, struct, sys


def volume(label, log=2, desc=32, groups=2, free=100, inodes=100, incompat=0, per_group=4):
    block = 1024 << log
    first = 1 if log == 0 else 0
    out = bytearray(block * (groups * per_group + first))
    sb = bytearray(1024)
    struct.pack_into("<II", sb, 0, 1000, groups * per_group + first)
    struct.pack_into("<II", sb, 0x14, first, log)
    struct.pack_into("<I", sb, 0x20, per_group)
    struct.pack_into("<H", sb, 0x38, 0xEF53)
    struct.pack_into("<I", sb, 0x60, incompat)
    sb[0x78:0x78 + len(label)] = label
    struct.pack_into("<H", sb, 0xFE, desc)
    out[1024:2048] = sb
    for i in range(groups):
        struct.pack_into("<HH", out, (first + 1) * block + i * desc + 0x0C, free, inodes)
    return bytes(out) + bytes(4)


def overlay(disk=300 << 12, store=20, changes=((0, 2), (1, 3), (7, 4)), area2=()):
    """Of chunks of 4 KiB; a store of more than 257 has a second area."""
    head = bytearray(4096)
    head[:8] = b"ISOPODOV"
    struct.pack_into("<IIQQQ", head, 8, 1, 0, disk, 4096, store << 12)
    out = bytearray(store << 12)
    struct.pack_into("<IIII", out, 0, 0x70416E53, 1, 1, 8)
    for at, entries in ((4096, changes), (258 << 12, area2)):
        for i, e in enumerate(entries):
            struct.pack_into("<QQ", out, at + 16 * i, *e)
    return bytes(head + out) + bytes(4)


SEEDS = {
    "overlay": overlay(),
    "overlay-new": overlay(changes=()),
    "overlay-twice": overlay(changes=((3, 2), (3, 3))),
    "overlay-area": overlay(changes=((3, 258),)),
    "live-boot": volume(b"persistence", free=3),
    "casper": volume(b"writable", log=0, per_group=8, groups=3, free=5),
    "wide": volume(b"isopod-rw", desc=64, incompat=0x80, free=2, per_group=8),
    "full": volume(b"casper-rw", free=0),
    "impossible": volume(b"persistence", free=5),
    "archiso": volume(b"isopod-cow", free=2),
    "alpine": volume(b"isopod-lbu", log=0, per_group=8, free=5),
    "other": volume(b"my own label 123", free=2),
}
for name, data in SEEDS.items():
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)

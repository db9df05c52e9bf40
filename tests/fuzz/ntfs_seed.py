#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds of the NTFS fuzzer: the sound volume, and damage to each structure of it (their places: tests/unit/ntfs_volume.h)."""
import os
import struct
import sys

out = sys.argv[1]


def seed(name, patches=(), flags=0, fail=(0, 0)):
    data = bytes([flags])
    for off, new in patches:
        data += struct.pack("<I", off)[:3] + bytes([len(new) - 1]) + new
    with open(os.path.join(out, name), "wb") as f:
        f.write(data + struct.pack("<HH", *fail))


def record(no):
    return (16, 64, 128)[no // 16] * 512 + no % 16 * 1024


seed("sound")
seed("open", flags=1)
for off, size in ((11, 2), (13, 1), (40, 8), (48, 8), (56, 8), (64, 1), (68, 1)):
    for value in (0, 1, 0x7F, 0x80, 0xF4, 0xFF):
        seed("boot%d.%d" % (off, value), [(off, bytes([value]) * size)])
# The header of a record and of its first attributes; 56: where these begin.
for no in (0, 2, 3, 5, 15, 24, 26, 29, 30, 31, 32, 40):
    for off in (4, 6, 16, 20, 22, 24, 32, 56, 60, 64, 66, 68, 72, 76, 80, 88):
        seed("record%d.%d" % (no, off), [(record(no) + off, bytes([no * 7 + off & 0xFF, off & 1]))])
    # The second attribute of a file: behind 96 bytes of $STANDARD_INFORMATION.
    for off in (0, 4, 8, 9, 12, 16, 24, 32, 40, 48, 56, 72, 73, 74, 75, 76):
        seed("attr%d.%d" % (no, off), [(record(no) + 56 + 96 + off, bytes([off * 5 + 1 & 0xFF, 0xFF]))])
for block in (400, 416):
    for off in (4, 6, 16, 24, 28, 64, 72, 74, 76, 80, 144, 145, 146):
        seed("block%d.%d" % (block, off), [(block * 512 + off, bytes([off, 1]))])
for off in range(0, 96, 4):
    seed("list%d" % off, [(350 * 512 + off, bytes([off, 0, 1]))])
for i in range(1, 40):
    seed("read%d" % i, fail=(i, 0))
    seed("alloc%d" % i, fail=(0, i))

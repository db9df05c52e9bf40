#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds of the exFAT fuzzer: each operation on the sound volume, and damage to each part of one."""
import os
import struct
import sys

out = sys.argv[1]


def seed(name, flags, op, patches=(), fail=(0, 0)):
    data = bytes([flags, op])
    for off, new in patches:
        data += struct.pack("<I", off)[:3] + bytes([len(new) - 1]) + new
    with open(os.path.join(out, name), "wb") as f:
        f.write(data + struct.pack("<HH", *fail))


OPERATIONS = 61  # of tests/unit/exfat_scenario.h

for op in range(OPERATIONS):
    seed("op%d" % op, 4, op)
for off, size in ((64, 8), (72, 8), (80, 4), (84, 4), (88, 4), (92, 4), (96, 4), (106, 2), (108, 1), (109, 1), (110, 1)):
    for value in (0, 1, 0x7F, 0xFF):
        seed("boot%d.%d" % (off, value), 0, 1, [(off, bytes([value]) * size)])
# The FAT begins at sector 24, the heap behind it; the root directory is its fifth cluster.
for i in range(16):
    seed("fat%d" % i, 4, i, [(24 * 512 + 4 * (4 + i * 5), struct.pack("<I", 2 + i * 7))])
    seed("fat%d" % (16 + i), 4, OPERATIONS - 1 - i, [(24 * 512 + 4 * (4 + i * 5), struct.pack("<I", 2 + i * 7))])
heap = 24 * 512 + 2048
for i in range(0, 32):
    seed("root%d" % i, 4, i, [(heap + 5 * 2048 + i * 32, bytes([0x85 if i & 1 else 0xC0]))])
    seed("length%d" % i, 4, i if i & 1 else OPERATIONS - 1 - i, [(heap + 5 * 2048 + i * 32 + 24, b"\0\xff")])
for i in range(1, 60):
    seed("read%d" % i, 4, i % OPERATIONS, [], (i, 0))
    seed("alloc%d" % i, 4, i % OPERATIONS, [], (0, i))
seed("backup", 8, 1)

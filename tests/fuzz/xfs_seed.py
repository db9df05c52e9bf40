#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds of the XFS fuzzer: the sound volumes, and damage to each structure of them (their places: tests/unit/xfs_volume.h)."""
import os
import struct
import sys

out = sys.argv[1]
BLOCK, AG = 1024, 100
VALUES = (b"\1", b"\xff")


def seed(name, patches=(), version=5, fail=(0, 0)):
    data = bytes([version == 4])
    for off, new in patches:
        data += struct.pack("<I", off)[:3] + bytes([len(new) - 1]) + new
    with open(os.path.join(out, f"{name}.v{version}"), "wb") as f:
        f.write(data + struct.pack("<HH", *fail))


def fields(name, at, places, version):
    """Each field (offset, length) becomes each of VALUES."""
    for off, size in places:
        for value in VALUES:
            seed(f"{name}.{off}.{value[0]}", [(at + off, value * size)], version)


for version in (4, 5):
    seed("sound", version=version)
    fields("super", 0, ((4, 4), (8, 8), (48, 8), (56, 8), (84, 4), (88, 4), (96, 4), (100, 2), (102, 2), (104, 2), (120, 1), (122, 1),
                        (123, 1), (124, 1), (192, 1), (216, 4)), version)
    fork = 176 if version == 5 else 100
    for block in range(10, 24):
        fields(f"inode{block}", block * BLOCK + 512, ((0, 2), (2, 2), (4, 1), (5, 1), (24, 8), (56, 8), (76, 4), (82, 1), (90, 2), (120, 8)),
               version)
        fields(f"fork{block}", block * BLOCK + 512 + fork, ((0, 1), (1, 1), (2, 2), (6, 1), (8, 8), (16, 8), (24, 8), (30, 2), (40, 8)), version)
    for block, header in ((40, 72), (41, 72), (42, 72), (60, 64), (62, 64), (70, 64)):
        header = header if version == 5 else header - 48
        fields(f"block{block}", (AG + block) * BLOCK, ((0, 4), (4, 2), (6, 2), (16, 8), (header, 2), (header + 2, 2), (header + 8, 1),
                                                       (header + 32, 8), (1016, 4)), version)
    fields("half", 50 * BLOCK, ((0, 4), (64, 8), (72, 1), (96, 4)), version)
    fields("link", 45 * BLOCK, ((0, 4),), version)
    fields("log", 60 * BLOCK + 17 * 512, ((0, 4), (4, 4), (8, 4), (12, 4), (40, 4), (320, 4), (512, 4), (1536, 4)), version)
    for block in (3, 4, 5, AG + 3):
        header = 56 if version == 5 else 16
        fields(f"room{block}", block * BLOCK, ((0, 4), (4, 2), (6, 2), (12, 4), (header, 4), (header + 4, 4), (header + 8, 4)), version)
    for ag in (0, AG):
        fields(f"agf{ag}", ag * BLOCK + 512, ((0, 4), (16, 4), (28, 4)), version)
    for i in range(1, 40):
        seed(f"read{i}", fail=(i, 0), version=version)
    for i in range(1, 10):
        seed(f"alloc{i}", fail=(0, i), version=version)

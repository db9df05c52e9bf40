#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds of the Btrfs fuzzer: the sound volume, and damage to each structure of it (their places: tests/unit/btrfs_volume.h), in both copies."""
import os
import struct
import sys

out = sys.argv[1]
META, COPY, DATA, SUPER, BLOCK = 72 << 10, 112 << 10, 160 << 10, 64 << 10, 4096
VALUES = (b"\1", b"\xff")
# Items of each leaf, and children of the node.
LEAVES = {"chunks": (0, 4), "roots": (1, 7), "extents": (2, 8), "dir": (4, 20), "files": (5, 20), "many": (6, 37), "rest": (7, 17), "sub": (8, 5),
          "snap": (9, 5)}


def seed(name, patches=(), flags=0, fail=(0, 0)):
    data = bytes([flags])
    for off, new in patches:
        data += struct.pack("<I", off)[:3] + bytes([len(new) - 1]) + new
    with open(os.path.join(out, name), "wb") as f:
        f.write(data + struct.pack("<HH", *fail))


def both(name, at, size, flags=0):
    """A field of a block becomes each of VALUES."""
    for value in VALUES:
        seed(f"{name}.{value[0]}", [(base + at, value * size) for base in (META, COPY)], flags)


for flags in range(4):
    seed(f"sound{flags}", flags=flags)
for off, size in ((48, 8), (64, 8), (72, 8), (80, 8), (88, 8), (96, 8), (128, 8), (136, 8), (144, 4), (148, 4), (160, 4), (164, 8), (188, 4), (196, 2),
                  (198, 1), (199, 1), (201, 8), (811, 8), (819, 1), (820, 8), (828, 8), (852, 8), (872, 2), (876, 8), (884, 8)):
    for value in VALUES:
        seed(f"super.{off}.{value[0]}", [(SUPER + off, value * size)])
for name, (block, items) in LEAVES.items():
    at = block * BLOCK
    for off, size in ((32, 1), (48, 8), (80, 8), (96, 4), (100, 1)):
        both(f"{name}.{off}", at + off, size, 2 * (off == 32))
    for i in range(items):
        for off, size in ((0, 8), (8, 1), (9, 8), (17, 4), (21, 4)):
            both(f"{name}.item{i}.{off}", at + 101 + 25 * i + off, size, int(name in ("sub", "snap")))
for i in range(4):
    for off, size in ((0, 8), (8, 1), (17, 8), (25, 8)):
        both(f"node{i}.{off}", 3 * BLOCK + 101 + 33 * i + off, size)


def data_of(block, lengths):
    """Where the data of a leaf's items are: from its end on."""
    at = (block + 1) * BLOCK
    for n, fields in lengths:
        at -= n
        yield at, fields


PIECE = (8, 8), (16, 1), (17, 1), (18, 2), (20, 1), (21, 8), (29, 8), (37, 8), (45, 8)
INODE = (16, 8), (24, 8), (52, 4), (64, 8)
ROOT = (160, 8), (168, 8), (176, 8), (238, 1)
CHUNK = (0, 8), (24, 8), (44, 2), (48, 8), (56, 8)
for block, lengths in ((0, [(112, CHUNK)] * 4), (1, [(239, ROOT), (239, ROOT), (19, ((0, 8),)), (37, ((0, 8), (8, 1))), (239, ROOT), (21, ((0, 8),))]),
                       (2, [(24, ()), (24, ((0, 8),))]), (4, [(160, INODE), (33, ((0, 8), (8, 1), (27, 2), (30, 1)))]),
                       (5, [(160, INODE), (53, PIECE), (53, PIECE), (160, INODE)] + [(53, PIECE)] * 3 + [(160, INODE), (53, PIECE)] * 3),
                       (7, [(160, INODE), (32, PIECE[:5]), (160, INODE), (26, PIECE[:5])]), (8, [(160, INODE), (34, ((0, 8), (8, 1), (27, 2)))])):
    for i, (at, fields) in enumerate(data_of(block, lengths)):
        for off, size in fields:
            both(f"data{block}.{i}.{off}", at + off, size)
for name, sector, fields in (("zlib", 10, ((0, 1), (2, 1), (3, 2))), ("lzo", 11, ((0, 4), (4, 4), (8, 1), (1024, 4))), ("zstd", 13, ((0, 4), (4, 1), (5, 2), (7, 3)))):
    for off, size in fields:
        for value in VALUES:
            seed(f"{name}.{off}.{value[0]}", [(DATA + 1024 * sector + off, value * size)])
for i in range(1, 60):
    seed(f"read{i}", fail=(i, 0))
    seed(f"alloc{i}", fail=(0, i))

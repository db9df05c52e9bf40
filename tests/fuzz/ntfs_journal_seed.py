#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds of the NTFS journal's fuzzer: blocks that fit an empty volume, and some that do not."""
import os
import struct
import sys


def block(off, length, phase, before=b"\0", after=b"\x55"):
    return struct.pack("<QII", off, length, phase) + before * length + after * length


SEEDS = {
    "none": b"",
    "one": block(4096, 512, 0),
    "two-phases": block(512, 512, 0, after=b"\x0f") + block(512, 512, 5, before=b"\x0f"),
    "long": block(8192, 4096, 3) + block(0, 1024, 1) + block(65536 - 512, 512, 4),
    "not-ours": block(0, 512, 0, before=b"x"),
    "overlapping": block(0, 1024, 2) + block(512, 1024, 1, after=b"z"),
    "behind-the-end": block(65536, 512, 0),
    "phase": block(0, 512, 6),
    "odd": block(1, 511, 0),
    "cut": block(0, 512, 0)[:700],
}
for name, data in SEEDS.items():
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)

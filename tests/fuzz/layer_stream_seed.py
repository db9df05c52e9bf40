#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Streams of a small disk and lists of hashes; the target repairs checksums, and all hashes are 0x11."""
import struct, sys

SAME = b"\x11" * 32


def head(size=3 << 18, base=9, first=0, shift=18):
    p = struct.pack("<8sII16sII16s16s32sQIIqqQI", b"PODSTRM1", 0, 1, b"store", 7, base, b"guid", b"guid", SAME, size, 512, shift, 1700000000,
                    1700000001, 4096, first)
    return p.ljust(176, b"\0") + b"new".ljust(120, b"\0") + (b"old" if base else b"").ljust(120, b"\0") + bytes(96)


def record(kind, block, count, extents=(), value=bytes(32)):
    p = struct.pack("<IIIIII32sQ", 0, kind, block, count, len(extents), 0, value, 0)
    data = b""
    for off, n, zero in extents:
        p += struct.pack("<II", off, n | zero << 31)
        data += b"" if zero else b"d" * 512 * n
    return p + data


def end(n):
    return record(3, 0, n, value=SAME) + SAME


def hashes(blocks, size=40 << 18):
    return struct.pack("<8sII16sQII32s48s", b"PODHASH1", 0, 7, b"guid", size, 18, len(blocks), SAME, b"") + b"".join(
        struct.pack("<I", b) + SAME for b in blocks)


out = sys.argv[1]
for name, data in {
    "empty": head() + end(0),
    "data": head() + record(1, 0, 1, [(0, 2, 0), (8, 4, 1), (20, 1, 0)], SAME) + record(1, 2, 1, [(511, 1, 0)], SAME) + end(2),
    "zeros": head() + record(2, 0, 2) + record(1, 2, 1, [(0, 1, 0)], SAME) + end(2),
    "whole": head(base=0) + record(1, 1, 1, [(0, 16, 0)], SAME) + end(1),
    "rest": head(first=2) + record(1, 2, 1, [(3, 1, 0)], SAME) + end(1),
    "outside": head() + record(1, 2, 1, [(511, 2, 0)], SAME) + record(1, 3, 1, [(0, 1, 0)], SAME) + end(2),
    "large": head(size=1 << 40, shift=21) + record(2, 5, 1000) + end(1),
    "list": hashes([0, 1, 5, 39]),
    "none": hashes([]),
}.items():
    open(out + "/" + name, "wb").write(data + bytes(4))

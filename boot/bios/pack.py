#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Puts stage 2 together: the low part as it is, the high part behind it, packed, filled up to whole sectors.

    pack.py LOW HIGH OUT

The high part is an .lzma stream, which boot/bios/low.c unpacks with core/base/lzma.c. Two fields of the low part are filled in,
little-endian (boot/bios/stage2.S):

  +0x24  4  length of OUT
  +0x28  4  CRC-32 of HIGH
"""

import lzma
import os
import re
import struct
import sys
import zlib

HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "core", "disk", "bootcode.h")
SECTOR = 512
# pb: code has no alignment. lc and lp together are at most 4 for core/base/lzma.c.
FILTER = {"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "lc": 3, "lp": 0, "pb": 0, "dict_size": 4 << 20}


def slot_sectors():
    with open(HEADER) as f:
        return int(re.search(r"POD_BOOTCODE_SLOT_SECTORS (\d+)u", f.read()).group(1))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    low, high = (open(p, "rb").read() for p in sys.argv[1:3])
    packed = lzma.compress(high, format=lzma.FORMAT_ALONE, filters=[FILTER])
    image = bytearray(low + packed)
    image += bytes(-len(image) % SECTOR)
    room = slot_sectors() * SECTOR
    if len(image) > room:
        sys.exit("stage 2 does not fit its slot: %d bytes (%d low, %d of %d packed), and there is room for %d; see \"BIOS stage 2\" "
                 "in doc/ARCHITECTURE.md" % (len(image), len(low), len(packed), len(high), room))
    struct.pack_into("<II", image, 0x24, len(image), zlib.crc32(high))
    with open(sys.argv[3], "wb") as f:
        f.write(image)


main()

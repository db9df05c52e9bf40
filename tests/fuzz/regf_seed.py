#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Hives of each version and each kind of list; the target repairs the checksum. Behind them four control bytes (fuzz.h)."""
import struct
import sys

sys.dont_write_bytecode = True
from hives import Key, example, hive  # noqa: E402

for minor in (3, 4, 5, 6):
    for lists in ("lf", "lh", "li", "ri"):
        open("%s/%d-%s" % (sys.argv[1], minor, lists), "wb").write(hive(example(5), minor, lists) + bytes(4))
# A value that is in its own cell (bit 31 of its size), and says that it is longer than the four bytes there.
whole = bytearray(hive(example(5), 3, "lf"))
for at in range(4096, len(whole) - 8):
    if whole[at:at + 2] == b"vk" and whole[at + 7] & 0x80:
        whole[at + 4:at + 8] = struct.pack("<I", 0x80000000 | 4096)
open(sys.argv[1] + "/resident", "wb").write(whole + bytes(4))
open(sys.argv[1] + "/dirty", "wb").write(hive(Key("R"), sequence=3) + bytes(4))

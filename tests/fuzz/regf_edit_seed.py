#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Hives, in front of each 64 bytes that say which edits the target makes; behind them four control bytes (fuzz.h)."""
import random
import sys

sys.dont_write_bytecode = True
from hives import Key, example, hive  # noqa: E402

random.seed(1)
for minor, lists in ((3, "lf"), (5, "lh"), (5, "ri"), (6, "li")):
    edits = bytes(random.randrange(1, 256) for _ in range(64))
    open("%s/%d-%s" % (sys.argv[1], minor, lists), "wb").write(edits + hive(example(4), minor, lists) + bytes(4))
for n in range(6):
    edits = bytes(random.randrange(1, 256) for _ in range(64))
    # No memory in the middle of it.
    open("%s/small-%d" % (sys.argv[1], n), "wb").write(edits + hive(Key("R", [], [Key("Setup")])) + bytes([0, 0, 4 * n, 0]))
# Two values with one cell of data: not fit to be edited. Else the first, set anew, would free what the second has.
shared = bytearray(hive(Key("R", [], [Key("Setup", [("v1", 3, bytes(60)), ("v2", 3, bytes(60))])])))
one, two = (shared.index(n, 4096) - 20 + 8 for n in (b"v1", b"v2"))
shared[two:two + 4] = shared[one:one + 4]
open(sys.argv[1] + "/shared", "wb").write(bytes([9, 37]).ljust(64, b"\0") + shared + bytes(4))

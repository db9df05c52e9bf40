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

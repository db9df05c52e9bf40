#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Hives of each version and each kind of list; the target repairs the checksum. Behind them four control bytes (fuzz.h)."""
import sys

sys.dont_write_bytecode = True
from hives import Key, example, hive  # noqa: E402

for minor in (3, 4, 5, 6):
    for lists in ("lf", "lh", "li", "ri"):
        open("%s/%d-%s" % (sys.argv[1], minor, lists), "wb").write(hive(example(5), minor, lists) + bytes(4))
open(sys.argv[1] + "/dirty", "wb").write(hive(Key("R"), sequence=3) + bytes(4))

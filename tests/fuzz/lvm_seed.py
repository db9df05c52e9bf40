#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Volume groups as lvm2.py writes them, on disks of 16 and 48 KiB: extents of a sector, metadata of 12 KiB."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../media"))
import lvm2

FIRST, SIZE = 12 << 10, 24 << 10
lvm2.EXTENT, lvm2.FIRST = 512, FIRST


def pv(name, text):
    return (lvm2.head(lvm2.identifier(name), SIZE, text) + bytes(SIZE))[:SIZE]


def text(volumes, seqno=1, names=("a",)):
    return lvm2.metadata("pod-vg", [(lvm2.identifier(n), (SIZE - FIRST) // 512) for n in names], volumes, seqno)


def put(name, first, data, control=bytes(4)):
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(bytes([first]) + data[1:] + control)


two = {"root": [(0, 0, 5), (0, 9, 3)], "swap_1": [(0, 5, 4)]}
put("two", 0, pv("a", text(two)))
put("sums", 2, pv("a", text(two)))
put("raid", 0, pv("a", text(two).replace(b'"striped"', b'"raid1"', 1)))
put("stripes", 0, pv("a", text(two).replace(b"stripe_count = 1", b"stripe_count = 2", 1)))
put("outside", 0, pv("a", text({"root": [(0, 20, 5)]})))
put("beyond", 0, pv("a", text({"root": [(0, 20, 10)]}).replace(b"pe_count = 24", b"pe_count = 99")))
put("comment", 0, pv("a", text(two).replace(b"max_lv = 0", b'x = "}\\"" # {\ny { z = [[1], "]"] }')))
both = {"root": [(0, 0, 5), (1, 9, 3)], "swap_1": [(1, 5, 4)]}
put("both", 1, pv("a", text(both, 1, "ab")) + pv("b", text(both, 2, "ab")))
put("one-of-two", 0, pv("a", text(both, 1, "ab")))
put("none", 0, pv("a", b""))
put("many", 0, pv("a", text({"v%d" % i: [(0, i, 1)] for i in range(20)})))
for n in (1, 3, 5):
    put("read%d" % n, 0, pv("a", text(two)), bytes([n, 0, 0, 0]))
    put("alloc%d" % n, 0, pv("a", text(two)), bytes([0, 0, n, 0]))

#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Two slots, one, none; the target repairs the checksums.
/usr/bin/python3 - "$1" <<'PY'
import struct, sys
def slot(seq, path):
    return struct.pack("<8sIII", b"ISOPODN1", 0, seq, len(path)).ljust(20, b"\0") + path.ljust(4076, b"\0")
tail = bytes(4)
open(sys.argv[1] + "/two", "wb").write(slot(7, b"/images/a.iso") + slot(8, b"/b.iso") + tail)
open(sys.argv[1] + "/one", "wb").write(slot(1, "/图像/甲.iso".encode()) + bytes(4096) + tail)
open(sys.argv[1] + "/cleared", "wb").write(slot(0xFFFFFFFF, b"/x.iso") + slot(0, b"") + tail)
open(sys.argv[1] + "/long", "wb").write(slot(1, b"") + struct.pack("<8sIII", b"ISOPODN1", 0, 2, 8000).ljust(20, b"\0") + b"b" * 4076 + tail)
PY

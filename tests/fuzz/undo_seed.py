#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Files that take back the merge of undo_fuzz.c: records of each kind inside what its child covers; the target repairs checksums."""
import struct, sys

SIZE = (3 << 20) + 65536  # of the parent
END = (3 << 20) + 131072  # of the child, which ends in 8 KiB of its own


def undo(*records, size=SIZE):
    body = b""
    for off, length, kind, *data in records:
        body += struct.pack("<QQII", off, length, kind, 0) + (data[0] if data else b"")
    return struct.pack("<8sIIQQ32x", b"PODUNDO1", 0, 0, 64 + len(body), size) + body


out = sys.argv[1]
for name, data in {
    "nothing": undo(),
    "parent": undo((4096, 71680, 0)),
    "zeros": undo((8192, 4096, 1), (12288, 512, 0)),
    "data": undo((4096, 512, 2, b"o" * 512), (4608, 1024, 2, b"p" * 1024), (5632, 70144, 1)),
    "outside": undo((0, 4096, 2, b"x" * 4096)),
    "longer": undo((4096, 4096, 0), size=END),
    "shorter": undo((4096, 4096, 0), size=1 << 20),
    "cut": undo((4096, 512, 2, b"o" * 512))[:-9],
}.items():
    open(out + "/" + name, "wb").write(data + bytes(4))

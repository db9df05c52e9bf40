#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Indexes of a few layers; the target repairs the checksum."""
import struct, sys


def entry(ident, parent, name, flags=0):
    name = name.encode()
    file = name + b".%08x.vhdx" % ident
    body = struct.pack("<HIIHH", flags, ident, parent, len(name), len(file)) + bytes(16) + struct.pack("<qqQQ", 1700000000, 0, 1 << 36, 1 << 22)
    body += bytes(32) + name + file
    length = (2 + len(body) + 7) & ~7
    return struct.pack("<H", length) + body.ljust(length - 2, b"\0")


def index(entries, current, locked=0):
    body = b"".join(entries)
    return (struct.pack("<8sIIQ16sIIIIQ", b"PODLAYR1", 0, 64 + len(body), 5, b"store id 16 byte", current, locked, 9, len(entries), 0) + body
            + bytes(4))


out = sys.argv[1]
for name, data in {
    "empty": index([], 0),
    "base": index([entry(1, 0, "base", 1)], 1),
    "tree": index([entry(1, 0, "base", 1), entry(2, 1, "one", 3), entry(3, 1, "二"), entry(4, 2, "layer-4", 4), entry(5, 3, "gone", 16)], 4, 2),
    "loop": index([entry(1, 2, "a"), entry(2, 1, "b")], 1),
}.items():
    open(out + "/" + name, "wb").write(data)

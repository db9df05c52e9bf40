#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Paths as firmware makes them: a USB stick's partition below its disk, an empty one, one with an odd end node, one too long."""
import pathlib
import struct
import sys

out = pathlib.Path(sys.argv[1])


def node(kind, sub, data=b""):
    return struct.pack("<BBH", kind, sub, len(data) + 4) + data


END = node(0x7F, 0xFF)
root = node(2, 1, struct.pack("<II", 0x0A0341D0, 0)) + node(1, 1, bytes([0, 4])) + node(3, 5, bytes([2, 0]))
part = node(4, 1, struct.pack("<IQQ", 2, 2048, 131072) + bytes(16) + bytes([1, 1]))
file = node(4, 4, "\\EFI\\BOOT\\BOOTX64.EFI\0".encode("utf-16-le"))
for name, one, two in [("below", root + part + file + END, root + END), ("same", root + END, root + END), ("empty", END, END),
                       ("old-end", root + node(0xFF, 0xFF), part), ("short-node", node(4, 4)[:2] + b"\3\0" + END, root + END),
                       ("long", node(4, 4, bytes(65000)) + node(4, 4, bytes(500)) + END, bytes(600)), ("open", root, file)]:
    (out / name).write_bytes(struct.pack("<H", len(one)) + one + two)

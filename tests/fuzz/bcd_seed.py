#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Stores with elements of every kind, and devices alone; the first byte says which (bcd_fuzz.c), four control bytes follow."""
import struct
import sys

sys.dont_write_bytecode = True
from hives import Key, hive, text  # noqa: E402

LOADER = "{7619dcc9-fafe-11d9-b411-000476eba25f}"
BOSS = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"


def device(kind, body, flags=0):
    return struct.pack("<IIII", kind, flags, 16 + len(body), 0) + body


def path(parent, name):
    return struct.pack("<III", 1, 12 + len(parent) + len(text(name)), 5) + parent + text(name)


boot = device(5, bytes(56))
mbr = device(6, struct.pack("<QQIII", 1 << 20, 0, 0, 1, 0x36234DA4) + bytes(28))
gpt = device(6, b"p" * 16 + bytes(8) + b"d" * 16 + bytes(16))
locate = device(8, struct.pack("<III", 1, 0, 0) + text("\\test.vhd"))
vhd = device(0, struct.pack("<I20x", 6) + device(0, struct.pack("<I", 5) + path(locate, "\\test.vhd")))
inside = device(8, struct.pack("<IIIH", 0, 0x12000002, 30, 0) + vhd)
ramdisk = device(0, struct.pack("<I20x", 3) + path(boot, "\\sources\\boot.wim"), 1)
nested = device(8, struct.pack("<IIIH", 0, 0x22000002, 30, 0) + device(0, struct.pack("<I20x", 6) + device(
    0, struct.pack("<I", 5) + path(vhd, "\\in.vhdx"))))
devices = {"boot": boot, "mbr": mbr, "gpt": gpt, "locate": locate, "inside": inside, "ramdisk": ramdisk, "nested": nested,
           "unknown": device(4, bytes(8))}


def obj(name, kind, elements):
    return Key(name, [], [Key("Description", [("Type", 4, struct.pack("<I", kind))]),
                          Key("Elements", [], [Key(i, [("Element", t, d)]) for i, t, d in elements])])


def store(dev):
    return Key("NewStoreRoot", [], [Key("Description", [("KeyName", 1, text("BCD00000001"))]), Key("Objects", [], [
        obj(BOSS, 0x10100002, [("23000003", 1, text(LOADER)), ("24000001", 7, text(LOADER) + text(BOSS) + b"\0\0"), ("25000004", 3, b"\x1e")]),
        obj(LOADER, 0x10200003, [("11000001", 3, bytes(16) + dev), ("12000002", 1, text("\\w.efi")), ("26000022", 3, b"\1"),
                                 ("27000001", 3, bytes(16))])])])


for name, dev in devices.items():
    open("%s/device-%s" % (sys.argv[1], name), "wb").write(b"\1" + b"g" * 16 + dev + bytes(4))
    open("%s/store-%s" % (sys.argv[1], name), "wb").write(b"\0" + hive(store(dev), 3, "lf") + bytes(4))

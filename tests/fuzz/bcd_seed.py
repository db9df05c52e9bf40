#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Stores with elements of every kind, and devices alone; the first byte says which (bcd_fuzz.c), four control bytes follow."""
import struct
import sys

sys.dont_write_bytecode = True
from bcds import BOSS, LOADER, boot, device, gpt, mbr, obj, path, ramdisk  # noqa: E402
from hives import Key, hive, text  # noqa: E402

locate = device(8, struct.pack("<III", 1, 0, 0) + text("\\test.vhd"))
vhd = device(0, struct.pack("<I20x", 6) + device(0, struct.pack("<I", 5) + path(locate, "\\test.vhd")))
inside = device(8, struct.pack("<IIIH", 0, 0x12000002, 30, 0) + vhd)
nested = device(8, struct.pack("<IIIH", 0, 0x22000002, 30, 0) + device(0, struct.pack("<I20x", 6) + device(
    0, struct.pack("<I", 5) + path(vhd, "\\in.vhdx"))))
devices = {"boot": boot, "mbr": mbr, "gpt": gpt, "locate": locate, "inside": inside, "ramdisk": ramdisk("\\sources\\boot.wim"), "nested": nested,
           "unknown": device(4, bytes(8))}


def store(dev):
    return Key("NewStoreRoot", [], [Key("Description", [("KeyName", 1, text("BCD00000001"))]), Key("Objects", [], [
        obj(BOSS, 0x10100002, [("23000003", 1, text(LOADER)), ("24000001", 7, text(LOADER) + text(BOSS) + b"\0\0"), ("25000004", 3, b"\x1e")]),
        obj(LOADER, 0x10200003, [("11000001", 3, bytes(16) + dev), ("12000002", 1, text("\\w.efi")), ("26000022", 3, b"\1"),
                                 ("27000001", 3, bytes(16))])])])


for name, dev in devices.items():
    open("%s/device-%s" % (sys.argv[1], name), "wb").write(b"\1" + b"g" * 16 + dev + bytes(4))
    open("%s/store-%s" % (sys.argv[1], name), "wb").write(b"\0" + hive(store(dev), 3, "lf") + bytes(4))

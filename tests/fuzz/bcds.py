# SPDX-License-Identifier: BSD-2-Clause
"""Boot configurations for seeds: devices, objects, and the stores that start WIMs."""
import struct

from hives import Key, hive, text

LOADER = "{7619dcc9-fafe-11d9-b411-000476eba25f}"
BOSS = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"


def device(kind, body, flags=0):
    return struct.pack("<IIII", kind, flags, 16 + len(body), 0) + body


def path(parent, name):
    return struct.pack("<III", 1, 12 + len(parent) + len(text(name)), 5) + parent + text(name)


boot = device(5, bytes(56))
mbr = device(6, struct.pack("<QQIII", 1 << 20, 0, 0, 1, 0x36234DA4) + bytes(28))
gpt = device(6, b"p" * 16 + bytes(8) + b"d" * 16 + bytes(16))


def obj(name, kind, elements):
    return Key(name, [], [Key("Description", [("Type", 4, struct.pack("<I", kind))]),
                          Key("Elements", [], [Key(i, [("Element", t, d)]) for i, t, d in elements])])


def ramdisk(wim):
    return device(0, struct.pack("<I20x", 3) + path(boot, wim), 1)


def starting(wims, sdi="\\boot\\boot.sdi"):
    """A store whose menu shows these WIMs, the first as the default; one entry more is a program on the boot device."""
    names = ["{7619dcc9-fafe-11d9-b411-%012x}" % i for i in range(len(wims) + 1)]
    options = "{7619dcc8-fafe-11d9-b411-000476eba25f}"
    guid = bytes.fromhex("c8dc1976fefad911b411000476eba25f")
    entries = [obj(name, 0x10200003, [("11000001", 3, guid + ramdisk(wim)), ("12000002", 1, text("\\w.efi"))])
               for name, wim in zip(names, wims)]
    entries.append(obj(names[-1], 0x10200005, [("11000001", 3, bytes(16) + boot), ("12000002", 1, text("\\boot\\memtest.exe"))]))
    return hive(Key("NewStoreRoot", [], [Key("Description", [("KeyName", 1, text("BCD00000001"))]), Key("Objects", [], [
        obj(BOSS, 0x10100002, [("23000003", 1, text(names[0])), ("24000001", 7, b"".join(text(n) for n in names) + b"\0\0")]),
        obj(options, 0x30000000, [("31000003", 3, bytes(16) + boot), ("32000004", 1, text(sdi))]), *entries])]), 3, "lf")

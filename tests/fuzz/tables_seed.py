#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Memory with an SMBIOS table and ACPI tables, old and new; the target repairs the checksums."""
import os
import struct
import sys

BASE = 0xF0000


def smbios():
    def one(kind, fields, *strings):
        return struct.pack("<BBH", kind, 4 + len(fields), kind) + fields + b"".join(s + b"\0" for s in strings) + (b"\0" if strings else b"\0\0")
    return (one(0, bytes([1, 2, 0, 0, 3]) + bytes(8), b"SeaBIOS", b"1.16.2", b"04/01/2014") +
            one(1, bytes([1, 2, 0, 3]) + bytes(16), b"QEMU", b"Standard PC", b"SERIAL") + one(2, bytes([1, 2]), b"ACME", b"Board 7") + one(127, b""))


def header(sig, entries):
    return struct.pack("<4sIBB6s8sIII", sig, 36 + len(entries), 1, 0, b"BOCHS ", b"BXPC" + sig, 1, 1, 1) + entries


def image(new):
    t = smbios()
    mem = bytearray(0x400)
    if new:
        mem[0:0x18] = struct.pack("<5sBBBBBBBIQ", b"_SM3_", 0, 0x18, 3, 2, 0, 1, 0, len(t), BASE + 0x300)
    else:
        mem[0:0x1F] = struct.pack("<4sBBBBHB5s5sBHIHB", b"_SM_", 0, 0x1F, 2, 8, 0, 0, bytes(5), b"_DMI_", 0, len(t), BASE + 0x300, 4, 0x28)
    mem[0x40:0x64] = struct.pack("<8sB6sBIIQB3x", b"RSD PTR ", 0, b"BOCHS ", 2 if new else 0, BASE + 0x80, 36, BASE + 0x100, 0)
    rsdt = header(b"RSDT", struct.pack("<II", BASE + 0x180, BASE + 0x200))
    xsdt = header(b"XSDT", struct.pack("<QQ", BASE + 0x180, BASE + 0x200))
    for at, data in ((0x80, rsdt), (0x100, xsdt), (0x180, header(b"APIC", b"")), (0x200, header(b"FACP", bytes(208)))):
        mem[at:at + len(data)] = data
    mem[0x300:] = t
    return bytes(mem)


def cut():
    """The table and the memory end in the second structure, before the numbers of its strings."""
    mem = bytearray(image(True))
    end = mem.index(b"\x01\x18", 0x300 + 0x18) + 5
    struct.pack_into("<I", mem, 0x0C, end - 0x300)
    return bytes(mem[:end])


for name, data in (("old", image(False)), ("new", image(True)), ("cut", cut())):
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data + bytes(4))

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Small PE files with certificates and .sbat, an SBAT level, signature lists."""
import os, struct, sys, uuid

out = sys.argv[1]


def put(name, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)


def pe(plus, cert):
    opt = 240 if plus else 224
    head = bytearray(0x200)
    head[0:2] = b"MZ"
    struct.pack_into("<I", head, 0x3c, 0x80)
    struct.pack_into("<4sHHIIIHH", head, 0x80, b"PE\0\0", 0x8664 if plus else 0x14c, 2, 0, 0, 0, opt, 0x22)
    o = 0x98
    struct.pack_into("<H", head, o, 0x20b if plus else 0x10b)
    struct.pack_into("<IIH", head, o + 60, 0x200, 0, 10)
    dirs = 112 if plus else 96
    struct.pack_into("<I", head, o + dirs - 4, 16)
    if cert:
        struct.pack_into("<II", head, o + dirs + 32, 0x400, 16)
    struct.pack_into("<8sIIIIIIHHI", head, o + opt, b".text", 0x100, 0x1000, 0x100, 0x200, 0, 0, 0, 0, 0)
    struct.pack_into("<8sIIIIIIHHI", head, o + opt + 40, b".sbat", 40, 0x2000, 0x100, 0x300, 0, 0, 0, 0, 0)
    sbat = b"sbat,1,SBAT Version\nshim,4,UEFI shim\n".ljust(0x100, b"\0")
    return bytes(head) + bytes(range(256)) + sbat + (bytes(16) if cert else b"")


put("x64", pe(True, False))
put("version", pe(True, False).replace(b".text", b".rsrc").replace(bytes(range(16)), struct.pack("<4I", 0xfeef04bd, 0x10000, 10 << 16, 26100 << 16)))
put("ia32-signed", pe(False, True))
put("level", b"sbat,1,2025021800\nshim,4\ngrub,5\n")
sha = uuid.UUID("c1c41626-504c-4092-aca9-41f936934328").bytes_le
x509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le
put("lists", sha + struct.pack("<III", 28 + 96, 0, 48) + bytes(96) + x509 + struct.pack("<III", 28 + 40, 0, 40) + bytes(40))

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Small unified kernel images: .initrd last and in the middle, with and without room behind it, signed, with profiles; .cmdline with room behind
it, without, several."""
import os, struct, sys

out = sys.argv[1]
CPIO = b"070701" + b"0" * 200


def kernel():
    k = bytearray(2048)
    k[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", k, 0x206, 0x20f)
    k[0x236] = 1
    return bytes(k)


def uki(sections, align=512, cert=b"", machine=0x8664):
    """sections: (name, data, address)."""
    opt = 240
    head = bytearray(0x400)
    head[0:2] = b"MZ"
    struct.pack_into("<I", head, 0x3c, 0x80)
    struct.pack_into("<4sHHIIIHH", head, 0x80, b"PE\0\0", machine, len(sections), 0, 0, 0, opt, 0x22)
    o, at, body, top = 0x98, 0x400, b"", 0
    for i, (name, data, address) in enumerate(sections):
        raw = -(-len(data) // align) * align
        struct.pack_into("<8sIIIIIIHHI", head, o + opt + 40 * i, name, len(data), address, raw, at if raw else 0, 0, 0, 0, 0, 0x40000040)
        body += data.ljust(raw, b"\0")
        at += raw
        top = max(top, address + raw)
    struct.pack_into("<H", head, o, 0x20b)
    struct.pack_into("<II", head, o + 32, 4096, align)
    struct.pack_into("<IIIH", head, o + 56, -(-top // 4096) * 4096, 0x400, 0x1234, 10)
    struct.pack_into("<I", head, o + 108, 16)
    if cert:
        struct.pack_into("<II", head, o + 112 + 32, at, len(cert))
    # At least as long as what is read of a file's beginning; the last four bytes are not of the file.
    return (bytes(head) + body + cert).ljust(4096, b"\0") + bytes(4)


def put(name, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)


put("last", uki([(b".text", b"code", 0x1000), (b".linux", kernel(), 0x2000), (b".initrd", CPIO, 0x3000)]))
put("middle", uki([(b".text", b"code", 0x1000), (b".initrd", CPIO, 0x2000), (b".linux", kernel(), 0x3000)], cert=b"c" * 16))
put("unsorted", uki([(b".linux", kernel(), 0x9000), (b".initrd", CPIO, 0x2000), (b".text", b"code", 0x1000)], align=32))
put("profiles", uki([(b".linux", kernel(), 0x1000), (b".initrd", CPIO, 0x2000), (b".profile", b"ID=a", 0x3000), (b".initrd", CPIO * 2, 0x4000)]))
put("empty", uki([(b".linux", kernel(), 0x1000), (b".initrd", b"", 0x2000)], machine=0xaa64))
put("cmdline", uki([(b".text", b"code", 0x1000), (b".cmdline", b"root=x quiet\n", 0x2000), (b".initrd", CPIO, 0x3000), (b".linux", kernel(), 0x9000)], cert=b"c" * 16))
put("full", uki([(b".cmdline", b"quiet " * 682 + b"ro=1", 0x1000), (b".linux", kernel(), 0x2000), (b".initrd", CPIO, 0x3000)]))
put("noinitrd", uki([(b".linux", kernel(), 0x1000), (b".cmdline", b"quiet", 0x2000)], align=32))
put("cmdlines", uki([(b".linux", kernel(), 0x1000), (b".initrd", CPIO, 0x2000), (b".cmdline", b"quiet", 0x3000), (b".profile", b"ID=a", 0x4000), (b".cmdline", b"q" * 500, 0x5000)]))
put("moved", uki([(b".initrd", CPIO, 0x1000), (b".cmdline", b"quiet", 0x2000), (b".linux", kernel(), 0x3000)]))

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""qcow, QED, Parallels: backing files, each kind of cluster, clusters that are nowhere, tables that are themselves."""
import foreign_seeds as s, struct, sys

out = sys.argv[1]


def qcow(entries, bits=9, size=16384, backing=b"", crypt=0, second=6):
    c = 1 << bits
    b = bytearray(8 * c)
    b[:48] = struct.pack(">4sIQIIQBBHIQ", b"QFI\xfb", 1, 100 if backing else 0, len(backing), 0, size, bits, second, 0, crypt, c)
    b[100:100 + len(backing)] = backing
    struct.pack_into(">Q", b, c, 2 * c)
    z = s.deflated(b"packed " * (c // 7) + b"packed"[:c % 7])
    b[5 * c + 20:5 * c + 20 + len(z)] = z
    struct.pack_into(">%dQ" % len(entries), b, 2 * c, *entries)
    b[3 * c:4 * c] = b"d" * c
    return bytes(b)


def qed(entries, size=16384, features=0, table=1):
    c = 4096
    b = bytearray(5 * c)
    b[:64] = struct.pack("<4sIIIQQQQQII", b"QED", c, table, 1, features, 0, 0, c, size, 64, 4)
    b[64:68] = b"base"
    struct.pack_into("<Q", b, c, 2 * c)
    struct.pack_into("<%dQ" % len(entries), b, 2 * c, *entries)
    b[3 * c:] = b"d" * (2 * c)
    return bytes(b)


def parallels(magic, tracks, entries, sectors):
    b = bytearray(20 * 512)
    b[:64] = magic + struct.pack("<IIIIIQIIIQ", 2, 16, 9, tracks, len(entries), sectors, 0x746f6e59, 1, 0, 0)
    struct.pack_into("<%dI" % len(entries), b, 64, *entries)
    b[512:] = b"p" * (19 * 512)
    return bytes(b)


packed = 1 << 63 | 100 << 54 | (5 * 512 + 20)
s.put(out, "qcow", qcow([3 * 512, 0, packed, 7 * 512]))
s.put(out, "qcow-backing", qcow([3 * 512, packed], backing=b"/base"))
s.put(out, "qcow-crypt", qcow([], crypt=1))
s.put(out, "qcow-second", qcow([3 * 512], second=70))
s.put(out, "qcow-nowhere", qcow([1 << 40, 1 << 63 | 1 << 50, 512, 512, 8 * 512 - 1]))
for f in (0, 1, 2, 4, 5, 8):
    s.put(out, "qed-%d" % f, qed([3 * 4096, 1, 0, 4 * 4096], features=f))
s.put(out, "qed-nowhere", qed([1 << 40, 4097, 4096, 8192, 4096], size=1 << 30))
s.put(out, "qed-table", qed([], table=2))
for magic in (b"WithoutFreeSpace", b"WithouFreSpacExt"):
    for tracks in (1, 4, 6, 504):
        s.put(out, "parallels-%d-%d" % (magic[6] == ord("F"), tracks), parallels(magic, tracks, [4, 0, 1, 8, 4, 1 << 31], 5 * tracks))

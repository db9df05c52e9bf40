#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Headers of foreign containers; what is left of a VHDX."""
import os, struct, sys

out = sys.argv[1]


def put(name, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data.ljust(20 * 1024, b"\0") + bytes(6))


def at(*pieces):
    b = bytearray(1024)
    for off, p in pieces:
        b[off:off + len(p)] = p
    return bytes(b)


for v in (1, 2, 3):
    for backing in (0, 512):
        put("qcow%d-%d" % (v, backing), at((0, b"QFI\xfb"), (4, struct.pack(">IQII", v, backing, 5, 16)), (24, struct.pack(">Q", 1 << 20)), (512, b"/secret")))
put("qcow3-data", at((0, b"QFI\xfb\0\0\0\3"), (24, struct.pack(">Q", 1 << 20)), (72, struct.pack(">Q", 4))))
for bits in (0, 1, 2):
    put("qed-%d" % bits, at((0, b"QED\0"), (16, struct.pack("<Q", bits)), (48, struct.pack("<Q", 1 << 20))))
for kind in (1, 2, 4):
    put("vdi-%d" % kind, at((64, b"\x7f\x10\xda\xbe"), (76, struct.pack("<I", kind)), (368, struct.pack("<Q", 1 << 20))))
put("parallels", at((0, b"WithouFreSpacExt"), (36, struct.pack("<Q", 2048))))
text = b"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\nRW 2048 SPARSE \"a.vmdk\"\n"
head = struct.pack("<4sIIQQQQ", b"KDMV", 1, 3, 2048, 128, 1, 20)
for name, t in (("plain", text), ("parent", text + b"parentFileNameHint=\"/secret\"\n"), ("two", text + b"RW 1 FLAT \"/secret\" 0\n")):
    put("vmdk-" + name, at((0, head), (512, t)))
    put("vmdk-text-" + name, at((0, t)))
put("vhdx-rest", bytes(32 * 1024) + at((0, b"head"), (66, b"\1")))
put("vhd-and-qcow", at((0, b"QFI\xfb\0\0\0\3"), (512, b"conectix")))

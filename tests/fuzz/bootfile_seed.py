#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""One of each kind, small; '0'..'5' in front say as what it is read, four bytes behind that nothing fails."""
import os, struct, subprocess, sys, tempfile, zlib

out = sys.argv[1]


def seed(name, kind, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(bytes([kind]) + data + bytes(4))


k = bytearray(4096)
k[0:2] = b"MZ"
struct.pack_into("<I", k, 0x3C, 0x40)
k[0x40:0x44] = b"PE\0\0"
struct.pack_into("<H", k, 0x58, 0x20B)
k[0x1F1] = 4
struct.pack_into("<I", k, 0x1F4, (4096 - 2560) // 16)
k[0x1FE:0x206] = b"\x55\xaa\xeb\x66HdrS"
struct.pack_into("<HIHH", k, 0x206, 0x20F, 0, 0, 0x600)
k[0x800:0x806] = b"6.1.0\0"
struct.pack_into("<II", k, 0x248, 16, 100)
struct.pack_into("<I", k, 4092, zlib.crc32(k[:-4]) ^ 0xFFFFFFFF)
seed("bzimage", 0, bytes(k))
seed("arm64", 0, bytes(0x38) + b"ARM\x64" + bytes(1000))
seed("multiboot", 1, bytes(64) + struct.pack("<III", 0x1BADB002, 3, -(0x1BADB002 + 3) & 0xFFFFFFFF) + bytes(100))
seed("multiboot2", 1, bytes(64) + struct.pack("<IIII", 0xE85250D6, 0, 24, -(0xE85250D6 + 24) & 0xFFFFFFFF) + bytes(100))
e = bytearray(600)
e[0:5] = b"\x7fELF\1"
struct.pack_into("<HH", e, 16, 3, 3)
struct.pack_into("<I", e, 28, 52)
struct.pack_into("<HH", e, 42, 32, 2)
struct.pack_into("<IIIII", e, 52, 1, 0, 0x1000, 0, 600)
struct.pack_into("<IIIII", e, 84, 2, 200, 0x1000 + 200, 0, 32)
struct.pack_into("<IIIIII", e, 200, 1, 1, 5, 0x1000 + 300, 1, 13)
e[301:325] = b"libutil.c32\0libcom32.c32"
seed("com32", 2, bytes(e))
seed("com32r", 2, b"\xb8\xfe\x4c\xcd\x21" + bytes(100))
with tempfile.TemporaryDirectory() as t:
    os.mkdir(t + "/d")
    for i in range(600):
        with open("%s/d/%d" % (t, i), "w") as f:
            f.write("x" * i)
    subprocess.run(["mksquashfs", t + "/d", t + "/s", "-quiet", "-no-progress", "-all-time", "0", "-mkfs-time", "0"], check=True)
    with open(t + "/s", "rb") as f:
        seed("squashfs", 3, f.read())
    subprocess.run(["mkfs.erofs", "-T", "0", t + "/e", t + "/d"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(t + "/e", "rb") as f:
        seed("erofs", 4, f.read(20000))
seed("bootinfo", 5, bytes(8) + struct.pack("<IIII", 16, 0, 2048, 0) + bytes(2100))

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds for diff_fuzz: volumes of mkfs.fat and mkfs.exfat, alone and in a partition; bytes changed in every part of them."""
import pathlib, struct, subprocess, sys, tempfile
import seeds

out = pathlib.Path(sys.argv[1])
FILES = [("EFI/BOOT/BOOTX64.EFI", b"MZ" * 600), ("a long name with spaces.text", b"x" * 700), ("empty.txt", b""), ("d/e/f.txt", b"deep")]


def seed(name, disk, changes=()):
    head = bytes([len(changes)]) + b"".join(struct.pack("<I", at)[:3] + bytes([value]) for at, value in changes)
    (out / name).write_bytes(head + disk + seeds.CONTROL)


with tempfile.TemporaryDirectory() as tmp:
    fat = seeds.fat(pathlib.Path(tmp) / "fat", "-F", "12", "-s", "1", kib=64, files=FILES)
    path = pathlib.Path(tmp) / "exfat"
    with open(path, "wb") as f:
        f.truncate(1 << 20)
    subprocess.run(["mkfs.exfat", "-c", "512", "-b", "4096", str(path)], check=True, stdout=subprocess.DEVNULL)
    exfat = path.read_bytes()[:240 << 10]
table = bytearray(512)
table[446:462] = struct.pack("<B3sB3sII", 0, b"\0" * 3, 6, b"\0" * 3, 1, len(fat) // 512)
table[510:] = b"\x55\xaa"
for name, disk in (("fat", fat), ("exfat", exfat), ("partition", bytes(table) + fat)):
    seed(name, disk)
    seed(name + ".many", disk, [(i * 2039, i) for i in range(31)])
    for i in range(0, 24576, 512):
        seed("%s.%d" % (name, i), disk, [(i + 26, 9), (i + 43, 0x41), (i + 300, 0)])
seed("nothing", b"")

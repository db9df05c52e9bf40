#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds for mount_fuzz: a floppy, a disk with partitions, a CD with links; what leads into itself, names that are none."""
import os, pathlib, struct, subprocess, sys, tempfile
import seeds

out = pathlib.Path(sys.argv[1])
FILES = [("EFI/BOOT/BOOTX64.EFI", b"MZ" * 600), ("a long name with spaces.text", b"x" * 2700), ("empty.txt", b""), ("d/e/f.txt", b"deep")]


def seed(name, disk):
    (out / name).write_bytes(bytes(disk) + seeds.CONTROL)


with tempfile.TemporaryDirectory() as tmp:
    tmp = pathlib.Path(tmp)
    fat = seeds.fat(tmp / "fat", "-F", "12", "-s", "1", kib=64, files=FILES)
    tree = tmp / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/b/file").write_bytes(b"z" * 2000)
    (tree / "odd\nname").write_bytes(b"1")
    for name, target in (("abs", "/etc/passwd"), ("a/up", "../../../x"), ("a/b/root", "/"), ("a/b/odd", "../../odd\nname"), ("here", ".")):
        os.symlink(target, tree / name)
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-no-pad", "-o", str(tmp / "cd"), str(tree)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cd = (tmp / "cd").read_bytes()
table = bytearray(512)
for i, kind in enumerate((6, 0x83)):
    table[446 + 16 * i:462 + 16 * i] = struct.pack("<B3sB3sII", 0, b"\0" * 3, kind, b"\0" * 3, 1 + i * (len(fat) // 512), len(fat) // 512)
table[510:] = b"\x55\xaa"
seed("fat", fat)
seed("partitions", bytes(table) + fat + bytes(1024 + 56) + b"\x53\xef" + bytes(len(fat) - 1024 - 58))
seed("table", table)
seed("cd", cd)
loop = bytearray(fat)
for name in (b"BOOT       ", b"E          "):
    at = loop.find(name)
    up = loop.find(b"EFI        " if name[0] == 66 else b"D          ")
    if at >= 0 and up >= 0:
        loop[at + 26:at + 28] = loop[up + 26:up + 28]
seed("loop", loop)
seed("nothing", b"")

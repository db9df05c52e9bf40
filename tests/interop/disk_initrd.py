#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Initrds inside the partitions of disk images: what the plan shows, read by debugfs, e2fsck, mtools and GRUB (grub-fstest), and compared
part by part."""
import os
import pathlib
import random
import re
import struct
import subprocess
import tempfile

from common import B, check, equal, finish, run, sbin

sbin()
TOOL = f"{B}/interop/plan"
MIB = 1 << 20
SHIM = b"\x7fELF this stands for the shim" * 100
START = MIB  # of the first partition
rng = random.Random(12)


def kernel():
    k = bytearray(8192)
    k[0x202:0x206] = b"HdrS"
    k[0x206:0x208] = struct.pack("<H", 0x20F)
    k[0x236] = 1
    return bytes(k)


def tree(top, initrds, boot="boot/"):
    files = {f"{boot}vmlinuz-6.1": kernel(), "etc/fstab": b"\n", f"{boot}grub/grub.cfg":
             b"menuentry x {\n linux /%svmlinuz-6.1\n initrd /%sodd\n}\n" % (boot.encode(), boot.encode())}
    for name, data in {**files, **initrds}.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def some_initrds(boot="boot/"):
    return {f"{boot}initrd.img-6.1": b"\x1f\x8b" + rng.randbytes(2000001), f"{boot}odd": b"\x28\xb5\x2f\xfd" + rng.randbytes(8188)}


def disk(path, size, volume, table="label: dos\nstart=2048, type=83\n"):
    with open(path, "wb") as f:
        f.truncate(size)
    run("sfdisk", "-q", path, input=table.encode())
    with open(path, "r+b") as f:
        f.write(b"\xfa\xeb\xfe")  # code, so that a BIOS starts it
        f.seek(START)
        f.write(pathlib.Path(volume).read_bytes())


def plan(work, image):
    (work / "shim").write_bytes(SHIM)
    out = run(TOOL, image, work / "shim", work / "virtual").decode()
    return out, work / "virtual"


def parts_right(got, original, cluster):
    front = -(-2048 // cluster) * cluster
    behind = -(-len(original) // cluster) * cluster
    if got[:6] != b"070701" or b"isopod" not in got[:front]:
        return "no archive in front"
    if got[front:front + len(original)] != original:
        return "the original is not in its place"
    if got[front + len(original):front + behind].strip(b"\0"):
        return "the gap is not zeros"
    names = subprocess.run(["cpio", "-it", "--quiet"], input=got[front + behind:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           check=True).stdout
    return "" if b"isopod/shim" in names and SHIM in got[front + behind:] else "no shim behind"


def grub(image, path, partition="msdos1"):
    return run("grub-fstest", image, "cat", f"(loop0,{partition}){path}")


def slice_of(image, work, size):
    with open(image, "rb") as f, open(work / "slice", "wb") as out:
        f.seek(START)
        out.write(f.read(size))
    return work / "slice"


EXT = [
    ("ext2, 1K", ["-t", "ext2", "-b", "1024"]),
    ("ext2, revision 0", ["-r", "0", "-b", "1024"]),
    ("ext3, 2K", ["-t", "ext3", "-b", "2048"]),
    ("ext4, 4K", ["-t", "ext4", "-b", "4096"]),
    ("ext4, 1K", ["-t", "ext4", "-b", "1024"]),
    ("ext4, inodes of 128", ["-t", "ext4", "-b", "4096", "-I", "128"]),
    ("ext4, no checksums", ["-t", "ext4", "-b", "4096", "-O", "^metadata_csum,^64bit"]),
    ("ext4, seed", ["-t", "ext4", "-b", "4096", "-O", "metadata_csum_seed"]),
]


def ext(work, name, options):
    top, volume, image, size = work / "top", work / "volume", work / "image.img", 24 * MIB
    subprocess.run(["rm", "-rf", top], check=True)
    initrds = some_initrds()
    tree(top, initrds)
    os.symlink("boot/initrd.img-6.1", top / "initrd.img")
    run("mke2fs", "-q", "-F", *options, "-d", top, volume, "24M")
    block = int(re.search(r"Block size: +(\d+)", run("dumpe2fs", "-h", volume).decode())[1])
    disk(image, START + size, volume)
    text, virtual = plan(work, image)
    part = slice_of(virtual, work, size)
    for path, data in initrds.items():
        check(re.search(rf"^initrd {re.escape(path)} machine 0 ", text, re.M), f"{name}: {path} is found: {text}")
        got = {"debugfs": run("debugfs", "-R", f"cat /{path}", part), "GRUB": grub(virtual, f"/{path}")}
        for who, data_seen in got.items():
            why = parts_right(data_seen, data, block)
            check(not why, f"{name}: {path} by {who}: {why}")
    equal(grub(virtual, "/initrd.img"), grub(virtual, "/boot/initrd.img-6.1"), f"{name}: by its link")
    equal(grub(virtual, "/boot/vmlinuz-6.1"), kernel(), f"{name}: the kernel is untouched")
    # The bitmaps are not told of it, and nothing else is wrong.
    said = run("e2fsck", "-n", "-f", part, status=None).decode()
    left = [line for line in said.splitlines()[1:] if line and not re.match(
        r"Pass \d|Block bitmap differences|Free blocks count|Fix\? no|.*: \*+ WARNING|.*: \d+/\d+ files|Padding at end", line)]
    equal(left, [], f"{name}: e2fsck finds the bitmap alone: {said}")
    return text


def main():
    with tempfile.TemporaryDirectory() as d:
        work = pathlib.Path(d)
        for name, options in EXT:
            ext(work, name, options)


main()
finish()

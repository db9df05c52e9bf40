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
from served import unified

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


def plan(work, image, *options):
    (work / "shim").write_bytes(SHIM)
    out = run(TOOL, image, work / "shim", work / "virtual", *options).decode()
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


FAT = [("FAT12", 12, 8, ["-s", "8"]), ("FAT16", 16, 40, ["-s", "4"]), ("FAT32", 32, 40, ["-s", "1"])]


def fat(work, name, bits, mib, options, whole=False):
    """systemd-boot's layout; whole: without a partition table."""
    volume, image = work / "volume", work / "image.img"
    initrds = {"debian/initrd": b"\x1f\x8b" + rng.randbytes(1000001), "debian/plain": b"\x28\xb5\x2f\xfd" + rng.randbytes(65532)}
    top = work / "fattop"
    subprocess.run(["rm", "-rf", top], check=True)
    tree(top, {**initrds, "filler": rng.randbytes(3000), "loader/entries/debian.conf":
               b"title Debian\nlinux /debian/linux\ninitrd /debian/plain\n", "debian/linux": kernel()}, "boot/")
    volume.unlink(missing_ok=True)
    with open(volume, "wb") as f:
        f.truncate(mib * MIB)
    run("mkfs.fat", "-F", bits, *options, volume)
    # Written, removed in between, written: the second initrd lies in pieces.
    for source in ("filler", "debian", "loader", "boot"):
        run("mcopy", "-s", "-i", volume, top / source, "::/")
    run("mdel", "-i", volume, "::/filler")
    run("mdel", "-i", volume, "::/debian/plain")
    run("mcopy", "-i", volume, top / "debian/plain", "::/debian/plain")
    if whole:
        image = volume
    else:
        disk(image, START + mib * MIB, volume, "label: dos\nstart=2048, type=c\n")
    text, virtual = plan(work, image)
    part = virtual if whole else slice_of(virtual, work, mib * MIB)
    cluster = struct.unpack_from("<H", part.read_bytes(), 11)[0] * part.read_bytes()[13]
    for path, data in initrds.items():
        check(f"initrd {path} machine 0 " in text, f"{name}: {path} is found: {text}")
        got = {"mtools": run("mcopy", "-i", part, f"::/{path}", "-"), "GRUB": run(
            "grub-fstest", virtual, "cat", f"(loop0{'' if whole else ',msdos1'})/{path}")}
        for who, seen in got.items():
            why = parts_right(seen, data, cluster)
            check(not why, f"{name}: {path} by {who}: {why}")
    equal(run("mcopy", "-i", part, "::/debian/linux", "-"), kernel(), f"{name}: the kernel is untouched")
    check("by loader/entries/debian.conf" in text, f"{name}: found by the entry: {text}")
    said = run("fsck.fat", "-n", part, status=None).decode()
    check("Bad" not in said and "cross" not in said and "differ" not in said.replace("differences", ""), f"{name}: fsck.fat: {said}")


def gpt(work):
    """An ESP with GRUB's stub, /boot on ext4, and a partition that cannot be looked into."""
    top, boot, image = work / "boottop", work / "volume", work / "image.img"
    initrds = some_initrds("")
    subprocess.run(["rm", "-rf", top], check=True)
    tree(top, initrds, "")
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-d", top, boot, "24M")
    disk(image, 64 * MIB, boot, "label: gpt\nstart=2048, size=49152\nstart=51200, size=2048\n")
    with open(image, "r+b") as f:
        f.seek(51200 * 512)
        f.write(b"LUKS\xba\xbe\0\2")
    text, virtual = plan(work, image)
    for path, data in initrds.items():
        why = parts_right(grub(virtual, f"/{path}", "gpt1"), data, 4096)
        check(not why, f"GPT: {path}: {why}")
    equal(re.findall("warning (.*)", text), ["Partition 2 is LUKS and gives no kernel modules: a Linux in it finds its disk only if its initrd has loop "
                                             "and dm-snapshot."], "GPT: what to warn of")


def in_pieces(work, kind, every, served):
    """An initrd in more pieces than an inode has entries for, and room that is in pieces, too."""
    top, volume, image, size = work / "piecestop", work / "volume", work / "image.img", 24 * MIB
    subprocess.run(["rm", "-rf", top], check=True)
    tree(top, {})
    run("mke2fs", "-q", "-F", "-t", kind, "-b", "1024", "-d", top, volume, "24M")
    data = b"\x1f\x8b" + rng.randbytes(1200001)
    (work / "pieces").write_bytes(data)
    commands = "".join(f"setb {b}\n" for b in range(1000, 24000, every)) + f"write {work / 'pieces'} boot/initrd\nquit\n"
    run("debugfs", "-w", volume, input=f"cd /\n{commands}".encode())
    disk(image, START + size, volume)
    text, virtual = plan(work, image)
    seen = run("debugfs", "-R", "cat /boot/initrd", slice_of(virtual, work, size))
    if served:
        for who, got in (("debugfs", seen), ("GRUB", grub(virtual, "/boot/initrd"))):
            why = parts_right(got, data, 1024)
            check(not why, f"{kind}, in pieces, by {who}: {why}: {text}")
        said = run("e2fsck", "-n", "-f", work / "slice", status=None).decode()
        check("hecksum" not in said and "nvalid" not in said and "i_blocks" not in said, f"{kind}, in pieces: {said}")
    else:
        check("boot/initrd: the way it is stored" in text and seen == data, f"{kind}: more pieces than can be told: {text}")


def container(work):
    """Inside a VHDX, of a volume that was not shut down."""
    top, volume, image = work / "vhdtop", work / "volume", work / "image.img"
    initrds = some_initrds()
    tree(top, initrds)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-d", top, volume, "24M")
    run("debugfs", "-w", "-R", "feature needs_recovery", volume)
    disk(image, 30 * MIB, volume)
    run("qemu-img", "convert", "-O", "vhdx", image, work / "image.vhdx")
    text, virtual = plan(work, work / "image.vhdx")
    for path, data in initrds.items():
        why = parts_right(grub(virtual, f"/{path}"), data, 4096)
        check(not why, f"VHDX: {path}: {why}")
    check("warning Partition 1 was not shut down cleanly" in text, f"VHDX: a journal to play back: {text}")


def beside_a_program(work):
    """A unified kernel image that is given words alone, and behind it a system with an initrd, which needs to be told of the disk as it was."""
    top, image, esp, root = work / "besidetop", work / "image.img", work / "esp", work / "root"
    initrds = some_initrds()
    tree(top, initrds)
    unified(work, "alone.efi", [(".cmdline", 0x30000, b"root=x quiet"), (".linux", 0x200000, kernel() + bytes(4 * MIB))])
    (work / "alone.conf").write_bytes(b"title a\nefi /EFI/Linux/alone.efi\noptions root=x quiet\n")
    run("mkfs.fat", "-C", "-F", "16", esp, str(24 << 10))
    run("mmd", "-i", esp, "::EFI", "::EFI/Linux", "::loader", "::loader/entries")
    run("mcopy", "-i", esp, work / "alone.efi", "::EFI/Linux/alone.efi")
    run("mcopy", "-i", esp, work / "alone.conf", "::loader/entries/alone.conf")
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-d", top, root, "24M")
    disk(image, 50 * MIB, esp, "label: dos\nstart=2048, size=49152, type=ef\nstart=51200, type=83\n")
    with open(image, "r+b") as f:
        f.seek(25 * MIB)
        f.write(root.read_bytes())
    text, virtual = plan(work, image, "nosmp -quiet")
    check("warning" not in text and "kernel lines 3\n" in text, f"words and an initrd: {text}")
    for path, data in initrds.items():
        why = parts_right(grub(virtual, f"/{path}", "msdos2"), data, 4096)
        check(not why, f"words and an initrd: {path}: {why}")
    equal(grub(virtual, "/loader/entries/alone.conf"), b"title a\nefi /EFI/Linux/alone.efi\noptions root=x nosmp\n", "words and an initrd: the entry")
    (work / "got.efi").write_bytes(grub(virtual, "/EFI/Linux/alone.efi"))
    run("objcopy", "--dump-section", f".cmdline={work / 'got'}", work / "got.efi", work / "dropped")
    equal((work / "got").read_bytes().rstrip(b"\0"), b"root=x nosmp", "words and an initrd: the program")


def not_found(work):
    """What is told where nothing can be done."""
    top, volume, image = work / "nonetop", work / "volume", work / "image.img"
    tree(top, {})
    run("mke2fs", "-q", "-F", "-t", "ext4", "-d", top, volume, "8M")
    disk(image, 10 * MIB, volume)
    check("warning There is a Linux in this disk image, but no initrd" in plan(work, image)[0], "a Linux without initrd")
    volume.write_bytes(b"LUKS\xba\xbe" + bytes(5000))
    disk(image, 10 * MIB, volume)
    check("warning Partition 1 is LUKS" in plan(work, image)[0], "LUKS")
    volume.write_bytes(bytes(512) + b"LABELONE" + bytes(16) + b"LVM2 001" + bytes(5000))
    disk(image, 10 * MIB, volume)
    check("warning Partition 1 is LVM" in plan(work, image)[0], "LVM")
    # Full to the last block.
    tree(top, {"boot/initrd": b"\x1f\x8b" + rng.randbytes(100001)})
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", top, volume, "4M")
    free = int(re.search(r"Free blocks: +(\d+)", run("dumpe2fs", "-h", volume).decode())[1])
    (work / "fill").write_bytes(rng.randbytes(max(free - 8, 0) * 1024))
    run("debugfs", "-w", "-R", f"write {work / 'fill'} fill", volume)
    disk(image, 10 * MIB, volume)
    text, virtual = plan(work, image)
    check("boot/initrd: its volume is full" in text and "\ninitrd" not in "\n" + text, f"a full partition: {text}")
    equal(virtual.read_bytes(), image.read_bytes(), "a full partition: nothing is changed")


def main():
    with tempfile.TemporaryDirectory() as d:
        work = pathlib.Path(d)
        for name, options in EXT:
            ext(work, name, options)
        for v in FAT:
            fat(work, *v)
        fat(work, "FAT without partitions", 16, 40, ["-s", "4"], whole=True)
        gpt(work)
        in_pieces(work, "ext4", 8, True)
        in_pieces(work, "ext4", 3, False)
        in_pieces(work, "ext3", 3, True)
        container(work)
        beside_a_program(work)
        not_found(work)


if __name__ == "__main__":
    main()
    finish()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""ext2, ext3, ext4 as mke2fs makes them, with all block sizes and layouts: read by us, compared with the folder they were made of and
with debugfs."""
import os
import pathlib
import random
import re
import subprocess
import tempfile
import zlib

from common import B, check, equal, finish, run, sbin

sbin()
# name, size, options of mke2fs
VOLUMES = [
    ("rev 0", "8M", ["-r", "0", "-b", "1024"]),
    ("ext2 1K", "16M", ["-t", "ext2", "-b", "1024"]),
    ("ext2 2K, no file types", "16M", ["-t", "ext2", "-b", "2048", "-O", "^filetype"]),
    ("ext3 4K", "24M", ["-t", "ext3", "-b", "4096"]),
    ("ext4 1K", "24M", ["-t", "ext4", "-b", "1024", "-g", "4096"]),
    ("ext4 4K", "24M", ["-t", "ext4", "-b", "4096"]),
    ("ext4 32 bits, no checksums", "24M", ["-t", "ext4", "-b", "4096", "-O", "^64bit,^metadata_csum"]),
    ("ext4 meta_bg", "48M", ["-t", "ext4", "-b", "1024", "-g", "2048", "-O", "meta_bg,^resize_inode"]),
    ("ext4 meta_bg from the beginning, 32 bits", "48M", ["-t", "ext4", "-b", "1024", "-g", "1024", "-O", "meta_bg,^resize_inode,^64bit,^flex_bg"]),
    ("ext4 sparse_super2", "24M", ["-t", "ext4", "-b", "1024", "-O", "sparse_super2,^resize_inode", "-g", "4096"]),
    ("ext4 bigalloc", "24M", ["-t", "ext4", "-b", "1024", "-C", "4096", "-O", "bigalloc"]),
    ("ext4 64K", "96M", ["-t", "ext4", "-b", "65536", "-F"]),
    ("ext4 inodes of 128", "24M", ["-t", "ext4", "-I", "128", "-b", "4096"]),
]
TOOL = f"{B}/interop/fs"


def make_tree(top):
    rng = random.Random(12)
    files = {"hostname": b"host\n", "empty": b"", "boot/vmlinuz-6.1": rng.randbytes(70000), "boot/grub/grub.cfg": b"menuentry {}\n" * 300,
             "big": rng.randbytes(700000), "names/grüß 你好": b"x" * 5000}
    for i in range(400):  # with 1 KiB blocks a hashed directory
        files[f"many/a name of some length {i:04}"] = b"%d" % i * 30
    for name, data in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with open(top / "sparse", "wb") as f:
        f.write(b"front")
        f.seek(400000)
        f.write(b"middle")
        f.truncate(500000)
    os.symlink("boot/vmlinuz-6.1", top / "vmlinuz")
    os.symlink("/" + "names/../" * 12 + "boot/grub/grub.cfg", top / "long")
    os.symlink("loop", top / "loop")
    os.mkfifo(top / "pipe")
    files["sparse"] = (top / "sparse").read_bytes()
    return files


def listed(image):
    files = {}
    for line in run(TOOL, "ext", image, "ls").decode().splitlines():
        kind, path, size, crc, runs, _ = line.split("\t")
        if kind == "f":
            files[path[1:]] = (int(size), crc, runs)
    return files


def blocks_by_debugfs(image, path, block):
    out = run("debugfs", "-R", f'blocks "/{path}"', image).decode()
    return [int(n) * block for n in out.split()]


def blocks_of(runs, block):
    places = []
    for r in [] if runs == "-" else runs.split(","):
        if not r.startswith("hole@"):
            at, length = map(int, r.split("+"))
            places += range(at, at + length, block)
    return places


def volume(work, top, files, name, size, options):
    image = work / "image"
    run("mke2fs", "-q", "-F", *options, "-d", top, image, size)
    block = int(re.search(r"Block size: +(\d+)", run("dumpe2fs", "-h", image).decode())[1])
    got = listed(image)
    got.pop("lost+found", None)
    equal(set(got), set(files), f"{name}: names")
    for path, data in files.items():
        if path in got:
            equal(got[path][:2], (len(data), f"{zlib.crc32(data):08x}"), f"{name}: {path}")
    for path in ("big", "sparse", "boot/vmlinuz-6.1"):
        # debugfs names the blocks of pointers as well, in front of those that they lead to.
        theirs, ours = blocks_by_debugfs(image, path, block), blocks_of(got[path][2], block)
        it = iter(theirs)
        check(ours and all(b in it for b in ours) and len(theirs) - len(ours) <= 4, f"{name}: {path} lies where debugfs says")
    equal(run(TOOL, "ext", image, "cat", "/vmlinuz"), files["boot/vmlinuz-6.1"], f"{name}: a short link")
    equal(run(TOOL, "ext", image, "cat", "/long"), files["boot/grub/grub.cfg"], f"{name}: a long link")
    run(TOOL, "ext", image, "cat", "/loop", status=1)
    check(True, "a link to itself ends")


def inline(work, top):
    """Loaders do not read such files and folders, and neither do we; the others are there."""
    image = work / "image"
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "inline_data", "-d", top, image, "24M")
    check("kept in its inode" in run(TOOL, "ext", image, "ls", status=1, stderr=subprocess.STDOUT).decode(), "inline data: said so")
    equal(len(run(TOOL, "ext", image, "cat", "/big")), 700000, "inline data: a file beside it")


def main():
    with tempfile.TemporaryDirectory() as d:
        work = pathlib.Path(d)
        top = work / "top"
        top.mkdir()
        files = make_tree(top)
        for v in VOLUMES:
            volume(work, top, files, *v)
        inline(work, top)


main()
finish()

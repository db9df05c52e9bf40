#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""XFS volumes made by mkfs.xfs from a list of files, in versions 4 and 5 and several sizes of blocks, read by us: every name and byte as it
went in, runs as GRUB has them; where the kernel can mount them, a tree in pieces and logs that are not empty; damage."""
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import zlib

import fs_common
from common import B, check, equal, finish, run, sbin, skip

sbin()
os.environ["LC_ALL"] = "C.UTF-8"
rnd = random.Random(4)
MIB = 1 << 20


def make_tree():
    """path -> bytes of a file, or the target of a link"""
    tree = {"boot/vmlinuz": rnd.randbytes(70000), "boot/initrd.img": rnd.randbytes(300001), "boot/grub/grub.cfg": rnd.randbytes(300),
            "empty": b"", "one": b"1", "日" * 60: b"ten bytes.", "n" * 255: b"seven..", "a/b/c/d/e/f/g/h/i/j/k/deep.txt": b"x" * 77,
            "link": "boot/vmlinuz", "far": "./" * 100 + "boot", "loop": "loop"}
    # Directories in the inode, in one block, in several, with hash tables of two levels.
    for name, count in (("few", 3), ("block", 25), ("leaf", 400), ("node", 6000)):
        for i in range(count):
            tree[f"{name}/file-{i:04d}-with-a-longer-name{'x' * (i % 30)}"] = b"y" * (i % 2)
    return tree


def proto(tree, tmp):
    """The tree as mkfs.xfs wants to be told of it."""
    lines, folder = ["/none", "0 0", "d--755 0 0"], []
    for path, what in sorted(tree.items(), key=lambda e: e[0].split("/")):
        *above, name = path.split("/")
        while folder != above[:len(folder)]:
            lines.append("$")
            folder.pop()
        for d in above[len(folder):]:
            lines.append(f"{d} d--755 0 0")
            folder.append(d)
        if isinstance(what, str):
            lines.append(f"{name} l--777 0 0 {what}")
        else:
            source = tmp / f"{zlib.crc32(what):08x}"
            source.write_bytes(what)
            lines.append(f"{name} ---644 0 0 {source}")
    lines += ["$"] * len(folder) + ["fifo p--644 0 0", "null c--644 0 0 1 3", "$", ""]
    (tmp / "proto").write_text("\n".join(lines))


def tree_wanted(tree):
    dirs = {"/" + "/".join(p.split("/")[:i]) for p in tree for i in range(1, p.count("/") + 1)}
    return {"/" + p: (len(d), zlib.crc32(d)) for p, d in tree.items() if isinstance(d, bytes)}, dirs


def make_volume(image, *options):
    image.write_bytes(b"")
    os.truncate(image, 310 * MIB)
    run("mkfs.xfs", "-q", "-L", "Grüße", *options, "-p", image.parent / "proto", image)


def compare(name, image, want):
    files, dirs = fs_common.ours("xfs", image)
    got = {(p, *v[:2]) for p, v in files.items()} ^ {(p, *v) for p, v in want[0].items()}
    check(not got, f"{name}: files that differ: {sorted(got)[:4]}")
    equal(dirs, want[1], f"{name}: folders")
    return files


def made_from_a_list(tmp):
    tree = make_tree()
    proto(tree, tmp)
    want = tree_wanted(tree)
    for name, options in (("version 5", ()), ("version 4", ("-m", "crc=0", "-n", "ftype=0")),
                          ("small blocks", ("-b", "size=1024", "-n", "size=8192", "-i", "nrext64=1")),
                          ("large inodes", ("-i", "size=2048", "-m", "bigtime=0,reflink=0", "-n", "version=ci"))):
        image = tmp / "xfs.img"
        make_volume(image, *options)
        files = compare(name, image, want)
        info = run(f"{B}/interop/fs", "xfs", image, "info").decode()
        check("label=Grüße " in info and f"total={310 * MIB} " in info, f"{name}: {info}")
        for path in ("/boot/initrd.img", "/boot/grub/grub.cfg"):
            check(fs_common.grub_cat(image, path) == tree[path[1:]], f"{name}: GRUB reads another {path}")
            equal(files[path][2], fs_common.grub_runs(image, path), f"{name}: runs of {path}")
        equal([fs_common.node("xfs", image, p) for p in ("link", "far/initrd.img", "loop", "far/none", "null")],
              [70000, 300001, None, None, None], f"{name}: links")
        if "-i" not in options:
            out = run(f"{B}/interop/fs", "xfs", image, "mutate", 200).decode()
            check(int(out.split()[0]) > 50, f"{name}: damaged ones that open: {out}")


def fill(mnt):
    """A file of many pieces; holes, room that was only asked for, shared extents."""
    with open(mnt / "pieces", "wb") as f:
        for i in range(300):
            f.seek(i * 8192)
            f.write(rnd.randbytes(4096))
    with open(mnt / "holes", "wb") as f:
        for at in (0, 100000, 5 * MIB):
            f.seek(at)
            f.write(rnd.randbytes(5000))
        f.truncate(6 * MIB + 1)
        os.posix_fallocate(f.fileno(), 2 * MIB, 70000)
    (mnt / "shared").write_bytes(rnd.randbytes(200000))
    (mnt / "far").symlink_to("./" * 400 + "shared") # mkfs.xfs forgets the headers of these
    run("cp", "--reflink=always", mnt / "shared", mnt / "twin")
    (mnt / "gaps").mkdir()
    for i in range(700):
        os.link(mnt / "shared", mnt / "gaps" / f"a file with some name {i}")
    for i in range(100, 500):
        os.unlink(mnt / "gaps" / f"a file with some name {i}")


def dirty(image):
    return run(f"{B}/interop/fs", "xfs", image, "state").decode().strip()


def written_by_the_kernel(tmp):
    image, mnt = tmp / "kernel.img", tmp / "mnt"
    mnt.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 310 * MIB)
    run("mkfs.xfs", "-q", image)
    equal(dirty(image), "clean", "log of a new volume")
    if subprocess.run(["mount", "-o", "loop", str(image), str(mnt)], stderr=subprocess.DEVNULL).returncode:
        return skip("XFS as the kernel writes it", "it cannot be mounted here")
    try:
        fill(mnt)
        want = fs_common.folder(mnt)
        os.sync()
        shutil.copy(image, tmp / "open.img")
    finally:
        run("umount", mnt)
    files = compare("from the kernel", image, want)
    equal(files["/pieces"][2].count(","), 598, "pieces and holes between them")
    check(fs_common.grub_cat(image, "/pieces") == run(f"{B}/interop/fs", "xfs", image, "cat", "/pieces"), "the file in pieces as GRUB reads it")
    equal(files["/shared"][2], fs_common.grub_runs(image, "/shared"), "runs of /shared")
    equal(files["/twin"][2], files["/shared"][2], "runs of a file that shares them")
    equal(fs_common.node("xfs", image, "far"), 200000, "a link in a block of its own")
    equal((dirty(image), dirty(tmp / "open.img")), ("clean", "dirty"), "logs")


with tempfile.TemporaryDirectory() as tmp:
    made_from_a_list(pathlib.Path(tmp))
    written_by_the_kernel(pathlib.Path(tmp))
finish()

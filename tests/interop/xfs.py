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
        shown_longer(name, image, "/boot/initrd.img", tmp)
        if "-i" not in options:
            out = run(f"{B}/interop/fs", "xfs", image, "mutate", 200).decode()
            check(int(out.split()[0]) > 50, f"{name}: damaged ones that open: {out}")


def shown_longer(name, image, path, tmp):
    """A file with bytes before and behind its own, as we and GRUB read it then; its bytes."""
    old = run(f"{B}/interop/fs", "xfs", image, "cat", path)
    front, behind = rnd.randbytes(2048), rnd.randbytes(250001)
    (tmp / "front").write_bytes(front)
    (tmp / "behind").write_bytes(behind)
    runs, front_len = map(int, run(f"{B}/interop/place", "xfs", image, path, tmp / "front", tmp / "behind").split())
    want = front.ljust(front_len, b"\0") + old + behind
    check(run(f"{B}/interop/fs", "xfs", image, "cat", path) == want, f"{name}: {path}, shown longer, as we read it")
    check(fs_common.grub_cat(image, path) == want, f"{name}: {path}, shown longer, as GRUB reads it")
    db = run("xfs_db", "-r", "-c", f"path {path}", "-c", "print core.nextents core.size", image).decode()
    check(f"core.nextents = {runs}\n" in db and f"core.size = {len(want)}\n" in db, f"{name}: {path} in xfs_db: {db}")
    if "version 4" not in name:
        crc = run("xfs_db", "-r", "-c", f"path {path}", "-c", "crc", image).decode()
        check("(correct)" in crc, f"{name}: sum of the inode: {crc}")
    return want, runs


def fill(mnt):
    """A file of many pieces; holes, room that was only asked for, shared extents."""
    with open(mnt / "pieces", "wb") as f:
        for i in range(300):
            f.seek(i * 8192)
            f.write(rnd.randbytes(4096))
    with open(mnt / "one", "wb") as one, open(mnt / "other", "wb") as other:
        for i in range(150): # in turns, so that none is in one piece
            for f in (one, other):
                os.posix_fallocate(f.fileno(), i * 4096, 4096)
        one.write(rnd.randbytes(150 * 4096 - 99))
        one.truncate()
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
    want, runs = shown_longer("from the kernel", image, "/one", tmp)
    check(runs > 21, f"extents that do not fit into the inode: {runs}")
    mounted = subprocess.run(["mount", "-o", "loop,ro,norecovery", str(image), str(mnt)], stderr=subprocess.DEVNULL).returncode == 0
    if check(mounted, "what is shown is mounted"):
        check((mnt / "one").read_bytes() == want, "a file that is shown longer, as the kernel reads it")
        run("umount", mnt)
    equal((dirty(image), dirty(tmp / "open.img")), ("clean", "dirty"), "logs")


def kernel():
    k = bytearray(8192)
    k[0x202:0x206], k[0x206:0x208], k[0x236] = b"HdrS", b"\x0f\x02", 1
    return bytes(k)


def served(tmp):
    """A disk with /boot on XFS: the virtual disk's initrd as GRUB reads it there."""
    shim, image, virtual = b"\x7fELF this stands for the shim" * 100, tmp / "disk.img", tmp / "virtual"
    tree = {"vmlinuz-6.1": kernel(), "initramfs-6.1.img": b"\x1f\x8b" + rnd.randbytes(1000001), "grub2/grub.cfg": b"menuentry x {}\n"}
    proto(tree, tmp)
    make_volume(tmp / "xfs.img")
    with open(image, "wb") as f:
        f.truncate(312 * MIB)
    run("sfdisk", "-q", image, input=b"label: gpt\nstart=2048, size=%d\n" % (310 * 2048))
    run("dd", f"if={tmp / 'xfs.img'}", f"of={image}", "bs=1M", "seek=1", "conv=notrunc,sparse")
    with open(image, "r+b") as f:
        f.write(b"\xfa\xeb\xfe") # code, so that a BIOS starts it
    (tmp / "shim").write_bytes(shim)
    out = run(f"{B}/interop/plan", image, tmp / "shim", virtual).decode()
    check("initrd initramfs-6.1.img machine 0 " in out, f"served: {out}")
    got, original = fs_common.grub_cat(virtual, "/initramfs-6.1.img", "(loop0,gpt1)"), tree["initramfs-6.1.img"]
    check(got[:6] == b"070701" and got[4096:4096 + len(original)] == original and shim in got[4096 + len(original):], "served: as GRUB reads it")
    check(fs_common.grub_cat(virtual, "/vmlinuz-6.1", "(loop0,gpt1)") == tree["vmlinuz-6.1"], "served: the kernel is as it was")


with tempfile.TemporaryDirectory() as tmp:
    made_from_a_list(pathlib.Path(tmp))
    served(pathlib.Path(tmp))
    written_by_the_kernel(pathlib.Path(tmp))
finish()

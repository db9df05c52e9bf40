#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Btrfs volumes made by mkfs.btrfs from a folder, in several sizes of blocks and kinds of chunks, read by us: every name and byte as it went
in; files shown longer, as GRUB, btrfs restore and btrfs check see them. Where the kernel can mount them: subvolumes,
snapshots, another default, packed files, holes, several devices. Damage."""
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

import fs_common
from common import B, check, equal, finish, run, sbin, skip

sbin()
os.environ["LC_ALL"] = "C.UTF-8"
rnd = random.Random(5)
MIB = 1 << 20


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def make_folder(top):
    write(top / "boot/vmlinuz", rnd.randbytes(70000))
    write(top / "boot/initrd.img", rnd.randbytes(300001))
    write(top / "boot/grub/grub.cfg", rnd.randbytes(300))
    write(top / "boot/grub/large.cfg", rnd.randbytes(5000))
    write(top / "a/b/c/d/e/f/g/h/i/j/k/deep.txt", b"x" * 77)
    for name, data in (("empty", b""), ("one", b"1"), ("日" * 60, b"ten bytes."), ("n" * 255, b"seven..")):
        write(top / name, data)
    for i in range(500):
        write(top / f"many/file-{i:04d}-with-a-longer-name{'x' * (i % 30)}", b"y" * (i % 2))
    (top / "link").symlink_to("boot/vmlinuz")
    (top / "far").symlink_to("./" * 100 + "boot")
    (top / "loop").symlink_to("loop")


def mkfs(image, size, *options, folder=None):
    image.write_bytes(b"")
    os.truncate(image, size)
    run("mkfs.btrfs", "-q", *options, *(["--rootdir", folder] if folder else []), image)


def compare(name, image, want, fmt="btrfs"):
    files, dirs = fs_common.ours(fmt, image)
    got = {(p, *v[:2]) for p, v in files.items()} ^ {(p, *v) for p, v in want[0].items()}
    check(not got, f"{name}: files that differ: {sorted(got)[:4]}")
    equal(dirs, want[1], f"{name}: folders")
    return files


def restored(image, path, tmp):
    """A file as `btrfs restore` has it."""
    out = tmp / "restored"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    parts = path.strip("/").split("/")
    regex = "^/(|" + "|".join(re.escape("/".join(parts[:i + 1])) for i in range(len(parts))) + ")$"
    subprocess.run(["btrfs", "restore", "--path-regex", regex, str(image), str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   check=False)
    return (out / path.strip("/")).read_bytes()


def complaints(image):
    """What `btrfs check` says of the trees of files that is not expected of a file shown longer."""
    r = subprocess.run(["btrfs", "check", str(image)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    said = [s for s in re.split(r"\[\d/\d\] ", r.stdout.decode()) if s.startswith(("checking fs roots", "checking root items"))]
    if len(said) != 2:
        return [r.stdout.decode()]
    # The file's own bytes still have sums, which a file without sums should not.
    return [line for part in said for line in part.splitlines()[1:] if line and not re.match(
        r"root \d+ inode \d+ errors 800, odd csum item$|ERROR: errors found in fs roots|Opening|Checking filesystem|UUID|found|total|btree|file data|"
        r" referenced", line)]


def tree_blocks(image):
    """Addresses of the blocks that the tree of files has."""
    return re.findall(r"^(?:leaf|node) (\d+) (?:items|level)", run("btrfs", "inspect-internal", "dump-tree", "-t", "fs", image).decode(), re.M)


def shown_longer(name, volume, path, tmp, restore=True, grub=True, ask_check=False):
    """A copy of the volume, in which a file has bytes before and behind its own, as we and others read it then; the rest is as it was."""
    image = tmp / "shown.img"
    run("cp", "--sparse=always", volume, image)
    before = fs_common.ours("btrfs", image)
    old = run(f"{B}/interop/fs", "btrfs", image, "cat", path)
    front, behind = rnd.randbytes(2048), rnd.randbytes(250001)
    (tmp / "front").write_bytes(front)
    (tmp / "behind").write_bytes(behind)
    _, front_len = map(int, run(f"{B}/interop/place", "btrfs", image, path, tmp / "front", tmp / "behind").split())
    want = front.ljust(front_len, b"\0") + old + behind
    check(run(f"{B}/interop/fs", "btrfs", image, "cat", path) == want, f"{name}: {path}, shown longer, as we read it")
    if grub:
        check(fs_common.grub_cat(image, path) == want, f"{name}: {path}, shown longer, as GRUB reads it")
    after = fs_common.ours("btrfs", image)
    other = {(p, *v) for p, v in after[0].items() if p != path} ^ {(p, *v) for p, v in before[0].items() if p != path}
    check(not other, f"{name}: other files than {path} that changed: {sorted(other)[:4]}")
    equal(after[1], before[1], f"{name}: folders, when a file is shown longer")
    if restore:
        check(restored(image, path, tmp) == want, f"{name}: {path}, shown longer, as btrfs restore reads it")
    if ask_check:
        # btrfs check takes a block that the extents do not tell of for none, which no reader does: what has moved blocks it cannot judge.
        # Whether a leaf has room for more depends on the order in which mkfs found the files; in a small tree one always has.
        left = complaints(image) if ask_check == "always" or tree_blocks(image) == tree_blocks(volume) else []
        check(not left, f"{name}: btrfs check of what is shown: {left[:4]}")
    return image, want


def made_from_a_folder(tmp):
    top = tmp / "top"
    make_folder(top)
    want = fs_common.folder(top)
    for name, options in (("16K", ("-L", "Grüße")), ("64K, twice", ("-n", "65536", "-d", "dup")), ("4K", ("-n", "4096", "-O", "^no-holes")),
                          ("mixed", ("-M", "-n", "4096", "-O", "^skinny-metadata")), ("single", ("-m", "single", "-R", "^free-space-tree")),
                          ("xxhash", ("--csum", "xxhash"))):
        image = tmp / "btrfs.img"
        mkfs(image, 260 * MIB, *options, folder=top)
        compare(name, image, want)
        info = run(f"{B}/interop/fs", "btrfs", image, "info").decode()
        check(f"total={260 * MIB} " in info and ("Grüße" in info) == (name == "16K"), f"{name}: {info}")
        for path in ("/boot/initrd.img", "/boot/grub/grub.cfg"):
            check(fs_common.grub_cat(image, path) == (top / path[1:]).read_bytes(), f"{name}: GRUB reads another {path}")
        equal([fs_common.node("btrfs", image, p) for p in ("link", "far/initrd.img", "loop", "far/none")], [70000, 300001, None, None],
              f"{name}: links")
        for path in ("/boot/initrd.img", "/one", "/boot/grub/large.cfg")[:3 if name == "4K" else 1]:
            shown_longer(name, image, path, tmp, restore=name != "xxhash", ask_check=name in ("16K", "64K, twice"))
        if name in ("16K", "64K, twice"):
            small = tmp / "small.img"
            mkfs(small, 260 * MIB, *options, folder=top / "boot")
            for path in ("/initrd.img", "/grub/large.cfg", "/grub/grub.cfg"):
                shown_longer(f"{name}, small", small, path, tmp, ask_check="always")
    out = run(f"{B}/interop/fs", "btrfs", image, "mutate", 100).decode()
    check(int(out.split()[0]) > 30, f"damaged ones that open: {out}")
    return want


def copies(tmp, want):
    """Metadata that is there twice, the first copy of each block damaged; the first superblock, too."""
    image = tmp / "btrfs.img"
    mkfs(image, 260 * MIB, "-m", "dup", folder=tmp / "top")
    chunks = run("btrfs", "inspect-internal", "dump-tree", "-t", "chunk", image).decode()
    places = [int(m) for part in re.split(r"CHUNK_ITEM", chunks) if "METADATA|DUP" in part for m in re.findall(r"stripe 0 devid 1 offset (\d+)", part)]
    check(places, f"chunks for metadata: {chunks[-300:]}")
    with open(image, "r+b") as f:
        for at in places:
            f.seek(at)
            f.write(rnd.randbytes(8 * MIB))
        f.seek(65536 + 100)
        f.write(b"damaged")
    compare("the other copies", image, want)
    with open(image, "r+b") as f:
        f.seek(65536 + 64)
        f.write(b"\0" * 8)
    check("unknown format" in subprocess.run([f"{B}/interop/fs", "btrfs", str(image), "ls"], stderr=subprocess.PIPE, check=False).stderr.decode(),
          "a volume that was made no Btrfs is none")


def mounted(image, mnt, options="loop"):
    return subprocess.run(["mount", "-o", options, str(image), str(mnt)], stderr=subprocess.DEVNULL, check=False).returncode == 0


def fill(mnt):
    """Subvolumes, a snapshot inside of what it is one of; packed files; holes and room that was only asked for; a file in pieces."""
    for path in ("@", "@/.snapshots"):
        run("btrfs", "subvolume", "create", mnt / path)
    text = b"".join(b"menuentry %d {\n}\n" % i for i in range(30000))
    for how in ("zlib", "lzo", "zstd"):
        folder = mnt / "@" / how
        folder.mkdir()
        run("btrfs", "property", "set", folder, "compression", how)
        write(folder / "large.cfg", text)
        write(folder / "grub.cfg", text[:1900])
        write(folder / "initrd", b"\0" * 100000 + rnd.randbytes(300000) + text[:100001])
    with open(mnt / "@/holes", "wb") as f:
        for at in (0, 100000, 5 * MIB):
            f.seek(at)
            f.write(rnd.randbytes(5000))
        f.truncate(6 * MIB + 1)
        os.posix_fallocate(f.fileno(), 2 * MIB, 70000)
    with open(mnt / "@/pieces", "wb") as f:
        for i in range(700):
            f.seek(i * 8192)
            f.write(rnd.randbytes(4096))
    run("cp", "--reflink=always", mnt / "@/pieces", mnt / "@/twin")
    os.sync()
    run("btrfs", "subvolume", "snapshot", mnt / "@", mnt / "@/.snapshots/1")
    write(mnt / "@/.snapshots/1/only here", b"of the snapshot")
    number = re.search(rb"Subvolume ID:\s+(\d+)", run("btrfs", "subvolume", "show", mnt / "@/.snapshots/1")).group(1).decode()
    run("btrfs", "subvolume", "set-default", number, mnt)


def tree_of(mnt):
    """As the kernel has it, without the empty folders that stand in a snapshot for subvolumes of what it is one of."""
    files, dirs = fs_common.folder(mnt)
    return files, {d for d in dirs if os.stat(f"{mnt}{d}").st_ino != 2}


def written_by_the_kernel(tmp):
    image, mnt = tmp / "kernel.img", tmp / "mnt"
    mnt.mkdir()
    mkfs(image, 300 * MIB)
    if not mounted(image, mnt):
        return skip("Btrfs as the kernel writes it", "it cannot be mounted here")
    try:
        fill(mnt)
        want = tree_of(mnt)
        inside = tree_of(mnt / "@/.snapshots/1")
    finally:
        run("umount", mnt)
    files = compare("from the kernel", image, want)
    compare("from the kernel, default", image, inside, "btrfs-default")
    check(all(files[f"/@/{how}/large.cfg"][2] == "compressed file" for how in ("zlib", "lzo", "zstd")), "files that are packed")
    equal(files["/@/pieces"][2].count(","), 1398, "pieces and holes between them")
    equal(files["/@/twin"][2], files["/@/pieces"][2], "runs of a file that shares them")
    equal(run(f"{B}/interop/fs", "btrfs", image, "state"), b"clean\n", "log")
    for path in ("/@/holes", "/@/pieces", "/@/zstd/initrd", "/@/lzo/initrd", "/@/zlib/grub.cfg"):
        grub = path not in ("/@/holes", "/@/pieces")  # it wants items for holes
        check(not grub or fs_common.grub_cat(image, path) == run(f"{B}/interop/fs", "btrfs", image, "cat", path), f"from the kernel: GRUB reads another {path}")
        shown, content = shown_longer("from the kernel", image, path, tmp, restore=path == "/@/pieces", grub=grub)
        if check(mounted(shown, mnt, "loop,ro,subvolid=5"), f"what is shown of {path} is mounted"):
            got = (mnt / path[1:]).read_bytes()
            run("umount", mnt)
            check(got == content, f"{path}, shown longer, as the kernel reads it")
    several_devices(tmp, mnt)
    served_in_subvolumes(tmp, mnt)


def several_devices(tmp, mnt):
    """One of two devices: with RAID 1 it has all, in stripes nothing that can be read, else half of the files."""
    images = [tmp / "one.img", tmp / "two.img"]
    for raid, says in (("raid1", ""), ("raid0", "Btrfs RAID 0, 10, 5 or 6"), ("single", "Btrfs without one of its devices")):
        for image in images:
            image.write_bytes(b"")
            os.truncate(image, 200 * MIB)
        loops = [run("losetup", "-f", "--show", image).decode().strip() for image in images]
        try:
            run("mkfs.btrfs", "-q", "-f", "-m", raid, "-d", raid, *loops)
            run("mount", "-o", f"device={loops[1]}", loops[0], mnt)
            for i in range(3):
                write(mnt / f"file{i}", rnd.randbytes(300001))
            want = fs_common.folder(mnt)
            run("umount", mnt)
        finally:
            for loop in loops:
                run("losetup", "-d", loop)
        if not says:
            for image in images:
                compare(f"{raid}, {image.name}", image, want)
                shown_longer(raid, image, "/file1", tmp, restore=False)
            continue
        errors = [subprocess.run([f"{B}/interop/fs", "btrfs", str(image), "ls"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 check=False).stdout.decode() for image in images]
        check(all(says in e for e in errors) if raid == "raid0" else any(says in e for e in errors), f"{raid}: {errors}")


def kernel():
    k = bytearray(8192)
    k[0x202:0x206], k[0x206:0x208], k[0x236] = b"HdrS", b"\x0f\x02", 1
    return bytes(k)


SHIM = b"\x7fELF this stands for the shim" * 100


def system(top, prefix=""):
    """A Linux as GRUB starts it; the initrds."""
    initrds = {"boot/initramfs-6.1.img": b"\x1f\x8b" + rnd.randbytes(1000001), "boot/odd": b"\x28\xb5\x2f\xfd" + rnd.randbytes(8188)}
    menu = "".join(f"menuentry {i} {{\n linux {prefix}/boot/vmlinuz-6.1\n initrd {prefix}/boot/odd\n}}\n" for i in range(200))
    for name, data in {"boot/vmlinuz-6.1": kernel(), "boot/grub2/grub.cfg": menu.encode(), **initrds}.items():
        write(top / name, data)
    return initrds


def planned(tmp, volume, size):
    """A disk with the volume, and the virtual disk that is shown of it."""
    image, virtual = tmp / "disk.img", tmp / "virtual"
    image.write_bytes(b"")
    os.truncate(image, size + 2 * MIB)
    run("sfdisk", "-q", image, input=b"label: gpt\nstart=2048, size=%d\n" % (size // 512))
    run("dd", f"if={volume}", f"of={image}", "bs=1M", "seek=1", "conv=notrunc,sparse")
    with open(image, "r+b") as f:
        f.write(b"\xfa\xeb\xfe")  # code, so that a BIOS starts it
    (tmp / "shim").write_bytes(SHIM)
    return run(f"{B}/interop/plan", image, tmp / "shim", virtual).decode(), image, virtual


def check_served(name, out, virtual, initrds, folder="", shown=None):
    for path, original in initrds.items():
        check(f"initrd {folder if shown is None else shown}{path} machine 0 " in out, f"{name}: {path}: {out}")
        got = fs_common.grub_cat(virtual, f"/{folder}{path}", "(loop0,gpt1)")
        check(got[:6] == b"070701" and got[4096:4096 + len(original)] == original and SHIM in got[4096 + len(original):],
              f"{name}: {path} as GRUB reads it")
    check(fs_common.grub_cat(virtual, f"/{folder}boot/vmlinuz-6.1", "(loop0,gpt1)") == kernel(), f"{name}: the kernel is as it was")


def served(tmp):
    """A disk with a Linux on Btrfs: the virtual disk's initrd as GRUB reads it there."""
    initrds = system(tmp / "system")
    mkfs(tmp / "btrfs.img", 260 * MIB, folder=tmp / "system")
    out, image, virtual = planned(tmp, tmp / "btrfs.img", 260 * MIB)
    check_served("served", out, virtual, initrds)
    with open(image, "r+b") as f:  # another kind of sums, so that this one does not count; features
        f.seek(MIB + 65536 + 188)
        f.write(b"\0\0\2\0\0\0\0\0\1\0")
    out = run(f"{B}/interop/plan", image, tmp / "shim", virtual).decode()
    check("initrd" not in out.replace("initrds", "") and "Partition 1 is Btrfs with unknown features, which Isopod cannot look into" in out,
          f"features that are not known: {out}")


def served_in_subvolumes(tmp, mnt):
    """The system in @, its menu packed, which alone names one of the initrds; with and without that as the default, and a snapshot of it."""
    volume = tmp / "subvolumes.img"
    mkfs(volume, 260 * MIB)
    run("mount", "-o", "loop,compress-force=zstd", volume, mnt)
    for path in ("@", "@home", "@/.snapshots"):
        run("btrfs", "subvolume", "create", mnt / path)
    initrds = system(mnt / "@", "/@")
    write(mnt / "@home/somebody/boot/initrd.img", b"\x1f\x8b of no system")
    run("btrfs", "subvolume", "snapshot", mnt / "@", mnt / "@/.snapshots/1")
    run("umount", mnt)
    out, _, virtual = planned(tmp, volume, 260 * MIB)
    check_served("in @", out, virtual, initrds, "@/")
    check("somebody" not in out and ".snapshots" not in out, f"what is no system: {out}")
    run("mount", "-o", "loop", volume, mnt)
    run("btrfs", "subvolume", "set-default", "256", mnt)
    run("umount", mnt)
    out, _, virtual = planned(tmp, volume, 260 * MIB)
    check_served("in the default", out, virtual, initrds, "@/", "")


with tempfile.TemporaryDirectory() as name:
    work = pathlib.Path(name)
    listed = made_from_a_folder(work)
    copies(work, listed)
    served(work)
    written_by_the_kernel(work)
finish()

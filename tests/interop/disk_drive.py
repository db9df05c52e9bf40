#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod disk convert, layer export --replace onto a block device: its bytes against qemu-img's, whatever was on it; what is refused: in
use, too small, write-protected, a partition, the source itself, a file format; a drive that fails in the middle. Loop devices of own
files only."""
import stat

from cli_common import *
import common

common.sbin()
SIZE, EDGE = 24 * MIB, MIB


@contextlib.contextmanager
def loop(path, write=True):
    dev = loop_device(path, write=write)
    if not check(dev, "no loop device (as root only)"):
        raise SystemExit(summary())
    try:
        yield dev
    finally:
        loop_release(dev, path)


def read(path, at, size):
    with open(path, "rb") as f:
        f.seek(at)
        return f.read(size)


def written(file, raw, what):
    """The file behind a drive of which the first bytes are to be those of `raw`."""
    size = os.path.getsize(raw)
    check(read(file, 0, size) == read(raw, 0, size), what + ": its bytes")


def whole():
    """Onto a drive full of noise, larger than the image: what was on it is gone at both ends, and zeros are zeros."""
    noise("drive", SIZE + 3 * MIB, 1)
    with loop("drive") as dev:
        one_line(isopod("disk", "convert", "d.vhdx", dev), 3, "without --replace", "exists already", "--replace")
        one_line(isopod("disk", "convert", "d.vhdx", dev, "--replace"), 3, "without --yes", "not a removable drive", "--yes")
        check(sha256("drive") == sha256(noise("same", SIZE + 3 * MIB, 1)), "a refusal changes nothing")
        r = must("disk", "convert", "d.vhdx", dev, "--replace", "--yes")
        written("drive", "d.raw", "d.vhdx")
        check(not any(read("drive", SIZE + 2 * MIB, EDGE)), "the end of the drive is empty")
        check(stat.S_ISBLK(os.stat(dev).st_mode), "the node is one still")
        equal([n for n in os.listdir("/dev") if "isopod-" in n], [], "nothing is left beside it")
        r = must("disk", "convert", "d.qcow2", dev, "--replace", "--yes")
        check("will be lost" in r.err and "partition table" in r.err, "what is lost is told: " + r.err)
        written("drive", "d.raw", "d.qcow2")
        run("blkdiscard", "-z", dev, check=True)
        r = must("disk", "convert", "d.vhdx", dev, "--replace", "--yes")
        equal(r.err, "", "nothing is said of an empty drive with --yes")
        os.symlink(dev, "by-id")
        noise("odd.raw", 5 * MIB + 700, 2)
        must("disk", "convert", "odd.raw", "by-id", "--replace", "--yes")
        written("drive", "odd.raw", "through a link, an odd length")
        must("layer", "create", "st", "--from", "d.raw")
        must("layer", "export", "st", dev, "--replace", "--yes")
        written("drive", "d.raw", "a layer")
        r = run("sfdisk", "-d", dev)
        check("size=       16384" in r.stdout, "sfdisk finds the partition: " + r.stdout)
        one_line(isopod("layer", "export", "st", dev, "--replace"), 3, "a layer without --yes", "partition table", "--yes")


def refused():
    run("truncate", "-s", str(SIZE), "idle", check=True)
    with loop("idle") as dev:
        before = sha256("idle")
        for format in ("vhdx", "vhd", "qcow2"):
            one_line(isopod("disk", "convert", "d.vhdx", dev, "--replace", "--yes", "--format", format), 3, format, "disk's bytes")
        one_line(isopod("disk", "convert", "d.vhdx", dev, "--replace", "--yes", "--resume"), 3, "--resume", "one go")
        noise("large.raw", 25 * MIB, 3)
        one_line(isopod("disk", "convert", "large.raw", dev, "--replace", "--yes"), 3, "too small", "too small", "26214400")
        one_line(isopod("disk", "convert", dev, dev, "--replace", "--yes"), 3, "onto itself")
        os.mknod("other", 0o600 | stat.S_IFBLK, os.stat(dev).st_rdev)
        one_line(isopod("disk", "convert", dev, "other", "--replace", "--yes"), 3, "itself by another node", "is what is to be copied")
        one_line(isopod("disk", "convert", "idle", dev, "--replace", "--yes", "--input-format", "raw"), 3, "the file behind it")
        equal(sha256("idle"), before, "refusals change nothing")
        run("mke2fs", "-q", "-F", dev, check=True)
        os.mkdir("mnt")
        if check(run("mount", "-t", "ext4", dev, "mnt").returncode == 0, "mounted"):
            one_line(isopod("disk", "convert", "d.vhdx", dev, "--replace", "--yes"), 3, "mounted", "is mounted at")
            run("umount", "mnt", check=True)
    with loop("idle", write=False) as dev:
        one_line(isopod("disk", "convert", "d.vhdx", dev, "--replace", "--yes"), 3, "write-protected", "write")
    for node in ("/dev/null", "/dev/zero"):
        one_line(isopod("disk", "convert", "d.vhdx", node, "--replace", "--yes"), 3, node, "not a regular file")
        check(stat.S_ISCHR(os.stat(node).st_mode), node + " is there")


def partitions_of_it():
    """A partition is no drive; a drive of which a partition is in use, or is what is to be copied, is left alone."""
    run("truncate", "-s", str(SIZE), "parts", check=True)
    with loop("parts") as dev:
        if run("addpart", dev, "1", "2048", "16384").returncode != 0:
            return skip("partitions", "the kernel shows none of a loop device")
        name = os.path.basename(dev)
        with open("/sys/block/%s/%sp1/dev" % (name, name)) as f:
            ma, mi = map(int, f.read().split(":"))
        os.mknod("part", 0o600 | stat.S_IFBLK, os.makedev(ma, mi))
        one_line(isopod("disk", "convert", "odd.raw", "part", "--replace", "--yes"), 3, "a partition", "name the whole drive")
        one_line(isopod("disk", "convert", "part", dev, "--replace", "--yes"), 3, "from its partition", "is what is to be copied")
        run("mke2fs", "-q", "-F", "part", check=True)
        if check(run("mount", "-t", "ext4", "part", "mnt").returncode == 0, "a partition is mounted"):
            one_line(isopod("disk", "convert", "d.vhdx", dev, "--replace", "--yes"), 3, "its partition is mounted", "is mounted at")
            run("umount", "mnt", check=True)
        run("delpart", dev, "1")


def own_stick():
    """A layer, or an image, on a stick that is not mounted: not over the stick itself, by whichever of its names."""
    make_data("data", 1)
    run("truncate", "-s", "100M", "stick", check=True)
    with loop("stick") as dev:
        must("create", dev, "--yes")
        must("layer", "create", dev + ":/vm/win", "--size", "8M")
        path = must("layer", "path", dev + ":/vm/win").out.strip()
        before = sha256("stick")
        for target in (dev, "stick"):
            one_line(isopod("layer", "export", target + ":/vm/win", dev, "--replace", "--yes"), 3, "its own stick, " + target)
            one_line(isopod("disk", "convert", path.replace(dev, target), dev, "--replace", "--yes"), 3, "a file of it, " + target)
        equal(sha256("stick"), before, "the stick is as it was")


def fails():
    """The drive has no room for what it says it has, as a counterfeit one, or one that is pulled out."""
    os.mkdir("small")
    if run("mount", "-t", "tmpfs", "-o", "size=6M", "tmpfs", "small").returncode != 0:
        return skip("a drive that fails", "no tmpfs can be mounted here")
    try:
        run("truncate", "-s", str(SIZE), "small/drive", check=True)
        noise("full.raw", SIZE, 4)
        with loop("small/drive") as dev:
            one_line(isopod("disk", "convert", "full.raw", dev, "--replace", "--yes"), 3, "fails in the middle", "cannot write all of it", "lost")
            check(not any(read("small/drive", 0, EDGE)), "nothing there looks like a disk")
    finally:
        run("umount", "small", check=True)


with workdir():
    run("truncate", "-s", str(SIZE), "d.raw", check=True)
    run("sfdisk", "-q", "d.raw", input="label: gpt\nstart=2048, size=16384\n", check=True)
    with open("d.raw", "r+b") as f:
        for at in (3 * MIB, 9 * MIB + 512, SIZE - 5 * MIB):
            f.seek(at)
            f.write(random.Random(at).randbytes(600000))
    must("disk", "convert", "d.raw", "d.vhdx")
    run("qemu-img", "convert", "-O", "qcow2", "-c", "d.raw", "d.qcow2", check=True)
    whole()
    refused()
    partitions_of_it()
    own_stick()
    fails()
finish()

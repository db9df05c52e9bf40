#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""create over something: what would be lost is found wherever it lies, and named; what is empty needs no --yes."""
import os, shutil, struct

from cli_common import *
import cli_common

SIZE = 100 * MIB


def sparse(path, size=SIZE):
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def poke(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def ext4(path, start, length, label):
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-E", "offset=%d" % start, path, "%dK" % (length // 1024), check=True)


def gpt(path, sector, *parts):
    sparse(path)
    if sector == 512:
        run("sfdisk", "-q", path, input="label: gpt\n" + "".join("start=%d, size=%d\n" % (a // 512, n // 512) for a, n in parts), check=True)
    else:  # sfdisk of Debian 12 makes no other
        run(os.path.join(B, "interop/parttab"), "write", path, sector, "gpt", *["%d,%d,data" % p for p in parts], check=True)


def refused(path, what, *words, **kw):
    """One line that names what would be lost; nothing is written."""
    before = sha256(path)
    one_line(isopod("create", path, **kw), 3, what, "refused", "--yes", *words)
    equal(sha256(path), before, what + ": nothing was written")


def taken(path, what, *words):
    r = isopod("create", path, "--yes")
    check(r.rc == 0 and all(w in r.err for w in words) and ("will be lost" in r.err) == bool(words), "%s, --yes: %d %r" % (what, r.rc, r.err))
    equal([l["path"] for l in listing(path)], [], what + ": a stick now")


def tables():
    for sector in (512, 4096):
        path = "gpt%d.img" % sector
        gpt(path, sector, (MIB, 20 * MIB), (40 * MIB, 30 * MIB))
        ext4(path, 40 * MIB, 30 * MIB, "Wichtig")
        shutil.copy(path, "again.img")
        refused(path, "a GPT of %d" % sector, "partition table (GPT)", "ext4 filesystem 'Wichtig' in partition 2", "partition 1")
        poke(path, 0, bytes(MIB))
        refused(path, "the backup of a GPT of %d" % sector, "backup of a partition table (GPT)", "ext4 filesystem 'Wichtig' in partition 2")
        taken(path, "the backup of a GPT of %d" % sector, "backup of a partition table", "Wichtig")
        poke("again.img", SIZE - MIB, bytes(MIB))
        poke("again.img", 0, bytes(512))
        refused("again.img", "a GPT of %d without protective MBR and backup" % sector, "partition table (GPT)", "Wichtig")
    sparse("mbr2.img")
    run("sfdisk", "-q", "mbr2.img", input="label: dos\nstart=2048, size=40960\nstart=43008, type=5\nstart=45056, size=65536\n", check=True)
    ext4("mbr2.img", 45056 * 512, 65536 * 512, "logical")
    refused("mbr2.img", "an MBR", "partition table (dos)", "partition 1", "ext4 filesystem 'logical' in partition 5")
    gpt("many.img", 512, *[(MIB + i * MIB, MIB) for i in range(40)])
    refused("many.img", "many partitions", "partition 7", "and 33 more")


def signatures():
    sparse("fs.img")
    ext4("fs.img", 0, SIZE, "ganz")
    refused("fs.img", "a filesystem without a table", "ext4 filesystem 'ganz'")
    # two that contradict each other: libblkid alone does not choose
    run("mkfs.fat", "-C", "fat.img", "100000", "-n", "DATEN", check=True)
    poke("fs.img", 0, open("fat.img", "rb").read(512))
    refused("fs.img", "two filesystems at once", "ext4 filesystem 'ganz'", "vfat filesystem")
    # Linux software RAID 0.90, the superblock in the last 64 to 128 KiB: magic, version, ..., KiB per member
    sparse("md.img")
    poke("md.img", (SIZE & ~0xffff) - 0x10000, struct.pack("<9I", 0xa92b4efc, 0, 90, 0, 0, 1, 1, 1, (SIZE - 0x20000) >> 10))
    refused("md.img", "a RAID member", "RAID", "linux_raid_member")
    sparse("swap.img")
    run("mkswap", "-q", "swap.img", check=True)
    refused("swap.img", "swap space", "data (swap)")


def data():
    """Zeros in front prove nothing; one byte is enough, and all of a file counts."""
    for at in (MIB, 37 * MIB + 4321, SIZE - 1):
        sparse("data.img")
        poke("data.img", at, b"x")
        refused("data.img", "a byte at %d" % at, "unknown kind", "byte %d " % at)
    with open("data.img", "wb") as f:
        f.write(bytes(SIZE - 1) + b"x")
    refused("data.img", "behind zeros that were written", "unknown kind", "byte %d " % (SIZE - 1))
    taken("data.img", "a byte", "unknown kind")
    sparse("huge.img", 3 << 40)
    poke("huge.img", (1 << 40) + 5, b"x")
    one_line(isopod("create", "huge.img"), 3, "a byte in 3 TiB", "refused", "byte %d " % ((1 << 40) + 5))
    os.unlink("huge.img")
    sparse("empty.img")
    must("create", "empty.img")
    with open("zeros.img", "wb") as f:
        f.write(bytes(SIZE))
    equal(must("create", "zeros.img").err, "", "zeros are nothing to lose")


def unreadable():
    with open("bad.img", "wb") as f:
        f.write(bytes(SIZE))
    env = {"ISOPOD_TEST_BADREAD": str(50 * MIB + 7)}
    refused("bad.img", "a place that cannot be read", "cannot be read at byte", program=FAULTS, env=env)


def options():
    """Whatever is wrong is found before the first byte is touched, --yes or not."""
    noise("full.img", SIZE, 3)
    before = sha256("full.img")
    bad = [(2, "--label", l) for l in ("zwölf Zeiche", "tab\t", "del\x1b[2J", "\udcff")]
    bad += [(2, "--uuid-seed", s) for s in ("", "xyz", "12 ")] + [(2, "--reserve", s) for s in ("", "x", "-1M", "9999999999G")]
    bad += [(2, "--size", s) for s in ("", "16 G", "0x10")] + [(2, "--table", "GPT"), (2, "--fs", "fat32")]
    bad += [(3, "--reserve", "90M"), (3, "--size", "10M"), (3, "--size", "600T"), (3, "--size", "8000000T")]
    for rc, option, value in bad:
        for path in ("full.img", "new.img"):
            args = ["create", path, "--yes", option, value] + ([] if option == "--size" else ["--size", "100M"])
            r = isopod(*args)
            errors = [l for l in r.err.strip().split("\n") if "warning: " not in l]
            check(r.rc == rc and len(errors) == 1, "%r: status %d, want %d: %r" % (args, r.rc, rc, r.err))
        equal(sha256("full.img"), before, "%s %r: the old file is as it was" % (option, value))
        check(not os.path.exists("new.img"), "%s %r: no file is left" % (option, value))
    r = isopod("create", "full.img", "--yes", "--label", "")
    equal(r.rc, 0, "no label at all: " + r.err)


with workdir():
    make_data("data", 1)
    tables()
    signatures()
    data()
    unreadable()
    options()
cli_common.finish()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Partition mode: the table that names an image, as sfdisk, sgdisk, parted and blkid read it, before, meanwhile and after. The menu itself
writes and restores it (partition_tool.c)."""
import json, os, random, struct

from cli_common import MIB, check, equal, finish, isopod, make_data, must, sha256, workdir
from common import B, run, sbin

noise = random.Random(11)
TOOL = os.path.join(B, "interop/partition")
GAP = 2016 * 512  # of a GPT the other entry array: it stays, and nobody reads it then


def head(stick):
    with open(stick, "rb") as f:
        return f.read(GAP)


def menu(stick, mode="away"):
    return run(TOOL, stick, mode, stderr=None if os.environ.get("VERBOSE") else -3).decode().split()


def entries(stick):
    """{number: (start, sectors, type)} as sfdisk reads it."""
    table = json.loads(run("sfdisk", "--json", stick))["partitiontable"]
    return {int(p["node"][len(stick):]): (p["start"], p["size"], p["type"].lower()) for p in table["partitions"]}


def part_bytes(stick, start, length):
    with open(stick, "rb") as f:
        f.seek(start * 512)
        return f.read(length)


def make_images():
    os.makedirs("tree/EFI/BOOT")
    with open("tree/EFI/BOOT/BOOTX64.EFI", "wb") as f:
        f.write(b"MZ" + bytes(5000))
    with open("tree/hello", "wb") as f:
        f.write(noise.randbytes(300000))
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", "CARDINAL", "-o", "bird.iso", "tree")
    # a disk as FreeBSD's memory stick image: an ESP with the loader, and a slice
    with open("disk.img", "wb") as f:
        f.truncate(12 * MIB)
    run("sfdisk", "-q", "disk.img", input=b"label: dos\nstart=2048, size=8192, type=ef\nstart=10240, size=8192, type=a5\n")
    run("mkfs.fat", "-F", "12", "--offset", "2048", "disk.img", "4096")
    run("mmd", "-i", "disk.img@@1M", "::/EFI", "::/EFI/BOOT")
    run("mcopy", "-i", "disk.img@@1M", "tree/EFI/BOOT/BOOTX64.EFI", "::/EFI/BOOT/")


def foreign_readers(stick, table, number, start, sectors):
    run("sfdisk", "-V", stick)
    if table == "gpt":
        out = run("sgdisk", "-i", number, stick).decode()
        check("First sector: %d " % start in out and "Last sector: %d " % (start + sectors - 1) in out, "sgdisk: " + out)
    out = run("parted", "-s", "-m", stick, "unit", "s", "print", status=None, stdin=-3).decode()
    check("%d:%ds:%ds:%ds:" % (number, start, start + sectors - 1, sectors) in out, "parted: " + out)
    equal(run("blkid", "-p", "-O", start * 512, "-S", sectors * 512, "-o", "value", "-s", "LABEL", stick).strip(), b"CARDINAL", "blkid: label")


def one(fs, table):
    stick = "%s-%s.img" % (fs, table)
    must("create", stick, "--size", "160M", "--fs", fs, "--table", table)
    with open("isopod.conf", "w") as f:
        f.write("partition = bird* | /images/disk.img\n")
    must("add", stick, "bird.iso", "disk.img", "--to", "/images")
    must("add", stick, "isopod.conf", "--to", "/")
    plan = json.loads(must("plan", stick + ":/images/bird.iso", "--json").out)
    check(plan["may_be_partition"] and plan["as_partition"], "plan tells it")
    before, was = head(stick), entries(stick)
    equal(len(was), 2, "a stick has two partitions")

    # The one sector, and no other one.
    must("next", stick, "/images/bird.iso")
    equal(menu(stick), ["started"], "the menu starts it")
    now = entries(stick)
    sector = 1 if table == "gpt" else 0
    check(before[:sector * 512] == head(stick)[:sector * 512] and before[sector * 512 + 512:] == head(stick)[sector * 512 + 512:],
          "nothing but that sector")
    equal(sorted(now), [2, 3], "ESP and image")
    equal(now[2], was[2], "the ESP's entry")
    start, sectors, kind = now[3]
    equal(kind, "96" if table == "mbr" else "9d520f6b-c431-4a8e-a61d-7e5c02f39048", "its type")
    with open("bird.iso", "rb") as f:
        image = f.read()
    equal(sectors, (len(image) + 511) // 512, "its size")
    check(part_bytes(stick, start, len(image)) == image, "the partition is the image")
    foreign_readers(stick, table, 3, start, sectors)

    # Who only reads sees the stick as it is; nothing is put back by that.
    meanwhile = head(stick)
    check("/images/bird.iso" in must("list", stick).out, "list")
    found = json.loads(isopod("doctor", stick, "--json").out)
    check(any(f["check"] == "drive.partition" for f in found["findings"]), "the doctor tells it")
    os.chmod(stick, 0o444)
    if os.geteuid():
        equal(menu(stick), ["menu"], "a stick that cannot be written")
    os.chmod(stick, 0o644)
    equal(head(stick), meanwhile, "reading changes nothing")

    # The menu puts it back, and so does update.
    equal(menu(stick), ["menu"], "the next start")
    equal(head(stick), before, "the first sectors are as before")
    equal(entries(stick), was, "and so is the table")
    run("sfdisk", "-V", stick)
    must("next", stick, "/images/bird.iso")
    equal(menu(stick), ["started"], "once more")
    check(head(stick) != before, "it is named again")
    check("no longer names" in must("update", stick).out, "update says so")
    equal(head(stick), before, "update puts it back")
    check("no longer" not in must("update", stick).out, "nothing left to put back")
    # A loader that comes back.
    must("next", stick, "/images/bird.iso")
    equal(menu(stick, "back"), ["started", "menu"], "the loader comes back")
    equal(head(stick), before, "then it is put back at once")

    # A disk image: its own partitions, but for its ESP.
    must("next", stick, "/images/disk.img")
    equal(menu(stick), ["started"], "the disk image")
    now = entries(stick)
    equal((sorted(now), now[3][1]), ([2, 3], 8192), "one slice")
    equal(now[3][2], "a5" if table == "mbr" else "9d520f6b-c431-4a8e-a61d-7e5c02f39048", "and its type")
    with open("disk.img", "rb") as f:
        f.seek(10240 * 512)
        check(part_bytes(stick, now[3][0], 8192 * 512) == f.read(8192 * 512), "which is the image's")

    # Another tool changed the table meanwhile: it is never overwritten.
    run("sfdisk", "-q", "--no-reread", "--part-type", stick, "3", "83" if table == "mbr" else "0FC63DAF-8483-4772-8E79-3D69D8477DE4")
    changed = head(stick)
    if table == "mbr":
        equal(menu(stick), ["menu"], "the menu after that")
        r = isopod("update", stick)
        check(r.rc and "names an image" in r.err, "update says why not: " + r.err)
        equal(head(stick), changed, "the changed table is left alone")
    return stick


def in_pieces():
    """An image in several pieces is told, and nothing is written."""
    stick = "pieces.img"
    must("create", stick, "--size", "160M")
    with open("isopod.conf", "w") as f:
        f.write("partition = on\n")
    must("add", stick, "isopod.conf", "--to", "/")
    with open("fill.img", "wb") as f:
        f.truncate(6 * MIB)
    n = 0
    while True:
        os.rename("fill.img", "fill%d.img" % n)
        r = isopod("add", stick, "fill%d.img" % n, "--to", "/images")
        os.rename("fill%d.img" % n, "fill.img")
        if r.rc:
            break
        n += 1
    for i in range(0, n, 2):
        must("remove", stick, "/images/fill%d.img" % i)
    with open("tree/wide", "wb") as f:
        f.write(noise.randbytes(9 * MIB))
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", "WIDE", "-o", "wide.iso", "tree")
    must("add", stick, "wide.iso", "--to", "/images")
    plan = must("plan", stick + ":/images/wide.iso")
    check("several pieces" in plan.out, "plan tells of pieces: " + plan.out)
    before = head(stick)
    must("next", stick, "/images/wide.iso")
    equal(menu(stick), ["menu"], "it is not started")
    equal(head(stick), before, "and nothing is written")


def main():
    sbin()
    with workdir():
        make_data("data", 1)
        make_images()
        one("exfat", "mbr")
        one("exfat", "gpt")
        one("ntfs", "mbr")
        in_pieces()
    finish()


main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Overlays of disk images: what the kernel would write into one is put there by a writer of its own, and the virtual disk shows it,
byte for byte and as debugfs reads it; not of another disk, not full without a word, and with its snapshot."""
import gzip, json, os, shutil, struct, subprocess, zlib

from cli_common import *

CHUNK = 4096
SYSTEM = "initrd.img-6.1"
IMAGE = "/images/disk.img"


def newc(files):
    r = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input="\n".join(files).encode(), cwd="files", stdout=subprocess.PIPE, check=True)
    return r.stdout


def disk(path):
    """A Linux on ext4 in the first partition."""
    os.makedirs("top/boot/grub", exist_ok=True)
    os.makedirs("files", exist_ok=True)
    with open("files/init", "w") as f:
        f.write("#!/bin/sh\n")
    with open("top/boot/" + SYSTEM, "wb") as f:
        f.write(gzip.compress(newc(["init"])))
    with open("top/boot/vmlinuz-6.1", "wb") as f:
        f.write(b"\0" * 0x202 + b"HdrS" + struct.pack("<H", 0x20C) + bytes(0x2E) + b"\1" + bytes(4000))
    with open("top/boot/grub/grub.cfg", "w") as f:
        f.write("menuentry x {\nlinux /boot/vmlinuz-6.1 root=/dev/sda1\ninitrd /boot/%s\n}\n" % SYSTEM)
    with open("top/word", "w") as f:
        f.write("as it was\n")
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-d", "top", "volume", "20M", check=True)
    with open(path, "wb") as f:
        f.truncate(24 * MIB)
    run("sfdisk", "-q", path, input="label: dos\nstart=2048, type=83\n", check=True)
    with open("volume", "rb") as v, open(path, "r+b") as f:
        f.seek(MIB)
        f.write(v.read())


def place(stick, path):
    e = plan("%s:%s" % (stick, path))["extents"]
    check(len(e) == 1, "%s: one piece: %r" % (path, e))
    return e[0]["source"]


def at_disk(stick, at, data):
    """Bytes of the disk in the raw image, written past everybody; returns what was there."""
    with open(stick, "r+b") as f:
        f.seek(place(stick, IMAGE) + at)
        was = f.read(len(data))
        f.seek(-len(data), os.SEEK_CUR)
        f.write(data)
    return was


def keep(stick, image, changes):
    """What the kernel's snapshot makes of writes of whole chunks, {number: bytes}, to a new store."""
    start = place(stick, image + ".persist") + CHUNK
    with open(stick, "r+b") as f:
        n = 0
        for old, data in changes.items():
            area, i = divmod(n, 256)
            new = 2 + n + area
            f.seek(start + new * CHUNK)
            f.write(data)
            f.seek(start + (1 + 257 * area) * CHUNK + 16 * i)
            f.write(struct.pack("<QQ", old, new))
            n += 1


def served(arg):
    with open(exported(arg, "served"), "rb") as f:
        return f.read()


def changed_by_the_system():
    """The volume after a session, and the chunks of the disk that it wrote."""
    shutil.copyfile("volume", "later")
    with open("new", "w") as f:
        f.write("as it is now\n")
    with open("cfg", "w") as f:
        f.write("menuentry x {\nlinux /boot/vmlinuz-6.1 root=/dev/sda1 later\ninitrd /boot/initrd.img-6.2\n}\n")
    with open("files/init", "w") as f:
        f.write("#!/bin/sh\n# of the next version\n")
    with open("initrd", "wb") as f:
        f.write(gzip.compress(newc(["init"])))
    for c in ("rm word", "write new word", "rm boot/grub/grub.cfg", "write cfg boot/grub/grub.cfg", "write initrd boot/initrd.img-6.2"):
        run("debugfs", "-w", "-R", c, "later", check=True)
    was, now = open("volume", "rb").read(), open("later", "rb").read()
    first = MIB // CHUNK
    return {first + i: now[i * CHUNK:(i + 1) * CHUNK] for i in range(len(was) // CHUNK) if was[i * CHUNK:(i + 1) * CHUNK] != now[i * CHUNK:(i + 1) * CHUNK]}


def state(stick, image=IMAGE):
    return {e["image"]: e for e in json.loads(must("persist", "list", stick, "--json").out)}[image]


def created(stick):
    one_line(isopod("persist", "create", stick, IMAGE, "--kind", "live-boot"), 3, "a kind", "disk image", "--kind")
    one_line(isopod("persist", "create", stick, "/images/empty.img"), 3, "nothing in it", "no Linux")
    r = json.loads(must("persist", "create", stick, IMAGE, "--size", "64M", "--json").out)
    equal((r["kind"], r["size"], "label" in r), ("disk", 64 * MIB, False), "what was made")
    e = state(stick)
    # a chunk for the head of the file, one for the store's, 64 for its areas
    equal((e["kind"], e["free"], e["full"], "problem" in e), ("disk", 64 * MIB - 66 * CHUNK, False, False), "what is listed")
    equal(plan(stick + ":" + IMAGE)["persistence"]["kind"], "disk", "the plan says so")
    check("written to the disk" in must("list", stick).out, "'list' tells of it")


def shown(stick, image):
    """All of what the system wrote, and beyond it what the shim needs: the next version's initrd is the one that is served."""
    got, want = bytearray(served(stick + ":" + image)), bytearray(open("disk.img", "rb").read())
    want[MIB:21 * MIB] = open("later", "rb").read()
    run("debugfs", "-R", "dump /word out", "served?offset=%d" % MIB, check=True)
    with open("out") as f:
        equal(f.read(), "as it is now\n", "a file that the system changed")
    p = plan(stick + ":" + image)
    names = [i["path"] for i in p["initrds"]]
    check("boot/initrd.img-6.2" in names, "the next version's initrd is served: %r" % names)
    check(any(i["path"] == "boot/initrd.img-6.2" and "grub.cfg" in i["found_by"] for i in p["initrds"]), "found by the changed menu: %r" % p["initrds"])
    for o in p["overlays"]:  # the shim's
        got[o["offset"]:o["offset"] + o["length"]] = want[o["offset"]:o["offset"] + o["length"]] = bytes(o["length"])
    wrong = [i for i in range(0, len(want), CHUNK) if got[i:i + CHUNK] != want[i:i + CHUNK]]
    check(not wrong, "%d chunks are neither what the system wrote nor the shim's" % len(wrong))


def told_to_the_shim(stick):
    """The record names the disk as it lies in the image, and the store."""
    data = served(stick + ":" + IMAGE)
    cow = struct.pack("<IIQQII", 17, 24, place(stick, IMAGE + ".persist") + CHUNK, 64 * MIB - CHUNK, 8, 0)
    check(cow in data, "where the store lies, in the record")
    base = struct.pack("<QIIII", 24 * MIB, 512, 0, 1, 0) + struct.pack("<QQ", place(stick, IMAGE), 24 * MIB)
    check(base in data, "the disk in one piece, not as it was changed, in the record")


def another_disk(stick):
    sb = MIB + 1024 + 0x30  # s_wtime: each mount writes it
    was = at_disk(stick, sb, b"\1\2\3\4")
    p = plan(stick + ":" + IMAGE)
    check("persistence" not in p and any("before it was written to" in w for w in p["warnings"]), "a disk that was mounted elsewhere: %r" % p["warnings"])
    check("not used" in state(stick)["problem"], "and in the list")
    one_line(isopod("persist", "snapshot", stick, IMAGE), 3, "not copied either", "not used")
    at_disk(stick, sb, was)
    check("problem" not in state(stick), "as before")
    os.utime("disk.img", (1000000000, 1000000000))
    must("add", stick, "disk.img", "--replace")
    check("not used" in state(stick).get("problem", ""), "another file, though of the same beginning")


def full(stick):
    must("persist", "remove", stick, IMAGE)
    must("persist", "create", stick, IMAGE, "--size", "64M")
    start = place(stick, IMAGE + ".persist")
    with open(stick, "r+b") as f:
        f.seek(start)
        head = bytearray(f.read(512))
        struct.pack_into("<Q", head, 0x20, 1000 * CHUNK)
        struct.pack_into("<I", head, 12, 0)
        struct.pack_into("<I", head, 12, zlib.crc32(head))
        f.seek(start)
        f.write(head)
    keep(stick, IMAGE, {256 + i: bytes(CHUNK) for i in range(985)})
    check(any("is full" in w for w in plan(stick + ":" + IMAGE)["warnings"]), "a full one is named before the boot")
    check(state(stick)["full"], "and in the list")
    with open(stick, "r+b") as f:
        f.seek(start + 2 * CHUNK)
        f.write(struct.pack("<QQ", 1 << 40, 2))
    w = plan(stick + ":" + IMAGE)["warnings"]
    check(any("overlay" in x and "damaged" in x for x in w), "a damaged one is not used: %r" % w)
    must("persist", "remove", stick, IMAGE)


def main():
    with workdir():
        os.symlink(os.path.join(B, "stick"), "data")
        disk("disk.img")
        with open("empty.img", "wb") as f:
            f.truncate(4 * MIB)
        run("sfdisk", "-q", "empty.img", input="label: dos\nstart=2048, type=83\n", check=True)
        must("disk", "convert", "disk.img", "disk.vhdx")
        must("create", "s.img", "--size", "300M")
        must("add", "s.img", "disk.img", "empty.img", "disk.vhdx")
        created("s.img")
        changes = changed_by_the_system()
        keep("s.img", IMAGE, changes)
        equal(state("s.img")["free"], 64 * MIB - (66 + len(changes)) * CHUNK, "what is free")
        shown("s.img", IMAGE)
        told_to_the_shim("s.img")
        must("persist", "create", "s.img", "/images/disk.vhdx", "--size", "64M")
        keep("s.img", "/images/disk.vhdx", changes)
        shown("s.img", "/images/disk.vhdx")
        must("persist", "remove", "s.img", "/images/disk.vhdx")
        must("persist", "snapshot", "s.img", IMAGE)
        keep("s.img", IMAGE, dict(list(changes.items())[:1]) | {c: bytes(CHUNK) for c in list(changes)[1:]})
        must("persist", "rollback", "s.img", IMAGE)
        shown("s.img", IMAGE)
        another_disk("s.img")
        full("s.img")
        must("persist", "create", "s.img", IMAGE, "--size", "64M")
        with open("isopod.conf", "w") as f:
            f.write("write = on\n")
        must("add", "s.img", "isopod.conf", "--to", "/")
        p = plan("s.img:" + IMAGE)
        check(any("not followed" in w for w in p["warnings"]), "the image itself is not written to then: %r" % p["warnings"])
        told_to_the_shim("s.img")
        fsck("s.img", "after all this")
    finish()


if __name__ == "__main__":
    main()

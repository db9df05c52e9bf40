#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod disk shrink`: disks with MBR and GPT in raw files, VHD and VHDX, seen by sgdisk, sfdisk and qemu-img; what is in the way; killed at
every write."""
import json, os, random, shutil

from cli_common import *
import cli_common

SIZE = 64 * MIB
FORMS = {"img": (), "vhd": (), "vhdx": ("--block-size", "1M"), "fixed.vhd": ("--fixed",), "fixed.vhdx": ("--fixed", "--block-size", "1M")}
PARTS = ((2048, 8192), (16384, 40000))  # sectors: from, so many


def table(kind):
    """A disk with two partitions that hold something, and something behind them; what the partitions hold."""
    r = random.Random(3)
    with open("p.img", "wb") as f:
        f.truncate(SIZE)
    label = {"gpt": "label: gpt\n", "mbr": "label: dos\n", "extended": "label: dos\n"}[kind]
    lines = "%d,%d,%s\n" % (*PARTS[0], "L") + "%d,%d,%s\n" % (*PARTS[1], "E" if kind == "extended" else "L")
    if kind == "extended":
        lines += "%d,%d,L\n" % (PARTS[1][0] + 2048, 10000)
    run("sfdisk", "-q", "p.img", input=label + lines, check=True)
    with open("p.img", "r+b") as f:
        for start, n in ((PARTS[0][0] * 512, 100000), ((PARTS[0][0] + PARTS[0][1]) * 512 - 512, 512), ((PARTS[1][0] + PARTS[1][1]) * 512 - 4096, 4096),
                         (50 * MIB, 3 * MIB)):
            f.seek(start)
            f.write(r.randbytes(n))
    return held("p.img")


def held(raw):
    data = open(raw, "rb").read()
    return [data[a * 512:(a + n) * 512] for a, n in PARTS]


def as_raw(name):
    must("disk", "convert", name, "seen.img", "--format", "raw", "--replace")
    return "seen.img"


def sound(name, kind, size, want, what):
    raw = as_raw(name)
    equal(os.path.getsize(raw), size, what + ": size")
    check(held(raw) == want, what + ": the partitions")
    r = run("sgdisk", "-v", raw) if kind == "gpt" else run("sfdisk", "-V", raw)
    check(r.returncode == 0 and (kind != "gpt" or "No problems found" in r.stdout), what + ": " + r.stdout)
    check(" 0 faults" in must("disk", "check", name).out, what + ": check")


def shrinks(kind, forms=("img", "vhdx")):
    want = table(kind)
    before = run("sfdisk", "-d", "p.img").stdout
    least = (PARTS[1][0] + PARTS[1][1]) * 512 + (33 * 512 if kind == "gpt" else 0)
    for form in forms:
        options = FORMS[form]
        name, what = "d." + form, "%s in %s" % (kind, form)
        must("disk", "convert", "p.img", name, *options, "--replace")
        one_line(isopod("disk", "shrink", name, "--size", str(least - 512)), 3, what, "partition 2 ends", str(least))
        was = sha256(name)
        check(str(least) in must("disk", "shrink", name, "--size", str(least), "--dry-run").out, what + ": dry run")
        equal(sha256(name), was, what + ": nothing was changed")
        size = least if form == "img" else -(-least // MIB) * MIB
        must("disk", "shrink", name, "--size", str(size))
        sound(name, kind, size, want, what)
        if form != "img":
            r = run("qemu-img", "info", "-f", "vpc" if form.endswith("vhd") else "vhdx", "--output=json", name)
            if "vhdx" in form:
                equal(json.loads(r.stdout)["virtual-size"], size, what + ": for QEMU")
        if "fixed" in form or form == "img":
            check(os.path.getsize(name) < size + 8 * MIB, what + ": the file is shorter")
        dump = [l for l in run("sfdisk", "-d", as_raw(name)).stdout.splitlines() if "start=" in l]
        equal([l.split(":", 1)[1] for l in dump], [l.split(":", 1)[1] for l in before.splitlines() if "start=" in l], what + ": entries")
        # what comes back is empty
        must("disk", "grow", name, "--size", "60M")
        with open(as_raw(name), "rb") as f:
            f.seek(size)
            check(not any(f.read()), what + ": grown again, nothing is there")
        os.unlink(name)


def killed():
    """At every write: the disk has the old size or the new one, the partitions are there, the table is one."""
    want = table("gpt")
    size = 40 * MIB
    for form, options in FORMS.items():
        must("disk", "convert", "p.img", "k." + form, *options, "--replace")
        done = False
        for n in range(1, 200):
            shutil.copyfile("k." + form, "s." + form)
            r = isopod("disk", "shrink", "s." + form, "--size", str(size), program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)})
            if r.rc >= 0:
                done = True
                break
            raw = as_raw("s." + form)
            check(os.path.getsize(raw) in (size, SIZE) and held(raw) == want, "%s, killed at write %d: %d" % (form, n, os.path.getsize(raw)))
            table_of = run("sfdisk", "-d", raw)
            check(table_of.stdout.count("start=") == 2, "%s, killed at write %d: %s" % (form, n, table_of.stdout))
            must("disk", "shrink", "s." + form, "--size", str(size))
            sound("s." + form, "gpt", size, want, "%s, killed at write %d, once more" % (form, n))
        check(done and n > 4, "%s: %d writes" % (form, n))
        os.unlink("k." + form)


def refused():
    table("gpt")
    for what, args, words in (("larger", ("p.img", "--size", "80M"), "grow"), ("not whole sectors", ("p.img", "--size", str(40 * MIB + 100)), "multiple"),):
        one_line(isopod("disk", "shrink", *args), 3, what, words)
    must("disk", "convert", "p.img", "base.vhdx")
    must("disk", "create", "child.vhdx", "--parent", "base.vhdx")
    one_line(isopod("disk", "shrink", "base.vhdx", "--size", "40M"), 3, "a parent", "child.vhdx")
    one_line(isopod("disk", "shrink", "child.vhdx", "--size", "40M"), 3, "a child", "--flatten")
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "p.img", "q.qcow2", check=True)
    one_line(isopod("disk", "shrink", "q.qcow2", "--size", "40M"), 3, "a qcow2", "convert")
    shutil.copyfile("p.img", "bad.img")
    for at, length, words in ((512, 92, "sgdisk"), (446 + 16, 16, "hybrid"), (446, 64, "no partition table")):
        shutil.copyfile("p.img", "bad.img")
        with open("bad.img", "r+b") as f:
            f.seek(at)
            f.write(b"\0\0\0\0\x0c\0\0\0\0\x08\0\0\0\x10\0\0" if words == "hybrid" else bytes(length))
            if words == "no partition table":
                f.seek(510)
                f.write(bytes(2))
        was = sha256("bad.img")
        one_line(isopod("disk", "shrink", "bad.img", "--size", "40M"), 3, words, words)
        equal(sha256("bad.img"), was, "nothing was changed: " + words)
    run("sfdisk", "-q", "bad.img", input="label: dos\n2048,4096,42\n", check=True)
    one_line(isopod("disk", "shrink", "bad.img", "--size", "40M"), 3, "a dynamic disk", "dynamic disk")


work_in_memory()
os.environ["PATH"] += ":/usr/sbin:/sbin"
for part in (lambda: shrinks("gpt", FORMS), lambda: shrinks("mbr"), lambda: shrinks("extended"), killed, refused):
    with workdir():
        part()
cli_common.finish()

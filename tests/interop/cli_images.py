#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What list claims of an image and of its name, what add takes as an image, and what a signal leaves behind."""
import contextlib, os, shutil, socket, struct, threading

from cli_common import *
import cli_common

EPOCH = {"SOURCE_DATE_EPOCH": "1767229200"}  # 2026-01-01


def entries(stick):
    return {e["path"]: e for e in listing(stick)}


def recorded():
    """A hash in the stick's own list is what somebody wrote there."""
    noise("a.img", 300000, 1)
    must("add", "stick.img", "a.img", env=EPOCH)
    e = entries("stick.img")["/images/a.img"]
    equal((e.get("sha256_recorded"), e.get("sha256_recorded_on")), (sha256("a.img"), 1767229200), "recorded when it was copied")
    check("sha256" not in e, "no hash as a fact")
    check("sha256 %s, recorded on 2026-01-01\n" % sha256("a.img") in must("list", "stick.img").out, "recorded on")
    must("move", "stick.img", "/images/a.img", "/images/b.img")
    equal(entries("stick.img")["/images/b.img"].get("sha256_recorded_on"), 1767229200, "a move does not change when")
    r = isopod("doctor", "stick.img", "--no-machine", "--full", "--verbose", "--only", "image.copied")
    check(r.rc == 0 and "checked now" in r.out, "doctor --full: %d %r" % (r.rc, r.out + r.err))
    with mounted("stick.img", write=True) as m:
        text = open(m + "/isopod.sha256").read()
        check(" recorded 1767229200\n" in text, "the list: %r" % text)
        # the form of 0.2.0, and a hash that is not the file's
        with open(m + "/isopod.sha256", "w") as f:
            f.write(text.replace(" recorded 1767229200", "").replace(sha256("a.img"), "0" * 64))
        os.utime(m + "/isopod.sha256", (1700000000, 1700000000))
    e = entries("stick.img")["/images/b.img"]
    equal((e.get("sha256_recorded"), e.get("sha256_recorded_on")), ("0" * 64, 1700000000), "a list without dates has its own")
    r = isopod("doctor", "stick.img", "--no-machine", "--full", "--only", "image.copied")
    check(r.rc == 1 and "checked now" not in r.out, "doctor --full of a wrong hash: %d %r" % (r.rc, r.out))
    must("remove", "stick.img", "/images/b.img")


WINDOWS = ["con.iso", "NUL", "aux.x.iso", "Com0.iso", "lpt9.iso", "COM¹.iso", "lpt³.img", "prn .iso", "conout$.iso", "dot.iso.", "blank.iso "]
FINE = ["console.iso", "com.iso", "com10.iso", "nul2.iso", "a.con.iso", "lpt⁴.iso", "привет.iso", "映像.iso", ".iso", "aux-x.iso"]
ALIKE = ["dеbian.iso", "ubuntu\u200b.iso"]  # a Cyrillic ie; a zero-width space


def names():
    for n in WINDOWS + FINE + ALIKE:
        os.makedirs("names", exist_ok=True)
        noise("names/" + n, 1000, 5)
        r = must("add", "stick.img", "names/" + n, "--to", "/names")
        equal(("Windows cannot open" in r.err, "taken for another" in r.err), (n in WINDOWS, n in ALIKE), "add %r warns: %r" % (n, r.err))
    must("add", "stick.img", "names/com.iso", "--to", "/names/lpt5/x")
    want = {"/names/" + n: ["windows"] for n in WINDOWS}
    want.update({"/names/" + n: ["looks-alike"] for n in ALIKE})
    want["/names/lpt5/x/com.iso"] = ["windows"]
    got = {p: e["name_problems"] for p, e in entries("stick.img").items() if "name_problems" in e}
    listed = set(entries("stick.img"))
    equal(got, {p: w for p, w in want.items() if p in listed}, "marked by list --json")
    check(len(got) >= len(WINDOWS) - 2, "most of them are listed")
    out = must("list", "stick.img").out
    equal(out.count("Windows cannot open this name"), sum("windows" in v for v in got.values()), "marked by list")
    equal(out.count("taken for another"), len(ALIKE), "marked by list")
    r = must("move", "stick.img", "/names/com.iso", "/names/LPT1.iso")
    check("Windows cannot open" in r.err, "move warns: %r" % r.err)
    equal(must("move", "stick.img", "/names/LPT1.iso", "/names/com.iso").err, "", "and is quiet")
    fsck("stick.img", "odd names")
    must("create", "stick.img", "--yes", "--size", "96M")


def sources():
    """Only a file whose bytes are known and stay the same is an image."""
    before = listing("stick.img")
    os.mkdir("folder.iso")
    os.mkfifo("fifo.iso")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind("socket.iso")
    one_line(isopod("add", "stick.img", "folder.iso"), 3, "a folder", "folder.iso", "neither a file")
    one_line(isopod("add", "stick.img", "fifo.iso"), 3, "a FIFO", "fifo.iso", "neither a file")
    one_line(isopod("add", "stick.img", "socket.iso"), 3, "a socket", "socket.iso")
    one_line(isopod("add", "stick.img", "/dev/zero"), 3, "a device", "/dev/zero", "neither a file")
    for path in ("/proc/version", "/proc/cpuinfo"):
        r = isopod("add", "stick.img", path)
        check(r.rc == 3 and path + ": it holds more than its size of 0 bytes says" in r.err, "%s: %d %r" % (path, r.rc, r.err))
    noise("live.img", 12 * MIB, 6)
    for what, change in (("grows", lambda f: f.seek(0, 2)), ("is written to", lambda f: f.seek(11 * MIB))):
        def write():
            with open("live.img", "r+b") as f:
                change(f)
                f.write(b"new")
        t = threading.Timer(0.9, write)
        t.start()
        r = isopod("add", "stick.img", "live.img", program=FAULTS, env={"ISOPOD_TEST_SLOW": "300"})
        t.join()
        check(r.rc == 3 and "live.img: the file was written to while it was copied" in r.err, "a file that %s: %d %r" % (what, r.rc, r.err))
    equal(listing("stick.img"), before, "nothing was added")
    os.truncate("live.img", 12 * MIB)
    must("add", "stick.img", "live.img")
    must("remove", "stick.img", "/images/live.img")
    fsck("stick.img", "odd sources")


def limits():
    """A VHD of 2^23 blocks of 512 bytes breaks no rule, and is more than we read: a limit, not damage."""
    must("disk", "create", "many.vhd", "--size", "4G")
    with open("many.vhd", "r+b") as f:
        f.seek(512)
        head = bytearray(f.read(1024))
        check(head[:8] == b"cxsparse", "a dynamic VHD")
        struct.pack_into(">II", head, 28, 1 << 31, 512)
        struct.pack_into(">I", head, 36, 0)
        struct.pack_into(">I", head, 36, ~sum(head) & 0xffffffff)
        f.seek(512)
        f.write(head)
    r = must("add", "stick.img", "many.vhd")
    check("damaged" not in r.err and "number of blocks" in r.err and "over a limit" in r.err, "a limit is no damage: %r" % r.err)
    must("remove", "stick.img", "/images/many.vhd")


def count_writes(*args):
    log = os.path.abspath("log")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(log)
    shutil.copyfile("stick.img", "sig.img")
    r = isopod(*args, program=FAULTS, env={"ISOPOD_TEST_LOG": log})
    equal(r.rc, 0, "%r: %s" % (args, r.err))
    raw, at, n = open(log, "rb").read(), 0, 0
    while at < len(raw):
        off, size = struct.unpack_from("<QQ", raw, at)
        n += off != (1 << 64) - 1
        at += 16 + size
    return n


def signals():
    """At whatever write it comes: what is said to be added is there, the rest is named, and 0 means all of it."""
    files = ["s1.img", "s2.img", "s3.img"]
    for i, name in enumerate(files):
        noise(name, 200000 + i, 20 + i)
    for verify in ([], ["--verify"]):
        args = ["add", "sig.img"] + files + verify
        seen = set()
        total = count_writes(*args)
        check(total > 10, "writes: %d" % total)
        for n in range(1, total + 1):
            what = "%s, SIGINT at write %d of %d" % (" ".join(args), n, total)
            shutil.copyfile("stick.img", "sig.img")
            r = isopod(*args, program=FAULTS, env={"ISOPOD_TEST_SIGNAL": str(n)})
            there = {p[len("/images/"):]: e for p, e in entries("sig.img").items()}
            unread = [f for f in files if "/images/%s: added, but not read back to its end: interrupted" % f in r.err]
            told = [f for f in files if "/images/%s: " % f in r.out] + unread
            missing = [f for f in files if "isopod: %s: not added: interrupted" % f in r.err]
            equal(sorted(there), sorted(told), what + ": what is there is what is told")
            equal(sorted(missing + told), files, what + ": every file is told of once")
            equal(r.rc, 3 if missing or unread else 0, what + ": status: " + r.err)
            check(all(e.get("sha256_recorded") == sha256(f) for f, e in there.items()), what + ": hashes")
            seen.add((len(there), len(unread)))
        check({k for k, _ in seen} == {0, 1, 2, 3}, "the signal came at every stage: %r" % seen)
    fsck("sig.img", "signals")
    must("add", "stick.img", *files)
    args = ["remove", "sig.img"] + ["/images/" + f for f in files]
    stages = set()
    total = count_writes(*args)
    for n in range(1, total + 1):
        what = "remove, SIGINT at write %d of %d" % (n, total)
        shutil.copyfile("stick.img", "sig.img")
        r = isopod(*args, program=FAULTS, env={"ISOPOD_TEST_SIGNAL": str(n)})
        there = sorted(entries("sig.img"))
        equal([p for p in args[2:] if "isopod: %s: not removed: interrupted" % p in r.err], there, what + ": what is left is told")
        equal(r.rc, 3 if there else 0, what + ": status")
        stages.add(len(there))
    check(0 in stages and len(stages) > 1, "the signal came before and after the last removal: %r" % stages)
    fsck("sig.img", "signals")


with workdir():
    make_data("data", 1)
    must("create", "stick.img", "--size", "96M")
    recorded()
    names()
    sources()
    limits()
    signals()
cli_common.finish()

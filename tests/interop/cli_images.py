#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What list claims of an image and of its name, what add takes as an image, and what a signal leaves behind."""
import os, shutil, socket, threading

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


with workdir():
    make_data("data", 1)
    must("create", "stick.img", "--size", "96M")
    recorded()
    names()
cli_common.finish()

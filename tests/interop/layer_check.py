#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod layer` and a store that something else has changed: what is said, what still opens, what a repair mends."""
import json, os, shutil, stat, subprocess, tempfile

from cli_common import *
import cli_common


def layers(store):
    return {l["name"]: l for l in json.loads(must("layer", "list", store, "--json").out)["layers"]}


def file(store, name):
    return "%s/%s" % (store, layers(store)[name]["file"])


def write(path, seed, at, *more):
    sock = os.path.abspath("w.sock")
    p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", sock, "--write", "--once", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.readline()
    r = run("qemu-io", "-f", "raw", "-c", "write -P %d %s 64K" % (seed, at), "nbd+unix:///disk?socket=" + sock)
    check(r.returncode == 0 and p.wait(timeout=60) == 0, "write to %s: %s" % (path, r.stdout))
    p.stdout.close()
    p.stderr.close()


def store(name):
    must("layer", "create", name, "--size", "8M")
    for i, layer in enumerate(("one", "two")):
        write(must("layer", "path", name).out.strip(), i + 1, "%dM" % i)
        must("layer", "snapshot", name, layer)
    return name


def content(s, layer):
    r = isopod("layer", "export", s, "o.raw", "--layer", layer, "--format", "raw", "--replace")
    return sha256("o.raw") if r.rc == 0 else None


def changed_base():
    s = store("c")
    two = content(s, "two")
    write(file(s, "one"), 9, "5M", "--orphan-children")
    r = isopod("layer", "check", s)
    check(r.rc == 1 and "must not be written to" in r.out and "has been written to since" in r.out, "a layer that changed: " + r.out)
    check("can still be opened: base, one\n" in r.out, "what still opens: " + r.out)
    r = isopod("layer", "check", s, "--repair")
    check(r.rc == 1 and content(s, "two") is None, "content that may be another is not linked by a repair: " + r.out)
    must("disk", "rebase", file(s, "two"), "--parent", file(s, "one"), "--ignore-identity")
    r = isopod("layer", "check", s, "--repair")
    check(r.rc == 0 and "the index does so now" in r.out, "linked by hand, the index follows: %s%s" % (r.out, r.err))
    check(" 0 faults, 0 repaired" in must("layer", "check", s).out and content(s, "two") not in (None, two), "it is sound again")
    # Grown in the middle, which links the child: the index alone is behind.
    two = content(s, "two")
    one_line(isopod("disk", "grow", file(s, "one"), "--size", "16M"), 3, "growing a layer", "--orphan-children")
    must("disk", "grow", file(s, "one"), "--size", "16M", "--orphan-children")
    equal(content(s, "two"), two, "a grown layer's child reads on")
    check(isopod("layer", "check", s).rc == 1, "the index is behind")
    must("layer", "check", s, "--repair")
    check(" 0 faults" in must("layer", "check", s).out, "after the repair")
    # The child's word alone is wrong.
    other = file(s, "one") + ".other"
    shutil.copyfile(file(s, "one"), other)
    write(other, 3, "6M")
    must("disk", "rebase", file(s, "two"), "--parent", other, "--ignore-identity")
    must("disk", "rebase", file(s, "two"), "--parent", other)
    raw = open(file(s, "two"), "rb").read()
    name = os.path.basename(file(s, "one"))
    check((name + ".other").encode("utf-16-le") in raw, "it names another file")
    os.unlink(other)
    r = isopod("layer", "check", s)
    check(r.rc == 1, "a child of another parent: " + r.out)
    must("layer", "check", s, "--repair")
    equal((isopod("layer", "check", s).rc, content(s, "two")), (0, two), "a wrong identifier is mended")


def lost_current():
    for command in (("rollback",), ("check", "--repair")):
        s = store("l-" + command[0])
        two = content(s, "two")
        os.unlink(must("layer", "path", s).out.strip())
        check(isopod("layer", "check", s).rc == 1, "a lost file is a fault")
        r = must("layer", command[0], s, *command[1:])
        check("lost" in r.out + r.err, "it is said: " + r.out + r.err)
        cur = [n for n, l in layers(s).items() if l["current"]][0]
        equal((content(s, cur), isopod("layer", "check", s).rc, len(layers(s))), (two, 0, 4), "a fresh layer after " + command[0])


def hashes():
    s = store("h")
    write(file(s, "two"), 9, "5M", "--orphan-children")
    check(isopod("layer", "check", s, "--hash").rc == 1 and "sha256" not in layers(s)["two"] and "sha256" in layers(s)["one"],
          "the hash of a file that is wrong already is not kept")
    with open(file(s, "one"), "r+b") as f:
        f.seek(-5, 2)
        f.write(b"x")
    r = isopod("layer", "check", s, "--hash")
    check("since its hash was taken" in r.out, "a byte that changed: " + r.out)


def refused():
    s = store("r")
    mode = lambda n: stat.S_IMODE(os.stat(file(s, n)).st_mode) & 0o222
    one_line(isopod("layer", "flatten", s, "base"), 3, "flatten a base", "no parent")
    equal(mode("base"), 0, "a refused flatten leaves the base read-only")
    for n in ("CON", "nul", "Com1", "lpt9", "con.txt", "AUX .x", "a.", "a ", "a<b", "a|b"):
        one_line(isopod("layer", "snapshot", s, n), 3, "a name that Windows cannot have: " + n, n)
        check(isopod("layer", "create", "no", "--size", "8M", "--name", n).rc == 2 and not os.path.exists("no"), "a base of that name: " + n)
    must("layer", "snapshot", s, "COM10")
    # A kiosk: asking for the path changes nothing.
    must("layer", "lock", s, "one")
    path = must("layer", "start", s).out.strip()
    write(path, 5, "0")
    equal(must("layer", "path", s).out.strip(), path, "path names what was started")
    check(os.path.exists(path), "path deletes nothing")
    fresh = must("layer", "start", s).out.strip()
    check(fresh != path and not os.path.exists(path), "a start begins afresh")


if os.path.isdir("/dev/shm"):
    tempfile.tempdir = "/dev/shm"
with workdir():
    changed_base()
    lost_current()
    hashes()
    refused()
cli_common.finish()

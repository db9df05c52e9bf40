#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The menu goes back to a snapshot of a layer store, on exFAT and on NTFS, and power fails at each of its writes: `isopod layer` and the
checkers of the volume agree with what it left."""
import json, random

from power_common import *
import cli_common

STORE = "/vm/win"


def menu(stick, *keys, writes=-1):
    r = run(os.path.join(B, "interop/menu"), stick, "keys", str(writes), *keys)
    equal(r.returncode, 0, "the menu ends: " + r.stdout[-300:])
    return r.stdout


def copy(a, b):
    run("cp", "--sparse=always", a, b, check=True)


def layers(stick):
    t = json.loads(must("layer", "list", stick + ":" + STORE, "--json").out)
    by = {l["id"]: l for l in t["layers"]}
    return {l["name"]: by[l["parent"]]["name"] if l["parent"] else None for l in t["layers"]}


def shows(stick, layer=None):
    must("layer", "export", stick + ":" + STORE, "o.raw", "--format", "raw", "--replace", *(["--layer", layer] if layer else []))
    return sha256("o.raw")


def sound(stick, what):
    r = must("layer", "check", stick + ":" + STORE)
    check(" 0 faults" in r.out, "%s: check: %s" % (what, r.out + r.err))


def make_store(rng):
    """A larger base, "monday" and "tuesday" on it, and something written since, on the host."""
    with open("b.raw", "wb") as f:
        f.write(rng.randbytes(MIB) + bytes(7 * MIB))
    must("layer", "create", "host", "--from", "b.raw")
    for i, name in enumerate(("monday", "tuesday", None)):
        write_disk(must("layer", "path", "host").out.strip(), i * MIB, rng.randbytes(70000))
        if name:
            must("layer", "snapshot", "host", name)


def on(fs):
    stick = fs + ".img"
    must("create", stick, "--size", "120M", "--fs", fs, "--uuid-seed", "1")
    must("add", stick, *["host/" + n for n in sorted(os.listdir("host"))], "--to", STORE)
    was = {n: shows(stick, n) for n in layers(stick)}
    copy(stick, "whole.img")

    # the newest first: tuesday, monday, base
    out = menu(stick, "f9", "down", "enter", "enter")
    check("monday again" in out, fs + ": the menu says so: " + out[-300:])
    sound(stick, fs + ": back to monday")
    equal(layers(stick), {"base": None, "monday": "base", "tuesday": "monday", "layer-3": "monday"}, fs + ": the tree")
    equal(shows(stick), was["monday"], fs + ": what it shows")
    equal({n: shows(stick, n) for n in ("base", "monday", "tuesday")}, {n: was[n] for n in ("base", "monday", "tuesday")}, fs + ": snapshots")
    must("layer", "snapshot", stick + ":" + STORE, "afterwards")
    must("layer", "rollback", stick + ":" + STORE, "tuesday")
    equal(shows(stick), was["tuesday"], fs + ": and on with the command")
    sound(stick, fs + ": and on with the command")
    out = menu(stick, "f9", "end", "enter", "enter")
    check("base again" in out, fs + ": from there to the base: " + out[-300:])
    equal(shows(stick), was["base"], fs + ": the base")
    sound(stick, fs + ": the base")

    # power fails at each write; the command brings it to its end
    olds = news = 0
    for n in range(0, 100, 1 if fs == "exfat" else 5):
        copy("whole.img", "cut.img")
        out = menu("cut.img", "f9", "end", "enter", "enter", writes=n)
        if "base again" in out:
            break
        if not check("Not done" in out, "%s: write %d is lost: %s" % (fs, n, out[-300:])):
            break
        r = must("layer", "rollback", "cut.img:" + STORE, "monday") if n % 2 else must("layer", "snapshot", "cut.img:" + STORE, "next")
        check(not r.err or "interrupted" in r.err, "%s: write %d is lost: %s" % (fs, n, r.err))
        if n % 2 == 0:
            now = shows("cut.img", "next")
            check(now in (was["base"], was["layer-3"]), "%s: write %d is lost: neither the old state nor the new" % (fs, n))
            olds += now == was["layer-3"]
            news += now == was["base"]
        sound("cut.img", "%s: write %d is lost" % (fs, n))
    check(olds and news, "%s: %d times the old state, %d times the new" % (fs, olds, news))
    if fs == "exfat":
        start, length, _ = partitions("cut.img")[1][0]
        r = run("fsck.exfat", "-n", cut_out("cut.img", start, length, "part.exfat"))
        equal(r.returncode, 0, "fsck.exfat: " + r.stdout)


def refused():
    """What the command has begun, or has locked, the menu leaves alone, and says so."""
    copy("whole.img", "r.img")
    must("layer", "lock", "r.img:" + STORE, "tuesday")
    start, length, _ = partitions("r.img")[1][0]
    before = sha256(cut_out("r.img", start, length, "before"))
    check("is locked" in menu("r.img", "f9", "esc"), "a locked store")
    equal(sha256(cut_out("r.img", start, length, "after")), before, "nothing is written to it")


def content_of(stick, path):
    """The checksum of a file on exFAT, or None."""
    start, length, _ = partitions(stick)[1][0]
    for l in run(os.path.join(B, "interop/exfat"), "tree", cut_out(stick, start, length, "part.exfat")).stdout.splitlines():
        f = l.split(" ", 6)
        if f[0] == "f" and f[6] == path:
            return f[5]
    return None


def persistence():
    """Of a persistence file, too: as the command does it, in one step."""
    file, kept = "/images/x.iso.persist", "/images/x.iso.persist-snapshot"
    must("create", "p.img", "--size", "150M", "--uuid-seed", "1")
    noise("x.iso", MIB, 1)
    run("mke2fs", "-Fqt", "ext4", "-L", "persistence", "x.iso.persist", "20M", check=True)
    must("add", "p.img", "x.iso", "x.iso.persist")
    check("has no" in menu("p.img", "f9", "esc"), "there is no snapshot yet")
    must("persist", "snapshot", "p.img", "/images/x.iso")
    check("with a snapshot" in must("persist", "list", "p.img").out, "the command knows it")
    then = content_of("p.img", file)
    at = json.loads(isopod("plan", "p.img:" + file, "--json").out)["extents"][0]["source"]
    with open("p.img", "r+b") as f:
        f.seek(at + 19 * MIB)
        f.write(b"since then")
    now = content_of("p.img", file)
    check(now != then, "something is written since")
    befores = afters = 0
    for n in range(100):
        copy("p.img", "cut.img")
        out = menu("cut.img", "f9", "enter", "enter", writes=n)
        done = "as it was at the snapshot" in out
        state = content_of("cut.img", file), content_of("cut.img", kept)
        check(state in ((now, then), (None, then), (then, None)), "write %d is lost: %r" % (n, state))
        befores += state == (now, then)
        afters += state == (then, None)
        if done:
            break
        if state[1]:  # once more, and it is done
            check("as it was at the snapshot" in menu("cut.img", "f9", "enter", "enter"), "write %d was lost, and once more" % n)
        equal((content_of("cut.img", file), content_of("cut.img", kept)), (then, None), "write %d was lost, and once more" % n)
    check(done and befores and afters, "%d times the old state, %d times the new" % (befores, afters))
    start, length, _ = partitions("cut.img")[1][0]
    equal(run("fsck.exfat", "-n", cut_out("cut.img", start, length, "part.exfat")).returncode, 0, "fsck.exfat")
    check("with a snapshot" not in must("persist", "list", "cut.img").out, "the command agrees")
    # on NTFS the menu says who does it
    must("create", "n.img", "--size", "150M", "--fs", "ntfs", "--uuid-seed", "1")
    must("add", "n.img", "x.iso", "x.iso.persist")
    must("persist", "snapshot", "n.img", "/images/x.iso")
    check("isopod persist rollback" in menu("n.img", "f9", "enter", "enter").replace("\n", " "), "NTFS")
    must("persist", "rollback", "n.img", "/images/x.iso")


def main():
    with cli_common.workdir():
        make_data("data", 1)
        make_store(random.Random(9))
        for fs in ("ntfs", "exfat"):
            on(fs)
        refused()
        persistence()
    finish()


if __name__ == "__main__":
    main()

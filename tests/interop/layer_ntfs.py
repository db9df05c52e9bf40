#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A layer store on an NTFS stick that nobody has mounted: every operation, with ntfsfix, ntfsinfo and ntfsresize over the volume, qemu-img
over the base through ntfs-3g (a child it does not read), and changes made through ntfs-3g in between; layers that get longer in place, also into pieces, and where
the volume has clusters that were never written. Power lost at every write: the store is as before or as after, its volume in order."""
import json, os, re, shutil, subprocess

from power_common import *
import cli_common

STORE = "/vm/win"
LONG = os.environ.get("LONG") == "1"
states = 0


def store(stick):
    return stick + ":" + STORE


def volume(stick, out="part.ntfs"):
    start, length, _ = partitions(stick)[1][0]
    return cut_out(stick, start, length, out)


def in_order(stick, what):
    part = volume(stick)
    r = run("ntfsfix", "-n", part)
    check(r.returncode == 0 and "OK" in r.stdout and "ERROR" not in r.stdout, "%s: ntfsfix: %s" % (what, r.stdout))
    r = run("ntfsinfo", "-m", part)
    check(r.returncode == 0, "%s: ntfsinfo: %s" % (what, r.stdout))


def bits(stick, what):
    """No cluster has two owners, and all that files have is taken."""
    in_order(stick, what)
    r = run("ntfsresize", "-n", "-f", "-s", str(os.path.getsize("part.ntfs") // 1000 * 1000), "part.ntfs")
    check("Cluster accounting failed" not in r.stdout and "corrupt" not in r.stdout.lower(), "%s: ntfsresize: %s" % (what, r.stdout[-400:]))


class Mounted:
    """The volume through ntfs-3g; what was changed is on the stick afterwards."""

    def __init__(self, stick):
        self.stick = stick

    def __enter__(self):
        os.makedirs("m", exist_ok=True)
        run("ntfs-3g", volume(self.stick, "mounted.ntfs"), "m", check=True)
        return "m"

    def __exit__(self, *exc):
        run("umount", "m", check=True)
        start, _, _ = partitions(self.stick)[1][0]
        run("dd", "if=mounted.ntfs", "of=" + self.stick, "bs=1M", "oflag=seek_bytes", "seek=%d" % start, "conv=notrunc,sparse",
            "status=none", check=True)


def digest(where, layer=None):
    must("layer", "export", where, "o.raw", "--format", "raw", "--replace", *(["--layer", layer] if layer else []))
    return sha256("o.raw")


def look(where):
    """The tree by names, and what each layer holds."""
    r = isopod("layer", "list", where, "--json")
    if r.rc != 0:
        return r.err
    t = json.loads(r.out)
    by = {l["id"]: l for l in t["layers"]}
    return {l["name"]: (by[l["parent"]]["name"] if l["parent"] else None, l["current"], digest(where, l["name"])) for l in t["layers"]}


def sound(stick, what):
    r = must("layer", "check", store(stick), "--hash")
    check(" 0 faults" in r.out and "written" not in r.out, "%s: check: %s" % (what, r.out))
    bits(stick, what)


def attributes(stick):
    """Read-only, as ntfsinfo says: all but the current layer."""
    for l in json.loads(must("layer", "list", store(stick), "--json").out)["layers"]:
        r = run("ntfsinfo", "-F", STORE + "/" + l["file"], volume(stick))
        flags = re.search(r"File attributes:\s+(.*)", r.stdout).group(1)
        equal("READONLY" in flags or "READ_ONLY" in flags, not l["current"], "attributes of %s: %s" % (l["file"], flags))


def everyday(rng):
    s = store("s.img")
    must("create", "s.img", "--size", "200M", "--fs", "ntfs", "--uuid-seed", "1")
    noise("b.raw", 5 * MIB, 3)
    must("layer", "create", s, "--from", "b.raw")
    must("layer", "snapshot", s, "好 good")
    must("layer", "snapshot", s)
    must("layer", "rollback", s, "好 good")
    must("layer", "rename", s, "好 good", "better")
    attributes("s.img")
    sound("s.img", "snapshot, rollback, rename")
    with Mounted("s.img") as m:
        path = must("layer", "path", m + STORE).out.strip()
        write_disk(path, 2 * MIB, rng.randbytes(65536))
        must("layer", "snapshot", m + STORE, "written outside")
        must("layer", "snapshot", m + STORE, "on top")
        must("layer", "export", m + STORE, "w.raw", "--format", "raw")
        files = {l["name"]: l["file"] for l in json.loads(must("layer", "list", m + STORE, "--json").out)["layers"]}
        r = run("qemu-img", "convert", "-O", "raw", m + STORE + "/" + files["base"], "q.raw")
        check(r.returncode == 0 and sha256("q.raw") == sha256("b.raw"), "qemu-img reads the base: " + r.stdout)
    equal(digest(s), sha256("w.raw"), "what was written while mounted")
    must("layer", "rebase", s, "on top", "better")  # its file gets longer
    must("layer", "delete", s, "written outside")
    equal(digest(s), sha256("w.raw"), "rebased")
    sound("s.img", "rebase, delete")
    must("layer", "flatten", s)
    equal(digest(s), sha256("w.raw"), "flattened")
    must("layer", "lock", s)
    first = must("layer", "start", s).out
    check(first.startswith("s.img:" + STORE + "/") and must("layer", "start", s).out == first, "a kiosk: " + first)
    must("layer", "lock", s, "--off")
    must("remove", "s.img", STORE + "/isopod-layers.idx")
    one_line(isopod("layer", "list", s), 3, "no index", "isopod-layers.idx")
    must("layer", "check", s, "--repair")
    equal(digest(s), sha256("w.raw"), "the index is made anew")
    sound("s.img", "repair")
    attributes("s.img")
    one_line(isopod("layer", "create", "s.img:/big", "--from", noise("big.raw", 190 * MIB)), 3, "no space", "space")
    os.unlink("big.raw")
    sound("s.img", "no space")
    r = must("list", "s.img", "--json")
    marked = {i["path"]: i["layer"] for i in json.loads(r.out) if i["path"].startswith(STORE)}
    text = must("list", "s.img").out
    check("stands for all of them" in text and ("not in the menu" in text) == (len(marked) > 1), "list as text: " + text)
    for l in json.loads(must("layer", "list", s, "--json").out)["layers"]:
        r = isopod("plan", s + "/" + l["file"])
        equal("not the current layer" in r.err, not l["current"], "plan of %s: %s" % (l["file"], r.err))
        equal(marked[STORE + "/" + l["file"]], {"name": l["name"], "current": l["current"], "in_menu": l["current"]}, "list: " + l["file"])


def chain(rng):
    """base, one, two and what is current, on the host."""
    with open("c.raw", "wb") as f:
        f.write(rng.randbytes(3 * MIB) + bytes(17 * MIB))
    must("layer", "create", "host", "--from", "c.raw")
    for i, name in enumerate(("one", "two", None)):
        path = must("layer", "path", "host").out.strip()
        write_disk(path, (4 + 5 * i) * MIB + 512, rng.randbytes(3 * MIB))
        write_disk(path, MIB, rng.randbytes(4096))
        if name:
            must("layer", "snapshot", "host", name)
    return sorted(os.listdir("host"))  # the base comes first


def pieces(stick):
    for e in listing(stick):
        if "/base." in e["path"]:
            return e["extents"], e["size"]


def longer(rng):
    """Layers below get longer where they are, into pieces, because something lies behind them."""
    files = chain(rng)
    want = digest("host")
    must("create", "more.img", "--size", "160M", "--fs", "ntfs", "--uuid-seed", "1")
    must("add", "more.img", *[os.path.join("host", n) for n in files], "--to", STORE)
    shutil.copyfile("more.img", "before.img")
    before = pieces("more.img")
    for name in ("one", "two", None):
        must("layer", "commit", store("more.img"), *([name] if name else []))
        now = pieces("more.img")
        # the second piece gets longer in place
        check(now[1] > before[1] and now[0] == 2, "commit: %r, %r" % (before, now))
        equal(digest(store("more.img")), want, "commit: the same disk")
        before = now
    sound("more.img", "commit")
    # a hole behind what was written, as others leave it: it reads as zeros, and is written to
    shutil.copyfile("before.img", "tail.img")
    with Mounted("tail.img") as m:
        base = m + STORE + "/" + [n for n in os.listdir(m + STORE) if n.startswith("base.")][0]
        os.truncate(base, os.path.getsize(base) + 2 * MIB)
    must("layer", "commit", store("tail.img"), "one")
    equal(digest(store("tail.img")), want, "a file that others made longer: the same disk")
    bits("tail.img", "a file that others made longer")


def power(name, stick, args, rng, most):
    global states
    writes = record_store(stick, STORE, *args)
    old, new = look(store(stick)), look(store("rec.img"))
    check(old != new, "%s changes something" % name)
    seen = set()
    real = len([w for w in writes if w])

    def wanted(n, w):
        return LONG or n >= real - 4 or rng.random() < most / real

    for what, state in each_state(stick, writes, rng, wanted):
        states += 1
        what = "%s, %s" % (name, what)
        now = look(store(state))
        under_way = any(l.get("interrupted") for l in json.loads(must("layer", "list", store(state), "--json").out)["layers"])
        if not under_way:
            check(now in (old, new), "%s: neither as before nor as after: %r" % (what, now))
        seen.add("under way" if under_way else "new" if now == new else "old")
        shutil.copyfile(state, "then.img")
        if "commit interrupted" in must("layer", "list", store("then.img")).out:
            how = rng.choice(["--resume", "--undo"])
            r = isopod("layer", "commit", store("then.img"), how)
            check(r.rc == 0 and look(store("then.img")) == (new if how == "--resume" else old), "%s, %s: %d %s" % (what, how, r.rc, r.err))
        r = isopod("layer", "check", store("then.img"), "--repair")
        check(r.rc == 0, "%s: repair: %s%s" % (what, r.out, r.err))
        after = look(store("then.img"))
        check(after in (old, new), "%s, repaired: neither as before nor as after: %r" % (what, after))
        r = isopod("layer", "snapshot", store("then.img"), "next step")
        check(r.rc == 0, "%s: the next snapshot: %s" % (what, r.err))
        bits("then.img", what + ", then")
    check("new" in seen and len(seen) > 1, "%s: states that were seen: %r" % (name, seen))


work_in_memory(children=True)
os.environ["LC_ALL"] = "C.UTF-8"
with workdir():
    rng = random.Random(11)
    make_data("data", 1)
    everyday(rng)
    longer(rng)
    for name in os.listdir("."):  # states are whole sticks
        if name.endswith((".img", ".raw", ".ntfs")) and name != "before.img":
            os.unlink(name)
    must("create", "p.img", "--size", "110M", "--fs", "ntfs", "--uuid-seed", "1")
    must("layer", "create", store("p.img"), "--from", noise("small.raw", 3 * MIB, 1))
    power("snapshot", "p.img", ["snapshot", "good"], rng, 2)
    must("layer", "snapshot", store("p.img"), "good")
    power("rollback", "p.img", ["rollback", "base", "--discard"], rng, 2)
    power("commit", "before.img", ["commit", "two"], rng, 2)
    print("%d states" % states)
cli_common.finish()

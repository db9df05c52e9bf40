#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod disk` and images that others are based on: who they are is known before the parent changes."""
import json, os, random, shutil, struct, subprocess, time

from power_common import *
from power_folder import LONG, folder_states
import cli_common


def child(parent, path):
    must("disk", "create", path, "--parent", parent)
    return path


def write(path, seed, at="1M", size="64K", *more):
    """Through the server, as a virtual machine does it."""
    sock = os.path.abspath("w.sock")
    p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", sock, "--write", "--once", *more], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, encoding="utf-8", env=dict(os.environ, LC_ALL="C.UTF-8"))
    p.stdout.readline()
    r = run("qemu-io", "-f", "raw", "-c", "write -P %d %s %s" % (seed, at, size), "nbd+unix:///disk?socket=" + sock)
    err = p.communicate(timeout=60)[1]
    return check(r.returncode == 0 and p.returncode == 0, "write to %s: %s%s" % (path, r.stdout, err))


def digest(path):
    r = isopod("disk", "convert", path, "digest.raw", "--replace")
    return sha256("digest.raw") if r.rc == 0 else r.err


def refused(what, *args, words=("--orphan-children",)):
    one_line(isopod(*args, timeout=20), 3, what, *words)


def writing(form):
    """A parent is not written to while others read through it; images that only look like children do not count."""
    a, b, c, other = ["%s.%s" % (n, form) for n in ("a", "b", "c", "other")]
    must("disk", "create", a, "--size", "8M")
    write(a, 1)
    shutil.copyfile(a, other)
    child(a, b)
    child(b, c)
    write(c, 3, "3M")
    before = {x: sha256(x) for x in (a, b, c)}
    refused("a parent", "disk", "serve", a, "--nbd", "s", "--write", words=(b, "--orphan-children"))
    refused("a parent in the middle", "disk", "serve", b, "--nbd", "s", "--write", words=(c, "--orphan-children"))
    for name in ("today", "c.bak", "C.VHDX2"):
        os.rename(c, name)
        refused("a child called " + name, "disk", "serve", b, "--nbd", "s", "--write", words=(name, "--orphan-children"))
        os.rename(name, c)
    os.makedirs("sub", exist_ok=True)
    os.makedirs("away/deep", exist_ok=True)
    child(a, "away/deep/x." + form)
    os.rename(b, "away/deep/b")
    os.rename("away/deep/x." + form, "away/deep/" + b)  # its path leads to its parent from where it lies, not from here
    os.symlink("away/deep/" + b, b)
    refused("a parent of what is reached through a link", "disk", "serve", a, "--nbd", "s", "--write", words=(b, "--orphan-children"))
    os.unlink(b)
    os.rename("away/deep/b", b)
    shutil.rmtree("away")
    os.symlink("../" + a, "sub/link")
    refused("a parent by another name", "disk", "serve", "sub/link", "--nbd", "s", "--write", words=(b, "--orphan-children"))
    check({x: sha256(x) for x in (a, b, c)} == before, "nothing has changed")
    refused("a copy over a parent", "disk", "convert", other, a, "--replace", words=(b, "is not replaced"))
    write(other, 4)  # nobody names it
    write(b, 2, "2M", "64K", "--orphan-children")
    if form == "vhdx":
        write(b, 2, "2M")  # whoever was lost already is not asked for again
    for x in (a, b, c, other, "sub/link"):
        os.unlink(x)


def others_children():
    """qcow2 and QED images of other programs name what they stand on, a raw image too."""
    os.mkdir("q")
    run("truncate", "-s", "8M", "q/t.raw", check=True)
    must("disk", "create", "q/v.vhdx", "--size", "8M")
    must("disk", "create", "q/w.vhdx", "--size", "8M")
    for name, kind, on, on_kind in (("over.qcow2", "qcow2", "t.raw", "raw"), ("over", "qcow2", "v.vhdx", "vhdx"), ("o.qed", "qed", "over.qcow2", "qcow2")):
        run("qemu-img", "create", "-q", "-f", kind, "-b", on, "-F", on_kind, "q/" + name, check=True)
    for to, name in (("t.raw", "over.qcow2"), ("v.vhdx", "over"), ("over.qcow2", "o.qed")):
        refused("over the backing file of " + name, "disk", "convert", "q/w.vhdx", "q/" + to, "--replace", words=(name, "is not replaced"))
    for to, name in (("t.raw", "over.qcow2"), ("v.vhdx", "over")):
        refused("the backing file of " + name, "disk", "serve", "q/" + to, "--nbd", "s", "--write", words=(name, "--orphan-children"))
    must("disk", "create", "q/c.vhdx", "--parent", "q/w.vhdx")
    os.rename("q/over", "q/over.x")
    run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "c.vhdx", "-F", "vhdx", "q/over.x", check=True)
    refused("a merge that takes away a backing file", "disk", "merge", "q/c.vhdx", words=("over.x", "--orphan-children"))
    os.unlink("q/over.x")
    must("disk", "merge", "q/c.vhdx")


def inner_layers():
    """By their place in the index; root may write to any file."""
    must("layer", "create", "st", "--size", "8M")
    current = must("layer", "path", "st").out.strip()
    write(current, 1)
    must("layer", "snapshot", "st", "one")
    must("layer", "snapshot", "st", "two")
    for f in os.listdir("st"):
        os.chmod("st/" + f, 0o644)
    layers = {l["name"]: "st/" + l["file"] for l in json.loads(must("layer", "list", "st", "--json").out)["layers"]}
    for name in ("base", "one", "two"):
        if name != "base":
            for args in (("--onto", layers["base"]), ("--flatten",)):
                one_line(isopod("disk", "rebase", layers[name], *args), 3, "rebase of layer %s" % name, "is a layer of the store", "isopod layer rebase")
        refused("layer " + name, "disk", "serve", layers[name], "--nbd", "s", "--write", words=("is a layer of the store", "--orphan-children"))
    write(must("layer", "path", "st").out.strip(), 2)
    must("layer", "rollback", "st", "one")
    left = [l["file"] for l in json.loads(must("layer", "list", "st", "--json").out)["layers"] if l["name"].startswith("layer-") and not l["current"]]
    refused("a layer that a rollback left", "disk", "serve", "st/" + left[0], "--nbd", "s", "--write", words=("not the current one",))
    was = {f: sha256("st/" + f) for f in sorted(os.listdir("st"))}
    for f in (layers["one"], layers["base"], must("layer", "path", "st").out.strip()):
        refused("an export over a layer", "layer", "export", "st", f, "--replace", words=("is a layer of the store", "not replaced"))
        refused("a copy over a layer", "disk", "convert", layers["base"], f, "--replace", words=("is a layer of the store", "not replaced"))
    equal({f: sha256("st/" + f) for f in sorted(os.listdir("st"))}, was, "nothing was replaced")
    must("layer", "check", "st")
    shutil.rmtree("st")


def chain_of_five(form):
    """a <- b <- c <- d <- e, each with something of its own and something that hides a part of the one below."""
    shutil.rmtree("chain", ignore_errors=True)
    os.mkdir("chain")
    names = ["chain/%s.%s" % (n, form) for n in "abcde"]
    must("disk", "create", names[0], "--size", "4M", "--block-size", "1M")
    for i, n in enumerate(names):
        if i:
            child(names[i - 1], n)
        write(n, i + 1, "%dK" % (i * 700), "900K")
    return names


def contents(names):
    return {n: digest(n) for n in names}


def some(names, rng):
    """The top, which reads through all, and one of the others."""
    return names if LONG else [names[-1], rng.choice(names[:-1])]


def state_digest(name):
    return digest(os.path.join("state", os.path.basename(name)))


def after_power_cuts(what, args, finish, before, after, rng, names):
    """Every state reads as before or as after, whoever is asked; the same command, again, completes it. `names`: who must be readable
    all the while; `before`, `after`: digests by name."""
    shutil.rmtree("was", ignore_errors=True)
    run("cp", "-a", "chain", "was", check=True)
    if args[2].endswith(".vhd") and not LONG:  # the same steps as with VHDX
        return must(*args)
    if os.path.exists("log"):
        os.unlink("log")
    r = isopod(*args, program=FAULTS, env={"ISOPOD_TEST_STORE": os.path.abspath("log")})
    check(r.rc == 0, "%s: %s" % (what, r.err))
    events = parse("log")
    check(sum(e[0] == "F" for e in events) > 3, "%s flushes" % what)
    for state in folder_states("was", events, rng):
        for n in some(names, rng):
            d = state_digest(n)
            check(d in (before[n], after[n]), "%s, %s: %s reads neither as before nor as after: %s" % (what, state, n, d[:200]))
        r = isopod(*[a.replace("chain/", "state/") for a in args])
        check(r.rc == 0, "%s, %s: again: %s" % (what, state, r.err))
        for n in some(finish, rng):
            check(state_digest(n) == after[n], "%s, %s, finished: %s: %s" % (what, state, n, state_digest(n)[:200]))


def killed_at_every_write(what, args, before, after, names, finish, rng):
    """The process, not the power: all that was written is there."""
    if args[2].endswith(".vhd") and not LONG:
        return
    n = 0
    while True:
        n += 1
        shutil.rmtree("chain")
        run("cp", "-a", "was", "chain", check=True)
        r = isopod(*args, program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)})
        if r.rc >= 0:
            break
        for x in some(names, rng):
            d = digest(x)
            check(d in (before[x], after[x]), "%s, killed at write %d: %s reads neither as before nor as after: %s" % (what, n, x, d[:200]))
        must(*args)
        for x in some(finish, rng):
            check(digest(x) == after[x], "%s, killed at write %d, finished: %s" % (what, n, x))
    return check(r.rc == 0 and n > 5, "%s: %d writes, status %d" % (what, n, r.rc))


def merge_in_the_middle(form, rng):
    """c into b: d and e read on, and stand on b."""
    names = chain_of_five(form)
    a, b, c, d, e = names
    extra = child(c, "chain/f." + form)  # a second one on c
    write(extra, 9, "3M")
    before = contents(names + [extra])
    after = dict(before)
    after[b] = before[c]
    stay = [a, d, extra, e]
    after_power_cuts("merge in the middle, " + form, ["disk", "merge", c], [a, b, d, extra, e], before, after, rng, stay)
    check(not os.path.exists(c), "the merged image is gone")
    equal(contents([a, b, d, e, extra]), {n: after[n] for n in (a, b, d, e, extra)}, "merge in the middle, " + form)
    equal(json.loads(must("disk", "info", e, "--json").out)["depth"], 4, "the chain is shorter")
    killed_at_every_write("merge in the middle, " + form, ["disk", "merge", c], before, after, stay, [a, b, d, extra, e], rng)
    # A sibling would see the change.
    names = chain_of_five(form)
    sibling = child(b, "chain/s." + form)
    before = contents(names + [sibling])
    refused("a merge with a sibling", "disk", "merge", c, words=("s." + form, "--orphan-children"))
    equal(contents(names + [sibling]), before, "a refused merge changes nothing")
    must("disk", "merge", c, "--orphan-children")
    equal(digest(e), before[e], "the children of the merged one are kept all the same")
    if form == "vhdx":
        one_line(isopod("disk", "info", sibling), 3, "an orphan", "is not the file it was made from")


def grow_in_the_middle(form, rng):
    names = chain_of_five(form)
    before = contents(names)
    after = dict(before)
    must("disk", "convert", names[1], "b.raw", "--replace")
    os.truncate("b.raw", 9 * MIB)
    after[names[1]] = sha256("b.raw")
    args = ["disk", "grow", names[1], "--size", "9M"]
    after_power_cuts("grow in the middle, " + form, args, names, before, after, rng, names)
    equal(contents(names), after, "grow in the middle, " + form)
    killed_at_every_write("grow in the middle, " + form, args, before, after, names, names, rng)
    must("disk", "grow", names[1], "--size", "9M")


def rebase_in_the_middle(form, rng):
    """d, on which e stands, onto a."""
    names = chain_of_five(form)
    before = contents(names)
    args = ["disk", "rebase", names[3], "--onto", names[0]]
    after_power_cuts("rebase in the middle, " + form, args, names, before, before, rng, names)
    killed_at_every_write("rebase in the middle, " + form, args, before, before, names, names, rng)
    equal(contents(names), before, "rebase in the middle, " + form)


def ignore_identity():
    a, b, c = chain_of_five("vhdx")[:3]
    write(a, 77, "3M", "64K", "--orphan-children")
    one_line(isopod("disk", "info", b), 3, "an orphan", "is not the file it was made from", "--ignore-identity")
    one_line(isopod("disk", "rebase", b, "--parent", a), 3, "linked by hand, but not by force", "is not the file")
    must("disk", "rebase", b, "--parent", a, "--ignore-identity")
    must("disk", "convert", c, "c.raw", "--replace")
    check(open("c.raw", "rb").read()[3 * MIB:3 * MIB + 10] == bytes([77]) * 10, "what the parent shows now is read through")
    must("disk", "create", "alone.vhdx", "--size", "4M")
    one_line(isopod("disk", "rebase", "alone.vhdx", "--parent", c, "--ignore-identity"), 3, "a base", "cannot give it this parent")
    one_line(isopod("disk", "rebase", b, "--parent", c, "--ignore-identity"), 3, "a loop", "is based on")
    one_line(isopod("disk", "rebase", b, "--onto", c, "--ignore-identity"), 2, "with --onto", "goes with --parent")


def touch(path, ago):
    t = time.time() - ago
    os.utime(path, (t, t))


def times():
    """A VHD keeps its identifier when it is written to; the time of its file is in its children."""
    must("disk", "create", "a.vhd", "--size", "8M")
    write("a.vhd", 1)
    touch("a.vhd", 7200)
    child("a.vhd", "b.vhd")
    stamp = struct.unpack(">I", open("b.vhd", "rb").read()[512 + 56:512 + 60])[0]
    equal(stamp + 946684800, int(os.stat("a.vhd").st_mtime), "Parent Time Stamp is the time of the parent's file, in UTC since 2000")
    r = must("disk", "info", "b.vhd", "--json")
    equal((r.err, json.loads(r.out)["chain"][0]["parent_time_differs"]), ("", False), "a parent that was not touched")
    write("a.vhd", 2, "2M", "64K", "--orphan-children")
    for args in (("info", "b.vhd"), ("check", "b.vhd"), ("convert", "b.vhd", "out.raw"), ("map", "b.vhd")):
        one_line(isopod("disk", *args), 0, "a parent that was written to: %s" % args[0], "a.vhd has another time", "written to")
    equal(json.loads(must("disk", "info", "b.vhd", "--json").out)["chain"][0]["parent_time_differs"], True, "it is in the report")
    must("disk", "rebase", "b.vhd", "--parent", "a.vhd")
    equal(must("disk", "info", "b.vhd").err, "", "the time was noted anew")
    # A writer that puts the footer's time there.
    with open("b.vhd", "r+b") as f:
        head = bytearray(f.read())
        at = struct.unpack(">Q", head[16:24])[0]
        head[at + 56:at + 60] = open("a.vhd", "rb").read()[24:28]
        head[at + 36:at + 40] = bytes(4)
        head[at + 36:at + 40] = struct.pack(">I", ~sum(head[at:at + 1024]) & 0xffffffff)
        f.seek(0)
        f.write(head)
    touch("a.vhd", 7200)
    equal(must("disk", "info", "b.vhd").err, "", "a parent older than its child, whatever the child holds")
    touch("a.vhd", -100)
    one_line(isopod("disk", "info", "b.vhd"), 0, "a parent newer than its child", "has another time")
    for x in ("a.vhd", "b.vhd", "out.raw"):
        os.unlink(x)


def without_the_parent():
    names = chain_of_five("vhdx")
    os.unlink(names[2])
    r = isopod("disk", "info", names[4])
    check("e.vhdx: vhdx" in r.out and "d.vhdx: vhdx" in r.out, "what can be said without the parent: " + r.out)
    one_line(r, 3, "a chain with a gap", "parent is missing")
    r = isopod("disk", "info", names[4], "--json")
    i = json.loads(r.out)
    equal((r.rc, i["complete"], i["depth"], [os.path.basename(m["path"]) for m in i["chain"]]), (1, False, 2, ["e.vhdx", "d.vhdx"]), "as JSON")
    check("parent is missing" in i["problem"], "why: " + i["problem"])
    one_line(isopod("disk", "map", names[4]), 3, "the map needs all of it", "parent is missing")


def damaged_tables():
    """Entries of the BAT that overlap, that lead into the log, of unknown state."""
    must("disk", "create", "t.vhdx", "--size", "8M", "--block-size", "1M")
    for i in range(4):
        write("t.vhdx", i + 1, "%dM" % i, "1M")
    raw = open("t.vhdx", "rb").read()
    regions = raw[196608:196608 + 16 + 64]
    bat = next(struct.unpack("<Q", regions[16 + 32 * i + 16:16 + 32 * i + 24])[0] for i in range(2)
               if regions[16 + 32 * i:16 + 32 * i + 4] == bytes.fromhex("6677c22d"))
    entries = struct.unpack("<4Q", raw[bat:bat + 32])
    log = struct.unpack("<Q", raw[65536 + 72:65536 + 80])[0]

    def with_entry(n, e, name):
        with open(name, "wb") as f:
            f.write(raw[:bat + 8 * n] + struct.pack("<Q", e) + raw[bat + 8 * n + 8:])
        return name
    for e, what in ((entries[0], "overlapping entries"), (log | 6, "an entry that leads into the log")):
        one_line(isopod("disk", "convert", with_entry(1, e, "bad.vhdx"), "no.raw"), 3, what, "bad.vhdx", "overlap")
        check(not os.path.exists("no.raw"), what + ": nothing is left")
    # The last block of the file, in a state of the future.
    last = max(range(4), key=lambda i: entries[i])
    with_entry(last, entries[last] & ~7 | 4, "future.vhdx")
    at = entries[last] & ~(MIB - 1)
    isopod("disk", "compact", "future.vhdx")
    check(open("future.vhdx", "rb").read()[at:at + MIB] == raw[at:at + MIB], "compact cuts no block whose state it does not know")
    for args in (("create", "s.vhd", "--size", "8M"), ("create", "s.raw", "--size", "8M"), ("create", "s.vhdx", "--parent", "t.vhdx"), ("convert", "t.vhdx", "s.vhd"),
                 ("convert", "t.vhdx", "s.raw"), ("convert", "t.vhdx", "s.qcow2")):
        one_line(isopod("disk", *args, "--sector-size", "4096"), 2, "--sector-size without effect: %r" % (args,), "--sector-size")


def deep():
    """256 images can be opened, so no more are made."""
    must("disk", "create", "0.vhdx", "--size", "4M")
    for i in range(1, 256):
        child("%d.vhdx" % (i - 1), "%d.vhdx" % i)
    one_line(isopod("disk", "create", "256.vhdx", "--parent", "255.vhdx"), 3, "one too many", "255.vhdx", "256 images deep")
    check(not os.path.exists("256.vhdx"), "it is not made")
    for i in range(256):
        os.unlink("%d.vhdx" % i)


work_in_memory()  # thousands of flushes, which are recorded anyway
with workdir():
    for form in ("vhdx", "vhd"):
        writing(form)
    others_children()
    inner_layers()
    ignore_identity()
    times()
    without_the_parent()
    damaged_tables()
    deep()
    rng = random.Random(7)
    for form in ("vhdx", "vhd"):
        merge_in_the_middle(form, rng)
        grow_in_the_middle(form, rng)
        rebase_in_the_middle(form, rng)
cli_common.finish()

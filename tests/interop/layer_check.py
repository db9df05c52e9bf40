#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod layer` and a store that something else has changed: what is said, what still opens, what a repair mends."""
import json, os, random, shutil, stat, subprocess

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


def older_index():
    """An index from a backup: nothing is written to what unknown layers stand on, nothing of them goes, and a repair takes them in."""
    must("layer", "create", "o", "--size", "8M")
    old = open("o/isopod-layers.idx", "rb").read()
    must("layer", "snapshot", "o", "one")
    must("layer", "snapshot", "o", "two")  # says nothing itself, and has what says something on it
    write(must("layer", "path", "o").out.strip(), 5, "3M")
    want = content("o", layers("o")["two"]["name"]), content("o", must("layer", "path", "o").out.split("/")[-1].split(".")[0])
    files = {f for f in os.listdir("o") if f.endswith(".vhdx")}
    top = must("layer", "path", "o").out.strip()
    with open("o/isopod-layers.idx", "wb") as f:
        f.write(old)
    for args in (["snapshot", "o", "x"], ["rollback", "o", "base"], ["rollback", "o", "--discard"], ["lock", "o"], ["commit", "o"], ["flatten", "o"],
                 ["prune", "o", "--keep", "1"], ["serve", "o", "--write", "--nbd", "k"]):
        one_line(isopod("layer", *args, timeout=20), 3, "an older index: " + args[0], "does not know two.", "check --repair")
    one_line(isopod("disk", "serve", "o/" + [f for f in files if f.startswith("one.")][0], "--nbd", "k", "--write", timeout=20), 3, "the file itself", "--orphan-children")
    r = isopod("layer", "check", "o")
    check(r.rc == 1 and r.out.count("the index is older, and does not know it") == 2, "check: %d %s" % (r.rc, r.out))
    r = must("layer", "check", "o", "--repair")
    equal({f for f in os.listdir("o") if f.endswith(".vhdx")}, files, "a repair takes nothing away")
    now = layers("o")
    equal(must("layer", "path", "o").out.strip(), top, "what was current is it again")
    equal((content("o", "two"), content("o", [n for n in now if now[n]["file"] in top][0])), want, "what they show")
    check(" 0 faults, 0 repaired, 0 warnings" in must("layer", "check", "o").out, "it is sound")
    must("layer", "snapshot", "o", "goes on")
    # one of them is damaged: that is not a leftover of ours
    with open("o/isopod-layers.idx", "wb") as f:
        f.write(old)
    damaged = "o/" + [f for f in os.listdir("o") if f.endswith(top[-14:])][0]
    with open(damaged, "r+b") as f:
        f.write(bytes(MIB))
    r = isopod("layer", "check", "o", "--repair")
    check(os.path.exists(damaged) and os.path.basename(damaged) + ": holds data" in r.out, "a damaged one with data stays: %s" % r.out)
    os.unlink(damaged)
    must("layer", "check", "o", "--repair")
    # a base of another store, and an empty child that nothing stands on, are no reason to refuse
    shutil.copyfile(file("c0", "base"), "o/foreign.12345678.vhdx")
    must("disk", "create", "o/left.87654321.vhdx", "--parent", file("o", "base"))
    must("layer", "snapshot", "o", "and on")
    must("layer", "check", "o", "--repair")
    check(os.path.exists("o/foreign.12345678.vhdx") and not os.path.exists("o/left.87654321.vhdx"), "a leftover goes, data stay")


def in_a_circle():
    """Two unknown files with one identifier, each of which stands on the other by that: an end is found, and nothing goes, in whichever order
    the folder names them."""
    for again in (False, True):
        shutil.rmtree("ring", ignore_errors=True)
        a_ring(again)


def a_ring(again):
    """`again`: the first of them gets its name once more, behind the others, which changes its place in the list of a folder in memory."""
    must("layer", "create", "ring", "--size", "8M")
    for name, parent in (("x.00000005", file("ring", "base")), ("z.00000007", "ring/x.00000005.vhdx"), ("y.00000005", "ring/z.00000007.vhdx")):
        must("disk", "create", "ring/%s.vhdx" % name, "--parent", parent)
    write("ring/y.00000005.vhdx", 3, "0")
    if again:
        os.rename("ring/x.00000005.vhdx", "aside")
        os.rename("aside", "ring/x.00000005.vhdx")
    files = {f for f in os.listdir("ring") if f.endswith(".vhdx")}
    check(isopod("layer", "check", "ring", timeout=20).rc == 1, "check ends")
    one_line(isopod("layer", "snapshot", "ring", "q", timeout=20), 3, "snapshot ends", "does not know", "check --repair")
    isopod("layer", "check", "ring", "--repair", timeout=20)
    equal({f for f in os.listdir("ring") if f.endswith(".vhdx")} & files, files, "a repair takes nothing away")
    must("disk", "convert", "ring/y.00000005.vhdx", "y.raw", "--replace")


def outsider():
    """An image that somebody made on the current layer, and that is no layer."""
    must("layer", "create", "out", "--size", "8M")
    must("disk", "create", "out/today.vhdx", "--parent", must("layer", "path", "out").out.strip())
    one_line(isopod("layer", "serve", "out", "--write", "--nbd", "k", timeout=20), 3, "an outsider", "today.vhdx", "layer snapshot")
    must("layer", "snapshot", "out")
    write(must("layer", "path", "out").out.strip(), 1, "1M")
    p = subprocess.Popen([ISOPOD, "layer", "serve", "out", "--write", "--nbd", os.path.abspath("k"), "--once"], stdout=subprocess.PIPE)
    p.stdout.readline()
    r = run("qemu-io", "-f", "raw", "-c", "write 1M 64K", "nbd+unix:///?socket=" + os.path.abspath("k"))
    check(r.returncode == 0 and p.wait(timeout=60) == 0, "served then: " + r.stdout)
    p.stdout.close()
    must("disk", "map", "out/today.vhdx")


def newer_index():
    """Of an index that a later version wrote nothing is known but that it is none to write over."""
    must("layer", "create", "newer", "--size", "8M")
    must("layer", "snapshot", "newer", "one")
    with open("newer/isopod-layers.idx", "r+b") as f:
        f.seek(MIB)
        f.write(b"PODLAYR2")
    before = sha256("newer/isopod-layers.idx")
    for args in (["list"], ["check"], ["check", "--repair"], ["snapshot"], ["path"], ["serve", "--write", "--nbd", "k"]):
        one_line(isopod("layer", args[0], "newer", *args[1:], timeout=20), 3, "a newer index: " + " ".join(args), "newer isopod")
    equal(sha256("newer/isopod-layers.idx"), before, "a newer index stays as it is")


def hard_links():
    """A backup made of hard links would change with the store."""
    must("layer", "create", "hard", "--size", "8M")
    run("cp", "-al", "hard", "hb", check=True)
    before = {f: sha256("hb/" + f) for f in os.listdir("hb")}
    for args in (["snapshot", "hard", "x"], ["rollback", "hard"], ["serve", "hard", "--write", "--nbd", "k"], ["lock", "hard"]):
        one_line(isopod("layer", *args, timeout=20), 3, "hard links: " + args[0], "has another name")
    must("layer", "check", "hard")
    equal({f: sha256("hb/" + f) for f in os.listdir("hb")}, before, "the backup")
    os.link(file("hard", "base"), "elsewhere.vhdx")
    shutil.rmtree("hb")
    for args in (["serve", "elsewhere.vhdx", "--nbd", "k", "--write"], ["grow", "elsewhere.vhdx", "--size", "16M"], ["shrink", "elsewhere.vhdx", "--size", "4M"]):
        one_line(isopod("disk", *args, timeout=20), 3, "hard link: " + args[0], "has another name", "--orphan-children")
    os.unlink("elsewhere.vhdx")
    os.symlink(must("layer", "path", "hard").out.strip(), "link.vhdx")
    write("link.vhdx", 3, "1M")  # its parent lies beside the layer, not beside the link
    must("layer", "snapshot", "hard", "x")
    check(" 0 faults, 0 repaired, 0 warnings" in must("layer", "check", "hard").out, "sound")


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


def stays():
    """What nobody has written to since it was made is what a rollback would make: nothing changes, on the disk neither."""
    s = store("stays")
    two, path = content(s, "two"), must("layer", "path", s).out
    before = {n: (os.stat(os.path.join(s, n)).st_ino, sha256(os.path.join(s, n))) for n in os.listdir(s)}
    for command in (("rollback", s), ("rollback", s, "two"), ("rollback", s, "two", "--discard")):
        must("layer", *command)
    equal({n: (os.stat(os.path.join(s, n)).st_ino, sha256(os.path.join(s, n))) for n in os.listdir(s)}, before, "files of the store")
    # what a kiosk would have thrown away is the user's, as in any other layer
    must("layer", "lock", s)
    must("layer", "rollback", s)
    must("layer", "lock", s, "--off")
    equal(must("layer", "path", s).out, path, "the same file still")
    # to another layer, or after a write: another file
    must("layer", "rollback", s, "one")
    check(must("layer", "path", s).out != path, "to another layer")
    must("layer", "rollback", s, "two")
    path = must("layer", "path", s).out
    write(path.strip(), 7, "3M")
    must("layer", "rollback", s, "--discard")
    cur = [n for n, l in layers(s).items() if l["current"]][0]
    check(must("layer", "path", s).out != path and not os.path.exists(path.strip()), "after a write")
    equal((content(s, cur), isopod("layer", "check", s).rc), (two, 0), "the content of two")


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
    must("layer", "export", s, "fresh.raw", "--format", "raw", "--replace")
    must("layer", "export", s, "one.raw", "--layer", "one", "--format", "raw", "--replace")
    check(open("fresh.raw", "rb").read() == open("one.raw", "rb").read(), "a start begins afresh: " + fresh)


def prune():
    """Snapshots of twenty days, two each; what stays shows what it showed."""
    must("layer", "create", "p", "--size", "8M")
    begin = 1700006400  # 2023-11-15, 00:00 UTC, a Wednesday
    for i in range(40):
        write(must("layer", "path", "p").out.strip(), i + 1, "%dK" % (i * 100))
        must("layer", "snapshot", "p", "s%d" % i, env={"SOURCE_DATE_EPOCH": str(begin + i * 43200)})
    must("layer", "rollback", "p", "s30")  # what is there beside the chain
    before = {n: content("p", n) for n in layers("p")}
    was = sorted((f, sha256("p/" + f)) for f in os.listdir("p"))
    one_line(isopod("layer", "prune", "p"), 2, "prune without a rule", "--keep")
    r = must("layer", "prune", "p", "--keep", "3", "--keep-daily", "5", "--keep-weekly", "3", "--dry-run")
    # the newest three; the evening of each of the last five days; the last of each of three weeks (to Monday morning, to Sunday twice)
    want = {"s%d" % i for i in (39, 38, 37, 35, 33, 31, 23)}
    gone = {l.split(":")[0] for l in r.out.splitlines()}
    left = {n for n in before if n.startswith("s")} - gone
    equal(left, want, "what stays")
    equal(sorted((f, sha256("p/" + f)) for f in os.listdir("p")), was, "--dry-run changes nothing")
    r = must("layer", "prune", "p", "--keep", "3", "--keep-daily", "5", "--keep-weekly", "3")
    equal({l.split(":")[0] for l in r.out.splitlines()}, gone, "what went")
    now = layers("p")
    equal(set(now), set(before) - gone, "what is there")
    equal({n: content("p", n) for n in now}, {n: before[n] for n in now}, "what stays shows what it showed")
    check(" 0 faults, 0 repaired, 0 warnings" in must("layer", "check", "p").out, "a pruned store is sound")
    equal(must("layer", "prune", "p", "--keep", "100").out, "", "nothing to prune")
    # killed at any write: the same command goes on
    shutil.copytree("p", "was")
    keep, rng = ["--keep", "1"], random.Random(1)
    for n in range(1, 400, 3):
        shutil.rmtree("p")
        shutil.copytree("was", "p")
        r = isopod("layer", "prune", "p", *keep, program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)})
        if r.rc >= 0:
            break
        r = isopod("layer", "prune", "p", *keep)
        now = layers("p")
        check(r.rc == 0 and {k for k in now if k.startswith("s")} == {"s39"}, "killed at write %d: %s %r" % (n, r.err, sorted(now)))
        top = rng.choice(sorted(now))
        equal(content("p", top), before[top], "killed at write %d: %s" % (n, top))
    check(r.rc == 0 and n > 10, "prune: %d writes, %d" % (n, r.rc))


def warns_of_depth():
    must("layer", "create", "d", "--size", "1M")
    for i in range(197):
        must("layer", "snapshot", "d")
    equal(isopod("layer", "snapshot", "d").err.count("prune"), 1, "at 200 it is said how there get fewer")
    must("layer", "prune", "d", "--keep", "10")
    equal(isopod("layer", "snapshot", "d").err, "", "fewer")


work_in_memory()
with workdir():
    store("c0")
    older_index()
    in_a_circle()
    hard_links()
    newer_index()
    outsider()
    changed_base()
    lost_current()
    stays()
    hashes()
    refused()
    prune()
    warns_of_depth()
cli_common.finish()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A full drive, a write that fails, a flush that fails, at each of them in each writing command of `disk` and `layer`: the command does not
say that it has succeeded, every image and layer shows what it showed or what it is to show, and with the drive in order again the
same command succeeds."""
import glob, json, os, random, shutil

from power_common import *
import cli_common

LONG = os.environ.get("LONG") == "1"
FAULTS_OF = ("ISOPOD_TEST_FULL", "ISOPOD_TEST_EIO", "ISOPOD_TEST_NO_FLUSH")
tried = 0


def digest(path):
    r = isopod("disk", "convert", path, "o.raw", "--replace", "--format", "raw")
    return sha256("o.raw") if r.rc == 0 else r.err


def images(folder):
    return {os.path.basename(f): digest(f) for f in glob.glob(folder + "/*.vhd*")}


def layers(store):
    if not os.path.exists(store + "/isopod-layers.idx"):
        return {}
    r = isopod("layer", "list", store, "--json")
    if r.rc != 0:
        return {"store": r.err}
    out = {}
    for l in json.loads(r.out)["layers"]:
        if l["name"].startswith("flat-"):  # the copy that a flatten under way will put in its place
            continue
        r = isopod("layer", "export", store, "o.raw", "--layer", l["name"], "--format", "raw", "--replace")
        out[l["name"]] = sha256("o.raw") if r.rc == 0 else r.err
    return out


def store_name(folder):
    return folder + "/s"


def fresh(folder):
    shutil.rmtree("run", ignore_errors=True)
    run("cp", "-a", folder, "run", check=True)


def here(args):
    return [a.replace("@", "run") for a in args]


def counts(args):
    if os.path.exists("log"):
        os.unlink("log")
    r = isopod(*here(args), program=FAULTS, env={"ISOPOD_TEST_STORE": os.path.abspath("log")})
    check(r.rc == 0, "%r: %d %s" % (args, r.rc, r.err))
    kinds = [e[0] for e in parse("log")]
    return sum(k in "WZ" for k in kinds), kinds.count("F")


def again(args):
    """An interrupted commit is decided about; all else is said again."""
    if args[:2] == ["layer", "commit"] and args[-1] != "--undo" and "commit interrupted" in isopod("layer", "list", "run/s").out:
        return isopod("layer", "commit", "run/s", "--resume")
    return isopod(*here(args))


def same(contents):
    """What is there, whatever it is called: a layer that is made has a number for a name."""
    return sorted(contents.values())


def command(name, folder, args, rng, look, once=True):
    """`once` False: done again behind its step it does more: then only that nothing is lost."""
    global tried
    fresh(folder)
    before = look("run")
    writes, flushes = counts(args)
    after = look("run")
    known = set(before.values()) | set(after.values())
    check(writes > 0, "%s writes" % name)
    for fault in FAULTS_OF if LONG else rng.sample(FAULTS_OF, 2):
        total = flushes if fault == "ISOPOD_TEST_NO_FLUSH" else writes
        for n in range(1, total + 1) if LONG else sorted(rng.sample(range(1, total + 1), min(total, 1))):
            tried += 1
            what = "%s, %s=%d of %d" % (name, fault[12:], n, total)
            fresh(folder)
            r = isopod(*here(args), program=FAULTS, env={fault: str(n)})
            check(r.rc in (0, 3) and "Sanitizer" not in r.err and (r.rc == 0 or r.err.startswith("isopod: ")), "%s: status %d %s" % (what, r.rc, r.err))
            now = look("run")
            if r.rc == 0:
                check(same(now) == same(after) and not (fault == "ISOPOD_TEST_NO_FLUSH" and not r.err), "%s: status 0, and not done: %s" % (what, r.err))
                continue
            # What is in the middle of a merge is refused; a VHD has no place that could tell of it.
            bad = {k: v for k, v in now.items() if v not in known and not ("merge" in args and ("into it was interrupted" in v or k == "v.vhd"))}
            check(not bad and set(now) >= set(before) & set(after), "%s: lost: %r (%s)" % (what, bad, r.err))
            if now == after:  # it failed behind its step, or could not know
                continue
            r = again(args)
            # so it did with a step that is brought to its end by whatever is done next
            if r.rc == 3 and same(look("run")) == same(after):
                continue
            if not check(r.rc == 0, "%s, then in order again: %d %s" % (what, r.rc, r.err)):
                continue
            now = look("run")
            if once:
                check(same(now) == same(after), "%s, then in order again: %r, want %r" % (what, now, after))
            else:
                check(set(now.values()) >= set(before.values()) & set(after.values()), "%s, then in order again: %r" % (what, now))
            if os.path.isdir("run/s"):
                r = isopod("layer", "check", "run/s")
                check(r.rc == 0 and " 0 faults" in r.out, "%s, then in order again: check: %s" % (what, r.out))


def disk_commands(rng):
    os.mkdir("d")
    noise("d/raw.img", 3 * MIB, 1)
    must("disk", "create", "d/a.vhdx", "--size", "6M", "--block-size", "1M")
    write_disk("d/a.vhdx", 512, rng.randbytes(2 * MIB))
    for i, (p, c) in enumerate(("ab", "bc")):
        must("disk", "create", "d/%s.vhdx" % c, "--parent", "d/%s.vhdx" % p)
        write_disk("d/%s.vhdx" % c, (i + 1) * MIB + 512, rng.randbytes(2 * MIB))
    must("disk", "create", "d/v.vhd", "--size", "6M")
    write_disk("d/v.vhd", 512, rng.randbytes(3 * MIB))
    must("disk", "create", "d/w.vhd", "--parent", "d/v.vhd")
    write_disk("d/w.vhd", 2 * MIB, rng.randbytes(3 * MIB))
    must("disk", "create", "d/hollow.vhdx", "--size", "6M", "--block-size", "1M")
    write_disk("d/hollow.vhdx", 0, rng.randbytes(4 * MIB))
    write_disk("d/hollow.vhdx", MIB, bytes(2 * MIB))
    must("disk", "create", "d/hollow.vhd", "--size", "6M")
    write_disk("d/hollow.vhd", 0, rng.randbytes(5 * MIB))
    write_disk("d/hollow.vhd", 0, bytes(2 * MIB))
    for name, args, once in (
            ("create", ["create", "@/n.vhdx", "--size", "8M"], True),
            ("create a fixed VHD", ["create", "@/n.vhd", "--size", "2M", "--fixed"], True),
            ("create a child", ["create", "@/n.vhdx", "--parent", "@/c.vhdx"], True),
            ("convert to VHDX", ["convert", "@/raw.img", "@/n.vhdx"], True),
            ("convert to VHD", ["convert", "@/c.vhdx", "@/n.vhd"], True),
            ("convert over another", ["convert", "@/raw.img", "@/hollow.vhdx", "--replace"], True),
            ("merge", ["merge", "@/c.vhdx"], True),
            ("merge in the middle", ["merge", "@/b.vhdx"], True),
            ("merge VHD", ["merge", "@/w.vhd"], True),
            ("rebase", ["rebase", "@/c.vhdx", "--onto", "@/a.vhdx"], True),
            ("flatten", ["rebase", "@/c.vhdx", "--flatten"], True),
            ("compact", ["compact", "@/hollow.vhdx"], True),
            ("compact VHD", ["compact", "@/hollow.vhd"], True),
            ("grow", ["grow", "@/c.vhdx", "--size", "9M"], True),
            ("grow VHD", ["grow", "@/w.vhd", "--size", "9M"], True)):
        command("disk " + name, "d", ["disk"] + args, rng, images, once)


def layer_commands(rng):
    os.mkdir("l")
    noise("b.raw", 3 * MIB, 2)
    must("layer", "create", "l/s", "--from", "b.raw")
    for i, name in enumerate(("one", "two", None)):
        write_disk(must("layer", "path", "l/s").out.strip(), i * 900 * 1024, rng.randbytes(700 * 1024))
        if name:
            must("layer", "snapshot", "l/s", name)
    os.mkdir("e")
    run("cp", "-a", "l", "k", check=True)
    must("layer", "lock", "k/s")
    write_disk(must("layer", "path", "k/s").out.strip(), 0, rng.randbytes(4096))
    of_store = lambda folder: layers(store_name(folder))
    shutil.copyfile("b.raw", "e/b.raw")
    for name, folder, args, once in (
            ("create", "e", ["create", "@/s", "--from", "@/b.raw"], True),
            ("snapshot", "l", ["snapshot", "@/s", "three"], False),
            ("rollback", "l", ["rollback", "@/s", "one"], False),
            ("rollback, discarding", "l", ["rollback", "@/s", "--discard"], False),
            ("commit", "l", ["commit", "@/s"], False),
            ("commit in the middle", "l", ["commit", "@/s", "two"], False),
            ("flatten", "l", ["flatten", "@/s", "two"], False),
            ("rebase", "l", ["rebase", "@/s", "two", "base"], True),
            ("prune", "l", ["prune", "@/s", "--keep", "1"], True),
            ("rename", "l", ["rename", "@/s", "two", "zwei"], False),
            ("lock", "l", ["lock", "@/s"], False),
            ("unlock", "k", ["lock", "@/s", "--off"], True),
            ("start", "k", ["start", "@/s"], False),
            ("check --hash", "l", ["check", "@/s", "--hash"], True)):
        command("layer " + name, folder, ["layer"] + args, rng, of_store, once)
    for how in ("--resume", "--undo"):
        shutil.rmtree("h", ignore_errors=True)
        run("cp", "-a", "l", "h", check=True)
        writes, _ = counts(["layer", "commit", "h/s", "two"])
        shutil.rmtree("h")
        run("cp", "-a", "l", "h", check=True)
        isopod("layer", "commit", "h/s", "two", program=FAULTS, env={"ISOPOD_TEST_CUT": str(writes // 2)})
        check("commit interrupted" in isopod("layer", "list", "h/s").out, "a commit that was interrupted")
        command("layer commit " + how, "h", ["layer", "commit", "@/s", how], rng, of_store)


work_in_memory()  # thousands of flushes
with workdir():
    rng = random.Random(int(os.environ.get("SEED", "3")))
    disk_commands(rng)
    layer_commands(rng)
    print("%d faults" % tried)
cli_common.finish()

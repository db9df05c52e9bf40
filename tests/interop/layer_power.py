#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Power lost at every write of every operation on a layer store.

The command's writes, flushes and changes of names are recorded (cli_faults.c). From the record the states that a folder could be
left in are made: what was flushed is there; of what a file was given since, all, nothing, a random part by sectors, or the last
write torn; of the changes of names since the folder was last synced, none, some, or all. Each state must open, be sound, hold every
layer bit for bit, and be the state before or the state after; then the next operation works, and a repair leaves no leftovers."""
import hashlib, json, os, random, shutil, subprocess

from power_common import *
from power_folder import LONG, SECTOR, Inode, folder_states
import cli_common

SIZE = 3 * MIB
states = directory_writes = 0
holes = []  # of each operation


def digest(store, layer=None):
    args = ["layer", "export", store, "out.raw", "--format", "raw", "--replace"] + (["--layer", layer] if layer else [])
    r = isopod(*args)
    return sha256("out.raw") if r.rc == 0 else r.err


def look(store):
    """The state as a user sees it: the tree by names, and what each layer holds."""
    r = isopod("layer", "list", store, "--json")
    if r.rc != 0:
        return r.err
    t = json.loads(r.out)
    by = {l["id"]: l for l in t["layers"]}
    out = {}
    for l in t["layers"]:
        parent = by[l["parent"]]["name"] if l["parent"] else None
        out[l["name"]] = (parent, l["current"], l["read_only"], digest(store, l["name"]))
    return {"layers": out, "locked": by[t["locked"]]["name"] if t["locked"] else None}


def interrupted(store):
    t = json.loads(isopod("layer", "list", store, "--json").out)
    return any(l.get("interrupted") for l in t["layers"])


def commit_interrupted(store):
    return "commit interrupted" in isopod("layer", "list", store).out


def decide(what, store, old, new, rng):
    """A commit that was interrupted: each layer reads as before or as after, nothing else is done, and the user says how it ends."""
    layers = lambda t: {n: l[3] for n, l in t["layers"].items()}
    for n, d in layers(look(store)).items():
        check(d in (layers(old).get(n), layers(new).get(n)), "%s: %s reads neither as before nor as after: %s" % (what, n, d))
    r = isopod("layer", "snapshot", store)
    check(r.rc == 3 and "commit --resume" in r.err and "--undo" in r.err, "%s: the next command: %d %s" % (what, r.rc, r.err))
    how = rng.choice(["--resume", "--undo"])
    r = isopod("layer", "commit", store, how)
    check(r.rc == 0 and look(store) == (new if how == "--resume" else old), "%s: %s: %d %s" % (what, how, r.rc, r.err))


def operation(name, before, args, rng, content_of_current=None):
    """Runs it on a copy of `before`; tries every state."""
    global states
    if os.environ.get("ONLY", "") not in name:
        return
    shutil.rmtree("run", ignore_errors=True)
    subprocess.run(["cp", "-a", before, "run"], check=True)
    if os.path.exists("log"):
        os.unlink("log")
    env = {"ISOPOD_TEST_STORE": os.path.abspath("log"), "SOURCE_DATE_EPOCH": "1700000000"}
    r = isopod("layer", args[0], "run", *args[1:], program=FAULTS, env=env)
    check(r.rc == 0, "%s: %d %s" % (name, r.rc, r.err))
    events = parse("log")
    holes.append(sum(e[0] == "Z" for e in events))
    old, new = look(before), look("run")
    check(old != new, "%s changes something" % name)
    check(any(e[0] == "F" for e in events) and (any(e[0] == "S" for e in events) or not any(e[0] in "CM" for e in events)),
          "%s flushes files, and the folder if names come" % name)
    seen = set()
    for what in folder_states(before, events, rng):
        states += 1
        what = name + ", " + what
        r = isopod("layer", "check", "state")
        if not check(r.rc == 0 and " 0 faults" in r.out, "%s: check: %s%s" % (what, r.out, r.err)):
            if os.environ.get("KEEP"):
                subprocess.run(["cp", "-a", "state", "/tmp/isopod-bad-store"])
                raise SystemExit(1)
            continue
        if not interrupted("state"):
            now = look("state")
            seen.add("old" if now == old else "new")
            check(now in (old, new), "%s: neither as before nor as after: %r\nold %r\nnew %r" % (what, now, old, new))
        else:
            # a commit, flatten or rebase under way: what is current reads the same all the while, and the next writer finishes it,
            # a rebase may take it back, a commit asks
            seen.add("under way")
            cur = [n for n, l in old["layers"].items() if l[1]][0]
            check(digest("state") == old["layers"][cur][3], "%s: the current layer reads differently" % what)
        if commit_interrupted("state"):
            decide(what, "state", old, new, rng)
        # A repair finishes what was under way and takes leftovers away; the store is then one of the two, and takes the next step.
        r = isopod("layer", "check", "state", "--repair")
        check(r.rc == 0, "%s: repair: %s%s" % (what, r.out, r.err))
        now = look("state")
        check(now in (old, new), "%s, repaired: neither as before nor as after: %r\nold %r\nnew %r" % (what, now, old, new))
        r = isopod("layer", "check", "state", "--json")
        left = [f for f in json.loads(r.out)["findings"]]
        check(not left, "%s, repaired: left over: %r" % (what, left))
        r = isopod("layer", "snapshot", "state", "next step")
        check(r.rc == 0, "%s: the next snapshot: %s" % (what, r.err))
    check(look("state") != old, "%s: the last state is the new one" % name)
    check("new" in seen and len(seen) > 1, "%s: both the old and the new state were seen: %r" % (name, seen))


def decisions(name, before, args, rng):
    """A commit is killed in its middle; then power is lost at every write of what finishes it, or takes it back."""
    global states
    if os.environ.get("ONLY", "") not in name:
        return
    old = look(before)
    shutil.rmtree("half", ignore_errors=True)
    subprocess.run(["cp", "-a", before, "half"], check=True)
    isopod("layer", "commit", "half", *args, program=FAULTS, env={"ISOPOD_TEST_CUT": "24"})
    check(commit_interrupted("half"), name + ": it was interrupted")
    ends = {}
    for how in ("--resume", "--undo"):
        shutil.rmtree("run", ignore_errors=True)
        subprocess.run(["cp", "-a", "half", "run"], check=True)
        if os.path.exists("log"):
            os.unlink("log")
        r = isopod("layer", "commit", "run", how, program=FAULTS, env={"ISOPOD_TEST_STORE": os.path.abspath("log")})
        check(r.rc == 0, "%s %s: %d %s" % (name, how, r.rc, r.err))
        ends[how] = (look("run"), parse("log"))
    new = ends["--resume"][0]
    check(ends["--undo"][0] == old and new != old, "%s: taken back: %r, want %r" % (name, ends["--undo"][0], old))
    for how, (end, events) in ends.items():
        for what in folder_states("half", events, rng):
            states += 1
            what = "%s %s, %s" % (name, how, what)
            r = isopod("layer", "check", "state")
            check(r.rc == 0 and " 0 faults" in r.out, "%s: check: %s%s" % (what, r.out, r.err))
            if commit_interrupted("state"):
                decide(what, "state", old, new, rng)
            else:
                check(look("state") == end, "%s: it says that it is done" % what)


def write(store, off, data):
    """Into the current layer."""
    write_disk(must("layer", "path", store).out.strip(), off, data)


def index_slots(store, rng):
    """Every byte of the newer slot turned over: the older one counts; both: said, and repaired from the files."""
    path = os.path.join(store, "isopod-layers.idx")
    good = open(path, "rb").read()
    raw = bytearray(good)
    for at in list(range(0, 96)) + [rng.randrange(96, 600) for _ in range(40)]:
        for slot in (0, MIB):
            raw[slot + at] ^= 1 << rng.randrange(8)
        open(path, "wb").write(raw)
        r = isopod("layer", "list", store)
        check(r.rc in (0, 3) and r.err.count("\n") <= 1 and "Sanitizer" not in r.err, "bit %d: %d %s" % (at, r.rc, r.err))
        raw[:] = good
    open(path, "wb").write(good)


def volume_sound(what, chain, old, new):
    """fsck.exfat on the volume of state.img. Where a chained file gets longer, its chain is longer than it for a moment: fsck.exfat
    says this and nothing else then, and after its repair the store is the old or the new one. True: this was such a moment."""
    start, length, _ = partitions("state.img")[1][0]
    cut_out("state.img", start, length, "part.data")
    r = run("fsck.exfat", "-n", "part.data")
    if not chain or r.returncode == 0:
        check(r.returncode == 0, "%s: fsck.exfat: %s" % (what, r.stdout))
        return False
    errors = [l for l in r.stdout.splitlines() if l.startswith("ERROR")]
    check(len(errors) == 1 and "more clusters are allocated" in errors[0], "%s: fsck.exfat: %s" % (what, r.stdout))
    run("fsck.exfat", "-y", "part.data")
    r = run("fsck.exfat", "-n", "part.data")
    check(r.returncode == 0, "%s: fsck.exfat, after its own repair: %s" % (what, r.stdout))
    shutil.copyfile("state.img", "mended.img")
    run("dd", "if=part.data", "of=mended.img", "bs=1M", "oflag=seek_bytes", "seek=%d" % start, "conv=notrunc,sparse", "status=none", check=True)
    if commit_interrupted("mended.img:/vm/win"):
        must("layer", "commit", "mended.img:/vm/win", "--resume")
    r = isopod("layer", "check", "mended.img:/vm/win", "--repair")
    check(r.rc == 0 and look("mended.img:/vm/win") in (old, new), "%s, repaired by fsck.exfat: %s%s" % (what, r.out, r.err))
    return True


def stick_state(what, chain, old, new, current, rng):
    """One state of a stick: sound, one of the two, and ready for the next step. Says which of the two, and whether a chain was long."""
    store = "state.img:/vm/win"
    long_chain = volume_sound(what, chain, old, new)
    r = isopod("layer", "check", store)
    check(r.rc == 0, "%s: check: %s%s" % (what, r.out, r.err))
    now = look(store)
    if now not in (old, new):
        check(interrupted(store), "%s: neither as before nor as after: %r" % (what, now))
        check(digest(store) == current, "%s: the current layer reads differently" % what)
    if commit_interrupted(store):
        decide(what, store, old, new, rng)
    r = isopod("layer", "check", store, "--repair")
    check(r.rc == 0 and look(store) in (old, new), "%s: repaired: %s%s" % (what, r.out, r.err))
    r = isopod("layer", "snapshot", store, "next step")
    check(r.rc == 0, "%s: the next snapshot: %s" % (what, r.err))
    cut_out("state.img", *partitions("state.img")[1][0][:2], "part.data")
    r = run("fsck.exfat", "-n", "part.data")
    check(r.returncode == 0, "%s: fsck.exfat behind the next snapshot: %s" % (what, r.stdout))
    return now == new, long_chain


def through_the_writer(name, image, events):
    """Directories change behind VolumeDirty, in whole blocks of 512 bytes."""
    start, length, _ = partitions(image)[1][0]
    dirty, sets = False, 0
    for kind, _, at, data in events:
        if kind != "W" or not start <= at < start + length or len(data) > SECTOR:
            continue
        if at == start:
            dirty = bool(data[106] & 2)
        # a file entry with its stream extension; or the former alone
        elif any(data[i] == 0x85 and data[i + 32:i + 33] in (b"\xc0", b"") for i in range(0, len(data), 32)):
            sets += 1
            check(dirty and len(data) == SECTOR, "%s: a directory was written to past the exFAT writer (%d bytes at %d)" % (name, len(data), at))
    return sets


def stick_operation(name, args, rng, chain=False, image="stick.img"):
    """The same for a store on a stick: its volume is sound as well, whatever was cut."""
    global states, directory_writes
    if os.environ.get("ONLY", "") not in name:
        return
    shutil.copyfile(image, "rec.img")
    if os.path.exists("log"):
        os.unlink("log")
    store = ":/vm/win"
    r = isopod("layer", args[0], "rec.img" + store, *args[1:], program=FAULTS, env={"ISOPOD_TEST_STORE": os.path.abspath("log")})
    check(r.rc == 0, "%s: %d %s" % (name, r.rc, r.err))
    events = [e for e in parse("log") if e[1] == "rec.img"]
    old, new = look(image + store), look("rec.img" + store)
    check(old != new and any(e[0] == "F" for e in events), "%s changes something, and flushes it" % name)
    directory_writes += through_the_writer(name, image, events)
    current = digest(image + store)
    stick = Inode(open(image, "rb").read())
    seen, long_chains = set(), 0
    for i, e in enumerate(events + [None]):
        # a chain is long between two flushes: none of them is left out
        flushed = chain and i and events[i - 1][0] == "F" and not stick.pending
        if e is None or LONG or flushed or i >= len(events) - 6 or rng.random() < (9 if args[0] == "commit" else 14) / len(events):
            for how in rng.sample(["none", "torn", "some"], 1) + ["all"] if stick.pending else ["all"]:
                states += 1
                with open("state.img", "wb") as f:
                    f.write(stick.render(how, rng))
                what = "%s, event %d of %d, writes: %s" % (name, i, len(events), how)
                is_new, long_chain = stick_state(what, chain, old, new, current, rng)
                seen.add(is_new)
                long_chains += long_chain
        if e and e[0] == "F":
            stick.flush()
        elif e:
            stick.pending.append((e[0], e[2], e[3]))
    check(seen == {True, False}, "%s: both the old and the new state were seen" % name)
    check(bool(long_chains) == chain, "%s: %d states with a long chain" % (name, long_chains))
    print("%s: %d events, %d with a long chain" % (name, len(events), long_chains))


def commits_on_a_stick(rng):
    """The layer below gets longer in place: behind its end; into pieces, because something lies there; and as a chain."""
    with open("base.raw", "wb") as f:
        f.write(rng.randbytes(3 * MIB) + bytes(9 * MIB))
    must("layer", "create", "s3", "--from", "base.raw")
    write("s3", 4 * MIB + 512, rng.randbytes(2 * MIB))
    must("layer", "snapshot", "s3", "good")
    write("s3", 8 * MIB, rng.randbytes(1 * MIB + 4096))
    write("s3", 512, rng.randbytes(4096))
    files = sorted(os.listdir("s3"), reverse=True)  # the base comes last
    for image, order in (("behind.img", files), ("pieces.img", files[::-1])):
        must("create", image, "--size", "140M", "--uuid-seed", "1")
        must("add", image, noise("old.img", 70 * MIB, 9))  # free space holds what was there before
        must("remove", image, "/images/old.img")
        must("add", image, *[os.path.join("s3", n) for n in order], "--to", "/vm/win")
    stick_operation("commit on a stick, in one piece", ["commit", "good"], rng, image="behind.img")
    stick_operation("commit on a stick, into pieces", ["commit", "good"], rng, image="pieces.img")
    must("layer", "commit", "pieces.img:/vm/win", "good")
    stick_operation("commit on a stick, a chain", ["commit"], rng, chain=True, image="pieces.img")


# The states are written in full again and again, and nothing here depends on a real disk.
work_in_memory(children=True)
with workdir():
    rng = random.Random(7)
    env = {"SOURCE_DATE_EPOCH": "1700000000"}
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    noise("base.raw", SIZE, 1)
    must("layer", "create", "s1", "--from", "base.raw")
    write("s1", 100 * 512, rng.randbytes(9000))
    write("s1", 2 * MIB + 777 * 512, rng.randbytes(70000))
    operation("snapshot", "s1", ["snapshot", "good"], rng)
    operation("unnamed snapshot", "s1", ["snapshot"], rng)
    operation("rename the current layer", "s1", ["rename", "layer-1", "other name"], rng)
    operation("lock", "s1", ["lock"], rng)
    operation("commit into the base", "s1", ["commit"], rng)
    operation("flatten the current layer", "s1", ["flatten"], rng)
    operation("rollback, keeping", "s1", ["rollback"], rng)
    operation("rollback, discarding", "s1", ["rollback", "--discard"], rng)
    subprocess.run(["cp", "-a", "s1", "s2"], check=True)
    must("layer", "snapshot", "s2", "good")
    write("s2", 2 * MIB + 512, rng.randbytes(5000))
    must("layer", "snapshot", "s2", "better")
    write("s2", 2 * MIB, rng.randbytes(4096))
    operation("rollback by name", "s2", ["rollback", "good"], rng)
    operation("commit in the middle", "s2", ["commit", "better"], rng)
    decisions("commit in the middle, interrupted,", "s2", ["better"], rng)
    operation("flatten in the middle", "s2", ["flatten", "better"], rng)
    operation("rebase the current layer", "s2", ["rebase", "layer-3", "good"], rng)
    operation("rebase in the middle", "s2", ["rebase", "better", "base"], rng)
    must("layer", "rollback", "s2", "good")
    operation("rebase onto another branch", "s2", ["rebase", "layer-4", "layer-3"], rng)
    operation("rebase of another branch", "s2", ["rebase", "layer-3", "base"], rng)
    operation("delete", "s2", ["delete", "layer-3"], rng)
    operation("rename", "s2", ["rename", "good", "very good"], rng)
    must("layer", "lock", "s2", "good")
    write("s2", 0, b"passing" * 100)
    operation("a kiosk boots", "s2", ["start"], rng)
    operation("unlock", "s2", ["lock", "--off"], rng)
    check(any(holes) or os.environ.get("ONLY"), "holes are among what is cut: %r" % holes)
    index_slots("s2", rng)
    make_data("data", 1)
    must("create", "stick.img", "--size", "140M", "--uuid-seed", "1")
    must("layer", "create", "stick.img:/vm/win", "--from", "base.raw")
    stick_operation("snapshot on a stick", ["snapshot", "good"], rng)
    must("layer", "snapshot", "stick.img:/vm/win", "good")
    stick_operation("rollback on a stick", ["rollback", "base", "--discard"], rng)
    stick_operation("flatten on a stick", ["flatten", "good"], rng)
    stick_operation("rebase on a stick", ["rebase", "layer-2", "base"], rng)
    commits_on_a_stick(rng)
    check(directory_writes > 0 or os.environ.get("ONLY"), "there were directories to look at")
    print("%d states" % states)
cli_common.finish()

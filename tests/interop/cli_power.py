#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Power lost at every write of create, update, add, remove, move and next.

The command's writes and flushes are recorded (cli_faults.c). From the record every state a drive could be left in is made: cut
after each write; in the middle of a write; and, because a drive may reorder what lies between two flushes, with a random part of the
last such writes missing. Each state must be a consistent volume to fsck.exfat, hold the other images bit for bit, hold the touched
one either as before or as after, and take the next command. Killing the process for real, at writes and at random moments, gives
nothing worse; a stick that is pulled out gives one line and status 3."""
import json, os, shutil, signal, struct, subprocess, time

from power_common import *
import cli_common

SIZE = "90M"
LONG = os.environ.get("LONG") == "1"
states = 0


def fsck_exfat(stick):
    start, length, _ = partitions(stick)[1][0]
    cut_out(stick, start, length, "part.data")
    r = run("fsck.exfat", "-n", "part.data")
    return r.returncode == 0, r.stdout


EMPTY = hashlib.sha256().hexdigest()


def look(stick, paths):
    """path -> digest of the file that is there, or None."""
    have = {e["path"] for e in listing(stick)}
    return {p: Content.digest(stick, json.loads(isopod("plan", stick + ":" + p, "--json").out)["extents"]) if p in have else None
            for p in paths}


def volume_operation(name, stick, args, touched, before, after, rng, data="data"):
    """touched: paths that may change. before, after: digests by path (None: not there) of the touched ones."""
    global states
    content = Content(stick)
    writes = record(stick, *args, data=data)
    count = 0
    for what, state in each_state(stick, writes, rng):
        count += 1
        states += 1
        what = name + ", " + what
        ok, text = fsck_exfat(state)
        if not check(ok, "%s: fsck.exfat: %s" % (what, text.strip())):
            shutil.copyfile(state, "/tmp/isopod-bad-state.img") if os.environ.get("KEEP") else None
            continue
        r = isopod("list", state, "--json")
        if not check(r.rc == 0, "%s: list: %s" % (what, r.err)):
            continue
        now = {e["path"]: e["size"] for e in json.loads(r.out)}
        for path in content.files:
            if path not in touched:
                check(now.get(path) == content.files[path][0] and content.holds(state, path), "%s: %s changed" % (what, path))
        seen = look(state, touched)
        # a move has a moment when the new name is an empty file; the next command finishes it or takes it back
        moving = name.startswith("move") and EMPTY in seen.values()
        check(seen in (before, after) or moving, "%s: neither as before nor as after: %r" % (what, seen))
        # the next command finds its way; the space is there again
        if moving or LONG or count % 5 == 0 or what.endswith("complete"):
            r = isopod("add", state, "next.img", "--to", "/after")
            check(r.rc == 0, "%s: the next add: %s" % (what, r.err))
            ok, text = fsck_exfat(state)
            check(ok, "%s, then add: fsck.exfat: %s" % (what, text.strip()))
            seen = look(state, touched)
            check(seen in (before, after), "%s, then add: neither as before nor as after: %r" % (what, seen))
    check(count > 3, "%s: only %d states" % (name, count))


def update_operation(stick, rng):
    global states
    writes = record(stick, "update", stick, data="data2")
    start, length, _ = partitions(stick)[1][0]
    digest = sha256(cut_out(stick, start, length, "part.data"))
    esp = partitions(stick)[1][1]
    for i, (what, state) in enumerate(each_state(stick, writes, rng)):
        states += 1
        check(sha256(cut_out(state, start, length, "part.data")) == digest, "update, %s: the data partition changed" % what)
        bad = boots(state, "data", "data2")
        check(not bad, "update, %s: %s" % (what, bad))
        equal(partitions(state)[1], partitions(stick)[1], "update, %s: partitions" % what)
        if i % (1 if LONG else 4) == 0:
            r = isopod("update", state, data="data2")
            check(r.rc == 0, "update, %s, again: %s" % (what, r.err))
            check(not boots(state, "data2", "data2"), "update, %s, again: not the new version" % what)
            cut_out(state, esp[0], esp[1], "part.esp")
            r = run("fsck.fat", "-n", "part.esp")
            check(r.returncode == 0, "update, %s, again: fsck.fat: %s" % (what, r.stdout))


def next_operation(stick, rng):
    global states
    writes = record(stick, "next", stick, "/images/b.img")
    for what, state in each_state(stick, writes, rng):
        states += 1
        got = json.loads(must("next", state, "--json").out)["next"]
        check(got in ("/images/a.img", "/images/b.img"), "next, %s: %r" % (what, got))


def create_operation(rng):
    """Over an old stick: until the last write there is no stick, old or new, that could be taken for one."""
    global states
    shutil.copyfile("stick.img", "old.img")
    writes = record("old.img", "create", "old.img", "--yes", "--uuid-seed", "77")
    # the file is emptied first, which is no write of ours
    with open("old.img", "r+b") as f:
        size = os.path.getsize("old.img")
        f.truncate(0)
        f.truncate(size)
    all_states = list()
    for what, state in each_state("old.img", writes, rng):
        states += 1
        r = isopod("list", state)
        if what == "complete":
            check(r.rc == 0 and fsck_exfat(state)[0], "create, complete: " + r.err)
        else:
            check(r.rc == 3, "create, %s: half a stick: %s" % (what, r.out + r.err))
        all_states.append(what)
    check(len(all_states) > 10, "create: only %d states" % len(all_states))


def killed(stick, rng):
    """The process dies: before its Nth write, and at any moment."""
    content = Content(stick)
    for n in (1, 2, 3, 5, 8):
        shutil.copyfile(stick, "state.img")
        r = isopod("add", "state.img", "new.img", program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)})
        check(r.rc == -signal.SIGKILL, "cut at write %d: status %d" % (n, r.rc))
        ok, text = fsck_exfat("state.img")
        check(ok, "cut at write %d: %s" % (n, text))
    env = dict(os.environ, ISOPOD_DATA=os.path.abspath("data"))
    shutil.copyfile(stick, "state.img")
    for i in range(40 if LONG else 12):
        p = subprocess.Popen([ISOPOD, "add", "state.img", "new.img", "--to", "/k%d" % i, "--verify"], env=env, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * 0.08)
        p.kill()
        p.wait()
        ok, text = fsck_exfat("state.img")
        check(ok, "killed at a random moment, round %d: %s" % (i, text))
        if ok:
            isopod("remove", "state.img", "/k%d/new.img" % i)
    for path in content.files:
        check(content.holds("state.img", path), "killed at random moments: %s changed" % path)
    r = isopod("add", "state.img", "new.img")
    check(r.rc == 0, "after all the killing: " + r.err)


def pulled_out(stick):
    """Every write fails from the Nth on."""
    total = len([w for w in record(stick, "add", stick, "new.img", "--verify") if w])
    for n in range(1, total + 1):
        shutil.copyfile(stick, "state.img")
        r = isopod("add", "state.img", "new.img", "--verify", program=FAULTS, env={"ISOPOD_TEST_FAIL": str(n)})
        lines = [l for l in r.err.strip().split("\n") if "warning: " not in l]
        check(r.rc in (0, 3) and "Sanitizer" not in r.err, "pulled out at write %d: status %d %s" % (n, r.rc, r.err[:300]))
        check(r.rc == 0 or len(lines) == 1, "pulled out at write %d: more than a line: %r" % (n, r.err))
        ok, text = fsck_exfat("state.img")
        check(ok, "pulled out at write %d: %s" % (n, text))
    check(total > 5, "add makes only %d writes" % total)


with workdir():
    rng = random.Random(2026)
    make_data("data", 1)
    make_data("data2", 2)
    must("create", "stick.img", "--size", SIZE, "--uuid-seed", "1")
    for i, n in enumerate("abc"):
        noise(n + ".img", (i + 1) * MIB + 100 * i, i)
    noise("new.img", 3 * MIB + 77, 50)
    noise("next.img", 200000, 51)
    must("add", "stick.img", "a.img", "b.img", "c.img")
    digest = {n: sha256(n + ".img") for n in ("a", "b", "c", "new")}
    os.mkdir("v2")
    noise("v2/a.img", 2 * MIB, 60)

    volume_operation("add", "stick.img", ("add", "stick.img", "new.img", "--to", "/images"), ["/images/new.img"],
                     {"/images/new.img": None}, {"/images/new.img": digest["new"]}, rng)
    volume_operation("add to a new folder", "stick.img", ("add", "stick.img", "new.img", "--to", "/one/two"), ["/one/two/new.img"],
                     {"/one/two/new.img": None}, {"/one/two/new.img": digest["new"]}, rng)
    volume_operation("add --replace", "stick.img", ("add", "stick.img", "v2/a.img", "--replace"), ["/images/a.img"],
                     {"/images/a.img": digest["a"]}, {"/images/a.img": sha256("v2/a.img")}, rng)
    volume_operation("remove", "stick.img", ("remove", "stick.img", "/images/b.img"), ["/images/b.img"],
                     {"/images/b.img": digest["b"]}, {"/images/b.img": None}, rng)
    volume_operation("move in a folder", "stick.img", ("move", "stick.img", "/images/b.img", "/images/a name that is much longer than it was.img"),
                     ["/images/b.img", "/images/a name that is much longer than it was.img"],
                     {"/images/b.img": digest["b"], "/images/a name that is much longer than it was.img": None},
                     {"/images/b.img": None, "/images/a name that is much longer than it was.img": digest["b"]}, rng)
    volume_operation("move to a folder", "stick.img", ("move", "stick.img", "/images/b.img", "/other/b.img"), ["/images/b.img", "/other/b.img"],
                     {"/images/b.img": digest["b"], "/other/b.img": None}, {"/images/b.img": None, "/other/b.img": digest["b"]}, rng)
    must("next", "stick.img", "/images/a.img")
    next_operation("stick.img", rng)
    update_operation("stick.img", rng)
    create_operation(rng)
    killed("stick.img", rng)
    pulled_out("stick.img")
    print("%d states" % states)
cli_common.finish()

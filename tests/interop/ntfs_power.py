#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Power lost at the writes of `create --fs ntfs` and of `update` on a stick with NTFS. Until the last write of create there is no stick,
neither the old one nor the new, that could be taken for one. update leaves the data partition alone, byte for byte, and boot code of one version
that is whole; the next update brings it to its end. Killing update for real at each of its first writes gives nothing worse."""
import os, shutil, signal

from power_common import *
import cli_common

SIZE = "80M"
LONG = os.environ.get("LONG") == "1"
states = 0


def volume(stick):
    start, length, _ = partitions(stick)[1][0]
    return cut_out(stick, start, length, "part.ntfs")


def in_order(stick, what):
    r = run("ntfsfix", "-n", volume(stick))
    return check(r.returncode == 0 and "OK" in r.stdout and "ERROR" not in r.stdout, "%s: ntfsfix: %s" % (what, r.stdout))


def create():
    """Over an old stick, whose file is emptied first, which is no write of ours."""
    global states
    shutil.copyfile("stick.img", "old.img")
    writes = record_file("old.img", "create", "rec.img", "--fs", "ntfs", "--yes", "--uuid-seed", "77")
    size = os.path.getsize("old.img")
    with open("old.img", "r+b") as f:
        f.truncate(0)
        f.truncate(size)
    total, seen = len([w for w in writes if w is not None]), []
    # mkntfs alone makes some hundred writes, all alike
    for what, state in each_state("old.img", writes, rng, lambda n, w: LONG or n % 12 == 1 or n > total - 10):
        states += 1
        seen.append(what)
        r = isopod("list", state)
        if what == "complete":
            check(r.rc == 0 and in_order(state, "create"), "create, complete: " + r.err)
        else:
            check(r.rc == 3, "create, %s: half a stick: %s" % (what, r.out + r.err))
    check(len(seen) > 10 and seen[-1] == "complete", "create: only %d states" % len(seen))


def update():
    global states
    writes = record("stick.img", "update", "stick.img", data="data2")
    digest, esp = sha256(volume("stick.img")), partitions("stick.img")[1][1]
    for i, (what, state) in enumerate(each_state("stick.img", writes, rng, lambda n, w: LONG or n % 3 == 1)):
        states += 1
        equal(sha256(volume(state)), digest, "update, %s: the data partition" % what)
        bad = boots(state, "data", "data2")
        check(not bad, "update, %s: %s" % (what, bad))
        equal(partitions(state)[1], partitions("stick.img")[1], "update, %s: partitions" % what)
        if i % (1 if LONG else 8) == 0:
            r = isopod("update", state, data="data2")
            check(r.rc == 0 and not boots(state, "data2", "data2"), "update, %s, again: %s" % (what, r.err))
            cut_out(state, esp[0], esp[1], "part.esp")
            r = run("fsck.fat", "-n", "part.esp")
            check(r.returncode == 0, "update, %s, again: fsck.fat: %s" % (what, r.stdout))
    for n in (1, 2, 3, 5, 8, 13):
        shutil.copyfile("stick.img", "state.img")
        r = isopod("update", "state.img", data="data2", program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)})
        equal(r.rc, -signal.SIGKILL, "killed at write %d" % n)
        bad = boots("state.img", "data", "data2")
        check(not bad and sha256(volume("state.img")) == digest, "killed at write %d: %s" % (n, bad))
    must("update", "state.img", data="data2")
    check(not boots("state.img", "data2", "data2") and in_order("state.img", "update"), "after the killing")


with workdir():
    rng = random.Random(2027)
    make_data("data", 1)
    make_data("data2", 2)
    must("create", "stick.img", "--size", SIZE, "--fs", "ntfs", "--uuid-seed", "1")
    noise("a.img", 2 * MIB, 1)
    must("add", "stick.img", "a.img")
    create()
    update()
    print("%d states" % states)
cli_common.finish()

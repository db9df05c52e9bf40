#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`snapshot` in isopod.conf: before a start the menu keeps the current layer of a store as a snapshot and goes on in a spare file, on exFAT and
on NTFS; power fails at each of its writes, and `isopod layer` and the checkers of the volume agree with what it left."""
import itertools, json, random, re

from power_common import *
import cli_common
from crc32c import crc32c

STORE = "/vm/win"
CLOCK = "1795980900"  # 2026-11-29 19:35 UTC


def menu(stick, *keys, writes=-1, clock="0", env={}):
    r = run(os.path.join(B, "interop/menu"), stick, "keys", str(writes), *keys, env={**os.environ, "MENU_CLOCK": clock, **env})
    equal(r.returncode, 0, "the menu ends: " + r.stdout[-300:])
    return " ".join(re.sub("\x1b\\[[0-9;]*[A-Za-z]", " ", r.stdout).split())  # where lines are broken is not looked at


def copy(a, b):
    run("cp", "--sparse=always", a, b, check=True)


def at(stick):
    return stick + ":" + STORE


def listed(stick):
    return json.loads(must("layer", "list", at(stick), "--json").out)


def tree(stick):
    by = {l["id"]: l for l in listed(stick)["layers"]}
    return {l["name"]: by[l["parent"]]["name"] if l["parent"] else None for l in by.values()}


def current(stick):
    return next(l for l in listed(stick)["layers"] if l["current"])


def shows(stick, layer=None):
    must("layer", "export", at(stick), "o.raw", "--format", "raw", "--replace", *(["--layer", layer] if layer else []))
    return sha256("o.raw")


def sound(stick, what):
    r = must("layer", "check", at(stick))
    check(" 0 faults" in r.out, "%s: check: %s" % (what, r.out + r.err))
    check("read-only" not in r.out and "writable" not in r.out and "leftover" not in r.out, "%s: check: %s" % (what, r.out))


def write(stick, off, rng):
    """As a system would that was started from the stick."""
    sock = os.path.abspath("sock")
    p = subprocess.Popen([ISOPOD, "layer", "serve", at(stick), "--nbd", sock, "--write", "--once"], stdout=subprocess.PIPE)
    p.stdout.readline()
    with open("piece", "wb") as f:
        f.write(rng.randbytes(70000 // 512 * 512))
    r = run("qemu-io", "-f", "raw", "-c", "write -s piece %d %d" % (off, os.path.getsize("piece")), "nbd+unix:///?socket=" + sock)
    check(p.wait() == 0 and "wrote" in r.stdout, "write: " + r.stdout)


def conf(stick, text):
    with open("isopod.conf", "w") as f:
        f.write(text)
    must("add", stick, "isopod.conf", "--to", "/", "--replace")


def bytes_of(stick):
    start, length, _ = partitions(stick)[1][0]
    return sha256(cut_out(stick, start, length, "part"))


def make_store(rng):
    """A base, "monday" on it, and something written since, on the host."""
    with open("b.raw", "wb") as f:
        f.write(rng.randbytes(MIB) + bytes(7 * MIB))
    must("layer", "create", "host", "--from", "b.raw")
    for i, name in enumerate(("monday", None)):
        write_disk(must("layer", "path", "host").out.strip(), i * MIB, rng.randbytes(70000))
        if name:
            must("layer", "snapshot", "host", name)


def make_stick(fs):
    """Spare files made in a folder of the host, and on the stick itself."""
    stick = fs + ".img"
    must("create", stick, "--size", "140M", "--fs", fs, "--uuid-seed", "1")
    if fs == "exfat":
        must("layer", "spare", "host", "3")
    must("add", stick, *["host/" + n for n in sorted(os.listdir("host"))], "--to", STORE)
    must("layer", "check", at(stick), "--repair")  # their attributes
    if fs == "ntfs":
        check("3 spare files" in must("layer", "spare", at(stick), "3").out, "as many as were asked for")
    check("3 of 3 spare" in must("layer", "list", at(stick)).out, "list says how many are left")
    conf(stick, "snapshot = /vm/win\n")
    return stick


def on(fs, rng):
    stick = make_stick(fs)
    copy(stick, "whole.img")
    first = current(stick)
    was = {n: shows(stick, n) for n in tree(stick)}
    path = stick + ":" + STORE + "/" + first["file"]
    check("files for 3" in isopod("plan", path).out, fs + ": the plan says so")
    check(json.loads(isopod("plan", path, "--json").out)["snapshot_before"], fs + ": and as JSON")
    sound(stick, fs + ": before")
    out = isopod("list", stick).out
    check(out.count("a spare file of its store") == 3 and "stands on" not in out, fs + ": isopod list: " + out)
    check("isopod.spare" not in isopod("doctor", stick, "--no-machine").out, fs + ": the doctor does not take them for broken images")

    # without the rule nothing happens
    conf(stick, "snapshot = /vm/other* | off\n")
    before = bytes_of(stick)
    check("snapshot \"" not in menu(stick, "enter", "esc"), fs + ": no rule, no snapshot")
    equal(bytes_of(stick), before, fs + ": no rule, nothing is written")
    check("snapshot_before" not in json.loads(isopod("plan", path, "--json").out), fs + ": nor does the plan say so")

    copy("whole.img", stick)
    out = menu(stick, "enter", "esc", clock=CLOCK)
    check('as the snapshot "start 2026-11-29 19.35"' in out, fs + ": the menu says so: " + out[-400:])
    equal(tree(stick), {"base": None, "monday": "base", "start 2026-11-29 19.35": "monday", current(stick)["name"]: "start 2026-11-29 19.35"},
          fs + ": the tree")
    check(current(stick)["file"] != first["file"] and current(stick)["file"] in out, fs + ": another file is started")
    equal((shows(stick), shows(stick, "start 2026-11-29 19.35"), shows(stick, "monday")), (was[first["name"]], was[first["name"]], was["monday"]),
          fs + ": what they show")
    equal(listed(stick)["spares"], 2, fs + ": one is used")
    sound(stick, fs + ": after it")

    # nothing was written since: no other one
    before = bytes_of(stick)
    out = menu(stick, "enter", "esc")
    check("nothing was written since" in out, fs + ": no new one: " + out[-300:])
    equal(bytes_of(stick), before, fs + ": and nothing is written")

    # on and on, with and without a clock; one that runs backwards is none
    write(stick, 3 * MIB, rng)
    second = shows(stick)
    check('"start 1"' in menu(stick, "enter", "esc"), fs + ": without a clock")
    write(stick, 4 * MIB, rng)
    third = shows(stick)
    out = menu(stick, "enter", "esc", clock="946684800")
    check('"start 2"' in out and "last spare file" in out, fs + ": a clock of long ago: " + out[-400:])
    equal((shows(stick, "start 1"), shows(stick, "start 2"), shows(stick)), (second, third, third), fs + ": what they show")
    sound(stick, fs + ": three of them")

    # no spare file is left: it asks
    write(stick, 5 * MIB, rng)
    before = bytes_of(stick)
    out = menu(stick, "enter", "esc", "esc")
    check("no spare file left" in out and "without a snapshot" in out and "Starting" not in out, fs + ": it asks, and does not start: " + out[-300:])
    check("Starting" in menu(stick, "enter", "enter", "esc"), fs + ": or starts all the same")
    equal(bytes_of(stick), before, fs + ": and nothing is written")
    check("no spare file" in isopod("plan", stick + ":" + STORE + "/" + current(stick)["file"]).out, fs + ": so does the plan")
    # what starts by itself asks nobody, but says so; `default` names a file of long ago
    conf(stick, "snapshot = %s/%s\ndefault = %s/%s\ntimeout = 0\n" % (STORE, first["file"], STORE, first["file"]))
    out = menu(stick, "enter", "esc")  # as if the time was over
    check("no spare file left" in out and "without a snapshot" not in out and "Starting " + current(stick)["file"] in out, fs + ": by itself: " + out[-400:])

    # so it is without the rule: who takes it out of isopod.conf does not want a snapshot to be written to
    conf(stick, "default = %s/%s\ntimeout = 0\n" % (STORE, first["file"]))
    out = menu(stick, "enter", "esc")
    check("Starting " + current(stick)["file"] in out and "no snapshot" not in out, fs + ": no rule any more: " + out[-400:])
    # and for a choice for once
    conf(stick, "")
    must("next", stick, STORE + "/" + first["file"])
    out = menu(stick, "esc")
    check("Starting " + current(stick)["file"] in out, fs + ": chosen once: " + out[-400:])
    above = next(l["file"] for l in listed(stick)["layers"] if l["name"] == "start 2")

    # the menu goes back to one: the newest first
    conf(stick, "snapshot = %s/%s\n" % (STORE, first["file"]))
    out = menu(stick, "f9", "down", "enter", "enter")
    check("start 1 again" in out, fs + ": back: " + out[-300:])
    equal(shows(stick), second, fs + ": back")
    sound(stick, fs + ": back")
    # the current layer does not stand on it any more, but others may
    conf(stick, "default = %s/%s\ntimeout = 0\n" % (STORE, above))
    check("Starting " + current(stick)["file"] in menu(stick, "enter", "esc"), fs + ": back, and a default that was left behind")
    conf(stick, "snapshot = %s/%s\n" % (STORE, first["file"]))
    # a command that writes makes up what is missing
    must("layer", "snapshot", at(stick), "by hand")
    equal(listed(stick)["spares"], 3, fs + ": made up")
    write(stick, 6 * MIB, rng)
    out = menu(stick, "enter", "esc", clock=CLOCK)
    check('"start 2026-11-29 19.35 (2)"' in out, fs + ": a name that is taken: " + out[-300:])
    sound(stick, fs + ": and again")
    out = must("layer", "prune", at(stick), "--keep-starts", "1").out
    check("start 1: deleted" in out and "by hand" not in out, fs + ": the older ones go, no others: " + out)
    check({"by hand", "start 2026-11-29 19.35 (2)", "monday", "base"} < set(tree(stick)), fs + ": what stays: %r" % tree(stick))
    sound(stick, fs + ": pruned")


def power(fs, step):
    olds = news = 0
    for n in range(0, 100, step):
        copy("whole.img", "cut.img")
        out = menu("cut.img", "enter", "esc", "esc", writes=n)
        if 'snapshot "start 1"' in out:
            break
        if not check("no snapshot before this start" in out, "%s: write %d is lost: %s" % (fs, n, out[-300:])):
            break
        names = tree("cut.img")
        new = "start 1" in names
        equal(names, {"base": None, "monday": "base", **({"start 1": "monday", current("cut.img")["name"]: "start 1"} if new else
                                                         {current("cut.img")["name"]: "monday"})}, "%s: write %d is lost: the tree" % (fs, n))
        equal(shows("cut.img"), whole_shows, "%s: write %d is lost: what it shows" % (fs, n))
        sound("cut.img", "%s: write %d is lost" % (fs, n))
        olds += not new
        news += new
        if n % 3 == 0:  # once more, and it is done
            out = menu("cut.img", "enter", "esc")
            check('snapshot "start 1"' in out, "%s: write %d was lost, and once more: %s" % (fs, n, out[-300:]))
        else:
            must("layer", "snapshot", at("cut.img"), "next")
        equal(shows("cut.img"), whole_shows, "%s: write %d was lost, and on" % (fs, n))
        sound("cut.img", "%s: write %d was lost, and on" % (fs, n))
    check(olds, "%s: %d times the old state, %d times the new" % (fs, olds, news))
    if fs == "exfat":
        start, length, _ = partitions("cut.img")[1][0]
        equal(run("fsck.exfat", "-n", cut_out("cut.img", start, length, "part.exfat")).returncode, 0, "fsck.exfat")


def made_ahead(rng):
    """Power fails while spare files are made, or given up: what the store shows stays, and the same command does the rest."""
    copy("exfat.whole", "n.img")
    for want, have in (("0", 3), ("2", 0)):
        equal(listed("n.img")["spares"], have, "before: spare %s" % want)
        writes = record_store("n.img", STORE, "spare", want)
        states = 0
        for name, state in each_state("n.img", writes, rng, lambda n, w: n % 5 == 0 or n + 4 > sum(x is not None for x in writes)):
            r = must("layer", "check", at(state))
            check(" 0 faults" in r.out, "spare %s: %s: %s" % (want, name, r.out))
            equal(shows(state), whole_shows, "spare %s: %s: what it shows" % (want, name))
            must("layer", "spare", at(state), want)
            equal(listed(state)["spares"], int(want), "spare %s: %s: once more" % (want, name))
            states += 1
        check(states > 3, "%d states" % states)
        must("layer", "spare", at("n.img"), want)


def no_index():
    """A full drive, a write or a flush that fails while spare files are made, at each: no file that the index names is gone, and none is left over."""
    for args in (("spare", "f", "5"), ("spare", "f", "1"), ("snapshot", "f", "more")):
        for fault in ("ISOPOD_TEST_FULL", "ISOPOD_TEST_EIO", "ISOPOD_TEST_NO_FLUSH"):
            failed = 0
            for n in itertools.count(1):
                shutil.rmtree("f", ignore_errors=True)
                run("cp", "-r", "host", "f", check=True)
                if args[0] == "snapshot":
                    set_wanted("f/isopod-layers.idx", 5)
                r = isopod("layer", *args, program=FAULTS, env={fault: str(n)})
                what = "%s, %s=%d" % (args[0], fault[12:], n)
                if not r.err:
                    break
                failed += 1
                check(r.rc in (0, 3) and r.err.startswith("isopod: "), "%s: status %d %s" % (what, r.rc, r.err[-300:]))
                out = isopod("layer", "check", "f")
                check(out.rc == 0 and " 0 faults" in out.out and "spare file is missing" not in out.out, "%s: %s" % (what, out.out))
                must("layer", "spare", "f", "5")
                equal(json.loads(must("layer", "list", "f", "--json").out)["spares"], 5, what + ": once more")
            check(failed, "%s, %s: failed %d times" % (args[0], fault, failed))


def patch(index, change):
    """`change(raw, slot)`, in both slots."""
    with open(index, "r+b") as f:
        raw = bytearray(f.read())
        for slot in (0, 1 << 20):
            if raw[slot:slot + 8] != b"PODLAYR1":
                continue
            change(raw, slot)
            raw[slot + 8:slot + 12] = bytes(4)
            struct.pack_into("<I", raw, slot + 8, crc32c(raw[slot:slot + struct.unpack_from("<I", raw, slot + 12)[0]]))
        f.seek(0)
        f.write(raw)


def set_wanted(index, n):
    patch(index, lambda raw, slot: struct.pack_into("<I", raw, slot + 56, n))


def set_flag(index, name, flag):
    """Of a layer."""
    def change(raw, slot):
        e = slot + 64
        for _ in range(struct.unpack_from("<I", raw, slot + 52)[0]):
            size, flags, = struct.unpack_from("<HH", raw, e)
            n = struct.unpack_from("<H", raw, e + 12)[0]
            if raw[e + 96:e + 96 + n].decode() == name:
                struct.pack_into("<H", raw, e + 2, flags | flag)
            e += size
    patch(index, change)


def refused(rng):
    """A locked store makes none, nor one with an interrupted commit; nothing is written to them."""
    copy("whole.img", "r.img")
    must("layer", "lock", at("r.img"), "monday")
    must("layer", "start", at("r.img"))
    before = bytes_of("r.img")
    out = menu("r.img", "enter", "esc")
    check("store is locked" in out and "Starting" in out, "a locked store: " + out[-300:])
    equal(bytes_of("r.img"), before, "nothing is written to it")
    check("is locked" in isopod("plan", "r.img:" + STORE + "/" + current("r.img")["file"]).out, "the plan says so")

    run("cp", "-r", "host", "torn", check=True)
    set_flag("torn/isopod-layers.idx", "layer-2", 8)
    must("create", "t.img", "--size", "140M", "--uuid-seed", "1")
    must("add", "t.img", *["torn/" + n for n in sorted(os.listdir("torn"))], "--to", STORE)
    conf("t.img", "snapshot = on\n")
    before = bytes_of("t.img")
    out = menu("t.img", "enter", "esc", "esc")
    check("no snapshot before this start: the commit of the layer layer-2 was interrupted" in out and "Starting" not in out, "a commit: " + out[-300:])
    equal(bytes_of("t.img"), before, "nothing is written to it")


def spoilt_index():
    """Without an index that can be read nobody knows which layer may be written to: that is said, and none starts by itself."""
    copy("whole.img", "s.img")
    menu("s.img", "enter", "esc")
    path = STORE + "/" + current("s.img")["file"]
    index, disks = "isopod-layers.idx", [n for n in os.listdir("host") if n.endswith(".vhdx")]
    with open(index, "wb") as f:
        f.write(b"PODLAYR1" + bytes(2 << 20))
    must("add", "s.img", index, "--to", STORE, "--replace")
    conf("s.img", "snapshot = on\ndefault = %s\ntimeout = 0\n" % path)
    before = bytes_of("s.img")
    out = menu("s.img", "enter", "esc", "esc")
    check("not started by itself" in out and "Starting" not in out, "the default: " + out[-400:])
    must("next", "s.img", path)
    out = menu("s.img", "esc", "esc")
    check("not started by itself" in out and "Starting" not in out, "chosen once: " + out[-400:])
    conf("s.img", "snapshot = on\n")
    out = menu("s.img", "enter", "esc", "esc")
    check("layer store cannot be read" in out and "without a snapshot" in out and "Starting" not in out, "by hand: " + out[-400:])
    check("Starting" in menu("s.img", "enter", "enter", "esc"), "or all the same")
    r = isopod("plan", "s.img:" + path)
    check("cannot be read" in r.out and "No snapshot before it starts" in r.out, "so does the plan: " + r.out + r.err)
    conf("s.img", "snapshot = /vm/other*\n")
    check("layer store" not in menu("s.img", "enter", "esc"), "no rule, no word")
    check("No snapshot" not in isopod("plan", "s.img:" + path).out, "nor from the plan")


def lost_flush():
    """The index is on the stick, and the flush behind it fails: it is the index that tells which layer is current."""
    olds = news = 0
    for n in range(1, 14):
        copy("whole.img", "l.img")
        out = menu("l.img", "enter", "esc", "esc", env={"MENU_NO_FLUSH": str(n)})
        if not check(('snapshot "start 1"' in out) == ("start 1" in tree("l.img")), "flush %d fails: %s" % (n, out[-300:])):
            break
        check(("Starting " + current("l.img")["file"] in out) == ("start 1" in tree("l.img")), "flush %d fails: what starts: %s" % (n, out[-300:]))
        equal(shows("l.img"), whole_shows, "flush %d fails: what it shows" % n)
        sound("l.img", "flush %d fails" % n)
        news += "start 1" in tree("l.img")
        olds += "no snapshot before" in out
    check(news > 1 and olds, "flushes: %d times the old state, %d times the new" % (olds, news))


def pulled():
    """The stick is pulled at one of the writes: where the index was written, nobody knows whether there is a snapshot, and nothing says so."""
    unknown = nots = 0
    for rule in ("snapshot = on\n", "snapshot = on\ndefault = %s/%s\ntimeout = 0\n" % (STORE, current("whole.img")["file"])):
        for n in range(1, 100):
            copy("whole.img", "p.img")
            conf("p.img", rule)
            out = menu("p.img", "enter", "esc", "esc", writes=n, env={"MENU_PULLED": "1"})
            if 'snapshot "start 1"' in out:
                break
            said = "before this start is not known" in out
            if not check(said or "no snapshot before this start" in out or "Starting" not in out, "pulled at write %d: %s" % (n, out[-300:])):
                break
            check(not (said and "default" in rule and "Starting" in out), "pulled at write %d: not started by itself: %s" % (n, out[-300:]))
            check(said or "start 1" not in tree("p.img"), "pulled at write %d: a snapshot that it says is not there" % n)
            sound("p.img", "pulled at write %d" % n)
            unknown += said
            nots += not said
    check(unknown > 1 and nots, "pulled: %d times unknown, %d times none" % (unknown, nots))


def older_index(rng):
    """An index from before the snapshot is put back: what was written since is not lost to the next one."""
    copy("exfat.whole", "i.img")
    run("cp", "-r", "host", "old", check=True)
    menu("i.img", "enter", "esc")
    write("i.img", 5 * MIB, rng)
    used = current("i.img")["file"]
    held = shows("i.img")
    must("add", "i.img", "old/isopod-layers.idx", "--to", STORE, "--replace")
    r = isopod("layer", "snapshot", at("i.img"), "x")
    check(r.rc == 3 and used in r.err and "older" in r.err, "a command that writes is refused: " + r.err)
    check("snapshot \"start 1\"" in menu("i.img", "enter", "esc"), "the menu goes on in another one")
    must("layer", "check", at("i.img"), "--repair")
    name = next(l["name"] for l in listed("i.img")["layers"] if l["file"] == used)
    equal(shows("i.img", name), held, "and what was written is there")


def damaged_spares():
    """Spare files that cannot be used: the menu takes another one, or says that there is none; `layer spare` makes others."""
    copy("whole.img", "d.img")
    names = [s for s in os.listdir("host") if s.endswith(".vhdx") and s not in {l["file"] for l in listed("d.img")["layers"]}]
    with open("bad", "wb") as f:
        f.write(bytes(8 * MIB))
    for i, name in enumerate(sorted(names)):
        shutil.copyfile("bad", name)
        must("add", "d.img", name, "--to", STORE, "--replace")
        if i + 2 == len(names):
            copy("d.img", "e.img")
            check('snapshot "start 1"' in menu("e.img", "enter", "esc"), "another one is taken")
    before = bytes_of("d.img")
    out = menu("d.img", "enter", "esc", "esc")
    check("no spare file can be used" in out and "no spare file left" not in out and "Starting" not in out, "none of them: " + out[-300:])
    equal(bytes_of("d.img"), before, "nothing is written")
    r = isopod("layer", "check", at("d.img"))
    check(r.out.count("a spare file is damaged") == 3, "check tells: " + r.out)
    r = must("layer", "spare", at("d.img"), "3")
    check(r.err.count("stays as it is") == 3 and "3 spare files" in r.out, "others are made: " + r.out + r.err)
    check('snapshot "start 1"' in menu("d.img", "enter", "esc"), "and used")
    equal(shows("d.img"), whole_shows, "what it shows")


def older_index_below():
    """The same with a spare file that says nothing itself, but that something stands on."""
    copy("exfat.whole", "j.img")
    menu("j.img", "enter", "esc")
    must("layer", "snapshot", at("j.img"), "between")
    silent = next(l["file"] for l in listed("j.img")["layers"] if l["name"] == "between")
    write("j.img", 5 * MIB, random.Random(3))
    used, held = current("j.img")["file"], shows("j.img")
    run("cp", "-r", "host", "old2", check=True)
    must("add", "j.img", "old2/isopod-layers.idx", "--to", STORE, "--replace")
    r = isopod("layer", "snapshot", at("j.img"), "x")
    check(r.rc == 3 and silent in r.err and "older" in r.err, "a command that writes is refused: %d %s" % (r.rc, r.err))
    check("snapshot \"start 1\"" in menu("j.img", "enter", "esc"), "the menu goes on in another one")
    check(current("j.img")["file"] not in (silent, used), "in none that something stands on")
    must("layer", "check", at("j.img"), "--repair")
    by = {l["file"]: l for l in listed("j.img")["layers"]}
    check(silent in by and used in by and by[used]["parent"] == by[silent]["id"], "both are layers again: %r" % list(by))
    equal(shows("j.img", by[used]["name"]), held, "and what was written is there")
    sound("j.img", "taken in")


def rebuilt():
    """Without the index, spare files are known for what they are."""
    run("cp", "-r", "host", "lost", check=True)
    now = json.loads(must("layer", "list", "lost", "--json").out)
    os.unlink("lost/isopod-layers.idx")
    must("layer", "check", "lost", "--repair")
    then = json.loads(must("layer", "list", "lost", "--json").out)
    equal((then["spares"], then["current"], len(then["layers"])), (now["spares"], now["current"], len(now["layers"])), "rebuilt")
    must("layer", "spare", "lost", "1")
    equal(len([n for n in os.listdir("lost") if n.endswith(".vhdx")]), len(now["layers"]) + 1, "fewer of them")
    check("0 spare" in must("layer", "spare", "lost", "0").out and "spare" not in must("layer", "list", "lost").out, "none of them")


def main():
    global whole_shows
    rng = random.Random(11)
    with cli_common.workdir():
        make_data("data", 1)
        make_store(rng)
        for fs, step in (("ntfs", 5), ("exfat", 1)):
            on(fs, rng)
            whole_shows = shows("whole.img")
            power(fs, step)
            copy("whole.img", fs + ".whole")
        refused(rng)
        made_ahead(rng)
        no_index()
        spoilt_index()
        lost_flush()
        pulled()
        older_index(rng)
        older_index_below()
        damaged_spares()
        rebuilt()
    finish()


if __name__ == "__main__":
    main()

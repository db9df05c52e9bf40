#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod layer send and receive: contents against qemu-img; through gzip; holes; a pipe torn at many points and resumed; killed, a full
drive, failing writes and power cuts; every field of the stream turned over; another base, a store that went on by itself, twice."""
import json, os, random, re, shutil, subprocess

from power_common import *
from power_folder import folder_states
import cli_common

LONG = os.environ.get("LONG") == "1"
BLOCK = 256 << 10
HEAD, RECORD = 512, 64


def send(store, *what):
    p = subprocess.run([ISOPOD, "layer", "send", store, *what], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100)
    check(p.returncode == 0 and not p.stderr, "send %r: %d %r" % (what, p.returncode, p.stderr))
    return p.stdout


def receive(store, stream, program=ISOPOD, env=None):
    p = subprocess.run([program, "layer", "receive", store], input=stream, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100,
                       env=dict(os.environ, LC_ALL="C.UTF-8", **(env or {})))
    r = cli_common.Result(p)
    r.err = p.stderr.decode()
    check("Sanitizer" not in r.err and r.err.count("\n") <= 2, "receive: %d %s" % (r.rc, r.err))
    return r


def token(store):
    out = must("layer", "receive", store, "--status").out.split()
    return out[0] if out else None


def names(store):
    if not os.path.exists(store + "/isopod-layers.idx"):
        return {}
    return {l["name"]: l for l in json.loads(must("layer", "list", store, "--json").out)["layers"]}


def fresh(name, src):
    shutil.rmtree(name, ignore_errors=True)
    if src:
        run("cp", "-a", src, name, check=True)
    return name


def content(store, layer):
    must("layer", "export", store, "o.raw", "--layer", layer, "--format", "raw", "--replace")
    return sha256("o.raw")


def change(store, truth, *writes):
    """The same writes to the current layer and, by qemu-io alone, to a raw file."""
    sock = os.path.abspath("sock")
    p = subprocess.Popen([ISOPOD, "layer", "serve", store, "--nbd", sock, "--write", "--once"], stdout=subprocess.PIPE)
    p.stdout.readline()
    args = [a for w in writes for a in ("-c", w)]
    for target in ("nbd+unix:///?socket=" + sock, truth):
        r = run("qemu-io", "-f", "raw", *args, target)
        check(r.returncode == 0, "qemu-io: " + r.stdout)
    p.wait()


def holds(store, layer, truth, what):
    must("layer", "export", store, "got.raw", "--layer", layer, "--format", "raw", "--replace")
    r = run("qemu-img", "compare", "-f", "raw", "-F", "raw", "got.raw", truth)
    check(r.returncode == 0, "%s: qemu-img compare: %s" % (what, r.stdout))
    r = isopod("layer", "check", store, "--hash")
    check(r.rc == 0 and " 0 faults, 0 repaired, 0 warnings" in r.out, "%s: check: %s%s" % (what, r.out, r.err))


def make(rng):
    with open("one.raw", "wb") as f:
        f.write(rng.randbytes(3 * MIB) + bytes(9 * MIB))
    must("layer", "create", "s", "--from", "one.raw")
    shutil.copyfile("one.raw", "two.raw")
    change("s", "two.raw", "write -P 7 512 700k", "write -P 9 5M 4k", "write -P 3 7M 2560k", "write -z 2M 512k", "write -P 7 6M 4k", "write -z 6M 4k")
    must("layer", "snapshot", "s", "one")
    change("s", "two.raw", "write -P 5 10M 64k", "write -P 6 11M 1M")
    must("layer", "snapshot", "s", "two")
    shutil.copyfile("two.raw", "three.raw")
    change("s", "three.raw", "write -P 1 4M 100k", "write -z 0 1M")
    must("layer", "snapshot", "s", "three")
    shutil.copyfile("three.raw", "grown.raw")
    must("disk", "grow", must("layer", "path", "s").out.strip(), "--size", "12800K")
    run("truncate", "-s", "12800K", "grown.raw", check=True)
    change("s", "grown.raw", "write -P 8 12600k 100k")
    lists = lambda: len([f for f in os.listdir("s") if f.endswith(".hashes")])
    equal(lists(), 0, "a snapshot takes no hashes")
    must("layer", "snapshot", "s", "grown", "--hash")
    equal(lists(), 1, "but with --hash")
    check(isopod("layer", "check", "s", "--hash").rc == 0, "which are right")
    for f in os.listdir("s"):
        if f.endswith(".hashes"):
            os.unlink("s/" + f)


def works():
    whole, two, three, grown = send("s", "base"), send("s", "base..two"), send("s", "two..three"), send("s", "three..grown")
    check(len(two) < 6 * MIB and len(three) < 200000, "only what changed: %d, %d" % (len(two), len(three)))
    equal(send("s", "base..two"), two, "the same again, with kept hashes")
    r = receive("t", two)
    check(r.rc == 3 and not os.path.exists("t"), "no store, and no base: " + r.err)
    check(receive("t", whole).rc == 0, "a whole layer makes a store")
    holds("t", "base", "one.raw", "base")
    for stream, layer, truth in ((two, "two", "two.raw"), (three, "three", "three.raw"), (grown, "grown", "grown.raw")):
        r = receive("t", stream)
        check(r.rc == 0 and not r.err, "%s: %s" % (layer, r.err))
        holds("t", layer, truth, layer)
        holds("t", json.loads(must("layer", "list", "t", "--json").out)["layers"][-1]["name"], truth, "the current layer on " + layer)
        before = names("t")
        r = receive("t", stream)
        check(r.rc == 0 and "is here already" in r.err and names("t") == before, "received twice: %d %s" % (r.rc, r.err))
    equal([n for n in names("t") if n in ("base", "one", "two", "three", "grown")], ["base", "two", "three", "grown"], "layers")
    check(not [f for f in os.listdir("t") if f.endswith(".part")], "nothing is left over: %r" % os.listdir("t"))
    own = sum(os.stat("t/" + l["file"]).st_blocks * 512 for n, l in names("t").items() if n == "three")
    check(own < 1500000, "zeros and holes take no space: %d" % own)
    check(receive("u", send("s", "three")).rc == 0, "a layer with all that it stands on")
    holds("u", "three", "three.raw", "all of three")
    p = subprocess.run("%s layer send s three..grown | gzip -1 | gunzip | %s layer receive u" % (ISOPOD, ISOPOD), shell=True)
    check(p.returncode == 0, "through gzip")
    holds("u", "grown", "grown.raw", "through gzip")
    return whole, two


def refuses(two):
    one_line = lambda what, r, word: check(r.rc == 3 and word in r.err and r.err.count("\n") == 1, "%s: %d %s" % (what, r.rc, r.err))
    one_line("the current layer", isopod("layer", "send", "s", [n for n, l in names("s").items() if l["current"]][0]), "snapshot")
    one_line("not based on it", isopod("layer", "send", "s", "two..base"), "not based on")
    one_line("no such layer", isopod("layer", "send", "s", "base..nine"), "no layer")
    one_line("a token", isopod("layer", "send", "s", "--resume", "1-00"), "--status")
    one_line("no stream", receive("t", b"x" * 1000), "layer send")
    # the base is another one
    fresh("w", None)
    must("layer", "create", "w", "--size", "12M")
    one_line("another store", receive("w", two), "is not here")
    fresh("w", "b0")
    must("layer", "check", "w", "--hash")
    base = names("w")["base"]
    path = "w/" + base["file"]
    os.chmod(path, 0o644)
    # written to behind the index: its list of hashes no longer fits
    write_orphans(path)
    one_line("a base that changed", receive("w", two), "does not show")
    # it went on by itself
    fresh("w", "b0")
    write_disk(must("layer", "path", "w").out.strip(), 0, b"x" * 512)
    before = names("w")
    one_line("went on by itself", receive("w", two), "went on by itself")
    must("layer", "snapshot", "w", "own")
    one_line("went on by itself, with a snapshot", receive("w", two), "went on by itself")
    must("layer", "rollback", "w", "base")
    check(receive("w", two).rc == 0 and set(names("w")) >= {"base", "own", "two"} and before, "after a rollback it is taken")
    fresh("w", "b0")
    must("layer", "lock", "w")
    one_line("a kiosk", receive("w", two), "lock --off")
    fresh("w", "b0")
    must("layer", "rename", "w", [n for n, l in names("w").items() if l["current"]][0], "two")
    check(receive("w", two).rc == 0 and "received-" in str(names("w")), "its name is taken: %r" % list(names("w")))


def write_orphans(path):
    sock = os.path.abspath("sock")
    p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", sock, "--write", "--once", "--orphan-children"], stdout=subprocess.PIPE)
    p.stdout.readline()
    r = run("qemu-io", "-f", "raw", "-c", "write -P 99 1M 512", "nbd+unix:///disk?socket=" + sock)
    check(p.wait() == 0 and r.returncode == 0, "write: " + r.stdout)


def records(stream):
    """Offsets of all records, and of the data behind them."""
    out, at = [], HEAD
    while True:
        kind = int.from_bytes(stream[at + 4:at + 8], "little")
        extents = int.from_bytes(stream[at + 16:at + 20], "little")
        table = [int.from_bytes(stream[at + RECORD + 8 * i + 4:at + RECORD + 8 * i + 8], "little") for i in range(extents)]
        data = at + RECORD + 8 * extents
        out.append((at, data))
        at = data + sum(512 * n for n in table if not n >> 31)
        if kind == 3:
            check(at + 32 == len(stream), "the end is where it should be: %d of %d" % (at, len(stream)))
            return out


def torn(two, rng):
    """What arrived is kept, the rest is asked for by its token; the store is as before until the end."""
    recs = records(two)
    points = [0, 1, HEAD - 1, HEAD, len(two) - 1, len(two) - 32, len(two) - 33] + [rng.randrange(len(two)) for _ in range(60 if LONG else 5)]
    points += [a for r in recs[:: 1 if LONG else 10] for a in r]
    resumed = 0
    for n in points:
        fresh("w", "b0")
        before = names("w")
        r = receive("w", two[:n])
        check(r.rc == 3 and names("w") == before, "torn at %d: %d %s" % (n, r.rc, r.err))
        check(isopod("layer", "check", "w").rc == 0, "torn at %d: check" % n)
        t = token("w")
        check((t is None) == (n < HEAD), "torn at %d: a token, as there is something" % n)
        rest = send("s", "--resume", t) if t else two
        resumed += len(rest) < len(two)
        if rng.random() < 0.3:  # and once more
            r = receive("w", rest[:max(HEAD, len(rest) // 2)])
            check(r.rc == 3, "torn again: %d %s" % (r.rc, r.err))
            rest = send("s", "--resume", token("w"))
        r = receive("w", rest)
        check(r.rc == 0 and content("w", "two") == sha256("two.raw"), "torn at %d, resumed: %d %s" % (n, r.rc, r.err))
        check(token("w") is None, "nothing goes on any more")
    check(resumed > 3, "%d of them were not sent from the beginning" % resumed)
    # the rest of something else
    fresh("w", "b0")
    receive("w", two[:len(two) // 2])
    rest = send("s", "--resume", token("w"))
    r = receive(fresh("w", "b0"), rest)
    check(r.rc == 3 and "beginning" in r.err, "a rest without a beginning: %d %s" % (r.rc, r.err))
    subprocess.run("%s layer send s base..two 2>said | head -c 100000 >part" % ISOPOD, shell=True)
    check("Broken pipe" in open("said").read(), "a sender whose pipe was closed says so")
    check(receive("w", open("part", "rb").read()).rc == 3, "a sender whose pipe was closed")


def mutated(two, rng):
    """Each byte of head, records, tables and end, and some of the data: refused, and the store is as before."""
    at = list(range(0, HEAD, 1 if LONG else 11)) + list(range(len(two) - 96, len(two), 1 if LONG else 5))
    for a, data in records(two):
        at += range(a, data) if LONG else rng.sample(range(a, data), 1)
        at += [min(data + rng.randrange(4096), len(two) - 1)] if LONG or rng.random() < 0.4 else []
    fresh("w", "b0")
    before = names("w")
    for n in sorted(set(at)):
        bad = bytearray(two)
        bad[n] ^= 1 << rng.randrange(8)
        r = receive("w", bytes(bad))
        check(r.rc == 3 and r.err.startswith("isopod: "), "byte %d: %d %s" % (n, r.rc, r.err))
    check(names("w") == before, "the index is as it was")
    for bad in (two + b"\0", two + two, two[:HEAD] + two[records(two)[3][0]:], two[:records(two)[-1][0]] + two[records(two)[0][0]:]):
        r = receive("w", bad)
        check(r.rc == 3, "%d bytes: %d %s" % (len(bad), r.rc, r.err))
    check(receive("w", two).rc == 0 and content("w", "two") == sha256("two.raw"), "and the good one is taken then")


def killed(two, rng):
    """Killed before a write, no space, failing writes and flushes: nothing is lost, and it goes on."""
    fresh("w", "b0")
    if os.path.exists("log"):
        os.unlink("log")
    env = {"ISOPOD_TEST_STORE": os.path.abspath("log")}
    check(receive("w", two, FAULTS, env).rc == 0, "the recorded one")
    kinds = [e[0] for e in parse("log")]
    after = content("w", "two")
    for fault in ("ISOPOD_TEST_CUT", "ISOPOD_TEST_FULL", "ISOPOD_TEST_EIO", "ISOPOD_TEST_NO_FLUSH"):
        total = kinds.count("F") if fault == "ISOPOD_TEST_NO_FLUSH" else sum(k in "WZ" for k in kinds)
        for n in range(1, total + 1) if LONG else sorted(rng.sample(range(1, total + 1), 2)):
            what = "%s=%d of %d" % (fault[12:], n, total)
            fresh("w", "b0")
            before = {k: content("w", k) for k in names("w")}
            r = receive("w", two, FAULTS, {fault: str(n)})
            if r.rc != 0:
                check(r.rc in (3, -9) and all(content("w", k) == d for k, d in before.items() if k in names("w")) and "base" in names("w"),
                      "%s: %d %s" % (what, r.rc, r.err))
            t = token("w")
            r = receive("w", send("s", "--resume", t) if t else two)
            check(r.rc == 0 and content("w", "two") == after, "%s, then in order again: %d %s" % (what, r.rc, r.err))
            r = isopod("layer", "check", "w", "--repair")
            check(r.rc == 0 and " 0 faults" in isopod("layer", "check", "w").out, "%s: check: %s" % (what, r.out))


def first(whole, rng):
    """Killed while the first layer of a new store arrives: the same command again, whatever was there, and no file by hand."""
    made = ["layer", "create", "w", "--from", "one.raw"]
    for what, start in (("receive", lambda env: receive("w", whole, FAULTS, env)), ("create", lambda env: isopod(*made, program=FAULTS, env=env))):
        fresh("w", None)
        if os.path.exists("log"):
            os.unlink("log")
        check(start({"ISOPOD_TEST_STORE": os.path.abspath("log")}).rc == 0, "the recorded " + what)
        total = sum(e[0] in "WZ" for e in parse("log"))
        seen = set()
        for n in sorted(set(rng.sample(range(1, total), 2)) | set(range(max(1, total - (total if LONG else 14)), total + 1))):
            fresh("w", None)
            start({"ISOPOD_TEST_CUT": str(n)})
            r = receive("w", whole) if what == "receive" else isopod(*made)
            if what == "create" and "check --repair" in r.err:
                seen.add("repair")
                must("layer", "check", "w", "--repair")
            else:
                seen.add("again")
                check(r.rc == 0 or "already holds layers; name" in r.err, "%s killed at write %d of %d, again: %s" % (what, n, total, r.err))
            check(content("w", "base") == sha256("one.raw"), "%s at %d: what is in it" % (what, n))
            check(" 0 faults" in isopod("layer", "check", "w").out, "%s at %d: a sound store" % (what, n))
            equal(len(names("w")), 2, "the layer, and a current one")
        check(seen >= ({"repair", "again"} if what == "create" else {"again"}), "%s: ways on that were seen: %r" % (what, seen))


def power(two, rng):
    fresh("w", "b0")
    if os.path.exists("log"):
        os.unlink("log")
    env = {"ISOPOD_TEST_STORE": os.path.abspath("log"), "SOURCE_DATE_EPOCH": "1700000000"}
    check(receive("w", two, FAULTS, env).rc == 0, "the recorded one")
    old, new, seen, n = sorted(names("b0")), sorted(names("w")), set(), 0
    for what in folder_states("b0", parse("log"), rng):
        n += 1
        at, of = map(int, re.match(r"event (\d+) of (\d+)", what).groups())
        if not LONG and n % 12 and (at < of - 5 or n % 3):
            continue
        now = sorted(names("state"))
        r = isopod("layer", "check", "state")
        check(now in (old, new) and " 0 faults" in r.out, "%s: %r %s%s" % (what, now, r.out, r.err))
        seen.add(now == new)
        if now == new:
            check(content("state", "two") == sha256("two.raw"), what + ": the new layer is whole")
        else:
            t = token("state")
            r = receive("state", send("s", "--resume", t) if t else two)
            check(r.rc == 0 and content("state", "two") == sha256("two.raw"), "%s, then again: %d %s" % (what, r.rc, r.err))
    check(seen == {True, False}, "before and after were seen: %r of %d" % (seen, n))


def on_a_stick(whole, two):
    make_data("data", 1)
    must("create", "stick.img", "--size", "200M", "--uuid-seed", "1")
    store = "stick.img:/vm/win"
    env = {"ISOPOD_DATA": os.path.abspath("data")}
    check(receive(store, whole, env=env).rc == 0, "a whole layer onto a stick")
    check(receive(store, two[:len(two) // 2], env=env).rc == 3, "torn on a stick")
    r = receive(store, send("s", "--resume", token(store)), env=env)
    check(r.rc == 0, "and resumed: " + r.err)
    must("layer", "export", store, "got.raw", "--layer", "two", "--format", "raw", "--replace")
    equal(sha256("got.raw"), sha256("two.raw"), "what is on the stick")
    check(" 0 faults" in must("layer", "check", store, "--hash").out, "a sound store")


work_in_memory()  # thousands of flushes
with workdir():
    rng = random.Random(int(os.environ.get("SEED", "5")))
    make(rng)
    whole, two = works()
    fresh("b0", None)
    receive("b0", whole)
    steps = {"refuses": lambda: refuses(two), "torn": lambda: torn(two, rng), "mutated": lambda: mutated(two, rng), "killed": lambda: killed(two, rng),
             "first": lambda: first(whole, rng), "power": lambda: power(two, rng), "stick": lambda: on_a_stick(whole, two)}
    for name, step in steps.items():
        start = time.monotonic()
        if os.environ.get("ONLY", name) == name:
            step()
        print("%s: %.1f s" % (name, time.monotonic() - start))
cli_common.finish()

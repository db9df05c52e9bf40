#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A commit that was interrupted: what every command shows of the layers meanwhile, what is refused, and that --resume and --undo end it
exactly, killed at every write themselves; in folders and on sticks. qemu-img reads the base afterwards. The same of `disk merge`, as
far as it goes there."""
import glob, json, os, random, shutil

from power_common import *
import cli_common

LONG = os.environ.get("LONG") == "1"
STORE = "s"


def tree(store):
    return {l["name"]: l for l in json.loads(must("layer", "list", store, "--json").out)["layers"]}


def contents(store):
    out = {}
    for name in tree(store):
        must("layer", "export", store, "o.raw", "--layer", name, "--format", "raw", "--replace")
        out[name] = sha256("o.raw")
    return out


def current(store):
    return must("layer", "path", store).out.strip()


def chain(store, rng, grown=False):
    """base, one, two and the current one; each hides a part of the one below, in pieces and with holes."""
    with open("b.raw", "wb") as f:
        f.write(rng.randbytes(2 * MIB) + bytes(3 * MIB))
    must("layer", "create", store, "--from", "b.raw")
    for i, name in enumerate(("one", "two", None)):
        path = current(store)
        if grown and not name:
            must("disk", "grow", path, "--size", "7M")
            write_disk(path, 5 * MIB + 4096, rng.randbytes(300000))
        write_disk(path, i * 700 * 1024 + 512, rng.randbytes(900 * 1024))
        write_disk(path, 4 * MIB + i * 65536, bytes(131072) if i else rng.randbytes(131072))
        if name:
            must("layer", "snapshot", store, name)


def writes_of(*args):
    """How many changes of files a command makes."""
    if os.path.exists("log"):
        os.unlink("log")
    r = isopod(*args, program=FAULTS, env={"ISOPOD_TEST_STORE": os.path.abspath("log")})
    check(r.rc == 0, "%r: %d %s" % (args, r.rc, r.err))
    return sum(e[0] in "WZ" for e in parse("log"))


def some(total, rng, how_many):
    """Which writes a process is killed before; LONG: each."""
    return range(1, total + 1) if LONG else sorted(rng.sample(range(1, total + 1), min(total, how_many)))


def kill(n, *args):
    r = isopod(*args, program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)})
    return check(r.rc == -9, "%r, killed before write %d: status %d %s" % (args, n, r.rc, r.err))


def interrupted(store):
    return "commit interrupted" in must("layer", "list", store).out


def copy(src, dst):
    shutil.rmtree(dst, ignore_errors=True)
    run("cp", "-a", src, dst, check=True)
    return dst


def base_by_qemu(store, want, what):
    """Third party; it reads no differencing VHDX."""
    if ":" in store:
        return
    r = run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", os.path.join(store, tree(store)["base"]["file"]), "q.raw")
    check(r.returncode == 0 and sha256("q.raw") == want["base"], "%s: qemu-img reads the base: %s" % (what, r.stdout))


def meanwhile(what, store, into, old, new):
    """Whatever is asked, and whoever asks, gets the old or the new."""
    if not interrupted(store):
        now = contents(store)
        check(now in (old, new), "%s: neither as before nor as after" % what)
        return
    for name, d in contents(store).items():
        check(d in (old[name], new.get(name)), "%s: %s reads neither as before nor as after" % (what, name))
    r = isopod("layer", "check", store)
    check(r.rc == 0 and "into %s was interrupted" % into in r.out and "--resume" in r.out, "%s: check: %s%s" % (what, r.out, r.err))
    if ":" not in store:
        path = os.path.join(store, tree(store)[into]["file"])
        r = isopod("disk", "convert", path, "o.raw", "--replace")
        if r.rc == 0:
            check(sha256("o.raw") in (old[into], new[into]), "%s: the file of %s reads neither as before nor as after" % (what, into))
        else:
            check("a merge into it was interrupted" in r.err, "%s: the file of %s: %s" % (what, into, r.err))


def ends(what, store, old, new):
    """Each way in turn, and sound."""
    resumed = copy(store, "resumed") if ":" not in store else None
    if resumed is None:
        shutil.copyfile(store.split(":")[0], "resumed.img")
        resumed = "resumed.img:" + store.split(":")[1]
    for s, how, want in ((store, "--undo", old), (resumed, "--resume", new)):
        r = isopod("layer", "commit", s, how)
        if check(r.rc == 0, "%s, %s: %d %s" % (what, how, r.rc, r.err)):
            equal(contents(s), want, "%s, %s" % (what, how))
        base_by_qemu(s, want, what + ", " + how)
        must("layer", "check", s, "--repair")  # a layer that a killed process had begun to make
        r = isopod("layer", "check", s, "--json")
        equal([f for f in json.loads(r.out)["findings"]], [], "%s, %s: check" % (what, how))


def killed(what, rng, name, into, grown=False):
    """The commit, then its resumption and its undoing, killed before their writes."""
    shutil.rmtree("s0", ignore_errors=True)
    chain("s0", rng, grown)
    args = [name] if name else []
    old = contents("s0")
    total = writes_of("layer", "commit", copy("s0", "done"), *args)
    new = contents("done")
    halves = []
    for n in some(total, rng, 6):
        kill(n, "layer", "commit", copy("s0", STORE), *args)
        here = "%s, killed before write %d of %d" % (what, n, total)
        meanwhile(here, STORE, into, old, new)
        if interrupted(STORE):
            halves.append(copy(STORE, "half%d" % n))
            ends(here, STORE, old, new)
        else:
            check(isopod("layer", "snapshot", STORE).rc == 0, here + ": the next command")
    for half in halves if LONG else halves[len(halves) // 2:][:1]:
        for how in ("--resume", "--undo"):
            total = writes_of("layer", "commit", copy(half, "done"), how)
            for n in some(total, rng, 3):
                kill(n, "layer", "commit", copy(half, STORE), how)
                here = "%s, %s of %s killed before write %d of %d" % (what, how, half, n, total)
                meanwhile(here, STORE, into, old, new)
                if interrupted(STORE):
                    ends(here, STORE, old, new)
    return halves, old, new


def refused(half):
    """One line, which names the way out; nothing changes."""
    copy(half, STORE)
    was = {f: sha256(f) for f in glob.glob(STORE + "/*")}
    for args in (("snapshot",), ("rollback", "base"), ("delete", "two"), ("rename", "one", "x"), ("lock",), ("commit",), ("flatten",), ("rebase", "two", "base"),
                 ("prune", "--keep", "1"), ("check", "--repair"), ("check", "--hash"), ("start",)):
        r = isopod("layer", args[0], STORE, *args[1:])
        if args[0] == "start":  # of a store that is not locked it changes nothing, but asks for the right to
            check(r.rc == 3, "start")
        one_line(r, 3, "layer %s" % args[0], "was interrupted", "--resume", "--undo")
    equal({f: sha256(f) for f in glob.glob(STORE + "/*")}, was, "nothing changes")
    one_line(isopod("layer", "commit", STORE, "--resume", "--undo"), 2, "both", "not both")
    one_line(isopod("layer", "commit", STORE, "two", "--undo"), 2, "a layer with --undo", "name one STORE")
    one_line(isopod("layer", "commit", "done", "--undo"), 3, "nothing to take back", "no commit was interrupted")
    one_line(isopod("layer", "commit", "done", "--resume"), 3, "nothing to resume", "no commit was interrupted")


def half_of(halves):
    """One in which the target's file is marked."""
    for h in halves:
        for f in glob.glob(h + "/*.vhdx"):
            if json.loads(must("disk", "info", f, "--json").out)["chain"][0].get("merge_interrupted"):
                return h, f
    return check(False, "no state in the middle: %r" % halves), None


def the_file_itself(path, way_on):
    r = must("disk", "info", path)
    check("a merge into it was interrupted" in r.out, "info: " + r.out)
    r = isopod("disk", "check", path)
    check(r.rc == 1 and "a merge into it was interrupted" in r.out, "check: %d %s" % (r.rc, r.out))
    for args in (("map", path), ("convert", path, "o.raw", "--replace"), ("serve", path, "--nbd", "k"), ("create", "x.vhdx", "--parent", path)):
        one_line(isopod("disk", *args), 3, "disk " + args[0], "a merge into it was interrupted", way_on)
    one_line(isopod("layer", "create", "fromhalf", "--from", path), 3, "layer create", "a merge into it was interrupted")


def undo_file(half, old, new):
    copy(half, STORE)
    path = glob.glob(STORE + "/*.undo")[0]
    good = open(path, "rb").read()
    for what, bad in (("damaged", good[:5000] + bytes([good[5000] ^ 1]) + good[5001:]), ("cut short", good[:-1]), ("another file", bytes(5000))):
        open(path, "wb").write(bad)
        r = isopod("layer", "commit", STORE, "--undo")
        check(r.rc == 3 and os.path.basename(path) in r.err and r.err.count("\n") == 1, "%s: %d %s" % (what, r.rc, r.err))
    os.unlink(path)
    one_line(isopod("layer", "commit", STORE, "--undo"), 3, "no undo file", "is missing", "--resume")
    must("layer", "commit", STORE, "--resume")
    equal(contents(STORE), new, "resumed without it")


def index_lost(half, old, new):
    copy(half, STORE)
    os.unlink(STORE + "/isopod-layers.idx")
    r = isopod("layer", "check", STORE, "--repair")
    check(r.rc == 0 and "was interrupted" in r.out, "an index made anew knows of it: %s%s" % (r.out, r.err))
    ends("an index made anew", STORE, old, new)
    # Whoever lost the layer as well has what there is.
    copy(half, STORE)
    os.unlink(STORE + "/isopod-layers.idx")
    for name in ("two", "layer"):
        for f in glob.glob("%s/%s*.vhdx" % (STORE, name)):
            os.unlink(f)
    r = isopod("layer", "check", STORE, "--repair")
    check(r.rc == 0 and "counts as complete now" in r.out, "a layer that is gone: %s%s" % (r.out, r.err))
    check(isopod("layer", "export", STORE, "o.raw", "--replace").rc == 0, "it can be read")


def written_since(rng):
    """Whoever goes on working on the layer before deciding loses nothing either way."""
    shutil.rmtree("s0", ignore_errors=True)
    chain("s0", rng)
    old = contents("s0")
    copy("s0", "w")
    total = writes_of("layer", "commit", copy("s0", "done"))
    kill(total * 2 // 3, "layer", "commit", "w")
    name = [n for n, l in tree("w").items() if l["current"]][0]
    for at in (100 * 1024, 3 * MIB):
        write_disk(current("w"), at, rng.randbytes(500000))
    now = contents("w")[name]
    must("layer", "commit", copy("w", STORE), "--undo")
    equal(contents(STORE), {**old, name: now}, "written since, taken back")
    must("layer", "commit", copy("w", STORE), "--resume")
    got = contents(STORE)
    equal((got["two"], len(got)), (now, len(old)), "written since, finished")


def being_read(rng):
    """Somebody reads the parent: nothing is begun."""
    chain("r", rng)
    before = contents("r")
    base = os.path.join("r", tree("r")["base"]["file"])
    p = subprocess.Popen([ISOPOD, "disk", "serve", base, "--nbd", os.path.abspath("sock")], stdout=subprocess.PIPE)
    p.stdout.readline()
    files = sorted(os.listdir("r"))
    r = isopod("layer", "commit", "r", "one")
    one_line(r, 3, "a commit into what is being read", "in use by isopod (process %d)" % p.pid)
    equal(sorted(os.listdir("r")), files, "and no file was made")
    must("layer", "snapshot", "r", "later")
    p.terminate()
    p.wait()
    must("layer", "commit", "r", "one")
    after = contents("r")
    equal((after["base"], after["two"]), (before["one"], before["two"]), "afterwards it goes")


def no_room(rng):
    """What takes it back is counted before anything begins. The layer lies over what the base holds, which does not get longer."""
    noise("n.raw", 4 * MIB)
    must("layer", "create", "n", "--from", "n.raw")
    write_disk(current("n"), 0, rng.randbytes(4 * MIB))
    os.mkdir("small")
    if run("mount", "-t", "tmpfs", "-o", "size=32m", "isopod-test", "small").returncode:
        return skip("no room", "no tmpfs can be mounted")
    try:
        run("cp", "-a", "n", "small/s", check=True)
        was = {f: sha256(f) for f in glob.glob("small/s/*")}
        free = os.statvfs("small").f_bavail * os.statvfs("small").f_frsize
        with open("small/filler", "wb") as f:
            os.posix_fallocate(f.fileno(), 0, free - 16 * MIB)
        one_line(isopod("layer", "commit", "small/s"), 3, "no room for the undo file", "not enough space", "nothing was changed")
        equal({f: sha256(f) for f in glob.glob("small/s/*")}, was, "no room: nothing changed")
        os.truncate("small/filler", free - 18 * MIB)
        must("layer", "commit", "small/s")
    finally:
        run("umount", "small", check=True)


def on_a_stick(fs, rng):
    """Killed, not cut: that is layer_power.py's and layer_ntfs.py's."""
    shutil.rmtree("s0", ignore_errors=True)
    chain("s0", rng)
    old = contents("s0")
    must("create", "st0.img", "--size", "160M", "--yes", "--uuid-seed", "1", *(["--fs", "ntfs"] if fs == "ntfs" else []))
    must("add", "st0.img", *sorted(glob.glob("s0/*")), "--to", "/vm/win")
    shutil.copyfile("st0.img", "done.img")
    total = writes_of("layer", "commit", "done.img:/vm/win", "two")
    new = contents("done.img:/vm/win")
    seen = 0
    for n in some(total, rng, 40):
        shutil.copyfile("st0.img", "st.img")
        kill(n, "layer", "commit", "st.img:/vm/win", "two")
        if interrupted("st.img:/vm/win"):
            seen += 1
            here = "%s, killed before write %d of %d" % (fs, n, total)
            meanwhile(here, "st.img:/vm/win", "one", old, new)
            ends(here, "st.img:/vm/win", old, new)
        if seen == 2 and not LONG:
            break
    check(seen > 1, "%s: states in the middle: %d" % (fs, seen))


def given_up():
    """The image that was being merged is lost: then only the user can say that what there is will do."""
    one_line(isopod("disk", "merge", "p2.vhdx", "--abandon"), 3, "it is there", "c2.vhdx", "could not be read any more")
    os.mkdir("alone")
    shutil.copyfile("p2.vhdx", "alone/p2.vhdx")
    the_file_itself("alone/p2.vhdx", "merge --abandon")
    r = must("disk", "merge", "alone/p2.vhdx", "--abandon")
    check("some of it is from before the merge" in r.err, "what it means is said: " + r.err)
    must("disk", "check", "alone/p2.vhdx")
    r = run("qemu-img", "check", "-f", "vhdx", "alone/p2.vhdx")
    check(r.returncode == 0, "qemu-img: " + r.stdout)
    must("disk", "map", "alone/p2.vhdx")
    one_line(isopod("disk", "merge", "alone/p2.vhdx", "--abandon"), 3, "once is enough", "no merge into it was interrupted")
    one_line(isopod("disk", "rebase", "c2.vhdx", "--parent", "alone/p2.vhdx"), 3, "it is another image now", "was changed since")
    check(isopod("disk", "merge", "c2.vhdx", "--abandon", "--keep").rc == 2, "--abandon alone")


def merge():
    """The same command goes on."""
    must("disk", "create", "p.vhdx", "--size", "8M", "--block-size", "1M")
    write_disk("p.vhdx", 0, b"p" * 3 * MIB)
    must("disk", "create", "c.vhdx", "--parent", "p.vhdx")
    write_disk("c.vhdx", 2 * MIB, b"c" * 3 * MIB)
    must("disk", "convert", "c.vhdx", "want.raw")
    seen = 0
    for n in range(1, 40):
        for f in "pc":
            shutil.copyfile(f + ".vhdx", f + "2.vhdx")
        must("disk", "rebase", "c2.vhdx", "--parent", "p2.vhdx")
        r = isopod("disk", "merge", "c2.vhdx", program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)})
        if r.rc == 0:
            break
        r = isopod("disk", "info", "p2.vhdx")
        if "a merge into it was interrupted" in r.out:
            if not seen:
                the_file_itself("p2.vhdx", "disk merge %s'" % os.path.realpath("c2.vhdx"))
                given_up()
            seen += 1
        must("disk", "merge", "c2.vhdx")
        must("disk", "convert", "p2.vhdx", "got.raw", "--replace")
        check(sha256("got.raw") == sha256("want.raw"), "disk merge, killed before write %d, done again" % n)
        r = run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", "p2.vhdx", "q.raw")
        check(r.returncode == 0 and sha256("q.raw") == sha256("want.raw"), "qemu-img: " + r.stdout)
    check(seen > 2 and r.rc == 0, "disk merge: %d states in the middle" % seen)


work_in_memory()  # many small files, which are flushed again and again
with workdir():
    rng = random.Random(11)
    make_data("data", 1)
    halves, old, new = killed("into the base", rng, "one", "base")
    half, path = half_of(halves)
    refused(half)
    the_file_itself(path, "layer commit %s --resume" % os.path.realpath(os.path.dirname(path)))
    undo_file(half, old, new)
    halves, old, new = killed("in the middle", rng, "two", "one")
    index_lost(half_of(halves)[0], old, new)
    killed("of a layer that was made longer", rng, None, "two", grown=True)
    written_since(rng)
    being_read(rng)
    no_room(rng)
    for fs in ("exfat", "ntfs"):
        on_a_stick(fs, rng)
    merge()
cli_common.finish()

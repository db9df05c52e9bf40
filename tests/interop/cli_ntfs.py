#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sticks whose data partition is NTFS: made by create, changed by add, remove and move; read by ntfsls, ntfscat, ntfsinfo and ntfsfix, and
through ntfs-3g; used by others in between. Power lost at every write: each state lists, holds the other images bit for bit and the touched
one as before or as after, and takes the next command; what lies between whole writes is in order to ntfsfix, too."""
import json, os, re, shutil, signal, struct, subprocess

from power_common import *
import cli_common

SIZE = "80M"
LONG = os.environ.get("LONG") == "1"
os.environ["LC_ALL"] = "C.UTF-8"
states = 0


def volume(stick):
    start, length, _ = partitions(stick)[1][0]
    return cut_out(stick, start, length, "part.ntfs")


def ntfs_names(part):
    out, where = [], ""
    for line in run("ntfsls", "-a", "-R", "-F", part).stdout.splitlines():
        if line.startswith("/") and line.endswith(":"):
            where = line[:-1].rstrip("/")
        elif line and line not in ("./", "../") and not line.startswith("Unnormalized"):
            out.append(where + "/" + line.rstrip("/"))
    return out


def in_order(stick, what, paths=()):
    """To programs that we did not write."""
    part = volume(stick)
    r = run("ntfsfix", "-n", part)
    ok = check(r.returncode == 0 and "OK" in r.stdout and "ERROR" not in r.stdout, "%s: ntfsfix: %s" % (what, r.stdout))
    r = run("ntfsinfo", "-m", part)
    ok &= check(r.returncode == 0, "%s: ntfsinfo: %s" % (what, r.stdout))
    names = ntfs_names(part)
    for path in paths:
        ok &= check(path in names, "%s: ntfsls shows no %s: %r" % (what, path, names))
    return ok


def bits(stick, what):
    """No cluster has two owners, and all that files have is taken: by ntfsresize, which looks at all of them."""
    r = run("ntfsresize", "-n", "-f", "-s", str(os.path.getsize(volume(stick)) // 1000 * 1000), "part.ntfs")
    check("Cluster accounting failed" not in r.stdout and "corrupt" not in r.stdout.lower(), "%s: ntfsresize: %s" % (what, r.stdout[-400:]))


def everyday():
    must("create", "a.img", "--size", SIZE, "--fs", "ntfs", "--label", "Größe 数据", "--uuid-seed", "5")
    shutil.copyfile("a.img", "again.img")
    kind = partitions("a.img")
    equal((kind[0], kind[1][0][2], kind[1][1][2]), ("dos", "7", "ef"), "partition types")
    info = run("ntfsinfo", "-m", volume("a.img")).stdout
    check("Volume Name: Größe 数据" in info, "label: " + info[:300])
    equal(listing("a.img"), [], "an empty stick")
    in_order("a.img", "created", ["/images"])
    must("create", "b.img", "--size", SIZE, "--fs", "ntfs", "--label", "Größe 数据", "--uuid-seed", "5")
    check(sha256("b.img") == sha256("a.img"), "the same seed makes the same stick")
    one_line(isopod("create", "c.img", "--size", SIZE, "--fs", "ntfs", "--label", "x" * 33), 2, "a label that is too long", "32")
    check(isopod("create", "c.img", "--size", SIZE, "--fs", "xfs").rc == 2, "an unknown filesystem")

    long = "一个很长的名字" + "字" * 70 + ".img"
    for name, size in (("one.img", 3 * MIB + 1), (long, 100000), ("empty.img", 0), ("small.img", 200)):
        noise(name, size, size)
        r = must("add", "a.img", name, "--verify")
        check(sha256(name) in r.out, "the hash of " + name)
    must("add", "a.img", "one.img", "--to", "/a/b c/d")
    r = isopod("add", "a.img", "one.img")
    check(r.rc == 3 and "the name is taken" in r.err, "a name that is there: " + r.err)
    shutil.copyfile("one.img", "ONE.img")
    check("taken" in isopod("add", "a.img", "ONE.img").err, "a name that differs in case")
    in_order("a.img", "added", ["/images/one.img", "/images/" + long, "/a/b c/d/one.img", "/isopod.sha256"])
    for name in ("one.img", long, "empty.img", "small.img"):
        p = subprocess.run(["ntfscat", "part.ntfs", "/images/" + name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        equal(hashlib.sha256(p.stdout).hexdigest(), sha256(name), "ntfscat " + name)
    got = {e["path"]: e for e in listing("a.img")}
    equal(got["/images/one.img"]["extents"], 1, "one.img is in one piece")
    equal(got["/images/" + long]["sha256_recorded"], sha256(long), "the recorded hash")
    must("move", "a.img", "/images/one.img", "/images/ONE.img")
    must("move", "a.img", "/images/ONE.img", "/new/folder/two.img")
    must("move", "a.img", "/a/b c", "/new")
    one_line(isopod("move", "a.img", "/new", "/new/folder/x"), 3, "a folder into itself", "into itself")
    one_line(isopod("move", "a.img", "/images/empty.img", "/images/a:b.img"), 3, "a name that Windows does not take", "Windows")
    one_line(isopod("remove", "a.img", "/new"), 3, "a folder that is not empty", "not empty")
    one_line(isopod("remove", "a.img", "/none"), 3, "nothing", "not found")
    must("remove", "a.img", "/new/b c/d/one.img", "/new/b c/d", "/images/small.img")
    equal(sorted(e["path"] for e in listing("a.img")), sorted(["/images/" + long, "/images/empty.img", "/new/folder/two.img"]), "after moves")
    in_order("a.img", "moved and removed", ["/new/folder/two.img", "/new/b c"])
    equal(sha256_of("a.img", "/new/folder/two.img"), sha256("one.img"), "two.img")
    noise("one.img", 2 * MIB, 99)
    must("add", "a.img", "one.img", "--to", "/new/folder")
    must("add", "a.img", "one.img", "--to", "/new/folder", "--replace")
    bits("a.img", "after all this")


def sha256_of(stick, path):
    p = subprocess.run(["ntfscat", volume(stick), path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return hashlib.sha256(p.stdout).hexdigest()


def full_and_in_pieces():
    """Others fill the volume and leave holes; then a folder with so many names that its tree gets two levels."""
    stick = "wide-stick.img"
    must("create", stick, "--size", "100M", "--fs", "ntfs", "--label", "")
    start, length, _ = partitions(stick)[1][0]
    part = volume(stick)
    os.mkdir("m")
    run("ntfs-3g", part, "m", check=True)
    for i in range(400):
        with open("m/fill%d" % i, "wb") as f:
            f.write(bytes([i & 255]) * 20000)
    left = os.statvfs("m")
    with open("m/rest", "wb") as f:
        f.write(b"r" * (left.f_bavail * left.f_frsize - (1 << 20)))
    for i in range(0, 400, 2):
        os.unlink("m/fill%d" % i)
    run("umount", "m", check=True)
    with open(part, "rb") as f, open(stick, "r+b") as out:
        out.seek(start)
        shutil.copyfileobj(f, out)
    noise("wide.img", 3 * MIB, 4)
    r = must("add", stick, "wide.img")
    check("pieces" in r.err, "a file in pieces is told: " + r.err)
    equal(sha256_of(stick, "/images/wide.img"), sha256("wide.img"), "a file in pieces")
    check({e["path"]: e["extents"] for e in listing(stick)}["/images/wide.img"] > 2, "it is in many")
    noise("huge.img", 20 * MIB, 5)
    r = isopod("add", stick, "huge.img")
    check(r.rc == 3 and "not enough space" in r.err, "no room: " + r.err)
    noise("tiny.img", 10, 6)
    names = []
    for i in range(40):
        names.append("%02d %s.img" % (i, "long name " * 15))
        shutil.copyfile("tiny.img", names[-1])
    must("add", stick, *names)
    have = {e["path"] for e in listing(stick)}
    check(all("/images/" + n in have for n in names), "forty long names")
    in_order(stick, "forty long names", ["/images/" + n for n in names])
    must("remove", stick, *["/images/" + n for n in names[5:35]])
    in_order(stick, "thirty removed", ["/images/" + n for n in names[:5] + names[35:]])
    bits(stick, "forty long names")


def left_open():
    """What Windows did not finish is not ours to write over."""
    shutil.copyfile("stick.img", "open.img")
    start, length, _ = partitions("open.img")[1][0]
    part = volume("open.img")
    text = run("ntfscluster", "-q", "-F", "/$LogFile", part).stdout
    lcn = int(re.search(r"^\s+0\s+(\d+)\s+\d+", text, re.M).group(1))
    page = bytearray(4096)
    page[0:4] = b"RSTR"
    struct.pack_into("<HH", page, 4, 30, 9)
    struct.pack_into("<IIH", page, 16, 4096, 4096, 48)
    struct.pack_into("<QHHHH", page, 48, 7, 1, 0xFFFF, 0, 0)
    with open("open.img", "r+b") as f:
        f.seek(start + lcn * 4096)
        f.write(page)
    before = sha256("open.img")
    noise("n.img", 100, 1)
    one_line(isopod("add", "open.img", "n.img"), 3, "an open journal", "chkdsk", "ntfsfix")
    equal(sha256("open.img"), before, "a refused stick is as it was")
    r = isopod("list", "open.img")
    check(r.rc == 0 and "chkdsk" in r.err, "it lists, and says so: " + r.err)
    equal(finding("open.img"), "problem", "the doctor on an open journal")
    equal(finding("stick.img"), "good", "the doctor on a sound volume")


def finding(stick):
    found = json.loads(isopod("doctor", stick, "--json").out)
    return [f["level"] for f in found["findings"] if f["check"] == "drive.volume"][0]


def packed():
    """What cannot be served is named."""
    stick = "packed.img"
    must("create", stick, "--size", SIZE, "--fs", "ntfs")
    start, length, _ = partitions(stick)[1][0]
    part = volume(stick)
    os.makedirs("m", exist_ok=True)
    run("ntfs-3g", "-o", "compression", part, "m", check=True)
    os.mkdir("m/packed")
    os.setxattr("m/packed", "system.ntfs_attrib", struct.pack("<I", 0x810))
    with open("m/packed/zeros.iso", "wb") as f:
        f.write(b"ab" * 100000)
    run("umount", "m", check=True)
    with open(part, "rb") as f, open(stick, "r+b") as out:
        out.seek(start)
        shutil.copyfileobj(f, out)
    check("compressed file" in must("list", stick).out, "list names it")
    one_line(isopod("plan", stick + ":/packed/zeros.iso"), 3, "plan", "compressed file")


def look(stick, paths):
    have = {e["path"] for e in listing(stick)}
    return {p: Content.digest(stick, json.loads(isopod("plan", stick + ":" + p, "--json").out)["extents"]) if p in have else None
            for p in paths}


def in_menu(stick, what, want):
    """The boot manager sees the volume as the commands do, whatever is torn. want: {path: size}"""
    r = run(os.path.join(B, "interop/menu"), stick)
    have = {line.split("\t")[0]: int(line.split("\t")[1]) for line in r.stdout.splitlines()}
    check(r.returncode == 0 and have == want, "%s: the menu (%d): %r, list: %r" % (what, r.returncode, have, want))


def power(name, args, before, after, rng):
    """before, after: digests by path (None: not there) of what may change."""
    global states
    content = Content("stick.img")
    writes = record("stick.img", *args)
    others = [p for p in content.files if p not in before]
    count = 0
    seen = []
    start, length, _ = partitions("stick.img")[1][0]

    def wanted(n, w):
        """All around what changes the volume; of the data, and of the journal on the ESP, some."""
        return LONG or (start <= w[0] < start + length and len(w[1]) < 100000) or n % 8 == 1

    for what, state in each_state("stick.img", writes, rng, wanted):
        count += 1
        states += 1
        what = name + ", " + what
        r = isopod("list", state, "--json")
        if not check(r.rc == 0, "%s: list: %s" % (what, r.err)):
            continue
        now = {e["path"]: e["size"] for e in json.loads(r.out)}
        for path in others:
            check(now.get(path) == content.files[path][0] and content.holds(state, path), "%s: %s changed" % (what, path))
        in_menu(state, what, {e["path"]: e["size"] for e in json.loads(r.out)})
        seen.append(look(state, before))
        check(seen[-1] in (before, after), "%s: neither as before nor as after: %r" % (what, seen[-1]))
        if "in write" not in what and (LONG or count % 2):
            in_order(state, what, others)
        if count % 14 == 0 or "complete" in what:
            shutil.copyfile(state, "then.img")
            r = isopod("add", "then.img", "next.img", "--to", "/after")
            check(r.rc == 0, "%s: the next add: %s" % (what, r.err))
            in_order("then.img", what + ", then add", others + ["/after/next.img"])
            check(look("then.img", before) in (before, after), "%s, then add: neither as before nor as after" % what)
    check(before in seen and after in seen, "%s: states before and after: %d" % (name, count))


def killed():
    for n in (1, 4, 9, 13, 16):
        shutil.copyfile("stick.img", "state.img")
        r = isopod("add", "state.img", "new.img", program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)})
        check(r.rc == -signal.SIGKILL, "cut at write %d: status %d" % (n, r.rc))
        in_order("state.img", "cut at write %d" % n, ["/images/one.img"])
        r = isopod("add", "state.img", "new.img", "--replace")
        check(r.rc == 0, "cut at write %d, again: %s" % (n, r.err))
        in_order("state.img", "cut at write %d, again" % n, ["/images/new.img"])
    bits("state.img", "after the killing")


def pulled_out():
    """Every write fails from the Nth on."""
    total = len([w for w in record("stick.img", "add", "stick.img", "new.img") if w])
    for n in range(1, total + 1, 3):
        shutil.copyfile("stick.img", "state.img")
        r = isopod("add", "state.img", "new.img", program=FAULTS, env={"ISOPOD_TEST_FAIL": str(n)})
        lines = [l for l in r.err.strip().split("\n") if "warning: " not in l]
        check(r.rc == 3 and len(lines) == 1 and "Sanitizer" not in r.err, "pulled out at write %d: status %d %s" % (n, r.rc, r.err[:300]))
        check(isopod("list", "state.img").rc == 0, "pulled out at write %d: list" % n)
    check(total > 20, "add makes only %d writes" % total)


def journal_is_void():
    """An interrupted change, and then somebody else writes to the same place."""
    shutil.copyfile("stick.img", "state.img")
    writes = record("stick.img", "add", "stick.img", "new.img")
    start, length, _ = partitions("stick.img")[1][0]
    meta = [w for w in writes if w and start <= w[0] < start + length and len(w[1]) < 100000 and b"n\0e\0w\0.\0i\0m\0g" in w[1]]
    for what, state in each_state("stick.img", writes, random.Random(1)):
        with open(state, "rb") as f:
            f.seek(meta[0][0])
            here = f.read(len(meta[0][1]))
        pending = isopod("list", state).out.count("/images/new.img") and b"n\0e\0w\0.\0i\0m\0g" not in here
        if pending:
            break
    check(pending, "a state in which the name is in the journal alone")
    with open(state, "r+b") as f:
        f.seek(meta[0][0] + 8)  # the record's log sequence number
        f.write(b"12345678")
    check("/images/new.img" not in isopod("list", state).out, "a journal that is void is not looked through")
    r = isopod("add", state, "next.img")
    check(r.rc == 0 and "chkdsk" in r.err, "it is told, and given up: " + r.err)
    check("chkdsk" not in isopod("remove", state, "/images/next.img").err, "told once")


with workdir():
    rng = random.Random(2026)
    make_data("data", 1)
    everyday()
    full_and_in_pieces()
    must("create", "stick.img", "--size", SIZE, "--fs", "ntfs", "--uuid-seed", "1")
    noise("one.img", MIB + 100, 1)
    noise("two.img", 300000, 2)
    noise("new.img", 500077, 3)
    noise("next.img", 100000, 4)
    must("add", "stick.img", "one.img", "two.img")
    digest = {n: sha256(n + ".img") for n in ("one", "two", "new")}
    left_open()
    packed()
    power("add", ("add", "stick.img", "new.img"), {"/images/new.img": None}, {"/images/new.img": digest["new"]}, rng)
    os.mkdir("v2")
    noise("v2/two.img", 400000, 60)
    power("add --replace", ("add", "stick.img", "v2/two.img", "--replace"), {"/images/two.img": digest["two"]},
          {"/images/two.img": sha256("v2/two.img")}, rng)
    power("remove", ("remove", "stick.img", "/images/two.img"), {"/images/two.img": digest["two"]}, {"/images/two.img": None}, rng)
    power("move", ("move", "stick.img", "/images/two.img", "/other/two.img"), {"/images/two.img": digest["two"], "/other/two.img": None},
          {"/images/two.img": None, "/other/two.img": digest["two"]}, rng)
    killed()
    pulled_out()
    journal_is_void()
    print("%d states" % states)
cli_common.finish()

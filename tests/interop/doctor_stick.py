#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""doctor on sticks and machines: configuration, memory, the drive; a counterfeit drive made of a file; no write but with --probe."""
import shutil

from doctor_common import *
import cli_common


class Exfat:
    """Just enough of the volume to damage it on purpose."""

    def __init__(self, stick):
        self.stick = stick
        self.part = partitions(stick)[1][0][0]
        self.f = open(stick, "r+b")
        b = self.at(0, 512)
        self.sector = 1 << b[0x6C]
        self.cluster = self.sector << b[0x6D]
        self.fat = struct.unpack_from("<I", b, 0x50)[0] * self.sector
        self.heap = struct.unpack_from("<I", b, 0x58)[0] * self.sector
        self.count = struct.unpack_from("<I", b, 0x5C)[0]
        self.root = struct.unpack_from("<I", b, 0x60)[0]

    def at(self, off, n):
        self.f.seek(self.part + off)
        return self.f.read(n)

    def put(self, off, data):
        self.f.seek(self.part + off)
        self.f.write(data)
        self.f.flush()

    def place(self, cluster):
        return self.heap + (cluster - 2) * self.cluster

    def bitmap(self):
        root = self.at(self.place(self.root), self.cluster)
        for i in range(0, len(root), 32):
            if root[i] == 0x81:
                return self.place(struct.unpack_from("<I", root, i + 20)[0])

    def flip(self, cluster):
        at = self.bitmap() + (cluster - 2) // 8
        self.put(at, bytes([self.at(at, 1)[0] ^ 1 << (cluster - 2) % 8]))


def copy(name):
    run("cp", "--sparse=always", "s.img", name, check=True)
    return name


def sound():
    before = sha256("s.img")
    got = findings("s.img", "--no-machine", "--full", rc=0)
    no_alarm(got, "a sound stick")
    for c in ("drive.open", "drive.folders", "drive.partitions", "drive.filesystem", "drive.volume", "drive.space", "drive.fragments", "drive.read",
              "image.copied", "rules.conf"):
        expect(got, c, "good")
    equal({f[2] for f in of(got, "image.copied")}, {"/images/a.iso", "/images/sub/good.iso"}, "every image")
    equal(sha256("s.img"), before, "nothing is written")
    got = findings("s.img:/images/a.iso", "--no-machine", rc=0)
    equal({f[2] for f in of(got, "image.boot")}, {"/images/a.iso"}, "one image of a stick")
    one_line(isopod("doctor", "s.img:/nowhere.iso"), 3, "a path that is not there", "nowhere.iso")
    one_line(isopod("doctor", "nowhere.iso"), 3, "a file that is not there", "nowhere.iso")


def command_line():
    got = findings("s.img", "--only", "3,drive.space")
    equal({f[0] for f in got}, {"rules.conf", "drive.space"}, "--only")
    got = findings("s.img", "--skip", "image,drive,kernel,4,2,5")
    equal({f[0] for f in got}, {"rules.conf"}, "--skip")
    for args in (("--only", "nonsense"), ("--probe=some", "s.img"), ("--probe",), ("a", "b"), ("--no-machine",), ("--explain", "nonsense"),
                 ("--save-inventory", "x", "s.img")):
        r = isopod("doctor", *args)
        check(r.rc == 2, "doctor %s: usage: %d %r" % (args, r.rc, r.err))
    ids = [line.split()[0] for line in must("doctor", "--explain").out.splitlines()]
    check(len(ids) == len(set(ids)) and len(ids) > 20, "ids are unique: %d" % len(ids))
    for i in ids:
        r = isopod("doctor", "--explain", i)
        check(r.rc == 0 and len(r.out) > 150 and max(len(line) for line in r.out.split("\n")[1:]) <= 78, "--explain %s: %r" % (i, r.out[:60]))
    equal([c["check"] for c in json.loads(must("doctor", "--explain", "--json").out)], ids, "--explain --json")
    p = subprocess.run(["sh", "-c", '"$POD" doctor s.img >/dev/full'], env=dict(os.environ, POD=ISOPOD, ISOPOD_DATA="data"), stderr=subprocess.PIPE)
    check(p.returncode == 3 and p.stderr.count(b"\n") == 1, "doctor >/dev/full: %d %r" % (p.returncode, p.stderr))


def with_conf(text):
    """A copy of the stick with this isopod.conf."""
    copy("conf.img")
    with open("isopod.conf", "w") as f:
        f.write(text)
    with mounted("conf.img", write=True) as point:
        shutil.copyfile("isopod.conf", point + "/isopod.conf")
    return "conf.img"


def rules():
    # problem, line, key, line that counts
    cases = [("timeout = 5\ndefault = /images/a.iso\nview = folders\nlanguage = zh_CN\n", []),
             ("timeuot = 5\n", [("unknown-key", 1, "timeuot", None)]),
             ("default = images/a.iso\ntimeout = 5000\ntimeout = 5\n", [("bad-value", 2, "timeout", 3), ("duplicate", 3, "timeout", 3)]),
             ("view = flat\n# x\nview = folders\nview = tree\n", [("duplicate", 3, "view", 3), ("bad-value", 4, "view", 3), ("duplicate", 4, "view", 3)]),
             ("default = /images/gone.iso\n", [("dead", 1, "default", 1)]), ("default = /isopod.conf\n", [("dead", 1, "default", 1)]),
             ("timeout = 3\n", [("no-effect", 1, "timeout", 1)]), ("what\n = 1\n", [("bad-line", 1, "what", None), ("bad-line", 2, "", None)])]
    level = {"dead": "problem", "no-effect": "note"}
    for text, want in cases:
        with_conf(text)
        r = isopod("rules", "lint", "conf.img", "--json")
        equal(r.rc, 1 if want else 0, "status of lint %r" % text)
        equal([(f["problem"], f["line"], f["key"], f.get("counts")) for f in json.loads(r.out)], want, "lint %r" % text)
        r = isopod("rules", "lint", "conf.img")
        lines = r.out.splitlines()
        check(len(lines) == (len(want) or 1) and (not want or all(l.startswith("isopod.conf:%d: " % w[1]) for l, w in zip(lines, want))),
              "lint %r: %r" % (text, r.out))
        got = of(findings("conf.img", "--only", "3"), "rules.conf")
        equal([(f[1], f[2]) for f in got],
              [(level.get(w[0], "warning"), "isopod.conf:%d" % w[1]) for w in want] or [("good", "isopod.conf")], "doctor on %r" % text)
    with_conf("view = flat\nVIEW=folders\nlanguage = xx\n")
    keys = {k["key"]: k for k in json.loads(must("rules", "show", "conf.img", "--json").out)["keys"]}
    equal((keys["view"]["value"], keys["view"]["given"], keys["view"]["line"]), ("folders", True, 2), "show view")
    equal((keys["language"]["value"], keys["language"]["given"]), ("en", False), "show language")
    for value, path, want in (("on", "a", True), ("off", "a", False), ("b* | A.iso", "a", True), ("/dos/*", "a", False)):
        with_conf("memory = %s\n" % value)
        equal(json.loads(isopod("plan", "conf.img:/images/%s.iso" % path, "--json").out)["from_memory"], want, "memory = %s" % value)
    with_conf("view = flat\nVIEW=folders\nlanguage = xx\n")
    check("isopod.conf:2" in must("rules", "show", "isopod.conf").out, "show names file and line")
    equal(must("rules", "show", "s.img").rc, 0, "show without a file")
    equal(json.loads(must("rules", "lint", "s.img", "--json").out), [], "lint without a file")
    for args in ((), ("lint",), ("check", "s.img"), ("lint", "s.img", "x")):
        equal(isopod("rules", *args).rc, 2, "rules %s" % (args,))
    one_line(isopod("rules", "lint", "nowhere"), 3, "a file that is not there", "nowhere")
    with open("binary.conf", "wb") as f:
        f.write(noise_bytes(100000))
    r = isopod("rules", "lint", "binary.conf", program=FAULTS)
    check(r.rc == 1 and "\x1b" not in r.out and "64 KiB" in r.out, "a file of noise: %d" % r.rc)


def machine(folder, ranges, total_kib):
    """A made-up /proc and /sys."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder + "/proc")
    with open(folder + "/proc/meminfo", "w") as f:
        f.write("MemTotal:       %d kB\nMemFree: 1 kB\n" % total_kib)
    for i, (start, end, kind) in enumerate(ranges):
        d = "%s/sys/firmware/memmap/%d" % (folder, i)
        os.makedirs(d)
        for name, value in (("start", "0x%x" % start), ("end", "0x%x" % (end - 1)), ("type", kind)):
            with open(d + "/" + name, "w") as f:
                f.write(value + "\n")
    return {"ISOPOD_TEST_ROOT": os.path.abspath(folder)}


def memory():
    ram, res = "System RAM", "Reserved"
    low = [(0, 0x9fc00, ram), (0x9fc00, 0xa0000, res)]
    kw = {"program": FAULTS}
    a = "a.iso"
    env = machine("m", low + [(MIB, 4096 * MIB - 64 * MIB, ram)], 4 << 20)
    got = findings(a, "--only", "4", env=env, rc=0, **kw)
    for c in ("memory.total", "memory.block", "memory.map"):
        expect(got, c, "good")
    expect(findings(a, "--only", "4", env=machine("m", low + [(MIB, 96 * MIB, ram)], 90 << 10), rc=1, **kw), "memory.total", "problem", "at least")
    expect(findings(a, "--only", "4", env=machine("m", low + [(MIB, 256 * MIB, ram)], 250 << 10), rc=0, **kw), "memory.total", "warning", "should have")
    pieces = [(16 * MIB * i, 16 * MIB * i + 8 * MIB, ram) for i in range(1, 120)]
    got = findings(a, "--only", "4", env=machine("m", low + pieces, 1 << 20), rc=1, **kw)
    expect(got, "memory.block", "problem", "8.0 MiB")
    expect(got, "memory.total", "good")
    overlap = low + [(MIB, 2048 * MIB, ram), (1024 * MIB, 1025 * MIB, res)]
    expect(findings(a, "--only", "4", env=machine("m", overlap, 2 << 20), rc=0, **kw), "memory.map", "warning", "40000000-400fffff")
    small = [(0, 0x60000, ram), (0x60000, 0xa0000, res), (MIB, 4000 * MIB, ram)]
    expect(findings(a, "--only", "4", env=machine("m", small, 4 << 20), rc=0, **kw), "memory.block", "warning", "384 KiB")
    got = findings(a, "--only", "4", env=machine("m", [], 4 << 20), rc=0, **kw)
    expect(got, "memory.block", "skipped")
    expect(got, "memory.total", "good")
    got = findings(a, "--only", "4", env=machine("m", [], 0), rc=0, **kw)
    expect(got, "memory.total", "skipped")
    # carried to another machine
    machine("m", low + [(MIB, 96 * MIB, ram)], 90 << 10)
    must("doctor", "--save-inventory", "small.txt", env=env, **kw)
    expect(findings(a, "--only", "4", "--inventory", "small.txt", rc=1), "memory.total", "problem", "at least")
    # the kernel's view where the firmware's is not there
    env = machine("m", [], 4 << 20)
    with open("m/proc/iomem", "w") as f:
        f.write("00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n00100000-7fffffff : System RAM\n  01000000-01ffffff : Kernel code\n")
    expect(findings(a, "--only", "4", env=env, rc=0, **kw), "memory.block", "good", " GiB")
    for junk in ("", "zz-yy : System RAM\n", "ffffffffffffffff-0 : System RAM\n" * 10, "\0" * 5000, "0-ffffffffffffffff : System RAM\n"):
        with open("m/proc/iomem", "w") as f:
            f.write(junk)
        findings(a, "--only", "4", env=env, **kw)


def volume():
    e = Exfat(copy("v.img"))
    used = next(c for c in range(e.count + 1, 2, -1) if not e.at(e.bitmap() + (c - 2) // 8, 1)[0] >> (c - 2) % 8 & 1)
    e.flip(used)  # allocated, but nobody's
    expect(findings("v.img", "--only", "drive", rc=0), "drive.volume", "warning", "1 clusters", "no file")
    e.flip(used)
    expect(findings("v.img", "--only", "drive", rc=0), "drive.volume", "good")
    first = json.loads(must("plan", "v.img:/images/a.iso", "--json").out)["map"]["segments"][0]
    cluster = (first["source"] - e.part - e.heap) // e.cluster + 2
    e.flip(cluster)  # a file's, marked as free
    digest = sha256("v.img")
    expect(findings("v.img", "--only", "drive", rc=1), "drive.volume", "problem", "marked as free")
    equal(sha256("v.img"), digest, "seen, not repaired")
    r = run("fsck.exfat", "-n", cut_out("v.img", *partitions("v.img")[1][0][:2], "part"))
    check(r.returncode != 0 or "ERROR" in r.stdout or "corrupt" in r.stdout.lower(), "fsck.exfat sees it too: %s" % r.stdout.strip())
    expect(findings("v.img", "--probe", "--only", "drive", rc=1), "drive.capacity", "skipped")
    equal(sha256("v.img"), digest, "no probe where it is not certain what is free")
    e.flip(cluster)
    flags = e.at(0x6A, 1)
    e.put(0x6A, bytes([flags[0] | 2]))
    expect(findings("v.img", "--only", "drive", rc=0), "drive.volume", "note")
    e.put(0x6A, flags)
    e.put(0x6D, b"\xff")
    expect(findings("v.img", "--only", "drive"), "drive.volume", "problem", "main boot region")
    e.put(0, bytes(512))
    e.put(12 * e.sector, bytes(512))
    expect(findings("v.img", rc=1), "drive.open", "problem")
    r = isopod("doctor", "v.img")
    check(r.rc == 1 and r.err == "", "a stick that cannot be opened is a finding: %r" % r.err)


def fragments():
    must("create", "f.img", "--size", "160M")
    for i in range(8):
        noise("n%d.img" % i, 8 * MIB, i)
        must("add", "f.img", "n%d.img" % i)
    for i in range(0, 8, 2):
        must("remove", "f.img", "/images/n%d.img" % i)
    noise("filler.img", int(of(findings("f.img", "--only", "drive.space"), "drive.space")[0][3].split(" MiB in one")[0].split()[-1].split(".")[0]) * MIB, 9)
    must("add", "f.img", "filler.img")
    with mounted("f.img", write=True) as point:
        shutil.copyfile("good.iso", point + "/pieces.iso")
    pieces = {f["path"]: f["extents"] for f in listing("f.img")}
    got = findings("f.img", "--only", "drive")
    check(pieces["/pieces.iso"] > 1, "it lies in pieces: %r" % pieces)
    expect(got, "drive.fragments", "note", "in %d pieces" % pieces["/pieces.iso"], subject="/pieces.iso")
    expect(got, "drive.fragments", "good", subject="/images/n1.img")


def tables():
    must("create", "g.img", "--size", "160M", "--table", "gpt")
    no_alarm(findings("g.img", "--no-machine", rc=0), "a GPT stick")
    patched("g.img", "g2.img", 512 + 60, None)
    expect(findings("g2.img", "--only", "drive", rc=1), "drive.partitions", "problem", "GPT")
    with open("odd.img", "wb") as f:
        f.truncate(100 * MIB)
    subprocess.run(["sfdisk", "-q", "odd.img"], input=b"label: dos\nstart=63, size=60MiB, type=c\nstart=160000, size=8MiB, type=ef\n", check=True)
    run("truncate", "-s", str(60 * MIB), "volume", check=True)
    run("mkfs.fat", "-F", "32", "volume", check=True)
    run("mcopy", "-i", "volume", "good.iso", "::", check=True)
    run("dd", "if=volume", "of=odd.img", "bs=512", "seek=63", "conv=notrunc,sparse", check=True)
    run("truncate", "-s", "8M", "esp", check=True)
    run("mkfs.fat", "esp", check=True)
    run("mmd", "-i", "esp", "::ISOPOD", check=True)
    run("mcopy", "-i", "esp", "data/SHIMX64", "::ISOPOD/STATE.BIN", check=True)
    run("dd", "if=esp", "of=odd.img", "bs=512", "seek=160000", "conv=notrunc,sparse", check=True)
    got = findings("odd.img", "--only", "drive")
    expect(got, "drive.partitions", "warning", "1 MiB")
    expect(got, "drive.filesystem", "note", "fat")
    expect(got, "drive.volume", "skipped")
    expect(findings("odd.img", "--only", "drive", "--probe"), "drive.capacity", "skipped")


def capacity():
    must("create", "w.img", "--size", "512M")
    must("add", "w.img", "good.iso")
    digest = sha256("w.img")
    expect(findings("w.img", "--probe", "--only", "drive.capacity", rc=0), "drive.capacity", "good")
    equal(sha256("w.img"), digest, "the sample leaves everything as it was")
    expect(findings("w.img", "--probe=full", "--only", "drive.capacity", rc=0), "drive.capacity", "good")
    fsck("w.img", "after a full probe")
    no_alarm(findings("w.img", "--no-machine", "--full", rc=0), "after a full probe every image is as it was")
    must("create", "w.img", "--size", "512M", "--yes")
    must("add", "w.img", "good.iso")
    for size, probe in ((128 * MIB, "--probe"), (256 * MIB, "--probe"), (256 * MIB, "--probe=full"), (100000000, "--probe=full"), (300000256, "--probe=full")):
        run("cp", "--sparse=always", "w.img", "fake.img", check=True)
        got = findings("fake.img", probe, "--only", "drive.capacity", rc=1, program=FAULTS, env={"ISOPOD_TEST_WRAP": str(size)})
        expect(got, "drive.capacity", "problem", "counterfeit", "lands at")
        if size & (size - 1) == 0:
            expect(got, "drive.capacity", "problem", "holds about %d.0 MiB" % (size // MIB))
            equal(sha256("fake.img"), sha256("w.img"), "%s on a drive that wraps at %d changes nothing" % (probe, size))
        equal(open("fake.img", "rb").read(4 * MIB) == open("w.img", "rb").read(4 * MIB), True, "tables and folders are as they were")
        expect(findings("fake.img", "--full", "--only", "image.copied", rc=0), "image.copied", "good")
    for size, probe in ((256 * MIB, "--probe"), (300000256, "--probe=full")):
        run("cp", "--sparse=always", "w.img", "fake.img", check=True)
        got = findings("fake.img", probe, "--only", "drive.capacity", rc=1, program=FAULTS, env={"ISOPOD_TEST_LOSE": str(size)})
        expect(got, "drive.capacity", "problem", "is not there")
    run("cp", "--sparse=always", "w.img", "fake.img", check=True)
    got = findings("fake.img", "--probe", "--only", "drive.capacity", rc=1, program=FAULTS, env={"ISOPOD_TEST_FAIL": "5"})
    expect(got, "drive.capacity", "problem", "failed")
    r = findings("w.img", "--benchmark", "--only", "drive.benchmark")
    check(len(r) == 1, "the benchmark reports: %r" % r)


def bus():
    """A made-up sysfs says how the drive is connected."""
    dev = loop_device("s.img")
    if not dev:
        check(False, "no loop devices: run as root")
        return
    try:
        number = os.stat(dev).st_rdev
        node = "bus/sys/devices/pci0000:00/usb1/1-1/1-1:1.0/host0/block/sda"
        os.makedirs(node)
        os.makedirs("bus/sys/dev/block")
        os.makedirs("bus/proc/self")
        os.symlink(os.path.abspath(node), "bus/sys/dev/block/%d:%d" % (os.major(number), os.minor(number)))
        os.makedirs(node + "/sda1")
        os.symlink(os.path.abspath(node) + "/sda1", "bus/sys/dev/block/8:1")
        usb = "bus/sys/devices/pci0000:00/usb1/1-1/"
        with open(usb + "bMaxPacketSize0", "w") as f:
            f.write("64\n")
        for speed, level in (("1.5", "problem"), ("12", "problem"), ("480", "note"), ("5000", "good"), ("20000", "good"), ("x", "skipped")):
            with open(usb + "speed", "w") as f:
                f.write(speed + "\n")
            expect(findings(dev, "--only", "drive.bus", program=FAULTS, env={"ISOPOD_TEST_ROOT": os.path.abspath("bus")}), "drive.bus", level)
        for options, level in (("rw,relatime", "note"), ("rw,noatime", "good"), ("rw,sync,noatime", "warning")):
            with open("bus/proc/self/mountinfo", "w") as f:
                f.write("20 1 8:2 / / rw - ext4 /dev/sdb rw\n21 1 8:1 / /media/stick %s shared:1 - exfat /dev/sda1 rw\n" % options)
            got = findings(dev, "--only", "drive.mount", program=FAULTS, env={"ISOPOD_TEST_ROOT": os.path.abspath("bus")})
            expect(got, "drive.mount", level, subject="/media/stick")
    finally:
        loop_release(dev, "s.img")


def unwritten():
    """A file whose space was reserved and not filled: exFAT's valid length tells."""
    copy("u.img")
    e = Exfat("u.img")
    # the set of a.iso: find its stream extension by the file's size
    size = os.path.getsize("a.iso")
    data = open("u.img", "rb").read()
    at = 0
    while True:
        at = data.index(struct.pack("<Q", size), at)
        entry = at - 24
        if data[entry] == 0xC0:
            break
        at += 1
    half = struct.pack("<Q", size // 2)
    with open("u.img", "r+b") as f:
        f.seek(entry + 8)
        f.write(half)
        start = entry - 32
        n = 1 + data[start + 1]
        s = bytearray(data[start:start + 32 * n])
        s[32 + 8:32 + 16] = half
        total = 0
        for i, b in enumerate(s):
            if i not in (2, 3):
                total = ((total << 15 | total >> 1) + b) & 0xFFFF
        f.seek(start + 2)
        f.write(struct.pack("<H", total))
    for more in ((), ("--full",)):
        expect(findings("u.img", "--only", "image", *more, rc=1), "image.zeros", "problem", "never written", subject="/images/a.iso")


def changed():
    """A byte of a copied image that the drive lost."""
    copy("c.img")
    first = json.loads(must("plan", "c.img:/images/a.iso", "--json").out)["map"]["segments"][0]
    with open("c.img", "r+b") as f:
        f.seek(first["source"] + 3 * MIB)
        byte = f.read(1)
        f.seek(first["source"] + 3 * MIB)
        f.write(bytes([byte[0] ^ 4]))
    no_alarm(findings("c.img", "--no-machine", rc=0), "without --full it cannot be seen")
    expect(findings("c.img", "--full", rc=1), "image.copied", "problem", "isopod.sha256", subject="/images/a.iso")
    where = first["source"] + 2 * MIB
    got = findings("c.img", "--full", "--only", "drive.read", rc=1, program=FAULTS, env={"ISOPOD_TEST_BADREAD": str(where)})
    expect(got, "drive.read", "problem", "filesystem.squashfs", subject="/images/a.iso")


def many():
    """50 images, half of them with an initrd of 12 MiB: each of these is read once, and little beside."""
    must("create", "many.img", "--size", "1200M")
    tree("heavy", initrd=12 * MIB, squashfs=MIB)
    iso("heavy.iso", "heavy")
    folder = "lots"
    os.mkdir(folder)
    names = []
    for i in range(50):
        names.append("%s/%02d.iso" % (folder, i))
        os.link("heavy.iso" if i % 2 else "a.iso", names[-1])
    must("add", "many.img", *names)
    got = findings("many.img", "--no-machine", rc=0)
    equal(len({f[2] for f in of(got, "image.boot")}), 50, "50 images")
    took = bytes_read("many.img", "--no-machine")
    check(took <= (25 * 12 + 50) * MIB, "50 images: %d bytes read" % took)
    os.unlink("many.img")


def hostile():
    """Damage anywhere in the volume and the tables."""
    base = "h0.img"
    must("create", base, "--size", "80M")
    must("add", base, "good.iso", IPXE)
    e = Exfat(base)
    r = random.Random(5)
    spots = [(0, 512), (e.part, 512), (e.part + e.fat, 512), (e.part + e.bitmap(), 512), (e.part + e.place(e.root), 1024)]
    images = json.loads(must("plan", base + ":/images/good.iso", "--json").out)["map"]["segments"][0]["source"]
    spots += [(images + 32768, 4096), (partitions(base)[1][1][0], 512)]
    folder = e.at(e.place(e.root), 4096)
    for i in range(0, 4096, 32):
        if folder[i] == 0xC0:
            spots.append((e.part + e.place(struct.unpack_from("<I", folder, i + 20)[0]), 512))
    for i in range(48):
        run("cp", "--sparse=always", base, "h.img", check=True)
        at, length = spots[i % len(spots)]
        with open("h.img", "r+b") as f:
            for _ in range(r.choice((1, 3, 20))):
                f.seek(at + r.randrange(length))
                f.write(bytes([r.choice((0, 255, 0x80, r.randrange(256)))]))
        r2 = isopod("doctor", "h.img", "--json", *(["--probe"] if i % 5 == 0 else []), program=FAULTS, timeout=60)
        check(r2.rc in (0, 1, 3) and "Sanitizer" not in r2.err and "runtime error" not in r2.err and r2.err.count("\n") <= 1,
              "hostile stick %d: %d %r" % (i, r2.rc, r2.err[-600:]))


with workdir():
    shims("data")
    tree("good")
    iso("good.iso", "good")
    tree("a", seed=2)
    iso("a.iso", "a")
    must("create", "s.img", "--size", "160M")
    must("add", "s.img", "a.iso")
    must("add", "s.img", "good.iso", "--to", "/images/sub")
    sound()
    command_line()
    rules()
    memory()
    volume()
    fragments()
    tables()
    capacity()
    bus()
    unwritten()
    changed()
    many()
    hostile()
cli_common.finish()

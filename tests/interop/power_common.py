# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of power cuts share: the writes of a command, recorded (cli_faults.c), and every state a drive could be left in."""
import os, shutil, struct, subprocess

from cli_common import *

FLUSH = (1 << 64) - 1


def parse(log):
    """What ISOPOD_TEST_STORE recorded: [(kind, path, argument, data)]"""
    out, at = [], 0
    raw = open(log, "rb").read()

    def line():
        nonlocal at
        end = raw.index(b"\n", at)
        text = raw[at:end].decode()
        at = end + 1
        return text
    while at < len(raw):
        kind, path = line().split(" ", 1)
        path = os.path.basename(path)
        if kind == "W":
            off, n = map(int, line().split())
            out.append((kind, path, off, raw[at:at + n]))
            at += n
        elif kind == "Z":
            off, n = map(int, line().split())
            out.append((kind, path, off, n))
        elif kind == "T":
            out.append((kind, path, int(line()), b""))
        elif kind == "M":
            out.append((kind, path, os.path.basename(line()), b""))
        else:
            out.append((kind, path, None, b""))
    return out


def write_disk(path, off, data):
    """Into an image of the host, through the NBD server."""
    sock = os.path.abspath("sock")
    p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", sock, "--write", "--once"], stdout=subprocess.PIPE)
    p.stdout.readline()
    with open("piece", "wb") as f:
        f.write(data)
    r = run("qemu-io", "-f", "raw", "-c", "write -s piece %d %d" % (off, len(data)), "nbd+unix:///disk?socket=" + sock)
    check(p.wait() == 0 and "wrote" in r.stdout, "write: " + r.stdout)


def record(stick, *args, data="data"):
    """Runs the command on a copy of `stick`; returns its writes: (offset, bytes), None for a flush."""
    shutil.copyfile(stick, "rec.img")
    if os.path.exists("log"):
        os.unlink("log")
    r = isopod(*[("rec.img" if a == stick else a) for a in args], program=FAULTS, env={"ISOPOD_TEST_LOG": os.path.abspath("log")}, data=data)
    check(r.rc == 0, "%r: %d %s" % (args, r.rc, r.err))
    writes = []
    raw = open("log", "rb").read()
    at = 0
    while at < len(raw):
        off, n = struct.unpack_from("<QQ", raw, at)
        at += 16
        writes.append(None if off == FLUSH else (off, raw[at:at + n]))
        at += n
    check(any(w is None for w in writes), "%r flushes" % (args,))
    return writes


def record_file(stick, *args):
    """The same of that file alone: what goes to temporary files of the host is left out."""
    shutil.copyfile(stick, "rec.img")
    if os.path.exists("log"):
        os.unlink("log")
    r = isopod(*args, program=FAULTS, env={"ISOPOD_TEST_STORE": os.path.abspath("log")})
    check(r.rc == 0, "%r: %d %s" % (args, r.rc, r.err))
    events = [e for e in parse("log") if e[1] == "rec.img" and e[0] != "T"]
    check({e[0] for e in events} == {"W", "F"}, "%r writes and flushes" % (args,))
    return [None if e[0] == "F" else (e[2], e[3]) for e in events]


def record_store(stick, store, *args):
    """Of an operation on a layer store of the stick."""
    return record_file(stick, "layer", args[0], "rec.img:" + store, *args[1:])


def apply(path, writes):
    with open(path, "r+b") as f:
        for w in writes:
            f.seek(w[0])
            f.write(w[1])


def each_state(stick, writes, rng, wanted=lambda n, w: True):
    """Yields (name, path) for each state; the file is the same each time. Around writes that are not wanted there are none."""
    real = [w for w in writes if w is not None]
    shutil.copyfile(stick, "base.img")  # everything before the last flush
    epoch = []                          # writes since then
    n = 0
    for w in writes:
        if w is None:
            apply("base.img", epoch)
            epoch = []
            continue
        n += 1
        if not wanted(n, w):
            epoch.append(w)
            continue
        # cut before this write
        shutil.copyfile("base.img", "state.img")
        apply("state.img", epoch)
        yield "before write %d of %d" % (n, len(real)), "state.img"
        # in its middle
        if len(w[1]) > 512:
            cut = 512 * rng.randrange(1, -(-len(w[1]) // 512))
            apply("state.img", [(w[0], w[1][:cut])])
            yield "in write %d of %d" % (n, len(real)), "state.img"
        epoch.append(w)
        # reordered: this one is there, some before it are not
        if len(epoch) > 1:
            shutil.copyfile("base.img", "state.img")
            apply("state.img", [x for x in epoch[:-1] if rng.random() < 0.5] + [w])
            yield "write %d of %d before its neighbours" % (n, len(real)), "state.img"
    apply("base.img", epoch)
    check(sha256("base.img") == sha256("rec.img"), "the record holds every write")
    shutil.copyfile("base.img", "state.img")
    yield "complete", "state.img"


class Content:
    """The images of a stick: path -> where their bytes are, and which."""

    def __init__(self, stick):
        self.files = {}
        for e in listing(stick):
            p = json.loads(isopod("plan", stick + ":" + e["path"], "--json").out)
            self.files[e["path"]] = (e["size"], p["extents"], self.digest(stick, p["extents"]))

    @staticmethod
    def digest(stick, extents):
        h = hashlib.sha256()
        with open(stick, "rb") as f:
            for x in extents:
                f.seek(x["source"])
                h.update(f.read(x["length"]))
        return h.hexdigest()

    def holds(self, stick, path):
        """The stick's bytes where this file lay are still this file's."""
        return self.digest(stick, self.files[path][1]) == self.files[path][2]


def boots(stick, old, new):
    """BIOS: the sector's fields lead to a whole stage 2 of the one or the other version. UEFI: every loader is whole."""
    sector = open(stick, "rb").read(512)
    lba, n, version, total = struct.unpack_from("<IHHI", sector, 0x1A0)
    with open(stick, "rb") as f:
        f.seek(lba * 512)
        stage2 = f.read(n * 512)
    words = sum(struct.unpack("<%dI" % (len(stage2) // 4), stage2)) & 0xFFFFFFFF
    if version != 1 or words != total:
        return "stage 2 at LBA %d is not whole" % lba
    which = set()
    for name in STICK_FILES:
        have = esp_file(stick, ESP_PATH[name])
        a, b = (open(d + "/" + name, "rb").read() for d in (old, new))
        if have not in (a, b):
            return "%s is neither old nor new" % name
        if name.startswith("BOOT"):
            which.add(have == b)
    return "loaders of two versions" if len(which) > 1 else ""

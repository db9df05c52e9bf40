#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Registry hives and boot configurations: hivex, regfinfo, regfexport and we read each other's. Hives that Python laid out
(tests/fuzz/hives.py) are edited by us and by hivex in turn, thousands of times, against a model; then mutated."""
import gzip
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fuzz"))
import hivex  # noqa: E402
from common import B, check, equal, finish, run, skip  # noqa: E402
from hives import Key, example, hive, text, upcase  # noqa: E402

TOOL = B + "/interop/regf"
rnd = random.Random(11)
tmp_dir = tempfile.TemporaryDirectory()
tmp = pathlib.Path(tmp_dir.name)


# --- three views of a hive: {path: {value's name: (type, data)}} ------------------------------------------------------------
def ours(path, *how):
    res = {}
    for line in run(TOOL, "dump", path, *how).decode().splitlines():
        field = line.split("\t")
        if len(field) == 1:
            res[field[0]] = {}
        else:
            res[field[0]][field[1]] = (int(field[2]), bytes.fromhex(field[3]))
    return res


def theirs(path):
    h, res = hivex.Hivex(str(path)), {}

    def walk(node, at):
        res[at] = {h.value_key(v): h.value_value(v) for v in h.node_values(node)}
        for child in h.node_children(node):
            walk(child, at + "\\" + h.node_name(child) if at else h.node_name(child))

    walk(h.root(), "")
    return res


def laid_out(key, at=""):
    res = {at: {n: (t, d) for n, t, d in key.values}}
    for k in key.keys:
        res.update(laid_out(k, at + "\\" + k.name if at else k.name))
    return res


def accepted(path, what):
    """Other people's programs come to their end with it."""
    for tool in ("hivexml", "regfexport", "regfinfo"):
        r = subprocess.run([tool, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check(r.returncode == 0 and not re.search(rb"(?i)unable|corrupt", r.stderr), "%s: %s: %s" % (what, tool, r.stderr[-300:]))


# --- reading ----------------------------------------------------------------------------------------------------------------
for minor in (3, 4, 5, 6):
    for lists in ("lf", "lh", "li", "ri"):
        path = tmp / "a"
        root = example(40)
        path.write_bytes(hive(root, minor, lists))
        what = "1.%d %s" % (minor, lists)
        equal(ours(path), laid_out(root), what + ", from memory")
        equal(ours(path, "dev"), laid_out(root), what + ", from a device")
        if lists == "lh":
            equal(theirs(path), laid_out(root), what + ", by hivex")
path.write_bytes(hive(example(2000), 5, "lh"))
r = subprocess.run([TOOL, "value", path, "SETUP", "cmdline"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
equal(r.stdout, b"winpeshl.exe\n", "one value of a large hive")
check(int(r.stderr.split()[0]) < 2000 < path.stat().st_size // 100, "read for it: %s" % r.stderr)
path.write_bytes(hive(example(100))[:-1])
check(b"length of the hive bins" in subprocess.run([TOOL, "dump", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).stderr, "cut off")


# --- editing, against a model ---------------------------------------------------------------------------------------------------
NAMES = ["Setup", "Über", "盘", "CurrentVersion", "a", "B c", "k" * 100, "Ж", "x" * 255, *("S%d" % i for i in range(12))]
VALUES = ["", "Start", "ImagePath", "größe", "盘", "v" * 300, *("v%d" % i for i in range(5))]


def data():
    return rnd.randbytes(rnd.choice([0, 1, 3, 4, 5, 8, 30, 200, 4000, 16344, 16345, 50000] if rnd.random() < 0.1 else [0, 2, 4, 6, 40, 300]))


def cased(name):
    return rnd.choice([name, upcase(name), name.lower()])


class Model:
    """What the hive must hold. A name is the first one it was made with, and found in any case."""

    def __init__(self, view):
        self.view = view

    def find(self, path):
        return next((p for p in self.view if upcase(p) == upcase(path)), None)

    def make(self, path):
        at = ""
        for part in path.split("\\"):
            at = at + "\\" + part if at else part
            known = self.find(at)
            at = at if known is None else known
            self.view.setdefault(at, {})

    def drop(self, path):
        for p in [p for p in self.view if p == path or p.startswith(path + "\\")]:
            del self.view[p]

    def value(self, path, name):
        return next((n for n in self.view[path] if upcase(n) == upcase(name)), None)

    def set(self, path, name, kind, blob):
        known = self.value(path, name)
        self.view[path][name if known is None else known] = (kind, blob)


def some_path(depth=3):
    return "\\".join(rnd.choice(NAMES) for _ in range(rnd.randint(1, depth)))


def random_edits(m, count):
    """Commands for our tool; what they do is done to the model."""
    out = []
    for _ in range(count):
        keys = list(m.view)
        what = rnd.random()
        if what < 0.35 or len(keys) < 5:
            path = some_path()
            out.append("key\t" + path)
            m.make(path)
        elif what < 0.4:
            path = rnd.choice(keys[1:])
            out.append("drop\t" + cased(path))
            m.drop(path)
        elif what < 0.85:
            path, name, kind, blob = rnd.choice(keys), rnd.choice(VALUES), rnd.choice([1, 3, 4, 7, 11, 99]), data()
            out.append("set\t%s\t%s\t%d\t%s" % (cased(path), cased(name), kind, blob.hex()))
            m.set(path, out[-1].split("\t")[2], kind, blob)
        else:
            path = rnd.choice(keys)
            if m.view[path]:
                name = rnd.choice(list(m.view[path]))
                out.append("unset\t%s\t%s" % (path, cased(name)))
                del m.view[path][name]
    return out


def edit(path, commands, what):
    answers = run(TOOL, "edit", path, path, input="\n".join(commands).encode()).decode().split("\n")[:-1]
    bad = [(a, c[:80]) for a, c in zip(answers, commands) if a != "ok"]
    check(not bad and len(answers) == len(commands), "%s: %r" % (what, bad[:3]))


def hivex_edits(m, path):
    h = hivex.Hivex(str(path), write=True)
    for _ in range(30):
        at = rnd.choice(list(m.view))
        node = h.root()
        for part in at.split("\\") if at else []:
            node = next(c for c in h.node_children(node) if h.node_name(c) == part)
        name = "hx%d" % rnd.randrange(8)
        if rnd.random() < 0.5:
            child = at + "\\" + name if at else name
            if m.find(child) is None:
                h.node_add_child(node, name)
                m.make(child)
        elif all(len(d) <= 16344 for _, d in m.view[at].values()):
            # It writes all values of the key anew, long ones into one cell, which libregf does not take from 1.4 on.
            blob = data()[:8000]
            h.node_set_value(node, {"key": name, "t": 3, "value": blob})
            m.set(at, name, 3, blob)
    h.commit(str(path))


for minor in (3, 5):
    path, root = tmp / "edited", example()
    path.write_bytes(hive(root, minor, "lf" if minor == 3 else "ri"))
    m = Model(laid_out(root))
    for turn in range(6):
        what = "1.%d, turn %d" % (minor, turn)
        edit(path, random_edits(m, 250), what)
        equal(ours(path) == m.view, True, what + ": we read what we wrote")
        equal(theirs(path) == m.view, True, what + ": hivex reads what we wrote")
        hivex_edits(m, path)
        equal(ours(path) == m.view, True, what + ": we read what hivex wrote")
    accepted(path, what)
    edit(path, [], "nothing")
    equal(ours(path) == m.view, True, "1.%d: nothing changed" % minor)

# Long data in one cell, as hivex writes them in 1.5 too.
path.write_bytes(hive(Key("R")))
h, blob = hivex.Hivex(str(path), write=True), rnd.randbytes(50000)
h.node_set_value(h.root(), {"key": "long", "t": 3, "value": blob})
h.commit(str(path))
equal(ours(path), {"": {"long": (3, blob)}}, "long data by hivex")
edit(path, ["set\t\tlong\t3\t" + blob[1:].hex()], "long data by hivex, replaced")
equal(theirs(path), {"": {"long": (3, blob[1:])}}, "long data by hivex, replaced")

# Deleted, a key leaves its room to others.
path.write_bytes(hive(Key("R")))
for turn in range(3):
    edit(path, ["key\tServices\\Service%d" % i for i in range(1200)] + ["set\tServices\tv\t3\t" + "00" * 30000], "many")
    check(len(theirs(path)) == 1202, "many keys, by hivex")
    size = path.stat().st_size
    edit(path, ["drop\tServices"], "dropped")
    if turn == 0:
        first = size
equal(size, first, "size after the same keys were made and deleted three times")
accepted(path, "many")

# One made from nothing.
run(TOOL, "new", path, 5, "新 ROOT")
edit(path, ["key\tA\\B", "text\tA\tt\t1\tGrüße 盘"], "new")
equal(theirs(path), {"": {}, "A": {"t": (1, text("Grüße 盘"))}, "A\\B": {}}, "made from nothing")
accepted(path, "new")

# --- in bad shape -----------------------------------------------------------------------------------------------------------------
for minor, lists in ((3, "lf"), (5, "ri")):
    path.write_bytes(hive(example(30), minor, lists))
    m = re.match(rb"(\d+) whole, (\d+) edited", run(TOOL, "hostile", path, 1000))
    check(m and 50 < int(m[1]) < 1000 and 0 < int(m[2]) < 1000, "1000 mutations: %r" % (m and m[0]))

# --- boot configurations ------------------------------------------------------------------------------------------------------------
LOADER, BOSS = "{b349f129-6bb3-45d4-8c32-6d3f38871e00}", "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
RAMDISK = "{ae5534e0-a924-466c-b836-758539a3ee3a}"
MADE = {"wim": ("ramdisk %s \\sources\\boot.wim < boot" % RAMDISK, []),
        "vhd": ("locate 12000002 < vhd < file \\盘.vhdx < locate \\盘.vhdx", ["path=\\盘.vhdx", "on=locate:\\盘.vhdx"]),
        "partition": ("partition mbr 50d15011 1048576", ["on=mbr:50d15011:1048576"]),
        "memtest": ("boot", [])}
for kind, (want, options) in MADE.items():
    run(TOOL, "make", path, kind, "efi=1", "title=Ünï", *options)
    accepted(path, "BCD for " + kind)
    view, said = theirs(path), run(TOOL, "bcd", path).decode()
    object_path = "Objects\\" + ("{b2721d73-1db4-4c62-bf78-c548a880142d}" if kind == "memtest" else LOADER)
    equal(view["Description"], {"KeyName": (1, text("BCD00000000")), "System": (4, b"\1\0\0\0"), "TreatAsSystem": (4, b"\1\0\0\0")}, kind)
    equal(view["Objects\\" + BOSS + "\\Description"], {"Type": (4, struct.pack("<I", 0x10100002))}, kind + ": boot manager")
    equal(view["Objects\\%s\\Elements\\24000001" % BOSS]["Element"], (7, text(object_path[8:]) + b"\0\0"), kind + ": menu")
    equal(view[object_path + "\\Elements\\12000004"]["Element"], (1, text("Ünï")), kind + ": title")
    check("11000001 %s\n" % want in said, "%s: %s" % (kind, said))
    check(path.stat().st_size <= 16384, kind + ": size")

samples = os.environ.get("ISOPOD_SAMPLES")
if samples:
    path.write_bytes(gzip.decompress(pathlib.Path(samples, "BCDTest.gz").read_bytes()))
    equal(ours(path), theirs(path), "BCDTest")
    said = run(TOOL, "bcd", path).decode()
    for line in ("11000001 locate 12000002 < vhd < file \\test.vhd < locate \\test.vhd",
                 "11000001 partition gpt {984c884b-4218-4f07-aa93-5ede4c7c5384} {76cc3abd-2782-4839-af5c-5fc8e6659147}",
                 "21000001 ramdisk %s \\boot\\boot.wimaoeu < partition mbr 36234da4 1048576" % RAMDISK):
        check("  %s\n" % line in said, "BCDTest: " + line)
    edit(path, ["key\tObjects\\{11111111-2222-3333-4444-555555555555}\\Elements", "drop\tObjects\\" + RAMDISK], "BCDTest")
    accepted(path, "BCDTest, edited")
else:
    skip("the store that Windows wrote", "ISOPOD_SAMPLES does not name the folder with BCDTest.gz (doc/TESTING.md)")

finish()

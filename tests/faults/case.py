# SPDX-License-Identifier: BSD-2-Clause
"""What a fault is. Each file of this folder but case.py, run.py and volumes.py holds a list FAULTS of Fault, and one SOUND of Sound (either may be
missing); run.py finds the files by itself. A Fault says how it is made from something sound, and what is true of it: the hazard, the file
that the finding has to name, words that have to be in the same finding. What is judged is what `isopod doctor --json` finds, or what another
`look` returns."""
import collections, os, re, shutil, struct, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import doctor_common
from doctor_common import B, ISOPOD, MIB, cpio, make_data, must, noise, noise_bytes, partitions, run  # noqa: F401 for the files of faults

STICK = os.path.join(B, "stick")
MEDIA = os.environ.get("ISOPOD_MEDIA") or os.path.expanduser("~/.cache/isopod/media")
IMAGE, DRIVERS, RULES, MEMORY, FIRMWARE, DRIVE = range(1, 7)

# level: problem, warning, note, skipped, good, as the doctor says; "unknown" is for verdicts that say so
Finding = collections.namedtuple("Finding", "check hazard level subject evidence fix")
Finding.text = property(lambda f: "%s: %s; %s" % (f.subject or "", f.evidence or "", f.fix or ""))

# What a fault may come to, the best first.
OUTCOMES = ("named", "hazard", "unknown", "silent", "wrong")


def isopod(*args, data=STICK, **kw):
    return doctor_common.isopod(*args, data=data, **kw)


def doctor(*args, data=STICK):
    """The findings of a run, or None if it said nothing that can be read."""
    r = isopod("doctor", *args, "--no-machine", "--json", data=data)
    try:
        import json
        return [Finding(**{k: f[k] for k in Finding._fields}) for f in json.loads(r.out)["findings"]]
    except ValueError:
        # a target that cannot be opened at all: the one line is the finding
        return [Finding("", 0, "problem", None, r.err.strip(), "")]


class Fault:
    """make(w) makes the fault in the working folder out of what the workshop `w` has, and returns the arguments of the doctor (one, or a
    tuple). hazard and file: the truth. words: what the finding must say beside the file; a word "a|b" is one of several.
    level: at which levels it counts as named. also: other hazards that may raise an alarm about it without being wrong.
    never: words that no alarm may hold. cure: a function that is called with the same arguments and has to mend it, after which no alarm is
    left. gap: what it comes to so far, if it is not named (committed, so that nobody takes it for an accident).
    look(args) -> [Finding], in the place of the doctor. quick=False: `make check` leaves it out."""

    def __init__(self, name, make, hazard, file, *words, level=("problem", "warning"), also=(), never=(), cure=None, gap=None, look=None, quick=True):
        self.name, self.make, self.hazard, self.file, self.words = name, make, hazard, file, words
        self.level, self.also, self.never, self.cure, self.gap = level, also, never, cure, gap
        self.look, self.quick = look or (lambda args: doctor(*args)), quick

    def judge(self, found):
        """(outcome, why)"""
        alarms = [f for f in found if f.level in ("problem", "warning")]
        for f in alarms:
            if f.hazard not in (self.hazard, 0, *self.also):
                return "wrong", "an alarm of hazard %d: %s" % (f.hazard, f.text)
            for n in self.never:
                if n in f.text:
                    return "wrong", "says %r: %s" % (n, f.text)
        about = [f for f in found if f.level in self.level and f.hazard in (self.hazard, 0)]
        for f in about:
            if self.file in f.text and all(any(a in f.text for a in w.split("|")) for w in self.words):
                return "named", f.text
        if [f for f in about if f.hazard]:
            return "hazard", "; ".join(f.text for f in about)
        if [f for f in found if f.level in ("unknown", "skipped") and f.hazard in (self.hazard, 0)]:
            return "unknown", ""
        return "silent", "; ".join(f.text for f in alarms)


class Sound:
    """make(w) returns the arguments of the doctor, which must have nothing to say: neither problem nor warning."""

    def __init__(self, name, make, look=None, quick=True):
        self.name, self.make, self.quick = name, make, quick
        self.look = look or (lambda args: doctor(*args))


class Workshop:
    """Sound things, made once and then copied: name -> path. The working folder is a temporary one."""

    def __init__(self):
        self.made = {}
        self.serial = 0
        self.loops = []

    def fresh(self, ending=""):
        """A name that nobody has."""
        self.serial += 1
        return "t%d%s" % (self.serial, ending)

    def once(self, key, make):
        """What make(path) makes at path, once for each key."""
        if key not in self.made:
            path = "sound-%s" % re.sub(r"[^a-z0-9.]", "-", key)
            make(path)
            self.made[key] = path
        return self.made[key]

    def copy(self, path, ending=""):
        out = self.fresh(ending)
        run("cp", "--sparse=always", path, out, check=True)
        return out

    def block(self, path, sector=512):
        """A block device over a file, until the fault is judged."""
        dev = doctor_common.loop_device(path, write=True, sector=sector)
        if not dev:
            raise OSError("no loop devices: run as root")
        self.loops.append((dev, path))
        return dev

    def clean(self):
        """Takes away what a fault has left; on a machine with little room hundreds of sticks do not lie side by side."""
        while self.loops:
            doctor_common.loop_release(*self.loops.pop())
        for n in os.listdir("."):
            if re.fullmatch(r"t\d+.*", n) and os.path.isfile(n):
                os.unlink(n)

    def iso(self):
        """A live medium of 10 MB that starts on BIOS and UEFI."""
        def make(path):
            doctor_common.tree(path + ".tree")
            doctor_common.iso(path, path + ".tree")
            shutil.rmtree(path + ".tree")
        return self.once("live.iso", make)

    def stick(self, *options, images=True):
        """A copy of a sound stick, made with these options, with the ISO on it."""
        def make(path):
            must("create", path, *(options if "--size" in options else ("--size", "96M") + options), data=STICK)
            if images:
                must("add", path, self.iso(), data=STICK)
        return self.copy(self.once("stick %s%s" % (" ".join(options), "" if images else " empty"), make), ".img")


def media():
    """The suite's own media, as far as they were built: sound, all of them."""
    return sorted(os.path.join(MEDIA, n) for n in (os.listdir(MEDIA) if os.path.isdir(MEDIA) else []) if n.endswith((".iso", ".img")))


def poke(path, at, data):
    """Writes over bytes; a change that changes nothing is a defect of the fault."""
    with open(path, "r+b") as f:
        f.seek(at)
        assert f.read(len(data)) != data, "%s: these bytes are there already, at %d" % (path, at)
        f.seek(at)
        f.write(data)
    return path


def peek(path, at, length):
    with open(path, "rb") as f:
        f.seek(at)
        return f.read(length)

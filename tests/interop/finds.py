#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""How the system in an image finds its medium: initrds made by cpio and packed by gzip, xz, zstd and lz4, behind microcode and in two parts,
in ISOs made by xorriso; told by plan, list --long and doctor. The contents are the small ones of tests/finds."""
import glob, json, os, re, shutil, subprocess

from doctor_common import *

FINDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "finds")
PACKERS = {"none": None, "gzip": ["gzip", "-n", "-1"], "xz": ["xz", "-1", "--check=crc32"], "zstd": ["zstd", "-q", "-1"], "lz4": ["lz4", "-l", "-q"]}


class Bundle:
    """A text of tests/finds as files; unit/finds_bundle.h has its form."""

    def __init__(self, name):
        self.files, self.config, self.kernels = [], None, []
        lines = open(os.path.join(FINDS, name + ".txt")).read().split("\n")[:-1]
        at = 0
        while at < len(lines):
            word, _, rest = lines[at].partition(" ")
            at += 1
            if word == "expect":
                self.how, _, self.where = rest.partition(" ")
            elif word == "kernel":
                self.kernels.append(rest)
            elif word == "config":
                end = lines.index("end", at)
                self.config = (rest, "\n".join(lines[at:end]) + "\n")
                at = end + 1
            elif word == "===":
                end = next((i for i in range(at, len(lines)) if lines[i].startswith("=== ")), len(lines))
                self.files.append((rest, "".join(l + "\n" for l in lines[at:end])))
                at = end

    def unpack(self, folder):
        for head, text in self.files:
            path, _, link = head.partition(" -> ")
            elf = path.endswith(" ELF")
            path = os.path.join(folder, path[:-4] if elf else path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if link:
                os.symlink(link, path)
                continue
            with open(path, "wb") as f:
                f.write(b"\x7fELF\0" + text.encode().replace(b"\n", b"\0") if elf else text.encode())
            os.chmod(path, 0o755)


def archive(folder):
    names = subprocess.run(["find", ".", "-mindepth", "1"], cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    return subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input=names, cwd=folder, stdout=subprocess.PIPE, check=True).stdout


def pack(data, how):
    return subprocess.run(PACKERS[how] + ["-c"], input=data, stdout=subprocess.PIPE, check=True).stdout if PACKERS[how] else data


def iso(name, initrd, bundle):
    tree = name + ".tree"
    config, text = bundle.config or ("boot/grub/grub.cfg", "".join("menuentry x {\nlinux /boot/vmlinuz %s\n}\n" % k for k in bundle.kernels or [""]))
    for path, data in (("boot/vmlinuz", bytes(0x202) + b"HdrS" + bytes(2000)), ("boot/initrd.img", initrd), (config, text.encode())):
        path = os.path.join(tree, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "FINDS", "-o", name + ".iso", tree)
    return name + ".iso"


def told(image):
    return json.loads(isopod("plan", image, "--json").out)["finds"]


def check_told(got, b, what):
    if b.how == "no-init":
        equal(got, [], what)
        return
    where, _, line = b.where.partition(":")
    if not check(len(got) == 1, "%s: one initrd is told of: %r" % (what, got)):
        return
    equal((got[0]["how"], got[0].get("where"), str(got[0].get("line", ""))), (b.how, where, line), what)
    check(not got[0]["problem"], what + ": no problem")


def families():
    """Every content once, the packings in turn."""
    how = list(PACKERS)
    names = sorted(os.path.basename(p)[:-4] for p in glob.glob(FINDS + "/*.txt"))
    check(len(names) >= 30, "there are contents: %d" % len(names))
    for i, name in enumerate(names):
        b = Bundle(name)
        b.unpack(name)
        image = iso(name, pack(archive(name), how[i % len(how)]), b)
        check_told(told(image), b, "%s, packed by %s" % (name, how[i % len(how)]))
        for f in (name, name + ".tree"):
            shutil.rmtree(f)


def parts():
    """Microcode in front, and an addition behind whose file counts; one that is cut off says so."""
    b, other = Bundle("optical-info"), Bundle("findfs")
    for f, x in (("first", b), ("second", other)):
        x.unpack(f)
    Bundle("microcode").unpack("early")
    first, second, early = archive("first"), archive("second"), archive("early")
    check_told(told(iso("p1", early + pack(first, "zstd"), b)), b, "behind microcode")
    check_told(told(iso("p2", pack(first, "gzip") + pack(second, "xz"), b)), other, "the later /init counts")
    cut = pack(first, "gzip")
    got = told(iso("p3", cut[: len(cut) // 2], b))
    check(len(got) == 1 and got[0]["problem"] and got[0]["how"] == "unknown", "cut off: %r" % got)


def commands():
    """list --long on a stick, and the doctor."""
    dev, opt = Bundle("root-device"), Bundle("memory-only")
    images = [iso(n, pack(archive_of(n, b), "gzip"), b) for n, b in (("fixed", dev), ("memory", opt))]
    must("create", "stick.img", "--size", "260M")
    must("add", "stick.img", *images)
    got = {e["path"]: e.get("finds") for e in json.loads(must("list", "stick.img", "--long", "--json").out)}
    equal([f[0]["how"] for f in (got["/images/fixed.iso"], got["/images/memory.iso"])], ["device", "nothing"], "list --long")
    check(got["/images/fixed.iso"][0]["warning"] and not got["/images/memory.iso"][0]["warning"], "a partition by its name is warned of: %r" % got)
    check("finds" not in must("list", "stick.img", "--json").out, "list does not look by itself")
    text = must("list", "stick.img", "--long").out
    check("boot/initrd.img: needs no medium once it is loaded" in text and "root=/dev/sda2" in text, "list in words: %r" % text)
    found = findings("--no-machine", "fixed.iso")
    expect(found, "drivers.search", "warning", "root=/dev/sda2", "boot menu")
    expect(findings("--no-machine", "memory.iso"), "drivers.search", "good", "needs no medium")
    drives()


def drives():
    """A name in /dev can be given to the image; a drive in the kernel's list cannot, and is warned of."""
    for name, warned in (("optical-node", False), ("optical-names", False), ("optical-info", True), ("list-devices-cd", True), ("stage2-cdrom", True)):
        b = Bundle(name)
        got = told(iso("d-" + name, pack(archive_of("d." + name, b), "gzip"), b))
        check(len(got) == 1 and bool(got[0]["warning"]) == warned, "%s: warned of: %r" % (name, got))
    expect(findings("--no-machine", "d-optical-info.iso"), "drivers.search", "warning", "/proc/sys/dev/cdrom/info", "burn")


def archive_of(name, b):
    b.unpack(name)
    return archive(name)


def menu(stick, *keys):
    """What the boot manager's menu shows of the only image on the stick, on its details page."""
    r = run(os.path.join(B, "interop/menu"), stick, "keys", "-1", *keys)
    equal(r.returncode, 0, "the menu ends: " + r.stdout[-2000:])
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", r.stdout)


def stick_of(image):
    if os.path.exists("m.img"):
        os.remove("m.img")
    must("create", "m.img", "--size", "100M", "--uuid-seed", "1")
    must("add", "m.img", image)


def words_of(screen):
    return re.sub(r"\s+", "", screen)


def in_menu():
    """The menu unpacks by its own means, and says what plan says, of each packing; while it reads, and where it cannot, it says that."""
    b = Bundle("casper-like")
    folder = archive_of("m", b)
    for n, how in enumerate(PACKERS):
        image = iso("m%d" % n, pack(folder, how), b)
        stick_of(image)
        said = json.loads(isopod("plan", image, "--json").out)["finds"][0]
        lines = isopod("plan", image).out.splitlines()
        text = lines[[l.startswith("How the system in it") for l in lines].index(True) + 1].partition("boot/initrd.img: ")[2]
        screen = menu("m.img", "tab", "2000", "ctrl-l", "x")
        check(said["how"] == b.how and text and words_of(text) in words_of(screen), "packed by %s: %r is in %r" % (how, text, screen[-1500:]))
    check("yet to be read" in menu("m.img", "tab", "ctrl-l"), "before it is read")
    check("\u67e5\u627e\u6240\u6709\u78c1\u76d8\u548c\u5206\u533a" in menu("m.img", "f3", "tab", "2000", "ctrl-l", "x"), "in Chinese")
    # what cannot be unpacked is not known, and the page is shown all the same
    for n, initrd in enumerate((pack(folder, "gzip")[:-20], folder[:-600], pack(folder, "xz") + b"and something else")):
        image = iso("n%d" % n, initrd, b)
        stick_of(image)
        screen = menu("m.img", "tab", "2000", "ctrl-l", "x")
        check("not known how it looks for its medium" in screen and "looks at every" not in screen, "%d: %r" % (n, screen[-1500:]))
    # a partition by its name is warned of
    b = Bundle("root-device")
    stick_of(iso("fixed-too", pack(archive_of("f", b), "gzip"), b))
    screen = menu("m.img", "tab", "2000", "end", "ctrl-l", "x")
    check("whereverthestickis" in words_of(screen) and "root=/dev/sda2" in screen, "a warning: %r" % screen[-1500:])


with workdir():
    shims("data")
    families()
    parts()
    commands()
    in_menu()
finish()

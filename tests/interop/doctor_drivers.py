#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The doctor's checks of hazard 2 and the inventory: initrds packed by cpio and five compressors, modules as kmod resolves them, root
images by mksquashfs, WIMs by wimlib, a real live medium, a made-up /sys."""
import gzip, json, os, random, re, shutil, struct, subprocess

from cli_common import B, FAULTS, check, equal, finish, isopod, loop_device, loop_release, make_data, must, one_line, run, skip, workdir
import windows_media
from doctor_machine import AHCI, E1000E, QEMU, XHCI, inventory, pci

noise = random.Random(11)
MEDIA = os.environ.get("ISOPOD_MEDIA", os.path.expanduser("~/.cache/isopod/media"))
HERE = os.path.dirname(os.path.abspath(__file__))
VERSION = "6.1.0-9-isopod"
ODD = pci(0xDEAD, 0xBEEF, 0, 0, 0x010700, "oddraid")
ODD_NET = pci(0xDEAD, 0xBEE0, 0, 0, 0x020000)

# alias, module: as depmod writes them
MODULES = [("kernel/drivers/usb/host/xhci-pci.ko", "pci:v*d*sv*sd*bc0Csc03i30*"), ("kernel/drivers/usb/storage/usb-storage.ko", "usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*"),
           ("kernel/drivers/scsi/sd_mod.ko", "scsi:t-0x00*"), ("kernel/fs/isofs/isofs.ko", "fs-iso9660"), ("kernel/fs/squashfs/squashfs.ko", "fs-squashfs"),
           ("kernel/drivers/block/loop.ko", "devname:loop-control"), ("kernel/drivers/ata/ahci.ko", "pci:v*d*sv*sd*bc01sc06i01*"),
           ("kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko", "pci:v00008086d000010D3sv*sd*bc*sc*i*")]
BUILTIN = [("kernel/drivers/ata/libata.ko", None), ("kernel/drivers/virtio/virtio_pci.ko", "pci:v00001AF4d*sv*sd*bc*sc*i*")]


def findings(r, check_id=None):
    try:
        found = json.loads(r.out)["findings"]
    except (ValueError, KeyError):
        check(False, "no JSON: status %d %r %r" % (r.rc, r.out[:200], r.err[:300]))
        return []
    return [f for f in found if check_id is None or f["check"] == check_id]


def levels(r, check_id):
    return sorted({f["level"] for f in findings(r, check_id)})


def doctor(*args, **kw):
    return isopod("doctor", "--json", "--only", "drivers", *args, **kw)


# --- images ---------------------------------------------------------------------------------------------------------------------

def kernel(path):
    """A file with the marks of an x86-64 bzImage: boot flag, "HdrS", and 64-bit in XLF."""
    b = bytearray(random.Random(5).randbytes(64 << 10))
    b[0x1f1] = 4
    b[0x1fe:0x200] = b"\x55\xaa"
    b[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", b, 0x206, 0x020f)
    struct.pack_into("<H", b, 0x236, 1)
    with open(path, "wb") as f:
        f.write(b)


def module_tree(top, modules, builtin=BUILTIN, modinfo=True, usr=False, alias=True):
    d = os.path.join(top, "usr" if usr else "", "lib/modules", VERSION)
    for path, a in modules:
        os.makedirs(os.path.dirname(os.path.join(d, path)), exist_ok=True)
        with open(os.path.join(d, path), "wb") as f:
            f.write(b"\x7fELF" + bytes(60) + (b"\0alias=" + a.encode() if a else b"") + b"\0license=GPL\0")
    os.makedirs(d, exist_ok=True)
    name = lambda p: os.path.basename(p)[:-3].replace("-", "_")
    files = {"modules.dep": "".join(p + ":\n" for p, _ in modules), "modules.builtin": "".join(p + "\n" for p, _ in builtin)}
    if alias:
        files["modules.alias"] = "# Aliases\n" + "".join("alias %s %s\n" % (a, name(p)) for p, a in modules if a)
    if builtin is None:
        del files["modules.builtin"]
    if modinfo:
        files["modules.builtin.modinfo"] = "".join("%s.license=GPL\0" % name(p) + ("%s.alias=%s\0" % (name(p), a) if a else "") for p, a in builtin)
    for n, text in files.items():
        with open(os.path.join(d, n), "w") as f:
            f.write(text)


def cpio(top, out):
    """By cpio(1)."""
    names = run("find", ".", cwd=top).stdout
    with open(out, "wb") as f:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=top, input=names.encode(), stdout=f, check=True)
    return out


def initrd(name, modules, pack="gzip", early=False, init=True, **kw):
    shutil.rmtree("tree", ignore_errors=True)
    os.mkdir("tree")
    module_tree("tree", modules, **kw)
    if init:
        with open("tree/init", "w") as f:
            f.write("#!/bin/sh\n")
    cpio("tree", "raw.cpio")
    data = open("raw.cpio", "rb").read()
    if pack:
        with open("packed", "wb") as f:
            subprocess.run({"gzip": ["gzip", "-9"], "bzip2": ["bzip2"], "xz": ["xz", "--check=crc32"], "lzma": ["xz", "--format=lzma"], "zstd": ["zstd", "-q"],
                            "lz4": ["lz4", "-l", "-q"]}[pack], stdin=open("raw.cpio", "rb"), stdout=f, check=True)
        data = open("packed", "rb").read()
    if early:
        shutil.rmtree("ucode", ignore_errors=True)
        os.makedirs("ucode/kernel/x86/microcode")
        with open("ucode/kernel/x86/microcode/GenuineIntel.bin", "wb") as f:
            f.write(bytes(range(256)) * 40)
        data = open(cpio("ucode", "early.cpio"), "rb").read() + bytes(1024) + data
    with open(name, "wb") as f:
        f.write(data)
    return name


def iso(name, initrds, root=None, extra=None):
    shutil.rmtree("iso", ignore_errors=True)
    os.makedirs("iso/live")
    kernel("iso/live/vmlinuz")
    os.makedirs("iso/boot/grub")
    with open("iso/boot/grub/grub.cfg", "w") as f:
        for i, src in enumerate(initrds):
            shutil.copy(src, "iso/live/initrd%d.img" % i)
            f.write("menuentry 'x' {\n  linux /live/vmlinuz boot=live\n  initrd /live/initrd%d.img\n}\n" % i)
    if root:
        shutil.copy(root, "iso/live/filesystem.squashfs")
    for path, src in (extra or {}).items():
        os.makedirs(os.path.dirname("iso/" + path), exist_ok=True)
        shutil.copy(src, "iso/" + path)
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "TEST", "-o", name, "iso", check=True)
    return name


def squash(name, modules, usr=False, modinfo=True):
    shutil.rmtree("root", ignore_errors=True)
    os.makedirs("root/etc")
    module_tree("root", modules, usr=usr, modinfo=modinfo)
    with open("root/etc/filler", "wb") as f:
        f.write(random.Random(9).randbytes(2 << 20))
    run("mksquashfs", "root", name, "-noappend", "-quiet", "-no-progress", check=True)
    return name


# --- what the stick needs ---------------------------------------------------------------------------------------------------------

def stick_drivers():
    for pack in (None, "gzip", "bzip2", "xz", "lzma", "zstd", "lz4"):
        for early in (False, True):
            if pack and not shutil.which("xz" if pack == "lzma" else pack):
                skip("an initrd packed with " + pack, "no such program")
                continue
            img = iso("a.iso", [initrd("i", MODULES, pack, early)])
            r = doctor("--no-machine", img)
            equal((r.rc, levels(r, "drivers.stick")), (0, ["good"]), "whole initrd, %s, early %s: %s" % (pack, early, r.out if r.rc else ""))
            without = [m for m in MODULES if "usb-storage" not in m[0]]
            img = iso("b.iso", [initrd("i", without, pack, early)])
            r = doctor("--no-machine", img)
            found = findings(r, "drivers.stick")
            check(r.rc == 1 and [f["level"] for f in found] == ["problem"] and "usb-storage" in found[0]["evidence"] and VERSION in found[0]["evidence"] and
                  "xhci" not in found[0]["evidence"], "no usb-storage, %s: %d %r" % (pack, r.rc, found))
    without = [m for m in MODULES if "usb-storage" not in m[0]]
    for what, kw, rc, want in (("built in", dict(builtin=BUILTIN + [("kernel/drivers/usb/storage/usb-storage.ko", None)]), 0, "good"),
                               ("uas instead", dict(extra=("kernel/drivers/usb/storage/uas.ko.xz", None)), 0, "good"),
                               ("not to be seen", dict(builtin=None, modinfo=False), 0, "skipped")):
        extra = kw.pop("extra", None)
        builtin = kw.pop("builtin", BUILTIN)
        mods = without + ([extra] if extra else [])
        shutil.rmtree("tree", ignore_errors=True)
        name = initrd("i", mods, "gzip", builtin=builtin or [], **kw)
        if builtin is None:
            os.unlink("tree/lib/modules/%s/modules.builtin" % VERSION)
            cpio("tree", "raw.cpio")
            with open(name, "wb") as f:
                f.write(gzip.compress(open("raw.cpio", "rb").read()))
        r = doctor("--no-machine", iso("c.iso", [name]))
        equal((r.rc, levels(r, "drivers.stick")), (rc, [want]), "usb-storage " + what + ": " + r.out)
    # dracut can put the modules into a squashfs inside the initrd: what is not seen is not said to be missing
    shutil.rmtree("tree")
    os.mkdir("tree")
    squash("inner.sq", MODULES)
    shutil.copy("inner.sq", "tree/squash-root.img")
    module_tree("tree", without[1:2])
    with open("tree/init", "w") as f:
        f.write("#!/bin/sh\n")
    cpio("tree", "squashed")
    r = doctor("--inventory", inventory("few.inv", [AHCI]), iso("g.iso", ["squashed"], squash("root.sq", MODULES)))
    equal((r.rc, levels(r, "drivers.stick"), levels(r, "drivers.storage")), (0, ["skipped"], ["good"]), "modules in a squashfs inside: " + r.out)
    # With a root image that says what is built in, it is known; and a live system needs the medium's filesystems
    r = doctor("--no-machine", iso("d.iso", [name], squash("root.sq", MODULES)))
    check(r.rc == 1 and "usb-storage" in r.out, "the root image says what is built in: %s" % r.out)
    bare = [m for m in MODULES if not re.search("isofs|squashfs|loop", m[0])]
    r = doctor("--no-machine", iso("e.iso", [initrd("i", bare)], squash("root.sq", MODULES)))
    check(r.rc == 1 and "isofs, squashfs, loop" in r.out, "a live system without its filesystems: %s" % r.out)
    r = doctor("--no-machine", iso("f.iso", [initrd("i", bare)]))
    equal((r.rc, levels(r, "drivers.stick")), (0, ["good"]), "an installer mounts nothing")


# --- what the machine needs -------------------------------------------------------------------------------------------------------

def machine_drivers():
    few = [XHCI, AHCI, E1000E]
    lean = [m for m in MODULES if not re.search("ahci|e1000e", m[0])]
    for usr in (False, True):
        root = squash("root.sq", MODULES, usr)
        img = iso("m.iso", [initrd("i", lean, "xz", usr=usr)], root)
        r = doctor("--inventory", inventory("few.inv", few), img)
        equal(r.rc, 0, "drivers in the root image: " + r.out)
        for kind, names in (("usb", "xhci_pci"), ("storage", "ahci"), ("network", "e1000e")):
            found = findings(r, "drivers." + kind)
            check([f["level"] for f in found] == ["good"] and names in found[0]["evidence"], "%s: %r" % (kind, found))
        r = doctor("--inventory", inventory("odd.inv", few + [ODD, ODD_NET]), img)
        storage, net = findings(r, "drivers.storage"), findings(r, "drivers.network")
        check(r.rc == 1 and [f["level"] for f in storage] == ["problem"] and "dead:beef" in storage[0]["evidence"] and "oddraid" in storage[0]["evidence"],
              "a disk controller that nobody knows: %r" % storage)
        check([f["level"] for f in net] == ["warning"] and "dead:bee0" in net[0]["evidence"], "a network controller that nobody knows: %r" % net)
    r = doctor("--inventory", "odd.inv", img, env={"PATH": "/nonexistent"})
    check(r.rc == 0 and "skipped" in levels(r, "drivers.storage") and "squashfs-tools" in r.out, "without unsquashfs: %d %s" % (r.rc, r.out))
    # USB controllers must be in the initrd: the root image is on the stick
    img = iso("u.iso", [initrd("i", [m for m in MODULES if "xhci" not in m[0]])], squash("root.sq", MODULES))
    r = doctor("--inventory", inventory("few.inv", few), img)
    check(r.rc == 1 and levels(r, "drivers.usb") == ["problem"] and "xhci_hcd" in r.out, "no xhci in the initrd: %s" % r.out)
    # the same where only the root image says what is built in; and not where the initrd may hold more
    img = iso("u.iso", [initrd("i", [m for m in MODULES if "xhci" not in m[0]], modinfo=False)], squash("root.sq", MODULES))
    r = doctor("--inventory", inventory("few.inv", few), img)
    check(r.rc == 1 and levels(r, "drivers.usb") == ["problem"], "no xhci in the initrd, built-in aliases in the root image: %s" % r.out)
    r = doctor("--inventory", inventory("usb.inv", [XHCI]), "g.iso")
    equal((r.rc, levels(r, "drivers.usb")), (0, ["skipped"]), "xhci may be in a squashfs inside the initrd: " + r.out)
    # modules.alias is made by the installer when it runs: aliases come out of the module files
    img = iso("k.iso", [initrd("i", MODULES, alias=False)])
    r = doctor("--inventory", inventory("few.inv", few), img)
    equal((r.rc, levels(r, "drivers.network")), (0, ["good"]), "aliases from the module files")
    # no root image: packages of the medium may hold the driver
    img = iso("p.iso", [initrd("i", lean)])
    r = doctor("--inventory", inventory("odd.inv", few + [ODD]), img)
    check(r.rc == 0 and levels(r, "drivers.storage") == ["note"], "an installer's packages: %s" % r.out)
    # several initrds: one for each kernel; additions are no system
    additions = initrd("u", [], None, init=False, builtin=[], modinfo=False, alias=False)
    shutil.rmtree("tree")
    os.makedirs("tree/kernel/x86")
    with open("tree/kernel/x86/note", "w") as f:
        f.write("microcode\n")
    cpio("tree", additions)
    img = iso("s.iso", [initrd("i", MODULES), additions])
    r = doctor("--inventory", inventory("few.inv", few), img)
    equal((r.rc, len(findings(r, "drivers.stick"))), (0, 1), "microcode is no system: " + r.out)


def on_a_stick():
    """Initrd and root image are read where they lie on the stick."""
    stick = os.path.join(B, "stick")  # a plan on a stick takes the shim from its ESP
    must("create", "stick.img", "--size", "128M", data=stick)
    few = inventory("few.inv", [XHCI, AHCI, E1000E])
    lean = [m for m in MODULES if not re.search("ahci|e1000e", m[0])]
    iso("good.iso", [initrd("i", lean)], squash("root.sq", MODULES))
    iso("bad.iso", [initrd("i", [m for m in lean if "usb-storage" not in m[0]])], "root.sq")
    must("add", "stick.img", "good.iso", "bad.iso", "--to", "/images", data=stick)
    r = doctor("--inventory", few, "stick.img:/images/good.iso")
    equal((r.rc, levels(r, "drivers.storage"), levels(r, "drivers.stick")), (0, ["good"], ["good"]), "an image on a stick: " + r.out)
    # a drive belongs to root, and unsquashfs runs as somebody else
    dev = loop_device("stick.img")
    if dev:
        r = doctor("--inventory", few, dev + ":/images/good.iso")
        equal((r.rc, levels(r, "drivers.storage")), (0, ["good"]), "an image on a drive: " + r.out)
        loop_release(dev, "stick.img")
    else:
        skip("an image on a drive", "no loop devices")
    os.chmod("good.iso", 0o600)
    r = doctor("--inventory", few, "good.iso")
    found = findings(r, "drivers.storage")
    want = "skipped" if os.geteuid() == 0 else "good"
    check(r.rc == 0 and [f["level"] for f in found] == [want] and (want == "good" or "other users may not read" in found[0]["evidence"]),
          "an image that others may not read: %r" % found)
    r = doctor("--inventory", few, "stick.img")
    bad = [(f["subject"], f["check"]) for f in findings(r) if f["level"] == "problem"]
    equal((r.rc, bad), (1, [("/images/bad.iso", "drivers.stick")]), "a stick with one image that lacks usb-storage")


def broken_initrds():
    whole = open(initrd("i", MODULES + [("kernel/x/filler.ko", "x" * 30000)], "gzip"), "rb").read()
    raw = open("raw.cpio", "rb").read()
    for what, data in (("cut", whole[:len(whole) // 2]), ("noise", random.Random(3).randbytes(9000)), ("cut cpio", raw[:len(raw) // 2 // 4 * 4]),
                       ("name too long", raw[:94] + b"ffffffff" + raw[102:])):
        with open("x", "wb") as f:
            f.write(data)
        # with a name that a menu gives, whatever it holds
        r = isopod("doctor", "--json", "--only", "drivers,image.initrds,image.bootfiles", "--no-machine", iso("x.iso", ["x"]))
        named = [f for f in findings(r) if f["level"] == "problem" and f["check"] in ("image.initrds", "image.bootfiles") and "live/initrd0.img" in f["evidence"]]
        check(r.rc == 1 and not r.err and named, "initrd %s: %d %r %s" % (what, r.rc, r.err, r.out))
    rng = random.Random(11)
    for i in range(40):
        data = bytearray(raw if i % 2 else whole)
        for _ in range(8):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with open("x", "wb") as f:
            f.write(data)
        r = isopod("doctor", "--json", "--only", "drivers", "--no-machine", iso("x.iso", ["x"]), program=FAULTS)
        check(r.rc in (0, 1) and "Sanitizer" not in r.err, "noise in an initrd %d: %d %s" % (i, r.rc, r.err[:300]))
    sound = open(squash("root.sq", MODULES), "rb").read()
    for i in range(10):
        data = bytearray(sound)
        for _ in range(50):
            data[96 + rng.randrange(len(data) - 96)] = rng.randrange(256)
        with open("y", "wb") as f:
            f.write(data)
        r = doctor("--inventory", "few.inv", iso("y.iso", [initrd("i", MODULES)], "y"))
        check(r.rc in (0, 1) and not r.err, "noise in a root image %d: %d %s" % (i, r.rc, r.err[:300]))


# --- a real live system -------------------------------------------------------------------------------------------------------------

def live_media():
    for name in ("live.iso", "dracut.iso", "fatlive.iso", "installer.iso"):
        path = os.path.join(MEDIA, name)
        if not os.path.exists(path):
            skip(name, "not there (make media)")
            continue
        r = doctor("--inventory", inventory("qemu.inv", QEMU), path)
        bad = [f for f in findings(r) if f["level"] in ("problem", "warning")]
        equal((r.rc, bad), (0, []), name + " on an ordinary machine: no false alarm")
        r = doctor("--inventory", inventory("odd.inv", QEMU + [ODD]), path)
        if name != "installer.iso":  # its packages may hold it
            check(r.rc == 1 and "dead:beef" in r.out, name + " and a controller that nobody knows")
    live = os.path.join(MEDIA, "live.iso")
    if os.path.exists(live):
        against_kmod(live)


def against_kmod(live):
    """Which module is for a device: modprobe --resolve-alias says the same."""
    run("xorriso", "-osirrox", "on", "-indev", live, "-extract", "/live/initrd.img", "live.initrd", check=True)
    os.makedirs("unpacked")
    with open("live.cpio", "wb") as f:
        subprocess.run(["zstd", "-q", "-d", "-c", "live.initrd"], stdout=f, check=True)
    subprocess.run(["cpio", "--quiet", "-i", "-d", "-m"], cwd="unpacked", stdin=open("live.cpio", "rb"), stderr=subprocess.DEVNULL)
    if not os.path.isdir("unpacked/lib/modules"):
        os.symlink("usr/lib", "unpacked/lib")
    version = os.listdir("unpacked/lib/modules")[0]
    wanted = []
    for line in open("unpacked/lib/modules/%s/modules.alias" % version):
        m = re.match(r"alias pci:v0000([0-9A-F]{4})d0000([0-9A-F]{4})sv\*sd\*bc\*sc\*i\* (\S+)", line)
        if m:
            wanted.append((int(m[1], 16), int(m[2], 16)))
    random.Random(7).shuffle(wanted)
    devices = [pci(v, d, 0x1234, 0x5678, 0x020000) for v, d in wanted[:150]]
    theirs = set()
    for _, alias, _ in devices:
        out = run("modprobe", "-d", "unpacked", "-S", version, "-R", alias).stdout.split()
        theirs.update(w.replace("-", "_") for w in out[:1])
    r = doctor("--inventory", inventory("kmod.inv", devices), live)
    found = findings(r, "drivers.network")
    mine = set(found[0]["evidence"].split("all known: ")[-1].split(", ")) if found else set()
    check([f["level"] for f in found] == ["good"] and len(mine) > 10, "150 devices of the live system's own aliases: %r" % found[:3])
    # More than one module can be for a device; kmod names them in another order.
    check(len(mine - theirs) <= len(mine) // 10, "modules that kmod does not name first: %r" % sorted(mine - theirs))
    shutil.rmtree("unpacked")


# --- Windows ------------------------------------------------------------------------------------------------------------------------

INF = ["; a driver\r\n[Version]\r\nSignature = \"$WINDOWS NT$\"\r\n[Models.NTamd64]\r\n%Ahci% = ahci_inst, PCI\\CC_0106 ; PCI\\VEN_DEAD&DEV_BEEF\r\n",
       "[Models]\r\n%Usb%=usb_inst,PCI\\CC_0C0330\r\n%Net%=net_inst, PCI\\VEN_8086&DEV_10D3&SUBSYS_00008086, PCI\\VEN_8086&DEV_10D3\r\n"]


def wim(name, compress, where, extra=()):
    shutil.rmtree("win", ignore_errors=True)
    for i, text in enumerate(INF):
        d = os.path.join("win", where[i])
        os.makedirs(d, exist_ok=True)
        with open(os.path.join(d, "driver%d.inf" % i), "wb") as f:
            f.write(text.encode("utf-16") if i == 0 else text.encode())
    for path, data in extra:
        os.makedirs(os.path.dirname("win/" + path), exist_ok=True)
        with open("win/" + path, "wb") as f:
            f.write(data)
    if os.path.exists(name):
        os.unlink(name)
    run("wimcapture", "win", name, "Windows PE", "--boot", "--compress=" + compress, check=True)
    return name


def readme_only(name):
    """The tree of the last iso() as Windows media have it: in UDF, with a README in ISO 9660."""
    with open("iso/readme.txt", "w") as f:
        f.write("This disc contains a UDF file system.\n")
    hide = [o for p in os.listdir("iso") if p != "readme.txt" for o in ("-hide", p)]
    run("genisoimage", "-quiet", "-udf", "-V", "TEST", *hide, "-o", name, "iso", check=True)
    return name


def offered_drivers(odd):
    """What the medium lacks, in a folder of the host, and then on the stick."""
    os.makedirs("vendor/disk/x64")
    with open("vendor/disk/x64/odd.INF", "wb") as f:
        f.write('[Odd]\r\n"Odd controller" = Odd, PCI\\VEN_DEAD&DEV_BEEF\r\n'.encode("utf-16"))
    with open("vendor/other.inf", "w") as f:
        f.write("[Other]\nx = y, PCI\\VEN_8086&DEV_0001\n")
    tell = lambda *a: {f["level"]: (f["evidence"], f.get("fix") or "") for f in findings(doctor("--inventory", odd, *a), "drivers.windows")}
    found = tell("w.iso")
    check("drivers add TARGET FOLDER" in found["problem"][1] and "--drivers DIR" in found["problem"][1], "what to do: %r" % found)
    found = tell("--drivers", "vendor", "w.iso")
    check("vendor/disk/x64/odd.INF names it: isopod drivers add TARGET vendor/disk/x64" in found["problem"][1], "the folder: %r" % found)
    check("nothing in vendor names it" in found["warning"][1], "and of what is in none: %r" % found)
    r = isopod("doctor", "--drivers", "nowhere", "w.iso")
    check(r.rc == 3 and "nowhere" in r.err, "no such folder: %d %s" % (r.rc, r.err))
    # On the stick its helper loads it, if it is put into the WIM at all: that takes a program to stand in front of.
    windows_media.pe_tree("pe")
    wim("pe.wim", "lzx", ["Windows/INF", "Windows/INF"],
        [(os.path.relpath(os.path.join(d, n), "pe"), open(os.path.join(d, n), "rb").read()) for d, _, names in os.walk("pe") for n in names])
    must("create", "helped.img", "--size", "200M", "--yes")
    must("add", "helped.img", "pe.wim")
    found = tell("helped.img:/images/pe.wim")
    check("drivers add helped.img FOLDER" in found["problem"][1], "a stick without drivers: %r" % found)
    must("drivers", "add", "helped.img", "vendor/disk")
    found = tell("helped.img:/images/pe.wim")
    check("problem" not in found and "odd.INF on the stick names it" in found["note"][0], "a stick with it: %r" % found)


def windows():
    folders = ["Windows/INF", "Windows/System32/DriverStore/FileRepository/net1.inf_amd64_0"]
    few = inventory("few.inv", [XHCI, AHCI, E1000E])
    odd = inventory("odd.inv", [XHCI, AHCI, E1000E, ODD, ODD_NET])
    if "built without libwim" in doctor("--inventory", few, wim("probe.wim", "none", folders)).out:
        skip("drivers of Windows", "built without libwim")
        return
    for compress in ("none", "xpress", "lzx"):
        w = wim("boot.wim", compress, folders)
        for what, path in (("ISO", iso("w.iso", [], extra={"sources/boot.wim": w})), ("UDF", readme_only("u.iso")), ("WIM", w)):
            r = doctor("--inventory", few, path)
            found = findings(r, "drivers.windows")
            check(r.rc == 0 and [f["level"] for f in found] == ["good"] and "2 driver files" in found[0]["evidence"],
                  "Windows %s, %s: %d %r" % (what, compress, r.rc, found))
            r = doctor("--inventory", odd, path)
            found = {f["level"]: f["evidence"] for f in findings(r, "drivers.windows")}
            # dead:beef stands in a comment of an INF file only
            check(r.rc == 1 and set(found) == {"problem", "warning"} and "dead:beef" in found["problem"] and "dead:bee0" in found["warning"],
                  "Windows %s and controllers that nobody knows: %r" % (what, found))
    offered_drivers(odd)
    entries = sum(len(names) + len(folders) for _, folders, names in os.walk("iso"))
    r = isopod("doctor", "--json", "--only", "image.files", "u.iso")
    found = findings(r, "image.files")
    check(r.rc == 0 and [f["evidence"] for f in found] == ["all %d lie inside the image" % entries], "files in UDF: %r" % found)
    # an anchor, 150 sectors of padding, and the end of the last file
    os.truncate("u.iso", os.path.getsize("u.iso") - 153 * 2048)
    r = isopod("doctor", "--json", "--only", "image.files", "u.iso")
    check(r.rc == 1 and levels(r, "image.files") == ["problem"], "files in UDF that is cut off: %r" % findings(r, "image.files"))
    r = doctor("--inventory", few, wim("none.wim", "none", ["Somewhere/else", "Users/x"]))
    check(r.rc == 0 and levels(r, "drivers.windows") == ["skipped"], "a WIM without Windows: %s" % r.out)
    data = bytearray(open("boot.wim", "rb").read())
    rng = random.Random(2)
    for i in range(12):
        bad = bytearray(data)
        for _ in range(6):
            bad[208 + rng.randrange(len(bad) - 208)] = rng.randrange(256)
        with open("bad.wim", "wb") as f:
            f.write(bad if i else bad[:len(bad) // 2])
        r = doctor("--inventory", few, iso("w.iso", [], extra={"sources/boot.wim": "bad.wim"}))
        check(r.rc in (0, 1) and levels(r, "drivers.windows") and "Error" not in r.err.split("[")[0], "a damaged WIM %d: %d %s" % (i, r.rc, r.err[:200]))


# --- the inventory ------------------------------------------------------------------------------------------------------------------

def fake_sys(root):
    def put(path, data, mode="w"):
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        with open(root + path, mode) as f:
            f.write(data)

    for i, (bus, alias, driver) in enumerate(QEMU):
        d = "/sys/bus/%s/devices/%04d" % (bus, i)
        put(d + "/modalias", alias + "\n")
        put(d + "/serial", "SECRET-device\n")
        if driver:
            os.makedirs(root + "/sys/bus/%s/drivers/%s" % (bus, driver), exist_ok=True)
            os.symlink("../../drivers/" + driver, root + d + "/driver")
    for name, text in (("sys_vendor", "Mantis Corp"), ("product_name", "Sting 9\t\\x"), ("product_serial", "SECRET-serial"), ("product_uuid", "SECRET-uuid"),
                       ("board_serial", "SECRET-board"), ("chassis_asset_tag", "SECRET-tag"), ("bios_version", "1.2")):
        put("/sys/class/dmi/id/" + name, text + "\n")
    put("/proc/meminfo", "MemTotal:        4034512 kB\n")
    put("/proc/cmdline", "root=UUID=SECRET-root\n")
    put("/proc/cpuinfo", "processor\t: 0\nmodel name\t: 8-legged\nflags\t\t: fpu lm nx\n\nprocessor\t: 1\nmodel name\t: SECRET-second\n\n")
    put("/sys/block/sda/size", "1000\n")
    put("/sys/block/sda/device/model", "Disk \x01\n")
    put("/sys/block/sda/serial", "SECRET-disk\n")
    put("/sys/block/loop0/size", "0\n")
    put("/sys/firmware/efi/fw_platform_size", "64\n")
    put("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", b"\x06\0\0\0\1", "wb")
    put("/sys/firmware/efi/efivars/OfflineUniqueIDEKPub-00000000-0000-0000-0000-000000000000", b"SECRET-ek", "wb")
    table = bytearray(b"DSDT\x40\0\0\0\2\0ISOPODSYSTABLE\1\0\0\0TEST\1\0\0\0" + bytes(28))
    table[9] = -sum(table) & 255
    put("/sys/firmware/acpi/tables/DSDT", bytes(table), "wb")
    put("/sys/firmware/acpi/tables/MSDM", b"MSDM" + b"SECRET-key" * 5, "wb")


def inventories():
    root = os.path.abspath("fake")
    fake_sys(root)
    env = {"ISOPOD_TEST_ROOT": root}
    r = isopod("doctor", "--save-inventory", "fake.inv", program=FAULTS, env=env)
    equal((r.rc, r.out, r.err), (0, "", ""), "save an inventory")
    text = open("fake.inv", encoding="utf-8").read()
    check(text.startswith("isopod-inventory 1\n"), "first line")
    equal(re.findall("SECRET[a-z-]*", text), [], "what an inventory must not hold")
    for want in ("Mantis Corp\\n", "text /sys/class/dmi/id/product_name Sting 9\\t\\\\x\\n", "bus/virtio/devices", "drivers/ahci", "text /sys/block/sda/device/model Disk \\x01\\n",
                 "data /sys/firmware/acpi/tables/DSDT RFNEVE"):
        check(want in text, "the inventory holds %r" % want)
    check("loop0" not in text and "processor\\t: 1" not in text, "loop devices and further processors are left out")
    os.unlink(root + "/sys/firmware/acpi/tables/MSDM")  # it is not in the inventory
    live = isopod("doctor", "--json", "--only", "2,4,5", program=FAULTS, env=env)
    saved = isopod("doctor", "--json", "--only", "2,4,5", "--inventory", "fake.inv", program=FAULTS)
    strip = lambda r: [{k: v.replace("Mantis Corp Sting 9\t\\x", "this machine") if isinstance(v, str) else v for k, v in f.items()} for f in findings(r)
                       if not f["check"].startswith("kernel.")]  # there is no log in an inventory
    for a, b in zip(strip(saved), strip(live)):
        equal(a, b, "the saved machine is judged as the live one")
    equal(len(strip(saved)), len(strip(live)), "as many findings")
    check(len(findings(live)) > 4, "something was judged")
    again = isopod("doctor", "--save-inventory", "/nonexistent/x", program=FAULTS, env=env)
    one_line(again, 3, "a folder that is not there", "/nonexistent/x")
    hostile_inventories()


def hostile_inventories():
    cases = [("empty", b"", "inventory"), ("json", b"{}\n", "inventory"), ("version", b"isopod-inventory 2\n", "inventory"),
             ("keyword", b"isopod-inventory 1\nexec /x rm\n", "line 2"), ("path", b"isopod-inventory 1\n\ntext ../../etc/shadow x\n", "line 3"),
             ("dots", b"isopod-inventory 1\ntext /proc/../x y\n", "line 2"), ("base64", b"isopod-inventory 1\ndata /x ***\n", "line 2"),
             ("twice", b"isopod-inventory 1\ntext /x 1\ntext /x 2\n", "twice"), ("zeros", bytes(5000), "inventory"), ("noise", noise.randbytes(5000), "inventory")]
    for name, data, word in cases:
        with open("bad.inv", "wb") as f:
            f.write(data)
        one_line(isopod("doctor", "--inventory", "bad.inv", program=FAULTS), 3, "inventory " + name, "bad.inv", word)
    one_line(isopod("doctor", "--inventory", "not-there", program=FAULTS), 3, "no such inventory", "not-there")
    one_line(isopod("doctor", "--inventory", ".", program=FAULTS), 3, "a folder as inventory", ".")
    with open("big.inv", "wb") as f:
        f.truncate(40 << 20)
    one_line(isopod("doctor", "--inventory", "big.inv", program=FAULTS), 3, "40 MiB", "big.inv")
    # what the files hold is nonsense, and none of it is believed
    files = {p: "\x01\xff%s%n\n" * 50 for p in ("/proc/meminfo", "/proc/iomem", "/proc/cpuinfo", "/sys/power/state", "/sys/firmware/efi/fw_platform_size")}
    files.update({"/sys/firmware/memmap/%d/start" % i: "0xffffffffffffffffff\n" for i in range(20)})
    devices = [("pci", "pci:" + "v0000" * 200, "x"), ("pci", "pci:bc01sc06i", None), ("usb", "usb:ic02isc06ip", "\\"), ("virtio", "virtio:d", None), ("acpi", "acpi::PNP0D40:", None)]
    data = {"/sys/firmware/acpi/tables/T%d" % i: noise.randbytes(i * 7) for i in range(40)}
    data["/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"] = b"\1"
    data["/sys/firmware/efi/efivars/dbx-d719b2cb-3d3a-4596-a3bc-dad00e67656f"] = b"\1\2"
    inventory("odd.inv", devices, files, data)
    r = isopod("doctor", "--json", "--inventory", "odd.inv", iso("h.iso", [initrd("i", MODULES)]), program=FAULTS)
    check(r.rc in (0, 1) and "Sanitizer" not in r.err and findings(r), "nonsense in an inventory: %d %s" % (r.rc, r.err[:300]))


def main():
    make_data("data", 1)
    inventories()
    stick_drivers()
    machine_drivers()
    on_a_stick()
    broken_initrds()
    windows()
    live_media()


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    with workdir():
        main()
    finish()

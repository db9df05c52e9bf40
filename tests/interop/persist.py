#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Persistence files on both data filesystems: which live system is in an image, what is in the file (e2fsck, debugfs, blkid), where it may
not go, and power lost at every write of its creation."""
import gzip, json, os, random, shutil, signal, struct, subprocess, tarfile

from power_common import *

SIZE = 64 * MIB
LOOKED_FOR = "a persistence file is looked for"


def cpio(files):
    """A newc archive; what is not the kernel's business is zero."""
    out = b""
    for name, data in list(files.items()) + [("TRAILER!!!", b"")]:
        out += ("070701" + "".join("%08x" % v for v in (1, 0o100755, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0))).encode()
        out += name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return out


# Initrds of our own words, with what tells the live systems apart.
SYSTEMS = {
    "live": {"init": b"#!/bin/sh\n", "usr/bin/live-boot": b"for f in /etc/live/boot.conf /etc/live/boot/*; do . $f; done\n"},
    "live-old": {"init": b"#!/bin/sh\n", "bin/live-boot": b"cat /proc/cmdline\n"},
    "ubuntu": {"init": b"#!/bin/sh\n", "scripts/casper": b"find_one\n", "scripts/casper-helpers": b"label=writable\n"},
    "ubuntu-old": {"init": b"#!/bin/sh\n", "scripts/casper": b"label=casper-rw\n"},
    "fedora": {"init": b"#!/bin/sh\n", "usr/sbin/dmsquash-live-root": b"#!/bin/sh\n"},
    "leap": {"init": b"#!/bin/sh\n", "usr/sbin/kiwi-live-root": b"getargbool 0 rd.live.overlay.persistent\n",
             "usr/lib/kiwi-live-lib.sh": b"mount -L cow $1\n"},
    "arch": {"init": b"#!/bin/sh\n", "hooks/archiso": b"cow_label\n"},
    "miso": {"init": b"#!/bin/sh\n", "hooks/udev": b"start\n", "hooks/miso": b"[ -n \"${cow_label}\" ]\n"},
    "alpine": {"init": b"#!/bin/sh\nnlplug-findfs -b /tmp/repositories -a /tmp/apkovls\n"},
    "puppy": {"init": b"#!/bin/ash\n[ $psave ] && PSAVE=$psave\nblkid | grep LABEL=.$1\n. /DISTRO_SPECS\n"},
    "tinycore": {"init": b"#!/bin/sh\n", "usr/bin/tce-setup": b"case $i in tce=*) ;; esac\n",
                 "etc/init.d/tc-functions": b"[ $D2 == LABEL= ]\n"},
    "slax": {"init": b"#!/bin/sh\n", "lib/livekitlib": b"grep -vq perch /proc/cmdline\n"},
    "alpine-old": {"init": b"#!/bin/sh\nfind /media -name '*.apkovl.tar.gz'\n"},
    "other": {"init": b"#!/bin/sh\n", "bin/sh": b"?"},
}


def iso(name):
    folder = "tree-" + name
    os.makedirs(folder + "/boot")
    with open(folder + "/boot/initrd.img", "wb") as f:
        f.write(gzip.compress(cpio(SYSTEMS[name]), 1))
    with open(folder + "/boot/vmlinuz", "wb") as f:
        f.write(b"\0" * 0x202 + b"HdrS" + bytes(2000))
    with open(folder + "/boot/grub.cfg", "w") as f:
        f.write("menuentry x {\nlinux /boot/vmlinuz\ninitrd /boot/initrd.img\n}\n")
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", name.upper(), "-o", name + ".iso", folder, check=True)
    return name + ".iso"


def place(stick, path):
    e = plan("%s:%s.persist" % (stick, path))["extents"]
    check(len(e) == 1, "%s: one piece: %r" % (path, e))
    return e[0]["source"], e[0]["length"]


def volume(stick, path):
    at, length = place(stick, path)
    return cut_out(stick, at, length, "part.ext4")


def in_order(part, what):
    r = run("e2fsck", "-fn", part)
    return check(r.returncode == 0, "%s: e2fsck: %s" % (what, r.stdout))


def fresh_journal(part, what):
    """Behind its first block there is nothing that could be taken for a transaction, whatever lay there before: e2fsck does not look."""
    run("debugfs", "-R", "dump <8> journal", part, check=True)
    with open("journal", "rb") as f:
        data = f.read()
    check(len(data) >= 4 * MIB and not data[4096:].strip(b"\0"), "%s: the journal is empty: %d bytes" % (what, len(data)))


def debugfs(part, command):
    return run("debugfs", "-R", command, part).stdout


def made(stick, fs):
    """Whatever lay in the room before: an ext4 full of noise."""
    must("create", stick, "--size", "600M", "--fs", fs)
    run("mke2fs", "-Fqt", "ext4", "-L", "persistence", "old.img", "64M")
    run("debugfs", "-w", "-R", "mkdir before", "old.img")
    with open("old.img", "r+b") as f:
        noise = random.Random(3).randbytes(MIB)
        for at in range(4, 64):
            f.seek(at * MIB)
            f.write(noise)
    old = ["old%d.img" % i for i in range(4)]
    for name in old:
        shutil.copyfile("old.img", name)
    must("add", stick, *old)
    must("remove", stick, *["/images/" + n for n in old])
    must("add", stick, *[n + ".iso" for n in SYSTEMS])
    check(LOOKED_FOR not in run(os.path.join(B, "interop/menu"), stick).stdout, "where there is none, the menu looks for none")


def apkovl(part):
    """What Alpine finds first, by gzip and tar."""
    check("localhost.apkovl.tar.gz" in debugfs(part, "ls /"), "the apkovl has the name of a host without one")
    run("debugfs", "-R", "dump localhost.apkovl.tar.gz ovl.tar.gz", part, check=True)
    with gzip.open("ovl.tar.gz") as f, tarfile.open(fileobj=f) as t:
        got = {m.name: m for m in t}
        text = {n: t.extractfile(m).read().decode() for n, m in got.items() if m.isfile()}
    for n, m in got.items():
        equal((m.uid, m.gid, m.mode), (0, 0, 0o755 if m.isdir() else 0o644), "apkovl: whose %s is" % n)
    equal(text["etc/fstab"].split()[:4], ["LABEL=isopod-lbu", "/media/isopod", "ext4", "ro,noatime"], "apkovl: fstab")
    equal(text["etc/lbu/lbu.conf"], "LBU_MEDIA=isopod\n", "apkovl: lbu.conf")
    check("etc/.default_boot_services" in text and text["etc/apk/world"] == "alpine-base\n", "apkovl: %r" % text)


def told_in_menus(stick):
    """An archiso is told by its boot menus, as xorriso reads them; not twice, and not where somebody says otherwise."""
    path = stick + ":/images/arch.iso"
    before = menu_of(path)
    must("persist", "create", stick, "/images/arch.iso", "--size", "64M")
    p = plan(path)
    equal((p["persistence"]["kind"], p["persistence"]["arguments"]), ("archiso", "cow_label=isopod-cow"), "the plan says so")
    equal(menu_of(path), before.replace("linux /boot/vmlinuz", "linux /boot/vmlinuz cow_label=isopod-cow"), "the boot menu")
    check("cow_label=isopod-cow (1 kernel line" in isopod("plan", path).out, "and in words")
    check("cow_label=isopod-cow quiet" in menu_of(path, "quiet") or "quiet cow_label=isopod-cow" in menu_of(path, "quiet"), "beside others")
    check("isopod-cow" not in menu_of(path, "cow_label=mine"), "another one is asked for")
    must("remove", stick, "/images/arch.iso")
    with open("tree-arch/boot/grub.cfg", "w") as f:
        f.write("configfile elsewhere\n")
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "ARCH", "-o", "arch.iso", "tree-arch", check=True)
    must("add", stick, "arch.iso")
    w = plan(path)["warnings"]
    check(any("No boot menu" in x and "not kept" in x for x in w), "nobody can be told: %r" % w)
    must("persist", "remove", stick, "/images/arch.iso")


def menu_of(path, words=None):
    exported(path, "served", *(["--arguments", words] if words else []))
    run("xorriso", "-osirrox", "on", "-indev", "served", "-extract", "/boot/grub.cfg", "menu.cfg", check=True)
    with open("menu.cfg") as f:
        text = f.read()
    os.chmod("menu.cfg", 0o644)
    os.remove("menu.cfg")
    return text


def told_by_words(stick):
    """The others, one at a time."""
    apkovl(volume(stick, "/images/alpine.iso"))
    must("persist", "remove", stick, "/images/arch.iso")
    must("persist", "remove", stick, "/images/alpine.iso")
    for name, label, folder, words in (("miso", "isopod-cow", "", "cow_label=isopod-cow"), ("puppy", "isopod-pup", "pupsave", "psave=isopod-pup:/pupsave"),
                                       ("tinycore", "isopod-tce", "tce", "tce=LABEL=isopod-tce waitusb=15:LABEL=isopod-tce")):
        path = "/images/%s.iso" % name
        must("persist", "create", stick, path, "--size", "64M")
        part = volume(stick, path)
        in_order(part, name)
        equal(run("blkid", "-p", "-s", "LABEL", "-o", "value", part).stdout.strip(), label, name + ": label")
        check(" " + folder in debugfs(part, "ls -l /"), name + ": folder")
        check("/boot/vmlinuz %s\n" % words in menu_of(stick + ":" + path), name + ": told in the menu")
        must("persist", "remove", stick, path)


def kinds(fs):
    stick = fs + ".img"
    made(stick, fs)
    want = {"live": ("live-boot", "persistence"), "ubuntu": ("casper", "writable"), "ubuntu-old": ("casper", "casper-rw"),
            "fedora": ("dracut", "isopod-rw"), "leap": ("kiwi", "cow")}
    if fs == "exfat":
        want |= {"arch": ("archiso", "isopod-cow"), "alpine": ("alpine", "isopod-lbu")}
    for name, (kind, label) in want.items():
        path = "/images/%s.iso" % name
        r = json.loads(must("persist", "create", stick, path, "--size", "64M", "--json").out)
        equal((r["kind"], r["label"], r["size"]), (kind, label, SIZE), "%s: what was made" % name)
        part = volume(stick, path)
        in_order(part, fs + ", " + name)
        fresh_journal(part, fs + ", " + name)
        equal(run("blkid", "-p", "-s", "LABEL", "-s", "TYPE", "-o", "value", part).stdout.split(), [label, "ext4"], name + ": blkid")
        listed = debugfs(part, "ls -l /")
        check((" persistence.conf" in listed) == (kind == "live-boot"), "%s: persistence.conf: %s" % (name, listed))
        check((" overlayfs" in listed and " ovlwork" in listed) == (kind == "dracut"), "%s: folders: %s" % (name, listed))
        check("before" not in listed, "%s: nothing of before: %s" % (name, listed))
        for line in listed.splitlines()[1:]:
            check(not line.strip() or " 0 " in line, "%s: root owns it: %s" % (name, line))
    check("/ union" in debugfs(volume(stick, "/images/live.iso"), "cat persistence.conf").splitlines(), "what persistence.conf says")
    one_line(isopod("persist", "create", stick, "/images/live.iso", "--size", "64M"), 3, "twice", "there already", "persist remove")
    one_line(isopod("persist", "create", stick, "/images/alpine-old.iso"), 3, "no such search", "--kind")
    one_line(isopod("persist", "create", stick, "/images/slax.iso"), 3, "it would ask", "Live Kit", "asks")
    if fs == "exfat":
        told_by_words(stick)
        del want["arch"], want["alpine"]
    one_line(isopod("persist", "create", stick, "/images/live-old.iso"), 3, "an old live-boot", "command line", "--kind live-boot")
    one_line(isopod("persist", "create", stick, "/images/other.iso"), 3, "unknown", "--kind")
    one_line(isopod("persist", "create", stick, "/images/none.iso"), 3, "no image", "none.iso")
    one_line(isopod("persist", "create", stick, "/images/other.iso", "--kind", "live-boot", "--size", "63M"), 3, "too small", "64.0 MiB")
    one_line(isopod("persist", "create", stick, "/images/other.iso", "--kind", "live-boot", "--size", "400M"), 3, "too large", "space")
    must("persist", "create", stick, "/images/other.iso", "--kind", "live-boot", "--size", "64M")
    check(LOOKED_FOR in run(os.path.join(B, "interop/menu"), stick).stdout, "the menu looks for it")
    got = {e["image"]: e for e in json.loads(must("persist", "list", stick, "--json").out)}
    equal(sorted(got), sorted("/images/%s.iso" % n for n in [*want, "other"]), "list")
    e = got["/images/live.iso"]
    free = debugfs(volume(stick, "/images/live.iso"), "stats")
    free = int(free[free.index("Free blocks:") + 12:].split()[0])
    equal((e["kind"], e["free"], e["full"], e["image_there"]), ("live-boot", free * 4096, False, True), "what is listed")
    must("move", stick, "/images/fedora.iso", "/other/hat.iso")
    got = {e["image"]: e for e in json.loads(must("persist", "list", stick, "--json").out)}
    check("/other/hat.iso" in got and "/images/fedora.iso" not in got, "the file goes where its image goes")
    must("move", stick, "/other/hat.iso", "/images/fedora.iso")
    r = must("remove", stick, "/images/fedora.iso")
    check("fedora.iso.persist: the image is gone" in r.err, "what is left is told: " + r.err)
    check("not there" in must("persist", "list", stick).out, "an image that is gone")
    must("persist", "remove", stick, "/images/fedora.iso")
    one_line(isopod("persist", "remove", stick, "/images/fedora.iso"), 3, "remove twice", "no persistence file")
    check("fedora" not in must("persist", "list", stick).out, "it is gone")
    one_line(isopod("persist", "create", stick, "/images/live.iso", "--kind", "tails"), 2, "no such kind", "unknown kind")
    one_line(isopod("persist", "keep", stick), 2, "no such command", "persist keep")
    if fs == "exfat":
        fsck(stick, "after all this")


def handed_over():
    """The planner's archive: the file that switches persistence on, and the record's chunk, read by cpio and here."""
    stick = "exfat.img"
    for path, name, text in (("/images/live.iso", "etc/live/boot/isopod", "PERSISTENCE=true"),
                             ("/images/ubuntu.iso", "conf/conf.d/isopod", "PERSISTENT=Yes")):
        p = plan(stick + ":" + path)
        served = next(o for o in p["overlays"] if o["kind"] == "initrd")
        check(p["persistence"]["kind"] in ("live-boot", "casper"), "%s: the plan says so: %r" % (path, p.get("persistence")))
        exported(stick + ":" + path, "served")
        with open("served", "rb") as f:
            f.seek(served["offset"])
            data = f.read(served["length"])
        check(name.encode() + b"\0" in data and text.encode() in data, "%s: %s in the archive" % (path, name))
        chunk = struct.pack("<IIQQ", 16, 16, *place(stick, path))
        check(chunk in data, path + ": where the file lies, in the record")
    p = plan(stick + ":/images/arch.iso")
    check("persistence" not in p, "none for an image without")
    told_in_menus(stick)
    fill(stick, "/images/ubuntu.iso")
    w = plan(stick + ":/images/ubuntu.iso")["warnings"]
    check(any("is full" in x for x in w), "a full one is named before the boot: %r" % w)
    e = {e["image"]: e for e in json.loads(must("persist", "list", stick, "--json").out)}["/images/ubuntu.iso"]
    check(e["full"] and "full" in e["problem"], "and in the list: %r" % e)
    check("persistence" in must("list", stick).out, "'list' tells of it")


def fill(stick, path):
    with open("much", "wb") as f:
        f.write(b"x" * (61 * MIB))
    write_into(stick, path, "write much much")


def back_again(stick):
    """A snapshot, something else, and back: by debugfs on both sides."""
    path = "/images/live.iso"
    one_line(isopod("persist", "rollback", stick, path), 3, "no snapshot yet", "no snapshot")
    one_line(isopod("persist", "snapshot", stick, "/images/arch.iso"), 3, "nothing to keep", "no persistence file")
    write_into(stick, path, "mkdir early")
    must("persist", "snapshot", stick, path)
    want = sha256(volume(stick, path))
    write_into(stick, path, "mkdir late")
    check("snapshot" in json.loads(must("persist", "list", stick, "--json").out)[0], "the list tells of it")
    check("late" in debugfs(volume(stick, path), "ls /"), "written after the snapshot")
    must("persist", "rollback", stick, path)
    part = volume(stick, path)
    equal(sha256(part), want, "every byte is that of the snapshot")
    in_order(part, "rolled back")
    one_line(isopod("persist", "rollback", stick, path), 3, "it is the snapshot", "no snapshot")
    must("persist", "snapshot", stick, path)
    must("persist", "snapshot", stick, path)
    must("persist", "remove", stick, path)
    check("live.iso" not in must("persist", "list", stick).out, "removed")
    must("persist", "create", stick, path, "--size", "64M")
    one_line(isopod("persist", "rollback", stick, path), 3, "the snapshot went with it", "no snapshot")
    must("persist", "snapshot", stick, path)
    must("add", stick, noise("rest.img", 30 * MIB))
    one_line(isopod("persist", "snapshot", stick, path), 3, "no room for a second while the first is there", "space")
    fsck(stick, "snapshots")


def write_into(stick, path, command):
    at, length = place(stick, path)
    part = volume(stick, path)
    run("debugfs", "-w", "-R", command, part)
    with open(part, "rb") as f, open(stick, "r+b") as out:
        out.seek(at)
        shutil.copyfileobj(f, out)


def no_half_file(state, what):
    """Either nothing, or all of it."""
    r = isopod("persist", "list", state, "--json")
    if not check(r.rc == 0, "%s: list: %s" % (what, r.err)):
        return
    got = json.loads(r.out)
    if got:
        check(got[0]["kind"] == "live-boot", "%s: %r" % (what, got))
        in_order(volume(state, "/images/live.iso"), what)


def power():
    must("create", "p.img", "--size", "140M", "--yes")
    must("add", "p.img", "live.iso")
    writes = record("p.img", "persist", "create", "p.img", "/images/live.iso", "--size", "64M")
    rng, n = random.Random(5), 0
    count = sum(1 for w in writes if w is not None)
    for what, state in each_state("p.img", writes, rng, wanted=lambda k, w: k == 1 or k > count - 8 or k % 16 == 0):
        n += 1
        no_half_file(state, what)
        fsck(state, what)
    check(n > 10, "states: %d" % n)


def killed():
    """By a signal in the middle: no file, and the stick as it was."""
    p = subprocess.Popen([ISOPOD, "persist", "create", "p.img", "/images/live.iso", "--size", "64M"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         env=dict(os.environ, ISOPOD_DATA=os.path.abspath("data")))
    wait_written(p, MIB)
    p.send_signal(signal.SIGTERM)
    rc = p.wait()
    check(rc in (0, 3), "killed: status %d" % rc)
    no_half_file("p.img", "killed")
    fsck("p.img", "killed")


def main():
    with workdir():
        os.symlink(os.path.join(B, "stick"), "data")
        for name in SYSTEMS:
            iso(name)
        kinds("exfat")
        handed_over()
        kinds("ntfs")
        must("create", "p.img", "--size", "260M")
        must("add", "p.img", "live.iso")
        must("persist", "create", "p.img", "/images/live.iso", "--size", "64M")
        back_again("p.img")
        power()
        killed()
    finish()


main()

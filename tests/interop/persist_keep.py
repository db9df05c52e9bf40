#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The menu keeps a persistence file as its snapshot before a start: of a filesystem whose last changes are in its journal alone, as a live
system leaves it, e2fsck and debugfs find the same in the snapshot; of an overlay it holds all that was written; power fails at each write;
and where it cannot be, the menu says so. What lay in the snapshot's place before is noise."""
import gzip, re

import persist_disk
from power_common import *
import cli_common

IMAGE = "/images/x.iso"
FILE, KEPT = IMAGE + ".persist", IMAGE + ".persist-snapshot"
E2FSCK = dict(os.environ, E2FSCK_TIME="2000000000")
BIOS = "1"


def menu(stick, *keys, writes=-1, **env):
    r = run(os.path.join(B, "interop/menu"), stick, "keys", str(writes), *keys, env=dict(os.environ, MENU_CLOCK="1700000000", **env))
    equal(r.returncode, 0, "the menu ends: " + r.stdout[-300:])
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", " ", r.stdout)


def copy(a, b):
    run("cp", "--sparse=always", a, b, check=True)


def cpio(files):
    os.makedirs("files", exist_ok=True)
    for n, text in files.items():
        os.makedirs(os.path.dirname("files/" + n), exist_ok=True)
        with open("files/" + n, "w") as f:
            f.write(text)
    return subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input="\n".join(files).encode(), cwd="files", stdout=subprocess.PIPE, check=True).stdout


def live_iso():
    os.makedirs("tree/boot")
    with open("tree/boot/initrd.img", "wb") as f:
        f.write(gzip.compress(cpio({"init": "#!/bin/sh\n", "usr/bin/live-boot": "for f in /etc/live/boot/*; do . $f; done\n"}), 1))
    with open("tree/boot/vmlinuz", "wb") as f:
        f.write(b"\0" * 0x202 + b"HdrS" + bytes(2000))
    with open("tree/boot/grub.cfg", "w") as f:
        f.write("menuentry x {\nlinux /boot/vmlinuz\ninitrd /boot/initrd.img\n}\n")
    with open("tree/efi.img", "wb") as f:
        f.truncate(MIB)
    run("mkfs.fat", "tree/efi.img", check=True)
    noise("BOOTX64.EFI", 4000)
    run("mmd", "-i", "tree/efi.img", "::EFI", "::EFI/BOOT", check=True)
    run("mcopy", "-i", "tree/efi.img", "BOOTX64.EFI", "::EFI/BOOT/BOOTX64.EFI", check=True)
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "LIVE", "-e", "efi.img", "-no-emul-boot", "-o", "x.iso", "tree", check=True)


def place(stick, path):
    """Where it lies on the stick, or None."""
    r = isopod("plan", stick + ":" + path, "--json")
    e = json.loads(r.out).get("extents") if r.out else None
    if not e:
        return None
    return (e[0]["source"], e[0]["length"]) if check(len(e) == 1, path + ": one piece: %r" % e) else None


def content(stick, path, out):
    at = place(stick, path)
    return cut_out(stick, *at, out) if at else None


def put(stick, path, part):
    at, length = place(stick, path)
    equal(os.path.getsize(part), length, "as long as before")
    with open(part, "rb") as f, open(stick, "r+b") as out:
        out.seek(at)
        shutil.copyfileobj(f, out)


def rules(stick, text):
    with open("isopod.conf", "w") as f:
        f.write(text)
    must("add", stick, "isopod.conf", "--to", "/", "--replace")


def block_size(part):
    return int(re.search(r"Block size: +(\d+)", run("dumpe2fs", "-h", part).stdout).group(1))


def in_journal(part, name, size, seed, journal="jo"):
    """What a live system leaves that wrote a file and was switched off: its data in place, all else in the journal alone."""
    shutil.copyfile(part, "later")
    noise("new", size, seed)
    run("debugfs", "-w", "-R", "write new %s" % name, "later", check=True)
    run("debugfs", "-w", "-R", "mkdir %s-folder" % name, "later", check=True)
    b = block_size(part)
    data = {int(n) for n in run("debugfs", "-R", "blocks " + name, "later").stdout.split("\n")[-2].split()}
    was, now = open(part, "rb").read(), open("later", "rb").read()
    logged = []
    with open(part, "r+b") as f, open("logged", "wb") as log:
        for i in range(len(was) // b):
            block = now[i * b:(i + 1) * b]
            if was[i * b:(i + 1) * b] == block:
                continue
            if i in data:
                f.seek(i * b)
                f.write(block)
            else:
                logged.append(i)
                log.write(block)
    with open("cmds", "w") as f:
        f.write("%s\njw -b %s logged\njc\n" % (journal, ",".join(map(str, logged))))
    r = run("debugfs", "-w", "-f", "cmds", part)
    check("needs_recovery" in run("dumpe2fs", "-h", part).stdout, "something is in the journal only: " + r.stdout[-200:])
    return logged


def same(file, kept, what):
    """Both after their journals were replayed: every block in use, the list of all files, one file's content."""
    for p in (file, kept):
        r = run("e2fsck", "-fy", p, env=E2FSCK)
        check(r.returncode in (0, 1) and "ERROR" not in r.stdout and r.stdout.count("?") == 0, "%s: e2fsck %s: %s" % (what, p, r.stdout))
        r = run("e2fsck", "-fn", p)
        check(r.returncode == 0, "%s: e2fsck %s, once more: %s" % (what, p, r.stdout))
    b = block_size(file)
    m = re.search(r"Cluster size: +(\d+)", run("dumpe2fs", "-h", file).stdout)
    rest = int(m.group(1)) // b - 1 if m else 0  # dumpe2fs names the first block of a cluster
    unused = set()
    for line in re.findall(r"Free blocks: +(\d[-\d, ]*)", run("dumpe2fs", file).stdout):
        for one in line.split(","):
            if one.strip():
                ends = [int(n) for n in one.strip().split("-")]
                unused.update(range(ends[0], ends[-1] + 1 + rest))
    x, y = open(file, "rb").read(), open(kept, "rb").read()
    wrong = [i for i in range(len(x) // b) if i not in unused and x[i * b:(i + 1) * b] != y[i * b:(i + 1) * b]]
    check(not wrong, "%s: %d blocks in use differ: %r" % (what, len(wrong), wrong[:10]))
    equal(run("debugfs", "-R", "ls -lR /", kept).stdout, run("debugfs", "-R", "ls -lR /", file).stdout, what + ": all files")


def has(part, name):
    """The last file that in_journal wrote."""
    run("debugfs", "-R", "dump %s out" % name, part)
    return sha256("out") == sha256("new")


def stick_with(stick, part, size, fs="exfat"):
    """The file, and noise in all the room that a snapshot could get."""
    if os.path.exists(stick):
        os.unlink(stick)
    must("create", stick, "--size", size, "--fs", fs, "--uuid-seed", "1")
    rules(stick, "snapshot = x*\n")
    shutil.copyfile(part, "x.iso.persist")
    must("add", stick, "x.iso", "x.iso.persist")
    pieces = [noise("noise%d" % i, 20 * MIB, i) for i in range(3 if fs == "exfat" else 1)]
    must("add", stick, *pieces)
    must("remove", stick, *["/images/" + p for p in pieces])


def figures(out):
    """(bytes in use, bytes written), roughly."""
    m = re.search(r"([\d.]+) (\w+) are in use, ([\d.]+) (\w+) of them", out)
    unit = {"B": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "KB": 1000, "MB": 1000000, "K": 1 << 10, "M": 1 << 20}
    if not check(m, "the menu tells how much it was: " + out[-500:]):
        return 0, 0
    return float(m.group(1)) * unit[m.group(2)], float(m.group(3)) * unit[m.group(4)]


LAYOUTS = [("-t ext4 -b 4096", 24, "jo"), ("-t ext4 -b 1024 -J size=4", 30, "jo -c -v 3"),
           ("-t ext4 -b 1024 -O ^flex_bg,^64bit,^metadata_csum -J size=4", 30, "jo"),
           ("-t ext4 -b 1024 -O meta_bg,^resize_inode -J size=4", 30, "jo -c -v 2"),
           ("-t ext4 -b 4096 -O bigalloc -C 16384 -J size=4", 30, "jo -c -v 3"), ("-t ext3 -b 2048 -J size=4", 30, "jo -c -v 1")]


def of_filesystem(layout, size, journal):
    what = "mke2fs " + layout
    part = "volume"
    if os.path.exists(part):
        os.unlink(part)
    run("mke2fs", "-Fq", "-N", "256", "-L", "persistence", *layout.split(), part, "%dM" % size, check=True)
    in_journal(part, "first", 9 * MIB, 1, journal)
    stick_with("p.img", part, "160M")
    check("snapshot" not in must("persist", "list", "p.img").out, what + ": there is none yet")
    check("before each start" in isopod("plan", "p.img:" + IMAGE).out, what + ": the plan says so")
    check("before each start its state is kept" in menu("p.img", "tab", "end"), what + ": and the details")
    before = sha256(content("p.img", FILE, "file"))
    out = menu("p.img", "enter")
    used, written = figures(out)
    check(9 * MIB < written <= used < (size - 4) * MIB, "%s: what is not in use is not copied: %d of %d" % (what, written, used))
    equal(sha256(content("p.img", FILE, "file")), before, what + ": the file itself stays as it is")
    content("p.img", KEPT, "kept")
    same("file", "kept", what)
    check(has("kept", "first"), what + ": the file that was in the journal")
    check("with a snapshot of 2023-11-14 22:13\n" in must("persist", "list", "p.img").out, what + ": of when it is")
    fsck("p.img", what)
    # nothing new
    start, length, _ = partitions("p.img")[1][0]
    whole = sha256(cut_out("p.img", start, length, "part"))
    check("Nothing was written" in menu("p.img", "enter"), what + ": nothing is copied twice")
    equal(sha256(cut_out("p.img", start, length, "part")), whole, what + ": nor is the data partition written to")
    # something new, into a third place, then into the first one again, where the most of it is
    content("p.img", FILE, "file")
    run("e2fsck", "-fy", "file", env=E2FSCK)
    in_journal("file", "second", MIB, 2, journal)
    put("p.img", FILE, "file")
    menu("p.img", "enter")
    content("p.img", KEPT, "kept")
    same("file", "kept", what + ": the second one")
    run("debugfs", "-w", "-R", "rm second", "file", check=True)
    run("debugfs", "-w", "-R", "mkdir third", "file", check=True)
    put("p.img", FILE, "file")
    used, written = figures(menu("p.img", "enter"))
    check(written < used / 2, "%s: what is there already is not written again: %d of %d" % (what, written, used))
    content("p.img", KEPT, "kept")
    same("file", "kept", what + ": the third one")
    fsck("p.img", what + ": the third one")


def power_fails():
    """At each write: the last snapshot or the new one, and never another file."""
    run("mke2fs", "-Fq", "-t", "ext4", "-N", "64", "-L", "persistence", "-J", "size=4", "tiny", "10M", check=True)
    stick_with("p.img", "tiny", "150M")
    content("p.img", FILE, "file")
    run("debugfs", "-w", "-R", "mkdir old", "file", check=True)
    put("p.img", FILE, "file")
    menu("p.img", "enter")
    run("debugfs", "-w", "-R", "mkdir new", "file", check=True)
    put("p.img", FILE, "file")
    want, olds, news = sha256("file"), 0, 0
    for n in range(200):
        copy("p.img", "cut.img")
        done = "are in use" in menu("cut.img", "enter", writes=n)
        equal(sha256(content("cut.img", FILE, "state")), want, "write %d is lost: the file" % n)
        if check(content("cut.img", KEPT, "kept"), "write %d is lost: there is a snapshot" % n):
            r = run("e2fsck", "-fn", "kept")
            names = run("debugfs", "-R", "ls -l /", "kept").stdout
            check(r.returncode == 0 and "old" in names, "write %d is lost: it is whole: %s" % (n, r.stdout))
            olds += "new" not in names
            news += "new" in names
        if done:
            break
        out = menu("cut.img", "enter")
        check("are in use" in out or "Nothing was written" in out, "write %d was lost, and once more: %s" % (n, out[-300:]))
        if n % 5 == 0:
            fsck("cut.img", "write %d was lost, and once more" % n)
    check(done and olds and news, "%d times the old state, %d times the new" % (olds, news))
    fsck("cut.img", "done")


def unproven():
    """Where the bitmaps prove nothing, all of it is copied."""
    for what, command in (("errors were found in it", "ssv state 2"), ("unknown to us", "feature fast_commit"), ("no journal, not unmounted", None)):
        shutil.copyfile("tiny", "volume")
        if command:
            run("debugfs", "-w", "-R", command, "volume", check=True)
        else:
            run("tune2fs", "-O", "^has_journal", "volume", check=True)
            run("debugfs", "-w", "-R", "ssv state 0", "volume", check=True)
        stick_with("p.img", "volume", "150M")
        used, _ = figures(menu("p.img", "enter"))
        check(used > 9.9 * MIB, "%s: %d bytes" % (what, used))
        equal(sha256(content("p.img", KEPT, "kept")), sha256("volume"), what + ": every byte")


def refused():
    """Where it cannot be, the menu says so; then it is for the user to say."""
    stick_with("p.img", "tiny", "150M")
    rules("p.img", "snapshot = y*\n")
    check("napshot" not in menu("p.img", "enter"), "no rule, no snapshot")
    check("before each start" not in isopod("plan", "p.img:" + IMAGE).out, "nor does the plan say so")
    noise("x.iso.persist-snapshot", MIB)
    must("add", "p.img", "x.iso.persist-snapshot")
    check("of another size, 1.0 MiB" in must("persist", "list", "p.img").out, "one that is not of this file")
    must("remove", "p.img", KEPT)
    rules("p.img", "snapshot = on\ndefault = %s\ntimeout = 9\n" % IMAGE)
    # Esc
    out = menu("p.img", "enter", "esc", *["-"] * 50, ISOPOD_MENU_CLOCK="1")
    check("No snapshot was taken." in out and IMAGE in out, "Esc: it starts without: " + out[-400:])
    check(place("p.img", KEPT) is None, "Esc: there is none")
    fsck("p.img", "Esc")
    # no room
    must("add", "p.img", noise("z.img", 66 * MIB))
    out = menu("p.img", "enter")
    check("in one piece" in out and "Cannot start" in out, "started by itself: said, and it goes on: " + out[-400:])
    rules("p.img", "snapshot = on\n")
    out = menu("p.img", "enter", "esc")
    check("in one piece" in out and "Cannot start" not in out, "started by hand: not against the user's will: " + out[-400:])
    check("Cannot start" in menu("p.img", "enter", "enter"), "but with it")
    check(place("p.img", KEPT) is None, "no room: there is none")
    stick_with("n.img", "tiny", "150M", "ntfs")
    out = menu("n.img", "enter", "esc").replace("\n", " ")
    check("isopod persist snapshot" in out, "NTFS: " + out[-400:])
    check("on NTFS the menu takes none" in isopod("plan", "n.img:" + IMAGE).out, "NTFS: the plan says so")
    must("persist", "snapshot", "n.img", IMAGE)
    check("Nothing was written" in menu("n.img", "enter"), "NTFS: that of the command counts")


def of_overlay():
    d = persist_disk
    d.disk("disk.img")
    with open("disk.img", "r+b") as f:
        f.write(b"\xfa\x31\xc0\x8e\xd8\xf4\xeb\xfd")
    must("create", "s.img", "--size", "320M", "--uuid-seed", "1")
    rules("s.img", "snapshot = on\n")
    must("add", "s.img", "disk.img")
    must("persist", "create", "s.img", d.IMAGE, "--size", "64M")
    must("add", "s.img", noise("noise0", 70 * MIB))
    must("remove", "s.img", "/images/noise0")
    changes = d.changed_by_the_system()
    d.keep("s.img", d.IMAGE, changes)
    before = content("s.img", d.IMAGE + ".persist", "file")
    used, written = figures(menu("s.img", "enter", ISOPOD_MENU_FIRMWARE=BIOS))
    check(written <= used < 8 * MIB, "overlay: what was not written is not copied: %d of %d" % (written, used))
    equal(sha256(content("s.img", d.IMAGE + ".persist", "now")), sha256(before), "overlay: the file itself stays as it is")
    content("s.img", d.IMAGE + ".persist-snapshot", "kept")
    x, y = open("file", "rb").read(), open("kept", "rb").read()
    front = d.CHUNK * (3 + len(changes) + len(changes) // 256)
    equal(y[:front] == x[:front], True, "overlay: all up to the last change")
    areas = range(2 * d.CHUNK, len(x), 257 * d.CHUNK)
    equal([y[a:a + d.CHUNK] == x[a:a + d.CHUNK] for a in areas], [True] * len(areas), "overlay: the areas, which the kernel goes by")
    # the system writes on, over what it had written, and goes back
    d.keep("s.img", d.IMAGE, {c: bytes(d.CHUNK) for c in changes})
    out = menu("s.img", "f9", "enter", "enter", ISOPOD_MENU_FIRMWARE=BIOS)
    check("as it was at the snapshot" in out, "overlay: F9: " + out[-300:])
    d.shown("s.img", d.IMAGE)
    fsck("s.img", "overlay")


def main():
    with cli_common.workdir():
        os.symlink(os.path.join(B, "stick"), "data")
        live_iso()
        for layout in LAYOUTS:
            of_filesystem(*layout)
        power_fails()
        unproven()
        refused()
        of_overlay()
    finish()


if __name__ == "__main__":
    main()

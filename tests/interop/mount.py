#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod disk mount, layer mount: what is seen in the folder against what mtools, 7-Zip, ntfscat and qemu-img read from the image;
who may look; folders that cannot be mounted on; how it ends: unmounted, by signals, busy, killed."""
import filecmp, signal, stat

from cli_common import *
import common

common.sbin()
FILES = {"readme.txt": b"hello\n", "folder/deep/x.bin": random.Random(1).randbytes(300000), "folder/empty": b"", "a longer name.txt": b"u"}


def with_ext():
    with open(os.path.join(B, "gen/libraries.h")) as f:
        return "SONAME_ext2fs" in f.read()


def can_mount():
    if not os.path.exists("/dev/fuse") or not shutil.which("fusermount3"):
        return "no /dev/fuse or fusermount3 here"
    r = isopod("disk", "mount", "probe.raw", "probe")
    if r.rc:
        return "FUSE cannot mount here: " + r.err.strip()
    isopod("disk", "unmount", "probe")
    return None


def is_mounted(point):
    point = os.path.realpath(os.path.dirname(os.path.abspath(point))) + "/" + os.path.basename(point)
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == point for line in f)


def processes(path):
    """Those whose command line names the image."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                args = f.read().split(b"\0")
        except OSError:
            continue
        if b"mount" in args and os.fsencode(path) in args:
            found.append(int(pid))
    return sorted(found)


@contextlib.contextmanager
def at(path, *more, verb="disk", folder="m"):
    os.makedirs(folder, exist_ok=True)
    before = processes(path)
    must(verb, "mount", path, folder, *more)
    try:
        yield folder
    finally:
        must(verb, "unmount", folder)
        check(not is_mounted(folder), path + " is unmounted")
        wait_until(lambda: processes(path) in (before, []), "the end of the processes of " + path)


def tree(folder):
    for name, data in FILES.items():
        os.makedirs(os.path.dirname(os.path.join(folder, name)) or ".", exist_ok=True)
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


def seen(folder):
    """{path: SHA-256} of files."""
    out = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            if not os.path.islink(path):
                out[os.path.relpath(path, folder)] = sha256(path)
    return out


SUMS = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}


def volume(kind, path):
    run("truncate", "-s", "24M", path, check=True)
    if kind == "fat":
        run("mkfs.fat", "-F", "16", "-n", "HELLO", path, check=True)
        run("mcopy", "-s", "-i", path, *["src/" + n for n in os.listdir("src")], "::/", check=True)
    elif kind == "ntfs":
        run("mkntfs", "-F", "-q", "-L", "NT", path, check=True)
        run("ntfscp", "-q", path, "src/folder/deep/x.bin", "x.bin", check=True)
    elif kind == "exfat":
        run("mkfs.exfat", "-n", "EX", path, check=True)
    elif kind == "swap":
        run("mkswap", path, check=True)
    else:
        run("mke2fs", "-q", "-t", "ext4", "-O", "inline_data", "-L", "EXT", "-F", path, check=True)
        run("debugfs", "-w", "-f", "-", path, input="write src/readme.txt tiny\nmkdir folder\ncd folder\nwrite src/folder/deep/x.bin big\n"
            "symlink abs /etc/passwd\nsymlink up ../../tiny\nmknod null c 1 3\nwrite src-sparse sparse\n", check=True)


def make_disk(path, kinds):
    with open(path, "wb") as f:
        f.truncate((1 + 24 * len(kinds) + 1) * MIB)
    run("sfdisk", "-q", path, input="label: gpt\n" + "size=24M\n" * len(kinds), check=True)
    for i, kind in enumerate(kinds):
        volume(kind, "v." + kind)
        run("dd", "if=v." + kind, "of=" + path, "bs=1M", "seek=%d" % (1 + 24 * i), "conv=notrunc,sparse", "status=none", check=True)


def content():
    with at("d.raw") as m:
        equal(sorted(os.listdir(m)), sorted(["about.txt", "disk.raw", "p1", "p1.raw", "p2", "p2.raw", "p3", "p3.raw", "p4.raw", "p5.raw"] + ["p4"] * with_ext()), "what a disk shows")
        check(filecmp.cmp("d.raw", m + "/disk.raw", False), "disk.raw")
        for i, kind in enumerate(("fat", "ntfs", "exfat", "ext4", "swap")):
            check(filecmp.cmp("v." + kind, m + "/p%d.raw" % (i + 1), False), "the bytes of p%d" % (i + 1))
        equal(seen(m + "/p1"), SUMS, "FAT")
        data = subprocess.run(["ntfscat", m + "/p2.raw", "x.bin"], stdout=subprocess.PIPE).stdout
        check(data == FILES["folder/deep/x.bin"] and seen(m + "/p2").get("x.bin") == SUMS["folder/deep/x.bin"], "NTFS, and ntfscat reads through the mount")
        run("7z", "x", "-y", "-o7z", m + "/p1.raw", check=True)
        equal(seen("7z"), SUMS, "7-Zip reads through the mount")
        equal(run("mtype", "-i", m + "/p1.raw", "::/readme.txt").stdout, "hello\n", "mtools read through the mount")
        with open(m + "/about.txt", encoding="utf-8") as f:
            about = f.read()
        check("swap: not read here" in about and "fat 'HELLO': files in p1/" in about, "about.txt: " + about)
        s = os.stat(m + "/p1/readme.txt")
        equal((stat.S_IMODE(s.st_mode), s.st_size, s.st_uid), (0o444, 6, os.getuid()), "a file's mode, size and owner")
        check(abs(s.st_mtime - os.stat("src/readme.txt").st_mtime) < 86400 * 2, "a file's time: %d" % s.st_mtime)
        r = run("touch", m + "/p1/new")
        check(r.returncode != 0 and "Read-only" in r.stdout, "nothing can be written: " + r.stdout)
        with open("/proc/self/mountinfo") as f:
            line = next(l for l in f if "fuse.isopod" in l and os.path.realpath(m) in l)
        check(all(w in line for w in ("nosuid", "nodev", "noexec", "d.raw")), "mount options: " + line)
        if not with_ext():
            return skip("ext4", "built without libext2fs")
        e = m + "/p4/"
        equal(sorted(os.listdir(e)), ["folder", "lost+found", "tiny"], "ext4")
        equal(sorted(os.listdir(e + "folder")), ["abs", "big", "sparse", "up"], "ext4, without a device")
        equal([sha256(e + n) for n in ("tiny", "folder/big", "folder/sparse", "folder/up")],
              [sha256(n) for n in ("src/readme.txt", "src/folder/deep/x.bin", "src-sparse", "src/readme.txt")], "files of ext4")
        equal(os.readlink(e + "folder/abs"), "../etc/passwd", "a link of ext4 stays inside")


def containers():
    """Whatever `disk` opens: a chain, qcow2, VMDK, VDI."""
    must("disk", "create", "base.vhdx", "--size", "122M")
    must("disk", "convert", "d.raw", "base.vhdx", "--replace")
    must("disk", "create", "child.vhdx", "--parent", "base.vhdx")
    for kind in ("qcow2", "vmdk", "vdi"):
        run("qemu-img", "convert", "-f", "raw", "-O", kind, "d.raw", "d." + kind, check=True)
    for path in ("child.vhdx", "d.qcow2", "d.vmdk", "d.vdi"):
        with at(path) as m:
            check(filecmp.cmp("d.raw", m + "/disk.raw", False), path + " as qemu-img converted it")
            with open(m + "/p1/readme.txt", "rb") as f:
                equal(f.read(), b"hello\n", "a file in " + path)


def cd():
    os.symlink("/../../etc/passwd", "src/folder/abs")
    os.symlink("../../../readme.txt", "src/folder/deep/up")
    os.symlink("/", "src/root")
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "CDLABEL", "-o", "rr.iso", "src", check=True)
    run("genisoimage", "-quiet", "-J", "-o", "joliet.iso", "src", check=True)
    with at("rr.iso") as m:
        d = m + "/disk"
        equal(os.readlink(d + "/folder/abs"), "../etc/passwd", "an absolute link stays inside")
        equal(os.readlink(d + "/folder/deep/up"), "../../readme.txt", "a link out stays inside")
        equal(os.path.realpath(d + "/root"), os.path.realpath(d), "a link to the root")
        with open(d + "/folder/deep/up", "rb") as f:
            equal(f.read(), b"hello\n", "through a link")
        equal(seen(d), SUMS, "Rock Ridge")
    for name in ("src/folder/abs", "src/folder/deep/up", "src/root"):
        os.unlink(name)
    with at("joliet.iso") as m:
        equal(seen(m + "/disk"), SUMS, "Joliet")


def odd_names():
    os.mkdir("odd")
    for name in ("line\nbreak", "esc\x1b[31m", "100%", "\u202egpj.exe"):
        open("odd/" + name, "w").close()
    os.symlink("line\nbreak", "odd/link")
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-o", "odd.iso", "odd", check=True)
    with at("odd.iso") as m:
        equal(sorted(os.listdir(m + "/disk")), ["%E2%80%AEgpj.exe", "100%", "esc%1B[31m", "line%0Abreak", "link"], "control characters in names")
        check(os.path.exists(m + "/disk/link"), "a link to such a name")


def refused():
    os.makedirs("full", exist_ok=True)
    open("full/x", "w").close()
    one_line(isopod("disk", "mount", "d.raw", "full"), 3, "a folder that is not empty", "is not empty")
    one_line(isopod("disk", "mount", "d.raw", "none"), 3, "a folder that is missing", "make an empty one first")
    one_line(isopod("disk", "mount", "d.raw", "full/x"), 3, "a file", "cannot open the folder")
    one_line(isopod("disk", "mount", "none.raw", "m"), 3, "no image", "No such file")
    one_line(isopod("disk", "unmount", "full"), 3, "nothing there", "nothing is mounted there")
    one_line(isopod("disk", "unmount", "/proc"), 3, "not ours", "nothing is mounted there")
    check(not processes("d.raw"), "nothing is left of what was refused")


def together():
    """Two mounts of one file; one that another program writes to, or wants to."""
    with at("child.vhdx"), at("child.vhdx", folder="m2") as m2:
        check(filecmp.cmp("m/disk.raw", m2 + "/disk.raw", False), "two mounts of one file")
        one_line(isopod("disk", "compact", "child.vhdx"), 3, "compact while it is mounted", "in use")
        one_line(isopod("disk", "compact", "base.vhdx"), 3, "compact of a mounted one's parent", "in use")
    must("disk", "compact", "child.vhdx")
    p = subprocess.Popen([ISOPOD, "disk", "serve", "child.vhdx", "--write", "--nbd", os.path.abspath("s")], stdout=subprocess.PIPE)
    p.stdout.readline()
    one_line(isopod("disk", "mount", "child.vhdx", "m"), 3, "one that is written to", "in use")
    with at("child.vhdx", "--unsafe-read") as m:
        nbd = "nbd+unix:///disk?socket=" + os.path.abspath("s")
        before = os.path.getsize(m + "/disk.raw")
        run("qemu-io", "-f", "raw", "-c", "write -P 7 %d 4096" % (before - MIB), nbd, check=True)
        equal(os.path.getsize(m + "/disk.raw"), before, "its size")
    p.terminate()
    p.wait(60)


def stick():
    """TARGET:/path, on a stick that nobody has mounted, a store there and what `layer path` prints."""
    make_data("data", 1)
    must("create", "stick.img", "--size", "400M", "--uuid-seed", "3")
    must("add", "stick.img", "rr.iso")
    with at("stick.img:/images/rr.iso") as m:
        check(filecmp.cmp("rr.iso", m + "/disk.raw", False) and os.path.exists(m + "/disk/readme.txt"), "an ISO on a stick")
        one_line(isopod("add", "stick.img", "joliet.iso"), 3, "add to a stick while a file of it is mounted", "in use")
    must("add", "stick.img", "joliet.iso")
    must("layer", "create", "stick.img:/vm", "--from", "d.raw")
    must("layer", "snapshot", "stick.img:/vm", "one")
    path = must("layer", "path", "stick.img:/vm").out.strip()
    check(path.startswith("stick.img:/vm/"), "layer path: " + path)
    for verb, name in (("disk", path), ("layer", "stick.img:/vm"), ("layer", "stick.img:/vm:one")):
        with at(name, verb=verb) as m:
            check(filecmp.cmp("d.raw", m + "/disk.raw", False), name)
            equal(seen(m + "/p1"), SUMS, "files of " + name)
            one_line(isopod("layer", "snapshot", "stick.img:/vm"), 3, "snapshot on a stick while a layer is mounted", "in use")
    info = json.loads(must("disk", "info", path, "--json").out)
    equal((info["complete"], [os.path.basename(c["path"]).split(".")[0] for c in info["chain"]][1:]), (True, ["one", "base"]), "disk info")
    must("disk", "convert", path, "stick.raw")
    check(filecmp.cmp("d.raw", "stick.raw", False), "disk convert")
    sock = os.path.abspath("s")
    p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", sock, "--once"], stdout=subprocess.PIPE)
    p.stdout.readline()
    r = run("qemu-img", "compare", "-f", "raw", "-F", "raw", "d.raw", "nbd+unix:///disk?socket=" + sock)
    check(r.returncode == 0 and p.wait(60) == 0, "disk serve: " + r.stdout)
    one_line(isopod("disk", "serve", path, "--nbd", sock, "--write"), 3, "for writing", "only read")
    one_line(isopod("disk", "info", "stick.img:/vm/none.vhdx"), 3, "a file that is not there", "No such file")
    one_line(isopod("disk", "info", "stick.img:/none/x.vhdx"), 3, "a folder that is not there", "not found")
    one_line(isopod("disk", "info", "none.img:/vm/x.vhdx"), 3, "no stick", "No such file")


def ends():
    """SIGINT and SIGTERM in the foreground and in the background; a busy folder; a keeper that was killed."""
    for sig in (signal.SIGINT, signal.SIGTERM):
        p = subprocess.Popen([ISOPOD, "disk", "mount", "d.raw", "m", "--foreground"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        p.stdout.readline()
        wait_until(lambda: os.path.exists("m/p1/readme.txt"), "mounted in the foreground")
        p.send_signal(sig)
        out = p.communicate(timeout=60)[0]
        check(p.returncode == 0 and not is_mounted("m"), "signal %d: status %d %r" % (sig, p.returncode, out))
    must("disk", "mount", "d.raw", "m")
    keeper = processes("d.raw")[0]
    busy = open("m/p1/readme.txt", "rb")
    r = isopod("disk", "unmount", "m")
    one_line(r, 3, "unmount of a busy folder", "end the programs")
    equal(busy.read(), b"hello\n", "it is still there")
    os.kill(keeper, signal.SIGTERM)
    wait_until(lambda: not processes("d.raw"), "the keeper's end")
    check(not is_mounted("m"), "a signal unmounts what is busy")
    busy.close()
    must("disk", "mount", "d.raw", "m")
    os.kill(processes("d.raw")[0], signal.SIGKILL)
    wait_until(lambda: not processes("d.raw"), "the end of all when the keeper is killed")
    check(isopod("disk", "unmount", "m").rc == 0 and os.listdir("m") == [], "unmount of what nobody serves any more")


def layers():
    must("layer", "create", "st", "--from", "d.raw", "--name", "first")
    must("layer", "snapshot", "st", "two")
    for name in ("st", "st:two", "st:first"):
        with at(name, verb="layer") as m:
            check(filecmp.cmp("d.raw", m + "/disk.raw", False), name)
            equal(seen(m + "/p1"), SUMS, "files of " + name)
    one_line(isopod("layer", "mount", "st:three", "m"), 3, "no such layer", "there is no layer")


def hostile():
    """Names that are none, a folder in itself; the child may do nothing but read and answer."""
    run("truncate", "-s", "4M", "h.raw", check=True)
    run("mkfs.fat", "-F", "12", "h.raw", check=True)
    run("mmd", "-i", "h.raw", "::/LOOP", "::/LOOP/INNER", check=True)
    with open("h.raw", "r+b") as f:
        disk = f.read()
        loop, inner = disk.index(b"LOOP       "), disk.index(b"INNER      ")
        f.seek(inner + 26)
        f.write(disk[loop + 26:loop + 28])  # its first cluster: LOOP's own
        f.seek(loop + 32)  # free entries of the root
        for i, name in enumerate((b"A\nB        ", b"..         ", b"A/B        ")):
            f.write(name + b"\x20" + bytes(20))
    with at("h.raw") as m:
        equal(sorted(os.listdir(m + "/disk")), ["A\ufffdB", "LOOP"], "hostile names")
        try:
            os.stat(m + "/disk/LOOP/INNER")
            check(False, "a folder that contains itself was opened")
        except OSError as e:
            equal(e.errno, 40, "a folder that contains itself: ELOOP")
        child = processes("h.raw")[-1]
        with open("/proc/%d/status" % child) as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        equal((status["CapEff"].strip("0"), status["NoNewPrivs"], status["Seccomp"]), ("", "1", "2"), "what the child may do")
        check("0" not in status["Uid"].split() or os.getuid() != 0, "the child's user: " + status["Uid"])


with workdir() as here:
    os.environ["TMPDIR"] = here  # what a killed keeper leaves goes with it
    os.mkdir("src")
    tree("src")
    os.mkdir("probe")
    run("truncate", "-s", "1M", "probe.raw", check=True)
    why = can_mount()
    if why:
        skip("disk mount, layer mount", why)
        finish()
    with open("src-sparse", "wb") as f:
        f.write(b"begin" + bytes(3 * MIB) + b"end")
    make_disk("d.raw", ("fat", "ntfs", "exfat", "ext4", "swap"))
    try:
        content()
        containers()
        cd()
        odd_names()
        refused()
        together()
        layers()
        stick()
        ends()
        hostile()
    finally:
        for left in ("m", "m2", "probe"):
            if is_mounted(left):
                run("umount", "-l", left)
finish()

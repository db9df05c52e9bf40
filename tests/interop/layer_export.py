#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod layer diff --export, --tar: the files of FAT, ext4 and NTFS that came or changed, against what was written by mtools, debugfs and
ntfscp, and extracted by GNU tar, bsdtar and Python; what is gone; names that lead out; a folder that exists, a full drive, a file that
cannot be read."""
import stat, tarfile

from cli_common import *
import common

common.sbin()
BIG = random.Random(1).randbytes(700000)
SPARSE = b"begin" + bytes(3 * MIB) + b"end"
LONG = "Größe " + "n" * 200  # more than a header has room for
PARTS = [("fat", MIB, 24 * MIB), ("ext4", 25 * MIB, 24 * MIB), ("ntfs", 49 * MIB, 24 * MIB)]


def source(name, data):
    path = "src-" + name
    with open(path, "wb") as f:
        f.write(data)
    return path


def debugfs(*commands):
    run("debugfs", "-w", "-f", "-", "v.ext4", input="\n".join(commands) + "\n", check=True)


def make():
    for kind, _, size in PARTS:
        run("truncate", "-s", str(size), "v." + kind, check=True)
    run("mkfs.fat", "-F", "16", "v.fat", check=True)
    run("mke2fs", "-q", "-t", "ext4", "-O", "inline_data", "-F", "v.ext4", check=True)
    run("mkntfs", "-F", "-q", "v.ntfs", check=True)
    for name in ("same", "changed", "gone"):
        data = source(name, name.encode() * 3000)
        run("mcopy", "-i", "v.fat", data, "::/" + name, check=True)
        debugfs("write %s %s" % (data, name))
        run("ntfscp", "-q", "v.ntfs", data, name, check=True)
    run("truncate", "-s", "74M", "d.raw", check=True)
    run("sfdisk", "-q", "d.raw", input="label: gpt\n" + "size=24M\n" * 3, check=True)
    join()


def join():
    for kind, at, _ in PARTS:
        run("dd", "if=v." + kind, "of=d.raw", "bs=1M", "seek=%d" % (at // MIB), "conv=notrunc", "status=none", check=True)


def change():
    changed, big, sparse, tiny = source("changed", BIG[:5000]), source("big", BIG), source("sparse", SPARSE), source("tiny", b"t")
    run("mcopy", "-o", "-i", "v.fat", changed, "::/changed", check=True)
    run("mmd", "-i", "v.fat", "::/new", "::/new/empty folder", check=True)
    run("mcopy", "-i", "v.fat", big, "::/new/A long name.bin", check=True)
    run("mdel", "-i", "v.fat", "::/gone", check=True)
    debugfs("rm changed", "write %s changed" % changed, "mkdir new", "cd new", "write %s big" % big, "write %s sparse" % sparse, "write %s tiny" % tiny,
            "symlink short ../../../etc/passwd", "symlink long /%s" % ("x" * 80), 'write %s "%s"' % (tiny, LONG), "cd /", "rm gone",
            "write %s script" % tiny, "sif script mode 0104751", "sif script uid 1000", "sif script gid 3000000", "sif script mtime @0x10000000",
            "sif new/tiny mtime @-1000")
    run("ntfscp", "-q", "v.ntfs", changed, "changed", check=True)
    run("ntfscp", "-q", "v.ntfs", tiny, "tiny", check=True)
    run("ntfscp", "-q", "v.ntfs", big, "big", check=True)
    join()


def write(store, raw):
    sock = os.path.abspath("s")
    p = subprocess.Popen([ISOPOD, "disk", "serve", must("layer", "path", store).out.strip(), "--nbd", sock, "--write", "--once"],
                         stdout=subprocess.PIPE)
    p.stdout.readline()
    r = run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", raw, "nbd+unix:///disk?socket=" + sock)
    check(r.returncode == 0 and p.wait() == 0, "writing to the layer: " + r.stdout)


def seen(folder):
    out = {}
    for base, folders, names in os.walk(folder):
        for name in folders + names:
            path = os.path.join(base, name)
            mode = os.lstat(path).st_mode
            out[os.path.relpath(path, folder)] = os.readlink(path) if stat.S_ISLNK(mode) else None if stat.S_ISDIR(mode) else sha256(path)
    return out


def total(data):
    return hashlib.sha256(data).hexdigest()


def content():
    r = must("layer", "diff", "st", "base", "--export", "out")
    check("new/A long name.bin" in r.out, "the report is there, too: " + r.out)
    got = seen("out")
    removed = open("out/removed.txt").read().split("\n")[:-1]
    equal(sorted(removed), ["p1/gone", "p2/gone"], "removed.txt")
    del got["removed.txt"]
    ntfs = {k: v for k, v in got.items() if k.startswith("p3/$")}  # the filesystem's own files may have changed
    got = {k: v for k, v in got.items() if k not in ntfs and "/$" not in k}
    big, changed, tiny = total(BIG), total(BIG[:5000]), total(b"t")
    equal(got, {"p1": None, "p1/changed": changed, "p1/new": None, "p1/new/empty folder": None, "p1/new/A long name.bin": big,
                "p2": None, "p2/changed": changed, "p2/new": None, "p2/new/big": big, "p2/new/sparse": total(SPARSE), "p2/new/tiny": tiny,
                "p2/script": tiny, "p2/new/" + LONG: tiny,
                "p2/new/short": "../../../etc/passwd", "p2/new/long": "/" + "x" * 80,
                "p3": None, "p3/changed": changed, "p3/tiny": tiny, "p3/big": big}, "what was exported")
    check(os.stat("out/p2/new/sparse").st_blocks * 512 < MIB, "a hole stays one")
    s = os.stat("out/p1/changed")
    check(abs(s.st_mtime - os.stat("src-changed").st_mtime) < 2 * 86400 and not s.st_mode & 0o111, "its time and mode")
    equal([n for n in os.listdir(".") if "isopod-" in n], [], "nothing else is left")
    must("layer", "diff", "st", "base", "base", "--export", "nothing")
    equal(os.listdir("nothing"), ["removed.txt"], "no difference")


def extracted(program, archive, folder):
    os.mkdir(folder)
    r = run(*program, archive, "-C", folder, env=dict(os.environ, LC_ALL="C.UTF-8"))
    check(r.returncode == 0 and r.stdout == "", "%s: %s" % (program[0], r.stdout))
    return seen(folder)


def archive():
    """The same files as in the folder, whoever extracts it; their modes and times as debugfs set them."""
    r = must("layer", "diff", "st", "base", "--tar", "out.tar")
    check("new/A long name.bin" in r.out, "the report is there, too: " + r.out)
    want = seen("out")
    for program in (["tar", "--warning=no-timestamp", "-xf"], ["bsdtar", "-xf"], [sys.executable, "-m", "tarfile", "-e"]):
        if program[0] == sys.executable:
            r = run(*program, "out.tar", "python")
            got = seen("python")
        else:
            got = extracted(program, "out.tar", program[0])
        equal(got, want, "what %s makes of it" % program[0])
    check(os.path.getsize("out.tar") < sum(os.lstat(os.path.join("out", n)).st_size for n in want) - 2 * MIB, "a hole takes no room")
    check(os.stat("tar/p2/new/sparse").st_blocks * 512 < MIB, "a hole stays one")
    s = os.stat("tar/p2/script")
    equal((s.st_mode & 0o777, int(s.st_mtime)), (0o751, 0x10000000), "mode and time that tar set")
    equal(int(os.stat("bsdtar/p2/new/tiny").st_mtime), -1000, "a time before 1970")
    with tarfile.open("out.tar") as t:
        m = t.getmember("p2/script")
        equal((m.mode, m.uid, m.gid), (0o4751, 1000, 3000000), "mode and owner that the archive has")
        equal([n.name for n in t if n.issym()], [n.name for n in t][-2:], "links come last")
    with open("pipe.tar", "wb") as f:
        p = subprocess.run([ISOPOD, "layer", "diff", "st", "base", "--tar", "-"], stdout=f, stderr=subprocess.PIPE)
    check(p.returncode == 0 and p.stderr == b"" and sha256("pipe.tar") == sha256("out.tar"), "standard output: %r" % p)
    with open("/dev/full", "wb") as f:
        p = subprocess.run([ISOPOD, "layer", "diff", "st", "base", "--tar", "-"], stdout=f, stderr=subprocess.PIPE)
    check(p.returncode == 3 and b"No space left" in p.stderr, "a full drive: %r" % p)
    one_line(isopod("layer", "diff", "st", "base", "--tar", "out.tar"), 3, "an archive that exists", "exists already")
    check(isopod("layer", "diff", "st", "base", "--tar", "-", "--json").rc == 2, "two things to one place")
    equal([n for n in os.listdir(".") if "isopod-" in n], [], "nothing else is left")


def refused():
    one_line(isopod("layer", "diff", "st", "base", "--export", "out"), 3, "a folder that exists", "exists already")
    one_line(isopod("layer", "diff", "st", "base", "--export", "none/out"), 3, "a folder in none", "cannot make a folder")
    os.symlink("elsewhere", "link")
    one_line(isopod("layer", "diff", "st", "base", "--export", "link/"), 3, "a link", "exists already")
    if os.getuid() != 0:
        return skip("a full drive", "no root to mount a small one")
    os.mkdir("small")
    if run("mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", "small").returncode != 0:
        return skip("a full drive", "no tmpfs can be mounted here")
    try:
        one_line(isopod("layer", "diff", "st", "base", "--export", "small/out"), 3, "a full drive", "No space left")
        one_line(isopod("layer", "diff", "st", "base", "--tar", "small/out.tar"), 3, "an archive on a full drive", "No space left")
        equal(os.listdir("small"), [], "a full drive is left empty")
    finally:
        run("umount", "small", check=True)


def hostile():
    """A folder "..", a file with a newline in its name, one name twice, a file whose clusters lead nowhere."""
    run("truncate", "-s", "4M", "h.raw", check=True)
    run("mkfs.fat", "-F", "12", "h.raw", check=True)
    must("layer", "create", "hs", "--from", "h.raw", "--input-format", "raw")
    for name in ("FILE1", "FILE2", "FILE3", "FINE"):
        run("mcopy", "-i", "h.raw", source("h", name.encode() * 300), "::/" + name, check=True)
    run("mmd", "-i", "h.raw", "::/UPPER", check=True)
    run("mcopy", "-i", "h.raw", source("h", b"evil"), "::/UPPER/ESCAPED", check=True)
    with open("h.raw", "r+b") as f:
        disk = bytearray(f.read())
        for old, new in ((b"UPPER      ", b"..         "), (b"FILE2      ", b"FI/LE      "), (b"FILE3      ", b"FINE       ")):
            at = disk.index(old)
            disk[at:at + 11] = new
        at = disk.index(b"FILE1      ")
        disk[at + 26:at + 28] = b"\xff\x0e"  # its first cluster: behind the end
        f.seek(0)
        f.write(disk)
    write("hs", "h.raw")
    os.mkdir("deep")
    r = isopod("layer", "diff", "hs", "base", "--export", "deep/hout")
    one_line(r, 3, "files that cannot be read", "could not be written", "missing.txt")
    equal(os.listdir("deep"), ["hout"], "nothing beside the folder")
    with open("deep/hout/missing.txt") as f:
        missing = f.read().split("\n")[:-1]
    check({line.split(":")[0] for line in missing} >= {"disk/", "disk/FILE1", "disk/FINE"}, "missing.txt: %r" % missing)
    got = seen("deep/hout/disk")
    check(set(got) >= {"FINE"} and not any("ESCAPED" in k for k in got), "what is sound is there, once: %r" % got)


def hostile_archive():
    """A link that leads out, and a folder of the same name with a file in it; names with controls, and one that is "..": whoever extracts
    it, nothing appears beside the folder."""
    os.mkdir("outside")
    run("truncate", "-s", "8M", "h.ext4", check=True)
    run("mke2fs", "-q", "-t", "ext4", "-O", "^metadata_csum", "-F", "h.ext4", check=True)
    must("layer", "create", "es", "--from", "h.ext4", "--input-format", "raw")
    run("debugfs", "-w", "-f", "-", "h.ext4", check=True, input="mkdir aab\ncd aab\nwrite src-tiny evil\ncd /\nsymlink aaa %s\nmkdir xx\ncd xx\n"
        "write src-tiny escaped\ncd /\nwrite src-tiny new?line\nwrite src-tiny fine\n" % os.path.abspath("outside"))
    with open("h.ext4", "r+b") as f:
        disk = f.read()
        for old, new in ((b"\x03\x02aab", b"\x03\x02aaa"), (b"\x02\x02xx", b"\x02\x02.."), (b"new?line", b"new\nline")):
            check(disk.count(old) == 1, "one %r" % old)
            disk = disk.replace(old, new)
        f.seek(0)
        f.write(disk)
    write("es", "h.ext4")
    one_line(isopod("layer", "diff", "es", "base", "--tar", "h.tar"), 3, "names that cannot be", "could not be written", "missing.txt")
    for program in (["tar", "-xf"], ["bsdtar", "-xf"]):
        got = extracted(program, "h.tar", "h" + program[0])
        check({"disk/fine", "disk/new%0Aline", "missing.txt"} <= set(got) and not any("escaped" in k for k in got), "sound ones: %r" % got)
        equal(os.listdir("outside"), [], "%s: nothing beside the folder" % program[0])
    one_line(isopod("layer", "diff", "hs", "base", "--tar", "fat.tar"), 3, "names that come twice", "missing.txt")
    with tarfile.open("fat.tar") as t:
        names = t.getnames()
        check(len(set(names)) == len(names) and b"disk/FINE: " in t.extractfile("missing.txt").read(), "a name comes once: %r" % names)


with workdir():
    make()
    must("layer", "create", "st", "--from", "d.raw")
    change()
    write("st", "d.raw")
    content()
    archive()
    refused()
    hostile()
    hostile_archive()
finish()

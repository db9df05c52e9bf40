#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod layer diff --export: the files of FAT, ext4 and NTFS that came or changed, against what was written by mtools, debugfs and
ntfscp; what is gone; names that lead out; a folder that exists, a full drive, a file that cannot be read."""
import stat

from cli_common import *
import common

common.sbin()
BIG = random.Random(1).randbytes(700000)
SPARSE = b"begin" + bytes(3 * MIB) + b"end"
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
            "symlink short ../../../etc/passwd", "symlink long /%s" % ("x" * 80), "cd /", "rm gone")
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
                "p2/new/short": "../../../etc/passwd", "p2/new/long": "/" + "x" * 80,
                "p3": None, "p3/changed": changed, "p3/tiny": tiny, "p3/big": big}, "what was exported")
    check(os.stat("out/p2/new/sparse").st_blocks * 512 < MIB, "a hole stays one")
    s = os.stat("out/p1/changed")
    check(abs(s.st_mtime - os.stat("src-changed").st_mtime) < 2 * 86400 and not s.st_mode & 0o111, "its time and mode")
    equal([n for n in os.listdir(".") if "isopod-" in n], [], "nothing else is left")
    must("layer", "diff", "st", "base", "base", "--export", "nothing")
    equal(os.listdir("nothing"), ["removed.txt"], "no difference")


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


with workdir():
    make()
    must("layer", "create", "st", "--from", "d.raw")
    change()
    write("st", "d.raw")
    content()
    refused()
    hostile()
finish()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Volumes made by xorriso and genisoimage, listed and read by us and by other readers (xorriso, isoinfo), compared:
names, sizes, contents (CRC-32), places of the extents, symbolic links."""
import os
import pathlib
import random
import subprocess
import tempfile
import zlib

from common import B, check, finish, run, sbin

TOOL = f"{B}/interop/fs"
sbin()


def ours(fmt, image):
    """path -> (size, crc, [(byte, length)...]) of files; set of directories"""
    files, dirs = {}, set()
    for line in run(TOOL, fmt, image, "ls").decode().splitlines():
        kind, path, size, crc, runs, _ = line.split("\t")
        if kind == "d":
            dirs.add(path)
        else:
            runs = [] if runs == "-" else [tuple(map(int, r.split("+"))) for r in runs.split(",")]
            files[path] = (int(size), int(crc, 16), runs)
    return files, dirs


def tree(root):
    """The same of a folder on the host, without symbolic links."""
    files, dirs = {}, set()
    for top, sub, names in os.walk(root):
        rel = "/" + os.path.relpath(top, root) if top != str(root) else ""
        for d in sub:
            if not os.path.islink(f"{top}/{d}"):
                dirs.add(f"{rel}/{d}")
        for n in names:
            p = f"{top}/{n}"
            if not os.path.islink(p):
                data = pathlib.Path(p).read_bytes()
                files[f"{rel}/{n}"] = (len(data), zlib.crc32(data))
    return files, dirs


def make_tree(root):
    rnd = random.Random(7)
    root.mkdir()

    def put(path, size):
        p = root / path
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(rnd.randbytes(size))

    put("boot/grub/grub.cfg", 100)
    put("live/vmlinuz-6.1.0-40-amd64", 2048)
    put("live/initrd.img-6.1.0-40-amd64", 5 * 2048 + 1)
    put("empty", 0)
    put("one", 1)
    put("Datei mit Umlauten äöü ß 日本語 файл.txt", 4097)
    put("n" * 200 + ".a", 10)
    put("日" * 60, 10)  # 180 bytes: needs a continuation area
    put("MixedCase/README.Txt", 33)
    put("a.tar.gz", 12)
    put("a/b/c/d/e/f/g/h/i/j/k/deep.txt", 77)  # relocated directories
    for i in range(300):
        put(f"many/file-{i:04d}-with-a-longer-name", i)
    (root / "vmlinuz").symlink_to("live/vmlinuz-6.1.0-40-amd64")
    (root / "boot/initrd").symlink_to("../live/initrd.img-6.1.0-40-amd64")
    (root / "absolute").symlink_to("/live")
    (root / "chain").symlink_to("./absolute/../vmlinuz")
    (root / "loop").symlink_to("loop2")
    (root / "loop2").symlink_to("loop")
    (root / "dangling").symlink_to("no/such/file")
    (root / "boot/long").symlink_to("../" + "/".join(["live/.."] * 40) + "/one")


def compare(name, image, fmt, want, fold=None):
    files, dirs = ours(fmt, image)
    data = pathlib.Path(image).read_bytes()
    got = {(fold(p) if fold else p): v[:2] for p, v in files.items()}
    wanted = {(fold(p) if fold else p): v for p, v in want[0].items()}
    check(got == wanted, f"{name}: files: {sorted(set(got.items()) ^ set(wanted.items()))[:6]}")
    wanted_dirs = {fold(d) if fold else d for d in want[1]}
    got_dirs = {fold(d) if fold else d for d in dirs} - {"/rr_moved", "/RR_MOVED"}
    check(got_dirs == wanted_dirs, f"{name}: directories {sorted(got_dirs ^ wanted_dirs)[:6]}")
    bad = [p for p, (size, crc, runs) in files.items()
           if sum(n for _, n in runs) != size or zlib.crc32(b"".join(data[a:a + n] for a, n in runs)) != crc]
    check(not bad, f"{name}: extents of {bad[:4]}")
    return files


def xorriso_extents(image):
    """path -> first block as xorriso reports it"""
    out = run("xorriso", "-indev", image, "-find", "/", "-type", "f", "-exec", "report_lba", "--").decode()
    res = {}
    for line in out.splitlines():
        if line.startswith("File data lba:"):
            f = line.split(":", 1)[1].split(",")
            res[",".join(f[4:]).strip()[1:-1]] = (int(f[1]), int(f[3]))
    return res


def links(image):
    def cat(path):
        r = subprocess.run([TOOL, "iso9660", image, "cat", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return r.stdout if r.returncode == 0 else None
    want = (src / "live/vmlinuz-6.1.0-40-amd64").read_bytes()
    for p in ("vmlinuz", "/vmlinuz", "//vmlinuz", "absolute/vmlinuz-6.1.0-40-amd64", "chain", "/boot/../chain",
              "live/./vmlinuz-6.1.0-40-amd64", "LIVE/VMLINUZ-6.1.0-40-AMD64", "../../vmlinuz"):
        check(cat(p) == want, f"link {p}")
    check(cat("boot/initrd") == (src / "live/initrd.img-6.1.0-40-amd64").read_bytes(), "link boot/initrd")
    check(cat("boot/long") == (src / "one").read_bytes(), "link boot/long")
    for p in ("loop", "dangling", "one/x", "nothing"):
        check(cat(p) is None, f"{p} is not found")


with tempfile.TemporaryDirectory() as tmp:
    tmp = pathlib.Path(tmp)
    src = tmp / "src"
    make_tree(src)
    want = tree(src)

    x = tmp / "x.iso"
    run("xorriso", "-as", "mkisofs", "-R", "-J", "-joliet-long", "-V", "LABEL_X", "-o", x, src)
    got = compare("xorriso Rock Ridge", x, "iso9660", want)
    theirs = xorriso_extents(x)
    mine = {p: (runs[0][0] // 2048, size) for p, (size, _, runs) in got.items() if runs}
    check(mine == {p: v for p, v in theirs.items() if v[1]}, "xorriso: places of the extents")
    links(x)
    info = run(TOOL, "any", x, "info").decode()
    check("label=LABEL_X " in info and f"total={x.stat().st_size} " in info, f"info: {info}")
    joliet, _ = ours("joliet", x)
    fits = {p for p in want[0] if len(p.rsplit("/")[-1]) <= 103}  # longer ones are cut
    check(len(joliet) == len(want[0]) and fits <= set(joliet), f"joliet names {sorted(fits - set(joliet))[:5]}")
    check(all(want[0][p] == v[:2] for p, v in joliet.items() if p in want[0]), "joliet contents")

    g = tmp / "g.iso"
    run("genisoimage", "-quiet", "-R", "-J", "-joliet-long", "-V", "GENISO", "-input-charset", "utf-8", "-o", g, src)
    compare("genisoimage Rock Ridge (relocated directories)", g, "iso9660", want)
    links(g)

    # Without Rock Ridge: isoinfo's own idea of the names, versions and dots stripped.
    small = tmp / "small"
    for p in ("A/B/FILE.TXT", "NODOT", "LOWER.X"):
        (small / p).parent.mkdir(parents=True, exist_ok=True)
        (small / p).write_text(p)
    n = tmp / "n.iso"
    run("genisoimage", "-quiet", "-V", "NORR", "-o", n, small)
    compare("plain ISO 9660", n, "iso9660", tree(small))
    listed = {line.rstrip().split(";")[0].rstrip(".") for line in run("isoinfo", "-f", "-i", n).decode().splitlines()}
    files, dirs = ours("iso9660", n)
    check(listed == set(files) | dirs, f"isoinfo lists {listed ^ (set(files) | dirs)}")
    check(run(TOOL, "iso9660", n, "cat", "a/b/file.txt") == b"A/B/FILE.TXT", "case folded without Rock Ridge")

    # A file of several extents: xorriso splits at 4 GiB - 2048; the source is sparse and so is the volume.
    big = tmp / "big"
    big.mkdir()
    with open(big / "huge.bin", "wb") as f:
        f.truncate(4 * 1024 ** 3 + 4096 + 5)
        f.write(b"head")
        f.seek(4 * 1024 ** 3 - 3)
        f.write(b"middle")
        f.seek(0, 2)
        f.write(b"tail")
    (big / "small.txt").write_text("x")
    m = tmp / "m.iso"
    run("sh", "-c", 'xorriso -as mkisofs -R -iso-level 3 -o - "$1" | dd of="$2" bs=64k conv=sparse', "sh", big, m)
    head = run(TOOL, "iso9660", m, "node", "huge.bin").decode().split()
    size = (big / "huge.bin").stat().st_size
    check(head[0] == str(size) and head[1] == "2", f"multi-extent: {head}")
    check(head[2].count(",") == 0 and head[2].endswith(f"+{size}"), f"multi-extent pieces are merged: {head}")
    at = int(head[2].split("+")[0])
    with open(m, "rb") as f:
        for off, text in ((0, b"head"), (4 * 1024 ** 3 - 3, b"middle"), (size - 4, b"tail")):
            f.seek(at + off)
            check(f.read(len(text)) == text, f"multi-extent content at {off}")

finish()

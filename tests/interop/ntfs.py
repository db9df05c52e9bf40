#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""NTFS volumes made by mkntfs and filled through ntfs-3g, read by us: every name as ntfsls has it, every byte as it was written and as
ntfscat has it, runs as ntfscluster has them; what is compressed, encrypted or a reparse point is named; a thousand damages."""
import os
import pathlib
import random
import re
import struct
import subprocess
import tempfile
import zlib

from common import B, check, equal, finish, run, sbin

sbin()
os.environ["LC_ALL"] = "C.UTF-8"
rnd = random.Random(9)
COMPRESSED = 0x800


class Volume:
    """A volume with what was put into it: path -> CRC-32 and size, or None for what cannot be read."""

    def __init__(self, tmp, name, mib, cluster, *opts):
        self.image, self.name, self.cluster, self.want, self.dirs = tmp / name, name, cluster, {}, set()
        self.mnt = tmp / (name + ".mnt")
        self.mnt.mkdir()
        with open(self.image, "wb") as f:
            f.truncate(mib << 20)
        run("mkntfs", "-F", "-Q", "-q", "-L", "Größe " + name, "-c", cluster, *opts, self.image)

    def __enter__(self):
        run("ntfs-3g", "-o", "compression", self.image, self.mnt)
        return self

    def __exit__(self, *_):
        run("umount", self.mnt)

    def note(self, path, data):
        self.want[path] = data if data is None else (zlib.crc32(data), len(data))

    def put(self, path, data):
        (self.mnt / path[1:]).write_bytes(data)
        self.note(path, data)

    def mkdir(self, path):
        (self.mnt / path[1:]).mkdir()
        self.dirs.add(path)

    def attributes(self, path, value):
        os.setxattr(self.mnt / path[1:], "system.ntfs_attrib", struct.pack("<I", value))


def fill(v):
    c = v.cluster
    v.put("/README.txt", b"small")
    v.put("/just resident.txt", rnd.randbytes(600))
    v.put("/no longer.txt", rnd.randbytes(1100))
    v.put("/empty.bin", b"")
    v.put("/plain.iso", rnd.randbytes(300001))
    v.put("/一个很长的名字" + "字" * 240 + ".iso", rnd.randbytes(3 * c + 1))
    v.put("/Grüße & 🎈.img", rnd.randbytes(c))
    os.link(v.mnt / "plain.iso", v.mnt / "second name.iso")
    v.want["/second name.iso"] = v.want["/plain.iso"]
    v.mkdir("/packed")
    v.attributes("/packed", 0x10 | COMPRESSED)
    v.put("/packed/zeros.bin", b"ab" * 200000)
    # Windows and ntfs-3g compress no volumes of larger clusters.
    if c <= 4096:
        v.note("/packed/zeros.bin", None)
    v.mkdir("/a")
    for d in ("/a/b", "/a/b/c"):
        v.mkdir(d)
    v.put("/a/b/c/deep.iso", rnd.randbytes(2 * c))
    os.symlink("plain.iso", v.mnt / "symbolic")
    with open(v.mnt / "tail.img", "wb") as f:
        f.truncate(9 * c + 100)
        os.pwrite(f.fileno(), b"x" * 5000, 0)
    v.note("/tail.img", (v.mnt / "tail.img").read_bytes())


def pieces(v, n):
    """A sparse file of n runs and n holes, and two files that grow in turn."""
    data = bytearray(2 * n * v.cluster)
    with open(v.mnt / "sparse.img", "wb") as f:
        for i in range(n):
            # Through a prime's multiples: runs come back to lower places.
            k = i * 7 % n
            data[2 * k * v.cluster:2 * k * v.cluster + 9] = b"piece%4d" % k
            os.pwrite(f.fileno(), b"piece%4d" % k, 2 * k * v.cluster)
        f.truncate(len(data))
    v.note("/sparse.img", bytes(data))
    with open(v.mnt / "left.img", "wb") as a, open(v.mnt / "right.img", "wb") as b:
        for i in range(n // 4):
            for f in (a, b):
                f.write(bytes([i & 255]) * v.cluster)
                f.flush()
    for name in ("left.img", "right.img"):
        v.note("/" + name, (v.mnt / name).read_bytes())


def many(v, n):
    """n names in one directory, and between them files whose clusters the file table cannot have."""
    v.mkdir("/many")
    v.mkdir("/between")
    for i in range(n):
        v.put("/many/datei %05d %s.iso" % (i * 7919 % n, "z" * (i % 40)), b"%d" % i * (i % 5))
        if i % (n // 8) == n // 8 - 1:
            v.put("/between/%d.img" % i, rnd.randbytes(v.cluster * 3))
            free = os.statvfs(v.mnt)
            with open(v.mnt / "filler", "ab") as f:
                # All but what the next names need.
                f.write(bytes(max(0, (free.f_bfree * free.f_frsize) - (n - i) * 1300 - (1 << 20))))
    v.note("/filler", (v.mnt / "filler").read_bytes())
    for i in range(0, n, 3):
        name = "/many/datei %05d %s.iso" % (i * 7919 % n, "z" * (i % 40))
        os.unlink(v.mnt / name[1:])
        del v.want[name]


def ours(v):
    files, dirs, runs = {}, set(), {}
    for line in run(f"{B}/interop/fs", "ntfs", v.image, "ls").decode().splitlines():
        kind, path, size, crc, where, _ = line.split("\t")
        if kind == "d":
            dirs.add(path)
        else:
            files[path] = None if crc == "-" else (int(crc, 16), int(size))
            runs[path] = where
    return files, dirs, runs


def ntfsls(v):
    out, where = set(), ""
    for line in run("ntfsls", "-a", "-R", "-F", v.image).decode().splitlines():
        if line.endswith(":") and line.startswith("/"):
            where = line[:-1].rstrip("/")
        elif line and line not in ("./", "../"):
            out.add(where + "/" + line.rstrip("/"))
    return out


def compare(v, some=12):
    files, dirs, runs = ours(v)
    symbolic = files.pop("/symbolic", None)
    equal(dirs, v.dirs, f"{v.name}: folders")
    check(files == v.want, f"{v.name}: {[(k, files.get(k), v.want.get(k)) for k in files | v.want if files.get(k) != v.want.get(k)][:4]}")
    seen = {p for p in ntfsls(v) if p != "/symbolic"}
    check(seen == set(files) | dirs, f"{v.name}: ntfsls: {sorted(seen ^ (set(files) | dirs))[:4]}")
    check(symbolic is None or runs["/symbolic"].startswith("file "), f"{v.name}: a symbolic link: {runs.get('/symbolic')}")
    for path in ("/sparse.img", "/left.img", "/plain.iso"):
        if path in runs:
            check(our_clusters(v, runs[path]) == clusters(v, path), f"{v.name}: runs of {path}")
    for path in rnd.sample(sorted(files), min(some, len(files))) + ["/sparse.img", "/plain.iso"]:
        if files.get(path) is None:
            continue
        data = run("ntfscat", v.image, path)
        equal((zlib.crc32(data), len(data)), files[path], f"{v.name}: ntfscat {path}")
    if v.want.get("/packed/zeros.bin", 0) is None:
        equal(runs["/packed/zeros.bin"], "compressed file", f"{v.name}: compressed")
    return runs


def clusters(v, path):
    """VCN -> LCN of a file's data as ntfscluster has it, without holes."""
    out, kind = {}, None
    for line in run("ntfscluster", "-q", "-F", path, v.image).decode(errors="replace").splitlines():
        if " - " in line:
            kind = line.split()[0]
        elif kind == "0x80" and re.fullmatch(r"\s*\d+\s+-?\d+\s+\d+", line):
            vcn, lcn, length = map(int, line.split())
            out.update((vcn + i, lcn + i) for i in range(length) if lcn >= 0)
    return out


def our_clusters(v, where):
    out, vcn = {}, 0
    for r in where.split(","):
        start, length = r.replace("hole@", "").split("+")
        n = -(-int(length) // v.cluster)
        if not r.startswith("hole@"):
            out.update((vcn + i, int(start) // v.cluster + i) for i in range(n))
        vcn += n
    return out


with tempfile.TemporaryDirectory() as tmp:
    tmp = pathlib.Path(tmp)
    for name, mib, cluster, opts in (("c512", 24, 512, ()), ("c4096", 48, 4096, ()), ("c64k", 96, 65536, ()),
                                     ("s4096", 48, 4096, ("-s", 4096)), ("c2m", 1100, 2 << 20, ("-s", 4096))):
        v = Volume(tmp, name, mib, cluster, *opts)
        with v:
            fill(v)
            pieces(v, {512: 1200, 4096: 900, 65536: 60}.get(cluster, 8))
        runs = compare(v)
        info = run(f"{B}/interop/fs", "any", v.image, "info").decode()
        check(info.startswith(f"ntfs label=Größe {name} ") and f"cluster={cluster} " in info, f"{name}: {info}")
        serial = run("dd", f"if={v.image}", "bs=1", "skip=72", "count=4")[::-1].hex()
        check(f"serial={serial} " in info, f"{name}: serial {serial}")
    v = Volume(tmp, "many", 64, 1024)
    with v:
        many(v, 5000)
    compare(v)
    table = clusters(v, "/$MFT")
    check(sum(table[i + 1] != table[i] + 1 for i in range(len(table) - 1)) > 1, "$MFT is in pieces")
    v = Volume(tmp, "damage", 4, 512)
    with v:
        for i in range(60):
            v.put("/file %d" % i, rnd.randbytes(i * 40))
        pieces(v, 150)
    opened = int(run(f"{B}/interop/fs", "ntfs", v.image, "mutate", 1000).split()[0])
    check(100 < opened, f"{opened} of 1000 damaged volumes could be opened")
finish()

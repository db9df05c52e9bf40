# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of filesystems that a Linux is installed on share: a tree of files, a volume as we list it and as GRUB reads it."""
import os
import pathlib
import subprocess
import zlib

from common import B, run


def ours(fmt, image):
    """path -> (size, CRC-32, runs) of files, or (size, None, why not); set of folders"""
    files, dirs = {}, set()
    for line in run(f"{B}/interop/fs", fmt, image, "ls").decode().splitlines():
        kind, path, size, crc, runs, _ = line.split("\t")
        if kind == "d":
            dirs.add(path)
        else:
            files[path] = (int(size), None if crc == "-" else int(crc, 16), runs)
    return files, dirs


def node(fmt, image, path):
    """Size of what a path leads to, through links; None: nowhere."""
    r = subprocess.run([f"{B}/interop/fs", fmt, str(image), "node", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return int(r.stdout.split()[0]) if r.returncode == 0 else None


def folder(root):
    """The same as ours() of a folder on the host, without runs and links."""
    files, dirs = {}, set()
    for top, sub, names in os.walk(root):
        rel = "/" + os.path.relpath(top, root) if top != str(root) else ""
        dirs |= {f"{rel}/{d}" for d in sub if not os.path.islink(os.path.join(top, d))}
        for n in names:
            p = pathlib.Path(top, n)
            if p.is_file() and not p.is_symlink():
                data = p.read_bytes()
                files[f"{rel}/{n}"] = (len(data), zlib.crc32(data))
    return files, dirs


def grub_cat(image, path, device="(loop0)"):
    return run("grub-fstest", image, "cat", f"{device}{path}")


def grub_runs(image, path, device="(loop0)"):
    """Runs of a file as GRUB has them, in the words of ours()."""
    runs = []
    for part in run("grub-fstest", image, "blocklist", f"{device}{path}").decode().strip().split(","):
        sector, _, rest = part.partition("[")
        if rest:
            first, last = map(int, rest.rstrip("]").split("-"))
            start, length = int(sector) * 512 + first, last - first
        else:
            sector, count = map(int, sector.split("+"))
            start, length = sector * 512, count * 512
        if runs and sum(runs[-1]) == start:
            runs[-1] = (runs[-1][0], runs[-1][1] + length)
        else:
            runs.append((start, length))
    return ",".join("%d+%d" % r for r in runs)

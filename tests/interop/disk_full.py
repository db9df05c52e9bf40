#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A full drive: what is refused can be done again when there is space, nothing that was confirmed is lost, and what cannot be finished is
not begun. On a small tmpfs."""
import os, select, subprocess

from cli_common import *
import cli_common

ENV = dict(os.environ, LC_ALL="C.UTF-8")
DIR = "small"
FILLER = DIR + "/filler"


def room(left):
    """All but `left` bytes of the volume are taken."""
    if os.path.exists(FILLER):
        os.unlink(FILLER)
    s = os.statvfs(DIR)
    size = s.f_bavail * s.f_frsize - left
    if size > 0:
        with open(FILLER, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, size)


def qemu(*commands):
    """The last command's answer; everything is flushed by a command of its own, not by the end of qemu-io."""
    words = [w for c in commands for w in ("-c", c)]
    r = subprocess.run(["qemu-io", "-f", "raw", "-t", "none", *words, "nbd+unix:///disk?socket=" + os.path.abspath("s.sock")],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
    return r.stdout


def serve(path):
    """Full in the middle, then space."""
    p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", os.path.abspath("s.sock"), "--write"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=ENV, encoding="utf-8")
    p.stdout.readline()
    out = qemu("write -P 1 0 2M", "flush")
    check("wrote" in out and "failed" not in out, path + ": " + out)
    room(1 * MIB)
    out = qemu("write -P 2 8M 4M")
    check("No space left" in out, path + ", full: " + out)
    line = p.stderr.readline() if select.select([p.stderr], [], [], 20)[0] else "nothing"
    check(path in line and "write failed" in line, path + ", said at once: " + line)
    out = qemu("read -P 1 0 2M")
    check("verification failed" not in out, path + ", what is there can be read: " + out)
    room(30 * MIB)
    out = qemu("write -P 2 8M 4M", "flush", "write -P 3 16M 64k", "flush")
    check("wrote" in out and "failed" not in out and "error" not in out.lower(), path + ", space again: " + out)
    p.terminate()
    _, err = p.communicate(timeout=60)
    check(p.returncode == 0 and "confirmed" in err, path + ", the end: %d %s" % (p.returncode, err))
    must("disk", "check", path)
    must("disk", "convert", path, "out.raw", "--format", "raw", "--replace")
    with open("out.raw", "rb") as f:
        data = f.read()
    check(data[:2 * MIB] == b"\1" * (2 * MIB) and data[8 * MIB:12 * MIB] == b"\2" * (4 * MIB) and data[16 * MIB:16 * MIB + 65536] == b"\3" * 65536,
          path + ": content")
    room(40 * MIB)


def write(path, byte, where, size):
    p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", os.path.abspath("s.sock"), "--write", "--once"], stdout=subprocess.PIPE,
                         env=ENV, encoding="utf-8")
    p.stdout.readline()
    out = qemu("write -P %d %d %d" % (byte, where, size), "flush")
    check("wrote" in out and p.wait(60) == 0, path + ": " + out)


def merge():
    base, top = DIR + "/m.vhdx", DIR + "/t.vhdx"
    must("disk", "create", base, "--size", "64M", "--block-size", "1M")
    write(base, 1, 0, 4 * MIB)
    must("disk", "create", top, "--parent", base)
    write(top, 2, 0, 2 * MIB)
    write(top, 3, 8 * MIB, 8 * MIB)
    room(3 * MIB)
    before = sha256(base), sha256(top)
    one_line(isopod("disk", "merge", top), 3, "merge without space", "not enough space", "nothing was changed")
    equal((sha256(base), sha256(top)), before, "nothing was changed")
    room(16 * MIB)
    must("disk", "merge", top)
    # What lies over the parent's own blocks takes none.
    must("disk", "create", top, "--parent", base)
    write(top, 5, 0, 2 * MIB)
    room(2 * MIB)
    must("disk", "merge", top)
    must("disk", "convert", base, "out.raw", "--format", "raw", "--replace")
    with open("out.raw", "rb") as f:
        data = f.read()
    check(data[:2 * MIB] == b"\5" * (2 * MIB) and data[2 * MIB:4 * MIB] == b"\1" * (2 * MIB) and data[8 * MIB:16 * MIB] == b"\3" * (8 * MIB),
          "merged")
    room(40 * MIB)
    os.unlink(base)


def commit():
    s = DIR + "/st"
    must("layer", "create", s, "--size", "64M")
    path = must("layer", "path", s).out.strip()
    write(path, 7, 0, 12 * MIB)
    before = sha256(path)
    room(6 * MIB)
    one_line(isopod("layer", "commit", s), 3, "commit without space", "not enough space", "nothing was changed")
    equal(sha256(path), before, "nothing was changed")
    must("layer", "check", s)
    room(30 * MIB)
    must("layer", "commit", s)
    must("layer", "check", s)


with workdir():
    os.mkdir(DIR)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "isopod-test", DIR], stderr=subprocess.DEVNULL).returncode:
        skip("a full drive", "no tmpfs can be mounted")
    else:
        try:
            for name, more in (("d.vhdx", ()), ("d.vhd", ())):
                must("disk", "create", DIR + "/" + name, "--size", "64M", *more)
                serve(DIR + "/" + name)
                os.unlink(DIR + "/" + name)
            must("disk", "create", DIR + "/p.vhdx", "--size", "64M")
            must("disk", "create", DIR + "/c.vhdx", "--parent", DIR + "/p.vhdx")
            serve(DIR + "/c.vhdx")
            for n in ("c.vhdx", "p.vhdx"):
                os.unlink(DIR + "/" + n)
            merge()
            commit()
        finally:
            subprocess.run(["umount", DIR], check=True)
cli_common.finish()

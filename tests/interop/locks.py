#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Locks on every file of a chain, against QEMU's programs in both directions; commands on one store wait for each other; what
--replace must not replace."""
import os, stat, subprocess

from cli_common import *
import cli_common

ENV = dict(os.environ, LC_ALL="C.UTF-8")


def start(*cmd):
    p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENV, encoding="utf-8")
    return p


def served(path, *more):
    p = start(ISOPOD, "disk", "serve", path, "--nbd", os.path.abspath("s.sock"), *more)
    line = p.stdout.readline()
    check(line.startswith("Serving "), "serve %s: %s" % (path, line))
    return p


def qemu_nbd(sock, *args):
    """It listens before it has the image: whoever is answered knows that it has."""
    p = start("qemu-nbd", "-t", "-f", "raw", "-k", sock, *args)
    wait_until(lambda: os.path.exists(sock) and run("nbdinfo", "nbd+unix:///?socket=" + sock).returncode == 0, "qemu-nbd")
    return p


def end(p):
    p.terminate()
    p.communicate(timeout=60)


def qemu(ok, *cmd):
    p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=60)
    check((p.returncode == 0) == ok and (ok or "lock" in p.stdout), "%r: %d %s" % (cmd, p.returncode, p.stdout))


def refused(*args):
    one_line(isopod(*args), 3, "isopod " + " ".join(args), "in use")


def chain():
    must("disk", "create", "base.vhdx", "--size", "64M")
    must("disk", "create", "mid.vhdx", "--parent", "base.vhdx")
    must("disk", "create", "top.vhdx", "--parent", "mid.vhdx")
    must("disk", "create", "other.vhdx", "--parent", "mid.vhdx")


def we_write():
    p = served("top.vhdx", "--write")
    for args in (("info", "top.vhdx"), ("check", "top.vhdx"), ("map", "top.vhdx"), ("convert", "top.vhdx", "x.raw")):
        refused("disk", *args)
        must("disk", *args, "--unsafe-read")
    refused("disk", "serve", "top.vhdx", "--write", "--nbd", os.path.abspath("t.sock"))
    for parent in ("base.vhdx", "mid.vhdx"):
        refused("disk", "compact", parent)
        qemu(True, "qemu-img", "info", "-f", "vhdx", "base.vhdx")
        qemu(False, "qemu-io", "-f", "raw", "-c", "write 0 512", parent)
    must("disk", "info", "mid.vhdx")
    must("disk", "info", "other.vhdx")
    qemu(False, "qemu-img", "convert", "-f", "raw", "-O", "raw", "top.vhdx", "y.raw")
    qemu(True, "qemu-img", "convert", "-U", "-f", "raw", "-O", "raw", "top.vhdx", "y.raw")
    end(p)
    must("disk", "info", "top.vhdx")


def qemu_has():
    """qemu-nbd, then a machine that does not run: it holds its drives all the same."""
    sock = os.path.abspath("q.sock")
    p = qemu_nbd(sock, "base.vhdx")
    refused("disk", "info", "base.vhdx")
    refused("disk", "info", "top.vhdx")  # a parent that is written to
    must("disk", "info", "top.vhdx", "--unsafe-read")
    end(p)
    p = qemu_nbd(sock + "2", "base.vhdx", "-r")
    must("disk", "info", "top.vhdx")
    refused("disk", "compact", "base.vhdx")
    end(p)
    named()
    p = start("qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-S", "-display", "none", "-qmp", "stdio", "-drive",
              "if=none,id=d,format=raw,file=base.vhdx", "-device", "virtio-blk-pci,drive=d")
    p.stdout.readline()
    p.stdin.write('{"execute": "qmp_capabilities"}\n')
    p.stdin.flush()
    check("return" in p.stdout.readline(), "QEMU answers: its drives are there")
    refused("disk", "info", "base.vhdx")
    refused("disk", "merge", "mid.vhdx")
    end(p)
    must("disk", "info", "top.vhdx")


def named():
    """Who has it is said; those who only look into images refuse as well; what qemu-nbd only reads they read."""
    sock = os.path.abspath("n.sock")
    subprocess.run(["truncate", "-s", "3M", "n.img"], check=True)
    for write in (True, False):
        p = qemu_nbd(sock, "n.img", *([] if write else ["-r"]))
        for args in (("plan", "n.img"), ("doctor", "n.img", "--no-machine"), ("export", "n.img", "--nbd", "no/such/folder/x")):
            r = isopod(*args)
            if write:
                one_line(r, 3, "isopod " + args[0], "in use by qemu-nbd (process %d)" % p.pid)
                r = isopod(*args, "--unsafe-read")
            check("in use" not in r.err, "%s, which may read: %d %s" % (args[0], r.rc, r.err))
        if write:
            one_line(isopod("disk", "info", "n.img"), 3, "disk info", "in use by qemu-nbd (process %d)" % p.pid)
        end(p)
        if os.path.exists(sock):
            os.unlink(sock)
    must("disk", "create", "n.vhdx", "--size", "3M")
    must("disk", "create", "n2.vhdx", "--parent", "n.vhdx")
    p = served("n.vhdx", "--write", "--orphan-children")
    one_line(isopod("plan", "n2.vhdx"), 3, "a parent that is written to", "in use by isopod (process %d)" % p.pid)
    end(p)


def layers(store):
    return json.loads(must("layer", "list", store, "--json").out)["layers"]


def snapshots():
    must("layer", "create", "st", "--size", "64M")
    ps = [start(ISOPOD, "layer", "snapshot", "st") for _ in range(20)]
    for p in ps:
        out = p.communicate(timeout=60)[0]
        check(p.returncode == 0, "one of 20 snapshots: " + out)
    equal(len(layers("st")), 22, "layers")
    path = must("layer", "path", "st").out.strip()
    p = served(path, "--write")
    subprocess.run(["qemu-io", "-f", "raw", "-c", "write -P 7 0 4096", "nbd+unix:///disk?socket=" + os.path.abspath("s.sock")],
                   stdout=subprocess.DEVNULL, check=True)  # a rollback keeps what was written to
    end(p)
    for more in (("--write",), ()):
        p = served(path, *more)
        refused("layer", "snapshot", "st")
        refused("layer", "lock", "st")
        if more:
            for args in (("export", "st", "u.raw", "--replace"), ("diff", "st", "base"), ("check", "st")):
                refused("layer", *args)
                must("layer", *args, "--unsafe-read")
            check(isopod("layer", "check", "st", "--hash", "--unsafe-read").rc == 2, "--unsafe-read notes no hashes")
            refused("layer", "export", "st", "e.raw")
        end(p)
    must("layer", "rollback", "st", "layer-1")
    p = served(path)  # has no children, and is not current any more
    name = os.path.basename(path).split(".")[0]
    if check(any(l["name"] == name for l in layers("st")), name + " is kept"):
        refused("layer", "rename", "st", name, "else")
        refused("layer", "delete", "st", name)
    end(p)
    one_line(isopod("layer", "export", "st", path, "--replace"), 3, "export onto a layer", "layer of the store")


def replace():
    must("disk", "create", "src.raw", "--size", "1M")
    os.mkfifo("fifo.raw")
    os.mkdir("dir.raw")
    os.symlink("src.raw", "link.raw")
    nodes = ["fifo.raw", "dir.raw", "link.raw"]
    try:
        os.mknod("null.raw", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        nodes.append("null.raw")
    except PermissionError:
        skip("--replace of a device node", "mknod is not allowed here")
    for name in nodes:
        before = os.lstat(name)
        one_line(isopod("disk", "convert", "src.raw", name, "--replace"), 3, name, "cannot be replaced")
        equal(os.lstat(name).st_mode, before.st_mode, name)
    p = served("top.vhdx")
    one_line(isopod("disk", "convert", "src.raw", "mid.vhdx", "--replace"), 3, "a parent", "based on it")
    refused("disk", "convert", "src.raw", "top.vhdx", "--replace")
    end(p)
    noise("old.raw", 4096)
    must("disk", "convert", "src.raw", "old.raw", "--replace")
    equal(os.path.getsize("old.raw"), MIB, "replaced")


with workdir():
    chain()
    we_write()
    qemu_has()
    snapshots()
    replace()
cli_common.finish()

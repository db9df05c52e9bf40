#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod disk` and images that others are based on: who they are is known before the parent changes."""
import json, os, random, shutil, subprocess

from cli_common import *
import cli_common


def child(parent, path):
    must("disk", "create", path, "--parent", parent)
    return path


def write(path, seed, at="1M", size="64K", *more):
    """Through the server, as a virtual machine does it."""
    sock = os.path.abspath("w.sock")
    p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", sock, "--write", "--once", *more], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, encoding="utf-8", env=dict(os.environ, LC_ALL="C.UTF-8"))
    p.stdout.readline()
    r = run("qemu-io", "-f", "raw", "-c", "write -P %d %s %s" % (seed, at, size), "nbd+unix:///disk?socket=" + sock)
    err = p.communicate(timeout=60)[1]
    return check(r.returncode == 0 and p.returncode == 0, "write to %s: %s%s" % (path, r.stdout, err))


def digest(path):
    r = isopod("disk", "convert", path, "digest.raw", "--replace")
    return sha256("digest.raw") if r.rc == 0 else r.err


def refused(what, *args, words=("--orphan-children",)):
    one_line(isopod(*args, timeout=20), 3, what, *words)


def writing(form):
    """A parent is not written to while others read through it; images that only look like children do not count."""
    a, b, c, other = ["%s.%s" % (n, form) for n in ("a", "b", "c", "other")]
    must("disk", "create", a, "--size", "8M")
    write(a, 1)
    shutil.copyfile(a, other)
    child(a, b)
    child(b, c)
    write(c, 3, "3M")
    before = {x: sha256(x) for x in (a, b, c)}
    refused("a parent", "disk", "serve", a, "--nbd", "s", "--write", words=(b, "--orphan-children"))
    refused("a parent in the middle", "disk", "serve", b, "--nbd", "s", "--write", words=(c, "--orphan-children"))
    os.makedirs("sub", exist_ok=True)
    os.symlink("../" + a, "sub/link")
    refused("a parent by another name", "disk", "serve", "sub/link", "--nbd", "s", "--write", words=(b, "--orphan-children"))
    check({x: sha256(x) for x in (a, b, c)} == before, "nothing has changed")
    write(other, 4)  # nobody names it
    write(b, 2, "2M", "64K", "--orphan-children")
    if form == "vhdx":
        write(b, 2, "2M")  # whoever was lost already is not asked for again
    for x in (a, b, c, other, "sub/link"):
        os.unlink(x)


def inner_layers():
    """By their place in the index; root may write to any file."""
    must("layer", "create", "st", "--size", "8M")
    current = must("layer", "path", "st").out.strip()
    write(current, 1)
    must("layer", "snapshot", "st", "one")
    must("layer", "snapshot", "st", "two")
    for f in os.listdir("st"):
        os.chmod("st/" + f, 0o644)
    layers = {l["name"]: "st/" + l["file"] for l in json.loads(must("layer", "list", "st", "--json").out)["layers"]}
    for name in ("base", "one", "two"):
        refused("layer " + name, "disk", "serve", layers[name], "--nbd", "s", "--write", words=("is a layer of the store", "--orphan-children"))
    write(must("layer", "path", "st").out.strip(), 2)
    must("layer", "rollback", "st", "one")
    left = [l["file"] for l in json.loads(must("layer", "list", "st", "--json").out)["layers"] if l["name"].startswith("layer-") and not l["current"]]
    refused("a layer that a rollback left", "disk", "serve", "st/" + left[0], "--nbd", "s", "--write", words=("not the current one",))
    must("layer", "check", "st")
    shutil.rmtree("st")


with workdir():
    for form in ("vhdx", "vhd"):
        writing(form)
    inner_layers()
cli_common.finish()

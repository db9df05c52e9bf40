#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What NBD clients learn and may ask beyond reads and writes: where data are, what changed since a layer, zeros with and without
a place, several connections; by nbdinfo, nbdcopy, qemu-img, qemu-nbd and libnbd."""
import nbd

from cli_common import *

KIB = 1 << 10


class Server:
    def __init__(self, *args):
        self.sock, self.killed = os.path.abspath("n.sock"), False
        env = dict(os.environ, LC_ALL="C.UTF-8", ISOPOD_DATA=os.path.abspath("data"))
        self.p = subprocess.Popen([ISOPOD, *args, "--nbd", self.sock], stdout=subprocess.PIPE, encoding="utf-8", env=env)
        check(self.p.stdout.readline().startswith("Serving "), "%r serves" % (args,))
        self.uri = "nbd+unix:///?socket=" + self.sock

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.terminate()
        equal(self.p.wait(timeout=60), -9 if self.killed else 0, "status of the server")

    def client(self, *contexts):
        h = nbd.NBD()
        for c in contexts:
            h.add_meta_context(c)
        h.connect_uri(self.uri)
        return h

    def io(self, *commands):
        r = run("qemu-io", "-f", "raw", *[x for c in commands for x in ("-c", c)], self.uri)
        check(r.returncode == 0 and "failed" not in r.stdout, "qemu-io: " + r.stdout)

    def map(self, context="base:allocation"):
        r = run("nbdinfo", "--json", "--map=" + context, self.uri)
        check(r.returncode == 0, "nbdinfo --map=%s: %s" % (context, r.stdout))
        return [(e["offset"], e["length"], e["type"]) for e in json.loads(r.stdout)]


def extents(h, context, off, length, flags=0):
    got = []
    h.block_status(length, off, lambda name, at, entries, err: got.extend(entries) if name == context else None, flags)
    return list(zip(got[::2], got[1::2]))


def chain():
    """A parent with 4 MiB, a child that writes, trims and zeroes in it; a grandchild."""
    must("disk", "create", "p.vhdx", "--size", "64M")
    with Server("disk", "serve", "p.vhdx", "--write") as s:
        s.io("write -P 1 0 4M")
    must("disk", "create", "c.vhdx", "--parent", "p.vhdx")
    with Server("disk", "serve", "c.vhdx", "--write") as s:
        s.io("write -P 2 1M 64k", "write -z -u 2M 1M", "write -z 10M 1M", "discard 3M 512k")
        allocation = [(0, 2 * MIB, 0), (2 * MIB, 1536 * KIB, 3), (3584 * KIB, 512 * KIB, 0), (4 * MIB, 6 * MIB, 3), (10 * MIB, MIB, 0), (11 * MIB, 53 * MIB, 3)]
        equal(s.map(), allocation, "base:allocation")
        dirty = [(0, MIB, 0), (MIB, 64 * KIB, 1), (MIB + 64 * KIB, 960 * KIB, 0), (2 * MIB, 1536 * KIB, 1), (3584 * KIB, 6656 * KIB, 0), (10 * MIB, MIB, 1),
                 (11 * MIB, 53 * MIB, 0)]
        equal(s.map("qemu:dirty-bitmap:p.vhdx"), dirty, "since the parent")
        seen = json.loads(run("qemu-img", "map", "-f", "raw", "--output=json", s.uri).stdout)
        equal([(e["start"], e["length"], 3 if e["zero"] else 0) for e in seen], allocation, "qemu-img map")
        # what QEMU makes of a bitmap: what is not to be copied is "data"
        opts = "driver=nbd,server.type=unix,server.path=%s,x-dirty-bitmap=qemu:dirty-bitmap:p.vhdx" % s.sock
        seen = json.loads(run("qemu-img", "map", "--output=json", "--image-opts", opts).stdout)
        equal([(e["start"], e["length"], 0 if e["data"] else 1) for e in seen], dirty, "qemu-img map with x-dirty-bitmap")
        r = run("qemu-nbd", "--list", "-k", s.sock)
        check(all(w in r.stdout for w in ("base:allocation", "qemu:dirty-bitmap:p.vhdx", "df", "fast-zero", "multi")), "qemu-nbd --list: " + r.stdout)
        r = run("nbdinfo", "--list", s.uri)
        check("qemu:dirty-bitmap:p.vhdx" in r.stdout, "nbdinfo --list: " + r.stdout)
        run("nbdcopy", s.uri, "out.raw", check=True)
        check(run("qemu-img", "compare", "-f", "raw", "-F", "raw", "out.raw", s.uri).returncode == 0, "nbdcopy")
        check(os.stat("out.raw").st_blocks * 512 < 4 * MIB, "nbdcopy keeps holes: %d" % os.stat("out.raw").st_blocks)
        r = isopod("disk", "grow", "c.vhdx", "--size", "96M")
        one_line(r, 3, "grow of what is served", "in use")
    must("disk", "grow", "c.vhdx", "--size", "96M")
    must("disk", "create", "g.vhdx", "--parent", "c.vhdx")
    with Server("disk", "serve", "g.vhdx") as s:
        equal(s.client().get_size(), 96 * MIB, "the new size, after a new connection")
        equal(s.map("qemu:dirty-bitmap:c.vhdx"), [(0, 96 * MIB, 0)], "nothing in the grandchild yet")
        equal(s.map("qemu:dirty-bitmap:p.vhdx")[:-1], dirty[:-1], "and what is below it counts for the layer further down")


def raw_file():
    """A raw file's own holes."""
    with open("r.img", "wb") as f:
        f.truncate(8 * MIB)
        f.seek(2 * MIB)
        f.write(b"x" * MIB)
    with Server("disk", "serve", "r.img") as s:
        equal(s.map(), [(0, 2 * MIB, 3), (2 * MIB, MIB, 0), (3 * MIB, 5 * MIB, 3)], "holes of a raw file")
        run("nbdcopy", s.uri, "out.raw", check=True)
        equal(sha256("out.raw"), sha256("r.img"), "nbdcopy of it")


def exported():
    """The map of an export: data but for what it fills with zeros."""
    with Server("export", "/usr/lib/ipxe/ipxe.iso") as s:
        m = s.map()
        check(m and m[0][0] == 0 and all(t in (0, 3) for _, _, t in m) and sum(n for _, n, _ in m) == s.client().get_size(), "an export's map: %r" % (m,))
        run("nbdcopy", s.uri, "out.raw", check=True)
        check(run("cmp", "-n", str(os.path.getsize("/usr/lib/ipxe/ipxe.iso")), "out.raw", "/usr/lib/ipxe/ipxe.iso").returncode == 0, "nbdcopy of an export")


def fails(what, h, error, f):
    try:
        f()
        check(False, what + ": went through")
    except nbd.Error as e:
        equal(e.errno, error, what)
    check(h.aio_is_ready(), what + ": and the connection goes on")


def requests():
    """What libnbd asks for: flags, one descriptor only, errors in chunks, reads that must not be cut."""
    must("disk", "create", "w.vhdx", "--size", "64M")
    with Server("disk", "serve", "w.vhdx", "--write") as s:
        h, other = s.client("base:allocation"), s.client()
        check(h.can_fast_zero() and h.can_multi_conn() and h.can_df() and h.get_structured_replies_negotiated(), "flags")
        check(h.can_meta_context("base:allocation"), "the context is there")
        h.set_strict_mode(0)
        h.pwrite(b"a" * 3 * MIB, 32 * MIB)
        h.zero(MIB, 33 * MIB)
        equal(h.pread(4, 33 * MIB - 2), b"aa\0\0", "zeros")
        h.zero(2 * MIB, 40 * MIB, nbd.CMD_FLAG_NO_HOLE)
        equal(extents(h, "base:allocation", 39 * MIB, 4 * MIB), [(MIB, 3), (2 * MIB, 0), (MIB, 3)], "zeros with a place of their own")
        h.zero(2 * MIB, 40 * MIB, nbd.CMD_FLAG_FAST_ZERO)
        equal(extents(h, "base:allocation", 39 * MIB, 4 * MIB), [(4 * MIB, 3)], "fast zeros are a hole")
        fails("fast, and with a place", h, "ENOTSUP", lambda: h.zero(MIB, 0, nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_NO_HOLE))
        equal(extents(h, "base:allocation", 0, 64 * MIB, nbd.CMD_FLAG_REQ_ONE), [(32 * MIB, 3)], "one descriptor")
        equal(sum(n for n, _ in extents(h, "base:allocation", 5, 1000)), 1000, "not more than was asked about")
        fails("block status of nothing", h, "EINVAL", lambda: extents(h, "base:allocation", 0, 0))
        fails("block status behind the end", h, "EINVAL", lambda: extents(h, "base:allocation", 64 * MIB - 1, 2))
        fails("a read behind the end", h, "EINVAL", lambda: h.pread(512, 64 * MIB - 1))
        fails("zeros behind the end", h, "ENOSPC", lambda: h.zero(512, 64 * MIB - 1))
        equal(h.pread_structured(3 * MIB, 32 * MIB, lambda *a: 0, nbd.CMD_FLAG_DF), b"a" * MIB + bytes(MIB) + b"a" * MIB, "a read in one chunk")
        # A flush on one connection is one for all: what the other one wrote survives the server.
        other.pwrite(b"z" * 4096, 0)
        h.flush()
        s.p.kill()
        s.p.wait()
        s.killed = True
    os.unlink("n.sock")
    with Server("disk", "serve", "w.vhdx") as s:
        h = s.client()
        equal(h.pread(4096, 0), b"z" * 4096, "flushed on another connection")
        h.set_strict_mode(0)
        fails("a write to what is only read", h, "EPERM", lambda: h.pwrite(b"x", 0))
        fails("zeros there", h, "EPERM", lambda: h.zero(512, 0))


def main():
    with workdir():
        make_data("data", 1)
        chain()
        raw_file()
        exported()
        requests()
    finish()


main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod disk`: files of QEMU, Hyper-V and Windows read bit-exactly; what we write read by QEMU and libvhdi; chains; power cut
under an NBD client, the log replayed by QEMU."""
import hashlib, json, os, random, signal, struct, subprocess, sys, time

from cli_common import *
import cli_common

SAMPLES = os.environ.get("ISOPOD_SAMPLES")  # doc/TESTING.md says what is in it

def md5(path):
    h = hashlib.md5()
    with open(path, "rb") as f:
        for piece in iter(lambda: f.read(MIB), b""):
            h.update(piece)
    return h.hexdigest()


def info(path):
    return json.loads(must("disk", "info", path, "--json").out)


def pattern(path, size, seed=1, holes=True):
    """Runs of noise between holes, of any length and alignment."""
    r = random.Random(seed)
    with open(path, "wb") as f:
        f.truncate(size)
        at = 0
        while at < size:
            n = min(size - at, r.choice((512, 4096, 70000, 3 * MIB)))
            if not holes or r.random() < 0.4:
                f.seek(at)
                f.write(r.randbytes(n))
            at += n
    return path


def qemu_same(a, fa, b, fb, what):
    r = run("qemu-img", "compare", "-f", fa, "-F", fb, a, b)
    return check(r.returncode == 0 and "identical" in r.stdout, "%s: qemu-img compare: %s" % (what, r.stdout.strip()))


def qemu_check(path, what):
    r = run("qemu-img", "check", "-f", "vhdx", path)
    return check(r.returncode == 0, "%s: qemu-img check: %s" % (what, r.stdout.strip()))


class Server:
    def __init__(self, path, *more):
        self.sock = os.path.abspath("n.sock")
        self.p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", self.sock, *more], env=dict(os.environ, LC_ALL="C.UTF-8"),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        line = self.p.stdout.readline()
        check(line.startswith("Serving "), "serve %s: %s" % (path, line or self.p.stderr.read()))
        self.uri = "nbd+unix:///disk?socket=" + self.sock

    def stop(self, sig=signal.SIGTERM):
        self.p.send_signal(sig)
        self.p.communicate(timeout=60)
        if sig == signal.SIGKILL:
            os.unlink(self.sock)
        return self.p.returncode

    def io(self, *commands):
        args = []
        for c in commands:
            args += ["-c", c]
        r = run("qemu-io", "-f", "raw", self.uri, *args)
        return check(r.returncode == 0 and "failed" not in r.stdout, "qemu-io %r: %s" % (commands, r.stdout))


def unpack(name):
    src = os.path.join(SAMPLES, name)
    dst = name.rsplit(".", 1)[0]
    with open(dst, "wb") as f:
        subprocess.run(["bzcat" if name.endswith("bz2") else "zcat", src], stdout=f, check=True)
    return dst


def samples():
    if not SAMPLES:
        return skip("samples of other makers", "ISOPOD_SAMPLES does not name their folder (doc/TESTING.md)")
    f = unpack("iotest-dynamic-1G.vhdx.bz2")
    must("disk", "convert", f, "out.raw")
    equal(md5("out.raw"), "8a5df7512d96578c537279cee90b5e8d", "a VHDX of Windows")
    f = unpack("iotest-dirtylog-10G-4M.vhdx.bz2")
    before = md5(f)
    equal(info(f)["chain"][0]["log_dirty"], True, "a log that is not empty is told of")
    must("disk", "convert", f, "out.raw", "--replace")
    equal(md5("out.raw"), "f57388780d1d321ed98f042d6cd3926e", "a log replayed in memory")
    equal(md5(f), before, "reading changes nothing")
    must("disk", "check", f, "--repair")
    equal(info(f)["chain"][0]["log_dirty"], False, "a log replayed on disk")
    qemu_same(f, "vhdx", "out.raw", "raw", "a log replayed on disk")
    f = unpack("hyperv2012r2-dynamic.vhd.bz2")
    equal(info(f)["size"], 136365211648, "a VHD of Hyper-V: size")
    run("qemu-img", "convert", "-f", "vpc", "-O", "raw", f, "want.raw", check=True)
    must("disk", "convert", f, "out.raw", "--replace")
    qemu_same("out.raw", "raw", "want.raw", "raw", "a VHD of Hyper-V")
    unpack("win8.vhd.gz")
    f = unpack("win8-child.vhd.gz")
    i = info(f)
    equal((i["depth"], i["chain"][0]["parent"]["relative_path"]), (2, ".\\win8.vhd"), "a pair of Windows 8")
    must("disk", "check", f)
    os.rename("win8.vhd", "elsewhere.vhd")
    one_line(isopod("disk", "info", f), 3, "a child without its parent", "parent is missing")
    one_line(isopod("disk", "convert", f, "no.raw"), 3, "a child without its parent, read", "parent is missing")
    check(not os.path.exists("no.raw"), "nothing is left of a conversion that failed")
    for x in os.listdir("."):
        os.unlink(x)


def read_foreign():
    """Every kind of file that qemu-img makes."""
    pattern("p.raw", 40 * MIB + 512 * 17)
    kinds = [("vhdx", o) for o in ("subformat=dynamic", "subformat=fixed", "subformat=dynamic,block_size=1M", "subformat=dynamic,block_size=64M")]
    kinds += [("vpc", o) for o in ("subformat=dynamic", "subformat=fixed", "subformat=dynamic,force_size=on", "subformat=fixed,force_size=on")]
    for fmt, options in kinds:
        run("qemu-img", "convert", "-f", "raw", "-O", fmt, "-o", options, "p.raw", "q", check=True)
        must("disk", "convert", "q", "out.raw", "--replace")
        qemu_same("q", fmt, "out.raw", "raw", "%s %s" % (fmt, options))
        must("disk", "check", "q")
        s = Server("q", "--write")
        s.io("write -P 7 100k 300k", "write -P 8 33M 64k", "flush")
        equal(s.stop(), 0, "serve ends")
        run("qemu-io", "-f", fmt, "-c", "read -P 7 100k 300k", "-c", "read -P 8 33M 64k", "q", check=True)
        if fmt == "vhdx":
            qemu_check("q", "a file of qemu-img written to")
        must("disk", "check", "q")
        os.unlink("q")


def write_ours():
    pattern("p.raw", 33 * MIB + 4096 * 3, 2)
    for name, options in (("a.vhdx", ()), ("b.vhdx", ("--fixed",)), ("c.vhdx", ("--block-size", "1M")), ("d.vhdx", ("--block-size", "256M")),
                          ("e.vhd", ()), ("f.vhd", ("--fixed",)), ("g.vhd", ("--block-size", "512K"))):
        must("disk", "convert", "p.raw", name, *options)
        fmt = "vhdx" if name.endswith("x") else "vpc"
        qemu_same(name, fmt, "p.raw", "raw", name)
        if fmt == "vhdx":
            qemu_check(name, name)
        must("disk", "check", name)
        must("disk", "convert", name, "back.raw", "--replace")
        check(sha256("back.raw") == sha256("p.raw"), name + " and back")
        # QEMU writes into it, we read that
        run("qemu-io", "-f", fmt, "-c", "write -P 9 1M 100k", "-c", "write -P 10 32M 4k", name, check=True)
        must("disk", "convert", name, "back.raw", "--replace")
        qemu_same(name, fmt, "back.raw", "raw", name + " written to by QEMU")
    must("disk", "convert", "a.vhdx", "h.qcow2")
    qemu_same("h.qcow2", "qcow2", "a.vhdx", "vhdx", "qcow2")
    must("disk", "convert", "h.qcow2", "i.vhdx")
    qemu_same("h.qcow2", "qcow2", "i.vhdx", "vhdx", "from qcow2")
    must("disk", "convert", "p.raw", "k.vhdx", "--sector-size", "4096")  # QEMU knows no such sectors
    must("disk", "convert", "k.vhdx", "back.raw", "--replace")
    check(sha256("back.raw") == sha256("p.raw"), "sectors of 4096 and back")
    for name in ("a.vhdx", "e.vhd", "f.vhd", "b.vhdx"):
        must("disk", "grow", name, "--size", "5G")
        equal(info(name)["size"], 5 << 30, "grown")
        must("disk", "check", name)
        must("disk", "convert", name, "big.raw", "--replace")
        qemu_same(name, "vhdx" if name.endswith("x") else "vpc", "big.raw", "raw", name + " grown")
    for name in ("l.vhdx", "l.vhd"):
        must("disk", "convert", "p.raw", name, "--block-size", "1M")
        s = Server(name, "--write")
        s.io("discard 0 8M", "write -z 12M 10M", "write -P 3 20M 1M", "flush")
        equal(s.stop(), 0, "serve ends")
        before = os.path.getsize(name)
        must("disk", "convert", name, "back.raw", "--replace")
        must("disk", "compact", name)
        check(os.path.getsize(name) < before - 8 * MIB, "compacting makes %s smaller" % name)
        must("disk", "check", name)
        if name.endswith("x"):
            qemu_check(name, "compacted")
        qemu_same(name, "vhdx" if name.endswith("x") else "vpc", "back.raw", "raw", name + " compacted")
    one_line(isopod("disk", "compact", "f.vhd"), 3, "a fixed disk", "only a dynamic")
    part_of_a_sector()
    for x in os.listdir("."):
        os.unlink(x)


def part_of_a_sector():
    """A raw image need not end with a sector; the disk made of it does, with zeros."""
    for size in (1, 511, 513, 8197, 4 * MIB + 1):
        data = random.Random(size).randbytes(size)
        with open("r.img", "wb") as f:
            f.write(data)
        for name, unit, fmt, options in (("r.vhdx", 512, "vhdx", ()), ("r.vhd", 512, "vpc", ("--fixed",)), ("s.vhdx", 4096, None, ("--sector-size", "4096"))):
            must("disk", "convert", "r.img", name, "--replace", *options)
            must("disk", "convert", name, "back.raw", "--replace")
            want = data + bytes(-size % unit)
            with open("back.raw", "rb") as f:
                check(f.read() == want, "%s of %d bytes" % (name, size))
            if fmt == "vhdx":
                qemu_same(name, fmt, "back.raw", "raw", "%s of %d bytes" % (name, size))


def vhdi_read(paths, size):
    """A chain, the top file first, as libvhdi reads it."""
    import pyvhdi
    files = []
    for p in paths:
        f = pyvhdi.file()
        f.open(p)
        files.append(f)
    for child, parent in zip(files, files[1:]):
        child.set_parent(parent)
    h = hashlib.sha256()
    at = 0
    while at < size:
        piece = files[0].read_buffer_at_offset(min(MIB, size - at), at)
        h.update(piece)
        at += len(piece)
    return h.hexdigest()


def chains():
    try:
        import pyvhdi  # noqa: F401
        have = True
    except ImportError:
        have = False
        skip("chains through libvhdi", "python3-libvhdi is not installed")
    for ext in ("vhdx", "vhd"):
        pattern("p.raw", 24 * MIB, 3)
        must("disk", "convert", "p.raw", "l0." + ext, "--block-size", "2M")
        names = ["l0." + ext]
        os.makedirs("sub", exist_ok=True)
        for i in range(1, 5):
            names.insert(0, ("sub/" if i == 3 else "") + "l%d.%s" % (i, ext))
            must("disk", "create", names[0], "--parent", names[1], *(("--block-size", "2M") if ext == "vhdx" else ()))
            s = Server(names[0], "--write")
            # libvhdi takes the bits of a VHD's bitmap the wrong way round within a byte: eight sectors at a time are the same to it.
            unit = 512 if ext == "vhdx" else 4096
            w = ["write -P %d %d %d" % (i * 16 + k, (i * 977 * k + i * 131) * unit * 5 % (20 * MIB), unit * (1 + 61 * k * i % 700))
                 for k in range(1, 9)]
            s.io(*w, "write -z %dk 12k" % (i * 3000), "flush")
            equal(s.stop(), 0, "serve ends")
            run("qemu-io", "-f", "raw", *[x for c in w + ["write -z %dk 12k" % (i * 3000)] for x in ("-c", c)], "p.raw", check=True)
            must("disk", "convert", names[0], "flat.raw", "--replace")
            check(sha256("flat.raw") == sha256("p.raw"), "chain of %d %s" % (i + 1, ext))
        equal(info(names[0])["depth"], 5, "depth")
        if have:
            equal(vhdi_read(names, 24 * MIB), sha256("p.raw"), "chain of 5 %s through libvhdi" % ext)
        # Zero blocks of a child hide the parent; libvhdi takes them for absent, so only we are asked.
        s = Server(names[0], "--write")
        s.io("discard 8M 4M", "flush")
        equal(s.stop(), 0, "serve ends")
        run("qemu-io", "-f", "raw", "-c", "write -z 8M 4M", "p.raw", check=True)
        must("disk", "convert", names[0], "flat.raw", "--replace")
        check(sha256("flat.raw") == sha256("p.raw"), "blocks given back")
        runs = json.loads(must("disk", "map", names[0], "--json").out)
        check(sum(r["length"] for r in runs) == 24 * MIB and {r.get("depth") for r in runs} >= ({0, 1, 4, None} if ext == "vhdx" else {0, 1, 4}), "map: %r" % runs[:5])
        # the parent is looked at, not believed
        run("cp", names[1], "saved")
        s = Server(names[1], "--write", "--orphan-children")
        s.io("write -P 1 0 512")
        s.stop()
        if ext == "vhdx":
            one_line(isopod("disk", "info", names[0]), 3, "a parent that was written to", "was changed since")
        run("cp", "saved", names[1])
        one_line(isopod("disk", "rebase", names[0], "--parent", names[2]), 3, "rebase to another one", "is not the file it was made from")
        moved = os.path.join(os.path.dirname(names[1]), "moved." + ext)
        os.rename(names[1], moved)
        one_line(isopod("disk", "info", names[0]), 3, "a parent that is gone", "parent is missing")
        must("disk", "rebase", names[0], "--parent", moved)
        must("disk", "convert", names[0], "flat.raw", "--replace")
        check(sha256("flat.raw") == sha256("p.raw"), "rebased")
        names[1] = moved
        if ext == "vhdx":
            must("disk", "create", "over.vhdx", "--parent", names[0])
            must("disk", "rebase", names[0], "--flatten")
            equal(info(names[0])["depth"], 1, "flat")
            must("disk", "convert", "over.vhdx", "flat.raw", "--replace")
            check(sha256("flat.raw") == sha256("p.raw"), "a child of what was flattened is still right")
            s = Server(names[0], "--write", "--orphan-children")
            s.io("write -P 3 0 4k", "flush")
            equal(s.stop(), 0, "serve ends")
            one_line(isopod("disk", "info", "over.vhdx"), 3, "a child of what was written to is not", "is not the file it was made from")
            os.unlink("over.vhdx")
            run("qemu-io", "-f", "raw", "-c", "write -P 3 0 4k", "p.raw", check=True)
            qemu_same(names[0], "vhdx", "p.raw", "raw", "flattened in place")
            qemu_check(names[0], "flattened in place")
        else:
            must("disk", "merge", names[0])
            check(not os.path.exists(names[0]), "a merged child is gone")
            must("disk", "convert", names[1], "flat.raw", "--replace")
            check(sha256("flat.raw") == sha256("p.raw"), "merged")
        run("rm", "-r", "sub", *[x for x in os.listdir(".") if x != "sub"])
    # all the way down
    pattern("p.raw", 8 * MIB, 4)
    must("disk", "convert", "p.raw", "b.vhdx", "--block-size", "1M")
    must("disk", "create", "c.vhdx", "--parent", "b.vhdx", "--block-size", "4M")
    s = Server("c.vhdx", "--write")
    s.io("write -P 5 3000k 900k", "flush")
    s.stop()
    must("disk", "convert", "c.vhdx", "want.raw")
    must("disk", "merge", "c.vhdx")
    qemu_same("b.vhdx", "vhdx", "want.raw", "raw", "merged into a parent with smaller blocks")
    qemu_check("b.vhdx", "merged")


def draw(name, raw, rng, unit, n=9):
    """Writes and zeros into an image and, the same, into a raw file."""
    size = os.path.getsize(raw)
    w = []
    for k in range(n):
        at, count = rng.randrange(size // unit), rng.choice((1, 2, 7, 60, 400))
        count = min(count, size // unit - at)
        w.append(("write -z" if rng.random() < 0.3 else "write -P %d" % rng.randrange(1, 256)) + " %d %d" % (at * unit, count * unit))
    s = Server(name, "--write")
    s.io(*w, "flush")
    equal(s.stop(), 0, "serve ends")
    run("qemu-io", "-f", "raw", *[x for c in w for x in ("-c", c)], raw, check=True)


def through_nbd(name):
    """As an NBD client sees it."""
    s = Server(name)
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", s.uri, "nbd.raw", check=True)
    equal(s.stop(), 0, "serve ends")
    return sha256("nbd.raw")


def rebase():
    """Onto an ancestor, another image, a shorter one, of other block sizes: the same bytes as a raw file that was written alike, for
    an NBD client, for libvhdi (chains) and for QEMU (flattened)."""
    try:
        import pyvhdi  # noqa: F401
        have = True
    except ImportError:
        have = False  # chains() has said so
    # sectors of 4096 only in VHDX; libvhdi takes the bits of a VHD's bitmap the wrong way round within a byte (see above)
    for ext, unit, more in (("vhdx", 512, ()), ("vhdx", 4096, ("--sector-size", "4096")), ("vhd", 4096, ())):
        what = "%s, units of %d" % (ext, unit)
        rng = random.Random(unit + len(ext))
        sizes = {"a": (22 if unit == 512 or ext == "vhd" else 20) * MIB, "short": 7 * MIB + 4096, "b": 22 * MIB}
        block = (lambda *sizes: ("--block-size", rng.choice(sizes))) if ext == "vhdx" else (lambda *sizes: ("--block-size", "512K"))
        for n, size in sizes.items():
            pattern(n + ".raw", size, ord(n[0]) + unit)
            must("disk", "convert", n + ".raw", n + "." + ext, *block("1M", "2M", "8M"), *more)
        os.makedirs("sub")
        chain = ["a." + ext]
        run("cp", "a.raw", "want.raw")
        run("truncate", "-s", "22M", "want.raw")
        for i, n in enumerate(("l1", "sub/l2", "l3", "top")):
            chain.insert(0, n + "." + ext)
            must("disk", "create", chain[0], "--parent", chain[1], "--size", "22M", *(block("1M", "2M", "4M") if ext == "vhdx" else ()))
            draw(chain[0], "want.raw", rng, unit)
        run("cp", "want.raw", "below.raw")
        must("disk", "create", "child." + ext, "--parent", chain[0])
        draw("child." + ext, "below.raw", rng, unit, 3)
        top = chain[0]

        def same(onto, files):
            check(through_nbd(top) == sha256("want.raw"), "%s: onto %s: through NBD" % (what, onto))
            check(through_nbd("child." + ext) == sha256("below.raw"), "%s: onto %s: its child, through NBD" % (what, onto))
            i = info(top)
            equal([os.path.basename(l["path"]) for l in i["chain"]], [os.path.basename(f) for f in files], "%s: onto %s: chain" % (what, onto))
            must("disk", "check", top)
            # libvhdi reads nothing behind the end of a shorter parent, and takes zero blocks, which hide the parent, for absent ones:
            # then only we and QEMU are asked.
            if have and {l["size"] for l in i["chain"]} == {22 * MIB} and not any(ext == "vhdx" and zero_blocks(f) for f in files[:-1]):
                check(vhdi_read(files, 22 * MIB) == sha256("want.raw"), "%s: onto %s: through libvhdi" % (what, onto))
                seen.append(onto)
        seen = []
        same("nothing yet", chain)
        must("disk", "rebase", top, "--onto", chain[2])
        same("l2", [top] + chain[2:])
        must("disk", "rebase", top, "--onto", "a." + ext)
        same("a", [top, "a." + ext])
        before = os.path.getsize(top)
        must("disk", "rebase", top, "--onto", "a." + ext)
        check(os.path.getsize(top) < before + 65536, "where it stands already nothing is taken in")  # a VHD's header moves
        # nothing in between is needed
        os.rename(chain[1], "gone1")
        os.rename("sub", "gone2")
        same("a, alone", [top, "a." + ext])
        must("disk", "rebase", top, "--onto", "b." + ext)
        same("b", [top, "b." + ext])
        must("disk", "rebase", top, "--onto", "short." + ext)
        same("short", [top, "short." + ext])
        os.rename("gone2", "sub")
        must("disk", "rebase", top, "--onto", "sub/l2." + ext)
        same("sub/l2", [top, "sub/l2." + ext, "l1." + ext, "a." + ext])
        check(len(seen) >= (3 if unit == 512 or ext == "vhd" else 0) or not have, "%s: libvhdi was asked: %r" % (what, seen))
        one_line(isopod("disk", "rebase", top, "--onto", "child." + ext), 3, "onto its child", "is based on")
        one_line(isopod("disk", "rebase", "a." + ext, "--onto", "b." + ext), 3, "a base", "differencing")
        one_line(isopod("disk", "rebase", top, "--onto", "a.raw"), 3, "onto a raw file", "raw")
        must("disk", "create", "large." + ext, "--size", "23M", *more)
        one_line(isopod("disk", "rebase", top, "--onto", "large." + ext), 3, "onto a larger one", "smaller", "grow")
        must("disk", "create", "other." + ("vhd" if ext == "vhdx" else "vhdx"), "--size", "8M")
        one_line(isopod("disk", "rebase", top, "--onto", "other." + ("vhd" if ext == "vhdx" else "vhdx")), 3, "onto another format", "format")
        one_line(isopod("disk", "rebase", top, "--onto", "a." + ext, "--flatten"), 2, "two things at once", "--onto")
        check(through_nbd(top) == sha256("want.raw"), "what is refused changes nothing")
        if ext == "vhdx":
            must("disk", "rebase", top, "--flatten")
            if unit == 512:
                qemu_same(top, "vhdx", "want.raw", "raw", "%s: rebased and flattened" % what)
                qemu_check(top, "%s: rebased and flattened" % what)
        run("rm", "-r", *os.listdir("."))


def zero_blocks(path):
    """Whether a VHDX of ours has blocks in the state PAYLOAD_BLOCK_ZERO ([MS-VHDX] 2.5.1.1)."""
    with open(path, "rb") as f:
        f.seek(192 << 10)
        table = f.read(65536)
        for i in range(struct.unpack_from("<I", table, 8)[0]):
            if table[16 + 32 * i:32 + 32 * i] == bytes.fromhex("6677c22d23f600429d64115e9bfd4a08"):
                off, length = struct.unpack_from("<QI", table, 32 + 32 * i)
        f.seek(off)
        bat = f.read(min(length, 65536))
    return any(e & 7 == 2 for e, in struct.iter_unpack("<Q", bat))


def interrupted_rebase():
    """Killed or interrupted while it copies, the image reads as before; and no space is found out before anything is written."""
    pattern("p.raw", 96 * MIB, 6, holes=False)
    must("disk", "convert", "p.raw", "a.vhdx", "--block-size", "1M")
    must("disk", "create", "b.vhdx", "--size", "96M")
    must("disk", "create", "top.vhdx", "--parent", "a.vhdx")
    faults = os.path.join(cli_common.B, "interop/isopod-faults")
    stopped = 0
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        run("cp", "top.vhdx", "t.vhdx")
        env = dict(os.environ, LC_ALL="C.UTF-8", ISOPOD_TEST_SLOW="40")
        p = subprocess.Popen([faults, "disk", "rebase", "t.vhdx", "--onto", "b.vhdx"], env=env, stderr=subprocess.PIPE, encoding="utf-8")
        end = time.time() + 60
        while os.path.getsize("t.vhdx") < 20 * MIB and p.poll() is None and time.time() < end:
            time.sleep(0.02)
        p.send_signal(sig)
        err = p.communicate(timeout=60)[1]
        stopped += p.returncode != 0
        if sig != signal.SIGKILL:
            check(p.returncode == 3 and "interrupted" in err and err.count("\n") == 1, "interrupted: %d %r" % (p.returncode, err))
        equal(os.path.basename(info("t.vhdx")["chain"][1]["path"]), "a.vhdx", "interrupted: its parent")
        check(os.path.getsize("t.vhdx") > 10 * MIB, "interrupted in the middle")
        check(through_nbd("t.vhdx") == sha256("p.raw"), "interrupted: it reads as before")
        must("disk", "check", "t.vhdx", "--repair")
        must("disk", "rebase", "t.vhdx", "--onto", "b.vhdx")
        check(through_nbd("t.vhdx") == sha256("p.raw"), "and done again")
    equal(stopped, 3, "all were stopped")
    os.mkdir("small")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "none", "small"], stderr=subprocess.DEVNULL).returncode:
        return skip("a rebase without space", "no tmpfs can be mounted")
    try:
        run("cp", "top.vhdx", "small/t.vhdx")
        must("disk", "rebase", "small/t.vhdx", "--parent", "a.vhdx")
        before = md5("small/t.vhdx")
        one_line(isopod("disk", "rebase", "small/t.vhdx", "--onto", "b.vhdx"), 3, "no space", "not enough space")
        equal(md5("small/t.vhdx"), before, "no space: nothing was changed")
    finally:
        run("umount", "small")


def replay(log, path):
    """What the recorded writes, holes and lengths of a file make (cli_faults.c)."""
    raw, at, data, kinds = open(log, "rb").read(), 0, bytearray(), {}

    def line():
        nonlocal at
        end = raw.index(b"\n", at)
        text, at = raw[at:end].decode(), end + 1
        return text
    while at < len(raw):
        kind, name = line().split(" ", 1)
        args = list(map(int, line().split())) if kind in "WZT" else []
        piece = raw[at:at + args[1]] if kind == "W" else b""
        at += len(piece)
        if not name.startswith(path):
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind == "T":
            data = data[:args[0]] + bytes(max(0, args[0] - len(data)))
        elif kind == "Z":
            n = max(0, min(args[1], len(data) - args[0]))
            data[args[0]:args[0] + n] = bytes(n)
        elif kind == "W":
            data += bytes(max(0, args[0] - len(data)))
            data[args[0]:args[0] + len(piece)] = piece
    return data, kinds


def all_ways_of_writing():
    """Threads, writes past the page cache and holes go through the device that the fault tests put in: its record makes the very
    file, and a command cut at any of them leaves what it promises."""
    faults = os.path.join(cli_common.B, "interop/isopod-faults")
    pattern("p.raw", 24 * MIB, 8)
    for dst in ("out.vhdx", "out.raw"):
        r = isopod("disk", "convert", "p.raw", dst, program=faults, env={"ISOPOD_TEST_STORE": os.path.abspath("log")})
        equal((r.rc, r.err), (0, ""), "recorded")
        data, kinds = replay("log", "./" + dst + ".isopod-")
        with open(dst, "rb") as f:
            check(f.read() == data and kinds.get("W", 0) > 2, "the record of %s holds every write: %r" % (dst, kinds))
        os.unlink("log")
    # blocks of zeros in the child, each a part of a block below: holes
    must("disk", "convert", "p.raw", "b.vhdx", "--block-size", "8M")
    must("disk", "create", "c.vhdx", "--parent", "b.vhdx", "--block-size", "1M")
    s = Server("c.vhdx", "--write")
    s.io("write -P 7 1M 5M", "discard 9M 4M", "write -P 9 20001k 300k", "flush")
    equal(s.stop(), 0, "serve ends")
    must("disk", "convert", "c.vhdx", "want.raw")
    total = cuts = 0
    for cut in range(1000):
        run("cp", "b.vhdx", "pb.vhdx")
        run("cp", "c.vhdx", "pc.vhdx")
        must("disk", "rebase", "pc.vhdx", "--parent", "pb.vhdx")
        env = {"ISOPOD_TEST_CUT": str(cut)} if cut else {"ISOPOD_TEST_STORE": os.path.abspath("log")}
        r = isopod("disk", "merge", "--keep", "pc.vhdx", program=faults, env=env)
        if not cut:
            equal(r.rc, 0, "merge: " + r.err)
            kinds = replay("log", os.path.realpath("pb.vhdx"))[1]
            total = sum(v for k, v in kinds.items() if k in "WZ")
            check(kinds.get("Z", 0) and kinds["W"] > 5, "holes and writes are among what is cut: %r" % kinds)
            continue
        if r.rc == 0:
            break
        cuts += 1
        equal(r.rc, -signal.SIGKILL, "cut at %d" % cut)
        must("disk", "convert", "pc.vhdx", "got.raw", "--replace")
        if not check(sha256("got.raw") == sha256("want.raw"), "cut at %d: the child reads as before" % cut):
            break
        must("disk", "merge", "pc.vhdx")
        must("disk", "convert", "pb.vhdx", "got.raw", "--replace")
        check(sha256("got.raw") == sha256("want.raw"), "cut at %d: merged again" % cut)
    check(cuts >= total > 10, "every write and hole was cut: %d, %d" % (cuts, total))


def power():
    """The server is killed: QEMU replays what its log holds, and so do we."""
    for seed in range(4):
        pattern("p.raw", 24 * MIB, 5)
        must("disk", "convert", "p.raw", "d.vhdx", "--block-size", "1M", "--replace")
        s = Server("d.vhdx", "--write")
        w = ["write -P %d %dk 8k" % (k + 1, (seed * 7 + k * 1100) % 24000) for k in range(12)] + ["discard 2M 3M"]
        s.io(*w, "flush")
        s.stop(signal.SIGKILL)
        run("qemu-io", "-f", "raw", *[x for c in w[:-1] + ["write -z 2M 3M"] for x in ("-c", c)], "p.raw", check=True)
        equal(info("d.vhdx")["chain"][0]["log_dirty"], True, "killed: the log is not empty")
        must("disk", "convert", "d.vhdx", "out.raw", "--replace")
        check(sha256("out.raw") == sha256("p.raw"), "killed: what was flushed is there")
        run("cp", "d.vhdx", "e.vhdx")
        # Pages that the log repeats are lost in place: only a replay brings them back.
        bat = 3 * MIB
        with open("d.vhdx", "r+b") as f:
            f.seek(bat)
            f.write(bytes(4096))
        must("disk", "convert", "d.vhdx", "out.raw", "--replace")
        check(sha256("out.raw") == sha256("p.raw"), "a torn table, replayed in memory")
        run("cp", "d.vhdx", "q.vhdx")
        run("qemu-img", "check", "-r", "all", "-f", "vhdx", "q.vhdx")
        qemu_same("q.vhdx", "vhdx", "p.raw", "raw", "our log replayed by QEMU")
        must("disk", "check", "d.vhdx", "--repair")
        qemu_same("d.vhdx", "vhdx", "p.raw", "raw", "our log replayed by us")
        qemu_check("d.vhdx", "replayed")


def usage():
    must("disk", "create", "a.vhdx", "--size", "1T")
    i = info("a.vhdx")
    check(i["size"] == 1 << 40 and i["chain"][0]["allocated"] < 2 * MIB, "a large empty disk takes no space: %r" % i)
    must("disk", "create", "c.vhdx", "--parent", "a.vhdx")
    check(info("c.vhdx")["chain"][0]["allocated"] < 2 * MIB, "nor does a child")
    one_line(isopod("disk", "create", "a.vhdx", "--size", "1G"), 3, "exists", "exists already")
    one_line(isopod("disk", "create", "x.vhd", "--size", "3T"), 3, "too large for VHD", "2040 GiB")
    check(not os.path.exists("x.vhd"), "nothing is left of it")
    one_line(isopod("disk", "grow", "a.vhdx", "--size", "1G"), 3, "smaller", "smaller")
    one_line(isopod("disk", "create"), 2, "no size", "--size")
    one_line(isopod("disk"), 2, "no verb", "info")
    one_line(isopod("disk", "frob", "x"), 2, "no such verb", "frob")
    one_line(isopod("disk", "info", "missing"), 3, "no file", "missing")
    one_line(isopod("disk", "merge", "a.vhdx"), 3, "no parent", "no parent")
    open("empty", "w").close()
    one_line(isopod("disk", "info", "empty"), 3, "an empty file", "empty")
    with open("a.vhdx", "r+b") as f:
        f.seek(65536)
        f.write(b"x" * 4096)
    r = isopod("disk", "check", "a.vhdx")
    check(r.rc == 1 and "header" in r.out, "a damaged header is found: %r" % r.out)
    r = isopod("disk", "check", "a.vhdx", "--json")
    check(r.rc == 1 and json.loads(r.out)["errors"] == 1, "in JSON: " + r.out)
    must("disk", "check", "a.vhdx", "--repair")
    must("disk", "check", "a.vhdx")
    qemu_check("a.vhdx", "repaired")
    with open("c.vhdx", "r+b") as f:  # both headers
        f.seek(65536)
        f.write(bytes(131072))
    one_line(isopod("disk", "info", "c.vhdx"), 3, "no header left", "header")


def cut_short():
    """A conversion that cannot be finished: the source ends, the user has enough, the disk is full."""
    pattern("p.raw", 40 * MIB, 5, holes=False)
    must("disk", "convert", "p.raw", "a.vhdx")
    os.truncate("a.vhdx", 20 * MIB)
    one_line(isopod("disk", "convert", "a.vhdx", "out.raw"), 3, "a source that ends in the middle", "damaged")
    os.truncate("p.raw", 3000 * MIB)
    with open("p.raw", "r+b") as f:
        for at in range(0, 700 * MIB, 4096):  # quick to make, slow to copy: no piece is all zeros
            f.seek(at)
            f.write(b"x")
    p = subprocess.Popen([ISOPOD, "disk", "convert", "p.raw", "out.vhdx"], stderr=subprocess.PIPE, encoding="utf-8",
                         env=dict(os.environ, LC_ALL="C.UTF-8"))
    part = []
    while p.poll() is None and not (part and os.path.getsize(part[0]) > 8 * MIB):
        part = [n for n in os.listdir(".") if n.startswith("out.vhdx.isopod-")]
        time.sleep(0.001)
    check(part, "it is written under a name of its own")
    p.send_signal(signal.SIGINT)
    equal(p.wait(), 3, "interrupted")
    check("interrupted" in p.stderr.read(), "it says so")
    os.mkdir("small")
    r = subprocess.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=16m tmpfs small && \"$0\" disk convert p.raw small/out.vhdx; "
                        "echo $?; ls -A small", ISOPOD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                       env=dict(os.environ, LC_ALL="C.UTF-8"))
    equal(r.stdout, "3\n", "a full disk: status, and nothing left there")
    check("no space" in r.stderr and r.stderr.count("\n") == 1, "it says so: %r" % r.stderr)
    equal(sorted(os.listdir(".")), ["a.vhdx", "p.raw", "small"], "nothing is left")


for part in (samples, read_foreign, write_ours, cut_short, chains, rebase, interrupted_rebase, all_ways_of_writing, power, usage):
    with workdir():
        part()
finish()

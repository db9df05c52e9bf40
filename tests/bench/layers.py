#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench-layers: virtual disks and layer stores against qemu-img, in one run: minima and medians of times from the start of a
process to its end (the library calls excepted), each side in turn. BENCH_SCALE=0.1 makes all sizes a tenth; BENCH_DIR says where."""
import os, random, shutil, socket, struct, subprocess, sys, tempfile, time

B = os.path.abspath(os.environ.get("B", "build"))
ISOPOD, CALL, READS = os.path.join(B, "isopod"), os.path.join(B, "bench/layer_call"), os.path.join(B, "bench/nbd_reads")
SCALE = float(os.environ.get("BENCH_SCALE", "1"))
ONLY = sys.argv[1:]
MIB, GIB = 1 << 20, 1 << 30
rows = []


def sh(*args, **kw):
    kw = dict(dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL), **kw)
    p = subprocess.run([str(a) for a in args], encoding="utf-8", errors="replace", **kw)
    if p.returncode:
        sys.exit("%r: status %d: %s" % (args, p.returncode, p.stdout))
    return p.stdout


def timed(*args):
    t = time.monotonic()
    sh(*args)
    return time.monotonic() - t


def median(v):
    v = sorted(v)
    return (v[len(v) // 2] + v[(len(v) - 1) // 2]) / 2


def row(what, ours, peer, goal, unit="ms", better="less"):
    """Times in seconds, or rates."""
    k = 1000 if unit == "ms" else 1

    def show(v):
        return ("%.2f / %.2f" if unit == "s" else "%.1f / %.1f") % (min(v) * k, median(v) * k) if v else "-"
    if not peer:
        value, limit = median(ours) * k, goal
        ratio = ("%.2f %s" if unit == "s" else "%.1f %s") % (value, unit)
    else:
        value = median(ours) / median(peer)
        limit, ratio = goal, "%.2f x" % value
    ok = value <= limit if better == "less" else value >= limit
    rows.append((what, show(ours), show(peer), unit, ratio, ("<= " if better == "less" else ">= ") + str(goal), "yes" if ok else "NO"))
    print("| %s | %s | %s | %s | %s | %s | %s |" % rows[-1], flush=True)


def want(name):
    return not ONLY or name in ONLY


def current(store):
    return sh(ISOPOD, "layer", "path", store).strip()


class Serve:
    def __init__(self, path, write=False):
        self.sock = os.path.abspath("sock%d" % random.randrange(1 << 30))
        self.p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", self.sock] + (["--write"] if write else []), stdout=subprocess.PIPE)
        self.p.stdout.readline()
        self.uri = "nbd+unix:///disk?socket=" + self.sock

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.terminate()
        self.p.wait()


def fill(uri, off, length, piece=16 * MIB):
    """Not zeros, not compressible by pattern: by qemu-io in large pieces."""
    args, at = [], off
    while at < off + length:
        n = min(piece, off + length - at)
        args += ["-c", "write -q -P %d %d %d" % (1 + at // piece % 250, at, n)]
        at += n
    for i in range(0, len(args), 400):
        sh("qemu-io", "-f", "raw", *args[i:i + 400], uri)


def snapshots():
    for size in ("64G", "1T"):
        written = int(128 * SCALE) * 64 * MIB
        sh(ISOPOD, "layer", "create", "snap", "--size", size)
        with Serve(current("snap"), True) as s:
            fill(s.uri, 0, written)
        sh("qemu-img", "create", "-q", "-f", "qcow2", "snap.qcow2", size)
        sh("qemu-io", "-f", "qcow2", *[x for at in range(0, written, 64 * MIB) for x in ("-c", "write -q -P 7 %d 64M" % at)], "snap.qcow2")
        sh("sync")
        ours_s, ours_r, peer_s, peer_r = [], [], [], []
        for i in range(15):
            ours_s.append(timed(ISOPOD, "layer", "snapshot", "snap"))
            peer_s.append(timed("qemu-img", "snapshot", "-c", "s%d" % i, "snap.qcow2"))
            ours_r.append(timed(ISOPOD, "layer", "rollback", "snap"))
            peer_r.append(timed("qemu-img", "snapshot", "-a", "s%d" % i, "snap.qcow2"))
        row("snapshot, %s, %d MiB written" % (size, written // MIB), ours_s, peer_s, 0.25)
        row("rollback, the same", ours_r, peer_r, 0.3)
        calls = [tuple(map(float, l.split())) for l in sh(CALL, "snap", 15).split("\n") if l]
        row("snapshot, library call", [a / 1e6 for a, _ in calls], None, 2)
        row("rollback, library call", [b / 1e6 for _, b in calls], None, 2)
        shutil.rmtree("snap")
        os.unlink("snap.qcow2")


def chain(n):
    """Our chain of n layers and a qcow2 one, over the same content: a piece in each layer."""
    d = "chain%d" % n
    os.mkdir(d)
    size, piece = int(256 * MIB), 8 * MIB
    for i in range(n):
        parent = [] if not i else ["--parent", "%s/%d.vhdx" % (d, i - 1)]
        sh(ISOPOD, "disk", "create", "%s/%d.vhdx" % (d, i), *(parent or ["--size", size]))
        with Serve("%s/%d.vhdx" % (d, i), True) as s:
            fill(s.uri, 0 if not i else i * piece % size, size if not i else piece)
        back = [] if not i else ["-b", "%d.qcow2" % (i - 1), "-F", "qcow2"]
        sh("qemu-img", "create", "-q", "-f", "qcow2", *back, "%s/%d.qcow2" % (d, i), *([] if i else [size]))
        sh("qemu-io", "-f", "qcow2", "-c", "write -q -P 5 %d %d" % (0 if not i else i * piece % size, size if not i else piece), "%s/%d.qcow2" % (d, i))
    return "%s/%d" % (d, n - 1)


def opening():
    for n, goal in ((1, 0.3), (16, 0.2), (64, 0.1)):
        top = chain(n)
        ours, peer = [], []
        for _ in range(11):
            ours.append(timed(ISOPOD, "disk", "info", top + ".vhdx"))
            peer.append(timed("qemu-img", "info", "--backing-chain", top + ".qcow2"))
        row("open a chain of %d" % n, ours, peer, goal)
        shutil.rmtree("chain%d" % n)


class Client:
    """As little of an NBD client as reading needs."""

    def __init__(self, sock):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(sock)
        self.take(18)
        self.s.sendall(struct.pack(">I", 3))
        self.s.sendall(b"IHAVEOPT" + struct.pack(">II", 1, 4) + b"disk")
        self.size = struct.unpack(">QH", self.take(10))[0]
        self.buf = bytearray(1 << 20)

    def take(self, n):
        out = b""
        while len(out) < n:
            piece = self.s.recv(n - len(out))
            if not piece:
                raise SystemExit("the server left")
            out += piece
        return out

    def read(self, off, n):
        self.s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, 1, off, n))
        view, got = memoryview(self.buf), 0
        while got < n + 16:
            k = self.s.recv_into(view[got:n + 16])
            if not k:
                raise SystemExit("the server left")
            got += k


def read_rate(path, sequential, seconds=3.0):
    with Serve(path) as s:
        c = Client(s.sock)
        r, n, t = random.Random(1), 0, time.monotonic()
        while time.monotonic() - t < seconds * min(1, SCALE * 2):
            for _ in range(500):
                off = (n * 4096) % (c.size - 4096) if sequential else r.randrange(c.size // 4096) * 4096
                c.read(off & ~4095, 4096)
                n += 1
        return n / (time.monotonic() - t)


def reading():
    for n, goal in ((1, 0.95), (16, 0.9)):
        top = chain(n)
        sh(ISOPOD, "disk", "convert", top + ".vhdx", "raw.img", "--format", "raw", "--replace")
        for sequential in (True, False):
            ours, raw = [], []
            for _ in range(5):
                raw.append(read_rate("raw.img", sequential))
                ours.append(read_rate(top + ".vhdx", sequential))
            row("4 KiB %s reads, chain of %d, against raw" % ("sequential" if sequential else "random", n), ours, raw, goal, "1/s", "more")
        shutil.rmtree("chain%d" % n)


def serving():
    """What a chain of 16 costs a client, against qemu-nbd and a raw file with the same content, each side in turn."""
    top = chain(16)
    sh(ISOPOD, "disk", "convert", top + ".vhdx", "raw.img", "--format", "raw", "--replace")
    with Serve(top + ".vhdx") as s:
        sock = os.path.abspath("q.sock")
        q = subprocess.Popen(["qemu-nbd", "-t", "-r", "-e", "16", "-f", "raw", "-k", sock, "raw.img"], stderr=subprocess.DEVNULL)
        while not os.path.exists(sock):
            time.sleep(0.01)
        for what, goal, args in (("sequential reads, 256 KiB, 16 at a time", 0.95, ("seq", 256 << 10, 16)), ("random reads, 4 KiB, 16 at a time", 1.3, ("random", 4096, 16))):
            ours, peer = [], []
            for _ in range(7):
                ours.append(float(sh(READS, s.sock, *args, 1)))
                peer.append(float(sh(READS, sock, *args, 1)))
            row("%s, chain of 16, against qemu-nbd on raw" % what, ours, peer, goal, "MiB/s", "more")
        ours, peer = [], []
        for _ in range(7):
            ours.append(256 / timed("nbdcopy", s.uri, "null:"))
            peer.append(256 / timed("nbdcopy", "nbd+unix:///?socket=" + sock, "null:"))
        row("nbdcopy, the same", ours, peer, 0.95, "MiB/s", "more")
        q.terminate()
        q.wait()
    shutil.rmtree("chain16")


def committing():
    ours, peer = [], []
    size, delta = int(4096 * SCALE) * MIB, int(1024 * SCALE) // 16 * 16 * MIB
    for _ in range(3):
        sh(ISOPOD, "layer", "create", "commit", "--size", size)
        with Serve(current("commit"), True) as s:
            fill(s.uri, 0, delta)
        sh("qemu-img", "create", "-q", "-f", "raw", "base.raw", size)
        sh("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", "delta.qcow2")
        sh("qemu-io", "-f", "qcow2", *[x for at in range(0, delta, 16 * MIB) for x in ("-c", "write -q -P 9 %d 16M" % at)], "delta.qcow2")
        sh("sync")
        ours.append(timed(ISOPOD, "layer", "commit", "commit"))
        t = time.monotonic()
        sh("qemu-img", "commit", "-q", "delta.qcow2")
        sh("sync", "base.raw", "delta.qcow2")
        peer.append(time.monotonic() - t)
        shutil.rmtree("commit")
        os.unlink("base.raw")
        os.unlink("delta.qcow2")
    row("commit of a delta of %d MiB" % (delta // MIB), ours, peer, 1.0, "s")


def converting():
    size = int(2048 * SCALE) * MIB
    r = random.Random(3)
    with open("conv.raw", "wb") as f:
        for _ in range(size // MIB):
            f.write(r.randbytes(MIB))
    to, back, peer_to, peer_back = [], [], [], []
    # Both sides read the same file, from the page cache, and write one that is not there yet.
    for _ in range(5):
        for source, ext, ours, peer in (("conv.raw", "vhdx", to, peer_to), ("a.vhdx", "raw", back, peer_back)):
            for f in ("a." + ext, "b." + ext):
                if os.path.exists(f):
                    os.unlink(f)
            sh("sync")
            sh("cat", source, stdout=subprocess.DEVNULL)
            ours.append(timed(ISOPOD, "disk", "convert", source, "a." + ext, "--format", ext))
            sh("cat", source, stdout=subprocess.DEVNULL)
            t = time.monotonic()
            sh("qemu-img", "convert", "-W", "-t", "none", "-f", source.split(".")[1], "-O", ext, source, "b." + ext)
            sh("sync", "b." + ext)
            peer.append(time.monotonic() - t)
    row("raw %d MiB to VHDX" % (size // MIB), to, peer_to, 0.7, "s")
    row("and back", back, peer_back, 0.7, "s")
    for f in ("conv.raw", "a.vhdx", "b.vhdx", "a.raw", "b.raw"):
        os.unlink(f)


def sending():
    """1 GiB of changes in a layer of 64 GiB, of which the hashes of the layer below are kept (the first send of it does that), against reading
    and hashing 1 GiB from a raw file; both from the page cache, each side in turn. Received as well, to be seen."""
    changed = int(1024 * SCALE) // 16 * 16 * MIB
    sh(ISOPOD, "layer", "create", "send", "--size", "64G")
    with Serve(current("send"), True) as s:
        fill(s.uri, 8 * GIB, 256 * MIB)
    sh(ISOPOD, "layer", "snapshot", "send", "one")
    with Serve(current("send"), True) as s:
        fill(s.uri, 8 * GIB + 128 * MIB, changed)
    sh(ISOPOD, "layer", "snapshot", "send", "two")
    with open("base.stream", "wb") as f:
        sh(ISOPOD, "layer", "send", "send", "one", stdout=f, stderr=subprocess.DEVNULL)
    with open("raw", "wb") as f:
        for _ in range(changed // MIB):
            f.write(random.randbytes(MIB))
    ours, peer, pipe = [], [], []
    for _ in range(7):
        hashes = [f for f in os.listdir("send") if f.endswith(".hashes") and two_is(f)]
        for f in hashes:  # of "two": nobody knows them yet
            os.unlink("send/" + f)
        peer.append(timed("openssl", "dgst", "-sha256", "raw"))
        t = time.monotonic()
        with open("/dev/null", "wb") as f:
            sh(ISOPOD, "layer", "send", "send", "one..two", stdout=f, stderr=subprocess.DEVNULL)
        ours.append(time.monotonic() - t)
        t = time.monotonic()
        sh("sh", "-c", "%s layer send send one..two | cat >/dev/null" % ISOPOD)
        pipe.append(time.monotonic() - t)
    row("send of %d MiB of changes in 64 GiB, against reading and hashing as much" % (changed // MIB), ours, peer, 1.1, "s")
    row("the same through a pipe", pipe, peer, 1.1, "s")
    with open("base.stream", "rb") as f:
        sh(ISOPOD, "layer", "receive", "arrived", stdin=f)
    t = time.monotonic()
    sh("sh", "-c", "%s layer send send one..two | %s layer receive arrived" % (ISOPOD, ISOPOD))
    row("send and receive, on the drive", [time.monotonic() - t], peer, 10, "s")
    for d in ("send", "arrived"):
        shutil.rmtree(d)
    for f in ("raw", "base.stream"):
        os.unlink(f)


def two_is(name):
    """Is this the list of hashes of layer "two" of the store "send"?"""
    return any(l.startswith("two.") and l.split(".")[1] == name.split(".")[0] for l in os.listdir("send"))


def differing():
    """An NTFS volume of 20 GiB with many files; then 1 GiB of new and changed ones."""
    size, changed = int(20480 * SCALE) * MIB, int(1024 * SCALE) * MIB
    sh("truncate", "-s", size, "ntfs.raw")
    sh("mkntfs", "-F", "-f", "-q", "ntfs.raw")
    r = random.Random(4)
    for i in range(60):
        open("src", "wb").write(r.randbytes(r.randrange(1000, 3 * MIB)))
        sh("ntfscp", "-f", "-q", "ntfs.raw", "src", "file%d.bin" % i)
    sh(ISOPOD, "layer", "create", "diff", "--from", "ntfs.raw")
    sh("cp", "--sparse=always", "ntfs.raw", "before.raw")
    n = 24
    for i in range(n):
        open("src", "wb").write(r.randbytes(changed // n))
        sh("ntfscp", "-f", "-q", "ntfs.raw", "src", "big%d.bin" % i if i % 3 else "file%d.bin" % i)
    with Serve(current("diff"), True) as s:
        a, b = open("before.raw", "rb"), open("ntfs.raw", "rb")
        args, k, at = [], 0, 0
        while at < size:
            try:
                at = os.lseek(b.fileno(), at, os.SEEK_DATA) // MIB * MIB
            except OSError:
                break
            a.seek(at)
            b.seek(at)
            x, y = a.read(MIB), b.read(MIB)
            if x != y:
                open("piece", "wb").write(y)
                sh("qemu-io", "-f", "raw", "-c", "write -q -s piece %d %d" % (at, len(y)), s.uri)
                k += len(y)
            at += MIB
    took = [timed(ISOPOD, "layer", "diff", "diff", "base", "--json") for _ in range(5)]
    row("diff, %d MiB changed in NTFS of %d MiB" % (k // MIB, size // MIB), took, None, 3, "s")
    shutil.rmtree("diff")
    for f in ("ntfs.raw", "before.raw", "src", "piece"):
        os.unlink(f)


def main():
    os.environ["LC_ALL"] = "C.UTF-8"
    d = tempfile.mkdtemp(prefix="isopod-bench.", dir=os.environ.get("BENCH_DIR"))
    os.chdir(d)
    try:
        print("load %s; scale %s; minimum / median" % (os.getloadavg()[0], SCALE))
        print("| what | ours | peer | unit | ratio of medians | to reach | reached |\n|---|---|---|---|---|---|---|")
        for name, f in (("snapshot", snapshots), ("open", opening), ("read", reading), ("nbd", serving), ("commit", committing), ("convert", converting),
                        ("diff", differing), ("send", sending)):
            if want(name):
                f()
        print("load %s" % os.getloadavg()[0])
    finally:
        os.chdir("/")
        shutil.rmtree(d, ignore_errors=True)


main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod layer serve`: a store under one name, snapshots while clients write, by libnbd, qemu-io and QEMU; servers that are killed,
also at each of their writes; who may ask the server."""
import nbd, signal, socket, struct, threading

from cli_common import *

BLOCK, KIB = 4096, 1 << 10


class Server:
    def __init__(self, store, *more, program=ISOPOD, env=None, ready=True):
        self.sock = os.path.abspath("n.sock")
        self.p = subprocess.Popen([program, "layer", "serve", store, "--nbd", self.sock, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  encoding="utf-8", env=dict(os.environ, LC_ALL="C.UTF-8", ISOPOD_DATA=os.path.abspath("data"), **(env or {})))
        line = self.p.stdout.readline()
        check(not ready or line.startswith("Serving %s (" % store), "layer serve: " + line)

    def uri(self, name=""):
        return "nbd+unix:///%s?socket=%s" % (name, self.sock)

    def client(self, name="", *contexts):
        h = nbd.NBD()
        for c in contexts:
            h.add_meta_context(c)
        h.connect_uri(self.uri(name))
        return h

    def stop(self, sig=signal.SIGTERM, status=0):
        self.p.send_signal(sig)
        err = self.p.communicate(timeout=60)[1]
        equal(self.p.returncode, status, "status of the server: " + err)
        return err

    def __enter__(self):
        return self

    def __exit__(self, kind, *exc):
        if self.p.returncode is None:
            self.stop()


def exports(s):
    return sorted(e["export-name"] for e in json.loads(run("nbdinfo", "--json", "--list", "--no-content", s.uri()).stdout)["exports"])


def block(n):
    return struct.pack("<Q", n + 1) * (BLOCK // 8)


class Writer(threading.Thread):
    """Writes block after block, each when the one before is confirmed."""

    def __init__(self, h, first=0, limit=1 << 30, pause=0):
        super().__init__()
        self.h, self.sent, self.confirmed, self.end, self.limit, self.pause, self.error = h, first, first, False, limit, pause, None

    def run(self):
        try:
            while not self.end and self.sent < self.limit:
                self.sent += 1
                self.h.pwrite(block(self.sent - 1), (self.sent - 1) * BLOCK, nbd.CMD_FLAG_FUA if self.sent % 16 == 0 else 0)
                self.confirmed = self.sent
                time.sleep(self.pause)
        except nbd.Error as e:
            self.error = e

    def stop(self):
        self.end = True
        self.join()


def prefix(h, limit):
    """How many blocks of the sequence are there; behind them there is nothing."""
    data = bytes(h.pread(limit * BLOCK, 0))
    n = 0
    while n < limit and data.startswith(block(n), n * BLOCK):
        n += 1
    return n if data.count(0, n * BLOCK) == (limit - n) * BLOCK else -1


def under_way():
    """50 snapshots while one client writes in order and another writes 16 at a time elsewhere."""
    must("layer", "create", "live", "--size", "256M")
    with Server("live", "--write") as s:
        w, other = Writer(s.client(), limit=1024, pause=0.001), s.client()
        marks, at = [], 128 * MIB
        w.start()
        for i in range(50):
            cookies = []
            for k in range(16):
                cookies.append(other.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(struct.pack("<I", i + 1) * 256)), at + k * MIB))
            before = w.confirmed
            must("layer", "snapshot", "live", "s%d" % i)
            marks.append((before, w.sent))
            while other.aio_in_flight():
                other.poll(-1)
            check(all([other.aio_command_completed(c) for c in cookies]), "writes 16 at a time")
        w.stop()
        check(w.error is None, "the writer: %s" % w.error)
        check(w.confirmed > 50, "it had something to do: %d" % w.confirmed)
        last = 0
        for i, (low, high) in enumerate(marks):
            h = s.client("s%d" % i)
            check(h.is_read_only(), "a layer is read-only")
            n = prefix(h, 1024)
            check(max(low, last) <= n <= high, "snapshot %d: %d blocks, of %d to %d" % (i, n, max(low, last), high))
            for k in range(16):
                got = struct.unpack("<I", h.pread(4, at + k * MIB))[0]
                check(got in (i, i + 1), "snapshot %d: what was under way is there or not: %d" % (i, got))
            last = n
            h.shutdown()
        equal(prefix(s.client(), 1024), w.confirmed, "and the current layer has it all")
        equal(exports(s), sorted(["live", "base"] + ["s%d" % i for i in range(50)]), "exports")
        got = []
        h = s.client("live", "base:allocation", "qemu:dirty-bitmap:s49")
        h.block_status(256 * MIB, 0, lambda name, off, e, err: got.append((name, sum(n for n, f in zip(e[::2], e[1::2]) if f & 1))))
        since = dict(got)["qemu:dirty-bitmap:s49"]
        check(since <= (w.confirmed - last) * BLOCK + 16 * KIB, "what changed since the last snapshot: %d" % since)
    equal(must("layer", "check", "live").out.strip().split(": ")[1], "0 faults, 0 repaired, 0 warnings", "layer check")


def contexts_stay():
    """A context means the same layer before and after a snapshot; a layer that is being read cannot go."""
    must("layer", "create", "c", "--size", "64M")
    with Server("c", "--write") as s:
        h, got = s.client("c", "qemu:dirty-bitmap:base"), []

        def dirty():
            got.clear()
            h.block_status(64 * MIB, 0, lambda name, off, e, err: got.extend(zip(e[::2], e[1::2])))
            return sum(n for n, f in got if f)

        h.pwrite(b"x" * BLOCK, 0)
        equal(dirty(), BLOCK, "since base")
        must("layer", "snapshot", "c", "one")
        equal(dirty(), BLOCK, "since base, after a snapshot")
        h.pwrite(b"x" * BLOCK, MIB)
        equal(dirty(), 2 * BLOCK, "and after a write")
        for name in ("layer-2", "nothing"):
            try:
                s.client(name)
                check(False, "there is no export %s" % name)
            except nbd.Error as e:
                equal(e.errno, "ENOENT", "export " + name)
        for args in (["rollback", "c"], ["commit", "c"], ["rename", "c", "layer-2", "x"], ["lock", "c"]):
            one_line(isopod("layer", *args), 3, "layer " + " ".join(args), "in use")
        one_line(isopod("layer", "serve", "c", "--write", "--nbd", os.path.abspath("m.sock")), 3, "a second server", "in use")
        one_line(isopod("layer", "snapshot", "c", "one"), 3, "a name that is taken", "already a layer")
        h.pwrite(b"y" * BLOCK, 2 * MIB)
        equal(h.pread(1, 2 * MIB), b"y", "after a snapshot that failed, clients go on")
        # they wait for each other
        some = [subprocess.Popen([ISOPOD, "layer", "snapshot", "c"], stderr=subprocess.PIPE) for _ in range(8)]
        check(all(p.wait(timeout=60) == 0 for p in some), "eight at a time")
        equal(len(exports(s)), 2 + 1 + 8, "and all were made")
    with Server("c") as s:
        check("c" in exports(s) and s.client().is_read_only(), "read-only")
        check(not os.path.exists("c/isopod-layers.sock"), "who only reads makes no snapshots")
        one_line(isopod("layer", "snapshot", "c"), 3, "a snapshot of what is being read", "in use")


def qemu():
    """QEMU between the guest and us: its block layer writes before and after, and sees no difference."""
    must("layer", "create", "q", "--size", "64M")
    with Server("q", "--write") as s:
        p = subprocess.Popen(["qemu-system-x86_64", "-M", "none", "-nodefaults", "-display", "none", "-qmp", "stdio", "-blockdev",
                              "driver=nbd,node-name=d,export=q,server.type=unix,server.path=" + s.sock],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

        lines = []

        def qmp(command, **args):
            p.stdin.write(json.dumps({"execute": command, "arguments": args}) + "\n")
            p.stdin.flush()
            for line in p.stdout:
                if not line.startswith("{"):
                    lines.append(line)  # qemu-io's
                elif "event" not in (r := json.loads(line)):
                    return check("return" in r, "QEMU: %r" % r)

        p.stdout.readline()
        qmp("qmp_capabilities")
        for i in range(1, 4):
            qmp("human-monitor-command", **{"command-line": 'qemu-io d "write -P %d 0 1M"' % i})
            must("layer", "snapshot", "q", "s%d" % i)
        qmp("human-monitor-command", **{"command-line": 'qemu-io d "read -P 3 0 1M"'})
        qmp("quit")
        said = "".join(lines) + p.communicate(timeout=60)[0]
        check(said.count("wrote 1048576/1048576") == 3 and said.count("read 1048576/1048576") == 1 and "failed" not in said, "QEMU: " + said)
        for i in range(1, 4):
            r = run("qemu-io", "-r", "-f", "raw", "-c", "read -P %d 0 1M" % i, s.uri("s%d" % i))
            check(r.returncode == 0 and "failed" not in r.stdout, "snapshot %d: %s" % (i, r.stdout))


def killed():
    """At any moment while snapshots are made: what was flushed is there, the store is sound, and another server goes on."""
    r, done = random.Random(5), 0
    must("layer", "create", "k", "--size", "256M")  # more than any machine writes in that time
    for _ in range(8):
        with Server("k", "--write") as s:
            w = Writer(s.client(), done)
            w.start()
            snaps = subprocess.Popen(["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do %s layer snapshot k; done" % ISOPOD], stderr=subprocess.DEVNULL)
            time.sleep(r.uniform(0.02, 0.12))
            s.stop(signal.SIGKILL, -9)
            w.join()
            snaps.wait(timeout=60)
        durable = w.confirmed // 16 * 16
        must("layer", "snapshot", "k")  # the socket that is left behind is nobody's
        must("layer", "check", "k")
        with Server("k") as s:
            n = prefix(s.client(), (w.sent // 256 + 1) * 256)
            check(durable <= n <= w.sent, "after a kill: %d blocks, %d were flushed, %d sent" % (n, durable, w.sent))
            done = n


def each_write():
    """Killed before its Nth write to any file, for every third N that three writes and two snapshots between them take."""
    for n in range(1, 200, 3):
        shutil.rmtree("w", ignore_errors=True)
        must("layer", "create", "w", "--size", "64M")
        flushed, ended = 0, False
        s = Server("w", "--write", program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)}, ready=False)
        try:
            h = s.client()
            for i in range(3):
                h.pwrite(block(i), i * BLOCK)
                h.flush()
                flushed = i + 1
                if i < 2:
                    isopod("layer", "snapshot", "w", "s%d" % i)
            h.shutdown()
            s.p.terminate()
        except nbd.Error:
            pass
        s.p.communicate(timeout=60)
        ended = s.p.returncode == 0
        must("layer", "check", "w")
        with Server("w") as after:
            got = prefix(after.client(), 4)
            check(flushed <= got <= flushed + 1, "killed before write %d: %d blocks, %d were flushed" % (n, got, flushed))
        if ended:
            return check(n > 10, "a dozen writes at least: %d" % n)
    check(False, "it never ends")


def errors():
    """Writes that fail: clients and the one who asked for a snapshot are told, and the server does not end as if all were well."""
    must("layer", "create", "e", "--size", "64M")
    s = Server("e", "--write", program=FAULTS, env={"ISOPOD_TEST_FAIL": "12"})
    h, wrong = s.client(), 0
    for i in range(12):
        try:
            h.pwrite(block(i), i * BLOCK)
            h.flush()
            isopod("layer", "snapshot", "e")
        except nbd.Error:
            wrong += 1
    check(wrong > 0, "clients are told")
    s.p.terminate()
    err = s.p.communicate(timeout=60)[1]
    check(s.p.returncode == 3 and err.startswith("isopod: "), "status %d: %s" % (s.p.returncode, err))
    must("layer", "list", "e")


def who_may_ask():
    """Only the owner and root; and what they say is looked at."""
    must("layer", "create", "a", "--size", "64M")
    os.chmod(".", 0o755)
    os.chmod("a", 0o777)
    with Server("a", "--write") as s:
        path = "a/isopod-layers.sock"
        equal(os.stat(path).st_mode & 0o777, 0o700, "mode of the socket")
        if os.geteuid() == 0:
            r = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ISOPOD, "layer", "snapshot", os.path.abspath("a"))
            check(r.returncode != 0, "another user: " + r.stdout)
            # with the socket opened for all, the other side's user decides
            os.chmod(path, 0o777)
            ask = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('%s'); s.sendall(b'snapshot\\n'); print(s.recv(100))" % os.path.abspath(path)
            r = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", ask)
            check("done" not in r.stdout, "another user, past the mode: " + r.stdout)
        else:
            skip("another user", "only root can be one")
        for request in (b"", b"\n", b"snap\n", b"snapshotx\n", b"snapshot \n", b"snapshot", b"x" * 5000, b"snapshot a\nsnapshot b\n", b"snapshot " + b"y" * 200 + b"\n"):
            c = socket.socket(socket.AF_UNIX)
            c.settimeout(20)
            c.connect(path)
            try:
                c.sendall(request)
                c.shutdown(socket.SHUT_WR)
                answer = c.recv(1000)
            except ConnectionError:
                answer = b""
            check(not answer.startswith(b"done"), "%r: %r" % (request[:20], answer))
            c.close()
        one_line(isopod("layer", "snapshot", "a", "a/b"), 3, "not a name", "not a name for a layer")
        one_line(isopod("layer", "snapshot", "a", "y" * 300), 3, "too long", "not a name for a layer")
        one_line(isopod("layer", "snapshot", "a", "a\nb"), 3, "two lines", "not a name for a layer")
        equal(exports(s), ["a", "base"], "none of them made a snapshot")
    check(not os.path.exists("a/isopod-layers.sock"), "the socket is gone")


def deaf():
    """A client that asks for lists and takes no answer keeps nobody else waiting."""
    must("layer", "create", "d", "--size", "64M")
    with Server("d", "--write") as s:
        c = socket.socket(socket.AF_UNIX)
        c.connect(s.sock)
        c.sendall(struct.pack(">I", 3))
        c.settimeout(1)
        try:
            c.sendall((b"IHAVEOPT" + struct.pack(">II", 3, 0)) * 16000)
        except TimeoutError:
            pass
        try:
            equal(isopod("layer", "snapshot", "d", timeout=20).rc, 0, "a snapshot beside it")
            equal(exports(s), ["base", "d", "layer-1"], "and another client")
        except subprocess.TimeoutExpired:
            check(False, "a deaf client stops all others")
        c.close()


def on_a_stick():
    """Not mounted: to be read, or by one that writes and has the stick alone."""
    make_data("data", 3)
    run("truncate", "-s", "512M", "stick.img", check=True)
    must("create", "stick.img", "--yes")
    must("layer", "create", "stick.img:/vm", "--size", "64M")
    one_line(isopod("layer", "serve", "stick.img:/vm", "--write"), 3, "no socket in there", "--nbd")
    with Server("stick.img:/vm", "--write") as s:
        h = s.client("vm")
        h.pwrite(b"x" * BLOCK, 0)
        h.flush()
        check(isopod("layer", "snapshot", "stick.img:/vm").rc == 3, "the stick is in use")
    must("layer", "snapshot", "stick.img:/vm", "one")
    with Server("stick.img:/vm") as s:
        equal(exports(s), ["base", "layer-2", "one", "vm"], "exports on a stick")
        equal(s.client("one").pread(BLOCK, 0), b"x" * BLOCK, "a layer on a stick")


def main():
    # Kills and locks are what this is about, not a drive's pace: in memory, where there is some.
    work_in_memory()
    with workdir():
        for part in (under_way, contexts_stay, qemu, killed, each_write, errors, who_may_ask, deaf, on_a_stick):
            part()
    finish()


main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod export`: the virtual disk as nbdinfo, nbdcopy, qemu-img and xorriso see it; many clients; clients that break the rules."""
import os, shutil, signal, socket, struct, subprocess, threading

from cli_common import *
import cli_common

IPXE = "/usr/lib/ipxe/ipxe.iso"
SHIM = (b"\x7fELF this stands for the shim" * 100).ljust(4096, b"\0")  # padded like the real one (POD_SHIM_ALIGN)


class Server:
    def __init__(self, arg, *more, program=ISOPOD):
        env = dict(os.environ, ISOPOD_DATA=os.path.abspath("data"), LC_ALL="C.UTF-8")
        self.sock = os.path.abspath("n.sock")
        self.p = subprocess.Popen([program, "export", arg, "--nbd", self.sock, *more], env=env, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, encoding="utf-8")
        # said once the socket is there
        check(self.p.stdout.readline().startswith("Serving "), "export %s serves" % arg)
        self.uri = "nbd+unix:///?socket=" + self.sock

    def stop(self, sig=signal.SIGTERM):
        if sig:
            self.p.send_signal(sig)
        out, err = self.p.communicate(timeout=30)
        check("Sanitizer" not in err, "server: " + err[:500])
        check(not os.path.exists(self.sock), "the socket is gone")
        return self.p.returncode

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.sock)
        s.settimeout(20)
        return s



def shape(plan):
    """The map's segments. A stick's shim is shown from the stick's ESP, a host file's from memory: both are what is added."""
    out = []
    for x in plan["map"]["segments"]:
        kind = "added" if x["kind"] in ("memory", "stick") else x["kind"]
        if out and out[-1][2] == kind == "added":
            out[-1] = (out[-1][0], out[-1][1] + x["length"], kind)
        else:
            out.append((x["start"], x["length"], kind))
    return out


def get(s, n):
    b = b""
    while len(b) < n:
        piece = s.recv(n - len(b))
        if not piece:
            raise EOFError
        b += piece
    return b


def handshake(s, option=None, data=b"", flags=3):
    equal(get(s, 16), b"NBDMAGICIHAVEOPT", "greeting")
    get(s, 2)
    s.sendall(struct.pack(">I", flags))
    if option is not None:
        s.sendall(b"IHAVEOPT" + struct.pack(">II", option, len(data)) + data)


def into_transmission(s):
    handshake(s, 1, b"")
    return struct.unpack(">QH", get(s, 10))


def request(s, type_, off, n, data=b"", cookie=7):
    s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, type_, cookie, off, n) + data)
    magic, error, c = struct.unpack(">IIQ", get(s, 16))
    equal((magic, c), (0x67446698, cookie), "reply header")
    return error, (get(s, n) if type_ == 0 and error == 0 else b"")


def plain(arg):
    """An image without overlays: the file itself, byte for byte."""
    s = Server(arg)
    r = run("nbdinfo", s.uri)
    check(r.returncode == 0 and "is_read_only: true" in r.stdout and "newstyle-fixed" in r.stdout, "nbdinfo: " + r.stdout)
    check(run("nbdinfo", "--size", s.uri).stdout.strip() == str(os.path.getsize(IPXE)), "nbdinfo --size")
    check(run("nbdinfo", "--list", s.uri).returncode == 0, "nbdinfo --list")
    run("qemu-img", "convert", "-O", "raw", s.uri, "out.raw", check=True)
    equal(sha256("out.raw"), sha256(IPXE), "qemu-img convert")
    r = run("qemu-img", "compare", "-f", "raw", "-F", "raw", s.uri, IPXE)
    check("identical" in r.stdout, "qemu-img compare: " + r.stdout)
    run("nbdcopy", "--connections=4", s.uri, "out2.raw", check=True)
    equal(sha256("out2.raw"), sha256(IPXE), "nbdcopy over four connections")
    check(os.stat(s.sock).st_mode & 0o077 == 0, "only the owner may connect")
    one_line(isopod("export", arg, "--nbd", s.sock), 3, "a socket in use", "another server")
    equal(s.stop(), 0, "status after SIGTERM")
    s = Server(arg, "--once")
    check(run("nbdinfo", s.uri).returncode == 0, "nbdinfo, once")
    equal(s.stop(sig=0), 0, "--once ends by itself")
    open("n.sock", "w").close()
    one_line(isopod("export", arg, "--nbd", "n.sock"), 3, "not a socket", "not a socket")
    os.unlink("n.sock")
    one_line(isopod("export", arg, "--nbd", "x" * 120), 3, "a path that is too long", "bytes")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind("n.sock")
    stale.close()
    s = Server(arg)
    check(run("nbdinfo", s.uri).returncode == 0, "a stale socket is replaced")
    equal(s.stop(signal.SIGINT), 0, "status after SIGINT")


def newc(names):
    return subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input="\n".join(names).encode(), stdout=subprocess.PIPE, check=True).stdout


def overlays(stick):
    """A Linux ISO: xorriso reads the served disk, and finds the initrd with something before and behind it."""
    os.makedirs("tree/isolinux")
    os.makedirs("tree/live")
    shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", "tree/isolinux")
    with open("tree/isolinux/isolinux.cfg", "w") as f:
        f.write("default live\nlabel live\n kernel /live/vmlinuz\n append initrd=/live/initrd.img boot=live\n")
    k = bytearray(8192)
    k[0x202:0x206] = b"HdrS"
    k[0x206:0x208] = struct.pack("<H", 0x20F)
    k[0x236] = 1
    open("tree/live/vmlinuz", "wb").write(k)
    open("init", "w").write("#!/bin/sh\n")
    initrd = newc(["init"])
    open("tree/live/initrd.img", "wb").write(initrd)
    run("xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-V", "LINUX", "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot",
        "-boot-load-size", "4", "-boot-info-table", "-o", "linux.iso", "tree", check=True)
    must("add", stick, "linux.iso")
    for arg in ("linux.iso", stick + ":/images/linux.iso"):
        plan = json.loads(must("plan", arg, "--json").out)
        check(any(i["path"].lower().endswith("initrd.img") for i in plan["initrds"]), "plan finds the initrd: %r" % plan["initrds"])
        check(len(plan["overlays"]) > 0 and all(o["reason"] for o in plan["overlays"]), "overlays have reasons")
        s = Server(arg)
        run("nbdcopy", s.uri, "served.iso", check=True)
        s.stop()
        check(sha256("served.iso") != sha256("linux.iso"), "the served disk is patched")
        shutil.rmtree("x", ignore_errors=True)
        run("xorriso", "-osirrox", "on", "-indev", "served.iso", "-extract", "/", "x", check=True)
        got = open("x/live/initrd.img", "rb").read()
        check(initrd in got and len(got) > len(initrd) and b"isopod/shim" in got and b"isopod/map" in got, "xorriso reads the patched initrd (%s)" % arg)
        equal(open("x/live/vmlinuz", "rb").read(), bytes(k), "the kernel is as it was")
        equal(sha256("linux.iso"), sha256("linux.iso"), "the file is as it was")
    a = json.loads(must("plan", "linux.iso", "--json").out)
    b = json.loads(must("plan", stick + ":/images/linux.iso", "--json").out)
    for key in ("kind", "label", "firmware", "starts", "el_torito", "initrds", "overlays", "warnings", "size", "sector_size"):
        equal(b[key], a[key], "plan on the host and on the stick: " + key)
    equal(shape(b), shape(a), "the same map")
    check(any(x["kind"] == "stick" for x in b["map"]["segments"]), "the shim is served from where it lies on the stick")
    text = must("plan", "linux.iso").out
    check("initrd.img" in text and "isolinux" in text, "plan in words: " + text)


def hostile():
    """Under sanitizers: nothing a client sends may bring the server down or make it answer wrongly to others."""
    s = Server(IPXE, program=FAULTS)
    size = os.path.getsize(IPXE)
    with s.connect() as c:
        equal(into_transmission(c), (size, 1 | 2 | 4 | 256), "export name: size and flags")
        data = open(IPXE, "rb").read()
        equal(request(c, 0, 32768, 2048), (0, data[32768:34816]), "a read")
        equal(request(c, 0, 1, 3), (0, data[1:4]), "an odd read")
        equal(request(c, 0, size - 1, 1), (0, data[-1:]), "the last byte")
        for off, n in ((size, 1), (size - 1, 2), (1 << 63, 4096), ((1 << 64) - 1, 1), (0, 0), (0, (32 << 20) + 1), (0, 0xFFFFFFFF)):
            equal(request(c, 0, off, n)[0], 22, "read of %d at %d" % (n, off))
        equal(request(c, 1, 0, 512, bytes(512))[0], 1, "a write")
        equal(request(c, 3, 0, 0)[0], 0, "a flush")
        equal(request(c, 4, 0, 512)[0], 1, "a trim")
        equal(request(c, 99, 0, 0)[0], 22, "an unknown command")
        equal(request(c, 0, 0, 16)[1], data[:16], "still in step")
        c.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 2, 1, 0, 0))
        equal(c.recv(1), b"", "disconnect")
    broken = [
        b"", b"\0", b"\xff" * 4, struct.pack(">I", 0x80000000), struct.pack(">I", 3) + b"IHAVEOPT",
        struct.pack(">I", 3) + b"NOTANOPT" + bytes(8), struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 7, 0xFFFFFFFF),
        struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 5000) + bytes(5000),
        struct.pack(">I", 3) + (b"IHAVEOPT" + struct.pack(">II", 3, 0)) * 100,
        struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0) + bytes(28),
        struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0) + struct.pack(">IHHQQI", 0x25609513, 0, 1, 1, 0, 0xFFFFFFFF),
    ]
    for info in (b"", bytes(5), struct.pack(">I", 0xFFFFFFFF) + bytes(2), struct.pack(">I", 0) + struct.pack(">H", 0xFFFF),
                 struct.pack(">I", 10) + bytes(2), struct.pack(">IH", 0, 3) + bytes(5)):
        for option in (6, 7):
            broken.append(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", option, len(info)) + info)
    r = random.Random(1)
    broken += [r.randbytes(r.randrange(1, 300)) for _ in range(100)]
    broken += [struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", r.randrange(12), r.randrange(64)) + r.randbytes(200) for _ in range(100)]
    for b in broken:
        with s.connect() as c:
            try:
                c.sendall(b)
                c.shutdown(socket.SHUT_WR)
                while c.recv(65536):
                    pass
            except OSError:
                pass
    with s.connect() as c:
        handshake(c, 5, bytes(70000))  # STARTTLS with too much data
        equal(struct.unpack(">QIII", get(c, 20))[2], 0x80000009, "too big")
        c.sendall(b"IHAVEOPT" + struct.pack(">II", 11, 0))
        equal(struct.unpack(">QIII", get(c, 20))[2], 0x80000001, "unsupported: extended headers")
        c.sendall(b"IHAVEOPT" + struct.pack(">II", 6, 5) + bytes(5))
        equal(struct.unpack(">QIII", get(c, 20))[2], 0x80000003, "invalid")
        c.sendall(b"IHAVEOPT" + struct.pack(">II", 2, 0))
        equal(struct.unpack(">QIII", get(c, 20))[2], 1, "abort is answered")
    # more clients than there are places; those that hang at the door keep nobody else out once they are gone
    idle = [s.connect() for _ in range(100)]
    for c in idle:
        c.close()

    def admitted():
        with s.connect() as c:
            try:
                into_transmission(c)
            except (EOFError, ConnectionError):
                return False
        return True

    # whoever is let in has stood behind all of them
    wait_until(admitted, "a client is let in again")
    wait_until(lambda: len(os.listdir("/proc/%d/task" % s.p.pid)) == 1, "no thread for a client is left")
    results = []

    def reader():
        with s.connect() as c:
            into_transmission(c)
            for off in range(0, size, 65536):
                if request(c, 0, off, 65536)[1] != data[off:off + 65536]:
                    results.append("wrong data at %d" % off)
            results.append("done")

    threads = [threading.Thread(target=reader) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(results, ["done"] * 8, "eight clients at once")
    held = s.connect()
    into_transmission(held)
    equal(s.stop(), 0, "ends although a client holds on")


with workdir():
    make_data("data", 1)
    for name in ("SHIMX64", "SHIMIA32", "SHIMAA64"):
        open("data/" + name, "wb").write(SHIM)
    must("create", "stick.img", "--size", "120M")
    must("add", "stick.img", IPXE)
    plain(IPXE)
    plain("stick.img:/images/ipxe.iso")
    overlays("stick.img")
    hostile()
cli_common.finish()

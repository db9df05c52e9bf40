# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the command share: running it, made-up stick files, reading a stick by programs we did not write."""
import contextlib, hashlib, json, os, random, shutil, subprocess, sys, tempfile, time

from common import B, check, equal, finish, skip, summary  # equal, finish and skip: for those that import us

ISOPOD = os.path.join(B, "isopod")
FAULTS = os.path.join(B, "interop/isopod-faults")
MIB = 1 << 20
STICK_FILES = ["BOOTX64.EFI", "BOOTIA32.EFI", "BOOTAA64.EFI", "SHIMX64", "SHIMIA32", "SHIMAA64", "WINX64.EXE", "WINIA32.EXE", "WINAA64.EXE", "FONT.BIN"]
ESP_PATH = {"BOOTX64.EFI": "EFI/BOOT/BOOTX64.EFI", "BOOTIA32.EFI": "EFI/BOOT/BOOTIA32.EFI", "BOOTAA64.EFI": "EFI/BOOT/BOOTAA64.EFI",
            "SHIMX64": "ISOPOD/SHIMX64", "SHIMIA32": "ISOPOD/SHIMIA32", "SHIMAA64": "ISOPOD/SHIMAA64",
            "WINX64.EXE": "ISOPOD/WINX64.EXE", "WINIA32.EXE": "ISOPOD/WINIA32.EXE", "WINAA64.EXE": "ISOPOD/WINAA64.EXE", "FONT.BIN": "ISOPOD/FONT.BIN"}


def in_memory():
    """A folder in memory, or None where there is little room in it: a container often has 64 MiB there."""
    try:
        s = os.statvfs("/dev/shm")
    except OSError:
        return None
    return "/dev/shm" if s.f_bavail * s.f_frsize >= 3 << 30 else None


def work_in_memory(children=False):
    """For tests that write the same again and again, and depend on no drive; `children`: the temporary files of commands, too."""
    folder = in_memory()
    if folder:
        tempfile.tempdir = folder
        if children:
            os.environ["TMPDIR"] = folder


@contextlib.contextmanager
def workdir():
    d = tempfile.mkdtemp(prefix="isopod-cli.")
    old = os.getcwd()
    os.chdir(d)
    try:
        yield d
    finally:
        os.chdir(old)
        shutil.rmtree(d, ignore_errors=True)


def make_data(folder, seed):
    """Stick files of plausible sizes; their content does not matter to the command."""
    r = random.Random(seed)
    os.makedirs(folder, exist_ok=True)
    sizes = {"mbr.bin": 440, "stage2.bin": 512 * 200}
    for name in STICK_FILES:
        sizes[name] = r.randrange(20000, 90000)
    for name, size in sizes.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(r.randbytes(size))
    return folder


class Result:
    def __init__(self, p):
        self.rc, self.out, self.err = p.returncode, p.stdout, p.stderr


def isopod(*args, data="data", program=ISOPOD, env=None, **kw):
    e = dict(os.environ, ISOPOD_DATA=os.path.abspath(data), LC_ALL="C.UTF-8", LANGUAGE="")
    e.update(env or {})
    p = subprocess.run([program] + [str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                       errors="surrogateescape", env=e, stdin=subprocess.DEVNULL, timeout=kw.pop("timeout", 300), **kw)
    return Result(p)


def must(*args, **kw):
    r = isopod(*args, **kw)
    if not check(r.rc == 0, "isopod %s: status %d: %s" % (" ".join(map(str, args)), r.rc, r.err.strip())):
        raise SystemExit(summary())
    return r


def wait_until(true, what):
    """A sign that can be seen, with a limit that only guards against hanging."""
    for _ in range(6000):
        if true():
            return True
        time.sleep(0.01)
    return check(False, "did not come in a minute: " + what)


def wait_written(p, size):
    """Until a process has written so many bytes (proc(5), io: wchar), or has ended."""
    def so_far():
        try:
            with open("/proc/%d/io" % p.pid) as f:
                return p.poll() is not None or int(f.read().split()[3]) >= size
        except OSError:
            return True

    return wait_until(so_far, "%d bytes written" % size)


def one_line(r, rc, what, *words):
    """The failure of a command: this status, one line that says isopod: ..., with these words."""
    lines = r.err.strip().split("\n")
    ok = r.rc == rc and len(lines) == 1 and lines[0].startswith("isopod: ") and all(w in lines[0] for w in words)
    return check(ok, "%s: status %d, want %d with %r: %r" % (what, r.rc, rc, words, r.err))


def noise(path, size, seed=0):
    with open(path, "wb") as f:
        f.write(random.Random(seed).randbytes(size))
    return path


def sha256(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for piece in iter(lambda: f.read(MIB), b""):
            h.update(piece)
    return h.hexdigest()


def run(*args, **kw):
    return subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", **kw)


def partitions(stick):
    """[(first byte, bytes, type)] as sfdisk sees them."""
    t = json.loads(run("sfdisk", "--json", stick).stdout)["partitiontable"]
    size = t.get("sectorsize", 512)
    return t["label"], [(p["start"] * size, p["size"] * size, p["type"]) for p in t["partitions"]]


def cut_out(stick, start, length, out):
    run("dd", "if=" + stick, "of=" + out, "bs=1M", "conv=sparse", "iflag=skip_bytes,count_bytes", "skip=%d" % start, "count=%d" % length,
        "status=none", check=True)
    os.truncate(out, length)
    return out


def fsck(stick, what):
    """Both filesystems, by exfatprogs and dosfstools."""
    label, parts = partitions(stick)
    cut_out(stick, parts[0][0], parts[0][1], "part.data")
    r = run("fsck.exfat", "-n", "part.data")
    ok = check(r.returncode == 0 and "clean" in r.stdout, "%s: fsck.exfat: %s" % (what, r.stdout.strip()))
    os.unlink("part.data")
    cut_out(stick, parts[1][0], parts[1][1], "part.esp")
    r = run("fsck.fat", "-n", "part.esp")
    ok &= check(r.returncode == 0, "%s: fsck.fat: %s" % (what, r.stdout.strip()))
    os.unlink("part.esp")
    return ok


def esp_file(stick, path):
    """A file of the ESP as mtools read it, or None."""
    start = partitions(stick)[1][1][0]
    p = subprocess.run(["mtype", "-i", "%s@@%d" % (stick, start), "::" + path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return p.stdout if p.returncode == 0 else None


def loop_device(path, start=0, length=0, write=False, sector=512):
    """A loop device over a file, or over a part of it; None where there are none (no root)."""
    args = ["losetup", "-f", "--show"] + ([] if write else ["-r"]) + ([] if sector == 512 else ["-b", str(sector)])
    if length:
        args += ["-o", str(start), "--sizelimit", str(length)]
    for _ in range(20):  # others may take the same free number
        p = subprocess.run(args + [path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="ascii")
        if p.returncode == 0:
            return p.stdout.strip()
        time.sleep(0.1)
    return None


def loop_release(dev, path):
    for _ in range(100):
        subprocess.run(["losetup", "-d", dev], stderr=subprocess.DEVNULL)
        if dev not in run("losetup", "-j", path).stdout.replace(":", " ").split():
            return
        time.sleep(0.1)


@contextlib.contextmanager
def mounted(stick, write=False):
    """The data partition through exfat-fuse, which wants a block device."""
    start, length, _ = partitions(stick)[1][0]
    dev = loop_device(stick, start, length, write)
    if not dev:
        sys.exit("no loop devices: run as root, or where exfat-fuse can mount\n" + summary(1))
    point = tempfile.mkdtemp(prefix="mnt.", dir=".")
    subprocess.run(["mount.exfat-fuse"] + ([] if write else ["-o", "ro"]) + [dev, point], check=True, stdout=subprocess.DEVNULL)
    try:
        yield point
    finally:
        for _ in range(100):
            if subprocess.run(["umount", point], stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.1)
        loop_release(dev, stick)
        os.rmdir(point)


def listing(stick, **kw):
    return json.loads(must("list", stick, "--json", **kw).out)


def plan(arg, *options):
    """Whatever the status: it is 1 where nothing starts."""
    return json.loads(isopod("plan", arg, "--json", *options).out)


def starts(p):
    return sorted(s["firmware"] for s in p["starts"] if s["starts"])


def exported(arg, out, *options):
    """The virtual disk as an NBD client gets it, in a file."""
    sock = os.path.abspath("n.sock")
    server = subprocess.Popen([ISOPOD, "export", arg, "--nbd", sock, "--once", *options], stdout=subprocess.PIPE,
                              env=dict(os.environ, ISOPOD_DATA=os.path.abspath("data")))
    server.stdout.readline()
    run("nbdcopy", "nbd+unix:///?socket=" + sock, out, check=True, timeout=600)
    server.wait(60)
    return out


def changed_store(kind, *mkfs):
    """A store whose filesystem was written over with another one of its kind after the snapshot."""
    for n in range(2):
        run("truncate", "-s", "32M", "%s%d.raw" % (kind, n), check=True)
        run(*mkfs, "%s%d.raw" % (kind, n), check=True)
    must("layer", "create", "store-" + kind, "--from", kind + "0.raw")
    must("layer", "snapshot", "store-" + kind, "one")
    sock = os.path.abspath("sock")
    p = subprocess.Popen([ISOPOD, "disk", "serve", must("layer", "path", "store-" + kind).out.strip(), "--nbd", sock, "--write", "--once"],
                         stdout=subprocess.PIPE)
    p.stdout.readline()
    r = run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", kind + "1.raw", "nbd+unix:///disk?socket=" + sock)
    check(r.returncode == 0 and p.wait() == 0, "writing to the layer: " + r.stdout)

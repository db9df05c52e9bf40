#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench-togo: isopod togo create against wimlib-imagex apply onto an NTFS volume and qemu-img convert to a VHDX, in one run, each
side in turn; both end with everything on the disk. Then layers of what it made, rolled back, against those of a store without Windows.
BENCH_MIB says how much of this machine's /usr the image holds (4096), BENCH_DIR
where it is made, BENCH_ROUNDS how often (3)."""
import os, shutil, subprocess, sys, tempfile, time

B = os.path.abspath(os.environ.get("B", "build"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../interop"))
from windows_common import imagex, make_tree, properties

ISOPOD = os.path.join(B, "isopod")
MIB = int(os.environ.get("BENCH_MIB", "4096"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SIZE = 64 << 30
os.environ["PATH"] += ":/usr/sbin:/sbin"


def sh(*args):
    p = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if p.returncode:
        sys.exit("%r: status %d: %s" % (args, p.returncode, p.stdout.decode(errors="replace")[-500:]))


def timed(work):
    t = time.monotonic()
    work()
    return time.monotonic() - t


def fill(tree):
    """Real files, small and large, until it is enough."""
    left = MIB << 20
    for folder, dirs, names in os.walk("/usr"):
        dirs.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            size = os.path.getsize(path)
            if size > left:
                continue
            left -= size
            to = os.path.join(tree, "Program Files" + folder)
            os.makedirs(to, exist_ok=True)
            shutil.copyfile(path, os.path.join(to, name))
    if left > 16 << 20:
        print("only %d MiB were found in /usr" % (MIB - (left >> 20)))


def ours():
    sh(ISOPOD, "togo", "create", "install.wim", "ours.vhdx", "--size", SIZE)


def theirs():
    with open("theirs.ntfs", "wb") as f:
        f.truncate(SIZE - (278 << 20))
    sh("mkntfs", "-F", "-Q", "-q", "theirs.ntfs")
    sh("wimlib-imagex", "apply", "install.wim", 1, "theirs.ntfs")
    sh("qemu-img", "convert", "-f", "raw", "-O", "vhdx", "theirs.ntfs", "theirs.vhdx")
    fd = os.open("theirs.vhdx", os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def rollback():
    """Of the same sizes; what a layer holds does not matter to it."""
    sh(ISOPOD, "togo", "create", "install.wim", "togo", "--size", SIZE)
    sh(ISOPOD, "layer", "create", "store", "--size", SIZE)
    times = {"togo": [], "store": []}
    for _ in range(15):
        for store, took in times.items():
            sh(ISOPOD, "layer", "snapshot", store)
            took.append(timed(lambda: sh(ISOPOD, "layer", "rollback", store)))
    a, b = (sorted(times[store])[7] * 1000 for store in ("togo", "store"))
    print("| milliseconds, `layer rollback` of a To Go layer, of an empty store | %.1f | %.1f | %.2f x |" % (a, b, a / b))


def main():
    where = tempfile.mkdtemp(prefix="isopod-togo.", dir=os.environ.get("BENCH_DIR"))
    os.chdir(where)
    try:
        make_tree("tree")
        fill("tree")
        imagex("capture", "tree", "install.wim", "Bench", "--compress=LZX", *properties("Bench", "Professional"))
        shutil.rmtree("tree")
        print("| %d MiB, install.wim of %d MiB | isopod togo create | wimlib-imagex apply, qemu-img convert | ratio |" %
              (MIB, os.path.getsize("install.wim") >> 20))
        times, lengths = {ours: [], theirs: []}, {}
        for _ in range(ROUNDS):
            for side in (theirs, ours):
                os.sync()
                times[side].append(timed(side))
                lengths.update({name: os.path.getsize(name) >> 20 for name in ("ours.vhdx", "theirs.vhdx") if os.path.exists(name)})
                for name in ("ours.vhdx", "theirs.vhdx", "theirs.ntfs"):
                    if os.path.exists(name):
                        os.unlink(name)
        a, b = (sorted(times[side])[ROUNDS // 2] for side in (ours, theirs))
        print("| length of the VHDX, MiB | %d | %d | %.2f x |" % (lengths["ours.vhdx"], lengths["theirs.vhdx"], lengths["ours.vhdx"] / lengths["theirs.vhdx"]))
        print("| seconds | %.1f | %.1f | %.2f x |" % (a, b, a / b))
        rollback()
    finally:
        os.chdir("/")
        shutil.rmtree(where, ignore_errors=True)


main()

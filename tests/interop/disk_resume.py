#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod disk convert --resume`: killed at any write, then gone on with; started again when the source, or what is asked for, is another; no file
under the final name before it is whole. And holes stay holes."""
import os, random, shutil, signal, subprocess, time

from cli_common import *
import cli_common

SIZE = 1536 * MIB
STEP = 256 * MIB


def source(path, seed=1):
    """Mostly holes; something in each step, across its end, and at the end."""
    r = random.Random(seed)
    with open(path, "wb") as f:
        f.truncate(SIZE)
        for i in range(6):
            for at in (i * STEP + 70000, (i + 1) * STEP - 9000):
                f.seek(at)
                f.write(r.randbytes(9000 if at + 9000 == SIZE else 20000))


def steps(dst):
    text = open(dst + ".isopod-resume").read()
    return [int(x) for x in text.split("\n\n", 1)[1].split()]


def whole(dst, what, most=40 * MIB):
    made = dst
    fmt = {"raw": "raw", "vhd": "vpc", "vhdx": "vhdx"}[dst.split(".")[1]]
    if fmt == "vpc":  # whose size QEMU takes from its geometry
        must("disk", "convert", dst, "back.raw", "--replace")
        dst, fmt = "back.raw", "raw"
    r = run("qemu-img", "compare", "-f", "raw", "-F", fmt, "s.raw", dst)
    check(r.returncode == 0, what + ": " + r.stdout)
    check(os.stat(dst).st_blocks * 512 < most, "%s: holes are kept: %d blocks" % (what, os.stat(dst).st_blocks))
    check(not any(".isopod-" in n for n in os.listdir(".")), "%s: nothing is left: %r" % (what, os.listdir(".")))
    for n in (made, "back.raw"):
        if os.path.exists(n):
            os.unlink(n)


def cut(dst, n, *more):
    r = isopod("disk", "convert", "s.raw", dst, "--resume", *more, program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)})
    check(not os.path.exists(dst) or r.rc == 0, "%s, killed at write %d: there is a half one" % (dst, n))
    return r.rc < 0


def killed():
    for dst in ("d.raw", "d.vhd", "d.vhdx"):
        gone_on = 0
        for n in list(range(1, 12)) + [16, 20, 25, 31, 38, 50, 70, 100]:
            if not cut(dst, n):
                whole(dst, "%s: %d writes" % (dst, n))
                break
            if os.path.exists(dst + ".isopod-resume") and "\n\n" in open(dst + ".isopod-resume").read():
                gone_on += len(steps(dst)) > 0
            must("disk", "convert", "s.raw", dst, "--resume")
            whole(dst, "%s, killed at write %d" % (dst, n))
        check(gone_on > 0, dst + ": some were gone on with")
    # several times in one conversion
    for n in (30, 30, 30, 30):
        if not cut("m.vhdx", n):
            break
    if not os.path.exists("m.vhdx"):
        must("disk", "convert", "s.raw", "m.vhdx", "--resume")
    whole("m.vhdx", "killed again and again")


def half(dst="h.raw"):
    """A part with some steps done, and a mark in what is done: where it is found again, nothing was copied twice."""
    n = 4
    while cut(dst, n) and len(steps(dst)) < 2:
        n += 1
    check(steps(dst)[:1] == [STEP], "steps: %r" % steps(dst))
    with open(dst + ".isopod-part", "r+b") as f:
        f.seek(70000)
        f.write(b"MARK")


def marked(dst="h.raw"):
    with open(dst, "rb") as f:
        f.seek(70000)
        return f.read(4) == b"MARK"


def goes_on_or_not():
    half()
    must("disk", "convert", "s.raw", "h.raw", "--resume")
    check(marked(), "what was done is not done again")
    os.unlink("h.raw")
    # a journal whose last line was not written whole
    half()
    with open("h.raw.isopod-resume", "a") as f:
        f.write("15")
    check(cut("h.raw", 6) and len(steps("h.raw")) > 2 and steps("h.raw")[-1] < SIZE, "steps behind a torn line: %r" % steps("h.raw"))
    r = must("disk", "convert", "s.raw", "h.raw", "--resume")
    check(marked() and r.err == "", "a torn line: " + r.err)
    with open("h.raw", "r+b") as f:
        f.seek(70000)
        f.write(open("s.raw", "rb").read(70004)[70000:])
    whole("h.raw", "a torn line")

    def touch():
        os.utime("s.raw", (1, 1))

    def other():
        os.rename("s.raw", "old.raw")
        source("s.raw", 2)

    def journal():
        with open("h.raw.isopod-resume", "r+b") as f:
            f.write(b"7")

    def part():
        shutil.copyfile("h.raw.isopod-part", "copy")
        os.unlink("h.raw.isopod-part")
        os.rename("copy", "h.raw.isopod-part")

    for what, change in (("touched", touch), ("another source", other), ("another journal", journal), ("another part", part)):
        half()
        change()
        r = must("disk", "convert", "s.raw", "h.raw", "--resume")
        check("started again" in r.err, what + ": it is said: " + r.err)
        whole("h.raw", what)
    half()
    r = must("disk", "convert", "s.raw", "h.raw", "--resume", "--format", "vhdx")
    check("started again" in r.err, "another format: " + r.err)
    os.unlink("h.raw")
    # files of others in the way
    with open("mine", "w") as f:
        f.write("mine")
    for tail in (".isopod-resume", ".isopod-part"):
        os.symlink("mine", "h.raw" + tail)
    must("disk", "convert", "s.raw", "h.raw", "--resume")
    equal(open("mine").read(), "mine", "links are not followed")
    whole("h.raw", "links in the way")


def interrupted():
    env = dict(os.environ, LC_ALL="C.UTF-8", ISOPOD_TEST_SLOW="100")
    with open("s.raw", "r+b") as f:
        for i in range(30):
            f.seek(i * 40 * MIB)
            f.write(random.Random(i).randbytes(2 * MIB))
    for resume in (True, False):
        p = subprocess.Popen([FAULTS, "disk", "convert", "s.raw", "i.raw"] + ["--resume"] * resume, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        for _ in range(400):
            if any(n.startswith("i.raw.isopod-") for n in os.listdir(".")):
                break
            time.sleep(0.02)
        p.send_signal(signal.SIGINT)
        err = p.communicate(timeout=60)[1]
        check(p.returncode == 3 and ("run the same command again" in err if resume else "nothing was changed" in err), "Ctrl-C: %d %r" % (p.returncode, err))
        equal((os.path.exists("i.raw"), os.path.exists("i.raw.isopod-part")), (False, resume), "Ctrl-C: what is left")
        if resume:
            must("disk", "convert", "s.raw", "i.raw", "--resume")
            whole("i.raw", "after Ctrl-C", 100 * MIB)
    check(not any(".isopod-" in n for n in os.listdir(".")), "nothing is left: %r" % os.listdir("."))
    equal(isopod("disk", "convert", "s.raw", "q.qcow2", "--resume").rc, 2, "a qcow2")


work_in_memory()
for part in (killed, goes_on_or_not, interrupted):
    with workdir():
        source("s.raw")
        part()
cli_common.finish()

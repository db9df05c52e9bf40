#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a machine says on its serial port reaches a terminal without what that would obey (`vm --serial -`); a file has it as it came. The
machine is a program in QEMU's place that says it. The overlay it works on shows the stick, with the choice of --boot, and the stick stays as it is."""
from cli_common import *

SAID = [b"\x1b]0;title\x07plain \x1b[31mred\x1b[0m\r\n", "C1 \u009b31m, bidi \u202e, hidden \u200b\n".encode(), b"cut \xe2\x82", b"\xac whole\n", b"bad \xff\x9b\n",
        "中文\tEND\n".encode()]
SHOWN = "plain red\nC1 ?31m, bidi ?, hidden ?\ncut € whole\nbad ??\n中文\tEND\n"


def overlay(path):
    with open("bin/qemu-system-x86_64", "w") as f:
        f.write("#!/bin/sh\nfor a; do case $a in *format=qcow2*) cp \"${a##*file=}\" %s/overlay.qcow2;; esac; done\necho END\nexec sleep 60\n" % os.getcwd())
    make_data("data", 1)
    must("create", "disk.img", "--size", "128M")
    noise("one.img", MIB)
    must("add", "disk.img", "one.img")
    os.mkdir("t m")
    before = sha256("disk.img")
    for boot in ((), ("--boot", "/images/one.img")):
        r = isopod("vm", "disk.img", "--firmware", "bios", "--expect", "END", "--timeout", "20", *boot, env={"PATH": path, "TMPDIR": "t m"})
        equal((r.rc, r.err), (0, ""), "vm %r" % (boot,))
        equal(sha256("disk.img"), before, "the stick stays as it is")
        equal(os.listdir("t m"), [], "nothing is left")
        r = run("qemu-img", "check", "-f", "qcow2", "overlay.qcow2")
        check(r.returncode == 0, "qemu-img check: " + r.stdout)
        run("cp", "--sparse=always", "disk.img", "want.img", check=True)
        if boot:
            must("next", "want.img", "/images/one.img")
        r = run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", "want.img", "overlay.qcow2")
        check(r.returncode == 0, "what the machine sees, %r: %s" % (boot, r.stdout))
        check(not boot or sha256("want.img") != before, "the choice is something")


def main():
    with workdir():
        os.mkdir("bin")
        with open("bin/qemu-system-x86_64", "w") as f:
            f.write("#!/usr/bin/python3\nimport os, time\nfor piece in %r:\n    os.write(1, piece)\n    time.sleep(0.1)\ntime.sleep(60)\n" % SAID)
        os.chmod("bin/qemu-system-x86_64", 0o755)
        run("truncate", "-s", "1M", "stick.img", check=True)
        path = os.path.abspath("bin") + ":" + os.environ["PATH"]
        vm = ("vm", "stick.img", "--firmware", "bios", "--expect", "END", "--timeout", "20")
        r = isopod(*vm, "--serial", "-", env={"PATH": path})
        equal((r.rc, r.out, r.err), (0, SHOWN, ""), "on a terminal")
        r = isopod(*vm, "--serial", "log", env={"PATH": path})
        equal((r.rc, r.out, open("log", "rb").read()), (0, "", b"".join(SAID)), "in a file")
        overlay(path)
    finish()


main()

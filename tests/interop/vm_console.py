#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a machine says on its serial port reaches a terminal without what that would obey (`vm --serial -`); a file has it as it came. The
machine is a program in QEMU's place that says it."""
from cli_common import *

SAID = [b"\x1b]0;title\x07plain \x1b[31mred\x1b[0m\r\n", "C1 \u009b31m, bidi \u202e, hidden \u200b\n".encode(), b"cut \xe2\x82", b"\xac whole\n", b"bad \xff\x9b\n",
        "中文\tEND\n".encode()]
SHOWN = "plain red\nC1 ?31m, bidi ?, hidden ?\ncut € whole\nbad ??\n中文\tEND\n"


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
    finish()


main()

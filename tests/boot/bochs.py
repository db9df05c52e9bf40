#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""A machine and a BIOS that are not QEMU's: Bochs with its own BIOS and VGA BIOS shows the menu, and starts a disk image, which reads through
the INT 13h server.

    bochs.py [--build BUILD] [--only REGEX]    prints "N passed, N failed"; the build folder is $B by default
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import memory_cases  # noqa: E402
import vm  # noqa: E402

SECONDS = 300
CONFIG = """config_interface: textconfig
display_library: x
megs: 64
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=bx_generic, count=1, ips=50000000
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path=stick.img, mode=flat, translation=lba
boot: disk
com1: enabled=1, mode=file, dev=serial.log
log: bochs.log
"""
MOTH = "moth-disk.img"
# Name, the image that is chosen before, and what must come on the serial port.
CASES = [
    ("menu", None, r"(?s)Isopod.*" + re.escape(MOTH) + r".*F1 help"),
    ("image", "/" + MOTH, r"(?s)moth, first sector.*second sector.*third sector.*moth waits"),
]


def isopod(build, *args):
    subprocess.run([os.path.join(build, "isopod"), *args], check=True, capture_output=True, env=dict(os.environ, ISOPOD_DATA=os.path.join(build, "stick")))


def make(build, work, chosen):
    stick, image = os.path.join(work, "stick.img"), os.path.join(work, MOTH)
    with open(os.path.join(build, "moth.bin"), "rb") as code, open(image, "wb") as f:
        f.write(memory_cases.moth(code.read(), memory_cases.MOTH[MOTH]))
    isopod(build, "create", stick, "--size", "96M", "--yes")
    isopod(build, "add", stick, image, "--to", "/")
    if chosen:
        isopod(build, "next", stick, chosen)
    for name, text in (("bochsrc", CONFIG), ("start", "continue\n")):
        with open(os.path.join(work, name), "w") as f:
            f.write(text)


def watch(work, words):
    """True when the words have come; False when Bochs ended, or after SECONDS."""
    machine = subprocess.Popen(["xvfb-run", "-a", "-s", "-screen 0 1100x900x24", "bochs", "-q", "-f", "bochsrc", "-rc", "start"], cwd=work,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + SECONDS
    serial = os.path.join(work, "serial.log")
    try:
        while time.monotonic() < end and machine.poll() is None:
            if os.path.exists(serial):
                with open(serial, "rb") as f:
                    if re.search(words, vm.strip(f.read())):
                        return True
            time.sleep(1)
        return False
    finally:
        os.killpg(machine.pid, signal.SIGTERM)
        try:
            machine.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(machine.pid, signal.SIGKILL)
            machine.wait()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default=os.environ.get("B", "build"))
    ap.add_argument("--only", default="")
    a = ap.parse_args()
    build = os.path.abspath(a.build)
    passed = failed = 0
    for name, chosen, words in CASES:
        if not re.search(a.only, name):
            continue
        with tempfile.TemporaryDirectory(prefix="isopod-bochs.", dir=build) as work:
            make(build, work, chosen)
            if watch(work, words):
                passed += 1
                continue
            failed += 1
            print("FAILED %s: %r did not come" % (name, words))
            with open(os.path.join(work, "bochs.log"), errors="replace") as f:
                print("".join(f.readlines()[-5:]))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


sys.exit(main())

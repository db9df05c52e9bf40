#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""A stack that is overwritten ends in a sentence, on BIOS and UEFI: stack.c in the place of the menu, in QEMU. Each kind of damage has
a twin without damage, which must go on.

    stack.py [--build BUILD]    prints "N passed, N failed"; the build folder is $B by default
"""

import argparse
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vm  # noqa: E402

WHOLE = r"the stack is whole"
CASES = [
    ("bios", "bios-whole", WHOLE),
    ("bios", "bios-deep", r"Isopod stopped: the 32-bit stack ran over\."),
    ("bios", "bios-real", r"Isopod stopped: the real-mode stack ran over\."),
    ("uefi", "x64-whole", WHOLE),
    ("uefi", "x64-frame", r"Isopod stopped: its stack was overwritten"),
    ("uefi-ia32", "ia32-whole", WHOLE),
    ("uefi-ia32", "ia32-frame", r"Isopod stopped: its stack was overwritten"),
]
FILES = {"bios": "stage2.bin", "uefi": "BOOTX64.EFI", "uefi-ia32": "BOOTIA32.EFI"}


def stick(build, work, firmware, program):
    """A stick like any other, with this program in the place of the boot manager."""
    data = os.path.join(work, "data")
    os.makedirs(data, exist_ok=True)
    for name in os.listdir(os.path.join(build, "stick")):
        link = os.path.join(data, name)
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(os.path.join(build, "stick", name) if name != FILES[firmware] else os.path.join(build, "stack", program), link)
    path = os.path.join(work, program + ".img")
    subprocess.run([os.path.join(build, "isopod"), "create", path, "--size", "128M", "--yes"], check=True, capture_output=True,
                   env=dict(os.environ, ISOPOD_DATA=data))
    return path


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--build", default=os.environ.get("B", "build"))
    build = os.path.abspath(ap.parse_args().build)
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="isopod-stack.", dir=build) as work:
        for firmware, program, words in CASES:
            other = r"Isopod stopped[^\n]*\.|" + WHOLE  # a sentence that has come whole
            try:
                with vm.VM(firmware, stick(build, work, firmware, program), memory=256) as machine:
                    machine.wait(words, 180, fail=other)
                passed += 1
            except (vm.BootError, subprocess.CalledProcessError) as e:
                print("FAILED %s: %s" % (program, e))
                failed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


sys.exit(main())

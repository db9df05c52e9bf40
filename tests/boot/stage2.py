#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Stage 2 on a BIOS: from both slots, damaged, and with too little memory to be unpacked to; each ends in the menu or in a sentence.

    stage2.py [--build BUILD] [--only REGEX]    prints "N passed, N failed"; the build folder is $B by default
"""

import argparse
import lzma
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vm  # noqa: E402

MENU = r"F1 help"
SLOT_A, SLOT_B = 34, 1040


def stick(build, path, stage2=None):
    """A new stick; `stage2`: with these bytes as stage 2."""
    data = path + ".data"
    os.makedirs(data)
    for name in os.listdir(os.path.join(build, "stick")):
        if stage2 is None or name != "stage2.bin":
            os.symlink(os.path.join(build, "stick", name), os.path.join(data, name))
    if stage2 is not None:
        with open(os.path.join(data, "stage2.bin"), "wb") as f:
            f.write(stage2)
    isopod(build, data, "create", path, "--size", "80M", "--yes")


def isopod(build, data, *args):
    subprocess.run([os.path.join(build, "isopod"), *args], check=True, capture_output=True, env=dict(os.environ, ISOPOD_DATA=data))


def current(path):
    with open(path, "rb") as f:
        return struct.unpack("<IHHI", f.read(512)[0x1A0:0x1AC])


def swapped(build, stage2):
    """Two words change places, where neither the sum notices it nor the unpacker."""
    low, high = (os.path.join(build, "bios", "stage2.elf." + n) for n in ("low", "high"))
    low, right = os.path.getsize(low), open(high, "rb").read()
    for at in range(len(stage2.rstrip(b"\0")) - 8 & ~3, low, -4):
        other = stage2[:at] + stage2[at + 4:at + 8] + stage2[at:at + 4] + stage2[at + 8:]
        try:
            got = lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(other[low:], len(right))
        except lzma.LZMAError:
            continue
        if len(got) == len(right) and got != right:
            return other
    raise AssertionError("no such words")


def slot_a(build, path, stage2):
    stick(build, path)
    assert current(path)[0] == SLOT_A


def slot_b(build, path, stage2):
    """Updated from another version, whose slot is then emptied."""
    other = bytearray(stage2)
    other[-4] ^= 1
    stick(build, path, bytes(other))
    isopod(build, os.path.join(build, "stick"), "update", path)
    assert current(path)[0] == SLOT_B
    with open(path, "r+b") as f:
        f.seek(SLOT_A * 512)
        f.write(bytes(len(stage2)))


def one_bit(build, path, stage2):
    stick(build, path)
    with open(path, "r+b") as f:
        f.seek(SLOT_A * 512 + 77777)
        b = f.read(1)[0]
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([b ^ 1]))


def words_swapped(build, path, stage2):
    stick(build, path, swapped(build, stage2))


def longest(build, path, stage2):
    """As long as a slot, with noise behind what is unpacked: it reaches beyond the bounce buffer's beginning."""
    long = bytearray(stage2 + random.Random(7).randbytes(1006 * 512 - len(stage2)))
    struct.pack_into("<I", long, 0x24, len(long))
    stick(build, path, bytes(long))


# Name, how the stick is made, how much memory there is, and what must come: on the serial port; with @ on the screen.
CASES = [
    ("slot-a", slot_a, "8M", MENU),
    ("slot-b", slot_b, "256M", MENU),
    ("longest", longest, "256M", MENU),
    ("one-bit", one_bit, "256M", r"@Isopod: stage 2 damaged$"),
    ("words-swapped", words_swapped, "256M", r"@Isopod: stage 2 damaged\. Try: isopod update"),
    ("4-MiB", slot_a, "4M", r"Isopod: not enough memory\. It needs 8 MiB\."),
    ("1.5-MiB", slot_a, "1536K", r"@Isopod: not enough free memory at 1 MiB\. It needs 8 MiB in all\."),
]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default=os.environ.get("B", "build"))
    ap.add_argument("--only", default="")
    a = ap.parse_args()
    build = os.path.abspath(a.build)
    with open(os.path.join(build, "stick", "stage2.bin"), "rb") as f:
        stage2 = f.read()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="isopod-stage2.", dir=build) as work:
        for name, make, memory, words in CASES:
            if not re.search(a.only, name):
                continue
            path = os.path.join(work, name + ".img")
            try:
                make(build, path, stage2)
                with vm.VM("bios", path, memory=memory) as machine:
                    if words.startswith("@"):
                        machine.wait_screen("(?m)" + words[1:], 90)
                    else:
                        machine.wait(words, 90, fail="Isopod: [^\n]*\\.")
                passed += 1
            except (vm.BootError, subprocess.CalledProcessError, AssertionError) as e:
                print("FAILED %s: %s" % (name, e or "another slot"))
                failed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


sys.exit(main())

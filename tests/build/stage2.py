#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""The packed stage 2 (boot/bios/pack.py), as Python's LZMA reads it; one that is too long for its slot is refused with a sentence.

    stage2.py    prints "N passed, N failed"; the build folder is $B, or build
"""

import lzma
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import zlib

B = os.environ.get("B", "build")
SLOT = 1006 * 512
passed = failed = 0


def check(ok, what):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAILED " + what)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def pack(work, low, high):
    names = [os.path.join(work, n) for n in ("low", "high", "out")]
    for name, data in zip(names, (low, high)):
        with open(name, "wb") as f:
            f.write(data)
    return subprocess.run(["/usr/bin/python3", "boot/bios/pack.py", *names], capture_output=True, text=True), names[2]


def strays(elf):
    """Calls and jumps of the low part's 32-bit code to the high one, which may not be there. ld does not see those to static functions."""
    def tool(*args):
        return subprocess.run(args, check=True, capture_output=True, text=True).stdout

    first = re.search(r"^(\w+) t regs$", tool("nm", elf), re.M).group(1)  # the last of the 16-bit part
    code = tool("objdump", "-d", "-j", ".low", "--start-address=0x" + first, elf)
    jumps = re.findall(r"\t(?:call|j\w+) +([0-9a-f]+) <(\S+)>", code)
    check(len(jumps) > 50, "the low part's jumps")
    return sorted({name for to, name in jumps if int(to, 16) >= 0x100000})


def main():
    elf = os.path.join(B, "bios", "stage2.elf")
    image, low, high = read(os.path.join(B, "stick", "stage2.bin")), read(elf + ".low"), read(elf + ".high")
    length, crc = struct.unpack_from("<II", image, 0x24)
    check(length == len(image) and len(image) % 512 == 0 and len(image) <= SLOT, "its length")
    check(image[:0x24] == low[:0x24] and image[0x2c:len(low)] == low[0x2c:], "its low part")
    check(lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(image[len(low):]) == high and crc == zlib.crc32(high), "its high part")
    check(not strays(elf), "the low part calls the high one: %s" % strays(elf))
    noise = random.Random(5).randbytes(SLOT)
    with tempfile.TemporaryDirectory() as work:
        r, out = pack(work, low, noise[:SLOT - len(low) - 8192])
        check(r.returncode == 0 and len(read(out)) <= SLOT, "one that just fits: " + r.stderr)
        os.unlink(out)
        r, out = pack(work, low, noise)
        check(r.returncode != 0 and "stage 2 does not fit its slot" in r.stderr and not os.path.exists(out), "one that is too long: " + r.stderr)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


sys.exit(main())

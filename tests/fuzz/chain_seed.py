#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds of the chain target: sound chains of both formats, each field damaged, names that lead back."""
import disk_seeds, os, sys

out = sys.argv[1]
disk_seeds.write(out, "vhdx", files=1)
for options in range(0, 256, 1):
    if options & 0x70 or options & 0x0c == 0x0c:
        continue
    with open(os.path.join(out, "options%d" % options), "wb") as f:
        f.write(bytes([options, 0]) + bytes(4))
# The locator's value "a" or "b" is the last thing in the item: b names itself, c, and a names nothing.
for at in range(0x210080, 0x210140, 2):
    for name in b"bc":
        with open(os.path.join(out, "loop%d%c" % (at, name)), "wb") as f:
            f.write(bytes([disk_seeds.SEAL]) + disk_seeds.patch(1, at, bytes([name, 0])) + bytes(4))

# SPDX-License-Identifier: BSD-2-Clause
"""Inputs of the virtual-disk targets (fuzz_disk.h): options, patches, and no failure."""
import os, struct

WRITE, SEAL, GROW, COMPACT, CUT = 1, 2, 4, 8, 16
VALUES = (b"\0", b"\1", b"\x7f", b"\xff")


def places(kind):
    """Offset and length of the fields that matter."""
    if kind == "vhd":
        return [(16, 8), (48, 8), (60, 4), (512 + 16, 8), (512 + 28, 4), (512 + 32, 4), (512 + 40, 16)] + \
               [(512 + 576 + k, 4) for k in (0, 4, 8, 16)] + [(1536 + 4 * k, 4) for k in range(4)] + [(4608 + 4 * k, 4) for k in range(4)]
    fields = [(65536 + o, n) for o, n in ((8, 8), (48, 16), (64, 4), (68, 4), (72, 8))]
    fields += [(131072 + o, n) for o, n in ((8, 8), (48, 16), (68, 4), (72, 8))]
    fields += [(196608 + o, n) for o, n in ((8, 4), (16, 16), (32, 8), (40, 4), (44, 4), (64, 8), (72, 4))]
    fields += [(0x100000 + o, n) for o, n in ((8, 4), (12, 4), (16, 8), (24, 4), (48, 8), (56, 8), (64, 4), (80, 8), (88, 8), (4096, 4))]
    fields += [(0x200000 + o, n) for o, n in ((10, 2), (32, 16), (48, 4), (52, 4), (56, 4), (192, 16), (208, 4), (212, 4))]
    fields += [(0x210000 + o, n) for o, n in ((0, 4), (4, 4), (8, 8), (32, 4), (64, 16), (82, 2), (84, 4), (88, 4), (92, 2), (94, 2))]
    return fields + [(0x300000 + 8 * k, 8) for k in range(4)] + [(0x300000 + 8 * 4096, 8)]


def patch(file, off, data):
    return bytes([file]) + struct.pack("<I", off)[:3] + bytes([len(data) - 1]) + data


def write(folder, kind, files=3):
    n = 0
    for file in range(files):
        for options in (0, WRITE, WRITE | GROW, WRITE | COMPACT | SEAL, CUT):
            n += 1
            with open(os.path.join(folder, "plain%d" % n), "wb") as f:
                f.write(bytes([options]) + bytes([file]) + bytes(4))
        for off, size in places(kind):
            for i, v in enumerate(VALUES):
                n += 1
                with open(os.path.join(folder, "field%d" % n), "wb") as f:
                    f.write(bytes([SEAL | (WRITE if i & 1 else 0)]) + patch(file, off, v * size) + bytes(4))
    for i in range(1, 40):
        for what in ((i, 0), (0, i)):
            n += 1
            with open(os.path.join(folder, "fail%d" % n), "wb") as f:
                f.write(bytes([WRITE, i % 3]) + struct.pack("<HH", *what))

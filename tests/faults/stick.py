# SPDX-License-Identifier: BSD-2-Clause
"""Faults of the stick itself: boot code, ESP, tables, data partition."""
from case import *


def mended(path):
    must("update", path, data=STICK)


def mbr_wiped(w):
    return poke(w.stick(), 0, bytes(440))


def shim_missing(w):
    s = w.stick()
    run("mdel", "-i", "%s@@%d" % (s, partitions(s)[1][1][0]), "::ISOPOD/SHIMX64", check=True)
    return s


FAULTS = [
    Fault("the MBR's code is zeros", mbr_wiped, DRIVE, "MBR", "isopod update", cure=mended, gap="silent"),
    Fault("a shim is missing", shim_missing, DRIVE, "ISOPOD/SHIMX64", "isopod update", also=(IMAGE,), cure=mended),
]

SOUND = [
    Sound("MBR", lambda w: w.stick()),
    Sound("GPT", lambda w: w.stick("--table", "gpt")),
    Sound("NTFS", lambda w: w.stick("--fs", "ntfs")),
]

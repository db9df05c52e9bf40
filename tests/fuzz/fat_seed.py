#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
import pathlib
import struct
import sys
import tempfile
import seeds

files = [("EFI/BOOT/BOOTX64.EFI", b"MZ" * 3000), ("a long name with spaces.text", b"x" * 700), ("lower.txt", b""),
         ("\u00e4\u65e5\u672c.txt", b"u"), ("d/e/f/g.txt", b"deep")]
with tempfile.TemporaryDirectory() as tmp:
    for name, kib, opts in (("fat12", 64, ["-F", "12"]), ("floppy", 160, ["-F", "12", "-s", "1"]),
                            ("fat16", 2200, ["-F", "16", "-s", "1", "-f", "1"])):
        data = seeds.fat(pathlib.Path(tmp) / name, "-n", "SEED", *opts, kib=kib, files=files)
        # Nothing of interest lies far behind the directories; the volume's end is cut off.
        (pathlib.Path(sys.argv[1]) / name).write_bytes(data[:64 * 1024] + seeds.CONTROL)
    # mtools does not touch a FAT32 of so few clusters; its one file and its one directory are entered by hand.
    data = bytearray(seeds.fat(pathlib.Path(tmp) / "fat32", "-n", "SEED", "-F", "32", "-s", "1", "-f", "1", kib=220))
    fat, root = 32 * 512, 32 * 512 + struct.unpack_from("<I", data, 36)[0] * 512
    for cluster, value in ((3, 5), (4, 0x0FFFFFFF), (5, 0x0FFFFFFF)):
        struct.pack_into("<I", data, fat + 4 * cluster, value)
    struct.pack_into("<11sB14xHI", data, root + 32, b"FILE    TXT", 0x20, 3, 700)
    struct.pack_into("<11sB14xHI", data, root + 64, b"DIR        ", 0x10, 4, 0)
    struct.pack_into("<11sB14xHI", data, root + 1024, b"EMPTY   TXT", 0x20, 0, 0)
    (pathlib.Path(sys.argv[1]) / "fat32").write_bytes(data[:64 * 1024] + seeds.CONTROL)

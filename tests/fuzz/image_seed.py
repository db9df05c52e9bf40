#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
import os
import pathlib
import struct
import sys
import tempfile
import seeds

into = pathlib.Path(sys.argv[1])


def put(name, data):
    (into / name).write_bytes(data[:1024] + data[32768:] + seeds.CONTROL)


def longer(iso):
    """The FAT for EFI says it reaches behind the end of the file."""
    data = bytearray(iso)
    struct.pack_into("<H", data, data.index(b"mkfs.fat", 32768) - 3 + 19, 0x7FFF)
    return bytes(data)


isos = seeds.isos()
for name, data in isos.items():
    put(name, data)
put("longer", longer(isos["xorriso"]))
with tempfile.TemporaryDirectory() as tmp:
    tmp = pathlib.Path(tmp)
    for label in ("dos", "gpt"):
        disk = tmp / label
        disk.write_bytes(bytes(200 * 1024))
        seeds.run("sfdisk", "-q", disk, input=f"label: {label}\nstart=100, size=128, type=U\n".encode())
        esp = seeds.fat(tmp / f"{label}.esp", "-F", "12", kib=64, files=[("EFI/BOOT/BOOTX64.EFI", b"MZ")])
        data = bytearray(disk.read_bytes())
        data[100 * 512:100 * 512 + len(esp)] = esp
        put(label, bytes(data))
    for fmt, opts in (("vpc", []), ("vhdx", [])):
        seeds.run("qemu-img", "create", "-q", "-f", fmt, *opts, tmp / fmt, "1M")
        put(fmt, (tmp / fmt).read_bytes()[:65536])
xml = "\ufeff<WIM><IMAGE INDEX=\"1\"><NAME>one &amp; only</NAME></IMAGE></WIM>".encode("utf-16-le")
wim = bytearray(struct.pack("<8sIIII16xHHI", b"MSWIM\0\0\0", 208, 0x10D00, 0x40002, 32768, 1, 1, 1).ljust(208, b"\0"))
struct.pack_into("<QQQ", wim, 72, 2 << 56 | len(xml), 208, len(xml))
struct.pack_into("<I", wim, 120, 1)
put("wim-xml", bytes(wim) + xml)
with tempfile.TemporaryDirectory() as tmp:
    seeds.run(os.path.join(os.environ.get("B", "build"), "fuzz/udf-seed"), tmp)
    for volume in pathlib.Path(tmp).iterdir():
        (into / volume.name).write_bytes(bytes(1024) + volume.read_bytes())
put("wim", b"MSWIM\0\0\0" + struct.pack("<I", 208) + bytes(300))
pe = bytearray(512)
pe[:2] = b"MZ"
struct.pack_into("<I", pe, 60, 64)
struct.pack_into("<4sH14xHHH", pe, 64, b"PE\0\0", 0x8664, 240, 0x22, 0x20b)
struct.pack_into("<H", pe, 64 + 92, 10)
put("pe", bytes(pe))

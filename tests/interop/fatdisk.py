#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Disks that core/map/fatdisk.c lays out: the partition as sfdisk sees it, the volume as fsck.fat does, each file as mtools copies it."""
import json
import os
import pathlib
import random
import subprocess
import tempfile

from common import B, check, equal, finish, run, sbin

sbin()
os.environ["MTOOLS_SKIP_CHECK"] = "1"
os.environ["LC_ALL"] = "C.UTF-8"
SECTOR = 512
rnd = random.Random(9)


def look_at(tmp, name, source, files, cluster):
    """files: path -> [(start, length, "" or "m" in memory or "z" zeros)]"""
    image, data = tmp / "disk.img", source.read_bytes()
    specs = [p + "=" + ",".join("%s%d+%d" % (kind, at, n) for at, n, kind in parts) for p, parts in files.items()]
    run(f"{B}/interop/fatdisk", image, source, *specs)
    table = json.loads(run("sfdisk", "--json", image))["partitiontable"]
    check(table["label"] == "dos" and table["id"] == "0xc0ffee01" and len(table["partitions"]) == 1, f"{name}: table {table}")
    part = table["partitions"][0]
    check(part["type"] == "ef" and part["start"] == 2048, f"{name}: partition {part}")
    equal((part["start"] + part["size"]) * SECTOR, image.stat().st_size, f"{name}: the partition ends with the disk")
    volume = tmp / "disk.img.volume"
    r = subprocess.run(["fsck.fat", "-n", "-v", volume], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = r.stdout.decode()
    check(r.returncode == 0 and "Reclaimed" not in text and "32 bit" in text, f"{name}: fsck.fat: {text}")
    check(f"{cluster} bytes per cluster" in text, f"{name}: cluster size: {text}")
    listing = run("mdir", "-/", "-b", "-i", f"{image}@@1M", "::").decode().split("\n")
    equal(sorted(x for x in listing if x and not x.endswith("/")), sorted("::" + p for p in files), f"{name}: names")
    for path, parts in files.items():
        if parts and parts[0][2] == "z":  # too large to compare: fsck.fat has seen its chain
            continue
        got = run("mcopy", "-i", f"{image}@@1M", "::" + path, "-")
        check(got == b"".join(data[at:at + n] for at, n, _ in parts), f"{name}: {path}")
    volume.unlink()
    image.unlink()


def main():
    with tempfile.TemporaryDirectory(prefix="isopod-fatdisk.") as d:
        tmp = pathlib.Path(d)
        source = tmp / "source"
        source.write_bytes(rnd.randbytes(3000001))
        look_at(tmp, "one", source, {"/only": [(0, 1, "")]}, 4096)
        look_at(tmp, "windows", source, {
            "/EFI/BOOT/BOOTX64.EFI": [(2048, 1200000, "")],
            "/EFI/Microsoft/Boot/BCD": [(0, 12288, "m")],
            "/EFI/Microsoft/Boot/Fonts/segoen_slboot.ttf": [(100352, 77777, "")],
            "/EFI/Microsoft/Boot/Fonts/segoen_slboot_and_more.ttf": [(0, 5, "m")],
            "/boot/boot.sdi": [(2998272, 1729, "")],
            "/bootmgr": [(4096, 400000, "")],
            "/empty": [],
            "/sources/boot.wim": [(0, 512, "m"), (512, 1 << 20, ""), (7, 1024, "m"), (1 << 20, 99999, "")],
            "/Grüße 日本語.txt": [(3, 30, "m")],
            "/" + "y" * 180 + ".long": [(0, 3, "m")],
        }, 4096)
        look_at(tmp, "many", source, {f"/many/file number {i:03d}.dat": [(i * 512, i * 7, "m" * (i % 2))] for i in range(120)}, 4096)
        look_at(tmp, "large", source, {"/sources/boot.wim": [(0, (2 << 30) + 5, "z")], "/b": [(0, 9, "m")]}, 32768)
    finish()


main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Windows on virtual disks, on an Isopod stick: Microsoft's boot manager, out of that Windows, finds the file that our BCD names and its
parents, and loads what lies in winload's place in it (the memory test). VHD, VHDX, a chain of three; sticks with exFAT and NTFS, MBR and
GPT. A chain whose middle is taken away gives its code."""
import os
import pathlib
import shutil
import sys

sys.dont_write_bytecode = True
from windows_common import B, MEMTEST, MIB, OUT, Windows, boots, check, find, finish, mbr_disk, ntfs, run  # noqa: E402

ISOPOD = pathlib.Path(B) / "isopod"
KINDS = (("ntfs", "mbr"), ("exfat", "mbr"), ("ntfs", "gpt"))


def isopod(*args):
    return run(ISOPOD, *args)


def windows(w):
    """A partition that looks like an installed Windows, with its boot manager and fonts."""
    src, wim = OUT / "vhd-tree", OUT / "vhd.wim"
    shutil.rmtree(src, ignore_errors=True)
    for name, source in (("System32/winload.efi", "efi/microsoft/boot/memtest.efi"), ("System32/winload.exe", "boot/memtest.exe"),
                         ("Boot/EFI/bootmgfw.efi", "efi/boot/bootx64.efi"), ("Boot/PCAT/bootmgr", "bootmgr")):
        to = src / "Windows" / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(w.path(source), to)
    shutil.copytree(find(w.root, "boot/fonts"), src / "Windows/Boot/Fonts")
    wim.unlink(missing_ok=True)
    run("wimlib-imagex", "capture", src, wim, "--compress=none", "--no-acls")
    return ntfs("vhd.ntfs", 48 * MIB, wim)


def virtual_disks(w):
    disk, _ = mbr_disk("vhd.raw", 0x1B0D150D, [(7, windows(w))])
    files = [OUT / n for n in ("base.vhdx", "middle.vhdx", "child.vhdx", "old.vhd")]
    for f in files:
        f.unlink(missing_ok=True)
    isopod("disk", "convert", disk, files[0])
    isopod("disk", "convert", disk, files[3])
    isopod("disk", "create", files[1], "--parent", files[0])
    isopod("disk", "create", files[2], "--parent", files[1])
    return files


def stick(kind, files):
    out = OUT / ("vhd-%s-%s.img" % kind)
    out.unlink(missing_ok=True)
    isopod("create", out, "--size", "512M", "--fs", kind[0], "--table", kind[1], "--yes")
    isopod("add", out, *files)
    return out


def main():
    w = Windows()
    files = virtual_disks(w)
    only = sys.argv[1:]  # names of machines, to start some alone
    for kind in KINDS:
        image = stick(kind, files)
        for firmware in ("uefi", "bios"):
            for file in (files[2], files[3], files[0]) if kind == KINDS[0] else (files[2],):
                name = "vhd-%s-%s-%s-%s" % (*kind, firmware, file.name)
                if only and name not in only:
                    continue
                copy = OUT / (name + ".img")
                shutil.copy(image, copy)
                isopod("next", copy, "/images/" + file.name)
                check(*boots(copy, name, firmware=firmware, bus="usb"))
                os.unlink(copy)
    finish()


main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Windows on virtual disks, on an Isopod stick: Microsoft's boot manager, out of that Windows, finds the file that our BCD names and its
parents, and loads what lies in winload's place in it (the memory test). VHD, VHDX, a chain of three; sticks with exFAT and NTFS, MBR and
GPT; UEFI x64. On a BIOS it does not get there (doc/WINDOWS.md)."""
import os
import pathlib
import re
import shutil
import sys
import time

sys.dont_write_bytecode = True
from windows_common import B, MIB, OUT, VM, Windows, bcd, check, esp_disk, find, finish, mbr_disk, ntfs, run  # noqa: E402

ISOPOD = pathlib.Path(B) / "isopod"
KINDS = (("ntfs", "mbr"), ("exfat", "mbr"), ("ntfs", "gpt"))


def isopod(*args):
    return run(ISOPOD, *args)


def windows(w, name="vhd", loader=None):
    """A partition that looks like an installed Windows, with its boot manager and fonts. `loader`: bytes in the place of the memory test."""
    src, wim = OUT / "vhd-tree", OUT / "vhd.wim"
    shutil.rmtree(src, ignore_errors=True)
    for path, source in (("System32/winload.efi", "efi/microsoft/boot/memtest.efi"), ("System32/winload.exe", "boot/memtest.exe"),
                         ("Boot/EFI/bootmgfw.efi", "efi/boot/bootx64.efi"), ("Boot/PCAT/bootmgr", "bootmgr")):
        to = src / "Windows" / path
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(w.path(source), to)
    shutil.copytree(find(w.root, "boot/fonts"), src / "Windows/Boot/Fonts")
    if find(w.root, "boot/bootvhd.dll"):
        shutil.copy(w.path("boot/bootvhd.dll"), src / "Windows/Boot/PCAT/bootvhd.dll")
    if loader:
        (src / "Windows/System32/winload.efi").write_bytes(w.path("efi/microsoft/boot/memtest.efi").read_bytes()[:4096] + loader)
    wim.unlink(missing_ok=True)
    run("wimlib-imagex", "capture", src, wim, "--compress=none", "--no-acls")
    return ntfs(name + ".ntfs", 48 * MIB, wim)


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


def title(picture):
    """What the first rows of a screen show: the bar with the program's name. PPM, so that nothing but this file is needed to read it."""
    data = picture.read_bytes()
    head = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", data)
    width = int(head.group(1))
    return width, data[head.end() + 3 * width * 20:head.end() + 3 * width * 60]


def shows(image, name, like=None, timeout=150):
    """Starts a machine with UEFI and looks at its screen every few seconds, until the title is `like`; without one the title is returned that
    is there when the time is up."""
    picture = OUT / (name + ".ppm")
    with VM("uefi", image, bus="usb", memory=1024, log=str(OUT / (name + ".log"))) as vm:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            time.sleep(4)
            vm.qmp("screendump", filename=str(picture))
            if like and title(picture) == like:
                return True
        return False if like else title(picture)


def main():
    w = Windows()
    files = virtual_disks(w)
    # The memory test alone, from a disk that others' tools made: what its screen looks like.
    alone = esp_disk("vhd-memtest.img", {**w.loader_files(), "EFI/Microsoft/Boot/BCD": bcd("vhd-memtest.bcd", "memtest", efi=1),
                                         "EFI/Microsoft/Boot/memtest.efi": w.path("efi/microsoft/boot/memtest.efi")})
    like = shows(alone, "vhd-memtest", timeout=45)
    for kind in KINDS:
        image = stick(kind, files)
        for file in (files[2], files[3], files[0]) if kind == KINDS[0] else (files[2],):
            name = "vhd-%s-%s-%s" % (*kind, file.name)
            copy = OUT / (name + ".img")
            shutil.copy(image, copy)
            isopod("next", copy, "/images/" + file.name)
            check(shows(copy, name, like), name)
            os.unlink(copy)
    # It can fail: without winload another screen comes.
    broken = OUT / "vhd-broken.img"
    shutil.copy(OUT / ("vhd-%s-%s.img" % KINDS[0]), broken)
    empty, _ = mbr_disk("vhd-broken.raw", 0x1B0D150E, [(7, windows(w, loader=b"no program" * 500, name="vhd-broken"))])
    isopod("disk", "convert", empty, OUT / "broken.vhdx", "--replace")
    isopod("add", broken, OUT / "broken.vhdx")
    isopod("next", broken, "/images/broken.vhdx")
    check(not shows(broken, "vhd-broken", like, timeout=45), "a Windows whose loader is none")
    finish()


main()

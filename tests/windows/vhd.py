#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Windows on virtual disks, on an Isopod stick: Microsoft's boot manager, out of that Windows, finds the file that our BCD names and its
parents, and loads what lies in winload's place in it (the memory test). VHD, VHDX, a chain of three; sticks with exFAT and NTFS, MBR and
GPT; UEFI x64 and BIOS, for which boot/bootvhd.dll of an installed Windows lies in the folder as well; each folder of ISOPOD_WINDOWS."""
import os
import pathlib
import re
import shutil
import sys
import time

sys.dont_write_bytecode = True
from genuine import B, EFI_LOADER, EFI_MEMTEST, MIB, OUT, VM, check, each, find, finish, mbr_disk, ntfs, run  # noqa: E402

ISOPOD = pathlib.Path(B) / "isopod"
KINDS = (("ntfs", "mbr"), ("exfat", "mbr"), ("ntfs", "gpt"))


def isopod(*args):
    return run(ISOPOD, *args)


def windows(w, name="vhd", loader=None):
    """A partition that looks like an installed Windows, with its boot manager and fonts. `loader`: bytes in the place of the memory test."""
    src, wim = OUT / "vhd-tree", OUT / "vhd.wim"
    shutil.rmtree(src, ignore_errors=True)
    programs = {"uefi": {"System32/winload.efi": EFI_MEMTEST, "Boot/EFI/bootmgfw.efi": EFI_LOADER},
                "bios": {"System32/winload.exe": "boot/memtest.exe", "Boot/PCAT/bootmgr": "bootmgr"}}
    for path, source in [p for firmware in w.firmwares() for p in programs[firmware].items()]:
        to = src / "Windows" / path
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(w.path(source), to)
    shutil.copytree(find(w.root, "boot/fonts"), src / "Windows/Boot/Fonts")
    if find(w.root, "boot/bootvhd.dll"):
        shutil.copy(w.path("boot/bootvhd.dll"), src / "Windows/Boot/PCAT/bootvhd.dll")
    if loader:
        for name in ("efi", "exe"):
            program = src / ("Windows/System32/winload." + name)
            if program.exists():
                program.write_bytes(program.read_bytes()[:4096] + loader)
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


def memory_test(picture):
    """The screen of the memory test: its title in a bar of light grey on dark blue, in the middle 1024 x 768 pixels. PPM, so
    that nothing but this file is needed to read it."""
    data = picture.read_bytes()
    head = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", data)
    width, height = int(head.group(1)), int(head.group(2))

    def colour(x, y):
        at = head.end() + 3 * (width * y + x)
        return tuple(data[at:at + 3])

    if width < 1024 or height < 768:
        return False
    back, bar = colour(4, 4), colour((width - 1024) // 2 + 64, (height - 768) // 2 + 24)
    return max(back[:2]) < 16 and 96 <= back[2] <= 176 and min(bar) > 128 and max(bar) - min(bar) < 8


def shows(image, name, firmware, timeout=150):
    """Starts a machine and looks at its screen every few seconds, until it is the memory test's."""
    picture = OUT / (name + ".ppm")
    with VM(firmware, image, bus="usb", memory=1024, log=str(OUT / (name + ".log"))) as vm:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            time.sleep(4)
            vm.qmp("screendump", filename=str(picture))
            if memory_test(picture):
                return True
        return False


def start(w, image, file, name, timeout=150):
    """Whether each firmware that `w` has files for comes to the memory test: {firmware: so it was}."""
    seen = {}
    for firmware in w.firmwares():
        copy = OUT / ("%s-%s-%s.img" % (w.name, firmware, name))
        shutil.copy(image, copy)
        isopod("next", copy, "/images/" + file)
        seen[firmware] = shows(copy, copy.stem, firmware, timeout)
        os.unlink(copy)
    return seen


def test(w):
    files = virtual_disks(w)
    for kind in KINDS:
        image = stick(kind, files)
        for file in (files[2], files[3], files[0]) if kind == KINDS[0] else (files[2],):
            for firmware, seen in start(w, image, file.name, "%s-%s-%s" % (*kind, file.name)).items():
                check(seen, "%s: %s: %s on %s, %s" % (w.name, firmware, file.name, *kind))
    # It can fail: without winload another screen comes.
    empty, _ = mbr_disk("vhd-broken.raw", 0x1B0D150E, [(7, windows(w, loader=b"no program" * 500, name="vhd-broken"))])
    isopod("disk", "convert", empty, OUT / "broken.vhdx", "--replace")
    broken = stick(KINDS[0], [OUT / "broken.vhdx"])
    for firmware, seen in start(w, broken, "broken.vhdx", "broken", timeout=45).items():
        check(not seen, "%s: %s: a Windows whose loader is none" % (w.name, firmware))


def main():
    for w in each():
        test(w)
    finish()


main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boot configurations and boot.sdi made from nothing, as Microsoft's own boot manager (UEFI x64) takes them: each kind of device that
core/regf/bcd.h makes leads to the memory test, and what is missing to the code that is known for it."""
import sys

sys.dont_write_bytecode = True
from genuine import (GPT_DATA, GPT_DISK, MIB, OUT, TOOL, bcd, boots, check, each, esp_disk, fat32, finish, gpt_disk,  # noqa: E402
                            mbr_disk, ntfs, run, vhd_of)

SIGNATURE = 0x50D15011
w = next(f for f in each() if "uefi" in f.firmwares())
wim = w.wim()


def disk(name, configuration, files=(), **kw):
    all_files = {**w.loader_files(), "EFI/Microsoft/Boot/BCD": configuration, **dict(files)}
    return esp_disk(name + ".img", all_files, signature=SIGNATURE, **kw)


def sdi(name, volume=None):
    out = OUT / name
    if volume is not None:
        (OUT / "volume").write_bytes(volume)
    run(TOOL, "sdi", out, *([OUT / "volume"] if volume is not None else []))
    return out


def fails(image, code):
    ok, seen = boots(image, want=code, fail=r"Memory Diagnostic", timeout=120)
    check(ok, seen)


# --- a WIM as a ramdisk, and what its boot.sdi must be ----------------------------------------------------------------------
ramdisk = bcd("wim.bcd", "wim", efi=1, text=1)
for name, volume in (("medium", w.path("boot/boot.sdi")), ("empty", sdi("empty.sdi")), ("zeros", sdi("zeros.sdi", bytes(3 * MIB))),
                     ("ntfs", sdi("ntfs.sdi", ntfs("sdi.ntfs", 3 * MIB).read_bytes()))):
    check(*boots(disk("wim-" + name, ramdisk, {"sources/boot.wim": wim, "boot/boot.sdi": volume})))
fails(disk("wim-without-sdi", ramdisk, {"sources/boot.wim": wim}), r"0xc000000f")
fails(disk("without-wim", ramdisk, {"boot/boot.sdi": sdi("empty.sdi")}), r"0xc000000f")

# --- a program on the boot device ---------------------------------------------------------------------------------------------
memtest = {"EFI/Microsoft/Boot/memtest.efi": w.path("efi/microsoft/boot/memtest.efi")}
check(*boots(disk("memtest", bcd("memtest.bcd", "memtest", efi=1, text=1), memtest)))


# --- To Go: Windows on a partition -------------------------------------------------------------------------------------------
def installed(name):
    """A WIM with winload where an installed Windows has it."""
    src = OUT / "installed"
    (src / "Windows/System32").mkdir(parents=True, exist_ok=True)
    (src / "Windows/System32/winload.efi").write_bytes(w.path("efi/microsoft/boot/memtest.efi").read_bytes())
    (OUT / name).unlink(missing_ok=True)
    run("wimlib-imagex", "capture", src, OUT / name, "--compress=none", "--no-acls")
    return OUT / name


def esp(name, configuration, files=()):
    volume = OUT / name
    volume.unlink(missing_ok=True)
    with open(volume, "wb") as f:
        f.truncate(96 * MIB)
    fat32(volume, 0, 96 * MIB, {**w.loader_files(), "EFI/Microsoft/Boot/BCD": configuration, **dict(files)})
    return volume


windows = ntfs("windows.ntfs", 16 * MIB, installed("installed.wim"))
START = 97 * MIB  # of the second partition


def two(name, second, **options):
    """An ESP and a second partition, MBR."""
    image, starts = mbr_disk(name + ".img", SIGNATURE, [(0xEF, esp("esp.fat", bcd(name + ".bcd", efi=1, text=1, **options))), (7, second)])
    assert starts[1] == START
    return image


check(*boots(two("togo-mbr", windows, kind="partition", on="mbr:%08x:%d" % (SIGNATURE, START))))
check(*boots(two("togo-locate", windows, kind="partition", on=r"locate:\Windows\System32\winload.efi")))
gpt = "gpt:{%s}:{%s}" % (GPT_DISK, GPT_DATA)


def two_gpt(name, second, **options):
    return gpt_disk(name + ".img", [("U", "5D1C0DE5-0000-4000-8000-0000000000E5", esp("esp.fat", bcd(name + ".bcd", efi=1, text=1, **options))),
                                    ("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", GPT_DATA, second)])


check(*boots(two_gpt("togo-gpt", windows, kind="partition", on=gpt)))
fails(two("togo-elsewhere", windows, kind="partition", on="mbr:%08x:%d" % (SIGNATURE ^ 1, START)), r"0xc000000[ef]")

# --- Windows in a virtual disk -------------------------------------------------------------------------------------------------
inner, _ = mbr_disk("inner.img", 0x1D15C, [(7, windows)])
vhdx = vhd_of(inner, "w.vhdx")
vhd = vhd_of(inner, "w.vhd")
PATH = r"\VHD\w.vhdx"
check(*boots(disk("vhdx-boot", bcd("vhdx-boot.bcd", "vhd", efi=1, text=1, path=PATH), {"VHD/w.vhdx": vhdx})))
check(*boots(disk("vhd-boot", bcd("vhd-boot.bcd", "vhd", efi=1, text=1, path=r"\w.vhd"), {"w.vhd": vhd})))
host = ntfs("host.ntfs", 64 * MIB, files={"w.vhdx": vhdx})
check(*boots(two("vhdx-mbr", host, kind="vhd", path=r"\w.vhdx", on="mbr:%08x:%d" % (SIGNATURE, START))))
check(*boots(two("vhdx-locate", host, kind="vhd", path=r"\w.vhdx", on=r"locate:\w.vhdx")))
check(*boots(two_gpt("vhdx-gpt", host, kind="vhd", path=r"\w.vhdx", on=gpt)))
fails(two("vhdx-missing", host, kind="vhd", path=r"\x.vhdx", on=r"locate:\x.vhdx"), r"0xc000000f|0xc000000e|0xc0000225")

finish()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What Microsoft's boot manager (UEFI x64) says when a piece is missing or damaged: the codes that core/trace/verdict_text.c explains. Without a
BCD it has nobody who tells it to write to the serial port: two such screens were looked at by hand (0xc000000f with one that is no hive,
0xc000014c with the beginning of one)."""
import os
import re
import sys

sys.dont_write_bytecode = True
from genuine import MEMTEST, OUT, VM, BootError, bcd, check, each, esp_disk, finish, run  # noqa: E402

CODE = r"(?i)0x[0-9a-f]{8}"


def says(image):
    """The code on its screen; None: the memory test came up, or nothing."""
    with VM("uefi", image, bus="sata", memory=1024, log=str(OUT / (image.stem + ".log"))) as vm:
        try:
            vm.wait(CODE, 150, fail=MEMTEST)
        except BootError:
            return None
        return re.search(CODE, vm.text)[0].lower()


def changed(path, out, change):
    data = bytearray(open(path, "rb").read())
    change(data)
    (OUT / out).write_bytes(data)
    return OUT / out


def flip(data):
    data[len(data) // 2] ^= 0x20


def pe_without(w, *missing, **instead):
    """A WIM as w.wim() makes it, without files, or with others in the place of them."""
    folder = w.pe_tree(OUT / "missing")
    boot = folder / "Windows/System32/boot"
    for name in missing:
        (boot / name).unlink()
    for name, data in instead.items():
        (boot / (name + ".efi")).write_bytes(data)
    out = OUT / "missing.wim"
    out.unlink(missing_ok=True)
    run("wimlib-imagex", "capture", folder, out, "memtest", "--compress=LZX", "--boot", "--no-acls")
    return out


def recompressed(wim, *options):
    out = OUT / "recompressed.wim"
    out.unlink(missing_ok=True)
    run("wimlib-imagex", "export", wim, "1", out, "--boot", *options)
    return out


def cases(w):
    """(name, code, files of the disk that differ: None is a file that is not there)."""
    winload = w.path("efi/microsoft/boot/memtest.efi").read_bytes()
    damaged = bytearray(winload)
    flip(damaged)
    wim, WIM, SDI = w.wim(), "sources/boot.wim", "boot/boot.sdi"
    yield "nothing", None, {}
    yield "no-wim", "0xc000000f", {WIM: None}
    yield "no-sdi", "0xc000000f", {SDI: None}
    yield "wim-no-wim", "0xc000000d", {WIM: b"x" * 65536}
    yield "wim-cut", "0xc0000225", {WIM: wim.read_bytes()[:len(wim.read_bytes()) // 2]}
    yield "wim-lzms", "0xc0000225", {WIM: recompressed(wim, "--compress=LZMS")}
    yield "wim-lzx-64k", "0xc0000225", {WIM: recompressed(wim, "--compress=LZX", "--chunk-size=64K")}
    yield "no-winload", "0xc000000f", {WIM: pe_without(w, "winload.efi")}
    yield "winload-no-program", "0xc000007b", {WIM: pe_without(w, winload=b"x" * 65536)}
    yield "winload-changed", "0xc0000221", {WIM: pe_without(w, winload=bytes(damaged))}


def main():
    for w in each():
        if "uefi" not in w.firmwares():
            continue
        for name, code, other in cases(w):
            if os.environ.get("ONLY") and not re.search(os.environ["ONLY"], name):
                continue
            files = {**w.loader_files(), "EFI/Microsoft/Boot/BCD": bcd("missing.bcd", "wim", efi=1, text=1), "sources/boot.wim": w.wim(),
                     "boot/boot.sdi": w.path("boot/boot.sdi"), **other}
            got = says(esp_disk("missing-%s.img" % name, {k: v for k, v in files.items() if v is not None}))
            check(got == code, "%s, %s: %s, not %s" % (w.name, name, got, code))
    finish()


main()

# SPDX-License-Identifier: BSD-2-Clause
"""Media that are laid out as Windows' own, with stand-ins for Microsoft's files: the boot programs are the caller's, the rest is noise."""
import os
import pathlib
import random
import shutil
import subprocess

# What a boot manager asks for, and what only fills the folders.
FILES = {
    "boot/bcd": 16384,
    "boot/boot.sdi": 40000,
    "boot/bootfix.bin": 1024,
    "boot/etfsboot.com": 4096,
    "boot/fonts/segoen_slboot.ttf": 30001,
    "boot/fonts/wgl4_boot.ttf": 20000,
    "bootmgr": 60000,
    "bootmgr.efi": 70000,
    "efi/boot/bootaa64.efi": 50000,
    "efi/boot/bootia32.efi": 50000,
    "efi/boot/bootx64.efi": 50000,
    "efi/microsoft/boot/bcd": 20480,
    "efi/microsoft/boot/fonts/segoen_slboot.ttf": 30001,
    "efi/microsoft/boot/resources/bootres.dll": 9000,
    "setup.exe": 5000,
    "sources/boot.wim": 3000000,
    "sources/install.wim": 6000000,
}


def tree(folder, programs=None, without=(), seed=1):
    """{path: bytes} of what lies in `folder` now. programs: {path: bytes} in the place of noise."""
    rnd, made = random.Random(seed), {}
    for path, size in FILES.items():
        if path in without:
            continue
        made[path] = (programs or {}).get(path) or rnd.randbytes(size)
        p = pathlib.Path(folder) / path
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(made[path])
    return made


def pe(machine, size=4096, seed=0):
    """A program as far as its headers are looked at: MZ, PE, the machine."""
    head = bytearray(b"MZ".ljust(0x40, b"\0"))
    head[0x3C:0x40] = (0x80).to_bytes(4, "little")
    return bytes(head).ljust(0x80, b"\0") + b"PE\0\0" + machine.to_bytes(2, "little") + random.Random(seed).randbytes(size)


X64, IA32, AA64 = 0x8664, 0x14C, 0xAA64


def system_hive(path, command):
    """A SYSTEM hive with Setup\\CmdLine, by hivexsh."""
    subprocess.run(["hivexsh", "-w", os.fspath(path)], check=True, stdout=subprocess.DEVNULL, text=True,
                   input="cd \\\nadd Setup\ncd Setup\nsetval 1\nCmdLine\nstring:%s\ncommit\n" % command)


def pe_tree(folder, machine=X64, boot=True, dvd=True, peshl=True, command=None, hive=None, programs=None, more=()):
    """A Windows PE's tree: winload, winpeshl.exe; with `boot` what starts it (\\Windows\\Boot), with `dvd` BCD and boot.sdi as well.
    {path: bytes}"""
    rnd, made = random.Random(3), {}

    def put(path, data):
        made[path] = (programs or {}).get(path) or data
        p = pathlib.Path(folder) / path
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(made[path])

    put("Windows/System32/boot/winload.efi", pe(machine, 9000, 1))
    put("Windows/System32/winload.exe", rnd.randbytes(9000))
    if peshl:
        put("Windows/System32/winpeshl.exe", pe(machine, 30000, 2))
    for path in more:
        put(path, pe(machine, 20000, path))
    if boot:
        put("Windows/Boot/EFI/bootmgfw.efi", pe(machine, 100000, 4))
        put("Windows/Boot/EFI/boot.stl", rnd.randbytes(9999))
        put("Windows/Boot/PCAT/bootmgr", rnd.randbytes(80000))
        for font in ("wgl4_boot.ttf", "segoen_slboot.ttf", "chs_boot.ttf"):
            put("Windows/Boot/Fonts/" + font, rnd.randbytes(5000))
    if boot and dvd:
        for path, size in (("EFI/BCD", 16384), ("EFI/boot.sdi", 40000), ("PCAT/BCD", 20480)):
            put("Windows/Boot/DVD/" + path, rnd.randbytes(size))
    put("Windows/System32/filler.bin", b"what compresses well " * 20000 + rnd.randbytes(100000))
    if command:
        p = pathlib.Path(folder) / "Windows/System32/config/SYSTEM"
        p.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(hive, p)
        system_hive(p, command)
    return made


def wim(folder, out, *options, name="Stand-in PE"):
    subprocess.run(["wimlib-imagex", "capture", os.fspath(folder), os.fspath(out), name, "--no-acls", *options], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return out


def second_image(folder, wim_file, name):
    """One more image in a WIM; the XML data call it a Windows PE."""
    for command in (["append", os.fspath(folder), wim_file, name, "--no-acls"],
                    ["info", wim_file, "2", "--image-property", "WINDOWS/INSTALLATIONTYPE=WindowsPE"]):
        subprocess.run(["wimlib-imagex"] + command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def iso(folder, out, *options, label="PODWIN"):
    """As oscdimg lays media out: a boot entry for BIOS, one for UEFI."""
    subprocess.run(["genisoimage", "-quiet", "-iso-level", "3", "-V", label, "-o", os.fspath(out), *(options or ["-J"]), os.fspath(folder)],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return out

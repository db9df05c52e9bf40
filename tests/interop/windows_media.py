# SPDX-License-Identifier: BSD-2-Clause
"""Media that are laid out as Windows' own, with stand-ins for Microsoft's files: the boot programs are the caller's, the rest is noise."""
import os
import pathlib
import random
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


def iso(folder, out, *options, label="PODWIN"):
    """As oscdimg lays media out: a boot entry for BIOS, one for UEFI."""
    subprocess.run(["genisoimage", "-quiet", "-iso-level", "3", "-V", label, "-o", os.fspath(out), *(options or ["-J"]), os.fspath(folder)],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return out

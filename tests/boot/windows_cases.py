# SPDX-License-Identifier: BSD-2-Clause
"""Windows' media as the hard disk that they are served as, from power-on: what the stand-ins for its boot managers (standin_efi.c,
standin_bios.c) see of it, compared with the disk that `isopod export` shows."""

import os
import re
import struct
import subprocess
import zlib

import sticks
from vm import BootError

MIB = 1 << 20
PARTITION = MIB
# The CD drive beside the stick, on both machines.
CD = ("-drive", "if=none,id=wincd,file={build}/boot-tests/sticks/windows-cd.iso,media=cdrom,readonly=on", "-device",
      "ide-cd,drive=wincd,bus=ide.1")


def exported(env, stick, path):
    """The virtual disk, in a file that the caller removes."""
    sock, out = stick + ".nbd", stick + ".virtual"
    server = subprocess.Popen([env.isopod, "export", stick + ":" + path, "--nbd", sock, "--once"], stdout=subprocess.PIPE)
    server.stdout.readline()
    subprocess.run(["nbdcopy", "nbd+unix:///?socket=" + sock, out], check=True)
    server.wait(60)
    return out


def file_crc(disk, path):
    r = subprocess.run(["mcopy", "-i", "%s@@%d" % (disk, PARTITION), "::" + path, "-"], stdout=subprocess.PIPE, check=True,
                       env=dict(os.environ, MTOOLS_SKIP_CHECK="1"))
    return zlib.crc32(r.stdout)


def program_crc(disk):
    r = subprocess.run(["mcopy", "-i", "%s@@%d" % (disk, PARTITION), "::bootmgr", "-"], stdout=subprocess.PIPE, check=True,
                       env=dict(os.environ, MTOOLS_SKIP_CHECK="1"))
    return zlib.crc32(r.stdout[8192:sticks.STANDIN_SIZE])


def check_disk(vm, env, case):
    """Every number that the stand-in printed."""
    words = re.search(r"pupa, started as Windows is:(.*)that is all", vm.text.replace("\n", " "))
    seen = {k: int(v, 16) for k, v in re.findall(r"(\w+)=([0-9a-f]{8})", words.group(1))}
    disk = exported(env, vm.image, case.file)
    try:
        with open(disk, "rb") as f:
            want = {"signature": struct.unpack_from("<I", f.read(512), 440)[0]}
            f.seek(PARTITION)
            if case.firmware == "bios":
                want |= {"same": 1, "failed": 0, "crc": zlib.crc32(f.read(8192 * 512)), "self": program_crc(disk)}
        if case.firmware != "bios":
            want |= {k: file_crc(disk, p) for k, p in (("bcd", "EFI/Microsoft/Boot/BCD"), ("sdi", "boot/boot.sdi"),
                                                       ("wim", "sources/boot.wim"))}
    finally:
        os.unlink(disk)
    if seen != want or not want["signature"]:
        raise BootError("the boot manager sees %s; the disk has %s" % ({k: "%08x" % v for k, v in seen.items()},
                                                                      {k: "%08x" % v for k, v in want.items()}))


def add_to(case):
    iso, x64, aa64 = "/images/win.iso", "/images/pe-x64.wim", "/images/pe-aa64.wim"
    for name, firmware, file, machine, timeout in (
            ("bios-windows-iso", "bios", iso, CD, 90), ("bios-windows-wim", "bios", x64, (), 90),
            ("uefi-windows-iso", "uefi", iso, CD, 150), ("uefi-windows-wim", "uefi", x64, (), 150),
            ("ia32-windows-iso", "uefi-ia32", iso, (), 180), ("aa64-windows-wim", "uefi-aa64", aa64, (), 240)):
        case(name, firmware, "windows", "windows", marker=r"(?s)pupa, started as Windows is.*that is all", timeout=timeout, file=file,
             machine=machine, after=check_disk)

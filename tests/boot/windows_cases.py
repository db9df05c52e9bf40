# SPDX-License-Identifier: BSD-2-Clause
"""Windows' media as the hard disk that they are served as, from power-on: what the stand-ins for its boot managers (standin_efi.c,
standin_bios.c) see of it, compared with the disk that `isopod export` shows."""

import os
import re
import struct
import subprocess
import tempfile
import time
import zlib

import sticks
from vm import BootError

MIB = 1 << 20
PARTITION = MIB
# The CD drive beside the stick, on both machines.
CD = ("-drive", "if=none,id=wincd,file={build}/boot-tests/sticks/windows-cd.iso,media=cdrom,readonly=on", "-device",
      "ide-cd,drive=wincd,bus=ide.1")
# Firmware gets to know only what it may boot from: with a place in its order the drive is there before our virtual CD.
KNOWN_CD = CD[:-1] + (CD[-1] + ",bootindex=9",)


def exported(env, stick, case, image=()):
    """The virtual disk, in a file that the caller removes."""
    out = "%s.%s.virtual" % (stick, case.name)
    # A socket's path has at most 107 bytes, and nobody knows how deep this checkout lies.
    with tempfile.TemporaryDirectory(prefix="isopod.") as work:
        sock = os.path.join(work, "nbd")
        server = subprocess.Popen([env.isopod, "export", stick + ":" + case.file, "--nbd", sock, "--once", *image], stdout=subprocess.PIPE)
        server.stdout.readline()
        subprocess.run(["nbdcopy", "nbd+unix:///?socket=" + sock, out], check=True)
        server.wait(60)
    return out


def content(disk, path):
    return subprocess.run(["mcopy", "-i", "%s@@%d" % (disk, PARTITION), "::" + path, "-"], stdout=subprocess.PIPE, check=True,
                          env=dict(os.environ, MTOOLS_SKIP_CHECK="1")).stdout


def boot_index(disk):
    return struct.unpack_from("<I", content(disk, "sources/boot.wim"), 120)[0]


def numbers(vm):
    words = re.search(r"pupa, started as Windows is:(.*)that is all", vm.text.replace("\n", " "))
    return {k: int(v, 16) for k, v in re.findall(r"(\w+)=([0-9a-f]{8})", words.group(1))}


def check_cd(vm, env, case):
    """The first CD that a loader finds is ours, as long as it is with the WIMs that are served, and not the one in the drive."""
    disk = exported(env, vm.image, case)
    try:
        with open(disk, "rb") as f:
            f.seek(16 * 2048)
            want = {"first": zlib.crc32(f.read(8 * 2048))}
    finally:
        os.unlink(disk)
    if numbers(vm) != want:
        raise BootError("the first CD is %s, ours is %s" % (numbers(vm), want))


def check_disk(vm, env, case):
    """Every number that the stand-in printed."""
    seen = numbers(vm)
    image = ("--image", case.answer[1].decode()) if case.answer else ()
    disk = exported(env, vm.image, case, image)
    try:
        if image and boot_index(disk) != int(image[1]):
            raise BootError("the WIM that is exported names image %d" % boot_index(disk))
        with open(disk, "rb") as f:
            want = {"signature": struct.unpack_from("<I", f.read(512), 440)[0]}
            f.seek(PARTITION)
            if case.firmware == "bios":
                want |= {"same": 1, "failed": 0, "crc": zlib.crc32(f.read(8192 * 512)), "self": zlib.crc32(content(disk, "bootmgr")[8192:sticks.STANDIN_SIZE])}
        if case.firmware != "bios":
            want |= {k: zlib.crc32(content(disk, p)) for k, p in (("bcd", "EFI/Microsoft/Boot/BCD"), ("sdi", "boot/boot.sdi"),
                                                       ("wim", "sources/boot.wim"))} | {"index": boot_index(disk)}
    finally:
        os.unlink(disk)
    if seen != want or not want["signature"]:
        raise BootError("the boot manager sees %s; the disk has %s" % ({k: "%08x" % v for k, v in seen.items()},
                                                                      {k: "%08x" % v for k, v in want.items()}))


REFUSES = r"Secure\s+Boot\s+is\s+on,\s+and\s+the\s+firmware\s+refuses\s+EFI/BOOT/BOOTX64\.EFI:\s+"
TOLD = (("stranger", r'it\s+is\s+signed\s+by\s+"Nobody\s+you\s+know",\s+which\s+is\s+not\s+in\s+this\s+machine\'s\s+db'),
        ("altered", r"it\s+is\s+not\s+what\s+was\s+signed"), ("unsigned", r"it\s+is\s+not\s+signed"))


def check_refused(vm, env, case):
    """Loaders that the firmware would refuse: said before they are started. The firmware itself, asked all the same, refuses it, and says so."""
    for name, why in TOLD:
        vm.mark()
        vm.type(name, delay=0.15)
        time.sleep(1)
        vm.send_raw(b"\r")
        vm.wait(REFUSES + why, 60)
        vm.wait(r"Enter\s+starts\s+it\s+all\s+the\s+same", 30)
        if name == TOLD[-1][0]:
            break
        vm.send_raw(b"\x7f")
        time.sleep(1)
        vm.send_raw(b"\x7f" * len(name))
        time.sleep(1)
    vm.send_raw(b"\r")
    vm.wait(r"The\s+firmware\s+refused\s+the\s+loader,\s+because\s+Secure\s+Boot\s+is\s+on", 60)
    vm.wait(r"Press any key to go back to the menu", 30)
    if "pupa" in vm.text:
        raise BootError("the loader ran")


def add_to(case):
    iso, x64, aa64 = "/images/win.iso", "/images/pe-x64.wim", "/images/pe-aa64.wim"
    for name, firmware, file, machine, timeout in (
            ("bios-windows-iso", "bios", iso, CD, 90), ("bios-windows-wim", "bios", x64, (), 90),
            ("uefi-windows-iso", "uefi", iso, KNOWN_CD, 150), ("uefi-windows-wim", "uefi", x64, (), 150),
            ("ia32-windows-iso", "uefi-ia32", iso, (), 180), ("aa64-windows-wim", "uefi-aa64", aa64, (), 240)):
        case(name, firmware, "windows", "windows", marker=r"(?s)pupa, started as Windows is.*that is all", timeout=timeout, file=file,
             machine=machine, after=check_disk)
    # The second image of two, chosen in the menu; by its name in the disk that is served, it is not the one that the file names.
    for name, firmware, choose, timeout in (("bios-windows-image", "bios", "keys", 120), ("uefi-windows-image", "uefi", "serial", 180)):
        case(name, firmware, "windows", "windows", choose, marker=r"(?s)pupa, started as Windows is.*that is all", timeout=timeout,
             file="/images/several.wim", answer=(r"Which image of several\.wim starts", b"2"), after=check_disk)
    # Secure Boot, with a key of the test's own among the machine's.
    case("secure-windows-iso", "uefi-secure", "secure", "windows", marker=r"(?s)pupa, started as Windows is.*that is all", timeout=150,
         file="/images/signed.iso", after=check_disk)
    case("secure-unsigned", "uefi-secure", "secure", "windows", "menu", marker=r"Tab details", timeout=150, after=check_refused)
    case("uefi-windows-cd", "uefi", "windows", "windows", marker=r"(?s)pupa, started as Windows is.*that is all", timeout=150,
         file="/images/multi.iso", machine=KNOWN_CD, after=check_cd)

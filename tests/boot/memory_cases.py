# SPDX-License-Identifier: BSD-2-Clause
"""Images that are served from memory: what they print, and that they run on when the stick has been pulled."""

import os
import shutil
import struct
import time

from vm import BootError

SECTOR = 512
# /moth.img and /moth-disk.img: the boot sector of moth.S, and sectors that name themselves.
MOTH = {"moth.img": 1440 << 10, "moth-disk.img": 6 << 20}
WORDS = {1: "moth, first sector\r\n", 2: "second sector\r\n", 3: "third sector\r\n"}
LAST = "moth, still reads from memory\r\n"


def moth(code, size):
    last = size // SECTOR - 1
    data = bytearray(size)
    for n in range(last + 1):
        struct.pack_into("<I", data, n * SECTOR, n)
    for n, words in {**WORDS, last: LAST}.items():
        data[n * SECTOR + 8:n * SECTOR + 8 + len(words)] = words.encode()
    data[:len(code)] = code
    struct.pack_into("<I", data, 8, last)
    if size > 2880 << 10:  # a partition, so that it is a disk
        struct.pack_into("<BBBBBBBBII", data, 446, 0x80, 1, 1, 0, 0x83, 15, 63, size // SECTOR // 1008 - 1, 63, size // SECTOR // 1008 * 1008 - 63)
    data[510:512] = b"\x55\xaa"
    return bytes(data)


def add_memory(env, path):
    """isopod.conf, and the images whose boot sector is ours."""
    folder = path + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        with open(os.path.join(env.build, "moth.bin"), "rb") as f:
            code = f.read()
        made = []
        for name, size in MOTH.items():
            made.append(os.path.join(folder, name))
            with open(made[-1], "wb") as f:
                f.write(moth(code, size))
        env.run("add", path, *made, "--to", "/images")
        env.add_conf(path, "memory = /images/* | nothing*\n")
    finally:
        shutil.rmtree(folder)


def pull(vm):
    devices = vm.qmp("qom-list", path="/machine/peripheral-anon")
    stick = [d["name"] for d in devices if d["type"] == "child<usb-storage>"][0]
    vm.qmp("device_del", id="/machine/peripheral-anon/" + stick)
    for _ in range(100):
        if stick not in [d["name"] for d in vm.qmp("qom-list", path="/machine/peripheral-anon")]:
            return
        time.sleep(0.1)
    raise BootError("the stick does not go away")


def check_pulled(words):
    """The system waits for a key; the stick has not been read since it was started, and is pulled."""
    def check(vm, env, case):
        read = vm.blockstats()
        time.sleep(1)
        if vm.blockstats() != read:
            raise BootError("the stick is still used: %s, %s" % (read, vm.blockstats()))
        pull(vm)
        vm.mark()
        vm.send_raw(b"\r")
        vm.wait(words, 60, fail="cannot read")
    return check


def check_untouched(vm, env, case):
    """What runs from memory reads nothing more from the stick."""
    read = vm.blockstats()
    time.sleep(2)
    if vm.blockstats() != read:
        raise BootError("the stick is still used: %s, %s" % (read, vm.blockstats()))


def add_to(case):
    moths = r"(?s)moth, first sector.*second sector.*third sector.*moth waits"
    for name, firmware, file, marker, after in (
            ("bios-memory-floppy", "bios", "moth.img", moths, check_pulled("moth, still reads from memory")),
            ("bios-memory-disk", "bios", "moth-disk.img", moths, check_pulled("moth, still reads from memory")),
            ("bios-memory-iso", "bios", "cicada.iso", "cicada waits", check_pulled("cicada, still read after")),
            ("uefi-memory-iso", "uefi", "cicada.iso", "cicada waits", check_pulled("cicada, still read after"))):
        case(name, firmware, "memory", "cicada", marker=marker, timeout=120, file="/images/" + file, after=after, writes=True,
             wrong="efionly" if firmware != "bios" else "floppy", group="long" if firmware != "bios" else "check")
    # A Linux finds the image by its own driver: nd_e820 (BIOS), nfit (the firmware's table).
    for name, firmware in (("bios-memory-pmem", "bios"), ("uefi-memory-pmem", "uefi")):
        case(name, firmware, "memory", "mayfly", marker=r"(?s)mayfly, read from memory in /dev/pmem\d.*mayfly waits", timeout=240,
             after=check_pulled("mayfly: 541ab7b45c9c3021 is the sum"), writes=True, wrong="efionly" if firmware != "bios" else "floppy", group="long")
    for name, firmware, medium, ext in (("bios-memory-grub", "bios", "grubfloppy", "img"),
                                        ("bios-memory-emulated", "bios", "floppy", "iso"), ("bios-memory-hd", "bios", "hd", "iso"),
                                        ("bios-memory-rawdisk", "bios", "rawdisk", "img"), ("uefi-memory-rawdisk", "uefi", "rawdisk", "img"),
                                        ("uefi-memory-efionly", "uefi", "efionly", "iso"), ("bios-memory-memtest", "bios", "memtest", "iso"),
                                        ("uefi-memory-memtest", "uefi", "memtest", "iso"), ("ia32-memory-ia32", "uefi-ia32", "ia32", "iso")):
        case(name, firmware, "memory", medium, timeout=150, file="/images/%s.%s" % (medium, ext), after=check_untouched, writes=True, group="long")

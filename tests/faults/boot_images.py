# SPDX-License-Identifier: BSD-2-Clause
"""Boot images that the catalogue promises and that cannot be used: by UEFI, by a BIOS."""
from case import *
from menus import patched, u32


def entries(d):
    """(offset of the entry, first byte of its image): the initial one, which is isolinux, and UEFI's behind its section's header."""
    catalogue = u32(d, 17 * 2048 + 71) * 2048
    return [(e, u32(d, e + 8) * 2048) for e in (catalogue + 32, catalogue + 96)]


def over(which, at, data):
    def change(d):
        where = entries(d)[which][1] + at
        d[where:where + len(data)] = data
    return change


def away(which):
    return lambda d: struct.pack_into("<I", d, entries(d)[which][0] + 8, 0x00F00000)


def renamed(d):
    """EFI/BOOT/BOOTX64.EFI gets another name in its FAT."""
    at = d.index(b"BOOTX64 EFI", entries(d)[1][1])
    d[at:at + 11] = b"BOOTX65 EFI"


BIOS, UEFI = 0, 1
FAULTS = [
    Fault("the FAT that UEFI starts is zeros", patched(over(UEFI, 0, bytes(MIB))), IMAGE, "boot image for UEFI", "it is empty"),
    Fault("the boot sector of the FAT that UEFI starts is noise", patched(over(UEFI, 0, noise_bytes(512))), IMAGE, "boot image for UEFI", "no FAT volume"),
    Fault("the FAT that UEFI starts has no loader", patched(renamed), IMAGE, "boot image for UEFI", "no loader in it"),
    Fault("the FAT that UEFI starts lies outside", patched(away(UEFI)), IMAGE, "boot image for UEFI", "behind the end"),
    Fault("the folders of the FAT that UEFI starts are zeros", patched(over(UEFI, 512, bytes(MIB))), IMAGE, "boot image for UEFI"),
    Fault("the boot image for a BIOS is zeros", patched(over(BIOS, 0, bytes(24000))), IMAGE, "boot image for BIOS", "it is empty"),
    Fault("the boot image for a BIOS lies outside", patched(away(BIOS)), IMAGE, "boot image for BIOS", "behind the end"),
]

# SPDX-License-Identifier: BSD-2-Clause
"""Files that are something else than their place asks for: configurations of loaders, kernels, root images, loaders; disk images; a few of isopod.conf
and of the stick."""
import config
from case import *
from config import conf
from menus import CFG, HTML, INITRD, ISOCFG, KERNEL, ROOT, fat, fault, get, holding

UPDATE = "isopod update"


def write(folder, path, data):
    with open(os.path.join(folder, path), "wb") as f:
        f.write(data)


def in_utf16(f):
    write(f, CFG, get(os.path.join(f, CFG)).decode().encode("utf-16"))


def kernel_for_arm(f):
    """Linux, Documentation/arch/arm64/booting.rst: its mark at 56."""
    write(f, KERNEL, bytes(56) + b"ARM\x64" + noise_bytes(90000))


def loader_for_arm(f):
    p = bytearray(doctor_common.efi_program())
    struct.pack_into("<H", p, struct.unpack_from("<I", p, 0x3C)[0] + 4, 0xAA64)
    write(f, "efi/shim", bytes(p))


def more_in_initrd(f):
    write(f, INITRD, get(os.path.join(f, INITRD)) + noise_bytes(5000))


# --- disk images -------------------------------------------------------------------------------------------------------------
def disk(spoil, table="dos", length=None):
    """A disk image with a loader for UEFI in its one partition; spoil(bytes)."""
    def make(w):
        path = w.fresh(".img")
        with open(path, "wb") as f:
            f.truncate(24 * MIB)
        run("sfdisk", "-q", "--no-reread", path, input="label: %s\nstart=2048,size=32768,type=%s\n" % (table, "ef" if table == "dos" else "U"), check=True)
        fat("./part.fat", {"EFI/BOOT/BOOTX64.EFI": doctor_common.efi_program()}, "16M")
        with open("part.fat", "rb") as f:
            part = f.read()
        with open(path, "r+b") as f:
            d = bytearray(f.read())
            d[MIB:MIB + len(part)] = part
            spoil(d)
            f.seek(0)
            f.write(d)
            f.truncate(length or len(d))
        return path
    return make


def at(where, data):
    def spoil(d):
        first = where if where >= 0 else len(d) + where
        d[first:first + len(data)] = data
    return spoil


def both_headers(d):
    for where in (512 + 20, -512 + 20):
        at(where, b"\xee\xee")(d)


def loader_of_zeros(d):
    program = doctor_common.efi_program()
    at(d.index(program[:512]), bytes(len(program)))(d)


# --- the stick ---------------------------------------------------------------------------------------------------------------
def esp_file(name, data):
    def make(w):
        s = w.stick()
        with open("espfile", "wb") as f:
            f.write(data)
        run("mcopy", "-o", "-i", "%s@@%d" % (s, partitions(s)[1][1][0]), "espfile", "::" + name, check=True)
        return s
    return make


def loaders_exchanged(w):
    s = w.stick()
    where = "%s@@%d" % (s, partitions(s)[1][1][0])
    for n in ("X64", "IA32"):
        run("mcopy", "-o", "-i", where, "::EFI/BOOT/BOOT%s.EFI" % n, n, check=True)
    for a, b in (("X64", "IA32"), ("IA32", "X64")):
        run("mcopy", "-o", "-i", where, a, "::EFI/BOOT/BOOT%s.EFI" % b, check=True)
    return s


def on_stick(path, data):
    return lambda w: config.put(w.stick(), path, data)


def mended(path):
    must("update", path, data=STICK)


FAULTS = [
    # configurations of loaders
    fault("GRUB's configuration is empty", holding(CFG, ""), CFG, "empty"),
    fault("GRUB's configuration is zeros", holding(CFG, bytes(2000)), CFG, "zeros"),
    fault("GRUB's configuration is a web page", holding(CFG, HTML), CFG, "web page"),
    fault("GRUB's configuration is packed", holding(CFG, b"PK\3\4" + noise_bytes(900)), CFG, "ZIP"),
    fault("GRUB's configuration is in UTF-16", in_utf16, CFG, "UTF-16"),
    fault("isolinux' configuration is empty", holding(ISOCFG, ""), "isolinux.cfg", quick=False),
    fault("isolinux' configuration is noise", holding(ISOCFG, noise_bytes(3000)), "isolinux.cfg", quick=False),
    # what they lead to
    fault("the kernel is empty", holding(KERNEL, b""), KERNEL, quick=False),
    fault("the kernel is zeros", holding(KERNEL, bytes(90000)), KERNEL, quick=False),
    fault("the kernel is for ARM", kernel_for_arm, KERNEL, "ARM"),
    fault("the initrd is empty", holding(INITRD, b""), INITRD, quick=False),
    fault("the initrd is zeros", holding(INITRD, bytes(90000)), INITRD, quick=False),
    fault("somebody's bytes behind the initrd", more_in_initrd, INITRD, "to its end"),
    fault("the squashfs is empty", holding(ROOT, b""), ROOT, "none"),
    fault("the squashfs is zeros", holding(ROOT, bytes(900000)), ROOT, quick=False),
    fault("the squashfs is a ZIP archive", holding(ROOT, b"PK\3\4" + noise_bytes(900000)), ROOT, quick=False),
    fault("the loader for UEFI is zeros", holding("efi/shim", bytes(900000)), "BOOTX64.EFI", quick=False),
    fault("the loader for UEFI is empty", holding("efi/shim", b""), "boot image for UEFI", "no loader in it", quick=False),
    fault("the loader for UEFI is for ARM", loader_for_arm, "BOOTX64.EFI", "another kind of machine"),
    # disk images
    Fault("disk image: FAT of zeros", disk(at(MIB, bytes(MIB))), IMAGE, ".img", "no boot loader", quick=False),
    Fault("disk image: sector size of its FAT", disk(at(MIB + 11, b"\xff\xff")), IMAGE, ".img", "no boot loader", quick=False),
    Fault("disk image: a partition behind the end", disk(at(446 + 8, b"\xff\xff\xff\0")), IMAGE, ".img", "cut off", quick=False),
    Fault("disk image: first sector of zeros", disk(at(0, bytes(512))), IMAGE, ".img", "zeros in its beginning", quick=False),
    Fault("disk image: GPT header", disk(at(512 + 20, b"\xee\xee"), "gpt"), IMAGE, ".img", "checksums of its GPT", quick=False),
    Fault("disk image: both GPT headers", disk(both_headers, "gpt"), IMAGE, ".img", quick=False),
    Fault("disk image: loader of zeros", disk(loader_of_zeros), IMAGE, "BOOTX64.EFI", quick=False),
    Fault("disk image: cut off", disk(lambda d: None, length=9 * MIB), IMAGE, ".img", "cut off", quick=False),
    # isopod.conf
    Fault("an answer file that is not there", conf("answer = /answers/gone.xml\n"), RULES, "isopod.conf:1", "names no file"),
    Fault("a full-width equals sign", conf("timeout \uff1d 5\n"), RULES, "isopod.conf:1", "no '='", quick=False),
    Fault("a no-break space in a key", conf("timeout\u00a0= 5\n"), RULES, "isopod.conf:1", "unknown key", quick=False),
    Fault("a section as in INI files", conf("[menu]\nview = flat\n"), RULES, "isopod.conf:1", "no '='", quick=False),
    Fault("a comment as in C", conf("// mine\nview = flat\n"), RULES, "isopod.conf:1", "no '='", quick=False),
    Fault("JSON", conf('{"view": "flat"}\n'), RULES, "isopod.conf:1", "no '='", quick=False),
    Fault("a timeout below 0", conf("default = /images/sound-live.iso\ntimeout = -5\n"), RULES, "isopod.conf:2", "number", quick=False),
    Fault("default that is a folder", conf("default = /images\n"), RULES, "isopod.conf:1", "names no image", quick=False),
    # the stick
    Fault("loaders of x64 and ia32 exchanged", loaders_exchanged, DRIVE, "EFI/BOOT/BOOTX64.EFI", UPDATE, cure=mended, quick=False),
    Fault("the list of files is noise", esp_file("ISOPOD/FILES.TXT", noise_bytes(900)), DRIVE, "FILES.TXT", "damaged", UPDATE, cure=mended),
    Fault("the font is noise", esp_file("ISOPOD/FONT.BIN", noise_bytes(90000)), DRIVE, "FONT.BIN", UPDATE, cure=mended, quick=False),
    Fault("the helper for Windows is a text", esp_file("ISOPOD/WINX64.EXE", b"hello"), DRIVE, "WINX64.EXE", UPDATE, cure=mended, quick=False),
    Fault("the ESP has the type of another FAT", lambda w: poke(w.stick(), 446 + 16 + 4, b"\x0c"), DRIVE, "ESP", "no ESP"),
    Fault("an empty image on the stick", on_stick("/images/empty.iso", b""), IMAGE, "empty.iso", "empty", quick=False),
    Fault("an image of zeros on the stick", on_stick("/images/zeros.iso", bytes(900000)), IMAGE, "zeros.iso", "zeros", quick=False),
]

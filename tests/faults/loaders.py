# SPDX-License-Identifier: BSD-2-Clause
"""Faults of images whose boot menus are GRUB Legacy's, GRUB4DOS', rEFInd's or Limine's: what these name and is not there, or is not what it
should be. The loaders themselves are heads or stand-ins: what the doctor knows them by."""
from case import *
from doctor_common import bzimage, efi_program
from menus import HTML, VERSION, arch_iso, both, bytes_at, holding, initrd, medium, put, replaced, without

MENU_LST = """default 1
timeout 5
title Memory test
 kernel /live/memtest
title Live
 root (cd)
 kernel /live/vmlinuz boot=live
 initrd /live/initrd.img
title Safe
 kernel (cd)/live/vmlinuz boot=live nomodeset
 initrd (cd)/live/initrd.img
title Hard disk
 root (hd0,0)
 kernel /boot/vmlinuz
 initrd /boot/initrd.img
title Another kernel
 kernel /live/mach
 module /live/ext2fs
"""
REFIND_CONF = """timeout 20
menuentry Live {
 loader /live/vmlinuz
 initrd \\live\\initrd.img
 options "boot=live"
 submenuentry "Safe" {
  add_options nomodeset
 }
}
menuentry "On the hard disk" {
 volume ROOT
 loader /boot/vmlinuz
 initrd /boot/initrd.img
}
menuentry "Windows" {
 loader \\EFI\\Microsoft\\Boot\\bootmgfw.efi
}
menuentry "A sample" {
 loader /boot/vmlinuz-linux
 initrd /boot/initramfs-linux.img
 disabled
}
"""
LINUX_CONF = '"Live" "boot=live initrd=live\\initrd.img"\n"Without" "boot=live"\n'
LIMINE_CONF = """timeout: 5
default_entry: 3
/Old
    //Older
        protocol: linux
        path: boot():/live/memtest
/+Systems
    //Live
        protocol: linux
        path: boot():/live/vmlinuz
        cmdline: boot=live
        module_path: boot():/live/initrd.img
    //Safe
        protocol: linux
        path: boot():/live/vmlinuz
        module_path: boot():/live/initrd.img
/Own
    protocol: limine
    path: boot():/live/own
/Elsewhere
    protocol: linux
    path: boot(2):/vmlinuz
    module_path: guid(736b5698-5ae1-4dff-be2c-ef8f44a61c52):/initrd
"""
LST, RCONF, LCONF = "boot/grub/menu.lst", "EFI/BOOT/refind.conf", "limine.conf"


def files(folder):
    put(folder + "/live/vmlinuz", bzimage(VERSION))
    put(folder + "/live/memtest", bzimage("memtest", 60000, 2, 0x203))
    put(folder + "/live/initrd.img", initrd())


def legacy(folder, head=b"0.97\0/boot/grub/menu.lst\0", menu=LST):
    """The first sectors of stage2_eltorito."""
    files(folder)
    put(folder + "/live/mach", bytes(64) + struct.pack("<III", 0x1BADB002, 3, -(0x1BADB002 + 3) & 0xFFFFFFFF) + bytes(5000))
    put(folder + "/live/ext2fs", b"\177ELF" + bytes(4000))
    put(folder + "/boot/stage2", (bytes(512 + 0x12) + head).ljust(40960, b"\x90"))
    put(folder + "/" + menu, MENU_LST)


def grub4dos(folder):
    legacy(folder, b"NTLDR GRLDR", "menu.lst")


def bios_iso(out, folder):
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", "PODLEGACY", "-R", "-b", "boot/stage2", "-c", "boot/boot.cat", "-no-emul-boot", "-boot-load-size", "4",
        "-o", out, folder, check=True)


def refind(folder):
    files(folder)
    put(folder + "/EFI/BOOT/BOOTX64.EFI", efi_program())
    put(folder + "/" + RCONF, REFIND_CONF)
    put(folder + "/boot/refind_linux.conf", LINUX_CONF)


def limine(folder):
    files(folder)
    put(folder + "/live/own", b"\177ELF" + bytes(4000))
    put(folder + "/boot/stage2", b"\x90" * 40960)
    put(folder + "/" + LCONF, LIMINE_CONF)


def of(name, make, pack, change, file, *words, **kw):
    return Fault(name, medium(change, make, pack), IMAGE, file, *words, **kw)


def by_legacy(name, change, *words, **kw):
    return of("GRUB Legacy's " + name, legacy, bios_iso, change, *words, **kw)


def by_refind(name, change, *words, **kw):
    return of("rEFInd's " + name, refind, arch_iso, change, *words, **kw)


def by_limine(name, change, *words, **kw):
    return of("Limine's " + name, limine, bios_iso, change, *words, **kw)


FAULTS = [
    by_legacy("kernel is missing", without("live/vmlinuz"), "/live/vmlinuz", "missing", "menu.lst, line 7", "starts by itself"),
    by_legacy("initrd is missing", without("live/initrd.img"), "/live/initrd.img", "menu.lst, line 8", "starts by itself"),
    by_legacy("default entry alone lacks its initrd", replaced(LST, (" initrd /live/initrd.img", " initrd /live/i.img")), "/live/i.img", "starts by itself"),
    by_legacy("initrd is a web page", holding("live/initrd.img", HTML), "live/initrd.img", "no initrd"),
    by_legacy("kernel is a web page", holding("live/vmlinuz", HTML), "live/vmlinuz", "no kernel"),
    by_legacy("only entry has another kernel", holding(LST, "title=x\nkernel=/live/linux\n"), "/live/linux", "line 2", "starts by itself"),
    of("GRUB4DOS' kernel is missing", grub4dos, bios_iso, without("live/vmlinuz"), "/live/vmlinuz", "menu.lst, line 7", "starts by itself"),
    of("GRUB4DOS' menu leads to one whose kernel is missing", grub4dos, bios_iso, both(holding("menu.lst", "title x\nconfigfile /more.lst\n"),
       holding("more.lst", "title y\nkernel /live/linux\n")), "/live/linux", "more.lst, line 2"),
    by_refind("kernel is missing", without("live/vmlinuz"), "/live/vmlinuz", "missing", "refind.conf, line 3"),
    by_refind("initrd is missing", without("live/initrd.img"), "/live/initrd.img", "refind.conf, line 4"),
    by_refind("entry below has an initrd that is missing", replaced(RCONF, ("add_options nomodeset", "initrd /live/small.img")), "/live/small.img", "line 7"),
    by_refind("initrd is a web page", holding("live/initrd.img", HTML), "live/initrd.img", "no initrd"),
    by_refind("initrd for a kernel that it finds is missing", replaced("boot/refind_linux.conf", ("live\\initrd", "live\\ram")), "live/ram.img", "refind_linux.conf, line 1"),
    by_limine("kernel is missing", without("live/vmlinuz"), "/live/vmlinuz", "missing", "limine.conf, line 10", "starts by itself"),
    by_limine("initrd is missing", without("live/initrd.img"), "/live/initrd.img", "limine.conf, line 12", "starts by itself"),
    by_limine("default entry alone lacks its initrd", replaced(LCONF, ("boot=live\n        module_path: boot():/live/initrd.img", "boot=live\n        module_path: boot():/live/i.img")),
              "/live/i.img", "line 12", "starts by itself"),
    by_limine("initrd with a hash is missing", replaced(LCONF, ("live/initrd.img\n    //Safe", "live/i.img#" + "0" * 128 + "\n    //Safe")), "/live/i.img is missing"),
    by_limine("kernel is damaged", bytes_at("live/vmlinuz", 50000, None), "live/vmlinuz", "CRC-32"),
    by_limine("older configuration has a kernel that is missing", both(without(LCONF), holding("boot/limine.cfg", ":x\nPROTOCOL=linux\nKERNEL_PATH=boot:///live/linux\n")),
              "/live/linux", "boot/limine.cfg, line 3", "starts by itself"),
]
SOUND = [
    Sound("GRUB Legacy", medium(None, legacy, bios_iso)),
    Sound("GRUB4DOS, one command after the other", medium(replaced("menu.lst", (" root (cd)\n kernel", " find --set-root /x && kernel /live/none || kernel")), grub4dos, bios_iso)),
    Sound("a menu.lst beside a loader that does not read it", medium(both(without("live/vmlinuz"), holding("boot/stage2", b"\x90" * 40960)), legacy, bios_iso)),
    Sound("rEFInd, samples that are disabled, other systems", medium(None, refind, arch_iso)),
    Sound("rEFInd, its configuration in UTF-16", medium(lambda f: put(f + "/" + RCONF, REFIND_CONF.encode("utf-16")), refind, arch_iso)),
    Sound("Limine, one of its own kernels, other volumes", medium(None, limine, bios_iso)),
    Sound("Limine, what a closed folder of its menu holds is missing", medium(without("live/memtest"), limine, bios_iso)),
]

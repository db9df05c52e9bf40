# SPDX-License-Identifier: BSD-2-Clause
"""Faults of images: what their boot menus name, kernels, initrds, loaders, root images, tables. Media with isolinux, GRUB and systemd-boot,
made by xorriso out of the programs that distributions use, and small kernels and initrds that start nothing."""
import gzip, zlib

from case import *
from doctor_common import bzimage, efi_program, squashfs_like

VERSION = "6.1.0-9-isopod"
C32 = "/usr/lib/syslinux/modules/bios/"
MODULES = ("ldlinux.c32", "libcom32.c32", "libutil.c32", "menu.c32", "mboot.c32", "vesamenu.c32")
GRUB_CFG = """set timeout=1
set default=0
menuentry 'Live' --id live {
	linux /live/vmlinuz boot=live
	initrd /live/ucode.img /live/initrd.img
}
menuentry 'Live, safe' {
	linux /live/vmlinuz boot=live nomodeset
	initrd /live/initrd.img
}
menuentry 'Memory test' {
	linux /live/memtest
}
"""
ISOLINUX_CFG = """ui menu.c32
timeout 10
include more.cfg
label live
  menu default
  kernel /live/vmlinuz
  append initrd=/live/ucode.img,/live/initrd.img boot=live
label safe
  kernel /live/vmlinuz
  append initrd=/live/initrd.img nomodeset
label local
  localboot 0x80
label hdt
  kernel hdt.c32
"""
MORE_CFG = "label test\n  kernel /live/memtest\n"
FAT_CFG = "search --set=root --file /.disk/info\nset prefix=($root)/boot/grub\nconfigfile ($root)/boot/grub/grub.cfg\n"
ARCH_ENTRY = "title Arch\nlinux /arch/vmlinuz\ninitrd /arch/initrd.img\noptions quiet\n"


def put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def get(path):
    with open(path, "rb") as f:
        return f.read()


def initrd(version=VERSION, size=30000):
    """With drivers that a live system needs, all of them empty."""
    files = {"init": b"#!/bin/sh\n" + noise_bytes(size, 5)}
    for m in ("usb-storage", "xhci_pci", "ehci-pci", "sd_mod", "isofs", "squashfs", "loop", "overlay"):
        files["lib/modules/%s/kernel/%s.ko" % (version, m)] = b""
    files["lib/modules/%s/modules.builtin" % version] = b"kernel/x.ko\n"
    return gzip.compress(cpio(files), mtime=0)


def fat(path, files, size="4M"):
    run("truncate", "-s", size, path, check=True)
    run("mkfs.fat", "-i", "12345678", "-n", "EFI", path, check=True)
    folders = set()
    for name, data in files.items():
        parts = name.split("/")[:-1]
        for i in range(len(parts)):
            folders.add("/".join(parts[:i + 1]))
    for f in sorted(folders):
        run("mmd", "-i", path, "::" + f, check=True)
    for name, data in files.items():
        put(path + ".f", data)
        run("mcopy", "-i", path, path + ".f", "::" + name, check=True)
    os.path.exists(path + ".f") and os.unlink(path + ".f")


def live(folder):
    """isolinux on BIOS; shim, GRUB and a configuration of two stages on UEFI."""
    put(folder + "/live/vmlinuz", bzimage(VERSION))
    put(folder + "/live/memtest", bzimage("memtest", 60000, 2, 0x203))
    put(folder + "/live/ucode.img", cpio({"kernel/x86/microcode/GenuineIntel.bin": b"\1" * 2048}))
    put(folder + "/live/initrd.img", initrd())
    put(folder + "/live/filesystem.squashfs", squashfs_like(1200000))
    put(folder + "/.disk/info", "a disk\n")
    put(folder + "/boot/grub/grub.cfg", GRUB_CFG)
    put(folder + "/isolinux/isolinux.cfg", ISOLINUX_CFG)
    put(folder + "/isolinux/more.cfg", MORE_CFG)
    put(folder + "/isolinux/isolinux.bin", get("/usr/lib/ISOLINUX/isolinux.bin"))
    for m in MODULES:
        put(folder + "/isolinux/" + m, get(C32 + m))
    put(folder + "/efi/shim", get("/usr/lib/shim/shimx64.efi.signed"))
    put(folder + "/efi/grub", get("/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed"))
    put(folder + "/efi/cfg", FAT_CFG)


def live_iso(out, folder, *more):
    """The folder `efi` becomes the El Torito image."""
    names = {"shim": "EFI/BOOT/BOOTX64.EFI", "grub": "EFI/BOOT/grubx64.efi", "cfg": "EFI/BOOT/grub.cfg"}
    esp = {names[n]: get(os.path.join(folder, "efi", n)) for n in sorted(os.listdir(folder + "/efi"))}
    shutil.rmtree(folder + "/efi")
    fat(folder + "/efi.img", esp, "6M")
    boot = ("-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table")
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", "PODFAULT", "-R", "-J", *boot, "-eltorito-alt-boot", "-e", "efi.img", "-no-emul-boot",
        "-isohybrid-mbr", "/usr/lib/ISOLINUX/isohdpfx.bin", "-isohybrid-gpt-basdat", *more, "-o", out, folder, check=True)


def arch(folder):
    """systemd-boot in a FAT of its own, with kernel and initrd."""
    put(folder + "/EFI/BOOT/BOOTX64.EFI", get("/usr/lib/systemd/boot/efi/systemd-bootx64.efi"))
    put(folder + "/loader/loader.conf", "timeout 3\ndefault 01-*\n")
    put(folder + "/loader/entries/01-arch.conf", ARCH_ENTRY)
    put(folder + "/loader/entries/02-safe.conf", ARCH_ENTRY.replace("quiet", "nomodeset").replace("title Arch", "title Safe"))
    put(folder + "/loader/entries/03-arm.conf", "title ARM\narchitecture arm\nlinux /arm/vmlinuz\n")
    put(folder + "/arch/vmlinuz", bzimage(VERSION))
    put(folder + "/arch/initrd.img", initrd())


def arch_iso(out, folder):
    files = {}
    for root, _, names in os.walk(folder):
        for n in names:
            files[os.path.relpath(os.path.join(root, n), folder)] = get(os.path.join(root, n))
    shutil.rmtree(folder)
    put(folder + "/arch/airootfs.sfs", squashfs_like(1200000))
    fat(folder + "/efi.img", dict(sorted(files.items())))
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", "PODARCH", "-R", "-J", "-e", "efi.img", "-no-emul-boot", "-o", out, folder, check=True)


def rescue(out, folder):
    """What grub-mkrescue makes: GRUB on BIOS and UEFI."""
    run("grub-mkrescue", "--compress=no", "--fonts=", "--locales=", "--themes=", "-o", out, folder, "--", "-volid", "PODRESCUE", check=True)


def medium(change=None, make=live, pack=live_iso, options=(), more=()):
    """A medium whose tree was changed before it was packed; change(folder)."""
    def build(w):
        out = w.fresh(".iso")
        folder = out + ".tree"
        make(folder)
        if change:
            change(folder)
        pack(out, folder, *more)
        shutil.rmtree(folder)
        return (out, *options) if options else out
    return build


def sd(change):
    return medium(change, arch, arch_iso)


def without(path):
    return lambda f: os.unlink(os.path.join(f, path))


def holding(path, data):
    return lambda f: put(os.path.join(f, path), data)


def replaced(path, *pairs):
    """Text for text."""
    def change(f):
        text = get(os.path.join(f, path)).decode()
        for old, new in pairs:
            assert old in text, (path, old)
            text = text.replace(old, new)
        put(os.path.join(f, path), text)
    return change


def bytes_at(path, at, data, negative=False):
    """`data` at an offset of the file; None: one byte turned over; negative: from its end."""
    def change(f):
        b = bytearray(get(os.path.join(f, path)))
        where = len(b) - at if negative else at
        b[where:where + len(data or b"x")] = data or bytes([b[where] ^ 0xFF])
        put(os.path.join(f, path), bytes(b))
    return change


def cut(path, length):
    return lambda f: os.truncate(os.path.join(f, path), length)


def both(*changes):
    def change(f):
        for c in changes:
            c(f)
    return change


def moved(a, b):
    return lambda f: os.rename(os.path.join(f, a), os.path.join(f, b))


def patched(change, make=live, pack=live_iso):
    """A sound medium of which bytes are changed when it is made: change(data) with a bytearray."""
    def build(w):
        path = w.copy(w.once("medium of %s.iso" % make.__name__, lambda p: made_once(p, make, pack)), ".iso")
        with open(path, "r+b") as f:
            data = bytearray(f.read())
            old = bytes(data)
            change(data)
            assert data != old
            f.seek(0)
            f.write(data)
            f.truncate(len(data))
        return path
    return build


def made_once(path, make, pack):
    make(path + ".tree")
    pack(path, path + ".tree")
    shutil.rmtree(path + ".tree")


def flip(at, value=0xFF):
    def change(d):
        d[at] ^= value
    return change


def u32(d, at):
    return struct.unpack_from("<I", d, at)[0]


def boot_image(d):
    """Where the first entry of the boot catalogue leads to."""
    catalogue = u32(d, 17 * 2048 + 71) * 2048
    return u32(d, catalogue + 32 + 8) * 2048


def in_boot_image(at, data):
    def change(d):
        where = boot_image(d) + at
        d[where:where + len(data)] = data
    return change


HTML = "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>" + "not here " * 200 + "</body></html>\n"
KERNEL, INITRD, CFG, ISOCFG, ROOT = "live/vmlinuz", "live/initrd.img", "boot/grub/grub.cfg", "isolinux/isolinux.cfg", "live/filesystem.squashfs"


def fault(name, change, file, *words, **kw):
    return Fault(name, medium(change), IMAGE, file, *words, **kw)


MENUS = [
    # --- isolinux and GRUB: what is missing
    fault("the kernel is missing", without(KERNEL), "/live/vmlinuz", "missing", ".cfg", "line"),
    fault("the initrd is missing", without(INITRD), "/live/initrd.img", "missing", "line"),
    fault("the first of two initrds is missing", without("live/ucode.img"), "/live/ucode.img", "missing", "line"),
    fault("isolinux' kernel has another name", replaced(ISOCFG, ("/live/vmlinuz", "/live/linux")), "/live/linux", "isolinux.cfg, line 6"),
    fault("isolinux' initrd has another name", replaced(ISOCFG, ("/live/initrd.img", "/live/initrd.gz")), "/live/initrd.gz", "isolinux.cfg, line 7"),
    fault("isolinux' default entry alone lacks its initrd", replaced(ISOCFG, ("ucode.img,/live/initrd.img", "ucode.img,/live/i.img")), "/live/i.img", "starts by itself"),
    fault("isolinux' menu program is missing", without("isolinux/menu.c32"), "menu.c32", "missing"),
    fault("a library of isolinux' menu is missing", without("isolinux/libutil.c32"), "libutil.c32", "menu.c32"),
    fault("one of two libraries of isolinux' graphical menu is missing", both(without("isolinux/libcom32.c32"), replaced(ISOCFG, ("menu.c32", "vesamenu.c32"))), "libcom32.c32", "vesamenu.c32"),
    fault("ldlinux.c32 is missing", without("isolinux/ldlinux.c32"), "ldlinux.c32", "missing"),
    fault("ldlinux.c32 is damaged", bytes_at("isolinux/ldlinux.c32", 0, b"\0\0\0\0"), "ldlinux.c32", "damaged"),
    fault("isolinux' menu program is cut off", cut("isolinux/menu.c32", 5000), "isolinux/menu.c32", "cut off"),
    fault("isolinux' menu program is of SYSLINUX 4", bytes_at("isolinux/menu.c32", 0, b"\xb8\xfe\x4c\xcd\x21"), "isolinux/menu.c32", "SYSLINUX 4"),
    fault("isolinux' menu program is a web page", holding("isolinux/menu.c32", HTML), "isolinux/menu.c32", "no module"),
    fault("isolinux has no configuration", without(ISOCFG), "isolinux.cfg", "isolinux"),
    fault("isolinux' configuration is empty", holding(ISOCFG, "\n"), "isolinux.cfg", "neither"),
    fault("isolinux' configuration includes one that is missing", holding(ISOCFG, "include menu.cfg\nui menu.c32\n"), "menu.cfg", "missing"),
    fault("isolinux' default label does not exist", holding(ISOCFG, "default live2\nlabel live\nkernel /live/vmlinuz\nappend initrd=/live/initrd.img\n"), "live2", "label"),
    fault("isolinux' multiboot module is missing", holding(ISOCFG, "default x\nlabel x\nkernel mboot.c32\nappend /live/xen.gz a --- /live/vmlinuz --- /live/initrd.img\n"), "/live/xen.gz", "missing", "line 4"),
    fault("isolinux' only entry names a folder", replaced(ISOCFG, ("/live/vmlinuz", "/live")), "/live", "missing"),
    fault("GRUB's kernel has another name", replaced(CFG, ("/live/vmlinuz", "/live/linux")), "/live/linux", "grub.cfg, line 4"),
    fault("GRUB's initrd has another name", replaced(CFG, ("/live/initrd.img", "/live/initrd.gz")), "/live/initrd.gz", "grub.cfg, line 5"),
    fault("GRUB's name differs in case", replaced(CFG, ("/live/vmlinuz", "/live/VMLINUZ")), "/live/VMLINUZ", "capital", "/live/vmlinuz"),
    fault("GRUB's folder differs in case", replaced(CFG, ("/live/initrd.img", "/LIVE/initrd.img")), "/LIVE/initrd.img", "capital"),
    fault("GRUB's default entry by number lacks its initrd", replaced(CFG, ("default=0", "default=1"), ("\tinitrd /live/initrd.img", "\tinitrd /live/second.img")), "/live/second.img", "line 9", "starts by itself"),
    fault("GRUB's default entry by name lacks its kernel", replaced(CFG, ("default=0", "default=test"), ("'Memory test' {", "'Memory test' --id test {"), ("/live/memtest", "/live/mt")), "/live/mt", "line 12"),
    fault("GRUB's kernel in a variable is missing", replaced(CFG, ("set timeout=1", "set k=/live/linux64"), ("/live/vmlinuz", "$k")), "/live/linux64", "line 4"),
    fault("GRUB's kernel for UEFI is missing", holding(CFG, "if [ \"$grub_platform\" = efi ]; then\nmenuentry a {\n linux /live/k.efi\n}\nelse\nmenuentry a { linux /live/vmlinuz; }\nfi\n"), "/live/k.efi", "line 3"),
    fault("GRUB's configuration leads to one that is missing", holding(CFG, "set timeout=3\nsource /boot/grub/entries.cfg\n"), "/boot/grub/entries.cfg", "missing"),
    fault("GRUB's configfile is missing", holding(CFG, "configfile /boot/grub/main.cfg\n"), "/boot/grub/main.cfg", "line 1"),
    fault("GRUB's multiboot kernel is missing", holding(CFG, "menuentry x {\n multiboot2 /xen.gz\n module2 /live/vmlinuz\n}\n"), "/xen.gz", "line 2"),
    fault("a module of GRUB's multiboot kernel is missing", both(holding("xen", bytes(64) + struct.pack("<III", 0x1BADB002, 3, -(0x1BADB002 + 3) & 0xFFFFFFFF) + bytes(5000)),
          holding(CFG, "menuentry x {\n multiboot /xen\n module /live/dom0\n}\n")), "/live/dom0", "line 3"),
    fault("GRUB chain-loads a program that is missing", holding(CFG, "menuentry x {\n chainloader /EFI/tool.efi\n}\n"), "/EFI/tool.efi", "line 2"),
    fault("GRUB's disk image is missing", holding(CFG, "menuentry x {\n loopback loop /live/os.iso\n linux (loop)/vmlinuz\n}\n"), "/live/os.iso", "line 2"),
    fault("an entry in a submenu lacks its kernel, the only one", holding(CFG, "submenu s {\nmenuentry x {\n linux /live/k\n}\n}\n"), "/live/k", "line 3"),
    fault("a kernel of a further entry is missing", replaced(CFG, ("'Live, safe' {\n\tlinux /live/vmlinuz", "'Live, safe' {\n\tlinux /live/vmlinuz-rt")), "/live/vmlinuz-rt", "line 8"),
    fault("GRUB looks for a file that no volume has", without(".disk/info"), "/.disk/info", "GRUB looks for", "line 1"),
    fault("GRUB looks for another label", holding("efi/cfg", "search --label --set=root OTHER\nconfigfile ($root)/boot/grub/grub.cfg\n"), "OTHER", "label"),
    fault("GRUB looks for another identifier", holding("efi/cfg", "search --fs-uuid --set=root 2001-01-01-01-01-01-00\nconfigfile /boot/grub/grub.cfg\n"), "2001-01-01-01-01-01-00", "line 1"),
    fault("the EFI partition's GRUB leads to a configuration that is missing", replaced("efi/cfg", ("grub/grub.cfg", "grub/main.cfg")), "/boot/grub/main.cfg", "line 3"),
    # --- systemd-boot
    Fault("systemd-boot's kernel is missing", sd(without("arch/vmlinuz")), IMAGE, "/arch/vmlinuz", "01-arch.conf, line 2"),
    Fault("systemd-boot's initrd is missing", sd(without("arch/initrd.img")), IMAGE, "/arch/initrd.img", "01-arch.conf, line 3"),
    Fault("systemd-boot's default entry has another kernel", sd(replaced("loader/entries/01-arch.conf", ("vmlinuz", "linux"))), IMAGE, "/arch/linux", "starts by itself"),
    Fault("systemd-boot's only entry starts a program that is missing", sd(both(without("loader/entries/01-arch.conf"), without("loader/entries/02-safe.conf"),
          holding("loader/entries/04.conf", "title x\nefi /EFI/shell.efi\n"))), IMAGE, "/EFI/shell.efi", "line 2"),
    Fault("systemd-boot's kernel is damaged", sd(bytes_at("arch/vmlinuz", 50000, None)), IMAGE, "arch/vmlinuz", "CRC-32"),
    Fault("systemd-boot's initrd is a web page", sd(holding("arch/initrd.img", HTML)), IMAGE, "arch/initrd.img", "no initrd"),
]

FILES = [
    # --- kernels
    fault("the kernel is empty", holding(KERNEL, b""), "live/vmlinuz", "empty"),
    fault("the kernel is a web page", holding(KERNEL, HTML), "live/vmlinuz", "no kernel"),
    fault("the kernel's beginning is zeros", bytes_at(KERNEL, 0, bytes(2048)), "live/vmlinuz", "no kernel"),
    fault("the kernel is cut off", cut(KERNEL, 70000), "live/vmlinuz", "cut off"),
    fault("a byte of the kernel is wrong", bytes_at(KERNEL, 60000, None), "live/vmlinuz", "CRC-32"),
    fault("the kernel's sum itself is wrong", bytes_at(KERNEL, 4, None, True), "live/vmlinuz", "CRC-32"),
    fault("the kernel's boot flag is wrong", bytes_at(KERNEL, 0x1FE, b"\0\0"), "live/vmlinuz"),
    fault("the kernel's protocol makes no sense", bytes_at(KERNEL, 0x206, b"\x00\x99"), "live/vmlinuz", "protocol"),
    fault("the kernel's length makes no sense", bytes_at(KERNEL, 0x1F4, b"\xff\xff\xff\x00"), "live/vmlinuz", "syssize"),
    fault("the kernel's payload lies outside", bytes_at(KERNEL, 0x248, b"\xff\xff\xff\x7f"), "live/vmlinuz", "payload_offset"),
    fault("the kernel's PE header leads nowhere", both(bytes_at(KERNEL, 0, b"MZ"), bytes_at(KERNEL, 0x3C, b"\xf0\xff\xff\x7f")), "live/vmlinuz", "PE header"),
    fault("the kernel is an initrd", lambda f: put(f + "/" + KERNEL, get(f + "/live/ucode.img")), "live/vmlinuz", "no kernel"),
    fault("a byte of a signed kernel is wrong", lambda f: put(f + "/" + KERNEL, damaged_signed()), "live/vmlinuz", "not what was signed"),
    # --- initrds
    fault("the initrd is empty", holding(INITRD, b""), "live/initrd.img", "empty"),
    fault("the initrd is a web page", holding(INITRD, HTML), "live/initrd.img", "no initrd"),
    fault("the initrd is zeros", holding(INITRD, bytes(30000)), "live/initrd.img", "zeros"),
    fault("the initrd's magic is damaged", bytes_at(INITRD, 0, b"\x1e"), "live/initrd.img", "no initrd"),
    fault("the initrd is cut off", lambda f: os.truncate(f + "/" + INITRD, os.path.getsize(f + "/" + INITRD) // 2), "live/initrd.img", "offset"),
    fault("a byte in the middle of the initrd is wrong", bytes_at(INITRD, 15000, bytes(64)), "live/initrd.img", "offset"),
    fault("the microcode is damaged", bytes_at("live/ucode.img", 0, b"0x0701"), "live/ucode.img", "no initrd"),
    # --- modules, programs
    fault("the multiboot kernel has no header", both(holding("xen", noise_bytes(9000)), holding(CFG, "menuentry x {\n multiboot /xen\n}\n")), "xen", "multiboot header"),
    fault("the chain-loaded program is no program", both(holding("EFI/tool.efi", HTML), holding(CFG, "menuentry x {\n chainloader /EFI/tool.efi\n}\n")), "EFI/tool.efi", "no EFI program"),
    fault("the chain-loaded program is cut off", both(holding("EFI/tool.efi", efi_program()[:2000]), holding(CFG, "menuentry x {\n chainloader /EFI/tool.efi\n}\n")), "EFI/tool.efi"),
    fault("GRUB's font is damaged", both(holding("boot/grub/font.pf2", "FILE?"), replaced(CFG, ("set timeout=1", "loadfont /boot/grub/font.pf2"))), "font.pf2", level=("note",)),
    # --- EFI loaders
    fault("shim's header is damaged", bytes_at("efi/shim", 0x80, b"XXXX"), "BOOTX64.EFI"),
    fault("shim is cut off", cut("efi/shim", 400000), "BOOTX64.EFI"),
    fault("a byte of shim is wrong", bytes_at("efi/shim", 300000, None), "BOOTX64.EFI", "not what was signed"),
    fault("GRUB beside shim is missing", without("efi/grub"), "grubx64.efi", "missing"),
    fault("a byte of GRUB is wrong", bytes_at("efi/grub", 300000, None), "grubx64.efi", "not what was signed"),
    fault("GRUB beside shim is a web page", holding("efi/grub", HTML), "grubx64.efi"),
    # --- isolinux itself
    Fault("a byte of isolinux is wrong", patched(lambda d: in_boot_image(9000, bytes([d[boot_image(d) + 9000] ^ 1]))(d)), IMAGE, "boot image", "add up"),
    Fault("isolinux' sum is wrong", patched(in_boot_image(20, b"\0\1\2\3")), IMAGE, "boot image", "add up"),
    Fault("isolinux thinks that it lies elsewhere", patched(in_boot_image(12, b"\x99\x01\0\0")), IMAGE, "boot information table", "block 409"),
    Fault("isolinux' length is wrong", patched(in_boot_image(16, b"\0\0\0\x7f")), IMAGE, "boot information table", "bytes"),
    # --- root images
    fault("the squashfs's magic is damaged", bytes_at(ROOT, 0, b"hsqq"), "live/filesystem.squashfs", "none"),
    fault("the squashfs is a web page", holding(ROOT, HTML * 5), "live/filesystem.squashfs", "none"),
    fault("the squashfs is cut off", cut(ROOT, 800000), "live/filesystem.squashfs", "cut off"),
    fault("the squashfs has another version", bytes_at(ROOT, 28, b"\3"), "live/filesystem.squashfs", "version"),
    fault("the squashfs's block sizes disagree", bytes_at(ROOT, 22, b"\x10"), "live/filesystem.squashfs", "block size"),
    fault("the squashfs's compression is unknown", bytes_at(ROOT, 20, b"\x20"), "live/filesystem.squashfs", "compression"),
    fault("the squashfs's inode table lies outside", bytes_at(ROOT, 64, b"\xff\xff\xff\x7f"), "live/filesystem.squashfs", "inode"),
    fault("the squashfs's inode table is zeros", lambda f: bytes_at(ROOT, struct.unpack_from("<Q", get(f + "/" + ROOT), 64)[0], bytes(6))(f), "live/filesystem.squashfs", "inode table"),
    fault("the squashfs's directory table is damaged", lambda f: bytes_at(ROOT, struct.unpack_from("<Q", get(f + "/" + ROOT), 72)[0], b"\xff\x1f")(f), "live/filesystem.squashfs", "directory table"),
    fault("the squashfs's ids lie outside", bytes_at(ROOT, 48, b"\xff\xff\xff\x7f"), "live/filesystem.squashfs", "ids"),
    fault("the squashfs's root lies outside", bytes_at(ROOT, 34, b"\xff\xff"), "live/filesystem.squashfs", "root inode"),
    fault("the erofs's sum is wrong", lambda f: erofs(f, 1024 + 50, b"\x99"), "live/root.erofs", "checksum"),
    fault("the erofs is cut off", lambda f: erofs(f, cut_to=20000), "live/root.erofs", "cut off"),
    fault("the erofs's root is no folder", lambda f: erofs(f, mode=True), "live/root.erofs", "root inode"),
]


def damaged_signed():
    """A kernel that is signed, and was changed afterwards."""
    k = bytearray(get("/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"))
    k[200000] ^= 1
    return bytes(k)


def erofs(folder, at=None, data=None, cut_to=None, mode=False):
    src = folder + "-erofs"
    put(src + "/a", noise_bytes(100000))
    out = folder + "/live/root.erofs"
    run("mkfs.erofs", "-T", "0", out, src, check=True)
    shutil.rmtree(src)
    b = bytearray(get(out))
    if mode:
        root = u32(b, 1024 + 40) * 4096 + struct.unpack_from("<H", b, 1024 + 14)[0] * 32
        b[root + 4:root + 6] = b"\xa4\x81"
        # the root lies in the superblock's block: without its sum
        struct.pack_into("<I", b, 1024 + 8, u32(b, 1024 + 8) & ~1)
    elif data:
        b[at:at + len(data)] = data
    put(out, bytes(b[:cut_to]))


PVD = 32768
TABLES = [
    # --- what is said twice
    Fault("the volume's length differs in its two byte orders", patched(flip(PVD + 84)), IMAGE, "volume space size", "offset 32848"),
    Fault("Joliet's volume length differs in its two byte orders", patched(lambda d: flip(joliet(d) + 87)(d)), IMAGE, "volume space size"),
    Fault("the block size differs in its two byte orders", patched(flip(PVD + 131)), IMAGE, "block size"),
    Fault("the path table's length differs in its two byte orders", patched(flip(PVD + 136)), IMAGE, "path table size"),
    Fault("the root folder's place differs in its two byte orders", patched(flip(PVD + 156 + 9)), IMAGE, "root folder"),
    Fault("the two path tables disagree", patched(lambda d: flip(struct.unpack_from(">I", d, PVD + 148)[0] * 2048 + 5)(d)), IMAGE, "path tables disagree"),
    Fault("the path table lies outside", patched(lambda d: struct.pack_into("<I", d, PVD + 140, 0x7FFFFF)), IMAGE, "place of the path table"),
    Fault("a path table names another place", patched(lambda d: path_entry(d)), IMAGE, "a folder is not where it says"),
    Fault("a path table's parent is itself below", patched(lambda d: path_entry(d, parent=True)), IMAGE, "folder above"),
    Fault("the volume descriptors have no end", patched(lambda d: terminator(d)), IMAGE, "end of the volume descriptors"),
    Fault("the boot catalogue's sum is wrong", patched(lambda d: flip(u32(d, 17 * 2048 + 71) * 2048 + 4)(d)), IMAGE, "checksum", "boot catalogue|add up"),
    Fault("the boot catalogue leads outside", patched(lambda d: struct.pack_into("<I", d, u32(d, 17 * 2048 + 71) * 2048 + 40, 0x7FFFFFF)), IMAGE, "entry 1", "outside"),
    Fault("the GPT's sum is wrong", patched(flip(512 + 60)), IMAGE, "GPT", "checksums"),
    Fault("the GPT's partitions are damaged", patched(flip(1024 + 40)), IMAGE, "GPT", "checksums"),
    Fault("the copies of the GPT name different partitions", patched(lambda d: other_copy(d)), IMAGE, "two copies of its GPT"),
]
DRIVER_FAULTS = [
    Fault("a byte in the middle of the squashfs is wrong", medium(lambda f: squashfs(f, True), options=("--full",)), IMAGE, "live/filesystem.squashfs", "unpacked", "offset"),
    Fault("the initrd is of another kernel", medium(holding(INITRD, initrd("6.1.0-13-other"))), DRIVERS, "live/vmlinuz is kernel 6.1.0-9-isopod", "6.1.0-13-other", "live/initrd.img"),
    Fault("the root image is of another system", medium(lambda f: root_of("6.6.7-1-new")(f)), DRIVERS, "the kernel is " + VERSION, "6.6.7-1-new only"),
    Fault("the kernel is of another system", medium(holding(KERNEL, bzimage("6.6.7-1-new"))), DRIVERS, "live/vmlinuz is kernel 6.6.7-1-new", VERSION),
    Fault("a volume with mkfs.fat's boot sector is no boot medium", lambda w: stub(w), IMAGE, "no boot loader for any firmware"),
]


def joliet(d):
    at = PVD
    while d[at] != 2:
        at += 2048
    return at


def terminator(d):
    at = PVD
    while d[at] != 255:
        at += 2048
    d[at:at + 6] = bytes(6)


def path_entry(d, parent=False):
    """The second record of both tables of the primary volume, and of no other."""
    for fmt, where in (("<", u32(d, PVD + 140) * 2048), (">", struct.unpack_from(">I", d, PVD + 148)[0] * 2048)):
        at = where + 10
        if parent:
            struct.pack_into(fmt + "H", d, at + 6, 99)
        else:
            struct.pack_into(fmt + "I", d, at + 2, 16)


def other_copy(d):
    """The copy's first partition begins elsewhere, and its sums say so."""
    at = struct.unpack_from("<Q", d, 512 + 32)[0] * 512
    entries, n, size = struct.unpack_from("<QII", d, at + 72)
    d[entries * 512 + 32] ^= 4
    struct.pack_into("<I", d, at + 88, zlib.crc32(d[entries * 512:entries * 512 + n * size]))
    struct.pack_into("<I", d, at + 16, 0)
    struct.pack_into("<I", d, at + 16, zlib.crc32(d[at:at + 92]))


def squashfs(f, damaged=False):
    """A real one."""
    put(f + "/root/a", "".join("%d\n" % i for i in range(200000)))
    put(f + "/root/b", noise_bytes(500000))
    run("mksquashfs", f + "/root", f + "/" + ROOT, "-quiet", "-no-progress", "-noappend", check=True)
    shutil.rmtree(f + "/root")
    if damaged:
        bytes_at(ROOT, 100000, bytes(64))(f)


def root_of(version):
    """A root image with the modules of a kernel."""
    def build(f):
        put(f + "/root/lib/modules/%s/modules.dep" % version, "kernel/drivers/net/x.ko:\n")
        put(f + "/root/lib/modules/%s/kernel/drivers/net/x.ko" % version, b"")
        put(f + "/root/b", noise_bytes(2000000))
        run("mksquashfs", f + "/root", f + "/" + ROOT, "-quiet", "-no-progress", "-noappend", check=True)
        shutil.rmtree(f + "/root")
    return build


def stub(w):
    path = w.fresh(".img")
    run("truncate", "-s", "8M", path, check=True)
    run("mkfs.fat", path, check=True)
    return path


FAULTS = MENUS + FILES + TABLES + DRIVER_FAULTS
for i, f in enumerate(FAULTS):
    f.quick = i % 5 == 0  # the others with check-faults
SOUND = [
    Sound("unpacked to its end", medium(squashfs, options=("--full",))),
    Sound("isolinux, shim and GRUB", medium()),
    Sound("systemd-boot", medium(None, arch, arch_iso)),
    Sound("GRUB, as grub-mkrescue makes it", medium(lambda f: shutil.rmtree(f + "/efi"), live, rescue), quick=False),
    Sound("with an erofs", medium(erofs)),
    Sound("with the kernel's modules in its root image", medium(lambda f: root_of(VERSION)(f))),
    Sound("a script of iPXE's as its initrd", medium(both(holding("live/own", "#!ipxe\ndhcp\n"), replaced(CFG, ("linux /live/memtest", "linux /live/memtest\n\tinitrd /live/own"))))),
    Sound("iPXE by another name, with a file of its own", medium(both(lambda f: shutil.copy(f + "/live/memtest", f + "/live/netboot.lkrn"), holding("live/own", "set keep-san 1\n"),
          replaced(CFG, ("linux /live/memtest", "linux /live/netboot.lkrn\n\tinitrd /live/own"))))),
    Sound("entries of no use: an absent memory test, a chain to the disk", medium(both(without("live/memtest"), replaced(CFG, ("linux /live/memtest", "chainloader (hd0)+1"))))),
]

# SPDX-License-Identifier: BSD-2-Clause
"""What the tests with Microsoft's boot manager share: where its files are, disks to boot it from, machines to boot it in.

    for w in each():                         ends the test, as skipped, without ISOPOD_WINDOWS
    wim = w.wim()                            a WIM whose "winload" is the memory test
    disk = esp_disk("disk.img", {"EFI/BOOT/BOOTX64.EFI": w.path("efi/boot/bootx64.efi"), ...})
    check(*boots(disk))                    did the memory test come up?

The proof that boot manager, configuration, ramdisk or virtual disk were right is the screen of Windows' memory test, which is a boot
application as winload is: it is put in winload's place. With graphics off (element 16000046) the screen comes to the serial port too
under UEFI; the last screen of each machine is kept in B/windows/NAME.png."""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "interop"), str(HERE.parent / "boot")]
import common  # noqa: E402
from common import B, check, equal, finish, run, sbin, skip  # noqa: E402,F401
from vm import VM, BootError  # noqa: E402

sbin()
TOOL = pathlib.Path(B) / "interop/regf"
OUT = pathlib.Path(B) / "windows"
MEMTEST = r"Windows Memory Diagnostic"
# What a boot manager says when it cannot go on.
FAILURE = r"(?i)0xc[0-9a-f]{7}|needs to be repaired|failed to start|recovery"
MIB = 1 << 20
EFI_LOADER, EFI_MEMTEST, BCDS = "efi/boot/bootx64.efi", "efi/microsoft/boot/memtest.efi", ("boot/bcd", "efi/microsoft/boot/bcd")
GPT_DISK = "5D1C0DE5-0000-4000-8000-00000000D15C"
GPT_DATA = "5D1C0DE5-0000-4000-8000-0000000DA7A0"


def find(root, path):
    """A file below a folder, whatever the case of its name; None if it is not there."""
    at = pathlib.Path(root)
    for part in path.split("/"):
        at = next((p for p in at.iterdir() if p.name.lower() == part.lower()), None) if at.is_dir() else None
        if at is None:
            return None
    return at


BOOTMGR, MEDIA_LOADER = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}", "{7619dcc9-fafe-11d9-b411-000476eba25f}"


def bcd_edit(bcd, out, elements):
    """A copy of a boot configuration with elements, (object, number, bytes), set."""
    lines = []
    for guid, element, value in elements:
        key = "Objects\\%s\\Elements\\%s" % (guid, element)
        lines += ["key\t" + key, "set\t%s\tElement\t3\t%s" % (key, value.hex())]
    run(TOOL, "edit", bcd, out, input=("\n".join(lines) + "\n").encode())
    return out


def folders():
    """What ISOPOD_WINDOWS names: folders with the files of Windows media, separated by colons."""
    OUT.mkdir(parents=True, exist_ok=True)
    return [Windows(f) for f in os.environ.get("ISOPOD_WINDOWS", "").split(":") if f]


def each():
    """The same, for a test: without any it ends, as skipped."""
    found = folders()
    if not found:
        skip(os.path.basename(sys.argv[0]), "ISOPOD_WINDOWS does not name a folder with the files of a Windows medium")
        finish()
    return found


def mark_efi(iso):
    """genisoimage calls its second boot entry one for a BIOS: the section header's platform (El Torito, figure 4) becomes 0xEF."""
    with open(iso, "r+b") as f:
        f.seek(17 * 2048 + 0x47)
        at = struct.unpack("<I", f.read(4))[0] * 2048 + 64
        f.seek(at)
        if f.read(1) not in (b"\x90", b"\x91"):
            raise SystemExit("%s: no second section in the boot catalogue" % iso)
        f.write(b"\xEF")


class Windows:
    """The files of a Windows medium, or as many of them as there are."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        self.name = self.root.name

    def path(self, name):
        p = find(self.root, name)
        if p is None:
            raise SystemExit("%s: there is no %s" % (self.root, name))
        return p

    def has(self, *names):
        return all(find(self.root, name) for name in names)

    def firmwares(self):
        """Those that it has boot manager and memory test for."""
        return [fw for fw, files in (("bios", ("bootmgr", "boot/memtest.exe")), ("uefi", (EFI_LOADER, EFI_MEMTEST))) if self.has(*files)]

    def pe_tree(self, folder):
        """The memory test where Windows PE has winload, for both firmwares."""
        shutil.rmtree(folder, ignore_errors=True)
        boot = folder / "Windows/System32/boot"
        boot.mkdir(parents=True)
        if "uefi" in self.firmwares():
            shutil.copy(self.path(EFI_MEMTEST), boot / "winload.efi")
        if "bios" in self.firmwares():
            shutil.copy(self.path("boot/memtest.exe"), boot / "winload.exe")
        # a program for this processor: what Isopod puts its helper in front of, so that the boot managers read a changed WIM
        shutil.copy(self.path(EFI_MEMTEST), boot.parent / "winpeshl.exe")
        return folder

    def wim(self, name="memtest.wim", compress="LZX"):
        out = OUT / name
        out.unlink(missing_ok=True)
        run("wimlib-imagex", "capture", self.pe_tree(OUT / "wim"), out, "memtest", "--compress=" + compress, "--boot", "--no-acls")
        return out

    def bcd(self, name, menu=False):
        """The medium's own, with graphics switched off on the boot manager and its loader: then screens come to the serial port, too.
        `menu`: the boot manager shows its menu, and waits there for ten minutes."""
        elements = [(guid, "16000046", b"\1") for guid in (BOOTMGR, MEDIA_LOADER)]
        if menu:
            elements += [(BOOTMGR, "26000020", b"\1"), (BOOTMGR, "25000004", (600).to_bytes(8, "little"))]
        return bcd_edit(self.path(name), OUT / ("%s-%s" % (self.name, name.replace("/", "-"))), elements)

    def iso(self, out, wim, menu=False, more=(), options=("-udf", "-J", "-R"), without=()):
        """A medium as Microsoft's, with that boot.wim. more: further files, {path in it: file}; without: paths that it has not."""
        tree = out.with_suffix(".tree")
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        for part in ("boot", "efi", "bootmgr", "bootmgr.efi"):
            source = find(self.root, part)
            if source:
                (shutil.copytree if source.is_dir() else shutil.copy)(source, tree / part)
        for name in BCDS:
            if self.has(name):
                shutil.copy(self.bcd(name, menu), find(tree, name))
        for path, source in {"sources/boot.wim": wim, **dict(more)}.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            os.link(source, tree / path)
        for path in without:
            find(tree, path).unlink()
        run("genisoimage", "-quiet", *options, "-iso-level", "3", "-allow-limited-size", "-V", "WINDOWS", "-b", "boot/etfsboot.com",
            "-no-emul-boot", "-boot-load-size", "8", "-eltorito-alt-boot", "-e", "efi/microsoft/boot/efisys.bin", "-no-emul-boot", "-o",
            out, tree)
        shutil.rmtree(tree)
        mark_efi(out)
        return out

    def loader_files(self):
        """What every disk for UEFI needs: the boot manager and its fonts, as {path on the disk: file}."""
        files = {"EFI/BOOT/BOOTX64.EFI": self.path(EFI_LOADER)}
        for font in sorted(self.path("efi/microsoft/boot/fonts").iterdir()):
            files["EFI/Microsoft/Boot/Fonts/" + font.name] = font
        return files


def bcd(name, kind, **options):
    """A boot configuration made from nothing by core/regf (tests/interop/regf_tool.c says which options)."""
    out = OUT / name
    run(TOOL, "make", out, kind, *["%s=%s" % o for o in options.items()])
    return out


def write_mbr(image, signature, partitions):
    """partitions: (type, start, length) in bytes."""
    table = b"".join(struct.pack("<BBBBBBBBII", 0, 0, 2, 0, kind, 0xFE, 0xFF, 0xFF, start // 512, length // 512)
                     for kind, start, length in partitions)
    with open(image, "r+b") as f:
        f.seek(440)
        f.write(struct.pack("<IH", signature, 0) + table.ljust(64, b"\0") + b"\x55\xaa")


def fat32(image, start, length, files):
    """A FAT32 volume at `start` of an image, with files {path: a file, or bytes}; (0, its size) makes an image of it alone."""
    run("mkfs.fat", "-F", "32", "-s", "1", "--offset", start // 512, image, length // 1024)
    at = "%s@@%d" % (image, start)
    for name, source in files.items():
        parts = name.split("/")
        for i in range(1, len(parts)):
            subprocess.run(["mmd", "-D", "s", "-i", at, "::" + "/".join(parts[:i])], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if isinstance(source, bytes):
            run("mcopy", "-o", "-i", at, "-", "::" + name, input=source)
        else:
            run("mcopy", "-o", "-i", at, source, "::" + name)


def esp_disk(name, files, size=96 * MIB, signature=0x50D15011, more=()):
    """A disk with an MBR and one FAT32 partition of type EF; `more`: further partitions as (type, start, length)."""
    image = OUT / name
    image.unlink(missing_ok=True)
    end = max([size] + [start + length for _, start, length in more])
    with open(image, "wb") as f:
        f.truncate(end)
    fat32(image, MIB, size - MIB, files)
    write_mbr(image, signature, [(0xEF, MIB, size - MIB), *more])
    return image


def ntfs(name, size, wim=None, files=()):
    """An NTFS volume that holds what a WIM holds, and files in its root: {name: file}."""
    volume = OUT / name
    volume.unlink(missing_ok=True)
    with open(volume, "wb") as f:
        f.truncate(size)
    run("mkntfs", "-F", "-q", "-p", "2048", "-H", "255", "-S", "63", volume)
    if wim:
        run("wimlib-imagex", "apply", wim, "1", volume)
    for path, source in dict(files).items():
        run("ntfscp", "-f", volume, source, path)
    return volume


def mbr_disk(name, signature, parts):
    """A disk of partitions, (type, file), from 1 MiB on; returns it and where each begins."""
    image, at, table = OUT / name, MIB, []
    image.unlink(missing_ok=True)
    with open(image, "wb") as f:
        for kind, part in parts:
            data = pathlib.Path(part).read_bytes()
            f.seek(at)
            f.write(data)
            table.append((kind, at, len(data)))
            at += (len(data) + MIB - 1) // MIB * MIB
        f.truncate(at)
    write_mbr(image, signature, table)
    return image, [start for _, start, _ in table]


def gpt_disk(name, parts):
    """The same with a GPT: parts are (sfdisk's type, GUID, file); the disk's GUID is GPT_DISK."""
    image, at, script = OUT / name, MIB, ["label: gpt", "label-id: " + GPT_DISK]
    image.unlink(missing_ok=True)
    with open(image, "wb") as f:
        for kind, guid, part in parts:
            data = pathlib.Path(part).read_bytes()
            f.seek(at)
            f.write(data)
            script.append("start=%d, size=%d, type=%s, uuid=%s" % (at // 512, len(data) // 512, kind, guid))
            at += (len(data) + MIB - 1) // MIB * MIB
        f.truncate(at + MIB)
    run("sfdisk", "-q", "--no-reread", "--no-tell-kernel", image, input="\n".join(script).encode())
    return image


def vhd_of(disk, name):
    """A disk as VHD or VHDX, as the name ends, made by qemu-img."""
    out = OUT / name
    run("qemu-img", "convert", "-O", "vhdx" if name.endswith("vhdx") else "vpc", disk, out)
    return out


def boots(image, name=None, firmware="uefi", bus="sata", want=MEMTEST, fail=FAILURE, timeout=240, **kw):
    """Starts a disk and waits for `want` on the serial port. (True or False, what was seen), for check()."""
    name = name or pathlib.Path(image).stem
    with VM(firmware, image, bus=bus, memory=1024, log=str(OUT / (name + ".log")), **kw) as vm:
        try:
            if firmware == "bios":
                vm.wait_screen(want, timeout)
            else:
                vm.wait(want, timeout, fail=fail)
            ok, seen = True, want
        except BootError as e:
            ok, seen = False, "%s; serial: %s" % (e, re.sub(r"\s+", " ", vm.text[-600:]))
        vm.screenshot(str(OUT / (name + ".png")))
    return ok, "%s: %s" % (name, seen)

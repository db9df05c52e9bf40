#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""ISOs whose kernel is started without an initrd, as a BIOS is shown them: the file that their root directory has more, read by GRUB, isoinfo,
bsdtar and xorriso; the boot menu that loads it; which entries and kernels get it; no room for it."""
import pathlib
import struct
import subprocess
import tempfile

from common import check, equal, finish, run, sbin
from disk_initrd import SHIM, plan

sbin()
TAKES = b"set timeout=1\nmenuentry a {\n linux /vmlinuz console=ttyS0 medium=x\n}\n"
GIVEN = TAKES.replace(b"=x\n", b"=x ;initrd /isopod.cpi\n")
GRUB = "boot/grub/grub.cfg"
SECTOR = 2048
ROCK_RIDGE, JOLIET = ["-R"], ["-J"]


def kernel(version=b"6.1.0-13-amd64 (pod@pod) #1 SMP 2023"):
    k = bytearray(8192)
    k[0x202:0x206] = b"HdrS"
    k[0x206:0x208] = struct.pack("<H", 0x20F)
    k[0x20E:0x210] = struct.pack("<H", 0x400 if version is not None else 0)
    k[0x236] = 1
    k[0x600:0x600 + len(version or b"")] = version or b""
    return bytes(k)


def iso(work, options, files):
    top, out = work / "top", work / "image.iso"
    subprocess.run(["rm", "-rf", top, out], check=True)
    for name, data in {"isolinux.bin": b"\xfa" * 4096, **files}.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    run("xorriso", "-as", "mkisofs", "-quiet", *options, "-V", "LONE", "-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot",
        "-boot-load-size", 4, "-o", out, top)
    return out


def grub(image, path):
    return run("grub-fstest", image, "cat", "(loop0)/" + path)


def is_archive(got):
    names = subprocess.run(["cpio", "-it", "--quiet"], input=got[2048:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    return got[:6] == b"070701" and b"isopod/shim" in names.split() and b"init" in names.split() and SHIM in got


def listed(image, options):
    return [line.rsplit("]", 1)[1].strip() for line in run("isoinfo", *options, "-l", "-i", image).decode().split("Directory listing")[1].split("\n")
            if "]" in line]


def trees(work):
    more = {f"file-{i:02d}": b"%d" % i for i in range(12)}
    for name, options in [("plain", []), ("Rock Ridge", ROCK_RIDGE), ("Joliet", JOLIET), ("both", ROCK_RIDGE + JOLIET)]:
        image = iso(work, options, {GRUB: TAKES, "vmlinuz": kernel(), **more})
        text, virtual = plan(work, image, "bios")
        check("lone vmlinuz machine 0 by " + GRUB in text and "warning" not in text, f"{name}: {text}")
        check(is_archive(grub(virtual, "isopod.cpi")), f"{name}: GRUB reads another initrd")
        equal(grub(virtual, GRUB), GIVEN, f"{name}: the boot menu")
        equal(grub(virtual, "vmlinuz"), kernel(), f"{name}: the kernel")
        views = [([], "ISOPOD.CPI;1")] + [(["-R"], "isopod.cpi")] * ("-R" in options) + [(["-J"], "isopod.cpi")] * ("-J" in options)
        for view, want in views:
            before, after = listed(image, view), listed(virtual, view)
            check(want in after, f"{name} {view}: {after}")
            equal([x for x in after if x != want], before, f"{name} {view}: the others")
            check(is_archive(run("isoinfo", *view, "-x", "/" + want, "-i", virtual)), f"{name} {view}: isoinfo reads another initrd")
        said = subprocess.run(["xorriso", "-indev", virtual, "-lsl", "/", "--"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        check(b"isopod.cpi" in said.stdout.lower() and b"-r--r--r--" in said.stdout and said.returncode == 0 and
              not any(w in said.stdout for w in (b"WARNING", b"SORRY", b"FAILURE")), f"{name}: xorriso: {said.stdout.decode()}")
        check(b"isopod.cpi" in run("bsdtar", "-tf", virtual).lower(), f"{name}: bsdtar")
        changed(name, image, virtual)
        # On UEFI the kernel may ask for it itself; the menu stays, since GRUB refuses to start beside that.
        text, virtual = plan(work, image)
        check("lone" not in text and grub(virtual, GRUB) == TAKES, f"{name}, UEFI: {text}")


def changed(name, image, virtual):
    """Of the image itself: what no record uses, and the records of the menu."""
    a = image.read_bytes()
    b = virtual.read_bytes()[:len(a)]
    sectors = sum(a[i:i + SECTOR] != b[i:i + SECTOR] for i in range(0, len(a), SECTOR))
    check(1 <= sectors <= 6, f"{name}: {sectors} sectors differ")


def room(work):
    """Root directories with less and less of it, over the edge of a sector."""
    seen = set()
    for options in ([], ROCK_RIDGE, ROCK_RIDGE + JOLIET):
        for n in list(range(8, 24)) + list(range(24, 60, 6)):
            image = iso(work, options, {GRUB: TAKES, "vmlinuz": kernel(), **{f"n{i:03d}": b"" for i in range(n)}})
            text, virtual = plan(work, image, "bios")
            given = "lone vmlinuz" in text
            seen.add(given)
            equal(grub(virtual, GRUB), GIVEN if given else TAKES, f"{n} files, {options}: the boot menu: {text}")
            check(given != ("one more has no room in the ISO" in text), f"{n} files, {options}: {text}")
            if given:
                check(is_archive(grub(virtual, "isopod.cpi")), f"{n} files, {options}: GRUB reads another initrd")
                for view in [[]] + [["-R"]] * ("-R" in options) + [["-J"]] * ("-J" in options):
                    equal(len(listed(virtual, view)), len(listed(image, view)) + 1, f"{n} files, {view}")
    equal(seen, {True, False}, "room and no room")
    # What lies behind the last record means nothing, and does not begin to.
    image = iso(work, [], {GRUB: TAKES, "vmlinuz": kernel()})
    data = bytearray(image.read_bytes())
    at = SECTOR * struct.unpack_from("<I", data, 16 * SECTOR + 158)[0]
    sector = at
    while data[at]:
        at += data[at]
    data[at + 1:sector + SECTOR] = b"\x30" * (sector + SECTOR - at - 1)
    image.write_bytes(data)
    _, virtual = plan(work, image, "bios")
    equal(sorted(listed(virtual, [])), sorted(listed(image, []) + ["ISOPOD.CPI;1"]), "bytes behind the last record")
    image = iso(work, ROCK_RIDGE, {GRUB: TAKES, "vmlinuz": kernel(), "isopod.cpi": b"mine"})
    text, virtual = plan(work, image, "bios")
    equal(("lone" in text, grub(virtual, "isopod.cpi")), (False, b"mine"), "one of this name")


def entries(work):
    sys = b"default a\nlabel a\n kernel /vmlinuz\n append quiet\n"
    cases = [
        ("GRUB", GRUB, TAKES, GIVEN),
        ("no entry", GRUB, b"linux /vmlinuz a\nboot\n", b"linux /vmlinuz a ;initrd /isopod.cpi\nboot\n"),
        ("for UEFI alone", GRUB, b'if [ "$grub_platform" = efi ]; then\n linux /vmlinuz a\nfi\n', None),
        ("for both", GRUB, b'if [ "$grub_platform" = efi ]; then\n linux /vmlinuz a\nelse\n linux /vmlinuz b\nfi\n',
         b'if [ "$grub_platform" = efi ]; then\n linux /vmlinuz a\nelse\n linux /vmlinuz b ;initrd /isopod.cpi\nfi\n'),
        ("linuxefi", GRUB, b"menuentry a {\n linuxefi /vmlinuz a\n}\n", b"menuentry a {\n linuxefi /vmlinuz a ;initrdefi /isopod.cpi\n}\n"),
        ("one that is not there", GRUB, TAKES.replace(b"}", b" initrd /none\n}"), None),
        ("a root", GRUB, TAKES.replace(b"medium=", b"root="), None),
        ("another entry with a root", GRUB, TAKES + TAKES.replace(b"medium=", b"root="), None),
        ("another kernel", GRUB, TAKES.replace(b"/vmlinuz", b"/other"), None),
        ("isolinux", "isolinux.cfg", sys, sys.replace(b"quiet", b"quiet initrd=/isopod.cpi")),
        ("isolinux, in its folder", "isolinux/isolinux.cfg", sys, sys.replace(b"quiet", b"quiet initrd=/isopod.cpi")),
        ("isolinux, no arguments", "isolinux.cfg", sys.replace(b" append quiet\n", b""), b"default a\nlabel a\n kernel /vmlinuz initrd=/isopod.cpi\n"),
    ]
    for name, at, config, want in cases:
        image = iso(work, ROCK_RIDGE, {at: config, "vmlinuz": kernel()})
        text, virtual = plan(work, image, "bios")
        equal((grub(virtual, at), "lone " in text), (want or config, want is not None), f"{name}: {text}")
    image = iso(work, ROCK_RIDGE, {GRUB: TAKES, "vmlinuz": kernel(), "live/initrd.img": b"\x1f\x8b" + bytes(3000)})
    text, virtual = plan(work, image, "bios")
    equal((grub(virtual, GRUB), "lone " in text), (TAKES, False), f"an initrd somewhere: {text}")
    text, virtual = plan(work, iso(work, ROCK_RIDGE, {GRUB: TAKES, "vmlinuz": kernel()}), "bios", "acpi=off -console")
    equal(grub(virtual, GRUB), TAKES.replace(b" console=ttyS0 medium=x", b" medium=x acpi=off ;initrd /isopod.cpi"), f"with arguments: {text}")


def kernels(work):
    cases = [(b"2.6.32 (root@host) #1", True), (b"Memtest86+ v6.10", False), (b"iPXE 1.21.1", False), (None, False), (b"6.10 \0 (x@y)", False),
             (b"6", False), (b"x6.1 (a@b)", False), (b"12.0.0-rc1+ (a@b) #1", True)]
    for version, want in cases:
        text, virtual = plan(work, iso(work, ROCK_RIDGE, {GRUB: TAKES, "vmlinuz": kernel(version)}), "bios")
        equal(("lone " in text, grub(virtual, GRUB)), (want, GIVEN if want else TAKES), f"{version}: {text}")


with tempfile.TemporaryDirectory() as folder:
    tmp = pathlib.Path(folder)
    trees(tmp)
    room(tmp)
    entries(tmp)
    kernels(tmp)
finish()

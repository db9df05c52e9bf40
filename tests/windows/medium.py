#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Microsoft's boot managers, started by Isopod from a stick: out of an ISO (with the same ISO in a CD drive as well) and out of a bare WIM,
whose boot.sdi is made from nothing. In the WIM the memory test has winload's place; its screen is the proof."""
import json
import os
import pathlib
import shutil

from windows_common import B, MEMTEST, OUT, Windows, boots, check, find, finish, run

ISOPOD = pathlib.Path(B) / "isopod"
REGF = pathlib.Path(B) / "interop/regf"
BOOTMGR, MEDIA_LOADER = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}", "{7619dcc9-fafe-11d9-b411-000476eba25f}"


def with_text(bcd):
    """A medium's BCD, with graphics switched off on the boot manager and its loader: then screens come to the serial port, too."""
    out, lines = OUT / "-".join(bcd.parts[-4:]), []
    for guid in (BOOTMGR, MEDIA_LOADER):
        key = "Objects\\%s\\Elements\\16000046" % guid
        lines += ["key\t" + key, "set\t%s\tElement\t3\t01" % key]
    run(REGF, "edit", bcd, out, input=("\n".join(lines) + "\n").encode())
    return out


def make_iso(w, wim):
    tree, iso = OUT / "tree", OUT / "win.iso"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(w.root, tree, ignore=shutil.ignore_patterns(".git"))
    (tree / "sources").mkdir(exist_ok=True)
    shutil.copy(wim, tree / "sources/boot.wim")
    for bcd in ("boot/bcd", "efi/microsoft/boot/bcd"):
        shutil.copy(with_text(find(tree, bcd)), find(tree, bcd))
    run("genisoimage", "-quiet", "-udf", "-J", "-R", "-iso-level", "3", "-V", "WINDOWS", "-b", "boot/etfsboot.com", "-no-emul-boot",
        "-boot-load-size", "8", "-eltorito-alt-boot", "-e", "efi/microsoft/boot/efisys.bin", "-no-emul-boot", "-o", iso, tree)
    return iso


def make_bare(w, folder):
    """The WIM's own \\Windows\\Boot, from the medium's files."""
    boot = folder / "Windows/Boot"
    for name, source in (("EFI/bootmgfw.efi", w.path("efi/boot/bootx64.efi")), ("PCAT/bootmgr", w.path("bootmgr")),
                         ("DVD/EFI/BCD", with_text(w.path("efi/microsoft/boot/bcd"))), ("DVD/PCAT/BCD", with_text(w.path("boot/bcd")))):
        (boot / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, boot / name)
    shutil.copytree(w.path("boot/fonts"), boot / "Fonts", dirs_exist_ok=True)
    out = OUT / "bare.wim"
    out.unlink(missing_ok=True)
    run("wimlib-imagex", "capture", folder, out, "bare", "--compress=LZX", "--boot", "--no-acls")
    return out


def main():
    w = Windows()
    wim = w.wim()
    iso = make_iso(w, wim)
    bare = make_bare(w, OUT / "wim")
    stick = OUT / "stick.img"
    stick.unlink(missing_ok=True)
    run(ISOPOD, "create", stick, "--size", "512M", "--yes")
    run(ISOPOD, "add", stick, iso, bare)
    for image in (iso, bare):
        replaced = json.loads(run(ISOPOD, "plan", "%s:/images/%s" % (stick, image.name), "--json"))["windows"]["replaced"]
        check(replaced == "Windows/System32/winpeshl.exe", "%s: the WIM is served with the helper in it: %s" % (image.name, replaced))
    for firmware in ("bios", "uefi"):
        for image, drives in ((iso, []), (iso, [(str(iso), "cdrom", False)]), (bare, [])):
            name = "%s-%s%s" % (firmware, image.stem, "-cd" if drives else "")
            copy = OUT / (name + ".img")
            shutil.copy(stick, copy)
            run(ISOPOD, "next", copy, "/images/" + image.name)
            check(*boots(copy, name, firmware=firmware, bus="usb", drives=drives, want=MEMTEST))
            os.unlink(copy)
    finish()


main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Microsoft's boot managers, of each folder that ISOPOD_WINDOWS names, started by Isopod from a stick: out of an ISO (with the same ISO in a
CD drive as well) and out of a bare WIM, whose boot.sdi is made from nothing. In the WIM the memory test has winload's place; its screen is
the proof."""
import json
import os
import shutil

from genuine import B, BCDS, EFI_LOADER, MEMTEST, OUT, boots, check, each, finish, run

ISOPOD = os.path.join(B, "isopod")


def make_bare(w):
    """A WIM with its own \\Windows\\Boot, from the medium's files."""
    folder = w.pe_tree(OUT / "bare")
    boot = folder / "Windows/Boot"
    files = {"DVD/%s/BCD" % d: w.bcd(name) for d, name in (("PCAT", BCDS[0]), ("EFI", BCDS[1])) if w.has(name)}
    if w.has("bootmgr"):
        files["PCAT/bootmgr"] = w.path("bootmgr")
    if w.has(EFI_LOADER):
        files["EFI/bootmgfw.efi"] = w.path(EFI_LOADER)
    for name, source in files.items():
        (boot / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, boot / name)
    shutil.copytree(w.path("boot/fonts"), boot / "Fonts", dirs_exist_ok=True)
    out = OUT / "bare.wim"
    out.unlink(missing_ok=True)
    run("wimlib-imagex", "capture", folder, out, "bare", "--compress=LZX", "--boot", "--no-acls")
    return out


def starts(w):
    iso, bare, stick = w.iso(OUT / "win.iso", w.wim()), make_bare(w), OUT / "stick.img"
    stick.unlink(missing_ok=True)
    run(ISOPOD, "create", stick, "--size", "512M", "--yes")
    run(ISOPOD, "add", stick, iso, bare)
    for image in (iso, bare):
        replaced = json.loads(run(ISOPOD, "plan", "%s:/images/%s" % (stick, image.name), "--json"))["windows"]["replaced"]
        check(replaced == "Windows/System32/winpeshl.exe", "%s: the WIM is served with the helper in it: %s" % (image.name, replaced))
    for firmware in w.firmwares():
        for image, drives in ((iso, []), (iso, [(str(iso), "cdrom", False)]), (bare, [])):
            name = "%s-%s-%s%s" % (w.name, firmware, image.stem, "-cd" if drives else "")
            copy = OUT / (name + ".img")
            shutil.copy(stick, copy)
            run(ISOPOD, "next", copy, "/images/" + image.name)
            check(*boots(copy, name, firmware=firmware, bus="usb", drives=drives, want=MEMTEST))
            os.unlink(copy)


def main():
    for w in each():
        starts(w)
    finish()


main()

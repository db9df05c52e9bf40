#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Media of Windows as the virtual hard disk that they are served as: what `isopod plan` says is on it, and what sfdisk, fsck.fat and
mtools find there through our NBD server. Media that only look like it stay CDs."""
import json
import os
import subprocess

from cli_common import *
import windows_media

os.environ["MTOOLS_SKIP_CHECK"] = "1"
MIB = 1 << 20
SHOWN = [p for p in windows_media.FILES if p.startswith(("boot/", "efi/", "bootmgr")) or p == "sources/boot.wim"]


def plan(arg):
    return json.loads(isopod("plan", arg, "--json").out)


def starts(p):
    return sorted(s["firmware"] for s in p["starts"] if s["starts"])


def exported(arg, out):
    """The virtual disk as an NBD client gets it."""
    sock = os.path.abspath("n.sock")
    server = subprocess.Popen([ISOPOD, "export", arg, "--nbd", sock, "--once"], stdout=subprocess.PIPE,
                              env=dict(os.environ, ISOPOD_DATA=os.path.abspath("data")))
    server.stdout.readline()
    run("nbdcopy", "nbd+unix:///?socket=" + sock, out)
    server.wait(20)
    return out


def look_at(arg, want, what):
    """want: {path on the disk: bytes}"""
    p = plan(arg)
    equal(p["sector_size"], 512, what + ": sectors of a hard disk")
    equal(sorted(f["path"] for f in p["windows"]["files"]), sorted("/" + x for x in want), what + ": files the plan names")
    disk = exported(arg, "disk.img")
    equal(os.path.getsize(disk), p["map"]["size"], what + ": size")
    table = json.loads(run("sfdisk", "--json", disk).stdout)["partitiontable"]["partitions"]
    check(len(table) == 1 and table[0]["type"] == "ef" and table[0]["start"] == 2048, what + ": %s" % table)
    with open(disk, "rb") as f, open("volume.img", "wb") as out:
        f.seek(MIB)
        while piece := f.read(MIB):
            out.write(piece) if piece.strip(b"\0") else out.seek(len(piece), os.SEEK_CUR)
        out.truncate(os.path.getsize(disk) - MIB)
    r = subprocess.run(["fsck.fat", "-n", "volume.img"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(r.returncode == 0, what + ": fsck.fat: " + r.stdout.decode())
    for path, data in want.items():
        got = subprocess.run(["mcopy", "-i", "volume.img", "::" + path, "-"], stdout=subprocess.PIPE).stdout
        check(got == data, what + ": " + path)
    return p


def media_from_iso():
    made = windows_media.tree("win")
    windows_media.iso("win", "win.iso")
    p = look_at("win.iso", {x: made[x] for x in SHOWN}, "Joliet")
    equal(starts(p), ["bios", "uefi", "uefi-aa64", "uefi-ia32"], "what starts")
    check(all(f["origin"] == "image" and f["from"].lower() == f["path"][1:].lower() for f in p["windows"]["files"]), "where files come from")
    check(not p["overlays"], "nothing is patched")
    text = isopod("plan", "win.iso").out
    check("/sources/boot.wim, 2.8 MiB: sources/boot.wim in the image" in text, "in words: " + text[:2000])
    # Without Joliet: the names of Rock Ridge.
    windows_media.iso("win", "rock.iso", "-R")
    look_at("rock.iso", {x: made[x] for x in SHOWN}, "Rock Ridge")
    # Its disk signature is its own.
    check(open("disk.img", "rb").read(444)[440:] != exported_signature("win.iso"), "each image has a signature of its own")


def exported_signature(arg):
    return open(exported(arg, "other.img"), "rb").read(444)[440:]


def one_firmware():
    for name, without, want in (
            ("no-bios", ["bootmgr"], ["uefi", "uefi-aa64", "uefi-ia32"]),
            ("no-bcd", ["efi/microsoft/boot/bcd"], ["bios"]),
            ("x64", ["efi/boot/bootia32.efi", "efi/boot/bootaa64.efi", "boot/bcd"], ["uefi"])):
        windows_media.tree(name, without=without)
        p = plan(windows_media.iso(name, name + ".iso"))
        equal((p["sector_size"], starts(p)), (512, want), name)


def no_windows():
    for name, without in (("no-wim", ["sources/boot.wim"]), ("no-sdi", ["boot/boot.sdi"]),
                          ("no-loader", ["bootmgr", "efi/boot/bootia32.efi", "efi/boot/bootaa64.efi", "efi/boot/bootx64.efi"])):
        windows_media.tree(name, without=without)
        p = plan(windows_media.iso(name, name + ".iso"))
        check(p["sector_size"] == 2048 and "windows" not in p, name + " stays a CD")


def on_a_stick():
    must("create", "stick.img", "--size", "128M", "--yes")
    must("add", "stick.img", "win.iso")
    equal(plan("stick.img:/images/win.iso")["sector_size"], 512, "on a stick")
    with open("isopod.conf", "w") as f:
        f.write("windows = cd\n")
    must("add", "stick.img", "isopod.conf", "--to", "/")
    p = plan("stick.img:/images/win.iso")
    check(p["sector_size"] == 2048 and "windows" not in p, "windows = cd")


def main():
    with workdir():
        make_data("data", 5)
        media_from_iso()
        one_firmware()
        no_windows()
        on_a_stick()
    finish()


main()

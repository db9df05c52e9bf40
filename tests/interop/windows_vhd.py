#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Windows on a VHD or VHDX: the virtual hard disk that starts it, looked at by sfdisk, fsck.fat, mtools and libhivex through our NBD
server; what the plan warns of; and what damaged disks make of it. The Windows is made up."""
import random
import re
import struct
import uuid

import hivex

from cli_common import *
from windows_common import dword, empty_hive, imagex, make_tree

BOOTMGR = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
FONTS = ("segmono_boot", "wgl4_boot")
os.environ["MTOOLS_SKIP_CHECK"] = "1"


def make_windows():
    """windows.raw: an MBR and one NTFS partition. A Windows 10 by its registry."""
    make_tree("tree", files=6)
    with open("tree/Windows/System32/winload.exe", "wb") as f:
        f.write(b"loader for BIOS" * 100)
    with open("tree/Windows/Boot/Fonts/segmono_boot.ttf", "wb") as f:
        f.write(b"small")  # NTFS keeps it in its record
    software = "tree/Windows/System32/config/SOFTWARE"
    empty_hive(software)
    h = hivex.Hivex(software, write=True)
    dword(h, "Microsoft\\Windows NT\\CurrentVersion", "CurrentMajorVersionNumber", 10)
    h.commit(None)
    pack("tree", "windows.raw")


def pack(tree, raw, size=48 * MIB):
    imagex("capture", tree, "tree.wim", "tree", "--compress=none")
    with open("volume.ntfs", "wb") as f:
        f.truncate(size)
    run("mkntfs", "-F", "-Q", "-q", "-p", "2048", "-H", "255", "-S", "63", "volume.ntfs")
    imagex("apply", "tree.wim", 1, "volume.ntfs")
    os.unlink("tree.wim")
    with open(raw, "wb") as f:
        f.truncate(MIB)
    run("dd", "if=volume.ntfs", "of=" + raw, "bs=1M", "seek=1", "conv=sparse,notrunc")
    os.truncate(raw, size + 2 * MIB)
    run("sfdisk", "-q", raw, input="label: dos\nlabel-id: 0xabcd1234\nstart=2048,size=%d,type=7\n" % (size // 512))
    os.unlink("volume.ntfs")


def export_volume(arg):
    """The partition of the disk that is served, and its table."""
    exported(arg, "disk.img")
    table = json.loads(run("sfdisk", "--json", "disk.img").stdout)["partitiontable"]["partitions"]
    check(len(table) == 1 and table[0]["type"] == "ef", "%s: one partition: %s" % (arg, table))
    cut_out("disk.img", table[0]["start"] * 512, os.path.getsize("disk.img") - table[0]["start"] * 512, "volume.img")
    r = run("fsck.fat", "-n", "volume.img")
    check(r.returncode == 0, "%s: fsck.fat: %s" % (arg, r.stdout))


def on_disk(path):
    return subprocess.run(["mtype", "-i", "volume.img", "::/" + path], stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def element(h, guid, number):
    at = h.root()
    for part in ("Objects", guid, "Elements", number):
        at = at and h.node_get_child(at, part)
    return h.value_value(h.node_get_value(at, "Element"))[1] if at else b""


def text(data):
    return data.decode("utf-16-le").rstrip("\0")


def check_bcd(path, loader, file, host, what):
    """`host`: bytes that the device of the partition must hold."""
    with open("bcd", "wb") as f:
        f.write(on_disk(path))
    check(run("hivexml", "bcd").stdout.startswith("<?xml"), what + ": hivexml reads it")
    h = hivex.Hivex("bcd")
    guid = text(element(h, BOOTMGR, "23000003"))
    equal(text(element(h, guid, "12000002")), "\\Windows\\System32\\" + loader, what + ": loader")
    for number in ("11000001", "21000001"):
        device = element(h, guid, number)
        # locate (8) in a parent that is a VHD (0, 6), which is a file (0, 5): WINDOWS' numbers, by hand
        check(len(device) > 60 and struct.unpack_from("<I", device, 16)[0] == 8, what + ": " + number + " locates")
        check(device.endswith((file + "\0").encode("utf-16-le")) or (file + "\0").encode("utf-16-le") in device,
              "%s: %s names %s: %r" % (what, number, file, device))
        check(host in device, "%s: %s names the partition: %r" % (what, number, device))


def check_served(arg, file, host, what):
    p = plan(arg)
    equal((p["sector_size"], starts(p)), (512, ["bios", "uefi"]), what + ": what starts")
    want = {"EFI/BOOT/BOOTX64.EFI": "EFI/bootmgfw.efi", "EFI/Microsoft/Boot/boot.stl": "EFI/boot.stl", "bootmgr": "PCAT/bootmgr",
            "boot/bootvhd.dll": "PCAT/bootvhd.dll"}
    for f in FONTS:
        want["EFI/Microsoft/Boot/Fonts/%s.ttf" % f] = want["boot/fonts/%s.ttf" % f] = "Fonts/%s.ttf" % f
    origin = {f["path"]: f["origin"] for f in p["windows"]["files"]}
    equal(sorted(origin), sorted(["/EFI/Microsoft/Boot/BCD", "/boot/bcd"] + ["/" + x for x in want]), what + ": files")
    check(origin["/boot/bcd"] == origin["/EFI/Microsoft/Boot/BCD"] == "made", what + ": the BCD is made")
    export_volume(arg)
    for path, source in want.items():
        equal(on_disk(path), open("tree/Windows/Boot/" + source, "rb").read(), what + ": " + path)
    check_bcd("EFI/Microsoft/Boot/BCD", "winload.efi", file, host, what + ", UEFI")
    check_bcd("boot/bcd", "winload.exe", file, host, what + ", BIOS")
    return p["warnings"]


def make_disks():
    must("disk", "convert", "windows.raw", "base.vhdx")
    must("disk", "convert", "windows.raw", "old.vhd")
    must("disk", "create", "middle.vhdx", "--parent", "base.vhdx")
    must("disk", "create", "child.vhdx", "--parent", "middle.vhdx")


def on_sticks():
    host = {}
    for name, fs, gpt in (("ntfs.img", "ntfs", False), ("exfat.img", "exfat", True)):
        must("create", name, "--size", "400M", "--fs", fs, "--yes", *(["--table", "gpt"] if gpt else []))
        must("add", name, "base.vhdx", "middle.vhdx", "child.vhdx", "old.vhd", "--to", "/虚拟 disks")
        table = json.loads(run("sfdisk", "--json", name).stdout)["partitiontable"]
        part = table["partitions"][0]
        if gpt:
            host[name] = uuid.UUID(part["uuid"]).bytes_le
            check(uuid.UUID(table["id"]).bytes_le != host[name], "a GPT")
        else:
            host[name] = struct.pack("<Q", part["start"] * 512)
            signature = struct.pack("<I", int(table["id"], 16))
    for name in host:
        for file in ("base.vhdx", "child.vhdx", "old.vhd"):
            what = "%s on %s" % (file, name)
            warnings = check_served("%s:/虚拟 disks/%s" % (name, file), "\\虚拟 disks\\" + file, host[name], what)
            if name == "ntfs.img":
                check(signature in open("bcd", "rb").read(), what + ": the disk's signature")
            equal(any("0x7B" in w for w in warnings), name == "exfat.img", what + ": NTFS: %s" % warnings)
            equal(any("This is a VHD" in w for w in warnings), file == "old.vhd", what + ": VHD: %s" % warnings)
            check(not any("0xc00000bb" in w for w in warnings), what + ": BIOS: %s" % warnings)
            check(not any("different folders" in w or "on top" in w or "0x136" in w for w in warnings), what + ": %s" % warnings)
    r = isopod("plan", "exfat.img:/虚拟 disks/base.vhdx")
    check("0x7B" in r.out and r.rc == 1, "in words: %d" % r.rc)


def warned():
    must("create", "small.img", "--size", "192M", "--fs", "ntfs", "--yes")
    must("disk", "create", "top.vhdx", "--parent", "child.vhdx")
    must("disk", "create", "big.vhdx", "--size", "300M")
    # a disk that grows beyond the stick, with the same Windows in it
    with open("big.raw", "wb") as f:
        f.truncate(300 * MIB)
    run("dd", "if=windows.raw", "of=big.raw", "bs=1M", "conv=notrunc,sparse")
    must("disk", "convert", "big.raw", "big.vhdx", "--replace")
    must("add", "small.img", "big.vhdx")
    w = plan("small.img:/images/big.vhdx")["warnings"]
    check(any("0x136" in x for x in w), "free space: %s" % w)
    # the same, whose registry says that Windows leaves it as it is
    h = hivex.Hivex("tree/Windows/System32/config/SYSTEM", write=True)
    dword(h, "ControlSet001\\Services\\FsDepends\\Parameters", "VirtualDiskExpandOnMount", 4)
    h.commit(None)
    pack("tree", "told.raw")
    os.truncate("told.raw", 300 * MIB)
    must("disk", "convert", "told.raw", "told.vhdx")
    must("remove", "small.img", "/images/big.vhdx")
    must("add", "small.img", "told.vhdx")
    w = plan("small.img:/images/told.vhdx")["warnings"]
    check(not any("0x136" in x for x in w), "free space, but it does not expand: %s" % w)
    # by its name, of four files, in two folders; on the host nothing is known of the stick
    w = plan("top.vhdx")["warnings"]
    check(any("4 files on top of each other" in x for x in w) and not any("0x7B" in x for x in w), "four files: %s" % w)
    check_served("top.vhdx", "\\top.vhdx", "\\top.vhdx\0".encode("utf-16-le"), "on the host")
    os.mkdir("below")
    must("disk", "create", "below/apart.vhdx", "--parent", "base.vhdx")
    w = plan("below/apart.vhdx")["warnings"]
    check(any("different folders" in x for x in w), "two folders: %s" % w)


def as_it_is():
    with open("isopod.conf", "w") as f:
        f.write("windows = cd\n")
    must("add", "ntfs.img", "isopod.conf", "--to", "/")
    p = plan("ntfs.img:/虚拟 disks/child.vhdx")
    check("windows" not in p and p["map"]["size"] == os.path.getsize("windows.raw"), "windows = cd")
    os.unlink("tree/Windows/Boot/PCAT/bootvhd.dll")
    pack("tree", "without.raw")
    must("disk", "convert", "without.raw", "without.vhdx")
    w = plan("without.vhdx")["warnings"]
    check(any("bootvhd.dll" in x and "0xc00000bb" in x for x in w), "no bootvhd.dll: %s" % w)
    must("disk", "create", "empty.vhdx", "--size", "20M")
    check("windows" not in plan("empty.vhdx"), "no Windows in it")
    os.rename("tree/Windows/Boot", "tree/Windows/no-boot")
    pack("tree", "headless.raw")
    must("disk", "convert", "headless.raw", "headless.vhdx")
    p = plan("headless.vhdx")
    check("windows" not in p and any("no boot manager" in w for w in p["warnings"]), "no boot manager: %s" % p["warnings"])


def damaged():
    """Windows' volume with bytes changed where it is looked at: always an answer."""
    rnd, answers, raw = random.Random(9), set(), open("windows.raw", "rb").read()
    places = [m.start() for m in re.finditer(rb"FILE0|INDX|regf|hbin|MZ", raw)]
    for i in range(24):
        data = bytearray(raw)
        for _ in range(rnd.choice((1, 8, 64))):
            at = rnd.choice(places) + rnd.randrange(512)
            data[at] = rnd.randrange(256)
        with open("mutant.raw", "wb") as f:
            f.write(data)
        must("disk", "convert", "mutant.raw", "mutant.vhdx", "--replace")
        r = isopod("plan", "mutant.vhdx", "--json", timeout=60)
        if not check(r.rc in (0, 1) and (r.rc or json.loads(r.out)), "mutant %d: %d %s" % (i, r.rc, r.err)):
            break
        answers.add("windows" in json.loads(r.out) if r.rc == 0 else None)
    check(True in answers, "mutants: %s" % answers)
    equal(plan("windows.raw").get("windows"), None, "a raw disk is none that Windows opens by itself")


def main():
    with workdir():
        make_data("data", 5)
        make_windows()
        make_disks()
        on_sticks()
        warned()
        as_it_is()
        damaged()
    finish()


main()

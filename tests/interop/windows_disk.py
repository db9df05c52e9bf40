#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Media of Windows as the virtual hard disk that they are served as: what `isopod plan` says is on it, and what sfdisk, fsck.fat and
mtools find there through our NBD server. Media that only look like it stay CDs."""
import json
import os
import re
import shutil
import subprocess

from cli_common import *
from cli_common import B
import windows_media

os.environ["MTOOLS_SKIP_CHECK"] = "1"
MIB = 1 << 20
SHOWN = [p for p in windows_media.FILES if p.startswith(("boot/", "efi/", "bootmgr")) or p == "sources/boot.wim"]


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


def helpers():
    """Stand-ins for the programs that windows/ makes."""
    made = {}
    for name, machine in (("WINX64", windows_media.X64), ("WINIA32", windows_media.IA32), ("WINAA64", windows_media.AA64)):
        made[machine] = windows_media.pe(machine, 3000, name)
        with open("data/%s.EXE" % name, "wb") as f:
            f.write(made[machine])
    return made


def on_disk(path):
    return subprocess.run(["mcopy", "-i", "volume.img", "::" + path, "-"], stdout=subprocess.PIPE).stdout


def bare_wim():
    """All that starts it comes out of the WIM, or from nothing."""
    remove_helpers()
    made = windows_media.pe_tree("pe")
    windows_media.wim("pe", "pe.wim", "--compress=LZX", "--boot")
    boot = {k[len("Windows/Boot/"):]: v for k, v in made.items() if k.startswith("Windows/Boot/")}
    want = {"EFI/BOOT/BOOTX64.EFI": boot["EFI/bootmgfw.efi"], "EFI/Microsoft/Boot/boot.stl": boot["EFI/boot.stl"],
            "EFI/Microsoft/Boot/BCD": boot["DVD/EFI/BCD"], "boot/bcd": boot["DVD/PCAT/BCD"], "bootmgr": boot["PCAT/bootmgr"],
            "boot/boot.sdi": boot["DVD/EFI/boot.sdi"], "sources/boot.wim": open("pe.wim", "rb").read()}
    for f in ("wgl4_boot.ttf", "segoen_slboot.ttf"):
        want["EFI/Microsoft/Boot/Fonts/" + f] = want["boot/fonts/" + f] = boot["Fonts/" + f]
    p = look_at("pe.wim", want, "bare WIM")
    equal(starts(p), ["bios", "uefi"], "a WIM for x64")
    equal((p["windows"]["image"], p["windows"]["name"], p["windows"]["replaced"]), (1, "Stand-in PE", None), "its image")
    check(not p["warnings"], "nothing to warn of: %s" % p["warnings"])
    equal({f["path"]: f["from"] for f in p["windows"]["files"]}["/bootmgr"], "Windows/Boot/PCAT/bootmgr", "where from")

    for compress in ("XPRESS", "none"):
        windows_media.wim("pe", "other.wim", "--compress=" + compress, "--boot")
        want["sources/boot.wim"] = open("other.wim", "rb").read()
        look_at("other.wim", want, "a WIM with " + compress)

    windows_media.pe_tree("few", machine=windows_media.AA64, dvd=False)
    windows_media.wim("few", "few.wim", "--boot")
    p = plan("few.wim")
    origin = {f["path"]: f["origin"] for f in p["windows"]["files"]}
    check(all(origin[x] == "made" for x in ("/EFI/Microsoft/Boot/BCD", "/boot/bcd", "/boot/boot.sdi")), "made: %s" % origin)
    check("/EFI/BOOT/BOOTAA64.EFI" in origin and any("boot.sdi" in w for w in p["warnings"]), "aa64; the made boot.sdi is told")
    exported("few.wim", "disk.img")
    run("dd", "if=disk.img", "of=volume.img", "bs=1M", "skip=1", "conv=sparse")
    for path, winload in (("EFI/Microsoft/Boot/BCD", "winload.efi"), ("boot/bcd", "winload.exe")):
        with open("bcd", "wb") as f:
            f.write(on_disk(path))
        xml = run("hivexml", "bcd").stdout
        check(run("hivexget", "bcd", r"\Objects\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\Description", "Type").stdout, path + ": " + xml[:300])
        check(winload in xml, path + " names " + winload)
    check(on_disk("boot/boot.sdi")[:8] == b"$SDI0001", "a made boot.sdi")

    # What is no Windows PE, or nothing that a boot manager reads.
    windows_media.pe_tree("install", programs={})
    os.unlink("install/Windows/System32/winpeshl.exe")
    windows_media.wim("install", "install.wim")
    p = plan("install.wim")
    check(not starts(p) and any("no Windows PE" in w for w in p["warnings"]), "install.wim: %s" % p["warnings"])
    windows_media.wim("pe", "solid.wim", "--solid", "--boot")
    p = plan("solid.wim")
    check(not starts(p) and any("LZX or XPRESS" in w for w in p["warnings"]), "solid: %s" % p["warnings"])


def apply_served(arg, what, image=1, options=(), path="sources/boot.wim"):
    """The WIM on the disk that is served, unpacked by wimlib into out/. Which image its header names."""
    exported(arg, "disk.img", *options)
    with open("served.wim", "wb") as f:
        f.write(subprocess.run(["mcopy", "-i", "disk.img@@1M", "::" + path, "-"], stdout=subprocess.PIPE).stdout)
    equal(run("wimlib-imagex", "verify", "served.wim").returncode, 0, what + ": wimlib verifies it")
    shutil.rmtree("out", ignore_errors=True)
    run("wimlib-imagex", "apply", "served.wim", str(image), "out")
    header = run("wimlib-imagex", "info", "served.wim", "--header").stdout
    return int(re.search(r"Boot Index\s*= (\d+)", header).group(1))


def patched_wim(helper):
    """The helper stands in for the program that SYSTEM names; wimlib reads the WIM that is served."""
    run(B + "/interop/regf", "new", "minimal", "5", "ROOT")
    for name, command, program, machine in (
            ("none", None, "winpeshl.exe", windows_media.X64),
            ("usual", "winpeshl.exe", "winpeshl.exe", windows_media.X64),
            ("own", r'"X:\Windows\System32\pecmd.exe" main', "pecmd.exe", windows_media.IA32),
            ("variable", r"%SystemRoot%\System32\start -x", "start.exe", windows_media.AA64),
            ("elsewhere", r"C:\setup.exe", "winpeshl.exe", windows_media.X64)):
        made = windows_media.pe_tree("pe-" + name, machine=machine, boot=False, command=command, hive="minimal",
                                     more=["Windows/System32/" + program] if program != "winpeshl.exe" else [])
        windows_media.tree("win-" + name)
        windows_media.wim("pe-" + name, "win-%s/sources/boot.wim" % name, "--compress=LZX", "--boot")
        p = plan(windows_media.iso("win-" + name, name + ".iso"))
        equal(p["windows"]["replaced"], "Windows/System32/" + program, name + ": what is replaced")
        check(not any("helper" in w for w in p["warnings"]), name + ": %s" % p["warnings"])
        apply_served(name + ".iso", name)
        got = {os.path.relpath(os.path.join(d, f), "out"): open(os.path.join(d, f), "rb").read() for d, _, fs in os.walk("out") for f in fs}
        record = got.pop("Windows/System32/isopod/handover.bin", b"")
        check(record[:8] == b"ISOPODW2" and ("\3images\\%s.iso" % name).encode("utf-16-le") in record, name + ": handover.bin")
        want = dict(made)
        want["Windows/System32/isopod/" + program] = want["Windows/System32/" + program]
        want["Windows/System32/" + program] = helper[machine]
        got.pop("Windows/System32/config/SYSTEM", None)
        equal(sorted(got), sorted(want), name + ": names in the WIM")
        check(got == want, name + ": every file of it")


def settings():
    """What isopod.conf says for Setup is in the WIM that is served, and in what the helper is told."""
    must("create", "set.img", "--size", "128M", "--yes")
    must("add", "set.img", "usual.iso")
    with open("win.xml", "wb") as f:
        f.write(b"<?xml version='1.0'?><unattend/>" + bytes(5000))

    def served(conf):
        with open("isopod.conf", "w") as f:
            f.write(conf)
        must("add", "set.img", "isopod.conf", "--to", "/", "--replace")
        p = plan("set.img:/images/usual.iso")
        apply_served("set.img:/images/usual.iso", conf)
        with open("out/Windows/System32/isopod/handover.bin", "rb") as f:
            return p, f.read().decode("utf-16-le", "replace")

    conf = "answer = /answers/win.xml\nlabconfig = BypassTPMCheck BypassRAMCheck\n"
    p, told = served(conf)
    check(any("/answers/win.xml" in w for w in p["warnings"]) and p["windows"]["answer"] is None, "no answer file: %s" % p["warnings"])
    check(not os.path.exists("out/Autounattend.xml"), "and none in the WIM")
    must("add", "set.img", "win.xml", "--to", "/answers")
    p, told = served(conf)
    equal((p["windows"]["answer"], p["windows"]["labconfig"]), ("/answers/win.xml", 2), "what the plan says")
    check(not any("answer" in w for w in p["warnings"]), "nothing to warn of: %s" % p["warnings"])
    with open("win.xml", "rb") as a, open("out/Autounattend.xml", "rb") as b:
        check(a.read() == b.read(), "the answer file in the WIM")
    check(all(x in told for x in ("BypassTPMCheck", "BypassRAMCheck", "\\drivers")), "what the helper is told")
    p, told = served("")
    check(p["windows"]["answer"] is None and "Bypass" not in told and not os.path.exists("out/Autounattend.xml"), "without settings")


def several_images(helper):
    """A WIM whose header names one image, and others: a PE for another processor, a Windows that is none, one without winload."""
    for name, machine in (("one", windows_media.X64), ("two", windows_media.IA32), ("full", windows_media.X64), ("none", windows_media.X64)):
        windows_media.pe_tree("im-" + name, machine=machine, peshl=name != "full",
                              programs={"Windows/System32/only-%s.txt" % name: b"here"}, more=["Windows/System32/only-%s.txt" % name])
    for f in ("boot/winload.efi", "winload.exe"):
        os.unlink("im-none/Windows/System32/" + f)
    windows_media.wim("im-one", "four.wim", "--boot", name="First")
    for name in ("two", "full", "none"):
        run("wimlib-imagex", "append", "im-" + name, "four.wim", "Called\u202e\x9b31m " + name, "--no-acls")

    p = plan("four.wim")
    equal([(i["index"], i["own"], i["refused"], i["architecture"]) for i in p["windows"]["images"]],
          [(1, True, None, "x64"), (2, False, None, "x86"), (3, False, "no Windows PE", "x64"), (4, False, "no winload in it", "")],
          "what can be chosen")
    text = isopod("plan", "four.wim").out
    check("  1  First, x64, the WIM's own choice\n" in text and "full, x64, not to be chosen: no Windows PE" in text, "in words: " + text)
    check("\u202e" not in text and "\x9b" not in text, "a name does not speak to the terminal")
    equal(apply_served("four.wim", "own"), 1, "the header as it is")
    check(os.path.exists("out/Windows/System32/only-one.txt"), "image 1 is the first")

    p = plan("four.wim", "--image", "2")
    equal((p["windows"]["image"], starts(p)), (2, ["bios", "uefi-ia32"]), "the second, for its processor")
    check("/EFI/BOOT/BOOTIA32.EFI" in [f["path"] for f in p["windows"]["files"]], "and its boot manager")
    equal(apply_served("four.wim", "second", 2, ("--image", "2")), 2, "the header names it")
    with open("out/Windows/System32/winpeshl.exe", "rb") as f:
        check(f.read() == helper[windows_media.IA32] and os.path.exists("out/Windows/System32/only-two.txt"), "the helper is in it")
    run("wimlib-imagex", "apply", "served.wim", "1", "untouched")
    check(not os.path.exists("untouched/Windows/System32/isopod"), "and not in the first")
    for number, why in (("3", "no Windows PE"), ("4", "no winload"), ("5", "no image 5")):
        r = isopod("plan", "four.wim", "--image", number)
        check(r.rc == 3 and why in r.err, "image %s: %s" % (number, r.err))
    for number in ("0", "x", "4097", ""):
        equal(isopod("plan", "four.wim", "--image", number).rc, 2, "no number: " + number)
    equal(isopod("plan", "rock.iso", "--image", "1").rc, 3, "a boot.wim that is none")

    # No image is named: the last that starts.
    run("wimlib-imagex", "export", "four.wim", "all", "unnamed.wim")
    run("wimlib-imagex", "info", "unnamed.wim", "0", "--boot")
    equal((plan("unnamed.wim")["windows"]["image"], apply_served("unnamed.wim", "unnamed", 2)), (2, 2), "no boot index")

    # isopod.conf chooses, for an ISO as well; what a WIM does not have is told.
    must("create", "im.img", "--size", "128M", "--yes")
    windows_media.tree("win-four")
    shutil.copy("four.wim", "win-four/sources/boot.wim")
    must("add", "im.img", "four.wim", windows_media.iso("win-four", "four.iso"))
    for number, want in ((2, 2), (4, 1)):
        with open("isopod.conf", "w") as f:
            f.write("windows_image = %d\n" % number)
        must("add", "im.img", "isopod.conf", "--to", "/", "--replace")
        for name in ("four.iso", "four.wim"):
            p = plan("im.img:/images/" + name)
            equal((p["windows"]["image"], any("image 4" in w for w in p["warnings"])), (want, number == 4), "%s with %d" % (name, number))
    check(", of which 1 starts: First" in isopod("list", "im.img").out, "list says which")
    equal(plan("im.img:/images/four.iso", "--image", "2")["windows"]["image"], 2, "--image goes before isopod.conf")
    shutil.rmtree("untouched")


def two_loaders():
    """A WIM with the loader for UEFI under both certificates: that of 2011 is taken, and the plan tells of the other."""
    old, new = "Windows/Boot/EFI/bootmgfw.efi", "Windows/Boot/EFI_EX/bootmgfw_EX.efi"
    for both, taken, told in (((old, new), old, "certificate of 2011; the WIM has that of 2023 too"), ((new,), new, "the WIM has none of 2011"),
                              ((old,), old, None)):
        windows_media.pe_tree("ex", more=[new] if new in both else [])
        if old not in both:
            os.unlink("ex/" + old)
        windows_media.wim("ex", "ex.wim", "--boot")
        p = plan("ex.wim")
        equal({f["path"]: f["from"] for f in p["windows"]["files"]}["/EFI/BOOT/BOOTX64.EFI"], taken, "taken of %s" % (both,))
        equal((p["windows"]["loader_2023"], p["windows"]["loader_other"]), (taken == new, len(both) == 2), "and said")
        text = isopod("plan", "ex.wim").out
        check(told in text if told else "certificate" not in text, "in words: " + text)
        shutil.rmtree("ex")


def stored(efi, *options):
    run(B + "/interop/regf", "make", "store", "wim", *(["efi=1"] if efi else []), *options)
    with open("store", "rb") as f:
        return f.read()


def with_stores(name, efi, bios, wims, sdi=("boot/boot.sdi",)):
    """A medium whose two stores are these, with PEs of their own in `wims`. What is in the tree."""
    programs = {"efi/microsoft/boot/bcd": efi, "boot/bcd": bios}
    made = windows_media.tree(name, programs, without=["sources/boot.wim", "sources/install.wim", "boot/boot.sdi"])
    for path in sdi:
        made[path] = path.encode() * 3000
    for path in wims:
        made[path] = b""
    for path in (*sdi, *wims):
        os.makedirs(os.path.dirname(name + "/" + path), exist_ok=True)
        with open(name + "/" + path, "wb") as f:
            f.write(made[path])
    for i, path in enumerate(wims):
        mark = "Windows/System32/in-%d.txt" % i
        windows_media.pe_tree("store-pe", boot=False, programs={mark: b"here"}, more=[mark])
        windows_media.wim("store-pe", "%s/%s" % (name, path), "--boot", name="PE %d" % i)
        shutil.rmtree("store-pe")
    windows_media.iso(name, name + ".iso")
    return made


def stores():
    """What a medium's boot configuration names is served, whatever it is called."""
    usual = "\\sources\\boot.wim"
    # Another WIM, another boot.sdi.
    made = with_stores("odd", stored(True, "wim=\\pe\\Rescue.wim", "sdi=\\pe\\ram.sdi"), stored(False, "wim=\\PE\\rescue.wim", "sdi=\\pe\\ram.sdi"),
                       ["pe/Rescue.wim"], ["pe/ram.sdi"])
    p = plan("odd.iso")
    equal((p["sector_size"], starts(p), p["warnings"]), (512, ["bios", "uefi"], [
        "Windows PE in this image is for another processor than ia32: there it does not start."]), "another WIM and boot.sdi")
    paths = [f["path"] for f in p["windows"]["files"]]
    check("/pe/Rescue.wim" in paths and "/pe/ram.sdi" in paths and not [x for x in paths if x.endswith(("boot.wim", "boot.sdi"))],
          "and no others: %s" % paths)
    equal(p["windows"]["replaced"], "Windows/System32/winpeshl.exe", "the helper is put in")
    apply_served("odd.iso", "odd", path="pe/Rescue.wim")
    check(os.path.exists("out/Windows/System32/isopod/handover.bin"), "into that WIM")
    equal(subprocess.run(["mcopy", "-i", "disk.img@@1M", "::pe/ram.sdi", "-"], stdout=subprocess.PIPE).stdout, made["pe/ram.sdi"], "its boot.sdi")

    # Several entries, the usual one the default; one names nothing. The store for BIOS has one more.
    with_stores("many", stored(True, "wim=\\gone\\away.wim", "wim=\\boot\\second.wim", "wim=" + usual),
                stored(False, "wim=\\third.wim", "wim=" + usual), ["sources/boot.wim", "boot/second.wim", "third.wim"])
    p = plan("many.iso")
    equal((starts(p), p["windows"]["name"]), (["bios", "uefi"], "PE 0"), "the default is what the plan speaks of")
    check([w for w in p["warnings"] if "starts gone/away.wim, which is not in it" in w], "what is missing is told: %s" % p["warnings"])
    for i, path in enumerate(("sources/boot.wim", "boot/second.wim", "third.wim")):
        apply_served("many.iso", path, path=path)
        check(os.path.exists("out/Windows/System32/isopod/handover.bin") and os.path.exists("out/Windows/System32/in-%d.txt" % i), path)

    # The default names nothing, and nothing else does: no boot.wim, so it stays a CD; with one, that is served.
    for name, wims, sector in (("astray", [], 2048), ("astray-too", ["sources/boot.wim"], 512)):
        with_stores(name, stored(True, "wim=\\lost.wim"), stored(False, "wim=\\lost.wim"), wims)
        p = plan(name + ".iso")
        check(any("lost.wim, which is not in it" in w for w in p["warnings"]) and p["sector_size"] == sector, name + ": %s" % p["warnings"])

    # Another name, and loaders that its stores do not explain: it may be another maker's.
    with_stores("half", stored(True, "wim=\\pe\\a.wim"), None, ["pe/a.wim"])
    for path in ("boot/bcd", "bootmgr"):
        os.unlink("half/" + path)
    run("genisoimage", "-quiet", "-J", "-b", "boot/etfsboot.com", "-no-emul-boot", "-o", "half.iso", "half")
    equal(plan("half.iso")["sector_size"], 2048, "a loader for BIOS that is not Windows'")

    # Damage: no hive, a cut one, one without a boot manager's object.
    good = stored(True)
    for name, bad in (("noise", bytes(range(256)) * 64), ("cut", good[:4096]), ("root", good[:4100] + b"\0" * 4096 + good[8196:])):
        with_stores("bad-" + name, bad, stored(False), ["sources/boot.wim"])
        p = plan("bad-%s.iso" % name)
        made = {f["path"]: f["origin"] for f in p["windows"]["files"]}
        equal((made["/EFI/Microsoft/Boot/BCD"], made["/boot/bcd"], starts(p)), ("made", "image", ["bios", "uefi"]), "damaged store: " + name)
        check(any("/EFI/Microsoft/Boot/BCD of this medium is damaged" in w for w in p["warnings"]), "and told: %s" % p["warnings"])


def beyond_4gib():
    """What starts lies behind an install.wim of more than 4 GiB: in UDF, since ISO 9660 has no such files in one piece. LONG=1 only: it is
    written whole."""
    made = windows_media.tree("far")
    with open("far/sources/install.wim", "r+b") as f:
        f.truncate((4 << 30) + 5 * MIB)
    with open("far.sort", "w") as f:
        f.write("far/sources/install.wim 9\n")
    windows_media.iso("far", "far.iso", "-udf", "-allow-limited-size", "-J", "-R", "-sort", "far.sort")
    p = look_at("far.iso", {x: made[x] for x in SHOWN}, "beyond 4 GiB")
    equal(starts(p), ["bios", "uefi", "uefi-aa64", "uefi-ia32"], "what starts beyond 4 GiB")
    check(max(s["source"] for s in p["map"]["segments"] if s["kind"] == "image") > 4 << 30, "it does lie there")
    os.unlink("far.iso")


def other_machine():
    windows_media.pe_tree("pe32", machine=windows_media.IA32, boot=False)
    windows_media.tree("win32")
    windows_media.wim("pe32", "win32/sources/boot.wim", "--boot")
    p = plan(windows_media.iso("win32", "win32.iso"))
    equal(starts(p), ["bios", "uefi-ia32"], "a 32-bit Windows PE")
    check(any("another processor than x64" in w for w in p["warnings"]), "and why: %s" % p["warnings"])
    # Who puts it onto a stick, or lists what is there, is told in the same words.
    isopod("create", "warned.img", "--size", "200M", "--yes")
    told = isopod("add", "warned.img", "win32.iso").err
    check(all("win32.iso: " + w in told for w in p["warnings"]), "add: %s" % told)
    listed = json.loads(isopod("list", "warned.img", "--json").out)[0]
    equal(listed["warnings"], p["warnings"], "list")
    check("Warning: " + p["warnings"][0] in isopod("list", "warned.img").out, "list as text")
    os.unlink("warned.img")


def remove_helpers():
    for name in ("WINX64", "WINIA32", "WINAA64"):
        os.unlink("data/%s.EXE" % name)


def without_helper():
    remove_helpers()
    equal(apply_served("four.wim", "chosen without a helper", 2, ("--image", "2")), 2, "its header is changed alone")
    p = plan("usual.iso")
    check(p["windows"]["replaced"] is None and any("install.wim" in w for w in p["warnings"]), "no helper: %s" % p["warnings"])


def main():
    with workdir():
        make_data("data", 5)
        media_from_iso()
        one_firmware()
        no_windows()
        on_a_stick()
        bare_wim()
        made = helpers()
        patched_wim(made)
        several_images(made)
        two_loaders()
        stores()
        settings()
        other_machine()
        if os.environ.get("LONG") == "1":
            beyond_4gib()
        without_helper()
    finish()


main()

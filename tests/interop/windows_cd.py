#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Media with several WIMs of Windows PE, served as the CDs they are, with the helper in each: what 7-Zip (UDF, ISO 9660), isoinfo (Joliet)
and xorriso (Rock Ridge) read through our NBD server, and what wimlib says of the WIMs. Nothing else on them changes; what cannot be
patched is told; 1,000 mutations."""
import os
import pathlib
import random
import re
import shutil
import subprocess

from cli_common import *
from cli_common import B
import windows_media

SECTOR = 2048
MACHINE = {"WINX64": windows_media.X64, "WINIA32": windows_media.IA32, "WINAA64": windows_media.AA64}
# Their places, and the machine they are for.
WIMS = {"BOOT/WINPE/10PEX64.WIM": windows_media.X64, "PE/Rescue of 2024/winpe (arm).wim": windows_media.AA64,
        "tools/a/b/W7PE86.wim": windows_media.IA32}
TWICE = "tools/a/b/the same again.wim"
SEEN = pathlib.Path("seen")


def make_tree(folder):
    """{path: bytes}; a menu of its own, three WIMs, one of them with two names, one that nothing starts from."""
    rnd = random.Random(7)
    for path, size in (("bootmgr", 60000), ("boot/bcd", 16384), ("boot/boot.sdi", 40000), ("boot/grub/grub.cfg", 500), ("menu.lst", 900),
                       ("efi/boot/bootx64.efi", 50000), ("empty", 0), ("tools/setup.exe", 70001)):
        p = pathlib.Path(folder, path)
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(rnd.randbytes(size))
    for i, (path, machine) in enumerate(WIMS.items()):
        pe = "pe%d" % i
        windows_media.pe_tree(pe, machine=machine, boot=False)
        pathlib.Path(pe, "Windows/System32/filler.bin").write_bytes(rnd.randbytes(30000))
        pathlib.Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
        windows_media.wim(pe, pathlib.Path(folder, path), "--boot", "--compress=" + ("LZX", "XPRESS", "none")[i])
    os.link(pathlib.Path(folder, next(iter(WIMS))), pathlib.Path(folder, TWICE))
    windows_media.wim("pe0", pathlib.Path(folder, "tools/install.wim"))
    return {os.path.relpath(os.path.join(d, f), folder): pathlib.Path(d, f).read_bytes() for d, _, fs in os.walk(folder) for f in fs}


def helpers():
    made = {}
    for name, machine in MACHINE.items():
        made[machine] = windows_media.pe(machine, 3000, name)
        pathlib.Path("data", name + ".EXE").write_bytes(made[machine])
    return made


def files_below(folder):
    return {os.path.relpath(os.path.join(d, f), folder): pathlib.Path(d, f).read_bytes() for d, _, fs in os.walk(folder) for f in fs}


def by_7z(disk, kind):
    shutil.rmtree(SEEN, ignore_errors=True)
    r = run("7z", "x", "-y", "-t" + kind, "-o%s" % SEEN, disk)
    check(r.returncode == 0, "7z %s: %s" % (kind, r.stdout[-500:]))
    return {p: d for p, d in files_below(SEEN).items() if not p.startswith("[BOOT]")}


def by_xorriso(disk):
    """Rock Ridge: every file under its own name."""
    shutil.rmtree(SEEN, ignore_errors=True)
    r = run("xorriso", "-osirrox", "on", "-indev", disk, "-extract", "/", SEEN)
    check(r.returncode == 0, "xorriso: " + r.stdout[-500:])
    run("chmod", "-R", "u+w", SEEN)
    return files_below(SEEN)


def by_isoinfo(disk):
    listing = run("isoinfo", "-i", disk, "-J", "-f").stdout.splitlines()
    out = {}
    for name in listing:
        r = subprocess.run(["isoinfo", "-i", disk, "-J", "-x", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if r.returncode == 0 and (r.stdout or name == "/empty"):
            out[name.lstrip("/")] = r.stdout
    return out


def check_wim(data, machine, helper, what):
    """wimlib takes the WIM and finds in it what was there, and the helper."""
    pathlib.Path("served.wim").write_bytes(data)
    equal(run("wimlib-imagex", "verify", "served.wim").returncode, 0, what + ": wimlib verifies it")
    shutil.rmtree("out", ignore_errors=True)
    run("wimlib-imagex", "apply", "served.wim", "1", "out")
    got = files_below("out")
    record = got.pop("Windows/System32/isopod/handover.bin", b"")
    original = got.pop("Windows/System32/isopod/winpeshl.exe", b"")
    check(record[:8] == b"ISOPODW2" and ".iso".encode("utf-16-le") in record, what + ": handover.bin")
    equal(got.pop("Windows/System32/winpeshl.exe", None), helper[machine], what + ": the helper")
    return original, got


def check_view(name, got, made, helper, wims):
    """Every file of one reader's tree; the WIMs are looked into once."""
    equal(sorted(got), sorted(made), name + ": names")
    for path, data in made.items():
        if path not in wims:
            check(got.get(path) == data, "%s: %s is as it was" % (name, path))
            continue
        if got.get(path) in wims[path][1]:
            continue
        original, rest = check_wim(got.get(path, b""), wims[path][0], helper, "%s: %s" % (name, path))
        pe = "pe%d" % list(WIMS).index(path if path != TWICE else next(iter(WIMS)))
        want = files_below(pe)
        equal(original, want.pop("Windows/System32/winpeshl.exe"), "%s: %s: the program itself" % (name, path))
        check(rest == want, "%s: %s: the rest of it" % (name, path))
        wims[path][1].append(got[path])


def unchanged_elsewhere(name, image, disk, overlays):
    """But for what the plan names, the virtual CD is the image."""
    a, b = pathlib.Path(image).read_bytes(), bytearray(pathlib.Path(disk).read_bytes())
    for o in overlays:
        check(o["offset"] >= len(a) or o["length"] <= SECTOR, "%s: a small change: %s" % (name, o))
        b[o["offset"]:o["offset"] + o["length"]] = a[o["offset"]:o["offset"] + o["length"]].ljust(o["length"], b"\0")
    check(bytes(b[:len(a)]) == a, name + ": all else is unchanged")


def serve(name, image, made, helper, views, wims=None):
    p = plan(image)
    wims = wims or {path: (machine, []) for path, machine in [*WIMS.items(), (TWICE, WIMS[next(iter(WIMS))])]}
    equal((p["sector_size"], "windows" in p), (SECTOR, False), name + ": stays a CD")
    equal(len(p.get("wims", [])), len({tuple(made[w]) for w in wims}), name + ": WIMs that start: %s" % p.get("wims"))
    check(all(w["replaced"] == "Windows/System32/winpeshl.exe" and not w["unchanged_because"] for w in p["wims"]), name + ": %s" % p["wims"])
    check(not any("WIM" in w for w in p["warnings"]), name + ": %s" % p["warnings"])
    disk = exported(image, "disk.iso")
    equal(os.path.getsize(disk), p["map"]["size"], name + ": size")
    check(p["map"]["memory"] < 1 << 20, name + ": the WIMs are not in memory: %d" % p["map"]["memory"])
    for view in views:
        got = view(disk)
        check_view("%s, %s" % (name, getattr(view, "__name__", view)), got, made, helper, wims)
    unchanged_elsewhere(name, image, disk, p["overlays"])
    return p


def udf(disk):
    return by_7z(disk, "udf")


def joliet(disk):
    return by_7z(disk, "iso")


def volume_sizes(p, image):
    """As isoinfo and the UDF descriptors say them."""
    said = int(re.search(r"Volume size is: (\d+)", run("isoinfo", "-d", "-i", "disk.iso").stdout).group(1)) * SECTOR
    check(all(w["served_offset"] + w.get("served_length") <= said <= p["map"]["size"] for w in p["wims"]), "ISO 9660 reaches them: %d" % said)
    table = run("7z", "l", "-slt", "-tudf", "disk.iso").stdout
    check("Errors" not in table and "Warnings" not in table, "7-Zip has no complaints: " + table[:800])


def own_menu_and_sources():
    """The form of an installer, with two more WIMs: its menu offers them, and it stays a CD. With one more it is the disk."""
    windows_media.tree("win")
    run("cp", "-a", "multi/.", "win")
    windows_media.wim("pe0", "win/sources/boot.wim", "--boot")
    p = plan(windows_media.iso("win", "win.iso", "-udf", "-J", "-R"))
    equal(sorted(w["path"].lower() for w in p["wims"])[-2:], ["sources/boot.wim", "tools/a/b/w7pe86.wim"], "sources as well")
    check("windows" not in p and all(w.get("served_length") for w in p["wims"]), "an installer with more WIMs: %s" % p["wims"])
    for path in [*list(WIMS)[1:]]:
        os.unlink("win/" + path)
    p = plan(windows_media.iso("win", "win.iso", "-udf", "-J", "-R"))
    check("windows" in p and "wims" not in p and p["sector_size"] == 512, "with one more it is a disk")
    must("create", "stick.img", "--size", "128M", "--yes")
    must("add", "stick.img", "win.iso")
    pathlib.Path("isopod.conf").write_text("windows = cd\n")
    must("add", "stick.img", "isopod.conf", "--to", "/")
    p = plan("stick.img:/images/win.iso")
    equal(sorted(w["path"].lower() for w in p["wims"] if w.get("served_length")), ["boot/winpe/10pex64.wim", "sources/boot.wim"], "windows = cd")


def not_patched():
    """What cannot be done is said of that WIM, and the others are patched."""
    run("cp", "-a", "multi", "odd")
    windows_media.wim("pe0", "odd/solid.wim", "--boot", "--solid")
    os.makedirs("bare/Windows/System32", exist_ok=True)
    pathlib.Path("bare/Windows/System32/notepad.exe").write_bytes(b"MZ")
    windows_media.wim("bare", "odd/empty.wim", "--boot")
    data = bytearray(pathlib.Path("odd", list(WIMS)[1]).read_bytes())
    meta = int.from_bytes(data[104:112], "little")  # of the boot metadata's resource header at 96: its offset
    data[meta:meta + 64] = b"\xff" * 64
    pathlib.Path("odd/damaged.wim").write_bytes(data)
    pathlib.Path("odd/cut.wim").write_bytes(data[:100])
    windows_media.iso("odd", "odd.iso", "-udf", "-J", "-R")
    p = plan("odd.iso")
    why = {w["path"]: w["unchanged_because"] for w in p["wims"]}
    check(why["solid.wim"] in ("solid", "LZMS") and "winpeshl" in why["empty.wim"] and why["damaged.wim"], "why not: %s" % why)
    check(all(why[w] is None for w in WIMS) and "cut.wim" not in why, "the others are patched: %s" % why)
    for name in ("solid.wim", "empty.wim", "damaged.wim"):
        check(any(w.startswith(name) and "does not find the image" in w for w in p["warnings"]), "told: " + name)
    text = isopod("plan", "odd.iso").out
    check("  solid.wim, " in text and "unchanged (" in text and "in the place of Windows/System32/winpeshl.exe" in text, "in words: " + text[:3000])
    # Without UDF what lies beyond 4 GiB is not found by the boot manager.
    for image, patched in (("xorriso.iso", 0), ("bridge.iso", len(WIMS))):
        shutil.copy(image, "far.iso")
        os.truncate("far.iso", 4 << 30)
        p = plan("far.iso")
        equal(sum(1 for w in p["wims"] if w.get("served_length")), patched, "%s beyond 4 GiB: %s" % (image, p["wims"]))
        check(all(w.get("served_length") or "4 GiB" in w["unchanged_because"] for w in p["wims"]), image + " beyond 4 GiB: why")
    os.unlink("far.iso")


def mutations(images):
    """A sentence or a plan, never a crash, and soon."""
    for image in images:
        r = run("timeout", "60", B + "/interop/udf", image, 11, 500)
        f = r.stdout.split()
        check(r.returncode == 0 and int(f[1]) < 500 and int(f[3]) > 100, "mutations of %s: %d %s" % (image, r.returncode, r.stdout[-500:]))


def main():
    with workdir():
        make_data("data", 5)
        helper = helpers()
        made = make_tree("multi")
        windows_media.iso("multi", "bridge.iso", "-udf", "-J", "-joliet-long", "-R")
        p = serve("bridge", "bridge.iso", made, helper, (udf, joliet, by_isoinfo, by_xorriso))
        volume_sizes(p, "bridge.iso")
        equal(sorted(w["names"] for w in p["wims"]), [3, 3, 6], "names in three trees")
        run("xorriso", "-as", "mkisofs", "-quiet", "-iso-level", "3", "-J", "-joliet-long", "-R", "-o", "xorriso.iso", "multi")
        serve("xorriso's", "xorriso.iso", made, helper, (joliet, by_xorriso))
        windows_media.iso("multi", "udf.iso", "-udf", "-D", *[o for n in os.listdir("multi") if n != "menu.lst" for o in ("-hide", n)])
        serve("UDF beside a note", "udf.iso", made, helper, (udf,))
        own_menu_and_sources()
        not_patched()
        mutations(("bridge.iso", "udf.iso"))
    finish()


main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""The INT 13h server seen from inside the machine: bios_probe.c is started from an Isopod stick as CD-ROM, floppy and
hard disk, and what it read through the BIOS is compared with `isopod export` (the same virtual disk over NBD), and the
memory map with what the machine has.

    bios_probe.py [--build BUILD]    prints "N passed, N failed"; the build folder is $B by default
    bios_probe.py --break            compares with other bytes: every comparison of sectors must fail
"""

import argparse
import gzip
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vm  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY = 256
passed = failed = 0


def check(ok, what):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAILED " + what)


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def build_probe(work):
    flags = "-m16 -march=i386 -Os -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables".split()
    obj, elf, out = (os.path.join(work, "probe." + e) for e in ("o", "elf", "bin"))
    run("gcc", *flags, "-Wall", "-Wextra", "-Werror", "-c", os.path.join(HERE, "bios_probe.c"), "-o", obj)
    run("ld", "-m", "elf_i386", "--no-warn-rwx-segments", "-T", os.path.join(HERE, "bios_probe.ld"), "-o", elf, obj)
    run("objcopy", "-O", "binary", elf, out)
    return open(out, "rb").read()


def newc(names):
    """A small initramfs, so that the plan has something to patch."""
    out = b""
    for n, name in enumerate(names + ["TRAILER!!!"]):
        raw = name.encode() + b"\0"
        out += b"070701" + b"".join(b"%08x" % v for v in (n + 1, 0o100755, 0, 0, 1, 0, 0, 0, 0, 0, 0, len(raw), 0)) + raw
        out += b"\0" * (-len(out) % 4)
    return gzip.compress(out, mtime=0)


def make_images(work, probe):
    rnd = random.Random(13)
    images = {}
    hd = bytearray(probe + rnd.randbytes(20 * 16 * 63 * 512 - len(probe)))
    hd[446:512] = bytes([0x80, 1, 1, 0, 0x0c, 15, 63, 19]) + struct.pack("<II", 63, 20 * 16 * 63 - 63) + bytes(48) + b"\x55\xaa"
    floppy = probe + rnd.randbytes(1474560 - len(probe))
    boot = {"cd": (probe, ["-no-emul-boot", "-boot-load-size", str(len(probe) // 512)]),
            "floppy": (floppy, []), "disk": (bytes(hd), ["-hard-disk-boot"])}
    for name, (data, options) in boot.items():
        tree = os.path.join(work, name)
        os.makedirs(tree)
        for path, content in (("boot.bin", data), ("random.bin", rnd.randbytes(1500000 + len(name))),
                              ("initrd.img", newc(["init", name]))):
            with open(os.path.join(tree, path), "wb") as f:
                f.write(content)
        images[name] = os.path.join(work, name + ".iso")
        run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-o", images[name], "-b", "boot.bin", *options, tree)
    for name, data in (("raw-disk", bytes(hd)), ("raw-floppy", floppy)):
        images[name] = os.path.join(work, name + ".img")
        with open(images[name], "wb") as f:
            f.write(data)
    return images, {"floppy": floppy, "disk": bytes(hd), "raw-disk": bytes(hd), "raw-floppy": floppy}


def exported(isopod, stick, path, work):
    """The virtual disk as the command shows it."""
    sock, out = os.path.join(work, "nbd.sock"), os.path.join(work, "virtual")
    server = subprocess.Popen([isopod, "export", stick + ":" + path, "--nbd", sock, "--once"], stdout=subprocess.DEVNULL)
    for _ in range(100):
        if os.path.exists(sock):
            break
        time.sleep(0.05)
    with open(out, "wb") as f:
        subprocess.run(["nbdcopy", "nbd+unix:///?socket=" + sock, "-"], stdout=f, check=True)
    server.wait(20)
    return open(out, "rb").read()


def state_place(stick):
    """First byte and length of the state file on the stick, as sfdisk and mtools find it (mshowfat's clusters, the FAT's own numbers)."""
    table = subprocess.run(["/usr/sbin/sfdisk", "-d", stick], check=True, capture_output=True, text=True).stdout
    esp = int(re.search(r"start=\s*(\d+), size=\s*\d+, type=ef", table)[1]) * 512
    listing = subprocess.run(["mshowfat", "-i", "%s@@%d" % (stick, esp), "::ISOPOD/STATE.BIN"], check=True, capture_output=True, text=True).stdout
    first, last = (int(x) for x in re.search(r"<(\d+)-(\d+)>", listing).groups())
    with open(stick, "rb") as f:
        f.seek(esp)
        b = f.read(512)
    cluster = b[13] * 512
    data = struct.unpack_from("<H", b, 14)[0] + b[16] * struct.unpack_from("<H", b, 22)[0] + struct.unpack_from("<H", b, 17)[0] * 32 // 512
    return esp + data * 512 + (first - 2) * cluster, (last - first + 1) * cluster


def with_recorder(want, stick):
    """The hand-over record names the state file and the number of the boot; a plan on the host has zeros there."""
    want = bytearray(want)
    at = want.rindex(b"ISOPODH2")  # the shim, in front of it, knows the word too
    length = struct.unpack_from("<I", want, at + 8)[0]
    struct.pack_into("<QII", want, at + 0x60, *state_place(stick), 1)
    struct.pack_into("<I", want, at + 12, 0)
    struct.pack_into("<I", want, at + 12, zlib.crc32(want[at:at + length]))
    return bytes(want)


def one(name, stick, path, bus, want, isopod):
    run(isopod, "next", stick, path)
    with vm.VM("bios", stick, bus=bus, memory=MEMORY) as machine:
        machine.wait(r"probe end", 120)
        text = machine.text
    text = text[text.index("probe drive="):]
    v = {k: int(x, 16) for k, x in re.findall(r"(\w+)=([0-9a-f]{8})", text)}
    tag = "%s on %s: " % (name, bus)
    check("changed=" not in text, tag + "registers are preserved")
    check(v.get("stick") == 0x55AA, tag + "the stick's own sectors are reachable")
    if "unit" in v:
        check(v["crc"] == zlib.crc32(want[:v["total"] * v["unit"]]) and not v["errors"], tag + "every sector by packet")
        check(v["total"] == len(want) // v["unit"], tag + "number of sectors")
        asked = (1, 2) if v["unit"] == 2048 else (0, 0)  # a CD-ROM's packet says what was asked, any other what came
        check((v["past"], v["over"]) == (0x10400 + asked[0], 0x10400 + asked[1]), tag + "reads past the end fail with nothing done")
    if "cylinders" in v:
        size = v["cylinders"] * v["heads"] * v["sectors"] * 512
        check(size == len(want) and v["chs_crc"] == zlib.crc32(want), tag + "every sector by CHS")
        check(v["write"] == 0x10300, tag + "writes are refused")
    kinds = {"cd": 0x1300E0, "floppy": 0x130200, "disk": 0x130480}
    check(v["4b01"] == kinds.get(name, 0xFFFFFFFF), tag + "specification packet %x" % v["4b01"])
    # Memory: ordered, without overlap, complete; INT 12h, E801h and 88h agree with E820h.
    e820 = [tuple(int(x, 16) for x in re.findall(r"=([0-9a-f]{8})", entry)) for entry in re.findall(r"^e820 .*$", text, re.M)]
    e820 = sorted((a << 32 | b, c << 32 | d, t) for a, b, c, d, t in e820)
    check(all(a[0] + a[1] <= b[0] for a, b in zip(e820, e820[1:])), tag + "memory map without overlap")
    low = [e for e in e820 if e[2] == 1 and e[0] == 0]
    high = [e for e in e820 if e[2] == 1 and e[0] == 1 << 20]
    check(low and low[0][1] == v["int12"] << 10, tag + "INT 12h and E820h agree")
    end = high[0][0] + high[0][1] if high else 0
    check(v["ah88"] <= (end - (1 << 20)) >> 10 and v["e801"] & 0xFFFF <= (end - (16 << 20)) >> 16, tag + "E801h and 88h stay within E820h")
    below = sum(e[1] for e in e820 if e[0] < MEMORY << 20 and e[2] in (1, 2) and e[0] >= 1 << 20)
    check(below == (MEMORY - 1) << 20, tag + "no memory is lost")
    usable = sum(e[1] for e in e820 if e[2] == 1)
    check(usable >= (MEMORY << 20) - (1 << 20), tag + "little is kept: %d bytes usable" % usable)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", default=os.environ.get("B", "build"))
    ap.add_argument("--break", dest="broken", action="store_true")
    opt = ap.parse_args()
    isopod = os.path.join(opt.build, "isopod")
    work = tempfile.mkdtemp(prefix="isopod-probe.")
    try:
        stick = os.path.join(work, "stick.img")
        images, inner = make_images(work, build_probe(work))
        run(isopod, "create", stick, "--size", "160M", "--yes")
        run(isopod, "add", stick, *images.values())
        for name, file in images.items():
            path = "/images/" + os.path.basename(file)
            want = inner.get(name) or exported(isopod, stick, path, work)
            if name == "cd":
                check(len(want) > os.path.getsize(file), "cd: the plan serves the initrd from memory")
                want = with_recorder(want, stick)
            if opt.broken:
                want = bytes([want[0] ^ 1]) + want[1:]
            for bus in ("usb", "sata") if name == "cd" else ("usb",):
                try:
                    one(name, stick, path, bus, want, isopod)
                except vm.BootError as e:
                    check(False, "%s on %s: %s" % (name, bus, e))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The figures Isopod is held to, measured in one run on this machine.

    bench.py [--build DIR] [--runs N] [--only menu|iso|login|slow|recorder|doctor|add|size] [--strict]

Bytes are QEMU's own count for the drive (query-blockstats), CPU seconds those of the QEMU process under TCG (median of N runs,
the two sides of a ratio taken in turn). --strict: status 1 if a figure is missed.
"""

import argparse
import functools
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

import cases
import sticks
from figures import MIB, choose, delayed, median, row, run, until

HERE = os.path.dirname(os.path.abspath(__file__))


# --- bare firmware --------------------------------------------------------------------------------------------------
def bare_stick(env):
    """A stick on which both firmwares start at once something that prints "bare firmware" to the serial port and halts."""
    path = os.path.join(env.sticks, "bare.img")
    work = os.path.join(env.sticks, "bare.d")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    obj, efi = os.path.join(work, "bare.obj"), os.path.join(work, "BOOTX64.EFI")
    subprocess.run(["clang", "-target", "x86_64-unknown-windows", "-ffreestanding", "-fno-stack-protector", "-mno-red-zone", "-O2",
                    "-Wall", "-Werror", "-c", os.path.join(HERE, "bare.c"), "-o", obj], check=True)
    subprocess.run(["lld-link", "/subsystem:efi_application", "/entry:efi_main", "/nodefaultlib", "/Brepro", "/out:" + efi, obj],
                   check=True)
    text = b"bare firmware\r\n"
    # mov si, text; lodsb; test al, al; jz halt; mov dx, 3F8h; out dx, al; jmp; hlt
    code = bytes([0xFA, 0x31, 0xC0, 0x8E, 0xD8, 0xBE, 0x17, 0x7C, 0xAC, 0x84, 0xC0, 0x74, 0x06, 0xBA, 0xF8, 0x03, 0xEE, 0xEB, 0xF5,
                  0xF4, 0xEB, 0xFD, 0x90]) + text + b"\0"
    with open(path, "wb") as f:
        f.truncate(80 * MIB)
        f.write(code)
        f.seek(446)
        # One active partition of type EFh at 1 MiB.
        f.write(bytes([0x80, 0, 0, 0, 0xEF, 0, 0, 0]) + (2048).to_bytes(4, "little") + (64 * 2048).to_bytes(4, "little"))
        f.seek(510)
        f.write(b"\x55\xAA")
    part = path + "@@1M"
    subprocess.run(["mformat", "-i", part, "-T", str(64 * 2048), "-F", "-h", "64", "-s", "32", "::"], check=True)
    subprocess.run(["mmd", "-i", part, "::EFI", "::EFI/BOOT"], check=True)
    subprocess.run(["mcopy", "-i", part, efi, "::EFI/BOOT/BOOTX64.EFI"], check=True)
    shutil.rmtree(work)
    return path


def bench_menu(env, runs):
    bare = bare_stick(env)
    two, many, tree = env.stick("two"), env.stick("many"), env.stick("tree")
    limits = {"bios": (0.5, "2.17 MiB"), "uefi": (0.75, "5.08 MiB")}
    for fw in ("bios", "uefi"):
        base, few, lots = [], [], []
        for _ in range(max(9, runs)):  # short, and the firmware's own seconds vary by a tenth from run to run
            base.append(until(fw, bare, "bare firmware"))
            few.append(until(fw, two, cases.MENU))
            lots.append(until(fw, many, cases.MENU))
        got = median(few, "bytes") / MIB
        row("bytes from power-on to menu, 2 images, " + fw, "%.2f MiB" % got, "<= %.2f MiB" % limits[fw][0], got <= limits[fw][0],
            limits[fw][1])
        cpu = median(few, "cpu") - median(base, "cpu")
        row("CPU seconds to menu beyond the firmware's own, " + fw, "%.2f s (firmware %.2f s)" % (cpu, median(base, "cpu")), "<= 0.4 s",
            cpu <= 0.4, "about 2 s")
        more = median(lots, "cpu") - median(few, "cpu")
        row("the same with 600 images in one folder, more, " + fw, "%+.2f s (%.2f MiB)" % (more, median(lots, "bytes") / MIB), "<= +0.1 s",
            more <= 0.1, "+1 s")
        r = until(fw, tree, cases.MENU)
        row("bytes to menu, 300 folders of 30 files, " + fw, "%.2f MiB (%.1f s CPU)" % (r["bytes"] / MIB, r["cpu"]), "<= 2 MiB",
            r["bytes"] <= 2 * MIB, "11.7 / 14.6 MiB")


def bench_iso(env, runs):
    """From choosing live.iso to its own boot menu."""
    stick = env.stick("two")
    own = {"bios": r"Automatic boot in", "uefi": r"Pod Live, all messages"}
    for fw in ("bios", "uefi"):
        plain = until(fw, env.medium("live"), own[fw], bus="cdrom")
        ours = until(fw, stick, own[fw], steps=lambda vm: choose(vm, "live.iso")[0])
        ratio = ours["bytes"] / plain["bytes"]
        row("bytes from choosing an ISO to its own menu, vs CD-ROM, " + fw,
            "%.2f x (%.2f / %.2f MiB)" % (ratio, ours["bytes"] / MIB, plain["bytes"] / MIB), "<= 1.25 x", ratio <= 1.25, "3.5-7 x")


def bench_login(env, runs):
    """Power-on to login, against the same ISO raw on a stick."""
    peers = {"bios": "0.99 x, 1.07 x", "uefi": "1.17 x, 1.10 x"}
    for fw in ("bios", "uefi"):
        chosen = env.chosen("two", "/images/live.iso", "bench-" + fw)
        try:
            ours, raw = [], []
            for _ in range(runs):
                raw.append(until(fw, env.medium("live"), r"podlive login:", 600))
                ours.append(until(fw, chosen, r"podlive login:", 600))
        finally:
            os.unlink(chosen)
        for field, text in (("cpu", "CPU seconds"), ("bytes", "bytes")):
            ratio = median(ours, field) / median(raw, field)
            scale = 1 if field == "cpu" else MIB
            row("%s from power-on to login, vs raw on USB, %s" % (text, fw),
                "%.2f x (%.1f / %.1f)" % (ratio, median(ours, field) / scale, median(raw, field) / scale), "<= 1.05 x", ratio <= 1.05,
                peers[fw])
        # Half of either side's are of 64 KiB, all that a BIOS or OVMF moves at a time; most others are the live system's own.
        ratio = median(ours, "operations") / median(raw, "operations")
        row("read requests from power-on to login, vs raw on USB, " + fw,
            "%.2f x (%d / %d)" % (ratio, median(ours, "operations"), median(raw, "operations")), "<= 1.00 x", ratio <= 1, "-")


def bench_slow(env, runs):
    """The same on a stick that takes 2 ms for each request, as many cheap ones do."""
    for fw in ("bios", "uefi"):
        chosen = env.chosen("two", "/images/live.iso", "slow-" + fw)
        try:
            ours, raw = [], []
            with delayed(env.medium("live"), 2) as raw_drive, delayed(chosen, 2) as our_drive:
                for _ in range(runs):
                    raw.append(until(fw, raw_drive, r"podlive login:", 600))
                    ours.append(until(fw, our_drive, r"podlive login:", 600))
        finally:
            os.unlink(chosen)
        ratio = median(ours, "wall") / median(raw, "wall")
        row("seconds from power-on to login, 2 ms a request, vs raw on USB, " + fw,
            "%.2f x (%.1f / %.1f)" % (ratio, median(ours, "wall"), median(raw, "wall")), "<= 1.05 x", ratio <= 1.05, "-")


def bench_recorder(env, runs):
    """Power-on to login with the flight recorder, against the same stick with `recorder = off`; what it writes until then."""
    for fw in ("bios", "uefi"):
        copies = []
        try:
            for tag in ("on", "off"):
                copies.append(env.chosen("two", "/images/live.iso", "bench-%s-%s" % (fw, tag)))
            env.add_conf(copies[1], "recorder = off\n")
            on, off = [], []
            for _ in range(runs):
                on.append(until(fw, copies[0], r"podlive login:", 600))
                off.append(until(fw, copies[1], r"podlive login:", 600))
        finally:
            for p in copies:
                os.unlink(p)
        ratio = median(on, "cpu") / median(off, "cpu")
        row("CPU seconds to login, recorder on vs off, " + fw, "%.3f x (%.1f / %.1f)" % (ratio, median(on, "cpu"), median(off, "cpu")),
            "<= 1.02 x", ratio <= 1.02, "-")
        most = max(r["written"] for r in on)
        row("bytes written to the stick until then, " + fw, "%.1f KiB (off: %d)" % (most / 1024, max(r["written"] for r in off)),
            "<= 256 KiB", 0 < most <= 256 << 10, "-")


def bench_doctor(env, runs):
    """Without the options that read everything."""
    def seconds(*args):
        t = time.monotonic()
        r = subprocess.run([env.isopod, "doctor", *args], stdout=subprocess.DEVNULL)
        if r.returncode not in (0, 1):
            raise RuntimeError("isopod doctor: status %d" % r.returncode)
        return time.monotonic() - t

    stick = os.path.join(env.work, "bench-doctor.img")
    folder = stick + ".d"
    try:
        os.makedirs(folder)
        names = []
        for n in range(50):
            names.append(os.path.join(folder, "image-%02d.iso" % n))
            os.symlink(env.medium(["nosquash", "memtest", "ipxe", "efionly", "floppy"][n % 5]), names[-1])
        env.run("create", stick, "--size", "4G", "--yes")
        env.run("add", stick, *names)
        got = statistics.median(seconds(stick) for _ in range(max(3, runs)))
        row("doctor on a stick with 50 images", "%.2f s" % got, "<= 5 s", got <= 5, "-")
        got = statistics.median(seconds(env.medium("big")) for _ in range(max(3, runs)))
        row("doctor on one ISO of 5 GiB", "%.2f s" % got, "<= 1 s", got <= 1, "-")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if os.path.exists(stick):
            os.unlink(stick)


def bench_add(env, runs):
    src = os.path.join(env.work, "bench-2g.iso")
    stick = os.path.join(env.work, "bench-add.img")
    out = os.path.join(env.work, "bench-copy.iso")
    try:
        with open(src, "wb") as f, open("/dev/urandom", "rb") as r:
            for _ in range(64):
                f.write(r.read(32 * MIB))
        ours, theirs = [], []
        for _ in range(max(3, runs)):
            for p in (stick, out):
                if os.path.exists(p):
                    os.unlink(p)
            env.run("create", stick, "--size", "4G", "--yes")
            os.sync()
            t = time.monotonic()
            subprocess.run("cp %s %s && sha256sum %s >/dev/null && sync %s" % (src, out, out, out), shell=True, check=True)
            theirs.append(time.monotonic() - t)
            os.unlink(out)
            os.sync()
            t = time.monotonic()
            env.run("add", stick, src)
            ours.append(time.monotonic() - t)
        a, b = statistics.median(ours), statistics.median(theirs)
        row("add of a 2 GiB image, vs cp + sha256sum + sync", "%.2f x (%.1f / %.1f s)" % (a / b, a, b), "<= 0.7 x", a / b <= 0.7, "1")
    finally:
        for p in (src, stick, out):
            if os.path.exists(p):
                os.unlink(p)


def bench_size(env, runs):
    """What lies on the ESP, by mtools, and the boot code."""
    stick = env.stick("two")
    table = subprocess.run(["sfdisk", "-d", stick], check=True, capture_output=True, text=True).stdout
    esp = int(re.findall(r"start= *(\d+)", table)[-1]) * 512
    listing = subprocess.run(["mdir", "-/", "-i", "%s@@%d" % (stick, esp), "::"], check=True, capture_output=True, text=True).stdout
    files = sum(int(m.replace(" ", "")) for m in re.findall(r"^\S+ +\S* +(\d[\d ]*) \d{4}-", listing, re.M))
    boot = 0
    for f in ("mbr.bin", "stage2.bin"):
        boot += os.path.getsize(os.path.join(env.build, "stick", f))
    total = (files + boot) / MIB
    row("ESP and boot code in use", "%.2f MiB" % total, "<= 4 MB", files + boot <= 4e6 and files > 0, "25 MB")


PARTS = {"size": bench_size, "add": bench_add, "menu": bench_menu, "iso": bench_iso, "login": bench_login, "slow": bench_slow,
         "recorder": bench_recorder, "doctor": bench_doctor}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default=os.environ.get("B", "build"))
    ap.add_argument("--runs", type=int, default=3)
    ap.add_argument("--only", choices=sorted(PARTS), action="append")
    ap.add_argument("--strict", action="store_true")
    a = ap.parse_args()
    env = sticks.Env(a.build)
    env.build_media({m for s in ("two", "many", "tree") for m in sticks.STICKS[s].media} | {"live", "big", "nosquash"})
    return run({name: functools.partial(part, env, a.runs) for name, part in PARTS.items()}, a.only, a.strict)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Faults that are booted: what the recorder's verdict says of each, against the truth.

    fault_cases.py [--build DIR] [--only REGEX] [--firmware bios|uefi] [--jobs N] [--list]

Each fault is put into a copy of a small medium, into the stick's own parts or into the machine, the stick is started on each firmware that the
fault concerns, the machine is switched off, and `isopod trace` is asked. A verdict is right (it blames the hazard that is to blame), unknown
(it blames none), or wrong (it blames another); what starts all the same is sound, and an alarm that blames a hazard is wrong there. Prints a
table, and fails on anything wrong, and on an unknown where evidence is known to be had (Fault.sure)."""

import argparse
import json
import os
import queue
import random
import re
import shutil
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import trace_cases as tc
from sticks import Env
from vm import VM, BootError, BootTimeout

noise = random.Random(11)
MIB = 1 << 20
IMAGE, DRIVERS, RULES, MEMORY, FIRMWARE, DRIVE = range(1, 7)
KERNEL, INITRD, CFG, MENU, EFI = "/live/vmlinuz", "/live/initrd.img", "/boot/grub/grub.cfg", "/isolinux/isolinux.cfg", "/boot/grub/efi.img"
BOTH = ("bios", "uefi")
# What ends a start for good; the rest is given its time.
BACK = r"Press any key to go back|Enter starts it all the same|Back in Isopod"
ENDS = BACK + r"|Kernel panic|\(initramfs\) ?$|ALERT!|grub> ?$|boot: ?$|not found|Failed to load|Press any key to continue"


@dataclass
class Fault:
    name: str
    truth: int             # the hazard that is to blame; 0: none is, it starts, or nobody can know
    spoil: object = None   # called with (env, path of a copy of the medium, work folder)
    stick: object = None   # called with (env, stick, work folder)
    medium: str = "nosquash"
    firmware: tuple = BOTH
    ends: str = ENDS
    limit: int = 45        # seconds, if nothing of that comes
    memory: int = 1024
    sure: tuple = ()       # firmwares on which it has to be right
    drive: object = None   # as trace_cases.Fault has it
    also: tuple = ()       # other hazards that would be no less true
    settle: float = 3
    unheard: bool = False  # nothing of ours is in it, so that nobody can know: no alarm is no mistake


# --- in the medium ----------------------------------------------------------------------------------------------------------
def over(name, at, data):
    """Bytes written over, `at` a part of the file's length."""
    def spoil(env, iso, work):
        start, length = tc.place(iso, name)
        tc.overwrite(iso, start + int(length * at), data)
    return spoil


def edit(*changes):
    """(file, old, new)"""
    def spoil(env, iso, work):
        for name, old, new in changes:
            tc.replace_file(iso, work, name, lambda data: data.replace(old, new))
    return spoil


def cut_in(name):
    def spoil(env, iso, work):
        start, length = tc.place(iso, name)
        os.truncate(iso, (start + length // 2) & ~2047)
    return spoil


def catalogue(change):
    """The El Torito boot catalogue, which the boot record volume descriptor (sector 17) names at 0x47."""
    def spoil(env, iso, work):
        with open(iso, "r+b") as f:
            f.seek(17 * 2048 + 0x47)
            at = struct.unpack("<I", f.read(4))[0] * 2048
            f.seek(at)
            data = bytearray(f.read(2048))
            change(data)
            f.seek(at)
            f.write(data)
    return spoil


def wipe(data):
    data[:] = bytes(len(data))


def point_away(data):
    """Every entry leads behind the end of the image."""
    for e in range(32, 2048, 32):
        if data[e] in (0x88, 0x00) and any(data[e:e + 32]):
            struct.pack_into("<I", data, e + 8, 0x00F00000)


def no_descriptors(env, iso, work):
    tc.overwrite(iso, 16 * 2048, bytes(8 * 2048))


def efi_file(name, change):
    """A file of the FAT that UEFI starts."""
    def spoil(env, iso, work):
        at, _ = tc.place(iso, EFI)
        path = os.path.join(work, "program")
        subprocess.run(["mcopy", "-o", "-i", "%s@@%d" % (iso, at), "::" + name, path], check=True)
        with open(path, "r+b") as f:
            data = bytearray(f.read())
            data = change(data) or data
            f.seek(0)
            f.truncate()
            f.write(data)
        subprocess.run(["mcopy", "-o", "-i", "%s@@%d" % (iso, at), path, "::" + name], check=True)
    return spoil


def no_loader(env, iso, work):
    at, _ = tc.place(iso, EFI)
    fat = "%s@@%d" % (iso, at)
    subprocess.run(["mren", "-i", fat, "::EFI/BOOT/BOOTX64.EFI", "::EFI/BOOT/OTHER.EFI"], check=True)
    subprocess.run(["mdel", "-i", fat, "::EFI/BOOT/BOOTIA32.EFI"], check=True)


def no_folders(env, iso, work):
    """All but the boot sector."""
    at, length = tc.place(iso, EFI)
    tc.overwrite(iso, at + 512, bytes(min(length - 512, MIB)))


def other_machine(data):
    at = struct.unpack_from("<I", data, 0x3C)[0]
    struct.pack_into("<H", data, at + 4, 0xAA64)


def code_gone(data):
    data[0x1000:len(data) // 2] = bytes(len(data) // 2 - 0x1000)


def half(data):
    return data[:len(data) // 2]


def program(body):
    return lambda env, iso, work: tc.replace_loader(env, iso, work, body)


def wrong_args(new):
    return edit((CFG, b"boot=live noeject", new), (MENU, b"boot=live noeject", new))


# --- in the stick -----------------------------------------------------------------------------------------------------------
def partition(stick):
    """First byte of the ESP."""
    t = json.loads(subprocess.run(["sfdisk", "--json", stick], check=True, capture_output=True, text=True).stdout)["partitiontable"]
    return [p["start"] * 512 for p in t["partitions"] if p["type"].lower() in ("ef", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b")][0]


def esp_gone(name):
    def spoil(env, stick, work):
        subprocess.run(["mdel", "-i", "%s@@%d" % (stick, partition(stick)), "::" + name], check=True)
    return spoil


def esp_other(name, make):
    """A file of the boot partition gets other content of the same length."""
    def spoil(env, stick, work):
        path, where = os.path.join(work, "esp-file"), "%s@@%d" % (stick, partition(stick))
        subprocess.run(["mcopy", "-o", "-i", where, "::" + name, path], check=True)
        with open(path, "r+b") as f:
            f.write(make(os.path.getsize(path)))
        subprocess.run(["mcopy", "-o", "-i", where, path, "::" + name], check=True)
    return spoil


def conf(text):
    def spoil(env, stick, work):
        env.add_conf(stick, text)
    return spoil


def slot(number):
    def spoil(env, stick, work):
        tc.overwrite(stick, (34 if number == 0 else 1040) * 512, noise.randbytes(512 * 1000))
    return spoil


UD2 = '\t(void)image;\n\t(void)table;\n\t__asm__ volatile("ud2");\n\treturn 0;'
WILD = "\t(void)image;\n\t(void)table;\n\t*(volatile long *)0x8000000000000000ull = 1;\n\treturn 0;"
EXIT = "\t(void)image;\n\t(void)table;\n\treturn 0x8000000000000001ull; /* EFI_LOAD_ERROR */"
LOOP = '\tfor (;;)\n\t\t__asm__ volatile("pause");'

FAULTS = [
    Fault("kernel that the menu names is missing", IMAGE, edit((CFG, KERNEL.encode(), b"/live/lost"), (MENU, KERNEL.encode(), b"/live/lost")), sure=BOTH),
    Fault("initrd that the menu names is missing", IMAGE, edit((CFG, INITRD.encode(), b"/live/lost.gz"), (MENU, INITRD.encode(), b"/live/lost.gz")), sure=("uefi",)),
    Fault("kernel without its header", IMAGE, over(KERNEL, 0, bytes(2048))),
    Fault("kernel damaged in the middle", IMAGE, over(KERNEL, .5, noise.randbytes(65536)), limit=40, sure=BOTH),
    Fault("initrd damaged in the middle", IMAGE, over(INITRD, .5, noise.randbytes(4096)), limit=75),
    Fault("initrd of noise", IMAGE, over(INITRD, 0, noise.randbytes(65536)), limit=75, unheard=True),
    Fault("cut off in the kernel", IMAGE, cut_in(KERNEL), sure=BOTH),
    Fault("cut off in the initrd", IMAGE, cut_in(INITRD), sure=BOTH),
    Fault("configuration is noise", IMAGE, lambda e, i, w: [tc.replace_file(i, w, n, lambda d: noise.randbytes(len(d))) for n in (CFG, MENU)], limit=30),
    Fault("isolinux.bin damaged", IMAGE, over("/isolinux/isolinux.bin", .2, noise.randbytes(8192)), firmware=("bios",), limit=25),
    Fault("ldlinux.c32 damaged", IMAGE, over("/isolinux/ldlinux.c32", 0, noise.randbytes(4096)), firmware=("bios",), limit=25),
    Fault("menu.c32 damaged", IMAGE, over("/isolinux/menu.c32", 0, noise.randbytes(4096)), firmware=("bios",), limit=25),
    Fault("boot catalogue wiped", IMAGE, catalogue(wipe), limit=25, sure=BOTH),
    Fault("boot catalogue leads behind the end", IMAGE, catalogue(point_away), limit=25),
    Fault("volume descriptors wiped", IMAGE, no_descriptors, limit=25, unheard=True),
    Fault("loader for another machine", IMAGE, efi_file("EFI/BOOT/BOOTX64.EFI", other_machine), firmware=("uefi",), limit=25, sure=("uefi",)),
    Fault("loader cut off", IMAGE, efi_file("EFI/BOOT/BOOTX64.EFI", half), firmware=("uefi",), limit=25, sure=("uefi",)),
    Fault("loader without its code", IMAGE, efi_file("EFI/BOOT/BOOTX64.EFI", code_gone), firmware=("uefi",), limit=25),
    Fault("second loader cut off", IMAGE, efi_file("EFI/BOOT/grubx64.efi", half), firmware=("uefi",), limit=25),
    Fault("FAT that UEFI starts is zeros", IMAGE, over(EFI, 0, bytes(1 * MIB)), firmware=("uefi",), limit=25, sure=("uefi",)),
    Fault("FAT that UEFI starts without its folders", IMAGE, no_folders, firmware=("uefi",), limit=25, sure=("uefi",)),
    Fault("loader for UEFI has another name", IMAGE, no_loader, firmware=("uefi",), limit=25, sure=("uefi",)),
    Fault("loader gives up", 0, program(EXIT), firmware=("uefi",), limit=25),
    Fault("loader hangs", 0, program(LOOP), firmware=("uefi",), limit=45),
    Fault("loader crashes", 0, program(UD2), firmware=("uefi",), limit=25),
    Fault("loader reaches nowhere", 0, program(WILD), firmware=("uefi",), limit=25),
    Fault("root that is nowhere", 0, wrong_args(b"root=LABEL=NOBODY rootdelay=2"), limit=75),
    Fault("first program that is nowhere", 0, wrong_args(b"rdinit=/nobody root=/dev/nobody"), limit=60),
    Fault("init script that ends", 0, wrong_args(b"rdinit=/bin/false"), limit=60, also=(IMAGE,)),
    Fault("too little memory for the initrd", MEMORY, memory=96, limit=60),
    Fault("unreadable sector in the initrd", DRIVE, drive=tc.unreadable_initrd, limit=60, sure=("bios",)),
    Fault("shim of the stick missing", DRIVE, stick=esp_gone("ISOPOD/SHIMX64"), limit=25, sure=BOTH),
    Fault("shim of the stick is noise", DRIVE, stick=esp_other("ISOPOD/SHIMX64", noise.randbytes), limit=75, sure=BOTH),
    Fault("font of the stick is noise", 0, stick=esp_other("ISOPOD/FONT.BIN", noise.randbytes), medium="ipxe", ends=r"iPXE \d|iPXE initialising", limit=40),
    Fault("state file is zeros", 0, stick=esp_other("ISOPOD/STATE.BIN", bytes), medium="ipxe", ends=r"iPXE \d|iPXE initialising", limit=40),
    Fault("stage 2 damaged", 0, stick=slot(0), medium="ipxe", firmware=("bios",), ends=r"iPXE \d", limit=20),
    Fault("rules that contradict each other", 0, stick=conf("default = /images/gone.iso\nmemory = /images/*\nhidden = *\n"), medium="ipxe",
          ends=r"iPXE \d|iPXE initialising", limit=40),
]


# --- running them -----------------------------------------------------------------------------------------------------------
def make_stick(env, f, work):
    iso, stick = os.path.join(work, "x.iso"), os.path.join(work, "stick.img")
    shutil.copyfile(env.medium(f.medium), iso)
    if f.spoil:
        f.spoil(env, iso, work)
    env.run("create", stick, "--size", "256M", "--yes")
    subprocess.run([env.isopod, "add", stick, iso, "--to", "/images"], check=True, capture_output=True)
    subprocess.run([env.isopod, "next", stick, "/images/x.iso"], check=True, capture_output=True)
    if f.stick:
        f.stick(env, stick, work)
    return iso, stick


def last_start(env, stick):
    """A machine that resets by itself comes back to the menu: that is no start."""
    r = subprocess.run([env.isopod, "trace", stick, "--json"], capture_output=True, text=True, check=False)
    boots = json.loads(r.stdout) or [tc.trace(env, stick)]
    return next((b for b in boots if b["verdict"] != "nothing-chosen"), boots[0])


def boot(env, f, firmware, work, log):
    """(verdict as data, seconds)"""
    iso, stick = make_stick(env, f, work)
    drive = f.drive(env, stick, iso, work) if f.drive else stick
    with VM(firmware, drive, memory=f.memory, write=True, work=work, log=log) as vm:
        try:
            vm.wait(r"Starting x\.iso|" + BACK, 150)
        except BootTimeout:
            pass
        try:
            vm.wait(f.ends, f.limit)
        except BootTimeout:
            pass
        time.sleep(f.settle)
        vm.screenshot(log[:-4] + ".png")
        took = vm.seconds()
    return last_start(env, stick), took


def judge(f, firmware, b):
    """(outcome, why)"""
    if b["hazard"] and b["alarm"]:
        if b["hazard"] == f.truth or b["hazard"] in f.also:
            return "right", ""
        return "WRONG", "hazard %d, the truth is %d" % (b["hazard"], f.truth)
    if not b["alarm"]:
        return ("sound" if not f.truth else "unheard" if f.unheard else "silent"), ""
    if firmware in f.sure:
        return "unknown", "but there is evidence"
    return ("right" if not f.truth else "unknown"), ""


def run_one(env, f, firmware):
    name = "fault-%s-%s" % (re.sub(r"[^a-z0-9]+", "-", f.name.lower()), firmware)
    work, log = os.path.join(env.work, "w-" + name), os.path.join(env.work, name + ".log")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    try:
        b, took = boot(env, f, firmware, work, log)
        outcome, why = judge(f, firmware, b)
        ok = outcome not in ("WRONG", "silent") and not why
        remark = "%s, hazard %d: %s" % (b["verdict"], b["hazard"], "; ".join(b["evidence"])[:300])
        return ok, outcome, took, remark + (" (%s)" % why if why else "")
    except (BootError, RuntimeError, OSError, subprocess.CalledProcessError) as e:
        return False, "error", 0, str(e)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default=os.environ.get("B", "build"))
    ap.add_argument("--only", default="")
    ap.add_argument("--firmware", default="", choices=["", *BOTH])
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--minutes", type=float, default=60, help="start nothing new after so many")
    ap.add_argument("--list", action="store_true")
    a = ap.parse_args()
    chosen = [(f, fw) for f in FAULTS for fw in f.firmware if re.search(a.only, f.name) and a.firmware in ("", fw)]
    if a.list:
        print("\n".join("%-44s %s" % (f.name, fw) for f, fw in chosen))
        return 0
    env = Env(a.build)
    env.build_media({f.medium for f, _ in chosen})
    todo, lock, count, failed = queue.Queue(), threading.Lock(), {}, 0
    end = time.monotonic() + 60 * a.minutes
    for c in chosen:
        todo.put(c)

    def worker():
        nonlocal failed
        while True:
            try:
                f, fw = todo.get_nowait()
            except queue.Empty:
                return
            ok, outcome, took, remark = run_one(env, f, fw) if time.monotonic() < end else (False, "left out", 0, "no time")
            with lock:
                count[outcome] = count.get(outcome, 0) + 1
                failed += not ok
                print("%-4s %-8s %-5s %-44s %3.0f s  %s" % ("ok" if ok else "FAIL", outcome, fw, f.name, took, remark), flush=True)

    threads = [threading.Thread(target=worker) for _ in range(a.jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("%d starts with %d faults: %s" % (len(chosen), len({f.name for f, _ in chosen}), ", ".join("%d %s" % (n, o) for o, n in sorted(count.items()))))
    print("%d passed, %d failed" % (len(chosen) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

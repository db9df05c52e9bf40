#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench-windows: what a start of Windows costs, in one run on this machine. Bytes are QEMU's own count for the drive, CPU seconds those
of the QEMU process under TCG.

    windows.py [--build DIR] [--only patch|start] [--strict] [--mib N]

patch  from Enter in the menu until the boot manager's first instructions, for a boot.wim of N MiB (500): a stand-in has the boot
       manager's place, so all that was read is its own few sectors and what Isopod looked at
start  with Microsoft's boot manager out of the first folder that ISOPOD_WINDOWS names (skipped without): bytes from Enter to its own
       menu, against the same ISO in a CD drive; from there to the memory test, which stands in winload's place, against boot.wim's size
"""

import argparse
import functools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", d) for d in ("boot", "interop", "windows")]
import figures  # noqa: E402
import sticks  # noqa: E402
import windows_media  # noqa: E402
from figures import MIB, row  # noqa: E402
from vm import VM, BootError  # noqa: E402

FILES = 15000  # about as many as a boot.wim has


def sh(*args, **kw):
    return subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **kw)


# --- a boot.wim as large as real ones ---------------------------------------------------------------------------------
def hive(env, path):
    """A SYSTEM hive of some 6 MiB with Setup\\CmdLine in it."""
    regf = os.path.join(env.build, "interop/regf")
    sh(regf, "new", path, "5", "SYSTEM")
    r, lines = random.Random(5), []
    for n in range(200):
        key = "ControlSet001\\Services\\service%03d" % n
        lines += ["key\t" + key, "set\t%s\tData\t3\t%s" % (key, r.randbytes(30000).hex())]
    lines += ["key\tSetup", "text\tSetup\tCmdLine\t1\twinpeshl.exe"]
    subprocess.run([regf, "edit", path, path], input="\n".join(lines) + "\n", text=True, check=True, stdout=subprocess.DEVNULL)


def boot_wim(env, tree, out, mib):
    """`tree` with a hive and noise beside it, which no compression makes smaller. It is kept, for it takes a minute."""
    if os.path.exists(out) and os.path.getsize(out) >> 20 >= mib - 10:
        return out
    r, left, n = random.Random(6), mib << 20, 0
    config = os.path.join(tree, "Windows/System32/config")
    os.makedirs(config, exist_ok=True)
    hive(env, os.path.join(config, "SYSTEM"))
    while left > 0:
        size = min(left, (mib << 20) // FILES)
        folder = os.path.join(tree, "Windows/WinSxS/amd64_component-%04d" % (n // 10))
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "file with a name of some length %05d.dll" % n), "wb") as f:
            f.write(r.randbytes(size))
        left, n = left - size, n + 1
    return windows_media.wim(tree, out, "--compress=LZX", "--boot")


def medium(tree, wim, out, *options):
    os.makedirs(os.path.join(tree, "sources"), exist_ok=True)
    to = os.path.join(tree, "sources/boot.wim")
    if os.path.exists(to):
        os.unlink(to)
    os.link(wim, to)
    sh("genisoimage", "-quiet", "-udf", "-allow-limited-size", "-J", "-R", "-iso-level", "3", "-V", "WINDOWS", *options, "-o", out, tree)
    return out


def stick_with(env, name, *images):
    path = os.path.join(env.sticks, name)
    if os.path.exists(path):
        os.unlink(path)
    size = sum(os.path.getsize(i) for i in images) // MIB + 256
    env.run("create", path, "--size", "%dM" % size, "--yes")
    env.run("add", path, *images)
    return path


def check_patched(env, stick, name):
    """A WIM that is served as it lies there costs nothing, and would be no figure."""
    replaced = json.loads(env.run("plan", "%s:/images/%s" % (stick, name), "--json"))["windows"]["replaced"]
    if replaced != "Windows/System32/winpeshl.exe":
        raise RuntimeError("%s: the helper is not put into boot.wim: %s" % (name, replaced))


def work_folder(env, name):
    path = os.path.join(env.work, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


# --- what Isopod reads and does ----------------------------------------------------------------------------------------
def bench_patch(env, mib):
    code = {f: open(os.path.join(env.build, "standin", f), "rb").read() for f in sticks.STANDINS}
    folder = work_folder(env, "bench-windows")
    pe = os.path.join(folder, "pe")
    windows_media.pe_tree(pe)
    wim = boot_wim(env, pe, os.path.join(env.work, "bench-boot-%d.wim" % mib), mib)
    tree = os.path.join(folder, "tree")
    windows_media.tree(tree, {"efi/boot/bootx64.efi": code["x64.efi"], "bootmgr": code["bios.bin"].ljust(8192, b"\0")},
                       without=("sources/boot.wim", "sources/install.wim"))
    stick = stick_with(env, "bench-windows.img", medium(tree, wim, os.path.join(folder, "standin.iso")))
    check_patched(env, stick, "standin.iso")
    what = "boot.wim of %d MiB, from Enter to the boot manager, %%s: %%s" % (os.path.getsize(wim) // MIB)
    for fw in ("bios", "uefi"):
        with VM(fw, stick) as vm:
            before, cpu = figures.choose(vm, "standin.iso")
            vm.wait(r"started as Windows is", 240)
            read, cpu = vm.blockstats()["bytes"] - before, vm.cpu_seconds() - cpu
        row(what % ("bytes read", fw), "%.2f MiB" % (read / MIB), "<= 6 MiB", read <= 6 * MIB, "-")
        row(what % ("CPU seconds", fw), "%.2f s" % cpu, "<= 1.5 s", cpu <= 1.5, "-")
    os.unlink(stick)
    shutil.rmtree(folder)


# --- with Microsoft's boot manager -----------------------------------------------------------------------------------
MENU = r"Windows Boot Manager"


def seen(vm, pattern, timeout):
    if vm.firmware == "bios":
        vm.wait_screen(pattern, timeout, every=0.2)
    else:
        vm.wait(pattern, timeout)


def bytes_to_menu(vm, before):
    """The menu waits: what is read when nothing more comes."""
    seen(vm, MENU, 240)
    last = -1
    while vm.blockstats()["bytes"] != last:
        last = vm.blockstats()["bytes"]
        time.sleep(2)
    return last - before


def answer_prompt(vm):
    """cdboot.efi says "Press any key" on the screen alone: Enter until the boot manager behind it is read. Busy machines take their time to
    come there, so what is still read of cdboot.efi itself is no answer."""
    vm.wait(r"starting Boot", 120)
    asked, end = vm.blockstats()["bytes"], time.monotonic() + 60
    while vm.blockstats()["bytes"] < asked + MIB:
        if time.monotonic() > end:
            raise BootError("no answer is taken at the prompt")
        vm.key("ret")
        time.sleep(0.3)


def bench_start(env, mib):
    import genuine
    folders = genuine.folders()
    if not folders:
        print("skipped: start: ISOPOD_WINDOWS does not name a folder with the files of a Windows medium", flush=True)
        return
    w = folders[0]
    folder = work_folder(env, "bench-genuine")
    wim = boot_wim(env, w.pe_tree(pathlib.Path(folder) / "pe"), os.path.join(env.work, "bench-genuine-%s-%d.wim" % (w.name, mib)), mib)
    iso = w.iso(pathlib.Path(folder) / "genuine.iso", wim, menu=True)
    stick = stick_with(env, "bench-windows.img", iso)
    check_patched(env, stick, "genuine.iso")
    size = os.path.getsize(wim)
    for fw in ("bios", "uefi"):
        with VM(fw, iso, bus="cdrom") as vm:
            if fw == "uefi":  # the BIOS's loader asks only where a disk could be started instead
                answer_prompt(vm)
            plain = bytes_to_menu(vm, 0)
        with VM(fw, stick) as vm:
            before, _ = figures.choose(vm, "genuine.iso")
            ours = bytes_to_menu(vm, before)
            vm.mark()
            vm.key("ret")
            seen(vm, genuine.MEMTEST, 900)
            loaded = vm.blockstats()["bytes"] - before - ours
        ratio = ours / plain
        row("bytes from choosing a Windows ISO to its boot manager's menu, vs CD, " + fw,
            "%.2f x (%.2f / %.2f MiB)" % (ratio, ours / MIB, plain / MIB), "<= 0.6 x", ratio <= 0.6, "1")
        ratio = loaded / size
        row("bytes read from there to winload, vs boot.wim's size, " + fw,
            "%.4f x (%.1f / %.1f MiB)" % (ratio, loaded / MIB, size / MIB), "<= 1.01 x", ratio <= 1.01, "-")
    os.unlink(stick)
    shutil.rmtree(folder)


PARTS = {"patch": bench_patch, "start": bench_start}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default=os.environ.get("B", "build"))
    ap.add_argument("--only", choices=sorted(PARTS), action="append")
    ap.add_argument("--strict", action="store_true")
    ap.add_argument("--mib", type=int, default=500)
    a = ap.parse_args()
    env = sticks.Env(a.build)
    os.environ["B"] = env.build
    return figures.run({name: functools.partial(part, env, a.mib) for name, part in PARTS.items()}, a.only, a.strict)


if __name__ == "__main__":
    sys.exit(main())

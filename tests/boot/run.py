#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots real media from sticks made by the isopod command and looks for the words they print.

    run.py [--build DIR] [--group check|long|plain|all] [--only REGEX] [--jobs N] [--break] [--list]

One line per case, serial log and screenshot of each in DIR/boot-tests/; ends with "N passed, N failed, N skipped".

--break runs every chosen case with another image in the place of the right one and demands that the other one's words come and
the case's own do not: a case that would pass anyway proves nothing.
"""

import argparse
import os
import queue
import re
import subprocess
import sys
import threading
import time
import traceback

import cases
import loader_cases
import search_cases
import secure
import sticks
import trace_cases
import untouched
from vm import VM, BootError, BootTimeout

FIRMWARE_FILES = {
    "bios": [],
    "uefi": ["/usr/share/OVMF/OVMF_CODE_4M.fd"],
    "uefi-secure": ["/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", secure.MS_VARIABLES],
    "uefi-ia32": ["/usr/share/OVMF/OVMF32_CODE_4M.secboot.fd"],
    "uefi-aa64": ["/usr/share/AAVMF/AAVMF_CODE.fd"],
    "uboot-x64": ["/usr/lib/u-boot/qemu-x86_64/u-boot.rom"],
    "uboot-aa64": ["/usr/lib/u-boot/qemu_arm64/u-boot.bin"],
}


class Skip(Exception):
    pass


def choose_by_hand(vm, case, name):
    """Types at the menu until the image is found, and starts it."""
    vm.wait(cases.MENU, 120)
    vm.mark()
    time.sleep(1)
    if case.choose == "serial":
        # Keys that mean nothing here, as terminals send them, whole and in pieces: no part of them counts.
        for part in (b"\x1b[3~", b"\x1b[20~", b"\x1b", b"[2", b"4", b"~", b"\x1b[1;5D"):
            vm.send_raw(part)
            time.sleep(0.2)
        vm.type(name, delay=0.15)
        time.sleep(2)
        vm.send_raw(b"\r")
    elif case.choose == "arguments":
        vm.type(name, delay=0.15)
        time.sleep(2)
        vm.send_raw(b"\x1b[19~")  # F8
        vm.wait("Kernel arguments for this start", 60)
        vm.type(cases.ARGUMENTS, delay=0.05)
        time.sleep(1)
        vm.send_raw(b"\r")
    else:
        vm.keys(name)
        time.sleep(2)
        vm.key("ret")


def go_back(vm, case, name):
    """The current layer of a store: its details, back to the snapshot before the last one, and then it is started."""
    vm.wait(cases.MENU, 120)
    vm.mark()
    time.sleep(1)
    vm.type(name, delay=0.15)
    time.sleep(2)
    vm.send_raw(b"\t")
    vm.wait("go back to a snapshot", 60)
    vm.type("r")
    vm.wait("Back to which snapshot?", 60)
    vm.send_raw(b"\x1b[B")
    time.sleep(1)
    vm.send_raw(b"\r")
    vm.wait("gone for good", 60)
    vm.send_raw(b"\r")
    vm.wait("shows the state of the snapshot clean again", 60)
    vm.type("x")
    time.sleep(1)
    vm.mark()
    vm.send_raw(b"\r")


def extra_args(env, case, work):
    """A second disk, to install to, empty, or with a system of its own, where a case asks for it."""
    if "own" in case.tags:
        return [(env.medium("rawdisk"), "sata", False)], None
    if not case.tags & {"target", "beside"}:
        return [], None
    path = os.path.join(work, "target.img")
    with open(path, "wb") as f:
        f.truncate(4 << 30 if "target" in case.tags else 64 << 20)
    return [(path, "usb" if "target" in case.tags else "sata", True)], path


def run_case(env, case, broken):
    """Returns a remark; raises BootError."""
    if case.fault:
        return trace_cases.run(env, case, broken)
    log = os.path.join(env.work, case.name + (".break" if broken else "") + ".log")
    png = log[:-4] + ".png"
    for need in FIRMWARE_FILES[case.firmware]:
        if not os.path.exists(need):
            raise Skip(need + " is not there")
    medium = case.wrong if broken else case.medium
    marker = case.marker
    if broken:
        # Machines for which there is no other image, or whose goal is the menu: their marker must not come from an empty disk.
        if case.choose in ("menu", "back") or not case.wrong:
            medium = None
    work = os.path.join(env.work, "w-" + case.name + ("-b" if broken else ""))
    os.makedirs(work, exist_ok=True)
    drives, target = extra_args(env, case, work)
    copy = None
    try:
        if broken and medium is None:
            image = copy = os.path.join(work, "empty.img")
            with open(image, "wb") as f:
                f.truncate(64 << 20)
        elif case.choose == "plain":
            image = env.medium(medium)
        elif case.choose in ("next", "menu", "back"):
            path = None
            if case.choose == "next":
                path = case.file if not broken else "/images/%s.%s" % (medium, "img" if medium in cases.RAW else "iso")
            image = copy = env.chosen(case.stick, path, case.name + ("-b" if broken else ""))
        else:
            image = env.stick(case.stick)
        for name, bus in case.extra:
            drives.append((env.stick(name), bus, False))
        with VM(case.firmware, image, bus=case.bus, memory=case.memory, drives=drives, write=copy is not None,
                work=work, log=log, extra=[a.format(build=env.build) for a in case.machine],
                variables=env.secure_variables) as vm:
            try:
                if broken:
                    return run_broken(vm, case, medium, marker)
                if case.choose in ("serial", "keys", "arguments"):
                    choose_by_hand(vm, case, os.path.basename(case.file))
                if case.choose == "back":
                    go_back(vm, case, os.path.basename(case.file))
                if case.answer:
                    vm.wait(case.answer[0], 60)
                    time.sleep(1)
                    vm.send_raw(case.answer[1])
                fail = None if case.choose == "menu" else cases.MENU_ERROR
                if fail and case.medium != "nosquash":
                    fail += "|" + cases.LIVE_ERROR + "|" + search_cases.GIVEN_UP + "|" + loader_cases.GIVEN_UP
                cases.wait_marker(vm, marker, case.timeout, fail=fail)
                took, read = vm.seconds(), vm.blockstats()["bytes"] / sticks.MIB
                if case.forbid and re.search(case.forbid, vm.text):
                    raise BootError("%r came, which must not" % case.forbid)
                time.sleep(1)
                said = None
                if case.after:
                    vm.screenshot(png)
                    said = case.after(vm, env, case)
                return "%.0f s to the marker, %.1f MiB read%s" % (took, read, "; " + said if said else "")
            finally:
                try:
                    if not (case.after and os.path.exists(png) and os.path.getmtime(png) > time.time() - vm.seconds()):
                        vm.screenshot(png)
                except BootError:
                    pass
                with open(log[:-4] + ".txt", "w") as f:
                    f.write(vm.text)
    finally:
        if copy and not broken and not sys.exc_info()[1]:
            untouched.check(env, case, env.stick(case.stick), copy)
            if case.writes:
                trace_cases.expect(env, copy, case.verdict)
        for p in (copy, target):
            if p and os.path.exists(p):
                os.unlink(p)


def run_broken(vm, case, medium, marker):
    """The wrong image runs, and the right one's words are nowhere."""
    if medium is None:
        # An empty disk: the firmware finds nothing; a menu or a system from elsewhere would show up now.
        try:
            cases.wait_marker(vm, marker, 45 if case.firmware != "bios" else 15)
        except BootError:
            return "nothing booted from an empty disk, as it must be"
        raise BootError("the marker came from an empty disk")
    key = "rawdisk-uefi" if medium == "rawdisk" and case.firmware != "bios" else medium
    if case.choose in ("serial", "keys", "arguments"):
        choose_by_hand(vm, case, medium + ".iso")
    cases.wait_marker(vm, cases.MARKER[key], 240)
    time.sleep(3)
    seen = vm.screen_text() if marker.startswith("@") and case.firmware == "bios" else vm.text
    if re.search(marker.lstrip("@"), seen):
        raise BootError("%s was started, and yet %r is there" % (medium, marker))
    return "%s instead, and the marker is not there" % medium


def media_of(chosen):
    names = set()
    for c in chosen:
        if c.stick == "plain":
            names.update([c.medium, c.wrong] if c.wrong else [c.medium])
        else:
            names.update(sticks.STICKS[c.stick].media)
        for name, _ in c.extra:
            names.update(sticks.STICKS[name].media)
    return names


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default=os.environ.get("B", "build"))
    ap.add_argument("--group", default="check", choices=["check", "long", "plain", "all"])
    ap.add_argument("--only", default="", help="cases whose name matches this regular expression, of every group")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--break", dest="broken", action="store_true")
    ap.add_argument("--list", action="store_true")
    a = ap.parse_args()

    chosen = [c for c in cases.CASES if (re.search(a.only, c.name) if a.only else a.group in ("all", c.group)
                                         or (a.group == "long" and c.group == "check"))]
    if a.list:
        for c in chosen:
            print("%-22s %-6s %-10s %-6s %-16s %s" % (c.name, c.group, c.firmware, c.stick, c.medium, c.marker))
        return 0
    env = sticks.Env(a.build)
    started = time.monotonic()
    try:
        env.build_media(media_of(chosen))
    except subprocess.CalledProcessError:
        print("the test media could not be built")
        print("0 passed, %d failed, 0 skipped" % len(chosen))
        return 1
    # Sticks first, one by one: two machines waiting for one stick would be one too many.
    wrong_sticks = {}
    for name in sorted({c.stick for c in chosen if c.stick != "plain"} | {n for c in chosen for n, _ in c.extra}):
        try:
            env.stick(name)
        except (RuntimeError, OSError, ValueError, subprocess.CalledProcessError) as e:
            wrong_sticks[name] = str(e)
            print("stick %s: %s" % (name, e), flush=True)

    # Those that leave their processor alone have a worker more.
    todo, idle = queue.Queue(), queue.Queue()
    # The long ones first, so that the end is not one machine alone.
    for c in sorted(chosen, key=lambda c: -c.timeout):
        (idle if c.idle else todo).put(c)
    results, lock, again = {}, threading.Lock(), []

    def worker(cases_left):
        while True:
            try:
                c = cases_left.get_nowait()
            except queue.Empty:
                return
            run_one(c, True)

    def run_one(c, first):
        t0 = time.monotonic()
        try:
            bad = [wrong_sticks[n] for n in [c.stick] + [n for n, _ in c.extra] if n in wrong_sticks]
            if bad:
                raise BootError("no stick: " + bad[0])
            word, remark = "ok", run_case(env, c, a.broken)
        except Skip as e:
            word, remark = "SKIP", str(e)
        except BootTimeout as e:
            word, remark = "LATE" if first else "FAIL", str(e)
        except BootError as e:
            word, remark = "FAIL", str(e)
        except Exception as e:  # a mistake of the harness counts as a failure of the case
            word, remark = "FAIL", "%s: %s" % (type(e).__name__, e)
            if not isinstance(e, (RuntimeError, OSError)):
                traceback.print_exc()
        with lock:
            results[c.name] = word
            if word == "LATE":
                again.append(c)
            print("%-4s %-22s %5.0f s  %s" % (word, c.name, time.monotonic() - t0, remark), flush=True)

    threads = [threading.Thread(target=worker, args=(q,)) for q in [todo] * max(1, a.jobs) + [idle]]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    # What was not there in time on a busy machine has one more try, alone; both are in the list.
    for c in again:
        run_one(c, False)
    count = {w: sum(1 for r in results.values() if r == w) for w in ("ok", "FAIL", "SKIP")}
    print("boot tests: %.0f s; serial logs and screenshots in %s" % (time.monotonic() - started, env.work))
    print("%d passed, %d failed, %d skipped" % (count["ok"], count["FAIL"], count["SKIP"]))
    if os.environ.get("SUITE_LOG"):
        with open(os.environ["SUITE_LOG"], "a") as f:
            f.write("boot %d %d %d\n" % (count["ok"], count["FAIL"], count["SKIP"]))
    return 1 if count["FAIL"] or len(results) != len(chosen) else 0


if __name__ == "__main__":
    sys.exit(main())

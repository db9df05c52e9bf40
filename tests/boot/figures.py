# SPDX-License-Identifier: BSD-2-Clause
"""What the programs that measure starts share (bench.py, ../bench/windows.py): a machine until its marker, rows of the table, its end."""

import contextlib
import os
import statistics
import subprocess
import tempfile
import time

import cases
from vm import VM, BootError

MIB = 1 << 20
ROWS = []


def row(what, got, target, met, peer):
    """One line of the table."""
    ROWS.append((what, got, target, met, peer))
    print("%-4s %-58s %-30s to reach %-14s peer %s" % ("ok" if met else "MISS", what, got, target, peer), flush=True)


def until(firmware, image, marker, timeout=240, bus="usb", memory=2048, drives=(), steps=None):
    """Boots to the marker; {'cpu', 'bytes', 'operations', 'written', 'wall'}. steps(vm) runs instead of a plain wait and may return bytes to subtract."""
    with VM(firmware, image, bus=bus, memory=memory, drives=drives) as vm:
        vm.poll = 0.005
        before = steps(vm) if steps else 0
        vm.wait(marker, timeout)
        stats = vm.blockstats()
        return {"cpu": vm.cpu_seconds(), "bytes": stats["bytes"] - (before or 0), "operations": stats["operations"],
                "written": stats["written"], "wall": vm.seconds()}


@contextlib.contextmanager
def delayed(image, ms):
    """The image as a drive that takes `ms` milliseconds longer for each request (nbdkit's delay filter): what to give until()."""
    with tempfile.TemporaryDirectory(prefix="isopod-slow.") as folder:
        sock = os.path.join(folder, "s")
        server = subprocess.Popen(["nbdkit", "-f", "-r", "-U", sock, "--filter=delay", "file", image, "delay-read=%dms" % ms])
        try:
            until = time.monotonic() + 10
            while not os.path.exists(sock):
                if server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("nbdkit did not start")
                time.sleep(0.02)
            yield "nbd+unix:///?socket=" + sock
        finally:
            server.terminate()
            server.wait()


def choose(vm, name):
    """Waits for the menu and starts an image by its name; (bytes read, CPU seconds) so far."""
    vm.wait(cases.MENU, 120)
    time.sleep(2)
    vm.mark()
    vm.type(name, delay=0.1)
    time.sleep(1)
    so_far = vm.blockstats()["bytes"], vm.cpu_seconds()
    vm.send_raw(b"\r")
    return so_far


def median(runs, field):
    return statistics.median(r[field] for r in runs)


def run(parts, only, strict):
    """The chosen parts, {name: function without arguments}, then the table; what the program ends with."""
    failed = 0
    for name, part in parts.items():
        if only and name not in only:
            continue
        try:
            part()
        except (BootError, RuntimeError, OSError, subprocess.CalledProcessError) as e:
            failed += 1
            print("not measured: %s: %s" % (name, e), flush=True)
    print("\n| what | measured | to reach | peer |\n|---|---|---|---|")
    for what, got, target, met, peer in ROWS:
        print("| %s | %s%s | %s | %s |" % (what, got, "" if met else " **missed**", target, peer))
    missed = sum(1 for r in ROWS if not r[3])
    print("%d figures reached, %d missed, %d groups not measured" % (len(ROWS) - missed, missed, failed))
    return 1 if failed or (strict and missed) else 0

# SPDX-License-Identifier: BSD-2-Clause
"""Loaders whose configuration is the only place that says which file is the initrd: from power-on to the system that it starts, which finds its
medium only if the shim is in that file."""

import re
import subprocess

from vm import BootError

# The configuration, and the initrd in it, of each.
LOADERS = {"wren": ("boot/grub/menu.lst", "bios"), "crake": ("EFI/BOOT/refind.conf", "uefi")}
MARKERS = {m: "pod%s login:" % m for m in LOADERS}
GIVEN_UP = "(?:%s) found no volume with its words" % "|".join(LOADERS)


def check_found(vm, env, case):
    """What `plan` says of it; that the loader's own entry started it; a medium that can be read."""
    config = LOADERS[case.medium][0]
    told = subprocess.run([env.isopod, "plan", env.stick(case.stick) + ":" + case.file], capture_output=True, text=True).stdout
    if not re.search(r"parts/ram.*" + re.escape(config), told):
        raise BootError("plan does not say what names the initrd: " + told)
    found = re.search(r"%s: the medium is (/dev/\w+), by started=(\S+)" % case.medium, vm.text)
    if not found or not config.endswith(found[2]):
        raise BootError("it does not say where it found its medium, or another entry started it")
    vm.login()
    st, out = vm.run("cat /cd/word.txt; cat /cd/system.sfs | wc -c; ls -d /isopod /.isopod 2>&1")
    if case.medium + ", on its own medium" not in out or not re.search(r"^\d{6,}$", out, re.M) or re.search(r"^/\.?isopod$", out, re.M):
        raise BootError("the medium cannot be read, or something is left over: " + out)
    return "the medium is " + found[1]


def check_arguments(vm, env, case):
    """A word more, and one less, in the line that the loader gave."""
    said = check_found(vm, env, case)
    st, out = vm.run("cat /proc/cmdline")
    words = out.split()
    if "isopod.test=mantis" not in words or "started=" + LOADERS[case.medium][0].split("/")[-1] not in words:
        raise BootError("not the arguments that were asked for: " + out)
    return said


def add_to(case):
    case("bios-loader-wren", "bios", "loaders", "wren", after=check_found, writes=True, group="long", timeout=240, wrong="floppy")
    case("uefi-loader-crake-arguments", "uefi", "loaders", "crake", "arguments", after=check_arguments, group="long", timeout=240, wrong="efionly")

# SPDX-License-Identifier: BSD-2-Clause
"""Kernels as Debian has none: with an initramfs built in, and with a ramdisk as root. Their system is the same: tests/media/m/egg.sh."""

import re

import partition_cases
import trace_cases
from vm import BootError

STUB = "Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path"
FOUND = {"plover": "3337f9807c4b07c1", "snipe": "a647d559522f2e31", "limpet": "71ce40102b95e6f1"}  # of their file `large`


def words(medium, runs_from, found, more=""):
    """What its system says, in this order."""
    end = (r"%s, read from its own volume on /dev/\w+.*%s: %s is the sum" % (medium, medium, FOUND[medium]) if found
           else medium + " found nothing with its label")
    said = (r"%s runs from %s\b" % (medium, runs_from), more, end, "pod%s login:" % medium)
    return "(?s)" + ".*".join(w for w in said if w)


MARKERS = {"plover": "podplover login:", "snipe": "podsnipe login:", "limpet": "podlimpet login:"}


def check_system(vm, env, case):
    """/init is the medium's file again, and nobody touched the kernel's command line. (/isopod stays while the watcher waits for another root.)"""
    vm.login()
    st, out = vm.run("ls -l /init; cat /proc/cmdline")
    if not re.search(r"^-rwxr-xr-x .* /init$", out, re.M) or "isopod" in out:
        raise BootError("something of the hand-over is left: " + out)


def check_shown(vm, env, case):
    """The watcher sees that this system stays in its initramfs."""
    check_system(vm, env, case)
    trace_cases.wait_verdict(env, vm.image, lambda b: b["verdict"] == case.verdict, 90)


def check_offered(vm, env, case):
    """The kernel has its initramfs from two places: what is built in, and behind it what the stub was offered."""
    if STUB not in vm.text:
        raise BootError("the kernel did not take the initrd that it was offered")
    check_shown(vm, env, case)


def check_ramdisk(vm, env, case):
    """That the ramdisk is served as it is, is said; and it is."""
    if "is a ramdisk with ext2: served unchanged" not in re.sub(r"\s+", " ", vm.text):
        raise BootError("the menu did not say that the ramdisk is left alone")
    check_system(vm, env, case)


def add_partition(env, path):
    partition_cases.add_rule(env, path, "plover*|limpet*")


def add_to(case):
    long = {"group": "long", "timeout": 150, "writes": True}
    for fw in ("bios", "uefi"):
        wrong = "floppy" if fw == "bios" else "efionly"
        # The initrd is a filesystem: the kernel has it as root, and the system sees the stick as it is.
        case(fw + "-ramdisk", fw, "egg", "limpet", marker=words("limpet", "ext2", False), after=check_ramdisk, wrong=wrong, **long)
        # The shim is in the initrd that is there, and goes on to what is built in.
        case(fw + "-builtin-initrd", fw, "egg", "snipe", marker=words("snipe", "rootfs", True, "snipe has what the initrd brought"),
             after=check_shown, forbid=STUB, wrong=wrong, verdict="taken-over", **long)
        for m, root in (("plover", "rootfs"), ("snipe", "rootfs"), ("limpet", "ext2")):
            case("plain-%s-%s" % (fw, m), fw, "plain", m, "plain", marker=words(m, root, True), bus="cdrom", group="plain")
        # Both as a partition of the stick: no shim, and the system's own drivers find it.
        for m, root in (("plover", "rootfs"), ("limpet", "ext2")):
            case("%s-partition-%s" % (fw, m), fw, "partition-egg", m, marker=words(m, root, True), after=partition_cases.put_back,
                 forbid=STUB, wrong=wrong, **long)
    case("uefi-builtin", "uefi", "egg", "plover", marker=words("plover", "rootfs", True), after=check_offered, verdict="taken-over", **long)
    # The boot menu loads it: nobody would ask a BIOS.
    case("bios-builtin", "bios", "egg", "plover", marker=words("plover", "rootfs", True), after=check_shown, forbid=STUB, wrong="floppy",
         verdict="taken-over", **long)

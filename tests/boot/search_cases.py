# SPDX-License-Identifier: BSD-2-Clause
"""Live systems that search for their medium otherwise than most, from power-on to their own words: on whole disks, in an optical drive, within
four seconds, by a label before they kill all processes; and one that writes to every disk it sees."""

import os
import re
import subprocess

import trace_cases
from vm import BootError

MARKERS = {m: r"pod%s login:" % m for m in ("badger", "swift", "mole", "shrike", "cuckoo")}
# What they say when they give up; a shell waits then.
GIVEN_UP = r"badger found no device.*|swift waited four seconds for.*|mole found no drive.*|shrike waited twenty.*|cuckoo found no medium.*|there is no system on the medium|there is no room for changes"

# What `isopod plan` says of each, before it is started.
HOW = {"badger": r"boot/initrd: looks at whole disks only \(init:8: /sys/block/hd\*\)",
       "swift": r"boot/initrd: looks for a label or identifier \(boot/grub/grub\.cfg:8: searchuuid=2026-11-01-10-00-00-00\)",
       "mole": r"boot/initrd: looks at optical drives only \(init:7: /dev/cdrom\)",
       "shrike": r"boot/initrd: looks for a label or identifier \(init:6: device=/dev/disk/by-label/PODSHRIKE\)",
       "cuckoo": r"boot/initrd: looks at every disk and partition \(init:7: /sys/block/\*/\*\)"}

# What each says of where it found its medium.
FOUND = {"badger": r"badger: the medium is (/dev/(?:sd[a-z]|nvme\dn\d))\b(?!p), try (\d)", "mole": r"mole: the medium is (/dev/cdrom|/dev/sr0), try (\d+)",
         "swift": r"swift: waited (\d+) hundredths of a second", "shrike": r"shrike: the medium is (/dev/\w+)",
         "cuckoo": r"cuckoo: the medium is (/dev/\w+) of /dev/(\w+)"}

# The clock of the machine counts its instructions, 8 ns each: four seconds are as long where the host is busy with other work. Not for EHCI, at
# which SeaBIOS waits in a loop for each millisecond.
OWN_CLOCK = ("-icount", "shift=3")

MIB = 1 << 20
BEHIND = 200 * MIB  # free behind the last partition of the stick, as on a drive that the stick was copied to


def lengthen(env, path):
    os.truncate(path, os.path.getsize(path) + BEHIND)


def shown(vm):
    """Milliseconds from the kernel's line with the stick's partitions to the shim's that the image is shown, by the kernel's clock."""
    st, log = vm.run("dmesg | grep -E 'isopod:|  (sd|nvme)|ata[0-9]|sd[a-z]]'")
    came = re.search(r"^\[ *([\d.]+)\]  (?:sd[a-z]|nvme\dn\d): \S", log, re.M)
    showed = re.search(r"^\[ *([\d.]+)\] isopod: \S+ now shows", log, re.M)
    if not came or not showed:
        raise BootError("the kernel's log lacks the disk or the shim's word: " + log[-600:])
    return (float(showed[1]) - float(came[1])) * 1000


def check_found(vm, env, case):
    """The right words of `plan`, a medium that can be read, nothing left over; returns what the case's line says."""
    told = subprocess.run([env.isopod, "plan", env.stick(case.stick) + ":" + case.file], capture_output=True, text=True).stdout
    if not re.search(HOW[case.medium], told):
        raise BootError("plan does not say how it will search: " + told)
    found = re.search(FOUND[case.medium], vm.text)
    if not found:
        raise BootError("it does not say where it found its medium")
    vm.login()
    st, out = vm.run("cat /cd/word.txt && cat /cd/system.sfs | wc -c && ls -d /isopod /.isopod 2>&1; ps | grep -c '[i]sopod'")
    size = re.search(r"^(\d{6,})$", out, re.M)
    if case.medium + ", on its own medium" not in out or not size or re.search(r"^/\.?isopod$", out, re.M):
        raise BootError("the medium cannot be read, or something is left over: " + out)
    return "%s, shown %.0f ms after its disk" % (" ".join(found[0].split()[1:]).removeprefix("the "), shown(vm))


def check_killed(vm, env, case):
    """It killed udev and spared the watcher, which recorded the change of the root."""
    if "shrike spares @" not in vm.text or "shrike kills" not in vm.text:
        raise BootError("nobody was killed, or nobody spared")
    said = check_found(vm, env, case)
    trace_cases.wait_verdict(env, vm.image, lambda b: b.get("linux", {}).get("stages", [{}])[-1].get("stage") == "root-switched", 60)
    return said


def takes(text):
    """What `take` said: (disk, node, step, status, words)."""
    return [(m[1], m[2], m[3], int(m[4]), m[5]) for m in re.finditer(r"^take: (\w+) (\S+) (\w+): (\d+) ?(.*)$", text, re.M)]


def check_unharmed(vm, env, case):
    """Nothing that it tries changes the stick (untouched.py has the last word), and it is told why; on the empty disk beside all of it works."""
    added = re.search(r"cuckoo: sfdisk -a ends with (\d+)", vm.text)
    if not added or added[1] == "0":
        raise BootError("a partition could be added to the medium's disk")
    said = check_found(vm, env, case)
    st, out = vm.run("take", 240)
    steps = takes(out)
    st, stick = vm.run("dmesg | grep -o 'isopod: /dev/[a-z0-9]* shows it, too'")
    stick = re.search(r"/dev/(\w+) shows", stick)[1]
    ours, other = [t for t in steps if t[0] == stick], [t for t in steps if t[0] != stick]
    if len(ours) != 8 or len(other) != 8:
        raise BootError("other disks than two were taken: " + out)
    worked = [t for t in ours if t[3] == 0] + [t for t in other if t[3] != 0]
    if worked:
        raise BootError("the stick is %s; not as it must be: %s" % (stick, [t[:4] for t in worked]))
    # Whoever looks whether somebody uses the disk is told that it is busy; sfdisk does not say why its write failed.
    words = [re.search(r"[Rr]ead-only|Operation not permitted|Permission denied|Device or resource busy", t[4]) for t in ours if t[2] != "table"]
    if None in words:
        raise BootError("it is not told why: %s" % [t[1:] for t in ours if t[2] != "table"])
    return "%s; its writes: %s" % (said, ", ".join(sorted({w[0] for w in words})))


def add_to(case):
    def search(name, firmware, medium, after=check_found, group="long", bus="usb", **more):
        case(name, firmware, "search", medium, after=after, group=group, bus=bus, timeout=240, memory=1024, writes=True, **more)

    for fw in ("bios", "uefi"):
        search(fw + "-search-whole", fw, "badger", group="check" if fw == "bios" else "long")
        search(fw + "-search-optical", fw, "mole")
        search(fw + "-search-kills", fw, "shrike", after=check_killed)
        search(fw + "-search-writes", fw, "cuckoo", after=check_unharmed, tags={"beside"}, group="check" if fw == "uefi" else "long")
        for bus in ("usb", "sata", "nvme") + (("uas",) if fw == "bios" else ()):
            search("%s-search-4s-%s" % (fw, bus), fw, "swift", bus=bus, machine=OWN_CLOCK if bus != "uas" else ())

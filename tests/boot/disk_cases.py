# SPDX-License-Identifier: BSD-2-Clause
"""A Linux that is installed in a disk image, started from the stick: it finds its own root, writes, and the stick stays as it is."""

import os
import re

from vm import BootError

MARKERS = {"installed": r"podinst login:", "installedmbr": r"podmbr login:", "installedxfs": r"podxfs login:", "installedbtrfs": r"podbtrfs login:",
           "installeduki": r"podunified login:", "mkosi": r"podmkosi login:",
           "installedlvm": r"podlvm login:", "installedlvmroot": r"podlvmroot login:", "installedluks": r"Please unlock disk podcrypt",
           "installeddracut": r"poddracutlvm login:", "installedluks2": r"Please enter passphrase for disk"}

# The one identifier that installeddracut's devices file has.
WWN = ("-global", "ide-hd.wwn=0x5006c0d0706f6469")

CHUNK = 1 << 20

LVM_DEVICE = r"/dev/loop\d+p\d+"


def changed(env, before, after):
    """Byte ranges of a MiB in which two files differ."""
    out = []
    with open(before, "rb") as a, open(after, "rb") as b:
        at = 0
        while True:
            x, y = a.read(CHUNK), b.read(CHUNK)
            if not x and not y:
                return out
            if x != y:
                out.append(at)
            at += CHUNK


def data_partition(path):
    """First byte and end of the first partition of an MBR stick."""
    with open(path, "rb") as f:
        entry = f.read(512)[446:462]
    start, sectors = int.from_bytes(entry[8:12], "little"), int.from_bytes(entry[12:16], "little")
    return start * 512, (start + sectors) * 512


def write_file(vm):
    """What is written comes back from the disk."""
    st, out = vm.run("dd if=/dev/urandom of=/pod.bin bs=1M count=4 conv=fsync && a=$(md5sum </pod.bin) && echo 3 >/proc/sys/vm/drop_caches"
                     " && [ \"$a\" = \"$(md5sum </pod.bin)\" ] && sync && echo written", timeout=120)
    if st or "written" not in out:
        raise BootError("writing: status %d, %r" % (st, out))


def write_something(vm, root):
    """The root is the disk's own and is written to; what was written comes back from the disk. `root`: a link to its partition, a name of
    device-mapper's, or GROUP/VOLUME."""
    vm.login()
    link = "/dev/" + root if root[0] != "/" else root
    st, out = vm.run("findmnt -no SOURCE,OPTIONS /; ls -d /isopod /.isopod 2>/dev/null; readlink -f %s" % link)
    if root.startswith("/dev/mapper/"):
        source, device = root, r"/dev/dm-\d+"
    elif link == root:
        source, device = r"(/dev/loop\d+p\d+)", r"\1"
    else:
        source, device = "/dev/mapper/(?:%s)" % root.replace("-", "--").replace("/", "-"), r"/dev/dm-\d+"
    if not re.search(r"^%s\s+rw\b[^\n]*\n%s$" % (source, device), out.replace("\r", ""), re.M):
        raise BootError("the root is not what the disk has as %s: %r" % (root, out))
    write_file(vm)
    st, out = vm.run("systemctl --failed --no-legend --plain --no-pager")
    if st or out.strip():
        raise BootError("failed units: %r" % out)


ROOT = {"installed": "/dev/disk/by-partuuid/706f6469-6e73-4e03-8a03-697331300001", "installedmbr": "/dev/disk/by-partuuid/706f6401-06",
        "installedxfs": "/dev/disk/by-partuuid/706f6469-6e73-4e09-8a09-697331300007",
        "installedbtrfs": "/dev/disk/by-partuuid/706f6469-6e73-4e06-8a06-697331300004",
        "installeduki": "/dev/disk/by-partuuid/706f6469-6e73-4e0c-8a0c-69733100000a",
        "mkosi": "/dev/gpt-auto-root", "installedlvm": "pod-vg/root", "installedlvmroot": "pod-vg/root", "installedluks": "pod-vg/root",
        "installeddracut": "rl/root", "installedluks2": "/dev/mapper/luks-706f6469-6e73-4e1b-8a1b-69733100001b"}


def places_written(vm, env, case):
    """Where in the stick's data partition, by MiB, bytes are not what they were."""
    start, end = data_partition(vm.image)
    return [at for at in changed(env, env.stick(case.stick), vm.image) if at + CHUNK > start and at < end - CHUNK]


def check_untouched(vm, env, case):
    """The stick's data partition is as it was."""
    bad = places_written(vm, env, case)
    if bad:
        raise BootError("%d MiB of the data partition were written, the first at %d" % (len(bad), bad[0]))


def check_overlay(vm, env, case):
    write_something(vm, ROOT[case.medium])
    check_untouched(vm, env, case)


def check_lvm(vm, env, case):
    """Nothing is odd to LVM, the whole group is there, the system's own udev lets it look at the device, and the stick is untouched."""
    check_overlay(vm, env, case)
    st, out = vm.run("lvs --noheadings -o lv_name,lv_active,devices --separator , 2>&1; pvs --noheadings -o pv_name 2>&1; swapon --noheadings --show=TYPE;"
                     " udevadm info -q property -n $(pvs --noheadings -o pv_name) | grep -e LVM_LOOP -e SYSTEMD_READY; cat /run/udev/rules.d/*isopod*")
    lines = [line.strip() for line in out.replace("\r", "").strip().split("\n")]
    volumes = [line for line in lines if re.fullmatch(r"(root|swap_1),active,%s\(\d+\)" % LVM_DEVICE, line)]
    rest = [line for line in lines if line not in volumes]
    want = [LVM_DEVICE, "partition", "LVM_LOOP_PV_ACTIVATED=1", "SYSTEMD_READY=1", r'SUBSYSTEM=="block", ACTION!="remove", KERNEL=="loop\d+p\[0-9\]\*".*']
    if st or len(volumes) != (3 if case.medium == "installedlvmroot" else 2) or len(rest) != len(want) or not all(map(re.fullmatch, want, rest)):
        raise BootError("LVM: status %d, %r" % (st, out))


def check_devices_file(vm, env, case):
    """LVM uses what its devices file lists and nothing else. The whole group is there, /home in it, and the file on the disk is as it was."""
    check_overlay(vm, env, case)
    st, out = vm.run("lvs --noheadings -o lv_name,lv_active,devices --separator , 2>&1; pvs --noheadings -o pv_name 2>&1; swapon --noheadings --show=TYPE; cat /home/here;"
                     " grep -v ^# /etc/lvm/devices/system.devices; mount --bind / /mnt; grep -o 'IDNAME=[^ ]*' /mnt/etc/lvm/devices/system.devices; umount /mnt;"
                     " findmnt -no SOURCE /boot; findmnt -no SOURCE /home")
    lines = [line.strip() for line in out.replace("\r", "").strip().split("\n")]
    volumes = [line for line in lines if re.fullmatch(r"(root|swap|home),active,%s\(\d+\)" % LVM_DEVICE, line)]
    rest = [line for line in lines if line not in volumes]
    want = [LVM_DEVICE, "partition", "the other volume", r"VERSION=\S+", r"IDTYPE=devname IDNAME=(/dev/loop\d+p4) DEVNAME=\1 PVID=\w{32} PART=4",
            r"IDNAME=naa\.5006c0d0706f6469", r"/dev/loop\d+p3", "/dev/mapper/rl-home"]
    if st or len(volumes) != 3 or len(rest) != len(want) or not all(re.fullmatch(w, r) for w, r in zip(want, rest)):
        raise BootError("LVM: status %d, %r" % (st, out))


LUKS = {"installedluks": ("podluks", "podcrypt", "LUKS1", r"\s+/dev/mapper/podcrypt"),
        "installedluks2": ("podluks2", "luks-706f6469-6e73-4e1b-8a1b-69733100001b", "LUKS2", "")}


def check_luks(vm, env, case):
    """The system asks for the passphrase on the serial port, and starts from what is in the LUKS partition that it opens."""
    host, name, kind, volumes = LUKS[case.medium]
    vm.mark()
    vm.type("isopod\n")
    vm.wait(host + r" login:", 300, fail=MARKERS[case.medium])
    check_overlay(vm, env, case)
    st, out = vm.run("cryptsetup status %s | grep -e type: -e device:; pvs --noheadings -o pv_name 2>&1" % name)
    if st or not re.fullmatch(r"\s*type: +%s\s+device: +%s%s\s*" % (kind, LVM_DEVICE, volumes), out.replace("\r", "")):
        raise BootError("LUKS: status %d, %r" % (st, out))


def check_places(vm, env, case):
    """What was written is in the image, and nowhere else in the data partition."""
    m = re.search(r"^  0 \+ (\d+): from byte (\d+)$", env.run("plan", vm.image + ":" + case.file), re.M)
    if not m:
        raise BootError("the image does not lie in one piece")
    first = int(m[2])
    last = first + int(m[1])
    places = places_written(vm, env, case)
    inside = [at for at in places if at + CHUNK > first and at < last]
    if len(inside) < 4 or len(inside) != len(places):
        raise BootError("%d MiB of the image were written, %d beside it" % (len(inside), len(places) - len(inside)))


def check_written(vm, env, case):
    write_something(vm, ROOT[case.medium])
    check_places(vm, env, case)


def check_auto(vm, env, case):
    """Nothing names the root: it is the one by its type on the disk from whose ESP the firmware started, and so is what is mounted of that ESP."""
    plan = env.run("plan", vm.image + ":" + case.file)
    if not re.search(r"partition 1: +EFI/Linux/mkosi-debian-\S+\.efi, x64, .*by \.initrd section", plan):
        raise BootError("the plan does not name the unified kernel image: " + plan)
    check_overlay(vm, env, case)
    st, out = vm.run("cat /proc/cmdline; readlink -f /dev/gpt-auto-root; ls /efi/EFI/Linux; findmnt -no SOURCE,FSTYPE /efi | tail -n 1")
    if "root=" in out or not re.search(r"^/dev/loop\d+p2\nmkosi-debian-\S+\.efi\n/dev/loop\d+p1\s+vfat$", out.replace("\r", ""), re.M):
        raise BootError("the root was not found by its type: %r" % out)


def add_to(case):
    L = {"group": "long", "writes": True, "memory": 1024}
    for fw in ("bios", "uefi"):
        for m in MARKERS:
            if fw == "bios" and m in ("installeduki", "mkosi"):
                continue
            case("plain-%s-%s" % (fw, m), fw, "plain", m, "plain", bus="sata", group="plain", memory=1024, machine=WWN if m == "installeddracut" else ())
        case("%s-installed" % fw, fw, "installed", "installed", after=check_overlay, **L)
        case("%s-installed-mbr" % fw, fw, "installed", "installedmbr", file="/images/installedmbr.img", after=check_overlay, **L)
        case("%s-installed-chain" % fw, fw, "installed-chain", "installed", file="/images/top.vhdx", after=check_overlay, **L)
        case("%s-installed-xfs" % fw, fw, "installed-fs", "installedxfs", file="/images/installedxfs.img", after=check_overlay, **L)
        case("%s-installed-lvm" % fw, fw, "installed-lvm", "installedlvm", file="/images/installedlvm.img", after=check_lvm, **L)
        case("%s-installed-lvm-root" % fw, fw, "installed-lvm", "installedlvmroot", file="/images/installedlvmroot.img", after=check_lvm, **L)
        case("%s-installed-btrfs" % fw, fw, "installed-fs", "installedbtrfs", file="/images/installedbtrfs.img", after=check_overlay, **L)
    case("uefi-installed-luks", "uefi", "installed-luks", "installedluks", file="/images/installedluks.img", after=check_luks, **L)
    case("uefi-installed-luks2", "uefi", "installed-luks2", "installedluks2", file="/images/installedluks2.img", after=check_luks, **L)
    case("uefi-installed-dracut", "uefi", "installed-dracut", "installeddracut", file="/images/installeddracut.img", after=check_devices_file, **L)
    case("bios-installed-dracut", "bios", "installed-dracut", "installeddracut", file="/images/installeddracut.img", after=check_devices_file, **L)
    case("uefi-installed-uki", "uefi", "installed-fs", "installeduki", file="/images/installeduki.img", after=check_overlay, **L)
    case("uefi-mkosi", "uefi", "mkosi", "mkosi", after=check_auto, **L)
    case("uefi-installed-written", "uefi", "installed-written", "installed", after=check_written, touches="image", **L)
    case("bios-installed-vhd-written", "bios", "installed-written", "installed", file="/images/raw.vhd", after=check_written, touches="image", **L)

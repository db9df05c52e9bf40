# SPDX-License-Identifier: BSD-2-Clause
"""Disk images whose kernel has all drivers built in and no initrd, as those of routers: from power-on to their login. What the kernel would have
mounted by itself the shim mounts; without device-mapper the disk is a copy in memory, or the file itself."""

import re

import disk_cases
from vm import BootError

MARKERS = {"router": r"podrouter login:", "routerefi": r"podrouterefi login:"}
ROOT = {"router": "squashfs ro", "routerefi": "ext4 rw"}


def check_root(vm, env, case):
    """The root is the second partition of the disk that is shown; nothing of ours is left, and the kernel's log says what was done."""
    told = env.run("plan", vm.image + ":" + case.file)
    if not re.search(r"Started without an initrd: boot/vmlinuz, x64, in partition 1\b.*boot/grub/grub\.cfg", told):
        raise BootError("plan does not say that an initrd is added: " + told)
    vm.login()
    st, out = vm.run("grep ' / ' /proc/mounts; ls -d /isopod* /root/dev 2>/dev/null; ps | grep '[i]sopod'; cat /proc/1/comm; ls /dev/loop0p2; dmesg | grep 'isopod: root='")
    kind, how = ROOT[case.medium].split()
    want = r"/dev/root / %s %s\S* 0 0\n(\d+ .*\[?@?isopod.*\n)*init\n/dev/loop0p2\n.*isopod: root=PARTUUID=\S+ is loop0p2\s*" % (kind, how)
    if not re.fullmatch(want, out.replace("\r", "")):
        raise BootError("the root: status %d, %r" % (st, out))


def check_copy(vm, env, case):
    """What is written is read again, and the stick has none of it."""
    check_root(vm, env, case)
    if "a copy in memory is shown" not in vm.text:
        raise BootError("it does not say what is shown")
    if case.medium == "routerefi":
        disk_cases.write_file(vm)
    disk_cases.check_untouched(vm, env, case)


def check_written(vm, env, case):
    """What is written is in the image, and nowhere else in the data partition."""
    check_root(vm, env, case)
    disk_cases.write_file(vm)
    disk_cases.check_places(vm, env, case)


def add_to(case):
    L = {"group": "long", "writes": True, "memory": 1024, "timeout": 240}
    for fw, m in (("bios", "router"), ("uefi", "routerefi")):
        case("plain-%s-%s" % (fw, m), fw, "plain", m, "plain", group="plain", memory=1024)
        case("%s-router" % fw, fw, "router", m, file="/images/%s.img" % m, after=check_copy, **L)
    case("uefi-router-written", "uefi", "router-written", "routerefi", file="/images/routerefi.img", after=check_written, touches="image", **L)

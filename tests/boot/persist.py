#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Live systems that keep what they change: booted from power-on, with nothing typed at any boot menu. What is written in one session is
there in the next, and is gone after going back to a snapshot of before; the image and the rest of the data partition stay as they were.

The disk of an installed system keeps its changes in an overlay; the boot loader sees them, too. In those named keep- it is the boot manager
that takes the snapshot, before it starts the second session.

persist.py [NAME...]: live-bios, dracut-uefi, ... (all by default)
"""
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import cases
import sticks
from vm import BootError, VM

MIB = 1 << 20
RUNS = {"live-bios": ("bios", "live", "live-boot"), "live-uefi": ("uefi", "live", "live-boot"), "dracut-uefi": ("uefi", "dracut", "dracut"),
        "archiso-uefi": ("uefi", "lapwing", "archiso"), "archiso-bios": ("bios", "lapwing", "archiso"), "alpine-bios": ("bios", "dunlin", "alpine"),
        "casper-uefi": ("uefi", "cricket", "casper"), "casper-bios": ("bios", "cricket", "casper"),
        "kiwi-uefi": ("uefi", "kiwi", "kiwi"), "kiwi-bios": ("bios", "kiwi", "kiwi"),
        "disk-uefi": ("uefi", "installed", "disk"), "disk-bios": ("bios", "installed", "disk"), "disk-full": ("uefi", "installed", "disk"),
        "keep-live-bios": ("bios", "live", "live-boot"), "keep-live-uefi": ("uefi", "live", "live-boot"), "keep-disk-uefi": ("uefi", "installed", "disk")}
SAVE = {"dunlin": "lbu commit"}
LOGIN, SHUT_DOWN = 900, 300


class Stick:
    """A stick of its own with one image and its persistence file."""

    def __init__(self, env, work, medium, size="128M"):
        self.env, self.path, self.medium = env, os.path.join(work, "stick.img"), env.medium(medium)
        self.image = "/images/" + os.path.basename(self.medium)
        env.run("create", self.path, "--size", "900M", "--yes")
        env.run("add", self.path, self.medium)
        self.made = json.loads(env.run("persist", "create", self.path, self.image, "--size", size, "--json"))
        data = json.loads(subprocess.run(["sfdisk", "--json", self.path], check=True, capture_output=True).stdout)["partitiontable"]["partitions"]
        self.data = (data[0]["start"] * 512, data[0]["size"] * 512)

    def run(self, *args):
        return self.env.run("persist", *args, self.path, self.image)

    def keep_before_starts(self, work):
        with open(os.path.join(work, "isopod.conf"), "w") as f:
            f.write("snapshot = on\n")
        self.env.run("add", self.path, f.name, "--to", "/")

    def place(self):
        """Where the file lies on the stick; no image is in it, and plan's status says so."""
        r = subprocess.run([self.env.isopod, "plan", self.path + ":" + self.made["path"], "--json"], capture_output=True, text=True)
        extents = json.loads(r.stdout)["extents"]
        if len(extents) != 1:
            raise BootError("%s is in %d pieces" % (self.made["path"], len(extents)))
        return extents[0]["source"]

    def rest(self):
        """The data partition without the file."""
        at, h = self.place(), hashlib.sha256()
        with open(self.path, "rb") as f:
            for start, length in ((self.data[0], at - self.data[0]),
                                  (at + self.made["size"], self.data[0] + self.data[1] - at - self.made["size"])):
                f.seek(start)
                while length:
                    piece = f.read(min(MIB, length))
                    h.update(piece)
                    length -= len(piece)
        return h.hexdigest()

    def fsck(self, work):
        """The journal is replayed, as the next session would; then nothing may be wrong."""
        part = os.path.join(work, "part.ext4")
        with open(self.path, "rb") as f, open(part, "wb") as out:
            f.seek(self.place())
            data = f.read(self.made["size"])
            out.write(data if self.made["kind"] != "disk" else self.root(data))
        r = subprocess.run(["e2fsck", "-fp", part], capture_output=True, text=True)
        if r.returncode & ~1:
            raise BootError("e2fsck: " + r.stdout + r.stderr)
        r = subprocess.run(["e2fsck", "-fn", part], capture_output=True, text=True)
        if r.returncode:
            raise BootError("e2fsck: " + r.stdout + r.stderr)


    def root(self, overlay):
        """The largest partition of the disk, with what device-mapper's snapshot has for it."""
        with open(self.medium, "rb") as f:
            disk = bytearray(f.read())
        chunk, store, area = 4096, overlay[4096:], 1
        while True:
            for at in range(area * chunk, (area + 1) * chunk, 16):
                old, new = struct.unpack_from("<QQ", store, at)
                if not new:
                    break
                piece = store[new * chunk:(new + 1) * chunk]
                disk[old * chunk:(old + 1) * chunk] = piece[:len(disk) - old * chunk]
            else:
                area += 257
                continue
            break
        table = json.loads(subprocess.run(["sfdisk", "--json", self.medium], check=True, capture_output=True).stdout)["partitiontable"]
        p = max(table["partitions"], key=lambda p: p["size"])
        return disk[p["start"] * 512:(p["start"] + p["size"]) * 512]


def session(stick, work, name, firmware, medium, do, keeps=False):
    """From power-on to poweroff; `do` gets the logged-in machine. `keeps`: a snapshot is taken before."""
    stick.env.run("next", stick.path, stick.image)
    with VM(firmware, stick.path, memory=1024, write=True, log=os.path.join(stick.env.work, name + ".log")) as vm:
        try:
            if keeps:
                vm.wait("Snapshot taken", LOGIN, fail=cases.MENU_ERROR + "|o snapshot was taken|" + cases.MARKER[medium])
            vm.wait(cases.MARKER[medium], LOGIN, fail=cases.MENU_ERROR + "|" + cases.LIVE_ERROR)
            vm.login()
            out = do(vm)
            must(vm, SAVE.get(medium, "sync") + " && echo saved", "saved", "saving")
            vm.send_raw(b"poweroff\n")
            vm.wait_exit(SHUT_DOWN)
            return out
        finally:
            with open(os.path.join(stick.env.work, name + ".txt"), "w") as f:
                f.write(vm.text)


def must(vm, command, pattern, what):
    status, out = vm.run(command)
    if status or not re.search(pattern, out):
        raise BootError("%s: %s says (%d) %r" % (what, command, status, out))


def first(vm):
    must(vm, "dmesg | grep isopod:", r"sda3 keeps what the system changes", "the shim's word")
    must(vm, "cat /sys/class/block/sda1/ro /sys/class/block/sda3/ro", r"1\s+0", "image read-only, file not")
    must(vm, "echo kept-$((40+2)) >/root/kept && cat /root/kept", "kept-42", "written")


def first_on_disk(vm):
    must(vm, "dmesg | grep isopod:", r"goes into the file beside it", "the shim's word")
    must(vm, "echo kept-$((40+2)) >/root/kept && cat /root/kept", "kept-42", "written")
    must(vm, "sed -i 's/console=ttyS0/pod.kept=1 &/' /boot/grub/grub.cfg && grep -c pod.kept /boot/grub/grub.cfg", r"^\d", "the boot menu changed")


def second_on_disk(vm):
    still_there(vm)
    second(vm)


def still_there(vm):
    must(vm, "cat /proc/cmdline", "pod.kept=1", "the boot loader read what was written")
    must(vm, "cat /root/kept", "kept-42", "there in the second session")


def second(vm):
    must(vm, "cat /root/kept", "kept-42", "there in the second session")
    must(vm, "echo later >/root/later && mkdir /etc/mine && cat /root/later", "later", "written in the second session")


def third(vm):
    must(vm, "cat /root/kept", "kept-42", "there after going back")
    must(vm, "ls -d /root/later /etc/mine 2>&1 | grep -c 'No such'", "2", "gone after going back")


def run(env, name):
    firmware, medium, kind = RUNS[name]
    with tempfile.TemporaryDirectory(prefix="isopod-persist.") as work:
        stick = Stick(env, work, medium)
        if stick.made["kind"] != kind:
            raise BootError("%s is taken for %s" % (medium, stick.made["kind"]))
        keeps = name.startswith("keep-")
        if keeps:
            stick.keep_before_starts(work)
        rest = stick.rest()
        session(stick, work, "persist-%s-1" % name, firmware, medium, first_on_disk if kind == "disk" else first, keeps)
        stick.fsck(work)
        if stick.rest() != rest and not keeps:
            raise BootError("the data partition changed outside the persistence file")
        if not keeps:
            stick.run("snapshot")
        session(stick, work, "persist-%s-2" % name, firmware, medium, second_on_disk if kind == "disk" else second, keeps)
        stick.fsck(work)
        stick.run("rollback")
        session(stick, work, "persist-%s-3" % name, firmware, medium, third, keeps)
        stick.fsck(work)


def overfilled(vm):
    first_on_disk(vm)
    must(vm, "sync && echo synced", "synced", "on the stick")
    # Files written over by themselves: each of their blocks needs a place all the same.
    vm.run("for f in $(find /usr /boot -xdev -type f -size +200k); do dd if=$f of=$f bs=1M conv=notrunc,fsync status=none 2>/dev/null || ! dmesg | grep -q verflow || break; done", timeout=600)
    must(vm, "dmesg | grep device-mapper", "[Oo]verflow", "the kernel's word")
    must(vm, "cat /root/kept", "kept-42", "what is there is there")


def run_full(env, name):
    """More than the overlay holds: writes fail, the file keeps what it has and is said to be full, and the system starts from it again."""
    firmware, medium, _ = RUNS[name]
    with tempfile.TemporaryDirectory(prefix="isopod-persist.") as work:
        stick = Stick(env, work, medium, "64M")
        rest = stick.rest()
        session(stick, work, "persist-%s-1" % name, firmware, medium, overfilled)
        if stick.rest() != rest:
            raise BootError("the data partition changed outside the persistence file")
        if not json.loads(env.run("persist", "list", stick.path, "--json"))[0]["full"]:
            raise BootError("nobody says that it is full")
        session(stick, work, "persist-%s-2" % name, firmware, medium, still_there)


def main():
    env = sticks.Env(os.environ.get("B", "build"))
    names = sys.argv[1:] or list(RUNS)
    env.build_media([RUNS[n][1] for n in names])
    failed = 0
    for name in names:
        try:
            (run_full if name.endswith("-full") else run)(env, name)
            print("ok      %s" % name, flush=True)
        except (BootError, RuntimeError) as e:
            failed += 1
            print("FAILED  %s: %s" % (name, e), flush=True)
    print("%d passed, %d failed" % (len(names) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

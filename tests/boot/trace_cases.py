# SPDX-License-Identifier: BSD-2-Clause
"""Starts that fail on purpose, and what `isopod trace` says of each afterwards.

Each case takes a sound medium, puts one fault into it, into the machine or into the drive, starts it from a stick of its own that may
be written, switches the machine off, and compares the verdict. With --break the fault is left out, and the verdict must not come.
"""
import glob
import json
import os
import random
import re
import shutil
import subprocess
import time
from dataclasses import dataclass

from vm import VM, BootError, BootTimeout

noise = random.Random(11)
MIB = 1 << 20
PANIC = r"Kernel panic - not syncing"
FAILED_READ = r"The first that failed was in live/initrd\.img"
SHELL = r"\(initramfs\) ?$"


@dataclass
class Fault:
    verdict: str        # isopod trace's; "a|b": either, where which of them it is depends on the moment only (the case says why)
    hazard: int
    medium: str
    spoil: object = None   # called with (env, path of a copy of the medium, work folder)
    until: str = ""        # on the serial port; "": the verdict itself is waited for
    until_sound: object = ""  # ... where there is no fault (--break); a number: so many seconds
    settle: float = 5      # seconds after that
    memory: int = 0        # of the machine, instead of enough
    drive: object = None   # called with (env, stick, medium, work folder): another name of the drive for QEMU
    act: object = None     # called with (env, the machine, whether there is no fault) once it runs
    says: str = ""         # the evidence must hold this
    stage: str = ""        # the last stage of the boot manager's record must be this
    file: str = ""         # and its last read in this file
    bus: str = "usb"       # what the stick is plugged into; "usb" where there is no fault


# --- faults in the medium ------------------------------------------------------------------------------------------------
def place(iso, name):
    """First byte and length of a file in an ISO."""
    out = subprocess.run(["xorriso", "-indev", iso, "-find", name, "-exec", "report_lba", "--"], check=True, capture_output=True, text=True).stdout
    m = re.search(r"File data lba:\s+\d+\s*,\s*(\d+)\s*,\s*\d+\s*,\s*(\d+)\s*,", out)
    return int(m[1]) * 2048, int(m[2])


def overwrite(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def damage_initrd(env, iso, work):
    at, length = place(iso, "/live/initrd.img")
    overwrite(iso, at + length // 2, noise.randbytes(2048))


def damage_squashfs(env, iso, work):
    """The end holds the tables without which it cannot be mounted."""
    at, length = place(iso, "/live/filesystem.squashfs")
    overwrite(iso, at + length - 64 * 1024, noise.randbytes(64 * 1024))


def truncate(env, iso, work):
    at, length = place(iso, "/live/filesystem.squashfs")
    os.truncate(iso, (at + length // 2) & ~2047)


def efi_program(env, work, body):
    """A tiny EFI program from the compiler that builds the boot manager."""
    src, obj, out = (os.path.join(work, "p" + e) for e in (".c", ".o", ".efi"))
    with open(src, "w") as f:
        f.write("unsigned long long efi_main(void *image, void *table)\n{\n%s\n}\n" % body)
    cc = ["clang-14" if shutil.which("clang-14") else "clang", "-target", "x86_64-unknown-windows", "-ffreestanding", "-fno-stack-protector",
          "-mno-red-zone", "-O1", "-c", src, "-o", obj]
    subprocess.run(cc, check=True)
    subprocess.run(["lld-link" if shutil.which("lld-link") else "lld-link-14", "/subsystem:efi_application", "/entry:efi_main", "/nodefaultlib",
                    "/out:" + out, obj], check=True)
    return out


def replace_loader(env, iso, work, body):
    at, _ = place(iso, "/boot/grub/efi.img")
    subprocess.run(["mcopy", "-o", "-i", "%s@@%d" % (iso, at), efi_program(env, work, body), "::/EFI/BOOT/BOOTX64.EFI"], check=True)


def looping_loader(env, iso, work):
    replace_loader(env, iso, work, "\tfor (;;)\n\t\t__asm__ volatile(\"hlt\");")


def failing_loader(env, iso, work):
    replace_loader(env, iso, work, "\t(void)image;\n\t(void)table;\n\treturn 0x8000000000000001ull; /* EFI_LOAD_ERROR */")


def cpio_without(data, unwanted):
    """A newc archive without the members whose names match."""
    out, at = [], 0
    while data[at:at + 6] == b"070701":
        size, name_len = int(data[at + 54:at + 62], 16), int(data[at + 94:at + 102], 16)
        name = data[at + 110:at + 110 + name_len - 1].decode()
        head = (110 + name_len + 3) & ~3
        end = at + head + ((size + 3) & ~3)
        if not re.search(unwanted, name):
            out.append(data[at:end])
        at = end
        if name == "TRAILER!!!":
            break
    return b"".join(out)


def without_usb_storage(env, iso, work):
    at, length = place(iso, "/live/initrd.img")
    with open(iso, "rb") as f:
        f.seek(at)
        packed = f.read(length)
    tool = {b"\x28\xb5": "zstd", b"\x1f\x8b": "gzip", b"\xfd7": "xz"}[packed[:2]]
    plain = subprocess.run([tool, "-dc"], input=packed, capture_output=True, check=True).stdout
    left = cpio_without(plain, r"/(usb-storage|uas|ums-[a-z0-9]+)\.ko")
    if len(left) >= len(plain):
        raise BootError("the initrd holds no usb-storage to begin with")
    again = subprocess.run(["gzip", "-1nc"], input=left, capture_output=True, check=True).stdout
    new = os.path.join(work, "initrd")
    with open(new, "wb") as f:
        f.write(again)
    subprocess.run(["xorriso", "-indev", iso, "-outdev", iso + ".new", "-boot_image", "any", "replay", "-map", new, "/live/initrd.img"], check=True,
                   capture_output=True)
    os.replace(iso + ".new", iso)


def replace_file(iso, work, name, change):
    """The medium with one file changed by change(its bytes)."""
    at, length = place(iso, name)
    with open(iso, "rb") as f:
        f.seek(at)
        data = f.read(length)
    new = os.path.join(work, os.path.basename(name))
    with open(new, "wb") as f:
        f.write(change(data))
    subprocess.run(["xorriso", "-indev", iso, "-outdev", iso + ".new", "-boot_image", "any", "replay", "-map", new, name], check=True, capture_output=True)
    os.replace(iso + ".new", iso)


def name_missing_kernel(env, iso, work):
    """Both menus name a kernel that the medium has not."""
    for name in ("/boot/grub/grub.cfg", "/isolinux/isolinux.cfg"):
        replace_file(iso, work, name, lambda data: data.replace(b"/live/vmlinuz", b"/live/vmlinuz-lost"))


def damage_kernel(env, iso, work):
    """In the middle of what the kernel unpacks itself from."""
    at, length = place(iso, "/live/vmlinuz")
    overwrite(iso, at + length // 2, noise.randbytes(4096))


def other_label(env, iso, work):
    """The volume's name, in both descriptors, is no more the one that the kernel arguments look for."""
    with open(iso, "r+b") as f:
        for sector in range(16, 24):
            f.seek(sector * 2048)
            d = f.read(2048)
            if d[0] in (1, 2):
                f.seek(sector * 2048 + 40)
                f.write(b"NOBODY".ljust(32) if d[0] == 1 else "NOBODY".encode("utf-16-be").ljust(32, b"\0"))


# --- faults of the drive ---------------------------------------------------------------------------------------------------
def unreadable_initrd(env, stick, iso, work):
    """QEMU's blkdebug: each read that touches one sector, in the middle of the initrd, fails."""
    at, length = place(iso, "/live/initrd.img")
    start = json.loads(env.run("plan", stick + ":/images/x.iso", "--json"))["extents"][0]["source"]
    conf = os.path.join(work, "blkdebug.conf")
    with open(conf, "w") as f:
        f.write('[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "%d"\nonce = "off"\n' % ((start + at + length // 2) // 512))
    return "blkdebug:%s:%s" % (conf, stick)


def pull_while_reading(env, vm, sound):
    """Once the loader has read some of the kernel and its initrd, slowly; and when the last record was made between two reads, not during
    one: the machine stands still while that is looked at."""
    devices = vm.qmp("qom-list", path="/machine/peripheral-anon")
    stick = [d["name"] for d in devices if d["type"] == "child<usb-storage>"][0]
    vm.qmp("block_set_io_throttle", device="stick", bps=0, bps_rd=3 * MIB, bps_wr=0, iops=0, iops_rd=0, iops_wr=0)
    end = time.monotonic() + 120
    while vm.blockstats()["bytes"] < 16 * MIB:
        if time.monotonic() > end:
            raise BootTimeout("the loader read next to nothing")
        time.sleep(0.3)
    while not sound:
        vm.qmp("stop")
        b = trace(env, vm.image)
        if b["verdict"] == "stopped-while-reading":
            vm.qmp("device_del", id="/machine/peripheral-anon/" + stick)
        vm.qmp("cont")
        if b["verdict"] == "stopped-while-reading":
            return
        if time.monotonic() > end:
            raise BootTimeout("no record was made between two reads: %s; evidence: %s" % (b["verdict"], b["evidence"]))
        time.sleep(0.3)


def wait_failed_read(env, vm, sound):
    """Until QEMU has failed a read of the stick, as blkdebug was told to."""
    end = time.monotonic() + 120
    while not sound and not any(d["stats"]["failed_rd_operations"] for d in vm.qmp("query-blockstats")):
        if time.monotonic() > end:
            raise BootTimeout("no read has failed")
        time.sleep(0.5)


# --- running them ----------------------------------------------------------------------------------------------------------
def trace(env, stick):
    r = subprocess.run([env.isopod, "trace", stick, "--json"], capture_output=True, text=True)
    if r.returncode not in (0, 1):
        raise BootError("isopod trace: status %d: %s" % (r.returncode, r.stderr.strip()))
    boots = json.loads(r.stdout)
    return boots[0] if boots else {"verdict": "no record", "hazard": 0, "alarm": False, "evidence": []}


def wait_verdict(env, stick, right, timeout):
    """Until the record on the stick says what it has to, while the machine runs."""
    end = time.monotonic() + timeout
    while not right(b := trace(env, stick)):
        if time.monotonic() > end:
            raise BootTimeout("the verdict stays %s, hazard %d; evidence: %s" % (b["verdict"], b["hazard"], b["evidence"]))
        time.sleep(3)


def matches(f, b):
    return b["verdict"] in f.verdict.split("|") and b["hazard"] == f.hazard


def check_common(f, b):
    """What holds whichever of the verdicts it is."""
    if f.says and not re.search(f.says, " ".join(b["evidence"])):
        raise BootError("the evidence lacks %r: %s" % (f.says, b["evidence"]))
    stage = b["stages"][-1]["stage"] if b.get("stages") else None
    last = b.get("reads", {}).get("last", {}).get("path")
    if f.stage and stage != f.stage:
        raise BootError("the last stage is %s, not %s" % (stage, f.stage))
    if f.file and not re.fullmatch(f.file, last or ""):
        raise BootError("the last read was in %s, not in %s" % (last, f.file))


def make_stick(env, f, work, sound):
    iso, stick = os.path.join(work, "x.iso"), os.path.join(work, "stick.img")
    shutil.copyfile(env.medium(f.medium), iso)
    if f.spoil and not sound:
        f.spoil(env, iso, work)
    env.run("create", stick, "--size", "1G", "--yes")
    env.run("add", stick, iso, "--to", "/images")
    env.run("next", stick, "/images/x.iso")
    return iso, stick


def watch(env, f, vm, stick, timeout, sound):
    """Until what ends the case has come."""
    if f.act:
        f.act(env, vm, sound)
    until = f.until_sound if sound and f.until_sound else f.until
    if isinstance(until, int):
        time.sleep(until)
        return
    if until:
        vm.wait(until, timeout)
        time.sleep(f.settle)
        return
    time.sleep(f.settle)
    if sound:
        time.sleep(timeout)
    else:
        wait_verdict(env, stick, lambda b: matches(f, b), timeout)


def run(env, case, broken):
    f = case.fault
    work = os.path.join(env.work, "w-" + case.name + ("-b" if broken else ""))
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    try:
        iso, stick = make_stick(env, f, work, broken)
        drive = f.drive(env, stick, iso, work) if f.drive and not broken else stick
        memory = f.memory if f.memory and not broken else case.memory
        with VM(case.firmware, drive, bus=f.bus if not broken else "usb", memory=memory, write=True, work=work, log=os.path.join(env.work, case.name + ".log")) as vm:
            watch(env, f, vm, stick, case.timeout if not broken else min(case.timeout, 150), broken)
            took = vm.seconds()
        b = trace(env, stick)
        told = "%s, hazard %d: %s" % (b["verdict"], b["hazard"], b.get("headline"))
        if broken:
            if matches(f, b):
                raise BootError("without the fault the verdict is the same: " + told)
            return "without the fault: " + told
        if not matches(f, b):
            raise BootError("the verdict is %s; evidence: %s" % (told, b["evidence"]))
        check_common(f, b)
        return "%.0f s; %s" % (took, told)
    finally:
        for p in glob.glob(os.path.join(work, "*.i*")):
            os.unlink(p)


def expect(env, stick, verdict):
    """After a start from a stick that was written, the machine being off: no alarm; or, if `verdict` is not "", that one."""
    b = trace(env, stick)
    told = "%s, hazard %d: %s %s" % (b["verdict"], b["hazard"], b.get("headline"), b["evidence"])
    if verdict and b["verdict"] != verdict:
        raise BootError("the verdict is not %s, but %s" % (verdict, told))
    if not verdict and (b["alarm"] or b["verdict"] == "no record"):
        raise BootError("a false alarm, or nothing recorded: " + told)


def add_to(case):
    """case: what adds a case to the list (cases.py)."""
    def fault(name, firmware, f, group="check", timeout=240, memory=2048, **more):
        case("trace-" + name, firmware, "plain", f.medium, "plain", group=group, timeout=timeout, memory=memory, fault=f, **more)

    login = r"podlive login:"
    fault("loader-error", "uefi", Fault("loader-returned", 0, "nosquash", failing_loader, "Back in Isopod|error 1|Load", "Loading|Linux version"), timeout=120)
    fault("loader-loops", "uefi", Fault("loader-hang", 0, "nosquash", looping_loader, settle=60), timeout=150, idle=True)
    fault("bad-initrd", "bios", Fault("damaged-image", 1, "nosquash", damage_initrd, PANIC, 80, says="live/initrd.img is damaged"), timeout=150)
    fault("little-memory", "bios", Fault("memory", 4, "nosquash", None, PANIC, 80, memory=128), timeout=150)
    fault("read-error", "bios", Fault("read-error", 6, "nosquash", None, "", drive=unreadable_initrd, says=FAILED_READ), timeout=90)
    fault("no-kernel-uefi", "uefi", Fault("file-not-found", 1, "nosquash", name_missing_kernel, "", says=r"names live/vmlinuz-lost.*|The screen said: error: file `/live/vmlinuz-lost' not found"), timeout=90)
    fault("no-kernel-bios", "bios", Fault("file-not-found", 1, "nosquash", name_missing_kernel, "", says=r"vmlinuz-lost"), timeout=90)
    # The kernel unpacks itself with nobody of ours about; afterwards its own sum tells.
    fault("bad-kernel-uefi", "uefi", Fault("damaged-image", 1, "nosquash", damage_kernel, "", says="live/vmlinuz is damaged in the image"), timeout=120)
    fault("bad-kernel-bios", "bios", Fault("damaged-image", 1, "nosquash", damage_kernel, "", says="live/vmlinuz is damaged in the image"), "long", 120)
    # Nothing can be written once the stick is gone: the last record is from before.
    fault("pulled", "uefi", Fault("stopped-while-reading", 0, "nosquash", None, "", act=pull_while_reading, settle=8, stage="loader-started",
                                  file=r"live/(vmlinuz|initrd\.img)"), timeout=90)
    fault("truncated", "bios", Fault("truncated-image", 1, "live", truncate, settle=15), timeout=60)
    fault("bad-squashfs", "uefi", Fault("damaged-image", 1, "live", damage_squashfs, SHELL, login, 8), "long", 420)
    fault("usb1", "bios", Fault("slow-stick", 6, "live", None, login, settle=12, says="USB 1 speed", bus="usb1"), "long", 600)
    fault("no-usb-storage", "bios", Fault("never-reached-stick", 2, "nosquash", without_usb_storage, r"has not appeared within", 80, says="no driver for USB storage"), "long", 240)
    fault("label", "uefi", Fault("medium-not-found", 0, "dracut", other_label, r"emergency mode|Generating .*rdsosreport", r"poddracut login:", 8), "long", 600)
    # OVMF repeats a failed USB read for more than a quarter of an hour, and the timer waits: the record is from the second before, made
    # between two reads or during one. Where the loader is in that second cannot be chosen, as it can when the stick is pulled.
    fault("read-error-uefi", "uefi", Fault("stopped-while-reading|read-hang", 0, "nosquash", None, "", drive=unreadable_initrd, act=wait_failed_read, settle=8,
                                           stage="loader-started", file=r"live/initrd\.img"), "long", 120)

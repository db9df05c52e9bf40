# SPDX-License-Identifier: BSD-2-Clause
"""What is booted, how it is chosen, and which words prove it. Markers are printed by the booted system, out of its own medium."""

import re
import time
from dataclasses import dataclass, field

import disk_cases
import kernel_cases
import loader_cases
import memory_cases
import partition_cases
import quirk_cases
import router_cases
import search_cases
import sticks
import trace_cases
import windows_cases
from vm import BootError

# What a medium prints when it runs. "@": on the VGA text screen, else on the serial port.
MARKER = {
    "live": r"podlive login:",
    "big": r"podlive login:",
    "xen": r"podlive login:",
    "fatlive": r"podlive login:",
    "uki": r"podlive login:",
    # The kernel's own words when it has nothing to run; from a stick it has the shim, which has nothing to run.
    "noinitrd": r"Unable to mount root fs",
    "dracut": r"poddracut login:",
    "installer": r"Select a language|Choose the language",
    "installer-arm64": r"Select a language|Choose the language",
    "memtest": r"Status: Testing",
    "ipxe": r"@Open Source Network Boot Firmware",
    "efionly": r"chrysalis from the EFI-only medium",
    "ia32": r"instar from the ia32 medium",
    "floppy": r"@katydid, read from the emulated floppy",
    "grubfloppy": r"lacewing, read by GRUB from the floppy image",
    "cicada": r"cicada waits",
    "heron": r"heron waits",
    "mayfly": r"mayfly waits",
    "lapwing": r"podlapwing login:",
    "cricket": r"podcricket login:",
    "kiwi": r"podkiwi login:",
    "dunlin": r"poddunlin login:",
    "hd": r"@weevil, read from the emulated hard disk",
    "rawdisk": r"@mantis, read from the disk image",
    "rawdisk-uefi": r"mantis, read from the disk image",
    "windows": r"pupa, started as Windows is.*that is all",
    # live-boot's own words when the squashfs is nowhere.
    "nosquash": r"Unable to find a medium containing a live file system",
    **disk_cases.MARKERS,
    **search_cases.MARKERS,
    **loader_cases.MARKERS,
    **kernel_cases.MARKERS,
    **router_cases.MARKERS,
}

# Media that are raw disks.
RAW = ("rawdisk", *disk_cases.MARKERS, *router_cases.MARKERS)

# The line of keys at the foot of the menu: drawn last, and by nothing else.
MENU = r"Tab\s+details"

# What the boot manager says on its way out of the picture as an error.
MENU_ERROR = r"Cannot start|Back in Isopod|cannot be started|could not be started"

# Kernel arguments given in the menu.
ARGUMENTS = "isopod.test=mantis -noeject"

# live-boot's and dracut's ways of giving up; waiting on is of no use.
LIVE_ERROR = r"Unable to find a medium containing a live file system|dracut-initqueue.*[Tt]imeout.*\n.*emergency|Entering emergency mode"


@dataclass
class Case:
    name: str
    firmware: str
    stick: str          # of sticks.STICKS; or "plain": the medium itself, as a CD-ROM (bus says how)
    medium: str         # the image chosen: /images/MEDIUM.iso
    choose: str = "next"  # next | serial | keys | arguments (serial, with ARGUMENTS) | back (the current layer of a store, made empty first) | menu (nothing is chosen: the menu is the goal) | plain
    marker: str = ""
    memory: int = 2048
    bus: str = "usb"
    timeout: int = 420
    group: str = "check"  # check | long | plain
    after: object = None  # called with (vm, env, case) when the marker came; raises BootError, or returns a remark
    extra: tuple = ()     # further sticks: (name, bus)
    forbid: str = ""      # must not have come by the time the marker is there
    file: str = ""        # path on the stick if not /images/MEDIUM.iso
    wrong: str = ""       # for --break: the medium that is chosen instead
    machine: tuple = ()   # further QEMU arguments; {build} is the build folder
    writes: bool = False  # the stick may be written: then isopod trace is asked afterwards, and must see nothing wrong
    verdict: str = ""     # ... or this
    touches: str = ""     # what may be other than before on the stick, beside its state file: image | esp | data | array (untouched.py)
    tags: set = field(default_factory=set)
    idle: bool = False    # it waits for its own clock, most of the time: beside the others
    answer: tuple = ()    # a question of the menu after the choice, and the keys that answer it
    fault: object = None  # of trace_cases: the start fails on purpose

    def __post_init__(self):
        if not self.marker:
            key = "rawdisk-uefi" if self.medium == "rawdisk" and self.firmware != "bios" else self.medium
            self.marker = MARKER[key]
        if not self.file:
            self.file = "/images/%s.%s" % (self.medium, "img" if self.medium in RAW else "iso")
        if not self.wrong:
            # Something quick, with words of its own, that this firmware can start.
            options = {"bios": ["floppy", "ipxe"], "uefi": ["efionly", "memtest"], "uefi-ia32": ["efionly", "ia32"], "uefi-aa64": [""],
                       "uefi-secure": [""], "uboot-x64": ["ia32", "memtest"], "uboot-aa64": [""]}
            for w in options[self.firmware]:
                if w != self.medium:
                    self.wrong = w
                    break


def wait_marker(vm, marker, timeout, fail=None):
    if marker.startswith("@"):
        return vm.wait_screen(marker[1:], timeout)
    return vm.wait(marker, timeout, fail=fail)


# --- what is looked at after the marker -------------------------------------------------------------------------------
def check_clean(vm, env, case):
    """Inside the live system: no trace of the hand-over but the partition, the kernel command line as the medium has it."""
    vm.login()
    st, out = vm.run("ls -d /isopod /.isopod 2>&1; cat /proc/cmdline")
    if re.search(r"^/\.?isopod$", out, re.M):
        raise BootError("the running system holds /isopod: " + out)
    if "isopod" in out.split("\n")[-1].lower():
        raise BootError("the kernel command line was touched: " + out)
    st, out = vm.run("findmnt -n -o SOURCE,FSTYPE /run/live/medium || findmnt -n -o SOURCE,FSTYPE /run/initramfs/live")
    if st != 0 or "iso9660" not in out:
        raise BootError("the medium is not mounted as iso9660: " + out)
    # Every file of the medium can be read, and the squashfs is the one of the medium.
    st, out = vm.run("find /run/live/medium /run/initramfs/live -xdev -type f -exec cat {} + 2>/dev/null | wc -c", 240)
    if st != 0 or int(out.split()[-1]) < 100 << 20:
        raise BootError("the medium cannot be read through: " + out)
    st, out = vm.run("ps ax -o args= | grep -i [i]sopod; true")
    if out.strip():
        raise BootError("a process is left over: " + out)


def check_data_partition(vm, env, case):
    """The stick's data partition beside the mounted ISO, read and write, with the documented command."""
    check_clean(vm, env, case)
    st, out = vm.run("blockdev --setrw /dev/isopod-disk && mkdir -p /mnt/stick && "
                     "mount -t exfat -o loop,offset=1048576 /dev/isopod-disk /mnt/stick && ls /mnt/stick/images", 90)
    if st != 0 or "live.iso" not in out:
        raise BootError("the data partition cannot be mounted: " + out)
    st, out = vm.run("echo kept >/mnt/stick/note.txt && sync && umount /mnt/stick && mount -t exfat -o loop,offset=1048576 /dev/isopod-disk "
                     "/mnt/stick && cat /mnt/stick/note.txt", 90)
    if st != 0 or "kept" not in out:
        raise BootError("the data partition cannot be written: " + out)
    st, out = vm.run("ls -l /run/live/medium/live && head -c 100000 /run/live/medium/live/filesystem.squashfs | wc -c")
    if st != 0 or "100000" not in out:
        raise BootError("the mounted ISO suffers from that: " + out)


def check_install(vm, env, case):
    """The live system copies itself to another disk; nothing of Isopod comes with it."""
    vm.login()
    st, out = vm.run("target=$(lsblk -dno NAME,SERIAL | awk '$2 == \"POD2\" {print $1}'); echo target=$target; [ -n \"$target\" ] && "
                     "mkfs.ext4 -qF /dev/$target && mkdir -p /mnt/t && mount /dev/$target /mnt/t && "
                     "cp -ax /. /mnt/t && sync && find /mnt/t | wc -l", 900)
    if st != 0 or int(out.split()[-1]) < 5000:
        raise BootError("the copy of the system failed: " + out[-300:])
    st, out = vm.run("find /mnt/t -iname '*isopod*'; grep -rlI isopod /mnt/t/etc /mnt/t/boot 2>/dev/null; umount /mnt/t", 300)
    # The live medium's root password is all that may mention the name, and it is hashed.
    if out.strip():
        raise BootError("traces of Isopod in the installed system: " + out)


def check_one_shot(vm, env, case):
    """The choice is good for one start only: after a reset the menu comes, and waits."""
    vm.mark()
    vm.qmp("system_reset")
    vm.wait(MENU, 120, fail=case.marker if not case.marker.startswith("@") else None)
    time.sleep(8)
    if case.marker.startswith("@") and re.search(case.marker[1:], vm.screen_text()):
        raise BootError("the choice was followed twice")


def check_kept(vm, env, case):
    """A snapshot was taken, and the next start finds the store as it is then: nothing was written since."""
    if not re.search(r'kept\s+as\s+the\s+snapshot\s+"start\s+20\d\d-\d\d-\d\d', vm.text):
        raise BootError("the menu took no snapshot before the start")
    vm.mark()
    vm.qmp("system_reset")
    vm.wait(r'nothing\s+was\s+written\s+since\s+the\s+snapshot\s+"start\s+20', 120)
    wait_marker(vm, case.marker, 60)
    time.sleep(6)  # until the recorder has noted that the loader reads no more


def check_arguments(vm, env, case):
    """The kernel was given the word, and lost the other."""
    vm.login()
    st, out = vm.run("cat /proc/cmdline")
    if "isopod.test=mantis" not in out or "boot=live" not in out or re.search(r"\bnoeject\b", out):
        raise BootError("the kernel command line has not the words: " + out)


def check_offered(vm, env, case):
    """The EFI stub says where its initrd came from."""
    if "Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path" not in vm.text:
        raise BootError("the kernel did not take the initrd that it was offered")


def start_own(vm, env, case):
    """Esc, the entry, the one system that is found."""
    screen = case.firmware == "bios"
    vm.mark()
    vm.send_raw(b"\x1b")
    vm.wait(r"Start this computer's own system", 20)
    number = re.findall(r"(\d)  Start this computer's own system", vm.text)[-1]
    vm.send_raw(number.encode())
    vm.send_raw(b"\r")
    vm.wait(r"1  drive 81h, 1\d\.\d MiB" if screen else r"1  EFI/BOOT/BOOTX64\.EFI", 20)
    vm.mark()
    vm.send_raw(b"\r")
    word = MARKER["rawdisk-uefi"]
    (vm.wait_screen if screen else vm.wait)(word, 60)


def wait_for_shell(vm, env, case):
    """The medium gives up in its rescue shell, and the watcher inside, which looks every three seconds, writes that down."""
    vm.wait(trace_cases.SHELL, 120)
    trace_cases.wait_verdict(env, vm.image, lambda b: b["verdict"] == case.verdict, 60)


def open_details(vm, pattern, timeout, **kw):
    vm.mark()
    vm.send_raw(b"\t")
    vm.wait(pattern, timeout, **kw)


def choose_live(vm):
    vm.type("live", delay=0.15)
    time.sleep(1)


def check_details(vm, env, case):
    """Tab on the live image: what plan says of its initrd, which the firmware's own memory is enough to unpack; a key ends the reading at once."""
    choose_live(vm)
    open_details(vm, r"is yet to be read|is being read", 60)
    vm.send_raw(b"x")
    vm.wait(MENU, 10)
    open_details(vm, r"looks at every disk and partition", 240, fail=r"not known how")
    vm.send_raw(b"\x1b")
    vm.wait(MENU, 10)


def check_details_little(vm, env, case):
    """Where it is not enough, that is said, and the page is shown."""
    choose_live(vm)
    open_details(vm, r"not known how it looks for its medium", 60)


# What the menu may take to answer, on an emulated machine as well: it takes less than one.
ENDLESS_SECONDS = 5


def check_endless(vm, env, case):
    """The menu is there and says what was left out. Each hostile image answers to Tab, and Esc leads back; a sound one starts."""
    def answer(key, pattern, what):
        time.sleep(0.5)
        vm.mark()
        began = time.monotonic()
        vm.send_raw(key)
        vm.wait(pattern, ENDLESS_SECONDS * 6)
        took = time.monotonic() - began
        if took > ENDLESS_SECONDS:
            raise BootError("%s took %.0f s" % (what, took))
        slowest.append((took, what))

    slowest = []
    if not re.search(r"too many folders and files|contain themselves", vm.text):
        raise BootError("the menu does not say what was left out")
    for name in sticks.ENDLESS:
        vm.type(name.split(".")[0], delay=0.15)
        answer(b"\t", r"any other key goes back|Press any key", "Tab on " + name)
        answer(b"\x1b", MENU, "the way back from " + name)
        answer(b"\x1b", r"All images", "the end of the search")
    print("  %s: the slowest answer: %.1f s, %s" % ((case.name,) + max(slowest)))
    if case.firmware == "bios":
        vm.type("ipxe", delay=0.15)
        time.sleep(1)
        vm.send_raw(b"\r")
        wait_marker(vm, MARKER["ipxe"], 90)


# --- the list -----------------------------------------------------------------------------------------------------------
CASES = []


def case(*args, **kw):
    CASES.append(Case(*args, **kw))


# The media themselves, without Isopod.
for _fw in ("bios", "uefi"):
    for _m in ("live", "dracut", "installer", "memtest", "fatlive", "big"):
        case("plain-%s-%s" % (_fw, _m), _fw, "plain", _m, "plain", bus="cdrom", group="plain", memory=1400 if _m == "installer" else 2048)
for _m in ("ipxe", "floppy", "hd", "nosquash"):
    case("plain-bios-" + _m, "bios", "plain", _m, "plain", bus="cdrom", group="plain")
case("plain-bios-rawdisk", "bios", "plain", "rawdisk", "plain", bus="usb", group="plain")
case("plain-bios-live-usb", "bios", "plain", "live", "plain", bus="usb", group="plain")
case("plain-uefi-uki", "uefi", "plain", "uki", "plain", bus="cdrom", group="plain")
case("plain-uefi-noinitrd", "uefi", "plain", "noinitrd", "plain", bus="cdrom", group="plain", forbid="Loaded initrd from")
case("plain-uefi-rawdisk", "uefi", "plain", "rawdisk", "plain", bus="usb", group="plain")
case("plain-uefi-efionly", "uefi", "plain", "efionly", "plain", bus="cdrom", group="plain")
case("plain-uefi-ia32-ia32", "uefi-ia32", "plain", "ia32", "plain", bus="cdrom", group="plain")
case("plain-uefi-ia32-live", "uefi-ia32", "plain", "live", "plain", bus="cdrom", group="plain")
case("plain-aa64-installer", "uefi-aa64", "plain", "installer-arm64", "plain", bus="cdrom", group="plain", memory=1400)

# The menu itself.
case("bios-menu", "bios", "main", "live", "menu", marker=MENU, timeout=90)
case("uefi-menu", "uefi", "main", "live", "menu", marker=MENU, timeout=120)
case("ia32-menu", "uefi-ia32", "main", "live", "menu", marker=MENU, timeout=150)
case("aa64-menu", "uefi-aa64", "main", "live", "menu", marker=MENU, timeout=180)

# The machine's own disk, from the menu: a disk beside the stick, whose boot code the firmware does not start by itself.
for _fw in ("bios", "uefi"):
    case(_fw + "-own-disk", _fw, "main", "live", "menu", marker=MENU, timeout=120, after=start_own, tags={"own"})

# Every kind of medium on both firmwares, one of thirteen images on one exFAT partition on a USB stick.
case("bios-details", "bios", "main", "live", "menu", marker=MENU, timeout=90, after=check_details)
case("uefi-details", "uefi", "main", "live", "menu", marker=MENU, timeout=120, after=check_details, group="long")
case("bios-details-little", "bios", "main", "live", "menu", marker=MENU, timeout=90, memory=96, after=check_details_little, group="long")
case("bios-live", "bios", "main", "live", after=check_data_partition, writes=True, touches="data")
case("bios-dracut", "bios", "main", "dracut", after=check_clean, writes=True)
case("bios-installer", "bios", "main", "installer", memory=1400, writes=True)
case("bios-memtest", "bios", "main", "memtest", timeout=150, writes=True)
case("bios-ipxe", "bios", "main", "ipxe", timeout=90, writes=True)
case("bios-floppy", "bios", "main", "floppy", timeout=90, writes=True)
case("bios-hd", "bios", "main", "hd", timeout=90)
case("bios-rawdisk", "bios", "main", "rawdisk", timeout=90)
case("uefi-live", "uefi", "main", "live", after=check_data_partition, writes=True, touches="data")
case("uefi-dracut", "uefi", "main", "dracut", after=check_clean, writes=True)
case("uefi-installer", "uefi", "main", "installer", memory=1400, writes=True)
case("uefi-memtest", "uefi", "main", "memtest", timeout=180, writes=True)
case("uefi-efionly", "uefi", "main", "efionly", timeout=120, writes=True)
case("uefi-rawdisk", "uefi", "main", "rawdisk", timeout=120, writes=True)
case("uefi-fatlive", "uefi", "main", "fatlive")

# Xen starts the kernel: the initrd is a module of a multiboot kernel, by another name.
case("bios-xen", "bios", "xen", "xen", timeout=1200, group="long", wrong="efionly", after=check_clean)
case("uefi-xen", "uefi", "xen", "xen", timeout=1200, group="long", wrong="efionly", after=check_clean)

# Disks in VHD and VHDX files.
case("bios-vhdx-chain", "bios", "virtual", "rawdisk", timeout=90, file="/images/top.vhdx", writes=True)
case("uefi-vhdx-chain", "uefi", "virtual", "rawdisk", timeout=120, file="/images/top.vhdx", writes=True)
case("bios-vhd", "bios", "virtual", "rawdisk", timeout=90, file="/images/raw.vhd")

# A layer store on NTFS goes back to the snapshot before the last one, by a key of the menu.
case("bios-layer-back", "bios", "store", "rawdisk", "back", timeout=90, file="/vm/win/layer-2", writes=True, touches="data")
case("uefi-layer-back", "uefi", "store", "rawdisk", "back", timeout=120, file="/vm/win/layer-2", writes=True, touches="data", group="long")

# A snapshot of it before the start, on NTFS and exFAT.
case("bios-layer-before", "bios", "kept", "rawdisk", "menu", timeout=90, after=check_kept, writes=True, touches="data")
case("uefi-layer-before", "uefi", "kept-exfat", "rawdisk", "menu", timeout=120, after=check_kept, writes=True, touches="data", group="long")

# NTFS in the place of exFAT.
case("bios-ntfs", "bios", "ntfs", "ipxe", timeout=90)
case("uefi-ntfs", "uefi", "ntfs", "efionly", timeout=120)

# By hand: through the serial port, and on the keyboard; by typing to search.
case("bios-serial-keys", "bios", "main", "floppy", "serial", timeout=120, forbid="What next")
case("bios-keyboard", "bios", "main", "ipxe", "keys", timeout=120)
case("uefi-serial-keys", "uefi", "main", "efionly", "serial", timeout=150, forbid="What next")
case("uefi-keyboard", "uefi", "main", "memtest", "keys", timeout=180)

# With kernel arguments for this once.
case("bios-arguments", "bios", "main", "live", "arguments", after=check_arguments, wrong="dracut", group="long")
case("uefi-arguments", "uefi", "main", "live", "arguments", after=check_arguments, wrong="dracut", group="long")

# Folders without end and images that keep a reader busy.
case("bios-endless", "bios", "endless", "ipxe", "menu", marker=MENU, timeout=120, after=check_endless)
case("uefi-endless", "uefi", "endless", "ipxe", "menu", marker=MENU, timeout=150, after=check_endless)

# Once each.
case("bios-fragmented", "bios", "frag", "live", after=check_clean)
case("bios-sata", "bios", "main", "live", bus="sata")
case("bios-sata-far", "bios", "far", "floppy", bus="sata", timeout=120)  # behind 2 TiB
case("uefi-far", "uefi", "far", "efionly", timeout=150)
case("ia32-loader", "uefi-ia32", "main", "ia32", timeout=180)
case("aa64-installer", "uefi-aa64", "main", "installer-arm64", memory=1400, timeout=600)
case("uefi-big", "uefi", "big", "big", after=check_clean)
case("bios-600-images", "bios", "many", "floppy", "keys", timeout=150)
case("uefi-300-folders", "uefi", "tree", "efionly", "serial", timeout=150)
case("bios-512M", "bios", "main", "live", memory=512)
case("uefi-two-sticks", "uefi", "main", "live", extra=(("two", "usb"),), after=check_clean)
case("bios-one-shot", "bios", "main", "floppy", timeout=90, after=check_one_shot, writes=True)
# Negative control: the same path to the end, but no squashfs; a login prompt here would mean that it came from elsewhere.
case("bios-no-squashfs", "bios", "main", "nosquash", forbid=r"login:", writes=True, verdict="medium-not-found", after=wait_for_shell, idle=True)

# The long list: everything else on the other firmware, or once more differently.
L = {"group": "long"}
case("uefi-fragmented", "uefi", "frag", "live", after=check_clean, **L)
case("uefi-sata", "uefi", "main", "live", bus="sata", **L)
# Kernel and initrd are one EFI program, with the shim put into it.
case("uefi-uki", "uefi", "uki", "uki", after=check_clean, **L)
# With kernel arguments, which nothing but the program itself has.
case("uefi-uki-arguments", "uefi", "uki", "uki", "arguments", after=check_arguments, wrong="dracut", **L)
# A signed one in an ISO's tree: served with the shim, which then finds no init; with Secure Boot on it starts as it is, and that is said.
case("uefi-uki-tree", "uefi", "secure", "noinitrd", marker=r"isopod: no init found in the initramfs", file="/images/unified.iso", timeout=150, **L)
case("secure-uki", "uefi-secure", "secure", "noinitrd", marker=r"(?s)Secure Boot is on, so it starts unchanged.*Unable to mount root fs",
     file="/images/unified.iso", forbid="no init found", timeout=180, **L)
# A kernel that is started without an initrd asks the firmware for one. It has none built in, so the shim has no init to go on to; how it does
# where there is one, uefi-builtin and shim_boot.py show.
case("uefi-noinitrd", "uefi", "uki", "noinitrd", marker=r"isopod: no init found in the initramfs", after=check_offered, **L)
case("bios-ntfs-live", "bios", "ntfs", "live", after=check_clean, **L)
case("uefi-ntfs-live", "uefi", "ntfs", "live", after=check_clean, **L)
case("bios-big", "bios", "big", "big", after=check_clean, **L)
case("bios-sata-far-live", "bios", "far", "live", bus="sata", after=check_clean, **L)
# SeaBIOS reads the first 2 TiB of a USB drive: the menu says what it cannot reach.
case("bios-far", "bios", "far", "live", "menu", marker=r"Boot partition unreadable", timeout=90, **L)
case("bios-fatlive", "bios", "main", "fatlive", **L)
case("uefi-512M", "uefi", "main", "live", memory=512, **L)
case("bios-two-sticks", "bios", "main", "live", extra=(("two", "usb"),), after=check_clean, **L)
# Stage 2 of this build, started by another loader, finds its own stick behind one of another version.
case("bios-two-versions", "bios", "other-version", "hd", "menu", marker=r"floppy\.iso", forbid=r"hd\.iso", extra=(("small", "usb"),),
     machine=("-kernel", "{build}/stick/stage2.bin"), timeout=90, **L)
case("bios-gpt", "bios", "gpt", "live", after=check_data_partition, touches="data", **L)
case("uefi-gpt", "uefi", "gpt", "live", after=check_data_partition, touches="data", **L)
case("ia32-live", "uefi-ia32", "main", "live", **L)
case("uefi-600-images", "uefi", "many", "efionly", "serial", timeout=180, **L)
case("bios-300-folders", "bios", "tree", "floppy", "serial", timeout=150, **L)
case("bios-600-live", "bios", "many", "live", after=check_clean, **L)
case("uefi-install", "uefi", "main", "live", after=check_install, timeout=420, tags={"target"}, **L)
case("uefi-no-squashfs", "uefi", "main", "nosquash", forbid=r"login:", **L)
case("uefi-one-shot", "uefi", "main", "efionly", timeout=120, after=check_one_shot, writes=True, **L)
case("bios-sata-dracut", "bios", "main", "dracut", bus="sata", after=check_clean, **L)

# Another firmware that has UEFI.
case("uboot-x64-menu", "uboot-x64", "main", "live", "menu", marker=MENU, timeout=120, touches="esp", bus="sata", **L)
case("uboot-x64-efionly", "uboot-x64", "main", "efionly", touches="esp", bus="sata", timeout=120, **L)
case("uboot-x64-live", "uboot-x64", "main", "live", touches="esp", bus="sata", timeout=900, after=check_clean, **L)
case("uboot-aa64-menu", "uboot-aa64", "main", "live", "menu", marker=MENU, timeout=120, touches="esp", bus="virtio", **L)
case("uboot-aa64-installer", "uboot-aa64", "main", "installer-arm64", touches="esp", bus="virtio", memory=1400, timeout=600, **L)

case("uefi-sata-dracut", "uefi", "main", "dracut", bus="sata", after=check_clean, **L)

# Windows' media, with stand-ins for its boot managers.
windows_cases.add_to(case)

# Systems that are installed in disk images.
disk_cases.add_to(case)
# From memory.
memory_cases.add_to(case)
# As a partition of the stick.
partition_cases.add_to(case)
# Kernels that Debian has not.
kernel_cases.add_to(case)
# Disk images without an initrd.
router_cases.add_to(case)

# Systems that search otherwise.
search_cases.add_to(case)
# Other loaders.
loader_cases.add_to(case)

# Firmware with the faults of other machines.
quirk_cases.add_to(case, MENU, MARKER["efionly"])

# Starts that fail on purpose.
trace_cases.add_to(case)

# SPDX-License-Identifier: BSD-2-Clause
"""Firmware with the faults of other machines: each is booted through, alone, and all that go together at once.

On a BIOS quirk_bios.S on a disk of its own comes first, stays resident, and starts the stick as the first disk; on UEFI quirk_efi.c does
so as a loader. Where a fault was seen stands beside it. Without letters neither of them starts anything."""
import re
import time

from vm import BootError

# Letter, and the case in which it was seen.
BIOS = {
    # The MBR and stage 2.
    "no-edd": ("E", "BIOSes before 1995 and CHS-only option ROMs; GRUB's boot.S has lba_mode and chs_mode for it"),
    "edd-fails": ("X", "GRUB's boot.S: LBA reads that fail although AH=41h promised them go on with CHS; FDOS/fdisk issue 68"),
    "edd-no-parameters": ("P", "GRUB's biosdisk.c: AH=48h that fails or says 0 sectors"),
    "packet-16": ("S", "EDD 1.1 knows packets of 10h bytes alone"),
    "63-sectors": ("L", "SYSLINUX' disk code, which asks for fewer sectors where a transfer fails"),
    "registers": ("T", "Linux, arch/x86/boot/bioscall.S: every BIOS call is put in a 'glove box', as BIOSes destroy registers at will; Ralf Brown's "
                       "list, INT 13h AH=02h: DX"),
    "interrupts-off": ("I", "Ralf Brown's list, INT 13h AH=02h: may return with interrupts disabled; Microsoft's code has STI behind each call"),
    "interrupts-on": ("N", "a handler that ends in STI and RETF 2 in the place of IRET"),
    "direction-flag": ("D", "Linux, bioscall.S: 'cld' behind each call"),
    "carry-untouched": ("MBF", "Ralf Brown's list, INT 13h AH=02h: BIOSes that do not set carry, hence STC before the call; Linux' initregs() does that for "
                               "INT 15h, too"),
    "dl-floppy": ("ZK", "PhoenixBIOS 4.0 release 6 starts the MBR with DL = 0: FDOS/fdisk issue 82"),
    "dl-garbage": ("YK", "GRUB's boot.S, boot_drive_check: DL other than 80h-8Fh is not believed"),
    "dl-other-disk": ("W", "Limine pull request 19 asks for it: that the drive is the right one can be seen only from what is on it"),
    "drive-count": ("K", "40:75h says 0; GRUB's biosdisk.c does not look at it, and probes 80h-8Fh"),
    # Memory.
    "e820-missing": ("M", "Linux, arch/x86/boot/memory.c: E801h and 88h for it"),
    "e801-missing": ("MB", "the same: 88h alone"),
    "e820-unsorted": ("U", "Linux, e820__update_table(): maps of BIOSes are unsorted"),
    "e820-overlaps": ("O", "the same: regions overlap, and what is reserved in one of them is reserved"),
    "a20-closed": ("A", "Linux, arch/x86/boot/a20.c: BIOSes leave it closed at the start"),
    "a20-no-call": ("AG", "the same: INT 15h AX=2401h is missing, port 92h opens it"),
    "a20-closes": ("C", "the same: A20 is looked at again after each way that should have opened it"),
}
BIOS_ALL = "SLTNUOKYAC"
# Those that are not there together: the map is missing, EDD is, the flags are otherwise.
BIOS_REST = "EIDMBFWG"


UEFI = {
    "align-4096": ("A", "UEFI 2.10 clause 13.9: a buffer that is not aligned to IoAlign is EFI_INVALID_PARAMETER"),
    "64-kib": ("L", "no limit in UEFI 2.10 clause 13.9, and drivers that have one: EFI_BAD_BUFFER_SIZE"),
    "read-fails-once": ("F", "EDK II issue 12073: UsbMassReadBlocks() resets the stick after an error, and does not try again"),
    "media-id": ("M", "EDK II, UsbBootDetectMedia(): a unit attention raises MediaId, with the same stick in it"),
    "no-paths": ("P", "GRUB's efidisk.c passes by handles that have Block I/O and no device path"),
    "no-graphics": ("G", "servers with a serial console alone: no EFI_GRAPHICS_OUTPUT_PROTOCOL, text of 80 by 25"),
    "keys-unsupported": ("K", "systemd-boot's console.c: firmware that has the extended input protocol in name only"),
    "keys-no-event": ("E", "the same: its event is none"),
    "keys-slow": ("S", "a BMC's keyboard, whose queue is filled from the network"),
    "memory-in-pieces": ("N", "40 pieces of 1 MiB are all there is, as behind drivers that keep what they load"),
}
# Those whose cases are their own, below.
UEFI_OWN = {
    # No firmware that boots from disks has it so: UEFI 2.10 clause 2.6.2 asks for Block I/O wherever one does, and clause 13.10 calls Block
    # I/O 2 an extension of it. What can be had is a driver that offers the stick by Block I/O 2 alone while another program reads the loader from it: the
    # menu must come and say so, and neither hang nor crash. (It said that the partition table is damaged.)
    "block-io-2": ("B", "UEFI 2.10 clauses 2.6.2, 13.10"),
    # Five minutes are waited for in fifteen seconds.
    "watchdog": ("W", "UEFI 2.10 clause 3.1.2: five minutes for what the boot manager starts; clause 7.5.5: then the firmware resets the machine"),
    # Two keys of one press cannot be told from two presses (a firmware hands out in one burst what was typed while it was busy): a question takes
    # no answer that was pressed before it stood there (menu_test.c), and else a key which leads to one place leads there twice.
    "keys-twice": ("D", "EDK II issue 7351: UsbKbDxe puts a keystroke into its queue twice"),
}
UEFI_ALL = "ALFMPGESN"


def machine(firmware, letters):
    """QEMU's arguments: the disk with the faults first, for a BIOS as its 80h."""
    bus = {"bios": 0, "uefi": 5}[firmware]
    return ("-drive", "if=none,id=quirk,format=raw,file={build}/quirk/%s.img,snapshot=on" % firmware,
            "-device", "ide-hd,drive=quirk,bus=ide.%d,bootindex=0" % bus) + (("-fw_cfg", "name=opt/isopod.quirks,string=" + letters) if letters else ())


def check_no_stick(vm, env, case):
    """The menu is alive."""
    vm.mark()
    vm.send_raw(b":")
    vm.wait(r"Restart the computer", 30)


def check_watchdog(vm, env, case):
    """The menu waits longer than the watchdog would, and the machine is the same one; then the image starts."""
    vm.mark()
    starts = len(re.findall("BdsDxe: starting", vm.text))
    time.sleep(25)
    vm.type("efionly", delay=0.15)
    time.sleep(2)
    vm.send_raw(b"\r")
    try:
        vm.wait(EFIONLY, 90, fail="BdsDxe: starting")
    finally:
        # A reset may take longer than was left of the waiting.
        again = len(re.findall("BdsDxe: starting", vm.text)) - starts
    if again:
        raise BootError("the machine was reset while the menu waited")


def check_twice(vm, env, case):
    """End, and Home, twice each; Enter twice starts one image."""
    for key in (b"\x1b[F", b"\x1b[H"):
        vm.send_raw(key)
        time.sleep(1)
    vm.send_raw(b"\r")
    vm.wait(EFIONLY, 90)


def add_to(case, menu, efionly):
    global EFIONLY
    EFIONLY = efionly
    for name, (letters, _) in BIOS.items():
        # Memory that is not there shows where there is little.
        case("bios-quirk-" + name, "bios", "quirks", "memtest", timeout=240, memory=24 if "M" in letters else 256, machine=machine("bios", letters),
             writes=True, group="long")
    case("bios-quirks-live", "bios", "main", "live", machine=machine("bios", BIOS_ALL), timeout=600, group="long")
    case("bios-quirks-rest", "bios", "quirks", "memtest", timeout=120, memory=256, machine=machine("bios", BIOS_REST), writes=True, group="long")
    case("bios-quirks", "bios", "quirks", "floppy", timeout=90, memory=256, machine=machine("bios", BIOS_ALL))
    for name, (letters, _) in UEFI.items():
        case("uefi-quirk-" + name, "uefi", "quirks", "efionly", "serial" if name.startswith("keys") else "next", timeout=150, memory=256,
             machine=machine("uefi", letters), group="long")
    for name, marker, after in (("block-io-2", "does not show this stick as a disk", check_no_stick), ("watchdog", menu, check_watchdog),
                                ("keys-twice", menu, check_twice)):
        case("uefi-quirk-" + name, "uefi", "quirks", "efionly", "menu", marker=marker, timeout=150, memory=256,
             machine=machine("uefi", UEFI_OWN[name][0]), after=after, group="long")
    # Where the letters are lost nothing starts.
    case("bios-quirks-unsaid", "bios", "quirks", "floppy", "menu", marker=r"@Hard Disk\.\.\.\s*\?", timeout=60, memory=256, machine=machine("bios", ""), group="long")
    case("uefi-quirks-unsaid", "uefi", "quirks", "efionly", "menu", marker="quirks: nobody says which", timeout=90, memory=256,
         machine=machine("uefi", ""), group="long")
    case("uefi-quirks", "uefi", "quirks", "efionly", "serial", timeout=180, memory=256, machine=machine("uefi", UEFI_ALL), group="long")

# SPDX-License-Identifier: BSD-2-Clause
"""Starts that failed: records as the boot manager, the shim and the helper leave them, and what `isopod trace` makes of each. Where a record
holds no evidence the truth is "unknown", and a hazard would be wrong."""
import binascii, json, os, re

from case import *
import trace_format as tf
from trace_common import Stick

SEES_EXIT, HANDOVER, HELPER, TRUNCATED, FRAGMENTED = 2, 8, 16, 1, 2
READING, TIMER = 1, 2
LOADER = [("started", 50, 0), ("menu", 900, 0), ("chosen", 4000, 0), ("planned", 4300, 0), ("loader-started", 4400, 0)]
EXIT = LOADER + [("exit-boot-services", 8000, 0)]
SHOWN = [("shim-started", 0, 0), ("init-executed", 900, 0), ("stick-found", 7000, 0), ("shown", 7100, 1)]
PE = [("helper-started", 0, 0), ("volume-found", 3000, 0)]
N = 41


def start(*sectors, flags=HANDOVER, entry=0, log="", firmware=2, memory=4 << 30, secure=1):
    """A stick whose last start left these records; a sector that is a function gets the places of the image's files."""
    def make(w):
        s, iso = w.stick(), w.iso()
        with open(iso, "rb") as f:
            f.seek(32768)
            crc = binascii.crc32(f.read(2048))
        state = bytearray(tf.SIZE)
        tf.put_boot(state, N, tf.machine(N, firmware=firmware, memory=memory, secure=secure),
                    tf.image(N, "/images/" + os.path.basename(iso), os.path.getsize(iso), crc=crc, flags=flags, entry=entry, initrds=1),
                    *[x(iso) if callable(x) else x for x in sectors])
        if log:
            tf.put_log(state, N, log)
        Stick(s).put(state)
        return s
    return make


def place(iso, name):
    out = run("xorriso", "-indev", iso, "-find", name, "-exec", "report_lba", "--").stdout
    m = re.search(r"File data lba:\s+\d+\s*,\s*(\d+)\s*,\s*\d+\s*,\s*(\d+)", out)
    return int(m[1]) * 2048, int(m[2])


def reading(name, part, flags=TIMER, ms=9000, last_ms=8000, **kw):
    """The last read was so far into a file."""
    def sector(iso):
        at, length = place(iso, name)
        return tf.progress(N, 1, ms, LOADER, flags, 4 * MIB, 90, (at + int(length * part), 2048), last_ms, **kw)
    return sector


def failed(status, text):
    return [tf.progress(N, 1, 5000, LOADER[:4] + [("start-failed", 4800, status)]), tf.message(N, status, text)]


def exited(**kw):
    return tf.progress(N, 1, 9000, EXIT, TIMER, 40 * MIB, 900, last_ms=7900, **kw)


def returned(code):
    return tf.progress(N, 1, 9000, LOADER + [("loader-returned", 8000, 0x80000000 | code)], TIMER, 4 * MIB, 90)


def said(text):
    return [tf.progress(N, 1, 60000, LOADER, TIMER, 4 * MIB, 90, last_ms=9000), tf.screen(N, text)]


def in_linux(*stages, mount=""):
    return [exited(), tf.linux(N, 1, 60000, SHOWN + [(s, 9000 + 1000 * i, 0) for i, s in enumerate(stages)], mount=mount)]


def in_pe(*stages, controller=""):
    return [exited(), tf.windows(N, 1, 60000, PE + [(s, 9000, a) for s, a in stages], controller=controller)]


def traced(args):
    b = json.loads(isopod("trace", *args, "--json").out)[0]
    level = "good" if not b["alarm"] else "unknown" if b["unknown"] else "problem"
    text = " ".join([b["verdict"], b["headline"], *b["evidence"]])
    return [Finding("trace", b["hazard"], level, None, text, " ".join(b["steps"]))]


def known(name, make, hazard, word, *words, **kw):
    return Fault(name, make, hazard, word, *words, look=traced, **kw)


def unknown(name, make):
    """No hazard may be blamed: any would be a guess."""
    return Fault(name, make, 0, "no evidence for anything", look=traced, gap="unknown")


FAULTS = [
    known("the stick pulled while read", start(reading("/live/vmlinuz", .5, errors=1, error=(4096, 15, 13))), DRIVE, "stick-pulled"),
    known("a read that failed", start(reading("/live/vmlinuz", .5, errors=2, error=(4096, 2, 7))), DRIVE, "read-error", "live/vmlinuz"),
    known("a read that did not come back", start(reading("/live/vmlinuz", .5, TIMER | READING, 40000, 8000)), DRIVE, "read-hang"),
    known("a file that is cut off", start(exited(), flags=HANDOVER | TRUNCATED), IMAGE, "truncated-image"),
    known("no memory for the plan", start(*failed(3, "no room")), MEMORY, "memory"),
    known("nothing for this firmware", start(*failed(5, "nothing"), entry=-2, firmware=4), FIRMWARE, "nothing-to-start"),
    known("the loader ran out of memory", start(returned(9)), MEMORY, "memory"),
    known("Secure Boot refused the loader", start(returned(26)), FIRMWARE, "secure-boot"),
    known("GRUB misses the kernel", start(*said("Booting `Live'\nerror: file `/live/vmlinux' not found.\n")), IMAGE, "/live/vmlinux"),
    known("isolinux misses the kernel", start(*said("Loading /live/linux... failed: No such file or directory\nboot:\n"), firmware=1), IMAGE, "/live/linux"),
    known("GRUB cannot read", start(*said("error: failure reading sector 0x4c0 from `cd0'.\n")), DRIVE, "read-error"),
    known("GRUB has no memory", start(*said("error: out of memory.\n\nPress any key to continue...\n")), MEMORY, "memory"),
    known("shim refuses the kernel", start(*said("error: bad shim signature.\n")), FIRMWARE, "secure-boot"),
    known("isolinux is damaged", start(*said("isolinux: Image checksum error, sorry...\n"), firmware=1), IMAGE, "damaged-image"),
    known("a squashfs that is damaged", start(*in_linux("rescue-shell"), log="<3>[ 9.0] SQUASHFS error: unable to read id index table\n"), IMAGE, "SQUASHFS error"),
    known("a sector that Linux cannot read", start(*in_linux("rescue-shell"), log="<3>[ 9.0] I/O error, dev sda, sector 2048 op 0x0:(READ)\n"), DRIVE, "dev sda"),
    known("Linux is out of memory", start(*in_linux("rescue-shell"), log="<3>[ 9.0] Out of memory: Killed process 200 (cp)\n"), MEMORY, "Killed process"),
    known("an image in pieces", start(*in_linux("not-shown"), flags=HANDOVER | FRAGMENTED), DRIVE, "fragmented-image"),
    known("Windows 7 attaches no ISO", start(*in_pe(("iso-not-attached", 126)), flags=HELPER), DRIVERS, "no-iso-provider"),
    known("Windows cannot read exFAT", start(*in_pe(("iso-not-attached", 1005)), flags=HELPER), DRIVERS, "volume-unreadable"),
    known("Windows meets a read error", start(*in_pe(("iso-not-attached", 1117)), flags=HELPER), DRIVE, "read-error"),
    unknown("nothing for this firmware, of an image that has something by now", start(*failed(5, "nothing"), entry=-2)),
    unknown("switched off while the loader read", start(reading("/live/vmlinuz", .5))),
    unknown("switched off in the middle of a read", start(reading("/live/vmlinuz", .5, TIMER | READING))),
    unknown("a loader that is silent", start(tf.progress(N, 1, 300000, LOADER, TIMER, 9, 9, (0, 1), 5000))),
    unknown("a kernel that is silent", start(exited())),
    unknown("a loader that gives up", start(returned(1))),
    unknown("a loader that does not find something", start(returned(14))),
    unknown("a #GP in the loader", start(*said("!!!! X64 Exception Type - 0D(#GP - General Protection)  CPU Apic ID - 00000000 !!!!\n"))),
    unknown("a rescue shell without a word", start(*in_linux("rescue-shell"))),
    unknown("a root that is not changed", start(*in_linux("medium-mounted", mount="/run/live/medium"))),
    unknown("stopped in the menu", start(tf.progress(N, 1, 5000, LOADER[:3]))),
    unknown("Windows is silent", start(exited(), flags=HELPER)),
    unknown("a program of Windows PE that fails", start(*in_pe(("program-failed", 2)), flags=HELPER)),
    unknown("an image beyond a limit", start(*failed(7, "too many"))),
]

SOUND = [
    Sound("a live system", start(*in_linux("medium-mounted", "root-switched", mount="/run/live/medium")), look=traced),
    Sound("an installer in its initrd", start(*in_linux(), log="<6>[ 8.0] usb 1-2: USB disconnect, device number 2\n"), look=traced),
    Sound("a rescue system in its initrd", start(*in_linux("medium-mounted", "lives-in-initrd", mount="/mnt/stick"),
                                                 log="<3>[ 9.0] Buffer I/O error on dev sdb, logical block 0\n"), look=traced),
    Sound("a program that took over", start(exited(), flags=0), look=traced),
    Sound("a GRUB without its font", start(*in_linux("medium-mounted", "root-switched"), tf.screen(N, "error: file `/boot/grub/font.pf2' not found.\n")), look=traced),
    Sound("Windows PE at work", start(*in_pe(("iso-attached", 0), ("handed-over", 0)), flags=HELPER), look=traced),
]

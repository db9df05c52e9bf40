#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Texts of procfs as they are, and the answers of a sysfs with sticks that are there, or still to come (linux/settle.c)."""
import os
import struct
import sys


def write(name, data):
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)


def answers(*texts):
    return b"".join(struct.pack("<H", len(t)) + t for t in texts)


LINK = b"../devices/pci0000:00/0000:00:04.0/usb1/1-1/1-1:1.0/host2/target2:0:0/2:0:0:0/block/sda"
STICK = b"usb-storage\n"
write("mountinfo", b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
      b"29 1 8:1 / /run/live/medium ro,noatime - iso9660 /dev/sda1 ro\n30 1 0:5 / /dev rw shared:2 - devtmpfs udev rw\n")
write("meminfo", b"MemTotal:        2030616 kB\nMemFree:         1825280 kB\nMemAvailable:    1793788 kB\n")
for n, words in enumerate((b"sh\n-i\n", b"-sh\n-i\n-l\n", b"/bin/busybox\nsh\n-i\n", b"sulogin\n--force\n", b"sh\n-c\nx\n", b"systemd-sulogin-shell\nemergency\n")):
    write("words-%d" % n, words)
write("device", b"8:17\n")
for speed in (b"480", b"1.5", b"20000"):
    write("speed-" + speed.decode(), speed + b"\n")
disk = (b"there", b"0\n", b"sda\n", b"8:0\n") + (b"",) * 7
write("alone", answers(LINK, STICK, b".\n..\nhost0\nhost2\n", b"ahci\n", STICK, *disk))
write("two", answers(LINK, STICK, b"host2\nhost3\n", STICK, *disk, STICK, *disk, b"more\n", b"sda\nsdb\n"))
write("to-come", answers(LINK, STICK, b"host2\nhost3\n", STICK, *disk, STICK, b""))
write("card-reader", answers(LINK, STICK, b"host2\n", STICK, b"there", b"5\n", b"there", b"0\n", b"", b"sdb\n", b"8:16"))
write("many", answers(LINK, STICK, b"".join(b"host%d\n" % n for n in range(20))))

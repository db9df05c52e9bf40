#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds for shim_fuzz: machines in which the stick is found, in one piece and in several, twice, late, never; with a flight recorder."""
import binascii, os, struct, sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../interop"))
import trace_format as tf  # noqa: E402

MIB = 1 << 20
SYS, PROC = "/isopod/sys", "/isopod/proc"
IMAGE = bytes(range(256)) * 8  # 2048 bytes at 32768 of the image


def record(extents, image=MIB, flags=0, state=(0, 0, 0), crc=None):
    path = "/images/启动.iso".encode()
    ext = b"".join(struct.pack("<QQ", *e) for e in extents)
    return struct.pack("<8sIIII16sQQIIIIQIIIIQII16x", b"ISOPODH2", 0x80 + len(ext) + len(path), 0, flags, 0x11223344, bytes(16), MIB, 64 * MIB,
                       1, 0x55667788, 512, binascii.crc32(IMAGE) if crc is None else crc, image, len(extents), 0x80 + len(ext), len(path), 0,
                       *state) + ext + path


def names(*n):
    return b"".join(x.encode() + b"\0" for x in n)


def disk(files, name, number, extents, host=2, partitions=True):
    files[SYS + "/block/%s/size" % name] = b"409600\n"
    files[SYS + "/block/%s/dev" % name] = b"%s\n" % number.encode()
    where = "../devices/pci0000:00/usb2/2-1/2-1:1.0/host%d/target%d:0:0/%d:0:0:0/block/%s" % (host, host, host, name)
    part = name + "1"
    # A link and, for who opens it, the folder it leads to.
    files[SYS + "/block/" + name] = names(where, part)
    if partitions:
        p = SYS + "/block/%s/%s" % (name, part)
        files.update({p + "/partition": b"1\n", p + "/dev": number.split(":")[0].encode() + b":1\n", p + "/start": b"2048\n", p + "/size": b"131072\n"})
    mbr = bytearray(512)
    struct.pack_into("<I", mbr, 0x1b8, 0x11223344)
    mbr[446 + 16 + 4] = 0xef
    mbr[510:] = b"\x55\xaa"
    boot = bytearray(512)
    boot[3:11] = b"EXFAT   "
    struct.pack_into("<I", boot, 100, 0x55667788)
    files[number + "@0"] = bytes(mbr)
    files[number + "@%d" % MIB] = bytes(boot)
    at = 32768
    for start, length in extents:
        if at < length:
            files[number + "@%d" % (start + at)] = IMAGE
            break
        at -= length
    h = SYS + "/class/scsi_host/host%d" % host
    files[h + "/proc_name"] = b"usb-storage\n"
    d = h + "/device/target%d:0:0/%d:0:0:0" % (host, host)
    files.update({d: b"", d + "/type": b"0\n", d + "/block": names(name)})
    files[SYS + "/class/scsi_host"] = files.get(SYS + "/class/scsi_host", b"") + names("host%d" % host)


def machine(extents, disks=(("sda", "8:0"),), use=b"quiet", **kw):
    state = kw.get("state", (0, 0, 0))
    files = {"/isopod/map": record(extents, **kw), PROC + "/cmdline": b"BOOT_IMAGE=/live/vmlinuz " + use + b"\n",
             PROC + "/sys/kernel/printk": b"4\t4\t1\t7\n", PROC + "/sys/kernel/osrelease": b"6.1.0-18-amd64\n",
             PROC + "/meminfo": b"MemTotal:        2030000 kB\nMemAvailable:    1800000 kB\n", PROC: names("1", "self", "200", "kmsg"),
             PROC + "/200/cmdline": b"/bin/sh\0-i\0", PROC + "/1/exe": b"i", PROC + "/self/exe": b"s",
             PROC + "/1/mountinfo": b"22 1 8:1 / /run/live/medium ro,noatime - iso9660 /dev/sda1 ro\n", SYS + "/class/misc/loop-control/dev": b"10:237\n",
             SYS + "/block/loop0/dev": b"7:0\n", SYS + "/class/misc/device-mapper/dev": b"10:236\n",
             "/isopod/volume/images/启动.iso": b"x", "uevent": b"add@/devices/x\0ACTION=add\0SUBSYSTEM=block\0DEVNAME=sda\0", "log": b"<3>[    9.1] SQUASHFS error: x\n" * 30}
    files[SYS + "/block"] = names("loop0", *[d[0] for d in disks])
    for i, (name, number) in enumerate(disks):
        disk(files, name, number, extents, host=2 + i)
        if state[0]:
            files[number + "@%d" % state[0]] = bytes(512)
            files[number + "@%d" % (state[0] + tf.slot(state[2]))] = tf.machine(state[2])
    return files


def write(name, files, more=()):
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        for path, data in list(files.items()) + list(more):
            f.write(path.encode() + b"\0" + struct.pack("<H", len(data)) + data)


ONE, TWO = [(2 * MIB, MIB)], [(2 * MIB, 16384), (5 * MIB, MIB)]
STATE = (70 * MIB, 256 << 10, 7)
write("one", machine(ONE))
write("recorded", machine(ONE, state=STATE))
write("pieces", machine(TWO, image=MIB, state=STATE))
for use in (b"blkpg", b"dm", b"loop", b"file", b"off"):
    write("use-" + use.decode(), machine(ONE, use=b"isopod.use=" + use))
    write("pieces-" + use.decode(), machine(TWO, image=MIB, use=b"isopod.use=" + use))
write("twins", machine(ONE, disks=(("sda", "8:0"), ("sdb", "8:16"))))
write("other-image", machine(ONE, crc=1, state=STATE))
write("never", machine(ONE, disks=(), state=STATE))
write("busy", dict(machine(ONE, state=STATE), ioctl=bytes([0] + [16] * 40)))
write("refused", dict(machine(ONE, state=STATE), ioctl=bytes([0] + [22] * 40)))
write("switched", dict(machine(ONE, state=STATE), **{PROC + "/1/root": b"r"}))
write("gpt", machine(ONE, flags=1))
USB = SYS + "/bus/usb/devices"
write("on-its-way", dict(machine(ONE), **{
    USB: names("usb2", "2-1", "2-1:1.0"), USB + "/usb2/bDeviceClass": b"09\n", USB + "/usb2/dev": b"189:1\n", USB + "/usb2/speed": b"5000\n",
    USB + "/usb2/maxchild": b"4\n", USB + "/usb2/bConfigurationValue": b"1\n", USB + "/2-1/bConfigurationValue": b"\n",
    USB + "/2-1:1.0/bInterfaceClass": b"08\n", SYS + "/class/scsi_host/host2/state": b"recovery\n",
    SYS + "/class/nvme": names("nvme0"), SYS + "/class/nvme/nvme0": names("state", "nvme0n1"), SYS + "/class/nvme/nvme0/state": b"connecting\n",
    SYS + "/class/mmc_host": names("mmc0"), SYS + "/class/mmc_host/mmc0": names("mmc0:4567"), SYS + "/class/mmc_host/mmc0/mmc0:4567/type": b"SD\n",
    "ioctl": bytes([132] * 40)}))
# Of a kernel without an initramfs: its root is on the disk that is shown, on another, nowhere.
CLASS = SYS + "/class/block"
mbr, gpt = bytearray(512), bytearray(92)
struct.pack_into("<I", mbr, 0x1b8, 0x706f6477)
mbr[510:] = b"\x55\xaa"
other = bytearray(mbr)
other[0x1be + 4] = 0xee
gpt[:8] = b"EFI PART"
struct.pack_into("<QII", gpt, 72, 2, 4, 128)
shown = {"/isopod-shown": b"loop0\n", CLASS: names("loop0", "loop0p1", "loop0p2", "sda", "sda1"), "7:0@0": bytes(mbr), "8:0@0": bytes(other),
         "8:0@512": bytes(gpt), "8:0@1040": bytes(range(16)), PROC + "/filesystems": b"nodev\tsysfs\n\text4\n\tsquashfs\n"}
for i, (name, number, part) in enumerate((("loop0", "7:0", 0), ("loop0p1", "259:0", 1), ("loop0p2", "259:1", 2), ("sda", "8:0", 0), ("sda1", "8:1", 1))):
    shown[CLASS + "/%s/dev" % name] = number.encode()
    if part:
        shown[CLASS + "/%s/partition" % name] = b"%d" % part
        shown[CLASS + "/%s/../dev" % name] = b"7:0" if name[0] == "l" else b"8:0"
        shown[CLASS + "/%s/uevent" % name] = b"MAJOR=259\nPARTN=%d\nPARTNAME=part%d\n" % (part, part)
ROOTS = [b"PARTUUID=706f6477-02 rootwait", b"PARTUUID=706F6477-01/PARTNROFF=1 rw rootfstype=ext4,squashfs", b"PARTLABEL=part2 init=/x", b"/dev/sda2 ro",
         b"/dev/mmcblk0p1", b"8:1", b"0802 rootflags=\"a b\"", b"PARTUUID=03020100-0504-0706-0809-0a0b0c0d0e0f", b"UUID=1", b"PARTUUID=706f6477-07 rootdelay=3"]
for i, root in enumerate(ROOTS):
    write("root-%d" % i, {PROC + "/cmdline": b"root=" + root + b"\n", **shown})

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The shim shows the disk in an image: Debian's kernel, a hand-made initramfs, a stick that may be written. The disk is a GPT with two FAT
volumes, numbers 2 and 5; its bytes lie on the stick in pieces that are out of order, and a part of it is nowhere.

shim_disk.py [CASE...]
"""
import os, re, struct, sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import shim_boot as S
import trace_format as tf

MIB = 1 << 20
SIZE = 24 * MIB
HOLE = (12 * MIB, 20 * MIB)  # behind the first volume, before the second: zeros that have no place on the stick
VOLUMES = {2: (2 * MIB, 8 * MIB, "PODTWO"), 5: (20 * MIB, 3 * MIB, "PODFIVE")}
DM = ["dm-mod", "dm-zero", "dm-bufio", "dm-snapshot"]
WRITE = 1
STATE, BOOT = 70 * MIB, 41  # of the flight recorder

INIT = r"""#!/bin/sh
mkdir -p /proc /sys /dev /mnt
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
echo "T:which=disk"
case $(cat /proc/cmdline) in
*t.full*) # less than twice the disk is left
	mkdir /full; mount -t ramfs full /full
	while [ $(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) -gt 44000 ]; do dd if=/dev/zero bs=1M count=2 >>/full/zeros 2>/dev/null; done ;;
esac
for m in xhci_pci usb_storage sd_mod vfat nls_ascii nls_cp437 nls_utf8; do modprobe $m; done
for i in $(seq 200); do [ -b /dev/loop0p5 -o -b /dev/loop1p5 ] && break; sleep 0.1; done
sleep 1
disk=$(ls -d /sys/block/loop*/loop*p5 | head -n 1); disk=${disk%/*}; disk=${disk##*/}
echo "T:disk=$disk size=$(($(cat /sys/block/$disk/size) * 512)) ro=$(cat /sys/block/$disk/ro)"
for p in 2 5; do
	s=/sys/block/$disk/${disk}p$p
	mount -t vfat /dev/${disk}p$p /mnt
	echo "T:before=$(cat /mnt/new.txt 2>/dev/null)"
	echo "T:part$p=$(($(cat $s/start) * 512)) $(($(cat $s/size) * 512)) $(cat /mnt/word.txt)"
	echo "written by the system" >/mnt/new.txt; dd if=/dev/zero bs=64k count=16 of=/mnt/zeros 2>/dev/null
	umount /mnt; echo 3 >/proc/sys/vm/drop_caches; mount -r -t vfat /dev/${disk}p$p /mnt
	echo "T:again$p=$(cat /mnt/word.txt) $(cat /mnt/new.txt)"
	umount /mnt
done
echo "T:hole=$(dd if=/dev/$disk bs=1M skip=13 count=6 2>/dev/null | md5sum | cut -d' ' -f1)"
echo "T:nodes=$(for f in sda1 sda2 sda5; do stat -c '%n %t:%T' /dev/$f 2>/dev/null; done | tr '\n' ' ')$(stat -c '%t:%T' /dev/${disk}p2)"
echo "T:parts=$(ls /sys/block/sda | grep '^sda[0-9]' | tr '\n' ' ')"
for i in $(seq 15); do ps | grep -q '[i]sopod' || break; sleep 1; done
echo "T:left=$(ls -d /isopod 2>/dev/null) procs=$(ps | grep -c '[i]sopod')"
sync
echo "T:end"
poweroff -f
"""


# What the initramfs of an installed system does whose root is not there: it waits, gives up, and opens a shell; or it goes on.
ROOT = r"""#!/bin/sh
mkdir -p /proc /sys /dev /mnt
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for m in xhci_pci usb_storage sd_mod vfat nls_ascii nls_cp437 nls_utf8; do modprobe $m; done
for i in $(seq 200); do [ -b /dev/loop0p5 -o -b /dev/loop1p5 ] && break; sleep 0.1; done
case $(cat /proc/cmdline) in
*t.mounted*) mount -t vfat /dev/loop?p2 /mnt; sleep 4 ;;
esac
echo "ALERT!  LABEL=nobody does not exist.  Dropping to a shell!" >/dev/kmsg
setsid sh -c 'PS1="(initramfs) " sh -i' </dev/console >/dev/console 2>&1 &
sleep 25
echo "T:end"
poweroff -f
"""


def make_disk(path):
    with open(path, "wb") as f:
        f.truncate(SIZE)
    table = "label: gpt\n" + "".join("%s%d : start=%d, size=%d, type=L\n" % (path, n, s // 512, z // 512) for n, (s, z, _) in VOLUMES.items())
    S.run("/sbin/sfdisk", "-q", path, input=table.encode())
    for n, (start, size, label) in VOLUMES.items():
        volume = path + ".vol"
        with open(volume, "wb") as f:
            f.truncate(size)
        S.run("/usr/sbin/mkfs.fat", "-n", label, volume)
        with open(volume + ".txt", "w") as f:
            f.write("word of %s\n" % label)
        S.run("mcopy", "-i", volume, volume + ".txt", "::/word.txt")
        with open(volume, "rb") as v, open(path, "r+b") as f:
            f.seek(start)
            f.write(v.read())
    return open(path, "rb").read()


class DiskStick(S.Stick):
    """A stick whose image is the disk as one piece; `spread` puts the disk, as a container would, elsewhere into its volume."""

    cow = None  # of an overlay's store on the stick: first byte, length

    def chunk(self):
        segs = b"".join(struct.pack("<QQ", *s) for s in self.segs)
        body = struct.pack("<QIIII", SIZE, 512, self.flags, len(self.segs), 0) + segs
        more = struct.pack("<IIQQII", 17, 24, *self.cow, 8, 0) if self.cow else b""
        return struct.pack("<II", 0x4B534944, len(body)) + body + bytes(-len(body) % 8) + more

    def record(self, **wrong):
        r = bytearray(super().record())
        at = len(r) + -len(r) % 8
        c = self.chunk()
        r += bytes(at - len(r)) + c
        struct.pack_into("<I", r, 0x08, len(r))
        struct.pack_into("<II", r, 0x70, at, len(c))
        struct.pack_into("<II", r, 0x0C, 0, struct.unpack_from("<I", r, 0x10)[0])
        struct.pack_into("<I", r, 0x0C, S.binascii.crc32(r))
        return bytes(r)

    def spread(self, disk):
        """Pieces of 4 MiB, the last one first; the hole has none."""
        self.segs, at = [], self.part[0] + 2 * MIB
        pieces = [(o, min(4 * MIB, HOLE[0] - o)) for o in range(0, HOLE[0], 4 * MIB)] + [(HOLE[1], SIZE - HOLE[1])]
        where = {}
        with open(self.path, "r+b") as f:
            for o, n in reversed(pieces):
                f.seek(at)
                f.write(disk[o:o + n])
                where[o] = at
                at += n + 4096
        for o, n in pieces:
            if o == HOLE[1]:
                self.segs.append((0, HOLE[1] - HOLE[0]))
            self.segs.append((where[o], n))


class Tests:
    def __init__(self, work):
        self.work, self.bad = work, []
        S.MODULES[:] = [m for m in S.MODULES if m != "dm_mod"]
        self.kernel, version, busybox = S.fetch_kernel()
        self.release, self.busybox = version, busybox
        self.initrd = S.Initrd(version, busybox).build(script=INIT)
        self.base = S.module_files(version)[0]
        self.shim = open(S.B + "/stick/SHIMX64", "rb").read()
        self.disk = make_disk(work + "/disk.img")

    def check(self, cond, what):
        if not cond:
            self.bad.append(what)

    def stick(self, flags=0, spread=True):
        # The volume's content plays no part: the record alone says where things lie.
        s = DiskStick(self.work + "/stick.img", self.disk)
        s.flags, s.segs = flags, [(s.extents[0][0], SIZE)]
        if spread:
            s.spread(self.disk)
        return s

    def modules(self, names):
        members = []
        for i, name in enumerate(names):
            data = open(f"{self.base}/kernel/drivers/md/{name}.ko", "rb").read()
            members.append(S.cpio_member(f"isopod/m{i}-{self.release}", S.FILE, data))
        return S.cpio([S.cpio_member("isopod", S.DIR, nlink=2)] + members)

    def boot(self, stick, modules, words="", initrd=None):
        before = open(stick.path, "rb").read()
        initrd = S.compress(initrd or self.initrd, "gzip")
        log = S.Machine(self.work, self.kernel, S.pad(initrd) + self.modules(modules) + S.post_archive(self.shim, stick.record()), [stick],
                        words).finish(120)
        after = open(stick.path, "rb").read()
        changed = [i for i in range(0, len(before), 4096) if before[i:i + 4096] != after[i:i + 4096]]
        return S.words_of(log), log, changed

    def seen(self, w, writable):
        self.check(re.fullmatch(r"loop\d size=%d ro=%d" % (SIZE, not writable), w.get("disk", "")), "the disk: " + w.get("disk", "none"))
        for n, (start, size, label) in VOLUMES.items():
            self.check(w.get(f"part{n}") == f"{start} {size} word of {label}", f"partition {n}: " + w.get(f"part{n}", "none"))
            want = f"word of {label}" + (" written by the system" if writable else " ")
            self.check(w.get(f"again{n}", "") == want.rstrip() or w.get(f"again{n}", "") == want, f"partition {n} afterwards: " + w.get(f"again{n}", "none"))
        self.check(w.get("hole") == "da6a0d097e307ac52ed9b4ad551801fc", "between the volumes are no zeros: " + w.get("hole", "none"))
        self.check(w.get("parts") == "", "the stick still has partitions: " + w.get("parts", "?"))
        numbers = re.fullmatch(r"/dev/sda2 (\S+) /dev/sda5 (\S+) (\S+)", w.get("nodes", ""))
        self.check(numbers and numbers[1] == numbers[3] != numbers[2], "nodes: " + w.get("nodes", "none"))
        self.check(w.get("left") == " procs=0" and "end" in w, "left behind: " + w.get("left", "no line"))

    def case_pieces_with_modules_and_overlay(self):
        s = self.stick()
        w, log, changed = self.boot(s, DM)
        self.seen(w, True)
        self.check("stays in memory" in log, "the log does not say where writes go")
        self.check(not changed, f"{len(changed)} blocks of the stick were written")

    def case_kept_in_a_file(self):
        """The kernel's own snapshot in a store that we made: twice the same machine, and the second time it finds what it wrote."""
        s, store = self.stick(), (22 * MIB, 4 * MIB)
        s.cow = store
        with open(s.path, "r+b") as f:
            f.seek(store[0])
            f.write(struct.pack("<IIII", 0x70416E53, 1, 1, 8) + bytes(store[1] - 16))
        for _ in range(2):
            w, log, changed = self.boot(s, DM)
            self.seen(w, True)
            self.check("goes into the file beside it" in log, "the log does not say where writes go")
            self.check(changed and all(store[0] <= c < sum(store) for c in changed), "written elsewhere: %s" % changed[:3])
        self.check("T:before=written by the system" in log, "nothing of the first time is there the second")
        w, log, changed = self.boot(self.broken(s, store), DM)
        self.check("cannot be used" in log and "stays in memory" in log and not changed, "a store that the kernel gave up")

    def broken(self, s, store):
        with open(s.path, "r+b") as f:
            f.seek(store[0] + 4)
            f.write(bytes(4))
        return s

    def case_no_snapshot(self):
        s = self.stick()
        w, log, changed = self.boot(s, DM[:2])
        self.seen(w, False)
        self.check(re.search(r"isopod: nothing can be written to the disk in /images/x.iso: ", log), "no message")
        self.check(not changed, f"{len(changed)} blocks of the stick were written")

    def case_written_through(self):
        s = self.stick(flags=WRITE, spread=False)
        w, log, changed = self.boot(s, DM[:2])
        self.seen(w, True)
        first, end = s.segs[0][0], s.segs[0][0] + SIZE
        self.check(changed, "nothing was written")
        self.check(all(first <= c < end for c in changed), "bytes beside the image were written")
        self.check("goes into the file" in log, "the log does not say where writes go")

    def case_no_device_mapper(self):
        s = self.stick()
        w, log, changed = self.boot(s, [])
        self.seen(w, True)
        self.check("a copy in memory is shown; what is written to it is gone" in log, "the log does not say where writes go")
        self.check(not changed, f"{len(changed)} blocks of the stick were written")

    def case_no_device_mapper_and_no_room(self):
        s = self.stick(spread=False)
        w, log, changed = self.boot(s, [], "t.full")
        self.seen(w, False)
        self.check(re.search(r"isopod: nothing can be written to the disk in /images/x.iso: it has 24.0 MiB, and a copy in memory may have [12]\d\.\d MiB", log), "no message")
        self.check(not changed, f"{len(changed)} blocks of the stick were written")

    def gives_up(self, words):
        """A system in a disk image that opens a rescue shell: what is recorded, and the log that tells why."""
        s = DiskStick(self.work + "/stick.img", self.disk, second="esp")
        s.flags, s.segs, s.state = 0, [(s.extents[0][0], SIZE)], (STATE, tf.SIZE, BOOT)
        state = bytearray(tf.SIZE)
        tf.put_boot(state, BOOT, tf.machine(BOOT), tf.image(BOOT))
        with open(s.path, "r+b") as f:
            f.seek(STATE)
            f.write(state)
        self.boot(s, DM, words, S.Initrd(self.release, self.busybox).build(script=ROOT))
        with open(s.path, "rb") as f:
            f.seek(STATE)
            state = f.read(tf.SIZE)
        r, text = tf.read_linux(state, BOOT), tf.read_log(state, BOOT)
        self.check(r and {"shown", "rescue-shell", "log-saved"} <= set(r["stages"]), "recorded: " + str(r))
        self.check(text and "LABEL=nobody does not exist" in text, "the log: " + str(text)[-300:])
        return r

    def case_rescue_shell(self):
        r = self.gives_up("")
        self.check(r and "medium-mounted" not in r["stages"], str(r))

    def case_rescue_shell_with_a_partition_mounted(self):
        r = self.gives_up("t.mounted")
        self.check(r and "medium-mounted" in r["stages"] and r["mount"] == "/mnt" and re.fullmatch(r"loop\dp2", r["device"]), str(r))


# What is run without a name; each takes some twenty seconds. SHIM_ALL=1: all of them.
SHORT = "pieces_with_modules_and_overlay"


if __name__ == "__main__":
    sys.exit(S.run_cases(Tests, lambda name, names: name in names if names else S.ALL or name == SHORT))

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""How the shim shows the image, under a real kernel (as shim_boot.py), to initramfs that search in ways of their own: each init here does
in a few lines what one family of systems does. And the stick is safe from who writes to "the disk": sfdisk, wipefs and blockdev are
util-linux's, of this machine.

shim_show.py [-v] [NAME...]: cases by name, or by an expression ('fast.*' prints how fast the image is shown, per bus); without one the short
list, and with SHIM_ALL=1 every case.
"""
import os, re, shutil, sys

import shim_boot as sb
import shim_record as sr

# What else the buses need.
sb.MODULES += ["ahci", "nvme", "sdhci_pci", "mmc_block", "sr_mod"]

SHORT = ["safe", "fast_uas"]
LIMIT_MS = 500
# The machine's clock counts its instructions, 4 ns each: how long something takes does not depend on what else the host has to do.
OWN_CLOCK = ["-icount", "shift=2"]
TOOLS = ["/usr/sbin/sfdisk", "/usr/sbin/wipefs", "/usr/sbin/blockdev", "/usr/sbin/blkid"]

# What all inits begin with; `when FILE COMMAND` tries the command until it succeeds.
HEAD = r"""#!/bin/sh
mkdir -p /proc /sys /dev /mnt /new
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
export PATH=/real:/bin:/sbin
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^t\.$1=//p"; }
up() { cut -d. -f1 /proc/uptime; }
is_it() { mount -r -t iso9660 "$1" /mnt 2>/dev/null || return 1; [ -f /mnt/marker.txt ] && return 0; umount /mnt; return 1; }
leads() { for n; do stat -c '%n %t:%T' "/dev/$n" 2>/dev/null; done | tr '\n' ' '; }
told() { echo "T:found=$1 marker=$(cat /mnt/marker.txt) sum=$(md5sum </mnt/data.bin | cut -d' ' -f1)"; }
modprobe isofs
"""
USB = "for m in xhci_pci usb_storage uas sd_mod; do modprobe $m; done\n"
TAIL = "echo T:end\npoweroff -f\n"

# Whole disks, by their names in sysfs; nine times in 45 seconds, and then it gives up.
WHOLE = HEAD + USB + r"""
found=
for try in 1 2 3 4 5 6 7 8 9; do
	for d in /sys/block/hd* /sys/block/sr* /sys/block/scd* /sys/block/sd* /sys/block/nvme*; do
		[ -e "$d" ] || continue
		if [ -z "$found" ] && is_it "/dev/${d##*/}"; then found=${d##*/}; fi
	done
	[ -z "$found" ] || break
	sleep $try
done
told "$found"
echo "T:nodes=$(leads sda isopod-disk)"
""" + TAIL

# Optical drives, by the names of their nodes. t.late: a real drive gets its driver when the image is shown already.
OPTICAL = HEAD + USB + r"""
[ -n "$(word drive)" ] && modprobe ahci && modprobe sr_mod
found=
for try in 1 2 3 4 5 6 7 8 9 10; do
	for d in /dev/cdrom /dev/cdrom1 /dev/sr? /dev/scd?; do
		if [ -z "$found" ] && [ -b "$d" ] && is_it "$d"; then found=${d##*/}; fi
	done
	[ -z "$found" ] || break
	sleep 1
done
told "$found"
echo "T:nodes=$(leads sr0 sr1) $(readlink /dev/cdrom) $(readlink /dev/dvd) $(readlink /dev/cdrom1)"
if [ -n "$(word late)" ]; then
	umount /mnt; modprobe ahci; modprobe sr_mod
	until [ -e /sys/block/sr0 ]; do sleep 0.2; done
	sleep 2
	echo "T:late=$(leads sr0 sr1) $(readlink /dev/cdrom) $(readlink /dev/cdrom1)"
fi
if [ -n "$(word wait)" ]; then umount /mnt; mount -r -t iso9660 "/dev/$(word wait)" /mnt; sleep 14; echo "T:after=$(leads sr0) $(readlink /dev/cdrom)"; fi
""" + TAIL

# One pass by UUID: what is not there four seconds after the disk is, is never found.
UUID = HEAD + USB + r"""
until [ -b /dev/sda ]; do sleep 0.05; done
until [ -n "$found" ] || [ $(($(up) - ${begun:=$(up)})) -ge 4 ]; do
	found=$(blkid -c /dev/null -o device -t "UUID=$(word uuid)" | sort | tail -n 1)
	[ -n "$found" ] || sleep 0.1
done
is_it "${found:-none}"
told "${found##*/}"
""" + TAIL

# A program for each kernel event: the device of the event is looked at, and nothing else.
UEVENTS = HEAD + r"""
cat >/handler <<'END'
#!/bin/sh
[ "$ACTION/$SUBSYSTEM" = add/block ] && [ ! -e /medium ] || exit 0
mount -r -t iso9660 "/dev/$DEVNAME" /mnt 2>/dev/null || exit 0
[ -f /mnt/marker.txt ] && echo "$DEVNAME" >/medium || umount /mnt
END
chmod 755 /handler
uevent /handler &
""" + USB + r"""
for i in 1 2 3 4 5 6; do [ -e /medium ] && break; sleep 1; done
told "$(cat /medium)"
""" + TAIL

# By label; then whoever has no "@" in front of its name is killed, and the root changed.
KILLER = HEAD + USB + r"""
end=$(($(up) + 20))
until dev=$(blkid -c /dev/null -o device -t LABEL=SHIMTEST | sort | tail -n 1); [ -n "$dev" ] || [ "$(up)" -ge "$end" ]; do sleep 0.3; done
is_it "$dev"
told "${dev##*/}"
for p in /proc/[0-9]*; do
	n=${p#/proc/}
	[ "$n" -gt 1 ] && [ "$n" != $$ ] && [ -n "$(cat $p/cmdline 2>/dev/null)" ] || continue
	case $(tr '\0' ' ' <$p/cmdline) in @*) ;; *) kill -9 "$n" ;; esac
done
sleep 2
mount -t tmpfs tmpfs /new; mkdir -p /new/bin /new/proc /new/mnt /new/dev; cp /bin/busybox /new/bin; ln -s busybox /new/bin/sh
cat >/new/next <<'END'
#!/bin/busybox sh
busybox mount -t proc proc /proc; busybox mount -t devtmpfs dev /dev; busybox sleep 3
busybox stat -c 'T:nodes=%n %t:%T' /dev/sda
echo T:end; busybox poweroff -f
END
chmod 755 /new/next; umount /proc /sys /dev
exec switch_root /new /next
"""

# Who writes to "the disk". First as casper does: from the medium's partition to its disk, by sysfs, and a partition more by sfdisk on the
# node of that name. Then as installers and growpart do with the first disk; then the same on a node made from the numbers in sysfs;
# then with the partition table read anew.
WRITERS = HEAD + USB + r"""
until is_it /dev/sda1; do sleep 0.2; done
told sda1
disk=$(basename "$(readlink -f /sys/class/block/sda1/..)")
wipe() {
	printf 'label: gpt\n,,L\n' | sfdisk -q --force --no-reread --wipe always "$1"; echo "T:$2_table=$?"
	wipefs -a -f "$1"; echo "T:$2_wipefs=$?"
	dd if=/bin/busybox of="$1" bs=64k count=40 conv=fsync; echo "T:$2_dd=$?"
	dd if=/bin/busybox of="$1" bs=64k seek=16 count=40 conv=fsync; echo "T:$2_image=$?"
}
sleep "$(word sleep)"
printf ',,L\n' | sfdisk -q -a --force --no-reread "/dev/$disk"; echo "T:append=$?"
first=$(ls /sys/block | grep '^sd' | head -n 1)
echo "T:first=$first ro=$(cat /sys/block/$first/ro)"
wipe "/dev/$first" first
mknod /mine b $(tr : ' ' <"/sys/block/$first/dev"); wipe /mine mine
umount /mnt
blockdev --rereadpt /mine; echo "T:reread=$? $(cat /sys/block/sda/sda1/size)"
wipe /dev/sda1 anew
mount -t tmpfs none /dev; mdev -s; sleep 3; echo "T:nodes=$(leads sda isopod-disk)"
sync
""" + TAIL


# Each bus's driver, then the disk.
FAST = HEAD + "for m in xhci_pci usb_storage uas ahci nvme sdhci_pci sd_mod mmc_block; do modprobe $m; done\n" + r"""
until is_it /dev/sda || is_it /dev/nvme0n1 || is_it /dev/mmcblk0; do sleep 0.1; done
told it
""" + TAIL

# Two of one identity: neither may be taken.
TWO = HEAD + "for m in sd_mod mmc_block xhci_pci usb_storage uas ahci nvme; do modprobe $m; done\nsleep 6\n" + TAIL


class Tests(sr.Tests):
    def __init__(self, work):
        super().__init__(work)
        self.tools()

    def tools(self):
        """util-linux's own programs, with their libraries, at the places where these are looked for."""
        libs = set()
        for t in TOOLS:
            libs.update(re.findall(r"(?:=> |^\s+)(/\S+)", sb.run("ldd", t).decode(), re.M))
        dirs = {"real", "usr/bin"} | {d for lib in libs for d in self.parents(lib[1:])}
        self.base.members += [sb.cpio_member(d, sb.DIR, nlink=2) for d in sorted(dirs)]
        for path, name in [(t, "real/" + os.path.basename(t)) for t in TOOLS] + [(lib, lib[1:]) for lib in sorted(libs)]:
            self.base.members.append(sb.cpio_member(name, sb.EXEC, open(path, "rb").read()))

    @staticmethod
    def parents(path):
        parts = path.split("/")[:-1]
        return {"/".join(parts[:i + 1]) for i in range(len(parts))}

    def run(self, script, sticks, words="", seconds=120):
        initrd = self.saved(sb.compress(self.base.build(script=script), "gzip"), sticks[0])
        self.log = sb.Machine(self.work, self.kernel, initrd, sticks, words).finish(seconds)
        w = sb.words_of(self.log)
        self.check("end" in w, "the init did not end")
        return w

    def found(self, w, name):
        self.check(w.get("found") == f"{name} marker={self.token} sum={self.sum}", "found: " + w.get("found", "nothing"))

    # --- searches -----------------------------------------------------------------------------------------------
    def case_whole_disk(self):
        w = self.run(WHOLE, [self.stick(second="esp")])
        self.found(w, "sda")
        self.check(w.get("nodes") == "/dev/sda 8:1 /dev/isopod-disk 8:0 ", "nodes: " + w.get("nodes", "none"))

    def case_whole_disk_device_mapper(self):
        self.found(self.run(WHOLE, [self.stick(fs="fat32", pieces=5)]), "sda")

    def optical(self, words="", **kw):
        """The image by the names of a drive; `drive`: there is a real one, with another disc."""
        s = self.stick(**kw)
        if "drive" in words or "late" in words:
            other = self.work + "/other.iso"
            os.makedirs(self.work + "/other", exist_ok=True)
            sb.run("xorriso", "-as", "mkisofs", "-quiet", "-V", "OTHER", "-o", other, self.work + "/other")
            s.beside = ["-drive", f"if=none,id=cd,media=cdrom,readonly=on,format=raw,file={other}", "-device", "ahci,id=cdb",
                        "-device", "ide-cd,drive=cd,bus=cdb.0"]
        return self.run(OPTICAL, [s], words)

    def case_optical(self):
        w = self.optical()
        self.found(w, "cdrom")
        self.check(w.get("nodes", "").split() == ["/dev/sr0", "8:1", "sr0", "sr0"], "nodes: " + w.get("nodes", "none"))

    def case_optical_device_mapper(self):
        self.found(self.optical(fs="fat32", pieces=5), "cdrom")

    def case_optical_beside_drive(self):
        w = self.optical("t.drive=1")
        self.found(w, "cdrom1")
        self.check(w.get("nodes") == "/dev/sr0 b:0 /dev/sr1 8:1    sr1", "nodes: " + w.get("nodes", "none"))

    def case_optical_late_drive(self):
        w = self.optical("t.late=1")
        self.found(w, "cdrom")
        self.check(w.get("late") == "/dev/sr0 b:0 /dev/sr1 8:1   sr1", "a drive that came late: " + w.get("late", "none"))

    def case_optical_names_go(self):
        """Only where the medium is mounted by another name, when the watcher ends."""
        self.check(self.optical("t.wait=sda1").get("after", "?").split() == [], "names that stayed")
        self.check(self.optical("t.wait=sr0").get("after", "").split() == ["/dev/sr0", "8:1", "sr0"], "names in use that went")

    def case_uuid_four_seconds(self):
        d = self.iso[32768 + 830:32768 + 846].decode()  # ECMA-119 8.4.27: when the volume was modified; blkid makes the UUID of it
        uuid = "-".join([d[:4], *(d[i:i + 2] for i in range(4, 16, 2))])
        s = self.stick()
        s.bus = "uas"
        w = self.run(UUID, [s], f"t.uuid={uuid}")
        self.found(w, w.get("found", "").split(" ")[0])

    def case_uevents(self):
        w = self.run(UEVENTS, [self.stick()])
        # the disk's event may be looked at when the disk's name shows the image already
        self.found(w, w["found"].split(" ")[0] if re.match("sda1? ", w.get("found", "")) else "sda1")

    def case_killer(self):
        s = self.recording()
        w = self.run(KILLER, [s])
        self.found(w, w.get("found", "").split(" ")[0])
        self.check(w.get("nodes") == "/dev/sda 8:1", "in the new root: " + w.get("nodes", "none"))
        r = sr.tf.read_linux(self.after(s), sr.BOOT)
        self.check(r and r["stages"][-1] == "root-switched", "the watcher was killed: " + str(r))

    # --- how fast -----------------------------------------------------------------------------------------------
    def shown_after_ms(self, bus, more=()):
        """From the kernel's line with the disk's partitions to the shim's."""
        s = self.stick(size=128 * sb.MIB)
        s.bus, s.beside = bus, OWN_CLOCK
        self.found(self.run(FAST, [s, *more]), "it")
        came = re.search(r"^\[ *([\d.]+)\]  (?:sda|nvme0n1|mmcblk0): \S", self.log, re.M)
        shown = re.search(r"^\[ *([\d.]+)\] isopod: \S+ now shows", self.log, re.M)
        return (float(shown[1]) - float(came[1])) * 1000 if came and shown else None

    def fast(self, bus):
        ms = self.shown_after_ms(bus)
        print(f"{bus:12} shown {'never' if ms is None else '%.0f ms' % ms} after the disk appeared", flush=True)
        self.check(ms is not None and ms <= LIMIT_MS, f"shown after {ms} ms")

    def case_fast_usb_storage(self):
        self.fast("usb-storage")

    def case_fast_uas(self):
        self.fast("uas")

    def case_fast_ahci(self):
        self.fast("ahci")

    def case_fast_nvme(self):
        self.fast("nvme")

    def case_fast_sd(self):
        self.fast("sd")

    def two(self, bus):
        a = self.stick()
        b = sb.Stick.__new__(sb.Stick)
        b.path, b.sector = self.work + "/clone.img", 512
        shutil.copyfile(a.path, b.path)
        a.bus, b.bus = bus.split("+")
        self.run(TWO, [a, b])
        self.check("are both the stick" in self.log, "the second is not told")
        self.check("now shows" not in self.log, "one was taken by guess")

    def case_two_uas(self):
        self.two("uas+uas")

    def case_two_ahci(self):
        self.two("ahci+ahci")

    def case_two_nvme(self):
        self.two("nvme+nvme")

    def case_two_mixed(self):
        self.two("uas+usb-storage")

    # --- the stick is safe --------------------------------------------------------------------------------------
    def unharmed(self, **kw):
        """The flight recorder writes, and nobody else."""
        s = self.recording(size=256 * sb.MIB, **kw)
        w = self.run(WRITERS, [s], "t.sleep=2")
        self.found(w, "sda1")
        r = sr.tf.read_linux(self.after(s), sr.BOOT)
        self.check(r and "shown" in r["stages"] and "medium-mounted" in r["stages"], "the record: " + str(r))
        self.check(w.get("first") == "sda ro=1", "the first disk: " + w.get("first", "none"))
        for what in ["append"] + [f"{a}_{b}" for a in ("first", "mine", "anew") for b in ("table", "wipefs", "dd", "image")]:
            self.check(w.get(what, "0") != "0", f"{what}: status {w.get(what)}")
        return w

    def case_safe(self):
        w = self.unharmed()
        self.check(w.get("reread") == "0 131072", "the table was not read anew: " + w.get("reread", "?"))
        self.check(w.get("nodes") == "/dev/sda 8:1 /dev/isopod-disk 8:0 ", "after mdev: " + w.get("nodes", "none"))

    def case_safe_pieces(self):
        self.unharmed(fs="fat32", pieces=5)


if __name__ == "__main__":
    sys.exit(sb.run_cases(Tests, lambda name, names: any(re.fullmatch(n, name) for n in names or ([".*"] if sb.ALL else SHORT))))

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""How the shim shows the image, under a real kernel (as shim_boot.py), to initramfs that search in ways of their own: each init here does
in a few lines what one family of systems does. And the stick is safe from who writes to "the disk": sfdisk, wipefs and blockdev are
util-linux's, of this machine.

shim_show.py [-v] [NAME...]; with SHIM_ALL=1 the slow cases as well. `shim_show.py --table` prints how fast the image is shown, per bus.
"""
import os, re, shutil, subprocess, sys, tempfile, time

import shim_boot as sb
import shim_record as sr

SLOW = {"whole_disk_device_mapper", "safe_pieces"}
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


def main():
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="isopod-shim-") as work:
        t = Tests(work)
        for name in [n[5:] for n in vars(Tests) if n.startswith("case_")]:
            if name not in names if names else name in SLOW and not sb.ALL:
                continue
            t.bad, start = [], time.monotonic()
            try:
                getattr(t, "case_" + name)()
            except Exception as e:  # a case that cannot be carried out has failed
                t.bad.append(f"{type(e).__name__}: {e}")
            passed, failed = passed + (not t.bad), failed + bool(t.bad)
            print(("FAILED %s (%.0f s): " if t.bad else "ok %s (%.0f s)") % (name, time.monotonic() - start) + "; ".join(t.bad), flush=True)
            if (t.bad or sb.VERBOSE) and os.path.exists(work + "/serial.log"):
                log = open(work + "/serial.log", errors="replace").read().splitlines()
                print("\n".join(log if sb.VERBOSE else log[-25:]), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

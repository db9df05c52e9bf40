#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A kernel that has no initramfs and mounts its root by itself, but for the shim's two archives: Debian's, its drivers brought as modules beside
the record. The image is a disk whose partition 2 is the root.

shim_root.py [CASE...]
"""
import os, shutil, sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import shim_boot as S
import shim_disk as D
import trace_format as tf

MIB = 1 << 20
SIGNATURE, GUID = 0xC0FFEE01, "6F0D5DC4-12B5-4E1A-9A0B-3C5D7E9F1A2B"
ROOT, MORE = (2 * MIB, 12 * MIB), (16 * MIB, 4 * MIB)
MODULES = ["xhci_pci", "usb_storage", "sd_mod", "loop", "squashfs", "crc32c_generic", "ext4"]

INIT = r"""#!/bin/busybox sh
export PATH=/bin
exec >/dev/console 2>&1
mount -t proc proc /proc; mount -t sysfs sysfs /sys
echo "T:init=$0 $* pid=$$ key=$key"
echo "T:root=$(awk '$2 == "/" && $1 != "rootfs"' /proc/mounts | tail -n 1)"
echo "T:device=$(basename $(readlink /sys/dev/block/$(stat -c %d / | { read d; echo $((d >> 8)):$((d & 255)); })))"
echo "T:dev=$(awk '$2 == "/dev" { print $3 }' /proc/mounts) $(ls /dev/root 2>&1)"
echo "T:cwd=$(pwd) $(ls / | tr '\n' ' ')"
echo hello >/dev/loop0p3 && sync && echo 3 >/proc/sys/vm/drop_caches
echo "T:wrote=$(dd if=/dev/loop0p3 bs=6 count=1 2>/dev/null)"
echo "T:file=$(echo x >/new 2>&1; ls /new 2>&1)"
for i in $(seq 20); do ps | grep -q '[i]sopod' || break; sleep 1; done
echo "T:procs=$(ps | grep -c '[i]sopod') zombies=$(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l)"
echo "T:end"
poweroff -f
"""


class Tests(D.Tests):
    def __init__(self, work):
        self.work, self.bad = work, []
        S.MODULES[:] = MODULES
        self.kernel, self.release, self.busybox = S.fetch_kernel()
        self.shim = open(S.B + "/stick/SHIMX64", "rb").read()
        self.base = S.module_files(self.release)[0]
        self.tree = work + "/tree"
        for d in ("bin", "sbin", "dev", "proc", "sys", "odd"):
            os.makedirs(f"{self.tree}/{d}")
        shutil.copy(self.busybox, self.tree + "/bin/busybox")
        for name in S.run(self.busybox, "--list").decode().split():
            if name != "busybox":
                os.symlink("busybox", f"{self.tree}/bin/{name}")
        os.unlink(self.tree + "/bin/init")
        for name in ("sbin/init", "odd/first"):
            with open(f"{self.tree}/{name}", "w") as f:
                f.write(INIT)
            os.chmod(f"{self.tree}/{name}", 0o755)
        self.modules_there = self.all_modules()

    def all_modules(self):
        """What MODULES need before themselves."""
        deps, order = {}, []
        for line in open(self.base + "/modules.dep"):
            path, _, rest = line.partition(":")
            deps[path] = rest.split()
        by_name = {os.path.basename(p).split(".")[0].replace("-", "_"): p for p in deps}
        for name in MODULES:
            for path in deps[by_name[name]][::-1] + [by_name[name]]:
                if path not in order:
                    order.append(path)
        return S.cpio([S.cpio_member("isopod", S.DIR, nlink=2)] + [
            S.cpio_member(f"isopod/m{i}-{self.release}", S.FILE, open(f"{self.base}/{p}", "rb").read()) for i, p in enumerate(order)])

    def make(self, fs, label):
        path, volume = self.work + "/root.img", self.work + "/root.vol"
        for p in (path, volume):
            if os.path.exists(p):
                os.unlink(p)
        if fs == "squashfs":
            S.run("mksquashfs", self.tree, volume, "-all-root", "-no-progress", "-noappend")
        else:
            S.run("/sbin/mke2fs", "-q", "-t", fs, "-d", self.tree, volume, "12m")
        with open(path, "wb") as f:
            f.truncate(D.SIZE)
        ids = f"label-id: 0x{SIGNATURE:08x}\n" if label == "dos" else ""
        mine = f", uuid={GUID}, name=\"the root\"" if label == "gpt" else ""
        table = f"label: {label}\n{ids}" + "".join(f"{path}{n} : start={s // 512}, size={z // 512}, type=L{mine if n == 2 else ''}\n"
                                                for n, (s, z) in ((2, ROOT), (3, MORE)))
        S.run("/sbin/sfdisk", "-q", path, input=table.encode())
        with open(volume, "rb") as v, open(path, "r+b") as f:
            f.seek(ROOT[0])
            f.write(v.read())
        return open(path, "rb").read()

    def boot(self, words, fs="squashfs", label="dos", spread=False, flags=0, until=None, state=None):
        self.disk = self.make(fs, label)
        s = self.stick(flags, spread)
        if state:
            s.state = (D.STATE, tf.SIZE, D.BOOT)
            with open(s.path, "r+b") as f:
                f.seek(D.STATE)
                f.write(state)
        before = open(s.path, "rb").read()
        m = S.Machine(self.work, self.kernel, self.modules_there + S.post_archive(self.shim, s.record()), [s], words)
        if until:
            m.wait_for(until, 100)
            m.p.kill()
        log = m.finish(120)
        after = open(s.path, "rb").read()
        changed = [i for i in range(0, len(before), 4096) if before[i:i + 4096] != after[i:i + 4096]]
        return S.words_of(log), log, changed

    def good(self, w, mounted, init="/sbin/init"):
        self.check(w.get("init") == f"{init} plainword pid=1 key=value", "init: " + w.get("init", "none"))
        self.check(w.get("root", "").startswith("/dev/root / " + mounted), "root: " + w.get("root", "none"))
        self.check(w.get("device") == "loop0p2", "device: " + w.get("device", "none"))
        self.check(w.get("dev") == "devtmpfs ls: /dev/root: No such file or directory", "/dev: " + w.get("dev", "none"))
        self.check(w.get("cwd", "").startswith("/ bin dev "), "folder: " + w.get("cwd", "none"))
        self.check(w.get("procs") == "0 zombies=0" or w.get("procs") == "0 zombies=1", "left: " + w.get("procs", "none"))
        self.check("end" in w, "it did not come to its end")

    def case_mbr_partuuid(self):
        w, log, changed = self.boot(f"root=PARTUUID={SIGNATURE:08x}-02 rootfstype=squashfs rootwait rw", spread=True)
        self.good(w, "squashfs ro")
        self.check(w.get("wrote") == "hello" and "a copy in memory is shown" in log, "written to the disk: " + w.get("wrote", "none"))
        self.check(not changed, f"{len(changed)} blocks of the stick were written")

    def case_gpt_offset_and_init(self):
        w, log, changed = self.boot(f"root=PARTUUID={GUID}/PARTNROFF=0 ro rw init=/odd/first plainword", "ext4", "gpt", flags=D.WRITE)
        self.good(w, "ext4 rw", "/odd/first")
        self.check(w.get("wrote") == "hello" and w.get("file") == "/new", "written: %s" % w)
        self.check(changed, "nothing was written")

    def case_name(self):
        w, log, changed = self.boot("root=/dev/vda2", "ext4")
        self.good(w, "ext4 ro")

    def case_ia32_shim(self):
        self.shim = open(S.B + "/stick/SHIMIA32", "rb").read()
        w, log, changed = self.boot("root=0802 rw", "ext4", spread=True)
        self.shim = open(S.B + "/stick/SHIMX64", "rb").read()
        self.good(w, "ext4 rw")
        self.check(w.get("wrote") == "hello" and w.get("file") == "/new" and not changed, "written: %s" % w)

    def case_label(self):
        w, log, changed = self.boot('root="PARTLABEL=the root"', "ext4", "gpt")
        self.good(w, "ext4 ro")

    def case_recorded(self):
        state = bytearray(tf.SIZE)
        tf.put_boot(state, D.BOOT, tf.machine(D.BOOT), tf.image(D.BOOT))
        w, log, changed = self.boot("root=/dev/sda2", spread=True, state=state)
        self.good(w, "squashfs ro")
        with open(self.work + "/stick.img", "rb") as f:
            f.seek(D.STATE)
            r = tf.read_linux(f.read(tf.SIZE), D.BOOT)
        self.check(r and {"shown", "root-switched"} <= set(r["stages"]), "recorded: " + str(r))
        self.check(all(D.STATE <= c < D.STATE + tf.SIZE for c in changed), "written elsewhere: %s" % changed[:3])

    def case_no_root(self):
        w, log, changed = self.boot("")
        self.check("isopod: no init found in the initramfs, and the kernel's command line has no root=" in log and "Kernel panic" in log, "no message")
        self.says("root=UUID=1234", "isopod: root=UUID=1234: without an initramfs of its own")

    def says(self, words, text):
        w, log, changed = self.boot(words, until=text)
        self.check(text in log and "Kernel panic" not in log, "no message")

    def case_wrong_type(self):
        self.says("root=/dev/sda2 rootfstype=ext4,vfat", "isopod: loop0p2, the root, cannot be mounted as ext4,vfat: error ")


SHORT = "mbr_partuuid"


if __name__ == "__main__":
    sys.exit(S.run_cases(Tests, lambda name, names: name in names if names else S.ALL or name in SHORT))

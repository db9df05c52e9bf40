#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The shim's part of the flight recorder under a real kernel (as shim_boot.py): what it writes into the state file, and what it
leaves alone. The records are read by trace_format.py, which shares no code with the shim.

shim_record.py [-v] [NAME...]; with SHIM_ALL=1 the slow cases as well.
"""
import sys

import shim_boot as sb
import trace_format as tf

SLOW = {"not_mounted"}
STATE, BOOT = 70 * sb.MIB, 41

# What a distribution's initramfs does, in a few lines: find, mount, change the root; or give up and open a shell.
INIT = r"""#!/bin/sh
mkdir -p /proc /sys /dev /mnt /new
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for m in xhci_pci usb_storage uas sd_mod isofs vfat nls_ascii; do modprobe $m; done
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^t\.$1=//p"; }
if [ -n "$(word mount)" ]; then
	until mount -r -t iso9660 /dev/sda1 /mnt 2>/dev/null; do sleep 0.3; done
	echo "T:mounted $(cat /mnt/marker.txt)"
fi
gone=$(word gone)
case $(word then) in
switch)
	sleep 3
	mount -t tmpfs tmpfs /new; mkdir -p /new/bin /new/proc /new/mnt; cp /bin/busybox /new/bin; ln -s busybox /new/bin/sh
	cat >/new/next <<'END'
#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox sleep 4
echo "T:after procs=$(busybox ps | busybox grep -c [i]sopod) mounts=$(busybox grep -c isopod /proc/mounts)"
busybox poweroff -f
END
	chmod 755 /new/next
	mount --move /mnt /new/mnt
	umount /sys /dev; umount /proc
	[ -z "$gone" ] || rm -rf /isopod # what systemd does of itself a moment after the change
	exec switch_root /new /next ;;
service) # a system that lives in its initramfs
	printf 'sleep 17\npoweroff -f\n' >/service
	exec /bin/busybox sh /service ;;
shell)
	echo "pod: no such label here" >/dev/kmsg
	setsid sh -c 'PS1="(initramfs) " sh -i' </dev/console >/dev/console 2>&1 & ;;
esac
echo T:waiting
sleep "$(word sleep)"
echo "T:end state=$(ps | grep -c '[i]sopod')"
poweroff -f
"""


class Tests(sb.Tests):
    def recording(self, number=BOOT, name="stick", **kw):
        """A stick whose state file lies inside its boot partition, and holds `number` as the current boot, among others."""
        s = self.stick(name, second="esp", **kw)
        s.state = (STATE, tf.SIZE, BOOT)
        state = bytearray(tf.SIZE)
        for n in range(BOOT - 5, BOOT):
            tf.put_boot(state, n, tf.machine(n), tf.linux(n, 3, 5, [("shim-started", 0, 0)]), tf.linux(n, 4, 9, [("shim-started", 0, 0)]))
        if number:
            tf.put_boot(state, number, tf.machine(number), tf.image(number))
        with open(s.path, "r+b") as f:
            f.seek(STATE)
            f.write(state)
        self.before = self.disk(s)
        return s

    def disk(self, s):
        with open(s.path, "rb") as f:
            return f.read()

    def start(self, s, words, drive=""):
        initrd = self.saved(sb.compress(self.base.build(script=INIT), "gzip"), s)
        s.drive = drive
        return sb.Machine(self.work, self.kernel, initrd, [s], words)

    def after(self, s, log=False):
        """The state file as it is now; nothing but this boot's own places may have changed on the whole disk."""
        now = self.disk(s)
        own = [(STATE + tf.slot(BOOT) + 4 * tf.SECTOR, 2 * tf.SECTOR)]
        if log:
            own.append((STATE + tf.log_slot(BOOT), tf.LOG_SIZE))
        a, b = bytearray(self.before), bytearray(now)
        for at, length in own:
            a[at:at + length] = b[at:at + length] = bytes(length)
        where = [i for i in range(0, len(a), tf.SECTOR) if a[i:i + tf.SECTOR] != b[i:i + tf.SECTOR]]
        self.check(not where, "sectors outside this boot's own changed: %s" % [hex(w - STATE) for w in where[:8]])
        return now[STATE:STATE + tf.SIZE]

    def case_root_switched(self):
        s = self.recording()
        log = self.start(s, "t.mount=1 t.then=switch t.sleep=0").finish()
        self.check("T:after procs=0 mounts=0" in log, "something stays in the new root: " + log[-200:])
        r = tf.read_linux(self.after(s), BOOT)
        self.check(r, "no record")
        if r:
            self.check(r["stages"] == ["shim-started", "init-executed", "stick-found", "shown", "medium-mounted", "root-switched"], str(r["stages"]))
            self.check((r["disk"], r["device"], r["fs"], r["mount"]) == ("sda", "sda1", "iso9660", "/mnt"), str(r))
            self.check(r["usb"] == 5000000 and r["memory"] > 200000 and r["release"].startswith(("5.", "6.")), str(r))
            times = [e[1] for e in r["events"].values()]
            self.check(times == sorted(times) and times[-1] < 120000, "times: " + str(times))
            self.check(r["log"] == 0, "a log was saved though all went well")

    def case_view_is_gone(self):
        """The folder under the private mounts is removed before the watcher looks again: the kernel detaches them."""
        s = self.recording()
        log = self.start(s, "t.mount=1 t.then=switch t.sleep=0 t.gone=1").finish()
        self.check("T:after procs=0 mounts=0" in log, "something stays in the new root: " + log[-200:])
        r = tf.read_linux(self.after(s), BOOT)
        self.check(r and r["stages"][-1] == "root-switched", str(r))

    def case_rescue_shell(self):
        s = self.recording()
        self.start(s, "t.then=shell t.sleep=25").finish()
        state = self.after(s, log=True)
        r, text = tf.read_linux(state, BOOT), tf.read_log(state, BOOT)
        self.check(r and "rescue-shell" in r["stages"] and "log-saved" in r["stages"] and "medium-mounted" not in r["stages"], str(r))
        self.check(text and "pod: no such label here" in text and "isopod: sda1 now shows" in text, "the log: " + str(text)[-300:])
        self.check(r and text and r["log"] == len(text.encode()), "length of the log")

    def case_ia32_rescue_shell(self):
        self.shim, keep = open(sb.B + "/stick/SHIMIA32", "rb").read(), self.shim
        try:
            self.case_rescue_shell()
        finally:
            self.shim = keep

    def case_ordinary_shell(self):
        """Shells at hand, as in the Debian Installer: no rescue shell, no record of one."""
        s = self.recording()
        script = INIT.replace("shell)", "plain)\n\tsh </dev/console >/dev/console 2>&1 &\n\t(exec -a -/bin/sh sh) </dev/console & ;;\nshell)")
        initrd = self.saved(sb.compress(self.base.build(script=script), "gzip"), s)
        sb.Machine(self.work, self.kernel, initrd, [s], "t.mount=1 t.then=plain t.sleep=12").finish()
        r = tf.read_linux(self.after(s), BOOT)
        self.check(r and r["stages"][-1] == "medium-mounted", str(r))

    def case_lives_in_initrd(self):
        """/init goes on to something of its own, with the root as it was: told, and no log is saved for it."""
        s = self.recording()
        self.start(s, "t.mount=1 t.then=service t.sleep=0").finish()
        r = tf.read_linux(self.after(s), BOOT)
        self.check(r and r["stages"][-1] == "lives-in-initrd" and not r["log"], str(r))

    def case_slot_of_another_boot(self):
        for number in (None, BOOT + tf.BOOTS):
            s = self.recording(number)
            log = self.start(s, "t.mount=1 t.sleep=5").finish()
            self.check("T:mounted" in log, "the image was not shown")
            self.check(self.disk(s) == self.before, "something was written")

    def case_write_protected(self):
        s = self.recording()
        log = self.start(s, "t.mount=1 t.sleep=5", drive=",readonly=on").finish()
        self.check("T:mounted" in log, "the image was not shown")
        self.check("isopod" not in "".join(l for l in log.splitlines() if "rror" in l), "it complains")

    def case_large_sectors(self):
        s = self.recording(sector=4096)
        self.start(s, "t.then=shell t.sleep=25").finish()
        r = tf.read_linux(self.after(s, log=True), BOOT)
        self.check(r and "rescue-shell" in r["stages"], str(r))

    def case_not_mounted(self):
        s = self.recording()
        self.start(s, "t.sleep=110").finish(200)
        state = self.after(s, log=True)
        r = tf.read_linux(state, BOOT)
        self.check(r and r["stages"][-1] == "log-saved" and r["events"]["log-saved"][1] - r["events"]["shown"][1] >= 90000, str(r))
        self.check("isopod: sda1 now shows" in (tf.read_log(state, BOOT) or ""), "the log")


if __name__ == "__main__":
    sys.exit(sb.run_cases(Tests, lambda name, names: name in names if names else sb.ALL or name not in SLOW))

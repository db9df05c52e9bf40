#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The shim under a real live system: the Debian Live ISO of tests/media on a stick, started directly by QEMU, in one piece on exFAT (and
the stick's own files reached by the command that the log tells, read and write, beside the mounted image), and in seven on FAT32.

shim_live.py [one_piece|seven_pieces]
"""
import os, re, socket, struct, subprocess, sys, tempfile, time
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import shim_boot as S

ISO = os.path.expanduser("~/.cache/isopod/media/live.iso")
LOGIN_SECONDS = 420
SHORT = 60


class Console:
    """A live system with its serial console on a socket."""

    def __init__(self, work, stick, shim):
        for name in ("vmlinuz", "initrd.img"):
            S.run("xorriso", "-osirrox", "on", "-indev", ISO, "-extract", "/live/" + name, f"{work}/{name}")
            os.chmod(f"{work}/{name}", 0o644)
        with open(work + "/initrd", "wb") as f:
            f.write(S.pad(open(work + "/initrd.img", "rb").read()) + S.post_archive(shim, stick.record()))
        path = work + "/serial"
        if os.path.exists(path):
            os.unlink(path)
        self.p = subprocess.Popen(["qemu-system-x86_64", "-accel", "tcg", "-machine", "q35", "-cpu", "max", "-m", "1024", "-display", "none", "-nodefaults",
                                   "-no-reboot", "-serial", f"unix:{path},server=on,wait=on", "-kernel", work + "/vmlinuz", "-initrd", work + "/initrd",
                                   "-append", "no_timer_check boot=live noeject console=ttyS0,115200 loglevel=4", "-device", "qemu-xhci", "-drive",
                                   f"if=none,id=d,format=raw,cache=unsafe,file={stick.path}", "-device", "usb-storage,drive=d"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.s, self.buf, self.log = socket.socket(socket.AF_UNIX), b"", b""
        self.s.settimeout(1)
        for _ in range(50):
            try:
                self.s.connect(path)
                break
            except OSError:
                time.sleep(0.2)

    def wait(self, text, seconds):
        """What came up to and with `text`, or None."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if text in self.buf:
                i = self.buf.index(text) + len(text)
                out, self.buf = self.buf[:i], self.buf[i:]
                return out.decode("utf-8", "replace")
            try:
                data = self.s.recv(65536)
            except TimeoutError:
                continue
            if not data:
                break
            self.buf += data
            self.log += data
        return None

    def login(self):
        if not self.wait(b"podlive login: ", LOGIN_SECONDS):
            return False
        self.s.send(b"root\r")
        self.wait(b"assword: ", SHORT)
        self.s.send(b"isopod\r")
        return bool(self.wait(b"# ", 2 * SHORT))

    def run(self, command):
        self.s.send(command.encode() + b"; echo END$((1+1))\r")
        return (self.wait(b"END2\r\n", 3 * SHORT) or "(no answer)").split("\n", 1)[-1]

    def close(self):
        self.p.kill()
        self.p.wait()


def stick_of(work, data, fs):
    s = S.Stick.__new__(S.Stick)
    s.path, s.iso, s.signature, s.sector, s.gpt, s.second = work + "/stick.img", data, S.SIGNATURE, 512, False, None
    s.part = (S.MIB, 800 * S.MIB)
    volume = work + "/volume"
    with open(volume, "wb") as f:
        f.truncate(s.part[1])
    if fs == "exfat":
        S.run("/usr/sbin/mkfs.exfat", "-L", "DATA", volume)
        # Small files land in front of this.
        s.extents, at = [(500 * S.MIB, len(data))], 100
    else:
        S.run("/usr/sbin/mkfs.fat", "-F", "32", "-s", "4", "-n", "DATA", volume)
        at = 67
        s.extents = s.fill_fat(volume, 7, 4 * 512)
    with open(volume, "rb") as v, open(s.path, "wb") as f:
        s.serial = struct.unpack_from("<I", v.read(512), at)[0]
        f.write(s.mbr(True))
        f.seek(s.part[0])
        v.seek(0)
        while block := v.read(S.MIB):
            if block.count(0) != len(block):
                f.write(block)
            else:
                f.seek(len(block), 1)
        f.truncate(s.part[0] + s.part[1] + S.MIB)
        if fs == "exfat":
            f.seek(s.extents[0][0])
            f.write(data)
    return s


def one_piece(work, data, shim, check):
    s = stick_of(work, data, "exfat")
    c = Console(work, s, shim)
    if check(c.login(), "one piece: login"):
        tail = "mount -o loop,offset=%d,sizelimit=%d /dev/isopod-disk /mnt" % s.part
        check(tail in c.run("dmesg | grep isopod"), "the command is told")
        check("/dev/sda1 iso9660 ro" in c.run("findmnt -no SOURCE,FSTYPE,OPTIONS /run/live/medium"), "the medium is the partition")
        check("gone 0" in c.run("ls -d /isopod || echo gone $(ps ax | grep -c '[i]sopod')"), "nothing keeps running")
        # the device, that is: ISO 9660 itself is never written to
        check("ro=1 1" in c.run("echo ro=$(cat /sys/class/block/sda1/ro) $(cat /sys/class/block/sda/ro)"), "the partition and the disk are read-only")
        check("8:1" in c.run("stat -c %t:%T /dev/sda"), "the disk's node leads to the image")
        check("exfat (rw" in c.run("eval \"$(dmesg | sed -n \"s/.*stick's files: //p\")\" && mount | grep /mnt"), "the command works")
        check("hello" in c.run("echo hello >/mnt/from-live.txt && sync && cat /mnt/from-live.txt && umount /mnt"), "written and read")
        check("write-protected" in c.run("mount -o remount,rw /run/live/medium"), "the image is read-only")
    c.close()
    with open(s.path, "rb") as f, open(work + "/volume", "wb") as v:
        f.seek(s.part[0])
        v.write(f.read(s.part[1]))
        f.seek(s.extents[0][0])
        check(f.read(len(data)) == data, "the image is as it was")
    r = subprocess.run(["/usr/sbin/fsck.exfat", "-n", work + "/volume"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(r.returncode == 0 and b"clean. directories 1, files 1" in r.stdout, "fsck.exfat finds the new file and no fault")


def seven_pieces(work, data, shim, check):
    c = Console(work, stick_of(work, data, "fat32"), shim)
    if check(c.login(), "seven pieces: login"):
        check(re.search(r"dm-0 now shows .* in \d+ pieces", c.run("dmesg | grep isopod")), "by device-mapper")
    c.close()


def main():
    results = []

    def check(cond, what):
        results.append(bool(cond))
        if not cond:
            print("FAILED " + what, flush=True)
        return cond
    if not os.path.exists(ISO):
        print("skipped: no live.iso (make media)\n0 passed, 0 failed, 2 skipped")
        return 0
    data = open(ISO, "rb").read()
    shim = open(S.B + "/stick/SHIMX64", "rb").read()
    for case in [c for c in (one_piece, seven_pieces) if c.__name__ in (sys.argv[1:] or c.__name__)]:
        with tempfile.TemporaryDirectory(prefix="isopod-shim-") as work:
            case(work, data, shim, check)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: BSD-2-Clause
"""One QEMU machine for boot tests: start it, watch its serial port, type at it, ask it what it read.

    with VM("bios", "stick.img", bus="usb") as vm:
        vm.wait(r"podlive login:", 300)
        vm.type("root\n")

firmware  bios | uefi | uefi-ia32 | uefi-aa64 | uefi-secure (x64 with Secure Boot on; `variables` has the keys) | uboot-x64 | uboot-aa64
          (U-Boot's UEFI; a stick on virtio or SATA: this build of U-Boot has no driver for an xHCI)
bus       usb (xHCI mass storage) | uas (USB attached SCSI, EHCI; OVMF has no driver for it) | usb1 (mass storage on UHCI: 12 Mbit/s) |
          sata (AHCI disk) | nvme | virtio | cdrom (the image as a CD-ROM) | none
The image is opened with snapshot=on unless write=True: what the guest writes goes to a temporary file.

The serial port is a Unix socket; everything that comes is kept raw in `log`, and `text` is the same without ANSI sequences
and carriage returns. Only the standard library is used.
"""

import ctypes
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

OVMF = "/usr/share/OVMF"
UBOOT = "/usr/lib/u-boot"

# CSI, OSC, and two-byte escapes; then what is left of the control characters but newline and tab.
_ANSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]")
_CTRL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")

# Cursor movement to another place counts as a word boundary, so that a menu drawn by position does not run together.
_MOVE = re.compile(rb"\x1b\[[0-9;]*[HfABCD]")


class BootError(Exception):
    """The machine did not do what was waited for. str() is one line."""


class BootTimeout(BootError):
    """It was not there in time; nothing else was wrong."""


def _die_with_parent():
    """A killed test run leaves no machine behind: prctl(PR_SET_PDEATHSIG, SIGKILL)."""
    ctypes.CDLL(None, use_errno=True).prctl(1, 9)


def strip(raw):
    """Serial bytes -> text without terminal control."""
    raw = _MOVE.sub(b"\n", raw)
    raw = _ANSI.sub(b"", raw)
    raw = _CTRL.sub(b"", raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    return raw.decode("utf-8", "replace")


# QEMU key names (send-key) for characters.
_QCODE = {" ": "spc", "\n": "ret", "\t": "tab", "-": "minus", "=": "equal", ".": "dot", ",": "comma", "/": "slash",
          ";": "semicolon", "'": "apostrophe", "`": "grave_accent", "\\": "backslash", "[": "bracket_left", "]": "bracket_right",
          "\x1b": "esc", "\x08": "backspace"}
_SHIFTED = {"_": "minus", "+": "equal", ":": "semicolon", '"': "apostrophe", "?": "slash", "<": "comma", ">": "dot", "|": "backslash",
            "!": "1", "@": "2", "#": "3", "$": "4", "%": "5", "^": "6", "&": "7", "*": "8", "(": "9", ")": "0"}


def _qcodes(ch):
    if ch in _QCODE:
        return [_QCODE[ch]]
    if ch in _SHIFTED:
        return ["shift", _SHIFTED[ch]]
    if ch.isupper():
        return ["shift", ch.lower()]
    return [ch]


class VM:
    def __init__(self, firmware, image, bus="usb", memory=2048, extra=(), drives=(), write=False, work=None, log=None,
                 format="raw", variables=None):
        """drives: further disks as (path, bus, write). work: folder for sockets and variable stores (default: temporary).
        log: file that gets the raw serial bytes as they come. variables: a variable store to start from (uefi-secure)."""
        self.firmware = firmware
        self.image = image
        self.variables = variables
        self.log_path = log
        self._own_work = work is None
        self.work = work or tempfile.mkdtemp(prefix="isopod-vm.")
        os.makedirs(self.work, exist_ok=True)
        self._serial = bytearray()
        self._cond = threading.Condition()
        self._closed = False
        self._qmp_lock = threading.Lock()
        self._qmp_id = 0
        self._mark = 0
        self.poll = 0.05
        self.cpu_at_end = None
        self.started = time.monotonic()
        args = self._machine(memory)
        self._usb = 0
        args += ["-device", "qemu-xhci,id=xhci"] if firmware != "uefi-aa64" else ["-device", "qemu-xhci,id=xhci",
                                                                                 "-device", "usb-kbd,bus=xhci.0", "-device", "ramfb"]
        args += self._drive("stick", image, bus, write, format, 1)
        for n, (path, dbus, dwrite) in enumerate(drives):
            args += self._drive("disk%d" % n, path, dbus, dwrite, "raw", n + 2)
        args += list(extra)
        self._start(args)

    # --- the machine ---------------------------------------------------------------------------------------------
    def _machine(self, memory):
        common = ["-nodefaults", "-no-user-config", "-m", str(memory), "-accel", "tcg", "-display", "none", "-rtc", "base=utc"]
        if self.firmware == "bios":
            return ["qemu-system-x86_64", "-machine", "pc", "-cpu", "qemu64", "-vga", "std"] + common
        if self.firmware == "uefi":
            return ["qemu-system-x86_64", "-machine", "q35", "-cpu", "qemu64", "-vga", "std"] + common + self._pflash(
                OVMF + "/OVMF_CODE_4M.fd", OVMF + "/OVMF_VARS_4M.fd")
        if self.firmware in ("uefi-ia32", "uefi-secure"):
            flash = ((OVMF + "/OVMF32_CODE_4M.secboot.fd", OVMF + "/OVMF32_VARS_4M.fd") if self.firmware == "uefi-ia32"
                     else (OVMF + "/OVMF_CODE_4M.secboot.fd", self.variables))
            return ["qemu-system-x86_64", "-machine", "q35,smm=on", "-cpu", "qemu64", "-vga", "std", "-global",
                    "driver=cfi.pflash01,property=secure,value=on"] + common + self._pflash(*flash)
        if self.firmware == "uboot-x64":
            return ["qemu-system-x86_64", "-machine", "q35", "-cpu", "qemu64", "-vga", "std", "-bios", UBOOT + "/qemu-x86_64/u-boot.rom"] + common
        if self.firmware == "uboot-aa64":
            return ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57", "-bios", UBOOT + "/qemu_arm64/u-boot.bin"] + common
        if self.firmware == "uefi-aa64":
            return ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57"] + common + self._pflash(
                "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd")
        raise ValueError("firmware " + self.firmware)

    def _pflash(self, code, variables):
        own = os.path.join(self.work, "vars.fd")
        shutil.copyfile(variables, own)
        return ["-drive", "if=pflash,format=raw,unit=0,readonly=on,file=" + code,
                "-drive", "if=pflash,format=raw,unit=1,file=" + own]

    def _drive(self, ident, path, bus, write, fmt, order):
        if bus == "none":
            return []
        drive = "if=none,id=%s,format=%s,file=%s,cache=unsafe" % (ident, fmt, str(path).replace(",", ",,"))
        if bus == "cdrom":
            drive += ",media=cdrom,readonly=on"
            if self.firmware == "bios":
                dev = "ide-cd,drive=%s,bus=ide.1" % ident
            elif self.firmware == "uefi-aa64":
                return ["-drive", drive, "-device", "virtio-scsi-pci,id=scsi%d" % order,
                        "-device", "scsi-cd,drive=%s,bus=scsi%d.0,bootindex=%d" % (ident, order, order)]
            else:
                dev = "ide-cd,drive=%s,bus=ide.%d" % (ident, order)
            return ["-drive", drive, "-device", dev + ",bootindex=%d" % order]
        if not write:
            drive += ",snapshot=on"
        if bus == "usb":
            return ["-drive", drive, "-device", "usb-storage,bus=xhci.0,drive=%s,removable=on,serial=POD%d,bootindex=%d"
                    % (ident, order, order)]
        if bus == "usb1":
            return ["-device", "piix3-usb-uhci,id=uhci%d" % order, "-drive", drive, "-device",
                    "usb-storage,bus=uhci%d.0,drive=%s,removable=on,serial=POD%d,bootindex=%d" % (order, ident, order, order)]
        if bus == "uas":
            # At an EHCI: SeaBIOS drives none of USB 3, and fails at the ports of USB 2 of an xHCI.
            return ["-drive", drive, "-device", "usb-ehci,id=ehci%d" % order, "-device", "usb-uas,bus=ehci%d.0,id=uas%d" % (order, order),
                    "-device", "scsi-hd,bus=uas%d.0,drive=%s,serial=POD%d,bootindex=%d" % (order, ident, order, order)]
        if bus == "nvme":
            return ["-drive", drive, "-device", "nvme,drive=%s,serial=POD%d,bootindex=%d" % (ident, order, order)]
        if bus == "sata":
            args = ["-drive", drive]
            if self.firmware == "bios" or self.firmware == "uefi-aa64":
                args += ["-device", "ich9-ahci,id=ahci%d" % order]
                port = "ahci%d.0" % order
            else:
                port = "ide.%d" % order
            return args + ["-device", "ide-hd,drive=%s,bus=%s,bootindex=%d" % (ident, port, order)]
        if bus == "virtio":
            return ["-drive", drive, "-device", "virtio-blk-pci,drive=%s" % ident]
        raise ValueError("bus " + bus)

    def _start(self, args):
        serial = os.path.join(self.work, "serial.sock")
        qmp = os.path.join(self.work, "qmp.sock")
        for p in (serial, qmp):
            if os.path.exists(p):
                os.unlink(p)
        ls = socket.socket(socket.AF_UNIX)
        ls.bind(serial)
        ls.listen(1)
        lq = socket.socket(socket.AF_UNIX)
        lq.bind(qmp)
        lq.listen(1)
        args += ["-chardev", "socket,id=ser,path=" + serial, "-serial", "chardev:ser",
                 "-chardev", "socket,id=mon,path=" + qmp, "-mon", "chardev=mon,mode=control"]
        self.args = args
        env = dict(os.environ, TMPDIR=os.environ.get("TMPDIR", "/var/tmp"))
        self._stderr = open(os.path.join(self.work, "qemu.err"), "wb")
        self.proc = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._stderr, env=env,
                                     preexec_fn=_die_with_parent)
        for lst in (ls, lq):
            lst.settimeout(30)
        try:
            self._ser, _ = ls.accept()
            self._qmp, _ = lq.accept()
        except OSError:
            self.close()
            raise BootError("QEMU did not start: " + self.stderr())
        finally:
            ls.close()
            lq.close()
        self._logfile = open(self.log_path, "wb") if self.log_path else None
        self._reader = threading.Thread(target=self._read_serial, daemon=True)
        self._reader.start()
        self._qmp.settimeout(60)
        self._qmpf = self._qmp.makefile("rb")
        self._qmpf.readline()
        self.qmp("qmp_capabilities")

    def stderr(self):
        try:
            with open(os.path.join(self.work, "qemu.err"), "rb") as f:
                return f.read().decode("utf-8", "replace").strip().replace("\n", "; ")
        except OSError:
            return ""

    def _read_serial(self):
        while True:
            try:
                data = self._ser.recv(65536)
            except OSError:
                data = b""
            with self._cond:
                if not data:
                    self._closed = True
                    self._cond.notify_all()
                    return
                self._serial += data
                if self._logfile:
                    self._logfile.write(data)
                    self._logfile.flush()
                self._cond.notify_all()

    # --- serial --------------------------------------------------------------------------------------------------
    @property
    def raw(self):
        with self._cond:
            return bytes(self._serial)

    @property
    def text(self):
        return strip(self.raw)

    def mark(self):
        """From now on wait() looks only at what comes later."""
        with self._cond:
            self._mark = len(self._serial)

    def wait(self, pattern, timeout, fail=None, quiet=None):
        """Waits until pattern is found in the stripped serial text since mark(); returns the match. fail: a pattern that ends the
        waiting at once, as an error. quiet: seconds without any output after which the waiting ends, as an error."""
        want = re.compile(pattern)
        bad = re.compile(fail) if fail else None
        end = time.monotonic() + timeout
        last, last_at = -1, time.monotonic()
        while True:
            with self._cond:
                size = len(self._serial)
                raw = bytes(self._serial[self._mark:])
                closed = self._closed
            text = strip(raw)
            m = want.search(text)
            if m:
                return m
            if bad:
                b = bad.search(text)
                if b:
                    raise BootError("the serial port says %r, waited for %r" % (b.group(0), pattern))
            if closed:
                raise BootError("QEMU ended while %r was waited for: %s" % (pattern, self.stderr() or "no message"))
            now = time.monotonic()
            if now >= end:
                raise BootTimeout("%r did not come in %d s" % (pattern, timeout))
            if size != last:
                last, last_at = size, now
            elif quiet and now - last_at > quiet:
                raise BootTimeout("%r did not come; nothing at all for %d s" % (pattern, quiet))
            with self._cond:
                if len(self._serial) == size and not self._closed:
                    self._cond.wait(min(0.5, end - now))
            # Under a flood of output, look a few times a second and not at each byte.
            time.sleep(self.poll)

    def type(self, text, delay=0.05):
        """Types at the serial port. One byte at a time: firmware has small buffers."""
        for ch in text:
            self._ser.sendall(ch.encode())
            time.sleep(delay)

    def send_raw(self, data):
        self._ser.sendall(data)

    def run(self, command, timeout=60):
        """Runs a command in a shell that waits on the serial port; returns (status, output)."""
        self._runs = getattr(self, "_runs", 0) + 1
        begin, end = "pod%dbegin" % self._runs, "pod%dend" % self._runs
        self.mark()
        # Between two words of our own: the prompt of the command before may come after mark(). The echo of the typed line holds
        # both split by quotes, so only the answer matches.
        self.type("echo po''%s; %s; echo po''%s:$?:\n" % (begin[2:], command, end[2:]), delay=0.002)
        m = self.wait(end + r":(\d+):", timeout)
        out = strip(self.raw[self._mark:])
        out = out[:out.rfind(m.group(0))]
        return int(m.group(1)), out[out.rfind(begin) + len(begin):].strip("\n")

    def login(self, password="isopod", timeout=120):
        """From a login prompt on the serial port to a root shell."""
        self.mark()
        self.type("root\n")
        self.wait(r"Password:", timeout)
        self.type(password + "\n")
        self.wait(r"root@[\w-]+:~# ?$", timeout)
        self.run("stty -echo cols 500; PS1='# '; dmesg -n 1; true", timeout)

    # --- QMP -----------------------------------------------------------------------------------------------------
    def qmp(self, command, **arguments):
        with self._qmp_lock:
            self._qmp_id += 1
            msg = {"execute": command, "id": self._qmp_id}
            if arguments:
                msg["arguments"] = arguments
            try:
                self._qmp.sendall(json.dumps(msg).encode() + b"\n")
                while True:
                    line = self._qmpf.readline()
                    if not line:
                        raise BootError("QEMU's monitor is gone")
                    answer = json.loads(line)
                    if answer.get("id") != self._qmp_id:
                        continue
                    if "error" in answer:
                        raise BootError("%s: %s" % (command, answer["error"].get("desc")))
                    return answer["return"]
            except OSError as e:
                raise BootError("QEMU's monitor: %s" % e)

    def screenshot(self, path):
        """PNG if QEMU can (7.1 and later), else PPM under the same name."""
        path = os.path.abspath(path)
        try:
            self.qmp("screendump", filename=path, format="png")
        except BootError:
            self.qmp("screendump", filename=path)
        return path

    def screen_text(self):
        """The VGA text screen (80 x 25, code page 437 as ASCII), read from video memory. In a graphics mode it is the text that was
        there before, or noise."""
        path = os.path.join(self.work, "b8000")
        self.qmp("pmemsave", val=0xB8000, size=4000, filename=path)
        with open(path, "rb") as f:
            data = f.read()
        rows = [data[n:n + 160:2] for n in range(0, 4000, 160)]
        return "\n".join("".join(chr(c) if 32 <= c < 127 else " " for c in row).rstrip() for row in rows)

    def wait_screen(self, pattern, timeout, every=1.0):
        """As wait(), on the VGA text screen."""
        want = re.compile(pattern)
        end = time.monotonic() + timeout
        while True:
            m = want.search(self.screen_text())
            if m:
                return m
            if self._closed:
                raise BootError("QEMU ended while %r was waited for: %s" % (pattern, self.stderr() or "no message"))
            if time.monotonic() >= end:
                raise BootTimeout("%r did not come to the screen in %d s" % (pattern, timeout))
            time.sleep(every)

    def key(self, *codes, hold=100):
        """Presses keys together, by QEMU's names (ret, down, f1, ...)."""
        self.qmp("send-key", keys=[{"type": "qcode", "data": c} for c in codes], **{"hold-time": hold})
        time.sleep(hold / 1000 + 0.1)

    def keys(self, text):
        """Types text on the emulated keyboard."""
        for ch in text:
            self.key(*_qcodes(ch))

    def blockstats(self, ident="stick"):
        """{'bytes': ..., 'operations': ..., 'written': ...} of a drive since power-on."""
        for dev in self.qmp("query-blockstats"):
            if dev.get("device") == ident or dev.get("qdev", "").endswith(ident):
                s = dev["stats"]
                return {"bytes": s["rd_bytes"], "operations": s["rd_operations"], "written": s["wr_bytes"]}
        raise BootError("no drive " + ident)

    # --- measuring and ending ------------------------------------------------------------------------------------
    def cpu_seconds(self):
        """User and system time of the QEMU process so far."""
        if self.cpu_at_end is not None:
            return self.cpu_at_end
        with open("/proc/%d/stat" % self.proc.pid) as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def seconds(self):
        return time.monotonic() - self.started

    def wait_exit(self, timeout):
        """Waits for QEMU to end by itself (the guest powers off)."""
        try:
            return self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            raise BootError("the machine did not power off in %d s" % timeout)

    def close(self):
        if getattr(self, "proc", None):
            if self.proc.poll() is None:
                try:
                    self.cpu_at_end = self.cpu_seconds()
                except (OSError, IndexError):
                    pass
                self.proc.terminate()
                try:
                    self.proc.wait(10)
                except subprocess.TimeoutExpired:
                    self.proc.kill()
                    self.proc.wait()
        for s in ("_ser", "_qmp"):
            if getattr(self, s, None):
                try:
                    getattr(self, s).close()
                except OSError:
                    pass
        if getattr(self, "_reader", None):
            self._reader.join(5)
        for f in ("_logfile", "_stderr"):
            if getattr(self, f, None):
                getattr(self, f).close()
        if self._own_work:
            shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The helper for Windows PE, under Wine. Wine has no volumes on disks, no virtual disks and here no screen: a DLL of ours stands in for
them (win/standin.c). The program is the one that is shipped, but for the name of one DLL in its import table. What it writes
goes into a stick that `isopod create` made, and is read back by `isopod trace`. Only the x64 one is run: Wine has no other processor here;
winhelper_cpu.py has all three."""
import binascii, concurrent.futures, json, os, re, shutil, struct, subprocess, tempfile, time

import trace_format as tf
from cli_common import B, MIB, check, equal, finish, isopod, must, partitions, workdir
from common import run, sbin
from trace_common import Stick

WINE = "/usr/lib/wine/wine64"
STANDINS = os.path.join(B, "interop/win")
BOOT = 5
GPT, ATTACH, ANSWER, RESTORE = 1, 2, 4, 8
SYSTEM32 = "\\Windows\\System32\\"
REGISTRY = r"""Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Enum\PCI\VEN_8086&DEV_9A0B\3&11&0]
"HardwareID"=hex(7):%s
"CompatibleIDs"=hex(7):%s

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Enum\PCI\VEN_8086&DEV_1533\3&11&1]
"HardwareID"=hex(7):%s
"Service"="e1r"
"""


def multi(*texts):
    return ",".join("%02x" % b for b in ("\0".join(texts) + "\0\0").encode("utf-16-le"))


# The texts in front of the record's lists, as the table in doc/FORMATS/winhandover.md has them; the window's, in two languages, and the log's are
# this test's own words, which shows that the helper has none.
DETAIL, CODE, NUMBER, DRIVE, VOLUME, CONTROLLER = "\1", "0x\4", "\5", "\2", "\3", "\6"
WINDOW = (("the stick is not seen", "the stick is not seen, nor driven: " + CONTROLLER, "cannot attach the image " + CODE, "this Windows cannot attach ISO files " + CODE,
           "cannot be started " + CODE),
          ("找不到启动用的 U 盘", "找不到启动用的 U 盘：" + CONTROLLER, "无法装载映像 " + CODE, "此 Windows 不能装载 ISO 文件 " + CODE, "无法启动 " + CODE))
LOG = ("begun: " + DETAIL, "an answer file was handed over", "LabConfig: %s (%s)" % (DETAIL, CODE), "driver loaded: " + DETAIL, "driver not loaded: %s (%s)" % (DETAIL, CODE),
       "no driver for " + CONTROLLER, "looking often", "stick found: " + VOLUME, "going on without it", "attached as drive: " + DETAIL, "without a letter",
       "not attached (%s)" % CODE, "not written (%s)" % CODE, "another start's", "not moved: %s (%s)" % (DETAIL, CODE), "not restored: %s (%s)" % (DETAIL, CODE),
       "cannot start: %s (%s)" % (DETAIL, CODE), "started: " + DETAIL, "ended (%s)" % CODE, "told in a window")
NAMES = (DRIVE + SYSTEM32 + "drvload.exe", 'drvload "%s"' % DETAIL, "\\\\.\\PhysicalDrive" + NUMBER, "SYSTEM\\CurrentControlSet\\Enum",
         "SYSTEM\\Setup\\LabConfig", DRIVE + SYSTEM32 + "isopod\\drivers")


def handover(stick, image="images\\win.iso", program="winpeshl.exe", flags=ATTACH, drivers=(), lab=(), wait=1500, language=0, boot=BOOT, guid=bytes(16)):
    """The record, from the table in doc/FORMATS/winhandover.md."""
    texts = [*WINDOW[language], *LOG, *NAMES, DRIVE + SYSTEM32 + "isopod\\" + program, DRIVE + SYSTEM32 + program, image and VOLUME + image,
             *(VOLUME + d for d in drivers), *(n for n, _ in lab)]
    body = b"".join(t.encode("utf-16-le") + b"\0\0" for t in texts)
    body = struct.pack("<64s32I", program.encode(), *[v for _, v in lab] + [0] * (32 - len(lab))) + body
    head = struct.pack("<8sIIII16sQQQQQQIIHH28x", b"ISOPODW2", 0x80 + len(body), 0, flags, stick.signature, guid, *stick.part,
                       stick.at, tf.SIZE, *stick.esp, boot, wait, len(drivers), len(lab))
    return head[:12] + struct.pack("<I", binascii.crc32(head + body)) + head[16:] + body


class Case:
    """A drive X: with Windows PE's folders, a stick, what the stand-ins are told; started, and what came of it."""

    def __init__(self, wine, number, name, arguments=("winpeshl.exe",), program="winpeshl.exe", env=None, record=True, boot=BOOT, **ho):
        self.name, self.letter, self.wine, self.program = name, "ghijklmnopqrstuvw"[number], wine, program
        self.root = os.path.join(wine.folder, "case%d" % number)
        system = self.system = self.root + "/drive/Windows/System32"
        os.makedirs(system + "/isopod/drivers")
        os.makedirs(self.root + "/files/images")
        os.symlink(self.root + "/drive", os.path.join(wine.prefix, "dosdevices", self.letter + ":"))
        self.stick = wine.stick
        self.image = self.root + "/stick.img"
        subprocess.run(["cp", "--sparse=always", wine.stick.path, self.image], check=True)
        open(self.root + "/files/images/win.iso", "wb").write(b"iso")
        for f in os.listdir(STANDINS):
            if f.endswith(".dll"):
                shutil.copy(os.path.join(STANDINS, f), system)
        shutil.copy(wine.helper, system + "/" + program)
        for f in (system + "/isopod/" + program, system + "/drvload.exe"):
            shutil.copy(STANDINS + "/program.exe", f)
        data = handover(wine.stick, program=program, boot=boot, **ho)
        if record:
            open(system + "/isopod/handover.bin", "wb").write(data if record is True else record(data))
        self.arguments = arguments
        self.notes = self.root + "/notes"
        self.env = {"STANDIN_IMAGE": "Z:" + self.image, "STANDIN_FILES": "Z:" + self.root + "/files", "STANDIN_NOTES": "Z:" + self.notes,
                    "STANDIN_PART": "%d %d" % wine.stick.part, "STANDIN_ESP": "%d %d" % wine.stick.esp, "STANDIN_ID": str(wine.stick.signature),
                    "STANDIN_RUNS": "100", **(env or {})}
        self.env = {k: v for k, v in self.env.items() if v is not None}

    def put(self, path, data):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "wb").write(data)

    def run_helper(self):
        # Wine's loader makes the command line of the arguments; the program is found by the first.
        return self.wine.call(self.letter.upper() + ":" + SYSTEM32 + self.program, *self.arguments[1:],
                              WINEDLLOVERRIDES="virtdisk,cfgmgr32,user32=n,b;mscoree,mshtml=", **self.env).returncode

    def start(self):
        self.status = self.run_helper()
        self.log = self.read(self.root + "/drive/isopod.log")
        self.notes = self.read(self.notes)
        self.boot = next((b for b in self.trace() if b["boot"] == BOOT), {})
        self.windows = self.boot.get("windows", {})
        self.stages = [s["stage"] for s in self.windows.get("stages", [])]
        return self

    @staticmethod
    def read(path):
        try:
            with open(path, encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def trace(self):
        r = isopod("trace", self.image, "--json")
        boots = json.loads(r.out)
        equal(r.rc, int(boots[0]["alarm"]), self.name + ": status of isopod trace")
        return boots

    def ms(self, what):
        m = re.search(r"^(\d+) ms  %s" % what, self.log, re.M)
        return int(m[1]) if m else -1

    def arg(self, stage):
        return next((s["arg"] for s in self.windows.get("stages", []) if s["stage"] == stage), None)

    def says(self, where, *words):
        for w in words:
            check(w in where, "%s: %r is not in %r" % (self.name, w, where))

    def is_(self, got, want, what):
        equal(got, want, self.name + ": " + what)


class Wine:
    def __init__(self, folder):
        self.folder, self.prefix = folder, folder + "/prefix"
        self.env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        self.env.update(WINEPREFIX=self.prefix, WINEDEBUG="-all", WINEDLLOVERRIDES="mscoree,mshtml=")
        self.call("wineboot", "-i")
        with open(folder + "/enum.reg", "w", encoding="utf-16-le") as f:
            f.write("\ufeff" + REGISTRY % (multi("PCI\\VEN_8086&DEV_9A0B&SUBSYS_00011028", "PCI\\VEN_8086&DEV_9A0B"), multi("PCI\\CC_010400", "PCI\\CC_0104"),
                                           multi("PCI\\VEN_8086&DEV_1533")))
        check(self.call("regedit", "/S", "Z:" + folder + "/enum.reg").returncode == 0, "the registry cannot be filled")
        self.helper = self.renamed(B + "/stick/WINX64.EXE", folder + "/helper.exe")

    def call(self, *args, **env):
        return subprocess.run([WINE, *args], env={**self.env, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=60)

    def end(self):
        subprocess.run(["/usr/lib/wine/wineserver", "-k"], env=self.env, timeout=20)
        subprocess.run(["/usr/lib/wine/wineserver", "-w"], env=self.env, timeout=20)

    @staticmethod
    def renamed(path, to):
        """The shipped program with another DLL in the place of kernel32.dll, and nothing else changed."""
        data = open(path, "rb").read()
        equal(data.count(b"kernel32.dll\0"), 1, "names of kernel32.dll in the program")
        open(to, "wb").write(data.replace(b"kernel32.dll\0", b"standin.dll\0\0"))
        return to

    def registry(self, key, name):
        # a name, its type in hexadecimal, its data: "BypassTPMCheck"=dword:00000001
        text = open(self.prefix + "/system.reg", encoding="utf-8", errors="replace").read()
        section = text.split("[" + key.replace("\\", "\\\\") + "]")
        return re.search(r'^"%s"=(.*)$' % name, section[1].split("\n[")[0], re.M)[1] if len(section) > 1 else None


def make_stick():
    must("create", "s.img", "--size", "256M", "--yes")
    stick = Stick("s.img")
    _, parts = partitions("s.img")
    stick.part, stick.esp = parts[0][:2], parts[1][:2]
    with open("s.img", "rb") as f:
        stick.signature = struct.unpack_from("<I", f.read(512), 0x1b8)[0]
    state = bytearray(tf.SIZE)
    tf.put_boot(state, BOOT, tf.machine(BOOT), tf.image(BOOT, "/images/win.iso", 3, flags=16),
                tf.progress(BOOT, 1, 9000, [("started", 50, 0), ("chosen", 4000, 0), ("loader-started", 4400, 0), ("exit-boot-services", 8000, 0)]))
    stick.put(state)
    return stick


def on_the_esp(stick):
    """create has put it there as it was built; doctor misses it, update brings it back."""
    def doctor():
        got = json.loads(isopod("doctor", stick.path, "--only", "drive.loaders", "--json").out)["findings"]
        return got[0]
    drive = "%s@@%d" % (stick.path, stick.esp[0])
    for name in ("WINX64.EXE", "WINIA32.EXE", "WINAA64.EXE"):
        there = run("mtype", "-i", drive, "::/ISOPOD/" + name)
        equal(there, open(os.path.join(B, "stick", name), "rb").read(), name + " on the ESP")
        run("mdel", "-i", drive, "::/ISOPOD/" + name)
        found = doctor()
        check(found["level"] == "warning" and name in found["subject"], "doctor without %s: %r" % (name, found))
        must("update", stick.path)
        equal(doctor()["level"], "good", "doctor after update")


INF = '[Version]\r\nSignature="$WINDOWS NT$"\r\n[Models]\r\n%VMD% = Install, {}\r\n'


def cases(wine, make=Case):
    vmd, other = INF.format("PCI\\VEN_8086&DEV_9a0b ; VMD"), INF.format("PCI\\VEN_8086&DEV_9A0B&SUBSYS_FFFFFFFF, PCI\\VEN_8086&DEV_1533")
    c = {}

    def case(key, name, **kw):
        c[key] = make(wine, len(c), name, **kw)
        return c[key]
    case("once", "found at once", flags=ATTACH | ANSWER, lab=(("BypassTPMCheck", 1), ("BypassRAMCheck", 2)))
    case("late", "found after 8 s", wait=10000, env={"STANDIN_APPEARS": "8000"})
    case("never", "never found", language=1, env={"STANDIN_APPEARS": "999999", "STANDIN_RUNS": "6000"})
    case("after", "found while the program runs", env={"STANDIN_APPEARS": "7000", "STANDIN_RUNS": "10000"})
    case("refused", "attach fails", env={"STANDIN_ATTACH": "1117"})
    case("no iso", "no provider", language=1, env={"STANDIN_OPEN": str(0xc03a0014)})
    case("foreign", "another start's state file", boot=BOOT + 1)
    case("arguments", "program with arguments", program="pecmd.exe", flags=ATTACH | RESTORE, arguments=("pecmd.exe", "MAIN", "X:\\a b.ini", "/x=\"y\""))
    case("wim", "a bare WIM", image="", flags=0)
    case("disk", "no volume for the ESP", env={"STANDIN_ESP": None, "STANDIN_MUTE": "yes", "STANDIN_LETTER": "no"})
    case("damaged", "a damaged record", record=lambda d: d[:-1] + b"x")
    case("missing", "no file of that name", image="images\\other.iso")
    case("gpt", "known by its GUID", flags=ATTACH | GPT, guid=bytes(range(16)), env={"STANDIN_ID": bytes(range(16)).hex()})
    case("other", "another GUID", flags=ATTACH | GPT, guid=bytes(range(1, 17)), env={"STANDIN_ID": bytes(range(16)).hex()})
    os.unlink(case("nothing", "no original program", env={"STANDIN_READ": "300"}).system + "/isopod/winpeshl.exe")
    drivers = case("drivers", "drivers", drivers=("drivers",))
    drivers.put("files/drivers/a/vmd.inf", vmd.encode())
    drivers.put("files/drivers/a/deep/bad.INF", b"\xff\xfe" + vmd.encode("utf-16-le"))
    drivers.put("files/drivers/other.inf", other.encode())
    drivers.put("files/drivers/readme.txt", vmd.encode())
    drivers.put("drive/Windows/System32/isopod/drivers/early.inf", vmd.encode())
    return c


def start(c):
    with concurrent.futures.ThreadPoolExecutor(len(c)) as pool:
        list(pool.map(lambda x: x.start(), c.values()))
    if os.environ.get("SHOW"):
        for x in c.values():
            print("==", x.name, x.status, x.stages, x.boot.get("verdict"), "\n", x.log, x.notes, sep="")


def judge_found(c, wine):
    o = c["once"]
    o.is_(o.status, 7, "status of the original program")
    o.is_(o.stages, ["helper-started", "volume-found", "iso-attached", "handed-over", "program-ended"], "stages")
    o.is_((o.windows["letter"], o.windows["program"]), ("E", "winpeshl.exe"), "letter and program")
    o.says(o.notes, "open \\\\?\\Volume{1}\\images\\win.iso", "attached read-only for good", SYSTEM32 + "isopod\\winpeshl.exe | ", "raw write: volume")
    o.says(o.log, "an answer file was handed over", "attached as drive: E:")
    check("window" not in o.notes, "found at once: a window")
    check(o.windows["major"] >= 6 and o.windows["build"] >= 7600, "Windows' version: %r" % o.windows)
    check(o.boot["verdict"] == "finished" and not o.boot["alarm"], "found at once: %r" % o.boot["verdict"])
    late = c["late"]
    late.is_(late.stages[:4], ["helper-started", "volume-found", "iso-attached", "handed-over"], "stages")
    check(7900 <= late.ms("stick found") < 9900, "found after 8 s: it waited for %d ms" % late.ms("stick found"))
    check("window" not in late.notes, "found after 8 s: a window")
    late.says(late.notes, "arrival told")
    after = c["after"]
    after.is_(after.stages[:5], ["helper-started", "volume-missing", "handed-over", "volume-found", "iso-attached"], "stages")
    after.says(after.notes, "window closed")
    check(1500 <= after.ms("started: "), "the program waited for %d ms" % after.ms("started: "))


def judge_failures(c):
    never = c["never"]
    never.is_((never.status, never.stages), (7, []), "status and stages")
    never.says(never.notes, "window on top Isopod", "找不到启动用的 U 盘", "PCI\\VEN_8086&DEV_9A0B&SUBSYS_00011028", " | ")
    never.says(never.log, "going on without it")
    never.is_(never.boot["verdict"], "helper-not-reached", "verdict")
    never.is_([x["code"][2:].lstrip("0") for x in never.boot["stop_codes"]], ["7B", "C000000F", "C000014C", "C0000098", "C0000225", "C0000221", "C0430001", "136", "12F"], "codes")
    text = isopod("trace", never.image, env={"LC_ALL": "C.UTF-8"}).out
    never.says(text, "0x0000007B", "nothing was heard from inside it", "What to do")
    check(never.ms("told in a window") >= 3000, "never found: told after %d ms" % never.ms("told in a window"))
    r = c["refused"]
    r.is_((r.status, r.arg("iso-not-attached")), (7, 1117), "status and code")
    r.says(r.notes, "attach refused", "cannot attach the image", "0x0000045d")
    r.is_((r.boot["verdict"], r.boot["alarm"]), ("read-error", True), "verdict")  # 1117 is ERROR_IO_DEVICE
    r.says(isopod("trace", r.image).out, "the image could not become a CD drive (0x0000045d)", "Windows' error code: 0x0000045d.")
    n = c["no iso"]
    n.is_(n.arg("iso-not-attached"), 0xc03a0014, "code")
    n.says(n.notes, "此 Windows 不能装载 ISO 文件")
    m = c["missing"]
    m.is_(m.arg("iso-not-attached"), 3, "code")
    n = c["nothing"]
    n.is_((n.status, n.arg("program-failed"), n.boot["verdict"]), (2, 2, "program-failed"), "status, code and verdict")
    n.says(n.notes, "cannot be started")
    d = c["damaged"]
    d.is_((d.status, d.stages), (7, []), "status and stages")
    d.says(d.notes, "handed over is damaged", " | ")


def judge_rest(c, wine):
    g = c["gpt"]
    g.is_(g.stages[1:3], ["volume-found", "iso-attached"], "stages")
    c["other"].is_(c["other"].stages, [], "stages")
    f = c["foreign"]
    f.is_((f.status, f.stages), (7, []), "status and stages")
    f.says(f.log, "another start's")
    check("raw write" not in f.notes, "another start's state file was written")
    a = c["arguments"]
    line = next((x for x in a.notes.split("\n") if " | " in x), "")
    a.is_(line.split(" | ")[0].lower(), (a.letter + ":" + SYSTEM32 + "pecmd.exe").lower(), "the program's own name")
    a.says(line, " MAIN \"X:\\a b.ini\" ", "/x=\\\"y\\\"")
    a.is_(a.stages[-2:], ["handed-over", "program-ended"], "stages")
    check(os.path.exists(a.system + "/isopod/helper.exe"), "the helper did not move away")
    w = c["wim"]
    w.is_(w.stages, ["helper-started", "volume-found", "handed-over", "program-ended"], "stages")
    check("open " not in w.notes, "a bare WIM was attached")
    d = c["disk"]
    d.says(d.notes, "raw write: disk", "mount point ")
    d.is_(d.stages[1:3], ["volume-found", "iso-attached"], "stages")
    d = c["drivers"]
    d.is_((d.windows["drivers_loaded"], d.windows["drivers_failed"], d.arg("driver-failed")), (2, 1, 3), "drivers")
    calls = [x.split(" | ")[1] for x in d.notes.split("\n") if "drvload.exe | " in x]
    d.is_(sorted(calls), sorted('drvload "%s"' % p for p in (d.letter.upper() + ":" + SYSTEM32 + "isopod\\drivers\\early.inf",
                                                             "\\\\?\\Volume{1}\\drivers\\a\\vmd.inf", "\\\\?\\Volume{1}\\drivers\\a\\deep\\bad.INF")), "calls of drvload")
    wine.end()
    for name, want in (("BypassTPMCheck", "dword:00000001"), ("BypassRAMCheck", "dword:00000002")):
        equal(wine.registry("System\\Setup\\LabConfig", name), want, name)


def main():
    sbin()
    with workdir() as folder:
        os.symlink(os.path.join(B, "stick"), "data")
        stick = make_stick()
        on_the_esp(stick)
        wine = Wine(folder)
        try:
            wine.stick = stick
            c = cases(wine)
            start(c)
            judge_found(c, wine)
            judge_failures(c)
            judge_rest(c, wine)
        finally:
            wine.end()
    finish()


if __name__ == "__main__":
    main()

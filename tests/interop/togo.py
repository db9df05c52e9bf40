#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod togo create: disks made of a made-up Windows, looked at by sgdisk, fsck.fat, mtools, ntfsinfo, libhivex, and by wimlib, which
captures the volume again; layer stores of them; what goes wrong is one line and leaves nothing."""
import glob, os, re, shutil, struct, uuid

import hivex

from common import sbin
from cli_common import *
from windows_common import EDITIONS, detailed, imagex, make_tree, make_wim, properties, system_hive

SYSTEM = "/Windows/System32/config/SYSTEM"
ANSWER = "/Windows/Panther/unattend.xml"
GUID_ESP, GUID_MSR = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"


class Disk:
    """A finished disk, cut into its partitions by sfdisk's figures."""

    def __init__(self, image, what):
        self.what = what
        if not image.endswith(".img"):
            must("disk", "convert", image, "disk.img", "--format", "raw", "--replace")
            image = "disk.img"
        r = run("sgdisk", "-v", image)
        check(r.returncode == 0 and "No problems found" in r.stdout, "%s: sgdisk -v: %s" % (what, r.stdout))
        table = json.loads(run("sfdisk", "--json", image).stdout)["partitiontable"]
        self.guid, self.parts = table["id"], table["partitions"]
        equal([p["type"] for p in self.parts][:2], [GUID_ESP, GUID_MSR], what + ": types of partitions")
        self.esp = cut_out(image, self.parts[0]["start"] * 512, self.parts[0]["size"] * 512, "esp.img")
        self.ntfs = cut_out(image, self.parts[2]["start"] * 512, self.parts[2]["size"] * 512, "windows.img")

    def esp_file(self, path):
        p = subprocess.run(["mtype", "-i", self.esp, "::/" + path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return p.stdout if p.returncode == 0 else None

    def file(self, path):
        p = subprocess.run(["ntfscat", "-f", self.ntfs, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return p.stdout if p.returncode == 0 else None

    def hive(self, data):
        with open("hive", "wb") as f:
            f.write(data or b"")
        return hivex.Hivex("hive")


def at(h, path):
    node = h.root()
    for part in path.split("\\"):
        node = node and h.node_get_child(node, part)
    return node


def number(h, path, name):
    try:
        return h.value_dword(h.node_get_value(at(h, path), name))
    except Exception:
        return None


def tree_of(h, node, path=""):
    """All keys and values: {path: {name: (type, data)}}."""
    out = {path: {h.value_key(v): h.value_value(v) for v in h.node_values(node)}}
    for child in h.node_children(node):
        out.update(tree_of(h, child, path + "\\" + h.node_name(child)))
    return out


def check_volume(d, wim, image, answer=False):
    r = run("ntfsinfo", "-m", d.ntfs)
    check(r.returncode == 0 and "Volume Flags: 0x0000" in r.stdout and "Windows" in r.stdout, "%s: ntfsinfo: %s" % (d.what, r.stdout[-300:]))
    hidden, = struct.unpack_from("<I", open(d.ntfs, "rb").read(512), 28)
    equal(hidden, d.parts[2]["start"], d.what + ": where the volume thinks that it begins")
    if os.path.exists("again.wim"):
        os.unlink("again.wim")
    imagex("capture", d.ntfs, "again.wim", "again", "--compress=none")
    old, new = detailed(wim, image), detailed("again.wim")
    extra = {ANSWER} if answer else set()
    equal(set(new) ^ set(old), extra, d.what + ": the same files")
    changed = {SYSTEM} | ({"/Windows/Panther"} if answer else set())
    for path in old:
        if path not in changed and not check(old[path] == new[path], "%s: %s: %s" % (d.what, path, (old[path], new[path]))):
            break
    same = r"^(Full Path|Attributes|Security Descriptor|Creation Time).*\n"
    equal(re.findall(same, old[SYSTEM][0], re.M), re.findall(same, new[SYSTEM][0], re.M), d.what + ": the hive's security stays")


def check_hive(d, control_set="ControlSet001", booted=True):
    h, before = d.hive(d.file(SYSTEM)), hivex.Hivex("tree" + SYSTEM)
    want = [(control_set + "\\Control", "PortableOperatingSystem", 1), (control_set + "\\Services\\partmgr\\Parameters", "SanPolicy", 4),
            (control_set + "\\Services\\FsDepends\\Parameters", "VirtualDiskExpandOnMount", 4)]
    if booted:
        want += [("HardwareConfig\\{%s1234567-89ab-cdef-0123-456789abcdef}" % n, "BootDriverFlags", 0x14) for n in "01"]
    for path, name, value in want:
        equal(number(h, path, name), value, "%s: %s\\%s" % (d.what, path, name))
    now, then = tree_of(h, h.root()), tree_of(before, before.root())
    for path, name, value in want:
        now.get("\\" + path, {}).pop(name, None)
        then.get("\\" + path, {}).pop(name, None)
    then.setdefault("\\" + want[1][0], {})
    check(now == then, d.what + ": nothing else in the hive changed")


def element(h, guid, number_):
    node = at(h, "Objects\\%s\\Elements\\%s" % (guid, number_))
    return h.value_value(h.node_get_value(node, "Element")) if node else None


def check_bcd(d, path, loader):
    h = d.hive(d.esp_file(path))
    manager = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
    default = element(h, manager, "23000003")
    if not check(default is not None, d.what + ": BCD without a default"):
        return
    guid = default[1].decode("utf-16-le").rstrip("\0")
    equal(element(h, guid, "12000002")[1].decode("utf-16-le").rstrip("\0").lower(), "\\windows\\system32\\" + loader, d.what + ": loader")
    for number_ in ("11000001", "21000001"):
        device = element(h, guid, number_)[1]
        check(uuid.UUID(d.parts[2]["uuid"]).bytes_le in device and uuid.UUID(d.guid).bytes_le in device,
              "%s: BCD %s names Windows' partition" % (d.what, number_))
    equal(element(h, guid, "16000009"), (3, b"\0"), d.what + ": recovery is off")


def check_esp(d, loader="BOOTX64.EFI"):
    r = run("fsck.fat", "-n", d.esp)
    check(r.returncode == 0, "%s: fsck.fat: %s" % (d.what, r.stdout))
    manager = open("tree/Windows/Boot/EFI/bootmgfw.efi", "rb").read()
    equal(d.esp_file("EFI/BOOT/" + loader), manager, d.what + ": what firmware starts")
    for top, to in (("Windows/Boot/EFI", "EFI/Microsoft/Boot"), ("Windows/Boot/Fonts", "EFI/Microsoft/Boot/Fonts"),
                    ("Windows/Boot/Resources", "EFI/Microsoft/Boot/Resources")):
        for folder, _, names in os.walk("tree/" + top):
            for name in names:
                rel = os.path.relpath(os.path.join(folder, name), "tree/" + top)
                equal(d.esp_file(to + "/" + rel), open(os.path.join(folder, name), "rb").read(), "%s: %s/%s" % (d.what, to, rel))
    for name, to in (("bootmgr", "bootmgr"), ("bootvhd.dll", "Boot/bootvhd.dll")):
        equal(d.esp_file(to), open("tree/Windows/Boot/PCAT/" + name, "rb").read(), "%s: %s" % (d.what, to))
    check_bcd(d, "EFI/Microsoft/Boot/BCD", "winload.efi")
    check_bcd(d, "Boot/BCD", "winload.exe")


def test_vhdx():
    r = must("togo", "create", "install.wim", "win.vhdx", "--edition", "professional", "--size", "448M", "--name", "PORTABLE",
             "--user", "Zoë & Co's", "--locale", "zh-CN", "--timezone", "China Standard Time", "--no-account-nag", "--json")
    j = json.loads(r.out)
    equal((j["kind"], j["made"], j["edition"]["index"], j["edition"]["architecture"], j["edition"]["version"], j["size_bytes"]),
          ("vhdx", True, 2, "x64", "10.0.19041", 448 << 20), "report")
    check(os.stat("win.vhdx").st_blocks * 512 <= j["needed_bytes"], "needs no more than it says")
    must("disk", "check", "win.vhdx")
    d = Disk("win.vhdx", "VHDX")
    check_volume(d, "install.wim", 2, answer=True)
    check_hive(d)
    check_esp(d)
    answer = d.file(ANSWER).decode()
    for text in ("<ComputerName>PORTABLE<", "<Name>Zoë &amp; Co&apos;s<", "<UILanguage>zh-CN<", "<TimeZone>China Standard Time<",
                 "<HideOnlineAccountScreens>true<", "BypassNRO"):
        check(text in answer, "answer file: " + text)
    with open("answer.xml", "w") as f:
        f.write(answer)
    import xml.etree.ElementTree
    check(xml.etree.ElementTree.parse("answer.xml").getroot().tag.endswith("unattend"), "the answer file is XML")
    return d


def test_blocks():
    """On a large disk, too, files lie behind each other: each by itself would take a block of 2 MiB of its own."""
    must("togo", "create", "install.wim", "large.vhdx", "--edition", "1", "--size", "16G")
    st = os.stat("large.vhdx")
    check(st.st_size - st.st_blocks * 512 < 24 << 20, "blocks are used: %d MiB, of them %d with something in them" % (st.st_size >> 20, st.st_blocks >> 11))
    os.unlink("large.vhdx")


def test_sources():
    """The same image, held in other ways, makes the same volume."""
    imagex("export", "install.wim", "all", "install.esd", "--solid")
    imagex("split", "install.wim", "install.swm", "0.5")
    check(os.path.exists("install2.swm"), "the split WIM has parts")
    os.makedirs("iso/sources")
    os.link("install.wim", "iso/sources/install.wim")
    os.makedirs("swm/sources")
    for name in glob.glob("install*.swm"):
        os.link(name, "swm/sources/" + name)
    run("xorriso", "-as", "mkisofs", "-quiet", "-J", "-R", "-o", "one.iso", "iso", check=True)
    run("xorriso", "-as", "mkisofs", "-quiet", "-J", "-R", "-o", "split.iso", "swm", check=True)
    must("create", "stick.img", "--size", "400M", "--uuid-seed", "01")
    must("add", "stick.img", "one.iso")
    for source, image, out in (("install.esd", 1, "esd.img"), ("install.swm", 1, "swm.img"), ("one.iso", 2, "iso.img"),
                               ("split.iso", 2, "split.img"), ("stick.img:/images/one.iso", 2, "stick1.img")):
        must("togo", "create", source, out, "--edition", image, "--size", "448M")
        d = Disk(out, source)
        check_volume(d, "install.wim", image)
        check_hive(d)
        os.unlink(out)
    check(not glob.glob("*.isopod-*"), "no copies are left")


def test_store():
    must("togo", "create", "install.wim", "store", "--edition", "1", "--size", "448M")
    names = [l["name"] for l in json.loads(must("layer", "list", "store", "--json").out)["layers"]]
    equal(names, ["base", "layer-1"], "a base and a layer on it")
    must("layer", "check", "store")
    base = glob.glob("store/base.*.vhdx")[0]
    check(not os.stat(base).st_mode & 0o222, "the base is read-only")
    check_volume(Disk(must("layer", "path", "store").out.strip(), "store"), "install.wim", 1)
    must("layer", "snapshot", "store", "fresh")
    before = sha256("disk.img")
    sock = os.path.abspath("sock")
    p = subprocess.Popen([ISOPOD, "disk", "serve", must("layer", "path", "store").out.strip(), "--nbd", sock, "--write", "--once"],
                         stdout=subprocess.PIPE)
    p.stdout.readline()
    with open("volume.new", "wb") as f:  # a file more, written to the volume by ntfscp
        f.write(open("windows.img", "rb").read())
    noise("driver.sys", 200000)
    run("ntfscp", "-f", "-q", "volume.new", "driver.sys", "/Windows/driver.sys", check=True)
    a, b = open("windows.img", "rb").read(), open("volume.new", "rb").read()
    start = json.loads(run("sfdisk", "--json", "disk.img").stdout)["partitiontable"]["partitions"][2]["start"] * 512
    commands = []
    for off in range(0, len(b), 65536):
        if a[off:off + 65536] != b[off:off + 65536]:
            with open("piece%d" % off, "wb") as f:
                f.write(b[off:off + 65536])
            commands += ["-c", "write -s piece%d %d %d" % (off, start + off, len(b[off:off + 65536]))]
    r = run("qemu-io", "-f", "raw", *commands, "nbd+unix:///disk?socket=" + sock)
    check(p.wait() == 0 and r.returncode == 0, "written through NBD: " + r.stdout)
    diff = json.loads(must("layer", "diff", "store", "fresh", "--json").out)
    check("/Windows/driver.sys" in json.dumps(diff), "diff names the new file: %s" % json.dumps(diff)[:300])
    must("layer", "rollback", "store")
    must("disk", "convert", must("layer", "path", "store").out.strip(), "back.img", "--format", "raw")
    equal(sha256("back.img"), before, "rolled back")
    one_line(isopod("togo", "create", "install.wim", "store", "--edition", "1", "--size", "448M"), 3, "a second one there", "already holds layers")
    must("togo", "create", "install.wim", "stick.img:/win", "--edition", "1", "--size", "448M", "--fixed", "--dry-run")
    must("togo", "create", "install.wim", "stick.img:/win", "--edition", "1", "--size", "448M", env={"TMPDIR": os.getcwd()})
    must("layer", "check", "stick.img:/win")
    must("layer", "export", "stick.img:/win", "back.img", "--replace", "--format", "raw")
    check_volume(Disk("back.img", "store on a stick"), "install.wim", 1)
    check(not glob.glob("*isopod-*"), "nothing is left next to it")


def quiet_fail(what, *words, args=("install.wim", "out.vhdx"), rc=3, **kw):
    """One line; nothing is made."""
    before = sorted(os.listdir("."))
    one_line(isopod("togo", "create", *args, **kw), rc, what, *words)
    equal(sorted(os.listdir(".")), before, what + ": leaves nothing")


def test_refusals():
    quiet_fail("several editions", "1 Windows Test Home, 2 Windows Test Pro", "--edition")
    quiet_fail("no such edition", "no edition 'Server'", args=("install.wim", "out.vhdx", "--edition", "Server"))
    quiet_fail("too small", "at least", args=("install.wim", "out.vhdx", "--edition", "1", "--size", "300M"))
    quiet_fail("a name", "no name of a computer", args=("install.wim", "out.vhdx", "--name", "has space"), rc=2)
    quiet_fail("a user", "no name of a user", args=("install.wim", "out.vhdx", "--user", "a/b"), rc=2)
    quiet_fail("a locale", "no locale", args=("install.wim", "out.vhdx", "--locale", "a<b"), rc=2)
    quiet_fail("no WIM", "neither a WIM", args=("noise", "out.vhdx"))
    quiet_fail("a part that is missing", "install3.swm", args=("lonely/install.swm", "out.vhdx"))
    quiet_fail("the second part", "name the first part", args=("install2.swm", "out.vhdx"))
    quiet_fail("an old kind", "layer store (a folder)", args=("install.wim", "out.vhd"))
    quiet_fail("there already", "exists already", args=("install.wim", "noise.img"))
    quiet_fail("no boot manager", "bootmgfw.efi", args=("bare.wim", "out.vhdx", "--size", "448M"))
    quiet_fail("no boot manager, store", "bootmgfw.efi", args=("bare.wim", "outstore", "--size", "448M"))
    quiet_fail("a dirty hive", "was not written to the end", args=("dirty.wim", "out.vhdx", "--size", "448M"))
    quiet_fail("no hive", "SYSTEM hive", args=("nohive.wim", "out.vhdx", "--size", "448M"))
    os.makedirs("empty/lib")
    open("empty/lib/libwim.so.15", "w").close()
    quiet_fail("no libwim", "libwim.so.15", "Debian package", env={"LD_LIBRARY_PATH": os.path.abspath("empty/lib")})
    quiet_fail("no mkntfs", "mkntfs is not installed", "ntfs-3g", args=("install.wim", "out.vhdx", "--edition", "1"), env={"PATH": os.path.abspath("empty")})
    whole = open("install.wim", "rb").read()
    for n, cut in enumerate((len(whole) // 3, len(whole) - 100, 300, 100)):
        with open("cut%d.wim" % n, "wb") as f:
            f.write(whole[:cut])
        quiet_fail("cut at %d" % cut, "cut%d.wim" % n, args=("cut%d.wim" % n, "out.vhdx", "--edition", "1", "--size", "448M"))
    r = random.Random(5)
    for n in range(12):  # whatever libwim makes of it: an end, and either a disk or nothing
        data = bytearray(whole)
        for _ in range(20):
            data[r.randrange(208, len(data))] ^= 1 << r.randrange(8)
        with open("bad.wim", "wb") as f:
            f.write(data)
        bad = isopod("togo", "create", "bad.wim", "bad.vhdx", "--edition", "1", "--size", "448M")
        check(bad.rc in (0, 3) and os.path.exists("bad.vhdx") == (bad.rc == 0) and not glob.glob("bad.vhdx.*") and
              len(bad.err.strip().split("\n")) == 1, "mutation %d: %d %r" % (n, bad.rc, bad.err))
        if bad.rc == 0:
            os.unlink("bad.vhdx")
    if os.geteuid() == 0:
        os.mkdir("small")
        run("mount", "-t", "tmpfs", "-o", "size=40m", "isopod-test", "small", check=True)
        try:
            one_line(isopod("togo", "create", "install.wim", "small/out.vhdx", "--edition", "1", "--size", "448M"), 3, "a small disk", "not enough space")
            equal(os.listdir("small"), [], "nothing on the small disk")
        finally:
            run("umount", "small", check=True)
    else:
        skip("a small disk", "a tmpfs needs root")


def test_ends():
    """Errors, signals and kills while it works: nothing has OUT's name that is not whole, and what we can tidy up is gone."""
    args = ["togo", "create", "install.wim", "out.vhdx", "--edition", "1", "--size", "448M"]
    store = args[:3] + ["outstore"] + args[4:]
    for n in (1, 5, 12, 30, 100, 200):
        env = {"ISOPOD_TEST_FAIL": str(n)}
        quiet_fail("write %d fails" % n, args=args[2:], program=FAULTS, env=env)
    quiet_fail("write 40 of a store fails", args=store[2:], program=FAULTS, env={"ISOPOD_TEST_FAIL": "40"})
    for n in (2, 10, 25):
        quiet_fail("SIGINT before write %d" % n, args=args[2:], program=FAULTS, env={"ISOPOD_TEST_SIGNAL": str(n)})
    for size in (1, 3 << 20, 8 << 20):
        p = subprocess.Popen([ISOPOD] + args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_written(p, size)
        p.terminate()
        err = p.communicate()[1].decode()
        check(p.returncode == 3 and err.count("\n") == 1 or p.returncode == 0, "SIGTERM after %d: %d %s" % (size, p.returncode, err))
        check(os.path.exists("out.vhdx") == (p.returncode == 0) and not glob.glob("out.vhdx.*"), "SIGTERM after %d: %s" % (size, glob.glob("out*")))
        if p.returncode == 0:
            os.unlink("out.vhdx")
    for n in (3, 20, 100):
        r = isopod(*store, program=FAULTS, env={"ISOPOD_TEST_CUT": str(n)})
        check(not os.path.exists("outstore/isopod-layers.idx") and not os.path.exists("out.vhdx"), "killed before write %d: no store" % n)
        check(r.rc != 0, "killed before write %d" % n)
    for path in glob.glob("outstore*"):
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    must(*store)
    must("layer", "check", "outstore")


def make_odd_images():
    """WIMs that have something missing."""
    imagex("export", "install.wim", "1", "bare.wim")
    imagex("update", "bare.wim", "1", "--command=delete /Windows/Boot/EFI/bootmgfw.efi")
    for name, edit in (("dirty", lambda d: d[:4] + struct.pack("<I", 9) + d[8:]), ("nohive", lambda d: b"nothing" * 1000)):
        data = edit(open("tree" + SYSTEM, "rb").read())
        if name == "dirty":  # the checksum is right, the second sequence number is not the first
            head, total = bytearray(data), 0
            for (word,) in struct.iter_unpack("<I", head[:508]):
                total ^= word
            struct.pack_into("<I", head, 508, total)
            data = bytes(head)
        with open("hive.new", "wb") as f:
            f.write(data)
        imagex("export", "install.wim", "1", name + ".wim")
        imagex("update", name + ".wim", "1", "--command=add hive.new " + SYSTEM)
    noise("noise", 100000)
    noise("noise.img", 1000)
    os.mkdir("lonely")
    for part in ("install.swm", "install2.swm"):
        shutil.copy(part, "lonely/" + part)


sbin()
os.environ["MTOOLS_SKIP_CHECK"] = "1"
with workdir():
    make_data("data", 1)
    make_wim("install.wim", booted=True)
    test_vhdx()
    test_blocks()
    test_sources()
    test_store()
    make_odd_images()
    test_refusals()
    test_ends()
finish()

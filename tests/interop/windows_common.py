# SPDX-License-Identifier: BSD-2-Clause
"""Made-up Windows: hives, a tree of files, WIMs of it; nothing of it is Microsoft's."""
import os, random, re, struct, subprocess

import hivex

EDITIONS = [("Windows Test Home", "Core"), ("Windows Test Pro", "Professional")]


def empty_hive(path):
    """The least that libhivex opens: a base block, one hbin, a root key and a security cell that owner, group and lists are absent of."""
    def cell(payload):
        size = (len(payload) + 4 + 7) & ~7
        return struct.pack("<i", -size) + payload.ljust(size - 4, b"\0")

    security = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)
    name = b"ROOT"
    nk = b"nk" + struct.pack("<HQIIIIIIIIIIIIIIIHH", 0x2c, 0x01d0000000000000, 0, 0xffffffff, 0, 0, 0xffffffff, 0xffffffff, 0, 0xffffffff,
                             0, 0xffffffff, 0, 0, 0, 0, 0, len(name), 0) + name
    key_len = len(cell(nk))
    sk_at = 0x20 + key_len
    nk = nk[:44] + struct.pack("<I", sk_at) + nk[48:]
    sk = b"sk" + struct.pack("<HIIII", 0, sk_at, sk_at, 1, len(security)) + security
    cells = cell(nk) + cell(sk)
    rest = 4096 - 0x20 - len(cells)
    hbin = b"hbin" + struct.pack("<IIQQI", 0, 4096, 0, 0x01d0000000000000, 0) + cells + struct.pack("<i", rest)
    base = bytearray(4096)
    struct.pack_into("<4sIIQIIIIIII", base, 0, b"regf", 1, 1, 0x01d0000000000000, 1, 3, 0, 1, 0x20, 4096, 1)
    total = 0
    for (word,) in struct.iter_unpack("<I", base[:508]):
        total ^= word
    struct.pack_into("<I", base, 508, total)
    with open(path, "wb") as f:
        f.write(base + hbin.ljust(4096, b"\0"))


def key(h, path):
    """The key at a path, made where it is missing."""
    at = h.root()
    for part in path.split("\\"):
        at = h.node_get_child(at, part) or h.node_add_child(at, part)
    return at


def dword(h, path, name, value):
    h.node_set_value(key(h, path), {"key": name, "t": 4, "value": struct.pack("<I", value)})


def system_hive(path, machine=None, control_set=1, booted=False):
    empty_hive(path)
    h = hivex.Hivex(path, write=True)
    for name in ("Current", "Default", "LastKnownGood"):
        dword(h, "Select", name, control_set)
    top = "ControlSet%03d" % control_set
    dword(h, top + "\\Services\\partmgr", "Start", 0)
    dword(h, top + "\\Services\\FsDepends\\Parameters", "VirtualDiskExpandOnMount", 0)
    key(h, top + "\\Control")
    h.node_set_value(key(h, "Setup"), {"key": "CmdLine", "t": 1, "value": "oobe\\windeploy.exe\0".encode("utf-16-le")})
    for i in range(200):  # a hive of some size: lists of many children
        dword(h, top + "\\Services\\service%03d" % i, "Start", i % 5)
    if booted:
        dword(h, "HardwareConfig\\{01234567-89ab-cdef-0123-456789abcdef}", "BootDriverFlags", 0)
        dword(h, "HardwareConfig\\{11234567-89ab-cdef-0123-456789abcdef}", "LastId", 7)
    h.commit(None)


def pe(machine, text):
    """The head of a PE file for that machine, and words."""
    head = bytearray(512)
    head[0:2] = b"MZ"
    struct.pack_into("<I", head, 60, 128)
    head[128:132] = b"PE\0\0"
    struct.pack_into("<HHIIIHH", head, 132, machine, 0, 0, 0, 0, 0, 2)
    return bytes(head) + text.encode()


def make_tree(top, seed=1, files=120, machine=0x8664, booted=False, control_set=1):
    """A folder with what a Windows has that matters here, and much that only has to be the same afterwards."""
    r = random.Random(seed)

    def put(path, data):
        full = os.path.join(top, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(data)

    put("Windows/Boot/EFI/bootmgfw.efi", pe(machine, "boot manager") + r.randbytes(70000))
    put("Windows/Boot/EFI/bootmgr.efi", pe(machine, "boot manager of media") + r.randbytes(5000))
    put("Windows/Boot/EFI/boot.stl", r.randbytes(9000))
    put("Windows/Boot/EFI/memtest.efi", pe(machine, "memory test"))
    for language in ("en-US", "zh-CN", "sr-Latn-RS", "qps-ploc"):
        put("Windows/Boot/EFI/%s/bootmgfw.efi.mui" % language, r.randbytes(800))
        put("Windows/Boot/EFI/%s/memtest.efi.mui" % language, r.randbytes(400))
    for font in ("chs_boot", "segmono_boot", "malgunn_boot", "wgl4_boot", "jpn_boot"):
        put("Windows/Boot/Fonts/%s.ttf" % font, r.randbytes(2000))
    put("Windows/Boot/Resources/bootres.dll", r.randbytes(3000))
    put("Windows/Boot/PCAT/bootmgr", b"bootmgr for BIOS" + r.randbytes(4000))
    put("Windows/Boot/PCAT/bootvhd.dll", b"what opens virtual disks" + r.randbytes(3000))
    put("Windows/System32/winload.efi", pe(machine, "loader"))
    put("Windows/System32/ntoskrnl.exe", pe(machine, "kernel") + r.randbytes(100000))
    os.makedirs(os.path.join(top, "Windows/System32/config"), exist_ok=True)
    system_hive(os.path.join(top, "Windows/System32/config/SYSTEM"), booted=booted, control_set=control_set)
    put("Users/Öffentlich/文件 and a rather long name that no short one could hold.txt", "漢字".encode())
    put("Program Files/" + "x" * 200 + "/" + "深" * 60 + ".dat", r.randbytes(50))
    put("empty.txt", b"")
    put("sparse.bin", bytes(300000) + b"end")
    for i in range(files):
        n = (0, 10, 700, 3000, 20000, 100000)[i % 6]
        put("Windows/WinSxS/component-%02d/file%03d.bin" % (i % 11, i), r.randbytes(n // 2) + bytes(n - n // 2))
    os.makedirs(os.path.join(top, "Windows/Panther"), exist_ok=True)
    os.link(os.path.join(top, "Windows/WinSxS/component-03/file003.bin"), os.path.join(top, "Windows/System32/linked.dll"))
    os.link(os.path.join(top, "Windows/WinSxS/component-03/file003.bin"), os.path.join(top, "Windows/System32/linked again.dll"))
    os.symlink("Windows/System32", os.path.join(top, "junction"))
    return top


def imagex(*args, status=0):
    p = subprocess.run(["wimlib-imagex"] + [str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                       errors="surrogateescape")
    if p.returncode != status:
        raise SystemExit("wimlib-imagex %r: %d: %s" % (args, p.returncode, p.stderr[-800:]))
    return p.stdout


def properties(name, edition, arch=9, build=19041):
    return ["--image-property=DISPLAYNAME=" + name, "--image-property=WINDOWS/EDITIONID=" + edition,
            "--image-property=WINDOWS/ARCH=%d" % arch, "--image-property=WINDOWS/VERSION/MAJOR=10",
            "--image-property=WINDOWS/VERSION/MINOR=0", "--image-property=WINDOWS/VERSION/BUILD=%d" % build]


def named_stream(volume, path, stream, data):
    with open("stream.data", "wb") as f:
        f.write(data)
    subprocess.run(["ntfscp", "-f", "-q", "-N", stream, volume, "stream.data", path], check=True, stdout=subprocess.DEVNULL)


def detailed(wim, image=1):
    """What a WIM says of each file, as wimlib prints it, without what depends on the WIM; {path: (text, names of the same file)}."""
    files, groups = {}, {}
    for block in re.split(r"^-{20,}\n", imagex("dir", wim, image, "--detailed"), flags=re.M):
        path = re.search(r'^Full Path\s*= "(.*)"$', block, re.M)
        if not path:
            continue
        group = re.search(r"^Link Group ID\s*= (\S+)", block, re.M)
        if group and int(group.group(1), 16):
            groups.setdefault(group.group(1), set()).add(path.group(1))
        files[path.group(1)] = re.sub(
            r"^(Offset in WIM|Part Number|Reference Count|Compressed size|Flags|Link Group ID|Last Access Time)\s*=.*\n", "", block, flags=re.M)
    links = {name: sorted(same) for same in groups.values() for name in same}
    return {name: (text, links.get(name)) for name, text in files.items()}


def make_wim(wim, files=120, **kw):
    """Two editions; with named streams, security and attributes, so by way of an NTFS volume."""
    make_tree("tree", files=files, **kw)
    imagex("capture", "tree", "plain.wim", "plain", "--compress=none")
    with open("volume.ntfs", "wb") as f:
        f.truncate(100 << 20)
    subprocess.run(["mkntfs", "-F", "-Q", "-q", "volume.ntfs"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    imagex("apply", "plain.wim", 1, "volume.ntfs")
    named_stream("volume.ntfs", "/empty.txt", "Zone.Identifier", b"[ZoneTransfer]\r\n")
    named_stream("volume.ntfs", "/Windows/System32/winload.efi", "other", b"on a file" * 1000)
    imagex("capture", "volume.ntfs", wim, EDITIONS[0][0], "--compress=LZX", *properties(*EDITIONS[0]))
    imagex("append", "volume.ntfs", wim, EDITIONS[1][0], *properties(*EDITIONS[1]))
    os.unlink("volume.ntfs")
    os.unlink("plain.wim")

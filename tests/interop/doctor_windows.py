#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Windows' media as genisoimage lays them out with UDF, whole and in part: what is missing for the boot manager, what is too large for FAT32,
how much of the image is there."""
import binascii, os, re, shutil, struct, subprocess

from cli_common import check, equal, finish, isopod, workdir
from doctor_common import expect, findings, no_alarm, of, shims
import windows_media

CHECKS = "image.truncated,image.files,image.windows,image.limits,image.wim"
GIB = 1 << 30


def loader(build):
    """A boot manager as far as headers and a version resource go."""
    p = bytearray(0x600)
    p[0:2] = b"MZ"
    struct.pack_into("<I", p, 0x3c, 0x80)
    struct.pack_into("<4sHHIIIHH", p, 0x80, b"PE\0\0", 0x8664, 1, 0, 0, 0, 240, 0x22)
    struct.pack_into("<H", p, 0x98, 0x20b)
    struct.pack_into("<IIH", p, 0x98 + 60, 0x200, 0, 10)
    struct.pack_into("<I", p, 0x98 + 108, 16)
    struct.pack_into("<8sIIII", p, 0x98 + 240, b".rsrc", 0x400, 0x1000, 0x400, 0x200)
    struct.pack_into("<4I", p, 0x280, 0xfeef04bd, 0x10000, 10 << 16, build << 16 | 1)
    return bytes(p)


def medium(name, build=17763, without=(), more=None):
    shutil.rmtree("m", ignore_errors=True)
    programs = {"sources/boot.wim": open("pe.wim", "rb").read(), "sources/install.wim": open("install.wim", "rb").read(), "efi/boot/bootx64.efi": loader(build)}
    programs.update(more or {})
    windows_media.tree("m", programs, without=without + ("efi/boot/bootia32.efi", "efi/boot/bootaa64.efi"))
    for path, data in (more or {}).items():
        os.makedirs(os.path.dirname("m/" + path), exist_ok=True)
        with open("m/" + path, "wb") as f:
            f.write(data)
    return windows_media.iso("m", name, "-udf", "-J")


def look(image, **kw):
    return findings("--only", CHECKS, "--no-machine", image, **kw)


def whole():
    windows_media.pe_tree("pe", boot=False)
    windows_media.wim("pe", "pe.wim", "--boot", "--compress=LZX", name="Stand-in Setup")
    windows_media.wim("pe", "install.wim", "--solid", name="Stand-in Home")
    got = look(medium("good.iso"), rc=0)
    no_alarm(got, "a whole medium")
    expect(got, "image.windows", "good", "boot.sdi")
    expect(got, "image.wim", "good", "sources/boot.wim", "LZX", "Stand-in Setup", "winload.efi")
    expect(got, "image.wim", "good", "sources/install.wim", "Stand-in Home")


def pieces():
    """What the WIM has not got either is made; of a WIM that cannot be read nothing can be taken, and what is missing is missing."""
    sdi, bcd, bios, noise = "boot/boot.sdi", "efi/microsoft/boot/bcd", "boot/bcd", {"sources/boot.wim": b"no WIM" * 5000}
    got = look(medium("a.iso", without=(sdi,)), rc=0)
    expect(got, "image.windows", "note", sdi, "made")
    expect(look(medium("a.iso", without=(sdi,), more=noise), rc=1), "image.windows", "problem", sdi, "0xc000000f", "original")
    expect(look(medium("a.iso", without=(bcd, "bootmgr"), more=noise), rc=1), "image.windows", "problem", bcd)
    expect(look(medium("a.iso", without=("efi/boot/bootx64.efi", bios), more=noise), rc=1), "image.windows", "problem", bios)
    expect(look(medium("a.iso", without=("efi/boot/bootx64.efi", "bootmgr"), more=noise), rc=1), "image.windows", "problem", "no boot manager")
    fonts = tuple(p for p in windows_media.FILES if "/fonts/" in p)
    expect(look(medium("a.iso", without=fonts), rc=0), "image.windows", "note", "fonts")


def revocation():
    """Which boot managers ask for boot.stl is told by their version."""
    no_alarm(look(medium("a.iso", 22621)), "boot.stl is not asked for")
    expect(look(medium("a.iso", 26100), rc=0), "image.windows", "warning", "boot.stl", "26100", "0xc0430001")
    no_alarm(look(medium("a.iso", 26100, more={"efi/microsoft/boot/boot.stl": b"list" * 100})), "boot.stl is there")


def half():
    """As Windows' own media are: a note in ISO 9660, whose volume is made to end behind it; UDF alone says what is in the image and how long it is."""
    with open("m/README.TXT", "w") as f:
        f.write("The rest is in UDF.")
    windows_media.iso("m", "udf.iso", "-udf", *(w for name in ("boot", "efi", "sources", "setup.exe", "bootmgr*") for w in ("-hide", name)))
    with open("udf.iso", "r+b") as f:
        f.seek(16 * 2048 + 80)
        f.write(struct.pack("<I", 300) + struct.pack(">I", 300))
    for name, first in (("good", "/SETUP.EXE (4 KiB)"), ("udf", "")):
        data = open(name + ".iso", "rb").read()
        no_alarm(look(name + ".iso"), name + ": whole")
        with open("half.iso", "wb") as f:
            f.write(data[:len(data) // 2])
        got = look("half.iso", rc=1)
        expect(got, "image.truncated", "problem", "%d of %d" % (len(data) // 2, len(data)) if name == "good" else str(len(data) // 2))
        expect(got, "image.files", "problem", first)
        if name == "udf":  # whose folders are in the order in which the maker's machine lists them
            named = re.search(r"the first: (/\S+) \((\d+) KiB\)", next(g[3] for g in got if g[0] == "image.files"))
            check(named and os.path.getsize("m" + named[1]) >> 10 == int(named[2]), "udf: the first is a file of the medium: %s" % got)
        check("it is cut off" in isopod("plan", "half.iso").out, name + ": the plan says so too")
    # the folders of UDF are lost, the note in ISO 9660 is still there
    with open("half.iso", "wb") as f:
        f.write(data[:257 * 2048] + bytes(40 * 2048) + data[297 * 2048:])
    expect(look("half.iso", rc=1), "image.files", "problem", "UDF side")


def entry_of(d, size):
    """The UDF File Entry of the file of this size (ECMA-167 4/14.9: InformationLength at 56)."""
    hits = [at for at in range(257 * 2048, len(d), 2048) if struct.unpack_from("<H", d, at)[0] == 261 and struct.unpack_from("<Q", d, at + 56)[0] == size]
    assert len(hits) == 1, hits
    return hits[0]


def seal(d, at):
    """CRC and checksum of a descriptor's tag (ECMA-167 3/7.2)."""
    n = struct.unpack_from("<H", d, at + 10)[0]
    struct.pack_into("<H", d, at + 8, binascii.crc_hqx(bytes(d[at + 16:at + 16 + n]), 0))
    d[at + 4] = 0
    d[at + 4] = sum(d[at:at + 16]) & 255


def large():
    """A sparse install.wim beyond 4 GiB, in UDF only: ISO 9660 goes on to say what it was."""
    d = bytearray(open("good.iso", "rb").read())
    small, runs, rest = os.path.getsize("install.wim"), 4, 12345 * 2048
    at = entry_of(d, small)
    struct.pack_into("<Q", d, at + 56, runs * 0x3FFFF800 + rest)
    place = struct.unpack_from("<I", d, at + 176 + struct.unpack_from("<I", d, at + 168)[0] + 4)[0]
    struct.pack_into("<I", d, at + 172, 8 * (runs + 1))
    for i in range(runs + 1):
        struct.pack_into("<II", d, at + 176 + 8 * i, rest if i == runs else 0x3FFFF800, place)
        place += 0x3FFFF800 // 2048
    struct.pack_into("<H", d, at + 10, 176 + 8 * (runs + 1) - 16)
    seal(d, at)
    for at in range(2048 * 20, 2048 * 257, 2048):  # both sequences of volume descriptors
        if struct.unpack_from("<H", d, at)[0] == 5 and struct.unpack_from("<I", d, at + 12)[0] == at // 2048:
            struct.pack_into("<I", d, at + 192, place + 13000)
            seal(d, at)
            start = struct.unpack_from("<I", d, at + 188)[0]
    with open("large.iso", "wb") as f:
        f.write(d)
        f.truncate((start + place + 13000) * 2048)
    listed = subprocess.run(["7z", "l", "-slt", "large.iso"], capture_output=True, text=True).stdout
    check("Size = %d" % (runs * 0x3FFFF800 + rest) in listed, "7-Zip sees the large file")
    got = look("large.iso")
    expect(got, "image.limits", "note", "sources/install.wim", "FAT32", "wimlib-imagex split")
    expect(got, "image.limits", "note", "ISO 9660 says")
    equal(of(look("good.iso"), "image.limits"), [], "small files are no matter")
    os.truncate("pe.wim", 4 * GIB + 4096)
    expect(look("pe.wim"), "image.limits", "warning", "FAT32", "export")
    os.truncate("large.iso", 4 * GIB)
    expect(look("large.iso", rc=1), "image.truncated", "problem", str(4 * GIB))


def main():
    shims("data")
    whole()
    pieces()
    revocation()
    half()
    large()


if __name__ == "__main__":
    with workdir():
        main()
    finish()

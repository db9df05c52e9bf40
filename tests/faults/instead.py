# SPDX-License-Identifier: BSD-2-Clause
"""A file that is something else than its name says: told by doctor, add, list and plan in the same words."""
import bz2, gzip, io, json, lzma, tarfile, zipfile

from case import *
from config import put

UNPACK, AGAIN, CONVERT, FINISH = "unpack it", "download the image again", "convert it", "let the download come to its end"


def written(name, data):
    with open(name, "wb") as f:
        f.write(data)
    return name


def named(name, data):
    """A file of this name, whose bytes `data(w)` makes."""
    return lambda w: written("t-" + name, data(w) if callable(data) else data)


def said_by_all(args):
    """Doctor on the file; and add, list and plan of it have to say the same words."""
    found = doctor(*args)
    told = [f for f in found if f.check == "image.structure"]
    if told and told[0].evidence.startswith("it is "):
        words = told[0].evidence[len("it is "):]
        stick = "said.img"
        if not os.path.exists(stick):
            must("create", stick, "--size", "120M", data=STICK)
        r = isopod("add", stick, *args, "--replace")
        assert words in r.err, "add says %r, not %r" % (r.err, words)
        path = "/images/" + os.path.basename(args[0])
        entry = [e for e in json.loads(must("list", stick, "--json", data=STICK).out) if e["path"] == path]
        # what ends like no image is not listed as one
        assert not entry or words in entry[0].get("problem", ""), "list says %r, not %r" % (entry, words)
        r = isopod("plan", *args)
        assert words in r.out + r.err, "plan says %r, not %r" % (r.out + r.err, words)
        must("remove", stick, path, data=STICK)
    return found


def iso_bytes(w):
    return open(w.iso(), "rb").read()


def zipped(w):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        z.writestr("debian.iso", noise_bytes(50000))
    return b.getvalue()


def tarred(w):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w") as t:
        info = tarfile.TarInfo("debian.iso")
        info.size = 50000
        t.addfile(info, io.BytesIO(noise_bytes(50000)))
    return b.getvalue()


def raw_cd(w):
    """Mode 1: sync, address, mode, 2048 bytes of the ISO, 288 of check bytes (ECMA-130)."""
    out = b""
    data = iso_bytes(w)[:2 * MIB]
    for i in range(0, len(data), 2048):
        out += b"\0" + b"\xff" * 10 + b"\0" + struct.pack(">I", i // 2048)[1:] + b"\x01" + data[i:i + 2048] + bytes(288)
    return out


def kernel(w):
    b = bytearray(noise_bytes(60000))
    b[0x1FE:0x200], b[0x202:0x206] = b"\x55\xaa", b"HdrS"
    return bytes(b)


def efi_kernel(w):
    """One that is an EFI program as well, as kernels are now."""
    b = bytearray(kernel(w))
    b[0:2] = b"MZ"
    struct.pack_into("<I", b, 0x3C, 0x300)
    b[0x300:0x304] = b"PE\0\0"
    struct.pack_into("<HH", b, 0x304, 0x8664, 1)
    struct.pack_into("<HH", b, 0x314, 0xA0, 0x206)
    struct.pack_into("<H", b, 0x318, 0x20b)
    struct.pack_into("<H", b, 0x318 + 68, 10)
    return bytes(b)


def program(w):
    b = bytearray(noise_bytes(4096))
    b[0:2] = b"MZ"
    struct.pack_into("<I", b, 0x3C, 0x80)
    b[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<H", b, 0x98, 0x10b)
    struct.pack_into("<H", b, 0x98 + 68, 2)
    return bytes(b)


def holes_first(w):
    """What torrents leave: the end is there, the beginning is not."""
    data = iso_bytes(w)
    return bytes(4 * MIB) + data[4 * MIB:]


def zero_tail(w):
    data = iso_bytes(w)
    return data[:len(data) // 2] + bytes(len(data) - len(data) // 2)


def qemu(fmt, *options):
    def make(w):
        with open("raw", "wb") as f:
            f.truncate(8 * MIB)
        run("qemu-img", "convert", "-f", "raw", "-O", fmt, *options, "raw", "t-" + fmt + ".iso", check=True)
        return "t-" + fmt + ".iso"
    return make


def beside(w):
    name = written("t-beside.iso", iso_bytes(w))
    written(name + ".aria2", b"\0\1")
    return name


def on_stick(path, data):
    return lambda w: put(w.stick(), path, data)


def entry(name, make, what, *words, **kw):
    return Fault(name, make, IMAGE, kw.pop("file", "t-"), what, *words, look=kw.pop("look", said_by_all), **kw)


HTML = b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>Please log in</body></html>\n"

FAULTS = [
    entry("ZIP named .iso", named("zip.iso", zipped), "a ZIP archive", UNPACK),
    entry("gzip named .img", named("gz.img", lambda w: gzip.compress(noise_bytes(100000))), "gzip", UNPACK),
    entry("xz named .img", named("xz.img", lambda w: lzma.compress(noise_bytes(100000))), "xz", UNPACK),
    entry("zstd named .iso", named("zst.iso", b"\x28\xb5\x2f\xfd" + noise_bytes(90000)), "zstd", UNPACK),
    entry("bzip2 named .iso", named("bz2.iso", lambda w: bz2.compress(noise_bytes(90000))), "bzip2", UNPACK),
    entry("7z named .iso", named("7z.iso", b"7z\xbc\xaf\x27\x1c\0\4" + noise_bytes(90000)), "7-Zip", UNPACK),
    entry("RAR named .iso", named("rar.iso", b"Rar!\x1a\7\1\0" + noise_bytes(90000)), "RAR", UNPACK),
    entry("tar named .img", named("tar.img", tarred), "tar archive", UNPACK),
    entry("CAB named .wim", named("cab.wim", b"MSCF" + bytes(4) + noise_bytes(90000)), "CAB", UNPACK),
    entry("package named .iso", named("deb.iso", b"!<arch>\ndebian-binary   " + noise_bytes(9000)), "package"),
    entry("web page named .iso", named("html.iso", HTML), "a web page", AGAIN),
    entry("web page with a mark and blank lines", named("html2.iso", b"\xef\xbb\xbf\r\n\r\n" + HTML.replace(b"DOCTYPE", b"doctype")), "a web page", AGAIN),
    entry("web page named .vhd", named("html.vhd", HTML), "a web page", AGAIN),
    entry("web page named .vhdx", named("html.vhdx", HTML * 50), "a web page", AGAIN),
    entry("web page named .wim", named("html.wim", HTML), "a web page", AGAIN),
    entry("XML error named .iso", named("xml.iso", b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>'), "XML", AGAIN),
    entry("JSON error named .iso", named("json.iso", b'{"error": "not found", "status": 404}\n'), "JSON", AGAIN),
    entry("text named .iso", named("text.iso", b"404 Not Found\n"), "a text", AGAIN),
    entry("checksum file named .iso", named("sum.iso", b"d41d8cd98f00b204e9800998ecf8427e  debian.iso\n"), "a text", AGAIN),
    entry("Git LFS pointer", named("lfs.iso", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n"), "Git LFS", "git lfs pull"),
    entry("torrent named .iso", named("torrent.iso", b"d8:announce33:http://bt.example.org:6969/announce4:infod6:lengthi9e" + noise_bytes(2000)), "torrent"),
    entry("shortcut of Windows", named("lnk.iso", b"\x4c\0\0\0\x01\x14\x02\0" + noise_bytes(900)), "a shortcut"),
    entry("link file", named("url.iso", b"[InternetShortcut]\r\nURL=https://example.org/x.iso\r\n"), "a shortcut"),
    entry("CUE sheet named .iso", named("cue.iso", b'FILE "x.bin" BINARY\n  TRACK 01 MODE1/2352\n    INDEX 01 00:00:00\n'), "CUE", CONVERT),
    entry("raw CD sectors", named("bin.iso", raw_cd), "2352", CONVERT),
    entry("NRG named .iso", named("nrg.iso", lambda w: noise_bytes(90000) + b"NER5" + bytes(8)), "NRG", CONVERT),
    entry("DMG named .img", named("dmg.img", lambda w: noise_bytes(90112) + b"koly" + bytes(508)), "DMG", CONVERT),
    entry("CSO named .iso", named("cso.iso", b"CISO" + noise_bytes(90000)), "compressed disc image", CONVERT),
    entry("kernel named .img", named("kernel.img", kernel), "Linux kernel"),
    entry("EFI kernel named .iso", named("kernel.iso", efi_kernel), "Linux kernel"),
    entry("initramfs named .img", named("initrd.img", lambda w: cpio({"init": b"#!/bin/sh\n"})), "initramfs"),
    entry("squashfs named .img", named("squash.img", b"hsqs" + noise_bytes(90000)), "squashfs"),
    entry("volume of LVM named .img", named("pv.img", bytes(512) + b"LABELONE" + noise_bytes(90000)), "LVM", "whole disk"),
    entry("LUKS volume named .img", named("luks.img", b"LUKS\xba\xbe\0\2" + noise_bytes(90000)), "LUKS", "whole disk"),
    entry("ELF named .iso", named("elf.iso", lambda w: open("/bin/true", "rb").read()), "ELF"),
    entry("program of Windows named .iso", named("exe.iso", program), "program of Windows"),
    entry("PDF named .iso", named("pdf.iso", b"%PDF-1.7\n" + noise_bytes(9000)), "PDF"),
    entry("empty", named("empty.iso", b""), "empty file", AGAIN),
    entry("only zeros", named("zeros.iso", bytes(3 * MIB)), "zeros", FINISH),
    entry("beginning of zeros", named("front.iso", holes_first), "zeros", FINISH),
    entry("half of zeros", named("tail.iso", zero_tail), "zeros|cannot be read|damaged", look=lambda args: doctor(*args), also=(DRIVERS, FIRMWARE)),
    entry("browser's unfinished file", named("x.iso.crdownload", lambda w: iso_bytes(w)[:3 * MIB]), "not finished", also=(DRIVERS, FIRMWARE)),
    entry("unfinished file of Firefox", named("x.iso.part", lambda w: iso_bytes(w)[:3 * MIB]), "not finished", also=(DRIVERS, FIRMWARE)),
    entry("unfinished torrent", named("x.iso.!qB", iso_bytes), "not finished"),
    Fault("aria2's file beside it", beside, IMAGE, "t-beside.iso.aria2", "not finished"),
    Fault("unfinished file on the stick", on_stick("/images/d.iso.part", b"x" * 100), IMAGE, "/images/d.iso.part", "not finished"),
    Fault("aria2's file on the stick", on_stick("/images/sound-live.iso.aria2", b"x"), IMAGE, "/images/sound-live.iso.aria2", "not finished"),
    Fault("packed image on the stick", on_stick("/images/d.img.xz", b"x"), IMAGE, "/images/d.img.xz", "unpack", level=("note",)),
    Fault("qcow2 named .iso", qemu("qcow2"), IMAGE, "t-qcow2.iso", "qcow2", level=("note",)),
    Fault("VMDK named .iso", qemu("vmdk"), IMAGE, "t-vmdk.iso", "vmdk", level=("note",)),
    Fault("VDI named .iso", qemu("vdi"), IMAGE, "t-vdi.iso", "vdi", level=("note",)),
    entry("QED named .img", qemu("qed"), "virtual disk of another program", "isopod disk convert"),
    entry("Parallels' disk named .img", qemu("parallels"), "virtual disk of another program", "isopod disk convert"),
    Fault("compressed qcow2", qemu("qcow2", "-c"), IMAGE, "t-qcow2.iso", "compressed|qcow2", level=("note", "problem", "warning")),
]



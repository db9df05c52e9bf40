#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Whether an image starts: `add`, `list`, `plan`, the doctor and the menu say it in the same words, with the same code."""
import random, shutil, struct

import trace_format as tf
from doctor_common import *
from trace_common import Stick
from windows_common import make_tree, make_wim

SECTOR = 512
ALL = (1, 2)  # POD_FW_BIOS, POD_FW_X64


def noise_file(path, size, head=b""):
    with open(path, "wb") as f:
        f.write(head + random.Random(size).randbytes(size - len(head)))
    return path


def disk(path, parts, size=8):
    """A disk image with boot code and these partitions: (type, what lies at its first byte), 2 MiB each."""
    with open(path, "wb") as f:
        f.truncate(size * MIB)
        f.write(b"\xfa\xeb\xfe" + bytes(437))
    run("sfdisk", "-q", "--no-reread", path, input="label: dos\nlabel-id: 0x1234abcd\n" +
        "".join("start=%d,size=4096,type=%s%s\n" % (2048 + 4096 * i, t, ",bootable" if i == 0 else "") for i, (t, _) in enumerate(parts)), check=True)
    with open(path, "r+b") as f:
        f.write(b"\xfa\xeb\xfe")
        for i, (_, head) in enumerate(parts):
            f.seek((2048 + 4096 * i) * SECTOR)
            f.write(head)
    return path


def ntfs_windows(path):
    """A raw disk with Windows on it."""
    make_tree("win", files=6)
    with open("volume", "wb") as f:
        f.truncate(24 * MIB)
    run("mkntfs", "-F", "-Q", "-q", "-p", "2048", "-H", "255", "-S", "63", "volume", check=True)
    run("wimlib-imagex", "capture", "win", "win.wim", "win", "--compress=none", check=True)
    run("wimlib-imagex", "apply", "win.wim", "1", "volume", check=True)
    disk(path, [("7", b"")], size=26)
    run("sfdisk", "-q", "--no-reread", path, input="label: dos\nlabel-id: 0xabcd1234\nstart=2048,size=%d,type=7,bootable\n" % (24 * MIB // 512), check=True)
    run("dd", "if=volume", "of=" + path, "bs=1M", "seek=1", "conv=sparse,notrunc", "status=none", check=True)
    for n in ("volume", "win.wim"):
        os.unlink(n)
    shutil.rmtree("win")
    return path


def luks(path):
    return disk(path, [("83", b"LUKS\xba\xbe\0\2" + bytes(500))])


def lvm(path):
    return disk(path, [("8e", bytes(512) + b"LABELONE" + struct.pack("<Q", 1) + bytes(8) + b"LVM2 001")])


def bitlocker(path):
    return disk(path, [("7", b"\xeb\x58\x90-FVE-FS-" + bytes(500))])


def live(path):
    tree("t")
    iso(path, "t")
    shutil.rmtree("t")
    return path


def bios_only(path):
    tree("t")
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", "BIOS", "-R", "-J", "-b", "boot.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-o", path, "t",
        check=True)
    shutil.rmtree("t")
    return path


def cut(path):
    live(path)
    os.truncate(path, 3 * MIB)
    return path


def data_iso(path):
    os.mkdir("t")
    noise_file("t/file", 70000)
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", "DATA", "-R", "-o", path, "t", check=True)
    shutil.rmtree("t")
    return path


def child(path):
    must("disk", "create", "base.vhdx", "--size", "32M")
    must("disk", "create", path, "--parent", "base.vhdx")
    os.unlink("base.vhdx")
    return path


def windows_vhd(path):
    ntfs_windows("w.raw")
    must("disk", "convert", "w.raw", path)
    os.unlink("w.raw")
    return path


def page(path):
    with open(path, "w") as f:
        f.write("<!DOCTYPE html>\n<html><head><title>Log in</title></head>\n" + "<p>Who are you?</p>\n" * 99)


def compressed(path):
    disk("c.raw", [("c", b"a boot sector of nobody" * 20)])
    run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "c.raw", path, check=True)
    os.unlink("c.raw")
    return path


def qcow2_as_img(path):
    disk("q.raw", [("c", b"")])
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "q.raw", path, check=True)
    os.unlink("q.raw")
    return path


def setup_wim(path):
    """install.wim: Windows is installed from it, none of its images is Windows PE."""
    make_tree("t", files=6)
    run("wimlib-imagex", "capture", "t", path, "Windows", "--compress=LZX", check=True)
    shutil.rmtree("t")
    return path


def esd(path):
    make_tree("t", files=6)
    run("wimlib-imagex", "capture", "t", path, "Windows", "--compress=LZMS", "--solid", check=True)
    shutil.rmtree("t")
    return path


def efi_arm(path):
    with open(path, "wb") as f:
        p = bytearray(efi_program())
        at = struct.unpack_from("<I", p, 0x3C)[0]
        struct.pack_into("<H", p, at + 4, 0xAA64)
        f.write(p)
    return path


def kernel(path):
    """A kernel that is an EFI program, too: it can be started, and is hardly what was meant."""
    k = bytearray(efi_program())
    k[0x1FE:0x206] = b"\x55\xaa\xeb\x66HdrS"
    with open(path, "wb") as f:
        f.write(k)
    return path


# name, how it is made, code of the hosts' answer (any firmware), of the menu's on BIOS and on UEFI x64
CASES = [
    ("live.iso", live, "starts", "starts", "starts"),
    ("bios.iso", bios_only, "starts", "starts", "other-firmware"),
    ("arm.efi", efi_arm, "starts", "other-firmware", "other-firmware"),
    ("kernel.iso", kernel, "not-an-image", "other-firmware", "not-an-image"),
    ("cut.iso", cut, "cut-off", "cut-off", "cut-off"),
    ("data.iso", data_iso, "no-loader", "no-loader", "no-loader"),
    ("page.iso", page, *["not-an-image"] * 3),
    ("packed.iso", lambda p: noise_file(p, 90000, b"PK\3\4"), *["not-an-image"] * 3),
    ("packed.img", lambda p: noise_file(p, 90000, b"\x1f\x8b\x08\0"), *["not-an-image"] * 3),
    ("noise.iso", lambda p: noise_file(p, 90000), *["unknown-kind"] * 3),
    ("child.vhdx", child, *["parent-missing"] * 3),
    ("windows.vhdx", windows_vhd, "windows-volume", "other-firmware", "windows-volume"),
    ("windows.img", ntfs_windows, "windows-raw", "windows-raw", "other-firmware"),
    ("locked.img", bitlocker, "bitlocker", "bitlocker", "other-firmware"),
    ("luks.img", luks, "linux-closed", "linux-closed", "other-firmware"),
    ("lvm.img", lvm, "linux-closed", "linux-closed", "other-firmware"),
    ("compressed.qcow2", compressed, *["unsupported"] * 3),
    ("qcow2.img", qcow2_as_img, "starts", "starts", "other-firmware"),
    ("install.wim", setup_wim, *["wim-no-pe"] * 3),
    ("install.esd.wim", esd, *["wim-format"] * 3),
]


BOOT = 41


def recorded(stick, name, words, alarm):
    """The same words afterwards, where nothing was heard from the system that was started."""
    state = bytearray(tf.SIZE)
    tf.put_boot(state, BOOT, tf.machine(BOOT, firmware=1), tf.image(BOOT, "/images/" + name, os.path.getsize(name)),
                tf.progress(BOOT, 1, 9000, [("started", 50, 0), ("chosen", 4000, 0), ("planned", 4300, 0), ("loader-started", 4400, 0)], 2, 1 << 20, 90))
    Stick(stick).put(state)
    b = json.loads(isopod("trace", stick, "--json").out)[0]
    equal((b["verdict"], b["alarm"], b["hazard"]), ("cannot-start-here" if alarm else "taken-over", alarm, 0), name + ": the verdict")
    check(words in b["evidence"], "%s: the evidence: %r" % (name, b["evidence"]))


def menu(stick, firmware):
    """{path: (marked, sentence)}"""
    r = run(os.path.join(B, "interop/menu"), stick, str(firmware), check=True)
    return {p: (m == "1", s) for p, m, s in (line.split("\t") for line in r.stdout.splitlines())}


def said(sentence):
    """As the menu and `add` begin: with the file's name."""
    return sentence.split(": ", 1)[1] if sentence else ""


def main():
    with workdir():
        shims("data")
        os.environ["ISOPOD_DATA"] = os.path.abspath("data")
        must("create", "stick.img", "--size", "256M")
        added = {}
        for name, make, *_ in CASES:
            make(name)
            added[name] = must("add", "stick.img", name).err
        listed = {os.path.basename(e["path"]): e["start"] for e in json.loads(must("list", "stick.img", "--json").out)}
        shown = {fw: menu("stick.img", fw) for fw in ALL}
        found = findings("stick.img", "--only", "image")
        for name, _, code, *codes in CASES:
            path = "/images/" + name
            host = listed[name]
            equal(host["code"], code, name + ": list")
            words = host["reason"] or ""
            planned = isopod("plan", "stick.img:" + path, "--json")
            if planned.rc in (0, 1):
                equal(json.loads(planned.out)["start"], host, name + ": plan")
                check(words in isopod("plan", "stick.img:" + path).out, name + ": plan, in words")
            else:
                check(words in planned.err and code != "starts", "%s: plan fails: %r" % (name, planned.err))
            equal(planned.rc != 0, host["starts"] == "no", name + ": status of plan: %d" % planned.rc)
            text = [e for e in must("list", "stick.img").out.split("\n/") if e.lstrip("/").startswith("images/" + name + "\n")]
            check(text and words in text[0], "%s: list, in words: %r" % (name, text))
            check(words in added[name] and (words or name + ":" not in added[name]), "%s: add: %r" % (name, added[name]))
            if words:
                # With or without the remedy behind it.
                equal(added[name].count(words.split("; ")[0]), 1, "%s: add says it once: %r" % (name, added[name]))
            about = [f for f in found if f[2] == path]
            what = words.split("; ")[0].rstrip(".")
            check(any(what in f[3] for f in about), "%s: the doctor: %r, %r" % (name, words, about))
            if host["starts"] == "no":
                check(any(what in f[3] and f[1] in ("problem", "warning") for f in about), "%s: the doctor sounds an alarm: %r" % (name, about))
            for fw, want in zip(ALL, codes):
                marked, sentence = shown[fw][path]
                what = "%s: the menu of %d: %r" % (name, fw, sentence)
                if want == code:
                    equal(said(sentence), words, what)
                    equal(marked, host["starts"] == "no", what + ": marked")
                else:
                    check(want == "other-firmware" and marked and "nothing in it starts on" in sentence, what)
                    equal(json.loads(isopod("plan", "stick.img:" + path, "--json", "--firmware", "bios" if fw == 1 else "uefi").out)["start"]["reason"],
                          said(sentence), what + ": plan --firmware")
                    # What else is wrong with it is not lost behind that.
                    for w in json.loads(planned.out)["warnings"]:
                        check("Warning: " + w in isopod("plan", "stick.img:" + path, "--firmware", "bios" if fw == 1 else "uefi").out, what + ": warns: " + w)
        recorded("stick.img", "windows.img", listed["windows.img"]["reason"], True)
        recorded("stick.img", "luks.img", listed["luks.img"]["reason"], False)
    finish()


main()

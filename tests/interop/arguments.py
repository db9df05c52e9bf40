#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boot menus served with other kernel arguments, seen by readers we did not write: xorriso (Rock Ridge), isoinfo (Joliet), 7z (UDF),
mtools and fsck.fat (the FAT of an El Torito image), debugfs, e2fsck and GRUB (disk images). Each is the original with the words in the lines
of its kernels, and nothing else."""
import json, os, re, subprocess, tempfile, time

from common import B, check, equal, finish, run, sbin
import served
from served import SHIM, extract, kernel, newc, noise, served_right, write

sbin()
WORDS = 'acpi=off x$y -quiet'
GRUB = b"""set timeout=5
if [ "$grub_platform" = "efi" ]; then
\tset x=1
fi
menuentry 'Live' {
\tlinux ($root)/live/vmlinuz boot=live%s%s # the usual one
\tinitrd /live/initrd.img
}
submenu 'More' { menuentry "Memory test" { linux16 /memtest } }
menuentry Windows {
\tchainloader /EFI/x.efi
}
"""
ISOLINUX = (b"default l\r\nlabel l\r\n menu label Live\r\n kernel /live/vmlinuz\r\n append initrd=/live/initrd.img boot=live%s%s\r\n"
            b"label m\r\n com32 menu.c32\r\n append more.cfg\r\n")
ENTRY = b"title Live\nlinux /live/vmlinuz\ninitrd /live/initrd.img\noptions root=LABEL=x%s%s\n"
ADDED = b" acpi=off x$y"
ADDED_GRUB = b" acpi=off x\\$y"

LEGACY = b"default=0\ntitle Live\n\troot (hd0,0)\n\tkernel /live/vmlinuz boot=live%s%s\n\tinitrd /live/initrd.img\n"
REFIND = b'menuentry "Live" {\n loader /live/vmlinuz\n initrd /live/initrd.img\n options "boot=live%s%s"\n}\n'


def before_and_after(text, added):
    """Of a template: the original, and what it becomes."""
    after = text % (b"", added)
    return text % (b" quiet", b""), after.replace(b"linux16 /memtest", b"linux16 /memtest" + added)


GRUB_WAS, GRUB_IS = before_and_after(GRUB, ADDED_GRUB)
ISOLINUX_WAS, ISOLINUX_IS = before_and_after(ISOLINUX, ADDED)
ENTRY_WAS, ENTRY_IS = before_and_after(ENTRY, ADDED)
REFIND_WAS, REFIND_IS = before_and_after(REFIND, ADDED)
LEGACY_WAS, LEGACY_IS = before_and_after(LEGACY, ADDED)
FILES = {"boot/grub/grub.cfg": (GRUB_WAS, GRUB_IS), "boot/grub/loopback.cfg": (b"source /boot/grub/grub.cfg\n", None),
         "isolinux/isolinux.cfg": (ISOLINUX_WAS, ISOLINUX_IS), "loader/entries/live.conf": (ENTRY_WAS, ENTRY_IS),
         "boot/grub/menu.lst": (LEGACY_WAS, LEGACY_IS), "EFI/BOOT/refind.conf": (REFIND_WAS, REFIND_IS)}


def equal(got, want, what):
    check(got == want, "%s: got %s, want %s" % (what, str(got)[-300:], str(want)[-300:]))


def seven(archive, path):
    return run("7z", "e", "-so", archive, path)


def iso(work):
    src, initrd = os.path.join(work, "iso"), newc(["etc/hostname"])
    for path, (was, _) in FILES.items():
        write(os.path.join(src, path), was)
    write(os.path.join(src, "live/vmlinuz"), kernel(True))
    write(os.path.join(src, "live/initrd.img"), initrd)
    os.makedirs(os.path.join(src, "again"))
    os.link(os.path.join(src, "boot/grub/grub.cfg"), os.path.join(src, "again/grub.cfg"))
    run("genisoimage", "-quiet", "-R", "-J", "-udf", "-V", "ARGS", "-o", os.path.join(work, "args.iso"), src)
    text, virtual = served.plan(work, "args.iso", WORDS)
    x = os.path.join(work, "x")
    for path, (was, now) in FILES.items():
        want = was if now is None else now
        equal(extract(virtual, "/" + path, x), want, "Rock Ridge " + path)
        equal(run("isoinfo", "-J", "-i", virtual, "-x", "/" + path), want, "Joliet " + path)
        equal(seven(virtual, path), want, "UDF " + path)
    equal(extract(virtual, "/again/grub.cfg", x), GRUB_IS, "the second name of the same file")
    equal(extract(virtual, "/live/vmlinuz", x), kernel(True), "the kernel")
    why = served_right(extract(virtual, "/live/initrd.img", x), initrd)
    check(not why, "the initrd beside it: " + why)
    # Without words nothing of it is touched.
    text, virtual = served.plan(work, "args.iso")
    check(not re.search(r"^overlay 7 ", text, re.M), "no boot menu changes unasked: " + text)
    equal(extract(virtual, "/boot/grub/grub.cfg", x), GRUB_WAS, "unasked")


def efi_fat(work):
    """systemd-boot's entries and a grub.cfg inside the boot image, with an initrd beside them and without."""
    for name, initrd in (("alone", b""), ("initrd", newc(["etc/hostname"]))):
        img = os.path.join(work, name + ".fat")
        run("mkfs.fat", "-C", "-F", "12", "-s", "1", img, "1440")
        run("mmd", "-i", img, "::EFI", "::EFI/BOOT", "::loader", "::loader/entries", "::live")
        long_was, long_is = b"# a comment\n" * 300 + ENTRY_WAS, b"# a comment\n" * 300 + ENTRY_IS
        files = {"EFI/BOOT/BOOTX64.EFI": (b"MZ" + bytes(1022), None), "EFI/BOOT/grub.cfg": (GRUB_WAS, GRUB_IS),
                 "loader/entries/live.conf": (ENTRY_WAS, ENTRY_IS), "loader/entries/long.conf": (long_was, long_is),
                 "live/vmlinuz": (kernel(True), None), "fill": (noise(9000), None)}
        if initrd:
            files["live/initrd.img"] = (initrd, None)
        for path, (was, _) in files.items():
            write(os.path.join(work, "f"), was)
            run("mcopy", "-i", img, os.path.join(work, "f"), "::" + path)
        src = os.path.join(work, name + ".d")
        write(os.path.join(src, "boot/efi.img"), open(img, "rb").read())
        run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "ARGS", "-e", "boot/efi.img", "-no-emul-boot", "-o", os.path.join(work, name + ".iso"), src)
        _, virtual = served.plan(work, name + ".iso", WORDS)
        report = run("xorriso", "-indev", virtual, "-report_el_torito", "plain", stderr=subprocess.STDOUT).decode()
        m = re.search(r"El Torito boot img :\s+1\s+UEFI\s+y\s+\S+\s+\S+\s+\S+\s+(\d+)\s+(\d+)", report)
        if not check(bool(m), name + ": xorriso reads the catalogue: " + report[-400:]):
            continue
        out = os.path.join(work, name + ".served")
        with open(virtual, "rb") as f:
            f.seek(int(m.group(2)) * 2048)
            write(out, f.read())
        fsck = subprocess.run(["fsck.fat", "-n", "-v", out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(fsck.returncode == 0, name + ": fsck.fat: " + fsck.stdout.decode(errors="replace"))
        for path, (was, now) in files.items():
            got = run("mcopy", "-i", out, "::" + path, "-")
            if path == "live/initrd.img":
                why = served_right(got, was, 512)
                check(not why, "%s: %s" % (path, why))
            else:
                equal(got, was if now is None else now, name + ": " + path)


def disks(work):
    """A partition with ext4, one with FAT; and without a table."""
    START, SIZE = 1 << 20, 24 << 20
    top = os.path.join(work, "top")
    for path, (was, _) in FILES.items():
        write(os.path.join(top, path), was)
    write(os.path.join(top, "live/vmlinuz"), kernel(True))
    write(os.path.join(top, "live/initrd.img"), newc(["etc/hostname"]))
    volume, image = os.path.join(work, "volume"), os.path.join(work, "disk.img")
    for kind in ("ext4", "fat"):
        if kind == "ext4":
            run("mke2fs", "-q", "-F", "-t", "ext4", "-d", top, volume, "24M")
        else:
            run("mkfs.fat", "-C", "-F", "16", os.path.join(work, "v"), str(SIZE >> 10))
            run("mcopy", "-s", "-i", os.path.join(work, "v"), *(os.path.join(top, d) for d in os.listdir(top)), "::")
            os.replace(os.path.join(work, "v"), volume)
        with open(image, "wb") as f:
            f.truncate(START + SIZE)
        run("sfdisk", "-q", image, input=b"label: dos\nstart=2048, type=83\n")
        with open(image, "r+b") as f:
            f.write(b"\xfa\xeb\xfe")
            f.seek(START)
            f.write(open(volume, "rb").read())
        _, virtual = served.plan(work, "disk.img", WORDS)
        with open(virtual, "rb") as f:
            f.seek(START)
            write(os.path.join(work, "part"), f.read(SIZE))
        part = os.path.join(work, "part")
        for path, (was, now) in FILES.items():
            want = was if now is None else now
            equal(run("grub-fstest", virtual, "cat", "(loop0,msdos1)/" + path), want, "%s, GRUB: %s" % (kind, path))
            equal(run("debugfs", "-R", "cat /" + path, part) if kind == "ext4" else run("mcopy", "-i", part, "::" + path, "-"), want,
                  "%s: %s" % (kind, path))


def command(work):
    """isopod plan and export, --arguments."""
    isopod, image = os.path.join(B, "isopod"), os.path.join(work, "args.iso")
    report = json.loads(run(isopod, "plan", "--json", "--arguments", WORDS, image, status=None))
    equal(report["argument_lines"], 6, "kernel lines")
    equal(sorted(o["path"] for o in report["overlays"] if o["kind"] == "menu"),
          ["EFI/BOOT/refind.conf", "again/grub.cfg", "boot/grub/menu.lst", "isolinux/isolinux.cfg", "loader/entries/live.conf"], "the menus that change")
    check(b"acpi=off" in run(isopod, "plan", "--arguments", WORDS, image, status=None), "the words are told")
    sock = os.path.join(work, "s")
    server = subprocess.Popen([isopod, "export", image, "--nbd", sock, "--once", "--arguments", "nomodeset"], stdout=subprocess.DEVNULL)
    try:
        while not os.path.exists(sock) and server.poll() is None:
            time.sleep(0.05)
        out = os.path.join(work, "nbd.iso")
        run("nbdcopy", "nbd+unix:///?socket=" + sock, out)
    finally:
        server.terminate()
        server.wait()
    equal(extract(out, "/isolinux/isolinux.cfg", os.path.join(work, "x")), ISOLINUX_WAS.replace(b" quiet", b" quiet nomodeset"), "through NBD")
    for words, status, why in (("it's", 2, b"kernel arguments"), ("a" * 192, 2, b"kernel arguments")):
        r = subprocess.run([isopod, "plan", "--arguments", words, image], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check(r.returncode == status and why in r.stderr, "%s: %d %r" % (words[:9], r.returncode, r.stderr))
    write(os.path.join(work, "none.d/boot/grub/grub.cfg"), b"menuentry x { chainloader /x.efi }\n")
    none = os.path.join(work, "none.iso")
    run("genisoimage", "-quiet", "-R", "-o", none, os.path.join(work, "none.d"))
    r = subprocess.run([isopod, "plan", "--arguments", "x", none], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(r.returncode == 3 and b"kernel arguments cannot be given" in r.stderr, "no kernel line: %d %r" % (r.returncode, r.stderr))


def main():
    with tempfile.TemporaryDirectory() as work:
        write(os.path.join(work, "shim"), SHIM)
        iso(work)
        efi_fat(work)
        disks(work)
        command(work)


main()
finish()

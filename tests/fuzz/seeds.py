# SPDX-License-Identifier: BSD-2-Clause
"""Small volumes for the fuzz targets, made by third-party tools; used by *_seed.py. Every seed ends in four zero bytes (no
injected failure, see fuzz.h)."""
import os
import pathlib
import shutil
import subprocess
import tempfile

os.environ["PATH"] += ":/usr/sbin:/sbin"
CONTROL = bytes(4)


def run(*cmd, **kw):
    return subprocess.run([str(c) for c in cmd], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw).stdout


def fat(path, *mkfs, kib, files=()):
    run("mkfs.fat", *mkfs, "-C", path, kib)
    for name, data in files:
        parts = name.split("/")
        for i in range(1, len(parts)):
            subprocess.run(["mmd", "-i", str(path), "::" + "/".join(parts[:i])], stderr=subprocess.DEVNULL)
        run("mcopy", "-o", "-i", path, "-", "::" + name, input=data)
    return path.read_bytes()


def tree(root):
    for name, data in (("boot/grub/grub.cfg", b"menuentry"), ("live/vmlinuz", b"k" * 3000), ("e", b""),
                       ("a rather long name that does not fit eight and three.text", b"x"),
                       ("n" * 180, b"long"), ("\u00e4\u65e5", b"u"), ("a/b/c/d/e/f/g/h/i/j", b"deep")):
        p = root / name
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(data)
    (root / "link").symlink_to("live/../boot")
    (root / "loop").symlink_to("loop")


def isos():
    """name -> bytes of the whole image"""
    res = {}
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        src = tmp / "src"
        src.mkdir()
        tree(src)
        esp = fat(src / "efi.img", "-F", "12", kib=64, files=[("EFI/BOOT/BOOTX64.EFI", b"MZ")])
        (src / "bios.img").write_bytes(b"\xfa" * 2048)
        out = tmp / "o.iso"
        common = ["-V", "SEED", "-o", out, src]
        run("xorriso", "-as", "mkisofs", "-R", "-J", "-no-pad", "-b", "bios.img", "-c", "boot.cat", "-no-emul-boot",
            "-boot-load-size", "4", "-eltorito-alt-boot", "-e", "efi.img", "-no-emul-boot", *common)
        res["xorriso"] = out.read_bytes()
        run("genisoimage", "-quiet", "-R", "-J", "-no-pad", "-input-charset", "utf-8", *common)
        res["genisoimage"] = out.read_bytes()
        run("genisoimage", "-quiet", "-no-pad", "-iso-level", "3", "-input-charset", "utf-8", *common)
        res["plain"] = out.read_bytes()
        del esp
        shutil.rmtree(src)
    return res

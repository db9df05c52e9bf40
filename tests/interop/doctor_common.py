# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the doctor share: its findings as data, ISOs made by xorriso."""
import gzip, json, os, struct, tempfile, zlib

from cli_common import *

IPXE = "/usr/lib/ipxe/ipxe.iso"


def findings(*args, rc=None, **kw):
    """[(check, level, subject, evidence, fix)] of a run, whose status has to fit."""
    r = isopod("doctor", *args, "--json", **kw)
    if not check(r.rc in (0, 1) and "Sanitizer" not in r.err and "runtime error" not in r.err, "doctor %s: %d %r" % (args, r.rc, r.err[-500:])):
        return []
    j = json.loads(r.out)
    got = [(f["check"], f["level"], f["subject"], f["evidence"], f["fix"]) for f in j["findings"]]
    bad = [f for f in got if f[1] == "problem"]
    equal(r.rc, 1 if bad else 0, "status of doctor %s" % (args,))
    equal(j["problems"], len(bad), "problems counted")
    equal(j["verdict"], "problem" if bad else "warning" if any(f[1] == "warning" for f in got) else "good", "verdict")
    for f in got:
        check(f[3] != "" and (f[1] not in ("problem", "warning") or f[4]), "a finding has evidence, and a fix if something is wrong: %r" % (f,))
    if rc is not None:
        equal(r.rc, rc, "status of doctor %s: %r" % (args, [f for f in got if f[1] in ("problem", "warning")]))
    return got


def bytes_read(*args):
    """What a run and its children read of files and pipes: the same on a busy machine (proc(5), io: added to ours when they are reaped)."""
    def so_far():
        with open("/proc/self/io") as f:
            return int(f.readline().split()[1])

    before = so_far()
    isopod("doctor", *args)
    return so_far() - before


def of(got, check_id, subject=None):
    return [f for f in got if f[0] == check_id and (subject is None or f[2] == subject)]


def expect(got, check_id, level, *words, subject=None):
    """There is a finding of this check at this level, with these words in evidence or fix."""
    hits = [f for f in of(got, check_id, subject) if f[1] == level and all(w in (f[3] + " " + (f[4] or "")) for w in words)]
    return check(hits, "%s should be %s with %r: %r" % (check_id, level, words, of(got, check_id, subject)))


def no_alarm(got, what):
    bad = [f for f in got if f[1] in ("problem", "warning")]
    return check(not bad, "%s: no alarm: %r" % (what, bad))


def shims(folder):
    """Made-up stick files as make_data makes them, with shims and helpers of a size that the plan takes."""
    make_data(folder, 1)
    for name in ("SHIMX64", "SHIMIA32", "SHIMAA64", "WINX64.EXE", "WINIA32.EXE", "WINAA64.EXE"):
        os.truncate(os.path.join(folder, name), 40960)


def cpio(files):
    """A newc archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)."""
    out = b""
    for ino, (name, data) in enumerate(list(files.items()) + [("TRAILER!!!", b"")]):
        n = name.encode() + b"\0"
        out += b"070701" + b"".join(b"%08X" % v for v in (ino, 0o100755, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(n), 0)) + n
        out += bytes(-len(out) % 4)
        out += data + bytes(-len(data) % 4)
    return out


def bzimage(version="6.1.0-9-isopod", size=100000, seed=1, protocol=0x20F):
    """A kernel that starts nowhere, with the header of one (Linux, Documentation/arch/x86/boot.rst) and its CRC-32 at the end."""
    k = bytearray(random.Random(seed).randbytes(size // 16 * 16))
    k[0:2] = b"\xeb\xfe"
    k[0x1F1] = 4
    setup = 5 * 512
    struct.pack_into("<I", k, 0x1F4, (len(k) - setup) // 16)
    k[0x1FE:0x206] = b"\x55\xaa\xeb\x66HdrS"
    struct.pack_into("<HIHH", k, 0x206, protocol, 0, 0, 0x800)
    k[0x800:0x840] = (version.encode() + b" (isopod)").ljust(0x40, b"\0")
    struct.pack_into("<H", k, 0x20E, 0x600)
    struct.pack_into("<H", k, 0x236, 3)
    struct.pack_into("<II", k, 0x248, 0x100, 0x1000)
    struct.pack_into("<I", k, len(k) - 4, zlib.crc32(k[:-4]) ^ 0xFFFFFFFF)
    return bytes(k)


def squashfs_like(size, seed=1):
    """A squashfs with noise in it, stored as it is."""
    with tempfile.TemporaryDirectory() as t:
        os.mkdir(t + "/root")
        with open(t + "/root/noise", "wb") as f:
            f.write(random.Random(seed).randbytes(size))
        run("mksquashfs", t + "/root", t + "/s", "-quiet", "-no-progress", "-noI", "-noD", "-noF", "-noX", "-all-time", "0", "-mkfs-time", "0", check=True)
        with open(t + "/s", "rb") as f:
            return f.read()


def efi_program(seed=7):
    """Headers of an EFI program for x64 with one section, and noise in it."""
    pe = bytearray(4096)
    pe[0:2] = b"MZ"
    struct.pack_into("<I", pe, 0x3C, 0x80)
    pe[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<HHIIIHH", pe, 0x84, 0x8664, 1, 0, 0, 0, 0xF0, 0x22E)
    struct.pack_into("<H", pe, 0x98, 0x20B)
    struct.pack_into("<IIIHHHHHHIIIIH", pe, 0x98 + 16, 0x1000, 0x1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10)
    struct.pack_into("<II", pe, 0x98 + 32, 0x1000, 0x200)
    struct.pack_into("<II", pe, 0x98 + 56, 0x2000, 0x200)
    struct.pack_into("<H", pe, 0x98 + 68, 10)
    struct.pack_into("<I", pe, 0x98 + 108, 16)
    struct.pack_into("<8sIIIIIIHHI", pe, 0x98 + 0xF0, b".text", 0xE00, 0x1000, 0xE00, 0x200, 0, 0, 0, 0, 0x60000020)
    pe[0x200:] = random.Random(seed).randbytes(len(pe) - 0x200)
    return bytes(pe)


def tree(folder, menu="linux /live/vmlinuz boot=live\ninitrd /live/initrd.img\n", squashfs=6 * MIB, seed=1, initrd=200000):
    """A live system's files, of no use but to be looked at."""
    os.makedirs(folder + "/live")
    os.makedirs(folder + "/boot/grub")
    with open(folder + "/live/filesystem.squashfs", "wb") as f:
        f.write(squashfs_like(squashfs, seed))
    with open(folder + "/live/vmlinuz", "wb") as f:
        f.write(bzimage(seed=seed))
    with open(folder + "/live/initrd.img", "wb") as f:
        f.write(gzip.compress(cpio({"init": b"#!/bin/sh\n" + random.Random(seed).randbytes(initrd)}), mtime=0))
    with open(folder + "/boot/grub/grub.cfg", "w") as f:
        f.write("menuentry live {\n%s}\n" % menu)
    with open(folder + "/boot.bin", "wb") as f:
        f.write(b"\xeb\xfe" + bytes(2046))
    return folder


def iso(out, folder, label="PODTEST", *more):
    """An ISO with a BIOS boot image and an EFI loader in an appended partition."""
    run("truncate", "-s", "4M", out + ".esp", check=True)
    run("mkfs.fat", "-n", "EFI", out + ".esp", check=True)
    run("mmd", "-i", out + ".esp", "::EFI", "::EFI/BOOT", check=True)
    with open(out + ".pe", "wb") as f:
        f.write(efi_program())
    run("mcopy", "-i", out + ".esp", out + ".pe", "::EFI/BOOT/BOOTX64.EFI", check=True)
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", label, "-R", "-J", "-b", "boot.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4",
        "-eltorito-alt-boot", "-append_partition", "2", "0xef", out + ".esp", "-appended_part_as_gpt", "-e", "--interval:appended_partition_2:all::",
        "-no-emul-boot", *more, "-o", out, folder, check=True)
    os.unlink(out + ".esp")
    os.unlink(out + ".pe")
    return out


def noise_bytes(n, seed=7):
    return random.Random(seed).randbytes(n)


def patched(path, out, at, data):
    """A copy with `data` at `at`; `None` turns the byte there over. A change that changes nothing is a defect of the test."""
    run("cp", "--sparse=always", path, out, check=True)
    with open(out, "r+b") as f:
        f.seek(at)
        old = f.read(len(data) if data else 1)
        data = data or bytes([old[0] ^ 0xFF])
        assert data != old, "%s: these bytes are there already, at %d" % (path, at)
        f.seek(at)
        f.write(data)
    return out

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Images made by xorriso, genisoimage, grub-mkrescue, mkfs.fat, sfdisk and qemu-img: does the probe say what was made, agree with
xorriso's own report of the boot catalogue, and stay within 64 KiB of reading?"""
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile

from common import B, check, finish, run, sbin

sbin()


def probe(path):
    r = subprocess.run([f"{B}/interop/image", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out = dict(line.split("=", 1) for line in r.stdout.decode().splitlines())
    if r.stderr:
        out["status"] = "crash " + r.stderr.decode()[-400:]
    return out


def expect(name, path, **want):
    got = probe(path)
    bad = {k: (got.get(k), v) for k, v in {"status": "done", **want}.items() if got.get(k) != v}
    check(not bad, f"{name}: got/want {bad}")
    check(int(got.get("bytes", 1 << 40)) <= 65536, f"{name}: {got.get('bytes')} bytes read")
    return got


def boots(got):
    res = []
    for i in range(16):
        if f"boot{i}" in got:
            res.append(dict(f.replace("firmware=", "firmware:").split(":", 1) for f in got[f"boot{i}"].split()))
    return res


def same_as_xorriso(name, path, got):
    """platform, emulation, segment, count, LBA of each entry"""
    out = run("xorriso", "-indev", path, "-report_el_torito", "plain").decode()
    theirs = []
    for line in out.splitlines():
        m = re.match(r"El Torito boot img :\s+\d+\s+(\w+)\s+(\w)\s+([\w.]+)\s+0x(\w+)\s+0x\w+\s+(\d+)\s+(\d+)", line)
        if m:
            theirs.append((m[1] == "UEFI", m[2] == "y", {"none": 0, "flop": 1, "hd": 4}.get(m[3], 9), int(m[4], 16),
                           int(m[5]), int(m[6])))
    mine = [(b["platform"] == "ef", b["bootable"] == "1", int(b["media"]), int(b["segment"], 16), int(b["count"]),
             int(b["lba"])) for b in boots(got)]
    mine = [(e, y, min(m, 1) if m < 4 else m, s, c, lba) for e, y, m, s, c, lba in mine]
    theirs = [(e, y, m if m != 9 else 1, s, c, lba) for e, y, m, s, c, lba in theirs]
    check(theirs and mine == theirs, f"{name}: catalogue {mine} but xorriso says {theirs}")


def fat(path, kib, *loaders):
    path.write_bytes(b"")
    run("mkfs.fat", "-C", path.with_suffix(".new"), kib)
    path.with_suffix(".new").replace(path)
    if loaders:
        run("mmd", "-i", path, "::EFI", "::EFI/BOOT")
    for name in loaders:
        run("mcopy", "-i", path, "-", f"::EFI/BOOT/{name}", input=b"MZ" + bytes(100))


with tempfile.TemporaryDirectory() as tmp:
    tmp = pathlib.Path(tmp)
    src = tmp / "src"
    (src / "isolinux").mkdir(parents=True)
    shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", src / "isolinux")
    shutil.copy("/usr/lib/syslinux/modules/bios/ldlinux.c32", src / "isolinux")
    fat(src / "efi.img", 4096, "BOOTX64.EFI", "bootia32.efi", "BOOTAA64.EFI")
    fat(src / "big.img", 40 * 1024, "BOOTX64.EFI")  # more than 65535 sectors of 512 bytes
    fat(src / "nothing.img", 1440)
    fat(src / "floppy.img", 1440)
    (src / "padding").write_bytes(bytes(1 << 20))

    a = tmp / "a.iso"
    run("xorriso", "-as", "mkisofs", "-R", "-J", "-V", "HYBRID", "-isohybrid-mbr", "/usr/lib/ISOLINUX/isohdpfx.bin",
        "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4",
        "-boot-info-table", "-eltorito-alt-boot", "-e", "efi.img", "-no-emul-boot", "-isohybrid-gpt-basdat", "-o", a, src)
    got = expect("isohybrid", a, kind="iso", label="HYBRID", joliet="1", rock_ridge="1", hybrid_mbr="1", hybrid_gpt="1",
                 truncated="0", firmware="bios,x64,ia32,aa64", volume=str(a.stat().st_size))
    same_as_xorriso("isohybrid", a, got)
    check([b["length"] for b in boots(got)] == ["2048", str(4096 << 10)], f"isohybrid: lengths {boots(got)}")
    check([b["firmware"] for b in boots(got)] == ["bios", "x64,ia32,aa64"], f"isohybrid: firmware {boots(got)}")

    b = tmp / "b.iso"
    run("xorriso", "-as", "mkisofs", "-R", "-e", "big.img", "-no-emul-boot", "-o", b, src)
    got = expect("EFI only, image above 16 bits of sectors", b, kind="iso", firmware="x64", joliet="0", hybrid_mbr="0")
    same_as_xorriso("EFI only", b, got)
    check(boots(got)[0]["length"] == str(40 << 20), f"big EFI image: {boots(got)}")
    at = int(boots(got)[0]["entry"])
    for count in (0, 1):
        data = bytearray(b.read_bytes())
        struct.pack_into("<H", data, at + 6, count)
        (tmp / "c.iso").write_bytes(data)
        got = expect(f"sector count {count}", tmp / "c.iso", firmware="x64")
        check(boots(got)[0]["length"] == str(40 << 20), f"sector count {count}: {boots(got)}")

    d = tmp / "d.iso"
    run("genisoimage", "-quiet", "-R", "-b", "floppy.img", "-c", "boot.cat", "-o", d, src)
    got = expect("floppy emulation", d, kind="iso", firmware="")  # mkfs.fat's boot sector only says that it starts nothing
    same_as_xorriso("floppy emulation", d, got)
    check(boots(got)[0]["media"] == "2" and boots(got)[0]["length"] == "1474560", f"floppy emulation: {boots(got)}")

    # Some writers say "80x86" of the image for EFI too. It is as long as its FAT, not as the four sectors that a BIOS loads.
    u = tmp / "u.iso"
    run("xorriso", "-as", "mkisofs", "-R", "-b", "efi.img", "-no-emul-boot", "-boot-load-size", "4", "-o", u, src)
    got = expect("a FAT that is not marked EFI", u, kind="iso", firmware="")
    same_as_xorriso("a FAT that is not marked EFI", u, got)
    check([(b["platform"], b["length"]) for b in boots(got)] == [("00", str(4096 << 10))], f"a FAT that is not marked EFI: {boots(got)}")

    hd = src / "hd.img"
    hd.write_bytes(bytes(2 << 20))
    run("sfdisk", "-q", hd, input=b"label: dos\nstart=63, size=4032, type=6, bootable\n")
    h = tmp / "h.iso"
    run("genisoimage", "-quiet", "-R", "-hard-disk-boot", "-b", "hd.img", "-c", "boot.cat", "-o", h, src)
    got = expect("hard-disk emulation", h, kind="iso", firmware="bios")
    same_as_xorriso("hard-disk emulation", h, got)
    check(boots(got)[0]["media"] == "4" and boots(got)[0]["length"] == str(4095 * 512), f"hard disk: {boots(got)}")

    n = tmp / "n.iso"
    run("xorriso", "-as", "mkisofs", "-R", "-e", "nothing.img", "-no-emul-boot", "-o", n, src)
    expect("EFI image without a loader", n, kind="iso", firmware="", tree_efi="")
    (src / "EFI/BOOT").mkdir(parents=True)
    (src / "EFI/BOOT/BOOTX64.EFI").write_bytes(b"MZ")
    t = tmp / "t.iso"
    run("xorriso", "-as", "mkisofs", "-R", "-o", t, src)
    expect("loader in the tree only", t, kind="iso", firmware="x64", tree_efi="x64", catalog="0")

    g = tmp / "g.iso"
    run("grub-mkrescue", "-o", g, src / "EFI")
    got = expect("grub-mkrescue", g, kind="iso", hybrid_gpt="1", hybrid_mbr="1")
    same_as_xorriso("grub-mkrescue", g, got)
    check("bios" in got["firmware"] and "x64" in got["firmware"], f"grub-mkrescue: {got['firmware']}")

    cut = tmp / "cut.iso"
    cut.write_bytes(a.read_bytes()[:a.stat().st_size // 2])
    expect("truncated", cut, kind="iso", truncated="1")
    cut.write_bytes(t.read_bytes()[:-(150 * 2048)])
    expect("without padding", cut, kind="iso", truncated="0")

    disk = tmp / "disk.img"
    for label, types in (("dos", "type=ef"), ("gpt", "type=U")):
        disk.write_bytes(bytes(16 << 20))
        run("sfdisk", "-q", disk, input=f"label: {label}\nstart=2048, size=8192, {types}\nsize=8192\n".encode())
        with open(disk, "r+b") as f:
            f.seek(2048 * 512)
            f.write((src / "efi.img").read_bytes())
        expect(f"{label} disk", disk, kind="disk", firmware="x64,ia32,aa64", truncated="0")
        with open(disk, "r+b") as f:
            f.write(b"\xfa\x31\xc0")
        expect(f"{label} disk with boot code", disk, kind="disk", firmware="bios,x64,ia32,aa64")
    disk.write_bytes(bytes(16 << 20))
    run("sfdisk", "-q", disk, input=b"label: dos\nstart=2048, size=8192\n")
    disk.write_bytes(disk.read_bytes()[:2 << 20])
    expect("cut disk", disk, kind="disk", truncated="1")
    expect("FAT floppy", src / "floppy.img", kind="floppy", firmware="")
    coded = bytearray((src / "floppy.img").read_bytes())
    coded[62:510] = (b"\xfa\xf4" * 224)
    (tmp / "f").write_bytes(coded)
    expect("FAT floppy with boot code", tmp / "f", kind="floppy", firmware="bios")
    expect("FAT superfloppy", src / "efi.img", kind="disk", firmware="x64,ia32,aa64")
    (tmp / "f").write_bytes(bytes(510) + b"\x55\xaa" + bytes(1440 * 1024 - 512))
    expect("floppy of zeros", tmp / "f", kind="floppy", firmware="")
    (tmp / "f").write_bytes(b"\xfa\xf4" + bytes(508) + b"\x55\xaa" + bytes(1440 * 1024 - 512))
    expect("floppy without FAT", tmp / "f", kind="floppy", firmware="bios")

    for arch, bit in (("amd64-signed/grubx64.efi", "x64"), ("i386-efi", "ia32")):
        efi = list(pathlib.Path("/usr/lib").glob("grub/x86_64-efi-signed/grubx64.efi.signed")) if bit == "x64" else \
            list(pathlib.Path("/usr/lib").glob("grub/i386-efi/monolithic/grubia32.efi"))
        if efi:
            expect(f"EFI {bit}", efi[0], kind="efi", firmware=bit)
        else:
            check(False, f"no {bit} EFI program on this machine")
    for kind, fmt, opts in (("vhd", "vpc", []), ("vhd", "vpc", ["-o", "subformat=fixed"]), ("vhdx", "vhdx", [])):
        v = tmp / f"v.{kind}"
        run("qemu-img", "create", "-q", "-f", fmt, *opts, v, "8M")
        expect(f"{kind} {opts}", v, kind=kind, firmware="", truncated="0")
    (tmp / "w.wim").write_bytes(b"MSWIM\0\0\0" + struct.pack("<I", 208) + bytes(300))
    expect("wim", tmp / "w.wim", kind="wim", firmware="")
    for name, data in (("empty", b""), ("one byte", b"x"), ("text", b"hello\n" * 10000), ("zeros", bytes(100000)),
                       ("noise", bytes((i * i * 7919 >> 5) & 255 for i in range(100000)))):
        (tmp / "junk").write_bytes(data)
        expect(name, tmp / "junk", kind="unknown", firmware="")

finish()

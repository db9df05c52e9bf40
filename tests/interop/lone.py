#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Disk images whose kernels are started without an initrd: the file that the volume is shown to have more, read by GRUB, debugfs, e2fsck and
mtools; the boot menu that loads it, checked by GRUB's own parser; which entries get it, and which do not; no room for it."""
import pathlib
import re
import subprocess
import tempfile

from common import check, equal, finish, run, sbin
from disk_initrd import MIB, SHIM, START, disk, grub, kernel, plan, slice_of

sbin()
FREE = b"""set timeout=1
menuentry "a" {
	linux /boot/vmlinuz root=PARTUUID=706f6477-02 rootwait noinitrd
}
menuentry 'b' { linux (hd0,msdos1)/boot/vmlinuz console=tty0 root=/dev/sda2 ; }
"""


def tree(top, config=FREE, at="boot/grub/grub.cfg", more=None):
    subprocess.run(["rm", "-rf", top], check=True)
    for name, data in {"boot/vmlinuz": kernel(), at: config, **(more or {})}.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def is_archive(got):
    names = subprocess.run(["cpio", "-it", "--quiet"], input=got[2048:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    return got[:6] == b"070701" and b"isopod/shim" in names.split() and b"init" in names.split() and SHIM in got


def config_right(name, config, path):
    want = FREE.replace(b"noinitrd\n", b"noinitrd ;initrd /%s\n" % path).replace(b"sda2 ;", b"sda2 ;initrd (hd0,msdos1)/%s ;" % path)
    equal(config, want, f"{name}: the boot menu")
    said = subprocess.run(["grub-script-check"], input=config, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    equal((said.returncode, said.stdout), (0, b""), f"{name}: GRUB's parser")


def others_same(name, virtual, image, work, read, files):
    for path, data in files.items():
        check(read(virtual, path) == data, f"{name}: {path} is as it was")
    text = plan(work, image)[0]
    check("is served unchanged" not in text, f"{name}: {text}")


EXT = [
    ("ext2, 1K", ["-t", "ext2", "-b", "1024"]),
    ("ext2, no types in folders", ["-t", "ext2", "-b", "1024", "-O", "^filetype"]),
    ("ext2, revision 0", ["-r", "0", "-b", "1024"]),
    ("ext3, 2K", ["-t", "ext3", "-b", "2048"]),
    ("ext4, 4K", ["-t", "ext4", "-b", "4096"]),
    ("ext4, 1K, sums", ["-t", "ext4", "-b", "1024", "-O", "metadata_csum,64bit"]),
    ("ext4, seed", ["-t", "ext4", "-b", "4096", "-O", "metadata_csum_seed"]),
]


def ext(work, name, options):
    volume, image, size = work / "volume", work / "image.img", 24 * MIB
    more = {f"file-{i:03d}-with-a-name-of-some-length": b"%d" % i for i in range(120)}
    tree(work / "top", more=more)
    run("mke2fs", "-q", "-F", *options, "-d", work / "top", volume, "24M")
    disk(image, START + size, volume)
    text, virtual = plan(work, image)
    check("lone boot/vmlinuz" in text, f"{name}: {text}")
    check(is_archive(grub(virtual, "/lost+found")), f"{name}: GRUB reads another initrd")
    config_right(name, grub(virtual, "/boot/grub/grub.cfg"), b"lost+found")
    others_same(name, virtual, image, work, grub, {"/boot/vmlinuz": kernel(), **{"/" + p: d for p, d in list(more.items())[:20]}})
    part = slice_of(virtual, work, size)
    said = run("debugfs", "-R", "stat /lost+found", part).decode()
    check("Type: regular" in said and "Mode:  0644" in said, f"{name}: debugfs: {said}")
    listed = run("debugfs", "-R", "ls -l /", part).decode()
    check(re.search(r" 11 +100644 .*lost\+found", listed) and "orrupt" not in listed, f"{name}: debugfs: {listed[:300]}")
    run("debugfs", "-R", f"dump /lost+found {work}/dumped", part)
    check(is_archive((work / "dumped").read_bytes()), f"{name}: debugfs reads another initrd")
    # What is in use is not told anew; sums, folders and maps have to be right.
    said = subprocess.run(["e2fsck", "-fn", str(part)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout.decode()
    wrong = [line for line in said.splitlines() if re.search(r"checksum|invalid|illegal|corrupt|extent tree", line, re.I)]
    check(not wrong, f"{name}: e2fsck: {wrong[:3]}")


def fat_disk(work, bits, size, *options, grow=None):
    """A disk with what is in top/boot on a FAT volume, which `grow` may add to."""
    volume, image = work / "volume", work / "image.img"
    with open(volume, "wb") as f:
        f.truncate(size)
    run("mkfs.fat", "-F", bits, *options, volume)
    run("mcopy", "-s", "-i", volume, work / "top/boot", "::")
    if grow:
        grow(volume)
    disk(image, START + size, volume)
    return image


def fat(work, name, bits, size_mib, folders=0, full_root=False):
    def grow(volume):
        for i in range(folders):
            if subprocess.run(["mmd", "-i", str(volume), f"::D{i}"], stderr=subprocess.DEVNULL, check=False).returncode:
                break

    size = size_mib * MIB
    tree(work / "top")
    image = fat_disk(work, bits, size, *(["-s", "1"] if bits == 32 else []), "-n", "PODBOOT", grow=grow)
    text, virtual = plan(work, image)
    if full_root:
        check("there is no room for one in its volume" in text and "lone" not in text, f"{name}: {text}")
        equal(grub(virtual, "/boot/grub/grub.cfg"), FREE, f"{name}: the boot menu")
        return
    part = slice_of(virtual, work, size)
    check("lone boot/vmlinuz" in text, f"{name}: {text}")
    check(is_archive(grub(virtual, "/isopod.cpi")), f"{name}: GRUB reads another initrd")
    check(is_archive(run("mtype", "-i", part, "::isopod.cpi")), f"{name}: mtools read another initrd")
    config_right(name, grub(virtual, "/boot/grub/grub.cfg"), b"isopod.cpi")
    before, after = (run("mdir", "-a", "-b", "-i", slice_of(v, work, size), "::").decode().split("\n") for v in (image, virtual))
    equal([x for x in after if "isopod" not in x.lower()], before, f"{name}: the root folder")
    others_same(name, virtual, image, work, grub, {"/boot/vmlinuz": kernel()})


def fat_slots(work):
    """An entry that was deleted is used; and one that ended the folder, behind which bytes lie that mean nothing."""
    size = 16 * MIB
    tree(work / "top")
    for name, at, entries in (("deleted", 32, b"\xe5" + b"OLD    TXT" + bytes(21) + b"STAYS   TXT" + b"\x20" + bytes(20)),
                              ("rubbish", 64, b"GARBAGE BIN\x20" + bytes(20))):
        def grow(volume):
            with open(volume, "r+b") as f:
                boot = f.read(512)
                root = int.from_bytes(boot[14:16], "little") * 512 + boot[16] * int.from_bytes(boot[22:24], "little") * 512
                f.seek(root + at)
                f.write(entries)

        image = fat_disk(work, 16, size, grow=grow)
        text, virtual = plan(work, image)
        listed = run("mdir", "-a", "-b", "-i", slice_of(virtual, work, size), "::").decode().upper()
        check("lone boot/vmlinuz" in text and "ISOPOD.CPI" in listed, f"{name}: {text} {listed}")
        equal(("STAYS.TXT" in listed, "GARBAGE" in listed), (name == "deleted", False), f"{name}: {listed}")


def entries(work):
    """Which kernels get one: a table of menus, and of what has to be in what is served."""
    root = b"root=PARTUUID=706f6477-02"
    cases = [
        ("an initrd in the entry", b"menuentry a {\n linux /boot/vmlinuz " + root + b"\n initrd /boot/none\n}\n", None),
        ("one by a condition", b"menuentry a {\n linux /boot/vmlinuz " + root + b"\n if [ -s /u ]; then\n initrd /u\n fi\n}\n", None),
        ("root by UUID", b"menuentry a {\n linux /boot/vmlinuz root=UUID=12\n}\n", None),
        ("the last root counts", b"menuentry a {\n linux /boot/vmlinuz root=UUID=12 " + root + b"\n}\n", b"02 ;initrd /"),
        ("another way round", b"menuentry a {\n linux /boot/vmlinuz " + root + b" root=LABEL=x\n}\n", None),
        ("no root", b"menuentry a {\n linux /boot/vmlinuz quiet\n}\n", None),
        ("a ramdisk", b"menuentry a {\n linux /boot/vmlinuz root=/dev/ram0\n}\n", None),
        ("over the network", b"menuentry a {\n linux /boot/vmlinuz root=/dev/nfs\n}\n", None),
        ("built in, by label", b"menuentry a {\n linux /boot/vmlinuz boot=LABEL=POD disk=LABEL=STORE quiet\n}\n", b"quiet ;initrd /"),
        ("built in, by UUID", b"menuentry a {\n linux /boot/vmlinuz boot=UUID=1234-5678 quiet\n}\n", b"quiet ;initrd /"),
        ("another volume's kernel", b"menuentry a {\n linux /other/vmlinuz " + root + b"\n}\n", None),
        ("no Linux", b"menuentry a {\n linux /boot/text " + root + b"\n}\n", None),
        ("numbers", b"menuentry a {\n linux /boot/vmlinuz root=8:2\n}\n", b"8:2 ;initrd /"),
        ("16 bits", b"menuentry a {\n linux16 /boot/vmlinuz " + root + b"\n}\n", b" ;initrd16 /"),
        ("EFI", b"menuentry a {\n linuxefi /boot/vmlinuz " + root + b"\n}\n", b" ;initrdefi /"),
        ("a device", b"menuentry a {\n linux ($root)/boot/vmlinuz " + root + b"\n}\n", b" ;initrd ($root)/"),
        ("a quoted kernel", b"menuentry a {\n linux \"/boot/vmlinuz\" " + root + b"\n}\n", None),
        ("in a condition", b"menuentry a {\n linux /boot/vmlinuz " + root + b" || true\n}\n", None),
        ("a line that goes on", b"menuentry a {\n linux /boot/vmlinuz \\\n " + root + b" \\\n quiet\n}\n", b" quiet ;initrd /"),
        ("no entry", b"linux /boot/vmlinuz " + root + b"\nboot\n", b"02 ;initrd /"),
        ("one of two", b"menuentry a {\n linux /boot/vmlinuz " + root + b"\n}\nmenuentry b {\n linux /boot/vmlinuz " + root + b" b\n initrd /boot/x\n}\n",
         b"02 ;initrd /"),
        ("SYSLINUX", b"default a\nlabel a\n kernel /boot/vmlinuz\n append " + root + b" quiet\n", b"quiet initrd=/"),
        ("SYSLINUX with one", b"default a\nlabel a\n kernel /boot/vmlinuz\n append initrd=/boot/x " + root + b"\n", None),
        ("SYSLINUX, on a line of its own", b"label a\n linux /boot/vmlinuz\n initrd /boot/x\n append " + root + b"\n", None),
        ("BLS", b"title a\nlinux /boot/vmlinuz\noptions quiet " + root + b"\narchitecture x64\n", b"\ninitrd /"),
        ("BLS with one", b"title a\nlinux /boot/vmlinuz\ninitrd /boot/x\noptions quiet " + root + b"\n", None),
        ("BLS, a program", b"title a\nefi /boot/vmlinuz\noptions " + root + b"\n", None),
        ("BLS without arguments", b"title a\nlinux /boot/vmlinuz\n", None),
    ]
    for name, config, want in cases:
        at = "boot/syslinux.cfg" if "SYSLINUX" in name else "boot/entries/a.conf" if "BLS" in name else "boot/grub/grub.cfg"
        tree(work / "top", config, at, {"boot/text": b"x" * 4000})
        image = fat_disk(work, 16, 16 * MIB)
        text, virtual = plan(work, image)
        got = grub(virtual, "/" + at)
        if want is None:
            equal(("lone " in text, got), (False, config), f"{name}: {text}")
        else:
            end = want.split(b" ")[-1]
            check(got.count(end + b"isopod.cpi") == 1 and want + b"isopod.cpi" in got and "lone boot/vmlinuz" in text, f"{name}: {text}\n{got}")
            equal(re.sub(rb"[ \n];?initrd(16|efi)?[ =](\(\$root\))?/isopod.cpi", b"", got), config, f"{name}: nothing else is changed")
    with_words = plan(work, image, "acpi=off")
    check("lone" not in with_words[0], f"SYSLINUX, with words: {with_words[0]}")


def words(work):
    """Arguments for once, and the initrd, in one menu."""
    tree(work / "top")
    _, virtual = plan(work, fat_disk(work, 16, 16 * MIB), "acpi=off -rootwait")
    equal(grub(virtual, "/boot/grub/grub.cfg"), FREE.replace(b" rootwait noinitrd\n", b" noinitrd acpi=off ;initrd /isopod.cpi\n").replace(
        b"sda2 ;", b"sda2 acpi=off ;initrd (hd0,msdos1)/isopod.cpi ;"), "arguments and an initrd")


def full(work):
    def grow(volume):
        left = int(re.search(r"([\d ]+) bytes free", run("mdir", "-i", volume, "::").decode())[1].replace(" ", ""))
        (work / "filler").write_bytes(b"f" * left)
        run("mcopy", "-i", volume, work / "filler", "::")

    tree(work / "top")
    image = fat_disk(work, 12, 8 * MIB, grow=grow)
    text, virtual = plan(work, image)
    check("there is no room for one in its volume" in text, f"full: {text}")
    equal(grub(virtual, "/boot/grub/grub.cfg"), FREE, "full: the boot menu")


with tempfile.TemporaryDirectory() as folder:
    tmp = pathlib.Path(folder)
    for title, how in EXT:
        ext(tmp, title, how)
    fat(tmp, "FAT12", 12, 8)
    fat(tmp, "FAT16", 16, 24)
    fat(tmp, "FAT32", 32, 40)
    fat(tmp, "FAT32, the last place of a cluster", 32, 40, 13)
    fat(tmp, "FAT32, a further cluster", 32, 40, 20)
    fat(tmp, "FAT32, no place for a name", 32, 40, 14, full_root=True)
    fat(tmp, "FAT16, no place for a name", 16, 24, 600, full_root=True)
    fat_slots(tmp)
    entries(tmp)
    words(tmp)
    full(tmp)
finish()

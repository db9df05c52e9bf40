# SPDX-License-Identifier: BSD-2-Clause
"""Faults of the stick itself: boot code, ESP, tables, data partition."""
from case import *
from volumes import Esp, Exfat

SLOT_A, SLOT_B, FIELDS = 34 * 512, 1040 * 512, 0x1A0
UPDATE = "isopod update"


def mended(path):
    """The remedy that the doctor names."""
    must("update", path, data=STICK)


# --- boot code -----------------------------------------------------------------------------------------------------------------


def code(*words, at=0x100):
    """Somebody else's 440 bytes: code, and in it what it prints."""
    def make(w):
        b = bytearray(noise_bytes(440, 3))
        b[at:at + len(b"".join(words))] = b"".join(words)
        return poke(w.stick(), 0, bytes(b[:440]))
    return make


def file_code(path):
    """Boot code of a program that is installed here."""
    def make(w):
        return poke(w.stick(), 0, peek(path, 0, 440))
    return make


def field(at, value):
    return lambda w: poke(w.stick(), FIELDS + at, value)


def turned(at, *options):
    """One byte turned over."""
    def make(w):
        s = w.stick(*options)
        return poke(s, at, bytes([peek(s, at, 1)[0] ^ 0x10]))
    return make


def swapped_words(w):
    """The sum of stage 2 stays right."""
    s = w.stick()
    a, b = peek(s, SLOT_A + 0x1000, 4), peek(s, SLOT_A + 0x2000, 4)
    poke(s, SLOT_A + 0x1000, b)
    return poke(s, SLOT_A + 0x2000, a)


def slot_b_damaged(w):
    """The second slot is the current one."""
    s = updated_from_other(w)
    return poke(s, SLOT_B + 5000, b"\xde\xad\xbe\xef")


def other_data(w, version):
    """The files of another version: every program differs in some bytes that nobody reads."""
    out = "data-" + version
    if not os.path.isdir(out):
        shutil.copytree(STICK, out)
        for name in os.listdir(out):
            if name != "FONT.BIN":
                path = os.path.join(out, name)
                old = open(path, "rb").read()
                at = max(old.rfind(b"\0" * 16), 0) if name != "mbr.bin" else 0x190
                with open(path, "r+b") as f:
                    f.seek(at)
                    f.write(bytes([old[at] ^ 0x55]))
    return out


def of_version(version, listed=True):
    """A sound stick that another version has made."""
    def make(w):
        s = w.copy(w.once("empty", lambda path: must("create", path, "--size", "96M", data=other_data(w, version))), ".img")
        e = Esp(s)
        if not listed:
            run("mdel", *e.options(), "::ISOPOD/FILES.TXT", check=True)
            return s
        at = e.data("ISOPOD/FILES.TXT")
        text = peek(s, at, 40)
        assert text.startswith(b"# Isopod 0.")
        is_now = text.split(b"\n")[0].split(b" ")[2].decode()
        assert len(is_now) == len(version)
        return poke(s, at + len("# Isopod "), version.encode())
    return make


def updated_from_other(w):
    s = of_version("0.1.9")(w)
    mended(s)
    assert peek(s, FIELDS, 4) == struct.pack("<I", 1040)
    return s


# --- the ESP's files -------------------------------------------------------------------------------------------------------------


def without(path):
    def make(w):
        s = w.stick()
        run("mdel", *Esp(s).options(), "::" + path, check=True)
        return s
    return make


def without_folder(path):
    def make(w):
        s = w.stick()
        run("mdeltree", *Esp(s).options(), "::" + path, check=True)
        return s
    return make


def damaged(path, at=4000):
    def make(w):
        s = w.stick()
        at_ = Esp(s).data(path) + at
        return poke(s, at_, bytes([peek(s, at_, 1)[0] ^ 0x40]))
    return make


def replaced(path, source):
    """With another file's contents."""
    def make(w):
        s = w.stick()
        if callable(source):
            with open("other", "wb") as f:
                f.write(source())
        run("mcopy", "-o", *Esp(s).options(), "other" if callable(source) else source, "::" + path, check=True)
        return s
    return make


def zeroed(path, length):
    return lambda w: (lambda s: poke(s, Esp(s).data(path), bytes(length)))(w.stick())


def loader(*words):
    """A PE program with these words in it."""
    def make():
        b = bytearray(noise_bytes(8192, 5))
        b[0:2] = b"MZ"
        struct.pack_into("<I", b, 0x3C, 0x80)
        b[0x80:0x84] = b"PE\0\0"
        struct.pack_into("<HH", b, 0x84, 0x8664, 0)
        struct.pack_into("<HH", b, 0x94, 0xF0, 0x22)
        struct.pack_into("<H", b, 0x98, 0x20b)
        at = 0x800
        for w in words:
            b[at:at + len(w)] = w
            at += len(w) + 16
        return bytes(b)
    return make


def wide(text):
    return text.encode("utf-16-le")


def split_shim(w):
    """SHIMX64 with every second cluster moved to the end: too many pieces to hand on."""
    s = w.stick()
    e = Esp(s)
    before = e.first("ISOPOD/SHIMX64")
    while True:
        odd = e.linked(before)
        if odd >= 0xFFF8 or e.linked(odd) >= 0xFFF8:
            return s
        free, after = e.free(), e.linked(odd)
        e.link(free, after)
        e.link(before, free)
        poke(s, e.place(free), peek(s, e.place(odd), e.cluster))
        e.link(odd, 0)
        before = after


# --- the ESP's volume --------------------------------------------------------------------------------------------------------------


def on_esp(change):
    def make(w):
        s = w.stick()
        change(Esp(s))
        return s
    return make


def crossed(e):
    e.link(e.first("ISOPOD/SHIMX64") + 3, e.first("EFI/BOOT/BOOTX64.EFI") + 8)


def looped(e):
    c = e.first("EFI/BOOT/BOOTX64.EFI")
    e.link(c + 9, c + 4)


def state_cut(e):
    poke(e.stick, e.entry("ISOPOD/STATE.BIN") + 28, struct.pack("<I", 4096))


def esp_gone(w):
    s = w.stick()
    return poke(s, 446 + 16, bytes(16))


# --- tables ----------------------------------------------------------------------------------------------------------------------


def gpt_repaired(path):
    """gdisk, then our own part."""
    run("sgdisk", "-e", path, check=True)
    mended(path)


def gpt_backup(change):
    def make(w):
        s = w.stick("--table", "gpt")
        change(s, os.path.getsize(s) - 512)
        return s
    return make


def both_headers(w):
    s = w.stick("--table", "gpt")
    poke(s, 512, bytes(512))
    return poke(s, os.path.getsize(s) - 512, bytes(512))


def over(image):
    """Written over the beginning of a stick, as dd or an imaging program does; a drive, since the file would be that image itself."""
    def make(w):
        s = w.stick()
        with open(image(w), "rb") as f, open(s, "r+b") as out:
            out.write(f.read())
        return w.block(s)
    return make


def formatted(w):
    path = w.fresh(".img")
    run("truncate", "-s", "20M", path, check=True)
    run("mkfs.fat", path, check=True)
    return path


# --- data partition --------------------------------------------------------------------------------------------------------------


def on_exfat(change):
    def make(w):
        s = w.stick()
        change(Exfat(s))
        return s
    return make


def first_file_cluster(e):
    """Of the first file in the root's first folder."""
    return struct.unpack("<I", peek(e.stick, e.entry(0xC0) + 20, 4))[0]


def same_clusters(w):
    """Two images on the same clusters."""
    s = w.stick()
    shutil.copyfile(w.iso(), "second.iso")
    must("add", s, "second.iso", data=STICK)
    e = Exfat(s)
    a, b = [at for at, name in e.sets(first_file_cluster(e)) if name.endswith(".iso")]
    e.change(b, 32 + 20, peek(s, a + 32 + 20, 4))
    return s


def outside(w):
    """An image whose clusters lie behind the end of the volume."""
    s = w.stick()
    e = Exfat(s)
    at = [at for at, name in e.sets(first_file_cluster(e)) if name.endswith(".iso")][0]
    e.change(at, 32 + 20, struct.pack("<I", e.count - 2))
    return s


def overlapping(w):
    """The ESP begins inside the data partition."""
    s = w.stick()
    start = struct.unpack("<I", peek(s, 446 + 16 + 8, 4))[0]
    poke(s, 446 + 12, struct.pack("<I", start - 2048 + 4096))
    return s


ALSO_IMAGE = (IMAGE,)  # what an image needs from the ESP is told at the image, too

FAULTS = [
    # the MBR's code
    Fault("MBR: zeros", lambda w: poke(w.stick(), 0, bytes(440)), DRIVE, "MBR", "zeros", UPDATE, cure=mended),
    Fault("MBR: zeros, GPT", lambda w: poke(w.stick("--table", "gpt"), 0, bytes(440)), DRIVE, "MBR", "zeros", UPDATE, cure=mended),
    Fault("MBR: GRUB", code(b"GRUB \0Geom\0Hard Disk\0Read\0 Error\0"), DRIVE, "MBR", "GRUB", UPDATE, cure=mended),
    Fault("MBR: GRUB's boot.img", file_code("/usr/lib/grub/i386-pc/boot.img"), DRIVE, "MBR", "GRUB", UPDATE, quick=False),
    Fault("MBR: Ventoy", code(b"VT\0Ge\0HD\0", at=0x190), DRIVE, "MBR", "Ventoy", UPDATE, cure=mended),
    Fault("MBR: syslinux", code(b"Missing operating system.\r\nOperating system load error.\r\n"), DRIVE, "MBR", "syslinux", UPDATE, cure=mended),
    Fault("MBR: isohybrid", file_code("/usr/lib/ISOLINUX/isohdpfx.bin"), DRIVE, "MBR", "isolinux", UPDATE, cure=mended),
    Fault("MBR: Windows", code(b"Invalid partition table\0Error loading operating system\0Missing operating system"), DRIVE, "MBR", "Windows", UPDATE,
          cure=mended),
    Fault("MBR: mkfs.fat's stub", code(b"This is not a bootable disk.  Please insert"), DRIVE, "MBR", "mkfs.fat", UPDATE, cure=mended),
    Fault("MBR: somebody's", code(b"hello"), DRIVE, "MBR", "not Isopod's", UPDATE, cure=mended),
    Fault("MBR: one bit", turned(0x40), DRIVE, "MBR", "damaged", UPDATE, cure=mended),
    Fault("MBR: no place of stage 2", field(0, b"\x77\x07\0\0"), DRIVE, "MBR", "stage 2", UPDATE, cure=mended),
    Fault("MBR: stage 2 too long", field(4, b"\xff\xff"), DRIVE, "MBR", "65535", UPDATE, cure=mended),
    Fault("MBR: stage 2 without length", field(4, b"\0\0"), DRIVE, "MBR", "0 sectors", UPDATE, cure=mended),
    Fault("MBR: another sum", field(8, b"\x12\x34\x56\x78"), DRIVE, "stage 2 in slot A", "first sector names", UPDATE, cure=mended),
    Fault("stage 2: zeros", lambda w: poke(w.stick(), SLOT_A, bytes(os.path.getsize(os.path.join(STICK, "stage2.bin")))), DRIVE, "stage 2 in slot A", "zeros", UPDATE, cure=mended),
    Fault("stage 2: one bit", turned(SLOT_A + 7777), DRIVE, "stage 2 in slot A", "damaged", UPDATE, cure=mended),
    Fault("stage 2: one bit, GPT", turned(SLOT_A + 7777, "--table", "gpt"), DRIVE, "stage 2 in slot A", "damaged", UPDATE, cure=mended),
    Fault("stage 2: two words swapped", swapped_words, DRIVE, "stage 2 in slot A", "damaged", UPDATE, cure=mended),
    Fault("stage 2: GRUB's core image over it", lambda w: poke(w.stick(), 512, noise_bytes(30000)), DRIVE, "stage 2 in slot A", "damaged", UPDATE,
          cure=mended),
    Fault("stage 2: slot B, in use, damaged", slot_b_damaged, DRIVE, "stage 2 in slot B", "damaged", UPDATE, cure=mended),
    # the files
    *[Fault("ESP: %s missing" % p, without(p), DRIVE, p, "missing", UPDATE, also=ALSO_IMAGE, cure=mended, quick="X64" in p) for p in
      ("EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/BOOTIA32.EFI", "EFI/BOOT/BOOTAA64.EFI", "ISOPOD/SHIMX64", "ISOPOD/SHIMAA64", "ISOPOD/WINX64.EXE",
       "ISOPOD/FONT.BIN", "ISOPOD/STATE.BIN")],
    *[Fault("ESP: %s, one bit" % p, damaged(p), DRIVE, p, "damaged", UPDATE, also=ALSO_IMAGE, cure=mended, quick="X64" in p) for p in
      ("EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/BOOTIA32.EFI", "ISOPOD/SHIMX64", "ISOPOD/SHIMIA32", "ISOPOD/WINX64.EXE", "ISOPOD/FONT.BIN")],
    Fault("ESP: loader of zeros", zeroed("EFI/BOOT/BOOTX64.EFI", os.path.getsize(os.path.join(STICK, "BOOTX64.EFI"))), DRIVE,
          "EFI/BOOT/BOOTX64.EFI", "zeros", UPDATE, cure=mended),
    Fault("ESP: empty loader", replaced("EFI/BOOT/BOOTX64.EFI", lambda: b""), DRIVE, "EFI/BOOT/BOOTX64.EFI", "empty", UPDATE, cure=mended),
    Fault("ESP: loader cut off", replaced("EFI/BOOT/BOOTX64.EFI", lambda: open(STICK + "/BOOTX64.EFI", "rb").read()[:200000]), DRIVE,
          "EFI/BOOT/BOOTX64.EFI", "damaged", UPDATE, cure=mended),
    Fault("ESP: GRUB in the loader's place", replaced("EFI/BOOT/BOOTX64.EFI", "/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi"), DRIVE,
          "EFI/BOOT/BOOTX64.EFI", "GRUB", UPDATE, cure=mended),
    Fault("ESP: shim in the loader's place", replaced("EFI/BOOT/BOOTX64.EFI", "/usr/lib/shim/shimx64.efi.signed"), DRIVE, "EFI/BOOT/BOOTX64.EFI",
          "shim", UPDATE, cure=mended),
    Fault("ESP: systemd-boot in the loader's place", replaced("EFI/BOOT/BOOTX64.EFI", loader(b"#### LoaderInfo: systemd-boot 252 ####")), DRIVE,
          "EFI/BOOT/BOOTX64.EFI", "systemd-boot", UPDATE, cure=mended),
    Fault("ESP: Windows in the loader's place", replaced("EFI/BOOT/BOOTX64.EFI", loader(wide("bootmgfw.efi"))), DRIVE, "EFI/BOOT/BOOTX64.EFI",
          "Windows", UPDATE, cure=mended),
    Fault("ESP: rEFInd in the loader's place", replaced("EFI/BOOT/BOOTX64.EFI", loader(wide("rEFInd 0.14"))), DRIVE, "EFI/BOOT/BOOTX64.EFI", "rEFInd",
          UPDATE, cure=mended),
    Fault("ESP: a text in the shim's place", replaced("ISOPOD/SHIMX64", lambda: b"hello\n" * 100), DRIVE, "ISOPOD/SHIMX64", "damaged", UPDATE,
          also=ALSO_IMAGE, cure=mended),
    Fault("ESP: shim in two pieces", split_shim, DRIVE, "ISOPOD/SHIMX64", "piece", UPDATE, also=ALSO_IMAGE, cure=mended),
    Fault("ESP: no EFI folder", without_folder("EFI"), DRIVE, "EFI/BOOT/BOOTX64.EFI", "missing", UPDATE, cure=mended),
    Fault("ESP: no ISOPOD folder", without_folder("ISOPOD"), DRIVE, "EFI/BOOT/BOOTX64.EFI", "none of Isopod's files", UPDATE, also=ALSO_IMAGE, cure=mended),
    Fault("state file: garbage", on_esp(lambda e: poke(e.stick, e.data("ISOPOD/STATE.BIN"), noise_bytes(256 << 10))), DRIVE, "ISOPOD/STATE.BIN",
          "not the boot manager's", UPDATE, cure=mended),
    Fault("state file: a text", on_esp(lambda e: poke(e.stick, e.data("ISOPOD/STATE.BIN"), b"All work and no play\n" * 12000)), DRIVE,
          "ISOPOD/STATE.BIN", "not the boot manager's", UPDATE, cure=mended),
    Fault("state file: cut off", on_esp(state_cut), DRIVE, "ISOPOD/STATE.BIN", "short", UPDATE, cure=mended),
    # versions
    Fault("an older version", of_version("0.1.9"), DRIVE, "0.1.9", UPDATE, cure=mended),
    Fault("a newer version", of_version("9.9.9"), DRIVE, "9.9.9", "newer"),
    Fault("an older version without a list", of_version("0.1.9", listed=False), DRIVE, "EFI/BOOT/BOOTX64.EFI", "older", UPDATE, cure=mended),
    Fault("one loader of another version", replaced("EFI/BOOT/BOOTX64.EFI", lambda: open("data-0.1.9/BOOTX64.EFI", "rb").read()), DRIVE,
          "EFI/BOOT/BOOTX64.EFI", "damaged", UPDATE, cure=mended),
    # the volume of the ESP
    Fault("ESP: the FATs differ", on_esp(lambda e: e.link(e.free(), 0xFFFF, copies=1)), DRIVE, "ESP", "copies of the FAT differ", UPDATE, cure=mended),
    Fault("ESP: lost clusters", on_esp(lambda e: e.link(e.free(), 0xFFFF)), DRIVE, "ESP", "1 clusters", UPDATE, cure=mended),
    Fault("ESP: two files on the same clusters", on_esp(crossed), DRIVE, "ISOPOD/SHIMX64", "EFI/BOOT/BOOTX64.EFI", UPDATE, also=ALSO_IMAGE, cure=mended),
    Fault("ESP: a chain in a circle", on_esp(looped), DRIVE, "EFI/BOOT/BOOTX64.EFI", "chain", UPDATE, cure=mended),
    Fault("ESP: dirty", on_esp(lambda e: e.link(1, 0x7FFF)), DRIVE, "ESP", "dirty", level=("note",)),
    Fault("ESP: marked for read errors", on_esp(lambda e: e.link(1, 0xBFFF)), DRIVE, "ESP", "read errors"),
    Fault("ESP: boot sector of zeros", on_esp(lambda e: poke(e.stick, e.start, bytes(512))), DRIVE, "ESP", UPDATE, also=ALSO_IMAGE, cure=mended),
    Fault("ESP: all zeros", on_esp(lambda e: poke(e.stick, e.start, bytes(8 * MIB))), DRIVE, "ESP", UPDATE, also=ALSO_IMAGE, cure=mended),
    Fault("ESP: more sectors than the partition", on_esp(lambda e: poke(e.stick, e.start + 32, struct.pack("<I", 300000))), DRIVE, "ESP", "no FAT volume", UPDATE,
          also=ALSO_IMAGE, cure=mended),
    Fault("ESP: another place in its boot sector", on_esp(lambda e: poke(e.stick, e.start + 28, b"\x3f\0\0\0")), DRIVE, "ESP", "begins",
          level=("note",)),
    Fault("ESP: not in the table", esp_gone, DRIVE, "ESP", also=ALSO_IMAGE),
    # tables
    Fault("MBR: first sector of zeros", lambda w: poke(w.stick(), 0, bytes(512)), DRIVE, "MBR", "partition table", "data partition"),
    Fault("MBR: no signature", lambda w: poke(w.stick(), 510, b"\0\0"), DRIVE, "MBR", "partition table"),
    Fault("MBR: data partition beyond the end", lambda w: poke(w.stick(), 446 + 12, b"\xff\xff\xff\x7f"), DRIVE, "partition"),
    Fault("MBR: no data partition", lambda w: poke(w.stick(), 446, bytes(16)), DRIVE, "data partition"),
    Fault("GPT: first sector of zeros", lambda w: poke(w.stick("--table", "gpt"), 0, bytes(512)), DRIVE, "MBR", "GPT", "gdisk", cure=gpt_repaired),
    Fault("GPT: header damaged", turned(512 + 60, "--table", "gpt"), DRIVE, "GPT", "first copy", "sgdisk", cure=gpt_repaired),
    Fault("GPT: entries damaged", turned(1024 + 40, "--table", "gpt"), DRIVE, "GPT", "first copy", "sgdisk", cure=gpt_repaired),
    Fault("GPT: backup wiped", gpt_backup(lambda s, at: poke(s, at, bytes(512))), DRIVE, "GPT", "second copy", "sgdisk", cure=gpt_repaired),
    Fault("GPT: backup's entries damaged", gpt_backup(lambda s, at: poke(s, at - 32 * 512, noise_bytes(64))), DRIVE, "GPT", "second copy", "sgdisk",
          cure=gpt_repaired),
    Fault("GPT: both headers wiped", both_headers, DRIVE, "GPT", "both copies"),
    Fault("an ISO written over the stick", over(lambda w: w.iso()), DRIVE, "MBR", "ISO", "isopod create"),
    Fault("the whole drive formatted", over(formatted), DRIVE, "MBR", "one fat volume", "isopod create"),
    Fault("MBR: overlapping partitions", overlapping, DRIVE, "partition 1", "partition 2"),
    # the data partition
    Fault("exFAT: two images on the same clusters", same_clusters, DRIVE, "second.iso", also=ALSO_IMAGE),
    Fault("exFAT: an image beyond the end", outside, DRIVE, "/images", "1 files", also=ALSO_IMAGE),
    Fault("exFAT: main boot region", on_exfat(lambda e: poke(e.stick, e.start + 0x6D, b"\xff")), DRIVE, "", "main boot region", "fsck.exfat"),
    Fault("exFAT: boot checksum", on_exfat(lambda e: poke(e.stick, e.start + 11 * e.sector, b"\0\1\2\3")), DRIVE, "", "main boot region"),
    Fault("exFAT: backup boot region", on_exfat(lambda e: poke(e.stick, e.start + 12 * e.sector, bytes(512))), DRIVE, "", "copy of the boot region"),
    Fault("exFAT: both boot regions", on_exfat(lambda e: [poke(e.stick, e.start + i * e.sector, bytes(512)) for i in (0, 12)]), DRIVE, "partition 1"),
    Fault("exFAT: dirty", on_exfat(lambda e: poke(e.stick, e.start + 0x6A, b"\x02")), DRIVE, "", "not unmounted", level=("note",)),
    Fault("exFAT: a file's cluster is free", on_exfat(lambda e: e.flip(first_file_cluster(e))), DRIVE, "", "marked as free"),
    Fault("exFAT: lost cluster", on_exfat(lambda e: e.flip(e.count)), DRIVE, "", "belong to no file"),
    Fault("exFAT: bitmap entry gone", on_exfat(lambda e: poke(e.stick, e.entry(0x81), b"\x01")), DRIVE, "", "bitmap"),
    Fault("exFAT: upcase table damaged", on_exfat(lambda e: poke(e.stick, e.entry(0x82) + 4, b"\0\1\2\3")), DRIVE, "", "up-case|upcase"),
]

def sectors_of_4096(w):
    """A drive that counts in 4096 bytes."""
    path = w.fresh(".img")
    run("truncate", "-s", "200M", path, check=True)
    dev = w.block(path, 4096)
    must("create", dev, "--yes", data=STICK)
    must("add", dev, w.iso(), data=STICK)
    return dev


SOUND = [
    Sound("sectors of 4096 bytes", sectors_of_4096),
    Sound("MBR", lambda w: w.stick()),
    Sound("MBR, no images", lambda w: w.stick(images=False)),
    Sound("GPT", lambda w: w.stick("--table", "gpt")),
    Sound("NTFS", lambda w: w.stick("--fs", "ntfs")),
    Sound("GPT, more than 2 TiB", lambda w: w.stick("--size", "3T", images=False)),
    Sound("room left at the end", lambda w: w.stick("--reserve", "8M")),
    Sound("another version's, updated", lambda w: updated_from_other(w)),
]

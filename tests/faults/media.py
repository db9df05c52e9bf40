# SPDX-License-Identifier: BSD-2-Clause
"""Sound media, about which there is nothing to say: the suite's own, and some made here."""
from case import *

# What is small enough for `make check`.
QUICK = ("efionly.iso", "floppy.iso", "hd.iso", "ipxe.iso", "memtest.iso")


def efi_disk(table):
    """A raw disk with one ESP and a loader in it."""
    def make(w):
        out = w.fresh("-%s.img" % table)
        run("truncate", "-s", "40M", out, check=True)
        kind = "type=ef" if table == "dos" else "type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
        run("sfdisk", "-q", out, input="label: %s\nstart=2048, size=34MiB, %s\n" % (table, kind), check=True)
        run("mkfs.fat", "--offset", "2048", out, str(34 * 1024), check=True)
        for args in (("mmd", "::EFI"), ("mmd", "::EFI/BOOT"), ("mcopy", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "::EFI/BOOT/BOOTX64.EFI")):
            run(args[0], "-i", out + "@@1M", *args[1:], check=True)
        return out
    return make


def program(w):
    out = w.fresh(".efi")
    shutil.copy("/usr/lib/systemd/boot/efi/systemd-bootx64.efi", out)
    return out


SOUND = [Sound(os.path.basename(p), lambda w, p=p: p, quick=os.path.basename(p) in QUICK) for p in media()] + [
    Sound("a live medium, ISO 9660 and Joliet", lambda w: w.iso()),
    Sound("a raw disk, MBR", efi_disk("dos")),
    Sound("a raw disk, GPT", efi_disk("gpt")),
    Sound("an EFI program", program),
]

# SPDX-License-Identifier: BSD-2-Clause
"""Labels: which one Linux goes by, as libblkid on this machine says, and what the boot menus make the system look for."""
from case import *


def labelled(menu, pvd=None, joliet=None):
    """The live medium, whose menu asks for `menu`, with other labels in its descriptors; asked of blkid as well."""
    def make(w):
        key = "label-%s.iso" % menu

        def build(path):
            doctor_common.tree(path + ".tree", menu="linux /live/vmlinuz root=live:CDLABEL=%s\ninitrd /live/initrd.img\n" % menu)
            doctor_common.iso(path, path + ".tree", "PODTEST")
            shutil.rmtree(path + ".tree")
        out = w.copy(w.once(key, build), ".iso")
        if pvd is not None:
            poke(out, 32768 + 40, pvd.encode().ljust(32))
        if joliet is not None:
            poke(out, descriptor(out, 2) + 40, joliet.encode("utf-16-be").ljust(32, b"\0"))
        return out
    return make


def descriptor(path, kind):
    return next(at for at in range(16 * 2048, 40 * 2048, 2048) if peek(path, at, 1)[0] == kind)


def like_blkid(args):
    """The doctor has to name the label that blkid names."""
    found = doctor(*args)
    label = run("blkid", "-p", "-o", "value", "-s", "LABEL", *args).stdout.strip("\n")
    evidence = [f.evidence for f in found if f.check == "image.label"][0]
    assert evidence.endswith('"%s"' % label), "blkid says %r, the doctor %s" % (label, evidence)
    return found


def entry(name, make, *words, **kw):
    return Fault(name, make, IMAGE, "boot/grub/grub.cfg", *words, look=like_blkid, **kw)


FAULTS = [
    entry("another label than the menu asks for", labelled("Fedora-Live"), '"Fedora-Live"', '"PODTEST"'),
    entry("ISO 9660 as asked for, Joliet otherwise", labelled("PODTEST", joliet="Other"), "Joliet", '"Other"'),
    entry("ISO 9660 as asked for, Joliet in small letters", labelled("PODTEST", joliet="Podtest"), "Joliet", '"Podtest"'),
    entry("ISO 9660 as asked for, Joliet without a label", labelled("PODTEST", joliet=""), "Joliet", '""'),
    entry("neither", labelled("Fedora-Live", "FEDORA", "Fedora"), '"Fedora-Live"', '"Fedora"'),
    entry("cut off at Joliet's 16 letters", labelled("Fedora-WS-Live-3", "FEDORA_WS_LIVE_38_1_6", "Fedora-WS-Live-3"), '"Fedora-WS-Live-38_1_6"'),
]

SOUND = [
    Sound("the label that is asked for", labelled("PODTEST"), look=like_blkid),
    Sound("Joliet as asked for, ISO 9660 in capitals", labelled("Fedora-Live", "FEDORA_LIVE", "Fedora-Live"), look=like_blkid),
    Sound("longer than Joliet's 16 letters", labelled("Fedora-WS-Live-38-1-6", "FEDORA-WS-LIVE-38-1-6", "Fedora-WS-Live-3"), look=like_blkid),
]

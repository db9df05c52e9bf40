#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the plan makes of an ISO, seen by readers we did not write: xorriso (Rock Ridge), isoinfo (Joliet), mtools and fsck.fat (the FAT of
El Torito images), and cpio (the archives around an initrd)."""
import gzip, hashlib, lzma, os, re, subprocess, tempfile

from common import check, finish
from served import SHIM, extract, kernel, newc, noise, plan, run, served_right, write


def iso_tree(work):
    src = os.path.join(work, "tree")
    initrds = {
        "live/initrd.img-6.1": newc(["etc/hostname"]) + b"tail",
        "live/initrd.img-6.1-686": gzip.compress(newc(["etc/hostname"]) + noise(4800)),
        "boot/booster-linux.img": newc(["etc/hostname"]) + b"b",
        "boot/odd-name": b"\x28\xb5\x2f\xfd" + noise(2044),  # only the configuration names it; exactly one sector
    }
    for p, data in initrds.items():
        write(os.path.join(src, p), data)
    write(os.path.join(src, "live/vmlinuz-6.1"), kernel(True))
    write(os.path.join(src, "live/vmlinuz-6.1-686"), kernel(False))
    write(os.path.join(src, "boot/vmlinuz"), kernel(True))
    write(os.path.join(src, "boot/grub/grub.cfg"), b"menuentry x {\n linux /boot/vmlinuz\n initrd ($root)/boot/odd-name\n}\n")
    write(os.path.join(src, "boot/initrd.txt.cfg"), b"\x1f\x8b not an initrd: a configuration by its name\n")
    write(os.path.join(src, "boot/initrd.bad"), b"plain text, no initrd by content")
    write(os.path.join(src, "data.bin"), noise(30000))
    os.makedirs(os.path.join(src, "hard"))
    os.link(os.path.join(src, "live/initrd.img-6.1"), os.path.join(src, "hard/initrd-again"))
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "TREE", "-o", os.path.join(work, "tree.iso"), src)
    text, virtual = plan(work, "tree.iso")
    for p, data in initrds.items():
        why = served_right(extract(virtual, "/" + p, os.path.join(work, "x")), data)
        check(not why, "Rock Ridge %s: %s" % (p, why))
        joliet = run("isoinfo", "-J", "-i", virtual, "-x", "/" + p)
        why = served_right(joliet, data)
        check(not why, "Joliet %s: %s" % (p, why))
    again = extract(virtual, "/hard/initrd-again", os.path.join(work, "x"))
    check(not served_right(again, initrds["live/initrd.img-6.1"]), "the second name of the same data")
    for p in ("data.bin", "boot/initrd.bad", "boot/grub/grub.cfg", "live/vmlinuz-6.1"):
        check(extract(virtual, "/" + p, os.path.join(work, "x")) == open(os.path.join(src, p), "rb").read(), p + " is unchanged")
    check("initrd live/initrd.img-6.1 machine 0 by content" in text or "initrd hard/initrd-again machine 0" in text, "64-bit machine: " + text)
    check("initrd live/initrd.img-6.1-686 machine 1 by content" in text, "32-bit machine: " + text)
    check("initrd boot/odd-name machine 0 by boot/grub/grub.cfg" in text, "found by its configuration: " + text)
    a, b = open(os.path.join(work, "tree.iso"), "rb").read(), open(virtual, "rb").read()
    patched = {int(m.group(1)) // 2048 for m in re.finditer(r"overlay 1 \S* (\d+) ", text)}
    changed = {i // 2048 for i in range(0, len(a), 2048) if a[i:i + 2048] != b[i:i + 2048]}
    check(changed == patched and changed, "only the sectors of the noted records change: %r %r" % (changed, patched))


def kinds_of_initrds(work):
    """Whatever a configuration loads beside a kernel, if it is an archive; ramdisks stay as they are, and are told."""
    src = os.path.join(work, "kinds")
    archive = newc(["etc/hostname", "etc/passwd"])
    ext2 = os.path.join(work, "ext2")
    run("mke2fs", "-q", "-t", "ext2", "-E", "root_owner=0:0", ext2, "400k")
    ext2 = open(ext2, "rb").read()
    packers = {"gz": ["gzip"], "bz": ["bzip2"], "lzma": ["xz", "--format=lzma"], "xz": ["xz", "--check=crc32"], "zst": ["zstd", "-q"], "lz4": ["lz4", "-l", "-q"],
               "lzo": ["lzop", "-q"], "plain": ["cat"]}
    grub, wrapped, left = b"multiboot2 /xen.gz\nmodule2 /k\nmodule2 /install.img\n", {"install.img": gzip.compress(archive)}, {}
    for name, how in packers.items():
        for files, what, data in ((wrapped, "a", archive), (left, "r", ext2)):
            files["%s-%s" % (what, name)] = subprocess.run(how, input=data, stdout=subprocess.PIPE, check=True).stdout
            grub += b"initrd /%s-%s\n" % (what.encode(), name.encode())
    wrapped["ucode"] = archive + b"\0" * 512 + gzip.compress(ext2)  # plain archives come first
    wrapped["modules.img"] = gzip.compress(archive)
    left["memdisk.gz"] = gzip.compress(bytes(510) + b"\x55\xaa" + bytes(4096))  # neither
    grub += b"set x=/ucode\ninitrd $x\ninitrd /memdisk.gz\n"
    for name, data in list(wrapped.items()) + list(left.items()):
        write(os.path.join(src, name), data)
    write(os.path.join(src, "k"), kernel(True))
    write(os.path.join(src, "xen.gz"), gzip.compress(kernel(True)))
    write(os.path.join(src, "boot/grub/grub.cfg"), grub)
    write(os.path.join(src, "isolinux/isolinux.cfg"), b"label x\nkernel mboot.c32\nappend /xen.gz --- /k --- /modules.img\n")
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "KINDS", "-o", os.path.join(work, "kinds.iso"), src)
    text, virtual = plan(work, "kinds.iso")
    for name, data in wrapped.items():
        why = served_right(extract(virtual, "/" + name, os.path.join(work, "x")), data)
        check(not why, "%s: %s" % (name, why))
    for name, data in left.items():
        check(extract(virtual, "/" + name, os.path.join(work, "x")) == data, name + " is unchanged")
        told = "warning %s is a ramdisk with ext2" % name in text
        check(told == (name != "memdisk.gz"), name + " is told: " + text)
    for name in ("k", "xen.gz"):
        check("initrd %s " % name not in text, name + " is no initrd: " + text)


LOADERS = {
    "boot/grub/menu.lst": "default 0\ntitle Live\n root (hd0,0)\n kernel /k boot=live\n initrd (cd)/%s\n",
    "EFI/BOOT/refind.conf": "timeout 2\nmenuentry Live {\n volume LIVE\n loader \\k\n initrd \\%s\n options \"boot=live\"\n}\n",
    "limine.conf": "/Live\n    protocol: linux\n    path: boot():/k\n    module_path: boot():/%s\n",
    "boot/limine.cfg": ":Live\nPROTOCOL=linux\nKERNEL_PATH=boot:///k\nMODULE_PATH=fslabel://LOADERS/%s\n",
    "live/refind_linux.conf": '"Live" "boot=live initrd=\\%s"\n',
}


def limine_hashes(work):
    """Limine's configuration is served without the hash of an initrd that is changed, and with those of all else."""
    src, archive = os.path.join(work, "hashes"), newc(["etc/hostname"])
    text = "timeout: 3\n/Live\n    protocol: linux\n    path: boot():/k%s\n    cmdline: boot=live\n    module_path: boot():/ram%s\n"
    digest = ["#" + hashlib.blake2b(data).hexdigest() for data in (kernel(True), archive)]
    write(os.path.join(src, "k"), kernel(True))
    write(os.path.join(src, "ram"), archive)
    write(os.path.join(src, "limine.conf"), (text % tuple(digest)).encode())
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "HASHES", "-o", os.path.join(work, "hashes.iso"), src)
    told, virtual = plan(work, "hashes.iso")
    x = os.path.join(work, "x")
    check(not served_right(extract(virtual, "/ram", x), archive), "the initrd with a hash: " + told)
    check(extract(virtual, "/limine.conf", x) == (text % (digest[0], "")).encode(), "the configuration without its hash: " + told)
    # The same in the volume that UEFI starts, which has no initrd itself.
    os.unlink(os.path.join(src, "limine.conf"))
    os.rename(os.path.join(src, "ram"), os.path.join(src, "initrd.img"))
    other = text.replace("boot()", "fslabel(HASHES)").replace("/ram", "/initrd.img")
    fat, conf = os.path.join(src, "efi.img"), os.path.join(work, "conf")
    write(conf, (other % tuple(digest)).encode())
    run("mkfs.fat", "-C", fat, "1440")
    write(os.path.join(work, "f"), b"MZ" + bytes(1022))
    run("mmd", "-i", fat, "::EFI", "::EFI/BOOT")
    run("mcopy", "-i", fat, os.path.join(work, "f"), "::EFI/BOOT/BOOTX64.EFI")
    run("mcopy", "-i", fat, conf, "::limine.conf")
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "HASHES", "-e", "efi.img", "-no-emul-boot", "-o", os.path.join(work, "other.iso"), src)
    told, virtual = plan(work, "other.iso")
    report = run("xorriso", "-indev", virtual, "-report_el_torito", "plain").decode()
    with open(virtual, "rb") as f:
        f.seek(int(re.search(r"boot img :\s+1\s+UEFI.*\s(\d+)$", report, re.M)[1]) * 2048)
        write(fat, f.read())
    got = run("mcopy", "-i", fat, "::limine.conf", "-")
    check(got == (other % (digest[0], "")).encode(), "a configuration in another volume without its hash: %r: %s" % (got, told))
    os.unlink(fat)
    os.rename(os.path.join(src, "initrd.img"), os.path.join(src, "ram"))
    # Nothing is changed that Limine would look at.
    write(os.path.join(src, "limine.conf"), (text % (digest[0], "")).encode())
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "HASHES", "-o", os.path.join(work, "plain.iso"), src)
    told, virtual = plan(work, "plain.iso")
    check(not re.search(r"^overlay 7 ", told, re.M), "a configuration without such a hash stays: " + told)


def other_loaders(work):
    """One initrd for each, by a name that says nothing."""
    src, archive = os.path.join(work, "loaders"), newc(["etc/hostname"])
    names = {path: "ram-%d" % n for n, path in enumerate(LOADERS)}
    write(os.path.join(src, "k"), kernel(True))
    for path, name in names.items():
        write(os.path.join(src, path), (LOADERS[path] % name).encode())
        write(os.path.join(src, name), archive + name.encode())
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "LOADERS", "-o", os.path.join(work, "loaders.iso"), src)
    text, virtual = plan(work, "loaders.iso")
    for path, name in names.items():
        check("initrd %s machine 0 by %s" % (name, path) in text, "%s: found by it: %s" % (path, text))
        why = served_right(extract(virtual, "/" + name, os.path.join(work, "x")), archive + name.encode())
        check(not why, "%s: %s" % (path, why))


def many_folders(work):
    """More folders than a first list of them holds, the initrd in the last."""
    src = os.path.join(work, "many")
    for n in range(70):
        write(os.path.join(src, "boot/f%02d/readme" % n), b"%d" % n)
    initrd = newc(["etc/hostname"])
    write(os.path.join(src, "boot/f69/deeper/initrd.img"), initrd)
    write(os.path.join(src, "boot/f69/deeper/vmlinuz"), kernel(True))
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "MANY", "-o", os.path.join(work, "many.iso"), src)
    text, virtual = plan(work, "many.iso")
    check("initrd boot/f69/deeper/initrd.img machine 0" in text, "found among 70 folders: " + text)
    why = served_right(extract(virtual, "/boot/f69/deeper/initrd.img", os.path.join(work, "x")), initrd)
    check(not why, "among 70 folders: " + why)


def fat_image(work, name, kib, bits, cluster_sectors, fill, becomes=None):
    """A FAT with a loader, a kernel, two initrds and `fill` KiB of other data; as EFI El Torito image."""
    img = os.path.join(work, name + ".fat")
    archive = newc(["etc/hostname"])
    initrds = {"arch/initramfs.img": lzma.compress(archive + noise(70001), check=lzma.CHECK_CRC32),
               "EFI/initrd.gz": gzip.compress(archive + noise(8190 - 171))}
    run("mkfs.fat", "-C", "-F", str(bits), "-s", str(cluster_sectors), img, str(kib))
    run("mmd", "-i", img, "::EFI", "::EFI/BOOT", "::arch")
    efi = bytearray(1024)
    efi[0:2] = b"MZ"
    files = {"EFI/BOOT/BOOTX64.EFI": bytes(efi), "arch/vmlinuz": kernel(True), "fill": noise(fill * 1024), "initrd.root": lzma.compress(archive + noise(300), lzma.FORMAT_ALONE)}
    files.update(initrds)
    for p, data in files.items():
        write(os.path.join(work, "f"), data)
        run("mcopy", "-i", img, os.path.join(work, "f"), "::" + p)
    initrds["initrd.root"] = files["initrd.root"]
    src = os.path.join(work, name + ".d")
    write(os.path.join(src, "boot/efi.img"), open(img, "rb").read())
    iso = name + ".iso"
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "FATTY", "-e", "boot/efi.img", "-no-emul-boot", "-o", os.path.join(work, iso), src)
    text, virtual = plan(work, iso)
    report = run("xorriso", "-indev", virtual, "-report_el_torito", "plain").decode()
    m = re.search(r"El Torito boot img :\s+1\s+UEFI\s+y\s+\S+\s+\S+\s+\S+\s+(\d+)\s+(\d+)", report)
    check(bool(m), name + ": xorriso reads the catalogue: " + report[-400:])
    if not m:
        return
    out = os.path.join(work, name + ".served")
    with open(virtual, "rb") as f:
        f.seek(int(m.group(2)) * 2048)
        write(out, f.read())
    fsck = subprocess.run(["fsck.fat", "-n", "-v", out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(fsck.returncode == 0, name + ": fsck.fat: " + fsck.stdout.decode(errors="replace"))
    kind = ("%d bit entries" % (becomes or bits)).encode()
    check(kind in fsck.stdout, "%s: the served volume has %s" % (name, kind + fsck.stdout))
    for p, data in initrds.items():
        got = run("mcopy", "-i", out, "::" + p, "-")
        why = served_right(got, data, cluster_sectors * 512)
        check(not why, "%s: %s: %s" % (name, p, why))
    for p in files:
        if p not in initrds:
            check(run("mcopy", "-i", out, "::" + p, "-") == files[p], name + ": " + p + " is unchanged")


def main():
    with tempfile.TemporaryDirectory() as work:
        write(os.path.join(work, "shim"), SHIM)
        iso_tree(work)
        kinds_of_initrds(work)
        other_loaders(work)
        limine_hashes(work)
        many_folders(work)
        fat_image(work, "fat12", 1440, 12, 1, 900)
        fat_image(work, "fat12-big-clusters", 4000, 12, 8, 900)
        fat_image(work, "fat12-becomes-16", 2064, 12, 1, 900, 16)
        fat_image(work, "fat16", 12000, 16, 4, 900)
        fat_image(work, "fat16-becomes-32", 33030, 16, 1, 900, 32)
        fat_image(work, "fat32", 40000, 32, 1, 900)


main()
finish()

# SPDX-License-Identifier: BSD-2-Clause
"""The sticks that the boot tests boot: made with the project's own command, kept until something they are made from changes."""

import fcntl
import hashlib
import os
import random
import shutil
import struct
import subprocess
import tempfile
import sys

import frag
import kernel_cases
import memory_cases
import partition_cases
import search_cases
import secure

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import hostile_media
import windows_media

HERE = os.path.dirname(os.path.abspath(__file__))
MEDIA_SH = os.path.join(HERE, "..", "media", "build.sh")
MIB = 1 << 20

# Five images at least on one exFAT partition; nosquash and the arm64 installer are there to be passed by.
COMMON = ["live", "dracut", "installer", "memtest", "ipxe", "efionly", "floppy", "hd", "rawdisk", "ia32", "fatlive", "nosquash",
          "installer-arm64"]
FEW = ["ipxe", "efionly", "floppy", "ia32", "memtest"]


class Stick:
    """media: names for tests/media/build.sh, put into /images. size: of the stick. options: for `create`.
    before(env, path), finish(env, path): what is done to the stick before and after that."""

    def __init__(self, media, size="8G", options=(), before=None, finish=None):
        self.media, self.size, self.options, self.before, self.finish = media, size, list(options), before, finish


class Env:
    """Where things are: the build folder, the media cache, the work folder."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.isopod = os.path.join(self.build, "isopod")
        self.work = os.path.join(self.build, "boot-tests")
        self.sticks = os.path.join(self.work, "sticks")
        self.media_dir = subprocess.run([MEDIA_SH, "--path"], check=True, capture_output=True, text=True).stdout.strip()
        os.makedirs(self.sticks, exist_ok=True)
        self.secure_variables = os.path.join(self.sticks, "secure-variables.fd")  # made with the stick "secure"

    def medium(self, name):
        for ext in (".iso", ".img"):
            p = os.path.join(self.media_dir, name + ext)
            if os.path.exists(p):
                return p
        raise FileNotFoundError("medium %s is not built" % name)

    def build_media(self, names):
        subprocess.run([MEDIA_SH] + sorted(set(names)), check=True, stdout=subprocess.DEVNULL)

    def run(self, *args, **kw):
        """The isopod command; an error carries its message."""
        r = subprocess.run([self.isopod] + [str(a) for a in args], capture_output=True, text=True, **kw)
        if r.returncode != 0:
            raise RuntimeError("isopod %s: status %d: %s" % (" ".join(map(str, args)), r.returncode, (r.stderr or r.stdout).strip()))
        return r.stdout

    # --- sticks --------------------------------------------------------------------------------------------------
    def add_conf(self, path, text):
        """Puts an isopod.conf onto a stick."""
        with tempfile.TemporaryDirectory(prefix="isopod.") as work:
            conf = os.path.join(work, "isopod.conf")
            with open(conf, "w") as f:
                f.write(text)
            self.run("add", path, conf, "--to", "/")

    def key(self, name):
        h = hashlib.sha256()
        spec = STICKS[name]
        files = [self.isopod, os.path.abspath(__file__), os.path.join(HERE, "frag.py"), hostile_media.__file__]
        folder = os.path.join(self.build, "stick")
        if os.path.isdir(folder):
            files += sorted(os.path.join(folder, f) for f in os.listdir(folder))
        if name.startswith("partition"):
            files += [partition_cases.__file__]
        if name == "search":
            files += [search_cases.__file__]
        if name == "partition-egg":
            files += [kernel_cases.__file__]
        if name == "memory":
            files += [memory_cases.__file__, os.path.join(self.build, "moth.bin")]
        if name in ("windows", "secure"):
            files += [windows_media.__file__, secure.__file__] + [os.path.join(self.build, "standin", f) for f in STANDINS]
        files += [os.path.join(self.media_dir, "." + m + ".key") for m in spec.media]
        for f in files:
            h.update(f.encode() + b"\0")
            if os.path.isfile(f):
                with open(f, "rb") as fh:
                    h.update(fh.read())
        return h.hexdigest()

    def stick(self, name):
        """The path of the stick, made if it is not there or stale."""
        path = os.path.join(self.sticks, name + ".img")
        with open(os.path.join(self.sticks, "." + name + ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            want = self.key(name)
            stamp = os.path.join(self.sticks, "." + name + ".key")
            if os.path.exists(path) and os.path.exists(stamp) and open(stamp).read() == want:
                return path
            for p in (stamp, path):
                if os.path.exists(p):
                    os.unlink(p)
            self.make(name, path)
            with open(stamp, "w") as f:
                f.write(want)
        return path

    def make(self, name, path):
        spec = STICKS[name]
        tmp = path + ".new"
        if os.path.exists(tmp):
            os.unlink(tmp)
        self.run("create", tmp, "--size", spec.size, "--yes", *spec.options)
        if spec.before:
            spec.before(self, tmp)
        if spec.media:
            self.run("add", tmp, *[self.medium(m) for m in spec.media], "--to", "/images")
        if spec.finish:
            spec.finish(self, tmp)
        os.rename(tmp, path)

    def chosen(self, name, choice, tag):
        """A copy of the stick on which `choice` is the next boot's; the caller removes it."""
        src = self.stick(name)
        dst = os.path.join(self.sticks, "%s.%s.tmp" % (name, tag))
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", src, dst], check=True)
        if choice:
            self.run("next", dst, choice)
        return dst


# --- what is done to some of them ----------------------------------------------------------------------------------
def fragment_live(env, path):
    frag.fragment(path, "/images/live.iso", pieces=9)


def fill_2_tib(env, path):
    """A file of 2.25 TiB in front of all images: their sectors need more than 32 bits."""
    room = path + ".room"
    with open(room, "wb") as f:
        f.write(b"room")
    try:
        env.run("add", path, room, "--to", "/")
    finally:
        os.unlink(room)
    frag.grow(path, "/" + os.path.basename(room), 9 << 38)


def tiny_isos(env, folder, count):
    """Small bootable ISOs, all different, named in order."""
    root = os.path.join(folder, "root")
    os.makedirs(root)
    with open(os.path.join(root, "boot.bin"), "wb") as f:
        # Halts with a full stop on the screen.
        f.write(bytes([0xB8, 0x2E, 0x0E, 0xCD, 0x10, 0xF4, 0xEB, 0xFD]).ljust(2048, b"\0"))
    names = []
    one = os.path.join(folder, "tiny.iso")
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", one, "-V", "TINY", "-b", "boot.bin", "-no-emul-boot",
                    "-boot-load-size", "4", root], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = open(one, "rb").read()
    for n in range(count):
        data = bytearray(base)
        label = ("TINY%04d" % n).encode()
        data[0x8028:0x8028 + len(label)] = label
        p = os.path.join(folder, "tiny-%04d.iso" % n)
        with open(p, "wb") as f:
            f.write(data)
        names.append(p)
    return names


def add_600(env, path):
    folder = path + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        env.run("add", path, *tiny_isos(env, folder, 600), "--to", "/images")
    finally:
        shutil.rmtree(folder)


def add_tree(env, path):
    """300 folders of 30 files that are no images."""
    folder = path + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        files = []
        for n in range(30):
            p = os.path.join(folder, "note-%02d.txt" % n)
            with open(p, "w") as f:
                f.write("note %d\n" % n)
            files.append(p)
        for n in range(300):
            env.run("add", path, *files, "--to", "/papers/folder-%03d" % n)
    finally:
        shutil.rmtree(folder)


def serve_and_write(env, image, raw, at, length):
    """Bytes [at, at + length) of `raw` into a virtual disk, by QEMU through our server."""
    # In a folder with a short name: a socket's path has at most 107 bytes, and nobody knows how deep this checkout lies.
    with tempfile.TemporaryDirectory(prefix="isopod.") as work:
        sock, piece = os.path.join(work, "nbd"), os.path.join(work, "piece")
        with open(raw, "rb") as f, open(piece, "wb") as out:
            f.seek(at)
            out.write(f.read(length))
        server = subprocess.Popen([env.isopod, "disk", "serve", image, "--nbd", sock, "--write", "--once"], stdout=subprocess.PIPE)
        server.stdout.readline()
        subprocess.run(["qemu-io", "-f", "raw", "-c", "write -q -s %s %d %d" % (piece, at, os.path.getsize(piece)), "-c", "flush",
                        "nbd+unix:///disk?socket=" + sock], check=True, stdout=subprocess.DEVNULL)
        if server.wait(60) != 0:
            raise RuntimeError("isopod disk serve failed")


def add_virtual_disks(env, path):
    """The raw disk as a VHD and as a chain: the table is in the first part, the boot sector in the second, the program behind that."""
    add_chain(env, path, "rawdisk", 640 << 10)


def add_installed_chain(env, path):
    """The installed system as a chain: the table and the boot partitions are in the first part, much of the root in the second."""
    add_chain(env, path, "installed", 100 << 20)


def add_installed_written(env, path):
    """The installed system raw and as a VHD of fixed size, both of which it may write to."""
    folder = path + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        vhd = os.path.join(folder, "raw.vhd")
        env.run("disk", "convert", env.medium("installed"), vhd, "--fixed")
        env.run("add", path, vhd, "--to", "/images")
        env.add_conf(path, "write = on\n")
    finally:
        shutil.rmtree(folder)


def add_chain(env, path, medium, third):
    """A raw disk as a VHD, and as a chain of three VHDX files each of which holds a third of it: noise lies below the rest."""
    raw, folder = env.medium(medium), path + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    base, child, top = (os.path.join(folder, n) for n in ("base.vhdx", "child.vhdx", "top.vhdx"))
    try:
        noise = os.path.join(folder, "noise.raw")
        with open(raw, "rb") as f, open(noise, "wb") as out:
            f.seek(2 * third)
            out.write(b"\xE5" * (2 * third) + f.read())
        env.run("disk", "convert", noise, base)
        for parent, image, at, length in ((base, child, 0, third), (child, top, third, third)):
            env.run("disk", "create", image, "--parent", parent)
            serve_and_write(env, image, raw, at, length)
        env.run("disk", "convert", raw, os.path.join(folder, "raw.vhd"))
        env.run("add", path, base, child, top, os.path.join(folder, "raw.vhd"), "--to", "/images")
    finally:
        shutil.rmtree(folder)


def add_store(env, path):
    """A layer store whose base is the raw disk; a snapshot of it is ruined, and so is the current layer."""
    folder = path + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        store, ruin = os.path.join(folder, "store"), os.path.join(folder, "ruin.raw")
        env.run("layer", "create", store, "--from", env.medium("rawdisk"), "--name", "clean")
        with open(ruin, "wb") as f:
            f.write(b"\xE5" * (2 << 20))
        for _ in range(2):
            current = [n for n in os.listdir(store) if n.startswith("layer-")]
            serve_and_write(env, os.path.join(store, current[0]), ruin, 0, 1 << 20)
            if current[0].startswith("layer-1"):
                env.run("layer", "snapshot", store, "ruined")
        env.run("add", path, *[os.path.join(store, n) for n in sorted(os.listdir(store))], "--to", "/vm/win")
    finally:
        shutil.rmtree(folder)


def add_kept_store(env, path):
    """A layer store whose current layer was written to, spare files, and an isopod.conf that asks for a snapshot before each start of it, and starts it."""
    folder = path + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        store, raw = os.path.join(folder, "store"), env.medium("rawdisk")
        env.run("layer", "create", store, "--from", raw, "--name", "clean")
        current = [n for n in os.listdir(store) if n.startswith("layer-")][0]
        serve_and_write(env, os.path.join(store, current), raw, 0, 1 << 20)
        env.run("add", path, *[os.path.join(store, n) for n in sorted(os.listdir(store))], "--to", "/vm/win")
        env.run("layer", "spare", path + ":/vm/win", "2")
        env.add_conf(path, "snapshot = /vm/win\ndefault = /vm/win/%s\ntimeout = 3\n" % current)
    finally:
        shutil.rmtree(folder)


def other_version(env, path):
    """Boot code as of another version: a word in the padding at the end of stage 2 changes the sum."""
    with open(path, "r+b") as f:
        lba, sectors, _, total = struct.unpack("<IHHI", f.read(512)[0x1A0:0x1AC])
        f.seek((lba + sectors) * 512 - 4)
        word = int.from_bytes(f.read(4), "little")
        f.seek(-4, os.SEEK_CUR)
        f.write(((word + 1) & 0xFFFFFFFF).to_bytes(4, "little"))
        f.seek(0x1A8)
        f.write(((total + 1) & 0xFFFFFFFF).to_bytes(4, "little"))


ENDLESS = ["iso-bomb.iso", "iso-loop-2-1.iso", "iso-loaders-400000.iso", "iso-boot-bomb-15.iso", "iso-initrds-kernels.iso", "gpt-128.img",
           "vhd-large.vhd"]


def make_endless(env, path):
    """The data partition becomes one of folders without end and hostile images, with a sound one behind them."""
    folder = path + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        made = {m[0]: m[2] for m in hostile_media.media()}
        images = []
        for name in ENDLESS:
            made[name](os.path.join(folder, name))
            images.append((name, open(os.path.join(folder, name), "rb").read()))
        images.append(("ipxe.iso", open(env.medium("ipxe"), "rb").read()))
        mbr = open(path, "rb").read(512)
        start, length = (512 * int.from_bytes(mbr[446 + at:450 + at], "little") for at in (8, 12))
        with open(path, "r+b") as f:
            f.seek(start)
            f.write(hostile_media.exfat_batch(images)(length))
    finally:
        shutil.rmtree(folder)


STANDINS = ["x64.efi", "ia32.efi", "aa64.efi", "bios.bin"]
STANDIN_SIZE = 200 << 10  # of the one for BIOS, with noise behind its code


def add_windows(env, path):
    """Media laid out as Windows', with stand-ins for its boot managers: an ISO, WIMs for two processors, and a CD with two WIMs. The first
    ISO lies beside the stick as well, to be put into a CD drive."""
    folder = path + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        code = {f: open(os.path.join(env.build, "standin", f), "rb").read() for f in STANDINS}
        bios = code["bios.bin"].ljust(8192, b"\0")
        bios += random.Random(8).randbytes(STANDIN_SIZE - len(bios))
        made = []
        programs = {"efi/boot/boot%s.efi" % a: code[a + ".efi"] for a in ("x64", "ia32", "aa64")} | {"bootmgr": bios}
        windows_media.tree(os.path.join(folder, "iso"), programs)
        made.append(windows_media.iso(os.path.join(folder, "iso"), os.path.join(folder, "win.iso"), "-udf", "-J"))
        shutil.copy(made[0], os.path.join(env.sticks, "windows-cd.iso"))
        for arch, machine in (("x64", windows_media.X64), ("aa64", windows_media.AA64)):
            tree = os.path.join(folder, "pe-" + arch)
            windows_media.pe_tree(tree, machine, peshl=False, programs={"Windows/Boot/EFI/bootmgfw.efi": code[arch + ".efi"],
                                                                       "Windows/Boot/PCAT/bootmgr": bios})
            made.append(windows_media.wim(tree, os.path.join(folder, "pe-%s.wim" % arch), "--compress=LZX", "--boot"))
        made.append(shutil.copy(made[1], os.path.join(folder, "several.wim")))
        with open(os.path.join(folder, "pe-x64", "second.txt"), "w") as f:
            f.write("this is the other one")
        windows_media.second_image(os.path.join(folder, "pe-x64"), made[-1], "The other one")
        made.append(windows_cd(folder, code))
        env.run("add", path, *made, "--to", "/images")
    finally:
        shutil.rmtree(folder)


def add_signed(env, path):
    """The boot manager and one medium signed with a key that the machine's variables know; media whose loader is not signed, signed with a
    key of somebody else's, or changed since it was signed."""
    folder = path + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    try:
        pair = secure.make_key(folder)
        secure.enroll(pair, env.secure_variables)
        secure.sign_stick(pair, path)
        made, program = [], os.path.join(env.build, "standin/x64.efi")
        signed = os.path.join(folder, "signed.efi")
        secure.sign(pair, program, signed)
        os.mkdir(os.path.join(folder, "nobody"))
        secure.sign(secure.make_key(os.path.join(folder, "nobody"), "Nobody you know"), program, signed + ".other")
        good, other, plain = (open(f, "rb").read() for f in (signed, signed + ".other", program))
        changed = bytearray(good)
        changed[0x500] ^= 1  # code; the signature lies behind it
        for name, loader in (("signed", good), ("unsigned", plain), ("stranger", other), ("altered", bytes(changed))):
            tree = os.path.join(folder, name)
            windows_media.tree(tree, {"efi/boot/bootx64.efi": loader})
            made.append(windows_media.iso(tree, tree + ".iso", "-udf", "-J"))
        made.append(signed_unified(env, folder, pair))
        env.run("add", path, *made, "--to", "/images")
    finally:
        shutil.rmtree(folder)


def signed_unified(env, folder, pair):
    """A CD whose tree has a signed unified kernel image, with an initrd in which there is no init."""
    tree, stub = os.path.join(folder, "unified"), "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
    program = os.path.join(tree, "EFI/BOOT/BOOTX64.EFI")
    os.makedirs(os.path.dirname(program))
    command, initrd = os.path.join(folder, "cmdline"), os.path.join(folder, "initrd")
    with open(command, "w") as f:
        f.write("console=ttyS0,115200 panic=0")
    with open(initrd, "wb") as f:
        f.write(subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"cmdline", cwd=folder, check=True, stdout=subprocess.PIPE).stdout)
    sections = ((".cmdline", command, 0x30000), (".initrd", initrd, 0x40000), (".linux", os.path.join(env.media_dir, "base/vmlinuz"), 0x100000))
    subprocess.run(["objcopy"] + [a for name, file, at in sections for a in ("--add-section", name + "=" + file, "--change-section-vma", "%s=%#x" % (name, at))]
                   + [stub, program], check=True)
    secure.sign(pair, program, program)
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-r", "-V", "UNIFIED", "-o", tree + ".iso", tree], check=True, stderr=subprocess.DEVNULL)
    return tree + ".iso"


def windows_cd(folder, code):
    """A CD with two WIMs that start, none of them where Windows' media have it."""
    tree = os.path.join(folder, "multi")
    os.makedirs(os.path.join(tree, "efi/boot"))
    for a in ("x64", "ia32", "aa64"):
        with open(os.path.join(tree, "efi/boot/boot%s.efi" % a), "wb") as f:
            f.write(code[a + ".efi"])
    for n in ("one", "two"):
        windows_media.pe_tree(os.path.join(folder, n), boot=False)
        windows_media.wim(os.path.join(folder, n), os.path.join(tree, n + ".wim"), "--boot")
    return windows_media.iso(tree, os.path.join(folder, "multi.iso"), "-udf", "-J")


STICKS = {
    "secure": Stick(["efionly", "noinitrd"], size="512M", finish=add_signed),
    "windows": Stick(["floppy", "efionly"], size="512M", finish=add_windows),
    "partition": Stick(["heron", "floppy", "efionly"], size="256M", finish=partition_cases.add_partition),
    "partition-gpt": Stick(["heron", "floppy", "efionly"], size="256M", options=["--table", "gpt"], finish=partition_cases.add_partition),
    "egg": Stick(["plover", "snipe", "limpet", "floppy", "efionly"], size="256M"),
    "partition-egg": Stick(["plover", "limpet", "floppy", "efionly"], size="256M", finish=kernel_cases.add_partition),
    "memory": Stick(["grubfloppy", "cicada", "mayfly", "floppy", "hd", "rawdisk", "memtest", "efionly", "ia32"], size="512M", finish=memory_cases.add_memory),
    "search": Stick(["badger", "swift", "mole", "shrike", "cuckoo", "floppy", "efionly"], size="384M", finish=search_cases.lengthen),
    "router": Stick(["router", "routerefi", "floppy", "efionly"], size="384M"),
    "router-written": Stick(["router", "routerefi", "floppy", "efionly"], size="384M", finish=lambda env, path: env.add_conf(path, "write = on\n")),
    "loaders": Stick(["wren", "crake", "floppy", "efionly"], size="384M"),
    "main": Stick(COMMON),
    "two": Stick(["live", "efionly"], size="2G"),
    "gpt": Stick(["live"] + FEW, size="4G", options=["--table", "gpt"]),
    "big": Stick(["big"] + FEW, size="16G"),
    "frag": Stick(["live"] + FEW, size="4G", finish=fragment_live),
    "far": Stick(["live"] + FEW, size="3T", before=fill_2_tib),
    "many": Stick(FEW + ["live"], size="4G", finish=add_600),
    "virtual": Stick(["rawdisk", "floppy", "efionly"], size="1G", finish=add_virtual_disks),
    "installed": Stick(["installed", "installedmbr", "floppy", "efionly"], size="1G"),
    "installed-chain": Stick(["installed", "floppy", "efionly"], size="3G", finish=add_installed_chain),
    "installed-written": Stick(["installed", "floppy", "efionly"], size="1G", finish=add_installed_written),
    "installed-luks": Stick(["installedluks", "floppy", "efionly"], size="1G"),
    "installed-luks2": Stick(["installedluks2", "floppy", "efionly"], size="1G"),
    "installed-dracut": Stick(["installeddracut", "floppy", "efionly"], size="2G"),
    "installed-lvm": Stick(["installedlvm", "installedlvmroot", "floppy", "efionly"], size="2G"),
    "installed-fs": Stick(["installedxfs", "installedbtrfs", "installeduki", "floppy", "efionly"], size="2G"),
    "mkosi": Stick(["mkosi", "floppy", "efionly"], size="2G"),
    "kept": Stick(["rawdisk", "floppy"], size="512M", options=["--fs", "ntfs"], finish=add_kept_store),
    "kept-exfat": Stick(["rawdisk", "floppy"], size="512M", finish=add_kept_store),
    "store": Stick(["rawdisk", "floppy"], size="512M", options=["--fs", "ntfs"], finish=add_store),
    "xen": Stick(["xen", "efionly"], size="1G"),
    "ntfs": Stick(["live"] + FEW, size="2G", options=["--fs", "ntfs"]),
    "uki": Stick(["uki", "noinitrd", "efionly", "dracut"], size="1G"),
    "quirks": Stick(["memtest", "floppy", "efionly"], size="256M"),
    "small": Stick(["floppy"], size="256M"),
    "other-version": Stick(["hd"], size="256M", finish=other_version),
    "endless": Stick(["ipxe"], size="512M", finish=make_endless),
    "tree": Stick(FEW + ["live"], size="4G", finish=add_tree),
}

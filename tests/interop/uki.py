#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Unified kernel images, made of systemd-stub by objcopy and signed by sbsign, and what the plan makes of them, with the shim and with other
kernel arguments, in an ISO's tree, in the FAT of an El Torito image and in disk images: read by xorriso, isoinfo, mtools, fsck.fat, e2fsck,
debugfs; the programs by llvm-readobj, objcopy and sbverify."""
import json, os, re, struct, subprocess, tempfile, time

from common import B, check, equal, finish
import served as shared
from served import SHIM, archives_wrong, extract, kernel, newc, noise, plan, run, write

PRE = 2048


WORDS = "acpi=off x$y -quiet"
# What ukify adds beside those: with them the table of Debian's stub ends behind the first 1024 bytes.
MORE = [(n, 0x40000 + 0x1000 * i) for i, n in enumerate((".uname", ".splash", ".pcrpkey", ".pcrsig", ".ucode", ".dtb"))]
CHANGED = (b"root=x quiet\n", b"root=x acpi=off x$y")  # .cmdline: what it was, what it becomes


def unified(work, name, order, initrd, key=None, command=b"quiet"):
    """A unified kernel image with its sections in `order`: (section, address)."""
    files = {".osrel": b"ID=pod\n", ".cmdline": command, ".initrd": initrd, ".linux": kernel_large() + bytes(4 << 20), ".profile": b"ID=a\n"}
    files.update({n: n.encode() for n, _ in MORE}, **{".second": CHANGED[0]})
    return shared.unified(work, name, [(section, address, files[section]) for section, address in order], key)


def headers(path):
    text = run("llvm-readobj", "--file-headers", "--sections", path).decode()
    found = [{k: m.group(2) for k, m in ((k, re.search(r"\b(%s): (\S+)" % k, part)) for k in
              ("Name", "VirtualSize", "VirtualAddress", "RawDataSize", "PointerToRawData"))} for part in text.split("Section {")[1:]]
    sections = [(s["Name"], [int(s[k], 0) for k in ("VirtualAddress", "VirtualSize", "PointerToRawData", "RawDataSize")]) for s in found]
    return text, sections


def apart(sections, which, size):
    ranges = sorted((v[which], v[which] + max(v[k] for k in size)) for _, v in sections if v[which + 1])
    return all(a[1] <= b[0] for a, b in zip(ranges, ranges[1:]))


def content(path, name, work):
    out = os.path.join(work, "dumped")
    run("objcopy", "--dump-section", name + "=" + out, path, os.path.join(work, "dropped"))
    return open(out, "rb").read()


def served(work, what, got, original, initrd, command=None):
    """The program as it is served, against the one in the image. `initrd`: None if it stays; `command`: what .cmdline becomes, if it changes."""
    changed = [".initrd"] * (initrd is not None) + [".cmdline"] * (command is not None)
    a, b = os.path.join(work, "original.efi"), os.path.join(work, "got.efi")
    write(a, original)
    write(b, got)
    (_, old), (text, new) = headers(a), headers(b)
    check(apart(new, 0, (1,)) and apart(new, 2, (3,)), what + ": no sections overlap: %r" % new)
    addresses = [v[0] for _, v in new]
    check(addresses == sorted(addresses), what + ": in order of addresses: %r" % new)
    equal({n: v[:2] for n, v in new if n not in changed}, {n: v[:2] for n, v in old if n not in changed}, what + ": the others keep their addresses")
    image = int(re.search(r"SizeOfImage: (\d+)", text).group(1))
    check(image >= max(v[0] + max(v[1], v[3]) for _, v in new), what + ": SizeOfImage reaches the end")
    for name in (n for n, _ in old if n not in changed + [".reloc"]):
        check(content(b, name, work) == content(a, name, work), "%s: %s is unchanged" % (what, name))
    if command is not None:
        was, now = (next(v for n, v in s if n == ".cmdline") for s in (old, new))
        equal(now[0] == was[0], len(command) <= was[3], what + ": .cmdline stays in its place if it fits there")
        equal(content(b, ".cmdline", work), command, what + ": .cmdline")
    verify = subprocess.run(["sbverify", "--list", b], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(b"No signature table present" in verify.stdout, what + ": no signature is left: %r" % verify.stdout)
    if initrd is None:
        return
    data = content(b, ".initrd", work)
    check(data[PRE:PRE + len(initrd)] == initrd, what + ": the original lies behind the first archive")
    behind = data[PRE + len(initrd):]
    post = behind.lstrip(b"\0")
    check(len(behind) - len(post) >= 8, what + ": zeros in front of the second archive")
    why = archives_wrong(data[:PRE], post)
    check(not why, "%s: %s" % (what, why))


def main():
    with tempfile.TemporaryDirectory() as work:
        write(os.path.join(work, "shim"), SHIM)
        key = os.path.join(work, "k")
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test/", "-days", "9", "-keyout", key + ".key", "-out", key + ".crt")
        initrd = newc(["etc/hostname"]) + b"\0" * 4 + noise(700001)
        small = [(".osrel", 0x20000), (".cmdline", 0x30000)]
        last = unified(work, "last", small + [(".linux", 0x2000000), (".initrd", 0x3000000)], initrd)
        middle = unified(work, "middle", small + [(".initrd", 0x100000), (".linux", 0x1ac000)], initrd, key)
        other = unified(work, "other", small + [(".initrd", 0x100000), (".linux", 0x200000)], b"not an initrd")
        tree(work, last, middle, other, initrd)
        for name, kib, bits, becomes in (("fat16", 20000, 16, 16), ("becomes-32", 33030, 16, 32)):
            fat(work, name, kib, bits, becomes, middle, initrd)
        disks(work, middle, initrd)
        arguments(work, small, initrd, key)
        for name, entry, direct, more in (
                ("bls", b"linux /k\noptions boot=LABEL=x\n", b"", {}),
                ("direct", None, kernel_pe() + bytes(4 << 20), {}),
                ("rooted", b"linux /k\noptions root=/dev/sda2\n", b"", None),
                ("variable", b"linux /k\ninitrd /$x/i\n", b"", None),
                ("initrd", b"linux /k\n", b"", {"boot/initrd.img": initrd}),
                ("unified", None, unified(work, "bare", small + MORE + [(".linux", 0x200000)], b""), None)):
            offered(work, name, entry, direct, more, name in ("bls", "direct"))


def kernel_large():
    """One that asks for more memory than it has bytes: no section that moves may lie there."""
    k = bytearray(kernel_pe())
    k[0x3c] = 0x40
    struct.pack_into("<4sHH", k, 0x40, b"PE\0\0", 0x8664, 0)
    struct.pack_into("<HHH", k, 0x40 + 20, 112, 0, 0x20b)
    struct.pack_into("<III", k, 0x58 + 56, 64 << 20, 0x400, 0)  # SizeOfImage, SizeOfHeaders
    return bytes(k)


def kernel_pe():
    return b"MZ" + kernel(True)[2:]


def offered(work, name, entry, direct, more, want):
    """Kernels that are started without an initrd, and whether one is offered to them."""
    src = os.path.join(work, name + ".src")
    files = {"EFI/BOOT/BOOTX64.EFI": direct or b"MZ", **(more or {})}
    if entry:
        files.update({"loader/entries/a.conf": entry, "k": kernel_pe()})
    for p, data in files.items():
        write(os.path.join(src, p), data)
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "NONE", "-o", os.path.join(work, name + ".iso"), src)
    text, virtual = plan(work, name + ".iso")
    m = re.search(r"offered \S+ machine 0 by \S+: (\d+) (\d+)", text)
    check(bool(m) == want, "%s: is an initrd offered? %s" % (name, text))
    if m:
        data = open(virtual, "rb").read()[int(m.group(1)):][:int(m.group(2))]
        why = archives_wrong(data[:PRE], data[PRE:].lstrip(b"\0"))
        check(not why, "%s: %s" % (name, why))


def tree(work, last, middle, other, initrd):
    src = os.path.join(work, "tree")
    files = {"EFI/BOOT/BOOTX64.EFI": last, "EFI/Linux/pod.efi": middle, "EFI/Linux/other.efi": other}
    for p, data in files.items():
        write(os.path.join(src, p), data)
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "TREE", "-o", os.path.join(work, "tree.iso"), src)
    text, virtual = plan(work, "tree.iso")
    x = os.path.join(work, "x")
    for p, original in (("EFI/BOOT/BOOTX64.EFI", last), ("EFI/Linux/pod.efi", middle)):
        served(work, p, extract(virtual, "/" + p, x), original, initrd)
        check(run("isoinfo", "-J", "-i", virtual, "-x", "/" + p) == extract(virtual, "/" + p, x), p + ": by Joliet, too")
        check("initrd %s machine 0 by .initrd section" % p in text, p + " is told of: " + text)
    check(extract(virtual, "/EFI/Linux/other.efi", x) == other, "one whose .initrd is none is unchanged")
    text, virtual = plan(work, "tree.iso", "secure")
    check(open(virtual, "rb").read() == open(os.path.join(work, "tree.iso"), "rb").read(), "with Secure Boot on nothing is changed")
    check("warning EFI/Linux/pod.efi: Secure Boot is on" in text, "and the plan says so: " + text)


def arguments(work, small, initrd, key):
    """Other kernel arguments: with the shim and without, with room for them where they are and without, in profiles; and what has none."""
    was, now = CHANGED
    middle = small + [(".initrd", 0x100000), (".linux", 0x1ac000)]
    # ukify's order: each section on the page behind the one before; the kernel last.
    tight = [(".osrel", 0x20000), (".cmdline", 0x21000), (".initrd", 0x22000), (".linux", 0xe0000)]
    long = b"x=" + b"1" * 4086 + b" quiet"  # of a page that is full
    bare = unified(work, "bare", [s for s in middle if s[0] != ".cmdline"], initrd)
    no_initrd = unified(work, "noinitrd", small + [(".linux", 0x200000)], initrd, command=was)
    twice = unified(work, "twice", small + [(".linux", 0x200000), (".initrd", 0x5000000), (".profile", 0x6000000)], initrd, command=was)
    # Of two command lines the first one is longer than any that is changed.
    partly = unified(work, "partly", small + [(".linux", 0x200000), (".initrd", 0x800000), (".profile", 0x900000), (".second", 0x1000000)], initrd,
                     command=b"a=b " * 5000).replace(b".second\0", b".cmdline")
    many = unified(work, "many", small + MORE + middle[2:], initrd, command=was)
    _, sections = headers(os.path.join(work, "many"))
    check(128 + 24 + 240 + 40 * len(sections) > 1024, "a long table: %r" % sections)
    programs = {
        "many.efi": (many, initrd, now),
        "signed.efi": (unified(work, "signed", middle, initrd, key, was), initrd, now),
        "tight.efi": (unified(work, "tight", tight, initrd, command=was), initrd, now),
        "long.efi": (unified(work, "long", tight, initrd, command=long), initrd, long[:-6] + now[6:]),
        "other.efi": (unified(work, "otherwise", middle, b"not an initrd", command=was), None, now),
        "noinitrd.efi": (no_initrd, None, now), "profile.efi": (twice, initrd, now), "bare.efi": (bare, initrd, None)}
    text, virtual = iso_with(work, "words", {"EFI/Linux/" + n: p[0] for n, p in programs.items()}, WORDS)
    x = os.path.join(work, "x")
    for n, (original, its, becomes) in programs.items():
        served(work, "arguments: " + n, extract(virtual, "/EFI/Linux/" + n, x), original, its, becomes)
    check("kernel lines 7\n" in text, "kernel lines: " + text)
    check("warning EFI/Linux/bare.efi: it has no command line of its own" in text, "without .cmdline: " + text)
    text, virtual = iso_with(work, "partly", {"EFI/Linux/partly.efi": partly}, WORDS)
    check("kernel lines 1\n" in text and "warning EFI/Linux/partly.efi: not all of its command lines can be changed" in text, "one of two: " + text)
    write(os.path.join(work, "got.efi"), extract(virtual, "/EFI/Linux/partly.efi", x))
    _, sections = headers(os.path.join(work, "got.efi"))
    at = [v[2] for n, v in sections if n == ".cmdline"]
    got = open(os.path.join(work, "got.efi"), "rb").read()
    check(len(at) == 2 and got[at[0]:].startswith(b"a=b a=b") and got[at[1]:].startswith(now), "one of two: %r" % sections)
    left_out(work, programs["tight.efi"][0], initrd, now)
    text, virtual = iso_with(work, "words", {}, "secure", WORDS)
    check(open(virtual, "rb").read() == open(os.path.join(work, "words.iso"), "rb").read(), "arguments: with Secure Boot on nothing is changed")
    check("warning EFI/Linux/bare.efi: it has no command line of its own" in text, "with Secure Boot on, without .cmdline: " + text)
    check("kernel lines 0\n" in text and "warning EFI/Linux/signed.efi: Secure Boot is on, so its command line stays" in text, "and that is said: " + text)
    fat(work, "fat-words", 20000, 16, 16, programs["tight.efi"][0], initrd, now, WORDS)
    fat(work, "fat-words-alone", 20000, 16, 16, no_initrd, None, now, WORDS)
    persisted(work, programs["tight.efi"][0], initrd)
    disks(work, programs["tight.efi"][0], initrd, now, WORDS)
    disks(work, no_initrd, None, now, WORDS)
    entries(work, many, bare, now)
    by_command(work, programs["signed.efi"][0], now, bare)


def left_out(work, program, initrd, now):
    """Those that cannot be served: the plan says that their kernel does not get the arguments."""
    lost = "its command line cannot be changed"
    # SectionAlignment is no power of two.
    damaged = program[:0x98 + 32] + (0x1800).to_bytes(4, "little") + program[0x98 + 36:]
    text, _ = iso_with(work, "damaged", {"EFI/Linux/damaged.efi": damaged}, WORDS)
    check("damaged or of an unknown form" in text and "warning EFI/Linux/damaged.efi: " + lost in text and "kernel lines 0\n" in text, "damaged: " + text)
    small = newc(["etc/hostname"])
    initrds = [("boot/initrd%02d.img" % i, small + b"%d" % i) for i in range(64)]
    text, _ = iso_with(work, "many", {**dict(initrds), "EFI/Linux/a.efi": program}, WORDS)
    check("warning More than 64 initrds" in text and "warning EFI/Linux/a.efi: " + lost in text and "kernel lines 0\n" in text, "more than 64 in a tree: " + text)
    for name, inside, beside in (("most", initrds[:63], []), ("all", initrds, []), ("beside", [], initrds)):
        text, _ = fat(work, name, 20000, 16, 16, program, *((initrd, now) if name == "most" else (None, None)), WORDS, more=inside, beside=beside)
        full = name != "most"
        check(("warning More than 64 initrds" in text) == full and ("warning EFI/BOOT/BOOTX64.EFI: " + lost in text) == full, name + ": " + text)
        equal(text.count("\ninitrd ") + text.startswith("initrd "), 64, name + ": initrds")


def persisted(work, program, initrd):
    """The only initrd is in the image: for it a persistence file is found, and what that needs is in the menu beside it, too."""
    run("mke2fs", "-Fqt", "ext4", "-L", "isopod-cow", os.path.join(work, "persist"), "8M")
    entry, words = b"title a\nefi /EFI/BOOT/BOOTX64.EFI\noptions root=x quiet\n", b" cow_label=isopod-cow"
    text, out = fat(work, "persisted", 20000, 16, 16, program, initrd, CHANGED[0].strip() + words, "persist=" + os.path.join(work, "persist"),
                    more=[("loader/entries/a.conf", entry)])
    equal(run("mcopy", "-i", out, "::loader/entries/a.conf", "-"), entry[:-1] + words + b"\n", "persistence: the entry")
    check("kernel lines 2\n" in text, "persistence: " + text)


def iso_with(work, name, files, *options):
    """The plan of an ISO with these files; with none, of the one that was made so before."""
    src = os.path.join(work, name + ".tree")
    for p, data in files.items():
        write(os.path.join(src, p), data)
    if files:
        run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "WORDS", "-o", os.path.join(work, name + ".iso"), src)
    return plan(work, name + ".iso", *options)


def entries(work, program, bare, now):
    """What an entry of the Boot Loader Specification says takes the place of .cmdline: it is changed, and none is added."""
    text = {"own": "title a\nefi /EFI/Linux/own.efi\n", "linux": "title a\nlinux /EFI/Linux/own.efi\n", "ours": "title a\nefi /EFI/Linux/own.efi\noptions root=x quiet\n",
            "bare": "title a\nefi /EFI/Linux/bare.efi\noptions root=x quiet\n", "shell": "title a\nefi /shell.efi\noptions quiet\n"}
    changed = {n: t.replace("root=x quiet", now.decode()) for n, t in text.items()}
    files = {"loader/entries/%s.conf" % n: t.encode() for n, t in text.items()}
    _, virtual = iso_with(work, "entries", {**files, "EFI/Linux/own.efi": program, "EFI/Linux/bare.efi": bare, "shell.efi": b"MZ" + bytes(5 << 20)}, WORDS)
    for n in text:
        equal(extract(virtual, "/loader/entries/%s.conf" % n, os.path.join(work, "x")).decode(), changed[n], "entry " + n)


def by_command(work, program, now, bare):
    """isopod plan and export, --arguments; the program read through NBD."""
    isopod = os.path.join(B, "isopod")
    iso_with(work, "command", {"EFI/BOOT/BOOTX64.EFI": program})
    image = os.path.join(work, "command.iso")
    told = json.loads(subprocess.run([isopod, "plan", "--json", "--arguments", WORDS, image], stdout=subprocess.PIPE).stdout)
    equal(told["argument_lines"], 1, "isopod plan: kernel lines")
    check(any(o["kind"] == "uki" and ".cmdline" in o["reason"] and "signature is void" in o["reason"] for o in told["overlays"]), "isopod plan: %r" % told["overlays"])
    sock, out = os.path.join(work, "s"), os.path.join(work, "nbd.iso")
    server = subprocess.Popen([isopod, "export", image, "--nbd", sock, "--once", "--arguments", WORDS], stdout=subprocess.DEVNULL)
    try:
        while not os.path.exists(sock) and server.poll() is None:
            time.sleep(0.05)
        run("nbdcopy", "nbd+unix:///?socket=" + sock, out)
    finally:
        server.terminate()
        server.wait()
    write(os.path.join(work, "got.efi"), extract(out, "/EFI/BOOT/BOOTX64.EFI", os.path.join(work, "x")))
    equal(content(os.path.join(work, "got.efi"), ".cmdline", work), now, "through NBD")
    iso_with(work, "refused", {"EFI/BOOT/BOOTX64.EFI": bare})
    r = subprocess.run([isopod, "plan", "--arguments", WORDS, os.path.join(work, "refused.iso")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(r.returncode == 3 and b"no command line of its own" in r.stderr, "refused, and why: %d %r" % (r.returncode, r.stderr))


def fat(work, name, kib, bits, becomes, program, initrd, command=None, *options, more=(), beside=()):
    """The program in the FAT of an El Torito image, as it is served; other files in it and in the tree beside it, (path, content)."""
    img = os.path.join(work, name + ".fat")
    run("mkfs.fat", "-C", "-F", bits, "-s", 1, img, kib)
    fill = noise(900000)
    for p, data in (("EFI/BOOT/BOOTX64.EFI", program), ("fill", fill), *more):
        for i in (i for i, c in enumerate(p) if c == "/"):
            subprocess.run(["mmd", "-D", "s", "-i", img, "::" + p[:i]], stderr=subprocess.DEVNULL)
        write(os.path.join(work, "f"), data)
        run("mcopy", "-i", img, os.path.join(work, "f"), "::" + p)
    src = os.path.join(work, name + ".d")
    for p, data in beside:
        write(os.path.join(src, p), data)
    write(os.path.join(src, "efi.img"), open(img, "rb").read())
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "FATTY", "-e", "efi.img", "-no-emul-boot", "-o", os.path.join(work, name + ".iso"), src)
    text, virtual = plan(work, name + ".iso", *options)
    report = run("xorriso", "-indev", virtual, "-report_el_torito", "plain").decode()
    start = int(re.search(r"El Torito boot img :\s+1\s+UEFI\s+y\s+\S+\s+\S+\s+\S+\s+\d+\s+(\d+)", report).group(1))
    out = os.path.join(work, name + ".served")
    with open(virtual, "rb") as f:
        f.seek(start * 2048)
        write(out, f.read())
    fsck = subprocess.run(["fsck.fat", "-n", "-v", out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(fsck.returncode == 0, name + ": fsck.fat: " + fsck.stdout.decode(errors="replace"))
    check(b"%d bit entries" % becomes in fsck.stdout, name + ": the served volume's type: %r" % fsck.stdout)
    served(work, name, run("mcopy", "-i", out, "::EFI/BOOT/BOOTX64.EFI", "-"), program, initrd, command)
    check(run("mcopy", "-i", out, "::fill", "-") == fill, name + ": the other file is unchanged")
    return text, out


def disk(work, name, make, put, read, check_volume, program, initrd, command=None, *options):
    """The program in a partition of a disk image."""
    volume, image, start = os.path.join(work, name + ".vol"), os.path.join(work, name + ".img"), 1 << 20
    if os.path.exists(volume):
        os.unlink(volume)
    run(*make, volume, "40000")
    put(volume, "EFI/BOOT/BOOTX64.EFI", program)
    with open(volume, "rb") as f:
        data = f.read()
    write(image, bytes(start) + data)
    run("sh", "-c", "echo start=2048, type=ef | sfdisk -q " + image)
    with open(image, "r+b") as f:
        f.write(b"\xfa\xeb\xfe")
    text, virtual = plan(work, name + ".img", *options)
    if initrd is not None:
        check("initrd EFI/BOOT/BOOTX64.EFI machine 0 by .initrd section" in text, name + " is told of: " + text)
    equal("kernel lines 1\n" in text, command is not None, name + ": a kernel line")
    out = os.path.join(work, name + ".out")
    with open(virtual, "rb") as f:
        f.seek(start)
        write(out, f.read())
    check_volume(out, name)
    served(work, name, read(out, "EFI/BOOT/BOOTX64.EFI"), program, initrd, command)
    return text


def fsck_fat(path, name):
    r = subprocess.run(["fsck.fat", "-n", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(b"Cluster" not in r.stdout and b"share" not in r.stdout and b"Contains a free cluster" not in r.stdout, name + ": fsck.fat: %r" % r.stdout)


def put_fat(volume, path, data, fill=0):
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        run("mmd", "-i", volume, "::EFI", "::EFI/BOOT")
        run("mcopy", "-i", volume, f.name, "::" + path)
    if fill:
        with tempfile.NamedTemporaryFile() as f:
            f.write(bytes(fill << 10))
            f.flush()
            run("mcopy", "-i", volume, f.name, "::fill")


def put_in_pieces(volume, path, data):
    """In the gaps between files of 64 KiB, every second of which is gone."""
    with tempfile.TemporaryDirectory() as d:
        names = ["%03d" % i for i in range(200)]
        for n in names:
            write(os.path.join(d, n), bytes(65536))
        run("mcopy", "-i", volume, *(os.path.join(d, n) for n in names), "::")
        run("mdel", "-i", volume, *("::" + n for n in names[::2]))
    put_fat(volume, path, data)


def put_ext(volume, path, data):
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        for line in ("mkdir EFI", "mkdir EFI/BOOT", "write %s %s" % (f.name, path)):
            run("debugfs", "-w", "-R", line, volume)


def e2fsck(path, name):
    r = subprocess.run(["e2fsck", "-fn", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(b"Multiply-claimed" not in r.stdout and b"Illegal" not in r.stdout and b"Structure needs" not in r.stdout, name + ": e2fsck: %r" % r.stdout)


def disks(work, program, initrd, *command):
    def read_fat(volume, path):
        return run("mcopy", "-i", volume, "::" + path, "-")

    def read_ext(volume, path):
        out = os.path.join(work, "dumped.efi")
        run("debugfs", "-R", "dump %s %s" % (path, out), volume)
        return open(out, "rb").read()

    mkfat = ["mkfs.fat", "-C", "-F"]
    text = disk(work, "esp16", [*mkfat, "16", "-s", "4"], put_fat, read_fat, fsck_fat, program, initrd, *command)
    if initrd is None:
        return
    check(re.search(r"^overlay 1 EFI/BOOT/BOOTX64.EFI \d+ 32$", text, re.M), "its record is told of: " + text)
    disk(work, "esp32", [*mkfat, "32", "-s", "1"], put_fat, read_fat, fsck_fat, program, initrd, *command)
    disk(work, "pieces", [*mkfat, "32", "-s", "1"], put_in_pieces, read_fat, fsck_fat, program, initrd, *command)
    # Room for what is new alone, and not for a second whole one.
    room = 39000 - len(program) // 1024 - 1500
    disk(work, "narrow", [*mkfat, "32", "-s", "1"], lambda v, p, d: put_fat(v, p, d, room), read_fat, fsck_fat, program, initrd, *command)
    disk(work, "ext", ["mke2fs", "-q", "-t", "ext4"], put_ext, read_ext, e2fsck, program, initrd, *command)


main()
finish()

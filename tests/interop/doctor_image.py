#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""doctor on images: ISOs made by xorriso, MD5s implanted and judged by isomd5sum, hash lists by coreutils; damage of every kind is named."""
import shutil

from doctor_common import *
import cli_common


def sound():
    got = findings("good.iso", "--no-machine", rc=0)
    no_alarm(got, "a sound ISO")
    for c in ("image.structure", "image.kind", "image.boot", "image.truncated", "image.files", "image.label", "image.catalogue", "image.tables",
              "image.zeros"):
        expect(got, c, "good")
    expect(got, "image.boot", "good", "bios,uefi")
    got = findings("good.iso", "--no-machine", "--full", rc=0)
    no_alarm(got, "a sound ISO read to its end")
    expect(got, "drive.read", "good", str(os.path.getsize("good.iso")))
    no_alarm(findings(IPXE, "--no-machine", "--full", rc=0), "ipxe.iso")
    r = isopod("doctor", "good.iso", "--no-machine")
    check(r.rc == 0 and r.out.startswith("Nothing wrong"), "the verdict comes first: %r" % r.out[:80])
    r = isopod("doctor", "cut.iso", "--no-machine")
    check(r.rc == 1 and r.out.startswith("1 problem found") or "problems found" in r.out.split("\n")[0], "the verdict comes first: %r" % r.out[:80])


def cut():
    got = findings("cut.iso", "--no-machine", rc=1)
    expect(got, "image.truncated", "problem", str(os.path.getsize("cut.iso")))
    expect(got, "image.files", "problem", "/live/filesystem.squashfs")
    open("empty.iso", "w").close()
    expect(findings("empty.iso", "--no-machine", rc=1), "image.structure", "problem", "empty")
    noise("noise.iso", 300000)
    expect(findings("noise.iso", "--no-machine", rc=1), "image.structure", "problem", "any known kind of image")


def names():
    shutil.copy("good.iso", "good.img")
    expect(findings("good.img", "--no-machine", rc=0), "image.kind", "note", "iso")
    shutil.copy("good.iso", "good.bin")
    expect(findings("good.bin", "--no-machine", rc=0), "image.kind", "warning", "menu")
    for name, points in (("deb\u0456an.iso", "U+0456"), ("deb\u200bian.iso", "U+200B"), ("\uff44ebian.iso", "U+FF44")):
        shutil.copy("good.iso", name)
        expect(findings(name, "--no-machine", rc=0), "image.name", "warning", points)
    for name in ("\u0420\u0443\u0441\u0441\u043a\u0430\u044f.iso", "\u4e2d\u6587 debian.iso"):
        shutil.copy("good.iso", name)
        expect(findings(name, "--no-machine", rc=0), "image.name", "good")


def md5():
    """isomd5sum is the judge: what it takes, the doctor takes; where it fails, the doctor fails and knows where."""
    for seed, size in ((1, 3 * MIB), (2, 5 * MIB + 12345), (3, 11 * MIB)):
        tree("md5tree", squashfs=size, seed=seed)
        iso("md5.iso", "md5tree")
        shutil.rmtree("md5tree")
        check(not of(findings("md5.iso", "--no-machine", "--full", rc=0), "image.md5"), "nothing is implanted yet")
        run("implantisomd5", "md5.iso", check=True)
        equal(run("checkisomd5", "md5.iso", stdin=subprocess.DEVNULL).returncode, 0, "checkisomd5 on the sound one")
        expect(findings("md5.iso", "--no-machine", rc=0), "image.md5", "note", "--full")
        expect(findings("md5.iso", "--no-machine", "--full", rc=0), "image.md5", "good")
        place = open("md5.iso", "rb").read().index(random.Random(seed).randbytes(64))  # where the squashfs begins
        for where in (place + 100, place + size // 2, place + size - 100):
            old = open("md5.iso", "rb").read()[where]
            patched("md5.iso", "bad.iso", where, bytes([old ^ 1]))
            equal(run("checkisomd5", "bad.iso", stdin=subprocess.DEVNULL).returncode, 1, "checkisomd5 on damage")
            got = findings("bad.iso", "--no-machine", "--full", rc=1)
            expect(got, "image.md5", "problem", "damaged between")
            hit = of(got, "image.md5")[0][3].replace(",", "").split()
            if "between" in hit:
                a, b = (int(hit[i]) for i in range(len(hit)) if hit[i].isdigit())
                check(a <= where < b, "byte %d lies in [%d, %d)" % (where, a, b))
                check(b - a <= os.path.getsize("bad.iso") // 21 + 2 * 32768, "the part is small: %d" % (b - a))
    # fields that make no sense
    app = 32768 + 883
    for text in (b"ISO MD5SUM = zz", b"ISO MD5SUM = " + b"0" * 32 + b";SKIPSECTORS = 99999999;FRAGMENT COUNT = 0;",
                 b"ISO MD5SUM = " + b"0" * 32 + b";SKIPSECTORS = 0;FRAGMENT SUMS = abc;FRAGMENT COUNT = 60;"):
        patched("md5.iso", "odd.iso", app, text.ljust(512))
        findings("odd.iso", "--no-machine", "--full", program=FAULTS)


def sums():
    os.mkdir("sums")
    shutil.copy("good.iso", "sums/good.iso")
    path = "sums/good.iso"
    formats = {"SHA256SUMS": ["sha256sum", "--", "good.iso"], "MD5SUMS": ["md5sum", "-b", "good.iso"], "good.iso.sha256": ["sha256sum", "good.iso"],
               "Test-CHECKSUM": ["sha256sum", "--tag", "good.iso"], "sha512sum.txt": ["sha512sum", "./good.iso"], "good.sha1": ["sha1sum", "good.iso"]}
    for name, command in formats.items():
        text = run(*command, cwd="sums").stdout
        with open("sums/" + name, "w") as f:
            f.write("# a comment\n" + text)
        expect(findings(path, "--no-machine", rc=0), "image.sums", "note", name)
        expect(findings(path, "--no-machine", "--full", rc=0), "image.sums", "good", name)
        digit = next(i for i, c in enumerate(text) if c in "0123456789abcdef" and text[i + 1] in "0123456789abcdef" and i > text.find("= "))
        with open("sums/" + name, "w") as f:
            f.write(text[:digit] + ("1" if text[digit] != "1" else "2") + text[digit + 1:])
        expect(findings(path, "--no-machine", "--full", rc=1), "image.sums", "problem", name)
        os.unlink("sums/" + name)
    for name, text in (("SHA256SUMS", "0" * 64 + "  other.iso\n"), ("SHA256SUMS.gpg", "0" * 64 + "  good.iso\n"), ("md5", "x" * 100000), ("sha1", "\0\n(\n) = \n()")):
        with open("sums/" + name, "w") as f:
            f.write(text)
    check(not of(findings(path, "--no-machine", "--full", rc=0), "image.sums"), "hashes of other files do not count")


def labels():
    expect(findings("good.iso", "--no-machine"), "image.label", "good", "PODTEST")
    for menu, want in (("linux /live/vmlinuz root=live:CDLABEL=PODTEST rd.live.image\ninitrd /live/initrd.img\n", "good"),
                       ("linux /live/vmlinuz root=live:CDLABEL=Other rd.live.image\ninitrd /live/initrd.img\n", "problem"),
                       ("linux /live/vmlinuz inst.stage2=hd:LABEL=POD\\x20TEST quiet\ninitrd /live/initrd.img\n", "problem"),
                       ("linux /live/vmlinuz archisolabel=PODTEST\ninitrd /live/initrd.img\n", "good"),
                       ("linux /live/vmlinuz root=live:CDLABEL=${label}\ninitrd /live/initrd.img\n", None)):
        tree("labels", menu)
        iso("label.iso", "labels")
        shutil.rmtree("labels")
        got = findings("label.iso", "--no-machine")
        if want:
            expect(got, "image.label-sought", want, "PODTEST")
        else:
            check(not of(got, "image.label-sought"), "a variable is no label: %r" % of(got, "image.label-sought"))
    tree("labels", "linux /live/vmlinuz root=live:CDLABEL=POD\\x20TEST\ninitrd /live/initrd.img\n")
    iso("label.iso", "labels", "POD TEST")
    expect(findings("label.iso", "--no-machine"), "image.label-sought", "good", "POD TEST")


def tables():
    data = open("good.iso", "rb").read()
    cat = struct.unpack_from("<I", data, 17 * 2048 + 71)[0] * 2048
    patched("good.iso", "t.iso", cat + 4, b"X")
    expect(findings("t.iso", "--no-machine"), "image.catalogue", "warning", "checksum")
    patched("good.iso", "t.iso", cat + 32 + 8, struct.pack("<I", 0x7FFFFFFF))
    expect(findings("t.iso", "--no-machine", rc=1), "image.catalogue", "problem", "outside")
    patched("good.iso", "t.iso", cat, b"\2")
    expect(findings("t.iso", "--no-machine", rc=1), "image.catalogue", "problem", "none")
    backup = struct.unpack_from("<Q", data, 512 + 32)[0]
    patched("good.iso", "t.iso", backup * 512, bytes(512))
    expect(findings("t.iso", "--no-machine", rc=0), "image.tables", "note", "copy of the GPT")
    patched("good.iso", "t.iso", 512 + 60, None)
    expect(findings("t.iso", "--no-machine"), "image.tables", "warning", "checksums")
    patched("good.iso", "t.iso", 446 + 8, struct.pack("<II", 0, 0x7FFFFFFF) + b"\0\0\0\0\x17\0\0\0" + struct.pack("<II", 1, 0x7FFFFFFF))
    expect(findings("t.iso", "--no-machine"), "image.tables", "warning", "MBR")
    patched("good.iso", "t.iso", 512, bytes(8))
    expect(findings("t.iso", "--no-machine"), "image.tables", "warning", "no", "GPT")


def zeros():
    size = os.path.getsize("good.iso")
    with open("zero.iso", "wb") as f:
        f.truncate(size)
    expect(findings("zero.iso", "--no-machine", rc=1), "image.zeros", "problem")
    expect(findings("zero.iso", "--no-machine", "--full", rc=1), "image.zeros", "problem")
    # a disk image may well be empty space
    with open("disk.img", "wb") as f:
        f.truncate(2000 * MIB)
    subprocess.run(["sfdisk", "-q", "disk.img"], input=b"label: dos\nstart=2048, type=c, bootable\n", check=True)
    patched("disk.img", "disk2.img", 0, b"\xeb\x3c\x90" + noise_bytes(400))
    no_alarm(findings("disk2.img", "--no-machine", rc=0), "an empty disk image")
    # what a download in pieces leaves
    where = open("good.iso", "rb").read().index(random.Random(1).randbytes(64)) + 2 * MIB
    patched("good.iso", "hole.iso", where // MIB * MIB, bytes(2 * MIB))
    expect(findings("hole.iso", "--no-machine", "--full", rc=1), "image.zeros", "problem", "filesystem.squashfs")
    # a large one whose second half never came
    shutil.copy("good.iso", "half.iso")
    with open("half.iso", "r+b") as f:
        for at, form in ((32768 + 80, "<I"), (32768 + 84, ">I")):
            f.seek(at)
            f.write(struct.pack(form, 200 * MIB // 2048))
        f.truncate(200 * MIB)
    expect(findings("half.iso", "--no-machine"), "image.zeros", "warning", "zeros")


def read_errors():
    """A place that cannot be read is told with the file inside the image."""
    data = open("good.iso", "rb").read()
    for name, text in (("/live/filesystem.squashfs", random.Random(1).randbytes(64)), ("/live/initrd.img", b"\x1f\x8b\x08\0\0\0\0")):
        where = data.index(text) + 70000
        got = findings("good.iso", "--no-machine", "--full", rc=1, program=FAULTS, env={"ISOPOD_TEST_BADREAD": str(where)})
        expect(got, "drive.read", "problem", str(where // 4096 * 4096), name)
        equal(len(of(got, "drive.read")), 1, "one place")


def little_is_read():
    run("cp", "good.iso", "large.iso", check=True)
    with open("large.iso", "r+b") as f:
        for at, form in ((32768 + 80, "<I"), (32768 + 84, ">I")):
            f.seek(at)
            f.write(struct.pack(form, 5 * 1024 * MIB // 2048))
        f.truncate(5 * 1024 * MIB)
    took = bytes_read("large.iso")
    check(took <= 8 * MIB, "an ISO of 5 GiB: %d bytes read" % took)


def hostile():
    """Damage of every kind is a finding, not a crash."""
    good = open("good.iso", "rb").read()
    r = random.Random(20)
    spots = [(0, 1024), (32768, 6 * 2048), (17 * 2048, 2048), (len(good) - 33 * 512, 33 * 512)]
    cat = struct.unpack_from("<I", good, 17 * 2048 + 71)[0] * 2048
    root = struct.unpack_from("<I", good, 32768 + 158)[0] * 2048
    spots += [(cat, 256), (root, 2048), (root, 256)]
    for i in range(60):
        data = bytearray(good)
        start, length = spots[i % len(spots)]
        for _ in range(r.choice((1, 2, 8, 64))):
            data[start + r.randrange(length)] = r.choice((0, 255, 1, 0x80, r.randrange(256)))
        with open("hostile.iso", "wb") as f:
            f.write(data[:r.choice((len(data), len(data), r.randrange(len(data))))])
        findings("hostile.iso", "--no-machine", *(["--full"] if i % 4 == 0 else []), program=FAULTS, timeout=60)


with workdir():
    shims("data")
    tree("good")
    iso("good.iso", "good")
    with open("cut.iso", "wb") as f:
        f.write(open("good.iso", "rb").read()[:3 * MIB])
    sound()
    cut()
    names()
    md5()
    sums()
    labels()
    tables()
    zeros()
    read_errors()
    little_is_read()
    hostile()
cli_common.finish()

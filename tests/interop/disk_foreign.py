#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Images of other programs read by the core: qcow2, qcow, QED, VMDK, VDI and Parallels as qemu-img and qemu-io make them, bit-exact, in every command that
reads; what is not read is said in a sentence; damaged ones never crash and never hang."""
import json, os, random, shutil, struct, subprocess, time

from cli_common import *
import cli_common

SIZE = 6 * MIB + 512 * 17


def pattern(path, size=SIZE, seed=1):
    r = random.Random(seed)
    with open(path, "wb") as f:
        f.truncate(size)
        at = 0
        while at < size:
            n = min(size - at, r.choice((512, 4096, 70000, MIB)))
            if r.random() < 0.4:
                f.seek(at)
                f.write(r.randbytes(n) if r.random() < 0.5 else bytes([r.randrange(256)]) * n)
            at += n
    return path


def convert(fmt, src, dst, *more):
    run("qemu-img", "convert", "-f", "raw", "-O", fmt, *more, src, dst, check=True)
    return dst


def same(path, fmt, what, *more):
    """Ours and qemu-img's view of it are the same bytes."""
    for name in ("ours.raw", "theirs.raw"):
        if os.path.exists(name):
            os.unlink(name)
    run("qemu-img", "convert", "-f", fmt, "-O", "raw", path, "theirs.raw", check=True)
    r = isopod("disk", "convert", *more, path, "ours.raw")
    return check(r.rc == 0, what + ": " + r.err) and check(sha256("ours.raw") == sha256("theirs.raw"), what + ": the same bytes")


def clean():
    for x in os.listdir("."):
        shutil.rmtree(x) if os.path.isdir(x) else os.unlink(x)


def scribble(path, fmt, seed, n=12, size=SIZE):
    """Random writes of qemu-io: data, zeros, discards."""
    r = random.Random(seed)
    cmd = []
    for _ in range(n):
        length = r.choice((512, 4096, 65536, 300 * 512))
        at = r.randrange(0, size - length) & ~511
        cmd += ["-c", r.choice(("write -P %d %d %d" % (r.randrange(1, 256), at, length), "write -z %d %d" % (at, length),
                                "write -z -u %d %d" % (at, length), "discard %d %d" % (at, length)))]
    run("qemu-io", "-d", "unmap", "-f", fmt, *cmd, path, check=True)


# --- every variant ------------------------------------------------------------------------------------------

def qcow2():
    pattern("p.raw")
    for i, options in enumerate(("compat=0.10", "compat=1.1,lazy_refcounts=on", "cluster_size=512", "cluster_size=2M", "extended_l2=on",
                                 "extended_l2=on,cluster_size=16k", "preallocation=metadata", "preallocation=full")):
        convert("qcow2", "p.raw", "q.qcow2", "-o", options)
        scribble("q.qcow2", "qcow2", i)
        same("q.qcow2", "qcow2", options + ", written to")
        r = must("disk", "check", "q.qcow2")
        check("0 faults" in r.out, options + ": check: " + r.out)
    for options in ("compat=0.10", "cluster_size=512", "cluster_size=2M", "extended_l2=on"):
        convert("qcow2", "p.raw", "c.qcow2", "-c", "-o", options)
        scribble("c.qcow2", "qcow2", 50)
        same("c.qcow2", "qcow2", "compressed, written to, " + options)
        must("disk", "check", "c.qcow2")
    with open("t.raw", "wb") as f:  # text, in which zstd finds all that it knows
        for i in range(40000):
            f.write(b"line %d of a log: %x\n" % (i, i * i * 7919 % 65537))
        f.truncate(SIZE)
    for src, options in (("p.raw", ""), ("t.raw", ""), ("t.raw", ",cluster_size=2M"), ("t.raw", ",cluster_size=4k")):
        convert("qcow2", src, "z.qcow2", "-c", "-o", "compression_type=zstd" + options)
        scribble("z.qcow2", "qcow2", 51)
        same("z.qcow2", "qcow2", "zstd" + options)
        must("disk", "check", "z.qcow2")
    check("compressed" in must("disk", "map", "c.qcow2").out, "the map says what is compressed")
    # snapshots: what was written since is shown, what they keep is not
    convert("qcow2", "p.raw", "s.qcow2")
    for n in range(2):
        run("qemu-img", "snapshot", "-c", "s%d" % n, "s.qcow2", check=True)
        scribble("s.qcow2", "qcow2", 100 + n)
    same("s.qcow2", "qcow2", "with snapshots")
    check("2 snapshots" in must("disk", "info", "s.qcow2").out, "snapshots are told of")
    equal(json.loads(must("disk", "info", "--json", "s.qcow2").out)["chain"][0]["snapshots"], 2, "snapshots in JSON")
    for at, bit, key in ((79, 1, "dirty"), (79, 2, "damaged")):
        convert("qcow2", "p.raw", "m.qcow2")
        with open("m.qcow2", "r+b") as f:
            f.seek(at)
            f.write(bytes([bit]))
        equal(json.loads(must("disk", "info", "--json", "m.qcow2").out)["chain"][0][key], True, key + " is told of")
    equal(isopod("disk", "check", "m.qcow2").rc, 1, "marked as damaged: a fault")
    clean()


def vmdk():
    pattern("p.raw")
    for sub in ("monolithicSparse", "streamOptimized"):
        for extra in ("", ",zeroed_grain=on", ",compat6=on"):
            if sub == "streamOptimized" and extra:
                continue
            convert("vmdk", "p.raw", "v.vmdk", "-o", "subformat=" + sub + extra)
            if extra or sub == "streamOptimized":
                same("v.vmdk", "vmdk", sub + extra)
            if sub == "monolithicSparse":
                scribble("v.vmdk", "vmdk", 7)
                same("v.vmdk", "vmdk", sub + extra + ", written to")
            must("disk", "check", "v.vmdk")
    convert("vmdk", "p.raw", "d.vmdk", "-o", "subformat=monolithicFlat")
    several("p.raw", "monolithicFlat")
    # extents of every kind, one of them from within its file
    convert("vmdk", "p.raw", "x.vmdk")
    shutil.copyfile("p.raw", "d-f.raw")
    os.rename("x.vmdk", "d-s.vmdk")
    sectors = SIZE // 512
    with open("d.vmdk", "w") as f:
        f.write("# Disk DescriptorFile\r\nversion=1\r\nCID=12345678\r\nparentCID=ffffffff\r\ncreateType=\"twoGbMaxExtentFlat\"\r\n\r\n"
                "RW 4096 SPARSE \"d-s.vmdk\"\r\nRW 2048 FLAT \"d-f.raw\" 4096\r\nRW 1111 ZERO\r\nRW %d FLAT \"d-f.raw\" 100\r\n" % (sectors - 7255))
    with open("p.raw", "rb") as f:
        data = f.read()
    with open("want.raw", "wb") as f:
        f.write(data[:6144 * 512] + bytes(1111 * 512) + data[51200:51200 + (sectors - 7255) * 512])
    several("want.raw", "extents of several kinds")
    with open("big.raw", "wb") as f:
        f.truncate((2 << 30) + 12345 * 512)
        for at in ((2 << 30) - 70000, (2 << 30) + 5 * MIB):
            f.seek(at)
            f.write(random.Random(at).randbytes(140000))
    convert("vmdk", "big.raw", "d.vmdk", "-o", "subformat=twoGbMaxExtentSparse")
    several("big.raw", "twoGbMaxExtentSparse")
    clean()


def several(want, what):
    """d.vmdk, whose files are d-*, shows what `want` does."""
    one_line(isopod("disk", "info", "d.vmdk"), 3, what, "names other files (extent files)", "--follow")
    must("disk", "convert", "--follow", "d.vmdk", "ours.vhdx", "--replace")
    r = run("qemu-img", "compare", "-f", "raw", "-F", "vhdx", want, "ours.vhdx")
    check(r.returncode == 0, what + ": " + r.stdout)
    check("0 faults" in must("disk", "check", "--follow", "d.vmdk").out, what + ": check")
    must("disk", "map", "--follow", "d.vmdk")
    part = next(x for x in sorted(os.listdir(".")) if x.startswith("d-"))
    os.rename(part, "away")
    one_line(isopod("disk", "info", "--follow", "d.vmdk"), 3, what + " without " + part, "missing", part)
    for x in os.listdir("."):
        if x.startswith("d-") or x in ("away", "d.vmdk", "ours.vhdx"):
            os.unlink(x)


def vdi():
    pattern("p.raw")
    for options in ("static=off", "static=on"):
        convert("vdi", "p.raw", "v.vdi", "-o", options)
        same("v.vdi", "vdi", options)
        scribble("v.vdi", "vdi", 9)
        same("v.vdi", "vdi", options + ", written to")
        check("0 faults" in must("disk", "check", "v.vdi").out, options + ": check")
    with open("v.vdi", "r+b") as f:
        f.seek(76)
        f.write(struct.pack("<I", 4))
    one_line(isopod("disk", "info", "v.vdi"), 3, "a differencing VDI", "not supported", "differencing")
    clean()


def others():
    """qcow, QED, Parallels."""
    pattern("p.raw")
    for fmt, options in (("qcow", ()), ("qcow", ("-c",)), ("qed", ()), ("qed", ("-o", "cluster_size=4k,table_size=2")), ("qed", ("-o", "cluster_size=1M,table_size=16")),
                         ("parallels", ()), ("parallels", ("-o", "cluster_size=64k"))):
        name, what = "x." + fmt, " ".join((fmt,) + options)
        if "-c" in options:  # whole clusters only, and QEMU 7.2 ends with status 1 though it has done it
            run("qemu-img", "convert", "-f", "raw", "-O", fmt, "-c", pattern("whole.raw", 6 * MIB), name)
        else:
            convert(fmt, "p.raw", name, *options)
        scribble(name, fmt, 31, size=6 * MIB)
        same(name, fmt, what + ", written to")
        check("0 faults" in must("disk", "check", name).out, what + ": check")
        must("disk", "map", name)
    pattern("base.raw", 4 * MIB)
    for fmt in ("qcow", "qed"):
        run("qemu-img", "create", "-q", "-f", fmt, "-F", "raw", "-b", "base.raw", "t." + fmt, str(SIZE), check=True)
        scribble("t." + fmt, fmt, 32)
        one_line(isopod("disk", "info", "t." + fmt), 3, fmt + " with a backing file", "names other files (backing file)", "--follow")
        same("t." + fmt, fmt, fmt + " with a backing file", "--follow")
    # what old programs wrote: sectors are counted, and clusters are no power of two
    for magic, unit in ((b"WithoutFreeSpace", 1), (b"WithouFreSpacExt", 504)):
        head = magic + struct.pack("<IIIIIQIIIQ", 2, 16, 9, 504, 5, 5 * 504 - 3, 0x746f6e59, 504, 0, 0)
        with open("o.parallels", "wb") as f:
            f.write((head + struct.pack("<5I", 2 * (504 // unit), 0, 504 // unit, 0, 3 * (504 // unit))).ljust(504 * 512, b"\0"))
            f.write(random.Random(33).randbytes(3 * 504 * 512))
        same("o.parallels", "parallels", "clusters of 504 sectors, entries count %d" % unit)
        check("not closed cleanly" in must("disk", "info", "o.parallels").out, "in use")
    clean()


def written():
    """What we write as qcow2 is sound, the same disk, and has its holes; a large one costs what is in it."""
    pattern("p.raw")
    with open("one.raw", "wb") as f:
        f.truncate(512)
    with open("big.raw", "wb") as f:
        f.truncate((3 << 40) + 512)
        for at in (0, (1 << 40) + 70000, (3 << 40) - 3000):
            f.seek(at)
            f.write(random.Random(at).randbytes(3512))
    with open("full.raw", "wb") as f:
        f.write(random.Random(3).randbytes(40 * MIB))
    for name, most in (("p.raw", 7 * MIB), ("one.raw", MIB), ("big.raw", MIB), ("full.raw", 41 * MIB)):
        must("disk", "convert", name, "out.qcow2", "--replace")
        r = run("qemu-img", "check", "-f", "qcow2", "out.qcow2")
        check(r.returncode == 0 and "No errors" in r.stdout, name + ": qemu-img check: " + r.stdout)
        r = run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", name, "out.qcow2")
        check(r.returncode == 0, name + ": " + r.stdout)
        check(os.stat("out.qcow2").st_size <= most, "%s: %d bytes" % (name, os.stat("out.qcow2").st_size))
        if name != "full.raw":
            check(os.stat("out.qcow2").st_blocks <= os.stat(name).st_blocks + 1024, "%s: holes: %d blocks" % (name, os.stat("out.qcow2").st_blocks))
    scribble("out.qcow2", "qcow2", 41, size=40 * MIB)
    r = run("qemu-img", "check", "-f", "qcow2", "out.qcow2")
    check(r.returncode == 0, "written to by QEMU: " + r.stdout)
    same("out.qcow2", "qcow2", "written to by QEMU")
    clean()


def chains():
    """Backing files are opened when they are asked for."""
    pattern("base.raw", 4 * MIB)
    for fmt, base in (("raw", "base.raw"), ("qcow2", "base.qcow2"), ("vpc", "base.vhd"), ("vhdx", "base.vhdx"), ("vmdk", "base.vmdk")):
        if fmt != "raw":
            convert(fmt, "base.raw", base, *(("-o", "force_size=on") if fmt == "vpc" else ()))
        run("qemu-img", "create", "-q", "-f", "qcow2", "-F", fmt, "-b", base, "mid.qcow2", check=True)
        scribble("mid.qcow2", "qcow2", 21, size=4 * MIB)
        run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", os.path.abspath("mid.qcow2"), "-o", "extended_l2=on", "top.qcow2", str(SIZE), check=True)
        scribble("top.qcow2", "qcow2", 22)
        one_line(isopod("disk", "convert", "top.qcow2", "no.raw"), 3, "a chain on " + fmt, "names other files (backing file)", "--follow")
        check(not os.path.exists("no.raw"), "nothing is left")
        same("top.qcow2", "qcow2", "a chain on " + fmt, "--follow")
        equal(json.loads(must("disk", "info", "--json", "--follow", "top.qcow2").out)["depth"], 3, "three files")
        os.rename("mid.qcow2", "elsewhere")
        one_line(isopod("disk", "info", "--follow", "top.qcow2"), 3, "without one", "parent is missing")
        os.unlink("elsewhere")
    convert("vmdk", "base.raw", "b.vmdk")
    run("qemu-img", "create", "-q", "-f", "vmdk", "-F", "vmdk", "-b", "b.vmdk", "t.vmdk", check=True)
    scribble("t.vmdk", "vmdk", 23, size=4 * MIB)
    same("t.vmdk", "vmdk", "a VMDK on a VMDK", "--follow")
    run("qemu-io", "-f", "vmdk", "-c", "write 0 512", "b.vmdk", check=True)
    one_line(isopod("disk", "info", "--follow", "t.vmdk"), 3, "its parent was written to", "changed since")
    run("qemu-img", "create", "-q", "-f", "qcow2", "l.qcow2", "1M", check=True)
    run("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "l.qcow2", "l.qcow2", check=True)
    one_line(isopod("disk", "info", "--follow", "l.qcow2"), 3, "it stands on itself", "loop")
    clean()


def not_read():
    pattern("p.raw", 2 * MIB)
    for what, args, words in (
            ("encryption", (), ("encryption",)),
            ("a data file", ("-o", "data_file=data.raw"), ("data file",))):
        r = run("qemu-img", "create", "-q", "-f", "qcow2", *[a for a in args if a != "-c"], "x.qcow2", "2M")
        if not check(r.returncode == 0, "%s: qemu-img: %s" % (what, r.stdout)):
            continue
        if what == "encryption":
            with open("x.qcow2", "r+b") as f:
                f.seek(32)
                f.write(struct.pack(">I", 2))
        for verb in (("info", "x.qcow2"), ("convert", "x.qcow2", "y.raw")):
            one_line(isopod("disk", *verb), 3, what, "x.qcow2", "not supported", *words)
        os.unlink("x.qcow2")
    with open("c.vmdk", "wb") as f:
        f.write(b"COWD".ljust(4096, b"\0"))
    one_line(isopod("disk", "info", "c.vmdk"), 3, "an extent of ESXi", "ESXi")
    for kind in ("VMFS", "SESPARSE", "VMFSSPARSE"):
        with open("e.vmdk", "w") as f:
            f.write("# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"vmfs\"\nRW 63 %s \"p.raw\"\n" % kind)
        one_line(isopod("disk", "info", "--follow", "e.vmdk"), 3, kind, "ESXi")
    clean()


def everywhere():
    """Whatever reads a disk reads these."""
    pattern("p.raw", 6 * MIB)
    for fmt in ("qcow2", "vmdk", "vdi", "qed"):
        convert(fmt, "p.raw", "x." + fmt)
        must("layer", "create", "st", "--from", "x." + fmt)
        must("layer", "export", "st", "out.raw")
        equal(sha256("out.raw"), sha256("p.raw"), fmt + " as a store")
        shutil.rmtree("st")
        os.unlink("out.raw")
        with subprocess.Popen([ISOPOD, "disk", "serve", "x." + fmt, "--nbd", "s"], stdout=subprocess.PIPE) as p:
            check(p.stdout.readline().startswith(b"Serving"), "serve " + fmt)
            r = run("qemu-img", "compare", "-f", "raw", "-F", "raw", "p.raw", "nbd+unix:///disk?socket=s")
            check(r.returncode == 0, fmt + " served: " + r.stdout)
            p.terminate()
        before = sha256("x." + fmt)
        for verb in (("serve", "x." + fmt, "--write", "--nbd", "s"), ("grow", "x." + fmt, "--size", "19M"), ("check", "--repair", "x." + fmt)):
            one_line(isopod("disk", *verb), 3, " ".join(verb), "convert")
        equal(sha256("x." + fmt), before, fmt + " is as it was")
    clean()


def boots(path, size=SIZE):
    """A disk with a boot sector and a partition: something to start."""
    pattern(path, size)
    with open(path, "r+b") as f:
        f.write(b"\xfa\x90".ljust(446, b"\x90") + struct.pack("<B3xB3xII", 0x80, 0x83, 2048, 4096) + bytes(48) + b"\x55\xaa")
    return path


def exported(target, want, what):
    """What a machine would be shown of it."""
    with subprocess.Popen([ISOPOD, "export", target, "--nbd", "s"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        if check(p.stdout.readline() != b"", what + ": export: " + (p.stderr.read().decode() if p.poll() else "")):
            r = run("qemu-img", "compare", "-f", "raw", "-F", "raw", want, "nbd+unix:///disk?socket=s")
            check(r.returncode == 0, what + ": " + r.stdout)
        p.terminate()


def on_a_stick():
    """The menu's own plan: several files on the stick's volume, found by name."""
    boots("p.raw")
    for fmt in ("qcow2", "vmdk", "vdi"):
        convert(fmt, "p.raw", "x." + fmt)
    convert("qcow2", "p.raw", "c.qcow2", "-c")
    os.mkdir("d")
    convert("vmdk", "p.raw", "d/flat.vmdk", "-o", "subformat=monolithicFlat")
    convert("qcow2", "p.raw", "d/base.qcow2")
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "base.qcow2", "d/top.qcow2", check=True)
    run("qemu-io", "-f", "qcow2", "-c", "write -P 9 3M 700k", "d/top.qcow2", check=True)
    run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", "d/top.qcow2", "top.raw", check=True)
    make_data("data", 1)
    must("create", "stick.img", "--size", "256M")
    must("add", "stick.img", "x.qcow2", "x.vmdk", "x.vdi", "d/flat.vmdk", "d/flat-flat.vmdk", "d/base.qcow2", "d/top.qcow2")
    for name, want in (("x.qcow2", "p.raw"), ("x.vmdk", "p.raw"), ("x.vdi", "p.raw"), ("flat.vmdk", "p.raw"), ("top.qcow2", "top.raw")):
        r = isopod("plan", "stick.img:/images/" + name, "--firmware", "bios")
        check(r.rc == 0 and name.split(".")[1] in r.out, "%s: plan: %d %s" % (name, r.rc, r.out + r.err))
        exported("stick.img:/images/" + name, want, name)
    listed = must("list", "stick.img").out
    check("/images/flat.vmdk" in listed and "flat-flat" not in listed, "a part of a VMDK is no image of its own: " + listed)
    one_line(isopod("plan", "c.qcow2"), 3, "what is compressed cannot start", "compressed", "isopod disk convert")
    must("remove", "stick.img", "/images/base.qcow2")
    one_line(isopod("plan", "stick.img:/images/top.qcow2"), 3, "without its backing file", "base.qcow2")
    clean()


# --- damage -------------------------------------------------------------------------------------------------

MUTATIONS = int(os.environ.get("MUTATIONS", "12"))


def mutations():
    """One sentence or a good end, in time: bytes of headers and tables changed, files cut off."""
    pattern("p.raw", 2 * MIB)
    made = [convert("qcow2", "p.raw", "a.qcow2", "-o", "cluster_size=4096"), convert("qcow2", "p.raw", "b.qcow2", "-c"),
            convert("qcow2", "p.raw", "z.qcow2", "-c", "-o", "compression_type=zstd"),
            convert("vmdk", "p.raw", "a.vmdk"), convert("vmdk", "p.raw", "b.vmdk", "-o", "subformat=streamOptimized"), convert("vdi", "p.raw", "a.vdi"), convert("qcow", "p.raw", "a.qcow"),
            convert("qed", "p.raw", "a.qed"), convert("parallels", "p.raw", "a.parallels")]
    r = random.Random(11)
    for src in made:
        with open(src, "rb") as f:
            whole = f.read()
        name = "m." + src.split(".")[1]
        for _ in range(MUTATIONS):
            data = bytearray(whole)
            for _ in range(r.choice((1, 1, 4, 30))):
                at = r.randrange(r.choice((120, 512, 4096, len(data))))
                data[at] = r.choice((0, 0xff, 0x80, r.randrange(256)))
            if r.random() < 0.2:
                del data[r.randrange(len(data)):]
            with open(name, "wb") as f:
                f.write(data)
            for verb in (("check", name), ("convert", "--replace", name, "o.vhdx")):
                o = isopod("disk", *verb, timeout=20)
                if o.rc == 0 or (o.rc == 1 and verb[0] == "check" and not o.err):
                    continue
                one_line(o, 3, "%s damaged: %s" % (src, verb[0]))
    clean()


def samples():
    """Files of other makers, if there are any."""
    folder = os.environ.get("ISOPOD_SAMPLES")
    if not folder:
        return skip("samples of other makers", "ISOPOD_SAMPLES does not name their folder (doc/TESTING.md)")
    for name in sorted(os.listdir(folder)):
        base = name[:-4] if name.endswith(".bz2") else name
        fmt = base.rsplit(".", 1)[-1]
        if fmt not in ("qcow2", "vmdk", "vdi"):
            continue
        with open(base, "wb") as f:
            subprocess.run(["bzcat" if name != base else "cat", os.path.join(folder, name)], stdout=f, check=True)
        same(base, fmt, name)
    clean()


for part in (samples, qcow2, vmdk, vdi, others, written, chains, not_read, everywhere, on_a_stick, mutations):
    with workdir():
        began = time.time()
        part()
        if os.environ.get("TIMES"):
            print("%s: %.1f s" % (part.__name__, time.time() - began))
finish()

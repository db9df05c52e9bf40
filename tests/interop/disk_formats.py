#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod disk`, `isopod layer create --from`: what a file is taken for, by name, content and what the user says; containers of other
programs that name files of the host; nobody else's file is in the way of ours."""
import json, os, random, shutil, struct, subprocess

from cli_common import *
import cli_common

SECRET = b"root:$6$this-must-never-be-seen:19000:0:99999:7:::\n"
FOREIGN = ("qcow2", "qcow", "qed", "vdi", "vmdk", "parallels")  # disk_foreign.py tells more of these
READERS = (("info",), ("check",), ("map",))


def disk(path, size=6 * MIB):
    r = random.Random(7)
    with open(path, "wb") as f:
        f.truncate(size)
        for at in (0, MIB, size - 4096):
            f.seek(at)
            f.write(r.randbytes(4096))
    return path


def qemu(fmt, src, dst, *more):
    run("qemu-img", "convert", "-f", "raw", "-O", fmt, *more, src, dst, check=True)
    return dst


def nothing_left(before, what):
    equal(sorted(os.listdir(".")), sorted(before), what + ": nothing is left")


def refused(args, what, *words, rc=3):
    """Fails with one line, and leaves the folder as it was."""
    before = os.listdir(".")
    one_line(isopod(*args), rc, what, *words)
    nothing_left(before, what)


# --- what a file is -----------------------------------------------------------------------------------------

def names_and_contents():
    disk("p.raw")
    for name in ("a.img", "a.bin", "a.iso", "a.dd", "A.RAW"):
        shutil.copyfile("p.raw", name)
        equal(json.loads(must("disk", "info", name, "--json").out)["chain"][0]["format"], "raw", name)
    shutil.copyfile("p.raw", "plain")
    for verb in READERS + (("grow", "--size", "8M"),):
        refused(("disk", *verb, "plain"), "no name that tells: %s" % verb[0], "--input-format raw")
    refused(("disk", "convert", "plain", "b.vhdx"), "no name that tells: convert", "--input-format raw")
    refused(("disk", "serve", "plain", "--nbd", "s"), "no name that tells: serve", "--input-format raw")
    refused(("layer", "create", "store", "--from", "plain"), "no name that tells: layer create", "--input-format raw")
    must("disk", "convert", "--input-format", "raw", "plain", "b.vhdx")
    for verb in READERS:
        must("disk", *verb, "--input-format", "raw", "plain")
    must("layer", "create", "store", "--from", "plain", "--input-format", "raw")
    shutil.rmtree("store")
    one_line(isopod("disk", "info", "--input-format", "zip", "plain"), 2, "no such format", "zip")
    # a name of a container, and none in it
    for name in ("x.vhd", "x.vhdx", "x.avhdx", "x.avhd", "x.qcow2", "x.vmdk", "x.vdi"):
        shutil.copyfile("p.raw", name)
        refused(("disk", "info", name), name + " without a signature", name)
        refused(("disk", "convert", name, "c.vhdx"), name + " without a signature, converted", name,
                *(() if ".vhd" in name or ".avhd" in name else ("is not a %s image" % name[2:],)))
        refused(("layer", "create", "store", "--from", name), name + " without a signature, into a store", name)
        os.unlink(name)
    with open("d.img", "wb") as f:  # no reader of these is at hand, whatever else is in them
        f.write(bytes(MIB - 512) + b"koly".ljust(512, b"\0"))
    refused(("disk", "convert", "d.img", "c.vhdx"), "a DMG", "d.img: is a dmg image, which cannot be read here", "'qemu-img convert'")
    for verb in READERS:
        refused(("disk", *verb, "d.img"), "a DMG: " + verb[0], "cannot be read here")
    # the signature tells, not the name
    must("disk", "convert", "p.raw", "d.vhdx")
    for src, fmt in (("d.vhdx", "vhdx"), ("e.vhd", "vhd")):
        if src == "e.vhd":
            must("disk", "convert", "p.raw", src)
        shutil.copyfile(src, "other.img")
        equal(json.loads(must("disk", "info", "other.img", "--json").out)["chain"][0]["format"], fmt, "a %s named .img" % fmt)
    # a fixed VHD whose guest wrote the header of another format into its first sector
    with open("g.raw", "wb") as f:
        f.write(b"QFI\xfb\0\0\0\3".ljust(MIB, b"\0"))
    must("disk", "convert", "--input-format", "raw", "g.raw", "g.vhd", "--fixed")
    equal(json.loads(must("disk", "info", "g.vhd", "--json").out)["chain"][0]["format"], "vhd", "a fixed VHD with a guest's header")
    os.rename("g.vhd", "g.img")
    refused(("disk", "info", "g.img"), "two signatures", "two formats")
    must("disk", "info", "--input-format", "vhd", "g.img")


def holes():
    """A raw image of 3 TiB with two bytes in it is a matter of moments, the hole behind its last byte as well: reading it takes minutes."""
    at = 2 << 40
    with open("large.raw", "wb") as f:
        f.truncate(3 << 40)
        for where in (0, at + 777):
            f.seek(where)
            f.write(b"x")
    for name in ("large.vhdx", "large.qcow2"):
        must("disk", "convert", "large.raw", name, timeout=60)
        must("disk", "convert", name, "back.raw", "--replace", timeout=60)
        check(os.stat(name).st_blocks * 512 < 16 * MIB and os.stat("back.raw").st_blocks * 512 < 16 * MIB, name + ": holes stay")
        with open("back.raw", "rb") as f:
            f.seek(at + 770)
            equal(f.read(10), bytes(7) + b"x" + bytes(2), name + ": a byte behind 2 TiB")
        equal(os.stat("back.raw").st_size, 3 << 40, name + ": its size")
    refused(["disk", "convert", "large.raw", "large.vhd"], "a VHD of 3 TiB", "2040 GiB", ".vhdx")
    refused(["disk", "create", "large.vhd", "--size", "3T"], "a VHD of 3 TiB", "2040 GiB", ".vhdx")


def damaged():
    """The first 64 KiB of a VHDX are zeros: its headers and region tables are there yet."""
    disk("p.raw")
    must("disk", "convert", "p.raw", "a.vhdx")
    must("disk", "convert", "p.raw", "a.vhd")
    shutil.copyfile("a.vhdx", "whole.vhdx")
    with open("a.vhdx", "r+b") as f:
        f.write(bytes(65536))
    for name in ("a.vhdx", "a.img", "a"):
        if name != "a.vhdx":
            os.rename("a.vhdx" if name == "a.img" else "a.img", name)
        r = isopod("disk", "check", name)
        check(r.rc == 1 and r.err == "" and "file type identifier" in r.out, "%s: check: %d %r %r" % (name, r.rc, r.out, r.err))
        check("says more" not in r.out + r.err, "check does not send to check: " + r.out + r.err)
        r = isopod("disk", "check", name, "--json")
        j = json.loads(r.out)
        check(r.rc == 1 and j["errors"] == 1 and j["findings"][0]["what"] == "file type identifier", "%s: check --json: %r" % (name, r.out))
        refused(("disk", "convert", name, "out.vhdx"), name + " converted", "damaged", "file type identifier")
        refused(("disk", "info", name), name + " info", "damaged")
        refused(("layer", "create", "store", "--from", name), name + " into a store", "damaged")
        one_line(isopod("disk", "check", "--repair", name), 3, name + " repaired", "cannot repair")
    for cut in (8, 520, 65536, 300000):
        shutil.copyfile("whole.vhdx", "cut.vhdx")
        os.truncate("cut.vhdx", cut)
        r = isopod("disk", "check", "cut.vhdx")
        check(r.rc == 1, "cut to %d: check: %d %r" % (cut, r.rc, r.out + r.err))
        refused(("disk", "convert", "cut.vhdx", "out.raw"), "cut to %d" % cut, "damaged")
    with open("a.vhd", "r+b") as f:  # both footers, but for the signature of one
        f.seek(8)
        f.write(b"\xff" * 504)
        f.seek(-512, 2)
        f.write(bytes(512))
    os.rename("a.vhd", "b.img")
    equal(isopod("disk", "check", "b.img").rc, 1, "a VHD without a sound footer: check")
    refused(("disk", "convert", "b.img", "out.raw"), "a VHD without a sound footer", "damaged")
    # data that cannot be found: here a check does say more, and says so of itself nowhere
    shutil.copyfile("whole.vhdx", "bat.vhdx")
    with open("bat.vhdx", "r+b") as f:
        f.seek(3 * MIB)
        f.write(struct.pack("<Q", (1 << 40) | 6))
    refused(("disk", "convert", "bat.vhdx", "out.raw"), "a block that is nowhere", "damaged", "'isopod disk check' says more")
    r = isopod("disk", "check", "bat.vhdx")
    check(r.rc == 1 and "beyond the end" in r.out and "says more" not in r.out + r.err, "check of it: %r" % (r.out + r.err))


# --- containers of other programs ---------------------------------------------------------------------------

def read_foreign():
    disk("p.raw")
    for fmt in FOREIGN:
        qemu(fmt, "p.raw", "x." + fmt)
        shutil.copyfile("x." + fmt, "anything")
        for src in ("x." + fmt, "anything"):
            must("disk", "convert", src, "y.vhdx", "--replace")
            must("disk", "convert", "y.vhdx", "back.raw", "--replace")
            equal(sha256("back.raw"), sha256("p.raw"), "%s as %s" % (fmt, src))
        must("disk", "convert", "x." + fmt, "z.raw", "--replace")
        equal(sha256("z.raw"), sha256("p.raw"), fmt + " to raw")
        for verb in READERS:
            must("disk", *verb, "anything")
    for fmt in ("qcow2", "vdi"):
        must("disk", "convert", "x." + fmt, "z.qcow2", "--replace")
        run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", "p.raw", "z.qcow2")
        must("disk", "convert", "x." + fmt, "z.vhd", "--replace")
    qemu("vmdk", "p.raw", "s.vmdk", "-o", "subformat=streamOptimized")
    must("disk", "convert", "s.vmdk", "y.vhdx", "--replace")
    must("disk", "convert", "y.vhdx", "back.raw", "--replace")
    equal(sha256("back.raw"), sha256("p.raw"), "streamOptimized")
    # names that another program would not take for names
    for name in ("json:{\"driver\":\"raw\"}.qcow2", "nbd:localhost:1.qcow2", "http:x,y.qcow2", "-O.qcow2"):
        shutil.copyfile("x.qcow2", name)
        must("disk", "convert", "--", name, name[:-6] + ".vhdx")
        must("disk", "convert", "--replace", "--", name[:-6] + ".vhdx", name)
        run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", "p.raw", "./" + name)
    refused(("disk", "convert", "p.raw", "out.vmdk"), "a format that is not written", "not written")
    refused(("disk", "create", "out.vdi", "--size", "1M"), "a format that is not made", "not made here")


def never_raw():
    """Commands that write, or that start something: none takes a container for a disk's own bytes, and none changes it."""
    disk("p.raw")
    must("disk", "convert", "p.raw", "b.vhdx")
    must("disk", "create", "child.vhdx", "--parent", "b.vhdx")
    must("layer", "create", "store", "--size", "1M")
    for fmt in ("qcow2", "vmdk", "vdi"):
        qemu(fmt, "p.raw", "x." + fmt)
        for name in ("x." + fmt, "x.img", "plain"):
            if name != "x." + fmt:
                shutil.copyfile("x." + fmt, name)
            before = sha256(name), sha256("b.vhdx"), sha256("child.vhdx")
            say = "%s as %s: " % (fmt, name)
            for args in (("serve", name, "--write", "--nbd", "s"), ("check", "--repair", name), ("grow", name, "--size", "20M"),
                         ("compact", name), ("create", "c.vhdx", "--parent", name), ("rebase", "child.vhdx", "--parent", name),
                         ("rebase", "child.vhdx", "--onto", name), ("rebase", name, "--parent", "b.vhdx"), ("rebase", name, "--flatten"),
                         ("merge", name, "--into", "b.vhdx"), ("merge", "child.vhdx", "--into", name)):
                refused(("disk", *args), say + " ".join(args), name, fmt)
            refused(("disk", "merge", name), say + "merge", name)
            refused(("vm", name, "--timeout", "5"), say + "vm", name, fmt)
            equal((sha256(name), sha256("b.vhdx"), sha256("child.vhdx")), before, say + "nothing was changed")
        for verb in (("disk", "create", "new." + fmt, "--size", "1M"), ("create", "new." + fmt, "--size", "1G")):
            refused(verb, "made: " + " ".join(verb), "new." + fmt)
        if fmt != "qcow2":
            refused(("layer", "export", "store", "new." + fmt), "exported as " + fmt, "not written")
            refused(("disk", "convert", "p.raw", "new." + fmt), "converted to " + fmt, "not written")


def without_qemu():
    """No program of QEMU is needed, or started."""
    disk("p.raw")
    os.mkdir("bin")
    for program in ("qemu-img", "qemu-io"):
        with open("bin/" + program, "w") as f:
            f.write("#!/bin/sh\ntouch %s\n" % os.path.abspath("started"))
        os.chmod("bin/" + program, 0o755)
    for fmt in FOREIGN:
        qemu(fmt, "p.raw", "x." + fmt)
        for ext in ("vhdx", "raw", "qcow2"):
            must("disk", "convert", "x." + fmt, "y." + ext, env={"PATH": os.path.abspath("bin")})
            run("qemu-img", "compare", "-f", "raw", "-F", ext, "p.raw", "y." + ext, check=True)
            os.unlink("y." + ext)
    check(not os.path.exists("started"), "a program of QEMU was started")
    with open("x.qcow2", "r+b") as f:  # a table that is nowhere
        f.seek(40)
        f.write(b"\xff" * 8)
    before = os.listdir(".")
    r = isopod("disk", "convert", "x.qcow2", "y.vhdx")
    check(r.rc == 3 and "damaged" in r.err, "a damaged qcow2: %d %r" % (r.rc, r.err))
    nothing_left(before, "a damaged qcow2")
    for cut in (4, 72, 104):
        os.truncate("x.qcow2", cut)
        refused(("disk", "convert", "x.qcow2", "y.vhdx"), "a qcow2 cut to %d" % cut, "damaged")


def holds_secret(path):
    with open(path, "rb") as f:
        return SECRET in f.read()


def attack(name, what):
    """The container `name` names the secret: no verb may open it, no output may hold it."""
    before = os.listdir(".")
    for dst in ("out.vhdx", "out.raw", "out.qcow2", "out.vhd"):
        r = isopod("disk", "convert", name, dst)
        check(r.rc == 3, "%s to %s: status %d" % (what, dst, r.rc))
        check(SECRET.decode() not in r.out + r.err, what + ": said aloud")
        check(not os.path.exists(dst) or not holds_secret(dst), "%s: the secret is in %s" % (what, dst))
        for left in set(os.listdir(".")) - set(before):
            os.unlink(left)
    for args in (("disk", "info", name), ("disk", "check", name), ("disk", "map", name), ("layer", "create", "store", "--from", name)):
        r = isopod(*args)
        check(r.rc == 3 and SECRET.decode() not in r.out + r.err, "%s: %s: %d" % (what, args[1], r.rc))
    equal(sorted(os.listdir(".")), sorted(before), what + ": nothing is left")


def names_other_files():
    with open("secret", "wb") as f:
        f.write(SECRET * 2000)
    secret = os.path.abspath("secret")
    pipe = subprocess.run(["qemu-img", "convert", "-O", "raw", secret, "seen.raw"], capture_output=True)
    check(pipe.returncode == 0 and holds_secret("seen.raw"), "qemu-img would show the secret")
    for backing in (secret, "secret", "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"%s\"}}" % secret):
        run("qemu-img", "create", "-u", "-q", "-f", "qcow2", "-F", "raw", "-b", backing, "b.qcow2", "1M", check=True)
        attack("b.qcow2", "qcow2 with backing file " + backing[:5])
        shutil.copyfile("b.qcow2", "b.img")
        attack("b.img", "the same named .img")
    shutil.copyfile("secret", "data.raw")
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=data.raw,data_file_raw=on,compat=1.1", "d.qcow2", str(2000 * len(SECRET) // 512 * 512), check=True)
    shutil.copyfile("secret", "data.raw")
    attack("d.qcow2", "qcow2 with a data file")
    for fmt in ("qcow", "qed", "vmdk"):
        args = ["-F", "raw"]
        if fmt == "vmdk":  # its parent must be a VMDK
            qemu("vmdk", "seen.raw", "parent.vmdk")
            args, base = ["-F", "vmdk"], "parent.vmdk"
        else:
            base = secret
        r = subprocess.run(["qemu-img", "create", "-u" if fmt != "vmdk" else "-q", "-q", "-f", fmt, *args, "-b", base, "c." + fmt] +
                           (["1M"] if fmt != "vmdk" else []), capture_output=True)
        if check(r.returncode == 0, "a %s with a backing file: %s" % (fmt, r.stderr)):
            attack("c." + fmt, fmt + " with a backing file")
    text = ("# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n\n"
            "RW %d FLAT \"%s\" 0\n" % (2000 * len(SECRET) // 512, secret))
    with open("t.vmdk", "w") as f:
        f.write(text)
    attack("t.vmdk", "a VMDK descriptor")
    with open("e.vmdk", "wb") as f:  # the same inside a sparse file of capacity 0
        f.write(struct.pack("<4sIIQQQQ", b"KDMV", 1, 3, 0, 128, 1, 20).ljust(512, b"\0") + text.encode().ljust(20 * 512, b"\0"))
    attack("e.vmdk", "a VMDK with a descriptor")


# --- other people's files -----------------------------------------------------------------------------------

def keeps_neighbours():
    """Nobody else's file is removed, written to or followed on the way to ours."""
    disk("p.raw")
    qemu("qcow2", "p.raw", "x.qcow2")
    for dst in ("c.vhdx", "c.vhd", "c.img", "c.qcow2"):
        for tail in (".new", ".raw.new", ".part", ".tmp"):
            with open(dst + tail, "w") as f:
                f.write("mine")
        for src in ("p.raw", "x.qcow2"):
            must("disk", "convert", src, dst, "--replace")
            for tail in (".new", ".raw.new", ".part", ".tmp"):
                check(os.path.exists(dst + tail) and open(dst + tail).read() == "mine", "%s to %s: %s%s is as it was" % (src, dst, dst, tail))
    os.symlink("victim", "l.vhdx")
    refused(("disk", "create", "l.vhdx", "--size", "1M"), "a link to nothing is something", "exists already")
    with open("n.sock.new", "w") as f:
        f.write("mine")
    with subprocess.Popen([ISOPOD, "disk", "serve", "p.raw", "--nbd", "n.sock"], stdout=subprocess.PIPE) as p:
        check(p.stdout.readline().startswith(b"Serving"), "serve")
        p.terminate()
    check(os.path.exists("n.sock.new") and open("n.sock.new").read() == "mine", "a file next to the socket is as it was")
    check(not any(".isopod-" in n for n in os.listdir(".")), "nothing of ours is left: %r" % os.listdir("."))


def merges_at_home():
    """A child names its parent by any path; what is written to is in the child's folder, or named by the user."""
    disk("p.raw")
    os.makedirs("home/sub")
    os.makedirs("away")
    links = 0
    for ext in ("vhdx", "vhd"):
        for where, make in (("away/base", None), ("home/link", "away/real")):
            base = "%s.%s" % (make or where, ext)
            must("disk", "convert", "p.raw", base)
            if make:
                os.symlink(os.path.abspath(base), "%s.%s" % (where, ext))
                links += 1
            child = "home/child." + ext
            must("disk", "create", child, "--parent", base)
            if make:
                must("disk", "rebase", child, "--parent", base)
                with open(child, "rb") as f:  # the child names the link
                    data = f.read()
                old, new = ".\\..\\away\\real." + ext, ".\\link." + ext
                old, new = old.encode("utf-16-le"), new.encode("utf-16-le").ljust(len(old.encode("utf-16-le")), b"\0")
                if not check(old in data, "the child names its parent"):
                    continue
                # a shorter path: VHD fills up with zeros; a VHDX's entry says how long it is
                if ext == "vhd":
                    with open(child, "wb") as f:
                        f.write(data.replace(old, new))
                else:
                    os.unlink(child)
                    os.rename(base, "home/real." + ext)
                    must("disk", "create", child, "--parent", "home/real." + ext)
                    os.rename("home/real." + ext, base)
                    os.symlink(os.path.abspath(base), "home/real." + ext)
            equal(json.loads(must("disk", "info", child, "--json").out)["depth"], 2, "%s: it is found" % where)
            before = sha256(base), sha256(child)
            r = isopod("disk", "merge", child)
            one_line(r, 3, "%s: merged without a name" % where, "--into", "not in its folder")
            equal((sha256(base), sha256(child)), before, "%s: nothing was written" % where)
            one_line(isopod("disk", "merge", child, "--into", "p.raw"), 3, "into something else")
            equal((sha256(base), sha256(child)), before, "%s: nothing was written then" % where)
            must("disk", "merge", child, "--into", base)
            check(not os.path.exists(child), "%s: merged, and gone" % where)
            if os.path.lexists("home/real." + ext):
                os.unlink("home/real." + ext)
        must("disk", "convert", "p.raw", "home/sub/base." + ext)
        must("disk", "create", "home/child." + ext, "--parent", "home/sub/base." + ext)
        os.chdir("home")
        must("disk", "merge", "child." + ext)
        os.chdir("..")
    equal(links, 2, "both kinds of links were tried")
    # the wrong one, named
    must("disk", "convert", "p.raw", "home/a.vhdx")
    must("disk", "convert", "p.raw", "home/b.vhdx")
    must("disk", "create", "home/c.vhdx", "--parent", "home/a.vhdx")
    before = sha256("home/b.vhdx")
    one_line(isopod("disk", "merge", "home/c.vhdx", "--into", "home/b.vhdx"), 3, "into another image", "is not the file it was made from")
    equal(sha256("home/b.vhdx"), before, "another image is as it was")


for part in (names_and_contents, holes, damaged, read_foreign, never_raw, without_qemu, names_other_files, keeps_neighbours, merges_at_home):
    with workdir():
        part()
finish()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The libraries that the command loads when it needs them (cli/host/lazy.h): it starts with libc alone; with each of the others broken,
lacking a function, or absent, there is one line that names it and its package, and nothing was changed."""
import re, uuid

from doctor_common import *
from doctor_machine import AHCI, XHCI, inventory

SHA256_LIST = uuid.UUID("c1c41626-504c-4092-aca9-41f936934328").bytes_le
GUID = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def soname(name):
    path = run("gcc", "-print-file-name=lib%s.so" % name).stdout.strip()
    return re.search(r"SONAME\s+(\S+)", run("objdump", "-p", path).stdout)[1]


def package(file):
    return run("dpkg-query", "-S", "*/" + file).stdout.split(":")[0]


def searched(*args):
    """The libraries that a run looks for, as the dynamic linker says; the command's status has to be 0."""
    r = isopod(*args, env={"LD_DEBUG": "libs"})
    equal(r.rc, 0, "%s with LD_DEBUG" % (args,))
    return set(re.findall(r"find library=(\S+)", r.err))


def starts():
    needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", ISOPOD).stdout)
    equal(needed, ["libc.so.6"], "libraries that the command is linked with")
    must("disk", "create", "d.vhdx", "--size", "64M")
    for args in (("--version",), ("--help",), ("disk", "info", "d.vhdx"), ("layer", "snapshot", "store", "one"), ("layer", "list", "store"),
                 ("layer", "path", "store"), ("layer", "check", "store"), ("list", "stick.img"), ("doctor", "--only", "image.structure", "live.iso")):
        equal(searched(*args), {"libc.so.6"}, "libraries that %s looks for" % " ".join(args))
    for args in (("layer", "check", "store", "--hash"), ("doctor", "--only", "image.signature", "live.iso")):
        check(soname("crypto") in searched(*args), "what hashes looks for libcrypto: " + " ".join(args))


class Broken:
    """An empty file, or a library without a single function, is found where the real one should be."""

    def __init__(self, kind, name):
        self.name, self.file, self.package = name, soname(name), package(soname(name))
        self.why = "undefined symbol" if kind == "stub" else "file too short"
        os.makedirs("hidden/%s-%s" % (kind, name), exist_ok=True)
        path = os.path.abspath("hidden/%s-%s/%s" % (kind, name, self.file))
        self.dir = os.path.dirname(path)
        if kind == "stub":
            subprocess.run(["gcc", "-shared", "-nostdlib", "-x", "c", "-", "-o", path], input=b"int nothing;\n", check=True)
        else:
            open(path, "w").close()

    def words(self):
        return ("the library " + self.file, "Debian package " + self.package, self.why)

    def run(self, args, program=ISOPOD, **env):
        return isopod(*[a.lstrip("@") for a in args], program=program, env=dict(env, LD_LIBRARY_PATH=self.dir))

    def at(self, name):
        """Where a file of the test's is, for us and for the command."""
        return name, name


class Absent:
    """A root folder with the command, the dynamic linker and libc, and nothing else."""

    def __init__(self, name):
        self.name, self.file, self.package, self.why = name, soname(name), package(soname(name)), "No such file or directory"
        interpreter = re.search(r"interpreter: (\S+)\]", run("readelf", "-l", ISOPOD).stdout)[1]
        libc = re.search(r"libc\.so\.6 => (\S+)", run("ldd", ISOPOD).stdout)[1]
        for path in (interpreter, libc):
            os.makedirs("root" + os.path.dirname(path), exist_ok=True)
            shutil.copy(os.path.realpath(path), "root" + path)
        shutil.copy(ISOPOD, "root/isopod")
        shutil.copytree("data", "root/data")
        os.mkdir("root/tmp")

    words = Broken.words

    def at(self, name):
        if os.path.exists(name) and not os.path.exists("root/" + name):
            (shutil.copytree if os.path.isdir(name) else shutil.copy)(name, "root/" + name)
        return "root/" + name, "/" + name

    def run(self, args, **env):
        args = [self.at(a[1:])[1] if a[0] == "@" else a for a in args]
        return isopod("-r", "chroot", "root", "/isopod", *args, program="unshare", env=dict(env, ISOPOD_DATA="/data"))


def unchanged(hidden, what, path, *args, words=(), **how):
    """A run that fails with the library's line; `path`, a file or a folder, is what it was. "@" is put before names of files."""
    def state():
        if os.path.isdir(there):
            return {n: sha256(os.path.join(there, n)) for n in sorted(os.listdir(there))}
        return sha256(there)
    there = hidden.at(path)[0]
    before = state()
    one_line(hidden.run(args, **how), 3, "%s, %s" % (what, hidden.why), *hidden.words(), *words)
    equal(state(), before, "%s, %s: what it would have changed" % (what, hidden.why))


def skipped(hidden, checks, *args):
    """These checks say that they were skipped because of the library; with the library they do not."""
    r = hidden.run(("doctor", "--json", "--only", ",".join(checks)) + args)
    got = json.loads(r.out)["findings"]
    check(r.rc == 0 and {f["check"] for f in got if f["level"] == "skipped" and all(w in f["evidence"] for w in hidden.words())} == set(checks),
          "%s, %s: %d %r" % (checks, hidden.why, r.rc, got))
    got = findings("--only", ",".join(checks), *[a.lstrip("@") for a in args])
    check({f[0] for f in got if hidden.file not in f[3]} == {f[0] for f in got} == set(checks), "%s with the library: %r" % (checks, got))


def crypto(hidden):
    unchanged(hidden, "add", "stick.img", "add", "@stick.img", "@noise.iso", words=("nothing can be hashed",))
    unchanged(hidden, "check --hash", "store", "layer", "check", "@store", "--hash")
    equal(hidden.run(("layer", "check", "@store")).rc, 0, "check without hashing")
    hidden.at("SHA256SUMS")
    skipped(hidden, ["image.sums", "image.md5"], "--full", "@fedora.iso")
    skipped(hidden, ["firmware.signed", "firmware.dbx", "firmware.sbat"], "--inventory", "@secure.inv", "@shim.efi")
    if isinstance(hidden, Absent):
        return  # no locale there, so no language
    r = hidden.run(("add", "@stick.img", "@noise.iso"), LANGUAGE="zh_CN", ISOPOD_LOCALEDIR=os.path.join(B, "locale"))
    check(r.rc == 3 and "无法计算哈希值：无法加载库 " + hidden.file in r.err, "in Chinese: %r" % r.err)


def blkid(hidden):
    unchanged(hidden, "create over a stick", "stick.img", "create", "@stick.img", "--size", "96M", words=("refused", "--yes"))
    equal(hidden.run(("create", "@fresh.img", "--size", "96M")).rc, 0, "create where nothing was")


def mount(hidden):
    """What cannot be looked up is not written to: a file that a loop device shows may be mounted."""
    facts = "root" if isinstance(hidden, Absent) else "machine"
    shutil.copy("stick.img", "looped.img")
    name = hidden.at("looped.img")[1]
    loop = facts + "/sys/block/loop0/"
    os.makedirs(loop + "loop")
    os.makedirs(facts + "/proc/self")
    open(facts + "/proc/self/mountinfo", "w").close()
    for file, text in (("loop/backing_file", name if facts == "root" else os.path.abspath(name)), ("dev", "7:0")):
        with open(loop + file, "w") as f:
            f.write(text + "\n")
    # the command that is told of another /proc and /sys is the one for the fault tests
    program = {} if facts == "root" else {"program": FAULTS, "ISOPOD_TEST_ROOT": os.path.abspath(facts)}
    create = ("create", "@looped.img", "--yes")
    unchanged(hidden, "create where it may be mounted", "looped.img", *create, words=("refused", "cannot tell whether it is in use"), **program)
    if program:
        equal(isopod("create", "looped.img", "--yes", program=program.pop("program"), env=program).rc, 0, "create where nothing is mounted")
        shutil.rmtree(facts)


def archive(hidden):
    skipped(hidden, ["drivers.stick"], "@live.iso")


def windows(hidden):
    skipped(hidden, ["drivers.windows"], "--inventory", "@machine.inv", "@boot.wim")


def volume(kind):
    def diff(hidden):
        args = ("layer", "diff", "@store-" + kind, "one", "--json")
        r = hidden.run(args)
        got = json.loads(r.out)["volumes"]
        check(r.rc == 0 and [v["format"] for v in got] == [kind] and all(w in got[0].get("note", "") for w in hidden.words()),
              "diff of %s, %s: %d %r" % (kind, hidden.why, r.rc, got))
        got = json.loads(must(*[a.lstrip("@") for a in args]).out)["volumes"]
        check("note" not in got[0], "diff of %s with the library: %r" % (kind, got))
    return diff


def ntfs(hidden):
    """To a stick that is NTFS nothing is written without it; it lists all the same."""
    volume("ntfs")(hidden)
    r = hidden.run(("remove", "@ntfs-stick.img", "/images"))
    check(r.rc == 3 and all(w in r.err for w in hidden.words()), "remove from NTFS, %s: %d %r" % (hidden.why, r.rc, r.err))
    check(hidden.run(("list", "@ntfs-stick.img")).rc == 0, "list of NTFS, " + hidden.why)


def fuse(hidden):
    unchanged(hidden, "disk mount", "d.vhdx", "disk", "mount", "@d.vhdx", "folder")


def make():
    shims("data")
    must("create", "ntfs-stick.img", "--size", "80M", "--fs", "ntfs")
    must("create", "stick.img", "--size", "96M")
    must("layer", "create", "store", "--size", "64M")
    must("layer", "snapshot", "store", "zero")
    noise("noise.iso", MIB)
    iso("live.iso", tree("live", squashfs=MIB))
    shutil.copy("live.iso", "fedora.iso")
    run("implantisomd5", "fedora.iso", check=True)
    with open("SHA256SUMS", "w") as f:
        f.write("%s  fedora.iso\n" % sha256("fedora.iso"))
    shutil.copy("/usr/lib/shim/shimx64.efi.signed", "shim.efi")
    inventory("secure.inv", files={"/sys/firmware/efi/fw_platform_size": "64\n"},
              data={"/sys/firmware/efi/efivars/SecureBoot" + GUID: b"\6\0\0\0\1",
                    "/sys/firmware/efi/efivars/dbx-d719b2cb-3d3a-4596-a3bc-dad00e67656f": b"\x27\0\0\0" + SHA256_LIST + struct.pack("<III", 76, 0, 48) + bytes(48),
                    "/sys/firmware/efi/efivars/SetupMode" + GUID: b"\6\0\0\0\0"})
    inventory("machine.inv", [XHCI, AHCI])
    os.makedirs("win/Windows/INF")
    with open("win/Windows/INF/driver.inf", "w") as f:
        f.write("[Models]\r\n%x%=y,PCI\\CC_0106,PCI\\CC_0C0330\r\n")
    run("wimcapture", "win", "boot.wim", "Windows PE", "--boot", "--compress=none", check=True)
    changed_store("ntfs", "mkntfs", "-F", "-q")
    changed_store("ext4", "mke2fs", "-q", "-t", "ext4", "-F")


CASES = [("crypto", crypto), ("blkid", blkid), ("mount", mount), ("archive", archive), ("wim", windows), ("ntfs-3g", ntfs), ("ext2fs", volume("ext4")), ("fuse3", fuse)]




def built_without(name):
    return "SONAME_" + name.replace("-", "_") not in open(os.path.join(B, "gen/libraries.h")).read()


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    chroot = run("unshare", "-r", "chroot", "/", "true").returncode == 0
    if not chroot:
        skip("the command in a root folder of its own", "no user namespaces here")
    with workdir():
        make()
        starts()
        for name, case in CASES:
            if built_without(name):
                skip(name, "built without lib" + name)
                continue
            for hide in (lambda: Broken("empty", name), lambda: Broken("stub", name), lambda: Absent(name))[:3 if chroot else 2]:
                case(hide())
                shutil.rmtree("root", ignore_errors=True)
                for new in ("new.img", "fresh.img"):
                    if os.path.exists(new):
                        os.unlink(new)
    finish()


main()

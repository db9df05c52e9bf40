#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Libraries and programs that come to grief on a medium (cli/host/sandbox.h): in the place of the real ones stand some that crash, hang,
allocate, write or print without end. Each is a sentence, and the command goes on; a squashfs of a few kilobytes that unpacks to 3 GB
fills nothing."""
import re, resource, threading, time

from doctor_common import *
from doctor_machine import AHCI, E1000E, XHCI, inventory, pci
import doctor_drivers as drivers
import doctor_firmware as firmware

STUB = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static char piece[1 << 16];
static void fill(const char *path) {
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	for (int i = 0; fd >= 0 && i < 16384 && write(fd, piece, sizeof piece) > 0; i++) ;
	if (fd >= 0) close(fd);
}
static void bad(void) {
	if (MODE == 0) *(volatile int *)0 = 1;
	if (MODE == 1) for (;;) pause();
	if (MODE == 2) for (;;) { void *p = malloc(1 << 20); if (!p) abort(); memset(p, 1, 1 << 20); }
	if (MODE == 3) for (int i = 0; i < 64; i++) { char name[64]; snprintf(name, sizeof name, "f%d", i); fill(name); snprintf(name, sizeof name, "OUTSIDE/f%d", i); fill(name); }
	if (MODE == 4) for (int i = 0; i < 1000; i++) for (int fd = 1; fd < 64; fd++) if (fcntl(fd, F_GETFD) >= 0 && write(fd, piece, 4096) < 0) continue;
	abort();
}
"""
CRASH, HANG, ALLOCATE, WRITE, PRINT = range(5)
WORDS = {CRASH: "crashed on %s (signal 11)", HANG: "took longer than %s seconds", ALLOCATE: "crashed on %s (signal 6)", WRITE: "wrote more than",
         PRINT: "makes no sense"}
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def compiled(source, out, mode, *flags):
    os.makedirs(os.path.dirname(out), exist_ok=True)
    text = STUB.replace("MODE", str(mode)).replace("OUTSIDE", os.path.abspath("outside")) + source
    subprocess.run(["gcc", "-O1", "-w", *flags, "-x", "c", "-", "-o", out], input=text.encode(), check=True)
    os.chmod(out, 0o755)
    return os.path.dirname(os.path.abspath(out))


def library(name, file, mode):
    """One with every function that the command looks for, none of which comes back."""
    names = re.findall(r"\bX\((\w+)\)", open(os.path.join(SOURCE, file)).read())
    path = run("gcc", "-print-file-name=lib%s.so" % name).stdout.strip()
    soname = re.search(r"SONAME\s+(\S+)", run("objdump", "-p", path).stdout)[1]
    return compiled("".join("long %s(void) { bad(); return 0; }\n" % n for n in names), "stubs/%s-%d/%s" % (name, mode, soname), mode, "-shared", "-fPIC")


def program(name, mode):
    return compiled("int main(void) { bad(); }\n", "stubs/%s-%d/%s" % (name, mode, name), mode)


def doctor(*args, **env):
    r = isopod("doctor", "--json", *args, env=dict(env, TMPDIR=os.path.abspath("tmp")), timeout=150)
    try:
        return r, json.loads(r.out)["findings"]
    except (ValueError, KeyError):
        return r, []


def expected(mode, about, seconds):
    words = WORDS[mode]
    return words % (seconds if mode == HANG else about) if "%" in words else words


def in_doctor(what, mode, about, seconds, check_id, level, *args, **env):
    """The sentence is the evidence of a finding, and there are others: the command went on."""
    r, found = doctor(*args, **env)
    hits = [f for f in found if f["check"] == check_id and f["level"] == level and what in f["evidence"] and expected(mode, about, seconds) in f["evidence"]]
    check(r.rc in (0, 1) and len(hits) == 1 and r.err == "", "%s, mode %d: %d %r %r" % (what, mode, r.rc, r.err[-200:], [f for f in found if f["check"] == check_id]))
    check(len({f["check"] for f in found}) > 5, "%s, mode %d: the other checks" % (what, mode))


def in_diff(kind, lib, mode, **env):
    r = isopod("layer", "diff", "store-" + kind, "one", "--json", env=dict(env, TMPDIR=os.path.abspath("tmp")), timeout=100)
    try:
        volumes = json.loads(r.out)["volumes"]
    except (ValueError, KeyError):
        volumes = [{}]
    check(r.rc == 0 and r.err == "" and lib in volumes[0].get("note", "") and expected(mode, "the volume", 0) in volumes[0].get("note", "") and
          volumes[0]["files"] == [], "diff, %s, mode %d: %d %r %r" % (lib, mode, r.rc, r.err[-200:], volumes))


def watched(folder, call):
    """The most that lay in a folder while a call ran."""
    most, over = [0], threading.Event()

    def watch():
        while not over.is_set():
            n = sum(int(line.split()[0]) for line in run("du", "-sk", folder).stdout.splitlines()) << 10
            most[0] = max(most[0], n)
            time.sleep(0.02)
    t = threading.Thread(target=watch)
    t.start()
    try:
        call()
    finally:
        over.set()
        t.join()
    return most[0]


def bomb():
    """32 kernels with 4 files of 23 MiB of zeros each."""
    for i in range(32):
        os.makedirs("bomb/lib/modules/6.%d" % i)
        for name in ("alias", "builtin", "builtin.modinfo", "dep"):
            run("truncate", "-s", "23M", "bomb/lib/modules/6.%d/modules.%s" % (i, name), check=True)
    noise("bomb/filler", 2 * MIB)
    run("mksquashfs", "bomb", "bomb.sq", "-noappend", "-quiet", "-no-progress", check=True)
    check(os.path.getsize("bomb.sq") < 8 * MIB, "the squashfs is small: %d" % os.path.getsize("bomb.sq"))
    drivers.iso("bomb.iso", [drivers.initrd("i", drivers.MODULES)], "bomb.sq")
    before = time.monotonic()
    got = []
    most = watched("tmp", lambda: got.append(doctor("--inventory", "machine.inv", "bomb.iso")))
    r, found = got[0]
    check(r.rc in (0, 1) and r.err == "" and len(found) > 5, "a squashfs that unpacks to 3 GB: %d %r" % (r.rc, r.err[-300:]))
    check(most < 8 * MIB, "it filled %d MiB" % (most >> 20))
    check(time.monotonic() - before < 60, "it took %.0f s" % (time.monotonic() - before))


def stores():
    changed_store("ntfs", "mkntfs", "-F", "-q")
    changed_store("ext4", "mke2fs", "-q", "-t", "ext4", "-F")


def make():
    make_data("data", 1)
    os.mkdir("tmp")
    os.mkdir("outside")
    for folder in ("tmp", "outside"):
        os.chmod(folder, 0o1777)
    inventory("machine.inv", [XHCI, AHCI, E1000E])
    drivers.iso("live.iso", [drivers.initrd("i", drivers.MODULES)], drivers.squash("root.sq", drivers.MODULES))
    drivers.wim("boot.wim", "none", ["Windows/INF", "Windows/System32/DriverStore/FileRepository/net1.inf_amd64_0"])
    firmware.folder("dump", {"dsdt": firmware.asl("good", firmware.DSDT % firmware.SLEEPS), "facp": firmware.fadt(), "apic": firmware.madt()})
    stores()


def built_without(name):
    return "SONAME_" + name.replace("-", "_") not in open(os.path.join(B, "gen/libraries.h")).read()


def case(name, mode):
    if name == "archive":
        in_doctor("libarchive", mode, "live/initrd0.img", 60, "drivers.stick", "warning", "live.iso", LD_LIBRARY_PATH=library(name, "cli/doctor/initrd_walk.c", mode))
    elif name == "wim":
        in_doctor("libwim", mode, "boot.wim", 60, "drivers.windows", "warning", "--inventory", "machine.inv", "boot.wim",
                  LD_LIBRARY_PATH=library(name, "cli/doctor/drivers_wim.c", mode))
    elif name == "ntfs-3g":
        in_diff("ntfs", "libntfs-3g", mode, LD_LIBRARY_PATH=library(name, "cli/layer/diff_ntfs.c", mode))
    elif name == "ext2fs":
        in_diff("ext4", "libext2fs", mode, LD_LIBRARY_PATH=library(name, "cli/layer/diff_ext.c", mode))
    elif name == "unsquashfs":
        in_doctor("unsquashfs", mode, "live.iso", 60, "drivers.stick", "warning", "live.iso", PATH=program(name, mode) + ":" + os.environ["PATH"])
    elif name == "iasl" and mode != WRITE:  # the folder is full before a limit is reached: it only fails
        in_doctor("iasl", mode, "the ACPI tables", 30, "firmware.sleep", "good", "--acpi", "dump", PATH=program(name, mode) + ":" + os.environ["PATH"])


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    with workdir():
        make()
        names = [n for n in ("archive", "wim", "ntfs-3g", "ext2fs") if not built_without(n)] + ["unsquashfs", "iasl"]
        done = []
        hangs = [threading.Thread(target=lambda *a: (case(*a), done.append(a)), args=(n, HANG)) for n in names if n not in ("ntfs-3g", "ext2fs")]
        for t in hangs:
            t.start()
        for mode in (CRASH, WRITE, PRINT):
            for name in names:
                # a program has no pipe to lie into; what it prints goes nowhere
                if name not in ("unsquashfs", "iasl") or mode != PRINT:
                    case(name, mode)
        case("archive", ALLOCATE)
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
        check(most < 1200 * MIB, "memory: %d MiB" % (most >> 20))
        bomb()
        for t in hangs:
            t.join()
        equal(len(done), len(hangs), "those that hang")
        equal(os.listdir("outside"), [], "files outside")
        equal(os.listdir("tmp"), [], "folders left")
    finish()


main()

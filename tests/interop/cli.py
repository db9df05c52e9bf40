#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command on image files: create, add, list, remove, move, next, plan; sticks read by sfdisk, sgdisk, fsck.exfat, exfat-fuse, fsck.fat
and mtools."""
import os, shutil, signal, subprocess

from cli_common import *
import cli_common

IPXE = "/usr/lib/ipxe/ipxe.iso"


def usage():
    for args in ((), ("nonsense",), ("list",), ("list", "a", "b"), ("list", "--nonsense", "a"), ("add", "a"), ("remove", "a"),
                 ("move", "a", "b"), ("next",), ("next", "a", "b", "--clear"), ("plan",), ("plan", "a", "--firmware", "x"), ("vm",),
                 ("vm", "a", "--bus", "x"), ("vm", "a", "--timeout", "0"), ("export", "a"), ("create",), ("create", "a", "--size", "12X"),
                 ("create", "a", "--table", "bsd"), ("create", "a", "--fs", "ext4"), ("create", "a", "--label", "longer than eleven")):
        r = isopod(*args)
        check(r.rc == 2 and r.err and not r.out, "usage %r: status %d %r" % (args, r.rc, r.err))
    r = must("--help")
    commands = [line.split()[0] for line in r.out.split("\n") if line.startswith("  ")]
    equal(sorted(commands), sorted("create update add list remove move next plan vm export doctor rules trace disk layer togo drivers persist".split()), "commands in --help")
    for c in commands:
        r = must(c, "--help")
        check(r.out.startswith("Usage: isopod " + c), c + " --help")
        check(os.path.exists(os.path.join(os.path.dirname(__file__), "../../doc/man/isopod-%s.1" % c)), c + " has a manual page")
    check(must("--version").out.startswith("isopod "), "--version")
    one_line(isopod("list", "nowhere"), 3, "no such target", "nowhere")
    one_line(isopod("list", "/dev/null"), 3, "character device", "/dev/null")
    one_line(isopod("list", "."), 3, "folder")


def create(table):
    stick = table + ".img"
    must("create", stick, "--size", "160M", "--table", table, "--uuid-seed", "abcd")
    label, parts = partitions(stick)
    equal(label, {"mbr": "dos", "gpt": "gpt"}[table], "table")
    equal([p[0] for p in parts][0], MIB, "start of the data partition")
    equal(parts[1][1], 64 * MIB, "size of the ESP")
    equal(parts[1][0], parts[0][0] + parts[0][1], "the ESP follows the data")
    r = run("sfdisk", "-V", stick)
    check(r.returncode == 0 and "No errors" in r.stdout, "sfdisk -V: " + r.stdout)
    if table == "gpt":
        r = run("sgdisk", "-v", stick)
        check("No problems found" in r.stdout, "sgdisk -v: " + r.stdout)
        equal([p[2] for p in parts], ["EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"], "types")
    else:
        equal([p[2] for p in parts], ["7", "ef"], "types")
    fsck(stick, "create " + table)
    for name, path in ESP_PATH.items():
        equal(esp_file(stick, path), open("data/" + name, "rb").read(), "ESP " + path)
    equal(esp_file(stick, "ISOPOD/STATE.BIN"), bytes(256 << 10), "ESP state")
    sector = open(stick, "rb").read(512)
    mbr = open("data/mbr.bin", "rb").read()
    stage2 = open("data/stage2.bin", "rb").read()
    equal(sector[:0x1A0], mbr[:0x1A0], "boot code")
    words = sum(int.from_bytes(stage2[i:i + 4], "little") for i in range(0, len(stage2), 4)) & 0xFFFFFFFF
    fields = (34).to_bytes(4, "little") + (len(stage2) // 512).to_bytes(2, "little") + b"\1\0" + words.to_bytes(4, "little") + bytes(12)
    equal(sector[0x1A0:0x1B8], fields, "boot code fields")
    with open(stick, "rb") as f:
        f.seek(34 * 512)
        equal(f.read(len(stage2)) == stage2, True, "stage 2")
    must("create", "again.img", "--size", "160M", "--table", table, "--uuid-seed", "abcd")
    equal(sha256("again.img"), sha256(stick), "reproducible with a seed")
    must("create", "other.img", "--size", "160M", "--table", table)
    check(sha256("other.img") != sha256(stick), "different without")
    os.unlink("again.img")
    os.unlink("other.img")
    r = must("list", stick)
    check("No images" in r.out, "empty stick")
    equal(listing(stick), [], "empty stick")
    with mounted(stick) as m:
        equal(os.listdir(m), ["images"], "what is on a new stick")


def create_refusals():
    one_line(isopod("create", "new.img"), 3, "no size", "--size")
    check(not os.path.exists("new.img"), "no file is left")
    one_line(isopod("create", "new.img", "--size", "10M"), 3, "too small", "too small")
    check(not os.path.exists("new.img"), "no file is left")
    before = sha256("mbr.img")
    r = isopod("create", "mbr.img")
    check(r.rc == 3 and "--yes" in r.err and "exfat" in r.err and "would be lost" in r.err and "ISOPOD" in r.err, "not empty: " + r.err)
    equal(sha256("mbr.img"), before, "a refused stick is as it was")
    noise("unknown.img", 100 * MIB, 5)
    one_line(isopod("create", "unknown.img"), 3, "unknown data", "--yes")
    one_line(isopod("create", "mbr.img", "--yes", "--size", "1M"), 3, "too small", "too small")
    equal(sha256("mbr.img"), before, "a refused stick is as it was")
    must("create", "unknown.img", "--yes", "--label", "映像")
    fsck("unknown.img", "create over data")
    check("映像" in run("blkid", "-p", "-s", "LABEL", "-o", "value", "-O", str(MIB), "unknown.img").stdout, "label")
    os.unlink("unknown.img")
    one_line(isopod("create", "new.img", "--size", "160M", data="nowhere"), 3, "no stick files", "ISOPOD_DATA")
    check(not os.path.exists("new.img"), "no file is left")
    must("create", "big.img", "--size", "3T")
    equal(partitions("big.img")[0], "gpt", "3 TiB gets a GPT")
    r = run("sgdisk", "-v", "big.img")
    check("No problems found" in r.stdout, "sgdisk -v: " + r.stdout)
    os.unlink("big.img")
    one_line(isopod("create", "big.img", "--size", "3T", "--table", "mbr"), 3, "3 TiB and MBR", "2 TiB")
    must("create", "part.img", "--size", "160M", "--reserve", "30M")
    parts = partitions("part.img")[1]
    equal(parts[1][0] + parts[1][1], 130 * MIB, "--reserve")
    os.unlink("part.img")


def add_and_list(stick):
    shutil.copy(IPXE, "ipxe.iso")
    noise("zufall.img", 5 * MIB + 123, 7)
    open("leer.iso", "wb").close()
    names = ["映像 文件.iso", "with blank & 'quote'.iso", "Ünïcödé ελληνικά.iso", "emoji 🧪.iso"]
    for n in names:
        shutil.copy(IPXE, n)
    r = must("add", stick, "ipxe.iso", "--verify")
    equal(r.err, "", "add is quiet")
    check(sha256("ipxe.iso") in r.out and "verified" in r.out, "add says the hash: " + r.out)
    r = must("add", stick, "zufall.img", "leer.iso", "--to", "/deep/er folder")
    check("not that of any known kind of image" in r.err, "warning: " + r.err)
    must("add", stick, *names, "--to", "中文")
    fsck(stick, "add")
    with mounted(stick) as m:
        equal(sha256(m + "/images/ipxe.iso"), sha256("ipxe.iso"), "ipxe.iso by exfat-fuse")
        equal(sha256(m + "/deep/er folder/zufall.img"), sha256("zufall.img"), "zufall.img by exfat-fuse")
        equal(os.path.getsize(m + "/deep/er folder/leer.iso"), 0, "leer.iso by exfat-fuse")
        for n in names:
            equal(sha256(m + "/中文/" + n), sha256(n), n + " by exfat-fuse")
        r = run("sha256sum", "-c", "--strict", "isopod.sha256", cwd=m)
        check(r.returncode == 0 and r.stdout.count(": OK") == 3 + len(names), "sha256sum -c: " + r.stdout)
        check(abs(os.path.getmtime(m + "/images/ipxe.iso") - os.path.getmtime("ipxe.iso")) < 3, "time of the file")
    l = {e["path"]: e for e in listing(stick)}
    equal(sorted(l), sorted(["/images/ipxe.iso", "/deep/er folder/zufall.img", "/deep/er folder/leer.iso"] + ["/中文/" + n for n in names]), "paths")
    e = l["/images/ipxe.iso"]
    equal({k: e[k] for k in ("size", "kind", "label", "firmware", "extents", "sha256_recorded")},
          {"size": os.path.getsize("ipxe.iso"), "kind": "iso", "label": "ISOIMAGE", "firmware": ["bios", "uefi"], "extents": 1,
           "sha256_recorded": sha256("ipxe.iso")}, "list of ipxe.iso")
    equal(l["/deep/er folder/leer.iso"]["extents"], 0, "an empty file has no extents")
    before = sha256(stick)
    one_line(isopod("add", stick, "ipxe.iso"), 3, "same name", "ipxe.iso", "taken")
    one_line(isopod("add", stick, "ipxe.iso", "--to", "IMAGES"), 3, "same name in other case", "taken")
    one_line(isopod("add", stick, "missing.iso"), 3, "no such file", "missing.iso")
    one_line(isopod("add", stick, stick), 3, "the stick itself", "itself")
    one_line(isopod("add", stick, "zufall.img", "--to", "/images/ipxe.iso"), 3, "a file as folder", "taken")
    shutil.copy(IPXE, "a:b.iso")
    one_line(isopod("add", stick, "a:b.iso"), 3, "a name exFAT has not", "a:b.iso")
    one_line(isopod("add", stick, "ipxe.iso", "--to", "../x"), 3, "..", "..")
    fsck(stick, "refused additions")
    noise("ipxe.iso", 3 * MIB, 8)
    must("add", stick, "ipxe.iso", "--replace")
    e = [x for x in listing(stick) if x["path"] == "/images/ipxe.iso"][0]
    equal((e["size"], e["sha256_recorded"]), (3 * MIB, sha256("ipxe.iso")), "replaced")
    shutil.copy(IPXE, "ipxe.iso")
    must("add", stick, "ipxe.iso", "--replace")
    # odd images are warned of and taken
    with open("cut.iso", "wb") as f:
        f.write(open(IPXE, "rb").read(1 << 20))
    r = must("add", stick, "cut.iso")
    check("cut off" in r.err, "a cut image: " + r.err)
    check(any("cut off" in x.get("problem", "") for x in listing(stick)), "list tells that it is cut")
    fsck(stick, "replace")


def disk_full(stick):
    noise("large.img", 100 * MIB, 9)
    before = listing(stick)
    r = isopod("add", stick, "large.img")
    line = r.err.strip().split("\n")[-1]
    check(r.rc == 3 and all(w in line for w in ("not enough space", "needs 100.0 MiB", "free", "largest piece")), "disk full: %d %r" % (r.rc, r.err))
    equal(listing(stick), before, "nothing changed")
    fsck(stick, "disk full")
    os.unlink("large.img")


def fragments(stick):
    """No free run is large enough: two files' places together are."""
    must("create", "frag.img", "--size", "96M", "--yes")
    size = 5 * MIB
    for i in range(5):
        must("add", "frag.img", noise("f%d.img" % i, size, 100 + i))
    for i in (1, 3):
        must("remove", "frag.img", "/images/f%d.img" % i)
    noise("wide.img", 9 * MIB, 200)
    r = must("add", "frag.img", "wide.img", "--verify")
    check("pieces" in r.err, "warned of pieces: " + r.err)
    e = [x for x in listing("frag.img") if x["path"] == "/images/wide.img"][0]
    check(e["extents"] > 1, "extents: %r" % e)
    fsck("frag.img", "fragments")
    with mounted("frag.img") as m:
        equal(sha256(m + "/images/wide.img"), sha256("wide.img"), "a file in pieces by exfat-fuse")
    os.unlink("frag.img")


def foreign(stick):
    """Written by another driver: found, and its hash is not claimed when it replaced ours."""
    with mounted(stick, write=True) as m:
        shutil.copy(IPXE, m + "/images/fremd.iso")
        with open(m + "/images/ipxe.iso", "ab") as f:
            f.write(bytes(4096))
        one_line(isopod("add", stick, IPXE, "--to", "/x"), 3, "mounted through a loop device", "mounted at", m.strip("./"))
        os.makedirs(m + "/System Volume Information", exist_ok=True)
        shutil.copy(IPXE, m + "/System Volume Information/hidden.iso")
    l = {e["path"]: e for e in listing(stick)}
    check("/images/fremd.iso" in l and "sha256_recorded" not in l["/images/fremd.iso"], "a file copied by others is listed, without a hash")
    check("sha256_recorded" not in l["/images/ipxe.iso"], "a changed file has no known hash")
    check(not any("hidden" in p for p in l), "system folders are left out")
    a = json.loads(must("plan", IPXE, "--json").out)
    b = json.loads(must("plan", stick + ":/images/fremd.iso", "--json").out)
    for key in ("kind", "label", "firmware", "starts", "el_torito", "initrds", "overlays", "warnings", "size"):
        equal(b[key], a[key], "plan on the host and on the stick: " + key)
    equal(b["map"]["size"], a["map"]["size"], "the same virtual disk")
    equal(sum(e["length"] for e in b["extents"]), os.path.getsize(IPXE), "the extents cover the file")
    # the map leads to the image's bytes
    with open(stick, "rb") as f, open(IPXE, "rb") as g:
        whole = b""
        for s in b["map"]["segments"]:
            f.seek(s["source"])
            whole += f.read(s["length"])
        equal(whole, g.read(), "bytes through the map")
    must("remove", stick, "/images/fremd.iso")


def remove_and_move(stick):
    n = len(listing(stick))
    must("move", stick, "/images/ipxe.iso", "/tools/netz 网络.iso")
    must("move", stick, "/中文", "/deep")
    l = {e["path"]: e for e in listing(stick)}
    equal(len(l), n, "as many as before")
    check("/tools/netz 网络.iso" in l and "/images/ipxe.iso" not in l, "moved")
    check("/deep/中文/映像 文件.iso" in l, "a folder moved into a folder: %r" % sorted(l))
    equal(l["/deep/中文/映像 文件.iso"].get("sha256_recorded"), sha256(IPXE), "its hash went along")
    must("move", stick, "/tools/netz 网络.iso", "/TOOLS")
    must("move", stick, "/tools/netz 网络.iso", "/tools/NETZ 网络.iso")
    check(any(e["path"] == "/tools/NETZ 网络.iso" for e in listing(stick)), "a change of case")
    one_line(isopod("move", stick, "/nope.iso", "/x.iso"), 3, "no such file", "/nope.iso")
    one_line(isopod("move", stick, "/deep/er folder/leer.iso", "/tools/NETZ 网络.iso"), 3, "exists", "taken")
    one_line(isopod("move", stick, "/deep", "/deep/er folder/x"), 3, "into itself")
    one_line(isopod("remove", stick, "/deep"), 3, "not empty", "not empty")
    one_line(isopod("remove", stick, "/"), 3, "root")
    one_line(isopod("remove", stick, "/nope"), 3, "no such file", "/nope")
    must("remove", stick, "/deep/er folder/leer.iso", "/deep/er folder/zufall.img", "/deep/er folder")
    check(not any("er folder" in e["path"] for e in listing(stick)), "removed")
    fsck(stick, "remove and move")
    with mounted(stick) as m:
        r = run("sha256sum", "-c", "--strict", "--quiet", "isopod.sha256", cwd=m)
        check("No such file" not in r.stdout, "sha256sum -c: " + r.stdout)


def one_shot(stick):
    equal(json.loads(must("next", stick, "--json").out), {"next": None}, "nothing chosen")
    must("next", stick, "tools/NETZ 网络.iso")
    equal(json.loads(must("next", stick, "--json").out), {"next": "/tools/NETZ 网络.iso"}, "chosen")
    check("/tools/NETZ 网络.iso".encode() in esp_file(stick, "ISOPOD/STATE.BIN"), "in the state file")
    one_line(isopod("next", stick, "/nope.iso"), 3, "no such image", "/nope.iso")
    one_line(isopod("next", stick, "/tools"), 3, "a folder", "folder")
    one_line(isopod("next", stick, "/isopod.sha256"), 3, "no image", "the menu does not list it")
    must("move", stick, "tools/NETZ 网络.iso", "/.hidden/x.iso")
    one_line(isopod("next", stick, "/.hidden/x.iso"), 3, "in a hidden folder", "the menu does not list it")
    check([e["path"] for e in listing(stick) if e.get("hidden")] == ["/.hidden/x.iso"], "list tells what the menu leaves out")
    check("begins with a dot: not in the menu" in must("list", stick).out, "and says so")
    must("move", stick, "/.hidden/x.iso", "tools/NETZ 网络.iso")
    equal(json.loads(must("next", stick, "--json").out), {"next": "/tools/NETZ 网络.iso"}, "still chosen")
    must("next", stick, "--clear")
    equal(json.loads(must("next", stick, "--json").out), {"next": None}, "cleared")
    fsck(stick, "next")


def update(stick):
    before_data = cut_out(stick, *partitions(stick)[1][0][:2], "before.data")
    digest = sha256(before_data)
    must("next", stick, "tools/NETZ 网络.iso")
    whole = sha256(stick)
    r = must("update", stick)
    check("up to date" in r.out, "nothing to do: " + r.out)
    equal(sha256(stick), whole, "nothing was written")
    make_data("data2", 2)
    r = must("update", stick, data="data2")
    check("updated" in r.out, "updated: " + r.out)
    fsck(stick, "update")
    for name, path in ESP_PATH.items():
        equal(esp_file(stick, path) == open("data2/" + name, "rb").read(), True, "updated ESP " + path)
    sector = open(stick, "rb").read(512)
    equal(int.from_bytes(sector[0x1A0:0x1A4], "little"), 1040, "the other slot")
    with open(stick, "rb") as f:
        f.seek(1040 * 512)
        stage2 = open("data2/stage2.bin", "rb").read()
        equal(f.read(len(stage2)) == stage2, True, "stage 2 in the other slot")
    equal(sector[440:512], open("mbr.img", "rb").read(512)[440:512], "the table is as it was")
    equal(sha256(cut_out(stick, *partitions(stick)[1][0][:2], "after.data")), digest, "the data partition was not touched")
    equal(json.loads(must("next", stick, "--json").out), {"next": "/tools/NETZ 网络.iso"}, "the choice is still there")
    must("update", stick)
    equal(int.from_bytes(open(stick, "rb").read(512)[0x1A0:0x1A4], "little"), 34, "and back")
    os.unlink("before.data")
    os.unlink("after.data")


def hostile(stick):
    """Bad images and bad sticks: one line, defined status."""
    for i, size in enumerate((0, 1, 511, 512, 4096, 40000, 3 * MIB)):
        name = noise("bad%d.iso" % i, size, i)
        r = isopod("plan", name)
        check(r.rc in (1, 3) and r.err.count("\n") <= 1, "plan of %d random bytes: status %d %r" % (size, r.rc, r.err))
        r = isopod("list", name)
        one_line(r, 3, "list of %d random bytes" % size)
    raw = bytearray(open(IPXE, "rb").read())
    r = random.Random(42)
    for i in range(60):
        b = bytearray(raw)
        for _ in range(20):
            b[r.choice((r.randrange(32768, 36864), r.randrange(36864, 80000), r.randrange(len(b))))] = r.randrange(256)
        open("mut.iso", "wb").write(b)
        p = isopod("plan", "mut.iso", program=FAULTS)
        check(p.rc in (0, 1, 3) and "Sanitizer" not in p.err, "plan of a mutated ISO %d: %d %s" % (i, p.rc, p.err[:300]))
    size = 4 * MIB
    head = open(stick, "rb").read(size)
    for i in range(60):
        b = bytearray(head)
        for _ in range(10):
            b[r.choice((r.randrange(512), r.randrange(MIB, MIB + 512), r.randrange(MIB, size)))] = r.randrange(256)
        shutil.copyfile(stick, "mut.img")
        with open("mut.img", "r+b") as f:
            f.write(b)
        p = isopod("list", "mut.img", "--json", program=FAULTS)
        check(p.rc in (0, 3) and "Sanitizer" not in p.err, "list of a mutated stick %d: %d %s" % (i, p.rc, p.err[:300]))
    os.unlink("mut.img")


def read_only(stick):
    shutil.copyfile(stick, "ro.img")
    os.chmod("ro.img", 0o444)
    digest = sha256("ro.img")
    if os.getuid() != 0:
        one_line(isopod("add", "ro.img", IPXE), 3, "read-only file", "ro.img")
    else:
        # root writes to anything but an immutable file
        if run("chattr", "+i", "ro.img").returncode == 0:
            one_line(isopod("add", "ro.img", IPXE), 3, "read-only file", "ro.img")
            one_line(isopod("next", "ro.img", "--clear"), 3, "read-only file", "ro.img")
            run("chattr", "-i", "ro.img")
    equal(sha256("ro.img"), digest, "unchanged")
    os.unlink("ro.img")


def in_use(stick):
    """A second isopod, and QEMU, keep us out."""
    with open(stick, "r+b") as f:
        import fcntl, struct
        # OFD write lock, as isopod and QEMU take it
        fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 100, 1, 0))
        one_line(isopod("next", stick, "--clear"), 3, "locked by QEMU", "in use")
        must("list", stick)
    must("next", stick, "--clear")


def interrupt(stick):
    """Ctrl-C while copying: status 3, one line, nothing added."""
    noise("slow.img", 8 * MIB, 3)
    os.mkfifo("fifo.img")
    one_line(isopod("add", stick, "fifo.img"), 3, "a FIFO is no image", "fifo.img")
    before = listing(stick)
    env = dict(os.environ, ISOPOD_DATA=os.path.abspath("data"), LC_ALL="C.UTF-8", ISOPOD_TEST_SLOW="300")
    p = subprocess.Popen([FAULTS, "add", stick, "slow.img"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    wait_written(p, 2 * MIB)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    check(p.returncode == 3 and "interrupted" in err, "Ctrl-C: status %d %r" % (p.returncode, err))
    equal(listing(stick), before, "nothing was added")
    fsck(stick, "Ctrl-C")


def wait_for(path):
    for _ in range(600):
        if os.path.exists(path):
            return
        time.sleep(0.05)
    check(False, "no " + path)


def vm_interrupt(stick):
    """Ctrl-C together with the text that was waited for: it was seen. Ctrl-C before: it was not."""
    os.mkdir("bin")
    with open("bin/qemu-system-x86_64", "w") as f:
        f.write("#!/bin/sh\necho >started\nwhile [ ! -e go ]; do sleep 0.05; done\necho HELLO\necho >said\nexec sleep 60\n")
    os.chmod("bin/qemu-system-x86_64", 0o755)
    env = dict(os.environ, ISOPOD_DATA=os.path.abspath("data"), LC_ALL="C.UTF-8", PATH=os.path.abspath("bin") + ":" + os.environ["PATH"])
    for seen in (True, False):
        for name in ("started", "go", "said"):
            if os.path.exists(name):
                os.unlink(name)
        p = subprocess.Popen([ISOPOD, "vm", stick, "--firmware", "bios", "--expect", "HELLO"], env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, encoding="utf-8")
        wait_for("started")
        if seen:
            # both have happened when it looks again
            p.send_signal(signal.SIGSTOP)
            open("go", "w").close()
            wait_for("said")
        p.send_signal(signal.SIGINT)
        p.send_signal(signal.SIGCONT)
        out, err = p.communicate(timeout=60)
        equal((p.returncode, "interrupted" in err), (0, False) if seen else (3, True), "vm, Ctrl-C, seen=%s: %r" % (seen, err))


def lying_drive(stick):
    """A drive that does not keep what it is given: --verify finds it, and only --verify."""
    noise("truth.img", 3 * MIB, 70)
    shutil.copyfile(stick, "lie.img")
    must("add", "lie.img", "truth.img")
    at = json.loads(isopod("plan", "lie.img:/images/truth.img", "--json").out)["extents"][0]["source"] + MIB
    with open("truth.img", "r+b") as f:
        f.seek(MIB)
        f.write(b"x")  # the byte that is turned over must not be zero
    for verify in (True, False):
        shutil.copyfile(stick, "lie.img")
        r = isopod("add", "lie.img", "truth.img", *(["--verify"] if verify else []), program=FAULTS, env={"ISOPOD_TEST_FLIP": str(at)})
        equal(r.rc, 1 if verify else 0, "a lying drive, verify=%s: %s" % (verify, r.err))
        check(not verify or "read back differs" in r.err, "a lying drive: " + r.err)
        e = [x for x in listing("lie.img") if x["path"] == "/images/truth.img"][0]
        equal("sha256_recorded" in e, not verify, "no hash is claimed for what is not there")
    os.unlink("lie.img")


def shrinking(stick):
    """The ring of buffers holds 16 MiB: the end of 40 was not read when the first was written."""
    before = listing(stick)
    noise("shrink.img", 40 * MIB, 4)
    env = dict(os.environ, ISOPOD_DATA=os.path.abspath("data"), LC_ALL="C.UTF-8", ISOPOD_TEST_SLOW="100")
    p = subprocess.Popen([FAULTS, "add", stick, "shrink.img"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    wait_written(p, MIB)
    os.truncate("shrink.img", 32 * MIB)
    out, err = p.communicate(timeout=60)
    check(p.returncode == 3 and "shorter" in err, "a shrinking source: status %d %r" % (p.returncode, err))
    equal(listing(stick), before, "nothing was added")
    fsck(stick, "a shrinking source")


with workdir():
    make_data("data", 1)
    usage()
    create("mbr")
    create("gpt")
    create_refusals()
    for stick in ("mbr.img", "gpt.img"):
        add_and_list(stick)
        disk_full(stick)
        foreign(stick)
        remove_and_move(stick)
        one_shot(stick)
    fragments("mbr.img")
    shutil.copyfile("mbr.img", "upd.img")
    update("upd.img")
    hostile("mbr.img")
    read_only("mbr.img")
    in_use("mbr.img")
    interrupt("mbr.img")
    vm_interrupt("mbr.img")
    shrinking("gpt.img")
    lying_drive("gpt.img")
cli_common.finish()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command among hostile surroundings: closed streams, two writers at once, targets that are none, names that a terminal would obey."""
import os, shutil, signal, subprocess, time

from cli_common import *
import cli_common

IPXE = "/usr/lib/ipxe/ipxe.iso"


def shell(line):
    return subprocess.run(["sh", "-c", line], env=dict(os.environ, ISOPOD_DATA="data", LC_ALL="C.UTF-8", POD=ISOPOD), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)


def closed_streams():
    """The stick must not get the number of a stream that messages go to."""
    first = open("s.img", "rb").read(512)
    n = 0
    for closed, rc in ((">&-", 3), ("2>&-", 0), ("<&-", 0), (">&- 2>&-", 3), ("<&- >&- 2>&-", 3)):
        n += 1
        # two images: the warning on the second makes what is said of the first go out while the stick is open
        p = shell('"$POD" add s.img ipxe.iso odd.iso --to /%d %s' % (n, closed))
        equal(p.returncode, rc, "add %s" % closed)
        equal(open("s.img", "rb").read(512) == first, True, "add %s leaves the first sector alone" % closed)
    fsck("s.img", "closed streams")
    for args in ("list s.img", "list s.img --json", "plan ipxe.iso", "plan ipxe.iso --json", "next s.img", "--help", "--version", "add --help"):
        p = shell('"$POD" %s >/dev/full' % args)
        check(p.returncode == 3 and p.stderr.count(b"\n") == 1, "%s >/dev/full: %d %r" % (args, p.returncode, p.stderr))
    p = shell('{ "$POD" list s.img; echo $? >status; } | true; cat status')
    check(p.stdout == b"3\n" and p.stderr == b"" or p.stdout == b"0\n", "a reader that goes away: %r %r" % (p.stdout, p.stderr))


def names():
    cases = {"esc\x1b[31m.iso": "\x1b", "rtl\u202eosi.iso": "\u202e", "c1\x9b31m.iso": "\x9b", "line\nbreak.iso": "break.iso\n"}
    for name, bad in cases.items():
        shutil.copy("odd.iso", name)
        r = isopod("plan", name)
        check(bad not in r.out and "?" in r.out, "plan of %r: %r" % (name, r.out[:60]))
        r = isopod("list", name)
        check(r.rc == 3 and bad not in r.err and r.err.count("\n") == 1, "list of %r: %r" % (name, r.err))
        equal(json.loads(isopod("plan", name, "--json").out)["path"], "/images/" + name, "JSON of %r" % name)
    with open(b"raw\x9b\xff.iso", "wb"):
        pass
    p = shell('"$POD" plan "$(printf "raw\\233\\377.iso")"')
    check(b"raw??.iso" in p.stdout, "bytes that are not UTF-8: %r" % p.stdout[:60])
    p = shell('"$POD" plan "$(printf "raw\\233\\377.iso")" --json')
    json.loads(p.stdout)


def two_doors():
    """A file and a loop device over it are one stick."""
    dev = loop_device("s.img", write=True)
    if not dev:
        check(False, "no loop devices: run as root")
        return
    env = dict(os.environ, ISOPOD_DATA=os.path.abspath("data"), LC_ALL="C.UTF-8", ISOPOD_TEST_SLOW="150")
    try:
        for first, second in ((dev, "s.img"), ("s.img", dev)):
            p = subprocess.Popen([FAULTS, "add", first, "slow.img", "--to", "/from" + first.replace("/", "-")], env=env, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
            wait_written(p, MIB)
            r = isopod("add", second, IPXE, "--to", "/second")
            check(p.poll() is None, "the first is still at work")
            one_line(r, 3, "%s while %s is written" % (second, first), "in use")
            p.communicate(timeout=60)
            equal(p.returncode, 0, "the first writer")
    finally:
        loop_release(dev, "s.img")
    fsck("s.img", "two doors")


def no_machine():
    """vm refuses what is no drive, at once and in one line, and leaves nothing behind."""
    os.mkfifo("fifo")
    os.mkdir("folder")
    os.mkdir("tmp")
    env = {"TMPDIR": os.path.abspath("tmp")} if len(os.path.abspath("tmp")) <= 40 else {"TMPDIR": "/tmp"}
    for target in ("fifo", "folder", "/dev/zero", "nowhere"):
        one_line(isopod("vm", target, "--timeout", "1", timeout=20, env=env), 3, "vm " + target, target)
    for after in (0.02, 0.1, 0.4, 1.0):
        p = subprocess.Popen([ISOPOD, "vm", "s.img", "--firmware", "bios"], env=dict(os.environ, **env), stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE)
        time.sleep(after)
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=20)
        check(p.returncode in (3, -signal.SIGINT), "Ctrl-C after %s s: status %d" % (after, p.returncode))
    equal([f for f in os.listdir(env["TMPDIR"]) if f.startswith("isopod-vm.") and env["TMPDIR"] != "/tmp"], [], "what vm leaves behind")


def lost_esp():
    """What the menu advises for a damaged ESP has to work: update writes it anew, and touches no image."""
    shutil.copyfile("s.img", "esp.img")
    before = listing("esp.img")
    data = sha256(cut_out("esp.img", *partitions("esp.img")[1][0][:2], "data.part"))
    start, length, _ = partitions("esp.img")[1][1]
    with open("esp.img", "r+b") as f:
        f.seek(start)
        f.write(bytes(2 * MIB))
    shutil.copyfile("esp.img", "foreign.img")
    one_line(isopod("next", "esp.img"), 3, "next without an ESP", "isopod update")
    r = isopod("update", "esp.img")
    check(r.rc == 0 and "is rewritten" in r.err, "update of a damaged ESP: %d %r" % (r.rc, r.err))
    equal(listing("esp.img"), before, "the images are still there")
    equal(sha256(cut_out("esp.img", *partitions("esp.img")[1][0][:2], "data.part")), data, "the data partition is as it was")
    for name, path in ESP_PATH.items():
        equal(esp_file("esp.img", path) == open("data/" + name, "rb").read(), True, "ESP " + path)
    fsck("esp.img", "a new ESP")
    must("next", "esp.img", "--clear")
    # without our boot code it is not our ESP
    with open("foreign.img", "r+b") as f:
        f.write(bytes(440))
    digest = sha256("foreign.img")
    one_line(isopod("update", "foreign.img"), 3, "a foreign ESP", "not an Isopod stick")
    equal(sha256("foreign.img"), digest, "it is left alone")


def other_partitions():
    """The data partition is the first one that can be read; one that cannot is not what the user is told to format."""
    with open("two.img", "wb") as f:
        f.truncate(96 * MIB)
    subprocess.run(["sfdisk", "-q", "two.img"], input=b"label: dos\nstart=2048, size=16MiB, type=83\nsize=64MiB, type=7\n", check=True)
    run("truncate", "-s", "64M", "volume", check=True)
    run("mkfs.exfat", "-L", "SECOND", "volume", check=True)
    start = partitions("two.img")[1][1][0]
    run("dd", "if=volume", "of=two.img", "bs=512", "seek=%d" % (start // 512), "conv=notrunc", check=True)
    must("add", "two.img", "ipxe.iso")
    check("ipxe.iso" in must("list", "two.img").out, "list finds the second partition")
    with open("two.img", "r+b") as f:
        f.seek(start)
        f.write(bytes(512))
    one_line(isopod("list", "two.img"), 3, "no readable partition", "fsck.exfat")


with workdir():
    make_data("data", 1)
    shutil.copy(IPXE, "ipxe.iso")
    noise("odd.iso", 70000, 3)
    noise("slow.img", 12 * MIB, 4)
    must("create", "s.img", "--size", "200M")
    closed_streams()
    names()
    two_doors()
    no_machine()
    lost_esp()
    other_partitions()
cli_common.finish()

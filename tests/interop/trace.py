#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod trace, on state files that trace_format.py wrote from the field tables; places of files in an image by xorriso."""
import json, os, random, re, struct, subprocess

import trace_format as tf
from trace_common import Stick
from cli_common import B, MIB, check, equal, finish, isopod, must, one_line, workdir
from common import run, sbin

SEES_EXIT, TRUNCATED, FRAGMENTED, NO_SHIM, HANDOVER = 2, 1, 2, 4, 8
READING, TIMER = 1, 2
LOADER = [("started", 50, 0), ("menu", 900, 0), ("chosen", 4000, 0), ("planned", 4300, 0), ("loader-started", 4400, 0)]
SHOWN = [("shim-started", 0, 0), ("init-executed", 900, 0), ("stick-found", 7000, 0), ("shown", 7100, 1)]


def archive(data):
    """An initrd: an init, and something that cannot be made much smaller."""
    out = b""
    for name, body in (("init", b"#!/bin/sh\n"), ("data", data), ("TRAILER!!!", b"")):
        out += ("070701" + "".join("%08x" % v for v in (0, 0o100755, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name) + 1, 0))).encode() + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + body
        out += b"\0" * (-len(out) % 4)
    return out


def make_iso(path):
    """A live medium's outline: kernel and initrd that a configuration names, a squashfs, a folder."""
    root = "root"
    r = random.Random(3)
    for name, data in {"live/vmlinuz": b"\0" * 0x202 + b"HdrS" + b"\x0c\x02" + r.randbytes(300000), "live/filesystem.squashfs": r.randbytes(2 * MIB),
                       "live/initrd.img": subprocess.run(["gzip", "-nc"], input=archive(r.randbytes(900000)), stdout=subprocess.PIPE, check=True).stdout,
                       "isolinux/isolinux.cfg": b"LABEL x\nKERNEL /live/vmlinuz\nAPPEND initrd=/live/initrd.img\n", "isolinux/boot.bin": b"\xf4" * 2048}.items():
        os.makedirs(os.path.dirname(root + "/" + name), exist_ok=True)
        with open(root + "/" + name, "wb") as f:
            f.write(data)
    run("xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-V", "OUTLINE", "-b", "isolinux/boot.bin", "-no-emul-boot", "-boot-load-size", "4",
        "-c", "isolinux/boot.cat", "-o", path, root)
    out = run("xorriso", "-indev", path, "-find", "/", "-type", "f", "-exec", "report_lba", "--").decode()
    # "File data lba:  0 ,  35 ,  147 ,  300518 , '/live/vmlinuz'"
    return {m[3]: (int(m[1]) * 2048, int(m[2])) for m in
            (re.match(r"File data lba:\s+\d+\s*,\s*(\d+)\s*,\s*\d+\s*,\s*(\d+)\s*,\s*'(.*)'", l) for l in out.splitlines()) if m}


def volume_crc(path):
    import binascii
    with open(path, "rb") as f:
        f.seek(32768)
        return binascii.crc32(f.read(2048))


def places(stick, files, size, crc):
    """Each file's first, middle and last byte, as xorriso sees them; the served initrd; what is no file."""
    n = 0
    for name, (start, length) in files.items():
        for off, percent in ((start, 0), (start + length // 2, 50 if length % 2 == 0 else 49), (start + length - 1, 99)):
            if name == "/live/initrd.img" or length < 4:
                continue
            state = bytearray(tf.SIZE)
            tf.put_boot(state, 5, tf.machine(5), tf.image(5, "/images/live.iso", size, crc=crc), tf.progress(5, 1, 9000, LOADER, TIMER, 1, 1, (off, 1)))
            stick.put(state)
            last = stick.boots()[0]["reads"]["last"]
            check(last.get("path") == name[1:] and last["what"] == "file", f"{off}: {last}, not {name}")
            check(abs(last["percent"] - percent) <= 1, f"{name}: {last['percent']}%, not {percent}")
            n += 1
    check(n >= 9, "too few places were looked at")
    served = [o for o in json.loads(must("plan", stick.path + ":/images/live.iso", "--json").out)["overlays"] if o["kind"] == "initrd"][0]
    for off, what, path in ((served["offset"] + served["length"] // 4, "initrd", "live/initrd.img"), (files["/live/initrd.img"][0], "file", "live/initrd.img"),
                            (17 * 2048, "descriptors", None), (1 << 40, "past the end", None)):
        state = bytearray(tf.SIZE)
        tf.put_boot(state, 5, tf.machine(5), tf.image(5, "/images/live.iso", size, crc=crc), tf.progress(5, 1, 9000, LOADER, TIMER, 1, 1, (off, 0)))
        stick.put(state)
        last = stick.boots()[0]["reads"]["last"]
        check((last["what"], last.get("path")) == (what, path), f"{off}: {last}")
    # another file under that name: offsets mean nothing any more
    tf.put_boot(state, 5, tf.image(5, "/images/live.iso", size, crc=crc ^ 1))
    stick.put(state)
    b = stick.boots()[0]
    check(b["reads"]["last"]["what"] is None and any("Another file" in e for e in b["evidence"]), "a changed image is taken for the recorded one")


def arguments(stick):
    """A start with kernel arguments: they are told, and its plan is made again with them, so that a place in its boot menu has a name."""
    served = json.loads(must("plan", stick.path + ":/images/missing.iso", "--json", "--arguments", "acpi=off -quiet").out)["overlays"]
    menu = [o for o in served if o["kind"] == "menu"][0]
    size, crc = os.path.getsize("missing.iso"), volume_crc("missing.iso")
    for words, shown, what in (("acpi=off -quiet", "acpi=off -quiet", "file"), ("it's \x1b[2J", "it's ?[2J", None)):
        state = bytearray(tf.SIZE)
        tf.put_boot(state, 5, tf.machine(5), tf.image(5, "/images/missing.iso", size, crc=crc),
                    tf.progress(5, 1, 9000, LOADER, TIMER, 1, 1, (menu["offset"], 4), arguments=words))
        stick.put(state)
        b = stick.boots()[0]
        equal(b["image"].get("arguments"), shown, "kernel arguments")
        if what:
            equal((b["reads"]["last"]["what"], b["reads"]["last"].get("path")), (what, "isolinux/isolinux.cfg"), "a place in the served menu")
        check("kernel arguments: " + shown in must("trace", stick.path).out, "the words as text")


def missing(stick):
    """A folder was read last, the loader waits: what its configuration names there is told by name."""
    root = "root"
    with open(root + "/isolinux/isolinux.cfg", "w") as f:
        f.write("LABEL x\nKERNEL /live/vmlinuz\nAPPEND initrd=/live/initrd.img\nLABEL y\nLINUX ../live/vmlinuz-2 quiet\nINITRD /live/initrd.img\n")
    run("xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-V", "OUTLINE", "-b", "isolinux/boot.bin", "-no-emul-boot", "-boot-load-size", "4",
        "-c", "isolinux/boot.cat", "-o", "missing.iso", root)
    must("add", stick.path, "missing.iso", "--to", "/images")
    with open("missing.iso", "rb") as f:
        data = f.read()
    # ECMA-119 9.1: the folder's own record, which begins with its place; found by that of its parent
    at = data.index(b"\x04LIVE") - 32
    lba = struct.unpack_from("<I", data, at + 2)[0]
    for name, sentence in (("missing.iso", "names live/vmlinuz-2, and the image has no such file"), ("live.iso", "read was in the folder live")):
        path = "/images/" + name
        state = bytearray(tf.SIZE)
        tf.put_boot(state, 5, tf.machine(5), tf.image(5, path, os.path.getsize(name), crc=volume_crc(name), flags=HANDOVER),
                    tf.progress(5, 1, 30000, LOADER, TIMER, 1, 1, (lba * 2048, 2048), 9000))
        stick.put(state)
        b = stick.boots(rc=1)[0]
        equal((b["verdict"], b["hazard"]), ("file-not-found", name == "missing.iso"), f"{name}: {b['evidence']}")
        check(any(sentence in e for e in b["evidence"]), f"{name}: {b['evidence']}")
        check("in the folder live." in b["headline"], b["headline"])


def verdicts(stick, size, crc):
    """From the oldest to the newest; (sectors, verdict, hazard, alarm)."""
    def im(n, flags=HANDOVER, **kw):
        return tf.image(n, **{"path": "/images/live.iso", "size": size, "crc": crc, "flags": flags, "initrds": 1, **kw})

    def exit_(n, **kw):
        return tf.progress(n, 1, 9000, LOADER + [("exit-boot-services", 8000, 0)], TIMER, 4 * MIB, 90, **kw)

    def returned(n, code):
        return tf.progress(n, 1, 9000, LOADER + [("loader-returned", 8000, code)], TIMER, 4 * MIB, 90)

    stories = [
        (lambda n: [tf.progress(n, 1, 900, LOADER[:2])], "nothing-chosen", 0, False),
        (lambda n: [im(n), exit_(n), tf.linux(n, 1, 30000, SHOWN + [("medium-mounted", 9000, 0), ("root-switched", 20000, 0)], mount="/run/live/medium")],
         "finished", 0, False),
        (lambda n: [im(n), exit_(n), tf.linux(n, 1, 30000, SHOWN)], "taken-over", 0, False),
        (lambda n: [im(n, 0), exit_(n)], "taken-over", 0, False),
        (lambda n: [im(n), exit_(n)], "never-reached-stick", 0, True),
        (lambda n: [im(n), exit_(n), tf.linux(n, 2, 30000, SHOWN + [("rescue-shell", 9000, 0)])], "medium-not-found", 0, True),
        (lambda n: [im(n), returned(n, 0x80000001)], "loader-returned", 0, True),
        (lambda n: [im(n), returned(n, 0x80000009)], "memory", 4, True),
        (lambda n: [im(n), tf.progress(n, 2, 300000, LOADER, TIMER, 9, 9, (0, 1), 5000)], "loader-hang", 0, True),
        (lambda n: [im(n), tf.progress(n, 2, 9000, LOADER, TIMER, 9, 9, (0, 1), 8000, errors=2, error=(2048, 2, 7))], "read-error", 6, True),
        (lambda n: [im(n, HANDOVER | TRUNCATED), exit_(n)], "truncated-image", 1, True),
        (lambda n: [im(n), tf.progress(n, 2, 9000, LOADER, TIMER, 9, 9, (0, 1), 8000), tf.screen(n, "Welcome to GRUB!\nerror: file `/live/vmlinux' not found.\n")],
         "file-not-found", 1, True),
        (lambda n: [im(n), exit_(n), tf.linux(n, 1, 30000, SHOWN + [("lives-in-initrd", 20000, 0)], mount="/mnt/stick")], "taken-over", 0, False),
        (lambda n: [im(n), tf.progress(n, 1, 5000, LOADER[:4] + [("start-failed", 4800, 3)]), tf.message(n, 3, "Cannot start /images/live.iso: why")],
         "memory", 4, True),
    ]
    state = bytearray(tf.SIZE)
    for i, (sectors, *_) in enumerate(stories):
        tf.put_boot(state, 30 + i, tf.machine(30 + i, maker="Maker", product="Model 1", bios="1.2"), *sectors(30 + i))
    log = "<6>[    1.0] Linux version 6.1\n<6>[    2.0] usb 1-1: SerialNumber: ABC123\n<3>[    9.0] I/O error, dev sda, sector 2048 op 0x0:(READ)\n"
    tf.put_log(state, 35, log)
    stories[5] = (None, "read-error", 6, True)
    stick.put(state)
    boots = stick.boots(rc=1)
    equal([b["boot"] for b in boots], list(range(30 + len(stories) - 1, 29, -1)), "newest first")
    for b, (_, verdict, hazard, alarm) in zip(reversed(boots), stories):
        equal((b["verdict"], b["hazard"], b["alarm"]), (verdict, hazard, alarm), f"boot {b['boot']}")
        check(bool(b["remedy"]) == alarm, f"boot {b['boot']}: remedy {b['remedy']}")
        equal(b["unknown"], alarm and not hazard, f"boot {b['boot']}: unknown")
        check(b["steps"][:1] == ([b["remedy"]] if alarm else []) and len(b["steps"]) <= 3, f"boot {b['boot']}: steps {b['steps']}")
    equal(boots[0]["message"], "Cannot start /images/live.iso: why", "the message")
    equal(boots[2]["screen"], "Welcome to GRUB!\nerror: file `/live/vmlinux' not found.\n", "the screen")
    equal(boots[0]["machine"]["vendor"] + boots[0]["machine"]["product"], "MakerModel 1", "the machine")
    equal([s["stage"] for s in boots[-2]["linux"]["stages"]][-1], "root-switched", "stages in Linux")
    text = stick.trace()
    check(text.rc == 1 and text.out.count("Boot ") >= len(stories) and text.out.index("Boot 41") < text.out.index("Boot 30"), "the story")
    check("  The screen said:\n    Welcome to GRUB!\n    error: file" in text.out and "The cause is unknown [loader-hang]" in text.out and
          "UNKNOWN: It stopped" in text.out, "what the screen said, and what is unknown")
    check("nowhere" not in text.out and "in no file of the image" not in text.out, "a place that is none")
    check("I/O error, dev sda, sector 2048" in text.out and "kernel log was saved" in text.out, "the log's line is quoted")
    one = stick.boots("--boot", 35, rc=1)
    check(len(one) == 1 and one[0]["log"] == log, "one boot with its log")
    check("Linux version 6.1" in stick.trace("--boot", 35).out, "the log in the story")
    equal(stick.trace("--boot", 31).rc, 0, "a boot that finished")
    one_line(stick.trace("--boot", 77), 3, "no such boot", "boot 77")
    raw = stick.trace("--raw", "--boot", 31).out
    check("MACHINE boot 31" in raw and "stage 37 root-switched ms 20000" in raw, "raw records")
    # Chinese has a sentence for each.
    zh = stick.trace(env={"LC_ALL": "C.UTF-8", "LANGUAGE": "zh_CN", "ISOPOD_LOCALEDIR": os.path.join(B, "locale")})
    for english in ("STOPPED", "Hazard", "It stopped while", "The screen said", "The cause is unknown", "UNKNOWN", "Reads that failed", "the boot manager started", "What to do"):
        check(english not in zh.out, f"not translated: {english}")
    check("隐患" in zh.out and zh.rc == 1, "no Chinese")
    return state


def export(stick, state):
    p = "/people/Jane Doe/live.iso"
    tf.put_boot(state, 50, tf.machine(50), tf.image(50, p), tf.progress(50, 1, 900, LOADER[:4] + [("start-failed", 4800, 3)]), tf.message(50, 3, f"Cannot start {p}: x"),
                tf.screen(50, "hello /home/jane/y, serial: ABC123\n"))
    tf.put_log(state, 50, "usb 1-1: SerialNumber: ABC123\neth0: 52:54:00:12:34:56 up\nroot=UUID=0a1b2c3d-1111-2222-3333-0123456789ab\nread /home/jane/x, "
               "12:34:56 and 52:54:00:12\n")
    stick.put(state)
    equal(stick.trace("--export", "report.json").rc, 1, "export")
    text = open("report.json").read()
    for word in ("Jane", "jane", "ABC123", "52:54:00:12:34:56", "0a1b2c3d", "/images/"):
        check(word not in text, f"{word} is in the report")
    j = json.loads(text)
    equal(j["boots"][0]["image"]["path"], "live.iso", "the file's own name stays")
    check("12:34:56 and 52:54:00:12" in j["boots"][0]["log"] and "Cannot start live.iso: x" == j["boots"][0]["message"], "what is harmless stays")
    one_line(stick.trace("--export", "report.json"), 3, "an existing file", "report.json")
    equal(stick.trace("--export", "names.json", "--with-names").rc, 1, "export with names")
    text = open("names.json").read()
    for word in ("/people/Jane Doe/live.iso", "ABC123", "52:54:00:12:34:56", "/home/jane/x"):
        check(word in text, f"{word} is missing with --with-names")


def hostile(stick, state):
    r = random.Random(5)
    stick.put(bytes(tf.SIZE))
    out = stick.trace()
    check(out.rc == 0 and "No start has been recorded" in out.out, "an empty state file")
    equal(stick.boots(rc=0), [], "an empty state file as JSON")
    stick.put(r.randbytes(tf.SIZE))
    equal(stick.boots(rc=0), [], "noise")
    for _ in range(20):
        s = bytearray(state)
        for _ in range(400):
            s[r.randrange(tf.BOOT_OFF, tf.SIZE)] = r.randrange(256)
        stick.put(s)
        for args in ((), ("--json",), ("--raw",)):
            out = stick.trace(*args)
            check(out.rc in (0, 1) and not out.err, f"{args}: status {out.rc}: {out.err[:200]}")
    # fields that break every rule, with right checksums
    s = bytearray(tf.SIZE)
    wild = {0x18: r.randbytes(512 - 0x18)}
    tf.put_boot(s, 9, *[tf.sector(k, 9, 1, wild) for k in (tf.MACHINE, tf.IMAGE, tf.PROGRESS, tf.LINUX, tf.MESSAGE, tf.SCREEN)])
    stick.put(s)
    for args in ((), ("--json",), ("--raw",), ("--boot", 9)):
        out = stick.trace(*args)
        check(out.rc in (0, 1), f"{args}: status {out.rc}: {out.err[:200]}")
        check("\x1b" not in out.out and "\0" not in out.out, f"{args}: control characters")
    # an escape sequence in a log
    tf.put_boot(s, 10, tf.machine(10, maker="\x1b[31mred"), tf.image(10, "/x\x1b[2J.iso"), tf.screen(10, "a\x1b[2Jb\x9b1m\r\n"))
    tf.put_log(s, 10, "\x1b[2Jcleared\n")
    stick.put(s)
    check("\x1b" not in stick.trace("--boot", 10).out, "an escape sequence comes through")


def usage(stick):
    for args in ((), ("--boot", "x"), ("--boot", "0"), ("--json", "--raw"), ("--with-names",), ("--nonsense",), ("more",)):
        r = isopod("trace", *([stick.path] if args else []), *args)
        check(r.rc == 2 and "isopod" in r.err, f"{args}: status {r.rc}")
    check("--export FILE" in isopod("trace", "--help").out, "--help")
    one_line(isopod("trace", "/nonexistent"), 3, "no such stick", "/nonexistent")


def main():
    sbin()
    with workdir():
        os.symlink(os.path.join(B, "stick"), "data")
        must("create", "s.img", "--size", "256M", "--yes")
        files = make_iso("live.iso")
        must("add", "s.img", "live.iso", "--to", "/images")
        stick = Stick("s.img")
        size, crc = os.path.getsize("live.iso"), volume_crc("live.iso")
        places(stick, files, size, crc)
        missing(stick)
        arguments(stick)
        state = verdicts(stick, size, crc)
        export(stick, state)
        hostile(stick, state)
        usage(stick)
    finish()


if __name__ == "__main__":
    main()

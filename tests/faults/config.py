# SPDX-License-Identifier: BSD-2-Clause
"""Faults of isopod.conf: what it says, how it is written, where it lies."""
from case import *

TEXT = "timeout = 5\ndefault = /images/sound-live.iso\nview = folders\n"
EN = "isopod.conf"


def put(stick, path, data, folder="/"):
    """A file onto the data partition, by isopod itself: `add` takes any file."""
    name = os.path.basename(path)
    os.makedirs("put", exist_ok=True)
    with open("put/" + name, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    must("add", stick, "put/" + name, "--to", os.path.dirname(path) or "/", data=STICK)
    return stick


def conf(data, path="/isopod.conf"):
    return lambda w: put(w.stick(), path, data)


def lint(args):
    """What `isopod rules lint` says, as findings."""
    r = isopod("rules", "lint", *args)
    return [Finding("rules", RULES, "problem", line, line, "") for line in r.out.splitlines() if "nothing wrong" not in line]


def listed(args):
    """What `isopod list` says beside the images."""
    r = isopod("list", *args)
    return [Finding("list", 0, "problem", line, line, "") for line in r.err.splitlines() if "warning" in line]


def on_esp(path):
    def make(w):
        s = w.stick()
        with open("isopod.conf", "w") as f:
            f.write(TEXT)
        run("mcopy", "-i", "%s@@%d" % (s, partitions(s)[1][1][0]), "isopod.conf", "::" + path, check=True)
        return s
    return make


FAULTS = [
    Fault("no '='", conf("timeout 5\n"), RULES, EN + ":1", "no '='"),
    Fault("no key", conf("view = flat\n = 5\n"), RULES, EN + ":2", "no key"),
    Fault("unknown key", conf("# mine\n\ntimeuot = 5\n"), RULES, EN + ":3", "timeuot", "unknown key"),
    Fault("timeout of words", conf("default = /images/sound-live.iso\ntimeout = soon\n"), RULES, EN + ":2", "number"),
    Fault("timeout too long", conf("default = /images/sound-live.iso\ntimeout = 86400\n"), RULES, EN + ":2", "3600"),
    Fault("default that is not there", conf("default = /images/gone.iso\n"), RULES, EN + ":1", "names no image"),
    Fault("default with a drive letter", conf("default = E:\\images\\sound-live.iso\n"), RULES, EN + ":1", "names no image"),
    Fault("default is no image", conf("default = /isopod.sha256\n"), RULES, EN + ":1", "names no image"),
    Fault("default in quotes", conf('default = "/images/sound-live.iso"\n'), RULES, EN + ":1", "names no image"),
    Fault("default given twice", conf("default = /images/gone.iso\ndefault = /images/sound-live.iso\n"), RULES, EN + ":2", "line 1"),
    Fault("language nobody knows", conf("language = de\n"), RULES, EN + ":1", "zh_CN"),
    Fault("view nobody knows", conf("view = tree\n"), RULES, EN + ":1", "folders"),
    Fault("timeout without default", conf("timeout = 5\n"), RULES, EN + ":1", "no effect", level=("note",)),
    Fault("a line of binary", conf(b"view = fl\xff\xfe\0at\n"), RULES, EN + ":1", "view"),
    Fault("longer than 64 KiB", conf("# " + "x" * 70000 + "\nview = tree\n"), RULES, EN, "64 KiB"),
    Fault("UTF-16, little-endian", conf(TEXT.encode("utf-16")), RULES, EN, "UTF-16", "UTF-8"),
    Fault("UTF-16, big-endian", conf(b"\xfe\xff" + TEXT.encode("utf-16-be")), RULES, EN, "UTF-16", "UTF-8"),
    Fault("UTF-16 without a mark", conf(TEXT.encode("utf-16-le")), RULES, EN, "UTF-16", "UTF-8"),
    Fault("UTF-16, told by rules lint", conf(TEXT.encode("utf-16")), RULES, EN, "UTF-16", look=lint),
    Fault("UTF-16, told by list", conf(TEXT.encode("utf-16")), RULES, EN, "UTF-16", look=listed),
    Fault("CR alone", conf(TEXT.replace("\n", "\r")), RULES, EN, "CR alone"),
    Fault("isopod.conf.txt", conf(TEXT, "/isopod.conf.txt"), RULES, "/isopod.conf.txt", "not read", "move"),
    Fault("isopod.conf.txt, told by list", conf(TEXT, "/isopod.conf.txt"), RULES, "/isopod.conf.txt", "not read", look=listed),
    Fault("isopod.cfg", conf(TEXT, "/isopod.cfg"), RULES, "/isopod.cfg", "not read", "move"),
    Fault("in another folder", conf(TEXT, "/images/isopod.conf"), RULES, "/images/isopod.conf", "not read", "move"),
    Fault("on the ESP", on_esp("isopod.conf"), RULES, "isopod.conf", "on the ESP", "move"),
    Fault("on the ESP, in ISOPOD", on_esp("ISOPOD/isopod.conf"), RULES, "ISOPOD/isopod.conf", "on the ESP", "move"),
    Fault("a folder of this name", conf("x", "/isopod.conf/x"), RULES, EN, "folder"),
]

SOUND = [
    Sound("a configuration", conf(TEXT)),
    Sound("CR LF", conf(TEXT.replace("\n", "\r\n"))),
    Sound("UTF-8 with a mark", conf(b"\xef\xbb\xbf" + TEXT.encode())),
    Sound("Isopod.Conf", conf(TEXT, "/Isopod.Conf")),
    Sound("empty", conf("")),
    Sound("one line without an end", conf("view = flat")),
]

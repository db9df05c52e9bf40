#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A command that fails with --json prints one object that says why, and nothing else; its parts are those of the line on stderr."""
import json, os, random, subprocess

from cli_common import B, isopod, make_data, must, workdir
from common import check, finish


def error_of(r, what):
    try:
        doc = json.loads(r.out)
    except ValueError as e:
        check(False, "%s: not one JSON document (%s): %r" % (what, e, r.out[:200]))
        return {}
    e = doc.get("error", {}) if isinstance(doc, dict) else {}
    check(isinstance(doc, dict) and list(doc) == ["error"] and sorted(e) == ["cause", "hint", "path", "status", "what"],
          "%s: %r" % (what, doc))
    return e


def fails(rc, *args, **kw):
    r = isopod(*args, **kw)
    what = " ".join(args)
    check(r.rc == rc, "%s: status %d, not %d: %s" % (what, r.rc, rc, r.err))
    e = error_of(r, what)
    check(e.get("status") == rc, "%s: says status %r" % (what, e.get("status")))
    line = next((l for l in r.err.splitlines() if l.startswith("isopod: ")), "")
    for part in ("path", "what", "cause", "hint"):
        check(e.get(part) is None or (e[part] and e[part] in line), "%s: %s %r is not in %r" % (what, part, e.get(part), line))
    check(e.get("what"), "%s: what failed" % what)
    return e


def sound(*args):
    r = isopod(*args)
    check(r.rc in (0, 1) and "error" not in json.loads(r.out), "%s: %d %r" % (args, r.rc, r.out[:200]))


REPORTS = [("list",), ("plan",), ("doctor",), ("trace",), ("rules", "lint"), ("rules", "show"), ("disk", "info"), ("disk", "check"),
           ("disk", "map"), ("layer", "list"), ("layer", "check")]


def main():
    make_data("data", 1)
    must("create", "stick.img", "--size", "96M")
    with open("noise.img", "wb") as f:
        f.write(random.Random(1).randbytes(1 << 20))
    os.mkdir("empty")
    for cmd in REPORTS:
        e = fails(3, *cmd, "missing", "--json")
        check(e.get("path") == "missing" and e.get("cause") == "No such file or directory", "%s: parts %r" % (cmd, e))
        if cmd != ("doctor",):  # alone it looks at this machine
            fails(2, *cmd, "--json")
        fails(2, *cmd, "missing", "--json", "--no-such-option")
        fails(2, *cmd, "--jso", "--no-such-option")
    for cmd in (("list",), ("trace",)):
        e = fails(3, *cmd, "noise.img", "--json")
        check(e.get("path") == "noise.img" and e.get("hint"), "%s: parts %r" % (cmd, e))
    for cmd in (("layer", "list"), ("layer", "check")):
        fails(3, *cmd, "empty", "--json")
    # a store whose index is damaged
    must("layer", "create", "store", "--size", "4M")
    with open("store/index.pod" if os.path.exists("store/index.pod") else
              os.path.join("store", next(n for n in os.listdir("store") if not n.endswith(".vhdx"))), "r+b") as f:
        f.truncate(100)
    fails(3, "layer", "list", "store", "--json")
    fails(3, "layer", "check", "store", "--json")
    # parts are found in every language
    zh = dict(LC_ALL="", LANG="C.UTF-8", LANGUAGE="zh_CN", LC_MESSAGES="zh_CN.UTF-8", ISOPOD_LOCALEDIR=os.path.join(B, "locale"))
    e = fails(3, "trace", "noise.img", "--json", env=zh)
    check(e.get("path") == "noise.img" and e.get("hint"), "in Chinese: %r" % e)
    # names cannot break the object
    fails(3, "list", "no\n\x1b[2J\"x\\", "--json")
    # what is a report stays one
    sound("list", "stick.img", "--json")
    sound("plan", "noise.img", "--json")
    sound("disk", "info", "noise.img", "--json")
    sound("trace", "stick.img", "--json")
    with open("/dev/full", "w") as full:
        r = isopod("list", "stick.img", "--json")
        check(r.rc == 0, "list")
        p = subprocess.run([os.path.join(B, "isopod"), "list", "stick.img", "--json"], stdout=full, stderr=subprocess.PIPE, encoding="utf-8")
        check(p.returncode == 3 and "cannot write the report" in p.stderr, "a report that cannot be written: %d %r" % (p.returncode, p.stderr))


with workdir():
    main()
finish()

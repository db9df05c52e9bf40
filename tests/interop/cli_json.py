#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A command that fails with --json prints one object that says why, and nothing else; its parts are those of the line on stderr."""
import fcntl, json, os, random, subprocess

from cli_common import B, isopod, make_data, must, workdir
from common import check, finish


def error_of(r, what):
    try:
        doc = json.loads(r.out)
    except ValueError as e:
        check(False, "%s: not one JSON document (%s): %r" % (what, e, r.out[:200]))
        return {}
    e = doc.get("error", {}) if isinstance(doc, dict) else {}
    check(isinstance(doc, dict) and list(doc) == ["error"] and sorted(e) == ["cause", "errno", "hint", "path", "status", "what"],
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


def put(path, data):
    if os.path.exists(path):
        os.chmod(path, 0o644)
    with open(path, "wb") as f:
        f.write(data)


def get(path):
    with open(path, "rb") as f:
        return f.read()


def stores():
    """Each way in which a layer store can be damaged: the report, or the reason why there is none."""
    must("layer", "create", "damaged", "--size", "8M")
    must("layer", "snapshot", "damaged", "one")
    index, noise = "damaged/isopod-layers.idx", random.Random(2).randbytes(1 << 20)
    layers = {l["name"]: l for l in json.loads(must("layer", "list", "damaged", "--json").out)["layers"]}
    current = [l for l in layers.values() if l["current"]][0]
    good = get(index)
    for what, data in (("empty", b""), ("cut", good[:1000]), ("noise", 2 * noise), ("zeros", bytes(len(good)))):
        put(index, data)
        for cmd in (("list", "damaged"), ("check", "damaged"), ("diff", "damaged", "one")):
            if what != "cut":
                e = fails(3, "layer", *cmd, "--json")
                check(e["path"] == "damaged" and "index" in e["what"] and "--repair" in e["hint"], "index %s: %r" % (what, e))
    os.unlink(index)
    for cmd in (("list", "damaged"), ("check", "damaged"), ("diff", "damaged", "one")):
        e = fails(3, "layer", *cmd, "--json")
        check(e["path"] == "damaged" and "not a layer store" in e["what"] and e["hint"], "no index: %r" % e)
    put(index, good)
    for name in ("base", "one", current["name"]):
        path = os.path.join("damaged", layers[name]["file"])
        raw = get(path)
        for what, data in (("missing", None), ("empty", b""), ("cut", raw[:70000]), ("noise", noise)):
            os.unlink(path)
            if data is not None:
                put(path, data)
            r = isopod("layer", "check", "damaged", "--json")
            doc = json.loads(r.out)
            check(r.rc == 1 and doc["faults"] > 0 and len(doc["findings"]) >= doc["faults"], "%s is %s: check: %d %r" % (name, what, r.rc, doc))
            sound("layer", "list", "damaged", "--json")
            fails(3, "layer", "diff", "damaged", "base", "--json")
            put(path, raw)
    r = isopod("layer", "check", "damaged", "--json")
    check(r.rc == 0 and json.loads(r.out)["faults"] == 0, "all is back: %r" % r.out)
    fails(3, "layer", "diff", "damaged", "nobody", "--json")
    for cmd in ("commit", "snapshot", "flatten", "path"):
        fails(2, "layer", cmd, "damaged", "--json")
    # somebody else has it
    with open(index, "r+b") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        e = fails(3, "layer", "check", "damaged", "--hash", "--json")
        check(e["path"] == index and e["hint"], "locked: %r" % e)
    # a limit is no damage
    os.mkdir("many")
    for i in range(1, 4098):
        put("many/x.%08x.vhdx" % i, b"")
    e = fails(3, "layer", "check", "many", "--repair", "--json")
    check("limit" in e["what"] and "damage" not in e["what"], "a limit: %r" % e)


def main():
    make_data("data", 1)
    must("create", "stick.img", "--size", "96M")
    with open("noise.img", "wb") as f:
        f.write(random.Random(1).randbytes(1 << 20))
    os.mkdir("empty")
    for cmd in REPORTS:
        e = fails(3, *cmd, "missing", "--json")
        check(e.get("path") == "missing" and e.get("cause") == "No such file or directory" and e.get("errno") == "ENOENT", "%s: parts %r" % (cmd, e))
        if cmd != ("doctor",):  # alone it looks at this machine
            fails(2, *cmd, "--json")
        fails(2, *cmd, "missing", "--json", "--no-such-option")
        fails(2, *cmd, "--jso", "--no-such-option")
    for cmd in (("list",), ("trace",)):
        e = fails(3, *cmd, "noise.img", "--json")
        check(e.get("path") == "noise.img" and e.get("hint") and "errno" in e and e["errno"] is None, "%s: parts %r" % (cmd, e))
    for cmd in (("layer", "list"), ("layer", "check")):
        fails(3, *cmd, "empty", "--json")
    stores()
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

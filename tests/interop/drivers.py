#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod drivers: INF folders into WIMs (read back by wimlib), into the current layer of a store (by ntfscat), onto a stick (fsck.exfat)."""

from common import sbin
from cli_common import *
from windows_common import imagex, make_wim, properties

SCRIPT = "/Windows/Setup/Scripts/SetupComplete.cmd"


def driver(folder, names=("a.inf", "a.sys", "a.cat", "sub/B.INF"), seed=1):
    for i, name in enumerate(names):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        noise(path, 5000 * i + 100, seed + i)
    return folder


def same(folder, other, what):
    """Every file of a folder lies in the other as well, and is the same."""
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            there = os.path.join(other, os.path.relpath(path, folder))
            check(os.path.exists(there) and open(there, "rb").read() == open(path, "rb").read(), "%s: %s" % (what, there))


def listed(target, *args):
    return json.loads(must("drivers", "list", target, "--json", *args).out)


def extracted(wim, image):
    shutil.rmtree("out", ignore_errors=True)
    imagex("apply", wim, image, "out", "--no-acls")
    return "out"


def test_installed():
    equal(listed("install.wim", "--edition", "1")["inf"], [], "nothing yet")
    r = must("drivers", "add", "install.wim", "acme", "tools/other", "--edition", "1")
    check("3 driver files" in r.out and "first start" in r.out and not r.err, "says how far: %r" % (r,))
    imagex("verify", "install.wim")
    out = extracted("install.wim", 1)
    same("acme", out + "/Windows/Isopod/Drivers/acme", "WIM")
    same("tools/other", out + "/Windows/Isopod/Drivers/other", "WIM")
    script = open(out + SCRIPT).read()
    check('pnputil /add-driver "%WINDIR%\\Isopod\\Drivers\\*.inf" /subdirs /install' in script, "script: " + script)
    same("tree", out, "the rest of the image")
    equal(listed("install.wim", "--edition", "1"), {"target": "install.wim", "kind": "installed", "inf": sorted(
        ["acme/a.inf", "acme/sub/B.INF", "other/x.inf"])}, "list")
    equal(listed("install.wim", "--edition", "2")["inf"], [], "the other edition has none")
    noise("acme/a.sys", 7777, 9)
    must("drivers", "add", "install.wim", "acme", "--edition", "1")
    same("acme", extracted("install.wim", 1) + "/Windows/Isopod/Drivers/acme", "added once more")
    equal(len(listed("install.wim", "--edition", "1")["inf"]), 3, "no doubles")
    with open("own.cmd", "w") as f:
        f.write("echo mine\r\n")
    imagex("update", "install.wim", "2", "--command=add own.cmd " + SCRIPT)
    before = sha256("install.wim")
    one_line(isopod("drivers", "add", "install.wim", "acme", "--edition", "2"), 3, "a script of its own", "SetupComplete.cmd", "stays")
    equal(sha256("install.wim"), before, "nothing was changed")


def test_pe():
    imagex("capture", "tree", "boot.wim", "Microsoft Windows PE (x64)", "--boot", "--compress=XPRESS", *properties("PE", "WindowsPE"))
    r = must("drivers", "add", "boot.wim", "acme")
    check("helper" in r.out and "unsigned" in r.out, "says how far: %r" % r.out)
    out = extracted("boot.wim", 1)
    same("acme", out + "/Windows/System32/isopod/drivers/acme", "PE")
    same("acme", out + "/$WinPEDriver$/acme", "PE, for Setup")
    check(not os.path.exists(out + SCRIPT), "no script in PE")
    check("Boot Index:     1" in imagex("info", "boot.wim"), "still the one that boots")
    equal(listed("boot.wim")["kind"], "pe", "kind")


def test_store():
    must("togo", "create", "install.wim", "win", "--edition", "1", "--size", "448M")
    shutil.rmtree("tools/late", ignore_errors=True)
    driver("tools/late", ("late.inf", "late.cat"))
    equal(listed("win")["inf"], sorted(["acme/a.inf", "acme/sub/B.INF", "other/x.inf"]), "those of the WIM")
    must("layer", "snapshot", "win", "before")
    must("drivers", "add", "win", "tools/late")
    must("layer", "check", "win")
    must("layer", "export", "win", "disk.img", "--format", "raw")
    start = json.loads(run("sfdisk", "--json", "disk.img").stdout)["partitiontable"]["partitions"][2]
    cut_out("disk.img", start["start"] * 512, start["size"] * 512, "windows.img")
    check(run("ntfsfix", "-n", "windows.img").returncode == 0, "ntfsfix")
    r = subprocess.run(["ntfscat", "-f", "windows.img", "/Windows/Isopod/Drivers/late/late.inf"], stdout=subprocess.PIPE)
    equal(r.stdout, open("tools/late/late.inf", "rb").read(), "in the layer")
    equal(len(listed("win")["inf"]), 4, "list")
    check("/Windows/Isopod/Drivers/late/late.inf" in must("layer", "diff", "win", "before", "--json").out, "diff tells")
    must("layer", "rollback", "win")
    equal(len(listed("win")["inf"]), 3, "rolled back")


def test_stick():
    must("create", "stick.img", "--size", "100M", "--uuid-seed", "01")
    equal(listed("stick.img"), {"target": "stick.img", "kind": "stick", "inf": []}, "a new stick")
    must("drivers", "add", "stick.img", "acme", "tools/other")
    equal(sorted(listed("stick.img")["inf"]), sorted(["acme/a.inf", "acme/sub/B.INF", "other/x.inf"]), "list")
    fsck("stick.img", "stick with drivers")


def test_refusals():
    os.makedirs("nothing/acme")
    noise("nothing/readme.txt", 10)
    driver("nosign", ("n.inf",))
    noise("noise", 5000)
    one_line(isopod("drivers", "add", "install.wim", "nothing", "--edition", "1"), 3, "no INF", "no INF file")
    one_line(isopod("drivers", "add", "install.wim", "missing", "--edition", "1"), 3, "no folder", "missing")
    driver("nothing/acme")
    one_line(isopod("drivers", "add", "install.wim", "acme", "nothing/acme", "--edition", "1"), 3, "twice", "rename one")
    one_line(isopod("drivers", "add", "noise", "acme"), 3, "nothing known", "neither a WIM")
    one_line(isopod("drivers", "add", "install.wim", "acme"), 3, "which edition", "--edition")
    one_line(isopod("drivers", "list"), 2, "no target", "one target")
    one_line(isopod("drivers", "add", "nothing", "acme"), 3, "a folder that is no store", "not a layer store")
    r = must("drivers", "add", "boot.wim", "nosign")
    check("no catalogue" in r.err, "an unsigned driver is warned of: %r" % r.err)
    data = open("install.wim", "rb").read()
    with open("cut.wim", "wb") as f:
        f.write(data[:len(data) // 2])
    one_line(isopod("drivers", "add", "cut.wim", "acme", "--edition", "1"), 3, "half a WIM", "cut.wim")
    equal(sha256("cut.wim"), __import__("hashlib").sha256(data[:len(data) // 2]).hexdigest(), "which stays as it is")


sbin()
with workdir():
    make_data("data", 1)
    make_wim("install.wim", files=12)
    driver("acme")
    driver("tools/other", ("x.inf", "x.cat"), seed=20)
    test_installed()
    test_pe()
    test_store()
    test_stick()
    test_refusals()
finish()

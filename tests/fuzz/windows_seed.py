#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Small media of Windows: ISOs with WIMs in them whose SYSTEM names a program (Joliet, UDF, Rock Ridge), and stores that start them, without
their first 32 KiB; bare WIMs, compressed in each way, and one with two images; CDs with two WIMs, one of which has two names. The two fault
counters are appended."""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))
import windows_media  # noqa: E402
from bcds import starting  # noqa: E402
from hives import Key, hive, text  # noqa: E402

out = pathlib.Path(sys.argv[1]).resolve()
windows_media.FILES = {path: min(size, 600) for path, size in windows_media.FILES.items() if "install" not in path}


def put(name, data):
    (out / name).write_bytes(data + b"\0\0\0\0")


def small(tree):
    """What is large in it is for other tests."""
    for p in pathlib.Path(tree).rglob("*"):
        if p.is_file() and p.stat().st_size > 800 and p.name != "SYSTEM":
            p.write_bytes(p.read_bytes()[:800])


def system_hive(tree, command):
    p = pathlib.Path(tree) / "Windows/System32/config/SYSTEM"
    p.parent.mkdir(parents=True, exist_ok=True)
    p.write_bytes(hive(Key("ROOT", [], [Key("Setup", [("CmdLine", 1, text(command))])]), 3, "lf"))


def small_wim(name, to, *options, boot=True):
    windows_media.pe_tree(name, boot=boot)
    small(name)
    system_hive(name, "winpeshl.exe")
    pathlib.Path(to).parent.mkdir(parents=True, exist_ok=True)
    windows_media.wim(name, to, *options)


with tempfile.TemporaryDirectory(prefix="isopod-seed.") as d:
    os.chdir(d)
    for name, more in (("lzx", ["--compress=LZX", "--boot"]), ("xpress", ["--compress=XPRESS"]), ("none", ["--compress=none", "--boot"])):
        windows_media.pe_tree("pe-" + name, dvd=name != "none")
        small("pe-" + name)
        windows_media.wim("pe-" + name, name + ".wim", *more)
        put(name, pathlib.Path(name + ".wim").read_bytes())
    small_wim("one", "two.wim", "--compress=none")
    windows_media.second_image("one", "two.wim", "two")
    put("two", pathlib.Path("two.wim").read_bytes())
    stores = {"joliet": starting(["\\sources\\boot.wim", "\\boot\\two.wim", "\\not\\there.wim"]),
              "udf": starting(["\\pe\\other.wim"], "\\pe\\its.sdi"), "rock": None}
    for name, options in (("joliet", ["-no-pad", "-J"]), ("udf", ["-no-pad", "-udf"]), ("rock", ["-no-pad", "-R"])):
        windows_media.tree(name, {"efi/microsoft/boot/bcd": stores[name], "boot/bcd": stores[name]})
        small_wim("pe-in-" + name, name + "/sources/boot.wim", "--boot", "--compress=none", boot=name == "rock")
        if name == "joliet":
            small_wim("pe-two", "joliet/boot/two.wim", "--compress=none", boot=False)
        if name == "udf":
            pathlib.Path("udf/pe").mkdir()
            os.rename("udf/sources/boot.wim", "udf/pe/other.wim")
        windows_media.iso(name, name + ".iso", *options)
        put(name, pathlib.Path(name + ".iso").read_bytes()[32768:])
    windows_media.pe_tree("pe-cd", boot=False)
    small("pe-cd")
    os.makedirs("cd/a/b")
    os.makedirs("cd/sources")
    for path, compress in (("cd/a/b/one.wim", "none"), ("cd/sources/two.wim", "LZX")):
        windows_media.wim("pe-cd", path, "--boot", "--compress=" + compress)
    os.link("cd/a/b/one.wim", "cd/again.wim")
    for name, options in (("cd-joliet", ["-no-pad", "-J", "-R"]), ("cd-udf", ["-no-pad", "-udf", "-J"])):
        windows_media.iso("cd", name + ".iso", *options)
        put(name, pathlib.Path(name + ".iso").read_bytes()[32768:])

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Small media of Windows: ISOs with a WIM in them whose SYSTEM names a program (Joliet, UDF), without their first 32 KiB, and bare WIMs,
compressed in each way; the two fault counters are appended."""
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))
import windows_media  # noqa: E402

out = pathlib.Path(sys.argv[1]).resolve()
windows_media.FILES = {path: min(size, 600) for path, size in windows_media.FILES.items() if "install" not in path}


def put(name, data):
    (out / name).write_bytes(data + b"\0\0\0\0")


def small(tree):
    """What is large in it is for other tests."""
    for p in pathlib.Path(tree).rglob("*"):
        if p.is_file() and p.stat().st_size > 800 and p.name != "SYSTEM":
            p.write_bytes(p.read_bytes()[:800])


with tempfile.TemporaryDirectory(prefix="isopod-seed.") as d:
    os.chdir(d)
    for name, more in (("lzx", ["--compress=LZX", "--boot"]), ("xpress", ["--compress=XPRESS"]), ("none", ["--compress=none", "--boot"])):
        windows_media.pe_tree("pe-" + name, dvd=name != "none")
        small("pe-" + name)
        windows_media.wim("pe-" + name, name + ".wim", *more)
        put(name, pathlib.Path(name + ".wim").read_bytes())
    for name, options in (("joliet", ["-no-pad", "-J"]), ("udf", ["-no-pad", "-udf"]), ("rock", ["-no-pad", "-R"])):
        windows_media.tree(name)
        windows_media.pe_tree("pe", boot=name == "rock")
        small("pe")
        windows_media.wim("pe", name + "/sources/boot.wim", "--boot")
        windows_media.iso(name, name + ".iso", *options)
        put(name, pathlib.Path(name + ".iso").read_bytes()[32768:])

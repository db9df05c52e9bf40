#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds of the WIM target: small trees captured by wimlib-imagex in each form, fields of the metadata broken one by one."""
import os, pathlib, struct, subprocess, sys, tempfile

out = pathlib.Path(sys.argv[1])
CONTROL = bytes(4)


def put(name, data, control=CONTROL):
    (out / name).write_bytes(data + control)


def tree(root):
    system = root / "Windows/System32"
    system.mkdir(parents=True)
    (system / "winpeshl.exe").write_bytes(b"MZ" + bytes(1000) + b"shell")
    os.link(system / "winpeshl.exe", root / "second name")
    (system / "winload.efi").write_bytes(bytes(range(256)) * 200)
    (root / "empty").touch()
    (root / "\u9762\u00e4").write_text("unicode")
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/b/c/d").write_text("deep")
    (root / "link").symlink_to("a/b")


def run(*cmd):
    subprocess.run([str(c) for c in cmd], check=True, stdout=subprocess.DEVNULL)


with tempfile.TemporaryDirectory() as tmp:
    tmp = pathlib.Path(tmp)
    src = tmp / "src"
    src.mkdir()
    tree(src)
    whole = {}
    for name, args in (("lzx", ["--compress=LZX"]), ("xpress", ["--compress=XPRESS"]), ("raw", ["--compress=none"]),
                       ("lzms", ["--compress=LZMS"]), ("solid", ["--compress=LZMS", "--solid"]),
                       ("small", ["--compress=XPRESS", "--chunk-size=4K"])):
        wim = tmp / f"{name}.wim"
        run("wimlib-imagex", "capture", src, wim, "one", "--boot", *args)
        put(name, wim.read_bytes())
        whole[name] = wim.read_bytes()
    run("wimlib-imagex", "append", src, tmp / "lzx.wim", "two", "--image-property", "WINDOWS/ARCH=9")
    put("two", (tmp / "lzx.wim").read_bytes())
    run("wimlib-imagex", "split", tmp / "lzx.wim", tmp / "part.swm", "0.02")
    put("split", (tmp / "part.swm").read_bytes())

# The metadata of the uncompressed one lie open: every field of every entry, with what does most harm.
raw = whole["raw"]
table, = struct.unpack_from("<Q", raw, 56)
count = struct.unpack_from("<Q", raw, 64)[0] // 50
for i in range(count):
    size, off = struct.unpack_from("<QQ", raw, table + 50 * i)
    for field in (0, 7, 8, 16, 24, 30):
        for value in (0, 1, 0x7f, 0xff):
            data = bytearray(raw)
            data[table + 50 * i + field] = value
            put(f"table{i}.{field}.{value}", bytes(data))
    if size >> 56 != 2:
        continue
    size &= (1 << 56) - 1
    for at in range(off, off + size, 8):
        for value in (b"\0" * 8, b"\xff" * 8, struct.pack("<Q", 8), struct.pack("<Q", 120)):
            if at % 24 == off % 24 or value == b"\xff" * 8:
                put(f"meta{at - off}.{value[0]}", raw[:at] + value + raw[at + 8:])
for name in ("lzx", "xpress"):
    data = whole[name]
    for cut in (100, 208, len(data) // 2, len(data) - 10):
        put(f"{name}-cut{cut}", data[:cut])
    for at in range(208, len(data), 97):
        put(f"{name}-bad{at}", data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:])
    for i in range(1, 24):
        put(f"{name}-read{i}", data, struct.pack("<HH", i, 0))
        put(f"{name}-alloc{i}", data, struct.pack("<HH", 0, i))

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""FAT volumes made by mkfs.fat and filled by mtools, read by us; volumes made and filled by us, read by mtools and checked by
fsck.fat, also after an update that was cut off."""
import os
import pathlib
import random
import subprocess
import tempfile
import zlib

from common import B, check, finish, run, sbin

sbin()
os.environ["MTOOLS_SKIP_CHECK"] = "1"
os.environ["LC_ALL"] = "C.UTF-8"
rnd = random.Random(3)


def fsck(image):
    r = subprocess.run(["fsck.fat", "-n", str(image)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return r.returncode == 0, r.stdout.decode()


def ours(image):
    res, data = {}, pathlib.Path(image).read_bytes()
    for line in run(f"{B}/interop/fs", "fat", image, "ls").decode().splitlines():
        kind, path, size, crc, runs, entry = line.split("\t")
        if kind == "f":
            runs = [] if runs == "-" else [tuple(map(int, r.split("+"))) for r in runs.split(",")]
            content = b"".join(data[a:a + n] for a, n in runs)
            check(len(content) == int(size) and zlib.crc32(content) == int(crc, 16), f"{path}: runs")
            check(data[int(entry) + 28:int(entry) + 32] == int(size).to_bytes(4, "little"), f"{path}: entry's place")
            res[path] = content
        else:
            res[path] = None
    return res


def read_side(tmp, name, kib, *opts):
    image = tmp / name
    run("mkfs.fat", "-n", "VOLLABEL", "-i", "1234ABCD", *opts, "-C", image, kib)
    want = {}

    def put(path, size):
        data = rnd.randbytes(size)
        for i, _ in enumerate(path.split("/")[1:-1]):
            d = "/".join(path.split("/")[:i + 2])
            if d not in want:
                run("mmd", "-i", image, "::" + d)
                want[d] = None
        run("mcopy", "-i", image, "-", "::" + path, input=data)
        want[path] = data

    for path, size in (("/README.TXT", 5), ("/lower.txt", 700), ("/Mixed Case and spaces.text", 1), ("/empty", 0),
                       ("/EFI/BOOT/BOOTX64.EFI", 20000), ("/a/b/c/d/e.f", 9), ("/x" * 1 + "y" * 180 + ".long", 3),
                       ("/Grüße 日本語.txt", 99)):
        put(path, size)
    for i in range(60):
        put(f"/many/file number {i:03d}.dat", i * 7)
    # Holes in the free space, then a file through them: fragments.
    for i in range(0, 60, 2):
        run("mdel", "-i", image, f"::/many/file number {i:03d}.dat")
        del want[f"/many/file number {i:03d}.dat"]
    put("/fragmented.bin", 40000)
    got = ours(image)
    check(got == want, f"{name}: {sorted(set(got) ^ set(want))[:5]}")
    info = run(f"{B}/interop/fs", "any", image, "info").decode()
    check(info.startswith("fat label=VOLLABEL serial=1234abcd ") and f"total={image.stat().st_size} " in info, f"{name}: {info}")
    check(run(f"{B}/interop/fs", "fat", image, "cat", "efi/boot/bootx64.efi") == want["/EFI/BOOT/BOOTX64.EFI"],
          f"{name}: lookup folds case")


def mcopy(image, path):
    return run("mcopy", "-i", image, "::" + path, "-", status=None)


def write_side(tmp, bits, mib, sector):
    image = tmp / f"w{bits}"
    name = f"our FAT{bits}"
    image.write_bytes(b"\x5a" * (mib << 20))
    tool = f"{B}/interop/fat"
    run(tool, image, "format", bits, sector, "ISOPOD")
    ok, text = fsck(image)
    check(ok, f"{name}: empty: {text}")
    check(f"FAT{bits}" in run("blkid", "-p", image).decode(), f"{name}: blkid")
    if sector != 512:
        return
    for d in ("EFI", "EFI/BOOT", "ISOPOD"):
        run(tool, image, "mkdir", d)
    old, new = {}, {}
    for i, n in enumerate(("BOOTX64.EFI", "BOOTIA32.EFI", "BOOTAA64.EFI")):
        for gen, files in ((0, old), (1, new)):
            files[n] = rnd.randbytes(100000 + 30000 * gen + 777 * i)
            (tmp / f"{gen}{n}").write_bytes(files[n])
    (tmp / "state").write_bytes(bytes(256 << 10))

    def put(gen, status=0, stop=None):
        env = dict(os.environ)
        if stop is not None:
            env["STOP_AFTER"] = str(stop)
        return run(tool, image, "put", "EFI/BOOT", *[f"{n}={tmp}/{gen}{n}" for n in old], env=env, status=status)

    run(tool, image, "put", "ISOPOD", f"STATE.BIN={tmp}/state")
    put(0)
    ok, text = fsck(image)
    check(ok, f"{name}: filled: {text}")
    check("contains volume label" not in text, f"{name}: label: {text}")
    check(all(mcopy(image, f"/EFI/BOOT/{n}") == d for n, d in old.items()), f"{name}: mtools reads the files")
    check("ISOPOD" in run("mlabel", "-s", "-i", image, "::").decode(), f"{name}: mlabel")
    long = {"EFI/long names/" + n: rnd.randbytes(300) for n in ("bootmgfw.efi.mui", "bootmgr.efi.mui", "x.y.z", "Grüße.ttf")[:2 if bits == 32 else 4]}
    run(tool, image, "mkdir", "EFI/long names")
    for path, data in long.items():
        (tmp / "long").write_bytes(data)
        run(tool, image, "put", "EFI/long names", f"{path.split('/')[-1]}={tmp}/long")
    ok, text = fsck(image)
    check(ok, f"{name}: long names: {text}")
    check(all(mcopy(image, "/" + path) == data for path, data in long.items()), f"{name}: mtools reads what has long names")
    short = [l[:13] for l in run("mdir", "-i", image, "::/EFI/long names").decode().splitlines() if l[:12].strip() and "~" in l[:12]]
    check(len(short) == len(set(short)) == len(long), f"{name}: each has a short name of its own: {short}")
    base = image.read_bytes()
    seen = set()
    for stop in [0, 1, 200, 500, *range(778, 800), *rnd.sample(range(800), 6)]:
        image.write_bytes(base)
        env = dict(os.environ, STOP_AFTER=str(stop))
        r = subprocess.run([tool, str(image), "put", "EFI/BOOT", *[f"{n}={tmp}/1{n}" for n in old]], env=env,
                           stdout=subprocess.PIPE)
        now = {n: mcopy(image, f"/EFI/BOOT/{n}") for n in old}
        gen = 0 if now == old else 1 if now == new else None
        seen.add((gen, r.returncode))
        check(gen is not None, f"{name}: files after {stop} sectors are whole and of one generation")
        put(1)
        ok, text = fsck(image)
        check(ok, f"{name}: after the next update (cut at {stop}): {text}")
        check(all(mcopy(image, f"/EFI/BOOT/{n}") == d for n, d in new.items()), f"{name}: new files (cut at {stop})")
    check({g for g, _ in seen} == {0, 1} and 9 in {s for _, s in seen}, f"{name}: cuts before and after the switch: {seen}")


with tempfile.TemporaryDirectory() as tmp:
    tmp = pathlib.Path(tmp)
    read_side(tmp, "fat12", 1440)
    read_side(tmp, "fat12-big-sectors", 8192, "-S", "2048", "-F", "12")
    read_side(tmp, "fat16", 32768, "-F", "16")
    read_side(tmp, "fat32", 70000, "-F", "32", "-s", "1")
    write_side(tmp, 16, 64, 512)
    write_side(tmp, 32, 64, 512)
    write_side(tmp, 16, 64, 4096)
    write_side(tmp, 32, 512, 4096)
finish()

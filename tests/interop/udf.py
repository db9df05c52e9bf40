#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""UDF volumes made by genisoimage and mkudffs, listed and read by us, by 7-Zip and through their ISO 9660 side, compared; bridges that
show a README only, UDF without ISO 9660; initrds that the plan serves, read back by 7-Zip; 1,000 mutations."""
import os
import pathlib
import random
import subprocess
import tempfile
import zlib

from common import B, check, equal, finish, run, sbin
import fs_common

SECTOR = 2048
FIRST = 16 * SECTOR
GIB = 1 << 30
sbin()


def same(got, want, what):
    """Of two sets or dictionaries that differ only where they do is shown."""
    if isinstance(got, dict):
        got, want = set(got.items()), set(want.items())
    return check(got == want, f"{what}: too much {sorted(got - want)[:3]}, missing {sorted(want - got)[:3]}")


def ours(fmt, image):
    """path -> (size, crc, [(byte, length)...]) of files; set of folders"""
    files, dirs = fs_common.ours(fmt, image)
    return {path: (size, crc, () if runs == "-" else tuple(tuple(map(int, r.split("+"))) for r in runs.split(",")))
            for path, (size, crc, runs) in files.items()}, dirs


def folder(root):
    """The same of a folder on the host, without runs."""
    files, dirs = {}, set()
    for top, sub, names in os.walk(root):
        rel = "/" + os.path.relpath(top, root) if top != str(root) else ""
        dirs |= {f"{rel}/{d}" for d in sub}
        for n in names:
            data = pathlib.Path(top, n).read_bytes()
            files[f"{rel}/{n}"] = (len(data), zlib.crc32(data))
    return files, dirs


def sevenzip(image):
    """path -> size of files; set of folders; as 7-Zip lists the UDF side"""
    files, dirs = {}, set()
    out = run("7z", "l", "-slt", "-sccUTF-8", image).decode()
    check("\nType = Udf" in out, f"{image}: 7-Zip sees no UDF")
    for block in out.split("----------\n", 1)[1].split("\n\n"):
        f = dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line)
        if f.get("Folder") == "+":
            dirs.add("/" + f["Path"])
        elif "Path" in f:
            files["/" + f["Path"]] = int(f["Size"])
    return files, dirs


def genisoimage(out, src, *options, sparse=False):
    args = ["genisoimage", "-quiet", "-udf", "-input-charset", "utf-8", "-V", "UDF_LABEL", *options]
    if sparse:
        run("sh", "-c", 'out=$1; shift; "$@" | dd of="$out" bs=64k conv=sparse', "sh", out, *args, src)
    else:
        run(*args, "-o", out, src)


def compare(name, image, want, fmt="udf"):
    """A tree as it should be, its bytes where the runs say."""
    files, dirs = ours(fmt, image)
    data = pathlib.Path(image).read_bytes()
    same({p: v[:2] for p, v in files.items()}, want[0], f"{name}: files")
    same(dirs, want[1], f"{name}: folders")
    bad = [p for p, (size, crc, runs) in files.items()
           if sum(n for _, n in runs) != size or zlib.crc32(b"".join(data[a:a + n] for a, n in runs)) != crc]
    equal(bad, [], f"{name}: bytes at the runs of")


def compare_7z(name, image, want, tmp):
    files, dirs = sevenzip(image)
    same(files, {p: v[0] for p, v in want[0].items()}, f"{name}: sizes as 7-Zip lists them")
    same(dirs, want[1], f"{name}: folders as 7-Zip lists them")
    out = tmp / "7z"
    run("rm", "-rf", out)
    run("7z", "x", "-y", f"-o{out}", image)
    same(folder(out)[0], want[0], f"{name}: files as 7-Zip extracts them")


def make_tree(root):
    rnd = random.Random(11)

    def put(path, size):
        p = root / path
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(rnd.randbytes(size))

    put("efi/boot/bootx64.efi", 3000)
    put("live/initrd.img", 3 * SECTOR + 100)
    (root / "live/initrd.img").write_bytes(b"070701" + bytes(3 * SECTOR))
    kernel = bytearray(0x1000)
    kernel[0x202:0x206] = b"HdrS"
    kernel[0x206:0x208] = b"\x0f\x02"
    kernel[0x236] = 1
    (root / "live/vmlinuz").write_bytes(kernel)
    put("sources/boot.wim", 70000)
    put("empty", 0)
    put("one", 1)
    put("block", SECTOR)
    put("Datei mit Umlauten äöü ß.txt", 77)
    put("日本語ファイル файл.txt", 4097)
    put("日" * 60, 10)
    put("n" * 100 + ".a", 10)
    put("a/b/c/d/e/f/g/h/i/j/k/deep.txt", 77)
    for i in range(400):
        put(f"many/file-{i:04d}-with-a-longer-name", i)


def only_udf(image):
    """Without its ISO 9660 descriptors, the others in their place."""
    data = bytearray(image.read_bytes())
    slots = [data[FIRST + i * SECTOR:FIRST + (i + 1) * SECTOR] for i in range(16)]
    kept = [s for s in slots if s[1:6] in (b"BEA01", b"NSR02", b"NSR03", b"TEA01")]
    equal([bytes(s[1:6]) for s in kept], [b"BEA01", b"NSR02", b"TEA01"], "descriptors of the recognition sequence")
    data[FIRST:FIRST + 16 * SECTOR] = b"".join(kept).ljust(16 * SECTOR, b"\0")
    image.write_bytes(data)


def probe(image):
    out = subprocess.run([f"{B}/interop/image", str(image)], stdout=subprocess.PIPE).stdout.decode()
    return dict(line.split("=", 1) for line in out.splitlines())


def large(tmp):
    """A file of five allocation descriptors, and more than 4 GiB, which ISO 9660 cannot say in one record."""
    src = tmp / "large"
    src.mkdir()
    size = 4 * GIB + 3 * SECTOR + 7
    places = (0, 0x3FFFF800 - 2, 4 * GIB - 1, size - 4)
    with open(src / "large.bin", "wb") as f:
        f.truncate(size)
        for at in places:
            f.seek(at)
            f.write(b"%4x" % (at & 0xffff))
    image = tmp / "large.iso"
    genisoimage(image, src, "-iso-level", "3", "-allow-limited-size", sparse=True)
    equal(sevenzip(image)[0], {"/large.bin": size}, "a large file as 7-Zip lists it")
    got, _, runs = run(f"{B}/interop/fs", "udf", image, "node", "large.bin").decode().split()
    equal(int(got), size, "a large file: size")
    check(runs.endswith(f"+{size}") and "," not in runs, f"a large file: its pieces touch, and are one run: {runs}")
    with open(image, "rb") as f:
        for at in places:
            f.seek(int(runs.split("+")[0]) + at)
            equal(f.read(4), b"%4x" % (at & 0xffff), f"a large file: bytes at {at}")
    image.unlink()


def empty_volumes(tmp):
    """mkudffs has the revisions and blocks that genisoimage has not."""
    label = "Ünï 日本"
    for media, block, revision, want in (
            ("hd", 512, "1.02", ""), ("hd", 1024, "1.50", ""), ("hd", 2048, "2.01", ""), ("hd", 4096, "2.00", ""), ("dvd", 2048, "1.02", ""),
            ("cdr", 2048, "1.50", "Virtual Partition Map (VAT)"), ("cdr", 2048, "2.60", "Virtual Partition Map (VAT)"),
            ("dvdrw", 2048, "2.01", "Sparable Partition Map")):
        image = tmp / "empty.img"
        image.write_bytes(b"")
        os.truncate(image, 32 << 20)
        run("mkudffs", "--utf8", "-l", label, f"--media-type={media}", f"--udfrev={revision}", f"--blocksize={block}", image)
        r = subprocess.run([f"{B}/interop/fs", "udf", str(image), "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if want:
            equal((r.returncode, r.stderr.decode()), (1, f"{want}: not supported\n"), f"{media} {revision}")
        else:
            check(f"label={label} " in r.stdout.decode() and f"cluster={block} " in r.stdout.decode(),
                  f"{media} {revision} {block}: {r.stdout.decode()} {r.stderr.decode()}")
            found = set(ours("udf", image)[0]) | ours("udf", image)[1]
            check(found <= {"/lost+found"}, f"{media} {revision}: in an empty volume {found}")


def served(name, image, tmp, want):
    """The plan's virtual disk: the initrd with what goes around it, everything else as it was, for both readers."""
    disk, shim = tmp / "disk.iso", tmp / "shim"
    shim.write_bytes(b"\x7fELF" + bytes(996))
    out = run(f"{B}/interop/plan", image, shim, disk).decode()
    check("initrd live/initrd.img " in out, f"{name}: {out}")
    files, _ = sevenzip(disk)
    original = (src / "live/initrd.img").read_bytes()
    data = run("7z", "x", "-so", disk, "live/initrd.img")
    equal(len(data), files["/live/initrd.img"], f"{name}: length of the served initrd")
    check(data[:6] == b"070701" and data[SECTOR:SECTOR + len(original)] == original and len(data) > SECTOR + len(original),
          f"{name}: the served initrd as 7-Zip reads it")
    mine = ours("udf", disk)[0]
    equal(mine["/live/initrd.img"][:2], (len(data), zlib.crc32(data)), f"{name}: the served initrd as we read it")
    same({p: v[:2] for p, v in mine.items() if p != "/live/initrd.img"}, {p: v for p, v in want[0].items() if p != "/live/initrd.img"},
         f"{name}: the other files")
    return disk


with tempfile.TemporaryDirectory() as tmp:
    tmp = pathlib.Path(tmp)
    src = tmp / "src"
    make_tree(src)
    want = folder(src)

    both = tmp / "both.iso"
    genisoimage(both, src, "-R", "-J", "-joliet-long")
    compare("with Rock Ridge and Joliet", both, want)
    compare_7z("with Rock Ridge and Joliet", both, want, tmp)
    same({p: v for p, v in ours("udf", both)[0].items() if v[0]}, {p: v for p, v in ours("iso9660", both)[0].items() if v[0]},
          "runs of the UDF and the ISO 9660 side")
    info = run(f"{B}/interop/fs", "udf", both, "info").decode()
    check("label=UDF_LABEL " in info, f"info: {info}")
    got = probe(both)
    equal((got["kind"], got["udf"], got["label"], got["firmware"], got["truncated"]), ("iso", "1", "UDF_LABEL", "x64", "0"), "bridge")
    check(run(f"{B}/interop/fs", "tree", both, "info").startswith(b"iso9660 "), "ISO 9660 stays first where it has the files")
    plain = tmp / "plain.iso"
    genisoimage(plain, src, "-D")
    compare("UDF beside plain names", plain, want)
    disk = served("bridge", both, tmp, want)
    equal(ours("iso9660", disk)[0]["/live/initrd.img"], ours("udf", disk)[0]["/live/initrd.img"], "bridge: both trees show the served initrd")

    readme = tmp / "readme.iso"
    (src / "readme.txt").write_text("This disc contains a UDF file system.\n")
    want = folder(src)
    genisoimage(readme, src, "-D", *[o for p in src.iterdir() if p.name != "readme.txt" for o in ("-hide", p.name)])
    equal(set(ours("iso9660", readme)[0]) | ours("iso9660", readme)[1], {"/README.TXT"}, "what ISO 9660 shows")
    compare("README", readme, want, fmt="tree")
    equal((probe(readme)["udf"], probe(readme)["firmware"]), ("1", "x64"), "README: loaders are seen through UDF")
    served("README", readme, tmp, want)

    # one folder beside the README is enough
    (tmp / "small/sources").mkdir(parents=True)
    (tmp / "small/readme.txt").write_text("UDF")
    (tmp / "small/sources/boot.wim").write_text("MSWIM")
    small = tmp / "small.iso"
    genisoimage(small, tmp / "small", "-hide", "sources")
    compare("a README and a folder", small, folder(tmp / "small"), fmt="tree")

    only_udf(readme)
    compare("UDF alone", readme, want, fmt="any")
    compare_7z("UDF alone", readme, want, tmp)
    got = probe(readme)
    equal((got["kind"], got["label"], got["firmware"]), ("iso", "UDF_LABEL", "x64"), "UDF alone")
    served("UDF alone", readme, tmp, want)
    os.truncate(readme, readme.stat().st_size * 2 // 3)
    equal(probe(readme)["truncated"], "1", "UDF alone, cut off")

    large(tmp)
    empty_volumes(tmp)
    genisoimage(readme, src / "many", "-hide", "file-*")
    for image in (both, readme):
        r = subprocess.run(["timeout", "60", f"{B}/interop/udf", str(image), "7", "500"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        f = r.stdout.decode().split()
        check(r.returncode == 0 and int(f[1]) < 500 and int(f[3]) > 100, f"mutations: {r.returncode} {r.stdout} {r.stderr[-500:]}")

finish()

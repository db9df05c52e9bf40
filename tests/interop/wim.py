#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""WIM files made by wimlib-imagex, read by us; and patched by us, verified, listed and extracted by wimlib-imagex."""
import hashlib, json, os, pathlib, random, re, struct, subprocess, tempfile

from common import B, check, equal, finish, run, sbin

sbin()
TOOL = os.path.join(B, "interop/wim")


def wim(*args, status=0):
    return run(TOOL, *args, status=status).decode()


def sha1(data):
    return hashlib.sha1(data).hexdigest()


def capture(src, path, name, *more, verb="capture"):
    run("wimlib-imagex", verb, src, path, name, *more)


# --- what is in the images ------------------------------------------------------------------------------------

def make_tree(root):
    rnd = random.Random(5)
    system = root / "Windows/System32"
    system.mkdir(parents=True)
    code = b"".join(b"\x8b\xff\xe8" + (0x2000 + 77 * (i % 50) - 9 * i & 0xffffffff).to_bytes(4, "little") + b"\xc3\x90" for i in range(9000))
    (system / "winpeshl.exe").write_bytes(code)
    (system / "winpeshl.ini").write_text("[LaunchApp]\nAppPath=x\n")
    (system / "winload.efi").write_bytes(code[::-1] + rnd.randbytes(50000))
    (root / "Windows/WinSxS").mkdir()
    os.link(system / "winpeshl.exe", root / "Windows/WinSxS/winpeshl.exe")
    many = root / "many"
    many.mkdir()
    for i in range(1200):
        (many / f"{rnd.randrange(1 << 40):x}-{i}.inf").write_bytes(b"%d\n" % i * (i % 40))
    (root / "\u6f22\u5b57 \u0444\u0430\u0439\u043b \U0001f4be").write_bytes(b"names")
    (root / ("n" * 250)).write_bytes(b"long")
    (root / "empty").touch()
    (root / "empty folder").mkdir()
    (root / "a/b/c/d/e/f/g/h").mkdir(parents=True)
    (root / "a/b/c/d/e/f/g/h/deep").write_bytes(b"deep")
    words = [rnd.randbytes(rnd.randrange(2, 12)) for _ in range(500)]
    (root / "big").write_bytes(b"".join(rnd.choice(words) for _ in range(500000)))
    (root / "zeros").write_bytes(bytes(1 << 20))
    (root / "noise").write_bytes(rnd.randbytes(300001))
    (root / "chunk").write_bytes(b"x" * 32768)
    (root / "chunk and one").write_bytes(b"y" * 32769)


def of_folder(root):
    """path -> (kind, size, SHA-1)"""
    res = {}
    for p in sorted(root.rglob("*")):
        data = b"" if p.is_dir() else p.read_bytes()
        res[str(p.relative_to(root))] = ("d" if p.is_dir() else "f", len(data), sha1(data))
    return res


def of_wim(path, image):
    """The same, as we read it; what the entry says of the content has to agree."""
    res, wrong = {}, []
    for line in wim(path, "tree", image).splitlines():
        kind, name, size, read, told, _ = line.split("\t")
        res[name] = (kind, int(size), read)
        if kind == "f" and told != (read if int(size) else "0" * 40):
            wrong.append(name)
    check(not wrong, f"{path}: SHA-1 of {wrong[:3]}")
    return res


def info(path):
    return dict(line.split("=", 1) for line in wim(path, "info").splitlines())


def listing(path, image):
    return sorted(run("wimlib-imagex", "dir", path, image).decode().splitlines())


def test_reading(tmp, src):
    want = of_folder(src)
    forms = (("lzx", "LZX", 32768, []), ("xpress", "XPRESS", 32768, []), ("none", "none", 0, []),
             ("x4k", "XPRESS", 4096, ["--chunk-size=4K"]), ("lzx2m", "LZX", 1 << 21, ["--chunk-size=2M"]))
    for name, method, chunk, more in forms:
        path = tmp / f"{name}.wim"
        capture(src, path, "one", f"--compress={method}", *more)
        got = of_wim(path, 1)
        equal(len(got), len(want), name + ": number of files")
        check(got == want, f"{name}: differs: {[k for k in want if got.get(k) != want[k]][:3]}")
        equal(sorted("/" + n for n in got), [x for x in listing(path, 1) if x != "/"], name + ": names as wimlib has them")
        i = info(path)
        equal((i["compression"], int(i["chunk"])), (method, chunk), name + ": header")
        equal(i["not_bootable"], "-" if chunk in (0, 32768) else "chunk size", name + ": can a boot manager read it?")
        for file in ("big", "WINDOWS/system32/WINLOAD.EFI", "chunk and one", "empty"):
            real = next(k for k in want if k.lower() == file.lower())
            data = run(TOOL, path, "cat", 1, file)
            equal(sha1(data), want[real][2], f"{name}: {file} in uneven pieces")


def test_named(tmp, src):
    """What is not read has its name; the header is read all the same."""
    small = src / "a"
    capture(small, tmp / "lzms.wim", "x", "--compress=LZMS")
    capture(small, tmp / "solid.esd", "x", "--solid")
    capture(src, tmp / "whole.wim", "x", "--compress=XPRESS")
    run("wimlib-imagex", "split", tmp / "whole.wim", tmp / "part.swm", "1")
    for name, word, bootable in (("lzms.wim", "LZMS", "LZMS"), ("solid.esd", "LZMS", "LZMS"), ("part.swm", "split WIM", "split WIM"),
                                 ("part2.swm", "split WIM", "split WIM")):
        equal(info(tmp / name)["not_bootable"], bootable, name + ": why not")
        r = subprocess.run([TOOL, str(tmp / name), "tree", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check(r.returncode == 1 and word in r.stderr.decode(), f"{name}: {r.returncode} {r.stderr.decode()}")


def blobs(path):
    """Of each blob wimlib names: SHA-1, bytes in the file, references, is it metadata?"""
    res = []
    for text in run("wimlib-imagex", "info", path, "--blobs").decode().split("\n\n"):
        field = dict(re.findall(r"(.+?) *= (?:0x)?(\w+)", text))
        if "Hash" in field:
            res.append((field["Hash"], int(field.get("Compressed size", field.get("Uncompressed size"))), int(field["Reference Count"]),
                        "METADATA" in text))
    return res


def overhead(path):
    """Bytes of the metadata of the largest image, the blob table, the header."""
    b = blobs(path)
    return max(size for _, size, _, meta in b if meta) + 50 * len(b) + 208


def test_cost(tmp):
    """Of a file of 3 MB one KiB is wanted: one chunk, and a piece of the chunk table."""
    got, reads = map(int, wim(tmp / "lzx.wim", "cost", 1, "big").split())
    check(got <= overhead(tmp / "lzx.wim") + 2048 + 32768, f"{got} bytes read for a KiB; {overhead(tmp / 'lzx.wim')} of tables")
    check(reads <= 8, f"{reads} reads")


# --- patching -------------------------------------------------------------------------------------------------

def extract(path, image, to):
    run("wimlib-imagex", "extract", path, image, "/", f"--dest-dir={to}", "--no-acls", "--preserve-dir-structure", stderr=subprocess.DEVNULL)
    return of_folder(to)


def references(path):
    return {sha: n for sha, _, n, meta in blobs(path) if not meta}


def details(path, image):
    """What wimlib says of every entry, less where things lie and how often they are used."""
    skip = ("Offset in WIM", "Reference Count", "Compressed size", "Flags  ", "Raw ", "Solid", "Part Number")
    res, name = {}, None
    for line in run("wimlib-imagex", "dir", path, image, "--detailed").decode().splitlines():
        if line.startswith("Full Path"):
            name = line
        if name and not line.startswith(skip):
            res.setdefault(name, []).append(line.strip())
    return res


def test_patch(tmp, src, method):
    other = tmp / "other"
    other.mkdir(exist_ok=True)
    (other / "in the first image").write_bytes(b"first")
    path, out = tmp / f"p-{method}.wim", tmp / f"q-{method}.wim"
    capture(other, path, "first", f"--compress={method}", "--check")
    capture(src, path, "second", "--boot", "--check", verb="append")
    noise = random.Random(11)
    helper, answer, record = noise.randbytes(5000), b"<unattend/>", noise.randbytes(70001)
    for name, data in (("helper", helper), ("answer", answer), ("record", record)):
        (tmp / name).write_bytes(data)
    exe = "Windows/System32/winpeshl.exe"
    changes = [f"redirect:windows/SYSTEM32/winpeshl.exe:{tmp}/helper", f"alias:Windows/System32/isopod/winpeshl.exe:{exe}",
               f"add:Windows/System32/isopod/handover.bin:{tmp}/record", f"add:Autounattend.xml:{tmp}/answer",
               f"add:many/new.inf:{tmp}/answer", "slice:isopod/slice:3000:50001", f"add:a/b/c/d/e/f/g/h/deeper/x:{tmp}/answer"]
    read, reads = map(int, wim(path, "patch", 2, 0, out, *changes).split())
    check(read <= overhead(path) + 16384, f"{method}: the patch read {read} bytes; the tables have {overhead(path)}")
    original, patched = path.read_bytes(), out.read_bytes()
    check(patched[208:len(original)] == original[208:], method + ": nothing moves")
    run("wimlib-imagex", "verify", out, stderr=subprocess.PIPE)
    check(True, method + ": wimlib verifies it")
    text = run("wimlib-imagex", "info", out).decode()
    check(re.search(r"Boot Index: +2\n", text) and "Integrity" not in text, method + ": boot index kept, integrity table gone")

    want = of_folder(src)
    new = {exe: helper, "Windows/System32/isopod/winpeshl.exe": (src / exe).read_bytes(),
           "Windows/System32/isopod/handover.bin": record, "Autounattend.xml": answer, "many/new.inf": answer,
           "isopod/slice": original[3000:53001], "a/b/c/d/e/f/g/h/deeper/x": answer}
    for folder in ("Windows/System32/isopod", "isopod", "a/b/c/d/e/f/g/h/deeper"):
        want[folder] = ("d", 0, sha1(b""))
    want.update({k: ("f", len(v), sha1(v)) for k, v in new.items()})
    check(extract(out, 2, tmp / f"x-{method}") == want, method + ": extracted by wimlib")
    check(of_wim(out, 2) == want, method + ": read by us")
    equal(of_wim(out, 1), of_wim(path, 1), method + ": the other image")
    before, after = details(path, 2), details(out, 2)
    changed = {k for k in before if before[k] != after.get(k)}
    # The other name of the replaced file has one link less.
    equal(changed, {f'Full Path           = "/{p}"' for p in (exe, "Windows/WinSxS/winpeshl.exe")}, method + ": other entries")
    # What wimlib counts when it writes the same content anew.
    run("wimlib-imagex", "export", out, "all", tmp / f"e-{method}.wim")
    equal(references(out), references(tmp / f"e-{method}.wim"), method + ": references")
    return out


def test_boot_index(tmp, path):
    out = tmp / "boot.wim"
    wim(path, "patch", 2, 1, out)
    check("Boot Index:     1" in run("wimlib-imagex", "info", out).decode(), "another image to boot")
    run("wimlib-imagex", "verify", out, stderr=subprocess.PIPE)


def test_streams(tmp):
    """Named streams come from NTFS: a volume in a file, filled by ntfscp."""
    volume, path, out = tmp / "ntfs.img", tmp / "streams.wim", tmp / "streams2.wim"
    with open(volume, "wb") as f:
        f.truncate(8 << 20)
    run("mkntfs", "-F", "-q", volume)
    (tmp / "main").write_bytes(b"main" * 3000)
    (tmp / "side").write_bytes(b"side" * 2000)
    (tmp / "fresh").write_bytes(b"fresh")
    run("ntfscp", "-f", volume, tmp / "main", "file")
    run("ntfscp", "-f", "-N", "stream", volume, tmp / "side", "file")
    run("wimlib-imagex", "capture", volume, path, "x", "--compress=LZX")
    equal(of_wim(path, 1)["file"], ("f", 12000, sha1(b"main" * 3000)), "streams: the unnamed one is read")
    wim(path, "patch", 1, 0, out, f"redirect:file:{tmp}/fresh")
    run("wimlib-imagex", "verify", out, stderr=subprocess.PIPE)
    text = run("wimlib-imagex", "dir", out, 1, "--path=/file", "--detailed").decode()
    hashes = re.findall(r"Hash +=\s0x(\w+)", text)
    check(sha1(b"fresh") in hashes and sha1(b"side" * 2000) in hashes and sha1(b"main" * 3000) not in hashes,
          "streams: only the unnamed one changed: " + text)
    equal(run("wimlib-imagex", "extract", out, 1, "/file", "--to-stdout", stderr=subprocess.DEVNULL), b"fresh", "streams: extracted")


def test_mutations(tmp, src):
    small = tmp / "small.wim"
    capture(src / "Windows", small, "one", "--compress=LZX")
    os.makedirs(tmp / "w/Windows/System32", exist_ok=True)
    for i in range(40):
        (tmp / f"w/Windows/System32/{i}.dll").write_bytes(b"%d" % i * 100)
    (tmp / "w/Windows/System32/winpeshl.exe").write_bytes(b"exe")
    for method in ("LZX", "none"):
        capture(tmp / "w", small, "two", "--compress=" + method)
        opened, selected, walked, patched = map(int, wim(small, "mutate", 500).split())
        check(opened > 250 and selected > 100 and walked > 50 and patched > 50,
              f"mutations of {method}: {opened} opened, {selected} selected, {walked} walked, {patched} patched")
        check(walked < 500, f"mutations of {method}: none is noticed")


# --- the command ----------------------------------------------------------------------------------------------

def isopod(*args):
    r = subprocess.run([os.path.join(B, "isopod"), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""}, timeout=60)
    return r.returncode, r.stdout.decode() + r.stderr.decode()


def doctor(path):
    """Of the check of WIMs: (level, what it found, what to do)."""
    _, out = isopod("doctor", path, "--no-machine", "--json", "--only", "image.wim")
    return [(f["level"], f["evidence"], f["fix"] or "") for f in json.loads(out)["findings"] if f["check"] == "image.wim"]


def test_command(tmp, src):
    """Names and versions as wimlib writes them into the XML data, loaders as they lie in the trees."""
    path = tmp / "names.wim"
    facts = ["--image-property=WINDOWS/ARCH=9", "--image-property=WINDOWS/EDITIONID=WindowsPE", "--image-property=WINDOWS/VERSION/MAJOR=10",
             "--image-property=WINDOWS/VERSION/MINOR=0", "--image-property=WINDOWS/VERSION/BUILD=17763",
             "--image-property=WINDOWS/VERSION/SPBUILD=253", "--image-property=DISPLAYNAME=Setup <\u6f22> & more"]
    capture(src / "a", path, "data", "--compress=LZX")
    capture(tmp / "pe", path, "pe", "--boot", *facts, verb="append")
    plan = json.loads(isopod("plan", path, "--json")[1])["wim"]
    equal((plan["compression"], plan["chunk_size"], plan["boot_index"], plan["bootmgr_refuses"]), ("LZX", 32768, 2, None), "plan: header")
    one = plan["images"][1]
    equal({k: one[k] for k in ("name", "display_name", "edition", "architecture", "build", "winload_exe", "winload_efi")},
          {"name": "pe", "display_name": "Setup <\u6f22> & more", "edition": "WindowsPE", "architecture": "x64", "build": 17763,
           "winload_exe": False, "winload_efi": True}, "plan: image 2")
    equal(plan["images"][0]["name"], "data", "plan: image 1")
    text = isopod("plan", path)[1]
    check("Setup <\u6f22> & more, x64, 10.0.17763.253, winload.efi, to be started" in text, "plan: " + text)
    found = doctor(path)
    equal([f[0] for f in found], ["good", "good"], "doctor: a sound one")
    check("image 2 of 2, LZX, to be started" in found[1][1], f"doctor: {found}")
    # The same inside of an ISO.
    (tmp / "iso/sources").mkdir(parents=True)
    os.link(path, tmp / "iso/sources/boot.wim")
    run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-o", tmp / "w.iso", tmp / "iso", stderr=subprocess.PIPE)
    equal(doctor(tmp / "w.iso"), [(level, "sources/boot.wim: " + what, *more) for level, what, *more in found], "doctor: in an ISO")

    for name, words, remedy in (("lzms.wim", "LZMS", "export"), ("lzx2m.wim", "2048 KiB", "export"), ("x4k.wim", "4 KiB", "export"),
                                ("part.swm", "part 1 of", "join")):
        found = [f for f in doctor(tmp / name) if f[0] == "problem"]
        check(len(found) == 1 and "boot manager cannot read it" in found[0][1] and words in found[0][1] and remedy in found[0][2],
              f"doctor: {name}: {found}")
    # No winload in the one to start; metadata that are damaged.
    wim(path, "patch", 1, 1, tmp / "wrong.wim")
    check(any(f[0] == "warning" and "no winload" in f[1] for f in doctor(tmp / "wrong.wim")), f"doctor: {doctor(tmp / 'wrong.wim')}")
    whole = bytearray((tmp / "none.wim").read_bytes())
    table, = struct.unpack_from("<Q", whole, 56)
    size, = struct.unpack_from("<Q", whole, 48)
    for at in range(table, table + (size & (1 << 56) - 1), 50):
        if whole[at + 7] & 2:
            meta, = struct.unpack_from("<Q", whole, at + 8)
            root = meta + (struct.unpack_from("<I", whole, meta)[0] + 7 & ~7)
            first, = struct.unpack_from("<Q", whole, root + 16)
            # The first directory in the root leads to the root's own list.
            entry = meta + first
            while not whole[entry + 8] & 0x10:
                entry += struct.unpack_from("<Q", whole, entry)[0]
            struct.pack_into("<Q", whole, entry + 16, first)
    (tmp / "loop.wim").write_bytes(whole)
    check(any(f[0] == "problem" and "contains itself" in f[1] for f in doctor(tmp / "loop.wim")), f"doctor: {doctor(tmp / 'loop.wim')}")


with tempfile.TemporaryDirectory(prefix="isopod-wim.") as tmp:
    tmp = pathlib.Path(tmp)
    src = tmp / "src"
    src.mkdir()
    make_tree(src)
    test_reading(tmp, src)
    test_named(tmp, src)
    test_cost(tmp)
    for method in ("LZX", "XPRESS", "none"):
        patched = test_patch(tmp, src, method)
    test_boot_index(tmp, patched)
    test_streams(tmp)
    test_mutations(tmp, src)
    (tmp / "pe/Windows/System32/Boot").mkdir(parents=True)
    (tmp / "pe/Windows/System32/Boot/winload.efi").write_bytes(b"MZ")
    test_command(tmp, src)
finish()

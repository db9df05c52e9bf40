#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Files packed by the tools that distributions pack initrds with: their beginning, and all of them."""
import os, random, subprocess, tempfile

from common import B, check, equal, finish

TOOL = os.path.join(B, "interop/unpack")
PACKERS = {
    "gzip -1": ["gzip", "-1n"], "gzip -9 with a name": ["gzip", "-9N"], "pigz-like, no compression": ["python3", "-c", "import sys,zlib\n"
        "c=zlib.compressobj(0,8,31)\nsys.stdout.buffer.write(c.compress(sys.stdin.buffer.read())+c.flush())"],
    "bzip2 -1": ["bzip2", "-1"], "bzip2 -9": ["bzip2", "-9"],
    "lzma": ["xz", "--format=lzma", "-9"], "lzma -0": ["xz", "--format=lzma", "-0"],
    "xz as the kernel takes it": ["xz", "--check=crc32", "--lzma2=dict=1MiB"], "xz -0": ["xz", "-0"],
    "xz for x86": ["xz", "--check=crc32", "--x86", "--lzma2=preset=6"], "xz with many threads": ["xz", "-T2", "--block-size=65536"],
    "zstd -1": ["zstd", "-q", "-1"], "zstd -19": ["zstd", "-q", "-19"], "zstd --ultra -22": ["zstd", "-q", "--ultra", "-22"],
    "zstd --fast": ["zstd", "-q", "--fast=5"], "lz4 -l": ["lz4", "-l", "-q"], "lz4 -l -9": ["lz4", "-l", "-9", "-q"],
    "lzop": ["lzop", "-q"], "lzop -9": ["lzop", "-q", "-9"], "lzop -1 without sums": ["lzop", "-q", "-1F"],
}


def archive(names, data):
    """By cpio, of files of our own: those of a machine are not on all."""
    with tempfile.TemporaryDirectory() as d:
        for name in names:
            with open(os.path.join(d, name), "wb") as f:
                f.write(name.encode() + data)
        return subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input="\n".join(names).encode(), cwd=d, stdout=subprocess.PIPE, check=True).stdout


def contents():
    r = random.Random(7)
    words = [r.randbytes(r.randrange(2, 9)) for _ in range(300)]
    yield "an archive", archive(["services", "hosts", "passwd"], b"".join(b"service-%d %d/tcp # the %dth\n" % (i, i * 7919 % 65536, i) for i in range(400)))
    yield "zeros", bytes(300000)
    yield "runs", b"".join(bytes([r.randrange(3)]) * r.randrange(1, 600) for _ in range(900))
    yield "noise", r.randbytes(200000)
    yield "words", b"".join(r.choice(words) for _ in range(60000))
    yield "one byte", b"x"
    yield "five of a kind", b"aaaaa" * 3


def unpack_all(path, most):
    p = subprocess.run([TOOL, path, "all", str(most)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said, _, used = p.stderr.decode().strip().rpartition(" ")
    return p.returncode, p.stdout, said, used


def whole(path, packed, data, what):
    """All of it, with something behind it; into less room; and cut short."""
    with open(path, "wb") as f:
        f.write(packed + b"0707 and so on")
    got = unpack_all(path, len(data) + 4096)
    if "bzip2" in what or "lzop" in what:
        equal(got, (1, b"", "not supported", "0"), what + ": these are not unpacked whole")
        return
    check(got[0] == 0 and got[1] == data and got[3] == str(len(packed)), "%s: all of it: %d bytes of %d, %s, %s of %d packed" %
          (what, len(got[1]), len(data), got[2], got[3], len(packed)))
    if len(data) > 4096:
        equal(unpack_all(path, len(data) - 1)[0::2], (1, "over a limit"), what + ": it does not fit")
    with open(path, "wb") as f:
        f.write(packed[:len(packed) * 2 // 3])
    check(unpack_all(path, len(data) + 4096)[1] != data, what + ": cut short")
    check(unpack_all(path, len(data) + 4096)[0] == 1, what + ": cut short, and says so")


def main():
    with tempfile.TemporaryDirectory() as work:
        for what, data in contents():
            plain = os.path.join(work, "plain")
            with open(plain, "wb") as f:
                f.write(data)
            for name, how in PACKERS.items():
                if "x86" in name and what in ("noise", "words"):
                    continue  # that filter changes what looks like a jump
                packed = subprocess.run(how, input=data, stdout=subprocess.PIPE, check=True).stdout
                path = os.path.join(work, "packed")
                with open(path, "wb") as f:
                    f.write(packed)
                for have, most in ((2048, 2048), (len(packed), 65536)):
                    p = subprocess.run([TOOL, path, str(have), str(most)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    out = p.stdout
                    # From 2 KiB there is always something; a match that the end cuts is left out by some.
                    least = min(len(data), 900) if have == 2048 else min(len(data), most) - 300
                    check(p.returncode == 0 and data.startswith(out) and len(out) >= max(1, least),
                          "%s by %s, %d of %d: %d bytes %s" % (what, name, have, len(packed), len(out), p.stderr.decode()[-200:]))
                whole(path, packed, data, "%s by %s" % (what, name))
        for junk in (b"plain text, and nothing else", b"\x1f\x8b\x07" + bytes(50), b"\xfd7zXZ\0" + bytes(50)):
            path = os.path.join(work, "junk")
            with open(path, "wb") as f:
                f.write(junk)
            equal(unpack_all(path, 2048)[:2], (1, b""), "nothing at all comes out of %r" % junk[:8])
            p = subprocess.run([TOOL, path, "2048", "2048"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            check(p.returncode == 1 and not p.stdout, "nothing comes out of %r" % junk[:8])
    finish()


main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod doctor --full on root images that mkfs.erofs made: sound ones of each kind, and damaged in each part."""
import random, shutil, struct

from common import sbin
from doctor_common import *

ROOT = "live/root.erofs"


def make(out, *options):
    if not os.path.isdir("src"):
        os.makedirs("src/folder")
        r = random.Random(5)
        for name, data in (("text", b"".join(b"%d\n" % i for i in range(90000))), ("folder/noise", r.randbytes(300000)), ("folder/small", b"tiny")):
            with open("src/" + name, "wb") as f:
                f.write(data)
        os.symlink("text", "src/link")
    run("mkfs.erofs", "-T0", "--quiet", *options, out, "src", check=True)
    with open(out, "rb") as f:
        return bytearray(f.read())


def look(data, *args, rc=0, **kw):
    """The findings about a medium with this erofs."""
    with open("t/" + ROOT, "wb") as f:
        f.write(data)
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", "EROFS", "-R", "-J", "-b", "boot.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-o", "e.iso",
        "t", check=True)
    return of(findings("e.iso", "--no-machine", *args, rc=rc, **kw), "image.roots")


def over(data, at, new):
    out = bytearray(data)
    out[at:at + len(new)] = new
    assert out != data
    return out


def inode(data, nid):
    return struct.unpack_from("<I", data, 1024 + 40)[0] * 4096 + nid * 32


def main():
    sbin()
    with workdir():
        shims("data")
        tree("t", squashfs=4096)
        os.unlink("t/live/filesystem.squashfs")
        packed = make("z.erofs", "-zlz4hc")
        root = inode(packed, struct.unpack_from("<H", packed, 1024 + 14)[0])
        for name, options in (("stored", ()), ("LZ4", ("-zlz4",)), ("fragments", ("-zlz4hc,9", "-Eztailpacking", "-C65536")), ("chunks", ("--chunksize=65536",))):
            expect(look(make("s.erofs", *options), "--full"), "image.roots", "good", "1, superblocks and tables")
        # the text is packed from some block on: three places in it; and what its inode says
        text = packed.index(b"0\n1\n2\n3\n")
        for what, data in (("the beginning of a packed file", over(packed, text + 40, random.Random(1).randbytes(300))),
                           ("its middle", over(packed, text + 70000, random.Random(2).randbytes(300)))):
            got = look(data, "--full", rc=1)
            expect(got, "image.roots", "problem", ROOT, "cannot be unpacked to its end")
            check(len(got) == 1, "%s: one finding: %r" % (what, got))
            check(not [f for f in look(data) if f[1] == "problem"], "%s: only --full unpacks" % what)
        # inodes without a sum: of some fsck.erofs crashes, behind its walls, and that is said
        hurt = over(over(packed, 1024 + 8, bytes(4)), root + 64, b"\xff" * 64)
        got = look(hurt, "--full", rc=None)
        check(len(got) == 1 and got[0][1] in ("problem", "warning") and ROOT in got[0][3] and "damaged" in got[0][3], "damaged inodes: %r" % got)
        # a compression that this program does not have, and a feature that it does not know
        strange = over(over(packed, 1024 + 8, bytes(4)), 1024 + 80, struct.pack("<IH", struct.unpack_from("<I", packed, 1024 + 80)[0] | 2, 0x11))
        expect(look(strange, "--full"), "image.roots", "skipped", ROOT, "does not know")
        future = over(over(packed, 1024 + 8, bytes(4)), 1024 + 80, struct.pack("<I", struct.unpack_from("<I", packed, 1024 + 80)[0] | 0x40000000))
        expect(look(future, "--full"), "image.roots", "skipped", ROOT, "does not know")
        # without the program, and without room
        expect(look(packed, "--full", env={"PATH": "/nonexistent"}), "image.roots", "skipped", ROOT, "erofs-utils")
        expect(look(packed, "--full", env={"TMPDIR": "/nonexistent"}), "image.roots", "skipped", ROOT, "temporary file")
        left = [n for n in os.listdir(os.environ.get("TMPDIR", "/tmp")) if n.startswith("isopod-doctor.")]
        check(not left, "nothing is left behind: %r" % left)
        shutil.rmtree("t")
    finish()


if __name__ == "__main__":
    main()

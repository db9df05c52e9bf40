# SPDX-License-Identifier: BSD-2-Clause
"""Seeds of the decompressors: contents of several kinds, and chunks that wimlib-imagex made of them."""
import pathlib, random, struct, subprocess, tempfile


def contents():
    rnd = random.Random(7)
    words = [bytes(rnd.randrange(97, 123) for _ in range(rnd.randrange(2, 9))) for _ in range(300)]
    code = b"".join(b"\x55\xe8" + struct.pack("<i", rnd.choice((0x1000, -40, 0x2222)) - i) + b"\x90\xc3" for i in range(0, 8000, 8))
    yield "text", b" ".join(rnd.choice(words) for _ in range(5000))[:32768]
    yield "calls", code
    yield "zeros", bytes(20000)
    yield "noise", rnd.randbytes(9000)
    yield "mixed", (code[:4000] + rnd.randbytes(300) + bytes(9000) + b"abcd" * 500)[:32768]
    yield "short", b"The quick brown fox. The quick brown fox."
    # Both halves of a chunk differ: a second block with other codes.
    yield "halves", (b" ".join(rnd.choice(words) for _ in range(4000)))[:16384] + struct.pack("<4096I", *(i * i for i in range(4096)))


def chunk_of(path, size):
    """The first chunk of the only file's resource in a WIM with one image: its blob is the first thing behind the header."""
    data = path.read_bytes()
    table, = struct.unpack_from("<Q", data, 56)
    for at in range(table, table + struct.unpack_from("<Q", data, 64)[0], 50):
        head, offset, original = struct.unpack_from("<QQQ", data, at)
        if original == size and head >> 56 == 4:
            return data[offset:offset + (head & (1 << 56) - 1)]
    return None


def write(out, name, order_min):
    out = pathlib.Path(out)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        for what, data in contents():
            (out / f"content-{what}").write_bytes(bytes([15 - order_min, 0, 0, 0]) + data)
            src = tmp / what
            src.mkdir()
            (src / "f").write_bytes(data)
            subprocess.run(["wimlib-imagex", "capture", src, tmp / f"{what}.wim", "--compress=" + name], check=True,
                           stdout=subprocess.DEVNULL)
            chunk = chunk_of(tmp / f"{what}.wim", len(data))
            if chunk:
                for cut in (0, 1, len(chunk) // 2):
                    (out / f"chunk-{what}-{cut}").write_bytes(struct.pack("<BBH", 15 - order_min, 1, len(data) - 1) +
                                                             chunk[:len(chunk) - cut])

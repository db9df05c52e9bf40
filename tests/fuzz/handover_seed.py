#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds for handover_fuzz: sound records, one run and several, with a cluster tail, with neighbours."""
import os, struct, sys

MIB = 1 << 20


def chunk(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def record(extents, image, path=b"/images/x.iso", flags=0, state=(0, 0, 0), chunks=b""):
    ext = b"".join(struct.pack("<QQ", *e) for e in extents)
    end = 0x80 + len(ext) + len(path)
    gap = -end % 8 if chunks else 0
    return struct.pack("<8sIIII16sQQIIIIQIIIIQIIII8x", b"ISOPODH2", end + gap + len(chunks), 0, flags, 0x11223344, bytes(16), MIB, 64 * MIB,
                       1, 0x55667788, 512, 0, image, len(extents), 0x80 + len(ext), len(path), 0, *state,
                       end + gap if chunks else 0, len(chunks)) + ext + path + bytes(gap) + chunks


def disk(segments, size, flags=0):
    return chunk(0x4B534944, struct.pack("<QIIII", size, 512, flags, len(segments), 0) + b"".join(struct.pack("<QQ", *s) for s in segments))


SEEDS = {
    "one": record([(2 * MIB, 3 * MIB)], 3 * MIB),
    "tail": record([(2 * MIB, 3 * MIB)], 3 * MIB - 700),
    "three": record([(2 * MIB, MIB), (5 * MIB, MIB), (9 * MIB, MIB)], 3 * MIB - 2048, flags=1),
    "neighbours": record([(2 * MIB, MIB), (3 * MIB, MIB), (9 * MIB, MIB), (10 * MIB, 4096)], 3 * MIB + 100),
    "beyond": record([(2 * MIB, MIB), (60 * MIB, 9 * MIB)], 2 * MIB),
    "recorded": record([(2 * MIB, 3 * MIB)], 3 * MIB, state=(70 * MIB, 256 << 10, 7)),
    "state inside": record([(2 * MIB, 3 * MIB)], 3 * MIB, state=(64 * MIB, 2 * MIB, 7)),
    "chunks": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=chunk(1000, b"twelve bytes") + chunk(2, b"") + chunk(3, bytes(range(40)))),
    "chunk beyond": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=chunk(1, b"8 bytes.") + struct.pack("<II", 2, 16) + bytes(8)),
    "disk": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=disk([(3 * MIB, MIB), (0, 5 * MIB), (2 * MIB, MIB)], 7 * MIB)),
    "disk written": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=chunk(1, b"x") + disk([(2 * MIB, 3 * MIB)], 3 * MIB, flags=1)),
    "disk beyond": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=disk([(2 * MIB, MIB), (64 * MIB, 2 * MIB)], 3 * MIB)),
    "disk too short": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=disk([(2 * MIB, MIB)], 2 * MIB)),
    "persist": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=chunk(16, struct.pack("<QQ", 8 * MIB, 4 * MIB))),
    "persist in the image": record([(2 * MIB, MIB), (9 * MIB, MIB)], 2 * MIB, chunks=chunk(16, struct.pack("<QQ", 6 * MIB, 4 * MIB))),
    "persist beyond": record([(2 * MIB, MIB)], MIB, chunks=chunk(16, struct.pack("<QQ", 63 * MIB, 4 * MIB))),
    "overlay": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=disk([(2 * MIB, 3 * MIB)], 3 * MIB) + chunk(17, struct.pack("<QQII", 8 * MIB, 4 * MIB, 8, 0))),
    "overlay in the image": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=chunk(17, struct.pack("<QQII", 4 * MIB, 4 * MIB, 8, 0))),
    "overlay of no sectors": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=chunk(17, struct.pack("<QQII", 8 * MIB, 4 * MIB, 0, 0))),
    "overlay of 12 sectors": record([(2 * MIB, 3 * MIB)], 3 * MIB, chunks=chunk(17, struct.pack("<QQII", 8 * MIB, 4 * MIB, 12, 0))),
    "short": record([(2 * MIB, 512)], 12, path=b""),
}
for name, data in SEEDS.items():
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)

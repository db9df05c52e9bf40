#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Deflate streams: each kind of block, long and short matches, cut short."""
import os, random, sys, zlib

r = random.Random(5)
words = b" ".join(r.choice((b"alpha", b"beta", b"gamma", b"delta")) for _ in range(800))
texts = {"empty": b"", "zeros": bytes(65536), "noise": r.randbytes(3000), "words": words, "one": b"a", "far": words + r.randbytes(30000) + words}
for name, text in texts.items():
    for level, strategy in ((0, 0), (1, 0), (9, 0), (9, 2), (9, 4)):
        for frame in (0, 1):
            c = zlib.compressobj(level, zlib.DEFLATED, 15 if frame else -15, 9, strategy)
            out = bytes([frame]) + c.compress(text) + c.flush()
            for tail, cut in (("", len(out)), ("cut", len(out) * 2 // 3), ("last", len(out) - 1)):
                with open(os.path.join(sys.argv[1], "%s-%d-%d-%d%s" % (name, level, strategy, frame, tail)), "wb") as f:
                    f.write(out[:cut])

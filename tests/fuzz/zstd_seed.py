#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Zstandard frames of libzstd: every level's way of telling literals and sequences, one window and many, cut short."""
import ctypes, os, random, sys

lib = ctypes.CDLL("libzstd.so.1")
lib.ZSTD_createCCtx.restype = ctypes.c_void_p
lib.ZSTD_compress2.restype = lib.ZSTD_CCtx_setParameter.restype = ctypes.c_size_t
LEVEL, WINDOW, STRATEGY, CONTENT_SIZE = 100, 101, 107, 200


def packed(text, level, size=1, window=0):
    c = ctypes.c_void_p(lib.ZSTD_createCCtx())
    for k, v in ((LEVEL, level), (CONTENT_SIZE, size), (WINDOW, window)):
        lib.ZSTD_CCtx_setParameter(c, k, v)
    out = ctypes.create_string_buffer(len(text) + 1000)
    n = lib.ZSTD_compress2(c, out, ctypes.c_size_t(len(out)), text, ctypes.c_size_t(len(text)))
    assert n <= len(out)
    return out.raw[:n]


r = random.Random(5)
words = b" ".join(r.choice((b"alpha", b"beta", b"gamma", b"delta", b"%d" % r.randrange(1000))) for _ in range(8000))
skewed = bytes(min(255, int(r.expovariate(0.05))) for _ in range(40000))
texts = {"empty": b"", "zeros": bytes(65536), "noise": r.randbytes(3000), "words": words, "one": b"a", "skewed": skewed, "few": b"abcabcabcabdabcabcabc" * 20,
         "far": words + r.randbytes(100000) + words, "small": words[:300], "bytes": bytes(r.choice(b"aab") for _ in range(2000))}
def put(name, data):
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)


for name, text in texts.items():
    put("text-" + name, b"\x0d" + text)
    for level in (-50, 1, 9, 19):
        for size, window in ((1, 0), (0, 0), (1, 10)):
            out = b"\0" + packed(text, level, size, window)
            for tail, cut in (("", len(out)), ("-cut", len(out) * 2 // 3), ("-last", len(out) - 1)):
                put("%s%d-%d-%d%s" % (name, level, size, window, tail), out[:cut])

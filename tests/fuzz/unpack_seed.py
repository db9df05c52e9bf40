#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Files packed in each way, and each of them cut short."""
import os, random, subprocess, sys

r = random.Random(9)
words = b" ".join(r.choice((b"alpha", b"beta", b"gamma", b"delta")) for _ in range(900))
texts = {"zeros": bytes(9000), "noise": r.randbytes(700), "words": words, "mixed": words[:700] + r.randbytes(200) + words[:3000], "runs": b"a" * 40 + b"bb" + b"c" * 300}
packers = {"gzip": ["gzip", "-n"], "bzip2": ["bzip2", "-1"], "lzma": ["xz", "--format=lzma"], "xz": ["xz", "--check=crc32"], "blocks": ["xz", "--block-size=1000", "-T2"],
           "zstd": ["zstd", "-q"], "zstd19": ["zstd", "-q", "-19"], "lz4": ["lz4", "-l", "-q"], "lzop": ["lzop", "-q"], "lzop9": ["lzop", "-q", "-9"]}
for name, text in texts.items():
    for way, how in packers.items():
        packed = subprocess.run(how, input=text, stdout=subprocess.PIPE, check=True).stdout
        for cut in (len(packed), len(packed) * 2 // 3):
            with open(os.path.join(sys.argv[1], "%s-%s-%d" % (name, way, cut)), "wb") as f:
                f.write(r.randbytes(2) + packed[:cut])

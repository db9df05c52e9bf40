#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""qcow2: both versions, backing files, extended L2 entries, each kind of cluster, clusters that are nowhere."""
import foreign_seeds as s, struct, sys

out = sys.argv[1]
for v in (2, 3):
    s.put(out, "v%d" % v, s.qcow2(version=v))
    s.put(out, "backing%d" % v, s.qcow2(version=v, backing=b"base.qcow2"))
for f in (1, 2, 4, 8, 16, 32):
    s.put(out, "feature%d" % f, s.qcow2(features=f))
s.put(out, "format", s.qcow2(backing=b"/b", extension=struct.pack(">II8s", 0xe2792aca, 3, b"raw")))
s.put(out, "extended", s.qcow2(bits=14, size=1 << 17, features=16, extended=True))
s.put(out, "large", s.qcow2(bits=12, size=1 << 50))
s.put(out, "nowhere", s.qcow2(entries=[1 << 40, 1 << 50 | 512, 1 << 62 | 1 << 50, 513 << 9, 1536, 1536]))
s.put(out, "itself", s.qcow2(entries=[0, 512, 1024, 512]))
b = bytearray(s.qcow2(features=8))
b[100:105] = struct.pack(">IB", 112, 1)
b[5 * 512 + 20:6 * 512] = bytes.fromhex("28b52ffd0000031000").ljust(492, b"z")
s.put(out, "zstd", bytes(b))

#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A map of three segments (stick, blob, zeros); the target repairs the checksum.
/usr/bin/python3 - "$1" <<'PY'
import struct, sys
segs = [(0, 4096, 512, 1), (4096, 16, 0, 2), (4112, 2032, 0, 0)]
blob = b"sixteen bytes!!!"
body = b"".join(struct.pack("<QQQII", s, l, src, k, 0) for s, l, src, k in segs)
head = struct.pack("<8sIIQQ", b"ISOPODM1", 0, len(segs), 6144, len(blob))
open(sys.argv[1] + "/three", "wb").write(head + body + blob)
PY

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds for winhandover_fuzz: sound records with and without lists, and some that contradict themselves."""
import os, struct, sys

MIB = 1 << 20


def record(image="\\images\\win.iso", program="\\Windows\\System32\\isopod\\winpeshl.exe", flags=2, drivers=(), lab=(), language=0,
           part=(MIB, 64 * MIB), state=(65 * MIB + 4096, 256 << 10, 7), esp=(65 * MIB, 64 * MIB)):
    body, at = b"", []

    def text(s):
        return s.encode("utf-16-le", "surrogatepass") + b"\0\0"
    for piece in (text(program), text("\\Windows\\System32\\winpeshl.exe"), text(image) if image else b"", b"".join(map(text, drivers)),
                  b"".join(struct.pack("<I", v) + text(n) for n, v in lab)):
        at.append(0x80 + len(body) if piece else 0)
        body += piece
    return struct.pack("<8sIIII16sQQQIIQQIHHHHIIIII8x", b"ISOPODW1", 0x80 + len(body), 0, flags, 0x11223344, bytes(range(16)), *part, *state,
                       *esp, 10000, language, len(drivers), len(lab), 0, *at) + body


SEEDS = {
    "iso": record(),
    "wim": record(image="", flags=0),
    "unrecorded": record(state=(0, 0, 0), esp=(0, 0)),
    "lists": record(drivers=["\\drivers", "\\驱动\\usb"], lab=[("BypassTPMCheck", 1), ("BypassRAMCheck", 1)], language=1, flags=15),
    "surrogates": record(image="\\\ud83d\ude00\ud800.iso"),
    "state outside": record(state=(MIB, 256 << 10, 7)),
    "esp inside": record(esp=(64 * MIB, 64 * MIB)),
    "long": record(image="\\" + "x" * 1024),
}
for name, data in SEEDS.items():
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)

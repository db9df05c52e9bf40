#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds for winhandover_fuzz: sound records with and without lists, and some that contradict themselves."""
import os, struct, sys

MIB = 1 << 20


def record(image="\3images\\win.iso", program="\2\\Windows\\System32\\isopod\\winpeshl.exe", flags=2, drivers=(), lab=(), words=31,
           part=(MIB, 64 * MIB), state=(65 * MIB + 4096, 256 << 10), boot=7, esp=(65 * MIB, 64 * MIB)):
    texts = [*("word \1 0x\4" for _ in range(words)), program, "\2\\Windows\\System32\\winpeshl.exe", image, *drivers, *(n for n, _ in lab)]
    body = b"".join(t.encode("utf-16-le", "surrogatepass") + b"\0\0" for t in texts)
    body = struct.pack("<64s32I", b"winpeshl.exe", *[v for _, v in lab] + [0] * (32 - len(lab))) + body
    return struct.pack("<8sIIII16sQQQQQQIIHH28x", b"ISOPODW2", 0x80 + len(body), 0, flags, 0x11223344, bytes(range(16)), *part, *state,
                       *esp, boot, 10000, len(drivers), len(lab)) + body


SEEDS = {
    "iso": record(),
    "wim": record(image="", flags=0),
    "unrecorded": record(state=(0, 0), boot=0, esp=(0, 0)),
    "lists": record(drivers=["\3drivers", "\3驱动\\usb"], lab=[("BypassTPMCheck", 1), ("BypassRAMCheck", 1)], flags=15),
    "surrogates": record(image="\3\ud83d\ude00\ud800.iso"),
    "state outside": record(state=(MIB, 256 << 10)),
    "esp inside": record(esp=(64 * MIB, 64 * MIB)),
    "long": record(image="\3" + "x" * 1024),
    "too few": record(words=30),
}
for name, data in SEEDS.items():
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Keys as terminals send them, as text, as UTF-8, in pieces; and strokes as UEFI tells them."""
import pathlib
import struct
import sys

out = pathlib.Path(sys.argv[1])
serial = {
    "arrows": b"\x1b[A\x1b[B\x1b[C\x1b[D\x1bOA\x1b[H\x1b[F\x1b[5~\x1b[6~\x1b[3~",
    "function": b"\x1bOP\x1bOQ\x1b[11~\x1b[15~\x1b[24~\x1b[[A\x1b[[E\x1b[1;5A",
    "text": b"debian 12\r\x7f\t\x08\n",
    "utf8": "启动 é \U0001f980".encode(),
    "utf8-wrong": b"\xc3(\xe5\x90a\xf4\x90\x80\x80\xe0\x80\x80\xed\xa0\x80\xff\x01\x80",
    "escape": b"\x1b\xff\x20\x1b\x1b\xff\x20\x1bx\x1b[\xff\x20A\x1b[99999999999999~",
}
for name, data in serial.items():
    (out / name).write_bytes(b"\0" + data)
(out / "efi").write_bytes(b"\1" + b"".join(struct.pack("<HH", s, c) for s, c in
                          [(1, 0), (2, 0), (0x17, 0), (0x0B, 0), (0x14, 0), (0, 13), (0, 0x7F), (0, 0xD800), (0, 0x542F), (99, 0)]))

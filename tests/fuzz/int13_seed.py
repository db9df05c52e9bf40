#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Requests as loaders make them: EDD reads to low, high and flat addresses, CHS reads, parameters, the El Torito calls."""
import pathlib
import struct
import sys

out = pathlib.Path(sys.argv[1])


def request(ah, al=0, drive=0, bx=0, cx=0, dh=0, es=0, ds=0x50, si=0x100, packet=b"", flags=2):
    return (struct.pack("<BBBBHHBBHHH", flags, ah, al, drive, bx, cx, dh, 0, es, ds, si) + packet.ljust(24, b"\0")).ljust(44, b"\0")


def edd(lba, count, seg, off=0, flat=None):
    return struct.pack("<BBHHHQQ", 24 if flat is not None else 16, 0, count, off if flat is None else 0xFFFF,
                       seg if flat is None else 0xFFFF, lba, flat or 0)


reads = [request(0x42, packet=edd(0, 4, 0x2000)), request(0x42, packet=edd(10, 30, 0x1FFF, 8)), request(0x44, packet=edd(3, 2, 0)),
         request(0x42, packet=edd(1, 1, 0, flat=0x30000)), request(0x42, packet=edd(0, 8, 0xFFFF, 0x10)),
         request(0x42, packet=edd(1 << 40, 1, 0x2000)), request(0x42, packet=edd(0, 100, 0xF000))]
chs = [request(0x02, 1, 1, cx=1, es=0x2000), request(0x02, 17, 1, cx=0x0101, dh=3, es=0x2000, bx=0xFF00), request(0x04, 5, 1, cx=2),
       request(0x08, drive=1), request(0x15, drive=1), request(0x41, drive=1, bx=0x55AA), request(0x03, 1, 1, cx=1)]
calls = [request(0x48, packet=struct.pack("<H", 30)), request(0x4B, 1), request(0x4D, packet=struct.pack("<BBHHH", 8, 1, 0, 0x2000, 0)),
         request(0x45, 1), request(0x46), request(0x49), request(0x4B, 0, 3), request(0x01), request(0x00)]
for machine in range(8):
    for kind in (0x30, 0x20, 0x10):
        head = bytes([machine, machine, kind | machine % 5, machine & 1])
        (out / ("reads-%d-%x" % (machine, kind))).write_bytes(head + b"".join(reads + calls))
        (out / ("chs-%d-%x" % (machine, kind))).write_bytes(head + b"".join(chs + calls))

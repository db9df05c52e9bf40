#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sessions of sound clients (the NBD project's doc/proto.md), old way and new, for an export that may be written and one that may not."""
import os
import struct
import sys


def option(number, data=b""):
    return b"IHAVEOPT" + struct.pack(">II", number, len(data)) + data


def info(name=b"", *wanted):
    return struct.pack(">I", len(name)) + name + struct.pack(">H", len(wanted)) + b"".join(struct.pack(">H", w) for w in wanted)


def contexts(number, name, *queries):
    return option(number, struct.pack(">I", len(name)) + name + struct.pack(">I", len(queries)) + b"".join(struct.pack(">I", len(q)) + q for q in queries))


def request(command, off, length, flags=0, data=b""):
    return struct.pack(">IHHQQI", 0x25609513, flags, command, 0x1122334455667788, off, length) + data


def write(name, first, *parts):
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(bytes([first]) + b"".join(parts))


FLAGS = struct.pack(">I", 3)
GO = FLAGS + option(7, info(b"disk", 3, 1, 2))
WORK = (request(0, 0, 512) + request(0, 196608 - 7, 7) + request(1, 100, 5, 1, b"hello") + request(3, 0, 0) + request(4, 4096, 4096) +
        request(6, 0, 8192, 2) + request(6, 8192, 1, 1) + request(0, 0, 196608) + request(2, 0, 0))
for n in range(4):
    write("go-%d" % n, n, GO, WORK)
    write("old-%d" % n, n, FLAGS, option(1, b"disk"), WORK)
    write("wrong-%d" % n, n, GO, request(0, 196608, 1), request(1, 196600, 100, 0, bytes(100)), request(9, 0, 0), request(0, 2**64 - 1, 2**32 - 1), request(2, 0, 0))
write("zeroes", 0, struct.pack(">I", 1), option(1))
write("options", 1, FLAGS, option(3), option(3, b"x"), option(6, info()), option(8), option(6, b"bad"), option(5, bytes(5000)), option(2))
write("options-long", 1, FLAGS, option(5, bytes(200000)), option(2))
# structured replies, block status
STATUS = (FLAGS + option(8) + contexts(9, b"disk") + contexts(9, b"disk", b"base:", b"qemu:dirty-bitmap:") + contexts(10, b"disk", b"base:allocation", b"qemu:dirty-bitmap:one"))
ASK = (request(1, 0, 9000, 0, b"x" * 9000) + request(7, 0, 196608) + request(7, 4096, 4097, 8) + request(7, 0, 0) + request(0, 5, 4096, 4) + request(0, 0, 196609) +
       request(6, 0, 4096, 16) + request(6, 100, 8192, 2) + request(6, 0, 4096, 18) + request(2, 0, 0))
for n in range(16):
    write("status-%d" % n, n, STATUS, option(7, info(b"disk", 3)), ASK)
write("status-other", 1, STATUS, option(7, info(b"again")), ASK)
write("status-old", 1, STATUS, option(1, b"disk"), ASK)
write("status-none", 1, FLAGS, contexts(10, b"disk", b"base:allocation"), option(8, b"x"), option(8), contexts(10, b"none"), contexts(9, b"disk", *[b"qemu:"] * 65),
      contexts(9, b"x" * 4090), option(7, info(b"none")), option(10, b"\0\0\0\4disk\0\0\0\2\0\0\0\1x"), option(1, b"none"))

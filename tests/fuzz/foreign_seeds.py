# SPDX-License-Identifier: BSD-2-Clause
"""Small qcow2, VMDK and VDI files, laid out here, for the targets of these formats. Four zero bytes at the end: no faults."""
import os, struct, zlib

TAIL = bytes(4)


def put(out, name, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data + TAIL)


def deflated(data):
    c = zlib.compressobj(9, zlib.DEFLATED, -12)
    return c.compress(data) + c.flush()


def qcow2(version=3, bits=9, size=16384, features=0, backing=b"", entries=None, extension=b"", extended=False):
    """Header, L1 in cluster 1, one L2 in cluster 2, data from cluster 3 on."""
    c = 1 << bits
    b = bytearray(8 * c)
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", version, 0, 0, bits, size, 0, max(1, -(-size // (c * c // (16 if extended else 8)))), c, 0, 0, 1, 0)
    if version == 3:
        head += struct.pack(">QQQII", features, 0, 0, 4, 104)
    head += extension + bytes(8)
    if backing:
        head = head[:8] + struct.pack(">QI", len(head), len(backing)) + head[20:] + backing
    b[:len(head)] = head
    struct.pack_into(">Q", b, c, 2 * c | 1 << 63)
    packed = deflated(b"packed " * (c // 7) + b"packed"[:c % 7])
    b[5 * c + 20:5 * c + 20 + len(packed)] = packed
    b[3 * c:4 * c] = b"d" * c
    shift = 62 - (bits - 8)
    ours = entries or [3 * c | 1 << 63, 1, 0, 4 * c | 1, 1 << 62 | 1 << shift | (5 * c + 20), 7 * c]
    for i, e in enumerate(ours):
        if extended:
            struct.pack_into(">QQ", b, 2 * c + 16 * i, e & ~1, 0x0000ff0000ff00ff if e >> 62 == 2 else 0xff << 32)
        else:
            struct.pack_into(">Q", b, 2 * c + 8 * i, e)
    return bytes(b)


def vdi(kind=1, blocks=8, size=4096, table=(0, 0xffffffff, 2, 0xfffffffe, 1)):
    b = bytearray(512 + 512 + 4 * 512)
    struct.pack_into("<II", b, 64, 0xbeda107f, 0x10001)
    struct.pack_into("<II", b, 72, 400, kind)
    struct.pack_into("<II", b, 340, 512, 1024)
    struct.pack_into("<I", b, 360, 512)
    struct.pack_into("<QIIII", b, 368, size, 512, 0, blocks, 3)
    for i in range(blocks):
        struct.pack_into("<I", b, 512 + 4 * i, table[i] if i < len(table) else 0xffffffff)
    b[1024:] = b"v" * (len(b) - 1024)
    return bytes(b)


TEXT = ("# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=%s\ncreateType=\"monolithicSparse\"\n%s")


def vmdk(flags=3, size=64, grain=8, text="", packed=False, footer=False):
    """Header, text in sector 1, directory 3, table 4, grains from 8 on."""
    b = bytearray(24 * 512)
    gd = (1 << 64) - 1 if footer else 3
    head = struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", 1, flags | (3 << 16 if packed else 0), size, grain, 1 if text else 0, 2 if text else 0, 512, 0, gd, 8, 0,
                       b"\n \r\n", 1 if packed else 0)
    b[:len(head)] = head
    b[512:512 + len(text)] = text.encode()
    struct.pack_into("<I", b, 3 * 512, 4)
    struct.pack_into("<IIII", b, 4 * 512, 8, 0, 16, 1)
    b[8 * 512:] = b"m" * (16 * 512)
    if packed:
        for lba, at in ((0, 8), (16, 16)):
            z = zlib.compress(b"grain of a VMDK " * (grain * 32))
            b[at * 512:at * 512 + 12 + len(z)] = struct.pack("<QI", lba, len(z)) + z
    if footer:
        real = bytearray(head.ljust(512, b"\0"))
        struct.pack_into("<Q", real, 56, 3)
        b += struct.pack("<QII", 1, 0, 3).ljust(512, b"\0") + real + bytes(512)
    return bytes(b)

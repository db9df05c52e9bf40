#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Certificate tables with one and two signatures, a certificate, a list with one, a name in UTF-16."""
import os, struct, sys, uuid

out = sys.argv[1]
RSA = "2a864886f70d0101"  # and the number of the algorithm


def put(name, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)


def der(tag, *parts):
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 0x80 else b"\x82" + struct.pack(">H", len(body))
    return bytes([tag]) + size + body


def seq(*parts):
    return der(0x30, *parts)


def oid(text):
    return der(6, bytes.fromhex(text))


def name(text, tag=0x13):
    return seq(der(0x31, seq(oid("55040a"), der(0x13, b"Moth"))), der(0x31, seq(oid("550403"), der(tag, text))))


def certificate(serial, issuer, subject, key):
    extensions = seq(seq(oid("551d0e"), der(4, der(4, key))), seq(oid("551d23"), der(1, b"\xff"), der(4, seq(der(0x80, key)))))
    return seq(seq(der(0xa0, der(2, b"\2")), der(2, serial), seq(), name(issuer), seq(), name(subject, 0x0c), seq(seq(oid(RSA + "01")), der(3, b"\0key")),
                   der(0xa3, extensions)), seq(oid(RSA + "0b")), der(3, b"\0issuer's"))


def signature(hash_oid, digest, *certificates):
    content = seq(oid("2b060104018237020104"), der(0xa0, seq(seq(), seq(seq(oid(hash_oid), der(5)), der(4, digest)))))
    attributes = der(0xa0, seq(oid("2a864886f70d010904"), der(0x31, der(4, digest))))
    signer = seq(der(2, b"\1"), seq(name(b"Moth CA"), der(2, b"\2")), seq(oid(hash_oid)), attributes, seq(oid(RSA + "01")), der(4, b"signer's"))
    data = seq(der(2, b"\1"), der(0x31), content, der(0xa0, *certificates), der(0x31, signer))
    p = seq(oid("2a864886f70d010702"), der(0xa0, data))
    return struct.pack("<IHH", len(p) + 8, 0x200, 2) + p + bytes(-len(p) % 8)


ca, leaf = certificate(b"\1", b"Moth CA", b"Moth CA", b"abcd"), certificate(b"\2", b"Moth CA", b"Moth", b"abcd")
one = signature("608648016503040201", bytes(32), ca, leaf)
put("one", one)
put("two", one + signature("2b0e03021a", bytes(20), leaf))
put("other-kind", struct.pack("<IHH", 16, 0x200, 0xef1) + bytes(8) + one)
put("certificate", leaf)
put("utf16", certificate(b"\3", b"x", "窗 Moth".encode("utf-16-be"), b"k").replace(b"\x0c\x0c", b"\x1e\x0c"))
put("list", uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le + struct.pack("<III", 28 + 16 + len(ca), 0, 16 + len(ca)) + bytes(16) + ca)
for n in range(5):  # a length whose own bytes are cut off
    put("cut-%d" % n, struct.pack("<IHH", 10 + n, 0x200, 2) + bytes([0x30, 0x84]) + bytes(n))
    put("cut-certificate-%d" % n, bytes([0x30, 0x84]) + bytes(n))

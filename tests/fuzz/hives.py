# SPDX-License-Identifier: BSD-2-Clause
"""Registry hives written by a second hand, for seeds and for other tools to begin with: a tree of keys laid out in Python.

    Key("ROOT", values=[("name", 1, data)], keys=[Key(...), ...], cls="class", link=True)
    hive(root, minor=5, lists="lh")      lists: lf, lh, li, or "ri" (leaves of two entries under an index)"""
import struct

NONE = 0xFFFFFFFF
TIME = 133485408000000000


class Key:
    def __init__(self, name, values=(), keys=(), cls="", link=False):
        self.name, self.values, self.keys, self.cls, self.link = name, list(values), list(keys), cls, link


def encode(name):
    """Bytes, and whether they are one a letter."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le"), False


def upcase(name):
    """One letter for one, as Windows has it: "ß" stays."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in name)


def name_hash(name):
    h = 0
    raw = upcase(name).encode("utf-16-le")
    for unit in struct.unpack("<%dH" % (len(raw) // 2), raw):
        h = (h * 37 + unit) & 0xFFFFFFFF
    return h


class Writer:
    def __init__(self, minor, lists):
        self.minor, self.lists, self.cells = minor, lists, bytearray(32)

    def cell(self, payload):
        at = len(self.cells)
        size = (len(payload) + 4 + 7) & ~7
        self.cells += struct.pack("<i", -size) + payload.ljust(size - 4, b"\0")
        return at

    def put(self, cell, at, data):
        self.cells[cell + 4 + at:cell + 4 + at + len(data)] = data

    def value(self, name, kind, data):
        raw, latin = encode(name)
        if len(data) <= 4:
            size, where = len(data) | 0x80000000, struct.unpack("<I", data.ljust(4, b"\0"))[0]
        elif len(data) > 16344 and self.minor >= 4:
            parts = [self.cell(data[i:i + 16344] + bytes(4)) for i in range(0, len(data), 16344)]
            size, where = len(data), self.cell(b"db" + struct.pack("<HI", len(parts), self.cell(struct.pack("<%dI" % len(parts), *parts))))
        else:
            size, where = len(data), self.cell(data)
        return self.cell(b"vk" + struct.pack("<HIIIHH", len(raw), size, where, kind, latin, 0) + raw)

    def leaf(self, kind, entries):
        if kind == "li":
            return self.cell(b"li" + struct.pack("<H", len(entries)) + b"".join(struct.pack("<I", c) for c, _ in entries))
        hint = (lambda n: struct.pack("<I", name_hash(n))) if kind == "lh" else lambda n: n.encode("latin-1", "replace")[:4].ljust(4, b"\0")
        return self.cell(kind.encode() + struct.pack("<H", len(entries)) + b"".join(struct.pack("<I", c) + hint(n) for c, n in entries))

    def key(self, key, parent, sk):
        raw, latin = encode(key.name)
        flags = (0x20 if latin else 0) | (0x10 if key.link else 0) | (0x0C if parent == NONE else 0)
        cls = key.cls.encode("utf-16-le")
        cell = self.cell(bytes(76) + raw)
        values = [self.value(*v) for v in key.values]
        listed = self.cell(struct.pack("<%dI" % len(values), *values)) if values else NONE
        if sk is None:
            sk = self.cell(b"sk" + bytes(2) + struct.pack("<IIIIBBH", 0, 0, 0, 20, 1, 0, 0x8000) + bytes(16))
            self.put(sk, 4, struct.pack("<II", sk, sk))
            self.sk, self.users = sk, 0
        self.users += 1
        children = sorted(((self.key(k, cell, sk), k.name) for k in key.keys), key=lambda c: upcase(c[1]).encode("utf-16-be"))
        sub = NONE
        if children and self.lists == "ri":
            leaves = [self.leaf("li" if i % 4 else "lh", children[i:i + 2]) for i in range(0, len(children), 2)]
            sub = self.cell(b"ri" + struct.pack("<H", len(leaves)) + struct.pack("<%dI" % len(leaves), *leaves))
        elif children:
            sub = self.leaf(self.lists, children)
        self.put(cell, 0, b"nk" + struct.pack(
            "<HQIIIIIIIIIIIIIIIHH", flags, TIME, 0, parent, len(children), 0, sub, NONE, len(values), listed, sk,
            self.cell(cls) if cls else NONE, max([2 * len(n) for _, n in children] or [0]), 0,
            max([2 * len(v[0]) for v in key.values] or [0]), max([len(v[2]) for v in key.values] or [0]), 0, len(raw), len(cls)))
        return cell


def base_block(bins, root, minor, sequence=1):
    b = b"regf" + struct.pack("<IIQIIIIIII", sequence, sequence, TIME, 1, minor, 0, 1, root, bins, 1)
    b = b.ljust(508, b"\0")
    x = 0
    for word in struct.unpack("<127I", b):
        x ^= word
    return (b + struct.pack("<I", {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(x, x))).ljust(4096, b"\0")


def hive(root, minor=5, lists="lh", sequence=1):
    w = Writer(minor, lists)
    cell = w.key(root, NONE, None)
    w.put(w.sk, 12, struct.pack("<I", w.users))
    size = (len(w.cells) + 8 + 4095) & ~4095
    free = size - len(w.cells)
    w.cells += struct.pack("<i", free) + bytes(free - 4)
    w.cells[:32] = b"hbin" + struct.pack("<II8xQI", 0, size, TIME, 0)
    return base_block(size, cell, minor, sequence) + bytes(w.cells)


def text(s):
    return (s + "\0").encode("utf-16-le")


def example(many=3):
    """Everything a hive may hold, small."""
    return Key("ROOT", [("", 1, text("default")), ("n", 4, b"\1\2\3\4"), ("leer", 3, b"")], [
        Key("Setup", [("CmdLine", 1, text("winpeshl.exe")), ("SystemSetupInProgress", 4, b"\1\0\0\0")]),
        Key("Über", [("Größe", 11, bytes(8)), ("盘", 7, text("a") + text("b") + b"\0\0")], cls="class"),
        Key("Ж盘", [("big", 3, bytes(range(256)) * 80)]),
        Key("CurrentControlSet", [("SymbolicLinkValue", 6, "\\Registry\\Machine\\System\\ControlSet001".encode("utf-16-le"))], link=True),
        Key("ControlSet001", [], [Key("Services", [], [Key("S%d" % i, [("Start", 4, b"\3\0\0\0")]) for i in range(many)])]),
    ])

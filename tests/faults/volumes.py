# SPDX-License-Identifier: BSD-2-Clause
"""Just enough of a stick's volumes to damage them on purpose."""
import struct

from case import MIB, partitions, peek, poke


class Esp:
    """The FAT16 volume of a stick."""

    def __init__(self, stick):
        self.stick = stick
        self.start, self.length, _ = partitions(stick)[1][1]
        b = peek(stick, self.start, 512)
        self.sector, self.cluster = struct.unpack_from("<H", b, 11)[0], struct.unpack_from("<H", b, 11)[0] * b[13]
        self.fat = self.start + struct.unpack_from("<H", b, 14)[0] * self.sector
        self.fat_len = struct.unpack_from("<H", b, 22)[0] * self.sector
        self.root = self.fat + b[16] * self.fat_len
        self.heap = self.root + struct.unpack_from("<H", b, 17)[0] * 32

    def place(self, cluster):
        return self.heap + (cluster - 2) * self.cluster

    def folder(self, cluster):
        """{name: place of its entry}"""
        at, length = (self.place(cluster), self.cluster) if cluster else (self.root, 512 * 32)
        out = {}
        for i in range(0, length, 32):
            e = peek(self.stick, at + i, 32)
            if e[0] == 0:
                break
            if e[0] != 0xE5 and e[11] & 0x0F != 0x0F:
                out[(e[:8].decode("latin-1").rstrip() + "." + e[8:11].decode("latin-1").rstrip()).rstrip(".")] = at + i
        return out

    def entry(self, path):
        """The place of a file's entry."""
        cluster = 0
        for name in path.split("/"):
            at = self.folder(cluster)[name]
            cluster = struct.unpack("<H", peek(self.stick, at + 26, 2))[0]
        return at

    def first(self, path):
        return struct.unpack("<H", peek(self.stick, self.entry(path) + 26, 2))[0]

    def data(self, path):
        """Where the file's bytes begin: they lie in one piece."""
        return self.place(self.first(path))

    def link(self, cluster, value, copies=2):
        for i in range(copies):
            poke(self.stick, self.fat + i * self.fat_len + 2 * cluster, struct.pack("<H", value))

    def linked(self, cluster):
        return struct.unpack("<H", peek(self.stick, self.fat + 2 * cluster, 2))[0]

    def free(self):
        """A cluster at the end that nobody uses."""
        count = (self.start + self.length - self.heap) // self.cluster
        for c in range(count, 2, -1):
            if self.linked(c) == 0:
                return c

    def options(self):
        """For mtools."""
        return "-i", "%s@@%d" % (self.stick, self.start)


class Exfat:
    """The data partition of a stick."""

    def __init__(self, stick):
        self.stick = stick
        self.start = partitions(stick)[1][0][0]
        b = peek(stick, self.start, 512)
        self.sector = 1 << b[0x6C]
        self.cluster = self.sector << b[0x6D]
        self.fat = self.start + struct.unpack_from("<I", b, 0x50)[0] * self.sector
        self.heap = self.start + struct.unpack_from("<I", b, 0x58)[0] * self.sector
        self.count = struct.unpack_from("<I", b, 0x5C)[0]
        self.root = struct.unpack_from("<I", b, 0x60)[0]

    def place(self, cluster):
        return self.heap + (cluster - 2) * self.cluster

    def entry(self, kind, number=0):
        """The place of the n-th entry of a kind in the root."""
        for i in range(0, self.cluster, 32):
            if peek(self.stick, self.place(self.root) + i, 1)[0] == kind:
                if not number:
                    return self.place(self.root) + i
                number -= 1
        raise LookupError("no entry of kind %#x" % kind)

    def bitmap(self):
        return self.place(struct.unpack("<I", peek(self.stick, self.entry(0x81) + 20, 4))[0])

    def flip(self, cluster):
        at = self.bitmap() + (cluster - 2) // 8
        poke(self.stick, at, bytes([peek(self.stick, at, 1)[0] ^ 1 << (cluster - 2) % 8]))

    def sets(self, cluster):
        """[(place of its first entry, name)] of the folder whose entries begin at a cluster."""
        at, out, i = self.place(cluster), [], 0
        while i < self.cluster:
            e = peek(self.stick, at + i, 32)
            if e[0] == 0:
                break
            if e[0] == 0x85:
                n = 1 + e[1]
                data = peek(self.stick, at + i, 32 * n)
                name = b"".join(data[k + 2:k + 32] for k in range(64, 32 * n, 32)).decode("utf-16-le").rstrip("\0")
                out.append((at + i, name))
                i += 32 * n
            else:
                i += 32
        return out

    def change(self, place, off, data):
        """Bytes of an entry set, and its checksum anew (exFAT 1.00, 6.3.3)."""
        n = 1 + peek(self.stick, place + 1, 1)[0]
        s = bytearray(peek(self.stick, place, 32 * n))
        s[off:off + len(data)] = data
        total = 0
        for i, b in enumerate(s):
            if i not in (2, 3):
                total = ((total << 15 | total >> 1) + b) & 0xFFFF
        struct.pack_into("<H", s, 2, total)
        poke(self.stick, place, bytes(s))

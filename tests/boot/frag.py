#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Changes a file on an exFAT volume in place: fragments it, as another system's copying would have left it; or grows it without
writing the new part (ValidDataLength stays), so that what comes after it lies far behind.

    frag.py STICK /path/of/file.iso PIECES
    frag.py STICK /path/of/file.bin +BYTES

Written from the exFAT file system specification (Microsoft, 2019) and independent of core/fs, so that a mistake there is not
repeated here: every second piece of the file is moved to free clusters behind the last used one, in reverse order; the file's
chain is written into the FAT, NoFatChain is cleared, the bitmap and the entry set's checksum follow. fsck.exfat is the judge.
"""

import struct
import sys

FILE, STREAM, NAME, BITMAP = 0x85, 0xC0, 0xC1, 0x81
NO_FAT_CHAIN = 0x02
END = 0xFFFFFFFF


class Volume:
    def __init__(self, f, base):
        self.f, self.base = f, base
        b = self.read(0, 512)
        if b[3:11] != b"EXFAT   ":
            raise ValueError("no exFAT volume at byte %d" % base)
        fat, self.fat_len, heap, self.clusters, self.root = struct.unpack_from("<IIIII", b, 80)
        shift = b[108]
        self.cluster_size = 1 << (shift + b[109])
        self.fat, self.heap = fat << shift, heap << shift
        self.bitmap_at = self.bitmap_len = None
        for _, e in self.entries(self.root, True):
            if e[0] == BITMAP:
                first, size = struct.unpack_from("<IQ", e, 20)
                self.bitmap_at, self.bitmap_len = self.offset(first), size
                break
        self.bitmap = bytearray(self.read(self.bitmap_at, self.bitmap_len))

    def read(self, at, n):
        self.f.seek(self.base + at)
        return self.f.read(n)

    def write(self, at, data):
        self.f.seek(self.base + at)
        self.f.write(data)

    def offset(self, cluster):
        return self.heap + (cluster - 2) * self.cluster_size

    def next(self, cluster):
        return struct.unpack("<I", self.read(self.fat + 4 * cluster, 4))[0]

    def chain(self, first, count, contiguous):
        out, c = [], first
        while (count is None or len(out) < count) and 2 <= c < self.clusters + 2:
            out.append(c)
            c = c + 1 if contiguous else self.next(c)
        return out

    def entries(self, first, chained, count=None):
        """(offset in the volume, 32 bytes) of each directory entry."""
        for c in self.chain(first, count, not chained):
            at = self.offset(c)
            data = self.read(at, self.cluster_size)
            for n in range(0, self.cluster_size, 32):
                if data[n] == 0:
                    return
                yield at + n, data[n:n + 32]

    def find(self, path):
        """The offsets and bytes of the entry set of a file."""
        first, chained, count = self.root, True, None
        parts = [p for p in path.split("/") if p]
        for depth, part in enumerate(parts):
            found = None
            current = []
            for at, e in self.entries(first, chained, count):
                if e[0] == FILE:
                    current = [(at, e)]
                elif current and e[0] in (STREAM, NAME):
                    current.append((at, e))
                    s = current[1][1]
                    if e[0] == NAME and len(current) == current[0][1][1] + 1:
                        text = b"".join(x[2:32] for _, x in current[2:]).decode("utf-16-le")[:s[3]]
                        if text.lower() == part.lower():
                            found = current
                            break
            if not found:
                raise FileNotFoundError(path)
            s = found[1][1]
            first = struct.unpack_from("<I", s, 20)[0]
            size = struct.unpack_from("<Q", s, 24)[0]
            chained = not s[1] & NO_FAT_CHAIN
            count = (size + self.cluster_size - 1) // self.cluster_size
            if depth == len(parts) - 1:
                return found, first, count, chained
        raise FileNotFoundError(path)

    def used(self, cluster):
        n = cluster - 2
        return self.bitmap[n >> 3] >> (n & 7) & 1

    def set_used(self, cluster, on):
        n = cluster - 2
        if on:
            self.bitmap[n >> 3] |= 1 << (n & 7)
        else:
            self.bitmap[n >> 3] &= ~(1 << (n & 7)) & 0xFF


    def write_set(self, entries, data):
        struct.pack_into("<H", data[0], 2, checksum([bytes(e) for e in data]))
        for (at, _), e in zip(entries, data):
            self.write(at, bytes(e))


def checksum(entries):
    """Exfat 6.3.3: over all bytes of the set but the checksum field itself."""
    s = 0
    for n, b in enumerate(b"".join(entries)):
        if n not in (2, 3):
            s = ((s >> 1) | (s << 15)) + b & 0xFFFF
    return s


def data_partition(f):
    f.seek(0)
    mbr = f.read(1024)
    if mbr[450] == 0xEE:
        f.seek(1024)
        entry = f.read(128)
        return struct.unpack_from("<Q", entry, 32)[0] * 512
    return struct.unpack_from("<I", mbr, 454)[0] * 512


def fragment(stick, path, pieces):
    with open(stick, "r+b") as f:
        v = Volume(f, data_partition(f))
        entries, first, count, chained = v.find(path)
        old = v.chain(first, count, not chained)
        step = max(1, len(old) // pieces)
        runs = [old[n:n + step] for n in range(0, len(old), step)]
        moving = [n for n in range(1, len(runs), 2)]
        last = max(n for n in range(2, v.clusters + 2) if v.used(n))
        free = last + 1
        for n in reversed(moving):
            run = runs[n]
            new = list(range(free, free + len(run)))
            if new[-1] >= v.clusters + 2:
                raise ValueError("no room to fragment")
            for a, b in zip(run, new):
                v.write(v.offset(b), v.read(v.offset(a), v.cluster_size))
                v.set_used(a, False)
                v.set_used(b, True)
            free += len(run) + 3
            runs[n] = new
        chain = [c for run in runs for c in run]
        for a, b in zip(chain, chain[1:] + [END]):
            v.write(v.fat + 4 * a, struct.pack("<I", b))
        v.write(v.bitmap_at, bytes(v.bitmap))
        data = [bytearray(e) for _, e in entries]
        data[1][1] &= ~NO_FAT_CHAIN & 0xFF
        struct.pack_into("<I", data[1], 20, chain[0])
        v.write_set(entries, data)
        return len([1 for a, b in zip(chain, chain[1:]) if b != a + 1]) + 1


def grow(stick, path, size):
    """The file moves behind everything else, contiguous, and gets `size` bytes."""
    with open(stick, "r+b") as f:
        v = Volume(f, data_partition(f))
        entries, first, count, chained = v.find(path)
        old = v.chain(first, count, not chained)
        new = 1 + max(n for n in range(2, v.clusters + 2) if v.used(n))
        want = (size + v.cluster_size - 1) // v.cluster_size
        if new + want > v.clusters + 2 or want < len(old):
            raise ValueError("no room to grow")
        for n, c in enumerate(old):
            v.write(v.offset(new + n), v.read(v.offset(c), v.cluster_size))
            v.set_used(c, False)
        for c in range(new, new + want):
            v.set_used(c, True)
        v.write(v.bitmap_at, bytes(v.bitmap))
        data = [bytearray(e) for _, e in entries]
        data[1][1] |= NO_FAT_CHAIN
        struct.pack_into("<I", data[1], 20, new)
        struct.pack_into("<Q", data[1], 24, size)
        v.write_set(entries, data)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    if sys.argv[3].startswith("+"):
        grow(sys.argv[1], sys.argv[2], int(sys.argv[3][1:]))
        sys.exit(0)
    print("%d extents" % fragment(sys.argv[1], sys.argv[2], int(sys.argv[3])))

# SPDX-License-Identifier: BSD-2-Clause
"""Media made to keep a reader busy: folders that contain themselves, trees without end, boot menus that name a hundred thousand files,
chains, tables. media() gives 100 of them, each made anew by its function; nothing of them is read by the tools that wrote sound ones."""
import os, struct, tempfile, zlib

SECTOR = 2048
INITRD = b"\x1f\x8b" + bytes(4094)
BOMB = b"initrd " + b"/X0 " * 16000


def both32(v):
    return struct.pack("<I", v) + struct.pack(">I", v)


# --- ISO 9660 -------------------------------------------------------------------------------------------------------------------


class Iso:
    """Folders are lists of records; what they point at is up to the caller."""

    def __init__(self):
        self.sectors = {}
        self.next = 40
        self.folders = []
        self.root = self.folder()
        self.joliet = None
        self.boot = []

    def place(self, length):
        at = self.next
        self.next += max(1, -(-length // SECTOR))
        return at

    def folder(self, length=None):
        """A folder: [sector or None until written, records, claimed length or None]."""
        f = {"at": None, "records": [], "claim": length, "room": None}
        self.folders.append(f)
        return f

    def add(self, folder, name, target, size=0, use=b"", flags=0):
        """`target`: a folder, or a sector."""
        folder["records"].append((name if isinstance(name, bytes) else name.encode(), target, size, use, flags))

    def file(self, folder, name, data, **kw):
        at = self.place(len(data))
        self.sectors[at] = data
        self.add(folder, name, at, len(data), **kw)
        return at

    def sub(self, folder, name, claim=None):
        f = self.folder(claim)
        self.add(folder, name, f)
        return f

    @staticmethod
    def size_of(name, use):
        n = 33 + len(name) + (len(name) + 1) % 2 + len(use)
        return n + n % 2

    def layout(self, f):
        at = 68
        for name, _, _, use, _ in f["records"]:
            n = self.size_of(name, use)
            if SECTOR - at % SECTOR < n:
                at = -(-at // SECTOR) * SECTOR
            at += n
        f["room"] = -(-at // SECTOR) * SECTOR
        f["at"] = self.place(f["room"])

    @staticmethod
    def record(name, at, size, is_dir, use=b"", flags=0):
        body = struct.pack("B", 0) + both32(at) + both32(size) + bytes(7) + bytes([(2 if is_dir else 0) | flags, 0, 0]) + b"\1\0\0\1" + bytes(
            [len(name)]) + name + bytes((len(name) + 1) % 2) + use
        n = 1 + len(body)
        return bytes([n + n % 2]) + body + bytes(n % 2)

    def length(self, f):
        return f["claim"] or f["room"]

    def write(self, path, size=None):
        for f in self.folders:
            self.layout(f)
        for f in self.folders:
            out = bytearray(self.record(b"\0", f["at"], self.length(f), True, f.get("dot", b"")) + self.record(b"\1", f["at"], self.length(f), True))
            for name, target, length, use, flags in f["records"]:
                if isinstance(target, dict):
                    r = self.record(name, target["at"], self.length(target), True, use, flags)
                else:
                    r = self.record(name, target, length, False, use, flags)
                if SECTOR - len(out) % SECTOR < len(r):
                    out += bytes(-len(out) % SECTOR)
                out += r
            self.sectors[f["at"]] = bytes(out)
        total = size or self.next * SECTOR
        descriptors = [(1, self.root, b"")] + ([(2, self.joliet, b"%/E")] if self.joliet else [])
        with open(path, "wb") as out:
            out.truncate(total)
            at = 16
            if self.boot:
                out.seek(at * SECTOR)
                out.write(b"\0CD001\1EL TORITO SPECIFICATION".ljust(71, b"\0") + struct.pack("<I", 30))
                at += 1
            for kind, root, escape in descriptors:
                d = bytearray(SECTOR)
                d[0:7] = bytes([kind]) + b"CD001\1"
                d[40:72] = b" " * 32
                d[80:88] = both32(total // SECTOR)
                d[88:88 + len(escape)] = escape
                d[128:132] = struct.pack("<H", SECTOR) + struct.pack(">H", SECTOR)
                d[156:190] = self.record(b"\0", root["at"], self.length(root), True)[:34]
                out.seek(at * SECTOR)
                out.write(d)
                at += 1
            out.seek(at * SECTOR)
            out.write(b"\377CD001\1")
            if self.boot:
                out.seek(30 * SECTOR)
                cat = bytearray(b"\1\xef" + bytes(26) + b"\0\0\x55\xaa")
                cat[28:30] = struct.pack("<H", -sum(struct.unpack("<16H", cat)) & 0xFFFF)
                for lba in self.boot:
                    cat += b"\x88\0\0\0\0\0" + struct.pack("<HI", 4, lba) + bytes(20)
                out.write(cat)
            for sector, data in self.sectors.items():
                out.seek(sector * SECTOR)
                out.write(data)


def nm(name):
    return b"NM" + bytes([5 + len(name), 1, 0]) + name.encode()


def iso_loop(depth, target, joliet=False):
    """At `depth` a folder that is the one `target` levels above it (0: itself)."""
    def make(path):
        i = Iso()
        chain = [i.root]
        for d in range(depth):
            chain.append(i.sub(chain[-1], "D%d" % d))
        i.add(chain[-1], "LOOP", chain[max(0, depth - target)])
        live = i.sub(i.root, "LIVE")
        i.file(live, "INITRD.IMG", INITRD)
        if joliet:
            i.joliet = i.folder()
            name = "loop".encode("utf-16-be")
            i.add(i.joliet, name, i.joliet)
            i.add(i.joliet, "live".encode("utf-16-be"), live)
        i.write(path)
    return make


def iso_ways(ways, levels, pad=0):
    """Every folder of a level holds every folder of the next: ways ** levels paths."""
    def make(path):
        i = Iso()
        level = [[i.folder() for _ in range(ways)] for _ in range(levels)]
        names = ["W%03d" % w for w in range(ways)]
        for w, f in enumerate(level[0]):
            i.add(i.root, names[w], f)
        for d in range(levels):
            for f in level[d]:
                for k in range(pad):
                    i.add(f, "F%05d" % k, 20, 1)
                if d + 1 < levels:
                    for w, g in enumerate(level[d + 1]):
                        i.add(f, names[w], g)
        i.write(path)
    return make


def iso_deep(levels):
    def make(path):
        i = Iso()
        f = i.root
        for _ in range(levels):
            f = i.sub(f, "D")
        i.write(path)
    return make


def iso_bomb(text=BOMB, configs=8, others=16000, tail=None, use=None):
    """Boot menus whose names are looked for among `others`."""
    def make(path):
        i = Iso()
        grub = i.sub(i.root, "GRUB")
        i.file(i.sub(i.root, "LIVE"), "INITRD.IMG", INITRD)
        for k in range(others):
            i.add(i.root, "F%05d" % k, 30, 0, use=use(k) if use else b"")
        if use:
            i.root["dot"] = b"SP\7\1\xbe\xef\0"
        if tail:
            tail(i)
        at = None
        for k in range(configs):
            if at is None:
                at = i.file(grub, "C%03d.CFG" % k, text)
            else:
                i.add(grub, "C%03d.CFG" % k, at, len(text))
        i.write(path)
    return make


def links(i):
    """Symbolic links that lead to each other."""
    i.root["dot"] = b"SP\7\1\xbe\xef\0"
    for a, b in (("X0", "X1"), ("X1", "X0")):
        sl = b"SL" + bytes([5 + 2 + len(b), 1, 0, 0, len(b)]) + b.encode()
        i.add(i.root, a, 30, 1, use=nm(a) + b"PX\x24\1" + both32(0o120777) + bytes(24) + sl)


def continued(k):
    """A continuation that continues in itself."""
    return b"CE\x1c\1" + both32(36) + both32(0) + both32(28)


def iso_continuations(path):
    def tail(i):
        i.sectors[36] = b"CE\x1c\1" + both32(36) + both32(0) + both32(28)
    iso_bomb(others=8000, use=continued, tail=tail)(path)


def iso_many(initrds, kernels, same=False):
    """Candidates without number; with `same`, all of them one."""
    def make(path):
        i = Iso()
        kernel = bytearray(1024)
        kernel[0x202:0x206] = b"HdrS"
        for k in range(kernels):
            i.file(i.root, "VMLINUZ%s%04d" % ("X" * (k % 9), k), bytes(kernel))
        first = None
        for k in range(initrds):
            if same and first:
                i.add(i.root, "INITRD%05d" % k, first, len(INITRD))
            else:
                first = i.file(i.root, "INITRD%05d" % k, INITRD)
        i.write(path)
    return make


def iso_claims(claim, where):
    """A folder that says it is `claim` bytes long, on a medium of so many zeros."""
    def make(path):
        i = Iso()
        if where == "root":
            i.root["claim"] = claim
        else:
            i.sub(i.sub(i.root, "EFI"), "BOOT", claim)
        i.write(path, size=min(claim, 1 << 32) + (1 << 20))
    return make


def iso_loaders(entries):
    """EFI/BOOT holds so many files, none of them a loader."""
    def make(path):
        i = Iso()
        boot = i.sub(i.sub(i.root, "EFI"), "BOOT")
        for k in range(entries):
            i.add(boot, "X%06d.EFI" % k, 30, 1)
        i.write(path)
    return make


def iso_extents(files, records):
    """Files of `records` pieces each, and no last one."""
    def make(path):
        i = Iso()
        for k in range(files):
            for _ in range(records):
                i.add(i.root, "BIG%03d" % k, 30, 2048, flags=0x80)
        i.write(path)
    return make


def iso_boot_images(count, volume):
    """`count` EFI boot images, all the same FAT."""
    def make(path):
        i = Iso()
        data = volume()
        at = i.file(i.root, "EFI.IMG", data)
        i.boot = [at] * count
        i.write(path)
    return make


# --- FAT ------------------------------------------------------------------------------------------------------------------------


class Fat:
    """FAT16 with clusters of 2 KiB, or FAT32 with 512 bytes, from the first byte on."""

    def __init__(self, size, bits=16):
        self.bits, self.sectors = bits, size // 512
        self.cluster = 2048 if bits == 16 else 512
        per = self.cluster // 512
        self.reserved = 1 if bits == 16 else 32
        self.fat_sectors = -(-(self.sectors // per + 2) * (bits // 8) // 512)
        self.root_sectors = 32 if bits == 16 else 0
        self.heap = (self.reserved + self.fat_sectors + self.root_sectors) * 512
        self.vol = bytearray(size)
        self.next = 2
        b = self.vol
        b[0:11] = b"\xeb\x3c\x90MSDOS5.0"
        struct.pack_into("<HBHBHHBH", b, 11, 512, per, self.reserved, 1, 512 if bits == 16 else 0, self.sectors if self.sectors < 65536 and bits == 16 else 0, 0xF8,
                         self.fat_sectors if bits == 16 else 0)
        struct.pack_into("<I", b, 32, 0 if self.sectors < 65536 and bits == 16 else self.sectors)
        if bits == 16:
            b[38] = 0x29
        else:
            struct.pack_into("<IHHI", b, 36, self.fat_sectors, 0, 0, 2)
            b[66] = 0x29
        b[510:512] = b"\x55\xaa"
        self.link(0, 0x0FFFFFF8), self.link(1, 0x0FFFFFFF)
        self.root = None if bits == 16 else self.alloc(1)

    def link(self, cluster, to):
        at = self.reserved * 512 + cluster * self.bits // 8
        struct.pack_into("<H" if self.bits == 16 else "<I", self.vol, at, to & (0xFFFF if self.bits == 16 else 0x0FFFFFFF))

    def alloc(self, n):
        first = self.next
        self.next += n
        for c in range(first, first + n):
            self.link(c, c + 1 if c + 1 < first + n else 0x0FFFFFFF)
        return first

    @staticmethod
    def entry(name, cluster, size=0, is_dir=False):
        return name.ljust(11).encode() + bytes([0x10 if is_dir else 0x20]) + bytes(8) + struct.pack("<HIHI", cluster >> 16, 0, cluster & 0xFFFF, size)

    def put(self, cluster, data):
        at = self.heap + (cluster - 2) * self.cluster
        self.vol[at:at + len(data)] = data

    def folder(self, entries, cluster=None):
        data = b"".join(entries)
        if cluster is None:
            cluster = self.alloc(max(1, -(-(len(data) + 1) // self.cluster)))
        self.put(cluster, data)
        return cluster

    def set_root(self, entries):
        data = b"".join(entries)
        if self.bits == 16:
            at = self.heap - self.root_sectors * 512
            self.vol[at:at + len(data)] = data
        else:
            self.put(self.root, data)


def fat_loop(bits, target):
    def make(size):
        f = Fat(size, bits)
        a, b = f.alloc(1), f.alloc(1)
        root = f.root or 0
        f.put(a, Fat.entry("B", b, is_dir=True))
        f.put(b, Fat.entry("LOOP", {"self": b, "parent": a, "root": root or a}[target], is_dir=True) + Fat.entry("X       ISO", 0))
        f.set_root([Fat.entry("A", a, is_dir=True), Fat.entry("SOUND   ISO", 0)])
        return bytes(f.vol)
    return make


def fat_ways(bits, ways, levels):
    def make(size):
        f = Fat(size, bits)
        level = [[f.alloc(1) for _ in range(ways)] for _ in range(levels)]
        for d in range(levels):
            for c in level[d]:
                f.put(c, b"".join(Fat.entry("W%d" % w, g, is_dir=True) for w, g in enumerate(level[d + 1])) if d + 1 < levels else b"")
        f.set_root([Fat.entry("W%d" % w, c, is_dir=True) for w, c in enumerate(level[0])])
        return bytes(f.vol)
    return make


def fat_chain_loop(bits, fill):
    """A folder whose chain goes round, full of `fill` entries."""
    def make(size):
        f = Fat(size, bits)
        a = f.alloc(4)
        f.link(a + 3, a)
        entry = Fat.entry("DEL", 0) if fill == "files" else b"\xe5" + bytes(31)
        f.put(a, entry * (4 * f.cluster // 32))
        f.set_root([Fat.entry("A", a, is_dir=True), Fat.entry("SOUND   ISO", 0)])
        return bytes(f.vol)
    return make


def fat_deep(bits, levels):
    def make(size):
        f = Fat(size, bits)
        c = f.alloc(levels)
        for k in range(levels):
            f.link(c + k, 0x0FFFFFFF)
            f.put(c + k, Fat.entry("D", c + k + 1, is_dir=True) if k + 1 < levels else b"")
        f.set_root([Fat.entry("D", c, is_dir=True)])
        return bytes(f.vol)
    return make


def fat_wide(bits, files, folder=("EFI", "BOOT"), extension="EFI"):
    def make(size):
        f = Fat(size, bits)
        c = f.folder([Fat.entry("X%07d%s" % (k, extension), 0, 0) for k in range(files)])
        for name in reversed(folder[1:]):
            c = f.folder([Fat.entry(name, c, is_dir=True)])
        f.set_root([Fat.entry(folder[0], c, is_dir=True)])
        return bytes(f.vol)
    return make


def fat_bomb(size):
    f = Fat(size, 16)
    wide = f.folder([Fat.entry("F%07d" % k, 0) for k in range(20000)])
    c = f.alloc(32)
    f.put(c, (b"initrd " + b"/W/X0 " * 10000)[:65000])
    loader = f.folder([Fat.entry("C%07dCFG" % k, c, 65000) for k in range(8)])
    f.set_root([Fat.entry("W", wide, is_dir=True), Fat.entry("LOADER", loader, is_dir=True)])
    return bytes(f.vol)


# --- exFAT ----------------------------------------------------------------------------------------------------------------------


class ExFat:
    CLUSTER = 4096

    def __init__(self, size):
        self.size = size
        self.vol = bytearray(size)
        fat_len = -(-(size // self.CLUSTER * 4 + 8) // 512) * 512
        self.heap = -(-(32 * 512 + fat_len) // self.CLUSTER) * self.CLUSTER
        self.fat_len = fat_len
        self.clusters = (size - self.heap) // self.CLUSTER
        self.next = 2
        self.root = self.alloc(1)

    def link(self, c, to):
        struct.pack_into("<I", self.vol, 32 * 512 + c * 4, to)

    def alloc(self, n):
        first = self.next
        self.next += n
        for c in range(first, first + n):
            self.link(c, c + 1 if c + 1 < first + n else 0xFFFFFFFF)
        return first

    def put(self, cluster, data):
        at = self.heap + (cluster - 2) * self.CLUSTER
        self.vol[at:at + len(data)] = data

    @staticmethod
    def entry(name, cluster, size, is_dir=False, contiguous=True):
        u = name.encode("utf-16-le")
        pieces = [u[k:k + 30].ljust(30, b"\0") for k in range(0, len(u), 30)]
        first = bytearray(32)
        first[0:2] = bytes([0x85, 1 + len(pieces)])
        first[4] = 0x10 if is_dir else 0x20
        stream = bytearray(32)
        stream[0:4] = bytes([0xC0, 3 if contiguous and size else 1, 0, len(u) // 2])
        struct.pack_into("<Q", stream, 8, size)
        struct.pack_into("<IQ", stream, 20, cluster if size else 0, size)
        e = first + stream + b"".join(b"\xc1\0" + p for p in pieces)
        total = 0
        for k, v in enumerate(e):
            if k not in (2, 3):
                total = ((total << 15 | total >> 1) + v) & 0xFFFF
        struct.pack_into("<H", e, 2, total)
        return bytes(e)

    def sub(self, cluster, name, clusters=1, **kw):
        return self.entry(name, cluster, clusters * self.CLUSTER, True, **kw)

    def folder(self, data, first=None):
        n = max(1, -(-(len(data) + 32) // self.CLUSTER))
        c = first or self.alloc(n)
        self.put(c, data)
        return c, n

    def finish(self, root, loop=False):
        """Root entries; the first cluster of the root is followed by as many as they need."""
        n = -(-(len(root) + 128) // self.CLUSTER)
        bitmap_len = -(-self.clusters // 8)
        bitmap, upcase = self.alloc(-(-bitmap_len // self.CLUSTER)), self.alloc(1)
        more = self.alloc(n - 1) if n > 1 else 0
        if more:
            self.link(self.root, more)
        if loop:
            root = root.ljust(n * self.CLUSTER - 64, b"\x05")
            self.link(more + n - 2 if more else self.root, self.root)
        table = bytearray(struct.pack("<HH", 0xFFFF, 97) + b"".join(struct.pack("<H", 65 + k) for k in range(26)) + struct.pack("<HH", 0xFFFF, 0xFF85))
        total = 0
        for v in table:
            total = ((total << 31 | total >> 1) + v) & 0xFFFFFFFF
        self.put(upcase, table)
        head = (b"\x81" + bytes(19) + struct.pack("<IQ", bitmap, bitmap_len)) + (b"\x82" + bytes(3) + struct.pack("<I", total) + bytes(12) + struct.pack("<IQ", upcase, len(table)))
        data = head + root
        self.put(self.root, data[:self.CLUSTER])
        if more:
            self.put(more, data[self.CLUSTER:])
        self.link(0, 0xFFFFFFF8), self.link(1, 0xFFFFFFFF)
        used = bytearray(bitmap_len)
        for c in range(self.next - 2):
            used[c // 8] |= 1 << (c & 7)
        self.put(bitmap, used)
        b = bytearray(12 * 512)
        b[0:11] = b"\xeb\x76\x90EXFAT   "
        struct.pack_into("<QIIIIII", b, 72, self.size // 512, 32, self.fat_len // 512, self.heap // 512, self.clusters, self.root, 0x12345678)
        struct.pack_into("<HHBBBBB", b, 104, 0x100, 0, 9, 3, 1, 0x80, 0xFF)
        for k in range(9):
            b[k * 512 + 510:k * 512 + 512] = b"\x55\xaa"
        total = 0
        for k, v in enumerate(b[:11 * 512]):
            if k not in (106, 107, 112):
                total = ((total << 31 | total >> 1) + v) & 0xFFFFFFFF
        b[11 * 512:] = struct.pack("<I", total) * 128
        self.vol[0:12 * 512] = b
        self.vol[12 * 512:24 * 512] = b
        return bytes(self.vol)


SOUND = ExFat.entry("sound.iso", 0, 0)


def exfat_loop(depth, target):
    """At `depth` a folder that is the one `target` levels above it (0: itself; more than there are: the root)."""
    def make(size):
        x = ExFat(size)
        chain = [x.root] + [x.alloc(1) for _ in range(depth)]
        for d in range(1, depth + 1):
            inner = x.sub(chain[d + 1], "d%d" % d) if d < depth else x.sub(chain[max(0, depth - target)], "loop")
            x.put(chain[d], inner + ExFat.entry("x%d.iso" % d, 0, 0))
        return x.finish(x.sub(chain[1], "d0") + SOUND)
    return make


def exfat_loops(count):
    """So many folders, each of which contains itself."""
    def make(size):
        x = ExFat(size)
        root = b""
        for k in range(count):
            c = x.alloc(1)
            x.put(c, x.sub(c, "again"))
            root += x.sub(c, "loop%d" % k)
        return x.finish(root + SOUND)
    return make


def exfat_ways(ways, levels):
    def make(size):
        x = ExFat(size)
        level = [[x.alloc(1) for _ in range(ways)] for _ in range(levels)]
        for d in range(levels):
            for c in level[d]:
                x.put(c, b"".join(x.sub(g, "w%d" % w) for w, g in enumerate(level[d + 1])) if d + 1 < levels else b"")
        return x.finish(b"".join(x.sub(c, "w%d" % w) for w, c in enumerate(level[0])) + SOUND)
    return make


def exfat_deep(levels):
    def make(size):
        x = ExFat(size)
        c = x.alloc(levels)
        for k in range(levels):
            x.put(c + k, x.sub(c + k + 1, "d") if k + 1 < levels else ExFat.entry("x.iso", 0, 0))
        return x.finish(x.sub(c, "d") + SOUND)
    return make


def exfat_wide(count, name, is_dir=False):
    def make(size):
        x = ExFat(size)
        c = x.alloc(1)
        return x.finish(b"".join(x.sub(c, name % k) if is_dir else ExFat.entry(name % k, 0, 0) for k in range(count)))
    return make


def exfat_filled(entry, clusters, times=1):
    """Folders that hold nothing but entries of no meaning; `times` names for it."""
    def make(size):
        x = ExFat(size)
        c = x.alloc(clusters)
        x.put(c, entry * (clusters * x.CLUSTER // 32))
        return x.finish(b"".join(x.sub(c, "f%d" % k, clusters) for k in range(times)) + SOUND)
    return make


def exfat_chain_loop(claim):
    def make(size):
        x = ExFat(size)
        c = x.alloc(4)
        x.link(c + 3, c)
        x.put(c, ExFat.entry("x.iso", 0, 0).ljust(4 * x.CLUSTER, b"\x05"))
        return x.finish(x.sub(c, "round", claim, contiguous=False) + SOUND)
    return make


def exfat_root_loop(size):
    x = ExFat(size)
    return x.finish(SOUND * 40, loop=True)


def exfat_file_loop(files):
    """Images as long as the volume, whose chains go back and forth between two clusters."""
    def make(size):
        x = ExFat(size)
        c = x.alloc(3)
        x.link(c, c + 2), x.link(c + 2, c)
        return x.finish(b"".join(ExFat.entry("x%d.iso" % k, c, (x.clusters - 1) * x.CLUSTER, contiguous=False) for k in range(files)) + SOUND)
    return make


def exfat_images(count, image):
    """So many names of one hostile image; `image` writes it to a path."""
    def make(size):
        with tempfile.TemporaryDirectory() as d:
            image(os.path.join(d, "x"))
            with open(os.path.join(d, "x"), "rb") as f:
                data = f.read()
        x = ExFat(size)
        c = x.alloc(-(-len(data) // x.CLUSTER))
        x.put(c, data)
        return x.finish(b"".join(ExFat.entry("hostile%d.iso" % k, c, len(data)) for k in range(count)) + SOUND)
    return make


def exfat_batch(images):
    """Of everything something, for a stick that is booted: folders without end in front, then the hostile images, and sound ones."""
    def make(size):
        x = ExFat(size)
        root = b""
        full = x.alloc(1000)
        x.put(full, (b"\x05" + bytes(31)) * (1000 * x.CLUSTER // 32))
        for k in range(60):
            root += x.sub(full, "full%d" % k, 1000)
        for k in range(100):
            c = x.alloc(1)
            x.put(c, x.sub(c, "again") + x.sub(x.root, "root"))
            root += x.sub(c, "loop%d" % k)
        ways = [[x.alloc(1) for _ in range(8)] for _ in range(12)]
        for d in range(12):
            for c in ways[d]:
                x.put(c, b"".join(x.sub(g, "w%d" % w) for w, g in enumerate(ways[d + 1])) if d < 11 else b"")
        root += b"".join(x.sub(c, "ways%d" % w) for w, c in enumerate(ways[0]))
        deep = x.alloc(500)
        for k in range(500):
            x.put(deep + k, x.sub(deep + k + 1, "d") if k < 499 else b"")
        root += x.sub(deep, "deep")
        for name, data in images:
            c = x.alloc(-(-len(data) // x.CLUSTER))
            x.put(c, data)
            root += ExFat.entry(name, c, len(data))
        return x.finish(root)
    return make


def exfat_text(name, text):
    def make(size):
        x = ExFat(size)
        c = x.alloc(-(-len(text) // x.CLUSTER))
        x.put(c, text)
        return x.finish(ExFat.entry(name, c, len(text)) + SOUND)
    return make


# --- disks ----------------------------------------------------------------------------------------------------------------------


def gpt(partitions, volume_size, volume):
    """`partitions` ESPs, all of them the same FAT."""
    def make(path):
        first = 2048
        sectors = first + volume_size // 512 + 64
        esp = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
        array = b"".join(esp + struct.pack("<QQQQ", k + 1, 0, first, first + volume_size // 512 - 1) + bytes(80) for k in range(partitions))
        array += bytes(-len(array) % 16384)
        head = bytearray(b"EFI PART\0\0\1\0\x5c\0\0\0" + bytes(8) + struct.pack("<QQQQ", 1, sectors - 1, 34, sectors - 34) + b"D" * 16 + struct.pack(
            "<QIII", 2, len(array) // 128, 128, zlib.crc32(array)))
        struct.pack_into("<I", head, 16, zlib.crc32(bytes(head)))
        mbr = bytearray(512)
        mbr[0] = 0xEB
        mbr[446:462] = b"\0\0\2\0\xee\xff\xff\xff" + struct.pack("<II", 1, sectors - 1)
        mbr[510:] = b"\x55\xaa"
        with open(path, "wb") as f:
            f.truncate(sectors * 512)
            f.write(bytes(mbr) + bytes(head).ljust(512, b"\0") + array)
            f.seek(first * 512)
            f.write(volume(volume_size))
    return make


def extended(kind):
    """Extended boot records without end."""
    def make(path):
        count = 300
        with open(path, "wb") as f:
            f.truncate(4 << 20)
            mbr = bytearray(512)
            mbr[0] = 0xEB
            mbr[446:462] = b"\0\0\0\0\5\0\0\0" + struct.pack("<II", 100, 8000)
            mbr[510:] = b"\x55\xaa"
            f.write(mbr)
            for k in range(count):
                b = bytearray(512)
                b[446:462] = b"\0\0\0\0\x0b\0\0\0" + struct.pack("<II", 1, 1)
                following = {"loop": (k + 1) % 200 if k % 200 else 1, "self": k, "long": k + 1}[kind]
                b[462:478] = b"\0\0\0\0\5\0\0\0" + struct.pack("<II", 2 * following, 2)
                b[510:] = b"\x55\xaa"
                f.seek((100 + 2 * k) * 512)
                f.write(b)
    return make


def vhd_sum(b):
    return ~sum(b) & 0xFFFFFFFF


def vhd(path, number, parent=None, size=4 << 20, block=1 << 21, entries=None):
    """A dynamic VHD without a block, or a child of number `parent`, whose name is given."""
    blocks = entries or -(-size // block)
    footer = bytearray(512)
    footer[0:8] = b"conectix"
    struct.pack_into(">IIQI", footer, 8, 2, 0x10000, 512, 0)
    struct.pack_into(">QQIII", footer, 40, size, size, 0x00100410, 4 if parent else 3, 0)
    footer[68:84] = struct.pack(">QQ", 7, number)
    struct.pack_into(">I", footer, 64, vhd_sum(footer))
    header = bytearray(1024)
    header[0:8] = b"cxsparse"
    struct.pack_into(">QQIII", header, 8, 0xFFFFFFFFFFFFFFFF, 2048, 0x10000, blocks, block)
    if parent:
        header[40:56] = struct.pack(">QQ", 7, parent[0])
        name = parent[1].encode("utf-16-be")
        header[64:64 + len(name)] = name
    struct.pack_into(">I", header, 36, vhd_sum(header))
    table = b"\xff" * (4 * blocks)
    with open(path, "wb") as f:
        f.write(footer + header)
        f.seek(2048)
        f.write(table + bytes(-len(table) % 512))
        f.write(footer)


def vhd_chain(files, end):
    """`files` on top of each other, all beside the first; the last stands on nothing, on the first, or on itself."""
    def make(path):
        folder, name = os.path.split(path)
        names = [name] + ["p%d-%s" % (k, name) for k in range(1, files)]
        for k in range(files):
            after = {"base": k + 1 if k + 1 < files else None, "loop": (k + 1) % files, "self": k + 1 if k + 1 < files else k}[end]
            vhd(os.path.join(folder, names[k]), k + 1, None if after is None else (after + 1, names[after]))
    return make


def vhd_large(size, block):
    def make(path):
        vhd(path, 1, size=size, block=block)
    return make


# --- all of them ------------------------------------------------------------------------------------------------------------------

LOOP, LEFT, ANY = "contains itself", "left out", None
SEARCHED = "than are searched"


def media():
    """(name, kind, make, what must be said). kind "file": make(path) writes an image; "volume": make(size) gives a data partition."""
    all_ = []

    def add(name, kind, make, says=ANY):
        all_.append((name, kind, make, says))

    for depth, target in ((1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (4, 2), (4, 4)):
        add("iso-loop-%d-%d.iso" % (depth, target), "file", iso_loop(depth, target), LOOP)
    add("iso-loop-joliet.iso", "file", iso_loop(1, 0, True), LOOP)
    for ways, levels, pad in ((4, 5, 0), (16, 5, 0), (8, 5, 200), (64, 4, 0)):
        add("iso-ways-%d-%d-%d.iso" % (ways, levels, pad), "file", iso_ways(ways, levels, pad), SEARCHED if ways > 4 else ANY)
    for levels in (10, 200, 5000):
        add("iso-deep-%d.iso" % levels, "file", iso_deep(levels))
    add("iso-bomb.iso", "file", iso_bomb(), SEARCHED)
    add("iso-bomb-lines.iso", "file", iso_bomb(b"initrd /X0\n" * 5900), SEARCHED)
    add("iso-bomb-append.iso", "file", iso_bomb(b"APPEND initrd=/X0,/X1\n" * 2900), SEARCHED)
    add("iso-bomb-relative.iso", "file", iso_bomb(b"label x\ninitrd " + b"a," * 32000), SEARCHED)
    add("iso-bomb-256.iso", "file", iso_bomb(configs=256), SEARCHED)
    add("iso-bomb-60000.iso", "file", iso_bomb(others=60000), SEARCHED)
    add("iso-bomb-dots.iso", "file", iso_bomb(b"initrd " + b"/LIVE/../LIVE/../LIVE/../X0 " * 2300), SEARCHED)
    add("iso-bomb-long.iso", "file", iso_bomb(b"initrd " + b"/X0," * 4000000, configs=1), SEARCHED)
    add("iso-bomb-links.iso", "file", iso_bomb(others=2000, tail=links), SEARCHED)
    add("iso-continuations.iso", "file", iso_continuations, SEARCHED)
    add("iso-bomb-small.iso", "file", iso_bomb(BOMB[:2048], configs=64, others=2000), SEARCHED)
    add("iso-initrds.iso", "file", iso_many(3000, 3), SEARCHED)
    add("iso-initrds-kernels.iso", "file", iso_many(250, 250))
    add("iso-initrd-names.iso", "file", iso_many(14000, 1, same=True), "too many names")
    for claim, where in ((1 << 31, "root"), (0xFFFFF800, "root"), (200 << 20, "boot"), (0xFFFFF800, "boot")):
        add("iso-claims-%d-%s.iso" % (claim >> 20, where), "file", iso_claims(claim, where))
    for entries in (20000, 400000):
        add("iso-loaders-%d.iso" % entries, "file", iso_loaders(entries), SEARCHED if entries > 20000 else ANY)
    add("iso-extents.iso", "file", iso_extents(200, 1025))
    add("iso-extents-few.iso", "file", iso_extents(1, 900))
    for name, volume in (("loop", lambda: fat_loop(16, "self")(16 << 20)), ("bomb", lambda: fat_bomb(16 << 20)), ("ways", lambda: fat_ways(16, 6, 8)(16 << 20)),
                         ("round", lambda: fat_chain_loop(16, "deleted")(16 << 20)), ("wide", lambda: fat_wide(16, 60000)(16 << 20))):
        for count in (1, 15):
            add("iso-boot-%s-%d.iso" % (name, count), "file", iso_boot_images(count, volume), {"loop": LOOP, "bomb": SEARCHED}.get(name, ANY))
    for count in (1, 60, 128):
        add("gpt-%d.img" % count, "file", gpt(count, 16 << 20, fat_wide(16, 60000)), SEARCHED if count > 1 else ANY)
    for kind in ("loop", "self", "long"):
        add("extended-%s.img" % kind, "file", extended(kind))
    for files, end in ((1, "self"), (2, "loop"), (40, "loop"), (200, "base"), (256, "base"), (300, "base")):
        add("vhd-%d-%s.vhd" % (files, end), "file", vhd_chain(files, end), {"loop": "loop", "self": "loop"}.get(end, "limit" if files > 256 else ANY))
    add("vhd-large.vhd", "file", vhd_large(2040 << 30, 1 << 20))
    add("vhd-blocks.vhd", "file", vhd_large(8 << 30, 512))
    for bits in (16, 32):
        for target in ("self", "parent", "root"):
            add("fat%d-loop-%s" % (bits, target), "volume", fat_loop(bits, target), LOOP)
        add("fat%d-round-files" % bits, "volume", fat_chain_loop(bits, "files"), "damaged")
        add("fat%d-round-deleted" % bits, "volume", fat_chain_loop(bits, "deleted"), "damaged")
        add("fat%d-ways" % bits, "volume", fat_ways(bits, 8, 20), LEFT)
        add("fat%d-deep" % bits, "volume", fat_deep(bits, 3000), "nested too deep")
    for depth, target in ((1, 0), (1, 1), (2, 1), (3, 3), (20, 5)):
        add("exfat-loop-%d-%d" % (depth, target), "volume", exfat_loop(depth, target), LOOP)
    add("exfat-loops", "volume", exfat_loops(1000), LOOP)
    for ways, levels in ((2, 25), (8, 20), (30, 30)):
        add("exfat-ways-%d-%d" % (ways, levels), "volume", exfat_ways(ways, levels), LEFT)
    for levels in (31, 40, 3000):
        add("exfat-deep-%d" % levels, "volume", exfat_deep(levels), "nested too deep" if levels > 32 else ANY)
    add("exfat-wide-images", "volume", exfat_wide(40000, "image-%d.iso"), LEFT)
    add("exfat-wide-files", "volume", exfat_wide(60000, "text-%d.txt"))
    add("exfat-wide-folders", "volume", exfat_wide(40000, "folder-%d", True))
    add("exfat-deleted", "volume", exfat_filled(b"\x05" + bytes(31), 3000, 40), LEFT)
    add("exfat-unknown", "volume", exfat_filled(b"\xa0" + bytes(31), 3000, 40), LEFT)
    add("exfat-round", "volume", exfat_chain_loop(8000), "damaged")
    add("exfat-root-round", "volume", exfat_root_loop, "damaged")
    add("exfat-file-round", "volume", exfat_file_loop(1))
    add("exfat-file-round-200", "volume", exfat_file_loop(200))
    add("exfat-bombs", "volume", exfat_images(100, iso_bomb()))
    add("exfat-loaders", "volume", exfat_images(100, iso_loaders(20000)))
    add("exfat-conf", "volume", exfat_text("isopod.conf", b"[/x*y*z*.iso]\nhidden = yes\n" * 400000))
    add("exfat-hashes", "volume", exfat_text("isopod.sha256", (b"0" * 64 + b"  x\n") * 150000))
    return all_

# SPDX-License-Identifier: BSD-2-Clause
"""Virtual disks made to keep a reader busy: the largest tables that a VHDX or VHD may have, logs full of entries, chains without end.
disks() gives them, each made anew by its function; nothing of them is read by the tools that wrote sound ones."""
import functools, os, struct, uuid

import hostile_media
from crc32c import crc32c

MIB, TIB = 1 << 20, 1 << 40
PAGE = 4096
LOG_MAX = 64 * MIB
FULL, PARTIAL = 6, 7
ITEM = {name: uuid.UUID(guid).bytes_le for name, guid in (
    ("file", "caa16737-fa36-4d43-b3b6-33f0aa44e76b"), ("size", "2fa54224-cd1b-4876-b211-5dbed83bf4b8"), ("id", "beca12ab-b2e6-4523-93ef-c309e000c746"),
    ("logical", "8141bf1d-a96f-4709-ba47-f233a8faab5f"), ("physical", "cda348c7-445d-4471-9cc9-e9885251c556"), ("parent", "a8d35f2d-b30b-454d-abf7-d3d84834ab0c"))}
REGION_BAT = uuid.UUID("2dc27766-f623-4200-9d64-115e9bfd4a08").bytes_le
REGION_METADATA = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le
LOCATOR = uuid.UUID("b04aefb7-d19e-4a81-b789-25b8e9445913").bytes_le
LOG_GUID = b"log " * 4


@functools.lru_cache(maxsize=64)
def summed(data):
    """A structure with its checksum at +4."""
    return data[:4] + struct.pack("<I", crc32c(data[:4] + bytes(4) + data[8:])) + data[8:]


# --- VHDX -----------------------------------------------------------------------------------------------------------------------


def locator(pairs):
    at, entries, text = 20 + 12 * len(pairs), b"", b""
    for key, value in pairs:
        k, v = key.encode("utf-16-le"), value.encode("utf-16-le")
        entries += struct.pack("<IIHH", at + len(text), at + len(text) + len(k), len(k), len(v))
        text += k + v
    return LOCATOR + struct.pack("<HH", 0, len(pairs)) + entries + text


def parent_pairs(number, name):
    return [("parent_linkage", "{%s}" % uuid.UUID(int=number)), ("relative_path", ".\\" + name), ("volume_path", name), ("absolute_win32_path", "c:\\" + name)]


def entries_of(size, block, child):
    """(payload blocks per chunk, entries of the table)."""
    blocks, chunk = -(-size // block), (1 << 23) * 512 // block
    return chunk, -(-blocks // chunk) * (chunk + 1) if child else blocks + (blocks - 1) // chunk


def vhdx(path, size=64 * TIB, block=MIB, number=1, parent=None, table=None, log=None, log_len=None, more_regions=0, more_items=0, tail=0):
    """`parent`: pairs of its locator. `table(f, entries, where)` writes the BAT, whose payload may lie at `where`. `log(f)` fills the log of
    `log_len` bytes. Everything not said is a hole."""
    entries = entries_of(size, block, parent)[1]
    log_len = log_len or (LOG_MAX if log else MIB)
    metadata_at = MIB + log_len
    bat_at, bat_len = metadata_at + 2 * MIB, -(-entries * 8 // MIB) * MIB
    items = [("file", struct.pack("<II", block, 2 if parent else 0)), ("size", struct.pack("<Q", size)), ("id", bytes(16)), ("logical", struct.pack("<I", 512)),
             ("physical", struct.pack("<I", 4096))] + ([("parent", locator(parent))] if parent else [])
    # What nobody has to know stands in front.
    listed = b"".join(struct.pack("<16sIIII", b"x" * 12 + struct.pack("<I", i), 65536, 8, 0, 0) for i in range(more_items))
    content = b""
    for name, data in items:
        listed += struct.pack("<16sIIII", ITEM[name], 65536 + len(content), len(data), 4, 0)
        content += data
    regions = b"".join(struct.pack("<16sQII", b"y" * 12 + struct.pack("<I", i), MIB, MIB, 0) for i in range(more_regions))
    regions += struct.pack("<16sQII", REGION_BAT, bat_at, bat_len, 1) + struct.pack("<16sQII", REGION_METADATA, metadata_at, 2 * MIB, 1)
    region = summed((b"regi" + bytes(4) + struct.pack("<II", more_regions + 2, 0) + regions).ljust(65536, b"\0"))
    with open(path, "wb") as f:
        f.write(b"vhdxfile")
        for i in range(2):
            f.seek((1 + i) << 16)
            f.write(summed((b"head" + bytes(4) + struct.pack("<Q16s16s16sHHIQ", 1 + i, bytes(16), uuid.UUID(int=number).bytes_le, LOG_GUID if log else bytes(16), 0, 1,
                                                           log_len, MIB)).ljust(PAGE, b"\0")))
            f.seek((3 + i) << 16)
            f.write(region)
        if log:
            f.seek(MIB)
            log(f)
        f.seek(metadata_at)
        f.write(b"metadata" + struct.pack("<HH", 0, more_items + len(items)) + bytes(20) + listed)
        f.seek(metadata_at + 65536)
        f.write(content)
        where = bat_at + bat_len
        if table:
            f.seek(bat_at)
            table(f, entries, where)
        f.truncate(where + tail)


def table_of(states, places):
    """A dense table: entries of these states by turns, at places (in MiB behind `where`) by turns."""
    def write(f, entries, where):
        piece = b"".join(struct.pack("<Q", (where + places[i % len(places)] * MIB | states[i % len(states)]) if states[i % len(states)] else 0) for i in range(1 << 14))
        for at in range(0, entries, 1 << 14):
            f.write(piece[:8 * min(1 << 14, entries - at)])
    return write


def dense(states, places, size=64 * TIB, block=MIB, tail=4 * MIB, **kw):
    return lambda path: vhdx(path, size, block, table=table_of(states, places), tail=tail, **kw)


def bitmaps(path):
    """Every block is there in part, and every second sector of it: all share one bitmap."""
    folder, name = os.path.split(path)
    block = 256 * MIB

    def table(f, entries, where):
        chunk = entries_of(64 * TIB, block, True)[0]
        group = struct.pack("<Q", where + MIB | PARTIAL) * chunk + struct.pack("<Q", where | FULL)
        f.write(group * (entries // (chunk + 1)))
        f.seek(where)
        f.write(b"\x55" * MIB)
    vhdx(os.path.join(folder, "p-" + name), block=block, number=2)
    vhdx(path, block=block, parent=parent_pairs(2, "p-" + name), table=table, tail=MIB + block)


def entry(sequence, tail, descriptors=b"", data=b""):
    e = struct.pack("<4sIIIQII16sQQ", b"loge", 0, 0, tail, sequence, len(descriptors) // 32, 0, LOG_GUID, 0, 0) + descriptors
    e = e.ljust(-(-len(e) // PAGE) * PAGE, b"\0") + data
    return summed(e[:8] + struct.pack("<I", len(e)) + e[12:])


def log_tails(sound):
    """As many entries as a log holds, each of which says that it begins with the one behind it: none is the end of a sequence, but for the
    last one, if it is `sound`. The checksum is linear, which makes 16384 of them in no time."""
    def one_bit(at, bit):
        e = bytearray(PAGE)
        e[at + bit // 8] = 1 << bit % 8
        return crc32c(e) ^ crc32c(bytes(PAGE))

    def write(f):
        plain = entry(0, 0)
        start = struct.unpack_from("<I", plain, 4)[0]
        of_tail, of_sequence = [one_bit(12, b) for b in range(32)], [one_bit(16, b) for b in range(32)]
        count = LOG_MAX // PAGE
        for i in range(count):
            tail, sequence, c = (i + 1) % count * PAGE, i + 1, start
            if i == count - 1 and not sound:
                tail = i // 2 * PAGE + PAGE  # in the log, but no sequence's
                sequence += 1
            for b in range(32):
                c ^= (of_tail[b] if tail >> b & 1 else 0) ^ (of_sequence[b] if sequence >> b & 1 else 0)
            f.write(plain[:4] + struct.pack("<I", c) + plain[8:12] + struct.pack("<IQ", tail, sequence) + plain[24:])
    return write


def log_pieces(zeros, pages):
    """One entry with as many descriptors as are replayed; each lies in front of those before it."""
    def write(f):
        top = MIB + LOG_MAX + 8 * PAGE * (zeros + pages)
        d = [struct.pack("<4sIQQQ", b"zero", 0, PAGE, top - 2 * PAGE * i, 1) for i in range(zeros)]
        d += [struct.pack("<4sIQQQ", b"desc", 0, 0, top - 2 * PAGE * (zeros + i), 1) for i in range(pages)]
        page = b"data" + bytes(4088) + struct.pack("<I", 1)
        f.write(entry(1, 0, b"".join(d), page * pages))
    return write


def chain(files, end, **kw):
    """`files` on top of each other; the last stands on nothing, on the first, or on itself."""
    def make(path):
        folder, name = os.path.split(path)
        names = [name] + ["p%d-%s" % (k, name) for k in range(1, files)]
        for k in range(files):
            after = {"base": k + 1 if k + 1 < files else None, "loop": (k + 1) % files, "self": k + 1 if k + 1 < files else k}[end]
            vhdx(os.path.join(folder, names[k]), number=k + 1, parent=None if after is None else parent_pairs(after + 1, names[after]), **kw)
    return make


def locators(pairs):
    return lambda path: vhdx(path, parent=pairs)


# --- VHD ------------------------------------------------------------------------------------------------------------------------


def vhd_dense(size, block, sectors):
    """A table whose entries are these sectors by turns."""
    def make(path):
        hostile_media.vhd(path, 1, size=size, block=block)
        entries = -(-size // block)
        with open(path, "r+b") as f:
            f.seek(-512, os.SEEK_END)
            at = f.tell()
            footer = f.read(512)
            f.seek(at + 4 * (block + 512 + block // 4096))
            f.write(footer)
            f.seek(2048)
            piece = b"".join(struct.pack(">I", at // 512 + sectors[i % len(sectors)]) for i in range(1 << 14))
            for done in range(0, entries, 1 << 14):
                f.write(piece[:4 * min(1 << 14, entries - done)])
    return make


# --- all of them ----------------------------------------------------------------------------------------------------------------


def disks():
    """(name, make, what `disk info` and `plan` must say of it, "" if they must not fail, or None)."""
    linkage = parent_pairs(9, "none.vhdx")
    deep = dict(size=MIB * 64)
    return [
        ("holes.vhdx", vhdx, None),
        ("same.vhdx", dense([FULL], [0]), None),
        ("alternating.vhdx", dense([FULL, 0], [0], size=16 * TIB), None),
        ("backwards.vhdx", dense([FULL], [3, 2, 1, 0], size=16 * TIB), None),
        ("overlapping.vhdx", dense([FULL], [0, 1, 2], block=256 * MIB, tail=1024 * MIB), None),
        ("unknown-states.vhdx", dense([4, 5], [0], size=16 * TIB), None),
        ("bitmaps.vhdx", bitmaps, None),
        ("far-end.vhdx", lambda path: vhdx(path, tail=7 * TIB), None),
        ("regions.vhdx", lambda path: vhdx(path, size=64 * MIB, more_regions=2045), ""),
        ("items.vhdx", lambda path: vhdx(path, size=64 * MIB, more_items=2042), ""),
        ("log-tails.vhdx", lambda path: vhdx(path, size=64 * MIB, log=log_tails(True)), ""),
        ("log-no-end.vhdx", lambda path: vhdx(path, size=64 * MIB, log=log_tails(False)), "no valid sequence"),
        ("log-zeros.vhdx", lambda path: vhdx(path, size=64 * MIB, log=log_pieces(16384, 0), tail=1 << 30), None),
        ("log-pages.vhdx", lambda path: vhdx(path, size=64 * MIB, log=log_pieces(14000, 2000), tail=1 << 30), None),
        ("log-zeros-100.vhdx", chain(100, "base", size=64 * MIB, log=log_pieces(16384, 0), log_len=MIB, tail=1 << 30), "takes too long"),
        ("self.vhdx", chain(1, "self", **deep), "loop"),
        ("two.vhdx", chain(2, "loop", **deep), "loop"),
        ("deep-250.vhdx", chain(250, "base"), None),
        ("deep-300.vhdx", chain(300, "base", **deep), "limit"),
        ("locator-others.vhdx", locators([("k%d" % i, "v" * 1900) for i in range(252)] + linkage), "missing"),
        ("locator-same.vhdx", locators(linkage[:1] * 253 + linkage[1:]), "missing"),
        ("locator-long.vhdx", locators(linkage[:1] + [(k, "..\\" * 1300 + "nobody-has-this.vhdx") for k in ("relative_path", "volume_path", "absolute_win32_path")]), "missing"),
        ("same.vhd", vhd_dense(2040 << 30, MIB, [0]), None),
        ("backwards.vhd", vhd_dense(2040 << 30, MIB, [3 * 2049, 2 * 2049, 2049, 0]), None),
        ("small-blocks.vhd", vhd_dense(2 << 30, 512, [6, 4, 2, 0]), None),
        ("too-many-blocks.vhd", lambda path: hostile_media.vhd(path, 1, size=4 << 30, block=512), "limit"),
    ]

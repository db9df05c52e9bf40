#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`isopod disk` and a VHDX whose log is not empty: written here after [MS-VHDX] 2.3, and replayed by QEMU too."""
import json, random, struct, uuid

from cli_common import *
from crc32c import crc32c


def sealed(data):
    """With the checksum over all of it, itself taken as zeros."""
    data = data[:4] + bytes(4) + data[8:]
    return data[:4] + struct.pack("<I", crc32c(data)) + data[8:]


def entry(guid, seq, tail, writes, zeros, file_size):
    """One log entry: 4 KiB writes and zeroed ranges, both by file offset."""
    descriptors = b"".join(struct.pack("<4s4s8sQQ", b"desc", d[-4:], d[:8], at, seq) for at, d in writes)
    descriptors += b"".join(struct.pack("<4sIQQQ", b"zero", 0, n, at, seq) for at, n in zeros)
    sectors = b"".join(b"data" + struct.pack("<I", seq >> 32) + d[8:-4] + struct.pack("<I", seq & 0xFFFFFFFF) for _, d in writes)
    head = struct.pack("<4sIIIQII16sQQ", b"loge", 0, 4096 + len(sectors), tail, seq, len(writes) + len(zeros), 0, guid, file_size, file_size)
    return sealed((head + descriptors).ljust(4096, b"\0") + sectors)


def put_log(path, guid, entries):
    """Puts them into the log and names it in both headers."""
    with open(path, "r+b") as f:
        for at in (65536, 131072):
            f.seek(at)
            header = f.read(4096)
            size, log_at = struct.unpack_from("<IQ", header, 68)
            f.seek(at)
            f.write(sealed(header[:48] + guid + header[64:]))
        f.seek(log_at)
        f.write(b"".join(entries).ljust(size, b"\0"))


def same(path, what):
    r = run("qemu-img", "compare", "-f", "vhdx", "-F", "raw", path, "want.raw")
    check(r.returncode == 0 and "identical" in r.stdout, "%s: qemu-img compare: %s" % (what, r.stdout.strip()))


def info():
    return json.loads(must("disk", "info", "a.vhdx", "--json").out)


def replay():
    noise("p.raw", 12 * MIB, 7)
    run("qemu-img", "convert", "-f", "raw", "-O", "vhdx", "-o", "subformat=dynamic,block_size=1M", "p.raw", "a.vhdx", check=True)
    raw, file = bytearray(open("p.raw", "rb").read()), open("a.vhdx", "rb").read()
    places = [3 * MIB + 8192, 7 * MIB, 9 * MIB + 65536, 10 * MIB]
    at = [file.index(bytes(raw[p:p + 4096])) for p in places]
    new = [random.Random(i).randbytes(4096) for i in range(3)]
    guid = uuid.UUID("5f3c7f0e-9a61-4c3a-8c43-3a9d0e6a1f10").bytes_le
    # Two entries, the second of which writes over a place of the first; one of an older life of the log; one that was torn.
    seq = 1 << 33
    first = entry(guid, seq, 0, [(at[0], new[0]), (at[1], new[1])], [(at[2], 65536)], len(file))
    second = entry(guid, seq + 1, 0, [(at[1], new[2])], [], len(file))
    stale = entry(b"\1" * 16, seq + 2, 0, [(at[3], new[0])], [], len(file))
    torn = bytearray(entry(guid, seq + 3, 0, [(at[3], new[1])], [], len(file)))
    torn[5000] ^= 1
    put_log("a.vhdx", guid, (first, second, stale, torn))
    raw[places[0]:places[0] + 4096] = new[0]
    raw[places[1]:places[1] + 4096] = new[2]
    raw[places[2]:places[2] + 65536] = bytes(65536)
    with open("want.raw", "wb") as f:
        f.write(raw)
    run("cp", "a.vhdx", "qemu.vhdx")
    r = run("qemu-img", "check", "-r", "all", "-f", "vhdx", "qemu.vhdx")
    check(r.returncode == 0, "QEMU replays the log: " + r.stdout.strip())
    same("qemu.vhdx", "what QEMU finds in the log")
    before = sha256("a.vhdx")
    equal(info()["chain"][0]["log_dirty"], True, "a log that is not empty is told of")
    must("disk", "convert", "a.vhdx", "out.raw")
    check(sha256("out.raw") == sha256("want.raw"), "a log replayed in memory")
    equal(sha256("a.vhdx"), before, "reading changes nothing")
    must("disk", "check", "a.vhdx", "--repair")
    equal(info()["chain"][0]["log_dirty"], False, "a log replayed on disk")
    same("a.vhdx", "a log replayed on disk")
    check(run("qemu-img", "check", "-f", "vhdx", "a.vhdx").returncode == 0, "a log replayed on disk: qemu-img check")


with workdir():
    replay()
finish()

# SPDX-License-Identifier: BSD-2-Clause
"""The state file's records, from the field tables in core/trace/record.h: written and read here a second time, in another
language, so that the two can be held against each other."""
import binascii
import struct

SIZE, SECTOR, BOOTS, LOGS = 262144, 512, 36, 6
BOOT_OFF, LOG_OFF, LOG_SIZE = 0x2000, 0x26000, 16384
MACHINE, IMAGE, PROGRESS, LINUX, MESSAGE, LOG, WINDOWS, SCREEN = 1, 2, 3, 4, 5, 6, 7, 8
STAGE = {"started": 1, "menu": 2, "chosen": 3, "planned": 4, "loader-started": 5, "loader-returned": 6, "exit-boot-services": 7,
         "start-failed": 8, "shim-started": 32, "init-executed": 33, "stick-found": 34, "shown": 35, "medium-mounted": 36,
         "root-switched": 37, "not-shown": 38, "rescue-shell": 39, "log-saved": 40, "watch-ended": 41, "lives-in-initrd": 42, "helper-started": 48, "drivers-loaded": 49,
         "volume-found": 50, "iso-attached": 51, "handed-over": 52, "volume-missing": 53, "iso-not-attached": 54, "program-failed": 55,
         "driver-failed": 56, "program-ended": 57}
NAME = {v: k for k, v in STAGE.items()}


def slot(n):
    return BOOT_OFF + n % BOOTS * 4096


def log_slot(n):
    return LOG_OFF + n % LOGS * LOG_SIZE


def sector(kind, boot, update, fields):
    """fields: {offset: bytes}."""
    s = bytearray(SECTOR)
    struct.pack_into("<8sIIBxxxI", s, 0, b"ISOPODR1", 0, boot, kind, update)
    for at, data in fields.items():
        assert 0x18 <= at and at + len(data) <= SECTOR, (at, data)
        s[at:at + len(data)] = data
    struct.pack_into("<I", s, 8, binascii.crc32(s))
    return bytes(s)


def stages(events):
    """[("name", ms, arg)...]"""
    return b"".join(struct.pack("<BxxxII", STAGE[n], ms, arg) for n, ms, arg in events)


def u32(v):
    return struct.pack("<I", v)


def u64(v):
    return struct.pack("<Q", v)


def machine(boot, firmware=2, secure=1, flags=3, clock=1700000000, memory=2 << 30, largest=1 << 30, low=1 << 30, maker="", product="", bios="",
            stick=8 << 30):
    return sector(MACHINE, boot, 1, {0x18: u32(firmware), 0x1c: bytes([secure, flags]), 0x20: u64(clock), 0x28: u64(memory), 0x30: u64(largest),
                                     0x38: u64(low), 0x48: u64(stick), 0x50: u32(512), 0xd0: maker.encode(), 0x110: product.encode(),
                                     0x190: bios.encode()})


def image(boot, path="/images/x.iso", size=1 << 20, volume=0, disk=0, memory=0, flags=0, crc=0, kind=1, entry=0, initrds=0, label=""):
    p = path.encode()
    return sector(IMAGE, boot, 1, {0x18: u64(size), 0x20: u64(volume), 0x28: u64(disk or size), 0x30: u64(memory), 0x38: u32(flags), 0x3c: u32(crc),
                                   0x48: bytes([kind]), 0x4a: struct.pack("<h", entry), 0x4c: struct.pack("<H", initrds), 0x50: u32(1),
                                   0x54: u32(len(p)), 0x58: label.encode(), 0x98: p})


def progress(boot, update, ms, events, flags=0, read=0, reads=0, last=(0, 0), last_ms=0, errors=0, error=(0, 0, 0), outside=0, outside_off=0,
             read_ms=0, slow=(), arguments=""):
    f = {0x18: u32(ms), 0x1c: bytes([len(events), flags]), 0x20: u64(read), 0x28: u32(reads), 0x2c: u32(last[1]), 0x30: u64(last[0]),
         0x40: u32(errors), 0x44: u32(error[1]), 0x48: u64(error[0]), 0x50: u32(outside), 0x54: u32(read_ms), 0x58: u64(outside_off),
         0x90: stages(events), 0x120: u32(error[2]), 0x124: u32(last_ms), 0x12c: arguments.encode()}
    for n, (off, took) in enumerate(slow):
        f[0x60 + 12 * n] = u64(off) + u32(took)
    return sector(PROGRESS, boot, update, f)


def linux(boot, update, ms, events, log_len=0, usb=0, memory=0, available=0, release="", disk="", device="", fs="", mount=""):
    return sector(LINUX, boot, update, {0x18: u32(ms), 0x1c: bytes([len(events)]), 0x20: u32(log_len), 0x24: u32(usb), 0x28: u32(memory),
                                        0x2c: u32(available), 0x30: release.encode(), 0x70: disk.encode(), 0x88: device.encode(),
                                        0xb0: fs.encode(), 0xc0: mount.encode(), 0x100: stages(events)})


def windows(boot, update, ms, events, letter="", version=10 << 16, build=22621, loaded=0, failed=0, controller="", program="winpeshl.exe"):
    return sector(WINDOWS, boot, update, {0x18: u32(ms), 0x1c: bytes([len(events), ord(letter or "\0")]), 0x20: u32(version), 0x24: u32(build),
                                          0x28: u32(loaded), 0x2c: u32(failed), 0x30: controller.encode(), 0x70: program.encode(),
                                          0x100: stages(events)})


def message(boot, status, text):
    t = text.encode()
    return sector(MESSAGE, boot, 1, {0x18: u32(status), 0x1c: u32(len(t)), 0x20: t})


def screen(boot, text, ms=5000):
    t = text.encode()
    return sector(SCREEN, boot, 1, {0x18: u32(ms), 0x1c: u32(len(t)), 0x20: t})


def put_boot(state, n, *sectors):
    """Puts each sector to its place in the boot's slot."""
    place = {MACHINE: 0, IMAGE: 1, MESSAGE: 6, SCREEN: 7}
    for s in sectors:
        kind, update = s[0x10], struct.unpack_from("<I", s, 0x14)[0]
        at = place.get(kind, {PROGRESS: 2, LINUX: 4, WINDOWS: 4}.get(kind, 0) + (update - 1) % 2)
        state[slot(n) + at * SECTOR:slot(n) + (at + 1) * SECTOR] = s


def put_log(state, n, text):
    t = text.encode()
    head = sector(LOG, n, 1, {0x18: u32(len(t)), 0x1c: u32(binascii.crc32(t))})
    at = log_slot(n)
    state[at:at + SECTOR + len(t)] = head + t


def valid(s, kind, n):
    z = bytearray(s)
    z[8:12] = bytes(4)
    return s[:8] == b"ISOPODR1" and s[0x10] == kind and struct.unpack_from("<I", s, 12)[0] == n and \
        struct.unpack_from("<I", s, 8)[0] == binascii.crc32(z)


def text(b):
    return b.split(b"\0")[0].decode()


def read_linux(state, n):
    """The LINUX record that counts, as a dictionary; None."""
    best = None
    for at in (4, 5):
        s = state[slot(n) + at * SECTOR:slot(n) + (at + 1) * SECTOR]
        if valid(s, LINUX, n):
            update = struct.unpack_from("<I", s, 0x14)[0]
            if not best or update > best["update"]:
                events = [struct.unpack_from("<BxxxII", s, 0x100 + 12 * i) for i in range(s[0x1c])]
                best = {"update": update, "ms": struct.unpack_from("<I", s, 0x18)[0], "log": struct.unpack_from("<I", s, 0x20)[0],
                        "usb": struct.unpack_from("<I", s, 0x24)[0], "memory": struct.unpack_from("<I", s, 0x28)[0], "release": text(s[0x30:0x70]),
                        "disk": text(s[0x70:0x88]), "device": text(s[0x88:0xb0]), "fs": text(s[0xb0:0xc0]), "mount": text(s[0xc0:0x100]),
                        "stages": [NAME[e[0]] for e in events], "events": {NAME[e[0]]: e for e in events}}
    return best


def read_log(state, n):
    at = log_slot(n)
    s = state[at:at + SECTOR]
    length, crc = struct.unpack_from("<II", s, 0x18)
    t = state[at + SECTOR:at + SECTOR + length]
    return t.decode("utf-8", "replace") if valid(s, LOG, n) and binascii.crc32(t) == crc else None

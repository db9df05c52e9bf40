#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A LUKS2 volume of a filesystem image, as luks1.py makes one of LUKS1: luks2.py IMAGE OUT UUID PASSPHRASE. LUKS2 On-Disk Format Specification 1.1.3:
two headers of 16 KiB (a binary part of 4096 bytes, then JSON), one key slot by Argon2id with little memory, data from 16 MiB on, as cryptsetup lays it
out by itself."""

import base64
import ctypes
import hashlib
import json
import struct
import sys

import luks1

HEADER, DATA = 16384, 16 << 20
ROUNDS, TIME, MEMORY = 1000, 4, 4096  # of PBKDF2; of Argon2id, in passes and KiB


def argon2id(passphrase, salt):
    out = ctypes.create_string_buffer(luks1.KEY)
    size = ctypes.c_size_t
    if ctypes.CDLL("libargon2.so.1").argon2id_hash_raw(TIME, MEMORY, 1, passphrase, size(len(passphrase)), salt, size(len(salt)), out, size(luks1.KEY)):
        sys.exit("no Argon2id")
    return out.raw


def text(data):
    return base64.b64encode(data).decode()


def description(slot_len, salts, digest):
    area = {"type": "raw", "offset": str(2 * HEADER), "size": str(slot_len), "encryption": "aes-xts-plain64", "key_size": luks1.KEY}
    slot = {"type": "luks2", "key_size": luks1.KEY, "af": {"type": "luks1", "stripes": luks1.STRIPES, "hash": "sha256"}, "area": area,
            "kdf": {"type": "argon2id", "time": TIME, "memory": MEMORY, "cpus": 1, "salt": text(salts[0])}}
    segment = {"type": "crypt", "offset": str(DATA), "size": "dynamic", "iv_tweak": "0", "encryption": "aes-xts-plain64", "sector_size": luks1.SECTOR}
    proof = {"type": "pbkdf2", "keyslots": ["0"], "segments": ["0"], "hash": "sha256", "iterations": ROUNDS, "salt": text(salts[1]), "digest": text(digest)}
    return json.dumps({"keyslots": {"0": slot}, "tokens": {}, "segments": {"0": segment}, "digests": {"0": proof},
                       "config": {"json_size": str(HEADER - 4096), "keyslots_size": str(DATA - 2 * HEADER)}}).encode()


def header(second, uuid, what):
    out = bytearray(HEADER)
    out[:0x100] = struct.pack(">6sHQQ48s32s64s40s48s", b"SKUL\xba\xbe" if second else b"LUKS\xba\xbe", 2, HEADER, 1, b"", b"sha256",
                              luks1.random(uuid, f"head {second}", 64), uuid.encode(), b"")[:0x100]
    out[0x100:0x108] = struct.pack(">Q", HEADER if second else 0)
    out[4096:4096 + len(what)] = what
    out[0x1c0:0x1e0] = hashlib.sha256(out).digest()
    return bytes(out)


def main(image, out, uuid, passphrase):
    key = luks1.random(uuid, "key", luks1.KEY)
    salts = [luks1.random(uuid, f"salt {i}", 32) for i in range(2)]
    slot = luks1.Xts(argon2id(passphrase.encode(), salts[0])).encrypt(luks1.split(key, uuid))
    slot_len = -(-len(slot) // 4096) * 4096
    what = description(slot_len, salts, hashlib.pbkdf2_hmac("sha256", key, salts[1], ROUNDS, 32))
    with open(image, "rb") as f, open(out, "wb") as to:
        to.write(header(0, uuid, what) + header(1, uuid, what) + slot)
        to.seek(DATA)
        xts, at = luks1.Xts(key), 0
        while data := f.read(1 << 20):
            to.write(xts.encrypt(data, at))
            at += len(data) // luks1.SECTOR


if __name__ == "__main__":
    main(*sys.argv[1:])

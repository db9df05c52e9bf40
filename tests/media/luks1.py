#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A LUKS1 volume of a filesystem image, without cryptsetup, device-mapper or root: luks1.py IMAGE OUT UUID PASSPHRASE. LUKS On-Disk Format
Specification 1.2.3, clauses 2 to 4: aes-xts-plain64 with two keys of 256 bits, SHA-256, one key slot; so few rounds that an emulated machine opens it at
once. No secret: whatever is random in a real one comes out of the UUID here, so that two runs make the same."""

import ctypes
import hashlib
import struct
import sys

SECTOR = 512
KEY = 64
STRIPES = 4000
ROUNDS = 1000
SLOT, PAYLOAD = 8, 4096  # sectors
ENABLED, DISABLED = 0x00AC71F3, 0x0000DEAD


class Xts:
    """AES-256-XTS of libcrypto, sector by sector."""

    def __init__(self, key):
        self.lib, self.key = ctypes.CDLL("libcrypto.so.3"), key
        for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_xts"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.cipher = ctypes.c_void_p(self.lib.EVP_aes_256_xts())
        self.ctx = ctypes.c_void_p(self.lib.EVP_CIPHER_CTX_new())
        if self.lib.EVP_EncryptInit_ex(self.ctx, self.cipher, None, key, None) != 1:
            sys.exit("no AES-XTS")

    def encrypt(self, data, first=0):
        out, n = ctypes.create_string_buffer(len(data)), ctypes.c_int()
        source = ctypes.create_string_buffer(data, len(data))
        for at in range(0, len(data), SECTOR):
            iv = struct.pack("<QQ", first + at // SECTOR, 0)
            if (self.lib.EVP_EncryptInit_ex(self.ctx, None, None, None, iv) != 1 or self.lib.EVP_EncryptUpdate(
                    self.ctx, ctypes.byref(out, at), ctypes.byref(n), ctypes.byref(source, at), SECTOR) != 1 or n.value != SECTOR):
                sys.exit("AES-XTS failed")
        return out.raw


def random(seed, what, size):
    return hashlib.shake_256(f"{seed} {what}".encode()).digest(size)


def diffuse(block):
    out = b""
    for i in range(0, len(block), 32):
        out += hashlib.sha256(struct.pack(">I", i // 32) + block[i:i + 32]).digest()[:len(block) - i]
    return out


def split(key, seed):
    """The key in stripes, all of which are needed to know it again."""
    d, out = bytes(KEY), b""
    for i in range(STRIPES - 1):
        s = random(seed, f"stripe {i}", KEY)
        out += s
        d = diffuse(bytes(a ^ b for a, b in zip(d, s)))
    return out + bytes(a ^ b for a, b in zip(d, key))


def main(image, out, uuid, passphrase):
    key = random(uuid, "key", KEY)
    salts = [random(uuid, f"salt {i}", 32) for i in range(9)]
    head = struct.pack(">6sH32s32s32sII20s32sI40s", b"LUKS\xba\xbe", 1, b"aes", b"xts-plain64", b"sha256", PAYLOAD, KEY,
                       hashlib.pbkdf2_hmac("sha256", key, salts[8], ROUNDS, 20), salts[8], ROUNDS, uuid.encode())
    material = -(-KEY * STRIPES // 4096) * 8
    for i in range(8):
        head += struct.pack(">II32sII", DISABLED if i else ENABLED, 0 if i else ROUNDS, bytes(32) if i else salts[0], SLOT + i * material, STRIPES)
    slot = Xts(hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salts[0], ROUNDS, KEY)).encrypt(split(key, uuid))
    with open(image, "rb") as f, open(out, "wb") as to:
        to.write(head)
        to.seek(SLOT * SECTOR)
        to.write(slot)
        to.seek(PAYLOAD * SECTOR)
        xts, at = Xts(key), 0
        while data := f.read(1 << 20):
            to.write(xts.encrypt(data, at))
            at += len(data) // SECTOR


if __name__ == "__main__":
    main(*sys.argv[1:])

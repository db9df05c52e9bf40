# SPDX-License-Identifier: BSD-2-Clause
"""CRC-32C (Castagnoli), as VHDX and layer stores have it."""


def crc_table():
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        yield n


CRC = list(crc_table())


def crc32c(data):
    c, table = 0xFFFFFFFF, CRC
    for b in data:
        c = c >> 8 ^ table[(c ^ b) & 255]
    return c ^ 0xFFFFFFFF

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fonts of the boot manager, made from GNU Unifont's .hex file (Debian package unifont).

  mkfont.py bin UNIFONT.hex FONT.BIN     every glyph of the BMP but surrogates and private use; layout in doc/FORMATS/font.md
  mkfont.py c   UNIFONT.hex OUT.c        the glyphs compiled into the boot manager: ASCII, Latin-1, some punctuation, arrows, box drawing

A line of the .hex file is "CODE:BITS": 32 hex digits for a glyph of 8 x 16 pixels, 64 for 16 x 16.
"""
import struct
import sys
import zlib

BUILTIN = (
    list(range(0x20, 0x7F)) + list(range(0xA0, 0x100)) + [0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2026]
    + [0x2190, 0x2191, 0x2192, 0x2193, 0x2500, 0x2502, 0x2590, 0x2595] + [ord(c) for c in "简体中文"]
)


def read_hex(path):
    glyphs = {}
    with open(path, encoding="ascii") as f:
        for line in f:
            code, bits = line.strip().split(":")
            code = int(code, 16)
            if code > 0xFFFF or code < 0x20 or 0xD800 <= code <= 0xF8FF:
                continue
            data = bytes.fromhex(bits)
            if len(data) not in (16, 32):
                raise SystemExit(f"{path}: U+{code:04X} has {len(data)} bytes")
            glyphs[code] = data
    return glyphs


def write_bin(glyphs, path):
    head_size = 0x20 + 256 * 4
    body, index = bytearray(), []
    for block in range(256):
        have = [c for c in range(block * 256, block * 256 + 256) if c in glyphs]
        if not have:
            index.append(0)
            continue
        index.append(head_size + len(body))
        present, wide = bytearray(32), bytearray(32)
        for c in have:
            n = c & 255
            present[n >> 3] |= 1 << (n & 7)
            if len(glyphs[c]) == 32:
                wide[n >> 3] |= 1 << (n & 7)
        body += present + wide + b"".join(glyphs[c] for c in have)
    size = head_size + len(body)
    tail = struct.pack("<H14x", 16) + struct.pack("<256I", *index)
    crc = zlib.crc32(b"ISOPODF1" + struct.pack("<II", size, 0) + tail)
    with open(path, "wb") as f:
        f.write(b"ISOPODF1" + struct.pack("<II", size, crc) + tail + body)


def write_c(glyphs, path):
    runs, data = [], bytearray()
    for c in sorted(BUILTIN):
        g = glyphs[c]
        wide = len(g) == 32
        if runs and runs[-1][0] + runs[-1][1] == c and runs[-1][3] == wide:
            runs[-1][1] += 1
        else:
            runs.append([c, 1, len(data), wide])
        data += g
    with open(path, "w", encoding="ascii") as f:
        f.write("/* Made by tools/mkfont.py from GNU Unifont. */\n#include \"boot/menu/font.h\"\n")
        f.write("const struct menu_glyph_run menu_builtin_run[] = {\n")
        for first, count, off, wide in runs:
            f.write(f"\t{{0x{first:04x}, {count}, {off}, {'true' if wide else 'false'}}},\n")
        f.write("};\nconst size_t menu_builtin_run_count = POD_ARRAY_LEN(menu_builtin_run);\n")
        f.write("const uint8_t menu_builtin_bits[] = {\n")
        for i in range(0, len(data), 16):
            f.write("\t" + "".join(f"0x{b:02x}," for b in data[i : i + 16]) + "\n")
        f.write("};\n")


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("bin", "c"):
        raise SystemExit(__doc__)
    glyphs = read_hex(sys.argv[2])
    (write_bin if sys.argv[1] == "bin" else write_c)(glyphs, sys.argv[3])


main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Inputs that once found something are kept as text, so that the tree holds no binaries: a first line "size N", then lines
"OFFSET: HEX..." of 16 bytes for what is not zero; "#" starts a comment (what it found).

hex.py pack FILE              prints FILE in that form
hex.py unpack FOLDER INTO     writes each FOLDER/*.hex as INTO/<name>"""
import pathlib
import sys


def pack(data):
    lines = [f"size {len(data)}"]
    for at in range(0, len(data), 16):
        row = data[at:at + 16]
        if any(row):
            lines.append(f"{at:06x}: {row.hex(' ')}")
    return "\n".join(lines) + "\n"


def unpack(text):
    data = bytearray()
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("size "):
            data = bytearray(int(line[5:]))
        elif line:
            at, row = line.split(":")
            row = bytes.fromhex(row)
            data[int(at, 16):int(at, 16) + len(row)] = row
    return bytes(data)


def main():
    if sys.argv[1:2] == ["pack"] and len(sys.argv) == 3:
        sys.stdout.write(pack(pathlib.Path(sys.argv[2]).read_bytes()))
    elif sys.argv[1:2] == ["unpack"] and len(sys.argv) == 4:
        for p in sorted(pathlib.Path(sys.argv[2]).glob("*.hex")):
            (pathlib.Path(sys.argv[3]) / p.stem).write_bytes(unpack(p.read_text()))
    else:
        sys.exit(__doc__)


main()

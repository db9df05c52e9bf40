# SPDX-License-Identifier: BSD-2-Clause
"""After a boot the stick is what it was before, but for its state file and what the case says is written to."""

import json
import mmap
import os
import subprocess

from vm import BootError

STEP, SECTOR = 4 << 20, 512


def partitions(path):
    table = json.loads(subprocess.run(["/usr/sbin/sfdisk", "--json", path], check=True, capture_output=True, text=True).stdout)["partitiontable"]
    return [(p["start"] * SECTOR, (p["start"] + p["size"]) * SECTOR) for p in table["partitions"]]


def state_file(path):
    """First byte and end of the state file, found by the cluster numbers that mtools prints."""
    esp = partitions(path)[1][0]
    shown = subprocess.run(["mshowfat", "-i", "%s@@%d" % (path, esp), "::ISOPOD/STATE.BIN"], check=True, capture_output=True, text=True).stdout
    first, last = (int(x) for x in shown[shown.index("<") + 1:shown.index(">")].split("-"))
    with open(path, "rb") as f:
        f.seek(esp)
        b = f.read(SECTOR)

    def number(at, n):
        return int.from_bytes(b[at:at + n], "little")
    cluster = b[13] * SECTOR
    data = esp + (number(14, 2) + b[16] * number(22, 2)) * SECTOR + number(17, 2) * 32
    return data + (first - 2) * cluster, data + (last - 1) * cluster


def file_on(env, stick, path):
    """First byte and end of each piece of an image on the stick."""
    r = subprocess.run([env.isopod, "plan", "%s:%s" % (stick, path), "--json"], capture_output=True, text=True)
    return [(e["source"], e["source"] + e["length"]) for e in json.loads(r.stdout)["extents"]]


def changed(before, after):
    """Sectors in which two files of the same length differ, as ranges of bytes. What is a hole in both is not read."""
    out = []
    with open(before, "rb") as a, open(after, "rb") as b:
        size = os.fstat(a.fileno()).st_size
        if size != os.fstat(b.fileno()).st_size:
            raise BootError("the stick has another length")
        x, y = (mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) for f in (a, b))
        vx, vy = memoryview(x), memoryview(y)
        at = 0
        while at < size:
            data = [os.lseek(f.fileno(), at, os.SEEK_DATA) if has_data(f, at) else size for f in (a, b)]
            at = min(data) // SECTOR * SECTOR
            end = min(at + STEP, size)
            if at < end and vx[at:end] != vy[at:end]:
                for s in range(at, end, SECTOR):
                    if vx[s:s + SECTOR] != vy[s:s + SECTOR]:
                        if out and out[-1][1] == s:
                            out[-1] = (out[-1][0], s + SECTOR)
                        else:
                            out.append((s, s + SECTOR))
            at = end
        vx.release()
        vy.release()
        x.close()
        y.close()
    return out


def has_data(f, at):
    try:
        return os.lseek(f.fileno(), at, os.SEEK_DATA) >= at
    except OSError:
        return False


def check(env, case, before, after):
    """case.touches: "" (the state file alone), "image" (and the image's own file), "esp", "data" (the data partition), or "array" (where partition
    mode leaves its own entries of a GPT, which no header names any more)."""
    allowed = [state_file(before)]
    if case.touches == "image":
        allowed += file_on(env, before, case.file)
    elif case.touches == "esp":
        allowed.append(partitions(before)[1])
    elif case.touches == "data":
        allowed.append(partitions(before)[0])
    elif case.touches == "array":
        allowed.append((2016 * SECTOR, 2048 * SECTOR))
    beside = [(s, e) for s, e in changed(before, after) if not any(a <= s and e <= b for a, b in allowed)]
    if beside:
        raise BootError("the stick was written to where nothing may be written: %d bytes in %d places, first at byte %d (partitions %s)"
                        % (sum(e - s for s, e in beside), len(beside), beside[0][0], partitions(before)))

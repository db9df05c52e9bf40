# SPDX-License-Identifier: BSD-2-Clause
"""A stick's state file, found by programs that we did not write; and what `isopod trace` says about it."""
import json, re, struct

from cli_common import check, isopod
from common import run


class Stick:
    """The state file is read and written where mtools says that it lies."""

    def __init__(self, path):
        self.path = path
        parts = json.loads(run("sfdisk", "-J", path))["partitiontable"]["partitions"]
        esp = parts[1]["start"] * 512
        shown = run("mshowfat", "-i", f"{path}@@{esp}", "::/ISOPOD/STATE.BIN").decode()
        first = int(re.search(r"<(\d+)-\d+>", shown)[1])
        b = open(path, "rb")
        b.seek(esp)
        boot = b.read(512)
        sector, cluster, reserved, fats, entries, fat = (*struct.unpack_from("<HBHBH", boot, 11), struct.unpack_from("<H", boot, 22)[0])
        self.at = esp + (reserved + fats * fat) * sector + entries * 32 + (first - 2) * cluster * sector
        b.close()

    def put(self, state):
        with open(self.path, "r+b") as f:
            f.seek(self.at)
            f.write(state)

    def trace(self, *args, **kw):
        return isopod("trace", self.path, *args, **kw)

    def boots(self, *args, rc=None):
        r = self.trace("--json", *args)
        check(rc is None or r.rc == rc, f"status {r.rc}, want {rc}: {r.err}")
        return json.loads(r.out)

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Includes point down only: every #include "..." of the tree against tests/rooms.txt. The core includes nothing from outside but the
freestanding headers of C. Ends with the wrong ones, one a line, and status 1 if there are any; with --made-up it looks at includes that
must be refused, and at some that must not, instead of at the tree."""
import os, re, subprocess, sys

FREESTANDING = {"float.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h"}
GENERATED = {"libraries.h": "cli"}  # by tools/libraries.sh
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def read_rooms():
    rooms = {}
    for line in open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "rooms.txt"), encoding="utf-8"):
        line = line.split("#")[0].strip()
        if line:
            room, below = line.split(":")
            rooms[room] = below.split()
    return rooms


ROOMS = read_rooms()


def room_of(path):
    """The longest name of a room that the path is in, or None. A file in a folder of its own is in no room but that folder's."""
    folder = os.path.dirname(path)
    if folder.split("/")[0] == "tests":
        return "tests"
    return folder if folder in ROOMS else None


def reach(room):
    """The rooms that a room may include."""
    got = {room}
    for below in ROOMS[room]:
        if below[0] == "=":
            got.add(below[1:])
        elif below not in got:
            got |= reach(below)
    return got


def wrong(path, text):
    """What is wrong with the includes of a file, a sentence each."""
    room = room_of(path)
    if room is None:
        yield "%s: its folder is not named in tests/rooms.txt" % path
        return
    may = reach(room) if "*" not in ROOMS[room] else None
    for name, system in INCLUDE.findall(text):
        if system:
            if path.startswith("core/") and system not in FREESTANDING:
                yield "%s: the core is freestanding and must not include <%s>" % (path, system)
            continue
        if may is None or (name in GENERATED and path.startswith(GENERATED[name] + "/")):
            continue
        if "/" not in name:
            yield "%s: \"%s\": name it from the top of the tree" % (path, name)
        elif room_of(name) not in may:
            yield "%s: %s must not include \"%s\"; it may include: %s" % (path, room, name, " ".join(sorted(may)))


MADE_UP = [  # file, what it includes, is it allowed
    ("core/fs/a.c", '"core/disk/dev.h"', True), ("core/fs/a.c", '"core/plan/plan.h"', False), ("core/base/a.c", '"core/disk/dev.h"', False),
    ("core/trace/a.h", '"core/vhd/vhd.h"', True), ("core/map/a.c", '"core/vhd/vhd.h"', False), ("core/vhd/a.c", "<stdlib.h>", False),
    ("core/vhd/a.c", "<stdint.h>", True), ("core/vhd/a.c", '"tests/fuzz/fuzz.h"', False), ("boot/menu/a.c", '"boot/efi/efi.h"', False),
    ("boot/bios/a.c", '"boot/efi/efi.h"', False), ("boot/efi/a.c", '"boot/boot.h"', True), ("boot/efi/a.c", '"cli/cli.h"', False),
    ("linux/a.c", '"boot/boot.h"', False), ("linux/a.c", '"core/map/handover.h"', True), ("cli/disk/a.c", '"linux/sys.h"', False),
    ("cli/stick/a.c", '"cli/layer/store.h"', False), ("cli/layer/a.c", '"cli/stick/target.h"', True),
    ("cli/doctor/a.c", '"cli/cmd/plan.h"', False), ("cli/nbd/a.c", '"cli/vm/qmp.h"', False), ("cli/host/a.c", '"cli/ui/json.h"', True),
    ("core/new/a.c", '"core/base/str.h"', False), ("core/fs/a.c", '"fs.h"', False), ("tests/unit/a.c", '"boot/efi/efi.h"', True)]


def main():
    if sys.argv[1:] == ["--made-up"]:
        bad = ["made up: %s with #include %s: %s" % (path, what, "refused" if allowed else "not refused")
               for path, what, allowed in MADE_UP if (not list(wrong(path, "#include %s\n" % what))) != allowed]
    else:
        files = subprocess.run(["git", "ls-files", "*.c", "*.h", "*.S"], stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout.split()
        bad = [w for f in files for w in wrong(f, open(f, encoding="utf-8").read())]
    print("\n".join(bad))
    return 1 if bad else 0


sys.exit(main())

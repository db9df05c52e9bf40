#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Files of the menu call only those of their own layer and of lower ones, and never in a circle: read from the symbols of the objects
in $B/host/boot/menu. Prints the picture with --draw."""

import os
import subprocess
import sys

# From the bottom; boot/menu/menu.h tells what they are for.
LAYERS = [
    ["font"],
    ["date", "gfx", "escape", "serial", "screen", "keys"],
    ["stick", "scan", "store", "rollback", "spare", "persist", "language"],
    ["view", "box", "choose", "pager"],
    ["last", "journal", "before", "persist_keep", "start", "memory", "partition", "looking", "launch", "probe", "images", "arguments", "snapshots", "own", "pages", "story", "browse"],
    ["main"],
]


def symbols(path, kinds):
    out = subprocess.run(["nm", "-P", path], check=True, capture_output=True, text=True).stdout
    return {f[0] for f in (line.split() for line in out.splitlines()) if f[1] in kinds}


def circle(calls):
    """A list of files that call each other in a circle, or []."""
    done = set()

    def walk(name, way):
        if name in way:
            return way[way.index(name):] + [name]
        if name in done:
            return []
        for other in sorted(calls[name]):
            found = walk(other, way + [name])
            if found:
                return found
        done.add(name)
        return []

    for name in sorted(calls):
        found = walk(name, [])
        if found:
            return found
    return []


def main():
    folder = os.path.join(os.environ.get("B", "build"), "host", "boot", "menu")
    layer = {name: n for n, names in enumerate(LAYERS) for name in names}
    sources = sorted(f[:-2] for f in os.listdir("boot/menu") if f.endswith(".c"))
    wrong = ["%s.c is in no layer of tests/build/layers.py" % n for n in sources if n not in layer]
    wrong += ["%s.c is not there" % n for n in layer if n not in sources]
    names = [n for n in sources if n in layer]
    home = {s: n for n in names for s in symbols(os.path.join(folder, n + ".o"), "TDBRC")}
    calls = {n: {home[s] for s in symbols(os.path.join(folder, n + ".o"), "U") if home.get(s, n) != n} for n in names}
    wrong += ["%s.c calls up to %s.c" % (n, o) for n in names for o in sorted(calls[n]) if layer[o] > layer[n]]
    if circle(calls):
        wrong.append("a circle: " + " -> ".join(circle(calls)))
    if sys.argv[1:] == ["--draw"]:
        for n in sorted(names, key=lambda n: layer[n]):
            print("%d %-8s %s" % (layer[n], n, " ".join(sorted(calls[n], key=lambda o: layer[o]))))
    if not home or not any(calls.values()):
        wrong.append("%s: no symbols" % folder)
    for w in wrong:
        print("FAILED", w)
    print("%d passed, %d failed" % (not wrong, len(wrong)))
    return 1 if wrong else 0


sys.exit(main())

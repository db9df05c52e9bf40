#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""VDI: each type, blocks that are nowhere, blocks twice."""
import foreign_seeds as s, sys

out = sys.argv[1]
for kind in range(6):
    s.put(out, "type%d" % kind, s.vdi(kind))
s.put(out, "nowhere", s.vdi(table=(0, 99, 0xfffffffd, 1)))
s.put(out, "twice", s.vdi(table=(1, 1, 1)))
s.put(out, "odd", s.vdi(size=3000))
s.put(out, "large", s.vdi(size=1 << 60))

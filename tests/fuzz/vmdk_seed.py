#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""VMDK: sparse, compressed, with a footer, texts that name one file or several, a parent."""
import foreign_seeds as s, sys

out = sys.argv[1]
own = s.TEXT % ("ffffffff", "RW 64 SPARSE \"a.vmdk\"\n")
s.put(out, "sparse", s.vmdk(text=own))
s.put(out, "zeroed", s.vmdk(flags=7))
s.put(out, "packed", s.vmdk(packed=True, text=own))
s.put(out, "footer", s.vmdk(packed=True, footer=True))
s.put(out, "parent", s.vmdk(text=s.TEXT % ("12345678", "parentFileNameHint=\"base.vmdk\"\n")))
s.put(out, "empty", s.vmdk(size=0, text=own))
s.put(out, "esxi", b"COWD".ljust(1024, b"\0"))
for name, lines in (("flat", "RW 1 FLAT \"a\" 0\nRW 2 FLAT \"..\\\\b\" 1\n"), ("zero", "RW 9 ZERO\n"), ("kinds", "RW 1 FLAT \"a\"\r\nRW 3 ZERO\r\nRW 8 SPARSE \"b\"\r\n"),
                    ("vmfs", "RW 1 VMFS \"a\"\n"), ("none", "NOACCESS 4 ZERO\n"), ("huge", "RW 99999999999999999999 ZERO\n"), ("no", "")):
    s.put(out, "text-" + name, (s.TEXT % ("ffffffff", lines)).encode().ljust(2048, b"\0"))

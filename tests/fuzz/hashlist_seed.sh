#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What the command writes, and what sha256sum does: escaped names, binary mode, "./" in front, carriage returns, no state, two lines for one.
h=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
printf '# size 123 mtime 1700000000\n%s  images/x.iso\n# size 0 mtime -5\n%s  \345\233\276.iso\n' $h $h >"$1/ours"
printf '%s *./x.iso\n\\%s  a\\nb\\\\c\n%s  images/y.iso\r\n%s  images/Y.iso\n' $h $h $h $h >"$1/sha256sum"
printf '# a comment\n# size 1\n\n%s  /rooted\n%s  no end' $h $h >"$1/odd"

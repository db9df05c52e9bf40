#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kind 0: flags width precision+1 length conversion size value text
printf '\000\002\005\000\000\000\100\373\377\377\377\377\377\377\377' >"$1/minus-five"
printf '\000\001\010\003\002\002\100\276\000\000\000\000\000\000\000' >"$1/hex"
printf '\000\000\010\003\000\004\100\000\000\000\000\000\000\000\000a text' >"$1/text"
printf '\001\000Isopod.ISO\000.iso' >"$1/strings"
printf '\002\011a\303\251\345\220\257\360\237\232\200\355\240\200' >"$1/utf8"
printf '\003\040a\000\075\330\200\336\000\330\257\124' >"$1/utf16"

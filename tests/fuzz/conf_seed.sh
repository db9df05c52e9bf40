#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
printf '# Isopod\ntimeout = 10\ndefault = /images/debian.iso\nlanguage = zh_CN\nview = folders\n' >"$1/plain"
printf '\357\273\277Timeout=5\r\nDEFAULT = a\\b.iso\r\nview=flat' >"$1/windows"
printf 'timeout = x\nwhat\n= y\nview = tree\nlanguage = en\nlanguage = fr\n' >"$1/wrong"

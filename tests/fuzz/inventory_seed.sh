#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The last four bytes of an input say which read or allocation fails: none here.
seed() { printf '%b\0\0\0\0' "$2" >"$1"; }
seed "$1/plain" 'isopod-inventory 1\n# remark\ntext /proc/x a\\nb\\x41\ndata /sys/z AAECAwQ=\nlink /sys/a ../ahci\ntext /sys/empty\n'
seed "$1/twice" 'isopod-inventory 1\r\ntext /x 1\r\ntext /x 2\r\n'
seed "$1/wrong" 'isopod-inventory 1\ntext x/../y z\n'
seed "$1/first" '{"json": 1}\n'

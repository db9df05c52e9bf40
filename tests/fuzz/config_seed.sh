#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
printf 'menuentry "x" {\n linux /live/vmlinuz\n initrd ($root)/a.img "/b c.img"\n}\n' >"$1/grub"
printf 'LABEL l\nKERNEL /k\nAPPEND initrd=/a,../b quiet\nINITRD c,d\n' >"$1/syslinux"

#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
printf 'menuentry "x" {\n linux /live/vmlinuz\n initrd ($root)/a.img "/b c.img"\n}\n' >"$1/grub"
printf 'LABEL l\nKERNEL /k\nAPPEND initrd=/a,../b quiet\nINITRD c,d\n' >"$1/syslinux"
printf 'title t\nlinux /k\ninitrd /a\ninitrd /b\noptions x\n' >"$1/bls"
printf 'set k=/a\nmultiboot2 /xen.gz\nmodule2 ($root)$k/v\nmodule2 (hd0)/i\nchainloader /k initrd=/j\n' >"$1/xen"
printf 'label x\nkernel mboot.c32\nappend /xen.gz a --- /v b --- /i\n' >"$1/modules"
printf 'default=0\ntitle A\nroot (hd0,0)\nkernel (cd)/k a quiet\ninitrd /i @n=/j\ntitle B\nkernel /xen.gz\nmodule /v a\nmodule /i\n' >"$1/legacy"
printf 'menuentry A {\n loader /k\n initrd /i\n options "ro quiet initrd=/j"\n submenuentry B {\n  add_options "a"\n }\n}\nmenuentry C {\n loader /k\n}\nmenuentry D {\n loader /k\n options a\n}\n' >"$1/refind"
printf '"A" "ro initrd=\\\\i quiet"\n# x\nB c\n"D" ""\n' >"$1/refind_linux"
hash=#$(printf '%0128d' 7)
printf '/A\nprotocol: linux\npath: boot():/k\ncmdline: a quiet\nmodule_path: boot():/i%s\n/B\nprotocol: linux\npath: boot():/k\n' "$hash" >"$1/limine"
printf ':A\nPROTOCOL=linux\nKERNEL_PATH=boot:///k\nMODULE_PATH=boot:///i%s\n' "$hash" >"$1/limine_cfg"

#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# "0": GRUB, "1": SYSLINUX, "2": the Boot Loader Specification, "3": GRUB Legacy, "4" and "5": rEFInd, "6": Limine.
printf '0set default="1>2"\nset k=/live\nif [ "$grub_platform" = "efi" ]; then\n source ${prefix}/x.cfg\nelif [ x$a != xb ]; then loadfont /f.pf2\nelse\n true\nfi\nfunction f {\n linux /x\n}\nmenuentry "L" --class a --id i $menuentry_id_option '"'j'"' {\n search --set=root --file /.disk/info\n linux ($root)$k/vmlinuz a\\\nb\n initrd newc:n:/a.img $k/b.img || true\n}\nsubmenu s { menuentry t { multiboot2 /x.gz; module2 --nounzip /m; chainloader /e.efi; loopback l /i.iso; } }\nfor x in a b; do linux $x; done\n' >"$1/grub"
printf '1UI vesamenu.c32\nDEFAULT l\nPATH /a:/b\nMENU INCLUDE x.cfg g\nINCLUDE ::/y.cfg\nLABEL l\n MENU DEFAULT\n MENU LABEL ^L\n KERNEL /k x\n APPEND initrd=/a,../b quiet\nLABEL m\n COM32 mboot.c32\n APPEND x.gz a --- k b --- i\nLABEL n\n LINUX k\n INITRD c,d\n CONFIG z.cfg\nLABEL o\n BSS b.bss\n' >"$1/syslinux"
printf '2title T\nversion 1\narchitecture x64\nlinux /k\ninitrd /a\ninitrd /b\ndevicetree /d\nefi /e.efi\noptions x\ndefault a*\n' >"$1/bls"
printf '3default 0\ntitle A\n root (hd0,0)\n kernel --x (hd0,0)/k a\n initrd /i @n=/j (cd)/l\niftitle [x] B\n kernel /xen.gz\n module /v a\n modulenounzip ()/i\n chainloader --force (hd0)/c\n configfile /d.lst\n' >"$1/legacy"
printf '4include a.conf\nmenuentry "A ""b" {\n volume x\n loader /k # c\n initrd = "\\\\i j"\n submenuentry B {\n  add_options "c"\n }\n options "d initrd=/e"\n}\nmenuentry C {\n loader f\n ostype Linux\n}\n' >"$1/refind"
printf '5"A" "ro initrd=\\\\i"\n# x\nB c\n"D" ""\n' >"$1/refind_linux"
hash=#$(printf '%0128d' 7)
printf '6timeout: 5\n/+A\nprotocol: linux\npath: boot():/k\ncmdline: a\nmodule_path: boot(2):/i%s\n//B\nprotocol: efi\nimage_path: fslabel(x):/b.efi\n' "$hash" >"$1/limine"
printf '6:A\nPROTOCOL=linux\nKERNEL_PATH=boot:///k\nMODULE_PATH=$guid://7/i%s\n' "$hash" >"$1/limine_cfg"

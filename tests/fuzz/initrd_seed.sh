#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Small initrds by cpio, in each packing, with microcode in front; depmod's files; an INF file.
set -euo pipefail
out=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
d=$tmp/t/lib/modules/6.1.0-9-isopod
mkdir -p "$d/kernel/fs" "$tmp/u/kernel/x86"
echo 'alias pci:v*d*sv*sd*bc01sc06i01* ahci' >"$d/modules.alias"
echo 'kernel/drivers/ata/ahci.ko' >"$d/modules.builtin"
printf 'ahci.license=GPL\0ahci.alias=pci:v*d*sv*sd*bc01sc06i01*\0' >"$d/modules.builtin.modinfo"
printf '\177ELF\0alias=fs-isofs\0' >"$d/kernel/fs/isofs.ko"
echo '#!/bin/sh' >"$tmp/t/init"
echo microcode >"$tmp/u/kernel/x86/m.bin"
pack() { (cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0); }
pack "$tmp/t" >"$tmp/plain"
pack "$tmp/u" >"$tmp/early"
tail4() { printf '\0\0\0\0'; }
{ printf x; cat "$tmp/plain"; tail4; } >"$out/plain"
for z in gzip bzip2 xz zstd lz4; do
	command -v "$z" >/dev/null || continue
	"$z" -c <"$tmp/plain" >"$tmp/packed"
	{ printf x; cat "$tmp/packed"; tail4; } >"$out/$z"
	{ printf x; cat "$tmp/early"; head -c 512 /dev/zero; cat "$tmp/packed"; head -c 8 /dev/zero; cat "$tmp/packed"; tail4; } >"$out/early-$z"
done
{ printf m; cat "$d/modules.alias"; } >"$out/alias"
{ printf m; cat "$d/modules.builtin.modinfo"; } >"$out/modinfo"
printf 'malias pci:*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b ahci\n' >"$out/stars"
printf 'i; x\r\n%%A%%=i, PCI\\VEN_8086&DEV_2922&CC_0106, PCI\\CC_010601 ; y\r\n' >"$out/inf"
{ printf i; printf '\377\376'; printf 'P\0C\0I\0\\\0C\0C\0_\0''0\0''1\0''0\0''6\0'; } >"$out/inf16"

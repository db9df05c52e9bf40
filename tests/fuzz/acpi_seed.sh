#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Tables as iasl makes them, and their text as acpidump would write it.
set -euo pipefail
out=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cat >"$tmp/dsdt.asl" <<'ASL'
DefinitionBlock ("dsdt.aml", "DSDT", 2, "ISOPOD", "SEED", 1)
{
    Name (\_S3, Package () { 1, 1, 0, 0 })
    Method (\_PTS, 1) { Return (Arg0) }
    Method (\_WAK, 1) { Return (Package () { 0, 0 }) }
}
ASL
(cd "$tmp" && iasl -p dsdt dsdt.asl >/dev/null 2>&1 && iasl -T FACP >/dev/null 2>&1 && iasl ./*facp.asl >/dev/null 2>&1) || true
for f in "$tmp"/*.aml; do
	[ -s "$f" ] || continue
	cp "$f" "$out/$(basename "$f" .aml)"
	{
		echo "DSDT @ 0x000000007FE00000"
		od -An -v -t x1 "$f" | awk '{ printf "    %04X:%s  text\n", (NR - 1) * 16, toupper($0) }'
		echo
	} >"$out/$(basename "$f" .aml).text"
done
printf 'RSD PTR \0ISOPOD\2\0\20\0\0\44\0\0\0\0\40\0\0\0\0\0\0\0\0\0\0' >"$out/rsdp"
printf 'XSDT\64\0\0\0\1\0ISOPODSEED    \1\0\0\0TEST\1\0\0\0\0\20\0\0\0\0\0\0\0\40\0\0\0\0\0\0' >"$out/xsdt"

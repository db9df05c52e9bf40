#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# libraries.sh CC HEADER NAME...: writes a header with the SONAME of each library -lNAME, as the linker would note it in a program, and
# with the Debian package that holds it (where there is no dpkg: with the library's name). Leaves a header that is still true alone.
set -eu
cc=$1 header=$2
shift 2
probe=$header.so flags=
for name; do
	flags="$flags -l$name"
done
# shellcheck disable=SC2086
"$cc" -shared -nostdlib -Wl,--no-as-needed -o "$probe" $flags
sonames=$(objdump -p "$probe" | awk '$1 == "NEEDED" { print $2 }')
rm -f "$probe"
first="/* By tools/libraries.sh, for $(echo "$sonames" | tr '\n' ' ')*/"
if [ -f "$header" ] && [ "$(head -n 1 "$header")" = "$first" ]; then
	exit 0
fi
{
	echo "$first"
	for name; do
		soname=$(echo "$sonames" | sed -n "/^lib$name\.so/p")
		if [ -z "$soname" ]; then
			echo "$0: the linker does not take lib$name for -l$name" >&2
			exit 1
		fi
		package=$(dpkg-query -S "*/$soname" 2>/dev/null | sed -n '1s/[:,].*//p')
		id=$(echo "$name" | tr -c '[:alnum:]\n' _)
		printf '#define SONAME_%s "%s"\n#define PACKAGE_%s "%s"\n' "$id" "$soname" "$id" "${package:-lib$name}"
	done
} >"$header.new"
mv "$header.new" "$header"

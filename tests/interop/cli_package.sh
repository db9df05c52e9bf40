#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What is installed: `make install` and `make deb` (twice: the same bytes), the catalogue's completeness, the manual pages, completion.
# Stands on stick files of its own, so that it needs no firmware toolchain.
set -u
B=${B:-build}
here=$(cd "$(dirname "$0")/../.." && pwd)
pass=0 fail=0
work=$(mktemp -d /tmp/isopod-package.XXXXXX)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8 LANGUAGE='' SOURCE_DATE_EPOCH=1767225600

is() {
	what=$1
	shift
	if out=$("$@" 2>&1); then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
		echo "FAILED $what: $out" | head -n 20
	fi
}

cd "$here" || exit 1
is "every message is translated" make -s B="$B" lint-po
is "messages are found" sh -c "ISOPOD_LOCALEDIR='$B/locale' LANGUAGE=zh_CN '$B/isopod' --help | grep -q 命令"

for page in doc/man/*.1; do
	is "$page" sh -c "test -z \"\$(man --warnings -E UTF-8 -l -Tutf8 -Z '$page' 2>&1 >/dev/null)\""
done
# each option that --help names is on the manual page and in the completion
for cmd in create update add list remove move next plan vm export; do
	for opt in $("$B/isopod" "$cmd" --help | grep -o -e '--[a-z][a-z-]*' | sort -u); do
		is "isopod-$cmd.1 tells $opt" sh -c "tr -d '\\\\' <doc/man/isopod-$cmd.1 | grep -q -e '$opt'"
		is "completion knows $opt" grep -q -e "$opt" cli/completion/isopod
	done
done
# shellcheck disable=SC2016  # a script for bash
is "completion" bash -c '. cli/completion/isopod
	compopt() { :; }
	complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _isopod; echo "${COMPREPLY[*]}"; }
	[ "$(complete_words isopod cr)" = create ] || exit 1
	[ "$(complete_words isopod vm x --firmware uefi-i)" = uefi-ia32 ] || exit 2
	[ "$(complete_words isopod create --ta)" = --table ] || exit 3
	[ "$(complete_words isopod create x --table m)" = mbr ] || exit 4'

stick_files="mbr.bin stage2.bin BOOTX64.EFI BOOTIA32.EFI BOOTAA64.EFI SHIMX64 SHIMIA32 SHIMAA64 WINX64.EXE WINIA32.EXE WINAA64.EXE FONT.BIN"
have=true
for f in $stick_files; do
	[ -f "$B/stick/$f" ] || have=false
done
if $have; then
	is "make deb" sh -c "make -s B='$B' deb >'$work/one' 2>&1 || { cat '$work/one'; false; }"
	deb=$(tail -n 1 "$work/one")
	cp "$deb" "$work/first.deb"
	sleep 1
	is "make deb again" make -s B="$B" deb
	is "the same bytes" cmp "$work/first.deb" "$deb"
	is "dpkg-deb reads it" dpkg-deb --info "$deb"
	is "unpacks" dpkg-deb -x "$deb" "$work/root"
	for f in bin/isopod share/man/man1/isopod.1.gz share/man/man1/isopod-create.1.gz share/bash-completion/completions/isopod \
		share/locale/zh_CN/LC_MESSAGES/isopod.mo share/doc/isopod/copyright; do
		is "holds $f" test -s "$work/root/usr/$f"
	done
	for f in $stick_files; do
		is "holds $f" cmp "$B/stick/$f" "$work/root/usr/share/isopod/$f"
	done
	# the binary names libc only; the package names what it loads as well
	for f in "Depends libssl3" "Depends libblkid1" "Depends libmount1" "Depends libarchive13" "Depends libext2fs2 ext2fs" "Recommends libfuse3-3 fuse3" "Depends libc6" "Recommends libwim15 wim" \
		"Recommends libntfs-3g89 ntfs_3g"; do
		# shellcheck disable=SC2086
		set -- $f
		[ -z "${3:-}" ] || grep -q "SONAME_$3 " "$B/gen/libraries.h" || continue
		is "$1 $2" sh -c "dpkg-deb -f '$deb' $1 | tr ',' '\n' | grep -q -E '^ *$2( |\$)'"
	done
	for f in $(sed -n 's/^#define SONAME_.* "\(.*\)"$/\1/p' "$B/gen/libraries.h"); do
		is "a package that it depends on or recommends holds $f" sh -c "dpkg-query -S '*/$f' | sed 's/:.*//' | grep -q -x -F \
			\"\$(dpkg-deb -f '$deb' Depends Recommends | sed 's/^[A-Z][a-z]*: //' | tr ',' '\n' | sed 's/^ *//; s/ .*//')\""
	done
	is "owned by root" sh -c "! dpkg-deb -c '$deb' | grep -v -q root/root"
	is "the packaged program runs" sh -c "ISOPOD_DATA='$work/root/usr/share/isopod' '$work/root/usr/bin/isopod' create '$work/s.img' --size 96M"
else
	fail=$((fail + 1))
	echo "FAILED no stick files in $B/stick: run 'make all' first"
fi
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build.sh [-q] [--list | --path | --clean] NAME...: builds the test media from Debian packages into
# ${ISOPOD_MEDIA:-~/.cache/isopod/media}. Prints the path of each medium when it is there.
#
# Each medium is one file m/NAME.sh, which sets `out` (the file or folder it makes), `needs` (other media it reads) and
# defines build(): it runs in an empty folder with the variables of common.sh and leaves $out there. A medium is
# rebuilt when its own file, common.sh, a file it names in `also`, or the key of a medium it needs has changed. Two runs at once are safe:
# one waits for the other (flock); what is in place under its final name is always whole (built aside, then renamed).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
media=${ISOPOD_MEDIA:-${XDG_CACHE_HOME:-$HOME/.cache}/isopod/media}
quiet=

names() { for f in "$here"/m/*.sh; do basename "$f" .sh; done; }

field() { # NAME FIELD: a variable that m/NAME.sh sets, in a shell of its own
	(
		# shellcheck disable=SC2034
		out='' needs='' also='' about=''
		# shellcheck source=/dev/null
		. "$here/m/$1.sh"
		echo "${!2}"
	)
}

key() { # NAME: what the medium is made from, as one hash
	local n
	{
		cat "$here/common.sh" "$here/m/$1.sh"
		for n in $(field "$1" also); do cat "$here/$n"; done
		for n in $(field "$1" needs); do key "$n"; done
	} | sha256sum | cut -c 1-16
}

make_one() { # NAME
	local name=$1 want out log dep start st
	want=$(key "$name")
	out=$(field "$name" out)
	if [ "$(cat "$media/.$name.key" 2>/dev/null)" = "$want" ] && [ -e "$media/$out" ]; then
		return 0
	fi
	for dep in $(field "$name" needs); do make_one "$dep"; done
	exec 9>"$media/.$name.lock"
	flock 9
	if [ "$(cat "$media/.$name.key" 2>/dev/null)" = "$want" ] && [ -e "$media/$out" ]; then
		exec 9>&-
		return 0
	fi
	[ -n "$quiet" ] || echo "building $out ..." >&2
	rm -rf "$media/.$name.tmp"
	mkdir -p "$media/.$name.tmp/w"
	log=$media/.$name.log
	start=$(date +%s)
	# Not in an if: bash would ignore set -e inside.
	set +e
	(
		set -euo pipefail
		exec 9>&-
		cd "$media/.$name.tmp/w"
		# shellcheck source=/dev/null
		. "$here/common.sh"
		# shellcheck source=/dev/null
		. "$here/m/$name.sh"
		set -x
		build
	) >"$log" 2>&1 </dev/null
	st=$?
	set -e
	if [ "$st" -ne 0 ]; then
		tail -n 30 "$log" >&2
		echo "$name: not built; the whole log is $log" >&2
		rm -rf "$media/.$name.tmp"
		return 1
	fi
	rm -rf "$media/.$name.key" "${media:?}/$out"
	mv "$media/.$name.tmp/w/$out" "$media/$out"
	rm -rf "$media/.$name.tmp"
	echo $(($(date +%s) - start)) >"$media/.$name.seconds"
	echo "$want" >"$media/.$name.key"
	[ -n "$quiet" ] || echo "built $out in $(cat "$media/.$name.seconds") s, $(du -sh "$media/$out" | cut -f 1)" >&2
	exec 9>&-
}

case ${1:-} in
-q)
	quiet=1
	shift
	;;
esac
case ${1:-} in
--list)
	for n in $(names); do printf '%-16s %-20s %s\n' "$n" "$(field "$n" out)" "$(field "$n" about)"; done
	exit 0
	;;
--path)
	echo "$media"
	exit 0
	;;
--clean)
	rm -rf "$media"
	exit 0
	;;
'' | -*)
	sed -n '3,9s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac
mkdir -p "$media"
export media
for n in "$@"; do
	n=${n%.iso} n=${n%.img}
	if [ ! -f "$here/m/$n.sh" ]; then
		echo "$n: no such medium; build.sh --list names them" >&2
		exit 2
	fi
	# A shell of its own, so that set -e holds inside and a lock ends with it.
	set +e
	(
		set -e
		make_one "$n"
	)
	st=$?
	set -e
	[ "$st" -eq 0 ] || exit 1
	echo "$media/$(field "$n" out)"
done

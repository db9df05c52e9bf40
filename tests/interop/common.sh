# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What exfat.sh and parttab.sh share, to be sourced: a folder $dir that goes away (with more to undo, redefine `undo`), the image
# $img in it, and the checks, which count in $pass and $fail.
: "${B:?}"
# What is mounted here nobody else sees: own_mounts() in common.py tells why.
if [ -z "${OWN_MOUNTS:-}" ] && unshare -m true 2>/dev/null; then
	OWN_MOUNTS=1 exec unshare -m "$0" "$@"
fi
dir=$(mktemp -d) || exit 1
img=$dir/image
pass=0 fail=0

undo() {
	:
}
trap 'undo; rm -rf "$dir"' EXIT

ok() { # ok NAME COMMAND...
	local name=$1
	shift
	if "$@" >"$dir/out" 2>&1; then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
		echo "FAILED $name"
		head -n 20 "$dir/out"
	fi
}
same() { # same NAME WANT GOT
	if [ "$2" = "$3" ]; then
		pass=$((pass + 1))
	else
		fail=$((fail + 1))
		printf 'FAILED %s\n--- want\n%.2000s\n--- got\n%.2000s\n' "$1" "$2" "$3"
	fi
}
blank() { # blank SIZE: the image anew, all zeros
	rm -f "$img"
	truncate -s "$1" "$img"
}

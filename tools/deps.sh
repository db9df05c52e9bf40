#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# deps.sh [--print]: installs what tools/packages.txt names and is not there yet (Debian 12, apt-get; with sudo if not root), and says
# before what and why. Silent and quick when nothing is missing. --print only names what is missing, one a line.
set -eu
list=$(dirname "$0")/packages.txt
log=${B:-build}/deps.log
die() {
	echo "deps: $*" >&2
	exit 1
}
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
	die "there is no apt-get here: install what $list names by hand, then run 'make all' and 'tests/check.sh SUITE'"

# Packages that are missing, each behind its purpose and a tab.
missing=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^.i *//p' | awk '
	FNR == NR { there[$1] = 1; next }
	/^#/      { purpose = substr($0, 3); next }
	NF && !($1 in there) { print purpose "\t" $1 }' - "$list")
[ -n "$missing" ] || exit 0
packages=$(printf '%s\n' "$missing" | cut -f 2)
if [ "${1:-}" = --print ]; then
	printf '%s\n' "$packages"
	exit 1
fi
packages=$(echo $packages)

sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || die "packages are missing and there is no sudo; as root: apt-get install $packages"
	sudo=sudo
fi
echo "deps: these Debian packages are missing and are installed now, ${sudo:+with sudo, }by apt-get:"
printf '%s\n' "$missing" | awk -F '\t' '
	$1 != last { printf "%s  for %s:", last ? "\n" : "", $1; last = $1 }
	{ printf " %s", $2 }
	END { print "" }'
mkdir -p "$(dirname "$log")"
apt() {
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o APT::Update::Error-Mode=any "$@" >>"$log" 2>&1
}
: >"$log"
# Lists that cannot be renewed may still do.
apt update || true
# shellcheck disable=SC2086
apt -y --no-install-recommends install $packages ||
	die "apt-get failed: $(sed -n 's/^E: //p' "$log" | head -n 1) (all of it: $log; is this machine online?)"

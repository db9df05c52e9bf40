#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# deps.sh [--print]: installs what tools/packages.txt names and is not there yet (Debian 12, apt-get; with sudo if not root).
# Quiet and quick when nothing is missing. --print only names what is missing.
set -eu
list=$(dirname "$0")/packages.txt
missing=
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p')
# shellcheck disable=SC2013
for p in $(sed 's/#.*//' "$list"); do
	printf '%s\n' "$installed" | grep -qxF "$p" || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "${1:-}" = --print ]; then
	echo "$missing" | tr ' ' '\n' | sed '/^$/d'
	exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "these packages are missing and there is no sudo; as root: apt-get install$missing" >&2
		exit 1
	fi
	sudo=sudo
fi
echo "installing:$missing"
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q update >/dev/null
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing

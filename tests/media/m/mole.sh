# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# shellcheck source=tests/media/m/burrow.sh
. "$here/m/burrow.sh"
about='a live system that looks for its medium in an optical drive only, as Photon and older distributions do; in our own words'
out=mole.iso
needs='base nest burrow'

build() {
	from_burrow
	cat >initrd/init <<'END'
#!/bin/sh
. /lib/begin
. /lib/enter
insert
search() {
	for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
		for d in /dev/cdrom /dev/sr0; do
			mount -t iso9660 -o ro $d /cd 2>/dev/null || continue
			echo "mole: the medium is $d, try $try"
			return 0
		done
		sleep 3
	done
	return 1
}
search || give_up "mole found no drive with its medium"
make_root
exec switch_root /new /sbin/init
END
	search_iso mole PODMOLE ''
}

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# shellcheck source=tests/media/m/burrow.sh
. "$here/m/burrow.sh"
about='a live system that looks for its medium on whole disks and on no partition, as the installer of Proxmox does; in our own words'
out=badger.iso
needs='base nest burrow'

build() {
	from_burrow
	cat >initrd/init <<'END'
#!/bin/sh
. /lib/begin
. /lib/enter
insert
# Nine times in 45 seconds.
search() {
	for try in 1 2 3 4 5 6 7 8 9; do
		for b in /sys/block/hd* /sys/block/sr* /sys/block/scd* /sys/block/sd* /sys/block/nvme*; do
			[ -e "$b" ] || continue
			mount -t iso9660 -o ro "/dev/${b##*/}" /cd 2>/dev/null || continue
			if grep -q '^badger' /cd/word.txt 2>/dev/null; then
				echo "badger: the medium is /dev/${b##*/}, try $try"
				return 0
			fi
			umount /cd
		done
		sleep $try
	done
	return 1
}
search || give_up "badger found no device with its medium"
make_root
exec switch_root /new /sbin/init
END
	search_iso badger PODBADGER ''
}

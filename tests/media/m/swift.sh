# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# shellcheck source=tests/media/m/burrow.sh
. "$here/m/burrow.sh"
about='a live system that waits four seconds for a UUID, once udev is done, and then gives up, as archiso does; in our own words'
out=swift.iso
needs='base nest burrow'

build() {
	from_burrow udev
	cat >initrd/init <<'END'
#!/bin/sh
. /lib/begin
. /lib/enter
hundredths() {
	read -r now rest </proc/uptime
	echo "${now%.*}${now#*.}"
}
with_udev
for word in $(cat /proc/cmdline); do
	case $word in
	searchuuid=*) device=/dev/disk/by-uuid/${word#*=} ;;
	esac
done
begun=$(hundredths)
until [ -e "$device" ] || [ $(($(hundredths) - begun)) -ge 400 ]; do sleep 0.05; done
echo "swift: waited $(($(hundredths) - begun)) hundredths of a second"
mount -t iso9660 -o ro "$device" /cd || give_up "swift waited four seconds for $device"
udevadm control --exit
make_root
exec switch_root /new /sbin/init
END
	search_iso swift PODSWIFT searchuuid=2026-11-01-10-00-00-00 --modification-date=2026110110000000
	[ "$(/sbin/blkid -o value -s UUID swift.iso)" = 2026-11-01-10-00-00-00 ]
}

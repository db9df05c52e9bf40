# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# shellcheck source=tests/media/m/burrow.sh
. "$here/m/burrow.sh"
about='a live system that waits for a label, and kills all processes without an "@" in front before it changes its root, as NixOS does; in our own words'
out=shrike.iso
needs='base nest burrow'

build() {
	from_burrow udev
	cat >initrd/init <<'END'
#!/bin/sh
. /lib/begin
. /lib/enter
with_udev
sleep 600 &
device=/dev/disk/by-label/PODSHRIKE
n=0
until [ -e $device ] || [ $n -ge 20 ]; do
	sleep 1
	n=$((n + 1))
done
mount -t iso9660 -o ro $device /cd || give_up "shrike waited twenty seconds for $device"
echo "shrike: the medium is $(readlink -f $device)"
make_root
udevadm control --exit
# Threads of the kernel run no program.
for p in /proc/[0-9]*; do
	[ "${p#/proc/}" -ne $$ ] && readlink $p/exe >/dev/null || continue
	name=$(tr '\0' ' ' <$p/cmdline)
	case $name in
	@*) echo "shrike spares $name" ;;
	*) echo "shrike kills $name" && kill -9 "${p#/proc/}" ;;
	esac
done
exec switch_root /new /sbin/init
END
	search_iso shrike PODSHRIKE ''
}

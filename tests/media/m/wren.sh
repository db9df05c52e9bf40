# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# shellcheck source=tests/media/m/burrow.sh
. "$here/m/burrow.sh"
about='GRUB Legacy, whose menu.lst loads a kernel and an initrd by names that say nothing; the system looks for its label'
out=wren.iso
needs='base nest burrow'

# packages NAME...: unpacked into packages/, not installed: grub-legacy and refind make themselves what this machine starts.
packages() {
	local deb
	apt-get -qq download "$@"
	for deb in *.deb; do dpkg-deb -x "$deb" packages; done
}

# labelled_parts NAME: root/ with the system, and kernel and initrd beside it. The initrd looks for NAME's own words on every disk and partition.
labelled_parts() {
	from_burrow
	{
		printf '#!/bin/sh\nme=%s\n' "$1"
		cat <<'END'
. /lib/begin
. /lib/enter
insert
search() {
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		for b in /sys/class/block/*; do
			mount -t iso9660 -o ro "/dev/${b##*/}" /cd 2>/dev/null || continue
			if grep -q "^$me" /cd/word.txt 2>/dev/null; then
				echo "$me: the medium is /dev/${b##*/}, by $(tr ' ' '\n' </proc/cmdline | grep '^started=')"
				return 0
			fi
			umount /cd
		done
		sleep 1
	done
	return 1
}
search || give_up "$me found no volume with its words"
make_root
exec switch_root /new /sbin/init
END
	} >initrd/init
	chmod 755 initrd/init
	mkdir -p root
	echo "pod$1" >system/etc/hostname
	echo "$1, on its own medium" >root/word.txt
	mksquashfs system root/system.sfs -quiet -no-progress -all-root
	small_initrd initrd ram
	cp "$media/base/vmlinuz" k
}

build() {
	packages grub-legacy
	labelled_parts wren
	mkdir -p root/boot/grub root/parts
	mv k ram root/parts/
	cp packages/usr/lib/grub/x86_64-pc/stage2_eltorito root/boot/grub/
	cat >root/boot/grub/menu.lst <<'END'
default 0
timeout 1
serial --unit=0 --speed=115200
terminal --silent serial
title Pod Wren
	root (cd)
	kernel /parts/k started=menu.lst console=ttyS0,115200 loglevel=4
	initrd /parts/ram
END
	xorriso -as mkisofs -r -J -V PODWREN -o wren.iso -b boot/grub/stage2_eltorito -no-emul-boot -boot-load-size 4 -boot-info-table root
}

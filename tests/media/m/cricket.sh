# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='a live system whose initramfs is that of initramfs-tools with a script scripts/casper, which does what casper does; in our own words'
out=cricket.iso
needs='base nest'

build() {
	mkdir initrd
	zstd -dcq "$media/base/initrd.live" | cpio -D initrd -idm --quiet --no-preserve-owner --no-absolute-filenames
	rm -r initrd/scripts/live* initrd/usr/bin/live-boot initrd/usr/lib/live
	mkdir -p initrd/cow initrd/cdrom initrd/filesystem.squashfs root/casper root/boot/grub
	# Sourced by /init for boot=casper, after all of conf/conf.d.
	cat >initrd/scripts/casper <<'END'
# Every partition, and every disk and drive without any, for a minute.
volumes() {
	for d in /sys/class/block/*; do
		case ${d##*/} in
		loop* | ram* | dm-*) ;;
		*) [ "$(cat "$d/size")" -eq 0 ] || echo "/dev/${d##*/}" ;;
		esac
	done
}

find_medium() {
	for d in $(volumes); do
		[ "$(blkid -o value -s TYPE "$d" 2>/dev/null)" = iso9660 ] || continue
		mount -t iso9660 -o ro "$d" /cdrom 2>/dev/null || continue
		[ ! -e /cdrom/casper/filesystem.squashfs ] || return 0
		umount /cdrom
	done
	return 1
}

# Persistence: asked for by the variable or the word, and then a volume with the label "writable".
find_cow() {
	[ "$PERSISTENT" = Yes ] || grep -qw persistent /proc/cmdline || return 1
	for d in $(volumes); do
		[ "$(blkid -o value -s LABEL "$d" 2>/dev/null)" != writable ] || { mount -t ext4 -o rw,noatime "$d" /cow && return 0; }
	done
	return 1
}

mountroot() {
	for m in loop squashfs overlay isofs ext4; do modprobe -q $m; done
	n=0
	until find_medium; do
		n=$((n + 1))
		[ $n -lt 60 ] || panic "no medium with casper/filesystem.squashfs was found"
		sleep 1
	done
	find_cow || mount -t tmpfs cowspace /cow
	mkdir -p /cow/upper /cow/work
	mount -t squashfs -o ro,loop /cdrom/casper/filesystem.squashfs /filesystem.squashfs || panic "the squashfs cannot be mounted"
	mount -t overlay -o lowerdir=/filesystem.squashfs,upperdir=/cow/upper,workdir=/cow/work /cow "$rootmnt" ||
		panic "the overlay cannot be mounted"
}
END
	cp -a "$media/nest/system" system
	echo podcricket >system/etc/hostname
	mksquashfs system root/casper/filesystem.squashfs -quiet -no-progress -all-root
	small_initrd initrd root/casper/initrd
	cp "$media/base/vmlinuz" root/casper/vmlinuz
	{
		grub_serial
		cat <<'END'
set timeout=1
menuentry 'Pod Cricket' {
	linux /casper/vmlinuz boot=casper console=ttyS0,115200 loglevel=4 ---
	initrd /casper/initrd
}
END
	} >root/boot/grub/grub.cfg
	grub-mkrescue -o cricket.iso root -volid PODCRICKET
}

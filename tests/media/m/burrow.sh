# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='what the live systems share that search for their medium in ways of their own: as nest, with udev and drivers for more buses'
out=burrow
needs='base nest'

modules='crc32c_generic isofs loop squashfs overlay ext4 sd_mod usb-storage uas'
hosts='xhci-pci ehci-pci ahci nvme'

build() {
	local f n lib=lib/x86_64-linux-gnu
	mkdir burrow
	cp -a "$media/nest/initrd" burrow/initrd
	cp -a "$media/nest/system" burrow/system
	rm -r burrow/initrd/m
	small_root all-of-it
	# The drivers that make disks appear come last, and apart.
	# shellcheck disable=SC2086
	{
		small_modules burrow/initrd/m 14 $modules
		n=$(ls burrow/initrd/m | wc -l)
		small_modules burrow/initrd/m 22 $modules $hosts
	}
	mkdir burrow/initrd/hosts
	for f in burrow/initrd/m/*; do
		[ "$(basename "$f" .ko | sed 's/^0//')" -le "$n" ] || mv "$f" burrow/initrd/hosts/
	done
	mkdir -p burrow/initrd/etc burrow/initrd/run burrow/initrd/tmp burrow/initrd/cd burrow/initrd/new
	mkdir -p burrow/udev/bin burrow/udev/lib/udev burrow/udev/lib/systemd "burrow/udev/$lib"
	cp all/usr/bin/udevadm burrow/udev/bin/
	ln -s ../../bin/udevadm burrow/udev/lib/systemd/systemd-udevd
	cp -a all/usr/lib/udev/rules.d all/usr/lib/udev/ata_id all/usr/lib/udev/scsi_id burrow/udev/lib/udev/
	for f in libkmod.so.2 libacl.so.1 libblkid.so.1 libcap.so.2 libselinux.so.1 libpcre2-8.so.0 libzstd.so.1 liblzma.so.5 libcrypto.so.3; do
		cp -L "all/usr/$lib/$f" "burrow/udev/$lib/"
	done
	# What all of them begin and end with.
	cat >burrow/initrd/lib/begin <<'END'
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec >/dev/ttyS0 2>&1 </dev/ttyS0
insert() { for m in /m/*.ko /hosts/*.ko; do insmod $m; done; }
# udev makes the links of what is there by now, and goes on. No disk is, yet.
with_udev() {
	mkdir -p /run/udev
	/lib/systemd/systemd-udevd --daemon --resolve-names=never
	for m in /m/*.ko; do insmod $m; done
	udevadm trigger --type=subsystems --action=add
	udevadm trigger --type=devices --action=add
	udevadm settle
	for m in /hosts/*.ko; do insmod $m; done
	udevadm settle
}
END
	cat >burrow/initrd/lib/enter <<'END'
give_up() { echo "$1"; exec setsid -c sh; }
# The system on the medium, which is mounted, becomes /new.
make_root() {
	mkdir -p /run/sfs /run/cow
	mount -t squashfs -o loop,ro /cd/system.sfs /run/sfs || give_up "there is no system on the medium"
	mount -t tmpfs cow /run/cow
	mkdir /run/cow/upper /run/cow/work
	mount -t overlay -o lowerdir=/run/sfs,upperdir=/run/cow/upper,workdir=/run/cow/work system /new || give_up "there is no room for changes"
	mkdir -p /new/cd
	mount -o move /cd /new/cd
	mount -o move /dev /new/dev
}
END
}

# search_iso NAME LABEL ARGUMENTS [OPTION...]: NAME.iso with what is in initrd/ and system/.
search_iso() {
	local name=$1 label=$2 arguments=$3
	shift 3
	chmod 755 initrd/init
	mkdir -p root/boot/grub
	echo "pod$name" >system/etc/hostname
	echo "$name, on its own medium" >root/word.txt
	mksquashfs system root/system.sfs -quiet -no-progress -all-root
	small_initrd initrd root/boot/initrd
	cp "$media/base/vmlinuz" root/boot/vmlinuz
	{
		grub_serial
		cat <<END
set timeout=1
menuentry '$label' {
	linux /boot/vmlinuz ${arguments:+$arguments }console=ttyS0,115200 loglevel=4
	initrd /boot/initrd
}
END
	} >root/boot/grub/grub.cfg
	grub-mkrescue -o "$name.iso" root -volid "$label" "$@"
}

# from_burrow [udev]: initrd/ and system/ to go on with.
from_burrow() {
	cp -a "$media/burrow/initrd" initrd
	[ -z "${1:-}" ] || cp -a "$media/burrow/$1/." initrd/
	cp -a "$media/burrow/system" system
}

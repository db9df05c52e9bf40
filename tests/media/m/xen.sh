# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='Debian Live under Xen: multiboot2, its gzip initrd by the name /install.img, BIOS and UEFI'
out=xen.iso
needs=base

build() {
	mkdir -p root/live root/boot/grub
	cp --reflink=auto "$media/base/vmlinuz" root/boot/vmlinuz
	# Unpacked, not installed: the package makes itself what the machine starts.
	apt-get -qq download xen-hypervisor-4.17-amd64
	dpkg-deb -x xen-hypervisor-4.17-amd64_*.deb hypervisor
	cp hypervisor/boot/xen-4.17-amd64.gz root/boot/xen.gz
	zstd -dc "$media/base/initrd.live" | gzip -6n >root/install.img
	ln "$media/base/live.squashfs" root/live/filesystem.squashfs
	{
		grub_serial console
		cat <<'END_OF_MENU'
set timeout=1
set default=0
menuentry 'Pod Live under Xen' {
	multiboot2 /boot/xen.gz console=com1,vga com1=115200,8n1 dom0_mem=1400M
	module2 /boot/vmlinuz boot=live noeject console=hvc0 loglevel=4
	module2 /install.img
}
END_OF_MENU
	} >root/boot/grub/grub.cfg
	grub-mkrescue --compress=no --fonts= --themes= --locales= -o xen.iso \
		--install-modules='multiboot2 normal iso9660 part_gpt part_msdos fat search search_fs_uuid search_fs_file search_label configfile serial terminal test all_video gzio xzio lzopio' \
		root -- -volid PODXEN
}

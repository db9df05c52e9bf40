# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
# shellcheck source=tests/media/m/egg.sh
. "$here/m/egg.sh"
about='the kernel of router.img and routerefi.img: as egg has it, with loop devices, squashfs and ext4, but no device-mapper'
out=builtin
also=m/egg.sh

on="$on BLK_DEV_LOOP MISC_FILESYSTEMS SQUASHFS SQUASHFS_ZLIB EXT4_FS DEVTMPFS_MOUNT"

build() {
	source_here
	mkdir builtin
	configure
	kernel bzImage
	cp linux-source-6.1/arch/x86/boot/bzImage builtin/vmlinuz
	rm -r linux-source-6.1 tools
}

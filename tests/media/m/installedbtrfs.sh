# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='a Debian installed in a raw disk image: GPT, ESP and BIOS boot partition with GRUB, Btrfs root found by UUID'
out=installedbtrfs.img
needs='instbase installed'

# btrfs_root HOST: root.img
btrfs_root() {
	export media version
	fakeroot bash -euc "$(declare -f grub_serial root_tree)
		root_tree $1 UUID=$root_uuid btrfs; printf 'UUID=%s / btrfs defaults 0 0\n' $root_uuid >root/etc/fstab; truncate -s ${root_kib}K root.img
		mkfs.btrfs -q -m single -U $root_uuid -L podroot --rootdir root root.img; rm -r root"
}

build() {
	# shellcheck source=/dev/null
	. "$here/m/installed.sh"
	out=installedbtrfs.img
	root_kib=655360 root_uuid=706f6469-6e73-4e04-8a04-697331300004
	disk_guid=706F6469-6E73-4E05-8A05-697331300004 root_guid=706F6469-6E73-4E06-8A06-697331300004
	version=$(cat "$media/instbase/version")
	btrfs_root podbtrfs
	gpt_disk installedbtrfs.img
}

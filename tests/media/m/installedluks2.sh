# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='a system with dracut whose root (ext4) lies in a LUKS2 partition (Argon2id), /boot in one beside; systemd asks for the passphrase ("isopod")'
out=installedluks2.img
needs='instbasedracut installed installedlvm'
also='luks1.py luks2.py'

# with_loop: the shim's driver for loop devices in the initrd, as add_drivers+=" loop " in dracut.conf has it; the system's own are locked up.
with_loop() {
	local modules=usr/lib/modules/$version
	tar -xf base/instbase/rootfs.tar "./$modules/kernel/drivers/block/loop.ko" --wildcards "./$modules/modules.*"
	truncate -s %4 base/instbase/initrd
	find usr | cpio -o -H newc -R 0:0 --quiet | gzip -n >>base/instbase/initrd
}

build() {
	# shellcheck source=/dev/null
	. "$here/m/installed.sh"
	# shellcheck source=/dev/null
	. "$here/m/installedlvm.sh"
	out=installedluks2.img
	boot_kib=98304 boot_uuid=706f6469-6e73-4e19-8a19-697331000019 root_uuid=706f6469-6e73-4e1a-8a1a-69733100001a root_kib=458752
	local esp=2048 core=$((2048 + esp_kib * 2)) boot=$((2048 + (esp_kib + core_kib) * 2)) luks luks_kib=$((root_kib + 16384))
	local luks_uuid=706f6469-6e73-4e1b-8a1b-69733100001b
	luks=$((boot + boot_kib * 2))
	mkdir base
	cp -r "$media/instbasedracut" base/instbase
	media=$PWD/base
	version=$(cat base/instbase/version)
	with_loop
	export media version boot_uuid root_uuid root_kib luks_uuid
	fakeroot bash -euc "$(declare -f grub_serial root_tree)
		root_tree podluks2 UUID=$root_uuid ext4
		sed -i 's, /boot/, /,; s, ro , ro rd.luks.uuid=luks-$luks_uuid ,' root/boot/grub/grub.cfg
		printf 'UUID=%s /boot ext2 defaults 0 2\n' \$boot_uuid >>root/etc/fstab
		printf 'luks-%s UUID=%s none luks\n' \$luks_uuid \$luks_uuid >root/etc/crypttab
		mv root/boot boot; mkdir root/boot
		truncate -s ${root_kib}K root.img; mke2fs -q -t ext4 -U $root_uuid -L podroot -m 0 -d root root.img; rm -r root"
	"$here/luks2.py" root.img luks.img $luks_uuid isopod
	truncate -s $((luks / 2 + luks_kib + 1024))K $out
	sfdisk -q $out <<END
label: gpt
label-id: 706F6469-6E73-4E1C-8A1C-69733100001C
start=$esp,size=$((esp_kib * 2)),type=U
start=$core,size=$((core_kib * 2)),type=21686148-6449-6E6F-744E-656564454649
start=$boot,size=$((boot_kib * 2)),type=L
start=$luks,size=$((luks_kib * 2)),type=CA7D7CCB-63ED-4C53-861C-1742536059CC
END
	boot_beside
	dd if=luks.img of=$out bs=1M seek=$((luks / 2048)) conv=notrunc
}

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='a Debian installed on LVM: GPT, ESP and BIOS boot partition with GRUB, /boot in a partition, root and swap in a volume group'
out=installedlvm.img
needs='instbaselvm installed'
also=lvm2.py

# lvm_base: what installed.sh takes from instbase comes from instbaselvm.
lvm_base() {
	mkdir base
	ln -s "$media/instbaselvm" base/instbase
	media=$PWD/base
	version=$(cat "$media/instbase/version")
}

# lvm_root HOST: root.img and swap.img; with $boot_uuid what belongs into /boot is the folder boot/.
lvm_root() {
	export media version boot_uuid root_uuid root_kib
	fakeroot bash -euc "$(declare -f grub_serial root_tree)
		root_tree $1 /dev/mapper/pod--vg-root ext4
		printf '/dev/mapper/pod--vg-swap_1 none swap sw 0 0\n' >>root/etc/fstab
		if [ -n \"\$boot_uuid\" ]; then
			sed -i 's, /boot/, /,' root/boot/grub/grub.cfg
			printf 'UUID=%s /boot ext2 defaults 0 2\n' \$boot_uuid >>root/etc/fstab
			mv root/boot boot; mkdir root/boot
		fi
		truncate -s ${root_kib}K root.img; mke2fs -q -t ext4 -b 4096 -U $root_uuid -L podroot -m 0 -d root root.img; rm -r root"
	truncate -s 16M swap.img
	mkswap -q swap.img
}

# boot_beside: GRUB, and /boot in the third partition of $out; at $esp, $core and $boot.
boot_beside() {
	truncate -s "${boot_kib}K" boot.img
	fakeroot mke2fs -q -t ext2 -U "$boot_uuid" -L podboot -m 0 -d boot boot.img
	fat_image esp.img "$esp_kib" PODESP
	grub_core x86_64-efi bootx64.efi /grub "search --fs-uuid --set=root $boot_uuid
set prefix=(\$root)/grub" all_video efi_gop
	fat_put esp.img bootx64.efi EFI/BOOT/BOOTX64.EFI
	grub_core i386-pc core.img '(,gpt3)/grub' '' biosdisk
	dd if=esp.img of="$out" bs=512 seek="$esp" conv=notrunc,sparse
	dd if=boot.img of="$out" bs=512 seek="$boot" conv=notrunc,sparse
	grub_bios "$out" "$core"
}

build() {
	# shellcheck source=/dev/null
	. "$here/m/installed.sh"
	out=installedlvm.img
	boot_kib=65536 boot_uuid=706f6469-6e73-4e0d-8a0d-69733100000d root_uuid=706f6469-6e73-4e0e-8a0e-69733100000e
	local esp=2048 core=$((2048 + esp_kib * 2)) boot=$((2048 + (esp_kib + core_kib) * 2)) pv pv_kib=$((root_kib + 32768))
	pv=$((boot + boot_kib * 2))
	lvm_base
	lvm_root podlvm
	truncate -s $((pv / 2 + pv_kib + 1024))K $out
	sfdisk -q $out <<END
label: gpt
label-id: 706F6469-6E73-4E0F-8A0F-69733100000F
start=$esp,size=$((esp_kib * 2)),type=U
start=$core,size=$((core_kib * 2)),type=21686148-6449-6E6F-744E-656564454649
start=$boot,size=$((boot_kib * 2)),type=L
start=$pv,size=$((pv_kib * 2)),type=E6D6D379-F507-44C2-A23C-238F2A3DF928,uuid=706F6469-6E73-4E10-8A10-697331000010
END
	boot_beside
	"$here/lvm2.py" $out $((pv * 512)) $((pv_kib * 1024)) pod-vg swap_1=swap.img root=root.img
}

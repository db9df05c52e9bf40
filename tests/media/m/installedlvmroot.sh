# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='the same on an MBR disk with kernel and initrd on the logical volume, too, which lies in two pieces'
out=installedlvmroot.img
needs='instbaselvm installed installedlvm'
also=lvm2.py

build() {
	# shellcheck source=/dev/null
	. "$here/m/installed.sh"
	# shellcheck source=/dev/null
	. "$here/m/installedlvm.sh"
	out=installedlvmroot.img
	boot_uuid='' root_uuid=706f6469-6e73-4e11-8a11-697331000011
	local esp=2048 pv=$((2048 + esp_kib * 2)) pv_kib=$((root_kib + 32768)) first
	lvm_base
	lvm_root podlvmroot
	# The first piece ends within the initrd.
	first=$(debugfs -R "bmap /boot/initrd.img-$version 2048" root.img)
	first=$((first * 4096 / 4194304 + 1))
	truncate -s $((pv / 2 + pv_kib + 1024))K $out
	sfdisk -q $out <<END
label: dos
label-id: 0x706f6402
1 : start=$esp,size=$((esp_kib * 2)),type=ef
2 : start=$pv,size=$((pv_kib * 2)),type=8e
END
	fat_image esp.img "$esp_kib" PODESP
	grub_core x86_64-efi bootx64.efi /boot/grub "search --fs-uuid --set=root $root_uuid
set prefix=(\$root)/boot/grub" all_video efi_gop lvm
	fat_put esp.img bootx64.efi EFI/BOOT/BOOTX64.EFI
	grub_core i386-pc core.img '(lvm/pod--vg-root)/boot/grub' '' biosdisk lvm
	dd if=esp.img of=$out bs=512 seek=$esp conv=notrunc,sparse
	"$here/lvm2.py" $out $((pv * 512)) $((pv_kib * 1024)) pod-vg "root=root.img@$first" swap_1=swap.img
	grub_bios $out 1
}

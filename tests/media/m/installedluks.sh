# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='the same as installedlvm with the volume group in a LUKS partition, whose passphrase ("isopod") is asked for: what installers call encrypted LVM'
out=installedluks.img
needs='instbaselvm installed installedlvm'
also='lvm2.py luks1.py'

build() {
	# shellcheck source=/dev/null
	. "$here/m/installed.sh"
	# shellcheck source=/dev/null
	. "$here/m/installedlvm.sh"
	out=installedluks.img
	boot_kib=65536 boot_uuid=706f6469-6e73-4e12-8a12-697331000012 root_uuid=706f6469-6e73-4e13-8a13-697331000013
	local esp=2048 core=$((2048 + esp_kib * 2)) boot=$((2048 + (esp_kib + core_kib) * 2)) luks pv_kib=$((root_kib + 32768))
	local luks_uuid=706f6469-6e73-4e14-8a14-697331000014
	luks=$((boot + boot_kib * 2))
	lvm_base
	lvm_root podluks
	sed -i "s,root=,cryptopts=target=podcrypt\\,source=UUID=$luks_uuid\\,luks &," boot/grub/grub.cfg
	truncate -s ${pv_kib}K pv.img
	"$here/lvm2.py" pv.img 0 $((pv_kib * 1024)) pod-vg swap_1=swap.img root=root.img
	"$here/luks1.py" pv.img luks.img $luks_uuid isopod
	truncate -s $((luks / 2 + pv_kib + 4096))K $out
	sfdisk -q $out <<END
label: gpt
label-id: 706F6469-6E73-4E15-8A15-697331000015
start=$esp,size=$((esp_kib * 2)),type=U
start=$core,size=$((core_kib * 2)),type=21686148-6449-6E6F-744E-656564454649
start=$boot,size=$((boot_kib * 2)),type=L
start=$luks,size=$((pv_kib * 2 + 4096)),type=CA7D7CCB-63ED-4C53-861C-1742536059CC
END
	boot_beside
	dd if=luks.img of=$out bs=1M seek=$((luks / 2048)) conv=notrunc
}

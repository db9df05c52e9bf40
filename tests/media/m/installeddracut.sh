# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about="the layout of RHEL's and Fedora Server's installer: dracut, XFS root, home and swap in a volume group, XFS /boot beside; LVM uses a devices file"
out=installeddracut.img
needs='instbasedracut installed installedxfs installedlvm'
also=lvm2.py

# devices_file GROUP PARTITION: as LVM writes it on a disk with that identifier; lvmlocal.conf asks for it, as the configuration of that family does by itself.
devices_file() {
	mkdir -p etc/lvm/devices
	printf 'devices {\n\tuse_devicesfile = 1\n}\n' >etc/lvm/lvmlocal.conf
	printf '# LVM uses devices listed in this file.\nVERSION=1.1.2\nIDTYPE=sys_wwid IDNAME=naa.5006c0d0706f6469 DEVNAME=/dev/sda%d PVID=%s PART=%d\n' \
		"$2" "$(PYTHONPATH=$here python3 -c "import lvm2; print(lvm2.identifier('pv $1'))")" "$2" >etc/lvm/devices/system.devices
}

# dracut_root HOST: root.img, home.img, swap.img and the folder boot/.
dracut_root() {
	export media version here boot_uuid root_uuid root_kib devices
	fakeroot bash -euc "$(declare -f grub_serial root_tree proto)
		root_tree $1 /dev/mapper/rl-root xfs
		sed -i 's, /boot/, /,; s, ro , ro rd.lvm.lv=rl/root rd.lvm.lv=rl/swap ,' root/boot/grub/grub.cfg
		printf '/dev/mapper/rl-root / xfs defaults 0 0\nUUID=%s /boot xfs defaults 0 0\n' \$boot_uuid >root/etc/fstab
		printf '/dev/mapper/rl-home /home ext4 defaults 0 0\n/dev/mapper/rl-swap none swap defaults 0 0\n' >>root/etc/fstab
		cp -r etc root
		mv root/boot boot; mkdir root/boot
		proto root >proto.txt; truncate -s ${root_kib}K root.img; mkfs.xfs -q -m uuid=$root_uuid -L podroot -p proto.txt root.img; rm -r root"
	truncate -s 16M swap.img home.img
	mkswap -q swap.img
	mkdir home
	echo 'the other volume' >home/here
	mke2fs -q -t ext4 -L podhome -m 0 -d home home.img
}

build() {
	# shellcheck source=/dev/null
	. "$here/m/installed.sh"
	# shellcheck source=/dev/null
	. "$here/m/installedxfs.sh"
	# shellcheck source=/dev/null
	. "$here/m/installedlvm.sh"
	out=installeddracut.img
	boot_kib=311296 boot_uuid=706f6469-6e73-4e16-8a16-697331000016 root_uuid=706f6469-6e73-4e17-8a17-697331000017 root_kib=655360
	local esp=2048 core=$((2048 + esp_kib * 2)) boot=$((2048 + (esp_kib + core_kib) * 2)) pv pv_kib=$((root_kib + 49152))
	pv=$((boot + boot_kib * 2))
	mkdir base
	cp -r "$media/instbasedracut" base/instbase
	version=$(cat base/instbase/version)
	devices_file rl 4
	# The initramfs has what dracut takes along: a second archive behind its own.
	truncate -s %4 base/instbase/initrd
	find etc | cpio -o -H newc -R 0:0 --quiet >>base/instbase/initrd
	media=$PWD/base
	dracut_root poddracutlvm
	truncate -s $((pv / 2 + pv_kib + 1024))K $out
	sfdisk -q $out <<END
label: gpt
label-id: 706F6469-6E73-4E18-8A18-697331000018
start=$esp,size=$((esp_kib * 2)),type=U
start=$core,size=$((core_kib * 2)),type=21686148-6449-6E6F-744E-656564454649
start=$boot,size=$((boot_kib * 2)),type=L
start=$pv,size=$((pv_kib * 2)),type=E6D6D379-F507-44C2-A23C-238F2A3DF928
END
	mke2fs() { # of boot_beside: XFS here
		proto boot >boot.txt
		mkfs.xfs -q -m uuid="$boot_uuid" -L podboot -p boot.txt boot.img
	}
	fakeroot() { "$@"; }
	boot_beside
	"$here/lvm2.py" $out $((pv * 512)) $((pv_kib * 1024)) rl swap=swap.img root=root.img home=home.img
}

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about="a live system as KIWI makes them: dracut's module kiwi-live, root=live:CDLABEL=, an ext4 image in a squashfs"
out=kiwi.iso
needs=

# root_image: LiveOS/rootfs.img. In a shell of fakeroot.
root_image() {
	mkdir tree
	tar -C tree -xf rootfs.tar
	mke2fs -q -t ext4 -L podkiwi -m 0 -d tree container/LiveOS/rootfs.img 700m
}

build() {
	mmdebstrap --variant=minbase --format=tar \
		--include=systemd-sysv,udev,kmod,procps,e2fsprogs,zstd,linux-image-amd64,kiwi-dracut-live,dbus \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--essential-hook='mkdir -p "$1/etc/kernel/postinst.d"; printf "#!/bin/sh\nexit 0\n" >"$1/etc/kernel/postinst.d/dracut"; chmod 755 "$1/etc/kernel/postinst.d/dracut"' \
		--dpkgopt=force-confold \
		--customize-hook='chroot "$1" sh -c "dracut --force --no-hostonly --zstd --add kiwi-live --omit \"plymouth iscsi nbd nfs fcoe fcoe-uefi multipath lvm mdraid crypt\" /initrd.out \$(ls /lib/modules) && cp /boot/vmlinuz-* /vmlinuz.out"' \
		--customize-hook='download /initrd.out initrd' \
		--customize-hook='download /vmlinuz.out vmlinuz' \
		--customize-hook='rm -rf "$1"/vmlinuz* "$1"/initrd* "$1"/boot/* "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*' \
		--customize-hook='rm -rf "$1"/lib/modules/*/kernel/sound "$1"/lib/modules/*/kernel/drivers/net "$1"/lib/modules/*/kernel/drivers/gpu "$1"/lib/modules/*/kernel/drivers/media "$1"/usr/lib/python3*' \
		--customize-hook='echo root:isopod | chroot "$1" chpasswd' \
		--customize-hook='chroot "$1" systemctl mask -q systemd-logind.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer systemd-timesyncd.service' \
		--customize-hook='printf "127.0.0.1 localhost\n" >"$1/etc/hosts"; echo podkiwi >"$1/etc/hostname"' \
		"$suite" rootfs.tar ${mirror:+"$mirror"}
	mkdir -p container/LiveOS root/LiveOS root/boot/x86_64/loader root/.disk
	fakeroot bash -euc "$(declare -f root_image); root_image; rm -r tree"
	mksquashfs container root/LiveOS/squashfs.img -quiet -no-progress -comp zstd -Xcompression-level 3 -all-root
	mv vmlinuz root/boot/x86_64/loader/linux
	mv initrd root/boot/x86_64/loader/initrd
	echo 'Isopod test medium: kiwi' >root/.disk/info
	live_menus root /boot/x86_64/loader/linux /boot/x86_64/loader/initrd \
		'root=live:CDLABEL=PODKIWI rd.live.image console=tty0 console=ttyS0,115200 loglevel=4' 'Pod Kiwi'
	fat_image root/boot/grub/efi.img 7168
	efi_loaders root/boot/grub/efi.img /.disk/info
	hybrid_iso kiwi.iso PODKIWI root
}

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='the root filesystem, kernel and initrd of the installed systems in disk images'
out=instbase
needs=

# As debootstrap and the kernel package leave it: initramfs-tools with MODULES=most and local boot, no lvm2, no dmsetup. Of the
# modules those stay that a machine needs to reach its disk and its filesystems, to keep the images small.
build() {
	mkdir instbase
	mmdebstrap --variant=minbase --format=tar \
		--include=systemd-sysv,udev,kmod,procps,e2fsprogs,zstd,initramfs-tools,linux-image-amd64 \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--customize-hook='chroot "$1" sh -c "cp /boot/vmlinuz-* /vmlinuz.out && cp /boot/initrd.img-* /initrd.out"' \
		--customize-hook='download /vmlinuz.out instbase/vmlinuz' \
		--customize-hook='download /initrd.out instbase/initrd' \
		--customize-hook='chroot "$1" sh -c "cd /lib/modules/* && basename \$PWD >/version.out && rm -rf sound net kernel/sound kernel/net kernel/drivers/net kernel/drivers/gpu kernel/drivers/media kernel/drivers/staging kernel/drivers/infiniband kernel/drivers/iio kernel/drivers/hwmon kernel/drivers/video kernel/drivers/input kernel/drivers/target kernel/drivers/isdn kernel/drivers/platform kernel/drivers/power kernel/drivers/comedi kernel/drivers/mfd kernel/drivers/hid kernel/drivers/i2c kernel/drivers/edac kernel/drivers/thunderbolt kernel/fs/ocfs2 kernel/fs/ceph kernel/fs/nfs kernel/fs/nfsd kernel/fs/smb kernel/fs/cifs kernel/fs/gfs2 kernel/fs/dlm kernel/fs/afs && depmod \$(basename \$PWD)"' \
		--customize-hook='download /version.out instbase/version' \
		--customize-hook='rm -rf "$1"/vmlinuz* "$1"/initrd* "$1"/version.out "$1"/boot/* "$1"/etc/hostname "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*' \
		--customize-hook='echo root:isopod | chroot "$1" chpasswd' \
		--customize-hook='chroot "$1" systemctl mask -q systemd-logind.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer systemd-timesyncd.service' \
		--customize-hook='printf "127.0.0.1 localhost\n" >"$1/etc/hosts"' \
		"$suite" instbase/rootfs.tar ${mirror:+"$mirror"}
}

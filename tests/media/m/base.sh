# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='the root filesystem, kernel and both initrds that the live media share'
out=base
needs=

# One root filesystem for all live media: first with dracut, whose initrd is taken out, then live-boot with
# initramfs-tools takes its place. Two squashfs files differ in their host name only: that is the marker.
build() {
	mkdir base
	mmdebstrap --variant=minbase --format=tar \
		--include=systemd-sysv,udev,kmod,procps,e2fsprogs,dosfstools,exfatprogs,fdisk,parted,zstd,linux-image-amd64,dracut-live,dracut-squash \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--essential-hook='mkdir -p "$1/etc/kernel/postinst.d"; printf "#!/bin/sh\nexit 0\n" >"$1/etc/kernel/postinst.d/dracut"; chmod 755 "$1/etc/kernel/postinst.d/dracut"' \
		--dpkgopt=force-confold \
		--customize-hook='chroot "$1" sh -c "dracut --force --no-hostonly --zstd --add dmsquash-live --omit \"network plymouth\" /initrd.dracut \$(ls /lib/modules)"' \
		--customize-hook='download /initrd.dracut base/initrd.dracut' \
		--customize-hook='rm "$1/initrd.dracut" "$1/etc/kernel/postinst.d/dracut"' \
		--customize-hook='chroot "$1" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends live-boot live-boot-initramfs-tools initramfs-tools' \
		--customize-hook='chroot "$1" sh -c "cp /boot/vmlinuz-* /vmlinuz.out && cp /boot/initrd.img-* /initrd.out"' \
		--customize-hook='download /vmlinuz.out base/vmlinuz' \
		--customize-hook='download /initrd.out base/initrd.live' \
		--customize-hook='rm -rf "$1"/vmlinuz* "$1"/initrd* "$1"/boot/* "$1"/etc/hostname "$1"/var/cache/apt/archives/*.deb' \
		--customize-hook='echo root:isopod | chroot "$1" chpasswd' \
		--customize-hook='chroot "$1" systemctl mask -q systemd-logind.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer systemd-timesyncd.service' \
		--customize-hook='printf "127.0.0.1 localhost\n" >"$1/etc/hosts"' \
		"$suite" rootfs.tar ${mirror:+"$mirror"}
	for name in live dracut; do
		mkdir -p etc
		echo "pod$name" >etc/hostname
		cp rootfs.tar named.tar
		tar --append --owner=0 --group=0 -f named.tar ./etc/hostname
		mksquashfs - "base/$name.squashfs" -tar -quiet -no-progress -comp zstd -Xcompression-level 3 <named.tar
		rm named.tar
	done
}

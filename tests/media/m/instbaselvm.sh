# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='the same as instbase with lvm2 and cryptsetup-initramfs: what an installer leaves behind that made a volume group'
out=instbaselvm
needs=instbase

# The tree and the initrd of instbase, made with two packages more. CRYPTSETUP=y: the hook finds nothing to unlock where the initrd is made.
build() {
	# shellcheck source=/dev/null
	. "$here/m/instbase.sh"
	mmdebstrap() {
		command mmdebstrap --include=lvm2,cryptsetup-initramfs \
			--customize-hook='echo CRYPTSETUP=y >>"$1/etc/cryptsetup-initramfs/conf-hook"; chroot "$1" update-initramfs -u' "$@"
	}
	build
	mv instbase instbaselvm
	out=instbaselvm
}

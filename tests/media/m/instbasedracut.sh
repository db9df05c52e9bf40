# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='instbase with lvm2, cryptsetup and xfsprogs, and an initrd of dracut: what installers of the Red Hat family leave behind'
out=instbasedracut
needs=instbase

# The tree of instbase, made with more packages. The initrd has no driver for loop devices, as one that was made for its own machine.
build() {
	# shellcheck source=/dev/null
	. "$here/m/instbase.sh"
	mmdebstrap() {
		command mmdebstrap --include=lvm2,cryptsetup-bin,xfsprogs,dracut-core \
			--customize-hook='chroot "$1" sh -c "dracut --force --no-hostonly --zstd --lvmconf --add \"lvm crypt\" --omit \"network plymouth multipath dmraid mdraid nvdimm\" --omit-drivers \"loop nbd\" /boot/initrd.img-\$(ls /lib/modules) \$(ls /lib/modules)"' "$@"
	}
	build
	mv instbase instbasedracut
	out=instbasedracut
}

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
about='a Debian as mkosi makes them: systemd-boot, a unified kernel image without root=, the root found by the type of its partition'
out=mkosi.img
needs=

# Debian's mkosi and what it runs, unpacked here: nothing of it is installed. It mounts the ESP; a kernel without a FAT driver does that by
# FUSE, which takes the label "EFI" for a file of that name, and has no chmod: so kernel-install puts only the initrd there, where mkosi
# looks for it, and no entry beside the unified kernel image.
fetch() {
	apt-get -q download mkosi systemd-container debootstrap fusefat
	for deb in *.deb; do dpkg -x "$deb" tools; done
	rm -- *.deb
	mkdir bin
	cat >bin/mount <<-'END'
		#!/bin/sh
		# mount --no-mtab WHAT WHERE ...
		case "$2:$(blkid -p -o value -s TYPE "$2" 2>/dev/null)" in
		/dev/*:vfat)
			/usr/bin/mount "$@" 2>/dev/null && exit
			mlabel -i "$2" -c :: && fusefat -o rw+,allow_other "$2" "$3" >/dev/null
			;;
		*) exec /usr/bin/mount "$@" ;;
		esac
	END
	# Nor does it keep what is written out of order, as objcopy does.
	cat >bin/objcopy <<-'END'
		#!/bin/bash
		out=$(mktemp)
		/usr/bin/objcopy "${@:1:$#-1}" "$out" && cp "$out" "${@: -1}" && cmp "$out" "${@: -1}" && rm "$out"
	END
	# What bootctl, inside, is told: that the ESP may be mounted so.
	cat >bin/systemd-nspawn <<-END
		#!/bin/sh
		exec $PWD/tools/usr/bin/systemd-nspawn --setenv=SYSTEMD_RELAX_ESP_CHECKS=1 "\$@"
	END
	mkdir -p skeleton/etc/kernel/install.d
	cat >skeleton/etc/kernel/install.d/90-loaderentry.install <<-'END'
		#!/bin/sh
		[ "$1" = add ] || exit 0
		mkdir -p "$3"
		for f in "$KERNEL_INSTALL_STAGING_AREA"/initrd*; do cp -L "$f" "$3/" || exit; done
	END
	chmod 755 bin/* skeleton/etc/kernel/install.d/90-loaderentry.install
}

# As root: loop devices, mounts, systemd-nspawn.
build() {
	fetch
	(
		tools=$PWD/tools
		export PATH=$PWD/bin:$tools/usr/sbin:$tools/usr/bin:$PATH PYTHONPATH=$tools/usr/lib/python3/dist-packages
		export DEBOOTSTRAP_DIR=$tools/usr/share/debootstrap MTOOLS_SKIP_CHECK=1
		/usr/bin/python3 -m mkosi --distribution=debian --release="$suite" --mirror="${mirror:-http://deb.debian.org/debian}" \
			--format=gpt_ext4 --bootable=yes --root-size=1G --esp-size=192M --output="$PWD/mkosi.img" --workspace-dir="$PWD" --skeleton-tree="$PWD/skeleton" \
			--hostname=podmkosi --password=isopod --kernel-command-line=console=tty0 --kernel-command-line=console=ttyS0,115200 \
			--kernel-command-line=loglevel=4 --nspawn-keep-unit=yes --debug=run build
	)
	# Sparse again.
	fallocate --dig-holes mkosi.img
}

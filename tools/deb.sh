#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# deb.sh: makes $B/isopod_VERSION_ARCH.deb out of `make install`. Reproducible: owners, times and order do not depend on who builds, or when.
set -eu
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 1767225600)}"
export SOURCE_DATE_EPOCH
umask 022
B=$(cd "$B" && pwd)
root=$B/deb/root
arch=$(dpkg --print-architecture)
rm -rf "$B/deb"
mkdir -p "$root/DEBIAN" "$B/deb/debian"
"$MAKE" -s B="$B" DESTDIR="$root" PREFIX=/usr install >/dev/null
strip --remove-section=.comment --remove-section=.note "$root/usr/bin/isopod"

# Which libraries at which version it needs. The binary itself names only libc: the others it loads (cli/host/lazy.h), and these two stand
# for it. Without dpkg-dev: those it was made for, all of them.
recommends="fuse3, ntfs-3g, qemu-system-x86, ovmf"
if command -v dpkg-shlibdeps >/dev/null; then
	printf 'Source: isopod\n\nPackage: isopod\nArchitecture: any\n' >"$B/deb/debian/control"
	(cd "$B/deb" && dpkg-shlibdeps -O -dDepends root/usr/bin/isopod ../direct/depends.so -dRecommends ../direct/recommends.so) \
		>"$B/deb/substvars" 2>"$B/deb/shlibdeps.log" || { cat "$B/deb/shlibdeps.log" >&2; exit 1; }
	depends=$(sed -n 's/^shlibs:Depends=//p' "$B/deb/substvars")
	more=$(sed -n 's/^shlibs:Recommends=//p' "$B/deb/substvars")
	recommends="${more:+$more, }$recommends"
else
	depends="libc6 (>= 2.36)$(sed -n 's/^#define PACKAGE_.* "\(.*\)"$/, \1/p' "$B/gen/libraries.h" | tr -d '\n')"
fi
size=$(find "$root/usr" -type f -printf '%s\n' | awk '{ n += int(($1 + 1023) / 1024) } END { print n }')
cat >"$root/DEBIAN/control" <<END
Package: isopod
Version: $VERSION
Architecture: $arch
Maintainer: The Isopod developers <isopod@localhost>
Installed-Size: $size
Depends: $depends
Recommends: $recommends
Suggests: acpica-tools, hwdata, squashfs-tools, erofs-utils, qemu-system-arm, qemu-efi-aarch64, ovmf-ia32, exfatprogs
Section: admin
Priority: optional
Description: one stick that boots every image you drop on it
 isopod turns a USB drive, or a disk-image file, into a multi-boot stick: ISO images,
 disk and floppy images and EFI programs are copied onto it as files, and its boot
 manager starts them on UEFI and on BIOS machines.
END
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
deb=$B/isopod_${VERSION}_$arch.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$deb" >/dev/null
echo "$deb"

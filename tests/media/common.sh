# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2016,SC2154
# What the media have in common. Sourced by build.sh before m/NAME.sh; $media is the cache folder.

# Dates inside the media; any fixed second will do.
export SOURCE_DATE_EPOCH=1700000000
export LC_ALL=C

suite=bookworm
# Another mirror than deb.debian.org: ISOPOD_MIRROR=http://...
mirror=${ISOPOD_MIRROR:-}

isolinux=/usr/lib/ISOLINUX
syslinux_bios=/usr/lib/syslinux/modules/bios
installer=/usr/lib/debian-installer/images/12

# fat_image FILE KIB [LABEL]: an empty FAT filesystem in a file.
fat_image() {
	truncate -s "$2K" "$1"
	mkfs.fat -n "${3:-EFI}" --invariant "$1" >/dev/null
}

# fat_put IMAGE FILE PATH: copies FILE to ::PATH, making its folders.
fat_put() {
	local part path=
	local IFS=/
	for part in $(dirname "$3"); do
		[ "$part" != . ] || continue
		path=$path/$part
		mmd -D s -i "$1" "::$path" 2>/dev/null || true
	done
	mcopy -o -i "$1" "$2" "::/$3"
}

# grub_efi FORMAT FILE PREFIX-FILE: a GRUB for firmware FORMAT (x86_64-efi, i386-efi) which looks for the ISO that holds
# PREFIX-FILE and reads /boot/grub/grub.cfg there.
grub_efi() {
	printf 'search --file --set=root %s\nset prefix=($root)/boot/grub\nconfigfile ($root)/boot/grub/grub.cfg\n' "$3" >early.cfg
	grub-mkimage -O "$1" -o "$2" -p /boot/grub -c early.cfg \
		iso9660 fat part_gpt part_msdos search search_fs_file configfile normal linux serial terminal echo sleep \
		test loadenv all_video gfxterm efi_gop boot chain reboot halt ls cat
	rm early.cfg
}

# isolinux_files FOLDER [MODULE...]: isolinux and its modules.
isolinux_files() {
	local dir=$1 m
	shift
	mkdir -p "$dir"
	cp "$isolinux/isolinux.bin" "$dir/"
	for m in ldlinux "$@"; do cp "$syslinux_bios/$m.c32" "$dir/"; done
}

# hybrid_iso OUT LABEL ROOT: BIOS through /isolinux/isolinux.bin, UEFI through /boot/grub/efi.img, and both again when written
# to a disk (isohybrid).
hybrid_iso() {
	xorriso -as mkisofs -r -J -joliet-long -V "$2" -o "$1" -isohybrid-mbr "$isolinux/isohdpfx.bin" \
		-c isolinux/boot.cat -b isolinux/isolinux.bin -no-emul-boot -boot-load-size 4 -boot-info-table \
		-eltorito-alt-boot -e boot/grub/efi.img -no-emul-boot -isohybrid-gpt-basdat "${@:4}" "$3"
}

# efi_loaders IMAGE MARK: Debian's signed shim and GRUB for x64 and an own GRUB for ia32 into a FAT image.
efi_loaders() {
	fat_put "$1" /usr/lib/shim/shimx64.efi.signed EFI/BOOT/BOOTX64.EFI
	fat_put "$1" /usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed EFI/BOOT/grubx64.efi
	grub_efi i386-efi bootia32.efi "$2"
	fat_put "$1" bootia32.efi EFI/BOOT/BOOTIA32.EFI
	rm bootia32.efi
}

# grub_serial [console]: GRUB's terminals, for its configuration: the serial port; with `console`, the screen and the keyboard, too.
grub_serial() {
	echo '# UEFI firmware mirrors its console to the serial port by itself.'
	echo 'if [ "$grub_platform" = pc ]; then'
	printf '\tserial --unit=0 --speed=115200\n'
	[ -z "${1:-}" ] || printf '\tterminal_input %s serial\n' "$1"
	printf '\tterminal_output %sserial\n' "${1:+$1 }"
	echo 'fi'
}

# small_root FOLDER: what a system of busybox and little else starts from. Leaves the live system's initrd unpacked in all/.
small_root() {
	local f lib=lib/x86_64-linux-gnu
	[ -e all ] || { mkdir all && zstd -dcq "$media/base/initrd.live" |
		cpio -D all -idm --quiet --no-preserve-owner --no-absolute-filenames 'usr/*'; }
	mkdir -p "$1/bin" "$1/dev" "$1/proc" "$1/sys" "$1/lib64" "$1/$lib"
	cp all/usr/bin/busybox "$1/bin/"
	for f in libc.so.6 libresolv.so.2; do
		[ ! -e "all/usr/$lib/$f" ] || cp "all/usr/$lib/$f" "$1/$lib/"
	done
	cp "all/usr/$lib/ld-linux-x86-64.so.2" "$1/lib64/"
}

# small_modules FOLDER LEAST MODULE...: modules out of all/ in the order in which they are loaded, 01.ko and so on: each behind what it depends
# on (modules.dep has that nearest first). Fewer than LEAST in all are a failure.
small_modules() {
	local to=$1 least=$2 from m n=0
	shift 2
	from=$(echo all/usr/lib/modules/*)
	mkdir -p "$to"
	for m; do
		sed -n "s,^\(kernel/.*/$m\.ko\): *\(.*\),\1 \2,p" "$from/modules.dep" | tr ' ' '\n' | sed '/^$/d' | tac
	done | awk '!seen[$0]++' >order
	[ "$(wc -l <order)" -ge "$least" ]
	while read -r m; do
		n=$((n + 1))
		cp "$from/$m" "$to/$(printf %02d $n).ko"
	done <order
}

# small_initrd FOLDER FILE
small_initrd() {
	(cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 | gzip -9n) >"$2"
}

# live_menus ROOT KERNEL INITRD ARGUMENTS TITLE: the same entry for isolinux (with its menu) and GRUB, chosen after one second.
live_menus() {
	isolinux_files "$1/isolinux" menu libutil libcom32
	cat >"$1/isolinux/isolinux.cfg" <<END
serial 0 115200
ui menu.c32
prompt 0
timeout 10
menu title $5
label live
  menu label $5
  menu default
  kernel $2
  append initrd=$3 $4
label verbose
  menu label $5, all messages
  kernel $2
  append initrd=$3 ${4/loglevel=4/loglevel=8}
END
	mkdir -p "$1/boot/grub"
	{
		grub_serial console
		cat <<END
set timeout=1
set default=0
menuentry '$5' {
	linux $2 $4
	initrd $3
}
menuentry '$5, all messages' {
	linux $2 ${4/loglevel=4/loglevel=8}
	initrd $3
}
END
	} >"$1/boot/grub/grub.cfg"
}

live_args='boot=live noeject console=tty0 console=ttyS0,115200 loglevel=4'

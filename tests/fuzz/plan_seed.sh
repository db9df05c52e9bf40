#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Small ISOs with initrds in the tree (Rock Ridge and Joliet), and in a FAT12 El Torito image; the 32 KiB system area, which the
# target inserts itself, is cut off, and the two fault counters are appended.
set -e
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
mkdir -p "$w/t/live" "$w/t/boot/grub" "$w/t/isolinux"
printf '070701%4000s' ' ' >"$w/t/live/initrd.img"
head -c 1024 /dev/zero >"$w/t/live/vmlinuz"
printf 'HdrS' | dd of="$w/t/live/vmlinuz" bs=1 seek=514 conv=notrunc 2>/dev/null
printf 'menuentry x {\n linux /live/vmlinuz\n initrd /live/initrd.img /live/extra\n}\n' >"$w/t/boot/grub/grub.cfg"
printf '\037\213%100s' x >"$w/t/live/extra"
head -c 4096 /dev/zero >"$w/t/isolinux/isolinux.bin"
mkfs.fat -C -F 12 -s 4 "$w/t/boot/efi.img" 96 >/dev/null
mmd -i "$w/t/boot/efi.img" ::EFI ::EFI/BOOT ::arch
head -c 600 /dev/zero >"$w/x.efi"
printf 'MZ' | dd of="$w/x.efi" bs=1 conv=notrunc 2>/dev/null
mcopy -i "$w/t/boot/efi.img" "$w/x.efi" ::EFI/BOOT/BOOTX64.EFI
mcopy -i "$w/t/boot/efi.img" "$w/t/live/initrd.img" ::arch/initramfs.img
mcopy -i "$w/t/boot/efi.img" "$w/t/live/vmlinuz" ::arch/vmlinuz
xorriso -as mkisofs -quiet -no-pad -R -J -V SEED -b isolinux/isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -eltorito-alt-boot \
	-e boot/efi.img -no-emul-boot -o "$w/a.iso" "$w/t" 2>/dev/null
rm "$w/t/boot/efi.img"
xorriso -as mkisofs -quiet -no-pad -V PLAIN -o "$w/b.iso" "$w/t" 2>/dev/null
# A kernel that no initrd is loaded for, with a version of Linux; with and without Joliet.
mkdir -p "$w/u/boot/grub" "$w/u/isolinux"
printf '%4096s' x >"$w/u/isolinux/isolinux.bin"
cp "$w/t/live/vmlinuz" "$w/u/vmlinuz"
printf '\000\001' | dd of="$w/u/vmlinuz" bs=1 seek=526 conv=notrunc 2>/dev/null
printf '6.1.0 (a@b) #1' | dd of="$w/u/vmlinuz" bs=1 seek=768 conv=notrunc 2>/dev/null
printf 'linux /vmlinuz a\n' >"$w/u/boot/grub/grub.cfg"
printf 'label a\n kernel /vmlinuz\n append quiet\n' >"$w/u/isolinux/isolinux.cfg"
xorriso -as mkisofs -quiet -no-pad -R -V LONE -b isolinux/isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -o "$w/c.iso" "$w/u" 2>/dev/null
xorriso -as mkisofs -quiet -no-pad -J -V LONE -b isolinux/isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -o "$w/d.iso" "$w/u" 2>/dev/null
for f in a b c d; do
	{ tail -c +32769 "$w/$f.iso"; printf '\0\0\0\0'; } >"$1/$f"
done
"${B:-build}/fuzz/udf-seed" "$1"

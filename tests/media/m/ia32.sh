# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='an ISO with an ia32 UEFI loader only'
out=ia32.iso
needs=

build() {
	mkdir -p root/boot/grub root/words
	printf 'instar from the ia32 medium\n' >root/words/word.txt
	cat >root/boot/grub/grub.cfg <<'END'
cat /words/word.txt
echo "platform $grub_platform cpu $grub_cpu"
sleep 600
END
	grub_efi i386-efi bootia32.efi /words/word.txt
	fat_image root/efi.img 1440
	fat_put root/efi.img bootia32.efi EFI/BOOT/BOOTIA32.EFI
	xorriso -as mkisofs -r -J -V PODIA32 -o ia32.iso -eltorito-platform efi -b efi.img -no-emul-boot root
}

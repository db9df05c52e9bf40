# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='an ISO with nothing but a UEFI El Torito entry: GRUB, which reads a file from the ISO and prints it'
out=efionly.iso
needs=

build() {
	mkdir -p root/boot/grub root/words
	printf 'chrysalis from the EFI-only medium\n' >root/words/word.txt
	cat >root/boot/grub/grub.cfg <<'END'
cat /words/word.txt
echo "platform $grub_platform cpu $grub_cpu"
sleep 600
END
	grub_efi x86_64-efi bootx64.efi /words/word.txt
	grub_efi i386-efi bootia32.efi /words/word.txt
	fat_image efi.img 2880
	fat_put efi.img bootx64.efi EFI/BOOT/BOOTX64.EFI
	fat_put efi.img bootia32.efi EFI/BOOT/BOOTIA32.EFI
	cp efi.img root/efi.img
	xorriso -as mkisofs -r -J -V PODEFI -o efionly.iso -eltorito-platform efi -b efi.img -no-emul-boot root
}

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='GRUB in an ISO, BIOS and UEFI: waits for Enter, and then reads a file that it had not read before'
out=cicada.iso
needs=

build() {
	mkdir -p root/boot/grub
	# GRUB keeps what it has read: the words are at the end of something larger.
	{
		head -c 300000 /dev/zero | tr '\0' .
		printf '\ncicada, still read after all that time\n'
	} >root/long.txt
	cat >root/boot/grub/grub.cfg <<'END'
if [ "$grub_platform" = pc ]; then
	serial --unit=0 --speed=115200
	terminal_input serial
	terminal_output serial
fi
echo "cicada waits"
read answer
cat /long.txt
sleep 600
END
	grub-mkrescue --compress=no --fonts= --themes= --locales= \
		--install-modules='normal iso9660 fat part_gpt part_msdos serial terminal read cat echo sleep test' \
		-o cicada.iso root -- -volid PODCICADA
}

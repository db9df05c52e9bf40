# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2016
about="what plover.iso, snipe.iso and limpet.iso share: a kernel as Debian's cannot be, built from Debian's source, without modules"
out=egg
needs=

# Neither is the kernel's build installed, nor what only it needs: they are unpacked.
packages='linux-source-6.1 flex bison m4 bc libelf1 libelf-dev busybox-static'

# What is switched on and off from what tinyconfig makes; what these need follows.
on='64BIT EFI EFI_STUB EFI_PARTITION MSDOS_PARTITION PARTITION_ADVANCED PRINTK TTY SERIAL_8250 SERIAL_8250_CONSOLE MULTIUSER
BINFMT_ELF BINFMT_SCRIPT BLOCK BLK_DEV BLK_DEV_INITRD RD_GZIP BLK_DEV_RAM EXT2_FS ISO9660_FS DEVTMPFS PROC_FS SYSFS TMPFS SHMEM
ACPI PCI PCI_MSI HIGH_RES_TIMERS USB_SUPPORT USB USB_PCI USB_XHCI_HCD USB_EHCI_HCD USB_UHCI_HCD USB_STORAGE
SCSI BLK_DEV_SD BLK_DEV_SR ATA ATA_SFF ATA_BMDMA ATA_PIIX SATA_AHCI NET UNIX
FUTEX EPOLL SIGNALFD TIMERFD EVENTFD POSIX_TIMERS FILE_LOCKING BASE_FULL KERNEL_GZIP SLUB UNWINDER_GUESS'
off='KERNEL_XZ SLOB SLUB_DEBUG UNWINDER_ORC VT INPUT WIRELESS RANDOMIZE_BASE SPECULATION_MITIGATIONS WLAN ETHERNET NETDEVICES
X86_MCE MICROCODE HW_RANDOM SUSPEND SWAP RD_BZIP2 RD_LZMA RD_XZ RD_LZO RD_LZ4 RD_ZSTD
PERF_EVENTS_INTEL_UNCORE PERF_EVENTS_INTEL_RAPL PERF_EVENTS_INTEL_CSTATE INITRAMFS_PRESERVE_MTIME'

# Beside other work.
kernel() { env -u MAKEFLAGS -u MAKEOVERRIDES nice -n 19 make -s -j2 -C linux-source-6.1 "$@"; }

# configure: each word of $on is in it.
configure() {
	local c config=linux-source-6.1/.config
	kernel tinyconfig
	{
		for c in $on; do echo "CONFIG_$c=y"; done
		for c in $off; do echo "# CONFIG_$c is not set"; done
	} >>$config
	kernel olddefconfig
	for c in $on; do grep -qx "CONFIG_$c=y" $config; done
}

# The system: busybox, and an init that tells what it runs from, looks for its medium by label on all partitions and disks, and then is a
# shell. It is the same as built-in initramfs and as ramdisk; `medium=` and `seconds=` on the kernel's command line say for what, how long.
system() {
	local f
	mkdir -p tree/bin tree/dev tree/proc tree/sys tree/mnt tree/root
	cp tools/bin/busybox tree/bin/
	for f in $(tree/bin/busybox --list); do [ "$f" = busybox ] || ln -s busybox "tree/bin/$f"; done
	cat >tree/init <<'END'
#!/bin/busybox sh
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec >/dev/ttyS0 2>&1 </dev/ttyS0
for w in $(cat /proc/cmdline); do
	case $w in
	medium=*) name=${w#*=} ;;
	seconds=*) seconds=${w#*=} ;;
	esac
done
echo "$name runs from $(sed -n 's,^[^ ]* / \([^ ]*\).*,\1,p' /proc/mounts | tail -n 1)"
[ ! -e /further ] || echo "$name has $(cat /further)"
label=$(echo $name | tr a-z A-Z)
look() {
	for d in /sys/class/block/*; do
		p=/dev/${d##*/}
		[ "$(dd if=$p bs=1 skip=32808 count=${#label} 2>/dev/null)" = $label ] || continue
		mount -t iso9660 -o ro $p /mnt && return 0
	done
	return 1
}
n=0
while ! look && [ $n -lt $seconds ]; do
	sleep 1
	n=$((n + 1))
done
if [ -e /mnt/word.txt ]; then
	echo "$(cat /mnt/word.txt) on $p"
	echo "$name: $(sha256sum /mnt/large | cut -c 1-16) is the sum"
else
	cat /proc/partitions
	echo "$name found nothing with its label"
fi
cd /root
exec sh /bin/session $name
END
	cat >tree/bin/session <<'END'
while :; do
	printf '\npod%s login: ' $1
	read -r who
	printf 'Password: '
	read -r word
	[ "$who$word" != rootisopod ] || PS1="root@pod$1:~# " setsid -c sh
done
END
	chmod 755 tree/init
}

# source_here: linux-source-6.1/ and tools/, and what makes them find each other.
source_here() {
	local p w=$PWD
	# shellcheck disable=SC2086
	apt-get -qq download $packages
	for p in *.deb; do
		dpkg-deb -x "$p" tools
		rm "$p"
	done
	tar -xf tools/usr/src/linux-source-6.1.tar.xz --wildcards --exclude='*/Documentation/*/*' --exclude='*/drivers/gpu/*.[ch]' \
		--exclude='*/sound/*.[ch]' --exclude='*/boot/dts/*' --exclude='*/tools/testing/*'
	export PATH=$w/tools/usr/bin:$PATH BISON_PKGDATADIR=$w/tools/usr/share/bison M4=$w/tools/usr/bin/m4
	export C_INCLUDE_PATH=$w/tools/usr/include LIBRARY_PATH=$w/tools/usr/lib/x86_64-linux-gnu LD_LIBRARY_PATH=$w/tools/usr/lib/x86_64-linux-gnu
	export KBUILD_BUILD_TIMESTAMP="@$SOURCE_DATE_EPOCH" KBUILD_BUILD_USER=pod KBUILD_BUILD_HOST=pod KBUILD_BUILD_VERSION=1
}

build() {
	local w=$PWD
	source_here
	system
	mkdir egg
	configure
	kernel bzImage
	cp linux-source-6.1/arch/x86/boot/bzImage egg/vmlinuz
	# The same with the system built in; all files are root's.
	{
		echo "CONFIG_INITRAMFS_SOURCE=\"$w/tree\""
		echo "CONFIG_INITRAMFS_ROOT_UID=$(id -u)"
		echo "CONFIG_INITRAMFS_ROOT_GID=$(id -g)"
		echo CONFIG_INITRAMFS_COMPRESSION_GZIP=y
	} >>linux-source-6.1/.config
	kernel olddefconfig
	kernel bzImage
	cp linux-source-6.1/arch/x86/boot/bzImage egg/vmlinuz-builtin
	mv tree egg/
	[ "$(stat -c %s egg/vmlinuz-builtin)" -gt $(($(stat -c %s egg/vmlinuz) + 500000)) ]
	rm -r linux-source-6.1 tools
}

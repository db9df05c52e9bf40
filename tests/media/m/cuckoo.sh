# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# shellcheck source=tests/media/m/burrow.sh
. "$here/m/burrow.sh"
about='a live system that adds a partition to the disk of its medium, as casper does, and takes every disk, as an installer does; in our own words'
out=cuckoo.iso
needs='base nest burrow'

# tools_into FOLDER: what writes partition tables and filesystems, with its libraries.
tools_into() {
	local t lib=lib/x86_64-linux-gnu
	for t in sfdisk wipefs mke2fs; do
		rm -f "$1/bin/$t"
		cp "squashfs/usr/sbin/$t" "$1/bin/"
	done
	cp -L squashfs/usr/$lib/*.so.* "$1/$lib/"
}

build() {
	local l lib=usr/lib/x86_64-linux-gnu wanted=
	for l in libfdisk libsmartcols libtinfo libreadline libblkid libext2fs libcom_err libuuid libe2p; do wanted="$wanted $lib/$l.so.*"; done
	# shellcheck disable=SC2086
	unsquashfs -q -n -d squashfs "$media/base/live.squashfs" usr/sbin/sfdisk usr/sbin/wipefs usr/sbin/mke2fs $wanted
	from_burrow
	tools_into initrd
	tools_into system
	cat >initrd/init <<'END'
#!/bin/sh
. /lib/begin
. /lib/enter
insert
search() {
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		for b in /sys/block/*/* /sys/block/*; do
			[ -e "$b/dev" ] || continue
			part=${b##*/}
			case $part in
			loop* | ram*) continue ;;
			esac
			mount -t iso9660 -o ro "/dev/$part" /cd 2>/dev/null || continue
			! grep -q '^cuckoo' /cd/word.txt 2>/dev/null || return 0
			umount /cd
		done
		sleep 1
	done
	return 1
}
search || give_up "cuckoo found no medium"
# Behind the last partition of the medium's disk, one for what is to be kept.
disk=$part
[ ! -e /sys/class/block/$part/partition ] || disk=$(basename "$(readlink -f /sys/class/block/$part/..)")
echo "cuckoo: the medium is /dev/$part of /dev/$disk"
printf ',,L\n' | sfdisk -a --force --no-reread /dev/$disk
echo "cuckoo: sfdisk -a ends with $?"
make_root
exec switch_root /new /sbin/init
END
	# As an installer does with the first disk that it sees; here with each, so that one of them shows that it can be done. By the
	# name of the disk, and by its numbers.
	cat >system/sbin/take <<'END'
#!/bin/sh
step() {
	what=$1
	shift
	out=$("$@" 2>&1 </tmp/table)
	echo "take: $what: $? "$out
}
printf 'label: gpt\n,,L\n' >/tmp/table
for b in /sys/block/sd* /sys/block/nvme* /sys/block/vd*; do
	[ -e "$b/dev" ] || continue
	d=${b##*/}
	rm -f /tmp/node
	mknod /tmp/node b $(tr : ' ' <$b/dev)
	for node in /dev/$d /tmp/node; do
		step "$d $node table" sfdisk --force --no-reread --wipe always $node
		step "$d $node wipe" wipefs -a -f $node
		step "$d $node ext4" mke2fs -FF -q -t ext4 $node
		step "$d $node zeros" dd if=/dev/zero of=$node bs=64k count=64 conv=fsync
	done
done
sync
END
	chmod 755 system/sbin/take
	search_iso cuckoo PODCUCKOO ''
}

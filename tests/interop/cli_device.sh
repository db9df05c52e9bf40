#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Block devices, by loop devices, and made-up /proc and /sys: what is in use is refused, whatever the options; what is not, works.
# shellcheck disable=SC2317  # clean is called by the trap
set -u
# As in common.sh.
if [ -z "${OWN_MOUNTS:-}" ] && unshare -m true 2>/dev/null; then
	OWN_MOUNTS=1 exec unshare -m "$0" "$@"
fi
B=${B:-build}
isopod=$B/isopod
faults=$B/interop/isopod-faults
pass=0 fail=0 dev='' mnt=''
work=$(mktemp -d /tmp/isopod-device.XXXXXX)
export LC_ALL=C.UTF-8 LANGUAGE='' ISOPOD_DATA="$work/data"

clean() {
	[ -z "$mnt" ] || umount "$mnt" 2>/dev/null
	[ -z "$dev" ] || losetup -d "$dev" 2>/dev/null
	rm -rf "$work"
}
trap clean EXIT

ok() {
	pass=$((pass + 1))
}
bad() {
	fail=$((fail + 1))
	echo "FAILED $*"
}
# refuses WHAT WORD COMMAND...: status 3, WORD in the message
refuses() {
	what=$1 word=$2
	shift 2
	out=$("$@" 2>&1)
	st=$?
	case $st:$out in
	3:*"$word"*) ok ;;
	*) bad "$what: status $st, '$out'" ;;
	esac
}
works() {
	what=$1
	shift
	if out=$("$@" 2>&1); then ok; else bad "$what: status $?, '$out'"; fi
}
finish() {
	echo "$pass passed, $fail failed"
	[ "$fail" -eq 0 ]
	exit
}

mkdir "$ISOPOD_DATA"
head -c 440 /dev/urandom >"$ISOPOD_DATA/mbr.bin"
head -c 51200 /dev/urandom >"$ISOPOD_DATA/stage2.bin"
for f in BOOTX64.EFI BOOTIA32.EFI BOOTAA64.EFI SHIMX64 SHIMIA32 SHIMAA64 WINX64.EXE WINIA32.EXE WINAA64.EXE FONT.BIN; do
	head -c 30000 /dev/urandom >"$ISOPOD_DATA/$f"
done
head -c 3000000 /dev/urandom >"$work/x.img"

# --- a loop device ---
truncate -s 128M "$work/disk"
for _ in 1 2 3 4 5; do
	dev=$(losetup -f --show "$work/disk" 2>/dev/null) && break
	sleep 0.2
done
if [ -z "$dev" ]; then
	bad "no loop device: run as root"
	finish
fi
# the whole disk is shown again without a partition scan, so a part of it has its own loop device below
refuses "a disk of this machine" "not a removable drive" "$isopod" create "$dev"
refuses "--size on a drive" "--size is for files" "$isopod" create "$dev" --yes --size 64M
works "create on a block device" "$isopod" create "$dev" --yes
case $out in
*refused*) bad "an empty drive with --yes is said to be refused: $out" ;;
*) ok ;;
esac
works "sfdisk reads it" sfdisk -V "$dev"
works "add to a block device" "$isopod" add "$dev" "$work/x.img" --verify
works "list of a block device" "$isopod" list "$dev" --json
works "next on a block device" "$isopod" next "$dev" /images/x.img
works "update of a block device" "$isopod" update "$dev"
refuses "not empty" "would be lost" "$isopod" create "$work/disk"

mnt=$work/mnt
mkdir "$mnt"
mke2fs -q -F -t ext2 "$dev" 8192
if mount -t ext2 "$dev" "$mnt" 2>/dev/null || mount -t ext4 "$dev" "$mnt" 2>/dev/null; then
	for c in "create --yes" "update" "next --clear"; do
		# shellcheck disable=SC2086
		set -- $c
		cmd=$1
		shift
		refuses "$c on a mounted device" "is mounted at $mnt" "$isopod" "$cmd" "$dev" "$@"
		refuses "$c on a file that is mounted" "is mounted at $mnt" "$isopod" "$cmd" "$work/disk" "$@"
	done
	refuses "add to a mounted device" "is mounted at $mnt" "$isopod" add "$dev" "$work/x.img"
	umount "$mnt"
else
	bad "cannot mount an ext2"
fi
refuses "not empty: says what" "ext2 filesystem" sh -c "losetup -d $dev; '$isopod' create '$work/disk'"
dev=
mnt=

# --- a write-protected drive ---
dev=$(losetup -r -f --show "$work/disk")
refuses "write-protected" "write" "$isopod" create "$dev" --yes
losetup -d "$dev"
dev=$(losetup -f --show "$work/disk")

# --- made-up machines ---
num=$(printf '%d:%d' "0x$(stat -c %t "$dev")" "0x$(stat -c %T "$dev")")
root=$work/root
export ISOPOD_TEST_ROOT="$root"
fresh() {
	rm -rf "$root"
	mkdir -p "$root/proc/self" "$root/sys/dev/block/$num/sdx1/holders" "$root/sys/block"
	: >"$root/proc/self/mountinfo"
	: >"$root/proc/swaps"
	echo 1 >"$root/sys/dev/block/$num/removable"
	echo 1 >"$root/sys/dev/block/$num/sdx1/partition"
	echo 999:1 >"$root/sys/dev/block/$num/sdx1/dev"
	mkdir -p "$root/sys/dev/block/999:1/holders"
}
fresh
works "removable, idle" "$faults" create "$dev" --yes
fresh
echo "30 1 999:1 / / rw,relatime shared:1 - ext4 /dev/sdx1 rw" >"$root/proc/self/mountinfo"
refuses "the running system" "the running system is on it (sdx1 is mounted at /)" "$faults" create "$dev" --yes
fresh
printf '%s\n' '30 1 999:1 / /media/a\040b rw - vfat /dev/sdx1 rw' >"$root/proc/self/mountinfo"
refuses "a partition is mounted" "sdx1 is mounted at /media/a b" "$faults" create "$dev" --yes
fresh
echo "30 1 0:55 / /mnt rw shared:2 master:1 - btrfs $dev rw" >"$root/proc/self/mountinfo"
refuses "mounted under an anonymous number" "is mounted at /mnt" "$faults" create "$dev" --yes
fresh
rm "$root/proc/self/mountinfo"
refuses "no list of mounts" "cannot tell whether it is in use: /proc/self/mountinfo" "$faults" create "$dev" --yes
fresh
printf 'Filename\tType\tSize\tUsed\tPriority\n%s partition 1 0 -2\n' "$dev" >"$root/proc/swaps"
refuses "swap space" "swap" "$faults" create "$dev" --yes
fresh
mkdir -p "$root/sys/dev/block/999:1/holders/dm-3"
refuses "held by device-mapper" "sdx1 is part of dm-3" "$faults" create "$dev" --yes
fresh
mkdir -p "$root/sys/dev/block/$num/holders/md127"
refuses "held by RAID" "is part of md127" "$faults" add "$dev" "$work/x.img"
fresh
echo 3 >"$root/sys/dev/block/$num/partition"
refuses "a partition as TARGET" "name the whole drive" "$faults" create "$dev" --yes
fresh
echo 0 >"$root/sys/dev/block/$num/removable"
dd if=/dev/zero of="$dev" bs=1M count=128 conv=fsync status=none
refuses "not removable" "not a removable drive" "$faults" create "$dev"
echo 1 >"$root/sys/dev/block/$num/removable"
works "removable and blank: no --yes needed" "$faults" create "$dev"

# --- what is on a drive whose beginning is zeros ---
empty() {
	dd if=/dev/zero of="$dev" bs=1M count=128 conv=fsync status=none
}
empty
dd if="$work/x.img" of="$dev" bs=1M seek=77 conv=notrunc,fsync status=none
refuses "data in the middle" "data of an unknown kind" "$faults" create "$dev"
empty
echo x | dd of="$dev" bs=1 seek=$((128 * 1048576 - 2)) conv=notrunc,fsync status=none
refuses "data at the end" "data of an unknown kind" "$faults" create "$dev"
empty
printf 'label: gpt\nstart=40960, size=65536\n' | sfdisk -q --no-reread --no-tell-kernel "$dev"
mke2fs -q -F -t ext4 -L Wichtig -E offset=$((40960 * 512)) "$dev" 32M
dd if=/dev/zero of="$dev" bs=1M count=1 conv=notrunc,fsync status=none
refuses "the backup of a GPT" "backup of a partition table (GPT), ext4 filesystem 'Wichtig' in partition 1" "$faults" create "$dev"
echo 0 >"$root/sys/dev/block/$num/removable"
refuses "a disk of this machine: what is on it" "Wichtig" "$faults" create "$dev"
works "--yes" "$faults" create "$dev" --yes
case $out in
*"will be lost: backup of a partition table"*Wichtig*) ok ;;
*) bad "--yes says what is lost: '$out'" ;;
esac
finish

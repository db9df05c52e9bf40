#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# `make demo`: makes a stick image, puts real ISO images on it, boots one on each firmware, and says what happened.
#   make demo                  images built from Debian packages
#   make demo ISO="a.iso ..."  your own; the first one is booted
#   make demo STICK=/dev/sdX   writes a real USB stick instead of an image file (asks before anything is lost)
# On a machine with a display QEMU's window is shown; else screenshots and serial logs are left in $B/demo.
set -eu
B=${B:-build}
out=$B/demo
pod=$B/isopod
mkdir -p "$out"
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

if [ -n "${ISO:-}" ]; then
	set -- $ISO
	boot=$1 expect=
else
	say "Building the images from Debian packages (kept for the next time)"
	for m in live memtest installer efionly floppy; do tests/media/build.sh "$m"; done
	cache=${ISOPOD_MEDIA:-$HOME/.cache/isopod/media}
	set -- "$cache/live.iso" "$cache/memtest.iso" "$cache/installer.iso" "$cache/efionly.iso" "$cache/floppy.iso"
	boot=$1 expect='podlive login:'
fi

if [ -n "${STICK:-}" ]; then
	say "Writing $STICK"
	"$pod" create "$STICK"
	"$pod" add "$STICK" "$@" --to /images
	"$pod" list "$STICK"
	say "Done. Start a machine from the stick."
	exit 0
fi

stick=$out/stick.img
need=128
for f in "$@"; do need=$((need + $(stat -c %s "$f") / 1048576 + 16)); done
say "Making $stick"
rm -f "$stick"
"$pod" create "$stick" --size "$((need + need / 4))M" --yes
"$pod" add "$stick" "$@" --to /images
"$pod" list "$stick"
path=/images/$(basename "$boot")
say "What will happen to $path"
"$pod" plan "$stick:$path"

status=0
for fw in bios uefi; do
	say "Booting on $fw: the menu"
	"$pod" vm "$stick" --firmware "$fw" --serial "$out/$fw-menu.log" --screenshot "$out/$fw-menu.png" --expect "$(basename "$boot" .iso)" \
		--timeout 300 || status=1
	say "Booting on $fw: $path"
	if [ -n "$expect" ]; then
		"$pod" vm "$stick" --firmware "$fw" --boot "$path" --serial "$out/$fw.log" --screenshot "$out/$fw.png" --expect "$expect" --timeout 900 ${DISPLAY:+--display} || status=1
	else
		"$pod" vm "$stick" --firmware "$fw" --boot "$path" --serial "$out/$fw.log" --screenshot "$out/$fw.png" --timeout "${SECONDS_TO_WAIT:-180}" ${DISPLAY:+--display} || :
	fi
done
say "What to look at"
ls -l "$out"/*.png "$out"/*.log
[ -n "$expect" ] && { [ "$status" -eq 0 ] && echo "Both firmwares reached \"$expect\"." || echo "Not every boot reached \"$expect\": see the logs."; }
exit "$status"

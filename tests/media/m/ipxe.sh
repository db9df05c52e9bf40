# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about="iPXE's own ISO from its Debian package (BIOS)"
out=ipxe.iso
needs=

build() {
	cp /usr/lib/ipxe/ipxe.iso ipxe.iso
}

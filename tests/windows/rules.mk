# SPDX-License-Identifier: BSD-2-Clause
# What Microsoft's own boot manager does with what we make. Off by default: its files are nobody's to give away. ISOPOD_WINDOWS names a
# folder with the root of a Windows medium (bootmgr, efi/boot/bootx64.efi, efi/microsoft/boot/memtest.efi, ...); without it every test
# here is skipped, and says so. Executable files are tests; genuine.py is what they share.
WINDOWS_TESTS := $(shell find tests/windows -maxdepth 1 -type f -perm -u+x -name '*.py' | sort)

.PHONY: check-windows
check-windows: all $(B)/interop/regf
	@B=$(abspath $(B)) tests/run-suite.sh windows $(WINDOWS_TESTS)

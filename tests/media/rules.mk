# SPDX-License-Identifier: BSD-2-Clause
# The test media: built into a cache outside the tree; tests/media/README.md says what they are.
MEDIA_CHECK := live dracut installer installer-arm64 memtest ipxe efionly floppy hd rawdisk ia32 big fatlive nosquash badger cuckoo

.PHONY: media
media:
	@tests/media/build.sh -q $(MEDIA_CHECK) >/dev/null

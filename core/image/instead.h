/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file is that is no image, or not the one it was to be: a page that was downloaded in its place, an archive, half a
 * download. Told by a few bytes at its beginning and its end, and by its name. */
#ifndef POD_IMAGE_INSTEAD_H
#define POD_IMAGE_INSTEAD_H

#include "core/disk/dev.h"

enum pod_instead {
	POD_INSTEAD_NONE,
	POD_INSTEAD_EMPTY,
	POD_INSTEAD_UNFINISHED, /* by its name */
	POD_INSTEAD_ZEROS,	/* where its structures would be */
	POD_INSTEAD_HTML,
	POD_INSTEAD_XML,
	POD_INSTEAD_JSON,
	POD_INSTEAD_LFS,
	POD_INSTEAD_TORRENT,
	POD_INSTEAD_SHORTCUT,
	POD_INSTEAD_CUE,
	POD_INSTEAD_TEXT,
	POD_INSTEAD_ZIP,
	POD_INSTEAD_GZIP,
	POD_INSTEAD_XZ,
	POD_INSTEAD_ZSTD,
	POD_INSTEAD_BZIP2,
	POD_INSTEAD_LZ4,
	POD_INSTEAD_7Z,
	POD_INSTEAD_RAR,
	POD_INSTEAD_TAR,
	POD_INSTEAD_CAB,
	POD_INSTEAD_PACKAGE, /* .deb, .rpm */
	POD_INSTEAD_RAW_CD,  /* sectors of 2352 bytes */
	POD_INSTEAD_NRG,
	POD_INSTEAD_DMG,
	POD_INSTEAD_PACKED_DISC, /* ISZ, CSO, DAA */
	POD_INSTEAD_OTHER_DISK,	 /* a virtual disk that only `isopod disk convert` reads */
	POD_INSTEAD_KERNEL,
	POD_INSTEAD_INITRD,
	POD_INSTEAD_SQUASHFS,
	POD_INSTEAD_LVM, /* a physical volume without a disk around it */
	POD_INSTEAD_LUKS,
	POD_INSTEAD_ELF,
	POD_INSTEAD_PROGRAM, /* of Windows or DOS */
	POD_INSTEAD_PDF,
	POD_INSTEAD_COUNT
};

/* Of a file that is of no kind of image; `name` NULL: it has none. */
enum pod_status POD_MUST_USE pod_instead_look(struct pod_dev *dev, const char *name, enum pod_instead *out);
/* "x.iso.part": what browsers and other programs call a download that is under way. */
bool pod_instead_unfinished_name(const char *name);
/* Is this the beginning (1024 bytes) of a Linux kernel, which is also an EFI program? */
bool pod_instead_is_kernel(const uint8_t *head);
/* "a ZIP archive", and what to do: "unpack it, and take the image that is in it"; "" for NONE. English; the ports translate. */
const char *pod_instead_text(enum pod_instead i);
const char *pod_instead_fix(enum pod_instead i);

#endif

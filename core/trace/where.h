/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which file of an image lies at an offset of its virtual disk: what the flight recorder's "last read at" means in words.
 *
 * The trees are walked as the loader sees them, with the plan's overlays in place: ISO 9660, Joliet if the first has no answer,
 * and the FAT inside El Torito boot images and floppies. The walk is bounded in folders, bytes and memory.
 */
#ifndef POD_TRACE_WHERE_H
#define POD_TRACE_WHERE_H

#include "core/plan/plan.h"

/* Values are used in `isopod trace --json` by name, see pod_where_text. */
enum pod_where_kind {
	POD_WHERE_NOWHERE,     /* between files: no file of the image lies there */
	POD_WHERE_FILE,	       /* `path` */
	POD_WHERE_INITRD,      /* `path`, served with the shim around it past the end of the image */
	POD_WHERE_DESCRIPTORS, /* the system area, the volume's descriptors, its path tables */
	POD_WHERE_DIRECTORY,   /* the folder `path`, "" is the root */
	POD_WHERE_CATALOG,     /* the El Torito boot catalogue */
	POD_WHERE_BOOT_IMAGE,  /* an El Torito boot image that no file of the tree covers, or the file system in one */
	POD_WHERE_IMAGE,       /* the image as a whole: a disk, a program; not looked into */
	POD_WHERE_PAST_END,    /* behind the end of the virtual disk */
	POD_WHERE_COUNT
};

struct pod_where {
	enum pod_where_kind kind;
	/* Inside the image, no leading slash. A file inside the FAT of a boot image: "boot/grub/efi.img:EFI/BOOT/BOOTX64.EFI", or
	 * with nothing before the colon where the boot image is no file. "" where `kind` says so, or if too long. */
	char path[256];
	uint64_t offset_bytes; /* how far into it */
	uint64_t length_bytes; /* of it; 0 if unknown */
	uint32_t percent;      /* 0 to 100 */
	bool cut_short;	       /* the walk met a limit or damage: NOWHERE may be a file that was not seen */
};

/* "file", "initrd", "descriptors", "directory", "boot catalogue", "boot image", "image", "past the end", "nowhere". */
const char *pod_where_text(enum pod_where_kind k);
/* How far `offset` is into `length`, 0 to 100. */
uint32_t pod_where_percent(uint64_t offset_bytes, uint64_t length_bytes);
/* Looks up the byte at `off_bytes` of the plan's virtual disk. `disk` is the device the plan was made on. Damage in the image is
 * no error: the answer is then as good as what could be read (cut_short). POD_E_NOMEM; all else is POD_OK. */
enum pod_status POD_MUST_USE pod_where_find(const struct pod_plan *p, struct pod_dev *disk, uint64_t off_bytes,
					    struct pod_alloc *a, struct pod_where *out);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that boot menus lead to, by their own headers and checksums. Each is a device that holds nothing but the file. POD_E_FORMAT: it
 * is none of these; POD_E_CORRUPT: it is one and breaks its rules, `diag` says where; POD_E_RANGE: it is cut off (diag->expected: bytes
 * that it says it has, diag->got: what is there).
 */
#ifndef POD_IMAGE_BOOTFILE_H
#define POD_IMAGE_BOOTFILE_H

#include "core/disk/dev.h"

enum pod_kernel_kind {
	POD_KERNEL_BZIMAGE,
	POD_KERNEL_OLD,	  /* a boot sector, as before protocol 2.00: memtest86+ 4 */
	POD_KERNEL_ARM64, /* Image */
	POD_KERNEL_PE,	  /* an EFI program; Linux as zboot is one */
	POD_KERNEL_ELF,
	POD_KERNEL_GZIP,
};

struct pod_kernel {
	enum pod_kernel_kind kind;
	bool pe;	      /* it is an EFI program as well */
	uint16_t protocol;    /* x86 boot protocol, 0x020f */
	char version[64];     /* "6.1.0-13-amd64", "" if it does not say */
	uint64_t image_bytes; /* bzImage: what setup_sects and syssize span; else 0 */
	bool has_crc;	      /* the last 4 bytes of them are a CRC-32 */
};

/* Linux for x86 (Documentation/arch/x86/boot.rst), arm64 (Documentation/arch/arm64/booting.rst), and what else is started like it. */
enum pod_status POD_MUST_USE pod_kernel_read(struct pod_dev *file, struct pod_kernel *out, struct pod_diag *diag);
/* The CRC-32 of a bzImage. Whoever signs one changes its PE header afterwards: `good` also if it fits with the signature taken out.
 * `buf` is scratch. */
enum pod_status POD_MUST_USE pod_kernel_crc(struct pod_dev *file, const struct pod_kernel *k, uint8_t *buf, size_t buf_len,
					    bool *good);
/* Is there a multiboot header of this version, 1 or 2 (Multiboot 0.6.96, 3.1; Multiboot2 2.0, 3.1)? GRUB unpacks gzip itself: then this
 * is not known, POD_E_UNSUPPORTED. `buf`: 32 KiB. */
enum pod_status POD_MUST_USE pod_multiboot_read(struct pod_dev *file, uint8_t *buf, struct pod_diag *diag);

/* A module of SYSLINUX. */
struct pod_com32 {
	bool elf; /* as from 5.00 on; else the older kind of 3.x and 4.x */
	uint32_t needed_count;
	char needed[8][32]; /* further modules that it is linked with: "libutil.c32" */
};
enum pod_status POD_MUST_USE pod_com32_read(struct pod_dev *file, struct pod_com32 *out, struct pod_diag *diag);

/* Root images: superblock, and do the tables lie in the file and lead to each other? */
enum pod_status POD_MUST_USE pod_squashfs_check(struct pod_dev *file, struct pod_diag *diag);
enum pod_status POD_MUST_USE pod_erofs_check(struct pod_dev *file, struct pod_diag *diag);
/* What a reader of an erofs must know: its incompatible features, and the compressions in it (bit 0 LZ4, 1 LZMA, 2 DEFLATE, 3 Zstandard). */
enum pod_status POD_MUST_USE pod_erofs_needs(struct pod_dev *file, uint32_t *features, uint32_t *compressions);

/* The boot information table that mkisofs and xorriso write into a BIOS boot image (mkisofs(8), "EL TORITO BOOT INFORMATION TABLE"), which
 * isolinux and GRUB find themselves by. `start_bytes`: where the boot image lies in `image`. POD_E_NOT_FOUND: it has none. */
struct pod_bootinfo {
	uint32_t pvd_lba, file_lba, length_bytes, checksum;
	uint32_t sum; /* of what is there; equals checksum */
};
enum pod_status POD_MUST_USE pod_bootinfo_read(struct pod_dev *image, uint64_t start_bytes, struct pod_bootinfo *out);

#endif

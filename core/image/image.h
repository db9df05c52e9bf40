/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is this file? Looks at an image's own structures (never trusts its name alone) and says what can
 * start it: ISO 9660 with El Torito (BIOS no-emulation, floppy and hard-disk emulation; UEFI), isohybrid, UDF,
 * raw disk and floppy images, EFI programs, WIM, VHD, VHDX, and the disks of other programs: qcow2, VMDK, VDI.
 */
#ifndef POD_IMAGE_IMAGE_H
#define POD_IMAGE_IMAGE_H

#include "core/fs/fs.h"
#include "core/disk/parttab.h"
#include "core/image/instead.h"
#include "core/wim/wim.h"

enum pod_image_kind {
	POD_IMAGE_UNKNOWN,
	POD_IMAGE_ISO,
	POD_IMAGE_DISK,	  /* raw hard-disk image: MBR or GPT */
	POD_IMAGE_FLOPPY, /* raw floppy image: boot sector, and one of the standard sizes */
	POD_IMAGE_EFI,	  /* PE32+ / PE32 EFI application */
	POD_IMAGE_WIM,
	POD_IMAGE_VHD,
	POD_IMAGE_VHDX,
	POD_IMAGE_QCOW2,
	POD_IMAGE_VMDK,
	POD_IMAGE_VDI,
	POD_IMAGE_KIND_COUNT
};

/* What can start an image; a bit set. */
enum {
	POD_FW_BIOS = 1u << 0,
	POD_FW_X64 = 1u << 1,
	POD_FW_IA32 = 1u << 2,
	POD_FW_AA64 = 1u << 3,
};

/* El Torito 1.0: boot catalogue entries (clause 2.0 ff.). */
enum pod_eltorito_media {
	POD_ET_NOEMUL = 0,
	POD_ET_FLOPPY_1200 = 1,
	POD_ET_FLOPPY_1440 = 2,
	POD_ET_FLOPPY_2880 = 3,
	POD_ET_HARDDISK = 4,
};

/* Why nothing is started from a boot image that the catalogue promises. */
enum pod_boot_fault {
	POD_BOOT_FAULT_NONE,
	POD_BOOT_FAULT_OUTSIDE,	  /* it lies behind the end of the file */
	POD_BOOT_FAULT_ZEROS,	  /* its first sector is all zeros */
	POD_BOOT_FAULT_NO_FAT,	  /* EFI: there is no FAT volume in it */
	POD_BOOT_FAULT_NO_LOADER, /* EFI: there is none in EFI/BOOT, for no machine */
};

struct pod_eltorito_entry {
	uint8_t platform; /* 0 = 80x86, 0xEF = EFI */
	bool bootable;
	uint8_t media;	       /* enum pod_eltorito_media */
	uint16_t load_segment; /* 0 means 07C0h */
	uint8_t system_type;
	uint16_t sector_count; /* in 512-byte units, as on disk */
	uint32_t lba;	       /* in 2048-byte units */
	uint64_t entry_bytes;  /* where the 32-byte entry lies in the image */
	uint64_t length_bytes; /* best estimate of the image's true length (from FAT BPB, MBR or sector count) */
	uint32_t firmware;     /* POD_FW_* bits this entry starts (EFI: from loaders found in its FAT) */
	enum pod_boot_fault fault;
};

#define POD_ELTORITO_MAX 16

struct pod_image {
	enum pod_image_kind kind;
	/* Of an UNKNOWN one: what it is in its place, if that can be told; of an EFI program, whether it is a Linux kernel;
	 * of any, whether its name says that it is not finished. */
	enum pod_instead instead;
	char label[128];       /* volume label; "" if none */
	uint32_t firmware;     /* POD_FW_* */
	uint64_t size_bytes;   /* of the file */
	uint64_t volume_bytes; /* what the volume itself says it spans; 0 if unknown */
	bool truncated;	       /* volume_bytes > size_bytes by more than the 300 KiB padding writers leave out */
	bool joliet, rock_ridge;
	bool udf; /* an NSR descriptor stands beside ISO 9660, or alone */
	bool hybrid_mbr, hybrid_gpt;
	uint64_t catalog_bytes; /* El Torito boot catalogue; 0 = none */
	uint32_t boot_count;
	struct pod_eltorito_entry boot[POD_ELTORITO_MAX];
	/* UEFI start through the ISO's own tree where no El Torito EFI entry exists: bits of /EFI/BOOT/BOOT*.EFI found */
	uint32_t tree_efi;
	/* A WIM's header; zeros if it has no sound one. The label is the name of the bootable image, or of the only one. */
	struct {
		uint32_t images, boot_index, chunk_size;
		enum pod_wim_compression compression;
		const char *refused; /* as pod_wim_not_bootable says */
	} wim;
};

/* "iso", "disk", "floppy", "efi", "wim", "vhd", "vhdx", "qcow2", "vmdk", "vdi", "unknown". */
const char *pod_image_kind_text(enum pod_image_kind k);
/* What the menu shows without reading a byte: the kind by file name extension (.iso .img .ima .raw .efi .wim .vhd .vhdx .qcow2
 * .vmdk .vdi), or UNKNOWN; so is a file that only holds a part of a VMDK, by its name (-flat, -s001, -f001). */
enum pod_image_kind pod_image_kind_of_name(const char *name);
/* Examines an image; `name` NULL: it has none. A file of no known kind is POD_OK with kind UNKNOWN; an ISO that breaks its rules
 * so that it cannot be used is POD_E_CORRUPT. */
enum pod_status POD_MUST_USE pod_image_probe(struct pod_dev *image, const char *name, struct pod_alloc *a, struct pod_image *out,
					     struct pod_diag *diag);
/* Opens the tree that shows what is in a medium: as pod_fs_open, but ISO 9660 is asked first, since its first sectors may hold anything;
 * and of a bridge volume whose ISO 9660 side has neither folders nor as many files, it is the UDF side. */
enum pod_status POD_MUST_USE pod_image_open_tree(struct pod_fs *fs, struct pod_dev *dev, struct pod_alloc *a,
						 struct pod_diag *diag);
/* The same for a filesystem that is open: on POD_OK, `fs` is that tree. Any other status leaves `fs` as it was. */
enum pod_status POD_MUST_USE pod_image_prefer_udf(struct pod_fs *fs);
/* Windows opens these itself: VHD, VHDX. */
static inline bool pod_image_is_vhd(enum pod_image_kind k)
{
	return k == POD_IMAGE_VHD || k == POD_IMAGE_VHDX;
}
/* A file that a virtual disk is packed in: these, qcow2, VMDK, VDI. */
static inline bool pod_image_is_disk_file(enum pod_image_kind k)
{
	return k >= POD_IMAGE_VHD && k <= POD_IMAGE_VDI;
}
/* The removable-media loader path for a firmware bit: "EFI/BOOT/BOOTX64.EFI"... NULL for BIOS. */
const char *pod_efi_loader_path(uint32_t firmware_bit);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan: what will start an image on each firmware, and what is patched in its virtual disk, and why.
 * The boot manager carries it out; `isopod plan` prints it; it is the same code.
 */
#ifndef POD_PLAN_PLAN_H
#define POD_PLAN_PLAN_H

#include "core/image/image.h"
#include "core/disk/partmode.h"
#include "core/map/map.h"
#include "core/plan/persist.h"
#include "core/plan/starts.h"

/* Which Linux the kernel beside an initrd is; decides which shim goes in. */
enum pod_machine { POD_MACHINE_X64, POD_MACHINE_IA32, POD_MACHINE_AA64, POD_MACHINE_COUNT };

/* Where the stick, its data partition and the image are; goes into the hand-over record. */
struct pod_stick_id {
	bool gpt;
	uint32_t mbr_signature;
	uint8_t disk_guid[16];
	uint64_t part_start_bytes, part_length_bytes;
	uint8_t part_guid[16]; /* GPT only; zeros: not known */
	uint32_t part_number;
	uint32_t volume_serial;
	uint32_t sector_size;
};

/* A shim: its bytes, or where they lie on the disk, so that they need not be read before a loader asks for them. */
#define POD_SHIM_EXTENT_MAX 8
#define POD_SHIM_ALIGN	    2048u /* with extents, the length is a multiple of this */
struct pod_shim {
	size_t len;
	const void *data;    /* stays valid until the plan is made; NULL: the extents say where */
	size_t extent_count; /* whole sectors, dev_bytes absolute on the disk, no holes */
	struct pod_extent extent[POD_SHIM_EXTENT_MAX];
};

#define POD_SHIM_SIZE_MAX   (256u << 10)
#define POD_HELPER_SIZE_MAX (256u << 10)

/* Where the ESP has the shim of a machine. */
extern const char *const pod_shim_path[POD_MACHINE_COUNT];
/* Fills `out` with the place of a shim file on the ESP, whose volume starts at `esp_start_bytes` of the disk. POD_E_CORRUPT if
 * the file is not one that `isopod create` wrote: empty, too large, not padded to POD_SHIM_ALIGN, in too many runs. */
enum pod_status POD_MUST_USE pod_shim_by_reference(struct pod_fs *esp, uint64_t esp_start_bytes, const struct pod_node *file,
						   struct pod_shim *out);

/* Where the ESP has the helper for Windows PE (windows/) of a machine. */
extern const char *const pod_helper_path[POD_MACHINE_COUNT];
/* Reads it from an opened ESP into memory of `a`, which is the caller's also on failure, if *data is set. POD_E_NOT_FOUND: it is not
 * there, or nothing that `isopod create` wrote. */
enum pod_status POD_MUST_USE pod_helper_read(struct pod_fs *esp, enum pod_machine m, struct pod_dirent *scratch,
					     struct pod_alloc *a, uint8_t **data, size_t *len);

/* A file that an image stands on. */
struct pod_plan_file {
	struct pod_extent *extent; /* dev_bytes absolute on the request's disk; freed by who asked */
	size_t extent_count;
	uint64_t size_bytes;
};

/* Unified kernel images: EFI programs with a kernel and an initrd as sections (uki.c). Those who start none link none of it. */
struct pod_uki_ops;
extern const struct pod_uki_ops pod_plan_ukis;

struct pod_plan_request {
	struct pod_dev *disk;		 /* the stick (or the host file itself) */
	const struct pod_extent *extent; /* the image's runs; dev_bytes absolute on `disk` */
	size_t extent_count;
	uint64_t image_bytes;
	const char *path;	       /* of the image on the stick, "/images/x.iso" */
	const struct pod_stick_id *id; /* NULL: planned for a file on the host; a zeroed identity is used */
	/* Gives the shim for a machine. NULL function: no hand-over overlays. */
	enum pod_status (*shim)(void *ctx, enum pod_machine m, struct pod_shim *out);
	void *shim_ctx;
	/* Finds another file of the volume by its absolute path ("/images/base.vhdx"): the parent of a VHD or VHDX. `a` is for
	 * its extents. NULL function: there are no other files. */
	enum pod_status (*find)(void *ctx, const char *path, struct pod_alloc *a, struct pod_plan_file *out);
	void *find_ctx;
	/* Gives the helper for Windows PE (windows/) of a machine, in memory of `a`; POD_E_NOT_FOUND: there is none. NULL function: a
	 * WIM is served unchanged. */
	enum pod_status (*helper)(void *ctx, enum pod_machine m, struct pod_alloc *a, uint8_t **data, size_t *len);
	void *helper_ctx;
	uint64_t esp_start_bytes, esp_length_bytes; /* of the partition that holds the state file */
	/* Gives a text in the menu's language, for what the helper shows in its window; NULL function: English. */
	const char *(*translate)(const void *ctx, const char *text);
	const void *translate_ctx;
	/* The stick's configuration (core/rules/conf.h) for Windows Setup: the path of an answer file on the volume, and names of LabConfig
	 * values. NULL or "": none. */
	const char *answer, *labconfig;
	bool windows_2023; /* of two loaders for UEFI in a WIM, the one signed with the certificate of 2023 is taken, not that of 2011 */
	bool windows_cd; /* Windows media are served as the CDs, and virtual disks as the disks, that they are (windows.c) */
	/* The image of a WIM that starts; 0, or one that does not start: what the WIM itself says. */
	uint32_t wim_image;
	bool wim_images; /* look at all its images, for a choice: windows.choice. Else only at those that are in question */
	/* How unified kernel images are served with the shim: &pod_plan_ukis. NULL: they stay as they are, since nobody starts them. */
	const struct pod_uki_ops *ukis;
	bool bios; /* it may be started on one: a kernel of an ISO that no initrd is loaded for is given one by the boot menu (iso_lone.c) */
	/* Words that every kernel line of the image's boot menus gets, or loses (arguments.h); NULL or "": none. */
	const char *arguments;
	bool secure_boot;      /* signatures are enforced: what would lose its own is served unchanged */
	const char *volume_fs; /* name of the filesystem that the image lies on, as pod_fs_ops has it; NULL: not known */
	/* Free space of that volume. NULL function: not known. */
	enum pod_status (*volume_free)(void *ctx, uint64_t *bytes);
	void *volume_free_ctx;
	int64_t mtime; /* of the file that was chosen, as its filesystem tells it (fs.h) */
	bool disk_id;  /* fill in the plan's disk_id, if it is a disk */
	bool write;    /* what a Linux in a disk image writes goes into the image, where that can be; else it is not kept */
	/* Where the Linux in the image goes on recording this boot; zeros: nowhere. */
	uint64_t state_start_bytes; /* of the state file on the disk */
	uint32_t state_length_bytes, boot_number;
};

enum pod_overlay_kind {
	POD_OVERLAY_INITRD,  /* initrd served with the shim: bytes appended past the end */
	POD_OVERLAY_DIRENT,  /* directory record or UDF File Entry re-pointed at it, or at a WIM */
	POD_OVERLAY_FAT,     /* FAT inside an El Torito image rebuilt */
	POD_OVERLAY_CATALOG, /* boot catalogue entry re-pointed */
	POD_OVERLAY_VOLUME,  /* volume made longer */
	POD_OVERLAY_UKI,     /* unified kernel image served with the shim in its .initrd section */
	POD_OVERLAY_WIM,     /* WIM served with the helper in it, past the end */
	POD_OVERLAY_MENU,    /* boot menu served with other kernel arguments */
};

struct pod_overlay {
	enum pod_overlay_kind kind;
	uint64_t start_bytes, length_bytes; /* of the virtual disk */
	char path[256];			    /* file inside the image, "" if none */
	char reason[128];		    /* English sentence */
};

struct pod_initrd {
	char path[256];
	uint64_t start_bytes, length_bytes; /* of the original in the image */
	enum pod_machine machine;
	uint32_t partition; /* of a disk image, in which it lies; 0: none */
	char volume[64];    /* the logical volume in that: "group/volume", or "" */
	char found_by[96];  /* "boot/grub/grub.cfg", or "content" */
};

/* May its data be in several places of a disk? Then start_bytes tells of the first one only. */
static inline bool pod_initrd_in_pieces(const struct pod_initrd *r)
{
	return r->partition || r->volume[0];
}

/* A WIM that starts from an ISO which is served as the CD it is (windows_cd.c). */
struct pod_plan_wim {
	char path[256];
	uint64_t start_bytes, length_bytes; /* of the original in the image */
	uint64_t served_bytes,
		served_length; /* of what the virtual disk shows as it, with the helper in it; 0 bytes: the original */
	uint32_t image;	       /* the one that starts */
	uint32_t names;	       /* directory records that name it */
	char replaced[256];    /* the program in it that the helper stands in for */
	char why[96];	       /* "", or why it is the original */
};
#define POD_PLAN_WIM_MAX 16

/* The virtual hard disk that Windows is started from (windows.c). */
enum pod_disk_from {
	POD_FROM_IMAGE, /* a file of the image, where it lies */
	POD_FROM_WIM,	/* a file in the WIM */
	POD_FROM_MADE,	/* nobody had it */
};

struct pod_disk_file {
	char path[256]; /* on the virtual disk, "/sources/boot.wim" */
	enum pod_disk_from origin;
	char from[256];			    /* its path there; of a WIM that is the image itself "" */
	uint64_t start_bytes, length_bytes; /* of the virtual disk */
};

#define POD_DISK_FILES_MAX 512

/* An image of the WIM. */
enum pod_wim_start {
	POD_WIM_STARTS,
	POD_WIM_NO_PE,	    /* Windows, but none that runs from a WIM */
	POD_WIM_NO_WINLOAD, /* what Windows is loaded by is missing */
	POD_WIM_UNREADABLE,
};

struct pod_wim_choice {
	uint32_t image;	   /* its number */
	char name[128];	   /* "" if it has none; not to be trusted with a terminal */
	const char *arch;  /* "x64", "x86", "arm64"; "" if not known */
	uint32_t firmware; /* what it could start on */
	enum pod_wim_start start;
};
#define POD_WIM_CHOICES_MAX 32 /* images that are looked at */

struct pod_plan_windows {
	struct pod_disk_file *file;
	size_t count, cap; /* 0: the image is not started as Windows from a hard disk */
	/* What a BIOS starts: where the program lies on the virtual disk; 0 bytes: there is none. */
	uint64_t bootmgr_bytes, bootmgr_length;
	uint32_t wim_image; /* the image of the WIM that starts; 0: it could not be looked into */
	uint32_t wim_own;   /* the one that starts if nobody chooses */
	struct pod_wim_choice *choice;
	uint32_t choices;   /* 0: they were not looked at */
	char wim_name[128]; /* its name, "" if it has none */
	/* The loader for UEFI comes out of the WIM, and is the one that is signed with the certificate of 2023; there is one of
	 * the other year. */
	bool loader_2023, loader_other;
	char replaced[256]; /* the program in the WIM that the helper stands in for; "": the WIM is as it was */
	char answer[256];   /* the answer file that Setup is given, "": none */
	uint32_t lab_count; /* LabConfig values that the helper sets */
};
/* Where a BIOS starts it, in real mode, with the partition's boot sector at 7C00h and the drive in DL; it reads the rest itself. */
#define POD_BOOTMGR_SEGMENT 0x2000u

#define POD_PLAN_INITRD_MAX  64
#define POD_PLAN_WARNING_MAX 16
#define POD_PLAN_OVERLAY_MAX 4096

enum pod_entry {
	POD_ENTRY_OWN =
		-1, /* BIOS: LBA 0 of the disk or floppy image; UEFI: the loader in the image's own filesystem, or the program */
	POD_ENTRY_NONE = -2, /* nothing */
};

struct pod_plan {
	struct pod_alloc *alloc;
	struct pod_image image;
	bool in_one_piece; /* the file, on the stick; then it begins at: */
	uint64_t piece_start_bytes;
	/* What the disk that `image` speaks of is packed in (pod_image_is_disk_file); else UNKNOWN. */
	enum pod_image_kind container;
	unsigned layers; /* files of the container: 1 and its parents */
	bool unwritten;	 /* its disk shows parts of a file that were never written, as zeros: perhaps not copied completely */
	bool parents_elsewhere; /* not all of them are in one folder */
	bool one_fixed;		/* the file is a VHD of fixed size */
	uint64_t expand_bytes;	/* by so much the file grows when all of its disk has been written to */
	char parent[256];	/* of a container that cannot be opened: the path of the parent that is the reason, or "" */
	struct pod_map map;
	uint32_t sector_size; /* of the virtual disk: 2048 for ISO, 512 for disks and floppies, and for Windows */
	struct pod_plan_windows windows;
	/* What a firmware starts: index in image.boot[] of an El Torito entry, or one of enum pod_entry. UEFI: per firmware bit
	 * position. */
	int bios_entry;
	int efi_entry[4];
	struct pod_overlay *overlay;
	size_t overlay_count, overlay_cap;
	struct pod_initrd *initrd;
	size_t initrd_count, initrd_cap;
	/* For kernels that are started without an initrd: where it lies on the virtual disk. path: of the first such kernel. 0
	 * bytes: none. */
	struct pod_initrd offered;
	/* The same of those whose boot menu is served with a command that loads it: in a disk image, or, on a BIOS, in an ISO (lone.c). */
	struct pod_initrd lone;
	uint32_t argument_lines; /* kernel lines that are served with the request's arguments, or the words of `persist` */
	/* The first warning, counted from 1, that says of a boot menu or of a unified kernel image why it is served without them;
	 * 0: none. */
	uint32_t arguments_refused;
	struct pod_plan_wim *wim;
	size_t wim_count, wim_cap;
	struct pod_persist persist; /* kind NONE: the system keeps nothing */
	bool has_disk_id;	    /* of the disk as it lies in the image (cow.h); for the request's disk_id */
	uint8_t disk_id[POD_COW_ID];
	uint32_t warning_count;
	struct {
		uint32_t first, end;
	} about_image; /* these warnings say what `image` says as well: cut off, nothing that starts */
	char warning[POD_PLAN_WARNING_MAX][160];
	/* Why it will not or may not start, beyond what `image` tells. */
	struct pod_start why;
};

/*
 * The plan costs what the budget of the request's disk allows. Where it ends, the plan is made of what was found so far, and a
 * warning says what was left out; POD_E_BUDGET where that is not possible, POD_E_CANCELLED when it was cancelled. What is enough
 * for real media many times over:
 */
#define POD_PLAN_STEPS (UINT64_C(1) << 18)
#define POD_PLAN_BYTES (UINT64_C(256) << 20)
/* On failure nothing is left allocated. POD_E_NOT_FOUND, POD_E_CHANGED: out->parent is missing, or not what it was. */
enum pod_status POD_MUST_USE pod_plan_make(const struct pod_plan_request *rq, struct pod_alloc *a, struct pod_plan *out,
					   struct pod_diag *diag);
void pod_plan_free(struct pod_plan *p);
/* The first kernel or initrd that a loader's configuration in the image names and that is not there, the last folder on the way to it that
 * is there being `folder`. POD_E_NOT_FOUND: there is none. `disk` is the device the plan was made on. */
enum pod_status POD_MUST_USE pod_plan_missing(const struct pod_plan *p, struct pod_dev *disk, const char *folder,
					      struct pod_alloc *a, char out[256]);
/* The first kernel that a loader's configuration names and that breaks its own rules, its CRC-32 among them. POD_E_NOT_FOUND:
 * there is none. */
enum pod_status POD_MUST_USE pod_plan_damaged_kernel(const struct pod_plan *p, struct pod_dev *disk, struct pod_alloc *a,
						     char out[256]);
/* The path of the program that UEFI starts the image with, if it breaks the rules of one or is for another machine; else NULL.
 * firmware: POD_FW_*. */
const char *pod_plan_damaged_loader(const struct pod_plan *p, struct pod_dev *disk, uint32_t firmware, struct pod_alloc *a);
/* What this firmware starts, as bios_entry and efi_entry have it. firmware: POD_FW_*. */
int pod_plan_entry(const struct pod_plan *p, uint32_t firmware);
/* The machine that a PE program must be for, to be started by it: POD_PE_*. firmware: of UEFI. */
uint16_t pod_plan_pe_machine(uint32_t firmware);
/* Has the image something for the other of a firmware's modes, BIOS or UEFI? `firmware`: POD_FW_*, the mode it ran in. */
bool pod_plan_other_mode(const struct pod_plan *p, uint32_t firmware);

/* Is it an image that its own system could find as a partition of the stick, and for which there is no other way? (partition.c) */
bool pod_plan_may_be_partition(const struct pod_plan *p);
/* Before it is started so: what the kernel would be given is no shim any more, which would look for the image in the data partition. */
enum pod_status POD_MUST_USE pod_plan_no_lone(struct pod_plan *p);
/* Names it so, and where it is a disk its own partitions (pod_partmode_begin tells more). POD_E_UNSUPPORTED also: it is not in
 * one piece on the disk, which is the one the plan was made on. `number`: of the partition that it lies in. */
enum pod_status POD_MUST_USE pod_plan_name_image(const struct pod_plan *p, struct pod_dev *disk, struct pod_dev *record,
						 struct pod_alloc *a, uint32_t number);

/* Secure Boot is on: does this firmware refuse the program that it starts the image with? Then p->why says so, unless it says
 * already that the image does not start; pod_start_of_plan repeats it. What cannot be told is not said. `name`: of the image. */
struct pod_trust;
void pod_plan_judge_loader(struct pod_plan *p, struct pod_dev *disk, const char *name, uint32_t firmware,
			   const struct pod_trust *t);

/* For rq->windows_2023, where Secure Boot is on: does a machine with these variables refuse Windows' loader of 2011, and start
 * that of 2023?
 */
bool pod_plan_wants_2023(const uint8_t *db, size_t db_len, const uint8_t *dbx, size_t dbx_len);

#endif

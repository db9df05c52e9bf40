/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the probe's files only. */
#ifndef POD_IMAGE_INTERNAL_H
#define POD_IMAGE_INTERNAL_H

#include "core/disk/diskfile.h"
#include "core/image/image.h"

#define PROBE_HEAD 1024u

struct probe {
	struct pod_dev *dev;
	struct pod_alloc *alloc;
	struct pod_image *out;
	struct pod_diag *diag;
	enum pod_diskfile named;
	uint8_t head[PROBE_HEAD]; /* the image's first bytes; zeros beyond its end */
	uint8_t buf[2048];
	struct pod_dirent dirent;
};

/* Each returns POD_E_FORMAT if the image is not of its kind, POD_OK after filling p->out. */
enum pod_status image_probe_iso(struct probe *p);
enum pod_status image_probe_udf(struct probe *p);
enum pod_status image_probe_wim(struct probe *p);
enum pod_status image_probe_diskfile(struct probe *p);
enum pod_status image_probe_efi(struct probe *p);
enum pod_status image_probe_disk(struct probe *p);

/* Reads the El Torito boot catalogue at p->out->catalog_bytes. A catalogue that makes no sense leaves no entries. */
enum pod_status image_read_catalog(struct probe *p);

/* POD_FW_* of the \EFI\BOOT\BOOT*.EFI files in a filesystem; what is damaged counts as not there. */
enum pod_status image_efi_loaders(struct probe *p, struct pod_fs *fs, uint32_t *firmware);
/* The same in the FAT volume at [start, start + len) of the image; 0 if there is none. */
enum pod_status image_efi_in_fat(struct probe *p, uint64_t start_bytes, uint64_t len_bytes, uint32_t *firmware, bool *fat);

/* Is this 512-byte sector an MBR with a table that a partitioner could have written? *end_bytes: where its last partition ends.
 */
bool image_mbr_plausible(const uint8_t *sector, uint64_t *end_bytes);

/* Is this boot sector what mkfs.fat and mkntfs leave in a volume that starts nothing (a sentence), or has it no code at all? */
bool image_is_stub(const uint8_t *sector);

#endif

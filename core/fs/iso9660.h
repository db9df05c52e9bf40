/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ISO 9660 reader knows beyond the generic interface; for core/image and core/plan. */
#ifndef POD_FS_ISO9660_H
#define POD_FS_ISO9660_H

#include "core/fs/fs.h"

enum {
	POD_ISO_ROCK_RIDGE = 1u << 0, /* names come from NM entries */
	POD_ISO_HAS_JOLIET = 1u << 1, /* a Joliet descriptor exists (whichever tree is open) */
	POD_ISO_IS_JOLIET = 1u << 2,  /* this is the Joliet tree */
	POD_ISO_HAS_UDF = 1u << 3,    /* NSR02/NSR03 follows: a bridge volume (Windows media) */
};

/* Of a volume opened with pod_fs_iso9660 or pod_fs_joliet. */
uint32_t pod_iso9660_flags(const struct pod_fs *fs);
/* First byte of the El Torito boot catalogue on the device, 0 if there is no boot record. */
uint64_t pod_iso9660_catalog(const struct pod_fs *fs);

/* Of a node: how many directory records make up the file (1; more for files of 4 GiB and above). Each is patched by its
 * own extent (+2, both-endian) and length (+10, both-endian); the first lies at entry_bytes. */
static inline uint32_t pod_iso9660_records(const struct pod_node *n)
{
	return (uint32_t)n->priv[1];
}
/* First byte of the file's data on the device (after an extended attribute record); of the first extent. */
static inline uint64_t pod_iso9660_data(const struct pod_node *n)
{
	return n->priv[0];
}

/* The record of a further file in the root directory, `len` bytes at `start` of the device, which may be behind its end: into `out`, and *at is where
 * it is to be put. `name`: lower case, 8.3. POD_END: there is no room for it, or there is such a file. */
#define POD_ISO_RECORD_MAX 255u
enum pod_status POD_MUST_USE pod_iso9660_add(struct pod_fs *fs, const char *name, uint64_t start, uint64_t len,
					     uint8_t out[POD_ISO_RECORD_MAX], size_t *out_len, uint64_t *at);

/* Does what the volume says twice agree: numbers in both byte orders, the path tables, the folders' own records? POD_E_CORRUPT: `diag` says
 * what does not. POD_E_FORMAT: there is no such volume. */
enum pod_status POD_MUST_USE pod_iso9660_check(struct pod_dev *dev, struct pod_alloc *a, struct pod_diag *diag);

#endif

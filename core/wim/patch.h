/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A changed WIM as a map over the original: not a byte of it moves, only its header's are changed.
 *
 *   [original, its header changed] [zeros to 2048] [new blobs] [metadata, uncompressed]
 *   [sectors with the blob table, uncompressed]
 *
 * The boundaries of all segments are multiples of 2048, so that the file can be served in sectors.
 */
#ifndef POD_WIM_PATCH_H
#define POD_WIM_PATCH_H

#include "core/map/map.h"
#include "core/wim/wim.h"

enum pod_wim_change_kind {
	/* A new file `path` with the bytes given; directories on the way to it are made. A file of that name gets the bytes, as with
	 * POD_WIM_REDIRECT. */
	POD_WIM_ADD,
	/* The existing file `path` has the bytes given from now on, under this name only: it leaves its group of hard links. */
	POD_WIM_REDIRECT,
	/* `path` is a new file with the content that `from` had before all changes, without a byte being copied. */
	POD_WIM_ALIAS,
};

struct pod_wim_change {
	enum pod_wim_change_kind kind;
	const char *path; /* as for pod_wim_lookup */
	const char *from; /* POD_WIM_ALIAS */
	/* The content: `len` bytes in memory, or (`data` NULL) what lies at [at_bytes, at_bytes + len) of `content`, a map over the same
	 * device as the original, which is not read for it but for the last, partial 2048 bytes. Its `sha1` is then the caller's to
	 * know. */
	const void *data;
	const struct pod_map *content;
	uint64_t at_bytes, len;
	uint8_t sha1[20]; /* with `content` */
};

/*
 * `w` is the original, opened on a device that shows `original`, with the image selected that is to be changed; it is not altered.
 * `stick` is what the DEV segments of `original` speak of. `boot_index`: which image the header names as bootable from now on; 0: as
 * before. `out` is initialised here; on failure nothing is left allocated.
 *
 * POD_E_NOT_FOUND: REDIRECT or `from` of a file that is not there. POD_E_EXISTS: ALIAS onto an existing name, a directory where a file
 * is wanted or the other way round. POD_E_UNSUPPORTED: a reparse point is to be redirected, or the WIM is one of several parts.
 * diag->got is the number of the change, from 0.
 */
enum pod_status POD_MUST_USE pod_wim_patch(struct pod_wim *w, const struct pod_map *original, struct pod_dev *stick,
					   const struct pod_wim_change *change, size_t n, uint32_t boot_index,
					   struct pod_map *out, struct pod_diag *diag);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which blocks of an ext2, ext3 or ext4 are in use, for a copy that leaves out the others; also of one that was not unmounted.
 *
 * What the block bitmaps say where they lie is then old: what they say after the journal has been replayed is what counts. Which transactions
 * will be replayed is for others to decide (checksums, revoked blocks, a last one that was not finished), and nothing is guessed about it
 * here. A bitmap becomes one of its versions: the one in its place, or one in the log. So a block is in use if any of them says so. The same
 * holds for the group descriptors, which say whether a bitmap was ever written. Data lies in its place before the transaction that
 * allocates its block is in the log (jbd2, data=ordered), or is in the log itself; the log is made of blocks in use.
 *
 * Whatever does not fit into this, or is not known here, is POD_E_UNSUPPORTED: then all blocks count.
 */
#ifndef POD_FS_EXT_USED_H
#define POD_FS_EXT_USED_H

#include "core/fs/place.h"

struct pod_ext_used {
	struct pod_fs fs;
	struct pod_cache cache;
	struct pod_alloc *alloc;
	struct pod_extent *journal; /* its runs; NULL: there is none */
	size_t journal_runs;
	uint64_t *logged;      /* versions in the log: block << 24 | block of the journal << 1 | escaped; ascending */
	size_t logged_count;   /* how many */
	uint8_t *group;	       /* what any version of a group's descriptor says of its bitmap */
	uint8_t *bits, *block; /* a block each: of the group `at`, and to read into */
	uint32_t at;	       /* UINT32_MAX: of none */
	uint32_t table_bytes;  /* of the group descriptors, if they lie behind the superblock in one piece; else 0 */
	uint64_t table_at;
};

/* `d` begins with the volume and is as long as what is to be copied. pod_ext_used_close where this was POD_OK. POD_E_UNSUPPORTED,
 * POD_E_CORRUPT, POD_E_FORMAT, POD_E_LIMIT: count all as in use. */
enum pod_status POD_MUST_USE pod_ext_used_open(struct pod_ext_used *u, struct pod_dev *d, struct pod_alloc *a);
/* The first run in use from `from_bytes` on; what is not the volume's own (in front of it, behind its last group) is in use. POD_END: no
 * more. It may end where another one begins. */
enum pod_status POD_MUST_USE pod_ext_used_next(struct pod_ext_used *u, uint64_t from_bytes, struct pod_place_run *out);
void pod_ext_used_close(struct pod_ext_used *u);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One change to an NTFS volume, worked out by libntfs-3g behind walls: it reads the volume and writes nothing. What it would have
 * written comes back as blocks, for whoever asked to write in an order and at a time of his own.
 */
#ifndef POD_CLI_NTFS_CALL_H
#define POD_CLI_NTFS_CALL_H

#include "cli/ui/ui.h"
#include "core/fs/fs.h"

struct ntfs_change {
	enum { NTFS_MKDIR, NTFS_ADD, NTFS_REMOVE, NTFS_RENAME, NTFS_EXTENTS, NTFS_ATTRIBUTES } kind;
	const char *path, *to; /* "/a/b"; `to` of a rename */
	bool replace;	       /* ADD, RENAME: take the place of a file */
	int64_t mtime;
	unsigned spare; /* MKDIR: the first one of a new volume; $MFT gets so many records more */
	/* ADD: where the data lie already, in whole free clusters, dev_bytes on the volume. EXTENTS: the same of a file that is there,
	 * and up to where it has content; clusters that it had and that are not among these become free. Holes have none. */
	uint64_t size_bytes, valid_bytes;
	const struct pod_extent *extent;
	size_t extents;
	/* EXTENTS and others: free clusters that somebody writes to already. Nothing gets them. */
	const struct pod_extent *held;
	size_t helds;
	uint16_t attributes, mask; /* ATTRIBUTES: those in `mask` become as in `attributes` */
};

/* In which order blocks are written, a flush between any two. Whatever moment power fails in, no name leads nowhere: what is new
 * is there before something refers to it, what is old goes after. */
enum ntfs_phase {
	NTFS_FRESH,	   /* records and blocks that nobody used, clusters taken */
	NTFS_RECORDS,	   /* file records in use */
	NTFS_INDEX_GROWN,  /* blocks of folders with more in them than before */
	NTFS_INDEX_SHRUNK, /* with less */
	NTFS_RECORDS_SHRUNK,
	NTFS_FREED, /* records and clusters */
	NTFS_PHASES,
};
struct ntfs_block {
	uint64_t off_bytes; /* on the volume, in multiples of 512 */
	uint32_t len;	    /* so is this */
	uint32_t phase;
	uint8_t *before, *after;
};
struct ntfs_blocks {
	struct ntfs_block *v;
	size_t n, cap;
};
void ntfs_blocks_add(struct ntfs_blocks *b, uint64_t off_bytes, uint32_t len, uint32_t phase, const void *before,
		     const void *after);
void ntfs_blocks_free(struct ntfs_blocks *b);

/* NULL, or in a sentence why libntfs-3g cannot be had. */
const char *ntfs_call_missing(void);
/* `fd`: the file or device, open for reading only, on which the volume lies from `start_bytes` on. POD_E_UNSUPPORTED, and the fault
 * says why: the library could not be started, or came to a bad end. */
enum pod_status ntfs_call(int fd, uint64_t start_bytes, uint64_t len_bytes, const struct ntfs_change *c, struct ntfs_blocks *out,
			  struct fault *fault);

#endif

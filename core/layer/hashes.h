/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hashes of a disk's blocks, and one hash over all of them: what a layer shows, whatever file shows it. doc/FORMATS/layer-store.md
 * tells the bytes.
 *
 * A block that reads as zeros has the hash of 32 zeros, so that a disk that is mostly empty has a short list, and a hole and written
 * zeros are the same.
 */
#ifndef POD_LAYER_HASHES_H
#define POD_LAYER_HASHES_H

#include "core/disk/dev.h"

#define POD_HASH_LEN	  32u
#define POD_HASHES_BLOCKS (1u << 20) /* of a disk at most: blocks of larger disks are larger */
#define POD_HASHES_SHIFT  18u	     /* blocks of 256 KiB at least */
#define POD_HASHES_SIZE	  (64ull << 40)

/* SHA-256, which the core has not got: whoever calls brings it. One at a time: start, update, finish. */
struct pod_hasher {
	void (*start)(struct pod_hasher *h);
	void (*update)(struct pod_hasher *h, const void *data, size_t len);
	void (*finish)(struct pod_hasher *h, uint8_t out[POD_HASH_LEN]);
	void *ctx;
};

struct pod_hashes {
	struct pod_alloc *alloc;
	uint64_t size_bytes;		/* of the disk */
	uint32_t shift, blocks;		/* a block has 1 << shift bytes, the last one what is left */
	uint8_t (*block)[POD_HASH_LEN]; /* of each; zeros: it reads as zeros */
};

/* How large the blocks of a disk are: the same for all disks of that size. */
uint32_t pod_hashes_shift(uint64_t size_bytes);
/* A disk of zeros. POD_E_LIMIT: longer than 64 TiB. */
enum pod_status POD_MUST_USE pod_hashes_init(struct pod_hashes *h, struct pod_alloc *a, uint64_t size_bytes);
void pod_hashes_fini(struct pod_hashes *h);
/* Bytes of a block. */
uint32_t pod_hashes_len(const struct pod_hashes *h, uint32_t block);
/* The hash of a block with this content. */
void pod_hashes_hash(struct pod_hasher *s, const void *data, size_t len, uint8_t out[POD_HASH_LEN]);
/* The hash of the whole disk: over its length, the length of its blocks, and those that are not zeros. */
void pod_hashes_tree(const struct pod_hashes *h, struct pod_hasher *s, uint8_t out[POD_HASH_LEN]);
/* Takes over what another disk has, as far as both have the same blocks; false: they have none, and nothing was done. The last block of
 * the shorter one is zeros then, and *odd it, if that has another length than in the other one; else *odd is UINT32_MAX. */
bool pod_hashes_adopt(struct pod_hashes *h, const struct pod_hashes *from, uint32_t *odd);

/* A list in a file: of which layer, and of which state of it (DataWriteGuid). */
struct pod_hashes_of {
	uint32_t layer;
	uint8_t data_guid[16];
};
/* How long the file is. */
uint64_t pod_hashes_bytes(const struct pod_hashes *h);
enum pod_status POD_MUST_USE pod_hashes_write(const struct pod_hashes *h, const struct pod_hashes_of *of, struct pod_hasher *s,
					      struct pod_dev *dev);
/* POD_E_FORMAT, POD_E_CORRUPT: no list, or not as it was written. */
enum pod_status POD_MUST_USE pod_hashes_read(struct pod_hashes *h, struct pod_hashes_of *of, struct pod_hasher *s,
					     struct pod_dev *dev, struct pod_alloc *a, struct pod_diag *diag);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has changed from one layer to another, as a stream that is read from its beginning to its end. doc/FORMATS/layer-stream.md
 * tells the bytes.
 *
 *   pod_stream_open(&s, &source, ...)          what it is about: s.head
 *   pod_stream_next(&s, &record)               the next blocks that changed, or the end
 *   pod_stream_block(&s, &record, block)       of POD_STREAM_DATA: `block` as it was before becomes what it is now
 *
 * Nothing that these give counts before the end was reached: only then everything has been compared.
 */
#ifndef POD_LAYER_STREAM_H
#define POD_LAYER_STREAM_H

#include "core/layer/hashes.h"
#include "core/layer/index.h"

#define POD_STREAM_HEAD	   512u
#define POD_STREAM_RECORD  64u
#define POD_STREAM_EXTENTS 512u /* of a block at most; more: the whole block is one */
#define POD_STREAM_SECTOR  512u

struct pod_stream_layer {
	uint32_t id; /* 0: none */
	uint8_t data_guid[16];
	char name[POD_STORE_NAME_MAX]; /* for messages, and for a new layer */
};
struct pod_stream_head {
	uint8_t store[16]; /* that it comes from */
	struct pod_stream_layer base, layer;
	uint8_t base_tree[POD_HASH_LEN]; /* what the base shows */
	uint64_t size_bytes;
	uint32_t sector_size;
	int64_t created, frozen;
	uint64_t changed_bytes; /* at most so many follow */
	uint32_t first;		/* block from which this goes on; 0: from the beginning */
};
void pod_stream_put_head(const struct pod_stream_head *h, uint8_t out[POD_STREAM_HEAD]);
/* POD_E_FORMAT: no stream; POD_E_UNSUPPORTED: of another version; POD_E_CORRUPT. */
enum pod_status POD_MUST_USE pod_stream_get_head(struct pod_stream_head *h, const uint8_t in[POD_STREAM_HEAD],
						 struct pod_diag *diag);
/* The same but for where they begin. */
bool pod_stream_same(const struct pod_stream_head *a, const struct pod_stream_head *b);

enum pod_stream_kind {
	POD_STREAM_DATA = 1, /* one block, parts of which are given */
	POD_STREAM_ZERO = 2, /* `count` blocks that read as zeros */
	POD_STREAM_END = 3,
};
struct pod_stream_extent {
	uint32_t off, len; /* bytes in the block: whole sectors */
	bool zero;	   /* no data follow: they are zeros */
};
struct pod_stream_record {
	enum pod_stream_kind kind;
	uint32_t block, count;
	uint8_t hash[POD_HASH_LEN]; /* of the block afterwards; at the end: of the whole disk */
	uint32_t extents;
	struct pod_stream_extent extent[POD_STREAM_EXTENTS];
};
#define POD_STREAM_RECORD_MAX (POD_STREAM_RECORD + 8u * POD_STREAM_EXTENTS)
/* A record with its table of extents; what follows (data, the hash of the stream) is the caller's. Returns how many bytes. */
size_t pod_stream_put_record(const struct pod_stream_record *r, uint8_t out[POD_STREAM_RECORD_MAX]);

struct pod_stream_source {
	/* Exactly so many bytes. POD_END: there are no more. */
	enum pod_status (*read)(struct pod_stream_source *s, void *buf, size_t len);
	void *ctx;
};
struct pod_stream {
	struct pod_stream_source *source;
	struct pod_hasher *running, *block; /* over the records; over one block */
	struct pod_budget *budget;	    /* NULL: no limit */
	struct pod_stream_head head;
	uint32_t shift, blocks;
	uint64_t next;	      /* the lowest block that may follow */
	uint64_t records, at; /* so far; at: in bytes */
};
enum pod_status POD_MUST_USE pod_stream_open(struct pod_stream *s, struct pod_stream_source *source, struct pod_hasher *running,
					     struct pod_hasher *block, struct pod_budget *budget, struct pod_diag *diag);
/* POD_END: it ended too early. POD_E_CORRUPT: it is not what was sent. Behind POD_STREAM_END nothing may follow. */
enum pod_status POD_MUST_USE pod_stream_next(struct pod_stream *s, struct pod_stream_record *r, struct pod_diag *diag);
enum pod_status POD_MUST_USE pod_stream_block(struct pod_stream *s, const struct pod_stream_record *r, uint8_t *block,
					      struct pod_diag *diag);
/* Bytes of a block. */
uint32_t pod_stream_len(const struct pod_stream *s, uint32_t block);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* A layer as a stream. Fields: doc/FORMATS/layer-stream.md. */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/layer/stream.h"

#define MAGIC	    "PODSTRM1"
#define VERSION	    1u
#define ZERO_EXTENT (1u << 31)
#define NAME_AT	    176u /* of the layer; the base's follows */

static void seal(uint8_t *p, size_t len, size_t at)
{
	pod_put_le32(p + at, pod_crc32c_without(p, len, at));
}

static bool sealed(const uint8_t *p, size_t len, size_t at)
{
	return pod_crc32c_without(p, len, at) == pod_get_le32(p + at);
}

/* --- the head ------------------------------------------------------------------------------------------- */

static void put_layer(const struct pod_stream_layer *l, uint8_t *id, uint8_t *guid, uint8_t *name)
{
	pod_put_le32(id, l->id);
	memcpy(guid, l->data_guid, 16);
	pod_strlcpy((char *)name, l->name, POD_STORE_NAME_MAX);
}

void pod_stream_put_head(const struct pod_stream_head *h, uint8_t out[POD_STREAM_HEAD])
{
	memset(out, 0, POD_STREAM_HEAD);
	memcpy(out, MAGIC, 8);
	pod_put_le32(out + 12, VERSION);
	memcpy(out + 16, h->store, 16);
	put_layer(&h->layer, out + 32, out + 40, out + NAME_AT);
	put_layer(&h->base, out + 36, out + 56, out + NAME_AT + POD_STORE_NAME_MAX);
	memcpy(out + 72, h->base_tree, POD_HASH_LEN);
	pod_put_le64(out + 104, h->size_bytes);
	pod_put_le32(out + 112, h->sector_size);
	pod_put_le32(out + 116, pod_hashes_shift(h->size_bytes));
	pod_put_le64(out + 120, (uint64_t)h->created);
	pod_put_le64(out + 128, (uint64_t)h->frozen);
	pod_put_le64(out + 136, h->changed_bytes);
	pod_put_le32(out + 144, h->first);
	seal(out, POD_STREAM_HEAD, 8);
}

/* A name with zeros behind it. */
static bool get_name(char out[POD_STORE_NAME_MAX], const uint8_t *p)
{
	size_t n = 0;
	memcpy(out, p, POD_STORE_NAME_MAX);
	while (n < POD_STORE_NAME_MAX && out[n])
		n++;
	return n < POD_STORE_NAME_MAX && pod_all_zero(p + n, POD_STORE_NAME_MAX - n);
}

static enum pod_status check_head(const struct pod_stream_head *h, uint32_t shift, struct pod_diag *diag)
{
	if (!h->size_bytes || h->size_bytes > POD_HASHES_SIZE || h->size_bytes & (POD_STREAM_SECTOR - 1))
		return pod_fail(diag, POD_E_CORRUPT, "size of the disk", 104, 0, h->size_bytes);
	if ((h->sector_size != 512 && h->sector_size != 4096) || h->size_bytes & (h->sector_size - 1))
		return pod_fail(diag, POD_E_CORRUPT, "sector size", 112, 512, h->sector_size);
	if (shift != pod_hashes_shift(h->size_bytes))
		return pod_fail(diag, POD_E_CORRUPT, "size of blocks", 116, pod_hashes_shift(h->size_bytes), shift);
	if (h->changed_bytes > h->size_bytes)
		return pod_fail(diag, POD_E_CORRUPT, "changed bytes", 136, h->size_bytes, h->changed_bytes);
	if ((uint64_t)h->first << shift > h->size_bytes)
		return pod_fail(diag, POD_E_CORRUPT, "first block", 144, 0, h->first);
	if (!h->layer.id || h->layer.id == h->base.id || !pod_store_name_ok(h->layer.name))
		return pod_fail(diag, POD_E_CORRUPT, "layer", 32, 0, h->layer.id);
	if (h->base.id ? !pod_store_name_ok(h->base.name) : h->base.name[0] != 0)
		return pod_fail(diag, POD_E_CORRUPT, "base", 36, 0, h->base.id);
	return POD_OK;
}

enum pod_status pod_stream_get_head(struct pod_stream_head *h, const uint8_t in[POD_STREAM_HEAD], struct pod_diag *diag)
{
	memset(h, 0, sizeof *h);
	if (memcmp(in, MAGIC, 8) != 0)
		return pod_fail(diag, POD_E_FORMAT, "signature of a layer's stream", 0, 0, 0);
	if (!sealed(in, POD_STREAM_HEAD, 8))
		return pod_fail(diag, POD_E_CORRUPT, "checksum of the head", 8, 0, 0);
	if (pod_get_le32(in + 12) != VERSION)
		return pod_fail(diag, POD_E_UNSUPPORTED, "version of the stream", 12, VERSION, pod_get_le32(in + 12));
	memcpy(h->store, in + 16, 16);
	h->layer.id = pod_get_le32(in + 32);
	h->base.id = pod_get_le32(in + 36);
	memcpy(h->layer.data_guid, in + 40, 16);
	memcpy(h->base.data_guid, in + 56, 16);
	memcpy(h->base_tree, in + 72, POD_HASH_LEN);
	h->size_bytes = pod_get_le64(in + 104);
	h->sector_size = pod_get_le32(in + 112);
	h->created = (int64_t)pod_get_le64(in + 120);
	h->frozen = (int64_t)pod_get_le64(in + 128);
	h->changed_bytes = pod_get_le64(in + 136);
	h->first = pod_get_le32(in + 144);
	if (!get_name(h->layer.name, in + NAME_AT) || !get_name(h->base.name, in + NAME_AT + POD_STORE_NAME_MAX))
		return pod_fail(diag, POD_E_CORRUPT, "names", NAME_AT, 0, 0);
	if (!pod_all_zero(in + 148, NAME_AT - 148) ||
	    !pod_all_zero(in + NAME_AT + 2 * POD_STORE_NAME_MAX, POD_STREAM_HEAD - NAME_AT - 2 * POD_STORE_NAME_MAX))
		return pod_fail(diag, POD_E_CORRUPT, "reserved bytes of the head", 148, 0, 0);
	return check_head(h, pod_get_le32(in + 116), diag);
}

bool pod_stream_same(const struct pod_stream_head *a, const struct pod_stream_head *b)
{
	struct pod_stream_head x = *a, y = *b;
	uint8_t p[POD_STREAM_HEAD], q[POD_STREAM_HEAD];
	x.first = y.first = 0;
	pod_stream_put_head(&x, p);
	pod_stream_put_head(&y, q);
	return memcmp(p, q, sizeof p) == 0;
}

/* --- records -------------------------------------------------------------------------------------------- */

static uint32_t sectors(uint32_t bytes)
{
	return (bytes + POD_STREAM_SECTOR - 1) / POD_STREAM_SECTOR;
}

size_t pod_stream_put_record(const struct pod_stream_record *r, uint8_t out[POD_STREAM_RECORD_MAX])
{
	memset(out, 0, POD_STREAM_RECORD);
	pod_put_le32(out + 4, (uint32_t)r->kind);
	pod_put_le32(out + 8, r->block);
	pod_put_le32(out + 12, r->count);
	pod_put_le32(out + 16, r->extents);
	memcpy(out + 24, r->hash, POD_HASH_LEN);
	for (uint32_t i = 0; i < r->extents; i++) {
		uint8_t *p = out + POD_STREAM_RECORD + (size_t)i * 8;
		pod_put_le32(p, r->extent[i].off / POD_STREAM_SECTOR);
		pod_put_le32(p + 4, sectors(r->extent[i].len) | (r->extent[i].zero ? ZERO_EXTENT : 0));
	}
	seal(out, POD_STREAM_RECORD, 0);
	return POD_STREAM_RECORD + (size_t)r->extents * 8;
}

static enum pod_status take(struct pod_stream *s, void *buf, size_t len)
{
	POD_TRY(pod_budget_spend(s->budget, 1, len));
	POD_TRY(s->source->read(s->source, buf, len));
	s->at += len;
	return POD_OK;
}

enum pod_status pod_stream_open(struct pod_stream *s, struct pod_stream_source *source, struct pod_hasher *running,
				struct pod_hasher *block, struct pod_budget *budget, struct pod_diag *diag)
{
	uint8_t head[POD_STREAM_HEAD];
	*s = (struct pod_stream){.source = source, .running = running, .block = block, .budget = budget};
	POD_TRY(take(s, head, sizeof head));
	POD_TRY(pod_stream_get_head(&s->head, head, diag));
	s->shift = pod_hashes_shift(s->head.size_bytes);
	s->blocks = (uint32_t)((s->head.size_bytes + (1ull << s->shift) - 1) >> s->shift);
	s->next = s->head.first;
	running->start(running);
	running->update(running, head, sizeof head);
	return POD_OK;
}

uint32_t pod_stream_len(const struct pod_stream *s, uint32_t block)
{
	return (uint32_t)pod_min_u64(1ull << s->shift, s->head.size_bytes - ((uint64_t)block << s->shift));
}

static enum pod_status bad(const struct pod_stream *s, struct pod_diag *diag, const char *what, uint64_t got)
{
	return pod_fail(diag, POD_E_CORRUPT, what, s->at, s->next, got);
}

/* In ascending order, apart from each other or not, within the block. */
static enum pod_status take_extents(struct pod_stream *s, struct pod_stream_record *r, struct pod_diag *diag)
{
	uint32_t end = 0, all = sectors(pod_stream_len(s, r->block));
	uint8_t p[8];
	for (uint32_t i = 0; i < r->extents; i++) {
		uint32_t off, len;
		POD_TRY(take(s, p, sizeof p));
		s->running->update(s->running, p, sizeof p);
		off = pod_get_le32(p);
		len = pod_get_le32(p + 4) & ~ZERO_EXTENT;
		if (off < end || off > all || !len || len > all - off)
			return bad(s, diag, "part of a block", off);
		end = off + len;
		r->extent[i] = (struct pod_stream_extent){off * POD_STREAM_SECTOR, len * POD_STREAM_SECTOR,
							  (pod_get_le32(p + 4) & ZERO_EXTENT) != 0};
	}
	return POD_OK;
}

/* The hash of all that came before, and then nothing more. */
static enum pod_status take_end(struct pod_stream *s, struct pod_diag *diag)
{
	uint8_t sent[POD_HASH_LEN], mine[POD_HASH_LEN], more;
	enum pod_status st;
	s->running->finish(s->running, mine);
	POD_TRY(take(s, sent, sizeof sent));
	if (memcmp(sent, mine, sizeof mine) != 0)
		return bad(s, diag, "hash of the stream", 0);
	st = take(s, &more, 1);
	return st == POD_END ? POD_OK : st == POD_OK ? bad(s, diag, "bytes behind the end", more) : st;
}

static enum pod_status check_record(struct pod_stream *s, const struct pod_stream_record *r, const uint8_t *p,
				    struct pod_diag *diag)
{
	bool hashed = !pod_all_zero(r->hash, POD_HASH_LEN);
	if (!pod_all_zero(p + 20, 4) || !pod_all_zero(p + 56, 8))
		return bad(s, diag, "reserved bytes of a record", 0);
	if (r->kind == POD_STREAM_END)
		return r->block == 0 && r->extents == 0 && r->count == (uint32_t)s->records ? POD_OK
											    : bad(s, diag, "end", r->count);
	if (r->block < s->next || r->block >= s->blocks || !r->count || r->count > s->blocks - r->block)
		return bad(s, diag, "number of a block", r->block);
	if (r->kind == POD_STREAM_DATA && r->count == 1 && r->extents && r->extents <= POD_STREAM_EXTENTS && hashed)
		return POD_OK;
	if (r->kind == POD_STREAM_ZERO && !r->extents && !hashed)
		return POD_OK;
	return bad(s, diag, "kind of a record", (uint64_t)r->kind);
}

enum pod_status pod_stream_next(struct pod_stream *s, struct pod_stream_record *r, struct pod_diag *diag)
{
	uint8_t p[POD_STREAM_RECORD];
	POD_TRY(take(s, p, sizeof p));
	if (!sealed(p, sizeof p, 0))
		return bad(s, diag, "checksum of a record", 0);
	r->kind = (enum pod_stream_kind)pod_get_le32(p + 4);
	r->block = pod_get_le32(p + 8);
	r->count = pod_get_le32(p + 12);
	r->extents = pod_get_le32(p + 16);
	memcpy(r->hash, p + 24, POD_HASH_LEN);
	POD_TRY(check_record(s, r, p, diag));
	s->running->update(s->running, p, sizeof p);
	if (r->kind == POD_STREAM_END)
		return take_end(s, diag);
	if (r->kind == POD_STREAM_DATA)
		POD_TRY(take_extents(s, r, diag));
	s->records++;
	s->next = (uint64_t)r->block + r->count;
	return POD_OK;
}

enum pod_status pod_stream_block(struct pod_stream *s, const struct pod_stream_record *r, uint8_t *block, struct pod_diag *diag)
{
	uint8_t hash[POD_HASH_LEN];
	for (uint32_t i = 0; i < r->extents; i++) {
		const struct pod_stream_extent *e = &r->extent[i];
		if (e->zero)
			memset(block + e->off, 0, e->len);
		else
			POD_TRY(take(s, block + e->off, e->len));
	}
	pod_hashes_hash(s->block, block, pod_stream_len(s, r->block), hash);
	return memcmp(hash, r->hash, sizeof hash) == 0 ? POD_OK : bad(s, diag, "hash of a block", r->block);
}

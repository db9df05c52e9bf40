/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NTFS: file records, attributes with their lists, mapping pairs. Layout: ntfs_int.h.
 *
 * Whatever a record says is checked against its length; an attribute list is read once and followed in its order, never from an
 * extension record on, so that nothing here can go round in a circle. Windows writes lists of at most 256 KiB.
 */
#include "core/fs/ntfs_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

#define LIST_MAX	(256u << 10)
#define RUNS_MAX	((size_t)1 << 20)
#define REFERENCE_MASK	0xFFFFFFFFFFFFull
#define ATTR_END	0xFFFFFFFFu
#define RESIDENT_LEN	24u
#define NONRESIDENT_LEN 64u
#define LIST_ENTRY_LEN	26u

static const uint8_t i30[8] = {'$', 0, 'I', 0, '3', 0, '0', 0};

/* --- records ------------------------------------------------------------------------------------------ */

enum pod_status pod_ntfs_unfix(const struct pod_ntfs *v, uint8_t *block, uint32_t size, const char magic[4])
{
	uint32_t at = pod_get_le16(block + 4), words = pod_get_le16(block + 6);
	if (memcmp(block, magic, 4) != 0 || words < 2 || (at & 1) || !pod_in_range(at, words * 2, size))
		return POD_E_CORRUPT;
	/* Strides are of 512 bytes whatever the sector size, but a writer may take sectors at their word. */
	uint32_t stride = (words - 1) * 512 == size ? 512 : v->sector_size;
	if ((words - 1) * stride != size || at + words * 2 > stride - 2)
		return POD_E_CORRUPT;
	for (uint32_t i = 1; i < words; i++) {
		uint8_t *last = block + i * stride - 2;
		if (memcmp(last, block + at, 2) != 0)
			return POD_E_CORRUPT; /* a write that was torn */
		memcpy(last, block + at + i * 2, 2);
	}
	return POD_OK;
}

enum pod_status pod_ntfs_record_take(const struct pod_ntfs *v, struct pod_ntfs_record *r, uint64_t no)
{
	r->no = POD_NTFS_NO_RECORD;
	POD_TRY(pod_ntfs_unfix(v, r->data, v->record_size, "FILE"));
	uint32_t first = pod_get_le16(r->data + 20);
	r->used = pod_get_le32(r->data + 24);
	if (r->used > v->record_size || first < 40 || (first & 7) || first > r->used)
		return POD_E_CORRUPT;
	r->no = no;
	return POD_OK;
}

enum pod_status pod_ntfs_record_load(struct pod_fs *fs, struct pod_ntfs_record *r, uint64_t reference)
{
	const struct pod_ntfs *v = pod_ntfs_of(fs);
	uint64_t no = reference & REFERENCE_MASK;
	uint16_t sequence = (uint16_t)(reference >> 48);
	if (r->no != no) {
		r->no = POD_NTFS_NO_RECORD;
		if (no >= v->mft_bytes >> v->record_shift)
			return POD_E_CORRUPT;
		POD_TRY(pod_ntfs_runs_read(fs, &v->mft, no << v->record_shift, r->data, v->record_size));
		POD_TRY(pod_ntfs_record_take(v, r, no));
	}
	if (!(pod_get_le16(r->data + 22) & POD_NTFS_IN_USE) || (sequence && pod_get_le16(r->data + 16) != sequence))
		return POD_E_CORRUPT;
	return POD_OK;
}

/* --- attributes --------------------------------------------------------------------------------------- */

/* Which attribute, or which part of one. */
struct wanted {
	uint32_t type;
	bool index, any_part;
	uint64_t first_vcn;
	uint16_t number;
};

static bool name_matches(const uint8_t *p, uint32_t name_at, uint32_t units, uint32_t len, bool index)
{
	if (!index)
		return units == 0;
	return units == 4 && pod_in_range(name_at, 8, len) && memcmp(p + name_at, i30, 8) == 0;
}

/* Is the header sound? `len` bytes are there. */
static bool attr_sound(const uint8_t *a, uint32_t len)
{
	if (a[8])
		return len >= NONRESIDENT_LEN && pod_get_le16(a + 32) >= NONRESIDENT_LEN && pod_get_le16(a + 32) < len;
	return pod_in_range(pod_get_le16(a + 20), pod_get_le32(a + 16), len);
}

static bool is_wanted(const uint8_t *a, uint32_t len, const struct wanted *w)
{
	if (pod_get_le32(a) != w->type || !name_matches(a, pod_get_le16(a + 10), a[9], len, w->index))
		return false;
	return w->any_part || (pod_get_le16(a + 14) == w->number && (!a[8] || pod_get_le64(a + 16) == w->first_vcn));
}

static enum pod_status find_attr(const struct pod_ntfs_record *r, const struct wanted *w, const uint8_t **out)
{
	uint32_t at = pod_get_le16(r->data + 20);
	while (pod_in_range(at, 4, r->used) && pod_get_le32(r->data + at) != ATTR_END) {
		if (!pod_in_range(at, RESIDENT_LEN, r->used))
			return POD_E_CORRUPT;
		const uint8_t *a = r->data + at;
		uint32_t len = pod_get_le32(a + 4);
		if (len < RESIDENT_LEN || (len & 7) || !pod_in_range(at, len, r->used))
			return POD_E_CORRUPT;
		if (is_wanted(a, len, w)) {
			*out = a;
			return attr_sound(a, len) ? POD_OK : POD_E_CORRUPT;
		}
		at += len;
	}
	return POD_E_NOT_FOUND;
}

/* --- mapping pairs ------------------------------------------------------------------------------------ */

typedef enum pod_status run_fn(void *ctx, const struct pod_ntfs_run *r);

static uint64_t get_number(const uint8_t *p, uint32_t bytes, bool is_signed)
{
	uint64_t v = is_signed && (p[bytes - 1] & 0x80) ? UINT64_MAX : 0;
	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

/* The runs of one part of an attribute, which must begin at *vcn; moves *vcn behind it. */
static enum pod_status decode_runs(struct pod_fs *fs, const uint8_t *a, uint64_t *vcn, run_fn *cb, void *ctx)
{
	const struct pod_ntfs *v = pod_ntfs_of(fs);
	const uint8_t *p = a + pod_get_le16(a + 32), *end = a + pod_get_le32(a + 4);
	uint64_t lcn = 0, last = (1ull << 62) >> v->cluster_shift; /* sizes in bytes never overflow */
	if (pod_get_le64(a + 16) != *vcn)
		return POD_E_CORRUPT;
	for (uint32_t i = 0; p < end && *p; i++) {
		uint32_t n = *p & 15, m = *p >> 4;
		if (n < 1 || n > 8 || m > 8 || (size_t)(end - p) < 1 + n + m)
			return POD_E_CORRUPT;
		struct pod_ntfs_run r = {*vcn, POD_NTFS_HOLE, get_number(p + 1, n, false)};
		if (i % POD_FS_LINKS_PER_STEP == 0)
			POD_TRY(pod_budget_spend(fs->dev->budget, 1, 0));
		if (!r.count || !pod_in_range(*vcn, r.count, last))
			return POD_E_CORRUPT;
		if (m) {
			lcn += get_number(p + 1 + n, m, true); /* a negative one wraps around to where it points */
			if (!pod_in_range(lcn, r.count, v->clusters))
				return POD_E_CORRUPT;
			r.lcn = lcn;
		}
		*vcn += r.count;
		POD_TRY(cb(ctx, &r));
		p += 1 + n + m;
	}
	return *vcn == pod_get_le64(a + 24) + 1 ? POD_OK : POD_E_CORRUPT;
}

struct collecting {
	struct pod_fs *fs;
	struct pod_ntfs_runs *runs;
};

static enum pod_status collect(void *ctx, const struct pod_ntfs_run *r)
{
	struct collecting *c = ctx;
	void *v = c->runs->v;
	enum pod_status st = pod_grow(c->fs->alloc, &v, c->runs->n, &c->runs->cap, c->runs->n + 1, sizeof *r, RUNS_MAX);
	c->runs->v = v;
	if (st == POD_OK)
		c->runs->v[c->runs->n++] = *r;
	return st;
}

/* The run that holds a cluster; runs have no gaps between them. */
static const struct pod_ntfs_run *run_of(const struct pod_ntfs_runs *r, uint64_t vcn)
{
	size_t low = 0, high = r->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (vcn < r->v[mid].vcn)
			high = mid;
		else if (vcn - r->v[mid].vcn >= r->v[mid].count)
			low = mid + 1;
		else
			return &r->v[mid];
	}
	return NULL;
}

enum pod_status pod_ntfs_runs_read(struct pod_fs *fs, const struct pod_ntfs_runs *r, uint64_t off, void *buf, size_t len)
{
	uint32_t shift = pod_ntfs_of(fs)->cluster_shift;
	uint8_t *dst = buf;
	while (len) {
		const struct pod_ntfs_run *run = run_of(r, off >> shift);
		if (!run)
			return POD_E_CORRUPT;
		uint64_t in = off - (run->vcn << shift);
		size_t n = (size_t)pod_min_u64(len, (run->count << shift) - in);
		if (run->lcn == POD_NTFS_HOLE)
			memset(dst, 0, n);
		else
			POD_TRY(pod_dev_read(fs->dev, (run->lcn << shift) + in, dst, n));
		dst += n, off += n, len -= n;
	}
	return POD_OK;
}

uint64_t pod_ntfs_record_place(struct pod_fs *fs, uint64_t no)
{
	const struct pod_ntfs *v = pod_ntfs_of(fs);
	if (no >= v->mft_bytes >> v->record_shift)
		return 0;
	const struct pod_ntfs_run *run = run_of(&v->mft, no << v->record_shift >> v->cluster_shift);
	if (!run || run->lcn == POD_NTFS_HOLE)
		return 0;
	return (run->lcn << v->cluster_shift) + ((no << v->record_shift) - (run->vcn << v->cluster_shift));
}

/* --- attribute lists ---------------------------------------------------------------------------------- */

/* Walks the parts of an attribute: one in the base record, or those that the attribute list names. */
struct parts {
	struct pod_fs *fs;
	uint32_t type;
	bool index, done;
	uint8_t *list;
	uint32_t len, at;
};

static enum pod_status load_list(struct parts *p, const uint8_t *a)
{
	uint64_t len = a[8] ? pod_get_le64(a + 48) : pod_get_le32(a + 16);
	if (!len || len > LIST_MAX)
		return POD_E_CORRUPT;
	p->list = p->fs->alloc->alloc(p->fs->alloc, (size_t)len);
	if (!p->list)
		return POD_E_NOMEM;
	p->len = (uint32_t)len;
	if (!a[8]) {
		memcpy(p->list, a + pod_get_le16(a + 20), p->len);
		return POD_OK;
	}
	struct pod_ntfs_runs runs = {0};
	uint64_t vcn = 0;
	enum pod_status st = decode_runs(p->fs, a, &vcn, collect, &(struct collecting){p->fs, &runs});
	if (st == POD_OK)
		st = pod_ntfs_runs_read(p->fs, &runs, 0, p->list, p->len);
	pod_free(p->fs->alloc, runs.v);
	return st;
}

static enum pod_status parts_open(struct parts *p, struct pod_fs *fs, uint32_t type, bool index)
{
	const struct wanted list = {.type = POD_NTFS_ATTRIBUTE_LIST, .any_part = true};
	const uint8_t *a;
	*p = (struct parts){.fs = fs, .type = type, .index = index};
	enum pod_status st = find_attr(&pod_ntfs_of(fs)->base, &list, &a);
	if (st == POD_E_NOT_FOUND)
		return POD_OK;
	if (st == POD_OK)
		st = load_list(p, a);
	if (st != POD_OK)
		pod_free(fs->alloc, p->list);
	return st;
}

static void parts_close(struct parts *p)
{
	pod_free(p->fs->alloc, p->list);
}

/* The part that an entry of the list names, in the base record or in another one. */
static enum pod_status part_of_entry(struct parts *p, const uint8_t *e, const uint8_t **out)
{
	struct pod_ntfs *v = pod_ntfs_of(p->fs);
	const struct wanted w = {p->type, p->index, false, pod_get_le64(e + 8), pod_get_le16(e + 24)};
	uint64_t reference = pod_get_le64(e + 16);
	struct pod_ntfs_record *r = &v->base;
	if ((reference & REFERENCE_MASK) != v->base.no) {
		r = &v->ext;
		POD_TRY(pod_ntfs_record_load(p->fs, r, reference));
		if ((pod_get_le64(r->data + 32) & REFERENCE_MASK) != v->base.no)
			return POD_E_CORRUPT;
	}
	enum pod_status st = find_attr(r, &w, out);
	return st == POD_E_NOT_FOUND ? POD_E_CORRUPT : st;
}

/* POD_END behind the last part. */
static enum pod_status parts_next(struct parts *p, const uint8_t **out)
{
	if (!p->list) {
		const struct wanted w = {.type = p->type, .index = p->index, .any_part = true};
		if (p->done)
			return POD_END;
		p->done = true;
		enum pod_status st = find_attr(&pod_ntfs_of(p->fs)->base, &w, out);
		return st == POD_E_NOT_FOUND ? POD_END : st;
	}
	while (p->at < p->len) {
		const uint8_t *e = p->list + p->at;
		if (p->len - p->at < LIST_ENTRY_LEN)
			return POD_E_CORRUPT;
		uint32_t len = pod_get_le16(e + 4);
		if (len < LIST_ENTRY_LEN || (len & 7) || len > p->len - p->at)
			return POD_E_CORRUPT;
		p->at += len;
		if (pod_get_le32(e) == p->type && name_matches(e, e[7], e[6], len, p->index))
			return part_of_entry(p, e, out);
	}
	return POD_END;
}

/* --- streams ------------------------------------------------------------------------------------------ */

enum pod_status pod_ntfs_stream_open(struct pod_fs *fs, uint32_t type, bool index, struct pod_ntfs_stream *out)
{
	struct parts p;
	const uint8_t *a = NULL;
	POD_TRY(parts_open(&p, fs, type, index));
	enum pod_status st = parts_next(&p, &a);
	if (st == POD_OK) {
		*out = (struct pod_ntfs_stream){.file = pod_ntfs_of(fs)->base.no,
						.type = type,
						.index = index,
						.resident = !a[8],
						.flags = pod_get_le16(a + 12)};
		out->size = a[8] ? pod_get_le64(a + 48) : pod_get_le32(a + 16);
		out->valid = a[8] ? pod_get_le64(a + 56) : out->size;
		out->value = a[8] ? NULL : a + pod_get_le16(a + 20);
		if (out->size >> 62 || out->valid > out->size || (a[8] && pod_get_le64(a + 16)))
			st = POD_E_CORRUPT;
	}
	parts_close(&p);
	return st == POD_END ? POD_E_NOT_FOUND : st;
}

enum pod_status pod_ntfs_stream_runs(struct pod_fs *fs, const struct pod_ntfs_stream *s, run_fn *cb, void *ctx)
{
	struct parts p;
	const uint8_t *a;
	uint64_t vcn = 0;
	if (s->resident || pod_ntfs_of(fs)->base.no != s->file)
		return POD_E_INVALID;
	POD_TRY(parts_open(&p, fs, s->type, s->index));
	enum pod_status st;
	while ((st = parts_next(&p, &a)) == POD_OK) {
		st = a[8] ? decode_runs(fs, a, &vcn, cb, ctx) : POD_E_CORRUPT;
		if (st != POD_OK) {
			parts_close(&p);
			return st;
		}
	}
	parts_close(&p);
	return st == POD_END ? POD_OK : st;
}

enum pod_status pod_ntfs_runs_load(struct pod_fs *fs, const struct pod_ntfs_stream *s, struct pod_ntfs_runs *out)
{
	out->n = 0;
	return pod_ntfs_stream_runs(fs, s, collect, &(struct collecting){fs, out});
}

/* Adds what is not known of $MFT yet. */
static enum pod_status learn(void *ctx, const struct pod_ntfs_run *r)
{
	struct collecting *c = ctx;
	const struct pod_ntfs_run *last = c->runs->n ? &c->runs->v[c->runs->n - 1] : NULL;
	return last && r->vcn < last->vcn + last->count ? POD_OK : collect(ctx, r);
}

enum pod_status pod_ntfs_mft_load(struct pod_fs *fs)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	const struct wanted first = {.type = POD_NTFS_DATA, .any_part = true};
	struct collecting c = {fs, &v->mft};
	struct pod_ntfs_stream s;
	const uint8_t *a;
	uint64_t vcn = 0;
	/* Of a $MFT in many pieces record 0 tells the first runs; the records that tell the others lie in those that are known by
	 * the time they are needed. */
	POD_TRY(find_attr(&v->base, &first, &a));
	if (!a[8])
		return POD_E_CORRUPT;
	v->mft_bytes = pod_get_le64(a + 56);
	POD_TRY(decode_runs(fs, a, &vcn, collect, &c));
	POD_TRY(pod_ntfs_stream_open(fs, POD_NTFS_DATA, false, &s));
	return s.resident ? POD_E_CORRUPT : pod_ntfs_stream_runs(fs, &s, learn, &c);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading resources. A compressed one begins with a table of where its chunks end but for the last, counted from behind the table: 4
 * bytes each, 8 if the content is 4 GiB or more. A chunk whose size is that of its content is stored as it is.
 *
 * Nothing is read but the chunks that are wanted, and the table in pieces. The chunks of one call lie one after another, so they are
 * read together, up to PACKED_MAX bytes at a time.
 */
#include "core/wim/decode.h"
#include "core/wim/wim_int.h"

enum { CHUNK_SHIFT_MIN = 12, CHUNK_SHIFT_MAX = 21, SLOTS = 8, TABLE = 256, PACKED_MAX = 128 << 10 };
#define SLOTS_BYTES (512u << 10)
/* What is loaded whole may be so much larger than it is in the file. */
enum { RATIO_SHIFT = 6, SMALL = 1024 };

struct slot {
	uint64_t of; /* where the resource begins, plus 1; 0: empty */
	uint64_t chunk;
	uint32_t used;
};

struct pod_wim_chunks {
	uint32_t shift, slots, clock;
	struct slot slot[SLOTS];
	uint8_t *data; /* of the slots */
	/* The first bytes of chunks `first`, `first` + 1, ... of the resource that begins at `table_of` - 1, from behind its table; one
	 * more for the end. */
	uint64_t table_of, first;
	uint32_t known;
	uint64_t place[TABLE + 1];
	uint8_t raw[8 * (TABLE + 1)];
	/* Bytes [packed_at, packed_at + packed_len) of the file. */
	uint64_t packed_at;
	size_t packed_len, packed_cap;
	uint8_t *packed;
	union {
		struct pod_lzx lzx;
		struct pod_xpress xpress;
	} work;
};

/* One call of wim_read_res. */
struct reading {
	struct pod_wim *w;
	struct pod_wim_chunks *c;
	const struct pod_wim_res *res;
	struct pod_diag *diag;
	uint64_t chunks, table_bytes;
	uint64_t last; /* the last chunk that is wanted */
	uint32_t entry_shift;
};

static uint32_t log2_of(uint32_t v)
{
	uint32_t n = 0;
	while (n < 31 && v > 1u << n)
		n++;
	return n;
}

void wim_chunks_free(struct pod_wim *w)
{
	struct pod_wim_chunks *c = w->chunks;
	if (c) {
		pod_free(w->alloc, c->data);
		pod_free(w->alloc, c->packed);
	}
	pod_free(w->alloc, c);
	w->chunks = NULL;
}

static enum pod_status make_chunks(struct pod_wim *w, struct pod_diag *diag)
{
	if (w->chunks)
		return POD_OK;
	uint32_t shift = log2_of(w->chunk_size);
	bool lzx = w->compression == POD_WIM_LZX;
	if (w->compression == POD_WIM_LZMS)
		return pod_fail(diag, POD_E_UNSUPPORTED, "LZMS", WIM_AT_FLAGS, 0, w->flags);
	if (!lzx && w->compression != POD_WIM_XPRESS)
		return pod_fail(diag, POD_E_CORRUPT, "compression", WIM_AT_FLAGS, 0, w->flags);
	if (w->chunk_size != 1u << shift || shift < (lzx ? POD_LZX_WINDOW_MIN : POD_XPRESS_WINDOW_MIN) ||
	    shift > (lzx ? POD_LZX_WINDOW_MAX : POD_XPRESS_WINDOW_MAX))
		return pod_fail(diag, POD_E_UNSUPPORTED, "chunk size", 20, 32768, w->chunk_size);
	struct pod_wim_chunks *c = pod_zalloc(w->alloc, 1, sizeof *c);
	if (!c)
		return POD_E_NOMEM;
	w->chunks = c;
	c->shift = shift;
	c->slots = (uint32_t)pod_min_u64(SLOTS, (SLOTS_BYTES >> shift) + 1);
	c->packed_cap = w->chunk_size > PACKED_MAX ? w->chunk_size : PACKED_MAX;
	c->data = w->alloc->alloc(w->alloc, (size_t)c->slots << shift);
	c->packed = w->alloc->alloc(w->alloc, c->packed_cap);
	if (c->data && c->packed)
		return POD_OK;
	wim_chunks_free(w);
	return POD_E_NOMEM;
}

/* --- where a chunk lies ----------------------------------------------------------------------------------- */

static enum pod_status table_fault(const struct reading *r, uint64_t got)
{
	return pod_fail(r->diag, POD_E_CORRUPT, "chunk table", r->res->offset_bytes, r->res->stored_bytes, got);
}

static enum pod_status load_table(struct reading *r, uint64_t first)
{
	struct pod_wim_chunks *c = r->c;
	uint32_t n = (uint32_t)pod_min_u64(TABLE, r->chunks - first);
	/* Entry k says where chunk k + 1 begins; the first begins at 0, the last ends with the resource. */
	uint32_t skip = first == 0;
	uint64_t from = first - (first != 0), entries = pod_min_u64(n + 1u - skip, r->chunks - 1 - from);
	c->table_of = 0;
	POD_TRY(pod_dev_read(r->w->dev, r->res->offset_bytes + (from << r->entry_shift), c->raw,
			     (size_t)entries << r->entry_shift));
	uint64_t end = r->res->stored_bytes - r->table_bytes;
	c->place[0] = 0;
	for (uint32_t i = skip; i <= n; i++) {
		const uint8_t *p = c->raw + ((size_t)(i - skip) << r->entry_shift);
		c->place[i] = i - skip >= entries ? end : r->entry_shift == 3 ? pod_get_le64(p) : pod_get_le32(p);
		if (c->place[i] > end || (i && c->place[i] <= c->place[i - 1]))
			return table_fault(r, c->place[i]);
	}
	c->first = first;
	c->known = n;
	c->table_of = r->res->offset_bytes + 1;
	return POD_OK;
}

/* The chunk's bytes in the file, which are read, and some of those behind it that are wanted too. */
static enum pod_status get_packed(struct reading *r, uint64_t chunk, const uint8_t **p, size_t *len)
{
	struct pod_wim_chunks *c = r->c;
	if (c->table_of != r->res->offset_bytes + 1 || chunk < c->first || chunk >= c->first + c->known)
		POD_TRY(load_table(r, chunk));
	uint32_t i = (uint32_t)(chunk - c->first);
	uint64_t base = r->res->offset_bytes + r->table_bytes, at = base + c->place[i], n = c->place[i + 1] - c->place[i];
	if (n > r->w->chunk_size)
		return table_fault(r, n);
	if (at < c->packed_at || at - c->packed_at > c->packed_len || n > c->packed_len - (at - c->packed_at)) {
		uint32_t last = (uint32_t)pod_min_u64(r->last - c->first, c->known - 1);
		while (c->place[last + 1] - c->place[i] > c->packed_cap)
			last--;
		size_t want = (size_t)(c->place[last + 1] - c->place[i]);
		c->packed_len = 0;
		POD_TRY(pod_dev_read(r->w->dev, at, c->packed, want));
		c->packed_at = at;
		c->packed_len = want;
	}
	*p = c->packed + (size_t)(at - c->packed_at);
	*len = (size_t)n;
	return POD_OK;
}

/* --- its content ------------------------------------------------------------------------------------------ */

static size_t chunk_len(const struct reading *r, uint64_t chunk)
{
	return (size_t)pod_min_u64(r->w->chunk_size, r->res->size_bytes - (chunk << r->c->shift));
}

static enum pod_status unpack(struct reading *r, uint64_t chunk, uint8_t *out)
{
	const uint8_t *p = NULL;
	size_t n = 0, len = chunk_len(r, chunk);
	bool ok = true;
	POD_TRY(get_packed(r, chunk, &p, &n));
	/* A KiB of content is a step. */
	POD_TRY(pod_budget_spend(r->w->dev->budget, (len >> 10) + 1, 0));
	if (n > len)
		return table_fault(r, n);
	if (n == len)
		memcpy(out, p, n);
	else if (r->w->compression == POD_WIM_LZX)
		ok = pod_lzx_decode(&r->c->work.lzx, p, n, out, len, r->c->shift);
	else
		ok = pod_xpress_decode(&r->c->work.xpress, p, n, out, len);
	return ok ? POD_OK : pod_fail(r->diag, POD_E_CORRUPT, "compressed chunk", r->res->offset_bytes, 0, chunk);
}

static enum pod_status get_chunk(struct reading *r, uint64_t chunk, const uint8_t **out)
{
	struct pod_wim_chunks *c = r->c;
	uint32_t victim = 0;
	for (uint32_t i = 0; i < c->slots; i++) {
		struct slot *s = &c->slot[i];
		if (s->of == r->res->offset_bytes + 1 && s->chunk == chunk) {
			s->used = ++c->clock;
			*out = c->data + ((size_t)i << c->shift);
			return POD_OK;
		}
		if (!s->of || (c->slot[victim].of && s->used < c->slot[victim].used))
			victim = i;
	}
	uint8_t *data = c->data + ((size_t)victim << c->shift);
	c->slot[victim].of = 0;
	POD_TRY(unpack(r, chunk, data));
	c->slot[victim] = (struct slot){r->res->offset_bytes + 1, chunk, ++c->clock};
	*out = data;
	return POD_OK;
}

static enum pod_status read_chunks(struct reading *r, uint64_t off, uint8_t *buf, size_t len)
{
	uint32_t shift = r->c->shift;
	r->last = (off + len - 1) >> shift;
	while (len) {
		uint64_t chunk = off >> shift;
		size_t in = (size_t)(off & (r->w->chunk_size - 1)), whole = chunk_len(r, chunk);
		size_t n = (size_t)pod_min_u64(len, whole - in);
		if (n == whole) {
			POD_TRY(unpack(r, chunk, buf)); /* long reads pass the slots by */
		} else {
			const uint8_t *p;
			POD_TRY(get_chunk(r, chunk, &p));
			memcpy(buf, p + in, n);
		}
		off += n, buf += n, len -= n;
	}
	return POD_OK;
}

static enum pod_status in_file(const struct pod_wim *w, const struct pod_wim_res *res, const char *what, struct pod_diag *diag)
{
	return pod_in_range(res->offset_bytes, res->stored_bytes, w->dev->size_bytes)
		       ? POD_OK
		       : pod_fail(diag, POD_E_CORRUPT, what, res->offset_bytes, w->dev->size_bytes, res->stored_bytes);
}

enum pod_status pod_wim_read_res(struct pod_wim *w, const struct pod_wim_res *res, uint64_t off, void *buf, size_t len,
				 struct pod_diag *diag)
{
	struct reading r = {.w = w, .res = res, .diag = diag};
	if (!pod_in_range(off, len, res->size_bytes))
		return POD_E_RANGE;
	if (!len)
		return POD_OK;
	if (res->flags & POD_WIM_RES_SOLID)
		return pod_fail(diag, POD_E_UNSUPPORTED, "solid", res->offset_bytes, 0, res->flags);
	POD_TRY(in_file(w, res, "end of a resource", diag));
	if (!(res->flags & POD_WIM_RES_COMPRESSED)) {
		if (res->stored_bytes != res->size_bytes)
			return pod_fail(diag, POD_E_CORRUPT, "size of a resource", res->offset_bytes, res->stored_bytes,
					res->size_bytes);
		return pod_dev_read(w->dev, res->offset_bytes + off, buf, len);
	}
	POD_TRY(make_chunks(w, diag));
	r.c = w->chunks;
	r.entry_shift = res->size_bytes > UINT32_MAX ? 3 : 2;
	r.chunks = ((res->size_bytes - 1) >> r.c->shift) + 1;
	/* Every chunk but the last has an entry and a byte. */
	if (r.chunks - 1 >= res->stored_bytes >> r.entry_shift && r.chunks > 1)
		return table_fault(&r, r.chunks);
	r.table_bytes = (r.chunks - 1) << r.entry_shift;
	if (r.table_bytes >= res->stored_bytes)
		return table_fault(&r, r.table_bytes);
	return read_chunks(&r, off, buf, len);
}

enum pod_status wim_check_plain(const struct pod_wim *w, const struct pod_wim_res *res, size_t max, const char *what,
				struct pod_diag *diag)
{
	if (res->size_bytes > max)
		return pod_fail(diag, POD_E_LIMIT, what, res->offset_bytes, max, res->size_bytes);
	if (res->stored_bytes != res->size_bytes)
		return pod_fail(diag, POD_E_CORRUPT, "size of a resource", res->offset_bytes, res->stored_bytes, res->size_bytes);
	return in_file(w, res, what, diag);
}

enum pod_status wim_load(struct pod_wim *w, const struct pod_wim_res *res, size_t max, const char *what, uint8_t **out,
			 struct pod_diag *diag)
{
	/* Directory entries compress to a tenth; what would become much larger is no reason to ask for the memory. */
	if (res->size_bytes > max || res->size_bytes >> RATIO_SHIFT > res->stored_bytes + SMALL)
		return pod_fail(diag, POD_E_LIMIT, what, res->offset_bytes, max, res->size_bytes);
	POD_TRY(in_file(w, res, what, diag));
	uint8_t *p = w->alloc->alloc(w->alloc, (size_t)res->size_bytes + 1);
	if (!p)
		return POD_E_NOMEM;
	enum pod_status st = pod_wim_read_res(w, res, 0, p, (size_t)res->size_bytes, diag);
	if (st != POD_OK) {
		pod_free(w->alloc, p);
		return st;
	}
	*out = p;
	return POD_OK;
}

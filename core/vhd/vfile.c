/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/vhd/vfile.h"
#include "core/base/mem.h"

enum pod_status pod_vfile_resize(struct pod_vfile *f, uint64_t size)
{
	if (f->dev->size_bytes == size)
		return POD_OK;
	if (!f->resize)
		return size < f->dev->size_bytes ? POD_OK : POD_E_NOSPACE;
	return f->resize(f, size);
}

enum pod_status pod_vfile_zero(struct pod_vfile *f, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[4096];
	if (!pod_in_range(off, len, f->dev->size_bytes))
		return POD_E_RANGE;
	if (f->zero && len >= 4096 && f->zero(f, off, len) == POD_OK)
		return POD_OK;
	while (len) {
		size_t n = (size_t)pod_min_u64(len, sizeof zeros - (off & (sizeof zeros - 1)));
		POD_TRY(pod_dev_write(f->dev, off, zeros, n));
		off += n, len -= n;
	}
	return POD_OK;
}

enum pod_status pod_vfile_reserve(struct pod_vfile *f, uint64_t off, uint64_t len)
{
	return f->reserve && f->reserve(f, off, len) == POD_E_NOSPACE ? POD_E_NOSPACE : POD_OK;
}

/* --- pages -------------------------------------------------------------------------------------------- */

enum pod_status pod_pages_init(struct pod_pages *p, struct pod_alloc *a, struct pod_dev *dev, uint32_t shift, uint32_t slots)
{
	memset(p, 0, sizeof *p);
	p->alloc = a;
	p->dev = dev;
	p->shift = shift;
	p->slots = slots;
	p->tag = pod_zalloc(a, slots, sizeof *p->tag);
	p->data = a->alloc(a, (size_t)slots << shift);
	if (p->tag && p->data)
		return POD_OK;
	pod_pages_fini(p);
	return POD_E_NOMEM;
}

enum pod_status pod_pages_make_writable(struct pod_pages *p)
{
	if (!p->dirty_data)
		p->dirty_data = p->alloc->alloc(p->alloc, (size_t)POD_PAGES_DIRTY_MAX << p->shift);
	return p->dirty_data ? POD_OK : POD_E_NOMEM;
}

void pod_pages_fini(struct pod_pages *p)
{
	if (!p->alloc)
		return;
	pod_free(p->alloc, p->tag);
	pod_free(p->alloc, p->data);
	pod_free(p->alloc, p->dirty_data);
	memset(p, 0, sizeof *p);
}

static uint32_t hash_of(uint64_t no)
{
	return ((uint32_t)no * 2654435761u) >> 24;
}

/* Bitmap blocks lie a multiple of 256 pages apart, a VHDX' table of metadata 16 pages before its items: the upper bits take part, or they
 * would all meet in the same slots. */
static uint32_t slot_of(const struct pod_pages *p, uint64_t no)
{
	return (uint32_t)(no ^ no >> 4 ^ no >> 8 ^ no >> 16) & (p->slots - 1);
}

static uint8_t *find_dirty(struct pod_pages *p, uint64_t no)
{
	for (uint32_t h = hash_of(no); p->hash[h]; h = (h + 1) % POD_PAGES_HASH)
		if (p->dirty_no[p->hash[h] - 1] == no)
			return p->dirty_data + ((size_t)(p->hash[h] - 1u) << p->shift);
	return NULL;
}

enum pod_status pod_pages_get(struct pod_pages *p, uint64_t off, const uint8_t **page)
{
	uint64_t no = off >> p->shift;
	if (p->dirty) {
		const uint8_t *changed = find_dirty(p, no);
		if (changed) {
			*page = changed;
			return POD_OK;
		}
	}
	uint32_t slot = slot_of(p, no);
	uint8_t *at = p->data + ((size_t)slot << p->shift);
	if (p->tag[slot] != no + 1) {
		size_t size = (size_t)1 << p->shift;
		uint64_t start = no << p->shift;
		if (start >= p->dev->size_bytes)
			return POD_E_RANGE;
		size_t have = (size_t)pod_min_u64(size, p->dev->size_bytes - start);
		p->tag[slot] = 0;
		POD_TRY(pod_dev_read(p->dev, start, at, have));
		memset(at + have, 0, size - have);
		p->tag[slot] = no + 1;
	}
	*page = at;
	return POD_OK;
}

enum pod_status pod_pages_change(struct pod_pages *p, uint64_t off, uint8_t **page)
{
	uint64_t no = off >> p->shift;
	const uint8_t *now;
	if (!p->dirty_data)
		return POD_E_READONLY;
	*page = find_dirty(p, no);
	if (*page)
		return POD_OK;
	if (p->dirty == POD_PAGES_DIRTY_MAX)
		return POD_E_LIMIT;
	POD_TRY(pod_pages_get(p, off, &now));
	*page = p->dirty_data + ((size_t)p->dirty << p->shift);
	memcpy(*page, now, (size_t)1 << p->shift);
	p->tag[slot_of(p, no)] = 0;
	p->dirty_no[p->dirty++] = no;
	uint32_t h = hash_of(no);
	while (p->hash[h])
		h = (h + 1) % POD_PAGES_HASH;
	p->hash[h] = (uint8_t)p->dirty;
	return POD_OK;
}

void pod_pages_forget(struct pod_pages *p, uint64_t off)
{
	uint64_t no = off >> p->shift;
	uint32_t slot = slot_of(p, no);
	if (p->tag[slot] == no + 1)
		p->tag[slot] = 0;
}

void pod_pages_clean(struct pod_pages *p)
{
	p->dirty = 0;
	memset(p->hash, 0, sizeof p->hash);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/map/map.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"

void pod_map_init(struct pod_map *m, struct pod_alloc *a)
{
	memset(m, 0, sizeof *m);
	m->alloc = a;
}

void pod_map_fini(struct pod_map *m)
{
	if (!m->alloc)
		return;
	pod_free(m->alloc, m->seg);
	if (!m->lent)
		pod_free(m->alloc, m->mem);
	pod_map_init(m, m->alloc);
}

static enum pod_status reserve(struct pod_map *m, size_t need)
{
	void *v = m->seg;
	enum pod_status st = pod_grow(m->alloc, &v, m->count, &m->cap, need, sizeof *m->seg, POD_MAP_SEG_LIMIT);
	m->seg = v;
	return st;
}

/* True if a segment (kind, source) placed right behind `s` would only make it longer. */
static bool continues(const struct pod_seg *s, uint32_t kind, uint64_t source)
{
	return s->kind == kind && (kind == POD_SEG_ZERO || s->source + s->length_bytes == source);
}

static uint64_t advanced(uint32_t kind, uint64_t source, uint64_t by)
{
	return kind == POD_SEG_ZERO ? 0 : source + by;
}

enum pod_status pod_map_append(struct pod_map *m, enum pod_seg_kind kind, uint64_t source, uint64_t len)
{
	if (!len)
		return POD_OK;
	if (len > INT64_MAX - m->size_bytes || source > INT64_MAX - len)
		return POD_E_RANGE;
	if (kind == POD_SEG_ZERO)
		source = 0;
	if (m->count && continues(&m->seg[m->count - 1], (uint32_t)kind, source)) {
		m->seg[m->count - 1].length_bytes += len;
	} else {
		POD_TRY(reserve(m, m->count + 1));
		m->seg[m->count++] = (struct pod_seg){m->size_bytes, len, source, (uint32_t)kind};
	}
	m->size_bytes += len;
	return POD_OK;
}

enum pod_status pod_map_mem(struct pod_map *m, const void *data, size_t len, uint64_t *off)
{
	size_t at = (size_t)pod_align_up(m->mem_len, 16);
	if (m->lent)
		return POD_E_READONLY;
	if (len > POD_MAP_MEM_LIMIT || at > POD_MAP_MEM_LIMIT - len)
		return POD_E_LIMIT;
	void *v = m->mem;
	enum pod_status st = pod_grow(m->alloc, &v, m->mem_len, &m->mem_cap, at + len, 1, POD_MAP_MEM_LIMIT);
	m->mem = v;
	if (st != POD_OK)
		return st;
	memset(m->mem + m->mem_len, 0, at - m->mem_len);
	if (data)
		memcpy(m->mem + at, data, len);
	else
		memset(m->mem + at, 0, len);
	m->mem_len = at + len;
	*off = at;
	return POD_OK;
}

void pod_map_lend(struct pod_map *m, uint8_t *mem)
{
	if (!m->count)
		return;
	if (!m->lent)
		pod_free(m->alloc, m->mem);
	m->mem = mem;
	m->mem_len = m->mem_cap = (size_t)m->size_bytes;
	m->lent = true;
	m->seg[0] = (struct pod_seg){0, m->size_bytes, 0, POD_SEG_MEM};
	m->count = 1;
}

size_t pod_map_find(const struct pod_map *m, uint64_t off)
{
	size_t lo = 0, hi = m->count;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (m->seg[mid].start_bytes <= off)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Makes `off` the start of a segment; two spare places must be reserved. Returns that segment's index. */
static size_t split(struct pod_map *m, uint64_t off)
{
	if (off == m->size_bytes)
		return m->count;
	size_t i = pod_map_find(m, off);
	struct pod_seg *s = &m->seg[i];
	if (s->start_bytes == off)
		return i;
	memmove(s + 1, s, (m->count - i) * sizeof *s);
	m->count++;
	uint64_t head = off - s->start_bytes;
	s[0].length_bytes = head;
	s[1].start_bytes = off;
	s[1].length_bytes -= head;
	s[1].source = advanced(s[1].kind, s[1].source, head);
	return i + 1;
}

enum pod_status pod_map_replace(struct pod_map *m, uint64_t start, uint64_t len, enum pod_seg_kind kind, uint64_t source)
{
	if (!pod_in_range(start, len, m->size_bytes))
		return POD_E_RANGE;
	if (!len)
		return POD_OK;
	POD_TRY(reserve(m, m->count + 2));
	size_t first = split(m, start);
	size_t last = split(m, start + len);
	m->seg[first] = (struct pod_seg){start, len, kind == POD_SEG_ZERO ? 0 : source, (uint32_t)kind};
	memmove(&m->seg[first + 1], &m->seg[last], (m->count - last) * sizeof *m->seg);
	m->count -= last - first - 1;
	return POD_OK;
}

enum pod_status pod_map_append_slice(struct pod_map *m, uint64_t start, uint64_t len)
{
	return pod_map_append_part(m, m, start, len);
}

enum pod_status pod_map_append_part(struct pod_map *m, const struct pod_map *of, uint64_t start, uint64_t len)
{
	if (!pod_in_range(start, len, of->size_bytes))
		return POD_E_RANGE;
	while (len) {
		struct pod_seg s = of->seg[pod_map_find(of, start)];
		uint64_t in = start - s.start_bytes;
		uint64_t n = pod_min_u64(len, s.length_bytes - in);
		POD_TRY(pod_map_append(m, (enum pod_seg_kind)s.kind, advanced(s.kind, s.source, in), n));
		start += n;
		len -= n;
	}
	return POD_OK;
}

enum pod_status pod_map_append_from(struct pod_map *m, const struct pod_map *from, uint64_t start, uint64_t len)
{
	if (!pod_in_range(start, len, from->size_bytes))
		return POD_E_RANGE;
	for (size_t i = len ? pod_map_find(from, start) : 0; len; i++) {
		const struct pod_seg *s = &from->seg[i];
		uint64_t in = start - s->start_bytes, n = pod_min_u64(len, s->length_bytes - in);
		uint64_t at = advanced(s->kind, s->source, in);
		if (s->kind == POD_SEG_MEM)
			POD_TRY(pod_map_mem(m, from->mem + (size_t)at, (size_t)n, &at));
		POD_TRY(pod_map_append(m, (enum pod_seg_kind)s->kind, at, n));
		start += n, len -= n;
	}
	return POD_OK;
}

enum pod_status pod_map_pad(struct pod_map *m, uint64_t align)
{
	return pod_map_append(m, POD_SEG_ZERO, 0, pod_align_up(m->size_bytes, align) - m->size_bytes);
}

enum pod_status pod_map_read(const struct pod_map *m, struct pod_dev *stick, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;
	if (!pod_in_range(off, len, m->size_bytes))
		return POD_E_RANGE;
	if (!len)
		return POD_OK;
	for (size_t i = pod_map_find(m, off); len; i++) {
		const struct pod_seg *s = &m->seg[i];
		uint64_t in = off - s->start_bytes;
		size_t n = (size_t)pod_min_u64(len, s->length_bytes - in);
		switch (s->kind) {
		case POD_SEG_ZERO:
			memset(p, 0, n);
			break;
		case POD_SEG_MEM:
			memcpy(p, m->mem + (size_t)(s->source + in), n);
			break;
		default:
			POD_TRY(pod_dev_read(stick, s->source + in, p, n));
		}
		off += n, p += n, len -= n;
	}
	return POD_OK;
}

enum pod_status pod_map_patch(struct pod_map *m, struct pod_dev *stick, uint64_t off, const void *data, size_t len,
			      uint32_t sector)
{
	if (!pod_in_range(off, len, m->size_bytes))
		return POD_E_RANGE;
	if (!len)
		return POD_OK;
	uint64_t start = off & ~(uint64_t)(sector - 1);
	uint64_t end = pod_min_u64(pod_align_up(off + len, sector), m->size_bytes);
	const struct pod_seg *s = &m->seg[pod_map_find(m, start)];
	uint64_t at;
	if (s->kind == POD_SEG_MEM && end - s->start_bytes <= s->length_bytes) {
		at = s->source + (start - s->start_bytes);
	} else {
		POD_TRY(pod_map_mem(m, NULL, (size_t)(end - start), &at));
		POD_TRY(pod_map_read(m, stick, start, m->mem + (size_t)at, (size_t)(end - start)));
		POD_TRY(pod_map_replace(m, start, end - start, POD_SEG_MEM, at));
	}
	memcpy(m->mem + (size_t)(at + (off - start)), data, len);
	return POD_OK;
}

static enum pod_status mapdev_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct pod_mapdev *md = d->ctx;
	return pod_map_read(md->map, md->stick, off, buf, len);
}

void pod_mapdev_init(struct pod_mapdev *md, const struct pod_map *m, struct pod_dev *stick, uint32_t sector_size)
{
	md->map = m;
	md->stick = stick;
	md->dev = (struct pod_dev){.size_bytes = m->size_bytes,
				   .sector_size = sector_size,
				   .read_only = true,
				   .read = mapdev_read,
				   .ctx = md,
				   .budget = stick->budget};
}

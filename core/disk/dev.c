/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/disk/dev.h"
#include "core/base/mem.h"

enum pod_status pod_dev_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	if (!pod_in_range(off, len, d->size_bytes))
		return POD_E_RANGE;
	if (!len)
		return POD_OK;
	POD_TRY(pod_budget_spend(d->budget, 1, len));
	return d->read(d, off, buf, len);
}

enum pod_status pod_dev_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	if (d->read_only || !d->write)
		return POD_E_READONLY;
	if (!pod_in_range(off, len, d->size_bytes))
		return POD_E_RANGE;
	return len ? d->write(d, off, buf, len) : POD_OK;
}

enum pod_status pod_dev_flush(struct pod_dev *d)
{
	return d->flush ? d->flush(d) : POD_OK;
}

/* --- window ------------------------------------------------------------------------------------------- */

static enum pod_status window_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct pod_window *w = d->ctx;
	return pod_dev_read(w->parent, w->start_bytes + off, buf, len);
}

static enum pod_status window_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct pod_window *w = d->ctx;
	return pod_dev_write(w->parent, w->start_bytes + off, buf, len);
}

static enum pod_status window_flush(struct pod_dev *d)
{
	struct pod_window *w = d->ctx;
	return pod_dev_flush(w->parent);
}

enum pod_status pod_window_init(struct pod_window *w, struct pod_dev *parent, uint64_t start_bytes, uint64_t len_bytes)
{
	if (!pod_in_range(start_bytes, len_bytes, parent->size_bytes))
		return POD_E_RANGE;
	w->parent = parent;
	w->start_bytes = start_bytes;
	w->dev = (struct pod_dev){.size_bytes = len_bytes,
				  .sector_size = parent->sector_size,
				  .read_only = parent->read_only,
				  .read = window_read,
				  .write = window_write,
				  .flush = window_flush,
				  .ctx = w,
				  .budget = parent->budget};
	return POD_OK;
}

/* --- cache -------------------------------------------------------------------------------------------- */

static uint8_t *line_data(struct pod_cache *c, uint32_t i)
{
	return c->data + (size_t)i * c->line_size;
}

/* How many lines from `no` on to read at once. Who asked for several lines one after another goes on so, through a folder of many
 * files: one read then brings the next ones too. Few reads are as good as few bytes where each read takes a turn on the bus. */
static uint32_t read_ahead(struct pod_cache *c, uint64_t no)
{
	c->streak = no == c->next_line ? c->streak + 1 : 0;
	return c->streak >= POD_CACHE_STREAK && c->lines % POD_CACHE_AHEAD == 0 ? POD_CACHE_AHEAD : 1;
}

/* Reads `count` lines from `no` on into the slots from `slot` on; those that are held elsewhere already are forgotten there. */
static enum pod_status fill(struct pod_cache *c, uint64_t no, uint32_t slot, uint32_t count)
{
	for (uint32_t i = 0; i < c->lines; i++)
		if ((i >= slot && i < slot + count) || (c->line[i].tag > no && c->line[i].tag <= no + count))
			c->line[i].tag = 0;
	size_t len = (size_t)pod_min_u64((uint64_t)count << c->line_shift, c->parent->size_bytes - (no << c->line_shift));
	POD_TRY(pod_dev_read(c->parent, no << c->line_shift, line_data(c, slot), len));
	for (uint32_t i = 0; i < count && (uint64_t)i << c->line_shift < len; i++) {
		c->line[slot + i].tag = no + i + 1;
		c->line[slot + i].used = ++c->clock;
	}
	return POD_OK;
}

static enum pod_status fetch(struct pod_cache *c, uint64_t no, uint8_t **out)
{
	uint32_t victim = 0;
	for (uint32_t i = 0; i < c->lines; i++) {
		if (c->line[i].tag == no + 1) {
			c->line[i].used = ++c->clock;
			*out = line_data(c, i);
			return POD_OK;
		}
		if (!c->line[i].tag || (c->line[victim].tag && c->line[i].used < c->line[victim].used))
			victim = i;
	}
	uint32_t count = read_ahead(c, no);
	victim -= victim % count;
	enum pod_status st = fill(c, no, victim, count);
	if (st != POD_OK && count > 1) /* the fault may lie in what nobody asked for */
		st = fill(c, no, victim, count = 1);
	POD_TRY(st);
	c->next_line = no + count;
	*out = line_data(c, victim);
	return POD_OK;
}

static enum pod_status cache_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct pod_cache *c = d->ctx;
	uint8_t *p = buf;
	while (len) {
		uint64_t no = off >> c->line_shift;
		size_t in = (size_t)(off & (c->line_size - 1));
		/* Long reads pass by; a read of just one line is a structure (a sector of a directory), and comes again. */
		if (in == 0 && len > c->line_size) {
			size_t whole = len & ~((size_t)c->line_size - 1);
			POD_TRY(pod_dev_read(c->parent, off, p, whole));
			off += whole, p += whole, len -= whole;
			continue;
		}
		uint8_t *line;
		POD_TRY(fetch(c, no, &line));
		size_t n = (size_t)pod_min_u64(len, c->line_size - in);
		memcpy(p, line + in, n);
		off += n, p += n, len -= n;
	}
	return POD_OK;
}

static enum pod_status cache_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct pod_cache *c = d->ctx;
	enum pod_status st = pod_dev_write(c->parent, off, buf, len);
	for (uint32_t i = 0; i < c->lines; i++) {
		if (!c->line[i].tag)
			continue;
		uint64_t at = (c->line[i].tag - 1) << c->line_shift;
		if (at < off + len && off < at + c->line_size)
			c->line[i].tag = 0; /* read again: what a failed write left there is unknown */
	}
	return st;
}

static enum pod_status cache_flush(struct pod_dev *d)
{
	struct pod_cache *c = d->ctx;
	return pod_dev_flush(c->parent);
}

enum pod_status pod_cache_init(struct pod_cache *c, struct pod_dev *parent, struct pod_alloc *a, uint32_t lines,
			       uint32_t line_size)
{
	memset(c, 0, sizeof *c);
	if (!lines || !line_size || (line_size & (line_size - 1)) || line_size < parent->sector_size)
		return POD_E_INVALID;
	c->line = pod_zalloc(a, lines, sizeof *c->line);
	c->data = a->alloc(a, (size_t)lines * line_size);
	if (!c->line || !c->data) {
		pod_cache_fini(c, a);
		return POD_E_NOMEM;
	}
	c->parent = parent;
	c->lines = lines;
	c->line_size = line_size;
	while (1u << c->line_shift != line_size)
		c->line_shift++;
	c->dev = *parent;
	c->dev.read = cache_read;
	c->dev.write = parent->write ? cache_write : NULL;
	c->dev.flush = cache_flush;
	c->dev.ctx = c;
	return POD_OK;
}

void pod_cache_fini(struct pod_cache *c, struct pod_alloc *a)
{
	pod_free(a, c->line);
	pod_free(a, c->data);
	c->line = NULL;
	c->data = NULL;
	c->lines = 0;
}

/* --- memory ------------------------------------------------------------------------------------------- */

static enum pod_status mem_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct pod_memdev *m = d->ctx;
	memcpy(buf, m->data + off, len);
	return POD_OK;
}

static enum pod_status mem_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct pod_memdev *m = d->ctx;
	memcpy(m->data + off, buf, len);
	return POD_OK;
}

void pod_memdev_init(struct pod_memdev *m, void *data, size_t len, uint32_t sector_size, bool read_only)
{
	m->data = data;
	m->dev = (struct pod_dev){.size_bytes = len,
				  .sector_size = sector_size,
				  .read_only = read_only,
				  .read = mem_read,
				  .write = read_only ? NULL : mem_write,
				  .ctx = m};
}

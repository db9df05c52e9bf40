/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include "cli/stick/overlay.h"
#include "cli/ui/ui.h"

#define UNIT	    OVERLAY_UNIT
#define SECTORS_MAX (256u << 10) /* 128 MiB of changes: something is wrong */

/* Where the sector is, or would be. */
static size_t place(const struct overlay *o, uint64_t no)
{
	size_t low = 0, high = o->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (o->v[mid]->no < no)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static enum pod_status overlay_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	const struct overlay *o = (struct overlay *)d;

	POD_TRY(pod_dev_read(o->base, off, buf, len));
	for (size_t i = place(o, off / UNIT); i < o->n && o->v[i]->no * UNIT < off + len; i++) {
		uint64_t at = o->v[i]->no * UNIT, from = at < off ? off : at, to = pod_min_u64(at + UNIT, off + len);

		memcpy((uint8_t *)buf + (from - off), o->v[i]->data + (from - at), (size_t)(to - from));
	}
	return POD_OK;
}

static enum pod_status sector(struct overlay *o, uint64_t no, struct overlay_sector **out)
{
	size_t i = place(o, no);

	if (i < o->n && o->v[i]->no == no) {
		*out = o->v[i];
		return POD_OK;
	}
	if (o->n >= SECTORS_MAX)
		return POD_E_LIMIT;
	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 256;
		o->v = cli_xrealloc(o->v, o->cap, sizeof *o->v);
	}
	*out = cli_xmalloc(sizeof **out);
	(*out)->no = no;
	POD_TRY(pod_dev_read(o->base, no * UNIT, (*out)->data, UNIT));
	memmove(o->v + i + 1, o->v + i, (o->n - i) * sizeof *o->v);
	o->v[i] = *out;
	o->n++;
	return POD_OK;
}

static enum pod_status overlay_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct overlay *o = (struct overlay *)d;
	const uint8_t *p = buf;

	while (len) {
		size_t in = (size_t)(off % UNIT), n = (size_t)pod_min_u64(UNIT - in, len);
		struct overlay_sector *s;

		POD_TRY(sector(o, off / UNIT, &s));
		memcpy(s->data + in, p, n);
		off += n;
		p += n;
		len -= n;
	}
	return POD_OK;
}

void overlay_init(struct overlay *o, struct pod_dev *base)
{
	*o = (struct overlay){.dev = {.size_bytes = base->size_bytes,
				      .sector_size = base->sector_size,
				      .read = overlay_read,
				      .write = overlay_write},
			      .base = base};
}

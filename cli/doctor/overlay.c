/* SPDX-License-Identifier: BSD-2-Clause */
/* Copy on write in memory, and the exFAT volume walked on top of it. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/drives.h"

enum { PAGE = 4096, BUCKETS = 4096, PAGES_MAX = 32768 };

struct overlay_page {
	struct overlay_page *next;
	uint64_t number;
	uint8_t data[PAGE];
};

static struct overlay_page *find(const struct doctor_overlay *o, uint64_t number)
{
	struct overlay_page *p = o->page[number % BUCKETS];

	while (p && p->number != number)
		p = p->next;
	return p;
}

static enum pod_status overlay_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct doctor_overlay *o = (struct doctor_overlay *)d;
	uint8_t *out = buf;

	POD_TRY(pod_dev_read(o->under, off, buf, len));
	for (uint64_t n = off / PAGE; o->pages && len && n <= (off + len - 1) / PAGE; n++) {
		const struct overlay_page *p = find(o, n);
		uint64_t from = n * PAGE > off ? n * PAGE : off, to = pod_min_u64((n + 1) * PAGE, off + len);

		if (p)
			memcpy(out + (from - off), p->data + (from - n * PAGE), (size_t)(to - from));
	}
	return POD_OK;
}

static struct overlay_page *own_page(struct doctor_overlay *o, uint64_t number, enum pod_status *st)
{
	struct overlay_page *p = find(o, number);

	if (p)
		return p;
	*st = o->pages < PAGES_MAX ? POD_OK : POD_E_LIMIT;
	if (*st != POD_OK)
		return NULL;
	p = cli_xzalloc(sizeof *p);
	*st = pod_dev_read(o->under, number * PAGE, p->data, (size_t)pod_min_u64(PAGE, o->dev.size_bytes - number * PAGE));
	if (*st != POD_OK) {
		free(p);
		return NULL;
	}
	p->number = number;
	p->next = o->page[number % BUCKETS];
	o->page[number % BUCKETS] = p;
	o->pages++;
	return p;
}

static enum pod_status overlay_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct doctor_overlay *o = (struct doctor_overlay *)d;
	const uint8_t *in = buf;
	enum pod_status st = POD_OK;

	while (len) {
		size_t at = (size_t)(off % PAGE), n = PAGE - at < len ? PAGE - at : len;
		struct overlay_page *p = own_page(o, off / PAGE, &st);

		if (!p)
			return st;
		memcpy(p->data + at, in, n);
		in += n;
		off += n;
		len -= n;
	}
	return POD_OK;
}

static enum pod_status overlay_flush(struct pod_dev *d)
{
	(void)d;
	return POD_OK;
}

void doctor_overlay_init(struct doctor_overlay *o, struct pod_dev *under)
{
	memset(o, 0, sizeof *o);
	o->under = under;
	o->page = cli_xzalloc(BUCKETS * sizeof *o->page);
	o->dev = (struct pod_dev){.size_bytes = under->size_bytes,
				  .sector_size = under->sector_size,
				  .read = overlay_read,
				  .write = overlay_write,
				  .flush = overlay_flush};
}

void doctor_overlay_free(struct doctor_overlay *o)
{
	for (size_t i = 0; o->page && i < BUCKETS; i++)
		for (struct overlay_page *p = o->page[i], *next; p; p = next) {
			next = p->next;
			free(p);
		}
	free(o->page);
	memset(o, 0, sizeof *o);
}

enum pod_status doctor_volume_open(struct doctor_volume *v, struct pod_dev *dev, struct pod_diag *diag)
{
	uint64_t flags_at = 0x6A; /* VolumeFlags, outside the boot checksum */
	uint8_t *scratch = cli_xmalloc(4096), flags = 0;
	enum pod_status st;

	memset(v, 0, sizeof *v);
	doctor_overlay_init(&v->overlay, dev);
	st = pod_exfat_read_boot(dev, scratch, 4096, &v->geom, diag);
	free(scratch);
	if (st == POD_OK && v->geom.from_backup)
		flags_at += (uint64_t)POD_EXFAT_BOOT_SECTORS << v->geom.sector_shift;
	if (st == POD_OK)
		st = pod_dev_read(dev, flags_at, &flags, 1);
	/* A dirty volume is walked when it is mounted: every cluster in use is seen. */
	flags |= POD_EXFAT_VOLUME_DIRTY;
	if (st == POD_OK)
		st = pod_dev_write(&v->overlay.dev, flags_at, &flags, 1);
	if (st == POD_OK)
		st = pod_exfat_mount(&v->vol, &v->overlay.dev, &cli_alloc, diag);
	v->mounted = st == POD_OK;
	if (st != POD_OK)
		doctor_overlay_free(&v->overlay);
	return st;
}

void doctor_volume_close(struct doctor_volume *v)
{
	if (v->mounted && pod_exfat_unmount(&v->vol) != POD_OK)
		v->mounted = false; /* it went to memory: nothing is lost */
	doctor_overlay_free(&v->overlay);
}

bool doctor_volume_sound(const struct doctor_volume *v)
{
	const struct pod_exfat_repair *r = &v->vol.repair;

	return !r->freed_clusters && !r->claimed_clusters && !r->finished_moves && !r->undone_moves && !r->dropped_entries;
}

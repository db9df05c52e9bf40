/* SPDX-License-Identifier: BSD-2-Clause */
/* A data partition that is damaged: which images does it concern? Two on the same clusters, or one whose place cannot be told. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/drives.h"
#include "cli/stick/walk.h"

#define PIECES_MAX (1u << 20)
#define NAMED_MAX  50u /* images that are told by name */

struct piece {
	uint64_t start, end;
	size_t image;
};

struct pieces {
	struct piece *v;
	size_t n, cap;
};

static bool go_on(void *ctx, const char *folder, enum pod_status st)
{
	(void)ctx;
	(void)folder;
	(void)st;
	return true; /* the folders' own check tells */
}

static void add(struct pieces *p, const struct pod_extent *e, size_t image)
{
	void *v = p->v;

	if (e->hole || pod_grow(&cli_alloc, &v, p->n, &p->cap, p->n + 1, sizeof *p->v, PIECES_MAX) != POD_OK)
		return;
	p->v = v;
	p->v[p->n++] = (struct piece){e->dev_bytes, e->dev_bytes + e->length_bytes, image};
}

static int by_start(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Each image once: what reaches furthest so far is what the next one may lie on. */
static void report(struct doctor *d, const struct doctor_check *c, struct pieces *p, const struct cli_walk *w, const char *fix)
{
	bool *told = cli_xzalloc(w->count * sizeof *told);
	unsigned more = 0, n = 0;

	qsort(p->v, p->n, sizeof *p->v, by_start);
	for (size_t i = 1, far = 0; i < p->n; i++) {
		const struct piece *this = &p->v[i], *below = &p->v[far];

		if (this->start < below->end && this->image != below->image && !told[this->image]) {
			told[this->image] = true;
			if (n++ < NAMED_MAX)
				doctor_reportf(d, c, DOCTOR_BAD, w->entry[this->image].path, fix,
					       _("it lies on the same clusters as %s"), w->entry[below->image].path);
			else
				more++;
		}
		if (this->end > below->end)
			far = i;
	}
	if (more)
		doctor_reportf(d, c, DOCTOR_BAD, NULL, fix, _("%u further images lie on the clusters of others"), more);
	free(told);
}

void doctor_name_owners(struct doctor *d, const struct doctor_check *c)
{
	const char *fix =
		_("save what can be read; copy it to the stick again, after fsck.exfat (Windows: chkdsk) has looked at it");
	struct cli_walk w = {.t = d->target, .problem = go_on};
	struct pieces p = {0};

	cli_walk_images(&w);
	for (size_t i = 0; i < w.count; i++) {
		struct pod_extent *e = NULL;
		size_t n = 0;
		bool inside = pod_fs_extents(&d->target->data, &w.entry[i].node, &cli_alloc, &e, &n) == POD_OK;

		for (size_t k = 0; inside && k < n; k++) {
			inside = e[k].hole || pod_in_range(e[k].dev_bytes, e[k].length_bytes, d->target->data_part->length_bytes);
			if (inside)
				add(&p, &e[k], i);
		}
		if (!inside) {
			doctor_report(d, c, DOCTOR_BAD, w.entry[i].path,
				      _("its chain of clusters is damaged, or leads out of the volume"), fix);
		}
		pod_free(&cli_alloc, e);
	}
	if (p.n)
		report(d, c, &p, &w, fix);
	pod_free(&cli_alloc, p.v);
	cli_walk_free(&w);
}

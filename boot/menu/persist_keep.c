/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Before a start, where isopod.conf says so: what the persistence file holds is kept as its snapshot (core/plan/persist_copy.h). It is copied
 * into free room of the exFAT volume; until all of it is on the medium nothing on the stick refers to that room, then one step of the
 * directory makes it the snapshot and gives the room of the last one back, so that the next copy finds most of what it needs there.
 */
#include "boot/menu/pages.h"
#include "core/base/text.h"
#include "core/fs/exfat_write.h"
#include "core/plan/persist_copy.h"

/* How often the progress is told: at least at each sixteenth. On a serial line each time is a line. */
enum { PARTS_SHIFT = 4, BYTES_MAX = 64 << 20 };

struct keeping {
	struct menu *m;
	uint64_t next; /* bytes from which on it is told again; 0: it was not yet */
	bool over;     /* the next line goes over the one that was told */
};

static void tell_progress(struct pod_persist_copy *c)
{
	struct keeping *k = c->ctx;
	struct menu *m = k->m;
	char t[200], done[16], need[16];
	if (k->next && c->done_bytes < k->next && c->done_bytes < c->need_bytes)
		return;
	k->next = c->done_bytes + pod_min_u64((c->need_bytes >> PARTS_SHIFT) + 1, BYTES_MAX);
	if (k->over)
		m->plain_row--;
	pod_snprintf(t, sizeof t, T("Taking a snapshot: %10s of %s. Esc starts without one."),
		     pod_format_size(done, c->done_bytes), pod_format_size(need, c->need_bytes));
	screen_line(m, t);
	k->over = true;
}

/* It takes as long as it takes, or until Esc; menu_budget_end() behind it. */
static void until_esc(struct menu *m)
{
	menu_budget_start(m, POD_BUDGET_UNLIMITED, POD_BUDGET_UNLIMITED);
	pod_budget_unlimited(&m->budget);
}

static enum pod_status copy_to(struct menu *m, struct pod_persist_copy *c)
{
	until_esc(m);
	enum pod_status st = pod_persist_copy(c, m->alloc);
	menu_budget_end(m);
	return st;
}

static enum pod_status add_snapshot(struct menu *m, struct pod_exfat_vol *v, struct pod_persist_copy *c, const char *path,
				    struct pod_diag *d)
{
	struct pod_exfat_new n;
	POD_TRY(pod_exfat_begin(v, path, c->file->length_bytes, POD_EXFAT_REPLACE, &n, d));
	c->to_bytes = m->stick.id.part_start_bytes + n.extent[0].dev_bytes;
	enum pod_status st = copy_to(m, c);
	if (st == POD_OK)
		return pod_exfat_commit(v, path, &n, menu_clock(m), NULL);
	pod_exfat_abort(v, &n);
	return st;
}

/* From the directory's step on the snapshot is the new one, whatever fails behind it. */
static enum pod_status on_volume(struct menu *m, const struct pod_persist *f, const char *path, struct pod_diag *d)
{
	struct keeping k = {.m = m};
	struct pod_persist_copy c = {.disk = m->fw->disk, .file = f, .progress = tell_progress, .ctx = &k};
	struct pod_exfat_vol *v = pod_zalloc(m->alloc, 1, sizeof *v);
	enum pod_status st = v ? pod_exfat_mount(v, &m->stick.data_window.dev, m->alloc, NULL) : POD_E_NOMEM, closed = POD_OK;
	if (st == POD_OK) {
		st = add_snapshot(m, v, &c, path, d);
		closed = pod_exfat_unmount(v);
	}
	pod_free(m->alloc, v);
	enum pod_status again = stick_reread(m);
	char t[200];
	if (st == POD_OK) {
		char all[16], written[16];
		pod_snprintf(t, sizeof t, T("Snapshot taken: %s are in use, %s of them had changed."),
			     pod_format_size(all, c.done_bytes), pod_format_size(written, c.written_bytes));
		screen_line(m, t);
	}
	if (closed != POD_OK || again != POD_OK) {
		pod_snprintf(t, sizeof t, T("After that the stick failed: %s."),
			     menu_status(m, again != POD_OK ? again : closed));
		screen_line(m, t);
	}
	return st;
}

/* Is the snapshot that is there as the file is? POD_E_CANCELLED: by Esc. */
static enum pod_status is_kept(struct menu *m, size_t image, const struct pod_persist *f, bool *same)
{
	struct pod_node node;
	struct pod_extent *e = NULL;
	size_t n = 0;
	*same = false;
	if (persist_snapshot(m, image, &node) != POD_OK || node.size_bytes != f->length_bytes ||
	    node.valid_bytes != node.size_bytes || pod_fs_extents(&m->stick.data, &node, m->alloc, &e, &n) != POD_OK)
		return POD_OK;
	enum pod_status st = POD_OK;
	if (n == 1 && !e[0].hole) {
		until_esc(m);
		st = pod_persist_unchanged(m->fw->disk, f, m->stick.id.part_start_bytes + e[0].dev_bytes, m->alloc, same);
		menu_budget_end(m);
	}
	pod_free(m->alloc, e);
	*same &= st == POD_OK;
	return st == POD_E_CANCELLED ? st : POD_OK;
}

static enum pod_status keep(struct menu *m, size_t image, const struct pod_persist *f, struct pod_diag *d)
{
	const struct pod_dev *disk = m->fw->disk;
	char *path = pod_zalloc(m->alloc, 1, POD_PATH_MAX);
	bool same = false;
	enum pod_status st = path ? POD_OK : POD_E_NOMEM;
	if (st == POD_OK)
		st = persist_snapshot_path(m, image, path);
	if (st == POD_OK)
		st = is_kept(m, image, f, &same);
	if (st == POD_OK && same) {
		screen_line(m, T("Nothing was written to the persistence file since its snapshot."));
	} else if (st == POD_OK) {
		st = m->stick.data.ops != &pod_fs_exfat ? POD_E_UNSUPPORTED
		     : disk->read_only || !disk->write	? POD_E_READONLY
							: on_volume(m, f, path, d);
	}
	pod_free(m->alloc, path);
	return st;
}

static void explain(struct menu *m, const char *name, enum pod_status st, const struct pod_diag *d, uint64_t need, char *text,
		    size_t size)
{
	char a[16], b[16];
	if (m->stick.has_data && m->stick.data.ops != &pod_fs_exfat)
		pod_snprintf(
			text, size,
			T("%s: no snapshot was taken: the menu makes no files on NTFS. On a computer, use: isopod persist snapshot"),
			name);
	else if (st == POD_E_NOSPACE)
		pod_snprintf(
			text, size,
			T("%s: no snapshot was taken: it needs %s in one piece, and the largest free piece of the stick has %s."),
			name, pod_format_size(a, need), pod_format_size(b, d->got));
	else
		pod_snprintf(text, size, T("%s: no snapshot was taken: %s."), name, menu_status(m, st));
	(void)pod_text_disarm(text, NULL);
}

bool keep_persistence(struct menu *m, size_t image, const struct pod_plan *plan, enum start_choice by)
{
	const struct pod_persist *f = &plan->persist;
	struct pod_diag d = {0};
	char text[700];
	if (f->kind == POD_PERSIST_NONE || !snapshot_by_rule(m, image))
		return true;
	enum pod_status st = keep(m, image, f, &d);
	scan_image_path(&m->stick, image, m->path, sizeof m->path); /* which names the image that is started */
	if (st == POD_OK)
		return true;
	if (st == POD_E_CANCELLED) {
		screen_line(m, T("No snapshot was taken."));
		return true;
	}
	explain(m, m->stick.image[image].name, st, &d, f->length_bytes, text, sizeof text);
	if (by != CHOSEN_BY_HAND) { /* nobody may be there to be asked */
		screen_lines(m, text);
		return true;
	}
	screen_restore(m);
	if (!page_ask(m, T("Start without a snapshot?"), text))
		return false;
	screen_plain(m);
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition mode: an image is named in the stick's partition table while its system runs, for systems whose own drivers see the stick as it
 * is (core/disk/partmode.h). The table is put back when the menu starts the next time (stick.c), or when the loader comes back.
 */
#include "boot/menu/pages.h"
#include "core/rules/match.h"
#include "core/trace/state.h"

bool partition_by_rule(struct menu *m, size_t image)
{
	scan_image_path(&m->stick, image, m->path, sizeof m->path);
	return pod_rules_match(m->conf->partition, m->path);
}

bool partition_possible(const struct menu *m, const struct pod_plan *p)
{
	const struct pod_dev *d = m->fw->disk;
	return m->stick.has_state && d->write && !d->read_only && d->sector_size == 512 && plan_entry(m, p) != POD_ENTRY_NONE &&
	       pod_plan_may_be_partition(p);
}

bool partition_ask(struct menu *m, const char *name)
{
	char t[700];
	pod_snprintf(
		t, sizeof t,
		T("Until Isopod starts again, the stick's partition table names %s in the place of the data partition, so that "
		  "its system finds it there; then the table is put back. 'isopod update' does it, too."),
		name);
	return page_confirm(m, T("Start it as a partition?"), t);
}

static enum pod_status begin(struct menu *m, struct pod_plan *p)
{
	struct pod_window record;
	POD_TRY(pod_plan_no_lone(p));
	POD_TRY(pod_window_init(&record, &m->stick.state.dev, POD_STATE_PARTMODE, POD_PARTMODE_RECORD));
	return pod_plan_name_image(p, m->fw->disk, &record.dev, m->alloc, m->stick.id.part_number);
}

enum pod_status partition_begin(struct menu *m, struct pod_plan *p, const char *name, char *text, size_t size)
{
	enum pod_status st = begin(m, p);
	if (st == POD_OK)
		return st;
	/* The one sector may have come there nonetheless. */
	(void)!stick_end_partmode(m);
	if (!p->in_one_piece)
		pod_snprintf(
			text, size,
			T("%s: it lies in several pieces on the stick, and a partition is one. Make room, and copy it again with: "
			  "isopod add"),
			name);
	else
		pod_snprintf(text, size, T("%s: it cannot be named in the stick's partition table: %s."), name,
			     menu_status(m, st));
	return st;
}

void partition_note(struct menu *m, enum pod_status st)
{
	if (st == POD_OK)
		pod_snprintf(m->note, sizeof m->note, "%s", T("The stick's partition table is as it was before the last start."));
	else if (st == POD_E_CHANGED || st == POD_E_NOT_FOUND)
		pod_snprintf(m->note, sizeof m->note, "%s",
			     T("The partition table still names an image, and was changed since: it is left as it is."));
	else
		pod_snprintf(m->note, sizeof m->note,
			     T("The partition table still names an image: it could not be put back (%s). Run: isopod update"),
			     menu_status(m, st));
}

void partition_end(struct menu *m)
{
	partition_note(m, stick_end_partmode(m));
}

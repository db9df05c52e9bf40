/* SPDX-License-Identifier: BSD-2-Clause */
/* A stick that cannot be opened: what is there in place of its partition table? Sector 0, both copies of a GPT, and the
 * places where a stick has its data partition and where a disc has its volume are looked at. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/foreign.h"
#include "cli/doctor/sticks.h"
#include "core/base/bytes.h"
#include "core/fs/iso9660.h"

#define DATA_START (1u << 20) /* where `isopod create` begins the data partition */

static bool is_fs(struct pod_dev *dev, uint64_t start, const struct pod_fs_ops *ops)
{
	struct pod_window win;
	struct pod_fs fs = {0};
	bool is = start < dev->size_bytes && pod_window_init(&win, dev, start, dev->size_bytes - start) == POD_OK &&
		  pod_fs_open_as(&fs, ops, &win.dev, &cli_alloc, NULL) == POD_OK;

	pod_fs_close(&fs);
	return is;
}

static const char *volume_at(struct pod_dev *dev, uint64_t start)
{
	static const struct pod_fs_ops *const known[] = {&pod_fs_exfat, &pod_fs_ntfs, &pod_fs_fat};

	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (is_fs(dev, start, known[i]))
			return known[i]->name;
	return NULL;
}

static bool has_gpt(struct pod_dev *dev, bool *both)
{
	struct pod_parttab *t = cli_xzalloc(sizeof *t);
	bool first = pod_parttab_read_gpt(dev, &cli_alloc, dev->sector_size, false, t, NULL) == POD_OK;
	bool second = pod_parttab_read_gpt(dev, &cli_alloc, dev->sector_size, true, t, NULL) == POD_OK;

	*both = first && second;
	free(t);
	return first || second;
}

/* Without a table: a sentence, and the remedy. */
static const char *what_instead(struct pod_dev *dev, const uint8_t *sector, char **evidence)
{
	const char *whole = volume_at(dev, 0), *data = volume_at(dev, DATA_START);
	bool both;

	if (whole) {
		*evidence = cli_xasprintf(_("the whole drive is one %s volume without a partition table: it was formatted anew"),
					  whole);
		return _("save the files on it; 'isopod create' makes a stick of it again");
	}
	if (has_gpt(dev, &both)) {
		*evidence = cli_xasprintf(_("the first sector (protective MBR) is wiped, and the GPT behind it is %s"),
					  both ? _("whole") : _("there in one of its two copies"));
		return _("gdisk writes the first sector anew from the GPT (command w); then 'isopod update'");
	}
	if (data)
		*evidence = cli_xasprintf(
			doctor_all_zero(sector, POD_BOOTCODE_SECTOR)
				? _("the first sector is wiped: the partition table and the boot code in it are gone; the data partition "
				    "(%s) is still there, at 1 MiB")
				: _("the first sector holds no partition table any more; the data partition (%s) is still there, at 1 MiB"),
			data);
	else
		return NULL;
	return _("write the partition table anew (testdisk finds the partitions); then 'isopod update' writes the boot code");
}

void doctor_no_esp(struct doctor *d, const struct doctor_check *c)
{
	struct pod_dev *esp = &d->target->esp_win.dev;
	const char *other = d->target->esp_part ? volume_at(esp, 0) : NULL;
	struct pod_diag diag = {0};
	struct pod_fs fs = {0};
	enum pod_status st = POD_E_NOT_FOUND;
	uint8_t sector[POD_BOOTCODE_SECTOR];

	if (!d->target->esp_part) {
		doctor_report(d, c, DOCTOR_BAD, "ESP", _("the partition table has no ESP: no UEFI machine starts the stick"),
			      _("write its entry anew (testdisk finds it, behind the data partition); or save the images, and "
				"'isopod create'"));
		return;
	}
	if (esp->read)
		st = pod_fs_open_as(&fs, &pod_fs_fat, esp, &cli_alloc, &diag);
	pod_fs_close(&fs);
	if (other)
		doctor_reportf(d, c, DOCTOR_BAD, "ESP", _("'isopod update' makes the ESP anew and touches no image"),
			       _("its partition holds a %s volume: the stick does not boot"), other);
	else if (esp->read && pod_dev_read(esp, 0, sector, sizeof sector) == POD_OK && doctor_all_zero(sector, sizeof sector))
		doctor_report(d, c, DOCTOR_BAD, "ESP", _("its first sector holds only zeros: the stick does not boot"),
			      _("'isopod update' makes the ESP anew and touches no image"));
	else
		doctor_reportf(d, c, DOCTOR_BAD, "ESP", _("'isopod update' makes the ESP anew and touches no image"),
			       _("it is no FAT volume that can be read: the stick does not boot: %s (%s)"), cli_status_text(st),
			       diag.what ? diag.what : "FAT");
}

/* Media have a table of their own, whose partitions are no stick's. */
static const char *iso_over_it(struct pod_dev *dev, char **evidence)
{
	if (!is_fs(dev, 0, &pod_fs_iso9660))
		return NULL;
	*evidence = cli_xstrdup(_("an ISO was written over the stick: it is that image's medium now"));
	return _("'isopod create' makes a stick of it again; then 'isopod add' the ISO");
}

/* A table that says it is a GPT's, and no GPT. */
static const char *lost_gpt(struct pod_dev *dev, const uint8_t *sector, char **evidence)
{
	bool both;

	if (pod_get_le16(sector + 510) != 0xAA55 || sector[450] != 0xEE || has_gpt(dev, &both))
		return NULL;
	*evidence = cli_xstrdup(_("both copies of the partition table are damaged or wiped"));
	return _("write the partition table anew (testdisk finds the partitions); then 'isopod update' writes the boot code");
}

bool doctor_unopened(struct doctor *d, const struct doctor_check *c, const char *path)
{
	uint8_t sector[POD_BOOTCODE_SECTOR];
	struct cli_dev dev;
	struct pod_parttab *t;
	char *evidence = NULL;
	const char *fix = NULL, *subject = "MBR";

	if (!cli_dev_open(&dev, path, false, NULL))
		return false;
	t = cli_xzalloc(sizeof *t);
	if (pod_dev_read(&dev.dev, 0, sector, sizeof sector) == POD_OK) {
		fix = iso_over_it(&dev.dev, &evidence);
		if (fix) {
			; /* whatever its table says */
		} else if (pod_parttab_read(&dev.dev, &cli_alloc, t, NULL) != POD_OK) {
			subject = "GPT";
			fix = lost_gpt(&dev.dev, sector, &evidence);
		} else if (t->kind == POD_PARTTAB_NONE) {
			fix = what_instead(&dev.dev, sector, &evidence);
		}
	}
	if (fix)
		doctor_report(d, c, DOCTOR_BAD, subject, evidence, fix);
	cli_dev_close(&dev);
	free(t);
	free(evidence);
	return fix != NULL;
}

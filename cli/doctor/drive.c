/* SPDX-License-Identifier: BSD-2-Clause */
/* Hazard 6: the drive: its tables, filesystem, bus, room, and how the images lie on it. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cli/doctor/drives.h"
#include "cli/host/mounts.h"
#include "cli/host/safety.h"
#include "cli/stick/ntfs.h"
#include "core/fs/ntfs.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

#define MIB	(1ull << 20)
#define FAT_MAX 0xFFFFFFFFull /* bytes of the largest file FAT takes */

static const struct doctor_check filesystem_check = {
	.id = "drive.filesystem",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("filesystem"),
	.explain = N_("FAT32 takes no file of 4 GiB and above, and many installation media are larger; exFAT has no such limit. "
		      "A file of "
		      "exactly 4294967295 bytes was cut off at that limit when it was copied. 'isopod create' makes an exFAT "
		      "stick; save "
		      "the images first."),
};
static const struct doctor_check volume_check = {
	.id = "drive.volume",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("consistency"),
	.explain = N_("The exFAT volume is walked as a repair would, but nothing is written. Clusters of files that are marked "
		      "as free will be "
		      "overwritten by the next copy; lost clusters only take room; two files on one cluster destroy each other. "
		      "The next "
		      "'isopod add' repairs what an interrupted copy leaves; for the rest use fsck.exfat, or chkdsk on Windows, "
		      "after saving "
		      "what matters. Pulling the stick out before it is unmounted is the usual cause."),
};
static const struct doctor_check table_check = {
	.id = "drive.partitions",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("partitions"),
	.explain = N_("Flash memory is written in large units. A partition that does not begin at a multiple of 1 MiB makes "
		      "writing slower and "
		      "wears the drive out faster; reading hardly suffers. A GPT whose first copy is damaged still works through "
		      "the second "
		      "one at the end of the drive, until that is damaged too: have it repaired with 'sgdisk -e' or gdisk."),
};
static const struct doctor_check space_check = {
	.id = "drive.space",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("free space"),
	.explain = N_("How much room the data partition has, and the largest piece of it: an image that fits into one piece lies "
		      "unfragmented."),
};
static const struct doctor_check fragments_check = {
	.id = "drive.fragments",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("pieces"),
	.explain = N_("The boot manager serves images in any number of pieces, but each piece costs a little memory and time. An "
		      "image in "
		      "hundreds of pieces is a sign of a full drive. Copy it anew: remove it, make room, and 'isopod add' it "
		      "again, which "
		      "looks for one piece that is large enough."),
};
static const struct doctor_check bus_check = {
	.id = "drive.bus",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("connection"),
	.explain = N_("The speed of the USB link that the drive is plugged into now. 12 Mbit/s is USB 1: a live system takes "
		      "half an hour or "
		      "hangs in time-outs; 480 is USB 2; 5000 and above USB 3. A USB 3 drive that is linked at a lower speed "
		      "sits in an old "
		      "port, behind an old hub, on a bad extension cable, or is not pushed in all the way."),
};
static const struct doctor_check mount_check = {
	.id = "drive.mount",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("mount options"),
	.explain = N_("Mounted with noatime, the data partition is not written to when files are merely read, which spares the "
		      "flash. With sync, "
		      "copying is very slow and wears the drive; unmounting properly is the better protection."),
};

static const struct doctor_check *const checks[] = {
	&filesystem_check, &volume_check,	    &table_check,	    &space_check, &fragments_check, &bus_check,
	&mount_check,	   &doctor_check_benchmark, &doctor_check_capacity,
};

/* --- table ----------------------------------------------------------------------------------------------------------------- */

static bool has_backup(struct pod_dev *dev)
{
	struct pod_parttab *t = cli_xzalloc(sizeof *t);
	bool has = pod_parttab_read_gpt(dev, &cli_alloc, dev->sector_size, true, t, NULL) == POD_OK;

	free(t);
	return has;
}

static unsigned report_overlaps(struct doctor *d, const struct pod_parttab *t)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < t->count; i++)
		for (uint32_t k = 0; k < i; k++) {
			const struct pod_part *a = &t->part[k], *b = &t->part[i];

			if (a->start_bytes >= b->start_bytes + b->length_bytes ||
			    b->start_bytes >= a->start_bytes + a->length_bytes)
				continue;
			found++;
			doctor_reportf(d, &table_check, DOCTOR_BAD, d->arg,
				       _("save what can be read, and write the table anew (testdisk finds the partitions)"),
				       _("partition %u and partition %u overlap: what is written to one destroys the other"),
				       a->number, b->number);
		}
	return found;
}

static void check_table(struct doctor *d)
{
	const struct pod_parttab *t = &d->target->table;
	unsigned wrong = 0;
	char name[32];

	for (uint32_t i = 0; i < t->count; i++) {
		const struct pod_part *p = &t->part[i];

		if (p->start_bytes % MIB == 0)
			continue;
		wrong++;
		snprintf(name, sizeof name, _("partition %u"), p->number);
		doctor_reportf(d, &table_check, DOCTOR_WARN, name,
			       _("works, but wears the drive: 'isopod create' aligns partitions"),
			       _("begins at byte %llu, no multiple of 1 MiB"), (unsigned long long)p->start_bytes);
	}
	wrong += report_overlaps(d, t);
	if (t->kind == POD_PARTTAB_GPT && t->used_backup) {
		wrong++;
		doctor_report(d, &table_check, DOCTOR_BAD, d->arg,
			      _("the first copy of the GPT is damaged, the second one was read"),
			      _("repair it with 'sgdisk -e' or gdisk, before the second copy is damaged too"));
	}
	if (t->kind == POD_PARTTAB_GPT && !t->used_backup && !has_backup(&d->target->file.dev)) {
		wrong++;
		doctor_report(d, &table_check, DOCTOR_WARN, "GPT",
			      _("the second copy of the GPT, at the drive's end, is damaged or wiped"),
			      _("repair it with 'sgdisk -e' or gdisk, before the first copy is damaged too"));
	}
	if (!wrong)
		doctor_reportf(d, &table_check, DOCTOR_GOOD, d->arg, NULL, _("%u partitions, aligned to 1 MiB"), t->count);
}

/* --- filesystem ------------------------------------------------------------------------------------------------------------ */

static void report_repair(struct doctor *d, const struct doctor_volume *v)
{
	const struct pod_exfat_repair *r = &v->vol.repair;
	const char *fix = _("the next 'isopod add' repairs it, or fsck.exfat (Windows: chkdsk)");

	if (r->claimed_clusters)
		doctor_reportf(d, &volume_check, DOCTOR_BAD, d->arg, fix,
			       _("%u clusters of files are marked as free: another program's next copy may overwrite them"),
			       r->claimed_clusters);
	if (r->freed_clusters)
		doctor_reportf(d, &volume_check, DOCTOR_WARN, d->arg, fix,
			       _("%u clusters are marked as used and belong to no file"), r->freed_clusters);
	if (r->finished_moves || r->undone_moves || r->dropped_entries)
		doctor_reportf(d, &volume_check, DOCTOR_WARN, d->arg, fix,
			       _("an interrupted operation left %u moves and %u folder entries half done"),
			       r->finished_moves + r->undone_moves, r->dropped_entries);
}

static void report_space(struct doctor *d, const struct pod_exfat_space *s)
{
	char total[16], left[16], run[16];

	doctor_reportf(d, &space_check, s->free_bytes < s->total_bytes / 50 ? DOCTOR_NOTE : DOCTOR_GOOD, d->arg,
		       s->free_bytes < s->total_bytes / 50 ? _("nearly full; remove what is not needed") : NULL,
		       _("%s of %s are free, %s in one piece"), pod_format_size(left, s->free_bytes),
		       pod_format_size(total, s->total_bytes), pod_format_size(run, s->largest_run_bytes));
}

/* exFAT 1.00, 3.1: VolumeFlags and PercentInUse of the copy may be stale. */
static bool copy_is_same(struct pod_dev *dev, const struct pod_exfat_geom *g)
{
	size_t len = (size_t)POD_EXFAT_BOOT_SECTORS << g->sector_shift;
	uint8_t *main = cli_xmalloc(len), *copy = cli_xmalloc(len);
	bool same = pod_dev_read(dev, 0, main, len) == POD_OK && pod_dev_read(dev, len, copy, len) == POD_OK;

	memcpy(copy + 0x6A, main + 0x6A, 2);
	copy[0x70] = main[0x70];
	same = same && memcmp(main, copy, len) == 0;
	free(main);
	free(copy);
	return same;
}

static void check_exfat(struct doctor *d)
{
	struct doctor_volume *v = cli_xzalloc(sizeof *v);
	struct pod_exfat_space s;
	struct pod_diag diag = {0};
	enum pod_status st = doctor_volume_open(v, &d->target->data_win.dev, &diag);

	if (st != POD_OK) {
		doctor_reportf(d, &volume_check, DOCTOR_BAD, d->arg,
			       _("save what can be read; then let fsck.exfat look at it (Windows: chkdsk)"),
			       _("%s: %s at offset %llu"), cli_status_text(st), diag.what ? diag.what : "exFAT",
			       (unsigned long long)diag.offset_bytes);
		if (st == POD_E_CORRUPT)
			doctor_name_owners(d, &volume_check);
		free(v);
		return;
	}
	report_repair(d, v);
	if (!v->geom.from_backup && !copy_is_same(&d->target->data_win.dev, &v->geom))
		doctor_report(d, &volume_check, DOCTOR_WARN, d->arg,
			      _("the copy of the boot region differs from it, or is damaged"),
			      _("let fsck.exfat look at it (Windows: chkdsk)"));
	if (v->geom.from_backup)
		doctor_report(d, &volume_check, DOCTOR_BAD, d->arg, _("the main boot region is damaged, its copy was read"),
			      _("let fsck.exfat look at it (Windows: chkdsk)"));
	else if (doctor_volume_sound(v) && v->geom.flags & POD_EXFAT_VOLUME_DIRTY)
		doctor_report(d, &volume_check, DOCTOR_NOTE, d->arg,
			      _("it was not unmounted properly; nothing else is wrong with it"),
			      _("unmount it before you pull it out"));
	else if (doctor_volume_sound(v))
		doctor_report(d, &volume_check, DOCTOR_GOOD, d->arg, _("every folder and every chain is sound"), NULL);
	pod_exfat_space(&v->vol, &s);
	report_space(d, &s);
	doctor_volume_close(v);
	free(v);
}

/* The volume is not walked: what NTFS and we ourselves wrote down about how it was left. */
static void check_ntfs(struct doctor *d)
{
	struct cli_target *t = d->target;
	const char *fix = _("let chkdsk look at it (on Linux: ntfsfix)");
	struct pod_ntfs_state s = {0};
	enum pod_status st = pod_ntfs_state(&t->data, &s);

	if (st != POD_OK)
		doctor_report(d, &volume_check, DOCTOR_BAD, d->arg, cli_status_text(st), fix);
	else if (s.log_open)
		doctor_report(d, &volume_check, DOCTOR_BAD, d->arg,
			      _("the NTFS journal holds changes that are not finished; isopod does not write to it"),
			      _("plug it into Windows and let it eject the drive, or run chkdsk or ntfsfix"));
	else if (s.dirty)
		doctor_report(d, &volume_check, DOCTOR_WARN, d->arg, _("the NTFS volume is marked for a check"), fix);
	else if (t->journal == POD_E_CHANGED)
		doctor_report(d, &volume_check, DOCTOR_WARN, d->arg,
			      _("an operation of isopod was interrupted, and something else wrote to the volume since"), fix);
	else if (t->journal == POD_OK)
		doctor_report(d, &volume_check, DOCTOR_NOTE, d->arg, _("an operation of isopod was interrupted"),
			      _("the next 'isopod add' brings it to its end"));
	else
		doctor_report(d, &volume_check, DOCTOR_GOOD, d->arg, _("it was left in order"), NULL);
}

static void check_filesystem(struct doctor *d)
{
	const char *name = d->target->data.ops->name;
	struct pod_exfat_space s;

	if (d->target->data.ops == &pod_fs_ntfs) {
		doctor_report(d, &filesystem_check, DOCTOR_GOOD, d->arg, "NTFS", NULL);
		if (doctor_wants(d, &volume_check))
			check_ntfs(d);
		cli_ntfs_space(d->target, &s);
		report_space(d, &s);
		return;
	}

	if (strcmp(name, "exfat") == 0) {
		doctor_report(d, &filesystem_check, DOCTOR_GOOD, d->arg, "exFAT", NULL);
		if (doctor_wants(d, &volume_check) || doctor_wants(d, &space_check))
			check_exfat(d);
		return;
	}
	doctor_reportf(d, &filesystem_check, DOCTOR_NOTE, d->arg,
		       _("'isopod create' makes an exFAT stick; save the images first"),
		       _("%s cannot hold files of 4 GiB and above"), name);
	doctor_reportf(d, &volume_check, DOCTOR_SKIPPED, d->arg, NULL, _("only exFAT is walked; fsck.fat -n checks %s"), name);
}

/* --- bus and mount --------------------------------------------------------------------------------------------------------- */

uint64_t doctor_bus_speed(const struct cli_dev *dev)
{
	char *link = cli_xasprintf("%s/sys/dev/block/%u:%u", cli_safety_root, major(dev->rdev), minor(dev->rdev));
	char *path = dev->is_block ? realpath(link, NULL) : NULL, *slash;
	uint64_t speed = 0;

	/* The first device above that has a "speed" and a USB version is the one on the bus. */
	while (path && !speed && (slash = strrchr(path, '/')) && slash != path) {
		char *version = cli_xasprintf("%s/bMaxPacketSize0", path), *file = cli_xasprintf("%s/speed", path);
		FILE *f = access(version, F_OK) == 0 ? fopen(file, "re") : NULL;
		char text[32];
		double mbit = f && fgets(text, sizeof text, f) ? strtod(text, NULL) : 0;

		if (mbit > 0)
			speed = mbit < 2 ? 1 : (uint64_t)mbit;
		if (f)
			fclose(f);
		free(version);
		free(file);
		*slash = '\0';
	}
	free(path);
	free(link);
	return speed;
}

static void check_bus(struct doctor *d)
{
	uint64_t speed = doctor_bus_speed(&d->target->file);
	const char *fix = _("use another port, without a hub or extension cable");

	if (!d->target->file.is_block)
		return;
	if (!speed)
		doctor_report(d, &bus_check, DOCTOR_SKIPPED, d->arg, _("not on USB, or the kernel does not tell the speed"),
			      NULL);
	else if (speed <= 12)
		doctor_reportf(d, &bus_check, DOCTOR_BAD, d->arg, fix, _("USB 1: %llu Mbit/s"), (unsigned long long)speed);
	else if (speed <= 480)
		doctor_reportf(d, &bus_check, DOCTOR_NOTE, d->arg, _("if drive and machine have USB 3: use another port"),
			       _("USB 2: %llu Mbit/s, 40 MB/s at most"), (unsigned long long)speed);
	else
		doctor_reportf(d, &bus_check, DOCTOR_GOOD, d->arg, NULL, _("%llu Mbit/s"), (unsigned long long)speed);
}

static bool visit_mount(void *ctx, const struct cli_mount *m)
{
	struct doctor *d = ctx;

	if (!cli_safety_is_of_drive(m->device, d->target->file.rdev))
		return false;
	if (m->sync)
		doctor_report(d, &mount_check, DOCTOR_WARN, m->point,
			      _("mounted with sync: every write waits and wears the drive"),
			      _("mount it without sync, and unmount it before you pull it out"));
	else if (!m->noatime)
		doctor_reportf(d, &mount_check, DOCTOR_NOTE, m->point,
			       _("'mount -o remount,noatime' spares writes when files are read"), _("mounted with %s"),
			       m->options);
	else
		doctor_reportf(d, &mount_check, DOCTOR_GOOD, m->point, NULL, _("mounted with %s"), m->options);
	return false;
}

static void check_mount(struct doctor *d)
{
	const char *why = d->target->file.is_block ? cli_mounts_each(visit_mount, d) : NULL;

	if (why)
		doctor_report(d, &mount_check, DOCTOR_SKIPPED, d->arg, why, NULL);
}

/* --- hooks ----------------------------------------------------------------------------------------------------------------- */

static void run_stick(struct doctor *d)
{
	check_table(d);
	check_filesystem(d);
	check_bus(d);
	check_mount(d);
	if (d->benchmark)
		doctor_benchmark(d);
	if (d->probe != DOCTOR_PROBE_NONE)
		doctor_capacity(d);
}

static void run_image(struct doctor *d, const struct doctor_image *im)
{
	size_t pieces = 0;

	if (!d->target)
		return;
	for (size_t i = 0; i < im->file->extent_count; i++)
		pieces += !im->file->extent[i].hole;
	if (pieces > 1)
		doctor_reportf(
			d, &fragments_check, pieces > 500 ? DOCTOR_WARN : DOCTOR_NOTE, im->subject,
			_("it starts all the same; 'isopod remove' and 'isopod add' lay it out in one piece if there is room"),
			_("in %zu pieces"), pieces);
	else
		doctor_report(d, &fragments_check, DOCTOR_GOOD, im->subject, _("in one piece"), NULL);
	if (im->size_bytes == FAT_MAX)
		doctor_report(d, &filesystem_check, DOCTOR_BAD, im->subject,
			      _("it is as long as FAT32's largest file: its end was cut off"),
			      _("'isopod create' makes an exFAT stick; copy the image to that"));
}

const struct doctor_module doctor_mod_drive = {
	.check = checks, .count = POD_ARRAY_LEN(checks), .run_stick = run_stick, .run_image = run_image};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ESP as a volume: what `isopod update` would repair is seen by opening it for writing on top of a copy in memory; what
 * that refuses is traced to the file.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/drives.h"
#include "cli/doctor/sticks.h"
#include "core/base/bytes.h"
#include "core/base/sha1.h"
#include "core/firm/pe.h"
#include "core/fs/fat_write.h"

const struct doctor_check doctor_check_esp = {
	.id = "drive.esp",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("ESP"),
	.explain = N_(
		"The ESP is a FAT volume that firmwares read, each with code of its own: some are content with a damaged one, others "
		"do not see it any more. Two files on the same clusters destroy each other; two copies of the FAT that differ "
		"show different files to different firmwares; lost clusters only take room. 'isopod update' repairs what it "
		"can, and makes the volume anew where it cannot; no image is touched."),
};

#define FAT_MAX (4u << 20) /* bytes of a FAT that are compared */

struct look {
	struct doctor *d;
	const struct pod_fat_geometry *g;
	struct pod_dev *dev;
	unsigned found;
};

static void report(struct look *l, enum doctor_level level, const char *subject, const char *evidence, const char *fix)
{
	l->found++;
	doctor_report(l->d, &doctor_check_esp, level, subject, evidence, fix);
}

static const char *repaired(void)
{
	return _("'isopod update' repairs it and touches no image");
}

static const char *made_anew(void)
{
	return _("'isopod update' makes the ESP anew and touches no image");
}

/* --- boot sector ------------------------------------------------------------------------------------------------------------- */

static void check_boot_sector(struct look *l)
{
	const struct pod_part *part = l->d->target->esp_part;
	uint8_t b[512], copy[512];
	uint64_t starts = part->start_bytes >> l->g->sector_shift, says;
	char *text;

	if (pod_dev_read(l->dev, 0, b, sizeof b) != POD_OK)
		return;
	if (l->g->total_bytes > part->length_bytes)
		report(l, DOCTOR_BAD, "ESP",
		       _("its boot sector names more sectors than the partition has: firmwares may refuse it"), made_anew());
	says = pod_get_le32(b + 28);
	if (says != pod_min_u64(starts, UINT32_MAX)) {
		text = cli_xasprintf(_("its boot sector says that the volume begins at sector %llu of the drive, and it is %llu"),
				     (unsigned long long)says, (unsigned long long)starts);
		report(l, DOCTOR_NOTE, "ESP", text, _("nothing to do: hardly any firmware looks at it"));
		free(text);
	}
	if (l->g->bits == 32 && pod_dev_read(l->dev, 6ull << l->g->sector_shift, copy, sizeof copy) == POD_OK &&
	    memcmp(b, copy, sizeof b) != 0)
		report(l, DOCTOR_NOTE, "ESP", _("the copy of its boot sector (sector 6) differs from it"),
		       _("nothing to do while the first one is good"));
}

/* --- FAT --------------------------------------------------------------------------------------------------------------------- */

/* FAT 1.03, "FAT[1]": the highest bits say that the volume was unmounted, and that no read failed. */
static void check_marks(struct look *l, const uint8_t *fat)
{
	bool wide = l->g->bits == 32;
	uint32_t v = wide ? pod_get_le32(fat + 4) : pod_get_le16(fat + 2);
	uint32_t clean = wide ? 0x08000000 : 0x8000, sound = wide ? 0x04000000 : 0x4000;
	uint8_t state[1] = {0};

	if (pod_dev_read(l->dev, wide ? 0x41 : 0x25, state, 1) != POD_OK)
		return;
	if (!(v & sound))
		report(l, DOCTOR_WARN, "ESP", _("it is marked as having had read errors"),
		       _("read all of the drive (--full), and replace it if there are more"));
	else if (!(v & clean) || state[0] & 1)
		report(l, DOCTOR_NOTE, "ESP", _("it is marked as not unmounted (dirty); nothing follows from that alone"),
		       _("unmount it before you pull it out"));
	if ((fat[0] | 0xF00u) != (l->g->media | 0xF00u))
		report(l, DOCTOR_WARN, "ESP", _("the FAT does not begin with the medium's mark"), made_anew());
}

static void check_fats(struct look *l)
{
	size_t len = (size_t)pod_min_u64((uint64_t)l->g->fat_sectors << l->g->sector_shift, FAT_MAX);
	uint64_t one = (uint64_t)l->g->fat_sectors << l->g->sector_shift;
	uint8_t *fat = cli_xmalloc(len), *other = cli_xmalloc(len);

	if (l->g->bits == 12 || len < 8 || pod_dev_read(l->dev, l->g->fat_bytes, fat, len) != POD_OK) {
		report(l, DOCTOR_BAD, "ESP", _("its FAT cannot be read"), _("save what can be read, and replace the drive"));
	} else {
		check_marks(l, fat);
		for (uint32_t i = 1; i < l->g->fat_count && !l->g->single_fat; i++)
			if (pod_dev_read(l->dev, l->g->fat_bytes + i * one, other, len) != POD_OK || memcmp(fat, other, len) != 0)
				report(l, DOCTOR_WARN, "ESP",
				       _("the copies of the FAT differ: which files there are depends on which one a firmware reads"),
				       repaired());
	}
	free(fat);
	free(other);
}

/* --- chains ------------------------------------------------------------------------------------------------------------------ */

struct where {
	struct pod_extent *e;
	size_t n;
	enum pod_status st;
};

/* Of one file with itself, too: a chain that runs in a circle. */
static bool overlap(const struct where *a, const struct where *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = a == b ? i + 1 : 0; k < b->n; k++)
			if (a->e[i].dev_bytes < b->e[k].dev_bytes + b->e[k].length_bytes &&
			    b->e[k].dev_bytes < a->e[i].dev_bytes + a->e[i].length_bytes)
				return true;
	return false;
}

/* The volume is refused: because of which of our files? */
static void name_damage(struct look *l)
{
	struct cli_target *t = l->d->target;
	struct where w[CLI_ESP_FILES] = {{0}};
	unsigned before = l->found;
	struct pod_node node;
	char *text;

	for (size_t i = 0; i < CLI_ESP_FILES; i++) {
		if (pod_fs_lookup(&t->esp, cli_esp_path(i), &node, &t->scratch) != POD_OK)
			continue;
		w[i].st = pod_fs_extents(&t->esp, &node, &cli_alloc, &w[i].e, &w[i].n);
		if (w[i].st == POD_E_CORRUPT || overlap(&w[i], &w[i]))
			report(l, DOCTOR_BAD, cli_esp_path(i), _("its chain of clusters is broken"), made_anew());
		for (size_t k = 0; k < i; k++)
			if (overlap(&w[i], &w[k])) {
				text = cli_xasprintf(_("it lies on the same clusters as %s"), cli_esp_path(k));
				report(l, DOCTOR_BAD, cli_esp_path(i), text, made_anew());
				free(text);
			}
	}
	if (l->found == before)
		report(l, DOCTOR_BAD, "ESP", _("a folder or a chain of clusters on it is damaged"), made_anew());
	for (size_t i = 0; i < CLI_ESP_FILES; i++)
		pod_free(&cli_alloc, w[i].e);
}

static void check_tree(struct look *l)
{
	struct doctor_overlay overlay;
	struct pod_diag diag = {0};
	struct pod_fatw w;
	enum pod_status st;
	char *text;

	doctor_overlay_init(&overlay, l->dev);
	st = pod_fatw_open(&w, &overlay.dev, &cli_alloc, 0, 0, &diag);
	if (st == POD_OK && w.reclaimed) {
		text = cli_xasprintf(_("%u clusters are marked as used and belong to no file"), w.reclaimed);
		report(l, DOCTOR_WARN, "ESP", text, repaired());
		free(text);
	} else if (st == POD_E_CORRUPT && l->g->total_bytes <= l->d->target->esp_part->length_bytes) {
		name_damage(l);
	} else if (st != POD_OK && st != POD_E_CORRUPT) {
		doctor_report(l->d, &doctor_check_esp, DOCTOR_SKIPPED, "ESP", cli_status_text(st), NULL);
	}
	if (st == POD_OK)
		pod_fatw_close(&w);
	doctor_overlay_free(&overlay);
}

void doctor_esp(struct doctor *d)
{
	struct look l = {.d = d, .g = pod_fat_geometry(&d->target->esp), .dev = &d->target->esp_win.dev};

	if (!doctor_wants(d, &doctor_check_esp))
		return;
	check_boot_sector(&l);
	check_fats(&l);
	check_tree(&l);
	if (!l.found)
		doctor_reportf(d, &doctor_check_esp, DOCTOR_GOOD, d->arg, NULL, _("FAT%u, every folder and every chain is sound"),
			       l.g->bits);
}

/* --- what files are ------------------------------------------------------------------------------------------------------ */

static void update(void *ctx, const void *data, size_t len)
{
	pod_sha1_update(ctx, data, len);
}

static bool program_digest(const uint8_t *p, size_t len, uint8_t out[POD_SHA1_LEN])
{
	struct pod_sha1 s;
	struct pod_pe pe;

	pod_sha1_init(&s);
	if (pod_pe_read(p, len, &pe, NULL) != POD_OK || pod_pe_digest(p, len, &pe, update, &s, NULL) != POD_OK)
		return false;
	pod_sha1_final(&s, out);
	return true;
}

bool doctor_same_program(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	uint8_t x[POD_SHA1_LEN], y[POD_SHA1_LEN];

	return program_digest(a, a_len, x) && program_digest(b, b_len, y) && memcmp(x, y, sizeof x) == 0;
}

bool doctor_is_kind(const char *path, const uint8_t *p, size_t len)
{
	const char *name = strrchr(path, '/') + 1;
	struct pod_pe pe;

	if (strncmp(name, "SHIM", 4) == 0)
		return len > 64 && memcmp(p, "\177ELF", 4) == 0;
	if (strcmp(name, "FONT.BIN") == 0)
		return len > 64 && memcmp(p, "ISOPODF1", 8) == 0;
	return pod_pe_read(p, len, &pe, NULL) == POD_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables in front of an image and whether they agree: El Torito's boot catalogue ("El Torito" 1.0, clause 2.1), and the MBR
 * and GPT of a hybrid ISO or a disk image (UEFI 2.10, clause 5.3.2). They are read here byte by byte once more, because the probe
 * forgives what real writers get wrong.
 */
#include <string.h>
#include "cli/doctor/images.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/fs/iso9660.h"

#define SECTOR 512u

const struct doctor_check doctor_check_catalogue = {
	.id = "image.catalogue",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("boot catalogue"),
	.explain = N_("The boot catalogue of an ISO (El Torito) lists what BIOS and UEFI start, and where it lies. An entry "
		      "that points outside the image starts nothing; a wrong checksum is ignored by most machines, but not by "
		      "all. The image was made with faulty tools or is damaged: download it again, or take another edition."),
};
const struct doctor_check doctor_check_hybrid = {
	.id = "image.tables",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("partition tables"),
	.explain = N_("An image that can be written to a USB drive as it is carries a partition table (MBR, often GPT as "
		      "well). If they contradict each other, or reach beyond the image, then some firmwares and systems see "
		      "other partitions than others do: the image may start on one machine and not on the next. The GPT keeps "
		      "a copy of its header in the last sector; if it is not there, the image was cut off, or something was "
		      "appended to it."),
};

#define BADLY_MADE _("it may start on some machines only: compare its hash with the publisher's, or take another edition")

/* --- boot catalogue -------------------------------------------------------------------------------------------------------- */

/* Where the boot record says that the catalogue lies; 0: there is none. */
static uint64_t stated_catalogue(const struct doctor_image *im)
{
	struct pod_fs fs;
	uint64_t at;

	if (pod_fs_open_as(&fs, &pod_fs_iso9660, im->bytes, &cli_alloc, NULL) != POD_OK)
		return 0;
	at = pod_iso9660_catalog(&fs);
	pod_fs_close(&fs);
	return at;
}

static unsigned check_entries(struct doctor *d, const struct doctor_image *im)
{
	unsigned wrong = 0;

	for (uint32_t i = 0; i < im->image->boot_count; i++) {
		const struct pod_eltorito_entry *e = &im->image->boot[i];
		uint64_t start = (uint64_t)e->lba * 2048, len = (uint64_t)e->sector_count * SECTOR;

		if (start >= im->size_bytes)
			doctor_reportf(d, &doctor_check_catalogue, DOCTOR_BAD, im->subject, BADLY_MADE,
				       _("entry %u points to offset %llu, outside the image"), i + 1, (unsigned long long)start);
		else if (len > im->size_bytes - start)
			doctor_reportf(d, &doctor_check_catalogue, DOCTOR_BAD, im->subject, BADLY_MADE,
				       _("entry %u is %llu bytes at offset %llu: more than there is"), i + 1,
				       (unsigned long long)len, (unsigned long long)start);
		else
			continue;
		wrong++;
	}
	return wrong;
}

void doctor_catalogue(struct doctor *d, const struct doctor_image *im)
{
	uint64_t at = stated_catalogue(im);
	uint8_t entry[32];
	uint16_t sum = 0;
	unsigned wrong;

	if (!at)
		return;
	if (!im->image->catalog_bytes) {
		doctor_reportf(d, &doctor_check_catalogue, DOCTOR_BAD, im->subject, BADLY_MADE, _("at offset %llu there is none"),
			       (unsigned long long)at);
		return;
	}
	if (pod_dev_read(im->bytes, at, entry, sizeof entry) != POD_OK)
		return; /* image.structure has told */
	wrong = check_entries(d, im);
	for (size_t i = 0; i < sizeof entry; i += 2)
		sum = (uint16_t)(sum + pod_get_le16(entry + i));
	if (sum) {
		wrong++;
		doctor_reportf(d, &doctor_check_catalogue, DOCTOR_WARN, im->subject, BADLY_MADE,
			       _("its checksum is wrong: the words add up to %04x instead of 0"), sum);
	}
	if (!wrong)
		doctor_reportf(d, &doctor_check_catalogue, DOCTOR_GOOD, im->subject, NULL, _("%u entries, all inside the image"),
			       im->image->boot_count);
}

/* --- MBR and GPT ----------------------------------------------------------------------------------------------------------- */

struct gpt {
	bool there, sound;
	uint64_t alternate_lba, entries_lba;
	uint32_t entries, entry_size, entries_crc;
};

static bool read_gpt(const struct doctor_image *im, uint64_t lba, struct gpt *g)
{
	uint8_t b[SECTOR], crc[4];
	uint32_t size;

	memset(g, 0, sizeof *g);
	if (lba >= im->size_bytes / SECTOR || pod_dev_read(im->bytes, lba * SECTOR, b, sizeof b) != POD_OK ||
	    memcmp(b, "EFI PART", 8) != 0)
		return false;
	g->there = true;
	size = pod_get_le32(b + 12);
	memcpy(crc, b + 16, 4);
	memset(b + 16, 0, 4);
	g->sound = size >= 92 && size <= SECTOR && pod_crc32(0, b, size) == pod_get_le32(crc) && pod_get_le64(b + 24) == lba;
	g->alternate_lba = pod_get_le64(b + 32);
	g->entries_lba = pod_get_le64(b + 72);
	g->entries = pod_get_le32(b + 80);
	g->entry_size = pod_get_le32(b + 84);
	g->entries_crc = pod_get_le32(b + 88);
	return true;
}

/* Checks the array's sum. *esp_lba: whether a partition begins at this sector is told in *found. */
static bool read_entries(const struct doctor_image *im, const struct gpt *g, uint64_t sought_lba, bool *found, uint64_t *last_lba)
{
	uint32_t crc = 0;
	uint8_t e[SECTOR];

	*found = false;
	*last_lba = 0;
	if (g->entry_size < 128 || g->entry_size > SECTOR || g->entries > 1024)
		return false;
	for (uint32_t i = 0; i < g->entries; i++) {
		static const uint8_t unused[16];

		if (g->entries_lba > im->size_bytes / SECTOR ||
		    pod_dev_read(im->bytes, g->entries_lba * SECTOR + (uint64_t)i * g->entry_size, e, g->entry_size) != POD_OK)
			return false;
		crc = pod_crc32(crc, e, g->entry_size);
		if (memcmp(e, unused, sizeof unused) == 0)
			continue;
		if (pod_get_le64(e + 32) == sought_lba)
			*found = true;
		if (pod_get_le64(e + 40) > *last_lba)
			*last_lba = pod_get_le64(e + 40);
	}
	return crc == g->entries_crc;
}

/* The MBR's entries: the first sector of an EFI system partition (0: none), the end of the last partition. */
static void read_mbr(const uint8_t *mbr, uint64_t *esp_lba, uint64_t *end_lba, bool *protective)
{
	*esp_lba = *end_lba = 0;
	*protective = false;
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *e = mbr + 446 + 16 * i;
		uint64_t start = pod_get_le32(e + 8), len = pod_get_le32(e + 12);

		if (e[4] == 0xEE)
			*protective = true;
		if (!len || e[4] == 0xEE)
			continue;
		if (e[4] == 0xEF)
			*esp_lba = start;
		if (start + len > *end_lba)
			*end_lba = start + len;
	}
}

/* The GPT alone: header, entries, copy. Number of findings. */
static unsigned check_gpt(struct doctor *d, const struct doctor_image *im, const struct gpt *g, uint64_t esp_lba)
{
	uint64_t last, sectors = im->size_bytes / SECTOR;
	bool found, entries_sound = read_entries(im, g, esp_lba, &found, &last);
	struct gpt copy;

	if (!g->sound || !entries_sound) {
		doctor_report(d, &doctor_check_hybrid, DOCTOR_WARN, im->subject, _("the checksums of its GPT are wrong"),
			      BADLY_MADE);
		return 1;
	}
	if (last >= sectors) {
		doctor_reportf(d, &doctor_check_hybrid, DOCTOR_BAD, im->subject,
			       _("the end is missing: download or copy it again"),
			       _("a GPT partition ends at byte %llu, the image at %llu"), (unsigned long long)(last + 1) * SECTOR,
			       (unsigned long long)im->size_bytes);
		return 1;
	}
	if (esp_lba && !found) {
		doctor_reportf(d, &doctor_check_hybrid, DOCTOR_WARN, im->subject, BADLY_MADE,
			       _("the MBR has an EFI partition at sector %llu, the GPT has none there"),
			       (unsigned long long)esp_lba);
		return 1;
	}
	if (!read_gpt(im, g->alternate_lba, &copy) || !copy.sound) {
		doctor_reportf(d, &doctor_check_hybrid, g->alternate_lba >= sectors ? DOCTOR_WARN : DOCTOR_NOTE, im->subject,
			       g->alternate_lba >= sectors
				       ? _("the end may be missing: compare the hash")
				       : _("harmless on the stick; tools that write it to a drive may complain"),
			       _("the copy of the GPT header that should be at sector %llu is not there"),
			       (unsigned long long)g->alternate_lba);
		return 1;
	}
	if (!read_entries(im, &copy, esp_lba, &found, &last) || copy.entries_crc != g->entries_crc) {
		doctor_report(d, &doctor_check_hybrid, DOCTOR_WARN, im->subject,
			      _("the two copies of its GPT name different partitions"), BADLY_MADE);
		return 1;
	}
	return 0;
}

void doctor_hybrid(struct doctor *d, const struct doctor_image *im)
{
	/* isohybrid rounds the size up to whole cylinders of at most 255 * 63 sectors */
	const uint64_t cylinder = 255 * 63;
	uint64_t esp_lba, end_lba, sectors = im->size_bytes / SECTOR, volume = im->image->volume_bytes / SECTOR;
	unsigned wrong = 0;
	uint8_t mbr[SECTOR];
	bool protective;
	struct gpt g;

	if (im->size_bytes < SECTOR || pod_dev_read(im->bytes, 0, mbr, sizeof mbr) != POD_OK || pod_get_le16(mbr + 510) != 0xAA55)
		return;
	if (im->image->kind == POD_IMAGE_ISO && !im->image->hybrid_mbr && !im->image->hybrid_gpt)
		return;
	read_mbr(mbr, &esp_lba, &end_lba, &protective);
	if (end_lba > sectors + cylinder && !im->image->truncated) {
		wrong++;
		doctor_reportf(d, &doctor_check_hybrid, DOCTOR_WARN, im->subject, BADLY_MADE,
			       _("a partition of the MBR ends at byte %llu, the image at %llu"),
			       (unsigned long long)end_lba * SECTOR, (unsigned long long)im->size_bytes);
	} else if (im->image->kind == POD_IMAGE_ISO && end_lba && !protective && end_lba + cylinder < volume) {
		wrong++;
		doctor_reportf(d, &doctor_check_hybrid, DOCTOR_WARN, im->subject, BADLY_MADE,
			       _("the MBR's partitions end at byte %llu, the ISO volume at %llu"),
			       (unsigned long long)end_lba * SECTOR, (unsigned long long)im->image->volume_bytes);
	}
	if (read_gpt(im, 1, &g))
		wrong += check_gpt(d, im, &g, esp_lba);
	else if (protective) {
		wrong++;
		doctor_report(d, &doctor_check_hybrid, DOCTOR_WARN, im->subject, _("the MBR announces a GPT, but there is none"),
			      BADLY_MADE);
	}
	if (!wrong)
		doctor_report(d, &doctor_check_hybrid, DOCTOR_GOOD, im->subject,
			      g.there ? _("MBR and GPT agree") : _("the MBR fits"), NULL);
}

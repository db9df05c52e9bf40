/* SPDX-License-Identifier: BSD-2-Clause */
/* Which bytes of the stick become partitions in partition mode (core/disk/partmode.h). */
#include "core/plan/internal.h"
#include "core/base/mem.h"

enum { SECTOR = 512 };

bool pod_plan_may_be_partition(const struct pod_plan *p)
{
	bool kind = p->image.kind == POD_IMAGE_ISO || p->image.kind == POD_IMAGE_DISK;
	bool starts = p->bios_entry != POD_ENTRY_NONE;
	/* In a disk image the kernel has its own disk in place of the root that it would mount; in an ISO it has its own programs. */
	bool shim = p->initrd_count || (p->lone.length_bytes && p->image.kind == POD_IMAGE_DISK);
	for (size_t i = 0; i < POD_ARRAY_LEN(p->efi_entry); i++)
		starts |= p->efi_entry[i] != POD_ENTRY_NONE;
	return kind && starts && p->container == POD_IMAGE_UNKNOWN && !shim && !p->windows.count && !p->wim_count;
}

enum pod_status pod_plan_no_lone(struct pod_plan *p)
{
	uint64_t len = p->lone.length_bytes;
	p->offered.length_bytes = p->lone.length_bytes = 0;
	/* The boot menu still loads it: of zeros in an initrd Linux makes nothing, and says nothing. */
	return len ? pod_map_replace(&p->map, p->lone.start_bytes, len, POD_SEG_ZERO, 0) : POD_OK;
}

/* Types that a kernel must see to look into a partition of its own; all others find what they want by what is in it. */
static uint8_t type_of(const struct pod_parttab *t, const struct pod_part *part)
{
	static const uint8_t kept[] = {0xA5, 0xA6, 0xA9, 0xEB}; /* FreeBSD, OpenBSD, NetBSD, BeFS */
	for (size_t i = 0; i < sizeof kept; i++)
		if (t->kind == POD_PARTTAB_MBR && part->mbr_type == kept[i])
			return kept[i];
	return POD_PARTMODE_TYPE;
}

/* An ESP would be a second one of the stick, and a firmware might start from it; an extended partition holds others. */
static bool left_out(const struct pod_parttab *t, const struct pod_part *part)
{
	static const uint8_t types[] = {0xEF, 0x05, 0x0F, 0x85};
	if (t->kind == POD_PARTTAB_GPT)
		return memcmp(part->type_guid, pod_guid_esp, 16) == 0;
	for (size_t i = 0; i < sizeof types; i++)
		if (part->mbr_type == types[i])
			return true;
	return false;
}

static enum pod_status pieces_of_disk(const struct pod_parttab *t, uint64_t start, uint64_t len, struct pod_partmode_piece *piece,
				      size_t *pieces)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct pod_part *part = &t->part[i];
		if (left_out(t, part))
			continue;
		if (*pieces == POD_PARTMODE_PIECES)
			return POD_E_LIMIT;
		if (!pod_in_range(part->start_bytes, part->length_bytes, len))
			return POD_E_RANGE;
		piece[(*pieces)++] = (struct pod_partmode_piece){start + part->start_bytes, part->length_bytes, type_of(t, part)};
	}
	return POD_OK;
}

static enum pod_status collect(const struct pod_plan *p, struct pod_dev *disk, struct pod_alloc *a,
			       struct pod_partmode_piece piece[POD_PARTMODE_PIECES], size_t *pieces)
{
	*pieces = 0;
	if (!p->in_one_piece)
		return POD_E_UNSUPPORTED;
	/* a last, partial sector lies in a cluster that is the image's to its end */
	uint64_t len = pod_align_up(p->image.size_bytes, SECTOR);
	if (p->image.kind == POD_IMAGE_DISK) {
		struct pod_mapdev image;
		struct pod_parttab *t = pod_zalloc(a, 1, sizeof *t);
		if (!t)
			return POD_E_NOMEM;
		pod_mapdev_init(&image, &p->map, disk, SECTOR);
		enum pod_status st = pod_parttab_read(&image.dev, a, t, NULL);
		if (st == POD_OK)
			st = pieces_of_disk(t, p->piece_start_bytes, len, piece, pieces);
		pod_free(a, t);
		POD_TRY(st);
	}
	if (!*pieces)
		piece[(*pieces)++] = (struct pod_partmode_piece){p->piece_start_bytes, len, POD_PARTMODE_TYPE};
	return POD_OK;
}

enum pod_status pod_plan_name_image(const struct pod_plan *p, struct pod_dev *disk, struct pod_dev *record, struct pod_alloc *a,
				    uint32_t number)
{
	struct pod_partmode_piece piece[POD_PARTMODE_PIECES];
	size_t pieces;
	POD_TRY(collect(p, disk, a, piece, &pieces));
	return pod_partmode_begin(disk, record, a, number, piece, pieces);
}

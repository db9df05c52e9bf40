/* SPDX-License-Identifier: BSD-2-Clause */
/* The chunk of /isopod/map that tells of a disk: see core/map/handover.h. Checked as the rest of the record is. */
#include "linux/handover.h"
#include "core/base/bytes.h"

#define UNIT	 512u
#define SEG_SIZE 16u

void pod_ho_disk_seg(const struct pod_ho_disk *d, uint32_t i, struct pod_ho_run *seg)
{
	const uint8_t *p = d->seg + (size_t)i * SEG_SIZE;
	seg->start_bytes = pod_get_le64(p);
	seg->length_bytes = pod_get_le64(p + 8);
}

static enum pod_status check_segments(const struct pod_ho_record *r, const struct pod_ho_disk *d, struct pod_diag *diag)
{
	uint64_t sum = 0, part_end = r->part_start_bytes + r->part_length_bytes;
	for (uint32_t i = 0; i < d->seg_count; i++) {
		struct pod_ho_run s;
		uint64_t off = POD_HO_DISK_HEAD + (uint64_t)i * SEG_SIZE;
		pod_ho_disk_seg(d, i, &s);
		if (!s.length_bytes || (s.length_bytes & (UNIT - 1)) != 0 || !pod_in_range(sum, s.length_bytes, d->size_bytes))
			return pod_fail(diag, POD_E_CORRUPT, "length of a segment", off + 8, d->size_bytes - sum, s.length_bytes);
		if (s.start_bytes && (s.start_bytes < r->part_start_bytes || (s.start_bytes & (UNIT - 1)) != 0 ||
				      !pod_in_range(s.start_bytes, s.length_bytes, part_end)))
			return pod_fail(diag, POD_E_CORRUPT, "place of a segment", off, r->part_start_bytes, s.start_bytes);
		if (s.start_bytes && r->cow.length_bytes && pod_ho_meet(s, r->cow))
			return pod_fail(diag, POD_E_CORRUPT, "overlay in the disk", off, s.start_bytes, r->cow.start_bytes);
		sum += s.length_bytes;
	}
	return sum == d->size_bytes ? POD_OK : pod_fail(diag, POD_E_CORRUPT, "sum of segments", 0, d->size_bytes, sum);
}

enum pod_status pod_ho_disk(const struct pod_ho_record *r, struct pod_ho_disk *d, struct pod_diag *diag)
{
	uint32_t len;
	const uint8_t *p = pod_ho_chunk(r, POD_HO_CHUNK_DISK, &len);
	if (!p)
		return POD_E_NOT_FOUND;
	if (len < POD_HO_DISK_HEAD)
		return pod_fail(diag, POD_E_CORRUPT, "disk", 0, POD_HO_DISK_HEAD, len);
	*d = (struct pod_ho_disk){.size_bytes = pod_get_le64(p),
				  .sector_size = pod_get_le32(p + 0x08),
				  .flags = pod_get_le32(p + 0x0c),
				  .seg_count = pod_get_le32(p + 0x10),
				  .seg = p + POD_HO_DISK_HEAD};
	if (!d->size_bytes || d->size_bytes > INT64_MAX || (d->size_bytes & (UNIT - 1)) != 0)
		return pod_fail(diag, POD_E_CORRUPT, "size of the disk", 0, UNIT, d->size_bytes);
	if (d->sector_size != 512 && d->sector_size != 4096)
		return pod_fail(diag, POD_E_CORRUPT, "sector size of the disk", 8, 512, d->sector_size);
	if (!d->seg_count || d->seg_count > POD_HO_DISK_SEG_MAX || d->seg_count > (len - POD_HO_DISK_HEAD) / SEG_SIZE)
		return pod_fail(diag, POD_E_CORRUPT, "number of segments", 0x10, (len - POD_HO_DISK_HEAD) / SEG_SIZE,
				d->seg_count);
	return check_segments(r, d, diag);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Containers that are recognised, not opened: WIM, VHD, VHDX.
 *
 * WIM (Microsoft "Windows Imaging File Format", 2007), little-endian: +0 8 "MSWIM" 00 00 00, +8 4 header size (208); resource
 *   headers (7 bytes size in the file, 1 flags, 8 offset, 8 original size) at +48 lookup table, +72 XML, +96 boot metadata,
 *   +124 integrity table.
 * VHD (Microsoft "Virtual Hard Disk Image Format Specification" 1.0, 2006), big-endian: the last 512 bytes, and a copy in front
 * unless the disk is fixed: +0 8 "conectix", +48 8 size of the disk, +60 4 type (2 fixed, 3 dynamic, 4 differencing), +64 4 ones'
 * complement of the sum of all bytes without this field. Which file is a VHD or VHDX, core/disk/diskfile.h decides.
 */
#include "core/image/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum { WIM_HEADER = 208, VHD_FOOTER = 512, VHD_FIXED = 2 };

enum pod_status image_probe_wim(struct probe *p)
{
	static const uint8_t resources[] = {48, 72, 96, 124};
	struct pod_image *im = p->out;
	if (im->size_bytes < WIM_HEADER || memcmp(p->head, "MSWIM\0\0\0", 8) != 0)
		return POD_E_FORMAT;
	im->kind = POD_IMAGE_WIM;
	for (size_t i = 0; i < sizeof resources; i++) {
		const uint8_t *r = p->head + resources[i];
		uint64_t len = pod_get_le64(r) & 0x00FFFFFFFFFFFFFF, off = pod_get_le64(r + 8);
		if (len && off + len > im->volume_bytes && off < 1ull << 62)
			im->volume_bytes = off + len;
	}
	im->truncated = im->volume_bytes > im->size_bytes;
	return POD_OK;
}

static bool is_footer(const uint8_t *f)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < VHD_FOOTER; i++)
		if (i < 64 || i >= 68)
			sum += f[i];
	return memcmp(f, "conectix", 8) == 0 && pod_get_be32(f + 64) == ~sum;
}

static enum pod_status look_at_vhd(struct probe *p)
{
	struct pod_image *im = p->out;
	im->kind = POD_IMAGE_VHD;
	if (im->size_bytes < VHD_FOOTER)
		return POD_OK;
	POD_TRY(pod_dev_read(p->dev, im->size_bytes - VHD_FOOTER, p->buf, VHD_FOOTER));
	bool at_end = is_footer(p->buf), in_front = is_footer(p->head);
	if (!at_end && !in_front)
		return POD_OK; /* damaged: whoever opens it says how */
	const uint8_t *f = at_end ? p->buf : p->head;
	im->volume_bytes = pod_get_be64(f + 48);
	/* Dynamic disks grow: only the missing footer tells. */
	im->truncated = pod_get_be32(f + 60) == VHD_FIXED ? im->volume_bytes > im->size_bytes - VHD_FOOTER : !at_end;
	return POD_OK;
}

enum pod_status image_probe_diskfile(struct probe *p)
{
	enum pod_diskfile f;
	enum pod_status st = pod_diskfile_decide(p->dev, POD_DISKFILE_NONE, p->named, &f, p->diag);
	if (st == POD_E_UNSUPPORTED)
		return POD_OK; /* of two kinds at once: of none that we start */
	if (st != POD_OK || f == POD_DISKFILE_RAW)
		return st == POD_OK ? POD_E_FORMAT : st;
	if (f == POD_DISKFILE_VHDX)
		p->out->kind = POD_IMAGE_VHDX;
	return f == POD_DISKFILE_VHD ? look_at_vhd(p) : POD_OK; /* others' containers are of unknown kind */
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Containers: of a WIM the header and a name (core/wim); files that hold a disk are recognised, not opened.
 *
 * VHD (Microsoft "Virtual Hard Disk Image Format Specification" 1.0, 2006), big-endian: the last 512 bytes, and a copy in front
 * unless the disk is fixed: +0 8 "conectix", +48 8 size of the disk, +60 4 type (2 fixed, 3 dynamic, 4 differencing), +64 4 ones'
 * complement of the sum of all bytes without this field. Which file is a VHD or VHDX, core/disk/diskfile.h decides.
 */
#include "core/image/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum { VHD_FOOTER = 512, VHD_FIXED = 2 };
enum { WIM_LABEL_IMAGES = 64, WIM_LABEL_XML = 48 << 10 };

/* The name of the image that starts, or of the only one. Sound XML data have some KiB for each image. */
static enum pod_status wim_label(struct probe *p, struct pod_wim *w)
{
	uint32_t no = w->boot_index ? w->boot_index : w->image_count;
	if (!no || no > WIM_LABEL_IMAGES || w->xml.size_bytes > WIM_LABEL_XML)
		return POD_OK;
	struct pod_wim_about *about = pod_zalloc(p->alloc, no, sizeof *about);
	if (!about)
		return POD_E_NOMEM;
	enum pod_status st = pod_wim_about(w, about, no, NULL);
	const struct pod_wim_about *a = &about[no - 1];
	if (w->boot_index || w->image_count == 1)
		pod_strlcpy(p->out->label, *a->display_name ? a->display_name : a->name, sizeof p->out->label);
	pod_free(p->alloc, about);
	return st == POD_E_IO || st == POD_E_NOMEM ? st : POD_OK; /* a name is not worth more */
}

enum pod_status image_probe_wim(struct probe *p)
{
	struct pod_image *im = p->out;
	struct pod_wim w;
	if (im->size_bytes < POD_WIM_HEADER || memcmp(p->head, "MSWIM\0\0\0", 8) != 0)
		return POD_E_FORMAT;
	im->kind = POD_IMAGE_WIM;
	if (pod_wim_open(&w, p->dev, p->alloc, NULL) != POD_OK)
		return POD_OK; /* damaged, or of another version: whoever reads it says how */
	const struct pod_wim_res *const res[] = {&w.blob_table, &w.xml, &w.boot_metadata, &w.integrity};
	for (size_t i = 0; i < POD_ARRAY_LEN(res); i++) {
		uint64_t len = res[i]->stored_bytes, off = res[i]->offset_bytes;
		if (len && off < 1ull << 62 && off + len > im->volume_bytes)
			im->volume_bytes = off + len;
	}
	im->truncated = im->volume_bytes > im->size_bytes;
	im->wim.images = w.image_count;
	im->wim.boot_index = w.boot_index;
	im->wim.chunk_size = w.chunk_size;
	im->wim.compression = w.compression;
	im->wim.refused = pod_wim_not_bootable(&w);
	enum pod_status st = wim_label(p, &w);
	pod_wim_close(&w);
	return st;
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

/* What has the name of a container and nothing of one may be a web page or an archive: that says more. */
static bool is_something_else(struct probe *p)
{
	enum pod_diskfile f;
	enum pod_instead is;
	if (pod_diskfile_decide(p->dev, POD_DISKFILE_NONE, POD_DISKFILE_NONE, &f, NULL) == POD_OK && f != POD_DISKFILE_RAW)
		return false;
	return pod_instead_look(p->dev, NULL, &is) == POD_OK && is != POD_INSTEAD_NONE && is != POD_INSTEAD_ZEROS;
}

enum pod_status image_probe_diskfile(struct probe *p)
{
	enum pod_diskfile f;
	if (p->named != POD_DISKFILE_NONE && is_something_else(p))
		return POD_E_FORMAT;
	enum pod_status st = pod_diskfile_decide(p->dev, POD_DISKFILE_NONE, p->named, &f, p->diag);
	if (st == POD_E_UNSUPPORTED)
		return POD_OK; /* of two kinds at once: of none that we start */
	if (st != POD_OK || f == POD_DISKFILE_RAW)
		return st == POD_OK ? POD_E_FORMAT : st;
	static const enum pod_image_kind kinds[POD_DISKFILE_COUNT] = {[POD_DISKFILE_VHDX] = POD_IMAGE_VHDX,
								      [POD_DISKFILE_QCOW2] = POD_IMAGE_QCOW2,
								      [POD_DISKFILE_VMDK] = POD_IMAGE_VMDK,
								      [POD_DISKFILE_VDI] = POD_IMAGE_VDI};
	p->out->kind = kinds[f]; /* else of a kind that is not known here */
	if (f == POD_DISKFILE_QCOW || f == POD_DISKFILE_QED || f == POD_DISKFILE_PARALLELS)
		p->out->instead = POD_INSTEAD_OTHER_DISK;
	return f == POD_DISKFILE_VHD ? look_at_vhd(p) : POD_OK;
}

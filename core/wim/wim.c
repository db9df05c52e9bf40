/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header, and what is selected (Microsoft, "Windows Imaging File Format", 2007; the rest from wimlib's documentation):
 *
 *   +0 8 "MSWIM" 00 00 00  +8 4 length (208)  +12 4 version  +16 4 flags  +20 4 chunk size  +24 16 GUID  +40 2 part  +42 2 parts
 *   +44 4 images  +48 24 blob table  +72 24 XML data  +96 24 metadata of the bootable image  +120 4 its number  +124 24 integrity
 *   table  +148 60 zeros
 */
#include "core/base/bytes.h"
#include "core/wim/wim_int.h"

enum { F_COMPRESSED = 0x2, F_XPRESS = 0x20000, F_LZX = 0x40000, F_LZMS = 0x80000, F_XPRESS2 = 0x200000 };
enum { VERSION = 0x10D00, CHUNK_DEFAULT = 32768 };

static enum pod_wim_compression compression_of(uint32_t flags)
{
	if (!(flags & F_COMPRESSED))
		return POD_WIM_RAW;
	switch (flags & (F_XPRESS | F_LZX | F_LZMS | F_XPRESS2)) {
	case F_XPRESS:
	case F_XPRESS2:
		return POD_WIM_XPRESS;
	case F_LZX:
		return POD_WIM_LZX;
	case F_LZMS:
		return POD_WIM_LZMS;
	default:
		return POD_WIM_OTHER;
	}
}

enum pod_status pod_wim_open(struct pod_wim *w, struct pod_dev *dev, struct pod_alloc *a, struct pod_diag *diag)
{
	uint8_t h[POD_WIM_HEADER];
	*w = (struct pod_wim){0};
	if (dev->size_bytes < sizeof h)
		return POD_E_FORMAT;
	POD_TRY(pod_dev_read(dev, 0, h, sizeof h));
	if (memcmp(h, "MSWIM\0\0\0", 8) != 0)
		return POD_E_FORMAT;
	uint32_t len = pod_get_le32(h + 8), version = pod_get_le32(h + 12), images = pod_get_le32(h + 44);
	if (len != POD_WIM_HEADER)
		return pod_fail(diag, POD_E_CORRUPT, "header size", 8, POD_WIM_HEADER, len);
	if (version != VERSION && version != POD_WIM_VERSION_SOLID)
		return pod_fail(diag, POD_E_UNSUPPORTED, "version", 12, VERSION, version);
	if (images > POD_WIM_IMAGES_MAX)
		return pod_fail(diag, POD_E_LIMIT, "image count", 44, POD_WIM_IMAGES_MAX, images);
	w->dev = dev;
	w->alloc = a;
	w->version = version;
	w->flags = pod_get_le32(h + WIM_AT_FLAGS);
	w->chunk_size = pod_get_le32(h + 20);
	w->compression = compression_of(w->flags);
	if (!w->chunk_size && w->compression != POD_WIM_RAW)
		w->chunk_size = CHUNK_DEFAULT;
	memcpy(w->guid, h + 24, 16);
	w->part = pod_get_le16(h + 40);
	w->parts = pod_get_le16(h + 42);
	w->image_count = images;
	w->boot_index = pod_get_le32(h + WIM_AT_BOOT_INDEX);
	wim_get_res(h + WIM_AT_TABLE, &w->blob_table);
	wim_get_res(h + WIM_AT_XML, &w->xml);
	wim_get_res(h + WIM_AT_BOOT, &w->boot_metadata);
	wim_get_res(h + WIM_AT_INTEGRITY, &w->integrity);
	return POD_OK;
}

static void forget_image(struct pod_wim *w)
{
	pod_free(w->alloc, w->meta);
	w->meta = NULL;
	w->meta_len = 0;
	w->image = 0;
}

void pod_wim_close(struct pod_wim *w)
{
	if (!w || !w->alloc)
		return;
	forget_image(w);
	wim_table_free(w);
	wim_chunks_free(w);
	*w = (struct pod_wim){0};
}

static enum pod_status find_root(struct pod_wim *w, struct pod_diag *diag)
{
	struct wim_entry e;
	uint32_t security = w->meta_len >= 8 ? pod_get_le32(w->meta) : 0;
	w->root = (size_t)pod_align_up(security < 8 ? 8 : security, 8);
	if (security > w->meta_len || wim_entry_get(w, w->root, &e) != POD_OK)
		return pod_fail(diag, POD_E_CORRUPT, "root directory", w->root, w->meta_len, security);
	if (!(pod_get_le32(w->meta + w->root + WIM_DE_ATTRIBUTES) & POD_WIM_ATTR_DIRECTORY))
		return pod_fail(diag, POD_E_CORRUPT, "root directory", w->root, POD_WIM_ATTR_DIRECTORY, 0);
	return POD_OK;
}

enum pod_status pod_wim_select(struct pod_wim *w, uint32_t image, struct pod_diag *diag)
{
	const uint8_t *blob;
	uint32_t no;
	if (w->image && w->image == image)
		return POD_OK;
	forget_image(w);
	if (!image || image > w->image_count)
		return POD_E_NOT_FOUND;
	if (w->parts > 1 || w->flags & POD_WIM_SPANNED)
		return pod_fail(diag, POD_E_UNSUPPORTED, "split WIM", 40, 1, w->parts);
	POD_TRY(wim_table_load(w, diag));
	enum pod_status st = wim_table_metadata(w, image, &no);
	if (st == POD_E_NOT_FOUND)
		return pod_fail(diag, POD_E_CORRUPT, "metadata of an image", w->blob_table.offset_bytes, w->image_count, image);
	POD_TRY(st);
	POD_TRY(wim_table_entry(w, no, &blob));
	wim_get_res(blob, &w->meta_res);
	POD_TRY(wim_load(w, &w->meta_res, POD_WIM_METADATA_MAX, "metadata", &w->meta, diag));
	w->meta_len = (size_t)w->meta_res.size_bytes;
	st = find_root(w, diag);
	if (st == POD_OK)
		w->image = image;
	else
		forget_image(w);
	return st;
}

/* --- content ---------------------------------------------------------------------------------------------- */

enum pod_status pod_wim_read(struct pod_wim *w, const struct pod_wim_node *node, uint64_t off, void *buf, size_t len)
{
	if (node->is_dir)
		return POD_E_INVALID;
	if (!node->has_res && !pod_all_zero(node->sha1, sizeof node->sha1))
		return POD_E_NOT_FOUND;
	if (!pod_in_range(off, len, node->size_bytes))
		return POD_E_RANGE;
	return pod_wim_read_res(w, &node->res, off, buf, len, NULL);
}

static enum pod_status file_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct pod_wim_file *f = d->ctx;
	return pod_wim_read_res(f->w, &f->res, off, buf, len, NULL);
}

enum pod_status pod_wim_dev(struct pod_wim *w, const struct pod_wim_node *node, struct pod_wim_file *out)
{
	if (node->is_dir)
		return POD_E_INVALID;
	if (!node->has_res && !pod_all_zero(node->sha1, sizeof node->sha1))
		return POD_E_NOT_FOUND;
	*out = (struct pod_wim_file){.w = w, .res = node->res};
	out->dev = (struct pod_dev){.size_bytes = node->size_bytes,
				    .sector_size = 512,
				    .read_only = true,
				    .read = file_read,
				    .ctx = out,
				    .budget = w->dev->budget};
	return POD_OK;
}

const char *pod_wim_compression_text(enum pod_wim_compression c)
{
	static const char *const text[] = {
		[POD_WIM_RAW] = "none",	 [POD_WIM_XPRESS] = "XPRESS", [POD_WIM_LZX] = "LZX",
		[POD_WIM_LZMS] = "LZMS", [POD_WIM_OTHER] = "other",
	};
	return text[c];
}

const char *pod_wim_not_bootable(const struct pod_wim *w)
{
	if (w->parts > 1 || w->flags & POD_WIM_SPANNED)
		return "split WIM";
	if (w->compression == POD_WIM_LZMS)
		return "LZMS";
	if (w->version == POD_WIM_VERSION_SOLID)
		return "solid";
	if (w->compression != POD_WIM_RAW && w->chunk_size != CHUNK_DEFAULT)
		return "chunk size";
	return NULL;
}

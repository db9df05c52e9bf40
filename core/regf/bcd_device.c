/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices in a boot configuration.
 *
 * An element of kind device is a GUID (the options' object of a ramdisk, else zeros) and a device. No standard; after stores that
 * bcdedit wrote. A device within another one is a whole device again.
 *
 *   +0x00  4  type, +0x04 4 flags, +0x08 4 length from here, +0x0C 4 zero
 *   +0x10     boot (5)             56 zeros
 *             partition (6)        MBR: u64 its offset, u64 0, u32 0, u32 1, u32 disk's signature; GPT: its GUID, u32 0, u32 0, disk's
 *                                  GUID; zeros up to 56
 *             locate (8)           u32 1, u32 0, u32 0, path; or u32 0, u32 element, u32 where the parent begins (0: none), u16 0, parent
 *             file (0)             u32 5; then as `path` below
 *             VHD (0)              u32 6, 20 zeros, the file as a device
 *             ramdisk (0; flag 1)  u32 3, 20 zeros; then as `path` below
 *   `path`: u32 1, u32 its length from here, u32 5, the device it is on, the path
 *
 * Paths are UTF-16 with a terminator. What stands behind it is of no account (bcdedit leaves what was in its memory).
 */
#include "core/regf/bcd.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

enum {
	TYPE_BLOCK = 0,
	TYPE_BOOT = 5,
	TYPE_PARTITION = 6,
	TYPE_LOCATE = 8,
	BLOCK_RAMDISK = 3,
	BLOCK_FILE = 5,
	BLOCK_VHD = 6,
	HEAD = 16,
	FIXED = 56, /* body of boot and partition */
	LOCATE_HEAD = 12,
	BLOCK_HEAD = 24, /* of a VHD and a ramdisk */
	PATH_HEAD = 12,
};

/* --- writing ------------------------------------------------------------------------------------------------- */

struct out {
	uint8_t *p;
	size_t size, n;
};

static enum pod_status room(struct out *w, size_t len, uint8_t **p)
{
	if (len > w->size - w->n)
		return POD_E_LIMIT;
	*p = memset(w->p + w->n, 0, len);
	w->n += len;
	return POD_OK;
}

static enum pod_status put_path(struct out *w, const char *path)
{
	const char *end = path + pod_strlen(path);
	uint8_t *p;
	while (path != end) {
		const char *from = path;
		uint32_t cp = pod_utf8_next(&path, (size_t)(end - path));
		if (cp == 0xFFFD && path - from == 1)
			return POD_E_INVALID;
		uint16_t unit[2];
		unsigned units = pod_utf16_put(unit, cp);
		POD_TRY(room(w, 2 * units, &p));
		for (unsigned i = 0; i < units; i++)
			pod_put_le16(p + 2 * (size_t)i, unit[i]);
	}
	return room(w, 2, &p);
}

static enum pod_status put_partition(struct out *w, const struct pod_bcd_device *d)
{
	uint8_t *p;
	POD_TRY(room(w, FIXED, &p));
	if (d->gpt) {
		memcpy(p, d->partition, 16);
		memcpy(p + 24, d->disk, 16);
	} else {
		pod_put_le64(p, d->offset_bytes);
		pod_put_le32(p + 20, 1);
		pod_put_le32(p + 24, d->signature);
	}
	return POD_OK;
}

/* What all of them begin with, and the fields in front of what is inside; `start` is where the device begins, `inner` where that does. */
static enum pod_status put_head(struct out *w, const struct pod_bcd_device *d)
{
	bool block = d->kind == POD_BCD_FILE || d->kind == POD_BCD_VHD || d->kind == POD_BCD_RAMDISK;
	uint8_t *p;
	POD_TRY(room(w, HEAD, &p));
	switch (d->kind) {
	case POD_BCD_BOOT:
		pod_put_le32(p, TYPE_BOOT);
		return room(w, FIXED, &p);
	case POD_BCD_PARTITION:
		pod_put_le32(p, TYPE_PARTITION);
		return put_partition(w, d);
	case POD_BCD_LOCATE_PATH:
	case POD_BCD_LOCATE_ELEMENT:
		pod_put_le32(p, TYPE_LOCATE);
		POD_TRY(room(w, LOCATE_HEAD, &p));
		if (d->kind == POD_BCD_LOCATE_PATH) {
			pod_put_le32(p, 1);
			return d->path ? put_path(w, d->path) : POD_E_INVALID;
		}
		pod_put_le32(p + 4, d->element);
		pod_put_le32(p + 8, d->parent ? HEAD + LOCATE_HEAD + 2 : 0);
		return room(w, 2, &p);
	default:
		break;
	}
	if (!block || !d->parent || (d->kind == POD_BCD_VHD ? d->parent->kind != POD_BCD_FILE : !d->path))
		return POD_E_INVALID;
	pod_put_le32(p + 4, d->kind == POD_BCD_RAMDISK);
	POD_TRY(room(w, d->kind == POD_BCD_FILE ? 4 : BLOCK_HEAD, &p));
	pod_put_le32(p, d->kind == POD_BCD_FILE ? BLOCK_FILE : d->kind == POD_BCD_VHD ? BLOCK_VHD : BLOCK_RAMDISK);
	if (d->kind == POD_BCD_VHD)
		return POD_OK;
	POD_TRY(room(w, PATH_HEAD, &p));
	pod_put_le32(p, 1);
	pod_put_le32(p + 8, 5);
	return POD_OK;
}

enum pod_status pod_bcd_encode(const struct pod_bcd_device *d, uint8_t *out, size_t size, size_t *len_out)
{
	const struct pod_bcd_device *at[POD_BCD_DEPTH_MAX];
	size_t start[POD_BCD_DEPTH_MAX], inner[POD_BCD_DEPTH_MAX];
	struct out w = {out, size, 0};
	uint32_t n = 0;
	uint8_t *p;
	POD_TRY(room(&w, 16, &p));
	/* Inwards the heads, outwards again the paths and lengths. */
	for (; d; n++) {
		if (n == POD_BCD_DEPTH_MAX)
			return POD_E_LIMIT;
		if (d->kind == POD_BCD_RAMDISK)
			memcpy(out, d->options, 16);
		at[n] = d;
		start[n] = w.n;
		POD_TRY(put_head(&w, d));
		inner[n] = w.n;
		d = d->kind == POD_BCD_BOOT || d->kind == POD_BCD_PARTITION || d->kind == POD_BCD_LOCATE_PATH ? NULL : d->parent;
	}
	while (n--) {
		if (at[n]->kind == POD_BCD_FILE || at[n]->kind == POD_BCD_RAMDISK) {
			POD_TRY(put_path(&w, at[n]->path));
			pod_put_le32(out + inner[n] - 8, (uint32_t)(w.n - (inner[n] - PATH_HEAD)));
		}
		pod_put_le32(out + start[n] + 8, (uint32_t)(w.n - start[n]));
	}
	*len_out = w.n;
	return POD_OK;
}

/* --- reading -------------------------------------------------------------------------------------------------- */

/* A path, up to its terminator or the end. */
static enum pod_status get_path(struct pod_bcd_decoded *d, struct pod_bcd_device *dev, const uint8_t *p, size_t len)
{
	size_t units = 0;
	while (units < len / 2 && pod_get_le16(p + units * 2))
		units++;
	char *text = d->text + d->text_len;
	POD_TRY(pod_utf16le_to_utf8(p, units, text, sizeof d->text - d->text_len));
	d->text_len += (uint32_t)pod_strlen(text) + 1;
	dev->path = text;
	return POD_OK;
}

/* What is inside, if anything is. */
struct inner {
	const uint8_t *p;
	size_t len;
};

static enum pod_status get_locate(struct pod_bcd_decoded *d, struct pod_bcd_device *dev, const uint8_t *p, size_t len,
				  struct inner *in)
{
	if (len < HEAD + LOCATE_HEAD)
		return POD_E_CORRUPT;
	uint32_t by_path = pod_get_le32(p + HEAD), parent = pod_get_le32(p + HEAD + 8);
	if (parent && (parent < HEAD + LOCATE_HEAD || parent > len))
		return POD_E_CORRUPT;
	if (parent)
		*in = (struct inner){p + parent, len - parent};
	dev->kind = by_path ? POD_BCD_LOCATE_PATH : POD_BCD_LOCATE_ELEMENT;
	dev->element = by_path ? 0 : pod_get_le32(p + HEAD + 4);
	size_t end = parent ? parent : len;
	return by_path ? get_path(d, dev, p + HEAD + LOCATE_HEAD, end - HEAD - LOCATE_HEAD) : POD_OK;
}

/* `p` is where the fields in front of the inner device and the path begin. */
static enum pod_status get_file(struct pod_bcd_decoded *d, struct pod_bcd_device *dev, const uint8_t *p, size_t len,
				struct inner *in)
{
	if (len < PATH_HEAD + HEAD)
		return POD_E_CORRUPT;
	size_t inner = pod_get_le32(p + PATH_HEAD + 8);
	if (inner < HEAD || inner > len - PATH_HEAD)
		return POD_E_CORRUPT;
	*in = (struct inner){p + PATH_HEAD, inner};
	return get_path(d, dev, p + PATH_HEAD + inner, len - PATH_HEAD - inner);
}

static enum pod_status get_block(struct pod_bcd_decoded *d, struct pod_bcd_device *dev, const uint8_t *p, size_t len,
				 struct inner *in)
{
	if (len < HEAD + 4)
		return POD_E_CORRUPT;
	uint32_t what = pod_get_le32(p + HEAD);
	if (what == BLOCK_FILE) {
		dev->kind = POD_BCD_FILE;
		return get_file(d, dev, p + HEAD + 4, len - HEAD - 4, in);
	}
	if (what != BLOCK_VHD && what != BLOCK_RAMDISK) {
		dev->kind = POD_BCD_UNKNOWN;
		return POD_OK;
	}
	if (len < HEAD + BLOCK_HEAD)
		return POD_E_CORRUPT;
	*in = (struct inner){p + HEAD + BLOCK_HEAD, len - HEAD - BLOCK_HEAD};
	dev->kind = what == BLOCK_VHD ? POD_BCD_VHD : POD_BCD_RAMDISK;
	return what == BLOCK_VHD ? POD_OK : get_file(d, dev, in->p, in->len, in);
}

static enum pod_status get_partition(struct pod_bcd_device *dev, const uint8_t *p, size_t len)
{
	if (len < HEAD + FIXED)
		return POD_E_CORRUPT;
	dev->kind = POD_BCD_PARTITION;
	dev->gpt = pod_get_le32(p + HEAD + 20) == 0;
	if (dev->gpt) {
		memcpy(dev->partition, p + HEAD, 16);
		memcpy(dev->disk, p + HEAD + 24, 16);
	} else {
		dev->offset_bytes = pod_get_le64(p + HEAD);
		dev->signature = pod_get_le32(p + HEAD + 24);
	}
	return POD_OK;
}

static enum pod_status get_device(struct pod_bcd_decoded *d, struct pod_bcd_device *dev, struct inner *in)
{
	const uint8_t *p = in->p;
	if (in->len < HEAD)
		return POD_E_CORRUPT;
	size_t len = pod_get_le32(p + 8);
	if (len < HEAD || len > in->len)
		return POD_E_CORRUPT;
	*in = (struct inner){0};
	*dev = (struct pod_bcd_device){.type = pod_get_le32(p)};
	switch (dev->type) {
	case TYPE_BOOT:
		dev->kind = POD_BCD_BOOT;
		return POD_OK;
	case TYPE_PARTITION:
		return get_partition(dev, p, len);
	case TYPE_LOCATE:
		return get_locate(d, dev, p, len, in);
	case TYPE_BLOCK:
		return get_block(d, dev, p, len, in);
	default:
		dev->kind = POD_BCD_UNKNOWN;
		return POD_OK;
	}
}

enum pod_status pod_bcd_decode(struct pod_bcd_decoded *d, const uint8_t *data, size_t len)
{
	d->count = d->text_len = 0;
	if (len < 16)
		return POD_E_CORRUPT;
	struct inner in = {data + 16, len - 16};
	while (in.p) {
		struct pod_bcd_device *dev = &d->device[d->count];
		if (d->count == POD_BCD_DEPTH_MAX)
			return POD_E_LIMIT;
		POD_TRY(get_device(d, dev, &in));
		if (dev->kind == POD_BCD_RAMDISK)
			memcpy(dev->options, data, 16);
		if (d->count++)
			dev[-1].parent = dev;
	}
	return POD_OK;
}

const struct pod_bcd_device *pod_bcd_find(const struct pod_bcd_decoded *d, enum pod_bcd_device_kind kind)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (d->device[i].kind == kind)
			return &d->device[i];
	return NULL;
}

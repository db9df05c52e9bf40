/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parent locator ([MS-VHDX] 2.6.2.6): a list of keys and values in UTF-16LE.
 *   +0 16 LocatorType B04AEFB7-D19E-4A81-B789-25B8E9445913  +18 2 KeyValueCount, then for each:
 *   +0 4 KeyOffset  +4 4 ValueOffset (from the start of the item)  +8 2 KeyLength  +10 2 ValueLength (bytes)
 */
#include "core/vhd/vhdx_int.h"

const uint8_t vhdx_locator_type[16] = {0xb7, 0xef, 0x4a, 0xb0, 0x9e, 0xd1, 0x81, 0x4a,
				       0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13};

enum { KEY_LINKAGE, KEY_LINKAGE2, KEY_RELATIVE, KEY_VOLUME, KEY_ABSOLUTE, KEYS };
static const char *const key_name[KEYS] = {"parent_linkage", "parent_linkage2", "relative_path", "volume_path",
					   "absolute_win32_path"};

#define KEYS_MAX 256u

void vhdx_parent_free(struct pod_vhdx *x)
{
	for (unsigned i = 0; i < POD_PARENT_PATHS; i++) {
		pod_free(x->alloc, x->parent.path[i]);
		x->parent.path[i] = NULL;
	}
}

static enum pod_status take(struct pod_vhdx *x, unsigned key, const uint8_t *value, uint32_t len)
{
	if (key == KEY_LINKAGE || key == KEY_LINKAGE2) {
		char text[64];
		if (pod_utf16le_to_utf8(value, len / 2, text, sizeof text) != POD_OK ||
		    !pod_guid_parse(text, key == KEY_LINKAGE ? x->parent.linkage : x->parent.linkage2))
			return POD_E_CORRUPT;
		return POD_OK;
	}
	char **path = &x->parent.path[key - KEY_RELATIVE];
	size_t size = len / 2 * 3 + 1; /* a unit of UTF-16 takes at most three bytes */
	if (size > POD_VHD_PATH_MAX)
		size = POD_VHD_PATH_MAX;
	if (*path)
		return POD_E_CORRUPT;
	*path = x->alloc->alloc(x->alloc, size);
	return *path ? pod_utf16le_to_utf8(value, len / 2, *path, size) : POD_E_NOMEM;
}

static enum pod_status parse(struct pod_vhdx *x, const uint8_t *p, uint32_t len)
{
	uint32_t count = len >= 20 ? pod_get_le16(p + 18) : 0;
	if (len < 20 || memcmp(p, vhdx_locator_type, 16) != 0)
		return POD_E_UNSUPPORTED;
	if (count > KEYS_MAX || 20 + 12 * count > len)
		return POD_E_CORRUPT;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *e = p + 20 + 12 * (size_t)i;
		uint32_t key_off = pod_get_le32(e), value_off = pod_get_le32(e + 4), key_len = pod_get_le16(e + 8),
			 value_len = pod_get_le16(e + 10);
		char name[32];
		if (!pod_in_range(key_off, key_len, len) || !pod_in_range(value_off, value_len, len))
			return POD_E_CORRUPT;
		if (pod_utf16le_to_utf8(p + key_off, key_len / 2, name, sizeof name) != POD_OK)
			continue; /* longer than any key we know */
		for (unsigned k = 0; k < KEYS; k++)
			if (pod_streq(name, key_name[k]))
				POD_TRY(take(x, k, p + value_off, value_len));
	}
	return pod_guid_is_zero(x->parent.linkage) ? POD_E_CORRUPT : POD_OK;
}

enum pod_status vhdx_parent_read(struct pod_vhdx *x, struct pod_diag *diag)
{
	uint32_t index, off = 0, len = 0;
	enum pod_status st = vhdx_item_find(x, VHDX_PARENT_LOCATOR, &index, &off, &len);
	if (st != POD_OK)
		return pod_fail(diag, st == POD_E_NOT_FOUND ? POD_E_CORRUPT : st, "Parent Locator", x->meta_off + off, 1, 0);
	uint8_t *p = x->alloc->alloc(x->alloc, len);
	if (!p)
		return POD_E_NOMEM;
	for (uint32_t done = 0; done < len && st == POD_OK;) {
		const uint8_t *page;
		uint64_t at = x->meta_off + off + done;
		uint32_t in = (uint32_t)at & (VHDX_PAGE - 1), n = (uint32_t)pod_min_u64(len - done, VHDX_PAGE - in);
		st = pod_pages_get(&x->pages, at, &page);
		if (st == POD_OK)
			memcpy(p + done, page + in, n);
		done += n;
	}
	if (st == POD_OK)
		st = parse(x, p, len);
	pod_free(x->alloc, p);
	return st == POD_OK || st == POD_E_NOMEM || st == POD_E_IO
		       ? st
		       : pod_fail(diag, st, "Parent Locator", x->meta_off + off, 1, 0);
}

/* --- making one ----------------------------------------------------------------------------------------- */

struct builder {
	uint8_t *out;
	size_t size, at; /* where the next string goes */
	uint32_t entries;
};

/* Appends a string as UTF-16LE; returns its length in bytes, or fails. */
static enum pod_status put_text(struct builder *b, const char *s, uint32_t *off, uint32_t *len)
{
	const char *end = s + pod_strlen(s);
	*off = (uint32_t)b->at;
	while (s < end) {
		uint16_t unit[2];
		unsigned units = pod_utf16_put(unit, pod_utf8_next(&s, (size_t)(end - s)));
		if (b->size - b->at < 4)
			return POD_E_LIMIT;
		for (unsigned i = 0; i < units; i++, b->at += 2)
			pod_put_le16(b->out + b->at, unit[i]);
	}
	*len = (uint32_t)b->at - *off;
	return *len > 0xffff ? POD_E_LIMIT : POD_OK;
}

static enum pod_status put_pair(struct builder *b, unsigned key, const char *value)
{
	uint8_t *e = b->out + 20 + 12 * (size_t)b->entries++;
	uint32_t off, len;
	POD_TRY(put_text(b, key_name[key], &off, &len));
	pod_put_le32(e, off);
	pod_put_le16(e + 8, (uint16_t)len);
	POD_TRY(put_text(b, value, &off, &len));
	pod_put_le32(e + 4, off);
	pod_put_le16(e + 10, (uint16_t)len);
	return POD_OK;
}

enum pod_status vhdx_locator_build(const struct pod_parent_spec *p, uint8_t *out, size_t size, size_t *len)
{
	struct builder b = {.out = out, .size = size, .at = 20 + 12 * KEYS};
	char text[POD_GUID_TEXT];
	if (size < b.at)
		return POD_E_LIMIT;
	memset(out, 0, size);
	memcpy(out, vhdx_locator_type, 16);
	pod_guid_text(p->linkage, text);
	POD_TRY(put_pair(&b, KEY_LINKAGE, text));
	if (!pod_guid_is_zero(p->linkage2)) {
		pod_guid_text(p->linkage2, text);
		POD_TRY(put_pair(&b, KEY_LINKAGE2, text));
	}
	for (unsigned i = 0; i < POD_PARENT_PATHS; i++)
		if (p->path[i])
			POD_TRY(put_pair(&b, KEY_RELATIVE + i, p->path[i]));
	pod_put_le16(out + 18, (uint16_t)b.entries);
	*len = b.at;
	return POD_OK;
}

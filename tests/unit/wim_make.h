/* SPDX-License-Identifier: BSD-2-Clause */
/* WIM files made byte by byte, with what a sound writer never writes as well. */
#ifndef POD_TESTS_WIM_MAKE_H
#define POD_TESTS_WIM_MAKE_H

#include "core/base/bytes.h"
#include "core/base/sha1.h"
#include "core/disk/dev.h"
#include "tests/unit/test.h"

#define WM_FILE (1u << 19)
#define WM_META 16384u

struct wim_make {
	uint8_t file[WM_FILE];
	size_t len;
	uint8_t table[50 * 3072];
	size_t entries;
	uint8_t meta[WM_META];
	size_t meta_len;
	uint32_t images, flags;
	struct pod_memdev dev;
};

static inline void wm_sha1(const void *data, size_t len, uint8_t out[20])
{
	struct pod_sha1 s;
	pod_sha1_init(&s);
	pod_sha1_update(&s, data, len);
	pod_sha1_final(&s, out);
}

static inline void wm_res(uint8_t *p, uint64_t off, uint64_t stored, uint64_t size, uint8_t flags)
{
	pod_put_le64(p, stored);
	p[7] = flags;
	pod_put_le64(p + 8, off);
	pod_put_le64(p + 16, size);
}

static inline void wm_init(struct wim_make *m)
{
	memset(m, 0, sizeof *m);
	m->len = 208;
}

/* Stored bytes of a resource, named in the table. */
static inline uint8_t *wm_entry(struct wim_make *m, const void *stored, size_t stored_len, uint64_t size, uint8_t flags,
				const uint8_t *sha1)
{
	uint8_t *e = m->table + 50 * m->entries++;
	memcpy(m->file + m->len, stored, stored_len);
	wm_res(e, m->len, stored_len, size, flags);
	pod_put_le16(e + 24, 1);
	pod_put_le32(e + 26, 1);
	memcpy(e + 30, sha1, 20);
	m->len += stored_len;
	return e;
}

static inline uint8_t *wm_blob(struct wim_make *m, const void *data, size_t len, uint8_t sha1[20])
{
	wm_sha1(data, len, sha1);
	return wm_entry(m, data, len, len, 0, sha1);
}

/* --- metadata --------------------------------------------------------------------------------------------- */

/* Security data, and the root, whose list begins at *children when wm_children sets it. */
static inline size_t wm_dentry(struct wim_make *m, uint32_t attributes, const char *name, const uint8_t *sha1, uint64_t link)
{
	size_t at = m->meta_len, n = 0;
	uint8_t *p = m->meta + at;
	for (; name[n]; n++)
		pod_put_le16(p + 102 + 2 * n, (uint8_t)name[n]);
	uint64_t len = pod_align_up(102 + (n ? 2 * n + 2 : 0), 8);
	pod_put_le64(p, len);
	pod_put_le32(p + 8, attributes);
	pod_put_le32(p + 12, UINT32_MAX);
	for (size_t t = 40; t < 64; t += 8)
		pod_put_le64(p + t, 132000000000000000);
	if (sha1)
		memcpy(p + 64, sha1, 20);
	pod_put_le64(p + 88, link);
	pod_put_le16(p + 100, (uint16_t)(2 * n));
	m->meta_len += (size_t)len;
	return at;
}

/* Adds a stream to the entry made last, which lies at `entry`. */
static inline void wm_stream(struct wim_make *m, size_t entry, const char *name, const uint8_t *sha1)
{
	uint8_t *p = m->meta + m->meta_len;
	size_t n = 0;
	for (; name[n]; n++)
		pod_put_le16(p + 38 + 2 * n, (uint8_t)name[n]);
	uint64_t len = pod_align_up(38 + (n ? 2 * n + 2 : 0), 8);
	pod_put_le64(p, len);
	memcpy(p + 16, sha1, 20);
	pod_put_le16(p + 36, (uint16_t)(2 * n));
	m->meta_len += (size_t)len;
	pod_put_le16(m->meta + entry + 96, (uint16_t)(pod_get_le16(m->meta + entry + 96) + 1));
}

static inline size_t wm_root(struct wim_make *m)
{
	memset(m->meta, 0, sizeof m->meta);
	pod_put_le32(m->meta, 8);
	m->meta_len = 8;
	size_t root = wm_dentry(m, 0x10, "", NULL, 0);
	m->meta_len += 8;
	return root;
}

/* What comes next are the children of a directory. */
static inline void wm_children(struct wim_make *m, size_t dir)
{
	pod_put_le64(m->meta + dir + 16, m->meta_len);
}

static inline void wm_end(struct wim_make *m)
{
	m->meta_len += 8;
}

static inline void wm_image(struct wim_make *m)
{
	uint8_t sha1[20];
	wm_sha1(m->meta, m->meta_len, sha1);
	wm_entry(m, m->meta, m->meta_len, m->meta_len, 2, sha1);
	m->images++;
}

/* --- the file --------------------------------------------------------------------------------------------- */

static inline void wm_header(struct wim_make *m, const char *xml)
{
	uint8_t *h = m->file;
	size_t xml_len = 2;
	memcpy(h, "MSWIM\0\0", 8);
	pod_put_le32(h + 8, 208);
	pod_put_le32(h + 12, 0x10D00);
	pod_put_le32(h + 16, m->flags);
	pod_put_le32(h + 20, 32768);
	pod_put_le16(h + 40, 1);
	pod_put_le16(h + 42, 1);
	pod_put_le32(h + 44, m->images);
	wm_res(h + 48, m->len, 50 * m->entries, 50 * m->entries, 2);
	memcpy(m->file + m->len, m->table, 50 * m->entries);
	m->len += 50 * m->entries;
	pod_put_le16(m->file + m->len, 0xfeff);
	for (; *xml; xml++, xml_len += 2)
		pod_put_le16(m->file + m->len + xml_len, (uint8_t)*xml);
	wm_res(h + 72, m->len, xml_len, xml_len, 2);
	m->len += xml_len;
	memset(h + 124, 0x5a, 24); /* an integrity table, of sorts */
	pod_memdev_init(&m->dev, m->file, m->len, 512, true);
}

#endif

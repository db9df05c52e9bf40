/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rock Ridge: SUSP 1.12 (IEEE P1281) and RRIP 1.12 (IEEE P1282), as far as a boot loader needs them.
 *
 * System Use entries: +0 2 signature, +2 1 length, +3 1 version (1), +4 data. Used here:
 *   SP  +4 BEh EFh, +6 1 LEN_SKP; first entry of the root directory's "." record (at +14 there on CD-ROM XA)
 *   CE  +4 8 block, +12 8 offset, +20 8 length, all both-endian: the area goes on there
 *   ST  the area ends here
 *   NM  +4 1 flags (01h continues in the next NM, 02h ".", 04h ".."), +5 name
 *   PX  +4 8 st_mode, both-endian
 *   SL  +4 1 flags, +5 components: +0 1 flags (01h goes on in the next, 02h ".", 04h "..", 08h "/"), +1 1 length, +2 text
 *   CL  +4 8 block of the directory that this record stands for
 *   RE  this directory is reached through a CL elsewhere; not listed here
 *
 * An entry that does not fit its area ends the walk: what was understood so far counts. Continuation chains are followed
 * CE_MAX times. A name that exceeds our buffer hides the entry; a link that does is reported by readlink.
 */
#include "core/fs/iso9660_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define CE_MAX 32u

enum { SUSP_HEADER = 4 };
enum { S_TYPE = 0170000, S_LINK = 0120000, S_DIR = 0040000, S_REG = 0100000 };

/* Appends bytes as they are, without NUL or slash: writers split UTF-8 sequences between entries. */
static void append(char *buf, size_t size, size_t *len, bool *cut, const uint8_t *text, size_t n)
{
	if (n >= size - *len) {
		*cut = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		buf[*len + i] = text[i] && text[i] != '/' ? (char)text[i] : '?';
	*len += n;
	buf[*len] = 0;
}

/* Makes the collected text well-formed UTF-8; `tmp` holds at least `len` bytes. */
static void sanitise(char *buf, size_t size, size_t len, uint8_t *tmp, bool *cut)
{
	const char *s = (const char *)tmp, *end = s + len;
	size_t out = 0;
	memcpy(tmp, buf, len);
	while (s < end) {
		char utf8[4];
		size_t k = pod_utf8_put(utf8, pod_utf8_next(&s, (size_t)(end - s)));
		if (out + k >= size) {
			*cut = true;
			break;
		}
		memcpy(buf + out, utf8, k);
		out += k;
	}
	buf[out] = 0;
}

static void take_nm(struct iso_rr *rr, const uint8_t *e)
{
	if (!rr->name || e[2] <= 5 || (e[4] & 0x06))
		return;
	rr->has_name = true;
	append(rr->name, rr->name_size, &rr->name_len, &rr->name_cut, e + 5, e[2] - 5u);
}

static void put_link(struct iso_rr *rr, char c)
{
	if (rr->link_len + 1 >= rr->link_size) {
		rr->link_cut = true;
		return;
	}
	rr->link[rr->link_len++] = c;
	rr->link[rr->link_len] = 0;
}

static void take_sl(struct iso_rr *rr, const uint8_t *e)
{
	rr->has_link = true;
	if (!rr->link)
		return;
	for (uint32_t i = 5; i + 2 <= e[2] && i + 2 + e[i + 1] <= e[2]; i += 2u + e[i + 1]) {
		uint8_t flags = e[i];
		if (flags & 0x08) {
			put_link(rr, '/');
			continue;
		}
		if (rr->link_len && rr->link[rr->link_len - 1] != '/' && !rr->link_join)
			put_link(rr, '/');
		rr->link_join = flags & 0x01;
		if (flags & 0x04)
			put_link(rr, '.');
		if (flags & 0x06)
			put_link(rr, '.');
		else
			append(rr->link, rr->link_size, &rr->link_len, &rr->link_cut, e + i + 2, e[i + 1]);
	}
}

static void take_entry(struct iso_rr *rr, const uint8_t *e)
{
	uint32_t sig = (uint32_t)e[0] << 8 | e[1];
	switch (sig) {
	case 'N' << 8 | 'M':
		take_nm(rr, e);
		break;
	case 'S' << 8 | 'L':
		if (e[2] >= 5)
			take_sl(rr, e);
		break;
	case 'P' << 8 | 'X':
		if (e[2] >= 12) {
			rr->mode = iso_both32(e + 4) & S_TYPE;
			rr->special = rr->mode && rr->mode != S_LINK && rr->mode != S_DIR && rr->mode != S_REG;
		}
		break;
	case 'C' << 8 | 'L':
		if (e[2] >= 12) {
			rr->has_child = true;
			rr->child_block = iso_both32(e + 4);
		}
		break;
	case 'R' << 8 | 'E':
		rr->relocated = true;
		break;
	default:
		break;
	}
}

/* One area; *ce is set to its CE entry's place, if it has one. */
struct continuation {
	bool present;
	uint64_t at;
	uint32_t len;
};

static void walk_area(const struct pod_fs *fs, struct iso_rr *rr, const uint8_t *p, uint32_t len, struct continuation *ce)
{
	for (uint32_t i = 0; i + SUSP_HEADER <= len && p[i + 2] >= SUSP_HEADER && i + p[i + 2] <= len; i += p[i + 2]) {
		const uint8_t *e = p + i;
		if (e[0] == 'S' && e[1] == 'T')
			return;
		if (e[0] == 'C' && e[1] == 'E' && e[2] >= 28) {
			ce->present = true;
			ce->at = ((uint64_t)iso_both32(e + 4) << fs->priv[ISO_P_SHIFT]) + iso_both32(e + 12);
			ce->len = iso_both32(e + 20);
			continue;
		}
		take_entry(rr, e);
	}
}

enum pod_status iso_rr_parse(struct pod_fs *fs, const uint8_t *record, struct iso_rr *rr)
{
	struct iso_mem *m = fs->priv_mem;
	uint32_t start = 33u + record[32] + !(record[32] & 1) + (uint32_t)fs->priv[ISO_P_SKIP];
	struct continuation ce = {0};
	if (start >= record[0])
		return POD_OK;
	walk_area(fs, rr, record + start, record[0] - start, &ce);
	for (uint32_t hops = 0; ce.present && hops < CE_MAX; hops++) {
		uint32_t len = (uint32_t)pod_min_u64(ce.len, sizeof m->area);
		uint64_t at = ce.at;
		if (!pod_in_range(at, len, fs->dev->size_bytes))
			break;
		POD_TRY(pod_dev_read(fs->dev, at, m->area, len));
		ce.present = false;
		walk_area(fs, rr, m->area, len, &ce);
	}
	_Static_assert(sizeof m->area >= POD_NAME_MAX, "a collected name fits the scratch area");
	if (rr->has_name)
		sanitise(rr->name, rr->name_size, rr->name_len, m->area, &rr->name_cut);
	if (rr->link_len)
		sanitise(rr->link, rr->link_size, rr->link_len, m->area, &rr->link_cut);
	/* A link by its mode without SL has no target; a link all the same. */
	if (rr->mode == S_LINK)
		rr->has_link = true;
	return POD_OK;
}

enum pod_status iso_rr_detect(struct pod_fs *fs, const uint8_t *record)
{
	static const uint32_t places[] = {0, 14};
	uint32_t start = 33u + record[32] + !(record[32] & 1);
	for (size_t i = 0; i < POD_ARRAY_LEN(places); i++) {
		uint32_t at = start + places[i];
		const uint8_t *e = record + at;
		if (at + 7 <= record[0] && e[0] == 'S' && e[1] == 'P' && e[2] >= 7 && e[4] == 0xBE && e[5] == 0xEF) {
			fs->priv[ISO_P_FLAGS] |= POD_ISO_ROCK_RIDGE;
			fs->priv[ISO_P_SKIP] = e[6];
			return POD_OK;
		}
	}
	return POD_OK;
}

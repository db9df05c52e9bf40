/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LVM2 physical volumes and the text that tells of their group. No standard has them; what lvm2 2.03.16 writes is the measure
 * (tests/interop/lvm.py). Numbers are little-endian, sectors have 512 bytes.
 *
 * The label, in one of the first four sectors:
 *   +0x00 8  "LABELONE"     +0x08 u64  number of its sector      +0x10 u32  sum from +0x14 to the sector's end
 *   +0x14 u32  offset of what follows (0x20)                     +0x18 8  "LVM2 001"
 *   then 32  identifier of the physical volume, u64 its size; pairs of u64 offset and size up to one of zeros: areas of data; the same again:
 *   areas of metadata, offsets from the volume's first byte
 *
 * An area of metadata begins with a sector:
 *   +0x00 u32  sum from +0x04 on   +0x04 16  " LVM2 x[5A%r0N*>"   +0x14 u32  version, 1   +0x18 u64  its own offset   +0x20 u64  size
 *   +0x28  places: u64 offset in the area, u64 length, u32 sum, u32 flags (1: not to be used); the first one is the text in force. A text
 *          that reaches the area's end goes on behind the first sector.
 *
 * Sums are CRC-32 with the start value 0xF597A6CF, not inverted at the end.
 *
 * The text: "key = value" and "key { ... }"; values are numbers, "strings" and [lists]; # begins a comment.
 *
 *   GROUP {
 *     id = "6-4-4-4-4-4-6 characters"     seqno = which of several texts is the newest     extent_size = SECTORS
 *     physical_volumes { pv0 { id = "..."  pe_start = SECTOR  pe_count = EXTENTS } ... }
 *     logical_volumes { NAME { status = ["VISIBLE", ...]  segment_count = N
 *       segment1 { start_extent = 0  extent_count = N  type = "striped"  stripe_count = 1  stripes = ["pv0", EXTENT] } ... } ... }
 *   }
 */
#include "core/disk/lvm.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	SECTOR = 512,
	LABEL_SECTORS = 4,
	ID = 32,
	TEXT_MAX = 256 << 10, /* some hundred volumes */
	AREAS_MAX = 4,
	DEPTH_MAX = 8,
	TEXT_PER_STEP = 16, /* each byte is looked at some times */
	IGNORED = 1,
};

/* A physical volume on this disk. */
struct pv {
	uint8_t id[ID];
	uint32_t number;
	uint64_t start_bytes, length_bytes;
	uint64_t area_bytes[AREAS_MAX], area_len[AREAS_MAX]; /* of metadata; length 0: none */
};

/* A part of the text. */
struct text {
	const char *p, *end;
};

struct item {
	struct text key, value; /* of a section: what is between the braces */
	bool section;
};

/* A group, and its own names for the physical volumes that are here. */
struct group {
	struct text name;
	struct {
		struct text name;
		const struct pv *pv;
		uint64_t first_sector, extents;
	} pv[POD_LVM_PV_MAX];
	size_t pvs;
	uint64_t extent_sectors;
};

struct reader {
	struct pod_dev *disk;
	struct pod_alloc *alloc;
	struct pod_lvm *out;
	struct pv pv[POD_LVM_PV_MAX];
	size_t pvs;
	/* Of those that were read: the same group is told by each of its physical volumes. */
	struct {
		uint8_t id[ID];
		uint64_t seqno;
	} group[POD_LVM_PV_MAX];
	size_t groups;
	struct group now;
};

static uint32_t sum_of(const void *data, size_t len)
{
	return ~pod_crc32(~0xF597A6CFu, data, len);
}

/* --- the text ---------------------------------------------------------------------------------------------- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' ||
	       c == '+';
}

static void skip_line(struct text *t)
{
	while (t->p < t->end && *t->p != '\n')
		t->p++;
}

static void skip_space(struct text *t)
{
	for (; t->p < t->end && (is_space(*t->p) || *t->p == '#'); t->p += t->p < t->end)
		if (*t->p == '#')
			skip_line(t);
}

/* t->p is on the quote that begins a string; then behind the one that ends it. */
static bool skip_string(struct text *t)
{
	for (t->p++; t->p < t->end && *t->p != '"'; t->p++)
		if (*t->p == '\\' && t->p + 1 < t->end)
			t->p++;
	return t->p < t->end && *t->p++ == '"';
}

/* t->p is behind the bracket or brace that opens something; then behind the one that closes it. */
static bool skip_nested(struct text *t, char open, char close)
{
	unsigned depth = 1;
	while (t->p < t->end) {
		if (*t->p == '"') {
			if (!skip_string(t))
				return false;
			continue;
		}
		if (*t->p == '#') {
			skip_line(t);
			continue;
		}
		char c = *t->p++;
		depth += c == open;
		if (depth > DEPTH_MAX)
			return false;
		if (c == close && --depth == 0)
			return true;
	}
	return false;
}

static bool skip_value(struct text *t, struct text *value)
{
	value->p = t->p;
	if (t->p < t->end && *t->p == '"') {
		if (!skip_string(t))
			return false;
	} else if (t->p < t->end && *t->p == '[') {
		t->p++;
		if (!skip_nested(t, '[', ']'))
			return false;
	} else {
		while (t->p < t->end && !is_space(*t->p) && *t->p != '}' && *t->p != '#')
			t->p++;
	}
	value->end = t->p;
	return value->end > value->p;
}

/* The next item of a section; false: it is over, and where t->p is not its end, it is damaged there. */
static bool next_item(struct text *t, struct item *i)
{
	skip_space(t);
	i->key.p = t->p;
	while (t->p < t->end && is_name(*t->p))
		t->p++;
	i->key.end = t->p;
	if (i->key.end == i->key.p)
		return false;
	skip_space(t);
	char c = t->p < t->end ? *t->p : 0;
	if (c != '=' && c != '{') {
		t->p = i->key.p;
		return false;
	}
	t->p++;
	i->section = c == '{';
	if (i->section) {
		i->value.p = t->p;
		bool closed = skip_nested(t, '{', '}');
		i->value.end = closed ? t->p - 1 : i->value.p;
		if (!closed)
			t->p = i->key.p;
		return closed;
	}
	skip_space(t);
	if (skip_value(t, &i->value))
		return true;
	t->p = i->key.p;
	return false;
}

static bool text_is(struct text t, const char *s)
{
	size_t n = pod_strlen(s);
	return (size_t)(t.end - t.p) == n && memcmp(t.p, s, n) == 0;
}

static bool same_text(struct text a, struct text b)
{
	return a.end - a.p == b.end - b.p && memcmp(a.p, b.p, (size_t)(a.end - a.p)) == 0;
}

/* The first item of this name in a section. */
static bool find_item(struct text section, const char *key, bool is_section, struct text *value)
{
	struct item i;
	while (next_item(&section, &i))
		if (i.section == is_section && text_is(i.key, key)) {
			*value = i.value;
			return true;
		}
	return false;
}

static bool read_number(struct text t, uint64_t *out)
{
	uint64_t n = 0;
	if (t.p == t.end)
		return false;
	for (; t.p < t.end; t.p++) {
		if (*t.p < '0' || *t.p > '9' || n > (UINT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(*t.p - '0');
	}
	*out = n;
	return true;
}

/* One up to `max`. */
static bool find_number(struct text section, const char *key, uint64_t max, uint64_t *out)
{
	struct text t;
	return find_item(section, key, false, &t) && read_number(t, out) && *out <= max;
}

/* Without its quotes. */
static bool find_string(struct text section, const char *key, struct text *out)
{
	if (!find_item(section, key, false, out) || out->end - out->p < 2 || *out->p != '"')
		return false;
	out->p++;
	out->end--;
	return true;
}

/* 32 characters with hyphens between them. */
static bool find_id(struct text section, const char *key, uint8_t id[ID])
{
	struct text t;
	size_t n = 0;
	if (!find_string(section, key, &t))
		return false;
	for (; t.p < t.end; t.p++) {
		if (*t.p == '-')
			continue;
		if (n == ID)
			return false;
		id[n++] = (uint8_t)*t.p;
	}
	return n == ID;
}

/* The next element of a list, from behind its bracket on: a string without its quotes, or a number. */
static bool next_element(struct text *t, struct text *out)
{
	while (t->p < t->end && (is_space(*t->p) || *t->p == ','))
		t->p++;
	out->p = t->p;
	if (t->p < t->end && *t->p == '"') {
		if (!skip_string(t))
			return false;
		out->p++;
		out->end = t->p - 1;
		return true;
	}
	while (t->p < t->end && is_name(*t->p))
		t->p++;
	out->end = t->p;
	return out->end > out->p;
}

static bool find_list(struct text section, const char *key, struct text *out)
{
	if (!find_item(section, key, false, out) || *out->p != '[')
		return false;
	out->p++;
	return true;
}

static bool list_has(struct text list, const char *word)
{
	struct text e;
	while (next_element(&list, &e))
		if (text_is(e, word))
			return true;
	return false;
}

/* --- a volume ---------------------------------------------------------------------------------------------- */

static void because(struct pod_lvm_volume *v, struct text why)
{
	size_t n = (size_t)pod_min_u64((uint64_t)(why.end - why.p), sizeof v->why - 1);
	for (size_t i = 0; i < n; i++)
		v->why[i] = is_name(why.p[i]) ? why.p[i] : '?';
	v->why[n] = 0;
}

static void because_it(struct pod_lvm_volume *v, const char *why)
{
	(void)pod_strlcpy(v->why, why, sizeof v->why);
}

/* One that goes on where the last of the same volume ends becomes one with it. */
static enum pod_status add_run(struct reader *r, size_t first, uint64_t start, uint64_t len)
{
	struct pod_lvm *l = r->out;
	void *p = l->run;
	if (l->runs > first && l->run[l->runs - 1].start_bytes + l->run[l->runs - 1].length_bytes == start) {
		l->run[l->runs - 1].length_bytes += len;
		return POD_OK;
	}
	enum pod_status st = pod_grow(r->alloc, &p, l->runs, &l->run_cap, l->runs + 1, sizeof *l->run, POD_LVM_RUN_MAX);
	l->run = p;
	if (st == POD_OK)
		l->run[l->runs++] = (struct pod_lvm_run){start, len};
	return st;
}

/* Of which physical volume, and from which extent of it on. */
static bool read_stripe(const struct group *g, struct text segment, size_t *pv, uint64_t *first)
{
	struct text list, name, number;
	if (!find_list(segment, "stripes", &list) || !next_element(&list, &name) || !next_element(&list, &number) ||
	    !read_number(number, first) || *first > UINT32_MAX)
		return false;
	for (*pv = 0; *pv < g->pvs; ++*pv)
		if (same_text(g->pv[*pv].name, name))
			return true;
	return false;
}

/* POD_E_UNSUPPORTED, POD_E_CORRUPT: the volume stays closed, and v->why says why. *extents: of the volume, so far. */
static enum pod_status read_segment(struct reader *r, struct text segment, struct pod_lvm_volume *v, size_t first_run,
				    uint64_t *extents)
{
	const struct group *g = &r->now;
	uint64_t start, count, stripes, first;
	struct text type;
	size_t pv;
	because_it(v, "damaged");
	if (!find_number(segment, "start_extent", UINT32_MAX, &start) ||
	    !find_number(segment, "extent_count", UINT32_MAX, &count) || !find_string(segment, "type", &type) ||
	    start != *extents || !count || start + count > UINT32_MAX)
		return POD_E_CORRUPT;
	if (!text_is(type, "striped")) {
		because(v, type);
		return POD_E_UNSUPPORTED;
	}
	if (!find_number(segment, "stripe_count", UINT32_MAX, &stripes))
		return POD_E_CORRUPT;
	if (stripes != 1) {
		because(v, type);
		return POD_E_UNSUPPORTED;
	}
	if (!read_stripe(g, segment, &pv, &first))
		return POD_E_CORRUPT;
	if (!g->pv[pv].pv) {
		because_it(v, "several disks");
		return POD_E_UNSUPPORTED;
	}
	/* The first sector and 2^31 times 2^32 are below 2^64. */
	uint64_t at = g->pv[pv].first_sector + first * g->extent_sectors, len = count * g->extent_sectors;
	if (first + count > g->pv[pv].extents || !pod_in_range(at, len, g->pv[pv].pv->length_bytes / SECTOR))
		return POD_E_CORRUPT;
	v->why[0] = 0;
	*extents += count;
	if (!v->partition && r->out->runs == first_run)
		v->partition = g->pv[pv].pv->number;
	return add_run(r, first_run, g->pv[pv].pv->start_bytes + at * SECTOR, len * SECTOR);
}

static enum pod_status read_segments(struct reader *r, struct text lv, struct pod_lvm_volume *v, size_t first_run)
{
	struct text rest = lv;
	struct item i;
	uint64_t extents = 0, count, n = 0;
	enum pod_status st = POD_OK;
	while (st == POD_OK && next_item(&rest, &i))
		if (i.section && i.key.end - i.key.p > 7 && memcmp(i.key.p, "segment", 7) == 0) {
			st = read_segment(r, i.value, v, first_run, &extents);
			n++;
		}
	if (st == POD_OK && (!find_number(lv, "segment_count", UINT32_MAX, &count) || count != n || !n)) {
		because_it(v, "damaged");
		st = POD_E_CORRUPT;
	}
	return st;
}

/* "group/volume" */
static void put_name(struct pod_lvm_volume *v, struct text group, struct text name)
{
	size_t n = 0;
	for (; group.p < group.end && n < sizeof v->name - 1; n++)
		v->name[n] = *group.p++;
	for (const char *p = "/"; *p && n < sizeof v->name - 1; n++)
		v->name[n] = *p++;
	for (; name.p < name.end && n < sizeof v->name - 1; n++)
		v->name[n] = *name.p++;
}

/* Not the volume that it is called after, but how that and the one it is a snapshot of belong together; lvm2 does not list it. */
static bool is_snapshot(struct text lv)
{
	struct text segment, type;
	return find_item(lv, "segment1", true, &segment) && find_string(segment, "type", &type) && text_is(type, "snapshot");
}

static enum pod_status read_volume(struct reader *r, const struct item *lv, uint32_t number)
{
	struct pod_lvm *l = r->out;
	struct text status;
	void *p = l->volume;
	if (!find_list(lv->value, "status", &status) || !list_has(status, "VISIBLE") || is_snapshot(lv->value))
		return POD_OK; /* a part of another one */
	enum pod_status st =
		pod_grow(r->alloc, &p, l->volumes, &l->volume_cap, l->volumes + 1, sizeof *l->volume, POD_LVM_VOLUME_MAX);
	l->volume = p;
	POD_TRY(st);
	struct pod_lvm_volume *v = &l->volume[l->volumes];
	size_t first_run = l->runs;
	*v = (struct pod_lvm_volume){.group = (uint32_t)r->groups - 1, .first_run = first_run};
	put_name(v, r->now.name, lv->key);
	st = read_segments(r, lv->value, v, first_run);
	if (st == POD_E_UNSUPPORTED || st == POD_E_CORRUPT) {
		l->runs = first_run;
		v->partition = number;
		st = POD_OK;
	}
	v->runs = l->runs - first_run;
	for (size_t i = 0; i < v->runs; i++)
		v->size_bytes += l->run[first_run + i].length_bytes;
	l->volumes += st == POD_OK;
	return st;
}

/* --- a group ----------------------------------------------------------------------------------------------- */

static enum pod_status read_pvs(struct reader *r, struct text list)
{
	struct group *g = &r->now;
	struct item i;
	while (next_item(&list, &i)) {
		uint8_t id[ID];
		if (!i.section)
			continue;
		if (g->pvs == POD_LVM_PV_MAX)
			return POD_E_LIMIT;
		if (!find_id(i.value, "id", id) || !find_number(i.value, "pe_start", UINT32_MAX, &g->pv[g->pvs].first_sector) ||
		    !find_number(i.value, "pe_count", UINT32_MAX, &g->pv[g->pvs].extents))
			return POD_E_CORRUPT;
		g->pv[g->pvs].name = i.key;
		g->pv[g->pvs].pv = NULL;
		for (size_t k = 0; k < r->pvs; k++)
			if (memcmp(r->pv[k].id, id, ID) == 0)
				g->pv[g->pvs].pv = &r->pv[k];
		g->pvs++;
	}
	return POD_OK;
}

/* Those of an older text. */
static void drop_volumes(struct pod_lvm *l, size_t group)
{
	size_t n = 0;
	for (size_t i = 0; i < l->volumes; i++)
		if (l->volume[i].group != group)
			l->volume[n++] = l->volume[i];
	l->volumes = n;
}

/* POD_END: it is known from another physical volume. */
static enum pod_status is_new(struct reader *r, const uint8_t id[ID], uint64_t seqno)
{
	for (size_t i = 0; i < r->groups; i++) {
		if (memcmp(r->group[i].id, id, ID) != 0)
			continue;
		if (r->group[i].seqno >= seqno)
			return POD_END;
		r->group[i].seqno = 0;
		memset(r->group[i].id, 0, ID);
		drop_volumes(r->out, i);
	}
	if (r->groups == POD_LVM_PV_MAX)
		return POD_E_LIMIT;
	memcpy(r->group[r->groups].id, id, ID);
	r->group[r->groups++].seqno = seqno;
	return POD_OK;
}

static enum pod_status read_group(struct reader *r, struct text t, uint32_t number)
{
	struct item group = {.section = false}, lv;
	struct text pvs, lvs;
	uint8_t id[ID];
	uint64_t seqno;
	while (!group.section)
		if (!next_item(&t, &group))
			return POD_E_CORRUPT;
	r->now.name = group.key;
	r->now.pvs = 0;
	if (!find_id(group.value, "id", id) || !find_number(group.value, "seqno", UINT64_MAX, &seqno) ||
	    !find_number(group.value, "extent_size", INT32_MAX, &r->now.extent_sectors) || !r->now.extent_sectors ||
	    !find_item(group.value, "physical_volumes", true, &pvs))
		return POD_E_CORRUPT;
	POD_TRY(is_new(r, id, seqno));
	POD_TRY(read_pvs(r, pvs));
	enum pod_status st = POD_OK;
	if (find_item(group.value, "logical_volumes", true, &lvs)) /* a new group has none */
		while (st == POD_OK && next_item(&lvs, &lv))
			st = lv.section ? read_volume(r, &lv, number) : POD_OK;
	return st;
}

/* --- a physical volume ------------------------------------------------------------------------------------- */

static enum pod_status read_text(struct reader *r, const struct pv *pv, const uint8_t *head, uint64_t area, uint64_t area_len)
{
	uint64_t off = pod_get_le64(head + 0x28), len = pod_get_le64(head + 0x30);
	if (pod_get_le32(head + 0x3c) & IGNORED)
		return POD_E_NOT_FOUND;
	if (!off)
		return POD_END; /* in no group */
	if (off < SECTOR || off >= area_len || !len || len > area_len - SECTOR)
		return POD_E_CORRUPT;
	if (len > TEXT_MAX)
		return POD_E_LIMIT;
	POD_TRY(pod_budget_spend(r->disk->budget, 1 + len / TEXT_PER_STEP, 0));
	char *text = r->alloc->alloc(r->alloc, (size_t)len);
	if (!text)
		return POD_E_NOMEM;
	size_t n = (size_t)pod_min_u64(len, area_len - off);
	enum pod_status st = pod_dev_read(r->disk, pv->start_bytes + area + off, text, n);
	if (st == POD_OK)
		st = pod_dev_read(r->disk, pv->start_bytes + area + SECTOR, text + n, (size_t)len - n);
	if (st == POD_OK && sum_of(text, (size_t)len) != pod_get_le32(head + 0x38))
		st = POD_E_CORRUPT;
	size_t used = (size_t)len; /* it ends with a NUL */
	while (used && !text[used - 1])
		used--;
	if (st == POD_OK)
		st = read_group(r, (struct text){text, text + used}, pv->number);
	pod_free(r->alloc, text);
	return st;
}

static enum pod_status read_area(struct reader *r, const struct pv *pv, uint64_t area, uint64_t len)
{
	uint8_t head[SECTOR];
	if (len < 2 * SECTOR || !pod_in_range(area, len, pv->length_bytes))
		return POD_E_CORRUPT;
	POD_TRY(pod_dev_read(r->disk, pv->start_bytes + area, head, sizeof head));
	if (memcmp(head + 4, " LVM2 x[5A%r0N*>", 16) != 0 || pod_get_le32(head) != sum_of(head + 4, SECTOR - 4) ||
	    pod_get_le32(head + 0x14) != 1 || pod_get_le64(head + 0x18) != area || pod_get_le64(head + 0x20) != len)
		return POD_E_CORRUPT;
	return read_text(r, pv, head, area, len);
}

/* From the first of its areas that is sound; the others have the same text, and one that is too long is so there, too. POD_END: it has none in use, and
 * its group, if any, is told by another one. */
static enum pod_status read_areas(struct reader *r, const struct pv *pv)
{
	enum pod_status failed = POD_END;
	for (size_t i = 0; i < AREAS_MAX; i++) {
		if (!pv->area_len[i])
			continue;
		enum pod_status st = read_area(r, pv, pv->area_bytes[i], pv->area_len[i]);
		if (st == POD_OK || st == POD_END || st == POD_E_LIMIT || pod_is_fatal(st))
			return st;
		if (st != POD_E_NOT_FOUND && failed == POD_END)
			failed = st;
	}
	return failed;
}

/* Pairs up to one of zeros; *at is behind that then. */
static bool next_pair(const uint8_t *label, size_t *at, uint64_t *off, uint64_t *len)
{
	if (*at > SECTOR - 16)
		return false;
	*off = pod_get_le64(label + *at);
	*len = pod_get_le64(label + *at + 8);
	*at += 16;
	return *off != 0;
}

static bool read_label(const uint8_t *label, uint32_t sector, struct pv *pv)
{
	if (pod_get_le64(label + 8) != sector || pod_get_le32(label + 0x10) != sum_of(label + 0x14, SECTOR - 0x14))
		return false;
	uint64_t off, len;
	size_t at = pod_get_le32(label + 0x14), n = 0;
	if (at < 0x20 || at > SECTOR - ID - 8)
		return false;
	memcpy(pv->id, label + at, ID);
	at += ID + 8;
	while (next_pair(label, &at, &off, &len))
		;
	while (n < AREAS_MAX && next_pair(label, &at, &off, &len)) {
		pv->area_bytes[n] = off;
		pv->area_len[n++] = len;
	}
	return true;
}

/* The first one is told. */
static void unread(struct reader *r, uint32_t number)
{
	if (r->out->unread == UINT32_MAX)
		r->out->unread = number;
}

static enum pod_status look_at(struct reader *r, uint32_t number, uint64_t start, uint64_t len)
{
	uint8_t label[SECTOR];
	struct pv pv = {.number = number, .start_bytes = start, .length_bytes = len};
	for (uint32_t i = 0; i < LABEL_SECTORS && (i + 1) * SECTOR <= len && r->pvs < POD_LVM_PV_MAX; i++) {
		POD_TRY(pod_dev_read(r->disk, start + (uint64_t)i * SECTOR, label, sizeof label));
		if (memcmp(label, "LABELONE", 8) != 0 || memcmp(label + 0x18, "LVM2 001", 8) != 0)
			continue;
		if (read_label(label, i, &pv))
			r->pv[r->pvs++] = pv;
		else
			unread(r, number);
		break;
	}
	return POD_OK;
}

static enum pod_status look_at_all(struct reader *r, const struct pod_parttab *table)
{
	enum pod_status st = POD_OK;
	if (table->kind == POD_PARTTAB_NONE)
		return look_at(r, 0, 0, r->disk->size_bytes);
	for (uint32_t i = 0; st == POD_OK && i < table->count; i++)
		st = look_at(r, table->part[i].number, table->part[i].start_bytes, table->part[i].length_bytes);
	return st;
}

static enum pod_status read_all(struct reader *r, const struct pod_parttab *table)
{
	POD_TRY(look_at_all(r, table));
	for (size_t i = 0; i < r->pvs; i++) {
		enum pod_status st = read_areas(r, &r->pv[i]);
		if (pod_is_fatal(st))
			return st;
		if (st != POD_OK && st != POD_END)
			unread(r, r->pv[i].number);
	}
	for (size_t i = 0; i < r->out->volumes; i++)
		if (r->out->volume[i].runs)
			r->out->volume[i].run = r->out->run + r->out->volume[i].first_run;
	return POD_OK;
}

enum pod_status pod_lvm_read(struct pod_dev *disk, const struct pod_parttab *table, struct pod_alloc *a, struct pod_lvm *out)
{
	*out = (struct pod_lvm){.unread = UINT32_MAX};
	struct reader *r = pod_zalloc(a, 1, sizeof *r);
	if (!r)
		return POD_E_NOMEM;
	r->disk = disk;
	r->alloc = a;
	r->out = out;
	enum pod_status st = read_all(r, table);
	pod_free(a, r);
	if (st != POD_OK)
		pod_lvm_free(out, a);
	return st;
}

void pod_lvm_free(struct pod_lvm *l, struct pod_alloc *a)
{
	pod_free(a, l->volume);
	pod_free(a, l->run);
	*l = (struct pod_lvm){.unread = UINT32_MAX};
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exFAT write side: directories and entry sets (6, 7.4 to 7.7).
 *
 * A set that we write lies within one 512-byte block wherever it fits into one (names of up to 210 units), so that one write
 * makes it appear or vanish. A longer one is only ever appended: its tail is written behind the end marker first.
 */
#include "core/fs/exfat_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

/* --- loading ------------------------------------------------------------------------------------------ */

struct collect {
	struct pod_exfat_vol *v;
	struct wdir *d;
	size_t cap;
};

static enum pod_status collect_run(void *ctx, uint32_t first, uint32_t count)
{
	struct collect *c = ctx;
	size_t limit = DIR_LOAD_MAX >> c->v->g.cluster_shift;
	void *p = c->d->cluster;
	POD_TRY(pod_grow(c->v->alloc, &p, c->d->clusters, &c->cap, (size_t)c->d->clusters + count, sizeof *c->d->cluster,
			 limit ? limit : 1));
	c->d->cluster = p;
	while (count--)
		c->d->cluster[c->d->clusters++] = first++;
	return POD_OK;
}

/* The root's clusters: its chain says how long it is. */
static enum pod_status collect_root(struct collect *c, uint32_t cluster)
{
	for (;;) {
		uint32_t next;
		POD_TRY(collect_run(c, cluster, 1)); /* its limit also ends a loop */
		POD_TRY(pod_exfat_fat_get(c->v, cluster, &next));
		if (next == POD_EXFAT_FAT_END)
			return POD_OK;
		if (!pod_exfat_cluster_ok(&c->v->g, next))
			return POD_E_CORRUPT;
		cluster = next;
	}
}

static enum pod_status load_data(struct pod_exfat_vol *v, struct wdir *d)
{
	size_t cs = (size_t)1 << v->g.cluster_shift;
	d->data = v->alloc->alloc(v->alloc, d->clusters ? d->clusters * cs : 1);
	if (!d->data)
		return POD_E_NOMEM;
	for (uint32_t i = 0; i < d->clusters; i++)
		POD_TRY(pod_dev_read(v->dev, pod_exfat_cluster_bytes(&v->g, d->cluster[i]), d->data + i * cs, cs));
	d->entries = (uint32_t)((d->clusters * cs) / POD_EXFAT_ENTRY_SIZE);
	while (d->end < d->entries && wdir_entry(d, d->end)[0] != POD_EXFAT_END)
		d->end++;
	return POD_OK;
}

enum pod_status pod_exfat_wdir_load(struct pod_exfat_vol *v, uint32_t cluster, uint64_t size, bool contiguous, bool root,
				    struct wdir **out)
{
	struct wdir *d = pod_zalloc(v->alloc, 1, sizeof *d);
	if (!d)
		return POD_E_NOMEM;
	struct collect c = {v, d, 0};
	enum pod_status st = POD_OK;
	d->contiguous = contiguous;
	if (root)
		st = collect_root(&c, cluster);
	else if (size > DIR_LOAD_MAX)
		st = POD_E_LIMIT;
	else if (size)
		st = pod_exfat_runs(v, cluster, size, contiguous, collect_run, &c);
	if (st == POD_OK)
		st = load_data(v, d);
	if (st != POD_OK) {
		pod_exfat_wdir_free(v, d);
		return st;
	}
	*out = d;
	return POD_OK;
}

void pod_exfat_wdir_free(struct pod_exfat_vol *v, struct wdir *d)
{
	while (d) {
		struct wdir *parent = d->parent;
		pod_free(v->alloc, d->cluster);
		pod_free(v->alloc, d->data);
		pod_free(v->alloc, d);
		d = parent;
	}
}

/* --- sets --------------------------------------------------------------------------------------------- */

bool pod_exfat_set_at(const struct pod_exfat_vol *v, const struct wdir *d, uint32_t index, struct wset *out)
{
	const uint8_t *e = wdir_entry(d, index);
	if (index >= d->end || e[0] != POD_EXFAT_FILE)
		return false;
	out->index = index;
	out->count = (uint32_t)e[1] + 1;
	if (out->count < 3 || out->count > d->end - index)
		return false;
	uint16_t sum = pod_exfat_set_sum(0, e, true);
	for (uint32_t i = 1; i < out->count; i++) {
		const uint8_t *s = wdir_entry(d, index + i);
		if ((s[0] & (POD_EXFAT_IN_USE | POD_EXFAT_SECONDARY)) != (POD_EXFAT_IN_USE | POD_EXFAT_SECONDARY))
			return false;
		sum = pod_exfat_set_sum(sum, s, false);
	}
	const uint8_t *stream = wdir_entry(d, index + 1);
	if (sum != pod_get_le16(e + 2) || stream[0] != POD_EXFAT_STREAM)
		return false;
	out->attributes = pod_get_le16(e + 4);
	out->flags = stream[1];
	out->cluster = pod_get_le32(stream + 20);
	out->valid = pod_get_le64(stream + 8);
	out->size = pod_get_le64(stream + 24);
	out->units = stream[3];
	uint32_t names = (out->units + POD_EXFAT_UNITS_PER_ENTRY - 1) / POD_EXFAT_UNITS_PER_ENTRY;
	if (out->units == 0 || names > out->count - 2 || out->valid > out->size)
		return false;
	for (uint32_t i = 0; i < out->units; i++) {
		const uint8_t *n = wdir_entry(d, index + 2 + i / POD_EXFAT_UNITS_PER_ENTRY);
		if (n[0] != POD_EXFAT_NAME)
			return false;
		out->name[i] = pod_get_le16(n + 2 + 2 * (i % POD_EXFAT_UNITS_PER_ENTRY));
	}
	return out->size == 0 || pod_exfat_cluster_ok(&v->g, out->cluster);
}

enum pod_status pod_exfat_find(const struct pod_exfat_vol *v, const struct wdir *d, const struct wname *name, struct wset *out)
{
	for (uint32_t i = 0; i < d->end;) {
		if (!pod_exfat_set_at(v, d, i, out)) {
			i++;
			continue;
		}
		i += out->count;
		if (out->units != name->units)
			continue;
		uint32_t k = 0;
		while (k < name->units && v->upcase[name->name[k]] == v->upcase[out->name[k]])
			k++;
		if (k == name->units)
			return POD_OK;
	}
	return POD_E_NOT_FOUND;
}

/* --- paths -------------------------------------------------------------------------------------------- */

/* One name of a path to UTF-16, as 7.7.3 allows it. */
static enum pod_status take_name(const char *p, size_t len, struct wname *out)
{
	static const char forbidden[] = "\"*/:<>?\\|";
	char buf[POD_NAME_MAX];
	size_t n;
	if (len == 0 || len >= sizeof buf || (len <= 2 && p[0] == '.' && p[len - 1] == '.'))
		return POD_E_INVALID;
	memcpy(buf, p, len);
	buf[len] = 0;
	if (pod_utf8_to_utf16(buf, out->name, POD_EXFAT_NAME_UNITS, &n) != POD_OK || n == 0)
		return POD_E_INVALID;
	out->units = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		if (out->name[i] < 0x20)
			return POD_E_INVALID;
		for (const char *f = forbidden; *f; f++)
			if (out->name[i] == (uint8_t)*f)
				return POD_E_INVALID;
	}
	return POD_OK;
}

static size_t without_slashes(const char *path, size_t len)
{
	while (len && path[len - 1] == '/')
		len--;
	return len;
}

size_t pod_exfat_dir_len(const char *path, size_t len)
{
	len = without_slashes(path, len);
	while (len && path[len - 1] != '/')
		len--;
	return len;
}

enum pod_status pod_exfat_split(const char *path, size_t len, size_t *dir_len, struct wname *out)
{
	*dir_len = pod_exfat_dir_len(path, len);
	return take_name(path + *dir_len, without_slashes(path, len) - *dir_len, out);
}

static enum pod_status enter(struct pod_exfat_vol *v, struct wdir *parent, const struct wname *name, struct wdir **out)
{
	struct wset s;
	POD_TRY(pod_exfat_find(v, parent, name, &s));
	if (!(s.attributes & POD_EXFAT_ATTR_DIR))
		return POD_E_NOT_FOUND;
	POD_TRY(pod_exfat_wdir_load(v, s.cluster, s.size, wset_contiguous(&s), false, out));
	(*out)->parent = parent;
	(*out)->set_index = s.index;
	return POD_OK;
}

enum pod_status pod_exfat_resolve(struct pod_exfat_vol *v, const char *path, size_t len, struct wdir **out)
{
	struct wdir *d;
	struct wname name;
	enum pod_status st = pod_exfat_wdir_load(v, v->g.root_cluster, 0, false, true, &d);
	uint32_t depth = 0;
	for (size_t i = 0; st == POD_OK;) {
		while (i < len && path[i] == '/')
			i++;
		if (i == len)
			break;
		size_t n = 0;
		while (i + n < len && path[i + n] != '/')
			n++;
		st = ++depth > POD_DEPTH_MAX ? POD_E_LIMIT : take_name(path + i, n, &name);
		if (st == POD_OK)
			st = enter(v, d, &name, &d);
		i += n;
		if (st != POD_OK)
			pod_exfat_wdir_free(v, d);
	}
	if (st == POD_OK)
		*out = d;
	return st;
}

/* --- building ----------------------------------------------------------------------------------------- */

void pod_exfat_set_stream(uint8_t *set, uint8_t flags, uint32_t cluster, uint64_t size, uint64_t valid)
{
	uint8_t *s = set + POD_EXFAT_ENTRY_SIZE;
	s[1] = flags;
	pod_put_le64(s + 8, valid);
	pod_put_le32(s + 20, cluster);
	pod_put_le64(s + 24, size);
}

void pod_exfat_set_seal(uint8_t *set)
{
	uint32_t n = (uint32_t)set[1] + 1;
	uint16_t sum = pod_exfat_set_sum(0, set, true);
	for (uint32_t i = 1; i < n; i++)
		sum = pod_exfat_set_sum(sum, set + (size_t)i * POD_EXFAT_ENTRY_SIZE, false);
	pod_put_le16(set + 2, sum);
}

uint32_t pod_exfat_build(const struct pod_exfat_vol *v, const struct wname *name, uint16_t attributes, int64_t mtime,
			 uint8_t *out)
{
	uint32_t names = (name->units + POD_EXFAT_UNITS_PER_ENTRY - 1) / POD_EXFAT_UNITS_PER_ENTRY;
	uint8_t ms10;
	uint32_t stamp = pod_exfat_from_unix(mtime, &ms10);
	uint16_t upper[POD_EXFAT_NAME_UNITS];
	memset(out, 0, (size_t)(2 + names) * POD_EXFAT_ENTRY_SIZE);
	out[0] = POD_EXFAT_FILE;
	out[1] = (uint8_t)(1 + names);
	pod_put_le16(out + 4, attributes);
	for (uint32_t i = 0; i < 3; i++) {
		pod_put_le32(out + 8 + 4 * i, stamp);
		out[22 + i] = 0x80; /* UTC */
	}
	out[20] = out[21] = ms10;
	uint8_t *s = out + POD_EXFAT_ENTRY_SIZE;
	s[0] = POD_EXFAT_STREAM;
	s[1] = POD_EXFAT_ALLOCATED;
	s[3] = (uint8_t)name->units;
	for (uint32_t i = 0; i < name->units; i++)
		upper[i] = v->upcase[name->name[i]];
	pod_put_le16(s + 4, pod_exfat_name_hash(upper, name->units));
	for (uint32_t i = 0; i < name->units; i++) {
		uint8_t *e = s + (size_t)(1 + i / POD_EXFAT_UNITS_PER_ENTRY) * POD_EXFAT_ENTRY_SIZE;
		e[0] = POD_EXFAT_NAME;
		pod_put_le16(e + 2 + 2 * (i % POD_EXFAT_UNITS_PER_ENTRY), name->name[i]);
	}
	return 2 + names;
}

/* --- editing ------------------------------------------------------------------------------------------ */

static uint64_t block_at(const struct pod_exfat_vol *v, const struct wdir *d, uint32_t block)
{
	uint64_t off = (uint64_t)block * BLOCK;
	return pod_exfat_cluster_bytes(&v->g, d->cluster[off >> v->g.cluster_shift]) + (off & ((1ull << v->g.cluster_shift) - 1));
}

enum pod_status pod_exfat_edit(struct pod_exfat_vol *v, struct wdir *d, uint32_t index, const uint8_t *bytes, uint32_t n,
			       enum edit_order order)
{
	uint32_t low = index / PER_BLOCK, high = (index + n - 1) / PER_BLOCK;
	bool written = false;
	for (uint32_t k = low; k <= high; k++) {
		uint32_t b = order == LOWEST_FIRST ? k : high - (k - low);
		uint8_t block[BLOCK], *old = d->data + (size_t)b * BLOCK;
		memcpy(block, old, BLOCK);
		for (uint32_t i = 0; i < PER_BLOCK; i++) {
			uint32_t e = b * PER_BLOCK + i;
			if (e >= index && e - index < n)
				memcpy(block + (size_t)i * POD_EXFAT_ENTRY_SIZE,
				       bytes + (size_t)(e - index) * POD_EXFAT_ENTRY_SIZE, POD_EXFAT_ENTRY_SIZE);
		}
		if (memcmp(block, old, BLOCK) == 0)
			continue;
		if (written && (order == LOWEST_FIRST ? b == low + 1 : b == low))
			POD_TRY(pod_exfat_barrier(v));
		POD_TRY(pod_exfat_put(v, block_at(v, d, b), block, BLOCK));
		memcpy(old, block, BLOCK);
		written = true;
	}
	d->end = 0;
	while (d->end < d->entries && wdir_entry(d, d->end)[0] != POD_EXFAT_END)
		d->end++;
	return POD_OK;
}

bool pod_exfat_gap(const struct wdir *d, uint32_t n, uint32_t head, uint32_t *index)
{
	uint32_t run = 0;
	for (uint32_t i = 0; n <= PER_BLOCK && i < d->end; i++) {
		if (i % PER_BLOCK == 0)
			run = 0;
		run = wdir_entry(d, i)[0] & POD_EXFAT_IN_USE ? 0 : run + 1;
		if (run == n) {
			*index = i + 1 - n;
			return true;
		}
	}
	uint32_t at = d->end;
	if (n <= PER_BLOCK && at % PER_BLOCK + n > PER_BLOCK)
		at += PER_BLOCK - at % PER_BLOCK;
	else if (n > PER_BLOCK && (at + head) % PER_BLOCK == PER_BLOCK - 1)
		at++; /* file entry and stream extension belong into one block */
	*index = at;
	return at <= d->entries && n <= d->entries - at;
}

enum pod_status pod_exfat_insert(struct pod_exfat_vol *v, struct wdir *d, uint32_t index, const uint8_t *bytes, uint32_t n)
{
	if (index < d->end)
		return pod_exfat_edit(v, d, index, bytes, n, LOWEST_LAST);
	/* Appended: unused entries up to the set, and behind it an end marker whatever lay there before. */
	uint8_t *out = v->scratch;
	uint32_t pad = index - d->end, stop = index + n, tail = 0;
	memset(out, 0, (size_t)(pad + n + PER_BLOCK) * POD_EXFAT_ENTRY_SIZE);
	for (uint32_t i = 0; i < pad; i++)
		out[(size_t)i * POD_EXFAT_ENTRY_SIZE] = UNUSED_TYPE;
	memcpy(out + (size_t)pad * POD_EXFAT_ENTRY_SIZE, bytes, (size_t)n * POD_EXFAT_ENTRY_SIZE);
	if (stop < d->entries)
		tail = PER_BLOCK - stop % PER_BLOCK;
	return pod_exfat_edit(v, d, d->end, out, pad + n + tail, LOWEST_LAST);
}

enum pod_status pod_exfat_erase(struct pod_exfat_vol *v, struct wdir *d, const struct wset *s)
{
	memcpy(v->scratch, wdir_entry(d, s->index), (size_t)s->count * POD_EXFAT_ENTRY_SIZE);
	for (uint32_t i = 0; i < s->count; i++)
		v->scratch[(size_t)i * POD_EXFAT_ENTRY_SIZE] &= (uint8_t)~POD_EXFAT_IN_USE;
	/* Where the set crosses a block, secondary entries without a file entry remain for a moment: fsck.exfat mentions them and
	 * calls the volume clean; the other order would leave a set with a wrong checksum. */
	return pod_exfat_edit(v, d, s->index, v->scratch, s->count, LOWEST_FIRST);
}

enum pod_status pod_exfat_restream(struct pod_exfat_vol *v, struct wdir *d, const struct wset *s, bool drop_intent)
{
	uint32_t first = s->index;
	if (first % PER_BLOCK == PER_BLOCK - 1)
		return POD_E_UNSUPPORTED;
	bool same_block = drop_intent && first % PER_BLOCK != 0;
	uint32_t lead = same_block ? 1 : 0;
	uint8_t *out = v->scratch, *set = out + (size_t)lead * POD_EXFAT_ENTRY_SIZE;
	memcpy(set, wdir_entry(d, first), (size_t)s->count * POD_EXFAT_ENTRY_SIZE);
	if (lead) {
		memset(out, 0, POD_EXFAT_ENTRY_SIZE);
		out[0] = UNUSED_TYPE;
	}
	pod_put_le16(set + 4, s->attributes);
	pod_exfat_set_stream(set, s->flags, s->cluster, s->size, s->valid);
	pod_exfat_set_seal(set);
	POD_TRY(pod_exfat_edit(v, d, first - lead, out, lead + s->count, LOWEST_LAST));
	if (!drop_intent || same_block)
		return POD_OK;
	POD_TRY(pod_exfat_barrier(v)); /* the intent is what finds the data until then */
	memset(out, 0, POD_EXFAT_ENTRY_SIZE);
	out[0] = UNUSED_TYPE;
	return pod_exfat_edit(v, d, first - 1, out, 1, LOWEST_LAST);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of foreign images, and their bytes.
 *
 * A file may end within its last cluster (QEMU does not write a tail of zeros): what is behind the end is zeros then. A cluster that
 * begins behind the end is damage: the file was cut off.
 */
#include "core/vhd/foreign_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/sort.h"
#include "core/base/str.h"
#include "core/vhd/chain.h"

enum { NAME_LEN_MAX = 1023, PAGE_SHIFT = 9, SLOTS = 256, SLOTS_OF_MANY = 16, MANY = 8, CELLS_PER_RUN = 4096 };
#define CHECKED_MAX (UINT64_C(1) << 25)

/* --- parts ---------------------------------------------------------------------------------------------- */

enum pod_status foreign_add_part(struct pod_foreign *x, const struct pod_foreign_part *p)
{
	void *v = x->part;
	enum pod_status st = pod_grow(x->alloc, &v, x->parts, &x->parts_cap, x->parts + 1, sizeof *x->part, POD_FOREIGN_PARTS);
	x->part = v;
	if (st != POD_OK)
		return st;
	if (!p->length_bytes || p->length_bytes > POD_FOREIGN_SIZE - x->size_bytes)
		return POD_E_CORRUPT;
	struct pod_foreign_part *to = &x->part[x->parts];
	*to = *p;
	to->start_bytes = x->size_bytes;
	if (x->parts) {
		const struct pod_foreign_part *before = to - 1;
		to->base_bytes = before->base_bytes + (before->file ? before->file->dev->size_bytes : 0);
	}
	if (to->file && to->file->dev->size_bytes > POD_FOREIGN_PACKED - to->base_bytes)
		return POD_E_LIMIT;
	if (p->lookup)
		POD_TRY(pod_pages_init(&to->pages, x->alloc, to->file->dev, PAGE_SHIFT,
				       x->parts < MANY ? x->page_slots : SLOTS_OF_MANY));
	x->size_bytes += p->length_bytes;
	x->parts++;
	return POD_OK;
}

bool foreign_table_fits(const struct pod_vfile *f, uint64_t off, uint64_t entries, uint32_t entry_bytes)
{
	return entries <= UINT32_MAX && pod_in_range(off, entries * entry_bytes, f->dev->size_bytes);
}

enum pod_status foreign_entry(struct pod_foreign_part *p, uint64_t off, unsigned bytes, const uint8_t **e)
{
	const uint8_t *page;
	if (!pod_in_range(off, bytes, p->file->dev->size_bytes))
		return foreign_bad(p, "table beyond the end of the file", off);
	POD_TRY(pod_pages_get(&p->pages, off, &page));
	*e = page + (off & ((1u << PAGE_SHIFT) - 1));
	return POD_OK;
}

enum pod_status foreign_second(struct pod_foreign_part *p, uint64_t cluster, unsigned bytes, const uint8_t **e,
			       struct pod_cell *c)
{
	uint64_t index = cluster & ((1ull << p->second_shift) - 1), top = p->top_bytes + (cluster >> p->second_shift) * 8;
	POD_TRY(foreign_entry(p, top, 8, e));
	uint64_t table = (p->little_endian ? pod_get_le64(*e) : pod_get_be64(*e)) & p->table_mask;
	if (!table) {
		c->units = ((1ull << p->second_shift) - index) << (p->cluster_shift - p->unit_shift);
		*e = NULL;
		return POD_OK;
	}
	if (table & (p->table_align - 1))
		return foreign_bad(p, "L2 table is not at a cluster's beginning", top);
	if (table >= p->file->dev->size_bytes)
		return foreign_bad(p, "table beyond the end of the file", table);
	return foreign_entry(p, table + index * bytes, bytes, e);
}

enum pod_status foreign_bad(struct pod_foreign_part *p, const char *what, uint64_t off)
{
	p->bad = what;
	p->bad_bytes = off;
	return POD_E_CORRUPT;
}

static struct pod_foreign_part *part_at(const struct pod_foreign *x, uint64_t off)
{
	size_t low = 0, high = x->parts;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (x->part[mid].start_bytes <= off)
			low = mid;
		else
			high = mid;
	}
	return &x->part[low];
}

/* --- opening -------------------------------------------------------------------------------------------- */

enum pod_parent_path pod_foreign_path_kind(const char *path)
{
	bool drive = pod_tolower(path[0]) >= 'a' && pod_tolower(path[0]) <= 'z' && path[1] == ':';
	return path[0] == '/' || path[0] == '\\' || drive ? POD_PARENT_ABSOLUTE : POD_PARENT_RELATIVE;
}

enum pod_status foreign_backing(struct pod_foreign *x, uint64_t at, uint32_t len, uint64_t end, struct pod_diag *diag)
{
	if (!at)
		return POD_OK;
	if (!len || len > NAME_LEN_MAX || !pod_in_range(at, len, end))
		return pod_fail(diag, POD_E_CORRUPT, "name of the backing file", at, NAME_LEN_MAX, len);
	x->parent_path = pod_zalloc(x->alloc, len + 1, 1);
	if (!x->parent_path)
		return POD_E_NOMEM;
	POD_TRY(pod_dev_read(x->file->dev, at, x->parent_path, len));
	return *x->parent_path ? POD_OK : pod_fail(diag, POD_E_CORRUPT, "name of the backing file", at, 1, 0);
}

static enum pod_status open_format(struct pod_foreign *x, const struct pod_foreign_options *opt, struct pod_diag *diag)
{
	switch (x->format) {
	case POD_DISKFILE_QCOW2:
		return foreign_open_qcow2(x, opt, diag);
	case POD_DISKFILE_VMDK:
		return foreign_open_vmdk(x, opt, diag);
	case POD_DISKFILE_VDI:
		return foreign_open_vdi(x, diag);
	case POD_DISKFILE_QCOW:
		return foreign_open_qcow(x, diag);
	case POD_DISKFILE_QED:
		return foreign_open_qed(x, diag);
	case POD_DISKFILE_PARALLELS:
		return foreign_open_parallels(x, diag);
	default:
		return POD_E_FORMAT;
	}
}

static enum pod_status dev_read(struct pod_dev *d, uint64_t off, void *buf, size_t len);

enum pod_status pod_foreign_open(struct pod_foreign *x, struct pod_vfile *file, struct pod_alloc *a, enum pod_diskfile format,
				 const struct pod_foreign_options *opt, struct pod_diag *diag)
{
	memset(x, 0, sizeof *x);
	x->file = file;
	x->alloc = a;
	x->format = format;
	x->page_slots = opt->cache_pages ? opt->cache_pages : SLOTS;
	enum pod_status st = open_format(x, opt, diag);
	if (st == POD_OK && !x->parts)
		st = pod_fail(diag, POD_E_CORRUPT, "disk size", 0, 1, 0);
	if (st == POD_OK && x->parent_path && !opt->follow)
		st = pod_fail(diag, POD_E_UNSUPPORTED, POD_FOREIGN_BACKING, 0, 0, 1);
	if (st != POD_OK) {
		pod_foreign_close(x, opt->opener);
		return st;
	}
	x->dev = (struct pod_dev){.size_bytes = POD_FOREIGN_PACKED + x->size_bytes,
				  .sector_size = 512,
				  .read_only = true,
				  .read = dev_read,
				  .ctx = x};
	return POD_OK;
}

void pod_foreign_close(struct pod_foreign *x, struct pod_chain_opener *opener)
{
	for (size_t i = 0; i < x->parts; i++) {
		pod_pages_fini(&x->part[i].pages);
		if (x->part[i].opened)
			opener->close(opener, x->part[i].file);
	}
	if (x->alloc) {
		pod_free(x->alloc, x->part);
		pod_free(x->alloc, x->parent_path);
		pod_free(x->alloc, x->inflate);
		pod_free(x->alloc, x->unzstd);
		pod_free(x->alloc, x->packed);
		pod_free(x->alloc, x->plain);
	}
	memset(x, 0, sizeof *x);
}

/* --- runs ----------------------------------------------------------------------------------------------- */

/* DATA at `off` of the part's file: the file must have it, or end within it. */
static enum pod_status within_file(struct pod_foreign_part *p, uint64_t off, uint64_t in, uint64_t *len, enum pod_run_kind *kind)
{
	uint64_t end = p->file->dev->size_bytes;
	if (off >= end)
		return foreign_bad(p, "cluster beyond the end of the file", off);
	if (in < end - off) {
		*len = pod_min_u64(*len, end - off - in);
		return POD_OK;
	}
	*kind = POD_RUN_ZERO;
	return POD_OK;
}

static enum pod_status run_flat(struct pod_foreign_part *p, uint64_t in, uint64_t len, struct pod_run *run)
{
	*run = (struct pod_run){POD_RUN_ZERO, 0, len};
	if (!p->file)
		return POD_OK;
	if (!pod_in_range(p->flat_bytes, in + len, p->file->dev->size_bytes))
		return foreign_bad(p, "extent is cut short", p->flat_bytes + in);
	*run = (struct pod_run){POD_RUN_DATA, p->base_bytes + p->flat_bytes + in, len};
	return POD_OK;
}

/* What one cell shows from byte `in` of the part on; at most `len` bytes. */
static enum pod_status run_cell(struct pod_foreign_part *p, uint64_t in, uint64_t len, struct pod_run *run)
{
	struct pod_cell c = {.units = 1};
	uint64_t unit = in >> p->unit_shift, within = in & ((1ull << p->unit_shift) - 1);
	POD_TRY(p->lookup(p, unit, &c));
	len = pod_min_u64(len, (c.units << p->unit_shift) - within);
	*run = (struct pod_run){c.kind, 0, len};
	if (c.kind != POD_RUN_DATA)
		return POD_OK;
	run->file_off = p->start_bytes + in + POD_FOREIGN_PACKED;
	if (c.packed)
		return POD_OK;
	/* A unit that is part of a cluster may lie behind the end, its cluster may not. */
	uint64_t cluster = (unit << p->unit_shift) & ((1ull << p->cluster_shift) - 1);
	POD_TRY(within_file(p, c.off - cluster, cluster + within, &run->len, &run->kind));
	run->file_off = p->base_bytes + c.off + within;
	return POD_OK;
}

static bool continues(const struct pod_run *a, const struct pod_run *b)
{
	return a->kind == b->kind && (a->kind != POD_RUN_DATA || a->file_off + a->len == b->file_off);
}

enum pod_status pod_foreign_run(struct pod_foreign *x, uint64_t off, uint64_t len, struct pod_run *run)
{
	if (!len || !pod_in_range(off, len, x->size_bytes))
		return POD_E_RANGE;
	struct pod_foreign_part *p = part_at(x, off);
	uint64_t in = off - p->start_bytes;
	len = pod_min_u64(len, p->length_bytes - in);
	if (!p->lookup)
		return run_flat(p, in, len, run);
	POD_TRY(run_cell(p, in, len, run));
	for (unsigned i = 0; i < CELLS_PER_RUN && run->len < len; i++) {
		struct pod_run next;
		/* Damage further on is said when it is reached. */
		if (run_cell(p, in + run->len, len - run->len, &next) != POD_OK || !continues(run, &next))
			break;
		run->len += next.len;
	}
	return POD_OK;
}

enum pod_status pod_foreign_place(const struct pod_foreign *x, uint64_t off, uint64_t *len, struct pod_vfile **file,
				  uint64_t *file_off)
{
	if (off >= POD_FOREIGN_PACKED)
		return POD_E_UNSUPPORTED;
	for (size_t i = 0; i < x->parts; i++) {
		const struct pod_foreign_part *p = &x->part[i];
		if (!p->file || off < p->base_bytes || off - p->base_bytes >= p->file->dev->size_bytes)
			continue;
		*file = p->file;
		*file_off = off - p->base_bytes;
		*len = pod_min_u64(*len, p->file->dev->size_bytes - *file_off);
		return POD_OK;
	}
	return POD_E_RANGE;
}

/* --- bytes ---------------------------------------------------------------------------------------------- */

static enum pod_status unpack_buffers(struct pod_foreign *x)
{
	uint32_t shift = 0;
	for (size_t i = 0; i < x->parts; i++)
		if (x->part[i].lookup && x->part[i].cluster_shift > shift)
			shift = x->part[i].cluster_shift;
	if (x->zstd && !x->unzstd)
		x->unzstd = x->alloc->alloc(x->alloc, sizeof *x->unzstd);
	if (!x->zstd && !x->inflate)
		x->inflate = x->alloc->alloc(x->alloc, sizeof *x->inflate);
	if (!x->plain)
		x->plain = x->alloc->alloc(x->alloc, (size_t)1 << shift);
	if (!x->packed)
		x->packed = x->alloc->alloc(x->alloc, (size_t)2 << shift);
	return (x->zstd ? (void *)x->unzstd : (void *)x->inflate) && x->plain && x->packed ? POD_OK : POD_E_NOMEM;
}

static enum pod_status unpack_bytes(struct pod_foreign *x, const uint8_t *in, size_t len, size_t max, size_t *got)
{
	if (x->zstd)
		return pod_zstd_unpack(x->unzstd, in, len, x->plain, max, got);
	return (x->format == POD_DISKFILE_VMDK ? pod_inflate_zlib : pod_inflate_raw)(x->inflate, in, len, x->plain, max, got);
}

/* The cluster that byte `in` of the part is in, as x->plain. */
static enum pod_status unpack(struct pod_foreign *x, struct pod_foreign_part *p, uint64_t in)
{
	uint64_t size = 1ull << p->cluster_shift, start = in & ~(size - 1);
	struct pod_cell c = {.units = 1};
	size_t got = 0;
	if (x->plain_at == p->start_bytes + start + 1)
		return POD_OK;
	x->plain_at = 0;
	POD_TRY(unpack_buffers(x));
	POD_TRY(p->lookup(p, start >> p->unit_shift, &c));
	uint64_t end = p->file->dev->size_bytes, want = pod_min_u64(size, p->length_bytes - start);
	if (!c.packed || c.off >= end)
		return foreign_bad(p, "cluster beyond the end of the file", c.off);
	size_t len = (size_t)pod_min_u64(pod_min_u64(c.len, 2 * size), end - c.off), skip = 0;
	POD_TRY(pod_dev_read(p->file->dev, c.off, x->packed, len));
	if (p->markers) {
		/* The grain's first sector, the length, the stream. */
		if (len < 12 || pod_get_le64(x->packed) != start >> 9 || pod_get_le32(x->packed + 8) > len - 12)
			return foreign_bad(p, "marker of a compressed grain", c.off);
		skip = 12;
		len = 12 + pod_get_le32(x->packed + 8);
	}
	enum pod_status st = unpack_bytes(x, x->packed + skip, len - skip, (size_t)size, &got);
	/* qcow2 packs whole clusters; the last grain of a VMDK ends with the disk. */
	if (st != POD_OK || got < want)
		return foreign_bad(p, "compressed cluster", c.off);
	memset(x->plain + got, 0, (size_t)size - got);
	x->plain_at = p->start_bytes + start + 1;
	return POD_OK;
}

static enum pod_status read_packed(struct pod_foreign *x, uint64_t off, uint8_t *buf, size_t len)
{
	while (len) {
		struct pod_foreign_part *p = part_at(x, off);
		if (!p->lookup)
			return POD_E_RANGE;
		uint64_t in = off - p->start_bytes, at = in & ((1ull << p->cluster_shift) - 1);
		size_t n = (size_t)pod_min_u64(pod_min_u64(len, (1ull << p->cluster_shift) - at), p->length_bytes - in);
		POD_TRY(unpack(x, p, in));
		memcpy(buf, x->plain + at, n);
		off += n, buf += n, len -= n;
	}
	return POD_OK;
}

static enum pod_status dev_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct pod_foreign *x = d->ctx;
	uint8_t *to = buf;
	if (off >= POD_FOREIGN_PACKED)
		return read_packed(x, off - POD_FOREIGN_PACKED, to, len);
	while (len) {
		struct pod_vfile *file;
		uint64_t n = len, at;
		POD_TRY(pod_foreign_place(x, off, &n, &file, &at));
		POD_TRY(pod_dev_read(file->dev, at, to, (size_t)n));
		off += n, to += n, len -= (size_t)n;
	}
	return POD_OK;
}

/* --- check ---------------------------------------------------------------------------------------------- */

struct checking {
	pod_vhd_finding *found;
	void *ctx;
	struct pod_vhd_check *out;
	uint64_t *at; /* where clusters begin; NULL: they are only counted */
	size_t n;
};

static void finding(struct checking *k, const char *what, uint64_t off, uint64_t block)
{
	k->out->errors++;
	k->found(k->ctx, what, off, block, false);
}

static void look_at(struct checking *k, struct pod_foreign_part *p, uint64_t unit, const struct pod_cell *c)
{
	uint64_t size = 1ull << p->cluster_shift, units = size >> p->unit_shift, inside = (unit & (units - 1)) << p->unit_shift;
	uint64_t end = p->file->dev->size_bytes;
	if (!k->at && c->off - inside >= end)
		finding(k, "cluster beyond the end of the file", c->off, unit);
	/* Of a cluster in several units, the first that is kept stands for it. */
	if (c->packed || c->off - inside >= end || (k->at && k->n && k->at[k->n - 1] == c->off - inside && inside))
		return;
	if (k->at)
		k->at[k->n] = c->off - inside;
	k->n++;
}

/* Every unit of a part, once to count, once more to keep where they lie. */
static enum pod_status walk(struct checking *k, struct pod_foreign_part *p)
{
	uint64_t units = (p->length_bytes + (1ull << p->unit_shift) - 1) >> p->unit_shift;
	bool first = !k->at;
	for (uint64_t u = 0; u < units;) {
		struct pod_cell c = {.units = 1};
		enum pod_status st = p->lookup(p, u, &c);
		if (st == POD_E_CORRUPT && first)
			finding(k, p->bad, p->bad_bytes, u);
		else if (st != POD_OK && st != POD_E_CORRUPT)
			return st;
		if (st == POD_OK && c.kind == POD_RUN_DATA) {
			look_at(k, p, u, &c);
			k->out->blocks_present += first;
		}
		/* A walk costs what it costs, but can be ended. */
		if (!(u & 4095))
			POD_TRY(pod_budget_spend(p->file->dev->budget, 1, 0));
		u += st == POD_OK ? c.units : 1;
	}
	return POD_OK;
}

static enum pod_status check_part(struct checking *k, struct pod_alloc *a, struct pod_foreign_part *p)
{
	k->n = 0;
	POD_TRY(walk(k, p));
	if (k->n > CHECKED_MAX)
		return POD_E_LIMIT;
	if (!k->n)
		return POD_OK;
	k->at = a->alloc(a, k->n * sizeof *k->at);
	if (!k->at)
		return POD_E_NOMEM;
	k->n = 0;
	enum pod_status st = walk(k, p);
	if (st == POD_OK)
		pod_sort_u64(k->at, k->n);
	for (size_t i = 1; i < k->n && st == POD_OK; i++)
		if (k->at[i] - k->at[i - 1] < 1ull << p->cluster_shift)
			finding(k, "clusters overlap", k->at[i], i);
	k->out->file_used_bytes += (uint64_t)k->n << p->cluster_shift;
	pod_free(a, k->at);
	k->at = NULL;
	return st;
}

enum pod_status pod_foreign_check(struct pod_foreign *x, pod_vhd_finding *found, void *ctx, struct pod_vhd_check *out)
{
	struct checking k = {.found = found, .ctx = ctx, .out = out};
	memset(out, 0, sizeof *out);
	if (x->damaged)
		finding(&k, "marked as damaged by the program that wrote it", 0, 0);
	for (size_t i = 0; i < x->parts; i++) {
		struct pod_foreign_part *p = &x->part[i];
		struct pod_run r;
		if (p->lookup)
			POD_TRY(check_part(&k, x->alloc, p));
		else if (run_flat(p, 0, p->length_bytes, &r) != POD_OK)
			finding(&k, p->bad, p->flat_bytes, i);
	}
	return POD_OK;
}

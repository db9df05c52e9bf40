/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/vhd/chain.h"
#include "core/base/mem.h"
#include "core/base/str.h"

/* --- who owns what -------------------------------------------------------------------------------------- */

#define GRANULE_SHIFT 18u /* 256 KiB */
#define OWNERS	      64u /* of 4 KiB each */
#define OWNER_SHIFT   12u
enum { OWNER_ZERO = 0xfe, OWNER_MIXED = 0xff };

/* Only chains of some depth are worth it; short ones are asked directly. */
static enum pod_status owners_init(struct pod_chain *c, const struct pod_chain_options *opt)
{
	uint64_t want = (c->member[0]->size_bytes >> GRANULE_SHIFT) + 1;
	uint32_t max = opt->top.cache_pages ? opt->top.cache_pages : 65536, n = 16;
	if (c->depth < 3)
		return POD_OK;
	while (n < want && n < max)
		n *= 2;
	c->granule = pod_zalloc(c->alloc, n, sizeof *c->granule);
	c->owner = c->alloc->alloc(c->alloc, (size_t)n * OWNERS);
	c->granules = n;
	return c->granule && c->owner ? POD_OK : POD_E_NOMEM;
}

static void owners_forget(struct pod_chain *c, uint64_t off, uint64_t len)
{
	if (!c->granules || !len)
		return;
	uint64_t first = off >> GRANULE_SHIFT, last = (off + len - 1) >> GRANULE_SHIFT;
	for (uint64_t g = first; g <= last && g - first < c->granules; g++)
		c->granule[g & (c->granules - 1)] = 0;
}

static enum pod_status owners_fill(struct pod_chain *c, uint64_t g)
{
	uint32_t slot = (uint32_t)g & (c->granules - 1);
	uint8_t *owner = c->owner + (size_t)slot * OWNERS;
	uint64_t start = g << GRANULE_SHIFT, end = pod_min_u64(start + (1u << GRANULE_SHIFT), c->dev.size_bytes);
	c->granule[slot] = 0;
	memset(owner, OWNER_MIXED, OWNERS);
	for (uint64_t off = start; off < end;) {
		struct pod_chain_run r;
		POD_TRY(pod_chain_run_below(c, 0, off, end - off, &r));
		uint32_t from = (uint32_t)((off - start + (1u << OWNER_SHIFT) - 1) >> OWNER_SHIFT);
		uint32_t to = (uint32_t)((off + r.len - start) >> OWNER_SHIFT);
		uint8_t who = r.kind == POD_RUN_ZERO ? OWNER_ZERO : r.member < OWNER_ZERO ? (uint8_t)r.member : OWNER_MIXED;
		for (; from < to; from++)
			owner[from] = who;
		off += r.len;
	}
	c->granule[slot] = g + 1;
	return POD_OK;
}

/* The owner of the 4 KiB at `off`, and how many bytes from `off` on it owns in this granule. */
static enum pod_status owner_at(struct pod_chain *c, uint64_t off, uint8_t *who, uint64_t *len)
{
	uint64_t g = off >> GRANULE_SHIFT;
	uint32_t slot = (uint32_t)g & (c->granules - 1), i = (uint32_t)(off >> OWNER_SHIFT) & (OWNERS - 1), k = i;
	if (c->granule[slot] != g + 1)
		POD_TRY(owners_fill(c, g));
	const uint8_t *owner = c->owner + (size_t)slot * OWNERS;
	uint64_t want = *len, have = (1u << OWNER_SHIFT) - (off & ((1u << OWNER_SHIFT) - 1));
	*who = owner[i];
	while (have < want && ++k < OWNERS && owner[k] == *who)
		have += 1u << OWNER_SHIFT;
	*len = pod_min_u64(have, want);
	return POD_OK;
}

/* --- opening -------------------------------------------------------------------------------------------- */

static enum pod_status push(struct pod_chain *c, struct pod_member *l)
{
	void *v = c->member;
	size_t cap = c->cap;
	enum pod_status st = pod_grow(c->alloc, &v, c->depth, &cap, c->depth + 1, sizeof *c->member, POD_CHAIN_DEPTH_MAX);
	c->member = v;
	c->cap = (unsigned)cap;
	if (st == POD_OK)
		c->member[c->depth++] = l;
	return st;
}

static enum pod_status open_member(struct pod_chain *c, struct pod_vfile *f, const struct pod_member_options *opt,
				   struct pod_diag *diag)
{
	for (unsigned i = 0; i < c->depth; i++)
		if (c->member[i]->file == f || (c->member[i]->file->id[0] == f->id[0] && c->member[i]->file->id[1] == f->id[1]))
			return pod_fail(diag, POD_E_CORRUPT, "parent chain is a loop", 0, c->depth, i);
	struct pod_member *l = c->alloc->alloc(c->alloc, sizeof *l);
	if (!l)
		return POD_E_NOMEM;
	enum pod_status st = pod_member_open(l, f, c->alloc, opt, diag), ignored = POD_OK;
	if (st == POD_OK && c->depth)
		st = pod_member_linked(c->member[c->depth - 1], l, diag);
	if (st == POD_OK)
		st = push(c, l);
	if (st != POD_OK) {
		ignored = pod_member_close(l);
		(void)ignored;
		pod_free(c->alloc, l);
	}
	return st;
}

/* Which of two failures says more: "not found" says least. */
static enum pod_status worse(enum pod_status a, enum pod_status b)
{
	return a == POD_E_NOT_FOUND ? b : a;
}

/* How the files that the top one names are opened. */
static struct pod_member_options inherited(const struct pod_chain *c, const struct pod_member_options *top)
{
	return (struct pod_member_options){
		.env = top->env, .cache_pages = top->cache_pages, .follow = top->follow, .opener = c->opener};
}

/* A qcow2 may say what its backing file is, and may stand on a raw one; else content and name tell, as of the top file. */
static enum pod_status parent_format(const struct pod_member *child, struct pod_vfile *f, const char *path,
				     enum pod_diskfile *format, struct pod_diag *diag)
{
	*format = POD_DISKFILE_NONE;
	if (!pod_member_is_foreign(child->kind))
		return POD_OK;
	return pod_diskfile_decide(f->dev, child->u.foreign.parent_format, pod_diskfile_of_name(path), format, diag);
}

static enum pod_status open_parent(struct pod_chain *c, const struct pod_chain_options *opt, struct pod_diag *diag)
{
	struct pod_member *child = c->member[c->depth - 1];
	struct pod_member_options lo = inherited(c, &opt->top);
	struct pod_diag first = {0};
	enum pod_status result = POD_E_NOT_FOUND;
	if (c->depth == POD_CHAIN_DEPTH_MAX)
		return pod_fail(diag, POD_E_LIMIT, "files on top of each other", 0, POD_CHAIN_DEPTH_MAX, POD_CHAIN_DEPTH_MAX + 1);
	for (unsigned k = 0; k < POD_PARENT_PATHS && c->opener; k++) {
		const char *path = pod_member_parent_path(child, (enum pod_parent_path)k);
		struct pod_vfile *f = NULL;
		struct pod_diag d = {0};
		if (!path)
			continue;
		enum pod_status st = c->opener->open(c->opener, child->file, (enum pod_parent_path)k, path, &f);
		if (st == POD_OK) {
			st = parent_format(child, f, path, &lo.format, &d);
			if (st == POD_OK)
				st = open_member(c, f, &lo, &d);
			if (st == POD_OK)
				return POD_OK;
			c->opener->close(c->opener, f);
		}
		if (opt->failed_path && (result == POD_E_NOT_FOUND || !*opt->failed_path))
			pod_strlcpy(opt->failed_path, path, opt->failed_path_size);
		if (result == POD_E_NOT_FOUND)
			first = d;
		result = worse(result, st);
		if (st == POD_E_NOMEM)
			break;
	}
	if (result == POD_E_NOT_FOUND)
		return pod_fail(diag, result, "parent image", 0, 1, 0);
	if (diag)
		*diag = first;
	return result == POD_E_FORMAT ? pod_fail(diag, POD_E_UNSUPPORTED, "parent of another format", 0, (uint64_t)child->kind,
						 (uint64_t)POD_MEMBER_RAW)
				      : result;
}

static enum pod_status chain_read(struct pod_dev *d, uint64_t off, void *buf, size_t len);
static enum pod_status chain_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len);
static enum pod_status chain_flush(struct pod_dev *d);

enum pod_status pod_chain_open(struct pod_chain *c, struct pod_vfile *file, struct pod_alloc *a, struct pod_chain_opener *opener,
			       const struct pod_chain_options *opt, struct pod_diag *diag)
{
	memset(c, 0, sizeof *c);
	c->alloc = a;
	c->opener = opener;
	if (opt->failed_path)
		*opt->failed_path = '\0';
	struct pod_member_options first = opt->top;
	first.opener = opener;
	first.failed_path = opt->failed_path;
	first.failed_path_size = opt->failed_path_size;
	enum pod_status st = open_member(c, file, &first, diag);
	/* Further down it is hidden by the child that was being merged. */
	if (st == POD_OK && !opt->half_merged && c->member[0]->kind == POD_MEMBER_VHDX && c->member[0]->u.vhdx.merging)
		st = pod_fail(diag, POD_E_CORRUPT, POD_HALF_MERGED, c->member[0]->u.vhdx.meta_off, 0, 1);
	while (st == POD_OK && c->broken == POD_OK && c->member[c->depth - 1]->has_parent) {
		st = open_parent(c, opt, diag);
		if (opt->partial && st != POD_E_NOMEM && st != POD_E_CANCELLED) {
			c->broken = st;
			st = POD_OK;
		}
	}
	if (st == POD_OK)
		st = owners_init(c, opt);
	if (st == POD_OK && opt->top.writable) {
		c->sector = a->alloc(a, 4096);
		st = c->sector ? POD_OK : POD_E_NOMEM;
	}
	if (st != POD_OK) {
		enum pod_status ignored = pod_chain_close(c);
		(void)ignored;
		return st;
	}
	struct pod_member *top = c->member[0];
	c->dev = (struct pod_dev){.size_bytes = top->size_bytes,
				  .sector_size = top->sector_size < 512 ? 512 : top->sector_size,
				  .read_only = !opt->top.writable,
				  .read = chain_read,
				  .write = opt->top.writable ? chain_write : NULL,
				  .flush = opt->top.writable ? chain_flush : NULL,
				  .ctx = c,
				  .budget = file->dev->budget};
	return POD_OK;
}

enum pod_status pod_chain_close(struct pod_chain *c)
{
	enum pod_status result = POD_OK;
	for (unsigned i = 0; i < c->depth; i++) {
		struct pod_vfile *f = c->member[i]->file;
		enum pod_status st = pod_member_close(c->member[i]);
		if (i == 0)
			result = st;
		else
			c->opener->close(c->opener, f);
		pod_free(c->alloc, c->member[i]);
	}
	if (c->alloc) {
		pod_free(c->alloc, c->member);
		pod_free(c->alloc, c->sector);
		pod_free(c->alloc, c->granule);
		pod_free(c->alloc, c->owner);
	}
	memset(c, 0, sizeof *c);
	return result;
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* Blocks are looked up so fast that many of them are a step of the budget. */
enum { RUNS_PER_STEP = 16 };

enum pod_status pod_chain_run_below(struct pod_chain *c, unsigned first, uint64_t off, uint64_t len, struct pod_chain_run *out)
{
	for (unsigned i = first; i < c->depth; i++) {
		struct pod_member *l = c->member[i];
		struct pod_run r;
		if (off >= l->size_bytes)
			break; /* behind the end of a shorter parent */
		if (c->runs++ % RUNS_PER_STEP == 0)
			POD_TRY(pod_budget_spend(c->member[0]->file->dev->budget, 1, 0));
		POD_TRY(pod_member_run(l, off, pod_min_u64(len, l->size_bytes - off), &r));
		len = r.len;
		if (r.kind == POD_RUN_PARENT)
			continue;
		*out = (struct pod_chain_run){r.kind, i, r.file_off, len};
		return POD_OK;
	}
	*out = (struct pod_chain_run){POD_RUN_ZERO, 0, 0, len};
	return POD_OK;
}

enum pod_status pod_chain_changed(struct pod_chain *c, unsigned since, uint64_t off, uint64_t len, bool *changed, uint64_t *out)
{
	if (!len || !pod_in_range(off, len, c->dev.size_bytes) || since >= c->depth)
		return POD_E_RANGE;
	*changed = false;
	for (unsigned i = 0; i < since && !*changed; i++) {
		struct pod_member *l = c->member[i];
		struct pod_run r;
		if (off >= l->size_bytes) { /* zeros from here on, whatever is below */
			*changed = off < c->member[since]->size_bytes;
			break;
		}
		POD_TRY(pod_member_run(l, off, pod_min_u64(len, l->size_bytes - off), &r));
		len = r.len;
		*changed = r.kind != POD_RUN_PARENT;
	}
	*out = len;
	return POD_OK;
}

enum pod_status pod_chain_run(struct pod_chain *c, uint64_t off, uint64_t len, struct pod_chain_run *out)
{
	uint8_t who;
	struct pod_run r;
	if (!len || !pod_in_range(off, len, c->dev.size_bytes))
		return POD_E_RANGE;
	/* A long piece is asked for as a whole: it costs no more, and comes in fewer parts. */
	if (!c->granules || len >= 1u << GRANULE_SHIFT)
		return pod_chain_run_below(c, 0, off, len, out);
	uint64_t n = len;
	POD_TRY(owner_at(c, off, &who, &n));
	if (who == OWNER_MIXED)
		return pod_chain_run_below(c, 0, off, n, out);
	*out = (struct pod_chain_run){POD_RUN_ZERO, 0, 0, n};
	if (who == OWNER_ZERO)
		return POD_OK;
	POD_TRY(pod_member_run(c->member[who], off, n, &r));
	if (r.kind != POD_RUN_DATA)
		return pod_chain_run_below(c, 0, off, n, out);
	*out = (struct pod_chain_run){POD_RUN_DATA, who, r.file_off, r.len};
	return POD_OK;
}

static enum pod_status chain_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct pod_chain *c = d->ctx;
	uint8_t *p = buf;
	while (len) {
		struct pod_chain_run r;
		POD_TRY(pod_chain_run(c, off, len, &r));
		size_t n = (size_t)r.len;
		if (r.kind == POD_RUN_ZERO)
			memset(p, 0, n);
		else
			POD_TRY(pod_dev_read(c->member[r.member]->dev, r.file_off, p, n));
		off += n, p += n, len -= n;
	}
	return POD_OK;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* Part of one sector: the rest of it comes from wherever it is now. `src` NULL: zeros. */
static enum pod_status write_part(struct pod_chain *c, uint64_t off, const void *src, size_t len)
{
	uint32_t size = c->member[0]->sector_size, in = (uint32_t)off & (size - 1);
	POD_TRY(chain_read(&c->dev, off - in, c->sector, size));
	if (src)
		memcpy(c->sector + in, src, len);
	else
		memset(c->sector + in, 0, len);
	return pod_member_write(c->member[0], off - in, c->sector, size);
}

static enum pod_status change(struct pod_chain *c, uint64_t off, const uint8_t *src, uint64_t len)
{
	uint32_t size = c->member[0]->sector_size;
	owners_forget(c, off, len);
	while (len) {
		uint32_t in = (uint32_t)off & (size - 1);
		uint64_t n = len & ~(uint64_t)(size - 1);
		if (in || !n) {
			n = pod_min_u64(len, size - in);
			POD_TRY(write_part(c, off, src, (size_t)n));
		} else if (src) {
			POD_TRY(pod_member_write(c->member[0], off, src, (size_t)n));
		} else {
			POD_TRY(pod_member_trim(c->member[0], off, n));
		}
		off += n, len -= n;
		src = src ? src + n : NULL;
	}
	return POD_OK;
}

static enum pod_status changed(struct pod_chain *c, uint64_t off, const uint8_t *src, uint64_t len)
{
	enum pod_status st = change(c, off, src, len);
	/* Reading the rest of a sector may have looked the granule up meanwhile. */
	owners_forget(c, off, len);
	return st;
}

static enum pod_status chain_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	return changed(d->ctx, off, buf, len);
}

static enum pod_status chain_flush(struct pod_dev *d)
{
	struct pod_chain *c = d->ctx;
	return pod_member_flush(c->member[0]);
}

enum pod_status pod_chain_trim(struct pod_chain *c, uint64_t off, uint64_t len)
{
	if (c->dev.read_only)
		return POD_E_READONLY;
	if (!pod_in_range(off, len, c->dev.size_bytes))
		return POD_E_RANGE;
	return changed(c, off, NULL, len);
}

enum pod_status pod_chain_grow(struct pod_chain *c, uint64_t size)
{
	/* A longer parent's tail, hidden so far, must not come to light. */
	uint64_t old = c->dev.size_bytes;
	if (c->dev.read_only)
		return POD_E_READONLY;
	for (unsigned i = 1; i < c->depth; i++)
		if (c->member[i]->size_bytes > old)
			return POD_E_UNSUPPORTED;
	owners_forget(c, old - 1, 1);
	POD_TRY(pod_member_grow(c->member[0], size));
	c->dev.size_bytes = size;
	return POD_OK;
}

enum pod_status pod_chain_shrink(struct pod_chain *c, uint64_t size)
{
	if (c->dev.read_only)
		return POD_E_READONLY;
	if (c->depth > 1)
		return POD_E_INVALID;
	POD_TRY(pod_dev_flush(&c->dev));
	POD_TRY(pod_member_shrink(c->member[0], size));
	c->dev.size_bytes = size;
	return POD_OK;
}
